//! Columns that give the answer away.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use perennial_core::{Error, Param, Result};
use perennial_data::{Column, ColumnType, Table};
use perennial_numeric::linalg::Qr;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

/// Looks for columns that give the answer away: a target that can be computed from others, or one column that
/// predicts it too well to be true.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `most_explained` | 0.95 | (0, 1] | the share of the target one column may explain before it is suspect |
///
/// What is explained is measured on rows that were not used to learn it. A finding stops the work unless it is
/// waived by name and reason; waivers stay in the report.
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_features::LeakageScan;
///
/// let day = |i: i64| (i * 37) % 41;
/// let night = |i: i64| (i * 53) % 29;
/// let table = Table::new([
///     ("day", Column::integer((0..200).map(day))),
///     ("night", Column::integer((0..200).map(night))),
///     ("total", Column::integer((0..200).map(|i| day(i) + night(i)))),
/// ])?;
/// let report = LeakageScan::new().scan(&table, "total")?;
/// let error = report.enforce().unwrap_err();
/// assert!(error.to_string().contains("`day` and `night`"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeakageScan {
    most_explained: f64,
    waivers: BTreeMap<String, String>,
}

impl Default for LeakageScan {
    fn default() -> Self {
        LeakageScan { most_explained: 0.95, waivers: BTreeMap::new() }
    }
}

const MOST_EXPLAINED: Param =
    Param::real("most_explained", "share one column may explain").above(0.0).at_most(1.0);

/// Why a finding is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The target is a sum of multiples of these columns.
    Computes,
    /// This one column explains nearly all of the target.
    Explains,
}

/// Columns that give the answer away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The columns.
    pub columns: Vec<String>,
    /// Why.
    pub reason: Reason,
    /// The share of the target that they explain.
    pub explained: f64,
    /// The same in a sentence.
    pub message: String,
    /// Why it is allowed, where somebody said so for every column of it.
    pub waiver: Option<String>,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakageReport {
    /// The column that is to be predicted.
    pub target: String,
    /// What was found, waived or not.
    pub findings: Vec<Finding>,
}

impl LeakageReport {
    /// Stops when a finding is not waived.
    ///
    /// # Errors
    /// [`ErrorKind::Leakage`](perennial_core::ErrorKind::Leakage) naming the columns.
    pub fn enforce(&self) -> Result<()> {
        let open: Vec<&str> = self
            .findings
            .iter()
            .filter(|finding| finding.waiver.is_none())
            .map(|finding| finding.message.as_str())
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(Error::leakage(format!(
            "the answer leaks: {}. Leave such columns out, or say why they are known in time with `waive(column, reason)`",
            open.join("; ")
        )))
    }

    /// The columns of all findings that are not waived, each once.
    pub fn columns(&self) -> Vec<&str> {
        let open = self.findings.iter().filter(|finding| finding.waiver.is_none());
        let mut names: Vec<&str> =
            open.flat_map(|finding| finding.columns.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl LeakageScan {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MOST_EXPLAINED];

    /// The usual threshold, no waivers.
    pub fn new() -> Self {
        LeakageScan::default()
    }

    /// The share of the target one column may explain before it is suspect.
    #[must_use]
    pub fn most_explained(mut self, share: f64) -> Self {
        self.most_explained = share;
        self
    }

    /// Says why a column is known in time and may stay.
    #[must_use]
    pub fn waive(mut self, column: &str, reason: &str) -> Self {
        self.waivers.insert(column.into(), reason.into());
        self
    }

    /// Scans all other columns of a table for what gives `target` away.
    ///
    /// # Errors
    /// When the setting is out of range, or the target does not exist or has fewer than 20 values.
    pub fn scan(&self, table: &Table, target: &str) -> Result<LeakageReport> {
        MOST_EXPLAINED.check(self.most_explained)?;
        let truth = Truth::of(table.column(target)?, target)?;
        let mut findings: Vec<Finding> = self.sums(table, target, &truth)?.into_iter().collect();
        let others: Vec<(&str, &Column)> = table.columns().filter(|(name, _)| *name != target).collect();
        let explained = reduce::try_map_each(others.len(), |i| truth.explained_by(others[i].1))?;
        for ((name, _), explained) in others.iter().zip(explained) {
            if explained >= self.most_explained {
                let message = format!(
                    "`{name}` alone explains {:.1} % of `{target}` on rows it was not learned from",
                    100.0 * explained
                );
                findings.push(self.finding(vec![name.to_string()], Reason::Explains, explained, message));
            }
        }
        Ok(LeakageReport { target: target.into(), findings })
    }

    fn finding(&self, columns: Vec<String>, reason: Reason, explained: f64, message: String) -> Finding {
        let reasons: Option<Vec<&str>> =
            columns.iter().map(|column| self.waivers.get(column).map(String::as_str)).collect();
        let waiver = reasons.map(|reasons| reasons.join("; "));
        Finding { columns, reason, explained, message, waiver }
    }

    /// Whether a numeric target is a sum of multiples of numeric columns, and of which.
    fn sums(&self, table: &Table, target: &str, truth: &Truth) -> Result<Option<Finding>> {
        let Truth::Number { values, .. } = truth else { return Ok(None) };
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for (name, column) in table.columns().filter(|(name, _)| *name != target) {
            let numeric =
                matches!(column.column_type(), ColumnType::Integer | ColumnType::Real | ColumnType::Boolean);
            if numeric && column.null_count() == 0 && names.len() < 200 {
                let cells = match column.column_type() {
                    ColumnType::Integer => column.as_integer()?.flatten().map(|cell| cell as f64).collect(),
                    _ => column.as_real()?.into_owned(),
                };
                let mut cells: Vec<f64> = cells;
                shrink(&mut cells);
                if cells.iter().all(|cell| cell.is_finite()) {
                    names.push(name);
                    columns.push(cells);
                }
            }
        }
        let complete: Vec<usize> = (0..values.len()).filter(|&row| values[row].is_finite()).collect();
        if names.is_empty() || complete.len() < 2 * (names.len() + 2) {
            return Ok(None);
        }
        let x = Array2::from_shape_fn((complete.len(), names.len()), |(row, column)| {
            columns[column][complete[row]]
        });
        let y = Array2::from_shape_fn((complete.len(), 1), |(row, _)| values[complete[row]]);
        let total = spread(&y.column(0).to_vec());
        let explained = |kept: &[usize]| -> Result<f64> {
            if kept.is_empty() {
                return Ok(0.0);
            }
            let rest = Qr::new(&x.select(Axis(1), kept), &y, None, true)?.solve()?.residual_sum_of_squares[0];
            Ok(1.0 - rest / total)
        };
        const EXACT: f64 = 1.0 - 1e-9;
        let mut kept: Vec<usize> = (0..names.len()).collect();
        if !(total > 0.0 && explained(&kept)? >= EXACT) {
            return Ok(None);
        }
        // Leave out one column after the other as long as the sum stays exact.
        for column in 0..names.len() {
            let without: Vec<usize> = kept.iter().copied().filter(|&other| other != column).collect();
            if explained(&without)? >= EXACT {
                kept = without;
            }
        }
        let share = explained(&kept)?;
        let columns: Vec<String> = kept.iter().map(|&column| names[column].to_owned()).collect();
        let quoted: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("`{target}` can be computed from {}", quoted.join(" and "));
        Ok(Some(self.finding(columns, Reason::Computes, share, message)))
    }
}

/// Divides huge numbers by a power of two, so that their squares stay in range; no share depends on it.
fn shrink(values: &mut [f64]) {
    let huge = |value: &f64| value.is_finite() && value.abs() > 1e100;
    if values.iter().any(huge) {
        values.iter_mut().for_each(|value| *value *= 2.0_f64.powi(-900));
    }
}

fn spread(values: &[f64]) -> f64 {
    let mean = reduce::mean(values);
    reduce::sum_by(values.len(), |row| (values[row] - mean).powi(2))
}

/// The target, as numbers or as classes.
enum Truth {
    Number { values: Vec<f64>, total: f64 },
    Class { codes: Vec<Option<u32>>, n_classes: usize, wrong: f64 },
}

/// A column is cut into at most so many bins of equal size to see what it explains.
const BINS: usize = 50;

impl Truth {
    fn of(column: &Column, name: &str) -> Result<Truth> {
        let present = column.n_rows() - column.null_count();
        if present < 20 {
            return Err(Error::insufficient_data(format!(
                "the target `{name}` has {present} values; a leakage scan needs at least 20"
            )));
        }
        if let Some(mut values) = numbers(column)? {
            shrink(&mut values);
            let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            return Ok(Truth::Number { total: spread(&known), values });
        }
        let codes = codes(column)?;
        let n_classes = codes.iter().flatten().max().map_or(0, |&most| most as usize + 1);
        let mut counts = vec![0.0; n_classes];
        codes.iter().flatten().for_each(|&code| counts[code as usize] += 1.0);
        let wrong = counts.iter().sum::<f64>() - counts.iter().fold(0.0, |most: f64, count| most.max(*count));
        Ok(Truth::Class { codes, n_classes, wrong })
    }

    /// The share of the target that a column explains: of its variance, or of the mistakes of always saying the
    /// most frequent class. Each half of the rows is explained by what the other half taught.
    fn explained_by(&self, column: &Column) -> Result<f64> {
        let groups = match numbers(column)? {
            Some(values) => bins(&values),
            None => codes(column)?.into_iter().map(|code| code.map(|code| code as usize)).collect(),
        };
        let n_groups = groups.iter().flatten().max().map_or(0, |most| most + 1);
        // A group of its own for nearly every row would explain all and teach nothing.
        let unexplained: f64 = (0..2).map(|half| self.unexplained(&groups, n_groups, half)).sum();
        let whole = match self {
            Truth::Number { total, .. } => *total,
            Truth::Class { wrong, .. } => *wrong,
        };
        Ok(if whole > 0.0 { 1.0 - unexplained / whole } else { 0.0 })
    }

    fn unexplained(&self, groups: &[Option<usize>], n_groups: usize, half: usize) -> f64 {
        let slot = |group: Option<usize>| group.unwrap_or(n_groups);
        match self {
            Truth::Number { values, .. } => {
                let (mut sums, mut counts) = (vec![0.0; n_groups + 1], vec![0.0; n_groups + 1]);
                for row in (0..values.len()).filter(|row| row % 2 != half && values[*row].is_finite()) {
                    sums[slot(groups[row])] += values[row];
                    counts[slot(groups[row])] += 1.0;
                }
                let mean = sums.iter().sum::<f64>() / counts.iter().sum::<f64>().max(1.0);
                let guess =
                    |group: usize| if counts[group] > 0.0 { sums[group] / counts[group] } else { mean };
                (0..values.len())
                    .filter(|row| row % 2 == half && values[*row].is_finite())
                    .map(|row| (values[row] - guess(slot(groups[row]))).powi(2))
                    .sum()
            }
            Truth::Class { codes, n_classes, .. } => {
                // Pairs that occur, not a table of all that could: groups and classes may both be many.
                let mut overall = vec![0; *n_classes];
                let mut seen: Vec<(usize, u32)> = Vec::new();
                for row in (0..codes.len()).filter(|row| row % 2 != half) {
                    if let Some(code) = codes[row] {
                        seen.push((slot(groups[row]), code));
                        overall[code as usize] += 1;
                    }
                }
                seen.sort_unstable();
                let most =
                    (0..overall.len()).fold(0, |best, i| if overall[i] > overall[best] { i } else { best });
                let mut guesses = vec![(0, most as u32); n_groups + 1];
                for run in seen.chunk_by(|a, b| a == b) {
                    let (group, code) = run[0];
                    if run.len() > guesses[group].0 {
                        guesses[group] = (run.len(), code);
                    }
                }
                let wrong =
                    |row: &usize| codes[*row].is_some_and(|code| code != guesses[slot(groups[*row])].1);
                (0..codes.len()).filter(|row| row % 2 == half).filter(wrong).count() as f64
            }
        }
    }
}

fn numbers(column: &Column) -> Result<Option<Vec<f64>>> {
    Ok(match column.column_type() {
        ColumnType::Real => Some(column.as_real()?.into_owned()),
        ColumnType::Integer => {
            Some(column.as_integer()?.map(|cell| cell.map_or(f64::NAN, |cell| cell as f64)).collect())
        }
        ColumnType::Date | ColumnType::DateTime => {
            Some(column.as_date_time()?.map(|cell| cell.map_or(f64::NAN, |micros| micros as f64)).collect())
        }
        _ => None,
    })
}

fn codes(column: &Column) -> Result<Vec<Option<u32>>> {
    if column.column_type() == ColumnType::Boolean {
        return Ok(column.as_boolean()?.map(|cell| cell.map(u32::from)).collect());
    }
    let mut levels: BTreeMap<&str, u32> = BTreeMap::new();
    let mut codes = Vec::with_capacity(column.n_rows());
    for cell in column.as_text()? {
        let next = levels.len() as u32;
        codes.push(cell.map(|cell| *levels.entry(cell).or_insert(next)));
    }
    Ok(codes)
}

/// The bin of each value, by rank; equal values share a bin. NaN has none.
fn bins(values: &[f64]) -> Vec<Option<usize>> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    // In a small table a bin must still have rows in both halves.
    let n_bins = (sorted.len() / 4).clamp(2, BINS);
    let mut edges: Vec<f64> =
        (1..n_bins).map(|bin| sorted.get(bin * sorted.len() / n_bins).copied().unwrap_or(f64::MAX)).collect();
    edges.dedup();
    let bin = |value: &f64| edges.partition_point(|edge| edge <= value);
    values.iter().map(|value| (!value.is_nan()).then(|| bin(value))).collect()
}
