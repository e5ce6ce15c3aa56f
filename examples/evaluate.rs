//! How good is a model, for whom, and can it be trusted? From a split without leaks to a report of one page.
//!
//! The question: will more than 300 bicycles be rented in this hour? Learned from January to August 2011, asked from
//! September on. The table has numbers, truth values and categories, and cells are missing in it; what fills and encodes them is a
//! part of the model, so every fold learns it from its own rows.

use std::path::{Path, PathBuf};

use perennial::core::{BoxClassifierEstimator, Explainer};
use perennial::data::samples;
use perennial::evaluation::explain::{Grid, Score, partial_dependence};
use perennial::evaluation::metric::{LogLoss, RocAuc};
use perennial::evaluation::split::{TimeSeriesSplit, time_train_test};
use perennial::evaluation::{
    ColumnChange, ComparisonOptions, CrossValidation, Diagnosis, Explained, IntervalOptions, LeakageScan,
    Report, ReportOptions, Slices, Tabular, charts, compare, cross_validate, learning_curve,
};
use perennial::models::{DummyClassifier, GradientBoostingClassifier, LogisticRegression};
use perennial::numeric::random::Random;
use perennial::prelude::*;
use perennial::preprocessing::{
    Columns, OneHotEncoder, OrdinalEncoder, PassThrough, SimpleImputer, StandardScaler, categorical, numeric,
};
use perennial::reporting::Block;

const FEATURES: [&str; 8] =
    ["hour", "temperature", "humidity", "wind_speed", "weekday", "working_day", "holiday", "weather"];

fn main() -> Result<()> {
    let table = samples::bikeshare()?;
    let rented = table.values("bikers")?;
    let busy = rented.as_slice().iter().map(|bikers| u32::from(*bikers > 300.0)).collect();
    // The second of two classes is the one to find.
    let busy = Classes::new(busy, ["calm", "busy"].map(String::from).to_vec())?;
    let table = with_gaps(&table.select(&FEATURES)?)?;

    // The rows are in the order of time: the last third is tested on, and never learned from.
    let times: Vec<i64> = (0..table.n_rows() as i64).collect();
    let split = time_train_test(&times, 0.33)?;
    let (train, test) = (table.take(&split.train)?, table.take(&split.test)?);
    let (train_y, truth) = (busy.take(&split.train)?, busy.take(&split.test)?);

    // Does a column know the answer? A scan of the rows to learn from, before anything is learned.
    let leakage = LeakageScan::new().scan(&train, &train_y, &Context::new())?;

    // Boosting takes missing cells as they are; a line needs them filled, and learns that they were missing.
    let boosting = Columns::new()
        .on(numeric(), PassThrough::new())
        .on(categorical(), OrdinalEncoder::new())
        .then(GradientBoostingClassifier::new().n_trees(150).learning_rate(0.05));
    let logistic = Columns::new()
        .on(numeric(), SimpleImputer::median().indicator(true).then(StandardScaler::new()))
        .on(categorical(), OneHotEncoder::new())
        .then(LogisticRegression::new());
    let model = boosting.fit(&train, &train_y)?;
    let said = model.predict_proba(&test)?;

    // Against simpler answers, on the same rows. Hours of a day are alike, so days are drawn whole.
    let interval = IntervalOptions::new().blocks(24).replicates(400);
    let options = ComparisonOptions::new().interval(interval.clone());
    let simple = logistic.fit(&train, &train_y)?.predict_proba(&test)?;
    let gain = compare(&LogLoss, &truth, &simple, &said, &options)?;

    // Folds of the training rows, each tested on what comes after it, and what the usual mistakes would leave behind.
    let folds = TimeSeriesSplit::new(4);
    let validation = CrossValidation::new().with_train_scores(true);
    let score = |estimator: &BoxClassifierEstimator<Table, Classes>| {
        cross_validate(estimator, &train, &train_y, &folds, &RocAuc::new(), &validation)
    };
    let dummy = Columns::new().on(numeric(), PassThrough::new()).drop_rest().then(DummyClassifier::new());
    let times: [Vec<i64>; 2] =
        [&split.train, &split.test].map(|rows| rows.iter().map(|&row| row as i64).collect());
    let diagnosis = Diagnosis::new()
        .against(&score(&boosting.clone().boxed_classifier())?, &score(&dummy.boxed_classifier())?)?
        .classes(&train_y)
        .features(&model.first().transform(&train)?)?
        .times(&times[0], &times[1])
        .search(&[], &["learning_rate", "max_leaves"]);

    // Would more rows help?
    let grown = learning_curve(
        &boosting,
        &train,
        &train_y,
        &TimeSeriesSplit::new(2),
        &RocAuc::new(),
        &[0.1, 0.25, 0.5, 1.0],
        &CrossValidation::new(),
    )?;

    // For whom is it worse?
    let weather = test.column("weather")?;
    let weather: Vec<String> =
        weather.as_text()?.map(|cell| cell.unwrap_or("not written down").to_owned()).collect();

    // How does the answer move with the hour?
    let score = Score::probability(&model, "busy");
    let by_hour = partial_dependence(&score, &test, "hour", &Grid::default(), &Context::new())?;

    // What each feature added, in the columns that the trees see.
    let seen_by_trees = model.first().transform(&test)?;
    let contributions = model.next().booster().explain(&seen_by_trees)?;

    let options = ReportOptions::new()
        .interval(interval)
        .slices(Slices::new().by("weather", &weather))
        .severities([0.0, 0.1, 0.25, 0.5, 1.0])
        .diagnosis(diagnosis);
    let report = Report::of_classifier("Will this hour be busy?", &model, &test, &truth, &options)?
        .comparison("a logistic regression", gain)
        .leakage(leakage)
        .curve(grown)
        .explained(Explained::new(&contributions, 0, &seen_by_trees)?)
        .picture(charts::partial_dependence(&by_hour))
        .note(
            "Learned from January to August 2011, tested on the rest of the year; intervals of scores and of the comparison draw whole days.",
        );
    println!("{report}");
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/evaluate"), PathBuf::from);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::io(format!("cannot make `{}`", folder.display()), error))?;
    save(&folder, "evaluate.html", &report.to_html())?;
    save(&folder, "evaluate.json", &serde_json::to_string(&report).map_err(Error::other)?)?;
    // The pictures of the page, each alone.
    for block in report.to_document().blocks {
        if let Block::Chart(chart) = block
            && let Some((_, name)) = PICTURES.iter().find(|(title, _)| chart.title.starts_with(title))
        {
            save(&folder, &format!("evaluate-{name}.svg"), &chart.to_svg())?;
        }
    }
    Ok(())
}

/// As instruments fail: some readings are missing, and the weather of some hours nobody wrote down.
fn with_gaps(table: &Table) -> Result<Table> {
    let random = Random::new(7);
    let gaps = [("humidity", 0.05), ("wind_speed", 0.1), ("weather", 0.05)].map(|(name, share)| {
        let mut random = random.stream(name);
        let missing = (0..table.n_rows()).map(|_| random.uniform() < share).collect();
        let column = FEATURES.iter().position(|other| *other == name).unwrap_or_default();
        (column, ColumnChange::Missing(missing))
    });
    table.changed(&gaps)
}

const PICTURES: [(&str, &str); 7] = [
    ("ROC curve", "roc"),
    ("Do probabilities", "calibration"),
    ("roc_auc by share", "learning"),
    ("How much the model", "importances"),
    ("What if", "stress"),
    ("What features add", "beeswarm"),
    ("How the answer for row", "waterfall"),
];

fn save(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    perennial::core::write_atomic(&path, text.as_bytes())?;
    println!("{}", path.display());
    Ok(())
}
