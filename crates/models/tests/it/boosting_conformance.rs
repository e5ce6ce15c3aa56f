//! Boosters of numbers, quantiles and classes go through the conformance kit, with the settings and losses that change the
//! path. Rankers do so beside their other tests. Not here: `Fair` and `Huber` beside each other setting, classes by losses of one's
//! own, and what only bounds the work, such as `time_limit` and `memory_limit`.

use perennial_models::boosting::{
    AcceleratedFailureTime, ClassificationLoss, Cox, Growth, Mode, MonotoneMethod, RegressionLoss,
    RowSampling, Watch,
};
use perennial_models::tree::Splits;
use perennial_models::{
    ClassWeight, GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRegressor,
};
use perennial_testing::{Tags, check};

use crate::steered::{Middle, Steered, Way};

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

/// Fewer rows and trees: each of these is one of many.
fn short() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(12).learning_rate(0.3).min_samples_leaf(3)
}

fn steered<O>(way: Way, inner: GradientBoostingRegressor<O>) -> Steered<GradientBoostingRegressor<O>> {
    Steered { way, inner }
}

fn few_rows() -> Tags {
    tags().most_rows(1500)
}

/// The target that is learned is not the one that the kit compares with.
fn other_target() -> Tags {
    const OTHER: &str = "the target is made into another one";
    few_rows().poor_score().expect_fail("R02", OTHER)
}

check!(
    boosted_poisson,
    regressor,
    steered(Way::Positive, short().loss(RegressionLoss::Poisson)),
    other_target()
);
check!(boosted_gamma, regressor, steered(Way::Positive, short().loss(RegressionLoss::Gamma)), other_target());
check!(
    boosted_tweedie,
    regressor,
    steered(Way::Positive, short().loss(RegressionLoss::Tweedie { power: 1.4 })),
    other_target()
);
check!(
    boosted_cross_entropy,
    regressor,
    steered(Way::Shares, short().loss(RegressionLoss::CrossEntropy)),
    other_target()
);
check!(
    boosted_percentage,
    regressor,
    steered(Way::Positive, short().loss(RegressionLoss::AbsolutePercentageError)),
    other_target()
);
check!(boosted_cox, regressor, steered(Way::Times, short().loss(Cox)), other_target());
check!(
    boosted_failure_times,
    regressor,
    steered(Way::Times, short().loss(AcceleratedFailureTime::default())),
    other_target()
);
check!(
    boosted_focal,
    regressor,
    steered(Way::Signs, short().loss(ClassificationLoss::Focal { gamma: 2.0, alpha: 0.4 })),
    other_target()
);
check!(boosted_monotone, regressor, steered(Way::Monotone, short()), few_rows());
check!(
    boosted_monotone_intermediate,
    regressor,
    steered(Way::Monotone, short().monotone_method(MonotoneMethod::Intermediate)),
    few_rows()
);
check!(boosted_interactions, regressor, steered(Way::Interactions, short()), few_rows());
check!(
    boosted_beside_an_offset,
    regressor,
    steered(Way::Offset, short()),
    few_rows()
        .expect_fail("R02", "what is added to the scores is no constant")
        .expect_fail("E17", "an offset may not be missing, as other columns may")
);
check!(boosted_in_bins, regressor, steered(Way::Bins, short()), few_rows());
check!(
    boosted_groups,
    regressor,
    steered(Way::Groups, short().row_sampling(RowSampling::Groups(0.7))),
    few_rows()
);
check!(
    boosted_more_of_the_rare,
    regressor,
    steered(Way::Signs, short().row_sampling(RowSampling::PositiveNegative { positive: 0.6, negative: 1.0 })),
    other_target()
);
check!(
    boosted_from_a_score,
    regressor,
    short().base_score(9.0).n_trees(40),
    few_rows().expect_fail("R02", "rows do not start from the best constant")
);
check!(
    boosted_without_bundles,
    regressor,
    short()
        .enable_bundle(false)
        .max_cat_to_onehot(64)
        .max_categories(2)
        .category_smoothing(1.0)
        .category_l2(1.0),
    few_rows()
);
check!(
    boosted_quantiles,
    regressor,
    Middle(
        GradientBoostingQuantileRegressor::new([0.1, 0.5, 0.9])
            .n_trees(12)
            .learning_rate(0.3)
            .min_samples_leaf(3)
    ),
    few_rows()
);

// Nothing is put into bins or rounded here, and rows are not counted: weights are copies.
check!(
    boosted_exact,
    regressor,
    short().splits(Splits::Exact).min_samples_leaf(1).n_trees(40),
    Tags::new().most_rows(1500)
);
check!(
    boosted_exact_watched,
    regressor,
    short()
        .splits(Splits::Exact)
        .n_trees(60)
        .growth(Growth::DepthWise)
        .max_depth(4)
        .row_sampling(RowSampling::Fraction(0.8))
        .l1(0.1)
        .path_smoothing(1.0)
        .patience(5),
    few_rows()
);
check!(boosted_exact_monotone, regressor, steered(Way::Monotone, short().splits(Splits::Exact)), few_rows());

const DRAWN: &str = "rows are drawn, and derivatives rounded, by the number of the row: rows near a border change their class";

fn short_classifier() -> GradientBoostingClassifier {
    GradientBoostingClassifier::new().n_trees(12).learning_rate(0.3).min_samples_leaf(3)
}

check!(
    boosted_classifier_dart,
    classifier,
    short_classifier().mode(Mode::Dart { drop_rate: 0.2, skip: 0.3, max_dropped: 5 }),
    few_rows().expect_fail("W01", DRAWN)
);
check!(
    boosted_classifier_forest,
    classifier,
    short_classifier().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.6)),
    few_rows().expect_fail("W01", DRAWN).expect_fail("W02", DRAWN)
);
check!(
    boosted_classifier_columns,
    classifier,
    short_classifier().columns_by_tree(0.9).columns_by_level(0.9).columns_by_node(0.8),
    few_rows()
);
check!(
    boosted_classifier_depth_wise,
    classifier,
    short_classifier().growth(Growth::DepthWise).max_depth(4).path_smoothing(1.0),
    few_rows().expect_fail("W01", "leaves are pulled by their number of rows, whatever they weigh")
);
check!(
    boosted_classifier_exact,
    classifier,
    short_classifier().splits(Splits::Exact).min_samples_leaf(1),
    Tags::new().most_rows(1500)
);
check!(
    boosted_classifier_extra_trees,
    classifier,
    short_classifier().extra_trees(true).n_trees(30),
    few_rows()
);
