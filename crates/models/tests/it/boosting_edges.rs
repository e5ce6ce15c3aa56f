//! Boosting where it stops, goes on, is told odd things or reads damaged files.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use ndarray::Array2;
use perennial_core::{
    CancelToken, Classes, Classifier, Context, ErrorKind, Estimator, Matrix, Observer, Persist, Predictor,
    Progress, Result, Rows, Train, Values,
};
use perennial_models::boosting::{
    ClassificationLoss, Cox, GradientBoostingClassifierModel, GradientBoostingQuantileRegressorModel,
    GradientBoostingRankerModel, GradientBoostingRegressorModel, RegressionLoss, RowSampling,
};
use perennial_models::{
    ClassWeight, GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRanker,
    GradientBoostingRegressor,
};
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::boosting::{data, differences, free, rmse, signs, with_categories};

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().min_samples_leaf(5)
}

// Weights.

#[test]
fn whole_weights_are_repeated_rows() {
    let mut random = Random::new(23);
    let x = Array2::from_shape_fn((400, 3), |_| random.below(40) as f64);
    let y: Values = x
        .rows()
        .into_iter()
        .map(|row| (row[0] / 5.0).sin() + 0.02 * row[1] + 0.1 * random.normal())
        .collect();
    let x = Matrix::from(x);
    let weights: Vec<f64> = (0..400).map(|_| random.below(4) as f64).collect();
    let rows: Vec<usize> = (0..400).flat_map(|row| vec![row; weights[row] as usize]).collect();
    let settings = GradientBoostingRegressor::new().min_samples_leaf(1).min_child_weight(15.0).n_trees(30);
    let weighted = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    let repeated = settings.fit(&x.take(&rows).unwrap(), &y.take(&rows).unwrap()).unwrap();
    let apart = differences(&weighted.predict(&x).unwrap(), &repeated.predict(&x).unwrap());
    assert!(apart < 1e-6, "{apart}");
}

#[test]
fn the_scale_of_weights_and_targets_does_not_matter() {
    let (x, y) = data(500, 3, 24);
    let settings = free().min_samples_leaf(5).n_trees(20);
    let plain = settings.fit(&x, &y).unwrap().predict(&x).unwrap();
    let weighted = |scale: f64| Train::new(&x, &y).weights(&[scale; 500]).fit(&settings).unwrap();
    let ones = weighted(1.0).predict(&x).unwrap();
    for power in [-980, -10, 10, 980] {
        // Powers of two change no digit.
        let scale = 2_f64.powi(power);
        assert_eq!(weighted(scale).predict(&x).unwrap(), ones);
        let scaled: Values = y.as_slice().iter().map(|y| y * scale).collect();
        let model = settings.fit(&x, &scaled).unwrap();
        let answers: Values =
            model.predict(&x).unwrap().as_slice().iter().map(|answer| answer / scale).collect();
        assert_eq!(answers, plain);
        assert!(model.booster().feature_importances().iter().all(|share| share.is_finite()));
    }
    for scale in [1e-300, 1e300] {
        assert!((rmse(&weighted(scale), &x, &y) / rmse(&weighted(1.0), &x, &y) - 1.0).abs() < 0.05);
    }
    // Weights of very different size.
    let weights: Vec<f64> = (0..500).map(|row| if row % 2 == 0 { 1e300 } else { 1e-300 }).collect();
    let model = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    assert!(model.predict(&x).unwrap().as_slice().iter().all(|answer| answer.is_finite()));
    let classes = signs(&y);
    let model = Train::new(&x, &classes).weights(&weights).fit(&GradientBoostingClassifier::new()).unwrap();
    assert!(model.predict_proba(&x).is_ok());
}

#[test]
fn what_leaves_the_range_of_numbers_is_an_error() {
    let (x, y) = data(100, 2, 25);
    let huge: Values = y.as_slice().iter().map(|y| y.signum() * f64::MAX).collect();
    let overflows = |result: Result<()>| {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Overflow { .. }), "{error:?}");
    };
    overflows(free().fit(&x, &huge).map(drop));
    let weights = vec![f64::MAX; 100];
    overflows(Train::new(&x, &y).weights(&weights).fit(&free()).map(drop));
    // Steps that overshoot more and more.
    overflows(free().learning_rate(1e6).n_trees(200).fit(&x, &y).map(drop));
}

#[test]
fn zero_weights_and_classes_without_rows() {
    let (x, y) = data(300, 2, 26);
    let mut weights = vec![1.0; 300];
    weights[100..].fill(0.0);
    let wild: Values = (0..300).map(|row| if row < 100 { y.as_slice()[row] } else { 1e9 }).collect();
    let model = Train::new(&x, &wild).weights(&weights).fit(&regressor()).unwrap();
    assert!(model.predict(&x).unwrap().as_slice().iter().all(|answer| answer.abs() < 10.0));
    let rows: Vec<usize> = (0..100).collect();
    let few = regressor().fit(&x.take(&rows).unwrap(), &y.take(&rows).unwrap()).unwrap();
    let first = x.take(&rows).unwrap();
    assert!(
        (rmse(&model, &first, &y.take(&rows).unwrap()) - rmse(&few, &first, &y.take(&rows).unwrap())).abs()
            < 0.1
    );
    // A class whose rows do not count, and one without rows.
    let names: Vec<String> = ["a", "b", "c", "never"].map(String::from).to_vec();
    let codes: Vec<u32> =
        (0..300).map(|row| if row >= 100 { 2 } else { u32::from(y.as_slice()[row] > 0.0) }).collect();
    let classes = Classes::new(codes, names).unwrap();
    let model = Train::new(&x, &classes).weights(&weights).fit(&GradientBoostingClassifier::new()).unwrap();
    let shares = model.predict_proba(&x).unwrap();
    assert!(shares.of("c").unwrap().as_slice().iter().all(|&share| share == 0.0));
    assert!(shares.of("never").unwrap().as_slice().iter().all(|&share| share == 0.0));
    weights[..100].fill(0.0);
    weights[100..].fill(1.0);
    let error =
        Train::new(&x, &classes).weights(&weights).fit(&GradientBoostingClassifier::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }));
    // A validation row of a class without training rows.
    let all = Classes::new(vec![3; 300], classes.shared_names()).unwrap();
    let train = Train::new(&x, &classes);
    assert!(train.validation(&x, &all).fit(&GradientBoostingClassifier::new()).is_err());
}

// Odd data.

#[test]
fn little_or_constant_data_gives_the_constant() {
    let one = Matrix::from(ndarray::array![[1.0, f64::NAN]]);
    let y = Values::from(vec![7.5]);
    assert_eq!(regressor().fit(&one, &y).unwrap().predict(&one).unwrap(), y);
    let (x, _) = data(200, 3, 27);
    let constant = Values::from(vec![0.1; 200]);
    let answers = free().fit(&x, &constant).unwrap().predict(&x).unwrap();
    assert!(answers.as_slice().iter().all(|answer| (answer - 0.1).abs() < 1e-15));
    let (_, y) = data(200, 1, 28);
    let mean = y.as_slice().iter().sum::<f64>() / 200.0;
    for value in [3.0, f64::NAN, 1e300] {
        let x = Matrix::from(Array2::from_elem((200, 2), value));
        let model = free().fit(&x, &y).unwrap();
        assert!(model.predict(&x).unwrap().as_slice().iter().all(|answer| (answer - mean).abs() < 1e-12));
        assert_eq!(model.booster().n_rounds(), 0);
        let bytes = free().encode(&model).unwrap();
        assert_eq!(free().decode(&bytes).unwrap(), model);
    }
    // An empty column beside a good one changes nothing.
    let (x, y) = data(200, 1, 29);
    let mut wide = Array2::from_elem((200, 2), f64::NAN);
    wide.column_mut(1).assign(&x.dense().unwrap().column(0));
    let wide = Matrix::from(wide);
    let (a, b) = (regressor().fit(&x, &y).unwrap(), regressor().fit(&wide, &y).unwrap());
    assert_eq!(a.predict(&x).unwrap(), b.predict(&wide).unwrap());
    assert!(
        regressor()
            .fit(&Matrix::from(Array2::from_elem((5, 1), f64::INFINITY)), &Values::from(vec![0.0; 5]))
            .is_err()
    );
}

#[test]
fn more_classes_than_rows_and_more_columns_than_rows() {
    let (x, _) = data(30, 2, 30);
    let names: Vec<String> = (0..100).map(|class| format!("c{class}")).collect();
    let classes = Classes::new((0..30).map(|row| row * 3).collect(), names).unwrap();
    let model = GradientBoostingClassifier::new().n_trees(5).min_samples_leaf(1).fit(&x, &classes).unwrap();
    let shares = model.predict_proba(&x).unwrap();
    assert_eq!(shares.values().dim(), (30, 100));
    let (x, y) = data(50, 5000, 31);
    let model = free().min_samples_leaf(3).n_trees(20).fit(&x, &y).unwrap();
    assert!(rmse(&model, &x, &y) < 0.3);
}

#[test]
fn many_categories_are_learned() {
    let mut random = Random::new(32);
    let n = 20_000;
    let x =
        Array2::from_shape_fn(
            (n, 1),
            |(row, _)| if row % 2 == 0 { random.below(30) as f64 } else { row as f64 * 50.0 },
        );
    let y: Values =
        x.column(0).iter().map(|&code| if code < 30.0 { f64::from(code as u32 % 2) } else { 0.5 }).collect();
    let x = with_categories(x, &[0], 1_000_001);
    let model = GradientBoostingRegressor::new().fit(&x, &y).unwrap();
    assert!(rmse(&model, &x, &y) < 0.02);
    // Never seen, like rare ones.
    let new = with_categories(ndarray::array![[999_999.0], [49.0 * 50.0]], &[0], 1_000_001);
    let answers = model.predict(&new).unwrap();
    assert_eq!(answers.as_slice()[0], answers.as_slice()[1]);
}

#[test]
fn settings_that_cannot_be_are_named() {
    let (x, y) = data(50, 2, 33);
    let named = |settings: GradientBoostingRegressor, name: &str| {
        let error = settings.fit(&x, &y).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    };
    named(regressor().n_trees(0), "n_trees");
    named(regressor().learning_rate(0.0), "learning_rate");
    named(regressor().learning_rate(f64::NAN), "learning_rate");
    named(regressor().max_leaves(1), "max_leaves");
    named(regressor().max_bins(256), "max_bins");
    named(regressor().max_bins(1), "max_bins");
    named(regressor().l2(-1.0), "l2");
    named(regressor().columns_by_node(1.5), "columns_by_node");
    named(regressor().row_sampling(RowSampling::Fraction(0.0)), "fraction");
    named(regressor().row_sampling(RowSampling::Gradient { top: 0.8, rest: 0.3 }), "row_sampling");
    named(regressor().patience(0), "patience");
    named(regressor().offset("no"), "no");
    named(regressor().loss(RegressionLoss::Quantile { level: 2.0 }), "level");
    // The smallest shares still leave something.
    let least = regressor().columns_by_tree(1e-9).row_sampling(RowSampling::Fraction(1e-9)).n_trees(3);
    assert!(least.fit(&x, &y).is_ok());
}

#[test]
fn saved_variants_keep_their_numbers() {
    fn number(value: impl serde::Serialize) -> u8 {
        perennial_core::to_bytes(&value).unwrap()[0]
    }
    let classes = [
        ClassificationLoss::Logistic,
        ClassificationLoss::Softmax { n_classes: 3 },
        ClassificationLoss::Focal { gamma: 2.0, alpha: 0.5 },
        ClassificationLoss::Ldam { margins: [0.0; 2] },
        ClassificationLoss::OneVsAll { n_classes: 3 },
    ];
    assert_eq!(classes.map(number), [0, 1, 2, 3, 4]);
    let numbers = [
        RegressionLoss::SquaredError,
        RegressionLoss::AbsoluteError,
        RegressionLoss::Huber { delta: 1.0 },
        RegressionLoss::Quantile { level: 0.5 },
        RegressionLoss::Poisson,
        RegressionLoss::Gamma,
        RegressionLoss::Tweedie { power: 1.5 },
        RegressionLoss::CrossEntropy,
        RegressionLoss::AbsolutePercentageError,
        RegressionLoss::Fair { c: 1.0 },
    ];
    assert_eq!(numbers.map(number), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let rows = [
        RowSampling::All,
        RowSampling::Fraction(0.5),
        RowSampling::Gradient { top: 0.2, rest: 0.1 },
        RowSampling::Stratified(0.5),
        RowSampling::PositiveNegative { positive: 1.0, negative: 0.5 },
        RowSampling::Groups(0.5),
    ];
    assert_eq!(rows.map(number), [0, 1, 2, 3, 4, 5]);
}

// Memory, cancelling, progress.

#[test]
fn too_much_memory_is_refused() {
    let (x, y) = data(2000, 4, 34);
    let limited = |limit| regressor().n_trees(2).memory_limit(limit).fit(&x, &y);
    let error = limited(10_000).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("memory_limit"));
    assert!(limited(1 << 30).is_ok());
}

#[test]
fn cancelling_takes_effect_at_once() {
    let (x, y) = data(200_000, 20, 35);
    let token = CancelToken::new();
    let ctx = Context::new().with_cancel(token.clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Into the midst of growing trees.
            std::thread::sleep(Duration::from_millis(1500));
            token.cancel();
            let _ = sender.send(Instant::now());
        });
        let settings = GradientBoostingRegressor::new().n_trees(100_000).max_leaves(255);
        let error = Train::new(&x, &y).context(ctx).fit(&settings).unwrap_err();
        let late = receiver.recv().unwrap().elapsed();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
        assert!(late < Duration::from_millis(100), "{late:?}");
    });
}

#[test]
fn each_round_is_a_step() {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Observer for Count {
        fn step(&self, progress: &Progress<'_>) {
            assert_eq!(progress.total, 17);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (x, y) = data(200, 2, 36);
    let count = Arc::new(Count::default());
    let ctx = Context::new().with_observer(count.clone());
    let model = Train::new(&x, &y).context(ctx).fit(&regressor().n_trees(17)).unwrap();
    assert_eq!((count.0.load(Ordering::Relaxed), model.booster().n_rounds()), (17, 17));
}

// Other losses learn.

fn uniform_rows(n: usize, seed: u64) -> (Array2<f64>, Random) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n, 2), |_| random.uniform());
    (x, random)
}

#[test]
fn counts_amounts_and_quantiles_are_learned() {
    let (x, mut random) = uniform_rows(3000, 37);
    let means: Vec<f64> = x.rows().into_iter().map(|row| (2.0 * row[0] - row[1]).exp()).collect();
    let count = |random: &mut Random, mean: f64| (0..100).filter(|_| random.uniform() < mean / 100.0).count();
    let counts: Values = means.iter().map(|&mean| count(&mut random, mean) as f64).collect();
    let amounts: Values = means
        .iter()
        .map(|&mean| (0..count(&mut random, mean)).map(|_| -random.uniform().ln()).sum::<f64>())
        .collect();
    let x = Matrix::from(x);
    for (loss, y) in [
        (RegressionLoss::Poisson, &counts),
        (RegressionLoss::Tweedie { power: 1.5 }, &amounts),
        (RegressionLoss::SquaredError, &counts),
    ] {
        let model = GradientBoostingRegressor::new().loss(loss).n_trees(60).fit(&x, y).unwrap();
        let answers = model.predict(&x).unwrap();
        let off = |answer: f64, mean: f64| (answer - mean).abs();
        let ours: f64 = answers.as_slice().iter().zip(&means).map(|(&a, &mean)| off(a, mean)).sum();
        let constant = means.iter().sum::<f64>() / 3000.0;
        let theirs: f64 = means.iter().map(|&mean| off(constant, mean)).sum();
        assert!(ours < 0.4 * theirs, "{loss:?}: {ours} beside {theirs} of the constant");
    }
    let levels = [0.1, 0.5, 0.9];
    let noisy: Values = means.iter().map(|&mean| mean * (1.0 + random.normal())).collect();
    let model = GradientBoostingQuantileRegressor::new(levels).n_trees(60).fit(&x, &noisy).unwrap();
    let bands = model.predict(&x).unwrap();
    for row in bands.values().rows() {
        assert!(row[0] <= row[1] && row[1] <= row[2]);
    }
    for (column, level) in levels.into_iter().enumerate() {
        let below = (0..3000).filter(|&row| noisy.as_slice()[row] <= bands.values()[[row, column]]).count();
        assert!((below as f64 / 3000.0 - level).abs() < 0.03, "{below} at {level}");
    }
}

#[test]
fn rankings_and_hazards_are_learned() {
    let (x, mut random) = uniform_rows(1200, 38);
    let grade = |row: usize, noise: f64| (4.0 * x[[row, 0]] + noise).floor().clamp(0.0, 4.0);
    let grades: Values = (0..1200).map(|row| grade(row, 0.3 * random.normal())).collect();
    // The rows of a query are not side by side.
    let groups: Vec<u32> = (0..1200).map(|row| (row * 7 % 60) as u32).collect();
    let matrix = Matrix::from(x.clone());
    let train = Train::new(&matrix, &grades).groups(&groups);
    let model = train.fit(&GradientBoostingRanker::new().n_trees(40)).unwrap();
    let scores = model.predict(&matrix).unwrap();
    let order = |a: usize, b: usize| groups[a] == groups[b] && grades.as_slice()[a] > grades.as_slice()[b];
    let pairs = (0..1200).flat_map(|a| (0..1200).map(move |b| (a, b))).filter(|&(a, b)| order(a, b));
    let (right, all) = pairs.fold((0, 0), |(right, all), (a, b)| {
        (right + usize::from(scores.as_slice()[a] > scores.as_slice()[b]), all + 1)
    });
    assert!(f64::from(right as u32) > 0.9 * f64::from(all), "{right} of {all}");

    // Times with a hazard that rises with the first column, half of them cut off.
    let times: Values = (0..1200)
        .map(|row| {
            let time = -random.uniform().ln() / (3.0 * x[[row, 0]]).exp();
            let seen = -random.uniform().ln() * 0.3;
            if time <= seen { time } else { -seen }
        })
        .collect();
    let model = GradientBoostingRegressor::new().loss(Cox).n_trees(40).fit(&matrix, &times).unwrap();
    let line =
        Array2::from_shape_fn((10, 2), |(row, column)| if column == 0 { row as f64 / 9.0 } else { 0.5 });
    let hazards = model.predict(&line.into()).unwrap();
    let hazards = hazards.as_slice();
    assert!(hazards.iter().all(|hazard| hazard.is_finite() && *hazard > 0.0));
    assert!(hazards[9] > 5.0 * hazards[0], "{hazards:?}");
}

#[test]
fn class_weights_are_row_weights() {
    let (x, y) = data(400, 2, 39);
    let classes = signs(&y);
    let weights: Vec<f64> = classes.codes().iter().map(|&code| if code == 0 { 1.0 } else { 4.0 }).collect();
    let settings = GradientBoostingClassifier::new().n_trees(10);
    let by_rows = Train::new(&x, &classes).weights(&weights).fit(&settings).unwrap();
    let counts = classes.counts();
    let balanced: Vec<f64> =
        classes.codes().iter().map(|&code| 400.0 / 2.0 / counts[code as usize] as f64).collect();
    let by_class = settings.clone().class_weight(ClassWeight::Balanced).fit(&x, &classes).unwrap();
    let by_hand = Train::new(&x, &classes).weights(&balanced).fit(&settings).unwrap();
    assert_eq!(by_class.predict_proba(&x).unwrap(), by_hand.predict_proba(&x).unwrap());
    let mean = |model: &GradientBoostingClassifierModel| {
        model.predict_proba(&x).unwrap().of("1").unwrap().as_slice().iter().sum::<f64>()
    };
    assert!(mean(&by_rows) > mean(&by_hand));
}

// Damaged files.

/// Damages bytes and predicts with whatever can still be read.
fn survives<E>(settings: &E, model: &E::Model, x: &Matrix, damage: &[(usize, u8)], length: usize)
where
    E: Estimator<Input = Matrix> + Persist,
    E::Model: Predictor<Input = Matrix>,
{
    let whole = settings.encode(model).unwrap();
    let read = settings.decode(&whole).unwrap();
    assert!(settings.encode(&read).unwrap() == whole);
    assert!(settings.decode(&whole[..length % whole.len()]).is_err());
    let mut bytes = whole;
    for &(place, byte) in damage {
        let place = place % bytes.len();
        bytes[place] = byte;
    }
    if let Ok(model) = settings.decode(&bytes) {
        // An answer or an error, but no panic.
        let _ = model.predict(x);
    }
}

/// Rows, and a model of each kind that learned from them.
struct Learned {
    x: Matrix,
    watched: GradientBoostingRegressorModel,
    offset: GradientBoostingRegressorModel,
    classes: GradientBoostingClassifierModel,
    quantiles: GradientBoostingQuantileRegressorModel,
    ranks: GradientBoostingRankerModel,
}

static LEARNED: LazyLock<Learned> = LazyLock::new(|| {
    let (x, y) = data(60, 2, 40);
    let mut x = x.dense().unwrap().to_owned();
    x.column_mut(1).mapv_inplace(|value| if value > 1.5 { f64::NAN } else { (value + 4.0).floor() });
    let x = with_categories(x, &[1], 9);
    let labels = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let groups: Vec<u32> = (0..60).map(|row| row / 10).collect();
    let grades: Values = y.as_slice().iter().map(|y| y.round().clamp(0.0, 3.0)).collect();
    let small = free().n_trees(3).max_leaves(5);
    let classifier = GradientBoostingClassifier::new().n_trees(2).max_leaves(4).min_samples_leaf(1);
    let quantiles = GradientBoostingQuantileRegressor::new([0.2, 0.8]).n_trees(2).min_samples_leaf(5);
    let ranker = GradientBoostingRanker::new().n_trees(2).min_samples_leaf(5);
    Learned {
        watched: Train::new(&x, &y).validation(&x, &y).fit(&small).unwrap(),
        offset: small.offset("x0").fit(&x, &y).unwrap(),
        classes: classifier.fit(&x, &labels).unwrap(),
        quantiles: quantiles.fit(&x, &y).unwrap(),
        ranks: Train::new(&x, &grades).groups(&groups).fit(&ranker).unwrap(),
        x,
    }
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn damaged_models_are_errors_or_still_predict(
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6), length in any::<usize>(),
    ) {
        let Learned { x, watched, offset, classes, quantiles, ranks } = &*LEARNED;
        survives(&GradientBoostingRegressor::new(), watched, x, &damage, length);
        survives(&GradientBoostingRegressor::new(), offset, x, &damage, length);
        survives(&GradientBoostingClassifier::new(), classes, x, &damage, length);
        survives(&GradientBoostingQuantileRegressor::default(), quantiles, x, &damage, length);
        survives(&GradientBoostingRanker::new(), ranks, x, &damage, length);
    }
}
