//! A PostgreSQL server, where one is named.

use ::postgres::{Client, NoTls};
use perennial_core::{ErrorKind, Result};
use perennial_data::{BatchSize, Column, ColumnType, Table, read_postgres, scan_postgres, write_postgres};

/// The server of the tests, with a schema of this test alone.
fn server(schema: &str) -> Option<String> {
    let Ok(server) = std::env::var("PERENNIAL_TEST_POSTGRES") else {
        println!("skipped: PERENNIAL_TEST_POSTGRES names no server");
        return None;
    };
    let mut client = Client::connect(&server, NoTls).unwrap();
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).unwrap();
    Some(format!("{server} options='-c search_path={schema} -c timezone=Asia/Tokyo'"))
}

#[test]
fn tables_come_back_and_queries_are_answered() -> Result<()> {
    let Some(server) = server("round_trip") else { return Ok(()) };
    let table = Table::builder()
        .integer("id", [Some(1), None, Some(i64::MIN)])
        .real("x \"y\"", [Some(0.1), None, Some(f64::INFINITY)])
        .text("note", [Some("it's\t\\N\n"), Some(""), None])
        .category("city", ["Zürich", "Basel", "Zürich"])
        .boolean("on", [Some(true), Some(false), None])
        .date("day", [Some(-719_162), None, Some(2_932_896)])
        .date_time("at", [Some(-1), Some(253_402_300_799_999_999), None])
        .build()?;
    write_postgres(&table, &server, "or\"ders")?;
    let again = read_postgres(&server, "SELECT * FROM \"or\"\"ders\"; ")?;
    assert_eq!(again, table.with_column("city", Column::text(["Zürich", "Basel", "Zürich"]))?);
    let counted = read_postgres(
        &server,
        "SELECT city, count(*) AS n, sum(id) AS s FROM \"or\"\"ders\" GROUP BY city ORDER BY city -- last",
    )?;
    assert_eq!(counted.column("n")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(counted.column("s")?.column_type(), ColumnType::Integer);
    write_postgres(&table.head(0), &server, "empty")?;
    assert_eq!(read_postgres(&server, "TABLE empty")?.schema(), again.head(0).schema());
    // More than one message each way.
    let long =
        Table::builder().integer("i", 0..40_000).text("t", vec!["x".repeat(9).as_str(); 40_000]).build()?;
    write_postgres(&long, &server, "long")?;
    assert_eq!(read_postgres(&server, "SELECT * FROM long ORDER BY i")?, long);
    Ok(())
}

#[test]
fn every_type_has_its_column() -> Result<()> {
    let Some(server) = server("every_type") else { return Ok(()) };
    let mut client = Client::connect(&server, NoTls).unwrap();
    client
        .batch_execute(
            "CREATE TYPE size AS ENUM ('small', 'large', 'huge');
             CREATE DOMAIN age AS int CHECK (value >= 0);
             CREATE TABLE t (i2 smallint, i4 integer, i8 bigint, o oid, f4 real, f8 double precision, n numeric,
                 n0 numeric, b boolean, t text, v varchar(5), c char(3), k \"char\", j json, jb jsonb, u uuid, s size,
                 a age, d date, tm time, ts timestamp, tz timestamptz, x xml);
             INSERT INTO t VALUES (-1, 2, 3, 4000000000, 0.5, 'NaN', 12345678.90123456789, 12, true, 'é', 'v', 'c', 'k',
                 '{\"a\": 1}', '{\"a\":1}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'large', 7, '2024-02-29', '23:59:59.5',
                 '2024-02-29 12:00', '2024-02-29 12:00+02', '<a/>');
             INSERT INTO t DEFAULT VALUES;
             INSERT INTO t (n, n0, s, d, ts) VALUES ('-0.00000000000000000001', -9223372036854775808, 'small', '0001-01-01 BC',
                 '1969-12-31 23:59:59.999999');",
        )
        .unwrap();
    let table = read_postgres(&server, "SELECT * FROM t")?;
    let shown = |name: &str| -> Vec<String> {
        let column = table.column(name).unwrap();
        (0..3).map(|row| column.cell(row).map_or("-".to_owned(), |cell| cell.into_owned())).collect()
    };
    use ColumnType::{Boolean, Category, Date, DateTime, Integer, Real, Text};
    for (name, column_type, cells) in [
        ("i2", Integer, ["-1", "-", "-"]),
        ("i4", Integer, ["2", "-", "-"]),
        ("i8", Integer, ["3", "-", "-"]),
        ("o", Integer, ["4000000000", "-", "-"]),
        ("f4", Real, ["0.5", "-", "-"]),
        ("f8", Real, ["-", "-", "-"]),
        ("n", Real, ["12345678.901234567", "-", "-1e-20"]),
        ("n0", Integer, ["12", "-", "-9223372036854775808"]),
        ("b", Boolean, ["true", "-", "-"]),
        ("t", Text, ["é", "-", "-"]),
        ("v", Text, ["v", "-", "-"]),
        ("c", Text, ["c  ", "-", "-"]),
        ("k", Text, ["k", "-", "-"]),
        ("j", Text, ["{\"a\": 1}", "-", "-"]),
        ("jb", Text, ["{\"a\": 1}", "-", "-"]),
        ("u", Text, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "-", "-"]),
        ("s", Category, ["large", "-", "small"]),
        ("a", Integer, ["7", "-", "-"]),
        ("d", Date, ["2024-02-29", "-", "0000-01-01"]),
        ("tm", Text, ["23:59:59.500000", "-", "-"]),
        ("ts", DateTime, ["2024-02-29 12:00:00", "-", "1969-12-31 23:59:59.999999"]),
        ("tz", DateTime, ["2024-02-29 10:00:00", "-", "-"]),
        ("x", Text, ["<a/>", "-", "-"]),
    ] {
        assert_eq!(
            (table.column(name)?.column_type(), shown(name)),
            (column_type, cells.map(str::to_owned).to_vec()),
            "{name}"
        );
    }
    let levels: Vec<&str> = table.column("s")?.as_category()?.levels().collect();
    assert_eq!(levels, ["small", "large", "huge"]);
    Ok(())
}

#[test]
fn what_cannot_be_is_told() -> Result<()> {
    let Some(server) = server("told") else { return Ok(()) };
    write_postgres(&Table::new([("a", Column::integer([1]))])?, &server, "kept")?;
    for (query, words) in [
        ("SELEC 1", "SQLSTATE 42601"),
        ("SELECT * FROM no", "relation \"no\" does not exist"),
        ("DROP TABLE kept", "give a `SELECT`"),
        ("INSERT INTO kept VALUES (2) RETURNING a", "read-only transaction"),
        ("SELECT 1) TO STDOUT; DROP TABLE kept; --", "syntax error"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT a FROM kept WHERE a = $1", "write their values"),
        ("SELECT 1 AS a, 2 AS a", "both named `a`"),
        ("SELECT '\\x00'::bytea AS b", "column `b`: a table has no type for bytes"),
        ("SELECT '{1}'::int[] AS b", "select `column::text`"),
        ("SELECT interval '1 day' AS b", "no type for `interval`"),
        ("SELECT date 'infinity' AS d", "row 0, column `d`: the day is infinite"),
        ("SELECT timestamp '-infinity' AS d", "the day is infinite"),
        ("SELECT 1::numeric AS n UNION ALL SELECT 1e20", "row 1, column `n`: 1e20 is a whole number beyond"),
        ("SELECT x FROM (VALUES (1, 0.5), (2, 9007199254740993)) v (i, x) ORDER BY i", "write it as a text"),
        ("SELECT ('1' || repeat('0', 400) || '.5')::numeric AS n", "beyond the range of double"),
        ("SELECT 1 / (2 - i) AS q FROM generate_series(1, 3) i", "division by zero"),
    ] {
        let error = read_postgres(&server, query).unwrap_err().to_string();
        assert!(error.contains(words), "{query}: {error}");
        assert!(!error.contains("password"), "{error}");
    }
    assert_eq!(read_postgres(&server, "SELECT a FROM kept")?.n_rows(), 1);
    for (name, column, words) in [
        ("kept", Column::integer([2]), "already exists"),
        ("new", Column::text(["a\0"]), "row 0, column `a`: the text has the character U+0000"),
        ("new", Column::date([i32::MIN]), "before the calendar"),
        ("new", Column::date_time([i64::MIN + 1]), "before the calendar"),
        ("new", Column::date([i32::MAX]), "date out of range"),
        ("", Column::integer([2]), "no name for PostgreSQL"),
        (&"n".repeat(64), Column::integer([2]), "it has 64"),
    ] {
        let error = write_postgres(&Table::new([("a", column)])?, &server, name).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
    assert!(read_postgres(&server, "SELECT * FROM new").is_err(), "nothing is left of what failed");
    assert!(write_postgres(&Table::new::<String>([])?, &server, "none").is_err());
    let error = read_postgres(&format!("{server} password=wrong"), "SELECT 1").unwrap_err().to_string();
    assert!(error.contains("SQLSTATE 28P01") && !error.contains("wrong"), "{error}");
    Ok(())
}

#[test]
fn servers_that_are_not_there() {
    let error =
        read_postgres("host=127.0.0.1 port=1 user=ada password=secret dbname=shop", "SELECT 1").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("database `shop` at `127.0.0.1`") && !text.contains("secret"), "{text}");
    for wrong in ["host=a port=x", "sqlite://file", "nonsense", "host=a flavour=b"] {
        assert!(
            read_postgres(wrong, "SELECT 1").unwrap_err().to_string().contains("write `host="),
            "{wrong}"
        );
    }
    // No host at all.
    assert!(read_postgres("user=ada", "SELECT 1").is_err());
}

#[test]
fn an_answer_in_batches_is_the_answer() -> Result<()> {
    let Some(server) = server("batches") else { return Ok(()) };
    let query = "SELECT i::bigint AS id, CASE WHEN i > 90 THEN i::numeric END AS whole,
        CASE WHEN i = 99 THEN 0.5 ELSE i::numeric END AS part, 'text ' || i AS t, date '2024-01-01' + i AS day
        FROM generate_series(0, 99) AS i ORDER BY i";
    let whole = read_postgres(&server, query)?;
    assert_eq!(whole.column("whole")?.column_type(), ColumnType::Integer);
    assert_eq!(whole.column("part")?.column_type(), ColumnType::Real);
    for batch in [1, 7, 100, 1000] {
        let parts = scan_postgres(&server, query, batch)?.collect::<Result<Vec<_>>>()?;
        assert_eq!(parts.len(), 100_usize.div_ceil(batch));
        assert_eq!(Table::concat(&parts)?, whole, "{batch}");
    }
    let within =
        scan_postgres(&server, query, BatchSize::max_memory(16 << 20))?.collect::<Result<Vec<_>>>()?;
    assert_eq!(Table::concat(&within)?, whole);
    assert_eq!(scan_postgres(&server, query, 10)?.next().unwrap()?.n_rows(), 10);
    let empty = scan_postgres(&server, "SELECT 1 AS a WHERE false", 5)?.collect::<Result<Vec<_>>>()?;
    assert_eq!((empty.len(), empty[0].n_rows()), (1, 0));
    assert!(scan_postgres(&server, "SELECT * FROM nothing_there", 5).is_err());
    // A row that fails after others were given.
    let late = scan_postgres(&server, "SELECT 1 / (5 - i) AS q FROM generate_series(1, 9) AS i", 2);
    assert!(late.and_then(|scan| scan.collect::<Result<Vec<_>>>()).is_err());
    Ok(())
}
