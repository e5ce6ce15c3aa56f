//! Boosting that cuts between any two values: against brute force, bins, XGBoost and at its edges.

use ndarray::Array2;
use perennial_core::{
    Context, Csr, ErrorKind, Estimator, FitTransform, Matrix, NoTarget, Predictor, Rows, Train, Values,
};
use perennial_models::binned::LearnsFromBins;
use perennial_models::boosting::{Booster, Growth, Mode, Monotone, RegressionLoss, RowSampling, Watch};
use perennial_models::tree::{Splits, Tree};
use perennial_models::{
    Binner, ClassWeight, GradientBoostingClassifier, GradientBoostingQuantileRegressor,
    GradientBoostingRanker, GradientBoostingRegressor,
};
use perennial_numeric::random::Random;

use crate::boosting::{data, differences, free, rmse, with_categories};
use crate::fixtures::assert_close;

fn exact() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().splits(Splits::Exact).min_samples_leaf(5).n_trees(20)
}

/// Numbers of `n` values each, some of them missing.
fn holes(n_rows: usize, n_cols: usize, n: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed);
    Array2::from_shape_fn((n_rows, n_cols), |_| {
        if random.uniform() < 0.1 { f64::NAN } else { random.below(n) as f64 / 8.0 - 3.0 }
    })
}

/// The rows of each node, and the gain of the best of all its cuts.
struct Brute<'a> {
    x: &'a Array2<f64>,
    gradients: Vec<f64>,
    l2: f64,
    least: usize,
}

impl Brute<'_> {
    fn score(&self, rows: &[usize]) -> f64 {
        let sum: f64 = rows.iter().map(|&row| self.gradients[row]).sum();
        sum * sum / (rows.len() as f64 + self.l2)
    }

    fn best(&self, rows: &[usize]) -> f64 {
        let mut best = 0.0_f64;
        for column in 0..self.x.ncols() {
            let mut values: Vec<f64> = rows.iter().map(|&row| self.x[[row, column]]).collect();
            values.retain(|value| !value.is_nan());
            values.sort_by(f64::total_cmp);
            values.dedup();
            for &threshold in &values {
                for missing_left in [false, true] {
                    let left = |row: &usize| {
                        let value = self.x[[*row, column]];
                        value <= threshold || (missing_left && value.is_nan())
                    };
                    let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| left(row));
                    if left.len() >= self.least && right.len() >= self.least {
                        best = best.max(self.score(&left) + self.score(&right) - self.score(rows));
                    }
                }
            }
        }
        best
    }

    /// Each node of the tree makes the best of all cuts, midway between two values of its rows.
    fn check(&self, tree: &Tree) {
        let mut waiting = vec![(0, (0..self.x.nrows()).collect::<Vec<usize>>())];
        while let Some((node, rows)) = waiting.pop() {
            assert_eq!(tree.n_rows(node), rows.len() as u64);
            let best = self.best(&rows);
            let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                continue;
            };
            assert!((tree.gain(node) / best - 1.0).abs() < 1e-9, "{} instead of {best}", tree.gain(node));
            let values = || rows.iter().map(|&row| self.x[[row, column]]);
            let threshold = tree.threshold(node);
            let low = values().filter(|value| *value <= threshold).fold(f64::NEG_INFINITY, f64::max);
            let high = values().filter(|value| *value > threshold).fold(f64::INFINITY, f64::min);
            if high < f64::INFINITY {
                assert_eq!(threshold, low.midpoint(high));
            }
            let goes_left = |row: &usize| tree.goes_left(node, self.x[[*row, column]]);
            let (a, b): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| goes_left(row));
            waiting.extend([(left, a), (right, b)]);
        }
    }
}

#[test]
fn each_node_makes_the_best_of_all_cuts() {
    for (seed, l2, least) in [(1, 0.0, 1), (2, 1.0, 4), (3, 5.0, 12)] {
        let x = holes(300, 3, 4000, seed);
        let mut random = Random::new(seed + 100);
        let y: Vec<f64> = x
            .rows()
            .into_iter()
            .map(|row| {
                let value = |column: usize| if row[column].is_nan() { 2.0 } else { row[column] / 100.0 };
                value(0) * value(1) - value(2) + random.normal()
            })
            .collect();
        for growth in [Growth::LeafWise, Growth::DepthWise] {
            let settings = free().splits(Splits::Exact).l2(l2).min_samples_leaf(least).growth(growth);
            let settings = settings.n_trees(3).max_leaves(16).learning_rate(0.5);
            let model = settings.fit(&x.clone().into(), &y.clone().into()).unwrap();
            let before = model.staged_predict(&x.clone().into()).unwrap();
            let mean = y.iter().sum::<f64>() / 300.0;
            for (round, tree) in model.booster().trees().iter().enumerate() {
                assert!(tree.n_leaves() > 8);
                let score = |row: usize| if round == 0 { mean } else { before[round - 1].as_slice()[row] };
                let gradients = (0..300).map(|row| score(row) - y[row]).collect();
                Brute { x: &x, gradients, l2, least }.check(tree);
            }
        }
    }
}

/// The trees ask the same of the training rows: thresholds may differ where no training row of the node lies between them.
fn same_trees(a: &Booster, b: &Booster) {
    assert_eq!(a.trees().len(), b.trees().len());
    for (a, b) in a.trees().iter().zip(b.trees()) {
        assert_eq!(a.n_nodes(), b.n_nodes());
        for node in 0..a.n_nodes() {
            assert_eq!((a.feature(node), a.n_rows(node)), (b.feature(node), b.n_rows(node)));
            assert_eq!(a.missing_left(node), b.missing_left(node));
            let (a, b) = (a.value(node)[0], b.value(node)[0]);
            assert!((a - b).abs() < 1e-3 * b.abs() + 1e-6, "{a} {b}");
        }
    }
}

#[test]
fn columns_of_few_values_give_the_trees_of_bins() {
    let x = holes(3000, 4, 90, 11);
    let mut random = Random::new(12);
    let y: Values = x
        .rows()
        .into_iter()
        .map(|row| {
            row.iter().map(|value| if value.is_nan() { 1.7 } else { value.sin() }).sum::<f64>()
                + random.normal()
        })
        .collect();
    let x = Matrix::from(x);
    let plain = GradientBoostingRegressor::new().n_trees(8).min_samples_leaf(30).max_leaves(8);
    let all = [
        plain.clone(),
        plain.clone().growth(Growth::DepthWise).max_depth(3),
        plain.clone().l1(3.0).l2(4.0).min_gain(2.0).min_child_weight(40.0).max_delta_step(0.4),
        plain.clone().path_smoothing(20.0),
        plain.clone().columns_by_tree(0.8).columns_by_level(0.9).columns_by_node(0.7).seed(5),
        plain.clone().monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Decreasing),
        plain.clone().interaction(["x0", "x1"]),
        plain.clone().row_sampling(RowSampling::Fraction(0.6)).seed(3),
        plain.clone().loss(RegressionLoss::AbsoluteError),
        plain.clone().mode(Mode::Dart { drop_rate: 0.5, skip: 0.2, max_dropped: 3 }).seed(2),
        plain.mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5)).seed(4),
    ];
    for settings in all {
        let draws_rows = format!("{settings:?}").contains("row_sampling: Fraction");
        let bins = settings.fit(&x, &y).unwrap();
        let exact = settings.splits(Splits::Exact).fit(&x, &y).unwrap();
        same_trees(bins.booster(), exact.booster());
        // Rows that were not drawn may lie between the thresholds.
        if !draws_rows {
            assert!(differences(&bins.predict(&x).unwrap(), &exact.predict(&x).unwrap()) < 1e-3);
        }
    }
}

#[test]
fn categories_give_the_sets_of_bins() {
    let mut random = Random::new(21);
    let means: Vec<f64> = (0..40).map(|_| random.normal()).collect();
    let x = Array2::from_shape_fn((4000, 3), |(_, column)| match column {
        _ if random.uniform() < 0.05 => f64::NAN,
        0 => random.below(40) as f64,
        1 => random.below(3) as f64,
        _ => random.below(50) as f64,
    });
    let y: Values = x
        .rows()
        .into_iter()
        .map(|row| {
            let first = if row[0].is_nan() { 2.0 } else { means[row[0] as usize] };
            first + if row[1] == 1.0 { 1.0 } else { 0.0 } + 0.5 * random.normal()
        })
        .collect();
    let x = with_categories(x, &[0, 1], 40);
    let settings = GradientBoostingRegressor::new().n_trees(6).max_leaves(6);
    let bins = settings.fit(&x, &y).unwrap();
    let exact = settings.splits(Splits::Exact).fit(&x, &y).unwrap();
    same_trees(bins.booster(), exact.booster());
    let sets = |booster: &Booster| {
        let trees = booster.trees().iter();
        trees
            .flat_map(|tree| (0..tree.n_nodes()).map(|node| tree.categories(node)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(sets(bins.booster()), sets(exact.booster()));
}

#[test]
fn more_categories_than_bins_are_told_apart() {
    // Each of 400 categories has its own mean, which follows from no order of codes.
    let mean = |category: usize| (category * 7919 % 400) as f64;
    let x = Array2::from_shape_fn((4000, 1), |(row, _)| (row % 400) as f64);
    let y: Values = (0..4000).map(|row| mean(row % 400)).collect();
    let x = with_categories(x, &[0], 400);
    let settings = GradientBoostingRegressor::new().n_trees(60).min_samples_leaf(1).learning_rate(0.5);
    let settings = settings.max_categories(400).category_smoothing(0.0).category_l2(0.0).l2(0.0);
    let apart = |model: GradientBoostingRegressor| rmse(&model.fit(&x, &y).unwrap(), &x, &y);
    let (bins, exact) = (apart(settings.clone()), apart(settings.splits(Splits::Exact)));
    assert!(exact < 1.0 && bins > 10.0, "{exact} {bins}");
}

/// Rows as the script that asked XGBoost made them.
fn rows_of_xgboost() -> (Matrix, Values, Matrix) {
    let part = |row: usize, factor: usize, modulus: usize| (row * factor % modulus) as f64;
    let x = Array2::from_shape_fn((600, 3), |(row, column)| match column {
        0 => part(row, 367, 1009) / 16.0,
        1 if row % 7 == 0 => f64::NAN,
        1 => part(row, 541, 1013) / 8.0,
        _ => part(row, 29, 61) / 4.0,
    });
    let y: Values = (0..600)
        .map(|row| {
            let middle = if row % 7 == 0 { 3.0 } else { part(row, 541, 1013) / 256.0 };
            f64::from((row * 367 % 1009 % 200) as u32) / 64.0 + middle
                - part(row, 29, 61) * part(row, 367, 1009) / 8192.0
        })
        .collect();
    let nan = f64::NAN;
    // No number is a threshold: there XGBoost goes right, and what is at most a threshold goes left here.
    let new = ndarray::array![
        [0.51, 3.01, 1.01],
        [10.01, nan, 7.01],
        [20.11, 50.21, 15.01],
        [33.31, 90.01, 0.21],
        [44.01, nan, 3.31],
        [55.51, 120.01, 9.91],
        [62.01, 1.01, 12.11],
        [25.01, 64.01, 5.01]
    ];
    (x.into(), y, new.into())
}

/// XGBoost 3.2.0, `tree_method="exact"`, `max_depth=4`, `eta=0.3`, `base_score=1.5`, 20 rounds. It calculates with 24 bits.
#[test]
fn answers_are_those_of_xgboost() {
    let (x, y, new) = rows_of_xgboost();
    let settings =
        GradientBoostingRegressor::new().splits(Splits::Exact).growth(Growth::DepthWise).max_depth(4);
    let settings =
        settings.n_trees(20).learning_rate(0.3).base_score(1.5).min_samples_leaf(1).min_child_weight(1.0);
    let found = |settings: &GradientBoostingRegressor| settings.fit(&x, &y).unwrap().predict(&new).unwrap();
    let plain = [
        1.4543722867965698,
        4.535497665405273,
        1.2433102130889893,
        4.278687953948975,
        3.8904502391815186,
        0.6853060722351074,
        -2.873004913330078,
        1.9811891317367554,
    ];
    assert_close(found(&settings).as_slice(), &plain, 2e-5, "plain");
    // alpha=2, lambda=3, min_child_weight=15
    let penalties = [
        1.3103903532028198,
        4.391865253448486,
        1.0163933038711548,
        4.405595779418945,
        3.251271963119507,
        1.1191312074661255,
        -2.485481023788452,
        2.5576083660125732,
    ];
    let bound = settings.clone().l1(2.0).l2(3.0).min_child_weight(15.0);
    assert_close(found(&bound).as_slice(), &penalties, 2e-5, "penalties");
    // monotone_constraints="(1,0,-1)"
    let rising = [
        2.3125312328338623,
        2.955559730529785,
        -0.6988775730133057,
        3.7765512466430664,
        3.6622507572174072,
        2.8576924800872803,
        -1.8690335750579834,
        2.3046233654022217,
    ];
    let bound = settings.monotone("x0", Monotone::Increasing).monotone("x2", Monotone::Decreasing);
    assert_close(found(&bound).as_slice(), &rising, 2e-5, "monotone");
    // objective="binary:logistic", base_score=0.5, target above 1.5: margins
    let margins = [
        -0.5049679279327393,
        4.8367815017700195,
        -0.7881894707679749,
        5.245362281799316,
        3.9789509773254395,
        -1.5755213499069214,
        -4.279628753662109,
        3.0509815216064453,
    ];
    let classes = perennial_core::Classes::from_labels(y.as_slice().iter().map(|&y| u8::from(y > 1.5)));
    let settings =
        GradientBoostingClassifier::new().splits(Splits::Exact).growth(Growth::DepthWise).max_depth(4);
    let settings =
        settings.n_trees(20).learning_rate(0.3).base_score(0.0).min_samples_leaf(1).min_child_weight(1.0);
    let scores = settings.fit(&x, &classes).unwrap().booster().scores(&new).unwrap();
    assert_close(&scores, &margins, 1e-4, "logistic");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (x, y) = data(40_000, 4, 31);
    let fit = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| exact().n_trees(3).row_sampling(RowSampling::Fraction(0.9)).fit(&x, &y).unwrap())
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn rounds_that_follow_are_those_of_one_fit() {
    let (x, y) = data(400, 3, 41);
    let settings = exact().row_sampling(RowSampling::Fraction(0.7)).columns_by_node(0.7).seed(1);
    let part = settings.clone().n_trees(10);
    let half = part.fit(&x, &y).unwrap();
    let whole = part.fit_from(&half, &Train::new(&x, &y)).unwrap();
    assert_eq!(whole.booster().trees(), settings.fit(&x, &y).unwrap().booster().trees());
    // A model of bins goes on by exact splits, and the other way where no cut is asked again.
    let bins = part.clone().splits(Splits::Histogram).fit(&x, &y).unwrap();
    let longer = part.fit_from(&bins, &Train::new(&x, &y)).unwrap();
    assert_eq!(longer.booster().n_rounds(), 20);
    assert!(rmse(&longer, &x, &y) < rmse(&bins, &x, &y));
    assert!(part.splits(Splits::Histogram).fit_from(&longer, &Train::new(&x, &y)).is_ok());
}

#[test]
fn watched_rows_are_those_that_predictions_see() {
    let (x, y) = data(900, 3, 51);
    let rows: Vec<usize> = (0..900).collect();
    let (learned, aside) = rows.split_at(600);
    let (a, b) = (x.take(learned).unwrap(), x.take(aside).unwrap());
    let (ya, yb) = (y.take(learned).unwrap(), y.take(aside).unwrap());
    for mode in [Mode::Gradient, Mode::Dart { drop_rate: 0.3, skip: 0.2, max_dropped: 4 }] {
        let settings =
            exact().n_trees(60).patience(8).watch([Watch::MeanAbsoluteError]).mode(mode).learning_rate(0.3);
        let model = Train::new(&a, &ya).validation(&b, &yb).fit(&settings).unwrap();
        let found = model.predict(&b).unwrap();
        let error =
            found.as_slice().iter().zip(yb.as_slice()).map(|(a, b)| (a - b).abs()).sum::<f64>() / 300.0;
        let booster = model.booster();
        let said = booster.history()[0].values[booster.n_rounds() - 1];
        assert!((error - said).abs() < 1e-12, "{error} {said}");
        if mode == Mode::Gradient {
            assert!(booster.n_rounds() < 60);
        }
    }
    // Columns in another order are put in place.
    let turned = b.select(&[2, 0, 1]).unwrap();
    let plain = Train::new(&a, &ya).validation(&b, &yb).fit(&exact()).unwrap();
    assert_eq!(Train::new(&a, &ya).validation(&turned, &yb).fit(&exact()).unwrap(), plain);
}

#[test]
fn all_boosters_and_samplings_learn() {
    let (x, y) = data(1200, 4, 61);
    let spread =
        rmse(&GradientBoostingRegressor::new().n_trees(1).learning_rate(1e-9).fit(&x, &y).unwrap(), &x, &y);
    let samplings =
        [RowSampling::Gradient { top: 0.3, rest: 0.3 }, RowSampling::Fraction(0.5), RowSampling::All];
    for row_sampling in samplings {
        let model = exact().learning_rate(0.3).row_sampling(row_sampling).fit(&x, &y).unwrap();
        assert!(rmse(&model, &x, &y) < 0.5 * spread);
    }
    let classes = perennial_core::Classes::from_labels(
        y.as_slice().iter().map(|&y| if y > 0.7 { 2 } else { u8::from(y > -0.7) }),
    );
    let classifier = GradientBoostingClassifier::new()
        .splits(Splits::Exact)
        .n_trees(20)
        .class_weight(ClassWeight::Balanced);
    for settings in
        [classifier.clone().row_sampling(RowSampling::Stratified(0.8)), classifier.one_vs_all(true)]
    {
        let model = settings.fit(&x, &classes).unwrap();
        let right = model.predict(&x).unwrap().labels().zip(classes.labels()).filter(|(a, b)| a == b).count();
        assert!(right > 1000, "{right}");
    }
    let quantiles = GradientBoostingQuantileRegressor::new([0.1, 0.9]).splits(Splits::Exact).n_trees(40);
    let bands = quantiles.fit(&x, &y).unwrap().predict(&x).unwrap();
    let within = (0..1200).filter(|&row| {
        let (y, band) = (y.as_slice()[row], bands.values().row(row));
        band[0] <= y && y <= band[1]
    });
    assert!((840..=1080).contains(&within.count()));
    let grades: Values = y.as_slice().iter().map(|&y| (y + 2.0).clamp(0.0, 4.0).floor()).collect();
    let queries: Vec<u32> = (0..1200).map(|row| row / 12).collect();
    let ranker = GradientBoostingRanker::new().splits(Splits::Exact).n_trees(20);
    let scores = Train::new(&x, &grades).groups(&queries).fit(&ranker).unwrap().predict(&x).unwrap();
    let (mut right, mut wrong) = (0, 0);
    for row in 0..1199 {
        let (grade, score) = (grades.as_slice(), scores.as_slice());
        if queries[row] == queries[row + 1] && grade[row] != grade[row + 1] {
            let agrees = (grade[row] < grade[row + 1]) == (score[row] < score[row + 1]);
            if agrees { right += 1 } else { wrong += 1 }
        }
    }
    assert!(right > 3 * wrong, "{right} {wrong}");
}

#[test]
fn an_offset_is_asked_nothing() {
    let (x, y) = data(500, 3, 71);
    let settings = exact().loss(RegressionLoss::Poisson).offset("x2");
    let counts: Values = y.as_slice().iter().map(|y| y.abs().round()).collect();
    let model = settings.fit(&x, &counts).unwrap();
    let asked = |tree: &Tree| (0..tree.n_nodes()).any(|node| tree.feature(node) == Some(2));
    assert!(model.booster().n_rounds() > 0 && !model.booster().trees().iter().any(asked));
}

#[test]
fn little_odd_and_huge_data() {
    let settings = exact().min_samples_leaf(1);
    let one = Matrix::from(ndarray::array![[1.0, f64::NAN]]);
    let y = Values::from(vec![7.5]);
    assert_eq!(settings.fit(&one, &y).unwrap().predict(&one).unwrap(), y);
    for value in [3.0, f64::NAN, 1e300] {
        let x = Matrix::from(Array2::from_elem((50, 2), value));
        let y: Values = (0..50).map(f64::from).collect();
        let model = settings.fit(&x, &y).unwrap();
        assert_eq!(model.booster().n_rounds(), 0);
        assert_eq!(model.predict(&x).unwrap().as_slice()[0], 24.5);
    }
    // Values at the ends of the range, and two that no number lies between.
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    let x = [-1e300, -1.0, -0.0, 0.0, 1.0, next, 1e300, f64::MAX];
    let x = Matrix::from(Array2::from_shape_fn((80, 1), |(row, _)| x[row / 10]));
    let y: Values = (0..80).map(|row| f64::from([5, 1, 4, 4, 2, 6, 3, 9][row / 10])).collect();
    let model = settings.clone().l2(0.0).learning_rate(1.0).n_trees(1).fit(&x, &y).unwrap();
    assert!(differences(&model.predict(&x).unwrap(), &y) < 1e-12);
    // The constant is learned from targets that are alike, and no more.
    let (x, y) = data(200, 2, 81);
    let constant = settings.fit(&x, &Values::from(vec![0.1; 200])).unwrap().predict(&x).unwrap();
    assert!(constant.as_slice().iter().all(|answer| (answer - 0.1).abs() < 1e-15));
    // Scales of targets and weights change no question.
    let plain = settings.fit(&x, &y).unwrap().predict(&x).unwrap();
    for power in [-980, 10, 980] {
        let scale = 2_f64.powi(power);
        let weights = [scale; 200];
        let free = settings.clone().l2(0.0).min_child_weight(0.0);
        let weighted = Train::new(&x, &y).weights(&weights).fit(&free).unwrap().predict(&x).unwrap();
        assert_eq!(weighted, free.fit(&x, &y).unwrap().predict(&x).unwrap());
        let scaled: Values = y.as_slice().iter().map(|y| y * scale).collect();
        let answers = settings.fit(&x, &scaled).unwrap().predict(&x).unwrap();
        assert_eq!(answers.as_slice().iter().map(|answer| answer / scale).collect::<Values>(), plain);
    }
    let huge: Values = y.as_slice().iter().map(|y| y.signum() * f64::MAX).collect();
    let error = settings.fit(&x, &huge).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Overflow { .. }), "{error:?}");
    let mut infinite = x.dense().unwrap().to_owned();
    infinite[[3, 1]] = f64::INFINITY;
    assert!(settings.fit(&infinite.into(), &y).is_err());
    // Rows without weight are as rows that are not there.
    let weights: Vec<f64> = (0..200).map(|row| if row < 120 { 1.0 } else { 0.0 }).collect();
    let rows: Vec<usize> = (0..120).collect();
    let few = settings.fit(&x.take(&rows).unwrap(), &y.take(&rows).unwrap()).unwrap();
    let weighted = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    assert!(differences(&few.predict(&x).unwrap(), &weighted.predict(&x).unwrap()) < 1e-9);
}

#[test]
fn what_cannot_be_exact_is_refused() {
    let (x, y) = data(100, 2, 91);
    let says = |error: perennial_core::Error, words: [&str; 2]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    says(exact().splits(Splits::Random).fit(&x, &y).unwrap_err(), ["Splits::Random", "extra_trees"]);
    says(exact().extra_trees(true).fit(&x, &y).unwrap_err(), ["Splits::Exact", "extra_trees"]);
    let binned = Binner::new().fit_transform_on(&Train::new(&x, &NoTarget)).unwrap().1;
    says(exact().on_bins().fit(&binned, &y).unwrap_err(), ["Splits::Exact", "Splits::Histogram"]);
    let csr = Csr::new(2, (0..=100).collect(), vec![1; 100], vec![1.0; 100]).unwrap();
    let sparse = Matrix::from(csr);
    assert!(exact().fit(&sparse, &y).is_err());
    let train = Train::new(&sparse, &y).context(Context::new());
    says(exact().fit_on(&train).unwrap_err(), ["Splits::Exact", "to_dense"]);
    says(exact().memory_limit(100).fit(&x, &y).unwrap_err(), ["memory_limit", "Splits::Histogram"]);
    assert!(exact().memory_limit(1 << 20).fit(&x, &y).is_ok());
    let odd = with_categories(ndarray::array![[0.5], [1.0]], &[0], 2);
    says(exact().fit(&odd, &Values::from(vec![1.0, 2.0])).unwrap_err(), ["x0", "whole numbers"]);
}
