//! Models that CatBoost wrote.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Matrix, Predictor};
use perennial_models::interchange::{Language, Link, OnnxOptions, TreeModel};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::interchange::damaged;

/// Made by CatBoost 1.2.10; the file says how.
fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("catboost.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn rows(value: &Value) -> Array2<f64> {
    let number = |cell: &Value| match cell {
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().unwrap(),
        cell => cell.as_f64().unwrap(),
    };
    let rows = value.as_array().unwrap();
    let cells: Vec<f64> = rows.iter().flat_map(|row| row.as_array().unwrap().iter().map(number)).collect();
    Array2::from_shape_vec((rows.len(), cells.len() / rows.len()), cells).unwrap()
}

fn close(said: &ArrayRef2<f64>, truth: &ArrayRef2<f64>, what: &str) {
    assert_eq!(said.dim(), truth.dim(), "{what}");
    for (said, truth) in said.iter().zip(truth) {
        assert!((said - truth).abs() <= 1e-12 * (1.0 + truth.abs()), "{what}: {said} instead of {truth}");
    }
}

/// Values on the borders and an ulp beside them, in `f32` and in `f64`, missing and infinite ones, categories never seen.
#[test]
fn scores_and_answers_are_those_of_catboost() {
    let links = [Link::Identity, Link::Identity, Link::Logistic { slope: 1.0 }, Link::Softmax, Link::Exp];
    let cases = cases();
    assert_eq!(cases.len(), links.len());
    for (case, link) in cases.iter().zip(links) {
        let name = case["name"].as_str().unwrap();
        let model = TreeModel::from_catboost_json(&case["model"].to_string()).unwrap();
        assert_eq!(model.link(), link, "{name}");
        assert_eq!(model.features().names().collect::<Vec<_>>(), ["a", "kind", "b"]);
        let x = Matrix::from(rows(&case["rows"])).with_features(model.features().clone()).unwrap();
        close(model.scores(&x).unwrap().values(), &rows(&case["raw"]), name);
        let mut answers = rows(&case["answers"]);
        if link == (Link::Logistic { slope: 1.0 }) {
            answers = answers.select(ndarray::Axis(1), &[1]);
        }
        close(model.predict(&x).unwrap().values(), &answers, name);
        // What was read leaves again.
        let again = TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap();
        close(again.scores(&x).unwrap().values(), &rows(&case["raw"]), name);
        assert!(model.to_onnx(&OnnxOptions::new()).is_ok() && model.to_code(Language::C).is_ok());
        let explained = model.contributions(&x).unwrap();
        let sums = explained.values()[0].sum_axis(ndarray::Axis(1)) + explained.base()[0];
        close(&sums.insert_axis(ndarray::Axis(1)), &rows(&case["raw"]).select(ndarray::Axis(1), &[0]), name);
    }
}

/// Two questions, worked out by hand: the first is the lowest bit.
fn by_hand() -> Value {
    json!({
        "features_info": { "float_features": [
            { "feature_id": "", "flat_feature_index": 0, "nan_value_treatment": "AsIs" },
            { "feature_id": "", "flat_feature_index": 1, "nan_value_treatment": "AsTrue" },
        ] },
        "model_info": { "params": { "loss_function": { "type": "RMSE" } } },
        "oblivious_trees": [{
            "leaf_values": [1, 2, 3, 4],
            "leaf_weights": [5, 5, 5, 5],
            "splits": [
                { "border": 0.5, "float_feature_index": 0, "split_type": "FloatFeature" },
                { "border": -1.5, "float_feature_index": 1, "split_type": "FloatFeature" },
            ],
        }],
        "scale_and_bias": [2, [100]],
    })
}

#[test]
fn the_answers_to_questions_are_bits() {
    let model = TreeModel::from_catboost_json(&by_hand().to_string()).unwrap();
    let nan = f64::NAN;
    let x = ndarray::array![[0.5, -1.5], [0.6, -1.5], [0.5, -1.4], [0.6, -1.4], [nan, -2.0], [0.6, nan]];
    let scores = model.scores(&Matrix::from(x)).unwrap();
    assert_eq!(scores.values().column(0).to_vec(), [102.0, 104.0, 106.0, 108.0, 102.0, 108.0]);
    // Lists that hold nothing may be `null`.
    let mut file = by_hand();
    file["features_info"]["cat_features_hash"] = json!(null);
    file["features_info"]["categorical_features"] = json!(null);
    assert_eq!(TreeModel::from_catboost_json(&file.to_string()).unwrap(), model);
    // A tree without a question is its leaf.
    let mut file = by_hand();
    file["oblivious_trees"] =
        json!([{ "leaf_values": [3], "splits": null }, { "leaf_values": [4], "splits": [] }]);
    file["scale_and_bias"] = json!([1, 0.5]);
    let model = TreeModel::from_catboost_json(&file.to_string()).unwrap();
    assert_eq!(model.scores(&Matrix::from(Array2::zeros((1, 2)))).unwrap().values()[[0, 0]], 7.5);
}

#[test]
fn what_cannot_be_read_is_named() {
    let says = |change: &dyn Fn(&mut Value), says: &str| {
        let mut file = by_hand();
        change(&mut file);
        let error = TreeModel::from_catboost_json(&file.to_string()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    let split = |file: &mut Value, split: Value| file["oblivious_trees"][0]["splits"][1] = split;
    says(&|file| split(file, json!({ "split_type": "OnlineCtr", "border": 1 })), "one_hot_max_size");
    says(&|file| split(file, json!({ "split_type": "NoSuch" })), "NoSuch");
    says(&|file| file["trees"] = json!([]), "SymmetricTree");
    says(
        &|file| file["model_info"]["params"]["loss_function"]["type"] = json!("RMSEWithUncertainty"),
        "RMSEWithUncertainty",
    );
    says(&|file| file["features_info"]["text_features"] = json!([{}]), "texts");
    says(&|file| file["oblivious_trees"][0]["leaf_values"] = json!([1, 2, 3]), "3 values");
    says(&|file| file["oblivious_trees"][0]["leaf_weights"] = json!([1]), "1 weights");
    says(&|file| file["scale_and_bias"] = json!([1]), "scale_and_bias");
    says(&|file| file["features_info"]["float_features"][1]["flat_feature_index"] = json!(0), "twice");
    says(&|file| file["features_info"]["float_features"][1]["flat_feature_index"] = json!(5), "gap");
    let with_category = |file: &mut Value, hashes: Value| {
        file["features_info"]["categorical_features"] =
            json!([{ "flat_feature_index": 2, "feature_id": "" }]);
        file["features_info"]["cat_features_hash"] = hashes;
        file["oblivious_trees"][0]["splits"][1] =
            json!({ "split_type": "OneHotFeature", "cat_feature_index": 0, "value": -2 });
    };
    says(&|file| with_category(file, json!([])), "pool=");
    let hashes = |value: &str| json!([{ "hash": 4_294_967_294_u32, "value": value }]);
    says(&|file| with_category(file, hashes("red")), "`red`");
    // CatBoost takes these for others than 5.
    says(&|file| with_category(file, hashes("05")), "`05`");
    says(&|file| with_category(file, hashes("+5")), "`+5`");
    says(&|file| with_category(file, hashes("4000000000")), "memory");
    let mut file = by_hand();
    with_category(&mut file, hashes("7"));
    let model = TreeModel::from_catboost_json(&file.to_string()).unwrap();
    let x = ndarray::array![[0.0, 0.0, 7.0], [0.0, 0.0, 6.0], [1.0, 0.0, f64::NAN]];
    let x = Matrix::from(x).with_features(model.features().clone()).unwrap();
    assert_eq!(model.scores(&x).unwrap().values().column(0).to_vec(), [106.0, 102.0, 104.0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_catboost_files_are_models_or_errors(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..4),
    ) {
        let bytes = damaged(by_hand().to_string().as_bytes(), &cuts);
        if let Ok(model) = TreeModel::from_catboost_json(&String::from_utf8_lossy(&bytes)) {
            let x = Matrix::from(Array2::zeros((3, model.features().len())));
            model.predict(&x.with_features(model.features().clone()).unwrap()).unwrap();
        }
    }
}
