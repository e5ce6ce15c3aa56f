//! Boosting that ranks.

use perennial_core::{Capabilities, Error, Estimator, Matrix, Param, Predictor, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::booster::Booster;
use super::builders::shared_settings;
use super::combine::combined;
use super::inputs::Given;
use super::losses::RankingLoss;
use super::metric::{BoostingMetric, Watch};
use super::objective::Objective;
use super::plan::{Plan, check_loss};
use super::regressor::KEEP;
use super::settings::Settings;
use crate::rows::tame;

/// Gradient boosting that learns to rank the rows of a group, such as the answers to a query (Burges, 2010).
///
/// The target says how relevant a row is, from 0 on; the groups of [`Train`] say which rows compete. Its answers
/// are scores: the larger, the higher in its group. With a validation set and its
/// [groups](Train::validation_groups), learning stops early. The weight of a row multiplies what it teaches; the others of
/// its group compete with it whatever it weighs, as in LightGBM.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Predictor, Train, Values};
/// use perennial_models::GradientBoostingRanker;
///
/// // Each query has ten answers; the larger the number, the more relevant.
/// let x = Matrix::from(Array2::from_shape_fn((400, 1), |(row, _)| (row % 10) as f64));
/// let relevance: Values = (0..400).map(|row| f64::from(row % 10 / 3)).collect();
/// let queries: Vec<u32> = (0..400).map(|row| row / 10).collect();
/// let model = Train::new(&x, &relevance).groups(&queries).fit(&GradientBoostingRanker::new().n_trees(20))?;
/// let scores = model.predict(&x)?;
/// assert!(scores.as_slice()[9] > scores.as_slice()[0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    bound(deserialize = "O: Default + Deserialize<'de>, W: Deserialize<'de>")
)]
pub struct GradientBoostingRanker<O = RankingLoss, W = Watch> {
    loss: O,
    watch: Vec<W>,
    settings: Settings,
}

impl<O: Default, W> Default for GradientBoostingRanker<O, W> {
    fn default() -> Self {
        GradientBoostingRanker { loss: O::default(), watch: Vec::new(), settings: Settings::default() }
    }
}

impl GradientBoostingRanker {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = Settings::PARAMS;

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<O, W> GradientBoostingRanker<O, W> {
    /// Sets what is watched on the validation set, round by round; the first decides which round was best. The loss where
    /// nothing is set.
    #[must_use]
    pub fn watch<V: BoostingMetric>(self, metrics: impl Into<Vec<V>>) -> GradientBoostingRanker<O, V> {
        GradientBoostingRanker { loss: self.loss, watch: metrics.into(), settings: self.settings }
    }

    /// Sets what is made smaller: one of [`RankingLoss`], or your own [`Objective`], whose [`Labels`](super::Labels) tell which
    /// rows compete.
    #[must_use]
    pub fn loss<P: Objective>(self, loss: P) -> GradientBoostingRanker<P, W> {
        GradientBoostingRanker { loss, watch: self.watch, settings: self.settings }
    }

    shared_settings!();
}

impl<O: Objective, W: BoostingMetric> GradientBoostingRanker<O, W> {
    fn learn(
        &self,
        train: &Train<'_, Matrix, Values>,
        from: Option<&GradientBoostingRankerModel<O>>,
    ) -> Result<GradientBoostingRankerModel<O>> {
        let given = Given { x: train.x, y: train.y.as_slice(), weights: train.weights, groups: train.groups };
        let (settings, objective) = (&self.settings, &self.loss);
        if objective.n_scores() != 1 {
            return Err(Error::unsupported(format!(
                "the loss has {} scores for a row; a ranker answers with one number",
                objective.n_scores()
            )));
        }
        if train.validation.is_some() && train.validation_groups.is_none() {
            return Err(Error::unsupported(
                "the validation set does not say which of its rows compete; give `validation_groups` too",
            ));
        }
        from.map_or(Ok(()), |from| check_loss(&from.loss, &self.loss))?;
        let (groups, weights) = (train.validation_groups, tame(train.validation_weights));
        let weights = weights.as_deref();
        let validation = train.validation.map(|(x, y)| Given { x, y: y.as_slice(), weights, groups });
        let from = from.map(|from| &from.booster);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from };
        let booster = plan.learn(&given, validation.as_ref())?;
        Ok(GradientBoostingRankerModel { booster, loss: self.loss.clone() })
    }

    /// Adds up to `n_trees` rounds to those of a fitted model. From the same rows, settings and seed they are, to the last bit,
    /// those that would have followed in one fit; but patience counts anew.
    ///
    /// # Errors
    /// As for a fit, or when the columns are others than those the model learned from, or it has another loss.
    pub fn fit_from(
        &self,
        model: &GradientBoostingRankerModel<O>,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<GradientBoostingRankerModel<O>> {
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
        model: &GradientBoostingRankerModel<O>,
        train: &Train<'_, Matrix, Values>,
        keep: f64,
    ) -> Result<GradientBoostingRankerModel<O>> {
        KEEP.check(keep)?;
        train.check(&self.capabilities())?;
        check_loss(&model.loss, &self.loss)?;
        let (settings, objective) = (&self.settings, &self.loss);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from: None };
        let given = Given { x: train.x, y: train.y.as_slice(), weights: train.weights, groups: train.groups };
        let booster = plan.refit(&model.booster, &given, keep)?;
        Ok(GradientBoostingRankerModel { booster, loss: self.loss.clone() })
    }
}

impl<O: Objective, W: BoostingMetric> Estimator for GradientBoostingRanker<O, W> {
    type Input = Matrix;
    type Target = Values;
    type Model = GradientBoostingRankerModel<O>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GradientBoostingRankerModel<O>> {
        self.learn(train, None)
    }

    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities().groups()
    }
}

/// A fitted booster that ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "O: Serialize", deserialize = "O: Objective + Deserialize<'de>"))]
#[serde(try_from = "Parts<O>")]
pub struct GradientBoostingRankerModel<O = RankingLoss> {
    booster: Booster,
    loss: O,
}

#[derive(Deserialize)]
struct Parts<O> {
    booster: Booster,
    loss: O,
}

impl<O: Objective> TryFrom<Parts<O>> for GradientBoostingRankerModel<O> {
    type Error = Error;

    fn try_from(Parts { booster, loss }: Parts<O>) -> Result<Self> {
        if booster.ensemble().n_outputs() != 1 {
            return Err(Error::corrupt("a ranker has one score for a row"));
        }
        Ok(GradientBoostingRankerModel { booster, loss })
    }
}

impl<O: Objective> GradientBoostingRankerModel<O> {
    /// The trees, importances and scores.
    pub fn booster(&self) -> &Booster {
        &self.booster
    }

    /// What was made smaller.
    pub fn loss(&self) -> &O {
        &self.loss
    }

    combined!(loss by same_loss);

    /// The model without the rounds after the first `n_rounds`.
    #[must_use]
    pub fn truncated(self, n_rounds: usize) -> Self {
        GradientBoostingRankerModel { booster: self.booster.truncated(n_rounds), ..self }
    }

    /// The scores after 1, 2, ... rounds.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn staged_predict(&self, x: &Matrix) -> Result<Vec<Values>> {
        Ok(self.booster.staged_scores(x)?.map(Values::from).collect())
    }
}

impl<O: Objective> Predictor for GradientBoostingRankerModel<O> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.booster.scores(x)?.into())
    }
}
