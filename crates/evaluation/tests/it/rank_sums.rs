//! Areas under curves of rows that come in parts.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities};
use perennial_evaluation::Metric;
use perennial_evaluation::metric::ThresholdScore;
use perennial_evaluation::metric::ranking::*;
use perennial_numeric::random::Random;
use proptest::prelude::*;

/// Scores between -8 and 8 as probabilities of the same order.
fn as_classes(scores: &[f64], positive: &[bool]) -> (Classes, Probabilities) {
    let names = ["no", "yes"].map(String::from).to_vec();
    let share = |score: f64| (score + 8.0) / 16.0;
    let values = Array2::from_shape_fn((scores.len(), 2), |(row, class)| match class {
        1 => share(scores[row]),
        _ => 1.0 - share(scores[row]),
    });
    let codes = positive.iter().map(|&positive| u32::from(positive)).collect();
    (Classes::new(codes, names.clone()).unwrap(), Probabilities::new(values, names).unwrap())
}

/// By its definition: positive weight among the first rows, of tied ones a part of each.
fn lift(counts: &ThresholdCounts, depth: f64) -> f64 {
    let mut left = depth * (counts.positive + counts.negative);
    let (mut found, mut before) = (0.0, [0.0; 2]);
    for (right, wrong) in counts.true_positives.iter().zip(&counts.false_positives) {
        let own = [right - before[0], wrong - before[1]];
        let reached = (left / (own[0] + own[1])).clamp(0.0, 1.0);
        found += reached * own[0];
        left -= own[0] + own[1];
        before = [*right, *wrong];
    }
    found / counts.positive / depth
}

proptest! {
    #[test]
    fn sums_of_ranks_know_how_far_they_are_off(
        rows in prop::collection::vec((-50_i32..50, any::<bool>(), 1_u8..4), 2..300),
        cut in 0.0..1.0,
        max_scores in 2_usize..200,
    ) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 7.0).collect();
        let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        let cut = (cut * rows.len() as f64) as usize;
        for weights in [None, Some(&weights[..])] {
            let of = |rows: std::ops::Range<usize>| {
                let mut sums = RankSums::with_max_scores(max_scores).unwrap();
                let weights = weights.map(|weights| &weights[rows.clone()]);
                if !rows.is_empty() {
                    sums.add(&scores[rows.clone()], &positive[rows], weights).unwrap();
                }
                sums
            };
            let (mut first, mut second) = (of(0..cut), of(cut..rows.len()));
            let other = first.clone();
            first.merge(&second).unwrap();
            second.merge(&other).unwrap();
            prop_assert_eq!(&first, &second);
            prop_assert_eq!(&first, &of(0..rows.len()));
            prop_assert!(first.n_scores() <= max_scores);
            let near = |approximate: Approximate, exact: f64| {
                (approximate.estimate - exact).abs() <= approximate.error + 1e-12
            };
            match roc_auc(&scores, &positive, weights) {
                Ok(exact) => prop_assert!(near(first.roc_auc().unwrap(), exact)),
                Err(_) => prop_assert!(first.roc_auc().is_err()),
            }
            let exact = average_precision(&scores, &positive, weights).unwrap();
            prop_assert!(near(first.average_precision().unwrap(), exact));
            let points = [
                ThresholdScore::kolmogorov_smirnov(),
                ThresholdScore::recall_at_precision(0.6),
                ThresholdScore::precision_at_recall(0.4),
                ThresholdScore::specificity_at_recall(0.7),
                ThresholdScore::recall_at_specificity(0.5),
            ];
            if let (Ok(counts), Ok(auc)) = (
                threshold_counts(&scores, &positive, weights),
                roc_auc(&scores, &positive, weights),
            ) {
                let (truth, said) = as_classes(&scores, &positive);
                for point in &points {
                    let exact = point.score_weighted(&truth, &said, weights).unwrap();
                    prop_assert!(near(first.threshold_score(point).unwrap(), exact), "{:?}", point);
                }
                prop_assert!(near(first.gini().unwrap(), 2.0 * auc - 1.0));
                for depth in [0.1, 0.5, 1.0] {
                    let exact = lift(&counts, depth);
                    prop_assert!(near(first.lift(depth).unwrap(), exact), "{}", depth);
                }
                let held = first.threshold_counts().unwrap();
                if max_scores >= 100 {
                    prop_assert_eq!(&held, &counts);
                }
                // What is held together is a part of all points.
                let all: Vec<_> = counts.true_positives.iter().zip(&counts.false_positives).collect();
                for cut in held.true_positives.iter().zip(&held.false_positives) {
                    prop_assert!(all.iter().any(|all| (all.0 - cut.0).abs() + (all.1 - cut.1).abs() < 1e-9));
                }
            } else {
                prop_assert!(first.threshold_counts().is_err() && first.lift(0.5).is_err());
                prop_assert!(first.gini().is_err() && first.threshold_score(&points[0]).is_err());
            }
            if max_scores >= 100 {
                prop_assert_eq!(first.average_precision().unwrap().error, 0.0);
            }
        }
    }
}

#[test]
fn sums_of_ranks_of_many_scores_are_near() {
    let mut random = Random::new(8);
    let positive: Vec<bool> = (0..200_000).map(|_| random.uniform() < 0.1).collect();
    let scores: Vec<f64> = positive
        .iter()
        .map(|&own| 1.0 / (1.0 + (-random.normal() - f64::from(u8::from(own))).exp()))
        .collect();
    let mut sums = RankSums::new();
    sums.add(&scores, &positive, None).unwrap();
    assert!(sums.n_scores() <= 1 << 14);
    let (auc, precision) = (sums.roc_auc().unwrap(), sums.average_precision().unwrap());
    let exact =
        (roc_auc(&scores, &positive, None).unwrap(), average_precision(&scores, &positive, None).unwrap());
    assert!((auc.estimate - exact.0).abs() <= auc.error && auc.error < 2e-4, "{auc:?} {exact:?}");
    assert!(
        (precision.estimate - exact.1).abs() <= precision.error && precision.error < 2e-3,
        "{precision:?} {exact:?}"
    );
    // The ends of the range of numbers, and parts that do not fit together.
    let mut ends = RankSums::with_max_scores(2).unwrap();
    ends.add(&[f64::MIN, -0.0, 0.0, f64::MAX, 1e-300], &[false, true, false, true, true], None).unwrap();
    assert_eq!(ends.n_scores(), 2);
    let exact =
        roc_auc(&[f64::MIN, -0.0, 0.0, f64::MAX, 1e-300], &[false, true, false, true, true], None).unwrap();
    assert!((ends.roc_auc().unwrap().estimate - exact).abs() <= ends.roc_auc().unwrap().error);
    assert!(ends.merge(&sums).unwrap_err().to_string().contains("up to 2 different scores"));
    assert!(RankSums::with_max_scores(1).is_err() && RankSums::new().roc_auc().is_err());
    assert!(RankSums::new().average_precision().is_err());
    assert!(RankSums::new().add(&[f64::NAN], &[true], None).is_err());
    let json = serde_json::to_string(&ends).unwrap();
    assert_eq!(serde_json::from_str::<RankSums>(&json).unwrap(), ends);
}

#[test]
fn forged_sums_are_refused() {
    let read = |text: &str| serde_json::from_str::<RankSums>(text);
    assert!(read(r#"{"max_scores":2,"dropped":63,"sums":{"0":[1.0,2.0],"1":[0.0,1.0]}}"#).is_ok());
    // Written before weights were told apart: halves are no numbers of rows.
    let old = read(r#"{"max_scores":2,"dropped":0,"sums":{"0":[2.0,2.5],"1":[3.0,4.0]}}"#).unwrap();
    assert!(old.roc_auc_interval(0.9).unwrap_err().to_string().contains("RocAuc::interval"));
    let old = read(r#"{"max_scores":2,"dropped":0,"sums":{"0":[2.0,2.0],"1":[3.0,4.0]}}"#).unwrap();
    assert!(old.roc_auc_interval(0.9).is_ok());
    for bad in [
        r#"{"max_scores":0,"dropped":0,"sums":{}}"#,
        r#"{"max_scores":2,"dropped":64,"sums":{}}"#,
        r#"{"max_scores":2,"dropped":0,"sums":{"0":[-1.0,2.0]}}"#,
        r#"{"max_scores":2,"dropped":0,"sums":{"0":[1.0,2.0],"1":[1.0,2.0],"2":[1.0,2.0]}}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

/// The interval of all rows together, exact while all scores are held and wider by what is not known else.
#[test]
fn intervals_of_merged_areas() {
    let mut random = Random::new(5);
    let positive: Vec<bool> = (0..900).map(|_| random.uniform() < 0.3).collect();
    let scores: Vec<f64> = positive
        .iter()
        .map(|&own| (8.0 * (random.normal() + f64::from(u8::from(own)))).round() / 8.0)
        .collect();
    let exact = roc_auc_interval(&scores, &positive, 0.9).unwrap();
    let of = |max_scores: usize| {
        let (mut first, mut second) =
            (RankSums::with_max_scores(max_scores).unwrap(), RankSums::with_max_scores(max_scores).unwrap());
        first.add(&scores[..400], &positive[..400], None).unwrap();
        second.add(&scores[400..], &positive[400..], None).unwrap();
        first.merge(&second).unwrap();
        first
    };
    let held = of(1000).roc_auc_interval(0.9).unwrap();
    for (held, exact) in [(held.estimate, exact.estimate), (held.low, exact.low), (held.high, exact.high)] {
        assert!((held - exact).abs() < 1e-14, "{held} {exact}");
    }
    let short = of(12);
    let (rough, known) = (short.roc_auc_interval(0.9).unwrap(), short.roc_auc().unwrap());
    assert!(known.error > 0.0 && rough.width() > exact.width(), "{rough:?} {exact:?}");
    assert!(rough.low <= exact.low && rough.high >= exact.high);
    // What weights say is not how many rows there are.
    let mut weighted = RankSums::new();
    weighted.add(&scores, &positive, Some(&vec![2.0; 900])).unwrap();
    assert!(weighted.roc_auc_interval(0.9).unwrap_err().to_string().contains("RocAuc::interval"));
    let text = serde_json::to_string(&weighted).unwrap();
    assert_eq!(serde_json::from_str::<RankSums>(&text).unwrap(), weighted);
    let mut few = RankSums::new();
    few.add(&[0.1, 0.5, 0.7], &[false, false, true], None).unwrap();
    assert!(few.roc_auc_interval(0.9).unwrap_err().to_string().contains("2 rows of each class"));
}
