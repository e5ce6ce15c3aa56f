//! Boosting that cuts between any two values: ties, and what takes memory.

use ndarray::Array2;
use perennial_core::{Error, ErrorKind, Estimator, Matrix, Train, Values};
use perennial_models::GradientBoostingRegressor;
use perennial_models::tree::Splits;
use perennial_numeric::random::Random;

use crate::boosting::{data, with_categories};

fn exact() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().splits(Splits::Exact).min_samples_leaf(5)
}

fn is_too_large(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TooLarge { .. })
}

/// Far from the base score gains are little beside what a node explains alone, of which rounding is a share.
#[test]
fn of_equal_columns_the_first_is_asked() {
    let mut random = Random::new(7);
    let first: Vec<f64> = (0..300).map(|_| random.normal()).collect();
    let y: Values = first.iter().map(|x| 1000.0 + x.sin() + 0.3 * random.normal()).collect();
    let x = Matrix::from(Array2::from_shape_fn((300, 2), |(row, column)| [first[row], -first[row]][column]));
    let model = exact().base_score(0.0).l2(0.0).n_trees(5).max_leaves(8).fit(&x, &y).unwrap();
    assert_eq!(model.booster().n_rounds(), 5);
    for tree in model.booster().trees() {
        assert!(tree.n_leaves() == 8);
        assert!((0..tree.n_nodes()).all(|node| tree.feature(node) != Some(1)));
    }
}

#[test]
fn missing_values_go_left_where_both_sides_weigh_the_same() {
    let x = Matrix::from(Array2::from_shape_fn((60, 1), |(row, _)| f64::from(u8::from(row >= 30))));
    let y: Values = (0..60).map(|row| f64::from(u8::from(row >= 30))).collect();
    let settings = exact().n_trees(1);
    let goes_left = |train: &Train<'_, Matrix, Values>| {
        let model = train.fit(&settings).unwrap();
        let tree = &model.booster().trees()[0];
        assert_eq!(tree.feature(0), Some(0));
        tree.missing_left(0)
    };
    assert!(goes_left(&Train::new(&x, &y)));
    for weight in [0.1, 0.3, 0.7] {
        let weights = [weight; 60];
        assert!(goes_left(&Train::new(&x, &y).weights(&weights)), "{weight}");
    }
}

/// A set takes a bit for each code up to its highest: here some 625 000 bytes.
#[test]
fn sets_of_high_codes_are_counted() {
    let x = Array2::from_shape_fn((400, 1), |(row, _)| 5_000_000.0 + (row % 8) as f64);
    let x = with_categories(x, &[0], 5_000_008);
    let y: Values = (0..400).map(|row| (row % 8 % 3) as f64).collect();
    for splits in [Splits::Exact, Splits::Histogram] {
        let settings = exact().splits(splits).max_leaves(2).memory_limit(2 << 20);
        assert!(settings.clone().n_trees(2).fit(&x, &y).is_ok());
        let error = settings.clone().n_trees(10).fit(&x, &y).unwrap_err();
        assert!(is_too_large(&error) && error.to_string().contains("number the categories"), "{error}");
        assert!(settings.memory_limit(20 << 20).n_trees(10).fit(&x, &y).is_ok());
    }
}

#[test]
fn copies_of_watched_rows_are_counted() {
    let ((x, y), (many, truth)) = (data(100, 50, 1), data(2000, 50, 2));
    let settings = exact().n_trees(1).memory_limit(500_000);
    assert!(settings.fit(&x, &y).is_ok());
    let train = Train::new(&x, &y).validation(&many, &truth);
    let error = train.fit(&settings).unwrap_err();
    assert!(is_too_large(&error), "{error}");
    assert!(train.fit(&settings.memory_limit(2 << 20)).is_ok());
}
