//! Linear support vector machines and the ridge classifier.

use perennial_core::{Classes, Estimator, Matrix, Predictor, Values};
use perennial_models::{ClassWeight, LinearSvc, LinearSvr, RidgeClassifier};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;
use crate::linear_glm::rows;

check!(linear_svc, decider, LinearSvc::new());
check!(linear_svc_balanced, decider, LinearSvc::new().class_weight(ClassWeight::Balanced).c(0.1));
check!(linear_svr, regressor, LinearSvr::new());
check!(linear_svr_wide_tube, regressor, LinearSvr::new().epsilon(0.1).c(10.0));
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
