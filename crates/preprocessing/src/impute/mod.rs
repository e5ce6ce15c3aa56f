//! Filling what is missing.

mod categories;
mod iterative;
mod knn;
mod simple;

pub use categories::{CategoryImputer, CategoryImputerModel};
pub use iterative::{IterativeImputer, IterativeImputerModel};
pub use knn::{KnnImputer, KnnImputerModel};
pub use simple::{SimpleImputer, SimpleImputerModel, Strategy};
