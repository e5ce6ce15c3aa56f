//! Alerts: raised once, with their reason, and closed when things are well again.

use serde::{Deserialize, Serialize};

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The data moved; the predictions may still be good.
    Warning,
    /// The predictions became worse.
    Problem,
}

/// Something that someone should act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a column, or the name of the error.
    pub subject: String,
    /// The window in which it was raised.
    pub raised: String,
    /// The window in which it was closed; nothing while it is open.
    pub closed: Option<String>,
    /// What was seen when it was raised.
    pub reason: String,
    /// How many windows in a row have been well since.
    pub(crate) well: usize,
}

impl Alert {
    /// Whether it is still open.
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}
