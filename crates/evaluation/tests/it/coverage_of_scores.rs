//! Do intervals of scores that are no mean over rows hold the truth as often as they say?

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Rows, Values};
use perennial_evaluation::metric::{
    CalibrationError, CalibrationSums, Concordance, D2Brier, D2LogLoss, D2Pinball, D2Tweedie, EventTimes,
    ExplainedVariance, MaxError, MeanAbsoluteError, MedianAbsoluteError, R2, RocAuc, Scorer, ThresholdScore,
    TweedieSums,
};
use perennial_evaluation::{ComparisonOptions, IntervalOptions, Metric, TestSample, compare};
use perennial_numeric::random::Random;
use perennial_statistics::interval::Interval;
use perennial_statistics::special::normal_tails;

use crate::coverage::{coverage, covers, first, scored};
use crate::merged_intervals::halves;

fn options() -> IntervalOptions<'static> {
    IntervalOptions::new().replicates(600)
}

/// Classes of which the answers are calibrated, or whose log-odds are so many times as far from 0.
fn said(n: usize, times: f64, random: &mut Random) -> (Classes, Probabilities) {
    let (truth, answer) = scored(n, random);
    let shares: Vec<f64> = answer
        .values()
        .column(1)
        .iter()
        .map(|share| {
            let odds = (share / (1.0 - share)).ln() + (2.0_f64 / 3.0).ln();
            1.0 / (1.0 + (-times * odds).exp())
        })
        .collect();
    let values = Array2::from_shape_fn(
        (n, 2),
        |(row, class)| if class == 1 { shares[row] } else { 1.0 - shares[row] },
    );
    (truth.clone(), Probabilities::new(values, answer.shared_names()).unwrap())
}

#[test]
fn median_absolute_errors() {
    // The third quartile of the normal distribution.
    let zeros: Values = std::iter::repeat_n(0.0, 150).collect();
    covers("median absolute error", 0.674_489_750_2, |random| {
        let answer: Values = (0..150).map(|_| random.normal()).collect();
        MedianAbsoluteError.interval(&zeros, &answer, &options()).unwrap()
    });
}

#[test]
fn gaps_of_kolmogorov_and_smirnov() {
    covers("Kolmogorov-Smirnov", 2.0 * normal_tails(0.5).lower - 1.0, |random| {
        let (truth, answer) = scored(300, random);
        ThresholdScore::kolmogorov_smirnov().interval(&truth, &answer, &options()).unwrap()
    });
}

#[test]
fn recalls_at_a_precision() {
    // By scipy 1.17.
    covers("recall at a precision", 0.689_252_413_6, |random| {
        let (truth, answer) = scored(300, random);
        ThresholdScore::recall_at_precision(0.6)
            .interval(&truth, &answer, &options().replicates(300))
            .unwrap()
    });
}

#[test]
fn precisions_at_a_recall() {
    covers("precision at a recall", 0.677_522_491_3, |random| {
        let (truth, answer) = scored(300, random);
        ThresholdScore::precision_at_recall(0.5)
            .interval(&truth, &answer, &options().replicates(300))
            .unwrap()
    });
}

#[test]
fn specificities_at_a_recall() {
    covers("specificity at a recall", 0.562_920_827_7, |random| {
        let (truth, answer) = scored(300, random);
        ThresholdScore::specificity_at_recall(0.8)
            .interval(&truth, &answer, &options().replicates(300))
            .unwrap()
    });
}

#[test]
fn recalls_at_a_specificity() {
    covers("recall at a specificity", 0.562_920_827_7, |random| {
        let (truth, answer) = scored(300, random);
        ThresholdScore::recall_at_specificity(0.8)
            .interval(&truth, &answer, &options().replicates(300))
            .unwrap()
    });
}

/// Held a little too often: no interval of such errors is both short and sure.
#[track_caller]
fn calibrations(
    kind: &str,
    metric: &CalibrationError,
    truth: f64,
    draw: impl Fn(&mut Random) -> (Classes, Probabilities) + Sync,
) {
    let share = coverage(first(2000), kind, truth, |random| {
        let (truth, answer) = draw(random);
        metric.interval(&truth, &answer, &options()).unwrap()
    });
    assert!((0.945..=0.99).contains(&share), "{kind}: {share}");
}

#[test]
fn calibration_errors() {
    let mean = CalibrationError::new();
    // By scipy 1.17. Probabilities that are too high all over, and log-odds that are too far from 0, by much, a little and not at all.
    calibrations("calibration error, of one sign", &mean, 0.079_594_573_4, |random| scored(400, random));
    calibrations("calibration error, far too sure", &mean, 0.104_886_535_6, |random| said(400, 2.0, random));
    calibrations("calibration error, too sure", &mean, 0.039_885_298_4, |random| said(400, 1.3, random));
    calibrations("calibration error, none", &mean, 0.0, |random| said(400, 1.0, random));
}

#[test]
fn calibration_errors_of_the_worst_bin() {
    let worst = CalibrationError::worst();
    calibrations("worst calibration error", &worst, 0.145_097_176_2, |random| said(400, 2.0, random));
}

#[test]
fn merged_calibration_errors() {
    for (kind, metric, error, times) in [
        ("merged calibration error, far too sure", CalibrationError::new(), 0.104_886_535_6, 2.0),
        ("merged calibration error, none", CalibrationError::new(), 0.0, 1.0),
        ("merged worst calibration error", CalibrationError::worst(), 0.145_097_176_2, 2.0),
    ] {
        let share = coverage(first(2000), kind, error, |random| {
            let mut sums = CalibrationSums::new(metric).unwrap();
            for n in [150, 250] {
                let (truth, answer) = said(n, times, random);
                sums.add(&truth, &answer, None).unwrap();
            }
            sums.interval(0.95).unwrap()
        });
        assert!((0.945..=0.99).contains(&share), "{kind}: {share}");
    }
}

#[test]
fn merged_calibration_errors_are_as_sure_as_those_of_rows() {
    let mut random = Random::new(31);
    for times in [1.0, 1.5, 2.5] {
        for metric in [CalibrationError::new(), CalibrationError::new().n_bins(4)] {
            let (truth, answer) = said(3000, times, &mut random);
            let weights: Vec<f64> = (0..3000).map(|row| f64::from(row % 3)).collect();
            for weights in [None, Some(&weights[..])] {
                let options = match weights {
                    Some(weights) => options().replicates(2000).weights(weights),
                    None => options().replicates(2000),
                };
                let of_rows = metric.interval(&truth, &answer, &options).unwrap();
                let mut sums = CalibrationSums::new(metric).unwrap();
                sums.add(&truth, &answer, weights).unwrap();
                let merged = sums.interval(0.95).unwrap();
                let near = 0.15 * of_rows.width();
                assert!((merged.low - of_rows.low).abs() < near, "{merged:?} {of_rows:?}");
                assert!((merged.high - of_rows.high).abs() < near, "{merged:?} {of_rows:?}");
            }
        }
    }
    // All rows say the same and are right: none of them moves a gap, and as many as may have gone unseen are otherwise.
    for (share, n) in [(0.6, 50), (0.8, 77), (0.9, 100), (1.0, 30)] {
        for metric in [CalibrationError::new(), CalibrationError::worst()] {
            let truth = Classes::new(vec![1; n], ["no", "yes"].map(String::from).to_vec()).unwrap();
            let values = Array2::from_shape_fn((n, 2), |(_, class)| [1.0 - share, share][class]);
            let answer = Probabilities::new(values, truth.shared_names()).unwrap();
            let of_rows = metric.interval(&truth, &answer, &options()).unwrap();
            let mut sums = CalibrationSums::new(metric).unwrap();
            sums.add(&truth, &answer, None).unwrap();
            let merged = sums.interval(0.95).unwrap();
            assert!(merged.width() > 0.01, "{merged:?}");
            assert!((merged.low - of_rows.low).abs() < 1e-5, "{merged:?} {of_rows:?}");
            assert!((merged.high - of_rows.high).abs() < 1e-5, "{merged:?} {of_rows:?}");
        }
    }
    // What a version wrote that did not keep the squares has a score alone, and so has all that it is merged with.
    let (truth, answer) = said(50, 1.0, &mut random);
    let mut sums = CalibrationSums::new(CalibrationError::new()).unwrap();
    assert!(sums.interval(0.95).is_err());
    sums.add(&truth, &answer, None).unwrap();
    assert!(sums.interval(1.0).is_err() && sums.interval(0.9).is_ok());
    let mut old = serde_json::to_value(&sums).unwrap();
    old.as_object_mut().unwrap().remove("squares").unwrap();
    let old: CalibrationSums = serde_json::from_value(old).unwrap();
    sums.merge(&old).unwrap();
    assert!(sums.score().is_ok());
    assert!(sums.interval(0.95).unwrap_err().to_string().contains("older version"));
    let mut huge = CalibrationSums::new(CalibrationError::new()).unwrap();
    huge.add(&truth, &answer, Some(&[1e200; 50])).unwrap();
    assert!(huge.interval(0.95).unwrap_err().to_string().contains("scale the weights"));
}

#[test]
fn largest_errors_have_no_interval() {
    let zeros: Values = std::iter::repeat_n(0.0, 50).collect();
    let answer: Values = (0..50).map(|row| f64::from(row) / 50.0).collect();
    let refused = MaxError.interval(&zeros, &answer, &options()).unwrap_err().to_string();
    assert!(refused.contains("larger than the largest"), "{refused}");
    let compared = compare(&MaxError, &zeros, &answer, &zeros, &ComparisonOptions::new()).unwrap_err();
    assert!(compared.to_string().contains("larger than the largest"));
    let named: Scorer<Values> = Scorer::named("neg_max_error").unwrap();
    assert!(named.interval(&zeros, &answer, &options()).is_err());
    assert_eq!(MaxError.score(&zeros, &answer).unwrap(), 0.98);
}

#[test]
fn shares_of_variance() {
    covers("R2", 0.5, |random| {
        let (truth, answer) = halves(150, random);
        R2.interval(&truth.into(), &answer.into(), &options()).unwrap()
    });
}

#[test]
fn shares_explained() {
    covers("explained variance", 0.5, |random| {
        let (truth, answer) = halves(150, random);
        ExplainedVariance.interval(&truth.into(), &answer.into(), &options()).unwrap()
    });
}

#[test]
fn shares_of_pinball() {
    covers("D2 pinball", 1.0 - std::f64::consts::FRAC_1_SQRT_2, |random| {
        let (truth, answer) = halves(150, random);
        D2Pinball::new(0.5).interval(&truth.into(), &answer.into(), &options()).unwrap()
    });
}

#[test]
fn shares_of_deviances() {
    // Exponential numbers around means whose logarithm is normal: half of its variance as a share of that and Euler's constant.
    let rows = |n: usize, deviation: f64, random: &mut Random| -> (Values, Values) {
        let answer: Vec<f64> = (0..n).map(|_| (deviation * random.normal()).exp()).collect();
        let truth: Values = answer.iter().map(|mean| -mean * (1.0 - random.uniform()).ln()).collect();
        (truth, answer.into())
    };
    let explained = |deviation: f64| {
        let of_means = 0.5 * deviation * deviation;
        of_means / (of_means + 0.577_215_664_9)
    };
    for (n, deviation) in [(300, 0.5), (300, 1.0), (100, 0.5)] {
        let kind = format!("D2 gamma, logarithms of means {deviation} apart, {n} rows");
        covers(&kind, explained(deviation), |random| {
            let (truth, answer) = rows(n, deviation, random);
            D2Tweedie::new(2.0).interval(&truth, &answer, &options()).unwrap()
        });
    }
    covers("merged D2 gamma", explained(0.5), |random| {
        let (truth, answer) = rows(300, 0.5, random);
        let mut sums = TweedieSums::new(2.0).unwrap();
        for part in [0..120, 120..300] {
            let part: Vec<usize> = part.collect();
            sums.add(&truth.take(&part).unwrap(), &answer.take(&part).unwrap(), None).unwrap();
        }
        sums.interval(0.95).unwrap()
    });
}

#[test]
fn shares_of_losses() {
    covers("D2 log loss", 0.135_638_018_0, |random| {
        let (truth, answer) = scored(300, random);
        D2LogLoss.interval(&truth, &answer, &options()).unwrap()
    });
}

#[test]
fn shares_of_briers() {
    covers("D2 Brier", 0.170_889_860_0, |random| {
        let (truth, answer) = scored(300, random);
        D2Brier.interval(&truth, &answer, &options()).unwrap()
    });
}

#[test]
fn orders_of_events() {
    // Of two normal numbers with a correlation of the root of a half: 1/2 + asin(r) / pi.
    covers("concordance", 0.75, |random| {
        let (times, scores) = halves(150, random);
        let truth = EventTimes::new(times, vec![true; 150]).unwrap();
        Concordance.interval(&truth, &scores.into(), &options()).unwrap()
    });
}

#[test]
fn weighted_rows() {
    let size = (2.0 / std::f64::consts::PI).sqrt();
    let zeros: Values = std::iter::repeat_n(0.0, 200).collect();
    covers("weighted mean", size, |random| {
        let weights: Vec<f64> = (0..200).map(|_| if random.uniform() < 0.5 { 1.0 } else { 3.0 }).collect();
        let answer: Values = (0..200).map(|_| random.normal()).collect();
        MeanAbsoluteError.interval(&zeros, &answer, &options().weights(&weights)).unwrap()
    });
}

#[test]
fn weighted_areas() {
    covers("weighted area", normal_tails(std::f64::consts::FRAC_1_SQRT_2).lower, |random| {
        let (truth, answer) = scored(300, random);
        let weights: Vec<f64> = (0..300).map(|_| 0.5 + random.uniform()).collect();
        RocAuc::new().interval(&truth, &answer, &options().weights(&weights)).unwrap()
    });
}

#[test]
fn samples_that_stand_for_many() {
    // Two thousand rows, of which a fifth has errors three times as large and is drawn three times as often.
    let mean = (2.0 / std::f64::consts::PI).sqrt() * (0.8 + 0.6);
    covers("test sample", mean, |random| {
        let large: Vec<bool> = (0..2000).map(|_| random.uniform() < 0.2).collect();
        let of = |large: bool| if large { 3.0 } else { 1.0 };
        let errors: Vec<f64> = large.iter().map(|&large| of(large) * random.normal()).collect();
        let sizes: Vec<f64> = large.iter().map(|&large| of(large)).collect();
        let sample = TestSample::draw(&sizes, 200, random.below(1 << 30) as u64).unwrap();
        let answer: Values = sample.rows.iter().map(|&row| errors[row]).collect();
        let zeros: Values = std::iter::repeat_n(0.0, 200).collect();
        MeanAbsoluteError.interval(&zeros, &answer, &options().weights(&sample.weights)).unwrap()
    });
}

/// Of what is known of each repetition.
pub(crate) fn less(interval: Interval, truth: f64) -> Interval {
    Interval {
        estimate: interval.estimate - truth,
        low: interval.low - truth,
        high: interval.high - truth,
        ..interval
    }
}
