//! Boosting that predicts classes.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Matrix, Param, Predictor, Probabilities, Result,
    Rows, Train,
};
use serde::{Deserialize, Serialize};

use super::booster::Booster;
use super::builders::shared_settings;
use super::class_objective::{ClassObjective, StandardLoss};
use super::combine::combined;
use super::inputs::{Given, Inputs};
use super::losses::{ClassificationLoss, MAX_MARGIN};
use super::metric::{BoostingMetric, Watch};
use super::objective::Objective;
use super::plan::{Plan, check_loss, shown};
use super::regressor::KEEP;
use super::settings::Settings;
use crate::binned::{Binned, LearnsFromBins};
use crate::classes::{ClassWeight, check_names, class_totals, two_or_more};
use crate::rows::tame;

/// Gradient boosting of classification trees: one score for two classes, one for each of more.
///
/// Columns of kind [`Categorical`](perennial_core::FeatureKind::Categorical) are split by sets of categories, missing
/// values go to the side that is better for them, and learning stops early on the validation set of [`Train`] where
/// there is one. The settings are those of [`boosting`](crate::boosting).
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
/// use perennial_models::GradientBoostingClassifier;
///
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
/// let y = Classes::from_labels((0..200).map(|row| if row < 100 { "low" } else { "high" }));
/// let model = GradientBoostingClassifier::new().fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert!(model.predict_proba(&x)?.of("low")?.as_slice()[0] > 0.9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    bound(deserialize = "C: Default + Deserialize<'de>, W: Deserialize<'de>")
)]
pub struct GradientBoostingClassifier<C = StandardLoss, W = Watch> {
    loss: C,
    watch: Vec<W>,
    class_weight: ClassWeight,
    settings: Settings,
}

impl<C: Default, W> Default for GradientBoostingClassifier<C, W> {
    fn default() -> Self {
        GradientBoostingClassifier {
            loss: C::default(),
            watch: Vec::new(),
            class_weight: ClassWeight::None,
            settings: Settings::default(),
        }
    }
}

impl GradientBoostingClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &{
        let mut all = [MAX_MARGIN; Settings::PARAMS.len() + 1];
        let mut place = 0;
        while place < Settings::PARAMS.len() {
            all[place] = Settings::PARAMS[place];
            place += 1;
        }
        all
    };

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<W> GradientBoostingClassifier<StandardLoss, W> {
    /// Takes the focal loss for two classes: rows that are right already count less, the more so the larger `gamma`; rows
    /// of the second class weigh `alpha`, the others `1 - alpha` (Lin and others, 2017).
    #[must_use]
    pub fn focal(mut self, gamma: f64, alpha: f64) -> Self {
        self.loss.focal = Some((gamma, alpha));
        self
    }

    /// Takes the label-distribution-aware margin loss for two classes: the log-odds of a row must be on the side of its class by
    /// `max_margin` where the class is the rarer one, and by less, in proportion to the fourth root of one over its rows, where
    /// it is the other (Cao and others, 2019). Between 0 and 30; 0 is the logarithmic loss. Margins alone do not move the border to the common class: set
    /// [`class_weight`](Self::class_weight) as well, as the paper does in its second half. The probabilities need calibration.
    #[must_use]
    pub fn ldam(mut self, max_margin: f64) -> Self {
        self.loss.max_margin = Some(max_margin);
        self
    }

    /// Sets whether more than two classes have a logistic loss each, of one class against the rest, instead of one loss of all
    /// (LightGBM's `multiclassova`). The probabilities of a row are brought to a sum of 1. With two classes it changes nothing.
    #[must_use]
    pub fn one_vs_all(mut self, one_vs_all: bool) -> Self {
        self.loss.one_vs_all = one_vs_all;
        self
    }
}

impl<C, W> GradientBoostingClassifier<C, W> {
    /// Sets what is made smaller: your own [`Objective`] or [`ClassObjective`].
    #[must_use]
    pub fn loss<D: ClassObjective>(self, loss: D) -> GradientBoostingClassifier<D, W> {
        let GradientBoostingClassifier { watch, class_weight, settings, .. } = self;
        GradientBoostingClassifier { loss, watch, class_weight, settings }
    }

    /// Sets what is watched on the validation set, round by round; the first decides which round was best. The loss where
    /// nothing is set.
    #[must_use]
    pub fn watch<V: BoostingMetric>(self, metrics: impl Into<Vec<V>>) -> GradientBoostingClassifier<C, V> {
        let GradientBoostingClassifier { loss, class_weight, settings, .. } = self;
        GradientBoostingClassifier { loss, watch: metrics.into(), class_weight, settings }
    }

    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }

    shared_settings!();
}

impl<C: ClassObjective, W: BoostingMetric> GradientBoostingClassifier<C, W> {
    fn learn<X: Inputs + ?Sized>(
        &self,
        train: &Train<'_, X, Classes>,
        from: Option<&GradientBoostingClassifierModel<C::Loss>>,
    ) -> Result<GradientBoostingClassifierModel<C::Loss>> {
        let prepared = self.prepare(train, from)?;
        let Prepared { loss, present, y, weights } = &prepared;
        let groups = self.settings.used(train.groups);
        let given = Given { x: train.x, y, weights: weights.as_deref(), groups };
        let watched = train.validation.map(|(x, y)| Ok::<_, Error>((x, targets(y, train.y, present)?)));
        let watched = watched.transpose()?;
        let watched_weights = tame(train.validation_weights);
        let weights = watched_weights.as_deref();
        let of_watched = self.settings.used(train.validation_groups);
        let validation =
            watched.as_ref().map(|(x, y)| Given { x: *x, y: &y[..], weights, groups: of_watched });
        let from = from.map(|from| &from.booster);
        let metrics = &self.watch[..];
        let plan = Plan { settings: &self.settings, objective: loss, metrics, ctx: &train.ctx, from };
        let booster = plan.learn(&given, validation.as_ref())?;
        let (loss, present) = (loss.clone(), present.clone());
        Ok(GradientBoostingClassifierModel { booster, loss, present, classes: train.y.shared_names() })
    }

    /// The loss, and the target in codes of the classes that have rows.
    fn prepare<'t, X: Inputs + ?Sized>(
        &self,
        train: &Train<'t, X, Classes>,
        from: Option<&GradientBoostingClassifierModel<C::Loss>>,
    ) -> Result<Prepared<'t, C::Loss>> {
        let weights = self.class_weight.apply(train.y, train.weights.map(Cow::Borrowed))?;
        let present = match from {
            Some(from) if from.classes[..] != *train.y.names() => {
                return Err(Error::unsupported("the model to continue knows other classes"));
            }
            Some(from) => from.present.clone(),
            None => two_or_more(train.y, weights.as_deref())?,
        };
        let totals = class_totals(train.y, tame(train.weights).as_deref());
        let rows: Vec<f64> = present.iter().map(|&code| totals[code as usize]).collect();
        let loss = self.loss.for_classes(&rows, from.map(|from| &from.loss))?;
        check_scores(&loss, present.len())?;
        self.check_for_several(present.len())?;
        if let Some(from) = from {
            check_loss(&from.loss, &loss)?;
            check_known(train.y, &present, weights.as_deref())?;
        }
        Ok(Prepared { loss, y: targets(train.y, train.y, &present)?, present, weights })
    }

    /// Refuses what would have no effect on the probabilities of more than two classes, or not the promised one.
    fn check_for_several(&self, n_classes: usize) -> Result<()> {
        if n_classes <= 2 {
            return Ok(());
        }
        if self.settings.offset.len() == 1 {
            return Err(Error::unsupported(format!(
                "`offset` is the same for the scores of all {n_classes} classes and changes no probability; leave it out, or \
                 name a column for each class by `offsets`"
            )));
        }
        if !self.settings.monotone.is_empty() {
            return Err(Error::unsupported(format!(
                "`monotone` would hold for the scores of {n_classes} classes and not for their probabilities; leave it out, or \
                 learn one class against the rest by `OneVsRestClassifier`"
            )));
        }
        Ok(())
    }

    /// Adds up to `n_trees` rounds to those of a fitted model. From the same rows, settings and seed they are, to the last bit,
    /// those that would have followed in one fit; but patience counts anew.
    ///
    /// # Errors
    /// As for a fit, or when the columns or classes are others than those the model learned from, or it has another loss.
    pub fn fit_from(
        &self,
        model: &GradientBoostingClassifierModel<C::Loss>,
        train: &Train<'_, Matrix, Classes>,
    ) -> Result<GradientBoostingClassifierModel<C::Loss>> {
        train.check(&self.capabilities())?;
        self.learn(train, Some(model))
    }

    /// Keeps the questions of a fitted model and moves its leaves to what new rows say: `keep` of the old value and
    /// `1 - keep` of the new.
    ///
    /// # Errors
    /// When `keep` is not in [0, 1], the rows are not acceptable, or the columns, classes or loss are not those of the model.
    pub fn refit(
        &self,
        model: &GradientBoostingClassifierModel<C::Loss>,
        train: &Train<'_, Matrix, Classes>,
        keep: f64,
    ) -> Result<GradientBoostingClassifierModel<C::Loss>> {
        KEEP.check(keep)?;
        train.check(&self.capabilities())?;
        let Prepared { y, weights, .. } = self.prepare(train, Some(model))?;
        let (settings, objective) = (&self.settings, &model.loss);
        let plan = Plan { settings, objective, metrics: &self.watch, ctx: &train.ctx, from: None };
        let given = Given { x: train.x, y: &y, weights: weights.as_deref(), groups: None };
        let booster = plan.refit(&model.booster, &given, keep)?;
        Ok(GradientBoostingClassifierModel { booster, ..model.clone() })
    }
}

/// Refuses a loss that has not the scores that so many classes need.
fn check_scores(loss: &impl Objective, n_classes: usize) -> Result<()> {
    let (own, needed) = (loss.n_scores(), n_scores(n_classes));
    if own == needed {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the loss {} has {own} scores for a row, but {n_classes} classes need {needed}: one for two classes, and as many \
         as there are of more",
        shown(loss)
    )))
}

/// The scores of a row.
fn n_scores(n_classes: usize) -> usize {
    if n_classes == 2 { 1 } else { n_classes }
}

struct Prepared<'t, L> {
    loss: L,
    present: Vec<u32>,
    y: Vec<f64>,
    weights: Option<Cow<'t, [f64]>>,
}

/// Refuses rows that count and are of a class that a model has no score for.
fn check_known(y: &Classes, present: &[u32], weights: Option<&[f64]>) -> Result<()> {
    let counts = |row: usize| weights.is_none_or(|weights| weights[row] > 0.0);
    let mut codes = y.codes().iter().enumerate();
    match codes.find(|&(row, code)| counts(row) && !present.contains(code)) {
        None => Ok(()),
        Some((row, &code)) => Err(Error::unknown(format!(
            "row {row} is of class `{}`, which the model had no rows to learn from; learn a new model",
            y.names()[code as usize]
        ))),
    }
}

/// The position of the class of each row among those that have training rows. Rows of other classes have no weight in
/// training; in a validation set they are an error.
fn targets(y: &Classes, train: &Classes, present: &[u32]) -> Result<Vec<f64>> {
    let position = |name: &String| {
        let code = train.names().iter().position(|other| other == name);
        code.and_then(|code| present.iter().position(|&known| known as usize == code))
    };
    let positions: Vec<Option<usize>> = y.names().iter().map(position).collect();
    let same = std::ptr::eq(y, train);
    let target = |&code: &u32| match positions[code as usize] {
        Some(position) => Ok(position as f64),
        None if same => Ok(0.0),
        None => Err(Error::unknown(format!(
            "the validation set has rows of class `{}`, which has no rows to learn from",
            y.names()[code as usize]
        ))),
    };
    y.codes().iter().map(target).collect()
}

impl<C: ClassObjective, W: BoostingMetric> Estimator for GradientBoostingClassifier<C, W> {
    type Input = Matrix;
    type Target = Classes;
    type Model = GradientBoostingClassifierModel<C::Loss>;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<GradientBoostingClassifierModel<C::Loss>> {
        self.learn(train, None)
    }

    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities()
    }
}

impl<C: ClassObjective, W: BoostingMetric> LearnsFromBins for GradientBoostingClassifier<C, W> {
    type Answer = Probabilities;

    fn fit_bins(
        &self,
        train: &Train<'_, Binned, Classes>,
    ) -> Result<GradientBoostingClassifierModel<C::Loss>> {
        self.learn(train, None)
    }

    fn predict_bins(model: &GradientBoostingClassifierModel<C::Loss>, x: &Binned) -> Result<Probabilities> {
        model.probabilities(model.booster.scores_of_bins(x)?, x.n_rows())
    }
}

/// A fitted booster that predicts classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: Objective + Deserialize<'de>"))]
#[serde(try_from = "Parts<L>")]
pub struct GradientBoostingClassifierModel<L = ClassificationLoss> {
    booster: Booster,
    loss: L,
    present: Vec<u32>,
    classes: Arc<[String]>,
}

#[derive(Deserialize)]
struct Parts<L> {
    booster: Booster,
    loss: L,
    present: Vec<u32>,
    classes: Arc<[String]>,
}

impl<L: Objective> TryFrom<Parts<L>> for GradientBoostingClassifierModel<L> {
    type Error = Error;

    fn try_from(Parts { booster, loss, present, classes }: Parts<L>) -> Result<Self> {
        check_names(&classes)?;
        let n_scores = n_scores(present.len());
        let ordered = present.windows(2).all(|pair| pair[0] < pair[1]);
        let known = present.last().is_some_and(|&last| (last as usize) < classes.len());
        if !(ordered && known && present.len() > 1)
            || booster.ensemble().n_outputs() != n_scores
            || loss.n_scores() != n_scores
        {
            return Err(Error::corrupt("the trees of the model do not fit its classes"));
        }
        Ok(GradientBoostingClassifierModel { booster, loss, present, classes })
    }
}

impl<L: Objective> GradientBoostingClassifierModel<L> {
    /// The trees, importances and scores.
    pub fn booster(&self) -> &Booster {
        &self.booster
    }

    /// What was made smaller.
    pub fn loss(&self) -> &L {
        &self.loss
    }

    /// The classes that had training rows: each has a score, or the second of two.
    pub(super) fn present(&self) -> &[u32] {
        &self.present
    }

    /// The class names; their order is that of the probabilities.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    combined!(loss by same_loss, present: "classes with rows", classes: "classes");

    /// The model without the rounds after the first `n_rounds`.
    #[must_use]
    pub fn truncated(self, n_rounds: usize) -> Self {
        GradientBoostingClassifierModel { booster: self.booster.truncated(n_rounds), ..self }
    }

    /// The probabilities after 1, 2, ... rounds.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn staged_predict_proba(&self, x: &Matrix) -> Result<Vec<Probabilities>> {
        let staged = self.booster.staged_scores(x)?;
        staged.map(|scores| self.probabilities(scores, x.n_rows())).collect()
    }

    fn probabilities(&self, mut scores: Vec<f64>, n_rows: usize) -> Result<Probabilities> {
        let mut shares = Array2::zeros((n_rows, self.classes.len()));
        let n_scores = self.loss.n_scores();
        for (mut shares, scores) in shares.rows_mut().into_iter().zip(scores.chunks_exact_mut(n_scores)) {
            self.loss.answer(scores);
            match (&self.present[..], &scores[..]) {
                (&[negative, positive], &[share]) => {
                    shares[negative as usize] = 1.0 - share;
                    shares[positive as usize] = share;
                }
                (present, scores) => {
                    present.iter().zip(scores).for_each(|(&class, &share)| shares[class as usize] = share);
                }
            }
        }
        Probabilities::new(shares, self.classes.clone())
    }
}

impl<L: Objective> Predictor for GradientBoostingClassifierModel<L> {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<L: Objective> Classifier for GradientBoostingClassifierModel<L> {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        self.probabilities(self.booster.scores(x)?, x.n_rows())
    }
}
