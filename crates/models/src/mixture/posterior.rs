//! What is known of the components of a Bayesian mixture: conjugate distributions, updated by the rows.
//!
//! Weights have a Dirichlet distribution or a Dirichlet process, means and precisions a Gaussian and a Wishart
//! distribution (Attias, 2000; Blei and Jordan, 2006; Bishop, 2006, section 10.2).

use ndarray::Array2;
use perennial_core::Result;
use perennial_statistics::special::{digamma, ln_gamma};
use serde::{Deserialize, Serialize};

use super::components::{Components, CovarianceType, Densities};

/// What is believed of the weights of the components before any row is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightPrior {
    /// A Dirichlet process, by sticks that are broken: of any number of components the first are likely large.
    #[default]
    DirichletProcess,
    /// A Dirichlet distribution: all components are alike.
    DirichletDistribution,
}

/// The priors, with all that was not set filled in from the rows.
#[derive(Clone, Debug)]
pub(super) struct Priors {
    pub(super) kind: WeightPrior,
    pub(super) weight_concentration: f64,
    pub(super) mean_precision: f64,
    pub(super) mean: Vec<f64>,
    pub(super) degrees_of_freedom: f64,
    /// In the form of one component's covariance.
    pub(super) covariance: Vec<f64>,
}

/// The posterior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Posterior {
    pub(super) kind: WeightPrior,
    /// By component: of the Dirichlet distribution, or of the two parts of a stick.
    pub(super) weight_concentration: Vec<[f64; 2]>,
    pub(super) mean_precision: Vec<f64>,
    /// By component; one for all where they share a covariance.
    pub(super) degrees_of_freedom: Vec<f64>,
}

impl Posterior {
    pub(super) fn freedom(&self, component: usize) -> f64 {
        self.degrees_of_freedom[component.min(self.degrees_of_freedom.len() - 1)]
    }

    /// The expected logarithms of the weights.
    fn log_weights(&self) -> Vec<f64> {
        match self.kind {
            WeightPrior::DirichletDistribution => {
                let total: f64 = self.weight_concentration.iter().map(|weight| weight[0]).sum();
                self.weight_concentration.iter().map(|weight| digamma(weight[0]) - digamma(total)).collect()
            }
            WeightPrior::DirichletProcess => {
                let mut rest = 0.0;
                let of_stick = |&[own, after]: &[f64; 2]| {
                    let both = digamma(own + after);
                    let weight = digamma(own) - both + rest;
                    rest += digamma(after) - both;
                    weight
                };
                self.weight_concentration.iter().map(of_stick).collect()
            }
        }
    }

    /// The expected weights.
    fn weights(&self) -> Vec<f64> {
        let mut rest = 1.0;
        let shares: Vec<f64> = match self.kind {
            WeightPrior::DirichletDistribution => self.weight_concentration.iter().map(|w| w[0]).collect(),
            WeightPrior::DirichletProcess => {
                let of_stick = |&[own, after]: &[f64; 2]| {
                    let share = rest * own / (own + after);
                    rest *= after / (own + after);
                    share
                };
                self.weight_concentration.iter().map(of_stick).collect()
            }
        };
        let total: f64 = shares.iter().sum();
        // A stick that is used up leaves nothing that a number could tell from 0.
        shares.into_iter().map(|share| (share / total).max(f64::MIN_POSITIVE)).collect()
    }

    /// The densities of the components with the expected logarithms in place of those of the means.
    pub(super) fn densities(&self, components: &Components) -> Result<Densities> {
        let d = components.width() as f64;
        let log_weights = self.log_weights();
        let mut densities = components.densities()?;
        densities.adjust(|component| {
            let freedom = self.freedom(component);
            let spread = d * 2f64.ln()
                + (0..components.width()).map(|i| digamma(0.5 * (freedom - i as f64))).sum::<f64>();
            log_weights[component] - components.weights[component].ln()
                + 0.5 * (spread - d * freedom.ln() - d / self.mean_precision[component])
        });
        Ok(densities)
    }

    /// The part of the lower bound of the evidence that is not the entropy of the shares.
    pub(super) fn bound(&self, components: &Components) -> Result<f64> {
        let (k, width) = (components.n_components(), components.width());
        let d = width as f64;
        let log_roots = components.log_precision_roots()?;
        let wishart = |component: usize| {
            let freedom = self.freedom(component);
            let root = log_roots[component] - 0.5 * d * freedom.ln();
            let gammas: f64 = (0..width).map(|i| ln_gamma(0.5 * (freedom - i as f64))).sum();
            -(freedom * root + freedom * d * 0.5 * 2f64.ln() + gammas)
        };
        let wisharts: f64 = (0..k).map(wishart).sum();
        let norm = match self.kind {
            WeightPrior::DirichletProcess => {
                let beta = |&[a, b]: &[f64; 2]| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
                -self.weight_concentration.iter().map(beta).sum::<f64>()
            }
            WeightPrior::DirichletDistribution => {
                let total: f64 = self.weight_concentration.iter().map(|weight| weight[0]).sum();
                ln_gamma(total) - self.weight_concentration.iter().map(|w| ln_gamma(w[0])).sum::<f64>()
            }
        };
        Ok(-wisharts - norm - 0.5 * d * self.mean_precision.iter().map(|beta| beta.ln()).sum::<f64>())
    }
}

impl Priors {
    /// The posterior, and the expected components; `found` are those that fit the shares best, `totals` their weights.
    pub(super) fn update(&self, found: &Components, totals: &[f64]) -> (Posterior, Components) {
        let (k, d) = (found.n_components(), found.width());
        let mean_precision: Vec<f64> = totals.iter().map(|total| self.mean_precision + total).collect();
        let means = Array2::from_shape_fn((k, d), |(component, column)| {
            (self.mean_precision * self.mean[column] + totals[component] * found.means[[component, column]])
                / mean_precision[component]
        });
        let mut after: f64 = totals.iter().sum();
        let weight_concentration = totals
            .iter()
            .map(|total| {
                after = (after - total).max(0.0);
                match self.kind {
                    WeightPrior::DirichletProcess => [1.0 + total, self.weight_concentration + after],
                    WeightPrior::DirichletDistribution => [self.weight_concentration + total, 0.0],
                }
            })
            .collect();
        let apart = |component: usize, column: usize| found.means[[component, column]] - self.mean[column];
        let pull = |component: usize| self.mean_precision / mean_precision[component];
        let tied = found.covariance == CovarianceType::Tied;
        let mean_total = totals.iter().sum::<f64>() / k as f64;
        let degrees_of_freedom: Vec<f64> = match tied {
            true => vec![self.degrees_of_freedom + mean_total],
            false => totals.iter().map(|total| self.degrees_of_freedom + total).collect(),
        };
        let mut covariances = found.covariances.clone();
        match found.covariance {
            CovarianceType::Full => {
                for (place, value) in covariances.iter_mut().enumerate() {
                    let (component, i, j) = (place / (d * d), place / d % d, place % d);
                    let shift = pull(component) * apart(component, i) * apart(component, j);
                    *value = (self.covariance[place % (d * d)] + totals[component] * (*value + shift))
                        / degrees_of_freedom[component];
                }
            }
            CovarianceType::Tied => {
                for (place, value) in covariances.iter_mut().enumerate() {
                    let (i, j) = (place / d, place % d);
                    let shift: f64 = (0..k)
                        .map(|component| {
                            pull(component) * totals[component] * apart(component, i) * apart(component, j)
                        })
                        .sum();
                    *value = (self.covariance[place] + *value * mean_total + shift / k as f64)
                        / degrees_of_freedom[0];
                }
            }
            CovarianceType::Diagonal => {
                for (place, value) in covariances.iter_mut().enumerate() {
                    let (component, column) = (place / d, place % d);
                    let shift = pull(component) * apart(component, column).powi(2);
                    *value = (self.covariance[column] + totals[component] * (*value + shift))
                        / degrees_of_freedom[component];
                }
            }
            CovarianceType::Spherical => {
                for (component, value) in covariances.iter_mut().enumerate() {
                    let squares: f64 = (0..d).map(|column| apart(component, column).powi(2)).sum();
                    let shift = pull(component) * squares / d as f64;
                    *value = (self.covariance[0] + totals[component] * (*value + shift))
                        / degrees_of_freedom[component];
                }
            }
        }
        let kind = self.kind;
        let posterior = Posterior { kind, weight_concentration, mean_precision, degrees_of_freedom };
        let weights = posterior.weights();
        (posterior, Components { covariance: found.covariance, weights, means, covariances })
    }
}
