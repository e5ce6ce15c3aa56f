//! What boosting is told to keep to: directions, interactions, offsets.

use ndarray::Array2;
use perennial_core::{Classifier, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::boosting::{GradientBoostingRegressorModel, Monotone, RegressionLoss};
use perennial_models::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRegressor,
};
use perennial_numeric::random::Random;

use crate::boosting::{data, rmse, signs};

/// The answers of rows that differ in one column never go down along `steps`.
pub(crate) fn rises(answers: impl Fn(&Matrix) -> Vec<f64>, column: usize, missing: bool) {
    let mut random = Random::new(12);
    for _ in 0..60 {
        let base: Vec<f64> = (0..3)
            .map(|other| {
                if missing && other != column && random.uniform() < 0.3 { f64::NAN } else { random.normal() }
            })
            .collect();
        let line = Array2::from_shape_fn((101, 3), |(step, other)| {
            if other == column { (step as f64 - 50.0) / 12.0 } else { base[other] }
        });
        let answers = answers(&line.into());
        assert!(answers.windows(2).all(|pair| pair[0] <= pair[1]), "{answers:?}");
    }
}

#[test]
fn monotone_constraints_hold_on_a_grid() {
    let (x, y) = data(1500, 3, 13);
    let mut holes = x.dense().unwrap().to_owned();
    let mut random = Random::new(14);
    holes.mapv_inplace(|value| if random.uniform() < 0.15 { f64::NAN } else { value });
    let holes = Matrix::from(holes);
    for (x, missing) in [(&x, false), (&holes, true)] {
        for smoothing in [0.0, 10.0] {
            let losses = [
                RegressionLoss::SquaredError,
                RegressionLoss::AbsoluteError,
                RegressionLoss::Quantile { level: 0.8 },
                RegressionLoss::Huber { delta: 0.5 },
            ];
            for loss in losses {
                // The truth goes up and down in the second column.
                let settings = GradientBoostingRegressor::new().n_trees(40).min_samples_leaf(3).loss(loss);
                let settings = settings.path_smoothing(smoothing).l1(0.01).learning_rate(0.3);
                let settings =
                    settings.monotone("x1", Monotone::Increasing).monotone("x0", Monotone::Decreasing);
                let model = settings.fit(x, &y).unwrap();
                assert!(model.booster().n_rounds() > 5);
                rises(|x| model.predict(x).unwrap().into_vec(), 1, missing);
                rises(
                    |x| model.predict(x).unwrap().into_vec().iter().map(|answer| -answer).collect(),
                    0,
                    missing,
                );
            }
            let settings =
                GradientBoostingClassifier::new().n_trees(40).min_samples_leaf(3).learning_rate(0.3);
            let settings = settings.path_smoothing(smoothing).monotone("x1", Monotone::Increasing);
            let model = settings.fit(x, &signs(&y)).unwrap();
            rises(|x| model.predict_proba(x).unwrap().of("1").unwrap().into_vec(), 1, missing);
            let settings = GradientBoostingQuantileRegressor::new([0.2, 0.7]).n_trees(25).min_samples_leaf(3);
            let model = settings.monotone("x1", Monotone::Increasing).fit(x, &y).unwrap();
            rises(|x| model.predict(x).unwrap().values().column(0).to_vec(), 1, missing);
        }
    }
}

#[test]
fn a_constraint_that_the_truth_keeps_costs_little() {
    let mut random = Random::new(15);
    let x = Array2::from_shape_fn((4000, 2), |_| random.uniform());
    let y: Values =
        x.rows().into_iter().map(|row| 1000.0 * row[0] * (1.0 + row[1]) + 20.0 * random.normal()).collect();
    let x = Matrix::from(x);
    for loss in
        [RegressionLoss::SquaredError, RegressionLoss::AbsoluteError, RegressionLoss::Quantile { level: 0.5 }]
    {
        let free = GradientBoostingRegressor::new().loss(loss);
        let bound = free.clone().monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Increasing);
        let (free, bound) =
            (rmse(&free.fit(&x, &y).unwrap(), &x, &y), rmse(&bound.fit(&x, &y).unwrap(), &x, &y));
        assert!(bound < 2.0 * free, "{loss:?}: {bound} with constraints and {free} without");
    }
}

#[test]
fn a_model_against_the_constraints_is_not_continued() {
    let (x, y) = data(500, 3, 18);
    let free = GradientBoostingRegressor::new().n_trees(20);
    let bound = free.clone().monotone("x0", Monotone::Decreasing);
    let error = bound.fit_from(&free.fit(&x, &y).unwrap(), &Train::new(&x, &y)).unwrap_err();
    assert!(error.to_string().contains("`monotone`"), "{error}");
    let more = bound.fit_from(&bound.fit(&x, &y).unwrap(), &Train::new(&x, &y)).unwrap();
    rises(|x| more.predict(x).unwrap().into_vec().iter().map(|answer| -answer).collect(), 0, false);
}

#[test]
fn interaction_constraints_hold_on_every_path() {
    let (x, y) = data(2000, 6, 16);
    let settings = GradientBoostingRegressor::new().n_trees(30).min_samples_leaf(5).columns_by_node(0.8);
    let settings = settings.interaction(["x0", "x1"]).interaction(["x1", "x2", "x3"]);
    let model = settings.fit(&x, &y).unwrap();
    let sets: [&[usize]; 4] = [&[0, 1], &[1, 2, 3], &[4], &[5]];
    for tree in model.booster().trees() {
        let mut waiting = vec![(0, Vec::new())];
        while let Some((node, mut way)) = waiting.pop() {
            let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                assert!(sets.iter().any(|set| way.iter().all(|column| set.contains(column))), "{way:?}");
                continue;
            };
            way.push(column);
            waiting.extend([(left, way.clone()), (right, way)]);
        }
    }
    assert!(GradientBoostingRegressor::new().interaction(["x0", "no"]).fit(&x, &y).is_err());
}

#[test]
fn an_exposure_as_offset_is_a_rate_with_weights() {
    let mut random = Random::new(17);
    let n = 1500;
    let x = Array2::from_shape_fn((n, 2), |(_, column)| {
        if column == 0 { random.below(30) as f64 } else { random.below(9) as f64 }
    });
    let exposure: Vec<f64> = (0..n).map(|_| f64::from(1 << random.below(6))).collect();
    let y: Values = (0..n)
        .map(|row| {
            let mean = exposure[row] * (0.05 * x[[row, 0]] - 0.1 * x[[row, 1]]).exp();
            (0..200).filter(|_| random.uniform() < mean / 200.0).count() as f64
        })
        .collect();
    let rates: Values = (0..n).map(|row| y.as_slice()[row] / exposure[row]).collect();
    let mut with_offset = Array2::zeros((n, 3));
    for row in 0..n {
        (with_offset[[row, 0]], with_offset[[row, 1]]) = (x[[row, 0]], x[[row, 1]]);
        with_offset[[row, 2]] = exposure[row].ln();
    }
    let with_offset = Matrix::from(with_offset);
    let poisson = GradientBoostingRegressor::new().loss(RegressionLoss::Poisson).n_trees(40);
    let by_offset = poisson.clone().offset("x2").fit(&with_offset, &y).unwrap();
    let x = Matrix::from(x);
    let by_rate = Train::new(&x, &rates).weights(&exposure).fit(&poisson).unwrap();
    let base = |model: &GradientBoostingRegressorModel| model.booster().ensemble().base()[0];
    assert!((base(&by_offset) - base(&by_rate)).abs() < 1e-9, "{} {}", base(&by_offset), base(&by_rate));
    let (a, b) = (by_offset.predict(&with_offset).unwrap(), by_rate.predict(&x).unwrap());
    for row in 0..n {
        let (a, b) = (a.as_slice()[row], b.as_slice()[row] * exposure[row]);
        assert!((a / b - 1.0).abs() < 0.02, "{a} {b}");
    }
    assert!(
        by_offset
            .booster()
            .trees()
            .iter()
            .all(|tree| (0..tree.n_nodes()).all(|node| tree.feature(node) != Some(2)))
    );
    // Even where nothing can be split, the constant fits beside the offset.
    let constant = poisson.offset("x2").min_gain(1e12).fit(&with_offset, &y).unwrap();
    let total = |values: &[f64]| values.iter().sum::<f64>();
    let found = total(constant.predict(&with_offset).unwrap().as_slice());
    assert!((found / total(y.as_slice()) - 1.0).abs() < 1e-9);
    let mut hole = with_offset.dense().unwrap().to_owned();
    hole[[3, 2]] = f64::NAN;
    assert!(by_offset.predict(&hole.clone().into()).is_err());
    assert!(GradientBoostingRegressor::new().offset("x2").fit(&hole.into(), &y).is_err());
}

/// Whether the columns on each way down these trees lie in one of the sets.
fn keeps_to(trees: &[perennial_models::tree::Tree], sets: &[&[usize]]) {
    for tree in trees {
        let mut waiting = vec![(0, Vec::new())];
        while let Some((node, mut way)) = waiting.pop() {
            let (Some(column), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                assert!(sets.iter().any(|set| way.iter().all(|column| set.contains(column))), "{way:?}");
                continue;
            };
            way.push(column);
            waiting.extend([(left, way.clone()), (right, way)]);
        }
    }
}

#[test]
fn interaction_constraints_hold_for_quantiles() {
    let (x, y) = data(1500, 5, 131);
    let sets: [&[usize]; 3] = [&[0, 1], &[1, 2, 3], &[4]];
    let bound = |quantiles: GradientBoostingQuantileRegressor| {
        quantiles.interaction(["x0", "x1"]).interaction(["x1", "x2", "x3"])
    };
    let several = bound(GradientBoostingQuantileRegressor::new([0.1, 0.5, 0.9]).n_trees(15));
    let model = several.fit(&x, &y).unwrap();
    assert_eq!(model.booster().trees().len(), 45);
    keeps_to(model.booster().trees(), &sets);
    for level in [0.1, 0.8] {
        let one = GradientBoostingRegressor::new().loss(RegressionLoss::Quantile { level }).n_trees(15);
        let one = one.interaction(["x0", "x1"]).interaction(["x1", "x2", "x3"]);
        keeps_to(one.fit(&x, &y).unwrap().booster().trees(), &sets);
    }
    // Without them they meet.
    let free = GradientBoostingQuantileRegressor::new([0.1, 0.5, 0.9]).n_trees(15).fit(&x, &y).unwrap();
    assert!(std::panic::catch_unwind(|| keeps_to(free.booster().trees(), &sets)).is_err());
}

#[test]
fn all_quantiles_follow_all_bound_columns() {
    let (x, y) = data(1500, 3, 132);
    for smoothing in [0.0, 5.0] {
        let settings =
            GradientBoostingQuantileRegressor::new([0.1, 0.5, 0.9]).n_trees(25).min_samples_leaf(3);
        let settings = settings.path_smoothing(smoothing).learning_rate(0.3);
        let settings = settings.monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Decreasing);
        let model = settings.monotone("x2", Monotone::Increasing).fit(&x, &y).unwrap();
        for level in 0..3 {
            for (column, sign) in [(0, 1.0), (1, -1.0), (2, 1.0)] {
                let answers = |x: &Matrix| {
                    let answers = model.predict(x).unwrap();
                    answers.values().column(level).iter().map(|answer| sign * answer).collect()
                };
                rises(answers, column, false);
            }
        }
    }
}
