//! What others wrote, damaged at random: readers answer with a table or an error, and every way to read gives the same one.
//!
//! Each test makes a few hundred inputs. `MUTATIONS=1000000 cargo test -p perennial-data --test it mutations` makes more of
//! them; the inputs are those of the seeds in the code, so what fails once fails again.

use perennial_data::{
    Column, ColumnType, Contract, CsvOptions, CsvReader, Table, content_hash, parse_json_lines,
    parse_json_lines_with_quarantine, to_csv, to_json_lines,
};

/// How many inputs a test makes.
fn n_inputs(few: u64) -> u64 {
    std::env::var("MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// Numbers that follow from a seed (Steele and Vigna's splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % n.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// What means something to a reader of texts.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x82\xac",
    b"1e309",
    b"-0",
    b"007",
    b"9007199254740993",
    b"18446744073709551616",
    b"2024-02-29",
    b"2024-02-30 24:00",
    b"true",
    b"NA",
    b"nan",
    b"-inf",
    b"1.5",
    b"12345678.12345678",
    b"{",
    b"}",
    b"[",
    b"null",
    b"\\u0000",
    b":",
];

/// A seed with some of its bytes changed, dropped, doubled or moved.
fn mutated(seeds: &[Vec<u8>], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = seeds[draws.below(seeds.len())].clone();
    for _ in 0..1 + draws.below(5) {
        let (at, length) = (draws.below(bytes.len() + 1), draws.below(12));
        let end = (at + length).min(bytes.len());
        match draws.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << draws.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let other = &seeds[draws.below(seeds.len())];
                let start = draws.below(other.len());
                bytes.splice(at..end, other[start..other.len().min(start + 40)].iter().copied());
            }
            4 if at > 0 && draws.below(4) == 0 => bytes.truncate(at),
            _ => {
                let word = draws.pick(WORDS);
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}

fn texts(seeds: &[&str]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

/// What can be told of a table that was read, or that it was not.
fn told(read: perennial_core::Result<Table>) -> Option<(Table, String)> {
    read.ok().map(|table| {
        let hash = content_hash(&table);
        (table, hash)
    })
}

#[test]
fn csv_is_a_table_or_an_error_whichever_way_it_is_read() {
    let mut seeds = texts(&[
        "a,b\n1,2\n3,4\n",
        "a;b\r\n\"x;\r\ny\";2\r\n;\r\n",
        "x\n1\n\n-0.5\n1e300\nNA\ninf\n",
        "id,when,day,on,name\n1,2024-02-29 23:59:59.5,2024-02-29,true,\"he said \"\"hi\"\"\"\n2,,1970-01-01,false,\n",
        "n,t\n1.25,abcdefghijklmnop\n-12345.678901,qrstuvwxyz\n1234567.12345678,\"a,b\"\n",
        "\u{feff}a,a b,c\n,,\n7,8,9",
        "k,v\na,1\nb,2\na,3\nb,4\na,5.5\nb,007\n",
    ]);
    if let Some(path) = crate::shared("fixtures/bad_inputs.json") {
        let suite: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = suite["cases"].as_array().unwrap().iter().filter(|case| case["target"] == "csv");
        seeds.extend(cases.map(|case| crate::bad_csv::base64(case["bytes_b64"].as_str().unwrap())));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mutated.csv");
    for number in 0..n_inputs(400) {
        let draws = &mut Draws(number);
        let bytes = mutated(&seeds, draws);
        let mut reader = CsvReader::new()
            .delimiter(*draws.pick(&[&b',', &b';']))
            .header(draws.below(8) > 0)
            .name_empty_columns(draws.below(2) > 0)
            .trim(draws.below(4) == 0)
            .max_categories([0, 1, 2, 1000][draws.below(4)]);
        if draws.below(6) == 0 {
            let types = [ColumnType::Text, ColumnType::Category, ColumnType::Real, ColumnType::Integer];
            reader = reader.types([("a", types[draws.below(4)])]);
        }
        let whole = told(reader.read_bytes(&bytes));
        let small = reader.clone().block_bytes(1 + draws.below(40));
        assert_eq!(told(small.read_bytes(&bytes)), whole, "{number}: {bytes:?}");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(told(reader.read_path(&path)), whole, "{number}: {bytes:?}");
        assert_eq!(told(small.read_path(&path)), whole, "{number}: {bytes:?}");
        let reported = reader.read_bytes_with_report(&bytes).map(|(table, _)| table);
        assert_eq!(told(reported), whole, "{number}: {bytes:?}");
        let sifted = reader.read_bytes_with_quarantine(&bytes);
        let Some((table, hash)) = whole else { continue };
        let (sound, aside) = sifted.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((content_hash(&sound), aside.n_rows()), (hash.clone(), 0), "{number}: {bytes:?}");
        let parts = reader.scan(&path, 1 << 16).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(parts.len(), 1, "{number}");
        assert_eq!(content_hash(&parts[0]), hash, "{number}: {bytes:?}");
        let text = to_csv(&table, CsvOptions::new()).unwrap();
        let again = CsvReader::new().schema(&table.schema()).read_bytes(text.as_bytes());
        let again = again.unwrap_or_else(|error| panic!("{number}: {error} in {text:?}"));
        assert_eq!(content_hash(&again), hash, "{number}: {text:?}");
    }
}

#[test]
fn json_lines_are_a_table_or_an_error() {
    let seeds = texts(&[
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"b\":null}\n",
        "{\"n\":-0.0,\"t\":\"\\u00e9\\ud83d\\udca1\",\"on\":true}\r\n\r\n{\"on\":false}\n",
        "{\"id\":9007199254740993,\"e\":1e-400,\"l\":1e308}\n",
    ]);
    for number in 0..n_inputs(2000) {
        let bytes = mutated(&seeds, &mut Draws(number));
        let sifted = parse_json_lines_with_quarantine(&bytes);
        let Ok(table) = parse_json_lines(&bytes) else { continue };
        let (sound, aside) = sifted.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((content_hash(&sound), aside.n_rows()), (content_hash(&table), 0), "{number}: {bytes:?}");
        // Infinities have no JSON, and a table without rows has no lines.
        if let Ok(text) = to_json_lines(&table)
            && table.n_rows() > 0
        {
            parse_json_lines(text.as_bytes()).unwrap_or_else(|error| panic!("{number}: {error} in {text:?}"));
        }
    }
}

#[test]
fn contracts_are_read_or_refused() {
    let table = sample();
    let contract = Contract::infer(&table);
    let odcs = contract.to_odcs("people", "1.0.0").unwrap();
    let seeds = texts(&[
        &odcs,
        "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: people\n    properties: []\n",
    ]);
    for number in 0..n_inputs(1000) {
        let bytes = mutated(&seeds, &mut Draws(number));
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((contract, _)) = Contract::from_odcs(&text, "people") {
            let _ = contract.check(&table);
        }
    }
}

fn sample() -> Table {
    Table::builder()
        .integer("id", [1, -2, 3])
        .real("x", [Some(0.1), None, Some(f64::INFINITY)])
        .text("note", [Some("a,\"b\"\n"), Some(""), None])
        .category("kind", [Some("u"), Some("v"), Some("u")])
        .boolean("on", [Some(true), None, Some(false)])
        .column("day", Column::date([Some(-719_528), None, Some(19_000)]))
        .column("at", Column::date_time([Some(0), Some(-1), None]))
        .build()
        .unwrap()
}

#[cfg(feature = "ipc")]
#[test]
fn arrow_is_a_table_or_an_error() {
    use perennial_data::{parse_arrow, to_arrow};
    let seeds = vec![to_arrow(&sample()).unwrap(), to_arrow(&sample().head(0)).unwrap()];
    for number in 0..n_inputs(1000) {
        let bytes = mutated(&seeds, &mut Draws(number));
        if let Ok(table) = parse_arrow(bytes) {
            let again = parse_arrow(to_arrow(&table).unwrap()).unwrap();
            assert_eq!(content_hash(&again), content_hash(&table), "{number}");
        }
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_a_table_or_an_error() {
    use perennial_data::{read_parquet, write_parquet};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mutated.parquet");
    write_parquet(&sample(), &path).unwrap();
    let seeds = vec![std::fs::read(&path).unwrap()];
    for number in 0..n_inputs(300) {
        std::fs::write(&path, mutated(&seeds, &mut Draws(number))).unwrap();
        if let Ok(table) = read_parquet(&path) {
            let _ = content_hash(&table);
        }
    }
}
