//! Values, thresholds and their curves.

use ndarray::array;
use perennial_core::{Classes, Classifier, Estimator, Predictor, Probabilities, Rows, Train};
use perennial_evaluation::decision::{
    CostMatrix, FixedThreshold, MeanValue, NetBenefit, Objective, OutcomeValues, ThresholdRule,
    TunedThreshold, ValueModel, cost_curve, decision_curve, lift_table, profit_at_k, profit_intervals,
};
use perennial_evaluation::metric::{Accuracy, BalancedAccuracy, F1, Precision, Recall};
use perennial_evaluation::split::StratifiedKFold;
use perennial_evaluation::{
    CrossFit, CrossValidation, Holdout, IntervalOptions, Metric, SplitInputs, Splitter, cross_predict,
    cross_validate, cross_validate_by_rows,
};
use perennial_numeric::random::Random;
use perennial_statistics::interval::BootstrapMethod;
use perennial_testing::check;

use crate::conformal::close;
use crate::models::coin;
use crate::toys::{Centroids, few, names, two, yes_no};

check!(
    tuned_threshold,
    decider,
    TunedThreshold::new(Centroids::new(), ThresholdRule::new(Objective::F1).min_recall(0.5)),
    few()
        .poor_score()
        .expect_fail("W01", "copies of a row may be in different folds")
        .expect_fail("C08", "three classes, of which none is named as positive")
);
check!(
    tuned_threshold_for_value,
    decider,
    TunedThreshold::new(
        Centroids::new(),
        ThresholdRule::value(OutcomeValues::gains(5.0, -1.0, 0.0, 0.0)).max_flagged_share(0.6)
    )
    .splitter(Holdout::new(0.4))
    .refit(false),
    few()
        .poor_score()
        .expect_fail("W01", "copies of a row may be in different parts")
        .expect_fail("C08", "three classes, of which none is named as positive")
);

/// What answers reach.
type Score<'a> = &'a dyn Fn(&Classes) -> f64;

/// Scores with ties, classes that go with them, and whole weights.
fn sample(seed: u64, n: usize) -> (Vec<f64>, Vec<bool>, Vec<f64>) {
    let mut random = Random::new(seed);
    let scores: Vec<f64> = (0..n).map(|_| random.below(12) as f64 / 12.0).collect();
    let positive = scores.iter().map(|score| random.uniform() < 0.2 + 0.6 * score).collect();
    let weights = (0..n).map(|_| random.below(3) as f64).collect();
    (scores, positive, weights)
}

#[test]
fn thresholds_are_those_of_trying_all() {
    let values = OutcomeValues::gains(4.0, -1.0, -2.0, 0.5);
    for seed in 0..20 {
        let (scores, positive, weights) = sample(seed, 60);
        let truth = yes_no(positive.clone());
        let called = |threshold: f64| yes_no(scores.iter().map(|score| *score >= threshold));
        let at = |metric: &dyn Fn(&Classes) -> f64, threshold: f64| metric(&called(threshold));
        let w = Some(&weights[..]);
        let precision = |answer: &Classes| Precision::of("yes").score_weighted(&truth, answer, w).unwrap();
        let recall = |answer: &Classes| Recall::of("yes").score_weighted(&truth, answer, w).unwrap();
        let f1 = |answer: &Classes| F1::of("yes").score_weighted(&truth, answer, w).unwrap();
        let accuracy = |answer: &Classes| Accuracy.score_weighted(&truth, answer, w).unwrap();
        let balanced = |answer: &Classes| BalancedAccuracy.score_weighted(&truth, answer, w).unwrap();
        let value = |answer: &Classes| MeanValue::new(values).score_weighted(&truth, answer, w).unwrap();
        let objectives: [(Objective, Score<'_>); 6] = [
            (Objective::Precision, &precision),
            (Objective::Recall, &recall),
            (Objective::F1, &f1),
            (Objective::Accuracy, &accuracy),
            (Objective::BalancedAccuracy, &balanced),
            (Objective::Value(ValueModel::Constant(values)), &value),
        ];
        let candidates: Vec<f64> = (0..=12).rev().map(|score| f64::from(score) / 12.0).collect();
        for (objective, metric) in objectives {
            for (least_precision, least_recall) in [(0.0, 0.0), (0.55, 0.0), (0.0, 0.7)] {
                let kept: Vec<f64> = candidates
                    .iter()
                    .copied()
                    .filter(|t| {
                        at(&precision, *t) >= least_precision
                            && at(&recall, *t) >= least_recall
                            && (least_precision == 0.0 || at(&recall, *t) > 0.0)
                    })
                    .collect();
                let mut rule = ThresholdRule::new(objective.clone());
                if least_precision > 0.0 {
                    rule = rule.min_precision(least_precision);
                }
                if least_recall > 0.0 {
                    rule = rule.min_recall(least_recall);
                }
                let found = rule.threshold(&scores, &positive, w);
                let best = kept.iter().map(|t| at(metric, *t)).fold(f64::NEG_INFINITY, f64::max);
                match found {
                    Ok(threshold) => close(at(metric, threshold), best, 1e-12),
                    Err(_) => assert!(kept.is_empty(), "seed {seed}: {objective:?}"),
                }
            }
        }
    }
}

#[test]
fn bounds_on_the_rows_that_are_called() {
    let (scores, positive, _) = sample(3, 200);
    let most = 30;
    let threshold =
        ThresholdRule::new(Objective::Recall).max_flagged(most).threshold(&scores, &positive, None).unwrap();
    let flagged = |threshold: f64| scores.iter().filter(|score| **score >= threshold).count();
    assert!(flagged(threshold) <= most && flagged(threshold - 1.0 / 12.0) > most);
    let none =
        ThresholdRule::new(Objective::Recall).max_flagged(0).threshold(&scores, &positive, None).unwrap();
    assert_eq!(flagged(none), 0);
    let share = ThresholdRule::new(Objective::Recall).max_flagged_share(0.15);
    assert_eq!(share.threshold(&scores, &positive, None).unwrap(), threshold);
    // Where calling costs more than it brings, none is called.
    let dear = ThresholdRule::value(OutcomeValues::gains(1.0, -50.0, 0.0, 0.0));
    assert_eq!(flagged(dear.threshold(&scores, &positive, None).unwrap()), 0);
    let error = ThresholdRule::new(Objective::F1).min_precision(0.99).min_recall(0.9);
    let error = error.threshold(&scores, &positive, None).unwrap_err();
    assert!(error.to_string().contains("no threshold keeps all bounds"), "{error}");
}

#[test]
fn edges_of_thresholds() {
    let rule = ThresholdRule::new(Objective::BalancedAccuracy);
    assert!(rule.threshold(&[], &[], None).is_err());
    assert!(rule.threshold(&[0.1, f64::NAN], &[true, false], None).is_err());
    assert!(rule.threshold(&[0.1], &[true, false], None).is_err());
    assert!(rule.threshold(&[0.1, 0.2], &[true, false], Some(&[0.0, 0.0])).is_err());
    assert!(rule.clone().min_recall(1.5).threshold(&[0.1], &[true], None).is_err());
    // No positives: calling none is right; no negatives: calling all.
    assert!(rule.threshold(&[0.1, 0.4], &[false, false], None).unwrap() > 0.4);
    assert_eq!(rule.threshold(&[0.1, 0.4], &[true, true], None).unwrap(), 0.1);
    // Constant scores: all or none.
    let always = ThresholdRule::new(Objective::Accuracy).threshold(&[0.5; 3], &[true, true, false], None);
    assert_eq!(always.unwrap(), 0.5);
    let values = ValueModel::PerRow(vec![OutcomeValues::gains(1.0, 0.0, 0.0, 0.0)]);
    assert!(ThresholdRule::value(values).threshold(&[0.1, 0.2], &[true, false], None).is_err());
    let odd = OutcomeValues::gains(f64::INFINITY, 0.0, 0.0, 0.0);
    assert!(ThresholdRule::value(odd).threshold(&[0.1], &[true], None).is_err());
}

#[test]
fn choices_say_how_sure_they_are() {
    let (scores, positive, _) = sample(7, 300);
    let values = OutcomeValues::gains(3.0, -1.0, 0.0, 0.0);
    let options = IntervalOptions::new().replicates(500).seed(2);
    let rule = ThresholdRule::value(values);
    let chosen = rule.choose(&scores, &positive, &options).unwrap();
    let choice = rule.judge(chosen.threshold, &scores, &positive, &options).unwrap();
    let called = yes_no(scores.iter().map(|score| *score >= choice.threshold));
    let truth = yes_no(positive.clone());
    assert_eq!(choice.value, MeanValue::new(values).interval(&truth, &called, &options).unwrap());
    assert_eq!(choice.recall, Recall::of("yes").interval(&truth, &called, &options).unwrap());
    assert_eq!(choice.precision, Precision::of("yes").interval(&truth, &called, &options).unwrap());
    assert!(choice.flagged.low < choice.flagged.high && choice.flagged.contains(choice.flagged.estimate));
    assert!(choice.to_string().contains("mean value"), "{choice}");
    // What the threshold looks better by on the rows that it was chosen on is taken out of both ends.
    let moved = [chosen.value.low - choice.value.low, chosen.value.high - choice.value.high];
    assert!(moved[0] < -0.01 && (moved[0] - moved[1]).abs() < 1e-12, "{moved:?}");
    assert_eq!(chosen.value.estimate, choice.value.estimate);
    assert_eq!(chosen, rule.choose(&scores, &positive, &options).unwrap());
    // Where all thresholds are as good there is nothing to look for.
    let alike = rule.choose(&[0.5; 40], &[true; 40], &options).unwrap();
    assert_eq!((alike.value.low, alike.value.high, alike.precision.low), (3.0, 3.0, 1.0));
    // Where no row is called there is no precision that could look too good.
    let never = ThresholdRule::value(OutcomeValues::gains(-1.0, -1.0, 0.0, 0.0));
    let never = never.choose(&scores, &positive, &options).unwrap();
    assert_eq!((never.flagged.high, never.precision.low, never.precision.high), (0.0, 0.0, 0.0));
    // Groups make it less sure.
    let groups: Vec<u32> = scores.iter().map(|score| (score * 12.0) as u32).collect();
    let grouped = ThresholdRule::value(values).choose(&scores, &positive, &options.groups(&groups)).unwrap();
    assert!(grouped.flagged.width() > 2.0 * choice.flagged.width());
}

#[test]
fn values_and_costs_by_hand() {
    let truth = yes_no([true, true, false, false]);
    let called = yes_no([true, false, true, false]);
    close(
        MeanValue::new(OutcomeValues::gains(8.0, -2.0, -4.0, 1.0)).score(&truth, &called).unwrap(),
        0.75,
        1e-15,
    );
    close(
        MeanValue::new(OutcomeValues::costs(8.0, -2.0, -4.0, 1.0)).score(&truth, &called).unwrap(),
        -0.75,
        1e-15,
    );
    let rows = (0..4).map(|row| OutcomeValues::gains(f64::from(row + 1), -1.0, 0.0, 0.0)).collect();
    let by_row = MeanValue::new(ValueModel::PerRow(rows));
    close(by_row.score_weighted(&truth, &called, Some(&[1.0, 0.0, 1.0, 0.0])).unwrap(), 0.0, 1e-15);
    close(
        MeanValue::new(OutcomeValues::gains(1.0, 0.0, 0.0, 0.0))
            .positive("no")
            .score(&truth, &called)
            .unwrap(),
        0.25,
        1e-15,
    );

    let costs =
        CostMatrix::new(array![[0.0, 1.0, 4.0], [2.0, 0.0, 3.0], [9.0, 5.0, 0.0]], names(&["a", "b", "c"]))
            .unwrap();
    let said = Probabilities::new(array![[0.6, 0.3, 0.1], [0.4, 0.3, 0.3]], names(&["a", "b", "c"])).unwrap();
    // 1.5, 1.1, 3.3 and 3.3, 1.9, 2.5.
    assert_eq!(costs.decide(&said).unwrap().labels().collect::<Vec<_>>(), ["b", "b"]);
    let expected = costs.expected(&said).unwrap();
    [1.5, 1.1, 3.3, 3.3, 1.9, 2.5].iter().zip(&expected).for_each(|(a, b)| close(*a, *b, 1e-12));
    let truth = Classes::from_labels(["a", "c"]);
    close(costs.score(&truth, &costs.decide(&said).unwrap()).unwrap(), 3.0, 1e-15);
    assert!(CostMatrix::new(array![[0.0, 1.0]], names(&["a", "b"])).is_err());
    assert!(CostMatrix::new(array![[f64::NAN]], names(&["a"])).is_err());

    // Of two classes the cheapest answer is that of the break-even probability.
    let values = OutcomeValues::costs(1.0, 3.0, 10.0, 0.0);
    let even = values.break_even().unwrap();
    close(even, 3.0 / 12.0, 1e-15);
    let costs = CostMatrix::new(array![[0.0, 3.0], [10.0, 1.0]], names(&["no", "yes"])).unwrap();
    let decided = costs.decide(&two(&[even - 1e-9, even + 1e-9])).unwrap();
    assert_eq!(decided.codes(), [0, 1]);
    assert!(OutcomeValues::gains(0.0, 1.0, 0.0, 0.0).break_even().is_err());
}

#[test]
fn costs_of_degenerate_rows() {
    let costs = CostMatrix::new(array![[0.0, 1e308], [-1e308, 0.0]], names(&["no", "yes"])).unwrap();
    // Huge costs have a mean though their sum has none; rows without weight cost nothing.
    let (truth, given) = (yes_no([false, false, true]), yes_no([true, true, true]));
    close(costs.score(&truth, &given).unwrap() / 1e308, 2.0 / 3.0, 1e-15);
    assert_eq!(costs.score_weighted(&truth, &given, Some(&[0.0, 0.0, 5.0])).unwrap(), 0.0);
    assert!(costs.score_weighted(&truth, &given, Some(&[0.0; 3])).is_err());
    assert!(costs.score(&truth, &yes_no([true])).is_err());
    assert!(costs.score(&yes_no([]), &yes_no([])).is_err());
    // Of equal costs the first answer, also where all is known for sure.
    assert_eq!(costs.decide(&two(&[0.0, 1.0, 0.5])).unwrap().codes(), [0, 0, 0]);
    let flat = CostMatrix::new(array![[2.0, 2.0], [2.0, 2.0]], names(&["no", "yes"])).unwrap();
    assert_eq!(flat.decide(&two(&[0.9])).unwrap().codes(), [0]);
    // One class, no class, a class that the costs do not know, and no rows.
    let one = CostMatrix::new(array![[3.0]], names(&["only"])).unwrap();
    let only = Classes::from_labels(["only", "only"]);
    assert_eq!(one.score(&only, &only).unwrap(), 3.0);
    assert!(CostMatrix::new(ndarray::Array2::zeros((0, 0)), names(&[])).is_err());
    let error = costs.score(&Classes::from_labels(["maybe"]), &yes_no([true])).unwrap_err().to_string();
    assert!(error.contains("`maybe`"), "{error}");
    assert!(CostMatrix::new(array![[f64::INFINITY]], names(&["only"])).is_err());
    assert_eq!(costs.decide(&two(&[])).unwrap().codes(), [0_u32; 0]);
}

#[test]
fn tuned_thresholds_come_from_rows_that_were_not_seen() {
    let (x, y) = crate::models::coin(300, 9);
    let rule = ThresholdRule::value(OutcomeValues::gains(4.0, -1.0, 0.0, 0.0));
    let folds = CrossFit::new(4).seed(3);
    let model =
        TunedThreshold::new(Centroids::new(), rule.clone()).splitter(folds.clone()).fit(&x, &y).unwrap();
    let said: Probabilities =
        cross_predict(&Centroids::new(), &x, &y, &folds, &CrossValidation::new()).unwrap();
    let scores = said.of("yes").unwrap();
    let positive: Vec<bool> = y.codes().iter().map(|&code| code == 1).collect();
    assert_eq!(model.threshold(), rule.threshold(scores.as_slice(), &positive, None).unwrap());
    let whole = Centroids::new().fit(&x, &y).unwrap();
    let fixed = FixedThreshold::new(whole, model.threshold()).unwrap().positive("yes");
    assert_eq!(model.predict(&x).unwrap(), fixed.predict(&x).unwrap());
    assert_eq!(model.predict_proba(&x).unwrap(), fixed.predict_proba(&x).unwrap());
    let (held, hits) = model.held_out();
    let choice = rule.judge(model.threshold(), held, hits, &IntervalOptions::new().replicates(200)).unwrap();
    assert!(choice.value.low > 0.0);
    // No other threshold is worth more on these rows, that of the break-even probability neither.
    let even = rule.judge(0.2, held, hits, &IntervalOptions::new().replicates(200)).unwrap();
    assert!(
        choice.value.estimate >= even.value.estimate && even.value.estimate > 0.9 * choice.value.estimate
    );
    assert_eq!(model.held_out_rows().len(), 300);
}

#[test]
fn thresholds_of_more_classes_and_wrong_settings() {
    let said = array![[0.2, 0.5, 0.3], [0.1, 0.5, 0.4], [0.45, 0.1, 0.45]];
    let model = crate::conformal_sets::Said(names(&["a", "b", "c"]));
    let fixed = FixedThreshold::new(model.clone(), 0.4).unwrap();
    assert!(fixed.predict(&said.clone().into()).unwrap_err().to_string().contains("3 classes"));
    let answer = fixed.positive("c").predict(&said.into()).unwrap();
    assert_eq!(answer.labels().collect::<Vec<_>>(), ["b", "c", "c"]);
    assert!(FixedThreshold::new(model, f64::NAN).is_err());
    let (x, y) = crate::models::coin(60, 2);
    let settings = TunedThreshold::new(Centroids::new(), ThresholdRule::default());
    assert!(settings.clone().refit(false).fit(&x, &y).unwrap_err().to_string().contains("Holdout"));
    assert!(settings.clone().positive("maybe").fit(&x, &y).is_err());
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(settings, serde_json::from_str(&text).unwrap());
    let value = r#"{"objective": {"value": {"true_positive": 1, "false_positive": -1, "false_negative": 0, "true_negative": 0}}, "max_flagged": 5}"#;
    let rule: ThresholdRule = serde_json::from_str(value).unwrap();
    assert_eq!(rule, ThresholdRule::value(OutcomeValues::gains(1.0, -1.0, 0.0, 0.0)).max_flagged(5));
    // Weights count: without the rows of one class there is one class alone.
    let weights: Vec<f64> = y.codes().iter().map(|&code| f64::from(code)).collect();
    assert!(Train::new(&x, &y).weights(&weights).fit(&settings).is_err());
}

#[test]
fn net_benefit_is_its_formula() {
    let (scores, positive, weights) = sample(11, 150);
    let thresholds: Vec<f64> = (0..20).map(|i| f64::from(i) / 20.0).collect();
    for weights in [None, Some(&weights[..])] {
        let curve = decision_curve(&scores, &positive, weights, &thresholds).unwrap();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = (0..150).map(weight).sum();
        for (place, threshold) in thresholds.iter().enumerate() {
            let odds = threshold / (1.0 - threshold);
            let worth = |row: usize| weight(row) * if positive[row] { 1.0 } else { -odds };
            let acted: f64 = (0..150).filter(|&row| scores[row] >= *threshold).map(worth).sum();
            close(curve.model[place], acted / total, 1e-12);
            close(curve.all[place], (0..150).map(worth).sum::<f64>() / total, 1e-12);
            let metric =
                NetBenefit::new(*threshold).score_weighted(&yes_no(positive.clone()), &two(&scores), weights);
            close(curve.model[place], metric.unwrap(), 1e-12);
        }
        assert!(!curve.useful().is_empty() && !curve.useful().contains(&0.0));
    }
    assert!(decision_curve(&scores, &positive, None, &[1.0]).is_err());
}

#[test]
fn cost_curves_are_the_least_cost_of_all_thresholds() {
    let (scores, positive, weights) = sample(13, 150);
    let curve = cost_curve(&scores, &positive, Some(&weights)).unwrap();
    let sum = |wanted: bool, from: f64| -> f64 {
        (0..150).filter(|&row| positive[row] == wanted && scores[row] >= from).map(|row| weights[row]).sum()
    };
    let thresholds: Vec<f64> = (0..=13).map(|score| f64::from(score) / 12.0).collect();
    for mix in (0..=20).map(|i| f64::from(i) / 20.0) {
        let cost = |from: f64| {
            let missed = 1.0 - sum(true, from) / sum(true, -1.0);
            missed * mix + sum(false, from) / sum(false, -1.0) * (1.0 - mix)
        };
        let least = thresholds.iter().map(|from| cost(*from)).fold(f64::INFINITY, f64::min);
        let (found, threshold) = curve.at(mix).unwrap();
        close(found, least, 1e-12);
        close(cost(threshold), least, 1e-12);
        assert!(found <= mix.min(1.0 - mix) + 1e-12);
    }
    assert!(curve.at(1.1).is_err());
    assert!(cost_curve(&scores, &[false; 150], None).is_err());
}

#[test]
fn lift_and_profit_by_hand() {
    let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];
    let positive = [true, true, false, true, false, false, false, false];
    let table = lift_table(&scores, &positive, None, 4).unwrap();
    let of = |part: fn(&perennial_evaluation::decision::LiftRow) -> f64| {
        table.iter().map(part).collect::<Vec<_>>()
    };
    assert_eq!(of(|row| row.depth), [0.25, 0.5, 0.75, 1.0]);
    assert_eq!(of(|row| row.rate), [1.0, 0.5, 0.0, 0.0]);
    assert_eq!(of(|row| row.score), [0.8, 0.6, 0.4, 0.2]);
    of(|row| row.lift).iter().zip([8.0 / 3.0, 2.0, 4.0 / 3.0, 1.0]).for_each(|(a, b)| close(*a, b, 1e-12));
    // Equal scores stay together: one part.
    assert_eq!(lift_table(&[0.5; 8], &positive, None, 4).unwrap().len(), 1);
    assert!(
        lift_table(&scores, &[false; 8], None, 4).is_err()
            && lift_table(&scores, &positive, None, 0).is_err()
    );

    let values = ValueModel::from(OutcomeValues::gains(10.0, -2.0, -1.0, 0.0));
    let profit = profit_at_k(&scores, &positive, None, &values, &[0, 1, 2, 3, 8]).unwrap();
    assert_eq!(profit, [-3.0, 8.0, 19.0, 17.0, 20.0]);
    // Three positives and five negatives that cannot be told apart.
    let even = profit_at_k(&[0.5; 8], &positive, None, &values, &[0, 4, 8]).unwrap();
    even.iter().zip([-3.0, 8.5, 20.0]).for_each(|(a, b)| close(*a, b, 1e-12));
    assert!(profit_at_k(&scores, &positive, None, &values, &[9]).is_err());
}

/// Folds of 7, 6 and 6 rows, each with the values of its own rows, beside a loop that is written out.
#[test]
fn values_per_row_go_with_the_rows_of_each_fold() {
    let (x, y) = coin(19, 5);
    let worth =
        |row: usize| OutcomeValues::gains(row as f64, -1.0 - (row % 3) as f64, -0.5 * row as f64, 0.25);
    let values = ValueModel::PerRow((0..19).map(worth).collect());
    let folds = StratifiedKFold::new(3).seed(2);
    let tuned = |values: ValueModel| {
        TunedThreshold::new(Centroids::new(), ThresholdRule::value(values)).splitter(CrossFit::new(2).seed(1))
    };
    let scored = cross_validate_by_rows(
        |rows| Ok(tuned(values.take(rows)?)),
        &x,
        &y,
        &folds,
        &MeanValue::new(values.clone()),
        &CrossValidation::new(),
    )
    .unwrap();
    let splits = folds.split(&SplitInputs::new(19).classes(&y)).unwrap();
    assert_eq!(scored.folds.len(), 3);
    for (split, fold) in splits.iter().zip(&scored.folds) {
        let of = |rows: &[usize]| ValueModel::PerRow(rows.iter().map(|&row| worth(row)).collect());
        let (train_x, train_y) = (x.take(&split.train).unwrap(), y.take(&split.train).unwrap());
        let model = tuned(of(&split.train)).fit(&train_x, &train_y).unwrap();
        // The threshold is best for the held-out rows with their own values.
        let (scores, positive) = model.held_out();
        let held_out: Vec<usize> = model.held_out_rows().iter().map(|&row| split.train[row]).collect();
        let rule = ThresholdRule::value(of(&held_out));
        assert_eq!(model.threshold(), rule.threshold(scores, positive, None).unwrap());
        let called = model.predict(&x.take(&split.test).unwrap()).unwrap();
        let sum: f64 = split
            .test
            .iter()
            .zip(called.codes())
            .map(|(&row, &code)| worth(row).of(y.codes()[row] == 1, code == 1))
            .sum();
        assert!((fold.score - sum / split.test.len() as f64).abs() < 1e-12);
    }
    assert!(scored.predictions.is_some());
    // Rows without weight have values too, which do not move those of the others.
    let weights: Vec<f64> = (0..19).map(|row| if row % 4 == 1 { 0.0 } else { 1.0 }).collect();
    let kept: Vec<usize> = (0..19).filter(|row| row % 4 != 1).collect();
    let train = Train::new(&x, &y).weights(&weights);
    let without = train.fit(&tuned(values.clone())).unwrap();
    let alone =
        tuned(values.take(&kept).unwrap()).fit(&x.take(&kept).unwrap(), &y.take(&kept).unwrap()).unwrap();
    assert_eq!(without.threshold(), alone.threshold());
    // What has the values of all rows says where they can be taken apart.
    let all = MeanValue::new(values.clone());
    let error =
        cross_validate(&tuned(values.clone()), &x, &y, &folds, &all, &CrossValidation::new()).unwrap_err();
    assert!(error.to_string().contains("cross_validate_by_rows"), "{error}");
    assert!(values.take(&[19]).is_err());
    assert!(all.for_rows(&[19]).is_err());
}

/// A row of weight 2 is as two rows, and one of weight 0 as none.
#[test]
fn profit_counts_weights_as_copies() {
    let (scores, positive, _) = sample(6, 60);
    let worth = |row: usize| OutcomeValues::gains(row as f64, -3.0, -(row as f64) / 2.0, 0.5);
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 3)).collect();
    let copies: Vec<usize> =
        (0..60).flat_map(|row| std::iter::repeat_n(row as usize, row as usize % 3)).collect();
    let values = ValueModel::PerRow((0..60).map(worth).collect());
    let ks: Vec<usize> = (0..=copies.len()).collect();
    let weighted = profit_at_k(&scores, &positive, Some(&weights), &values, &ks).unwrap();
    let (own, hits) = (scores.take(&copies).unwrap(), positive.take(&copies).unwrap());
    let copied = profit_at_k(&own, &hits, None, &values.take(&copies).unwrap(), &ks).unwrap();
    weighted.iter().zip(&copied).for_each(|(a, b)| close(*a, *b, 1e-9));
    let error = profit_at_k(&scores, &positive, Some(&weights), &values, &[61]).unwrap_err();
    assert!(error.to_string().contains("60"), "{error}");

    // The estimate is that of all rows, and the replicates are those of ranking drawn rows.
    let options = IntervalOptions::new().replicates(50).method(BootstrapMethod::Percentile).seed(3);
    for weights in [None, Some(&weights[..])] {
        let options = weights.map_or(options.clone(), |weights| options.clone().weights(weights));
        let total = weights.map_or(60.0, |weights| weights.iter().sum());
        let found = profit_intervals(&scores, &positive, &values, &[0, 7, 30], &options).unwrap();
        let plain = profit_at_k(&scores, &positive, weights, &values, &[0, 7, 30]).unwrap();
        for ((interval, plain), k) in found.iter().zip(plain).zip([0, 7, 30]) {
            close(interval.estimate, plain, 1e-9);
            assert!(interval.low < plain && plain < interval.high && total >= 30.0);
            let by_rows = options.of_counts(60, |counts| {
                let rows: Vec<usize> =
                    (0..60).flat_map(|row| std::iter::repeat_n(row, counts[row] as usize)).collect();
                let (scores, hits) = (scores.take(&rows).unwrap(), positive.take(&rows).unwrap());
                let weights = weights.map(|weights| weights.take(&rows).unwrap());
                profit_at_k(&scores, &hits, weights.as_deref(), &values.take(&rows).unwrap(), &[k]).unwrap()
                    [0]
            });
            let by_rows = by_rows.unwrap();
            close(interval.low, by_rows.low, 1e-9);
            close(interval.high, by_rows.high, 1e-9);
        }
    }
    assert!(profit_intervals(&scores, &positive, &values, &[61], &options).is_err());
}
