//! Rows drawn, sorted and made distinct; tables made wide, long, and put below each other.

use perennial_core::Result;
use perennial_data::{Column, ColumnType, Order, Table};
use proptest::prelude::*;

fn cells() -> impl Strategy<Value = Vec<(Option<i64>, Option<&'static str>)>> {
    let key = prop_oneof![Just(None), (0_i64..4).prop_map(Some)];
    let name = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("c"))];
    proptest::collection::vec((key, name), 0..14)
}

fn table(cells: &[(Option<i64>, Option<&str>)]) -> Table {
    Table::new([
        ("k", Column::integer(cells.iter().map(|cell| cell.0))),
        ("name", Column::category(cells.iter().map(|cell| cell.1))),
        ("x", Column::integer(0..cells.len() as i64)),
    ])
    .unwrap()
}

fn whole(table: &Table, name: &str) -> Vec<Option<i64>> {
    table.column(name).unwrap().as_integer().unwrap().collect()
}

proptest! {
    #[test]
    fn sorting_is_that_of_a_list(cells in cells()) {
        let sorted = table(&cells).sort(&[("name", Order::Descending), ("k", Order::Ascending)]).unwrap();
        let mut rows: Vec<usize> = (0..cells.len()).collect();
        rows.sort_by_key(|&row| {
            let (key, name) = cells[row];
            (name.is_none(), std::cmp::Reverse(name), key.is_none(), key)
        });
        let got: Vec<usize> = whole(&sorted, "x").into_iter().flatten().map(|row| row as usize).collect();
        prop_assert_eq!(got, rows);
    }

    #[test]
    fn distinct_rows_are_the_first_of_their_kind(cells in cells()) {
        let got: Vec<usize> =
            whole(&table(&cells).distinct(&["k", "name"]).unwrap(), "x").into_iter().flatten().map(|row| row as usize).collect();
        let first: Vec<usize> = (0..cells.len()).filter(|&row| !cells[..row].contains(&cells[row])).collect();
        prop_assert_eq!(got, first);
        let complete = table(&cells).complete(&["k", "name"]).unwrap();
        prop_assert_eq!(complete.n_rows(), cells.iter().filter(|cell| cell.0.is_some() && cell.1.is_some()).count());
    }

    #[test]
    fn a_wide_table_has_the_cells_of_the_long_one(cells in cells()) {
        let long = table(&cells).complete(&["name"]).unwrap().distinct(&["k", "name"]).unwrap();
        let wide = long.pivot(&["k"], "name", "x").unwrap();
        let keys = whole(&wide, "k");
        let mut found = 0;
        for (row, key) in keys.iter().enumerate() {
            for name in wide.names().skip(1) {
                let expected = (0..long.n_rows()).find(|&at| {
                    whole(&long, "k")[at] == *key && long.column("name").unwrap().cell(at).as_deref() == Some(name)
                });
                found += usize::from(expected.is_some());
                prop_assert_eq!(whole(&wide, name)[row], expected.map(|at| whole(&long, "x")[at].unwrap()));
            }
        }
        prop_assert_eq!(found, long.n_rows());
        if wide.n_cols() > 1 {
            let names: Vec<&str> = wide.names().skip(1).collect();
            let again = wide.unpivot(&["k"], &names, "name", "x").unwrap().complete(&["x"]).unwrap();
            let order = [("k", Order::Ascending), ("name", Order::Ascending)];
            let (again, long) = (again.sort(&order).unwrap(), long.sort(&order).unwrap());
            prop_assert_eq!(whole(&again, "x"), whole(&long, "x"));
            prop_assert_eq!(whole(&again, "k"), whole(&long, "k"));
        }
    }

    #[test]
    fn samples_grow_and_stay_in_order(n_rows in 0_usize..60, n in 0_usize..70, seed in any::<u64>()) {
        let table = Table::new([("x", Column::integer(0..n_rows as i64))]).unwrap();
        let (few, more) = (table.sample(n, seed), table.sample(n + 1, seed));
        prop_assert_eq!(few.n_rows(), n.min(n_rows));
        let rows = whole(&few, "x");
        prop_assert!(rows.is_sorted());
        prop_assert!(rows.iter().all(|row| whole(&more, "x").contains(row)));
    }
}

#[test]
fn each_row_is_drawn_equally_often() {
    let table = Table::new([("x", Column::integer(0..10))]).unwrap();
    let mut drawn = [0; 10];
    for seed in 0..20_000 {
        whole(&table.sample(3, seed), "x").into_iter().flatten().for_each(|row| drawn[row as usize] += 1);
    }
    // 6000 expected, with a standard deviation of 65.
    assert!(drawn.iter().all(|count| (6000_i32 - count).abs() < 300), "{drawn:?}");
    // A seed is a promise.
    assert_eq!(whole(&table.sample(3, 1), "x"), [2, 4, 8].map(Some));
}

#[test]
fn what_cannot_be_reshaped_says_why() -> Result<()> {
    let long = table(&[(Some(1), Some("a")), (Some(1), Some("a")), (None, Some("b"))]);
    let error = long.pivot(&["k"], "name", "x").unwrap_err().to_string();
    assert!(error.contains("rows 0 and 1 both have k = 1, name = a; aggregate"), "{error}");
    let error = table(&[(Some(1), None)]).pivot(&["k"], "name", "x").unwrap_err().to_string();
    assert!(error.contains("`name` is missing at row 0"), "{error}");
    assert!(long.pivot(&["k"], "name", "no").is_err());
    let clash =
        Table::new([("a", Column::integer([1])), ("n", Column::text(["a"])), ("x", Column::integer([1]))])?;
    assert!(clash.pivot(&["a"], "n", "x").unwrap_err().to_string().contains("both named `a`"));
    assert!(
        clash.unpivot(&["a"], &["n", "x"], "m", "v").unwrap_err().to_string().contains("no type holds both")
    );
    assert!(clash.unpivot(&["a"], &[], "m", "v").is_err());
    assert!(clash.unpivot(&["a"], &["x"], "a", "v").is_err());
    // Without rows, and without keys.
    let none = long.head(0).pivot(&["k"], "name", "x")?;
    assert_eq!((none.n_rows(), none.names().collect::<Vec<_>>()), (0, vec!["k"]));
    let one = table(&[(Some(1), Some("a")), (Some(2), Some("b"))]).pivot(&[], "name", "x")?;
    assert_eq!((one.n_rows(), one.n_cols()), (1, 2));
    assert_eq!(long.head(0).unpivot(&["k"], &["x"], "m", "v")?.n_rows(), 0);
    // Numbers of both kinds become real.
    let mixed = Table::new([("i", Column::integer([1])), ("r", Column::real([0.5]))])?;
    assert_eq!(mixed.unpivot(&[], &["i", "r"], "m", "v")?.values("v")?.as_slice(), [1.0, 0.5]);
    assert!(long.distinct(&[]).is_err() && long.distinct(&["no"]).is_err());
    assert!(long.sort(&[("no", Order::Ascending)]).is_err());
    assert_eq!(long.sort(&[])?, long);
    assert!(clash.derive("y", &["n"], |cells| cells[0]).unwrap_err().to_string().contains("column `n`"));
    assert_eq!(clash.derive("y", &[], |_| 2.0)?.values("y")?.as_slice(), [2.0]);
    assert_eq!(
        clash.derive("x", &["x"], |cells| cells[0] + 1.0)?.column("x")?.column_type(),
        ColumnType::Real
    );
    Ok(())
}

#[test]
fn tables_that_do_not_agree_are_reconciled_or_refused() -> Result<()> {
    let old = Table::new([
        ("c", Column::category(["x", "y"])),
        ("t", Column::category(["x", "y"])),
        ("d", Column::date([1, 2])),
        ("e", Column::real([None, None])),
        ("only", Column::boolean([true, false])),
    ])?;
    let new = Table::new([
        ("e", Column::boolean([true])),
        ("d", Column::date_time([5])),
        ("t", Column::text(["z"])),
        ("c", Column::category(["w"])),
        ("more", Column::integer([7])),
    ])?;
    let all = Table::concat_reconciled(&[old.clone(), new.clone(), old.head(0)])?;
    assert_eq!(all.names().collect::<Vec<_>>(), ["c", "t", "d", "e", "only", "more"]);
    let types: Vec<ColumnType> = all.columns().map(|(_, column)| column.column_type()).collect();
    use ColumnType as T;
    assert_eq!(types, [T::Category, T::Text, T::DateTime, T::Boolean, T::Boolean, T::Integer]);
    assert_eq!(all.column("c")?.as_text()?.flatten().collect::<Vec<_>>(), ["x", "y", "w"]);
    assert_eq!(
        all.column("d")?.as_date_time()?.flatten().collect::<Vec<_>>(),
        [86_400_000_000, 172_800_000_000, 5]
    );
    assert_eq!(all.column("only")?.null_count(), 1);
    // One table is itself, and agreeing tables are as from `concat`.
    assert_eq!(Table::concat_reconciled(std::slice::from_ref(&new))?, new);
    assert_eq!(
        Table::concat_reconciled(&[old.clone(), old.clone()])?,
        Table::concat(&[old.clone(), old.clone()])?
    );
    let wrong = Table::new([("c", Column::integer([1]))])?;
    let error = Table::concat_reconciled(&[old, wrong]).unwrap_err().to_string();
    assert!(
        error.contains("column `c`: it is of type category in one place and integer in another"),
        "{error}"
    );
    // A whole number that no real one equals is not rounded.
    let big = Table::new([("n", Column::integer([(1_i64 << 53) + 1]))])?;
    let real = Table::new([("n", Column::real([0.5]))])?;
    assert!(Table::concat_reconciled(&[big, real]).is_err());
    assert!(Table::concat_reconciled(&[]).is_err());
    Ok(())
}

/// Few rows can make many cells: each row of its own name.
#[test]
fn a_pivot_that_would_fill_memory_is_refused() {
    let n = 20_000_i64;
    let long = Table::new([
        ("key", Column::integer(0..n)),
        ("name", Column::integer(0..n)),
        ("x", Column::integer(0..n)),
    ]);
    let long = long.unwrap();
    let error = long.pivot(&["key"], "name", "x").unwrap_err();
    assert!(matches!(error.kind(), perennial_core::ErrorKind::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("400000000 cells"), "{error}");
    assert_eq!(long.head(30).pivot(&["key"], "name", "x").unwrap().n_cols(), 31);
}
