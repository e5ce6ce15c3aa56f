//! Models that learn from the answers of other models.

use std::collections::BTreeSet;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, ResultExt, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::chain::shuffled;
use super::cross_fit::each_fold;
use super::members::{ClassifierModels, Members, RegressorModels, check_classes};
use crate::classes::two_or_more;
use crate::folds::{Assigned, Folds};

const N_FOLDS: Param = Param::integer("n_folds", "how many parts the rows are divided into")
    .at_least(2.0)
    .at_most(1e6)
    .search(2.0, 10.0);

/// A classifier that learns from the probabilities that others give (Wolpert, 1992).
///
/// The final model sees what members say of rows that they have not learned from: the rows are divided into folds, by
/// class, and with groups never within a group, unless `folds` says otherwise. Then the members learn from all rows. Members
/// that are fitted already are given as [`Prefit`](super::Prefit).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_folds` | 5 | >= 2 | how many parts the rows are divided into |
/// | `folds` | `Shuffled` | `Shuffled`, `Runs`, `Given` | which rows are held out together |
/// | `passthrough` | false | | whether the last model sees the columns of the input too |
/// | `seed` | from the context | | which rows go into which part |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::compose::StackingClassifier;
/// use perennial_models::{DecisionTreeClassifier, GaussianNaiveBayes, LogisticRegression};
///
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| ((i * (j + 3)) % 11) as f64));
/// let y = Classes::from_labels((0..60).map(|i| if (i * 3) % 11 > 5 { "yes" } else { "no" }));
/// let members = (GaussianNaiveBayes::new(), DecisionTreeClassifier::new().max_depth(3));
/// let model = StackingClassifier::new(members, LogisticRegression::new()).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackingClassifier<S, F> {
    members: S,
    last: F,
    #[serde(default = "five")]
    n_folds: usize,
    #[serde(default = "shuffled")]
    folds: Folds,
    #[serde(default)]
    passthrough: bool,
    #[serde(default)]
    seed: Option<u64>,
}

/// A regressor that learns from the answers of others (Wolpert, 1992; Breiman, 1996).
///
/// The settings are those of [`StackingClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackingRegressor<S, F> {
    members: S,
    last: F,
    #[serde(default = "five")]
    n_folds: usize,
    #[serde(default = "shuffled")]
    folds: Folds,
    #[serde(default)]
    passthrough: bool,
    #[serde(default)]
    seed: Option<u64>,
}

fn five() -> usize {
    5
}

/// The models of a [`StackingClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackingClassifierModel<M, L> {
    classes: Arc<[String]>,
    models: M,
    last: L,
    names: Vec<String>,
    /// The columns of the input, where the last model sees them.
    passed: Option<Features>,
}

/// The models of a [`StackingRegressor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackingRegressorModel<M, L> {
    models: M,
    last: L,
    names: Vec<String>,
    /// The columns of the input, where the last model sees them.
    passed: Option<Features>,
}

macro_rules! both {
    ($($settings:ident $model:ident;)*) => {$(
        impl<S, F> $settings<S, F> {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[N_FOLDS];

            /// `last` on the answers of `members`: a tuple, or a list of one type.
            pub fn new(members: S, last: F) -> Self {
                $settings { members, last, n_folds: 5, folds: Folds::Shuffled, passthrough: false, seed: None }
            }

            /// Sets how many parts the rows are divided into.
            #[must_use]
            pub fn n_folds(mut self, n_folds: usize) -> Self {
                self.n_folds = n_folds;
                self
            }

            /// Sets which rows are held out together.
            #[must_use]
            pub fn folds(mut self, folds: Folds) -> Self {
                self.folds = folds;
                self
            }

            /// Sets whether the last model sees the columns of the input too, which must be a matrix; a sparse one only where the last
            /// model takes such. Answers of members named as a column get a number behind their name.
            #[must_use]
            pub fn passthrough(mut self, passthrough: bool) -> Self {
                self.passthrough = passthrough;
                self
            }

            /// Sets what decides which rows go into which part.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }
        }

        impl<M, L> $model<M, L> {
            /// The models whose answers are the features of the last one.
            pub fn models(&self) -> &M {
                &self.models
            }

            /// The last model.
            pub fn last(&self) -> &L {
                &self.last
            }

            /// The features of the last model that members give; behind them are those of the input where they are passed through.
            pub fn feature_names(&self) -> &[String] {
                &self.names
            }
        }
    )*};
}

both! {
    StackingClassifier StackingClassifierModel;
    StackingRegressor StackingRegressorModel;
}

/// What the members say of each row, by models that did not see it: `n_rows` x `width`.
fn out_of_fold<S: Members>(
    members: &S,
    train: &Train<'_, S::Input, S::Target>,
    folds: &Assigned,
    answers: impl Fn(&S::Models, &S::Input) -> Result<Array2<f64>>,
) -> Result<Array2<f64>> {
    let mut table: Option<Array2<f64>> = None;
    each_fold(train, folds, |own, held, x| {
        let said = answers(&members.fit_all(own)?, x)?;
        let table = table.get_or_insert_with(|| Array2::zeros((folds.fold_of.len(), said.ncols())));
        held.iter().zip(said.rows()).for_each(|(&row, said)| table.row_mut(row).assign(&said));
        Ok(())
    })?;
    table.ok_or_else(|| Error::empty("there are no folds"))
}

/// Names of columns that are no others' nor those of the input where it is passed through.
fn unlike(names: Vec<String>, passed: Option<&Features>) -> Vec<String> {
    let mut taken: BTreeSet<String> =
        passed.into_iter().flat_map(|passed| passed.names().map(str::to_owned)).collect();
    let free = |name: String| {
        let others = (2..).map(|number: usize| format!("{name} ({number})"));
        let free =
            std::iter::once(name.clone()).chain(others).find(|name| !taken.contains(name)).unwrap_or(name);
        taken.insert(free.clone());
        free
    };
    names.into_iter().map(free).collect()
}

/// What the last model sees: the answers of the members, and behind them the input where it is passed through, in the form
/// of the input.
fn beside<X: Rows + ?Sized>(
    table: Array2<f64>,
    names: &[String],
    x: &X,
    passed: Option<&Features>,
) -> Result<Matrix> {
    let table = Matrix::from(table).with_names(names.iter().map(String::as_str))?;
    let Some(features) = passed else { return Ok(table) };
    let x = features.align(matrix_of(x)?)?.into_owned();
    match x.sparse().is_some() {
        true => Matrix::hstack_sparse(&[table, x]),
        false => Matrix::hstack(&[table, x]),
    }
}

/// The input as a matrix.
fn matrix_of<X: Rows + ?Sized>(x: &X) -> Result<&Matrix> {
    x.as_matrix().ok_or_else(|| {
        Error::unsupported(
            "the input of this stack is no matrix, so its columns cannot be passed to the last model; set `passthrough` to false, or make a matrix before the stack",
        )
    })
}

/// The columns that are passed through.
fn passed<X: Rows + ?Sized>(x: &X, passthrough: bool) -> Result<Option<Features>> {
    Ok(if passthrough { Some(matrix_of(x)?.features().clone()) } else { None })
}

/// Fits the last model on what the members said.
fn fit_last<F: Estimator<Input = Matrix>, X: Rows + ?Sized>(
    last: &F,
    train: &Train<'_, X, F::Target>,
    table: Array2<f64>,
    names: &[String],
    passed: Option<&Features>,
) -> Result<F::Model> {
    let table = beside(table, names, train.x, passed)?;
    let mut own = Train::new(&table, train.y).context(train.ctx.child("last"));
    own.weights = train.weights;
    own.groups = train.groups;
    let own = own.limited_to(&last.capabilities());
    own.fit(last).context("the last model")
}

/// The probabilities but for the first class, which follows from the others.
fn probability_columns<M: ClassifierModels>(
    models: &M,
    x: &M::Input,
    classes: &[String],
) -> Result<Array2<f64>> {
    let all = models.predict_proba_all(x)?;
    all.iter().try_for_each(|one| check_classes("stack", one, classes))?;
    let views: Vec<_> = all.iter().map(|one| one.values().slice(ndarray::s![.., 1..])).collect();
    ndarray::concatenate(ndarray::Axis(1), &views).map_err(Error::other)
}

fn value_columns<M: RegressorModels>(models: &M, x: &M::Input) -> Result<Array2<f64>> {
    let all = models.predict_all(x)?;
    Ok(Array2::from_shape_fn((x.n_rows(), all.len()), |(row, member)| all[member].as_slice()[row]))
}

/// Groups keep together here whether or not the members use them.
fn accepted(members: Capabilities, last: Capabilities, passthrough: bool) -> Capabilities {
    let mut accepts = members;
    if passthrough {
        accepts.missing &= last.missing;
        accepts.categorical &= last.categorical;
        accepts.sparse &= last.sparse;
    }
    accepts.weights = members.weights && last.weights;
    accepts.groups = true;
    accepts.validation = false;
    accepts
}

impl<S, F> Estimator for StackingClassifier<S, F>
where
    S: Members<Target = Classes>,
    S::Models: ClassifierModels<Input = S::Input>,
    F: Estimator<Input = Matrix, Target = Classes>,
    F::Model: Classifier<Input = Matrix>,
{
    type Input = S::Input;
    type Target = Classes;
    type Model = StackingClassifierModel<S::Models, F::Model>;

    fn fit_on(&self, train: &Train<'_, S::Input, Classes>) -> Result<Self::Model> {
        N_FOLDS.check_count(self.n_folds)?;
        two_or_more(train.y, train.weights)?;
        let seed = train.ctx.seed(self.seed);
        let (n_rows, strata) = (train.y.n_rows(), Some(train.y.codes()));
        let folds = self.folds.assign_named("n_folds", n_rows, self.n_folds, strata, train.groups, seed)?;
        let table = out_of_fold(&self.members, train, &folds, |models, x| {
            probability_columns(models, x, train.y.names())
        })?;
        let classes = &train.y.names()[1..];
        let names: Vec<String> = self
            .members
            .names()
            .iter()
            .flat_map(|member| classes.iter().map(move |class| format!("{member}={class}")))
            .collect();
        let passed = passed(train.x, self.passthrough)?;
        let names = unlike(names, passed.as_ref());
        let last = fit_last(&self.last, train, table, &names, passed.as_ref())?;
        let models = self.members.fit_all(train)?;
        Ok(StackingClassifierModel { classes: train.y.shared_names(), models, last, names, passed })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.members.capabilities(), self.last.capabilities(), self.passthrough)
    }

    fn steps(&self) -> Vec<String> {
        let last = self.last.steps().join(" -> ");
        vec![format!("StackingClassifier({})", self.members.names().join(", ")), last]
    }
}

impl<S, F> Estimator for StackingRegressor<S, F>
where
    S: Members<Target = Values>,
    S::Models: RegressorModels<Input = S::Input>,
    F: Estimator<Input = Matrix, Target = Values>,
    F::Model: Predictor<Input = Matrix, Output = Values>,
{
    type Input = S::Input;
    type Target = Values;
    type Model = StackingRegressorModel<S::Models, F::Model>;

    fn fit_on(&self, train: &Train<'_, S::Input, Values>) -> Result<Self::Model> {
        N_FOLDS.check_count(self.n_folds)?;
        let seed = train.ctx.seed(self.seed);
        let n_rows = train.y.n_rows();
        let folds = self.folds.assign_named("n_folds", n_rows, self.n_folds, None, train.groups, seed)?;
        let table = out_of_fold(&self.members, train, &folds, value_columns)?;
        let passed = passed(train.x, self.passthrough)?;
        let names = unlike(self.members.names(), passed.as_ref());
        let last = fit_last(&self.last, train, table, &names, passed.as_ref())?;
        Ok(StackingRegressorModel { models: self.members.fit_all(train)?, last, names, passed })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.members.capabilities(), self.last.capabilities(), self.passthrough)
    }

    fn steps(&self) -> Vec<String> {
        let last = self.last.steps().join(" -> ");
        vec![format!("StackingRegressor({})", self.members.names().join(", ")), last]
    }
}

impl<M: ClassifierModels, L: Classifier<Input = Matrix>> Predictor for StackingClassifierModel<M, L> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: ClassifierModels, L: Classifier<Input = Matrix>> Classifier for StackingClassifierModel<M, L> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let said = probability_columns(&self.models, x, &self.classes)?;
        let answer = self.last.predict_proba(&beside(said, &self.names, x, self.passed.as_ref())?)?;
        if answer.names() != &self.classes[..] {
            return Err(Error::corrupt("the last model has other classes than the stack"));
        }
        Ok(answer)
    }
}

impl<M, L> Predictor for StackingRegressorModel<M, L>
where
    M: RegressorModels,
    L: Predictor<Input = Matrix, Output = Values>,
{
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let said = value_columns(&self.models, x)?;
        self.last.predict(&beside(said, &self.names, x, self.passed.as_ref())?)
    }
}
