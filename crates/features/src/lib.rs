#![doc = include_str!("../README.md")]

mod cyclical;
#[cfg(feature = "table")]
mod date_time;
pub mod extraction;
mod from_model;
mod percentile;
mod polynomial;
mod rfe_cv;
mod scores;
mod select;
mod sequential;
pub mod text;
mod union;
mod variance;

pub use cyclical::{CyclicalFeatures, CyclicalModel};
#[cfg(feature = "table")]
pub use date_time::{DateTimeFeatures, DateTimeModel, Part};
pub use from_model::{Rfe, SelectFromModel, Threshold};
pub use percentile::SelectPercentile;
pub use polynomial::{PolynomialFeatures, PolynomialModel};
pub use rfe_cv::{RfeCv, RfeCvModel};
pub use select::{SelectKBest, SelectModel};
pub use sequential::SequentialFeatureSelector;
pub use union::{FeatureUnion, FeatureUnionModel, UnionModels, UnionPart, UnionParts};
pub use variance::VarianceThreshold;
