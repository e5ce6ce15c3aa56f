//! Data sources from what Croissant says of them.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{Error, Result};
use serde_json::Value;

use super::Source;
use crate::{ColumnContract, ColumnType, Contract, Format};

/// What is said of the whole data set goes into each of its sources. A hostile text could so become as large as its square; this many bytes
/// may come out whatever goes in, and 16 for each byte of the text.
const FREE_BYTES: usize = 64 << 20;

impl Source {
    /// The sources that JSON-LD of Croissant describes (MLCommons, 2024; versions 0.8 to 1.1): one for each file of a format that is read here, with
    /// its address, checksum, licence, owner and words, and a contract of the fields of its record sets that are columns as they stand in the file. Files inside of archives are left out. Croissant says nothing of
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
    /// When the text is no JSON, is no data set of Croissant, or no file of it can be read here; when two files have one name; and when what is
    /// said of the whole would fill more than 64 MiB, and 16 bytes for each one of the text, once each source has it.
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
            .filter(|file| items(&file["containedIn"]).next().is_none())
            .filter_map(|file| {
                let location = text_of(&file["contentUrl"])?;
                Some((*file, location.clone(), format_of(file, &location)?))
            })
            .collect();
        if readable.is_empty() {
            return Err(Error::unsupported(format!(
                "none of its {} files is CSV, JSON lines, Parquet or Arrow with an address of its own, outside of archives",
                files.len()
            )));
        }
        let name = text_of(&data["name"]).unwrap_or_default();
        let alone = readable.len() == 1 && !name.is_empty();
        let joined = |key: &str| items(&data[key]).filter_map(named).collect::<Vec<_>>().join(", ");
        let (licence, owner, tags) = (joined("license"), joined("creator"), words(&data["keywords"]));
        let description = text_of(&data["description"]).unwrap_or_default();
        let of_tags: usize = tags.iter().map(|tag| tag.len() + size_of::<String>()).sum();
        let shared = description.len() + licence.len() + owner.len() + of_tags;
        if shared.saturating_mul(readable.len()) > FREE_BYTES.max(text.len().saturating_mul(16)) {
            return Err(Error::too_large(format!(
                "its description, licence, owner and words have {shared} bytes, which each of its {} files would repeat; shorten them",
                readable.len()
            )));
        }
        let (mut contracts, mut ids) = (contracts(&data), BTreeSet::new());
        let mut source = |(file, location, format): (&Value, String, Format)| {
            let id = text_of(&file["@id"]).or_else(|| text_of(&file["name"])).unwrap_or_default();
            if !id.is_empty() && !ids.insert(id.clone()) {
                return Err(Error::malformed(format!(
                    "two of its files are named `{id}`; give each its own `@id`"
                )));
            }
            let contract = contracts.remove(&id).unwrap_or_else(|| Contract::new().extra_columns(true));
            let mut source = Source::new(if alone { name.clone() } else { id }, location)
                .format(format)
                .contract(contract)
                .tags(tags.iter().cloned());
            source.description.clone_from(&description);
            source.licence.clone_from(&licence);
            source.owner.clone_from(&owner);
            source.sha256 = text_of(&file["sha256"]).map(|sum| sum.to_ascii_lowercase());
            Ok(source)
        };
        readable.into_iter().map(&mut source).collect()
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
        "text/tab-separated-values" => Some(Format::Tsv),
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

/// What the fields say of the columns of each file, by the names of the files.
fn contracts(data: &Value) -> BTreeMap<String, Contract> {
    let mut columns: BTreeMap<String, Vec<ColumnContract>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let fields = items(&data["recordSet"]).flat_map(|set| items(&set["field"]));
    for field in fields {
        let source = &field["source"];
        let of = |key: &str| text_of(&source[key]["@id"]).or_else(|| text_of(&source[key]));
        let Some(file) = of("fileObject").or_else(|| of("distribution")) else { continue };
        // What is taken out in another way than by the name of a column is none.
        let column = match &source["extract"] {
            Value::Null => text_of(&field["name"]),
            extract => text_of(&extract["column"]),
        };
        let known = items(&field["dataType"]).filter_map(Value::as_str).find_map(column_type);
        // A transformed, parsed or repeated column, and one inside of another, is not what stands in the file.
        let plain =
            ["transform", "applyTransform", "format", "regex"].iter().all(|key| source[*key].is_null())
                && ["parentField", "subField"].iter().all(|key| field[*key].is_null())
                && field["repeated"].as_bool() != Some(true)
                && field["isArray"].as_bool() != Some(true);
        if let (Some(column), Some(known), true) = (column, known, plain)
            && seen.insert((file.clone(), column.clone()))
        {
            columns.entry(file).or_default().push(ColumnContract::new(column, known).nullable(true));
        }
    }
    let contract = |(file, columns)| (file, Contract::of(columns).extra_columns(true));
    columns.into_iter().map(contract).collect()
}
