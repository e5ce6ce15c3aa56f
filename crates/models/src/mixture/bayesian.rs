//! Gaussian mixtures that find out how many components they need.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Clusters, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Train,
    Values,
};
use perennial_numeric::linalg::gram;
use perennial_numeric::neighbors::Points;
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::components::CovarianceType;
use super::gaussian::{Found, MAX_ITER, MixtureInit, N_COMPONENTS, N_INIT, REG_COVAR, first_labels, rows_of};
use super::maximise::{Shares, expect, maximise};
use super::model::GaussianMixtureModel;
use super::posterior::{Posterior, Priors, WeightPrior};
use crate::cluster::lloyd::Data;
use crate::cluster::spots::Spots;
use crate::setters::setters;

const TOLERANCE: Param =
    Param::real("tolerance", "the gain of the lower bound that ends the iteration").at_least(0.0);
const WEIGHT_CONCENTRATION: Param =
    Param::real("weight_concentration", "how many rows' worth of weight a component has beforehand")
        .above(0.0)
        .search_log(1e-3, 1e3);
const MEAN_PRECISION: Param =
    Param::real("mean_precision", "how many rows' worth the prior mean of a component counts").above(0.0);
const DEGREES_OF_FREEDOM: Param =
    Param::real("degrees_of_freedom", "how many rows' worth the prior covariance counts").above(0.0);

/// A mixture of Gaussian distributions whose weights, means and covariances have distributions themselves, found by
/// variational inference (Attias, 2000; Blei and Jordan, 2006).
///
/// Components that the rows do not need lose their weight, so `n_components` is a bound: the smaller
/// `weight_concentration`, the fewer are left. What was not set of the priors is taken from the rows: the mean, the covariance
/// (its diagonal, or the mean of that, as the shape is), and as many degrees of freedom as there are columns. Shares and
/// densities are those expected under the posterior. Weights act as repeated rows, but starts that are drawn may differ.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 1 | 1 to 10^5 | the most components |
/// | `covariance` | full | | the shape of the covariances |
/// | `tolerance` | 1e-3 | >= 0 | the gain of the lower bound, summed over the rows, that ends it |
/// | `reg_covar` | 1e-6 | >= 0 | what is added to the variances |
/// | `max_iter` | 100 | >= 1 | the most steps of one start |
/// | `n_init` | 1 | 1 to 1000 | how many starts are tried; the largest lower bound counts. Given means are tried once |
/// | `init` | k-means | | where the components begin |
/// | `weight_prior` | Dirichlet process | | what is believed of the weights |
/// | `weight_concentration` | 1 / `n_components` | > 0 | how many rows' worth of weight a component has beforehand |
/// | `mean_precision` | 1 | > 0 | how many rows' worth the prior mean counts |
/// | `degrees_of_freedom` | columns | > columns - 1 | how many rows' worth the prior covariance counts |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::BayesianGaussianMixture;
///
/// let x = Array2::from_shape_fn((80, 1), |(i, _)| (i % 2) as f64 * 20.0 + (i * i % 17) as f64 * 0.1);
/// let settings = BayesianGaussianMixture::new().n_components(5).weight_concentration(1e-3).max_iter(500);
/// let model = settings.fit(&Matrix::from(x), &NoTarget)?;
/// assert_eq!(model.weights().iter().filter(|weight| **weight > 0.05).count(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BayesianGaussianMixture {
    n_components: usize,
    covariance: CovarianceType,
    tolerance: f64,
    reg_covar: f64,
    max_iter: usize,
    n_init: usize,
    init: MixtureInit,
    weight_prior: WeightPrior,
    weight_concentration: Option<f64>,
    mean_precision: f64,
    degrees_of_freedom: Option<f64>,
    seed: Option<u64>,
}

impl Default for BayesianGaussianMixture {
    fn default() -> Self {
        BayesianGaussianMixture {
            n_components: 1,
            covariance: CovarianceType::Full,
            tolerance: 1e-3,
            reg_covar: 1e-6,
            max_iter: 100,
            n_init: 1,
            init: MixtureInit::KMeans,
            weight_prior: WeightPrior::DirichletProcess,
            weight_concentration: None,
            mean_precision: 1.0,
            degrees_of_freedom: None,
            seed: None,
        }
    }
}

setters!(BayesianGaussianMixture {
    /// Sets the most components.
    n_components: usize,
    /// Sets the shape of the covariances.
    covariance: CovarianceType,
    /// Sets the gain of the lower bound that ends the iteration.
    tolerance: f64,
    /// Sets what is added to the variances.
    reg_covar: f64,
    /// Sets the most steps of one start.
    max_iter: usize,
    /// Sets how many starts are tried.
    n_init: usize,
    /// Sets where the components begin.
    init: MixtureInit,
    /// Sets what is believed of the weights.
    weight_prior: WeightPrior,
    /// Sets how many rows' worth the prior mean of a component counts.
    mean_precision: f64,
});

impl BayesianGaussianMixture {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[
        N_COMPONENTS,
        TOLERANCE,
        REG_COVAR,
        MAX_ITER,
        N_INIT,
        WEIGHT_CONCENTRATION,
        MEAN_PRECISION,
        DEGREES_OF_FREEDOM,
    ];

    /// Sets how many rows' worth of weight a component has beforehand.
    #[must_use]
    pub fn weight_concentration(mut self, weight_concentration: f64) -> Self {
        self.weight_concentration = Some(weight_concentration);
        self
    }

    /// Sets how many rows' worth the prior covariance counts.
    #[must_use]
    pub fn degrees_of_freedom(mut self, degrees_of_freedom: f64) -> Self {
        self.degrees_of_freedom = Some(degrees_of_freedom);
        self
    }

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self, width: usize) -> Result<()> {
        N_COMPONENTS.check_count(self.n_components)?;
        TOLERANCE.check(self.tolerance)?;
        REG_COVAR.check(self.reg_covar)?;
        MAX_ITER.check_count(self.max_iter)?;
        N_INIT.check_count(self.n_init)?;
        self.weight_concentration.map_or(Ok(()), |value| WEIGHT_CONCENTRATION.check(value))?;
        MEAN_PRECISION.check(self.mean_precision)?;
        let Some(freedom) = self.degrees_of_freedom else { return Ok(()) };
        DEGREES_OF_FREEDOM.check(freedom)?;
        if freedom > width as f64 - 1.0 {
            return Ok(());
        }
        let expected = format!("more than the columns less one, {}", width.saturating_sub(1));
        Err(Error::invalid_param("degrees_of_freedom", freedom, expected))
    }

    fn priors(&self, data: &Data<'_>) -> Result<Priors> {
        let (n, d) = (data.n_rows(), data.width);
        let weight = |row: usize| data.weights.as_ref().map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..n).map(weight).sum();
        let mut mean = vec![0.0; d];
        for row in 0..n {
            mean.iter_mut().zip(data.row(row)).for_each(|(mean, value)| *mean += weight(row) / total * value);
        }
        let rows = Array2::from_shape_fn((n, d), |(row, column)| data.row(row)[column] - mean[column]);
        // As for a sample; of one row nothing is known but that it is there.
        let degrees = if total > 1.0 { total - 1.0 } else { 1.0 };
        let scatter = gram(&rows, data.weights.as_deref()).mapv(|value| value / degrees);
        let variances: Vec<f64> = (0..d).map(|i| scatter[[i, i]]).collect();
        let covariance = match self.covariance {
            CovarianceType::Full | CovarianceType::Tied => scatter.iter().copied().collect(),
            CovarianceType::Diagonal => variances,
            CovarianceType::Spherical => vec![variances.iter().sum::<f64>() / d as f64],
        };
        if !covariance.iter().all(|value: &f64| value.is_finite()) {
            return Err(Error::overflow(
                "the variances of the columns are beyond the range of f64; scale the columns",
            ));
        }
        Ok(Priors {
            kind: self.weight_prior,
            weight_concentration: self.weight_concentration.unwrap_or(1.0 / self.n_components as f64),
            mean_precision: self.mean_precision,
            mean,
            degrees_of_freedom: self.degrees_of_freedom.unwrap_or(d as f64),
            covariance,
        })
    }

    fn run(
        &self,
        train: &Train<'_, Matrix, NoTarget>,
        data: &Data<'_>,
        priors: &Priors,
        labels: &[u32],
    ) -> Result<(Found, Posterior)> {
        let all = data.weights.as_ref().map_or(data.n_rows() as f64, |weights| weights.iter().sum());
        let update = |shares: &Shares| {
            let found = maximise(&train.ctx, data, shares, self.covariance, self.reg_covar)?;
            let totals: Vec<f64> = found.weights.iter().map(|weight| weight * all).collect();
            Ok::<_, Error>(priors.update(&found, &totals))
        };
        let (mut posterior, components) = update(&Shares::of_labels(data, labels, self.n_components))?;
        let mut found = Found {
            components,
            lower_bound: f64::NEG_INFINITY,
            change: f64::INFINITY,
            n_iterations: 0,
            converged: false,
        };
        for iteration in 0..self.max_iter {
            train.ctx.step(iteration, self.max_iter)?;
            let expected = expect(data, &posterior.densities(&found.components)?, true)?;
            (posterior, found.components) = update(&expected.shares)?;
            let bound = expected.entropy + posterior.bound(&found.components)?;
            found.change = bound - found.lower_bound;
            (found.lower_bound, found.n_iterations) = (bound, iteration + 1);
            if found.change.abs() < self.tolerance {
                found.converged = true;
                break;
            }
        }
        Ok((found, posterior))
    }
}

impl Estimator for BayesianGaussianMixture {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = BayesianGaussianMixtureModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<BayesianGaussianMixtureModel> {
        self.check(train.x.n_cols())?;
        let data = rows_of(train, self.n_components)?;
        let priors = self.priors(&data)?;
        let points = Points::new(&data.cells, data.width);
        let random = Random::new(train.ctx.seed(self.seed));
        let n_init = if matches!(self.init, MixtureInit::Given(_)) { 1 } else { self.n_init };
        let mut best: Option<(Found, Posterior)> = None;
        for index in 0..n_init {
            let start = (&self.init, self.n_components);
            let labels = first_labels(&train.ctx, &data, &points, start, &mut random.fork(index as u64))?;
            let found = self.run(train, &data, &priors, &labels)?;
            if best.as_ref().is_none_or(|best| found.0.lower_bound > best.0.lower_bound) {
                best = Some(found);
            }
        }
        let (found, posterior) = best.ok_or_else(|| Error::empty("no start was tried"))?;
        let densities = posterior.densities(&found.components)?;
        let mixture = GaussianMixtureModel::new(train.x.features(), found)?.with_densities(densities);
        Ok(BayesianGaussianMixtureModel { mixture, posterior })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// A fitted Bayesian mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct BayesianGaussianMixtureModel {
    mixture: GaussianMixtureModel,
    posterior: Posterior,
}

#[derive(Deserialize)]
struct Parts {
    mixture: GaussianMixtureModel,
    posterior: Posterior,
}

impl TryFrom<Parts> for BayesianGaussianMixtureModel {
    type Error = Error;

    fn try_from(Parts { mixture, posterior }: Parts) -> Result<Self> {
        let components = mixture.components();
        let (k, d) = (components.n_components(), components.width() as f64);
        let one = components.covariance == CovarianceType::Tied;
        let sound = posterior.weight_concentration.len() == k
            && posterior.mean_precision.len() == k
            && posterior.degrees_of_freedom.len() == if one { 1 } else { k }
            && posterior
                .weight_concentration
                .iter()
                .all(|w| w[0] > 0.0 && w[0].is_finite() && w[1] >= 0.0 && w[1].is_finite())
            && posterior.mean_precision.iter().all(|beta| *beta > 0.0 && beta.is_finite())
            && posterior.degrees_of_freedom.iter().all(|freedom| *freedom > d - 1.0 && freedom.is_finite());
        if !sound {
            return Err(Error::corrupt("the distributions of the mixture's components are damaged"));
        }
        let densities = posterior.densities(components)?;
        Ok(BayesianGaussianMixtureModel { mixture: mixture.with_densities(densities), posterior })
    }
}

impl BayesianGaussianMixtureModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.mixture.features()
    }

    /// The expected shares of the components in the whole.
    pub fn weights(&self) -> &[f64] {
        self.mixture.weights()
    }

    /// The expected means, components x columns.
    pub fn means(&self) -> &ArrayRef2<f64> {
        self.mixture.means()
    }

    /// The inverse of the expected inverse covariance of one component, columns x columns.
    ///
    /// # Errors
    /// When there is no such component.
    pub fn covariance(&self, component: usize) -> Result<Array2<f64>> {
        self.mixture.covariance(component)
    }

    /// How many rows' worth each mean counts.
    pub fn mean_precision(&self) -> &[f64] {
        &self.posterior.mean_precision
    }

    /// How many rows' worth each covariance counts; one number where they share one.
    pub fn degrees_of_freedom(&self) -> &[f64] {
        &self.posterior.degrees_of_freedom
    }

    /// The lower bound of the logarithm of the evidence after the last step, without constants of the priors.
    pub fn lower_bound(&self) -> f64 {
        self.mixture.lower_bound()
    }

    /// How much the lower bound rose in the last step; none where there was one step only.
    pub fn last_change(&self) -> Option<f64> {
        self.mixture.last_change()
    }

    /// How many steps the best start took.
    pub fn n_iterations(&self) -> usize {
        self.mixture.n_iterations()
    }

    /// Whether the gain fell below the tolerance before `max_iter` steps.
    pub fn converged(&self) -> bool {
        self.mixture.converged()
    }

    /// The share of each component in each row, rows x components; each row sums to 1.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn responsibilities(&self, x: &Matrix) -> Result<Array2<f64>> {
        self.mixture.responsibilities(x)
    }

    /// The logarithm of the density at each row, with the expected logarithms of weights and determinants.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn log_density(&self, x: &Matrix) -> Result<Values> {
        self.mixture.log_density(x)
    }

    /// Draws rows from the mixture of the expected components, and the component of each.
    ///
    /// # Errors
    /// Never for a model that was fitted.
    pub fn sample(&self, n_rows: usize, seed: u64) -> Result<(Matrix, Clusters)> {
        self.mixture.sample(n_rows, seed)
    }
}

impl Predictor for BayesianGaussianMixtureModel {
    type Input = Matrix;
    /// The component with the largest share in each row.
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        self.mixture.predict(x)
    }
}
