//! Answers for rows that were not learned from, however often each of them was tested.

use ndarray::{Array2, ArrayRef2, Axis};
use perennial_core::{Error, Outputs, Probabilities, Result, Values, check_rows};
use serde::{Deserialize, Serialize};

use super::CrossValidated;
use crate::Stack;

/// The answers of all folds below one another, each with its row and its fold; a row stands in it as often as it was tested.
///
/// The folds of a splitter that repeats, such as [`Repeated`](crate::split::Repeated), are in the order of its repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutOfFold<P> {
    /// The row that each answer is for.
    pub rows: Vec<usize>,
    /// The fold that each answer is of, counted from 0.
    pub folds: Vec<usize>,
    /// The answers.
    pub answers: P,
}

impl<P> OutOfFold<P> {
    /// The rows that were tested at all, rising, and for each the mean of its answers: of values, of each output, or of the
    /// probabilities of each class.
    ///
    /// # Errors
    /// When rows, folds and answers are not equally many, which those of a cross-validation are.
    pub fn mean(&self) -> Result<(Vec<usize>, P)>
    where
        P: MeanAnswers,
    {
        let mut rows = self.rows.clone();
        rows.sort_unstable();
        rows.dedup();
        // Each row is among the different ones.
        let place = |row: &usize| rows.binary_search(row).unwrap_or_default();
        let of: Vec<usize> = self.rows.iter().map(place).collect();
        let answers = self.answers.mean_answers(&of, rows.len())?;
        Ok((rows, answers))
    }
}

impl<P: Stack, M> CrossValidated<P, M> {
    /// The answers of all folds, each with its row and its fold: for splitters that test rows several times or never, such as
    /// `Repeated`, `ShuffleSplit` and those by time, as well as for folds.
    ///
    /// ```
    /// # use perennial_core::*;
    /// # #[derive(Clone, Debug)] struct Mean;
    /// # #[derive(Debug)] struct MeanModel(f64);
    /// # impl Estimator for Mean {
    /// #     type Input = Matrix; type Target = Values; type Model = MeanModel;
    /// #     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
    /// #         Ok(MeanModel(train.y.as_slice().iter().sum::<f64>() / train.y.n_rows() as f64))
    /// #     }
    /// # }
    /// # impl Predictor for MeanModel {
    /// #     type Input = Matrix; type Output = Values;
    /// #     fn predict(&self, x: &Matrix) -> Result<Values> { Ok(vec![self.0; x.n_rows()].into()) }
    /// # }
    /// use perennial_evaluation::metric::MeanAbsoluteError;
    /// use perennial_evaluation::split::TimeSeriesSplit;
    /// use perennial_evaluation::{CrossValidation, cross_validate};
    ///
    /// // `Mean` answers with the mean of what it has learned from.
    /// let x = Matrix::from(ndarray::array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]);
    /// let y = Values::from(vec![1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
    /// let options = CrossValidation::new();
    /// let scored = cross_validate(&Mean, &x, &y, &TimeSeriesSplit::new(2), &MeanAbsoluteError, &options)?;
    /// assert!(scored.predictions.is_none());
    /// let answers = scored.out_of_fold()?;
    /// assert_eq!((&answers.rows[..], &answers.folds[..]), (&[2, 3, 4, 5][..], &[0, 0, 1, 1][..]));
    /// assert_eq!(answers.answers.as_slice(), [2.0, 2.0, 4.0, 4.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When no answers were kept, or there are not as many as tested rows, which those of a cross-validation are.
    pub fn out_of_fold(&self) -> Result<OutOfFold<P>> {
        let rows: Vec<usize> = self.folds.iter().flat_map(|fold| fold.test.iter().copied()).collect();
        let of_folds = self.folds.iter().enumerate();
        let folds: Vec<usize> =
            of_folds.flat_map(|(number, fold)| std::iter::repeat_n(number, fold.test.len())).collect();
        let answers = match (&self.fold_predictions, &self.predictions) {
            (Some(parts), _) => P::stack(parts)?,
            (None, Some(predictions)) => predictions.take(&rows)?,
            (None, None) => {
                return Err(Error::unsupported(
                    "no answers were kept; cross-validate by `cross_validate` with `keep_predictions(true)`",
                ));
            }
        };
        match answers.matches(rows.len()) {
            true => Ok(OutOfFold { rows, folds, answers }),
            false => Err(Error::length_mismatch("the answers", rows.len(), answers.n_rows())),
        }
    }
}

/// Answers of which several for one row have a mean. Classes have none: take the mean of their probabilities.
#[diagnostic::on_unimplemented(
    message = "answers of type `{Self}` have no mean",
    note = "values, outputs and probabilities have one; judge classifiers by a metric of probabilities, such as `LogLoss`"
)]
pub trait MeanAnswers: Stack {
    /// The mean of the rows with the same number, of each number below `n` in its order.
    ///
    /// # Errors
    /// When there is not a number below `n` for each row, or a number has no row.
    fn mean_answers(&self, of: &[usize], n: usize) -> Result<Self>;
}

impl MeanAnswers for Values {
    fn mean_answers(&self, of: &[usize], n: usize) -> Result<Self> {
        let column = self.view().insert_axis(Axis(1));
        Ok(means(&column, of, n)?.into_iter().collect())
    }
}

impl MeanAnswers for Outputs {
    fn mean_answers(&self, of: &[usize], n: usize) -> Result<Self> {
        Ok(Outputs::from(means(self.values(), of, n)?))
    }
}

impl MeanAnswers for Probabilities {
    fn mean_answers(&self, of: &[usize], n: usize) -> Result<Self> {
        Probabilities::new(means(self.values(), of, n)?, self.shared_names())
    }
}

fn means(values: &ArrayRef2<f64>, of: &[usize], n: usize) -> Result<Array2<f64>> {
    if of.len() != values.nrows() {
        return Err(Error::length_mismatch("the numbers of the rows", values.nrows(), of.len()));
    }
    check_rows(of, n)?;
    let mut counts = vec![0.0; n];
    of.iter().for_each(|&place| counts[place] += 1.0);
    if let Some(place) = counts.iter().position(|count| *count == 0.0) {
        return Err(Error::empty(format!("no row has the number {place}, so it has no mean")));
    }
    let mut means = Array2::zeros((n, values.ncols()));
    for (row, &place) in values.rows().into_iter().zip(of) {
        // Divided first, so that huge answers do not leave the range of f64 in the sum.
        means.row_mut(place).iter_mut().zip(row).for_each(|(sum, value)| *sum += value / counts[place]);
    }
    Ok(means)
}
