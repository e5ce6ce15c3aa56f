//! Models of other libraries.

use std::collections::BTreeMap;

use ndarray::{Array2, array};
use perennial_core::{Estimator, Matrix, Predictor, Train, Values};
use perennial_models::boosting::Cox;
use perennial_models::interchange::{Link, TreeModel};
use perennial_models::{
    GradientBoostingQuantileRegressor, GradientBoostingRanker, GradientBoostingRegressor,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixtures::{array as array_of, assert_close, cases, numbers};
use crate::texts::{SMALL, Shape, model, rows, text};

fn case(id: &str) -> Option<Value> {
    cases("trees_shap.json").into_iter().find(|case| case["id"] == id)
}

/// Leaves may have other numbers, but the same rows must meet in them.
fn assert_same_leaves(leaves: &Array2<u32>, truth: &Value) {
    let mut names = BTreeMap::new();
    for (row, truth) in leaves.rows().into_iter().zip(truth.as_array().unwrap()) {
        for (tree, (&leaf, truth)) in row.iter().zip(truth.as_array().unwrap()).enumerate() {
            assert_eq!(names.entry((tree, leaf)).or_insert(truth.clone()), truth, "tree {tree}, leaf {leaf}");
        }
    }
    let mut theirs: Vec<_> = names.iter().map(|((tree, _), name)| (*tree, name.to_string())).collect();
    theirs.sort();
    theirs.dedup();
    assert_eq!(theirs.len(), names.len(), "two leaves have one number");
}

#[test]
fn the_lightgbm_model_of_reference() {
    let Some(case) = case("lightgbm_binary_nan_cat") else { return };
    let model = TreeModel::from_lightgbm(case["model_text"].as_str().unwrap()).unwrap();
    let again = TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap();
    let x = Matrix::from(array_of(&case["X"]));
    let expected = &case["expected"];
    for model in [model, again] {
        assert_eq!(model.link(), Link::Logistic { slope: 1.0 });
        let scores: Vec<f64> = model.scores(&x).unwrap().values().iter().copied().collect();
        for (score, truth) in scores.iter().zip(numbers(&expected["raw"])) {
            assert!((score - truth).abs() <= 1e-15 * truth.abs(), "{score} instead of {truth}");
        }
        let answers: Vec<f64> = model.predict(&x).unwrap().values().iter().copied().collect();
        assert_close(&answers, &numbers(&expected["proba"]), 1e-15, "probabilities");
        assert_same_leaves(&model.leaves(&x).unwrap(), &expected["leaf"]);
        let explained = model.contributions(&x).unwrap();
        for (row, truth) in expected["contrib"].as_array().unwrap().iter().enumerate() {
            let mut values = explained.values()[0].row(row).to_vec();
            values.push(explained.base()[0]);
            assert_close(&values, &numbers(truth), 1e-9, "contributions");
        }
        let mut alone = [0.0];
        model.predict_row(x.dense().unwrap().row(0).as_slice().unwrap(), &mut alone);
        assert_eq!(alone[0].to_bits(), answers[0].to_bits());
    }
}

#[test]
fn the_xgboost_model_of_reference() {
    let Some(case) = case("xgboost_reg_nan") else { return };
    let model = TreeModel::from_xgboost_json(&case["model_json"].to_string()).unwrap();
    let json = TreeModel::from_xgboost_json(&model.to_xgboost_json().unwrap()).unwrap();
    let ubjson = TreeModel::from_xgboost_ubjson(&model.to_xgboost_ubjson().unwrap()).unwrap();
    assert_eq!(json, ubjson);
    let x = Matrix::from(array_of(&case["X"]));
    let expected = &case["expected"];
    for model in [model, json] {
        let scores: Vec<f64> = model.predict(&x).unwrap().values().iter().copied().collect();
        assert_close(&scores, &numbers(&expected["pred"]), 1e-6, "scores");
        assert_same_leaves(&model.leaves(&x).unwrap(), &expected["leaf"]);
        let explained = model.contributions(&x).unwrap();
        for (row, truth) in expected["contrib"].as_array().unwrap().iter().enumerate() {
            let mut values = explained.values()[0].row(row).to_vec();
            values.push(explained.base()[0]);
            assert_close(&values, &numbers(truth), 1e-6, "contributions");
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    for (seed, shape) in [
        SMALL,
        Shape { n_leaves: 40, n_categories: 70, ..SMALL },
        Shape { n_outputs: 3, n_trees: 9, n_categories: 9, ..SMALL },
    ]
    .into_iter()
    .enumerate()
    {
        let model = model(shape, seed as u64);
        // Numbers that f32 holds, as XGBoost knows no others.
        let x = Matrix::from(rows(shape, 400, 70).mapv(|value| f64::from(value as f32)));
        let scores = model.scores(&x).unwrap();
        let again = TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap();
        assert_eq!(again.scores(&x).unwrap(), scores);
        let json = TreeModel::from_xgboost_json(&model.to_xgboost_json().unwrap()).unwrap();
        let ubjson = TreeModel::from_xgboost_ubjson(&model.to_xgboost_ubjson().unwrap()).unwrap();
        assert_eq!(json, ubjson);
        let there = json.scores(&x).unwrap();
        assert!((there.values() - scores.values()).iter().all(|error| error.abs() < 1e-6));
        assert_eq!(json.leaves(&x).unwrap().dim(), model.leaves(&x).unwrap().dim());
    }
}

#[test]
fn base_scores_survive() {
    let source = model(SMALL, 80);
    let (features, ensemble) = (source.features().clone(), source.ensemble());
    let x = Matrix::from(rows(SMALL, 50, 81).mapv(|value| f64::from(value as f32)));
    for (trees, link) in [
        (ensemble.trees().to_vec(), Link::Exp),
        (ensemble.trees().to_vec(), Link::Logistic { slope: 2.0 }),
        (ensemble.trees().to_vec(), Link::Identity),
        (Vec::new(), Link::Identity),
    ] {
        let ensemble = perennial_models::Ensemble::new(5, 1, vec![0.75], trees).unwrap();
        let model = TreeModel::new(features.clone(), ensemble, link).unwrap();
        let answers = model.predict(&x).unwrap();
        for again in [
            TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap(),
            TreeModel::from_xgboost_json(&model.to_xgboost_json().unwrap()).unwrap(),
        ] {
            let error = again.predict(&x).unwrap().values() - answers.values();
            assert!(error.iter().all(|error| error.abs() < 1e-5), "{link:?}");
        }
    }
}

#[test]
fn columns_are_aligned_by_name() {
    let text = text(SMALL, 90).replace("Column_", "c");
    let model = TreeModel::from_lightgbm(&text).unwrap();
    let x = rows(SMALL, 3, 91);
    let named = |order: [usize; 5]| {
        let names = order.map(|column| format!("c{column}"));
        Matrix::from(x.select(ndarray::Axis(1), &order)).with_names(names).unwrap()
    };
    assert_eq!(
        model.scores(&named([4, 3, 2, 1, 0])).unwrap(),
        model.scores(&named([0, 1, 2, 3, 4])).unwrap()
    );
    assert!(model.scores(&Matrix::from(x.clone())).is_err());
}

#[test]
fn links_follow_from_objectives() {
    let one = array![[0.0, 0.0, 0.0, 0.0, 0.0]];
    for (objective, answer) in [
        ("regression", Some(Link::Identity)),
        ("quantile alpha:0.9", Some(Link::Identity)),
        ("poisson", Some(Link::Exp)),
        ("tweedie", Some(Link::Exp)),
        ("binary sigmoid:2.5", Some(Link::Logistic { slope: 2.5 })),
        ("cross_entropy", Some(Link::Logistic { slope: 1.0 })),
        ("lambdarank", Some(Link::Identity)),
        ("regression sqrt", None),
        ("cross_entropy_lambda", None),
        ("binary sigmoid:x", None),
        ("binary sigmoid:-1", None),
        ("multiclass num_class:1", None),
        ("no such thing", None),
    ] {
        let text = text(SMALL, 92).replace("objective=regression", &format!("objective={objective}"));
        let model = TreeModel::from_lightgbm(&text);
        assert_eq!(model.as_ref().ok().map(TreeModel::link), answer, "{objective}");
        if let Ok(model) = model {
            assert!(model.predict(&Matrix::from(one.clone())).is_ok());
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let good = text(SMALL, 93);
    for (from, to, says) in [
        ("is_linear=0", "is_linear=1", "linear models"),
        ("version=v4", "version=v9", "v9"),
        ("end of trees", "", "cut short"),
        ("num_leaves=9", "num_leaves=10", "expected 10"),
        ("num_leaves=9", "num_leaves=0", "no leaves"),
        ("num_leaves=9", "num_leaves=18446744073709551615", "expected"),
        ("num_cat=0", "num_cat=18446744073709551615", "num_cat"),
        ("max_feature_idx=4", "max_feature_idx=4000000000", "max_feature_idx"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", "round"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", "rounds"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=99999999999", "round"),
        ("split_feature=", "split_feature=7 ", "entries"),
        ("leaf_value=", "leaf_value=nan ", "leaf_value"),
        ("left_child=", "left_child_=", "left_child"),
        ("Tree=1", "Tree=1\nnum_leaves=3", "twice"),
    ] {
        let error = TreeModel::from_lightgbm(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(says), "{to}: {error}");
    }
    let types = good.lines().find(|line| line.starts_with("decision_type")).unwrap();
    let error = TreeModel::from_lightgbm(&good.replace(types, "decision_type=4 4 4 4 4 4 4 4")).unwrap_err();
    assert!(error.to_string().contains("zero_as_missing"), "{error}");
    let children = good.lines().find(|line| line.starts_with("left_child")).unwrap();
    for cycle in
        ["left_child=0 0 0 0 0 0 0 0", "left_child=1 1 1 1 1 1 1 1", "left_child=-1 -1 -1 -1 -1 -1 -1 -1"]
    {
        let error = TreeModel::from_lightgbm(&good.replacen(children, cycle, 1)).unwrap_err();
        assert!(error.to_string().contains("two parents"), "{error}");
    }
}

#[test]
fn xgboost_files_that_are_not_supported_are_named() {
    let good = model(Shape { n_categories: 5, ..SMALL }, 94).to_xgboost_json().unwrap();
    for (from, to, says) in [
        ("reg:squarederror", "binary:hinge", "binary:hinge"),
        ("gbtree\"}", "gblinear\"}", "gblinear"),
        ("\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"3\"", "several values"),
        (
            "\"num_feature\":\"5\",\"num_target\"",
            "\"num_feature\":\"99999999999\",\"num_target\"",
            "99999999999 features",
        ),
        ("\"num_target\":\"1\"", "\"num_target\":\"99999999999\"", "round"),
        ("\"left_children\":[", "\"left_children\":[0,", "expected"),
        ("\"base_score\":\"0E0\"", "\"base_score\":\"nan\"", "base_score"),
        ("\"categories\":[", "\"categories\":[-1,", "categories"),
        ("\"tree_info\":[", "\"tree_info\":[7,", "tree_info"),
        ("\"trees\":[", "\"trees\":{", "JSON"),
    ] {
        let Err(error) = TreeModel::from_xgboost_json(&good.replacen(from, to, 1)) else { panic!("{to}") };
        assert!(error.to_string().contains(says), "{to}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(TreeModel::from_xgboost_json(&deep).is_err());
    assert!(TreeModel::from_xgboost_ubjson(deep.as_bytes()).is_err());
    for bytes in [
        &b""[..],
        b"{",
        b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"{#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"SL\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$[#i\x01",
        b"{i\xff",
        b"Z",
        b"NNNN",
    ] {
        assert!(TreeModel::from_xgboost_ubjson(bytes).is_err());
    }
}

/// A mutation of bytes that is as likely to keep them readable as not.
pub(crate) fn damaged(bytes: &[u8], cuts: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, kind, byte) in cuts {
        if bytes.is_empty() {
            break;
        }
        let place = place.index(bytes.len());
        match kind % 5 {
            0 => bytes[place] = *byte,
            1 => bytes[place] = b"0123456789-.e []{},:\n"[*byte as usize % 21],
            2 => bytes.insert(place, b"0123456789-"[*byte as usize % 11]),
            3 => drop(bytes.drain(place..bytes.len().min(place + *byte as usize))),
            _ => bytes.truncate(bytes.len() - bytes.len().min(*byte as usize)),
        }
    }
    bytes
}

fn survives(read: perennial_core::Result<TreeModel>) {
    if let Ok(model) = read {
        let x = Matrix::from(Array2::zeros((20, model.features().len())))
            .with_features(model.features().clone())
            .unwrap();
        model.predict(&x).unwrap();
        let _ = model.contributions(&x);
        let _ = model.to_lightgbm();
        model.to_xgboost_ubjson().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_are_models_or_errors(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..4),
        seed in 0_u64..4,
    ) {
        let shape = Shape { n_trees: 2, n_leaves: 5, n_categories: 4, ..SMALL };
        let model = model(shape, seed);
        let bytes = damaged(text(shape, seed).as_bytes(), &cuts);
        survives(TreeModel::from_lightgbm(&String::from_utf8_lossy(&bytes)));
        let bytes = damaged(model.to_xgboost_json().unwrap().as_bytes(), &cuts);
        survives(TreeModel::from_xgboost_json(&String::from_utf8_lossy(&bytes)));
        survives(TreeModel::from_xgboost_ubjson(&damaged(&model.to_xgboost_ubjson().unwrap(), &cuts)));
    }
}

#[test]
fn names_that_lightgbm_cannot_read_are_refused() {
    let source = model(SMALL, 92);
    let with = |names: [&str; 5]| {
        let features =
            Matrix::from(Array2::<f64>::zeros((1, 5))).with_names(names).unwrap().features().clone();
        TreeModel::new(features, source.ensemble().clone(), Link::Identity).unwrap().to_lightgbm()
    };
    let error = with(["a b", "c", "a_b", "d", "e"]).unwrap_err().to_string();
    assert!(error.contains("\"a b\"") && error.contains("\"a_b\""), "{error}");
    let error = with(["a", "c", " ", "d", "e"]).unwrap_err().to_string();
    assert!(error.contains("white space"), "{error}");
    let read = TreeModel::from_lightgbm(&with(["a  b", "c=1", "d", "e f", "g"]).unwrap()).unwrap();
    assert_eq!(read.features().names().collect::<Vec<_>>(), ["a_b", "c=1", "d", "e_f", "g"]);
}

#[test]
fn ranks_hazards_and_quantiles_leave_the_library() {
    let (x, y) = crate::boosting::data(200, 3, 93);
    let x = Matrix::from(x.dense().unwrap().mapv(|value| f64::from(value as f32)));
    let survives = |model: TreeModel, said: &[f64]| {
        for again in [
            TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap(),
            TreeModel::from_xgboost_json(&model.to_xgboost_json().unwrap()).unwrap(),
        ] {
            let there = again.predict(&x).unwrap();
            assert_eq!(there.values().len(), said.len());
            assert!(there.values().iter().zip(said).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
        }
    };
    let grades: Values = y.as_slice().iter().map(|y| y.round().clamp(0.0, 3.0)).collect();
    let groups: Vec<u32> = (0..200).map(|row| row / 20).collect();
    let ranker =
        Train::new(&x, &grades).groups(&groups).fit(&GradientBoostingRanker::new().n_trees(5)).unwrap();
    survives(ranker.to_tree_model().unwrap(), ranker.predict(&x).unwrap().as_slice());
    let times: Values =
        (0..200).map(|row| f64::from(row % 7 + 1) * if row % 3 == 0 { -1.0 } else { 1.0 }).collect();
    let hazards = GradientBoostingRegressor::new().loss(Cox).n_trees(5).fit(&x, &times).unwrap();
    survives(hazards.to_tree_model().unwrap(), hazards.predict(&x).unwrap().as_slice());
    let quantiles = GradientBoostingQuantileRegressor::new([0.2, 0.8]).n_trees(5).fit(&x, &y).unwrap();
    let bands: Vec<f64> = quantiles.predict(&x).unwrap().values().iter().copied().collect();
    survives(quantiles.to_tree_model().unwrap(), &bands);
}

/// A model that was stopped early answers from its best round on back, as the wrappers of XGBoost do.
#[test]
fn rounds_after_the_best_one_are_left_out() {
    let whole = model(SMALL, 95);
    let n_rounds = whole.ensemble().n_rounds();
    let mut file: serde_json::Value = serde_json::from_str(&whole.to_xgboost_json().unwrap()).unwrap();
    file["learner"]["attributes"] = serde_json::json!({ "best_iteration": "1", "best_score": "0.5" });
    let rounds = |file: &serde_json::Value| {
        TreeModel::from_xgboost_json(&file.to_string()).unwrap().ensemble().n_rounds()
    };
    assert!(n_rounds > 2, "{n_rounds}");
    assert_eq!(rounds(&file), 2);
    // A round of a forest has several trees.
    file["learner"]["gradient_booster"]["model"]["gbtree_model_param"]["num_parallel_tree"] = "2".into();
    assert_eq!(rounds(&file), n_rounds.min(4));
    file["learner"]["attributes"]["best_iteration"] = "-1".into();
    assert!(TreeModel::from_xgboost_json(&file.to_string()).is_err());
}
