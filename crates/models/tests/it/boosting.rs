//! Boosting against brute force, reference values and what must hold.

use ndarray::Array2;
use perennial_core::{
    Classes, Classifier, Estimator, Feature, FeatureKind, Features, FitTransform, Matrix, NoTarget, Persist,
    Predictor, Rows, Train, Transformer, Values,
};
use perennial_models::binned::LearnsFromBins;
use perennial_models::boosting::{
    Booster, GradientBoostingRegressorModel, Growth, Mode, RegressionLoss, RowSampling,
};
use perennial_models::tree::Tree;
use perennial_models::{Binner, GradientBoostingClassifier, GradientBoostingRegressor};
use perennial_numeric::random::Random;

use crate::fixtures::{array, assert_close, cases, number, numbers};

/// Columns of normal numbers and a target that depends on the first three.
pub(crate) fn data(n_rows: usize, n_cols: usize, seed: u64) -> (Matrix, Values) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n_rows, n_cols), |_| random.normal());
    let at = |row: usize, column: usize| x[[row, column.min(n_cols - 1)]];
    let y: Values = (0..n_rows)
        .map(|row| at(row, 0) + (2.0 * at(row, 1)).sin() * at(row, 2) + 0.3 * random.normal())
        .collect();
    (x.into(), y)
}

/// The sign of the target as two classes.
pub(crate) fn signs(y: &Values) -> Classes {
    Classes::from_labels(y.as_slice().iter().map(|&y| u8::from(y > 0.0)))
}

/// The same matrix, where some columns hold categories.
pub(crate) fn with_categories(x: Array2<f64>, columns: &[usize], n: u32) -> Matrix {
    let features = (0..x.ncols()).map(|column| {
        let name = format!("x{column}");
        if columns.contains(&column) { Feature::categorical(name, n) } else { Feature::numeric(name) }
    });
    let features = Features::try_from(features.collect::<Vec<_>>()).unwrap();
    Matrix::from(x).with_features(features).unwrap()
}

/// One tree that fits as it likes.
pub(crate) fn free() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().l2(0.0).min_child_weight(0.0).min_samples_leaf(1)
}

fn leaves(tree: &Tree) -> Vec<usize> {
    (0..tree.n_nodes()).filter(|&node| tree.children(node).is_none()).collect()
}

pub(crate) fn rmse(model: &impl Predictor<Input = Matrix, Output = Values>, x: &Matrix, y: &Values) -> f64 {
    let answers = model.predict(x).unwrap();
    let squares = answers.as_slice().iter().zip(y.as_slice()).map(|(a, b)| (a - b) * (a - b));
    (squares.sum::<f64>() / y.as_slice().len() as f64).sqrt()
}

pub(crate) fn differences(a: &Values, b: &Values) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn exact_least_squares_boosting_is_that_of_scikit_learn() {
    let all = cases("trees_shap.json");
    let find = |id: &str| all.iter().find(|case| case["id"] == id);
    let (Some(case), Some(source)) = (find("gbdt_exact_ls"), find("cart_regression")) else { return };
    let (x, y) = (Matrix::from(array(&source["X"])), numbers(&source["y"]));
    let y = Values::from(y);
    let model = free().n_trees(8).max_depth(2).learning_rate(0.3).fit(&x, &y).unwrap();
    let new = Matrix::from(array(&source["expected"]["Xtest"]));
    let truth = numbers(&case["expected"]["pred"]);
    assert_close(model.predict(&new).unwrap().as_slice(), &truth, 1e-9, "predictions");
    for (stage, truth) in
        model.staged_predict(&x).unwrap().iter().zip(numbers(&case["expected"]["train_loss"]))
    {
        let squares: f64 = stage.as_slice().iter().zip(y.as_slice()).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((squares / 60.0 - truth).abs() < 1e-9, "{} is not {truth}", squares / 60.0);
    }
}

#[test]
fn missing_values_go_where_the_reference_says() {
    let all = cases("trees_shap.json");
    let Some(case) = all.iter().find(|case| case["id"] == "missing_semantics") else { return };
    let case = &case["cases"][0];
    let cell = |value: &serde_json::Value| if value == "NaN" { f64::NAN } else { number(value) };
    let x: Vec<f64> = case["x"].as_array().unwrap().iter().map(cell).collect();
    let y = Values::from(numbers(&case["y"]));
    let x = Matrix::from(Array2::from_shape_vec((x.len(), 1), x).unwrap());
    let model = free().n_trees(1).max_leaves(2).learning_rate(1.0).fit(&x, &y).unwrap();
    assert_close(model.predict(&x).unwrap().as_slice(), y.as_slice(), 1e-12, "one tree of two leaves");
}

/// Both derivatives of each row before the first round.
fn derivatives(y: &Values, logistic: bool) -> Vec<(f64, f64)> {
    let mean = y.as_slice().iter().sum::<f64>() / y.as_slice().len() as f64;
    let hessian = if logistic { mean * (1.0 - mean) } else { 1.0 };
    y.as_slice().iter().map(|y| (mean - y, hessian)).collect()
}

/// How much a split into those and the others gains.
fn gain(slopes: &[(f64, f64)], l2: f64, goes_left: impl Fn(usize) -> bool) -> f64 {
    let (mut left, mut right) = ((0.0, 0.0), (0.0, 0.0));
    for (row, slope) in slopes.iter().enumerate() {
        let side = if goes_left(row) { &mut left } else { &mut right };
        side.0 += slope.0;
        side.1 += slope.1;
    }
    if left.1 == 0.0 || right.1 == 0.0 {
        return f64::NEG_INFINITY;
    }
    let part = |side: (f64, f64)| side.0 * side.0 / (side.1 + l2);
    part(left) + part(right) - part((left.0 + right.0, left.1 + right.1))
}

/// The root of a model of one split, and what it gains by our own count.
fn root_gain(booster: &Booster, x: &Matrix, slopes: &[(f64, f64)], l2: f64) -> f64 {
    let tree = &booster.trees()[0];
    let column = tree.feature(0).expect("a split");
    let values = x.dense().unwrap().column(column).to_vec();
    let found = gain(slopes, l2, |row| tree.goes_left(0, values[row]));
    assert!((tree.gain(0) / found - 1.0).abs() < 1e-3, "it says {} and gains {found}", tree.gain(0));
    found
}

#[test]
fn the_first_split_is_the_best_of_all_cuts() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let l2 = [0.0, 0.7][seed as usize % 2];
        let x = Array2::from_shape_fn((120, 4), |(_, column)| {
            let missing = column > 0 && random.uniform() < 0.15;
            if missing { f64::NAN } else { (random.normal() * 4.0).round() / 2.0 }
        });
        let noise: Vec<f64> = (0..120).map(|_| random.normal()).collect();
        let score = |row: usize| {
            let known = x[[row, 1]].abs();
            noise[row] + if known.is_nan() { 1.0 } else { known }
        };
        for logistic in [false, true] {
            let y: Values = (0..120)
                .map(|row| if logistic { f64::from(u8::from(score(row) > 1.0)) } else { score(row) })
                .collect();
            let slopes = derivatives(&y, logistic);
            let mut best = f64::NEG_INFINITY;
            for column in 0..4 {
                let mut cuts: Vec<f64> =
                    x.column(column).iter().copied().filter(|value| !value.is_nan()).collect();
                cuts.sort_by(f64::total_cmp);
                for cut in cuts {
                    for missing_left in [false, true] {
                        let left = |row: usize| {
                            let value = x[[row, column]];
                            value <= cut || (value.is_nan() && missing_left)
                        };
                        best = best.max(gain(&slopes, l2, left));
                    }
                }
            }
            let matrix = Matrix::from(x.clone());
            let found = if logistic {
                let settings = GradientBoostingClassifier::new();
                let settings =
                    settings.n_trees(1).max_leaves(2).l2(l2).min_child_weight(0.0).min_samples_leaf(1);
                let model = settings.fit(&matrix, &signs(&y)).unwrap();
                root_gain(model.booster(), &matrix, &slopes, l2)
            } else {
                let model = free().l2(l2).n_trees(1).max_leaves(2).fit(&matrix, &y).unwrap();
                root_gain(model.booster(), &matrix, &slopes, l2)
            };
            assert!(found >= best * (1.0 - 1e-6), "seed {seed}: {found} instead of {best}");
        }
    }
}

#[test]
fn the_first_split_of_categories_is_the_best_of_all_sets() {
    for seed in 0..30 {
        let mut random = Random::new(100 + seed);
        let effects: Vec<f64> = (0..9).map(|_| random.normal()).collect();
        let codes: Vec<f64> = (0..150)
            .map(|_| if random.uniform() < 0.1 { f64::NAN } else { random.below(8) as f64 })
            .collect();
        let effect = |code: f64| effects[if code.is_nan() { 8 } else { code as usize }];
        let scores: Vec<f64> = codes.iter().map(|&code| effect(code) + random.normal()).collect();
        let x = with_categories(Array2::from_shape_vec((150, 1), codes.clone()).unwrap(), &[0], 8);
        for logistic in [false, true] {
            let y: Values = scores
                .iter()
                .map(|&score| if logistic { f64::from(u8::from(score > 0.0)) } else { score })
                .collect();
            let slopes = derivatives(&y, logistic);
            let best = (1..256_u32)
                .map(|set| {
                    gain(&slopes, 0.0, |row| {
                        set >> (if codes[row].is_nan() { 8 } else { codes[row] as u32 }) & 1 == 1
                    })
                })
                .fold(f64::NEG_INFINITY, f64::max);
            let found = if logistic {
                let settings = GradientBoostingClassifier::new().category_smoothing(0.0).category_l2(0.0);
                let settings =
                    settings.n_trees(1).max_leaves(2).l2(0.0).min_child_weight(0.0).min_samples_leaf(1);
                root_gain(settings.fit(&x, &signs(&y)).unwrap().booster(), &x, &slopes, 0.0)
            } else {
                let settings = free().category_smoothing(0.0).category_l2(0.0).n_trees(1).max_leaves(2);
                root_gain(settings.fit(&x, &y).unwrap().booster(), &x, &slopes, 0.0)
            };
            assert!(found >= best * (1.0 - 1e-6), "seed {seed}: {found} instead of {best}");
        }
    }
}

/// The rows that count, of each leaf of each tree.
fn check_leaves(
    booster: &Booster,
    x: &Matrix,
    weights: &[f64],
    least: usize,
    most_leaves: usize,
    most_deep: usize,
) {
    assert!(booster.n_rounds() > 0);
    for tree in booster.trees() {
        let reached = tree.leaves(x.dense().unwrap()).unwrap();
        for leaf in leaves(tree) {
            let count =
                (0..weights.len()).filter(|&row| weights[row] > 0.0 && reached[row] as usize == leaf).count();
            assert!(count >= least, "{count} rows in a leaf, fewer than {least}");
            assert_eq!(tree.n_rows(leaf), count as u64);
        }
        assert!(tree.n_leaves() <= most_leaves && tree.depth() <= most_deep);
    }
}

#[test]
fn leaves_have_enough_rows_and_trees_are_not_too_large() {
    let (x, y) = data(3000, 5, 5);
    let mut random = Random::new(6);
    let weights: Vec<f64> =
        (0..3000).map(|_| if random.uniform() < 0.3 { 0.0 } else { 0.01 + 5.0 * random.uniform() }).collect();
    let ones = vec![1.0; 3000];
    for growth in [Growth::LeafWise, Growth::DepthWise] {
        for least in [1, 7, 60, 400] {
            let settings =
                GradientBoostingRegressor::new().n_trees(15).growth(growth).min_samples_leaf(least);
            let settings = settings.max_leaves(23).max_depth(6);
            let model = settings.fit(&x, &y).unwrap();
            check_leaves(model.booster(), &x, &ones, least, 23, 6);
            let model = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
            check_leaves(model.booster(), &x, &weights, least, 23, 6);
            // Rows that are nearly sure have a second derivative near 0.
            let settings =
                GradientBoostingClassifier::new().n_trees(40).growth(growth).min_samples_leaf(least);
            let settings = settings.learning_rate(0.5).max_leaves(23).max_depth(6).min_child_weight(0.0);
            let model = settings.fit(&x, &signs(&y)).unwrap();
            check_leaves(model.booster(), &x, &ones, least, 23, 6);
            let model = Train::new(&x, &signs(&y)).weights(&weights).fit(&settings).unwrap();
            check_leaves(model.booster(), &x, &weights, least, 23, 6);
        }
    }
}

#[test]
fn growth_weight_and_gain_are_kept_to() {
    let (x, y) = data(2000, 4, 7);
    let depth_wise = free().growth(Growth::DepthWise).n_trees(3).max_leaves(16).min_samples_leaf(30);
    for tree in depth_wise.fit(&x, &y).unwrap().booster().trees() {
        // No level is begun before the one above it is done: 16 leaves at 4 levels unless a leaf cannot be split.
        assert!(tree.depth() <= 5, "{}", tree.depth());
    }
    // With all the leaves that can be, the order does not matter.
    let all =
        |growth| free().growth(growth).n_trees(1).max_leaves(2000).min_samples_leaf(40).learning_rate(1.0);
    let (a, b) = (all(Growth::DepthWise).fit(&x, &y).unwrap(), all(Growth::LeafWise).fit(&x, &y).unwrap());
    assert_eq!(a.predict(&x).unwrap(), b.predict(&x).unwrap());
    // Of a few leaves those that gain most are taken: none that stands open gains more than the least one taken.
    let full =
        free().n_trees(1).max_leaves(2000).min_samples_leaf(40).learning_rate(1.0).fit(&x, &y).unwrap();
    let few = free().n_trees(1).max_leaves(8).min_samples_leaf(40).learning_rate(1.0).fit(&x, &y).unwrap();
    let gains = |model: &GradientBoostingRegressorModel| -> Vec<f64> {
        let tree = &model.booster().trees()[0];
        (0..tree.n_nodes())
            .filter(|&node| tree.children(node).is_some())
            .map(|node| tree.gain(node))
            .collect()
    };
    let mut open = gains(&full);
    open.sort_by(f64::total_cmp);
    let mut taken = gains(&few);
    taken.sort_by(f64::total_cmp);
    // Leaf-wise order takes 7 splits whose sum is no less than that of depth-wise order.
    let level =
        free().growth(Growth::DepthWise).n_trees(1).max_leaves(8).min_samples_leaf(40).fit(&x, &y).unwrap();
    assert_eq!(taken.len(), 7);
    assert!(taken.iter().sum::<f64>() >= gains(&level).iter().sum::<f64>() * 0.999);
    assert!(open.last() == taken.last());

    let heavy = GradientBoostingRegressor::new().min_child_weight(77.0).min_samples_leaf(1).n_trees(10);
    for tree in heavy.fit(&x, &y).unwrap().booster().trees() {
        assert!(leaves(tree).iter().all(|&leaf| tree.n_rows(leaf) >= 77));
    }
    let heavy = GradientBoostingClassifier::new().min_child_weight(20.0).min_samples_leaf(1).n_trees(10);
    for tree in heavy.fit(&x, &signs(&y)).unwrap().booster().trees() {
        assert!(leaves(tree).iter().all(|&leaf| tree.weight(leaf) >= 20.0 * (1.0 - 1e-6)));
    }
    let model = free().min_gain(30.0).n_trees(5).fit(&x, &y).unwrap();
    for tree in model.booster().trees() {
        assert!(
            (0..tree.n_nodes())
                .all(|node| tree.children(node).is_none() || tree.gain(node) >= 30.0 * (1.0 - 1e-9))
        );
    }
    assert_eq!(free().min_gain(1e9).fit(&x, &y).unwrap().booster().n_rounds(), 0);
}

/// What a fit gives on 1, 2, 3 and 4 threads.
fn same_on_any_number_of_threads<E: Estimator<Input = Matrix> + Persist>(
    what: &str,
    settings: &E,
    train: &Train<'_, Matrix, E::Target>,
) where
    E::Target: Rows + Sync,
{
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| settings.encode(&train.fit(settings).unwrap()).unwrap())
    };
    let one = on(1);
    for n_threads in 2..=4 {
        assert!(one == on(n_threads), "{what}: {n_threads} threads give another model");
    }
}

#[test]
fn models_are_the_same_on_any_number_of_threads() {
    let (x, y) = data(80_000, 5, 8);
    let mut mixed = x.dense().unwrap().to_owned();
    let mut random = Random::new(9);
    for row in 0..mixed.nrows() {
        mixed[[row, 1]] = random.below(40) as f64;
        if random.uniform() < 0.1 {
            mixed[[row, 0]] = f64::NAN;
        }
    }
    let mixed = with_categories(mixed, &[1], 40);
    let narrow = x.select(&[0, 1]).unwrap();
    let weights: Vec<f64> = (0..80_000).map(|_| random.uniform()).collect();
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let settings = || GradientBoostingRegressor::new().n_trees(4);
    let train = Train::new(&x, &y);
    let dart = Mode::Dart { drop_rate: 0.5, skip: 0.0, max_dropped: 5 };
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.1 };
    same_on_any_number_of_threads("plain", &settings(), &train);
    same_on_any_number_of_threads("goss", &settings().learning_rate(1.0).row_sampling(goss), &train);
    same_on_any_number_of_threads("bagging", &settings().row_sampling(RowSampling::Fraction(0.9)), &train);
    let columns = settings().columns_by_tree(0.8).columns_by_level(0.8).columns_by_node(0.7);
    same_on_any_number_of_threads("columns", &columns, &train);
    same_on_any_number_of_threads("dart", &settings().mode(dart), &train);
    let forest = settings().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.6));
    same_on_any_number_of_threads("forest", &forest, &train);
    same_on_any_number_of_threads("absolute", &settings().loss(RegressionLoss::AbsoluteError), &train);
    same_on_any_number_of_threads("mixed", &settings(), &Train::new(&mixed, &y).weights(&weights));
    same_on_any_number_of_threads("narrow", &settings(), &Train::new(&narrow, &y));
    let validation = x.take(&(0..500).collect::<Vec<_>>()).unwrap();
    let validation_y = y.take(&(0..500).collect::<Vec<_>>()).unwrap();
    let watched = Train::new(&x, &y).validation(&validation, &validation_y);
    same_on_any_number_of_threads("watched", &settings(), &watched);
    let classifier = GradientBoostingClassifier::new().n_trees(3);
    same_on_any_number_of_threads("classes", &classifier, &Train::new(&mixed, &classes));
}

#[test]
fn bins_give_the_same_bits_as_the_matrix() {
    let (x, y) = data(2000, 4, 10);
    let mut mixed = x.dense().unwrap().to_owned();
    let mut random = Random::new(11);
    for row in 0..mixed.nrows() {
        mixed[[row, 1]] = random.below(12) as f64;
        mixed[[row, 2]] = if random.uniform() < 0.2 { f64::NAN } else { mixed[[row, 2]] };
    }
    let x = with_categories(mixed, &[1], 12);
    let binning = Binner::new().fit(&x, &NoTarget).unwrap();
    let binned = binning.transform(&x).unwrap();
    let settings = GradientBoostingRegressor::new().n_trees(20);
    let (on_bins, on_matrix) =
        (settings.clone().on_bins().fit(&binned, &y).unwrap(), settings.fit(&x, &y).unwrap());
    assert_eq!(on_bins.predict(&binned).unwrap(), on_matrix.predict(&x).unwrap());
    assert_eq!(on_bins.into_inner(), on_matrix);
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let settings = GradientBoostingClassifier::new().n_trees(8);
    let (on_bins, on_matrix) =
        (settings.clone().on_bins().fit(&binned, &classes).unwrap(), settings.fit(&x, &classes).unwrap());
    assert_eq!(on_bins.predict_proba(&binned).unwrap(), on_matrix.predict_proba(&x).unwrap());
    assert_eq!(on_bins.into_inner(), on_matrix);
    // A part of the rows, with the bins of all: new rows get the answers of the matrix.
    let (part, rest): (Vec<usize>, Vec<usize>) = (0..2000).partition(|row| row % 3 != 0);
    let settings = GradientBoostingRegressor::new().n_trees(20);
    let fold = settings.on_bins().fit(&binned.take(&part).unwrap(), &y.take(&part).unwrap()).unwrap();
    let answers = fold.predict(&binned.take(&rest).unwrap()).unwrap();
    assert_eq!(answers, fold.into_inner().predict(&x.take(&rest).unwrap()).unwrap());
    // Other bins are refused, as are other columns.
    let few = Binner::new().max_bins(7).fit(&x, &NoTarget).unwrap().transform(&x).unwrap();
    let narrow = x.select(&[0]).unwrap();
    let narrow = Binner::new().fit(&narrow, &NoTarget).unwrap().transform(&narrow).unwrap();
    let model = GradientBoostingRegressor::new().n_trees(5).on_bins().fit(&binned, &y).unwrap();
    assert!(model.predict(&few).is_err());
    assert!(model.predict(&narrow).is_err());
    let train = Train::new(&binned, &y);
    assert!(train.validation(&few, &y).fit(&GradientBoostingRegressor::new().on_bins()).is_err());
}

/// A step that halves.
#[derive(Clone, Debug)]
pub(crate) struct Halve;

pub(crate) struct Halved;

impl Estimator for Halve {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Halved;

    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> perennial_core::Result<Halved> {
        Ok(Halved)
    }
}

impl FitTransform for Halve {}

impl Transformer for Halved {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> perennial_core::Result<Matrix> {
        assert!(matches!(x.features().kind(0), FeatureKind::Numeric));
        Matrix::from(x.dense()?.mapv(|value| value / 2.0)).with_features(x.features().clone())
    }
}
