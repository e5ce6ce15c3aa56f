//! Boosting that predicts several quantiles.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Matrix, Outputs, Param, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::booster::{Booster, Plan};
use super::inputs::Given;
use super::losses::Quantiles;
use super::metric::Watch;
use super::objective::Objective;
use super::settings::{Settings, shared_settings};

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoostingQuantileRegressor {
    levels: Quantiles,
    settings: Settings,
}

impl GradientBoostingQuantileRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = Settings::PARAMS;

    /// Quantiles at these levels, each in (0, 1), in rising order.
    pub fn new(levels: impl Into<Vec<f64>>) -> Self {
        GradientBoostingQuantileRegressor { levels: Quantiles::new(levels), settings: Settings::default() }
    }

    shared_settings!();
}

impl Estimator for GradientBoostingQuantileRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = GradientBoostingQuantileRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GradientBoostingQuantileRegressorModel> {
        let given = |x, y, weights| Given { x, y, weights, groups: None };
        let validation = train.validation.map(|(x, y)| given(x, y.as_slice(), None));
        let (settings, objective) = (&self.settings, &self.levels);
        let metrics: &[Watch] = &[];
        let plan = Plan { settings, objective, metrics, ctx: &train.ctx, from: None };
        let booster = plan.learn(&given(train.x, train.y.as_slice(), train.weights), validation.as_ref())?;
        Ok(GradientBoostingQuantileRegressorModel { booster, levels: self.levels.clone() })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical().validation()
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
}

impl Predictor for GradientBoostingQuantileRegressorModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        let mut scores = self.booster.scores(x)?;
        let width = self.levels.n_scores();
        scores.chunks_exact_mut(width).for_each(|scores| self.levels.answer(scores));
        let n_rows = scores.len() / width;
        Ok(Array2::from_shape_vec((n_rows, width), scores).map_err(Error::other)?.into())
    }
}
