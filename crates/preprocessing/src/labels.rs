//! Classes as columns of 0 and 1, and back.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{Classes, Error, Feature, Matrix, Result, Rows};

/// A column of 0 and 1 for each class, named after it: 1 where the row has that class (label binarisation). Classes without rows have a column too, so all
/// targets with one list of classes become matrices of one shape.
///
/// Of two classes there are two columns, where `LabelBinarizer` of scikit-learn gives the second alone.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_preprocessing::{from_indicators, to_indicators};
///
/// let classes = Classes::from_labels(["red", "blue", "red"]);
/// let matrix = to_indicators(&classes)?;
/// assert_eq!(matrix.features().names().collect::<Vec<_>>(), ["blue", "red"]);
/// assert_eq!(matrix.dense()?, ndarray::array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
/// assert_eq!(from_indicators(&matrix)?, classes);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When the matrix would hold more than 2^31 numbers.
pub fn to_indicators(classes: &Classes) -> Result<Matrix> {
    let (n_rows, n_classes) = (classes.n_rows(), classes.n_classes());
    if n_rows.checked_mul(n_classes).is_none_or(|size| size > 1 << 31) {
        return Err(Error::too_large(format!(
            "a dense matrix of {n_rows} x {n_classes} is too large; join rare classes first"
        )));
    }
    let mut cells = Array2::zeros((n_rows, n_classes));
    for (mut row, &code) in cells.rows_mut().into_iter().zip(classes.codes()) {
        row[code as usize] = 1.0;
    }
    let features: Vec<Feature> = classes.names().iter().map(|name| Feature::numeric(name.as_str())).collect();
    Matrix::from_dense(cells, features.try_into()?)
}

/// The classes of rows of 0 and 1, a column for each class: what [`to_indicators`] is the other way round. Rows may have several labels in
/// [`ClassOutputs::from_sets`](perennial_core::ClassOutputs::from_sets).
///
/// # Errors
/// When a cell is neither 0 nor 1, or a row has not exactly one 1; the message names the row. When the matrix is sparse.
pub fn from_indicators(matrix: &Matrix) -> Result<Classes> {
    let mut codes = Vec::with_capacity(matrix.n_rows());
    for (row, cells) in matrix.dense()?.rows().into_iter().enumerate() {
        let name = |column: usize| matrix.features().name(column);
        if let Some(odd) = cells.iter().position(|cell| *cell != 0.0 && *cell != 1.0) {
            return Err(Error::malformed(format!(
                "row {row} has {} in the column `{}`; a column of a class has 0 and 1 alone",
                cells[odd],
                name(odd)
            )));
        }
        let mut ones = (0_u32..).zip(cells).filter(|(_, cell)| **cell == 1.0).map(|(code, _)| code);
        match (ones.next(), ones.next()) {
            (Some(code), None) => codes.push(code),
            (None, _) => {
                return Err(Error::malformed(format!("row {row} has no 1; each row has one class")));
            }
            (Some(first), Some(second)) => {
                return Err(Error::malformed(format!(
                    "row {row} has a 1 for `{}` and for `{}`; each row has one class",
                    name(first as usize),
                    name(second as usize)
                )));
            }
        }
    }
    let names: Arc<[String]> = matrix.features().names().map(str::to_owned).collect();
    Classes::new(codes, names)
}
