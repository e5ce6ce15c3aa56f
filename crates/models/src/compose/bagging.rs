//! Models of one kind on rows and columns drawn at random.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, ResultExt, Rows, Train, Values,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::around;
use super::balance::{draw_even, strata};
use crate::classes::{check_names, class_totals, two_or_more};
use crate::rows::tame;

const N_ESTIMATORS: Param =
    Param::integer("n_estimators", "how many models").at_least(1.0).at_most(1e6).search(10.0, 100.0);
const MAX_SAMPLES: Param = Param::real("max_samples", "the share of the rows that each model draws")
    .above(0.0)
    .at_most(1.0)
    .search(0.3, 1.0);
const MAX_FEATURES: Param = Param::real("max_features", "the share of the columns that each model draws")
    .above(0.0)
    .at_most(1.0)
    .search(0.3, 1.0);

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Draws {
    n_estimators: usize,
    max_samples: f64,
    max_features: f64,
    bootstrap: bool,
    seed: Option<u64>,
}

impl Default for Draws {
    fn default() -> Self {
        Draws { n_estimators: 10, max_samples: 1.0, max_features: 1.0, bootstrap: true, seed: None }
    }
}

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
/// | `balanced` | false | | whether each model draws as many rows of each class; `max_samples` is a share of the rarest class then |
/// | `corrected` | false | | whether probabilities are brought from the classes as drawn to those of the training rows |
/// | `seed` | from the context | | what is drawn |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::GaussianNaiveBayes;
/// use perennial_models::compose::BaggingClassifier;
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 2), |(i, j)| (i / 20 * 5 + (i * (j + 2)) % 3) as f64));
/// let y = Classes::from_labels((0..40).map(|i| i / 20));
/// let model = BaggingClassifier::new(GaussianNaiveBayes::new()).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
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

/// A model and the columns that it looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member<M> {
    columns: Vec<usize>,
    model: M,
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
}

/// The models of a [`BaggingRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RegressorParts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct BaggingRegressorModel<M> {
    features: Features,
    members: Vec<Member<M>>,
}

#[derive(Deserialize)]
struct ClassifierParts<M> {
    features: Features,
    classes: Arc<[String]>,
    members: Vec<Member<M>>,
    factors: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct RegressorParts<M> {
    features: Features,
    members: Vec<Member<M>>,
}

fn check_members<M>(features: &Features, members: &[Member<M>]) -> Result<()> {
    let inside = |member: &Member<M>| member.columns.iter().all(|&column| column < features.len());
    if members.is_empty() || !members.iter().all(inside) {
        return Err(Error::corrupt("the members of the bag do not fit its columns"));
    }
    Ok(())
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
        })
    }
}

impl<M> TryFrom<RegressorParts<M>> for BaggingRegressorModel<M> {
    type Error = Error;

    fn try_from(parts: RegressorParts<M>) -> Result<Self> {
        check_members(&parts.features, &parts.members)?;
        Ok(BaggingRegressorModel { features: parts.features, members: parts.members })
    }
}

/// Fits the members. `even` are the rows of each class, where as many of each are drawn; `describe` tells of the rows of a
/// member what is wanted beside its model.
fn fit_members<E, D: Send>(
    estimator: &E,
    draws: &Draws,
    train: &Train<'_, Matrix, E::Target>,
    even: Option<&[Vec<usize>]>,
    good: impl Fn(&[usize]) -> bool + Sync,
    describe: impl Fn(&[usize]) -> D + Sync,
) -> Result<Vec<(Member<E::Model>, D)>>
where
    E: Estimator<Input = Matrix, Target: Sized>,
{
    N_ESTIMATORS.check_count(draws.n_estimators)?;
    MAX_SAMPLES.check(draws.max_samples)?;
    MAX_FEATURES.check(draws.max_features)?;
    let (n_rows, n_cols) = (train.x.n_rows(), train.x.n_cols());
    let share = |share: f64, n: usize| ((share * n as f64).round() as usize).clamp(1, n.max(1));
    // Only rows that have weight can be drawn.
    let counting: Vec<usize> =
        (0..n_rows).filter(|&row| train.weights.is_none_or(|weights| weights[row] > 0.0)).collect();
    let (n_drawn, n_columns) = (share(draws.max_samples, counting.len()), share(draws.max_features, n_cols));
    let seed = train.ctx.seed(draws.seed);
    reduce::try_map_each(draws.n_estimators, |place| {
        train.ctx.step(place, draws.n_estimators)?;
        let mut random = Random::new(seed).fork(place as u64);
        let mut columns = random.sample(n_cols, n_columns);
        columns.sort_unstable();
        let mut draw = || {
            if let Some(strata) = even {
                return draw_even(strata, draws.max_samples, draws.bootstrap, &mut random);
            }
            let places = if draws.bootstrap {
                let mut places: Vec<usize> = (0..n_drawn).map(|_| random.below(counting.len())).collect();
                places.sort_unstable();
                places
            } else {
                random.sample(counting.len(), n_drawn)
            };
            places.into_iter().map(|place| counting[place]).collect::<Vec<usize>>()
        };
        // A draw of few rows may miss what makes the task one, such as a second class.
        let mut rows = draw();
        for _ in 0..100 {
            if good(&rows) {
                break;
            }
            rows = draw();
        }
        let x = if columns.len() == n_cols {
            train.x.take(&rows)?
        } else {
            train.x.take(&rows)?.select(&columns)?
        };
        let y = train.y.take(&rows)?;
        let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
        let name = format!("member {place}");
        let mut own = Train::new(&x, std::borrow::Borrow::borrow(&y)).context(train.ctx.child(&name));
        own.weights = weights.as_deref();
        Ok((Member { model: estimator.fit_on(&own).context(name)?, columns }, describe(&rows)))
    })
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

fn seen<'x>(x: &'x Matrix, columns: &[usize]) -> Result<std::borrow::Cow<'x, Matrix>> {
    if columns.len() == x.n_cols() {
        return Ok(std::borrow::Cow::Borrowed(x));
    }
    x.select(columns).map(std::borrow::Cow::Owned)
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
        let factors = |rows: &[usize]| match self.corrected {
            true => corrections(&before, codes, weights.as_deref(), rows),
            false => Vec::new(),
        };
        let fitted = fit_members(&self.estimator, &self.draws, train, even.as_deref(), several, factors)?;
        let (members, factors): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
        Ok(BaggingClassifierModel {
            features: train.x.features().clone(),
            classes: train.y.shared_names(),
            members,
            factors: if self.corrected { factors } else { Vec::new() },
        })
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
        let fitted = fit_members(&self.estimator, &self.draws, train, None, |_| true, |_| ())?;
        let members = fitted.into_iter().map(|(member, ())| member).collect();
        Ok(BaggingRegressorModel { features: train.x.features().clone(), members })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(&self.estimator)
    }

    fn steps(&self) -> Vec<String> {
        around("BaggingRegressor", &self.estimator)
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
        for (place, member) in self.members.iter().enumerate() {
            let answer = member.model.predict_proba(seen(&x, &member.columns)?.as_ref())?;
            if answer.names() != &self.classes[..] {
                return Err(Error::corrupt("a member of the bag has other classes than the bag"));
            }
            let Some(factors) = self.factors.get(place) else {
                sums += &answer.values().view();
                continue;
            };
            for (mut sums, shares) in sums.rows_mut().into_iter().zip(answer.values().rows()) {
                let total: f64 = shares.iter().zip(factors).map(|(share, factor)| share * factor).sum();
                for ((sum, share), factor) in sums.iter_mut().zip(&shares).zip(factors) {
                    // Where a member is sure of a class that it has not seen, what it says stands.
                    *sum += if total > 0.0 { share * factor / total } else { *share };
                }
            }
        }
        for mut row in sums.rows_mut() {
            let total = row.sum();
            row.mapv_inplace(|sum| sum / total);
        }
        Probabilities::new(sums, self.classes.clone())
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
