//! Densities from all rows that are near.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Context, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Rows, Train, Values,
};
use perennial_numeric::neighbors::{Metric, Profile, Search, Smoothing};
use perennial_numeric::random::Random;
use perennial_statistics::special::ln_gamma;
use serde::{Deserialize, Serialize};

use super::reference::Reference;
use crate::rows::{rows_that_count, tame};

const BANDWIDTH: Param =
    Param::real("bandwidth", "how far a row spreads its weight").above(0.0).search_log(0.01, 100.0);
const RELATIVE_TOLERANCE: Param =
    Param::real("relative_tolerance", "what may be missing of a density, as a share of it")
        .at_least(0.0)
        .at_most(1.0);

/// How the weight of a row falls with the distance `t`, in units of the bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DensityKernel {
    /// `exp(-t^2 / 2)`: the normal density.
    #[default]
    Gaussian,
    /// The same for `t < 1`, else none.
    Tophat,
    /// `1 - t^2` for `t < 1`, else none (Epanechnikov, 1969).
    Epanechnikov,
    /// `exp(-t)`.
    Exponential,
    /// `1 - t` for `t < 1`, else none.
    Linear,
    /// `cos(pi t / 2)` for `t < 1`, else none.
    Cosine,
}

/// How far a row spreads its weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bandwidth {
    /// So far.
    Fixed(f64),
    /// `n^(-1 / (d + 4))` for n rows of d columns (Scott, 1992); for columns of standard deviation 1.
    Scott,
    /// `(n (d + 2) / 4)^(-1 / (d + 4))` (Silverman, 1986); for columns of standard deviation 1.
    Silverman,
}

/// Kernel density estimation (Rosenblatt, 1956; Parzen, 1962): the density at a place is the mean of a kernel around each
/// row.
///
/// The sums go by the boxes of a k-d tree (Gray and Moore, 2003), which passes over rows whose share does not show:
/// exact to the last bits unless a tolerance is set. Densities are logarithms, right however far from the rows they are
/// asked for. A weight of 2 counts as two equal rows. Distances depend on the units of the columns, so standardise
/// them first.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `bandwidth` | 1 | > 0, Scott, Silverman | how far a row spreads its weight |
/// | `kernel` | gaussian | | how the weight falls with the distance |
/// | `relative_tolerance` | 0 | 0 to 1 | what may be missing of a density, as a share of it |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::KernelDensity;
/// use perennial_models::neighbors::Bandwidth;
///
/// let x = Matrix::from(array![[0.0]]);
/// let model = KernelDensity::new().bandwidth(Bandwidth::Fixed(2.0)).fit(&x, &NoTarget)?;
/// let logs = model.log_density(&Matrix::from(array![[0.0], [4.0]]))?;
/// assert!((logs.as_slice()[0] - (-0.5 * (2.0 * std::f64::consts::PI * 4.0).ln())).abs() < 1e-12);
/// assert!((logs.as_slice()[0] - logs.as_slice()[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelDensity {
    bandwidth: Bandwidth,
    kernel: DensityKernel,
    relative_tolerance: f64,
}

impl Default for KernelDensity {
    fn default() -> Self {
        let (bandwidth, kernel) = (Bandwidth::Fixed(1.0), DensityKernel::Gaussian);
        KernelDensity { bandwidth, kernel, relative_tolerance: 0.0 }
    }
}

impl KernelDensity {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[BANDWIDTH, RELATIVE_TOLERANCE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how far a row spreads its weight.
    #[must_use]
    pub fn bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.bandwidth = bandwidth;
        self
    }

    /// Sets how the weight falls with the distance.
    #[must_use]
    pub fn kernel(mut self, kernel: DensityKernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Sets what may be missing of a density, as a share of it; more is faster.
    #[must_use]
    pub fn relative_tolerance(mut self, relative_tolerance: f64) -> Self {
        self.relative_tolerance = relative_tolerance;
        self
    }
}

impl Estimator for KernelDensity {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KernelDensityModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KernelDensityModel> {
        if let Bandwidth::Fixed(bandwidth) = self.bandwidth {
            BANDWIDTH.check(bandwidth)?;
        }
        RELATIVE_TOLERANCE.check(self.relative_tolerance)?;
        train.ctx.check()?;
        let weights = tame(train.weights);
        let (x, weights) = match &weights {
            Some(weights) if weights.contains(&0.0) => {
                let rows: Vec<usize> = rows_that_count(train.x.n_rows(), Some(weights))?
                    .iter()
                    .map(|&row| row as usize)
                    .collect();
                (train.x.take(&rows)?, Some(rows.iter().map(|&row| weights[row]).collect()))
            }
            other => (train.x.clone(), other.as_ref().map(|weights| weights.to_vec())),
        };
        let (n, d) = (x.n_rows() as f64, x.n_cols() as f64);
        let bandwidth = match self.bandwidth {
            Bandwidth::Fixed(bandwidth) => bandwidth,
            Bandwidth::Scott => n.powf(-1.0 / (d + 4.0)),
            Bandwidth::Silverman => (n * (d + 2.0) / 4.0).powf(-1.0 / (d + 4.0)),
        };
        let reference = Reference::new(&train.ctx, &x, Metric::Euclidean, Search::Tree)?;
        let (kernel, relative_tolerance) = (self.kernel, self.relative_tolerance);
        let model = KernelDensityModel { reference, weights, bandwidth, kernel, relative_tolerance };
        // A bandwidth that does not go with the rows is an error here rather than later.
        model.log_density(&x.take(&[0])?)?;
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// Rows whose density can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct KernelDensityModel {
    reference: Reference,
    weights: Option<Vec<f64>>,
    bandwidth: f64,
    kernel: DensityKernel,
    relative_tolerance: f64,
}

#[derive(Deserialize)]
struct Parts {
    reference: Reference,
    weights: Option<Vec<f64>>,
    bandwidth: f64,
    kernel: DensityKernel,
    relative_tolerance: f64,
}

impl TryFrom<Parts> for KernelDensityModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { reference, weights, bandwidth, kernel, relative_tolerance } = parts;
        let sound = weights.as_ref().is_none_or(|weights| {
            weights.len() == reference.rows().nrows()
                && weights.iter().all(|weight| weight.is_finite() && *weight > 0.0)
        });
        let whole =
            BANDWIDTH.check(bandwidth).is_ok() && RELATIVE_TOLERANCE.check(relative_tolerance).is_ok();
        if !sound
            || !whole
            || reference.metric() != Metric::Euclidean
            || reference.index().search() != Search::Tree
        {
            return Err(Error::corrupt("the rows of the density are damaged"));
        }
        Ok(KernelDensityModel { reference, weights, bandwidth, kernel, relative_tolerance })
    }
}

impl KernelDensityModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.reference.features()
    }

    /// How far a row spreads its weight.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// The logarithm of the density at each row; minus infinity where no kernel reaches.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or squares of distances in units of
    /// the bandwidth are beyond the range of f64.
    #[doc(alias = "score_samples")]
    pub fn log_density(&self, x: &Matrix) -> Result<Values> {
        self.log_density_in(&Context::new(), x)
    }

    /// As [`log_density`](KernelDensityModel::log_density), with somebody who may stop the work.
    ///
    /// # Errors
    /// As for [`log_density`](KernelDensityModel::log_density), and when it is cancelled.
    pub fn log_density_in(&self, ctx: &Context, x: &Matrix) -> Result<Values> {
        let x = self.reference.features().align(x)?;
        x.check_finite(false)?;
        let profile = match self.kernel {
            DensityKernel::Gaussian => Profile::Gaussian,
            DensityKernel::Tophat => Profile::Tophat,
            DensityKernel::Epanechnikov => Profile::Epanechnikov,
            DensityKernel::Exponential => Profile::Exponential,
            DensityKernel::Linear => Profile::Linear,
            DensityKernel::Cosine => Profile::Cosine,
        };
        let smoothing = Smoothing {
            profile,
            bandwidth: self.bandwidth,
            weights: self.weights.as_deref(),
            tolerance: self.relative_tolerance,
        };
        let sums = self.reference.index().log_kernel_sums(ctx, x.dense()?, smoothing)?;
        let total = self.weights.as_ref().map_or(self.reference.rows().nrows() as f64, |w| w.iter().sum());
        let width = self.reference.rows().ncols();
        let whole = log_volume(self.kernel, width) + width as f64 * self.bandwidth.ln() + total.ln();
        Ok(sums.into_iter().map(|sum| sum - whole).collect())
    }

    /// Draws rows from the density.
    ///
    /// # Errors
    /// When a row that is drawn leaves the range of f64.
    pub fn sample(&self, n_rows: usize, seed: u64) -> Result<Matrix> {
        let (rows, width) = (self.reference.rows(), self.reference.rows().ncols());
        let mut random = Random::new(seed);
        // Rows by their weight: a search in the running sums.
        let mut ends: Vec<f64> = Vec::new();
        for weight in self.weights.iter().flatten() {
            ends.push(ends.last().unwrap_or(&0.0) + weight);
        }
        let mut out = Array2::zeros((n_rows, width));
        for mut row in out.rows_mut() {
            let near = match ends.last() {
                None => random.below(rows.nrows()),
                Some(total) => {
                    let at = random.uniform() * total;
                    ends.partition_point(|end| *end <= at).min(rows.nrows() - 1)
                }
            };
            // A direction and how far to go.
            row.iter_mut().for_each(|value| *value = random.normal());
            let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            let reach = match self.kernel {
                DensityKernel::Gaussian => 1.0,
                kernel => draw_radius(kernel, width, &mut random) / length.max(f64::MIN_POSITIVE),
            };
            row.iter_mut()
                .zip(rows.row(near))
                .for_each(|(value, centre)| *value = centre + *value * reach * self.bandwidth);
        }
        let out = Matrix::from(out).with_features(self.features().clone())?;
        out.check_finite(false)?;
        Ok(out)
    }
}

/// The logarithm of the integral of the kernel over all places, in units of the bandwidth.
fn log_volume(kernel: DensityKernel, width: usize) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    let d = width as f64;
    let ball = 0.5 * d * PI.ln() - ln_gamma(0.5 * d + 1.0);
    // That of the sphere around it.
    let sphere = ball + d.ln();
    match kernel {
        DensityKernel::Gaussian => 0.5 * d * (2.0 * PI).ln(),
        DensityKernel::Tophat => ball,
        DensityKernel::Epanechnikov => ball + (2.0 / (d + 2.0)).ln(),
        DensityKernel::Exponential => sphere + ln_gamma(d),
        DensityKernel::Linear => ball - (d + 1.0).ln(),
        DensityKernel::Cosine => {
            // The series of the cosine, integrated term by term.
            let (mut term, mut sum) = (1.0, 0.0);
            for k in 0..20 {
                let k = f64::from(k);
                sum += term / (2.0 * k + d);
                term *= -(FRAC_PI_2 * FRAC_PI_2) / ((2.0 * k + 1.0) * (2.0 * k + 2.0));
            }
            sphere + sum.ln()
        }
    }
}

/// How far from its row a drawn row is, in units of the bandwidth.
fn draw_radius(kernel: DensityKernel, width: usize, random: &mut Random) -> f64 {
    let d = width as f64;
    // The product of two powers of uniform draws has the beta distribution with `a` and 2.
    let beta = |a: f64, random: &mut Random| {
        let (first, second) = (random.uniform(), random.uniform());
        first.powf(1.0 / a) * second.powf(1.0 / (a + 1.0))
    };
    match kernel {
        DensityKernel::Gaussian | DensityKernel::Tophat => random.uniform().powf(1.0 / d),
        DensityKernel::Epanechnikov => beta(0.5 * d, random).sqrt(),
        DensityKernel::Linear => beta(d, random),
        DensityKernel::Exponential => (0..width).map(|_| -(1.0 - random.uniform()).ln()).sum(),
        DensityKernel::Cosine => loop {
            // Below the linear kernel times pi / 2.
            let radius = beta(d, random);
            let most = std::f64::consts::FRAC_PI_2 * (1.0 - radius);
            if random.uniform() * most <= (std::f64::consts::FRAC_PI_2 * radius).cos() {
                return radius;
            }
        },
    }
}
