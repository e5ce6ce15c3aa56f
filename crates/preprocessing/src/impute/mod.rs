//! Filling what is missing.

mod categories;
mod iterative;
mod knn;
mod multiple;
mod random_sample;
mod simple;

pub use categories::{CategoryImputer, CategoryImputerModel};
pub use iterative::{IterativeImputer, IterativeImputerModel};
pub use knn::{KnnImputer, KnnImputerModel};
pub use multiple::{Draw, MultipleImputer};
pub use random_sample::{RandomSampleImputer, RandomSampleModel};
pub use simple::{SimpleImputer, SimpleImputerModel, Strategy};
