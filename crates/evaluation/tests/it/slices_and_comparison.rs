//! Slices that differ are found, those that do not are left alone; comparisons say what the rows justify.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Rows, Values};
use perennial_evaluation::metric::{Accuracy, F1, MeanAbsoluteError, MedianAbsoluteError, R2, RocAuc};
use perennial_evaluation::split::KFold;
use perennial_evaluation::*;
use perennial_numeric::random::Random;

use crate::models::{Slope, line};

fn noise(n: usize, seed: u64, scale: impl Fn(usize) -> f64) -> Values {
    let mut random = Random::new(seed);
    (0..n).map(|row| scale(row) * random.normal()).collect()
}

#[test]
fn the_worst_slice_comes_first() {
    let n = 1000;
    // Rows of region r7 have three times the error.
    let regions: Vec<String> = (0..n).map(|row| format!("r{}", row % 10)).collect();
    let truth = noise(n, 1, |row| if row % 10 == 7 { 3.0 } else { 1.0 });
    let zero = Values::from(vec![0.0; n]);
    let slices = Slices::new().by("region", &regions).mask("all", &vec![true; n]).rows("few", vec![1, 2, 3]);
    let options = SliceOptions::new().replicates(400);
    let report = score_slices(&MeanAbsoluteError, &truth, &zero, &slices, &options).unwrap();
    assert_eq!(report.slices.len(), 10);
    assert_eq!(report.slices[0].name, "region=r7");
    assert!(
        report.slices[0].adjusted_p_value < 0.05 && report.slices[0].interval.low > report.slices[0].rest
    );
    assert!(report.slices[1..].iter().all(|slice| slice.adjusted_p_value >= slice.p_value));
    assert!(report.slices.windows(2).all(|pair| pair[0].interval.estimate >= pair[1].interval.estimate));
    let skipped: Vec<(&str, usize)> =
        report.skipped.iter().map(|slice| (slice.name.as_str(), slice.support)).collect();
    assert_eq!(skipped, [("all", n), ("few", 3)]);
    assert!(report.to_string().contains("few: skipped, it has 3 rows; at least 30 are asked for"));

    // Any metric, not only means over rows.
    let report = score_slices(&MedianAbsoluteError, &truth, &zero, &slices, &options).unwrap();
    assert_eq!(report.slices[0].name, "region=r7");
    assert!(report.slices[0].adjusted_p_value < 0.05);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<SliceReport>(&json).unwrap(), report);
}

#[test]
fn p_values_of_equal_slices_are_uniform() {
    let (n, samples) = (60, 300);
    let zero = Values::from(vec![0.0; n]);
    let mask: Vec<bool> = (0..n).map(|row| row % 2 == 0).collect();
    let options = SliceOptions::new().replicates(99).min_support(10);
    let low = (0..samples).filter(|&seed| {
        let truth = noise(n, seed, |_| 1.0);
        let report =
            score_slices(&MeanAbsoluteError, &truth, &zero, &Slices::new().mask("even", &mask), &options);
        report.unwrap().slices[0].p_value <= 0.1
    });
    // 30 expected, with a standard deviation of 5.2.
    let low = low.count();
    assert!((10..=50).contains(&low), "{low} of {samples}");
}

#[test]
fn many_rows_are_tested_without_permutations() {
    let zero = Values::from(vec![0.0; 4000]);
    let mask: Vec<bool> = (0..4000).map(|row| row < 2000).collect();
    let p_value = |scale: f64| {
        let truth = noise(4000, 6, |row| if row < 2000 { scale } else { 1.0 });
        let report = score_slices(
            &MeanAbsoluteError,
            &truth,
            &zero,
            &Slices::new().mask("a", &mask),
            &SliceOptions::new(),
        );
        report.unwrap().slices[0].p_value
    };
    // Far below 1/2001, the least that 2000 permutations can say.
    assert!(p_value(1.5) < 1e-20 && p_value(1.0) > 0.001);
}

#[test]
fn wrong_slices_are_refused() {
    let truth = noise(40, 1, |_| 1.0);
    let run = |slices: Slices, options: SliceOptions| {
        score_slices(&MeanAbsoluteError, &truth, &truth, &slices, &options).unwrap_err().to_string()
    };
    assert!(run(Slices::new().rows("odd", vec![40]), SliceOptions::new()).starts_with("slice `odd`: row 40"));
    assert!(run(Slices::new().rows("odd", vec![3, 3]), SliceOptions::new()).contains("row 3 twice"));
    assert!(run(Slices::new(), SliceOptions::new().min_support(1)).contains("`min_support` is 1"));
    assert!(run(Slices::new(), SliceOptions::new().replicates(0)).contains("`replicates` is 0"));
}

#[test]
fn verdicts_follow_from_the_interval() {
    let n = 400;
    let truth = noise(n, 1, |_| 1.0);
    let shifted = |by: f64, seed: u64| -> Values {
        let extra = noise(n, seed, |_| 0.05);
        truth.as_slice().iter().zip(extra.as_slice()).map(|(t, e)| t + by + e).collect()
    };
    let (near, far, near_too) = (shifted(0.2, 2), shifted(0.5, 3), shifted(0.2, 4));
    let options = ComparisonOptions::new();
    let run = |first: &Values, second: &Values, options: &ComparisonOptions<'_>| {
        compare(&MeanAbsoluteError, &truth, first, second, options).unwrap()
    };
    let better = run(&far, &near, &options);
    assert_eq!(better.verdict, Verdict::Better);
    assert!(better.gain.contains(0.3) && better.gain.width() < 0.05);
    let sentence = better.to_string();
    assert!(
        sentence.starts_with("mean_absolute_error: the second is better than the first by 0.29"),
        "{sentence}"
    );
    assert_eq!(run(&near, &far, &options).verdict, Verdict::Worse);
    assert_eq!(run(&near, &near_too, &options.clone().equivalence(0.05)).verdict, Verdict::Equivalent);
    assert_eq!(run(&near, &near_too, &options).verdict, Verdict::Unclear);
    // Rows that are answered alike leave it possible that others are not: 400 of them 0.9 % of those, each by the largest loss.
    let same = run(&near, &near, &options);
    assert_eq!((same.verdict, same.gain.estimate), (Verdict::Unclear, 0.0));
    let largest =
        truth.as_slice().iter().zip(near.as_slice()).map(|(t, n)| (t - n).abs()).fold(0.0, f64::max);
    let reach = (1.0 - 0.025_f64.powf(1.0 / 400.0)) * largest;
    assert!((same.gain.high - reach).abs() < 1e-12 && (same.gain.low + reach).abs() < 1e-12, "{same}");
    assert_eq!(run(&near, &near, &options.clone().equivalence(0.05)).verdict, Verdict::Equivalent);
    // A metric that is no mean over rows, of which more is better.
    let r2 =
        compare(&R2, &truth, &far, &near, &options.clone().interval(IntervalOptions::new().replicates(300)));
    assert_eq!(r2.unwrap().verdict, Verdict::Better);
    assert!(compare(&R2, &truth, &far, &near, &options.equivalence(-1.0)).is_err());
}

#[test]
fn folds_and_classes_are_compared() {
    let (x, y) = line(200, 5);
    let score = |alpha: f64, seed: u64| {
        let folds = KFold::new(10).seed(seed);
        cross_validate(&Slope { alpha }, &x, &y, &folds, &MeanAbsoluteError, &CrossValidation::new()).unwrap()
    };
    let (plain, shrunken) = (score(0.0, 1), score(100.0, 1));
    let comparison = compare_folds(&shrunken, &plain, &ComparisonOptions::new()).unwrap();
    assert_eq!(comparison.verdict, Verdict::Better);
    let other = compare_folds(&plain, &score(0.0, 2), &ComparisonOptions::new());
    assert!(other.unwrap_err().to_string().contains("not tested on the same folds"));

    // 12 rows that only the second has right, 2 that only the first has: the binomial test of 2 in 14.
    let truth = Classes::from_labels(vec!["a"; 20].into_iter().chain(["b"]));
    let answer = |wrong: std::ops::Range<usize>| {
        Classes::from_labels((0..21).map(|row| if row == 20 || wrong.contains(&row) { "b" } else { "a" }))
    };
    let test = mcnemar(&truth, &answer(0..12), &answer(12..14)).unwrap();
    assert!((test.p_value - 2.0 * 106.0 / 16384.0).abs() < 1e-15);
    assert!(mcnemar(&truth, &truth, &truth).is_err());
    assert_eq!(
        compare(&Accuracy, &truth, &answer(0..12), &answer(12..14), &ComparisonOptions::new())
            .unwrap()
            .verdict,
        Verdict::Better
    );
}

#[test]
fn a_handful_of_rows_shows_no_equivalence() {
    let answer = |n: usize, right: bool| Classes::from_labels((0..n).map(|row| (row % 2 == 0) == right));
    let run = |n: usize, first: bool, equivalence: f64| {
        let options = ComparisonOptions::new().equivalence(equivalence);
        compare(&Accuracy, &answer(n, true), &answer(n, first), &answer(n, true), &options).unwrap()
    };
    // No pair of 5 differs: up to 52 % of others may. Of 500 it is 0.7 %.
    let few = run(5, true, 0.1);
    assert_eq!(few.verdict, Verdict::Unclear);
    assert!((few.gain.high - (1.0 - 0.025_f64.powf(0.2))).abs() < 1e-12, "{few}");
    assert_eq!(run(500, true, 0.1).verdict, Verdict::Equivalent);
    assert_eq!(run(500, true, 0.0).verdict, Verdict::Unclear);
    // All of 4 gain: most others do as well, and the rest may lose.
    let (four, many) = (run(4, false, 0.0), run(40, false, 0.0));
    assert_eq!((four.verdict, many.verdict), (Verdict::Unclear, Verdict::Better));
    assert!(many.gain.low > 0.8 && many.gain.high <= 1.0 + 1e-12, "{many}");
    // Groups count, and not their rows.
    let groups: Vec<u32> = (0..500).map(|row| row / 100).collect();
    let options = ComparisonOptions::new().equivalence(0.1).interval(IntervalOptions::new().groups(&groups));
    let grouped =
        compare(&Accuracy, &answer(500, true), &answer(500, true), &answer(500, true), &options).unwrap();
    assert!((grouped.gain.high - few.gain.high).abs() < 1e-12 && grouped.verdict == Verdict::Unclear);
    // A metric that is no mean over rows may move by all of its range.
    let options = ComparisonOptions::new().equivalence(0.5);
    let same = compare(&F1::default(), &answer(50, true), &answer(50, true), &answer(50, true), &options);
    assert_eq!(same.unwrap().verdict, Verdict::Unclear);
    // Without bounds and without any loss nothing is known of how large one may be.
    let perfect = Values::from(vec![1.0; 30]);
    let options = ComparisonOptions::new().equivalence(0.5);
    let same = compare(&MeanAbsoluteError, &perfect, &perfect, &perfect, &options).unwrap();
    assert_eq!(same.verdict, Verdict::Unclear);
}

#[test]
fn what_is_drawn_says_what_is_alike() {
    let n_units = |interval: IntervalOptions<'_>, gains: &[f64], range: f64| {
        // The loss of the first is 2, that of the second less by the gain.
        let truth = Values::from(vec![0.0; gains.len()]);
        let first = Values::from(vec![2.0; gains.len()]);
        let second: Values = gains.iter().map(|gain| 2.0 - gain).collect();
        let options = ComparisonOptions::new().interval(interval);
        let found = compare(&MeanAbsoluteError, &truth, &first, &second, &options).unwrap();
        assert_eq!(found.verdict, Verdict::Unclear, "{found}");
        assert_eq!(found.gain.estimate, 0.0);
        0.025_f64.ln() / (1.0 - found.gain.high / range).ln()
    };
    // Rows of five groups cancel each other.
    let groups: Vec<u32> = (0..10).map(|row| row / 2).collect();
    let turns: Vec<f64> = (0..10).map(|row| if row % 2 == 0 { 1.0 } else { -1.0 }).collect();
    assert!((n_units(IntervalOptions::new().groups(&groups), &turns, 3.0) - 5.0).abs() < 1e-9);
    // Only the row without weight differs.
    let weights: Vec<f64> = (0..9).map(|row| if row < 8 { 1.0 } else { 0.0 }).collect();
    let last: Vec<f64> = weights.iter().map(|weight| 1.0 - weight).collect();
    assert!((n_units(IntervalOptions::new().weights(&weights), &last, 2.0) - 8.0).abs() < 1e-9);

    // A gain that is the same in all draws of many rows is one, also where the metric is no mean.
    let n = 2000;
    let names = ["no", "yes"].map(String::from).to_vec();
    let truth = Classes::new((0..n as u32).map(|row| row % 2).collect(), names.clone()).unwrap();
    let said = |of: &dyn Fn(usize) -> f64| {
        let cell = |(row, class): (usize, usize)| if class == 1 { of(row) } else { 1.0 - of(row) };
        Probabilities::new(Array2::from_shape_fn((n, 2), cell), names.clone()).unwrap()
    };
    let (constant, perfect) = (said(&|_| 0.5), said(&|row| if row % 2 == 1 { 0.75 } else { 0.25 }));
    let options = ComparisonOptions::new().interval(IntervalOptions::new().replicates(50));
    let found = compare(&RocAuc::new(), &truth, &constant, &perfect, &options).unwrap();
    assert!(found.verdict == Verdict::Better && found.gain.low > 0.49 && found.gain.high < 0.51, "{found}");
}

/// Classes of which one row of twenty is positive, and scores that tell a little.
fn rare(n: usize) -> (Classes, Probabilities) {
    let mut random = Random::new(3);
    let names = ["no", "yes"].map(String::from).to_vec();
    let truth: Vec<u32> = (0..n).map(|row| u32::from(row % 20 == 0)).collect();
    let shares: Vec<f64> =
        truth.iter().map(|&class| 1.0 / (1.0 + (1.0 - f64::from(class) - random.normal()).exp())).collect();
    let cell = |(row, class): (usize, usize)| if class == 1 { shares[row] } else { 1.0 - shares[row] };
    let said = Probabilities::new(Array2::from_shape_fn((n, 2), cell), names.clone()).unwrap();
    (Classes::new(truth, names).unwrap(), said)
}

#[test]
fn permutations_without_a_class_do_not_count() {
    // Of 40 rows of 400 two are positive; one draw of nine has none, and no area under the curve.
    let (truth, said) = rare(400);
    let slices = Slices::new().rows("first", (0..40).collect());
    let options = SliceOptions::new().replicates(400);
    let report = score_slices(&RocAuc::new(), &truth, &said, &slices, &options).unwrap();
    assert!(report.skipped.is_empty(), "{report}");
    assert!(report.slices[0].p_value > 0.0 && report.slices[0].p_value <= 1.0);
    assert!(score_slices(&RocAuc::new(), &truth, &said, &slices, &options.level(2.0)).is_err());

    // The test keeps its level: of slices that are drawn from the rows at random one in ten is below 0.1.
    let mut random = Random::new(8);
    let low = (0..200).filter(|_| {
        let slices = Slices::new().rows("drawn", random.sample(400, 40));
        let options = SliceOptions::new().replicates(99).seed(random.below(1 << 20) as u64);
        let report = score_slices(&RocAuc::new(), &truth, &said, &slices, &options).unwrap();
        report.slices.first().is_some_and(|slice| slice.p_value <= 0.1)
    });
    // 20 expected, or a few less where the slice itself has no positive row; a standard deviation of 4.
    let low = low.count();
    assert!((5..=36).contains(&low), "{low}");
}

#[test]
fn weights_count_as_rows_that_are_repeated() {
    let n = 200;
    // Rows without weight would make the rest stand out.
    let truth = noise(n, 4, |row| if row % 3 == 0 && row >= 90 { 5.0 } else { 1.0 });
    let zero = Values::from(vec![0.0; n]);
    let weights: Vec<f64> = (0..n).map(|row| (row % 3) as f64).collect();
    let repeated: Vec<usize> = (0..n).flat_map(|row| std::iter::repeat_n(row, row % 3)).collect();
    let mask: Vec<bool> = (0..n).map(|row| row < 90).collect();
    let repeated_mask: Vec<bool> = repeated.iter().map(|&row| mask[row]).collect();
    let options = SliceOptions::new().replicates(100);
    for metric in [true, false] {
        let run = |truth: &Values, zero: &Values, mask: &[bool], options: &SliceOptions| {
            let slices = Slices::new().mask("low", mask);
            match metric {
                true => score_slices(&MeanAbsoluteError, truth, zero, &slices, options),
                false => score_slices(&MedianAbsoluteError, truth, zero, &slices, options),
            }
            .unwrap()
        };
        let weighted = run(&truth, &zero, &mask, &options.clone().weights(&weights));
        let (long, none) = (truth.take(&repeated).unwrap(), zero.take(&repeated).unwrap());
        let by_hand = run(&long, &none, &repeated_mask, &options);
        let (a, b) = (&weighted.slices[0], &by_hand.slices[0]);
        assert!((weighted.overall - by_hand.overall).abs() < 1e-12);
        assert!((a.interval.estimate - b.interval.estimate).abs() < 1e-12 && (a.rest - b.rest).abs() < 1e-12);
        // Every third row has no weight.
        assert_eq!((a.support, b.support), (60, 90));
        // Equal weights are none, in the test as well: the same permutations are drawn.
        let (equal, plain) = (options.clone().weights(&[2.0; 200]), options.clone());
        let p_value = |options: &SliceOptions| run(&truth, &zero, &mask, options).slices[0].p_value;
        assert_eq!(p_value(&equal), p_value(&plain));
    }
    // Rows are permuted with their weights, and copies of a row would be each by itself, so the test is held against one by hand.
    let slices = Slices::new().mask("low", &mask);
    let many = options.clone().replicates(2000).weights(&weights);
    let report = score_slices(&MeanAbsoluteError, &truth, &zero, &slices, &many).unwrap();
    let slice = &report.slices[0];
    let gap = |inside: &dyn Fn(usize) -> bool| {
        let mean = |wanted: bool| {
            let rows = (0..n).filter(|&row| inside(row) == wanted);
            let (sum, weight) = rows.fold((0.0, 0.0), |(sum, weight), row| {
                (sum + weights[row] * truth.as_slice()[row].abs(), weight + weights[row])
            });
            sum / weight
        };
        mean(true) - mean(false)
    };
    let observed = gap(&|row| mask[row]);
    assert!((slice.interval.estimate - slice.rest - observed).abs() < 1e-12);
    // Of the rows with weight, 60 of which are in the slice.
    let there: Vec<usize> = (0..n).filter(|&row| weights[row] > 0.0).collect();
    let mut random = Random::new(99);
    let as_extreme = (0..4000).filter(|_| {
        let mut inside = vec![false; n];
        random.sample(there.len(), 60).into_iter().for_each(|place| inside[there[place]] = true);
        gap(&|row| inside[row]).abs() >= observed.abs()
    });
    let share = as_extreme.count() as f64 / 4000.0;
    // Six standard errors of the two shares of draws are at most 6 sqrt(0.25 / 2000 + 0.25 / 4000), that is 0.082.
    assert!((slice.p_value - share).abs() < 0.082, "{} {share}", slice.p_value);
    let short = options.weights(&weights[1..]);
    assert!(score_slices(&MeanAbsoluteError, &truth, &zero, &slices, &short).is_err());
}

#[test]
fn support_is_what_rows_are_worth() {
    let n = 200;
    let truth: Values = (0..n).map(|row| f64::from(row % 7)).collect();
    let answer: Values = (0..n).map(|row| f64::from(row % 5)).collect();
    let mask: Vec<bool> = (0..n).map(|row| row < 60).collect();
    let run = |weights: &[f64]| {
        let options = SliceOptions::new().replicates(50).weights(weights);
        score_slices(&MeanAbsoluteError, &truth, &answer, &Slices::new().mask("first", &mask), &options)
            .unwrap()
    };
    // 29 of 60 rows have weight; then 30.
    let without = |counted: usize| -> Vec<f64> {
        (0..n as usize).map(|row| if row < 60 && row >= counted { 0.0 } else { 1.0 }).collect()
    };
    let skipped = &run(&without(29)).skipped[0];
    assert_eq!((skipped.support, skipped.reason.as_str()), (29, "it has 29 rows; at least 30 are asked for"));
    assert_eq!(run(&without(30)).slices[0].support, 30);
    // One row that counts as the 59 others together makes 60 rows worth (59 + 59)^2 / (59^2 + 59) = 3.9.
    let heavy: Vec<f64> = (0..n).map(|row| if row == 0 { 59.0 } else { 1.0 }).collect();
    let skipped = &run(&heavy).skipped[0];
    assert!(
        skipped.support == 60 && skipped.reason.contains("are worth 3.933 of equal weight"),
        "{skipped:?}"
    );
    // Equal weights of any size are rows.
    assert_eq!(run(&vec![1e300; n as usize]).slices.len(), 1);
}
