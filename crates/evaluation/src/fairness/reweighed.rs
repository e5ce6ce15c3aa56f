//! A fit with weights that make groups and classes independent.

use perennial_core::{Capabilities, Classes, Error, Estimator, Result, Train};
use serde::{Deserialize, Serialize};

use super::groups_of::GroupsOf;
use super::reweighing::reweighing;

/// Learns with the weights of [`reweighing`], by any classifier that takes weights. The model is that of the classifier.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `groups` | must be given | of which group each row is, such as [`GroupColumn`](super::GroupColumn) |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Shares;
/// # #[derive(Debug)] struct SharesModel(f64, Vec<String>);
/// # impl Estimator for Shares {
/// #     type Input = Matrix; type Target = Classes; type Model = SharesModel;
/// #     fn capabilities(&self) -> Capabilities { Capabilities::new().weights() }
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SharesModel> {
/// #         let of = |own: bool| -> f64 { (0..train.x.n_rows()).filter(|&row| train.x.dense().unwrap()[[row, 0]] == 1.0 && (!own || train.y.codes()[row] == 1)).map(|row| train.weight(row)).sum() };
/// #         Ok(SharesModel(of(true) / of(false), train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SharesModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Classes::new(vec![0; x.n_rows()], self.1.clone()) }
/// # }
/// use perennial_evaluation::fairness::{GroupColumn, Reweighed};
///
/// // `Shares` learns how often rows of group 1 have the class: in one of five, and in three of five of all rows.
/// let x = Matrix::from(Array2::from_shape_fn((20, 1), |(row, _)| (row % 2) as f64)).with_names(["group"])?;
/// let y = Classes::from_labels((0..20).map(|row| row % 2 == 0 || row < 4));
/// assert!((Reweighed::new(Shares, GroupColumn::new("group")).fit(&x, &y)?.0 - 0.6).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reweighed<E, G> {
    estimator: E,
    groups: G,
}

impl<E, G> Reweighed<E, G> {
    /// Around a classifier that takes weights.
    pub fn new(estimator: E, groups: G) -> Self {
        Reweighed { estimator, groups }
    }
}

impl<E, G> Estimator for Reweighed<E, G>
where
    E: Estimator<Target = Classes>,
    G: GroupsOf<E::Input>,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = E::Model;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<E::Model> {
        let accepts = self.estimator.capabilities();
        if !accepts.weights {
            return Err(Error::unsupported("the classifier takes no weights; choose one that does"));
        }
        let weights = reweighing(train.y, &self.groups.groups_of(train.x)?, train.weights)?;
        let mut own = train.clone();
        own.weights = Some(&weights);
        own.fit(&self.estimator)
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("Reweighed({})", self.estimator.steps().join(" -> "))]
    }
}
