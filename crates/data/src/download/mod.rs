//! Files over HTTP.

mod part;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use perennial_core::{Context, Error, Param, Result};
use ureq::Agent;
use ureq::http::Response;
use ureq::{Body, http::StatusCode};

use part::{Part, hash_of};

use crate::objects::shown;

/// Fetches a file over HTTP: once, checked, and going on where it was cut off.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `sha256` | none | 64 hexadecimal digits | what the file must be; one that is there already and is it is not fetched again |
/// | `attempts` | 5 | >= 1 | how often it is tried, with a wait that doubles from half a second to half a minute between them, or as long as the server asks for, at most two minutes |
/// | `most_bytes` | 16 GiB | >= 1 | how large the file may be |
/// | `patience` | 30 s | > 0 | how long the server may be silent |
/// | `header` | none | | sent with each request, such as a key; never shown |
///
/// What has come is kept beside the file, with the ending `.part`, and the next attempt, or the next call, asks for the
/// rest: where the file is pinned by `sha256`, or the server can tell that it has not changed. The file itself
/// appears when it is whole. Without a pin the file is fetched anew each time.
///
/// `https` needs the feature of that name; without it such an address is an error, and one that sends on to `http` is too.
/// A server may send on to another one; that gets the headers as well, but for `authorization` and cookies.
///
/// ```no_run
/// use perennial_core::Context;
/// use perennial_data::{CsvReader, Download};
///
/// let file = Download::new("http://example.org/trips.csv")
///     .sha256("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
///     .fetch("trips.csv", &Context::new())?;
/// let trips = CsvReader::new().read_path(&file.path)?;
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Download {
    url: String,
    sha256: Option<String>,
    attempts: u32,
    most_bytes: u64,
    patience: Duration,
    headers: Vec<(String, String)>,
}

/// A file that was fetched, or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub n_bytes: u64,
    /// What it is, in hexadecimal digits: the pin for the next time.
    pub sha256: String,
    /// How many bytes this call has read from the network.
    pub fetched: u64,
}

const ATTEMPTS: Param = Param::integer("attempts", "how often it is tried").at_least(1.0);
const MOST_BYTES: Param = Param::integer("most_bytes", "how large the file may be").at_least(1.0);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// Why an attempt ended.
enum Failure {
    /// Another attempt may do better, after the wait that the server asks for.
    Again(Error, Option<Duration>),
    For(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::For(error)
    }
}

impl Download {
    /// The file at this address.
    pub fn new(url: &str) -> Self {
        Download {
            url: url.to_owned(),
            sha256: None,
            attempts: 5,
            most_bytes: 16 << 30,
            patience: Duration::from_secs(30),
            headers: Vec::new(),
        }
    }

    /// What the file must be: its SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn sha256(mut self, digits: &str) -> Self {
        self.sha256 = Some(digits.trim().to_ascii_lowercase());
        self
    }

    /// How often it is tried.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How large the file may be.
    #[must_use]
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// How long the server may be silent.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A header that is sent with each request, such as `authorization`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Fetches the file, unless it is there already and is what it must be.
    ///
    /// Progress is counted in bytes. Work that is cancelled stops with the next bytes, or after `patience`.
    ///
    /// # Errors
    /// When a setting is out of range, the server refuses, the file is too large or is not what it must be, no attempt
    /// went through, it cannot be written, or the work was cancelled.
    pub fn fetch(&self, to: impl AsRef<Path>, ctx: &Context) -> Result<Downloaded> {
        self.check()?;
        let to = to.as_ref();
        if let Some(pin) = &self.sha256
            && let Some((n_bytes, sha256)) = hash_of(to)?
            && sha256 == *pin
        {
            return Ok(Downloaded { path: to.to_owned(), n_bytes, sha256, fetched: 0 });
        }
        let agent = agent(self.patience, is_https(&self.url));
        let mut part = Part::open(to, &self.url, self.sha256.is_some())?;
        let mut fetched = 0;
        let mut attempt = 0;
        loop {
            attempt += 1;
            ctx.check()?;
            let ended =
                self.attempt(&agent, &mut part, &mut fetched, ctx).and_then(|()| self.settle(&mut part));
            match ended {
                Ok((n_bytes, sha256)) => {
                    part.finish(to)?;
                    return Ok(Downloaded { path: to.to_owned(), n_bytes, sha256, fetched });
                }
                Err(Failure::Again(_, asked)) if attempt < self.attempts => {
                    let doubled = Duration::from_millis(500) * 2_u32.saturating_pow(attempt - 1).min(1 << 10);
                    pause(asked.map_or(doubled.min(LONGEST_WAIT), |asked| asked.min(LONGEST_ASKED)), ctx)?;
                }
                Err(Failure::Again(error, _)) => {
                    return Err(error.context(format!("attempt {attempt} of {}", self.attempts)));
                }
                Err(Failure::For(error)) => return Err(error),
            }
        }
    }

    fn check(&self) -> Result<()> {
        ATTEMPTS.check_count(self.attempts as usize)?;
        MOST_BYTES.check(self.most_bytes as f64)?;
        if self.patience.is_zero() {
            return Err(Error::invalid_param("patience", self.patience, "a time > 0"));
        }
        let hexadecimal = |pin: &str| pin.len() == 64 && pin.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(pin) = self.sha256.as_deref().filter(|pin| !hexadecimal(pin)) {
            return Err(Error::invalid_param("sha256", pin, "64 hexadecimal digits"));
        }
        let scheme = self.url.split("://").next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "http" => Ok(()),
            "https" if cfg!(feature = "https") => Ok(()),
            "https" => {
                Err(Error::unsupported("addresses with `https` need the feature `https` of `perennial-data`"))
            }
            _ => Err(Error::invalid_param(
                "url",
                shown(&self.url),
                "an address that starts with `http://` or `https://`",
            )),
        }
    }

    /// Asks for what is missing and puts it behind what is there.
    fn attempt(
        &self,
        agent: &Agent,
        part: &mut Part,
        fetched: &mut u64,
        ctx: &Context,
    ) -> std::result::Result<(), Failure> {
        let mut request = agent.get(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let from = part.len();
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
            if let Some(validator) = part.validator() {
                request = request.header("if-range", validator);
            }
        }
        let failed = |error: ureq::Error| {
            let what = format!("{} could not be read", shown(&self.url));
            Error::io(what, std::io::Error::other(error))
        };
        let mut response = request.call().map_err(|error| Failure::Again(failed(error), None))?;
        match response.status() {
            StatusCode::OK => part.restart(header(&response, "etag"), header(&response, "last-modified"))?,
            StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(from) => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => {
                part.restart(None, None)?;
                let what = format!("{} did not go on at byte {from}", shown(&self.url));
                return Err(Failure::Again(Error::corrupt(what), Some(Duration::ZERO)));
            }
            status => return Err(self.refused(status, header(&response, "retry-after"))),
        }
        let from = part.len();
        let total = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok());
        let total = total.map(|rest| from.saturating_add(rest));
        if total.is_some_and(|total| total > self.most_bytes) {
            part.discard()?;
            return Err(self.too_large().into());
        }
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = body.read(&mut buffer).map_err(|error| {
                Failure::Again(Error::io(format!("{} broke off", shown(&self.url)), error), None)
            })?;
            if n == 0 {
                break;
            }
            if part.len() + n as u64 > self.most_bytes {
                part.discard()?;
                return Err(self.too_large().into());
            }
            part.push(&buffer[..n])?;
            *fetched += n as u64;
            ctx.step(part.len() as usize, total.unwrap_or(0).max(part.len()) as usize)?;
        }
        if let Some(total) = total.filter(|&total| part.len() < total) {
            let what = format!("{} broke off after {} of {total} bytes", shown(&self.url), part.len());
            return Err(Failure::Again(Error::corrupt(what), None));
        }
        Ok(())
    }

    /// Whether what has come is what it must be.
    fn settle(&self, part: &mut Part) -> std::result::Result<(u64, String), Failure> {
        let (n_bytes, sha256) = part.hash()?;
        if n_bytes != part.len() {
            part.discard()?;
            let what = format!("{} is fetched to the same place by somebody else", shown(&self.url));
            return Err(Error::corrupt(what).into());
        }
        let Some(pin) = self.sha256.as_ref().filter(|pin| **pin != sha256) else {
            return Ok((n_bytes, sha256));
        };
        let what = format!(
            "{} is not what it must be: its SHA-256 is {sha256}, and {pin} was expected; it has changed, or the pin is of another file",
            shown(&self.url)
        );
        if part.was_resumed() {
            // Two versions may have been put together: a whole one may be right.
            part.restart(None, None)?;
            return Err(Failure::Again(Error::corrupt(what), Some(Duration::ZERO)));
        }
        part.discard()?;
        Err(Error::corrupt(what).into())
    }

    fn refused(&self, status: StatusCode, retry_after: Option<String>) -> Failure {
        let error = Error::unknown(format!("{} was refused by the server: {status}", shown(&self.url)));
        match status.as_u16() {
            408 | 425 | 429 | 500 | 502 | 503 | 504 => {
                let asked =
                    retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
                Failure::Again(error, asked)
            }
            _ => Failure::For(error),
        }
    }

    fn too_large(&self) -> Error {
        Error::too_large(format!(
            "{} is larger than the {} bytes that are allowed; raise `most_bytes` if that is right",
            shown(&self.url),
            self.most_bytes
        ))
    }
}

/// Without the values of headers, and without what may be secret in the address.
impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Download")
            .field("url", &shown(&self.url))
            .field("sha256", &self.sha256)
            .field("attempts", &self.attempts)
            .field("most_bytes", &self.most_bytes)
            .field("patience", &self.patience)
            .field("headers", &names)
            .finish()
    }
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// The first byte of a part, as in `bytes 20-99/100`.
pub(crate) fn starts_at(response: &Response<Body>) -> Option<u64> {
    header(response, "content-range")?.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Waits, but not when the work is cancelled.
fn pause(wait: Duration, ctx: &Context) -> Result<()> {
    let slice = Duration::from_millis(50);
    let mut left = wait;
    while !left.is_zero() {
        ctx.check()?;
        thread::sleep(slice.min(left));
        left = left.saturating_sub(slice);
    }
    ctx.check()
}

/// What asks servers, and gives up on those that are silent for so long.
pub(crate) fn agent(patience: Duration, https_only: bool) -> Agent {
    Agent::new_with_config(
        Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .https_only(https_only)
            .accept_encoding("identity")
            .build(),
    )
}

pub(crate) fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}
