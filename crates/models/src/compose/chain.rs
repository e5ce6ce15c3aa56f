//! A model for each of several outputs, each with the outputs before it as features.

use ndarray::{Array2, Axis};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Outputs, Param, Predictor, Result, ResultExt, Rows,
    Train, Values,
};
use serde::{Deserialize, Serialize};

use super::around;
use super::cross_fit::each_fold;
use super::multi_output::{n_outputs, output};
use crate::folds::{Assigned, CV, Folds};

/// Learns one output after the other, each with those before it as further features (Spyromitros-Xioufis et al., 2016).
///
/// In training the true outputs are the features, in prediction those that were predicted; with `cv` those that were predicted
/// in training too, by models that had not seen the row, so that each link learns how far those before it can be trusted.
/// Outputs that say something about each other are learned better than apart.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `order` | as they stand | the order in which outputs are learned |
/// | `cv` | `None` | how many folds the outputs before are predicted in; none takes the true ones |
/// | `folds` | `Shuffled` | which rows are held out together, where there are folds |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegressorChain<E> {
    estimator: E,
    #[serde(default)]
    order: Option<Vec<usize>>,
    #[serde(default)]
    cv: Option<usize>,
    #[serde(default = "shuffled")]
    folds: Folds,
}

pub(super) fn shuffled() -> Folds {
    Folds::Shuffled
}

/// How the outputs before a link are predicted in training.
pub(super) struct Crossed<'a> {
    pub(super) cv: Option<usize>,
    pub(super) folds: &'a Folds,
}

impl Crossed<'_> {
    /// The folds; none where the true outputs are taken.
    pub(super) fn assign(
        &self,
        n_rows: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: u64,
    ) -> Result<Option<Assigned>> {
        let cv = match (self.cv, self.folds) {
            (Some(cv), _) => cv,
            (None, Folds::Given(_)) => 2,
            (None, _) => return Ok(None),
        };
        self.folds.assign(n_rows, cv, strata, groups, seed).map(Some)
    }

    /// What a chain takes of what its estimator takes: the outputs that stand beside the input are dense, and folds keep
    /// groups whole.
    pub(super) fn accepted(&self, mut accepts: Capabilities) -> Capabilities {
        accepts.sparse = false;
        accepts.groups |= self.cv.is_some() && *self.folds == Folds::Shuffled;
        accepts
    }
}

/// The builders that both chains share.
macro_rules! crossed_builders {
    () => {
        /// Sets in how many folds the outputs before a link are predicted in training, in the place of the true ones.
        #[must_use]
        pub fn cv(mut self, cv: usize) -> Self {
            self.cv = Some(cv);
            self
        }

        /// Sets which rows are held out together. [`Folds::Given`] says how many folds there are; the others need `cv`.
        #[must_use]
        pub fn folds(mut self, folds: Folds) -> Self {
            self.folds = folds;
            self
        }

        fn crossed(&self) -> crate::compose::chain::Crossed<'_> {
            crate::compose::chain::Crossed { cv: self.cv, folds: &self.folds }
        }
    };
}
pub(super) use crossed_builders;

impl<E: Default> Default for RegressorChain<E> {
    fn default() -> Self {
        RegressorChain::new(E::default())
    }
}

impl<E> RegressorChain<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CV];

    crossed_builders!();

    /// Each output by `estimator`, in the order in which they stand.
    pub fn new(estimator: E) -> Self {
        RegressorChain { estimator, order: None, cv: None, folds: Folds::Shuffled }
    }

    /// Sets the order in which outputs are learned: each number from 0 on once.
    #[must_use]
    pub fn order(mut self, order: impl Into<Vec<usize>>) -> Self {
        self.order = Some(order.into());
        self
    }
}

/// The models of a [`RegressorChain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct RegressorChainModel<M> {
    features: Features,
    order: Vec<usize>,
    members: Vec<M>,
}

#[derive(Deserialize)]
struct Parts<M> {
    features: Features,
    order: Vec<usize>,
    members: Vec<M>,
}

impl<M> TryFrom<Parts<M>> for RegressorChainModel<M> {
    type Error = Error;

    fn try_from(Parts { features, order, members }: Parts<M>) -> Result<Self> {
        if !is_order(&order, members.len()) {
            return Err(Error::corrupt("the chain does not have one model for each output"));
        }
        Ok(RegressorChainModel { features, order, members })
    }
}

impl<M> RegressorChainModel<M> {
    /// The outputs in the order in which they were learned.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The models in that order.
    pub fn members(&self) -> &[M] {
        &self.members
    }
}

/// The order in which outputs are learned: that which is asked for, or as they stand.
pub(super) fn order_of(asked: Option<&[usize]>, n_outputs: usize) -> Result<Vec<usize>> {
    let order: Vec<usize> = asked.map_or_else(|| (0..n_outputs).collect(), <[usize]>::to_vec);
    if is_order(&order, n_outputs) {
        return Ok(order);
    }
    Err(Error::invalid_param("order", order, format!("each number from 0 to {} once", n_outputs - 1)))
}

pub(super) fn is_order(order: &[usize], n: usize) -> bool {
    let mut seen = vec![false; n];
    order.len() == n && order.iter().all(|&place| place < n && !std::mem::replace(&mut seen[place], true))
}

/// The features of one link: those of the input, and the outputs that come before.
pub(super) fn link(x: &Matrix, before: &[Values]) -> Result<Matrix> {
    let mut columns = Array2::zeros((x.n_rows(), before.len()));
    columns.axis_iter_mut(Axis(1)).zip(before).for_each(|(mut column, values)| column.assign(&values.view()));
    if before.is_empty() {
        return Ok(x.clone());
    }
    // Names that no column of the input can have met before.
    let taken = |name: &str| x.features().names().any(|known| known == name);
    let name = |place: usize| {
        let mut name = format!("output{place}");
        while taken(&name) {
            name.push('_');
        }
        name
    };
    Matrix::hstack(&[x.clone(), Matrix::from(columns).with_names((0..before.len()).map(name))?])
}

/// What a link says of each row by models that have not seen it.
pub(super) fn cross_predict<E>(
    estimator: &E,
    train: &Train<'_, Matrix, E::Target>,
    folds: &Assigned,
    numbers: impl Fn(&<E::Model as Predictor>::Output) -> Vec<f64>,
) -> Result<Values>
where
    E: Estimator<Input = Matrix>,
    E::Model: Predictor<Input = Matrix>,
{
    let mut all = vec![0.0; folds.fold_of.len()];
    each_fold(train, folds, |own, held, x| {
        let said = numbers(&estimator.fit_on(own)?.predict(x)?);
        held.iter().zip(said).for_each(|(&row, said)| all[row] = said);
        Ok(())
    })?;
    Ok(all.into())
}

impl<E> Estimator for RegressorChain<E>
where
    E: Estimator<Input = Matrix, Target = Values>,
    E::Model: Predictor<Input = Matrix, Output = Values>,
{
    type Input = Matrix;
    type Target = Outputs;
    type Model = RegressorChainModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<Self::Model> {
        let n_outputs = n_outputs(train.y, train.validation.map(|(_, y)| y))?;
        let order = order_of(self.order.as_deref(), n_outputs)?;
        let (mut before, mut before_validation, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for (done, &column) in order.iter().enumerate() {
            train.ctx.step(done, n_outputs)?;
            let name = format!("output {column}");
            let (x, y) = (link(train.x, &before)?, output(train.y, column));
            let validation = match train.validation {
                Some((x, y)) => Some((link(x, &before_validation)?, output(y, column))),
                None => None,
            };
            let own = train.with_targets(&y, validation.as_ref().map(|(_, y)| y));
            let own = own.with_input(&x, validation.as_ref().map(|(x, _)| x));
            let mut own = own.limited_to(&self.estimator.capabilities());
            own.ctx = train.ctx.child(&name);
            let member = self.estimator.fit_on(&own).context(name.clone())?;
            match self.crossed().assign(x.n_rows(), None, train.groups, train.ctx.seed(None))? {
                None => {
                    before.push(y);
                    before_validation.extend(validation.map(|(_, y)| y));
                }
                Some(_) if done + 1 == n_outputs => {}
                Some(folds) => {
                    let said =
                        cross_predict(&self.estimator, &own, &folds, |answers| answers.as_slice().to_vec());
                    before.push(said.context(name)?);
                    before_validation.extend(validation.map(|(x, _)| member.predict(&x)).transpose()?);
                }
            }
            members.push(member);
        }
        Ok(RegressorChainModel { features: train.x.features().clone(), order, members })
    }

    fn capabilities(&self) -> Capabilities {
        self.crossed().accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        around("RegressorChain", &self.estimator)
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Predictor for RegressorChainModel<M> {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        let x = self.features.align(x)?;
        let mut before: Vec<Values> = Vec::new();
        let mut answers = Array2::zeros((x.n_rows(), self.order.len()));
        for (member, &column) in self.members.iter().zip(&self.order) {
            let values = member.predict(&link(&x, &before)?)?;
            answers.column_mut(column).assign(&values.view());
            before.push(values);
        }
        Ok(answers.into())
    }
}
