//! Splits: every row has its place, nothing is lost, and nothing leaks.

use perennial_core::{ClassOutputs, Classes, Context, ErrorKind};
use perennial_evaluation::split::*;
use proptest::prelude::*;

fn classes(codes: &[u32]) -> Classes {
    Classes::new(codes.to_vec(), (0..10).map(|class| class.to_string()).collect::<Vec<_>>()).unwrap()
}

/// Every row is tested exactly once, and learned from in all other folds.
fn check_partition(splits: &[Split], n_rows: usize) {
    let mut tested = vec![0; n_rows];
    for split in splits {
        assert_eq!(split.train.len() + split.test.len(), n_rows);
        let mut side = vec![0; n_rows];
        split.train.iter().for_each(|&row| side[row] += 1);
        split.test.iter().for_each(|&row| side[row] += 1);
        assert!(side.iter().all(|&count| count == 1));
        split.test.iter().for_each(|&row| tested[row] += 1);
    }
    assert!(tested.iter().all(|&count| count == 1));
}

proptest! {
    #[test]
    fn folds_partition_the_rows(n in 2_usize..200, k in 2_usize..12, seed: u64, shuffle: bool) {
        prop_assume!(k <= n);
        let splits = KFold::new(k).shuffle(shuffle).seed(seed).split(&SplitInputs::new(n)).unwrap();
        check_partition(&splits, n);
        let sizes: Vec<usize> = splits.iter().map(|split| split.test.len()).collect();
        // The sizes that scikit-learn gives: the first n % k folds have one row more.
        let expected: Vec<usize> = (0..k).map(|fold| n / k + usize::from(fold < n % k)).collect();
        prop_assert_eq!(sizes, expected);
    }

    #[test]
    fn strata_keep_their_shares(codes in prop::collection::vec(0_u32..3, 20..200), seed: u64, shuffle: bool) {
        let y = classes(&codes);
        prop_assume!(y.counts().iter().all(|&count| count == 0 || count >= 4));
        let inputs = SplitInputs::new(codes.len()).classes(&y);
        let splits = StratifiedKFold::new(4).shuffle(shuffle).seed(seed).split(&inputs).unwrap();
        check_partition(&splits, codes.len());
        for split in &splits {
            for (class, &count) in y.counts().iter().enumerate() {
                let here = split.test.iter().filter(|&&row| codes[row] as usize == class).count();
                prop_assert!(here == count / 4 || here == count.div_ceil(4));
            }
            prop_assert!(split.test.len().abs_diff(codes.len() / 4) <= 1);
        }
    }

    #[test]
    fn groups_stay_whole(groups in prop::collection::vec(0_u32..15, 60..150), seed: u64) {
        let inputs = SplitInputs::new(groups.len()).groups(&groups);
        let Ok(splits) = GroupKFold::new(4).split(&inputs) else { return Ok(()) };
        check_partition(&splits, groups.len());
        let held_out = grouped_train_test(&groups, 0.3, seed).unwrap();
        for split in splits.iter().chain([&held_out]) {
            prop_assert!(split.test.iter().all(|&a| split.train.iter().all(|&b| groups[a] != groups[b])));
        }
    }

    #[test]
    fn time_never_runs_backwards(times in prop::collection::vec(0_i64..40, 30..100), gap in 0_usize..5) {
        let inputs = SplitInputs::new(times.len()).times(&times);
        let mut splits = TimeSeriesSplit::new(3).gap(gap).split(&inputs).unwrap_or_default();
        splits.extend(time_train_test(&times, 0.25));
        for split in &splits {
            let first_tested = split.test.iter().map(|&row| times[row]).min().unwrap();
            prop_assert!(split.train.iter().all(|&row| times[row] < first_tested));
        }
    }

    #[test]
    fn strata_are_on_both_sides(codes in prop::collection::vec(0_u32..4, 20..120), seed: u64) {
        let y = classes(&codes);
        prop_assume!(y.counts().iter().all(|&count| count != 1));
        let split = stratified_train_test(&y, 0.2, seed).unwrap();
        prop_assert_eq!(split.train.len() + split.test.len(), codes.len());
        for (class, &count) in y.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
            let here = split.test.iter().filter(|&&row| codes[row] as usize == class).count();
            prop_assert!(here >= 1 && here < count);
            prop_assert!((here as f64 - 0.2 * count as f64).abs() <= 1.0);
        }
    }
}

#[test]
fn folds_are_those_of_scikit_learn() {
    // sklearn.model_selection 1.9.1: StratifiedKFold(3), GroupKFold(3), TimeSeriesSplit(3, gap=1).
    let y = classes(&[1, 1, 0, 1, 0, 0, 1, 2, 2, 2, 1]);
    let splits = StratifiedKFold::new(3).shuffle(false).split(&SplitInputs::new(11).classes(&y)).unwrap();
    let tested: Vec<Vec<usize>> = splits.into_iter().map(|split| split.test).collect();
    assert_eq!(tested, [vec![0, 1, 2, 7], vec![3, 4, 6, 8], vec![5, 9, 10]]);

    let groups = [3, 3, 3, 1, 1, 2, 2, 2, 2, 4];
    let splits = GroupKFold::new(3).split(&SplitInputs::new(10).groups(&groups)).unwrap();
    let tested: Vec<Vec<usize>> = splits.into_iter().map(|split| split.test).collect();
    assert_eq!(tested, [vec![5, 6, 7, 8], vec![0, 1, 2], vec![3, 4, 9]]);

    let splits = TimeSeriesSplit::new(3).gap(1).split(&SplitInputs::new(11)).unwrap();
    assert_eq!(splits[0], Split { train: (0..4).collect(), test: vec![5, 6] });
    assert_eq!(splits[2], Split { train: (0..8).collect(), test: vec![9, 10] });
}

#[test]
fn seeds_decide() {
    let inputs = |seed| SplitInputs::new(50).context(Context::new().with_seed(seed));
    let split = |seed| KFold::new(5).split(&inputs(seed)).unwrap();
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
    assert_eq!(
        KFold::new(5).seed(3).split(&inputs(1)).unwrap(),
        KFold::new(5).seed(3).split(&inputs(2)).unwrap()
    );
    let shuffled = ShuffleSplit::new(3, 0.2).seed(1).split(&inputs(1)).unwrap();
    assert_ne!(shuffled[0], shuffled[1]);
    assert!(shuffled.iter().all(|split| split.test.len() == 10 && split.train.len() == 40));
}

#[test]
fn errors_say_what_is_wrong() {
    let message = |result: perennial_core::Result<Vec<Split>>| result.unwrap_err().to_string();
    let ten = SplitInputs::new(10);
    assert_eq!(message(KFold::new(1).split(&ten)), "parameter `n_splits` is 1; expected a whole number >= 2");
    assert_eq!(
        message(KFold::new(11).split(&ten)),
        "11 folds need at least 11 rows, but there are 10; use fewer folds"
    );
    assert!(message(KFold::new(2).split(&SplitInputs::new(0))).contains("there are 0"));
    assert!(message(StratifiedKFold::new(2).split(&ten)).contains("needs the class of each row"));
    assert!(message(GroupKFold::new(2).split(&ten)).contains("CrossValidation::groups"));
    let y = classes(&[0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(
        message(StratifiedKFold::new(3).split(&ten.clone().classes(&y))),
        "class `1` has 2 rows, but 3 stratified folds need at least 3 rows of each class; merge rare classes or collect more rows"
    );
    assert!(message(GroupKFold::new(3).split(&ten.clone().groups(&[1; 10]))).contains("3 groups"));
    assert!(message(GroupKFold::new(3).split(&ten.clone().groups(&[1; 9]))).contains("9 rows; expected 10"));
    assert!(message(TimeSeriesSplit::new(10).split(&ten)).contains("nothing of 10 rows to learn from"));
    assert!(message(TimeSeriesSplit::new(3).gap(5).split(&ten)).contains("gap of 5"));
    assert!(message(TimeSeriesSplit::new(usize::MAX).split(&ten)).contains("nothing"));
    assert!(message(TimeSeriesSplit::new(2).split(&ten.clone().times(&[7; 10]))).contains("same time"));
    assert!(train_test(1, 0.5, 0).is_err());
    assert!(train_test(10, f64::NAN, 0).is_err());
    assert!(train_test(10, 1.0, 0).is_err());
    assert!(
        stratified_train_test(&classes(&[0, 0, 1]), 0.4, 0).unwrap_err().to_string().contains("class `1`")
    );
    assert!(time_train_test(&[5; 4], 0.5).is_err());

    let leaking = FixedSplits::new([Split { train: vec![0, 1], test: vec![1] }]);
    assert!(matches!(leaking.split(&ten).unwrap_err().kind(), ErrorKind::Leakage { .. }));
    let outside = FixedSplits::new([Split { train: vec![0], test: vec![10] }]);
    assert!(outside.split(&ten).unwrap_err().to_string().starts_with("split 0: row 10"));
}

#[test]
fn folds_that_lack_a_label_get_its_rows() {
    // By hand, two folds, rows in their order. Rows 0 to 3 have `a` and go into folds 0, 1, 0, 1. Rows 0 and 2 have `b`
    // too, so of the further rows with `b`, 4 to 7, fold 0 wants one and fold 1 three: both have three in the end, where
    // taking turns would give four and two.
    let sets = (0..20).map(|row| match row {
        0 | 2 => vec!["a", "b"],
        1 | 3 => vec!["a"],
        4..=7 => vec!["b"],
        _ => vec![],
    });
    let y = ClassOutputs::from_sets(sets).unwrap();
    let splits =
        MultilabelStratifiedKFold::new(2).shuffle(false).split(&SplitInputs::new(20).labels(&y)).unwrap();
    let with = |split: &Split, label: &str| {
        split.test.iter().filter(|&&row| y.set(row).any(|own| own == label)).count()
    };
    for split in &splits {
        assert_eq!((with(split, "a"), with(split, "b"), split.test.len()), (2, 3, 10));
    }
    assert_eq!(splits[0].test[..3], [0, 2, 6]);
}
