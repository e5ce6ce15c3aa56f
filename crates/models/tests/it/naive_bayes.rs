//! Naive Bayes against scikit-learn.

use perennial_core::{Classifier, Estimator, Matrix};
use perennial_models::GaussianNaiveBayes;

use crate::fixtures::{array, assert_close, cases, classes, matrix};

#[test]
fn gaussian_naive_bayes_is_the_reference() {
    for case in cases("preprocessing.json").into_iter().filter(|case| case["id"] == "gaussian_nb") {
        let x = matrix(&case["X"]);
        let model = GaussianNaiveBayes::new().fit(&x, &classes(&case["y"])).unwrap();
        let flat = |value: &serde_json::Value| array(value).iter().copied().collect::<Vec<f64>>();
        let expected = &case["expected"];
        let all = |view: ndarray::ArrayView2<'_, f64>| view.iter().copied().collect::<Vec<f64>>();
        assert_close(&all(model.means()), &flat(&expected["theta"]), 1e-12, "means");
        assert_close(&all(model.variances()), &flat(&expected["var"]), 1e-12, "variances");
        let truth = flat(&expected["logproba"]);
        let first = Matrix::from(x.dense().unwrap().slice(ndarray::s![..truth.len() / 2, ..]).to_owned());
        let found: Vec<f64> = model.predict_proba(&first).unwrap().values().iter().map(|p| p.ln()).collect();
        assert_close(&found, &truth, 1e-9, "logarithms of probabilities");
    }
}
