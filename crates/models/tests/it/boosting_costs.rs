//! Columns and questions that cost something.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, Train, Values};
use perennial_models::boosting::{Booster, Growth, Mode};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

use crate::boosting::{data, free, rmse, signs};

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().n_trees(20)
}

check!(
    boosted_costs,
    regressor,
    regressor().n_trees(60).min_samples_leaf(3).split_cost(1e-3),
    Tags::new().weight_tolerance(0.5)
);

fn bits(booster: &Booster) -> String {
    serde_json::to_string(booster).unwrap()
}

/// In how many trees each column is asked.
fn uses(booster: &Booster, n_cols: usize) -> Vec<usize> {
    let asks = |column: usize| {
        let trees = booster.trees().iter();
        trees.filter(|tree| (0..tree.n_nodes()).any(|node| tree.feature(node) == Some(column))).count()
    };
    (0..n_cols).map(asks).collect()
}

#[test]
fn no_cost_changes_no_bit() {
    let (x, y) = data(1500, 4, 1);
    for growth in [Growth::LeafWise, Growth::DepthWise, Growth::Symmetric] {
        let plain = regressor().growth(growth);
        let free = plain.clone().feature_cost("x1", 0.0).feature_cost("x3", 0.0).split_cost(0.0);
        assert_eq!(bits(plain.fit(&x, &y).unwrap().booster()), bits(free.fit(&x, &y).unwrap().booster()));
        let classes = signs(&y);
        let plain = GradientBoostingClassifier::new().growth(growth).n_trees(10);
        let free = plain.clone().feature_cost("x1", 0.0);
        assert_eq!(
            bits(plain.fit(&x, &classes).unwrap().booster()),
            bits(free.fit(&x, &classes).unwrap().booster())
        );
    }
}

#[test]
fn gains_are_what_costs_leave() {
    // The first column explains 4 for each of 64 rows, the second 1.
    let x = Array2::from_shape_fn((64, 2), |(row, column)| ((row >> column) % 2) as f64);
    let y: Values =
        (0..64).map(|row| 2.0 * f64::from(2 * (row % 2) - 1) + f64::from(2 * (row / 2 % 2) - 1)).collect();
    let x = Matrix::from(x);
    let one = |settings: GradientBoostingRegressor| settings.n_trees(1).max_leaves(2).fit(&x, &y).unwrap();
    let asked = |settings: GradientBoostingRegressor| {
        let model = one(settings);
        let tree = &model.booster().trees()[0];
        (tree.feature(0), tree.gain(0))
    };
    for growth in [Growth::LeafWise, Growth::Symmetric] {
        let free = || free().growth(growth).max_depth(1);
        let near = |(column, gain): (Option<usize>, f64), truth: (usize, f64)| {
            assert!(column == Some(truth.0) && (gain - truth.1).abs() < 1e-4, "{column:?} {gain}: {truth:?}");
        };
        near(asked(free()), (0, 256.0));
        near(asked(free().feature_cost("x0", 100.0)), (0, 156.0));
        near(asked(free().feature_cost("x0", 191.0)), (0, 65.0));
        near(asked(free().feature_cost("x0", 193.0)), (1, 64.0));
        near(asked(free().feature_cost("x0", 193.0).split_cost(0.5)), (1, 32.0));
        near(asked(free().split_cost(3.5)), (0, 32.0));
        // More than all that there is to gain, and a later value for the same column.
        assert_eq!(one(free().split_cost(4.01)).booster().n_rounds(), 0);
        assert_eq!(one(free().feature_cost("x0", 257.0).feature_cost("x1", 65.0)).booster().n_rounds(), 0);
        near(asked(free().feature_cost("x0", 1e9).feature_cost("x0", 0.0)), (0, 256.0));
        assert_eq!(one(free().feature_cost("x0", 1e100).feature_cost("x1", 1e100)).booster().n_rounds(), 0);
    }
}

/// The second column explains 128 in one leaf of the first and 2 in the other.
#[test]
fn leaves_of_a_level_share_its_cost_by_their_gains() {
    let x = Matrix::from(Array2::from_shape_fn((64, 2), |(row, column)| ((row >> column) % 2) as f64));
    let y: Values = (0..64).map(|row| [0.0, 8.0, 0.5, 12.0][row % 4]).collect();
    let settings = free().growth(Growth::Symmetric).max_depth(2).n_trees(1).feature_cost("x1", 60.0);
    let model = settings.fit(&x, &y).unwrap();
    let tree = &model.booster().trees()[0];
    let asks = (0..tree.n_nodes()).filter(|&node| tree.feature(node) == Some(1));
    let mut gains: Vec<f64> = asks.map(|node| tree.gain(node)).collect();
    gains.sort_by(f64::total_cmp);
    let truth = [2.0 * 70.0 / 130.0, 128.0 * 70.0 / 130.0];
    assert_eq!(gains.len(), 2);
    assert!(gains.iter().zip(truth).all(|(gain, truth)| (gain - truth).abs() < 1e-3), "{gains:?}");
}

#[test]
fn of_two_alike_the_cheap_one_is_asked() {
    let mut random = Random::new(2);
    let mut x = Array2::from_shape_fn((2000, 3), |_| random.normal());
    for row in 0..2000 {
        x[[row, 1]] = x[[row, 0]] + 0.05 * random.normal();
    }
    let y: Values = (0..2000).map(|row| x[[row, 0]] + x[[row, 2]] + 0.3 * random.normal()).collect();
    let x = Matrix::from(x);
    for growth in [Growth::LeafWise, Growth::Symmetric] {
        let settings = regressor().growth(growth);
        let free = settings.fit(&x, &y).unwrap();
        assert!(uses(free.booster(), 3)[0] > 10);
        let costly = settings.clone().feature_cost("x0", 500.0).fit(&x, &y).unwrap();
        let used = uses(costly.booster(), 3);
        assert!(used[0] == 0 && used[1] > 15 && used[2] > 15, "{used:?}");
        assert!(rmse(&costly, &x, &y) < 1.1 * rmse(&free, &x, &y));
        // One that alone knows something is worth its price.
        let needed = settings.feature_cost("x2", 500.0).fit(&x, &y).unwrap();
        assert!(uses(needed.booster(), 3)[2] > 15);
    }
}

#[test]
fn what_was_paid_is_free_afterwards() {
    let (x, y) = data(2000, 4, 3);
    let cost = 300.0;
    let settings = regressor().n_trees(40).feature_cost("x0", cost).feature_cost("x3", cost);
    let model = settings.fit(&x, &y).unwrap();
    let used = uses(model.booster(), 4);
    assert!(used[0] > 30 && used[3] == 0, "{used:?}");
    let raw = |round: usize| {
        let tree = &model.booster().trees()[round];
        let of_first = (0..tree.n_nodes()).filter(|&node| tree.feature(node) == Some(0));
        of_first.map(|node| tree.gain(node)).collect::<Vec<f64>>()
    };
    // Later splits would not have been worth the price.
    assert!((1..40).any(|round| raw(round).iter().any(|&gain| gain < 0.1 * cost)));
    // Going on is one fit.
    let part = settings.clone().n_trees(15);
    let longer =
        settings.clone().n_trees(25).fit_from(&part.fit(&x, &y).unwrap(), &Train::new(&x, &y)).unwrap();
    assert_eq!(longer.booster().trees(), model.booster().trees());
}

#[test]
fn threads_classes_and_modes() {
    let (x, y) = data(6000, 6, 4);
    let three = Classes::from_labels(
        y.as_slice().iter().map(|&y| if y < -0.5 { 0_u8 } else { 1 + u8::from(y > 0.5) }),
    );
    let settings =
        GradientBoostingClassifier::new().n_trees(6).feature_cost("x2", 20.0).feature_cost("x1", 20.0);
    let settings = settings.feature_cost("x5", 50.0).split_cost(1e-4);
    let fit = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| bits(settings.fit(&x, &three).unwrap().booster()))
    };
    let one = fit(1);
    for n_threads in [2, 3, 4] {
        assert!(fit(n_threads) == one, "{n_threads} threads");
    }
    for mode in [Mode::Dart { drop_rate: 0.3, skip: 0.2, max_dropped: 5 }, Mode::Gradient] {
        let model = regressor().mode(mode).feature_cost("x5", 1e6).fit(&x, &y).unwrap();
        let used = uses(model.booster(), 6);
        assert!(used[5] == 0 && used[0] > 0, "{used:?}");
    }
}

#[test]
fn wrong_costs_are_named() {
    let (x, y) = data(100, 3, 5);
    let error = |settings: GradientBoostingRegressor| settings.fit(&x, &y).unwrap_err().to_string();
    let found = error(regressor().feature_cost("x1", -1.0));
    assert!(found.contains("`feature_cost`") && found.contains("x1") && found.contains("-1"), "{found}");
    assert!(error(regressor().feature_cost("x1", f64::NAN)).contains("`feature_cost`"));
    assert!(error(regressor().split_cost(f64::INFINITY)).contains("`split_cost`"));
    assert!(error(regressor().feature_cost("price", 1.0)).contains("price"));
    let found = error(regressor().offset("x1").feature_cost("x1", 1.0));
    assert!(
        found.contains("`feature_cost`") && found.contains("x1") && found.contains("`offset`"),
        "{found}"
    );
}
