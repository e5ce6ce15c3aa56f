//! What the outcomes of each row are worth, and how sure the points of curves are.

use perennial_core::{Classes, Rows};
use perennial_evaluation::decision::{
    MeanValue, OutcomeValues, ValueModel, cost_curve, cost_intervals, decision_curve, decision_intervals,
    lift_intervals, lift_table,
};
use perennial_evaluation::metric::Accuracy;
use perennial_evaluation::split::StratifiedKFold;
use perennial_evaluation::{
    CrossValidation, IntervalOptions, Replay, SliceOptions, Slices, cross_validate, cross_validate_all,
    learning_curve, nested_cross_validate, score_slices,
};
use perennial_numeric::random::Random;

use crate::conformal::close;
use crate::models::coin;
use crate::toys::Centroids;

/// A metric with values per row scores each part of the rows by the values of its rows.
#[test]
fn metrics_take_the_values_of_the_rows_that_they_score() {
    let (x, y) = coin(60, 5);
    let worth = |row: usize| OutcomeValues::gains(row as f64, -2.0, -0.5 * row as f64, 0.25);
    let metric = MeanValue::new(ValueModel::PerRow((0..60).map(worth).collect()));
    let (folds, options) = (StratifiedKFold::new(3).seed(2), CrossValidation::new());
    let scored = cross_validate(&Centroids::new(), &x, &y, &folds, &metric, &options).unwrap();
    let answers = scored.predictions.clone().unwrap();
    let value = |row: usize| worth(row).of(y.codes()[row] == 1, answers.codes()[row] == 1);
    let mean = |rows: &[usize]| rows.iter().map(|&row| value(row)).sum::<f64>() / rows.len() as f64;
    scored.folds.iter().for_each(|fold| close(fold.score, mean(&fold.test), 1e-12));
    let several =
        cross_validate_all(&Centroids::new(), &x, &y, &folds, &(Accuracy, metric.clone()), &options);
    assert_eq!(several.unwrap()[1].scores(), scored.scores());
    let curve = learning_curve(&Centroids::new(), &x, &y, &folds, &metric, &[1.0], &options).unwrap();
    assert_eq!(curve.points[0].test.scores(), scored.scores());
    let nested = nested_cross_validate(
        &[Centroids::new()],
        &x,
        &y,
        &folds,
        &StratifiedKFold::new(2).seed(1),
        &metric,
        &options,
    );
    assert_eq!(nested.unwrap().outer.scores(), scored.scores());
    // Slices, whose rows are not the first ones.
    let late: Vec<bool> = (0..60).map(|row| row >= 25).collect();
    let report =
        score_slices(&metric, &y, &answers, &Slices::new().mask("late", &late), &SliceOptions::new())
            .unwrap();
    close(report.slices[0].interval.estimate, mean(&(25..60).collect::<Vec<_>>()), 1e-12);
    close(report.slices[0].rest, mean(&(0..25).collect::<Vec<_>>()), 1e-12);
}

/// Requests that are not in the order of time keep the values that they have.
#[test]
fn replays_take_the_values_of_the_requests_that_they_score() {
    let names = ["no", "yes"].map(String::from).to_vec();
    let asked: Vec<i64> = (0..40).map(|row| row * 17 % 40).collect();
    let known: Vec<Option<i64>> =
        (0..40).map(|row: i64| (row % 7 != 3).then_some(asked[row as usize] + 1 + row % 3 * 5)).collect();
    let truth = Classes::new((0..40).map(|row| row / 2 % 2).collect(), names.clone()).unwrap();
    let said = |row: usize| (row / 3 % 2) as u32;
    let worth = |row: usize| OutcomeValues::gains(row as f64, -2.0, -0.5 * row as f64, 0.25);
    let metric = MeanValue::new(ValueModel::PerRow((0..40).map(worth).collect()));
    let answer =
        |rows: &[usize], _: i64| Classes::new(rows.iter().map(|&row| said(row)).collect(), names.clone());
    let replayed = Replay::new(&asked, &known).window(20).run(&metric, &truth, answer).unwrap();
    let value = |row: usize| worth(row).of(truth.codes()[row] == 1, said(row) == 1);
    let mean = |inside: &dyn Fn(usize) -> bool| {
        let rows: Vec<usize> = (0..40).filter(|&row| inside(row)).collect();
        rows.iter().map(|&row| value(row)).sum::<f64>() / rows.len() as f64
    };
    for (window, from) in replayed.windows[..2].iter().zip([0, 20]) {
        let within = |time: i64| (from..from + 20).contains(&time);
        let scored = mean(&|row| known[row].is_some() && within(asked[row]));
        close(window.score.unwrap().estimate, scored, 1e-12);
        close(window.seen.unwrap().estimate, mean(&|row| known[row].is_some_and(within)), 1e-12);
    }
}

/// Estimates of intervals are the points of the curves, and a row of weight 2 is as two rows.
#[test]
fn points_with_intervals_are_those_of_the_curves() {
    let mut random = Random::new(3);
    let positive: Vec<bool> = (0..90).map(|_| random.uniform() < 0.4).collect();
    let scores: Vec<f64> = positive
        .iter()
        .map(|&own| ((2.0 * f64::from(u8::from(own)) + random.normal()) / 8.0 + 0.4).clamp(0.0, 1.0))
        .map(|score| (20.0 * score).round() / 20.0)
        .collect();
    let weights: Vec<f64> = (0..90).map(|row| f64::from(row % 3)).collect();
    let copies: Vec<usize> = (0..90).flat_map(|row| std::iter::repeat_n(row, row % 3)).collect();
    let (own_scores, own_positive) = (scores.take(&copies).unwrap(), positive.take(&copies).unwrap());
    let plain = IntervalOptions::new().replicates(100);
    let weighted = plain.clone().weights(&weights);
    let (thresholds, mixes) = ([0.0, 0.35, 0.6, 0.99], [0.0, 0.2, 0.5, 1.0]);
    let benefits = decision_intervals(&scores, &positive, &thresholds, &weighted).unwrap();
    let curve = decision_curve(&own_scores, &own_positive, None, &thresholds).unwrap();
    let costs = cost_intervals(&scores, &positive, &mixes, &weighted).unwrap();
    let of_costs = cost_curve(&own_scores, &own_positive, None).unwrap();
    for place in 0..4 {
        close(benefits[place].estimate, curve.model[place], 1e-12);
        assert!(benefits[place].low <= benefits[place].estimate);
        close(costs[place].estimate, of_costs.at(mixes[place]).unwrap().0, 1e-12);
    }
    let table = lift_table(&own_scores, &own_positive, None, 5).unwrap();
    let depths: Vec<f64> = table.iter().map(|row| row.depth).collect();
    let lifts = lift_intervals(&scores, &positive, &depths, &weighted).unwrap();
    table.iter().zip(&lifts).for_each(|(row, lift)| close(lift.estimate, row.lift, 1e-9));
    assert!(lifts[0].low < lifts[0].estimate && lifts[0].estimate < lifts[0].high);
    // Half of rows that are tied: half of their positives.
    let every_other: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
    let half = lift_intervals(&[1.0; 40], &every_other, &[0.5], &plain);
    close(half.unwrap()[0].estimate, 1.0, 1e-15);

    assert!(decision_intervals(&scores, &positive, &[1.0], &plain).is_err());
    assert!(cost_intervals(&scores, &positive, &[1.5], &plain).is_err());
    assert!(cost_intervals(&scores, &[true; 90], &[0.5], &plain).is_err());
    assert!(lift_intervals(&scores, &positive, &[0.0], &plain).is_err());
    assert!(lift_intervals(&scores, &[false; 90], &[0.5], &plain).is_err());
    assert!(lift_intervals(&scores, &positive[1..], &[0.5], &plain).is_err());
}
