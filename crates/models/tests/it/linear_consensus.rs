//! Consensus and medians of lines, against closed forms, brute force and scikit-learn 1.9.1.

use ndarray::Array2;
use perennial_core::{ErrorKind, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::{LinearRegression, RansacRegressor, Ridge, TheilSenRegressor};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check, regression};

use crate::fixtures::assert_close;
use crate::linear_glm::rows;

check!(ransac, regressor, RansacRegressor::new(LinearRegression::new()), Tags::new().equivariant());
check!(
    ransac_ridge,
    regressor,
    RansacRegressor::new(Ridge::new())
        .min_samples(12)
        .residual_threshold(3.0)
        .max_trials(30)
        .stop_probability(0.9)
);
check!(theil_sen, regressor, TheilSenRegressor::new().max_subpopulation(800).seed(3));
check!(
    theil_sen_through_origin,
    regressor,
    TheilSenRegressor::new().max_subpopulation(300).n_subsamples(14).fit_intercept(false),
    Tags::new().poor_score().expect_fail("R02", "a line through the origin cannot be constant")
);

/// Rows on a plane but for little noise, two fifths of them far off.
fn mixed() -> (Matrix, Values, Vec<bool>) {
    let mut random = Random::new(8);
    let x = Array2::from_shape_simple_fn((200, 3), || random.normal());
    let off: Vec<bool> = (0..200).map(|i| i % 5 < 2).collect();
    let y: Values = (0..200)
        .map(|i| {
            let line = 1.0 + 2.0 * x[[i, 0]] - x[[i, 1]] + 0.5 * x[[i, 2]];
            if off[i] { 30.0 + 10.0 * random.normal() } else { line + 0.01 * random.normal() }
        })
        .collect();
    (x.into(), y, off)
}

/// The model is that of the rows that agree.
#[test]
fn consensus_finds_the_rows_on_the_plane() {
    let (x, y, off) = mixed();
    let settings = RansacRegressor::new(LinearRegression::new()).residual_threshold(0.1);
    let model = settings.fit(&x, &y).unwrap();
    assert!(model.inliers().iter().zip(&off).all(|(inside, off)| inside != off));
    assert!(model.n_trials() < 100 && model.n_inliers() == 120);
    let weights: Vec<f64> = off.iter().map(|off| f64::from(u8::from(!off))).collect();
    let truth = Train::new(&x, &y).weights(&weights).fit(&LinearRegression::new()).unwrap();
    let found = model.model().coefficients().to_vec();
    assert_close(&found, &truth.coefficients().to_vec(), 1e-12, "the plane of the rows that agree");
    let stopped = settings.clone().stop_n_inliers(50).seed(4).fit(&x, &y).unwrap();
    assert!(stopped.n_trials() <= model.n_trials().max(40));
}

#[test]
fn no_consensus_is_an_error_that_says_so() {
    let example = regression(30, 2, 1);
    let settings = RansacRegressor::new(Ridge::new().alpha(1e9)).residual_threshold(0.0).max_trials(5);
    let error = settings.fit(&example.x, &example.values).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }));
    assert!(error.to_string().contains("residual_threshold"), "{error}");
    let settings = RansacRegressor::new(LinearRegression::new()).min_samples(31);
    let error = settings.fit(&example.x, &example.values).unwrap_err();
    assert!(error.to_string().contains("30"));
}

/// Without an intercept one feature has the median of the ratios of its rows.
#[test]
fn one_feature_has_the_median_of_slopes() {
    let x: Vec<f64> = (1..12).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x + (x * 2.3).sin()).collect();
    let mut ratios: Vec<f64> = x.iter().zip(&y).map(|(x, y)| y / x).collect();
    ratios.sort_by(f64::total_cmp);
    let matrix = Matrix::from(Array2::from_shape_fn((11, 1), |(i, _)| x[i]));
    let model = TheilSenRegressor::new().fit_intercept(false).fit(&matrix, &y.into()).unwrap();
    assert_close(&model.coefficients().to_vec(), &[ratios[5]], 1e-14, "median ratio");
}

/// The middle is where the directions to all lines, in the space of coefficients, cancel.
#[test]
fn lines_around_the_middle_cancel() {
    let mut random = Random::new(5);
    let x: Vec<f64> = (0..40).map(|_| random.normal()).collect();
    let y: Vec<f64> = x.iter().map(|x| 3.0 - x + 0.4 * random.normal()).collect();
    let matrix = Matrix::from(Array2::from_shape_fn((40, 1), |(i, _)| x[i]));
    let model = TheilSenRegressor::new().fit(&matrix, &y.clone().into()).unwrap();
    assert!(model.converged());
    let (mut along, mut across) = (0.0, 0.0);
    for i in 0..40 {
        for j in 0..i {
            let slope = (y[i] - y[j]) / (x[i] - x[j]);
            let gap = (slope - model.coefficients()[0], y[i] - slope * x[i] - model.intercept());
            let length = gap.0.hypot(gap.1);
            along += gap.0 / length;
            across += gap.1 / length;
        }
    }
    assert!(along.abs() < 1e-6 && across.abs() < 1e-6, "{along} {across}");
}

/// What the test below says of it.
const THEIL_SEN: [f64; 4] = [1.4792613149029055, -0.7390555242697913, 0.3318610611580426, 2.008910580216867];

/// `TheilSenRegressor(max_subpopulation=1e6, tol=1e-9, max_iter=100000).fit(X, y)`: all 27405 groups of four rows.
#[test]
fn several_features_are_those_of_scikit_learn() {
    let (x, y) = rows();
    let model = TheilSenRegressor::new().max_subpopulation(30_000).fit(&x.into(), &y.into()).unwrap();
    let mut found = model.coefficients().to_vec();
    found.push(model.intercept());
    assert_close(&found, &THEIL_SEN, 1e-6, "spatial median");
}

#[test]
fn a_fifth_of_the_rows_may_be_anything() {
    let x = Array2::from_shape_fn((50, 1), |(i, _)| i as f64);
    let y: Values = (0..50).map(|i| if i % 5 == 2 { -1e9 } else { 4.0 * i as f64 }).collect();
    let model = TheilSenRegressor::new().fit(&x.clone().into(), &y).unwrap();
    assert_close(&[model.coefficients()[0], model.intercept()], &[4.0, 0.0], 1e-6, "the line of the others");
    let answers = model.predict(&x.into()).unwrap();
    assert!((answers.as_slice()[10] - 40.0).abs() < 1e-5);
    let error = TheilSenRegressor::new().n_subsamples(1).fit(&Array2::eye(3).into(), &vec![1.0; 3].into());
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::InvalidParam { .. }));
}
