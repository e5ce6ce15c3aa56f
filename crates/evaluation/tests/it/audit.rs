//! What the sides of a split share is found, waived with a reason, and kept; looks at a sealed part are counted.

use ndarray::{Array2, array};
use perennial_core::{Classes, Csr, ErrorKind, Matrix, Result, Rows, Values};
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::split::*;
use perennial_evaluation::*;
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::models::{Slope, line};

fn checks(report: &AuditReport) -> Vec<Check> {
    report.findings.iter().map(|finding| finding.check).collect()
}

#[test]
fn copies_are_found_and_waived() {
    let (x, y) = line(40, 1);
    let folds = KFold::new(4).shuffle(false);
    let clean = SplitAudit::new().split(&folds, &SplitInputs::new(40).rows(&x)).unwrap();
    assert!(clean.report().findings.is_empty());
    assert_eq!(clean.to_string(), "4 splits; nothing was found");

    let mut cells = x.dense().unwrap().to_owned();
    (cells[[3, 0]], cells[[33, 0]]) = (0.0, -0.0);
    cells[[20, 0]] = cells[[12, 0]];
    // Copies on one side of every split do no harm.
    cells[[21, 0]] = cells[[22, 0]];
    let x = Matrix::from(cells);
    let inputs = SplitInputs::new(40).rows(&x);
    let error = SplitAudit::new().split(&folds, &inputs).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Leakage { .. }));
    assert!(
        error.to_string().starts_with("duplicate rows: 4 of 40 tested rows have an exact copy"),
        "{error}"
    );
    assert!(SplitAudit::new().tolerated(0.1).split(&folds, &inputs).is_ok());

    let audit = SplitAudit::new().waive(Check::DuplicateRows, "both were measured");
    let splits = audit.split(&folds, &inputs).unwrap();
    let finding = &splits.report().findings[0];
    assert_eq!((finding.count, &finding.rows[..]), (4, &[3, 12, 20, 33][..]));
    assert_eq!((finding.splits.clone(), finding.is_open()), (vec![0, 1, 2, 3], false));
    assert!(splits.to_string().ends_with("[waived: both were measured]"));
    let json = serde_json::to_string(&splits).unwrap();
    let back: AuditedSplits = serde_json::from_str(&json).unwrap();
    assert_eq!(back, splits);
    // They go where splitters go.
    let options = CrossValidation::new();
    let scored = cross_validate(&Slope { alpha: 0.1 }, &x, &y, &back, &MeanAbsoluteError, &options).unwrap();
    assert_eq!(scored.folds.len(), 4);

    let empty = SplitAudit::new().waive(Check::DuplicateRows, "  ").split(&folds, &inputs);
    assert!(empty.unwrap_err().to_string().contains("a reason, in words"));
    let short = SplitAudit::new().split(&folds, &SplitInputs::new(39).rows(&x));
    assert!(short.unwrap_err().to_string().contains("expected 39"));
    let leaking = [Split { train: vec![1, 2], test: vec![2] }];
    assert!(SplitAudit::new().report(&leaking, &inputs).is_err());
}

proptest! {
    #[test]
    fn shared_times_are_those_of_all_pairs(spans in prop::collection::vec((0_i64..30, 0_i64..6), 12..20)) {
        let times: Vec<i64> = spans.iter().map(|span| span.0).collect();
        let ends: Vec<i64> = spans.iter().map(|span| span.0 + span.1).collect();
        let inputs = SplitInputs::new(times.len()).times(&times).ends(&ends);
        let splits = KFold::new(3).seed(2).split(&inputs).unwrap();
        let meet = |a: usize, b: usize| times[a] <= ends[b] && times[b] <= ends[a];
        let count = |holds: &dyn Fn(usize, usize) -> bool| -> usize {
            let of = |split: &Split| split.test.iter().filter(|&&a| split.train.iter().any(|&b| holds(a, b))).count();
            splits.iter().map(of).sum()
        };
        let report = SplitAudit::new().report(&splits, &inputs).unwrap();
        let found = |check: Check| {
            report.findings.iter().find(|finding| finding.check == check).map_or(0, |finding| finding.count)
        };
        prop_assert_eq!(found(Check::SharedTimes), count(&meet));
        prop_assert_eq!(found(Check::FutureRows), count(&|a, b| times[b] > times[a]));
    }

    #[test]
    fn copies_are_those_of_all_pairs(cells in prop::collection::vec(0_u8..3, 30), near in 0.1..1.5_f64) {
        let value = |code: u8| [0.0, 1.0, f64::NAN][code as usize];
        let x = Array2::from_shape_fn((15, 2), |(row, column)| value(cells[2 * row + column]));
        let splits = KFold::new(3).seed(1).split(&SplitInputs::new(15)).unwrap();
        let expected: usize = splits.iter().map(|split| {
            split.test.iter().filter(|&&a| split.train.iter().any(|&b| {
                cells[2 * a..2 * a + 2] == cells[2 * b..2 * b + 2]
            })).count()
        }).sum();
        let report = |x: &Matrix, audit: SplitAudit| audit.report(&splits, &SplitInputs::new(15).rows(x)).unwrap();
        let found = report(&Matrix::from(x.clone()), SplitAudit::new());
        prop_assert_eq!(found.findings.first().map_or(0, |finding| finding.count), expected);
        // The sparse form of the rows has the same copies.
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in x.rows() {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                indices.push(column as u32);
                values.push(*value);
            }
            indptr.push(indices.len());
        }
        let sparse = Matrix::from(Csr::new(2, indptr, indices, values).unwrap());
        prop_assert_eq!(report(&sparse, SplitAudit::new()), found);

        // Near rows, against all pairs.
        let mut random = Random::new(7);
        let x = x.mapv(|value| if value.is_nan() { random.normal() } else { value });
        let deviation = |column: usize| x.column(column).std(0.0);
        let close = |a: usize, b: usize| {
            let squares: f64 = (0..2).map(|column| {
                let scale = deviation(column);
                if scale > 0.0 { ((x[[a, column]] - x[[b, column]]) / scale).powi(2) } else { 0.0 }
            }).sum();
            (squares / 2.0).sqrt()
        };
        let (mut expected, mut on_the_border) = (0, false);
        for split in &splits {
            for &a in &split.test {
                let nearest = split.train.iter().map(|&b| close(a, b)).fold(f64::INFINITY, f64::min);
                on_the_border |= (nearest - near).abs() < 1e-9;
                expected += usize::from(nearest > 0.0 && nearest <= near);
            }
        }
        prop_assume!(!on_the_border);
        let found = report(&Matrix::from(x.clone()), SplitAudit::new().near(near));
        let count = found.findings.iter().find(|finding| finding.check == Check::NearDuplicateRows);
        prop_assert_eq!(count.map_or(0, |finding| finding.count), expected);
    }
}

#[test]
fn entities_times_and_classes_are_looked_at() {
    let groups = [0, 0, 1, 1, 2, 2];
    let inputs = SplitInputs::new(6).groups(&groups);
    let report = |splitter: &dyn Splitter, inputs: &SplitInputs<'_>| {
        SplitAudit::new().report(&splitter.split(inputs).unwrap(), inputs).unwrap()
    };
    let folds = KFold::new(2).shuffle(false);
    let found = report(&folds, &inputs);
    assert_eq!(checks(&found), [Check::SharedGroups]);
    assert_eq!((found.findings[0].count, &found.findings[0].rows[..]), (2, &[2, 3][..]));
    assert!(report(&GroupKFold::new(3), &inputs).findings.is_empty());

    let times = [10, 20, 30, 30, 40, 50];
    let inputs = SplitInputs::new(6).times(&times);
    let found = report(&folds, &inputs);
    assert_eq!(checks(&found), [Check::SharedTimes, Check::FutureRows]);
    assert_eq!((&found.findings[0].rows[..], &found.findings[1].rows[..]), (&[2, 3][..], &[0, 1, 2][..]));
    assert!(report(&TimeSeriesSplit::new(2), &inputs).findings.is_empty());

    // A purged fold learns from the future, but never from a span that it tests.
    let times: Vec<i64> = (0..30).collect();
    let ends: Vec<i64> = (3..33).collect();
    let inputs = SplitInputs::new(30).times(&times).ends(&ends);
    assert_eq!(checks(&report(&PurgedKFold::new(3), &inputs)), [Check::FutureRows]);
    assert_eq!(
        checks(&report(&KFold::new(3).shuffle(false), &inputs)),
        [Check::SharedTimes, Check::FutureRows]
    );
    // The labels of the rows before the split look beyond it.
    let found = report(&TimeSeriesSplit::new(2), &inputs);
    assert_eq!(
        (checks(&found), &found.findings[0].rows[..]),
        (vec![Check::SharedTimes], &[10, 11, 12, 20, 21, 22][..])
    );
    assert!(report(&TimeSeriesSplit::new(2).gap(3), &inputs).findings.is_empty());

    let y = Classes::from_labels(["a", "a", "a", "a", "b", "b"]);
    let inputs = SplitInputs::new(6).classes(&y);
    let found = report(&folds, &inputs);
    assert_eq!(checks(&found), [Check::ClassSupport]);
    assert!(found.to_string().contains("class `b` has 0 rows tested in split 0"), "{found}");
    assert_eq!((found.findings[0].count, &found.findings[0].splits[..]), (2, &[0, 1][..]));
    assert!(report(&StratifiedKFold::new(2), &inputs).findings.is_empty());
    let strict = SplitAudit::new().min_support(2);
    assert_eq!(
        strict.report(&StratifiedKFold::new(2).split(&inputs).unwrap(), &inputs).unwrap().findings.len(),
        1
    );
}

#[test]
fn settings_and_huge_numbers_are_survived() {
    let x = Matrix::from(array![[1e300, 1.0], [-1e300, 1.0], [1e300, f64::INFINITY], [5.0, f64::NAN]]);
    let inputs = SplitInputs::new(4).rows(&x);
    let splits = KFold::new(2).split(&inputs).unwrap();
    assert!(SplitAudit::new().near(0.1).report(&splits, &inputs).unwrap().findings.is_empty());
    assert!(SplitAudit::new().near(0.0).report(&splits, &inputs).is_err());
    assert!(SplitAudit::new().tolerated(f64::NAN).report(&splits, &inputs).is_err());
    let constant = Matrix::from(Array2::ones((4, 3)));
    let inputs = SplitInputs::new(4).rows(&constant);
    assert_eq!(
        checks(&SplitAudit::new().near(0.1).report(&splits, &inputs).unwrap()),
        [Check::DuplicateRows]
    );
    let none = Matrix::from(Array2::zeros((4, 0)));
    assert!(SplitAudit::new().near(0.1).report(&splits, &SplitInputs::new(4).rows(&none)).is_ok());
}

#[test]
fn what_is_held_out_keeps_its_audit() {
    let x = Matrix::from(array![[1.0], [2.0], [1.0], [3.0], [1.0], [4.0], [1.0], [1.0]]);
    let y: Values = (0..8).map(f64::from).collect();
    let splitter = Holdout::new(0.5).seed(1);
    let waived = SplitAudit::new().waive(Check::DuplicateRows, "readings of one machine");
    let options = CrossValidation::new().audit(waived);
    let ((_, y_train), mut test) = hold_out_audited(&x, &y, &splitter, &options).unwrap();
    assert_eq!(y_train.n_rows(), 4);
    assert_eq!(checks(&test.log().audit), [Check::DuplicateRows]);
    test.open("final").unwrap();
    let text = serde_json::to_string(test.log()).unwrap();
    assert!(test.log().to_string().starts_with("1 look: 1. final; duplicate rows: "));
    assert!(test.log().to_string().contains("[waived: readings of one machine]"));
    // An earlier log brings its own audit, and an older one has none to bring.
    let later = Sealed::new(0).resume(serde_json::from_str(&text).unwrap());
    assert_eq!(later.log(), test.log());
    let ((_, _), again) = hold_out_audited(&x, &y, &splitter, &options).unwrap();
    let again = again.resume(serde_json::from_str(r#"{ "looks": [] }"#).unwrap());
    assert_eq!(again.log().audit, test.log().audit);
    // The same in a report.
    let truth = Values::from(vec![1.0, 2.0, 3.0]);
    let report = Report::of_values("Held out", &truth, &truth, &IntervalOptions::new()).unwrap();
    let report = report.looks(test.log().clone());
    assert!(report.to_html().contains("readings of one machine"));
    assert!(report.to_string().contains("readings of one machine"));
    // Groups on both sides and several splits are refused.
    let groups = [0, 0, 0, 0, 0, 0, 0, 1];
    let mut inputs = CrossValidation::new().groups(&groups);
    inputs = inputs.audit(SplitAudit::new().waive(Check::DuplicateRows, "as above"));
    let shuffled = perennial_evaluation::split::ShuffleSplit::new(1, 0.5).seed(1);
    assert!(hold_out_audited(&x, &y, &shuffled, &inputs).is_err());
    let folds = perennial_evaluation::split::KFold::new(2).seed(1);
    let several = hold_out_audited(&x, &y, &folds, &options).unwrap_err();
    assert!(several.to_string().contains("gives 2 splits"), "{several}");
}

#[test]
fn looks_are_counted() {
    let truth = Values::from(vec![1.0, 2.0, 3.0]);
    let mut test = Sealed::new(truth);
    assert_eq!(test.log().to_string(), "no looks");
    assert!(test.open("  ").is_err() && test.log().looks.is_empty());
    assert_eq!(test.open("first look").unwrap().as_slice()[0], 1.0);
    let failed = test.score("second", |_| Err(perennial_core::Error::unsupported("no")));
    assert!(failed.is_err() && test.log().looks.len() == 2);
    assert!(test.score("third", |_| Ok(f64::NAN)).is_err());
    assert!(!format!("{test:?}").contains("2.0"));

    let json = serde_json::to_string(test.log()).unwrap();
    let mut later = Sealed::new(0).resume(serde_json::from_str(&json).unwrap()).limit(4);
    later.open("fourth").unwrap();
    assert_eq!(later.log().level(0.9), 1.0 - (1.0 - 0.9) / 4.0);
    assert!(later.open("fifth").unwrap_err().to_string().contains("4 looks"));
    assert!(Sealed::new(0).limit(0).open("no").unwrap_err().to_string().contains("`limit` is 0"));
}

#[test]
fn a_ladder_tells_only_real_gains() {
    let mut test = Sealed::new(()).ladder(0.01, true);
    let mut ask = |score: f64| test.score("try", |()| Ok(score)).unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
    assert!(close(ask(0.503), 0.5));
    assert!(close(ask(0.509), 0.5) && close(ask(0.4), 0.5));
    assert!(close(ask(0.517), 0.52));
    assert!(test.open("all of it").unwrap_err().to_string().contains("only scores are told"));
    assert_eq!(test.log().looks.len(), 4);
    // A later run knows what was told.
    let mut later = Sealed::new(()).resume(test.log().clone()).ladder(0.01, true);
    assert!(close(later.score("again", |()| Ok(0.525)).unwrap(), 0.52));
    let mut errors = Sealed::new(()).ladder(0.1, false);
    assert!(close(errors.score("a", |()| Ok(1.04)).unwrap(), 1.0));
    assert!(close(errors.score("b", |()| Ok(0.95)).unwrap(), 1.0));
    assert!(close(errors.score("c", |()| Ok(0.72)).unwrap(), 0.7));
    assert!(Sealed::new(()).ladder(0.0, true).score("a", |()| Ok(1.0)).is_err());
}

#[test]
fn a_budget_is_one_of_what_is_told() {
    let mut test = Sealed::new(0.5).thresholdout(0.05, 0.001, 1).budget(2);
    for _ in 0..2 {
        // Scores that agree cost nothing.
        assert_eq!(test.score_beside("agrees", 0.51, |score| Ok(*score)).unwrap(), 0.51);
        test.score_beside("learned by heart", 0.99, |score| Ok(*score)).unwrap();
    }
    assert_eq!((test.log().told(), test.log().looks.len()), (2, 4));
    let refused = test.score_beside("agrees", 0.51, |score| Ok(*score)).unwrap_err();
    assert!(refused.to_string().contains("budget of 2") && test.log().looks.len() == 4, "{refused}");
    let none = Sealed::new(0.5).thresholdout(0.05, 0.001, 1).budget(0).score_beside("a", 0.5, |_| Ok(0.5));
    assert!(none.unwrap_err().to_string().contains("`budget` is 0"));
    // Without thresholdout it would count nothing.
    let mut plain = Sealed::new(0.5).budget(1);
    assert!(plain.open("all").unwrap_err().to_string().contains("thresholdout"));
    assert!(plain.score("mean", |score| Ok(*score)).unwrap_err().to_string().contains("thresholdout"));
    assert!(plain.log().looks.is_empty());
}

#[test]
fn threads_do_not_matter() {
    let mut random = Random::new(2);
    let x = Matrix::from(Array2::from_shape_fn((3000, 3), |_| (random.normal() * 4.0).round()));
    let inputs = SplitInputs::new(3000).rows(&x);
    let splits = KFold::new(3).split(&inputs).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| SplitAudit::new().near(0.2).report(&splits, &inputs).unwrap())
    };
    let one = run(1);
    assert!((2..=4).all(|threads| run(threads) == one));
    assert!(!one.findings.is_empty());
}

/// Rows of words, which are no matrix but can be compared.
struct Words(Vec<String>);

impl Rows for Words {
    type Owned = Words;

    fn n_rows(&self) -> usize {
        self.0.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Words> {
        Ok(Words(self.0.take(rows)?))
    }

    fn row_numbers(&self) -> Result<Option<Vec<u32>>> {
        let first = |word| self.0.iter().position(|other| other == word).unwrap_or(0) as u32;
        Ok(Some(self.0.iter().map(first).collect()))
    }
}

#[test]
fn copies_of_rows_that_are_no_matrix_are_found() {
    let words = Words((0..20).map(|row| format!("word {}", row % 19)).collect());
    let y: Values = (0..20).map(f64::from).collect();
    let folds = KFold::new(2).shuffle(false);
    let splits = CrossValidation::new().splits(&words, &y, &folds).unwrap();
    let found = &splits.report().findings;
    assert_eq!((found.len(), found[0].check, found[0].count), (1, Check::DuplicateRows, 2));
    assert_eq!((found[0].severity, &found[0].rows[..]), (Severity::Warning, &[0, 19][..]));
    let strict = CrossValidation::new().audit(SplitAudit::new());
    assert!(strict.splits(&words, &y, &folds).unwrap_err().to_string().contains("exact copy"));
    // Numbers that cannot be those of rows.
    let numbers = [0, 1, 9];
    let inputs = SplitInputs::new(3).row_numbers(&numbers);
    assert!(SplitAudit::new().split(&KFold::new(3), &inputs).unwrap_err().to_string().contains("9 of 3"));
    let inputs = SplitInputs::new(3).row_numbers(&numbers[..2]);
    assert!(SplitAudit::new().split(&KFold::new(3), &inputs).is_err());
}

#[test]
fn near_copies_of_tables_are_found_by_their_numbers_or_refused() {
    // Rows 0 and 10 are near; rows 1 and 11 have equal numbers, and differ in a text alone.
    let mut random = Random::new(4);
    let mut x = Array2::from_shape_fn((20, 4), |_| random.normal());
    for column in 0..4 {
        x[[10, column]] = x[[0, column]] + 1e-4;
        x[[11, column]] = x[[1, column]];
    }
    let x = Matrix::from(x);
    let words = Words((0..20).map(|row| format!("word {row}")).collect());
    let numbers = words.row_numbers().unwrap().unwrap();
    let folds = KFold::new(2).shuffle(false);
    let audit = SplitAudit::new().near(0.01);
    let error = audit.split(&folds, &SplitInputs::new(20).row_numbers(&numbers)).unwrap_err();
    assert!(error.to_string().contains("`near` is 0.01") && error.to_string().contains("numeric columns"));
    let y: Values = (0..20).map(f64::from).collect();
    let cross = CrossValidation::new().audit(audit.clone());
    assert!(cross.splits(&words, &y, &folds).unwrap_err().to_string().contains("no matrix"));
    // With the numbers of the table beside it, its copies are those of whole rows.
    let inputs = SplitInputs::new(20).row_numbers(&numbers).rows(&x);
    let splits = folds.split(&inputs).unwrap();
    let found = audit.report(&splits, &inputs).unwrap().findings;
    assert_eq!(
        (found.len(), found[0].check, &found[0].rows[..]),
        (1, Check::NearDuplicateRows, &[0, 1, 10, 11][..])
    );
    // The matrix alone takes the equal rows for copies.
    let found = audit.report(&splits, &SplitInputs::new(20).rows(&x)).unwrap().findings;
    assert_eq!((found[0].check, &found[0].rows[..]), (Check::DuplicateRows, &[1, 11][..]));
    assert_eq!((found[1].check, &found[1].rows[..]), (Check::NearDuplicateRows, &[0, 10][..]));
    // A splitter whose splits were looked at goes into a cross-validation of the table.
    let waived = audit.waive(Check::NearDuplicateRows, "twins").split(&folds, &inputs).unwrap();
    assert_eq!(cross.splits(&words, &y, &waived).unwrap().report().findings.len(), 1);
}

/// Normal numbers, the last rows of which are the first ones and a little more.
pub(crate) fn nearly_copied(n: usize, p: usize, n_copied: usize, by: f64) -> Matrix {
    let mut random = Random::new(17);
    let mut x = Array2::from_shape_fn((n, p), |_| random.normal());
    for row in 0..n_copied {
        for column in 0..p {
            x[[n - 1 - row, column]] = x[[row, column]] + by * random.normal();
        }
    }
    Matrix::from(x)
}

#[test]
fn near_copies_are_warned_of_untold() {
    let folds = KFold::new(5).shuffle(false);
    let report = |x: &Matrix| {
        let inputs = SplitInputs::new(x.n_rows()).rows(x);
        SplitAudit::new().report(&folds.split(&inputs).unwrap(), &inputs).unwrap()
    };
    let found = report(&nearly_copied(500, 5, 20, 1e-5));
    assert_eq!(checks(&found), [Check::NearDuplicateRows]);
    // Each of a pair is tested once.
    assert_eq!((found.findings[0].count, found.findings[0].severity), (40, Severity::Warning));
    assert!(found.open().next().is_none() && found.skipped.is_empty());
    assert!(found.to_string().contains("within 0.001 standard deviations"), "{found}");
    // The same beside values that are far larger than all others.
    let mut large = nearly_copied(500, 5, 20, 1e-5).dense().unwrap().to_owned();
    large.row_mut(250).fill(1e12);
    assert_eq!(report(&Matrix::from(large)).findings[0].count, 40);
    // Near by chance: nothing, on a line, and of whole numbers.
    assert!(report(&nearly_copied(500, 5, 0, 0.0)).is_empty());
    let mut random = Random::new(2);
    let on_a_line = Array2::from_shape_fn((2000, 1), |_| random.normal());
    let powers =
        Array2::from_shape_fn((2000, 4), |(row, column)| on_a_line[[row, 0]].powi(1 + column as i32));
    assert!(report(&Matrix::from(powers)).is_empty());
    let whole = Array2::from_shape_fn((400, 3), |_| random.below(1_000_000) as f64);
    assert!(report(&Matrix::from(whole)).is_empty());
    // Two columns are too few, and a reason stays.
    assert!(report(&nearly_copied(500, 2, 20, 1e-6)).is_empty());
    let x = nearly_copied(500, 5, 20, 1e-5);
    let inputs = SplitInputs::new(500).rows(&x);
    let audit = SplitAudit::new().waive(Check::NearDuplicateRows, "two visits");
    let waived = audit.split(&folds, &inputs).unwrap();
    assert_eq!(waived.report().findings[0].waiver.as_deref(), Some("two visits"));
}

#[test]
fn many_rows_are_not_looked_at_untold() {
    let report = |x: &Matrix, folds: usize| {
        let inputs = SplitInputs::new(x.n_rows()).rows(x);
        SplitAudit::new().report(&KFold::new(folds).split(&inputs).unwrap(), &inputs).unwrap()
    };
    let many = report(&nearly_copied(20_001, 3, 0, 0.0), 10);
    assert!(many.is_empty() && many.skipped[0].contains("200010 rows in all splits"), "{many}");
    assert!(many.to_string().contains("`SplitAudit::near`"));
    let text = serde_json::to_string(&many).unwrap();
    assert_eq!(serde_json::from_str::<AuditReport>(&text).unwrap(), many);
    // Half of the rows are nearly the same, and so is the other half: each would be compared with each.
    let alike = Matrix::from(Array2::from_shape_fn((6000, 3), |(row, column)| {
        (row % 2) as f64 + 1e-9 * (row * (column + 7) % 6007) as f64
    }));
    let found = report(&alike, 2);
    assert!(found.skipped[0].contains("more than 5000000 pairs of rows to compare"), "{found}");
}
