//! Linear models: least squares, penalised regressions, generalised linear models, linear classifiers.

mod centred;
mod coordinate;
mod elastic_net;
mod elastic_net_cv;
mod elastic_net_fit;
mod inference;
mod iterative;
mod least_squares;
mod logistic;
mod logistic_loss;
mod logistic_model;
mod model;
mod ridge;

pub use elastic_net::{ElasticNet, ElasticNetPath, Lasso};
pub use elastic_net_cv::{ElasticNetCv, ElasticNetCvModel, LassoCv};
pub use inference::{CoefficientInference, Inference};
pub use iterative::IterativeLinearModel;
pub use least_squares::LinearRegression;
pub use logistic::{LogisticRegression, Solver};
pub use logistic_model::LogisticModel;
pub use model::LinearModel;
pub use ridge::Ridge;
