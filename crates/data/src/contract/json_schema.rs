//! The part of JSON Schema that says what a single value is.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value};

/// A schema, taken apart.
pub(super) enum JsonSchema {
    /// Accepts all, or nothing.
    Always(bool),
    All(Vec<Word>),
}

/// One word of a schema.
pub(super) enum Word {
    Type(Vec<String>),
    /// The keys of some values.
    Enum(BTreeSet<String>),
    Required(Vec<String>),
    Properties {
        known: BTreeMap<String, JsonSchema>,
        others: Box<JsonSchema>,
    },
    Items(Box<JsonSchema>),
    NItems(f64, f64),
    UniqueItems,
    Between {
        min: f64,
        max: f64,
        above: f64,
        below: f64,
    },
    MultipleOf(f64),
    Length(f64, f64),
    Pattern(Regex),
    AllOf(Vec<JsonSchema>),
    AnyOf(Vec<JsonSchema>),
    OneOf(Vec<JsonSchema>),
    Not(Box<JsonSchema>),
}

/// Words that describe and do not constrain.
const COMMENTS: [&str; 10] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "format",
];

const TYPES: [&str; 7] = ["null", "boolean", "string", "array", "object", "number", "integer"];

impl JsonSchema {
    /// # Errors
    /// What is wrong with the schema, or which word is not known.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        JsonSchema::of(&value)
    }

    fn of(schema: &Value) -> Result<Self, String> {
        let map = match schema {
            Value::Bool(all) => return Ok(JsonSchema::Always(*all)),
            Value::Object(map) => map,
            _ => return Err("a schema is an object, `true` or `false`".to_owned()),
        };
        let mut words = Vec::new();
        for (word, value) in map {
            let wrong = || format!("the value of `{word}` is not what it must be");
            let number = || value.as_f64().ok_or_else(wrong);
            words.push(match word.as_str() {
                "type" => {
                    let names = match value {
                        Value::String(name) => vec![name.clone()],
                        _ => strings(value).ok_or_else(wrong)?,
                    };
                    if let Some(name) = names.iter().find(|name| !TYPES.contains(&name.as_str())) {
                        return Err(format!("`{name}` is no type of JSON"));
                    }
                    Word::Type(names)
                }
                "enum" => Word::Enum(value.as_array().ok_or_else(wrong)?.iter().map(key).collect()),
                "const" => Word::Enum(BTreeSet::from([key(value)])),
                "required" => Word::Required(strings(value).ok_or_else(wrong)?),
                "properties" => {
                    properties(value.as_object().ok_or_else(wrong)?, map.get("additionalProperties"))?
                }
                "additionalProperties" if map.contains_key("properties") => continue,
                "additionalProperties" => properties(&Map::new(), Some(value))?,
                "items" => Word::Items(Box::new(JsonSchema::of(value)?)),
                "minItems" => Word::NItems(number()?, f64::INFINITY),
                "maxItems" => Word::NItems(0.0, number()?),
                "uniqueItems" => match value.as_bool().ok_or_else(wrong)? {
                    true => Word::UniqueItems,
                    false => continue,
                },
                "minimum" => between(|ends| &mut ends.0, number()?),
                "maximum" => between(|ends| &mut ends.1, number()?),
                "exclusiveMinimum" => between(|ends| &mut ends.2, number()?),
                "exclusiveMaximum" => between(|ends| &mut ends.3, number()?),
                "multipleOf" => Word::MultipleOf(number()?),
                "minLength" => Word::Length(number()?, f64::INFINITY),
                "maxLength" => Word::Length(0.0, number()?),
                "pattern" => {
                    let pattern = value.as_str().ok_or_else(wrong)?;
                    Word::Pattern(
                        Regex::new(pattern).map_err(|_| format!("`{pattern}` is no regular expression"))?,
                    )
                }
                "allOf" => Word::AllOf(list(value).ok_or_else(wrong)??),
                "anyOf" => Word::AnyOf(list(value).ok_or_else(wrong)??),
                "oneOf" => Word::OneOf(list(value).ok_or_else(wrong)??),
                "not" => Word::Not(Box::new(JsonSchema::of(value)?)),
                comment if COMMENTS.contains(&comment) => continue,
                _ => return Err(format!("the word `{word}` is not known here; leave it out")),
            });
        }
        Ok(JsonSchema::All(words))
    }

    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self {
            JsonSchema::Always(all) => *all,
            JsonSchema::All(words) => words.iter().all(|word| word.accepts(value)),
        }
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn list(value: &Value) -> Option<Result<Vec<JsonSchema>, String>> {
    value.as_array().map(|items| items.iter().map(JsonSchema::of).collect())
}

fn properties(known: &Map<String, Value>, others: Option<&Value>) -> Result<Word, String> {
    let known = known.iter().map(|(name, schema)| Ok((name.clone(), JsonSchema::of(schema)?)));
    let others = Box::new(others.map_or(Ok(JsonSchema::Always(true)), JsonSchema::of)?);
    Ok(Word::Properties { known: known.collect::<Result<_, String>>()?, others })
}

fn between(end: impl Fn(&mut (f64, f64, f64, f64)) -> &mut f64, value: f64) -> Word {
    let mut ends = (f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
    *end(&mut ends) = value;
    Word::Between { min: ends.0, max: ends.1, above: ends.2, below: ends.3 }
}

/// A text that two values share where they are equal as JSON Schema has it: numbers by their value, objects whatever the order.
/// A request may bring a million values, which are too many to compare each with each.
fn key(value: &Value) -> String {
    let mut key = String::new();
    add_key(value, &mut key);
    key
}

fn add_key(value: &Value, key: &mut String) {
    match value {
        // Zero equals minus zero.
        Value::Number(number) => key.push_str(&format!("{:?}", number.as_f64().map(|number| number + 0.0))),
        Value::Array(items) => {
            key.push('[');
            for item in items {
                add_key(item, key);
                key.push(',');
            }
            key.push(']');
        }
        Value::Object(map) => {
            let parts: BTreeMap<&String, &Value> = map.iter().collect();
            key.push('{');
            for (name, part) in parts {
                key.push_str(&Value::from(name.as_str()).to_string());
                key.push(':');
                add_key(part, key);
                key.push(',');
            }
            key.push('}');
        }
        other => key.push_str(&other.to_string()),
    }
}

impl Word {
    fn accepts(&self, value: &Value) -> bool {
        let within = |count: usize, min: &f64, max: &f64| (*min..=*max).contains(&(count as f64));
        match self {
            Word::Type(names) => names.iter().any(|name| match name.as_str() {
                "null" => value.is_null(),
                "boolean" => value.is_boolean(),
                "string" => value.is_string(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                "number" => value.is_number(),
                "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                _ => false,
            }),
            Word::Enum(keys) => keys.contains(&key(value)),
            Word::Required(names) => {
                value.as_object().is_none_or(|map| names.iter().all(|name| map.contains_key(name)))
            }
            Word::Properties { known, others } => value.as_object().is_none_or(|map| {
                map.iter().all(|(name, value)| known.get(name).unwrap_or(others).accepts(value))
            }),
            Word::Items(schema) => {
                value.as_array().is_none_or(|items| items.iter().all(|item| schema.accepts(item)))
            }
            Word::NItems(min, max) => value.as_array().is_none_or(|items| within(items.len(), min, max)),
            Word::UniqueItems => value.as_array().is_none_or(|items| {
                let mut seen = BTreeSet::new();
                items.iter().all(|item| seen.insert(key(item)))
            }),
            Word::Between { min, max, above, below } => value.as_f64().is_none_or(|number| {
                (*min..=*max).contains(&number)
                    && (*above == f64::NEG_INFINITY || number > *above)
                    && (*below == f64::INFINITY || number < *below)
            }),
            Word::MultipleOf(step) => {
                value.as_f64().is_none_or(|number| *step > 0.0 && (number / step).fract() == 0.0)
            }
            Word::Length(min, max) => {
                value.as_str().is_none_or(|text| within(text.chars().count(), min, max))
            }
            Word::Pattern(pattern) => value.as_str().is_none_or(|text| pattern.is_match(text)),
            Word::AllOf(schemas) => schemas.iter().all(|schema| schema.accepts(value)),
            Word::AnyOf(schemas) => schemas.iter().any(|schema| schema.accepts(value)),
            Word::OneOf(schemas) => schemas.iter().filter(|schema| schema.accepts(value)).count() == 1,
            Word::Not(schema) => !schema.accepts(value),
        }
    }
}
