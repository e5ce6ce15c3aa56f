//! Filters: a closed grammar that becomes SQL in which every value is bound.

use perennial_core::{Error, Result};
use rusqlite::types::Value;

/// A filter as a SQL condition and the values bound to it.
pub(crate) struct Filter {
    pub(crate) sql: String,
    pub(crate) bound: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Operator(&'static str),
    Number(f64),
    Text(String),
}

const OPERATORS: [&str; 6] = ["<=", ">=", "!=", "<", ">", "="];

fn bad(filter: &str, what: &str) -> Error {
    let shown: String = filter.chars().take(80).collect();
    Error::malformed(format!(
        "the filter `{shown}` cannot be read: {what}; write it like `metrics.mae < 60 and params.model = 'ridge'`"
    ))
}

impl Filter {
    pub(crate) fn parse(filter: &str) -> Result<Filter> {
        let tokens = tokens(filter)?;
        let (mut conditions, mut bound) = (Vec::new(), Vec::new());
        for part in
            tokens.split(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("and")))
        {
            let [Token::Word(field), Token::Operator(operator), value] = part else {
                return Err(bad(filter, "each part must be a field, a comparison and a value"));
            };
            conditions.push(condition(filter, field, operator, value, &mut bound)?);
        }
        Ok(Filter { sql: conditions.join(" AND "), bound })
    }
}

fn condition(
    filter: &str,
    field: &str,
    operator: &str,
    value: &Token,
    bound: &mut Vec<Value>,
) -> Result<String> {
    let mut bind = |value: Value| {
        bound.push(value);
        format!("?{}", bound.len())
    };
    let text = |value: &Token| match value {
        Token::Text(text) => Ok(Value::Text(text.clone())),
        Token::Number(number) => Ok(Value::Text(number.to_string())),
        _ => Err(bad(filter, "right of a comparison stands a number or a text in single quotes")),
    };
    if matches!(field, "name" | "experiment" | "status") {
        return Ok(format!("runs.{field} {operator} {}", bind(text(value)?)));
    }
    let Some((kind, key)) = field.split_once('.') else {
        return Err(bad(filter, &format!("`{field}` is not a field")));
    };
    let key = bind(Value::Text(key.to_owned()));
    let kind = match kind {
        "metrics" => {
            let Token::Number(number) = value else {
                return Err(bad(filter, "a metric is compared with a number"));
            };
            let number = bind(Value::Real(*number));
            let latest = format!(
                "SELECT value FROM metrics WHERE run = runs.id AND key = {key} ORDER BY step DESC, rowid DESC LIMIT 1"
            );
            return Ok(format!("({latest}) {operator} {number}"));
        }
        "params" => "param",
        "tags" => "tag",
        "data" => "data",
        _ => return Err(bad(filter, &format!("`{kind}` is not one of metrics, params, tags, data"))),
    };
    let stored = format!("SELECT value FROM facts WHERE run = runs.id AND kind = '{kind}' AND key = {key}");
    match value {
        // Settings are stored as text; a number is compared with what the text means.
        Token::Number(number) => {
            let number = bind(Value::Real(*number));
            // SQLite casts words to 0; only what is a number is compared with one.
            Ok(format!(
                "(SELECT CASE WHEN NOT json_valid(value) THEN NULL WHEN json_type(value) IN ('integer', 'real') THEN CAST(value AS REAL) END FROM facts WHERE run = runs.id AND kind = '{kind}' AND key = {key}) {operator} {number}"
            ))
        }
        _ => Ok(format!("({stored}) {operator} {}", bind(text(value)?))),
    }
}

fn tokens(filter: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = filter.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            tokens.push(Token::Operator(operator));
            rest = &rest[operator.len()..];
        } else if first == '\'' {
            let (text, after) = quoted(filter, &rest[1..])?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if first.is_ascii_digit() || "+-".contains(first) {
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
            let number = rest[..end]
                .parse()
                .map_err(|_| bad(filter, &format!("`{}` is not a number", &rest[..end])))?;
            tokens.push(Token::Number(number));
            rest = &rest[end..];
        } else if first.is_ascii_alphabetic() {
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(rest.len());
            let mut word = rest[..end].to_owned();
            rest = &rest[end..];
            if word.ends_with('.') && rest.starts_with('`') {
                let inner = &rest[1..];
                let end = inner.find('`').ok_or_else(|| bad(filter, "a backtick is not closed"))?;
                word.push_str(&inner[..end]);
                rest = &inner[end + 1..];
            }
            tokens.push(Token::Word(word));
        } else {
            return Err(bad(filter, &format!("`{}` has no meaning here", first.escape_debug())));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Text up to the closing quote; a quote inside is written twice.
fn quoted<'a>(filter: &str, rest: &'a str) -> Result<(String, &'a str)> {
    let mut text = String::new();
    let mut rest = rest;
    loop {
        let end = rest.find('\'').ok_or_else(|| bad(filter, "a quote is not closed"))?;
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                text.push('\'');
                rest = after;
            }
            None => return Ok((text, rest)),
        }
    }
}
