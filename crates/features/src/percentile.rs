//! Choosing a share of the columns.

use std::marker::PhantomData;

use perennial_core::{Classes, Estimator, FitTransform, Matrix, Param, Result, Train, Values};
use serde::{Deserialize, Serialize};

use crate::scores::{f_classification, f_regression};
use crate::select::SelectModel;

/// Keeps the share of the columns with the largest F statistic, which is that of [`SelectKBest`](crate::SelectKBest).
///
/// As in scikit-learn: the columns whose score is above the percentile of all scores, interpolated, and of those at it the first,
/// until the share is reached.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `percentile` | 10 | above 0, to 100 | how many columns in a hundred to keep |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Transformer, Values};
/// use perennial_features::SelectPercentile;
///
/// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
/// let y = Values::from(vec![1.1, 1.9, 3.2, 3.9]);
/// let kept = SelectPercentile::regression(50.0).fit(&x, &y)?.transform(&x)?;
/// assert_eq!(kept.features().names().collect::<Vec<_>>(), ["signal"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct SelectPercentile<Y> {
    percentile: f64,
    #[serde(skip)]
    target: PhantomData<fn(&Y)>,
}

impl<Y> Default for SelectPercentile<Y> {
    fn default() -> Self {
        SelectPercentile { percentile: 10.0, target: PhantomData }
    }
}

const PERCENTILE: Param =
    Param::real("percentile", "how many columns in a hundred to keep").above(0.0).at_most(100.0);

impl<Y> SelectPercentile<Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[PERCENTILE];
}

impl SelectPercentile<Values> {
    /// By the correlation with a numeric target.
    pub fn regression(percentile: f64) -> Self {
        SelectPercentile { percentile, target: PhantomData }
    }
}

impl SelectPercentile<Classes> {
    /// By the difference of the classes.
    pub fn classification(percentile: f64) -> Self {
        SelectPercentile { percentile, target: PhantomData }
    }
}

impl<Y> SelectPercentile<Y> {
    fn keep(&self, x: &Matrix, scores: Vec<f64>) -> Result<SelectModel> {
        PERCENTILE.check(self.percentile)?;
        let kept = above(&scores, self.percentile);
        let why = format!("no column is among the best {} %; raise `percentile`", self.percentile);
        SelectModel::kept_by(x.features(), kept, scores, why)
    }
}

/// The places of the largest scores.
fn above(scores: &[f64], percentile: f64) -> Vec<usize> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = scores.len().saturating_sub(1) as f64 * ((100.0 - percentile) / 100.0);
    let (low, part) = (place.floor() as usize, place.fract());
    let (Some(below), next) = (sorted.get(low), sorted.get(low + 1)) else { return Vec::new() };
    let threshold = next.map_or(*below, |next| below + (next - below) * part);
    let mut kept: Vec<usize> = (0..scores.len()).filter(|&column| scores[column] > threshold).collect();
    let most = (scores.len() as f64 * percentile / 100.0) as usize;
    let ties = (0..scores.len()).filter(|&column| scores[column] == threshold);
    kept.extend(ties.take(most.saturating_sub(kept.len())));
    kept.sort_unstable();
    kept
}

impl Estimator for SelectPercentile<Values> {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        self.keep(train.x, f_regression(train.x, train.y)?)
    }
}

impl Estimator for SelectPercentile<Classes> {
    type Input = Matrix;
    type Target = Classes;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SelectModel> {
        self.keep(train.x, f_classification(train.x, train.y)?)
    }
}

impl FitTransform for SelectPercentile<Values> {}
impl FitTransform for SelectPercentile<Classes> {}

#[cfg(test)]
mod tests {
    use super::above;

    /// scikit-learn 1.9.1: `SelectPercentile(percentile=p)` on the same scores.
    #[test]
    fn the_same_columns_as_scikit_learn() {
        let scores = [3.0, 1.0, 3.0, 7.0, 0.0, 3.0, 9.0];
        let ties = [1.0, 1.0, 1.0, 1.0];
        assert_eq!(above(&scores, 10.0), [6]);
        assert_eq!(above(&scores, 30.0), [3, 6]);
        assert_eq!(above(&scores, 50.0), [0, 3, 6]);
        assert_eq!(above(&scores, 60.0), [0, 2, 3, 6]);
        assert_eq!(above(&scores, 100.0), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(above(&ties, 50.0), [0, 1]);
        // Distinct scores, where the place of the percentile is a whole number or next to one.
        for (n, percentile, first) in [(6_u32, 80.0, 2), (11, 80.0, 3), (11, 90.0, 2), (51, 42.0, 29)] {
            let rising: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(
                above(&rising, percentile),
                (first..n as usize).collect::<Vec<_>>(),
                "{n} {percentile}"
            );
        }
    }
}
