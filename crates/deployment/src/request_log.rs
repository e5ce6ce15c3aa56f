//! What was asked, when, and what was answered.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use perennial_core::{Classes, Error, Probabilities, Result, ResultExt, Rows, Values, from_bytes, to_bytes};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use crate::{Answer, Answers};

/// A file that keeps each request with its time and its answers, so that they can be replayed.
///
/// A record is its length (8 bytes, the lowest first) and its bytes, written at once and in one piece: a program that is killed
/// leaves at most the last record torn, and [`Logged::read`] stops before it. Records are not forced to the disk one by one. A
/// log holds what people sent: guard and delete it as their data.
///
/// ```
/// # use perennial_core::Values;
/// # use perennial_data::Table;
/// use perennial_deployment::{Answers, Logged, RequestLog};
///
/// # let path = std::env::temp_dir().join(format!("request_log_doc_{}.log", std::process::id()));
/// # std::fs::remove_file(&path).ok();
/// let log = RequestLog::open(&path)?;
/// let rows = Table::builder().real("area", [50.0, 70.0]).build()?;
/// // With a server: `Server::regressor(..)?.on_prediction(move |rows, answers| { log.write(rows, answers).ok(); })`.
/// log.write(&rows, &Answers::Values(Values::from(vec![1500.0, 1900.0])))?;
/// let logged = Logged::read(&path)?;
/// assert_eq!((logged.times.len(), logged.rows), (2, rows));
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RequestLog {
    file: Mutex<File>,
}

#[derive(Serialize)]
struct Written<'a> {
    time: i64,
    rows: &'a Table,
    answers: &'a Answers,
}

#[derive(Deserialize)]
struct Record {
    time: i64,
    rows: Table,
    answers: Answers,
}

/// A record is at most this large: 64 MiB.
const MOST_BYTES: u64 = 64 << 20;

impl RequestLog {
    /// Goes on with the log at this path, or begins it.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let whole = match File::open(path) {
            Ok(file) => Some(whole_bytes(file).context(path.display().to_string())?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(format!("cannot read `{}`", path.display()), error)),
        };
        let open = || -> std::io::Result<File> {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            // What a killed program left torn would hide all that is written behind it.
            if let Some(whole) = whole {
                file.set_len(whole)?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| Error::io(format!("cannot write `{}`", path.display()), error))?;
        Ok(RequestLog { file: Mutex::new(file) })
    }

    /// Writes a request and its answers, with the time of now.
    ///
    /// # Errors
    /// When the operating system refuses, or the record is larger than 64 MiB.
    pub fn write(&self, rows: &Table, answers: &Answers) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        self.write_at(i64::try_from(now).unwrap_or(i64::MAX), rows, answers)
    }

    /// Writes a request and its answers with a time in microseconds from the start of 1970 on.
    ///
    /// # Errors
    /// As [`write`](RequestLog::write).
    pub fn write_at(&self, time: i64, rows: &Table, answers: &Answers) -> Result<()> {
        let record = to_bytes(&Written { time, rows, answers })?;
        let length = record.len() as u64;
        if length > MOST_BYTES {
            return Err(Error::too_large(format!(
                "a request of {} rows is {length} bytes; at most {MOST_BYTES} are logged at once",
                rows.n_rows()
            )));
        }
        let bytes = [&length.to_le_bytes()[..], &record].concat();
        // A writer that panicked has written all of its record or none.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error| Error::io("cannot write the request log", error);
        let before = file.metadata().map_err(failed)?.len();
        file.write_all(&bytes).map_err(|error| {
            // A torn record would hide all that is written behind it.
            file.set_len(before).ok();
            failed(error)
        })
    }
}

/// How many bytes the whole records of a log take.
fn whole_bytes(file: File) -> Result<u64> {
    let size = file.metadata().map_err(unreadable)?.len();
    let (mut reader, mut whole, mut length) = (BufReader::new(file), 0_u64, [0; 8]);
    while filled(&mut reader, &mut length)? {
        let length = u64::from_le_bytes(length);
        if length > MOST_BYTES {
            return Err(Error::corrupt(format!("a record of the request log has {length} bytes")));
        }
        if whole + 8 + length > size {
            break;
        }
        reader.seek_relative(length as i64).map_err(unreadable)?;
        whole += 8 + length;
    }
    Ok(whole)
}

/// The whole records of a log.
fn records(file: File) -> Result<Vec<Record>> {
    let (mut reader, mut all) = (BufReader::new(file), Vec::new());
    loop {
        let mut length = [0; 8];
        if !filled(&mut reader, &mut length)? {
            return Ok(all);
        }
        let length = u64::from_le_bytes(length);
        if length > MOST_BYTES {
            return Err(Error::corrupt(format!(
                "record {} of the request log has {length} bytes",
                all.len()
            )));
        }
        let mut bytes = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        if (bytes.len() as u64) < length {
            return Ok(all);
        }
        let record: Record =
            from_bytes(&bytes).context(format!("record {} of the request log", all.len()))?;
        if record.answers.n_rows() != record.rows.n_rows() {
            return Err(Error::corrupt(format!("record {} has not one answer for each row", all.len())));
        }
        all.push(record);
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io("cannot read the request log", error)
}

/// Whether the reader had as many bytes left.
fn filled(reader: &mut impl Read, bytes: &mut [u8]) -> Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(unreadable(error)),
    }
}

/// The rows of a request log, in the order in which they were answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// When each row was answered, in microseconds from the start of 1970 on.
    pub times: Vec<i64>,
    /// The rows, all requests below one another.
    pub rows: Table,
    /// What was answered.
    pub answers: Answers,
}

impl Logged {
    /// Reads a log; a torn record at its end is left out.
    ///
    /// # Errors
    /// When the file cannot be read, a record is damaged, there are none, or requests are of different models: other columns or
    /// another kind of answers.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let read = || -> Result<Self> {
            let records = records(File::open(path).map_err(unreadable)?)?;
            let mut times = Vec::new();
            let (mut tables, mut answers) = (Vec::new(), Vec::new());
            for record in records {
                times.extend(std::iter::repeat_n(record.time, record.rows.n_rows()));
                tables.push(record.rows);
                answers.push(record.answers);
            }
            if tables.is_empty() {
                return Err(Error::empty("the request log has no records"));
            }
            Ok(Logged { times, rows: Table::concat(&tables)?, answers: below_one_another(&answers)? })
        };
        read().context(path.display().to_string())
    }

    /// The rows that a model answers otherwise than was logged, bit by bit: none where it is the model that served.
    ///
    /// # Errors
    /// When the model refuses the rows, or has another task.
    pub fn answered_otherwise(&self, model: &impl Answer) -> Result<Vec<usize>> {
        let again = model.answer(&self.rows)?;
        let differs = |row: usize| -> Result<bool> {
            let one = |answers: &Answers| taken(answers, row);
            Ok(!one(&again)?.same_bits(&one(&self.answers)?))
        };
        if again.task() != self.answers.task() {
            return Err(Error::unsupported(
                "the model has another task or other classes than the one whose answers were logged",
            ));
        }
        let mut rows = Vec::new();
        for row in 0..self.rows.n_rows() {
            if differs(row)? {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

fn taken(answers: &Answers, row: usize) -> Result<Answers> {
    Ok(match answers {
        Answers::Values(values) => Answers::Values(values.take(&[row])?),
        Answers::Classes { classes, probabilities } => {
            Answers::Classes { classes: classes.take(&[row])?, probabilities: probabilities.take(&[row])? }
        }
    })
}

fn below_one_another(parts: &[Answers]) -> Result<Answers> {
    let mixed = || Error::unsupported("the log holds answers of different models; keep a log for each");
    let (mut values, mut codes, mut shares, mut names) = (Vec::new(), Vec::new(), Vec::new(), None);
    for part in parts {
        match part {
            Answers::Values(own) => values.extend_from_slice(own.as_slice()),
            Answers::Classes { classes, probabilities } => {
                let known = names.get_or_insert_with(|| classes.shared_names());
                if **known != *classes.names() || **known != *probabilities.names() {
                    return Err(mixed());
                }
                codes.extend_from_slice(classes.codes());
                shares.extend(probabilities.values().iter().copied());
            }
        }
    }
    match names {
        None => Ok(Answers::Values(Values::from(values))),
        Some(_) if !values.is_empty() => Err(mixed()),
        Some(names) => {
            let shape = (codes.len(), names.len());
            let shares = ndarray::Array2::from_shape_vec(shape, shares).map_err(|_| mixed())?;
            let probabilities = Probabilities::new(shares, names.clone())?;
            Ok(Answers::Classes { classes: Classes::new(codes, names)?, probabilities })
        }
    }
}
