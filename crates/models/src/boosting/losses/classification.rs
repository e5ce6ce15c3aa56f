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
/// | `OneVsAll { n_classes }` | two or more | one per class, its log-odds against the rest | one probability per class |
/// | `Focal { gamma, alpha }` | two | one | the probability of class 1, not calibrated |
/// | `Ldam { margins }` | two | one | the probability of class 1, not calibrated |
///
/// The second derivatives of `Softmax` are `p (1 - p)`, the diagonal of the true ones, as in scikit-learn. LightGBM takes
/// `K / (K - 1)` times as much and XGBoost twice as much, which makes steps shorter and needs more rounds.
///
/// `OneVsAll` is the sum of a logistic loss for each class; the probabilities of its classes are brought to a sum of 1.
///
/// `Focal` is not convex; where its second derivative falls below that of the logistic loss of the same weight,
/// `p (1 - p)^(1 + gamma)` of the true class, that is given instead.
///
/// `Ldam` is the logistic loss of a score that must clear a margin, wider for a rarer class; it is convex.
// Saved models hold the numbers of variants: new ones go to the end.
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
    /// The logarithmic loss of log-odds that are short of the side of the true class by a margin (label-distribution-aware
    /// margins; Cao and others, 2019). There the margin of a class is in proportion to the fourth root of one over its rows:
    /// see [`ldam`](ClassificationLoss::ldam).
    Ldam {
        /// The margins of class 0 and class 1, in log-odds; each >= 0.
        margins: [f64; 2],
    },
    /// A logarithmic loss for each of several classes, of that class against the rest: LightGBM's `multiclassova`.
    OneVsAll {
        /// The number of classes.
        n_classes: usize,
    },
}

impl ClassificationLoss {
    /// [`Ldam`](ClassificationLoss::Ldam) for classes with so many rows, or so much weight: `max_margin` for the rarer one, and
    /// for the other less by the fourth root of the ratio of their rows.
    pub fn ldam(max_margin: f64, rows: [f64; 2]) -> Self {
        let rarest = rows[0].min(rows[1]);
        let narrower = |rows: f64| if rows > rarest { (rarest / rows).powf(0.25) } else { 1.0 };
        Self::Ldam { margins: rows.map(|rows| max_margin * narrower(rows)) }
    }
}

const GAMMA: Param = Param::real("gamma", "how fast rows that are right lose their say").at_least(0.0);
const ALPHA: Param =
    Param::real("alpha", "weight of the rows of class 1").above(0.0).at_most(1.0 - f64::EPSILON);
/// Beyond the highest, the smallest score that is kept finite would not clear it.
pub(in crate::boosting) const MAX_MARGIN: Param =
    Param::real("max_margin", "the log-odds by which rows of the rarest class must be on their side")
        .at_least(0.0)
        .at_most(30.0)
        .search(0.1, 2.0);

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

/// What moves the log-odds of a row away from the side of its class.
fn margin_of_row(margins: [f64; 2], y: f64) -> f64 {
    if y > 0.5 { -margins[1] } else { margins[0] }
}

/// The score at which the slopes of the two classes, the second of which has a share of the rows, are in balance; by bisection.
/// `slope` of a class and a score must change its sign once, as that of the focal loss does though it is not convex.
fn balanced_score(share: f64, slope: impl Fn(f64, f64) -> f64) -> f64 {
    let slope = |score| share * slope(1.0, score) + (1.0 - share) * slope(0.0, score);
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
}

impl simd::Kernel for SoftmaxBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SoftmaxBlock { y, weights, scores, mut gradients, mut hessians } = self;
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
                *hessian = (p * (1.0 - p)).max(LEAST_HESSIAN);
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

/// A logistic loss for each class.
fn one_vs_all(
    n_classes: usize,
    labels: &Labels<'_>,
    scores: &[f64],
    gradients: &mut [f64],
    hessians: &mut [f64],
) {
    let n_rows = labels.n_rows();
    for class in 0..n_classes {
        let place = class * n_rows..(class + 1) * n_rows;
        let (gradients, hessians) = (&mut gradients[place.clone()], &mut hessians[place.clone()]);
        let class = class as f64;
        labels.each_row(&scores[place], gradients, hessians, |y, score| {
            let p = sigmoid(score);
            (p - if y == class { 1.0 } else { 0.0 }, (p * (1.0 - p)).max(LEAST_HESSIAN))
        });
    }
}

/// The log-odds of one row as shares of one.
fn shares_of_odds(scores: &mut [f64]) {
    let sum: f64 = scores.iter().map(|&score| sigmoid(score)).sum();
    if sum > 0.0 {
        scores.iter_mut().for_each(|score| *score = sigmoid(*score) / sum);
    } else {
        // Far below 0 the logistic function is the exponential one.
        shares(scores);
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
    fn may_average(&self, other: &Self) -> bool {
        // Margins move learning, and scores mean the same by any of them.
        let margins = |loss: &Self| matches!(loss, ClassificationLoss::Ldam { .. });
        margins(self) && margins(other) || self.same_as(other)
    }

    fn n_scores(&self) -> usize {
        match *self {
            Self::Softmax { n_classes } | Self::OneVsAll { n_classes } => n_classes,
            Self::Logistic | Self::Focal { .. } | Self::Ldam { .. } => 1,
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
            Self::Ldam { margins } => {
                margins.iter().try_for_each(|margin| MAX_MARGIN.check(*margin))?;
                2
            }
            Self::Softmax { n_classes } | Self::OneVsAll { n_classes } if n_classes < 2 => {
                return Err(Error::invalid_param("n_classes", n_classes, "a whole number >= 2"));
            }
            Self::Softmax { n_classes } | Self::OneVsAll { n_classes } => n_classes,
        };
        let known = |y: f64| y.fract() == 0.0 && 0.0 <= y && y < n_classes as f64;
        let expected = format!("whole numbers from 0 to {}, the codes of {n_classes} classes", n_classes - 1);
        super::check_targets(labels, |y| !known(y), "a loss of classes", &expected)
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(match *self {
            Self::Logistic => vec![log_odds(labels.mean_by(|row| labels.y[row]))],
            Self::Focal { gamma, alpha } => {
                let share = labels.mean_by(|row| labels.y[row]);
                vec![balanced_score(share, |y, score| focal_of_row(gamma, alpha, y, score)[1])]
            }
            Self::Ldam { margins } => {
                let share = labels.mean_by(|row| labels.y[row]);
                vec![balanced_score(share, |y, score| sigmoid(score + margin_of_row(margins, y)) - y)]
            }
            Self::Softmax { n_classes } => {
                let share = |class| labels.mean_by(|row| f64::from(u8::from(labels.y[row] == class)));
                (0..n_classes).map(|class| log_of_mean(share(class as f64))).collect()
            }
            Self::OneVsAll { n_classes } => {
                let share = |class| labels.mean_by(|row| f64::from(u8::from(labels.y[row] == class)));
                (0..n_classes).map(|class| log_odds(share(class as f64))).collect()
            }
        })
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        match *self {
            Self::Logistic => logistic(labels, scores, gradients, hessians),
            Self::Softmax { n_classes } => softmax(n_classes, labels, scores, gradients, hessians),
            Self::OneVsAll { n_classes } => one_vs_all(n_classes, labels, scores, gradients, hessians),
            Self::Focal { gamma, alpha } => labels.each_row(scores, gradients, hessians, |y, score| {
                let [_, slope, curve] = focal_of_row(gamma, alpha, y, score);
                (slope, curve.max(LEAST_HESSIAN))
            }),
            Self::Ldam { margins } => labels.each_row(scores, gradients, hessians, |y, score| {
                let p = sigmoid(score + margin_of_row(margins, y));
                (p - y, (p * (1.0 - p)).max(LEAST_HESSIAN))
            }),
        }
    }

    fn answer(&self, scores: &mut [f64]) {
        match self {
            Self::Logistic | Self::Focal { .. } | Self::Ldam { .. } => scores[0] = sigmoid(scores[0]),
            Self::Softmax { .. } => shares(scores),
            Self::OneVsAll { .. } => shares_of_odds(scores),
        }
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        let n_rows = labels.n_rows();
        match *self {
            Self::Logistic => labels.mean_by(|row| log_loss(labels.y[row], scores[row])),
            Self::Focal { gamma, alpha } => {
                labels.mean_by(|row| focal_of_row(gamma, alpha, labels.y[row], scores[row])[0])
            }
            Self::Ldam { margins } => labels.mean_by(|row| {
                let y = labels.y[row];
                log_loss(y, scores[row] + margin_of_row(margins, y))
            }),
            Self::OneVsAll { n_classes } => labels.mean_by(|row| {
                let of_class = |class: usize| {
                    let y = if labels.y[row] == class as f64 { 1.0 } else { 0.0 };
                    log_loss(y, scores[class * n_rows + row])
                };
                (0..n_classes).map(of_class).sum()
            }),
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
