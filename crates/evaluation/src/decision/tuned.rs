//! Classifiers that answer by a threshold.

use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Predictor, Probabilities, Result, ResultExt, Rows,
    Train,
};
use serde::{Deserialize, Serialize};

use super::rule::ThresholdRule;
use crate::align::{check_two_classes, columns_in, positive_class};
use crate::cross_fit::{accepted, fit_whole, rounds, with_weight};
use crate::{CrossFit, Splitter};

/// A model that answers with the positive class where its probability is at least a threshold, and else with the most
/// probable of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedThreshold<M> {
    model: M,
    threshold: f64,
    positive: Option<String>,
}

impl<M> FixedThreshold<M> {
    /// Around a fitted classifier; of two classes the second is positive.
    ///
    /// # Errors
    /// When the threshold is NaN.
    pub fn new(model: M, threshold: f64) -> Result<Self> {
        if threshold.is_nan() {
            return Err(Error::invalid_param("threshold", threshold, "a number"));
        }
        Ok(FixedThreshold { model, threshold, positive: None })
    }

    /// Sets the positive class.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }

    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The probability from which on a row is called positive.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
}

impl<M: Classifier> Predictor for FixedThreshold<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        let said = self.model.predict_proba(x)?;
        let positive = positive_class(said.names(), self.positive.as_deref())?;
        let call = |row: ndarray::ArrayView1<'_, f64>| {
            if row[positive] >= self.threshold {
                return positive as u32;
            }
            let mut others = (0..row.len()).filter(|class| *class != positive);
            let first = others.next().unwrap_or(positive);
            others.fold(first, |best, class| if row[class] > row[best] { class } else { best }) as u32
        };
        let codes = said.values().rows().into_iter().map(call).collect();
        Classes::new(codes, said.shared_names())
    }
}

impl<M: Classifier> Classifier for FixedThreshold<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}

/// A classifier whose threshold is chosen on rows that its models have not seen.
///
/// Each row is given a probability by a model of the folds that it is not in; the threshold that is best for all of
/// these is then that of a model of all rows. With [`Holdout`](crate::Holdout) one part serves to learn and the other
/// to choose.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `rule` | balanced accuracy | | which threshold is best; values per row are those of the rows to learn from |
/// | `positive` | the second of two classes | a class name | the class to find |
/// | `refit` | true | | whether the model learns from all rows; else, with a single split, it is the model of that split |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | | how the rows are divided |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Slope;
/// # #[derive(Debug)] struct SlopeModel(Vec<String>);
/// # impl Estimator for Slope {
/// #     type Input = Matrix; type Target = Classes; type Model = SlopeModel;
/// #     fn capabilities(&self) -> Capabilities { Capabilities::new().weights() }
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SlopeModel> { Ok(SlopeModel(train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SlopeModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) }
/// # }
/// # impl Classifier for SlopeModel {
/// #     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #         let x = x.dense()?;
/// #         let share = |row: usize, class: usize| if class == 1 { x[[row, 0]] } else { 1.0 - x[[row, 0]] };
/// #         Probabilities::new(Array2::from_shape_fn((x.nrows(), 2), |(row, class)| share(row, class)), self.0.clone())
/// #     }
/// # }
/// use perennial_evaluation::decision::{Objective, OutcomeValues, ThresholdRule, TunedThreshold};
///
/// // `Slope` takes its only column for the probability of the second class; rows from 0.3 on have it.
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| (row * 37 % 101) as f64 / 101.0));
/// let y = Classes::from_labels((0..200).map(|row| row * 37 % 101 >= 31));
/// let model = TunedThreshold::new(Slope, ThresholdRule::new(Objective::Accuracy)).fit(&x, &y)?;
/// assert_eq!(model.threshold(), 31.0 / 101.0);
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedThreshold<E, S = CrossFit> {
    estimator: E,
    #[serde(default)]
    rule: ThresholdRule,
    #[serde(default)]
    positive: Option<String>,
    #[serde(default = "yes")]
    refit: bool,
    #[serde(default)]
    splitter: S,
}

fn yes() -> bool {
    true
}

impl<E> TunedThreshold<E> {
    /// Around a classifier, with five folds.
    pub fn new(estimator: E, rule: ThresholdRule) -> Self {
        TunedThreshold { estimator, rule, positive: None, refit: true, splitter: CrossFit::default() }
    }
}

impl<E, S> TunedThreshold<E, S> {
    /// Sets the class to find.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }

    /// Sets whether the model learns from all rows.
    #[must_use]
    pub fn refit(mut self, refit: bool) -> Self {
        self.refit = refit;
        self
    }

    /// Sets how the rows are divided.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> TunedThreshold<E, T> {
        let TunedThreshold { estimator, rule, positive, refit, .. } = self;
        TunedThreshold { estimator, rule, positive, refit, splitter }
    }
}

impl<E, S> Estimator for TunedThreshold<E, S>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = TunedThresholdModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        self.rule.check()?;
        self.rule.check_rows(train.y.n_rows())?;
        let weighty: Vec<usize> = (0..train.y.n_rows()).filter(|&row| train.weight(row) > 0.0).collect();
        check_two_classes(train.y, train.weights)?;
        let positive = positive_class(train.y.names(), self.positive.as_deref())?;
        with_weight(train, |train| {
            let names = train.y.names();
            let parts = rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                let said = model.predict_proba(x)?;
                let scores = columns_in(&said, names)?.values().column(positive).to_vec();
                Ok((split.test.clone(), scores, model))
            })?;
            let rows: Vec<usize> = parts.iter().flat_map(|(rows, ..)| rows).copied().collect();
            let scores: Vec<f64> = parts.iter().flat_map(|(_, scores, _)| scores).copied().collect();
            let hits: Vec<bool> = rows.iter().map(|&row| train.y.codes()[row] as usize == positive).collect();
            let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
            // Held-out rows are in the order of the folds, and so must be what each of them is worth.
            let rule = self.rule.take(&weighty.take(&rows)?)?;
            let threshold = rule
                .threshold(&scores, &hits, weights.as_deref())
                .context("the rows held out for the threshold")?;
            let model = match (self.refit, parts.len()) {
                (true, _) => fit_whole(&self.estimator, train)?,
                (false, 1) => parts
                    .into_iter()
                    .next()
                    .map(|(.., model)| model)
                    .ok_or_else(|| Error::insufficient_data("the splitter gave no splits"))?,
                (false, n) => {
                    return Err(Error::unsupported(format!(
                        "without `refit` the model is that of a single split, and the splitter gave {n}; use `Holdout`"
                    )));
                }
            };
            let model = FixedThreshold { model, threshold, positive: Some(names[positive].clone()) };
            Ok(TunedThresholdModel { model, rows, scores, positive: hits })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("TunedThreshold({})", self.estimator.steps().join(" -> "))]
    }
}

/// A model with the threshold that was chosen, and what it was chosen from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedThresholdModel<M> {
    model: FixedThreshold<M>,
    rows: Vec<usize>,
    scores: Vec<f64>,
    positive: Vec<bool>,
}

impl<M> TunedThresholdModel<M> {
    /// The model with its threshold.
    pub fn model(&self) -> &FixedThreshold<M> {
        &self.model
    }

    /// The threshold that was chosen.
    pub fn threshold(&self) -> f64 {
        self.model.threshold
    }

    /// What the threshold was chosen from, for [`ThresholdRule::judge`] and the curves: the probability of the positive
    /// class that each row was given by a model that had not seen it, and whether the row is positive.
    pub fn held_out(&self) -> (&[f64], &[bool]) {
        (&self.scores, &self.positive)
    }

    /// The numbers of these rows among the training rows with weight.
    pub fn held_out_rows(&self) -> &[usize] {
        &self.rows
    }
}

impl<M: Classifier> Predictor for TunedThresholdModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        self.model.predict(x)
    }
}

impl<M: Classifier> Classifier for TunedThresholdModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}
