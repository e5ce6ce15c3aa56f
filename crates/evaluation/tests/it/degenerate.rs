//! Rows that say little: one class, no positives, constant answers, nothing, no weight. Every metric gives the value that is
//! documented, or an error that names the cause; none gives NaN.

use std::borrow::Borrow;

use ndarray::{Array2, array};
use perennial_core::{ClassOutputs, Classes, Outputs, Probabilities, Result, Rows, Values};
use perennial_evaluation::conformal::{
    ClassSets, Coverage, IntervalScore, MeanSetSize, MeanWidth, PredictionIntervals, SetCoverage,
    SizeStratifiedCoverage,
};
use perennial_evaluation::decision::{MeanValue, NetBenefit, OutcomeValues};
use perennial_evaluation::fairness::{FalsePositiveRate, SelectionRate};
use perennial_evaluation::metric::*;
use perennial_evaluation::{IntervalOptions, Metric};

/// What is to come out: a number, or a word of the error.
enum Expected {
    Is(f64),
    Says(&'static str),
}
use Expected::{Is, Says};

#[track_caller]
fn judge(name: &str, case: &str, result: Result<f64>, expected: &Expected) {
    match (result, expected) {
        (Ok(score), Is(value)) => {
            assert!(
                (score - value).abs() <= 1e-12 * value.abs().max(1.0),
                "{name}, {case}: {score}, not {value}"
            );
        }
        (Err(error), Says(word)) => {
            assert!(error.to_string().contains(word), "{name}, {case}: `{error}` does not say `{word}`");
        }
        (Ok(score), Says(word)) => panic!("{name}, {case}: {score}, and no error that says `{word}`"),
        (Err(error), Is(value)) => panic!("{name}, {case}: `{error}`, not {value}"),
    }
}

/// Rows without number or weight are errors, and rows of weight 0 are as if they were not there.
#[track_caller]
fn nothing<M: Metric>(metric: &M, truth: &M::Truth, prediction: &M::Prediction) {
    let name = metric.name();
    let n = truth.n_rows();
    let none = metric.score(truth.take(&[]).unwrap().borrow(), &prediction.take(&[]).unwrap());
    assert!(none.is_err(), "{name} of no rows: {none:?}");
    for weights in [vec![0.0; n], vec![f64::NAN; n], vec![-1.0; n], vec![1.0; n + 1]] {
        let score = metric.score_weighted(truth, prediction, Some(&weights));
        assert!(score.is_err(), "{name} with the weights {weights:?}: {score:?}");
    }
    let shorter = prediction.take(&(1..n).collect::<Vec<_>>()).unwrap();
    assert!(metric.score(truth, &shorter).is_err(), "{name} of two lengths");
    let kept: Vec<usize> = (0..n - 1).collect();
    let weights: Vec<f64> = (0..n).map(|row| f64::from(u8::from(row < n - 1))).collect();
    let without = metric.score(truth.take(&kept).unwrap().borrow(), &prediction.take(&kept).unwrap());
    match (metric.score_weighted(truth, prediction, Some(&weights)), without) {
        (Ok(a), Ok(b)) => {
            assert!((a - b).abs() < 1e-12, "{name}: {a} with a weight of 0, {b} without the row")
        }
        (a, b) => {
            assert!(a.is_err() && b.is_err(), "{name}: {a:?} with a weight of 0, {b:?} without the row")
        }
    }
    // An interval is one, or an error; never NaN.
    let options = IntervalOptions::new().replicates(40);
    if let Ok(interval) = metric.interval(truth, prediction, &options) {
        assert!(interval.low <= interval.high, "{name}: {interval:?}");
    }
}

fn classes(codes: [u32; 4]) -> Classes {
    Classes::new(codes.to_vec(), ["no", "yes"].map(String::from).to_vec()).unwrap()
}

/// Of classes: all rows positive and all said so; all rows negative, and one said to be positive; half of the rows
/// positive and all said to be negative.
#[track_caller]
fn of_classes(metric: impl Metric<Truth = Classes, Prediction = Classes>, expected: [Expected; 3]) {
    let cases = [
        ("one class", [1, 1, 1, 1], [1, 1, 1, 1]),
        ("no positives", [0, 0, 0, 0], [1, 0, 0, 0]),
        ("constant answers", [0, 1, 0, 1], [0, 0, 0, 0]),
    ];
    for ((case, truth, given), expected) in cases.into_iter().zip(&expected) {
        judge(&metric.name(), case, metric.score(&classes(truth), &classes(given)), expected);
    }
    nothing(&metric, &classes([0, 1, 0, 1]), &classes([0, 1, 1, 1]));
    assert!(metric.score(&classes([0, 1, 0, 1]), &classes([0, 1, 1, 1])).is_ok());
}

fn said(shares: [f64; 4]) -> Probabilities {
    let values = Array2::from_shape_fn(
        (4, 2),
        |(row, class)| if class == 1 { shares[row] } else { 1.0 - shares[row] },
    );
    Probabilities::new(values, ["no", "yes"].map(String::from).to_vec()).unwrap()
}

/// Of probabilities: all rows positive; all negative; half of them positive and all given the same.
#[track_caller]
fn of_shares(metric: impl Metric<Truth = Classes, Prediction = Probabilities>, expected: [Expected; 3]) {
    let cases = [
        ("one class", [1, 1, 1, 1], [0.8, 0.6, 0.8, 0.8]),
        ("no positives", [0, 0, 0, 0], [0.8, 0.4, 0.4, 0.4]),
        ("constant answers", [0, 1, 0, 1], [0.5; 4]),
    ];
    for ((case, truth, given), expected) in cases.into_iter().zip(&expected) {
        judge(&metric.name(), case, metric.score(&classes(truth), &said(given)), expected);
    }
    nothing(&metric, &classes([0, 1, 0, 1]), &said([0.2, 0.9, 0.6, 0.4]));
}

/// Of numbers: a constant truth told exactly; a constant truth told wrong by 1; a truth of 1, 2, 3, 4 told as its mean.
#[track_caller]
fn of_values(metric: impl Metric<Truth = Values, Prediction = Values>, expected: [Expected; 3]) {
    let cases = [
        ("a constant told", [2.0; 4], [2.0; 4]),
        ("a constant missed", [2.0; 4], [3.0; 4]),
        ("constant answers", [1.0, 2.0, 3.0, 4.0], [2.5; 4]),
    ];
    let values = |values: [f64; 4]| Values::from(values.to_vec());
    for ((case, truth, given), expected) in cases.into_iter().zip(&expected) {
        judge(&metric.name(), case, metric.score(&values(truth), &values(given)), expected);
    }
    let (truth, given) = (values([1.0, 2.0, 3.0, 4.0]), values([1.5, 2.0, 2.0, 4.5]));
    nothing(&metric, &truth, &given);
    for odd in [f64::NAN, f64::INFINITY] {
        assert!(metric.score(&truth, &values([1.0, odd, 3.0, 4.0])).is_err(), "{} of {odd}", metric.name());
        assert!(metric.score(&values([odd, 2.0, 3.0, 4.0]), &given).is_err(), "{} of {odd}", metric.name());
    }
}

#[test]
fn metrics_of_classes() {
    of_classes(Accuracy, [Is(1.0), Is(0.75), Is(0.5)]);
    of_classes(ZeroOneLoss, [Is(0.0), Is(0.25), Is(0.5)]);
    of_classes(BalancedAccuracy, [Is(1.0), Is(0.75), Is(0.5)]);
    of_classes(Precision::of("yes"), [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(Recall::of("yes"), [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(F1::of("yes"), [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(F1::default(), [Is(1.0), Is(3.0 / 7.0), Is(1.0 / 3.0)]);
    of_classes(F1::new(Average::Named), [Is(0.5), Is(3.0 / 7.0), Is(1.0 / 3.0)]);
    of_classes(FBeta::new(2.0, Average::Class("yes".to_owned())), [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(Jaccard::of("yes"), [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(Specificity::of("yes"), [Is(0.0), Is(0.75), Is(1.0)]);
    of_classes(GeometricMean, [Is(1.0), Is(0.75), Is(0.0)]);
    of_classes(CohenKappa::new(), [Says("one and the same class"), Is(0.0), Is(0.0)]);
    of_classes(MatthewsCorrelation, [Is(0.0), Is(0.0), Is(0.0)]);
    of_classes(IndexBalancedAccuracy::of("yes"), [Says("yes"), Says("yes"), Is(0.0)]);
    of_classes(PositiveLikelihoodRatio::of("yes"), [Says("yes"), Says("yes"), Says("yes")]);
    of_classes(NegativeLikelihoodRatio::of("yes"), [Says("yes"), Says("yes"), Is(1.0)]);
    of_classes(SelectionRate::of("yes"), [Is(1.0), Is(0.25), Is(0.0)]);
    of_classes(FalsePositiveRate::of("yes"), [Is(0.0), Is(0.25), Is(0.0)]);
    of_classes(MeanValue::new(OutcomeValues::gains(5.0, -1.0, -2.0, 0.0)), [Is(5.0), Is(-0.25), Is(-1.0)]);
}

#[test]
fn metrics_of_groups_of_rows() {
    of_classes(Rand, [Is(1.0), Is(0.5), Is(1.0 / 3.0)]);
    of_classes(AdjustedRand, [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(FowlkesMallows, [Is(1.0), Is(0.5_f64.sqrt()), Is((1.0_f64 / 3.0).sqrt())]);
    of_classes(Homogeneity, [Is(1.0), Is(1.0), Is(0.0)]);
    of_classes(Completeness, [Is(1.0), Is(0.0), Is(1.0)]);
    of_classes(NormalizedMutualInformation, [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(AdjustedMutualInformation, [Is(1.0), Is(0.0), Is(0.0)]);
    of_classes(MutualInformation, [Is(0.0), Is(0.0), Is(0.0)]);
    of_classes(VMeasure::new(), [Is(1.0), Is(0.0), Is(0.0)]);
}

#[test]
fn metrics_of_probabilities() {
    of_shares(LogLoss, [Is(0.29506406942715496), Is(0.785478695933018), Is(2.0_f64.ln())]);
    of_shares(Brier, [Is(0.07), Is(0.28), Is(0.25)]);
    of_shares(RocAuc::new(), [Says("positive"), Says("negative"), Is(0.5)]);
    of_shares(Gini::new(), [Says("positive"), Says("negative"), Is(0.0)]);
    of_shares(OneVsOneAuc::new(), [Says(""), Says(""), Is(0.5)]);
    of_shares(AveragePrecision::new(), [Is(1.0), Is(0.0), Is(0.5)]);
    of_shares(TopKAccuracy::new(1), [Is(1.0), Is(0.75), Is(0.5)]);
    of_shares(CalibrationError::new(), [Is(0.25), Is(0.5), Is(0.0)]);
    of_shares(CalibrationError::worst(), [Is(0.4), Is(0.8), Is(0.0)]);
    of_shares(CalibrationError::adaptive(), [Is(0.25), Is(0.5), Is(0.0)]);
    of_shares(D2LogLoss, [Says("one class"), Says("one class"), Is(0.0)]);
    of_shares(D2Brier, [Says("one class"), Says("one class"), Is(0.0)]);
    of_shares(ThresholdScore::kolmogorov_smirnov(), [Says("positive"), Says("negative"), Is(0.0)]);
    of_shares(ThresholdScore::recall_at_precision(0.9), [Says("positive"), Says("negative"), Is(0.0)]);
    of_shares(ThresholdScore::precision_at_recall(0.9), [Says("positive"), Says("negative"), Is(0.5)]);
    of_shares(ThresholdScore::specificity_at_recall(0.9), [Says("positive"), Says("negative"), Is(0.0)]);
    of_shares(ThresholdScore::recall_at_specificity(0.9), [Says("positive"), Says("negative"), Is(0.0)]);
    of_shares(NetBenefit::new(0.25), [Is(1.0), Is(-1.0 / 3.0), Is(0.5 - 0.5 / 3.0)]);
}

#[test]
fn metrics_of_values() {
    of_values(MeanAbsoluteError, [Is(0.0), Is(1.0), Is(1.0)]);
    of_values(MeanSquaredError, [Is(0.0), Is(1.0), Is(1.25)]);
    of_values(RootMeanSquaredError, [Is(0.0), Is(1.0), Is(1.25_f64.sqrt())]);
    of_values(MedianAbsoluteError, [Is(0.0), Is(1.0), Is(1.0)]);
    of_values(MaxError, [Is(0.0), Is(1.0), Is(1.5)]);
    of_values(MeanAbsolutePercentageError, [Is(0.0), Is(0.5), Is(0.5729166666666667)]);
    of_values(
        SymmetricMeanAbsolutePercentageError,
        [Is(0.0), Is(0.4), Is(0.25 * (6.0 / 7.0 + 2.0 / 9.0 + 2.0 / 11.0 + 6.0 / 13.0))],
    );
    of_values(MeanSquaredLogError::new(), [Is(0.0), Is(0.08276097481015166), Is(0.12049497766193301)]);
    of_values(MeanPinball::new(0.9), [Is(0.0), Is(0.1), Is(0.5)]);
    of_values(MeanTweedieDeviance::poisson(), [Is(0.0), Is(0.37813956756734246), Is(0.532200676431116)]);
    of_values(MeanTweedieDeviance::gamma(), [Is(0.0), Is(0.14426354954966225), Is(0.24355454857433723)]);
    of_values(R2, [Is(1.0), Is(0.0), Is(0.0)]);
    of_values(ExplainedVariance, [Is(1.0), Is(1.0), Is(0.0)]);
    of_values(D2Pinball::new(0.5), [Is(1.0), Is(0.0), Is(0.0)]);
    of_values(D2Tweedie::new(1.0), [Is(1.0), Is(0.0), Is(0.0)]);
    of_values(
        MeanAbsoluteScaledError::new(&[1.0, 2.0, 4.0], 1).unwrap(),
        [Is(0.0), Is(1.0 / 1.5), Is(1.0 / 1.5)],
    );
    of_values(
        RootMeanSquaredScaledError::new(&[1.0, 2.0, 4.0], 1).unwrap(),
        [Is(0.0), Is(0.4_f64.sqrt()), Is(0.5_f64.sqrt())],
    );
    assert!(
        MeanAbsoluteScaledError::new(&[2.0; 3], 1).is_err()
            && RootMeanSquaredScaledError::new(&[2.0; 3], 1).is_err()
    );
}

#[test]
fn metrics_of_several_answers() {
    let truth = Values::from(vec![1.0, 2.0, 3.0, 4.0]);
    let two = Outputs::from(array![[0.5, 1.5], [1.0, 3.0], [2.0, 2.5], [4.0, 4.0]]);
    nothing(&QuantileLoss::new([0.1, 0.9]), &truth, &two);
    nothing(&Crps::new(), &truth, &two);
    nothing(&WeightedIntervalScore::new([0.8]).without_median(), &truth, &two);
    judge(
        "weighted_interval_score",
        "ends that are the truth",
        WeightedIntervalScore::new([0.8]).without_median().score(&truth, &columns(&[1.0, 2.0, 3.0, 4.0])),
        &Is(0.0),
    );
    let pairs = columns(&[1.0, 2.0, 3.0, 4.0]);
    nothing(&MultiOutput::new(MeanAbsoluteError), &pairs, &two);
    nothing(&MultiOutput::new(R2).variance_weighted(), &pairs, &two);
    judge(
        "r2",
        "constant truths told",
        MultiOutput::new(R2).score(&columns(&[2.0; 4]), &columns(&[2.0; 4])),
        &Is(1.0),
    );
    judge("r2", "constant truths missed", MultiOutput::new(R2).score(&columns(&[2.0; 4]), &two), &Is(0.0));
    assert!(MultiOutput::new(R2).score(&pairs, &Outputs::from(array![[1.0], [2.0], [3.0], [4.0]])).is_err());
    judge(
        "crps",
        "draws that are all the truth",
        Crps::new().score(&truth, &Outputs::from(array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])),
        &Is(0.0),
    );
    let sets = |sets: [&[&str]; 4]| ClassOutputs::from_sets(sets.map(<[&str]>::to_vec)).unwrap();
    let (all, some) =
        (sets([&["a"], &["a"], &["a"], &["a", "b"]]), sets([&["a"], &["b"], &["a"], &["a", "b"]]));
    nothing(&HammingLoss, &all, &some);
    nothing(&ExactMatch, &all, &some);
    let none = sets([&[], &["b"], &["a"], &["a", "b"]]);
    for (metric, expected) in [
        (LabelSets::Precision, [Is(0.75), Is(0.75)]),
        (LabelSets::Recall, [Is(0.75), Is(0.75)]),
        (LabelSets::F1, [Is(0.75), Is(0.75)]),
        (LabelSets::Jaccard, [Is(0.75), Is(0.75)]),
    ] {
        nothing(&metric, &all, &some);
        let [missed, nothing_given] = expected;
        judge(&metric.name(), "one set missed", metric.score(&all, &some), &missed);
        // A row without labels that is given none counts 0.
        judge(&metric.name(), "no labels", metric.score(&none, &none), &nothing_given);
    }
    judge("hamming_loss", "one output missed twice", HammingLoss.score(&all, &some), &Is(0.25));
    let decisions = Outputs::from(array![[-2.0], [0.5], [1.0], [0.0]]);
    nothing(&HingeLoss, &classes([0, 1, 0, 1]), &decisions);
    judge(
        "hinge_loss",
        "one class",
        HingeLoss.score(&classes([1; 4]), &decisions),
        &Is((3.0 + 0.5 + 0.0 + 1.0) / 4.0),
    );
    judge(
        "hinge_loss",
        "constant answers",
        HingeLoss.score(&classes([0, 1, 0, 1]), &Outputs::from(array![[0.0], [0.0], [0.0], [0.0]])),
        &Is(1.0),
    );
    let intervals =
        PredictionIntervals { level: 0.8, low: vec![0.0, 2.0, 3.5, 4.0], high: vec![1.0, 2.0, 4.0, 9.0] };
    nothing(&Coverage, &truth, &intervals);
    nothing(&MeanWidth, &truth, &intervals);
    nothing(&IntervalScore, &truth, &intervals);
    judge("coverage", "ends included", Coverage.score(&truth, &intervals), &Is(0.75));
    let members = array![[true, false], [false, false], [true, true], [true, false]];
    let of_rows = ClassSets::new(0.9, members, ["no", "yes"].map(String::from).to_vec()).unwrap();
    nothing(&SetCoverage, &classes([0, 1, 0, 1]), &of_rows);
    nothing(&MeanSetSize, &classes([0, 1, 0, 1]), &of_rows);
    nothing(&SizeStratifiedCoverage, &classes([0, 1, 0, 1]), &of_rows);
    judge("set_coverage", "one class", SetCoverage.score(&classes([1; 4]), &of_rows), &Is(0.25));
}

/// Two outputs that are the same.
fn columns(values: &[f64]) -> Outputs {
    Outputs::from(Array2::from_shape_fn((values.len(), 2), |(row, _)| values[row]))
}

#[test]
fn metrics_of_orders() {
    let times = |happened: [bool; 4]| EventTimes::new(vec![1.0, 2.0, 3.0, 4.0], happened.to_vec()).unwrap();
    let scores = |scores: [f64; 4]| Values::from(scores.to_vec());
    nothing(&Concordance, &times([true; 4]), &scores([1.0, 3.0, 2.0, 4.0]));
    let score = |happened, given| Concordance.score(&times(happened), &scores(given));
    judge("concordance", "constant answers", score([true; 4], [1.0; 4]), &Is(0.5));
    judge("concordance", "no events", score([false; 4], [1.0, 2.0, 3.0, 4.0]), &Says("pair"));
    judge("concordance", "one event, the last", score([false, false, false, true], [1.0; 4]), &Says("pair"));
    assert!(score([true; 4], [f64::NAN, 1.0, 2.0, 3.0]).is_err());
    use ranking::{LabelMetric, QueryMetric, score_queries};
    let all = [
        QueryMetric::Dcg,
        QueryMetric::Ndcg,
        QueryMetric::ReciprocalRank,
        QueryMetric::AveragePrecision,
        QueryMetric::Precision,
        QueryMetric::Recall,
        QueryMetric::Hit,
    ];
    for metric in all {
        // A query without a relevant row, and one of a single row.
        let of = |relevance: &[f64], scores: &[f64], queries: &[u32]| {
            score_queries(metric, None, relevance, scores, queries)
        };
        assert_eq!(of(&[0.0, 0.0], &[1.0, 2.0], &[1, 1]).unwrap().scores, [0.0], "{metric:?}");
        assert_eq!(of(&[1.0], &[0.0], &[1]).unwrap().scores, [1.0], "{metric:?}");
        assert!(of(&[], &[], &[]).is_err() && of(&[1.0], &[f64::NAN], &[1]).is_err());
        assert!(of(&[-1.0], &[1.0], &[1]).is_err() && of(&[1.0], &[1.0], &[1, 2]).is_err());
        assert!(score_queries(metric, Some(0), &[1.0], &[1.0], &[1]).is_err());
        // One query tells nothing of how sure the mean is.
        let ranks = of(&[1.0, 0.0], &[2.0, 1.0], &[1, 1]).unwrap();
        assert!(ranks.interval(&IntervalOptions::new().replicates(40)).is_err());
        for weights in [vec![0.0], vec![f64::NAN], vec![1.0; 2]] {
            assert!(ranks.mean_weighted(&weights).is_err(), "{metric:?} {weights:?}");
        }
        let mut twice = ranks.clone();
        assert!(twice.merge(&ranks).unwrap_err().to_string().contains("query 1"));
    }
    let even = array![[0.5, 0.5], [0.5, 0.5]];
    let cases = [
        (LabelMetric::Coverage, [0.0, 2.0, 2.0]),
        (LabelMetric::AveragePrecision, [1.0, 1.0, 0.5]),
        (LabelMetric::Loss, [0.0, 0.0, 1.0]),
    ];
    for (metric, expected) in cases {
        // No labels, all of them, and one of two that are tied.
        let rows = [[false, false], [true, true], [true, false]];
        for (labels, expected) in rows.into_iter().zip(expected) {
            let has = array![labels, labels];
            assert_eq!(metric.score(&has, &even, None).unwrap(), expected, "{metric:?} {labels:?}");
        }
        let has = array![[true, false], [false, true]];
        for weights in [vec![0.0; 2], vec![-1.0; 2], vec![1.0; 3]] {
            assert!(metric.score(&has, &even, Some(&weights)).is_err());
        }
        assert!(metric.score(&has, &array![[f64::NAN, 0.0], [0.0, 1.0]], None).is_err());
        assert!(metric.score(&has, &array![[0.0], [1.0]], None).is_err());
        let none = Array2::from_elem((0, 2), false);
        assert!(metric.score(&none, &Array2::zeros((0, 2)), None).is_err());
    }
}

#[test]
fn calibration_errors_that_no_resample_moves_are_not_certain() {
    let names = ["no", "yes"].map(String::from).to_vec();
    let truth = Classes::new(vec![1; 100], names.clone()).unwrap();
    let said = Array2::from_shape_fn((100, 2), |(_, class)| [0.01, 0.99][class]);
    let said = Probabilities::new(said, names).unwrap();
    // The exact end of none among 100.
    let unseen = 1.0 - 0.025_f64.powf(0.01);
    for metric in [CalibrationError::new(), CalibrationError::worst()] {
        let found = metric.interval(&truth, &said, &IntervalOptions::new()).unwrap();
        assert!(found.low == 0.0 && (found.high - 0.01 - unseen).abs() < 1e-5, "{found:?}");
    }
}

#[test]
fn few_resamples_of_a_calibration_error_are_more() {
    let names = ["no", "yes"].map(String::from).to_vec();
    let truth = Classes::new((0..200).map(|row| row % 2).collect(), names.clone()).unwrap();
    let said = Array2::from_shape_fn((200, 2), |(_, class)| [0.4, 0.6][class]);
    let said = Probabilities::new(said, names).unwrap();
    let of = |replicates: usize, level: f64| {
        let options = IntervalOptions::new().replicates(replicates).level(level);
        CalibrationError::new().interval(&truth, &said, &options)
    };
    assert_eq!(of(20, 0.95).unwrap(), of(200, 0.95).unwrap());
    assert!(of(0, 0.95).is_err());
    // A high level does not leave everything possible.
    let sure = of(2000, 0.9999).unwrap();
    assert!(sure.high < 0.4, "{sure:?}");
}
