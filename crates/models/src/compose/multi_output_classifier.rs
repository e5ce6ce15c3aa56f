//! A classifier for each of several outputs, apart or in a chain.

use std::sync::Arc;

use perennial_core::{
    Capabilities, ClassOutputs, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor,
    Probabilities, Result, ResultExt, Rows, Train, Values,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::around;
use super::chain::{cross_predict, crossed_builders, is_order, link, order_of, shuffled};
use crate::folds::{CV, Folds};

/// Refuses a validation set with other outputs.
fn check_outputs(y: &ClassOutputs, validation: Option<&ClassOutputs>) -> Result<()> {
    match validation {
        Some(other) if other.names() != y.names() => Err(Error::malformed(format!(
            "the validation set has the outputs {} and the training set {}; give both the same",
            other.names().join(", "),
            y.names().join(", ")
        ))),
        _ => Ok(()),
    }
}

/// A classifier of its own for each output (binary relevance, where outputs are labels that a row has or has not).
///
/// ```
/// use ndarray::array;
/// use perennial_core::{ClassOutputs, Estimator, Matrix, Predictor};
/// use perennial_models::compose::MultiOutputClassifier;
/// use perennial_models::naive_bayes::GaussianNaiveBayes;
///
/// let x = Matrix::from(array![[0.0, 5.0], [0.2, 0.1], [4.0, 5.1], [4.1, 0.0]]);
/// let y = ClassOutputs::from_sets([vec!["b"], vec![], vec!["a", "b"], vec!["a"]])?;
/// let model = MultiOutputClassifier::new(GaussianNaiveBayes::new()).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiOutputClassifier<E> {
    estimator: E,
}

impl<E> MultiOutputClassifier<E> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// Each output by `estimator`.
    pub fn new(estimator: E) -> Self {
        MultiOutputClassifier { estimator }
    }
}

/// The models of a [`MultiOutputClassifier`], one for each output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiOutputClassifierModel<M> {
    members: Vec<(String, M)>,
}

impl<M> MultiOutputClassifierModel<M> {
    /// The outputs and their models.
    pub fn members(&self) -> &[(String, M)] {
        &self.members
    }
}

impl<M: Classifier> MultiOutputClassifierModel<M> {
    /// The probabilities of the classes of each output, in the order of the outputs.
    ///
    /// # Errors
    /// As for [`Predictor::predict`].
    pub fn predict_proba(&self, x: &M::Input) -> Result<Vec<Probabilities>> {
        self.members.iter().map(|(_, member)| member.predict_proba(x)).collect()
    }
}

impl<E> Estimator for MultiOutputClassifier<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Predictor<Input = E::Input, Output = Classes>,
{
    type Input = E::Input;
    type Target = ClassOutputs;
    type Model = MultiOutputClassifierModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, ClassOutputs>) -> Result<Self::Model> {
        check_outputs(train.y, train.validation.map(|(_, y)| y))?;
        let members = reduce::try_map_each(train.y.outputs().len(), |place| {
            let name = format!("output `{}`", train.y.names()[place]);
            let validation = train.validation.map(|(_, y)| &y.outputs()[place]);
            let mut own = train.with_targets(&train.y.outputs()[place], validation);
            own.ctx = train.ctx.child(&name);
            let member = self.estimator.fit_on(&own).context(name)?;
            Ok((train.y.names()[place].clone(), member))
        })?;
        Ok(MultiOutputClassifierModel { members })
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        around("MultiOutputClassifier", &self.estimator)
    }
}

impl<M: Predictor<Output = Classes>> Predictor for MultiOutputClassifierModel<M> {
    type Input = M::Input;
    type Output = ClassOutputs;

    fn predict(&self, x: &M::Input) -> Result<ClassOutputs> {
        let answers = self.members.iter().map(|(name, member)| Ok((name.clone(), member.predict(x)?)));
        ClassOutputs::new(answers.collect::<Result<Vec<_>>>()?)
    }
}

/// Learns one output after the other, each with the codes of those before it as further features (Read and others,
/// 2011).
///
/// In training the true classes are the features, in prediction those that were predicted; with `cv` those that were predicted
/// in training too, by models that had not seen the row, so that each link learns how far those before it can be trusted.
/// Labels that say something about each other are learned better than apart.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `order` | as they stand | the order in which outputs are learned |
/// | `cv` | `None` | how many folds the outputs before are predicted in; none takes the true ones |
/// | `folds` | `Shuffled` | which rows are held out together, where there are folds |
///
/// ```
/// use perennial_core::{ClassOutputs, Estimator, Matrix, Predictor};
/// use perennial_models::compose::ClassifierChain;
/// use perennial_models::naive_bayes::GaussianNaiveBayes;
///
/// let x = Matrix::from(ndarray::array![[0.0, 5.0], [0.2, 0.1], [4.0, 5.1], [4.1, 0.0]]);
/// let y = ClassOutputs::from_sets([vec!["b"], vec![], vec!["a", "b"], vec!["a"]])?;
/// let model = ClassifierChain::new(GaussianNaiveBayes::new()).order([1, 0]).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierChain<E> {
    estimator: E,
    #[serde(default)]
    order: Option<Vec<usize>>,
    #[serde(default)]
    cv: Option<usize>,
    #[serde(default = "shuffled")]
    folds: Folds,
}

impl<E: Default> Default for ClassifierChain<E> {
    fn default() -> Self {
        ClassifierChain::new(E::default())
    }
}

impl<E> ClassifierChain<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CV];

    crossed_builders!();

    /// Each output by `estimator`, in the order in which they stand.
    pub fn new(estimator: E) -> Self {
        ClassifierChain { estimator, order: None, cv: None, folds: Folds::Shuffled }
    }

    /// Sets the order in which outputs are learned: each number from 0 on once.
    #[must_use]
    pub fn order(mut self, order: impl Into<Vec<usize>>) -> Self {
        self.order = Some(order.into());
        self
    }
}

/// The models of a [`ClassifierChain`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct ClassifierChainModel<M> {
    features: Features,
    names: Arc<[String]>,
    order: Vec<usize>,
    members: Vec<M>,
}

#[derive(Deserialize)]
struct Parts<M> {
    features: Features,
    names: Arc<[String]>,
    order: Vec<usize>,
    members: Vec<M>,
}

impl<M> TryFrom<Parts<M>> for ClassifierChainModel<M> {
    type Error = Error;

    fn try_from(Parts { features, names, order, members }: Parts<M>) -> Result<Self> {
        if !is_order(&order, members.len()) || names.len() != members.len() {
            return Err(Error::corrupt("the chain does not have one model for each output"));
        }
        Ok(ClassifierChainModel { features, names, order, members })
    }
}

impl<M> ClassifierChainModel<M> {
    /// The outputs in the order in which they were learned.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The models in that order.
    pub fn members(&self) -> &[M] {
        &self.members
    }
}

fn codes(classes: &Classes) -> Values {
    classes.codes().iter().map(|&code| f64::from(code)).collect()
}

impl<E> Estimator for ClassifierChain<E>
where
    E: Estimator<Input = Matrix, Target = Classes>,
    E::Model: Predictor<Input = Matrix, Output = Classes>,
{
    type Input = Matrix;
    type Target = ClassOutputs;
    type Model = ClassifierChainModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, ClassOutputs>) -> Result<Self::Model> {
        check_outputs(train.y, train.validation.map(|(_, y)| y))?;
        let n_outputs = train.y.outputs().len();
        let order = order_of(self.order.as_deref(), n_outputs)?;
        let (mut before, mut before_validation, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for (done, &place) in order.iter().enumerate() {
            train.ctx.step(done, n_outputs)?;
            let name = format!("output `{}`", train.y.names()[place]);
            let (x, y) = (link(train.x, &before)?, &train.y.outputs()[place]);
            let validation = match train.validation {
                Some((x, y)) => Some((link(x, &before_validation)?, &y.outputs()[place])),
                None => None,
            };
            let own = train.with_targets(y, validation.as_ref().map(|(_, y)| *y));
            let own = own.with_input(&x, validation.as_ref().map(|(x, _)| x));
            let mut own = own.limited_to(&self.estimator.capabilities());
            own.ctx = train.ctx.child(&name);
            let member = self.estimator.fit_on(&own).context(name.clone())?;
            match self.crossed().assign(x.n_rows(), Some(y.codes()), train.groups, train.ctx.seed(None))? {
                None => {
                    before.push(codes(y));
                    before_validation.extend(validation.map(|(_, y)| codes(y)));
                }
                Some(_) if done + 1 == n_outputs => {}
                Some(folds) => {
                    let said =
                        cross_predict(&self.estimator, &own, &folds, |said| codes(said).as_slice().to_vec());
                    before.push(said.context(name)?);
                    let predicted = validation.map(|(x, _)| member.predict(&x)).transpose()?;
                    before_validation.extend(predicted.as_ref().map(codes));
                }
            }
            members.push(member);
        }
        let names = train.y.names().to_vec().into();
        Ok(ClassifierChainModel { features: train.x.features().clone(), names, order, members })
    }

    fn capabilities(&self) -> Capabilities {
        self.crossed().accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        around("ClassifierChain", &self.estimator)
    }
}

impl<M: Predictor<Input = Matrix, Output = Classes>> Predictor for ClassifierChainModel<M> {
    type Input = Matrix;
    type Output = ClassOutputs;

    fn predict(&self, x: &Matrix) -> Result<ClassOutputs> {
        let x = self.features.align(x)?;
        let mut before: Vec<Values> = Vec::new();
        let mut answers: Vec<Option<Classes>> = vec![None; self.order.len()];
        for (member, &place) in self.members.iter().zip(&self.order) {
            let classes = member.predict(&link(&x, &before)?)?;
            before.push(codes(&classes));
            answers[place] = Some(classes);
        }
        ClassOutputs::new(self.names.iter().cloned().zip(answers.into_iter().flatten()))
    }
}
