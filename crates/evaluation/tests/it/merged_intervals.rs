//! Intervals of what parts of the rows leave behind.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Rows, Values};
use perennial_evaluation::metric::ranking::{RankSums, average_precision};
use perennial_evaluation::metric::{
    AveragePrecision, D2Brier, D2LogLoss, ErrorSums, RootMeanSquaredError, ShareSums,
};
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;
use perennial_statistics::distribution::{Distribution, StudentT};
use perennial_statistics::interval::clopper_pearson;

use crate::conformal::close;
use crate::coverage::{covers, scored};
use crate::coverage_of_decisions::ranked;

/// Student's interval from what each unit adds, of as many degrees of freedom as their variance has (Satterthwaite, 1946).
pub(crate) fn reach(added: &[f64]) -> f64 {
    let n = added.len() as f64;
    let power = |power: i32| added.iter().map(|added| added.powi(power)).sum::<f64>();
    let kurtosis = n * power(4) / power(2).powi(2);
    let df = (2.0 * n / (kurtosis - 1.0 + 2.0 / (n - 1.0))).min(n - 1.0);
    StudentT::new(df).unwrap().isf(0.025) * (power(2) * n / (n - 1.0)).sqrt()
}

/// Truth of which the answers explain half.
pub(crate) fn halves(n: usize, random: &mut Random) -> (Vec<f64>, Vec<f64>) {
    let answer: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    (answer.iter().map(|answer| answer + random.normal()).collect(), answer)
}

/// The sums of some rows, in parts of so many.
fn sums(truth: &[f64], answer: &[f64], weights: Option<&[f64]>, part: usize) -> ErrorSums {
    let mut sums = ErrorSums::new();
    for start in (0..truth.len()).step_by(part) {
        let rows = start..(start + part).min(truth.len());
        let mut own = ErrorSums::new();
        let of = |values: &[f64]| Values::from(values[rows.clone()].to_vec());
        own.add(&of(truth), &of(answer), weights.map(|weights| &weights[rows.clone()])).unwrap();
        sums.merge(&own);
    }
    sums
}

#[test]
fn coverage_of_merged_errors_and_ranks() {
    covers("merged R2", 0.5, |random| {
        let (truth, answer) = halves(150, random);
        sums(&truth, &answer, None, 40).r2_interval(0.95).unwrap()
    });
    // Answers that are too high by as much as the truth varies.
    covers("merged explained variance", 0.5, |random| {
        let (truth, answer) = halves(150, random);
        let answer: Vec<f64> = answer.iter().map(|answer| answer + 1.5).collect();
        sums(&truth, &answer, None, 40).explained_variance_interval(0.95).unwrap()
    });
    covers("merged root mean square", 1.0, |random| {
        let (truth, answer) = halves(150, random);
        sums(&truth, &answer, None, 40).root_mean_squared_error_interval(0.95).unwrap()
    });
    // The integral of the precision over the recall, by scipy 1.17.
    covers("merged average precision", 0.676_765_667_6, |random| {
        let (scores, positive) = ranked(300, random);
        let mut sums = RankSums::new();
        sums.add(&scores[..100], &positive[..100], None).unwrap();
        sums.add(&scores[100..], &positive[100..], None).unwrap();
        sums.average_precision_interval(0.95).unwrap()
    });
}

#[test]
fn error_intervals_are_linearised_by_hand() {
    let mut random = Random::new(4);
    let (truth, answer) = halves(60, &mut random);
    // Far from 0, so that sums about 0 would lose their digits.
    let truth: Vec<f64> = truth.iter().map(|t| t + 3e5).collect();
    let answer: Vec<f64> = answer.iter().map(|a| a + 3e5 - 2.5).collect();
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 4)).collect();
    for weights in [None, Some(&weights[..])] {
        let w = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let counted: Vec<usize> = (0..60).filter(|&row| w(row) > 0.0).collect();
        let sum = |of: &dyn Fn(usize) -> f64| counted.iter().map(|&row| of(row)).sum::<f64>();
        let total = sum(&w);
        let mean = sum(&|row| w(row) * truth[row]) / total;
        let error = |row: usize| (truth[row] - answer[row]).powi(2);
        let spread = |row: usize| (truth[row] - mean).powi(2);
        let (u, t) = (sum(&|row| w(row) * error(row)), sum(&|row| w(row) * spread(row)));
        let n = counted.len() as f64;
        // Widened as Bonett (2006) does.
        let reach = StudentT::new(n - 1.0).unwrap().isf(0.025) * (n / (n - 1.0)).sqrt() * n
            / (n - 1.959_963_984_540_054);
        let of_r2 = reach * sum(&|row| (w(row) * (error(row) / u - spread(row) / t)).powi(2)).sqrt();
        let off = sum(&|row| w(row) * (truth[row] - answer[row])) / total;
        let about = |row: usize| (truth[row] - answer[row] - off).powi(2);
        let v = sum(&|row| w(row) * about(row));
        let of_variance = reach * sum(&|row| (w(row) * (about(row) / v - spread(row) / t)).powi(2)).sqrt();
        let of_rmse = 0.5 * reach * sum(&|row| (w(row) * (error(row) / u - 1.0 / total)).powi(2)).sqrt();
        for part in [60, 7, 2] {
            let sums = sums(&truth, &answer, weights, part);
            let found = sums.r2_interval(0.95).unwrap();
            close(found.estimate, 1.0 - u / t, 1e-9);
            close(found.low, 1.0 - u / t * of_r2.exp(), 1e-8);
            close(found.high, 1.0 - u / t * (-of_r2).exp(), 1e-8);
            let found = sums.explained_variance_interval(0.95).unwrap();
            close(found.estimate, 1.0 - v / t, 1e-9);
            close(found.low, 1.0 - v / t * of_variance.exp(), 1e-8);
            close(found.high, 1.0 - v / t * (-of_variance).exp(), 1e-8);
            let found = sums.root_mean_squared_error_interval(0.95).unwrap();
            let options = IntervalOptions::new();
            let options = match weights {
                Some(weights) => options.weights(weights),
                None => options,
            };
            let (t, a) = (Values::from(truth.clone()), Values::from(answer.clone()));
            let of_rows = RootMeanSquaredError.interval(&t, &a, &options).unwrap();
            close(found.low, of_rows.low, 1e-9);
            close(found.high, of_rows.high, 1e-9);
            close(found.low, (u / total).sqrt() * (-of_rmse).exp(), 1e-8);
            close(found.high, (u / total).sqrt() * of_rmse.exp(), 1e-8);
            let text = serde_json::to_string(&sums).unwrap();
            assert_eq!(sums, serde_json::from_str(&text).unwrap());
        }
    }
}

#[test]
fn explained_variances_are_as_sure_wherever_the_errors_are() {
    let (truth, answer) = halves(120, &mut Random::new(15));
    let weights: Vec<f64> = (0..120).map(|row| f64::from(row % 4)).collect();
    for weights in [None, Some(&weights[..])] {
        let plain = sums(&truth, &answer, weights, 120).explained_variance_interval(0.95).unwrap();
        for off in [-2.5, 1e4, 1e5, 1e6] {
            let moved: Vec<f64> = answer.iter().map(|answer| answer + off).collect();
            for part in [120, 50, 7, 2] {
                let sums = sums(&truth, &moved, weights, part);
                let found = sums.explained_variance_interval(0.95).unwrap();
                close(found.low, plain.low, 1e-7);
                close(found.high, plain.high, 1e-7);
                // The other scores have all of the errors.
                let (truth, moved) = (Values::from(truth.clone()), Values::from(moved.clone()));
                let options = IntervalOptions::new();
                let options = match weights {
                    Some(weights) => options.weights(weights),
                    None => options,
                };
                let of_rows = RootMeanSquaredError.interval(&truth, &moved, &options).unwrap();
                let found = sums.root_mean_squared_error_interval(0.95).unwrap();
                close(found.low / of_rows.low, 1.0, 1e-7);
                close(found.high / of_rows.high, 1.0, 1e-7);
            }
        }
    }
}

#[test]
fn sums_without_odd_powers_keep_what_they_know() {
    // The mean of the errors is 0, as the centre is of what was written without odd powers.
    let even = sums(&[1.0, 2.0, 3.0, 4.5], &[1.5, 1.5, 3.5, 4.0], None, 4);
    let more = sums(&[2.0, 4.0, 1.0], &[12.0, 13.5, 11.0], None, 3);
    let mut old = serde_json::to_value(even).unwrap();
    let products = old.get_mut("products").unwrap().as_object_mut().unwrap();
    for name in ["off", "n_odd", "cubes", "linear"] {
        products.remove(name).unwrap();
    }
    let mut old: ErrorSums = serde_json::from_value(old).unwrap();
    let mut new = even;
    for merged in [false, true] {
        if merged {
            old.merge(&more);
            new.merge(&more);
        }
        for (old, new) in [
            (old.r2_interval(0.5), new.r2_interval(0.5)),
            (old.root_mean_squared_error_interval(0.5), new.root_mean_squared_error_interval(0.5)),
        ] {
            let (old, new) = (old.unwrap(), new.unwrap());
            close(old.low, new.low, 1e-9 * new.low.abs());
            close(old.high, new.high, 1e-9 * new.high.abs());
        }
        let error = old.explained_variance_interval(0.5).unwrap_err();
        assert!(error.to_string().contains("begun by an older version"), "{error}");
        assert!(new.explained_variance_interval(0.5).is_ok());
    }
}

#[test]
fn error_intervals_without_a_variance_are_errors() {
    let of = |truth: &[f64], answer: &[f64]| sums(truth, answer, None, 10);
    let perfect = of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]);
    let found = perfect.r2_interval(0.95).unwrap();
    assert_eq!((found.low, found.high), (1.0, 1.0));
    let found = of(&[1.0, 2.0, 3.0], &[3.0, 4.0, 5.0]).explained_variance_interval(0.95).unwrap();
    assert_eq!((found.low, found.high), (1.0, 1.0));
    assert!(of(&[2.0; 3], &[1.0, 2.0, 3.0]).explained_variance_interval(0.95).is_err());
    assert_eq!(perfect.root_mean_squared_error_interval(0.95).unwrap().high, 0.0);
    let constant = of(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]).r2_interval(0.95).unwrap_err();
    assert!(constant.to_string().contains("all truths are the same"), "{constant}");
    assert!(of(&[1.0], &[2.0]).root_mean_squared_error_interval(0.95).is_err());
    assert!(of(&[1.0], &[2.0]).r2_interval(0.95).is_err());
    assert!(ErrorSums::new().r2_interval(0.95).is_err());
    assert!(perfect.r2_interval(1.0).is_err() && perfect.root_mean_squared_error_interval(0.0).is_err());
    let huge = of(&[1e100, -1e100, 0.0], &[0.0, 0.0, 1e100]);
    assert!(
        huge.root_mean_squared_error_interval(0.95).unwrap_err().to_string().contains("scale the target")
    );
}

#[test]
fn error_intervals_beyond_the_range_of_numbers_are_errors() {
    let of = |truth: &[f64], answer: &[f64]| sums(truth, answer, None, 10);
    let both = |sums: &ErrorSums, level: f64| {
        [sums.root_mean_squared_error_interval(level), sums.r2_interval(level)]
            .map(|found| found.unwrap_err().to_string())
    };
    // The squares of errors are numbers, and their fourth powers 0; then the squares are 0 as well.
    for unit in [1e-90, 1e-170] {
        let small = of(&[0.0, unit, 2.0 * unit], &[unit, 0.0, 0.0]);
        let error = small.root_mean_squared_error_interval(0.95).unwrap_err().to_string();
        assert!(error.contains("scale the target"), "{error}");
    }
    let small = both(&of(&[0.0, 1e-90, 2e-90], &[1e-90, 0.0, 0.0]), 0.95);
    assert!(small.iter().all(|error| error.contains("scale the target")), "{small:?}");
    // Two rows tell so little that an end is infinite.
    let two = both(&of(&[1.0, 2.0], &[0.0, 0.0]), 0.9999);
    assert!(two.iter().all(|error| error.contains("2 rows are too few")), "{two:?}");
    let (truth, answer) = (Values::from(vec![1.0, 2.0]), Values::from(vec![0.0, 0.0]));
    let of_rows = RootMeanSquaredError.interval(&truth, &answer, &IntervalOptions::new().level(0.9999));
    assert!(of_rows.unwrap_err().to_string().contains("2 rows are too few"));
    // Equal weights of any size are none.
    let (truth, answer) = halves(60, &mut Random::new(6));
    let (truth, answer) = (Values::from(truth), Values::from(answer));
    let plain = RootMeanSquaredError.interval(&truth, &answer, &IntervalOptions::new()).unwrap();
    for unit in [1e-200, 1e200] {
        let weights = vec![unit; 60];
        let options = IntervalOptions::new().weights(&weights);
        let found = RootMeanSquaredError.interval(&truth, &answer, &options).unwrap();
        close(found.low, plain.low, 1e-12);
        close(found.high, plain.high, 1e-12);
    }
}

#[test]
fn sums_without_products_have_scores_alone() {
    let (truth, answer) = halves(40, &mut Random::new(7));
    let whole = sums(&truth, &answer, None, 40);
    let mut old = serde_json::to_value(whole).unwrap();
    old.as_object_mut().unwrap().remove("products").unwrap();
    let mut old: ErrorSums = serde_json::from_value(old).unwrap();
    for more in [false, true] {
        if more {
            old.merge(&whole);
        }
        close(old.r2().unwrap(), whole.r2().unwrap(), 1e-12);
        for found in [
            old.r2_interval(0.95),
            old.root_mean_squared_error_interval(0.95),
            old.explained_variance_interval(0.95),
        ] {
            assert!(found.unwrap_err().to_string().contains("begun by an older version"));
        }
    }
}

#[test]
fn precision_intervals_are_those_of_small_weights() {
    // Tied scores, and what a little more weight for each row changes.
    let scores: Vec<f64> = (0..50).map(|row| f64::from(row * 7 % 23)).collect();
    let positive: Vec<bool> = (0..50).map(|row| row * 7 % 23 > 12 || row % 5 == 0).collect();
    let score = |weights: &[f64]| average_precision(&scores, &positive, Some(weights)).unwrap();
    let of_row = |row: usize| {
        let with =
            |by: f64| score(&(0..50).map(|r| if r == row { 1.0 + by } else { 1.0 }).collect::<Vec<f64>>());
        (with(1e-5) - with(-1e-5)) / 2e-5
    };
    let own = score(&[1.0; 50]);
    let half = reach(&(0..50).map(of_row).collect::<Vec<f64>>()) / (own * (1.0 - own));
    let odds = own / (1.0 - own);
    let share = |odds: f64| odds / (1.0 + odds);
    let mut sums = RankSums::new();
    sums.add(&scores, &positive, None).unwrap();
    let found = sums.average_precision_interval(0.95).unwrap();
    close(found.estimate, own, 1e-12);
    close(found.low, share(odds * (-half).exp()), 1e-7);
    close(found.high, share(odds * half.exp()), 1e-7);
    // The rows themselves have the same.
    let truth = Classes::from_labels(positive.iter().map(|positive| if *positive { "yes" } else { "no" }));
    let said = Array2::from_shape_fn((50, 2), |(row, class)| {
        let share = scores[row] / 23.0;
        if class == 1 { share } else { 1.0 - share }
    });
    let said = Probabilities::new(said, truth.shared_names()).unwrap();
    let of_rows = AveragePrecision::new().interval(&truth, &said, &IntervalOptions::new()).unwrap();
    close(of_rows.low, found.low, 1e-12);
    close(of_rows.high, found.high, 1e-12);
    // Scores that are held together widen it.
    let mut few = RankSums::with_max_scores(8).unwrap();
    few.add(&scores, &positive, None).unwrap();
    let wide = few.average_precision_interval(0.95).unwrap();
    assert!(wide.contains(own) && wide.width() > found.width());
}

#[test]
fn precision_intervals_that_rows_do_not_tell() {
    let of = |scores: &[f64], positive: &[bool], weights: Option<&[f64]>| {
        let mut sums = RankSums::new();
        sums.add(scores, positive, weights).unwrap();
        sums.average_precision_interval(0.95)
    };
    let apart = of(&[3.0, 4.0, 5.0, 1.0, 2.0], &[true, true, true, false, false], None).unwrap();
    let bound = clopper_pearson(2, 2, 0.95).unwrap().low;
    assert_eq!((apart.estimate, apart.high), (1.0, 1.0));
    close(apart.low, bound, 1e-12);
    assert!(
        of(&[3.0, 1.0, 2.0], &[true, false, false], None).unwrap_err().to_string().contains("2 rows of each")
    );
    let weighted = of(&[3.0, 1.0], &[true, false], Some(&[2.0, 1.0])).unwrap_err();
    assert!(weighted.to_string().contains("AveragePrecision::interval"), "{weighted}");
    assert!(RankSums::new().average_precision_interval(0.95).is_err());
}

#[test]
fn shares_of_losses_of_parts() {
    let mut random = Random::new(12);
    let (truth, said) = scored(90, &mut random);
    let weights: Vec<f64> = (0..90).map(|row| f64::from(row % 4)).collect();
    let part = |rows: std::ops::Range<usize>| {
        let rows: Vec<usize> = rows.collect();
        (truth.take(&rows).unwrap(), said.take(&rows).unwrap(), weights.take(&rows).unwrap())
    };
    for (mut whole, mut own) in
        [(ShareSums::of_log_loss(), ShareSums::of_log_loss()), (ShareSums::of_brier(), ShareSums::of_brier())]
    {
        let (t, s, w) = part(0..25);
        whole.add(&t, &s, Some(&w)).unwrap();
        let (t, s, w) = part(25..90);
        own.add(&t, &s, Some(&w)).unwrap();
        whole.merge(&own).unwrap();
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(whole, serde_json::from_str(&text).unwrap());
        // What a little more weight for each row changes of the logarithm of what is left.
        let score = |weights: &[f64]| match text.contains("brier") {
            true => D2Brier.score_weighted(&truth, &said, Some(weights)).unwrap(),
            false => D2LogLoss.score_weighted(&truth, &said, Some(weights)).unwrap(),
        };
        close(whole.score().unwrap(), score(&weights), 1e-13);
        let of_row = |row: usize| {
            let with = |by: f64| {
                let more = |r: usize| if r == row { 1.0 + by } else { 1.0 };
                (1.0 - score(&(0..90).map(|r| weights[r] * more(r)).collect::<Vec<f64>>())).ln()
            };
            (with(1e-5) - with(-1e-5)) / 2e-5
        };
        let n = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
        let variance = (0..90).map(|row| of_row(row).powi(2)).sum::<f64>() * n / (n - 1.0);
        let half = StudentT::new(n - 1.0).unwrap().isf(0.025) * variance.sqrt();
        let found = whole.interval(0.95).unwrap();
        close(found.low, 1.0 - (1.0 - found.estimate) * half.exp(), 1e-7);
        close(found.high, 1.0 - (1.0 - found.estimate) * (-half).exp(), 1e-7);
    }
    let mut one = ShareSums::of_brier();
    assert!(one.score().is_err() && one.interval(0.95).is_err());
    one.add(&Classes::from_labels(["a"; 3]), &three(), None).unwrap();
    assert!(one.score().unwrap_err().to_string().contains("one class"));
    assert!(one.merge(&ShareSums::of_log_loss()).is_err());
    let (t, s, _) = part(0..5);
    assert!(one.add(&t, &s, None).unwrap_err().to_string().contains("for a, b, c in one part"));
    // As many classes, but others.
    let two = |names: [&str; 2]| {
        let mut sums = ShareSums::of_brier();
        let said =
            Probabilities::new(ndarray::array![[0.9, 0.1], [0.3, 0.7]], names.map(String::from).to_vec());
        sums.add(&Classes::from_labels(names), &said.unwrap(), None).unwrap();
        sums
    };
    let mut ours = two(["a", "b"]);
    assert!(
        ours.merge(&two(["a", "c"])).unwrap_err().to_string().contains("for a, b in one part and for a, c")
    );
    assert_eq!(ours, two(["a", "b"]));
    ours.merge(&two(["b", "a"])).unwrap();
}

#[test]
fn weights_beyond_the_range_of_squares_are_no_certainty() {
    let (truth, said) = scored(60, &mut Random::new(3));
    for empty in [ShareSums::of_log_loss(), ShareSums::of_brier()] {
        let of = |weights: &[f64]| {
            let mut sums = empty.clone();
            sums.add(&truth, &said, Some(weights)).unwrap();
            sums
        };
        for weight in [1e200, 1e-200] {
            let sums = of(&[weight; 60]);
            close(sums.score().unwrap(), of(&[1.0; 60]).score().unwrap(), 1e-12);
            let error = sums.interval(0.95).unwrap_err().to_string();
            assert!(error.contains("scale the weights"), "{error}");
        }
        assert!(of(&[1e308; 60]).score().unwrap_err().to_string().contains("scale the weights"));
    }
    // Of the second class there is so little that the shares come to 1.
    let truth = Classes::from_labels(["a", "b"]);
    let said = Probabilities::new(ndarray::array![[0.9, 0.1], [0.3, 0.7]], truth.shared_names()).unwrap();
    let mut sums = ShareSums::of_brier();
    sums.add(&truth, &said, Some(&[1.0, 1e-17])).unwrap();
    assert!(sums.score().unwrap_err().to_string().contains("nearly all weight"));
    assert!(sums.interval(0.95).is_err());
}

fn three() -> Probabilities {
    let values = ndarray::Array2::from_elem((3, 3), 1.0 / 3.0);
    Probabilities::new(values, ["a", "b", "c"].map(String::from).to_vec()).unwrap()
}

#[test]
fn coverage_of_merged_shares() {
    for (kind, truth, empty) in [
        ("merged D2 of a log loss", 0.135_638_018_0, ShareSums::of_log_loss()),
        ("merged D2 of a Brier score", 0.170_889_860_0, ShareSums::of_brier()),
    ] {
        covers(kind, truth, |random| {
            let mut sums = empty.clone();
            let (truth, said) = scored(300, random);
            sums.add(&truth, &said, None).unwrap();
            sums.interval(0.95).unwrap()
        });
    }
}
