//! Boosting that goes on from a model, and what must not be mixed.

use std::time::Duration;

use perennial_core::{
    Classes, ErrorKind, Estimator, Matrix, Outputs, Persist, Predictor, Rows, Train, Values,
};
use perennial_models::boosting::{
    Mode, Monotone, RankingLoss, RegressionLoss, RowSampling, StopReason, Watch,
};
use perennial_models::{
    GradientBoostingClassifier, GradientBoostingQuantileRegressor, GradientBoostingRanker,
    GradientBoostingRegressor,
};

use crate::boosting::{data, differences, rmse, signs};

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().min_samples_leaf(5).max_leaves(6)
}

fn refused<T>(result: perennial_core::Result<T>, what: &str) {
    let error = result.err().expect("this is refused");
    assert!(error.to_string().contains(what), "{error}");
}

/// Rows to learn from and rows to watch.
fn split() -> ((Matrix, Values), (Matrix, Values)) {
    let (x, y) = data(600, 3, 71);
    let (watched, learned): (Vec<usize>, Vec<usize>) = (0..600).partition(|row| row % 3 == 0);
    let part = |rows: &[usize]| (x.take(rows).unwrap(), y.take(rows).unwrap());
    (part(&learned), part(&watched))
}

#[test]
fn parts_of_a_fit_are_its_bits() {
    let (x, y) = data(700, 4, 60);
    let weights: Vec<f64> = (0..700).map(|row| f64::from(row % 4) * 0.7).collect();
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.3 };
    let all = [
        regressor(),
        regressor().row_sampling(RowSampling::Fraction(0.6)).columns_by_tree(0.7).columns_by_node(0.6),
        // The first 1 / 0.04 rounds, 25 of them, see all rows.
        regressor().learning_rate(0.04).row_sampling(goss),
        regressor().loss(RegressionLoss::AbsoluteError),
        regressor().loss(RegressionLoss::Poisson).offset("x2").columns_by_level(0.5),
    ];
    for settings in all {
        let poisson = settings.clone().offset("x2") == settings;
        let y: Values = match poisson {
            true => y.as_slice().iter().map(|y| y.exp().round()).collect(),
            false => y.clone(),
        };
        for weights in [None, Some(&weights)] {
            let train = match weights {
                Some(weights) => Train::new(&x, &y).weights(weights),
                None => Train::new(&x, &y),
            };
            let whole = train.fit(&settings.clone().n_trees(50)).unwrap();
            let first = settings.clone().n_trees(20);
            let kept = first.encode(&train.fit(&first).unwrap()).unwrap();
            // Another process goes on from what was saved.
            let both = settings.clone().n_trees(30).fit_from(&first.decode(&kept).unwrap(), &train).unwrap();
            assert_eq!(both.booster().trees(), whole.booster().trees(), "{settings:?}");
            assert_eq!(both.predict(&x).unwrap(), whole.predict(&x).unwrap());
        }
    }
}

#[test]
fn parts_of_a_fit_of_classes_ranks_and_quantiles_are_its_bits() {
    let (x, y) = data(600, 3, 61);
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let settings = |n| {
        let settings = GradientBoostingClassifier::new().max_leaves(5).n_trees(n);
        settings.row_sampling(RowSampling::Fraction(0.5))
    };
    for y in [&three, &signs(&y)] {
        let part = settings(8).fit(&x, y).unwrap();
        let both = settings(7).fit_from(&part, &Train::new(&x, y)).unwrap();
        assert_eq!(both.booster().trees(), settings(15).fit(&x, y).unwrap().booster().trees());
    }
    // Margins stay those of the first rows.
    let margins = |n| GradientBoostingClassifier::new().ldam(1.0).n_trees(n);
    let (two, few) = (signs(&y), (0..90).collect::<Vec<_>>());
    let part = margins(5).fit(&x, &two).unwrap();
    let (few_x, few_y) = (x.take(&few).unwrap(), two.take(&few).unwrap());
    assert_eq!(margins(5).fit_from(&part, &Train::new(&few_x, &few_y)).unwrap().loss(), part.loss());
    refused(GradientBoostingClassifier::new().fit_from(&part, &Train::new(&x, &two)), "Ldam");

    let grades: Values = y.as_slice().iter().map(|y| y.round().clamp(0.0, 3.0)).collect();
    let groups: Vec<u32> = (0..600).map(|row| row / 20).collect();
    let weights: Vec<f64> = (0..600).map(|row| f64::from(u8::from(row % 5 > 0))).collect();
    let train = || Train::new(&x, &grades).groups(&groups).weights(&weights);
    let settings = |n| GradientBoostingRanker::new().n_trees(n).max_leaves(5);
    let part = train().fit(&settings(8)).unwrap();
    let both = settings(7).fit_from(&part, &train()).unwrap();
    let whole = train().fit(&settings(15)).unwrap();
    assert_eq!(both.booster().trees(), whole.booster().trees());
    assert_eq!(whole.staged_predict(&x).unwrap()[7], part.predict(&x).unwrap());
    assert_eq!(whole.truncated(8).predict(&x).unwrap(), part.predict(&x).unwrap());
    let moved = settings(8).refit(&part, &train(), 1.0).unwrap();
    assert_eq!(moved.predict(&x).unwrap(), part.predict(&x).unwrap());
    refused(settings(8).loss(RankingLoss::Pairwise).fit_from(&part, &train()), "Lambda");

    let settings = |n| GradientBoostingQuantileRegressor::new([0.2, 0.7]).n_trees(n).max_leaves(5);
    let train = Train::new(&x, &y);
    let part = settings(8).fit(&x, &y).unwrap();
    let both = settings(7).fit_from(&part, &train).unwrap();
    let whole = settings(15).fit(&x, &y).unwrap();
    assert_eq!(both.booster().trees(), whole.booster().trees());
    assert_eq!(whole.staged_predict(&x).unwrap()[7], part.predict(&x).unwrap());
    assert_eq!(whole.truncated(8).predict(&x).unwrap(), part.predict(&x).unwrap());
    let anew = settings(8).refit(&part, &train, 0.0).unwrap();
    let apart = |a: &Outputs, b: &Outputs| (a.values() - b.values()).iter().all(|apart| apart.abs() < 1e-9);
    assert!(apart(&anew.predict(&x).unwrap(), &part.predict(&x).unwrap()));
    let others = GradientBoostingQuantileRegressor::new([0.2, 0.8]);
    refused(others.fit_from(&part, &train), "0.8");
}

#[test]
fn quantiles_are_watched_by_own_metrics() {
    #[derive(Debug)]
    struct Width;
    impl perennial_models::boosting::BoostingMetric for Width {
        fn name(&self) -> String {
            "width".to_owned()
        }

        fn value(&self, now: &perennial_models::boosting::Watched<'_>) -> perennial_core::Result<f64> {
            let n = now.labels.n_rows();
            Ok((0..n).map(|row| now.answers[n + row] - now.answers[row]).sum::<f64>() / n as f64)
        }
    }
    let ((x, y), (vx, vy)) = split();
    let settings =
        GradientBoostingQuantileRegressor::new([0.1, 0.9]).n_trees(10).patience(None).watch([Width]);
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&settings).unwrap();
    let bands = model.predict(&vx).unwrap();
    let width = bands.values().rows().into_iter().map(|band| band[1] - band[0]).sum::<f64>() / 200.0;
    let history = &model.booster().history()[0];
    assert_eq!(history.metric, "width");
    assert!((history.values[9] - width).abs() < 1e-12);
    // Settings are read as they were written, also where some are left out.
    let plain = GradientBoostingQuantileRegressor::new([0.1, 0.9]).watch([Watch::Loss]);
    let json = serde_json::to_string(&plain).unwrap();
    assert_eq!(serde_json::from_str::<GradientBoostingQuantileRegressor>(&json).unwrap(), plain);
    let read: GradientBoostingQuantileRegressor = serde_json::from_str("{}").unwrap();
    assert_eq!(read, GradientBoostingQuantileRegressor::default());
}

#[test]
fn models_of_other_losses_and_modes_are_not_mixed() {
    let (x, y) = data(300, 3, 62);
    let counts: Values = y.as_slice().iter().map(|y| y.exp().round()).collect();
    let train = Train::new(&x, &counts);
    let model = regressor().n_trees(5).fit(&x, &counts).unwrap();
    let poisson = regressor().loss(RegressionLoss::Poisson);
    refused(poisson.fit_from(&model, &train), "SquaredError");
    refused(poisson.refit(&model, &train, 0.5), "SquaredError");
    let quantile = |level| regressor().loss(RegressionLoss::Quantile { level }).n_trees(5);
    let model = quantile(0.5).fit(&x, &counts).unwrap();
    refused(quantile(0.6).fit_from(&model, &train), "0.6");
    assert!(quantile(0.5).fit_from(&model, &train).is_ok());

    let forest = regressor().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5)).n_trees(4);
    let model = forest.fit(&x, &counts).unwrap();
    refused(regressor().fit_from(&model, &train), "forest");
    refused(regressor().refit(&model, &train, 0.5), "Mode::Gradient");

    let bound = regressor().monotone("x0", Monotone::Increasing).n_trees(5);
    let model = bound.fit(&x, &counts).unwrap();
    refused(regressor().fit_from(&model, &train), "`monotone` along column `x0`");
    refused(regressor().refit(&model, &train, 0.5), "`monotone`");
    assert!(bound.n_trees(1).fit_from(&model, &train).is_ok());

    // What only some probabilities would keep to, and what would change none.
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let classifier = GradientBoostingClassifier::new().n_trees(3);
    refused(classifier.clone().offset("x1").fit(&x, &three), "`offset`");
    refused(classifier.clone().monotone("x1", Monotone::Increasing).fit(&x, &three), "`monotone`");
    assert!(classifier.clone().offset("x1").fit(&x, &signs(&y)).is_ok());
}

#[test]
fn a_model_that_more_rounds_do_not_improve_stays() {
    let ((x, y), (vx, vy)) = split();
    let model = regressor().n_trees(30).fit(&x, &y).unwrap();
    let wrong: Values = y.as_slice().iter().map(|y| -y).collect();
    let train = Train::new(&x, &wrong).validation(&vx, &vy);
    let same = regressor().patience(5).fit_from(&model, &train).unwrap();
    assert_eq!(same.booster().trees(), model.booster().trees());
    assert_eq!(
        (same.booster().best_round(), same.booster().stop_reason()),
        (Some(30), StopReason::NoImprovement)
    );
    assert_eq!(same.booster().history()[0].values.len(), 5);
    // Also where no round can be added at all.
    let train = Train::new(&x, &y).validation(&vx, &vy);
    let nothing = regressor().min_gain(1e12).fit_from(&model, &train).unwrap();
    assert_eq!(
        (nothing.booster().best_round(), nothing.booster().stop_reason()),
        (Some(30), StopReason::NothingLeft)
    );
    assert!(nothing.booster().history()[0].values.is_empty());
    let better = regressor().n_trees(5).fit_from(&model, &Train::new(&x, &y).validation(&x, &y)).unwrap();
    assert_eq!(better.booster().best_round(), Some(35));
}

#[test]
fn stages_of_a_forest_are_means() {
    let ((x, y), (vx, vy)) = split();
    let forest = |n| {
        let settings = regressor().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5));
        settings.n_trees(n).patience(None).learning_rate(1e-3)
    };
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&forest(8)).unwrap();
    let staged = model.staged_predict(&vx).unwrap();
    assert_eq!(staged[7], model.predict(&vx).unwrap());
    for n in [1, 3, 7] {
        let few = forest(n).fit(&x, &y).unwrap().predict(&vx).unwrap();
        assert!(differences(&staged[n - 1], &few) < 1e-12);
        let cut = model.clone().truncated(n);
        assert!(differences(&cut.predict(&vx).unwrap(), &few) < 1e-12);
        let loss = cut.booster().history()[0].values[n - 1];
        assert!((rmse(&cut, &vx, &vy).powi(2) / 2.0 - loss).abs() < 1e-12);
    }
    refused(regressor().mode(Mode::Forest).n_trees(2).fit(&x, &y), "`row_sampling`");
    // Shares that are, or are rounded to, all of them leave nothing out.
    let alike = regressor().mode(Mode::Forest).n_trees(2);
    refused(alike.clone().row_sampling(RowSampling::Fraction(1.0)).fit(&x, &y), "`row_sampling`");
    refused(alike.clone().columns_by_tree(0.9).fit(&x, &y), "all 3 columns");
    assert!(alike.columns_by_tree(0.7).fit(&x, &y).is_ok());
    // Rows with large derivatives are drawn from the first round on.
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.2 };
    let model = forest(2).row_sampling(goss).fit(&x, &y).unwrap();
    assert!(model.booster().trees().iter().all(|tree| tree.n_rows(0) == 160));
}

#[test]
fn what_is_cut_off_is_not_told() {
    let ((x, y), (vx, vy)) = split();
    let train = || Train::new(&x, &y).validation(&vx, &vy);
    let model = train().fit(&regressor().n_trees(300).learning_rate(0.3).patience(10)).unwrap();
    let best = model.booster().n_rounds();
    assert_eq!(model.clone().truncated(best + 5), model);
    let cut = model.truncated(best - 1);
    assert_eq!(cut.booster().best_round(), None);
    assert_eq!(cut.booster().history()[0].values.len(), best - 1);
    let more = regressor().n_trees(6).patience(None).fit_from(&cut, &train()).unwrap();
    assert_eq!(more.booster().history()[0].values.len(), 6);
    assert_eq!(more.clone().truncated(best + 1).booster().history()[0].values.len(), 2);
    assert!(more.truncated(best - 3).booster().history()[0].values.is_empty());
}

#[test]
fn learning_says_why_it_ended_and_keeps_what_time_allowed() {
    let ((x, y), (vx, vy)) = split();
    let reason = |settings: &GradientBoostingRegressor| {
        let model = Train::new(&x, &y).validation(&vx, &vy).fit(settings).unwrap();
        (model.booster().stop_reason(), model.booster().history()[0].values.len())
    };
    assert_eq!(reason(&regressor().n_trees(3)), (StopReason::Rounds, 3));
    let late = regressor().time_limit(Duration::ZERO);
    assert_eq!(reason(&late), (StopReason::TimeLimit, 1));
    assert_eq!(reason(&late.n_trees(1)), (StopReason::Rounds, 1));
    assert_eq!(
        reason(&regressor().time_limit(Duration::from_secs(3600)).n_trees(2)),
        (StopReason::Rounds, 2)
    );
    let eager = regressor().min_improvement(1e9).patience(2);
    assert_eq!(reason(&eager), (StopReason::NoImprovement, 3));
    let nothing = regressor().min_gain(1e12).fit(&x, &y).unwrap();
    assert_eq!(nothing.booster().stop_reason(), StopReason::NothingLeft);
}

#[test]
fn scores_start_where_they_are_told() {
    let (x, y) = data(300, 3, 63);
    let settings = regressor().base_score(1.5).n_trees(40);
    let model = settings.fit(&x, &y).unwrap();
    assert_eq!(model.booster().ensemble().base(), [1.5]);
    assert!(rmse(&model, &x, &y) < 0.6);
    let longer = settings.fit_from(&model, &Train::new(&x, &y)).unwrap();
    assert_eq!(longer.booster().n_rounds(), 80);
    refused(settings.clone().base_score(1.0).fit_from(&model, &Train::new(&x, &y)), "`base_score` is 1");
    refused(settings.base_score(f64::NAN).fit(&x, &y), "base_score");
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let model = GradientBoostingClassifier::new().base_score(0.0).n_trees(2).fit(&x, &three).unwrap();
    assert_eq!(model.booster().ensemble().base(), [0.0; 3]);
}

#[test]
fn rows_that_are_watched_have_weights() {
    let ((x, y), (vx, vy)) = split();
    let some: Vec<usize> = (0..200).filter(|row| row % 3 > 0).collect();
    let weights: Vec<f64> = (0..200).map(|row| if row % 3 > 0 { 2.5 } else { 0.0 }).collect();
    let (few_x, few_y) = (vx.take(&some).unwrap(), vy.take(&some).unwrap());
    let settings = regressor().n_trees(300).learning_rate(0.3).patience(10);
    let weighed =
        Train::new(&x, &y).validation(&vx, &vy).validation_weights(&weights).fit(&settings).unwrap();
    let few = Train::new(&x, &y).validation(&few_x, &few_y).fit(&settings).unwrap();
    assert_eq!(weighed.booster().best_round(), few.booster().best_round());
    let (ours, theirs) = (&weighed.booster().history()[0].values, &few.booster().history()[0].values);
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-12));
    let (classes, watched, few_classes) = (signs(&y), signs(&vy), signs(&few_y));
    let settings = GradientBoostingClassifier::new().n_trees(20).patience(None).watch([Watch::RocAuc]);
    let train = Train::new(&x, &classes).validation(&vx, &watched).validation_weights(&weights);
    let weighed = train.fit(&settings).unwrap();
    let few = Train::new(&x, &classes).validation(&few_x, &few_classes).fit(&settings).unwrap();
    let (ours, theirs) = (&weighed.booster().history()[0].values, &few.booster().history()[0].values);
    assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn memory_counts_the_rows_that_are_watched_and_those_that_move_leaves() {
    let (x, y) = data(400, 3, 64);
    let (many_x, many_y) = data(100_000, 3, 65);
    let settings = regressor().n_trees(2).memory_limit(1 << 20);
    let model = settings.fit(&x, &y).unwrap();
    let watching = Train::new(&x, &y).validation(&many_x, &many_y).fit(&settings).unwrap_err();
    assert!(matches!(watching.kind(), ErrorKind::TooLarge { .. }), "{watching}");
    assert!(watching.to_string().contains("100000 rows to watch"), "{watching}");
    refused(settings.refit(&model, &Train::new(&many_x, &many_y), 0.5), "moving leaves to 100000 rows");
    assert!(settings.refit(&model, &Train::new(&x, &y), 0.5).is_ok());
}

#[test]
fn stages_of_scores_come_one_by_one() {
    let (x, y) = data(200, 2, 66);
    let model = regressor().n_trees(6).fit(&x, &y).unwrap();
    let mut staged = model.booster().staged_scores(&x).unwrap();
    assert_eq!(staged.len(), 6);
    assert_eq!(staged.nth(5).unwrap(), model.booster().scores(&x).unwrap());
    // Columns in another order.
    let turned = x.dense().unwrap().select(ndarray::Axis(1), &[1, 0]);
    let turned = Matrix::from(turned).with_names(["x1", "x0"]).unwrap();
    assert_eq!(model.booster().staged_scores(&turned).unwrap().last(), model.booster().scores(&x).ok());
}
