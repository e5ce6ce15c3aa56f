//! How well the labels of each row are put before those that it lacks.

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};

use crate::metric::{check_pairs, mean_by};

/// For each row the labels that it has, and the score of each label.
fn checked(has: &ArrayRef2<bool>, scores: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Result<()> {
    check_pairs(has.nrows(), scores.nrows(), weights)?;
    if has.ncols() != scores.ncols() {
        return Err(Error::length_mismatch("the scores of a row", has.ncols(), scores.ncols()));
    }
    match scores.indexed_iter().find(|(_, score)| !score.is_finite()) {
        None => Ok(()),
        Some(((row, label), score)) => Err(Error::malformed(format!(
            "the score of label {label} in row {row} is {score}; scores are finite numbers"
        ))),
    }
}

/// How far one must go down the labels of a row, by falling score, to meet all that it has; the mean over rows
/// (Tsoumakas, Katakis and Vlahavas, 2010). Tied labels are all met. A row without labels counts 0.
///
/// `has` and `scores` are rows x labels.
///
/// ```
/// use ndarray::array;
/// use perennial_evaluation::metric::ranking::coverage_error;
///
/// let has = array![[true, false, false], [false, false, true]];
/// assert_eq!(coverage_error(&has, &array![[0.75, 0.5, 1.0], [1.0, 0.2, 0.1]], None)?, 2.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the shapes differ, a score is not finite, or a weight is not acceptable.
pub fn coverage_error(
    has: &ArrayRef2<bool>,
    scores: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
) -> Result<f64> {
    checked(has, scores, weights)?;
    let of_row = |row: usize| {
        let (has, scores) = (has.row(row), scores.row(row));
        let own = has.iter().zip(&scores).filter(|(has, _)| **has).map(|(_, score)| *score);
        let lowest = own.fold(f64::INFINITY, f64::min);
        scores.iter().filter(|score| **score >= lowest).count() as f64
    };
    Ok(mean_by(has.nrows(), weights, of_row))
}

/// For each label that a row has, the share of the labels at or above it that the row has; the mean over labels, then
/// rows (Schapire and Singer, 2000). A row with all labels or none counts 1.
///
/// `has` and `scores` are rows x labels.
///
/// # Errors
/// As [`coverage_error`].
pub fn label_ranking_average_precision(
    has: &ArrayRef2<bool>,
    scores: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
) -> Result<f64> {
    checked(has, scores, weights)?;
    let of_row = |row: usize| {
        let (has, scores) = (has.row(row), scores.row(row));
        let n_own = has.iter().filter(|has| **has).count();
        if n_own == 0 || n_own == has.len() {
            return 1.0;
        }
        let share = |score: f64| {
            let above = || has.iter().zip(&scores).filter(|(_, other)| **other >= score);
            above().filter(|(has, _)| **has).count() as f64 / above().count() as f64
        };
        let own = has.iter().zip(&scores).filter(|(has, _)| **has);
        own.map(|(_, &score)| share(score)).sum::<f64>() / n_own as f64
    };
    Ok(mean_by(has.nrows(), weights, of_row))
}

/// The share of the pairs of a label that a row has and one that it lacks that are in the wrong order or tied; the mean
/// over rows (Tsoumakas, Katakis and Vlahavas, 2010). A row with all labels or none counts 0.
///
/// `has` and `scores` are rows x labels.
///
/// # Errors
/// As [`coverage_error`].
pub fn label_ranking_loss(
    has: &ArrayRef2<bool>,
    scores: &ArrayRef2<f64>,
    weights: Option<&[f64]>,
) -> Result<f64> {
    checked(has, scores, weights)?;
    let of_row = |row: usize| {
        let (has, scores) = (has.row(row), scores.row(row));
        let side = |wanted: bool| has.iter().zip(&scores).filter(move |(has, _)| **has == wanted);
        let pairs = side(true).count() * side(false).count();
        if pairs == 0 {
            return 0.0;
        }
        let wrong: usize =
            side(true).map(|(_, own)| side(false).filter(|(_, other)| *other >= own).count()).sum();
        wrong as f64 / pairs as f64
    };
    Ok(mean_by(has.nrows(), weights, of_row))
}
