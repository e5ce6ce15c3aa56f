//! Intervals: exact ones, and how often the others cover the truth.

use ndarray::{Array2, Axis};
use perennial_core::Classifier;
use perennial_core::Estimator;
use perennial_core::{Classes, Probabilities, Values};
use perennial_evaluation::metric::clusters::{silhouette, silhouette_interval};
use perennial_evaluation::metric::ranking::{roc_auc, roc_auc_interval};
use perennial_evaluation::metric::{
    Accuracy, Average, BalancedAccuracy, Brier, F1, LogLoss, MeanAbsoluteError, MeanSquaredError,
    MutualInformation, Precision, R2, Rand, Recall, RocAuc, TopKAccuracy,
};
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;
use perennial_statistics::interval::clopper_pearson;

use crate::models::{Sigmoid, coin};

#[test]
fn accuracy_is_exact() {
    let truth = Classes::from_labels(["a", "b", "a", "b", "a", "b", "a", "b", "a", "b"]);
    let answer = Classes::from_labels(["a", "b", "a", "b", "a", "b", "a", "a", "a", "a"]);
    let interval = Accuracy.interval(&truth, &answer, &IntervalOptions::new().level(0.9)).unwrap();
    assert_eq!(interval, clopper_pearson(8, 10, 0.9).unwrap());
}

/// Where all rows are right, drawing them anew says nothing; the exact interval of none wrong does.
#[test]
fn answers_without_error_are_not_certain() {
    let truth = Classes::from_labels((0..20).map(|row| if row % 2 == 0 { "a" } else { "b" }));
    let options = IntervalOptions::new();
    let exact = |n: u64| clopper_pearson(n, n, 0.95).unwrap().low;
    let recall = Recall::of("a").interval(&truth, &truth, &options).unwrap();
    assert_eq!((recall.estimate, recall.high), (1.0, 1.0));
    assert!((recall.low - exact(10)).abs() < 1e-12, "{recall:?}");
    // Errors in both classes, as many as among all rows, weigh less here than all in one of them.
    let balanced = BalancedAccuracy.interval(&truth, &truth, &options).unwrap();
    assert!((balanced.low - f64::min(exact(20), 0.5 * (1.0 + exact(10)))).abs() < 1e-12, "{balanced:?}");
    let micro = Recall::new(Average::Micro).interval(&truth, &truth, &options).unwrap();
    assert!(micro.low <= exact(20) + 1e-12, "{micro:?}");
    let many = Classes::from_labels(0..20);
    let micro = Recall::new(Average::Micro).interval(&many, &many, &options).unwrap();
    assert!((micro.low - exact(20)).abs() < 1e-12, "{micro:?}");
    let one = Classes::from_labels(["a"; 20]);
    let recall = Recall::of("a").interval(&one, &one, &options).unwrap();
    assert!((recall.low - exact(20)).abs() < 1e-12, "{recall:?}");
    // Whatever the order of the names, any class may be taken for the one that is looked for.
    let of = |names: [&str; 4]| {
        let counts = [("A", 1), ("B", 1000), ("C", 1), ("D", 50)];
        let labels = counts.iter().flat_map(|&(name, n)| std::iter::repeat_n(name, n));
        let code = |label: &str| names.iter().position(|name| *name == label).unwrap() as u32;
        let truth = Classes::new(labels.map(code).collect(), names.map(String::from).to_vec()).unwrap();
        Precision::of("D").interval(&truth, &truth, &options).unwrap()
    };
    assert_eq!(of(["A", "B", "C", "D"]), of(["A", "C", "B", "D"]));
    assert!(of(["A", "B", "C", "D"]).low < 0.94);
    assert!(F1::of("a").interval(&truth, &truth, &options).unwrap().low < 0.9);
    // Weights, and groups of two: half as many units.
    let weights = [2.0; 20];
    let accuracy = Accuracy.interval(&truth, &truth, &IntervalOptions::new().weights(&weights)).unwrap();
    assert!((accuracy.low - exact(20)).abs() < 1e-12 && accuracy.high == 1.0, "{accuracy:?}");
    let groups: Vec<u32> = (0..20).map(|row| row / 2).collect();
    let accuracy = Accuracy.interval(&truth, &truth, &IntervalOptions::new().groups(&groups)).unwrap();
    assert!((accuracy.low - exact(10)).abs() < 1e-12, "{accuracy:?}");
    // Nobody is found.
    let answer = Classes::new(vec![1; 20], vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let recall = Recall::of("a").interval(&truth, &answer, &options).unwrap();
    assert_eq!((recall.estimate, recall.low), (0.0, 0.0));
    assert!((recall.high - (1.0 - exact(10))).abs() < 1e-12, "{recall:?}");
    // With the bootstrap that was asked for, it is what the bootstrap gives.
    let forced = Recall::of("a").interval(&truth, &truth, &IntervalOptions::new().bootstrap()).unwrap();
    assert_eq!((forced.low, forced.high), (1.0, 1.0));
}

/// Student's interval of many rows knows no bounds; the score does.
#[test]
fn intervals_stay_within_what_a_score_can_be() {
    let n = 30_000;
    let names = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let truth =
        Classes::new((0..n).map(|row| if row == 0 { 2 } else { 0 }).collect(), names.clone()).unwrap();
    let shares = Array2::from_shape_fn((n, 3), |(_, class)| [0.7, 0.2, 0.1][class]);
    let shares = Probabilities::new(shares, names).unwrap();
    let top = TopKAccuracy::new(2).interval(&truth, &shares, &IntervalOptions::new()).unwrap();
    assert!(top.estimate < 1.0 && top.low < top.estimate && top.high == 1.0, "{top:?}");
    // A loss that is the same in all rows: as many as may have gone unseen lose all that can be lost.
    let sure = Probabilities::new(
        Array2::from_shape_fn((10, 2), |(_, class)| [1.0, 0.0][class]),
        ["a", "b"].map(String::from).to_vec(),
    );
    let truth = Classes::new(vec![0; 10], vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let brier = Brier.interval(&truth, &sure.unwrap(), &IntervalOptions::new()).unwrap();
    assert_eq!((brier.estimate, brier.low), (0.0, 0.0));
    assert!(brier.high > 0.2, "{brier:?}");
}

/// DeLong's variance from its definition: the placements of every row, one by one.
#[test]
fn delong_is_its_definition() {
    let mut random = Random::new(3);
    let scores: Vec<f64> = (0..80).map(|_| (4.0 * random.normal()).round() / 4.0).collect();
    let positive: Vec<bool> = scores.iter().map(|score| score + random.normal() > 0.3).collect();
    let side = |wanted: bool| -> Vec<f64> {
        scores.iter().zip(&positive).filter(|(_, p)| **p == wanted).map(|(s, _)| *s).collect()
    };
    let (x, y) = (side(true), side(false));
    let psi = |x: f64, y: f64| {
        if x > y {
            1.0
        } else if x == y {
            0.5
        } else {
            0.0
        }
    };
    let auc =
        x.iter().flat_map(|x| y.iter().map(move |y| psi(*x, *y))).sum::<f64>() / (x.len() * y.len()) as f64;
    let placed_x: Vec<f64> =
        x.iter().map(|x| y.iter().map(|y| psi(*x, *y)).sum::<f64>() / y.len() as f64).collect();
    let placed_y: Vec<f64> =
        y.iter().map(|y| x.iter().map(|x| psi(*x, *y)).sum::<f64>() / x.len() as f64).collect();
    let variance = |v: &[f64]| v.iter().map(|v| (v - auc).powi(2)).sum::<f64>() / (v.len() - 1) as f64;
    let error = (variance(&placed_x) / x.len() as f64 + variance(&placed_y) / y.len() as f64).sqrt();
    let interval = roc_auc_interval(&scores, &positive, 0.95).unwrap();
    assert_eq!(interval.estimate, roc_auc(&scores, &positive, None).unwrap());
    assert!((interval.high - interval.low - 2.0 * 1.959_963_984_540_054 * error).abs() < 1e-13);

    // Wholly separated: the interval is that of k out of k, not of width 0.
    let interval =
        roc_auc_interval(&[0.1, 0.2, 0.3, 0.7, 0.8], &[false, false, false, true, true], 0.95).unwrap();
    assert_eq!((interval.low, interval.high), (clopper_pearson(2, 2, 0.95).unwrap().low, 1.0));
    assert!(roc_auc_interval(&[0.1, 0.2], &[false, true], 0.95).is_err());
}

/// A 90 % interval holds the true value in about 90 % of samples.
#[test]
fn intervals_cover() {
    let options = IntervalOptions::new().level(0.9).replicates(400);
    let big = coin(200_000, 999);
    let score = |n: usize, seed: u64| {
        let (x, y) = coin(n, seed);
        let model = Sigmoid.fit(&x, &y).unwrap();
        (y, model.predict_proba(&x).unwrap())
    };
    let proba = Sigmoid.fit(&big.0, &big.1).unwrap().predict_proba(&big.0).unwrap();
    let true_auc = RocAuc::new().score(&big.1, &proba).unwrap();
    let true_loss = LogLoss.score(&big.1, &proba).unwrap();
    let true_f1 = F1::default().score(&big.1, &proba.most_likely()).unwrap();
    let mut covered = [0; 3];
    let n_samples = 200;
    for seed in 0..n_samples {
        let (y, proba) = score(120, seed);
        covered[0] += usize::from(RocAuc::new().interval(&y, &proba, &options).unwrap().contains(true_auc));
        covered[1] += usize::from(LogLoss.interval(&y, &proba, &options).unwrap().contains(true_loss));
        let f1 = F1::default().interval(&y, &proba.most_likely(), &options).unwrap();
        covered[2] += usize::from(f1.contains(true_f1));
    }
    // Four standard errors of a share of 0.9 in 200 samples are 0.085.
    for covered in covered {
        assert!((covered as f64 / n_samples as f64 - 0.9).abs() < 0.085, "{covered} of {n_samples}");
    }
}

#[test]
fn many_rows_agree_with_student_and_groups_widen() {
    let mut random = Random::new(1);
    let truth: Values = (0..20_000).map(|_| random.normal()).collect();
    let zero = Values::from(vec![0.0; 20_000]);
    let many = MeanAbsoluteError.interval(&truth, &zero, &IntervalOptions::new()).unwrap();
    // The mean of |z| is sqrt(2/pi), its variance 1 - 2/pi.
    let half = 1.96 * ((1.0 - 2.0 / std::f64::consts::PI) / 20_000.0_f64).sqrt();
    assert!((many.width() - 2.0 * half).abs() < 0.05 * half);

    // Each of 100 groups has one error, repeated 20 times: 100 rows' worth of knowledge.
    let errors: Vec<f64> = (0..100).map(|_| random.normal()).collect();
    let truth: Values = (0..2000).map(|row| errors[row / 20]).collect();
    let zero = Values::from(vec![0.0; 2000]);
    let groups: Vec<u32> = (0..2000).map(|row| row / 20).collect();
    let plain = MeanAbsoluteError.interval(&truth, &zero, &IntervalOptions::new()).unwrap();
    let options = IntervalOptions::new();
    let grouped = MeanAbsoluteError.interval(&truth, &zero, &options.clone().groups(&groups)).unwrap();
    let blocked = MeanAbsoluteError.interval(&truth, &zero, &options.clone().blocks(40)).unwrap();
    let ratio = grouped.width() / plain.width();
    assert!((ratio - 20.0_f64.sqrt()).abs() < 1.0, "{ratio}");
    assert!(blocked.width() > 3.0 * plain.width());
    let r2 = R2.interval(&truth, &zero, &options.clone().groups(&groups).replicates(200)).unwrap();
    assert!(r2.low <= r2.estimate && r2.estimate <= r2.high);

    assert!(MeanAbsoluteError.interval(&truth, &zero, &options.clone().groups(&groups[..5])).is_err());
    assert!(MeanAbsoluteError.interval(&truth, &zero, &options.clone().blocks(0)).is_err());
    assert!(MeanAbsoluteError.interval(&truth, &zero, &options.level(f64::NAN)).is_err());
}

#[test]
fn weights_move_the_interval() {
    let truth = Values::from((0..60).map(f64::from).collect::<Vec<_>>());
    let zero = Values::from(vec![0.0; 60]);
    let weights: Vec<f64> = (0..60).map(|row| f64::from(u8::from(row < 30))).collect();
    let options = IntervalOptions::new().seed(4);
    let weighted = MeanAbsoluteError.interval(&truth, &zero, &options.clone().weights(&weights)).unwrap();
    assert!((weighted.estimate - 14.5).abs() < 1e-12 && weighted.high < 20.0);
    assert_eq!(weighted, MeanAbsoluteError.interval(&truth, &zero, &options.weights(&weights)).unwrap());
}

/// Left out are the rows of a cell, not what rounding leaves of its weight.
#[test]
fn weights_of_any_size_have_a_jackknife() {
    let (truth, given) = (Classes::from_labels([0, 0, 1]), Classes::from_labels([0, 1, 1]));
    let options = IntervalOptions::new();
    let interval =
        MutualInformation.interval(&truth, &given, &options.clone().weights(&[1.0, 1e12, 1.0])).unwrap();
    assert!(interval.low <= interval.high && interval.high.is_finite());

    // Of a cell with weights of 1e20 and 1 rounding leaves 0 when the first row goes, and it still has a row.
    let (truth, given) = (Classes::from_labels([0, 0, 1, 1]), Classes::from_labels([0, 0, 0, 1]));
    let weights = [1e20, 1.0, 1.0, 1.0];
    let interval = MutualInformation.interval(&truth, &given, &options.weights(&weights)).unwrap();
    assert!(interval.low <= interval.high && interval.high.is_finite());
}

/// A row of weight 0 is no unit of the jackknife, and a group or block of them is none.
#[test]
fn rows_of_weight_zero_are_absent_from_a_jackknife() {
    let of = |n: u32| {
        let truth = Classes::from_labels((0..n).map(|row| row % 3));
        (truth, Classes::from_labels((0..n).map(|row| if row % 5 == 0 { 0 } else { row % 3 })))
    };
    let ((truth, given), (first_truth, first_given)) = (of(90), of(60));
    let weights: Vec<f64> = (0..90).map(|row| f64::from(u8::from(row < 60))).collect();
    let groups: Vec<u32> = (0..90).map(|row| row / 4).collect();
    let plain = IntervalOptions::new();
    for (all, first) in [
        (plain.clone(), plain.clone()),
        (plain.clone().groups(&groups), plain.clone().groups(&groups[..60])),
        (plain.clone().blocks(6), plain.clone().blocks(6)),
    ] {
        let all = Rand.interval(&truth, &given, &all.weights(&weights)).unwrap();
        let first = Rand.interval(&first_truth, &first_given, &first).unwrap();
        assert!((all.low - first.low).abs() < 1e-12 && (all.high - first.high).abs() < 1e-12);
    }
    assert!(Rand.interval(&truth, &given, &plain.weights(&weights[..60])).is_err());
}

#[test]
fn silhouettes_of_several_blocks() {
    // More rows than are looked at together, left out in groups of 300, 300 and 100.
    let mut random = Random::new(6);
    let labels: Vec<u32> = (0..700).map(|row| row % 3).collect();
    let x = Array2::from_shape_fn((700, 2), |(row, _)| 2.0 * f64::from(labels[row]) + random.normal());
    let groups: Vec<u32> = (0..700).map(|row| row / 300).collect();
    let options = IntervalOptions::new().groups(&groups);
    let found = silhouette_interval(&x, &labels, &options).unwrap();
    let of_rest = |left_out: &[usize]| {
        let rest: Vec<usize> = (0..700).filter(|row| !left_out.contains(row)).collect();
        let labels: Vec<u32> = rest.iter().map(|&row| labels[row]).collect();
        let rows = silhouette(&x.select(Axis(0), &rest), &labels).unwrap();
        rows.iter().sum::<f64>() / rows.len() as f64
    };
    let direct = options.of_left_out(700, of_rest).unwrap();
    assert!((found.estimate - direct.estimate).abs() < 1e-12, "{found:?} {direct:?}");
    assert!((found.low - direct.low).abs() < 1e-9 && (found.high - direct.high).abs() < 1e-9);

    let many: Vec<u32> = (0..20_000).map(|row| row % 15_000).collect();
    let refused =
        silhouette_interval(&Array2::<f64>::zeros((20_000, 1)), &many, &IntervalOptions::new()).unwrap_err();
    assert!(refused.to_string().contains("draw a sample"), "{refused}");
}

/// A row of weight 0 is not there, even where its score is infinite: the interval is that of the other rows, to the bit.
#[test]
fn rows_of_weight_zero_are_absent_from_every_interval() {
    let there = |row: &usize| row % 3 != 1;
    let of = |rows: &[usize]| -> (Values, Values, Vec<u32>) {
        let truth = rows.iter().map(|&row| if there(&row) { (row % 7) as f64 } else { 1e300 }).collect();
        let answer = rows.iter().map(|&row| if there(&row) { (row % 5) as f64 } else { -1e300 }).collect();
        (truth, answer, rows.iter().map(|&row| row as u32 / 6).collect())
    };
    let all: Vec<usize> = (0..120).collect();
    let kept: Vec<usize> = all.iter().copied().filter(there).collect();
    let weights: Vec<f64> = all.iter().map(|row| if there(row) { 2.0 } else { 0.0 }).collect();
    let ((truth, answer, groups), (own_truth, own_answer, own_groups)) = (of(&all), of(&kept));
    let plain = IntervalOptions::new().replicates(200);
    for (whole, own) in [
        (plain.clone(), plain.clone()),
        (plain.clone().groups(&groups), plain.clone().groups(&own_groups)),
        (plain.clone().blocks(5), plain.clone().blocks(5)),
    ] {
        let whole = whole.weights(&weights);
        // A mean of scores, of which those of squared errors of 1e300 are infinite.
        let mean = MeanSquaredError.interval(&truth, &answer, &whole).unwrap();
        assert_eq!(mean, MeanSquaredError.interval(&own_truth, &own_answer, &own).unwrap());
        // Drawn row by row.
        let drawn = |n: usize, answer: &Values, options: &IntervalOptions<'_>| {
            let answer = answer.as_slice();
            let mean = |rows: &[usize]| rows.iter().map(|&row| answer[row]).sum::<f64>() / rows.len() as f64;
            options.of_rows(n, mean).unwrap()
        };
        assert_eq!(drawn(120, &answer, &whole), drawn(kept.len(), &own_answer, &own));
        // Drawn by counts.
        let classes = |values: &Values| {
            Classes::from_labels(
                values.as_slice().iter().map(|value| if *value > 2.0 { "high" } else { "low" }),
            )
        };
        let f1 = F1::of("high").interval(&classes(&truth), &classes(&answer), &whole).unwrap();
        assert_eq!(f1, F1::of("high").interval(&classes(&own_truth), &classes(&own_answer), &own).unwrap());
    }
    // Student's interval of many rows.
    let values: Vec<f64> =
        (0..30_000).map(|row| if row < 25_000 { f64::from(row % 10) } else { f64::INFINITY }).collect();
    let weights: Vec<f64> = (0..30_000).map(|row| f64::from(u8::from(row < 25_000))).collect();
    let options = IntervalOptions::new();
    let found = options.clone().weights(&weights).of_mean(&values).unwrap();
    let own = options.of_mean(&values[..25_000]).unwrap();
    assert!(
        (found.low - own.low).abs() < 1e-15 && (found.high - own.high).abs() < 1e-15,
        "{found:?} {own:?}"
    );
    // One row with weight is no sample.
    let one: Vec<f64> = (0..20).map(|row| f64::from(u8::from(row == 3))).collect();
    assert!(IntervalOptions::new().weights(&one).of_mean(&values[..20]).is_err());
    assert!(IntervalOptions::new().weights(&one[..3]).of_rows(20, |_| 1.0).is_err());
}

/// Blocks are of rows with weight: those between them without are not there, whatever is made of the blocks.
#[test]
fn rows_of_weight_zero_are_in_no_block() {
    let kept: Vec<usize> = (0..120).filter(|row| row % 3 != 0).collect();
    let weights: Vec<f64> = (0..120).map(|row| f64::from(u8::from(row % 3 != 0))).collect();
    let classes = |rows: &[usize]| Classes::from_labels(rows.iter().map(|&row| ["a", "b"][row / 4 % 2]));
    let (all, own) = (classes(&(0..120).collect::<Vec<_>>()), classes(&kept));
    for length in [5, 7] {
        let plain = IntervalOptions::new().replicates(200).blocks(length);
        let whole = plain.clone().weights(&weights);
        let accuracy = Accuracy.interval(&all, &all, &whole).unwrap();
        assert_eq!(accuracy, Accuracy.interval(&own, &own, &plain).unwrap());
        assert!(accuracy.low < 1.0 && accuracy.high == 1.0, "{accuracy:?}");
        let balanced = BalancedAccuracy.interval(&all, &all, &whole).unwrap();
        assert_eq!(balanced, BalancedAccuracy.interval(&own, &own, &plain).unwrap());
        assert!(balanced.low < 1.0, "{balanced:?}");
        let mean = |rows: Vec<usize>| {
            rows.iter().map(|&row| (row * 37 % 101) as f64).sum::<f64>() / rows.len() as f64
        };
        let of_all = whole.of_left_out(120, |left_out| {
            mean(kept.iter().copied().filter(|row| !left_out.contains(row)).collect())
        });
        let of_own = plain.of_left_out(80, |left_out| {
            mean((0..80).filter(|place| !left_out.contains(place)).map(|place| kept[place]).collect())
        });
        assert_eq!(of_all.unwrap(), of_own.unwrap());
    }
}
