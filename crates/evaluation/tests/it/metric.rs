//! What holds for every metric, and for special rows.

use ndarray::{Array2, array};
use perennial_core::{Classes, Probabilities, Result, Rows, Values};
use perennial_evaluation::Metric;
use perennial_evaluation::metric::ranking::{average_precision, roc_auc};
use perennial_evaluation::metric::*;
use perennial_numeric::random::Random;
use proptest::prelude::*;
use std::borrow::Borrow;

/// The definition: pairs counted one by one.
fn pairs(scores: &[f64], positive: &[bool], weights: &[f64]) -> f64 {
    let (mut won, mut all) = (0.0, 0.0);
    for a in (0..scores.len()).filter(|&row| positive[row]) {
        for b in (0..scores.len()).filter(|&row| !positive[row]) {
            let weight = weights[a] * weights[b];
            all += weight;
            won += weight
                * if scores[a] > scores[b] {
                    1.0
                } else if scores[a] == scores[b] {
                    0.5
                } else {
                    0.0
                };
        }
    }
    won / all
}

proptest! {
    #[test]
    fn auc_is_the_count_of_pairs(rows in prop::collection::vec((-4_i32..4, any::<bool>(), 0_u8..4), 2..60)) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) * 0.25).collect();
        let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let ones = vec![1.0; rows.len()];
        prop_assume!(positive.contains(&true) && positive.contains(&false));
        prop_assert_eq!(roc_auc(&scores, &positive, None).unwrap(), pairs(&scores, &positive, &ones));
        prop_assert_eq!(roc_auc(&scores, &positive, Some(&ones)).unwrap(), pairs(&scores, &positive, &ones));
        let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        let expected = pairs(&scores, &positive, &weights);
        match roc_auc(&scores, &positive, Some(&weights)) {
            Ok(auc) => prop_assert!((auc - expected).abs() < 1e-14),
            Err(_) => prop_assert!(expected.is_nan()),
        }
    }

    #[test]
    fn a_weight_counts_as_copies(rows in prop::collection::vec((0_u32..3, 0_u32..3, 0_usize..4, -9.0..9.0, -9.0..9.0), 8..40)) {
        let weights: Vec<f64> = rows.iter().map(|row| row.2 as f64).collect();
        prop_assume!(weights.iter().any(|&weight| weight > 0.0));
        let copies: Vec<usize> = (0..rows.len()).flat_map(|row| vec![row; rows[row].2]).collect();
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let classes = |codes: Vec<u32>| Classes::new(codes, names.clone()).unwrap();
        let truth = classes(rows.iter().map(|row| row.0).collect());
        let answer = classes(rows.iter().map(|row| row.1).collect());
        let shares = Array2::from_shape_fn((rows.len(), 3), |(row, class)| {
            let high = (rows[row].3 + 9.0) / 18.0;
            if class == rows[row].1 as usize { high } else { (1.0 - high) / 2.0 }
        });
        let shares = Probabilities::new(shares, names.clone()).unwrap();
        let numbers: Values = rows.iter().map(|row| row.3).collect();
        let guesses: Values = rows.iter().map(|row| row.4).collect();

        check_copies(&Accuracy, &truth, &answer, &weights, &copies);
        check_copies(&BalancedAccuracy, &truth, &answer, &weights, &copies);
        check_copies(&MatthewsCorrelation, &truth, &answer, &weights, &copies);
        check_copies(&F1::default(), &truth, &answer, &weights, &copies);
        check_copies(&Precision::new(Average::Weighted), &truth, &answer, &weights, &copies);
        check_copies(&Recall::of("b"), &truth, &answer, &weights, &copies);
        check_copies(&LogLoss, &truth, &shares, &weights, &copies);
        check_copies(&Brier, &truth, &shares, &weights, &copies);
        check_copies(&RocAuc::new(), &truth, &shares, &weights, &copies);
        check_copies(&AveragePrecision::new().positive("a"), &truth, &shares, &weights, &copies);
        check_copies(&MeanAbsoluteError, &numbers, &guesses, &weights, &copies);
        check_copies(&MeanSquaredError, &numbers, &guesses, &weights, &copies);
        check_copies(&RootMeanSquaredError, &numbers, &guesses, &weights, &copies);
        check_copies(&MedianAbsoluteError, &numbers, &guesses, &weights, &copies);
        check_copies(&MaxError, &numbers, &guesses, &weights, &copies);
        check_copies(&MeanPinball::new(0.3), &numbers, &guesses, &weights, &copies);
        if copies.len() > 1 {
            check_copies(&R2, &numbers, &guesses, &weights, &copies);
        }
    }
}

/// Weights of 0, 1, 2, ... are that many copies; an error for one is an error for the other.
#[track_caller]
fn check_copies<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    answer: &M::Prediction,
    weights: &[f64],
    copies: &[usize],
) {
    let weighted = metric.score_weighted(truth, answer, Some(weights));
    let copied = metric.score(truth.take(copies).unwrap().borrow(), &answer.take(copies).unwrap());
    match (weighted, copied) {
        (Ok(weighted), Ok(copied)) => {
            let error = (weighted - copied).abs() / copied.abs().max(1.0);
            assert!(error < 1e-10, "{}: {weighted} with weights, {copied} with copies", metric.name());
        }
        (Err(_), Err(_)) => {}
        (weighted, copied) => panic!("{}: {weighted:?} with weights, {copied:?} with copies", metric.name()),
    }
    if let Some(rows) = metric.row_scores(truth, answer).unwrap() {
        let mean = rows.iter().sum::<f64>() / rows.len() as f64;
        assert!((mean - metric.score(truth, answer).unwrap()).abs() < 1e-10, "{}", metric.name());
    }
}

#[test]
fn auc_does_not_depend_on_the_order_or_the_scale() {
    let mut random = Random::new(5);
    let scores: Vec<f64> = (0..5000).map(|_| random.normal()).collect();
    let positive: Vec<bool> = scores.iter().map(|score| score + random.normal() > 0.0).collect();
    let auc = roc_auc(&scores, &positive, None).unwrap();
    let order = random.permutation(scores.len());
    let shuffled = (scores.take(&order).unwrap(), positive.take(&order).unwrap());
    assert_eq!(roc_auc(&shuffled.0, &shuffled.1, None).unwrap(), auc);
    let stretched: Vec<f64> = scores.iter().map(|score| score.exp()).collect();
    assert_eq!(roc_auc(&stretched, &positive, None).unwrap(), auc);
    let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
    assert!((roc_auc(&negated, &positive, None).unwrap() - (1.0 - auc)).abs() < 1e-15);
    // Zero has no sign.
    assert_eq!(roc_auc(&[0.0, -0.0], &[true, false], None).unwrap(), 0.5);
}

#[test]
fn class_names_decide_not_codes() {
    let truth = Classes::from_labels(["cat", "dog", "dog"]);
    let names = vec!["dog".to_owned(), "fox".to_owned(), "cat".to_owned()];
    let answer = Classes::new(vec![2, 0, 1], names.clone()).unwrap();
    assert_eq!(Accuracy.score(&truth, &answer).unwrap(), 2.0 / 3.0);
    let confusion = confusion_matrix(&truth, &answer, None).unwrap();
    assert_eq!(confusion.names(), ["cat", "dog", "fox"]);
    assert_eq!(*confusion.counts(), array![[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]);
    let shares =
        Probabilities::new(array![[0.0, 0.0, 1.0], [0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], names).unwrap();
    assert!((LogLoss.score(&truth, &shares).unwrap() - 2.0_f64.ln() / 3.0).abs() < 1e-14);
}

#[test]
fn errors_say_what_is_wrong() {
    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }
    let values = |numbers: &[f64]| Values::from(numbers.to_vec());
    let (one, two) = (values(&[1.0]), values(&[1.0, 2.0]));
    let empty = values(&[]);
    assert_eq!(
        message(MeanAbsoluteError.score(&empty, &empty)),
        "there are no rows to score; give at least one"
    );
    assert!(message(MeanAbsoluteError.score(&two, &one)).contains("the prediction has 1 rows; expected 2"));
    assert!(
        message(MeanAbsoluteError.score(&two, &values(&[1.0, f64::NAN])))
            .contains("the prediction is NaN at row 1")
    );
    assert!(message(R2.score(&values(&[f64::INFINITY, 1.0]), &two)).contains("the truth is inf at row 0"));
    assert!(
        message(MeanAbsoluteError.score_weighted(&two, &two, Some(&[1.0, -1.0]))).contains("-1 at row 1")
    );
    assert!(
        message(MeanAbsoluteError.score_weighted(&two, &two, Some(&[0.0, 0.0])))
            .contains("all weights are zero")
    );
    assert!(message(MeanPinball::new(1.5).score(&two, &two)).contains("`quantile` is 1.5"));
    let huge = message(MeanAbsoluteError.score(&values(&[1e308, 0.0]), &values(&[-1e308, 0.0])));
    assert!(huge.contains("beyond the range of f64"), "{huge}");

    assert!(message(roc_auc(&[f64::NAN, 1.0], &[true, false], None)).contains("the scores is NaN at row 0"));
    assert!(message(roc_auc(&[0.0, 1.0], &[false, false], None)).contains("all rows are negative"));
    assert!(
        message(roc_auc(&[0.0, 1.0], &[false, true], Some(&[1.0, 0.0]))).contains("all rows are negative")
    );
    assert!(average_precision(&[], &[], None).is_err());

    let truth = Classes::from_labels(["a", "b", "c"]);
    let shares =
        Probabilities::new(array![[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], vec!["a".to_owned(), "b".to_owned()]);
    let shares = shares.unwrap();
    assert!(
        message(LogLoss.score(&truth, &shares))
            .contains("row 2 has class `c`, for which there is no probability")
    );
    assert!(message(F1::of("z").score(&truth, &truth)).contains("no class is named `z`; there are: a, b, c"));
    let truth = truth.take(&[0, 1, 1]).unwrap();
    assert!(message(RocAuc::new().positive("z").score(&truth, &shares)).contains("no class is named `z`"));
}

/// The interval of counts is the jackknife of the rows that were counted, and exact where that of rows is.
#[test]
fn intervals_of_merged_counts() {
    let of = |rows: std::ops::Range<u32>| {
        let truth = Classes::from_labels(rows.clone().map(|row| row * 7 % 11 % 3));
        (truth, Classes::from_labels(rows.map(|row| if row % 4 == 0 { row % 3 } else { row * 7 % 11 % 3 })))
    };
    let counted = |(truth, answer): &(Classes, Classes)| confusion_matrix(truth, answer, None).unwrap();
    let (all, mut merged) = (of(0..150), counted(&of(0..60)));
    merged.merge(&counted(&of(60..150))).unwrap();
    let found = F1::default().interval_of_confusion(&merged, 0.9).unwrap();
    let of_rows = IntervalOptions::new().level(0.9).of_left_out(150, |left_out| {
        let kept: Vec<f64> = (0..150).map(|row| f64::from(u8::from(!left_out.contains(&row)))).collect();
        F1::default().score_weighted(&all.0, &all.1, Some(&kept)).unwrap()
    });
    let of_rows = of_rows.unwrap();
    assert!((found.estimate - of_rows.estimate).abs() < 1e-14, "{found:?} {of_rows:?}");
    assert!((found.low - of_rows.low).abs() < 1e-10 && (found.high - of_rows.high).abs() < 1e-10);
    let options = IntervalOptions::new().level(0.9);
    let exact = Accuracy.interval(&all.0, &all.1, &options).unwrap();
    assert_eq!(Accuracy.interval_of_confusion(&merged, 0.9).unwrap(), exact);
    // All right: as far as so many rows leave it open.
    let right = counted(&(all.0.clone(), all.0.clone()));
    let sure = F1::default().interval_of_confusion(&right, 0.9).unwrap();
    assert!(sure.high == 1.0 && sure.low < 0.99, "{sure:?}");
    // What is not known of rows by their weights, and of a class by one row.
    let weighted = confusion_matrix(&all.0, &all.1, Some(&[0.5; 150])).unwrap();
    let refused = F1::default().interval_of_confusion(&weighted, 0.9).unwrap_err();
    assert!(refused.to_string().contains("Metric::interval"), "{refused}");
    let one = counted(&(Classes::from_labels(["a"]), Classes::from_labels(["a"])));
    assert!(F1::default().interval_of_confusion(&one, 0.9).is_err());
    assert!(F1::default().interval_of_confusion(&merged, 1.0).is_err());
}

fn counts_of(names: &[&str], counts: &[f64]) -> ConfusionMatrix {
    let k = names.len();
    let text = format!(r#"{{"names":{names:?},"counts":{{"v":1,"dim":[{k},{k}],"data":{counts:?}}}}}"#);
    serde_json::from_str(&text).unwrap()
}

/// Of a trillion rows one changes less than rounding does.
#[test]
fn intervals_of_very_many_counted_rows() {
    let shares = [0.31, 0.07, 0.02, 0.05, 0.23, 0.04, 0.03, 0.06, 0.19];
    let of = |n: f64| {
        let counts: Vec<f64> = shares.iter().map(|share| (share * n).round()).collect();
        F1::default().interval_of_confusion(&counts_of(&["a", "b", "c"], &counts), 0.95).unwrap()
    };
    let scaled = of(1e4).width() * 1e4_f64.sqrt();
    for n in [1e4, 1e10, 1e12] {
        let found = of(n);
        assert!(found.low < found.estimate && found.estimate < found.high, "{n} rows: {found:?}");
        assert!((found.width() * n.sqrt() / scaled - 1.0).abs() < 1e-3, "{n} rows: {found:?}");
    }
}

/// A score that rounding alone moves is one that never changes.
#[test]
fn answers_without_error_are_not_certain_whatever_is_rounded() {
    let right = counts_of(&["a", "b"], &[24.0, 0.0, 0.0, 25.0]);
    let truth = Classes::from_labels((0..49).map(|row| if row < 24 { "a" } else { "b" }));
    for beta in [0.1, 0.3, 0.7] {
        let metric = FBeta::new(beta, Average::Macro);
        let counted = metric.interval_of_confusion(&right, 0.95).unwrap();
        let of_rows = metric.interval(&truth, &truth, &IntervalOptions::new()).unwrap();
        for found in [counted, of_rows] {
            assert!(found.width() > 0.01 && found.high > 1.0 - 1e-12, "{beta}: {found:?}");
        }
    }
}
