//! Regressions that a few rows do not decide, against scikit-learn 1.9.1, linear programs and closed forms.

use ndarray::Array2;
use perennial_core::{ErrorKind, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::{HuberRegressor, QuantileRegressor};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check, regression};

use crate::fixtures::assert_close;
use crate::linear_glm::rows;

check!(huber, regressor, HuberRegressor::new(), Tags::new().exact_solver());
check!(
    huber_without_penalty,
    regressor,
    HuberRegressor::new().alpha(0.0),
    Tags::new().exact_solver().equivariant()
);
check!(
    huber_through_origin,
    regressor,
    HuberRegressor::new().epsilon(1.1).alpha(0.3).fit_intercept(false),
    Tags::new().poor_score().expect_fail("R02", "a line through the origin cannot be constant")
);
check!(quantile, regressor, QuantileRegressor::new(), Tags::new().exact_solver().equivariant());
check!(
    quantile_high,
    regressor,
    QuantileRegressor::new().quantile(0.8).alpha(0.02),
    Tags::new().exact_solver()
);
check!(
    quantile_through_origin,
    regressor,
    QuantileRegressor::new().quantile(0.3).alpha(0.1).fit_intercept(false),
    Tags::new().poor_score().expect_fail("R02", "a line through the origin cannot be constant")
);

/// The rows of the generalised linear models, every seventh target 20 higher.
fn with_outliers() -> (Matrix, Values) {
    let (x, y) = rows();
    let y: Values = y.iter().enumerate().map(|(i, y)| if i % 7 == 0 { y + 20.0 } else { *y }).collect();
    (x.into(), y)
}

fn weights() -> Vec<f64> {
    (0..30).map(|i| f64::from(1 + i % 3)).collect()
}

/// The minimum of scikit-learn's `_huber_loss_and_gradient` by Newton's method in NumPy, from where `HuberRegressor`
/// stopped: coefficients, intercept and scale.
#[test]
fn huber_lines_are_those_of_scikit_learn() {
    let (x, y) = with_outliers();
    let check = |settings: HuberRegressor, weights: Option<&[f64]>, truth: [f64; 5]| {
        let mut train = Train::new(&x, &y);
        train.weights = weights;
        let model = train.fit(&settings.tolerance(1e-12)).unwrap();
        let mut found = model.coefficients().to_vec();
        found.extend([model.intercept(), model.scale()]);
        assert_close(&found, &truth, 1e-9, "huber");
    };
    let truth =
        [0.9379006150523399, -0.6701057427653433, 0.9619762069864193, 2.0442014044083328, 0.4537531268425863];
    check(HuberRegressor::new(), None, truth);
    let truth =
        [0.8678617271833027, -0.6411011278402178, 0.9488908218514337, 2.036270009737726, 0.06499185271089425];
    check(HuberRegressor::new().epsilon(1.1).alpha(0.5), None, truth);
    let truth = [-2.5541388998591867, -1.2893213796587757, 6.747263767357383, 0.0, 5.785589660967596];
    check(HuberRegressor::new().epsilon(2.0).alpha(0.0).fit_intercept(false), None, truth);
    let truth =
        [1.0319234332008005, -0.5890544007559845, 0.8919760084914066, 2.023457574669348, 0.38721087746819116];
    check(HuberRegressor::new(), Some(&weights()), truth);
    let model = HuberRegressor::new().fit(&x, &y).unwrap();
    assert_eq!(model.outliers(&x, &y).unwrap().iter().filter(|far| **far).count(), 12);
}

/// The conditions of the optimum, which is unique: no outside program is as exact.
#[test]
fn huber_lines_meet_their_conditions() {
    let example = regression(300, 4, 9);
    let mut y = example.values.as_slice().to_vec();
    (0..300).step_by(9).for_each(|i| y[i] -= 80.0);
    let model = HuberRegressor::new().alpha(0.2).fit(&example.x, &y.clone().into()).unwrap();
    let x = example.x.dense().unwrap();
    let answers = model.predict(&example.x).unwrap();
    let scale = model.scale();
    let z: Vec<f64> = y.iter().zip(answers.as_slice()).map(|(y, a)| (y - a) / scale).collect();
    for j in 0..4 {
        let pull: f64 = z.iter().zip(x.column(j)).map(|(z, x)| 2.0 * z.clamp(-1.35, 1.35) * x).sum();
        assert!((pull - 2.0 * 0.2 * model.coefficients()[j]).abs() < 1e-5);
    }
    let by_scale: f64 = z.iter().map(|z| 1.0 - z.abs().min(1.35).powi(2)).sum();
    assert!(by_scale.abs() < 1e-5, "{by_scale}");
}

#[test]
fn an_exact_line_with_far_rows_is_found() {
    let x = Array2::from_shape_fn((60, 1), |(i, _)| i as f64 / 10.0);
    let y: Values = (0..60).map(|i| if i % 10 == 3 { 1e6 } else { 2.0 + 3.0 * i as f64 / 10.0 }).collect();
    let model = HuberRegressor::new().alpha(0.0).max_iter(500).fit(&x.clone().into(), &y).unwrap();
    assert!((model.coefficients()[0] - 3.0).abs() < 1e-3, "{}", model.coefficients()[0]);
    let model = QuantileRegressor::new().fit(&x.into(), &y).unwrap();
    assert_close(&[model.coefficients()[0], model.intercept()], &[3.0, 2.0], 1e-9, "median");
}

/// `QuantileRegressor(quantile=q, alpha=a).fit(X, y)` by HiGHS.
#[test]
fn quantile_lines_are_those_of_scikit_learn() {
    let (x, y) = with_outliers();
    let check = |quantile: f64, alpha: f64, weights: Option<&[f64]>, truth: [f64; 4]| {
        let mut train = Train::new(&x, &y);
        train.weights = weights;
        let model = train.fit(&QuantileRegressor::new().quantile(quantile).alpha(alpha)).unwrap();
        assert!(model.converged());
        let mut found = model.coefficients().to_vec();
        found.push(model.intercept());
        assert_close(&found, &truth, 1e-11, "quantile");
    };
    check(0.5, 0.0, None, [0.9185383778892987, -0.6489860521243167, 0.895575740117817, 2.072362936879159]);
    check(0.1, 0.0, None, [1.368158082097806, -0.625651708902767, 0.4461022683070139, 1.5349834797224884]);
    check(0.9, 0.0, None, [-4.584497341365009, -4.654517836416465, 9.035044940196823, 9.410437223386714]);
    check(0.5, 0.05, None, [0.7590191848075665, -0.58785897600054, 0.9632892892689426, 2.0261556419802758]);
    check(0.75, 0.2, None, [0.0, 0.0, 0.0, 3.8947798531537448]);
    let truth = [1.2798282174976463, -0.6333176497168738, 0.3577220395602472, 1.7289021438622316];
    check(0.3, 0.02, Some(&weights()), truth);
}

fn loss(quantile: f64, y: &[f64], answers: &Values) -> f64 {
    y.iter()
        .zip(answers.as_slice())
        .map(|(y, a)| f64::max(quantile * (y - a), (quantile - 1.0) * (y - a)))
        .sum()
}

/// A line through every pair of points: one of them is best.
#[test]
fn quantile_lines_are_the_best_of_all_pairs() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        // Rounded, so that many rows tie and many lines are as good as each other.
        let x: Vec<f64> = (0..25).map(|_| (4.0 * random.normal()).round()).collect();
        let y: Vec<f64> = x.iter().map(|x| (x + 2.0 * random.normal()).round()).collect();
        let quantile = 0.1 + 0.04 * seed as f64;
        let matrix = Matrix::from(Array2::from_shape_fn((25, 1), |(i, _)| x[i]));
        let model = QuantileRegressor::new().quantile(quantile).fit(&matrix, &y.clone().into()).unwrap();
        let found = loss(quantile, &y, &model.predict(&matrix).unwrap());
        let mut best = f64::INFINITY;
        for i in 0..25 {
            for j in (0..i).filter(|&j| x[i] != x[j]) {
                let slope = (y[i] - y[j]) / (x[i] - x[j]);
                let line: Values = x.iter().map(|at| y[i] + slope * (at - x[i])).collect();
                best = best.min(loss(quantile, &y, &line));
            }
        }
        assert!((found - best).abs() < 1e-9 * best, "seed {seed}: {found} and {best}");
        assert!(model.converged());
    }
}

/// So many rows lie below the line as the quantile says, but for those on it.
#[test]
fn large_samples_keep_their_shares() {
    let example = regression(20_000, 8, 77);
    let lines = QuantileRegressor::new()
        .several(&Train::new(&example.x, &example.values), &[0.05, 0.5, 0.9])
        .unwrap();
    for (line, quantile) in lines.iter().zip([0.05, 0.5, 0.9]) {
        let answers = line.predict(&example.x).unwrap();
        let pairs = || example.values.as_slice().iter().zip(answers.as_slice());
        let on = pairs().filter(|(y, a)| (*y - *a).abs() < 1e-9).count();
        let below = pairs().filter(|(y, a)| *y - *a < -1e-9).count() as f64;
        assert_eq!(on, 9);
        assert!(below <= quantile * 20_000.0 && quantile * 20_000.0 <= below + 9.0);
        assert!(line.gap() < 1e-9);
    }
}

#[test]
fn more_columns_than_rows_and_equal_columns() {
    let example = regression(12, 30, 4);
    let model = QuantileRegressor::new().fit(&example.x, &example.values).unwrap();
    let answers = model.predict(&example.x).unwrap();
    assert_close(answers.as_slice(), example.values.as_slice(), 1e-7, "a line through all rows");
    let model = QuantileRegressor::new().alpha(0.1).fit(&example.x, &example.values).unwrap();
    assert!(model.converged(), "{}", model.gap());
    assert!(model.n_nonzero() <= 12, "{}", model.n_nonzero());
    let twice = Array2::from_shape_fn((12, 2), |(i, _)| i as f64);
    let y: Values = (0..12).map(f64::from).collect();
    let model = QuantileRegressor::new().fit(&twice.into(), &y).unwrap();
    assert_close(
        &model.coefficients().to_vec(),
        &[1.0, 0.0],
        1e-12,
        "the second of equal columns is left out",
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let example = regression(20, 2, 3);
    for settings in [QuantileRegressor::new().quantile(0.0), QuantileRegressor::new().quantile(1.0)] {
        let error = settings.fit(&example.x, &example.values).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
    }
    let error = HuberRegressor::new().epsilon(0.9).fit(&example.x, &example.values).unwrap_err();
    assert!(error.to_string().contains("epsilon"));
}
