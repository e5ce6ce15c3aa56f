//! Rows as maps of names to numbers or texts.

mod dict;
#[cfg(feature = "table")]
mod hasher;

pub use dict::{DictVectorizer, DictVectorizerModel};
#[cfg(feature = "table")]
pub use hasher::{FeatureHasher, FeatureHasherModel};

use std::collections::BTreeMap;

use perennial_core::{Csr, Error, Features, Matrix, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A row whose fields have names: what a row does not have is 0.
pub type Record = BTreeMap<String, FieldValue>;

/// What a field of a [`Record`] holds: in JSON and its like the bare number or text, in bytes with its kind before it.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A number, in a column of the name of the field.
    Number(f64),
    /// A text, a 1 in a column of the name and the text.
    Text(String),
}

/// How a field is read where formats tell numbers from texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bare {
    Number(f64),
    Text(String),
}

/// How a field is read where formats do not.
#[derive(Deserialize)]
enum Tagged {
    Number(f64),
    Text(String),
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let bare = serializer.is_human_readable();
        match self {
            FieldValue::Number(number) if bare => serializer.serialize_f64(*number),
            FieldValue::Text(text) if bare => serializer.serialize_str(text),
            FieldValue::Number(number) => {
                serializer.serialize_newtype_variant("FieldValue", 0, "Number", number)
            }
            FieldValue::Text(text) => serializer.serialize_newtype_variant("FieldValue", 1, "Text", text),
        }
    }
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Ok(match Bare::deserialize(deserializer)? {
                Bare::Number(number) => FieldValue::Number(number),
                Bare::Text(text) => FieldValue::Text(text),
            });
        }
        Ok(match Tagged::deserialize(deserializer)? {
            Tagged::Number(number) => FieldValue::Number(number),
            Tagged::Text(text) => FieldValue::Text(text),
        })
    }
}

impl From<f64> for FieldValue {
    fn from(number: f64) -> Self {
        FieldValue::Number(number)
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        FieldValue::Text(text.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        FieldValue::Text(text)
    }
}

/// The number of a field; refuses what is not finite.
fn number(row: usize, name: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::malformed(format!(
        "field `{name}` of row {row} is {value}; leave out fields that are missing, and give finite numbers"
    )))
}

/// Sparse rows from the cells of each, in any order; those of one column add up.
fn sparse(rows: impl Iterator<Item = Result<Vec<(u32, f64)>>>, features: &Features) -> Result<Matrix> {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for (row, cells) in rows.enumerate() {
        let mut cells = cells?;
        // Stable, so that the order of a sum is that of the names.
        cells.sort_by_key(|(column, _)| *column);
        for run in cells.chunk_by(|a, b| a.0 == b.0) {
            let sum: f64 = run.iter().map(|(_, value)| value).sum();
            if !sum.is_finite() {
                return Err(Error::overflow(format!(
                    "the numbers of the fields of row {row} in column `{}` add up to more than an `f64` can hold; give smaller ones",
                    features.name(run[0].0 as usize)
                )));
            }
            if sum != 0.0 {
                indices.push(run[0].0);
                values.push(sum);
            }
        }
        indptr.push(indices.len());
    }
    Matrix::from_sparse(Csr::new(features.len(), indptr, indices, values)?, features.clone())
}
