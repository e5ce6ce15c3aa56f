//! What was done to a table.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// One repair that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LogEntry {
    /// Who had it carried out.
    pub who: String,
    /// What was done.
    pub what: String,
    /// Why.
    pub why: String,
    /// How many rows it changed.
    pub rows: usize,
    /// The [content hash](crate::content_hash) of the table before.
    pub before: String,
    /// The content hash of the table after.
    pub after: String,
}

/// What was done to a table, in order; each entry starts from the table that the one before left.
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

    /// The repairs, in order.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
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
}
