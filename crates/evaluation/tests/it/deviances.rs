//! Shares of deviances that are explained: how sure they are, and from parts of the rows.

use perennial_core::{Rows, Values};
use perennial_evaluation::metric::{D2Tweedie, MeanTweedieDeviance, TweedieSums};
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;
use perennial_statistics::distribution::{Distribution, StudentT};
use perennial_statistics::interval::Interval;

use crate::conformal::close;
use crate::merged_intervals::reach;

const POWERS: [f64; 5] = [0.0, 1.0, 1.5, 2.0, 3.0];

fn rows(n: usize, seed: u64) -> (Values, Values) {
    let mut random = Random::new(seed);
    let answer: Vec<f64> = (0..n).map(|_| (0.6 * random.normal()).exp()).collect();
    let truth = answer.iter().map(|mean| -mean * (1.0 - random.uniform()).ln()).collect();
    (truth, answer.into())
}

/// The logarithm of the share that is left.
fn left(power: f64, truth: &Values, answer: &Values, weights: Option<&[f64]>) -> f64 {
    (1.0 - D2Tweedie::new(power).score_weighted(truth, answer, weights).unwrap()).ln()
}

fn same(found: Interval, centre: f64, half: f64, tolerance: f64) {
    close(found.low, 1.0 - (centre + half).exp(), tolerance);
    close(found.high, 1.0 - (centre - half).exp(), tolerance);
}

#[test]
fn intervals_leave_each_row_or_group_out() {
    let n = 40;
    let (truth, answer) = rows(n, 3);
    let weights: Vec<f64> = (0..n).map(|row| 0.5 * (row % 4) as f64).collect();
    let groups: Vec<u32> = (0..n).map(|row| row as u32 / 2).collect();
    for power in POWERS {
        let of = |kept: &dyn Fn(usize) -> bool, weighted: bool| {
            let kept: Vec<usize> = (0..n).filter(|&row| kept(row)).collect();
            let weights = weights.take(&kept).unwrap();
            let weights = weighted.then_some(&weights[..]);
            left(power, &truth.take(&kept).unwrap(), &answer.take(&kept).unwrap(), weights)
        };
        let by_hand = |units: &[usize], unit_of: &dyn Fn(usize) -> usize, weighted: bool| {
            let (whole, m) = (of(&|_| true, weighted), units.len() as f64);
            let without = units.iter().map(|unit| of(&|row| unit_of(row) != *unit, weighted));
            let pseudo: Vec<f64> = without.map(|without| m * whole - (m - 1.0) * without).collect();
            let centre = pseudo.iter().sum::<f64>() / m;
            let added: Vec<f64> = pseudo.iter().map(|value| (value - centre) / m).collect();
            (centre, reach(&added))
        };
        let metric = D2Tweedie::new(power);
        let rows: Vec<usize> = (0..n).collect();
        let counted: Vec<usize> = rows.iter().copied().filter(|&row| weights[row] > 0.0).collect();
        let pairs: Vec<usize> = (0..n / 2).collect();
        for (options, (centre, half)) in [
            (IntervalOptions::new(), by_hand(&rows, &|row| row, false)),
            (IntervalOptions::new().weights(&weights), by_hand(&counted, &|row| row, true)),
            (IntervalOptions::new().groups(&groups), by_hand(&pairs, &|row| row / 2, false)),
        ] {
            let found = metric.interval(&truth, &answer, &options).unwrap();
            assert_eq!(
                found.estimate,
                metric.score_weighted(&truth, &answer, options.row_weights()).unwrap()
            );
            same(found, centre, half, 1e-9);
        }
        let drawn = metric.interval(&truth, &answer, &IntervalOptions::new().bootstrap()).unwrap();
        assert!(drawn.contains(drawn.estimate) && drawn.width() > 0.0);
    }
}

#[test]
fn intervals_of_rows_that_tell_little() {
    let of = |truth: &[f64], answer: &[f64], power: f64| {
        let (truth, answer) = (Values::from(truth.to_vec()), Values::from(answer.to_vec()));
        let options = IntervalOptions::new().replicates(50);
        D2Tweedie::new(power).interval(&truth, &answer, &options)
    };
    let perfect = of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 1.0).unwrap();
    assert_eq!((perfect.low, perfect.estimate, perfect.high), (1.0, 1.0, 1.0));
    let constant = of(&[2.0; 4], &[1.0, 2.0, 3.0, 4.0], 2.0).unwrap();
    assert_eq!((constant.low, constant.high), (0.0, 0.0));
    assert!(of(&[1.0], &[1.0], 1.0).unwrap_err().to_string().contains("at least 2 rows"));
    assert!(of(&[1.0, 2.0], &[1.0, 0.0], 1.0).unwrap_err().to_string().contains("row 1"));
    // Without the last row all truths are the same, so the score hangs on it.
    let one = of(&[1.0, 1.0, 1.0, 5.0], &[1.0, 2.0, 1.0, 4.0], 2.0).unwrap();
    assert!(one.low.is_finite() && one.high.is_finite());
    // Nothing is left to explain without the only row that is not 0, and rounding of it is no number.
    let rare: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row == 99))).collect();
    let found = of(&rare, &[0.02; 100], 1.0).unwrap();
    assert!(found.low > -10.0 && found.low <= found.high && found.high < 1.0, "{found:?}");
    for unit in [1e-300, 1e300] {
        let units = |values: [f64; 4]| values.map(|value| unit * value);
        let found = of(&units([1.0, 2.0, 3.0, 1.5]), &units([1.5, 1.8, 2.5, 1.5]), 2.0).unwrap();
        let plain = of(&[1.0, 2.0, 3.0, 1.5], &[1.5, 1.8, 2.5, 1.5], 2.0).unwrap();
        close(found.low, plain.low, 1e-9);
        close(found.high, plain.high, 1e-9);
    }
    let huge = of(&[1e300, 1.0, 1e-300], &[1.0, 1.0, 1.0], 2.0);
    assert!(
        huge.is_ok_and(|found| !found.low.is_nan()) || of(&[1e300, 1.0, 1e-300], &[1.0; 3], 2.0).is_err()
    );
}

#[test]
fn perfect_answers_are_perfect_at_any_power() {
    let (truth, _) = rows(40, 11);
    for power in [1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 4.7] {
        let own = MeanTweedieDeviance::new(power).row_scores(&truth, &truth).unwrap().unwrap();
        assert!(own.iter().all(|deviance| *deviance == 0.0), "{power}: {own:?}");
        let options = IntervalOptions::new().replicates(50);
        let found = D2Tweedie::new(power).interval(&truth, &truth, &options).unwrap();
        let merged = sums(power, &truth, &truth, None, 7).interval(0.95).unwrap();
        for found in [found, merged] {
            assert_eq!((found.low, found.estimate, found.high), (1.0, 1.0, 1.0), "{power}");
        }
        // Next to perfect they are never better.
        let next: Values = truth.as_slice().iter().map(|truth| truth * (1.0 + 1e-15)).collect();
        let own = MeanTweedieDeviance::new(power).row_scores(&truth, &next).unwrap().unwrap();
        assert!(own.iter().all(|deviance| *deviance >= 0.0), "{power}: {own:?}");
    }
    // What is beyond the range of numbers is not 0.
    let (truth, answer) = (Values::from(vec![1e-300]), Values::from(vec![2e-300]));
    assert!(MeanTweedieDeviance::new(10.0).score(&truth, &answer).is_err());
}

#[test]
fn rows_without_weight_do_not_make_truths_differ() {
    // The mean of three times 0.1 is rounded.
    let truth = Values::from(vec![0.1, 0.1, 0.1, 5.0]);
    let answer = Values::from(vec![0.2; 4]);
    for power in POWERS {
        let score = D2Tweedie::new(power).score_weighted(&truth, &answer, Some(&[1.0, 1.0, 1.0, 0.0]));
        assert_eq!(score.unwrap(), 0.0, "{power}");
    }
}

#[test]
fn parts_of_truths_far_from_0_tell_how_sure_they_are_or_that_they_do_not() {
    let (truth, answer) = rows(200, 9);
    let moved = |by: f64| {
        let of = |values: &Values| -> Values { values.as_slice().iter().map(|value| value + by).collect() };
        (of(&truth), of(&answer))
    };
    // Squared errors are the same wherever they are.
    let plain = sums(0.0, &truth, &answer, None, 30).interval(0.95).unwrap();
    for by in [1e3, 1e4] {
        let (truth, answer) = moved(by);
        let found = sums(0.0, &truth, &answer, None, 30).interval(0.95).unwrap();
        close(found.low, plain.low, 1e-5);
        close(found.high, plain.high, 1e-5);
    }
    let (truth, answer) = moved(1e9);
    for power in [0.0, 1.0, 1.5, 2.0, 3.0] {
        let merged = sums(power, &truth, &answer, None, 30);
        let error = merged.interval(0.95).unwrap_err().to_string();
        assert!(error.contains("`D2Tweedie::interval` of the rows"), "{power}: {error}");
    }
    let by_rows = D2Tweedie::new(0.0).interval(&truth, &answer, &IntervalOptions::new()).unwrap();
    assert!(by_rows.contains(by_rows.estimate) && by_rows.width() < 4.0 * plain.width(), "{by_rows:?}");
}

/// The sums of parts of so many rows.
fn sums(power: f64, truth: &Values, answer: &Values, weights: Option<&[f64]>, part: usize) -> TweedieSums {
    let mut sums = TweedieSums::new(power).unwrap();
    for start in (0..truth.n_rows()).step_by(part) {
        let rows: Vec<usize> = (start..(start + part).min(truth.n_rows())).collect();
        let weights = weights.map(|weights| weights.take(&rows).unwrap());
        let mut own = TweedieSums::new(power).unwrap();
        own.add(&truth.take(&rows).unwrap(), &answer.take(&rows).unwrap(), weights.as_deref()).unwrap();
        sums.merge(&own).unwrap();
    }
    sums
}

#[test]
fn parts_have_the_score_and_the_interval_of_all_rows() {
    let n = 60;
    let (truth, answer) = rows(n, 5);
    let weights: Vec<f64> = (0..n).map(|row| (row % 4) as f64).collect();
    for power in POWERS {
        for weights in [None, Some(&weights[..])] {
            let score = |weights: Option<&[f64]>| {
                D2Tweedie::new(power).score_weighted(&truth, &answer, weights).unwrap()
            };
            // What a little more weight for each row changes of the logarithm of what is left.
            let own: Vec<f64> = (0..n).map(|row| weights.map_or(1.0, |weights| weights[row])).collect();
            let counted: Vec<usize> = (0..n).filter(|&row| own[row] > 0.0).collect();
            let of_row = |&row: &usize| {
                let with = |by: f64| {
                    let more = |other: usize| own[other] * if other == row { 1.0 + by } else { 1.0 };
                    left(power, &truth, &answer, Some(&(0..n).map(more).collect::<Vec<f64>>()))
                };
                (with(1e-5) - with(-1e-5)) / 2e-5
            };
            let m = counted.len() as f64;
            let squares: f64 = counted.iter().map(of_row).map(|added| added * added).sum();
            // Widened as Bonett (2006) does.
            let half = StudentT::new(m - 1.0).unwrap().isf(0.025) * (squares * m / (m - 1.0)).sqrt() * m
                / (m - 1.959_963_984_540_054);
            let whole = sums(power, &truth, &answer, weights, n);
            for part in [n, 7, 2] {
                let merged = sums(power, &truth, &answer, weights, part);
                close(merged.score().unwrap(), score(weights), 1e-12);
                let (found, of_whole) = (merged.interval(0.95).unwrap(), whole.interval(0.95).unwrap());
                close(0.5 * ((1.0 - found.low) / (1.0 - found.high)).ln(), half, 1e-7);
                close(found.low, of_whole.low, 1e-10);
                let text = serde_json::to_string(&merged).unwrap();
                assert_eq!(serde_json::from_str::<TweedieSums>(&text).unwrap(), merged);
            }
        }
    }
}

#[test]
fn what_few_rows_make_too_high_is_that_of_the_jackknife() {
    let (truth, answer) = rows(900, 8);
    let centre = |found: Interval| 0.5 * ((1.0 - found.low) * (1.0 - found.high)).ln();
    // Of higher powers single truths decide, and a correction of the first order does not reach.
    for power in &POWERS[..4] {
        let power = *power;
        let options = IntervalOptions::new();
        let by_rows = centre(D2Tweedie::new(power).interval(&truth, &answer, &options).unwrap());
        let by_parts = centre(sums(power, &truth, &answer, None, 100).interval(0.95).unwrap());
        let moved = by_rows - left(power, &truth, &answer, None);
        assert!((by_parts - by_rows).abs() < 0.25 * moved.abs(), "{power}: {moved} {}", by_parts - by_rows);
    }
}

#[test]
fn parts_that_do_not_belong_together_are_errors() {
    let of = |truth: &[f64], answer: &[f64], weights: Option<&[f64]>| {
        let mut sums = TweedieSums::new(1.0).unwrap();
        sums.add(&truth.to_vec().into(), &answer.to_vec().into(), weights).map(|()| sums)
    };
    assert!(TweedieSums::new(0.5).is_err() && TweedieSums::new(f64::NAN).is_err());
    let mut first = of(&[1.0, 0.0], &[1.0, 2.0], None).unwrap();
    let other = first.merge(&TweedieSums::new(2.0).unwrap()).unwrap_err().to_string();
    assert!(other.contains("power 1 and of power 2"), "{other}");
    first.merge(&TweedieSums::new(1.0).unwrap()).unwrap();
    assert!(of(&[1.0], &[0.0], None).unwrap_err().to_string().contains("row 0"));
    assert!(of(&[1.0], &[1.0], Some(&[-1.0])).is_err() && of(&[], &[], None).is_err());
    assert!(TweedieSums::new(1.0).unwrap().score().unwrap_err().to_string().contains("no rows with weight"));
    assert!(of(&[1.0], &[1.0], None).unwrap().score().unwrap_err().to_string().contains("at least 2 rows"));
    assert!(
        of(&[1.0, 2.0], &[1.0, 1.0], Some(&[0.0, 0.0]))
            .unwrap_err()
            .to_string()
            .contains("all weights are zero")
    );
    let same = of(&[0.0, 0.0, 0.0], &[1.0, 1.0, 1.0], None).unwrap();
    assert_eq!(same.score().unwrap(), 0.0);
    assert!(same.interval(0.95).unwrap_err().to_string().contains("all truths are the same"));
    let perfect = of(&[1.0, 2.0], &[1.0, 2.0], None).unwrap().interval(0.95).unwrap();
    assert_eq!((perfect.low, perfect.high), (1.0, 1.0));
    for weight in [1e200, 1e-200] {
        let sums = of(&[1.0, 2.0, 4.0], &[1.0, 3.0, 3.0], Some(&[weight; 3])).unwrap();
        close(
            sums.score().unwrap(),
            of(&[1.0, 2.0, 4.0], &[1.0, 3.0, 3.0], None).unwrap().score().unwrap(),
            1e-12,
        );
        assert!(sums.interval(0.95).unwrap_err().to_string().contains("scale the target"));
    }
    assert!(of(&[1.0, 2.0], &[1.0, 1.5], None).unwrap().interval(1.0).is_err());
}
