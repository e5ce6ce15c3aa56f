//! Means over rows that come in parts.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Rows, Values};
use perennial_evaluation::metric::*;
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;

/// Parts of uneven size, some shuffled and some merged: the same bits, which are those of the metric on all rows.
#[track_caller]
fn same_in_parts<M>(metric: M, truth: &M::Truth, prediction: &M::Prediction, weights: &[f64])
where
    M: Metric + Clone,
    M::Truth: Rows<Owned = M::Truth> + Sized,
{
    let n = truth.n_rows();
    for weights in [None, Some(weights)] {
        let of = |rows: &[usize]| {
            let mut sums = ScoreSums::new(metric.clone());
            let weights = weights.map(|weights| weights.take(rows).unwrap());
            sums.add(&truth.take(rows).unwrap(), &prediction.take(rows).unwrap(), weights.as_deref())
                .unwrap();
            sums
        };
        let all: Vec<usize> = (0..n).collect();
        let whole = of(&all);
        let mut turned = all.clone();
        turned.sort_by_key(|row| row * 7919 % n);
        for (rows, size) in [(&all, 1 + n / 7), (&turned, 1 + n / 3), (&turned, 500)] {
            let mut merged = ScoreSums::new(metric.clone());
            rows.chunks(size).rev().for_each(|rows| merged.merge(&of(rows)).unwrap());
            assert_eq!(merged.n_rows(), n as u64);
            assert_eq!(merged.score().unwrap().to_bits(), whole.score().unwrap().to_bits());
            let (ours, theirs) = (merged.interval(0.9).unwrap(), whole.interval(0.9).unwrap());
            assert_eq!(
                (ours.low.to_bits(), ours.high.to_bits()),
                (theirs.low.to_bits(), theirs.high.to_bits())
            );
        }
        let score = metric.score_weighted(truth, prediction, weights).unwrap();
        assert!((whole.score().unwrap() - score).abs() <= 1e-13 * score.abs(), "{}", metric.name());
        // From 20 000 rows on the interval of all rows is Student's as well.
        let rows = metric.row_scores(truth, prediction).unwrap().unwrap();
        let options = IntervalOptions::new().level(0.9);
        let options = weights.map_or(options.clone(), |weights| options.clone().weights(weights));
        let (ours, theirs) = (whole.interval(0.9).unwrap(), options.of_mean(&rows).unwrap());
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-11 * (theirs.high - theirs.low) + 4e-15 * b.abs();
        assert!(near(ours.low, theirs.low) && near(ours.high, theirs.high), "{}", metric.name());
    }
}

fn data(n: usize) -> (Values, Values, Vec<f64>) {
    let mut random = Random::new(1);
    let truth: Values = (0..n).map(|_| (0.5 * random.normal()).exp()).collect();
    let answer: Values = truth.as_slice().iter().map(|t| t * (0.2 * random.normal()).exp()).collect();
    (truth, answer, (0..n).map(|_| random.uniform() + 0.1).collect())
}

#[test]
fn errors_of_numbers_come_in_parts() {
    let (truth, answer, weights) = data(21_000);
    same_in_parts(MeanAbsoluteError, &truth, &answer, &weights);
    same_in_parts(MeanSquaredLogError::new(), &truth, &answer, &weights);
    same_in_parts(SymmetricMeanAbsolutePercentageError, &truth, &answer, &weights);
    same_in_parts(MeanPinball::new(0.8), &truth, &answer, &weights);
    same_in_parts(MeanTweedieDeviance::new(1.5), &truth, &answer, &weights);
    // The squares of large and nearly equal scores leave little but rounding to f64.
    let high: Values = answer.as_slice().iter().map(|answer| answer + 1e7).collect();
    same_in_parts(MeanAbsoluteError, &truth, &high, &weights);
}

#[test]
fn losses_of_probabilities_come_in_parts() {
    let n = 20_001;
    let mut random = Random::new(2);
    let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
    let mut values = Array2::from_shape_fn((n, 3), |_| random.uniform() + 0.05);
    for mut row in values.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|value| value / sum);
    }
    let said = Probabilities::new(values, names.clone()).unwrap();
    let truth = Classes::new((0..n).map(|_| random.below(3) as u32).collect(), names).unwrap();
    let weights: Vec<f64> = (0..n).map(|_| random.uniform() + 0.1).collect();
    same_in_parts(LogLoss, &truth, &said, &weights);
    same_in_parts(Brier, &truth, &said, &weights);
    same_in_parts(TopKAccuracy::new(2), &truth, &said, &weights);
    same_in_parts(Accuracy, &truth, &said.most_likely(), &weights);
}

#[test]
fn sums_say_what_they_cannot_do() {
    let (truth, answer) = (Values::from(vec![1.0, 2.0, 3.0]), Values::from(vec![1.0, 2.5, 2.0]));
    let none = ScoreSums::new(MeanAbsoluteError);
    assert!(none.score().unwrap_err().to_string().contains("no rows"));
    let mut sums = none;
    assert!(sums.add(&truth, &answer.take(&[0]).unwrap(), None).is_err());
    assert!(sums.add(&truth, &answer, Some(&[1.0, -1.0, 0.0])).is_err());
    assert_eq!(sums, none);
    sums.add(&truth, &answer, Some(&[0.0, 2.0, 0.0])).unwrap();
    assert_eq!((sums.n_rows(), sums.weight(), sums.score().unwrap()), (1, 2.0, 0.5));
    assert!(sums.interval(0.95).unwrap_err().to_string().contains("2 rows"));
    sums.add(&truth, &answer, None).unwrap();
    assert!(sums.interval(1.0).is_err());
    // An error is not below 0.
    assert_eq!(sums.interval(0.999).unwrap().low, 0.0);
    // What is saved goes on where it stood.
    let read: ScoreSums<MeanAbsoluteError> =
        serde_json::from_str(&serde_json::to_string(&sums).unwrap()).unwrap();
    assert_eq!(read, sums);
    // Means over rows alone, and of one metric.
    let error = ScoreSums::new(R2).add(&truth, &answer, None).unwrap_err();
    assert!(error.to_string().contains("ErrorSums"), "{error}");
    let mut low = ScoreSums::new(MeanPinball::new(0.1));
    assert!(low.merge(&ScoreSums::new(MeanPinball::new(0.9))).unwrap_err().to_string().contains("0.9"));
    assert!(ScoreSums::new(MeanSquaredLogError::root()).add(&truth, &answer, None).is_err());
    // Squares that leave the range of f64 leave the score.
    let mut huge = ScoreSums::new(MeanAbsoluteError);
    huge.add(&Values::from(vec![1e200, -1e200]), &Values::from(vec![0.0, 0.0]), None).unwrap();
    assert_eq!(huge.score().unwrap(), 1e200);
    assert!(huge.interval(0.95).unwrap_err().to_string().contains("scale"));
    let error = ScoreSums::new(MeanSquaredError)
        .add(&Values::from(vec![1e200]), &Values::from(vec![0.0]), None)
        .unwrap_err();
    assert!(error.to_string().contains("row 0"), "{error}");
}

#[test]
fn calibration_errors_come_in_parts() {
    let mut random = Random::new(5);
    let weights: Vec<f64> = (0..900).map(|row| f64::from(row % 4)).collect();
    for n_classes in [2, 3] {
        let names: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
        let mut values = Array2::from_shape_fn((900, n_classes), |_| random.uniform() + 0.05);
        for mut row in values.rows_mut() {
            let sum = row.sum();
            row.mapv_inplace(|value| value / sum);
        }
        let said = Probabilities::new(values, names.clone()).unwrap();
        let truth = Classes::new((0..900).map(|_| random.below(n_classes) as u32).collect(), names).unwrap();
        for metric in [CalibrationError::new().n_bins(7), CalibrationError::worst()] {
            let score = metric.score_weighted(&truth, &said, Some(&weights)).unwrap();
            let mut sums = CalibrationSums::new(metric).unwrap();
            assert!(sums.score().is_err());
            for rows in (0..900).collect::<Vec<usize>>().chunks(170).rev() {
                let mut part = CalibrationSums::new(metric).unwrap();
                let weights = weights.take(rows).unwrap();
                part.add(&truth.take(rows).unwrap(), &said.take(rows).unwrap(), Some(&weights)).unwrap();
                sums.merge(&part).unwrap();
            }
            assert!((sums.score().unwrap() - score).abs() < 1e-13);
            let others: Vec<String> = said.names().iter().map(|name| format!("{name}!")).collect();
            let other = Probabilities::new(said.values().to_owned(), others.clone()).unwrap();
            let renamed = Classes::new(truth.codes().to_vec(), others).unwrap();
            let error = sums.add(&renamed, &other, None).unwrap_err();
            assert!(error.to_string().contains("cannot be added"), "{error}");
            let mut more = CalibrationSums::new(CalibrationError::new().n_bins(9)).unwrap();
            assert!(more.merge(&sums).is_err());
        }
    }
    assert!(CalibrationSums::new(CalibrationError::adaptive()).unwrap_err().to_string().contains("all rows"));
    assert!(CalibrationSums::new(CalibrationError::new().n_bins(0)).is_err());
}
