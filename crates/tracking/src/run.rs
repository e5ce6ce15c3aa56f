//! A run that is being written.

use std::fmt::Display;
use std::sync::Arc;

use perennial_core::{Error, Result};
use rusqlite::params;
use serde::Serialize;

use crate::record::Status;
use crate::schema::database;
use crate::store::{Inner, check_name, now_ms, sha256};

/// A run that is being written. Every call returns when its data is safe on disk.
///
/// Dropping a run that was not finished marks it as failed.
#[derive(Debug)]
pub struct Run {
    inner: Arc<Inner>,
    id: i64,
    ended: bool,
}

impl Run {
    pub(crate) fn new(inner: Arc<Inner>, id: i64) -> Self {
        Run { inner, id, ended: false }
    }

    /// The number of the run.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Notes a setting. Noting the same value again changes nothing.
    ///
    /// # Errors
    /// When the name is not allowed, or the setting was noted with another value.
    pub fn param(&self, key: &str, value: impl Display) -> Result<()> {
        let value = value.to_string();
        let known = self.fact("param", key)?;
        match known {
            Some(known) if known != value => Err(Error::invalid_name(format!(
                "parameter `{key}` of run {} is `{known}` already; a run has one value for each parameter",
                self.id
            ))),
            Some(_) => Ok(()),
            None => self.set_fact("param", key, &value),
        }
    }

    /// Notes every field of a settings struct, nested ones as `outer.inner`.
    ///
    /// # Errors
    /// When the settings cannot be written as JSON, or one was noted with another value.
    pub fn params<S: Serialize>(&self, settings: &S) -> Result<()> {
        let value = serde_json::to_value(settings).map_err(Error::other)?;
        self.nested("", &value)
    }

    fn nested(&self, path: &str, value: &serde_json::Value) -> Result<()> {
        use serde_json::Value;
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let key = if path.is_empty() { "value" } else { path };
        match value {
            Value::Object(fields) => {
                fields.iter().try_for_each(|(key, value)| self.nested(&join(key), value))
            }
            Value::String(text) => self.param(key, text),
            other => self.param(key, other),
        }
    }

    /// Notes a word about the run; a later value replaces an earlier one.
    ///
    /// # Errors
    /// When the name is not allowed.
    pub fn tag(&self, key: &str, value: impl Display) -> Result<()> {
        self.set_fact("tag", key, &value.to_string())
    }

    /// Notes the content hash of data the run used: "train", "test".
    ///
    /// # Errors
    /// When the name is not allowed.
    pub fn data(&self, role: &str, hash: &str) -> Result<()> {
        self.set_fact("data", role, hash)
    }

    /// Notes a metric at step 0.
    ///
    /// # Errors
    /// When the name is not allowed.
    pub fn metric(&self, key: &str, value: f64) -> Result<()> {
        self.metric_at(key, 0, value)
    }

    /// Notes a metric at a step. NaN and infinities are kept as they are.
    ///
    /// # Errors
    /// When the name is not allowed.
    pub fn metric_at(&self, key: &str, step: i64, value: f64) -> Result<()> {
        check_name("metric", key)?;
        // SQLite has no NaN: it stores NULL, which reading turns back.
        self.inner
            .connection()
            .execute(
                "INSERT INTO metrics (run, key, step, value, time_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![self.id, key, step, value, now_ms()],
            )
            .map_err(database("cannot write a metric"))?;
        Ok(())
    }

    /// Keeps a file. Equal content is stored once, whatever its name.
    ///
    /// # Errors
    /// When the name is not allowed or the file cannot be written.
    pub fn artifact(&self, name: &str, content: &[u8]) -> Result<()> {
        check_name("artifact", name)?;
        let hash = sha256(content);
        self.inner.keep(&hash, content)?;
        self.inner
            .connection()
            .execute(
                "INSERT OR REPLACE INTO artifacts (run, name, sha256, bytes) VALUES (?1, ?2, ?3, ?4)",
                params![self.id, name, hash, content.len() as i64],
            )
            .map_err(database("cannot note an artifact"))?;
        Ok(())
    }

    /// Ends the run well.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.end(Status::Finished)
    }

    /// Ends the run with what went wrong.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn fail(mut self, reason: impl Display) -> Result<()> {
        self.tag("failure", reason)?;
        self.end(Status::Failed)
    }

    fn end(&mut self, status: Status) -> Result<()> {
        self.ended = true;
        self.inner
            .connection()
            .execute(
                "UPDATE runs SET status = ?2, ended_ms = ?3 WHERE id = ?1",
                params![self.id, status.name(), now_ms()],
            )
            .map_err(database("cannot end the run"))?;
        Ok(())
    }

    fn fact(&self, kind: &str, key: &str) -> Result<Option<String>> {
        use rusqlite::OptionalExtension;
        self.inner
            .connection()
            .query_row(
                "SELECT value FROM facts WHERE run = ?1 AND kind = ?2 AND key = ?3",
                params![self.id, kind, key],
                |row| row.get(0),
            )
            .optional()
            .map_err(database("cannot read the run store"))
    }

    fn set_fact(&self, kind: &str, key: &str, value: &str) -> Result<()> {
        check_name(kind, key)?;
        self.inner
            .connection()
            .execute(
                "INSERT OR REPLACE INTO facts (run, kind, key, value) VALUES (?1, ?2, ?3, ?4)",
                params![self.id, kind, key, value],
            )
            .map_err(database("cannot write the run store"))?;
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.ended {
            // Nobody is left to tell; the run then stays marked as running.
            let _ = self.end(Status::Failed);
        }
    }
}
