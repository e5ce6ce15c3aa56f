//! Shapley values against their definition.

use ndarray::{Array2, Axis};
use perennial_core::{
    Classes, Classifier, Contributions, Estimator, Explainer, Matrix, Predictor, Probabilities, Rows, Values,
};
use perennial_models::shap::{Cover, TreeShap};
use perennial_models::tree::Tree;
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, Ensemble, ExtraTreesClassifier,
    GradientBoostingClassifier, GradientBoostingRegressor, RandomForestRegressor,
};
use serde_json::{Value, json};

use crate::fixtures::{array, assert_close, cases, number, numbers};
use crate::texts::{SMALL, Shape, model, rows};

/// What a tree says when only the features of a coalition are known.
fn known(tree: &Tree, row: &[f64], coalition: usize, node: usize) -> f64 {
    let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
        return tree.value(node)[0];
    };
    if coalition >> feature & 1 == 1 {
        return known(tree, row, coalition, if tree.goes_left(node, row[feature]) { left } else { right });
    }
    let whole = tree.n_rows(node) as f64;
    (tree.n_rows(left) as f64 * known(tree, row, coalition, left)
        + tree.n_rows(right) as f64 * known(tree, row, coalition, right))
        / whole
}

fn factorial(n: usize) -> f64 {
    (1..=n).map(|k| k as f64).product()
}

/// The Shapley values of a game of `n` players.
fn shapley(n: usize, wins: impl Fn(usize) -> f64) -> Vec<f64> {
    let value = |player: usize| {
        let without = (0..1_usize << n).filter(|coalition| coalition >> player & 1 == 0);
        let term = |coalition: usize| {
            let size = coalition.count_ones() as usize;
            factorial(size) * factorial(n - size - 1) / factorial(n)
                * (wins(coalition | 1 << player) - wins(coalition))
        };
        without.map(term).sum()
    };
    (0..n).map(value).collect()
}

/// The Shapley interaction value of two of `n` players.
fn interaction(n: usize, one: usize, other: usize, wins: impl Fn(usize) -> f64) -> f64 {
    let both = 1 << one | 1 << other;
    let term = |coalition: usize| {
        let size = coalition.count_ones() as usize;
        factorial(size) * factorial(n - size - 2) / (2.0 * factorial(n - 1))
            * (wins(coalition | both) - wins(coalition | 1 << one) - wins(coalition | 1 << other)
                + wins(coalition))
    };
    (0..1_usize << n).filter(|coalition| coalition & both == 0).map(term).sum()
}

fn shapes() -> [Shape; 3] {
    [
        SMALL,
        // Features come several times on a path.
        Shape { n_leaves: 60, n_trees: 3, ..SMALL },
        Shape { n_categories: 6, n_outputs: 2, n_trees: 6, ..SMALL },
    ]
}

#[test]
fn path_values_and_interactions_are_those_of_the_definition() {
    for (seed, shape) in (20..).zip(shapes()) {
        let model = model(shape, seed);
        let ensemble = model.ensemble();
        let x = rows(shape, 6, seed);
        let shap = TreeShap::of_ensemble(ensemble, Cover::Rows).unwrap();
        let (explained, pairs) = (shap.contributions(&x).unwrap(), shap.interactions(&x).unwrap());
        for output in 0..shape.n_outputs {
            let trees: Vec<&Tree> = ensemble.trees().iter().skip(output).step_by(shape.n_outputs).collect();
            let start = ensemble.base()[output];
            for (index, row) in x.rows().into_iter().enumerate() {
                let row = row.to_vec();
                let wins = |coalition: usize| trees.iter().map(|tree| known(tree, &row, coalition, 0)).sum();
                let values = explained.values()[output].row(index).to_vec();
                assert_close(&values, &shapley(5, wins), 1e-13, "values");
                assert!((explained.base()[output] - start - wins(0)).abs() < 1e-13);
                for one in 0..5 {
                    for other in (0..5).filter(|&other| other != one) {
                        let truth = interaction(5, one, other, wins);
                        assert!((pairs[output][[index, one, other]] - truth).abs() < 1e-13);
                    }
                }
            }
        }
    }
}

#[test]
fn values_against_a_background_are_those_of_the_definition() {
    for (seed, shape) in (30..).zip(shapes()) {
        let model = model(shape, seed);
        let ensemble = model.ensemble();
        let (x, background) = (rows(shape, 5, seed), rows(shape, 7, seed + 1));
        let explained =
            TreeShap::of_ensemble(ensemble, Cover::Rows).unwrap().interventional(&x, &background).unwrap();
        for (index, row) in x.rows().into_iter().enumerate() {
            for output in 0..shape.n_outputs {
                let wins = |coalition: usize| {
                    let mut mixed = background.clone();
                    for feature in (0..5).filter(|feature| coalition >> feature & 1 == 1) {
                        mixed.column_mut(feature).fill(row[feature]);
                    }
                    let scores = ensemble.scores(&mixed).unwrap();
                    scores.iter().skip(output).step_by(shape.n_outputs).sum::<f64>() / 7.0
                };
                let values = explained.values()[output].row(index).to_vec();
                assert_close(&values, &shapley(5, wins), 1e-13, "values");
                assert!((explained.base()[output] - wins(0)).abs() < 1e-13);
            }
        }
    }
}

#[test]
fn values_add_up_to_the_score() {
    let shape = Shape { n_features: 40, n_trees: 50, n_leaves: 63, n_categories: 30, ..SMALL };
    let model = model(shape, 40);
    let x = rows(shape, 300, 41);
    let shap = TreeShap::of_ensemble(model.ensemble(), Cover::Rows).unwrap();
    let explained = shap.contributions(&x).unwrap();
    let against = shap.interventional(&x, &rows(shape, 5, 42)).unwrap();
    let scores = model.ensemble().scores(&x).unwrap();
    for explained in [&explained, &against] {
        let sums = explained.values()[0].sum_axis(Axis(1)) + explained.base()[0];
        assert_close(&sums.to_vec(), &scores, 1e-10, "local accuracy");
    }
    let pairs = shap.interactions(&x).unwrap();
    let sums = pairs[0].sum_axis(Axis(2));
    assert!((&sums - &explained.values()[0]).iter().all(|error| error.abs() < 1e-10));
    assert!(explained.importances(0).iter().all(|importance| *importance >= 0.0));
}

/// Every node of a tree asks for another feature, so that all of them are on the longest path.
#[test]
fn long_paths_are_exact() {
    let n = 100;
    let x = Array2::from_shape_fn((n + 1, n), |(row, column)| f64::from(u8::from(row > column)));
    let y: Vec<f64> = (0..=n).map(|row| (row * row) as f64).collect();
    let model = DecisionTreeRegressor::new().fit(&x.clone().into(), &Values::from(y.clone())).unwrap();
    let shap = TreeShap::of_trees(std::slice::from_ref(model.tree()), 1.0, Cover::Weight).unwrap();
    let explained = shap.contributions(&x).unwrap();
    let sums = explained.values()[0].sum_axis(Axis(1)) + explained.base()[0];
    assert_close(&sums.to_vec(), &y, 1e-8, "local accuracy");
}

/// A tree from lists of its nodes.
fn reference_tree(lists: &Value) -> Tree {
    let list = |name: &str| numbers(&lists[name]);
    let (features, covers) = (list("feature"), list("cover"));
    let (lefts, rights, thresholds) = (list("left"), list("right"), list("threshold"));
    let node = |index: usize| match features[index] {
        feature if feature < 0.0 => json!({"threshold": 0.0, "feature": u32::MAX, "left": 0, "right": 0,
            "set": u32::MAX, "missing_left": false}),
        feature => {
            json!({"threshold": thresholds[index], "feature": feature as u32, "left": lefts[index] as u32,
            "right": rights[index] as u32, "set": u32::MAX, "missing_left": false})
        }
    };
    let nodes: Vec<Value> = (0..features.len()).map(node).collect();
    let n_rows: Vec<u64> = covers.iter().map(|&cover| cover as u64).collect();
    let tree = json!({"n_features": 5, "width": 1, "nodes": nodes, "sets": [], "n_rows": n_rows, "weights": covers,
        "measure": "Impurity", "measures": vec![0.0; nodes.len()], "values": list("value")});
    serde_json::from_value(tree).unwrap()
}

#[test]
fn the_values_of_the_reference_tree() {
    let Some(case) = cases("trees_shap.json").into_iter().find(|case| case["id"] == "cart_regression") else {
        return;
    };
    // The tree itself is that of the reference: of equally good splits another one may be taken.
    let tree: Tree = reference_tree(&case["expected"]["tree"]);
    let shap = TreeShap::of_trees(std::slice::from_ref(&tree), 1.0, Cover::Weight).unwrap();
    let expected = &case["expected"];
    let x = array(&expected["Xtest"]);
    let explained = shap.contributions(&x).unwrap();
    let flat = |values: &Array2<f64>| values.iter().copied().collect::<Vec<_>>();
    assert_close(
        &flat(&explained.values()[0]),
        &flat(&array(&expected["shap_path_dependent"])),
        1e-9,
        "path",
    );
    assert_close(explained.base(), &[number(&expected["base_path_dependent"])], 1e-9, "base");
    let truth = array(&expected["shap_interventional"]);
    let first = x.slice(ndarray::s![..truth.nrows(), ..]).to_owned();
    let explained = shap.interventional(&first, &array(&expected["background"])).unwrap();
    assert_close(&flat(&explained.values()[0]), &flat(&truth), 1e-9, "background");
    assert_close(explained.base(), &[number(&expected["base_interventional"])], 1e-9, "base");
}

#[test]
fn each_class_of_a_forest_is_explained() {
    let x = rows(Shape { n_categories: 0, ..SMALL }, 80, 50).mapv(|value| value.clamp(-3.0, 3.0));
    let y = Classes::from_labels((0..80).map(|row| row % 3));
    let x = Matrix::from(x);
    let trees: Vec<Tree> = (0..4)
        .map(|seed| {
            DecisionTreeClassifier::new().max_features(2).seed(seed).fit(&x, &y).unwrap().tree().clone()
        })
        .collect();
    let shap = TreeShap::of_trees(&trees, 0.25, Cover::Weight).unwrap();
    let x = x.dense().unwrap();
    for explained in [shap.contributions(x).unwrap(), shap.interventional(x, x).unwrap()] {
        for (row, values) in x.rows().into_iter().enumerate() {
            for class in 0..3 {
                let share: f64 =
                    trees.iter().map(|tree| 0.25 * tree.value(tree.leaf(&values.to_vec()))[class]).sum();
                let sum = explained.values()[class].row(row).sum() + explained.base()[class];
                assert!((sum - share).abs() < 1e-10);
            }
        }
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let model = model(SMALL, 60);
    let shap = TreeShap::of_ensemble(model.ensemble(), Cover::Rows).unwrap();
    assert!(shap.contributions(&Array2::zeros((2, 4))).is_err());
    assert!(shap.interactions(&Array2::zeros((2, 6))).is_err());
    assert!(shap.interventional(&Array2::zeros((2, 5)), &Array2::zeros((0, 5))).is_err());
    assert!(TreeShap::of_trees(&[], 1.0, Cover::Rows).is_err());
    let constant = Ensemble::new(2, 1, vec![3.0], Vec::new()).unwrap();
    let explained = TreeShap::of_ensemble(&constant, Cover::Rows).unwrap();
    let explained = explained.contributions(&Array2::zeros((2, 2))).unwrap();
    assert_eq!((explained.base(), explained.values()[0].sum()), (&[3.0][..], 0.0));
}

#[test]
fn models_of_trees_explain_themselves() {
    let (x, y) = crate::boosting::data(200, 3, 70);
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    // Columns are found by their names.
    let turned = x.dense().unwrap().select(ndarray::Axis(1), &[2, 0, 1]);
    let turned = Matrix::from(turned).with_names(["x2", "x0", "x1"]).unwrap();
    let background = x.take(&[3, 50, 99]).unwrap();
    let add_up = |explained: &Contributions, said: &[f64], output: usize| {
        for (row, said) in said.iter().enumerate() {
            let sum = explained.values()[output].row(row).sum() + explained.base()[output];
            assert!((sum - said).abs() < 1e-9, "{sum} instead of {said}");
        }
    };
    macro_rules! explains {
        ($model:expr, $said:expr) => {{
            let (model, said): (_, Vec<Vec<f64>>) = (&$model, $said);
            let (by_path, against) =
                (model.contributions(&turned).unwrap(), model.interventional(&turned, &background).unwrap());
            let pairs = model.interactions(&turned).unwrap();
            for (output, said) in said.iter().enumerate() {
                add_up(&by_path, said, output);
                add_up(&against, said, output);
                let alone: f64 = pairs[output].slice(ndarray::s![7, 1, ..]).sum();
                assert!((alone - by_path.values()[output][[7, 1]]).abs() < 1e-9);
            }
            assert_eq!(Explainer::explain(model, &x).unwrap(), by_path);
            assert!(model.contributions(&x.take(&[]).unwrap()).is_ok());
        }};
    }
    let one = |answers: Values| vec![answers.into_vec()];
    let shares =
        |shares: Probabilities| shares.values().columns().into_iter().map(|share| share.to_vec()).collect();
    let tree = DecisionTreeRegressor::new().max_depth(4).fit(&x, &y).unwrap();
    explains!(tree, one(tree.predict(&x).unwrap()));
    let tree = DecisionTreeClassifier::new().max_depth(4).fit(&x, &classes).unwrap();
    explains!(tree, shares(tree.predict_proba(&x).unwrap()));
    let forest = RandomForestRegressor::new().n_trees(7).fit(&x, &y).unwrap();
    explains!(forest, one(forest.predict(&x).unwrap()));
    let forest = ExtraTreesClassifier::new().n_trees(7).max_depth(4).fit(&x, &classes).unwrap();
    explains!(forest, shares(forest.predict_proba(&x).unwrap()));
    let boosted = GradientBoostingRegressor::new().n_trees(7).fit(&x, &y).unwrap();
    explains!(boosted, one(boosted.predict(&x).unwrap()));
    explains!(*boosted.booster(), one(boosted.predict(&x).unwrap()));
    let classifier = GradientBoostingClassifier::new().n_trees(4).fit(&x, &classes).unwrap();
    let scores = classifier.booster().scores(&x).unwrap();
    explains!(
        classifier,
        (0..3).map(|class| scores.iter().skip(class).step_by(3).copied().collect()).collect()
    );
}
