//! Two tables compared, and how old data are.

use perennial_core::{Result, Rows};
use perennial_data::{Column, ColumnType, LabelMaturity, Table};
use proptest::prelude::*;

type Row = (i64, Option<i64>, Option<&'static str>);

fn table(rows: &[Row]) -> Table {
    Table::new([
        ("id", Column::integer(rows.iter().map(|row| row.0))),
        ("n", Column::integer(rows.iter().map(|row| row.1))),
        ("s", Column::category(rows.iter().map(|row| row.2))),
    ])
    .unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let number = prop_oneof![Just(None), (0_i64..3).prop_map(Some)];
    let text = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    proptest::collection::btree_map(0_i64..12, (number, text), 0..10)
        .prop_map(|rows| rows.into_iter().map(|(id, (n, s))| (id, n, s)).collect())
}

proptest! {
    #[test]
    fn a_diff_counts_what_two_loops_count(old in rows(), new in rows().prop_shuffle()) {
        let diff = table(&old).diff(&table(&new), &["id"]).unwrap();
        let partner = |row: &Row| new.iter().find(|other| other.0 == row.0);
        let removed: Vec<Row> = old.iter().copied().filter(|row| partner(row).is_none()).collect();
        let added: Vec<Row> = new.iter().copied().filter(|row| !old.iter().any(|other| other.0 == row.0)).collect();
        let cells = |table: &Table, name: &str| table.column(name).unwrap().clone();
        prop_assert_eq!(cells(&table(&removed), "id"), cells(&diff.removed, "id"));
        prop_assert_eq!(cells(&table(&added), "n"), cells(&diff.added, "n"));
        let pairs: Vec<(&Row, &Row)> = old.iter().filter_map(|row| Some((row, partner(row)?))).collect();
        prop_assert_eq!(diff.n_changed, pairs.iter().filter(|(a, b)| a != b).count());
        prop_assert_eq!(diff.n_same, pairs.iter().filter(|(a, b)| a == b).count());
        prop_assert_eq!(diff.columns[0].n_changed, pairs.iter().filter(|(a, b)| a.1 != b.1).count());
        prop_assert_eq!(diff.columns[1].n_changed, pairs.iter().filter(|(a, b)| a.2 != b.2).count());
        prop_assert_eq!(diff.columns[0].n_lost, pairs.iter().filter(|(a, b)| a.1.is_some() && b.1.is_none()).count());
        prop_assert_eq!(diff.columns[1].n_filled, pairs.iter().filter(|(a, b)| a.2.is_none() && b.2.is_some()).count());
        let changes: Vec<f64> = pairs.iter().filter_map(|(a, b)| Some((b.1? - a.1?) as f64)).collect();
        prop_assert_eq!(diff.columns[0].max_change, changes.iter().map(|change| change.abs()).reduce(f64::max));
        prop_assert_eq!(diff.changes.n_rows(), diff.columns[0].n_changed + diff.columns[1].n_changed);
        prop_assert_eq!(diff.is_empty(), removed.is_empty() && added.is_empty() && diff.n_changed == 0);
        let json = serde_json::to_string(&diff).unwrap();
        prop_assert_eq!(serde_json::from_str::<perennial_data::TableDiff>(&json).unwrap(), diff);
    }
}

#[test]
fn columns_types_and_keys() -> Result<()> {
    let old = table(&[(1, Some(5), Some("a")), (2, None, Some("b"))]);
    let new = old
        .with_column("n", Column::real([Some(5.0), Some(1.5)]))?
        .drop(&["s"])?
        .with_column("t", Column::boolean([true, false]))?;
    let diff = old.diff(&new, &["id"])?;
    assert_eq!(
        (diff.columns_added.clone(), diff.columns_removed.clone()),
        (vec!["t".to_owned()], vec!["s".to_owned()])
    );
    assert_eq!(diff.types_changed, [("n".to_owned(), ColumnType::Integer, ColumnType::Real)]);
    // 5 and 5.0 are the same number.
    assert_eq!((diff.n_changed, diff.columns[0].n_filled), (1, 1));
    assert_eq!(
        diff.to_string(),
        "0 rows added, 0 removed, 1 changed, 1 the same; new columns: t; dropped columns: s; `n` was integer and is real; `n` changed in 1 rows, by 0 on average"
    );
    // Texts that become numbers are compared as they are written.
    let texts = old.with_column("n", Column::text([Some("5"), Some("x")]))?;
    assert_eq!(old.diff(&texts, &["id"])?.columns[0].n_changed, 1);
    let reversed = old.take(&[1, 0])?.select(&["s", "n", "id"])?;
    assert!(old.diff(&reversed, &["id"])?.is_empty());
    assert_eq!(old.diff(&old, &["id"])?.to_string(), "no difference in 2 rows");
    assert_eq!(old.head(0).diff(&old, &["id"])?.added, old);
    let twice = old.take(&[0, 0])?;
    let said = |result: Result<_>| result.map(|_: perennial_data::TableDiff| ()).unwrap_err().to_string();
    assert!(said(old.diff(&twice, &["id"])).contains("id = 1 stands 2 times in the newer table"));
    assert!(said(old.diff(&old, &["n"])).contains("row 1 of the older table has the key n = missing"));
    assert!(said(old.diff(&old, &[])).contains("key"));
    assert!(said(old.diff(&old, &["no"])).contains("`no`"));
    // Infinite numbers have no difference from themselves.
    let infinite = old.with_column("n", Column::real([f64::INFINITY, 1.0]))?;
    assert_eq!(infinite.diff(&infinite, &["id"])?.columns[0].max_change, Some(0.0));
    Ok(())
}

#[test]
fn ages_and_labels() -> Result<()> {
    let day = 86_400_000_000_i64;
    let table = Table::new([
        ("at", Column::date([Some(10), Some(20), None, Some(31)])),
        ("y", Column::integer([Some(1), None, Some(1), Some(0)])),
    ])?;
    let freshness = table.freshness("at", 30 * day)?;
    assert_eq!((freshness.newest_days, freshness.oldest_days), (-1.0, 20.0));
    assert_eq!((freshness.n_future, freshness.n_missing), (1, 1));
    assert!(table.freshness("y", 0).is_err() && table.freshness("no", 0).is_err());
    assert!(table.head(0).freshness("at", 0).is_err());
    let report = LabelMaturity::new("at", "y", 10.0).report(&table, 30 * day)?;
    assert_eq!(
        (report.n_mature, report.n_overdue, report.n_immature, report.n_early, report.n_missing),
        (1, 1, 1, 1, 1)
    );
    assert_eq!(LabelMaturity::new("at", "y", 0.0).mature(&table, 40 * day)?, table.take(&[0, 3])?);
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(
            LabelMaturity::new("at", "y", wrong)
                .report(&table, 0)
                .unwrap_err()
                .to_string()
                .contains("`delay`")
        );
    }
    Ok(())
}

#[test]
fn keys_may_be_called_as_the_columns_of_changes_are() -> Result<()> {
    let table = |after| {
        Table::new([
            ("column", Column::integer([1, 2])),
            ("before", Column::text(["a", "b"])),
            ("x", Column::integer([5, after])),
        ])
    };
    let diff = table(6)?.diff(&table(7)?, &["column", "before"])?;
    assert_eq!(
        diff.changes.names().collect::<Vec<_>>(),
        ["column", "before", "column 2", "before 2", "after"]
    );
    assert_eq!(diff.changes.column("column 2")?.cell(0).as_deref(), Some("x"));
    Ok(())
}

#[test]
fn histories_are_covered_in_part() -> Result<()> {
    let hour = 3_600_000_000_i64;
    let table = Table::new([
        ("station", Column::text([Some("b"), Some("a"), Some("a"), None, Some("a"), Some("a"), Some("c")])),
        (
            "first",
            Column::date_time([Some(0), Some(0), Some(hour), Some(5), Some(3 * hour), Some(hour), None]),
        ),
    ])?;
    let coverage = table.coverage(&["station"], "first")?;
    let cells = |name: &str| {
        let column = coverage.column(name).unwrap();
        (0..4).map(|row| column.cell(row).map(|cell| cell.into_owned())).collect::<Vec<_>>()
    };
    let some = |cells: [&str; 4]| cells.map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).to_vec();
    assert_eq!(cells("station"), some(["a", "b", "c", ""]));
    assert_eq!(cells("times"), some(["3", "1", "0", "1"]));
    assert_eq!(cells("expected"), some(["4", "", "", ""]));
    assert_eq!(cells("gaps"), some(["1", "0", "0", "0"]));
    let longest = coverage.column("longest gap")?.as_real()?[0];
    assert!((longest * 24.0 - 2.0).abs() < 1e-12);
    assert!(coverage.column("last")?.is_null(2));
    // A name that an entity has is not taken twice, and without entities all rows are one.
    assert_eq!(table.coverage(&[], "first")?.values("times")?.as_slice(), [4.0]);
    let taken = table.rename("station", "last")?.coverage(&["last"], "first")?;
    assert!(taken.contains("last 2"));
    assert!(table.coverage(&[], "station").is_err());
    assert_eq!(table.head(0).coverage(&["station"], "first")?.n_rows(), 0);
    Ok(())
}

#[test]
fn moments_that_are_equal_once_rounded_are_a_step_apart() -> Result<()> {
    let late = 1_i64 << 62;
    let table = Table::new([("t", Column::date_time([late, late + 1, late + 2]))])?;
    assert_eq!(table.coverage(&[], "t")?.values("expected")?.as_slice(), [3.0]);
    Ok(())
}

/// Distances against those of brute force.
#[test]
fn tables_without_a_key_are_compared_column_by_column() {
    use perennial_data::{Scalar, ShiftDistance};
    let mut state = 3_u64;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for _ in 0..50 {
        let (n, m) = (1 + next(30), 1 + next(30));
        let before: Vec<f64> = (0..n).map(|_| next(9) as f64 / 4.0).collect();
        let after: Vec<f64> = (0..m).map(|_| next(12) as f64 / 4.0).collect();
        let table = |cells: &[f64]| {
            let texts: Vec<String> = cells.iter().map(f64::to_string).collect();
            Table::new([
                ("x", Column::real(cells.iter().copied().map(Some).chain([None]))),
                ("t", Column::text(texts.iter().map(|text| Some(text.as_str())).chain([None]))),
            ])
            .unwrap()
        };
        let diff = table(&before).diff_unkeyed(&table(&after)).unwrap();
        let below = |cells: &[f64], x: f64| {
            cells.iter().filter(|cell| **cell <= x).count() as f64 / cells.len() as f64
        };
        let equal = |cells: &[f64], x: f64| {
            cells.iter().filter(|cell| **cell == x).count() as f64 / cells.len() as f64
        };
        let all: Vec<f64> = (0..12).map(|k| k as f64 / 4.0).collect();
        let ks = all.iter().map(|&x| (below(&before, x) - below(&after, x)).abs()).fold(0.0, f64::max);
        let tv = all.iter().map(|&x| (equal(&before, x) - equal(&after, x)).abs()).sum::<f64>() / 2.0;
        let close =
            |distance: Option<ShiftDistance>, right: f64| (distance.unwrap().value() - right).abs() < 1e-12;
        assert!(matches!(diff.columns[0].distance, Some(ShiftDistance::KolmogorovSmirnov(_))));
        assert!(close(diff.columns[0].distance, ks) && close(diff.columns[1].distance, tv), "{diff}");
        assert_eq!(diff.n_rows, (n as usize + 1, m as usize + 1));
        let mut distinct = before.clone();
        distinct.sort_by(f64::total_cmp);
        assert_eq!(diff.columns[0].before.min, Some(Scalar::Real(distinct[0])));
        distinct.dedup();
        assert_eq!(
            (diff.columns[0].before.n_distinct, diff.columns[0].before.n_missing),
            (distinct.len(), 1)
        );
        assert!((diff.columns[0].after.mean.unwrap() - after.iter().sum::<f64>() / m as f64).abs() < 1e-12);
    }
}

/// Days whose moments 64 bits do not hold are days all the same.
#[test]
fn the_last_days_have_an_order_and_no_moments() {
    use perennial_data::{ColumnType, Contract, Relation, Rule, ShiftDistance, Statistic};
    let of =
        |days: [i32; 2]| Table::new([("d", Column::date(days)), ("m", Column::date_time([0, 0]))]).unwrap();
    let (early, late) = (of([i32::MIN, 0]), of([0, i32::MAX]));
    let diff = early.diff_unkeyed(&late).unwrap();
    assert_eq!(diff.columns[0].distance, Some(ShiftDistance::KolmogorovSmirnov(0.5)));
    let met =
        |rule: Rule, table: &Table| Contract::new().extra_columns(true).rule(rule).check(table).is_met();
    for (rule, of_late) in [
        (Rule::statistic("d", Statistic::Min, "1970-01-01"..), true),
        (Rule::between("d", "1970-01-01"..), true),
        (Rule::compare("d", Relation::AtLeast, "m"), true),
        (Rule::compare("m", Relation::AtLeast, "d"), false),
    ] {
        assert_eq!((met(rule.clone(), &late), met(rule.clone(), &early)), (of_late, !of_late), "{rule:?}");
    }
    let error = late.column("d").unwrap().cast(ColumnType::DateTime).unwrap_err().to_string();
    assert!(error.contains("the day 2147483647 lies more than 106751991 days"), "{error}");
}

#[test]
fn schemas_and_types_differ_without_a_key_too() {
    let old = Table::new([
        ("a", Column::integer([1, 2])),
        ("b", Column::boolean([true, false])),
        ("d", Column::date([1, 2])),
        ("gone", Column::real([1.0, 2.0])),
        ("none", Column::real([None, None])),
    ])
    .unwrap();
    let new = Table::new([
        ("none", Column::real([Some(1.0), None, None])),
        ("a", Column::real([1.0, 2.0, 2.5])),
        ("b", Column::text(["true", "x", "y"])),
        ("d", Column::date_time([86_400_000_000, 172_800_000_000, 0])),
        ("new", Column::integer([1, 2, 3])),
    ])
    .unwrap();
    let diff = old.diff_unkeyed(&new).unwrap();
    assert_eq!(
        (diff.columns_added.clone(), diff.columns_removed.clone()),
        (vec!["new".to_owned()], vec!["gone".to_owned()])
    );
    let distances: Vec<Option<f64>> =
        diff.columns.iter().map(|column| column.distance.map(|d| d.value())).collect();
    assert_eq!(distances, [Some(1.0 / 3.0), None, Some(1.0 / 3.0), None]);
    let said = diff.to_string();
    assert!(said.contains("3 rows, and 2 before") && said.contains("`a` was integer and is real"), "{said}");
    assert!(!diff.is_empty() && old.diff_unkeyed(&old).unwrap().is_empty());
    let order = old.take(&[1, 0]).unwrap();
    assert!(old.diff_unkeyed(&order).unwrap().is_empty());
    let empty = old.head(0);
    assert!(empty.diff_unkeyed(&empty).unwrap().is_empty());
    assert!(old.diff(&old, &[]).unwrap_err().to_string().contains("`diff_unkeyed`"));
}
