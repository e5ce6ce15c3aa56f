//! How good is a model, for whom, and can it be trusted? From a split without leaks to a report of one page.
//!
//! The question: will more than 300 bicycles be rented in this hour? Learned from January to August 2011, asked from
//! September on.

use std::path::{Path, PathBuf};

use perennial::core::{BoxClassifierEstimator, Explainer};
use perennial::data::samples;
use perennial::evaluation::errors::{Disturbance, LabelIssues, SliceFinder, Stress};
use perennial::evaluation::explain::{Grid, Score, partial_dependence};
use perennial::evaluation::metric::{LogLoss, RocAuc};
use perennial::evaluation::split::{TimeSeriesSplit, time_train_test};
use perennial::evaluation::{
    ComparisonOptions, CrossValidation, Diagnosis, Explained, Fold, IntervalOptions, Metric,
    PermutationImportance, Report, SliceOptions, Slices, charts, compare, cross_validate, learning_curve,
    score_slices,
};
use perennial::models::{DummyClassifier, GradientBoostingClassifier, LogisticRegression};
use perennial::prelude::*;
use perennial::preprocessing::{
    Columns, OneHotEncoder, OrdinalEncoder, PassThrough, StandardScaler, categorical, numeric,
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
    let table = table.select(&FEATURES)?;

    // The rows are in the order of time: the last third is tested on, and never learned from.
    let times: Vec<i64> = (0..table.n_rows() as i64).collect();
    let split = time_train_test(&times, 0.33)?;
    let (train, test) = (table.take(&split.train)?, table.take(&split.test)?);
    let (train_y, truth) = (busy.take(&split.train)?, busy.take(&split.test)?);
    let codes = Columns::new().on(numeric(), PassThrough::new()).on(categorical(), OrdinalEncoder::new());
    let codes = codes.fit(&train, &NoTarget)?;
    let (train_x, test_x) = (codes.transform(&train)?, codes.transform(&test)?);

    let boosting = GradientBoostingClassifier::new().n_trees(150).learning_rate(0.05);
    let logistic = Columns::new()
        .on(numeric(), StandardScaler::new())
        .on(categorical(), OneHotEncoder::new())
        .then(LogisticRegression::new());
    let model = boosting.fit(&train_x, &train_y)?;
    let said = model.predict_proba(&test_x)?;

    // Against simpler answers, on the same rows. Hours of a day are alike, so days are drawn whole.
    let interval = IntervalOptions::new().blocks(24).replicates(400);
    let options = ComparisonOptions::new().interval(interval.clone());
    let simple = logistic.fit(&train, &train_y)?.predict_proba(&test)?;
    let gain = compare(&LogLoss, &truth, &simple, &said, &options)?;

    // Folds of the training rows, each tested on what comes after it.
    let folds = TimeSeriesSplit::new(4);
    let score = |estimator: &BoxClassifierEstimator<Matrix, Classes>| {
        cross_validate(estimator, &train_x, &train_y, &folds, &RocAuc::new(), &CrossValidation::new())
    };
    let validated = score(&boosting.clone().boxed_classifier())?;
    let baseline = score(&DummyClassifier::new().boxed_classifier())?;
    let seconds = |folds: &[Fold<_>]| folds.iter().map(|fold| fold.fit_seconds).sum::<f64>();
    let seen = RocAuc::new().score(&train_y, &model.predict_proba(&train_x)?)?;
    let importances = PermutationImportance::new().n_repeats(5).measure(&model, &test_x, &truth, &LogLoss)?;
    let times: [Vec<i64>; 2] =
        [&split.train, &split.test].map(|rows| rows.iter().map(|&row| row as i64).collect());
    let findings = Diagnosis::new()
        .scores(&vec![seen; validated.folds.len()], &validated.scores(), true)?
        .baseline(&baseline.scores(), seconds(&validated.folds), seconds(&baseline.folds))?
        .classes(&train_y)
        .features(&train_x)?
        .importances(&importances)
        .times(&times[0], &times[1])
        .search(&[], &["learning_rate", "max_leaves"])
        .find();

    // Would more rows help?
    let grown = learning_curve(
        &boosting,
        &train_x,
        &train_y,
        &TimeSeriesSplit::new(2),
        &RocAuc::new(),
        &[0.1, 0.25, 0.5, 1.0],
        &CrossValidation::new(),
    )?;

    // For whom is it worse?
    let weather = test.classes("weather")?;
    let slices = Slices::new().by_class("weather", &weather);
    let slices = score_slices(&LogLoss, &truth, &said, &slices, &SliceOptions::new().replicates(400))?;
    let discovered = SliceFinder::new().max_slices(6).find(&LogLoss, &truth, &said, &test_x)?;
    let ways = [Disturbance::Noise, Disturbance::Shift, Disturbance::Exchange];
    let stress =
        Stress::new(ways, [0.0, 0.1, 0.25, 0.5, 1.0]).measure(&model, &test_x, &truth, &RocAuc::new())?;

    // How does the answer move with the hour?
    let score = Score::probability(&model, "busy");
    let by_hour = partial_dependence(&score, &test_x, "hour", &Grid::default(), &Context::new())?;

    let report = Report::of_classes("Will this hour be busy?", &truth, &said, &interval)?
        .comparison("a logistic regression", gain)
        .findings(findings)
        .curve(grown)
        .slices(slices)
        .discovered(discovered)
        .importances(importances)
        .explained(Explained::new(&model.booster().explain(&test_x)?, 0, &test_x)?)
        .labels(LabelIssues::find(&truth, &said, None)?)
        .stress(stress)
        .picture(charts::partial_dependence(&by_hour))
        .note(
            "Learned from January to August 2011, tested on the rest of the year; intervals draw whole days.",
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
