//! Climbing from simple models to complex ones only while it pays.

use std::fmt;

use perennial_core::{Error, Result, ResultExt};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::{Comparison, ComparisonOptions, CrossValidated, Verdict, compare_folds};

/// Models from the simplest to the most complex, tried one after the other: a step is taken only where the paired test
/// of the folds shows that its gain is larger than the margin, and the first that is not taken ends the climb.
///
/// The margin is the region of equivalence of the options. Steps after the one that ends the climb are not computed.
///
/// ```
/// # use perennial_core::{Estimator, Matrix, Predictor, Result, Train, Values};
/// # struct Times(f64);
/// # impl Estimator for Times {
/// #     type Input = Matrix;
/// #     type Target = Values;
/// #     type Model = Times;
/// #     fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<Times> { Ok(Times(self.0)) }
/// # }
/// # impl Predictor for Times {
/// #     type Input = Matrix;
/// #     type Output = Values;
/// #     fn predict(&self, x: &Matrix) -> Result<Values> {
/// #         Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect())
/// #     }
/// # }
/// # let x = Matrix::from(ndarray::Array2::from_shape_fn((90, 1), |(row, _)| (row % 17) as f64));
/// # let y: Values = (0..90).map(|row| 2.0 * f64::from(row % 17) + f64::from(row % 3)).collect();
/// use perennial_evaluation::metric::MeanAbsoluteError;
/// use perennial_evaluation::{ComparisonOptions, CrossValidation, Ladder, cross_validate, split::KFold};
///
/// let folds = KFold::new(5).seed(1);
/// let score = |model: Times| cross_validate(&model, &x, &y, &folds, &MeanAbsoluteError, &CrossValidation::new());
/// let climb = Ladder::new(ComparisonOptions::new().equivalence(0.1))
///     .step("nothing", || score(Times(0.0)))?
///     .step("double", || score(Times(2.0)))?
///     .step("a little more", || score(Times(2.01)))?
///     .climb()?;
/// assert_eq!(climb.chosen, "double");
/// assert_eq!(climb.stopped_by.as_deref(), Some("a little more"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ladder<'a> {
    options: ComparisonOptions<'a>,
    top: Option<CrossValidated<(), ()>>,
    climb: Climb,
}

/// What a climb came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Climb {
    /// The name of the model that was reached.
    pub chosen: String,
    /// The baselines among the steps, which stand first.
    #[serde(default)]
    pub baselines: Vec<String>,
    /// The steps that were tried, in order.
    pub steps: Vec<Step>,
    /// The name of the step that ended the climb; nothing where the top was reached.
    pub stopped_by: Option<String>,
    /// The steps that were not tried any more.
    pub not_tried: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The name.
    pub name: String,
    /// The mean score.
    pub score: f64,
    /// The step against the model that was reached before; nothing for the first, and for baselines.
    pub against_previous: Option<Comparison>,
}

impl<'a> Ladder<'a> {
    /// A ladder without steps; `options` say how large and how sure a gain must be.
    pub fn new(options: ComparisonOptions<'a>) -> Self {
        Ladder { options, top: None, climb: Climb::default() }
    }

    /// Begins with the best of some baselines, as [`score_baselines`](crate::score_baselines) gives them: the first step must
    /// be surely better than it. All of them are listed.
    ///
    /// # Errors
    /// When there were steps before, or there are no baselines, or a mean score is not a number.
    pub fn baselines<P, M>(mut self, scored: &[(String, CrossValidated<P, M>)]) -> Result<Self> {
        if !self.climb.steps.is_empty() {
            return Err(Error::malformed("baselines stand below all steps; give them first"));
        }
        let better = |a: f64, b: f64, higher: bool| if higher { a > b } else { a < b };
        for (name, scored) in scored {
            let score = scored.mean();
            if score.is_nan() {
                return Err(Error::overflow(format!("the score of `{name}` is NaN; check its answers")));
            }
            if self.top.as_ref().is_none_or(|top| better(score, top.mean(), scored.higher_is_better)) {
                self.top = Some(scored.scores_only());
                self.climb.chosen.clone_from(name);
            }
            self.climb.baselines.push(name.clone());
            self.climb.steps.push(Step { name: name.clone(), score, against_previous: None });
        }
        if scored.is_empty() {
            return Err(Error::empty("there are no baselines"));
        }
        Ok(self)
    }

    /// Tries the next step, unless the climb has ended. All must be scored on the same folds.
    ///
    /// # Errors
    /// When scoring fails, or as [`compare_folds`].
    pub fn step<P, M>(
        mut self,
        name: &str,
        score: impl FnOnce() -> Result<CrossValidated<P, M>>,
    ) -> Result<Self> {
        if self.climb.stopped_by.is_some() {
            self.climb.not_tried.push(name.to_owned());
            return Ok(self);
        }
        let place = || format!("step `{name}`");
        let scored = score().context(place())?.scores_only();
        let against_previous = match &self.top {
            None => None,
            Some(top) => Some(compare_folds(top, &scored, &self.options).context(place())?),
        };
        let taken = against_previous.as_ref().is_none_or(|found| found.verdict == Verdict::Better);
        self.climb.steps.push(Step { name: name.to_owned(), score: scored.mean(), against_previous });
        if taken {
            self.climb.chosen = name.to_owned();
            self.top = Some(scored);
        } else {
            self.climb.stopped_by = Some(name.to_owned());
        }
        Ok(self)
    }

    /// How far it went.
    ///
    /// # Errors
    /// When there are no steps.
    pub fn climb(self) -> Result<Climb> {
        if self.climb.steps.is_empty() {
            return Err(Error::empty("the ladder has no steps"));
        }
        Ok(self.climb)
    }
}

impl Climb {
    /// Whether a step was taken above all baselines; otherwise what was chosen is one of them, and no model is to be promoted.
    pub fn may_be_promoted(&self) -> bool {
        !self.baselines.is_empty() && !self.baselines.contains(&self.chosen)
    }
}

/// A line for each step, and the one that ended the climb.
impl fmt::Display for Climb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            let baseline = if self.baselines.contains(&step.name) { " (baseline)" } else { "" };
            write!(f, "{}. `{}`{baseline}: {:.4}", place + 1, step.name, step.score)?;
            if let Some(found) = &step.against_previous {
                write!(f, ", a gain of {}", found.gain)?;
            }
            writeln!(f)?;
        }
        match (&self.stopped_by, self.steps.last().and_then(|step| step.against_previous.as_ref())) {
            (Some(step), Some(found)) => write!(
                f,
                "stopped at `{step}`, whose gain is not surely above {}; `{}` is as complex as it pays",
                found.equivalence, self.chosen
            )?,
            _ => write!(f, "reached the top, `{}`", self.chosen)?,
        }
        if !self.not_tried.is_empty() {
            write!(f, "; not tried: {}", self.not_tried.join(", "))?;
        }
        Ok(())
    }
}

/// The place of the simplest of some models, given from the simplest on, whose mean score is within one standard error
/// of the best (Breiman, Friedman, Olshen and Stone, 1984).
///
/// The error is that of the best model's mean: the deviation of its folds over the root of their number.
///
/// # Errors
/// When there are no models, or no mean score is a number.
pub fn one_standard_error<P, M>(models: &[CrossValidated<P, M>]) -> Result<usize> {
    let loss = |model: &CrossValidated<P, M>| {
        if model.higher_is_better { -model.mean() } else { model.mean() }
    };
    let best = models
        .iter()
        .filter(|model| !loss(model).is_nan())
        .min_by(|a, b| loss(a).total_cmp(&loss(b)))
        .ok_or_else(|| Error::empty("there is no model with a score"))?;
    let scores = best.scores();
    // A single fold has no deviation: then only the best itself will do.
    let variance = if scores.len() > 1 { reduce::mean_variance(&scores, 1).1 } else { 0.0 };
    let limit = loss(best) + (variance / scores.len() as f64).sqrt();
    Ok(models.iter().position(|model| loss(model) <= limit).unwrap_or(0))
}
