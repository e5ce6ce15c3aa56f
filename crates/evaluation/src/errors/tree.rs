use std::fmt;

use ndarray::ArrayRef2;
use perennial_core::{FeatureKind, Matrix, Param, Result, Rows};
use serde::{Deserialize, Serialize};

use super::discover::Condition;
use super::fixes::{Fix, Known, fixes_of};
use super::halves::{Halves, score_other};
use crate::tabular::{AsNumbers, Tabular};
use crate::{Metric, SliceOptions, SliceReport, SliceScore, Slices};

/// A leaf of an error tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorGroup {
    /// What its rows have in common.
    pub conditions: Vec<Condition>,
    /// Its rows, of both halves.
    pub rows: Vec<usize>,
    /// Its score on the rows that the tree was not grown on, with support and interval; nothing where these are too few.
    pub score: Option<SliceScore>,
    /// What might help.
    pub fixes: Vec<Fix>,
}

/// Groups of rows that are bad alike, the worst first: every row is in one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorGroups {
    /// The leaves of the tree.
    pub groups: Vec<ErrorGroup>,
    /// The scores of the leaves on the rows that were not searched.
    pub report: SliceReport,
}

impl fmt::Display for ErrorGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.4} overall", self.report.metric, self.report.overall)?;
        for group in &self.groups {
            write!(f, "\n{}: ", name_of(&group.conditions))?;
            match &group.score {
                Some(score) => write!(f, "{} on {} rows", score.interval, score.support)?,
                None => write!(f, "{} rows", group.rows.len())?,
            }
            group.fixes.iter().try_for_each(|fix| write!(f, "\n  - {fix}"))?;
        }
        Ok(())
    }
}

/// A small tree of where a model errs: the rows are split, again and again, where what is bad differs most.
///
/// The tree is grown on one half of the rows and its leaves are scored on the other, so that their intervals hold although they
/// were looked for. Unlike the slices of [`SliceFinder`](super::SliceFinder) leaves do not overlap and cover all rows. With each
/// leaf stand the fixes that the rows speak for.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_depth` | 3 | 1 to 6 | conditions of a leaf |
/// | `options` | [`SliceOptions::new`] | | least support in each half, level, seed; weights count in the scores, not in the search |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Values};
/// use perennial_evaluation::errors::ErrorTree;
/// use perennial_evaluation::metric::MeanAbsoluteError;
///
/// // Right but for rows whose second feature is above 5.
/// let x = Matrix::from(Array2::from_shape_fn((600, 2), |(row, column)| ((row * (7 + 4 * column)) % 10) as f64))
///     .with_names(["a", "b"])?;
/// let truth: Values = (0..600).map(|row| f64::from(row % 10)).collect();
/// let answer: Values = (0..600).map(|row| f64::from(row % 10) + f64::from(u8::from(row * 11 % 10 > 5))).collect();
/// let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, None)?;
/// assert_eq!(found.groups[0].conditions[0].to_string(), "b > 5.5");
/// assert!(found.groups[0].fixes[0].to_string().contains("interaction of b"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorTree {
    max_depth: usize,
    options: SliceOptions,
}

const MAX_DEPTH: Param = Param::integer("max_depth", "conditions of a leaf").at_least(1.0).at_most(6.0);

impl Default for ErrorTree {
    fn default() -> Self {
        ErrorTree { max_depth: 3, options: SliceOptions::new() }
    }
}

/// What one split makes of a node: how much it explains, and the condition of its first side.
struct Cut {
    gain: f64,
    column: usize,
    first: Condition,
    second: Condition,
}

impl ErrorTree {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MAX_DEPTH];

    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Conditions of a leaf.
    #[must_use]
    pub fn max_depth(mut self, max_depth: usize) -> Self {
        self.max_depth = max_depth;
        self
    }

    /// Least support in each half, level and seed.
    #[must_use]
    pub fn options(mut self, options: SliceOptions) -> Self {
        self.options = options;
        self
    }

    /// Grows the tree over `x`, the features of the rows, of a matrix or a table; `train` are the features of the rows that the model has learned from,
    /// where they are at hand.
    ///
    /// The numbers of conditions are those of [`Tabular::cells`] of `x`, whatever the training rows have besides; how a condition reads
    /// says the label.
    ///
    /// # Errors
    /// When a setting is out of range, the metric is no mean over rows, `x` is sparse, a weight is not acceptable, or there are too
    /// few rows for two halves.
    pub fn find<M: Metric, X: Tabular>(
        &self,
        metric: &M,
        truth: &M::Truth,
        prediction: &M::Prediction,
        x: &X,
        train: Option<&X>,
    ) -> Result<ErrorGroups> {
        MAX_DEPTH.check_count(self.max_depth)?;
        let (rows, numbers) = (x, AsNumbers::of(x, train)?);
        let (x, train) = (&numbers.x, numbers.beside.as_ref());
        let Halves { losses: mut badness, searched, other } =
            Halves::new(metric, truth, prediction, x.n_rows(), &self.options, 1)?;
        if M::HIGHER_IS_BETTER {
            // From the best score on.
            let least = badness.iter().copied().fold(f64::INFINITY, f64::min);
            badness.iter_mut().for_each(|loss| *loss -= least);
        }
        let values = x.dense()?;
        let mut leaves = Vec::new();
        self.grow(values, x, &badness, searched, Vec::new(), &mut leaves)?;
        for condition in leaves.iter_mut().flatten() {
            let column = x.features().position(condition.feature())?;
            condition.show(|value| {
                Ok(rows.labels(column, &[value])?.and_then(|labels| labels.into_iter().next()))
            })?;
        }
        let known = train.map(|train| Known::new(train, x)).transpose()?;
        let mut slices = Slices::new();
        for conditions in &leaves {
            let inside = |place: &usize| holds(x, values, other[*place], conditions);
            slices = slices.rows(name_of(conditions), (0..other.len()).filter(inside).collect());
        }
        let report = score_other(metric, truth, prediction, &slices, &other, &self.options)?;
        let group = |conditions: Vec<Condition>| {
            let name = name_of(&conditions);
            let rows: Vec<usize> =
                (0..x.n_rows()).filter(|&row| holds(x, values, row, &conditions)).collect();
            let mut features: Vec<String> = conditions.iter().map(|c| c.feature().to_owned()).collect();
            features.sort_unstable();
            features.dedup();
            // Where answers are as good as can be there is nothing to mend.
            let bad = rows.iter().any(|&row| badness[row] > 0.0);
            let fixes =
                if bad { fixes_of(&badness, x, &rows, &features, known.as_ref())? } else { Vec::new() };
            let score = report.slices.iter().find(|slice| slice.name == name).cloned();
            Ok(ErrorGroup { conditions, rows, score, fixes })
        };
        let mut groups = leaves.into_iter().map(group).collect::<Result<Vec<_>>>()?;
        let mean = |group: &ErrorGroup| {
            group.rows.iter().map(|&row| badness[row]).sum::<f64>() / group.rows.len().max(1) as f64
        };
        groups.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        Ok(ErrorGroups { groups, report })
    }

    fn grow(
        &self,
        values: &ArrayRef2<f64>,
        x: &Matrix,
        badness: &[f64],
        rows: Vec<usize>,
        conditions: Vec<Condition>,
        leaves: &mut Vec<Vec<Condition>>,
    ) -> Result<()> {
        let cut = match conditions.len() < self.max_depth {
            true => best_cut(values, x, badness, &rows, self.options.least_support()),
            false => None,
        };
        let Some(Cut { column, first, second, .. }) = cut else {
            leaves.push(conditions);
            return Ok(());
        };
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            rows.into_iter().partition(|&row| first.holds(values[[row, column]]));
        for (condition, rows) in [(first, inside), (second, outside)] {
            let mut conditions = conditions.clone();
            conditions.push(condition);
            self.grow(values, x, badness, rows, conditions, leaves)?;
        }
        Ok(())
    }
}

/// The cut that explains most of what is bad, where both sides are large enough and it is more than chance would give: twice
/// the mean square within the sides, for each of the places that were tried, on a logarithmic scale.
fn best_cut(
    values: &ArrayRef2<f64>,
    x: &Matrix,
    badness: &[f64],
    rows: &[usize],
    support: usize,
) -> Option<Cut> {
    let n = rows.len() as f64;
    let total: f64 = rows.iter().map(|&row| badness[row]).sum();
    let spread: f64 = rows.iter().map(|&row| (badness[row] - total / n).powi(2)).sum();
    let (mut best, mut tried): (Option<Cut>, f64) = (None, 0.0);
    for column in 0..values.ncols() {
        let feature = x.features().name(column).to_owned();
        let mut known: Vec<usize> =
            rows.iter().copied().filter(|&row| !values[[row, column]].is_nan()).collect();
        let missing = rows.len() - known.len();
        let mut consider = |size: usize, sum: f64, cut: &dyn Fn() -> (Condition, Condition)| {
            let rest = rows.len() - size;
            if size < support || rest < support {
                return;
            }
            tried += 1.0;
            let gain = sum * sum / size as f64 + (total - sum).powi(2) / rest as f64 - total * total / n;
            if best.as_ref().is_none_or(|best| gain > best.gain) {
                let (first, second) = cut();
                best = Some(Cut { gain, column, first, second });
            }
        };
        let sum_of = |rows: &[usize]| rows.iter().map(|&row| badness[row]).sum::<f64>();
        if missing > 0 {
            let sum = total - sum_of(&known);
            consider(missing, sum, &|| {
                let has =
                    Condition::Between { feature: feature.clone(), above: None, up_to: None, shown: None };
                (Condition::Missing { feature: feature.clone() }, has)
            });
            // Missing values are a side of their own first, where they are enough for one.
            if missing >= support {
                continue;
            }
        }
        // Rows without a value, wherever they are, belong to the second side.
        let leaves_out = values.column(column).iter().any(|value| value.is_nan());
        known.sort_by(|&a, &b| values[[a, column]].total_cmp(&values[[b, column]]).then(a.cmp(&b)));
        let categorical = x.features().kind(column) != FeatureKind::Numeric;
        let (mut start, mut below) = (0, 0.0);
        while start < known.len() {
            let value = values[[known[start], column]];
            let end = start
                + known[start..].iter().take_while(|&&row| values[[row, column]] == value).count().max(1);
            let own = sum_of(&known[start..end]);
            below += own;
            if categorical {
                consider(end - start, own, &|| {
                    let is = Condition::Is { feature: feature.clone(), value, shown: None };
                    (is, Condition::IsNot { feature: feature.clone(), value, shown: None })
                });
            } else if end < known.len() {
                let edge = 0.5 * value + 0.5 * values[[known[end], column]];
                let edge = if edge.is_finite() { edge } else { value };
                consider(end, below, &|| {
                    let of = |above, up_to| {
                        let feature = feature.clone();
                        Condition::Between { feature, above, up_to, shown: None }
                    };
                    let not_up_to =
                        || Condition::NotUpTo { feature: feature.clone(), up_to: edge, shown: None };
                    let second = if leaves_out { not_up_to() } else { of(Some(edge), None) };
                    (of(None, Some(edge)), second)
                });
            }
            start = end;
        }
    }
    let best = best?;
    let within = (spread - best.gain).max(0.0) / (n - 2.0).max(1.0);
    (best.gain > 0.0 && best.gain > within * (4.0 + 2.0 * tried.max(1.0).ln())).then_some(best)
}

fn holds(x: &Matrix, values: &ArrayRef2<f64>, row: usize, conditions: &[Condition]) -> bool {
    conditions.iter().all(|condition| {
        x.features().position(condition.feature()).is_ok_and(|column| condition.holds(values[[row, column]]))
    })
}

fn name_of(conditions: &[Condition]) -> String {
    match conditions {
        [] => "all rows".to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    }
}
