//! YAML as JSON values. Anchors, aliases, tags and several documents are refused, so that a small file cannot become a large
//! one.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// How deep collections may lie in each other.
const DEPTH: usize = 64;

/// A collection that is being read.
enum Open {
    Items(Vec<Value>),
    /// The entries so far, and the key whose value comes next.
    Entries(Map<String, Value>, Option<String>),
}

/// # Errors
/// What is not understood, and the line.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let (mut whole, mut n_documents) = (Value::Null, 0);
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let at = |what: &str| format!("line {} {what}", span.start.line());
        let plain_only = |anchor: usize, tagged: bool| {
            if anchor == 0 && !tagged { Ok(()) } else { Err(at("has an anchor or a tag; leave it out")) }
        };
        let value = match event {
            Event::DocumentStart(_) => {
                n_documents += 1;
                if n_documents > 1 {
                    return Err(at("starts another document; keep one"));
                }
                continue;
            }
            Event::Alias(_) => return Err(at("has an alias of an anchor; write out what it stands for")),
            Event::SequenceStart(anchor, tag) => {
                plain_only(anchor, tag.is_some())?;
                open.push(Open::Items(Vec::new()));
                None
            }
            Event::MappingStart(anchor, tag) => {
                plain_only(anchor, tag.is_some())?;
                open.push(Open::Entries(Map::new(), None));
                None
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain_only(anchor, tag.is_some())?;
                Some(match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Value::String(text.into_owned()),
                })
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::Items(items)) => Some(Value::Array(items)),
                Some(Open::Entries(entries, _)) => Some(Value::Object(entries)),
                None => None,
            },
            _ => None,
        };
        if open.len() > DEPTH {
            return Err(at(&format!("lies more than {DEPTH} levels deep")));
        }
        let Some(value) = value else { continue };
        match open.last_mut() {
            None => whole = value,
            Some(Open::Items(items)) => items.push(value),
            Some(Open::Entries(entries, key)) => match key.take() {
                Some(name) => {
                    if entries.insert(name.clone(), value).is_some() {
                        return Err(at(&format!("has the key `{name}` for the second time")));
                    }
                }
                None => {
                    *key = Some(match value {
                        Value::String(name) => name,
                        Value::Array(_) | Value::Object(_) => return Err(at("has a key that is no text")),
                        other => other.to_string(),
                    });
                }
            },
        }
    }
    Ok(whole)
}

/// A plain scalar by the core schema of YAML 1.2.
fn plain(text: &str) -> Value {
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

/// A value as YAML in block style; texts are quoted as in JSON, which is YAML too.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    put(&mut out, value, 0);
    out
}

fn put(out: &mut String, value: &Value, indent: usize) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let name = if plain && !name.is_empty() {
                    name.clone()
                } else {
                    Value::from(name.as_str()).to_string()
                };
                out.push_str(&format!("{pad}{name}:"));
                put_after(out, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                if let Value::Object(map) = item {
                    let mut inner = String::new();
                    put(&mut inner, &Value::Object(map.clone()), indent + 1);
                    // The first key stands behind the dash.
                    out.push_str(&format!("{pad}- {}", inner.trim_start()));
                    if map.is_empty() {
                        out.push_str("{}\n");
                    }
                } else {
                    out.push_str(&format!("{pad}-"));
                    put_after(out, item, indent);
                }
            }
        }
        _ => {}
    }
}

fn put_after(out: &mut String, value: &Value, indent: usize) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        put(out, value, indent + 1);
    } else {
        out.push_str(&format!(" {value}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_contract_files_use_is_understood() {
        let text = r#"---
# a comment
version: 1.0.0   # not a number
"quoted key": 'it''s'
n: -3
x: 1.5e3
none:
also_none: ~
yes: true
date: 2024-02-29
url: https://example.org/#part
list:
- a
- "b: \"c\" # no comment"
-   name: x
    deep:
      - 1
      -
        - 2
    flow: [1, 'two', {three: 3, "four": [4]}, ]
text: |
  first
    second # kept

  third
folded: >-
  one
  two
long: plain text
  that goes on
over: [1,
  2]
empty: []
"#;
        let expected = json!({
            "version": "1.0.0", "quoted key": "it's", "n": -3, "x": 1500.0, "none": null, "also_none": null, "yes": true,
            "date": "2024-02-29", "url": "https://example.org/#part",
            "list": ["a", "b: \"c\" # no comment", {"name": "x", "deep": [1, [2]], "flow": [1, "two", {"three": 3, "four": [4]}]}],
            "text": "first\n  second # kept\n\nthird\n", "folded": "one two", "long": "plain text that goes on", "over": [1, 2],
            "empty": []
        });
        let value = parse(text).unwrap();
        assert_eq!(value, expected);
        assert_eq!(parse(&write(&value)).unwrap(), value, "{}", write(&value));
        assert_eq!(parse(&expected.to_string()).unwrap(), expected);
        assert_eq!(parse("").unwrap(), Value::Null);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, words) in [
            ("a: &x 1", "anchor"),
            ("a: *x", "anchor"),
            ("a: !!str 1", "anchor"),
            ("b: 0\na: 1\na: 2", "line 3 has the key `a` for the second time"),
            ("a: 1\n---\nb: 2", "another document"),
            ("? [1, 2]\n: 3", "no text"),
            ("a: [1, 2", "line"),
            ("a: \"x", "line"),
            ("a: [1] 2", "line"),
            ("a:\n    b: 1\n  c: 2", "line"),
            ("a: 1\nb", "line"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&(0..5000).map(|k| format!("{}a:\n", " ".repeat(k))).collect::<String>()).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
    }
}
