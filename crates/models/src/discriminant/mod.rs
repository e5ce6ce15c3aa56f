//! Linear and quadratic discriminants: a normal distribution for each class.

mod linear;
mod quadratic;
mod spread;

pub use linear::{LinearDiscriminantAnalysis, LinearDiscriminantModel};
pub use quadratic::{QuadraticDiscriminantAnalysis, QuadraticDiscriminantModel};
