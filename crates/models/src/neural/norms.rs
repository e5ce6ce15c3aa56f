//! Numbers less their mean, over their deviation, times a gain, plus a shift: by column over a batch, or by row.
//!
//! What goes forward leaves behind what going back needs: the normed numbers, then the moments.

/// What is added to variances before they divide.
const EPSILON: f32 = 1e-5;

/// The mean and the variance of each column.
pub(super) fn moments(x: &[f32], n: usize, width: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
    let share = 1.0 / n as f32;
    for row in x.chunks_exact(width.max(1)) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value * share);
    }
    for row in x.chunks_exact(width.max(1)) {
        for ((variance, mean), value) in variance.iter_mut().zip(&mean).zip(row) {
            *variance += (value - mean).powi(2) * share;
        }
    }
    (mean, variance)
}

/// By column, with these moments. `gains` holds the gains, then the shifts; `kept` gets the normed numbers, the means and the
/// variances.
pub(super) fn batch(
    x: &[f32],
    mean: &[f32],
    variance: &[f32],
    gains: &[f32],
    out: &mut Vec<f32>,
    kept: &mut Vec<f32>,
) {
    let width = mean.len();
    out.clear();
    kept.clear();
    for row in x.chunks_exact(width.max(1)) {
        for (column, value) in row.iter().enumerate() {
            let normed = (value - mean[column]) / (variance[column] + EPSILON).sqrt();
            kept.push(normed);
            out.push(normed * gains[column] + gains[width + column]);
        }
    }
    kept.extend(mean.iter().chain(variance));
}

/// By row. `kept` gets the normed numbers and the deviation of each row.
pub(super) fn layer(x: &[f32], width: usize, gains: &[f32], out: &mut Vec<f32>, kept: &mut Vec<f32>) {
    out.clear();
    kept.clear();
    let mut deviations = Vec::with_capacity(x.len() / width.max(1));
    for row in x.chunks_exact(width.max(1)) {
        let mean = row.iter().sum::<f32>() / width as f32;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / width as f32;
        let deviation = (variance + EPSILON).sqrt();
        deviations.push(deviation);
        for (column, value) in row.iter().enumerate() {
            let normed = (value - mean) / deviation;
            kept.push(normed);
            out.push(normed * gains[column] + gains[width + column]);
        }
    }
    kept.extend(deviations);
}

/// Adds what gains and shifts change by; leaves the change of the normed numbers.
fn gains_back(
    change: &mut [f32],
    normed: &[f32],
    parameters: &[f32],
    gradient: &mut [f32],
    width: usize,
    gain: usize,
) {
    let (gains, shifts) = gradient[gain..gain + 2 * width].split_at_mut(width);
    for (row, normed) in change.chunks_exact_mut(width.max(1)).zip(normed.chunks_exact(width.max(1))) {
        for column in 0..width {
            gains[column] += row[column] * normed[column];
            shifts[column] += row[column];
            row[column] *= parameters[gain + column];
        }
    }
}

/// Back through [`batch`].
pub(super) fn batch_back(
    change: &mut [f32],
    extra: &[f32],
    parameters: &[f32],
    gradient: &mut [f32],
    width: usize,
    gain: usize,
) {
    let normed = &extra[..change.len()];
    let variance = &extra[change.len() + width..];
    gains_back(change, normed, parameters, gradient, width, gain);
    let n = (change.len() / width.max(1)) as f32;
    if change.len() == width {
        // The moments were not of this one row, so they do not change with it.
        change.iter_mut().zip(variance).for_each(|(change, variance)| *change /= (variance + EPSILON).sqrt());
        return;
    }
    let (mut sums, mut products) = (vec![0.0; width], vec![0.0; width]);
    for (row, normed) in change.chunks_exact(width.max(1)).zip(normed.chunks_exact(width.max(1))) {
        for column in 0..width {
            sums[column] += row[column];
            products[column] += row[column] * normed[column];
        }
    }
    for (row, normed) in change.chunks_exact_mut(width.max(1)).zip(normed.chunks_exact(width.max(1))) {
        for column in 0..width {
            let centred = row[column] - (sums[column] + normed[column] * products[column]) / n;
            row[column] = centred / (variance[column] + EPSILON).sqrt();
        }
    }
}

/// Back through [`layer`].
pub(super) fn layer_back(
    change: &mut [f32],
    extra: &[f32],
    parameters: &[f32],
    gradient: &mut [f32],
    width: usize,
    gain: usize,
) {
    let (normed, deviations) = extra.split_at(change.len());
    gains_back(change, normed, parameters, gradient, width, gain);
    let rows = change.chunks_exact_mut(width.max(1)).zip(normed.chunks_exact(width.max(1)));
    for ((row, normed), deviation) in rows.zip(deviations) {
        let sum: f32 = row.iter().sum();
        let product: f32 = row.iter().zip(normed).map(|(a, b)| a * b).sum();
        for (value, normed) in row.iter_mut().zip(normed) {
            *value = (*value - (sum + normed * product) / width as f32) / deviation;
        }
    }
}
