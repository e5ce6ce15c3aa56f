//! Objects of a server that answers for ranges, such as a public bucket.

use std::fmt::Write;
use std::io::Read;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use perennial_core::{Error, Result};
use ureq::Body;
use ureq::http::Response;

use super::{MAX_BYTES, ObjectMeta, ObjectStore, check, missing, shown};
use crate::download::{agent, is_https, starts_at};

/// How often something is asked for that the server cannot answer for the moment.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(30);

/// Files under an address, read and not written. Servers that know no ranges give whole objects alone; for checks of what comes, and going on
/// where it was cut off, use [`Download`](crate::Download).
#[derive(Clone)]
pub struct HttpStore {
    url: String,
}

/// Without the password that an address can hold.
impl std::fmt::Debug for HttpStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpStore").field("url", &shown(&self.url)).finish()
    }
}

impl HttpStore {
    /// The files under this address, which starts with `http://`, or `https://` with the feature of that name.
    ///
    /// # Errors
    /// When it starts otherwise.
    pub fn new(url: &str) -> Result<Self> {
        let known =
            url.to_ascii_lowercase().starts_with("http://") || (cfg!(feature = "https") && is_https(url));
        match known {
            true => Ok(HttpStore { url: url.trim_end_matches('/').to_owned() }),
            false => Err(Error::invalid_param(
                "url",
                shown(url),
                "an address that starts with `http://`, or `https://` with the feature of that name",
            )),
        }
    }

    /// The address of an object.
    fn address(&self, key: &str) -> Result<String> {
        let mut address = format!("{}/", self.url);
        for byte in check(key)?.bytes() {
            match byte {
                b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    address.push(byte.into())
                }
                // Writing to a `String` cannot fail.
                _ => drop(write!(address, "%{byte:02X}")),
            }
        }
        Ok(address)
    }

    /// What the server says of an object, or of some of its bytes.
    fn ask(&self, key: &str, head: bool, range: Option<&Range<u64>>) -> Result<Response<Body>> {
        let (address, agent) = (self.address(key)?, agent(PATIENCE, is_https(&self.url)));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut request = if head { agent.head(&address) } else { agent.get(&address) };
            if let Some(range) = range {
                request = request.header("range", format!("bytes={}-{}", range.start, range.end - 1));
            }
            let (error, again) = match request.call() {
                Ok(response) => match response.status().as_u16() {
                    200..=299 => return Ok(response),
                    404 | 410 => return Err(missing(key)),
                    status => (
                        Error::unknown(format!("{} was refused by the server: {status}", shown(&address))),
                        matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
                    ),
                },
                Err(error) => {
                    let what = format!("{} could not be read", shown(&address));
                    (Error::io(what, std::io::Error::other(error)), true)
                }
            };
            if !again || attempt == ATTEMPTS {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(250) * attempt);
        }
    }
}

/// The body of an answer, of `expected` bytes where that is known.
fn body(mut response: Response<Body>, key: &str, expected: Option<u64>) -> Result<Vec<u8>> {
    let most = expected.unwrap_or(MAX_BYTES);
    let mut bytes = Vec::new();
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    body.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(format!("the object `{key}` broke off"), error))?;
    if bytes.len() as u64 > most || expected.is_some_and(|expected| expected != bytes.len() as u64) {
        let what = format!("the server gave {} bytes of `{key}` and not {most}", bytes.len());
        return Err(Error::corrupt(what));
    }
    Ok(bytes)
}

fn length(response: &Response<Body>) -> Option<u64> {
    response.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

impl ObjectStore for HttpStore {
    fn head(&self, key: &str) -> Result<ObjectMeta> {
        let length = length(&self.ask(key, true, None)?);
        let n_bytes = length.ok_or_else(|| {
            Error::unsupported(format!(
                "the server does not say how long `{key}` is; fetch it with `Download`"
            ))
        })?;
        Ok(ObjectMeta::new(key, n_bytes))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let response = self.ask(key, false, Some(&range))?;
        let expected = range.end - range.start;
        let whole = response.status().as_u16() == 200;
        if whole && (range.start > 0 || length(&response) != Some(expected)) {
            return Err(Error::unsupported(format!(
                "the server does not give parts of `{key}`; fetch it with `Download`"
            )));
        }
        if !whole && starts_at(&response) != Some(range.start) {
            return Err(Error::corrupt(format!(
                "the server gave another part of `{key}` than was asked for"
            )));
        }
        body(response, key, Some(expected))
    }

    fn get(&self, key: &str) -> Result<Vec<u8>> {
        let response = self.ask(key, false, None)?;
        let length = length(&response);
        body(response, key, length)
    }

    fn put(&self, key: &str, _: &[u8]) -> Result<()> {
        Err(Error::unsupported(format!("an `HttpStore` is read only, and `{key}` was to be written")))
    }

    fn list(&self, _: &str) -> Result<Vec<ObjectMeta>> {
        Err(Error::unsupported("an `HttpStore` cannot list what the server has; name the keys"))
    }
}
