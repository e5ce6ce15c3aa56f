//! Gaussian mixtures.

use ndarray::Array2;
use perennial_core::{Capabilities, Context, Error, Estimator, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::neighbors::Points;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::components::{Components, CovarianceType};
use super::maximise::{Expected, Shares, expect, maximise};
use super::model::GaussianMixtureModel;
use crate::cluster::Init;
use crate::cluster::lloyd::{Data, Lloyd};
use crate::cluster::spots::Spots;
use crate::setters::setters;

pub(super) const N_COMPONENTS: Param =
    Param::integer("n_components", "the number of components").at_least(1.0).at_most(1e5).search(1.0, 20.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the gain of the mean log density that ends the iteration").at_least(0.0);
pub(super) const REG_COVAR: Param = Param::real("reg_covar", "what is added to the variances").at_least(0.0);
pub(super) const MAX_ITER: Param =
    Param::integer("max_iter", "the most steps of one start").at_least(1.0).at_most(1e9);
pub(super) const N_INIT: Param =
    Param::integer("n_init", "how many starts are tried").at_least(1.0).at_most(1000.0);

/// Where the components begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixtureInit {
    /// The clusters of k-means.
    #[default]
    KMeans,
    /// Rows drawn at random; each row belongs to the nearest.
    Random,
    /// These means, `n_components` x columns; each row belongs to the nearest.
    Given(Array2<f64>),
}

/// A mixture of Gaussian distributions, fitted by expectation and maximisation (Dempster, Laird and Rubin, 1977).
///
/// Each row belongs to each component with a share. Sums of exponentials are taken from the largest, so
/// rows far from all components still have shares. Weights act as repeated rows, but starts that are drawn may differ.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 1 | 1 to 10^5 | the number of components |
/// | `covariance` | full | | the shape of the covariances |
/// | `tolerance` | 1e-3 | >= 0 | the gain of the mean log density of the rows that ends it |
/// | `reg_covar` | 1e-6 | >= 0 | what is added to the variances |
/// | `max_iter` | 100 | >= 1 | the most steps of one start |
/// | `n_init` | 1 | 1 to 1000 | how many starts are tried; the most probable counts. Given means are tried once |
/// | `init` | k-means | | where the components begin |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::GaussianMixture;
///
/// let x = Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64 * 20.0 + (i * i % 17) as f64 * 0.1);
/// let x = Matrix::from(x);
/// let model = GaussianMixture::new().n_components(2).fit(&x, &NoTarget)?;
/// assert_eq!(model.predict(&x)?.sizes(), [20, 20]);
/// assert!((model.weights()[0] - 0.5).abs() < 1e-9 && model.converged());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianMixture {
    n_components: usize,
    covariance: CovarianceType,
    tolerance: f64,
    reg_covar: f64,
    max_iter: usize,
    n_init: usize,
    init: MixtureInit,
    seed: Option<u64>,
}

impl Default for GaussianMixture {
    fn default() -> Self {
        GaussianMixture {
            n_components: 1,
            covariance: CovarianceType::Full,
            tolerance: 1e-3,
            reg_covar: 1e-6,
            max_iter: 100,
            n_init: 1,
            init: MixtureInit::KMeans,
            seed: None,
        }
    }
}

setters!(GaussianMixture {
    /// Sets the number of components.
    n_components: usize,
    /// Sets the shape of the covariances.
    covariance: CovarianceType,
    /// Sets the gain of the mean log density that ends the iteration.
    tolerance: f64,
    /// Sets what is added to the variances.
    reg_covar: f64,
    /// Sets the most steps of one start.
    max_iter: usize,
    /// Sets how many starts are tried.
    n_init: usize,
    /// Sets where the components begin.
    init: MixtureInit,
});

impl GaussianMixture {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, TOLERANCE, REG_COVAR, MAX_ITER, N_INIT];

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn run(&self, train: &Train<'_, Matrix, NoTarget>, data: &Data<'_>, labels: &[u32]) -> Result<Found> {
        let shares = Shares::of_labels(data, labels, self.n_components);
        let mut components = maximise(&train.ctx, data, &shares, self.covariance, self.reg_covar)?;
        if let MixtureInit::Given(means) = &self.init {
            components.means.assign(means);
        }
        let mut found = Found {
            components,
            lower_bound: f64::NEG_INFINITY,
            change: f64::INFINITY,
            n_iterations: 0,
            converged: false,
        };
        for iteration in 0..self.max_iter {
            train.ctx.step(iteration, self.max_iter)?;
            let Expected { shares, mean_log: bound, .. } =
                expect(data, &found.components.densities()?, false)?;
            found.components = maximise(&train.ctx, data, &shares, self.covariance, self.reg_covar)?;
            found.change = bound - found.lower_bound;
            (found.lower_bound, found.n_iterations) = (bound, iteration + 1);
            if found.change.abs() < self.tolerance {
                found.converged = true;
                break;
            }
        }
        Ok(found)
    }
}

/// The component that each row begins in.
pub(super) fn first_labels(
    ctx: &Context,
    data: &Data<'_>,
    points: &Points<'_>,
    (init, n_components): (&MixtureInit, usize),
    random: &mut Random,
) -> Result<Vec<u32>> {
    let init = match init {
        MixtureInit::KMeans => {
            let tolerance = 1e-4 * data.variance();
            let lloyd = Lloyd { data, points, max_iter: 300, tolerance };
            let start = data.start(ctx, points, &Init::KMeansPlusPlus, n_components, random)?;
            return Ok(lloyd.run(&ctx.child("kmeans"), start)?.labels);
        }
        MixtureInit::Random => Init::Random,
        MixtureInit::Given(means) => Init::Given(means.clone()),
    };
    let start = data.start(ctx, points, &init, n_components, random)?;
    let mut labels = vec![0; data.n_rows()];
    points.nearest(&start, &mut labels);
    Ok(labels)
}

/// The rows in their own units, which must be those of the variances.
pub(super) fn rows_of<'a>(train: &Train<'a, Matrix, NoTarget>, n_components: usize) -> Result<Data<'a>> {
    let Data { mut cells, width, weights, unit } = Data::new(train)?;
    if unit > 1.0 {
        return Err(Error::overflow(
            "the squares of the numbers are beyond the range of f64; scale the columns",
        ));
    }
    if unit != 1.0 {
        // Numbers so small vanish beside what is added to the variances.
        cells.to_mut().iter_mut().for_each(|value| *value *= unit);
    }
    let data = Data { cells, width, weights, unit: 1.0 };
    data.check_clusters(n_components)?;
    Ok(data)
}

/// What one start gave.
pub(super) struct Found {
    pub(super) components: Components,
    pub(super) lower_bound: f64,
    pub(super) change: f64,
    pub(super) n_iterations: usize,
    pub(super) converged: bool,
}

impl Estimator for GaussianMixture {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = GaussianMixtureModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<GaussianMixtureModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        TOLERANCE.check(self.tolerance)?;
        REG_COVAR.check(self.reg_covar)?;
        MAX_ITER.check_count(self.max_iter)?;
        N_INIT.check_count(self.n_init)?;
        let data = rows_of(train, self.n_components)?;
        let points = Points::new(&data.cells, data.width);
        let random = Random::new(train.ctx.seed(self.seed));
        let n_init = if matches!(self.init, MixtureInit::Given(_)) { 1 } else { self.n_init };
        let mut best: Option<Found> = None;
        for index in 0..n_init {
            let start = (&self.init, self.n_components);
            let labels = first_labels(&train.ctx, &data, &points, start, &mut random.fork(index as u64))?;
            let found = self.run(train, &data, &labels)?;
            if best.as_ref().is_none_or(|best| found.lower_bound > best.lower_bound) {
                best = Some(found);
            }
        }
        let best = best.ok_or_else(|| Error::empty("no start was tried"))?;
        GaussianMixtureModel::new(train.x.features(), best)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
