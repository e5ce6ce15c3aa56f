//! Steps whose rows are no matrix: texts, and maps of names to numbers or texts.

mod edges;
mod kinds;
mod same;
mod step;
mod weights;

use std::borrow::Borrow;

use perennial_core::Estimator;

pub use kinds::{Field, Fields, Text};
pub use step::RowStep;

use crate::{Report, Tags};
use kinds::Row;
use step::{Subject, Typed};

/// Checks a step that learns from texts: `make` makes its input of some texts, such as a table with a column of them.
///
/// ```
/// use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, NoTarget, Result, Rows, Train, Transformer};
/// use perennial_testing::{Tags, Text, check_texts};
/// use serde::{Deserialize, Serialize};
///
/// /// How many bytes a text has; a missing one has none.
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Lengths;
///
/// impl Estimator for Lengths {
///     type Input = [Text];
///     type Target = NoTarget;
///     type Model = Lengths;
///
///     fn fit_on(&self, _: &Train<'_, [Text], NoTarget>) -> Result<Lengths> {
///         Ok(Lengths)
///     }
///
///     fn capabilities(&self) -> Capabilities {
///         Capabilities::new().missing()
///     }
/// }
///
/// impl FitTransform for Lengths {}
///
/// impl Transformer for Lengths {
///     type Input = [Text];
///     type Output = Matrix;
///
///     fn transform(&self, x: &[Text]) -> Result<Matrix> {
///         let length = |(row, _): (usize, usize)| x[row].as_ref().map_or(0.0, |text| text.len() as f64);
///         Matrix::from(ndarray::Array2::from_shape_fn((x.n_rows(), 1), length)).with_names(["length"])
///     }
/// }
///
/// check_texts(&Lengths, <[Text]>::to_vec, Tags::new().exact_solver()).assert_passed();
/// ```
pub fn check_texts<E, X>(estimator: &E, make: impl Fn(&[Text]) -> X + Sync, tags: Tags) -> Report
where
    E: RowStep,
    X: Borrow<<E as Estimator>::Input>,
{
    check::<Text, E, X>(estimator, &make, tags)
}

/// Checks a step that learns from maps of names: `make` makes its input of some of them.
pub fn check_records<E, X>(estimator: &E, make: impl Fn(&[Fields]) -> X + Sync, tags: Tags) -> Report
where
    E: RowStep,
    X: Borrow<<E as Estimator>::Input>,
{
    check::<Fields, E, X>(estimator, &make, tags)
}

fn check<R: Row, E, X>(estimator: &E, make: &(dyn Fn(&[R]) -> X + Sync), tags: Tags) -> Report
where
    E: RowStep,
    X: Borrow<<E as Estimator>::Input>,
{
    let step = Typed::new(estimator.clone(), make);
    let mut checks = edges::checks::<R>();
    checks.extend(same::checks::<R>());
    checks.extend(weights::checks::<R>());
    Subject::<R>::new(Box::new(step), tags).run(checks)
}
