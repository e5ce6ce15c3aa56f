//! The nearest rows of a matrix, and the rows within a radius, exactly.
//!
//! Distances are computed coordinate by coordinate in one order, whichever way the rows were searched, so the way
//! does not change a bit of the answer; of rows at one distance those with lower numbers come first.

mod answers;
mod collect;
mod norm;
mod panels;
mod points;
mod search;
mod space;
mod spanning;
mod tree;

pub use answers::{Neighbors, Ranges};
pub use points::Points;
pub use search::{Index, Search};
pub use space::Metric;
