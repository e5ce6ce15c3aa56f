//! The records of a file, part by part.

use std::ops::Range;

use perennial_core::Result;

use super::error::CsvError;
use super::file::{File, Part};
use super::input::{self, Input};
use super::reader::CsvReader;
use super::scan::{self, line_ends};
use crate::objects::Source;

/// How much more is read at once when a batch does not end.
const STEP: usize = 1 << 16;

/// Whole records of a file, one batch after the other.
pub(super) struct Records {
    input: Input,
    /// How many bytes may be read.
    limit: u64,
    n_read: u64,
    at_end: bool,
    batch_bytes: usize,
    pub(super) names: Vec<String>,
    buffer: Vec<u8>,
    /// Another buffer, to be filled while this one is worked on.
    spare: Vec<u8>,
    /// The part of the buffer that was read and not passed yet.
    pending: Range<usize>,
    /// Lines and bytes before what is pending.
    lines: usize,
    pub(super) bytes: usize,
}

impl Records {
    /// A file with its header read, of at most `limit` bytes.
    pub(super) fn open(reader: &CsvReader, source: &Source, batch_bytes: usize, limit: u64) -> Result<Self> {
        let mut records = Records {
            input: input::open(source, limit)?,
            limit,
            n_read: 0,
            at_end: false,
            batch_bytes,
            names: Vec::new(),
            buffer: Vec::new(),
            spare: Vec::new(),
            pending: 0..0,
            lines: 0,
            bytes: 0,
        };
        // The header may be as long as any line; mostly the first step has it.
        let mut wanted = STEP;
        records.fill(wanted)?;
        if records.pending().starts_with(b"\xef\xbb\xbf") {
            records.pending.start += 3;
        }
        loop {
            let ends = matches!(
                scan::header(records.pending(), reader.dialect()),
                Ok(Some((_, end))) if end < records.pending.len()
            );
            if ends || records.at_end || records.pending.len() > reader.max_line_bytes {
                let (names, start) = File::after_mark(reader, records.pending()).names()?;
                records.names = names;
                records.pass(records.pending.start..records.pending.start + start);
                return Ok(records);
            }
            wanted *= 2;
            records.fill(wanted)?;
        }
    }

    fn pending(&self) -> &[u8] {
        &self.buffer[self.pending.clone()]
    }

    /// Reads until so many bytes are pending, or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.pending.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.pending.clone(), 0);
            self.pending = 0..self.pending.len();
            self.buffer.resize(self.buffer.len().max(wanted), 0);
        }
        while !self.at_end && self.pending.len() < wanted {
            let free = &mut self.buffer[self.pending.end..self.pending.start + wanted];
            let n_read = self.input.read(free)?;
            self.at_end = n_read == 0;
            self.pending.end += n_read;
            self.count(n_read)?;
        }
        Ok(())
    }

    /// Where the next whole records lie; nothing at the end. They are to be read by [`file`](Records::file), and then
    /// passed.
    pub(super) fn next_batch(&mut self, reader: &CsvReader) -> Result<Option<Range<usize>>> {
        let mut wanted = self.batch_bytes.saturating_add(STEP);
        loop {
            self.fill(wanted)?;
            let Range { start, end } = self.pending;
            if self.at_end && end - start <= self.batch_bytes {
                return Ok(Some(start..end).filter(|rest| !rest.is_empty()));
            }
            match scan::record_start_from(self.pending(), 0, self.batch_bytes, reader.dialect()) {
                // A line end that is read last may be the first half of one of two bytes.
                Ok(length) if start + length < end || self.at_end => return Ok(Some(start..start + length)),
                // An open quote of a file that has ended is told with its place when the rest is read.
                Err(_) if self.at_end => return Ok(Some(start..end)),
                _ => {}
            }
            if wanted > self.batch_bytes.saturating_add(reader.max_line_bytes) {
                return Err(CsvError::LineTooLong {
                    line: self.last_line(reader),
                    limit: reader.max_line_bytes,
                }
                .into());
            }
            wanted = self.batch_bytes + 2 * (wanted - self.batch_bytes);
        }
    }

    /// The line on which the record starts that a batch ends in.
    fn last_line(&self, reader: &CsvReader) -> usize {
        let mut at = 0;
        loop {
            let (record, _) = scan::record(self.pending(), at, reader.dialect(), self.names.len());
            if record.end > self.batch_bytes {
                return 1 + self.lines + line_ends(self.pending(), 0..at);
            }
            at = record.end;
        }
    }

    pub(super) fn file<'a>(&'a self, reader: &'a CsvReader, batch: Range<usize>) -> File<'a> {
        let part = Part { names: &self.names, lines: self.lines, bytes: self.bytes };
        File::part(reader, &self.buffer[batch], part)
    }

    /// Works on the next batch, leaves it behind, and reads what follows in the meantime.
    ///
    /// # Errors
    /// As `work`, and otherwise when the file cannot be read or is too large.
    pub(super) fn work_on<T: Send>(
        &mut self,
        reader: &CsvReader,
        batch: Range<usize>,
        work: impl FnOnce(&File<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        if rayon::current_num_threads() == 1 {
            let done = work(&self.file(reader, batch.clone()))?;
            self.pass(batch);
            return Ok(done);
        }
        let rest = &self.buffer[batch.end..self.pending.end];
        let wanted = rest.len().max(self.batch_bytes.saturating_add(STEP));
        self.spare.resize(self.spare.len().max(wanted), 0);
        self.spare[..rest.len()].copy_from_slice(rest);
        let free = &mut self.spare[rest.len()..wanted];
        let n_rest = rest.len();
        let (input, buffer, at_end) = (&mut self.input, &self.buffer, self.at_end);
        let part = Part { names: &self.names, lines: self.lines, bytes: self.bytes };
        let file = File::part(reader, &buffer[batch.clone()], part);
        let ahead = || -> Result<(usize, usize)> {
            let n_read = if at_end { 0 } else { fill(input, free)? };
            Ok((line_ends(buffer, batch.clone()), n_read))
        };
        let (done, ahead) = rayon::join(|| work(&file), ahead);
        let (done, (n_lines, n_read)) = (done?, ahead?);
        self.lines += n_lines;
        self.bytes += batch.len();
        std::mem::swap(&mut self.buffer, &mut self.spare);
        self.pending = 0..n_rest + n_read;
        self.at_end |= self.pending.len() < wanted;
        self.count(n_read)?;
        Ok(done)
    }

    /// # Errors
    /// When more was read than may be.
    fn count(&mut self, n_read: usize) -> Result<()> {
        self.n_read += n_read as u64;
        if self.n_read > self.limit { Err(CsvError::TooLarge { limit: self.limit }.into()) } else { Ok(()) }
    }

    /// Leaves the next batch behind.
    pub(super) fn pass(&mut self, batch: Range<usize>) {
        self.lines += line_ends(&self.buffer, batch.clone());
        self.bytes += batch.len();
        self.pending.start = batch.end;
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut Input, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..])? {
            0 => break,
            n_read => filled += n_read,
        }
    }
    Ok(filled)
}
