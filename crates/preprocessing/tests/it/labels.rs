//! Classes as columns of 0 and 1.

use ndarray::array;
use perennial_core::{Classes, Matrix, Result, Rows};
use perennial_preprocessing::{from_indicators, to_indicators};

#[test]
fn classes_become_columns_and_come_back() -> Result<()> {
    // As `label_binarize([1, 6, 2], classes=[1, 2, 4, 6])` of scikit-learn 1.9.1.
    let names = ["1", "2", "4", "6"].map(str::to_owned);
    let classes = Classes::new(vec![0, 3, 1], names)?;
    let matrix = to_indicators(&classes)?;
    assert_eq!(matrix.features().names().collect::<Vec<_>>(), ["1", "2", "4", "6"]);
    assert_eq!(matrix.dense()?, array![[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
    assert_eq!(from_indicators(&matrix)?, classes);
    // No rows, and one class.
    let none = classes.take(&[])?;
    assert_eq!(to_indicators(&none)?.n_cols(), 4);
    assert_eq!(from_indicators(&to_indicators(&none)?)?, none);
    let one = Classes::from_labels(["a", "a"]);
    assert_eq!(to_indicators(&one)?.dense()?, array![[1.0], [1.0]]);
    Ok(())
}

#[test]
fn rows_that_are_no_class_are_named() -> Result<()> {
    let rows = |cells: [[f64; 2]; 2]| Matrix::from(ndarray::arr2(&cells)).with_names(["no", "yes"]);
    for (cells, words) in [
        ([[1.0, 0.0], [0.0, 0.0]], "row 1 has no 1"),
        ([[1.0, 0.0], [1.0, 1.0]], "row 1 has a 1 for `no` and for `yes`"),
        ([[1.0, 0.5], [1.0, 0.0]], "row 0 has 0.5 in the column `yes`"),
        ([[1.0, 0.0], [f64::NAN, 1.0]], "row 1 has NaN"),
        ([[-1.0, 1.0], [1.0, 0.0]], "row 0 has -1"),
    ] {
        let error = from_indicators(&rows(cells)?).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    Ok(())
}
