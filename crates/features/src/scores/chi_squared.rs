//! Chi-squared of counts.

use perennial_core::{Capabilities, Classes, Error, Matrix, Result, Train};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{ChiSquared, Distribution};
use serde::{Deserialize, Serialize};

use super::column::Columns;
use super::{ColumnScores, ScoreColumns};

/// Chi-squared of how the sum of each column is spread over the classes, and its p-value: scikit-learn's `chi2`.
///
/// For columns that count something, such as terms of texts, so no number may be negative. Columns of zeros score 0 with the
/// p-value 1. A row of weight 2 counts as two rows; rows may be sparse.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix};
/// use perennial_features::{Chi2, SelectKBest};
///
/// let counts = Matrix::from(array![[3.0, 1.0], [4.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).with_names(["goal", "the"])?;
/// let topic = Classes::from_labels(["sport", "sport", "law", "law"]);
/// let model = SelectKBest::new(Chi2, 1).fit(&counts, &topic)?;
/// assert_eq!(model.kept().collect::<Vec<_>>(), ["goal"]);
/// // 7 and 1 where 4 and 4 were expected.
/// assert_eq!(model.scores(), [4.5, 0.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chi2;

impl ScoreColumns for Chi2 {
    type Target = Classes;

    fn scores(&self, train: &Train<'_, Matrix, Classes>) -> Result<ColumnScores> {
        train.y.check_two_classes()?;
        let columns = Columns::of(train)?;
        let (codes, total) = (train.y.codes(), columns.total());
        let mut shares = vec![0.0; train.y.n_classes()];
        codes
            .iter()
            .zip(columns.weights())
            .for_each(|(&code, weight)| shares[code as usize] += weight / total);
        let df = shares.iter().filter(|share| **share > 0.0).count() as f64 - 1.0;
        let pairs = reduce::try_map_each(train.x.n_cols(), |column| {
            train.ctx.check()?;
            let cells = columns.column(column).cells;
            if let Some(cell) = cells.iter().find(|cell| cell.value < 0.0) {
                return Err(Error::malformed(format!(
                    "column `{}` is {} in row {}; chi-squared takes numbers >= 0, such as counts",
                    train.x.features().name(column),
                    cell.value,
                    cell.row
                )));
            }
            // In units of the largest, so that no sum leaves the range.
            let largest = cells.iter().fold(0.0_f64, |most, cell| most.max(cell.value));
            if largest == 0.0 || df == 0.0 {
                return Ok((0.0, 1.0));
            }
            let mut observed = vec![0.0; shares.len()];
            for cell in &cells {
                observed[codes[cell.row] as usize] += cell.weight * (cell.value / largest);
            }
            let sum: f64 = observed.iter().sum();
            let terms = observed.iter().zip(&shares).filter(|(_, share)| **share > 0.0);
            let terms = terms.map(|(seen, share)| {
                let gap = seen - share * sum;
                gap * (gap / (share * sum))
            });
            let score = (terms.sum::<f64>() * largest).min(f64::MAX);
            Ok((score, ChiSquared::new(df)?.sf(score)))
        })?;
        Ok(ColumnScores::from_pairs(pairs))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
