//! The settings of an entry: their names, defaults and ranges, and how given ones are laid over the defaults.

use perennial_core::{Error, Param, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use super::names::{meant, shown};

/// Fields of settings that hold settings of their own; these are given by their own names.
const GROUPS: [&str; 4] = ["draws", "levels", "settings", "svc"];

/// One setting of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The name, as in the builder and in a file.
    pub name: String,
    /// What it is where nothing is set, in JSON; `null` for none.
    pub default: String,
    /// The range of a number, what it means, and where to search it.
    pub param: Option<&'static Param>,
}

/// What serde writes of the defaults, and the ranges of the numbers among them.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    written: Map<String, Value>,
    params: &'static [Param],
}

impl Defaults {
    pub(super) fn new<E: Serialize>(estimator: &E, params: &'static [Param]) -> Self {
        let written = match serde_json::to_value(estimator) {
            Ok(Value::Object(written)) => written,
            _ => Map::new(),
        };
        Defaults { written, params }
    }

    pub(super) fn params(&self) -> &'static [Param] {
        self.params
    }

    /// Every setting with its group, where it stands in one, and its default.
    fn all(&self) -> impl Iterator<Item = (Option<&str>, &str, &Value)> {
        self.written.iter().flat_map(|(name, value)| match value {
            Value::Object(inner) if GROUPS.contains(&name.as_str()) => {
                inner.iter().map(|(own, value)| (Some(name.as_str()), own.as_str(), value)).collect()
            }
            _ => vec![(None, name.as_str(), value)],
        })
    }

    pub(super) fn list(&self) -> Vec<Setting> {
        let param = |name: &str| self.params.iter().find(|param| param.name == name);
        let setting = |(_, name, value): (Option<&str>, &str, &Value)| Setting {
            name: name.to_owned(),
            default: value.to_string(),
            param: param(name),
        };
        self.all().map(setting).collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.all().any(|(_, known, _)| known == name)
    }

    /// The defaults with what is given laid over them.
    ///
    /// # Errors
    /// When something is given that is no setting, or a number is out of its range.
    pub(super) fn with(&self, model: &str, given: Value) -> Result<Value> {
        let given = match given {
            Value::Object(given) => given,
            Value::Null => Map::new(),
            _ => {
                return Err(Error::malformed(format!(
                    "the settings of `{model}` are no list of names with values, such as {{\"alpha\": 1.0}}"
                )));
            }
        };
        let mut all = without_nulls(&self.written);
        for (name, value) in given {
            let Some((group, ..)) = self.all().find(|(_, known, _)| *known == name) else {
                return Err(self.unknown(model, &name));
            };
            self.check(&name, &value)?;
            match group.and_then(|group| all.get_mut(group)).and_then(Value::as_object_mut) {
                Some(inner) => inner.insert(name, value),
                None => all.insert(name, value),
            };
        }
        Ok(Value::Object(all))
    }

    fn check(&self, name: &str, value: &Value) -> Result<()> {
        match (self.params.iter().find(|param| param.name == name), value.as_f64()) {
            (Some(param), Some(number)) => param.check(number),
            _ => Ok(()),
        }
    }

    fn unknown(&self, model: &str, name: &str) -> Error {
        let names: Vec<&str> = self.all().map(|(_, name, _)| name).collect();
        let (near, name) = (meant(name, names.iter().copied()), shown(name));
        let there =
            if names.is_empty() { "it has none".into() } else { format!("it has: {}", names.join(", ")) };
        let join = if near.is_empty() { "; " } else { " " };
        let there = if near.is_empty() { there } else { there.replacen("it has", "It has", 1) };
        Error::unknown(format!("`{model}` has no setting `{name}`{near}{join}{there}"))
    }
}

/// What JSON has no number for is written as null, and so is what is not set: both are what a default is.
fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    let kept = map.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
        let value = match value {
            Value::Object(inner) => Value::Object(without_nulls(inner)),
            other => other.clone(),
        };
        (name.clone(), value)
    });
    kept.collect()
}
