//! A fitted mixture.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Clusters, Error, Features, Matrix, Predictor, Result, Rows, Values};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::components::{Components, CovarianceType, Densities, normalise};
use super::gaussian::Found;
use crate::rows::row_major;

/// Rows of one task.
const BLOCK: usize = 2048;

/// A fitted Gaussian mixture.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GaussianMixtureModel {
    features: Features,
    components: Components,
    lower_bound: f64,
    change: Option<f64>,
    n_iterations: usize,
    converged: bool,
    #[serde(skip)]
    densities: Densities,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    components: Components,
    lower_bound: f64,
    change: Option<f64>,
    n_iterations: usize,
    converged: bool,
}

impl PartialEq for GaussianMixtureModel {
    fn eq(&self, other: &Self) -> bool {
        (&self.features, &self.components, self.lower_bound, self.n_iterations)
            == (&other.features, &other.components, other.lower_bound, other.n_iterations)
    }
}

impl TryFrom<Parts> for GaussianMixtureModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, components, lower_bound, change, n_iterations, converged } = parts;
        let (k, d) = (components.n_components(), features.len());
        let size = Components::n_covariances(components.covariance, k, d);
        let fits = k > 0 && d > 0 && components.means.dim() == (k, d) && components.covariances.len() == size;
        let mut numbers = components.means.iter().chain(&components.covariances);
        if !fits
            || !numbers.all(|value| value.is_finite())
            || !components.weights.iter().all(|weight| *weight > 0.0)
        {
            return Err(Error::corrupt("the components of the mixture are damaged"));
        }
        let densities = components.densities().map_err(|error| {
            Error::corrupt("the covariances of the mixture are damaged").with_source(error)
        })?;
        Ok(GaussianMixtureModel {
            features,
            components,
            lower_bound,
            change,
            n_iterations,
            converged,
            densities,
        })
    }
}

impl GaussianMixtureModel {
    pub(super) fn new(features: &Features, found: Found) -> Result<Self> {
        let Found { components, lower_bound, change, n_iterations, converged } = found;
        let densities = components.densities()?;
        let change = change.is_finite().then_some(change);
        let features = features.clone();
        Ok(GaussianMixtureModel {
            features,
            components,
            lower_bound,
            change,
            n_iterations,
            converged,
            densities,
        })
    }

    /// The same components with other densities.
    pub(super) fn with_densities(mut self, densities: Densities) -> Self {
        self.densities = densities;
        self
    }

    pub(super) fn components(&self) -> &Components {
        &self.components
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The shares of the components in the whole.
    pub fn weights(&self) -> &[f64] {
        &self.components.weights
    }

    /// The means, components x columns.
    pub fn means(&self) -> &ArrayRef2<f64> {
        &self.components.means
    }

    /// The covariance of one component, columns x columns.
    ///
    /// # Errors
    /// When there is no such component.
    pub fn covariance(&self, component: usize) -> Result<Array2<f64>> {
        let (k, d) = (self.components.n_components(), self.components.width());
        if component >= k {
            return Err(Error::unknown(format!(
                "there is no component {component}; there are {k}, counted from 0"
            )));
        }
        let numbers = &self.components.covariances;
        Ok(Array2::from_shape_fn((d, d), |(i, j)| match self.components.covariance {
            CovarianceType::Full => numbers[(component * d + i) * d + j],
            CovarianceType::Tied => numbers[i * d + j],
            CovarianceType::Diagonal if i == j => numbers[component * d + i],
            CovarianceType::Spherical if i == j => numbers[component],
            _ => 0.0,
        }))
    }

    /// The mean log density of the training rows at the start of the last step.
    pub fn lower_bound(&self) -> f64 {
        self.lower_bound
    }

    /// How much the mean log density rose in the last step; none where there was one step only.
    pub fn last_change(&self) -> Option<f64> {
        self.change
    }

    /// How many steps the best start took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether the gain fell below the tolerance before `max_iter` steps.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The share of each component in each row, and the logarithm of the density of each row.
    fn shares(&self, x: &Matrix) -> Result<(Array2<f64>, Vec<f64>)> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let (cells, k) = (row_major(x), self.components.n_components());
        let parts = reduce::map_chunks(x.nrows(), BLOCK, |rows| {
            let mut shares = self.densities.logarithms(&cells, rows);
            let logs: Vec<f64> = shares.chunks_exact_mut(k).map(normalise).collect();
            (shares, logs)
        });
        let (mut shares, mut logs) = (Vec::with_capacity(x.nrows() * k), Vec::with_capacity(x.nrows()));
        for (block, mut own) in parts {
            shares.extend(block);
            logs.append(&mut own);
        }
        if let Some(row) = logs.iter().position(|log| !log.is_finite()) {
            return Err(Error::overflow(format!(
                "row {row} is so far from all components that its density vanishes; check its units"
            )));
        }
        Ok((Array2::from_shape_vec((x.nrows(), k), shares).map_err(Error::other)?, logs))
    }

    /// The share of each component in each row, rows x components; each row sums to 1.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn responsibilities(&self, x: &Matrix) -> Result<Array2<f64>> {
        Ok(self.shares(x)?.0)
    }

    /// The logarithm of the density at each row.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn log_density(&self, x: &Matrix) -> Result<Values> {
        Ok(self.shares(x)?.1.into())
    }

    /// The Bayesian information criterion on these rows (Schwarz, 1978); less is better.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn bic(&self, x: &Matrix) -> Result<f64> {
        let logs = reduce::sum(self.log_density(x)?.as_slice());
        Ok(self.components.n_parameters() as f64 * (x.n_rows() as f64).ln() - 2.0 * logs)
    }

    /// The information criterion of Akaike (1974) on these rows; less is better.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is not finite.
    pub fn aic(&self, x: &Matrix) -> Result<f64> {
        let logs = reduce::sum(self.log_density(x)?.as_slice());
        Ok(2.0 * self.components.n_parameters() as f64 - 2.0 * logs)
    }

    /// Draws rows from the mixture, and the component of each.
    ///
    /// # Errors
    /// Never for a model that was fitted.
    pub fn sample(&self, n_rows: usize, seed: u64) -> Result<(Matrix, Clusters)> {
        let (k, d) = (self.components.n_components(), self.components.width());
        let matrices = matches!(self.components.covariance, CovarianceType::Full | CovarianceType::Tied);
        let factors: Vec<Array2<f64>> = (0..if matrices { k } else { 0 })
            .map(|component| self.components.factor(component))
            .collect::<Result<_>>()?;
        let mut random = Random::new(seed);
        let (mut rows, mut labels) = (Array2::zeros((n_rows, d)), Vec::with_capacity(n_rows));
        for mut row in rows.rows_mut() {
            let component = random.weighted_index(&self.components.weights).unwrap_or(0);
            labels.push(component as i32);
            let draws: Vec<f64> = (0..d).map(|_| random.normal()).collect();
            for (column, value) in row.iter_mut().enumerate() {
                let spread = match self.components.covariance {
                    CovarianceType::Diagonal => {
                        self.components.covariances[component * d + column].sqrt() * draws[column]
                    }
                    CovarianceType::Spherical => {
                        self.components.covariances[component].sqrt() * draws[column]
                    }
                    _ => (0..=column).map(|other| factors[component][[column, other]] * draws[other]).sum(),
                };
                *value = self.components.means[[component, column]] + spread;
            }
        }
        let rows = Matrix::from(rows).with_features(self.features.clone())?;
        Ok((rows, Clusters::of(labels, k as u32)?))
    }
}

impl Predictor for GaussianMixtureModel {
    type Input = Matrix;
    /// The component with the largest share in each row.
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        let shares = self.responsibilities(x)?;
        let most = |row: ndarray::ArrayView1<'_, f64>| {
            let mut best = 0;
            for (component, share) in row.iter().enumerate() {
                if *share > row[best] {
                    best = component;
                }
            }
            best as i32
        };
        let labels = shares.rows().into_iter().map(most).collect();
        Clusters::of(labels, self.components.n_components() as u32)
    }
}
