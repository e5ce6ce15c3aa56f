//! Files over HTTP, from a server that does as it is told.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use perennial_core::{CancelToken, Context, ErrorKind};
use perennial_data::Download;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// What the server says to one request: a head without the last empty line, a body, and how long it is silent then.
struct Answer {
    head: String,
    body: Vec<u8>,
    silence: Duration,
}

fn answer(head: &str, body: &[u8]) -> Answer {
    Answer { head: head.to_owned(), body: body.to_vec(), silence: Duration::ZERO }
}

fn whole(body: &[u8]) -> Answer {
    answer(&format!("200 OK\r\netag: \"one\"\r\ncontent-length: {}", body.len()), body)
}

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/some/file.bin?key=secret", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut answers = VecDeque::from(answers);
            for stream in listener.incoming() {
                let (Ok(mut stream), Some(answer)) = (stream, answers.pop_front()) else { return };
                let mut request = String::new();
                for line in BufReader::new(&stream).lines() {
                    let Ok(line) = line else { break };
                    if line.is_empty() {
                        break;
                    }
                    request += &line.to_ascii_lowercase();
                    request.push('\n');
                }
                seen.lock().unwrap().push(request);
                let _ = write!(stream, "HTTP/1.1 {}\r\nconnection: close\r\n\r\n", answer.head);
                let _ = stream.write_all(&answer.body);
                thread::sleep(answer.silence);
            }
        });
        Server { url, requests }
    }

    fn download(&self) -> Download {
        Download::new(&self.url)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    (folder, path)
}

fn pin(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02X}")).collect()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_pinned_file_is_fetched_once() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7) as u8).collect();
    let server = Server::new(vec![whole(&bytes)]);
    let (folder, path) = file();
    let download = server.download().sha256(&pin(&bytes)).header("X-Key", "hidden");
    let first = download.fetch(&path, &Context::new()).unwrap();
    assert_eq!((first.n_bytes, first.fetched), (200_000, 200_000));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let second = download.fetch(&path, &Context::new()).unwrap();
    assert_eq!((second.sha256, second.fetched), (first.sha256, 0));
    assert_eq!(server.requests().len(), 1);
    assert!(server.requests()[0].contains("x-key: hidden") && !server.requests()[0].contains("range:"));
    assert_eq!(names(&folder), ["file.bin"]);
    let shown = format!("{download:?}");
    assert!(
        shown.contains("/some/file.bin") && !shown.contains("hidden") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn what_broke_off_is_gone_on_with() {
    let bytes: Vec<u8> = (0..1000_u32).map(|i| (i % 251) as u8).collect();
    let cut = answer("200 OK\r\netag: \"one\"\r\ncontent-length: 1000", &bytes[..400]);
    let rest = answer(
        "206 Partial Content\r\ncontent-range: bytes 400-999/1000\r\ncontent-length: 600",
        &bytes[400..],
    );
    let server = Server::new(vec![cut, rest]);
    let (folder, path) = file();
    let done = server.download().fetch(&path, &Context::new()).unwrap();
    assert_eq!((done.n_bytes, done.fetched), (1000, 1000));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(
        server.requests()[1].contains("range: bytes=400-\n")
            && server.requests()[1].contains("if-range: \"one\"\n")
    );
    assert_eq!(names(&folder), ["file.bin"]);

    // The next call goes on as well; where the server has another file by then, it starts over.
    let cut = || answer("200 OK\r\netag: \"one\"\r\ncontent-length: 1000", &bytes[..400]);
    let server = Server::new(vec![cut(), whole(&bytes[100..])]);
    let (folder, path) = file();
    let error = server.download().attempts(1).fetch(&path, &Context::new()).unwrap_err().to_string();
    assert!(error.contains("attempt 1 of 1") && !error.contains("secret"), "{error}");
    assert_eq!(names(&folder), ["file.bin.part", "file.bin.part.json"]);
    let done = server.download().attempts(1).fetch(&path, &Context::new()).unwrap();
    assert_eq!((done.n_bytes, done.fetched), (900, 900));
    assert!(server.requests()[1].contains("range: bytes=400-"));

    // Without a pin or a tag nobody knows whether the rest is of the same file.
    let cut = answer("200 OK\r\ncontent-length: 1000", &bytes[..400]);
    let server = Server::new(vec![cut, whole(&bytes)]);
    let (_folder, path) = file();
    assert!(server.download().attempts(1).fetch(&path, &Context::new()).is_err());
    server.download().fetch(&path, &Context::new()).unwrap();
    assert!(!server.requests()[1].contains("range"));
}

#[test]
fn two_versions_are_never_one_file() {
    let bytes = [7_u8; 1000];
    let cut = answer("200 OK\r\ncontent-length: 1000", &bytes[..400]);
    let other =
        answer("206 Partial Content\r\ncontent-range: bytes 400-999/1000\r\ncontent-length: 600", &[8; 600]);
    let server = Server::new(vec![cut, other, whole(&bytes)]);
    let (_folder, path) = file();
    let done = server.download().sha256(&pin(&bytes)).attempts(1).fetch(&path, &Context::new());
    assert!(done.is_err());
    let done = server.download().sha256(&pin(&bytes)).fetch(&path, &Context::new()).unwrap();
    assert_eq!(done.fetched, 1600);
    assert_eq!(fs::read(&path).unwrap(), bytes);

    let server = Server::new(vec![whole(&bytes), whole(&bytes)]);
    let (folder, path) = file();
    fs::write(&path, "what was there").unwrap();
    let error = server.download().sha256(&pin(b"other")).fetch(&path, &Context::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("is not what it must be"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(names(&folder), ["file.bin"]);
    assert_eq!(fs::read(&path).unwrap(), b"what was there");
}

#[test]
fn refusals_are_final_or_not() {
    let server = Server::new(vec![answer("404 Not Found\r\ncontent-length: 0", b"")]);
    let (_folder, path) = file();
    let error = server.download().fetch(&path, &Context::new()).unwrap_err().to_string();
    assert!(error.contains("404") && !error.contains("secret"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert!(!path.exists());

    let busy = || answer("503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0", b"");
    let server = Server::new(vec![busy(), busy(), whole(b"abc")]);
    assert_eq!(server.download().fetch(&path, &Context::new()).unwrap().n_bytes, 3);

    let server = Server::new(vec![whole(&[1; 11])]);
    let large = |server: &Server| server.download().most_bytes(10).fetch(&path, &Context::new()).unwrap_err();
    assert!(large(&server).to_string().contains("larger than the 10 bytes"));
    // Also where the server does not say how large it is.
    let server = Server::new(vec![answer("200 OK", &[1; 5000])]);
    assert!(large(&server).to_string().contains("larger than the 10 bytes"));
    assert_eq!(fs::read(&path).unwrap(), b"abc");
}

#[test]
fn silence_and_cancelling_end_it() {
    let (_folder, path) = file();
    let slow = |silence| Answer {
        head: "200 OK\r\ncontent-length: 10".to_owned(),
        body: vec![1; 5],
        silence: Duration::from_millis(silence),
    };
    let server = Server::new(vec![slow(5000)]);
    let start = Instant::now();
    let download = server.download().attempts(1).patience(Duration::from_millis(200));
    assert!(download.fetch(&path, &Context::new()).is_err());
    assert!(start.elapsed() < Duration::from_secs(3));

    let busy = answer("503 Service Unavailable\r\nretry-after: 60\r\ncontent-length: 0", b"");
    let server = Server::new(vec![busy]);
    let token = CancelToken::after(Duration::from_millis(200));
    let start = Instant::now();
    let error = server.download().fetch(&path, &Context::new().with_cancel(token)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn settings_are_checked_before_the_network() {
    let (_folder, path) = file();
    let message = |download: Download| download.fetch(&path, &Context::new()).unwrap_err().to_string();
    assert!(message(Download::new("ftp://a.example/b")).contains("http://"));
    assert!(message(Download::new("http://a.example/b").sha256("12")).contains("64 hexadecimal"));
    assert!(message(Download::new("http://a.example/b").attempts(0)).contains("attempts"));
    assert!(message(Download::new("http://a.example/b").most_bytes(0)).contains("most_bytes"));
    assert!(message(Download::new("http://a.example/b").patience(Duration::ZERO)).contains("patience"));
    #[cfg(not(feature = "https"))]
    assert!(message(Download::new("https://a.example/b")).contains("feature `https`"));
    let gone = message(Download::new("http://127.0.0.1:1/b").attempts(1));
    assert!(gone.contains("could not be read"), "{gone}");
}

/// A server with one file, which it gives whole or by ranges, and what it was asked for.
pub(crate) fn serve(bytes: Vec<u8>, path: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines =
                BufReader::new(&stream).lines().map_while(|line| line.ok().filter(|line| !line.is_empty()));
            let request: Vec<String> = lines.collect();
            let range = request.iter().find_map(|line| {
                let (start, end) =
                    line.to_ascii_lowercase().strip_prefix("range: bytes=")?.split_once('-').map(
                        |(start, end)| (start.parse::<usize>().unwrap(), end.parse::<usize>().unwrap()),
                    )?;
                Some(start..end + 1)
            });
            let (status, part) = match range {
                _ if request[0].split(' ').nth(1) != Some(path) => ("404 Not Found".to_owned(), &[][..]),
                Some(range) => {
                    let at = format!("bytes {}-{}/{}", range.start, range.end - 1, bytes.len());
                    (format!("206 Partial Content\r\ncontent-range: {at}"), &bytes[range])
                }
                None => ("200 OK".to_owned(), &bytes[..]),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                part.len()
            );
            if !request[0].starts_with("HEAD") {
                let _ = stream.write_all(part);
            }
            seen.lock().unwrap().push(request.join("\n").to_ascii_lowercase());
        }
    });
    (url, requests)
}
