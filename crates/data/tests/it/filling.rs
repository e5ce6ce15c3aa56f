//! Missing cells filled from rows beside them; the numbers are those of pandas 3 (`ffill`, `bfill`, `interpolate`).

use perennial_core::Result;
use perennial_data::{ChangeKind, Column, Fill, Table};

fn cells(table: &Table, name: &str) -> Result<Vec<Option<f64>>> {
    let cells = table.column(name)?.as_real()?.into_owned();
    Ok(cells.into_iter().map(|cell| (!cell.is_nan()).then_some(cell)).collect())
}

fn table() -> Result<Table> {
    Table::new([
        ("who", Column::text(["a", "b", "a", "b", "a", "a"])),
        ("day", Column::date([4, 1, 1, 2, 2, 8])),
        ("x", Column::real([None, Some(5.0), Some(1.0), None, None, Some(8.0)])),
        ("word", Column::category([None, Some("u"), None, None, Some("v"), None])),
    ])
}

#[test]
fn cells_come_from_rows_before_and_after_within_groups_and_in_order() -> Result<()> {
    let table = table()?;
    // d.sort_values("day").groupby("who").x.ffill(), .bfill(), .ffill(limit=1)
    let in_order = |fill: Fill| cells(&fill.by(["who"]).order("day").apply(&table)?, "x");
    let (one, five, eight) = (Some(1.0), Some(5.0), Some(8.0));
    assert_eq!(in_order(Fill::forward(["x"]))?, [one, five, one, five, one, eight]);
    assert_eq!(in_order(Fill::backward(["x"]))?, [eight, five, one, None, eight, eight]);
    assert_eq!(in_order(Fill::forward(["x"]).limit(1))?, [None, five, one, five, one, eight]);
    // How many cells were filled, as the differences of what is missing.
    let (_, changes) = Fill::forward(["x", "word"]).by(["who"]).order("day").apply_with_changes(&table)?;
    let filled: Vec<_> = changes.iter().map(|change| (change.column.as_deref(), change.count)).collect();
    assert_eq!(filled, [(Some("x"), 3), (Some("word"), 3)]);
    assert!(changes.iter().all(|change| change.kind == ChangeKind::Filled));
    assert!(Fill::forward(["day"]).apply_with_changes(&table)?.1.is_empty());
    let (_, changes) = Fill::interpolate(["x"]).by(["who"]).order("day").apply_with_changes(&table)?;
    assert_eq!(changes[0].count, 2);
    let (_, changes) = Fill::interpolate(["x", "x"]).by(["who"]).order("day").apply_with_changes(&table)?;
    assert_eq!((changes.len(), changes[0].count), (1, 2));
    // Without groups and order, as the rows stand.
    let plain = Fill::forward(["x", "word"]).apply(&table)?;
    assert_eq!(cells(&plain, "x")?, [None, five, one, one, one, eight]);
    let words: Vec<Option<&str>> = plain.column("word")?.as_text()?.collect();
    assert_eq!(words, [None, Some("u"), Some("u"), Some("u"), Some("v"), Some("v")]);
    Ok(())
}

#[test]
fn lines_follow_the_time_or_the_rows() -> Result<()> {
    let table = table()?;
    // s.interpolate(method="index", limit_area="inside") of each group, with the days as the index
    let by_day = Fill::interpolate(["x"]).by(["who"]).order("day").apply(&table)?;
    assert_eq!(cells(&by_day, "x")?, [Some(4.0), Some(5.0), Some(1.0), None, Some(2.0), Some(8.0)]);
    let by_row = Fill::interpolate(["x"]).apply(&table)?;
    let third = 7.0 / 3.0;
    for (got, truth) in cells(&by_row, "x")?.into_iter().zip([
        None,
        Some(5.0),
        Some(1.0),
        Some(1.0 + third),
        Some(1.0 + 2.0 * third),
        Some(8.0),
    ]) {
        assert!(got.zip(truth).map_or(got == truth, |(got, truth)| (got - truth).abs() < 1e-12));
    }
    let whole = Table::new([("n", Column::integer([Some(0), None, Some(1)]))])?;
    assert_eq!(cells(&Fill::interpolate(["n"]).apply(&whole)?, "n")?, [Some(0.0), Some(0.5), Some(1.0)]);
    let equal =
        Table::new([("t", Column::integer([3, 3, 3])), ("n", Column::real([Some(1.0), None, Some(9.0)]))])?;
    assert_eq!(cells(&Fill::interpolate(["n"]).order("t").apply(&equal)?, "n")?[1], Some(1.0));
    Ok(())
}

#[test]
fn what_has_no_order_or_no_numbers_is_refused() -> Result<()> {
    let table = table()?;
    let of = |fill: Fill| fill.apply(&table).unwrap_err().to_string();
    assert!(of(Fill::forward(["y"])).contains("no column is named `y`"));
    assert!(of(Fill::forward(["day"]).order("x")).contains("missing at row 0"));
    assert!(of(Fill::interpolate(["word"])).contains("column `word`"));
    assert!(of(Fill::interpolate(["x"]).order("who")).contains("column `who`"));
    assert_eq!(Fill::forward(["x"]).by(["who"]).apply(&table.head(0))?.n_rows(), 0);
    Ok(())
}
