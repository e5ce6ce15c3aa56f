#![doc = include_str!("../README.md")]
// What families share is used by some of them only.
#![cfg_attr(not(feature = "default"), allow(dead_code))]

pub mod baseline;
#[cfg(feature = "trees")]
pub mod binned;
#[cfg(feature = "trees")]
pub mod boosting;
mod classes;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "compose")]
pub mod compose;
mod coupling;
pub mod covariance;
pub mod discriminant;
#[cfg(feature = "trees")]
pub mod ensemble;
mod folds;
#[cfg(feature = "trees")]
pub mod forest;
#[cfg(feature = "kernels")]
pub mod gaussian_process;
#[cfg(feature = "trees")]
pub mod interchange;
pub mod isotonic;
#[cfg(feature = "kernels")]
pub mod kernel_ridge;
#[cfg(feature = "linear")]
pub mod linear;
#[cfg(feature = "cluster")]
pub mod mixture;
pub mod naive_bayes;
#[cfg(feature = "neighbors")]
pub mod neighbors;
#[cfg(feature = "neural")]
pub mod neural;
#[cfg(feature = "outlier")]
pub mod outlier;
#[cfg(feature = "trees")]
mod pool;
#[cfg(feature = "registry")]
pub mod registry;
mod rows;
mod setters;
#[cfg(feature = "trees")]
pub mod shap;
#[cfg(feature = "kernels")]
pub mod svm;
#[cfg(feature = "trees")]
pub mod tree;

pub use baseline::{DummyClassifier, DummyRegressor};
#[cfg(feature = "trees")]
pub use binned::Binner;
#[cfg(feature = "trees")]
pub use boosting::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRanker,
    GradientBoostingRegressor,
};
pub use classes::ClassWeight;
#[cfg(feature = "cluster")]
pub use cluster::{
    AgglomerativeClustering, Birch, BisectingKMeans, Dbscan, Hdbscan, KMeans, MeanShift, MiniBatchKMeans,
    Optics, SpectralClustering,
};
pub use covariance::{EmpiricalCovariance, GraphicalLasso, GraphicalLassoCv, LedoitWolf, MinCovDet, Oas};
pub use discriminant::{LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis};
#[cfg(feature = "trees")]
pub use ensemble::Ensemble;
pub use folds::Folds;
#[cfg(feature = "trees")]
pub use forest::{
    ExtraTreesClassifier, ExtraTreesRegressor, QuantileForestRegressor, RandomForestClassifier,
    RandomForestRegressor,
};
pub use isotonic::IsotonicRegression;
#[cfg(feature = "kernels")]
pub use kernel_ridge::KernelRidge;
#[cfg(feature = "linear")]
pub use linear::{
    ArdRegression, BayesianRidge, Cca, ElasticNet, ElasticNetCv, FtrlClassifier, GammaRegressor,
    HuberRegressor, Lars, Lasso, LassoCv, LassoLars, LassoLarsCv, LassoLarsIc, LinearRegression, LinearSvc,
    LinearSvr, LogisticRegression, LogisticRegressionCv, MultiTaskElasticNet, MultiTaskElasticNetCv,
    MultiTaskLasso, MultiTaskLassoCv, OrthogonalMatchingPursuit, PassiveAggressive, Perceptron, PlsCanonical,
    PlsRegression, PoissonRegressor, QuantileRegressor, RansacRegressor, Ridge, RidgeClassifier,
    RidgeClassifierCv, RidgeCv, SgdClassifier, SgdRegressor, TheilSenRegressor, TweedieRegressor,
};
#[cfg(feature = "cluster")]
pub use mixture::{BayesianGaussianMixture, GaussianMixture};
pub use naive_bayes::{
    BernoulliNaiveBayes, CategoricalNaiveBayes, ComplementNaiveBayes, GaussianNaiveBayes,
    MultinomialNaiveBayes,
};
#[cfg(feature = "neighbors")]
pub use neighbors::{
    KNeighborsClassifier, KNeighborsRegressor, KernelDensity, NearestCentroid, NearestNeighbors,
    RadiusNeighborsClassifier, RadiusNeighborsRegressor,
};
#[cfg(feature = "neural")]
pub use neural::{MlpClassifier, MlpRegressor};
#[cfg(feature = "outlier")]
pub use outlier::{EllipticEnvelope, IsolationForest, LocalOutlierFactor};
#[cfg(feature = "kernels")]
pub use svm::{OneClassSvm, ProbabilisticSvc, Svc, Svr};
#[cfg(feature = "trees")]
pub use tree::{DecisionTreeClassifier, DecisionTreeRegressor};
