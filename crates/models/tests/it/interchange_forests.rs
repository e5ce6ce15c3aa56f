//! Forests and single trees written for other libraries; means and weighted trees read from them.

use ndarray::array;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Values};
use perennial_models::interchange::{Link, TreeModel};
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreesClassifier, RandomForestClassifier,
    RandomForestRegressor,
};

use crate::boosting::{data, signs, with_categories};

/// Numbers that f32 holds, as XGBoost knows no others, some of them missing.
fn rows() -> (Matrix, Values) {
    let (x, y) = data(300, 3, 111);
    let mut x = x.dense().unwrap().mapv(|value| f64::from(value as f32));
    x.iter_mut().enumerate().filter(|(at, _)| at % 11 == 0).for_each(|(_, value)| *value = f64::NAN);
    (x.into(), y)
}

/// The answers survive all formats.
fn survives(model: &TreeModel, x: &Matrix, truth: &[f64]) {
    let far = |model: &TreeModel| {
        let answers = model.predict(x).unwrap();
        assert_eq!(answers.values().len(), truth.len());
        answers.values().iter().zip(truth).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert_eq!(model.link(), Link::Identity);
    assert!(far(model) < 1e-12);
    assert!(far(&TreeModel::from_lightgbm(&model.to_lightgbm().unwrap()).unwrap()) < 1e-12);
    let json = TreeModel::from_xgboost_json(&model.to_xgboost_json().unwrap()).unwrap();
    assert!(far(&json) < 1e-5, "{}", far(&json));
    assert_eq!(TreeModel::from_xgboost_ubjson(&model.to_xgboost_ubjson().unwrap()).unwrap(), json);
}

#[test]
fn forests_and_trees_leave_the_library() {
    let (x, y) = rows();
    let forest = RandomForestRegressor::new().n_trees(7).fit(&x, &y).unwrap();
    survives(&forest.to_tree_model().unwrap(), &x, forest.predict(&x).unwrap().as_slice());
    let tree = DecisionTreeRegressor::new().max_depth(6).fit(&x, &y).unwrap();
    survives(&tree.to_tree_model().unwrap(), &x, tree.predict(&x).unwrap().as_slice());

    let second = |shares: perennial_core::Probabilities| shares.values().column(1).to_vec();
    let classes = signs(&y);
    let forest = RandomForestClassifier::new().n_trees(7).fit(&x, &classes).unwrap();
    survives(&forest.to_tree_model().unwrap(), &x, &second(forest.predict_proba(&x).unwrap()));
    let tree = DecisionTreeClassifier::new().fit(&x, &classes).unwrap();
    survives(&tree.to_tree_model().unwrap(), &x, &second(tree.predict_proba(&x).unwrap()));

    let third = |y: &f64| i32::from(*y > -0.5) + i32::from(*y > 0.5);
    let classes = Classes::from_labels(y.as_slice().iter().map(third));
    let all = |shares: perennial_core::Probabilities| shares.values().iter().copied().collect::<Vec<_>>();
    let forest = ExtraTreesClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    survives(&forest.to_tree_model().unwrap(), &x, &all(forest.predict_proba(&x).unwrap()));
    let tree = DecisionTreeClassifier::new().max_leaf_nodes(9).fit(&x, &classes).unwrap();
    survives(&tree.to_tree_model().unwrap(), &x, &all(tree.predict_proba(&x).unwrap()));

    // A tree that asks nothing.
    let constant = Values::from(vec![3.5; 300]);
    let tree = DecisionTreeRegressor::new().fit(&x, &constant).unwrap();
    survives(&tree.to_tree_model().unwrap(), &x, &[3.5; 300]);
}

/// A set of categories may send what is missing left, which LightGBM cannot; XGBoost can.
#[test]
fn categories_leave_the_library() {
    let (x, y) = data(300, 3, 112);
    let mut x = x.dense().unwrap().mapv(|value| f64::from(value as f32));
    x.column_mut(2).mapv_inplace(|value| (value.abs() * 4.0).floor());
    let x = with_categories(x, &[2], 20);
    let forest = RandomForestRegressor::new().n_trees(7).fit(&x, &y).unwrap();
    let written = forest.to_tree_model().unwrap();
    let answers = forest.predict(&x).unwrap();
    let read =
        TreeModel::from_xgboost_json(&written.to_xgboost_json().unwrap()).unwrap().predict(&x).unwrap();
    assert!(read.values().iter().zip(answers.as_slice()).all(|(a, b)| (a - b).abs() < 1e-5));
    match written.to_lightgbm() {
        Ok(text) => {
            let read = TreeModel::from_lightgbm(&text).unwrap().predict(&x).unwrap();
            assert!(read.values().iter().zip(answers.as_slice()).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        Err(error) => assert!(error.to_string().contains("missing categories left"), "{error}"),
    }
}

#[test]
fn what_forests_explain_is_what_their_trees_explain() {
    let (x, y) = rows();
    let forest = RandomForestRegressor::new().n_trees(4).max_depth(4).fit(&x, &y).unwrap();
    let (ours, written) =
        (forest.contributions(&x).unwrap(), forest.to_tree_model().unwrap().contributions(&x).unwrap());
    let far = (&ours.values()[0] - &written.values()[0]).iter().fold(0.0, |far: f64, gap| far.max(gap.abs()));
    assert!(far < 1e-9, "{far}");
}

/// Two trees: below and above 1, and below and above 2.
fn lightgbm(more: &str) -> String {
    let tree = |index: usize, at: f64, leaves: [f64; 2]| {
        format!(
            "Tree={index}\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=4\nthreshold={at}\ndecision_type=8\nleft_child=-1\n\
             right_child=-2\nleaf_value={} {}\nleaf_weight=5 5\nleaf_count=20 20\ninternal_value=0\ninternal_weight=10\n\
             internal_count=40\nis_linear=0\nshrinkage=1\n\n\n",
            leaves[0], leaves[1]
        )
    };
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\n{more}\
         feature_names=x\nfeature_infos=[0:9]\n\n{}{}end of trees\n",
        tree(0, 1.5, [10.0, 20.0]),
        tree(1, 2.5, [100.0, 400.0])
    )
}

#[test]
fn means_of_lightgbm_are_means() {
    let x = Matrix::from(array![[1.0], [2.0], [3.0]]).with_names(["x"]).unwrap();
    let answers = |more: &str| TreeModel::from_lightgbm(&lightgbm(more)).unwrap().predict(&x).unwrap();
    assert_eq!(answers("").values(), &array![[110.0], [120.0], [420.0]]);
    assert_eq!(answers("average_output\n").values(), &array![[55.0], [60.0], [210.0]]);
}

#[test]
fn dropped_trees_of_xgboost_count_by_their_weight() {
    let x = Matrix::from(array![[1.0], [2.0], [3.0]]).with_names(["x"]).unwrap();
    let plain = TreeModel::from_lightgbm(&lightgbm("")).unwrap().to_xgboost_json().unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&plain).unwrap();
    let booster = json["learner"]["gradient_booster"].take();
    json["learner"]["gradient_booster"] =
        serde_json::json!({ "name": "dart", "gbtree": booster, "weight_drop": [0.5, 0.25] });
    let model = TreeModel::from_xgboost_json(&json.to_string()).unwrap();
    assert_eq!(model.predict(&x).unwrap().values(), &array![[30.0], [35.0], [110.0]]);
    json["learner"]["gradient_booster"]["weight_drop"] = serde_json::json!([0.5]);
    let error = TreeModel::from_xgboost_json(&json.to_string()).unwrap_err().to_string();
    assert!(error.contains("`weight_drop`"), "{error}");
}
