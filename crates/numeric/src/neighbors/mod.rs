//! The nearest rows of a matrix, and the rows within a radius: exactly, unless the search is asked to guess.
//!
//! Distances are computed coordinate by coordinate in one order, whichever way the rows were searched, so the exact ways
//! do not change a bit of the answer; of rows at one distance those with lower numbers come first.

mod answers;
mod bounded;
mod broad;
mod coarse;
mod collect;
mod density;
mod forest;
mod graph;
mod grouped;
mod norm;
mod pairwise;
mod panels;
mod points;
mod rounded;
mod search;
mod smooth;
mod space;
mod spanning;
mod starts;
mod tiles;
mod tree;
mod way;

pub use answers::{Neighbors, Ranges};
pub use bounded::Bounds;
pub use density::Links;
pub use pairwise::{paired, pairwise};
pub use points::{Points, nearest_centres};
pub use search::Index;
pub use smooth::{Profile, Smoothing};
pub use space::Metric;
pub use way::Search;
