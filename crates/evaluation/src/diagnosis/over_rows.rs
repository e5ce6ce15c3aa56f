//! Mistakes that show between rows that were learned from and others.

use perennial_core::{Error, Matrix, Result, check_numbers};
use perennial_numeric::reduce;
use perennial_statistics::describe;
use perennial_statistics::special::normal_tails;

use super::{Diagnosis, Diagnostic};

/// A rank correlation that differs by more than this between rows is another relation.
const OTHER: f64 = 0.2;
/// The least probability of such a difference by chance, of all features together.
const CHANCE: f64 = 0.05;
/// The variance of Fisher's z of a rank correlation, times the rows less 3 (Fieller, Hartley and Pearson, 1957).
const OF_RANKS: f64 = 1.06;
/// What is lost after the best round, as a share of what was gained until then.
const LOST: f64 = 0.1;

impl Diagnosis {
    /// Whether features tell the same of the target on the rows that were learned from and on those that were tested on: the rank correlation of each
    /// with the target on both sides, as numbers (of two classes, 0 and 1), compared by Fisher's z with p-values by Bonferroni. Where no feature has
    /// one on both sides, as where none varies, it was not looked for.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::Matrix;
    /// use perennial_evaluation::{Diagnosis, Diagnostic};
    ///
    /// let x = Matrix::from(Array2::from_shape_fn((60, 1), |(row, _)| (row * 7 % 60) as f64));
    /// let (y, turned): (Vec<f64>, Vec<f64>) = (0..60).map(|row| f64::from(row * 7 % 60)).map(|y| (y, -y)).unzip();
    /// let findings = Diagnosis::new().relations(&x, &y, &x, &turned)?.find();
    /// assert_eq!(findings.found[0].diagnostic, Diagnostic::RelationChange);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a matrix is sparse, columns or lengths differ, a target is not finite, or a side has fewer than four rows.
    pub fn relations(mut self, x: &Matrix, y: &[f64], x_test: &Matrix, y_test: &[f64]) -> Result<Self> {
        if x.n_cols() != x_test.n_cols() {
            return Err(Error::length_mismatch(
                "the columns of the tested rows",
                x.n_cols(),
                x_test.n_cols(),
            ));
        }
        for (what, x, y) in [("the target", x, y), ("the target of the tested rows", x_test, y_test)] {
            let n_rows = x.dense()?.nrows();
            if y.len() != n_rows {
                return Err(Error::length_mismatch(what, n_rows, y.len()));
            }
            if n_rows < 4 {
                return Err(Error::insufficient_data(format!(
                    "{n_rows} rows are too few for a correlation; give 4 at least"
                )));
            }
            check_numbers(what, y)?;
        }
        let (rows, tested) = (x.dense()?, x_test.dense()?);
        let correlation = |cells: Vec<f64>, y: &[f64]| -> Option<(f64, f64)> {
            let known: Vec<usize> = (0..cells.len()).filter(|&row| cells[row].is_finite()).collect();
            let of = |values: &[f64]| known.iter().map(|&row| values[row]).collect::<Vec<f64>>();
            let (a, b) = (describe::ranks(&of(&cells)).ok()?, describe::ranks(&of(y)).ok()?);
            let found = describe::pearson(&a, &b).ok().filter(|found| found.is_finite())?;
            (known.len() > 3).then_some((found, OF_RANKS / (known.len() as f64 - 3.0)))
        };
        // Kept from 1, where Fisher's z has no end.
        let z = |found: f64| found.clamp(-0.999_999, 0.999_999).atanh();
        let found: Vec<Option<(f64, f64, f64)>> = reduce::map_each(x.n_cols(), |column| {
            let (own, of_own) = correlation(rows.column(column).to_vec(), y)?;
            let (other, of_other) = correlation(tested.column(column).to_vec(), y_test)?;
            let distance = (z(own) - z(other)).abs() / (of_own + of_other).sqrt();
            Some((own, other, 2.0 * normal_tails(distance).upper))
        });
        let n_tested = found.iter().flatten().count() as f64;
        if n_tested == 0.0 {
            return Ok(self);
        }
        let mut changed: Vec<(usize, f64, f64)> = found
            .iter()
            .enumerate()
            .filter_map(|(column, found)| found.map(|(own, other, p)| (column, own, other, p)))
            .filter(|(_, own, other, p)| (own - other).abs() > OTHER && p * n_tested < CHANCE)
            .map(|(column, own, other, _)| (column, own, other))
            .collect();
        changed.sort_by(|a, b| (b.1 - b.2).abs().total_cmp(&(a.1 - a.2).abs()));
        let number = changed.len();
        self.look(
            Diagnostic::RelationChange,
            changed.first().map(|(column, own, other)| {
                let more = if number > 1 { format!(", and {} other features", number - 1) } else { String::new() };
                (
                    format!(
                        "the rank correlation of `{}` with the target is {own:.3} on the rows that were learned from and {other:.3} on others{more}",
                        x.features().name(*column)
                    ),
                    "look at how the rows of both sides came about: a feature that knows the answer, or a world that has changed",
                )
            }),
        );
        Ok(self)
    }

    /// The scores after each round of boosting, on the rows that were learned from and on others: were there rounds after the best?
    ///
    /// ```
    /// use perennial_evaluation::{Diagnosis, Diagnostic};
    ///
    /// let (train, test) = ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.65, 0.55, 0.5, 0.52, 0.56, 0.6]);
    /// let findings = Diagnosis::new().rounds(&train, &test, false)?.find();
    /// assert_eq!(findings.found[0].diagnostic, Diagnostic::TooManyRounds);
    /// assert!(findings.found[0].seen.contains("after 3 of 6 rounds"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no rounds, not as many of both, or a score is not finite.
    pub fn rounds(mut self, train: &[f64], test: &[f64], higher_is_better: bool) -> Result<Self> {
        if train.len() != test.len() {
            return Err(Error::length_mismatch("the test scores", train.len(), test.len()));
        }
        check_numbers("the train scores", train)?;
        check_numbers("the test scores", test)?;
        let ([first, ..], [.., last], [.., of_train]) = (test, test, train) else {
            return Err(Error::empty("there are no rounds"));
        };
        let sign = if higher_is_better { 1.0 } else { -1.0 };
        // The first of equal ones.
        let (round, best) = test.iter().copied().enumerate().fold((0, *first), |best, (round, score)| {
            if sign * (score - best.1) > 0.0 { (round, score) } else { best }
        });
        let (lost, gained) = (sign * (best - last), sign * (best - first));
        self.look(
            Diagnostic::TooManyRounds,
            (lost > LOST * gained && lost > 0.0).then(|| {
                (
                    format!(
                        "the score on other rows was best after {} of {} rounds, {best:.4}, and is {last:.4} after the last; on the rows that were learned from it is {of_train:.4}",
                        round + 1,
                        test.len()
                    ),
                    "stop early on a validation set, or take fewer rounds or a smaller learning rate",
                )
            }),
        );
        Ok(self)
    }
}
