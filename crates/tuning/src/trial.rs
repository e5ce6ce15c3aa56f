//! One candidate: a setting for each name of the space.

use std::collections::BTreeMap;
use std::fmt;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The value of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
    /// One of several names.
    Choice(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Integer(value) => write!(f, "{value}"),
            Setting::Real(value) => write!(f, "{value}"),
            Setting::Choice(value) => f.write_str(value),
        }
    }
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Setting::Real(value)
    }
}

impl From<i64> for Setting {
    fn from(value: i64) -> Self {
        Setting::Integer(value)
    }
}

impl From<&str> for Setting {
    fn from(value: &str) -> Self {
        Setting::Choice(value.to_owned())
    }
}

/// A candidate: what the caller builds an estimator from.
///
/// ```
/// use perennial_tuning::Trial;
///
/// let trial = Trial::new(0, [("alpha", 0.5.into()), ("criterion", "gini".into())]);
/// assert_eq!(trial.real("alpha")?, 0.5);
/// assert_eq!(trial.choice("criterion")?, "gini");
/// assert!(trial.real("beta").is_err());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    number: usize,
    values: BTreeMap<String, Setting>,
}

impl Trial {
    /// A candidate with these settings.
    pub fn new<N: Into<String>>(number: usize, values: impl IntoIterator<Item = (N, Setting)>) -> Self {
        Trial { number, values: values.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }

    /// Its number in the study, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The settings by name.
    pub fn values(&self) -> &BTreeMap<String, Setting> {
        &self.values
    }

    /// A real setting; a whole number serves too.
    ///
    /// # Errors
    /// When there is no such setting, or it is a choice.
    pub fn real(&self, name: &str) -> Result<f64> {
        match self.setting(name)? {
            Setting::Real(value) => Ok(*value),
            Setting::Integer(value) => Ok(*value as f64),
            other => Err(mismatch(name, other, "a real number")),
        }
    }

    /// A whole-number setting.
    ///
    /// # Errors
    /// When there is no such setting, or it is no whole number.
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.setting(name)? {
            Setting::Integer(value) => Ok(*value),
            other => Err(mismatch(name, other, "a whole number")),
        }
    }

    /// A whole-number setting that counts something.
    ///
    /// # Errors
    /// As [`integer`](Trial::integer), or when it is negative.
    pub fn count(&self, name: &str) -> Result<usize> {
        let value = self.integer(name)?;
        usize::try_from(value).map_err(|_| Error::invalid_param(name, value, "a whole number >= 0"))
    }

    /// A setting that is one of several names.
    ///
    /// # Errors
    /// When there is no such setting, or it is a number.
    pub fn choice(&self, name: &str) -> Result<&str> {
        match self.setting(name)? {
            Setting::Choice(value) => Ok(value),
            other => Err(mismatch(name, other, "a choice")),
        }
    }

    fn setting(&self, name: &str) -> Result<&Setting> {
        self.values.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
            Error::unknown(format!("the space has no setting `{name}`; it has: {}", known.join(", ")))
        })
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> =
            self.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        write!(f, "trial {}: {}", self.number, values.join(", "))
    }
}

fn mismatch(name: &str, value: &Setting, asked: &str) -> Error {
    Error::unsupported(format!("setting `{name}` is {value}, which is not {asked}, as was asked for"))
}
