//! ONNX files, read and run by a reader of their specification.

use perennial_core::{Classes, Estimator, Features, Matrix, Predictor};
use perennial_models::Ensemble;
use perennial_models::interchange::{Link, OnnxOptions, TreeModel};
use perennial_models::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor,
};

use crate::boosting::{data, signs};
use crate::interchange_onnx_reader::Model;
use crate::texts::{SMALL, Shape, model, one_set, rows};

fn written(model: &TreeModel, options: &OnnxOptions) -> Model {
    Model::read(&model.to_onnx(options).unwrap())
}

fn with_link(source: &TreeModel, base: &[f64], link: Link) -> TreeModel {
    let trees = source.ensemble().trees().to_vec();
    let ensemble = Ensemble::new(source.features().len(), base.len(), base.to_vec(), trees).unwrap();
    TreeModel::new(source.features().clone(), ensemble, link).unwrap()
}

fn shapes() -> Vec<Shape> {
    vec![
        SMALL,
        Shape { n_leaves: 30, n_categories: 70, ..SMALL },
        Shape { n_outputs: 3, n_trees: 9, n_categories: 9, ..SMALL },
        Shape { n_leaves: 2, n_trees: 3, ..SMALL },
    ]
}

/// To the bit: thresholds, what is missing, infinities, categories never seen, and base scores, in the order of the sums.
#[test]
fn numbers_in_double_are_the_same_bits() {
    for (seed, shape) in shapes().into_iter().enumerate() {
        let base: Vec<f64> = (0..shape.n_outputs).map(|output| 0.1 * output as f64).collect();
        let model = with_link(&model(shape, seed as u64), &base, Link::Identity);
        let file = written(&model, &OnnxOptions::new());
        let x = rows(shape, 300, 7);
        let scores = model.predict(&Matrix::from(x.clone())).unwrap();
        for (row, truth) in x.rows().into_iter().zip(scores.values().rows()) {
            let said = &file.run(row.as_slice().unwrap())["variable"].numbers;
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(said), bits(truth.as_slice().unwrap()), "{row}");
        }
    }
}

/// Every `f32` goes the way that it goes here: leaves are multiples of a power of two, so that sums are exact.
#[test]
fn single_precision_sends_every_number_the_same_way() {
    for (seed, shape) in shapes().into_iter().enumerate() {
        let source = model(shape, seed as u64);
        // Thresholds between two `f32`, and on one.
        let text = source.to_lightgbm().unwrap();
        let near = |word: &str| ((word.parse::<f64>().unwrap() * 64.0).round() / 64.0).to_string();
        let moved = |word: &str| match word {
            "0.125" => "0.1".to_owned(),
            "0.5" => "0.7".to_owned(),
            "-0.25" => "-0.1".to_owned(),
            "-1.25" => "-1.3".to_owned(),
            word => word.to_owned(),
        };
        let changed = |line: &str| match line.split_once('=') {
            Some(("leaf_value", list)) => {
                format!("leaf_value={}", list.split(' ').map(near).collect::<Vec<_>>().join(" "))
            }
            Some(("threshold", list)) => {
                format!("threshold={}", list.split(' ').map(moved).collect::<Vec<_>>().join(" "))
            }
            _ => line.to_owned(),
        };
        let text = text.lines().map(changed).collect::<Vec<_>>().join("\n");
        let model = TreeModel::from_lightgbm(&text).unwrap();
        let file = written(&model, &OnnxOptions::new().single_precision().values());
        assert_eq!(file.inputs, [("input".to_owned(), 1, Some(5))]);
        let mut x = rows(shape, 300, 8).mapv(|value| f64::from(value as f32));
        for (row, near) in [0.1_f32, 0.7, -0.1, -1.3].into_iter().enumerate() {
            let near = [near.next_down(), near, near.next_up()].map(f64::from);
            for (step, &value) in near.iter().enumerate() {
                if shape.n_categories == 0 {
                    x.row_mut(3 * row + step).fill(value);
                }
            }
        }
        let scores = model.predict(&Matrix::from(x.clone())).unwrap();
        for (row, truth) in x.rows().into_iter().zip(scores.values().rows()) {
            assert_eq!(file.run(row.as_slice().unwrap())["variable"].numbers, truth.to_vec(), "{row}");
        }
    }
}

#[test]
fn links_become_answers() {
    let source = model(SMALL, 3);
    let three = model(Shape { n_outputs: 3, n_trees: 6, ..SMALL }, 4);
    let x = rows(SMALL, 40, 9);
    for (model, options, name) in [
        (with_link(&source, &[0.5], Link::Exp), OnnxOptions::new(), "variable"),
        (with_link(&source, &[0.5], Link::Logistic { slope: 2.0 }), OnnxOptions::new().values(), "variable"),
        (with_link(&source, &[0.5], Link::Logistic { slope: 2.0 }), OnnxOptions::new(), "probabilities"),
        (with_link(&three, &[0.5; 3], Link::Logistic { slope: 1.0 }), OnnxOptions::new(), "probabilities"),
        (with_link(&three, &[0.0; 3], Link::Softmax), OnnxOptions::new(), "probabilities"),
        (with_link(&three, &[0.0; 3], Link::Softmax), OnnxOptions::new().values(), "variable"),
    ] {
        let file = written(&model, &options);
        let answers = model.predict(&Matrix::from(x.clone())).unwrap();
        for (row, truth) in x.rows().into_iter().zip(answers.values().rows()) {
            let mut truth = truth.to_vec();
            if name == "probabilities" && truth.len() == 1 {
                truth.insert(0, 1.0 - truth[0]);
            }
            let said = file.run(row.as_slice().unwrap());
            assert_eq!(said[name].numbers, truth, "{:?}", model.link());
            if name == "probabilities" {
                let label = said["label"].numbers[0] as usize;
                assert!(truth.iter().all(|&share| share <= truth[label]));
            }
        }
        assert_eq!(
            file.outputs.last().unwrap(),
            &(
                name.to_owned(),
                11,
                Some(if name == "variable" {
                    answers.values().ncols()
                } else {
                    answers.values().ncols().max(2)
                } as i64)
            )
        );
    }
}

#[test]
fn what_was_learned_leaves_with_its_classes() {
    let (x, y) = data(200, 3, 41);
    let classes = signs(&y);
    let forest = RandomForestClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    let booster = GradientBoostingClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    for (model, said) in [
        (forest.to_tree_model().unwrap(), forest.predict(&x).unwrap()),
        (booster.to_tree_model().unwrap(), booster.predict(&x).unwrap()),
    ] {
        let labels = said.names();
        let file = written(&model, &OnnxOptions::new().labels(labels));
        assert_eq!(file.outputs, [("label".to_owned(), 8, None), ("probabilities".to_owned(), 11, Some(2))]);
        let dense = x.dense().unwrap();
        for (row, truth) in dense.rows().into_iter().zip(said.codes()) {
            let run = file.run(&row.to_vec());
            assert_eq!(run["label"].texts[0], labels[*truth as usize]);
            assert!((run["probabilities"].numbers.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
    let quantiles = GradientBoostingQuantileRegressor::new([0.2, 0.8]).n_trees(5).fit(&x, &y).unwrap();
    let model = quantiles.to_tree_model().unwrap();
    assert_eq!(written(&model, &OnnxOptions::new()).outputs, [("variable".to_owned(), 11, Some(2))]);
}

#[test]
fn the_file_says_what_it_is() {
    let names = ["age", "größe \"x\"", "c", "d", "e"];
    let source = model(Shape { n_categories: 9, ..SMALL }, 5);
    let features: Features =
        Matrix::from(ndarray::Array2::<f64>::zeros((1, 5))).with_names(names).unwrap().features().clone();
    let model = TreeModel::new(features, source.ensemble().clone(), Link::Identity).unwrap();
    let file = written(&model, &OnnxOptions::new());
    assert_eq!((file.ir_version, file.versions[""], file.versions["ai.onnx.ml"]), (10, 21, 5));
    assert_eq!(file.inputs, [("input".to_owned(), 11, Some(5))]);
    let read: Vec<String> = serde_json::from_str(&file.metadata["feature_names"]).unwrap();
    assert_eq!(read, names);
    let trees = &file.nodes[0];
    assert_eq!((trees.operator.as_str(), trees.attributes["nodes_splits"].kind), ("TreeEnsemble", 11));
    assert_eq!(trees.numbers("tree_roots").len(), 7);
    let n_splits = 7 * 8;
    for name in ["nodes_modes", "nodes_splits", "nodes_featureids", "nodes_truenodeids", "nodes_falseleafs"] {
        assert_eq!(trees.numbers(name).len(), n_splits, "{name}");
    }
    assert_eq!(trees.numbers("leaf_weights").len(), 7 * 9);
    let sets = trees.numbers("nodes_modes").iter().filter(|&&mode| mode == 6.0).count();
    assert_eq!(trees.numbers("membership_values").iter().filter(|value| value.is_nan()).count(), sets);
    assert!(sets > 0);
    let file = written(&model, &OnnxOptions::new().single_precision());
    assert_eq!((file.ir_version, file.versions[""], file.versions["ai.onnx.ml"]), (7, 13, 3));
    assert_eq!(file.nodes[0].operator, "TreeEnsembleRegressor");
}

#[test]
fn a_model_without_trees_says_its_base() {
    let features = model(SMALL, 6).features().clone();
    let ensemble = Ensemble::new(5, 2, vec![0.75, -2.0], Vec::new()).unwrap();
    let model = TreeModel::new(features, ensemble, Link::Identity).unwrap();
    for options in [OnnxOptions::new(), OnnxOptions::new().single_precision()] {
        assert_eq!(written(&model, &options).run(&[f64::NAN; 5])["variable"].numbers, [0.75, -2.0]);
    }
}

#[test]
fn what_onnx_cannot_say_is_named() {
    let error = |model: &TreeModel, options: OnnxOptions| model.to_onnx(&options).unwrap_err().to_string();
    let source = model(SMALL, 3);
    let said = error(&source, OnnxOptions::new().labels(["a", "b", "c"]));
    assert!(said.contains("labels") && said.contains('3') && said.contains("2 names"), "{said}");
    let said = error(&with_link(&source, &[0.0], Link::Exp), OnnxOptions::new().labels(["a", "b"]));
    assert!(said.contains("no probabilities"), "{said}");
    let huge = with_link(&source, &[1e300], Link::Identity);
    assert!(huge.to_onnx(&OnnxOptions::new()).is_ok());
    let said = error(&huge, OnnxOptions::new().single_precision());
    assert!(said.contains("1e300"), "{said}");
    let ensemble = Ensemble::new(0, 1, vec![1.0], Vec::new()).unwrap();
    let none = TreeModel::new(Features::unnamed(0), ensemble, Link::Identity).unwrap();
    assert!(error(&none, OnnxOptions::new()).contains("no columns"));
    // A category that f32 cannot tell from the next: bit 2^24 of a set.
    let mut words = vec![0; 1 << 19];
    words.push(1);
    let model = one_set(&words);
    assert!(error(&model, OnnxOptions::new().single_precision()).contains("category 16777216"));
    assert_eq!(written(&model, &OnnxOptions::new()).run(&[16_777_216.0])["variable"].numbers, [10.0]);
}

/// In single precision each category is a question behind the last, and runtimes go down these ways by recursion.
#[test]
fn sets_that_are_too_large_for_chains_are_named() {
    let single = OnnxOptions::new().single_precision();
    // 15 words of 32 categories, and 20 or 21 more.
    let mut words = vec![u32::MAX; 15];
    words.push((1 << 20) - 1);
    let file = written(&one_set(&words), &single);
    assert_eq!(file.run(&[499.0])["variable"].numbers, [10.0]);
    assert_eq!(file.run(&[500.0])["variable"].numbers, [20.0]);
    words[15] = (1 << 21) - 1;
    let model = one_set(&words);
    let said = model.to_onnx(&single).unwrap_err().to_string();
    assert!(said.contains("tree 0 asks 501 questions") && said.contains("double precision"), "{said}");
    assert_eq!(written(&model, &OnnxOptions::new()).run(&[500.0])["variable"].numbers, [10.0]);
}

#[test]
fn a_slope_that_single_precision_cannot_hold_is_named() {
    for (slope, name) in [(1e-60, "1e-60"), (1e60, "1e60")] {
        let model = with_link(&model(SMALL, 3), &[0.0], Link::Logistic { slope });
        let said = model.to_onnx(&OnnxOptions::new().single_precision()).unwrap_err().to_string();
        assert!(said.contains("slope") && said.contains(name), "{said}");
        assert!(model.to_onnx(&OnnxOptions::new()).is_ok());
    }
}

/// Sums of leaves are probabilities only where they cannot leave 0 to 1.
#[test]
fn numbers_take_no_labels() {
    let (x, y) = data(200, 3, 42);
    let options = OnnxOptions::new().labels(["no", "yes"]);
    let forest = RandomForestRegressor::new().n_trees(3).fit(&x, &y).unwrap().to_tree_model().unwrap();
    let booster = GradientBoostingRegressor::new().n_trees(3).fit(&x, &y).unwrap().to_tree_model().unwrap();
    for model in [forest, booster] {
        assert_eq!(model.link(), Link::Identity);
        let said = model.to_onnx(&options).unwrap_err().to_string();
        assert!(said.contains("no probability") && said.contains("leave the labels out"), "{said}");
        assert!(model.to_onnx(&OnnxOptions::new()).is_ok());
    }
    let third = |y: &f64| i32::from(*y > -0.5) + i32::from(*y > 0.5);
    let classes = Classes::from_labels(y.as_slice().iter().map(third));
    let forest = RandomForestClassifier::new().n_trees(49).fit(&x, &classes).unwrap();
    let file = written(&forest.to_tree_model().unwrap(), &OnnxOptions::new().labels(classes.names()));
    assert_eq!(file.outputs, [("label".to_owned(), 8, None), ("probabilities".to_owned(), 11, Some(3))]);
}
