//! How much a model needs each feature.

use std::fmt;

use perennial_core::{Context, Error, Param, Predictor, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::interval::two_sided_t;
use crate::tasks;
use crate::{ColumnChange, Judges, Metric, Tabular};

const N_REPEATS: Param = Param::integer("n_repeats", "how often each feature is shuffled").at_least(2.0);

/// How much a model needs each feature: what the score loses when the values of the feature are shuffled among the rows
/// (Breiman, 2001; Fisher, Rudin and Dominici, 2019).
///
/// Measure it on rows that the model did not learn from. Features that say the same stand in for each other and seem to
/// matter little, each alone.
///
/// Rows are those of a `Matrix`, or with the feature `table` those of a `Table`: of a pipeline over a table the columns of the
/// table are shuffled, texts and categories as they are.
///
/// The intervals cover the chance of the shuffles and nothing else: they say how sure the mean is for these rows, and with more
/// repeats they shrink to nothing. That other rows would give other importances is not in them; for it, measure on several
/// test parts, such as those of cross-validation.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_repeats` | 10 | >= 2 | how often each feature is shuffled |
/// | `level` | 0.95 | in (0, 1) | of the intervals |
/// | `context` | a new one | | seed, progress and cancelling |
/// | `weights` | none | >= 0 | how much each row counts in the score |
/// | `group` | none | names of features | features that are shuffled together, row by row, and have one entry for all of them |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Predictor, Result, Values};
/// use perennial_evaluation::PermutationImportance;
/// use perennial_evaluation::metric::MeanAbsoluteError;
///
/// /// Answers with the first feature.
/// struct First;
///
/// impl Predictor for First {
///     type Input = Matrix;
///     type Output = Values;
///
///     fn predict(&self, x: &Matrix) -> Result<Values> {
///         Ok(x.dense()?.column(0).to_vec().into())
///     }
/// }
///
/// let x = Matrix::from(Array2::from_shape_fn((50, 2), |(row, column)| (row * (column + 1)) as f64));
/// let y: Values = (0..50).map(f64::from).collect();
/// let features = PermutationImportance::new().measure(&First, &x, &y, &MeanAbsoluteError)?;
/// assert!(features[0].interval.low > 1.0);
/// assert_eq!(features[1].interval.estimate, 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PermutationImportance {
    n_repeats: usize,
    level: f64,
    ctx: Context,
    groups: Vec<(String, Vec<String>)>,
    weights: Option<Vec<f64>>,
}

/// What the score loses without one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The name of the feature, or of the group of features.
    pub feature: String,
    /// The mean loss with Student's interval over the repeats: how sure the mean is for these rows, and not for others.
    pub interval: Interval,
    /// The loss of each repeat; below 0 where shuffling helped.
    pub losses: Vec<f64>,
}

impl fmt::Display for FeatureImportance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.feature, self.interval)
    }
}

impl Default for PermutationImportance {
    fn default() -> Self {
        PermutationImportance {
            n_repeats: 10,
            level: 0.95,
            ctx: Context::new(),
            groups: Vec::new(),
            weights: None,
        }
    }
}

impl PermutationImportance {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often each feature is shuffled.
    #[must_use]
    pub fn n_repeats(mut self, n_repeats: usize) -> Self {
        self.n_repeats = n_repeats;
        self
    }

    /// Sets the level of the intervals.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// Sets how much each row counts in the score.
    #[must_use]
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = Some(weights.to_vec());
        self
    }

    /// Shuffles features together: those that say the same, or that come from one, such as the columns of a one-hot code.
    #[must_use]
    pub fn group<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        features: impl IntoIterator<Item = S>,
    ) -> Self {
        self.groups.push((name.into(), features.into_iter().map(Into::into).collect()));
        self
    }

    /// What is shuffled together: a group where its first feature stands, all other features alone.
    fn units(&self, names: &[String]) -> Result<Vec<(String, Vec<usize>)>> {
        let mut of_column: Vec<Option<usize>> = vec![None; names.len()];
        let mut columns_of = vec![Vec::new(); self.groups.len()];
        for (group, (name, features)) in self.groups.iter().enumerate() {
            if features.is_empty() {
                return Err(Error::invalid_param("group", name, "a group with at least one feature"));
            }
            for feature in features {
                let column = names.iter().position(|name| name == feature).ok_or_else(|| {
                    Error::unknown(format!(
                        "group `{name}` has a feature `{feature}`, which the rows have not"
                    ))
                })?;
                if of_column[column].replace(group).is_some() {
                    return Err(Error::malformed(format!(
                        "feature `{feature}` is named twice in the groups; name it once"
                    )));
                }
                columns_of[group].push(column);
            }
        }
        let mut units = Vec::new();
        for (column, group) in of_column.into_iter().enumerate() {
            match group {
                None => units.push((names[column].clone(), vec![column])),
                Some(group) if columns_of[group].iter().min() == Some(&column) => {
                    units.push((self.groups[group].0.clone(), columns_of[group].clone()));
                }
                Some(_) => {}
            }
        }
        Ok(units)
    }

    /// Shuffles each column of `x` and scores the model anew; one entry for each feature, in the order of the columns.
    ///
    /// # Errors
    /// When a setting is out of range, a group names a feature twice or one that is not there, a weight is not acceptable, `x`
    /// is sparse, the model or the metric refuses the rows, or the work was cancelled.
    pub fn measure<P, M>(
        &self,
        model: &P,
        x: &P::Input,
        y: &M::Truth,
        metric: &M,
    ) -> Result<Vec<FeatureImportance>>
    where
        P: Predictor<Input: Tabular>,
        M: Metric + Judges<P>,
    {
        N_REPEATS.check_count(self.n_repeats)?;
        let quantile = two_sided_t(self.n_repeats as f64 - 1.0, self.level)?;
        let weights = self.weights.as_deref();
        let whole = metric.score_weighted(y, &metric.ask(model, x)?, weights)?;
        let random = Random::new(self.ctx.seed(None));
        let units = self.units(&x.names().map(str::to_owned).collect::<Vec<_>>())?;
        let n_tasks = units.len() * self.n_repeats;
        let losses = tasks::try_each(n_tasks, |task| {
            self.ctx.step(task, n_tasks)?;
            let order = random.fork(task as u64).permutation(x.n_rows());
            let shuffle = |&column: &usize| (column, ColumnChange::TakenFrom(order.clone()));
            let changes: Vec<_> = units[task / self.n_repeats].1.iter().map(shuffle).collect();
            let score = metric.score_weighted(y, &metric.ask(model, &x.changed(&changes)?)?, weights)?;
            Ok::<f64, Error>(if M::HIGHER_IS_BETTER { whole - score } else { score - whole })
        })?;
        let features = losses.chunks_exact(self.n_repeats).zip(units).map(|(losses, (feature, _))| {
            let (estimate, variance) = reduce::mean_variance(losses, 1);
            let half = quantile * (variance / losses.len() as f64).sqrt();
            FeatureImportance {
                feature,
                interval: Interval {
                    estimate,
                    low: estimate - half,
                    high: estimate + half,
                    level: self.level,
                },
                losses: losses.to_vec(),
            }
        });
        Ok(features.collect())
    }
}
