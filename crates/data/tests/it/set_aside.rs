//! Records set aside while reading.

use perennial_core::{ErrorKind, Result};
use perennial_data::{
    ColumnType, CsvReader, Table, parse_json_lines, parse_json_lines_with_quarantine,
    read_json_lines_with_quarantine,
};
use proptest::prelude::*;

fn asides(quarantine: &Table) -> Vec<(i64, String, String)> {
    let text = |name: &str, row| quarantine.column(name).unwrap().cell(row).unwrap().into_owned();
    let lines = quarantine.column("line").unwrap().as_integer().unwrap();
    lines.enumerate().map(|(row, line)| (line.unwrap(), text("record", row), text("reason", row))).collect()
}

#[test]
fn records_of_csv_are_set_aside_with_their_reasons() -> Result<()> {
    let text = b"id,name,x,on\r\n1,\"a\nb\",1.5,true\r\n2,c\r\n\r\n3,d,1e999,true\r\nfour,e,2.5,false\r\n5,f,\xff,true\r\n6,g,3.5,maybe\r\n7,h,NA,NA\r\n8,i,4.5,true,more\r\n9,\"open,5.5,true\r\n10,j,6.5,true";
    let types = [("id", ColumnType::Integer), ("on", ColumnType::Boolean), ("name", ColumnType::Text)];
    let (table, quarantine) = CsvReader::new().types(types).read_bytes_with_quarantine(text)?;
    assert_eq!(table.column("id")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 7]);
    assert_eq!(table.column("x")?.column_type(), ColumnType::Real);
    assert_eq!(table.column("name")?.cell(0).as_deref(), Some("a\nb"));
    let expected = [
        (4, "2,c", "it has 2 cells where the header has 4"),
        (6, "3,d,1e999,true", "column `x`: `1e999` is beyond the range of double precision"),
        (7, "four,e,2.5,false", "column `id`: `four` is not of type integer"),
        (8, "5,f,\u{fffd},true", "it is not UTF-8"),
        (9, "6,g,3.5,maybe", "column `on`: `maybe` is not of type boolean"),
        (11, "8,i,4.5,true,more", "it has 5 cells where the header has 4"),
        (12, "9,\"open,5.5,true\r\n10,j,6.5,true", "a quote opens that is never closed"),
    ];
    assert_eq!(
        asides(&quarantine),
        expected.map(|(line, record, why)| (line, record.to_owned(), why.to_owned()))
    );
    // Levels of a schema, trimmed cells, and long records.
    let schema = Table::builder().category("c", ["a", "b"]).build()?.schema();
    let (table, quarantine) =
        CsvReader::new().schema(&schema).trim(true).read_bytes_with_quarantine(b"c\n a\nz\nb\n")?;
    assert_eq!(
        (table.n_rows(), asides(&quarantine)[0].2.as_str()),
        (2, "column `c`: `z` is none of the levels")
    );
    let long = format!("a,b\n1,2\n3,{}\n", "x".repeat(100));
    let (table, quarantine) =
        CsvReader::new().max_line_bytes(50).read_bytes_with_quarantine(long.as_bytes())?;
    assert_eq!((table.n_rows(), asides(&quarantine)[0].2.as_str()), (1, "it is longer than 50 bytes"));
    assert_eq!(asides(&quarantine)[0].1.chars().count(), 65);
    // A header stays what it must be, and a file of nothing but wrong records has no rows.
    assert!(CsvReader::new().read_bytes_with_quarantine(b"a,a\n1,2\n").is_err());
    assert!(CsvReader::new().read_bytes_with_quarantine(b"").is_err());
    let (table, quarantine) = CsvReader::new().read_bytes_with_quarantine(b"a,b\n1\n2\n")?;
    assert_eq!((table.n_rows(), table.n_cols(), quarantine.n_rows()), (0, 2, 2));
    assert!(CsvReader::new().max_bytes(3).read_bytes_with_quarantine(b"a,b\n1\n").is_err());
    Ok(())
}

proptest! {
    #[test]
    fn what_is_sound_is_read_as_always(table in crate::round_trip::table()) {
        let text = perennial_data::to_csv(&table, perennial_data::CsvOptions::new()).unwrap();
        let (kept, quarantine) = CsvReader::new().read_bytes_with_quarantine(text.as_bytes()).unwrap();
        prop_assert_eq!(kept, CsvReader::new().read_bytes(text.as_bytes()).unwrap());
        prop_assert_eq!(quarantine.n_rows(), 0);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in "[ab\",\n\r1.e9x]{0,60}", types in any::<bool>()) {
        let reader = if types { CsvReader::new().header(false).types([("x0", ColumnType::Real)]) } else { CsvReader::new() };
        if let (Ok(all), Ok((kept, quarantine))) = (reader.read_bytes(bytes.as_bytes()), reader.read_bytes_with_quarantine(bytes.as_bytes())) {
            // What can be read needs no quarantine.
            prop_assert_eq!(quarantine.n_rows(), 0);
            prop_assert_eq!(kept, all);
        }
    }
}

#[test]
fn lines_of_json_are_set_aside_with_their_reasons() -> Result<()> {
    let text = "{\"id\": 1, \"x\": 5}\nno\n{\"id\": \"two\", \"new\": 1}\n\n{\"id\": 3, \"x\": 0.5}\n{\"id\": 4, \"id\": 4}\n{\"id\": 5, \"x\": 9007199254740993}\n";
    let (table, quarantine) = parse_json_lines_with_quarantine(text.as_bytes())?;
    assert_eq!(table.names().collect::<Vec<_>>(), ["id", "x"]);
    assert_eq!(table.column("id")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 3]);
    let found = asides(&quarantine);
    assert_eq!(found.iter().map(|aside| aside.0).collect::<Vec<_>>(), [2, 3, 6, 7]);
    assert!(found[0].2.contains("is no object") && found[1].2.contains("`two` is a text"), "{found:?}");
    assert!(found[2].2.contains("stands twice") && found[3].2.contains("no exact number"), "{found:?}");
    // Without the quarantine the first of these is the error.
    assert!(parse_json_lines(text.as_bytes()).unwrap_err().to_string().contains("line 2"));
    let error = parse_json_lines_with_quarantine(b"no\n").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Empty { .. }), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines.jsonl");
    std::fs::write(&path, text).unwrap();
    assert_eq!(read_json_lines_with_quarantine(&path)?, (table, quarantine));
    Ok(())
}

#[test]
fn what_the_contract_sets_aside_keeps_its_line() -> Result<()> {
    use perennial_data::{ColumnContract, Contract, Rule, Severity};
    let contract = Contract::new()
        .with(ColumnContract::new("id", ColumnType::Integer).unique(true).severity(Severity::Quarantine))
        .with(ColumnContract::new("x", ColumnType::Real).nullable(true).min(0.0))
        .rule(Rule::between("x", ..=9).quarantine());
    let text = b"id,x\n1,2\n\nno,3\n1,4\n5,\"\n\"\n2,99\n3,NA";
    let reader = CsvReader::new().contract(&contract);
    let (table, quarantine) = reader.read_bytes_with_quarantine(text)?;
    assert_eq!(table.column("id")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(asides(&quarantine).iter().map(|aside| aside.0).collect::<Vec<_>>(), [4, 5, 6, 8]);
    assert_eq!(asides(&quarantine)[3].1, "2,99");
    // What fails, fails with a quarantine too; a type that was given stands.
    assert!(reader.read_bytes_with_quarantine(b"id,x\n1,-2\n").is_err());
    assert!(reader.read_bytes(b"id,x\n1,2\n1,2\n").is_err());
    assert!(reader.read_bytes(b"id\n1\n").unwrap_err().to_string().contains('x'));
    let typed = CsvReader::new().types([("id", ColumnType::Text)]).contract(&contract);
    assert!(typed.read_bytes(b"id,x\n1,2\n").unwrap_err().to_string().contains("is of type text"));
    // Part by part.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, "id,x\n1,2\n2,-3\n").unwrap();
    assert!(reader.read_path(&path).is_err());
    assert!(reader.scan(&path, 1 << 16)?.next().unwrap().is_err());
    let saved: CsvReader = toml::from_str(&toml::to_string(&reader).unwrap()).unwrap();
    assert_eq!(saved, reader);
    Ok(())
}
