//! Pictures of single results, as specs that render to SVG.

mod answers;
mod compared;

pub use answers::{accumulated_effects, groups, partial_dependence, value_by_threshold};
pub use compared::{gains, prediction_intervals};

use ndarray::Array2;
use perennial_core::{Error, Matrix, Result, Rows};
use perennial_numeric::special::normal_quantile;
use perennial_reporting::{Chart, Series};

use crate::CriticalDifferences;
use crate::decision::DecisionCurve;
use crate::metric::ranking::DetCurve;

/// Shares that are written beside the axes of [`det`].
const SHARES: [f64; 11] = [0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99];

/// The detection error trade-off: both kinds of error on axes of normal quantiles, where a curve is about a straight line
/// (Martin and others, 1997). Points at which there is no error of one kind do not fit on such axes and are left out.
///
/// ```
/// use perennial_evaluation::charts;
/// use perennial_evaluation::metric::ranking::det_curve;
///
/// let scores: Vec<f64> = (0..100).map(|row| f64::from(row * 37 % 101)).collect();
/// let positive: Vec<bool> = (0..100).map(|row| row * 37 % 101 + row % 60 > 70).collect();
/// let curve = det_curve(&scores, &positive, None)?;
/// assert!(charts::det(&[("model", &curve)]).to_svg().contains("missed"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn det(curves: &[(&str, &DetCurve)]) -> Chart {
    let ticks = || SHARES.map(|share| (normal_quantile(share), format!("{} %", 100.0 * share)));
    let chart = Chart::line("Detection error trade-off")
        .x("share of the other rows that are taken")
        .y("share of the class that is missed")
        .x_ticks(ticks())
        .y_ticks(ticks());
    curves.iter().fold(chart, |chart, (name, curve)| {
        let inner = |share: &f64| *share > 0.0 && *share < 1.0;
        let pairs = curve.false_positive_rate.iter().zip(&curve.false_negative_rate);
        let (x, y): (Vec<f64>, Vec<f64>) = pairs
            .filter(|(x, y)| inner(x) && inner(y))
            .map(|(x, y)| (normal_quantile(*x), normal_quantile(*y)))
            .unzip();
        chart.series(Series::xy(*name, &x, &y))
    })
}

/// The mean ranks of models over sets of data: a bar reaches from each model as far as ranks that do not differ from its own, so
/// a model whose point lies beyond the bar of another is worse than that one.
///
/// ```
/// use perennial_evaluation::{CriticalDifferences, charts};
///
/// let scores: Vec<[f64; 3]> = (0..12).map(|set| [0.7, 0.9, 0.8].map(|score| score + 0.01 * f64::from(set % 5))).collect();
/// let ranked = CriticalDifferences::new(&["a", "b", "c"], &scores, true, 0.95)?;
/// assert!(charts::critical_differences(&ranked).to_svg().contains("mean rank"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn critical_differences(ranked: &CriticalDifferences) -> Chart {
    let places: Vec<f64> = (0..ranked.ranks.len()).map(|place| place as f64).collect();
    let ranks: Vec<f64> = ranked.ranks.iter().map(|(_, rank)| *rank).collect();
    let reach: Vec<f64> = ranks.iter().map(|rank| rank + ranked.critical_difference).collect();
    let labels = ranked.ranks.iter().map(|(name, rank)| format!("{name} ({rank:.2})"));
    Chart::rows("Mean ranks, 1 is best", labels)
        .x("mean rank")
        .series(Series::xy("not told apart", &reach, &places).bounds(&ranks, &reach))
        .series(Series::xy("mean rank", &ranks, &places))
        .note(format!(
            "critical difference {:.3} at a level of {}; Friedman p = {:.4}",
            ranked.critical_difference, ranked.level, ranked.friedman.p_value
        ))
}

/// What decisions by the model are worth at each threshold, beside calling everybody and nobody (Vickers and Elkin, 2006).
///
/// Thresholds at which calling everybody costs more than the model ever gains are cut off below.
pub fn net_benefit(curve: &DecisionCurve) -> Chart {
    let most = curve.model.iter().copied().fold(0.0, f64::max);
    let floor = -0.25 * most.max(1e-9);
    let cut = |values: &[f64]| values.iter().map(|value| value.max(floor)).collect::<Vec<f64>>();
    let nobody = vec![0.0; curve.thresholds.len()];
    Chart::line("What decisions are worth")
        .x("threshold: the probability from which on to act")
        .y("net benefit per row")
        .series(Series::xy("by the model", &curve.thresholds, &cut(&curve.model)))
        .series(Series::xy("everybody", &curve.thresholds, &cut(&curve.all)))
        .series(Series::xy("nobody", &curve.thresholds, &nobody))
}

/// Cells along each side of a [`decision_boundary`].
const CELLS: usize = 80;

/// What a model answers over two features, all others at their medians over the rows, and the rows as points: one number for
/// each row of a matrix, such as the probability of a class.
///
/// `groups` are the names of what the rows are, one for each row, such as their true classes.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Result};
/// use perennial_evaluation::charts;
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 3), |(row, column)| ((row * (column + 2)) % 13) as f64)).with_names(["a", "b", "c"])?;
/// let groups: Vec<String> = (0..40).map(|row| if row % 13 > 6 { "high" } else { "low" }.to_owned()).collect();
/// let ask = |x: &Matrix| -> Result<Vec<f64>> { Ok(x.dense()?.rows().into_iter().map(|row| row[0] + row[2]).collect()) };
/// assert!(charts::decision_boundary(&x, &groups, ["a", "c"], ask)?.to_svg().contains("high"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, a feature is not there or the same twice, has no finite value, there is not a group for each row, or the
/// model refuses the rows.
pub fn decision_boundary(
    x: &Matrix,
    groups: &[String],
    features: [&str; 2],
    ask: impl Fn(&Matrix) -> Result<Vec<f64>>,
) -> Result<Chart> {
    if x.n_rows() == 0 {
        return Err(Error::empty("there are no rows to show"));
    }
    if groups.len() != x.n_rows() {
        return Err(Error::length_mismatch("the groups", x.n_rows(), groups.len()));
    }
    let columns = [x.features().position(features[0])?, x.features().position(features[1])?];
    if columns[0] == columns[1] {
        return Err(Error::malformed(format!("`{}` is given twice; a field has two features", features[0])));
    }
    let dense = x.to_dense()?;
    let cells = dense.dense()?;
    let known = |column: usize| {
        let mut known: Vec<f64> = cells.column(column).iter().copied().filter(|v| v.is_finite()).collect();
        known.sort_by(f64::total_cmp);
        known
    };
    let edges = |column: usize| -> Result<Vec<f64>> {
        let known = known(column);
        let (Some(&low), Some(&high)) = (known.first(), known.last()) else {
            return Err(Error::insufficient_data(format!(
                "`{}` has no finite value to show",
                x.features().name(column)
            )));
        };
        let room = if high > low { 0.05 * (high - low) } else { 0.5 };
        let (low, high) = (low - room, high + room);
        Ok((0..=CELLS).map(|edge| low + (high - low) * edge as f64 / CELLS as f64).collect())
    };
    let (x_edges, y_edges) = (edges(columns[0])?, edges(columns[1])?);
    let medians: Vec<f64> = (0..x.n_cols())
        .map(|column| {
            let known = known(column);
            known.get(known.len() / 2).copied().unwrap_or(f64::NAN)
        })
        .collect();
    let middle = |edges: &[f64], at: usize| 0.5 * (edges[at] + edges[at + 1]);
    let grid = Array2::from_shape_fn((CELLS * CELLS, x.n_cols()), |(cell, column)| match column {
        column if column == columns[0] => middle(&x_edges, cell % CELLS),
        column if column == columns[1] => middle(&y_edges, cell / CELLS),
        column => medians[column],
    });
    let answers = ask(&Matrix::from_dense(grid, x.features().clone())?)?;
    if answers.len() != CELLS * CELLS {
        return Err(Error::length_mismatch("the answers of the model", CELLS * CELLS, answers.len()));
    }
    let values = answers.chunks(CELLS).map(<[f64]>::to_vec).collect();
    let mut names: Vec<&String> = groups.iter().collect();
    names.sort();
    names.dedup();
    let chart =
        Chart::field("What the model answers", &x_edges, &y_edges, values).x(features[0]).y(features[1]);
    Ok(names.into_iter().fold(chart, |chart, name| {
        let rows = (0..groups.len()).filter(|&row| groups[row] == *name);
        let (at_x, at_y): (Vec<f64>, Vec<f64>) =
            rows.map(|row| (cells[[row, columns[0]]], cells[[row, columns[1]]])).unzip();
        chart.series(Series::xy(name.clone(), &at_x, &at_y))
    }))
}
