//! Logistic regression against solutions of 50 digits, and what must hold for any data.

use ndarray::{Array2, Axis, array};
use perennial_core::{Classes, Classifier, Csr, ErrorKind, Estimator, Matrix, Predictor, Train};
use perennial_models::LogisticRegression;
use perennial_models::linear::{LogisticModel, Solver};
use perennial_numeric::random::Random;
use perennial_testing::{blobs, regression};

use crate::fixtures::{array, assert_close, classes, matrix, number, numbers, of_kind};

fn settings(case: &serde_json::Value, solver: Solver) -> LogisticRegression {
    let settings = LogisticRegression::new().solver(solver).tolerance(1e-15).max_iter(2000);
    if case["alpha"] == 0 { settings.no_penalty() } else { settings.c(1.0 / number(&case["alpha"])) }
}

#[test]
fn binary_coefficients_are_the_reference() {
    for case in of_kind("glm.json", "logistic") {
        for solver in [Solver::Newton, Solver::Lbfgs, Solver::NewtonCg] {
            let name = format!("{} by {solver:?}", case["id"]);
            let (x, y) = (matrix(&case["X"]), classes(&case["y"]));
            let mut train = Train::new(&x, &y);
            let weights = case["sample_weight"].as_array().map(|_| numbers(&case["sample_weight"]));
            if let Some(weights) = &weights {
                train = train.weights(weights);
            }
            let model = train.fit(&settings(&case, solver)).unwrap();
            let tolerance = number(&case["tol_abs"]);
            let expected = &case["expected"];
            assert_close(
                &model.coefficients().row(0).to_vec(),
                &numbers(&expected["coef"]),
                tolerance,
                &name,
            );
            assert_close(&model.intercepts().to_vec(), &[number(&expected["intercept"])], tolerance, &name);
        }
    }
}

#[test]
fn softmax_coefficients_are_the_reference() {
    for case in of_kind("glm.json", "softmax") {
        for solver in [Solver::Newton, Solver::Lbfgs, Solver::NewtonCg] {
            let name = format!("{} by {solver:?}", case["id"]);
            let model = settings(&case, solver).fit(&matrix(&case["X"]), &classes(&case["y"])).unwrap();
            let tolerance = number(&case["tol_abs"]);
            let truth = array(&case["expected"]["coef"]);
            let (found, truth): (Vec<f64>, Vec<f64>) =
                (model.coefficients().iter().copied().collect(), truth.iter().copied().collect());
            assert_close(&found, &truth, tolerance, &name);
            let truth = numbers(&case["expected"]["intercept_sum_zero"]);
            assert_close(&model.intercepts().to_vec(), &truth, tolerance, &name);
        }
    }
}

#[test]
fn the_gradient_is_zero_at_the_answer() {
    // The score equations of the penalised likelihood, in the units of the input.
    let example = blobs(3, 4);
    let model = LogisticRegression::new().c(0.7).tolerance(1e-12).fit(&example.x, &example.classes).unwrap();
    let shares = model.predict_proba(&example.x).unwrap();
    let mut residuals = shares.values().to_owned();
    for (row, &code) in example.classes.codes().iter().enumerate() {
        residuals[[row, code as usize]] -= 1.0;
    }
    let slopes = residuals.t().dot(example.x.dense().unwrap()) + &model.coefficients() / 0.7;
    assert!(slopes.iter().all(|slope| slope.abs() < 1e-8), "{slopes}");
    assert!(residuals.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-8));
}

#[test]
fn sparse_and_dense_input_give_the_same_coefficients() {
    let example = regression(200, 4, 3);
    let x = example.x.dense().unwrap().mapv(|value| if value < 0.3 { 0.0 } else { value });
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in x.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    let sparse = Matrix::from(Csr::new(4, indptr, indices, values).unwrap());
    let dense = Matrix::from(x);
    let settings = LogisticRegression::new().tolerance(1e-11).max_iter(1000);
    let from_dense = settings.fit(&dense, &example.classes).unwrap();
    let from_sparse = settings.fit(&sparse, &example.classes).unwrap();
    let (a, b) = (from_dense.coefficients(), from_sparse.coefficients());
    assert!((&a - &b).iter().all(|gap| gap.abs() < 1e-8), "{a} {b}");
    let (a, b) = (from_dense.predict_proba(&sparse).unwrap(), from_dense.predict_proba(&dense).unwrap());
    assert!((a.values() - b.values()).iter().all(|gap| gap.abs() < 1e-14));
    let newton = LogisticRegression::new().solver(Solver::Newton).fit(&sparse, &example.classes);
    assert!(matches!(newton.unwrap_err().kind(), ErrorKind::Unsupported { .. }));
}

/// Rows of five classes with gaps, as they are and in CSR.
fn with_gaps() -> (Matrix, Matrix, Classes) {
    let random = &mut Random::new(5);
    let x = Array2::from_shape_fn((240, 6), |_| match random.below(3) {
        0 => random.normal(),
        _ => 0.0,
    });
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in x.rows() {
        for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(column as u32);
            values.push(value);
        }
        indptr.push(indices.len());
    }
    let codes: Vec<usize> =
        x.rows().into_iter().map(|row| usize::from(row[0] > 0.2) * 2 + random.below(3)).collect();
    (Matrix::from(x), Csr::new(6, indptr, indices, values).unwrap().into(), Classes::from_labels(codes))
}

#[test]
fn products_with_the_hessian_lead_where_its_factor_does() {
    let (dense, sparse, y) = with_gaps();
    let first =
        |classes: &Classes| Classes::from_labels(classes.codes().iter().map(|code| u8::from(*code > 1)));
    // Five classes take two blocks of four; weights of 0 stand at regular places, and three rows of one class alone.
    let eighth: Vec<f64> =
        (0..240).map(|row| if row % 8 == 0 { 0.0 } else { 1.0 + (row % 3) as f64 }).collect();
    let second: Vec<f64> = (0..240).map(|row| (row % 2) as f64).collect();
    for (y, intercept) in [(&y, true), (&y, false), (&first(&y), true), (&first(&y), false)] {
        for weights in [None, Some(&eighth), Some(&second)] {
            let settings = LogisticRegression::new().fit_intercept(intercept).tolerance(1e-11).c(2.0);
            let fit = |x: &Matrix, solver: Solver| {
                let train = Train::new(x, y);
                let train = match weights {
                    Some(weights) => train.weights(weights),
                    None => train,
                };
                train.fit(&settings.clone().solver(solver)).unwrap()
            };
            let truth = fit(&dense, Solver::Newton);
            for (x, solver) in [
                (&dense, Solver::NewtonCg),
                (&sparse, Solver::NewtonCg),
                (&sparse, Solver::Auto),
                (&sparse, Solver::Lbfgs),
            ] {
                let model = fit(x, solver);
                assert!(model.converged(), "{solver:?}");
                let gaps = &model.coefficients() - &truth.coefficients();
                assert!(gaps.iter().all(|gap| gap.abs() < 1e-8), "{solver:?} {intercept} {gaps}");
                let gaps = &model.intercepts() - &truth.intercepts();
                assert!(gaps.iter().all(|gap| gap.abs() < 1e-8), "{solver:?} {intercept} {gaps}");
            }
        }
    }
}

#[test]
fn separated_classes_end_in_finite_coefficients() {
    let x = Matrix::from(array![[-2.0], [-1.0], [1.0], [2.0]]);
    let y = Classes::from_labels([0, 0, 1, 1]);
    for solver in [Solver::Newton, Solver::Lbfgs, Solver::NewtonCg] {
        for settings in [LogisticRegression::new().no_penalty(), LogisticRegression::new().c(1e100)] {
            let model = settings.solver(solver).fit(&x, &y).unwrap();
            assert!(model.converged(), "{model:?}");
            assert_eq!(model.predict(&x).unwrap(), y);
            assert!(model.predict_proba(&x).unwrap().values()[[3, 1]] > 0.9999);
        }
    }
    let model = LogisticRegression::new().no_penalty().max_iter(1).tolerance(0.0).fit(&x, &y).unwrap();
    assert!(!model.converged() && model.gradient_norm() > 0.0);
}

#[test]
fn units_that_differ_wildly_do_not_hinder() {
    // Without a penalty the predictions do not depend on units.
    let example = regression(300, 3, 8);
    // Overlapping classes, so that there is an answer.
    let y = Classes::new(
        example
            .classes
            .codes()
            .iter()
            .enumerate()
            .map(|(row, code)| if row % 3 == 0 { 1 - code } else { *code })
            .collect(),
        vec!["a".to_owned(), "b".to_owned()],
    )
    .unwrap();
    let x = example.x.dense().unwrap();
    let other: Array2<f64> = x.to_owned() * &array![1e-9, 1.0, 1e7] + &array![3.0, 1e5, -1e9];
    for solver in [Solver::Newton, Solver::Lbfgs, Solver::NewtonCg] {
        let settings = LogisticRegression::new().no_penalty().solver(solver).tolerance(1e-10);
        let plain = settings.fit(&example.x, &y).unwrap();
        let shifted = settings.fit(&Matrix::from(other.clone()), &y).unwrap();
        assert!(plain.converged() && shifted.converged());
        let (a, b) = (
            plain.predict_proba(&example.x).unwrap(),
            shifted.predict_proba(&Matrix::from(other.clone())).unwrap(),
        );
        assert!((a.values() - b.values()).iter().all(|gap| gap.abs() < 1e-6));
    }
}

#[test]
fn many_rows_are_begun_with_few_and_end_at_the_same_minimum() {
    // An eighth of 24,000 rows is enough to begin with. The truth is Newton's method on all of them from 0.
    let mut random = perennial_numeric::random::Random::new(7);
    let x = Array2::from_shape_fn((24_000, 4), |(_, j)| 3.0 * j as f64 + (1.0 + j as f64) * random.normal());
    let score = |row: usize, random: &mut perennial_numeric::random::Random| {
        0.8 * x[[row, 0]] - 0.2 * (x[[row, 1]] - 3.0) + random.normal()
    };
    let scores: Vec<f64> = (0..x.nrows()).map(|row| score(row, &mut random)).collect();
    let two = Classes::from_labels(scores.iter().map(|score| if *score > 0.3 { "b" } else { "a" }));
    let three = Classes::from_labels(scores.iter().map(|score| match score {
        score if *score > 1.0 => "c",
        score if *score > 0.0 => "b",
        _ => "a",
    }));
    let x = Matrix::from(x);
    let weights: Vec<f64> = (0..scores.len()).map(|row| (row % 3) as f64).collect();
    for y in [&two, &three] {
        for weights in [None, Some(&weights[..])] {
            let train = || match weights {
                Some(weights) => Train::new(&x, y).weights(weights),
                None => Train::new(&x, y),
            };
            let settings = LogisticRegression::new().c(0.01).tolerance(1e-11);
            let quick = train().fit(&settings).unwrap();
            let sure = train().fit(&settings.clone().solver(Solver::Newton)).unwrap();
            assert!(quick.converged() && sure.converged());
            let flat = |model: &perennial_models::linear::LogisticModel| {
                model.coefficients().iter().chain(&model.intercepts()).copied().collect::<Vec<f64>>()
            };
            assert_close(&flat(&quick), &flat(&sure), 1e-7, "many rows");
            let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            let again = |pool: &rayon::ThreadPool| pool.install(|| flat(&train().fit(&settings).unwrap()));
            assert_eq!(again(&one), again(&three));
        }
    }
}

#[test]
fn values_that_are_not_finite_are_found_where_they_are() {
    let data = blobs(2, 1);
    let model = LogisticRegression::new().fit(&data.x, &data.classes).unwrap();
    let mut bad = data.x.dense().unwrap().to_owned();
    bad[[7, 1]] = f64::INFINITY;
    let error = model.predict(&Matrix::from(bad)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 7, .. }), "{error}");
}

/// Every eighth row, where the search begins, may be a world of its own.
#[test]
fn a_part_that_is_like_no_other_does_no_harm() {
    let n = 40_000;
    let mut random = Random::new(3);
    let x = Array2::from_shape_simple_fn((n, 3), || random.normal());
    for odd in 0..3 {
        let class = |row: usize| {
            let score = x[[row, 0]] - 0.5 * x[[row, 1]] + 2.0 * (random.uniform() - 0.5);
            match (row % 8, odd) {
                // One class alone, classes that a plane separates far away, and the opposite of all others.
                (0, 0) => 0,
                (0, 1) => u32::from(x[[row, 2]] > 0.0),
                (0, 2) => u32::from(score <= 0.0),
                _ => u32::from(score > 0.0),
            }
        };
        let codes: Vec<u32> = (0..n).map(class).collect();
        let y = Classes::new(codes, vec!["no".into(), "yes".into()]).unwrap();
        let x = Matrix::from(x.clone());
        for settings in [LogisticRegression::new(), LogisticRegression::new().no_penalty()] {
            let quick = settings.clone().fit(&x, &y).unwrap();
            let sure = settings.solver(Solver::Newton).tolerance(1e-9).fit(&x, &y).unwrap();
            for (a, b) in quick.coefficients().iter().zip(sure.coefficients()) {
                assert!((a - b).abs() < 2e-3, "{odd}: {a} {b}");
            }
        }
    }
}

#[test]
fn models_without_covariances_are_read() {
    let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    let model = LogisticRegression::new().fit(&x, &Classes::from_labels([0, 1, 0, 1])).unwrap();
    let mut json = serde_json::to_value(&model).unwrap();
    assert!(json.as_object_mut().unwrap().remove("covariances").is_some());
    assert_eq!(serde_json::from_value::<LogisticModel>(json).unwrap(), model);
}
