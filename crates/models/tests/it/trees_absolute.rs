//! Trees of the absolute error against scikit-learn and against brute force.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, Predictor, Train, Values};
use perennial_models::tree::{DecisionTreeRegressorModel, Monotone, RegressionCriterion, Splits};
use perennial_models::{DecisionTreeRegressor, RandomForestRegressor};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

fn settings() -> DecisionTreeRegressor {
    DecisionTreeRegressor::new().criterion(RegressionCriterion::AbsoluteError)
}

check!(tree_absolute, regressor, settings());
check!(tree_absolute_limited, regressor, settings().max_depth(5).max_leaf_nodes(12));
check!(tree_absolute_in_bins, regressor, in_bins());
check!(tree_absolute_random, regressor, settings().splits(Splits::Random));

const DRAWS: &str = "copies of a row are drawn apart, a weight of it all at once";

check!(forest_absolute, regressor, forest(), Tags::new().most_rows(600).expect_fail("W01", DRAWS));

fn in_bins() -> DecisionTreeRegressor {
    settings().splits(Splits::Histogram)
}

fn forest() -> RandomForestRegressor {
    RandomForestRegressor::new().n_trees(8).criterion(RegressionCriterion::AbsoluteError)
}

/// Whole numbers below 1000 that any language can make.
fn drawn(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        ((state >> 8) % 1000) as f64
    };
    (0..n).map(|_| next()).collect()
}

fn example(n: usize) -> (Matrix, Values, Vec<f64>) {
    let x = Array2::from_shape_vec((n, 2), drawn(2 * n, 7)).unwrap();
    let y = drawn(n, 11).into_iter().zip(x.rows()).map(|(noise, row)| {
        noise % 50.0 + if row[0] > 500.0 { 40.0 } else { 0.0 } + if row[1] > 300.0 { 17.0 } else { 0.0 }
    });
    let y: Vec<f64> = y.collect();
    let weights = drawn(n, 13).into_iter().map(|number| number % 4.0 + 1.0).collect();
    (Matrix::from(x), y.into(), weights)
}

/// The numbers are those of `sklearn.tree.DecisionTreeRegressor(criterion="absolute_error", max_depth=3,
/// random_state=0)`, scikit-learn 1.9.1, on `example(40)` without and with weights.
#[test]
fn absolute_trees_are_those_of_scikit_learn() {
    let (x, y, weights) = example(40);
    let features = [
        [0, 0, 0, -2, -2, 1, -2, -2, 1, 1, -2, -2, 0, -2, -2],
        [0, 0, 0, -2, -2, 1, -2, -2, 1, 0, -2, -2, 0, -2, -2],
    ];
    let thresholds = [
        [500.5, 138.5, 112.5, -2.0, -2.0, 439.0, -2.0, -2.0, 850.0, 55.5, -2.0, -2.0, 847.5, -2.0, -2.0],
        [500.5, 138.5, 112.5, -2.0, -2.0, 439.0, -2.0, -2.0, 522.0, 633.5, -2.0, -2.0, 557.0, -2.0, -2.0],
    ];
    let values = [
        [59.0, 30.0, 50.0, 40.0, 66.0, 27.0, 33.0, 26.0, 75.0, 73.0, 53.0, 74.0, 96.5, 96.0, 100.0],
        [58.0, 31.0, 40.0, 40.0, 66.0, 27.0, 35.0, 26.0, 75.0, 60.0, 46.0, 60.0, 88.0, 67.0, 94.0],
    ];
    let impurities = [
        [
            22.3,
            10.842105263157896,
            12.5,
            8.0,
            0.0,
            7.666666666666667,
            10.125,
            2.4285714285714284,
            12.80952380952381,
            11.529411764705882,
            7.0,
            10.333333333333334,
            6.25,
            7.0,
            0.0,
        ],
        [
            22.23076923076923,
            10.959183673469388,
            11.166666666666666,
            6.222222222222222,
            0.0,
            7.8108108108108105,
            10.65,
            1.9411764705882353,
            13.50909090909091,
            10.090909090909092,
            5.8,
            8.882352941176471,
            11.333333333333334,
            3.1666666666666665,
            8.703703703703704,
        ],
    ];
    for case in 0..2 {
        let train = Train::new(&x, &y);
        let train = if case == 1 { train.weights(&weights) } else { train };
        let model = train.fit(&settings().max_depth(3)).unwrap();
        let tree = model.tree();
        assert_eq!(tree.n_nodes(), 15);
        for node in 0..15 {
            assert_eq!(
                tree.feature(node).map_or(-2, |feature| feature as i32),
                features[case][node],
                "{node}"
            );
            if tree.feature(node).is_some() {
                assert_eq!(tree.threshold(node), thresholds[case][node], "{node}");
            }
        }
        let of = |node: usize| tree.value(node)[0];
        assert_close(&(0..15).map(of).collect::<Vec<_>>(), &values[case], 1e-14, "medians");
        let of = |node: usize| tree.impurity(node).unwrap();
        assert_close(&(0..15).map(of).collect::<Vec<_>>(), &impurities[case], 1e-13, "errors");
    }
    assert_eq!(settings().fit(&x, &y).unwrap().predict(&x).unwrap(), y);
    // Where each value has a bin of its own, cuts between bins part the rows in the same way.
    for train in [Train::new(&x, &y), Train::new(&x, &y).weights(&weights)] {
        let [exact, bins] = [settings(), in_bins()].map(|of| train.fit(&of.max_depth(3)).unwrap());
        let nodes = |model: &DecisionTreeRegressorModel| -> Vec<_> {
            let tree = model.tree();
            let node = |node| (tree.feature(node), tree.n_rows(node), tree.value(node)[0].to_bits());
            (0..tree.n_nodes()).map(node).collect()
        };
        assert_eq!(nodes(&exact), nodes(&bins));
    }
}

/// The least weighted sum of absolute deviations: some value is a median.
fn least_error(rows: &[usize], y: &[f64], weights: &[f64]) -> f64 {
    let error = |m: f64| rows.iter().map(|&row| weights[row] * (y[row] - m).abs()).sum::<f64>();
    rows.iter().map(|&row| error(y[row])).fold(f64::INFINITY, f64::min)
}

/// No cut of any node is better than the one taken; weights are no whole numbers, values repeat, and some are missing.
#[test]
fn absolute_cuts_are_the_best_of_all() {
    for seed in 1..24 {
        let n = 30;
        let missing = |number: f64| if number % 11.0 == 0.0 { f64::NAN } else { number % 23.0 };
        let cells: Vec<f64> = drawn(3 * n, seed).into_iter().map(missing).collect();
        let x = Array2::from_shape_vec((n, 3), cells).unwrap();
        let y: Vec<f64> = drawn(n, seed + 50).into_iter().map(|number| (number % 31.0) / 3.0 - 4.0).collect();
        let weights: Vec<f64> = drawn(n, seed + 90).into_iter().map(|number| 0.1 + number / 700.0).collect();
        let (matrix, target) = (Matrix::from(x.clone()), Values::from(y.clone()));
        let splits = if seed % 2 == 0 { Splits::Exact } else { Splits::Histogram };
        let settings = settings().splits(splits).max_depth(1);
        let model = Train::new(&matrix, &target).weights(&weights).fit(&settings).unwrap();
        let tree = model.tree();
        let side = |goes: &dyn Fn(usize) -> bool| {
            least_error(&(0..n).filter(|&row| goes(row)).collect::<Vec<_>>(), &y, &weights)
        };
        let feature = tree.feature(0).unwrap();
        let left = |row: usize| tree.goes_left(0, x[[row, feature]]);
        let taken = side(&left) + side(&|row| !left(row));
        let mut best = f64::INFINITY;
        for column in 0..3 {
            for at in 0..n {
                for missing_left in [false, true] {
                    let left = |row: usize| {
                        let value = x[[row, column]];
                        if value.is_nan() { missing_left } else { value <= x[[at, column]] }
                    };
                    let n_left = (0..n).filter(|&row| left(row)).count();
                    if n_left > 0 && n_left < n {
                        best = best.min(side(&left) + side(&|row| !left(row)));
                    }
                }
            }
        }
        assert!((taken / best - 1.0).abs() < 1e-12, "seed {seed}: {taken} beside {best}");
        let weight: f64 = weights.iter().sum();
        let all: Vec<usize> = (0..n).collect();
        assert!((tree.impurity(0).unwrap() / (least_error(&all, &y, &weights) / weight) - 1.0).abs() < 1e-12);
    }
}

/// Targets near the ends of the numbers.
#[test]
fn absolute_trees_at_the_edges() {
    let x = Matrix::from(Array2::from_shape_fn((6, 1), |(row, _)| row as f64));
    let y = Values::from(vec![-1e308, -1e308, 0.0, 1e308, 1e308, 1e300]);
    for settings in [settings(), in_bins()] {
        let model = settings.fit(&x, &y).unwrap();
        assert_eq!(model.predict(&x).unwrap(), y);
        assert!((0..model.tree().n_nodes()).all(|node| model.tree().impurity(node).unwrap().is_finite()));
    }
}

/// A few targets far away pull means with them, and medians not.
#[test]
fn forests_of_medians_do_not_follow_outliers() {
    let n = 600;
    let (x, y, _) = example(n);
    let spoiled: Vec<f64> = y
        .as_slice()
        .iter()
        .zip(drawn(n, 17))
        .map(|(&y, number)| if number < 100.0 { y + 1e4 } else { y })
        .collect();
    let error = |criterion| {
        let forest = RandomForestRegressor::new().n_trees(30).criterion(criterion).min_samples_leaf(15);
        let predicted = forest.fit(&x, &Values::from(spoiled.clone())).unwrap().predict(&x).unwrap();
        predicted.as_slice().iter().zip(y.as_slice()).map(|(p, y)| (p - y).abs()).sum::<f64>() / n as f64
    };
    let (medians, means) =
        (error(RegressionCriterion::AbsoluteError), error(RegressionCriterion::SquaredError));
    assert!(medians < 25.0 && means > 500.0, "{medians} beside {means}");
}

/// Medians in bins rise along a column where they must.
#[test]
fn monotone_forests_of_medians_rise() {
    let (x, y, _) = example(300);
    let rising = forest().monotone("x0", Monotone::Increasing).fit(&x, &y).unwrap();
    let line =
        Matrix::from(Array2::from_shape_fn(
            (50, 2),
            |(row, column)| {
                if column == 0 { row as f64 * 20.0 } else { 400.0 }
            },
        ));
    let answers = rising.predict(&line).unwrap();
    assert!(answers.as_slice().is_sorted(), "{answers:?}");
}
