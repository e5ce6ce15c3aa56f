//! Losses of classes.

use perennial_core::{Error, Param, Result};
use perennial_numeric::{simd, special::exp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{LEAST_HESSIAN, log_loss, log_odds, log_of_mean, sigmoid};
use crate::boosting::objective::{Labels, Objective};

/// What boosting of classes makes smaller; the answers are probabilities.
///
/// | loss | classes | scores of a row | answers of a row |
/// |---|---|---|---|
/// | `Logistic` | two | log-odds of class 1 | the probability of class 1 |
/// | `Softmax { n_classes }` | two or more | one per class | one probability per class |
/// | `Focal { gamma, alpha }` | two | one | the probability of class 1, not calibrated |
///
/// The second derivatives of `Softmax` are `K / (K - 1) * p (1 - p)`: steps that take the scores of a row one by one
/// then move it as far as the joint step of Newton would (Friedman, Hastie and Tibshirani, 2000). LightGBM does the
/// same; the factor of XGBoost is 2 for any number of classes, whose steps are shorter by up to a half.
///
/// `Focal` is not convex; where its second derivative falls below that of the logistic loss of the same weight,
/// `p (1 - p)^(1 + gamma)` of the true class, that is given instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum ClassificationLoss {
    /// The logarithmic loss of two classes.
    #[default]
    Logistic,
    /// The logarithmic loss of several classes.
    Softmax {
        /// The number of classes.
        n_classes: usize,
    },
    /// The logarithmic loss times `(1 - p)^gamma`, `p` being the probability given to the true class: rows that are
    /// right already count little (Lin and others, 2017).
    Focal {
        /// How fast rows that are right lose their say; 0 for the logistic loss.
        gamma: f64,
        /// The weight of rows of class 1, in (0, 1); the others weigh `1 - alpha`.
        alpha: f64,
    },
}

const GAMMA: Param = Param::real("gamma", "how fast rows that are right lose their say").at_least(0.0);
const ALPHA: Param =
    Param::real("alpha", "weight of the rows of class 1").above(0.0).at_most(1.0 - f64::EPSILON);

/// The derivatives of the logistic loss, against classes or probabilities.
pub(super) fn logistic(labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
    labels.each_row(scores, gradients, hessians, |y, score| {
        let p = sigmoid(score);
        (p - y, (p * (1.0 - p)).max(LEAST_HESSIAN))
    });
}

/// The focal loss of a row whose true class has log-odds `score`, with its first and second derivative by it.
fn focal(gamma: f64, score: f64) -> [f64; 3] {
    let (p, rest) = (sigmoid(score), sigmoid(-score));
    let (log_loss, share) = (log_loss(1.0, score), rest.powf(gamma));
    let slope = -share * (gamma * p * log_loss + rest);
    let curve = gamma * gamma * p * log_loss + (2.0 * gamma + 1.0) * rest - gamma * rest * log_loss;
    [share * log_loss, slope, p * share * curve.max(rest)]
}

/// The focal loss of a row and its derivatives by its score.
fn focal_of_row(gamma: f64, alpha: f64, y: f64, score: f64) -> [f64; 3] {
    let (sign, weight) = if y > 0.5 { (1.0, alpha) } else { (-1.0, 1.0 - alpha) };
    let [loss, slope, curve] = focal(gamma, sign * score);
    [weight * loss, weight * sign * slope, weight * curve]
}

/// The score at which the slopes of the two classes are in balance, by bisection: the loss is not convex, but its
/// slope changes sign once.
fn focal_base(gamma: f64, alpha: f64, share: f64) -> f64 {
    let slope = |score| {
        share * focal_of_row(gamma, alpha, 1.0, score)[1]
            + (1.0 - share) * focal_of_row(gamma, alpha, 0.0, score)[1]
    };
    let (mut low, mut high) = (super::LOG_OF_NOTHING, -super::LOG_OF_NOTHING);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        *(if slope(middle) < 0.0 { &mut low } else { &mut high }) = middle;
    }
    0.5 * (low + high)
}

/// The parts of `values`, which lie score by score, that belong to one block of rows; for each block.
fn by_rows(values: &mut [f64], n_rows: usize, block: usize) -> Vec<Vec<&mut [f64]>> {
    let mut blocks: Vec<Vec<&mut [f64]>> = (0..n_rows.div_ceil(block)).map(|_| Vec::new()).collect();
    for of_score in values.chunks_mut(n_rows.max(1)) {
        for (rows, of_block) in of_score.chunks_mut(block).zip(&mut blocks) {
            of_block.push(rows);
        }
    }
    blocks
}

/// Rows that are worked on together: their scores of all classes stay in the cache.
const BLOCK: usize = 512;

fn softmax(
    n_classes: usize,
    labels: &Labels<'_>,
    scores: &[f64],
    gradients: &mut [f64],
    hessians: &mut [f64],
) {
    let n_rows = labels.n_rows();
    let factor = 1.0;
    let blocks = by_rows(gradients, n_rows, BLOCK).into_par_iter().zip(by_rows(hessians, n_rows, BLOCK));
    blocks.enumerate().for_each(|(block, (gradients, hessians))| {
        let rows = block * BLOCK..(block * BLOCK + BLOCK).min(n_rows);
        let of_class = |class: usize| &scores[class * n_rows + rows.start..class * n_rows + rows.end];
        simd::widest(SoftmaxBlock {
            y: &labels.y[rows.clone()],
            weights: labels.weights.map(|weights| &weights[rows.clone()]),
            scores: (0..n_classes).map(of_class).collect(),
            gradients,
            hessians,
            factor,
        });
    });
}

/// A block of rows; scores and derivatives by class.
struct SoftmaxBlock<'a> {
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    scores: Vec<&'a [f64]>,
    gradients: Vec<&'a mut [f64]>,
    hessians: Vec<&'a mut [f64]>,
    factor: f64,
}

impl simd::Kernel for SoftmaxBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SoftmaxBlock { y, weights, scores, mut gradients, mut hessians, factor } = self;
        let (mut largest, mut sums) = ([f64::NEG_INFINITY; BLOCK], [0.0; BLOCK]);
        for scores in &scores {
            for (largest, &score) in largest.iter_mut().zip(*scores) {
                *largest = if score > *largest { score } else { *largest };
            }
        }
        for (powers, scores) in gradients.iter_mut().zip(scores) {
            for (((power, sum), &largest), &score) in
                powers.iter_mut().zip(&mut sums).zip(&largest).zip(scores)
            {
                *power = exp(score - largest);
                *sum += *power;
            }
        }
        for (class, (gradients, hessians)) in gradients.iter_mut().zip(&mut hessians).enumerate() {
            let class = class as f64;
            for (((gradient, hessian), sum), &y) in
                gradients.iter_mut().zip(hessians.iter_mut()).zip(&sums).zip(y)
            {
                let p = *gradient / sum;
                *gradient = p - if y == class { 1.0 } else { 0.0 };
                *hessian = (factor * p * (1.0 - p)).max(LEAST_HESSIAN);
            }
            for ((gradient, hessian), weight) in
                gradients.iter_mut().zip(hessians.iter_mut()).zip(weights.into_iter().flatten())
            {
                *gradient *= weight;
                *hessian *= weight;
            }
        }
    }
}

/// The scores of one row as shares of one.
fn shares(scores: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = exp(*score - largest));
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

impl Objective for ClassificationLoss {
    fn n_scores(&self) -> usize {
        match *self {
            Self::Softmax { n_classes } => n_classes,
            Self::Logistic | Self::Focal { .. } => 1,
        }
    }

    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        let n_classes = match *self {
            Self::Logistic => 2,
            Self::Focal { gamma, alpha } => {
                GAMMA.check(gamma)?;
                ALPHA.check(alpha)?;
                2
            }
            Self::Softmax { n_classes } if n_classes < 2 => {
                return Err(Error::invalid_param("n_classes", n_classes, "a whole number >= 2"));
            }
            Self::Softmax { n_classes } => n_classes,
        };
        let known = |y: f64| y.fract() == 0.0 && 0.0 <= y && y < n_classes as f64;
        let expected = format!("whole numbers from 0 to {}, the codes of {n_classes} classes", n_classes - 1);
        super::check_targets(labels, |y| !known(y), "a loss of classes", &expected)
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(match *self {
            Self::Logistic => vec![log_odds(labels.mean_by(|row| labels.y[row]))],
            Self::Focal { gamma, alpha } => {
                vec![focal_base(gamma, alpha, labels.mean_by(|row| labels.y[row]))]
            }
            Self::Softmax { n_classes } => {
                let share = |class| labels.mean_by(|row| f64::from(u8::from(labels.y[row] == class)));
                (0..n_classes).map(|class| log_of_mean(share(class as f64))).collect()
            }
        })
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        match *self {
            Self::Logistic => logistic(labels, scores, gradients, hessians),
            Self::Softmax { n_classes } => softmax(n_classes, labels, scores, gradients, hessians),
            Self::Focal { gamma, alpha } => labels.each_row(scores, gradients, hessians, |y, score| {
                let [_, slope, curve] = focal_of_row(gamma, alpha, y, score);
                (slope, curve.max(LEAST_HESSIAN))
            }),
        }
    }

    fn answer(&self, scores: &mut [f64]) {
        match self {
            Self::Logistic | Self::Focal { .. } => scores[0] = sigmoid(scores[0]),
            Self::Softmax { .. } => shares(scores),
        }
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        let n_rows = labels.n_rows();
        match *self {
            Self::Logistic => labels.mean_by(|row| log_loss(labels.y[row], scores[row])),
            Self::Focal { gamma, alpha } => {
                labels.mean_by(|row| focal_of_row(gamma, alpha, labels.y[row], scores[row])[0])
            }
            Self::Softmax { n_classes } => labels.mean_by(|row| {
                let score = |class: usize| scores[class * n_rows + row];
                let best = (1..n_classes)
                    .fold(0, |best, class| if score(class) > score(best) { class } else { best });
                // The largest term is exactly 1, so only the others enter ln(1 + ...).
                let others: f64 = (0..n_classes)
                    .filter(|&class| class != best)
                    .map(|class| exp(score(class) - score(best)))
                    .sum();
                others.ln_1p() + (score(best) - score(labels.y[row] as usize))
            }),
        }
    }
}
