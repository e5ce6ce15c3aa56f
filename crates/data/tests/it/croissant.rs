//! Sources from what Croissant says of them.

use perennial_core::Result;
use perennial_data::{ColumnContract, ColumnType, Contract, Format, Source, Table};

#[test]
fn croissant_is_read() -> Result<()> {
    let table = Table::builder().date("day", [1]).real("sum", [1.0]).boolean("new", [true]).build()?;
    let sum = "ab".repeat(32);
    let written = Source::new("orders", "orders.csv")
        .owner("sales")
        .licence("own")
        .access(["analysts"])
        .description("What was sold")
        .tags(["shop", "day"])
        .sha256(sum.clone());
    let found = Source::from_croissant(&written.to_croissant(&table)?)?;
    let columns = [("day", ColumnType::Date), ("sum", ColumnType::Real), ("new", ColumnType::Boolean)];
    let contract = columns.into_iter().fold(Contract::new().extra_columns(true), |contract, (name, kind)| {
        contract.with(ColumnContract::new(name, kind).nullable(true))
    });
    let expected = Source::new("orders", "orders.csv").owner("sales").licence("own").sha256(sum);
    let expected = expected.description("What was sold").tags(["shop", "day"]).format(Format::Csv);
    assert_eq!(found, [expected.contract(contract)]);
    // Lists, things with names, several files, older words for the same.
    let text = r#"{"@type": "https://schema.org/Dataset", "name": "d", "license": ["CC0", {"name": "MIT"}], "creator": {"name": "Ada"},
        "distribution": [{"@type": "sc:FileObject", "name": "a", "contentUrl": "https://example.org/a?x", "encodingFormat": "text/csv"},
            {"@type": "cr:FileObject", "@id": "b", "contentUrl": "b.parquet"}, {"@type": "cr:FileObject", "@id": "z", "contentUrl": "z.zip"}],
        "recordSet": {"field": [{"name": "n", "dataType": ["cr:Int64", "wd:Q1"], "source": {"distribution": "a"}},
            {"name": "m", "dataType": "sc:ImageObject", "source": {"fileObject": {"@id": "b"}}}, {"name": "k"}]}}"#;
    let found = Source::from_croissant(text)?;
    assert_eq!(found.iter().map(Source::name).collect::<Vec<_>>(), ["a", "b"]);
    let text = toml::to_string(&found[0]).unwrap();
    for part in ["owner = \"Ada\"", "licence = \"CC0, MIT\"", "name = \"n\"", "column_type = \"integer\""] {
        assert!(text.contains(part), "{part} in {text}");
    }
    for (text, says) in [
        ("{", "no JSON"),
        ("[]", "expected `sc:Dataset`"),
        (r#"{"@type": "sc:Dataset"}"#, "none of its 0 files"),
    ] {
        let error = Source::from_croissant(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    Ok(())
}

#[test]
fn croissant_of_others_is_taken_with_care() -> Result<()> {
    // In an archive, parsed by a format, taken out by a pattern, inside of another field.
    let text = r#"{"@type": "sc:Dataset", "name": "d", "distribution": [
            {"@type": "cr:FileObject", "@id": "a", "contentUrl": "a.csv"},
            {"@type": "cr:FileObject", "@id": "b", "contentUrl": "b.csv", "containedIn": {"@id": "z"}}],
        "recordSet": {"field": [
            {"name": "own", "dataType": "sc:Integer", "source": {"fileObject": {"@id": "a"}}},
            {"name": "by name", "dataType": "sc:Text", "source": {"fileObject": {"@id": "a"}, "extract": {"column": "in file"}}},
            {"name": "path", "dataType": "sc:Text", "source": {"fileObject": {"@id": "a"}, "extract": {"fileProperty": "content"}}},
            {"name": "day", "dataType": "sc:Date", "source": {"fileObject": {"@id": "a"}, "format": "%d/%m/%Y"}},
            {"name": "part", "dataType": "sc:Text", "source": {"fileObject": {"@id": "a"}, "regex": "(.*)-"}},
            {"name": "child", "dataType": "sc:Text", "parentField": {"@id": "own"}, "source": {"fileObject": {"@id": "a"}}}]}}"#;
    let found = Source::from_croissant(text)?;
    let columns = [("own", ColumnType::Integer), ("in file", ColumnType::Text)];
    let contract = columns.into_iter().fold(Contract::new().extra_columns(true), |contract, (name, kind)| {
        contract.with(ColumnContract::new(name, kind).nullable(true))
    });
    assert_eq!(found, [Source::new("d", "a.csv").format(Format::Csv).contract(contract)]);
    let archived =
        text.replacen("\"@id\": \"a\", \"contentUrl\"", "\"containedIn\": \"z\", \"contentUrl\"", 1);
    assert!(Source::from_croissant(&archived).unwrap_err().to_string().contains("none of its 2 files"));
    // A text that would come out as its square, and many fields.
    let files = |n: usize, id: &dyn Fn(usize) -> usize| {
        let file =
            |i| format!(r#"{{"@type": "cr:FileObject", "@id": "f{}", "contentUrl": "{i}.csv"}}"#, id(i));
        (0..n).map(file).collect::<Vec<_>>().join(",")
    };
    let of = |files: &str, more: &str| {
        Source::from_croissant(&format!(r#"{{"@type": "sc:Dataset", "distribution": [{files}], {more}}}"#))
    };
    let long = format!(r#""description": "{}""#, "a".repeat(100_000));
    let error = of(&files(2000, &|i| i), &long).unwrap_err().to_string();
    assert!(error.contains("each of its 2000 files would repeat"), "{error}");
    assert_eq!(of(&files(20, &|i| i), &long)?.len(), 20);
    assert!(of(&files(2, &|_| 0), &long).unwrap_err().to_string().contains("are named `f0`"));
    let field = |i| {
        format!(
            r#"{{"name": "n{i}", "dataType": "sc:Text", "source": {{"fileObject": {{"@id": "f{}"}}}}}}"#,
            i % 2
        )
    };
    let fields = (0..40_000).map(field).collect::<Vec<_>>().join(",");
    assert_eq!(of(&files(2, &|i| i), &format!(r#""recordSet": {{"field": [{fields}]}}"#))?.len(), 2);
    Ok(())
}
