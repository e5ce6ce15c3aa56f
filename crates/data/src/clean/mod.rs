//! Errors in a table: proposals to repair them, decisions of people, and what was done.

mod doubts;
mod fix;
mod log;
mod near;
mod propose;
mod text;

pub use fix::Fix;
pub use log::{DecisionLog, LogEntry};
pub use near::{NearTexts, near_duplicate_texts};
pub use propose::{AutoClean, auto_clean};

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use perennial_core::{Error, Result, ResultExt, write_atomic};
use serde::{Deserialize, Serialize};

use crate::{Table, content_hash};

/// What somebody said to a proposal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet: it is not carried out.
    #[default]
    Open,
    /// It is carried out.
    Accept,
    /// It is not carried out.
    Reject,
}

/// One repair that is proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Proposal {
    /// Its name, such as `merge:city`.
    pub id: String,
    /// What somebody said to it.
    #[serde(default)]
    pub decision: Decision,
    /// Why, in the words of whoever decided.
    #[serde(default)]
    pub reason: String,
    /// What was seen.
    pub because: String,
    /// How many rows it would change, after the proposals before it.
    pub rows: usize,
    /// The first of these rows, at most 20, as they are numbered in the table that was looked at, from 0.
    #[serde(default)]
    pub first_rows: Vec<usize>,
    /// What to do.
    pub fix: Fix,
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match self.decision {
            Decision::Open => "open",
            Decision::Accept => "accepted",
            Decision::Reject => "rejected",
        };
        let s = if self.rows == 1 { "" } else { "s" };
        write!(
            f,
            "{} ({decision}): {}; {} would change {} row{s}",
            self.id, self.because, self.fix, self.rows
        )?;
        let shown: Vec<String> = self.first_rows.iter().take(5).map(usize::to_string).collect();
        match shown.len() {
            0 => Ok(()),
            n if n < self.rows => write!(f, " ({}, ...)", shown.join(", ")),
            _ => write!(f, " ({})", shown.join(", ")),
        }
    }
}

/// Proposals in the order in which they are carried out; a TOML file that people read and edit.
///
/// What is accepted is carried out again on any table with such columns, for the same repairs every time: the proposals
/// hold all that is to be done, and nothing is looked for anew.
///
/// ```
/// use perennial_data::{Column, Table, clean};
///
/// let cities = ["Bern", "bern ", "Basel", "Basel", "Bern", "n/a"];
/// let table = Table::new([("city", Column::category(cities)), ("rent", Column::integer([1, 2, 3, 4, 5, 6]))])?;
/// let mut review = clean::auto_clean(&table);
/// let ids: Vec<&str> = review.proposals().iter().map(|proposal| proposal.id.as_str()).collect();
/// assert_eq!(ids, ["trim:city", "missing:city", "merge:city"]);
///
/// // Nothing is done until somebody says so.
/// assert_eq!(review.apply(&table, "Ada")?.0, table);
/// review.accept("trim:city", "typed by hand")?;
/// review.accept("merge:city", "one city")?;
/// review.reject("missing:city", "it is a place of its own here")?;
/// let (clean, log) = review.apply(&table, "Ada")?;
/// assert_eq!(clean.column("city")?.to_category()?.levels().collect::<Vec<_>>(), ["Basel", "Bern", "n/a"]);
/// assert_eq!(log.entries().len(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Review {
    proposals: Vec<Proposal>,
}

impl Review {
    /// The proposals.
    pub fn proposals(&self) -> &[Proposal] {
        &self.proposals
    }

    /// The proposals that nobody has decided on.
    pub fn open(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.iter().filter(|proposal| proposal.decision == Decision::Open)
    }

    /// Says that a proposal is to be carried out, and why.
    ///
    /// # Errors
    /// When there is no such proposal or no reason.
    pub fn accept(&mut self, id: &str, reason: &str) -> Result<()> {
        self.decide(id, Decision::Accept, reason)
    }

    /// Says that a proposal is not to be carried out, and why.
    ///
    /// # Errors
    /// When there is no such proposal or no reason.
    pub fn reject(&mut self, id: &str, reason: &str) -> Result<()> {
        self.decide(id, Decision::Reject, reason)
    }

    fn decide(&mut self, id: &str, decision: Decision, reason: &str) -> Result<()> {
        if reason.trim().is_empty() {
            return Err(Error::invalid_param("reason", reason, "why, in words"));
        }
        let ids: Vec<String> = self.proposals.iter().map(|proposal| proposal.id.clone()).collect();
        let proposal = self.proposals.iter_mut().find(|proposal| proposal.id == id).ok_or_else(|| {
            Error::unknown(format!("there is no proposal `{id}`; there are: {}", ids.join(", ")))
        })?;
        (proposal.decision, proposal.reason) = (decision, reason.trim().to_owned());
        Ok(())
    }

    /// Carries out what is accepted, in order; `who` stands in the log.
    ///
    /// # Errors
    /// When a column that is to be repaired does not exist or has another type.
    pub fn apply(&self, table: &Table, who: &str) -> Result<(Table, DecisionLog)> {
        let mut log = DecisionLog::new();
        let mut table = table.clone();
        let mut before = None;
        for proposal in self.proposals.iter().filter(|proposal| proposal.decision == Decision::Accept) {
            let id = &proposal.id;
            let (repaired, rows) = proposal.fix.apply(&table).context(format!("repairing by `{id}`"))?;
            let hash = before.take().unwrap_or_else(|| content_hash(&table));
            let after = content_hash(&repaired);
            log.push(LogEntry {
                who: who.to_owned(),
                step: None,
                column: None,
                what: format!("{id}: {}", proposal.fix),
                why: proposal.reason.clone(),
                rows: Some(rows),
                cells: None,
                before: Some(hash),
                after: Some(after.clone()),
            });
            before = Some(after);
            table = repaired;
        }
        Ok((table, log))
    }

    /// Writes the file that people edit: `decision = "accept"` or `"reject"`, and a `reason`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = toml::to_string_pretty(self).map_err(Error::other)?;
        write_atomic(path.as_ref(), text.as_bytes())
    }

    /// Reads what [`write`](Review::write) wrote and people edited.
    ///
    /// # Errors
    /// When the file cannot be read, is no review, names a proposal twice, or a decision has no reason.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = format!("reading `{}`", path.display());
        let text = fs::read_to_string(path).map_err(|error| Error::io(&place, error))?;
        let review: Review = toml::from_str(&text)
            .map_err(|error| Error::corrupt(format!("this is no review: {error}")).context(&place))?;
        let mut ids = BTreeSet::new();
        for proposal in &review.proposals {
            if !ids.insert(proposal.id.as_str()) {
                let what = format!("there are two proposals `{}`", proposal.id);
                return Err(Error::corrupt(what).context(place));
            }
            if proposal.decision != Decision::Open && proposal.reason.trim().is_empty() {
                let what = format!("`{}` is decided without a reason; write one", proposal.id);
                return Err(Error::corrupt(what).context(place));
            }
        }
        Ok(review)
    }
}

/// A line for each proposal.
impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.proposals.is_empty() {
            return f.write_str("nothing to repair was found");
        }
        for (place, proposal) in self.proposals.iter().enumerate() {
            write!(f, "{}{proposal}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}
