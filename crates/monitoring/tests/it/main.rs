//! Integration tests, in one binary.

use perennial_data::{Column, Table};
use perennial_monitoring::{DriftTest, ErrorBaseline, Monitor, Reference, Severity};
use perennial_numeric::random::Random;
use perennial_statistics::interval::Interval;

fn normal(n: usize, shift: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.normal() + shift).collect()
}

fn one(values: Vec<f64>) -> Table {
    Table::new([("x", Column::real(values))]).unwrap()
}

#[test]
fn false_alarms_are_as_rare_as_promised() {
    // 20 columns that do not drift, 60 windows: few may be called drifted, although 5 % of single tests would be.
    let table = |seed: u64, n: usize| {
        Table::new((0..20).map(|c| (format!("x{c}"), Column::real(normal(n, 0.0, seed * 100 + c))))).unwrap()
    };
    let reference = Reference::of(&table(1, 2000)).unwrap();
    let test = DriftTest::new().least_psi(0.0);
    let alarms = (0..60).filter(|w| test.compare(&reference, &table(w + 2, 300)).unwrap().drifted()).count();
    assert!(alarms <= 8, "{alarms} of 60 windows rang");
}

#[test]
fn a_shift_is_found_and_a_tiny_one_in_many_rows_is_not_called_drift() {
    let reference = Reference::of(&one(normal(5000, 0.0, 1))).unwrap();
    let found = DriftTest::new().compare(&reference, &one(normal(400, 0.8, 2))).unwrap();
    assert!(found.column("x").unwrap().drifted);
    let tiny = DriftTest::new().compare(&reference, &one(normal(200_000, 0.08, 3))).unwrap();
    let tiny = tiny.column("x").unwrap();
    assert!(tiny.p_value.unwrap() < 0.05 && !tiny.drifted, "{tiny:?}");
}

#[test]
fn the_index_is_that_of_its_definition() {
    let before = Table::new([("c", Column::text([vec!["a"; 60], vec!["b"; 40]].concat()))]).unwrap();
    let now = Table::new([("c", Column::text([vec!["a"; 30], vec!["b"; 70]].concat()))]).unwrap();
    let report = DriftTest::new().compare(&Reference::of(&before).unwrap(), &now).unwrap();
    let column = report.column("c").unwrap();
    let expected = (0.3 - 0.6) * (0.3_f64 / 0.6).ln() + (0.7 - 0.4) * (0.7_f64 / 0.4).ln();
    assert!((column.psi - expected).abs() < 1e-12);
    // scipy.stats.chi2_contingency([[60, 40], [30, 70]], correction=False)
    assert!((column.statistic.unwrap() - 18.181_818_181_818_18).abs() < 1e-10, "{column:?}");
    assert!((column.p_value.unwrap() - 2.007_4e-5).abs() < 1e-8);
}

#[test]
fn missing_shares_unseen_levels_and_other_kinds_are_told() {
    let before = Table::new([
        ("n", Column::real(normal(200, 0.0, 1))),
        ("c", Column::text((0..200).map(|i| Some(["a", "b"][i % 2])))),
    ])
    .unwrap();
    let reference = Reference::of(&before).unwrap();
    let now = Table::new([
        (
            "n",
            Column::real(normal(200, 0.0, 2).into_iter().enumerate().map(|(i, v)| (i % 3 != 0).then_some(v))),
        ),
        ("c", Column::text((0..200).map(|i| Some(if i == 9 { "new" } else { ["a", "b"][i % 2] })))),
    ])
    .unwrap();
    let report = DriftTest::new().compare(&reference, &now).unwrap();
    assert!(report.column("n").unwrap().reason.contains("missing share rose by 33.5 points"), "{report:?}");
    assert!(report.column("c").unwrap().reason.contains("1 cells have a level"));
    let swapped = Table::new([("n", Column::text(["a"])), ("c", Column::text(["a"]))]).unwrap();
    assert!(DriftTest::new().compare(&reference, &swapped).unwrap_err().to_string().contains("`n`"));
    assert!(DriftTest::new().compare(&reference, &now.drop(&["c"]).unwrap()).is_err());
    assert!(DriftTest::new().level(f64::NAN).compare(&reference, &now).is_err());
}

#[test]
fn odd_windows_are_survived() {
    let odd =
        [vec![], vec![1.0], vec![f64::NAN; 5], vec![f64::INFINITY, f64::NEG_INFINITY, 0.0], vec![3.0; 9]];
    let reference = Reference::of(&one(normal(100, 0.0, 1))).unwrap();
    for values in &odd {
        let report = DriftTest::new().compare(&reference, &one(values.clone())).unwrap();
        assert!(report.columns[0].psi.is_finite());
    }
    for values in odd.into_iter().filter(|values| !values.is_empty()) {
        let reference = Reference::of(&one(values)).unwrap();
        assert_eq!(Reference::from_bytes(&reference.to_bytes().unwrap()).unwrap(), reference);
        assert!(
            DriftTest::new().compare(&reference, &one(normal(50, 0.0, 2))).unwrap().columns[0]
                .psi
                .is_finite()
        );
    }
    assert!(Reference::of(&one(vec![])).is_err());
    assert!(Reference::from_bytes(&[1, 2, 3]).is_err());
}

#[test]
fn alerts_are_raised_once_and_closed_when_all_is_well() {
    let mae = Interval { estimate: 1.0, low: 0.9, high: 1.1, level: 0.95 };
    let reference = Reference::of(&one(normal(2000, 0.0, 1))).unwrap();
    let mut monitor = Monitor::new(reference).baseline(ErrorBaseline::new("mae", mae).tolerance(0.1));
    let shifts = [0.0, 2.0, 2.0, 0.0, 2.0, 0.0, 0.0, 0.0];
    for (i, shift) in shifts.into_iter().enumerate() {
        let losses: Vec<f64> =
            normal(300, 0.0, 50 + i as u64).iter().map(|noise| 1.0 + shift + 0.1 * noise).collect();
        let known = (i != 3).then_some(losses.as_slice());
        monitor.watch(&format!("w{i}"), &one(normal(300, shift, 10 + i as u64)), known).unwrap();
        // A monitor survives being saved between windows.
        monitor = serde_json::from_str(&serde_json::to_string(&monitor).unwrap()).unwrap();
    }
    let told: Vec<_> =
        monitor.alerts().iter().map(|a| (a.severity, a.raised.as_str(), a.closed.as_deref())).collect();
    assert_eq!(told, [(Severity::Warning, "w1", Some("w6")), (Severity::Problem, "w1", Some("w6"))]);
    assert_eq!(monitor.windows().len(), 8);
    let html = monitor.to_document("Model in production").to_html();
    assert!(html.contains("Realised error by window") && html.contains("Well again in w6"));
}

#[test]
fn a_missing_cell_in_a_small_window_is_no_drift() {
    let cells = |n: usize, every: usize| {
        let values = normal(n, 0.0, n as u64);
        Table::new([(
            "x",
            Column::real(values.into_iter().enumerate().map(|(i, v)| (i % every != 0).then_some(v))),
        )])
        .unwrap()
    };
    // A tenth is missing before; of ten rows, none, one or two are usual.
    let reference = Reference::of(&cells(1000, 10)).unwrap();
    let few = DriftTest::new().compare(&reference, &cells(10, 5)).unwrap();
    assert!(!few.drifted(), "{few:?}");
    assert!(DriftTest::new().compare(&reference, &cells(500, 5)).unwrap().drifted());
}

#[test]
fn a_monitor_that_contradicts_itself_is_not_loaded() {
    let table = Table::new([
        ("x", Column::real(normal(50, 0.0, 1))),
        ("c", Column::text((0..50).map(|i| ["a", "b"][i % 2]))),
    ])
    .unwrap();
    let text = serde_json::to_string(&Monitor::new(Reference::of(&table).unwrap())).unwrap();
    assert!(serde_json::from_str::<Monitor>(&text).is_ok());
    for (from, to) in [
        ("\"counts\":[5,", "\"counts\":["),
        ("[\"a\",25]", "[\"a\",26]"),
        ("\"missing\":0", "\"missing\":51"),
        ("[\"b\",25]", "[\"a\",25]"),
    ] {
        let broken = text.replace(from, to);
        assert_ne!(broken, text);
        assert!(serde_json::from_str::<Monitor>(&broken).is_err(), "{from} -> {to}");
    }
}

#[test]
fn a_monitor_of_infinite_cells_survives_being_saved() {
    let table = one(vec![f64::INFINITY, f64::NEG_INFINITY, 0.0, 1.0]);
    let monitor = Monitor::new(Reference::of(&table).unwrap());
    let text = serde_json::to_string(&monitor).unwrap();
    assert_eq!(serde_json::from_str::<Monitor>(&text).unwrap(), monitor);
}
