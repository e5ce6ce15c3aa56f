//! Regressions fitted to the rows that agree with each other.

use perennial_core::{
    Capabilities, Context, Error, ErrorKind, Estimator, Matrix, Param, Predictor, Result, Rows, Train, Values,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

const MIN_SAMPLES: Param = Param::integer("min_samples", "how many rows each trial draws").at_least(1.0);
const N_INLIERS: Param = Param::integer("stop_n_inliers", "stop once so many rows agree").at_least(0.0);
const THRESHOLD: Param =
    Param::real("residual_threshold", "rows that miss by no more than this agree").at_least(0.0);
const MAX_TRIALS: Param =
    Param::integer("max_trials", "the most trials").at_least(1.0).at_most(1e9).search_log(20.0, 1000.0);
const PROBABILITY: Param =
    Param::real("stop_probability", "how sure it must be that one trial drew no row that is off")
        .at_least(0.0)
        .at_most(1.0 - 1e-12);
/// Trials that are made at the same time; a constant, so that threads do not matter.
const BATCH: usize = 8;
/// Misses below this share of the largest target are rounding.
const ROUNDING: f64 = 1e-10;

/// Random sample consensus (Fischler and Bolles, 1981): models are fitted to few rows drawn at random, the one that most rows
/// agree with names the rows that count, and the estimator is fitted to those.
///
/// Any estimator of values serves. It stops early once so many rows agree that, with `stop_probability`, one of the trials
/// drew none of the others. Of models that as many rows agree with, the one that misses those by least is taken. Weights are not taken: rows are
/// drawn.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `min_samples` | columns + 1 | 1 to the rows | how many rows each trial draws |
/// | `residual_threshold` | median deviation of the target from its median | >= 0 | rows that miss by no more than this agree |
/// | `max_trials` | 100 | 1 to 1e9 | the most trials |
/// | `stop_n_inliers` | none | | stop once so many rows agree |
/// | `stop_probability` | 0.99 | 0 to below 1 | how sure it must be that one trial drew no row that is off |
/// | `seed` | from the context | | of what is drawn |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::{LinearRegression, RansacRegressor};
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 1), |(i, _)| i as f64));
/// let y: Values = (0..40).map(|i| if i % 4 == 0 { 300.0 } else { 2.0 * i as f64 }).collect();
/// let model = RansacRegressor::new(LinearRegression::new()).residual_threshold(1.0).fit(&x, &y)?;
/// assert!((model.model().coefficients()[0] - 2.0).abs() < 1e-9);
/// assert_eq!(model.n_inliers(), 30);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RansacRegressor<E> {
    estimator: E,
    #[serde(default)]
    min_samples: Option<usize>,
    #[serde(default)]
    residual_threshold: Option<f64>,
    #[serde(default = "max_trials")]
    max_trials: usize,
    #[serde(default)]
    stop_n_inliers: Option<usize>,
    #[serde(default = "stop_probability")]
    stop_probability: f64,
    #[serde(default)]
    seed: Option<u64>,
}

fn max_trials() -> usize {
    100
}

fn stop_probability() -> f64 {
    0.99
}

impl<E> RansacRegressor<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MIN_SAMPLES, THRESHOLD, MAX_TRIALS, N_INLIERS, PROBABILITY];

    /// Consensus on `estimator`.
    pub fn new(estimator: E) -> Self {
        RansacRegressor {
            estimator,
            min_samples: None,
            residual_threshold: None,
            max_trials: max_trials(),
            stop_n_inliers: None,
            stop_probability: stop_probability(),
            seed: None,
        }
    }

    /// Sets how many rows each trial draws.
    #[must_use]
    pub fn min_samples(mut self, min_samples: usize) -> Self {
        self.min_samples = Some(min_samples);
        self
    }

    /// Sets by how much rows that agree may miss.
    #[must_use]
    pub fn residual_threshold(mut self, residual_threshold: f64) -> Self {
        self.residual_threshold = Some(residual_threshold);
        self
    }

    /// Sets the most trials.
    #[must_use]
    pub fn max_trials(mut self, max_trials: usize) -> Self {
        self.max_trials = max_trials;
        self
    }

    /// Sets how many rows that agree are enough.
    #[must_use]
    pub fn stop_n_inliers(mut self, stop_n_inliers: usize) -> Self {
        self.stop_n_inliers = Some(stop_n_inliers);
        self
    }

    /// Sets how sure it must be that one trial drew no row that is off.
    #[must_use]
    pub fn stop_probability(mut self, stop_probability: f64) -> Self {
        self.stop_probability = stop_probability;
        self
    }

    /// Sets what decides which rows are drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// So many trials find a sample without a row that is off, if so many of the rows agree.
    fn enough(&self, n_inliers: usize, n_rows: usize, sample: usize) -> f64 {
        let share = n_inliers as f64 / n_rows as f64;
        let clean = share.powf(sample as f64);
        if clean >= 1.0 {
            return 1.0;
        }
        (1.0 - self.stop_probability).ln() / (-clean).ln_1p()
    }
}

/// Who agrees with a trial's model.
struct Trial {
    inliers: Vec<bool>,
    n_inliers: usize,
    /// The sum of their squared misses, in units of the threshold.
    squares: f64,
}

impl<E> RansacRegressor<E>
where
    E: Estimator<Input = Matrix, Target = Values>,
    E::Model: Predictor<Input = Matrix, Output = Values>,
{
    fn trial(
        &self,
        train: &Train<'_, Matrix, Values>,
        rows: &[usize],
        threshold: f64,
        ctx: Context,
    ) -> Result<Trial> {
        let (x, y) = (train.x.take(rows)?, train.y.take(rows)?);
        let model = Train::new(&x, &y).context(ctx).fit(&self.estimator)?;
        let answers = model.predict(train.x)?;
        let misses = answers.as_slice().iter().zip(train.y.as_slice()).map(|(a, y)| (a - y).abs());
        let mut trial = Trial { inliers: Vec::with_capacity(train.x.n_rows()), n_inliers: 0, squares: 0.0 };
        for miss in misses {
            let agrees = miss <= threshold;
            trial.inliers.push(agrees);
            if agrees {
                trial.n_inliers += 1;
                trial.squares += if threshold > 0.0 { (miss / threshold).powi(2) } else { 0.0 };
            }
        }
        Ok(trial)
    }
}

impl<E> Estimator for RansacRegressor<E>
where
    E: Estimator<Input = Matrix, Target = Values>,
    E::Model: Predictor<Input = Matrix, Output = Values>,
{
    type Input = Matrix;
    type Target = Values;
    type Model = RansacModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<RansacModel<E::Model>> {
        let n_rows = train.x.n_rows();
        let sample = self.min_samples.unwrap_or(train.x.n_cols() + 1);
        MIN_SAMPLES.check_count(sample)?;
        MAX_TRIALS.check_count(self.max_trials)?;
        PROBABILITY.check(self.stop_probability)?;
        self.residual_threshold.map_or(Ok(()), |threshold| THRESHOLD.check(threshold))?;
        if sample > n_rows {
            return Err(Error::insufficient_data(format!(
                "each trial draws {sample} rows, but there are {n_rows}; set `min_samples` to no more than that"
            )));
        }
        let threshold = self.residual_threshold.unwrap_or_else(|| deviation(train.y.as_slice()));
        let random = Random::new(train.ctx.seed(self.seed)).stream("ransac");
        let mut best: Option<Trial> = None;
        let mut refused: Option<Error> = None;
        let mut n_trials = 0;
        let mut goal = self.max_trials as f64;
        while n_trials < self.max_trials && (n_trials as f64) < goal {
            train.ctx.step(n_trials, self.max_trials)?;
            let size = BATCH.min(self.max_trials - n_trials);
            let trials = reduce::map_each(size, |k| {
                let number = n_trials + k;
                let rows = random.fork(number as u64).sample(n_rows, sample);
                self.trial(train, &rows, threshold, train.ctx.child(&format!("trial{number}")))
            });
            for trial in trials {
                if (n_trials as f64) >= goal {
                    break;
                }
                n_trials += 1;
                let trial = match trial {
                    Ok(trial) => trial,
                    Err(error) if matches!(error.kind(), ErrorKind::Cancelled { .. }) => return Err(error),
                    // Rows that no model can be fitted to: the next draw may be better.
                    Err(error) => {
                        refused = Some(error);
                        continue;
                    }
                };
                let better = best
                    .as_ref()
                    .is_none_or(|best| (trial.n_inliers, -trial.squares) > (best.n_inliers, -best.squares));
                if better && trial.n_inliers > 0 {
                    goal = goal.min(self.enough(trial.n_inliers, n_rows, sample));
                    if self.stop_n_inliers.is_some_and(|enough| trial.n_inliers >= enough) {
                        goal = 0.0;
                    }
                    best = Some(trial);
                }
            }
        }
        let Some(best) = best else {
            let found_none = Error::insufficient_data(format!(
                "none of {n_trials} trials gave a model that any row agrees with; raise `residual_threshold` ({threshold}) or `max_trials`"
            ));
            return Err(match refused {
                Some(error) => found_none.with_source(error),
                None => found_none,
            });
        };
        let rows: Vec<usize> = (0..n_rows).filter(|&row| best.inliers[row]).collect();
        let (x, y) = (train.x.take(&rows)?, train.y.take(&rows)?);
        let model = Train::new(&x, &y).context(train.ctx.child("consensus")).fit(&self.estimator)?;
        Ok(RansacModel { model, inliers: best.inliers, n_trials, threshold })
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.estimator.capabilities();
        let mut own = Capabilities::new();
        own.missing = inner.missing;
        own.sparse = inner.sparse;
        own.categorical = inner.categorical;
        own
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("RansacRegressor({})", self.estimator.steps().join(" -> "))]
    }
}

/// The median of the distances to the median, and no less than rounding.
fn deviation(values: &[f64]) -> f64 {
    let centre = median(values.to_vec());
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    median(values.iter().map(|value| (value - centre).abs()).collect()).max(ROUNDING * largest)
}

/// The middle value, or the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => 0.5 * values[middle - 1] + 0.5 * values[middle],
    }
}

/// The model of the rows that agree, and which they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RansacModel<M> {
    model: M,
    inliers: Vec<bool>,
    n_trials: usize,
    threshold: f64,
}

impl<M> RansacModel<M> {
    /// The model that was fitted to the rows that agree.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Whether each training row agrees with the best trial.
    pub fn inliers(&self) -> &[bool] {
        &self.inliers
    }

    /// How many training rows agree.
    pub fn n_inliers(&self) -> usize {
        self.inliers.iter().filter(|agrees| **agrees).count()
    }

    /// How many trials were made.
    pub fn n_trials(&self) -> usize {
        self.n_trials
    }

    /// By how much rows that agree may miss.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Predictor for RansacModel<M> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.model.predict(x)
    }
}
