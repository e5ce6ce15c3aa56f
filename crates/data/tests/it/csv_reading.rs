//! Tokens against `csv-core`, types over all cells, and results that depend on nothing but the file.

use csv_core::{ReadFieldResult, Reader};
use perennial_core::ErrorKind;
use perennial_data::{Column, ColumnType, CsvError, CsvOptions, CsvReader, Table, read_csv, write_csv};
use proptest::prelude::*;

/// All records of a file as `csv-core` reads them.
fn reference(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = Reader::new();
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut output = [0; 8];
        let (result, n_read, n_written) = reader.read_field(bytes, &mut output);
        bytes = &bytes[n_read..];
        field.extend_from_slice(&output[..n_written]);
        match result {
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                record.push(std::mem::take(&mut field));
                if record_end {
                    records.push(std::mem::take(&mut record));
                }
            }
            ReadFieldResult::End => return records,
        }
    }
}

fn as_text(n_cols: usize) -> CsvReader {
    let types = (0..n_cols).map(|at| (format!("x{at}"), ColumnType::Text));
    CsvReader::new().header(false).null_tokens(["<none>"]).types(types)
}

fn records(table: &Table) -> Vec<Vec<Vec<u8>>> {
    let cell = |row, name| table.column(name).unwrap().cell(row).unwrap().into_owned().into_bytes();
    (0..table.n_rows()).map(|row| table.names().map(|name| cell(row, name)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn tokens_are_those_of_csv_core(text in "[a\",\n\r]{0,24}", block in 1_usize..40) {
        let expected = reference(text.as_bytes());
        let n_cols = expected.first().map_or(0, Vec::len);
        let outcome = as_text(n_cols).block_bytes(block).read_bytes(text.as_bytes());
        match outcome {
            // With one column, we keep blank lines as missing cells.
            Ok(table) if n_cols > 1 => prop_assert_eq!(records(&table), expected),
            Ok(_) => {}
            Err(error) => match error.find() {
                Some(CsvError::Empty) => prop_assert!(expected.is_empty()),
                Some(CsvError::Ragged { .. }) => prop_assert!(expected.iter().any(|record| record.len() != n_cols)),
                // `csv-core` closes an open quote at the end of the file.
                Some(CsvError::UnterminatedQuote { .. }) => {}
                other => prop_assert!(false, "{:?}", other),
            },
        }
    }

    #[test]
    fn blocks_and_threads_change_nothing(
        rows in prop::collection::vec(
            ("(-?[0-9]{1,3}|[0-9]\\.5|9007199254740993|)", "(true|NA|[ab]{1,2}|\"x\n,\"\"y\"|2024-02-2[0-9])", "[0-9]{1,19}"),
            0..40,
        ),
        block in 1_usize..200,
    ) {
        let mut text = String::from("a,b,c\n");
        for (a, b, c) in &rows {
            text += &format!("{a},{b},{c}\n");
        }
        let whole = CsvReader::new().read_bytes_with_report(text.as_bytes()).unwrap();
        let parts = CsvReader::new().block_bytes(block).read_bytes_with_report(text.as_bytes()).unwrap();
        prop_assert_eq!(&whole.0, &parts.0);
        prop_assert_eq!(&whole.1, &parts.1);
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let alone = alone.install(|| CsvReader::new().block_bytes(block).read_bytes(text.as_bytes())).unwrap();
        prop_assert_eq!(whole.0, alone);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), block in 1_usize..50) {
        let _ = CsvReader::new().block_bytes(block).read_bytes(&bytes);
        let _ = CsvReader::new().header(false).trim(true).block_bytes(block).read_bytes(&bytes);
    }

    #[test]
    fn the_first_error_of_the_file_is_told(before in 0_usize..50, after in 0_usize..50, block in 1_usize..200) {
        let text = format!("a,b\n{}1\n{}1,2,3\n", "1,2\n".repeat(before), "3,4\n".repeat(after));
        let error = CsvReader::new().block_bytes(block).read_bytes(text.as_bytes()).unwrap_err();
        let (line, offset) = (before + 2, 4 + 4 * before);
        prop_assert_eq!(error.find(), Some(&CsvError::Ragged { line, offset, expected: 2, got: 1 }));
    }
}

fn types_of(text: &str) -> Vec<ColumnType> {
    let table = CsvReader::new().block_bytes(16).read_bytes(text.as_bytes()).unwrap();
    table.columns().map(|(_, column)| column.column_type()).collect()
}

#[test]
fn types_come_from_all_cells() {
    let late = |cells: &str| format!("x\n{}{cells}\n", "1\n".repeat(5000));
    assert_eq!(types_of(&late("2")), [ColumnType::Integer]);
    assert_eq!(types_of(&late("2.5")), [ColumnType::Real]);
    assert_eq!(types_of(&late("NA")), [ColumnType::Integer]);
    assert_eq!(types_of(&late("true")), [ColumnType::Category]);
    assert_eq!(types_of(&late("007")), [ColumnType::Category]);
    assert_eq!(
        types_of("x,y\n2024-01-01,1\n2024-01-02 10:00,\n"),
        [ColumnType::DateTime, ColumnType::Integer]
    );
    assert_eq!(
        types_of("x,y,z\nNA,True,\"1\"\n,false,\"\"\n"),
        [ColumnType::Real, ColumnType::Boolean, ColumnType::Integer]
    );
    assert_eq!(types_of("x,y\n1.5,007\n007,1.5\n"), [ColumnType::Text, ColumnType::Text]);
}

#[test]
fn the_report_names_the_deciding_cell() {
    let (_, report) = CsvReader::new().read_bytes_with_report(b"a,b\n1,x\n2,NA\nthree,x\n").unwrap();
    assert!(report[0].reason.contains("`three` on line 4"), "{}", report[0].reason);
    assert_eq!((report[1].column_type, report[1].nulls), (ColumnType::Category, 1));
}

#[test]
fn given_types_are_kept_or_refused() {
    let reader = CsvReader::new().types([("id", ColumnType::Integer), ("city", ColumnType::Text)]);
    let table = reader.read_bytes(b"id,city\n007,x\n008,x\n").unwrap();
    assert_eq!(table.column("id").unwrap(), &Column::integer([7, 8]));
    assert_eq!(table.column("city").unwrap(), &Column::text(["x", "x"]));
    let error = reader.read_bytes(b"id,city\n7,x\n\"no,\",y\n").unwrap_err();
    let (column, value, expected) = ("id".to_owned(), "no,".to_owned(), ColumnType::Integer);
    assert_eq!(error.find(), Some(&CsvError::Value { line: 3, offset: 12, column, value, expected }));
    let error = reader.read_bytes(b"id\n7\n").unwrap_err();
    assert!(matches!(error.find(), Some(CsvError::MissingColumn { column }) if column == "city"));
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
}

#[test]
fn levels_of_a_schema_are_kept_and_required() {
    let column = Column::category_codes([0, 1], &["z", "a", "never"]).unwrap();
    let schema = Table::new([("c", column.clone())]).unwrap().schema();
    let reader = CsvReader::new().schema(&schema);
    assert_eq!(reader.read_bytes(b"c\nz\na\n").unwrap().column("c").unwrap(), &column);
    let error = reader.read_bytes(b"c\nz\nb\n").unwrap_err();
    assert!(matches!(error.find(), Some(CsvError::UnknownLevel { value, .. }) if value == "b"), "{error}");
}

#[test]
fn quoted_cells_of_text_are_what_they_say() {
    let table = CsvReader::new()
        .types([("a", ColumnType::Text)])
        .read_bytes(b"a,b\n\"\",1\n,2\n\"NA\",3\nNA,4\n")
        .unwrap();
    assert_eq!(table.column("a").unwrap(), &Column::text([Some(""), None, Some("NA"), None]));
    let table = CsvReader::new().trim(true).read_bytes(b"a , b\n 1 , x\n2, x \n").unwrap();
    assert_eq!(table.column("a").unwrap(), &Column::integer([1, 2]));
    assert_eq!(table.column("b").unwrap(), &Column::category(["x", "x"]));
}

#[test]
fn one_byte_order_mark_is_dropped_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("marks.csv");
    let text = "\u{feff}\u{feff}a\n1\n";
    std::fs::write(&path, text).unwrap();
    let whole = CsvReader::new().read_bytes(text.as_bytes()).unwrap();
    assert_eq!(whole.names().next(), Some("\u{feff}a"));
    assert_eq!(CsvReader::new().read_path(&path).unwrap(), whole);
    assert_eq!(CsvReader::new().scan(&path, 1).unwrap().next().unwrap().unwrap(), whole);
    // A table of one cell that is a mark.
    std::fs::write(&path, "\u{feff}\u{feff}").unwrap();
    let reader = CsvReader::new().header(false);
    assert_eq!(reader.read_path(&path).unwrap(), reader.read_bytes("\u{feff}\u{feff}".as_bytes()).unwrap());
}

#[test]
fn a_column_that_turns_out_to_be_text_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("late.csv");
    // Long enough for many parts: whole numbers, days or flags until the last row.
    let n = 60_000;
    let mut text = String::from("n,day,flag,sum,late\n");
    for row in 0..n {
        let (day, flag) = (if row % 2 == 0 { "2024-02-29" } else { "" }, row % 3 == 0);
        text += &format!("{row},{day},{flag},{row}.5,\n");
    }
    text += "x,soon,maybe,007,2024-03-01 12:00\n";
    std::fs::write(&path, &text).unwrap();
    let table = CsvReader::new().block_bytes(1 << 12).read_path(&path).unwrap();
    let types: Vec<ColumnType> = table.columns().map(|(_, column)| column.column_type()).collect();
    let (text_type, category) = (ColumnType::Text, ColumnType::Category);
    assert_eq!(types, [text_type, category, category, text_type, ColumnType::DateTime]);
    assert_eq!(table.column("n").unwrap().cell(59_999).unwrap(), "59999");
    assert_eq!(table.column("sum").unwrap().cell(7).unwrap(), "7.5");
    assert_eq!(table.column("day").unwrap().null_count(), n / 2);
    assert_eq!(table.column("late").unwrap().null_count(), n);
    assert_eq!(table, CsvReader::new().read_bytes(text.as_bytes()).unwrap());
}

#[test]
fn decimals_may_follow_a_comma() {
    let reader = CsvReader::new().delimiter(b';').decimal(b',').max_categories(0);
    let text = b"price;count;odd;both\n1,5;1;1.5;1,5\n-2,25;2;2;1.5\n;3;3,5;2\n";
    let table = reader.read_bytes(text).unwrap();
    assert_eq!(*table.column("price").unwrap(), Column::real([Some(1.5), Some(-2.25), None]));
    assert_eq!(*table.column("count").unwrap(), Column::integer([1, 2, 3]));
    // A number with the other mark is text, and so is its column.
    assert_eq!(*table.column("odd").unwrap(), Column::text(["1.5", "2", "3,5"]));
    assert_eq!(table.column("both").unwrap().column_type(), ColumnType::Text);
    // A file that is scanned and one whose bad records are set aside read the same numbers.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("comma.csv");
    std::fs::write(&path, text).unwrap();
    let mut scan = reader.scan(&path, 1 << 16).unwrap();
    assert_eq!(scan.next().unwrap().unwrap(), table);
    let typed = reader.clone().types([("odd", ColumnType::Real)]);
    let (kept, aside) = typed.read_bytes_with_quarantine(text).unwrap();
    assert_eq!(*kept.column("odd").unwrap(), Column::real([2.0, 3.5]));
    assert_eq!(aside.column("line").unwrap().cell(0).as_deref(), Some("2"));
    let error = typed.read_bytes(text).unwrap_err();
    assert!(error.to_string().contains("`1.5` is not of type real"), "{error}");
    // Beyond the range is an error there too.
    let error = reader.read_bytes(b"x\n1,5\n1,5e999\n").unwrap_err();
    assert!(matches!(error.find(), Some(CsvError::Number { line: 3, .. })), "{error}");
}

#[test]
fn a_mark_that_cannot_stand_before_decimals_is_refused() {
    for (delimiter, quote, decimal, words) in [
        (b',', b'"', b',', "another byte than those between and around cells"),
        (b';', b',', b',', "another byte than those between and around cells"),
        (b';', b'"', b'7', "punctuation"),
        (b';', b'"', b'e', "punctuation"),
        (b';', b'"', b'-', "punctuation"),
        (b';', b'"', b'\n', "punctuation"),
        (b';', b'"', 0xe9, "punctuation"),
    ] {
        let reader = CsvReader::new().delimiter(delimiter).quote(quote).decimal(decimal);
        let error = reader.read_bytes(b"a\n1\n").unwrap_err().to_string();
        assert!(error.contains("decimal") && error.contains(words), "{error}");
    }
    let table = Table::builder().real("x", [1.5]).build().unwrap();
    let options = perennial_data::CsvOptions::new().decimal(b',');
    let error = perennial_data::to_csv(&table, options).unwrap_err().to_string();
    assert!(error.contains("`decimal`") && error.contains(";"), "{error}");
    let text = perennial_data::to_csv(&table, options.delimiter(b';')).unwrap();
    assert_eq!(text, "x\n1,5\n");
}

#[test]
fn days_are_read_by_a_format() {
    let reader = CsvReader::new().date_format("%d.%m.%Y").max_categories(0);
    let text = b"on;n;iso;code;mixed\n29.02.2024;1;2024-02-29;20240229;01.02.2024\n1.3.2024;2.5;2024-03-01;7;x\n;3;2024-03-01;8;y\n";
    let table = reader.clone().delimiter(b';').read_bytes(text).unwrap();
    let types: Vec<ColumnType> = table.columns().map(|(_, column)| column.column_type()).collect();
    use ColumnType as T;
    assert_eq!(types, [T::Date, T::Real, T::Text, T::Integer, T::Text]);
    assert_eq!(*table.column("on").unwrap(), Column::date([Some(19_782), Some(19_783), None]));
    // The type may be given, and a number be a day.
    let compact = CsvReader::new().date_format("%Y%m%d").types([("d", T::Date)]);
    assert_eq!(*compact.read_bytes(b"d\n20240229\n").unwrap().column("d").unwrap(), Column::date([19_782]));
    let error = compact.read_bytes(b"d\n20240230\n").unwrap_err();
    assert!(matches!(error.find(), Some(CsvError::Value { line: 2, .. })), "{error}");
    let (kept, aside) = compact.read_bytes_with_quarantine(b"d\n20240230\n20240229\n2024-02-29\n").unwrap();
    assert_eq!((kept.n_rows(), aside.n_rows()), (1, 2));
    // What is a number is no day, wherever it stands, and however the file is cut.
    for format in ["%d%m%Y", "%d%m%Y%H"] {
        let cell = |day: &str| format!("{day}2024{}", if format.ends_with('H') { "10" } else { "" });
        let reader = CsvReader::new().date_format(format).max_categories(0);
        for days in [["0102", "1102"], ["1102", "0102"]] {
            let text = format!("d\n{}\n{}\n", cell(days[0]), cell(days[1]));
            for block in [1, 8, 1 << 20] {
                let table = reader.clone().block_bytes(block).read_bytes(text.as_bytes()).unwrap();
                assert_eq!(table.column("d").unwrap().column_type(), T::Text, "{text} {block}");
            }
        }
        let days = format!("d\n{}\n{}\n", cell("0102"), cell("0902"));
        let table = reader.read_bytes(days.as_bytes()).unwrap();
        let right = if format.ends_with('H') { T::DateTime } else { T::Date };
        assert_eq!(table.column("d").unwrap().column_type(), right);
    }
    // With a time they are moments, in UTC.
    let moments =
        CsvReader::new().date_format("%d/%m/%Y %I:%M %p %z").read_bytes(b"t\n01/01/1970 01:30 AM +0100\n");
    assert_eq!(*moments.unwrap().column("t").unwrap(), Column::date_time([1_800_000_000]));
    for format in ["%d.%m", "%Q", "", "%H:%M"] {
        let error = CsvReader::new().date_format(format).read_bytes(b"a\n1\n").unwrap_err().to_string();
        assert!(error.contains("`date_format`"), "{error}");
    }
    // The format is that of the contract.
    let rule = perennial_data::Rule::time_format("on", "%d.%m.%Y");
    let contract = perennial_data::Contract::new().extra_columns(true).rule(rule);
    let texts = Table::new([("on", Column::text(["29.02.2024", "1.3.2024"]))]).unwrap();
    contract.enforce(&texts).unwrap();
    assert_eq!(texts.column("on").unwrap().parse_dates("%d.%m.%Y").unwrap(), Column::date([19_782, 19_783]));
    assert!(Column::integer([1]).parse_dates("%Y%j").is_err());
}

#[test]
fn an_ending_that_says_tabs_has_them() {
    let directory = tempfile::tempdir().unwrap();
    for (name, n_cols) in [("a.tsv", 2), ("a.TAB", 2), ("a.csv", 1), ("a.txt", 1)] {
        let path = directory.path().join(name);
        std::fs::write(&path, "a\tb\n1\t2\n").unwrap();
        assert_eq!(perennial_data::read_csv(&path).unwrap().n_cols(), n_cols, "{name}");
    }
}

#[test]
fn what_is_written_with_tabs_is_read_with_tabs() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::new([("a", Column::text(["x, y", "z"])), ("b", Column::integer([1, 2]))]).unwrap();
    for (name, delimiter, first) in [
        ("a.tsv", b',', "a\tb\n"),
        ("a.TAB", b',', "a\tb\n"),
        ("a.csv", b',', "a,b\n"),
        ("b.tsv", b';', "a;b\n"),
    ] {
        let path = directory.path().join(name);
        write_csv(&table, &path, CsvOptions::new().delimiter(delimiter)).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(first), "{name}");
        if delimiter == b',' {
            assert_eq!(read_csv(&path).unwrap(), table, "{name}");
        }
    }
}
