//! Forests: what must hold for any of them, and small problems whose answer is known.

use ndarray::{Array2, array};
use perennial_core::{
    Classes, Classifier, ErrorKind, Estimator, Feature, Features, Matrix, NoTarget, Persist, Predictor, Rows,
    Train, Transformer, Values,
};
use perennial_models::binned::LearnsFromBins;
use perennial_models::forest::{MaxFeatures, RegressionCriterion};
use perennial_models::tree::{Splits, Tree};
use perennial_models::{
    Binner, ClassWeight, DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreesClassifier,
    ExtraTreesRegressor, QuantileForestRegressor, RandomForestClassifier, RandomForestRegressor,
};
use perennial_numeric::random::Random;
use perennial_testing::{blobs, regression};
use proptest::prelude::*;

fn categorical(columns: Vec<Vec<f64>>, n_categories: u32) -> Matrix {
    let x = Array2::from_shape_fn((columns[0].len(), columns.len()), |(row, column)| columns[column][row]);
    let features: Vec<Feature> =
        (0..columns.len()).map(|column| Feature::categorical(format!("c{column}"), n_categories)).collect();
    Matrix::from(x).with_features(Features::try_from(features).unwrap()).unwrap()
}

/// How much the split of the root takes off the impurity, times the weight.
fn decrease(tree: &Tree) -> f64 {
    let mass = |node: usize| tree.weight(node) * tree.impurity(node).unwrap();
    tree.children(0).map_or(0.0, |(left, right)| mass(0) - mass(left) - mass(right))
}

/// The largest decrease by any set of categories, one of 2^k.
fn best_of_all_sets(codes: &[u8], n_categories: u32, impurity: impl Fn(&[usize]) -> f64) -> f64 {
    let all: Vec<usize> = (0..codes.len()).collect();
    let whole = impurity(&all) * all.len() as f64;
    let mut best = 0.0_f64;
    for set in 1..(1_u32 << n_categories) - 1 {
        let (left, right): (Vec<usize>, Vec<usize>) =
            all.iter().partition(|&&row| set >> codes[row] & 1 == 1);
        if !left.is_empty() && !right.is_empty() {
            best =
                best.max(whole - impurity(&left) * left.len() as f64 - impurity(&right) * right.len() as f64);
        }
    }
    best
}

proptest! {
    /// For two classes and for numbers no set of categories is better than the one that is found.
    #[test]
    fn the_set_of_categories_is_the_best_of_all(cells in proptest::collection::vec((0u8..6, 0u8..5), 4..40)) {
        let codes: Vec<u8> = cells.iter().map(|cell| cell.0).collect();
        let x = categorical(vec![codes.iter().map(|&code| f64::from(code)).collect()], 6);
        let values: Vec<f64> = cells.iter().map(|cell| f64::from(cell.1)).collect();
        let variance = |rows: &[usize]| {
            let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
            rows.iter().map(|&row| (values[row] - mean).powi(2)).sum::<f64>() / rows.len() as f64
        };
        let settings = RandomForestRegressor::new().n_trees(1).bootstrap(false).max_depth(1);
        let model = settings.fit(&x, &Values::from(values.clone())).unwrap();
        prop_assert!((decrease(&model.trees()[0]) - best_of_all_sets(&codes, 6, variance)).abs() < 1e-9);
        let of = |row: usize| u32::from(cells[row].1 > 2);
        let gini = |rows: &[usize]| {
            let share = rows.iter().filter(|&&row| of(row) == 1).count() as f64 / rows.len() as f64;
            2.0 * share * (1.0 - share)
        };
        let classes = Classes::new((0..cells.len()).map(of).collect(), vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let settings = RandomForestClassifier::new().n_trees(1).bootstrap(false).max_depth(1);
        let model = settings.fit(&x, &classes).unwrap();
        prop_assert!((decrease(&model.trees()[0]) - best_of_all_sets(&codes, 6, gini)).abs() < 1e-9);
        // Single trees find the same without bins.
        let exact = DecisionTreeClassifier::new().max_depth(1).fit(&x, &classes).unwrap();
        prop_assert!((decrease(exact.tree()) - best_of_all_sets(&codes, 6, gini)).abs() < 1e-9);
        let exact = DecisionTreeRegressor::new().max_depth(1).fit(&x, &Values::from(values.clone())).unwrap();
        prop_assert!((decrease(exact.tree()) - best_of_all_sets(&codes, 6, variance)).abs() < 1e-9);
    }

    /// Trees part their training rows as they did while growing: what each node says is the mean of what comes to it.
    #[test]
    fn leaves_hold_their_rows(seed in 0u64..200) {
        let mut random = Random::new(seed);
        let n_rows = 30 + random.below(200);
        let cell = |random: &mut Random| if random.below(6) == 0 { f64::NAN } else { random.below(9) as f64 };
        let columns: Vec<Vec<f64>> = (0..3).map(|_| (0..n_rows).map(|_| cell(&mut random)).collect()).collect();
        let codes: Vec<u32> = (0..n_rows).map(|_| random.below(4) as u32).collect();
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let y = Classes::new(codes.clone(), names).unwrap();
        let numbers = {
            let x = Array2::from_shape_fn((n_rows, 3), |(row, column)| columns[column][row]);
            Matrix::from(x)
        };
        for x in [categorical(columns, 9), numbers] {
            for tree in [
                RandomForestClassifier::new().n_trees(1).bootstrap(false).seed(seed).fit(&x, &y).unwrap().trees()[0].clone(),
                ExtraTreesClassifier::new().n_trees(1).seed(seed).fit(&x, &y).unwrap().trees()[0].clone(),
            ] {
                let leaves = tree.leaves(x.dense().unwrap()).unwrap();
                for leaf in 0..tree.n_nodes() {
                    let rows: Vec<usize> = (0..n_rows).filter(|&row| leaves[row] as usize == leaf).collect();
                    if tree.children(leaf).is_none() {
                        prop_assert_eq!(rows.len() as u64, tree.n_rows(leaf));
                        for class in 0..4_u32 {
                            let n = rows.iter().filter(|&&row| codes[row] == class).count();
                            let share = n as f64 / rows.len() as f64;
                            prop_assert!((tree.value(leaf)[class as usize] - share).abs() < 1e-12);
                        }
                    }
                }
            }
            let values: Vec<f64> = codes.iter().map(|&code| f64::from(code)).collect();
            let forest = ExtraTreesRegressor::new().n_trees(1).seed(seed).fit(&x, &values.clone().into()).unwrap();
            let tree = &forest.trees()[0];
            let leaves = tree.leaves(x.dense().unwrap()).unwrap();
            for leaf in (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none()) {
                let rows: Vec<usize> = (0..n_rows).filter(|&row| leaves[row] as usize == leaf).collect();
                prop_assert_eq!(rows.len() as u64, tree.n_rows(leaf));
                let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / rows.len() as f64;
                prop_assert!((tree.value(leaf)[0] - mean).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_set_of_more_classes_parts_what_can_be_parted() {
    // Categories 0, 2, 4 hold class a alone, the others b or c: the first set takes a off, however codes are ordered.
    let codes: Vec<f64> = (0..60).map(|row| f64::from(row % 6)).collect();
    let labels = (0..60).map(|row| {
        if row % 2 == 0 {
            "a"
        } else if row % 3 == 0 {
            "b"
        } else {
            "c"
        }
    });
    let (x, y) = (categorical(vec![codes], 6), Classes::from_labels(labels));
    let settings = RandomForestClassifier::new().n_trees(1).bootstrap(false).max_depth(1);
    let model = settings.fit(&x, &y).unwrap();
    let set = model.trees()[0].categories(0).unwrap();
    assert!(set == [0, 2, 4] || set == [1, 3, 5], "{set:?}");
}

#[test]
fn categories_never_seen_go_right_and_a_million_of_them_are_borne() {
    let n_rows = 4000;
    let codes: Vec<f64> = (0..n_rows).map(|row| f64::from(row * 250)).collect();
    let y: Values = (0..n_rows).map(|row| f64::from(row % 2)).collect();
    let x = categorical(vec![codes], 1_000_000);
    match RandomForestRegressor::new().n_trees(3).fit(&x, &y) {
        Ok(model) => assert_eq!(model.predict(&x).unwrap().n_rows(), n_rows as usize),
        Err(error) => assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}"),
    }
    // The rare categories share a bin, and one never seen is answered like them.
    let codes: Vec<f64> = (0..90).map(|row| if row < 60 { 0.0 } else { f64::from(row) }).collect();
    let y: Values = (0..90).map(|row| f64::from(u8::from(row >= 60))).collect();
    let x = categorical(vec![codes], 100);
    let model = RandomForestRegressor::new().max_bins(2).n_trees(5).bootstrap(false).fit(&x, &y).unwrap();
    let new = categorical(vec![vec![0.0, 61.0, 99.0]], 100);
    assert_eq!(model.predict(&new).unwrap().as_slice(), [0.0, 1.0, 1.0]);
}

#[test]
fn forests_learn_what_one_tree_cannot() {
    let example = regression(2000, 8, 21);
    let (train, test): (Vec<usize>, Vec<usize>) = (0..2000).partition(|row| row % 2 == 0);
    let (train, test) = (example.take(&train).unwrap(), example.take(&test).unwrap());
    let error = |answers: Values| -> f64 {
        answers.as_slice().iter().zip(test.values.as_slice()).map(|(a, y)| (a - y).powi(2)).sum::<f64>()
            / 1000.0
    };
    let forest = RandomForestRegressor::new().max_features(MaxFeatures::Fraction(0.4)).out_of_bag(true);
    let forest = forest.fit(&train.x, &train.values).unwrap();
    let one = RandomForestRegressor::new().n_trees(1).fit(&train.x, &train.values).unwrap();
    let extra = ExtraTreesRegressor::new().fit(&train.x, &train.values).unwrap();
    let of_forest = error(forest.predict(&test.x).unwrap());
    assert!(of_forest < 0.5 * error(one.predict(&test.x).unwrap()));
    assert!(error(extra.predict(&test.x).unwrap()) < of_forest * 1.2);
    // The out-of-bag estimate is honest: near the error on new rows.
    let rows = forest.out_of_bag().unwrap();
    let truth = train.values.as_slice();
    let honest: f64 =
        rows.values().column(0).iter().zip(truth).map(|(a, y)| (a - y).powi(2)).sum::<f64>() / 1000.0;
    assert!((honest / of_forest - 1.0).abs() < 0.2, "{honest} beside {of_forest}");
    // Each tree leaves out about 1/e of the rows.
    let share = rows.n_trees().iter().sum::<u32>() as f64 / 1e5;
    assert!((share - (-1f64).exp()).abs() < 0.02, "{share}");
    let importances = forest.feature_importances();
    assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!((1..8).all(|column| importances[0] > importances[column]));
}

#[test]
fn the_out_of_bag_answer_is_that_of_the_trees_left() {
    // One tree: rows that it drew have no answer, the others that of the tree, by raw values instead of bins.
    let nan = f64::NAN;
    let mut x = regression(300, 3, 8).x.dense().unwrap().to_owned();
    x.row_mut(7).fill(nan);
    x.column_mut(1).mapv_inplace(|value| (value * 2.0).round());
    let y: Values = regression(300, 3, 8).values;
    let x = Matrix::from(x);
    let model = RandomForestRegressor::new().n_trees(1).out_of_bag(true).fit(&x, &y).unwrap();
    let (rows, answers) = (model.out_of_bag().unwrap(), model.predict(&x).unwrap());
    for row in 0..300 {
        match rows.n_trees()[row] {
            0 => assert_eq!(rows.values()[[row, 0]], 0.0),
            _ => assert_eq!(rows.values()[[row, 0]], answers.as_slice()[row]),
        }
    }
    let error = RandomForestRegressor::new().out_of_bag(true).bootstrap(false).fit(&x, &y).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }));
}

#[test]
fn poisson_forests_never_answer_zero_beside_counts() {
    let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
    let y: Values =
        (0..200).map(|row| if row < 100 { f64::from(row % 2) } else { 5.0 + f64::from(row % 3) }).collect();
    let settings =
        RandomForestRegressor::new().criterion(RegressionCriterion::Poisson).n_trees(1).bootstrap(false);
    let model = settings.max_depth(1).fit(&x, &y).unwrap();
    let tree = &model.trees()[0];
    // The split of the means: the deviance is least at the step.
    assert!((tree.threshold(0) - 99.5).abs() < 1.0);
    let full = RandomForestRegressor::new().criterion(RegressionCriterion::Poisson).fit(&x, &y).unwrap();
    assert!(full.trees().iter().all(|tree| (0..tree.n_nodes()).all(|node| tree.value(node)[0] > 0.0)));
    let negative = settings_error(&x);
    assert!(matches!(negative, ErrorKind::Unsupported { .. }));
}

fn settings_error(x: &Matrix) -> ErrorKind {
    let y: Values = (0..200).map(|row| f64::from(row) - 1.0).collect();
    let settings = RandomForestRegressor::new().criterion(RegressionCriterion::Poisson);
    match settings.fit(x, &y).unwrap_err().kind() {
        ErrorKind::Unsupported { what } => ErrorKind::Unsupported { what: what.clone() },
        other => panic!("{other:?}"),
    }
}

#[test]
fn quantiles_of_a_known_distribution() {
    // y = x + e with e uniform in -1..1: the quantiles given x are known.
    let mut random = Random::new(9);
    let x: Vec<f64> = (0..4000).map(|_| random.uniform_in(0.0, 10.0)).collect();
    let y: Values = x.iter().map(|x| x + random.uniform_in(-1.0, 1.0)).collect();
    let x = Matrix::from(Array2::from_shape_vec((4000, 1), x).unwrap());
    let settings = QuantileForestRegressor::new().min_samples_leaf(40).n_trees(50);
    let model = settings.fit(&x, &y).unwrap();
    let points = Matrix::from(array![[2.0], [5.0], [8.0]]);
    let found = model.predict_quantiles(&points, &[0.1, 0.5, 0.9]).unwrap();
    for (row, x) in [2.0, 5.0, 8.0].into_iter().enumerate() {
        for (column, e) in [-0.8, 0.0, 0.8].into_iter().enumerate() {
            assert!((found.values()[[row, column]] - (x + e)).abs() < 0.25, "{}", found.values());
        }
    }
    assert_eq!(model.predict(&points).unwrap().as_slice(), found.values().column(1).to_vec());
    let ends = model.predict_quantiles(&points, &[0.0, 1.0]).unwrap();
    assert!(ends.values().rows().into_iter().all(|row| row[0] < row[1]));
    assert!(matches!(
        model.predict_quantiles(&points, &[1.5]).unwrap_err().kind(),
        ErrorKind::InvalidParam { .. }
    ));
    let bytes = settings.encode(&model).unwrap();
    assert_eq!(settings.decode(&bytes).unwrap(), model);
    // One leaf: the quantiles of all values, where weights are copies.
    let stump = QuantileForestRegressor::new().min_samples_leaf(3).n_trees(2);
    let (x, y) = (Matrix::from(Array2::zeros((4, 1))), Values::from(vec![4.0, 1.0, 3.0, 2.0]));
    let model = Train::new(&x, &y).weights(&[1.0, 5.0, 1.0, 1.0]).fit(&stump).unwrap();
    let found = model.predict_quantiles(&x, &[0.0, 0.625, 0.63, 0.75, 0.875, 1.0]).unwrap();
    assert_eq!(found.values().row(0).to_vec(), [1.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
}

#[test]
fn balanced_forests_find_the_rare_class() {
    let mut random = Random::new(2);
    let n_rows = 3000;
    let y: Vec<bool> = (0..n_rows).map(|row| row % 50 == 0).collect();
    let x =
        Array2::from_shape_fn((n_rows, 3), |(row, _)| random.normal() + f64::from(u8::from(y[row])) * 1.2);
    let (x, y) = (Matrix::from(x), Classes::from_labels(y));
    let recall = |settings: RandomForestClassifier| {
        let model = settings.n_trees(60).out_of_bag(true).fit(&x, &y).unwrap();
        let rows = model.out_of_bag().unwrap();
        let found = (0..n_rows).step_by(50).filter(|&row| rows.values()[[row, 1]] > 0.5).count();
        found as f64 / (n_rows / 50) as f64
    };
    let plain = recall(RandomForestClassifier::new());
    let balanced = recall(RandomForestClassifier::new().balanced(true));
    assert!(plain < 0.3 && balanced > 0.7, "{plain} and {balanced}");
}

#[test]
fn class_weights_are_row_weights() {
    let example = blobs(3, 5);
    let given = ClassWeight::Given([("red".to_owned(), 3.0)].into());
    let settings = ExtraTreesClassifier::new().n_trees(5).max_depth(3);
    let weighted = settings.clone().class_weight(given).fit(&example.x, &example.classes).unwrap();
    let weights: Vec<f64> =
        example.classes.labels().map(|label| if label == "red" { 3.0 } else { 1.0 }).collect();
    // Bins are cut by the weights of rows; with as many bins as values there is no difference.
    let rows: Vec<usize> = (0..200).collect();
    let small = example.take(&rows).unwrap();
    let own = Train::new(&small.x, &small.classes).weights(&weights[..200]).fit(&settings).unwrap();
    let given = ClassWeight::Given([("red".to_owned(), 3.0)].into());
    let by_class = settings.clone().class_weight(given).fit(&small.x, &small.classes).unwrap();
    assert_eq!(own, by_class);
    assert_eq!(weighted.trees().len(), 5);
    for wrong in [("purple", 1.0), ("red", -1.0), ("red", f64::NAN)] {
        let wrong = ClassWeight::Given([(wrong.0.to_owned(), wrong.1)].into());
        assert!(settings.clone().class_weight(wrong).fit(&example.x, &example.classes).is_err());
    }
}

#[test]
fn what_cannot_be_held_is_refused_at_once() {
    let n_rows = 60_000;
    let x = Matrix::from(Array2::from_shape_fn((n_rows, 1), |(row, _)| row as f64));
    let y = Classes::from_labels(0..n_rows);
    let error = RandomForestClassifier::new().fit(&x, &y).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("max_depth"));
}

#[test]
fn every_row_its_own_class() {
    let x = Matrix::from(Array2::from_shape_fn((50, 2), |(row, column)| (row * (column + 1)) as f64));
    let y = Classes::from_labels(0..50);
    let model = RandomForestClassifier::new().n_trees(20).bootstrap(false).fit(&x, &y).unwrap();
    assert_eq!(model.predict(&x).unwrap(), y);
    let model = ExtraTreesClassifier::new().n_trees(20).fit(&x, &y).unwrap();
    assert_eq!(model.predict(&x).unwrap(), y);
}

/// With a bin for each value, a tree between bins makes the cuts of an exact one.
#[test]
fn trees_between_bins_are_exact_on_few_values() {
    let example = regression(250, 4, 6);
    let counts: Values = example.values.as_slice().iter().map(|value| value.max(0.0).round()).collect();
    for criterion in [RegressionCriterion::SquaredError, RegressionCriterion::Poisson] {
        let settings = DecisionTreeRegressor::new().criterion(criterion).max_depth(5);
        let exact = settings.fit(&example.x, &counts).unwrap();
        let between = settings.clone().splits(Splits::Histogram).fit(&example.x, &counts).unwrap();
        let (a, b) = (exact.predict(&example.x).unwrap(), between.predict(&example.x).unwrap());
        let worst =
            a.as_slice().iter().zip(b.as_slice()).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst < 1e-9, "{criterion:?}: {worst}");
    }
    let (x, y) = (&example.x, &example.classes);
    let exact = DecisionTreeClassifier::new().fit(x, y).unwrap();
    let between = DecisionTreeClassifier::new().splits(Splits::Histogram).fit(x, y).unwrap();
    assert_eq!(exact.predict_proba(x).unwrap(), between.predict_proba(x).unwrap());
    assert_eq!(exact.tree().n_nodes(), between.tree().n_nodes());
}

#[test]
fn a_picture_of_a_tree_stands_alone() {
    let example = blobs(3, 2);
    let names = example.x.clone().with_names(["<first>", "second"]).unwrap();
    let model = DecisionTreeClassifier::new().fit(&names, &example.classes).unwrap();
    let svg = model.to_svg();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("&lt;first&gt; &lt;= ") && !svg.contains("<first>") && !svg.contains("href"));
    let values = DecisionTreeRegressor::new().fit(&names, &example.values).unwrap();
    assert!(values.to_svg().contains("more below") || values.tree().n_leaves() <= 32);
    if let Some(folder) = std::env::var_os("TREE_PICTURES") {
        std::fs::write(std::path::Path::new(&folder).join("tree.svg"), svg).unwrap();
    }
}

/// A forest says the mean of what its trees say, which are asked here one row at a time: for all numbers of rows, missing
/// values on both sides, categories, and values at the thresholds themselves.
#[test]
fn forests_say_the_mean_of_their_trees() {
    let example = regression(700, 5, 2);
    let mut cells = example.x.dense().unwrap().to_owned();
    cells.column_mut(1).iter_mut().step_by(3).for_each(|value| *value = f64::NAN);
    cells
        .column_mut(4)
        .iter_mut()
        .enumerate()
        .for_each(|(row, value)| *value = f64::from(row as u32 * 7 % 5));
    let numbers = Matrix::from(cells.clone());
    let features = (0..5).map(|column| match column {
        4 => Feature::categorical("c4", 5),
        _ => Feature::numeric(format!("x{column}")),
    });
    let features: Vec<Feature> = features.collect();
    let mixed = Matrix::from(cells.clone()).with_features(Features::try_from(features).unwrap()).unwrap();
    for x in [numbers, mixed] {
        let random = RandomForestRegressor::new().n_trees(13).seed(3).fit(&x, &example.values).unwrap();
        let extra = ExtraTreesRegressor::new().n_trees(13).seed(3).fit(&x, &example.values).unwrap();
        for model in [random, extra] {
            // Rows that lie at thresholds or next to them, and zeros of both signs.
            let mut asked = cells.clone();
            for (row, mut cells) in asked.rows_mut().into_iter().enumerate() {
                let tree = &model.trees()[row % 13];
                let node = row % tree.n_nodes();
                if let Some(feature) = tree.feature(node).filter(|&feature| feature < 4) {
                    let at = tree.threshold(node);
                    cells[feature] = [at, at.next_up().min(f64::MAX), at.next_down()][row / 13 % 3];
                }
                cells[2] = if row % 50 == 0 { -0.0 } else { cells[2] };
            }
            for n_rows in [1, 2, 15, 16, 17, 33, 700] {
                let some = asked.slice(ndarray::s![..n_rows, ..]).to_owned();
                let x = Matrix::from(some.clone()).with_features(x.features().clone()).unwrap();
                let answers = model.predict(&x).unwrap();
                for (row, answer) in some.rows().into_iter().zip(answers.as_slice()) {
                    let row = row.to_vec();
                    let says = |tree: &Tree| tree.value(tree.leaf(&row))[0];
                    let mean = model.trees().iter().map(says).sum::<f64>() / 13.0;
                    assert!((answer - mean).abs() <= 1e-12 * (1.0 + mean.abs()), "{answer} {mean}");
                }
            }
        }
    }
}

/// A forest that learned from bins says the same of rows in these bins and of the rows themselves.
#[test]
fn forests_learn_from_bins() {
    let example = regression(300, 4, 2);
    let mut cells = example.x.dense().unwrap().to_owned();
    cells
        .column_mut(3)
        .iter_mut()
        .enumerate()
        .for_each(|(row, value)| *value = f64::from(row as u32 * 7 % 5));
    cells.column_mut(1).iter_mut().step_by(9).for_each(|value| *value = f64::NAN);
    let features: Vec<Feature> = (0..4)
        .map(|column| match column {
            3 => Feature::categorical("c3", 5),
            _ => Feature::numeric(format!("x{column}")),
        })
        .collect();
    let x = Matrix::from(cells).with_features(Features::try_from(features).unwrap()).unwrap();
    let (y, classes) = (&example.values, &example.classes);
    let binner = Binner::new().max_bins(20).fit(&x, &NoTarget).unwrap();
    let binned = binner.transform(&x).unwrap();

    let extra = ExtraTreesRegressor::new().n_trees(20).max_bins(20).seed(3);
    let model = extra.clone().on_bins().fit(&binned, y).unwrap();
    let answers = model.predict(&binned).unwrap();
    assert_eq!(answers, extra.fit(&x, y).unwrap().predict(&x).unwrap());
    assert_eq!(answers, model.into_inner().predict(&x).unwrap());

    let random = RandomForestClassifier::new().n_trees(20).out_of_bag(true).seed(3);
    let model = random.on_bins().fit(&binned, classes).unwrap();
    let shares = model.predict_proba(&binned).unwrap();
    let other = Binner::new().max_bins(7).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    assert!(matches!(model.predict(&other).unwrap_err().kind(), ErrorKind::Unsupported { .. }));
    assert_eq!(shares, model.into_inner().predict_proba(&x).unwrap());
}
