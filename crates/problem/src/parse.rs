//! Reads conditions.

use perennial_core::{Error, Result};

use crate::predicate::{Comparison, Condition, Literal};

/// Brackets and `not` may nest this deep.
const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Name(String),
    Literal(Literal),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["<=", ">=", "!=", "<", ">", "=", "(", ")", "[", "]", ","];

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

pub(crate) fn condition(text: &str) -> Result<Condition> {
    let mut parser = Parser { text, tokens: Vec::new(), next: 0, depth: 0 };
    parser.tokenise()?;
    let condition = parser.either()?;
    if parser.next < parser.tokens.len() {
        return Err(parser.bad("something follows the end of the condition"));
    }
    Ok(condition)
}

fn alone(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

impl Parser<'_> {
    fn bad(&self, what: &str) -> Error {
        let shown: String = self.text.chars().take(80).collect();
        Error::malformed(format!(
            "the condition `{shown}` cannot be read: {what}; write it like `age >= 18 and country in ['NO', 'SE']`"
        ))
    }

    fn tokenise(&mut self) -> Result<()> {
        let mut rest = self.text.trim_start();
        while let Some(first) = rest.chars().next() {
            let token;
            if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                token = Token::Sign(sign);
                rest = &rest[sign.len()..];
            } else if first == '\'' || first == '`' {
                let mut content = String::new();
                rest = &rest[1..];
                loop {
                    let end = rest.find(first).ok_or_else(|| self.bad("a quote is not closed"))?;
                    content.push_str(&rest[..end]);
                    rest = &rest[end + 1..];
                    if !rest.starts_with(first) {
                        break;
                    }
                    content.push(first);
                    rest = &rest[1..];
                }
                token =
                    if first == '`' { Token::Name(content) } else { Token::Literal(Literal::Text(content)) };
            } else if first.is_ascii_digit() || "+-.".contains(first) {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
                    .unwrap_or(rest.len());
                let number: f64 = rest[..end]
                    .parse()
                    .map_err(|_| self.bad(&format!("`{}` is not a number", &rest[..end])))?;
                if !number.is_finite() {
                    return Err(self.bad(&format!("`{}` is not a finite number", &rest[..end])));
                }
                token = Token::Literal(Literal::Number(number));
                rest = &rest[end..];
            } else if first.is_alphabetic() || first == '_' {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                token = match &rest[..end] {
                    "true" => Token::Literal(Literal::Boolean(true)),
                    "false" => Token::Literal(Literal::Boolean(false)),
                    word => Token::Word(word.to_owned()),
                };
                rest = &rest[end..];
            } else {
                return Err(self.bad(&format!("`{}` has no meaning here", first.escape_debug())));
            }
            self.tokens.push(token);
            rest = rest.trim_start();
        }
        Ok(())
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Word(next)) if next == word);
        self.next += usize::from(found);
        found
    }

    fn accept_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Condition> {
        let first = self.both()?;
        let mut parts = vec![first];
        while self.accept_word("or") {
            parts.push(self.both()?);
        }
        Ok(alone(parts, Condition::Or))
    }

    fn both(&mut self) -> Result<Condition> {
        let first = self.single()?;
        let mut parts = vec![first];
        while self.accept_word("and") {
            parts.push(self.single()?);
        }
        Ok(alone(parts, Condition::And))
    }

    fn single(&mut self) -> Result<Condition> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.bad("it is nested too deeply"));
        }
        let condition = if self.accept_word("not") {
            Condition::Not(Box::new(self.single()?))
        } else if self.accept_sign("(") {
            let inner = self.either()?;
            if !self.accept_sign(")") {
                return Err(self.bad("a bracket is not closed"));
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition> {
        let name = match self.tokens.get(self.next) {
            Some(Token::Word(name) | Token::Name(name)) => name.clone(),
            _ => return Err(self.bad("the name of a column is expected")),
        };
        self.next += 1;
        if self.accept_word("is") {
            return if self.accept_word("missing") {
                Ok(Condition::Missing(name))
            } else if self.accept_word("present") {
                Ok(Condition::Not(Box::new(Condition::Missing(name))))
            } else {
                Err(self.bad("after `is` comes `missing` or `present`"))
            };
        }
        if self.accept_word("in") {
            return self.list().map(|literals| Condition::In(name, literals));
        }
        let comparison = match self.tokens.get(self.next) {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            _ => return Err(self.bad(&format!("after `{name}` a comparison is expected"))),
        };
        self.next += 1;
        Ok(Condition::Compare(name, comparison, self.literal()?))
    }

    fn list(&mut self) -> Result<Vec<Literal>> {
        if !self.accept_sign("[") {
            return Err(self.bad("after `in` a list in square brackets is expected"));
        }
        let mut literals = vec![self.literal()?];
        while self.accept_sign(",") {
            literals.push(self.literal()?);
        }
        if !self.accept_sign("]") {
            return Err(self.bad("a square bracket is not closed"));
        }
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Literal> {
        let Some(Token::Literal(literal)) = self.tokens.get(self.next) else {
            return Err(self.bad("a number, a text in single quotes, true or false is expected"));
        };
        self.next += 1;
        Ok(literal.clone())
    }
}
