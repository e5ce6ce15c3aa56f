//! Split conformal classification.

use ndarray::{Array2, ArrayView1};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt,
    Rows, Train, check_weights,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::rank::{LEVEL, Scores, nine_of_ten};
use super::sets::{ClassSets, SetPredictor};
use super::split::{only, weights_of};
use crate::align::{check_two_classes, codes_in, columns_in};
use crate::cross_fit::{accepted, rounds, with_weight};
use crate::{Holdout, Splitter};

/// How unlike the class of a row is to be its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClassificationScore {
    /// One less the probability of the class: the smallest sets on average (LAC: Sadinle, Lei and Wasserman, 2019).
    #[default]
    Lac,
    /// The probability of the class and of all that are more probable: sets grow where rows are hard (APS: Romano,
    /// Sesia and Candès, 2020).
    Aps {
        /// Whether a random share of the probability of the class itself is left out, which makes coverage exact; drawn
        /// from the probabilities of the row, so that a row always gets the same set.
        #[serde(default)]
        randomized: bool,
    },
    /// As APS without drawing, with a penalty for each class beyond the first ones: no huge sets (RAPS: Angelopoulos and
    /// others, 2021).
    Raps {
        /// The penalty for each class; >= 0.
        lambda: f64,
        /// How many classes are free.
        k_reg: usize,
    },
    /// The place of the class among the most probable: all sets have the same size.
    TopK,
}

pub(super) const LAMBDA: Param =
    Param::real("lambda", "penalty for each class").at_least(0.0).search_log(1e-3, 1.0);

impl ClassificationScore {
    pub(super) fn check(self) -> Result<()> {
        match self {
            ClassificationScore::Raps { lambda, .. } => LAMBDA.check(lambda),
            _ => Ok(()),
        }
    }

    /// The score of each class for one row.
    pub(super) fn of_row(self, shares: ArrayView1<'_, f64>) -> Vec<f64> {
        if self == ClassificationScore::Lac {
            return shares.iter().map(|share| 1.0 - share).collect();
        }
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
        let left_out = match self {
            ClassificationScore::Aps { randomized: true } => draw(shares),
            _ => 0.0,
        };
        let mut scores = vec![0.0; shares.len()];
        let mut sum = 0.0;
        for (place, class) in order.into_iter().enumerate() {
            sum += shares[class];
            scores[class] = match self {
                ClassificationScore::TopK => place as f64 + 1.0,
                ClassificationScore::Raps { lambda, k_reg } => {
                    sum + lambda * (place + 1).saturating_sub(k_reg) as f64
                }
                _ => sum - left_out * shares[class],
            };
        }
        scores
    }
}

/// A number from 0 to 1 that depends on the probabilities alone.
fn draw(shares: ArrayView1<'_, f64>) -> f64 {
    let seed = shares.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |seed, share| {
        (seed.rotate_left(23) ^ share.to_bits()).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    });
    Random::new(seed).uniform()
}

/// A classifier with sets of classes: one part of the rows serves to learn, the other to measure (Vovk, Gammerman and
/// Shafer, 2005).
///
/// The class of a new row is in its set with a probability of at least `level`. A set may be empty: the row is then less
/// like each class than the rows held out were like theirs.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose class sets hold |
/// | `score` | LAC | | what is measured of a row held out |
/// | `by_class` | false | | whether the level is kept for the rows of each class (Mondrian); a class without rows held out is then in no set |
/// | `splitter` | [`Holdout::new(0.25)`](Holdout) | one split | which rows are held out |
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
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::conformal::{SetCoverage, SetPredictor, SplitConformalClassifier};
///
/// // `Slope` takes its only column for the probability of the second class.
/// let x = Matrix::from(Array2::from_shape_fn((400, 1), |(row, _)| (row * 37 % 101) as f64 / 101.0));
/// let y = Classes::from_labels((0..400).map(|row| row * 37 % 101 + row * 7 % 40 > 70));
/// let model = SplitConformalClassifier::new(Slope).level(0.9).fit(&x, &y)?;
/// let sets = model.predict_set(&x)?;
/// assert!((SetCoverage.score(&y, &sets)? - 0.9).abs() < 0.06);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConformalClassifier<E, S = Holdout> {
    estimator: E,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    score: ClassificationScore,
    #[serde(default)]
    by_class: bool,
    #[serde(default)]
    splitter: S,
}

impl<E> SplitConformalClassifier<E> {
    /// Around a classifier, with a quarter of the rows held out.
    pub fn new(estimator: E) -> Self {
        let (score, splitter) = (ClassificationScore::default(), Holdout::default());
        SplitConformalClassifier { estimator, level: nine_of_ten(), score, by_class: false, splitter }
    }
}

impl<E, S> SplitConformalClassifier<E, S> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[LEVEL, LAMBDA];

    /// Sets the share of the rows whose class sets hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets what is measured of a row held out.
    #[must_use]
    pub fn score(mut self, score: ClassificationScore) -> Self {
        self.score = score;
        self
    }

    /// Sets whether the level is kept for the rows of each class.
    #[must_use]
    pub fn by_class(mut self, by_class: bool) -> Self {
        self.by_class = by_class;
        self
    }

    /// Sets which rows are held out.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> SplitConformalClassifier<E, T> {
        let SplitConformalClassifier { estimator, level, score, by_class, .. } = self;
        SplitConformalClassifier { estimator, level, score, by_class, splitter }
    }
}

impl<E, S> Estimator for SplitConformalClassifier<E, S>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = SplitConformalClassifierModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        self.score.check()?;
        check_two_classes(train.y, train.weights)?;
        with_weight(train, |train| {
            let parts = rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                let (y, weights) = (train.y.take(&split.test)?, weights_of(train, &split.test)?);
                let (score, level, by_class) = (self.score, self.level, self.by_class);
                conformalize_classifier_weighted(model, score, level, by_class, x, &y, weights.as_deref())
            })?;
            only(parts)
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("SplitConformalClassifier({})", self.estimator.steps().join(" -> "))]
    }
}

/// Gives sets to a classifier that is fitted already, by rows that it has not learned from; `by_class` keeps the level
/// for the rows of each class.
///
/// # Errors
/// When a setting is out of range, the model refuses the rows, or they (or those of a class) are too few for the level:
/// the message says how many are needed.
pub fn conformalize_classifier<M: Classifier>(
    model: M,
    score: ClassificationScore,
    level: f64,
    by_class: bool,
    x: &M::Input,
    y: &Classes,
) -> Result<SplitConformalClassifierModel<M>> {
    conformalize_classifier_weighted(model, score, level, by_class, x, y, None)
}

/// As [`conformalize_classifier`], by rows that count as much as their weights say: a weight of 2 is what two rows are.
///
/// # Errors
/// As [`conformalize_classifier`], or when a weight is not acceptable.
pub fn conformalize_classifier_weighted<M: Classifier>(
    model: M,
    score: ClassificationScore,
    level: f64,
    by_class: bool,
    x: &M::Input,
    y: &Classes,
    weights: Option<&[f64]>,
) -> Result<SplitConformalClassifierModel<M>> {
    score.check()?;
    weights.map_or(Ok(()), |weights| check_weights(weights, y.n_rows()))?;
    let said = model.predict_proba(x)?;
    if said.n_rows() != y.n_rows() {
        return Err(Error::length_mismatch("the target", said.n_rows(), y.n_rows()));
    }
    let codes = codes_in(y, said.names())?;
    let n_lists = if by_class { said.names().len() } else { 1 };
    let mut of_class = vec![(Vec::new(), Vec::new()); n_lists];
    for (row, &code) in codes.iter().enumerate() {
        let (scores, own) = &mut of_class[if by_class { code } else { 0 }];
        scores.push(score.of_row(said.values().row(row))[code]);
        own.push(weights.map_or(1.0, |weights| weights[row]));
    }
    let checked = |(class, (scores, own)): (usize, (Vec<f64>, Vec<f64>))| {
        let scores = Scores::weighted(scores, Some(&own))?;
        match by_class {
            true if scores.as_slice().is_empty() => {}
            true => {
                scores.quantile(level).context(format!("class `{}`", said.names()[class]))?;
            }
            false => {
                scores.quantile(level).context("calibration")?;
            }
        }
        Ok(scores)
    };
    let scores = of_class.into_iter().enumerate().map(checked).collect::<Result<_>>()?;
    Ok(SplitConformalClassifierModel { names: said.names().to_vec(), model, score, level, scores })
}

/// A classifier with the scores of the rows that were held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitConformalClassifierModel<M> {
    model: M,
    names: Vec<String>,
    score: ClassificationScore,
    level: f64,
    /// Of all rows, or of the rows of each class.
    scores: Vec<Scores>,
}

impl<M> SplitConformalClassifierModel<M> {
    /// The model inside.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The largest score that a class may have to be in a set: one number, or one for each class.
    ///
    /// # Errors
    /// When there are too few calibration rows for the level.
    pub fn thresholds(&self) -> Result<Vec<f64>> {
        let one = |scores: &Scores| match self.scores.len() > 1 && scores.as_slice().is_empty() {
            true => Ok(f64::NEG_INFINITY),
            false => scores.quantile(self.level),
        };
        self.scores.iter().map(one).collect()
    }
}

impl<M: Classifier> Predictor for SplitConformalClassifierModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        self.model.predict(x)
    }
}

impl<M: Classifier> Classifier for SplitConformalClassifierModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}

impl<M: Classifier> SetPredictor for SplitConformalClassifierModel<M> {
    fn predict_set(&self, x: &M::Input) -> Result<ClassSets> {
        let said = self.model.predict_proba(x)?;
        let said = columns_in(&said, &self.names)?;
        let thresholds = self.thresholds()?;
        if thresholds.len() != 1 && thresholds.len() != self.names.len() {
            return Err(Error::corrupt("the conformal classifier has not a threshold for each class"));
        }
        let mut members = Array2::from_elem(said.values().dim(), false);
        for (shares, mut set) in said.values().rows().into_iter().zip(members.rows_mut()) {
            for (class, score) in self.score.of_row(shares).into_iter().enumerate() {
                set[class] = score <= thresholds[class.min(thresholds.len() - 1)];
            }
        }
        ClassSets::new(self.level, members, self.names.clone())
    }
}
