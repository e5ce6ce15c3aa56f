//! Leaving out columns that hardly vary.

use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, NoTarget, Param, Result, Rows, Train};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::select::SelectModel;

/// Keeps the columns whose variance is above a threshold; by default all that are not constant.
///
/// The variance is that of the rows (over n), each counted by its weight; [`SelectModel::scores`] tells it. A column of equal
/// numbers has none at all, whatever rounding would make of it. Rows may be sparse.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `threshold` | 0 | >= 0 | the variance up to which a column is left out |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::VarianceThreshold;
///
/// let x = Matrix::from(array![[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]]).with_names(["same", "other"])?;
/// let kept = VarianceThreshold::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(kept.features().names().collect::<Vec<_>>(), ["other"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VarianceThreshold {
    threshold: f64,
}

const THRESHOLD: Param =
    Param::real("threshold", "the variance up to which a column is left out").at_least(0.0);

impl VarianceThreshold {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[THRESHOLD];

    /// All columns that are not constant.
    pub fn new() -> Self {
        VarianceThreshold::default()
    }

    /// The variance up to which a column is left out.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}

/// The variance of some numbers and of as much weight of zeros; 0 where all are equal.
fn variance(values: impl Iterator<Item = (f64, f64)> + Clone, zeros: f64) -> f64 {
    let zero = (zeros > 0.0).then_some((0.0, zeros));
    let all = values.chain(zero).filter(|(_, weight)| *weight > 0.0);
    let Some((first, _)) = all.clone().next() else { return 0.0 };
    if all.clone().all(|(value, _)| value == first) {
        return 0.0;
    }
    // In units of the largest, so that squares stay in range, and around the mean.
    let largest = all.clone().fold(0.0, |most: f64, (value, _)| most.max(value.abs()));
    let weight: f64 = all.clone().map(|(_, weight)| weight).sum();
    let mean = all.clone().map(|(value, own)| own * (value / largest)).sum::<f64>() / weight;
    let squares = all.map(|(value, own)| own * (value / largest - mean).powi(2)).sum::<f64>() / weight;
    (squares.sqrt() * largest).powi(2).clamp(f64::MIN_POSITIVE, f64::MAX)
}

impl Estimator for VarianceThreshold {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SelectModel> {
        THRESHOLD.check(self.threshold)?;
        let (x, n_rows) = (train.x, train.x.n_rows());
        let variances = match x.sparse() {
            None => {
                let x = x.dense()?;
                reduce::map_each(x.ncols(), |column| {
                    let cells = x.column(column);
                    variance((0..n_rows).map(|row| (cells[row], train.weight(row))), 0.0)
                })
            }
            Some(csr) => {
                let mut columns: Vec<Vec<(f64, f64)>> = vec![Vec::new(); csr.n_cols()];
                for row in 0..n_rows {
                    let (own, values) = csr.row(row);
                    for (&column, &value) in own.iter().zip(values) {
                        columns[column as usize].push((value, train.weight(row)));
                    }
                }
                let all: f64 = (0..n_rows).map(|row| train.weight(row)).sum();
                reduce::map_each(columns.len(), |column| {
                    let cells = &columns[column];
                    let full = cells.len() == n_rows;
                    let rest = all - cells.iter().map(|(_, weight)| weight).sum::<f64>();
                    variance(cells.iter().copied(), if full { 0.0 } else { rest })
                })
            }
        };
        let kept = (0..variances.len()).filter(|&column| variances[column] > self.threshold).collect();
        SelectModel::kept_by(
            x.features(),
            kept,
            variances,
            format!("no column varies by more than {}; lower `threshold`", self.threshold),
        )
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

impl FitTransform for VarianceThreshold {}
