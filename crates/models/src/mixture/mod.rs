//! Mixtures of distributions.

mod components;
mod gaussian;
mod maximise;
mod model;

pub use components::CovarianceType;
pub use gaussian::{GaussianMixture, MixtureInit};
pub use model::GaussianMixtureModel;
