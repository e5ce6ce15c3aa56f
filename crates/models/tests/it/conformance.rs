//! The estimators that are always there go through the conformance kit; each family has a file of its own.

use perennial_models::baseline::{
    ClassificationBaseline, NaiveForecast, NaiveForecaster, OneFeatureClassifier, OneFeatureRegressor,
    RegressionBaseline,
};
use perennial_models::{DummyClassifier, DummyRegressor, GaussianNaiveBayes};
use perennial_testing::{Tags, check};

fn poor() -> Tags {
    Tags::new().poor_score()
}

check!(dummy_mean, regressor, DummyRegressor::new(), poor().equivariant());
check!(
    dummy_median,
    regressor,
    DummyRegressor::new().strategy(RegressionBaseline::Median),
    poor().equivariant().exact_solver()
);
check!(
    dummy_quantile,
    regressor,
    DummyRegressor::new().strategy(RegressionBaseline::Quantile(0.3)),
    poor().equivariant().exact_solver()
);
check!(
    dummy_constant,
    regressor,
    DummyRegressor::new().strategy(RegressionBaseline::Constant(2.0)),
    poor().expect_fail("R02", "a constant of one's own is not the target's")
);
check!(dummy_prior, classifier, DummyClassifier::new(), poor().exact_solver());
check!(
    dummy_most_frequent,
    classifier,
    DummyClassifier::new().strategy(ClassificationBaseline::MostFrequent),
    poor().exact_solver()
);
check!(
    dummy_uniform,
    classifier,
    DummyClassifier::new().strategy(ClassificationBaseline::Uniform),
    poor().exact_solver()
);
check!(
    dummy_stratified,
    classifier,
    DummyClassifier::new().strategy(ClassificationBaseline::Stratified),
    poor().row_dependent()
);

check!(naive_bayes, classifier, GaussianNaiveBayes::new());
check!(naive_bayes_smooth, classifier, GaussianNaiveBayes::new().var_smoothing(0.1));

check!(one_feature_regressor, regressor, OneFeatureRegressor::new(), poor());
check!(one_feature_classifier, classifier, OneFeatureClassifier::new(), poor());
check!(naive_last, regressor, NaiveForecaster::new(), poor());
check!(naive_drift, regressor, NaiveForecaster::new().strategy(NaiveForecast::Drift), poor());
check!(naive_seasonal, regressor, NaiveForecaster::new().strategy(NaiveForecast::Seasonal(2.0)), poor());
