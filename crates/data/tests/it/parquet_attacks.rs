//! Parquet files that are made to do harm.

use perennial_core::ErrorKind;
use perennial_data::{Column, ParquetCompression, ParquetReader, ParquetWriter, Table, read_parquet};

/// Indices of a dictionary that point behind its end, among others that point elsewhere: every byte behind the dictionary is tried with more bits set.
#[test]
fn indices_beyond_a_dictionary_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.parquet");
    let words = ["alpha", "beta", "gamma"];
    // Three words have indices of two bits, of which 3 is one too many.
    let table = Table::new([("word", Column::text((0..200).map(|row| words[row * row % 7 % 3])))]).unwrap();
    let writer = ParquetWriter::new().compression(ParquetCompression::Uncompressed);
    let mut appender = writer.create(&path).unwrap();
    appender.append(&table).unwrap();
    appender.finish().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let footer =
        sound.len() - 8 - u32::from_le_bytes(*sound[..sound.len() - 4].last_chunk().unwrap()) as usize;
    let last_word = sound[..footer].windows(5).position(|bytes| bytes == b"gamma").unwrap();
    let (mut errors, mut tables) = (0, 0);
    for at in last_word + 5..footer {
        for bits in [0xff, 0xaa, 0x03] {
            let mut bytes = sound.clone();
            bytes[at] |= bits;
            std::fs::write(&path, &bytes).unwrap();
            match read_parquet(&path) {
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::Malformed { .. } | ErrorKind::TooLarge { .. }),
                        "{error}"
                    );
                    errors += 1;
                }
                Ok(table) => {
                    let texts = table.column("word").unwrap();
                    let known = |row| texts.cell(row).is_none_or(|text| words.contains(&&*text));
                    assert!(table.n_rows() == 200 && (0..200).all(known), "byte {at}");
                    tables += 1;
                }
            }
        }
    }
    assert!(errors > 20, "{errors} errors and {tables} tables");
}

/// Pages that grow a thousandfold are refused by what they say of themselves, before they are unpacked.
#[test]
fn pages_that_grow_stop_at_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bomb.parquet");
    // Noise in the first cells, so that no dictionary is made of them; then nothing but one number.
    let n = 4 << 20;
    let cells = (0..n).map(|row| if row < 200_000 { row * 7919 } else { 0 });
    let table = Table::new([("n", Column::integer(cells))]).unwrap();
    for compression in [
        ParquetCompression::Snappy,
        #[cfg(feature = "parquet-zstd")]
        ParquetCompression::Zstd,
    ] {
        let mut appender = ParquetWriter::new().compression(compression).create(&path).unwrap();
        appender.append(&table).unwrap();
        appender.finish().unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        let error = ParquetReader::new().max_bytes(size).read(&path).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{compression:?}: {error}");
        assert_eq!(read_parquet(&path).unwrap().n_rows(), n as usize);
    }
}

/// A number of seven bits a byte.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A file without rows whose one column lies in so many groups within each other, in the compact protocol of Thrift.
fn nested(depth: usize) -> Vec<u8> {
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc];
    varint(&mut footer, depth as u64 + 2);
    let group = [0x35, 0x00, 0x18, 1, b'g', 0x15, 0x02, 0x00];
    footer.extend([0x48, 1, b's', 0x15, 0x02, 0x00]);
    footer.extend(group.repeat(depth));
    footer.extend([0x15, 0x02, 0x25, 0x00, 0x18, 1, b'x', 0x00]);
    footer.extend([0x16, 0x00, 0x19, 0x0c, 0x00]);
    file(&footer)
}

/// A file of nothing but its metadata.
fn file(footer: &[u8]) -> Vec<u8> {
    let length = (footer.len() as u32).to_le_bytes();
    [b"PAR1".as_slice(), footer, &length, b"PAR1"].concat()
}

/// The decoder does not look at the kinds of fields that it knows: what looks at them must not see other columns than it.
#[test]
fn metadata_whose_kinds_are_not_those_of_its_fields_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd.parquet");
    let error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_parquet(&path).unwrap_err()
    };
    for depth in [0, 1_000_000] {
        // The version is said to be a text, as which it would hide the columns.
        let mut bytes = nested(depth);
        bytes[4] = 0x18;
        assert!(matches!(error(&bytes).kind(), ErrorKind::Malformed { .. }), "{depth}");
    }
    // A group of 2^31 - 1 columns, in a list of two.
    let mut footer = vec![0x15, 0x02, 0x19, 0x2c, 0x48, 1, b's', 0x15];
    varint(&mut footer, 0xffff_fffe);
    footer.extend([0x00, 0x15, 0x02, 0x25, 0x00, 0x18, 1, b'x', 0x00, 0x16, 0x00, 0x19, 0x0c, 0x00]);
    assert!(matches!(error(&file(&footer)).kind(), ErrorKind::Malformed { .. }));
    // A scale of decimals that is said to be a text, and a unit of time to be a number of eight bytes.
    for logical in [&[0x5c, 0x18, 0x02, 0x15, 0x04, 0x00][..], &[0x8c, 0x11, 0x1c, 0x17, 0x00, 0x00, 0x00]] {
        let mut footer = vec![0x15, 0x02, 0x19, 0x2c, 0x48, 1, b's', 0x15, 0x02, 0x00];
        footer.extend([0x15, 0x02, 0x25, 0x00, 0x18, 1, b'x', 0x6c]);
        footer.extend(logical);
        footer.extend([0x00, 0x00, 0x16, 0x00, 0x19, 0x0c, 0x00]);
        let message = error(&file(&footer)).to_string();
        assert!(message.contains("its metadata is damaged"), "{message}");
    }
}

#[test]
fn columns_in_groups_in_groups_are_errors_however_deep() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep.parquet");
    std::fs::write(&path, nested(0)).unwrap();
    assert_eq!(read_parquet(&path).unwrap().names().collect::<Vec<_>>(), ["x"]);
    for depth in [1, 10, 100, 1000, 10_000, 1_000_000] {
        std::fs::write(&path, nested(depth)).unwrap();
        let error = read_parquet(&path).unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Malformed { .. } | ErrorKind::Unsupported { .. } | ErrorKind::TooLarge { .. }
            ),
            "{depth}: {error}"
        );
    }
}
