//! Directions that models keep to, by both methods.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::boosting::{
    Growth, Mode, Monotone, MonotoneMethod, RegressionLoss, RowSampling, Splits,
};
use perennial_models::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRegressor,
};
use perennial_numeric::random::Random;

use crate::boosting::{data, rmse, with_categories};

/// Five columns: three of numbers, one of categories and one of numbers, with a tenth of the values missing. The truth goes up and
/// down along all of them.
fn wild(seed: u64) -> (Matrix, Values) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((500, 5), |(_, column)| match column {
        _ if random.uniform() < 0.1 => f64::NAN,
        3 => random.below(6) as f64,
        _ => random.normal(),
    });
    let value = |value: f64| if value.is_nan() { 0.7 } else { value };
    let y = x.rows().into_iter().map(|row| {
        let first = (2.0 * value(row[0])).sin() + value(row[0]) * value(row[1]);
        first + (value(row[3]) * 2.0).cos() * value(row[2]) - value(row[4]).abs() + 0.3 * random.normal()
    });
    let y = y.collect();
    (with_categories(x, &[3], 6), y)
}

/// Answers along `column` never go against `sign`, whatever the other columns hold.
fn keeps(answers: &dyn Fn(&Matrix) -> Vec<f64>, column: usize, sign: f64, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..25 {
        let base: Vec<f64> = (0..5)
            .map(|other| match other {
                _ if random.uniform() < 0.2 => f64::NAN,
                3 => random.below(7) as f64,
                _ => 1.2 * random.normal(),
            })
            .collect();
        let line = Array2::from_shape_fn((61, 5), |(step, other)| {
            if other == column { (step as f64 - 30.0) / 9.0 } else { base[other] }
        });
        let answers = answers(&with_categories(line, &[3], 7));
        assert!(answers.windows(2).all(|pair| sign * pair[0] <= sign * pair[1]), "{answers:?}");
    }
}

fn bound() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new()
        .monotone_method(MonotoneMethod::Intermediate)
        .monotone("x0", Monotone::Increasing)
        .monotone("x1", Monotone::Decreasing)
        .monotone("x4", Monotone::Increasing)
        .n_trees(12)
        .learning_rate(0.4)
        .min_samples_leaf(3)
}

#[test]
fn answers_keep_to_three_directions_on_grids() {
    let dart = Mode::Dart { drop_rate: 0.4, skip: 0.2, max_dropped: 4 };
    let all = [
        bound(),
        bound().l1(2.0).l2(0.0),
        bound().path_smoothing(8.0),
        bound().mode(dart).max_delta_step(0.5),
        bound().growth(Growth::DepthWise).max_depth(5).columns_by_node(0.7),
        bound().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.6)),
        bound().interaction(["x0", "x1", "x3"]).interaction(["x2", "x4"]),
        // Losses that say themselves what a leaf adds.
        bound().loss(RegressionLoss::AbsoluteError),
        bound().loss(RegressionLoss::Quantile { level: 0.85 }).path_smoothing(3.0),
        bound().loss(RegressionLoss::Huber { delta: 0.5 }),
    ];
    for (index, settings) in all.into_iter().enumerate() {
        for splits in [Splits::Histogram, Splits::Exact] {
            for seed in 0..3 {
                let seed = 1000 * index as u64 + seed;
                let (x, y) = wild(seed);
                let model = settings.clone().splits(splits).seed(seed).fit(&x, &y).unwrap();
                assert!(model.booster().trees().iter().any(|tree| tree.n_nodes() > 5));
                for (column, sign) in [(0, 1.0), (1, -1.0), (4, 1.0)] {
                    keeps(&|x| model.predict(x).unwrap().into_vec(), column, sign, seed + 7);
                }
            }
        }
    }
}

#[test]
fn cuts_at_random_classes_and_quantiles_keep_to_directions() {
    for seed in 20..24 {
        let (x, y) = wild(seed);
        let random = bound().extra_trees(true).n_trees(25).seed(seed).fit(&x, &y).unwrap();
        keeps(&|x| random.predict(x).unwrap().into_vec(), 0, 1.0, seed);
        let classes = Classes::from_labels(y.as_slice().iter().map(|&y| u8::from(y > 0.0)));
        for splits in [Splits::Histogram, Splits::Exact] {
            let classifier = GradientBoostingClassifier::new().splits(splits).n_trees(15).min_samples_leaf(3);
            let classifier = classifier.monotone_method(MonotoneMethod::Intermediate).learning_rate(0.3);
            let model = classifier.monotone("x1", Monotone::Decreasing).fit(&x, &classes).unwrap();
            keeps(&|x| model.predict_proba(x).unwrap().of("1").unwrap().into_vec(), 1, -1.0, seed);
            let quantiles = GradientBoostingQuantileRegressor::new([0.2, 0.7]).splits(splits).n_trees(10);
            let quantiles = quantiles.monotone_method(MonotoneMethod::Intermediate).min_samples_leaf(3);
            let model = quantiles.monotone("x0", Monotone::Increasing).fit(&x, &y).unwrap();
            for level in 0..2 {
                keeps(&|x| model.predict(x).unwrap().values().column(level).to_vec(), 0, 1.0, seed);
            }
        }
    }
}

#[test]
fn a_model_that_is_continued_keeps_on() {
    let (x, y) = wild(31);
    let model = bound().fit(&x, &y).unwrap();
    let longer = bound().fit_from(&model, &Train::new(&x, &y)).unwrap();
    assert_eq!(longer.booster().trees(), bound().n_trees(24).fit(&x, &y).unwrap().booster().trees());
    keeps(&|x| longer.predict(x).unwrap().into_vec(), 1, -1.0, 32);
}

#[test]
fn without_directions_the_methods_are_one() {
    let (x, y) = data(600, 3, 41);
    for splits in [Splits::Histogram, Splits::Exact] {
        let settings = GradientBoostingRegressor::new().n_trees(10).splits(splits);
        let other = settings.clone().monotone_method(MonotoneMethod::Intermediate);
        assert_eq!(other.fit(&x, &y).unwrap(), settings.fit(&x, &y).unwrap());
    }
}

/// The truth rises along both columns, steeply and by turns, so that the middle of two sides is far from both.
#[test]
fn the_intermediate_method_gives_up_less() {
    let mut gains = 0;
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let x = Array2::from_shape_fn((2000, 3), |_| random.uniform());
        let y: Values = x
            .rows()
            .into_iter()
            .map(|row| {
                let steps = (6.0 * row[0]).floor() + (4.0 * row[0] * row[1]).exp() / 8.0;
                steps + (9.0 * row[2]).sin() + 0.1 * random.normal()
            })
            .collect();
        let x = Matrix::from(x);
        for splits in [Splits::Histogram, Splits::Exact] {
            let settings = GradientBoostingRegressor::new().splits(splits).n_trees(30).max_leaves(31);
            let basic = settings.monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Increasing);
            let loss = |settings: &GradientBoostingRegressor| rmse(&settings.fit(&x, &y).unwrap(), &x, &y);
            let intermediate = basic.clone().monotone_method(MonotoneMethod::Intermediate);
            let (a, b) = (loss(&basic), loss(&intermediate));
            // Trees are greedy: now and then the way to a better tree leads over a worse cut.
            assert!(b <= 1.005 * a, "{b} by the intermediate method, {a} by the basic one");
            gains += usize::from(b < 0.99 * a);
        }
    }
    assert!(gains > 6, "{gains}");
}

/// The sum of the leaves by their rows is beyond the range of numbers, and their mean is not.
#[test]
fn huge_leaves_keep_to_directions() {
    let x = Array2::from_shape_fn((160, 2), |(row, column)| match (column, row) {
        (0, _) => f64::from(u8::from(row >= 60)),
        (_, 0..60) => f64::from(u8::from(row >= 20)),
        _ => (row % 2) as f64,
    });
    let y: Values = (0..160)
        .map(|row| match row {
            0..20 => 1e307,
            20..60 => -1e307,
            _ => 1.0,
        })
        .collect();
    let x = Matrix::from(x);
    for splits in [Splits::Histogram, Splits::Exact] {
        let settings = GradientBoostingRegressor::new().splits(splits).loss(RegressionLoss::AbsoluteError);
        let settings = settings.base_score(0.5).n_trees(5).monotone("x0", Monotone::Increasing);
        let model = settings.fit(&x, &y).unwrap();
        assert!(model.booster().trees()[0].n_leaves() > 2);
        let corners = ndarray::array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let answers = model.predict(&corners.into()).unwrap().into_vec();
        assert!(answers[0] <= answers[1] && answers[2] <= answers[3], "{answers:?}");
        assert!(answers[2] < -1e305, "{answers:?}");
    }
}

/// One tree of three leaves: its first cut says 8/3 and 10. Of the left side 10 rows then want 8, above the middle of both.
#[test]
fn leaves_say_what_the_middle_would_not_let_them() {
    // Rows: x0 low and x1 low: 0 (20 rows); x0 low and x1 high: 8 (10 rows); x0 high: 10.
    let x = Array2::from_shape_fn((60, 2), |(row, column)| match column {
        0 => f64::from(u8::from(row >= 30)),
        _ => f64::from(u8::from((20..30).contains(&row))),
    });
    let y: Values = (0..60).map(|row| [0.0, 0.0, 8.0, 10.0, 10.0, 10.0][row / 10]).collect();
    let x = Matrix::from(x);
    let settings = GradientBoostingRegressor::new().n_trees(1).learning_rate(1.0).l2(0.0).min_samples_leaf(1);
    let basic = settings.max_leaves(3).monotone("x0", Monotone::Increasing);
    for splits in [Splits::Histogram, Splits::Exact] {
        let answers = |settings: &GradientBoostingRegressor| {
            let answers =
                settings.clone().splits(splits).fit(&x, &y).unwrap().predict(&x).unwrap().into_vec();
            [answers[0], answers[20], answers[40]]
        };
        // The means are 8/3 and 10; the middle of both is 19/3.
        let close = |found: [f64; 3], truth: [f64; 3]| {
            assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {truth:?}");
        };
        close(answers(&basic), [0.0, 19.0 / 3.0, 10.0]);
        let intermediate = basic.clone().monotone_method(MonotoneMethod::Intermediate);
        close(answers(&intermediate), [0.0, 8.0, 10.0]);
    }
}
