//! Trees of which all leaves of a level are asked the same question.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::boosting::{Booster, Growth, Mode, Monotone, RegressionLoss, RowSampling};
use perennial_models::interchange::TreeModel;
use perennial_models::tree::Tree;
use perennial_models::{GradientBoostingClassifier, GradientBoostingRanker, GradientBoostingRegressor};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

use crate::boosting::{data, differences, free, rmse, signs, with_categories};
use crate::boosting_constraints::rises;

fn symmetric() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().growth(Growth::Symmetric).n_trees(30)
}

fn classifier() -> GradientBoostingClassifier {
    GradientBoostingClassifier::new().growth(Growth::Symmetric).n_trees(30)
}

check!(
    boosted_symmetric,
    regressor,
    symmetric().n_trees(60).max_depth(4).min_samples_leaf(3),
    Tags::new().weight_tolerance(0.5)
);
check!(
    boosted_classifier_symmetric,
    classifier,
    classifier().max_depth(3).min_samples_leaf(1),
    Tags::new().weight_tolerance(0.5).most_rows(1500)
);

/// Rows with few values in each column, of which some are missing.
fn coarse(n_rows: usize, seed: u64) -> (Matrix, Values) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n_rows, 3), |(_, column)| match random.below(8) {
        0 if column > 0 => f64::NAN,
        _ => random.below(4 + column) as f64,
    });
    let effect = |row: usize| if x[[row, 1]].is_nan() { 0.7 } else { x[[row, 1]].sin() };
    let y = (0..n_rows).map(|row| effect(row) * (1.0 + x[[row, 0]]) + random.normal()).collect();
    (x.into(), y)
}

/// What a split of some rows gains, and both sides; `None` where one has too few.
fn split(
    rows: &[usize],
    y: &[f64],
    least: usize,
    left: impl Fn(usize) -> bool,
) -> Option<(f64, [Vec<usize>; 2])> {
    let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().partition(|&&row| left(row));
    let score = |rows: &[usize]| {
        let sum: f64 = rows.iter().map(|&row| y[row]).sum();
        sum * sum / rows.len() as f64
    };
    let fits = left.len() >= least && right.len() >= least;
    fits.then(|| (score(&left) + score(&right) - score(rows), [left, right]))
}

/// The leaves by the definition: of each level the question whose gains have the largest sum.
fn by_definition(x: &Array2<f64>, y: &[f64], n_levels: usize, least: usize) -> Vec<Vec<usize>> {
    let mut leaves = vec![(0..y.len()).collect::<Vec<usize>>()];
    for _ in 0..n_levels {
        let mut best: (f64, Vec<Vec<usize>>) = (1e-9, Vec::new());
        for (column, cut, missing_left) in (0..3)
            .flat_map(|column| (0..7).flat_map(move |cut| [false, true].map(|side| (column, cut, side))))
        {
            let goes_left = |row: usize| {
                let value = x[[row, column]];
                if value.is_nan() { missing_left } else { value <= f64::from(cut) }
            };
            let (mut sum, mut parts) = (0.0, Vec::new());
            for leaf in &leaves {
                match split(leaf, y, least, goes_left) {
                    Some((gain, sides)) => {
                        sum += gain;
                        parts.extend(sides);
                    }
                    None => parts.push(leaf.clone()),
                }
            }
            if sum > best.0 + 1e-9 {
                best = (sum, parts);
            }
        }
        if best.1.is_empty() {
            break;
        }
        leaves = best.1;
    }
    leaves
}

#[test]
fn levels_are_those_of_the_definition() {
    for (seed, least) in [(1, 1), (2, 1), (3, 4), (4, 10), (5, 25)] {
        let (x, y) = coarse(150, seed);
        let mean = y.as_slice().iter().sum::<f64>() / 150.0;
        let residuals: Vec<f64> = y.as_slice().iter().map(|y| y - mean).collect();
        for n_levels in 1..=4 {
            let settings = free().growth(Growth::Symmetric).n_trees(1).learning_rate(1.0);
            let model = settings.max_depth(n_levels).min_samples_leaf(least).fit(&x, &y).unwrap();
            let answers = model.predict(&x).unwrap();
            let leaves = by_definition(&x.dense().unwrap().to_owned(), &residuals, n_levels, least);
            assert_eq!(model.booster().trees()[0].n_leaves(), leaves.len(), "seed {seed}, {n_levels} levels");
            for leaf in leaves {
                let truth = mean + leaf.iter().map(|&row| residuals[row]).sum::<f64>() / leaf.len() as f64;
                let near = |&row: &usize| (answers.as_slice()[row] - truth).abs() < 1e-9;
                assert!(leaf.iter().all(near), "seed {seed}, {n_levels} levels");
            }
        }
    }
}

/// Gains may differ by rounding.
fn same_questions(a: &Booster, b: &Booster) {
    assert_eq!(a.trees().len(), b.trees().len());
    for (a, b) in a.trees().iter().zip(b.trees()) {
        assert_eq!((a.feature(0), a.threshold(0).to_bits()), (b.feature(0), b.threshold(0).to_bits()));
        assert_eq!((a.categories(0), a.missing_left(0)), (b.categories(0), b.missing_left(0)));
        assert!((0..3).all(|node| a.value(node) == b.value(node) && a.n_rows(node) == b.n_rows(node)));
        assert!((a.gain(0) / b.gain(0) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn one_level_is_the_best_split() {
    let (x, y) = coarse(400, 6);
    let categories = with_categories(x.dense().unwrap().to_owned(), &[1, 2], 8);
    let classes = signs(&y);
    for x in [&x, &categories] {
        for one_hot in [1, 8] {
            let one = |growth: Growth| {
                let free = free().growth(growth).max_depth(1).max_cat_to_onehot(one_hot);
                free.category_smoothing(0.0).learning_rate(0.5).n_trees(5).fit(x, &y).unwrap()
            };
            let (a, b) = (one(Growth::Symmetric), one(Growth::LeafWise));
            same_questions(a.booster(), b.booster());
        }
        for least in [1, 60] {
            let one = |growth: Growth| {
                let settings = GradientBoostingClassifier::new().growth(growth).max_depth(1).n_trees(20);
                settings.category_smoothing(0.0).min_samples_leaf(least).fit(x, &classes).unwrap()
            };
            let (a, b) = (one(Growth::Symmetric), one(Growth::LeafWise));
            same_questions(a.booster(), b.booster());
        }
    }
}

/// Makes sure that each way down a tree asks some of at most so many questions, in one order.
fn check_levels(tree: &Tree, n_levels: usize) {
    let mut questions: BTreeMap<String, usize> = BTreeMap::new();
    let mut after: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut waiting = vec![(0, Vec::new())];
    while let Some((node, asked)) = waiting.pop() {
        let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else { continue };
        let question = match tree.categories(node) {
            Some(categories) => format!("{column} {categories:?} {}", tree.missing_left(node)),
            None => format!("{column} {} {}", tree.threshold(node), tree.missing_left(node)),
        };
        let n = questions.len();
        let number = *questions.entry(question).or_insert(n);
        after.extend(asked.iter().map(|&before| (before, number)));
        let asked = [asked, vec![number]].concat();
        waiting.extend([(left, asked.clone()), (right, asked)]);
    }
    assert!(questions.len() <= n_levels, "{questions:?}");
    // An order that all ways keep to: again and again one question comes first.
    let mut left: BTreeSet<usize> = questions.into_values().collect();
    while !left.is_empty() {
        let first = |number: &usize| left.iter().all(|&before| !after.contains(&(before, *number)));
        let found = left.iter().copied().find(|number| first(number));
        left.remove(&found.expect("no order of the questions"));
    }
}

fn check_all(booster: &Booster, n_levels: usize) {
    assert!(booster.trees().iter().any(|tree| tree.n_leaves() > 4));
    booster.trees().iter().for_each(|tree| check_levels(tree, n_levels));
}

/// Ranks of three columns of numbers and one of categories.
fn mixed(n_rows: usize, seed: u64) -> (Matrix, Values) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n_rows, 4), |(_, column)| match column {
        3 => random.below(12) as f64,
        _ if random.uniform() < 0.1 => f64::NAN,
        _ => random.normal(),
    });
    let at = |row: usize, column: usize| if x[[row, column]].is_nan() { 1.5 } else { x[[row, column]] };
    let y = (0..n_rows)
        .map(|row| {
            at(row, 0)
                + (2.0 * at(row, 1)).sin() * at(row, 2)
                + (at(row, 3) * 2.3).cos()
                + 0.3 * random.normal()
        })
        .collect();
    (with_categories(x, &[3], 12), y)
}

#[test]
fn all_ways_of_learning_keep_to_the_levels() {
    let (x, y) = mixed(1500, 7);
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.2 };
    let dart = Mode::Dart { drop_rate: 0.2, skip: 0.3, max_dropped: 5 };
    let of = || symmetric().max_depth(4).min_samples_leaf(5);
    let settings = [
        of(),
        of().l1(0.1).path_smoothing(2.0).max_delta_step(0.5).min_gain(0.1),
        of().extra_trees(true),
        of().row_sampling(goss),
        of().row_sampling(RowSampling::Fraction(0.5)).bagging_freq(3),
        of().mode(dart),
        of().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.6)),
        of().columns_by_tree(0.8).columns_by_level(0.6),
        of().loss(RegressionLoss::AbsoluteError),
        of().loss(RegressionLoss::Quantile { level: 0.7 }).monotone("x0", Monotone::Increasing),
        of().monotone("x0", Monotone::Increasing).interaction(["x0", "x3"]).interaction(["x1", "x2"]),
        of().max_cat_to_onehot(1).category_smoothing(1.0),
    ];
    let spread = {
        let mean = y.as_slice().iter().sum::<f64>() / 1500.0;
        (y.as_slice().iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / 1500.0).sqrt()
    };
    for (place, settings) in settings.into_iter().enumerate() {
        let model = settings.fit(&x, &y).unwrap();
        check_all(model.booster(), 4);
        let error = rmse(&model, &x, &y);
        assert!(error < 0.9 * spread, "settings {place}: {error} of {spread}");
    }
    let three = Classes::from_labels(
        y.as_slice().iter().map(|&y| if y < 0.0 { 0_u8 } else { 1 + u8::from(y > 1.0) }),
    );
    let model = classifier().max_depth(3).fit(&x, &three).unwrap();
    check_all(model.booster(), 3);
    let right = model.predict(&x).unwrap();
    let n_right = right.codes().iter().zip(three.codes()).filter(|(a, b)| a == b).count();
    assert!(n_right > 1000, "{n_right}");
    let grades: Values =
        y.as_slice().iter().map(|&y| f64::from(u8::from(y > 0.0) + u8::from(y > 1.0))).collect();
    let queries: Vec<u32> = (0..1500).map(|row| row / 15).collect();
    let ranker = GradientBoostingRanker::new().growth(Growth::Symmetric).max_depth(4).n_trees(10);
    check_all(Train::new(&x, &grades).groups(&queries).fit(&ranker).unwrap().booster(), 4);
}

#[test]
fn leaves_have_enough_rows_whatever_the_loss() {
    let (x, y) = data(2000, 4, 8);
    let weights: Vec<f64> = (0..2000).map(|row| [1.0, 0.1, 4.0][row % 3]).collect();
    for least in [1, 7, 60, 400] {
        // Rows that are nearly sure have a second derivative near 0.
        let classes =
            classifier().learning_rate(0.5).min_child_weight(0.0).min_samples_leaf(least).fit(&x, &signs(&y));
        let weighted =
            Train::new(&x, &y).weights(&weights).fit(&symmetric().min_samples_leaf(least)).unwrap();
        for tree in classes.unwrap().booster().trees().iter().chain(weighted.booster().trees()) {
            let enough = |node: usize| tree.children(node).is_some() || tree.n_rows(node) >= least as u64;
            assert!((0..tree.n_nodes()).all(enough));
        }
    }
    let heavy = classifier().min_child_weight(20.0).min_samples_leaf(1).fit(&x, &signs(&y)).unwrap();
    for tree in heavy.booster().trees() {
        let enough = |node: usize| tree.children(node).is_some() || tree.weight(node) >= 20.0 * (1.0 - 1e-6);
        assert!((0..tree.n_nodes()).all(enough));
    }
}

/// Rows of a weight that rounds to 0 count as rows, wherever they go.
#[test]
fn rows_that_weigh_nothing_are_on_the_side_that_counts_them() {
    let x = |values: [f64; 3]| {
        Array2::from_shape_fn((56, 1), |(row, _)| values[usize::from(row >= 26) + usize::from(row >= 36)])
    };
    let y: Values = (0..56).map(|row| f64::from(u8::from((26..36).contains(&row)))).collect();
    let weights: Vec<f64> = (0..56).map(|row| if row < 36 { 1.0 } else { 1e-20 }).collect();
    let missing = f64::NAN;
    let all = [
        x([0.0, 1.0, missing]).into(),
        with_categories(x([missing, 0.0, 1.0]), &[0], 2),
        with_categories(x([0.0, 1.0, missing]), &[0], 2),
    ];
    for x in &all {
        for growth in [Growth::Symmetric, Growth::LeafWise] {
            let settings = GradientBoostingRegressor::new().growth(growth).n_trees(1).min_samples_leaf(25);
            let model = Train::new(x, &y).weights(&weights).fit(&settings).unwrap();
            let tree = &model.booster().trees()[0];
            let leaves = (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none());
            let mut n_rows: Vec<u64> = leaves.map(|node| tree.n_rows(node)).collect();
            n_rows.sort_unstable();
            assert_eq!(n_rows, [26, 30], "{growth:?}");
        }
    }
}

#[test]
fn answers_are_about_as_good_as_leaf_by_leaf() {
    let (x, y) = mixed(6000, 9);
    let aside: Vec<usize> = (0..6000).filter(|row| row % 3 == 0).collect();
    let learned: Vec<usize> = (0..6000).filter(|row| row % 3 != 0).collect();
    let part = |rows: &[usize]| {
        let cells = x.dense().unwrap().select(ndarray::Axis(0), rows);
        let y: Values = rows.iter().map(|&row| y.as_slice()[row]).collect();
        (with_categories(cells, &[3], 12), y)
    };
    let ((x, y), (new, truth)) = (part(&learned), part(&aside));
    let error = |growth: Growth| {
        rmse(&GradientBoostingRegressor::new().growth(growth).fit(&x, &y).unwrap(), &new, &truth)
    };
    let (leaf_wise, symmetric) = (error(Growth::LeafWise), error(Growth::Symmetric));
    assert!(symmetric < 1.1 * leaf_wise, "{symmetric} and {leaf_wise}");
}

#[test]
fn threads_and_bundles_do_not_matter() {
    let mut random = Random::new(10);
    let words: Vec<usize> = (0..20_000).map(|_| random.below(14).min(random.below(14))).collect();
    let x = Array2::from_shape_fn((20_000, 18), |(row, column)| match column {
        0..14 if column % 5 == 4 && words[row] == column => f64::NAN,
        0..14 => f64::from(u8::from(words[row] == column)),
        _ => random.normal(),
    });
    let y: Values = (0..20_000).map(|row| (words[row] as f64).sin() * x[[row, 14]] + x[[row, 15]]).collect();
    let x = Matrix::from(x);
    let settings = symmetric().n_trees(4);
    let fit = |n_threads: usize, bundle: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let settings = settings.clone().enable_bundle(bundle);
        pool.install(|| serde_json::to_string(settings.fit(&x, &y).unwrap().booster()).unwrap())
    };
    let one = fit(1, true);
    for (n_threads, bundle) in [(2, true), (3, false), (4, true)] {
        assert!(fit(n_threads, bundle) == one, "{n_threads} threads");
    }
    let classes = |bundle: bool| {
        let settings = classifier().n_trees(4).min_samples_leaf(40).learning_rate(0.5).enable_bundle(bundle);
        serde_json::to_string(settings.fit(&x, &signs(&y)).unwrap().booster()).unwrap()
    };
    assert!(classes(true) == classes(false));
}

#[test]
fn answers_are_monotone() {
    let (x, y) = data(1500, 3, 11);
    for smoothing in [0.0, 10.0] {
        for loss in [RegressionLoss::SquaredError, RegressionLoss::AbsoluteError] {
            let settings = symmetric()
                .loss(loss)
                .min_samples_leaf(3)
                .path_smoothing(smoothing)
                .l1(0.01)
                .learning_rate(0.3);
            let settings = settings.monotone("x1", Monotone::Increasing).monotone("x0", Monotone::Decreasing);
            let model = settings.fit(&x, &y).unwrap();
            check_all(model.booster(), 6);
            rises(|x| model.predict(x).unwrap().into_vec(), 1, true);
            rises(|x| model.predict(x).unwrap().as_slice().iter().map(|answer| -answer).collect(), 0, true);
        }
    }
}

#[test]
fn trees_are_ordinary_trees() {
    let (x, y) = mixed(800, 12);
    let model = symmetric().n_trees(8).max_depth(4).fit(&x, &y).unwrap();
    let answers = model.predict(&x).unwrap();
    let tree_model = model.to_tree_model().unwrap();
    // A set that sends what is missing left is for XGBoost alone.
    let theirs = [
        tree_model.to_lightgbm().map(|text| TreeModel::from_lightgbm(&text).unwrap()),
        tree_model.to_xgboost_json().map(|text| TreeModel::from_xgboost_json(&text).unwrap()),
    ];
    let numbers = Matrix::from(x.dense().unwrap().mapv(|value| f64::from(value as f32)));
    let narrow = symmetric().n_trees(8).max_depth(4).fit(&numbers, &y).unwrap();
    let back =
        TreeModel::from_xgboost_json(&narrow.to_tree_model().unwrap().to_xgboost_json().unwrap()).unwrap();
    let column = |model: &TreeModel, x: &Matrix| -> Values {
        model.predict(x).unwrap().values().column(0).to_vec().into()
    };
    assert!(differences(&column(&back, &numbers), &narrow.predict(&numbers).unwrap()) < 1e-4);
    let lightgbm = TreeModel::from_lightgbm(&narrow.to_tree_model().unwrap().to_lightgbm().unwrap()).unwrap();
    assert!(differences(&column(&lightgbm, &numbers), &narrow.predict(&numbers).unwrap()) < 1e-9);
    assert!(theirs[1].is_ok(), "{:?}", theirs[1].as_ref().err());
    let explained = model.contributions(&x).unwrap();
    for (row, answer) in answers.as_slice().iter().enumerate() {
        let sum = explained.base()[0] + explained.values()[0].row(row).sum();
        assert!((sum - answer).abs() < 1e-9);
    }
    let longer = symmetric().n_trees(5).max_depth(4).fit_from(&model, &Train::new(&x, &y)).unwrap();
    assert_eq!(
        longer.booster().trees(),
        symmetric().n_trees(13).max_depth(4).fit(&x, &y).unwrap().booster().trees()
    );
}

#[test]
fn edges() {
    let (x, y) = data(300, 3, 13);
    let refused = |settings: GradientBoostingRegressor, name: &str| {
        let error = settings.fit(&x, &y).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("Symmetric"), "{error}");
    };
    refused(symmetric().max_depth(17), "`max_depth` = 17");
    refused(symmetric().max_leaves(20), "`max_leaves` = 20");
    refused(symmetric().max_depth(5).max_leaves(16), "`max_leaves` = 16");
    refused(symmetric().columns_by_node(0.5), "`columns_by_node` = 0.5");
    for settings in [symmetric().max_leaves(64), symmetric().max_depth(16).max_leaves(131_072)] {
        check_all(settings.n_trees(3).fit(&x, &y).unwrap().booster(), 16);
    }
    // Depth is no limit of memory: rows are.
    let least = |settings: GradientBoostingRegressor| {
        (1..)
            .map(|step| 20_000 * step)
            .find(|&limit| settings.clone().n_trees(1).memory_limit(limit).fit(&x, &y).is_ok())
    };
    let deep = |depth: usize| least(symmetric().max_depth(depth).min_samples_leaf(1)).unwrap();
    assert!(deep(2) < deep(7) && deep(7) < deep(9) && deep(10) == deep(16));

    let one = |value: f64| Matrix::from(Array2::from_elem((40, 2), value));
    let targets: Values = (0..40).map(f64::from).collect();
    for x in [one(3.0), one(f64::NAN), one(1e300)] {
        let model = symmetric().fit(&x, &targets).unwrap();
        assert!(model.predict(&x).unwrap().as_slice().iter().all(|&answer| (answer - 19.5).abs() < 1e-12));
    }
    let single = Matrix::from(Array2::from_elem((1, 2), 1.0));
    let model = symmetric().fit(&single, &vec![4.0].into()).unwrap();
    assert_eq!(model.predict(&single).unwrap().as_slice(), [4.0]);
    // What is missing alone can be told from all that is there.
    let holes = Array2::from_shape_fn((60, 1), |(row, _)| if row % 3 == 0 { f64::NAN } else { 1.0 });
    let y: Values = (0..60).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
    let model = symmetric().min_samples_leaf(5).n_trees(100).fit(&holes.clone().into(), &y).unwrap();
    assert!(differences(&model.predict(&holes.into()).unwrap(), &y) < 1e-3);
    let large = Array2::from_shape_fn((60, 1), |(row, _)| row as f64 * 1e300);
    let model = symmetric().min_samples_leaf(5).fit(&large.clone().into(), &y).unwrap();
    assert!(model.predict(&large.into()).unwrap().as_slice().iter().all(|answer| answer.is_finite()));
    assert!(classifier().fit(&x, &signs(&data(300, 3, 13).1)).unwrap().predict_proba(&x).is_ok());
}
