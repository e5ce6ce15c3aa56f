//! What is told of numbers.

use perennial_core::{ErrorKind, Result, Rows, Values};

use super::{Details, Report, ReportedScore, ValueDetails};
use crate::errors::worst_rows;
use crate::metric::{
    MaxError, MeanAbsoluteError, MedianAbsoluteError, R2, RootMeanSquaredError, is_undefined, paired_values,
    weighted_quantile,
};
use crate::{IntervalOptions, Metric};

/// Rows that are drawn.
const SAMPLE: usize = 1000;
const BINS: usize = 40;
const WORST: usize = 20;
/// Rows times replicates of a bootstrap.
const DRAWS: usize = 20_000_000;
const LEAST_REPLICATES: usize = 100;

/// A score with its interval and that of the constant answer; nothing where the metric is not defined on these rows.
///
/// # Errors
/// When the options do not fit the rows, or the metric does not fit the answers: that is nobody's lack of rows.
pub(super) fn scored<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    constant: Option<&M::Prediction>,
    options: &IntervalOptions<'_>,
) -> Result<Option<ReportedScore>> {
    let weights = options.row_weights();
    let Some(score) = defined(metric.score_weighted(truth, prediction, weights))?.ok() else {
        return Ok(None);
    };
    let most = (DRAWS / truth.n_rows().max(1)).max(LEAST_REPLICATES);
    let options = options.clone().at_most_replicates(most);
    let interval = defined(metric.interval(truth, prediction, &options))?;
    let constant = match constant {
        Some(constant) => defined(metric.score_weighted(truth, constant, weights))?.ok(),
        None => None,
    };
    Ok(Some(ReportedScore {
        metric: metric.name(),
        higher_is_better: M::HIGHER_IS_BETTER,
        score,
        no_interval: interval.as_ref().err().cloned(),
        interval: interval.ok(),
        constant,
    }))
}

/// A number, or why rows like these have none; every other error stays one.
fn defined<T>(result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if is_undefined(&error) || matches!(error.kind(), ErrorKind::Overflow { .. }) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn report(
    title: &str,
    truth: &Values,
    prediction: &Values,
    options: &IntervalOptions<'_>,
) -> Result<Report> {
    let weights = options.row_weights();
    RootMeanSquaredError.score_weighted(truth, prediction, weights)?;
    R2.score_weighted(truth, prediction, weights)?;
    let (t, p) = paired_values(truth, prediction)?;
    let n = t.len();
    let everywhere = |value: f64| -> Values { std::iter::repeat_n(value, n).collect() };
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    // Rows without weight count for nothing: they are neither drawn nor listed.
    let counted: Vec<usize> = (0..n).filter(|&row| weight(row) > 0.0).collect();
    let total: f64 = counted.iter().map(|&row| weight(row)).sum();
    let mean = counted.iter().map(|&row| weight(row) * t[row]).sum::<f64>() / total;
    let (mean, middle) = (everywhere(mean), everywhere(weighted_quantile(t, weights, 0.5)));
    let mut scores = Vec::new();
    scores.extend(scored(&MeanAbsoluteError, truth, prediction, Some(&middle), options)?);
    scores.extend(scored(&RootMeanSquaredError, truth, prediction, Some(&mean), options)?);
    scores.extend(scored(&MedianAbsoluteError, truth, prediction, Some(&middle), options)?);
    scores.extend(scored(&R2, truth, prediction, Some(&mean), options)?);
    scores.push(ReportedScore {
        metric: MaxError.name(),
        higher_is_better: false,
        score: MaxError.score_weighted(truth, prediction, weights)?,
        interval: None,
        no_interval: Some("rows tell nothing of errors larger than the largest that was seen".to_owned()),
        constant: None,
    });
    let residuals: Vec<(f64, f64)> = counted.iter().map(|&row| (t[row] - p[row], weight(row))).collect();
    let (residual_edges, residual_counts) = histogram(&residuals);
    let step = counted.len().div_ceil(SAMPLE).max(1);
    let sample = counted.iter().step_by(step).map(|&row| (t[row], p[row])).collect();
    let details = Details::Values(ValueDetails { sample, residual_edges, residual_counts });
    let worst = worst_rows(&MeanAbsoluteError, truth, prediction, weights, WORST)?;
    Ok(Report::new(title, n, scores, details, worst))
}

/// Bins of equal width from the least to the largest finite number, with the weight in each.
fn histogram(values: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let finite = || values.iter().copied().filter(|(value, _)| value.is_finite());
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (v, _)| (low.min(v), high.max(v)));
    if low > high {
        return (Vec::new(), Vec::new());
    }
    // Halved, so that the distance of the two largest numbers is finite; never 0.
    let half = (high / 2.0 - low / 2.0).max(low.abs().max(1.0) * 1e-9);
    let edge = |bin: usize| low + (half * (bin as f64 / BINS as f64)) * 2.0;
    let edges: Vec<f64> = (0..=BINS).map(edge).collect();
    let mut counts = vec![0.0; BINS];
    for (value, weight) in finite() {
        let bin = ((value / 2.0 - low / 2.0) / half * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += weight;
    }
    (edges, counts)
}
