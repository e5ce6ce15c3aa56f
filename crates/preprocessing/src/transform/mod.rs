//! Columns in another shape: powers, quantiles, splines, functions.

mod ladder;
mod pointwise;
mod power;
mod power_search;
mod quantile;
mod spline;

pub use pointwise::{Function, Pointwise, PointwiseModel};
pub use power::{PowerMethod, PowerModel, PowerTransformer};
pub use quantile::{OutputDistribution, QuantileModel, QuantileTransformer};
pub use spline::{Extrapolation, Knots, SplineModel, SplineTransformer};
