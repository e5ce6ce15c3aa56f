//! Models of near rows go through the conformance kit.

use perennial_models::neighbors::{CentroidMetric, ClassPriors, Metric, Search, Weighting};
use perennial_models::{
    KNeighborsClassifier, KNeighborsRegressor, NearestCentroid, RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
};
use perennial_testing::{Tags, check};

check!(neighbors_classifier, classifier, KNeighborsClassifier::new());
check!(
    neighbors_classifier_distance,
    classifier,
    KNeighborsClassifier::new().weighting(Weighting::Distance).search(Search::Tree)
);
check!(neighbors_classifier_manhattan, classifier, KNeighborsClassifier::new().metric(Metric::Manhattan));
check!(
    neighbors_classifier_cosine,
    classifier,
    KNeighborsClassifier::new().metric(Metric::Cosine),
    Tags::new().poor_score()
);
check!(
    neighbors_classifier_minkowski,
    classifier,
    KNeighborsClassifier::new().metric(Metric::Minkowski(3.0)).n_neighbors(3)
);
check!(
    neighbors_classifier_radius,
    classifier,
    RadiusNeighborsClassifier::new().radius(1.5),
    Tags::new().most_rows(1000)
);
check!(
    neighbors_classifier_outliers,
    classifier,
    RadiusNeighborsClassifier::new().radius(1.5).weighting(Weighting::Distance).outlier_label("far off"),
    Tags::new()
        .most_rows(1000)
        .expect_fail("C01", "a class that the target does not have comes after those that it has")
);
check!(neighbors_centroid, decider, NearestCentroid::new(), Tags::new());
check!(
    neighbors_centroid_medians,
    decider,
    NearestCentroid::new().metric(CentroidMetric::Manhattan).shrink_threshold(0.2),
    Tags::new()
);
check!(
    neighbors_centroid_priors,
    decider,
    NearestCentroid::new().priors(ClassPriors::Empirical),
    Tags::new()
);
check!(neighbors_regressor, regressor, KNeighborsRegressor::new(), Tags::new().poor_score());
check!(
    neighbors_regressor_distance,
    regressor,
    KNeighborsRegressor::new().weighting(Weighting::Distance).search(Search::Brute),
    Tags::new().poor_score()
);
check!(
    neighbors_regressor_radius,
    regressor,
    RadiusNeighborsRegressor::new().radius(2.0),
    Tags::new().poor_score().most_rows(1000)
);
