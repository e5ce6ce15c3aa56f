//! Expectation and maximisation.

use ndarray::Array2;
use perennial_core::{Context, Error, Result};
use perennial_numeric::linalg::gram;
use perennial_numeric::reduce;

use super::components::{Components, CovarianceType, Densities, normalise};
use crate::cluster::lloyd::{Data, add};
use crate::cluster::spots::Spots;

/// Rows of one task.
const BLOCK: usize = 2048;
/// Shares below this are less than the rounding of the sums.
const VANISHING: f64 = 1e-20;

/// How the shares of the rows are told apart: blocks of rows x components.
pub(super) struct Shares {
    blocks: Vec<Vec<f64>>,
    n_components: usize,
}

impl Shares {
    /// Each row belongs to one component.
    pub(super) fn of_labels(data: &Data<'_>, labels: &[u32], n_components: usize) -> Self {
        let blocks = reduce::map_chunks(labels.len(), BLOCK, |rows| {
            let mut shares = vec![0.0; rows.len() * n_components];
            for (place, row) in rows.enumerate() {
                shares[place * n_components + labels[row] as usize] = weight(data, row);
            }
            shares
        });
        Shares { blocks, n_components }
    }
}

fn weight(data: &Data<'_>, row: usize) -> f64 {
    data.weights.as_ref().map_or(1.0, |weights| weights[row])
}

/// What the densities say of the rows.
pub(super) struct Expected {
    /// The shares of the rows, times their weights.
    pub(super) shares: Shares,
    /// The mean logarithm of the density.
    pub(super) mean_log: f64,
    /// The entropy of the shares, times the weights, where it is asked for.
    pub(super) entropy: f64,
}

/// The shares of the rows in the components.
pub(super) fn expect(data: &Data<'_>, densities: &Densities, with_entropy: bool) -> Result<Expected> {
    let k = densities.n_components();
    let parts = reduce::map_chunks(data.n_rows(), BLOCK, |rows| {
        let mut shares = densities.logarithms(&data.cells, rows.clone());
        let (mut sum, mut total, mut entropy) = (0.0, 0.0, 0.0);
        for (row, shares) in rows.zip(shares.chunks_exact_mut(k)) {
            let weight = weight(data, row);
            sum += weight * normalise(shares);
            total += weight;
            if with_entropy {
                let parts = shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln());
                entropy -= weight * parts.sum::<f64>();
            }
            if weight != 1.0 {
                shares.iter_mut().for_each(|share| *share *= weight);
            }
        }
        (shares, [sum, total, entropy])
    });
    let [sum, total, entropy] =
        parts.iter().fold([0.0; 3], |sums, part| std::array::from_fn(|place| sums[place] + part.1[place]));
    if !sum.is_finite() {
        return Err(Error::overflow(
            "rows are so far from all components that their density vanishes; scale the columns",
        ));
    }
    let blocks = parts.into_iter().map(|part| part.0).collect();
    Ok(Expected { shares: Shares { blocks, n_components: k }, mean_log: sum / total, entropy })
}

/// The components that fit the shares best; `reg_covar` is added to the variances.
pub(super) fn maximise(
    ctx: &Context,
    data: &Data<'_>,
    shares: &Shares,
    covariance: CovarianceType,
    reg_covar: f64,
) -> Result<Components> {
    let (k, d) = (shares.n_components, data.width);
    let sums = reduce::map_reduce(
        shares.blocks.len(),
        1,
        |blocks| {
            let mut sums = vec![0.0; k * (d + 1)];
            for block in blocks {
                let cells = data.cells[block * BLOCK * d..].chunks_exact(d);
                for (shares, row) in shares.blocks[block].chunks_exact(k).zip(cells) {
                    for (component, &share) in
                        shares.iter().enumerate().filter(|(_, share)| **share > VANISHING)
                    {
                        let sums = &mut sums[component * (d + 1)..][..d + 1];
                        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * value);
                        sums[d] += share;
                    }
                }
            }
            sums
        },
        add,
    )
    .unwrap_or_default();
    ctx.check()?;
    // A component without rows must not divide by 0.
    let totals: Vec<f64> =
        (0..k).map(|component| sums[component * (d + 1) + d] + 10.0 * f64::EPSILON).collect();
    let means = Array2::from_shape_fn((k, d), |(component, column)| {
        sums[component * (d + 1) + column] / totals[component]
    });
    let scatter =
        scatter(data, shares, &means, matches!(covariance, CovarianceType::Full | CovarianceType::Tied))?;
    ctx.check()?;
    let all: f64 = totals.iter().sum();
    let covariances = match covariance {
        CovarianceType::Full => {
            let mut out = scatter;
            for (component, out) in out.chunks_exact_mut(d * d).enumerate() {
                out.iter_mut().for_each(|value| *value /= totals[component]);
                (0..d).for_each(|i| out[i * (d + 1)] += reg_covar);
            }
            out
        }
        CovarianceType::Tied => {
            let mut out = vec![0.0; d * d];
            for scatter in scatter.chunks_exact(d * d) {
                out.iter_mut().zip(scatter).for_each(|(out, value)| *out += value / all);
            }
            (0..d).for_each(|i| out[i * (d + 1)] += reg_covar);
            out
        }
        CovarianceType::Diagonal => {
            scatter.iter().enumerate().map(|(place, value)| value / totals[place / d] + reg_covar).collect()
        }
        CovarianceType::Spherical => scatter
            .chunks_exact(d)
            .zip(&totals)
            .map(|(scatter, total)| scatter.iter().sum::<f64>() / total / d as f64 + reg_covar)
            .collect(),
    };
    if !covariances.iter().chain(means.iter()).all(|value| value.is_finite()) {
        return Err(Error::overflow(
            "the covariances of the mixture are beyond the range of f64; scale the columns",
        ));
    }
    Ok(Components {
        covariance,
        weights: totals.iter().map(|total| total / all).collect(),
        means,
        covariances,
    })
}

/// The sums of squares and products around the means, or of squares alone.
fn scatter(data: &Data<'_>, shares: &Shares, means: &Array2<f64>, products: bool) -> Result<Vec<f64>> {
    let (k, d) = means.dim();
    let part = |blocks: std::ops::Range<usize>| {
        let mut out = Vec::with_capacity(if products { k * d * d } else { k * d });
        let block = blocks.start;
        let cells = &data.cells[block * BLOCK * d..];
        let mut buffer: Vec<f64> = Vec::new();
        for component in 0..k {
            buffer.clear();
            let mut squares = vec![0.0; if products { 0 } else { d }];
            let mean = means.row(component);
            let mean = mean.as_slice().unwrap_or_default();
            for (shares, row) in shares.blocks[block].chunks_exact(k).zip(cells.chunks_exact(d)) {
                let share = shares[component];
                if share <= VANISHING {
                    continue;
                }
                if products {
                    let root = share.sqrt();
                    buffer.extend(row.iter().zip(mean).map(|(value, mean)| root * (value - mean)));
                } else {
                    for ((square, value), mean) in squares.iter_mut().zip(row).zip(mean) {
                        *square += share * (value - mean) * (value - mean);
                    }
                }
            }
            if products {
                let n_rows = buffer.len() / d;
                let rows =
                    Array2::from_shape_vec((n_rows, d), std::mem::take(&mut buffer)).map_err(Error::other)?;
                out.extend(gram(&rows, None).iter());
                buffer = rows.into_raw_vec_and_offset().0;
            } else {
                out.append(&mut squares);
            }
        }
        Ok(out)
    };
    let join = |left, right| Ok(add(left, right));
    Ok(reduce::try_map_reduce(shares.blocks.len(), 1, part, join)?.unwrap_or_default())
}
