//! Groups, their gaps, and what makes them smaller.

use perennial_core::{Classes, ErrorKind, Rows};
use perennial_evaluation::calibration::Reliability;
use perennial_evaluation::fairness::{
    FairnessOptions, FairnessReport, FalsePositiveRate, GroupThresholds, MetricFrame, ParityConstraint,
    ParityObjective, SelectionRate, SensitiveFeatures, reweighing,
};
use perennial_evaluation::metric::{Accuracy, CalibrationError, MatthewsCorrelation, Recall, RocAuc};
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;
use perennial_statistics::interval::clopper_pearson;

use crate::conformal::close;
use crate::toys::{two, yes_no};

/// Scores, classes and groups: group b gets lower scores.
fn sample(seed: u64, n: usize) -> (Vec<f64>, Vec<bool>, Vec<String>) {
    let mut random = Random::new(seed);
    let mut scores = Vec::new();
    let mut positive = Vec::new();
    let mut groups = Vec::new();
    for _ in 0..n {
        let b = random.uniform() < 0.4;
        let truth = random.uniform() < if b { 0.35 } else { 0.55 };
        let shift = f64::from(u8::from(truth)) * if b { 2.0 } else { 3.0 } - f64::from(u8::from(b));
        scores.push(((shift + 1.5 * random.normal()) * 4.0).round() / 40.0 + 0.5);
        positive.push(truth);
        groups.push(if b { "b" } else { "a" }.to_owned());
    }
    (scores.into_iter().map(|score| f64::clamp(score, 0.0, 1.0)).collect(), positive, groups)
}

pub(crate) fn quick() -> FairnessOptions {
    FairnessOptions::new().replicates(300).seed(1)
}

#[test]
fn frames_are_the_metric_of_each_group() {
    let (scores, positive, groups) = sample(1, 400);
    let truth = yes_no(positive);
    let given = yes_no(scores.iter().map(|score| *score >= 0.55));
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let of = |name: &str| -> Vec<usize> { (0..400).filter(|&row| groups[row] == name).collect() };
    let score = |metric: &dyn Fn(&Classes, &Classes) -> f64, name: &str| {
        metric(&truth.take(&of(name)).unwrap(), &given.take(&of(name)).unwrap())
    };
    let accuracy = |truth: &Classes, given: &Classes| Accuracy.score(truth, given).unwrap();
    let frame = MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &quick()).unwrap();
    let (a, b) = (score(&accuracy, "a"), score(&accuracy, "b"));
    close(frame.gap.difference.estimate, (a - b).abs(), 1e-12);
    close(frame.gap.ratio.unwrap().estimate, a.min(b) / a.max(b), 1e-12);
    for slice in &frame.by_group.slices {
        let own = if slice.name == "group=a" { a } else { b };
        close(slice.interval.estimate, own, 1e-12);
    }
    assert!(frame.to_string().starts_with("groups differ: difference"), "{frame}");
    // A metric that is no mean over rows, and one of probabilities.
    let recall = |truth: &Classes, given: &Classes| Recall::of("yes").score(truth, given).unwrap();
    let frame = MetricFrame::measure(&Recall::of("yes"), &truth, &given, &sensitive, &quick()).unwrap();
    close(frame.gap.difference.estimate, (score(&recall, "a") - score(&recall, "b")).abs(), 1e-12);
    assert!(frame.gap.difference.low > 0.05 && frame.by_group.slices[0].adjusted_p_value < 0.05);
    let said = two(&scores);
    let frame = MetricFrame::measure(&RocAuc::new(), &truth, &said, &sensitive, &quick()).unwrap();
    let auc = |name: &str| {
        RocAuc::new().score(&truth.take(&of(name)).unwrap(), &said.take(&of(name)).unwrap()).unwrap()
    };
    close(frame.gap.difference.estimate, (auc("a") - auc("b")).abs(), 1e-12);
}

#[test]
fn intersections_need_support_and_wrong_inputs_are_errors() {
    let (scores, positive, groups) = sample(2, 300);
    let truth = yes_no(positive);
    let given = yes_no(scores.iter().map(|score| *score >= 0.55));
    let age: Vec<String> = (0..300).map(|row| if row < 20 { "old" } else { "young" }.to_owned()).collect();
    let sensitive = SensitiveFeatures::new().by("group", &groups).by("age", &age);
    let frame = MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &quick()).unwrap();
    let skipped: Vec<&str> = frame.by_group.skipped.iter().map(|slice| slice.name.as_str()).collect();
    assert_eq!(skipped, ["group=a, age=old", "group=b, age=old"]);
    let report = FairnessReport::measure(&truth, &given, None, &sensitive, &quick()).unwrap();
    assert_eq!((report.groups.len(), report.skipped.len()), (2, 2));
    assert!(report.to_string().contains("rows are worth less than the least support"), "{report}");
    let all = quick().min_support(2);
    assert_eq!(FairnessReport::measure(&truth, &given, None, &sensitive, &all).unwrap().groups.len(), 4);

    let alone = SensitiveFeatures::new().by("all", &vec!["one".to_owned(); 300]);
    let error = FairnessReport::measure(&truth, &given, None, &alone, &quick()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }), "{error}");
    // One row for each group.
    let each: Vec<String> = (0..300).map(|row| row.to_string()).collect();
    let each = SensitiveFeatures::new().by("row", &each);
    assert!(FairnessReport::measure(&truth, &given, None, &each, &quick()).is_err());
    assert!(MetricFrame::measure(&Accuracy, &truth, &given, &each, &quick()).is_err());
    assert!(SensitiveFeatures::new().groups().is_err());
    assert!(SensitiveFeatures::new().by("a", &groups).by("b", &groups[..3]).groups().is_err());
    let short = SensitiveFeatures::new().by("a", &groups[..3]);
    assert!(FairnessReport::measure(&truth, &given, None, &short, &quick()).is_err());
    assert!(FairnessReport::measure(&truth, &given, Some("maybe"), &sensitive, &quick()).is_err());
    assert!(FairnessReport::measure(&truth, &given, None, &sensitive, &quick().min_support(1)).is_err());
}

#[test]
fn reports_are_the_rates_by_hand() {
    let (scores, positive, groups) = sample(3, 500);
    let given: Vec<bool> = scores.iter().map(|score| *score >= 0.55).collect();
    let report = FairnessReport::measure(
        &yes_no(positive.clone()),
        &yes_no(given.clone()),
        None,
        &SensitiveFeatures::new().by("group", &groups),
        &quick(),
    )
    .unwrap();
    let rate = |name: &str, side: Option<bool>| {
        let rows: Vec<usize> = (0..500)
            .filter(|&row| groups[row] == name && side.is_none_or(|side| positive[row] == side))
            .collect();
        let hits = rows.iter().filter(|&&row| given[row]).count();
        (hits as u64, rows.len() as u64, hits as f64 / rows.len() as f64)
    };
    let gap = |side: Option<bool>| (rate("a", side).2 - rate("b", side).2).abs();
    let ratio = |side: Option<bool>| {
        let (a, b) = (rate("a", side).2, rate("b", side).2);
        a.min(b) / a.max(b)
    };
    close(report.demographic_parity.difference.estimate, gap(None), 1e-12);
    close(report.demographic_parity.ratio.unwrap().estimate, ratio(None), 1e-12);
    close(report.equal_opportunity.unwrap().difference.estimate, gap(Some(true)), 1e-12);
    close(report.equalized_odds.unwrap().difference.estimate, gap(Some(true)).max(gap(Some(false))), 1e-12);
    close(
        report.equalized_odds.unwrap().ratio.unwrap().estimate,
        ratio(Some(true)).min(ratio(Some(false))),
        1e-12,
    );
    // Two groups: each interval at 97.5 %, so that both hold at 95 %.
    let (hits, all, _) = rate("b", Some(true));
    let exact = clopper_pearson(hits, all, 0.975).unwrap();
    assert_eq!(report.groups[1].true_positive_rate, Some(exact));
    assert!(report.demographic_parity.difference.contains(gap(None)));

    // A group without positive rows has no true positive rate, and is left out of that gap alone.
    let truth: Vec<bool> = (0..500).map(|row| positive[row] && groups[row] == "a").collect();
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let report = FairnessReport::measure(&yes_no(truth), &yes_no(given), None, &sensitive, &quick()).unwrap();
    assert_eq!(report.groups[1].true_positive_rate, None);
    assert_eq!(report.equal_opportunity, None);
    assert!(report.to_string().contains("equal opportunity: not defined"), "{report}");
    assert!(report.demographic_parity.difference.estimate > 0.0);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(report, serde_json::from_str(&text).unwrap());
}

/// So many rows of each group, so many of which are given `yes`.
fn counted(groups: &[(usize, usize)]) -> (Classes, Classes, SensitiveFeatures) {
    let mut labels = Vec::new();
    let mut given = Vec::new();
    for (group, &(hits, rows)) in groups.iter().enumerate() {
        labels.extend((0..rows).map(|_| format!("g{group}")));
        given.extend((0..rows).map(|row| row < hits));
    }
    let truth = yes_no((0..given.len()).map(|row| row % 2 == 0));
    (truth, yes_no(given), SensitiveFeatures::new().by("group", &labels))
}

#[test]
fn gaps_are_those_of_newcombe() {
    // Newcombe (1998), table II, method 10: 56 of 70 and 48 of 80; 9 of 10 and 3 of 10; 10 of 10 and 0 of 20.
    for (groups, expected) in [
        ([(56, 70), (48, 80)], [0.2, 0.0524, 0.3339]),
        ([(9, 10), (3, 10)], [0.6, 0.1705, 0.8090]),
        ([(10, 10), (0, 20)], [1.0, 0.6791, 1.0]),
    ] {
        let (truth, given, sensitive) = counted(&groups);
        let options = quick().min_support(2);
        let report = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &options).unwrap();
        let frame =
            MetricFrame::measure(&SelectionRate::of("yes"), &truth, &given, &sensitive, &options).unwrap();
        for gap in [report.demographic_parity, frame.gap] {
            let found = gap.difference;
            close(found.estimate, expected[0], 1e-12);
            close(found.low, expected[1], 5e-5);
            close(found.high, expected[2], 5e-5);
        }
    }
    // The same rows at another weight are as many of them, and rows without weight none.
    let (truth, given, sensitive) = counted(&[(56, 70), (48, 80)]);
    let plain = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &quick()).unwrap();
    for weight in [2.0, 1e-200, 1e200] {
        let equal = quick().weights(&[weight; 150]);
        let weighted = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &equal).unwrap();
        close(weighted.demographic_parity.difference.low, plain.demographic_parity.difference.low, 1e-12);
    }
    let some: Vec<f64> = (0..150).map(|row| if row < 60 { 0.0 } else { 1.0 }).collect();
    let few = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &quick().weights(&some));
    assert!(few.is_err(), "10 of 70 rows have weight");
    let few = quick().weights(&some).min_support(10);
    let few = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &few).unwrap();
    assert_eq!(few.groups[0].support, 10);
}

#[test]
fn gaps_of_alike_groups_reach_0() {
    let (truth, given, sensitive) = counted(&[(40, 100), (42, 100), (44, 100)]);
    let report = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &quick()).unwrap();
    let gap = report.demographic_parity;
    assert_eq!((gap.difference.low, gap.ratio.unwrap().high), (0.0, 1.0));
    close(gap.difference.estimate, 0.04, 1e-12);
    // Of three tied groups the two that are furthest apart are looked for, so it takes more to differ than of two.
    let low = |groups: &[(usize, usize)]| {
        let (truth, given, sensitive) = counted(groups);
        let report = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &quick()).unwrap();
        report.demographic_parity.difference.low
    };
    let two = low(&[(35, 100), (50, 100)]);
    assert!(two > 0.01 && low(&[(35, 100), (43, 100), (50, 100)]) == 0.0, "{two}");
    // A group that is far from both ends takes nothing away.
    close(low(&[(100, 1000), (500, 1000), (900, 1000)]), low(&[(100, 1000), (900, 1000)]), 1e-12);
}

#[test]
fn rates_are_metrics() {
    let truth = yes_no([true, true, false, false, false]);
    let given = yes_no([true, false, true, false, false]);
    close(SelectionRate::of("yes").score(&truth, &given).unwrap(), 0.4, 1e-15);
    close(FalsePositiveRate::of("yes").score(&truth, &given).unwrap(), 1.0 / 3.0, 1e-15);
    close(FalsePositiveRate::of("no").score(&truth, &given).unwrap(), 0.5, 1e-15);
    let weights = [1.0, 1.0, 2.0, 0.0, 2.0];
    close(FalsePositiveRate::of("yes").score_weighted(&truth, &given, Some(&weights)).unwrap(), 0.5, 1e-15);
    close(SelectionRate::of("yes").score_weighted(&truth, &given, Some(&weights)).unwrap(), 0.5, 1e-15);
    assert_eq!(FalsePositiveRate::of("yes").score(&yes_no([true]), &yes_no([true])).unwrap(), 0.0);
    assert!(SelectionRate::of("maybe").score(&truth, &given).is_err());
    let interval = SelectionRate::of("yes").interval(&truth, &given, &IntervalOptions::new()).unwrap();
    assert!(interval.low >= 0.0 && interval.high <= 1.0);
}

#[test]
fn reweighing_makes_groups_and_classes_independent() {
    let (_, positive, groups) = sample(4, 200);
    let before: Vec<f64> = (0..200).map(|row| f64::from(row % 3)).collect();
    for weights in [None, Some(&before[..])] {
        let new = reweighing(&yes_no(positive.clone()), &groups, weights).unwrap();
        let sum =
            |of: &dyn Fn(usize) -> bool| (0..200).filter(|&row| of(row)).map(|row| new[row]).sum::<f64>();
        let old = |of: &dyn Fn(usize) -> bool| {
            (0..200).filter(|&row| of(row)).map(|row| weights.map_or(1.0, |w| w[row])).sum::<f64>()
        };
        let total = sum(&|_| true);
        close(total, old(&|_| true), 1e-9);
        for name in ["a", "b"] {
            for side in [true, false] {
                let together = sum(&|row| groups[row] == name && positive[row] == side) / total;
                let apart =
                    old(&|row| groups[row] == name) * old(&|row| positive[row] == side) / (total * total);
                close(together, apart, 1e-12);
            }
        }
    }
    assert!(reweighing(&yes_no([]), &[], None).is_err());
    assert!(reweighing(&yes_no([true]), &[], None).is_err());
    assert!(reweighing(&yes_no([true]), &groups[..1], Some(&[0.0])).is_err());
}

/// What each group can reach: false and true positive rate and selection rate of every threshold, and its weights.
struct Reach {
    cuts: Vec<(f64, f64, f64)>,
    positives: f64,
    negatives: f64,
}

fn reaches(scores: &[f64], positive: &[bool], groups: &[String]) -> Vec<Reach> {
    let of = |name: &str| {
        let rows: Vec<usize> = (0..scores.len()).filter(|&row| groups[row] == name).collect();
        let count = |of: &dyn Fn(usize) -> bool| rows.iter().filter(|&&row| of(row)).count() as f64;
        let (positives, negatives) = (count(&|row| positive[row]), count(&|row| !positive[row]));
        let mut thresholds: Vec<f64> = rows.iter().map(|&row| scores[row]).collect();
        thresholds.push(2.0);
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup();
        let cut = |from: &f64| {
            let alarms = count(&|row| !positive[row] && scores[row] >= *from);
            let hits = count(&|row| positive[row] && scores[row] >= *from);
            (alarms / negatives, hits / positives, (alarms + hits) / (positives + negatives))
        };
        Reach { cuts: thresholds.iter().map(cut).collect(), positives, negatives }
    };
    vec![of("a"), of("b")]
}

/// The largest `y` of mixtures of two cuts at `x`.
fn best_at(points: &[(f64, f64)], x: f64) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for a in points {
        for b in points {
            if a.0 <= x + 1e-12 && x <= b.0 + 1e-12 {
                let share = if b.0 > a.0 { ((x - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { 0.0 };
                best = best.max(a.1 + share * (b.1 - a.1));
                if b.0 == a.0 {
                    best = best.max(b.1);
                }
            }
        }
    }
    best
}

#[test]
fn group_thresholds_keep_rates_and_nothing_is_better() {
    for seed in 5..9 {
        let (scores, positive, groups) = sample(seed, 120);
        let reach = reaches(&scores, &positive, &groups);
        let (hits, rest) = (reach[0].positives + reach[1].positives, reach[0].negatives + reach[1].negatives);
        for objective in [ParityObjective::Accuracy, ParityObjective::BalancedAccuracy] {
            let (hit, rejection) = match objective {
                ParityObjective::Accuracy => (1.0 / 120.0, 1.0 / 120.0),
                ParityObjective::BalancedAccuracy => (0.5 / hits, 0.5 / rest),
            };
            for constraint in [
                ParityConstraint::DemographicParity,
                ParityConstraint::EqualOpportunity,
                ParityConstraint::FalsePositiveRateParity,
                ParityConstraint::EqualizedOdds,
            ] {
                let fair =
                    GroupThresholds::fit(constraint, objective, &scores, &positive, &groups, None).unwrap();
                let chances = fair.selection_probabilities(&scores, &groups).unwrap();
                let rate = |name: &str, side: Option<bool>| {
                    let rows: Vec<usize> = (0..120)
                        .filter(|&row| groups[row] == name && side.is_none_or(|side| positive[row] == side))
                        .collect();
                    rows.iter().map(|&row| chances[row]).sum::<f64>() / rows.len() as f64
                };
                let sides: &[Option<bool>] = match constraint {
                    ParityConstraint::DemographicParity => &[None],
                    ParityConstraint::EqualOpportunity => &[Some(true)],
                    ParityConstraint::FalsePositiveRateParity => &[Some(false)],
                    ParityConstraint::EqualizedOdds => &[Some(true), Some(false)],
                };
                sides.iter().for_each(|side| close(rate("a", *side), rate("b", *side), 1e-9));
                let worth = |row: usize| {
                    if positive[row] { hit * chances[row] } else { rejection * (1.0 - chances[row]) }
                };
                let reached: f64 = (0..120).map(worth).sum();
                close(fair.objective(), reached, 1e-9);
                // All common rates of a fine grid and of all cuts, each group at its best mixture of two thresholds.
                let x = |cut: &(f64, f64, f64)| match constraint {
                    ParityConstraint::DemographicParity => cut.2,
                    ParityConstraint::EqualOpportunity => cut.1,
                    _ => cut.0,
                };
                let mut grid: Vec<f64> = (0..=400).map(|i| f64::from(i) / 400.0).collect();
                grid.extend(reach.iter().flat_map(|group| group.cuts.iter().map(x)));
                let value = |rate: f64| match constraint {
                    ParityConstraint::EqualizedOdds => {
                        let of = |group: &Reach| {
                            let points: Vec<(f64, f64)> =
                                group.cuts.iter().map(|cut| (cut.0, cut.1)).collect();
                            best_at(&points, rate)
                        };
                        let recall = reach.iter().map(of).fold(f64::INFINITY, f64::min);
                        hit * hits * recall + rejection * rest * (1.0 - rate)
                    }
                    _ => {
                        let of = |group: &Reach| {
                            let worth = |cut: &(f64, f64, f64)| {
                                hit * group.positives * cut.1 + rejection * group.negatives * (1.0 - cut.0)
                            };
                            let points: Vec<(f64, f64)> =
                                group.cuts.iter().map(|cut| (x(cut), worth(cut))).collect();
                            best_at(&points, rate)
                        };
                        reach.iter().map(of).sum()
                    }
                };
                let best = grid.iter().map(|rate| value(*rate)).fold(f64::NEG_INFINITY, f64::max);
                // Between the points of the grid odds can only be a little better.
                let slack = if constraint == ParityConstraint::EqualizedOdds { 0.01 } else { 1e-9 };
                assert!(
                    reached >= best - 1e-9 && reached <= best + slack,
                    "{constraint:?}: {reached}, {best}"
                );
            }
        }
    }
}

#[test]
fn group_thresholds_decide_by_coins_and_refuse() {
    let (scores, positive, groups) = sample(9, 4000);
    let (constraint, objective) = (ParityConstraint::EqualizedOdds, ParityObjective::Accuracy);
    let fair = GroupThresholds::fit(constraint, objective, &scores, &positive, &groups, None).unwrap();
    let called = fair.decide(&scores, &groups, 3).unwrap();
    assert_eq!(called, fair.decide(&scores, &groups, 3).unwrap());
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let given = yes_no(called);
    let truth = yes_no(positive.clone());
    let report = FairnessReport::measure(&truth, &given, None, &sensitive, &quick()).unwrap();
    assert!(report.equalized_odds.unwrap().difference.estimate < 0.06, "{report}");
    let plain = yes_no(scores.iter().map(|score| *score >= 0.55));
    let before = FairnessReport::measure(&truth, &plain, None, &sensitive, &quick()).unwrap();
    assert!(before.equalized_odds.unwrap().difference.estimate > 0.15, "{before}");
    assert_eq!((fair.rules().len(), fair.constraint()), (2, constraint));
    assert!(fair.decide(&scores[..1], &["c".to_owned()], 0).unwrap_err().to_string().contains("`c`"));
    assert!(fair.decide(&scores[..1], &groups, 0).is_err());
    let fit = |positive: &[bool], scores: &[f64]| {
        GroupThresholds::fit(constraint, objective, scores, positive, &groups, None)
    };
    let none: Vec<bool> = (0..4000).map(|row| positive[row] && groups[row] == "a").collect();
    assert!(fit(&none, &scores).unwrap_err().to_string().contains("group `b`"));
    let mut odd = scores.clone();
    odd[7] = f64::NAN;
    assert!(fit(&positive, &odd).is_err() && fit(&positive[..5], &scores).is_err());
    // Constant scores: all are called the same, which is fair.
    let constant = fit(&positive, &[0.5; 4000]).unwrap();
    let chances = constant.selection_probabilities(&[0.5; 4000], &groups).unwrap();
    assert!(chances.iter().all(|chance| (chance - chances[0]).abs() < 1e-9));
}

#[test]
fn signed_scores_have_a_difference_and_no_ratio() {
    // Both groups are answered at random, so their correlations are on both sides of 0.
    let mut random = Random::new(9);
    let coin = |random: &mut Random| random.uniform() < 0.5;
    let truth = yes_no((0..200).map(|_| coin(&mut random)).collect::<Vec<_>>());
    let given = yes_no((0..200).map(|_| coin(&mut random)).collect::<Vec<_>>());
    let group: Vec<String> = (0..200).map(|row| ["a", "b"][row % 2].to_owned()).collect();
    let sensitive = SensitiveFeatures::new().by("group", &group);
    let frame = MetricFrame::measure(&MatthewsCorrelation, &truth, &given, &sensitive, &quick()).unwrap();
    assert!(frame.gap.ratio.is_none() && frame.gap.difference.estimate >= 0.0);
    assert!(frame.to_string().contains("no ratio"), "{frame}");
    let json = serde_json::to_string(&frame).unwrap();
    assert_eq!(serde_json::from_str::<MetricFrame>(&json).unwrap(), frame);
}

#[test]
fn weights_of_groups_count_as_rows_that_are_repeated() {
    let (scores, positive, groups) = sample(4, 300);
    let given = yes_no(scores.iter().map(|score| *score >= 0.55));
    let truth = yes_no(positive);
    let weights: Vec<f64> = (0..300).map(|row| 1.0 + (row % 3) as f64).collect();
    let repeated: Vec<usize> = (0..300).flat_map(|row| std::iter::repeat_n(row, 1 + row % 3)).collect();
    let long: Vec<String> = repeated.iter().map(|&row| groups[row].clone()).collect();
    let (sensitive, long) =
        (SensitiveFeatures::new().by("group", &groups), SensitiveFeatures::new().by("group", &long));
    let weighted = quick().weights(&weights);
    let (t, g) = (truth.take(&repeated).unwrap(), given.take(&repeated).unwrap());
    let frame = MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &weighted).unwrap();
    let by_hand = MetricFrame::measure(&Accuracy, &t, &g, &long, &quick()).unwrap();
    close(frame.gap.difference.estimate, by_hand.gap.difference.estimate, 1e-12);
    let report = FairnessReport::measure(&truth, &given, None, &sensitive, &weighted).unwrap();
    let rates = FairnessReport::measure(&t, &g, None, &long, &quick()).unwrap();
    close(report.demographic_parity.difference.estimate, rates.demographic_parity.difference.estimate, 1e-12);
    for (a, b) in report.groups.iter().zip(&rates.groups) {
        close(a.selection_rate.estimate, b.selection_rate.estimate, 1e-12);
        // Weights are worth fewer rows than as many rows would be.
        assert!(a.selection_rate.width() > b.selection_rate.width());
    }
    assert!(MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &quick().weights(&[1.0])).is_err());
}

#[test]
fn probabilities_may_mean_what_they_say_for_one_group_alone() {
    let mut random = Random::new(10);
    let shares: Vec<f64> = (0..2000).map(|_| random.uniform()).collect();
    // Of group b the class is half as frequent as is said.
    let truth = yes_no(
        (0..2000)
            .map(|row| random.uniform() < shares[row] * if row % 2 == 0 { 1.0 } else { 0.5 })
            .collect::<Vec<_>>(),
    );
    let groups: Vec<String> = (0..2000).map(|row| ["a", "b"][row % 2].to_owned()).collect();
    let said = two(&shares);
    let curves = Reliability::new().measure_by_group(&truth, &said, None, &groups).unwrap();
    let error = |place: usize| curves[place].1.expected_calibration_error();
    assert!(error(0) < 0.06 && error(1) > 0.2, "{} {}", error(0), error(1));
    // The same as a metric, with an interval and a test.
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let options = quick().replicates(100);
    let frame = MetricFrame::measure(&CalibrationError::new(), &truth, &said, &sensitive, &options).unwrap();
    close(frame.by_group.slices[0].interval.estimate, error(1), 1e-12);
    assert!(frame.by_group.slices[0].adjusted_p_value < 0.05);
    assert!(Reliability::new().measure_by_group(&truth, &said, None, &groups[1..]).is_err());
}
