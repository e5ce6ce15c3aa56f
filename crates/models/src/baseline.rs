//! Models of one number, one feature or the past alone: what every other model must beat.

mod forecast;
#[cfg(feature = "trees")]
mod one_feature;

pub use forecast::{NaiveForecast, NaiveForecaster, NaiveForecasterModel};
#[cfg(feature = "trees")]
pub use one_feature::{
    OneFeatureClassifier, OneFeatureClassifierModel, OneFeatureRegressor, OneFeatureRegressorModel,
};

use std::sync::Arc;

use ndarray::Array2;
#[cfg(all(feature = "linear", feature = "trees"))]
use perennial_core::BoxClassifierEstimator;
use perennial_core::{
    BoxEstimator, Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor,
    Probabilities, Result, Rows, Train, Values,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::classes::{check_names, class_totals};
#[cfg(all(feature = "linear", feature = "trees"))]
use crate::linear::{LogisticRegression, Ridge};
use crate::rows::tame;

/// The baselines of every model of numbers: the mean, a question to the one feature that tells most, and ridge regression.
///
/// Ridge regression refuses missing values and wants columns of one scale: put them behind the imputer and the scaler of your
/// pipeline, or leave it out.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
///
/// let x = Matrix::from(Array2::from_shape_fn((30, 2), |(row, column)| (row * (column + 1) % 7) as f64));
/// let y: Values = (0..30).map(|row| f64::from(row % 7)).collect();
/// for (name, estimator) in perennial_models::baseline::regressors() {
///     println!("{name}: {:?}", estimator.fit(&x, &y)?.predict(&x)?);
/// }
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[cfg(all(feature = "linear", feature = "trees"))]
pub fn regressors() -> Vec<(&'static str, BoxEstimator<Matrix, Values, Values>)> {
    vec![
        ("the mean", DummyRegressor::new().boxed()),
        ("one feature", OneFeatureRegressor::new().boxed()),
        ("ridge", Ridge::new().boxed()),
    ]
}

/// The baselines of every classifier: the shares of the classes, a question to the one feature that tells most, and logistic
/// regression, which wants what [`regressors`] says of ridge regression.
#[cfg(all(feature = "linear", feature = "trees"))]
pub fn classifiers() -> Vec<(&'static str, BoxClassifierEstimator<Matrix, Classes>)> {
    vec![
        ("the shares", DummyClassifier::new().boxed_classifier()),
        ("one feature", OneFeatureClassifier::new().boxed_classifier()),
        ("logistic", LogisticRegression::new().boxed_classifier()),
    ]
}

/// The baselines of every forecast of a series whose times are in a column: the last value, the drift, and the value one season
/// before for each period.
pub fn forecasters(time: &str, periods: &[f64]) -> Vec<(String, BoxEstimator<Matrix, Values, Values>)> {
    let of = |strategy| NaiveForecaster::new().time(time).strategy(strategy).boxed();
    let mut all = vec![
        ("the last value".to_owned(), of(NaiveForecast::Last)),
        ("the drift".to_owned(), of(NaiveForecast::Drift)),
    ];
    let seasonal = |&period: &f64| (format!("{period} before"), of(NaiveForecast::Seasonal(period)));
    all.extend(periods.iter().map(seasonal));
    all
}

const QUANTILE: Param =
    Param::real("quantile", "the share of the weight at or below the answer").at_least(0.0).at_most(1.0);
const CONSTANT: Param = Param::real("constant", "the answer");

/// What a [`DummyRegressor`] answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionBaseline {
    /// The mean of the target.
    #[default]
    Mean,
    /// The median of the target.
    Median,
    /// A quantile of the target, by linear interpolation (type 7 of Hyndman and Fan, 1996).
    Quantile(f64),
    /// This number.
    Constant(f64),
}

/// Answers the same number for every row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `strategy` | `Mean` | `Mean`, `Median`, `Quantile(0..=1)`, `Constant(any)` | which number |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::DummyRegressor;
/// use perennial_models::baseline::RegressionBaseline;
///
/// let x = Matrix::from(array![[0.0], [0.0], [0.0]]);
/// let y = Values::from(vec![1.0, 2.0, 9.0]);
/// let model = DummyRegressor::new().strategy(RegressionBaseline::Median).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?.as_slice(), [2.0, 2.0, 2.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DummyRegressor {
    strategy: RegressionBaseline,
}

impl DummyRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[QUANTILE, CONSTANT];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what it answers.
    #[must_use]
    pub fn strategy(mut self, strategy: RegressionBaseline) -> Self {
        self.strategy = strategy;
        self
    }
}

/// The number that a [`DummyRegressor`] learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RegressorParts")]
pub struct DummyRegressorModel {
    features: Features,
    answer: f64,
}

#[derive(Deserialize)]
struct RegressorParts {
    features: Features,
    answer: f64,
}

impl TryFrom<RegressorParts> for DummyRegressorModel {
    type Error = Error;

    fn try_from(RegressorParts { features, answer }: RegressorParts) -> Result<Self> {
        if !answer.is_finite() {
            return Err(Error::corrupt(format!("the answer of the model is {answer}; it must be finite")));
        }
        Ok(DummyRegressorModel { features, answer })
    }
}

impl DummyRegressorModel {
    /// The answer for every row.
    pub fn answer(&self) -> f64 {
        self.answer
    }
}

impl Estimator for DummyRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = DummyRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<DummyRegressorModel> {
        let (y, weights) = (train.y.as_slice(), tame(train.weights));
        let weights = weights.as_deref();
        let answer = match self.strategy {
            RegressionBaseline::Mean => mean(y, weights),
            RegressionBaseline::Median => quantile(y, weights, 0.5),
            RegressionBaseline::Quantile(q) => {
                QUANTILE.check(q)?;
                quantile(y, weights, q)
            }
            RegressionBaseline::Constant(answer) => {
                CONSTANT.check(answer)?;
                answer
            }
        };
        Ok(DummyRegressorModel { features: train.x.features().clone(), answer })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse()
    }
}

impl Predictor for DummyRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        Ok(vec![self.answer; x.n_rows()].into())
    }
}

/// The mean, without a sum that could leave the range of `f64`.
fn mean(y: &[f64], weights: Option<&[f64]>) -> f64 {
    let total = weights.map_or(y.len() as f64, reduce::sum);
    reduce::sum_by(y.len(), |row| weights.map_or(1.0, |weights| weights[row]) / total * y[row])
}

/// The quantile of values that each occur as often as their weight says.
fn quantile(y: &[f64], weights: Option<&[f64]>, q: f64) -> f64 {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut sorted: Vec<(f64, f64)> =
        (0..y.len()).map(|row| (y[row], weight(row))).filter(|(_, weight)| *weight > 0.0).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let position = q * (total - 1.0).max(0.0);
    let at = |place: f64| {
        let mut reached = 0.0;
        let found = sorted.iter().find(|(_, weight)| {
            reached += weight;
            reached > place
        });
        found.or(sorted.last()).map_or(0.0, |(value, _)| *value)
    };
    let (low, high, share) = (at(position.floor()), at(position.floor() + 1.0), position.fract());
    if share == 0.0 || low == high { low } else { low * (1.0 - share) + high * share }
}

/// What a [`DummyClassifier`] answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassificationBaseline {
    /// The shares of the classes; predicts the most frequent one.
    #[default]
    Prior,
    /// The most frequent class, with certainty.
    MostFrequent,
    /// The same probability for each class; predicts the first one.
    Uniform,
    /// A class of each row drawn by the shares, with certainty: what guessing is worth by a metric of classes. The draw is that of the
    /// place of the row among those that are asked.
    Stratified,
    /// The class of this name, with certainty.
    Constant(String),
}

/// Answers the same probabilities for every row, or draws a class.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `strategy` | `Prior` | `Prior`, `MostFrequent`, `Uniform`, `Stratified`, `Constant(class)` | which probabilities |
/// | `seed` | of the context | | of the draws of `Stratified` |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix};
/// use perennial_models::DummyClassifier;
///
/// let x = Matrix::from(array![[0.0], [0.0], [0.0], [0.0]]);
/// let y = Classes::from_labels(["no", "no", "no", "yes"]);
/// let model = DummyClassifier::new().fit(&x, &y)?;
/// assert_eq!(model.predict_proba(&x)?.of("yes")?.as_slice()[0], 0.25);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DummyClassifier {
    strategy: ClassificationBaseline,
    seed: Option<u64>,
}

impl DummyClassifier {
    /// It has no numeric settings.
    pub const PARAMS: &'static [Param] = &[];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what it answers.
    #[must_use]
    pub fn strategy(mut self, strategy: ClassificationBaseline) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the seed of the draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// The probabilities that a [`DummyClassifier`] learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ClassifierParts")]
pub struct DummyClassifierModel {
    features: Features,
    classes: Arc<[String]>,
    shares: Vec<f64>,
    /// The seed of the draws, where classes are drawn.
    draws: Option<u64>,
}

#[derive(Deserialize)]
struct ClassifierParts {
    features: Features,
    classes: Arc<[String]>,
    shares: Vec<f64>,
    #[serde(default)]
    draws: Option<u64>,
}

impl TryFrom<ClassifierParts> for DummyClassifierModel {
    type Error = Error;

    fn try_from(ClassifierParts { features, classes, shares, draws }: ClassifierParts) -> Result<Self> {
        check_names(&classes)?;
        let sum: f64 = shares.iter().sum();
        if shares.len() != classes.len()
            || !shares.iter().all(|share| (0.0..=1.0).contains(share))
            || !((sum - 1.0).abs() <= 1e-9)
        {
            return Err(Error::corrupt("the model does not have one probability for each class"));
        }
        Ok(DummyClassifierModel { features, classes, shares, draws })
    }
}

impl DummyClassifierModel {
    /// The class names; their order is that of the probabilities.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The probability of each class, for every row; where classes are drawn, of being drawn.
    pub fn probabilities(&self) -> &[f64] {
        &self.shares
    }
}

impl Estimator for DummyClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = DummyClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<DummyClassifierModel> {
        let totals = class_totals(train.y, tame(train.weights).as_deref());
        let sum: f64 = totals.iter().sum();
        let best =
            (0..totals.len()).fold(0, |best, class| if totals[class] > totals[best] { class } else { best });
        let constant = match &self.strategy {
            ClassificationBaseline::Constant(name) => train.y.code(name)? as usize,
            _ => best,
        };
        let share = |class: usize| match &self.strategy {
            ClassificationBaseline::Prior | ClassificationBaseline::Stratified => totals[class] / sum,
            ClassificationBaseline::Constant(_) => f64::from(u8::from(class == constant)),
            ClassificationBaseline::MostFrequent => f64::from(u8::from(class == best)),
            ClassificationBaseline::Uniform => 1.0 / totals.len() as f64,
        };
        Ok(DummyClassifierModel {
            features: train.x.features().clone(),
            classes: train.y.shared_names(),
            shares: (0..totals.len()).map(share).collect(),
            draws: (self.strategy == ClassificationBaseline::Stratified).then(|| train.ctx.seed(self.seed)),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse()
    }
}

impl Predictor for DummyClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for DummyClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let shape = (x.n_rows(), self.shares.len());
        let values = match self.draws.map(Random::new) {
            None => Array2::from_shape_fn(shape, |(_, class)| self.shares[class]),
            Some(random) => {
                let mut values = Array2::zeros(shape);
                for row in 0..x.n_rows() {
                    let class = random.fork(row as u64).weighted_index(&self.shares).unwrap_or(0);
                    values[[row, class]] = 1.0;
                }
                values
            }
        };
        Probabilities::new(values, self.classes.clone())
    }
}
