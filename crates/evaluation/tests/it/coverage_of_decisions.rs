//! Do intervals of rankings, of decisions and of their curves, of groups and of folds hold the truth as often as they say?

use ndarray::Array2;
use perennial_core::{Classes, Matrix, Probabilities, Values};
use perennial_evaluation::decision::{
    Objective, OutcomeValues, ThresholdRule, cost_intervals, decision_intervals, lift_intervals,
    profit_intervals,
};
use perennial_evaluation::fairness::{FairnessOptions, FairnessReport, MetricFrame, SensitiveFeatures};
use perennial_evaluation::metric::{Accuracy, AveragePrecision, MeanSquaredError, RocAuc};
use perennial_evaluation::split::{KFold, ShuffleSplit};
use perennial_evaluation::{CrossValidation, IntervalOptions, Metric, cross_validate};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use perennial_statistics::special::normal_tails;

use crate::coverage::{REPETITIONS, coverage, covers, first, is_clear, scored, seed};
use crate::models::{Nearest, Slope};

fn options() -> IntervalOptions<'static> {
    IntervalOptions::new().replicates(600)
}

/// The least share of the repetitions that may hold the truth.
const LEAST: f64 = 0.935;

/// As [`covers`], of several intervals of the same rows: kinds, their truths and the least shares. The random numbers are those of the
/// first kind.
#[track_caller]
fn covers_all<const K: usize>(
    repetitions: usize,
    kinds: [(&str, f64, f64); K],
    intervals: impl Fn(&mut Random) -> [Interval; K] + Sync,
) {
    let random = Random::new(seed()).stream(kinds[0].0);
    let run = |from: usize, to: usize| {
        reduce::map_each(to - from, |place| intervals(&mut random.fork((from + place) as u64)))
    };
    let share = |found: &[[Interval; K]], place: usize| {
        let held = found.iter().filter(|intervals| intervals[place].contains(kinds[place].1)).count();
        held as f64 / found.len() as f64
    };
    let first = first(repetitions);
    let mut found = run(0, first);
    if first < repetitions && !(0..K).all(|place| is_clear(share(&found, place))) {
        found.extend(run(first, repetitions));
    }
    for (place, (kind, _, least)) in kinds.into_iter().enumerate() {
        let share = share(&found, place);
        println!("{kind}: {:.2} % of {}", 100.0 * share, found.len());
        assert!((least..=0.965).contains(&share), "{kind}: {share}");
    }
}

/// Scores that are normal, one deviation apart; 0.4 of the rows are positive.
pub(crate) fn ranked(n: usize, random: &mut Random) -> (Vec<f64>, Vec<bool>) {
    apart(n, 0.4, 1.0, random)
}

/// Scores that are normal and so far apart; this share of the rows is positive.
fn apart(n: usize, share: f64, distance: f64, random: &mut Random) -> (Vec<f64>, Vec<bool>) {
    let positive: Vec<bool> = (0..n).map(|_| random.uniform() < share).collect();
    let scores = positive.iter().map(|&positive| distance * f64::from(u8::from(positive)) + random.normal());
    (scores.collect(), positive)
}

#[test]
fn average_precision() {
    // The integral of the precision over the recall, by scipy 1.17.
    covers_all(REPETITIONS, [("bootstrap of an average precision", 0.676_765_667_6, 0.93)], |random| {
        let (truth, answer) = scored(300, random);
        [AveragePrecision::new().interval(&truth, &answer, &options().bootstrap()).unwrap()]
    });
    covers("average precision", 0.676_765_667_6, |random| {
        let (truth, answer) = scored(300, random);
        AveragePrecision::new().interval(&truth, &answer, &options()).unwrap()
    });
    covers("average precision of weighted rows", 0.676_765_667_6, |random| {
        let (truth, answer) = scored(300, random);
        let weights: Vec<f64> = (0..300).map(|_| 0.5 + random.uniform()).collect();
        AveragePrecision::new().interval(&truth, &answer, &options().weights(&weights)).unwrap()
    });
    // A tenth of the rows is positive.
    covers("average precision of few positives", 0.292_835_643_5, |random| {
        let (scores, positive) = apart(300, 0.1, 1.0, random);
        let (truth, answer) = as_probabilities(&scores, &positive);
        AveragePrecision::new().interval(&truth, &answer, &options()).unwrap()
    });
}

/// Scores of which the probabilities of `yes` are a rising function.
fn as_probabilities(scores: &[f64], positive: &[bool]) -> (Classes, Probabilities) {
    let names = ["no", "yes"].map(String::from).to_vec();
    let codes = positive.iter().map(|positive| u32::from(*positive)).collect();
    let share = |row: usize| 1.0 / (1.0 + (-scores[row]).exp());
    let values = Array2::from_shape_fn((scores.len(), 2), |(row, class)| match class {
        1 => share(row),
        _ => 1.0 - share(row),
    });
    (Classes::new(codes, names.clone()).unwrap(), Probabilities::new(values, names).unwrap())
}

/// Three classes with shares of 0.5, 0.3 and 0.2; the own one's score is one deviation higher than those of the others.
fn three(n: usize, random: &mut Random) -> (Classes, Probabilities) {
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let (mut codes, mut values) = (Vec::new(), Array2::zeros((n, 3)));
    for mut row in values.rows_mut() {
        let own = random.weighted_index(&[0.5, 0.3, 0.2]).unwrap();
        row.iter_mut().for_each(|value| *value = random.normal());
        row[own] += 1.0;
        row.mapv_inplace(f64::exp);
        let sum = row.sum();
        row.mapv_inplace(|value| value / sum);
        codes.push(own as u32);
    }
    (Classes::new(codes, names.clone()).unwrap(), Probabilities::new(values, names).unwrap())
}

#[test]
fn areas_of_several_classes() {
    // numpy and scipy: the mean of 40 sets of 500,000 rows, known to 0.0001.
    covers("bootstrap of an area of three classes", 0.81348, |random| {
        let (truth, answer) = three(200, random);
        RocAuc::new().interval(&truth, &answer, &options()).unwrap()
    });
}

#[test]
fn points_of_curves() {
    // The log-odds of the probabilities are the scores less 0.5; truths by scipy 1.17.
    let said =
        |scores: &[f64]| -> Vec<f64> { scores.iter().map(|s| 1.0 / (1.0 + (0.5 - s).exp())).collect() };
    covers("bootstrap of a net benefit", 0.200_927_536_1, |random| {
        let (scores, positive) = ranked(300, random);
        decision_intervals(&said(&scores), &positive, &[0.3], &options()).unwrap()[0]
    });
    covers("bootstrap of a lift", 1.828_226_744_8, |random| {
        let (scores, positive) = ranked(300, random);
        lift_intervals(&scores, &positive, &[0.2], &options()).unwrap()[0]
    });
    // Where a positive row costs 0.3 and a negative one 0.7 the densities of the best threshold are as 7 to 3.
    let least = |distance: f64| {
        let threshold = 0.5 * distance + (7.0_f64 / 3.0).ln() / distance;
        0.3 * normal_tails(threshold - distance).lower + 0.7 * normal_tails(threshold).upper
    };
    covers("bootstrap of a least cost", least(1.0), |random| {
        let (scores, positive) = ranked(300, random);
        cost_intervals(&scores, &positive, &[0.3], &options()).unwrap()[0]
    });
    covers("bootstrap of a least cost of better scores", least(1.8), |random| {
        let (scores, positive) = apart(200, 0.4, 1.8, random);
        cost_intervals(&scores, &positive, &[0.3], &options()).unwrap()[0]
    });
    // Each of the first 60 of 300 rows brings 10 where it is positive, and costs 2.
    covers("bootstrap of a profit", 60.0 * (10.0 * 0.4 * 1.828_226_744_8 - 2.0), |random| {
        let (scores, positive) = ranked(300, random);
        let values = OutcomeValues::gains(8.0, -2.0, 0.0, 0.0).into();
        profit_intervals(&scores, &positive, &values, &[60], &options()).unwrap()[0]
    });
}

#[test]
fn thresholds() {
    let above = |threshold: f64| [normal_tails(threshold).upper, normal_tails(threshold - 1.0).upper];
    // On other rows than it was chosen on: at 0.5 both classes are told right with the same chance.
    let [wrong, right] = above(0.5);
    let (flagged, hits) = (0.6 * wrong + 0.4 * right, 0.4 * right);
    let rule = ThresholdRule::new(Objective::F1);
    let kinds = [
        ("recall at a threshold", right, LEAST),
        ("precision at a threshold", hits / flagged, LEAST),
        ("rows called at a threshold", flagged, LEAST),
        ("F1 at a threshold", 2.0 * hits / (flagged + 0.4), LEAST),
    ];
    covers_all(REPETITIONS, kinds, |random| {
        let (scores, positive) = ranked(300, random);
        let judged = rule.judge(0.5, &scores, &positive, &options()).unwrap();
        [judged.recall, judged.precision, judged.flagged, judged.value]
    });
}

#[test]
fn thresholds_that_are_chosen_on_the_same_rows() {
    // What the chosen threshold is worth on all rows there are, where this share is positive.
    let at = |threshold: f64, share: f64, distance: f64| {
        let (wrong, right) = (normal_tails(threshold).upper, normal_tails(threshold - distance).upper);
        let (hits, flagged) = (share * right, share * right + (1.0 - share) * wrong);
        [2.0 * hits / (flagged + share), hits / flagged, right]
    };
    let excess = |interval: Interval, truth: f64| Interval {
        low: interval.low - truth,
        high: interval.high - truth,
        ..interval
    };
    let f1 = ThresholdRule::new(Objective::F1);
    covers("F1 of a threshold chosen on the same rows", 0.0, |random| {
        let (scores, positive) = ranked(300, random);
        let chosen = f1.choose(&scores, &positive, &options()).unwrap();
        excess(chosen.value, at(chosen.threshold, 0.4, 1.0)[0])
    });
    covers("the same of few positives", 0.0, |random| {
        let (scores, positive) = apart(500, 0.2, 1.5, random);
        let chosen = f1.choose(&scores, &positive, &options()).unwrap();
        excess(chosen.value, at(chosen.threshold, 0.2, 1.5)[0])
    });
    // The precision is bounded from below on these rows, so it looks better than it is.
    let kinds = [
        ("precision of a threshold chosen for it", 0.0, LEAST),
        ("recall of a threshold chosen for its precision", 0.0, LEAST),
    ];
    let recall = ThresholdRule::new(Objective::Recall).min_precision(0.55);
    covers_all(1000, kinds, |random| {
        let (scores, positive) = ranked(300, random);
        let chosen = recall.choose(&scores, &positive, &options()).unwrap();
        let [_, precision, recall] = at(chosen.threshold, 0.4, 1.0);
        [excess(chosen.precision, precision), excess(chosen.recall, recall)]
    });
}

/// Groups whose rows are given `yes` with these chances, so many rows of each.
fn chosen(n: usize, chances: &[f64], random: &mut Random) -> (Classes, Classes, SensitiveFeatures) {
    let names = ["no", "yes"].map(String::from).to_vec();
    let group: Vec<usize> = (0..n * chances.len()).map(|row| row % chances.len()).collect();
    let given = group.iter().map(|&group| u32::from(random.uniform() < chances[group])).collect();
    let truth = group.iter().map(|_| u32::from(random.uniform() < 0.5)).collect();
    let labels: Vec<String> = group.iter().map(|group| format!("g{group}")).collect();
    let of = |codes: Vec<u32>| Classes::new(codes, names.clone()).unwrap();
    (of(truth), of(given), SensitiveFeatures::new().by("group", &labels))
}

#[test]
fn gaps_between_groups() {
    let options = FairnessOptions::new().replicates(600);
    let report = |random: &mut Random, chances: &[f64]| {
        let (truth, given, sensitive) = chosen(150, chances, random);
        FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &options).unwrap()
    };
    let kinds = [
        ("ratio of two groups", 0.6, LEAST),
        ("gap of two groups", 0.2, LEAST),
        ("gap of true positives", 0.2, LEAST),
    ];
    covers_all(REPETITIONS, kinds, |random| {
        let report = report(random, &[0.5, 0.3]);
        let (chosen, found) = (report.demographic_parity, report.equal_opportunity.unwrap());
        [chosen.ratio.unwrap(), chosen.difference, found.difference]
    });
    covers_all(1000, [("gap of three groups", 0.4, LEAST)], |random| {
        [report(random, &[0.6, 0.4, 0.2]).demographic_parity.difference]
    });
    covers("gap of an accuracy", 0.3, |random| {
        let (truth, _, sensitive) = chosen(150, &[0.9, 0.6], random);
        let given: Vec<u32> = (0..300)
            .map(|row| {
                if random.uniform() < [0.9, 0.6][row % 2] {
                    truth.codes()[row]
                } else {
                    1 - truth.codes()[row]
                }
            })
            .collect();
        let given = Classes::new(given, truth.shared_names()).unwrap();
        MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &options).unwrap().gap.difference
    });
    // The lower end of groups that are alike is 0. Of the gap alone: its ratio is a bootstrap.
    let options = FairnessOptions::new().replicates(20);
    for n_groups in [2, 3] {
        covers(&format!("gap of {n_groups} groups that are alike"), 0.0, |random| {
            let (truth, given, sensitive) = chosen(150, &vec![0.4; n_groups], random);
            let report = FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &options).unwrap();
            report.demographic_parity.difference
        });
    }
}

/// A line without noise in its slope: its score on rows that it has not seen is known.
pub(crate) fn noisy(n: usize, random: &mut Random) -> (Matrix, Values) {
    (
        Matrix::from(Array2::from_shape_fn((n, 1), |_| random.normal())),
        (0..n).map(|_| random.normal()).collect(),
    )
}

#[test]
fn scores_over_folds() {
    // A slope of n rows without a constant has a variance of 1 / (n - 2): the error is 1 and that.
    let options = CrossValidation::new();
    let scores = |random: &mut Random, splits: bool| {
        let (x, y) = noisy(100, random);
        let seed = random.below(1 << 30) as u64;
        match splits {
            true => cross_validate(
                &Slope { alpha: 0.0 },
                &x,
                &y,
                &ShuffleSplit::new(20, 0.2).seed(seed),
                &MeanSquaredError,
                &options,
            ),
            false => cross_validate(
                &Slope { alpha: 0.0 },
                &x,
                &y,
                &KFold::new(5).seed(seed),
                &MeanSquaredError,
                &options,
            ),
        }
        .unwrap()
    };
    let error = 1.0 + 1.0 / 78.0;
    covers("corrected t of 20 random splits", error, |random| scores(random, true).interval(0.95).unwrap());
    let folds = coverage(2000, "corrected t of 5 folds", error, |random| {
        scores(random, false).interval(0.95).unwrap()
    });
    assert!(folds > 0.965, "{folds}");
    // A nearest neighbour learns by heart, and its folds vary together: of a target that is noise the error is 2.
    let nearest = coverage(2000, "corrected t of 5 folds of a nearest neighbour", 2.0, |random| {
        let (x, y) = noisy(100, random);
        let folds = KFold::new(5).seed(random.below(1 << 30) as u64);
        cross_validate(&Nearest, &x, &y, &folds, &MeanSquaredError, &options).unwrap().interval(0.95).unwrap()
    });
    assert!((0.914..0.949).contains(&nearest), "{nearest}");
}
