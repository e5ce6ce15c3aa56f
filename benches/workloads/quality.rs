//! How good the answers are, computed as in the peers' cases.

use perennial::core::{Classes, Error, Probabilities, Result, Rows, Values};

pub(crate) fn rmse(truth: &Values, predicted: &Values) -> f64 {
    let squares = truth.as_slice().iter().zip(predicted.as_slice()).map(|(y, p)| (y - p) * (y - p));
    (squares.sum::<f64>() / truth.n_rows() as f64).sqrt()
}

/// The share of rows whose most likely class is the true one.
pub(crate) fn accuracy(truth: &Classes, predicted: &Probabilities) -> f64 {
    let likely = predicted.most_likely();
    let right = truth.codes().iter().zip(likely.codes()).filter(|(y, p)| y == p).count();
    right as f64 / truth.n_rows() as f64
}

/// The mean of minus the logarithm of the probability of the true class, cut to [`least`, 1 - `least`].
pub(crate) fn log_loss(truth: &Classes, predicted: &Probabilities, least: f64) -> f64 {
    let of_truth = truth.codes().iter().enumerate().map(|(row, &y)| predicted.values()[[row, y as usize]]);
    -of_truth.map(|p| p.clamp(least, 1.0 - least).ln()).sum::<f64>() / truth.n_rows() as f64
}

/// The area under the ROC curve of the probability of the second class, by ranks; ties count half.
pub(crate) fn auc(truth: &Classes, predicted: &Probabilities) -> Result<f64> {
    if predicted.names().len() != 2 {
        return Err(Error::unsupported("the area under the curve needs two classes"));
    }
    let score = predicted.values().column(1);
    let mut order: Vec<usize> = (0..truth.n_rows()).collect();
    order.sort_unstable_by(|&a, &b| score[a].total_cmp(&score[b]));
    let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| score[a] == score[b]) {
        let positive = tied.iter().filter(|&&row| truth.codes()[row] == 1).count() as f64;
        let negative = tied.len() as f64 - positive;
        pairs += positive * (below + negative / 2.0);
        below += negative;
        positives += positive;
    }
    Ok(pairs / (positives * below))
}
