//! Reference values that lie beside the project; a test without them says so and stops.

use std::path::Path;

use ndarray::Array2;
use perennial_core::{Classes, Matrix};
use serde_json::Value;

/// The cases of a file, or none when it is not there.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("{} is missing, so this test checks nothing", path.display());
        return Vec::new();
    };
    let all: Value = serde_json::from_str(&text).unwrap();
    all["cases"].as_array().unwrap().clone()
}

/// The cases of one kind.
pub(crate) fn of_kind(name: &str, kind: &str) -> Vec<Value> {
    cases(name).into_iter().filter(|case| case["kind"] == kind).collect()
}

/// A number, which may be written as a string of more digits.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// Rows of numbers; a plain list is one column.
pub(crate) fn array(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| if row.is_array() { numbers(row) } else { vec![number(row)] })
        .collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

pub(crate) fn matrix(value: &Value) -> Matrix {
    array(value).into()
}

pub(crate) fn classes(value: &Value) -> Classes {
    Classes::from_labels(numbers(value).into_iter().map(|code| code as i64))
}

/// How many digits agree, up to 16.
pub(crate) fn digits(computed: f64, truth: f64) -> f64 {
    let error = if truth == 0.0 { computed.abs() } else { ((computed - truth) / truth).abs() };
    (-error.log10()).min(16.0)
}

pub(crate) fn assert_close(computed: &[f64], truth: &[f64], tolerance: f64, what: &str) {
    assert_eq!(computed.len(), truth.len(), "{what}");
    for (computed, truth) in computed.iter().zip(truth) {
        assert!((computed - truth).abs() <= tolerance, "{what}: {computed} instead of {truth}");
    }
}
