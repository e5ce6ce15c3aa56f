//! Plain and quoted scalars of YAML, and collections in brackets.

use serde_json::{Map, Value};

use super::yaml::DEPTH;

/// A plain scalar by the core schema of YAML 1.2.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    let numeric = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    match text.parse::<f64>().ok().filter(|number| numeric && number.is_finite()) {
        Some(number) => Value::from(number),
        None => Value::String(text.to_owned()),
    }
}

/// A flow collection or a quoted text. An error without words means that the text ends too early.
pub(super) struct Flow<'a> {
    pub(super) rest: &'a str,
    pub(super) depth: usize,
}

impl Flow<'_> {
    fn skip(&mut self, char: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(char) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn value(&mut self) -> Result<Value, Option<String>> {
        if self.depth > DEPTH {
            return Err(Some(format!("brackets lie more than {DEPTH} levels deep")));
        }
        self.depth += 1;
        let value = if self.skip('[') {
            let mut items = Vec::new();
            while !self.skip(']') {
                items.push(self.value()?);
                self.comma(']')?;
            }
            Value::Array(items)
        } else if self.skip('{') {
            let mut map = Map::new();
            while !self.skip('}') {
                let name = match self.text(true)? {
                    Value::String(name) => name,
                    other => other.to_string(),
                };
                if !self.skip(':') {
                    return Err(if self.rest.is_empty() {
                        None
                    } else {
                        Some(format!("`{name}` has no colon"))
                    });
                }
                let value = self.value()?;
                map.insert(name, value);
                self.comma('}')?;
            }
            Value::Object(map)
        } else {
            self.text(false)?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn comma(&mut self, close: char) -> Result<(), Option<String>> {
        if self.skip(',') || self.rest.trim_start().starts_with(close) {
            return Ok(());
        }
        Err(if self.rest.trim().is_empty() {
            None
        } else {
            Some(format!("`{}` lacks a comma", self.rest.trim()))
        })
    }

    fn text(&mut self, is_key: bool) -> Result<Value, Option<String>> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Err(None) };
        if first == '\'' {
            let (mut text, mut rest) = (String::new(), &self.rest[1..]);
            loop {
                let end = rest.find('\'').ok_or(None)?;
                text.push_str(&rest[..end]);
                rest = &rest[end + 1..];
                match rest.strip_prefix('\'') {
                    Some(more) => {
                        text.push('\'');
                        rest = more;
                    }
                    None => {
                        self.rest = rest;
                        return Ok(Value::String(text));
                    }
                }
            }
        }
        if first == '"' {
            let mut end = 1;
            let bytes = self.rest.as_bytes();
            while *bytes.get(end).ok_or(None)? != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            let text = serde_json::from_str(&self.rest[..=end]);
            let text =
                text.map_err(|error| Some(format!("a text has an escape that is not understood: {error}")))?;
            self.rest = &self.rest[end + 1..];
            return Ok(text);
        }
        if matches!(first, '&' | '*' | '!') {
            return Err(Some("an anchor, alias or tag is not understood; write the value out".to_owned()));
        }
        let stop = |char: char| matches!(char, ',' | ']' | '}' | '[' | '{') || (is_key && char == ':');
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(plain(text.trim_end()))
    }
}
