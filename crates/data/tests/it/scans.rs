//! Files read in batches, and statistics put together from parts.

use perennial_core::Result;
use perennial_data::{
    Column, ColumnType, CsvError, CsvOptions, CsvReader, Scalar, Summary, Table, content_hash, to_csv,
};
use proptest::prelude::*;

/// All numbers of a summary, bit for bit.
fn bits(summary: &Summary) -> Vec<String> {
    let of = |(name, column): (&str, &perennial_data::ColumnSummary)| {
        let numbers = [column.sum(), column.mean(), column.variance(), Some(column.distinct())];
        let quantiles = [0.0, 0.1, 0.5, 0.9, 1.0].map(|order| column.quantile(order));
        let bits: Vec<_> = numbers.iter().chain(&quantiles).map(|number| number.map(f64::to_bits)).collect();
        format!(
            "{name} {} {} {:?} {:?} {bits:?}",
            column.n_rows(),
            column.n_missing(),
            column.min(),
            column.max()
        )
    };
    summary.columns().map(of).collect()
}

proptest! {
    #[test]
    fn parts_in_any_order_give_the_bits_of_the_whole(
        cells in proptest::collection::vec(proptest::option::of(prop_oneof![
            any::<f64>(), -1e6..1e6, Just(0.0), Just(-0.0), Just(f64::INFINITY)
        ]), 0..60),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        seed in any::<u64>(),
    ) {
        let n = cells.len();
        let table = Table::new([
            ("real", Column::real(cells.iter().copied())),
            ("whole", Column::integer(cells.iter().map(|cell| cell.map(|cell| cell as i64)))),
            ("text", Column::text(cells.iter().map(|cell| cell.map(|cell| if cell > 0.0 { "up" } else { "down" })))),
            ("on", Column::boolean(cells.iter().map(|cell| cell.map(|cell| cell > 1.0)))),
        ]).unwrap();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(n + 1)).chain([0, n]).collect();
        ends.sort_unstable();
        let mut parts: Vec<Summary> =
            ends.windows(2).map(|ends| Summary::of(&table.slice(ends[0]..ends[1]).unwrap())).collect();
        let turn = seed as usize % parts.len();
        parts.rotate_left(turn);
        let mut all = parts.remove(0);
        parts.iter().for_each(|part| all.merge(part).unwrap());
        prop_assert_eq!(bits(&all), bits(&Summary::of(&table)));
    }

    #[test]
    fn batches_have_the_rows_of_the_file(table in crate::round_trip::table(), bom in any::<bool>()) {
        let text = to_csv(&table, CsvOptions::new()).unwrap();
        let text = format!("{}{text}", if bom { "\u{feff}" } else { "" });
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.csv");
        std::fs::write(&path, &text).unwrap();
        let whole = CsvReader::new().read_path(&path).unwrap();
        let parts: Vec<Table> = CsvReader::new().scan(&path, 1).unwrap().map(|table| table.unwrap()).collect();
        prop_assert_eq!(Table::concat(&parts).unwrap(), whole);
    }
}

/// Rows of every kind, with quotes and line ends inside of cells, and columns that turn into texts late.
fn mixed(n: usize) -> String {
    let mut text = String::from("id,price,city,note,when,late,empty,big\r\n");
    for row in 0..n {
        let note = match row % 5 {
            0 => format!("\"line {row}\nnext, \"\"quoted\"\"\""),
            1 => "NA".to_owned(),
            _ => format!("note {row}"),
        };
        let price = if row % 7 == 0 { String::new() } else { format!("{}.5", row % 1000) };
        let late = if row + 3 < n { (row % 9).to_string() } else { "x".to_owned() };
        let when = if row == n / 2 { "2024-02-29 12:00" } else { "2024-02-29" };
        let city = ["Bern", "Basel", "Zug"][row % 3];
        text.push_str(&format!(
            "{row},{price},{city},{note},{when},{late},,{}\r\n",
            (1_i64 << 53) + row as i64
        ));
    }
    text
}

#[test]
fn a_scan_is_the_file_in_parts() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mixed.csv");
    let text = mixed(20_000);
    std::fs::write(&path, &text).unwrap();
    let whole = CsvReader::new().read_path(&path)?;
    let types: Vec<ColumnType> = whole.columns().map(|(_, column)| column.column_type()).collect();
    use ColumnType as T;
    assert_eq!(
        types,
        [T::Integer, T::Real, T::Category, T::Text, T::DateTime, T::Category, T::Real, T::Integer]
    );
    for batch in [1 << 16, 300_000, 1 << 30] {
        let parts = CsvReader::new().scan(&path, batch)?.collect::<Result<Vec<_>>>()?;
        assert_eq!(parts.len() > 2, batch < 400_000, "{}", parts.len());
        assert!(parts.iter().all(|part| {
            part.schema()
                .columns()
                .iter()
                .zip(whole.schema().columns())
                .all(|(a, b)| (a.column_type, &a.levels) == (b.column_type, &b.levels))
        }));
        assert_eq!(Table::concat(&parts)?, whole);
        let summary = Summary::of_all(CsvReader::new().scan(&path, batch)?)?;
        assert_eq!(bits(&summary), bits(&Summary::of(&whole)));
    }
    // With a schema, and compressed.
    let zipped = directory.path().join("mixed.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    std::fs::write(&zipped, encoder.finish().unwrap()).unwrap();
    let reader = CsvReader::new().schema(&whole.schema());
    assert_eq!(
        content_hash(&Table::concat(&reader.scan(&zipped, 1 << 17)?.collect::<Result<Vec<_>>>()?)?),
        content_hash(&whole)
    );
    Ok(())
}

#[test]
fn errors_of_a_scan_name_the_place_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wrong.csv");
    let good = "1,\"a\nb\"\r\n".repeat(30_000);
    for (bad, types) in [("1,2,3\n", false), ("\"open", false), ("x,y\n", true), ("1e999,y\n", true)] {
        let text = format!("n,t\r\n{good}{bad}{}", if bad.ends_with('\n') { "2,z\n" } else { "" });
        std::fs::write(&path, &text).unwrap();
        let column_type = if bad.starts_with("1e") { ColumnType::Real } else { ColumnType::Integer };
        let reader = match types {
            true => CsvReader::new().types([("n", column_type), ("t", ColumnType::Text)]),
            false => CsvReader::new(),
        };
        let whole = reader.read_path(&path).unwrap_err();
        let mut found = Vec::new();
        let error = match reader.scan(&path, 1) {
            Ok(mut scan) => {
                found.extend(scan.by_ref().filter_map(Result::err));
                assert!(scan.next().is_none());
                found.remove(0)
            }
            Err(error) => error,
        };
        assert!(found.is_empty());
        assert_eq!(error.find::<CsvError>(), whole.find::<CsvError>(), "{error} {whole}");
        assert!(error.find::<CsvError>().is_some());
    }
    assert!(CsvReader::new().scan(directory.path(), 1).is_err());
    std::fs::write(&path, "").unwrap();
    assert!(matches!(CsvReader::new().scan(&path, 1).unwrap_err().find(), Some(CsvError::Empty)));
    std::fs::write(&path, "a,b\n").unwrap();
    let tables: Vec<Table> = CsvReader::new().scan(&path, 1).unwrap().map(|table| table.unwrap()).collect();
    assert_eq!((tables.len(), tables[0].n_rows(), tables[0].n_cols()), (1, 0, 2));
    // A line without an end stops at its limit, not at the end of memory.
    std::fs::write(&path, format!("a,b\n1,{}\n", "x".repeat(3 << 20))).unwrap();
    let error = CsvReader::new().max_line_bytes(1 << 20).scan(&path, 1).unwrap_err();
    assert!(matches!(error.find(), Some(CsvError::LineTooLong { line: 2, .. })), "{error}");
}

/// The numbers are those of Python's `fractions`, rounded once.
#[test]
fn statistics_are_exact() -> Result<()> {
    let n = 100_001_i64;
    let table = Table::new([
        ("michelso", Column::real([299.85, 299.74, 299.90, 300.07, 299.93])),
        ("far", Column::real([1e9 + 0.1, 1e9 + 0.2, 1e9 + 0.3, 1e9 + 0.4, 1e9 + 0.5])),
    ])?;
    let summary = Summary::of(&table);
    assert_eq!(summary.column("michelso")?.mean(), Some(299.898));
    assert_eq!(summary.column("michelso")?.variance(), Some(0.014469999999998236));
    assert_eq!(summary.column("far")?.mean(), Some(1000000000.3));
    assert_eq!(summary.column("far")?.variance(), Some(0.024999994039536944));
    let whole = Table::new([("x", Column::integer(0..n))])?;
    let x = Summary::of(&whole);
    let x = x.column("x")?;
    let (n, exact) = (n as f64, (n as f64) * (n as f64 + 1.0) / 12.0);
    assert_eq!(
        (x.mean(), x.variance(), x.sum()),
        (Some((n - 1.0) / 2.0), Some(exact), Some(n * (n - 1.0) / 2.0))
    );
    assert!((x.quantile(0.25).unwrap() / 25_000.0 - 1.0).abs() < 1.0 / 128.0);
    assert!((x.distinct() / n - 1.0).abs() < 0.05);
    Ok(())
}

#[test]
fn summaries_at_the_edges() -> Result<()> {
    let table = Table::new([
        ("x", Column::real([f64::MAX, f64::MAX, f64::MAX])),
        ("i", Column::real([f64::INFINITY, 1.0, f64::NEG_INFINITY])),
        ("big", Column::integer([i64::MAX, i64::MAX, i64::MIN])),
        ("day", Column::date([3, 1, 2])),
        ("none", Column::text(vec![None; 3])),
        ("one", Column::real([None, Some(7.5), None])),
        ("same", Column::real([0.1, 0.1, 0.1])),
    ])?;
    let summary = Summary::of(&table);
    let of = |name: &str| summary.column(name).unwrap();
    assert_eq!(
        (of("x").sum(), of("x").mean(), of("x").variance()),
        (Some(f64::INFINITY), Some(f64::MAX), None)
    );
    assert_eq!((of("i").sum(), of("i").mean(), of("i").quantile(0.5)), (None, None, of("i").quantile(0.5)));
    assert_eq!((of("big").sum(), of("big").max()), (Some(i64::MAX as f64), Some(Scalar::Integer(i64::MAX))));
    assert_eq!((of("day").min(), of("day").mean()), (Some(Scalar::Text("1970-01-02".into())), Some(2.0)));
    assert_eq!((of("none").min(), of("none").mean(), of("none").distinct()), (None, None, 0.0));
    assert_eq!(
        (of("one").mean(), of("one").variance(), of("one").quantile(0.3)),
        (Some(7.5), None, Some(7.5))
    );
    assert_eq!((of("same").variance(), of("same").quantile(0.5)), (Some(0.0), Some(0.1)));
    assert_eq!((of("x").quantile(f64::NAN), of("x").quantile(1.5)), (None, None));
    assert_eq!(summary.to_table()?.n_rows(), 7);
    assert_eq!(Summary::of(&table.head(0)).column("x")?.sum(), None);
    let other = Summary::of(&table.drop(&["one"])?);
    let error = summary.clone().merge(&other).unwrap_err().to_string();
    assert!(
        error.contains("column 5 is `one` of type real in one and `same` of type real in the other"),
        "{error}"
    );
    assert!(Summary::of_all([]).is_err());
    assert!(summary.column("no").is_err());
    Ok(())
}

/// A contract says of a file read in parts what it says of the file.
#[test]
fn contracts_are_held_to_all_parts_together() {
    use perennial_data::{ColumnContract, Contract, Relation, Rule, Statistic, write_parquet};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parts.csv");
    let n = 40_000_i64;
    let id = |row: i64| if row == n - 1 { 3 } else { row };
    let table = Table::new([
        ("id", Column::integer((0..n).map(id))),
        ("group", Column::integer((0..n).map(|row| row / 100))),
        ("x", Column::real((0..n).map(|row| (row % 10 != 0).then_some(row as f64)))),
        ("falls", Column::integer((0..n).map(|row| if row == 20_000 { n } else { n - row }))),
    ])
    .unwrap();
    perennial_data::write_csv(&table, &path, perennial_data::CsvOptions::new()).unwrap();
    let parquet = directory.path().join("parts.parquet");
    write_parquet(&table, &parquet).unwrap();
    let of = |rule: Rule| Contract::new().extra_columns(true).rule(rule);
    let integer = |name: &str| ColumnContract::new(name, ColumnType::Integer);
    let cases = [
        (of(Rule::unique(["id"])), false),
        (Contract::new().extra_columns(true).with(integer("id").unique(true)), false),
        (of(Rule::unique(["id", "group"])), true),
        // In each part for itself the groups are repeated too, and few rows are no duplicates.
        (of(Rule::unique(["group"]).mostly(0.005)), true),
        (of(Rule::unique(["group"]).mostly(0.02)), false),
        (of(Rule::unique(["id"]).warn()), true),
        (Contract::new().extra_columns(true).min_rows(40_000), true),
        (Contract::new().extra_columns(true).min_rows(40_001), false),
        (of(Rule::row_count(40_000..=40_000)), true),
        (of(Rule::row_count(..=39_999)), false),
        (of(Rule::increasing("group")), true),
        (of(Rule::strictly_increasing("group")), false),
        (of(Rule::decreasing("falls")), false),
        (of(Rule::decreasing("falls").mostly(0.999)), true),
        (of(Rule::present("x").mostly(0.9)), true),
        (of(Rule::present("x").mostly(0.91)), false),
        (of(Rule::statistic("x", Statistic::Max, 39_999.0..=39_999.0)), true),
        (of(Rule::statistic("x", Statistic::Min, 2.0..)), false),
        (of(Rule::statistic("x", Statistic::Missing, 4000..=4000)), true),
        (of(Rule::statistic("x", Statistic::MissingShare, ..0.1)), false),
        (of(Rule::distinct_among("group", 0..400)), true),
        (of(Rule::distinct_among("group", 0..399)), false),
        (of(Rule::between("id", 0..)), true),
        // A share means nothing where a rule is about the whole.
        (of(Rule::exists("x").mostly(0.5)), true),
        (of(Rule::exists("y").mostly(0.5)), false),
        (of(Rule::types("id", [ColumnType::Integer]).mostly(0.5)), true),
        (of(Rule::column_count(4..=4).mostly(0.5)), true),
        (of(Rule::column_count(5..).mostly(f64::NAN)), false),
        (of(Rule::columns_ordered(["id", "group", "x", "falls"]).mostly(7.0)), true),
        (of(Rule::columns_set(["id", "group", "x"]).mostly(0.5)), false),
        (of(Rule::compare("id", Relation::AtMost, "group")), false),
    ];
    for (contract, is_met) in cases {
        assert_eq!(contract.check(&table).is_met(), is_met, "{contract:?}");
        let scan = CsvReader::new().contract(&contract).scan(&path, 1 << 16).unwrap();
        assert_eq!(scan.collect::<Result<Vec<_>>>().is_ok(), is_met, "{contract:?}");
        let scan = perennial_data::ParquetReader::new().contract(&contract).scan(&parquet, 7000).unwrap();
        let parts: Vec<Result<Table>> = scan.collect();
        assert_eq!(parts.iter().all(Result::is_ok), is_met, "{contract:?}");
        if let Some(Err(error)) = parts.last() {
            assert!(matches!(error.kind(), perennial_core::ErrorKind::ContractViolation { .. }), "{error}");
        }
    }
    // The rows are those of the file.
    let scan = CsvReader::new().contract(&of(Rule::unique(["id"]))).scan(&path, 1 << 16).unwrap();
    let error = scan.collect::<Result<Vec<_>>>().unwrap_err().to_string();
    assert!(error.contains("`id`: 1 of 40000 rows, row 39999 the first"), "{error}");
    // What takes all rows at once is refused before a row is read.
    for rule in [
        Rule::statistic("x", Statistic::Mean, 0.0..),
        Rule::z_score("x", 3.0),
        Rule::distinct_contain("group", [1]),
        Rule::same_rows_as("other"),
    ] {
        let error =
            CsvReader::new().contract(&of(rule.clone())).scan(&path, 1 << 16).unwrap_err().to_string();
        assert!(error.contains("a scan has a part of the table at a time"), "{error}");
        let reader = perennial_data::ParquetReader::new().contract(&of(rule.clone()));
        assert!(reader.scan(&parquet, 100).is_err());
        assert!(CsvReader::new().contract(&of(rule.warn())).scan(&path, 1 << 16).is_ok());
    }
}
