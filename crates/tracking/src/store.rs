//! The store: one SQLite file, and a folder of artifacts beside it.

use std::fmt;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use perennial_core::{Error, Result, write_atomic};
use rusqlite::{Connection, params, params_from_iter};
use sha2::{Digest, Sha256};

use crate::filter::Filter;
use crate::record::{Artifact, MetricPoint, RunRecord, Status};
use crate::run::Run;
use crate::schema::{database, prepare};

/// A store of runs in one file, for any number of threads and processes.
///
/// ```
/// use perennial_tracking::{Goal, Store};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("runs.db");
/// let store = Store::open(&path)?;
/// for alpha in [0.1, 1.0] {
///     let run = store.start("rides", "ridge")?;
///     run.param("alpha", alpha)?;
///     run.metric("mae", 70.0 + alpha)?;
///     run.artifact("note.txt", b"a first try")?;
///     run.finish()?;
/// }
/// let best = store.best("rides", "mae", Goal::Lower)?.expect("two runs have this metric");
/// assert_eq!(best.params["alpha"], "0.1");
/// assert_eq!(store.search("metrics.mae < 70.5 and params.alpha = 0.1")?.len(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Lower values, as of an error.
    Lower,
    /// Higher values, as of an accuracy.
    Higher,
}

pub(crate) struct Inner {
    connection: Mutex<Connection>,
    artifacts: PathBuf,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("artifacts", &self.artifacts).finish_non_exhaustive()
    }
}

impl Inner {
    /// Every statement is a transaction of its own, so a panic in another thread leaves nothing half done.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores content under its hash, whole or not at all.
    pub(crate) fn keep(&self, hash: &str, content: &[u8]) -> Result<()> {
        let path = self.artifacts.join(hash);
        if path.is_file() {
            return Ok(());
        }
        fs::create_dir_all(&self.artifacts).map_err(|error| {
            Error::io(format!("cannot make the folder `{}`", self.artifacts.display()), error)
        })?;
        write_atomic(&path, content)
    }
}

impl Store {
    /// Opens the store at this path, or makes one. Artifacts go to a folder beside it.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a run store, or comes from a newer library.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let place = || format!("run store `{}`", path.display());
        let mut connection =
            Connection::open(path).map_err(|error| database("cannot open it")(error).context(place()))?;
        prepare(&mut connection).map_err(|error| error.context(place()))?;
        let artifacts = path.with_extension("artifacts");
        Ok(Store { inner: Arc::new(Inner { connection: Mutex::new(connection), artifacts }) })
    }

    /// Starts a run.
    ///
    /// # Errors
    /// When a name is not allowed or the store cannot be written.
    pub fn start(&self, experiment: &str, name: &str) -> Result<Run> {
        check_name("experiment", experiment)?;
        check_name("run", name)?;
        let connection = self.inner.connection();
        connection
            .execute(
                "INSERT INTO runs (experiment, name, status, started_ms) VALUES (?1, ?2, ?3, ?4)",
                params![experiment, name, Status::Running.name(), now_ms()],
            )
            .map_err(database("cannot start a run"))?;
        let id = connection.last_insert_rowid();
        drop(connection);
        Ok(Run::new(self.inner.clone(), id))
    }

    /// One run.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn run(&self, id: i64) -> Result<RunRecord> {
        let found = self.select("WHERE id = ?1", &[&id])?.pop();
        found.ok_or_else(|| Error::unknown(format!("there is no run {id} in this store")))
    }

    /// The runs of an experiment, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&self, experiment: &str) -> Result<Vec<RunRecord>> {
        self.select("WHERE experiment = ?1", &[&experiment])
    }

    /// The runs that a filter keeps, oldest first: `metrics.mae < 60 and params.model = 'ridge'`.
    ///
    /// Left of the comparison stands `metrics.NAME`, `params.NAME`, `tags.NAME`, `data.NAME`, `name`,
    /// `experiment` or `status`; names with other characters than letters, digits, `_`, `-` and `.` go into
    /// backticks. Right of it stands a number or a text in single quotes. Comparisons are joined by `and`.
    ///
    /// # Errors
    /// When the filter is not of this form; nothing else of it reaches the database.
    pub fn search(&self, filter: &str) -> Result<Vec<RunRecord>> {
        let filter = Filter::parse(filter)?;
        let bound: Vec<&dyn rusqlite::ToSql> =
            filter.bound.iter().map(|value| value as &dyn rusqlite::ToSql).collect();
        self.select(&format!("WHERE {}", filter.sql), &bound)
    }

    /// The finished run of an experiment with the best latest value of a metric; the first of equals.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn best(&self, experiment: &str, metric: &str, goal: Goal) -> Result<Option<RunRecord>> {
        let value = |run: &RunRecord| run.metrics.get(metric).copied().filter(|value| !value.is_nan());
        let mut best: Option<RunRecord> = None;
        for run in self.runs(experiment)?.into_iter().filter(|run| run.status == Status::Finished) {
            let better = match (value(&run), best.as_ref().and_then(value)) {
                (Some(new), Some(old)) => {
                    if goal == Goal::Lower {
                        new < old
                    } else {
                        new > old
                    }
                }
                (new, None) => new.is_some(),
                (None, Some(_)) => false,
            };
            if better {
                best = Some(run);
            }
        }
        Ok(best)
    }

    /// All values of a metric of a run, in the order of their steps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn history(&self, run: i64, metric: &str) -> Result<Vec<MetricPoint>> {
        let read = || database("cannot read the metrics");
        let connection = self.inner.connection();
        let mut query = connection
            .prepare(
                "SELECT step, value, time_ms FROM metrics WHERE run = ?1 AND key = ?2 ORDER BY step, rowid",
            )
            .map_err(read())?;
        let points = query
            .query_map(params![run, metric], |row| {
                let value = row.get::<_, Option<f64>>(1)?.unwrap_or(f64::NAN);
                Ok(MetricPoint { step: row.get(0)?, value, time_ms: row.get(2)? })
            })
            .map_err(read())?;
        points.collect::<Result<_, _>>().map_err(read())
    }

    /// The content of an artifact, checked against its hash.
    ///
    /// # Errors
    /// When the run has no such artifact, or its file is missing or damaged.
    pub fn artifact(&self, run: i64, name: &str) -> Result<Vec<u8>> {
        let record = self.run(run)?;
        let Some(artifact) = record.artifacts.into_iter().find(|artifact| artifact.name == name) else {
            return Err(Error::unknown(format!("run {run} has no artifact `{name}`")));
        };
        let path = self.inner.artifacts.join(&artifact.sha256);
        let content =
            fs::read(&path).map_err(|error| Error::io(format!("cannot read artifact `{name}`"), error))?;
        if sha256(&content) != artifact.sha256 {
            return Err(Error::corrupt(format!(
                "artifact `{name}` of run {run} is not what was stored: its hash differs"
            )));
        }
        Ok(content)
    }

    fn select(&self, filter: &str, bound: &[&dyn rusqlite::ToSql]) -> Result<Vec<RunRecord>> {
        let read = || database("cannot read the run store");
        let connection = self.inner.connection();
        let sql = format!(
            "SELECT id, experiment, name, status, started_ms, ended_ms FROM runs {filter} ORDER BY id"
        );
        let mut query = connection.prepare(&sql).map_err(read())?;
        let runs = query
            .query_map(params_from_iter(bound), |row| {
                Ok(RunRecord {
                    id: row.get(0)?,
                    experiment: row.get(1)?,
                    name: row.get(2)?,
                    status: Status::from_name(&row.get::<_, String>(3)?),
                    started_ms: row.get(4)?,
                    ended_ms: row.get(5)?,
                    params: Default::default(),
                    tags: Default::default(),
                    data: Default::default(),
                    metrics: Default::default(),
                    artifacts: Vec::new(),
                })
            })
            .map_err(read())?;
        let mut runs: Vec<RunRecord> = runs.collect::<Result<_, _>>().map_err(read())?;
        runs.iter_mut().try_for_each(|run| fill(&connection, run)).map_err(read())?;
        Ok(runs)
    }
}

fn fill(connection: &Connection, run: &mut RunRecord) -> rusqlite::Result<()> {
    let mut facts = connection.prepare_cached("SELECT kind, key, value FROM facts WHERE run = ?1")?;
    let mut rows = facts.query([run.id])?;
    while let Some(row) = rows.next()? {
        let map = match row.get::<_, String>(0)?.as_str() {
            "param" => &mut run.params,
            "tag" => &mut run.tags,
            _ => &mut run.data,
        };
        map.insert(row.get(1)?, row.get(2)?);
    }
    let mut metrics =
        connection.prepare_cached("SELECT key, value FROM metrics WHERE run = ?1 ORDER BY step, rowid")?;
    let mut rows = metrics.query([run.id])?;
    while let Some(row) = rows.next()? {
        run.metrics.insert(row.get(0)?, row.get::<_, Option<f64>>(1)?.unwrap_or(f64::NAN));
    }
    let mut artifacts = connection
        .prepare_cached("SELECT name, sha256, bytes FROM artifacts WHERE run = ?1 ORDER BY name")?;
    let mut rows = artifacts.query([run.id])?;
    while let Some(row) = rows.next()? {
        run.artifacts.push(Artifact {
            name: row.get(0)?,
            sha256: row.get(1)?,
            bytes: row.get::<_, i64>(2)? as u64,
        });
    }
    Ok(())
}

/// Names are short texts without control characters.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    const LIMIT: usize = 500;
    let reason = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() > LIMIT {
        format!("it has {} bytes and at most {LIMIT} are allowed", name.len())
    } else if name.chars().any(char::is_control) {
        "it has a control character".to_owned()
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    Err(Error::invalid_name(format!("`{shown}` cannot be the name of a {what}: {reason}")))
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
