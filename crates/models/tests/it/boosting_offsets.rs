//! Offsets of several scores: one column for each.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Csr, Estimator, Matrix, Persist, Predictor, Rows, Train, Values};
use perennial_models::boosting::{ClassificationLoss, RegressionLoss, Splits};
use perennial_models::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRegressor,
};
use perennial_numeric::random::Random;

const N_ROWS: usize = 400;
const OFFSETS: [&str; 3] = ["x2", "x3", "x4"];

/// Two columns to ask and three offsets, with three classes that follow both.
fn example(seed: u64) -> (Matrix, Classes) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((N_ROWS, 5), |_| random.normal());
    let best = |row: usize| {
        let score =
            |class: usize| x[[row, 2 + class]] + if class == 1 { 2.0 * x[[row, 0]] } else { x[[row, 1]] };
        (0..3).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap()
    };
    let y = Classes::from_labels((0..N_ROWS).map(|row| if row % 7 == 0 { row % 3 } else { best(row) }));
    (Matrix::from(x), y)
}

fn classifier() -> GradientBoostingClassifier {
    GradientBoostingClassifier::new().max_leaves(5).min_samples_leaf(5).n_trees(12).offsets(OFFSETS)
}

#[test]
fn constants_beside_offsets_keep_the_share_of_each_class() {
    let (x, y) = example(1);
    let weights: Vec<f64> = (0..N_ROWS).map(|row| f64::from(row as u32 % 3) + 0.5).collect();
    let constant = classifier().min_gain(1e12);
    let model = Train::new(&x, &y).weights(&weights).fit(&constant).unwrap();
    let probabilities = model.predict_proba(&x).unwrap();
    for class in 0..3 {
        let sum = |of: &dyn Fn(usize) -> f64| (0..N_ROWS).map(|row| weights[row] * of(row)).sum::<f64>();
        let expected = sum(&|row| probabilities.values()[[row, class]]);
        let seen = sum(&|row| f64::from(u8::from(y.codes()[row] as usize == class)));
        assert!((expected - seen).abs() < 1e-8 * seen, "{class}: {expected} {seen}");
    }
    // Rows differ by their offsets alone.
    let cells = x.dense().unwrap();
    for row in 1..9 {
        let odds = |row: usize| (probabilities.values()[[row, 2]] / probabilities.values()[[row, 0]]).ln();
        let beside = |row: usize| cells[[row, 4]] - cells[[row, 2]];
        assert!((odds(row) - odds(0) - (beside(row) - beside(0))).abs() < 1e-12);
    }
}

/// Scores that step each as if the others stayed go to and fro here, further each time.
#[test]
fn constants_of_rare_classes_beside_wide_offsets_are_found() {
    let n_rows = 4000;
    let mut random = Random::new(8);
    let cell = |(_, column): (usize, usize)| if column < 3 { 2.0 * random.normal() } else { 0.0 };
    let x = Array2::from_shape_fn((n_rows, 5), cell);
    let x = Matrix::from(x);
    let class = |row: usize| match row % 1000 {
        0..700 => 0,
        700..999 => 1,
        _ => 2,
    };
    let y = Classes::from_labels((0..n_rows).map(class));
    let model = classifier().min_gain(1e12).fit(&x, &y).unwrap();
    let probabilities = model.predict_proba(&x).unwrap();
    for (class, seen) in [2800.0, 1196.0, 4.0].into_iter().enumerate() {
        let expected = probabilities.values().column(class).sum();
        assert!((expected - seen).abs() < 1e-6 * seen, "{class}: {expected} {seen}");
    }
}

#[test]
fn each_score_has_its_own_offset() {
    let (x, y) = example(2);
    let scores = classifier().one_vs_all(true).fit(&x, &y).unwrap().booster().scores(&x).unwrap();
    for class in 0..3 {
        let own = x.select(&[0, 1, 2 + class]).unwrap();
        let target: Values =
            y.codes().iter().map(|&code| f64::from(u8::from(code as usize == class))).collect();
        let one = GradientBoostingRegressor::new().loss(ClassificationLoss::Logistic);
        let one = one.max_leaves(5).min_samples_leaf(5).n_trees(12).offset(OFFSETS[class]);
        let of_one = one.fit(&own, &target).unwrap().booster().scores(&own).unwrap();
        for row in 0..N_ROWS {
            let (found, truth) = (scores[row * 3 + class], of_one[row]);
            assert!((found - truth).abs() < 1e-9, "{class} {row}: {found} {truth}");
        }
    }
}

#[test]
fn each_quantile_has_its_own_offset() {
    let (x, _) = example(3);
    let y: Values = x.dense().unwrap().rows().into_iter().map(|row| row[0] * row[1] + row[2]).collect();
    let settings = GradientBoostingQuantileRegressor::new([0.2, 0.7]).offsets(["x2", "x3"]);
    let scores = settings.max_leaves(5).n_trees(8).fit(&x, &y).unwrap().booster().scores(&x).unwrap();
    for (place, level) in [0.2, 0.7].into_iter().enumerate() {
        let own = x.select(&[0, 1, 2 + place, 4]).unwrap();
        let with_other = x.select(&[0, 1, 2, 3, 4]).unwrap();
        assert_eq!(with_other, x);
        let one = GradientBoostingRegressor::new().loss(RegressionLoss::Quantile { level });
        let of_one = one.offset(OFFSETS[place]).max_leaves(5).n_trees(8).fit(&own, &y).unwrap();
        let of_one = of_one.booster().scores(&own).unwrap();
        for row in 0..N_ROWS {
            assert!((scores[row * 2 + place] - of_one[row]).abs() < 1e-9, "{level} {row}");
        }
    }
}

#[test]
fn watched_rows_in_another_order_have_their_offsets() {
    let ((x, y), (watched_x, watched_y)) = (example(8), example(9));
    let turned = watched_x.select(&[4, 2, 0, 3, 1]).unwrap();
    for settings in [classifier(), classifier().splits(Splits::Exact)] {
        let fit = |watched: &Matrix| {
            Train::new(&x, &y).validation(watched, &watched_y).fit(&settings).unwrap().booster().clone()
        };
        let (plain, other) = (fit(&watched_x), fit(&turned));
        assert_eq!(plain, other);
        assert!(!plain.history()[0].values.is_empty());
    }
}

#[test]
fn all_ways_to_the_scores_agree() {
    let ((x, y), (watched_x, watched_y)) = (example(4), example(5));
    let train = Train::new(&x, &y).validation(&watched_x, &watched_y);
    let settings = classifier().patience(None);
    let model = train.fit(&settings).unwrap();
    let booster = model.booster();
    let scores = booster.scores(&x).unwrap();
    let cells = x.dense().unwrap();
    for row in 0..N_ROWS {
        let mut own = [0.0; 3];
        booster.score_row(&cells.row(row).to_vec(), &mut own).unwrap();
        assert_eq!(own, scores[row * 3..row * 3 + 3]);
    }
    assert_eq!(booster.staged_scores(&x).unwrap().last().unwrap(), scores);
    assert_eq!(settings.decode(&settings.encode(&model).unwrap()).unwrap(), model);
    // What was watched is the loss of the answers.
    let probabilities = model.predict_proba(&watched_x).unwrap();
    let chance = |row: usize| probabilities.values()[[row, watched_y.codes()[row] as usize]];
    let loss = (0..N_ROWS).map(|row| -chance(row).ln()).sum::<f64>() / N_ROWS as f64;
    assert!((booster.history()[0].values.last().unwrap() - loss).abs() < 1e-12);
    // And the way is the same in two parts.
    let part = |n| classifier().patience(None).n_trees(n);
    let both = part(7).fit_from(&Train::new(&x, &y).fit(&part(5)).unwrap(), &Train::new(&x, &y)).unwrap();
    assert_eq!(both.booster().trees(), booster.trees());
    // One name is what `offset` sets.
    assert_eq!(
        GradientBoostingClassifier::new().offsets(["x2"]),
        GradientBoostingClassifier::new().offset("x2")
    );
    // No tree asks an offset.
    assert!(booster.split_importances()[2..].iter().all(|&share| share == 0.0));
    // Leaves move to the same rows, where they are: those of the first round exactly.
    let moved =
        classifier().refit(&Train::new(&x, &y).fit(&part(1)).unwrap(), &Train::new(&x, &y), 0.0).unwrap();
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(&moved.booster().scores(&x).unwrap(), &booster.staged_scores(&x).unwrap().next().unwrap()));
}

/// More cells than are written out at once.
#[test]
fn sparse_rows_go_on_beside_offsets() {
    let (n_rows, n_cols) = (3000, 400);
    let mut random = Random::new(6);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..n_rows {
        for column in 0..n_cols as u32 {
            // The offsets are the last three, and 0 where they are not stored.
            let wanted = if column as usize >= n_cols - 3 {
                row % 5 != 0
            } else {
                (row + column as usize).is_multiple_of(97)
            };
            if wanted {
                columns.push(column);
                values.push(random.normal());
            }
        }
        starts.push(columns.len());
    }
    let x = Matrix::from(Csr::new(n_cols, starts, columns, values).unwrap());
    let y = Classes::from_labels((0..n_rows).map(|row| row % 3));
    let settings = GradientBoostingClassifier::new().max_leaves(4).offsets(["x397", "x398", "x399"]);
    let both = |x: &Matrix| {
        let begun = settings.clone().n_trees(2).fit(x, &y).unwrap();
        settings.clone().n_trees(2).fit_from(&begun, &Train::new(x, &y)).unwrap()
    };
    let dense = x.to_dense().unwrap();
    let (of_sparse, of_dense) = (both(&x), both(&dense));
    assert_eq!(of_sparse.booster().trees(), of_dense.booster().trees());
    assert_eq!(of_sparse.booster().scores(&x).unwrap(), of_dense.booster().scores(&dense).unwrap());
    assert_eq!(of_sparse.booster().trees(), settings.n_trees(4).fit(&x, &y).unwrap().booster().trees());
}

#[test]
fn offsets_of_some_scores_are_refused() {
    let (x, y) = example(7);
    let refused = |settings: GradientBoostingClassifier, x: &Matrix, what: &str| {
        let error = settings.fit(x, &y).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    refused(classifier().offsets(["x2", "x3"]), &x, "names 2 columns, and each row has 3 scores");
    refused(classifier().offsets(["x2"]), &x, "`offsets`");
    refused(classifier().offsets(["x2", "x3", "no"]), &x, "no");
    let mut cells = x.dense().unwrap().to_owned();
    cells[[11, 3]] = f64::NAN;
    let hole = Matrix::from(cells);
    refused(classifier(), &hole, "`x3` is NaN at row 11");
    let model = classifier().fit(&x, &y).unwrap();
    assert!(model.predict(&hole).is_err());
    assert!(model.predict(&hole.take(&(0..11).collect::<Vec<usize>>()).unwrap()).is_ok());
    // A fold without rows of a class has other scores.
    let two: Vec<usize> = (0..N_ROWS).filter(|&row| y.codes()[row] != 1).collect();
    let error = classifier().fit(&x.take(&two).unwrap(), &y.take(&two).unwrap()).unwrap_err().to_string();
    assert!(error.contains("names 3 columns"), "{error}");
}
