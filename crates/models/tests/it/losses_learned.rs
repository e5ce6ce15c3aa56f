//! Losses fitted through their estimators where the best answer is known: two groups of rows, told apart by one column.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Train, Values};
use perennial_models::boosting::{Objective, RankingLoss, RegressionLoss};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRanker, GradientBoostingRegressor};

/// The targets of both groups, eight times each, and the column that tells the groups apart.
pub(crate) fn groups(low: &[f64], high: &[f64]) -> (Matrix, Values) {
    let of = |group: f64, targets: &[f64]| {
        targets.repeat(8).into_iter().map(move |y| (group, y)).collect::<Vec<_>>()
    };
    let rows: Vec<(f64, f64)> = [of(0.0, low), of(1.0, high)].concat();
    let x = Array2::from_shape_fn((rows.len(), 1), |(row, _)| rows[row].0);
    (x.into(), rows.into_iter().map(|(_, y)| y).collect())
}

/// Steps until nothing moves any more, without anything that holds them back.
pub(crate) fn regressor<O: Objective>(loss: O) -> GradientBoostingRegressor<O> {
    let settings = GradientBoostingRegressor::new().loss(loss).n_trees(400).learning_rate(0.3);
    settings.l2(0.0).min_child_weight(0.0).min_samples_leaf(1).max_leaves(2)
}

pub(crate) fn both() -> Matrix {
    Matrix::from(ndarray::array![[0.0], [1.0]])
}

pub(crate) fn close(found: &[f64], truth: [f64; 2], tolerance: f64) {
    let near = |(found, truth): (&f64, f64)| (found - truth).abs() < tolerance * (1.0 + truth.abs());
    assert!(found.iter().zip(truth).all(near), "{found:?} instead of {truth:?}");
}

#[test]
fn amounts_have_the_logarithm_of_their_mean_as_score() {
    // Means 4 and 250.
    let (x, y) = groups(&[1.0, 2.0, 9.0], &[10.0, 40.0, 700.0]);
    let model = regressor(RegressionLoss::Gamma).fit(&x, &y).unwrap();
    close(model.predict(&both()).unwrap().as_slice(), [4.0, 250.0], 1e-5);
    close(&model.booster().scores(&both()).unwrap(), [4_f64.ln(), 250_f64.ln()], 1e-5);
}

#[test]
fn shares_have_the_log_odds_of_their_mean_as_score() {
    let (x, y) = groups(&[0.0, 0.1, 0.2], &[0.5, 0.8, 0.95]);
    let model = regressor(RegressionLoss::CrossEntropy).fit(&x, &y).unwrap();
    close(model.predict(&both()).unwrap().as_slice(), [0.1, 0.75], 1e-5);
    close(&model.booster().scores(&both()).unwrap(), [(1.0 / 9.0_f64).ln(), 3_f64.ln()], 1e-5);
}

/// The median where each row weighs one over its target. Of 1, 2, 4, 8 and 100 the weights are 1, 0.5, 0.25, 0.125 and 0.01:
/// the first has more than half of them. The median is 4 and the mean 23. Of 50, 60, 70, 80 and 300 it is 60.
#[test]
fn errors_as_shares_of_the_target_lean_to_low_answers() {
    let (x, y) = groups(&[1.0, 2.0, 4.0, 8.0, 100.0], &[50.0, 60.0, 70.0, 80.0, 300.0]);
    let model = regressor(RegressionLoss::AbsolutePercentageError).fit(&x, &y).unwrap();
    close(model.predict(&both()).unwrap().as_slice(), [1.0, 60.0], 1e-6);
}

/// The best probability of a group is found by trying all.
#[test]
fn the_focal_loss_is_at_its_least() {
    let (gamma, alpha) = (2.0, 0.3);
    // One of four rows is of class 1, and two of three.
    let (x, y) = groups(&[0.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 1.0]);
    let classes = Classes::from_labels(y.as_slice().iter().map(|&y| y as u8));
    let settings = GradientBoostingClassifier::new().focal(gamma, alpha).n_trees(600).learning_rate(0.3);
    let settings = settings.l2(0.0).min_child_weight(0.0).min_samples_leaf(1).max_leaves(2);
    let model = settings.fit(&x, &classes).unwrap();
    let shares = model.predict_proba(&both()).unwrap().of("1").unwrap().into_vec();
    let best = |share: f64| {
        let loss = |p: f64| {
            -share * alpha * (1.0 - p).powf(gamma) * p.ln()
                - (1.0 - share) * (1.0 - alpha) * p.powf(gamma) * (1.0 - p).ln()
        };
        let tried = (1..100_000).map(|step| f64::from(step) / 1e5);
        tried.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap()
    };
    let truth = [best(0.25), best(2.0 / 3.0)];
    // The logarithmic loss would say 0.25 and 0.667.
    assert!((truth[0] - 0.25).abs() > 0.05 && (truth[1] - 2.0 / 3.0).abs() > 0.05, "{truth:?}");
    close(&shares, truth, 1e-3);
}

/// In each query one row of each group; that of the second group is the better one in three of four queries, so the best
/// difference of scores is the logarithm of 3.
#[test]
fn pairs_are_ordered_as_often_as_they_are() {
    let n_queries = 40;
    let x = Array2::from_shape_fn((2 * n_queries, 1), |(row, _)| (row % 2) as f64);
    let better = |query: usize| usize::from(!query.is_multiple_of(4));
    let y: Values = (0..2 * n_queries).map(|row| f64::from(u8::from(row % 2 == better(row / 2)))).collect();
    let queries: Vec<u32> = (0..2 * n_queries as u32).map(|row| row / 2).collect();
    let settings = GradientBoostingRanker::new().loss(RankingLoss::Pairwise).n_trees(400).learning_rate(0.3);
    let settings = settings.l2(0.0).min_child_weight(0.0).min_samples_leaf(1).max_leaves(2);
    let x = Matrix::from(x);
    let model = Train::new(&x, &y).groups(&queries).fit(&settings).unwrap();
    let scores = model.predict(&both()).unwrap().into_vec();
    assert!((scores[1] - scores[0] - 3_f64.ln()).abs() < 1e-3, "{scores:?}");
}
