//! Linear models: least squares, penalised regressions, generalised linear models, linear classifiers.

mod centred;
mod classifier_model;
mod coordinate;
mod descent;
mod elastic_net;
mod elastic_net_cv;
mod elastic_net_fit;
mod glm;
mod glm_model;
mod inference;
mod iterative;
mod least_squares;
mod logistic;
mod logistic_loss;
mod logistic_model;
mod model;
mod ridge;
mod ridge_classifier;
mod ridge_cv;
mod sgd;
mod smooth;
mod svm;

pub use classifier_model::LinearClassifierModel;
pub use descent::LearningRate;
pub use elastic_net::{ElasticNet, ElasticNetPath, Lasso};
pub use elastic_net_cv::{ElasticNetCv, ElasticNetCvModel, LassoCv};
pub use glm::{GammaRegressor, PoissonRegressor, TweedieRegressor};
pub use glm_model::{GlmModel, LikelihoodInference};
pub use inference::{CoefficientInference, Inference};
pub use iterative::IterativeLinearModel;
pub use least_squares::{LinearRegression, StandardErrors};
pub use logistic::{LogisticRegression, Solver};
pub use logistic_model::LogisticModel;
pub use model::LinearModel;
pub use ridge::Ridge;
pub use ridge_classifier::RidgeClassifier;
pub use ridge_cv::{RidgeCv, RidgeCvModel};
pub use sgd::{
    ClassLoss, PassiveAggressive, Perceptron, SgdClassifier, SgdClassifierModel, SgdRegressor,
    SgdRegressorModel, ValueLoss,
};
pub use svm::{LinearSvc, LinearSvr};
