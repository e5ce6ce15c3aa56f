//! The pictures of a report.

use perennial_reporting::{Chart, Series};

use super::ClassCurves;
use crate::calibration::ReliabilityCurve;
use crate::errors::StressCurve;
use crate::metric::ConfusionMatrix;
use crate::{Curve, FeatureImportance, SliceReport};

/// More bars than this do not fit.
const MOST_BARS: usize = 20;
/// More classes than this do not fit into a heat map.
const MOST_CELLS: usize = 24;

/// Points along a line that is drawn by dots.
const STEPS: usize = 40;

/// Numbers from one to another, evenly.
fn along(low: f64, high: f64) -> Vec<f64> {
    (0..=STEPS).map(|step| low + (high - low) * step as f64 / STEPS as f64).collect()
}

fn unzipped(points: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    points.iter().copied().unzip()
}

pub(super) fn roc(curves: &[ClassCurves]) -> Chart {
    let chart = Chart::line("ROC curve")
        .x("share of the other rows that are taken")
        .y("share of the class that is found");
    let chart = curves.iter().fold(chart, |chart, curve| {
        let (x, y) = unzipped(&curve.roc);
        chart.series(Series::xy(curve.class.clone(), &x, &y))
    });
    chart.series(Series::xy("by chance", &[0.0, 1.0], &[0.0, 1.0]))
}

pub(super) fn precision_recall(curves: &[ClassCurves]) -> Chart {
    let chart = Chart::line("Precision and recall")
        .x("share of the class that is found")
        .y("share that has the class");
    let chart = curves.iter().fold(chart, |chart, curve| {
        let (x, y) = unzipped(&curve.precision_recall);
        chart.series(Series::xy(curve.class.clone(), &x, &y))
    });
    match curves {
        [only] => chart.series(Series::xy("by chance", &[0.0, 1.0], &[only.share; 2])),
        _ => chart,
    }
}

pub(super) fn probabilities(curve: &ClassCurves) -> Chart {
    let n = curve.histogram.len();
    let edges: Vec<f64> = (0..=n).map(|bin| bin as f64 / n as f64).collect();
    // Shares of each side, so that a rare class is seen.
    let shares = |counts: Vec<f64>| {
        let total: f64 = counts.iter().sum();
        counts.into_iter().map(|count| if total > 0.0 { count / total } else { 0.0 }).collect::<Vec<f64>>()
    };
    let (own, other) = unzipped(&curve.histogram);
    Chart::histogram(format!("Probability of {}", curve.class), &edges)
        .x("probability")
        .y("share of the rows")
        .series(Series::values("others", &shares(other)))
        .series(Series::values(curve.class.clone(), &shares(own)))
}

pub(super) fn reliability(curve: &ReliabilityCurve) -> Chart {
    let of = |pick: fn(&crate::calibration::ReliabilityBin) -> f64| {
        curve.bins.iter().map(pick).collect::<Vec<f64>>()
    };
    let series = Series::xy(
        curve.class.clone().unwrap_or_else(|| "most probable class".to_owned()),
        &of(|bin| bin.predicted),
        &of(|bin| bin.observed.estimate),
    );
    Chart::calibration("Do probabilities mean what they say?")
        .series(series.bounds(&of(|bin| bin.observed.low), &of(|bin| bin.observed.high)))
}

/// The shares of each true class; nothing where there are too many.
pub(super) fn confusion(confusion: &ConfusionMatrix) -> Option<Chart> {
    let names = confusion.names();
    if names.len() > MOST_CELLS {
        return None;
    }
    let shares = confusion.counts().rows().into_iter().map(|row| {
        let total = row.sum();
        row.iter().map(|count| if total > 0.0 { count / total } else { f64::NAN }).collect()
    });
    Some(
        Chart::heatmap("Which class is taken for which", names.to_vec(), names.to_vec(), shares.collect())
            .x("given")
            .y("true")
            .note("shares of each true class"),
    )
}

pub(super) fn residuals(sample: &[(f64, f64)], edges: &[f64], counts: &[f64]) -> Vec<Chart> {
    let (truth, predicted) = unzipped(sample);
    let errors: Vec<f64> = truth.iter().zip(&predicted).map(|(t, p)| t - p).collect();
    let (low, high) =
        truth.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &t| (low.min(t), high.max(t)));
    let (least, most) = predicted
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &p| (low.min(p), high.max(p)));
    vec![
        Chart::scatter("Truth against answer")
            .x("answer")
            .y("truth")
            .series(Series::xy("rows", &predicted, &truth))
            .series(Series::xy("equal", &along(low, high), &along(low, high))),
        Chart::scatter("Residuals against answer")
            .x("answer")
            .y("truth less answer")
            .series(Series::xy("rows", &predicted, &errors))
            .series(Series::xy("no error", &along(least, most), &[0.0; STEPS + 1])),
        Chart::histogram("Residuals", edges)
            .x("truth less answer")
            .y("rows")
            .series(Series::values("rows", counts)),
    ]
}

pub(super) fn slices(report: &SliceReport) -> Chart {
    let shown: Vec<_> = report.slices.iter().take(MOST_BARS).collect();
    let of =
        |pick: fn(&crate::SliceScore) -> f64| shown.iter().map(|slice| pick(slice)).collect::<Vec<f64>>();
    Chart::bar(
        format!("{} by slice, the worst first", report.metric),
        shown.iter().map(|slice| slice.name.clone()),
    )
    .y(report.metric.clone())
    .series(
        Series::values(report.metric.clone(), &of(|slice| slice.interval.estimate))
            .bounds(&of(|slice| slice.interval.low), &of(|slice| slice.interval.high)),
    )
    .note(format!("all rows: {:.4}", report.overall))
}

pub(super) fn importances(features: &[FeatureImportance]) -> Chart {
    let mut shown: Vec<&FeatureImportance> = features.iter().collect();
    shown.sort_by(|a, b| b.interval.estimate.total_cmp(&a.interval.estimate));
    shown.truncate(MOST_BARS);
    let of =
        |pick: fn(&FeatureImportance) -> f64| shown.iter().map(|feature| pick(feature)).collect::<Vec<f64>>();
    Chart::bar("How much the model needs each feature", shown.iter().map(|feature| feature.feature.clone()))
        .y("loss of score when it is shuffled")
        .note("intervals: the chance of the shuffles, for these rows")
        .series(
            Series::values("loss", &of(|feature| feature.interval.estimate))
                .bounds(&of(|feature| feature.interval.low), &of(|feature| feature.interval.high)),
        )
}

pub(super) fn stress(curves: &[StressCurve]) -> Chart {
    let metric = curves.first().map_or(String::new(), |curve| curve.metric.clone());
    let chart = Chart::line("What if the features were worse?").x("severity").y(metric);
    curves.iter().fold(chart, |chart, curve| {
        let severities: Vec<f64> = curve.points.iter().map(|point| point.severity).collect();
        let scores: Vec<f64> = curve.points.iter().map(|point| point.score).collect();
        chart.series(Series::xy(format!("{:?}", curve.disturbance).to_lowercase(), &severities, &scores))
    })
}

/// Both scores at each point, those of the test parts with the worst and the best fold: an interval of few folds would hold
/// anything.
pub(super) fn curve(curve: &Curve) -> Chart {
    let metric = curve.points.first().map_or(String::new(), |point| point.test.metric.clone());
    let at: Vec<f64> = curve.points.iter().map(|point| point.at).collect();
    let train: Vec<f64> = curve.points.iter().map(|point| point.train_mean()).collect();
    let test: Vec<f64> = curve.points.iter().map(|point| point.test.mean()).collect();
    let bounds = curve.points.iter().map(|point| {
        let scores = point.test.scores();
        scores
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &score| (low.min(score), high.max(score)))
    });
    let (low, high): (Vec<f64>, Vec<f64>) = bounds.unzip();
    Chart::line(format!("{metric} by {}", curve.name))
        .x(curve.name.clone())
        .y(metric)
        .series(Series::xy("tested rows", &at, &test).bounds(&low, &high))
        .series(Series::xy("rows learned from", &at, &train))
        .note("band: the worst and the best fold")
}
