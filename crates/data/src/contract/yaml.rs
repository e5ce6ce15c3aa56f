//! The part of YAML 1.2 that contract files use, as JSON values: block and flow collections, plain, quoted and block scalars,
//! comments. Anchors, aliases, tags and several documents are refused, so that a small file cannot become a large one.

use serde_json::{Map, Value};

use super::yaml_flow::{Flow, plain};

/// How deep collections may lie in each other.
pub(super) const DEPTH: usize = 64;

struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

struct Parser<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

type Parsed<T> = Result<T, String>;

/// # Errors
/// What is not understood, and the line.
pub(super) fn parse(text: &str) -> Parsed<Value> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line[indent..].starts_with('\t') {
            return Err(format!("line {number} is indented by a tab; use spaces"));
        }
        if line.starts_with("%") || (line == "---" && lines.iter().any(|line: &Line<'_>| !line.is_empty())) {
            return Err(format!("line {number} starts a directive or another document; keep one document"));
        }
        lines.push(Line {
            number,
            indent,
            text: if line == "---" || line == "..." { "" } else { &line[indent..] },
        });
    }
    let mut parser = Parser { lines, at: 0 };
    let value = parser.node(0, 0)?;
    match parser.peek() {
        None => Ok(value),
        Some(line) => Err(format!("line {} is indented less or more than those before it", line.number)),
    }
}

impl Line<'_> {
    fn is_empty(&self) -> bool {
        self.text.is_empty() || self.text.starts_with('#')
    }
}

/// The text before a comment.
fn without_comment(text: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (None, '#') if before == ' ' => return text[..at].trim_end(),
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':') => quote = Some(char),
            (Some(open), char) if open == char && before != '\\' => quote = None,
            _ => {}
        }
        before = char;
    }
    text
}

/// The key that a line starts with, and what stands after its colon.
fn key(text: &str) -> Option<(String, &str)> {
    if let Some(quote) = text.chars().next().filter(|char| matches!(char, '"' | '\'')) {
        let end = 1 + text[1..].find(quote)?;
        let rest = text[end + 1..].trim_start().strip_prefix(':')?;
        return Some((text[1..end].to_owned(), rest.trim_start()));
    }
    if text.starts_with(['[', '{', '#', '&', '*', '!', '|', '>', '%', '@']) {
        return None;
    }
    let end = text
        .char_indices()
        .find(|&(at, char)| char == ':' && matches!(text.as_bytes().get(at + 1), None | Some(b' ')))?
        .0;
    Some((text[..end].trim_end().to_owned(), text[end + 1..].trim_start()))
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<&Line<'a>> {
        while self.lines.get(self.at).is_some_and(Line::is_empty) {
            self.at += 1;
        }
        self.lines.get(self.at)
    }

    /// What stands here, indented by at least `least`.
    fn node(&mut self, least: usize, depth: usize) -> Parsed<Value> {
        let Some(line) = self.peek() else { return Ok(Value::Null) };
        let (indent, text, number) = (line.indent, line.text, line.number);
        if depth > DEPTH {
            return Err(format!("line {number} lies more than {DEPTH} levels deep"));
        }
        if indent < least {
            return Ok(Value::Null);
        }
        if is_item(text) {
            return self.sequence(indent, depth);
        }
        if key(text).is_some() {
            return self.mapping(indent, depth);
        }
        self.at += 1;
        self.scalar(text, indent, number, depth)
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Parsed<Value> {
        let mut items = Vec::new();
        while let Some(line) = self.peek() {
            if line.indent != indent || !is_item(line.text) {
                break;
            }
            let rest = line.text[1..].trim_start();
            let moved = line.text.len() - rest.len();
            if without_comment(rest).is_empty() || rest.starts_with('#') {
                self.at += 1;
                items.push(self.node(indent + 1, depth + 1)?);
            } else {
                // What follows the dash stands as on a line of its own.
                let at = self.at;
                self.lines[at].indent += moved;
                self.lines[at].text = rest;
                items.push(self.node(indent + 1, depth + 1)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Parsed<Value> {
        let mut map = Map::new();
        while let Some(line) = self.peek() {
            let number = line.number;
            if line.indent != indent || is_item(line.text) {
                break;
            }
            let Some((name, rest)) = key(line.text) else {
                return Err(format!("line {number} has no key; write `name: value`"));
            };
            let rest = if rest.starts_with('#') { "" } else { rest };
            self.at += 1;
            let value = if rest.is_empty() {
                match self.peek() {
                    // Items may stand as far left as their key.
                    Some(next) if next.indent == indent && is_item(next.text) => {
                        self.sequence(indent, depth + 1)?
                    }
                    Some(next) if next.indent > indent => self.node(indent + 1, depth + 1)?,
                    _ => Value::Null,
                }
            } else {
                self.scalar(rest, indent, number, depth)?
            };
            if map.insert(name.clone(), value).is_some() {
                return Err(format!("line {number} has the key `{name}` for the second time"));
            }
        }
        Ok(Value::Object(map))
    }

    /// A value that starts with `text`; lines indented by more than `indent` may go on with it.
    fn scalar(&mut self, text: &'a str, indent: usize, number: usize, depth: usize) -> Parsed<Value> {
        match text.chars().next() {
            Some('&' | '*' | '!' | '@' | '`' | '%') => Err(format!(
                "line {number} has an anchor, alias or tag, which is not understood; write the value out"
            )),
            Some(style @ ('|' | '>')) => Ok(Value::String(self.block(style, &text[1..], indent))),
            Some('[' | '{') => {
                let mut whole = without_comment(text).to_owned();
                loop {
                    let mut flow = Flow { rest: &whole, depth };
                    match flow.value() {
                        Ok(value) if flow.rest.trim().is_empty() => return Ok(value),
                        Ok(_) => return Err(format!("line {number} goes on after its brackets")),
                        Err(Some(what)) => return Err(format!("line {number}: {what}")),
                        Err(None) => {}
                    }
                    let Some(next) = self.peek().filter(|next| next.indent > indent) else {
                        return Err(format!("line {number} has a bracket that is never closed"));
                    };
                    whole.push(' ');
                    whole.push_str(without_comment(next.text));
                    self.at += 1;
                    if whole.len() > 1 << 14 {
                        return Err(format!(
                            "line {number} has brackets around more than 16 KiB on several lines; use lines with dashes"
                        ));
                    }
                }
            }
            Some('"' | '\'') => {
                let mut flow = Flow { rest: without_comment(text), depth };
                match flow.value() {
                    Ok(value) if flow.rest.trim().is_empty() => Ok(value),
                    _ => Err(format!(
                        "line {number} has a quote that is not closed on it; write the text on one line"
                    )),
                }
            }
            _ => {
                let mut whole = without_comment(text).to_owned();
                while let Some(next) = self.peek().filter(|next| next.indent > indent) {
                    whole.push(' ');
                    whole.push_str(without_comment(next.text));
                    self.at += 1;
                }
                Ok(plain(&whole))
            }
        }
    }

    /// A block scalar: `|` keeps its line ends, `>` makes them spaces.
    fn block(&mut self, style: char, header: &str, indent: usize) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut margin = None;
        while let Some(line) = self.lines.get(self.at) {
            // Comments are text here, and so are empty lines.
            if !line.text.is_empty() && line.indent <= indent {
                break;
            }
            let margin = *margin.get_or_insert(line.indent);
            lines.push(format!("{}{}", " ".repeat(line.indent.saturating_sub(margin)), line.text));
            self.at += 1;
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let mut text = lines.join(if style == '|' { "\n" } else { " " });
        if !header.starts_with('-') && !text.is_empty() {
            text.push('\n');
        }
        text
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
            ("a: 1\na: 2", "line 2 has the key `a` for the second time"),
            ("\ta: 1", "tab"),
            ("a: 1\n---\nb: 2", "another document"),
            ("a: [1, 2", "never closed"),
            ("a: \"x", "quote"),
            ("a: {b 1}", "no colon"),
            ("a: [1] 2", "goes on"),
            ("a:\n    b: 1\n  c: 2", "line 3"),
            ("a: 1\nb", "line 2 has no key"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&(0..5000).map(|k| format!("{}a:\n", " ".repeat(k))).collect::<String>()).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
    }
}
