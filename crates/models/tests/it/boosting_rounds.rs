//! Rounds of boosting: stopping, going on, forests, dropped trees.

use std::sync::Arc;

use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_models::boosting::{
    BoostingMetric, Labels, Mode, Objective, RegressionLoss, RowSampling, Watch, Watched,
};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRegressor};

use crate::boosting::{Halve, data, differences, rmse, signs};

fn regressor() -> GradientBoostingRegressor {
    GradientBoostingRegressor::new().min_samples_leaf(5)
}

/// Rows to learn from and rows to watch; learned by heart soon.
fn split() -> ((Matrix, Values), (Matrix, Values)) {
    let (x, y) = data(900, 4, 20);
    let (watched, learned): (Vec<usize>, Vec<usize>) = (0..900).partition(|row| row % 3 == 0);
    let part = |rows: &[usize]| (x.take(rows).unwrap(), y.take(rows).unwrap());
    (part(&learned), part(&watched))
}

#[test]
fn boosting_stops_and_keeps_the_best_round() {
    let ((x, y), (vx, vy)) = split();
    let settings = regressor().n_trees(2000).learning_rate(0.3).patience(15);
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&settings).unwrap();
    let booster = model.booster();
    let history = &booster.history()[0].values;
    let best = (0..history.len()).min_by(|&a, &b| history[a].total_cmp(&history[b])).unwrap() + 1;
    assert_eq!(booster.best_round(), Some(best));
    assert_eq!((booster.n_rounds(), history.len()), (best, best + 15));
    // The history is the loss of the staged predictions; the model is the best of them.
    let whole =
        Train::new(&x, &y).validation(&vx, &vy).fit(&settings.clone().patience(None).n_trees(best + 15));
    let whole = whole.unwrap();
    assert_eq!(whole.booster().n_rounds(), best + 15);
    assert_eq!(whole.booster().best_round(), Some(best));
    assert_eq!(whole.booster().history(), booster.history());
    for (answers, loss) in whole.staged_predict(&vx).unwrap().iter().zip(history) {
        let half: f64 =
            answers.as_slice().iter().zip(vy.as_slice()).map(|(a, b)| (a - b).powi(2) / 2.0).sum();
        assert!((half / 300.0 - loss).abs() < 1e-12 * (1.0 + loss), "{} {loss}", half / 300.0);
    }
    assert_eq!(whole.clone().truncated(best).predict(&vx).unwrap(), model.predict(&vx).unwrap());
    assert!((rmse(&model, &vx, &vy).powi(2) / 2.0 - history[best - 1]).abs() < 1e-12);
    // Without a validation set nothing is watched.
    let plain = settings.clone().n_trees(30).fit(&x, &y).unwrap();
    assert_eq!((plain.booster().n_rounds(), plain.booster().best_round()), (30, None));
    assert!(plain.booster().history().is_empty());
    // A large minimum improvement stops at once.
    let eager = settings.min_improvement(1e9).patience(4);
    let eager = Train::new(&x, &y).validation(&vx, &vy).fit(&eager).unwrap();
    assert_eq!((eager.booster().n_rounds(), eager.booster().history()[0].values.len()), (1, 5));
}

#[test]
fn early_stopping_works_inside_a_pipeline() {
    let ((x, y), (vx, vy)) = split();
    let settings = regressor().n_trees(2000).learning_rate(0.3).patience(10);
    let alone = Train::new(&x, &y).validation(&vx, &vy).fit(&settings).unwrap();
    let pipeline = Train::new(&x, &y).validation(&vx, &vy).fit(&Halve.then(settings)).unwrap();
    // Halves of numbers fall into the same bins.
    assert_eq!(pipeline.next().booster().history(), alone.booster().history());
    assert_eq!(pipeline.predict(&vx).unwrap(), alone.predict(&vx).unwrap());
}

#[derive(Clone, Debug)]
struct Quartic;

impl Objective for Quartic {
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        Ok(vec![labels.mean_by(|row| labels.y[row])])
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        labels.each_row(scores, gradients, hessians, |y, score| {
            let difference = score - y;
            (difference.powi(3) + difference, 3.0 * difference * difference + 1.0)
        });
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        labels.mean_by(|row| {
            (scores[row] - labels.y[row]).powi(4) / 4.0 + (scores[row] - labels.y[row]).powi(2) / 2.0
        })
    }
}

#[derive(Debug)]
struct Worst;

impl BoostingMetric for Worst {
    fn name(&self) -> String {
        "worst".to_owned()
    }

    fn value(&self, now: &Watched<'_>) -> Result<f64> {
        Ok(now.answers.iter().zip(now.labels.y).map(|(a, y)| (a - y).abs()).fold(0.0, f64::max))
    }
}

#[test]
fn own_losses_and_metrics_are_followed() {
    let ((x, y), (vx, vy)) = split();
    let settings = regressor().n_trees(60).patience(None);
    let own = settings.clone().loss(Quartic).watch([Worst]);
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&own).unwrap();
    let history = &model.booster().history()[0];
    assert_eq!((history.metric.as_str(), history.values.len()), ("worst", 60));
    let answers = model.predict(&vx).unwrap();
    let worst = answers.as_slice().iter().zip(vy.as_slice()).map(|(a, y)| (a - y).abs()).fold(0.0, f64::max);
    assert!((worst - history.values[59]).abs() < 1e-12);
    assert!(rmse(&model, &vx, &vy) < 0.75);
    let several =
        settings.watch([Watch::RootMeanSquaredError, Watch::MeanAbsoluteError, Watch::Loss]).patience(10);
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&several).unwrap();
    let history = model.booster().history();
    assert_eq!(history.len(), 3);
    for (rmse, loss) in history[0].values.iter().zip(&history[2].values) {
        assert!((rmse * rmse / 2.0 - loss).abs() < 1e-12);
    }
    let best = model.booster().best_round().unwrap();
    assert!(history[0].values.iter().all(|&value| value >= history[0].values[best - 1]));
    // A metric that is not defined is an error, not a model.
    let wrong = Train::new(&x, &y).validation(&vx, &vy).fit(&regressor().watch([Watch::RocAuc]));
    assert!(wrong.unwrap_err().to_string().contains("RocAuc"));
}

#[test]
fn a_forest_is_the_mean_of_trees_that_do_not_know_each_other() {
    let ((x, y), (vx, vy)) = split();
    for loss in [RegressionLoss::SquaredError, RegressionLoss::AbsoluteError] {
        let settings = regressor().loss(loss).mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.9));
        let one = settings.clone().n_trees(1).fit(&x, &y).unwrap();
        let many = settings.n_trees(20).fit(&x, &y).unwrap();
        // What each tree says by itself; the ensemble holds a share of it.
        let base = many.booster().ensemble().base()[0];
        let own = many.booster().trees().iter().map(|tree| {
            let leaves = tree.leaves(x.dense().unwrap()).unwrap();
            leaves.iter().map(|&leaf| base + 20.0 * tree.value(leaf as usize)[0]).collect::<Values>()
        });
        let own: Vec<Values> = own.collect();
        assert!(differences(&own[0], &one.predict(&x).unwrap()) < 1e-12);
        let mean: Values = (0..y.as_slice().len())
            .map(|row| base + own.iter().map(|own| own.as_slice()[row] - base).sum::<f64>() / 20.0)
            .collect();
        assert!(differences(&mean, &many.predict(&x).unwrap()) < 1e-12);
        // Each tree explains the target by itself, which the steps of one that knew the others would not; and no mean has a
        // larger error than its parts on average.
        let error = |answers: &[f64]| {
            let squares = answers.iter().zip(y.as_slice()).map(|(answer, y)| (answer - y).powi(2));
            (squares.sum::<f64>() / answers.len() as f64).sqrt()
        };
        let of_base = error(&vec![base; y.as_slice().len()]);
        let of_trees: Vec<f64> = own.iter().map(|own| error(own.as_slice())).collect();
        assert!(of_trees.iter().all(|&error| error < 0.75 * of_base), "{of_trees:?} {of_base}");
        let (on_average, of_mean) = (of_trees.iter().sum::<f64>() / 20.0, rmse(&many, &x, &y));
        assert!(of_mean < on_average, "{of_mean} {on_average}");
    }
    // By gradient: the rows of later rounds do not count more and more.
    let goss = RowSampling::Gradient { top: 0.2, rest: 0.2 };
    let goss =
        regressor().mode(Mode::Forest).learning_rate(1.0).row_sampling(goss).n_trees(40).fit(&x, &y).unwrap();
    assert!(rmse(&goss, &x, &y) < 0.7);
    // Stopped early, it is the mean of the trees that are left.
    let sampled =
        regressor().mode(Mode::Forest).row_sampling(RowSampling::Fraction(0.5)).n_trees(200).patience(3);
    let model = Train::new(&x, &y).validation(&vx, &vy).fit(&sampled).unwrap();
    let booster = model.booster();
    let best = booster.best_round().unwrap();
    assert_eq!(booster.n_rounds(), best);
    assert!((rmse(&model, &vx, &vy).powi(2) / 2.0 - booster.history()[0].values[best - 1]).abs() < 1e-12);
}

#[test]
fn dart_follows_its_own_scores() {
    let ((x, y), (vx, vy)) = split();
    let dart = Mode::Dart { drop_rate: 0.3, skip: 0.2, max_dropped: 10 };
    let model = Train::new(&x, &y)
        .validation(&vx, &vy)
        .fit(&regressor().mode(dart).learning_rate(0.5).n_trees(50))
        .unwrap();
    let last = *model.booster().history()[0].values.last().unwrap();
    assert_eq!(model.booster().n_rounds(), 50);
    assert!((rmse(&model, &vx, &vy).powi(2) / 2.0 - last).abs() < 1e-10);
    assert!(rmse(&model, &x, &y) < 0.6);
}

// Going on.

#[test]
fn continued_training_is_training_at_once() {
    let (x, y) = data(600, 3, 21);
    let settings = regressor().learning_rate(0.1).max_leaves(6);
    let half = settings.clone().n_trees(50).fit(&x, &y).unwrap();
    let both = settings.clone().n_trees(50).fit_from(&half, &Train::new(&x, &y)).unwrap();
    let whole = settings.clone().n_trees(100).fit(&x, &y).unwrap();
    assert_eq!(both.booster().n_rounds(), 100);
    assert_eq!(both.booster().trees()[..50], half.booster().trees()[..]);
    assert_eq!(both.clone().truncated(50).predict(&x).unwrap(), half.predict(&x).unwrap());
    let apart = differences(&both.predict(&x).unwrap(), &whole.predict(&x).unwrap());
    assert!(apart < 1e-9, "{apart}");
    let staged = whole.staged_predict(&x).unwrap();
    assert_eq!(staged[99], whole.predict(&x).unwrap());
    assert_eq!(staged[49], half.predict(&x).unwrap());
    // Classes, too; those that the model does not know are refused.
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (y.round() as i32).clamp(-1, 1)));
    let settings = GradientBoostingClassifier::new().n_trees(10).max_leaves(5);
    let half = settings.fit(&x, &three).unwrap();
    let both = settings.fit_from(&half, &Train::new(&x, &three)).unwrap();
    assert_eq!(both.booster().n_rounds(), 20);
    let staged = both.staged_predict_proba(&x).unwrap();
    assert_eq!(staged[9], half.predict_proba(&x).unwrap());
    assert_eq!(staged[19], both.predict_proba(&x).unwrap());
    let names: Arc<[String]> = three.shared_names();
    let two = Classes::new(three.codes().iter().map(|&code| code.min(1)).collect(), names).unwrap();
    let of_two = settings.fit(&x, &two).unwrap();
    assert!(settings.fit_from(&of_two, &Train::new(&x, &three)).is_err());
    assert!(settings.refit(&of_two, &Train::new(&x, &three), 0.5).is_err());
    // Early stopping counts the rounds of the model that is continued.
    let settings = regressor().n_trees(30).patience(None);
    let more =
        settings.fit_from(&settings.fit(&x, &y).unwrap(), &Train::new(&x, &y).validation(&x, &y)).unwrap();
    assert!(more.booster().best_round().unwrap() > 30);
}

#[test]
fn leaves_learn_anew() {
    let (x, y) = data(600, 3, 22);
    let settings = regressor().n_trees(30);
    let model = settings.fit(&x, &y).unwrap();
    let train = Train::new(&x, &y);
    assert_eq!(settings.refit(&model, &train, 1.0).unwrap().predict(&x).unwrap(), model.predict(&x).unwrap());
    let anew = settings.refit(&model, &train, 0.0).unwrap();
    assert!(differences(&anew.predict(&x).unwrap(), &model.predict(&x).unwrap()) < 1e-9);
    let shifted: Values = y.as_slice().iter().map(|y| y + 1.0).collect();
    let moved = settings.refit(&model, &Train::new(&x, &shifted), 0.0).unwrap();
    assert!(rmse(&moved, &x, &shifted) < 0.5 && rmse(&model, &x, &shifted) > 0.9);
    assert!(settings.refit(&model, &train, 1.5).is_err());
    assert!(settings.mode(Mode::Forest).refit(&model, &train, 0.5).is_err());
    let classes = signs(&y);
    let settings = GradientBoostingClassifier::new().n_trees(20);
    let model = settings.fit(&x, &classes).unwrap();
    let anew = settings.refit(&model, &Train::new(&x, &classes), 0.0).unwrap();
    let (a, b) = (model.predict_proba(&x).unwrap(), anew.predict_proba(&x).unwrap());
    assert!((a.values() - b.values()).iter().all(|difference| difference.abs() < 1e-9));
}

#[test]
fn each_class_against_the_rest_learns_as_two_classes_do() {
    use perennial_models::boosting::ClassificationLoss;
    let (x, y) = data(500, 3, 360);
    let code = |y: f64| (y.round() as i32).clamp(-1, 1) + 1;
    let classes =
        perennial_core::Classes::from_labels(y.as_slice().iter().map(|&y| ["a", "b", "c"][code(y) as usize]));
    let settings = perennial_models::GradientBoostingClassifier::new().n_trees(12).one_vs_all(true);
    let model = settings.clone().fit(&x, &classes).unwrap();
    assert_eq!(*model.loss(), ClassificationLoss::OneVsAll { n_classes: 3 });
    let scores = model.booster().scores(&x).unwrap();
    // The first score draws what that of two classes would.
    let first = model.class_names()[0].clone();
    let is_first: Values = classes.labels().map(|label| f64::from(u8::from(label == first))).collect();
    let alone = GradientBoostingRegressor::new()
        .loss(ClassificationLoss::Logistic)
        .n_trees(12)
        .fit(&x, &is_first)
        .unwrap();
    let of_first: Vec<f64> = scores.chunks(3).map(|scores| scores[0]).collect();
    assert_eq!(of_first, alone.booster().scores(&x).unwrap());
    let probabilities = perennial_core::Classifier::predict_proba(&model, &x).unwrap();
    for (row, scores) in probabilities.values().rows().into_iter().zip(scores.chunks(3)) {
        let odds: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
        let sum: f64 = odds.iter().sum();
        assert!(row.iter().zip(&odds).all(|(share, odds)| (share - odds / sum).abs() < 1e-12));
    }
    // Two classes have one score whatever is asked.
    let two = signs(&y);
    let plain = perennial_models::GradientBoostingClassifier::new().n_trees(3);
    assert_eq!(plain.clone().one_vs_all(true).fit(&x, &two).unwrap(), plain.fit(&x, &two).unwrap());
    // Far below 0 shares are still shares.
    let mut scores = [-2000.0, -2000.0 + 3_f64.ln()];
    ClassificationLoss::OneVsAll { n_classes: 2 }.answer(&mut scores);
    assert!((scores[0] - 0.25).abs() < 1e-12 && (scores[1] - 0.75).abs() < 1e-12);
    let read = perennial_models::interchange::TreeModel::from_lightgbm(
        &model.to_tree_model().unwrap().to_lightgbm().unwrap(),
    );
    assert_eq!(read.unwrap().predict(&x).unwrap().values().ncols(), 3);
}
