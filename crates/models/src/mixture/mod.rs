//! Mixtures of distributions.

mod bayesian;
mod components;
mod gaussian;
mod maximise;
mod model;
mod posterior;

pub use bayesian::{BayesianGaussianMixture, BayesianGaussianMixtureModel};
pub use components::CovarianceType;
pub use gaussian::{GaussianMixture, MixtureInit};
pub use model::GaussianMixtureModel;
pub use posterior::WeightPrior;
