//! SQLite databases.

use perennial_core::Result;
use perennial_data::{BatchSize, Column, ColumnType, Table, read_sqlite, scan_sqlite, write_sqlite};

#[test]
fn tables_come_back_and_queries_are_answered() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.sqlite");
    let table = Table::builder()
        .integer("id", [Some(1), None, Some(i64::MIN)])
        .real("x \"y\"", [Some(0.1), None, Some(f64::INFINITY)])
        .text("note", [Some("it's"), Some(""), None])
        .category("city", ["Bern", "Basel", "Bern"])
        .boolean("on", [Some(true), Some(false), None])
        .date("day", [Some(1), None, Some(20_000)])
        .date_time("at", [Some(1), Some(2), None])
        .build()?;
    write_sqlite(&table, &path, "or\"ders")?;
    let again = read_sqlite(&path, "SELECT * FROM \"or\"\"ders\"")?;
    let expected = table
        .with_column("city", Column::text(["Bern", "Basel", "Bern"]))?
        .with_column("on", Column::integer([Some(1), Some(0), None]))?;
    assert_eq!(again, expected);
    let counted = read_sqlite(
        &path,
        "SELECT city, count(*) AS n, NULL AS none FROM \"or\"\"ders\" GROUP BY city ORDER BY city",
    )?;
    assert_eq!(counted.values("n")?.as_slice(), [1.0, 2.0]);
    assert_eq!(counted.column("none")?.column_type(), ColumnType::Real);
    assert_eq!(read_sqlite(&path, "SELECT id FROM \"or\"\"ders\" WHERE 0")?.n_rows(), 0);
    write_sqlite(&table.head(0), &path, "empty")?;
    assert_eq!(read_sqlite(&path, "SELECT * FROM empty")?.n_cols(), 7);
    let before = std::fs::read(&path).unwrap();
    for (query, words) in [
        ("SELECT", "SQLite refuses it"),
        ("SELECT * FROM no", "no such table"),
        ("DROP TABLE empty", "give a `SELECT`"),
        ("INSERT INTO empty (id) VALUES (1) RETURNING id", "readonly"),
        ("SELECT 1 AS a, 2 AS a", "both named `a`"),
        ("SELECT x'00' AS b", "row 0, column `b`: the cell is a blob"),
        ("SELECT 1 AS a UNION ALL SELECT 'x'", "row 1, column `a`: `x` is a text"),
        ("SELECT CAST(x'ff' AS TEXT) AS t", "not UTF-8"),
    ] {
        let error = read_sqlite(&path, query).unwrap_err().to_string();
        assert!(error.contains(words), "{query}: {error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(write_sqlite(&table, &path, "empty").unwrap_err().to_string().contains("already exists"));
    assert!(write_sqlite(&Table::new::<String>([])?, &path, "none").is_err());
    std::fs::write(&path, b"SQLite format 3\0 and nothing more").unwrap();
    assert!(read_sqlite(&path, "SELECT 1").is_err());
    assert!(read_sqlite(directory.path(), "SELECT 1").is_err());
    Ok(())
}

#[test]
fn an_answer_in_batches_is_the_answer() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.sqlite");
    let n = 2500;
    // Each column becomes what it is by a cell that most batches have not.
    let table = Table::builder()
        .integer("id", 0..n)
        .real("x", (0..n).map(|row| (row > 100).then_some(if row == 2000 { 0.5 } else { row as f64 })))
        .text("day", (0..n).map(|row| if row == 2300 { "soon" } else { "2024-02-29" }))
        .date("on", (0..n).map(|row| (row != 7).then_some(row as i32)))
        .real("none", vec![None; n as usize])
        .build()?;
    write_sqlite(&table, &path, "orders")?;
    let query = "SELECT *, CASE WHEN id = 2400 THEN 1.5 ELSE id END AS mixed FROM orders ORDER BY id";
    let whole = read_sqlite(&path, query)?;
    for batch in [1, 7, 1000, 2500, usize::MAX] {
        let parts = scan_sqlite(&path, query, batch)?.collect::<Result<Vec<_>>>()?;
        assert_eq!(parts.len(), 2500_usize.div_ceil(batch), "{batch}");
        assert_eq!(Table::concat(&parts)?, whole, "{batch}");
    }
    let within = scan_sqlite(&path, query, BatchSize::max_memory(16 << 20))?.collect::<Result<Vec<_>>>()?;
    assert_eq!(Table::concat(&within)?, whole);
    // Who goes away early leaves the thread nobody to wait for.
    assert_eq!(scan_sqlite(&path, query, 10)?.next().unwrap()?.n_rows(), 10);
    let empty = scan_sqlite(&path, "SELECT id FROM orders WHERE 0", 10)?.collect::<Result<Vec<_>>>()?;
    assert_eq!((empty.len(), empty[0].n_rows(), empty[0].n_cols()), (1, 0, 1));
    for (query, words) in [
        ("SELECT * FROM no", "no such table"),
        ("DELETE FROM orders RETURNING id", "readonly"),
        ("SELECT 1 AS a UNION ALL SELECT 'x'", "row 1, column `a`: `x` is a text"),
        ("SELECT 1 AS a, 2 AS a", "both named `a`"),
    ] {
        let error = scan_sqlite(&path, query, 10).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("shop.sqlite"), "{query}: {error}");
    }
    assert!(scan_sqlite(&path, query, 0).unwrap_err().to_string().contains("`batch`"));
    assert!(
        scan_sqlite(&path, query, BatchSize::max_memory(1 << 20)).unwrap_err().to_string().contains("16 MiB")
    );
    // Of 16 MiB half is for data, and of that a fifth for a batch.
    let error = scan_sqlite(&path, "SELECT hex(zeroblob(1000000)) AS t", BatchSize::max_memory(16 << 20));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a row of 4000048 bytes") && error.contains("`max_memory`"), "{error}");
    Ok(())
}
