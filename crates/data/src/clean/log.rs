//! What was done to a table, by people and by steps.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use perennial_core::{Error, Result, Transformer};
use serde::{Deserialize, Serialize};

use crate::{Severity, Sifted, content_hash};

/// One repair that was carried out, or one decision of a fitted step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LogEntry {
    /// Who had it carried out, or fitted the step.
    pub who: String,
    /// The step that decided; nothing for a repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The column that a step decided about; nothing for a repair or where it is about all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What was done.
    pub what: String,
    /// Why.
    pub why: String,
    /// How many rows a repair changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// How many cells of the training rows a step changes, where it counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<usize>,
    /// The [content hash](crate::content_hash) of the table before a repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The content hash of the table after a repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What was done to a table, in order: repairs that people decided on, each of which starts from the table that the one before left,
/// and what the steps of a fitted pipeline decided.
///
/// Repairs are done again by [`Review::apply`](crate::clean::Review::apply) of the same review, decisions of steps by the model that
/// was saved, or by fitting the same steps to the same rows.
///
/// ```
/// use perennial_core::{Matrix, Result, Transformer, Decided};
/// use perennial_data::clean::DecisionLog;
///
/// /// In use: the steps of `perennial-preprocessing`, one after the other or in `Columns`.
/// struct HalfModel;
/// impl Transformer for HalfModel {
///     type Input = Matrix;
///     type Output = Matrix;
///     fn transform(&self, x: &Matrix) -> Result<Matrix> {
///         Ok(Matrix::from(x.dense()? * 0.5))
///     }
///     fn decided(&self) -> Vec<Decided> {
///         vec![Decided::by(self, "divided by 2", "the largest number of the training rows").column("n").cells(4)]
///     }
/// }
///
/// let mut log = DecisionLog::default();
/// log.add_steps(&HalfModel, "Ada");
/// assert_eq!(
///     log.to_string(),
///     "Ada, Half, `n`: divided by 2 (the largest number of the training rows; 4 training cells)"
/// );
/// assert!(log.to_json()?.contains(r#""column": "n""#));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionLog {
    entries: Vec<LogEntry>,
}

impl DecisionLog {
    pub(super) fn new() -> Self {
        DecisionLog::default()
    }

    pub(super) fn push(&mut self, entry: LogEntry) {
        self.entries.push(entry);
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// Adds what the steps of a fitted pipeline decided ([`Transformer::decided`]); `who` fitted it.
    pub fn add_steps(&mut self, model: &impl Transformer, who: &str) {
        self.entries.extend(model.decided().into_iter().map(|decided| LogEntry {
            who: who.to_owned(),
            step: Some(decided.step),
            column: decided.column,
            what: decided.what,
            why: decided.why,
            rows: None,
            cells: decided.cells,
            before: None,
            after: None,
        }));
    }

    /// Adds how many rows a contract set aside and why; `who` had them sifted. Where it set none aside, nothing is added.
    ///
    /// ```
    /// use perennial_data::clean::DecisionLog;
    /// use perennial_data::{Contract, Rule, Table};
    ///
    /// let contract = Contract::new().extra_columns(true).rule(Rule::between("age", 0..=120).quarantine());
    /// let sifted = contract.sift(&Table::builder().integer("age", [31, 540, 54]).build()?)?;
    /// let mut log = DecisionLog::default();
    /// log.add_sifted(&sifted, "Ada");
    /// assert_eq!((log.entries()[0].rows, log.entries()[0].what.as_str()), (Some(1), "1 of 3 rows were set aside"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn add_sifted(&mut self, sifted: &Sifted, who: &str) {
        let (kept, aside) = (sifted.kept.n_rows(), sifted.quarantine.n_rows());
        if aside == 0 {
            return;
        }
        let rules =
            sifted.report.violations().iter().filter(|broken| broken.severity == Severity::Quarantine);
        let why: Vec<String> = rules.map(ToString::to_string).collect();
        self.push(LogEntry {
            who: who.to_owned(),
            step: Some("Contract".to_owned()),
            column: None,
            what: format!("{aside} of {} rows were set aside", kept + aside),
            why: why.join("; "),
            rows: Some(aside),
            cells: None,
            before: None,
            after: Some(content_hash(&sifted.kept)),
        });
    }

    /// All entries as a JSON list.
    ///
    /// # Errors
    /// When an entry cannot be written, which does not happen.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(Error::other)
    }

    /// Adds the entries to the end of a file, one JSON object in a line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let place = |error| Error::io(format!("cannot add to `{}`", path.display()), error);
        let mut lines = Vec::new();
        for entry in &self.entries {
            serde_json::to_writer(&mut lines, entry).map_err(Error::other)?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(place)?;
        file.write_all(&lines).and_then(|()| file.sync_all()).map_err(place)
    }

    /// Reads a file that [`append`](DecisionLog::append) wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no entry.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = format!("reading `{}`", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(&place, error))?;
        let entry = |(at, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| {
                Error::corrupt(format!("line {} is no entry of a log: {error}", at + 1)).context(&place)
            })
        };
        let entries = text.lines().enumerate().map(entry).collect::<Result<_>>()?;
        Ok(DecisionLog { entries })
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)?;
        if let Some(step) = &self.step {
            write!(f, ", {step}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", `{column}`")?;
        }
        write!(f, ": {} ({}", self.what, self.why)?;
        if let Some(rows) = self.rows {
            write!(f, "; {rows} rows")?;
        }
        if let Some(cells) = self.cells {
            write!(f, "; {cells} training cells")?;
        }
        f.write_str(")")
    }
}

/// A line for each entry.
impl fmt::Display for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, entry) in self.entries.iter().enumerate() {
            write!(f, "{}{entry}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
