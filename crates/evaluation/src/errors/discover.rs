use std::fmt;

use perennial_core::{Param, Result};
use perennial_numeric::reduce;
use perennial_statistics::describe::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::halves::{Halves, score_other};
use crate::tabular::{Cells, Tabular, position};
use crate::{Metric, SliceOptions, SliceReport, Slices};

/// What the rows of a slice have in common in one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The feature has this value.
    Is {
        /// The feature.
        feature: String,
        /// Its value; a code where the feature is categorical.
        value: f64,
        /// How the condition reads where numbers do not say it: of categories, texts and moments of a table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    /// The feature has another value than this, or none.
    IsNot {
        /// The feature.
        feature: String,
        /// The value that it does not have.
        value: f64,
        /// How the condition reads where numbers do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    /// The feature is above this value, or missing.
    NotUpTo {
        /// The feature.
        feature: String,
        /// The value that it is above.
        up_to: f64,
        /// How the condition reads where numbers do not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    /// The feature is above the one and at most the other value.
    Between {
        /// The feature.
        feature: String,
        /// What it is above; nothing where it has no lower end.
        above: Option<f64>,
        /// What it is at most; nothing where it has no upper end.
        up_to: Option<f64>,
        /// How the condition reads where numbers do not say it: of moments of a table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
    },
    /// The feature has no value.
    Missing {
        /// The feature.
        feature: String,
    },
}

impl Condition {
    /// The feature that it is about.
    pub fn feature(&self) -> &str {
        match self {
            Condition::Is { feature, .. }
            | Condition::IsNot { feature, .. }
            | Condition::NotUpTo { feature, .. }
            | Condition::Between { feature, .. }
            | Condition::Missing { feature } => feature,
        }
    }

    /// Says how it reads where numbers do not: `label` gives what a value of the feature stands for.
    pub(super) fn show(&mut self, label: impl Fn(f64) -> Result<Option<String>>) -> Result<()> {
        let (feature, value) = match self {
            Condition::Is { feature, value, .. } | Condition::IsNot { feature, value, .. } => {
                (feature, *value)
            }
            Condition::NotUpTo { feature, up_to, .. }
            | Condition::Between { feature, above: None, up_to: Some(up_to), .. } => (feature, *up_to),
            Condition::Between { feature, above: Some(above), up_to: None, .. } => (feature, *above),
            _ => return Ok(()),
        };
        let Some(label) = label(value)? else { return Ok(()) };
        let feature = feature.clone();
        match self {
            Condition::Is { shown, .. } => *shown = Some(format!("{feature} = {label}")),
            Condition::IsNot { shown, .. } => *shown = Some(format!("{feature} is not {label}")),
            Condition::NotUpTo { shown, .. } => *shown = Some(format!("{feature} > {label} or is missing")),
            Condition::Between { shown, above: None, .. } => *shown = Some(format!("{feature} <= {label}")),
            Condition::Between { shown, .. } => *shown = Some(format!("{feature} > {label}")),
            Condition::Missing { .. } => {}
        }
        Ok(())
    }

    /// Whether it holds for a value of the feature.
    ///
    /// Of a table these are the numbers of [`Tabular::cells`], where a category or a text is its rank among those of this one table: a
    /// condition that was found there holds for the numbers of that table alone, and another one may number its categories
    /// otherwise. How a condition reads says the category itself.
    pub fn holds(&self, value: f64) -> bool {
        match self {
            Condition::Is { value: wanted, .. } => value == *wanted,
            Condition::IsNot { value: other, .. } => value != *other,
            Condition::NotUpTo { up_to, .. } => !(value <= *up_to),
            Condition::Between { above, up_to, .. } => {
                !value.is_nan()
                    && above.is_none_or(|above| value > above)
                    && up_to.is_none_or(|up_to| value <= up_to)
            }
            Condition::Missing { .. } => value.is_nan(),
        }
    }
}

/// A term such as `age in (30, 45]`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Is { shown: Some(shown), .. }
            | Condition::IsNot { shown: Some(shown), .. }
            | Condition::NotUpTo { shown: Some(shown), .. }
            | Condition::Between { shown: Some(shown), .. } => f.write_str(shown),
            Condition::Is { feature, value, .. } => write!(f, "{feature} = {value}"),
            Condition::IsNot { feature, value, .. } => write!(f, "{feature} is not {value}"),
            Condition::NotUpTo { feature, up_to, .. } => write!(f, "{feature} > {up_to} or is missing"),
            Condition::Between { feature, above: None, up_to: None, .. } => {
                write!(f, "{feature} has a value")
            }
            Condition::Between { feature, above: None, up_to: Some(up_to), .. } => {
                write!(f, "{feature} <= {up_to}")
            }
            Condition::Between { feature, above: Some(above), up_to: None, .. } => {
                write!(f, "{feature} > {above}")
            }
            Condition::Between { feature, above: Some(above), up_to: Some(up_to), .. } => {
                write!(f, "{feature} in ({above}, {up_to}]")
            }
            Condition::Missing { feature } => write!(f, "{feature} is missing"),
        }
    }
}

/// Slices that were found on one half of the rows, and their scores on the other half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscoveredSlices {
    /// The scores on the rows that were not searched, the worst first: their intervals and p-values hold although the slices
    /// were looked for.
    pub report: SliceReport,
    /// What each slice is, by the name under which the report has it; in the order in which they were found.
    pub conditions: Vec<(String, Vec<Condition>)>,
}

impl fmt::Display for DiscoveredSlices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

/// Looks for parts of the rows for which the answers are worse, by beam search over conditions on features.
///
/// One half of the rows is searched, the other tells whether what was found is real: what stands out by chance in the one
/// does not in the other. A further condition is kept only where it makes the slice worse.
///
/// Features are the columns of a `Matrix`, or with the feature `table` those of a `Table`: slices are then of categories, texts
/// and moments by their names.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_conditions` | 2 | 1 to 4 | features that a slice may speak of |
/// | `n_bins` | 4 | 2 to 64 | parts of a numeric feature, by quantiles |
/// | `beam_width` | 40 | >= 1 | slices from which the search goes on |
/// | `max_slices` | 10 | >= 1 | slices that are given |
/// | `options` | [`SliceOptions::new`] | | least support in each half, level, seed; weights count in the scores, not in the search |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Values};
/// use perennial_evaluation::errors::SliceFinder;
/// use perennial_evaluation::metric::MeanAbsoluteError;
///
/// // Right but for rows whose second feature is 3.
/// let x = Matrix::from(Array2::from_shape_fn((800, 2), |(row, column)| (row / (1 + 4 * column) % 4) as f64))
///     .with_names(["a", "b"])?;
/// let truth: Values = (0..800).map(|row| f64::from(row % 10)).collect();
/// let answer: Values = (0..800).map(|row| f64::from(row % 10) + f64::from(u8::from(row / 5 % 4 == 3))).collect();
/// let found = SliceFinder::new().find(&MeanAbsoluteError, &truth, &answer, &x)?;
/// assert_eq!(found.report.slices[0].name, "b = 3");
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SliceFinder {
    max_conditions: usize,
    n_bins: usize,
    beam_width: usize,
    max_slices: usize,
    options: SliceOptions,
}

const MAX_CONDITIONS: Param =
    Param::integer("max_conditions", "features that a slice may speak of").at_least(1.0).at_most(4.0);
const N_BINS: Param = Param::integer("n_bins", "parts of a numeric feature").at_least(2.0).at_most(64.0);
const BEAM_WIDTH: Param = Param::integer("beam_width", "slices from which the search goes on").at_least(1.0);
const MAX_SLICES: Param = Param::integer("max_slices", "slices that are given").at_least(1.0);

/// Slices that share more of their rows than this are one.
const SAME: f64 = 0.7;

impl Default for SliceFinder {
    fn default() -> Self {
        SliceFinder {
            max_conditions: 2,
            n_bins: 4,
            beam_width: 40,
            max_slices: 10,
            options: SliceOptions::new(),
        }
    }
}

impl SliceFinder {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Features that a slice may speak of.
    #[must_use]
    pub fn max_conditions(mut self, max_conditions: usize) -> Self {
        self.max_conditions = max_conditions;
        self
    }

    /// Parts of a numeric feature.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = n_bins;
        self
    }

    /// Slices from which the search goes on.
    #[must_use]
    pub fn beam_width(mut self, beam_width: usize) -> Self {
        self.beam_width = beam_width;
        self
    }

    /// Slices that are given.
    #[must_use]
    pub fn max_slices(mut self, max_slices: usize) -> Self {
        self.max_slices = max_slices;
        self
    }

    /// Least support in each half, level and seed.
    #[must_use]
    pub fn options(mut self, options: SliceOptions) -> Self {
        self.options = options;
        self
    }

    /// The slices of `x`, the features of the rows, for which the answers are worse.
    ///
    /// # Errors
    /// When a setting is out of range, the metric is no mean over rows (such as `LogLoss`, `Accuracy`, `MeanAbsoluteError`),
    /// `x` is sparse, a weight is not acceptable, or there are too few rows for two halves.
    pub fn find<M: Metric, X: Tabular>(
        &self,
        metric: &M,
        truth: &M::Truth,
        prediction: &M::Prediction,
        x: &X,
    ) -> Result<DiscoveredSlices> {
        MAX_CONDITIONS.check_count(self.max_conditions)?;
        N_BINS.check_count(self.n_bins)?;
        BEAM_WIDTH.check_count(self.beam_width)?;
        MAX_SLICES.check_count(self.max_slices)?;
        let Halves { losses, searched, other } =
            Halves::new(metric, truth, prediction, x.n_rows(), &self.options, 2)?;
        if let Some(matrix) = x.as_matrix() {
            matrix.dense()?;
        }
        let values: Vec<Cells> = (0..x.names().len()).map(|column| x.cells(column)).collect::<Result<_>>()?;
        let badness: Vec<f64> = searched.iter().map(|&row| losses[row]).collect();
        let terms = self.terms(&values, x, &searched)?;
        let found = Beam {
            finder: self,
            terms: &terms,
            badness: &badness,
            min_support: self.options.least_support(),
        }
        .search();
        let conditions: Vec<(String, Vec<Condition>)> = found
            .into_iter()
            .map(|slice| {
                let conditions: Vec<Condition> =
                    slice.terms.iter().map(|&term| terms[term].condition.clone()).collect();
                let name = conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
                (name, conditions)
            })
            .collect();
        let mut slices = Slices::new();
        for (name, conditions) in &conditions {
            let columns = conditions
                .iter()
                .map(|condition| Ok((values[position(x, condition.feature())?].values(), condition)))
                .collect::<Result<Vec<_>>>()?;
            let inside = |&place: &usize| {
                columns.iter().all(|(cells, condition)| condition.holds(cells[other[place]]))
            };
            slices = slices.rows(name.clone(), (0..other.len()).filter(inside).collect());
        }
        let report = score_other(metric, truth, prediction, &slices, &other, &self.options)?;
        Ok(DiscoveredSlices { report, conditions })
    }

    /// All single conditions, with the searched rows for which they hold.
    fn terms<X: Tabular>(&self, values: &[Cells], x: &X, half: &[usize]) -> Result<Vec<Term>> {
        let names: Vec<&str> = x.names().collect();
        let of_column = |column: usize| {
            let feature = names[column].to_owned();
            let cells = values[column].values();
            let own: Vec<f64> = half.iter().map(|&row| cells[row]).collect();
            let mut sorted: Vec<f64> = own.iter().copied().filter(|value| !value.is_nan()).collect();
            sorted.sort_by(f64::total_cmp);
            let mut distinct = sorted.clone();
            distinct.dedup();
            let categorical = matches!(values[column], Cells::Labels(_));
            let mut conditions = Vec::new();
            if categorical || distinct.len() <= self.n_bins {
                // Of texts there can be as many as rows; those of too few rows are no slice.
                let count = |value: f64| {
                    sorted.partition_point(|other| *other <= value)
                        - sorted.partition_point(|other| *other < value)
                };
                distinct.retain(|value| count(*value) >= self.options.least_support());
                let labels = x.labels(column, &distinct)?;
                for (place, value) in distinct.into_iter().enumerate() {
                    let shown = labels.as_ref().map(|labels| format!("{feature} = {}", labels[place]));
                    conditions.push(Condition::Is { feature: feature.clone(), value, shown });
                }
            } else {
                let edge = |bin: usize| {
                    let inner = bin > 0 && bin < self.n_bins;
                    inner.then(|| quantile_sorted(&sorted, bin as f64 / self.n_bins as f64))
                };
                for bin in 0..self.n_bins {
                    let (above, up_to) = (edge(bin), edge(bin + 1));
                    let known: Vec<f64> = above.iter().chain(&up_to).copied().collect();
                    let shown = match x.labels(column, &known)?.as_deref() {
                        Some([above, up_to]) => Some(format!("{feature} in ({above}, {up_to}]")),
                        Some([edge]) if above.is_some() => Some(format!("{feature} > {edge}")),
                        Some([edge]) => Some(format!("{feature} <= {edge}")),
                        _ => None,
                    };
                    conditions.push(Condition::Between { feature: feature.clone(), above, up_to, shown });
                }
            }
            if sorted.len() < own.len() {
                conditions.push(Condition::Missing { feature });
            }
            let term = |condition: Condition| {
                let mut rows = vec![0_u64; half.len().div_ceil(64)];
                for (place, _) in own.iter().enumerate().filter(|(_, value)| condition.holds(**value)) {
                    rows[place / 64] |= 1 << (place % 64);
                }
                Term { column, condition, rows }
            };
            Ok(conditions.into_iter().map(term).collect::<Vec<_>>())
        };
        Ok(reduce::try_map_each(values.len(), of_column)?.into_iter().flatten().collect())
    }
}

struct Term {
    column: usize,
    condition: Condition,
    /// A bit for each searched row.
    rows: Vec<u64>,
}

#[derive(Clone)]
struct Found {
    terms: Vec<usize>,
    rows: Vec<u64>,
    /// Welch's statistic of the badness against the rest.
    statistic: f64,
}

struct Beam<'a> {
    finder: &'a SliceFinder,
    terms: &'a [Term],
    badness: &'a [f64],
    min_support: usize,
}

impl Beam<'_> {
    fn search(&self) -> Vec<Found> {
        let (total, squares) =
            (reduce::sum(self.badness), reduce::sum_by(self.badness.len(), |row| self.badness[row].powi(2)));
        let weigh = |terms: Vec<usize>, rows: Vec<u64>| {
            self.statistic(&rows, total, squares).map(|statistic| Found { terms, rows, statistic })
        };
        let singles =
            reduce::map_each(self.terms.len(), |term| weigh(vec![term], self.terms[term].rows.clone()));
        let mut level: Vec<Found> = singles.into_iter().flatten().collect();
        let mut all = Vec::new();
        for size in 1..=self.finder.max_conditions {
            rank(&mut level);
            level.truncate(self.finder.beam_width);
            all.extend(level.iter().cloned());
            if size == self.finder.max_conditions {
                break;
            }
            let grown = reduce::map_each(level.len(), |place| {
                let parent = &level[place];
                let taken =
                    |column: usize| parent.terms.iter().any(|&term| self.terms[term].column == column);
                let mut grown = Vec::new();
                for (number, term) in self.terms.iter().enumerate().filter(|(_, term)| !taken(term.column)) {
                    let rows: Vec<u64> = parent.rows.iter().zip(&term.rows).map(|(a, b)| a & b).collect();
                    if rows == parent.rows {
                        continue;
                    }
                    let mut terms = parent.terms.clone();
                    terms.push(number);
                    terms.sort_unstable();
                    grown.extend(weigh(terms, rows).filter(|found| found.statistic > parent.statistic));
                }
                grown
            });
            level = grown.into_iter().flatten().collect();
            // The same slice comes from each of its parents.
            level.sort_by(|a, b| a.terms.cmp(&b.terms));
            level.dedup_by(|a, b| a.terms == b.terms);
        }
        rank(&mut all);
        let mut chosen: Vec<Found> = Vec::new();
        for found in all {
            if chosen.len() == self.finder.max_slices {
                break;
            }
            if chosen.iter().all(|other| overlap(&other.rows, &found.rows) <= SAME) {
                chosen.push(found);
            }
        }
        chosen
    }

    /// How much worse these rows are than the rest, in standard errors; nothing where either side is too small or no worse.
    fn statistic(&self, rows: &[u64], total: f64, squares: f64) -> Option<f64> {
        let support: usize = rows.iter().map(|word| word.count_ones() as usize).sum();
        let rest = self.badness.len() - support;
        if support < self.min_support || rest < self.min_support {
            return None;
        }
        let (mut sum, mut square) = (0.0, 0.0);
        for (number, &word) in rows.iter().enumerate() {
            let mut bits = word;
            while bits != 0 {
                let badness = self.badness[number * 64 + bits.trailing_zeros() as usize];
                sum += badness;
                square += badness * badness;
                bits &= bits - 1;
            }
        }
        let part = |n: usize, sum: f64, square: f64| {
            let (n, mean) = (n as f64, sum / n as f64);
            (mean, ((square / n - mean * mean).max(0.0) / (n - 1.0).max(1.0)))
        };
        let (inside, outside) = (part(support, sum, square), part(rest, total - sum, squares - square));
        let gap = inside.0 - outside.0;
        // Where nothing varies, any gap is as large as can be.
        let error = (inside.1 + outside.1).sqrt().max(1e-12 * gap.abs()).max(f64::MIN_POSITIVE);
        (gap > 0.0).then(|| gap / error)
    }
}

fn rank(found: &mut [Found]) {
    found.sort_by(|a, b| b.statistic.total_cmp(&a.statistic).then_with(|| a.terms.cmp(&b.terms)));
}

/// The rows of both as a share of the rows of either.
fn overlap(a: &[u64], b: &[u64]) -> f64 {
    let count = |of: fn(u64, u64) -> u64| a.iter().zip(b).map(|(a, b)| of(*a, *b).count_ones()).sum::<u32>();
    f64::from(count(|a, b| a & b)) / f64::from(count(|a, b| a | b).max(1))
}
