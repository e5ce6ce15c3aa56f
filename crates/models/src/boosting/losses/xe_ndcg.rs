//! The cross-entropy of orders (Bruch, "An alternative cross entropy loss for learning-to-rank", 2021).

use perennial_numeric::random::Random;
use perennial_numeric::{reduce, special::exp};

use super::LEAST_HESSIAN;
use crate::boosting::objective::Labels;

/// What stands for the draws of a row where nothing is drawn: their mean.
const MEAN_DRAW: f64 = 0.5;

/// Fills the derivatives of LightGBM's `rank_xendcg`: the slope of the cross-entropy of a group, and two further terms of its
/// approximation. Each group draws from a stream of its own, its rows in the order of the table.
pub(super) fn derivatives(
    labels: &Labels<'_>,
    scores: &[f64],
    gradients: &mut [f64],
    hessians: &mut [f64],
    random: Option<&Random>,
) {
    let groups: Vec<&[u32]> = labels.by_group().iter().collect();
    let of_groups = reduce::map_each(groups.len(), |group| {
        let mut random = random.map(|random| random.fork(group as u64));
        let mut draw = || random.as_mut().map_or(MEAN_DRAW, Random::uniform);
        let rows = groups[group];
        let truth = shares(rows.iter().map(|&row| labels.y[row as usize].exp2() - draw()).collect());
        of_group(&softmax(rows, scores), &truth)
    });
    for (rows, derivatives) in groups.iter().zip(of_groups) {
        for (&row, (gradient, hessian)) in rows.iter().zip(derivatives) {
            let (row, weight) = (row as usize, labels.weight(row as usize));
            (gradients[row], hessians[row]) = (weight * gradient, weight * hessian);
        }
    }
}

/// Both derivatives of each row of a group, from the shares by its scores and those by its grades.
fn of_group(shares: &[f64], truth: &[f64]) -> Vec<(f64, f64)> {
    if shares.len() < 2 {
        return vec![(0.0, 0.0); shares.len()];
    }
    // A share of 1 leaves no rest to divide by.
    let rest = |share: f64| (1.0 - share).max(f64::EPSILON);
    let mut gradients: Vec<f64> = shares.iter().zip(truth).map(|(share, truth)| share - truth).collect();
    let mut terms: Vec<f64> =
        gradients.iter().zip(shares).map(|(gradient, &share)| gradient / rest(share)).collect();
    let sum: f64 = terms.iter().sum();
    for ((gradient, term), &share) in gradients.iter_mut().zip(&mut terms).zip(shares) {
        let second = share * (sum - *term);
        *gradient += second;
        *term = second / rest(share);
    }
    let sum: f64 = terms.iter().sum();
    let add = |((gradient, term), &share): ((f64, f64), &f64)| {
        (gradient + share * (sum - term), (share * (1.0 - share)).max(LEAST_HESSIAN))
    };
    gradients.into_iter().zip(terms).zip(shares).map(add).collect()
}

/// The mean over the groups, by the mean weights of their rows, of the cross-entropy of each.
pub(super) fn loss(labels: &Labels<'_>, scores: &[f64]) -> f64 {
    let groups: Vec<&[u32]> = labels.by_group().iter().collect();
    let of_groups = reduce::map_each(groups.len(), |group| {
        let rows = groups[group];
        let weight = rows.iter().map(|&row| labels.weight(row as usize)).sum::<f64>() / rows.len() as f64;
        let truth = shares(rows.iter().map(|&row| labels.y[row as usize].exp2() - MEAN_DRAW).collect());
        let largest = largest(rows, scores);
        let log_sum = rows.iter().map(|&row| exp(scores[row as usize] - largest)).sum::<f64>().ln();
        let of_row = |(&row, truth): (&u32, &f64)| truth * (largest + log_sum - scores[row as usize]);
        (weight, rows.iter().zip(&truth).map(of_row).sum::<f64>())
    });
    let weight = reduce::sum_by(of_groups.len(), |group| of_groups[group].0);
    reduce::sum_by(of_groups.len(), |group| of_groups[group].0 * of_groups[group].1) / weight
}

fn largest(rows: &[u32], scores: &[f64]) -> f64 {
    rows.iter().map(|&row| scores[row as usize]).fold(f64::NEG_INFINITY, f64::max)
}

fn softmax(rows: &[u32], scores: &[f64]) -> Vec<f64> {
    let largest = largest(rows, scores);
    shares(rows.iter().map(|&row| exp(scores[row as usize] - largest)).collect())
}

/// Positive numbers divided by their sum.
fn shares(mut values: Vec<f64>) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|value| *value /= sum);
    values
}
