//! Files made to exhaust the reader.

use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use perennial_core::ErrorKind;
use perennial_data::{Column, ColumnType, CsvError, CsvOptions, CsvReader, Table, to_csv};

fn gzip(chunk: &[u8], n_chunks: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    (0..n_chunks).for_each(|_| encoder.write_all(chunk).unwrap());
    encoder.finish().unwrap()
}

#[test]
fn a_line_without_end_stops_at_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.csv");
    std::fs::write(&path, vec![b'a'; 64 << 20]).unwrap();
    let error = CsvReader::new().read_path(&path).unwrap_err();
    assert_eq!(error.find(), Some(&CsvError::LineTooLong { line: 1, limit: 16 << 20 }));
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }));

    // A record inside of quotes has no line end to stop at, but a length.
    let record = [b"a\n1\n\"".as_slice(), "x\n".repeat(100).as_bytes(), b"\"\n"].concat();
    let error = CsvReader::new().max_line_bytes(150).read_bytes(&record).unwrap_err();
    assert_eq!(error.find(), Some(&CsvError::LineTooLong { line: 3, limit: 150 }));

    let header = [b"a,\"".as_slice(), "x\n".repeat(100).as_bytes(), b"\"\n1,2\n"].concat();
    let error = CsvReader::new().max_line_bytes(150).read_bytes(&header).unwrap_err();
    assert_eq!(error.find(), Some(&CsvError::LineTooLong { line: 1, limit: 150 }));
    assert_eq!(CsvReader::new().max_line_bytes(250).read_bytes(&header).unwrap().n_cols(), 2);
}

#[test]
fn many_columns_are_read_in_time() {
    let header: Vec<String> = (0..100_000).map(|at| format!("c{at}")).collect();
    let text = format!("{}\n{}1\n", header.join(","), "1,".repeat(99_999));
    // The best of three, for other work on the machine is not the reader's.
    let seconds = (0..3).map(|_| {
        let start = Instant::now();
        let table = CsvReader::new().read_bytes(text.as_bytes()).unwrap();
        assert_eq!((table.n_rows(), table.n_cols()), (1, 100_000));
        start.elapsed().as_secs_f64()
    });
    let fastest = seconds.take_while(|seconds| *seconds >= 2.0).count();
    assert!(fastest < 3, "three times it took more than two seconds");
    let error = CsvReader::new().max_columns(99_999).read_bytes(text.as_bytes()).unwrap_err();
    assert_eq!(error.find(), Some(&CsvError::TooManyColumns { got: 100_000, limit: 99_999 }));
}

#[test]
fn a_million_categories_are_read() {
    let mut text = String::from("key\n");
    for row in 0..1_000_000_u64 {
        text += &format!("{:012x}\n", row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    }
    let found = CsvReader::new().read_bytes(text.as_bytes()).unwrap();
    assert_eq!((found.n_rows(), found.column("key").unwrap().column_type()), (1_000_000, ColumnType::Text));
    let asked = CsvReader::new().types([("key", ColumnType::Category)]).read_bytes(text.as_bytes()).unwrap();
    assert_eq!(asked.column("key").unwrap().as_category().unwrap().n_levels(), 1_000_000);
    assert_eq!(asked.column("key").unwrap().cell(7), found.column("key").unwrap().cell(7));
}

#[test]
fn a_gzip_bomb_stops_at_the_limit() {
    // 256 MiB of zeros in about a megabyte, and the same with line ends.
    let reader = CsvReader::new().max_bytes(8 << 20);
    for chunk in [vec![0_u8; 1 << 20], b"0\n".repeat(1 << 19)] {
        let bomb = gzip(&chunk, 256);
        assert!(bomb.len() < 2 << 20);
        let error = reader.read_bytes(&bomb).unwrap_err();
        assert_eq!(error.find(), Some(&CsvError::TooLarge { limit: 8 << 20 }));
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }));
    }
}

/// A zip archive with an entry of this name, as the program `zip` writes it, stored.
fn zip(name: &str, contents: &[u8]) -> Vec<u8> {
    let word = |number: usize, n: usize| number.to_le_bytes()[..n].to_vec();
    let fields =
        [word(0, 2), word(0, 4), word(0, 4), word(contents.len(), 4), word(contents.len(), 4)].concat();
    let names = [word(name.len(), 2), word(0, 2)].concat();
    let local = [b"PK\x03\x04\x14\0\0\0".as_slice(), &fields, &names, name.as_bytes(), contents].concat();
    let tail = [word(0, 2), word(0, 2), word(0, 2), word(0xa1ff_0000, 4), word(0, 4)].concat();
    let central =
        [b"PK\x01\x02\x14\x03\x14\0\0\0".as_slice(), &fields, &names, &tail, name.as_bytes()].concat();
    let end = [word(0, 4), word(1, 2), word(1, 2), word(central.len(), 4), word(local.len(), 4), word(0, 2)]
        .concat();
    [local, central, b"PK\x05\x06".to_vec(), end].concat()
}

/// No archive is unpacked, whatever the names in it lead to: it is an error that says what to do.
#[test]
fn archives_are_refused_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let within = directory.path().join("a").join("b");
    std::fs::create_dir_all(&within).unwrap();
    let target = directory.path().join("x");
    for name in ["../../x", "../../etc/x", target.to_str().unwrap(), "link"] {
        let bytes = zip(name, b"../../x");
        for ending in ["csv", "zip", "jsonl", "xlsx"] {
            let path = within.join(format!("rows.{ending}"));
            std::fs::write(&path, &bytes).unwrap();
            let errors = [
                CsvReader::new().read_path(&path).map(drop).unwrap_err(),
                CsvReader::new().read_bytes(&bytes).map(drop).unwrap_err(),
                CsvReader::new().scan(&path, 1 << 16).map(drop).unwrap_err(),
                CsvReader::new().read_path_with_quarantine(&path).map(drop).unwrap_err(),
                perennial_data::read_json_lines(&path).map(drop).unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }), "{error}");
                let words = error.to_string();
                assert!(words.contains("zip archive") && words.contains("unpack it"), "{words}");
            }
            std::fs::remove_file(&path).unwrap();
        }
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!((left.len(), target.exists()), (1, false), "{name}");
    }
    assert!(CsvReader::new().read_bytes(b"PK\x05\x06").unwrap_err().to_string().contains("zip archive"));
    assert_eq!(CsvReader::new().read_bytes(b"PK\n1\n").unwrap().n_rows(), 1);
}

/// Other encodings are refused with what to do about it.
#[test]
fn other_encodings_are_refused_in_words() {
    let utf16 = |text: &str, little: bool| -> Vec<u8> {
        let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    let text = "name,n\nZ\u{fc}rich,1\nBern,2\n";
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    for (bytes, at) in
        [(utf16(text, true), 1), (utf16(text, false), 1), (latin.clone(), 2), (gzip(&latin, 1), 2)]
    {
        std::fs::write(&path, &bytes).unwrap();
        let scanned = CsvReader::new().scan(&path, 1 << 16).and_then(|mut scan| scan.next().unwrap());
        for error in [
            CsvReader::new().read_bytes(&bytes).map(drop).unwrap_err(),
            CsvReader::new().read_path(&path).map(drop).unwrap_err(),
            scanned.map(drop).unwrap_err(),
        ] {
            assert!(
                matches!(error.find(), Some(CsvError::InvalidUtf8 { line, .. }) if *line == at),
                "{error}"
            );
            let words = error.to_string();
            assert!(words.contains("convert the file, for instance with `iconv -t utf-8`"), "{words}");
        }
    }
}

#[test]
fn gzip_is_read_and_its_damage_found() {
    let packed = gzip(b"a,b\n1,2\n", 1);
    let table = CsvReader::new().read_bytes(&packed).unwrap();
    assert_eq!((table.n_rows(), table.n_cols()), (1, 2));
    for length in 2..packed.len() {
        let error = CsvReader::new().read_bytes(&packed[..length]).unwrap_err();
        assert!(matches!(error.find(), Some(CsvError::Compressed { .. })), "{length}: {error}");
    }
}

/// What the program `zstd` 1.5 writes of two rows and of fifty, with checksums.
#[cfg(feature = "zstd")]
const FRAMES: [&str; 2] =
    ["28b52ffd0458410000612c620a312c320a35e7cace", "28b52ffd04685d000020332c340a010041d425029636a840"];

#[cfg(feature = "zstd")]
#[test]
fn zstd_is_read_frame_by_frame_and_its_damage_found() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let [head, rows] = FRAMES.map(bytes);
    let comment = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let packed = [&comment[..], &head, &comment, &rows, &comment].concat();
    let table = CsvReader::new().read_bytes(&packed).unwrap();
    assert_eq!((table.n_rows(), table.n_cols()), (51, 2));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv.zst");
    std::fs::write(&path, &packed).unwrap();
    assert_eq!(CsvReader::new().read_path(&path).unwrap(), table);
    let store = perennial_data::FolderStore::new(directory.path());
    assert_eq!(perennial_data::read_object(&store, "rows.csv.zst").unwrap(), table);
    let whole = [
        comment.len(),
        comment.len() + head.len(),
        2 * comment.len() + head.len(),
        packed.len() - comment.len(),
    ];
    for length in (4..packed.len()).filter(|length| !whole.contains(length)) {
        let error = CsvReader::new().read_bytes(&packed[..length]).unwrap_err();
        assert!(
            matches!(error.find(), Some(CsvError::Compressed { format: "zstd", .. })),
            "{length}: {error}"
        );
    }
    // A bit of the contents, which the checksum alone sees.
    let mut damaged = head.clone();
    let place = damaged.windows(3).position(|bytes| bytes == b"1,2").unwrap();
    damaged[place] = b'7';
    let error = CsvReader::new().read_bytes(&damaged).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    // Ten gigabytes in a few bytes stop at the limit: blocks of one byte, repeated.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    (0..80_000).for_each(|_| bomb.extend([0x02, 0x00, 0x10, b'\n']));
    let error = CsvReader::new().max_bytes(8 << 20).read_bytes(&bomb).unwrap_err();
    assert_eq!(error.find(), Some(&CsvError::TooLarge { limit: 8 << 20 }));
}

#[test]
fn things_that_are_no_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(
        CsvReader::new().read_path(directory.path()).unwrap_err().kind(),
        ErrorKind::Unsupported { .. }
    ));
    let missing = CsvReader::new().read_path(directory.path().join("none.csv")).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::Io { .. }) && missing.to_string().contains("none.csv"));
}

#[test]
fn settings_are_checked() {
    for reader in [
        CsvReader::new().delimiter(b'"'),
        CsvReader::new().delimiter(b'\n'),
        CsvReader::new().delimiter(200),
        CsvReader::new().max_line_bytes(0),
        CsvReader::new().block_bytes(0),
    ] {
        assert!(matches!(reader.read_bytes(b"a\n1\n").unwrap_err().kind(), ErrorKind::InvalidParam { .. }));
    }
    let reader = CsvReader::new().delimiter(b';').types([("a", ColumnType::Real)]);
    assert_eq!(serde_json::from_str::<CsvReader>(&serde_json::to_string(&reader).unwrap()).unwrap(), reader);
    assert!(serde_json::from_str::<CsvReader>("{\"delimeter\": 59}").is_err());
    let table = Table::new([("a", Column::integer([1]))]).unwrap();
    assert!(to_csv(&table, CsvOptions::new().delimiter(b'\n')).is_err());
    assert!(to_csv(&Table::builder().build().unwrap(), CsvOptions::new()).is_err());
}
