//! Logistic regression with L1 and elastic-net penalties.

use ndarray::Array1;
use perennial_core::{Classes, Classifier, Csr, Estimator, Matrix};
use perennial_models::LogisticRegression;
use perennial_testing::{check, regression};

check!(logistic_l1, classifier, LogisticRegression::new().l1_ratio(1.0));
check!(logistic_elastic_net, classifier, LogisticRegression::new().l1_ratio(0.4).c(0.3));

/// At the optimum of `sum of losses + (1/c) (r |w|_1 + (1 - r)/2 |w|^2)` each slope of the losses is balanced by the penalty.
#[test]
fn optimum_meets_its_conditions() {
    let example = regression(300, 12, 51);
    let cells = example.x.dense().unwrap();
    let three =
        Classes::from_labels(example.values.as_slice().iter().map(|y| (*y > 9.0) as u8 + (*y > 12.0) as u8));
    for (y, c, ratio) in [(&example.classes, 0.02, 1.0), (&example.classes, 0.02, 0.8), (&three, 0.02, 1.0)] {
        let model =
            LogisticRegression::new().c(c).l1_ratio(ratio).tolerance(1e-9).fit(&example.x, y).unwrap();
        assert!(model.converged(), "gradient {:e}", model.gradient_norm());
        let shares = model.predict_proba(&example.x).unwrap();
        let mut n_zero = 0;
        for (k, weights) in model.coefficients().rows().into_iter().enumerate() {
            let class = if model.coefficients().nrows() == 1 { 1 } else { k };
            let miss: Array1<f64> = (0..300)
                .map(|row| {
                    shares.values()[[row, class]] - f64::from(u8::from(y.codes()[row] as usize == class))
                })
                .collect();
            assert!(miss.sum().abs() < 1e-5);
            for (j, weight) in weights.iter().enumerate() {
                let slope = cells.column(j).dot(&miss) + (1.0 - ratio) / c * weight;
                if *weight == 0.0 {
                    n_zero += 1;
                    assert!(slope.abs() <= ratio / c + 1e-5);
                } else {
                    assert!((slope + ratio / c * weight.signum()).abs() < 1e-5, "{slope}");
                }
            }
        }
        assert!(n_zero > 0, "no coefficient is 0");
    }
}

#[test]
fn sparse_rows_give_the_same_answer() {
    let example = regression(200, 6, 52);
    let kept = example.x.dense().unwrap().mapv(|value| if value.abs() < 0.5 { 0.0 } else { value });
    let dense = Matrix::from(kept);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.dense().unwrap().rows() {
        for (j, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            columns.push(j as u32);
            values.push(*value);
        }
        starts.push(columns.len());
    }
    let sparse = Matrix::from(Csr::new(6, starts, columns, values).unwrap());
    let settings = LogisticRegression::new().c(0.1).l1_ratio(1.0).tolerance(1e-10);
    let (a, b) =
        (settings.fit(&dense, &example.classes).unwrap(), settings.fit(&sparse, &example.classes).unwrap());
    for (a, b) in a.coefficients().iter().zip(b.coefficients()) {
        assert!((a - b).abs() < 1e-7);
    }
}
