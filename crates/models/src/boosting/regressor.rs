//! Boosting that predicts numbers.

use perennial_core::{Capabilities, Error, Estimator, Matrix, Param, Predictor, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::booster::Booster;
use super::builders::shared_settings;
use super::combine::combined;
use super::inputs::{Given, Inputs};
use super::losses::RegressionLoss;
use super::metric::{BoostingMetric, Watch};
use super::objective::Objective;
use super::plan::{Plan, check_loss};
use super::settings::Settings;
use crate::binned::{Binned, LearnsFromBins};
use crate::rows::tame;

/// Gradient boosting of regression trees.
///
/// Columns of kind [`Categorical`](perennial_core::FeatureKind::Categorical) are split by sets of categories, missing
/// values go to the side that is better for them, and learning stops early on the validation set of [`Train`] where
/// there is one. The settings are those of [`boosting`](crate::boosting).
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::GradientBoostingRegressor;
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
/// let y: Values = (0..200).map(|row| if row < 100 { 1.0 } else { 3.0 }).collect();
/// let model = GradientBoostingRegressor::new().n_trees(50).fit(&x, &y)?;
/// let answers = model.predict(&x)?;
/// assert!((answers.as_slice()[0] - 1.0).abs() < 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    bound(deserialize = "O: Default + Deserialize<'de>, W: Deserialize<'de>")
)]
pub struct GradientBoostingRegressor<O = RegressionLoss, W = Watch> {
    loss: O,
    watch: Vec<W>,
    settings: Settings,
}

impl<O: Default, W> Default for GradientBoostingRegressor<O, W> {
    fn default() -> Self {
        GradientBoostingRegressor { loss: O::default(), watch: Vec::new(), settings: Settings::default() }
    }
}

impl GradientBoostingRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = Settings::PARAMS;

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<O, W> GradientBoostingRegressor<O, W> {
    /// Sets what is made smaller: one of [`RegressionLoss`], [`Cox`](super::Cox) or
    /// [`AcceleratedFailureTime`](super::AcceleratedFailureTime) for survival times, or your own [`Objective`].
    #[must_use]
    pub fn loss<P: Objective>(self, loss: P) -> GradientBoostingRegressor<P, W> {
        GradientBoostingRegressor { loss, watch: self.watch, settings: self.settings }
    }

    /// Sets what is watched on the validation set, round by round; the first decides which round was best. The loss where
    /// nothing is set.
    #[must_use]
    pub fn watch<V: BoostingMetric>(self, metrics: impl Into<Vec<V>>) -> GradientBoostingRegressor<O, V> {
        GradientBoostingRegressor { loss: self.loss, watch: metrics.into(), settings: self.settings }
    }

    /// Names a column that holds the latest time of the event, by the loss [`AcceleratedFailureTime`](super::AcceleratedFailureTime): a
    /// negative target -a, or 0, and a latest time b say that the event lies between a and b. Where it is missing, the target says
    /// all; beside a positive target it is missing, or the same. Trees ask it nothing, and predictions do not look at what it holds, but
    /// it must be there: fill it with NaN.
    ///
    /// # Errors
    /// A fit refuses it with another loss, where it holds categories, latest times that are before the target or another than a positive
    /// one, and to go on with a model that asks it.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Estimator, Matrix, Predictor, Values};
    /// use perennial_models::GradientBoostingRegressor;
    /// use perennial_models::boosting::AcceleratedFailureTime;
    ///
    /// // Looked at once a week: something broke between two looks, the second kind later.
    /// let cells = |row: usize, column: usize| if column == 0 { (row % 2) as f64 } else { [7.0, 28.0][row % 2] };
    /// let x = Matrix::from(Array2::from_shape_fn((200, 2), |(row, column)| cells(row, column)));
    /// let y: Values = (0..200).map(|row| [0.0, -21.0][row % 2]).collect();
    /// let model = GradientBoostingRegressor::new().loss(AcceleratedFailureTime::default()).latest("x1").fit(&x, &y)?;
    /// let times = model.predict(&x)?;
    /// assert!(times.as_slice()[0] < 7.0 && times.as_slice()[1] > 7.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn latest(mut self, column: &str) -> Self {
        self.settings.latest = Some(column.to_owned());
        self
    }

    shared_settings!();
}

impl<O: Objective, W: BoostingMetric> GradientBoostingRegressor<O, W> {
    fn learn<X: Inputs + ?Sized>(
        &self,
        train: &Train<'_, X, Values>,
        from: Option<&GradientBoostingRegressorModel<O>>,
    ) -> Result<GradientBoostingRegressorModel<O>> {
        if self.loss.n_scores() != 1 {
            return Err(Error::unsupported(format!(
                "the loss has {} scores for a row; a regressor answers with one number",
                self.loss.n_scores()
            )));
        }
        let given = |x, y, weights| Given { x, y, weights, groups: None };
        let watched_weights = tame(train.validation_weights);
        let validation = train.validation.map(|(x, y)| Given {
            groups: self.settings.used(train.validation_groups),
            ..given(x, y.as_slice(), watched_weights.as_deref())
        });
        from.map_or(Ok(()), |from| check_loss(&from.loss, &self.loss))?;
        let from = from.map(|from| &from.booster);
        let (settings, objective) = (&self.settings, &self.loss);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from };
        let learned_from = Given {
            groups: self.settings.used(train.groups),
            ..given(train.x, train.y.as_slice(), train.weights)
        };
        let booster = plan.learn(&learned_from, validation.as_ref())?;
        Ok(GradientBoostingRegressorModel { booster, loss: self.loss.clone() })
    }

    /// Adds up to `n_trees` rounds to those of a fitted model. From the same rows, settings and seed they are, to the last bit,
    /// those that would have followed in one fit; but patience counts anew.
    ///
    /// # Errors
    /// As for a fit, or when the columns are others than those the model learned from, or it has another loss.
    pub fn fit_from(
        &self,
        model: &GradientBoostingRegressorModel<O>,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<GradientBoostingRegressorModel<O>> {
        train.check(&self.capabilities())?;
        self.learn(train, Some(model))
    }

    /// Keeps the questions of a fitted model and moves its leaves to what new rows say: `keep` of the old value and
    /// `1 - keep` of the new.
    ///
    /// # Errors
    /// When `keep` is not in [0, 1], the rows are not acceptable, or the columns or the loss are not those of the model.
    pub fn refit(
        &self,
        model: &GradientBoostingRegressorModel<O>,
        train: &Train<'_, Matrix, Values>,
        keep: f64,
    ) -> Result<GradientBoostingRegressorModel<O>> {
        KEEP.check(keep)?;
        train.check(&self.capabilities())?;
        check_loss(&model.loss, &self.loss)?;
        let (settings, objective) = (&self.settings, &self.loss);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from: None };
        let given = Given { x: train.x, y: train.y.as_slice(), weights: train.weights, groups: None };
        let booster = plan.refit(&model.booster, &given, keep)?;
        Ok(GradientBoostingRegressorModel { booster, loss: self.loss.clone() })
    }
}

/// How much of an old leaf is kept.
pub(super) const KEEP: Param =
    Param::real("keep", "how much of the old value of a leaf is kept").at_least(0.0).at_most(1.0);

impl<O: Objective, W: BoostingMetric> Estimator for GradientBoostingRegressor<O, W> {
    type Input = Matrix;
    type Target = Values;
    type Model = GradientBoostingRegressorModel<O>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Self::Model> {
        self.learn(train, None)
    }

    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities()
    }
}

impl<O: Objective, W: BoostingMetric> LearnsFromBins for GradientBoostingRegressor<O, W> {
    type Answer = Values;

    fn fit_bins(&self, train: &Train<'_, Binned, Values>) -> Result<Self::Model> {
        self.learn(train, None)
    }

    fn predict_bins(model: &Self::Model, x: &Binned) -> Result<Values> {
        Ok(model.answers(model.booster.scores_of_bins(x)?))
    }
}

/// A fitted booster that predicts numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "O: Serialize", deserialize = "O: Objective + Deserialize<'de>"))]
#[serde(try_from = "Parts<O>")]
pub struct GradientBoostingRegressorModel<O = RegressionLoss> {
    booster: Booster,
    loss: O,
}

#[derive(Deserialize)]
struct Parts<O> {
    booster: Booster,
    loss: O,
}

impl<O: Objective> TryFrom<Parts<O>> for GradientBoostingRegressorModel<O> {
    type Error = Error;

    fn try_from(Parts { booster, loss }: Parts<O>) -> Result<Self> {
        if booster.ensemble().n_outputs() != 1 {
            return Err(Error::corrupt("a regressor has one score for a row"));
        }
        Ok(GradientBoostingRegressorModel { booster, loss })
    }
}

impl<O: Objective> GradientBoostingRegressorModel<O> {
    /// The trees, importances and scores.
    pub fn booster(&self) -> &Booster {
        &self.booster
    }

    combined!(loss by same_loss);

    /// The model without the rounds after the first `n_rounds`.
    #[must_use]
    pub fn truncated(self, n_rounds: usize) -> Self {
        GradientBoostingRegressorModel { booster: self.booster.truncated(n_rounds), ..self }
    }

    /// What was made smaller.
    pub fn loss(&self) -> &O {
        &self.loss
    }

    fn answers(&self, mut scores: Vec<f64>) -> Values {
        scores.iter_mut().for_each(|score| self.loss.answer(std::slice::from_mut(score)));
        scores.into()
    }

    /// The answers after 1, 2, ... rounds.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn staged_predict(&self, x: &Matrix) -> Result<Vec<Values>> {
        Ok(self.booster.staged_scores(x)?.map(|scores| self.answers(scores)).collect())
    }
}

impl<O: Objective> Predictor for GradientBoostingRegressorModel<O> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.answers(self.booster.scores(x)?))
    }
}
