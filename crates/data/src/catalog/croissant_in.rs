//! Data sources from what Croissant says of them.

use perennial_core::{Error, Result};
use serde_json::Value;

use super::Source;
use crate::{ColumnContract, ColumnType, Contract, Format};

impl Source {
    /// The sources that JSON-LD of Croissant describes (MLCommons, 2024; versions 0.8 to 1.1): one for each file of a format that is read here, with
    /// its address, checksum, licence, owner and words, and a contract of the fields of its record sets. Croissant says nothing of
    /// missing cells, so all columns may have some; columns whose type is none of ours, and others, may be there.
    ///
    /// ```
    /// use perennial_data::{Source, Table};
    ///
    /// let table = Table::builder().integer("rooms", [3]).text("city", ["Bern"]).build()?;
    /// let flats = Source::new("flats", "flats.csv").licence("CC0-1.0").sha256("ab".repeat(32));
    /// let found = Source::from_croissant(&flats.to_croissant(&table)?)?;
    /// assert_eq!((found.len(), found[0].name()), (1, "flats"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the text is no JSON, is no data set of Croissant, or no file of it can be read here.
    pub fn from_croissant(text: &str) -> Result<Vec<Source>> {
        let data: Value = serde_json::from_str(text)
            .map_err(|error| Error::malformed(format!("it is no JSON: {error}")).with_source(error))?;
        let kind = text_of(&data["@type"]).unwrap_or_default();
        if local(&kind) != "Dataset" {
            return Err(Error::malformed(format!("its `@type` is `{kind}`, expected `sc:Dataset`")));
        }
        let files: Vec<&Value> = items(&data["distribution"])
            .filter(|file| local(&text_of(&file["@type"]).unwrap_or_default()) == "FileObject")
            .collect();
        let readable: Vec<(&Value, String, Format)> = files
            .iter()
            .filter_map(|file| {
                let location = text_of(&file["contentUrl"])?;
                Some((*file, location.clone(), format_of(file, &location)?))
            })
            .collect();
        if readable.is_empty() {
            return Err(Error::unsupported(format!(
                "none of its {} files is CSV, JSON lines, Parquet or Arrow with an address",
                files.len()
            )));
        }
        let name = text_of(&data["name"]).unwrap_or_default();
        let alone = readable.len() == 1 && !name.is_empty();
        let source = |(file, location, format): (&Value, String, Format)| {
            let id = text_of(&file["@id"]).or_else(|| text_of(&file["name"])).unwrap_or_default();
            let mut source = Source::new(if alone { name.clone() } else { id.clone() }, location)
                .format(format)
                .contract(contract(&data, &id))
                .tags(words(&data["keywords"]));
            source.description = text_of(&data["description"]).unwrap_or_default();
            source.licence = items(&data["license"]).filter_map(named).collect::<Vec<_>>().join(", ");
            source.owner = items(&data["creator"]).filter_map(named).collect::<Vec<_>>().join(", ");
            source.sha256 = text_of(&file["sha256"]).map(|sum| sum.to_ascii_lowercase());
            source
        };
        Ok(readable.into_iter().map(source).collect())
    }
}

/// One value, or those of a list.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Value::Array(many) => (many.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    many.iter().chain(one)
}

/// A text, or the first one of a list.
fn text_of(value: &Value) -> Option<String> {
    items(value).find_map(Value::as_str).map(|text| text.trim().to_owned())
}

/// A text, or the name or address of a thing.
fn named(value: &Value) -> Option<String> {
    let of = |key: &str| value.get(key).and_then(text_of);
    value.as_str().map(str::to_owned).or_else(|| of("name")).or_else(|| of("url")).or_else(|| of("@id"))
}

/// Words of a list, or between commas.
fn words(value: &Value) -> Vec<String> {
    let all = items(value).filter_map(Value::as_str).flat_map(|text| text.split(','));
    all.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// `sc:Text`, `https://schema.org/Text` and `Text` are the same.
fn local(term: &str) -> &str {
    term.rsplit(['/', '#', ':']).next().unwrap_or(term)
}

fn format_of(file: &Value, location: &str) -> Option<Format> {
    let mut encodings = items(&file["encodingFormat"]).filter_map(Value::as_str);
    let known = |encoding: &str| match encoding.split(';').next().unwrap_or_default().trim() {
        "text/csv" => Some(Format::Csv),
        "application/jsonlines" | "application/jsonl" | "application/x-ndjson" => Some(Format::JsonLines),
        "application/vnd.apache.parquet" | "application/x-parquet" => Some(Format::Parquet),
        "application/vnd.apache.arrow.file" | "application/vnd.apache.arrow.stream" => Some(Format::Arrow),
        _ => None,
    };
    encodings.find_map(known).or_else(|| Format::of(std::path::Path::new(location)))
}

fn column_type(term: &str) -> Option<ColumnType> {
    Some(match local(term) {
        "Text" | "URL" => ColumnType::Text,
        "Integer" | "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" => {
            ColumnType::Integer
        }
        "Float" | "Number" | "Float16" | "Float32" | "Float64" => ColumnType::Real,
        "Boolean" => ColumnType::Boolean,
        "Date" => ColumnType::Date,
        "DateTime" => ColumnType::DateTime,
        _ => return None,
    })
}

/// What the fields that come from a file say of its columns.
fn contract(data: &Value, file: &str) -> Contract {
    let mut contract = Contract::new().extra_columns(true);
    let mut seen = std::collections::BTreeSet::new();
    let fields = items(&data["recordSet"]).flat_map(|set| items(&set["field"]));
    for field in fields {
        let source = &field["source"];
        let of = |key: &str| text_of(&source[key]["@id"]).or_else(|| text_of(&source[key]));
        if of("fileObject").or_else(|| of("distribution")).as_deref() != Some(file) {
            continue;
        }
        let column = text_of(&source["extract"]["column"]).or_else(|| text_of(&field["name"]));
        let known = items(&field["dataType"]).filter_map(Value::as_str).find_map(column_type);
        // A transformed or repeated column, and one inside of another, is not what stands in the file.
        let plain = source["transform"].is_null()
            && field["repeated"].as_bool() != Some(true)
            && field["isArray"].as_bool() != Some(true);
        if let (Some(column), Some(known), true) = (column, known, plain)
            && seen.insert(column.clone())
        {
            contract = contract.with(ColumnContract::new(column, known).nullable(true));
        }
    }
    contract
}
