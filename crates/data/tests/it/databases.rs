//! SQLite databases.

use perennial_core::Result;
use perennial_data::{Column, ColumnType, Table, read_sqlite, write_sqlite};

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
