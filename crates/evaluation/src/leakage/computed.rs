//! Targets that are sums of columns.

use ndarray::{Array2, Axis};
use perennial_core::{Context, Result};
use perennial_numeric::linalg::Qr;
use perennial_numeric::reduce;

use crate::audit::{Check, Finding, Severity};
use crate::{Cells, Tabular};

/// Among more columns than this a sum is not looked for.
const MOST_COLUMNS: usize = 200;
/// More rows than this show nothing more.
const MOST_ROWS: usize = 20_000;
/// The share that is explained where only rounding is left.
const EXACT: f64 = 1.0 - 1e-9;

/// Whether the target is a sum of multiples of columns, and of which.
///
/// # Errors
/// When the work was cancelled.
pub(super) fn sums<X: Tabular>(x: &X, y: &[f64], ctx: &Context) -> Result<Option<Finding>> {
    let n = y.len();
    let rows = n.min(MOST_ROWS);
    let row_at = |place: usize| place * n / rows;
    let mut names = Vec::new();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for (column, name) in x.names().take(MOST_COLUMNS).enumerate() {
        let Cells::Numbers(cells) = x.cells(column)? else { continue };
        let cells: Vec<f64> = (0..rows).map(|place| cells[row_at(place)]).collect();
        if let Some(scaled) = scaled(&cells) {
            names.push(name.to_owned());
            columns.push(scaled);
        }
    }
    sum_of(&names, &columns, &(0..rows).map(|place| y[row_at(place)]).collect::<Vec<f64>>(), ctx)
}

/// As [`sums`], of the rows that are looked at; compiled once.
fn sum_of(names: &[String], columns: &[Vec<f64>], sampled: &[f64], ctx: &Context) -> Result<Option<Finding>> {
    let rows = sampled.len();
    let Some(y) = scaled(sampled) else { return Ok(None) };
    if names.is_empty() || rows < 2 * (names.len() + 2) {
        return Ok(None);
    }
    let x = Array2::from_shape_fn((rows, names.len()), |(row, column)| columns[column][row]);
    let total = reduce::sum_by(rows, |row| y[row] * y[row]);
    let y = Array2::from_shape_fn((rows, 1), |(row, _)| y[row]);
    let exact = |kept: &[usize]| -> Result<bool> {
        ctx.check()?;
        if kept.is_empty() {
            return Ok(false);
        }
        let rest = Qr::new(&x.select(Axis(1), kept), &y, None, true)?.solve()?.residual_sum_of_squares[0];
        Ok(1.0 - rest / total >= EXACT)
    };
    let mut kept: Vec<usize> = (0..names.len()).collect();
    if !(total > 0.0 && exact(&kept)?) {
        return Ok(None);
    }
    // Leave out one column after the other as long as the sum stays exact.
    for column in 0..names.len() {
        let without: Vec<usize> = kept.iter().copied().filter(|&other| other != column).collect();
        if exact(&without)? {
            kept = without;
        }
    }
    if let [_] = kept[..] {
        // A single column that does it is a proxy, which is found anyway.
        return Ok(None);
    }
    let quoted: Vec<String> = kept.iter().map(|&column| format!("`{}`", names[column])).collect();
    let message = format!(
        "the target can be computed from {}; leave one of them out, or say why all are known in time",
        quoted.join(" and ")
    );
    let finding = Finding::new(Check::ComputedTarget, Severity::Error, message);
    Ok(Some(kept.iter().fold(finding, |finding, &column| finding.column(&names[column]))))
}

/// The numbers less their mean, in units of the largest of them, so that squares stay in range; nothing where one is not finite.
fn scaled(values: &[f64]) -> Option<Vec<f64>> {
    let most = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if !most.is_finite() || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let unit = if most > 0.0 { most } else { 1.0 };
    let shares: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let mean = reduce::mean(&shares);
    Some(shares.into_iter().map(|share| share - mean).collect())
}
