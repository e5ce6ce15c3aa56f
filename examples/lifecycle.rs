//! The whole lifecycle on one real case: the next hour's bike rentals, from the definition of the problem to a
//! monitored, documented model. Everything it writes is linked from `target/lifecycle/index.html`.

#[path = "lifecycle/candidates.rs"]
mod candidates;
#[path = "lifecycle/data.rs"]
mod data;
#[path = "lifecycle/evaluation.rs"]
mod evaluation;
#[path = "lifecycle/progress.rs"]
mod progress;
#[path = "lifecycle/serving.rs"]
mod serving;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use perennial::core::write_atomic;
use perennial::data::{Contract, Table, content_hash};
use perennial::deployment::{Artifact, Metric as Measured, Server};
use perennial::documentation::ModelCard;
use perennial::evaluation::metric::{MeanAbsoluteError, Metric as _};
use perennial::evaluation::split::TimeSeriesSplit;
use perennial::evaluation::{
    ComparisonOptions, CrossValidation, LeakageScan, Verdict as Better, compare_folds, cross_validate,
};
use perennial::explore::profile;
use perennial::monitoring::{DriftTest, ErrorBaseline, Monitor, Reference};
use perennial::prelude::*;
use perennial::problem::{ProblemSpec, Verdict};
use perennial::reporting::{Document, Level, format_number};
use perennial::tracking::{Goal, Store};
use perennial::tuning::{RandomSearch, Search, Space, Study, Trial, TrialRecord, Tuning};

use candidates::Rentals;
use evaluation::Evaluated;
use progress::Bar;

const SEED: u64 = 2011;
const NAME: &str = "bike-rentals";
/// What is known an hour before, and watched in production.
const WATCHED: [&str; 5] = ["temperature", "humidity", "wind_speed", "weather", "last_hour"];

fn main() -> Result<()> {
    let start = Instant::now();
    let folder = Path::new("target/lifecycle");
    fs::create_dir_all(folder)
        .map_err(|error| Error::io("cannot make the folder target/lifecycle", error))?;
    let write = |name: &str, text: &str| write_atomic(folder.join(name), text.as_bytes());

    say(1, "The problem");
    let spec = ProblemSpec::from_toml(include_str!("lifecycle/problem.toml"))?;
    println!("   {}: {}", spec.name(), spec.facts()[0].1);
    for criterion in spec.success() {
        println!("   success: {criterion}");
    }

    say(2, "The data");
    let all = data::load()?;
    let scope = spec.in_scope(&all)?;
    for (condition, excluded) in &scope.excluded {
        println!("   scope `{condition}` leaves out {excluded} of {} hours", all.n_rows());
    }
    let all = all.filter(&scope.inside)?;
    for (assumption, state) in spec.check_assumptions(&all)? {
        println!("   assumed: {assumption} ({state:?})");
    }
    let (train, test, weeks) = data::by_time(&all)?;
    println!(
        "   {} hours to learn from, {} to evaluate on, {} weeks of production after them",
        train.n_rows(),
        test.n_rows(),
        weeks.len()
    );
    println!("   content hash of the training rows: {}", &content_hash(&train)[..16]);

    say(3, "The contract");
    let contract = Contract::infer(&train.select(&WATCHED)?);
    match contract.enforce(&test.select(&WATCHED)?) {
        Ok(()) => println!("   the evaluation rows keep the contract of the training rows"),
        Err(error) => println!("   the evaluation rows differ: {error}"),
    }

    say(4, "A first look");
    let profile = profile(&train)?;
    write("profile.html", &profile.to_html("The training rows"))?;
    for alert in profile.alerts.iter().take(4) {
        println!("   {} {}", alert.column.as_deref().unwrap_or("the table"), alert.message);
    }

    say(5, "What gives the answer away");
    let looked_at = |table: &Table| table.drop(&[spec.target()])?.coded();
    let y = train.values(spec.target())?;
    let scan = LeakageScan::new().scan(&looked_at(&train)?, &y, &Context::new())?;
    if let Err(error) = scan.enforce() {
        println!("   stopped: {error}");
    }
    let leaks: Vec<String> = scan.columns().into_iter().map(str::to_owned).collect();
    let inputs = |table: &Table| table.drop(&[leaks.clone(), vec![spec.target().to_owned()]].concat());
    LeakageScan::new().scan(&looked_at(&train.drop(&leaks)?)?, &y, &Context::new())?.enforce()?;
    println!("   without {} nothing does", leaks.join(" and "));
    let x = inputs(&train)?;
    let (x_test, y_test) = (inputs(&test)?, test.values(spec.target())?);

    say(6, "Candidates, from the simplest up");
    let times = data::times(&train)?;
    let folds = TimeSeriesSplit::new(4);
    let options = CrossValidation::new().times(&times);
    let field: [(&str, Rentals); 5] = [
        ("always the mean", candidates::mean()),
        ("yesterday, scaled", candidates::yesterday()),
        ("ridge", candidates::ridge(1.0)),
        ("tree", candidates::tree()),
        ("boosting", candidates::boosting(31, 20, 0.1)),
    ];
    for (name, candidate) in &field {
        let scored = cross_validate(candidate, &x, &y, &folds, &MeanAbsoluteError, &options)?;
        println!("   {name:<18} mean absolute error {}", scored.interval(0.95)?);
    }

    say(7, "Tuning the boosting");
    let store = Store::open(folder.join("runs.db"))?;
    let study = tune(&x, &y, &times, &folds, &store)?;
    for warning in study.warnings() {
        println!("   {warning}");
    }
    // Of settings that cross-validation cannot tell apart, those with the smallest trees.
    let chosen = study.simplest_within_one_se(|trial| Ok(trial.count("max_leaves")? as f64))?;
    println!("   {} trials; the simplest among the best: {}", study.trials().len(), settings(&chosen.trial));
    // It must earn its place: the ridge is simpler.
    let (boosting, ridge) = (boosting_of(&chosen.trial)?, candidates::ridge(1.0));
    let scored =
        |candidate: &Rentals| cross_validate(candidate, &x, &y, &folds, &MeanAbsoluteError, &options);
    let comparison =
        compare_folds(&scored(&ridge)?, &scored(&boosting)?, &ComparisonOptions::new().equivalence(1.0))?;
    println!("   boosting against the ridge: {comparison}");
    let (name, parameters, pipeline) = match comparison.verdict {
        Better::Better => ("boosting", settings(&chosen.trial), boosting),
        _ => ("ridge", "alpha = 1".to_owned(), ridge),
    };
    println!("   so it is: {name}");

    say(8, "The evaluation, on hours that nobody has looked at");
    let model = Train::new(&x, &y).context(Context::new().with_seed(SEED)).fit(&pipeline)?;
    let answers = model.predict(&x_test)?;
    let evaluated = Evaluated::new(&spec, &test, &y_test, &answers)?;
    println!("   the {name}: mean absolute error {}", evaluated.overall);
    for slice in evaluated.slices.slices.iter().take(3) {
        println!("   worst slice {}: {} on {} hours", slice.name, slice.interval, slice.support);
    }
    for judgement in &evaluated.judgements {
        println!("   {}: {}", judgement.criterion, judgement.verdict);
    }
    println!(
        "   an hour's errors cost {:.1} on average",
        spec.mean_cost(y_test.as_slice(), answers.as_slice())?
    );
    write("evaluation.html", &evaluated.to_document(&spec, &y_test, &answers)?.to_html())?;

    say(9, "The record");
    let run = store.start(NAME, name)?;
    run.param("model", name)?;
    run.param("settings", &parameters)?;
    run.data("train", &content_hash(&train))?;
    run.data("test", &content_hash(&test))?;
    run.metric(&MeanAbsoluteError.name(), evaluated.overall.estimate)?;
    run.artifact("study.json", study.to_json()?.as_bytes())?;
    println!(
        "   run {}: the settings and the score of {name}, hashes of what it saw, and the study",
        run.id()
    );

    say(10, "The artifact");
    // The last eight weeks: production is held against what was usual of late.
    let recent = data::days(&all, 188, 244)?;
    let reference = Reference::of(&recent.select(&WATCHED)?)?;
    let mut artifact = Artifact::regressor(NAME, &pipeline, &model, &x)?
        .version("1")
        .target(spec.target())
        .seed(SEED)
        .data("training", &train)
        .data("evaluation", &test)
        .parameter("model", name)
        .parameter("settings", &parameters)
        .section("reference", reference.to_bytes()?);
    for (field, text) in spec.facts() {
        artifact = artifact.fact(field, text);
    }
    for (field, text) in CARD {
        artifact = artifact.card(field, text);
    }
    for (slice, interval) in evaluated.measured() {
        let measured = Measured::new(MeanAbsoluteError.name(), interval.estimate);
        let measured = measured.interval(interval.low, interval.high, interval.level);
        artifact = artifact.metric(if let Some(slice) = slice { measured.slice(slice) } else { measured });
    }
    let artifact = artifact.build()?;
    let path = folder.join("bike-rentals.perennial");
    artifact.save(&path)?;
    run.artifact("model", artifact.as_bytes())?;
    run.finish()?;
    let best = store.best(NAME, &MeanAbsoluteError.name(), Goal::Lower)?.map_or(0, |best| best.id);
    println!(
        "   {} ({} bytes, {})",
        path.display(),
        artifact.as_bytes().len(),
        &artifact.content_hash()[..16]
    );
    println!("   the best run in the store is number {best}");

    say(11, "The server");
    let artifact = Artifact::load(&path)?;
    let server = Server::regressor(&artifact, &pipeline)?.bind("127.0.0.1:0").start()?;
    println!("   http://{} answers, after its golden rows came out bit for bit", server.address());
    let one = x_test.head(1);
    let answer = serving::predict(server.address(), NAME, &one)?;
    println!(
        "   one hour over HTTP: {} rentals, in process: {}",
        answer.as_slice()[0],
        model.predict(&one)?.as_slice()[0]
    );
    for (what, body) in [
        ("an empty body", ""),
        ("a column that is missing", r#"{"records": [{"hour": 8}]}"#),
        ("text for a number", r#"{"instances": [["one"]]}"#),
        ("NaN", r#"{"instances": [[NaN]]}"#),
    ] {
        let (status, answer) = serving::post(server.address(), &format!("/v1/models/{NAME}:predict"), body)?;
        let text: String = answer["error"].as_str().unwrap_or_default().chars().take(90).collect();
        println!("   {what}: {status} {text}");
    }

    say(12, "Production, week by week");
    let reference = Reference::from_bytes(artifact.section("reference")?)?;
    let baseline = ErrorBaseline::new(&MeanAbsoluteError.name(), evaluated.overall).tolerance(0.25);
    let mut monitor = Monitor::new(reference).test(DriftTest::new().least_psi(0.25)).baseline(baseline);
    let mut same = true;
    for (name, week) in &weeks {
        let rows = inputs(week)?;
        let answers = serving::predict(server.address(), NAME, &rows)?;
        same &= answers == model.predict(&rows)?;
        let truth = week.values(spec.target())?;
        let losses: Vec<f64> =
            truth.as_slice().iter().zip(answers.as_slice()).map(|(t, a)| (t - a).abs()).collect();
        let window = monitor.watch(name, &week.select(&WATCHED)?, Some(&losses))?;
        let error = window
            .error
            .as_ref()
            .and_then(|error| error.error)
            .map_or_else(String::new, |error| error.to_string());
        let most = window.drift.columns.first().map_or("", |column| column.column.as_str());
        let psi = window.drift.column("temperature").map_or(0.0, |column| column.psi);
        println!("   {name}: error {error}, temperature PSI {psi:.1}, moved most: {most}");
    }
    println!(
        "   {} weeks answered over HTTP, {}",
        weeks.len(),
        if same { "each bit as in process" } else { "NOT as in process" }
    );
    for alert in monitor.alerts() {
        let end = alert
            .closed
            .as_ref()
            .map_or_else(|| "open".to_owned(), |closed| format!("well again in {closed}"));
        println!("   {}: {}: {} ({end})", alert.raised, alert.subject, alert.reason);
    }
    server.shutdown();
    write("monitoring.html", &monitor.to_document("The model in production").to_html())?;

    say(13, "The model card");
    let card = ModelCard::from_artifact(&artifact)?;
    write("card.md", &card.to_markdown())?;
    write("card.html", &card.to_html())?;
    write("index.html", &index(&spec, &evaluated, &monitor).to_html())?;
    println!("   every number in it comes from the artifact");
    println!("\nLook at target/lifecycle/index.html ({:.1} s).", start.elapsed().as_secs_f64());
    Ok(())
}

/// What a number cannot say about the model.
const CARD: [(&str, &str); 7] = [
    (
        "description",
        "Predicts the rentals of the next hour in the whole city, from the hours before it, the calendar and the weather.",
    ),
    ("intended_use", "Planning of the station crews, one hour ahead, by people who know the city."),
    ("out_of_scope_use", "Single stations, other cities, prices, and hours of heavy rain or snow."),
    (
        "limitations",
        "Learned from January to July 2011 only; a year of growth and a winter at full size are not in it.",
    ),
    (
        "ethical_considerations",
        "No personal data. Planning by past rentals keeps well served quarters well served; look at the others too.",
    ),
    ("owner", "The planning team"),
    ("licence", "MIT OR Apache-2.0"),
];

fn say(stage: usize, what: &str) {
    println!("\n{stage:>2} {what}");
}

fn boosting_of(trial: &Trial) -> Result<Rentals> {
    let (max_leaves, min_samples_leaf) = (trial.count("max_leaves")?, trial.count("min_samples_leaf")?);
    Ok(candidates::boosting(max_leaves, min_samples_leaf, trial.real("learning_rate")?))
}

fn settings(trial: &Trial) -> String {
    trial.values().iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

/// A random search, each trial recorded as a run.
fn tune(x: &Table, y: &Values, times: &[i64], folds: &TimeSeriesSplit, store: &Store) -> Result<Study> {
    let bar = Arc::new(Bar::new("tuning"));
    let record = |trial: &TrialRecord| {
        // A trial that cannot be recorded is still a trial; the study has it.
        let _ = record_trial(store, trial);
    };
    let space = Space::new()
        .log_integer("max_leaves", 4..=64)
        .log_integer("min_samples_leaf", 5..=80)
        .log_real("learning_rate", 0.03..=0.3);
    let ctx = Context::new().with_seed(SEED).with_observer(bar.clone()).child("tuning");
    let options = Tuning::new().times(times).context(ctx).on_trial(&record);
    let build = |trial: &Trial| boosting_of(trial);
    let study = RandomSearch::new(space).n_trials(24).seed(SEED).run(
        x,
        y,
        build,
        folds,
        &MeanAbsoluteError,
        &options,
    )?;
    bar.finish();
    Ok(study)
}

fn record_trial(store: &Store, trial: &TrialRecord) -> Result<()> {
    let run = store.start("bike-rentals-tuning", &format!("trial {}", trial.trial.number()))?;
    for (name, value) in trial.trial.values() {
        run.param(name, value)?;
    }
    match trial.score {
        Some(score) => {
            run.metric(&MeanAbsoluteError.name(), score)?;
            run.finish()
        }
        None => run.fail(format!("{:?}", trial.state)),
    }
}

/// The page that links all others.
fn index(spec: &ProblemSpec, evaluated: &Evaluated, monitor: &Monitor) -> Document {
    let mut page = Document::new(spec.name());
    page.facts(spec.facts());
    let verdict = ProblemSpec::overall(&evaluated.judgements);
    let level = match verdict {
        Verdict::Pass => Level::Good,
        Verdict::Fail => Level::Problem,
        Verdict::Inconclusive => Level::Warning,
    };
    let bounds = [evaluated.overall.low, evaluated.overall.high].map(format_number).join(" to ");
    page.alert(
        level,
        format!(
            "Success: {verdict}. The mean absolute error is {} rentals an hour ({bounds}).",
            format_number(evaluated.overall.estimate)
        ),
    );
    for alert in monitor.open_alerts() {
        page.alert(
            Level::Warning,
            format!("Production: {} since {}: {}", alert.subject, alert.raised, alert.reason),
        );
    }
    page.section("Where to look");
    for (text, target) in [
        ("The training rows", "profile.html"),
        ("The evaluation", "evaluation.html"),
        ("The model in production", "monitoring.html"),
        ("The model card", "card.html"),
        ("The model card as Markdown", "card.md"),
    ] {
        page.link(text, target);
    }
    page.text(
        "The model itself is bike-rentals.perennial, and the runs are in runs.db, both in this folder.",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_an_hour_before_is_from_the_hour_before() -> Result<()> {
        let table = data::load()?;
        let cell = |name: &str, row: usize| {
            table.column(name).map(|column| column.cell(row).map(|cell| cell.into_owned()))
        };
        assert_eq!(cell("last_hour", 0)?, None);
        for row in [1, 30, 200] {
            assert_eq!(
                cell("last_hour", row)?.map(|cell| cell.parse::<f64>().ok()),
                cell("bikers", row - 1)?.map(|cell| cell.parse().ok())
            );
        }
        Ok(())
    }

    #[test]
    fn the_parts_of_the_year_do_not_overlap() -> Result<()> {
        let (train, test, weeks) = data::by_time(&data::load()?)?;
        let last = |table: &Table| Ok::<_, Error>(data::times(table)?.into_iter().max());
        let first = |table: &Table| Ok::<_, Error>(data::times(table)?.into_iter().min());
        assert!(last(&train)? < first(&test)? && last(&test)? < first(&weeks[0].1)?);
        Ok(())
    }
}
