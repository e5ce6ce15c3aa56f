//! Reference values of scikit-learn 1.9.1.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Values};
use perennial_evaluation::Metric;
use perennial_evaluation::metric::ranking::{average_precision, roc_auc, roc_curve};
use perennial_evaluation::metric::*;
use serde_json::Value;

fn load() -> Option<Value> {
    let path = format!("{}/../../../shared/fixtures/metrics.json", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("skipped: no reference cases at {path}: {error}");
            None
        }
    }
}

fn cases() -> Vec<Value> {
    load().map_or_else(Vec::new, |file| file["cases"].as_array().unwrap().clone())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn weights(value: &Value) -> Option<Vec<f64>> {
    value.is_array().then(|| numbers(value))
}

fn classes(value: &Value, n_classes: usize) -> Classes {
    let codes = numbers(value).into_iter().map(|code| code as u32).collect();
    Classes::new(codes, (0..n_classes).map(|class| class.to_string()).collect::<Vec<_>>()).unwrap()
}

fn binary(p: &[f64]) -> Probabilities {
    let values =
        Array2::from_shape_fn((p.len(), 2), |(row, class)| if class == 1 { p[row] } else { 1.0 - p[row] });
    Probabilities::new(values, vec!["0".to_owned(), "1".to_owned()]).unwrap()
}

/// 1e-12, absolute below 1 and relative above.
#[track_caller]
fn close(id: &str, what: &str, computed: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{id} {what} has no number: {expected}"));
    let error = (computed - expected).abs() / expected.abs().max(1.0);
    assert!(error <= 1e-12, "{id} {what}: {computed} is not {expected}");
}

fn all_close(id: &str, what: &str, computed: &[f64], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(computed.len(), expected.len(), "{id} {what}");
    computed.iter().zip(expected).for_each(|(c, e)| close(id, what, *c, e));
}

#[test]
fn ranking_matches() {
    for case in cases() {
        let (id, function, input, expected) =
            (case["id"].as_str().unwrap(), case["fn"].as_str().unwrap(), &case["input"], &case["expected"]);
        if !input["score"].is_array()
            || !function.contains("roc_auc") && !function.contains("average_precision")
        {
            continue;
        }
        let positive: Vec<bool> = numbers(&input["y"]).iter().map(|&y| y == 1.0).collect();
        let (scores, weights) = (numbers(&input["score"]), weights(&input["w"]));
        let weights = weights.as_deref();
        match id {
            "auc_one_class" => {
                let error = roc_auc(&scores, &positive, weights).unwrap_err().to_string();
                assert!(error.contains("all rows are positive"), "{error}");
                continue;
            }
            "ap_no_positive" => {
                assert_eq!(average_precision(&scores, &positive, weights).unwrap(), 0.0);
                continue;
            }
            _ => {}
        }
        close(id, "roc_auc", roc_auc(&scores, &positive, weights).unwrap(), &expected["roc_auc"]);
        let precision = average_precision(&scores, &positive, weights).unwrap();
        close(id, "average_precision", precision, &expected["average_precision"]);
        let curve = roc_curve(&scores, &positive, weights).unwrap();
        all_close(id, "fpr", &curve.false_positive_rate, &expected["fpr"]);
        all_close(id, "tpr", &curve.true_positive_rate, &expected["tpr"]);

        let (truth, answer) = (classes(&input["y"], 2), binary(&scores));
        close(
            id,
            "RocAuc",
            RocAuc::new().score_weighted(&truth, &answer, weights).unwrap(),
            &expected["roc_auc"],
        );
    }
}

#[test]
fn probabilities_match() {
    for case in cases() {
        let (id, input, expected) = (case["id"].as_str().unwrap(), &case["input"], &case["expected"]);
        if case["fn"] == "log_loss,brier" {
            let (truth, answer) = (classes(&input["y"], 2), binary(&numbers(&input["p"])));
            close(id, "log_loss", LogLoss.score(&truth, &answer).unwrap(), &expected["log_loss"]);
            close(id, "brier", Brier.score(&truth, &answer).unwrap(), &expected["brier"]);
        }
        if case["fn"] == "ece" {
            let (truth, answer) = (classes(&input["y"], 2), binary(&numbers(&input["p"])));
            for n_bins in [10, 15] {
                let mean = CalibrationError::new().n_bins(n_bins).score(&truth, &answer).unwrap();
                close(id, "ece", mean, &expected[format!("ece{n_bins}")]);
                let worst = CalibrationError::worst().n_bins(n_bins).score(&truth, &answer).unwrap();
                close(id, "mce", worst, &expected[format!("mce{n_bins}")]);
            }
        }
        if id == "multiclass_proba" {
            let rows: Vec<Vec<f64>> = input["proba"].as_array().unwrap().iter().map(numbers).collect();
            let values = Array2::from_shape_fn((rows.len(), 3), |(row, class)| rows[row][class]);
            let truth = classes(&input["y"], 3);
            let answer = Probabilities::new(values, truth.shared_names()).unwrap();
            close(id, "auc", RocAuc::new().score(&truth, &answer).unwrap(), &expected["ovr_macro"]);
            close(id, "log_loss", LogLoss.score(&truth, &answer).unwrap(), &expected["log_loss"]);
            close(id, "brier", Brier.score(&truth, &answer).unwrap(), &expected["brier_multiclass_sum"]);
            close(id, "top2", TopKAccuracy::new(2).score(&truth, &answer).unwrap(), &expected["top2"]);
        }
    }
}

#[test]
fn classes_match() {
    for case in cases() {
        if case["fn"] != "classification" {
            continue;
        }
        let (id, input, expected) = (case["id"].as_str().unwrap(), &case["input"], &case["expected"]);
        let n_classes = input["labels"].as_array().unwrap().len();
        let (truth, answer) = (classes(&input["y"], n_classes), classes(&input["pred"], n_classes));
        let w = weights(&input["w"]);
        let w = w.as_deref();
        let confusion = confusion_matrix(&truth, &answer, w).unwrap();
        for (row, expected) in
            confusion.counts().rows().into_iter().zip(expected["confusion"].as_array().unwrap())
        {
            all_close(id, "confusion", &row.to_vec(), expected);
        }
        close(id, "accuracy", Accuracy.score_weighted(&truth, &answer, w).unwrap(), &expected["accuracy"]);
        let balanced = BalancedAccuracy.score_weighted(&truth, &answer, w).unwrap();
        close(id, "balanced", balanced, &expected["balanced_accuracy"]);
        close(id, "mcc", MatthewsCorrelation.score_weighted(&truth, &answer, w).unwrap(), &expected["mcc"]);
        let kappas = [
            ("kappa_None", Disagreement::Equal),
            ("kappa_linear", Disagreement::Linear),
            ("kappa_quadratic", Disagreement::Quadratic),
        ];
        for (name, disagreement) in kappas {
            let kappa = CohenKappa::new().disagreement(disagreement).score_weighted(&truth, &answer, w);
            match expected[name].as_f64() {
                Some(_) => close(id, name, kappa.unwrap(), &expected[name]),
                None => assert!(kappa.unwrap_err().to_string().contains("one and the same class"), "{id}"),
            }
        }
        // The cases were made with `labels`.
        let averages =
            [("macro", Average::Named), ("micro", Average::Micro), ("weighted", Average::Weighted)];
        for (name, average) in averages {
            let scores = [
                Precision::new(average.clone()).score_weighted(&truth, &answer, w).unwrap(),
                Recall::new(average.clone()).score_weighted(&truth, &answer, w).unwrap(),
                F1::new(average.clone()).score_weighted(&truth, &answer, w).unwrap(),
            ];
            let beta = FBeta::new(2.0, average.clone()).score_weighted(&truth, &answer, w).unwrap();
            close(id, name, beta, &expected[format!("fbeta2_{name}")]);
            let jaccard = Jaccard::new(average).score_weighted(&truth, &answer, w).unwrap();
            close(id, name, jaccard, &expected[format!("jaccard_{name}")]);
            all_close(id, name, &scores, &expected[format!("prf_{name}")]);
        }
    }
}

#[test]
fn values_match() {
    for case in cases() {
        let (id, input, expected) = (case["id"].as_str().unwrap(), &case["input"], &case["expected"]);
        let pair = || (Values::from(numbers(&input["y"])), Values::from(numbers(&input["pred"])));
        match case["fn"].as_str().unwrap() {
            "regression" => {
                let (truth, answer) = pair();
                let w = weights(&input["w"]);
                let check = |what: &str, score: f64| close(id, what, score, &expected[what]);
                check("mse", MeanSquaredError.score(&truth, &answer).unwrap());
                check("rmse", RootMeanSquaredError.score(&truth, &answer).unwrap());
                check("mae", MeanAbsoluteError.score(&truth, &answer).unwrap());
                check("medae", MedianAbsoluteError.score(&truth, &answer).unwrap());
                check("r2", R2.score(&truth, &answer).unwrap());
                check("r2_w", R2.score_weighted(&truth, &answer, w.as_deref()).unwrap());
                check("mape", MeanAbsolutePercentageError.score(&truth, &answer).unwrap());
                check("max_error", MaxError.score(&truth, &answer).unwrap());
                check("pinball_09", MeanPinball::new(0.9).score(&truth, &answer).unwrap());
                check("ev", ExplainedVariance.score(&truth, &answer).unwrap());
                check("d2_abs", D2Pinball::new(0.5).score(&truth, &answer).unwrap());
                check("d2_pinball_01", D2Pinball::new(0.1).score(&truth, &answer).unwrap());
            }
            "regression_positive" => {
                let (truth, answer) = pair();
                let check = |what: &str, score: f64| close(id, what, score, &expected[what]);
                check("msle", MeanSquaredLogError::new().score(&truth, &answer).unwrap());
                check("rmsle", MeanSquaredLogError::root().score(&truth, &answer).unwrap());
                check("poisson_dev", MeanTweedieDeviance::poisson().score(&truth, &answer).unwrap());
                check("gamma_dev", MeanTweedieDeviance::gamma().score(&truth, &answer).unwrap());
                check("tweedie_15", MeanTweedieDeviance::new(1.5).score(&truth, &answer).unwrap());
                check("d2_tweedie_15", D2Tweedie::new(1.5).score(&truth, &answer).unwrap());
            }
            "r2" => {
                let (truth, answer) = pair();
                match id {
                    "r2_one_sample" => assert!(R2.score(&truth, &answer).is_err()),
                    _ => close(id, "r2", R2.score(&truth, &answer).unwrap(), expected),
                }
            }
            "mape" => {
                let (truth, answer) = pair();
                close(id, "mape", MeanAbsolutePercentageError.score(&truth, &answer).unwrap(), expected);
            }
            "rmse" => {
                let (truth, answer) = pair();
                close(id, "rmse", RootMeanSquaredError.score(&truth, &answer).unwrap(), expected);
                assert!(
                    MeanSquaredError
                        .score(&truth, &answer)
                        .unwrap_err()
                        .to_string()
                        .contains("beyond the range")
                );
            }
            _ => {}
        }
    }
}

/// imbalanced-learn 0.14.2: `specificity_score` and `geometric_mean_score(average="multiclass")`.
#[test]
fn rates_of_the_other_classes() {
    let truth = classes(&serde_json::json!([0, 0, 1, 1, 2, 2, 2, 1]), 3);
    let answer = classes(&serde_json::json!([0, 1, 1, 1, 2, 0, 2, 2]), 3);
    let weights = [1.0, 2.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0];
    let check =
        |what: &str, got: f64, expected: f64| close("imbalanced", what, got, &serde_json::json!(expected));
    check("specificity", Specificity::new().score(&truth, &answer).unwrap(), 0.8111111111111112);
    check("of one class", Specificity::of("1").score(&truth, &answer).unwrap(), 0.8);
    check("geometric mean", GeometricMean.score(&truth, &answer).unwrap(), 0.6057068642773799);
    // By hand: of the weight outside each class that part which was not given it, 7 of 9, 5 of 7 and 7 of 8.
    let by_hand = ((12.0 - 3.0 - 2.0) / 9.0 + (12.0 - 5.0 - 2.0) / 7.0 + (12.0 - 4.0 - 1.0) / 8.0) / 3.0;
    check("weighted", Specificity::new().score_weighted(&truth, &answer, Some(&weights)).unwrap(), by_hand);
    let never = classes(&serde_json::json!([0, 0, 1, 1, 0, 0, 0, 1]), 3);
    assert_eq!(GeometricMean.score(&truth, &never).unwrap(), 0.0);
}

#[test]
fn percentages_that_are_symmetric() {
    let (truth, answer) = (Values::from(vec![1.0, 0.0, -2.0, 4.0]), Values::from(vec![3.0, 0.0, 2.0, 4.0]));
    let forth = SymmetricMeanAbsolutePercentageError.score(&truth, &answer).unwrap();
    // 2 / 2, nothing, 4 / 2, nothing.
    assert!((forth - (1.0 + 0.0 + 2.0 + 0.0) / 4.0).abs() < 1e-15);
    assert_eq!(SymmetricMeanAbsolutePercentageError.score(&answer, &truth).unwrap(), forth);
    let huge = (Values::from(vec![1e308]), Values::from(vec![-1e308]));
    assert!((SymmetricMeanAbsolutePercentageError.score(&huge.0, &huge.1).unwrap() - 2.0).abs() < 1e-12);
}

/// The constant of `D2Pinball` has the smallest loss of all, with weights as with repeated rows.
#[test]
fn shares_of_pinball_are_beside_the_best_constant() {
    let (y, w) = (vec![3.0, 1.0, 4.0, 1.5, 9.0, 2.6], [1.0, 2.0, 1.0, 3.0, 1.0, 2.0]);
    let repeated: Vec<f64> = y.iter().zip(w).flat_map(|(y, w)| std::iter::repeat_n(*y, w as usize)).collect();
    for quantile in [0.1, 0.5, 0.73] {
        let metric = D2Pinball::new(quantile);
        for constant in &y {
            let of = |n: usize| Values::from(vec![*constant; n]);
            let weighted = metric.score_weighted(&y.clone().into(), &of(6), Some(&w)).unwrap();
            let again = metric.score(&repeated.clone().into(), &of(repeated.len())).unwrap();
            assert!(
                (weighted - again).abs() < 1e-12 && weighted <= 1e-12,
                "{quantile}: {weighted} and {again}"
            );
        }
    }
}
