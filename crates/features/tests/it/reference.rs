//! Values computed by scikit-learn and by exact arithmetic.

use std::path::Path;

use ndarray::{Array2, array};
use perennial_core::{Classes, Estimator, Matrix, NoTarget, Transformer};
use perennial_features::extraction::Pca;
use perennial_features::{PolynomialFeatures, SelectKBest};
use serde_json::Value;

fn cases(file: &str) -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(file);
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: the shared fixtures are not there");
        return None;
    };
    let value: Value = serde_json::from_str(&text).unwrap();
    Some(value["cases"].as_array().unwrap().clone())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn array2(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn polynomials() {
    let Some(cases) = cases("preprocessing.json") else { return };
    for (id, step) in [
        ("poly2", PolynomialFeatures::new().include_bias(true)),
        ("poly3_inter", PolynomialFeatures::new().degree(3).interaction_only(true)),
    ] {
        let case = cases.iter().find(|case| case["id"] == id).unwrap();
        let model = step.fit(&array2(&case["X"]).into(), &NoTarget).unwrap();
        let got = model.transform(&array2(&case["Xtest"]).into()).unwrap();
        let (got, expected) = (got.dense().unwrap(), array2(&case["expected"]["test"]));
        assert_eq!(got.dim(), expected.dim());
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0)), "{id}");
    }
}

#[test]
fn principal_components() {
    let Some(cases) = cases("linalg.json") else { return };
    let mut tried = 0;
    for case in cases.iter().filter(|case| case["kind"] == "pca") {
        let (n, p) = (case["n"].as_u64().unwrap() as usize, case["p"].as_u64().unwrap() as usize);
        let x = Array2::from_shape_fn((n, p), |(i, j)| 1.0 / (i + j + 1) as f64);
        let model = Pca::new().fit(&x.into(), &NoTarget).unwrap();
        let expected = &case["expected"];
        let values = numbers(&expected["singular_values"]);
        let room = 4.0 * f64::EPSILON * n.max(p) as f64 * values[0];
        for (got, value) in model.singular_values().iter().zip(&values) {
            assert!((got - value).abs() <= room, "{}: {got} is not {value}", case["id"]);
        }
        for (got, value) in model.explained_variance_ratio().iter().zip(numbers(&expected["ratio"])).take(3) {
            assert!(-((got - value).abs() / value).log10() >= 12.0, "{}: {got} is not {value}", case["id"]);
        }
        for (got, value) in model.mean().iter().zip(numbers(&expected["mean"])) {
            assert!((got - value).abs() <= 1e-15 * value.abs().max(1.0));
        }
        tried += 1;
    }
    assert!(tried >= 3);
}

#[test]
fn f_statistics_are_those_of_their_formulas() {
    // One-way analysis of variance by hand: means 2 and 5, within 4, between 13.5, F = 13.5 / (4 / 4).
    let x = Matrix::from(array![[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [4.0, 7.0], [5.0, 7.0], [6.0, 7.0]]);
    let y = Classes::from_labels(["a", "a", "a", "b", "b", "b"]);
    let model = SelectKBest::classification(1).fit(&x, &y).unwrap();
    assert!((model.scores()[0] - 13.5).abs() < 1e-12 && model.scores()[1] == 0.0);
    // scipy.stats.pearsonr: r = 0.8 of these, F = r^2 / (1 - r^2) * 3.
    let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0], [5.0]]);
    let model = SelectKBest::regression(1).fit(&x, &vec![2.0, 1.0, 4.0, 3.0, 5.0].into()).unwrap();
    assert!((model.scores()[0] - 0.64 / 0.36 * 3.0).abs() < 1e-12);
}

#[test]
fn a_constant_column_is_never_chosen() {
    for constant in [0.1, 0.7, 1.1, 1e-3, 123.456] {
        for n in [10, 33, 301] {
            let x = Array2::from_shape_fn((n, 2), |(row, column)| {
                if column == 0 { constant } else { (row % 7) as f64 + (row % 2) as f64 }
            });
            let x = Matrix::from(x);
            let y = Classes::from_labels((0..n).map(|row| row % 2));
            let model = SelectKBest::classification(1).fit(&x, &y).unwrap();
            assert_eq!(
                (model.scores()[0], model.kept().collect::<Vec<_>>()),
                (0.0, vec!["x1"]),
                "{constant} {n}"
            );
        }
    }
}

#[test]
fn components_of_huge_numbers_of_both_signs_are_refused() {
    let x = Array2::from_shape_fn(
        (40, 2),
        |(row, column)| if (row + column) % 2 == 0 { 1.7e308 } else { -1.7e308 },
    );
    assert!(Pca::new().fit(&Matrix::from(x), &NoTarget).is_err());
}

#[test]
fn too_many_products_are_an_error_and_not_the_end_of_the_process() {
    let wide = Matrix::from(Array2::<f64>::zeros((100_000, 300)));
    let model = PolynomialFeatures::new().fit(&wide, &NoTarget).unwrap();
    assert!(model.transform(&wide).unwrap_err().to_string().contains("too large"));
}
