//! Metrics that were missing by name, beside scikit-learn and lifelines.

use ndarray::{Array2, array};
use perennial_core::{ClassOutputs, Classes, Probabilities, Values};
use perennial_evaluation::metric::{
    Accuracy, Concordance, EventTimes, F1, Gini, MutualInformation, OfConfusion, RocAuc, ZeroOneLoss,
    confusion_matrix, metric_at_thresholds, multilabel_confusion_matrix, pair_confusion_matrix,
};
use perennial_evaluation::{IntervalOptions, Metric};

use crate::conformal::close;

fn labels() -> (Classes, Classes, Classes) {
    let truth = Classes::from_labels((0..40).map(|i| i * 7 % 3));
    let four = Classes::from_labels((0..40).map(|i| (i * 11 + i / 5) % 4));
    let three = Classes::from_labels((0..40).map(|i| (i * 11 + i / 5) % 4 % 3));
    (truth, four, three)
}

#[test]
fn metrics_of_classes_are_those_of_scikit_learn() {
    // scikit-learn 1.9.1.
    let (truth, four, three) = labels();
    let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 4) / 2.0).collect();
    close(MutualInformation.score(&truth, &four).unwrap(), 0.01076289797215746, 1e-12);
    assert_eq!(pair_confusion_matrix(&truth, &four, None).unwrap(), [[770.0, 296.0], [382.0, 112.0]]);
    close(ZeroOneLoss.score(&truth, &three).unwrap(), 0.65, 1e-12);
    close(ZeroOneLoss.score_weighted(&truth, &three, Some(&weights)).unwrap(), 0.7333333333333334, 1e-12);
    let options = IntervalOptions::new();
    let (loss, right) = (
        ZeroOneLoss.interval(&truth, &three, &options).unwrap(),
        Accuracy.interval(&truth, &three, &options).unwrap(),
    );
    close(loss.low, 1.0 - right.high, 1e-15);
    let each = confusion_matrix(&truth, &three, None).unwrap().one_against_rest();
    let theirs = [
        array![[11.0, 15.0], [5.0, 9.0]],
        array![[21.0, 6.0], [11.0, 2.0]],
        array![[22.0, 5.0], [10.0, 3.0]],
    ];
    each.iter().zip(theirs).for_each(|(ours, theirs)| assert_eq!(ours.counts(), &theirs));
    let sets = ClassOutputs::from_sets([vec!["a", "b"], vec!["a"], vec![]]).unwrap();
    let said = ClassOutputs::from_sets([vec!["a"], vec!["a", "b"], vec!["b"]]).unwrap();
    let each = multilabel_confusion_matrix(&sets, &said, None).unwrap();
    assert_eq!(each[1].0, "b");
    assert_eq!(each[1].1.counts(), &array![[0.0, 2.0], [1.0, 0.0]]);
}

#[test]
fn metrics_along_thresholds_are_those_of_scikit_learn() {
    // scikit-learn 1.9.1: 2 roc_auc_score - 1, metric_at_thresholds(y, s, f1_score) (which goes up from the lowest score).
    let scores: Vec<f64> = (0..40).map(|i| f64::from(i * 29 % 97) / 97.0).collect();
    let yes: Vec<bool> = (0..40).map(|i| scores[i] + 0.4 * (i as f64).sin() > 0.5).collect();
    let truth = Classes::from_labels(yes.iter().map(|yes| if *yes { "yes" } else { "no" }));
    let said =
        Array2::from_shape_fn((40, 2), |(i, class)| if class == 1 { scores[i] } else { 1.0 - scores[i] });
    let said = Probabilities::new(said, truth.shared_names()).unwrap();
    let weights: Vec<f64> = (0..40).map(|i| f64::from(i % 4) / 2.0).collect();
    close(Gini::new().score(&truth, &said).unwrap(), 0.7343358395989976, 1e-12);
    close(
        Gini::new().positive("yes").score_weighted(&truth, &said, Some(&weights)).unwrap(),
        0.8461538461538463,
        1e-12,
    );
    assert_eq!(Gini::new().positive("yes").name(), "gini_yes");
    let (gini, area) = (
        Gini::new().interval(&truth, &said, &IntervalOptions::new()).unwrap(),
        RocAuc::new().interval(&truth, &said, &IntervalOptions::new()).unwrap(),
    );
    close(gini.width(), 2.0 * area.width(), 1e-12);
    let (thresholds, f1) = metric_at_thresholds(&F1::of("yes"), &truth, &said, None, None).unwrap();
    assert_eq!(thresholds.len(), 40);
    let theirs = [0.09090909090909091, 0.17391304347826086, 0.25, 0.32];
    f1.iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, theirs, 1e-12));
    close(thresholds[3], 0.8969072164948454, 1e-12);
    let last = metric_at_thresholds(&ZeroOneLoss, &truth, &said, Some("no"), Some(&weights)).unwrap().1[29];
    let all_no = Classes::new(vec![0; 40], truth.shared_names()).unwrap();
    close(last, ZeroOneLoss.score_weighted(&truth, &all_no, Some(&weights)).unwrap(), 1e-12);
    close(
        ZeroOneLoss.of_confusion(&confusion_matrix(&truth, &all_no, None).unwrap()).unwrap(),
        ZeroOneLoss.score(&truth, &all_no).unwrap(),
        1e-12,
    );
}

#[test]
fn concordance_is_that_of_lifelines() {
    // lifelines: concordance_index(times, scores, happened).
    let times: Vec<f64> = (0..60).map(|i| f64::from(i * 17 % 23)).collect();
    let happened: Vec<bool> = (0..60).map(|i| i * 5 % 7 < 4).collect();
    let scores: Values = (0..60).map(|i| (f64::from(i as u32 * 13 % 19) + times[i] / 3.0).floor()).collect();
    let truth = EventTimes::new(times.clone(), happened.clone()).unwrap();
    close(Concordance.score(&truth, &scores).unwrap(), 0.6680555555555555, 1e-12);
    // A weight of 2 is what two rows are, but for the pair of the two themselves, which is of one time.
    let weights: Vec<f64> = (0..60).map(|i| f64::from(i % 3)).collect();
    let rows: Vec<usize> = (0..60).flat_map(|i| vec![i; i % 3]).collect();
    let repeated = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    let twice = EventTimes::new(repeated(&times), rows.iter().map(|&row| happened[row]).collect()).unwrap();
    let weighted = Concordance.score_weighted(&truth, &scores, Some(&weights)).unwrap();
    let own = Concordance.score(&twice, &repeated(scores.as_slice()).into()).unwrap();
    close(weighted, own, 1e-12);
    // The other way round the rest is right, where no scores are equal.
    let distinct: Values = (0..60).map(|i| f64::from(i * 13 % 61)).collect();
    let turned: Values = distinct.as_slice().iter().map(|score| -score).collect();
    let sum = Concordance.score(&truth, &distinct).unwrap() + Concordance.score(&truth, &turned).unwrap();
    close(sum, 1.0, 1e-12);
    let interval = Concordance.interval(&truth, &scores, &IntervalOptions::new().replicates(200)).unwrap();
    assert!(interval.low < 0.66 && interval.high > 0.68 && interval.width() < 0.4);
    let open = EventTimes::new(vec![1.0, 2.0], vec![false, false]).unwrap();
    assert!(Concordance.score(&open, &vec![1.0, 2.0].into()).unwrap_err().to_string().contains("no pair"));
    assert!(EventTimes::new(vec![f64::NAN], vec![true]).is_err());
    assert!(Concordance.score(&open, &vec![f64::NAN, 2.0].into()).is_err());
}

#[test]
fn adaptive_calibration_error_is_by_rows() {
    use perennial_evaluation::metric::CalibrationError;
    // Four rows in two bins of two: (0.1, 0.2) with none and one right, (0.3, 0.9) with both.
    let said = [0.1, 0.2, 0.3, 0.9];
    let truth = Classes::new(vec![0, 1, 1, 1], ["no", "yes"].map(String::from).to_vec()).unwrap();
    let shares = Array2::from_shape_fn((4, 2), |(i, class)| if class == 1 { said[i] } else { 1.0 - said[i] });
    let said = Probabilities::new(shares, truth.shared_names()).unwrap();
    let adaptive = CalibrationError::adaptive().n_bins(2);
    close(adaptive.score(&truth, &said).unwrap(), 0.5 * (0.35 + 0.4), 1e-12);
    // Of equal width: 0.1, 0.2, 0.3 with two of three, and 0.9.
    let uniform = CalibrationError::new().n_bins(2);
    close(uniform.score(&truth, &said).unwrap(), 0.75 * (2.0 / 3.0 - 0.2) + 0.25 * 0.1, 1e-12);
    assert_eq!(adaptive.name(), "adaptive_calibration_error");
    assert!(adaptive.interval(&truth, &said, &IntervalOptions::new().replicates(50)).is_ok());
}
