//! JSON lines: what is read, what is refused, and what comes back.

use perennial_core::{ErrorKind, Result};
use perennial_data::{
    BatchSize, Column, ColumnContract, ColumnType, Contract, JsonLinesReader, Severity, Table,
    parse_json_lines, read_json_lines, to_json_lines, write_json_lines,
};
use proptest::prelude::*;

#[test]
fn types_come_from_all_cells() -> Result<()> {
    let text = "\u{feff}{\"b\": true, \"n\": 1, \"x\": 1, \"t\": \"2024-01-02\", \"m\": \"2024-01-02T03:04:05\"}\r\n\n\
                {\"n\": null, \"x\": 0.5, \"m\": \"2024-01-02\", \"late\": \"z\"}\n";
    let table = parse_json_lines(text.as_bytes())?;
    let types: Vec<ColumnType> = table.columns().map(|(_, column)| column.column_type()).collect();
    use ColumnType::*;
    assert_eq!(types, [Boolean, Integer, Real, Date, DateTime, Text]);
    assert_eq!(table.names().collect::<Vec<_>>(), ["b", "n", "x", "t", "m", "late"]);
    assert_eq!(table.column("late")?.as_text()?.collect::<Vec<_>>(), [None, Some("z")]);
    assert_eq!(table.column("n")?.null_count(), 1);
    // Nothing but missing cells is a missing number, as in a CSV file.
    assert_eq!(parse_json_lines(b"{\"a\": null}")?.column("a")?.column_type(), Real);
    Ok(())
}

/// Lines that have one of forty names each have forty cells each.
#[test]
fn lines_with_names_of_their_own_are_read_within_a_memory() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("names.jsonl");
    let lines: Vec<String> = (0..30_000).map(|row| format!("{{\"c{}\":1}}\n", row % 40)).collect();
    std::fs::write(&path, lines.concat()).unwrap();
    let mut n_rows = 0;
    for part in JsonLinesReader::new().scan(&path, BatchSize::max_memory(16 << 20))? {
        let part = part?;
        assert_eq!(part.n_cols(), 40);
        n_rows += part.n_rows();
    }
    assert_eq!(n_rows, 30_000);
    Ok(())
}

#[test]
fn what_is_no_table_is_refused_with_its_line() {
    for (text, words) in [
        ("", &["no object"][..]),
        ("\n \n", &["no object"]),
        ("{\"a\": 1}\n{\"a\": ", &["line 2"]),
        ("{\"a\": 1}\n[1]", &["line 2", "an object"]),
        ("{\"a\": 1}\n{\"a\": \"x\"}", &["line 2", "column `a`", "`x` is a text"]),
        ("{\"a\": true}\n{\"a\": 1}", &["line 2", "1 is a number"]),
        ("{\"a\": {\"b\": 1}}", &["line 1", "a cell is an object"]),
        ("{\"a\": [1]}", &["line 1", "a cell is a list"]),
        ("{\"a\": 1, \"a\": 2}", &["line 1", "`a` stands twice"]),
        ("{\"a\": 18446744073709551615}", &["64 bits"]),
        ("{\"a\": 9007199254740993}\n{\"a\": 0.5}", &["line 2", "9007199254740993"]),
        ("{\"a\": 1e999}", &["line 1"]),
        ("{\"a\": NaN}", &["line 1"]),
        ("{\"\": 1}", &["no name"]),
        ("\u{1}", &["line 1"]),
    ] {
        let message = parse_json_lines(text.as_bytes()).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{text}: {message}");
    }
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    assert!(parse_json_lines(deep.as_bytes()).is_err());
    assert!(parse_json_lines(b"{\"a\": \"\xff\"}").is_err());
    assert!(matches!(parse_json_lines(b"").unwrap_err().kind(), ErrorKind::Empty { .. }));
}

#[test]
fn files_come_back() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let table = Table::new([("a", Column::integer([1, 2])), ("b", Column::text([Some("\u{1}\"\\"), None]))])?;
    write_json_lines(&table, &path)?;
    assert_eq!(read_json_lines(&path)?, table);
    assert!(read_json_lines(folder.path()).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn tables_come_back_unchanged(
        rows in proptest::collection::vec(
            (any::<Option<i64>>(), proptest::option::of(any::<f64>().prop_filter("finite", |x| x.is_finite())),
             any::<Option<String>>(), any::<Option<bool>>(), proptest::option::of(-700_000..2_900_000_i32)),
            1..12,
        )
    ) {
        let table = Table::new([
            ("i", Column::integer(rows.iter().map(|row| row.0))),
            ("r", Column::real(rows.iter().map(|row| row.1.map(|x| if x.fract() == 0.0 { x + 0.5 } else { x })))),
            // A mark, so that no text looks like a day.
            ("t", Column::text(rows.iter().map(|row| row.2.as_ref().map(|t| format!("x{t}"))).collect::<Vec<_>>().iter().map(|t| t.as_deref()))),
            ("b", Column::boolean(rows.iter().map(|row| row.3))),
            ("d", Column::date(rows.iter().map(|row| row.4))),
        ]).unwrap();
        let back = parse_json_lines(to_json_lines(&table).unwrap().as_bytes()).unwrap();
        for (name, column) in table.columns() {
            // A column without a cell has no type of its own.
            if column.null_count() < rows.len() && name != "r" {
                prop_assert_eq!(back.column(name).unwrap(), column, "{}", name);
            }
        }
        let bits = |table: &Table| table.column("r").unwrap().as_real().unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&table));
    }
}

/// A hundred thousand lines of a name each would be a table of 80 GB.
#[test]
fn names_that_differ_from_line_to_line_are_refused_before_they_take_memory() -> Result<()> {
    let text: String = (0..100_000).map(|row| format!("{{\"k{row}\": 1}}\n")).collect();
    let error = parse_json_lines(text.as_bytes()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("raise `max_cells`"), "{error}");
    // One line with many names after many lines with one: the whole columns would be new.
    let late = "{\"a\": 1}\n".repeat(50) + "{\"b\": 1, \"c\": 1, \"d\": 1}\n";
    let reader = JsonLinesReader::new().max_cells(200);
    assert!(reader.read_bytes(late.as_bytes()).unwrap_err().to_string().contains("makes 204 cells"));
    assert_eq!(JsonLinesReader::new().max_cells(204).read_bytes(late.as_bytes())?.n_cols(), 4);
    let reader = JsonLinesReader::new().max_columns(2);
    assert!(reader.read_bytes(late.as_bytes()).unwrap_err().to_string().contains("line 51"));
    let (table, quarantine) = reader.read_bytes_with_quarantine(late.as_bytes())?;
    assert_eq!((table.n_cols(), table.n_rows(), quarantine.n_rows()), (1, 50, 1));
    Ok(())
}

#[test]
fn a_contract_says_what_cells_are_and_what_they_may_be() -> Result<()> {
    let contract = Contract::new().with(ColumnContract::new("day", ColumnType::Text)).with(
        ColumnContract::new("kind", ColumnType::Category).allowed(["a", "b"]).severity(Severity::Quarantine),
    );
    let text =
        b"{\"day\": \"2024-01-02\", \"kind\": \"a\"}\n\nno\n{\"day\": \"2024-01-03\", \"kind\": \"z\"}\n";
    let reader = JsonLinesReader::new().contract(&contract);
    let (table, quarantine) = reader.read_bytes_with_quarantine(text)?;
    assert_eq!(table.column("day")?.column_type(), ColumnType::Text);
    assert_eq!(table.column("kind")?.column_type(), ColumnType::Category);
    assert_eq!(quarantine.column("line")?.as_integer()?.flatten().collect::<Vec<_>>(), [3, 4]);
    let error = reader.read_bytes(b"{\"day\": 1, \"kind\": \"z\"}").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    Ok(())
}

#[test]
fn a_line_with_a_cell_of_another_type_is_set_aside() -> Result<()> {
    let day = ColumnContract::new("day", ColumnType::Date);
    let contract =
        Contract::new().with(day).with(ColumnContract::new("note", ColumnType::Text).nullable(true));
    let reader = JsonLinesReader::new().contract(&contract);
    let text = b"{\"day\": \"2024-01-02\"}\n{\"day\": \"soon\"}\n{\"day\": \"2024-01-04\"}\n";
    let (table, quarantine) = reader.read_bytes_with_quarantine(text)?;
    assert_eq!((table.n_rows(), table.column("day")?.column_type()), (2, ColumnType::Date));
    // A column that may have no cell need not be named.
    assert_eq!(table.column("note")?.null_count(), 2);
    assert_eq!(quarantine.column("line")?.cell(0).as_deref(), Some("2"));
    let why = quarantine.column("reason")?.cell(0).unwrap().into_owned();
    assert_eq!(why, "column `day`: `soon` is not of type date");
    assert!(reader.read_bytes(text).is_err());
    // Another contract takes the place of the first, and of its types.
    let texts = Contract::new().with(ColumnContract::new("day", ColumnType::Text));
    assert_eq!(reader.contract(&texts).read_bytes(text)?.column("day")?.column_type(), ColumnType::Text);
    Ok(())
}

/// Lines read in batches are the file: names that come late, kinds that widen late, days that turn out to be texts late.
#[test]
fn a_scan_gives_the_rows_types_and_levels_of_the_file() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let n = 9000;
    let mut text = String::from("\u{feff}");
    for row in 0..n {
        let number = if row == n - 3 { "0.5".to_owned() } else { row.to_string() };
        let day = format!("\"2024-01-{:02}\"", 1 + row % 28);
        let mixed = if row == n - 1 { "\"late\"".to_owned() } else { day.clone() };
        let moment = if row == n - 2 { "\"2024-01-01T10:00\"".to_owned() } else { day.clone() };
        let city = ["\"Bern\"", "\"Chur\"", "null"][row % 3];
        text += &format!(
            "{{\"x\": {number}, \"day\": {day}, \"mixed\": {mixed}, \"moment\": {moment}, \"city\": {city}"
        );
        text += if row > n - 10 { ", \"new\": true}\n" } else { "}\n" };
        text += if row % 100 == 0 { "\r\n \n" } else { "" };
    }
    std::fs::write(&path, &text).unwrap();
    let contract = Contract::new()
        .extra_columns(true)
        .with(ColumnContract::new("city", ColumnType::Category).nullable(true));
    let contract = contract.with(ColumnContract::new("gone", ColumnType::Date).nullable(true));
    for reader in [JsonLinesReader::new(), JsonLinesReader::new().contract(&contract)] {
        let whole = reader.read_path(&path)?;
        for batch in [0, 100_000, 1 << 30] {
            let parts = reader.scan(&path, batch)?.collect::<Result<Vec<Table>>>()?;
            assert_eq!(parts.len() > 2, batch < 200_000);
            let levels = |table: &Table| {
                table
                    .schema()
                    .columns()
                    .iter()
                    .map(|field| (field.name.clone(), field.column_type, field.levels.clone()))
                    .collect::<Vec<_>>()
            };
            assert!(parts.iter().all(|part| levels(part) == levels(&whole)));
            let together = Table::concat(&parts)?;
            assert_eq!(perennial_data::content_hash(&together), perennial_data::content_hash(&whole));
        }
    }
    // Gzip too, and a schema spares the first look.
    let schema = JsonLinesReader::new().read_path(&path)?.schema();
    let packed = folder.path().join("rows.jsonl.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let parts = JsonLinesReader::new().schema(&schema).scan(&packed, 0)?.collect::<Result<Vec<Table>>>()?;
    assert_eq!(Table::concat(&parts)?, JsonLinesReader::new().read_path(&path)?);

    // Rules of all rows are judged over all of them.
    let min = |n| Contract::new().extra_columns(true).min_rows(n);
    assert!(JsonLinesReader::new().contract(&min(n)).scan(&path, 0)?.all(|part| part.is_ok()));
    let parts: Vec<Result<Table>> = JsonLinesReader::new().contract(&min(n + 1)).scan(&path, 0)?.collect();
    assert!(parts.last().unwrap().is_err() && parts[..parts.len() - 1].iter().all(Result::is_ok));
    Ok(())
}

#[test]
fn errors_name_line_and_byte_in_batches_too() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let good = "{\"a\": 1}\n";
    let lines = good.repeat(10_000);
    let at = lines.len();
    for (bad, words) in [
        ("{\"a\": \"x\"}\n", format!("line 10001 (byte {at}), column `a`: `x` is a text")),
        ("{\"a\": ]}\n", format!("line 10001 (byte {}) is no object", at + 6)),
    ] {
        let text = format!("{lines}{bad}{good}");
        std::fs::write(&path, &text).unwrap();
        let of_bytes = parse_json_lines(text.as_bytes()).unwrap_err().to_string();
        assert!(of_bytes.contains(&words), "{of_bytes}");
        let of_scan = JsonLinesReader::new().scan(&path, 0).unwrap_err().to_string();
        assert!(of_scan.contains(&words), "{of_scan}");
        let schema = Table::builder().integer("a", [1]).build()?.schema();
        let parts: Vec<_> = JsonLinesReader::new().schema(&schema).scan(&path, 0)?.collect();
        let error = parts.last().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains("10001") || error.contains("row"), "{error}");
    }
    std::fs::write(&path, good.repeat(100)).unwrap();
    let reader = JsonLinesReader::new();
    assert!(reader.clone().max_bytes(899).read_path(&path).is_err());
    assert!(reader.clone().max_bytes(900).read_path(&path).is_ok());
    assert!(reader.clone().max_bytes(899).read_bytes(good.repeat(100).as_bytes()).is_err());
    let error = reader.clone().max_line_bytes(7).read_bytes(good.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("line 1 (byte 0) is longer than 7 bytes"), "{error}");
    assert!(reader.clone().max_line_bytes(0).read_path(&path).is_err());
    let long = format!("{good}{{\"a\": \"{}", "x".repeat(300_000));
    std::fs::write(&path, &long).unwrap();
    let error = reader.clone().max_line_bytes(1000).scan(&path, 0).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("longer than 1000 bytes"), "{error}");
    // Many names in few lines would be many cells.
    let names: String = (0..3000).map(|name| format!("{{\"n{name}\": 1}}\n")).collect();
    std::fs::write(&path, &names).unwrap();
    let error = reader.clone().scan(&path, 0)?.collect::<Result<Vec<_>>>().unwrap_err().to_string();
    assert!(error.contains("`max_cells`"), "{error}");
    assert!(
        reader.clone().max_columns(2999).scan(&path, 0).unwrap_err().to_string().contains("`max_columns`")
    );
    std::fs::write(&path, "\n \n").unwrap();
    assert!(matches!(reader.scan(&path, 0).unwrap_err().kind(), ErrorKind::Empty { .. }));
    let schema = Table::builder().integer("a", [1]).build()?.schema();
    let parts = JsonLinesReader::new().schema(&schema).scan(&path, 0)?.collect::<Result<Vec<_>>>()?;
    assert_eq!((parts.len(), parts[0].n_rows(), parts[0].n_cols()), (1, 0, 1));
    Ok(())
}

/// What a scan gives is what reading at once gives, though one batch does not show what the others have; or an error.
#[test]
fn kinds_of_cells_are_those_of_all_batches() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let put = |first: &str, last: &str| {
        let early = format!("{{\"x\": {first}}}\n").repeat(20_000);
        std::fs::write(&path, format!("{early}{{\"x\": {last}}}\n")).unwrap();
    };
    let scan = |reader: &JsonLinesReader| reader.scan(&path, 0)?.collect::<Result<Vec<Table>>>();
    let of = |column_type| {
        let contract = Contract::new().with(ColumnContract::new("x", column_type).nullable(true));
        JsonLinesReader::new().contract(&contract)
    };
    let under = |column: Column| -> Result<JsonLinesReader> {
        Ok(JsonLinesReader::new().schema(&Table::new([("x", column)])?.schema()))
    };
    // Under a contract all kinds are known before the first table.
    for (first, last) in [("1", "2.5"), ("2.5", "1"), ("true", "false"), ("1", "null")] {
        put(first, last);
        for column_type in [ColumnType::Text, ColumnType::Category] {
            let (whole, parts) = (of(column_type).read_path(&path)?, scan(&of(column_type))?);
            assert!(parts.len() > 2);
            assert_eq!(Table::concat(&parts)?, whole, "{first} {last}");
        }
    }
    // Under a schema they are not: what would have been written in another way is refused.
    put("1", "2.5");
    let texts = under(Column::text(["a"]))?;
    assert_eq!(texts.read_path(&path)?.column("x")?.cell(0).as_deref(), Some("1.0"));
    let error = scan(&texts).unwrap_err().to_string();
    assert!(error.contains("line 20001") && error.contains("`x`: 2.5 has a fraction"), "{error}");
    let reals = under(Column::real([0.5]))?;
    assert_eq!(Table::concat(&scan(&reals)?)?, reals.read_path(&path)?);
    put("2.5", "1");
    assert_eq!(Table::concat(&scan(&texts)?)?, texts.read_path(&path)?);
    // Whole numbers beyond those that real ones are taken for.
    put("1152921504606846976", "1.0");
    let whole = under(Column::integer([1]))?;
    assert!(whole.read_path(&path).is_err() && scan(&whole).is_err());
    // Two kinds, and a whole number that is no real one, are refused as they are at once.
    for (first, last, words) in
        [("1", "\"a\"", "`a` is a text"), ("9007199254740993", "0.5", "9007199254740993 has no exact number")]
    {
        put(first, last);
        for reader in [&texts, &reals] {
            let error = reader.read_path(&path).unwrap_err().to_string();
            assert!(error.contains(words) && scan(reader).is_err(), "{error}");
        }
    }
    // A cell that is not of its type breaks the contract.
    put("\"2024-01-02\"", "\"soon\"");
    for column_type in [ColumnType::Date, ColumnType::Integer] {
        for error in [of(column_type).read_path(&path).unwrap_err(), scan(&of(column_type)).unwrap_err()] {
            assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
        }
    }
    Ok(())
}

/// A line that is longer than many steps of reading ends where it ends.
#[test]
fn long_lines_are_whole() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.jsonl");
    let lines =
        [3, 300_000, 65_536, 131_071, 1, 700_000].map(|n| format!("{{\"x\": \"{}\"}}\n", "a".repeat(n)));
    std::fs::write(&path, lines.concat()).unwrap();
    let parts = JsonLinesReader::new().scan(&path, 0)?.collect::<Result<Vec<Table>>>()?;
    assert!(parts.len() > 2);
    assert_eq!(Table::concat(&parts)?, read_json_lines(&path)?);
    Ok(())
}
