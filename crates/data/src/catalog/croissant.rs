//! A data source in the words of Croissant.

use perennial_core::{Error, Result};
use serde_json::{Value, json};

use super::Source;
use crate::{ColumnType, Format, Table};

impl Source {
    /// The source as JSON-LD of Croissant 1.0 (MLCommons, 2024), which search engines for data and libraries read: name, description,
    /// licence, file with its checksum, and a field for each column of its table. Croissant wants a checksum of the file; without
    /// [`sha256`](Source::sha256) there is none to write.
    ///
    /// ```
    /// use perennial_data::{Source, Table};
    ///
    /// let table = Table::builder().integer("rooms", [3]).text("city", ["Bern"]).build()?;
    /// let text = Source::new("flats", "flats.csv").licence("CC0-1.0").to_croissant(&table)?;
    /// assert!(text.contains(r#""dataType": "sc:Integer""#) && text.contains(r#""license": "CC0-1.0""#));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the format of the file is not known.
    pub fn to_croissant(&self, table: &Table) -> Result<String> {
        let format = self.written_as()?;
        let encoding = match format {
            Format::Csv => "text/csv",
            Format::Tsv => "text/tab-separated-values",
            Format::JsonLines => "application/jsonlines",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Arrow => "application/vnd.apache.arrow.file",
        };
        let mut file = json!({
            "@type": "cr:FileObject",
            "@id": self.location,
            "name": self.location,
            "contentUrl": self.location,
            "encodingFormat": encoding,
        });
        if let Some(sha256) = &self.sha256 {
            file["sha256"] = sha256.to_ascii_lowercase().into();
        }
        let fields: Vec<Value> = table
            .columns()
            .map(|(name, column)| {
                json!({
                    "@type": "cr:Field",
                    "@id": format!("rows/{name}"),
                    "name": name,
                    "dataType": type_of(column.column_type()),
                    "source": { "fileObject": { "@id": self.location }, "extract": { "column": name } },
                })
            })
            .collect();
        let mut data = json!({
            "@context": {
                "@language": "en",
                "@vocab": "https://schema.org/",
                "sc": "https://schema.org/",
                "cr": "http://mlcommons.org/croissant/",
                "dct": "http://purl.org/dc/terms/",
                "conformsTo": "dct:conformsTo",
                "column": "cr:column",
                "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
                "extract": "cr:extract",
                "field": "cr:field",
                "fileObject": "cr:fileObject",
                "recordSet": "cr:recordSet",
                "source": "cr:source",
            },
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": self.name,
            "description": self.description,
            "license": self.licence,
            "distribution": [file],
            "recordSet": [{ "@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields }],
        });
        if !self.owner.is_empty() {
            data["creator"] = self.owner.as_str().into();
        }
        if !self.tags.is_empty() {
            data["keywords"] = self.tags.join(", ").into();
        }
        serde_json::to_string_pretty(&data).map_err(Error::other)
    }
}

fn type_of(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text | ColumnType::Category => "sc:Text",
        ColumnType::Integer => "sc:Integer",
        ColumnType::Real => "sc:Float",
        ColumnType::Boolean => "sc:Boolean",
        ColumnType::Date => "sc:Date",
        ColumnType::DateTime => "sc:DateTime",
    }
}
