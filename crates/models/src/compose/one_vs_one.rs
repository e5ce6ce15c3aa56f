//! One class against one other.

use std::borrow::Borrow;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt,
    Rows, Train,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::around;
use super::members::check_classes;
use crate::classes::{check_names, two_or_more};
use crate::coupling::couple;

/// A classifier of two classes for each pair of classes, from the rows of the two alone.
///
/// The probabilities are those that agree best with those of the pairs (Wu, Lin and Weng, 2004). Cheaper than
/// [`OneVsRestClassifier`](super::OneVsRestClassifier) where time grows faster than the rows, as with kernels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneVsOneClassifier<E> {
    estimator: E,
}

impl<E> OneVsOneClassifier<E> {
    /// It has no numeric settings of its own.
    pub const PARAMS: &'static [Param] = &[];

    /// Each pair of classes by `estimator`.
    pub fn new(estimator: E) -> Self {
        OneVsOneClassifier { estimator }
    }
}

/// The models of a [`OneVsOneClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct OneVsOneModel<M> {
    classes: Arc<[String]>,
    /// The classes that had rows.
    present: Vec<u32>,
    /// For each pair of them, the first class varying slowest.
    members: Vec<M>,
}

#[derive(Deserialize)]
struct Parts<M> {
    classes: Arc<[String]>,
    present: Vec<u32>,
    members: Vec<M>,
}

impl<M> TryFrom<Parts<M>> for OneVsOneModel<M> {
    type Error = Error;

    fn try_from(Parts { classes, present, members }: Parts<M>) -> Result<Self> {
        check_names(&classes)?;
        let n = present.len();
        let rising = present.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = present.last().is_some_and(|last| (*last as usize) < classes.len());
        if n < 2 || !rising || !inside || members.len() != n * (n - 1) / 2 {
            return Err(Error::corrupt("the one-against-one model does not have one member for each pair"));
        }
        Ok(OneVsOneModel { classes, present, members })
    }
}

impl<M> OneVsOneModel<M> {
    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The models of the pairs of classes that had rows.
    pub fn members(&self) -> &[M] {
        &self.members
    }
}

fn pairs(present: &[u32]) -> Vec<(u32, u32)> {
    let with_later = |(place, &a): (usize, &u32)| present[place + 1..].iter().map(move |&b| (a, b)).collect();
    present.iter().enumerate().flat_map::<Vec<_>, _>(with_later).collect()
}

/// The rows of two classes, and the target that tells them apart.
fn of_pair(y: &Classes, (a, b): (u32, u32)) -> Result<(Vec<usize>, Classes)> {
    let rows: Vec<usize> = (0..y.codes().len()).filter(|&row| [a, b].contains(&y.codes()[row])).collect();
    let codes = rows.iter().map(|&row| u32::from(y.codes()[row] == b)).collect();
    let names = vec![y.names()[a as usize].clone(), y.names()[b as usize].clone()];
    Ok((rows, Classes::new(codes, names)?))
}

impl<E> Estimator for OneVsOneClassifier<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = OneVsOneModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        let present = two_or_more(train.y, train.weights)?;
        let pairs = pairs(&present);
        let members = reduce::try_map_each(pairs.len(), |at| {
            let (a, b) = (&train.y.names()[pairs[at].0 as usize], &train.y.names()[pairs[at].1 as usize]);
            let (rows, y) = of_pair(train.y, pairs[at])?;
            let x = train.x.take(&rows)?;
            let weights = train.weights.map(|weights| weights.take(&rows)).transpose()?;
            let groups = train.groups.map(|groups| groups.take(&rows)).transpose()?;
            let mut own = Train::new(x.borrow(), &y).context(train.ctx.child(&format!("{a} or {b}")));
            own.weights = weights.as_deref();
            own.groups = groups.as_deref();
            let fitted = self.estimator.fit_on(&own).and_then(|model| {
                // No rows are enough to learn the classes of the member.
                let said = model.predict_proba(own.x.take(&[])?.borrow())?;
                check_classes("one-against-one model", &said, y.names()).map(|()| model)
            });
            fitted.context(format!("class `{a}` against `{b}`"))
        })?;
        Ok(OneVsOneModel { classes: train.y.shared_names(), present, members })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        // A validation set would have rows of other classes in it.
        accepts.validation = false;
        accepts
    }

    fn steps(&self) -> Vec<String> {
        around("OneVsOneClassifier", &self.estimator)
    }
}

impl<M: Classifier> Predictor for OneVsOneModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Classifier> Classifier for OneVsOneModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        let n = self.present.len();
        let answers: Vec<Probabilities> =
            self.members.iter().map(|member| member.predict_proba(x)).collect::<Result<_>>()?;
        if answers.iter().any(|answer| answer.names().len() != 2) {
            return Err(Error::corrupt("a member of the one-against-one model has not two classes"));
        }
        let mut shares = Array2::zeros((x.n_rows(), self.classes.len()));
        for (row, mut out) in shares.rows_mut().into_iter().enumerate() {
            let of_second: Vec<f64> = answers.iter().map(|answer| answer.values()[[row, 1]]).collect();
            let coupled = couple(n, &of_second);
            self.present.iter().zip(coupled).for_each(|(&class, share)| out[class as usize] = share);
        }
        Probabilities::new(shares, self.classes.clone())
    }
}
