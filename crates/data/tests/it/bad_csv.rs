//! The hostile CSV files of `bad_inputs.json`, each with the outcome that the reader documents.

use perennial_core::{Error, ErrorKind};
use perennial_data::{ColumnType, CsvError, CsvOptions, CsvReader, Table, to_csv};

pub(crate) fn base64(text: &str) -> Vec<u8> {
    let value = |symbol: u8| match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let symbols: Vec<u8> = text.bytes().filter(|&symbol| symbol != b'=').collect();
    let mut bytes = Vec::new();
    for group in symbols.chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, &symbol| bits << 6 | u32::from(value(symbol)));
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

fn read(bytes: &[u8]) -> Result<Table, CsvError> {
    CsvReader::new().read_bytes(bytes).map_err(|error: Error| {
        assert!(matches!(error.kind(), ErrorKind::Malformed { .. } | ErrorKind::TooLarge { .. }), "{error}");
        error.find::<CsvError>().unwrap_or_else(|| panic!("no CsvError in {error:?}")).clone()
    })
}

fn shape(table: &Table) -> (usize, usize) {
    (table.n_rows(), table.n_cols())
}

fn cells(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.column(name).unwrap();
    (0..table.n_rows()).map(|row| column.cell(row).map(Into::into)).collect()
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    assert!(
        matches!(table.column(name).unwrap().column_type(), ColumnType::Text | ColumnType::Category),
        "{name}"
    );
    cells(table, name).into_iter().map(Option::unwrap).collect()
}

fn kind(table: &Table, name: &str) -> ColumnType {
    table.column(name).unwrap().column_type()
}

fn check(id: &str, bytes: &[u8]) -> bool {
    let result = read(bytes);
    let error = result.clone().err();
    let table = || result.clone().unwrap_or_else(|error| panic!("{id}: {error}"));
    match id {
        "empty_file" | "bom_only" => assert_eq!(error, Some(CsvError::Empty), "{id}"),
        "header_only" => assert_eq!(shape(&table()), (0, 2)),
        "utf8_bom" => assert_eq!(table().names().next(), Some("a")),
        "ragged_short" => {
            assert!(
                matches!(error, Some(CsvError::Ragged { line: 3, offset: 12, expected: 3, got: 2 })),
                "{error:?}"
            );
        }
        "ragged_long" => {
            assert!(
                matches!(error, Some(CsvError::Ragged { line: 3, expected: 2, got: 3, .. })),
                "{error:?}"
            );
        }
        "duplicate_names" => {
            let name = "x".to_owned();
            assert_eq!(error, Some(CsvError::DuplicateColumn { name, first: 0, second: 1 }));
        }
        "empty_name" => {
            assert_eq!(error, Some(CsvError::EmptyColumnName { position: 1 }));
            let named = CsvReader::new().name_empty_columns(true).read_bytes(bytes).unwrap();
            assert_eq!(named.names().collect::<Vec<_>>(), ["a", "column1", "b"]);
        }
        "wide_separator_only" => assert_eq!(error, Some(CsvError::EmptyColumnName { position: 0 })),
        "invalid_utf8" => assert_eq!(error, Some(CsvError::InvalidUtf8 { line: 2, offset: 6 })),
        "nul_byte" => assert_eq!(texts(&table(), "b"), ["\u{0}2"]),
        "unterminated_quote" => assert_eq!(error, Some(CsvError::UnterminatedQuote { line: 2, offset: 4 })),
        "quote_in_middle" => assert_eq!(texts(&table(), "a"), ["1\"2"]),
        "embedded_newline" => {
            assert_eq!(shape(&table()), (1, 2));
            assert_eq!(texts(&table(), "a"), ["x\ny"]);
        }
        "escaped_quotes" => assert_eq!(texts(&table(), "a"), ["he said \"hi\""]),
        "crlf" | "cr_only" | "no_final_newline" | "blank_lines" => {
            assert_eq!((shape(&table()), kind(&table(), "b")), ((1, 2), ColumnType::Integer), "{id}");
        }
        "numbers_edge" => {
            let expected = [
                "1e308",
                "1e309",
                "-0",
                "5e-324",
                "1e-400",
                "0x10",
                "1_000",
                "+3",
                ".5",
                "5.",
                "",
                "",
                "inf",
                "-Infinity",
                "",
            ];
            let found: Vec<String> =
                cells(&table(), "x").into_iter().map(Option::unwrap_or_default).collect();
            assert_eq!(
                (kind(&table(), "x"), found),
                (ColumnType::Text, expected.map(str::to_owned).to_vec())
            );
            let numbers =
                read(b"x\n1e308\n-0\n5e-324\n1e-400\n+3\n.5\n5.\nnan\nNaN\ninf\n-Infinity\n\n").unwrap();
            let numbers = numbers.column("x").unwrap().as_real().unwrap().into_owned();
            let expected = [
                1e308,
                -0.0,
                5e-324,
                0.0,
                3.0,
                0.5,
                5.0,
                f64::NAN,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
            ];
            let bits = |numbers: &[f64]| {
                numbers
                    .iter()
                    .map(|number| number.to_bits() << 1 >> 1 | number.to_bits() & 1 << 63)
                    .collect::<Vec<_>>()
            };
            let fixed: Vec<f64> =
                numbers.iter().map(|number| if number.is_nan() { f64::NAN } else { *number }).collect();
            assert_eq!(bits(&fixed), bits(&expected));
            let large = read(b"x\n1\n1e309\n").unwrap_err();
            assert!(matches!(&large, CsvError::Number { line: 3, value, .. } if value == "1e309"), "{large}");
        }
        "integer_overflow" => {
            assert_eq!(texts(&table(), "id"), ["9007199254740993", "18446744073709551616"]);
            let large = read(b"id\n9007199254740993\n").unwrap();
            assert_eq!(
                large.column("id").unwrap().as_integer().unwrap().next(),
                Some(Some(9_007_199_254_740_993))
            );
            assert!(large.matrix(&["id"]).is_err());
            assert_eq!(kind(&read(b"id\n9007199254740993\n1.5\n").unwrap(), "id"), ColumnType::Text);
        }
        "locale_decimal" => {
            assert_eq!(shape(&CsvReader::new().delimiter(b';').read_bytes(bytes).unwrap()), (1, 2));
            let table = CsvReader::new().delimiter(b';').read_bytes(bytes).unwrap();
            assert_eq!(
                (texts(&table, "a"), texts(&table, "b")),
                (vec!["1,5".to_owned()], vec!["2,5".to_owned()])
            );
            assert!(matches!(error, Some(CsvError::Ragged { .. })), "{error:?}");
        }
        "formula_injection" => {
            let table = table();
            assert_eq!(texts(&table, "name"), ["=cmd|' /C calc'!A0"]);
            assert_eq!(to_csv(&table, CsvOptions::new()).unwrap(), "name,v\n=cmd|' /C calc'!A0,1\n");
            let safe = to_csv(&table, CsvOptions::new().excel_safe(true)).unwrap();
            assert_eq!(safe, "name,v\n'=cmd|' /C calc'!A0,1\n");
        }
        "html_in_header" => assert_eq!(table().names().next(), Some("<img src=x onerror=alert(1)>")),
        "bidi_controls" => {
            assert_eq!(table().names().next(), Some("a\u{202e}b"));
            assert!(table().to_string().contains("a\\u{202e}b"));
        }
        "mixed_type_column" => assert_eq!(texts(&table(), "a"), ["1", "2", "x"]),
        "date_like" => assert_eq!(texts(&table(), "d"), ["2024-02-30", "1/2/3"]),
        _ => return false,
    }
    true
}

#[test]
fn every_case_has_its_outcome() {
    let Some(path) = crate::shared("fixtures/bad_inputs.json") else { return };
    let suite: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut n_checked = 0;
    for case in suite["cases"].as_array().unwrap() {
        if case["target"] == "csv" {
            let id = case["id"].as_str().unwrap();
            assert!(
                check(id, &base64(case["bytes_b64"].as_str().unwrap())),
                "no outcome is written down for {id}"
            );
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 27);
}
