//! Standard errors for noise of unlike variance, and the choice of a ridge by leaving rows out.

use perennial_core::{Estimator, Matrix, Predictor, Rows, Train, Values};
use perennial_models::linear::StandardErrors;
use perennial_models::{LinearRegression, Ridge, RidgeCv};
use perennial_testing::{check, regression};

use crate::fixtures::assert_close;
use crate::linear_glm::rows;

check!(ridge_cv, regressor, RidgeCv::new());
check!(ridge_cv_strong, regressor, RidgeCv::new().alphas([30.0, 0.5]));

fn errors(kind: StandardErrors, weights: Option<&[f64]>) -> Vec<f64> {
    let (x, y) = rows();
    let (x, y) = (Matrix::from(x), Values::from(y));
    let settings = LinearRegression::new().standard_errors(kind);
    let train = Train::new(&x, &y);
    let model = match weights {
        Some(weights) => train.weights(weights).fit(&settings),
        None => train.fit(&settings),
    };
    let table = model.unwrap().inference(0.95).unwrap();
    table.coefficients.iter().map(|row| row.standard_error).collect()
}

/// NumPy: with `C = inv(A.T @ A)` the roots of the diagonal of `C @ (A.T * e**2) @ A @ C * 30 / 26`, and of
/// `C @ (A.T * (e / (1 - h))**2) @ A @ C`.
#[test]
fn robust_errors_are_those_of_the_sandwich() {
    let hc1 = [0.08184232804820092, 0.10001223889098625, 0.10191230639065424, 0.08546922407452542];
    let hc3 = [0.08844915066296916, 0.10649067302242438, 0.11024659716849727, 0.0942702141225807];
    assert_close(&errors(StandardErrors::Hc1, None), &hc1, 1e-13, "HC1");
    assert_close(&errors(StandardErrors::Hc3, None), &hc3, 1e-13, "HC3");
}

#[test]
fn weights_are_repeated_rows_for_robust_errors() {
    let (x, y) = rows();
    let weights: Vec<f64> = (0..30).map(|i| (1 + i % 3) as f64).collect();
    let copies: Vec<usize> = (0..30).flat_map(|i| vec![i; 1 + i % 3]).collect();
    let (x, y) = (Matrix::from(x).take(&copies).unwrap(), Values::from(y).take(&copies).unwrap());
    for kind in [StandardErrors::Hc1, StandardErrors::Hc3] {
        let settings = LinearRegression::new().standard_errors(kind);
        let table = settings.fit(&x, &y).unwrap().inference(0.95).unwrap();
        let repeated: Vec<f64> = table.coefficients.iter().map(|row| row.standard_error).collect();
        assert_close(&errors(kind, Some(&weights)), &repeated, 1e-12, "weighted");
    }
}

/// Brute force: a fit without each row.
#[test]
fn errors_of_leaving_one_out_are_those_of_fits_without_the_row() {
    for (example, intercept) in
        [(regression(40, 5, 6), true), (regression(12, 20, 7), true), (regression(40, 3, 8), false)]
    {
        let n = example.x.n_rows();
        let alphas = [0.01, 1.0, 20.0];
        let settings = RidgeCv::new().alphas(alphas).fit_intercept(intercept);
        let model = settings.fit(&example.x, &example.values).unwrap();
        for (alpha, found) in alphas.iter().zip(model.mean_squared_errors()) {
            let mut sum = 0.0;
            for out in 0..n {
                let rest: Vec<usize> = (0..n).filter(|&row| row != out).collect();
                let (x, y) = (example.x.take(&rest).unwrap(), example.values.take(&rest).unwrap());
                let ridge = Ridge::new().alpha(*alpha).fit_intercept(intercept).fit(&x, &y).unwrap();
                let guess = ridge.predict(&example.x.take(&[out]).unwrap()).unwrap();
                sum += (guess.as_slice()[0] - example.values.as_slice()[out]).powi(2);
            }
            assert!((found - sum / n as f64).abs() < 1e-9 * found, "{found} instead of {}", sum / n as f64);
        }
        let ridge = Ridge::new().alpha(model.alpha()).fit_intercept(intercept);
        let ridge = ridge.fit(&example.x, &example.values).unwrap();
        assert_close(&model.coefficients().to_vec(), &ridge.coefficients().to_vec(), 1e-10, "coefficients");
    }
}

/// scikit-learn: `RidgeCV(alphas=[.01, .1, 1, 10], store_cv_results=True)`.
#[test]
fn ridge_of_the_chosen_strength_is_that_of_scikit_learn() {
    let (x, y) = rows();
    let settings = RidgeCv::new().alphas([0.01, 0.1, 1.0, 10.0]);
    let model = settings.fit(&Matrix::from(x), &Values::from(y)).unwrap();
    assert_eq!(model.alpha(), 0.1);
    let truth = [1.4213168167167938, -0.7076556451904571, 0.3229609907126805];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "coefficients");
    let truth = [0.1542120332853512, 0.1540646936257282, 0.1589021886535406, 0.3997973368417637];
    assert_close(model.mean_squared_errors(), &truth, 1e-12, "errors");
}

/// Tall rows take the products of columns; cut in two and put together they must give what reflections give.
#[test]
fn tall_designs_keep_their_digits() {
    let example = regression(6000, 6, 31);
    let fast = LinearRegression::new().fit(&example.x, &example.values).unwrap();
    // A seventh column that hardly differs from the first makes the condition large: reflections must do it.
    let cells = example.x.dense().unwrap();
    let near = ndarray::Array2::from_shape_fn((6000, 7), |(i, j)| {
        if j < 6 { cells[[i, j]] } else { cells[[i, 0]] + 1e-6 * ((i * 7919) % 1000) as f64 }
    });
    let slow = LinearRegression::new().fit(&near.clone().into(), &example.values).unwrap();
    assert_eq!((fast.rank(), slow.rank()), (7, 8));
    let y: Values = cells.rows().into_iter().map(|row| 1e6 + row.iter().sum::<f64>()).collect();
    let exact = LinearRegression::new().fit(&example.x, &y).unwrap();
    for weight in exact.coefficients() {
        assert!((weight - 1.0).abs() < 1e-9);
    }
    let line: Values = near.rows().into_iter().map(|row| row[0] + 3.0 * row[6]).collect();
    let exact = LinearRegression::new().fit(&near.into(), &line).unwrap();
    assert!((exact.coefficients()[6] - 3.0).abs() < 1e-8 && (exact.coefficients()[0] - 1.0).abs() < 1e-8);
}
