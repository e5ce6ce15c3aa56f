//! Contracts as JSON Schema of one row, and back.

use std::collections::BTreeSet;

use perennial_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::expect::{Expect, Matching};
use super::rule::Rule;
use super::scalar::{Range, Scalar};
use super::{ColumnContract, Contract};
use crate::ColumnType;

/// The draft that is written.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Contract {
    /// The contract as a JSON Schema (draft 2020-12) of one row, an object by column names: types, missing cells as `null`, ranges,
    /// levels, and of the rules `among`, `between`, `length` and `matches` with a single pattern. What is about several rows or
    /// columns, shares and severities has no words there and is left out.
    ///
    /// ```
    /// use perennial_data::{ColumnContract, ColumnType, Contract};
    ///
    /// let contract = Contract::new().with(ColumnContract::new("age", ColumnType::Integer).min(0.0));
    /// let schema = contract.to_json_schema()?;
    /// assert!(schema.contains(r#""minimum": 0.0"#));
    /// assert_eq!(Contract::from_json_schema(&schema)?, contract);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a bound is infinite or NaN, which JSON cannot hold.
    pub fn to_json_schema(&self) -> Result<String> {
        let mut properties = Map::new();
        for column in &self.columns {
            properties.insert(column.name.clone(), property(column)?);
        }
        for rule in self.rules.iter().filter(|rule| rule.mostly == 1.0) {
            add_rule(&mut properties, &rule.expect)?;
        }
        let required: Vec<&String> = self.columns.iter().map(|column| &column.name).collect();
        let schema = json!({
            "$schema": DRAFT,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": self.extra_columns,
        });
        serde_json::to_string_pretty(&schema).map_err(Error::other)
    }

    /// A contract from a JSON Schema of one row: an object with `properties` of the types `string`, `integer`, `number` and
    /// `boolean`, each perhaps with `null`, and the formats `date` and `date-time`. Understood are `minimum`, `maximum`, the
    /// exclusive ones, `enum`, `const`, `minLength`, `maxLength`, `pattern`, `allOf` of these, `required` and
    /// `additionalProperties`; a string with `enum` is a category. Of a property that is not required cells may be missing.
    ///
    /// # Errors
    /// When the text is no such schema, naming the property and the word that is not understood: a contract that says less than
    /// its source would be kept by data that break it.
    pub fn from_json_schema(text: &str) -> Result<Self> {
        let schema: Value = serde_json::from_str(text).map_err(|error| {
            Error::malformed(format!("the schema is no JSON: {error}")).with_source(error)
        })?;
        let wrong = |what: &str| {
            Error::malformed(format!("the schema {what}; it must describe one row as an object"))
        };
        let schema = schema.as_object().ok_or_else(|| wrong("is no object"))?;
        if schema.get("type").is_some_and(|name| name != "object") {
            return Err(wrong("is not of type object"));
        }
        const KNOWN: [&str; 9] = [
            "$schema",
            "$id",
            "$comment",
            "title",
            "description",
            "type",
            "properties",
            "required",
            "additionalProperties",
        ];
        if let Some(word) = schema.keys().find(|word| !KNOWN.contains(&word.as_str())) {
            return Err(wrong(&format!("has the word `{word}`, which is not understood")));
        }
        let properties =
            schema.get("properties").and_then(Value::as_object).ok_or_else(|| wrong("has no properties"))?;
        let required: Vec<&str> = match schema.get("required") {
            None => Vec::new(),
            Some(names) => names
                .as_array()
                .and_then(|names| names.iter().map(Value::as_str).collect())
                .ok_or_else(|| wrong("has a `required` that is no list of names"))?,
        };
        let extra = match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => true,
            Some(Value::Bool(false)) => false,
            Some(_) => return Err(wrong("has `additionalProperties` that are neither true nor false")),
        };
        let mut contract = Contract::new();
        // An object has no order; the list of what is required has.
        let mut names: Vec<&str> = required.clone();
        names.extend(properties.keys().map(String::as_str));
        let mut seen = BTreeSet::new();
        for name in names.into_iter().filter(|name| seen.insert(*name)) {
            contract = match properties.get(name) {
                Some(property) => read_property(contract, name, property, required.contains(&name))
                    .map_err(|what| Error::malformed(format!("property `{name}` of the schema {what}")))?,
                None => contract.rule(Rule::exists(name)),
            };
        }
        Ok(contract.extra_columns(extra))
    }
}

pub(super) fn number(value: f64) -> Result<Value> {
    serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| {
        Error::unsupported(format!("a bound is {value}, which JSON cannot hold; leave the bound out"))
    })
}

fn scalar(value: &Scalar) -> Result<Value> {
    Ok(match value {
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::Real(value) => number(*value)?,
        Scalar::Text(value) => json!(value),
    })
}

fn property(column: &ColumnContract) -> Result<Value> {
    let mut words = Map::new();
    let (kind, format) = match column.column_type {
        ColumnType::Text | ColumnType::Category => ("string", None),
        ColumnType::Integer => ("integer", None),
        ColumnType::Real => ("number", None),
        ColumnType::Boolean => ("boolean", None),
        ColumnType::Date => ("string", Some("date")),
        ColumnType::DateTime => ("string", Some("date-time")),
    };
    words.insert("type".into(), if column.nullable { json!([kind, "null"]) } else { json!(kind) });
    if let Some(format) = format {
        words.insert("format".into(), json!(format));
    }
    if let Some(min) = column.min {
        words.insert("minimum".into(), number(min)?);
    }
    if let Some(max) = column.max {
        words.insert("maximum".into(), number(max)?);
    }
    if let Some(allowed) = &column.allowed {
        let null = column.nullable.then_some(Value::Null);
        words.insert("enum".into(), allowed.iter().map(|level| json!(level)).chain(null).collect());
    }
    Ok(Value::Object(words))
}

/// Adds what a rule says about the cells of one column, beside what stands there.
fn add_rule(properties: &mut Map<String, Value>, expect: &Expect) -> Result<()> {
    let mut words = Map::new();
    let column = match expect {
        Expect::Among { column, values, not: false } => {
            // A missing cell breaks no rule.
            let values = values.iter().map(scalar).chain([Ok(Value::Null)]).collect::<Result<Vec<_>>>()?;
            words.insert("enum".into(), Value::Array(values));
            column
        }
        Expect::Between { column, range } => {
            let is_number = |end: &Option<Scalar>| {
                end.as_ref().is_none_or(|end| matches!(end, Scalar::Integer(_) | Scalar::Real(_)))
            };
            if !is_number(&range.min) || !is_number(&range.max) {
                return Ok(());
            }
            let word = |left_out: bool, closed: &str, open: &str| {
                if left_out { open.to_owned() } else { closed.to_owned() }
            };
            if let Some(min) = &range.min {
                words.insert(word(range.above_min, "minimum", "exclusiveMinimum"), scalar(min)?);
            }
            if let Some(max) = &range.max {
                words.insert(word(range.below_max, "maximum", "exclusiveMaximum"), scalar(max)?);
            }
            column
        }
        Expect::Length { column, range } => {
            let ends = [("minLength", range.min), ("maxLength", range.max)];
            words.extend(ends.into_iter().filter_map(|(word, end)| Some((word.to_owned(), json!(end?)))));
            column
        }
        Expect::Matches { column, patterns, how: Matching::Any } if patterns.len() == 1 => {
            words.insert("pattern".into(), json!(patterns[0]));
            column
        }
        _ => return Ok(()),
    };
    let place = properties.entry(column.clone()).or_insert_with(|| json!({}));
    let Some(known) = place.as_object_mut() else { return Ok(()) };
    if words.keys().any(|word| known.contains_key(word)) {
        // Both must hold, and a word can stand once.
        let all = known.entry("allOf").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(Value::Object(words));
        }
    } else {
        known.extend(words);
    }
    Ok(())
}

fn read_property(
    contract: Contract,
    name: &str,
    property: &Value,
    is_required: bool,
) -> Result<Contract, String> {
    let words = property.as_object().ok_or("is no object")?;
    let types: Vec<&str> = match words.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Err("has no type; say one of string, integer, number and boolean".to_owned()),
    };
    let nullable = types.contains(&"null") || !is_required;
    let kinds: Vec<&str> = types.into_iter().filter(|kind| *kind != "null").collect();
    let column_type = match (kinds.as_slice(), words.get("format").and_then(Value::as_str)) {
        (["string"], Some("date")) => ColumnType::Date,
        (["string"], Some("date-time")) => ColumnType::DateTime,
        (["string"], _) if words.contains_key("enum") || words.contains_key("const") => ColumnType::Category,
        (["string"], _) => ColumnType::Text,
        (["integer"], _) => ColumnType::Integer,
        (["number"], _) => ColumnType::Real,
        (["boolean"], _) => ColumnType::Boolean,
        _ => {
            return Err(format!(
                "is of type {}; say one of string, integer, number and boolean",
                kinds.join(", ")
            ));
        }
    };
    let mut column = ColumnContract::new(name, column_type).nullable(nullable);
    let mut rules = Vec::new();
    for (word, value) in words {
        let wrong = || format!("has a `{word}` that is not what it must be");
        match word.as_str() {
            "type" | "format" | "title" | "description" | "$comment" | "default" | "examples"
            | "deprecated" => {}
            "minimum" => column = column.min(value.as_f64().ok_or_else(wrong)?),
            "maximum" => column = column.max(value.as_f64().ok_or_else(wrong)?),
            "enum" | "const" if column_type == ColumnType::Category => {
                let levels = values(value).into_iter().map(|value| match value {
                    Scalar::Text(text) => Some(text),
                    _ => None,
                });
                column = column.allowed(levels.collect::<Option<Vec<String>>>().ok_or_else(wrong)?);
            }
            "allOf" => {
                for part in value.as_array().ok_or_else(wrong)? {
                    for (word, value) in part.as_object().ok_or_else(wrong)? {
                        rules.push(rule_of(name, word, value)?);
                    }
                }
            }
            _ => rules.push(rule_of(name, word, value)?),
        }
    }
    Ok(rules.into_iter().fold(contract.with(column), Contract::rule))
}

/// A word of a property as a rule.
pub(super) fn rule_of(name: &str, word: &str, value: &Value) -> Result<Rule, String> {
    let wrong = || format!("has a `{word}` that is not what it must be");
    let end = || bound(value).ok_or_else(wrong);
    let between = |range: Range| Rule::from(Expect::Between { column: name.to_owned(), range });
    let count = || value.as_u64().map(|count| count as usize).ok_or_else(wrong);
    Ok(match word {
        "minimum" => between(Range { min: Some(end()?), ..Range::default() }),
        "maximum" => between(Range { max: Some(end()?), ..Range::default() }),
        "exclusiveMinimum" => between(Range { min: Some(end()?), above_min: true, ..Range::default() }),
        "exclusiveMaximum" => between(Range { max: Some(end()?), below_max: true, ..Range::default() }),
        "minLength" => Rule::length(name, count()?..),
        "maxLength" => Rule::length(name, ..=count()?),
        "pattern" => Rule::matches(name, [value.as_str().ok_or_else(wrong)?]),
        "enum" | "const" => Rule::among(name, values(value)),
        _ => {
            return Err(format!(
                "has the word `{word}`, which is not understood; leave it out and write a rule instead"
            ));
        }
    })
}

/// The values of `enum` or `const`, but for null: that a cell is missing breaks no rule.
fn values(value: &Value) -> Vec<Scalar> {
    match value.as_array() {
        Some(values) => values.iter().filter_map(bound).collect(),
        None => bound(value).into_iter().collect(),
    }
}

fn bound(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(value) => Some(Scalar::Boolean(*value)),
        Value::Number(number) => {
            number.as_i64().map(Scalar::Integer).or_else(|| number.as_f64().map(Scalar::Real))
        }
        Value::String(text) => Some(Scalar::Text(text.clone())),
        _ => None,
    }
}
