use ndarray::{Array1, Array2};
use perennial_core::{Context, Error, Param, Result};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::Score;
use super::parts::{check_background, one_row};
use crate::Tabular;

/// A line that is like a score near one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalLine {
    /// What the line says where no feature is as in the row.
    pub intercept: f64,
    /// The features, and how much the line gains where each is as in the row; the largest effect first.
    pub weights: Vec<(String, f64)>,
    /// The share of the variance of the score near the row that the line explains: where it is low, the weights say little.
    pub fidelity: f64,
}

const N_SAMPLES: Param = Param::integer("n_samples", "rows that are asked").at_least(2.0);
/// The weight of a drawn row falls to `exp(-1/2)` where so large a share of the features is another's (Ribeiro's `0.75^2`).
const WIDTH: f64 = 0.5625;
/// The penalty of the line.
const PENALTY: f64 = 1.0;
/// Rows that are asked at once.
const AT_ONCE: usize = 1024;

/// Explains one answer by a line that is fitted around it (LIME: Ribeiro, Singh and Guestrin, 2016): in each of `n_samples` rows every
/// feature is that of the row or, by a coin, that of a row of the background; rows count the more the more of their features are the row's,
/// and ridge regression on which they are gives the weights.
///
/// Answers for single rows that add up are those of [`Shap`](super::Shap); this one says how well a line does at all.
///
/// ```
/// use ndarray::{Array2, array};
/// use perennial_core::{Context, Matrix};
/// use perennial_evaluation::explain::{Score, local_line};
///
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| 10.0 * row[0] - 2.0 * row[1]).collect()));
/// let background = Matrix::from(Array2::zeros((1, 3))).with_names(["a", "b", "c"])?;
/// let row = Matrix::from(array![[1.0, 1.0, 1.0]]).with_names(["a", "b", "c"])?;
/// let line = local_line(&score, &row, &background, 2000, &Context::new())?;
/// assert!(line.weights[0].0 == "a" && (line.weights[0].1 - 10.0).abs() < 0.1 && line.fidelity > 0.99);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When `row` is not one row, the background has no rows or other columns, `n_samples` is below 2, a matrix is sparse, the model refuses a row,
/// scores are further apart than the range of f64, or the work was cancelled.
pub fn local_line<X: Tabular>(
    score: &Score<'_, X>,
    row: &X,
    background: &X,
    n_samples: usize,
    ctx: &Context,
) -> Result<LocalLine> {
    N_SAMPLES.check_count(n_samples)?;
    let row = one_row(background.aligned(row)?)?;
    let p = check_background(background)?;
    let random = Random::new(ctx.seed(None)).stream("local line");
    let draws: Vec<(usize, Vec<bool>)> = (0..n_samples)
        .map(|sample| {
            let mut random = random.fork(sample as u64);
            let other = random.below(background.n_rows());
            (other, (0..p).map(|_| random.below(2) == 1).collect())
        })
        .collect();
    let mut said = Vec::with_capacity(n_samples);
    for (block, part) in draws.chunks(AT_ONCE).enumerate() {
        ctx.step(block, n_samples.div_ceil(AT_ONCE))?;
        let parts: Vec<_> = part
            .iter()
            .map(|(other, own)| (*other..*other + 1, (0..p).filter(|&column| own[column]).collect()))
            .collect();
        said.extend(score.of(&background.mixed(&row, 0, &parts)?)?);
    }
    // From the first and in terms of the furthest, so that squares stay in the range of f64 and a score that never changes is 0.
    let first = said[0];
    let unit = said.iter().map(|s| (s - first).abs()).fold(0.0, f64::max);
    if !unit.is_finite() {
        return Err(Error::overflow("the scores are too far apart for a line; scale them"));
    }
    let unit = if unit > 0.0 { unit } else { 1.0 };
    said.iter_mut().for_each(|s| *s = (*s - first) / unit);
    let weight = |own: &[bool]| {
        let others = own.iter().filter(|own| !**own).count() as f64;
        (-0.5 * others / (WIDTH * p as f64)).exp()
    };
    let weights: Vec<f64> = draws.iter().map(|(_, own)| weight(own)).collect();
    let total: f64 = weights.iter().sum();
    let flag = |own: bool| f64::from(u8::from(own));
    let mean = weights.iter().zip(&said).map(|(w, s)| w * s).sum::<f64>() / total;
    let share = |column: usize| {
        draws.iter().zip(&weights).map(|((_, own), w)| w * flag(own[column])).sum::<f64>() / total
    };
    let shares: Vec<f64> = (0..p).map(share).collect();
    let (mut normal, mut right) = (Array2::<f64>::eye(p) * PENALTY, Array1::<f64>::zeros(p));
    for (place, (((_, own), w), s)) in draws.iter().zip(&weights).zip(&said).enumerate() {
        if place.is_multiple_of(AT_ONCE) {
            ctx.check()?;
        }
        let centred: Vec<f64> = own.iter().zip(&shares).map(|(own, share)| flag(*own) - share).collect();
        for a in 0..p {
            right[a] += w * centred[a] * (s - mean);
            (0..=a).for_each(|b| normal[[a, b]] += w * centred[a] * centred[b]);
        }
    }
    let slopes = Cholesky::new(&normal)
        .map_err(|_| Error::overflow("the score is too large for a line; scale it"))?
        .solve(&right);
    let intercept = mean - slopes.iter().zip(&shares).map(|(slope, share)| slope * share).sum::<f64>();
    let line = |own: &[bool]| intercept + own.iter().zip(&slopes).map(|(own, s)| flag(*own) * s).sum::<f64>();
    let (mut left, mut all) = (0.0, 0.0);
    for (((_, own), w), s) in draws.iter().zip(&weights).zip(&said) {
        left += w * (s - line(own)).powi(2);
        all += w * (s - mean).powi(2);
    }
    // A score that never changes is a line.
    let fidelity = if all > 0.0 { 1.0 - left / all } else { 1.0 };
    let slopes = slopes.iter().map(|slope| slope * unit);
    let mut weights: Vec<(String, f64)> = background.names().map(str::to_owned).zip(slopes).collect();
    weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    Ok(LocalLine { intercept: first + unit * intercept, weights, fidelity })
}
