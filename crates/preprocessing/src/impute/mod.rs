//! Filling what is missing.

mod categories;
mod code_classes;
mod indicator;
mod iterative;
mod knn;
mod moved;
mod multiple;
mod random_sample;
mod simple;

pub use categories::{CategoryImputer, CategoryImputerModel};
pub use code_classes::{NoClassifier, NoClassifierModel};
pub use indicator::{FlaggedColumns, MissingIndicator, MissingIndicatorModel};
pub use iterative::{IterativeImputer, IterativeImputerModel};
pub use knn::{KnnImputer, KnnImputerModel};
pub use multiple::{Draw, MultipleImputer};
pub use random_sample::{RandomSampleImputer, RandomSampleModel};
pub use simple::{SimpleImputer, SimpleImputerModel, Strategy};
