//! Trees and forests go through the conformance kit.

use perennial_models::forest::MaxFeatures;
use perennial_models::tree::{Criterion, RegressionCriterion, Splits};
use perennial_models::{
    ClassWeight, DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreesClassifier, ExtraTreesRegressor,
    QuantileForestRegressor, RandomForestClassifier, RandomForestRegressor,
};
use perennial_testing::{Tags, check};

use crate::steered::{Steered, Way};

const LEAF: &str = "`min_samples_leaf` and its kin count rows, whatever their weights";

check!(tree_gini, classifier, DecisionTreeClassifier::new());
check!(tree_entropy, classifier, DecisionTreeClassifier::new().criterion(Criterion::Entropy).max_depth(4));
check!(
    tree_balanced,
    classifier,
    DecisionTreeClassifier::new().class_weight(ClassWeight::Balanced).max_leaf_nodes(6)
);
check!(tree_pruned, classifier, DecisionTreeClassifier::new().ccp_alpha(0.01));
check!(
    tree_of_some_features,
    classifier,
    DecisionTreeClassifier::new().max_features(2).min_samples_leaf(5),
    Tags::new().expect_fail("W01", LEAF)
);
check!(tree_regressor, regressor, DecisionTreeRegressor::new());
check!(
    tree_regressor_limited,
    regressor,
    DecisionTreeRegressor::new().max_depth(6).min_impurity_decrease(1e-3).max_features(3)
);
check!(
    tree_regressor_leaves,
    regressor,
    DecisionTreeRegressor::new().min_samples_leaf(4).min_samples_split(10).max_leaf_nodes(12),
    Tags::new().expect_fail("W01", LEAF)
);

const DRAWS: &str = "copies of a row are drawn apart, a weight of it all at once";

/// Fewer rows: the kit fits many forests.
fn drawn() -> Tags {
    Tags::new().most_rows(1500).expect_fail("W01", DRAWS)
}

check!(forest, classifier, RandomForestClassifier::new().n_trees(12), drawn());
check!(
    forest_out_of_bag,
    classifier,
    RandomForestClassifier::new()
        .n_trees(9)
        .criterion(Criterion::Entropy)
        .out_of_bag(true)
        .max_samples(0.8)
        .max_features(MaxFeatures::Fraction(0.7)),
    drawn()
);
check!(
    forest_balanced,
    classifier,
    RandomForestClassifier::new()
        .n_trees(10)
        .balanced(true)
        .class_weight(ClassWeight::Balanced)
        .weight_each_tree(true)
        .max_features(MaxFeatures::Count(2)),
    drawn()
);
check!(
    forest_limited,
    classifier,
    RandomForestClassifier::new()
        .n_trees(10)
        .max_leaf_nodes(9)
        .min_samples_leaf(2)
        .ccp_alpha(1e-3)
        .max_features(MaxFeatures::Log2)
        .max_bins(16),
    drawn()
);
check!(
    forest_without_draws,
    classifier,
    RandomForestClassifier::new().n_trees(10).bootstrap(false),
    Tags::new().most_rows(1500)
);
check!(extra_trees, classifier, ExtraTreesClassifier::new().n_trees(10), Tags::new().most_rows(1500));
check!(forest_regressor, regressor, RandomForestRegressor::new().n_trees(10).out_of_bag(true), drawn());
check!(extra_trees_regressor, regressor, ExtraTreesRegressor::new().n_trees(10), Tags::new().most_rows(1500));
check!(quantile_forest, regressor, QuantileForestRegressor::new().n_trees(10).min_samples_leaf(3), drawn());

check!(tree_histogram, classifier, DecisionTreeClassifier::new().splits(Splits::Histogram).max_bins(40));
check!(
    tree_random,
    classifier,
    DecisionTreeClassifier::new().splits(Splits::Random).criterion(Criterion::Entropy).max_leaf_nodes(20)
);
check!(tree_regressor_histogram, regressor, DecisionTreeRegressor::new().splits(Splits::Histogram));
check!(tree_regressor_random, regressor, DecisionTreeRegressor::new().splits(Splits::Random).max_depth(9));

/// The target that is learned is not the one that the kit compares with.
fn other_target(tags: Tags) -> Tags {
    tags.poor_score().expect_fail("R02", "the target is made into another one")
}

check!(
    tree_poisson,
    regressor,
    Steered {
        way: Way::Positive,
        inner: DecisionTreeRegressor::new().criterion(RegressionCriterion::Poisson)
    },
    other_target(Tags::new())
);
check!(
    tree_absolute,
    regressor,
    DecisionTreeRegressor::new().criterion(RegressionCriterion::AbsoluteError).max_depth(6),
    Tags::new().most_rows(1500)
);
check!(
    tree_monotone,
    regressor,
    Steered { way: Way::Monotone, inner: DecisionTreeRegressor::new().max_depth(6) }
);
check!(
    tree_monotone_histogram,
    regressor,
    Steered {
        way: Way::Monotone,
        inner: DecisionTreeRegressor::new().splits(Splits::Histogram).max_depth(6)
    }
);
check!(
    forest_poisson,
    regressor,
    Steered {
        way: Way::Positive,
        inner: RandomForestRegressor::new().n_trees(6).criterion(RegressionCriterion::Poisson)
    },
    other_target(drawn())
);
check!(
    forest_monotone,
    regressor,
    Steered { way: Way::Monotone, inner: RandomForestRegressor::new().n_trees(6).max_depth(7) },
    drawn()
);
check!(
    forest_in_bins,
    regressor,
    Steered { way: Way::Bins, inner: RandomForestRegressor::new().n_trees(6).out_of_bag(true) },
    drawn()
);
check!(
    extra_trees_drawn,
    classifier,
    ExtraTreesClassifier::new().n_trees(8).bootstrap(true).out_of_bag(true).max_samples(0.8),
    drawn()
);
check!(
    extra_trees_regressor_drawn,
    regressor,
    ExtraTreesRegressor::new().n_trees(8).bootstrap(true).out_of_bag(true).max_samples(0.8),
    drawn()
);
