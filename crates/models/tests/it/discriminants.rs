//! Priors of discriminants, and rows that are far from all classes.

use ndarray::{Array2, array};
use perennial_core::{Classes, Classifier, ErrorKind, Estimator, Matrix, Predictor};
use perennial_models::{LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis};

fn rows() -> Matrix {
    Matrix::from(array![[9.0], [11.0], [19.0], [21.0]])
}

/// The codes of the rows above, of so many classes.
fn classes(n_classes: usize) -> Classes {
    let names: Vec<String> = ["a", "b", "c"][..n_classes].iter().map(|&name| name.to_owned()).collect();
    Classes::new(vec![0, 0, 1, 1], names).unwrap()
}

/// By hand: 1 is nearest to the mean 10 of `a`; the mean of `c`, which has no rows, stands at 0.
#[test]
fn a_class_without_rows_is_never_the_answer() {
    let (x, y, asked) = (rows(), classes(3), Matrix::from(array![[1.0], [16.0]]));
    let linear = LinearDiscriminantAnalysis::new().priors([0.4, 0.4, 0.2]).fit(&x, &y).unwrap();
    let quadratic = QuadraticDiscriminantAnalysis::new().priors([0.4, 0.4, 0.2]).fit(&x, &y).unwrap();
    assert_eq!(linear.priors(), [0.5, 0.5, 0.0]);
    assert_eq!(quadratic.priors(), [0.5, 0.5, 0.0]);
    assert_eq!(linear.predict(&asked).unwrap().codes(), [0, 1]);
    assert_eq!(quadratic.predict(&asked).unwrap().codes(), [0, 1]);
    for said in [linear.predict_proba(&asked).unwrap(), quadratic.predict_proba(&asked).unwrap()] {
        assert!(said.values().column(2).iter().all(|share| *share == 0.0), "{:?}", said.values());
    }
    for scores in [linear.decision_function(&asked).unwrap(), quadratic.decision_function(&asked).unwrap()] {
        assert!(scores.column(2).iter().all(|score| *score == f64::NEG_INFINITY), "{scores}");
        assert!(scores.slice(ndarray::s![.., ..2]).iter().all(|score| score.is_finite()), "{scores}");
    }
}

#[test]
fn priors_of_classes_without_rows_alone_are_refused() {
    let (x, y) = (rows(), classes(3));
    let errors = [
        LinearDiscriminantAnalysis::new().priors([0.0, 0.0, 1.0]).fit(&x, &y).err(),
        QuadraticDiscriminantAnalysis::new().priors([0.0, 0.0, 1.0]).fit(&x, &y).err(),
    ];
    for error in errors {
        let error = error.unwrap().to_string();
        assert!(error.contains("at least one class that has rows: a, b"), "{error}");
    }
}

#[test]
fn odds_are_infinite_where_a_class_has_no_prior() {
    let (x, y) = (rows(), classes(2));
    let odds = |priors: [f64; 2]| -> [Array2<f64>; 2] {
        let linear = LinearDiscriminantAnalysis::new().priors(priors).fit(&x, &y).unwrap();
        let quadratic = QuadraticDiscriminantAnalysis::new().priors(priors).fit(&x, &y).unwrap();
        assert_eq!(linear.predict(&x).unwrap().codes(), [u32::from(priors[0] == 0.0); 4]);
        [linear.decision_function(&x).unwrap(), quadratic.decision_function(&x).unwrap()]
    };
    for odds in odds([0.0, 1.0]) {
        assert_eq!(odds, Array2::from_elem((4, 1), f64::INFINITY));
    }
    for odds in odds([1.0, 0.0]) {
        assert_eq!(odds, Array2::from_elem((4, 1), f64::NEG_INFINITY));
    }
}

#[test]
fn scores_beyond_the_range_are_errors_that_name_the_row() {
    let x = Matrix::from(array![[9.0], [11.0], [19.0], [21.0], [30.0], [33.0]]);
    let three = Classes::from_labels(["a", "a", "b", "b", "c", "c"]);
    let two = Classes::from_labels(["a", "a", "a", "b", "b", "b"]);
    let far = Matrix::from(array![[10.0], [1e300]]);
    for y in [three, two] {
        let model = QuadraticDiscriminantAnalysis::new().fit(&x, &y).unwrap();
        let error = model.decision_function(&far).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Overflow { .. }), "{error}");
        assert!(error.to_string().contains("row 1"), "{error}");
    }
}
