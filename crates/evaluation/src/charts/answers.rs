//! Pictures of how answers move, for whom they are worse, and what they are worth.

use perennial_core::{Result, Rows};
use perennial_reporting::{Chart, Series};

use crate::decision::{Sweep, ValueModel};
use crate::explain::{AccumulatedEffects, Dependence};
use crate::fairness::MetricFrame;

/// More lines of single rows than this hide each other.
const MOST_LINES: usize = 50;
/// More thresholds than this are not seen.
const MOST_POINTS: usize = 400;

/// So many of `n` places, evenly taken, the first and the last among them.
fn evenly(n: usize, most: usize) -> Vec<usize> {
    if n <= most { (0..n).collect() } else { (0..most).map(|place| place * (n - 1) / (most - 1)).collect() }
}

/// How the answer moves with a feature (Friedman, 2001), and behind it that of single rows (Goldstein and others, 2015): where
/// their lines are not parallel, other features matter too. At most 50 rows are drawn, evenly taken.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Context, Matrix};
/// use perennial_evaluation::charts;
/// use perennial_evaluation::explain::{Grid, Score, partial_dependence};
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 2), |(row, column)| ((row * (column + 3)) % 7) as f64)).with_names(["a", "b"])?;
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| row[0] * row[1]).collect()));
/// let effect = partial_dependence(&score, &x, "a", &Grid::default(), &Context::new())?;
/// assert!(charts::partial_dependence(&effect).to_svg().contains("How the answer moves with a"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn partial_dependence(effect: &Dependence) -> Chart {
    let chart = Chart::line(format!("How the answer moves with {}", effect.feature))
        .x(effect.feature.clone())
        .y("answer")
        .series(Series::xy("mean of all rows", &effect.grid, &effect.mean));
    evenly(effect.rows.nrows(), MOST_LINES)
        .into_iter()
        .fold(chart, |chart, row| {
            chart.background(Series::xy("", &effect.grid, &effect.rows.row(row).to_vec()))
        })
        .note(format!("thick: the mean of all rows; pale: {} rows", effect.rows.nrows().min(MOST_LINES)))
}

/// The accumulated local effects of a feature (Apley and Zhu, 2020), about a mean of 0.
pub fn accumulated_effects(effect: &AccumulatedEffects) -> Chart {
    let rows: usize = effect.counts.iter().sum();
    Chart::line(format!("What {} does to the answer", effect.feature))
        .x(effect.feature.clone())
        .y("effect on the answer")
        .series(Series::xy("effect", &effect.grid, &effect.effects))
        .note(format!("{rows} rows in {} bins; each is moved within its bin alone", effect.counts.len()))
}

/// A metric by group with the interval of each, the worst first.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::charts;
/// use perennial_evaluation::fairness::{FairnessOptions, MetricFrame, SensitiveFeatures};
/// use perennial_evaluation::metric::Accuracy;
///
/// let truth = Classes::from_labels((0..200).map(|row| row % 2));
/// let given = Classes::from_labels((0..200).map(|row| if row < 120 { row % 2 } else { 0 }));
/// let group: Vec<String> = (0..200).map(|row| if row < 100 { "a" } else { "b" }.to_owned()).collect();
/// let sensitive = SensitiveFeatures::new().by("group", &group);
/// let frame = MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &FairnessOptions::new())?;
/// assert!(charts::groups(&frame).to_svg().contains("group=b"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn groups(frame: &MetricFrame) -> Chart {
    let report = &frame.by_group;
    let of = |pick: fn(&crate::SliceScore) -> f64| report.slices.iter().map(pick).collect::<Vec<f64>>();
    let places: Vec<f64> = (0..report.slices.len()).map(|place| place as f64).collect();
    let (low, high) = (of(|slice| slice.interval.low), of(|slice| slice.interval.high));
    let labels = report.slices.iter().map(|slice| format!("{} ({} rows)", slice.name, slice.support));
    Chart::rows(format!("{} by group, the worst first", report.metric), labels)
        .x(report.metric.clone())
        .series(Series::xy("interval", &high, &places).bounds(&low, &high))
        .series(Series::xy("score", &of(|slice| slice.interval.estimate), &places))
        .note(format!("all rows: {:.4}; groups differ: {}", report.overall, frame.gap))
}

/// What decisions are worth per row at each threshold, and the threshold that is worth most.
///
/// ```
/// use perennial_evaluation::charts;
/// use perennial_evaluation::decision::OutcomeValues;
///
/// let scores: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
/// let positive: Vec<bool> = (0..100).map(|row| row > 60).collect();
/// let values = OutcomeValues::gains(10.0, -5.0, 0.0, 0.0).into();
/// let chart = charts::value_by_threshold(&scores, &positive, None, &values)?;
/// assert!(chart.note.is_some_and(|note| note.contains("most at 0.61")));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, or a number is not acceptable.
pub fn value_by_threshold(
    scores: &[f64],
    positive: &[bool],
    weights: Option<&[f64]>,
    values: &ValueModel,
) -> Result<Chart> {
    let sweep = Sweep::new(scores, positive, weights, Some(values))?;
    let total = weights.map_or(scores.n_rows() as f64, |weights| weights.iter().sum());
    // The first cut stands above all scores, where nothing is called positive.
    let worth = |place: usize| sweep.cuts[place].value / total;
    let n_cuts = sweep.cuts.len();
    let best = (1..n_cuts).fold(0, |best, place| if worth(place) > worth(best) { place } else { best });
    let mut shown = evenly(n_cuts, MOST_POINTS);
    shown.push(best);
    shown.sort_unstable_by(|a, b| b.cmp(a));
    shown.dedup();
    let thresholds: Vec<f64> = shown.iter().map(|&place| sweep.cuts[place].threshold).collect();
    let by_model: Vec<f64> = shown.iter().map(|&place| worth(place)).collect();
    let flat = |place: usize| vec![worth(place); shown.len()];
    Ok(Chart::line("What decisions are worth at each threshold")
        .x("threshold: the score from which on to act")
        .y("value per row")
        .series(Series::xy("by the model", &thresholds, &by_model))
        .series(Series::xy("everybody", &thresholds, &flat(n_cuts - 1)))
        .series(Series::xy("nobody", &thresholds, &flat(0)))
        .note(format!("worth most at {:.4}: {:.4} per row", sweep.cuts[best].threshold, worth(best))))
}
