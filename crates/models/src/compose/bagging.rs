//! Models of one kind on rows and columns drawn at random.

use std::sync::Arc;

use ndarray::{Array2, Axis};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::around;
use super::bag::{Draws, MAX_FEATURES, MAX_SAMPLES, Member, N_ESTIMATORS, check_members, fit_members, seen};
use super::balance::strata;
use super::members::check_classes;
use super::out_of_bag::{BaggingOutOfBag, left_out, share_explained, share_right};
use crate::classes::{check_names, class_totals, two_or_more};
use crate::rows::tame;

/// The mean of classifiers that learn from rows, and perhaps columns, drawn at random (Breiman, 1996).
///
/// Where a class is rare, `balanced` lets every model draw as many rows of each class as the rarest has: balanced bagging
/// (Hido, Kashima and Takahashi, 2009), and EasyEnsemble (Liu, Wu and Zhou, 2009) with an
/// [`AdaBoostClassifier`](super::AdaBoostClassifier) as the member and `bootstrap(false)`. Rows of weight 0 are never drawn;
/// those that are keep their weights.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_estimators` | 10 | >= 1 | how many models |
/// | `max_samples` | 1 | 0 to 1 | the share of the rows that each model draws |
/// | `max_features` | 1 | 0 to 1 | the share of the columns that each model draws |
/// | `bootstrap` | true | | whether a row may be drawn several times |
/// | `bootstrap_features` | false | | whether a column may be drawn several times |
/// | `out_of_bag` | false | | whether rows are predicted by the models that did not draw them |
/// | `balanced` | false | | whether each model draws as many rows of each class; `max_samples` is a share of the rarest class then |
/// | `corrected` | false | | whether probabilities are brought from the classes as drawn to those of the training rows |
/// | `seed` | from the context | | what is drawn |
///
/// ```
/// use ndarray::{Array2, Axis};
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::GaussianNaiveBayes;
/// use perennial_models::compose::BaggingClassifier;
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 2), |(i, j)| (i / 20 * 5 + (i * (j + 2)) % 3) as f64));
/// let y = Classes::from_labels((0..40).map(|i| i / 20));
/// let model = BaggingClassifier::new(GaussianNaiveBayes::new()).out_of_bag(true).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert_eq!(model.out_of_bag().map(|rows| rows.score()), Some(1.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaggingClassifier<E> {
    estimator: E,
    #[serde(default)]
    draws: Draws,
    #[serde(default)]
    balanced: bool,
    #[serde(default)]
    corrected: bool,
}

/// The mean of regressors that learn from rows, and perhaps columns, drawn at random (Breiman, 1996).
///
/// The settings are those of [`BaggingClassifier`], but for what concerns classes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaggingRegressor<E> {
    estimator: E,
    #[serde(default)]
    draws: Draws,
}

macro_rules! builders {
    ($($name:ident [$($own:ident),*])*) => {$(
        impl<E> $name<E> {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[N_ESTIMATORS, MAX_SAMPLES, MAX_FEATURES];

            /// Ten models of `estimator`.
            pub fn new(estimator: E) -> Self {
                $name { estimator, draws: Draws::default() $(, $own: false)* }
            }

            /// Sets how many models there are.
            #[must_use]
            pub fn n_estimators(mut self, n_estimators: usize) -> Self {
                self.draws.n_estimators = n_estimators;
                self
            }

            /// Sets the share of the rows that each model draws.
            #[must_use]
            pub fn max_samples(mut self, max_samples: f64) -> Self {
                self.draws.max_samples = max_samples;
                self
            }

            /// Sets the share of the columns that each model draws.
            #[must_use]
            pub fn max_features(mut self, max_features: f64) -> Self {
                self.draws.max_features = max_features;
                self
            }

            /// Sets whether a row may be drawn several times.
            #[must_use]
            pub fn bootstrap(mut self, bootstrap: bool) -> Self {
                self.draws.bootstrap = bootstrap;
                self
            }

            /// Sets whether a column may be drawn several times; it then stands beside itself under another name.
            #[must_use]
            pub fn bootstrap_features(mut self, bootstrap_features: bool) -> Self {
                self.draws.bootstrap_features = bootstrap_features;
                self
            }

            /// Sets whether each training row is predicted by the models that did not draw it.
            #[must_use]
            #[doc(alias = "oob_score")]
            pub fn out_of_bag(mut self, out_of_bag: bool) -> Self {
                self.draws.out_of_bag = out_of_bag;
                self
            }

            /// Sets what decides which rows and columns are drawn.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.draws.seed = Some(seed);
                self
            }
        }
    )*};
}

builders! { BaggingClassifier [balanced, corrected] BaggingRegressor [] }

impl<E> BaggingClassifier<E> {
    /// Sets whether each model draws as many rows of each class as the rarest has.
    #[must_use]
    pub fn balanced(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Sets whether the probabilities of each model are brought from the shares of the classes among the rows that it drew to
    /// those among all training rows (Elkan, 2001), before their mean is taken. It changes which class is most likely: with
    /// `balanced` alone a row goes to a rare class far more often than that class is there.
    /// A member that is sure of its answer stays sure: let the leaves of trees hold some rows.
    #[must_use]
    pub fn corrected(mut self, corrected: bool) -> Self {
        self.corrected = corrected;
        self
    }
}

/// The models of a [`BaggingClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ClassifierParts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct BaggingClassifierModel<M> {
    features: Features,
    classes: Arc<[String]>,
    members: Vec<Member<M>>,
    /// What each member's odds of each class are multiplied by; none where they stay.
    factors: Vec<Vec<f64>>,
    out_of_bag: Option<BaggingOutOfBag>,
}

/// The models of a [`BaggingRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RegressorParts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct BaggingRegressorModel<M> {
    features: Features,
    members: Vec<Member<M>>,
    out_of_bag: Option<BaggingOutOfBag>,
}

#[derive(Deserialize)]
struct ClassifierParts<M> {
    features: Features,
    classes: Arc<[String]>,
    members: Vec<Member<M>>,
    factors: Vec<Vec<f64>>,
    out_of_bag: Option<BaggingOutOfBag>,
}

#[derive(Deserialize)]
struct RegressorParts<M> {
    features: Features,
    members: Vec<Member<M>>,
    out_of_bag: Option<BaggingOutOfBag>,
}

impl<M> TryFrom<ClassifierParts<M>> for BaggingClassifierModel<M> {
    type Error = Error;

    fn try_from(parts: ClassifierParts<M>) -> Result<Self> {
        check_names(&parts.classes)?;
        check_members(&parts.features, &parts.members)?;
        let known = |factors: &Vec<f64>| {
            factors.len() == parts.classes.len()
                && factors.iter().all(|factor| *factor >= 0.0 && factor.is_finite())
        };
        if !(parts.factors.is_empty() || parts.factors.len() == parts.members.len())
            || !parts.factors.iter().all(known)
        {
            return Err(Error::corrupt("the corrections of the bag do not fit its members and classes"));
        }
        Ok(BaggingClassifierModel {
            features: parts.features,
            classes: parts.classes,
            members: parts.members,
            factors: parts.factors,
            out_of_bag: parts.out_of_bag,
        })
    }
}

impl<M> TryFrom<RegressorParts<M>> for BaggingRegressorModel<M> {
    type Error = Error;

    fn try_from(parts: RegressorParts<M>) -> Result<Self> {
        check_members(&parts.features, &parts.members)?;
        let RegressorParts { features, members, out_of_bag } = parts;
        Ok(BaggingRegressorModel { features, members, out_of_bag })
    }
}

/// What the odds of each class are multiplied by to bring them from the rows that were drawn to all rows: the ratio of the shares
/// of the class. A class that was not drawn has no odds to change.
fn corrections(before: &[f64], codes: &[u32], weights: Option<&[f64]>, drawn: &[usize]) -> Vec<f64> {
    let mut after = vec![0.0; before.len()];
    for &row in drawn {
        after[codes[row] as usize] += weights.map_or(1.0, |weights| weights[row]);
    }
    let (all, some): (f64, f64) = (before.iter().sum(), after.iter().sum());
    let ratio =
        |(before, after): (&f64, &f64)| if *after > 0.0 { (before / all) / (after / some) } else { 1.0 };
    before.iter().zip(&after).map(ratio).collect()
}

fn accepted<E: Estimator>(estimator: &E) -> Capabilities {
    let mut accepts = estimator.capabilities();
    (accepts.groups, accepts.validation) = (false, false);
    accepts
}

impl<E> Estimator for BaggingClassifier<E>
where
    E: Estimator<Input = Matrix, Target = Classes>,
    E::Model: Classifier<Input = Matrix>,
{
    type Input = Matrix;
    type Target = Classes;
    type Model = BaggingClassifierModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<Self::Model> {
        two_or_more(train.y, train.weights)?;
        let codes = train.y.codes();
        let several = |rows: &[usize]| rows.iter().any(|&row| codes[row] != codes[rows[0]]);
        let even = self.balanced.then(|| strata(train.y, train.weights));
        let weights = tame(train.weights);
        let before = class_totals(train.y, weights.as_deref());
        let describe = |rows: &[usize]| {
            let factors = match self.corrected {
                true => corrections(&before, codes, weights.as_deref(), rows),
                false => Vec::new(),
            };
            (factors, left_out(&self.draws, rows, codes.len()))
        };
        let fitted = fit_members(&self.estimator, &self.draws, train, even.as_deref(), several, describe)?;
        let (members, described): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
        let (factors, left_out): (Vec<_>, Vec<_>) = described.into_iter().unzip();
        // No rows are enough to learn the classes of the members.
        let none = train.x.take(&[])?;
        for Member { columns, model } in &members {
            let said = model.predict_proba(seen(&none, columns)?.as_ref())?;
            check_classes("bag", &said, train.y.names())?;
        }
        let mut model = BaggingClassifierModel {
            features: train.x.features().clone(),
            classes: train.y.shared_names(),
            members,
            factors: if self.corrected { factors } else { Vec::new() },
            out_of_bag: None,
        };
        if self.draws.out_of_bag {
            let say = |place: usize, x: &Matrix| model.shares(place, x);
            let score = |values: &Array2<f64>, n: &[u32]| share_right(values, n, train.y, train.weights);
            model.out_of_bag = Some(BaggingOutOfBag::of(&left_out, train, model.classes.len(), say, score)?);
        }
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        accepted(&self.estimator)
    }

    fn steps(&self) -> Vec<String> {
        around("BaggingClassifier", &self.estimator)
    }
}

impl<E> Estimator for BaggingRegressor<E>
where
    E: Estimator<Input = Matrix, Target = Values>,
    E::Model: Predictor<Input = Matrix, Output = Values>,
{
    type Input = Matrix;
    type Target = Values;
    type Model = BaggingRegressorModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Self::Model> {
        let describe = |rows: &[usize]| left_out(&self.draws, rows, train.y.as_slice().len());
        let fitted = fit_members(&self.estimator, &self.draws, train, None, |_| true, describe)?;
        let (members, left_out): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
        let features = train.x.features().clone();
        let mut model = BaggingRegressorModel { features, members, out_of_bag: None };
        if self.draws.out_of_bag {
            let say = |place: usize, x: &Matrix| {
                let member: &Member<E::Model> = &model.members[place];
                let said = member.model.predict(seen(x, &member.columns)?.as_ref())?;
                Ok(said.view().to_owned().insert_axis(Axis(1)))
            };
            let score = |values: &Array2<f64>, n: &[u32]| share_explained(values, n, train.y, train.weights);
            model.out_of_bag = Some(BaggingOutOfBag::of(&left_out, train, 1, say, score)?);
        }
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        accepted(&self.estimator)
    }

    fn steps(&self) -> Vec<String> {
        around("BaggingRegressor", &self.estimator)
    }
}

impl<M> BaggingClassifierModel<M> {
    /// The training rows as predicted by the models that did not draw them, where `out_of_bag` was set.
    #[doc(alias = "oob_score")]
    pub fn out_of_bag(&self) -> Option<&BaggingOutOfBag> {
        self.out_of_bag.as_ref()
    }
}

impl<M: Classifier<Input = Matrix>> BaggingClassifierModel<M> {
    /// What one member says of rows, brought back to the classes of all rows where that is wanted.
    fn shares(&self, place: usize, x: &Matrix) -> Result<Array2<f64>> {
        let member = &self.members[place];
        let answer = member.model.predict_proba(seen(x, &member.columns)?.as_ref())?;
        if answer.names() != &self.classes[..] {
            return Err(Error::corrupt("a member of the bag has other classes than the bag"));
        }
        let mut shares = answer.values().to_owned();
        if let Some(factors) = self.factors.get(place) {
            for mut row in shares.rows_mut() {
                let total: f64 = row.iter().zip(factors).map(|(share, factor)| share * factor).sum();
                // Where a member is sure of a class that it has not seen, what it says stands.
                if total > 0.0 {
                    row.iter_mut().zip(factors).for_each(|(share, factor)| *share = *share * factor / total);
                }
            }
        }
        Ok(shares)
    }
}

impl<M: Classifier<Input = Matrix>> Predictor for BaggingClassifierModel<M> {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Classifier<Input = Matrix>> Classifier for BaggingClassifierModel<M> {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        let mut sums = Array2::zeros((x.n_rows(), self.classes.len()));
        for place in 0..self.members.len() {
            sums += &self.shares(place, &x)?;
        }
        for mut row in sums.rows_mut() {
            let total = row.sum();
            row.mapv_inplace(|sum| sum / total);
        }
        Probabilities::new(sums, self.classes.clone())
    }
}

impl<M> BaggingRegressorModel<M> {
    /// The training rows as predicted by the models that did not draw them, where `out_of_bag` was set.
    #[doc(alias = "oob_score")]
    pub fn out_of_bag(&self) -> Option<&BaggingOutOfBag> {
        self.out_of_bag.as_ref()
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Predictor for BaggingRegressorModel<M> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        let mut means = vec![0.0; x.n_rows()];
        for (before, member) in self.members.iter().enumerate() {
            let answer = member.model.predict(seen(&x, &member.columns)?.as_ref())?;
            // The mean as it runs: sums of numbers near the limit would overflow, and equal answers stay what they are.
            let n = (before + 1) as f64;
            means.iter_mut().zip(answer.as_slice()).for_each(|(mean, value)| *mean += (value - *mean) / n);
        }
        Ok(means.into())
    }
}
