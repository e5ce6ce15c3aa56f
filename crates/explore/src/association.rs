//! How columns go together.

use std::collections::BTreeMap;

use perennial_core::Result;
use perennial_data::{Column, ColumnType, Table};
use perennial_numeric::reduce;
use perennial_statistics::describe::{pearson, ranks};
use serde::{Deserialize, Serialize};

/// How strongly two columns go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// The first column.
    pub a: String,
    /// The second column.
    pub b: String,
    /// `spearman` of two numbers, `cramers_v` of two categories, `correlation_ratio` of a number and a category.
    pub measure: String,
    /// From -1 to 1 for `spearman`, else from 0 to 1.
    pub value: f64,
    /// The number of rows in which both are present.
    pub n_rows: usize,
}

/// A column as the measures need it.
enum Side {
    Number(Vec<f64>),
    Category(Vec<Option<u32>>, usize),
}

/// More levels than this say more about the number of rows than about the other column.
const MOST_LEVELS: usize = 100;

impl Side {
    fn of(column: &Column) -> Result<Option<Side>> {
        Ok(match column.column_type() {
            ColumnType::Integer => Some(Side::Number(
                column.as_integer()?.map(|cell| cell.map_or(f64::NAN, |cell| cell as f64)).collect(),
            )),
            ColumnType::Real => Some(Side::Number(
                column
                    .as_real()?
                    .iter()
                    .map(|cell| if cell.is_finite() { *cell } else { f64::NAN })
                    .collect(),
            )),
            ColumnType::Boolean => {
                Some(Side::Category(column.as_boolean()?.map(|cell| cell.map(u32::from)).collect(), 2))
            }
            ColumnType::Text | ColumnType::Category => {
                let mut levels: BTreeMap<&str, u32> = BTreeMap::new();
                let mut codes = Vec::with_capacity(column.n_rows());
                for cell in column.as_text()? {
                    let next = levels.len() as u32;
                    codes.push(cell.map(|cell| *levels.entry(cell).or_insert(next)));
                    if levels.len() > MOST_LEVELS {
                        return Ok(None);
                    }
                }
                Some(Side::Category(codes, levels.len()))
            }
            _ => None,
        })
    }
}

/// The association of every pair of columns for which there is a measure, strongest first.
pub(crate) fn associations(table: &Table, most_columns: usize) -> Result<Vec<Association>> {
    let mut sides = Vec::new();
    for (name, column) in table.columns() {
        if sides.len() >= most_columns {
            break;
        }
        if let Some(side) = Side::of(column)? {
            sides.push((name, side));
        }
    }
    let pairs: Vec<(usize, usize)> =
        (0..sides.len()).flat_map(|a| (a + 1..sides.len()).map(move |b| (a, b))).collect();
    let measured = reduce::map_each(pairs.len(), |pair| {
        let ((a, left), (b, right)) = (&sides[pairs[pair].0], &sides[pairs[pair].1]);
        let (measure, value, n_rows) = measure(left, right)?;
        let (a, b) = (a.to_string(), b.to_string());
        value.is_finite().then(|| Association { a, b, measure: measure.to_owned(), value, n_rows })
    });
    let mut found: Vec<Association> = measured.into_iter().flatten().collect();
    found.sort_by(|x, y| y.value.abs().total_cmp(&x.value.abs()));
    Ok(found)
}

fn measure(left: &Side, right: &Side) -> Option<(&'static str, f64, usize)> {
    match (left, right) {
        (Side::Number(a), Side::Number(b)) => {
            let both: Vec<usize> = (0..a.len()).filter(|&row| !a[row].is_nan() && !b[row].is_nan()).collect();
            let pick = |x: &[f64]| ranks(&both.iter().map(|&row| x[row]).collect::<Vec<_>>()).ok();
            Some(("spearman", pearson(&pick(a)?, &pick(b)?).ok()?, both.len()))
        }
        (Side::Category(a, n_a), Side::Category(b, n_b)) => {
            let mut counts = vec![0.0; n_a * n_b];
            let mut n = 0;
            for (a, b) in a.iter().zip(b) {
                if let (Some(a), Some(b)) = (a, b) {
                    counts[*a as usize * n_b + *b as usize] += 1.0;
                    n += 1;
                }
            }
            Some(("cramers_v", cramers_v(&counts, *n_a, *n_b, n), n))
        }
        (Side::Number(x), Side::Category(codes, levels))
        | (Side::Category(codes, levels), Side::Number(x)) => {
            let (value, n) = correlation_ratio(x, codes, *levels);
            Some(("correlation_ratio", value, n))
        }
    }
}

/// Cramér's V, corrected for its upward bias in small samples (Bergsma, 2013).
fn cramers_v(counts: &[f64], n_a: usize, n_b: usize, n: usize) -> f64 {
    let row: Vec<f64> = (0..n_a).map(|a| counts[a * n_b..(a + 1) * n_b].iter().sum()).collect();
    let column: Vec<f64> = (0..n_b).map(|b| (0..n_a).map(|a| counts[a * n_b + b]).sum()).collect();
    let n = n as f64;
    let mut chi2 = 0.0;
    for a in 0..n_a {
        for b in 0..n_b {
            let expected = row[a] * column[b] / n;
            if expected > 0.0 {
                chi2 += (counts[a * n_b + b] - expected).powi(2) / expected;
            }
        }
    }
    let seen = |margin: &[f64]| margin.iter().filter(|count| **count > 0.0).count() as f64;
    let (r, k) = (seen(&row), seen(&column));
    if r < 2.0 || k < 2.0 || n < 2.0 {
        return f64::NAN;
    }
    let phi2 = (chi2 / n - (k - 1.0) * (r - 1.0) / (n - 1.0)).max(0.0);
    let (r, k) = (r - (r - 1.0).powi(2) / (n - 1.0), k - (k - 1.0).powi(2) / (n - 1.0));
    let most = (r - 1.0).min(k - 1.0);
    // As many levels as rows: any table of that kind would look perfect.
    if !(most > 0.0) {
        return f64::NAN;
    }
    (phi2 / most).sqrt().min(1.0)
}

/// The share of a number's deviation that the category explains, as a root (Pearson's eta).
fn correlation_ratio(x: &[f64], codes: &[Option<u32>], levels: usize) -> (f64, usize) {
    let rows: Vec<(f64, usize)> = x
        .iter()
        .zip(codes)
        .filter_map(|(x, code)| code.filter(|_| !x.is_nan()).map(|code| (*x, code as usize)))
        .collect();
    // Squares of the largest numbers must stay in range; the ratio does not depend on the scale.
    let largest = rows.iter().fold(0.0_f64, |largest, row| largest.max(row.0.abs()));
    let scale = if largest > 1e100 { 2.0_f64.powi(-900) } else { 1.0 };
    let rows: Vec<(f64, usize)> = rows.into_iter().map(|(x, level)| (x * scale, level)).collect();
    let (mut sums, mut counts) = (vec![0.0; levels], vec![0.0; levels]);
    for &(x, level) in &rows {
        sums[level] += x;
        counts[level] += 1.0;
    }
    let mean = rows.iter().map(|row| row.0).sum::<f64>() / rows.len() as f64;
    let within = |level: usize| sums[level] / counts[level];
    let total: f64 = rows.iter().map(|(x, _)| (x - mean).powi(2)).sum();
    let between: f64 = (0..levels)
        .filter(|&level| counts[level] > 0.0)
        .map(|level| counts[level] * (within(level) - mean).powi(2))
        .sum();
    // A level of its own for each row explains everything and says nothing.
    let seen = counts.iter().filter(|count| **count > 0.0).count();
    let share = if total > 0.0 && seen < rows.len() { (between / total).min(1.0) } else { f64::NAN };
    (share.sqrt(), rows.len())
}
