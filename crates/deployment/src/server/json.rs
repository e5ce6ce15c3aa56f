//! JSON as it was sent: no repeated keys, no number out of range, no more values than were agreed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A JSON value. Integers that 64 bits do not hold are `Real`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Map(BTreeMap<String, Json>),
}

/// Why a body is not what it should be.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// It is not JSON.
    Malformed(String),
    /// It has more values than allowed.
    TooMany,
}

impl Json {
    /// Parses a whole body of at most `limit` values; deeper than 128 levels is refused by the parser.
    pub(crate) fn parse(body: &[u8], limit: u64) -> Result<Json, JsonError> {
        let left = Cell::new(limit);
        let mut parser = serde_json::Deserializer::from_slice(body);
        let parsed = Value(&left).deserialize(&mut parser);
        match parsed.and_then(|json| parser.end().map(|()| json)) {
            Ok(json) => Ok(json),
            Err(_) if left.get() == 0 => Err(JsonError::TooMany),
            Err(error) => Err(JsonError::Malformed(error.to_string())),
        }
    }

    /// What it is, for a message; long texts are cut.
    pub(crate) fn describe(&self) -> String {
        match self {
            Json::Null => "null".to_owned(),
            Json::Boolean(value) => value.to_string(),
            Json::Integer(value) => value.to_string(),
            Json::Real(value) => format!("{value:?}"),
            Json::Text(text) => format!("{:?}", text.chars().take(64).collect::<String>()),
            Json::List(_) => "a list".to_owned(),
            Json::Map(_) => "an object".to_owned(),
        }
    }
}

struct Value<'b>(&'b Cell<u64>);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.0.get().checked_sub(1).filter(|&left| left > 0) else {
            self.0.set(0);
            return Err(D::Error::custom("too many values"));
        };
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Real(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Value(self.0))? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the key {shown:?} occurs twice")));
            }
            let value = entries.next_value_seed(Value(self.0))?;
            map.insert(key, value);
        }
        Ok(Json::Map(map))
    }
}
