//! Leaks are found, honest data is left alone, and waivers stay.

use ndarray::Array2;
use perennial_core::{
    CancelToken, ClassOutputs, Classes, Context, Csr, Matrix, Rows, Train, Values, estimator_fn,
};
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::split::*;
use perennial_evaluation::*;
use perennial_numeric::random::Random;

fn checks(report: &AuditReport) -> Vec<(Check, &str)> {
    report
        .findings
        .iter()
        .map(|finding| (finding.check, finding.columns.first().map_or("", String::as_str)))
        .collect()
}

fn scan(x: &Matrix, y: &Values) -> AuditReport {
    LeakageScan::new().scan(x, y, &Context::new()).unwrap()
}

/// Three columns of noise, the last of which the target follows loosely, and the target.
fn honest(n: usize, seed: u64) -> (Array2<f64>, Values) {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_fn((n, 3), |_| random.normal());
    let y = x.column(2).iter().map(|x| x + random.normal()).collect();
    (x, y)
}

fn named(x: Array2<f64>) -> Matrix {
    Matrix::from(x).with_names(["a", "b", "c"]).unwrap()
}

#[test]
fn honest_data_is_left_alone() {
    for seed in 0..30 {
        for n in [40, 100, 500] {
            let (x, y) = honest(n, seed);
            let names = y.as_slice().iter().map(|y| if *y > 0.0 { "yes" } else { "no" });
            let classes = Classes::from_labels(names);
            let x = named(x);
            assert_eq!(scan(&x, &y).to_string(), "nothing was found");
            let report = LeakageScan::new().scan(&x, &classes, &Context::new()).unwrap();
            assert_eq!(report.to_string(), "nothing was found", "{n} {seed}");
        }
    }
}

#[test]
fn proxies_are_found_whatever_their_form() {
    let (mut x, y) = honest(300, 1);
    // Monotone, not monotone but exact, and with holes that tell the answer.
    x.column_mut(0).iter_mut().zip(y.as_slice()).for_each(|(x, y)| *x = y.exp());
    let x = named(x);
    assert_eq!(checks(&scan(&x, &y)), [(Check::TargetProxy, "a")]);
    let squares: Values = x.dense().unwrap().column(1).iter().map(|x| x * x).collect();
    assert_eq!(checks(&scan(&x, &squares)), [(Check::TargetProxy, "b")]);
    let classes = Classes::from_labels(y.as_slice().iter().map(|y| u8::from(*y > 0.0)));
    let report = LeakageScan::new().scan(&x, &classes, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::TargetProxy, "a")]);
    let mut holes = honest(300, 2).0;
    holes.column_mut(1).iter_mut().zip(classes.codes()).for_each(|(x, &code)| {
        if code == 1 {
            *x = f64::NAN;
        }
    });
    let report = LeakageScan::new().scan(&named(holes), &classes, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::TargetProxy, "b")]);

    // Waived by column or by check; both stay.
    let waived = LeakageScan::new().waive_column("a", "known at noon").scan(&x, &y, &Context::new()).unwrap();
    assert!(waived.enforce().is_ok() && waived.to_string().ends_with("[waived: known at noon]"));
    let other = LeakageScan::new().waive_column("b", "known at noon").scan(&x, &y, &Context::new()).unwrap();
    assert!(other.enforce().unwrap_err().to_string().contains("target proxy: `a` alone explains 9"));
    let all = LeakageScan::new().waive(Check::TargetProxy, "a test").scan(&x, &y, &Context::new()).unwrap();
    let json = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<AuditReport>(&json).unwrap(), all);

    // The sparse form of the same numbers.
    let dense = x.dense().unwrap();
    let cells: Vec<f64> = dense.iter().copied().collect();
    let csr = Csr::new(3, (0..=300).map(|row| 3 * row).collect(), [0, 1, 2].repeat(300), cells).unwrap();
    let sparse = Matrix::from(csr).with_names(["a", "b", "c"]).unwrap();
    assert_eq!(scan(&sparse, &y), scan(&x, &y));
}

#[test]
fn numbers_of_rows_are_found() {
    let n = 200;
    let (mut x, noise) = honest(n, 3);
    let y: Values = noise.as_slice().iter().enumerate().map(|(row, e)| e + row as f64 / 40.0).collect();
    assert_eq!(checks(&scan(&named(x.clone()), &y)), [(Check::RowOrder, "")]);
    assert!(scan(&named(x.clone()), &y).enforce().is_ok());
    // A rising number, a dense one in another order, and a falling one.
    let order = Random::new(5).permutation(n);
    for place in 0..3 {
        let number = |row: usize| match place {
            0 => 1000.0 + 7.0 * row as f64,
            1 => row as f64,
            _ => -(row as f64) * 3.0,
        };
        x.column_mut(0).iter_mut().enumerate().for_each(|(row, x)| *x = number(row));
        let (x, y) = (named(x.clone()), y.clone());
        assert_eq!(checks(&scan(&x, &y)), [(Check::Identifier, "a"), (Check::RowOrder, "")]);
        if place == 1 {
            // Shuffled, the order says nothing and the number says it still.
            let (x, y) = (x.take(&order).unwrap(), y.take(&order).unwrap());
            assert_eq!(checks(&scan(&x, &y)), [(Check::Identifier, "a")]);
        }
    }
    // Numbers that say nothing of the target do no harm.
    assert!(scan(&named(x), &noise).findings.is_empty());
    // Rows sorted by class.
    let sorted = Classes::from_labels((0..n).map(|row| row / 100));
    let report = LeakageScan::new().scan(&named(honest(n, 4).0), &sorted, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::RowOrder, "")]);
}

#[test]
fn late_values_and_copies_are_found() {
    let (x, y) = honest(60, 6);
    let events: Vec<i64> = (0..60).collect();
    let known: Vec<i64> = (0..60).map(|row| if row % 20 == 7 { row + 1 } else { row }).collect();
    let x = named(x);
    let scan = LeakageScan::new().event_times(&events).known_at("a", &events).known_at("b", &known);
    let report = scan.scan(&x, &y, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::LateValues, "b")]);
    assert_eq!((report.findings[0].count, &report.findings[0].rows[..]), (3, &[7, 27, 47][..]));
    assert!(report.to_string().contains("row 7: 8 after 7"), "{report}");

    let twice = x.take(&(0..60).map(|row| row % 50).collect::<Vec<_>>()).unwrap();
    let splits = KFold::new(2).shuffle(false).split(&SplitInputs::new(60)).unwrap();
    let report = LeakageScan::new().splits(&splits).scan(&twice, &y, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::DuplicateRows, "")]);
    assert_eq!(report.findings[0].count, 20);
}

/// The ten columns that go best with the target: among much noise, those that fit the rows they were chosen on.
fn best_columns(x: &Matrix, y: &Values) -> Vec<usize> {
    let x = x.dense().unwrap();
    let product =
        |column: usize| -> f64 { x.column(column).iter().zip(y.as_slice()).map(|(x, y)| x * y).sum() };
    let mut columns: Vec<usize> = (0..x.ncols()).collect();
    columns.sort_by(|&a, &b| product(b).total_cmp(&product(a)));
    columns.truncate(10);
    columns
}

/// The slope of the sum of some columns.
struct Chosen(Vec<usize>, f64);

impl Chosen {
    fn fit(x: &Matrix, y: &Values, columns: Vec<usize>) -> Self {
        let sums = Chosen::sums(x, &columns);
        let xy: f64 = sums.iter().zip(y.as_slice()).map(|(x, y)| x * y).sum();
        let xx: f64 = sums.iter().map(|x| x * x).sum();
        Chosen(columns, xy / xx)
    }

    fn sums(x: &Matrix, columns: &[usize]) -> Vec<f64> {
        let x = x.dense().unwrap();
        (0..x.nrows()).map(|row| columns.iter().map(|&column| x[[row, column]]).sum()).collect()
    }
}

impl perennial_core::Predictor for Chosen {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> perennial_core::Result<Values> {
        Ok(Chosen::sums(x, &self.0).into_iter().map(|sum| self.1 * sum).collect())
    }
}

#[test]
fn preparation_outside_the_folds_is_found() {
    let mut random = Random::new(8);
    let (n, p) = (60, 400);
    let x = Matrix::from(Array2::from_shape_fn((n, p), |_| random.normal()));
    let y: Values = (0..n).map(|_| random.normal()).collect();
    let chosen = best_columns(&x, &y);
    let inside = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        Ok(Chosen::fit(train.x, train.y, best_columns(train.x, train.y)))
    });
    let beforehand =
        estimator_fn(|train: &Train<'_, Matrix, Values>| Ok(Chosen::fit(train.x, train.y, chosen.clone())));
    let folds = RepeatedKFold::new(KFold::new(5), 4).seed(1);
    let options = CrossValidation::new();
    let honest = cross_validate(&inside, &x, &y, &folds, &MeanAbsoluteError, &options).unwrap();
    let leaking = cross_validate(&beforehand, &x, &y, &folds, &MeanAbsoluteError, &options).unwrap();
    let report = LeakageScan::new().prepared(&honest, &leaking).scan(&x, &y, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::PreparedOutside, "")]);
    assert!(report.to_string().contains("learned inside each fold"), "{report}");
    let report = LeakageScan::new().prepared(&honest, &honest).scan(&x, &y, &Context::new()).unwrap();
    assert!(report.findings.is_empty());
    let other = cross_validate(&inside, &x, &y, &KFold::new(3), &MeanAbsoluteError, &options).unwrap();
    assert!(LeakageScan::new().prepared(&honest, &other).scan(&x, &y, &Context::new()).is_err());
}

/// Scores of four folds that are all the same.
fn flat(score: f64) -> CrossValidated<(), ()> {
    let fold = |number: usize| Fold {
        n_train: 30,
        test: (number * 10..(number + 1) * 10).collect(),
        score,
        fit_seconds: 0.0,
        train_score: None,
        score_seconds: 0.0,
        model: None,
    };
    CrossValidated {
        metric: "accuracy".to_owned(),
        higher_is_better: true,
        bounds: (0.0, 1.0),
        folds: (0..4).map(fold).collect(),
        predictions: None,
        fold_predictions: None,
        audit: AuditReport::default(),
    }
}

#[test]
fn a_leak_that_is_the_same_in_each_fold_is_one() {
    let (x, y) = honest(40, 7);
    let x = named(x);
    let scan = |inside: f64, beforehand: f64| {
        let (inside, beforehand) = (flat(inside), flat(beforehand));
        LeakageScan::new().prepared(&inside, &beforehand).scan(&x, &y, &Context::new()).unwrap()
    };
    let report = scan(0.5, 1.0);
    assert_eq!(checks(&report), [(Check::PreparedOutside, "")]);
    assert!(report.to_string().contains("a gain of 0.5000 in each of 4 folds"), "{report}");
    assert!(scan(1.0, 0.5).findings.is_empty() && scan(0.5, 0.5).findings.is_empty());
}

#[test]
fn errors_and_edges() {
    let (x, y) = honest(30, 9);
    let x = named(x);
    let error = |scan: LeakageScan<'_>| scan.scan(&x, &y, &Context::new()).unwrap_err().to_string();
    assert!(error(LeakageScan::new().most_explained(0.0)).contains("`most_explained` is 0"));
    assert!(error(LeakageScan::new().order_explained(f64::NAN)).contains("`order_explained` is NaN"));
    assert!(error(LeakageScan::new().waive_column("a", " ")).contains("a reason, in words"));
    assert!(error(LeakageScan::new().waive(Check::RowOrder, "")).contains("a reason, in words"));
    assert!(error(LeakageScan::new().known_at("a", &[1; 30])).contains("give `event_times`"));
    assert!(
        error(LeakageScan::new().event_times(&[1; 30]).known_at("a", &[1]))
            .contains("the times of `a` has 1")
    );
    let few = LeakageScan::new().scan(&x.take(&[0, 1]).unwrap(), &y.take(&[0, 1]).unwrap(), &Context::new());
    assert!(few.unwrap_err().to_string().contains("there are 2 rows"));
    let short = LeakageScan::new().scan(&x, &y.take(&[0]).unwrap(), &Context::new());
    assert!(short.unwrap_err().to_string().contains("the target has 1 rows"));
    let labels = ClassOutputs::from_sets((0..30).map(|row| vec![row % 2])).unwrap();
    assert!(
        LeakageScan::new()
            .scan(&x, &labels, &Context::new())
            .unwrap_err()
            .to_string()
            .contains("each output alone")
    );
    let token = CancelToken::new();
    token.cancel();
    assert!(LeakageScan::new().scan(&x, &y, &Context::new().with_cancel(token)).is_err());

    // Constant and one-class targets, huge values, no columns, constant columns.
    let context = Context::new();
    assert!(scan(&x, &Values::from(vec![0.1; 30])).findings.is_empty());
    let one = Classes::from_labels(["a"; 30]);
    assert!(LeakageScan::new().scan(&x, &one, &context).unwrap().findings.is_empty());
    let huge: Values = y.as_slice().iter().map(|y| 1e300 * y).collect();
    assert!(scan(&x, &huge).findings.is_empty());
    assert!(scan(&Matrix::from(Array2::zeros((30, 0))), &y).findings.is_empty());
    let odd = Array2::from_shape_fn((30, 3), |(row, column)| match column {
        0 => f64::NAN,
        1 => 1e300,
        _ => [f64::INFINITY, f64::NEG_INFINITY][row % 2],
    });
    assert!(scan(&named(odd), &y).findings.is_empty());

    let (x, y) = honest(500, 10);
    let x = named(x);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| LeakageScan::new().most_explained(0.3).scan(&x, &y, &Context::new()).unwrap())
    };
    assert!(!run(1).findings.is_empty() && (2..=4).all(|threads| run(threads) == run(1)));
}

#[test]
fn targets_that_are_sums_are_found() {
    let (mut x, noise) = honest(300, 11);
    let sum = |x: &Array2<f64>, scale: f64| -> Values {
        x.rows().into_iter().map(|row| scale * (3.0 + 2.0 * row[0] - 0.5 * row[2])).collect()
    };
    for scale in [1.0, 1e200, 1e-200] {
        let report = scan(&named(x.clone()), &sum(&x, scale));
        let found: Vec<&Finding> =
            report.findings.iter().filter(|finding| finding.check == Check::ComputedTarget).collect();
        assert_eq!(found.len(), 1, "{report}");
        assert_eq!(found[0].columns, ["a", "c"]);
        assert!(report.enforce().unwrap_err().to_string().contains("computed from `a` and `c`"));
    }
    // With a little noise it is no sum, and a constant target is none either.
    let y: Values = sum(&x, 1.0).as_slice().iter().zip(noise.as_slice()).map(|(y, e)| y + 1e-2 * e).collect();
    assert!(!scan(&named(x.clone()), &y).findings.iter().any(|found| found.check == Check::ComputedTarget));
    assert!(scan(&named(x.clone()), &vec![2.0; 300].into()).findings.is_empty());
    // A reason for each column is needed.
    let y = sum(&x, 1.0);
    let waived = |columns: &[&str]| {
        let scan = LeakageScan::new().most_explained(1.0);
        let scan = columns.iter().fold(scan, |scan, column| scan.waive_column(column, "known"));
        scan.scan(&named(x.clone()), &y, &Context::new()).unwrap()
    };
    assert_eq!(waived(&["a"]).columns(), ["a", "c"]);
    assert!(waived(&["a", "c"]).enforce().is_ok());
    // Columns that are copies of each other count once; one that is not finite is passed over.
    let copy = x.column(0).to_owned();
    x.column_mut(1).assign(&copy);
    let report = scan(&named(x.clone()), &y);
    assert_eq!(
        report.findings.iter().find(|found| found.check == Check::ComputedTarget).unwrap().columns,
        ["b", "c"]
    );
    x[[4, 1]] = f64::NAN;
    let report = scan(&named(x), &y);
    assert_eq!(
        report.findings.iter().find(|found| found.check == Check::ComputedTarget).unwrap().columns,
        ["a", "c"]
    );
}

#[test]
fn cross_validation_scans_where_it_is_asked_to() {
    let (mut x, y) = honest(200, 5);
    x.column_mut(0).iter_mut().zip(y.as_slice()).for_each(|(x, y)| *x = 2.0 * y + 1.0);
    let x = named(x);
    let model = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        Ok(Chosen::fit(train.x, train.y, best_columns(train.x, train.y)))
    });
    let run = |options: CrossValidation<'_>| {
        cross_validate(&model, &x, &y, &KFold::new(4).seed(1), &MeanAbsoluteError, &options)
            .map(|scored| scored.scores_only())
    };
    assert!(run(CrossValidation::new()).is_ok());
    let error = run(CrossValidation::new().scan_leakage(LeakageScan::new())).unwrap_err().to_string();
    assert!(error.contains("`a` alone explains"), "{error}");
    let waived = LeakageScan::new().waive_column("a", "it is measured before");
    let scored = run(CrossValidation::new().scan_leakage(waived)).unwrap();
    assert_eq!(checks(&scored.audit), [(Check::TargetProxy, "a")]);
    assert!(scored.audit.to_string().contains("measured before"));
}
