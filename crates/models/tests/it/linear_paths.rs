//! Regressions that take features one by one, against scikit-learn 1.9.1 and the lasso.

use ndarray::Array2;
use perennial_core::{ErrorKind, Estimator, Matrix, Train, Values};
use perennial_models::{Lars, Lasso, LassoLars, LinearRegression, OrthogonalMatchingPursuit};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check, regression};

use crate::fixtures::assert_close;
use crate::linear_bayesian::five;

check!(lars, regressor, Lars::new(), Tags::new().equivariant());
check!(lars_few, regressor, Lars::new().n_nonzero_coefs(2), Tags::new().exact_solver());
check!(lasso_lars, regressor, LassoLars::new().alpha(0.1), Tags::new().exact_solver());
check!(
    lasso_lars_through_origin,
    regressor,
    LassoLars::new().alpha(0.01).fit_intercept(false),
    Tags::new()
        .poor_score()
        .exact_solver()
        .expect_fail("R02", "a line through the origin cannot be constant")
);
check!(matching, regressor, OrthogonalMatchingPursuit::new().n_nonzero_coefs(1), Tags::new().exact_solver());
check!(matching_squares, regressor, OrthogonalMatchingPursuit::new().tol(1.0));

/// `Lars()`, `Lars(n_nonzero_coefs=2)`, `LassoLars(alpha=.05)`, `LassoLars(alpha=.01, fit_intercept=False)`,
/// `OrthogonalMatchingPursuit(n_nonzero_coefs=2)`.
#[test]
fn coefficients_are_those_of_scikit_learn() {
    let (x, y) = five();
    let x = Matrix::from(x);
    let truth = [
        1.430452860475007,
        -0.7112310674426107,
        0.3244564255743457,
        0.007737674078564704,
        -0.022405439513012534,
    ];
    let model = Lars::new().fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lars");
    assert_close(&[model.intercept()], &[2.012875976944331], 1e-12, "intercept");
    let truth = [0.9467486078029852, -0.1698193497321716, 0.0, 0.0, 0.0];
    let model = Lars::new().n_nonzero_coefs(2).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "two steps");
    let truth = [1.3294860489610067, -0.5995485949830088, 0.25612141371305336, 0.0, 0.0];
    let model = LassoLars::new().alpha(0.05).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lasso");
    let truth = [
        1.387300586261251,
        -0.6128788910144858,
        1.526166411409834,
        0.021223587168627808,
        -0.014381943477320636,
    ];
    let model = LassoLars::new().alpha(0.01).fit_intercept(false).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lasso through the origin");
    let truth = [1.4318612844725187, -0.7737683452517231, 0.0, 0.0, 0.0];
    let model = OrthogonalMatchingPursuit::new().n_nonzero_coefs(2).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "matching pursuit");
    assert_close(&[model.intercept()], &[2.184662700127379], 1e-12, "intercept");
}

/// `lars_path(X - X.mean(0), y - y.mean(), method="lasso")`.
#[test]
fn corners_are_those_of_scikit_learn() {
    let (x, y) = five();
    let x = Matrix::from(x);
    let path = LassoLars::new().alpha(0.0).path(&Train::new(&x, &y)).unwrap();
    let truth = [
        0.7056835043170385,
        0.30574992662489836,
        0.23864682783443236,
        0.011787007807054535,
        0.006092559609191235,
        0.0,
    ];
    assert_close(path.alphas(), &truth, 1e-11, "strengths");
    assert!(path.converged() && path.gap() == 0.0);
    // Stopped at its first corner, it says how much further the strength had to fall.
    let stopped = LassoLars::new().alpha(0.1).max_iter(1).fit(&x, &y).unwrap();
    assert!(!stopped.converged() && (stopped.gap() - (truth[1] - 0.1)).abs() < 1e-11, "{}", stopped.gap());
    let truth =
        [0.0, 0.0, -0.16981934973217172, -0.6865961243967201, -0.6993720643249958, -0.7112310674426107];
    assert_close(&path.coefficients().column(1).to_vec(), &truth, 1e-12, "the second feature");
}

/// Correlated columns, so that features leave the path again: each point of it is a lasso.
#[test]
fn path_is_that_of_the_lasso() {
    let mut random = Random::new(11);
    let base = Array2::from_shape_simple_fn((50, 4), || random.normal());
    let x =
        Array2::from_shape_fn((50, 20), |(i, j)| base[[i, j % 4]] + 0.3 * ((i * (j + 3)) as f64 * 1.3).sin());
    let y: Values =
        (0..50).map(|i| base[[i, 0]] - 2.0 * base[[i, 1]] + 0.5 * (i as f64 * 0.77).cos()).collect();
    let x = Matrix::from(x);
    let path = LassoLars::new().alpha(0.0).path(&Train::new(&x, &y)).unwrap();
    assert!(path.converged() && path.alphas().len() > 21, "features leave and come back");
    assert!(path.alphas().windows(2).all(|pair| pair[0] >= pair[1]));
    let cells = x.dense().unwrap();
    let means = cells.mean_axis(ndarray::Axis(0)).unwrap();
    for (i, pair) in path.alphas().windows(2).enumerate().filter(|(_, pair)| pair[0] - pair[1] > 1e-9) {
        let alpha = 0.5 * (pair[0] + pair[1]);
        let middle: Vec<f64> =
            (0..20).map(|j| 0.5 * (path.coefficients()[[i, j]] + path.coefficients()[[i + 1, j]])).collect();
        // The conditions that the optimum alone meets.
        let intercept = 0.5 * (path.intercepts()[i] + path.intercepts()[i + 1]);
        let residual = y.view().to_owned() - cells.dot(&ndarray::ArrayView1::from(&middle)) - intercept;
        for (j, weight) in middle.iter().enumerate() {
            let pull =
                cells.column(j).iter().zip(&residual).map(|(x, r)| (x - means[j]) * r).sum::<f64>() / 50.0;
            match *weight == 0.0 {
                true => assert!(pull.abs() <= alpha + 1e-10),
                false => assert!((pull - alpha.copysign(*weight)).abs() < 1e-10),
            }
        }
        let single = LassoLars::new().alpha(alpha).fit(&x, &y).unwrap();
        assert_close(&single.coefficients().to_vec(), &middle, 1e-8, "a path that stops between two corners");
    }
    let model = Lasso::new().alpha(0.1).fit(&x, &y).unwrap();
    let single = LassoLars::new().alpha(0.1).fit(&x, &y).unwrap();
    assert_close(&single.coefficients().to_vec(), &model.coefficients().to_vec(), 1e-9, "coordinate descent");
}

#[test]
fn all_features_are_least_squares_and_few_rows_are_met() {
    let example = regression(60, 6, 8);
    let truth = LinearRegression::new().fit(&example.x, &example.values).unwrap().coefficients().to_vec();
    let lars = Lars::new().fit(&example.x, &example.values).unwrap();
    assert_close(&lars.coefficients().to_vec(), &truth, 1e-11, "lars");
    let pursuit =
        OrthogonalMatchingPursuit::new().n_nonzero_coefs(6).fit(&example.x, &example.values).unwrap();
    assert_close(&pursuit.coefficients().to_vec(), &truth, 1e-11, "pursuit");
    let error = OrthogonalMatchingPursuit::new().n_nonzero_coefs(7).fit(&example.x, &example.values);
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::InvalidParam { .. }));
    let wide = regression(8, 30, 8);
    let model = Lars::new().fit(&wide.x, &wide.values).unwrap();
    assert!(model.n_nonzero() <= 8);
}

/// Sparse weights in a random design: each one is found (Tropp and Gilbert, 2007).
#[test]
fn sparse_weights_are_recovered() {
    let mut random = Random::new(21);
    let x = Array2::from_shape_simple_fn((100, 300), || random.normal());
    let y: Values = x.rows().into_iter().map(|row| 3.0 * row[7] - 2.0 * row[100] + row[250]).collect();
    let model = OrthogonalMatchingPursuit::new().tol(1e-8).fit(&x.into(), &y).unwrap();
    assert!(model.converged() && model.n_nonzero() == 3);
    let found = [model.coefficients()[7], model.coefficients()[100], model.coefficients()[250]];
    assert_close(&found, &[3.0, -2.0, 1.0], 1e-10, "weights");
}
