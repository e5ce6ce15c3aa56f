//! Scalers: each column is shifted and stretched, or each row.

mod max_abs;
mod min_max;
mod model;
mod normalize;
mod robust;
mod standard;

pub use max_abs::MaxAbsScaler;
pub use min_max::MinMaxScaler;
pub use model::ScalerModel;
pub use normalize::{Norm, Normalizer, NormalizerModel};
pub use robust::RobustScaler;
pub use standard::StandardScaler;
