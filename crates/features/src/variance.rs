//! Leaving out columns that hardly vary.

use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::scores::Columns;
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

impl Estimator for VarianceThreshold {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SelectModel> {
        THRESHOLD.check(self.threshold)?;
        let columns = Columns::of(train)?;
        let total = columns.total();
        let variances = reduce::try_map_each(train.x.n_cols(), |column| {
            train.ctx.check()?;
            // What varies at all is above a threshold of 0, however little it is.
            let centred = columns.column(column).centred(total);
            Ok(centred.map_or(0.0, |column| column.variance(total).clamp(f64::MIN_POSITIVE, f64::MAX)))
        })?;
        let kept = (0..variances.len()).filter(|&column| variances[column] > self.threshold).collect();
        SelectModel::kept_by(
            train.x.features(),
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
