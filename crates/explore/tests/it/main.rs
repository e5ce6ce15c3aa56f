//! Integration tests, in one binary.

use perennial_data::{Column, Table, samples};
use perennial_explore::{AlertKind, ColumnStatistics, Profile, profile};

fn kinds(profile: &Profile, column: &str) -> Vec<AlertKind> {
    profile
        .alerts
        .iter()
        .filter(|alert| alert.column.as_deref() == Some(column))
        .map(|alert| alert.kind)
        .collect()
}

#[test]
fn numbers_are_those_of_iris() {
    // scikit-learn's description of iris: min 4.3, max 7.9, mean 5.84, sd 0.83, correlation with class 0.7826.
    let table = samples::iris().unwrap();
    let name =
        table.names().find(|name| name.contains("sepal") && name.contains("length")).unwrap().to_owned();
    let profile = profile(&table).unwrap();
    let column = profile.column(&name).unwrap();
    let ColumnStatistics::Number { mean, standard_deviation, quantiles: Some(q), histogram: Some(h), .. } =
        &column.statistics
    else {
        panic!("{column:?}")
    };
    assert!((mean.unwrap() - 5.843_333_333_333_334).abs() < 1e-12);
    assert!((standard_deviation.unwrap() - 0.828_066_127_977_863).abs() < 1e-12);
    assert_eq!((q[0], q[3], q[6]), (4.3, 5.8, 7.9));
    assert_eq!(h.counts.iter().sum::<usize>(), 150);
    // pandas: spearman of petal length and width is 0.9376668235.
    let petals = profile
        .associations
        .iter()
        .find(|pair| pair.a.contains("petal") && pair.b.contains("petal"))
        .unwrap();
    assert!((petals.value - 0.937_666_823_5).abs() < 1e-9, "{petals:?}");
    assert_eq!(profile.duplicate_rows, 1, "iris has one repeated row");
}

#[test]
fn alerts_say_what_is_odd() {
    let n = 200;
    let table = Table::new([
        ("constant", Column::text(vec!["x"; n])),
        ("gone", Column::real(vec![None::<f64>; n])),
        ("number", Column::integer(0..n as i64)),
        ("holes", Column::real((0..n).map(|i| (i % 4 != 0).then_some(i as f64)))),
        ("key", Column::text((0..n).map(|i| Some(["a", "b", "c", "d"][i % 4]).filter(|_| i > 190)))),
        ("zero", Column::real((0..n).map(|i| if i == 7 { 1e6 } else { 0.0 }))),
        ("blank", Column::text((0..n).map(|i| Some(if i == 3 { " " } else { "word" })))),
        ("inf", Column::real((0..n).map(|i| if i == 3 { f64::INFINITY } else { 1.0 / (1.0 + i as f64) }))),
        ("rare", Column::boolean((0..n).map(|i| i == 5))),
    ])
    .unwrap();
    let profile = profile(&table).unwrap();
    assert_eq!(kinds(&profile, "constant"), [AlertKind::Constant]);
    assert_eq!(kinds(&profile, "gone"), [AlertKind::AllMissing]);
    assert!(kinds(&profile, "number").contains(&AlertKind::RowNumber));
    assert!(kinds(&profile, "holes").contains(&AlertKind::Missing));
    assert!(
        kinds(&profile, "zero").contains(&AlertKind::Zeros)
            && kinds(&profile, "zero").contains(&AlertKind::Skewed)
    );
    assert!(
        kinds(&profile, "blank").contains(&AlertKind::Blank)
            && kinds(&profile, "blank").contains(&AlertKind::Imbalanced)
    );
    assert!(kinds(&profile, "inf").contains(&AlertKind::Infinite));
    assert_eq!(kinds(&profile, "rare"), [AlertKind::Imbalanced]);
    assert_eq!(profile.missing_patterns[0], (vec!["gone".to_owned(), "key".to_owned()], 143));
}

#[test]
fn associations_are_exact_where_they_can_be_known() {
    let x: Vec<i64> = (0..90).collect();
    let table = Table::new([
        ("x", Column::integer(x.clone())),
        ("down", Column::real(x.iter().map(|x| -(*x as f64).powi(3)))),
        ("half", Column::text(x.iter().map(|x| if *x < 45 { "low" } else { "high" }))),
        ("same", Column::boolean(x.iter().map(|x| *x < 45))),
    ])
    .unwrap();
    let profile = profile(&table).unwrap();
    let value = |a: &str, b: &str| {
        let found = profile.associations.iter().find(|pair| pair.a == a && pair.b == b);
        found.map(|pair| (pair.measure.clone(), pair.value)).unwrap()
    };
    assert_eq!(value("x", "down"), ("spearman".to_owned(), -1.0));
    assert_eq!(value("half", "same").0, "cramers_v");
    assert!((value("half", "same").1 - 1.0).abs() < 1e-12);
    // Two runs of 45 numbers: 1 - (45^2 - 1) / (90^2 - 1) of the variance is explained.
    let explained = 1.0 - (45.0_f64.powi(2) - 1.0) / (90.0_f64.powi(2) - 1.0);
    assert!((value("x", "half").1 - explained.sqrt()).abs() < 1e-12);
}

#[test]
fn tables_without_rows_or_columns_have_a_profile() {
    let none = Table::new(Vec::<(String, Column)>::new()).unwrap();
    let empty = Table::new([("a", Column::real(Vec::<f64>::new())), ("b", Column::text(Vec::<&str>::new()))])
        .unwrap();
    let one = Table::new([("a", Column::real([f64::MAX])), ("b", Column::text([None::<&str>]))]).unwrap();
    for table in [none, empty, one] {
        let profile = profile(&table).unwrap();
        let back: Profile = serde_json::from_str(&profile.to_json()).unwrap();
        assert_eq!(back, profile);
        assert!(profile.to_html("t").contains("</html>"));
    }
}

#[test]
fn the_page_stays_small_and_hostile_names_stay_text() {
    let long = "<script>alert(1)</script>".repeat(400);
    let cells: Vec<String> = (0..500).map(|i| format!("{long}{i}")).collect();
    let mut columns = vec![(long.clone(), Column::text(cells.iter().map(|cell| Some(cell.as_str()))))];
    columns.extend(
        (0..300)
            .map(|c| (format!("c{c}"), Column::real((0..500).map(move |i| f64::from(i * (c + 7) % 501))))),
    );
    let html = profile(&Table::new(columns).unwrap()).unwrap().to_html("big");
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(!html.contains("<script"));
}

#[test]
fn columns_with_a_value_of_its_own_in_each_row_are_associated_with_nothing() {
    let words = |word: &str| (0..50).map(|i| format!("{word}{}", i * 7 % 50)).collect::<Vec<_>>();
    let (orders, customers) = (words("o"), words("c"));
    let texts = |words: &[String]| Column::text(words.iter().map(String::as_str));
    let table = Table::new([
        ("order", texts(&orders)),
        ("customer", texts(&customers)),
        ("price", Column::real((0..50).map(|i| f64::from(i * 13 % 17)))),
        ("group", Column::text((0..50).map(|i| ["a", "b"][i % 2]))),
        ("huge", Column::real((0..50).map(|i| f64::from(i * 13 % 17) * 1e300))),
    ])
    .unwrap();
    let found = profile(&table).unwrap();
    assert!(
        found
            .alerts
            .iter()
            .all(|alert| alert.kind != AlertKind::Associated || alert.message.contains("spearman")),
        "{:?}",
        found.alerts
    );
    let of = |a: &str, b: &str| {
        found.associations.iter().find(|pair| (pair.a.as_str(), pair.b.as_str()) == (a, b))
    };
    assert!(of("order", "customer").is_none() && of("order", "price").is_none());
    // Scaling a number changes no association.
    let (usual, huge) = (of("price", "group").unwrap().value, of("group", "huge").unwrap().value);
    assert!((usual - huge).abs() < 1e-12, "{usual} and {huge}");
}
