//! Scores, intervals, tests and reports have the same bits at any number of threads.

use std::fmt::Debug;

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Values};
use perennial_evaluation::decision::{
    Objective, ThresholdRule, cost_intervals, decision_intervals, lift_intervals,
};
use perennial_evaluation::errors::{Disturbance, ErrorTree, Stress};
use perennial_evaluation::fairness::{FairnessOptions, FairnessReport, MetricFrame, SensitiveFeatures};
use perennial_evaluation::metric::clusters::{silhouette, silhouette_interval};
use perennial_evaluation::metric::ranking::{RankSums, average_precision, roc_auc, roc_auc_interval};
use perennial_evaluation::metric::{
    Accuracy, Brier, CalibrationError, ErrorSums, F1, LogLoss, MeanAbsoluteError, MeanSquaredError,
    MutualInformation, R2, RootMeanSquaredError, ScoreSums, Scorer, ShareSums, ThresholdScore,
};
use perennial_evaluation::split::{Bootstrap, KFold};
use perennial_evaluation::{
    ComparisonOptions, CrossValidation, IntervalOptions, Metric, SliceOptions, Slices, bootstrap_score,
    compare, permutation_test_score, score_slices,
};
use perennial_numeric::random::Random;

use crate::coverage::{scored, told};
use crate::coverage_of_decisions::ranked;
use crate::merged_intervals::halves;
use crate::models::{Slope, SlopeModel, line};

/// Numbers are written so that other bits read otherwise.
#[track_caller]
fn same<T: Debug>(work: impl Fn() -> T + Sync) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| format!("{:?}", work()))
    };
    let one = run(1);
    assert!(!one.contains("NaN"), "{one}");
    for threads in 2..=4 {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

/// More rows than one chunk of any sum.
const MANY: usize = 40_000;

fn many() -> (Classes, Probabilities, Values, Values, Vec<f64>) {
    let mut random = Random::new(31);
    let (truth, said) = scored(MANY, &mut random);
    let (t, a) = halves(MANY, &mut random);
    let positive = |values: Vec<f64>| values.into_iter().map(|value| value.abs() + 0.1).collect();
    (truth, said, positive(t), positive(a), (0..MANY).map(|_| random.uniform()).collect())
}

#[test]
fn scores_of_many_rows() {
    let (truth, said, t, a, weights) = many();
    let answers = said.most_likely();
    for weights in [None, Some(&weights[..])] {
        same(|| {
            let of_values = Scorer::<Values>::names()
                .into_iter()
                .map(|name| Scorer::<Values>::named(name).unwrap().score_weighted(&t, &a, weights).unwrap());
            let of_shares = Scorer::<Probabilities>::names().into_iter().map(|name| {
                Scorer::<Probabilities>::named(name).unwrap().score_weighted(&truth, &said, weights).unwrap()
            });
            let of_classes = Scorer::<Classes>::names().into_iter().map(|name| {
                Scorer::<Classes>::named(name).unwrap().score_weighted(&truth, &answers, weights).unwrap()
            });
            of_values.chain(of_shares).chain(of_classes).collect::<Vec<f64>>()
        });
    }
}

#[test]
fn sums_of_many_rows() {
    let (truth, said, t, a, weights) = many();
    let positive: Vec<bool> = truth.codes().iter().map(|code| *code == 1).collect();
    let scores = said.values().column(1).to_vec();
    same(|| {
        let mut ranks = RankSums::with_max_scores(500).unwrap();
        ranks.add(&scores, &positive, Some(&weights)).unwrap();
        let mut means = ScoreSums::new(LogLoss);
        means.add(&truth, &said, Some(&weights)).unwrap();
        let mut errors = ErrorSums::new();
        errors.add(&t, &a, Some(&weights)).unwrap();
        let mut shares = ShareSums::of_brier();
        shares.add(&truth, &said, Some(&weights)).unwrap();
        (ranks, means.interval(0.9).unwrap(), errors, shares)
    });
    same(|| {
        (
            roc_auc(&scores, &positive, Some(&weights)).unwrap(),
            average_precision(&scores, &positive, None).unwrap(),
            roc_auc_interval(&scores, &positive, 0.9).unwrap(),
        )
    });
}

#[test]
fn intervals() {
    let mut random = Random::new(32);
    let (truth, said) = scored(1500, &mut random);
    let (t, a) = halves(1500, &mut random);
    let (t, a) = (Values::from(t), Values::from(a));
    let answers = said.most_likely();
    let groups: Vec<u32> = (0..1500).map(|row| row / 3).collect();
    let plain = IntervalOptions::new().replicates(60);
    for options in [plain.clone(), plain.clone().groups(&groups), plain.clone().blocks(25)] {
        same(|| {
            let calibration = CalibrationError::new().interval(&truth, &said, &options).unwrap();
            let gap = ThresholdScore::kolmogorov_smirnov().interval(&truth, &said, &options).unwrap();
            let shared = MutualInformation.interval(&truth, &answers, &options).unwrap();
            let errors = (
                MeanAbsoluteError.interval(&t, &a, &options).unwrap(),
                RootMeanSquaredError.interval(&t, &a, &options).unwrap(),
                R2.interval(&t, &a, &options).unwrap(),
            );
            (calibration, gap, shared, errors, F1::default().interval(&truth, &answers, &options).unwrap())
        });
    }
    same(|| {
        let options = ComparisonOptions::new().interval(plain.clone());
        let half: Values = a.as_slice().iter().map(|a| 0.5 * a).collect();
        (
            compare(&R2, &t, &half, &a, &options).unwrap(),
            compare(&MeanAbsoluteError, &t, &half, &a, &options).unwrap(),
        )
    });
}

#[test]
fn decisions_and_their_curves() {
    let (scores, positive) = ranked(1200, &mut Random::new(33));
    let options = IntervalOptions::new().replicates(60);
    let said: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
    same(|| {
        (
            ThresholdRule::new(Objective::F1).choose(&scores, &positive, &options).unwrap(),
            decision_intervals(&said, &positive, &[0.2, 0.5], &options).unwrap(),
            cost_intervals(&scores, &positive, &[0.3], &options).unwrap(),
            lift_intervals(&scores, &positive, &[0.1], &options).unwrap(),
        )
    });
}

#[test]
fn slices_groups_and_clusters() {
    let mut random = Random::new(34);
    let (truth, given) = told(1200, &mut random);
    let (_, said) = scored(1200, &mut random);
    let labels: Vec<String> = (0..1200).map(|row| format!("g{}", row % 3)).collect();
    let slices = Slices::new().by("group", &labels);
    same(|| {
        let options = SliceOptions::new().replicates(60);
        (
            score_slices(&F1::default(), &truth, &given, &slices, &options).unwrap(),
            score_slices(&Brier, &truth, &said, &slices, &options).unwrap(),
        )
    });
    let sensitive = SensitiveFeatures::new().by("group", &labels);
    same(|| {
        let options = FairnessOptions::new().replicates(60);
        (
            FairnessReport::measure(&truth, &given, Some("yes"), &sensitive, &options).unwrap(),
            MetricFrame::measure(&Accuracy, &truth, &given, &sensitive, &options).unwrap(),
            MetricFrame::measure(&F1::default(), &truth, &given, &sensitive, &options).unwrap(),
        )
    });
    let x = Array2::from_shape_fn((600, 2), |(row, _)| random.normal() + (row % 3) as f64);
    let groups: Vec<u32> = (0..600).map(|row| row % 3).collect();
    same(|| {
        let found = silhouette(&x, &groups).unwrap();
        (found, silhouette_interval(&x, &groups, &IntervalOptions::new()).unwrap())
    });
}

#[test]
fn models_that_are_asked_again() {
    let (x, y) = line(400, 35);
    let folds = KFold::new(4).seed(1);
    let slope = Slope { alpha: 1.0 };
    same(|| {
        let options = CrossValidation::new();
        let stress = Stress::new([Disturbance::Noise, Disturbance::Exchange], [0.0, 0.5]);
        (
            permutation_test_score(&slope, &x, &y, &folds, &MeanSquaredError, 20, &options).unwrap(),
            bootstrap_score(&slope, &x, &y, &Bootstrap::new(30).seed(1), &MeanSquaredError, &options)
                .unwrap(),
            stress.measure(&SlopeModel(2.0), &x, &y, &MeanAbsoluteError).unwrap(),
        )
    });
    let answers: Values = x.dense().unwrap().column(0).iter().map(|x| 2.0 * x.abs()).collect();
    same(|| ErrorTree::new().find(&MeanAbsoluteError, &y, &answers, &x, None).unwrap());
}
