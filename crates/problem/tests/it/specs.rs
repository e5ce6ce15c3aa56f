//! Problems are checked when they are read.

use perennial_core::ErrorKind;
use perennial_data::{Column, Table};
use perennial_problem::{
    AssumptionState, Costs, Criterion, Judgement, Measurement, ProblemSpec, Task, Verdict,
};
use perennial_statistics::interval::Interval;

const GOOD: &str = r#"
name = "churn"
decision = "whom to call"
unit = "one customer and month"
task = "classification"
target = "left"
horizon = "30 days"
"#;

#[test]
fn a_problem_survives_toml() {
    let spec = ProblemSpec::new("rides", Task::Regression, "bikers")
        .decision("d")
        .unit("u")
        .horizon("1 hour")
        .consumer("ops")
        .costs(Costs::Regression { over: 1.0, under: 3.0 })
        .scope("hr >= 6".parse().unwrap())
        .assume("no holidays", Some("holiday = false".parse().unwrap()))
        .succeed(Criterion::at_most("mae", 60.0).on("hr in [7, 8]".parse().unwrap()));
    assert_eq!(ProblemSpec::from_toml(&spec.to_toml().unwrap()).unwrap(), spec);
    assert_eq!(spec.mean_cost(&[10.0, 10.0], &[12.0, 9.0]).unwrap(), (2.0 + 3.0) / 2.0);
}

#[test]
fn what_is_missing_unknown_or_contradictory_is_named_with_its_line() {
    for (extra, words) in [
        ("colour = 1", &["line 8", "colour"][..]),
        ("costs = { over = 1.0, under = 2.0 }", &["Classification"]),
        ("costs = { over = 1.0 }", &["line 8"]),
        ("scope = ['age >>']", &["age >>"]),
        ("[[success]]\nmetric = 'auc'", &["no bound"]),
        ("[[success]]\nmetric = 'auc'\nat_least = 0.9\nat_most = 0.1", &["cannot be met"]),
        ("[[success]]\nmetric = 'auc'\nat_least = nan", &["finite"]),
    ] {
        let error = ProblemSpec::from_toml(&format!("{GOOD}{extra}")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    let open = ProblemSpec::from_toml(&GOOD.replace("whom to call", " ")).unwrap_err().to_string();
    assert!(open.contains("`decision`"), "{open}");
    let missing = ProblemSpec::from_toml(&GOOD.replace("target = \"left\"\n", "")).unwrap_err().to_string();
    assert!(missing.contains("target"), "{missing}");
    assert!(ProblemSpec::load("/no/such/file.toml").unwrap_err().to_string().contains("/no/such/file.toml"));
}

#[test]
fn scope_and_assumptions_are_counted() {
    let spec = ProblemSpec::new("s", Task::Regression, "y")
        .scope("a > 1".parse().unwrap())
        .scope("b = 'x'".parse().unwrap())
        .assume("b is known", Some("b is present".parse().unwrap()))
        .assume("a is small", Some("a < 3".parse().unwrap()))
        .assume("people are honest", None);
    let table =
        Table::new([("a", Column::integer([1, 2, 3])), ("b", Column::text(["x", "x", "y"]))]).unwrap();
    let scope = spec.in_scope(&table).unwrap();
    assert_eq!(scope.inside, [false, true, false]);
    assert_eq!(scope.excluded, [("a > 1".to_owned(), 1), ("b = 'x'".to_owned(), 1)]);
    let states: Vec<AssumptionState> =
        spec.check_assumptions(&table).unwrap().into_iter().map(|state| state.1).collect();
    assert_eq!(
        states,
        [AssumptionState::Holds, AssumptionState::Broken { rows: 1 }, AssumptionState::Unverified]
    );
}

#[test]
fn verdicts_come_from_intervals() {
    let interval = |low, high| Interval { estimate: (low + high) / 2.0, low, high, level: 0.95 };
    let spec = ProblemSpec::new("s", Task::Regression, "y")
        .succeed(Criterion::at_most("mae", 10.0))
        .succeed(Criterion::at_least("r2", 0.5).on("hr = 8".parse().unwrap()))
        .succeed(Criterion::at_most("never measured", 1.0));
    let measured = |metric: &str, slice: Option<&str>, low, high| Measurement {
        metric: metric.into(),
        slice: slice.map(str::to_owned),
        interval: interval(low, high),
    };
    let judged = spec.judge(&[
        measured("mae", None, 8.0, 10.0),
        measured("r2", None, 0.9, 1.0),
        measured("r2", Some("hr = 8"), 0.1, 0.4),
    ]);
    let verdicts: Vec<Verdict> = judged.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive]);
    assert_eq!(ProblemSpec::overall(&judged), Verdict::Fail);
    assert_eq!(ProblemSpec::overall(&judged[..1]), Verdict::Pass);
    assert_eq!(ProblemSpec::overall(&[] as &[Judgement]), Verdict::Inconclusive);
    let unknown = Criterion::at_most("m", 1.0).judge(&interval(f64::NAN, f64::NAN));
    assert_eq!(unknown, Verdict::Inconclusive);
}

#[test]
fn a_criterion_without_a_bound_is_never_met() {
    let criterion: perennial_problem::Criterion = toml::from_str("metric = 'mae'").unwrap();
    let interval =
        perennial_statistics::interval::Interval { estimate: 1.0, low: 0.0, high: 2.0, level: 0.95 };
    assert_eq!(criterion.judge(&interval), perennial_problem::Verdict::Inconclusive);
}
