//! What is told of probabilities of classes.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Result, Rows};

use super::{ClassCurves, ClassDetails, Details, Report, ReportedScore};
use crate::calibration::Reliability;
use crate::errors::worst_rows;
use crate::metric::ranking::{ThresholdCounts, threshold_counts};
use crate::metric::{
    Accuracy, AveragePrecision, BalancedAccuracy, Brier, ClassReport, F1, LogLoss, MatthewsCorrelation,
    OfConfusion, RocAuc, confusion_matrix, true_columns,
};
use crate::report::values::scored;
use crate::{IntervalOptions, Metric};

/// More classes than this have no curves of their own.
const MOST_CURVES: usize = 8;
const POINTS: usize = 400;
const BINS: usize = 20;
const WORST: usize = 20;

pub(super) fn report(
    title: &str,
    truth: &Classes,
    prediction: &Probabilities,
    options: &IntervalOptions<'_>,
) -> Result<Report> {
    let weights = options.row_weights();
    let columns = true_columns(truth, prediction, weights)?;
    let names = prediction.names();
    let answers = prediction.most_likely();
    let confusion = confusion_matrix(truth, &answers, weights)?;

    let mut shares = vec![0.0; names.len()];
    columns.iter().enumerate().for_each(|(row, &c)| shares[c] += weights.map_or(1.0, |weights| weights[row]));
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
    let constant = Probabilities::new(
        Array2::from_shape_fn((truth.n_rows(), names.len()), |(_, class)| shares[class]),
        prediction.shared_names(),
    )?;
    let most = constant.most_likely();
    let mut scores = Vec::new();
    scores.extend(scored(&RocAuc::new(), truth, prediction, Some(&constant), options)?);
    if names.len() == 2 {
        scores.extend(scored(&AveragePrecision::new(), truth, prediction, Some(&constant), options)?);
    }
    scores.extend(scored(&LogLoss, truth, prediction, Some(&constant), options)?);
    scores.extend(scored(&Brier, truth, prediction, Some(&constant), options)?);
    scores.extend(scored(&Accuracy, truth, &answers, Some(&most), options)?);
    of_classes(&BalancedAccuracy, truth, [&answers, &most], options, &mut scores)?;
    of_classes(&F1::default(), truth, [&answers, &most], options, &mut scores)?;
    of_classes(&MatthewsCorrelation, truth, [&answers, &most], options, &mut scores)?;

    let reliability = Reliability::new().level(options.confidence());
    let wanted: Vec<usize> = match names.len() {
        2 => vec![1],
        n if n <= MOST_CURVES => (0..n).collect(),
        _ => Vec::new(),
    };
    let curve = |&class: &usize| curves(prediction, &columns, weights, class, shares[class]);
    let details = ClassDetails {
        classes: ClassReport::of(&confusion)?,
        confusion,
        reliability: reliability.measure(truth, prediction, weights)?,
        brier: if names.len() == 2 { reliability.decompose(truth, prediction, weights).ok() } else { None },
        curves: wanted.iter().filter_map(curve).collect(),
    };
    let worst = worst_rows(&LogLoss, truth, prediction, weights, WORST)?;
    Ok(Report::new(title, truth.n_rows(), scores, Details::Classes(Box::new(details)), worst))
}

fn of_classes<M: OfConfusion + Metric<Truth = Classes, Prediction = Classes>>(
    metric: &M,
    truth: &Classes,
    [answers, most]: [&Classes; 2],
    options: &IntervalOptions<'_>,
    scores: &mut Vec<ReportedScore>,
) -> Result<()> {
    scores.extend(scored(metric, truth, answers, Some(most), options)?);
    Ok(())
}

/// The trade-offs of one class; nothing where all rows have it, or none has.
fn curves(
    prediction: &Probabilities,
    columns: &[usize],
    weights: Option<&[f64]>,
    class: usize,
    share: f64,
) -> Option<ClassCurves> {
    let said = prediction.values().column(class).to_vec();
    let positive: Vec<bool> = columns.iter().map(|&column| column == class).collect();
    let counts = threshold_counts(&said, &positive, weights).ok()?;
    let ThresholdCounts { true_positives, false_positives, positive: all, negative, .. } = &counts;
    let rates = true_positives.iter().zip(false_positives);
    let roc = std::iter::once((0.0, 0.0))
        .chain(rates.clone().map(|(right, wrong)| (wrong / negative, right / all)));
    let precision_recall = rates.map(|(right, wrong)| (right / all, right / (right + wrong)));
    let mut histogram = vec![(0.0, 0.0); BINS];
    for (row, (said, positive)) in said.iter().zip(&positive).enumerate() {
        let bin = &mut histogram[((said * BINS as f64) as usize).min(BINS - 1)];
        let weight = weights.map_or(1.0, |weights| weights[row]);
        if *positive { bin.0 += weight } else { bin.1 += weight }
    }
    Some(ClassCurves {
        class: prediction.names()[class].clone(),
        share,
        roc: thinned(roc.collect()),
        precision_recall: thinned(precision_recall.collect()),
        histogram,
    })
}

/// At most 400 of the points, the first and the last among them.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    (0..POINTS).map(|point| points[point * (points.len() - 1) / (POINTS - 1)]).collect()
}
