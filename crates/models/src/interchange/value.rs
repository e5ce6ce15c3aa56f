//! What JSON and UBJSON have in common.

use std::fmt::{self, Write};

use perennial_core::{Error, Result, ResultExt};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::text::short;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An array of numbers only.
    Numbers(Vec<f64>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// An array to write in a type of its own.
    Typed(Typed),
}

/// Arrays as XGBoost types them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Typed {
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
}

impl Value {
    /// A map to write.
    pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Self {
        Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A number as XGBoost writes its parameters: in a string.
    pub(super) fn text(value: impl fmt::Display) -> Self {
        Value::Text(value.to_string())
    }

    /// The value under a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries.iter().find(|entry| entry.0 == name).map(|entry| &entry.1),
            _ => None,
        }
    }

    pub(super) fn need(&self, name: &str) -> Result<&Value> {
        self.get(name).ok_or_else(|| Error::malformed(format!("`{name}` is missing")))
    }

    /// The text under a name.
    pub(super) fn need_text(&self, name: &str) -> Result<&str> {
        match self.need(name)? {
            Value::Text(text) => Ok(text),
            _ => Err(Error::malformed(format!("`{name}` is no text"))),
        }
    }

    /// The values under a name.
    pub(super) fn need_list(&self, name: &str) -> Result<&[Value]> {
        match self.need(name)? {
            Value::List(list) => Ok(list),
            Value::Numbers(numbers) if numbers.is_empty() => Ok(&[]),
            _ => Err(Error::malformed(format!("`{name}` is no list"))),
        }
    }

    /// The numbers under a name.
    pub(super) fn need_numbers(&self, name: &str) -> Result<&[f64]> {
        match self.need(name)? {
            Value::Numbers(numbers) => Ok(numbers),
            Value::List(list) if list.is_empty() => Ok(&[]),
            _ => Err(Error::malformed(format!("`{name}` is no list of numbers"))),
        }
    }

    /// The number of things that a parameter counts, written as a number or in a string.
    pub(super) fn need_count(&self, name: &str) -> Result<usize> {
        let count = match self.need(name)? {
            Value::Number(number) => count(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        count.ok_or_else(|| Error::malformed(format!("`{name}` is no count")))
    }

    pub(super) fn from_json(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text);
        value.map_err(|error| Error::malformed(format!("it is no JSON: {error}")).with_source(error))
    }

    pub(super) fn to_json(&self) -> String {
        let mut text = String::new();
        self.write_json(&mut text);
        text
    }

    fn write_json(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Value::Null => write!(out, "null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Number(value) => write!(out, "{value}"),
            Value::Text(text) => write!(out, "{}", serde_json::Value::from(text.as_str())),
            Value::Numbers(list) => write!(out, "{list:?}"),
            Value::Typed(Typed::U8(list)) => write!(out, "{list:?}"),
            Value::Typed(Typed::I32(list)) => write!(out, "{list:?}"),
            Value::Typed(Typed::I64(list)) => write!(out, "{list:?}"),
            Value::Typed(Typed::F32(list)) => write!(out, "{list:?}"),
            Value::List(list) => {
                for (index, value) in list.iter().enumerate() {
                    out.push(if index == 0 { '[' } else { ',' });
                    value.write_json(out);
                }
                write!(out, "{}", if list.is_empty() { "[]" } else { "]" })
            }
            Value::Map(entries) => {
                for (index, (name, value)) in entries.iter().enumerate() {
                    out.push(if index == 0 { '{' } else { ',' });
                    Value::Text(name.clone()).write_json(out);
                    out.push(':');
                    value.write_json(out);
                }
                write!(out, "{}", if entries.is_empty() { "{}" } else { "}" })
            }
        };
    }
}

/// A whole number >= 0.
pub(super) fn count(number: f64) -> Option<usize> {
    (number >= 0.0 && number <= 2f64.powi(53) && number.fract() == 0.0).then_some(number as usize)
}

/// The list that begins with these values, in its tightest form.
pub(super) fn push(list: Value, next: Value) -> Value {
    match (list, next) {
        (Value::Numbers(mut numbers), Value::Number(number)) => {
            numbers.push(number);
            Value::Numbers(numbers)
        }
        (Value::Numbers(numbers), next) => {
            let mut list: Vec<Value> = numbers.into_iter().map(Value::Number).collect();
            list.push(next);
            Value::List(list)
        }
        (Value::List(mut list), next) => {
            list.push(next);
            Value::List(list)
        }
        (other, _) => other,
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut list = Value::Numbers(Vec::new());
        while let Some(next) = sequence.next_element()? {
            list = push(list, next);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// The numbers of a parameter such as `5E-1` or `[1E0,2E0]`.
pub(super) fn numbers_in(text: &str) -> Result<Vec<f64>> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let parse = |word: &str| match word.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(Error::malformed(format!("`{}` is no finite number", short(word)))),
    };
    inner.split(',').map(parse).collect::<Result<Vec<_>>>().context("a parameter")
}
