//! Several classes per row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Classes, Error, Result, Rows, target};

/// Several named answers per row, each one of a list of classes: the target, or the answer, of classifiers of several
/// outputs. Rows with a set of labels are such outputs too: one for each label, with the classes `no` and `yes`.
///
/// ```
/// use perennial_core::ClassOutputs;
///
/// let topics = ClassOutputs::from_sets([vec!["news", "sport"], vec![], vec!["news"]])?;
/// assert_eq!(topics.names(), ["news", "sport"]);
/// assert_eq!(topics.output("news")?.codes(), [1, 0, 1]);
/// assert_eq!(topics.set(0).collect::<Vec<_>>(), ["news", "sport"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ClassOutputs {
    names: Arc<[String]>,
    outputs: Vec<Classes>,
}

#[derive(Deserialize)]
struct Parts {
    names: Arc<[String]>,
    outputs: Vec<Classes>,
}

impl TryFrom<Parts> for ClassOutputs {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        if parts.names.len() != parts.outputs.len() {
            return Err(Error::corrupt("there is not one name for each output"));
        }
        ClassOutputs::new(parts.names.iter().cloned().zip(parts.outputs))
    }
}

impl ClassOutputs {
    /// Outputs with their names.
    ///
    /// # Errors
    /// When there are none, a name occurs twice, or the numbers of rows differ.
    pub fn new<S: Into<String>>(outputs: impl IntoIterator<Item = (S, Classes)>) -> Result<Self> {
        let (names, outputs): (Vec<String>, Vec<Classes>) =
            outputs.into_iter().map(|(name, output)| (name.into(), output)).unzip();
        let Some(first) = outputs.first() else {
            return Err(Error::empty("a target of several outputs needs one output or more"));
        };
        let mut seen = BTreeSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(Error::malformed(format!("two outputs are named `{name}`; give each its own name")));
        }
        let n_rows = first.n_rows();
        match outputs.iter().find(|output| output.n_rows() != n_rows) {
            Some(odd) => Err(Error::length_mismatch("an output", n_rows, odd.n_rows())),
            None => Ok(ClassOutputs { names: names.into(), outputs }),
        }
    }

    /// The labels of each row: an output for each label that occurs, in sorted order.
    ///
    /// # Errors
    /// When no row has a label.
    pub fn from_sets<L: Ord + Display>(
        rows: impl IntoIterator<Item = impl IntoIterator<Item = L>>,
    ) -> Result<Self> {
        let mut rows_of: BTreeMap<L, Vec<usize>> = BTreeMap::new();
        let mut n_rows = 0;
        for labels in rows {
            for label in labels {
                rows_of.entry(label).or_default().push(n_rows);
            }
            n_rows += 1;
        }
        let classes: Arc<[String]> = Arc::from(["no".to_owned(), "yes".to_owned()]);
        let outputs = rows_of.into_iter().map(|(label, rows)| {
            let mut codes = vec![0; n_rows];
            rows.into_iter().for_each(|row| codes[row] = 1);
            Classes::new(codes, classes.clone()).map(|output| (label.to_string(), output))
        });
        ClassOutputs::new(outputs.collect::<Result<Vec<_>>>()?)
    }

    /// The names of the outputs.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The outputs, in the order of their names.
    pub fn outputs(&self) -> &[Classes] {
        &self.outputs
    }

    /// One output.
    ///
    /// # Errors
    /// When no output has this name.
    pub fn output(&self, name: &str) -> Result<&Classes> {
        let found = self.names.iter().position(|known| known == name);
        found.map(|place| &self.outputs[place]).ok_or_else(|| {
            Error::unknown(format!("no output is named `{name}`; there are: {}", self.names.join(", ")))
        })
    }

    /// The outputs in which a row has the class `yes`: its labels. Nothing for a row that does not exist.
    pub fn set(&self, row: usize) -> impl Iterator<Item = &str> {
        let has = move |output: &Classes| {
            output.codes().get(row).is_some_and(|&code| output.names()[code as usize] == "yes")
        };
        self.names
            .iter()
            .zip(&self.outputs)
            .filter(move |(_, output)| has(output))
            .map(|(name, _)| name.as_str())
    }
}

impl Rows for ClassOutputs {
    type Owned = ClassOutputs;

    fn n_rows(&self) -> usize {
        self.outputs.first().map_or(0, Rows::n_rows)
    }

    fn take(&self, rows: &[usize]) -> Result<ClassOutputs> {
        let outputs = self.outputs.iter().map(|output| output.take(rows)).collect::<Result<_>>()?;
        Ok(ClassOutputs { names: self.names.clone(), outputs })
    }
}

target!(ClassOutputs);
