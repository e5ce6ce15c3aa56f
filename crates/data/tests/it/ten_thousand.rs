//! Ten thousand small tables with all that is hostile in them survive to be written and read: as CSV, as JSON lines, as Parquet and as
//! Arrow.
//!
//! The tables are those of the seeds 0 to 9999, so what fails once fails again. What a format cannot keep is said here:
//!
//! - CSV has no types. With the schema of the table everything comes back, the levels of categories too, and a missing cell is told
//!   from an empty text by its quotes. Dates outside of the years 0 to 9999 are refused, as are tables without columns.
//! - JSON has no infinite numbers, which are refused, and no types either: read with the schema everything else comes back.
//! - Parquet keeps the types by itself; levels of categories that no row uses may be lost, and their order changed.
//! - Arrow keeps all.

use perennial_data::{
    Column, ColumnType, CsvOptions, CsvReader, NULL_TOKENS, Table, content_hash,
    parse_json_lines_with_schema, to_csv, to_json_lines,
};

use crate::draws::Draws;

const N_TABLES: u64 = 10_000;

/// Texts that a reader might take for something else.
const WORDS: &[&str] = &[
    "",
    " ",
    "  x ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "a\rb",
    "a\nb",
    "\"",
    "\"\"",
    "a\"b",
    "\"a\"",
    "a,b",
    "a;b",
    "a|b",
    "=1+1",
    "+3",
    "-x",
    "@cmd",
    "\t=1",
    "'",
    "''",
    "\\",
    "\\N",
    "#",
    "0",
    "-0",
    "007",
    "1.5",
    "1e309",
    "0x10",
    "1_000",
    "9007199254740993",
    "true",
    "False",
    "2024-02-29",
    "2024-02-30",
    "2024-02-29 23:59",
    "2024-02-29T00:00:00.5Z",
    "\u{feff}",
    "\u{feff}x",
    "\0",
    "a\0b",
    "é",
    "名前",
    "💡",
    "e\u{301}",
    "\u{2028}",
    "\u{202e}",
    "\u{7f}",
    "\u{1}",
    "{",
    "[]",
    "null\n",
    "<b>&amp;</b>",
];

const LETTERS: &[char] = &[
    'a', 'b', '0', '1', '.', '-', ',', ';', '|', '\t', '"', '\'', '\n', '\r', ' ', '=', '\\', '\u{feff}',
    'ß', '字', '🦀', '\0',
];

const REALS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1.0 / 3.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    f64::EPSILON,
    1e15,
    1e16,
    1e17,
    1e22,
    1e23,
    9_007_199_254_740_992.0,
    0.1 + 0.2,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    2.225073858507201e-308,
];

const INTEGERS: &[i64] = &[
    0,
    1,
    -1,
    i64::MAX,
    i64::MIN,
    1 << 53,
    (1 << 53) + 1,
    -(1 << 53) - 1,
    10_000_000,
    99_999_999,
    100_000_000,
];

/// Days, of which the last three lie outside of the years that are written.
const DAYS: &[i32] = &[0, -1, 1, -719_528, 2_932_896, 19_782, -141_428, -719_529, -800_000, 2_932_897];

/// Moments, of which the last two lie outside of the years that are written.
const MOMENTS: &[i64] = &[
    0,
    -1,
    1,
    -1_000_000,
    1_709_251_199_999_999,
    -62_167_219_200_000_000,
    253_402_300_799_999_999,
    -86_400_000_001,
    -62_167_219_200_000_001,
    253_402_300_800_000_000,
];

fn text(draws: &mut Draws) -> String {
    match draws.below(8) {
        0 => NULL_TOKENS[draws.below(NULL_TOKENS.len())].to_owned(),
        1..=4 => WORDS[draws.below(WORDS.len())].to_owned(),
        5 if draws.below(10) == 0 => "long, \"text\"\n".repeat(20),
        _ => (0..draws.below(9)).map(|_| LETTERS[draws.below(LETTERS.len())]).collect(),
    }
}

/// One of the extremes, or any; now and then one that cannot be written as text.
fn near<T: Copy>(draws: &mut Draws, extremes: &[T], n_strange: usize, any: impl Fn(u64) -> T) -> T {
    match draws.below(3) {
        0 => any((draws.below(1 << 32) as u64) << 32 | draws.below(1 << 32) as u64),
        _ if n_strange > 0 && draws.below(400) == 0 => extremes[extremes.len() - 1 - draws.below(n_strange)],
        _ => extremes[draws.below(extremes.len() - n_strange)],
    }
}

fn cells<T>(draws: &mut Draws, n_rows: usize, cell: impl Fn(&mut Draws) -> T) -> Vec<Option<T>> {
    // Some columns have no missing cell, some nothing else.
    let missing = [0, 1, 4, 4, 10][draws.below(5)];
    (0..n_rows).map(|_| (draws.below(10) >= missing).then(|| cell(draws))).collect()
}

fn column(draws: &mut Draws, n_rows: usize) -> Column {
    match draws.below(8) {
        0 | 1 => Column::text(cells(draws, n_rows, text).iter().map(Option::as_deref)),
        2 => Column::category(cells(draws, n_rows, text).iter().map(Option::as_deref)),
        3 => Column::integer(cells(draws, n_rows, |draws| near(draws, INTEGERS, 0, |bits| bits as i64))),
        4 => Column::real(cells(draws, n_rows, |draws| near(draws, REALS, 0, f64::from_bits))),
        5 => Column::boolean(cells(draws, n_rows, |draws| draws.below(2) == 0)),
        6 => Column::date(cells(draws, n_rows, |draws| {
            near(draws, DAYS, 3, |bits| (bits % 3_652_424) as i32 - 719_528)
        })),
        _ => Column::date_time(cells(draws, n_rows, |draws| {
            near(draws, MOMENTS, 2, |bits| (bits % 315_569_520_000_000_000) as i64 - 62_167_219_200_000_000)
        })),
    }
}

fn table(draws: &mut Draws) -> Table {
    let (n_rows, n_cols) = ([0, 1, 2, 5, 20][draws.below(5)], draws.below(9));
    let mut columns: Vec<(String, Column)> = Vec::new();
    while columns.len() < n_cols {
        let name = if draws.below(2) == 0 { format!("c{}", columns.len()) } else { text(draws) };
        if !name.is_empty() && columns.iter().all(|(known, _)| *known != name) {
            columns.push((name, column(draws, n_rows)));
        }
    }
    Table::new(columns).unwrap()
}

/// The name, the type and the cells of a column.
type Told = (String, ColumnType, Vec<Option<String>>);

/// All that is to come back: names, types, what is missing and every cell to the last bit.
fn told(table: &Table) -> (Vec<Told>, String) {
    let cells = |column: &Column| (0..table.n_rows()).map(|row| column.cell(row).map(Into::into)).collect();
    let columns =
        table.columns().map(|(name, column)| (name.to_owned(), column.column_type(), cells(column)));
    (columns.collect(), content_hash(table))
}

fn levels(table: &Table) -> Vec<Vec<String>> {
    table.schema().columns().iter().map(|field| field.levels.clone()).collect()
}

fn any_cell(table: &Table, is: impl Fn(ColumnType, &str) -> bool) -> bool {
    table.columns().any(|(_, column)| {
        (0..table.n_rows()).any(|row| column.cell(row).is_some_and(|cell| is(column.column_type(), &cell)))
    })
}

fn has_odd_year(table: &Table) -> bool {
    any_cell(table, |column_type, cell| {
        let dates = matches!(column_type, ColumnType::Date | ColumnType::DateTime);
        dates && !(cell.as_bytes()[..4].iter().all(u8::is_ascii_digit) && cell.as_bytes()[4] == b'-')
    })
}

#[test]
fn csv() {
    let (mut n_refused, mut n_quoted) = (0, 0);
    for seed in 0..N_TABLES {
        let draws = &mut Draws(seed);
        let table = table(draws);
        let delimiter = *draws.pick(&[&b',', &b';', &b'\t', &b'|']);
        let text = match to_csv(&table, CsvOptions::new().delimiter(delimiter)) {
            Ok(text) => text,
            Err(error) => {
                assert!(table.n_cols() == 0 || has_odd_year(&table), "{seed}: {error}");
                n_refused += 1;
                continue;
            }
        };
        assert!(!has_odd_year(&table), "{seed}: {text}");
        let reader = CsvReader::new().delimiter(delimiter).schema(&table.schema());
        let again =
            reader.read_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{seed}: {error} in {text:?}"));
        assert_eq!(told(&again), told(&table), "{seed}: {text:?}");
        assert_eq!(levels(&again), levels(&table), "{seed}: {text:?}");
        n_quoted += usize::from(text.contains('"'));
    }
    // Else the tables would not be hostile, or hardly any written.
    assert!(n_refused < 2000 && n_quoted > 5000, "{n_refused} {n_quoted}");
}

#[test]
fn json_lines() {
    let mut n_refused = 0;
    for seed in 0..N_TABLES {
        let table = table(&mut Draws(seed));
        let infinite =
            any_cell(&table, |column_type, cell| column_type == ColumnType::Real && cell.ends_with("inf"));
        let text = match to_json_lines(&table) {
            Ok(text) => text,
            Err(error) => {
                assert!(table.n_cols() == 0 || infinite || has_odd_year(&table), "{seed}: {error}");
                n_refused += 1;
                continue;
            }
        };
        assert!(!infinite && !has_odd_year(&table), "{seed}: {text}");
        let again = parse_json_lines_with_schema(text.as_bytes(), &table.schema());
        let again = again.unwrap_or_else(|error| panic!("{seed}: {error} in {text:?}"));
        assert_eq!(told(&again), told(&table), "{seed}: {text:?}");
        assert_eq!(levels(&again), levels(&table), "{seed}: {text:?}");
    }
    assert!(n_refused < 4000, "{n_refused}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet() {
    use perennial_data::{MemoryStore, read_object, write_object};
    let store = MemoryStore::new();
    for seed in 0..N_TABLES {
        let table = table(&mut Draws(seed));
        if let Err(error) = write_object(&table, &store, "table.parquet") {
            assert_eq!(table.n_cols(), 0, "{seed}: {error}");
            continue;
        }
        let again = read_object(&store, "table.parquet").unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert_eq!(told(&again), told(&table), "{seed}");
    }
}

#[cfg(feature = "ipc")]
#[test]
fn arrow() {
    use perennial_data::{MemoryStore, parse_arrow, read_object, to_arrow, write_object};
    let store = MemoryStore::new();
    for seed in 0..N_TABLES {
        let table = table(&mut Draws(seed));
        let stream = match to_arrow(&table) {
            Ok(stream) => stream,
            Err(error) => {
                assert_eq!(table.n_cols(), 0, "{seed}: {error}");
                continue;
            }
        };
        write_object(&table, &store, "table.arrow").unwrap();
        for again in [parse_arrow(stream), read_object(&store, "table.arrow")] {
            let again = again.unwrap_or_else(|error| panic!("{seed}: {error}"));
            assert_eq!(told(&again), told(&table), "{seed}");
            assert_eq!(levels(&again), levels(&table), "{seed}");
        }
    }
}
