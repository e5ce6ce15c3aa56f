//! Trees against scikit-learn, and what must hold for any tree.

use ndarray::{Array2, array};
use perennial_core::{
    CancelToken, Classes, Classifier, Context, ErrorKind, Estimator, Matrix, Persist, Predictor, Train,
    Values, from_bytes,
};
use perennial_models::tree::{Criterion, Tree};
use perennial_models::{DecisionTreeClassifier, DecisionTreeRegressor};
use perennial_testing::{blobs, regression};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixtures::{assert_close, cases, classes, matrix, numbers};

/// The tree of scikit-learn, node by node; its thresholds are of single precision. Of equally good features
/// scikit-learn draws one where we take the first: such nodes, above two leaves, are given back.
fn assert_same(tree: &Tree, expected: &Value, what: &str) -> Vec<usize> {
    let (features, thresholds) = (numbers(&expected["feature"]), numbers(&expected["threshold"]));
    assert_eq!(tree.n_nodes(), features.len(), "{what}");
    let mut ties = Vec::new();
    for node in 0..features.len() {
        let feature = tree.feature(node).map_or(-2.0, |feature| feature as f64);
        if feature < features[node] && feature >= 0.0 {
            let (left, right) = tree.children(node).unwrap();
            assert!(tree.children(left).is_none() && tree.children(right).is_none(), "{what}: node {node}");
            ties.push(node);
            continue;
        }
        assert_eq!(feature, features[node], "{what}: feature of node {node}");
        if feature >= 0.0 {
            assert!(
                (tree.threshold(node) - thresholds[node]).abs() < 1e-6,
                "{what}: threshold of node {node}"
            );
            let (left, right) = tree.children(node).unwrap();
            assert_eq!(
                [left as f64, right as f64],
                [numbers(&expected["left"])[node], numbers(&expected["right"])[node]]
            );
        }
    }
    let mut impurities: Vec<f64> = (0..tree.n_nodes()).map(|node| tree.impurity(node).unwrap()).collect();
    let mut truth = numbers(&expected["impurity"]);
    for &node in &ties {
        impurities[node + 1..=node + 2].sort_by(f64::total_cmp);
        truth[node + 1..=node + 2].sort_by(f64::total_cmp);
    }
    assert_close(&impurities, &truth, 1e-12, what);
    ties
}

#[test]
fn trees_are_those_of_scikit_learn() {
    let all = cases("trees_shap.json");
    let Some(data) = all.iter().find(|case| case["id"] == "cart_regression") else { return };
    let x = matrix(&data["X"]);
    let expected = &data["expected"];
    let y = Values::from(numbers(&data["y"]));
    let model = DecisionTreeRegressor::new().max_depth(3).fit(&x, &y).unwrap();
    let ties = assert_same(model.tree(), &expected["tree"], "regression");
    assert_eq!(ties, [9], "one node of two rows, cut by feature 0 here and by feature 1 there");
    let mut values: Vec<f64> = (0..model.tree().n_nodes()).map(|node| model.tree().value(node)[0]).collect();
    values.swap(10, 11);
    assert_close(&values, &numbers(&expected["tree"]["value"]), 1e-12, "values");
    let covers: Vec<f64> = (0..model.tree().n_nodes()).map(|node| model.tree().n_rows(node) as f64).collect();
    assert_close(&covers, &numbers(&expected["tree"]["cover"]), 0.0, "covers");
    let rows = matrix(&expected["Xtest"]);
    let predictions = model.predict(&rows).unwrap();
    assert_close(predictions.as_slice(), &numbers(&expected["pred"]), 1e-12, "predictions");
    let importances = |all: &[f64]| vec![all[0] + all[1], all[2], all[3], all[4]];
    let truth = importances(&numbers(&expected["importances"]));
    assert_close(&importances(&model.feature_importances()), &truth, 1e-12, "importances");

    for (id, criterion) in [("cart_gini", Criterion::Gini), ("cart_entropy", Criterion::Entropy)] {
        let case = all.iter().find(|case| case["id"] == id).unwrap();
        let y = classes(case.get("y").unwrap_or(&Value::Null));
        let settings = DecisionTreeClassifier::new().criterion(criterion).max_depth(3).min_samples_leaf(3);
        let model = settings.fit(&x, &y).unwrap();
        let ties = assert_same(model.tree(), &case["expected"], id);
        assert!(ties.len() <= 1, "{id}: {ties:?}");
        let found = model.predict_proba(&rows).unwrap();
        let leaves = model.tree().leaves(rows.dense().unwrap()).unwrap();
        for (row, truth) in case["expected"]["proba"].as_array().unwrap().iter().enumerate() {
            if !ties.iter().any(|node| (node + 1..=node + 2).contains(&(leaves[row] as usize))) {
                assert_close(&found.values().row(row).to_vec(), &numbers(truth), 1e-12, id);
            }
        }
    }
}

#[test]
fn the_pruning_path_is_that_of_scikit_learn() {
    let all = cases("trees_shap.json");
    let Some(path) = all.iter().find(|case| case["id"] == "ccp_path_entropy") else { return };
    let entropy = all.iter().find(|case| case["id"] == "cart_entropy").unwrap();
    let data = all.iter().find(|case| case["id"] == "cart_regression").unwrap();
    let (x, y) = (matrix(&data["X"]), classes(&entropy["y"]));
    let expected = &path["expected"];
    let grown = DecisionTreeClassifier::new().criterion(Criterion::Entropy).max_depth(3).min_samples_leaf(3);
    let found = grown.fit(&x, &y).unwrap().tree().cost_complexity_pruning_path().unwrap();
    assert_close(&found.ccp_alphas, &numbers(&expected["alphas"]), 1e-12, "the strengths");
    assert_close(&found.impurities, &numbers(&expected["impurities"]), 1e-12, "what is left");
    for (alpha, truth) in numbers(&expected["alphas"]).into_iter().zip(numbers(&expected["impurities"])) {
        let settings =
            DecisionTreeClassifier::new().criterion(Criterion::Entropy).max_depth(3).min_samples_leaf(3);
        let model = settings.ccp_alpha(alpha + 1e-9).fit(&x, &y).unwrap();
        let tree = model.tree();
        let leaves = (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none());
        let total: f64 =
            leaves.map(|leaf| tree.weight(leaf) / tree.weight(0) * tree.impurity(leaf).unwrap()).sum();
        assert_close(&[total], &[truth], 1e-12, &format!("alpha {alpha}"));
    }
}

/// The largest decrease of squared error or Gini impurity by any cut, tried one by one.
fn best_gain(x: &Array2<f64>, impurity: impl Fn(&[usize]) -> f64) -> f64 {
    let rows: Vec<usize> = (0..x.nrows()).collect();
    let whole = impurity(&rows) * rows.len() as f64;
    let mut best = f64::NEG_INFINITY;
    for column in 0..x.ncols() {
        for &row in &rows {
            let (left, right): (Vec<usize>, Vec<usize>) =
                rows.iter().partition(|&&other| x[[other, column]] <= x[[row, column]]);
            if !left.is_empty() && !right.is_empty() {
                let inside = impurity(&left) * left.len() as f64 + impurity(&right) * right.len() as f64;
                best = f64::max(best, whole - inside);
            }
        }
    }
    best
}

fn decrease(tree: &Tree) -> f64 {
    let mass = |node: usize| tree.weight(node) * tree.impurity(node).unwrap();
    let (left, right) = tree.children(0).unwrap();
    mass(0) - mass(left) - mass(right)
}

proptest! {
    /// The first cut is as good as the best of all cuts, for values with many ties.
    #[test]
    fn the_first_cut_is_the_best_of_all(
        cells in proptest::collection::vec((0u8..6, 0u8..6, 0u8..4), 4..40)
    ) {
        let x = Array2::from_shape_fn((cells.len(), 2), |(i, j)| f64::from([cells[i].0, cells[i].1][j]));
        let codes: Vec<u32> = cells.iter().map(|cell| u32::from(cell.2)).collect();
        let values: Vec<f64> = cells.iter().map(|cell| f64::from(cell.2)).collect();
        let variance = |rows: &[usize]| {
            let mean = rows.iter().map(|&i| values[i]).sum::<f64>() / rows.len() as f64;
            rows.iter().map(|&i| (values[i] - mean).powi(2)).sum::<f64>() / rows.len() as f64
        };
        let shares = |rows: &[usize]| -> Vec<f64> {
            (0..4).map(|k| rows.iter().filter(|&&i| codes[i] == k).count() as f64 / rows.len() as f64).collect()
        };
        let gini = |rows: &[usize]| 1.0 - shares(rows).iter().map(|share| share * share).sum::<f64>();
        let entropy = |rows: &[usize]| -> f64 {
            -shares(rows).iter().filter(|share| **share > 0.0).map(|share| share * share.log2()).sum::<f64>()
        };
        let matrix = Matrix::from(x.clone());
        let classes = Classes::new(codes.clone(), ["a", "b", "c", "d"].map(str::to_owned).to_vec()).unwrap();
        let stump = DecisionTreeRegressor::new().max_depth(1).fit(&matrix, &Values::from(values.clone())).unwrap();
        if stump.tree().n_nodes() == 3 {
            prop_assert!((decrease(stump.tree()) - best_gain(&x, variance)).abs() < 1e-9);
        }
        for (criterion, best) in
            [(Criterion::Gini, best_gain(&x, gini)), (Criterion::Entropy, best_gain(&x, entropy))]
        {
            let stump = DecisionTreeClassifier::new().criterion(criterion).max_depth(1).fit(&matrix, &classes).unwrap();
            if stump.tree().n_nodes() == 3 {
                prop_assert!((decrease(stump.tree()) - best).abs() < 1e-9);
            }
        }
        // Two classes take a way of their own.
        let two = Classes::new(codes.iter().map(|code| code / 2).collect(), vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let halves = |rows: &[usize]| {
            let share = rows.iter().filter(|&&i| codes[i] / 2 == 1).count() as f64 / rows.len() as f64;
            2.0 * share * (1.0 - share)
        };
        let stump = DecisionTreeClassifier::new().max_depth(1).fit(&matrix, &two).unwrap();
        if stump.tree().n_nodes() == 3 {
            prop_assert!((decrease(stump.tree()) - best_gain(&x, halves)).abs() < 1e-9);
        }
    }

    /// A full tree knows its training rows by heart, whatever the values, as long as rows differ.
    #[test]
    fn a_full_tree_remembers(values in proptest::collection::vec(any::<f64>(), 2..40)) {
        let x: Vec<f64> = values.iter().map(|v| if v.is_finite() { *v } else { 0.5 }).collect();
        let mut seen = std::collections::BTreeMap::new();
        let y: Vec<f64> = x.iter().enumerate().map(|(i, v)| *seen.entry((v + 0.0).to_bits()).or_insert(i as f64)).collect();
        let matrix = Matrix::from(Array2::from_shape_vec((x.len(), 1), x).unwrap());
        let model = DecisionTreeRegressor::new().fit(&matrix, &Values::from(y.clone())).unwrap();
        let found = model.predict(&matrix).unwrap();
        prop_assert_eq!(found.as_slice(), &y[..]);
    }
}

#[test]
fn missing_values_learn_their_side() {
    let nan = f64::NAN;
    // Missing means the same as large, then the same as small, then something of its own.
    for (column, y) in [
        ([1.0, 2.0, 8.0, 9.0, nan, nan], [0, 0, 1, 1, 1, 1]),
        ([1.0, 2.0, 8.0, 9.0, nan, nan], [1, 1, 0, 0, 1, 1]),
        ([1.0, 2.0, 8.0, 9.0, nan, nan], [0, 0, 0, 0, 1, 1]),
    ] {
        let x = Matrix::from(Array2::from_shape_vec((6, 1), column.to_vec()).unwrap());
        let y = Classes::from_labels(y);
        let model = DecisionTreeClassifier::new().max_depth(1).fit(&x, &y).unwrap();
        assert_eq!(model.predict(&x).unwrap(), y);
        assert_eq!(model.tree().n_nodes(), 3);
    }
    // Where none was missing, missing values follow the larger side.
    let x = Matrix::from(array![[1.0], [2.0], [3.0], [9.0]]);
    let model = DecisionTreeRegressor::new().fit(&x, &Values::from(vec![5.0, 5.0, 5.0, 7.0])).unwrap();
    assert_eq!(model.predict(&Matrix::from(array![[nan]])).unwrap().as_slice(), [5.0]);
}

#[test]
fn thresholds_lie_between_their_neighbours() {
    let next = 1f64.next_up();
    for (low, high) in [(1.0, next), (f64::MIN, f64::MAX), (-0.0, 5e-324), (f64::MAX.next_down(), f64::MAX)] {
        let x = Matrix::from(array![[low], [high]]);
        let y = Classes::from_labels(["low", "high"]);
        let model = DecisionTreeClassifier::new().fit(&x, &y).unwrap();
        assert_eq!(model.predict(&x).unwrap(), y, "{low:e} and {high:e}");
    }
}

#[test]
fn limits_hold() {
    let example = regression(300, 4, 2);
    let fit = |settings: DecisionTreeRegressor| settings.fit(&example.x, &example.values).unwrap();
    let full = fit(DecisionTreeRegressor::new());
    assert_eq!(full.tree().n_leaves(), 300);
    assert!(fit(DecisionTreeRegressor::new().max_depth(3)).tree().depth() == 3);
    assert_eq!(fit(DecisionTreeRegressor::new().max_leaf_nodes(7)).tree().n_leaves(), 7);
    let wide = fit(DecisionTreeRegressor::new().min_samples_leaf(20));
    let tree = wide.tree();
    assert!((0..tree.n_nodes()).filter(|&n| tree.children(n).is_none()).all(|leaf| tree.n_rows(leaf) >= 20));
    let small = fit(DecisionTreeRegressor::new().min_samples_split(50));
    let tree = small.tree();
    assert!((0..tree.n_nodes()).filter(|&n| tree.children(n).is_some()).all(|node| tree.n_rows(node) >= 50));
    let total: f64 = full.feature_importances().iter().sum();
    assert!((total - 1.0).abs() < 1e-12);
    assert_eq!(fit(DecisionTreeRegressor::new().min_impurity_decrease(1e6)).tree().n_nodes(), 1);
    let (one, two) = (
        fit(DecisionTreeRegressor::new().max_features(2).seed(1)),
        fit(DecisionTreeRegressor::new().max_features(2).seed(2)),
    );
    assert_ne!(one, two);
}

#[test]
fn best_first_takes_the_largest_gains() {
    // With k leaves, no tree made of the same cuts explains more than the one grown best first with one cut more.
    let example = regression(200, 3, 5);
    let mut last = f64::INFINITY;
    for leaves in 2..12 {
        let model =
            DecisionTreeRegressor::new().max_leaf_nodes(leaves).fit(&example.x, &example.values).unwrap();
        let tree = model.tree();
        assert_eq!(tree.n_leaves(), leaves);
        let left: f64 = (0..tree.n_nodes())
            .filter(|&n| tree.children(n).is_none())
            .map(|n| tree.weight(n) * tree.impurity(n).unwrap())
            .sum();
        assert!(left < last);
        last = left;
    }
}

#[test]
fn exclusive_or_is_learned() {
    // No first cut gains anything here, and a greedy tree must cut all the same.
    let x = Matrix::from(array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let y = Classes::from_labels([0, 1, 1, 0]);
    let model = DecisionTreeClassifier::new().fit(&x, &y).unwrap();
    assert_eq!(model.predict(&x).unwrap(), y);
    assert_eq!((model.tree().feature(0), model.tree().n_leaves()), (Some(0), 4));
}

#[test]
fn drawings_name_features_and_classes() {
    let x = Matrix::from(array![[1.0], [2.0]]).with_names(["say \"how\""]).unwrap();
    let model = DecisionTreeClassifier::new().fit(&x, &Classes::from_labels(["a", "b"])).unwrap();
    let dot = model.to_dot();
    assert!(dot.contains(r#"0 [label="say \"how\" <= 1.5\na (0.5, 0.5), 2 rows"];"#), "{dot}");
    assert!(dot.contains("0 -> 1 [label=yes];") && dot.contains("0 -> 2 [label=no];"));
    let numbers = DecisionTreeRegressor::new().fit(&x, &Values::from(vec![0.25, 1e9])).unwrap();
    assert_eq!(
        numbers.to_text(),
        "say \"how\" <= 1.5\n|   0.25, 1 rows\nsay \"how\" > 1.5\n|   1.000e9, 1 rows\n"
    );
}

#[test]
fn damaged_trees_are_refused() {
    let example = blobs(3, 1);
    let settings = DecisionTreeClassifier::new();
    let model = settings.fit(&example.x, &example.classes).unwrap();
    let json = serde_json::to_value(&model).unwrap();
    let damage: [(&str, Value); 6] = [
        ("/tree/nodes/0/left", 0.into()),
        ("/tree/nodes/0/right", 1.into()),
        ("/tree/nodes/0/right", 9999.into()),
        ("/tree/nodes/0/feature", 7.into()),
        ("/tree/values/0", 2.into()),
        ("/tree/weights/0", (-1).into()),
    ];
    for (place, value) in damage {
        let mut broken = json.clone();
        *broken.pointer_mut(place).unwrap() = value;
        let error = serde_json::from_value::<perennial_models::tree::DecisionTreeClassifierModel>(broken);
        assert!(error.is_err(), "{place}");
    }
    let bytes = settings.encode(&model).unwrap();
    assert_eq!(from_bytes::<perennial_models::tree::DecisionTreeClassifierModel>(&bytes).unwrap(), model);
}

#[test]
fn growing_stops_when_told() {
    let token = CancelToken::new();
    token.cancel();
    let example = regression(50, 2, 1);
    let error = Train::new(&example.x, &example.values)
        .context(Context::new().with_cancel(token))
        .fit(&DecisionTreeRegressor::new())
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
}

#[test]
fn the_pruning_path_of_a_thin_deep_tree_ends() {
    let n = 3000;
    let x = Matrix::from(Array2::from_shape_fn((n, 1), |(row, _)| row as f64));
    let y: Values =
        (0..n).map(|row| if row % 2 == 0 { 1.0 } else { -1.0 } * (1.0 + row as f64 / n as f64)).collect();
    let model = DecisionTreeRegressor::new().fit(&x, &y).unwrap();
    let path = model.tree().cost_complexity_pruning_path().unwrap();
    assert!(path.ccp_alphas.is_sorted() && path.impurities.is_sorted());
    // What is left at the end is the root.
    let root = model.tree().impurity(0).unwrap();
    assert!((path.impurities.last().unwrap() - root).abs() < 1e-9 * root);
    for at in [1, path.ccp_alphas.len() / 2] {
        let alpha = path.ccp_alphas[at] * (1.0 + 1e-9);
        let pruned = DecisionTreeRegressor::new().ccp_alpha(alpha).fit(&x, &y).unwrap();
        let leaves = pruned.tree().n_leaves();
        let weaker = DecisionTreeRegressor::new().ccp_alpha(path.ccp_alphas[at - 1]).fit(&x, &y).unwrap();
        assert!(leaves < weaker.tree().n_leaves(), "{leaves} at {alpha}");
    }
}
