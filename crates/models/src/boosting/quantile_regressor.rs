//! Boosting that predicts several quantiles.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Matrix, Outputs, Param, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::booster::Booster;
use super::builders::shared_settings;
use super::combine::combined;
use super::inputs::Given;
use super::losses::Quantiles;
use super::metric::{BoostingMetric, Watch};
use super::objective::Objective;
use super::plan::{Plan, check_loss};
use super::regressor::KEEP;
use super::settings::Settings;
use crate::rows::tame;

/// Gradient boosting that predicts several quantiles of the target, which never cross.
///
/// Each level has trees of its own; the answers of a row are sorted, which can only bring them nearer to the true
/// quantiles (Chernozhukov, Fernandez-Val and Galichon, 2010). Constraints hold for each level.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Predictor, Values};
/// use perennial_models::GradientBoostingQuantileRegressor;
///
/// let x = Matrix::from(Array2::from_shape_fn((1000, 1), |(row, _)| (row % 10) as f64));
/// let y: Values = (0..1000).map(|row| f64::from(row % 10) + f64::from(row / 10) / 100.0).collect();
/// let model = GradientBoostingQuantileRegressor::new([0.1, 0.9]).fit(&x, &y)?;
/// let bands = model.predict(&x)?;
/// let (low, high) = (bands.values()[[5, 0]], bands.values()[[5, 1]]);
/// assert!((low - 5.1).abs() < 0.1 && (high - 5.9).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "W: Deserialize<'de>"))]
pub struct GradientBoostingQuantileRegressor<W = Watch> {
    #[serde(default)]
    levels: Quantiles,
    #[serde(default = "Vec::new")]
    watch: Vec<W>,
    #[serde(default)]
    settings: Settings,
}

impl Default for GradientBoostingQuantileRegressor {
    fn default() -> Self {
        GradientBoostingQuantileRegressor {
            levels: Quantiles::default(),
            watch: Vec::new(),
            settings: Settings::default(),
        }
    }
}

impl GradientBoostingQuantileRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = Settings::PARAMS;

    /// Quantiles at these levels, each in (0, 1), in rising order.
    pub fn new(levels: impl Into<Vec<f64>>) -> Self {
        GradientBoostingQuantileRegressor { levels: Quantiles::new(levels), ..Self::default() }
    }
}

impl<W> GradientBoostingQuantileRegressor<W> {
    /// Sets what is watched on the validation set, round by round; the first decides which round was best. The loss where
    /// nothing is set. A row has an answer for each level, so [`Watch`] offers the loss alone; bring your own for others.
    #[must_use]
    pub fn watch<V: BoostingMetric>(
        self,
        metrics: impl Into<Vec<V>>,
    ) -> GradientBoostingQuantileRegressor<V> {
        let GradientBoostingQuantileRegressor { levels, settings, .. } = self;
        GradientBoostingQuantileRegressor { levels, watch: metrics.into(), settings }
    }

    shared_settings!();
}

impl<W: BoostingMetric> GradientBoostingQuantileRegressor<W> {
    fn learn(
        &self,
        train: &Train<'_, Matrix, Values>,
        from: Option<&GradientBoostingQuantileRegressorModel>,
    ) -> Result<GradientBoostingQuantileRegressorModel> {
        let given = |x, y, weights| Given { x, y, weights, groups: None };
        let watched_weights = tame(train.validation_weights);
        let validation = train.validation.map(|(x, y)| Given {
            groups: self.settings.used(train.validation_groups),
            ..given(x, y.as_slice(), watched_weights.as_deref())
        });
        from.map_or(Ok(()), |from| check_loss(&from.levels, &self.levels))?;
        let from = from.map(|from| &from.booster);
        let (settings, objective) = (&self.settings, &self.levels);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from };
        let learned_from = Given {
            groups: self.settings.used(train.groups),
            ..given(train.x, train.y.as_slice(), train.weights)
        };
        let booster = plan.learn(&learned_from, validation.as_ref())?;
        Ok(GradientBoostingQuantileRegressorModel { booster, levels: self.levels.clone() })
    }

    /// Adds up to `n_trees` rounds to those of a fitted model. From the same rows, settings and seed they are, to the last bit,
    /// those that would have followed in one fit; but patience counts anew.
    ///
    /// # Errors
    /// As for a fit, or when the columns are others than those the model learned from, or it has other levels.
    pub fn fit_from(
        &self,
        model: &GradientBoostingQuantileRegressorModel,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<GradientBoostingQuantileRegressorModel> {
        train.check(&self.capabilities())?;
        self.learn(train, Some(model))
    }

    /// Keeps the questions of a fitted model and moves its leaves to what new rows say: `keep` of the old value and
    /// `1 - keep` of the new.
    ///
    /// # Errors
    /// When `keep` is not in [0, 1], the rows are not acceptable, or the columns or levels are not those of the model.
    pub fn refit(
        &self,
        model: &GradientBoostingQuantileRegressorModel,
        train: &Train<'_, Matrix, Values>,
        keep: f64,
    ) -> Result<GradientBoostingQuantileRegressorModel> {
        KEEP.check(keep)?;
        train.check(&self.capabilities())?;
        check_loss(&model.levels, &self.levels)?;
        let (settings, objective) = (&self.settings, &self.levels);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from: None };
        let given = Given { x: train.x, y: train.y.as_slice(), weights: train.weights, groups: None };
        let booster = plan.refit(&model.booster, &given, keep)?;
        Ok(GradientBoostingQuantileRegressorModel { booster, levels: self.levels.clone() })
    }
}

impl<W: BoostingMetric> Estimator for GradientBoostingQuantileRegressor<W> {
    type Input = Matrix;
    type Target = Values;
    type Model = GradientBoostingQuantileRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GradientBoostingQuantileRegressorModel> {
        self.learn(train, None)
    }

    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities()
    }
}

/// A fitted booster that predicts quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GradientBoostingQuantileRegressorModel {
    booster: Booster,
    levels: Quantiles,
}

#[derive(Deserialize)]
struct Parts {
    booster: Booster,
    levels: Quantiles,
}

impl TryFrom<Parts> for GradientBoostingQuantileRegressorModel {
    type Error = Error;

    fn try_from(Parts { booster, levels }: Parts) -> Result<Self> {
        if booster.ensemble().n_outputs() != levels.n_scores() {
            return Err(Error::corrupt("the model does not have one score for each level"));
        }
        Ok(GradientBoostingQuantileRegressorModel { booster, levels })
    }
}

impl GradientBoostingQuantileRegressorModel {
    /// The trees, importances and scores.
    pub fn booster(&self) -> &Booster {
        &self.booster
    }

    /// The share of targets below each answer.
    pub fn levels(&self) -> &[f64] {
        self.levels.levels()
    }

    combined!(levels by same_loss);

    /// The model without the rounds after the first `n_rounds`.
    #[must_use]
    pub fn truncated(self, n_rounds: usize) -> Self {
        GradientBoostingQuantileRegressorModel { booster: self.booster.truncated(n_rounds), ..self }
    }

    /// The answers after 1, 2, ... rounds.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn staged_predict(&self, x: &Matrix) -> Result<Vec<Outputs>> {
        self.booster.staged_scores(x)?.map(|scores| self.answers(scores)).collect()
    }

    /// Turns the scores of a row into answers that do not cross.
    pub(super) fn in_order(&self, scores: &mut [f64]) {
        self.levels.answer(scores);
    }

    fn answers(&self, mut scores: Vec<f64>) -> Result<Outputs> {
        let width = self.levels.n_scores();
        scores.chunks_exact_mut(width).for_each(|scores| self.in_order(scores));
        let n_rows = scores.len() / width;
        Ok(Array2::from_shape_vec((n_rows, width), scores).map_err(Error::other)?.into())
    }
}

impl Predictor for GradientBoostingQuantileRegressorModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        self.answers(self.booster.scores(x)?)
    }
}
