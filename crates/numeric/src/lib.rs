#![doc = include_str!("../README.md")]

pub mod at_once;
pub mod descend;
pub mod distance;
pub mod folds;
pub mod isotonic;
pub mod kernel;
pub mod laplacian;
pub mod linalg;
mod logarithm;
pub mod neighbors;
mod normal;
pub mod optimize;
pub mod part;
pub mod pick;
pub mod random;
pub mod reduce;
pub mod simd;
pub mod sparse;
pub mod special;
