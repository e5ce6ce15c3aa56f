use ndarray::Array2;
use perennial_core::{Contributions, Error, Matrix, Result, Rows};

/// Shapley values of a linear score, exactly and at once: each feature adds its coefficient times its distance from the mean
/// of the background (Lundberg and Lee, 2017), its columns taken as independent.
///
/// `coefficients` is one for each column of `x`, and `background` has the same columns.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::explain::linear_contributions;
///
/// let background = Matrix::from(array![[0.0, 1.0], [2.0, 3.0]]);
/// let explained = linear_contributions(&[3.0, -1.0], 0.5, &Matrix::from(array![[2.0, 2.0]]), &background)?;
/// assert_eq!(explained.values()[0], array![[3.0, 0.0]]);
/// assert_eq!(explained.base(), [1.5]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the columns are not as many as the coefficients, the background has no rows or other columns, or a matrix is sparse.
pub fn linear_contributions(
    coefficients: &[f64],
    intercept: f64,
    x: &Matrix,
    background: &Matrix,
) -> Result<Contributions> {
    let x = background.features().align(x)?;
    if coefficients.len() != background.n_cols() {
        return Err(Error::length_mismatch("the coefficients", background.n_cols(), coefficients.len()));
    }
    if background.n_rows() == 0 {
        return Err(Error::empty("the background has no rows; give rows that stand for what is usual"));
    }
    let n = background.n_rows() as f64;
    let means: Vec<f64> = background.dense()?.columns().into_iter().map(|column| column.sum() / n).collect();
    let x = x.dense()?;
    let values = Array2::from_shape_fn(x.dim(), |(row, column)| {
        coefficients[column] * (x[[row, column]] - means[column])
    });
    let base = intercept + coefficients.iter().zip(&means).map(|(c, mean)| c * mean).sum::<f64>();
    Contributions::new(vec![values], vec![base])
}
