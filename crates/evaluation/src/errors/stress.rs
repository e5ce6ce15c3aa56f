use std::fmt;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Error, FeatureKind, Matrix, Param, Predictor, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::tasks;
use crate::{Judges, Metric};

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

/// Scores a model on features that are made worse and worse, in each of several ways.
///
/// # Errors
/// When a severity is out of range, `x` is sparse, the model or the metric refuses the rows (missing values, if it takes
/// none), or the work was cancelled.
pub fn stress<P, M>(
    model: &P,
    x: &Matrix,
    y: &M::Truth,
    metric: &M,
    disturbances: &[Disturbance],
    severities: &[f64],
    ctx: &Context,
) -> Result<Vec<StressCurve>>
where
    P: Predictor<Input = Matrix>,
    M: Metric + Judges<P>,
{
    for disturbance in disturbances {
        let range = match disturbance {
            Disturbance::Missing | Disturbance::Exchange => SHARE,
            Disturbance::Noise | Disturbance::Shift => SEVERITY,
        };
        severities.iter().try_for_each(|severity| range.check(*severity))?;
    }
    if severities.is_empty() {
        return Err(Error::empty("there are no severities; give some, such as 0.1, 0.5 and 1"));
    }
    let values = x.dense()?;
    let whole = metric.score(y, &metric.ask(model, x)?)?;
    let numeric: Vec<bool> =
        (0..x.n_cols()).map(|column| x.features().kind(column) == FeatureKind::Numeric).collect();
    let deviations: Vec<f64> = values
        .columns()
        .into_iter()
        .map(|column| {
            let known: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
            let deviation = reduce::mean_variance(&known, 0).1.sqrt();
            if deviation.is_finite() { deviation } else { 0.0 }
        })
        .collect();
    let random = Random::new(ctx.seed(None));
    let n_tasks = disturbances.len() * severities.len();
    let points = tasks::try_each(n_tasks, |task| {
        ctx.step(task, n_tasks)?;
        let (disturbance, place) = (disturbances[task / severities.len()], task % severities.len());
        // The same draws at each severity, so that the curve falls for the severity and not for the draw.
        let draws = random.fork((task / severities.len()) as u64);
        let worse = disturb(values, disturbance, severities[place], &numeric, &deviations, &draws);
        let worse = Matrix::from(worse).with_features(x.features().clone())?;
        let score = metric.score(y, &metric.ask(model, &worse)?)?;
        let loss = if M::HIGHER_IS_BETTER { whole - score } else { score - whole };
        Ok::<StressPoint, Error>(StressPoint { severity: severities[place], score, loss })
    })?;
    let curve = |(place, disturbance): (usize, &Disturbance)| StressCurve {
        disturbance: *disturbance,
        metric: metric.name(),
        points: points[place * severities.len()..(place + 1) * severities.len()].to_vec(),
    };
    Ok(disturbances.iter().enumerate().map(curve).collect())
}

fn disturb(
    values: &ArrayRef2<f64>,
    disturbance: Disturbance,
    severity: f64,
    numeric: &[bool],
    deviations: &[f64],
    draws: &Random,
) -> Array2<f64> {
    let mut worse = values.to_owned();
    let n_rows = values.nrows();
    for (column, mut of_column) in worse.columns_mut().into_iter().enumerate() {
        let mut random = draws.fork(column as u64);
        match disturbance {
            Disturbance::Noise if numeric[column] => {
                of_column
                    .iter_mut()
                    .for_each(|value| *value += severity * deviations[column] * random.normal());
            }
            Disturbance::Shift if numeric[column] => {
                of_column.iter_mut().for_each(|value| *value += severity * deviations[column]);
            }
            Disturbance::Noise | Disturbance::Shift => {}
            Disturbance::Missing => {
                of_column
                    .iter_mut()
                    .filter(|_| random.uniform() < severity)
                    .for_each(|value| *value = f64::NAN);
            }
            Disturbance::Exchange => {
                for value in &mut of_column {
                    let (hit, from) = (random.uniform() < severity, random.below(n_rows));
                    if hit {
                        *value = values[[from, column]];
                    }
                }
            }
        }
    }
    worse
}
