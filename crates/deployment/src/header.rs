//! What an artifact says about itself.

use std::collections::BTreeSet;

use perennial_core::{Error, Result};
use perennial_data::Schema;
use serde::{Deserialize, Serialize};

use crate::layout::Section;
use crate::name::check_name;

/// The fields of a model card that an artifact can carry, see [`ArtifactBuilder::card`](crate::ArtifactBuilder::card).
pub const CARD_FIELDS: &[&str] = &[
    "intended_use",
    "limitations",
    "ethical_considerations",
    "owner",
    "licence",
    "description",
    "out_of_scope_use",
    "factors",
    "training_data",
    "evaluation_data",
    "caveats",
    "contact",
    "citation",
];

/// What a model is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// One number per row.
    Regression,
    /// One of these classes per row.
    Classification {
        /// The names of the classes in the order of their codes.
        classes: Vec<String>,
    },
}

/// A measured quality, with its interval and the slice of the data where it was measured, if any.
///
/// ```
/// use perennial_deployment::Metric;
///
/// let metric = Metric::new("mae", 74.1).interval(71.5, 76.9, 0.95).slice("weekend");
/// assert_eq!(metric.interval, Some((71.5, 76.9, 0.95)));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Metric {
    /// The name of the metric.
    pub name: String,
    /// The slice of the data; nothing where it is all of it.
    pub slice: Option<String>,
    /// The measured value.
    pub estimate: f64,
    /// The lower bound, the upper bound and the level of confidence between 0 and 1.
    pub interval: Option<(f64, f64, f64)>,
}

impl Metric {
    /// A metric over all of the data.
    pub fn new(name: impl Into<String>, estimate: f64) -> Self {
        Metric { name: name.into(), slice: None, estimate, interval: None }
    }

    /// Adds a confidence interval; `level` is between 0 and 1.
    #[must_use]
    pub fn interval(mut self, low: f64, high: f64, level: f64) -> Self {
        self.interval = Some((low, high, level));
        self
    }

    /// Says in which slice of the data it was measured.
    #[must_use]
    pub fn slice(mut self, slice: impl Into<String>) -> Self {
        self.slice = Some(slice.into());
        self
    }

    fn check(&self) -> Result<()> {
        let (low, high, level) = self.interval.unwrap_or((self.estimate, self.estimate, 0.5));
        let finite = self.estimate.is_finite() && low.is_finite() && high.is_finite();
        if !(finite && low <= high && level > 0.0 && level < 1.0) {
            return Err(Error::malformed(format!(
                "metric `{}` is {} in the interval {:?}; it needs finite numbers, low <= high and a level between 0 and 1",
                self.name, self.estimate, self.interval
            )));
        }
        Ok(())
    }
}

/// Which data was used, proven by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataRecord {
    /// What the data was used for, such as `training`.
    pub name: String,
    /// The number of rows.
    pub n_rows: u64,
    /// The number of columns.
    pub n_cols: u64,
    /// The [`content_hash`](perennial_data::content_hash) of the table.
    pub hash: String,
}

/// The header of an artifact: everything but the bytes of the sections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) library: String,
    pub(crate) kind: String,
    pub(crate) task: Task,
    pub(crate) target: Option<String>,
    pub(crate) input: Schema,
    pub(crate) seed: Option<u64>,
    pub(crate) data: Vec<DataRecord>,
    // Lists of pairs, because a repeated key of a JSON object would go unnoticed.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) card: Vec<(String, String)>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) sections: Vec<Section>,
}

impl Header {
    /// Refuses what no builder writes, so that nobody after it has to check again.
    pub(crate) fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        if self.version.is_empty() || self.version.len() > 100 || self.version.chars().any(char::is_control) {
            return Err(Error::invalid_name(format!(
                "the version {:?} must have 1 to 100 characters and no control characters",
                self.version.chars().take(64).collect::<String>()
            )));
        }
        if self.input.columns().is_empty() {
            return Err(Error::empty("the model takes no columns"));
        }
        if self.input.columns().iter().any(|field| field.name.is_empty()) {
            return Err(Error::malformed("a column of the input has no name"));
        }
        unique("input column", self.input.columns().iter().map(|field| field.name.as_str()))?;
        for field in self.input.columns() {
            unique("level", field.levels.iter().map(String::as_str))?;
        }
        if let Some(target) = self.target.as_deref().filter(|target| self.input.field(target).is_some()) {
            return Err(Error::malformed(format!(
                "the target `{target}` is among the input columns; give the model a table without it"
            )));
        }
        if let Task::Classification { classes } = &self.task {
            if classes.is_empty() {
                return Err(Error::empty("the classifier has no classes"));
            }
            unique("class", classes.iter().map(String::as_str))?;
        }
        unique("data", self.data.iter().map(|data| data.name.as_str()))?;
        unique("parameter", self.parameters.iter().map(|(name, _)| name.as_str()))?;
        unique("fact", self.facts.iter().map(|(name, _)| name.as_str()))?;
        unique("card field", self.card.iter().map(|(name, _)| name.as_str()))?;
        if let Some((name, _)) = self.card.iter().find(|(name, _)| !CARD_FIELDS.contains(&name.as_str())) {
            return Err(Error::unknown(format!(
                "a card has no field `{name}`; there are: {}",
                CARD_FIELDS.join(", ")
            )));
        }
        let mut measured = BTreeSet::new();
        for metric in &self.metrics {
            metric.check()?;
            if !measured.insert((&metric.name, &metric.slice)) {
                return Err(Error::malformed(format!("metric `{}` is given twice", metric.name)));
            }
        }
        Ok(())
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::malformed(format!("{what} `{name}` is given twice")));
        }
    }
    Ok(())
}
