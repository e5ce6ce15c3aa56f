//! The pictures of the guide that no example draws. With `CHARTS` set to a folder they are written there: `docs/guide`.

use ndarray::Array2;
use perennial_core::{Classes, Context, Matrix, Values};
use perennial_evaluation::conformal::{IntervalPredictor, RegressionScore, conformalize};
use perennial_evaluation::explain::{Grid, Score, accumulated_effects, partial_dependence};
use perennial_evaluation::fairness::{FairnessOptions, MetricFrame, SensitiveFeatures};
use perennial_evaluation::metric::{Accuracy, MeanAbsoluteError};
use perennial_evaluation::{ComparisonOptions, IntervalOptions, Report, charts, compare};
use perennial_numeric::random::Random;
use perennial_reporting::{Block, Chart};

use crate::coverage::scored;
use crate::models::{SlopeModel, line};

/// The same title as the picture of the guide, and small enough for a page.
fn drawn(name: &str, chart: &Chart) {
    let svg = chart.to_svg();
    assert!(!svg.contains("NaN") && svg.len() < 60_000, "{name}: {}", svg.len());
    if let Ok(folder) = std::env::var("CHARTS") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.svg")), &svg).unwrap();
    }
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/guide/{name}.svg"));
    let held = std::fs::read_to_string(&page).unwrap();
    assert!(held.contains(&format!("aria-label=\"{}\"", chart.title)), "{name}: draw it anew, with `CHARTS`");
}

/// The picture of a report whose title begins so.
fn of_report(report: &Report, title: &str) -> Chart {
    let mut charts = report.to_document().blocks.into_iter().filter_map(|block| match block {
        Block::Chart(chart) => Some(chart),
        _ => None,
    });
    charts.find(|chart| chart.title.starts_with(title)).unwrap()
}

#[test]
fn of_reports() {
    let (truth, said) = scored(400, &mut Random::new(2));
    let options = IntervalOptions::new().replicates(100);
    let report = Report::of_classes("Classes", &truth, &said, &options).unwrap();
    drawn("evaluation-confusion", &of_report(&report, "Which class"));
    drawn("evaluation-precision-recall", &of_report(&report, "Precision"));
    let mut random = Random::new(3);
    let answers: Values = (0..300).map(|_| 3.0 * random.normal()).collect();
    // Errors grow with the answer.
    let truth = answers.as_slice().iter().map(|a| a + (0.3 + 0.3 * (a + 6.0).max(0.0)) * random.normal());
    let truth: Values = truth.collect();
    let report = Report::of_values("Values", &truth, &answers, &options).unwrap();
    drawn("evaluation-residuals", &of_report(&report, "Residuals against"));
}

#[test]
fn of_groups() {
    let mut random = Random::new(4);
    let names = ["no", "yes"].map(String::from).to_vec();
    let (mut truth, mut given, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..900 {
        let (group, right) = [("north", 0.9), ("south", 0.86), ("islands", 0.72)][row % 9 / 4];
        truth.push(u32::from(random.uniform() < 0.5));
        given.push(if random.uniform() < right { truth[row] } else { 1 - truth[row] });
        groups.push(group.to_owned());
    }
    let of = |codes: Vec<u32>| Classes::new(codes, names.clone()).unwrap();
    let sensitive = SensitiveFeatures::new().by("region", &groups);
    let options = FairnessOptions::new().replicates(200);
    let frame = MetricFrame::measure(&Accuracy, &of(truth), &of(given), &sensitive, &options).unwrap();
    drawn("decisions-groups", &charts::groups(&frame));
}

#[test]
fn of_comparisons() {
    let mut random = Random::new(5);
    let truth: Values = (0..200).map(|_| random.normal()).collect();
    let mut told =
        |noise: f64| -> Values { truth.as_slice().iter().map(|t| t + noise * random.normal()).collect() };
    let (base, line, forest, same) = (told(1.0), told(0.8), told(0.6), told(1.0));
    let options = ComparisonOptions::new().equivalence(0.02);
    let gain = |answers: &Values| compare(&MeanAbsoluteError, &truth, &base, answers, &options).unwrap();
    let gains = [gain(&forest), gain(&line), gain(&same)];
    drawn(
        "evaluation-gains",
        &charts::gains(&[("a forest", &gains[0]), ("a line", &gains[1]), ("another seed", &gains[2])]),
    );
}

#[test]
fn of_intervals() {
    let (x, y) = line(200, 6);
    let model = conformalize(SlopeModel(2.0), RegressionScore::Absolute, 0.8, &x, &y).unwrap();
    let (x, y) = line(25, 7);
    let intervals = model.predict_interval(&x).unwrap();
    let rows: Vec<usize> = (0..25).collect();
    drawn("calibration-intervals", &charts::prediction_intervals(&intervals, &y, &rows).unwrap());
    assert!(charts::prediction_intervals(&intervals, &y, &[25]).is_err());
    assert!(charts::prediction_intervals(&intervals, &vec![0.0; 3].into(), &[0]).is_err());
}

#[test]
fn of_effects() {
    let mut random = Random::new(8);
    let x = Array2::from_shape_fn((120, 2), |_| random.normal());
    let x = Matrix::from(x).with_names(["hours", "age"]).unwrap();
    // How much hours matter depends on age.
    let score = Score::new("score", |x: &Matrix| {
        Ok(x.dense()?.rows().into_iter().map(|row| (1.5 * row[0]).tanh() * (1.0 + 0.5 * row[1])).collect())
    });
    let ctx = Context::new();
    let by_hours = partial_dependence(&score, &x, "hours", &Grid::default(), &ctx).unwrap();
    drawn("errors-partial-dependence", &charts::partial_dependence(&by_hours));
    let effects = accumulated_effects(&score, &x, "hours", 12).unwrap();
    drawn("errors-accumulated-effects", &charts::accumulated_effects(&effects));
}

/// Pages show the pictures that are there.
#[test]
fn pages_show_them() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let mut shown = String::new();
    for page in ["08-evaluation", "calibration", "decisions", "errors"] {
        shown.push_str(&std::fs::read_to_string(guide.join(format!("{page}.md"))).unwrap());
    }
    for name in [
        "evaluation-confusion",
        "evaluation-precision-recall",
        "evaluation-residuals",
        "evaluation-gains",
        "decisions-groups",
        "calibration-intervals",
        "errors-partial-dependence",
        "errors-accumulated-effects",
    ] {
        assert!(shown.contains(&format!("({name}.svg)")), "{name} is on no page");
    }
}
