//! Proposals about what is not wrong for certain.

use perennial_core::Rows;
use perennial_data::clean::{AutoClean, Fix, Review, auto_clean};
use perennial_data::{Column, ColumnContract, ColumnType, Contract, Scalar, Table};

fn ids(review: &Review) -> Vec<&str> {
    review.proposals().iter().map(|proposal| proposal.id.as_str()).collect()
}

#[test]
fn columns_of_two_kinds_are_found_whichever_is_more() {
    let column = |n_numbers: usize| {
        let cells: Vec<String> = (0..100)
            .map(|row| if row < n_numbers { (row % 7).to_string() } else { format!("none of {}", row % 5) })
            .collect();
        let numbers = Column::real((0..100).map(f64::from));
        Table::new([("x", Column::text(cells.iter().map(String::as_str))), ("n", numbers)]).unwrap()
    };
    for (n_numbers, missing) in [(60, 40), (40, 40), (89, 11), (11, 11)] {
        let table = column(n_numbers);
        let mut review = auto_clean(&table);
        assert_eq!(ids(&review), ["mixed:x"], "{n_numbers}");
        let because = &review.proposals()[0].because;
        assert!(because.contains(&format!("{n_numbers} of 100 texts are numbers")), "{because}");
        review.accept("mixed:x", "a test").unwrap();
        let clean = review.apply(&table, "Ada").unwrap().0;
        let expected = if n_numbers >= 50 { ColumnType::Real } else { ColumnType::Text };
        assert_eq!(clean.column("x").unwrap().column_type(), expected);
        assert_eq!(clean.column("x").unwrap().null_count(), missing);
    }
    assert_eq!(ids(&auto_clean(&column(95))), ["number:x"]);
    assert!(auto_clean(&column(5)).proposals().is_empty() && auto_clean(&column(0)).proposals().is_empty());
}

#[test]
fn identifiers_are_told_from_measures() {
    let n = 40_i64;
    let words: Vec<String> = (0..n).map(|row| format!("u-{:x}", row * 7919)).collect();
    let sentences: Vec<String> = (0..n).map(|row| format!("note number {}", row * 7919)).collect();
    let texts = |cells: &[String]| Column::text(cells.iter().map(String::as_str));
    let table = Table::new([
        ("user", texts(&words)),
        ("note", texts(&sentences)),
        ("row", Column::integer((0..n).map(|row| (row * 7) % n + 100))),
        ("order_id", Column::integer((0..n).map(|row| row * row))),
        ("rent", Column::integer((0..n).map(|row| row * row + 1))),
        ("paid", Column::integer((0..n).map(|row| (row != 3).then_some(row)))),
        ("x", Column::real((0..n).map(|row| row as f64))),
    ])
    .unwrap();
    let review = auto_clean(&table);
    assert_eq!(ids(&review), ["identifier:user", "identifier:row", "identifier:order_id"]);
    assert!(matches!(&review.proposals()[0].fix, Fix::DropColumn { column } if column == "user"));
    assert!(auto_clean(&table.head(19)).proposals().is_empty());
}

#[test]
fn impossible_numbers_and_days_become_missing() {
    let n = 50_i64;
    let table = Table::new([
        (
            "Age",
            Column::integer((0..n).map(|row| {
                if row == 3 {
                    -2
                } else if row == 4 {
                    131
                } else {
                    20 + row
                }
            })),
        ),
        ("unitPrice", Column::real((0..n).map(|row| if row < 2 { -1.5 } else { row as f64 / 3.0 }))),
        ("page", Column::real((0..n).map(|row| row as f64 / 2.0 - 3.0))),
        // Nine in ten below zero: the name misleads.
        ("size", Column::real((0..n).map(|row| if row < 45 { -0.5 * row as f64 - 0.1 } else { 1.5 }))),
        ("rating", Column::integer((0..n).map(|row| row % 8))),
        ("at", Column::date_time((0..n).map(|row| row * 1_000_000))),
    ])
    .unwrap();
    let review = auto_clean(&table);
    assert_eq!(ids(&review), ["impossible:Age", "impossible:unitPrice"]);
    assert_eq!((review.proposals()[0].rows, review.proposals()[0].first_rows.as_slice()), (2, &[3, 4][..]));
    let contract = Contract::new()
        .extra_columns(true)
        .with(ColumnContract::new("rating", ColumnType::Integer).min(1.0).max(6.0))
        .with(ColumnContract::new("Age", ColumnType::Integer).min(-5.0));
    let mut review = AutoClean::new().contract(&contract).now(40_000_000).propose(&table);
    assert_eq!(ids(&review), ["impossible:unitPrice", "impossible:rating", "future:at"]);
    assert!(review.proposals()[1].because.contains("the contract rules them out"));
    for id in ["impossible:rating", "future:at"] {
        review.accept(id, "a test").unwrap();
    }
    // What was decided is a file, and done again from it.
    let directory = tempfile::tempdir().unwrap();
    review.write(directory.path().join("review.toml")).unwrap();
    let again = Review::read(directory.path().join("review.toml")).unwrap();
    assert_eq!(again, review);
    let clean = again.apply(&table, "Ada").unwrap().0;
    // 0 and 7 of eight numbers in turn: seven of 50 rows have 0, six 7; nine seconds are after the fortieth.
    assert_eq!(clean.column("rating").unwrap().null_count(), 13);
    assert_eq!(
        (clean.column("at").unwrap().null_count(), clean.column("at").unwrap().is_null(40)),
        (9, false)
    );
    let fix = Fix::Outside { column: "page".into(), min: Some(Scalar::Real(0.0)), max: None };
    assert_eq!(fix.to_string(), "taking cells of `page` below 0 for missing");
    assert_eq!(fix.apply(&table).unwrap().1, 6);
    let wrong = |column: &str, min: Scalar| Fix::Outside { column: column.into(), min: Some(min), max: None };
    assert!(wrong("at", Scalar::Integer(3)).apply(&table).is_err());
    assert!(wrong("page", Scalar::Text("a".into())).apply(&table).is_err());
    assert!(wrong("none", Scalar::Integer(3)).apply(&table).is_err());
}

#[test]
fn rows_and_texts_that_nearly_repeat_others_are_proposed() {
    let texts = [
        "The quick brown fox jumps over the lazy dog near the river bank at noon",
        "A note on something else entirely, which nobody has seen before this one",
        "the quick brown fox jumps over the lazy dog, near the river bank at noons",
        "The quick brown fox jumps over the lazy dog near the river bank at noon",
    ];
    let table = Table::new([("text", Column::text(texts)), ("n", Column::integer([1, 1, 1, 2]))]).unwrap();
    let mut review = auto_clean(&table);
    assert_eq!(ids(&review), ["near:text", "near"]);
    assert_eq!((review.proposals()[0].rows, review.proposals()[0].first_rows.as_slice()), (2, &[2, 3][..]));
    // The last row has another number.
    assert_eq!((review.proposals()[1].rows, review.proposals()[1].first_rows.as_slice()), (1, &[2][..]));
    review.accept("near", "one text").unwrap();
    assert_eq!(review.apply(&table, "Ada").unwrap().0, table.take(&[0, 1, 3]).unwrap());
    let fix = |column: Option<&str>, similarity| Fix::DropNearRows {
        column: column.map(str::to_owned),
        similarity,
        least: 0,
    };
    assert!(fix(Some("n"), 0.9).apply(&table).is_err() && fix(None, 0.0).apply(&table).is_err());
    assert_eq!(fix(None, 0.9).apply(&table.head(0)).unwrap().1, 0);
    // Rows of which those that are alike have the same numbers, though the first of all has not.
    let again = table.take(&[3, 0, 0]).unwrap();
    assert_eq!(fix(None, 0.9).apply(&again).unwrap().0, again.take(&[0, 1]).unwrap());
    // One text in two columns is not one row twice.
    let apart = Table::new([
        ("a", Column::text([Some(texts[0]), None])),
        ("b", Column::text([None, Some(texts[0])])),
    ]);
    assert_eq!(fix(None, 0.9).apply(&apart.unwrap()).unwrap().1, 0);
}

/// Long texts repeat each other, short ones are only the same: the repair drops what the proposal names.
#[test]
fn short_texts_stay_where_long_ones_repeat() {
    let long = "The quick brown fox jumps over the lazy dog near the river bank at noon";
    let again = format!("{long}s");
    let texts = [long, again.as_str()].into_iter().chain(["good"; 500]);
    let numbers = Column::real((0..502).map(|row| f64::from(row) / 4.0));
    let table = Table::new([("text", Column::text(texts)), ("n", numbers)]).unwrap();
    let mut review = auto_clean(&table);
    let near = review.proposals().iter().find(|proposal| proposal.id == "near:text").unwrap();
    assert_eq!((near.rows, near.first_rows.as_slice()), (1, &[1][..]));
    review.accept("near:text", "a test").unwrap();
    assert_eq!(review.apply(&table, "Ada").unwrap().0.n_rows(), 501);
}

/// Rows of a large table: looking for near ones would cost what the table has, not what is shown of it.
#[test]
fn nobody_looks_for_near_rows_among_too_many_bytes() {
    let text = "The quick brown fox jumps over the lazy dog near the river bank at noon";
    let again = format!("{text}s");
    let texts = Column::text([text, again.as_str()]);
    // 8 bytes for each cell, and 2^25 bytes are looked at.
    let of = |n: usize| {
        let numbers = Table::new([("n", Column::real((0..n).map(|row| row as f64 / 4.0)))]).unwrap();
        let table =
            Table::new([("text", texts.clone()), ("n", numbers.head(2).column("n").unwrap().clone())]);
        ids(&auto_clean(&table.unwrap())).join(" ")
    };
    assert_eq!(of(1000), "near:text");
    assert_eq!(of((1 << 22) - 1000), "near:text");
    assert_eq!(of((1 << 22) + 1000), "");
}
