//! Intervals for series from an ensemble of models of blocks.

use std::collections::VecDeque;

use perennial_core::{
    Capabilities, Error, Estimator, Param, Predictor, Result, ResultExt, Rows, Train, Values, check_numbers,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::intervals::{IntervalPredictor, PredictionIntervals};
use super::rank::{LEVEL, Scores, nine_of_ten};
use crate::cross_fit::part;
use crate::tasks;

/// A regressor with intervals for rows in the order of time: many models, each of blocks of the rows; the errors of a
/// row are those of the models that have not seen it (EnbPI: Xu and Xie, 2021).
///
/// An interval goes from the `(1 - level) / 2` quantile of the last errors to that of `(1 + level) / 2`. As truths come in,
/// [`EnbPiModel::update`] takes them in and forgets the oldest.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_models` | 30 | 2 to 10,000 | how many models |
/// | `block` | 10 | >= 1 | how many neighbouring rows are drawn together |
/// | `level` | 0.9 | in (0, 1) | the share of the truths that intervals hold |
/// | `seed` | from the context | | which blocks are drawn |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Mean;
/// # struct MeanModel(f64);
/// # impl Estimator for Mean {
/// #     type Input = Matrix; type Target = Values; type Model = MeanModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
/// #         let y = train.y.as_slice(); Ok(MeanModel(y.iter().sum::<f64>() / y.len() as f64)) }
/// # }
/// # impl Predictor for MeanModel {
/// #     type Input = Matrix; type Output = Values;
/// #     fn predict(&self, x: &Matrix) -> Result<Values> { Ok(vec![self.0; x.n_rows()].into()) }
/// # }
/// use perennial_evaluation::conformal::{EnbPiRegressor, IntervalPredictor};
///
/// // `Mean` predicts the mean of the target, which goes up and down.
/// let x = Matrix::from(Array2::zeros((200, 1)));
/// let y: Values = (0..200).map(|row| (f64::from(row) * 0.3).sin()).collect();
/// let mut model = EnbPiRegressor::new(Mean).fit(&x, &y)?;
/// let before = model.predict_interval(&x)?.high[0];
/// // The series rises: intervals follow.
/// model.update(&x, &y.as_slice().iter().map(|value| value + 1.0).collect())?;
/// assert!(model.predict_interval(&x)?.high[0] > before + 0.8);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnbPiRegressor<E> {
    estimator: E,
    #[serde(default = "thirty")]
    n_models: usize,
    #[serde(default = "ten")]
    block: usize,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    seed: Option<u64>,
}

const N_MODELS: Param =
    Param::integer("n_models", "how many models").at_least(2.0).at_most(10_000.0).search(10.0, 100.0);
const BLOCK: Param = Param::integer("block", "how many neighbouring rows are drawn together").at_least(1.0);

fn thirty() -> usize {
    30
}

fn ten() -> usize {
    10
}

impl<E> EnbPiRegressor<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_MODELS, BLOCK, LEVEL];

    /// Thirty models of a regressor, of blocks of ten rows.
    pub fn new(estimator: E) -> Self {
        EnbPiRegressor { estimator, n_models: thirty(), block: ten(), level: nine_of_ten(), seed: None }
    }

    /// Sets how many models.
    #[must_use]
    pub fn n_models(mut self, n_models: usize) -> Self {
        self.n_models = n_models;
        self
    }

    /// Sets how many neighbouring rows are drawn together.
    #[must_use]
    pub fn block(mut self, block: usize) -> Self {
        self.block = block;
        self
    }

    /// Sets the share of the truths that intervals hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets what decides which blocks are drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl<E> Estimator for EnbPiRegressor<E>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    type Input = E::Input;
    type Target = Values;
    type Model = EnbPiModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        N_MODELS.check_count(self.n_models)?;
        BLOCK.check_count(self.block)?;
        LEVEL.check(self.level)?;
        let n_rows = train.y.n_rows();
        if self.block >= n_rows {
            return Err(Error::insufficient_data(format!(
                "blocks of {} rows cannot be drawn from {n_rows} rows; shorten `block` or give more rows",
                self.block
            )));
        }
        let random = Random::new(train.ctx.seed(self.seed));
        let fitted = tasks::try_each(self.n_models, |number| {
            train.ctx.step(number, self.n_models)?;
            let rows = blocks(&mut random.fork(number as u64), n_rows, self.block);
            let model = part(train, &rows, |own| {
                let own = own.clone().context(train.ctx.child(&format!("model{number}")));
                own.limited_to(&self.estimator.capabilities()).fit(&self.estimator)
            })
            .context(format!("model {number}"))?;
            let mut seen = vec![false; n_rows];
            rows.into_iter().for_each(|row| seen[row] = true);
            Ok((model.predict(train.x)?, seen, model))
        })?;
        let mut errors = VecDeque::with_capacity(n_rows);
        for (row, truth) in train.y.as_slice().iter().enumerate() {
            let unseen = fitted.iter().filter(|(_, seen, _)| !seen[row]);
            let (n, sum) =
                unseen.fold((0.0, 0.0), |(n, sum), (answer, ..)| (n + 1.0, sum + answer.as_slice()[row]));
            // A row that all models have seen says nothing of rows to come.
            if n > 0.0 {
                errors.push_back(truth - sum / n);
            }
        }
        let errors: Vec<f64> = errors.into();
        Bounds::new(&errors, self.level).context("calibration")?;
        let models = fitted.into_iter().map(|(_, _, model)| model).collect();
        Ok(EnbPiModel { models, level: self.level, errors: errors.into() })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        (accepts.weights, accepts.groups, accepts.validation) = (false, false, false);
        accepts
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("EnbPiRegressor({})", self.estimator.steps().join(" -> "))]
    }
}

/// As many rows as there are, in blocks of neighbours.
fn blocks(random: &mut Random, n_rows: usize, length: usize) -> Vec<usize> {
    let mut rows = Vec::with_capacity(n_rows + length);
    while rows.len() < n_rows {
        let start = random.below(n_rows - length + 1);
        rows.extend(start..start + length);
    }
    rows.truncate(n_rows);
    rows
}

struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    fn new(errors: &[f64], level: f64) -> Result<Self> {
        LEVEL.check(level)?;
        let scores = Scores::new(errors.to_vec())?;
        let side = 0.5 * (1.0 + level);
        Ok(Bounds { low: scores.lower_quantile(side)?, high: scores.quantile(side)? })
    }
}

/// The models and the last errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnbPiModel<M> {
    models: Vec<M>,
    level: f64,
    errors: VecDeque<f64>,
}

impl<M> EnbPiModel<M> {
    /// The models.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The last errors, truth less answer, the oldest first.
    pub fn errors(&self) -> impl ExactSizeIterator<Item = f64> {
        self.errors.iter().copied()
    }
}

impl<M: Predictor<Output = Values>> EnbPiModel<M> {
    /// Takes in the truths of further rows and forgets as many of the oldest errors.
    ///
    /// # Errors
    /// When the models refuse the rows, the lengths differ, or a number is not finite.
    pub fn update(&mut self, x: &M::Input, y: &Values) -> Result<()> {
        let answers = self.predict(x)?;
        if answers.n_rows() != y.n_rows() {
            return Err(Error::length_mismatch("the target", answers.n_rows(), y.n_rows()));
        }
        let errors: Vec<f64> =
            y.as_slice().iter().zip(answers.as_slice()).map(|(truth, answer)| truth - answer).collect();
        check_numbers("the errors", &errors)?;
        for error in errors {
            self.errors.pop_front();
            self.errors.push_back(error);
        }
        Ok(())
    }
}

impl<M: Predictor<Output = Values>> Predictor for EnbPiModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        if self.models.is_empty() {
            return Err(Error::corrupt("the ensemble has no models"));
        }
        let share = 1.0 / self.models.len() as f64;
        let mut mean = vec![0.0; x.n_rows()];
        for model in &self.models {
            let answer = model.predict(x)?;
            mean.iter_mut().zip(answer.as_slice()).for_each(|(mean, value)| *mean += share * value);
        }
        Ok(mean.into())
    }
}

impl<M: Predictor<Output = Values>> IntervalPredictor for EnbPiModel<M> {
    fn predict_interval(&self, x: &M::Input) -> Result<PredictionIntervals> {
        let errors: Vec<f64> = self.errors.iter().copied().collect();
        let Bounds { low, high } = Bounds::new(&errors, self.level)?;
        let points = self.predict(x)?;
        Ok(PredictionIntervals::around(self.level, points.as_slice(), |_, point| (point + low, point + high)))
    }
}
