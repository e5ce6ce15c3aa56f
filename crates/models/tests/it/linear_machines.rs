//! Linear support vector machines and the ridge classifier.

use ndarray::Array2;
use perennial_core::{Classes, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::linear::{Hinge, Insensitive};
use perennial_models::{ClassWeight, LinearSvc, LinearSvr, RidgeClassifier};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;
use crate::linear_follow::sparse;
use crate::linear_glm::rows;

check!(linear_svc, decider, LinearSvc::new());
check!(linear_svc_balanced, decider, LinearSvc::new().class_weight(ClassWeight::Balanced).c(0.1));
check!(linear_svr, regressor, LinearSvr::new());
check!(linear_svr_wide_tube, regressor, LinearSvr::new().epsilon(0.1).c(10.0));
check!(linear_svc_hinge, decider, LinearSvc::new().loss(Hinge::Plain).tolerance(1e-10));
check!(
    linear_svr_plain,
    regressor,
    LinearSvr::new().loss(Insensitive::Plain).epsilon(0.05).tolerance(1e-13),
    Tags::new().weight_tolerance(1e-6)
);
check!(ridge_classifier, decider, RidgeClassifier::new(), Tags::new().exact_solver());
check!(
    ridge_classifier_balanced,
    decider,
    RidgeClassifier::new().class_weight(ClassWeight::Balanced).fit_intercept(false),
    Tags::new().exact_solver()
);

fn above_mean(y: &[f64]) -> Classes {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    Classes::from_labels(y.iter().map(|y| u8::from(*y > mean)))
}

/// SciPy: `minimize(.5 * w @ w + sum(max(0, 1 - s * (X @ w + b))**2), method="BFGS", gtol=1e-10)`.
#[test]
fn margins_are_those_of_a_general_optimiser() {
    let (x, y) = rows();
    let model = LinearSvc::new().tolerance(1e-11).fit(&Matrix::from(x.clone()), &above_mean(&y)).unwrap();
    let truth = [1.806132511006022, -0.5368429587573272, 0.49245954314815693];
    let found: Vec<f64> = model.coefficients().iter().copied().collect();
    assert_close(&found, &truth, 1e-6, "coefficients");
    assert_close(&model.intercepts().to_vec(), &[-0.14820566502851393], 1e-6, "intercept");
    assert!(model.converged());

    let settings = LinearSvr::new().c(2.0).epsilon(0.2).tolerance(1e-11);
    let model = settings.fit(&Matrix::from(x), &Values::from(y)).unwrap();
    let truth = [1.3860671855517102, -0.6563416760813899, 0.34168855397566555];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-6, "regression");
    assert_close(&[model.intercept()], &[2.0033320113558903], 1e-6, "regression");
}

/// scikit-learn: `RidgeClassifier(alpha=2)` on two classes and on `np.digitize(y, [1.5, 2.6])`.
#[test]
fn ridge_classifier_is_that_of_scikit_learn() {
    let (x, y) = rows();
    let x = Matrix::from(x);
    let model = RidgeClassifier::new().alpha(2.0).fit(&x, &above_mean(&y)).unwrap();
    let truth = [1.0446860662829835, -0.3996057623027487, 0.18198036219568695];
    let found: Vec<f64> = model.coefficients().iter().copied().collect();
    assert_close(&found, &truth, 1e-12, "coefficients");
    assert_close(&model.intercepts().to_vec(), &[-0.04124897], 1e-8, "intercept");

    let three = Classes::from_labels(y.iter().map(|y| u8::from(*y >= 1.5) + u8::from(*y >= 2.6)));
    let model = RidgeClassifier::new().alpha(2.0).fit(&x, &three).unwrap();
    let truth = [
        -0.9080624823552952,
        0.5497862266645763,
        -0.2113672620849803,
        -0.1424509812798328,
        -0.12258788457044634,
        0.12209423117811685,
        1.050513463635128,
        -0.4271983420941299,
        0.08927303090686342,
    ];
    let found: Vec<f64> = model.coefficients().iter().copied().collect();
    assert_close(&found, &truth, 1e-12, "three classes");
    assert_eq!(model.predict(&x).unwrap().names(), three.names());
}

/// The optimum of `SVC(kernel="linear", C=c).fit(X, y, w)`, whose intercept is not penalised either: its equations solved by NumPy
/// for the rows on the margin that scikit-learn 1.9.1 finds (its own numbers have five to seven digits).
#[test]
fn hinge_is_that_of_the_support_vector_machine() {
    let (x, y) = rows();
    let noise = |i: usize| 0.8 * (3.3 * i as f64).sin();
    let classes = Classes::from_labels(y.iter().enumerate().map(|(i, y)| u8::from(y + noise(i) > 2.0)));
    let (x, weights) = (Matrix::from(x), (0..30).map(|i| f64::from(1 + i % 3)).collect::<Vec<f64>>());
    let settings = LinearSvc::new().loss(Hinge::Plain).tolerance(1e-12);
    let model = settings.clone().fit(&x, &classes).unwrap();
    assert!(model.converged(), "{}", model.gap());
    let mut found = model.coefficients().row(0).to_vec();
    found.push(model.intercepts()[0]);
    let truth = [1.8232924899698668, -0.8538042087590854, 0.32600844341179314, -0.17981265217087847];
    assert_close(&found, &truth, 1e-9, "hinge");
    let model = Train::new(&x, &classes).weights(&weights).fit(&settings.c(20.0)).unwrap();
    let mut found = model.coefficients().row(0).to_vec();
    found.push(model.intercepts()[0]);
    let truth = [2.235231873774316, -0.9199179898900374, 0.43789702779791045, -0.1504258997615753];
    assert_close(&found, &truth, 1e-9, "weighted hinge");
}

/// `SVR(kernel="linear", C=2, epsilon=.1, tol=1e-12).fit(X, y, w)` and `SVR(C=.5, epsilon=0, ..).fit(X, 100 * y + 7)`.
#[test]
fn insensitive_lines_are_those_of_the_support_vector_machine() {
    let (x, y) = rows();
    let (x, weights) = (Matrix::from(x), (0..30).map(|i| f64::from(1 + i % 3)).collect::<Vec<f64>>());
    let settings = LinearSvr::new().loss(Insensitive::Plain).tolerance(1e-12);
    let train =
        Train::new(&x, &Values::from(y.clone())).weights(&weights).fit(&settings.clone().c(2.0).epsilon(0.1));
    let model = train.unwrap();
    let mut found = model.coefficients().to_vec();
    found.push(model.intercept());
    let truth = [1.4569678105911557, -0.7767203166137997, 0.2922905655536532, 2.028342308736534];
    assert_close(&found, &truth, 1e-6, "insensitive");
    let large: Values = y.iter().map(|y| 100.0 * y + 7.0).collect();
    let model = settings.c(0.5).epsilon(0.0).fit(&x, &large).unwrap();
    let truth = [9.225011827681344, -2.1666666666666665, 0.9173387431896117];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-4, "sizes of misses");
}

#[test]
fn kinks_refuse_sparse_rows() {
    let y = Classes::from_labels(["a", "b"]);
    let error = LinearSvc::new().loss(Hinge::Plain).fit(&sparse(&Array2::eye(2)), &y).unwrap_err();
    assert!(error.to_string().contains("dense"), "{error}");
}
