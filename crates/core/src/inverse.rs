//! Transformers whose work can be undone.

use crate::{Result, Rows, Transformer};

/// A fitted step that can take back what it did: what a target goes through before it is learned must be one, so that answers come back
/// in its units.
///
/// ```
/// use perennial_core::{InverseTransformer, Matrix, Result, Transformer};
///
/// struct Double;
///
/// impl Transformer for Double {
///     type Input = Matrix;
///     type Output = Matrix;
///
///     fn transform(&self, x: &Matrix) -> Result<Matrix> {
///         Ok(Matrix::from(x.dense()?.mapv(|cell| 2.0 * cell)))
///     }
/// }
///
/// impl InverseTransformer for Double {
///     fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
///         Ok(Matrix::from(x.dense()?.mapv(|cell| cell / 2.0)))
///     }
/// }
///
/// let x = Matrix::from(ndarray::array![[1.5]]);
/// assert_eq!(Double.inverse_transform(&Double.transform(&x)?)?, x);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait InverseTransformer: Transformer {
    /// The rows that [`transform`](Transformer::transform) turned into these.
    ///
    /// # Errors
    /// When the columns are not those that it makes, or a number cannot be taken back.
    fn inverse_transform(&self, x: &Self::Output) -> Result<<Self::Input as Rows>::Owned>;
}
