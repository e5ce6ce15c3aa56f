#![doc = include_str!("../README.md")]

mod cyclical;
#[cfg(feature = "table")]
mod date_time;
pub mod extraction;
mod from_model;
mod polynomial;
mod records;
mod rfe_cv;
mod scores;
mod select;
mod sequential;
pub mod text;
mod union;
mod univariate;
mod variance;

pub use cyclical::{CyclicalFeatures, CyclicalModel};
#[cfg(feature = "table")]
pub use date_time::{DateTimeFeatures, DateTimeModel, Part};
pub use from_model::{Rfe, SelectFromModel, Threshold};
pub use polynomial::{PolynomialFeatures, PolynomialModel};
pub use records::{DictVectorizer, DictVectorizerModel, FieldValue, Record};
#[cfg(feature = "table")]
pub use records::{FeatureHasher, FeatureHasherModel};
pub use rfe_cv::{RfeCv, RfeCvModel};
pub use scores::{Chi2, ColumnScores, FClassification, FRegression, MutualInformation, ScoreColumns};
pub use select::SelectModel;
pub use sequential::SequentialFeatureSelector;
pub use union::{FeatureUnion, FeatureUnionModel, UnionModels, UnionPart, UnionParts};
pub use univariate::{SelectFdr, SelectFpr, SelectFwe, SelectKBest, SelectPercentile};
pub use variance::VarianceThreshold;
