//! Bayesian regressions against scikit-learn 1.9.1 and against their own equations.

use ndarray::{Array2, concatenate, s};
use perennial_core::{Estimator, Matrix, Predictor, Train, Values};
use perennial_models::{ArdRegression, BayesianRidge};
use perennial_testing::{Tags, check, regression};

use crate::fixtures::assert_close;
use crate::linear_glm::rows;

check!(bayesian_ridge, regressor, BayesianRidge::new(), Tags::new().exact_solver());
check!(
    bayesian_ridge_through_origin,
    regressor,
    BayesianRidge::new().fit_intercept(false),
    Tags::new().poor_score().expect_fail("R02", "a line through the origin cannot be constant")
);
check!(ard, regressor, ArdRegression::new(), Tags::new().exact_solver());

/// Five columns, the last two of which say nothing.
pub(crate) fn five() -> (Array2<f64>, Values) {
    let (x, y) = rows();
    let more = Array2::from_shape_fn((30, 2), |(i, j)| {
        let i = i as f64;
        if j == 0 { (3.1 * i).cos() } else { (2.3 * i).sin() }
    });
    (concatenate![ndarray::Axis(1), x, more], y.into())
}

fn close(found: &[f64], truth: &[f64], relative: f64) {
    assert_eq!(found.len(), truth.len());
    for (found, truth) in found.iter().zip(truth) {
        assert!((found - truth).abs() <= relative * (truth.abs() + 1e-3), "{found} instead of {truth}");
    }
}

/// `BayesianRidge(tol=1e-12, max_iter=1000).fit(X, y)`: coefficients, intercept, alpha and lambda, and
/// `predict(X[:3], return_std=True)`.
#[test]
fn ridge_is_that_of_scikit_learn() {
    let (x, y) = rows();
    let (x, y) = (Matrix::from(x), Values::from(y));
    let model = BayesianRidge::new().tolerance(1e-13).fit(&x, &y).unwrap();
    assert!(model.converged());
    close(&model.coefficients().to_vec(), &[1.416818577402847, -0.7049523631941055, 0.32246724508736], 1e-11);
    let found = [model.intercept(), model.alpha(), model.lambdas()[0]];
    close(&found, &[2.014165628125686, 7.7307930585286835, 1.1384685132119976], 1e-11);
    let first: Matrix = x.dense().unwrap().slice(s![..3, ..]).to_owned().into();
    let (answers, deviations) = model.predict_with_deviation(&first).unwrap();
    close(answers.as_slice(), &[3.041585236407151, 3.5128804557557265, 2.1878031329312297], 1e-11);
    let truth = [0.37384065935878713, 0.37232008370619785, 0.37636301777806813];
    close(deviations.as_slice(), &truth, 1e-11);

    let settings = BayesianRidge::new().alpha_1(1e-3).lambda_2(1e-2).fit_intercept(false).tolerance(1e-13);
    let model = settings.fit(&x, &y).unwrap();
    close(
        &model.coefficients().to_vec(),
        &[1.2276888223171438, -0.5645663369594407, 1.4280828799865788],
        1e-11,
    );
    close(&[model.alpha(), model.lambdas()[0]], &[0.31511221933986655, 0.6797477221864144], 1e-11);

    let weights: Vec<f64> = (0..30).map(|i| f64::from(1 + i % 3)).collect();
    let settings = BayesianRidge::new().tolerance(1e-13);
    let model = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    close(
        &model.coefficients().to_vec(),
        &[1.4363091588718475, -0.6710442512100104, 0.3593550664498833],
        1e-11,
    );
    let found = [model.intercept(), model.alpha(), model.lambdas()[0]];
    close(&found, &[2.0013250049536344, 7.9066968686145165, 1.129708926481193], 1e-11);
}

/// `BayesianRidge(tol=1e-10, max_iter=1000).fit(X[:4], y[:4])` and `predict(X[5:7], return_std=True)`.
#[test]
fn fewer_rows_than_columns() {
    let (x, y) = five();
    let few = Matrix::from(x.slice(s![..4, ..]).to_owned());
    let model = BayesianRidge::new().tolerance(1e-12).max_iter(1000);
    let model = model.fit(&few, &y.as_slice()[..4].to_vec().into()).unwrap();
    let truth = [
        0.8318905340381156,
        -0.20193034761850776,
        0.7925504894149802,
        0.19115025471257222,
        0.06151495392163565,
    ];
    close(&model.coefficients().to_vec(), &truth, 1e-6);
    let next = Matrix::from(x.slice(s![5..7, ..]).to_owned());
    let (answers, deviations) = model.predict_with_deviation(&next).unwrap();
    close(answers.as_slice(), &[2.2017973607051085, 2.337930786721064], 1e-6);
    close(deviations.as_slice(), &[0.4413832309291988, 0.3386674928103279], 1e-6);
}

/// `ARDRegression(tol=1e-12, max_iter=1000).fit(X, y)`.
#[test]
fn columns_that_say_nothing_are_left_out() {
    let (x, y) = five();
    let model = ArdRegression::new().tolerance(1e-13).fit(&x.clone().into(), &y).unwrap();
    assert!(model.converged());
    let truth = [1.4248449100556333, -0.7020355887728655, 0.30375023627043096, 0.0, 0.0];
    close(&model.coefficients().to_vec(), &truth, 1e-9);
    let found = [model.intercept(), model.alpha(), model.lambdas()[0], model.lambdas()[2]];
    close(&found, &[2.0244218708332595, 7.73396601910277, 0.4904661449299272, 10.102189047670006], 1e-9);
    let first: Matrix = x.slice(s![..2, ..]).to_owned().into();
    let (_, deviations) = model.predict_with_deviation(&first).unwrap();
    close(deviations.as_slice(), &[0.37360636971058375, 0.37228871734745894], 1e-9);
}

/// At the end the precisions are what the coefficients and residuals say of them.
#[test]
fn precisions_are_at_their_fixed_point() {
    let example = regression(500, 6, 31);
    let model = BayesianRidge::new().fit(&example.x, &example.values).unwrap();
    let answers = model.predict(&example.x).unwrap();
    let misses = example.values.as_slice().iter().zip(answers.as_slice()).map(|(y, a)| (y - a) * (y - a));
    let squares: f64 = misses.sum();
    let length: f64 = model.coefficients().iter().map(|weight| weight * weight).sum();
    let (lambda, trace) = (model.lambdas()[0], model.covariance().diag().sum());
    let effective = 6.0 - lambda * trace;
    assert!((lambda - effective / length).abs() < 1e-5 * lambda);
    assert!((model.alpha() - (500.0 - effective) / squares).abs() < 1e-5 * model.alpha());
    assert_close(&[1.0 / model.alpha().sqrt()], &[0.5], 0.03, "the noise of the example");
}
