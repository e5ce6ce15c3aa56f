//! What near copies are looked for in, and what that takes at most.

use ndarray::Array2;
use perennial_core::{Context, Matrix, Rows, Values};
use perennial_evaluation::split::{KFold, SplitInputs, Splitter};
use perennial_evaluation::*;

use crate::audit::nearly_copied;

/// What the audit finds in these splits, so many times one after the other.
fn repeated(x: &Matrix, splits: &[Split], times: usize) -> AuditReport {
    let splits: Vec<Split> = splits.iter().cycle().take(times * splits.len()).cloned().collect();
    SplitAudit::new().report(&splits, &SplitInputs::new(x.n_rows()).rows(x)).unwrap()
}

#[test]
fn pairs_are_counted_over_all_splits_copies_or_not() {
    // Equal rows: each of 1,000 is compared with each of 1,000 in a split.
    let half = |rows: std::ops::Range<usize>| rows.collect::<Vec<usize>>();
    let split = [Split { train: half(0..1000), test: half(1000..2000) }];
    for (n_cols, fit) in [(3, 5), (199, 5), (200, 2), (500, 1)] {
        let x = Matrix::from(Array2::ones((2000, n_cols)));
        assert!(repeated(&x, &split, fit).skipped.is_empty(), "{n_cols}");
        let most = 5_000_000 / (n_cols / 100).max(1);
        let skipped = repeated(&x, &split, fit + 1).skipped;
        assert!(skipped[0].contains(&format!("more than {most} pairs of rows to compare")), "{skipped:?}");
    }
}

#[test]
fn rows_in_no_split_do_not_matter() {
    // Rows 700 to 719 have a near copy each among the last, and the others are a million times as far apart.
    let inner = nearly_copied(300, 5, 20, 1e-5);
    let outer = nearly_copied(700, 5, 0, 0.0);
    let (inner, outer) = (inner.dense().unwrap(), outer.dense().unwrap());
    let x = Matrix::from(Array2::from_shape_fn((1000, 5), |(row, column)| {
        if row < 700 { 1e6 * outer[[row, column]] } else { inner[[row - 700, column]] }
    }));
    let moved = |rows: &[usize]| -> Vec<usize> { rows.iter().map(|row| 700 + row).collect() };
    let folds = KFold::new(3).shuffle(false).split(&SplitInputs::new(300)).unwrap();
    let splits: Vec<Split> =
        folds.iter().map(|split| Split { train: moved(&split.train), test: moved(&split.test) }).collect();
    let found = repeated(&x, &splits, 1).findings;
    assert_eq!((found.len(), found[0].check, found[0].count), (1, Check::NearDuplicateRows, 40));
    assert_eq!(found[0].rows, (700..710).collect::<Vec<usize>>());
    assert!(found[0].message.contains("row 700 in split 0"), "{}", found[0]);
    // No row at all.
    let none = [Split { train: Vec::new(), test: Vec::new() }];
    assert!(repeated(&x, &none, 1).is_empty());
}

#[test]
fn what_was_not_looked_for_is_not_lost() {
    let x = nearly_copied(60, 3, 0, 0.0);
    let y: Values = x.dense().unwrap().column(2).iter().map(|value| value.abs()).collect();
    let splits = KFold::new(2).split(&SplitInputs::new(60)).unwrap();
    let splits: Vec<Split> = splits.iter().cycle().take(3400).cloned().collect();
    let scan = LeakageScan::new().splits(&splits).waive(Check::TargetProxy, "it is made so");
    let found = scan.scan(&x, &y, &Context::new()).unwrap();
    assert!(found.skipped[0].contains("204000 rows in all splits"), "{found}");
    let truth = Values::from(vec![1.0, 2.0, 3.0]);
    let report = Report::of_values("Scanned", &truth, &truth, &IntervalOptions::new()).unwrap();
    let report = report.leakage(found.clone());
    assert!(report.to_html().contains("near copies were not looked for"));
    assert!(report.to_string().contains("near copies were not looked for"));
    // A log of looks has it too, and keeps it.
    let log = SealLog { audit: AuditReport { findings: Vec::new(), ..found }, ..SealLog::default() };
    assert!(log.to_string().starts_with("no looks; near copies were not looked for"), "{log}");
    let text = serde_json::to_string(&log).unwrap();
    assert_eq!(serde_json::from_str::<SealLog>(&text).unwrap(), log);
    assert_eq!(Sealed::new(0).resume(log.clone()).resume(SealLog::default()).log(), &log);
}
