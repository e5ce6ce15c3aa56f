//! What columns of latest times are refused for.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, Train, Values};
use perennial_models::GradientBoostingRegressor;
use perennial_models::boosting::{AcceleratedFailureTime, Watch};

use crate::boosting::with_categories;

fn times() -> GradientBoostingRegressor<AcceleratedFailureTime, Watch> {
    GradientBoostingRegressor::new().loss(AcceleratedFailureTime::default()).n_trees(3)
}

/// A column of zeros, and one of these values.
fn beside(of: impl Fn(usize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((60, 2), |(row, column)| if column == 0 { 0.0 } else { of(row) })
}

#[test]
fn columns_that_are_no_latest_times_are_refused() {
    let y: Values = vec![-3.0; 60].into();
    let x = with_categories(beside(|_| 4.0), &[1], 9);
    let found = times().latest("x1").fit(&x, &y).unwrap_err().to_string();
    assert!(found.contains("column `x1` holds categories") && found.contains("`latest`"), "{found}");
    let x = Matrix::from(beside(|_| 4.0));
    let found = times().latest("x1").feature_cost("x1", 2.0).fit(&x, &y).unwrap_err().to_string();
    assert!(found.contains("`feature_cost`") && found.contains("x1"), "{found}");
}

#[test]
fn models_that_ask_the_latest_time_are_not_continued() {
    let time = |row: usize| if row < 30 { 1.0 } else { 9.0 };
    let (x, y): (Matrix, Values) = (beside(time).into(), (0..60).map(time).collect());
    let model = times().fit(&x, &y).unwrap();
    assert_eq!(model.booster().trees()[0].feature(0), Some(1));
    let (settings, train) = (times().latest("x1"), Train::new(&x, &y));
    for found in [settings.fit_from(&model, &train), settings.refit(&model, &train, 0.5)] {
        let found = found.unwrap_err().to_string();
        assert!(found.contains("asks column `x1`") && found.contains("`latest`"), "{found}");
    }
}

/// Events before latest times alone are best explained by a time of 0; rows of weight 0 say nothing.
#[test]
fn some_row_must_last() {
    let x = Matrix::from(beside(|_| 4.0));
    let y: Values = (0..60).map(|row| if row < 30 { 0.0 } else { -3.0 }).collect();
    let weights: Vec<f64> = (0..60).map(|row| f64::from(u8::from(row < 30))).collect();
    let settings = times().latest("x1");
    let found = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap_err().to_string();
    assert!(found.contains("all targets are 0"), "{found}");
    assert!(settings.fit(&x, &y).is_ok());
}
