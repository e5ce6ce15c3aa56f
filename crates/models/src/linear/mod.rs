//! Linear models: least squares, ridge, logistic regression.

mod inference;
mod least_squares;
mod logistic;
mod logistic_loss;
mod logistic_model;
mod model;
mod ridge;

pub use inference::{CoefficientInference, Inference};
pub use least_squares::LinearRegression;
pub use logistic::{LogisticRegression, Solver};
pub use logistic_model::LogisticModel;
pub use model::LinearModel;
pub use ridge::Ridge;
