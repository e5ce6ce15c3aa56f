use std::fmt;

use perennial_core::{Context, Error, Param, Predictor, Result, Rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::tasks;
use crate::{Cells, ColumnChange, IntervalOptions, Judges, Metric, Tabular};

/// How the features are made worse. How much is the severity, from 0, as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// Normal noise on each numeric feature; the severity is its deviation, in deviations of the feature.
    Noise,
    /// Values go missing at random; the severity is the share that does. The model must take missing values.
    Missing,
    /// All numeric features drift up; the severity is how far, in deviations of the feature.
    Shift,
    /// Values are exchanged between rows at random; the severity is the share that is. For categories: rows get another one
    /// that occurs.
    Exchange,
    /// Categories and texts become one that no row has; the severity is the share that does. In a matrix, where categories are
    /// codes, they go missing.
    Unseen,
}

/// The score at one severity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressPoint {
    /// How much worse the features were made.
    pub severity: f64,
    /// The score.
    pub score: f64,
    /// By how much the score is worse than that of the features as they are; below 0 it is better.
    pub loss: f64,
    /// How sure the loss is for rows like these, where a [level](Stress::level) was given and the metric is a mean over rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// How a score falls as the features get worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressCurve {
    /// How the features were made worse.
    pub disturbance: Disturbance,
    /// The metric.
    pub metric: String,
    /// A point for each severity, in the order given.
    pub points: Vec<StressPoint>,
}

impl fmt::Display for StressCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {:?}", self.metric, self.disturbance)?;
        self.points.iter().enumerate().try_for_each(|(place, StressPoint { severity, score, .. })| {
            write!(f, "{} {score:.4} at {severity}", if place == 0 { ":" } else { "," })
        })
    }
}

const SEVERITY: Param = Param::real("severity", "how much worse the features are made").at_least(0.0);
const SHARE: Param = Param::real("severity", "share of the values").at_least(0.0).at_most(1.0);
const LEVEL: Param = Param::real("level", "level of the intervals").above(0.0).at_most(1.0 - f64::EPSILON);

/// Scores a model on features that are made worse and worse, in each of several ways.
///
/// Rows are those of a `Matrix`, or with the feature `table` those of a `Table`: of a pipeline over a table the columns of the
/// table are made worse, so what its encoders make of a category that they have never seen is tested too.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `weights` | none | >= 0 | how much each row counts in the score |
/// | `level` | none | in (0, 1) | of an interval of each loss, by the bootstrap of rows (Student's from 20,000 rows on): it takes a metric that is a mean over rows |
/// | `context` | a new one | | seed, progress and cancelling |
///
/// The interval is for other rows and the draws of noise at hand; rows are answered both ways and drawn in pairs.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Predictor, Result, Values};
/// use perennial_evaluation::errors::{Disturbance, Stress};
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
/// let x = Matrix::from(Array2::from_shape_fn((50, 1), |(row, _)| row as f64));
/// let y: Values = (0..50).map(f64::from).collect();
/// let curves = Stress::new([Disturbance::Shift], [0.0, 1.0]).measure(&First, &x, &y, &MeanAbsoluteError)?;
/// assert_eq!(curves[0].points[0].loss, 0.0);
/// assert!(curves[0].points[1].loss > 14.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stress {
    disturbances: Vec<Disturbance>,
    severities: Vec<f64>,
    weights: Option<Vec<f64>>,
    level: Option<f64>,
    ctx: Context,
}

impl Stress {
    /// In each of these ways, at each of these severities.
    pub fn new(
        disturbances: impl IntoIterator<Item = Disturbance>,
        severities: impl IntoIterator<Item = f64>,
    ) -> Self {
        Stress {
            disturbances: disturbances.into_iter().collect(),
            severities: severities.into_iter().collect(),
            weights: None,
            level: None,
            ctx: Context::new(),
        }
    }

    /// Sets how much each row counts in the score.
    #[must_use]
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = Some(weights.to_vec());
        self
    }

    /// Sets the level of an interval of each loss.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets seed, progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// A curve for each way.
    ///
    /// # Errors
    /// When there are no severities, one or the level is out of range, a weight is not acceptable, `x` is sparse, the model or the metric
    /// refuses the rows (missing values, if it takes none), or the work was cancelled.
    pub fn measure<P, M>(&self, model: &P, x: &P::Input, y: &M::Truth, metric: &M) -> Result<Vec<StressCurve>>
    where
        P: Predictor<Input: Tabular>,
        M: Metric + Judges<P>,
    {
        let Stress { disturbances, severities, weights, level, ctx } = self;
        level.map_or(Ok(()), |level| LEVEL.check(level))?;
        for disturbance in disturbances {
            let range = match disturbance {
                Disturbance::Missing | Disturbance::Exchange | Disturbance::Unseen => SHARE,
                Disturbance::Noise | Disturbance::Shift => SEVERITY,
            };
            severities.iter().try_for_each(|severity| range.check(*severity))?;
        }
        if severities.is_empty() {
            return Err(Error::empty("there are no severities; give some, such as 0.1, 0.5 and 1"));
        }
        let weights = weights.as_deref();
        let answers = metric.ask(model, x)?;
        let whole = metric.score_weighted(y, &answers, weights)?;
        let of_rows = match level {
            Some(_) => metric.row_scores(y, &answers)?,
            None => None,
        };
        let columns = (0..x.names().len())
            .map(|column| x.cells(column).map(|cells| Kind::of(&cells)))
            .collect::<Result<Vec<Kind>>>()?;
        let random = Random::new(ctx.seed(None));
        let n_tasks = disturbances.len() * severities.len();
        let points = tasks::try_each(n_tasks, |task| {
            ctx.step(task, n_tasks)?;
            let (disturbance, place) = (disturbances[task / severities.len()], task % severities.len());
            // The same draws at each severity, so that the curve falls for the severity and not for the draw.
            let draws = random.fork((task / severities.len()) as u64);
            let changes = changes(x.n_rows(), disturbance, severities[place], &columns, &draws);
            let answers = metric.ask(model, &x.changed(&changes)?)?;
            let score = metric.score_weighted(y, &answers, weights)?;
            let sign = if M::HIGHER_IS_BETTER { -1.0 } else { 1.0 };
            let interval = match (
                level,
                &of_rows,
                of_rows.as_ref().map_or(Ok(None), |_| metric.row_scores(y, &answers))?,
            ) {
                (Some(level), Some(before), Some(after)) => {
                    let losses: Vec<f64> = before.iter().zip(&after).map(|(a, b)| sign * (b - a)).collect();
                    let options = IntervalOptions::new().level(*level).seed(ctx.seed(None));
                    let options = weights.map_or(options.clone(), |weights| options.weights(weights));
                    Some(options.of_mean(&losses)?)
                }
                _ => None,
            };
            let loss = sign * (score - whole);
            Ok::<StressPoint, Error>(StressPoint { severity: severities[place], score, loss, interval })
        })?;
        let curve = |(place, disturbance): (usize, &Disturbance)| StressCurve {
            disturbance: *disturbance,
            metric: metric.name(),
            points: points[place * severities.len()..(place + 1) * severities.len()].to_vec(),
        };
        Ok(disturbances.iter().enumerate().map(curve).collect())
    }
}

/// What is to be known of a column.
enum Kind {
    /// The deviation of its known numbers.
    Numbers(f64),
    Labels,
    Times,
}

impl Kind {
    fn of(cells: &Cells) -> Self {
        match cells {
            Cells::Labels(_) => Kind::Labels,
            Cells::Times(_) => Kind::Times,
            Cells::Numbers(values) => {
                let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
                let deviation = reduce::mean_variance(&known, 0).1.sqrt();
                Kind::Numbers(if deviation.is_finite() { deviation } else { 0.0 })
            }
        }
    }
}

fn changes(
    n_rows: usize,
    disturbance: Disturbance,
    severity: f64,
    columns: &[Kind],
    draws: &Random,
) -> Vec<(usize, ColumnChange)> {
    let change = |(column, kind): (usize, &Kind)| {
        let mut random = draws.fork(column as u64);
        let mut shares = || (0..n_rows).map(|_| random.uniform() < severity).collect();
        let change = match (disturbance, kind) {
            (Disturbance::Noise, Kind::Numbers(deviation)) => {
                ColumnChange::Plus((0..n_rows).map(|_| severity * deviation * random.normal()).collect())
            }
            (Disturbance::Shift, Kind::Numbers(deviation)) => {
                ColumnChange::Plus(vec![severity * deviation; n_rows])
            }
            (Disturbance::Missing, _) => ColumnChange::Missing(shares()),
            (Disturbance::Unseen, Kind::Labels) => ColumnChange::Unseen(shares()),
            (Disturbance::Exchange, _) => {
                let from = |row| {
                    let (hit, from) = (random.uniform() < severity, random.below(n_rows));
                    if hit { from } else { row }
                };
                ColumnChange::TakenFrom((0..n_rows).map(from).collect())
            }
            (Disturbance::Noise | Disturbance::Shift | Disturbance::Unseen, _) => return None,
        };
        Some((column, change))
    };
    columns.iter().enumerate().filter_map(change).collect()
}
