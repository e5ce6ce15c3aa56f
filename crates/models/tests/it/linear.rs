//! Least squares and ridge against exact arithmetic.

use ndarray::{Array2, array};
use perennial_core::{ErrorKind, Estimator, Matrix, Train, Values};
use perennial_models::{LinearRegression, Ridge};
use proptest::prelude::*;

use crate::fixtures::{array, assert_close, cases, digits, matrix, number, numbers, of_kind};

/// The design of a case: the columns as given, or powers of the only one.
fn design(x: &Array2<f64>, model: &str) -> Array2<f64> {
    let degree = model.strip_prefix("poly").map_or(1, |degree| degree.parse().unwrap());
    match degree {
        1 => x.clone(),
        _ => Array2::from_shape_fn((x.nrows(), degree), |(i, j)| x[[i, 0]].powi(j as i32 + 1)),
    }
}

#[test]
fn reference_problems_of_nist_keep_their_digits() {
    for case in cases("strd_linear.json") {
        let name = case["id"].as_str().unwrap();
        let target = number(&case["target_lre"]);
        let intercept = case["fit_intercept"].as_bool().unwrap();
        let x: Matrix = design(&array(&case["x"]), case["model"].as_str().unwrap()).into();
        let y = Values::from(numbers(&case["y"]));
        let model = LinearRegression::new().fit_intercept(intercept).fit(&x, &y).unwrap();
        let inference = model.inference(0.95).unwrap();
        let expected = &case["expected"];
        // A sum of squares that is exactly 0 can only be 0 next to the target's size.
        let size = y.as_slice().iter().fold(0.0_f64, |size, y| size.max(y.abs()));
        let check = |what: &str, computed: f64, truth: f64| {
            let reached = digits(computed, truth);
            let exact = truth == 0.0 && computed.abs() <= 1e-9 * size;
            assert!(
                reached >= target || exact,
                "{name}: {what} is {computed}, not {truth}: {reached:.1} digits of {target}"
            );
        };
        let (truths, errors) = (numbers(&expected["coef"]), numbers(&expected["se"]));
        assert_eq!(inference.coefficients.len(), truths.len(), "{name}");
        for (coefficient, (truth, error)) in inference.coefficients.iter().zip(truths.iter().zip(&errors)) {
            check(&coefficient.name, coefficient.estimate, *truth);
            check("a standard error", coefficient.standard_error, *error);
        }
        check("s", inference.residual_standard_error, number(&expected["s"]));
        check("R2", inference.r_squared, number(&expected["r2"]));
        if let Some(f) = expected["f"].as_str().and_then(|f| f.parse().ok()) {
            check("F", inference.f_statistic, f);
        }
        assert_eq!(model.rank(), truths.len(), "{name}");
    }
}

#[test]
fn ridge_has_the_reference_coefficients() {
    for case in of_kind("glm.json", "ridge") {
        let y = Values::from(numbers(&case["y"]));
        let model = Ridge::new().alpha(number(&case["alpha"])).fit(&matrix(&case["X"]), &y).unwrap();
        let name = case["id"].as_str().unwrap();
        let tolerance = number(&case["tol_abs"]);
        assert_close(&model.coefficients().to_vec(), &numbers(&case["expected"]["coef"]), tolerance, name);
        assert_close(&[model.intercept()], &[number(&case["expected"]["intercept"])], tolerance, name);
    }
}

/// R: `summary(lm(c(2.1, 3.9, 6.2, 7.8) ~ c(1, 2, 3, 4)))`, by hand: slope 9.7 / 5, residuals 0.07, -0.07, 0.29 ...
#[test]
fn inference_of_a_line_by_hand() {
    let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0]]).with_names(["dose"]).unwrap();
    let y = Values::from(vec![2.1, 3.9, 6.2, 7.8]);
    let inference = LinearRegression::new().fit(&x, &y).unwrap().inference(0.9).unwrap();
    // Sxx = 5, Sxy = 9.7, Syy = 18.9, so RSS = 18.9 - 9.7^2 / 5 = 0.082.
    let slope = &inference.coefficients[1];
    let noise = (0.082_f64 / 2.0).sqrt();
    assert!((slope.estimate - 1.94).abs() < 1e-14);
    assert!((slope.standard_error - noise / 5f64.sqrt()).abs() < 1e-14);
    // For two degrees of freedom the tail of t is algebraic: P(|T| > t) = 1 - t / sqrt(2 + t^2).
    let t = 1.94 / (noise / 5f64.sqrt());
    assert!((slope.p_value - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-12);
    // The quantile at 0.95 is 0.9 sqrt(2 / (1 - 0.9^2)).
    let reach = 0.9 * (2.0 / 0.19_f64).sqrt();
    assert!((slope.interval.width() - 2.0 * reach * noise / 5f64.sqrt()).abs() < 1e-12);
    assert!((inference.r_squared - (1.0 - 0.082 / 18.9)).abs() < 1e-14);
    assert!((inference.f_p_value - slope.p_value).abs() < 1e-12);
    assert_eq!(inference.coefficients[0].name, "(intercept)");
}

#[test]
fn inference_says_why_it_cannot_be() {
    let x = Matrix::from(array![[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]]);
    let y = Values::from(vec![1.0, 2.0, 2.0, 5.0]);
    let collinear = LinearRegression::new().fit(&x, &y).unwrap();
    assert_eq!(collinear.rank(), 2);
    assert!(matches!(collinear.inference(0.95).unwrap_err().kind(), ErrorKind::Singular { .. }));
    let ridge = Ridge::new().fit(&x, &y).unwrap();
    assert!(matches!(ridge.inference(0.95).unwrap_err().kind(), ErrorKind::Unsupported { .. }));
    let line = LinearRegression::new().fit(&x.select(&[0]).unwrap(), &y).unwrap();
    for level in [0.0, 1.0, f64::NAN] {
        assert!(matches!(line.inference(level).unwrap_err().kind(), ErrorKind::InvalidParam { .. }));
    }
    let two = Matrix::from(array![[1.0], [2.0]]);
    let exact = LinearRegression::new().fit(&two, &Values::from(vec![1.0, 3.0])).unwrap();
    assert!(matches!(exact.inference(0.95).unwrap_err().kind(), ErrorKind::InsufficientData { .. }));
}

proptest! {
    /// Weights mean repeated rows for standard errors too.
    #[test]
    fn weights_are_repeated_rows_for_inference(
        cells in proptest::collection::vec((-3.0..3.0f64, -3.0..3.0f64, 1usize..4), 8..20)
    ) {
        let x = Array2::from_shape_fn((cells.len(), 1), |(i, _)| cells[i].0 + i as f64);
        let y: Values = cells.iter().map(|cell| cell.1).collect();
        let weights: Vec<f64> = cells.iter().map(|cell| cell.2 as f64).collect();
        let rows: Vec<usize> = cells.iter().enumerate().flat_map(|(i, cell)| vec![i; cell.2]).collect();
        let x = Matrix::from(x);
        use perennial_core::Rows;
        let weighted = Train::new(&x, &y).weights(&weights).fit(&LinearRegression::new()).unwrap();
        let repeated = LinearRegression::new().fit(&x.take(&rows).unwrap(), &y.take(&rows).unwrap()).unwrap();
        let (a, b) = (weighted.inference(0.95).unwrap(), repeated.inference(0.95).unwrap());
        for (a, b) in a.coefficients.iter().zip(&b.coefficients) {
            prop_assert!((a.standard_error - b.standard_error).abs() <= 1e-10 * b.standard_error);
            prop_assert!((a.p_value - b.p_value).abs() <= 1e-9);
        }
    }
}
