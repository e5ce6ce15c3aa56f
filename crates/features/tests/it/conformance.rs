//! Every step of matrices passes the conformance kit.

use perennial_core::Estimator;
use perennial_features::extraction::Pca;
use perennial_features::{CyclicalFeatures, PolynomialFeatures, SelectKBest};
use perennial_testing::{Tags, check};

check!(cyclical, transformer, CyclicalFeatures::new(24.0), Tags::new().exact_solver());
check!(polynomial, transformer, PolynomialFeatures::new(), Tags::new().exact_solver());
check!(
    interactions,
    transformer,
    PolynomialFeatures::new().degree(3).interaction_only(true).include_bias(true)
);
check!(select_regression, transformer, SelectKBest::regression(3), Tags::new().selects_by_target());
check!(select_classification, transformer, SelectKBest::classification(2), Tags::new().selects_by_target());
check!(pca, transformer, Pca::new());
check!(pca_whitened, transformer, Pca::new().n_components(3).whiten(true));
check!(pipeline, transformer, PolynomialFeatures::new().then(Pca::new().n_components(4)));
