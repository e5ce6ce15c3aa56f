//! What each row that is learned from is worth.

use ndarray::s;
use perennial_core::{Classes, Context, Error, Matrix, Param, Result, Rows};
use perennial_numeric::distance::euclidean;
use perennial_numeric::reduce;

const K: Param = Param::integer("k", "nearest rows that vote").at_least(1.0);
/// So many tested rows are measured together.
const TOGETHER: usize = 64;

/// What each row that is learned from is worth to a vote of the `k` nearest rows: its exact Shapley value (Jia and others, 2019), the
/// mean over the tested rows of what it adds to the share of right votes, over all orders in which rows could come. The values sum to that share
/// of all rows together, so a row is worth about one by their number; below 0 it does harm, as rows with wrong labels do.
///
/// Distances are Euclidean: scale the features first. Rows as far away count in their order. It takes a sort of the rows for each
/// tested row. Values are those of a vote of neighbours, a stand-in for other models.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Context, Matrix};
/// use perennial_evaluation::errors::data_valuation;
///
/// let x = Matrix::from(array![[0.0], [0.1], [1.0], [1.1]]);
/// // The second row has the label of the others.
/// let y = Classes::from_labels(["a", "b", "b", "b"]);
/// let (x_test, y_test) = (Matrix::from(array![[0.05], [1.05]]), Classes::from_labels(["a", "b"]));
/// let values = data_valuation(&x, &y, &x_test, &y_test, 1, &Context::new())?;
/// assert!(values[0] > 0.0 && values[1] < values[0] && values[2] > 0.0);
/// assert!((values.iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows on a side, lengths or columns differ, a matrix is sparse, a cell or a distance is not finite, `k` is 0, or the work was cancelled.
pub fn data_valuation(
    x: &Matrix,
    y: &Classes,
    x_test: &Matrix,
    y_test: &Classes,
    k: usize,
    ctx: &Context,
) -> Result<Vec<f64>> {
    K.check_count(k)?;
    for (what, x, y) in [("the rows to learn from", x, y), ("the tested rows", x_test, y_test)] {
        if x.n_rows() == 0 {
            return Err(Error::empty(format!("{what} are none")));
        }
        if y.n_rows() != x.n_rows() {
            return Err(Error::length_mismatch("the classes", x.n_rows(), y.n_rows()));
        }
        if let Some(((row, column), cell)) = x.dense()?.indexed_iter().find(|(_, cell)| !cell.is_finite()) {
            return Err(Error::malformed(format!(
                "row {row} of {what} has {cell} in `{}`; distances need finite numbers",
                x.features().name(column)
            )));
        }
    }
    if x.n_cols() != x_test.n_cols() {
        return Err(Error::length_mismatch("the columns of the tested rows", x.n_cols(), x_test.n_cols()));
    }
    let (rows, tested) = (x.dense()?, x_test.dense()?);
    // The class of each tested row among those that are learned; nothing where it is not.
    let known: Vec<Option<u32>> = y_test
        .labels()
        .map(|label| y.names().iter().position(|name| *name == *label).map(|code| code as u32))
        .collect();
    let n = x.n_rows();
    let part = |range: std::ops::Range<usize>| -> Result<Vec<f64>> {
        ctx.check()?;
        let distances = euclidean(&tested.slice(s![range.clone(), ..]), rows);
        if distances.iter().any(|distance| !distance.is_finite()) {
            return Err(Error::overflow(
                "distances between rows are beyond the range of f64; scale the features",
            ));
        }
        let mut values = vec![0.0; n];
        for (place, test) in range.enumerate() {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| distances[[place, a]].total_cmp(&distances[[place, b]]).then(a.cmp(&b)));
            let right = |row: usize| f64::from(u8::from(known[test] == Some(y.codes()[row])));
            let mut value = right(order[n - 1]) * (k as f64 / n as f64).min(1.0) / k as f64;
            values[order[n - 1]] += value;
            for nearer in (0..n - 1).rev() {
                let (own, next) = (order[nearer], order[nearer + 1]);
                let votes = (k as f64 / (nearer + 1) as f64).min(1.0) / k as f64;
                value += (right(own) - right(next)) * votes;
                values[own] += value;
            }
        }
        Ok(values)
    };
    let add = |left: Result<Vec<f64>>, right: Result<Vec<f64>>| {
        let (mut left, right) = (left?, right?);
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
        Ok(left)
    };
    let n_tested = x_test.n_rows() as f64;
    let sums =
        reduce::map_reduce(x_test.n_rows(), TOGETHER, part, add).unwrap_or_else(|| Ok(vec![0.0; n]))?;
    Ok(sums.into_iter().map(|sum| sum / n_tested).collect())
}
