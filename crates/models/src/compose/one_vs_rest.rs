//! One class against the rest.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt,
    Rows, Train,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::around;
use crate::classes::{check_names, two_or_more};

/// A classifier of two classes for each class against all others; the probabilities are brought to a sum of 1.
///
/// Any classifier serves as the member, pipelines too. A class without rows has probability 0.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::LinearDiscriminantAnalysis;
/// use perennial_models::compose::OneVsRestClassifier;
///
/// let x = Matrix::from(array![[0.0, 0.1], [0.2, 0.0], [5.0, 0.1], [5.1, 0.0], [0.0, 5.0], [0.3, 5.2]]);
/// let y = Classes::from_labels(["a", "a", "b", "b", "c", "c"]);
/// let model = OneVsRestClassifier::new(LinearDiscriminantAnalysis::new().shrinkage(0.1)).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneVsRestClassifier<E> {
    estimator: E,
}

impl<E> OneVsRestClassifier<E> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// Each class against the rest by `estimator`.
    pub fn new(estimator: E) -> Self {
        OneVsRestClassifier { estimator }
    }
}

/// The models of a [`OneVsRestClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct OneVsRestModel<M> {
    classes: Arc<[String]>,
    members: Vec<Option<M>>,
}

#[derive(Deserialize)]
struct Parts<M> {
    classes: Arc<[String]>,
    members: Vec<Option<M>>,
}

impl<M> TryFrom<Parts<M>> for OneVsRestModel<M> {
    type Error = Error;

    fn try_from(Parts { classes, members }: Parts<M>) -> Result<Self> {
        check_names(&classes)?;
        if members.len() != classes.len() || members.iter().flatten().count() < 2 {
            return Err(Error::corrupt("the one-against-rest model does not have one member for each class"));
        }
        Ok(OneVsRestModel { classes, members })
    }
}

impl<M> OneVsRestModel<M> {
    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The model of each class; none for a class without rows.
    pub fn members(&self) -> &[Option<M>] {
        &self.members
    }
}

/// A class as 1, the others as 0.
fn against_rest(y: &Classes, class: usize) -> Result<Classes> {
    let codes = y.codes().iter().map(|&code| u32::from(code as usize == class)).collect();
    Classes::new(codes, ["rest".to_owned(), "class".to_owned()].to_vec())
}

impl<E> Estimator for OneVsRestClassifier<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = OneVsRestModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        let present = two_or_more(train.y, train.weights)?;
        let members = reduce::try_map_each(train.y.n_classes(), |class| {
            if !present.contains(&(class as u32)) {
                return Ok(None);
            }
            let name = &train.y.names()[class];
            let y = against_rest(train.y, class)?;
            let validation = train.validation.map(|(_, y)| against_rest(y, class)).transpose()?;
            let mut own = train.with_targets(&y, validation.as_ref());
            own.ctx = train.ctx.child(name);
            self.estimator.fit_on(&own).map(Some).context(format!("class `{name}` against the rest"))
        })?;
        Ok(OneVsRestModel { classes: train.y.shared_names(), members })
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        around("OneVsRestClassifier", &self.estimator)
    }
}

impl<M: Classifier> Predictor for OneVsRestModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Classifier> Classifier for OneVsRestModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let mut shares = Array2::zeros((x.n_rows(), self.classes.len()));
        for (class, member) in self.members.iter().enumerate() {
            if let Some(member) = member {
                shares.column_mut(class).assign(&member.predict_proba(x)?.values().column(1));
            }
        }
        let known = self.members.iter().flatten().count() as f64;
        for mut row in shares.rows_mut() {
            let total = row.sum();
            if total > 0.0 {
                row.mapv_inplace(|share| share / total);
            } else {
                // No member claims the row, so nothing speaks for one class more than for another.
                row.iter_mut().zip(&self.members).for_each(|(share, member)| {
                    *share = if member.is_some() { 1.0 / known } else { 0.0 };
                });
            }
        }
        Probabilities::new(shares, self.classes.clone())
    }
}
