//! What models of outliers share.

use perennial_core::{Classes, Matrix, Predictor, Result, Values};

/// A model that scores how unlike the training rows a row is, and calls those above a threshold outliers.
///
/// Its predictions are the classes `inlier` and `outlier`.
pub trait OutlierDetector: Predictor<Input = Matrix, Output = Classes> {
    /// How unlike the training rows each row is; more is stranger.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    fn score(&self, x: &Matrix) -> Result<Values>;

    /// The score above which a row is an outlier.
    fn threshold(&self) -> f64;
}

/// The class of each score.
pub(super) fn called(scores: &Values, threshold: f64) -> Result<Classes> {
    let codes = scores.as_slice().iter().map(|score| u32::from(*score > threshold)).collect();
    Classes::new(codes, ["inlier".to_owned(), "outlier".to_owned()].to_vec())
}

/// The score of the first of the rows, in falling order, that is no outlier any more, where a share of their weight is;
/// `otherwise` where there is no such row.
pub(super) fn threshold(scores: &[(f64, f64)], share: f64, otherwise: f64) -> f64 {
    let largest = scores.iter().fold(0.0, |largest, score| f64::max(largest, score.1));
    let total: f64 = scores.iter().map(|score| score.1 / largest).sum();
    let mut above = 0.0;
    for &(score, weight) in scores {
        above += weight / largest;
        // Rounding must not keep out the last row of a whole number of them.
        if above > share * total * (1.0 + 1e-12) {
            return score;
        }
    }
    otherwise
}
