//! What the store knows of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was started and has not ended, or its process was killed.
    Running,
    /// It ended well.
    Finished,
    /// It ended with an error, or was dropped without being finished.
    Failed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Finished => "finished",
            Status::Failed => "failed",
        }
    }

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "running" => Status::Running,
            "finished" => Status::Finished,
            _ => Status::Failed,
        }
    }
}

/// One run, as it was stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The number of the run, unique in its store.
    pub id: i64,
    /// What the run belongs to.
    pub experiment: String,
    /// The name of the run; not unique.
    pub name: String,
    /// How it stands.
    pub status: Status,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// The settings it used, as text.
    pub params: BTreeMap<String, String>,
    /// Words about it.
    pub tags: BTreeMap<String, String>,
    /// The content hashes of the data it used.
    pub data: BTreeMap<String, String>,
    /// The latest value of each metric.
    pub metrics: BTreeMap<String, f64>,
    /// The files it kept.
    pub artifacts: Vec<Artifact>,
}

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// The step it belongs to.
    pub step: i64,
    /// The value; NaN and infinities are kept.
    pub value: f64,
    /// When it was written, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A file that a run kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name within the run.
    pub name: String,
    /// The hash of its content.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}
