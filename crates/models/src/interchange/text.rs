//! Lines of `name=value`.

use std::collections::BTreeMap;
use std::str::FromStr;

use perennial_core::{Error, Result};

/// The lines of one part of a file.
#[derive(Debug, Default)]
pub(super) struct Fields<'t>(BTreeMap<&'t str, &'t str>);

impl<'t> Fields<'t> {
    pub(super) fn read(lines: impl Iterator<Item = &'t str>) -> Result<Self> {
        let mut fields = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            if fields.insert(name, value).is_some() {
                return Err(Error::malformed(format!("`{}` stands there twice", short(name))));
            }
        }
        Ok(Fields(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'t str> {
        self.0.get(name).copied()
    }

    pub(super) fn need(&self, name: &str) -> Result<&'t str> {
        self.get(name).ok_or_else(|| Error::malformed(format!("`{name}` is missing")))
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.need(name)?;
        parse(name, text.trim())
    }

    /// A list of `n` numbers; `what` they are one for each of, for the message.
    pub(super) fn list<T: FromStr>(&self, name: &str, n: usize) -> Result<Vec<T>> {
        let list = self
            .need(name)?
            .split_ascii_whitespace()
            .map(|text| parse(name, text))
            .collect::<Result<Vec<T>>>()?;
        if list.len() != n {
            return Err(Error::malformed(format!("`{name}` has {} entries; expected {n}", list.len())));
        }
        Ok(list)
    }

    /// As [`list`](Fields::list), of finite numbers.
    pub(super) fn finite(&self, name: &str, n: usize) -> Result<Vec<f64>> {
        let list: Vec<f64> = self.list(name, n)?;
        match list.iter().find(|value| !value.is_finite()) {
            None => Ok(list),
            Some(value) => Err(Error::malformed(format!("`{name}` holds {value}; expected finite numbers"))),
        }
    }
}

fn parse<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| {
        Error::malformed(format!("`{name}` holds `{}`, which is no number that fits", short(text)))
    })
}

/// The beginning of what a file says, for a message.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
