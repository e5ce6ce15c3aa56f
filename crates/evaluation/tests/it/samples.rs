//! Folds of rows with several labels, and bootstrap samples.

use perennial_core::{ClassOutputs, Result};
use perennial_evaluation::split::{Bootstrap, MultilabelStratifiedKFold, Split, SplitInputs, Splitter};

#[test]
fn rows_of_rare_labels_are_placed_first_and_each_where_it_is_lacked() {
    // By hand, rows as they come: the two rows without `a` go to different folds, then the two with `c`, each with its `a`;
    // then each fold lacks one of the rows of `a` alone.
    let sets = [vec!["a"], vec!["a"], vec!["b"], vec!["b"], vec!["a", "c"], vec!["a", "c"]];
    let labels = ClassOutputs::from_sets(sets).unwrap();
    let inputs = SplitInputs::new(6).labels(&labels);
    let splits = MultilabelStratifiedKFold::new(2).shuffle(false).split(&inputs).unwrap();
    for split in &splits {
        let of =
            |label: &str| split.test.iter().filter(|&&row| labels.set(row).any(|own| own == label)).count();
        assert_eq!((of("a"), of("b"), of("c"), split.test.len()), (2, 1, 1, 3), "{splits:?}");
    }
    // A label that four rows have comes before the rows: folds of two and two, whatever else they hold.
    for seed in 0..20 {
        let sets = (0..24).map(|row| if row < 4 { vec!["rare", "all"] } else { vec!["all"] });
        let labels = ClassOutputs::from_sets(sets).unwrap();
        let inputs = SplitInputs::new(24).labels(&labels);
        let splits = MultilabelStratifiedKFold::new(4).seed(seed).split(&inputs).unwrap();
        let rare = |split: &Split| split.test.iter().filter(|&&row| row < 4).count();
        assert!(splits.iter().all(|split| rare(split) == 1 && split.test.len() == 6), "{splits:?}");
    }
}

#[test]
fn bootstrap_samples_miss_what_they_are_tested_on() {
    let splits = Bootstrap::new(200).seed(4).split(&SplitInputs::new(80)).unwrap();
    let mut missed = 0.0;
    for split in &splits {
        assert_eq!(split.train.len(), 80);
        assert!(split.train.is_sorted() && split.test.is_sorted_by(|a, b| a < b) && !split.test.is_empty());
        let there = |row: usize| split.train.binary_search(&row).is_ok();
        assert!((0..80).all(|row| there(row) != split.test.contains(&row)));
        missed += split.test.len() as f64 / (200.0 * 80.0);
    }
    // (1 - 1 / 80) to the 80th of the rows.
    assert!((missed - 0.3656).abs() < 0.01, "{missed}");
    assert_eq!(splits, Bootstrap::new(200).seed(4).split(&SplitInputs::new(80)).unwrap());
    assert_ne!(splits[0], splits[1]);
    // Groups are drawn whole.
    let groups: Vec<u32> = (0..60).map(|row| row / 7 * 10).collect();
    for split in Bootstrap::new(30).split(&SplitInputs::new(60).groups(&groups)).unwrap() {
        assert!(split.test.iter().all(|row| !split.train.iter().any(|other| groups[*other] == groups[*row])));
        let times = |row: usize| split.train.iter().filter(|&&other| other == row).count();
        assert!((1..60).all(|row| groups[row] != groups[row - 1] || times(row) == times(row - 1)));
    }
    // Two rows are the least: each sample is one of them twice.
    let two = Bootstrap::new(20).split(&SplitInputs::new(2)).unwrap();
    assert!(two.iter().all(|split| split.test.len() == 1 && split.train[0] == split.train[1]));
    let message = |splits: Result<Vec<Split>>| splits.unwrap_err().to_string();
    assert!(message(Bootstrap::new(3).split(&SplitInputs::new(1))).contains("at least 2 rows"));
    assert!(
        message(Bootstrap::new(3).split(&SplitInputs::new(3).groups(&[5; 3]))).contains("at least 2 groups")
    );
    assert!(Bootstrap::new(0).split(&SplitInputs::new(3)).is_err());
    assert!(Bootstrap::new(3).split(&SplitInputs::new(3).groups(&[1, 2])).is_err());
}
