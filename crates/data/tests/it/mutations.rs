//! What others wrote, damaged at random: readers answer with a table or an error, and every way to read gives the same one.
//!
//! Each test makes some hundreds or thousands of inputs. `cargo test -p perennial-data --test it mutations::long -- --ignored` makes a hundred times as
//! many, `MUTATIONS=1000000` before it a million; the inputs are those of the seeds in the code, so what fails once fails again. What damaged files
//! take of memory is held in `memory`.

use perennial_data::{
    Column, ColumnType, Contract, CsvOptions, CsvReader, Table, content_hash, parse_json_lines,
    parse_json_lines_with_quarantine, parse_json_lines_with_schema, read_json_lines, to_csv, to_json_lines,
};

use crate::draws::Draws;

/// How many inputs a test makes.
pub(crate) fn n_inputs(few: u64) -> u64 {
    std::env::var("MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
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
pub(crate) fn mutated(seeds: &[Vec<u8>], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = seeds[draws.below(seeds.len())].clone();
    for _ in 0..1 + draws.below(5) {
        let (at, length) = (draws.below(bytes.len() + 1), draws.below(12));
        let end = (at + length).min(bytes.len());
        match draws.below(10) {
            0 if at < bytes.len() => bytes[at] ^= 1 << draws.below(8),
            // In their places, so that what follows is still found.
            7 => bytes[at..end].fill([0, 1, 0x7f, 0x80, 0xff][draws.below(5)]),
            8 if at < bytes.len() => {
                bytes[at] = bytes[at].wrapping_add(draws.below(32) as u8).wrapping_sub(16)
            }
            9 => bytes[at..end].iter_mut().for_each(|byte| *byte = draws.below(256) as u8),
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
    csv(n_inputs(1000));
}

#[test]
fn json_lines_are_a_table_or_an_error() {
    json_lines(n_inputs(4000));
}

#[test]
fn what_is_compressed_is_a_table_or_an_error() {
    compressed(n_inputs(1000));
}

#[test]
fn contracts_are_read_or_refused() {
    contracts(n_inputs(1000));
}

#[cfg(feature = "ipc")]
#[test]
fn arrow_is_a_table_or_an_error() {
    arrow(n_inputs(4000));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_a_table_or_an_error() {
    parquet(n_inputs(4000));
}

/// The same with more inputs, which take minutes.
mod long {
    use super::n_inputs;

    #[test]
    #[ignore = "takes minutes"]
    fn csv() {
        super::csv(n_inputs(100_000));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn json_lines() {
        super::json_lines(n_inputs(400_000));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn compressed() {
        super::compressed(n_inputs(100_000));
    }

    #[cfg(feature = "ipc")]
    #[test]
    #[ignore = "takes minutes"]
    fn arrow() {
        super::arrow(n_inputs(400_000));
    }

    #[cfg(feature = "parquet")]
    #[test]
    #[ignore = "takes minutes"]
    fn parquet() {
        super::parquet(n_inputs(400_000));
    }
}

fn csv(n: u64) {
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
    for number in 0..n {
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

fn json_lines(n: u64) {
    let seeds = texts(&[
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"b\":null}\n",
        "{\"n\":-0.0,\"t\":\"\\u00e9\\ud83d\\udca1\",\"on\":true}\r\n\r\n{\"on\":false}\n",
        "{\"id\":9007199254740993,\"e\":1e-400,\"l\":1e308}\n",
    ]);
    for number in 0..n {
        let bytes = mutated(&seeds, &mut Draws(number));
        let sifted = parse_json_lines_with_quarantine(&bytes);
        let Ok(table) = parse_json_lines(&bytes) else { continue };
        let (sound, aside) = sifted.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((content_hash(&sound), aside.n_rows()), (content_hash(&table), 0), "{number}: {bytes:?}");
        let text = to_json_lines(&table).unwrap_or_else(|error| panic!("{number}: {error}"));
        let again = parse_json_lines_with_schema(text.as_bytes(), &table.schema());
        let again = again.unwrap_or_else(|error| panic!("{number}: {error} in {text:?}"));
        assert_eq!(content_hash(&again), content_hash(&table), "{number}: {text:?}");
    }
}

/// CSV and JSON lines in gzip.
fn compressed(n: u64) {
    use flate2::{Compression, write::GzEncoder};
    let zipped = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let table = sample().drop(&["x"]).unwrap();
    let seeds = [to_csv(&table, CsvOptions::new()).unwrap(), to_json_lines(&table).unwrap()]
        .map(|text| zipped(&text));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mutated.gz");
    for number in 0..n {
        std::fs::write(&path, mutated(&seeds, &mut Draws(number))).unwrap();
        for read in [CsvReader::new().read_path(&path), read_json_lines(&path)].into_iter().flatten() {
            let _ = content_hash(&read);
        }
    }
}

fn contracts(n: u64) {
    let table = sample();
    let contract = Contract::infer(&table);
    let odcs = contract.to_odcs("people", "1.0.0").unwrap();
    let seeds = texts(&[
        &odcs,
        "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: people\n    properties: []\n",
    ]);
    for number in 0..n {
        let bytes = mutated(&seeds, &mut Draws(number));
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((contract, _)) = Contract::from_odcs(&text, "people") {
            let _ = contract.check(&table);
        }
    }
}

pub(crate) fn sample() -> Table {
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
fn arrow(n: u64) {
    use perennial_data::{parse_arrow, to_arrow};
    let seeds = vec![to_arrow(&sample()).unwrap(), to_arrow(&sample().head(0)).unwrap()];
    for number in 0..n {
        let bytes = mutated(&seeds, &mut Draws(number));
        if let Ok(table) = parse_arrow(bytes) {
            let again = parse_arrow(to_arrow(&table).unwrap()).unwrap();
            assert_eq!(content_hash(&again), content_hash(&table), "{number}");
        }
    }
}

/// Files of one row group and of several, with each codec that is read and both versions of pages.
#[cfg(feature = "parquet")]
fn parquet(n: u64) {
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::Compression;
    use ::parquet::file::properties::{WriterProperties, WriterVersion};
    use perennial_data::{MemoryStore, ObjectStore, ParquetReader, read_object};
    let table = Table::concat(&[sample(), sample(), sample()]).unwrap();
    let batch = table.to_record_batch().unwrap();
    let seed = |compression, version, n_rows| {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_writer_version(version)
            .set_max_row_group_row_count(Some(n_rows))
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    let (one, two) = (WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0);
    let seeds = [
        seed(Compression::SNAPPY, one, 100),
        seed(Compression::SNAPPY, two, 2),
        seed(Compression::LZ4_RAW, one, 4),
        seed(Compression::UNCOMPRESSED, two, 100),
    ];
    let store = MemoryStore::new();
    for seed in &seeds {
        store.put("sound.parquet", seed).unwrap();
        assert_eq!(content_hash(&read_object(&store, "sound.parquet").unwrap()), content_hash(&table));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mutated.parquet");
    let mut n_read = 0;
    for number in 0..n {
        let bytes = mutated(&seeds, &mut Draws(number));
        store.put("mutated.parquet", &bytes).unwrap();
        let read = told(read_object(&store, "mutated.parquet"));
        n_read += usize::from(read.is_some());
        if number % 8 == 0 {
            std::fs::write(&path, &bytes).unwrap();
            let again = told(ParquetReader::new().read(&path));
            assert_eq!(again.map(|(_, hash)| hash), read.map(|(_, hash)| hash), "{number}");
            let scanned =
                ParquetReader::new().scan(&path, 2).map(|scan| scan.take(100).filter(Result::is_ok).count());
            let _ = scanned;
        }
    }
    assert!(n_read > 0, "every mutation was refused, so that hardly any reached the pages");
}
