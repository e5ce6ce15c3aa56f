//! What the members of a bag say of rows that they have not drawn.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Classes, Error, Matrix, Result, Rows, Train, Values};
use serde::{Deserialize, Serialize};

use super::bag::Draws;

/// Each training row as predicted by the members that did not draw it (Breiman, 1996), in the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct BaggingOutOfBag {
    values: Array2<f64>,
    n_members: Vec<u32>,
    score: f64,
}

#[derive(Deserialize)]
struct Parts {
    values: Array2<f64>,
    n_members: Vec<u32>,
    score: f64,
}

impl TryFrom<Parts> for BaggingOutOfBag {
    type Error = Error;

    fn try_from(Parts { values, n_members, score }: Parts) -> Result<Self> {
        let fits = values.nrows() == n_members.len();
        if !fits || !score.is_finite() || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::corrupt("the out-of-bag predictions are damaged"));
        }
        Ok(BaggingOutOfBag { values, n_members, score })
    }
}

/// The rows that a member did not draw, where they are wanted.
pub(super) fn left_out(draws: &Draws, drawn: &[usize], n_rows: usize) -> Vec<usize> {
    if !draws.out_of_bag {
        return Vec::new();
    }
    let mut inside = vec![false; n_rows];
    drawn.iter().for_each(|&row| inside[row] = true);
    (0..n_rows).filter(|&row| !inside[row]).collect()
}

impl BaggingOutOfBag {
    /// The predictions, `n_rows` x 1 for numbers and `n_rows` x `n_classes` for classes; zeros in rows that all
    /// members drew.
    pub fn values(&self) -> &ArrayRef2<f64> {
        &self.values
    }

    /// For each row the number of members that did not draw it.
    pub fn n_members(&self) -> &[u32] {
        &self.n_members
    }

    /// The accuracy for classes, R2 for numbers, over the rows that some member did not draw, by their weights. 0 where all
    /// targets are alike and some prediction differs.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Asks each member for the rows that it did not draw; `score` judges the means and the numbers of members.
    pub(super) fn of<Y: ?Sized + Rows + Sync>(
        left_out: &[Vec<usize>],
        train: &Train<'_, Matrix, Y>,
        width: usize,
        say: impl Fn(usize, &Matrix) -> Result<Array2<f64>>,
        score: impl Fn(&Array2<f64>, &[u32]) -> f64,
    ) -> Result<Self> {
        let n_rows = train.x.n_rows();
        let mut values = Array2::zeros((n_rows, width));
        let mut n_members = vec![0_u32; n_rows];
        for (place, rows) in left_out.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            train.ctx.check()?;
            let said = say(place, &train.x.take(rows)?)?;
            for (&row, said) in rows.iter().zip(said.rows()) {
                n_members[row] += 1;
                // The mean as it runs: sums of numbers near the limit would overflow.
                let n = f64::from(n_members[row]);
                let mut mean = values.row_mut(row);
                mean.iter_mut().zip(said).for_each(|(mean, said)| *mean += (said - *mean) / n);
            }
        }
        if !(0..n_rows).any(|row| n_members[row] > 0 && train.weight(row) > 0.0) {
            return Err(Error::insufficient_data(
                "`out_of_bag` needs rows that a model did not draw; set `bootstrap`, `max_samples` below 1, or more models",
            ));
        }
        let score = score(&values, &n_members);
        Ok(BaggingOutOfBag { values, n_members, score: if score.is_finite() { score } else { 0.0 } })
    }
}

/// The rows that count, and their weights.
fn counted<'a>(
    n_members: &'a [u32],
    weights: Option<&'a [f64]>,
) -> impl Iterator<Item = (usize, f64)> + Clone + 'a {
    let most = weights.map_or(1.0, |weights| weights.iter().copied().fold(0.0, f64::max));
    let weight = move |row: usize| weights.map_or(1.0, |weights| weights[row] / most);
    let judged = (0..n_members.len()).filter(|&row| n_members[row] > 0);
    judged.map(move |row| (row, weight(row))).filter(|(_, weight)| *weight > 0.0)
}

/// The accuracy of the most probable classes.
pub(super) fn share_right(
    shares: &Array2<f64>,
    n_members: &[u32],
    y: &Classes,
    weights: Option<&[f64]>,
) -> f64 {
    let called = |row: usize| {
        let shares = shares.row(row);
        (1..shares.len()).fold(0, |best, class| if shares[class] > shares[best] { class } else { best })
    };
    let (mut right, mut total) = (0.0, 0.0);
    for (row, weight) in counted(n_members, weights) {
        total += weight;
        right += if called(row) == y.codes()[row] as usize { weight } else { 0.0 };
    }
    right / total
}

/// The share of the variance that the predictions explain.
pub(super) fn share_explained(
    values: &Array2<f64>,
    n_members: &[u32],
    y: &Values,
    weights: Option<&[f64]>,
) -> f64 {
    let (y, rows) = (y.as_slice(), counted(n_members, weights));
    let total: f64 = rows.clone().map(|(_, weight)| weight).sum();
    let mean: f64 = rows.clone().map(|(row, weight)| weight / total * y[row]).sum();
    // In a unit in which squares do not overflow.
    let unit = rows.clone().fold(0.0, |most: f64, (row, _)| {
        most.max((y[row] - mean).abs()).max((y[row] - values[[row, 0]]).abs())
    });
    if unit == 0.0 {
        return 1.0;
    }
    let sum = |of: &dyn Fn(usize) -> f64| {
        rows.clone().map(|(row, weight)| weight * (of(row) / unit).powi(2)).sum::<f64>()
    };
    1.0 - sum(&|row| y[row] - values[[row, 0]]) / sum(&|row| y[row] - mean)
}
