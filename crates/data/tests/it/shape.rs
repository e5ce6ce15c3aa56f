//! Joins and groups beside brute force.

use perennial_core::{Result, Rows};
use perennial_data::{Aggregate, AsOfJoin, Cardinality, Column, Direction, Join, Table};
use proptest::prelude::*;

fn table(keys: &[Option<i64>], names: &[Option<&str>], value: &str) -> Table {
    let numbers: Vec<f64> = (0..keys.len()).map(|row| row as f64).collect();
    Table::new([
        ("k", Column::integer(keys.iter().copied())),
        ("name", Column::text(names.iter().copied())),
        (value, Column::real(numbers)),
    ])
    .unwrap()
}

fn cells() -> impl Strategy<Value = Vec<(Option<i64>, Option<&'static str>)>> {
    let key = prop_oneof![Just(None), (0_i64..4).prop_map(Some)];
    let name = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some(""))];
    proptest::collection::vec((key, name), 0..14)
}

fn split(cells: &[(Option<i64>, Option<&'static str>)], value: &str) -> Table {
    let (keys, names): (Vec<_>, Vec<_>) = cells.iter().copied().unzip();
    table(&keys, &names, value)
}

proptest! {
    #[test]
    fn joins_are_those_of_two_loops(left in cells(), right in cells()) {
        let (a, b) = (split(&left, "x"), split(&right, "y"));
        let mut inner = Vec::new();
        let mut outer = Vec::new();
        for (row, mine) in left.iter().enumerate() {
            let partners: Vec<usize> = (0..right.len())
                .filter(|&other| mine.0.is_some() && mine.1.is_some() && *mine == right[other])
                .collect();
            inner.extend(partners.iter().map(|&other| (row, Some(other))));
            match partners.is_empty() {
                true => outer.push((row, None)),
                false => outer.extend(partners.into_iter().map(|other| (row, Some(other)))),
            }
        }
        for (join, expected) in [(Join::Inner, &inner), (Join::Left, &outer)] {
            let got = a.join(&b, &["k", "name"], join, Cardinality::ManyToMany).unwrap();
            let x = got.column("x").unwrap().as_real().unwrap().into_owned();
            let y = got.column("y").unwrap().as_real().unwrap().into_owned();
            let got: Vec<(usize, Option<usize>)> =
                x.iter().zip(&y).map(|(x, y)| (*x as usize, (!y.is_nan()).then_some(*y as usize))).collect();
            prop_assert_eq!(&got, expected);
        }
        let with: Vec<usize> = {
            let mut rows: Vec<usize> = inner.iter().map(|pair| pair.0).collect();
            rows.dedup();
            rows
        };
        let semi = a.join(&b, &["k", "name"], Join::Semi, Cardinality::ManyToMany).unwrap();
        let anti = a.join(&b, &["k", "name"], Join::Anti, Cardinality::ManyToMany).unwrap();
        prop_assert_eq!(&semi, &a.take(&with).unwrap());
        let without: Vec<usize> = (0..left.len()).filter(|row| !with.contains(row)).collect();
        prop_assert_eq!(&anti, &a.take(&without).unwrap());
        // A join that keeps its word gives as many rows as the left table has.
        match a.join(&b, &["k", "name"], Join::Left, Cardinality::ManyToOne) {
            Ok(joined) => prop_assert_eq!(joined.n_rows(), a.n_rows()),
            Err(error) => prop_assert!(error.to_string().contains("times in the right table"), "{}", error),
        }
    }

    #[test]
    fn groups_are_those_of_a_filter(rows in cells()) {
        let table = split(&rows, "x");
        let asked = [
            ("x", Aggregate::Rows), ("x", Aggregate::Sum), ("x", Aggregate::Median), ("x", Aggregate::Deviation),
            ("name", Aggregate::Count), ("name", Aggregate::Distinct), ("name", Aggregate::Min),
            ("name", Aggregate::Max), ("x", Aggregate::First), ("x", Aggregate::Last),
        ];
        let grouped = table.aggregate(&["k"], &asked).unwrap();
        let mut keys: Vec<Option<i64>> = rows.iter().map(|row| row.0).collect();
        keys.sort_by_key(|key| (key.is_none(), *key));
        keys.dedup();
        let got: Vec<Option<i64>> = grouped.column("k").unwrap().as_integer().unwrap().collect();
        prop_assert_eq!(&got, &keys);
        for (place, key) in keys.iter().enumerate() {
            let members: Vec<usize> = (0..rows.len()).filter(|&row| rows[row].0 == *key).collect();
            let numbers: Vec<f64> = members.iter().map(|&row| row as f64).collect();
            let names: Vec<&str> = members.iter().filter_map(|&row| rows[row].1).collect();
            let number = |name: &str| grouped.column(name).unwrap().as_real().unwrap()[place];
            let text = |name: &str| grouped.column(name).unwrap().as_text().unwrap().nth(place).unwrap().map(str::to_owned);
            prop_assert_eq!(number("x rows"), members.len() as f64);
            prop_assert_eq!(number("x sum"), numbers.iter().sum::<f64>());
            let half = numbers.len() / 2;
            let median = if numbers.len() % 2 == 1 { numbers[half] } else { (numbers[half - 1] + numbers[half]) / 2.0 };
            prop_assert_eq!(number("x median"), median);
            prop_assert_eq!(number("x deviation").is_nan(), members.len() < 2);
            prop_assert_eq!(number("name count"), names.len() as f64);
            let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
            prop_assert_eq!(number("name distinct"), distinct.len() as f64);
            prop_assert_eq!(text("name min"), names.iter().min().map(|name| (*name).to_owned()));
            prop_assert_eq!(text("name max"), names.iter().max().map(|name| (*name).to_owned()));
            prop_assert_eq!((number("x first"), number("x last")), (numbers[0], numbers[numbers.len() - 1]));
        }
    }

    #[test]
    fn as_of_is_the_nearest_by_a_loop(
        left in proptest::collection::vec((prop_oneof![Just(None), (0_i64..30).prop_map(Some)], 0_i64..2), 1..10),
        right in proptest::collection::vec((prop_oneof![Just(None), (0_i64..30).prop_map(Some)], 0_i64..2), 1..10),
        tolerance in prop_oneof![Just(None), (0_u8..9).prop_map(|t| Some(f64::from(t)))],
        exact in any::<bool>(),
    ) {
        let columns = |rows: &[(Option<i64>, i64)], name: &str| {
            Table::new([
                ("t".to_owned(), Column::date_time(rows.iter().map(|row| row.0))),
                ("id".to_owned(), Column::integer(rows.iter().map(|row| row.1))),
                (name.to_owned(), Column::integer(0..rows.len() as i64)),
            ]).unwrap()
        };
        let (a, b) = (columns(&left, "x"), columns(&right, "y"));
        for direction in [Direction::Backward, Direction::Forward, Direction::Nearest] {
            let mut join = AsOfJoin::new("t").by(["id"]).direction(direction).allow_exact(exact);
            if let Some(tolerance) = tolerance {
                join = join.tolerance(tolerance);
            }
            let joined = join.join(&a, &b).unwrap();
            let got: Vec<Option<i64>> = joined.column("y").unwrap().as_integer().unwrap().collect();
            for (row, &(time, id)) in left.iter().enumerate() {
                let candidate = |&other: &usize| {
                    let (Some(mine), Some(theirs)) = (time, right[other].0) else { return false };
                    let side = match direction {
                        Direction::Backward => theirs <= mine,
                        Direction::Forward => theirs >= mine,
                        Direction::Nearest => true,
                    };
                    let near = tolerance.is_none_or(|tolerance| (mine - theirs).abs() as f64 <= tolerance);
                    right[other].1 == id && side && near && (exact || mine != theirs)
                };
                let distance = |other: usize| (time.unwrap_or(0) - right[other].0.unwrap_or(0)).abs();
                let found: Vec<usize> = (0..right.len()).filter(candidate).collect();
                let nearest = found.iter().map(|&other| distance(other)).min();
                match (got[row], nearest) {
                    (None, nearest) => prop_assert_eq!(nearest, None),
                    (Some(other), nearest) => {
                        prop_assert!(found.contains(&(other as usize)));
                        prop_assert_eq!(Some(distance(other as usize)), nearest);
                    }
                }
            }
        }
    }
}

#[test]
fn a_join_says_what_does_not_fit() -> Result<()> {
    let left = table(&[Some(1), Some(2)], &[Some("a"), Some("b")], "x");
    let same = table(&[Some(1), Some(1)], &[Some("a"), Some("b")], "x");
    let fails = |other: &Table, on: &[&str], cardinality| {
        left.join(other, on, Join::Left, cardinality).unwrap_err().to_string()
    };
    assert!(fails(&same, &["k"], Cardinality::ManyToOne).contains("k = 1 stands 2 times in the right table"));
    assert!(fails(&same.drop(&["name", "x"])?, &["k"], Cardinality::OneToOne).contains("OneToOne"));
    assert!(fails(&same, &["k"], Cardinality::ManyToMany).contains("both tables have a column `name`"));
    assert!(fails(&same, &[], Cardinality::ManyToMany).contains("needs a key"));
    assert!(fails(&same, &["nope"], Cardinality::ManyToMany).contains("`nope`"));
    assert!(fails(&same, &["x"], Cardinality::ManyToMany).contains("real numbers"));
    let texts = Table::new([("k", Column::text(["1"]))])?;
    assert!(fails(&texts, &["k"], Cardinality::ManyToMany).contains("`k`"));
    // Keys of categories with other levels are compared by their texts.
    let a = Table::new([("c", Column::category(["x", "z"])), ("v", Column::integer([1, 2]))])?;
    let b = Table::new([("c", Column::category(["y", "z"])), ("w", Column::integer([3, 4]))])?;
    let joined = a.join(&b, &["c"], Join::Inner, Cardinality::OneToOne)?;
    assert_eq!(joined.column("w")?.as_integer()?.collect::<Vec<_>>(), [Some(4)]);
    // Nothing beside nothing.
    let none =
        left.head(0).join(&same.head(0).drop(&["name", "x"])?, &["k"], Join::Left, Cardinality::OneToOne)?;
    assert_eq!((none.n_rows(), none.n_cols()), (0, 3));
    Ok(())
}

#[test]
fn sums_keep_whole_numbers_and_overflow_is_said() -> Result<()> {
    let table = Table::new([
        ("k", Column::boolean([true, true, false])),
        ("n", Column::integer([i64::MAX - 1, 1, 5])),
        ("day", Column::date([Some(3), None, Some(1)])),
    ])?;
    let sums = table.aggregate(&["k"], &[("n", Aggregate::Sum), ("day", Aggregate::Max)])?;
    assert_eq!(sums.column("n sum")?.as_integer()?.collect::<Vec<_>>(), [Some(5), Some(i64::MAX)]);
    assert_eq!(sums.column("day max")?.as_date()?.collect::<Vec<_>>(), [Some(1), Some(3)]);
    let over = Table::new([("n", Column::integer([i64::MAX, 1]))])?;
    assert!(over.aggregate(&[], &[("n", Aggregate::Sum)]).unwrap_err().to_string().contains("`n`"));
    let texts = Table::new([("t", Column::text(["a"]))])?;
    assert!(
        texts
            .aggregate(&[], &[("t", Aggregate::Mean)])
            .unwrap_err()
            .to_string()
            .contains("the mean of column `t`")
    );
    // All rows as one group; no rows as none.
    assert_eq!(table.aggregate(&[], &[("n", Aggregate::Rows)])?.n_rows(), 1);
    assert_eq!(table.head(0).aggregate(&["k"], &[("n", Aggregate::Rows)])?.n_rows(), 0);
    Ok(())
}
