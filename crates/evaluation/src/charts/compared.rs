//! Pictures of intervals beside each other: of gains, and of answers.

use perennial_core::{Error, Result, Rows, Values};
use perennial_reporting::{Chart, Series};

use crate::Comparison;
use crate::conformal::PredictionIntervals;

/// By how much models are better than another, with the interval of each gain: right of 0 is better. What makes no difference in practice is
/// said below.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::{ComparisonOptions, charts, compare, metric::MeanAbsoluteError};
///
/// let truth: Values = (0..50).map(f64::from).collect();
/// let first: Values = (0..50).map(|i| f64::from(i) + 1.0 + f64::from(i % 3)).collect();
/// let second: Values = (0..50).map(|i| f64::from(i) + f64::from(i % 4) / 2.0).collect();
/// let gain = compare(&MeanAbsoluteError, &truth, &first, &second, &ComparisonOptions::new())?;
/// assert!(charts::gains(&[("second", &gain)]).to_svg().contains("second"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn gains(compared: &[(&str, &Comparison)]) -> Chart {
    let of =
        |pick: fn(&Comparison) -> f64| compared.iter().map(|(_, found)| pick(found)).collect::<Vec<f64>>();
    let places: Vec<f64> = (0..compared.len()).map(|place| place as f64).collect();
    let (low, high) = (of(|found| found.gain.low), of(|found| found.gain.high));
    let metric = compared.first().map_or(String::new(), |(_, found)| found.metric.clone());
    let widest = of(|found| found.equivalence).into_iter().fold(0.0, f64::max);
    let chart = Chart::rows("Which is better?", compared.iter().map(|(name, _)| (*name).to_owned()))
        .x(format!("gain in {metric}; right of 0 is better"))
        .series(Series::xy("interval", &high, &places).bounds(&low, &high))
        .series(Series::xy("gain", &of(|found| found.gain.estimate), &places));
    match widest > 0.0 {
        true => chart.note(format!("gains within {widest} make no difference")),
        false => chart,
    }
}

/// The intervals of some rows, and the truth of each: whether it is held.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::charts;
/// use perennial_evaluation::conformal::PredictionIntervals;
///
/// let intervals = PredictionIntervals { level: 0.8, low: vec![0.0, 1.0], high: vec![2.0, 3.0] };
/// let chart = charts::prediction_intervals(&intervals, &Values::from(vec![1.0, 4.0]), &[0, 1])?;
/// assert!(chart.note.as_ref().is_some_and(|note| note.contains("1 of 2")));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there is not a truth for each interval, or a row does not exist.
pub fn prediction_intervals(
    intervals: &PredictionIntervals,
    truth: &Values,
    rows: &[usize],
) -> Result<Chart> {
    let (low, high) = (intervals.low.take(rows)?, intervals.high.take(rows)?);
    if truth.n_rows() != intervals.low.len() {
        return Err(Error::length_mismatch("the truth", intervals.low.len(), truth.n_rows()));
    }
    let truth = truth.take(rows)?;
    let truth = truth.as_slice();
    let places: Vec<f64> = (0..rows.len()).map(|place| place as f64).collect();
    let held = |place: usize| (low[place]..=high[place]).contains(&truth[place]);
    let side = |wanted: bool| -> (Vec<f64>, Vec<f64>) {
        (0..rows.len())
            .filter(|&place| held(place) == wanted)
            .map(|place| (truth[place], places[place]))
            .unzip()
    };
    let ((inside, at), (outside, missed)) = (side(true), side(false));
    Ok(Chart::rows("What intervals hold", rows.iter().map(|row| format!("row {row}")))
        .x("answer and truth")
        .series(
            Series::xy(format!("interval of {:.0} %", 100.0 * intervals.level), &high, &places)
                .bounds(&low, &high),
        )
        .series(Series::xy("truth that is held", &inside, &at))
        .series(Series::xy("truth that is missed", &outside, &missed))
        .note(format!("{} of {} rows are held", inside.len(), rows.len())))
}
