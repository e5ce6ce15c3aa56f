//! Whether a window of data still looks like the reference.

use ndarray::Array2;
use perennial_core::{Param, Result};
use perennial_data::{Column, Table};
use perennial_numeric::reduce;
use perennial_statistics::multiple::{Adjustment, adjust};
use perennial_statistics::test::{Alternative, Method, fisher_exact, independence, ks_two_sample};
use serde::{Deserialize, Serialize};

use crate::reference::{ColumnReference, Reference, Spread, bin_counts, levels, numbers};

/// Compares windows of data with a reference, column by column.
///
/// A column has drifted when two things hold together: a test finds the difference after correction for the
/// number of columns, and the difference is large enough to matter. With the first alone, large windows would
/// always drift; with the second alone, small ones would. The share of missing cells is judged in the same way.
/// A level that the reference never had is drift at once: a model that learned from the reference does not know it.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.05 | (0, 1) | the share of false discoveries among the columns that are called drifted |
/// | `least_psi` | 0.1 | >= 0 | the population stability index below which a difference does not matter |
/// | `least_missing` | 0.05 | >= 0 | the change of the missing share below which it does not matter |
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_monitoring::{DriftTest, Reference};
///
/// let numbers = |from: i64| Table::new([("x", Column::integer(from..from + 500))]);
/// let reference = Reference::of(&numbers(0)?)?;
/// assert!(!DriftTest::new().compare(&reference, &numbers(0)?)?.drifted());
/// assert!(DriftTest::new().compare(&reference, &numbers(200)?)?.drifted());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftTest {
    level: f64,
    least_psi: f64,
    least_missing: f64,
}

impl Default for DriftTest {
    fn default() -> Self {
        DriftTest { level: 0.05, least_psi: 0.1, least_missing: 0.05 }
    }
}

const LEVEL: Param = Param::real("level", "share of false discoveries").above(0.0).at_most(1.0);
const LEAST_PSI: Param = Param::real("least_psi", "smallest index that matters").at_least(0.0);
const LEAST_MISSING: Param =
    Param::real("least_missing", "smallest change of the missing share that matters").at_least(0.0);

/// How one column compares with its reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDrift {
    /// The name of the column.
    pub column: String,
    /// `kolmogorov_smirnov` or `chi_squared`; nothing when the window has too few values for a test.
    pub test: Option<String>,
    /// The statistic of the test.
    pub statistic: Option<f64>,
    /// The probability of such a difference by chance.
    pub p_value: Option<f64>,
    /// The same after correction for the number of columns (Benjamini and Hochberg, 1995).
    pub adjusted_p_value: Option<f64>,
    /// The population stability index: how large the difference is, whatever the number of rows.
    pub psi: f64,
    /// The change of the share of missing cells.
    pub missing_change: f64,
    /// How many cells have a level that the reference does not have.
    pub unseen: usize,
    /// Whether the difference is both real and large.
    pub drifted: bool,
    /// What was seen, in a sentence.
    pub reason: String,
}

/// How a window compares with the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftReport {
    /// The number of rows of the window.
    pub n_rows: usize,
    /// The columns, the most different first.
    pub columns: Vec<ColumnDrift>,
}

impl DriftReport {
    /// Whether any column has drifted.
    pub fn drifted(&self) -> bool {
        self.columns.iter().any(|column| column.drifted)
    }

    /// How one column compares.
    pub fn column(&self, name: &str) -> Option<&ColumnDrift> {
        self.columns.iter().find(|column| column.column == name)
    }
}

/// Shares below this count as this, so that an empty bin does not make the index infinite.
const FLOOR: f64 = 1e-4;

impl DriftTest {
    /// The usual thresholds.
    pub fn new() -> Self {
        DriftTest::default()
    }

    /// The share of false discoveries among the columns that are called drifted.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// The population stability index below which a difference does not matter.
    #[must_use]
    pub fn least_psi(mut self, psi: f64) -> Self {
        self.least_psi = psi;
        self
    }

    /// The change of the missing share below which it does not matter.
    #[must_use]
    pub fn least_missing(mut self, change: f64) -> Self {
        self.least_missing = change;
        self
    }

    /// Compares every column of the reference with the same column of a window.
    ///
    /// # Errors
    /// When a threshold is out of range, or a column is missing or of another kind.
    pub fn compare(&self, reference: &Reference, window: &Table) -> Result<DriftReport> {
        LEVEL.check(self.level)?;
        LEAST_PSI.check(self.least_psi)?;
        LEAST_MISSING.check(self.least_missing)?;
        let columns: Vec<(&ColumnReference, &Column)> = reference
            .columns
            .iter()
            .map(|column| Ok((column, window.column(&column.name)?)))
            .collect::<Result<_>>()?;
        let mut drifts = reduce::try_map_each(columns.len(), |i| compare(columns[i].0, columns[i].1))?;
        let p_values: Vec<f64> = drifts.iter().filter_map(|drift| drift.p_value).collect();
        let mut adjusted = adjust(&p_values, Adjustment::BenjaminiHochberg)?.into_iter();
        let missing: Vec<f64> =
            reduce::try_map_each(columns.len(), |i| missing_p_value(columns[i].0, columns[i].1))?;
        let missing = adjust(&missing, Adjustment::BenjaminiHochberg)?;
        for (drift, missing) in drifts.iter_mut().zip(missing) {
            drift.adjusted_p_value = drift.p_value.and_then(|_| adjusted.next());
            self.judge(drift, missing);
        }
        drifts.sort_by(|a, b| {
            (b.drifted, b.psi).partial_cmp(&(a.drifted, a.psi)).unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(DriftReport { n_rows: window.n_rows(), columns: drifts })
    }

    fn judge(&self, drift: &mut ColumnDrift, missing_p_value: f64) {
        let real = drift.adjusted_p_value.is_some_and(|p| p < self.level);
        let mut reasons = Vec::new();
        if real && drift.psi >= self.least_psi {
            reasons.push(format!(
                "its distribution moved (PSI {:.2}, adjusted p {:.1e})",
                drift.psi,
                drift.adjusted_p_value.unwrap_or(f64::NAN)
            ));
        }
        if missing_p_value < self.level && drift.missing_change.abs() >= self.least_missing {
            let way = if drift.missing_change > 0.0 { "rose" } else { "fell" };
            reasons
                .push(format!("its missing share {way} by {:.1} points", 100.0 * drift.missing_change.abs()));
        }
        if drift.unseen > 0 {
            reasons.push(format!("{} cells have a level that was not there before", drift.unseen));
        }
        drift.drifted = !reasons.is_empty();
        drift.reason = if reasons.is_empty() { "as before".into() } else { reasons.join("; ") };
    }
}

fn compare(reference: &ColumnReference, column: &Column) -> Result<ColumnDrift> {
    let share = |missing: usize, n: usize| missing as f64 / n.max(1) as f64;
    let missing_change = match column.n_rows() {
        0 => 0.0,
        n => share(column.null_count(), n) - share(reference.missing, reference.n_rows),
    };
    let mut drift = ColumnDrift {
        column: reference.name.clone(),
        test: None,
        statistic: None,
        p_value: None,
        adjusted_p_value: None,
        psi: 0.0,
        missing_change,
        unseen: 0,
        drifted: false,
        reason: String::new(),
    };
    match &reference.spread {
        Spread::Numbers { sample, edges, counts } => {
            let values = numbers(column)?.ok_or_else(|| other_kind(reference, column))?;
            if sample.is_empty() || values.is_empty() {
                return Ok(drift);
            }
            drift.psi = psi(counts, &bin_counts(&values, edges));
            let result = ks_two_sample(sample, &values, Alternative::TwoSided, Method::Auto)?;
            drift.test = Some("kolmogorov_smirnov".into());
            (drift.statistic, drift.p_value) = (Some(result.statistic), Some(result.p_value));
        }
        Spread::Levels(known) => {
            if numbers(column)?.is_some() {
                return Err(other_kind(reference, column));
            }
            let seen = levels(column)?;
            let count_of =
                |name: &str| seen.iter().find(|(level, _)| level == name).map_or(0, |(_, count)| *count);
            let here: Vec<usize> = known.iter().map(|(name, _)| count_of(name)).collect();
            let before: Vec<usize> = known.iter().map(|(_, count)| *count).collect();
            let kept: usize = before.iter().sum();
            // Levels that the reference did not keep count together; they are unseen only if it kept all.
            let rest_before = reference.n_rows - reference.missing - kept;
            let rest_here = column.n_rows() - column.null_count() - here.iter().sum::<usize>();
            drift.unseen = if rest_before == 0 { rest_here } else { 0 };
            let (before, here) = ([before, vec![rest_before]].concat(), [here, vec![rest_here]].concat());
            if here.iter().sum::<usize>() == 0 || before.iter().sum::<usize>() == 0 {
                return Ok(drift);
            }
            drift.psi = psi(&before, &here);
            let used: Vec<usize> = (0..before.len()).filter(|&i| before[i] + here[i] > 0).collect();
            if used.len() > 1 {
                let table = Array2::from_shape_fn(
                    (2, used.len()),
                    |(row, i)| if row == 0 { before[used[i]] } else { here[used[i]] } as f64,
                );
                let result = independence(&table, false)?;
                drift.test = Some("chi_squared".into());
                (drift.statistic, drift.p_value) = (Some(result.statistic), Some(result.p_value));
            }
        }
    }
    Ok(drift)
}

/// The probability by chance of a missing share as different from the reference as this one.
fn missing_p_value(reference: &ColumnReference, column: &Column) -> Result<f64> {
    let (before, here) = (reference.missing, column.null_count());
    let (n_before, n_here) = (reference.n_rows, column.n_rows());
    if n_here == 0 || before + here == 0 || before + here == n_before + n_here {
        return Ok(1.0);
    }
    // The exact test where its work is small; beyond, the two agree.
    if n_before + n_here <= 20_000 {
        let counts = [[before, n_before - before], [here, n_here - here]].map(|row| row.map(|n| n as u64));
        return Ok(fisher_exact(counts, Alternative::TwoSided)?.p_value);
    }
    let counts = [[before, n_before - before], [here, n_here - here]].map(|row| row.map(|n| n as f64));
    Ok(independence(&Array2::from(counts.to_vec()), false)?.p_value)
}

fn other_kind(reference: &ColumnReference, column: &Column) -> perennial_core::Error {
    perennial_core::Error::malformed(format!(
        "column `{}` is of type {:?} now, which is another kind than in the reference",
        reference.name,
        column.column_type()
    ))
}

/// The population stability index of two lists of counts (Siddiqi, "Credit Risk Scorecards", 2006).
fn psi(before: &[usize], here: &[usize]) -> f64 {
    let share =
        |counts: &[usize], i: usize| (counts[i] as f64 / counts.iter().sum::<usize>() as f64).max(FLOOR);
    (0..before.len())
        .map(|i| (share(here, i), share(before, i)))
        .map(|(here, before)| (here - before) * (here / before).ln())
        .sum()
}
