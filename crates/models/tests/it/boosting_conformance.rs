//! All boosters go through the conformance kit, with every setting that changes the path.

use perennial_models::boosting::{Growth, Mode, RegressionLoss, RowSampling, Watch};
use perennial_models::{ClassWeight, GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_testing::{Tags, check};

/// Bins and the rounding of derivatives follow from all rows, so equal data in another form gives equal answers only
/// about.
fn tags() -> Tags {
    Tags::new().weight_tolerance(0.5)
}

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(60).min_samples_leaf(3)
}

fn classifier() -> GradientBoostingClassifier {
    GradientBoostingClassifier::new().n_trees(60).min_samples_leaf(3)
}

check!(boosted_regressor, regressor, regressor(), tags());
check!(boosted_regressor_plain, regressor, GradientBoostingRegressor::new(), tags());
check!(boosted_depth_wise, regressor, regressor().growth(Growth::DepthWise).max_depth(4), tags());
check!(boosted_rows, regressor, regressor().row_sampling(RowSampling::Fraction(0.7)), tags());
check!(
    boosted_goss,
    regressor,
    regressor().row_sampling(RowSampling::Gradient { top: 0.3, rest: 0.3 }),
    tags()
);
check!(
    boosted_columns,
    regressor,
    regressor().columns_by_tree(0.8).columns_by_level(0.9).columns_by_node(0.9),
    tags()
);
check!(
    boosted_dart,
    regressor,
    regressor().mode(Mode::Dart { drop_rate: 0.1, skip: 0.5, max_dropped: 10 }),
    tags()
);
check!(
    boosted_forest,
    regressor,
    regressor().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.6)).columns_by_node(0.7),
    tags()
);
check!(boosted_penalties, regressor, regressor().l1(0.1).l2(3.0).path_smoothing(2.0).min_gain(1e-6), tags());
check!(
    boosted_steps,
    regressor,
    regressor().max_delta_step(4.0).row_sampling(RowSampling::Fraction(0.7)).bagging_freq(4),
    tags()
);
check!(boosted_extra_trees, regressor, regressor().extra_trees(true).n_trees(120), tags());
check!(boosted_few_bins, regressor, regressor().max_bins(16), tags());
check!(
    boosted_watched,
    regressor,
    regressor().patience(5).watch([Watch::MeanAbsoluteError, Watch::Loss]),
    tags()
);
check!(boosted_absolute, regressor, regressor().loss(RegressionLoss::AbsoluteError), tags());
check!(boosted_huber, regressor, regressor().loss(RegressionLoss::Huber { delta: 1.0 }), tags());
check!(boosted_fair, regressor, regressor().loss(RegressionLoss::Fair { c: 1.0 }), tags());
check!(boosted_quantile, regressor, regressor().loss(RegressionLoss::Quantile { level: 0.5 }), tags());

check!(boosted_classifier, classifier, classifier(), tags());
check!(boosted_classifier_plain, classifier, GradientBoostingClassifier::new(), tags());
check!(boosted_classifier_balanced, classifier, classifier().class_weight(ClassWeight::Balanced), tags());
check!(
    boosted_classifier_goss,
    classifier,
    classifier().row_sampling(RowSampling::Gradient { top: 0.3, rest: 0.3 }),
    tags()
);
check!(
    boosted_classifier_one_vs_all,
    classifier,
    classifier().one_vs_all(true).row_sampling(RowSampling::Stratified(0.8)),
    tags()
);
