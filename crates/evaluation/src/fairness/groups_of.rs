//! Groups that are read off the rows.

use perennial_core::{Error, Matrix, Result};
use serde::{Deserialize, Serialize};

/// Says of which group each row is, by the rows themselves: so an estimator that needs groups can be cross-validated, tuned
/// and saved like any other.
///
/// Implement it for inputs of your own, such as tables.
pub trait GroupsOf<X: ?Sized>: Send + Sync {
    /// The group of each row.
    ///
    /// # Errors
    /// When the rows do not say.
    fn groups_of(&self, x: &X) -> Result<Vec<String>>;
}

/// The groups of a matrix: rows with the same value in this column, or both without a value, are of one group.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::fairness::{GroupColumn, GroupsOf};
///
/// let x = Matrix::from(array![[0.0, 7.5], [1.0, 2.5], [f64::NAN, 3.0]]).with_names(["sex", "income"])?;
/// assert_eq!(GroupColumn::new("sex").groups_of(&x)?, ["sex=0", "sex=1", "sex=missing"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupColumn(String);

impl GroupColumn {
    /// By the column of this name.
    pub fn new(column: impl Into<String>) -> Self {
        GroupColumn(column.into())
    }
}

impl GroupsOf<Matrix> for GroupColumn {
    fn groups_of(&self, x: &Matrix) -> Result<Vec<String>> {
        let GroupColumn(name) = self;
        let column = (0..x.n_cols()).find(|&column| x.features().name(column) == *name).ok_or_else(|| {
            Error::unknown(format!("no column is named `{name}`, by which rows are grouped"))
        })?;
        let cells = x.select(&[column])?.to_dense()?.dense()?.column(0).to_vec();
        // Adding 0 makes -0 a 0.
        let group = |cell: f64| {
            if cell.is_nan() { format!("{name}=missing") } else { format!("{name}={}", cell + 0.0) }
        };
        Ok(cells.into_iter().map(group).collect())
    }
}
