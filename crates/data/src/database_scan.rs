//! The answer of a database, batch by batch.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use perennial_core::{Error, Result, ResultExt};

use crate::batch_size::Batch;
use crate::{BatchSize, Table};

/// What a scan of an answer of a database gives, table by table. After an error there are no more.
///
/// The database is read in a thread of its own, which is one table ahead; it ends with the scan.
pub struct DatabaseScan {
    source: String,
    size: BatchSize,
    messages: Receiver<Message>,
    first: Option<Table>,
    done: bool,
}

impl fmt::Debug for DatabaseScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseScan").field("source", &self.source).finish_non_exhaustive()
    }
}

enum Message {
    Table(Table),
    End(Result<()>),
}

/// Takes tables; an error where nobody waits for them any more.
pub(crate) struct Tables(SyncSender<Message>);

impl Tables {
    pub(crate) fn give(&self, table: Table) -> Result<()> {
        let gone = || Error::unsupported("nobody waits for more rows");
        self.0.send(Message::Table(table)).map_err(|_| gone())
    }
}

impl DatabaseScan {
    /// Reads by `read`, and waits for the first table, of which there must be one.
    pub(crate) fn start(
        source: String,
        size: BatchSize,
        read: impl FnOnce(&Tables) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let (sender, messages) = sync_channel(0);
        let reading = move || {
            let tables = Tables(sender);
            let end = read(&tables);
            // Where nobody waits there is nobody to be told.
            let _ = tables.0.send(Message::End(end));
        };
        std::thread::Builder::new()
            .name("perennial-database".to_owned())
            .spawn(reading)
            .map_err(|error| Error::io("cannot start a thread to read the database", error))?;
        let mut scan = DatabaseScan { source, size, messages, first: None, done: false };
        scan.first = scan.next().transpose()?;
        Ok(scan)
    }
}

impl Iterator for DatabaseScan {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Result<Table>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.done {
            return None;
        }
        let next = match self.messages.recv() {
            Ok(Message::Table(table)) => return Some(Ok(table)),
            Ok(Message::End(end)) => end,
            Err(_) => Err(Error::corrupt("the thread that reads the database has ended too early")),
        };
        self.done = true;
        let next = next.map_err(|error| self.size.explained(error)).context(self.source.clone());
        next.err().map(Err)
    }
}

/// How much a row may take.
#[derive(Clone, Copy)]
pub(crate) struct RowLimit(u64);

impl RowLimit {
    /// What a row of cells with texts of so many bytes takes, if it may.
    pub(crate) fn check(self, n_cells: usize, n_bytes: usize) -> Result<u64> {
        // A cell has a place, and a text its own beside it; both may grow to twice what they need.
        let bytes = n_bytes as u64 * 2 + n_cells as u64 * 48;
        match bytes > self.0 {
            false => Ok(bytes),
            true => Err(Error::too_large(format!(
                "a row of {bytes} bytes is more than the {} that a batch may have",
                self.0
            ))),
        }
    }
}

/// How much of a batch there is.
pub(crate) struct Room {
    most_rows: usize,
    most_bytes: u64,
    pub(crate) n_rows: usize,
    n_bytes: u64,
}

impl Room {
    /// At a time there are the cells of a batch, the table that they become, one that waits and one that was given.
    pub(crate) fn new(size: BatchSize) -> Result<Self> {
        let (most_rows, most_bytes) = match size.resolved()? {
            Batch::Of(0) => return Err(Error::invalid_param("batch", 0, "at least 1 row")),
            Batch::Of(rows) => (rows, u64::MAX),
            Batch::Within(bytes) => (usize::MAX, bytes / 5),
        };
        Ok(Room { most_rows, most_bytes, n_rows: 0, n_bytes: 0 })
    }

    /// How much a row may take.
    pub(crate) fn row_limit(&self) -> RowLimit {
        RowLimit(self.most_bytes)
    }

    /// Takes a row of cells with so many bytes.
    pub(crate) fn add(&mut self, n_cells: usize, n_bytes: usize) -> Result<()> {
        self.n_bytes += self.row_limit().check(n_cells, n_bytes)?;
        self.n_rows += 1;
        Ok(())
    }

    /// Whether a batch is to be given now.
    pub(crate) fn is_full(&self) -> bool {
        self.n_rows >= self.most_rows || self.n_bytes >= self.most_bytes
    }

    /// A new batch begins.
    pub(crate) fn clear(&mut self) {
        (self.n_rows, self.n_bytes) = (0, 0);
    }
}
