//! The scan finds what gives the answer away, and lets honest columns pass.

use perennial_core::ErrorKind;
use perennial_data::{Column, Table, samples};
use perennial_features::{LeakageScan, Reason};

#[test]
fn casual_and_registered_rides_sum_to_the_target() {
    let table = samples::bikeshare().unwrap();
    let report = LeakageScan::new().scan(&table, "bikers").unwrap();
    assert_eq!(report.findings[0].columns, ["casual", "registered"]);
    assert_eq!(report.findings[0].reason, Reason::Computes);
    let error = report.enforce().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Leakage { .. }));
    assert!(error.to_string().contains("`casual` and `registered`"), "{error}");
    let honest = table.drop(&["casual", "registered"]).unwrap();
    let report = LeakageScan::new().scan(&honest, "bikers").unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
}

#[test]
fn one_column_of_the_sum_is_suspect_by_itself() {
    let table = samples::bikeshare().unwrap().drop(&["casual"]).unwrap();
    let report = LeakageScan::new().most_explained(0.9).scan(&table, "bikers").unwrap();
    assert_eq!(report.columns(), ["registered"]);
    let waived = LeakageScan::new()
        .most_explained(0.9)
        .waive("registered", "known by noon")
        .scan(&table, "bikers")
        .unwrap();
    assert!(waived.enforce().is_ok() && waived.findings[0].waiver.as_deref() == Some("known by noon"));
}

#[test]
fn classes_are_given_away_by_their_copy_and_not_by_a_key() {
    let n = 400;
    let class = |i: usize| if (i * 7919) % 13 < 5 { "yes" } else { "no" };
    let keys: Vec<String> = (0..n).map(|i| format!("k{i}")).collect();
    let table = Table::new([
        ("outcome", Column::text((0..n).map(|i| Some(class(i))))),
        ("refund", Column::real((0..n).map(|i| if class(i) == "yes" { 10.0 + (i % 7) as f64 } else { 0.0 }))),
        ("copy", Column::boolean((0..n).map(|i| class(i) == "yes"))),
        ("key", Column::text(keys.iter().map(|key| Some(key.as_str())))),
        ("noise", Column::integer((0..n as i64).map(|i| (i * 31) % 17))),
    ])
    .unwrap();
    assert_eq!(LeakageScan::new().scan(&table, "outcome").unwrap().columns(), ["copy", "refund"]);
}

#[test]
fn odd_targets_are_errors_or_have_no_findings() {
    let x = || Column::real((0..40).map(f64::from));
    let constant = Table::new([("x", x()), ("y", Column::real(vec![1.0; 40]))]).unwrap();
    assert!(LeakageScan::new().scan(&constant, "y").unwrap().findings.is_empty());
    let short = constant.head(10);
    assert!(matches!(
        LeakageScan::new().scan(&short, "y").unwrap_err().kind(),
        ErrorKind::InsufficientData { .. }
    ));
    assert!(LeakageScan::new().scan(&constant, "z").is_err());
    let holes =
        Table::new([("x", x()), ("y", Column::real((0..40).map(|i| (i % 2 == 0).then_some(f64::from(i)))))])
            .unwrap();
    assert_eq!(LeakageScan::new().scan(&holes, "y").unwrap().columns(), ["x"]);
    assert!(LeakageScan::new().most_explained(f64::NAN).scan(&constant, "y").is_err());
}

#[test]
fn huge_targets_are_not_called_sums() {
    let noise = |i: i64, m: i64| ((i * i * 31 + i * 17) % m) as f64;
    let table = |scale: f64| {
        Table::new([
            ("a", Column::real((0..200).map(|i| noise(i, 41)))),
            ("y", Column::real((0..200).map(|i| scale * noise(i + 5, 97)))),
            ("copy", Column::real((0..200).map(|i| scale * 0.5 * noise(i + 5, 97)))),
        ])
        .unwrap()
    };
    for scale in [1.0, 1e200, 1e300] {
        let honest = LeakageScan::new().scan(&table(scale).drop(&["copy"]).unwrap(), "y").unwrap();
        assert!(honest.findings.is_empty(), "{scale} {honest:?}");
        let leaking = LeakageScan::new().scan(&table(scale), "y").unwrap();
        assert!(leaking.findings.iter().any(|finding| finding.columns == ["copy"]), "{scale} {leaking:?}");
    }
}

#[test]
fn a_leak_is_found_in_a_small_table() {
    let table = Table::new([
        ("x", Column::real((0..60).map(|i| f64::from(i * 23 % 60)))),
        ("y", Column::real((0..60).map(|i| f64::from(i * 23 % 60).powi(3)))),
    ])
    .unwrap();
    assert!(LeakageScan::new().scan(&table, "y").unwrap().enforce().is_err());
}

#[test]
fn many_classes_and_many_groups_fit_into_memory() {
    let words = |m: usize| (0..300_000).map(|i| format!("w{}", i % m)).collect::<Vec<_>>();
    let (ids, classes) = (words(300_000), words(100_000));
    let texts = |words: &[String]| Column::text(words.iter().map(String::as_str));
    let table = Table::new([("id", texts(&ids)), ("y", texts(&classes))]).unwrap();
    assert!(LeakageScan::new().scan(&table, "y").unwrap().findings.is_empty());
}
