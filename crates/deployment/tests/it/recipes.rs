//! The `http_recipe` cases of `bad_inputs.json` that can be tried in seconds, over real sockets.
//!
//! Not here: the steady-state halves of `slow_headers`, `slow_body` and `half_close` need minutes; `admin_no_token`:
//! there are no admin paths; `log_injection`: the server writes no log.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use perennial_deployment::{RunningServer, Server};

use crate::support::client::{Reply, connect, get, parse, post, raw, read_all};
use crate::support::*;

const PREDICT: &str = "/v1/models/m:predict";
const GOOD: &str = r#"{"instances":[[1,2,3]]}"#;

fn serve(change: impl FnOnce(Server) -> Server) -> RunningServer {
    let server = Server::regressor(&regressor().build().unwrap(), &Linear).unwrap().bind("127.0.0.1:0");
    change(server).start().unwrap()
}

fn head(length: &str) -> String {
    format!("POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n")
}

fn healthy(at: SocketAddr) {
    assert_eq!(post(at, PREDICT, GOOD).status, 200);
}

#[test]
fn oversize_declared() {
    let server = serve(|server| server);
    let started = Instant::now();
    let reply = raw(server.address(), head("Content-Length: 10737418240").as_bytes());
    assert_eq!((reply.status, reply.head.contains("connection: close")), (413, true));
    assert!(started.elapsed() < Duration::from_millis(500));
    healthy(server.address());
}

#[test]
fn oversize_chunked() {
    let server = serve(|server| server.max_body_bytes(100_000));
    let mut stream = connect(server.address());
    let mut writer = stream.try_clone().unwrap();
    let sent = thread::spawn(move || {
        writer.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
        let chunks = b"6\r\n[1,2,3\r\n".repeat(1000);
        (0..1000).take_while(|_| writer.write_all(&chunks).is_ok()).count()
    });
    let reply = parse(&read_all(&mut stream));
    drop(stream);
    assert_eq!(reply.status, 413);
    assert!(sent.join().unwrap() < 1000, "the server read on");
    healthy(server.address());
}

/// Chunks of a few bytes must not take many times their size.
#[cfg(target_os = "linux")]
#[test]
fn small_chunks_take_little_memory() {
    // In a process of its own: other tests beside it would count as its memory.
    const ALONE: &str = "PERENNIAL_DEPLOYMENT_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = ["--exact", "recipes::small_chunks_take_little_memory"];
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(test)
            .env(ALONE, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    fn kib(key: &str) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
    let server = serve(|server| server.body_timeout(Duration::from_secs(60)));
    healthy(server.address());
    let chunks = b"6\r\n[1,2,3\r\n".repeat(1000);
    let before = kib("VmRSS");
    let mut stream = connect(server.address());
    let mut writer = stream.try_clone().unwrap();
    let sent = thread::spawn(move || {
        writer.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
        (0..20_000).take_while(|_| writer.write_all(&chunks).is_ok()).count()
    });
    assert_eq!(parse(&read_all(&mut stream)).status, 413);
    drop(stream);
    assert!(sent.join().unwrap() < 20_000);
    let grown = kib("VmHWM").saturating_sub(before);
    println!("peak memory grew by {grown} KiB");
    assert!(grown < 3 * 8 * 1024, "{grown} KiB for a body of at most 8 MiB");
}

#[test]
fn other_media_types_and_encodings() {
    let server = serve(|server| server);
    let send = |header: &str| {
        let request = format!(
            "POST {PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}Content-Length: {}\r\n\r\n{GOOD}",
            GOOD.len()
        );
        raw(server.address(), request.as_bytes()).status
    };
    assert_eq!(send("Content-Type: application/json; charset=utf-8\r\n"), 200);
    assert_eq!(send("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"), 415);
    assert_eq!(send("Content-Type: text/plain\r\n"), 415);
    assert_eq!(send(""), 415);
}

#[test]
fn slow_headers() {
    let server = serve(|server| server.header_timeout(Duration::from_millis(300)).max_connections(50));
    let slow: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = connect(server.address());
            stream.write_all(b"G").unwrap();
            stream
        })
        .collect();
    healthy(server.address());
    let started = Instant::now();
    for mut stream in slow {
        let text = read_all(&mut stream);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    }
    assert!(started.elapsed() < Duration::from_secs(3));
    healthy(server.address());
}

#[test]
fn slow_body() {
    let server = serve(|server| server.body_timeout(Duration::from_millis(300)));
    let slow: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = connect(server.address());
            stream.write_all(head("Content-Length: 1000").as_bytes()).unwrap();
            stream.write_all(b"{").unwrap();
            stream
        })
        .collect();
    healthy(server.address());
    let started = Instant::now();
    for mut stream in slow {
        assert_eq!(parse(&read_all(&mut stream)).status, 408);
    }
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn slow_reader() {
    let server = serve(|server| {
        server
            .write_timeout(Duration::from_millis(300))
            .drain(Duration::from_secs(30))
            .max_batch_rows(100_000)
    });
    let rows = vec!["[1,2,3]"; 20_000].join(",");
    let body = format!("{{\"instances\":[{rows}]}}");
    let request = format!("{}{body}", head(&format!("Content-Length: {}", body.len())));
    let mut stream = connect(server.address());
    // Answers pile up, nobody takes them, and writing requests fails once the server has left.
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let sent = (0..1000).take_while(|_| stream.write_all(request.as_bytes()).is_ok()).count();
    assert!(sent < 1000);
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(5), "the connection was still held");
}

#[test]
fn resets_and_garbage() {
    let server = serve(|server| server);
    let at = server.address();
    for _ in 0..300 {
        let mut stream = connect(at);
        stream.write_all(head("Content-Length: 1000").as_bytes()).unwrap();
    }
    let random: Vec<u8> = (0..2000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    for garbage in [random, tls, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), b"\r\n\r\n\0\0".to_vec()] {
        let mut stream = connect(at);
        stream.write_all(&garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let status = parse(&read_all(&mut stream)).status;
        assert!(status == 400 || status == 0, "{status}");
    }
    // A good request and then garbage on the same connection: one answer, one refusal, closed.
    let good = format!("{}{GOOD}", head(&format!("Content-Length: {}", GOOD.len())));
    let mut stream = connect(at);
    stream.write_all(format!("{good}\0\0garbage\r\n\r\n").as_bytes()).unwrap();
    let text = read_all(&mut stream);
    assert!(text.starts_with("HTTP/1.1 200") && text.matches("HTTP/1.1").count() <= 2, "{text}");
    healthy(at);
}

/// Differing lengths are refused. Where a length stands beside chunks, RFC 9112, section 6.1, lets a server go by
/// the chunks alone if it closes afterwards, so that what was smuggled is never read as a request.
#[test]
fn smuggling() {
    let server = serve(|server| server);
    let smuggled = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let reply = |lengths: &str, body: &str| {
        let mut stream = connect(server.address());
        stream.write_all(format!("{}{body}{smuggled}", head(lengths)).as_bytes()).unwrap();
        read_all(&mut stream)
    };
    let two = reply("Content-Length: 5\r\nContent-Length: 6", "{}{}{}");
    assert_eq!((parse(&two).status, two.matches("HTTP/1.1").count()), (400, 1), "{two}");
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let both = reply(lengths, &format!("{:x}\r\n{GOOD}\r\n0\r\n\r\n", GOOD.len()));
        assert_eq!((parse(&both).status, both.matches("HTTP/1.1").count()), (200, 1), "{both}");
        assert!(!both.contains("live"), "{both}");
    }
    for lengths in
        ["Content-Length: -1", "Content-Length: 1, 2", "Content-Length: 0x1", "Transfer-Encoding: gzip"]
    {
        let text = reply(lengths, "{}");
        assert_eq!((parse(&text).status, text.matches("HTTP/1.1").count()), (400, 1), "{lengths}: {text}");
    }
    healthy(server.address());
}

#[test]
fn header_flood() {
    let server = serve(|server| server);
    let many: String = (0..1000).map(|i| format!("X-{i}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(1 << 20));
    for headers in [many, long] {
        let mut stream = connect(server.address());
        let mut writer = stream.try_clone().unwrap();
        let sent = thread::spawn(move || {
            writer.write_all(format!("GET /v2 HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).is_ok()
        });
        let text = read_all(&mut stream);
        drop(stream);
        let _ = sent.join().unwrap();
        assert_eq!(parse(&text).status, 431, "{text}");
    }
    healthy(server.address());
}

#[test]
fn path_traversal_and_unknown_models() {
    let server = serve(|server| server);
    let at = server.address();
    for name in [
        "..%2f..%2fetc%2fpasswd",
        "..%252f..%252fetc%252fpasswd",
        "..\\..\\etc\\passwd",
        "a%00b",
        "../../etc/passwd",
        "m%20",
        "M",
        "",
    ] {
        let reply = post(at, &format!("/v1/models/{name}:predict"), GOOD);
        assert!(reply.status == 404 || reply.status == 400, "{name}: {}", reply.status);
        let reply = get(at, &format!("/v2/models/{name}"));
        assert!(reply.status == 404 || reply.status == 400, "{name}: {}", reply.status);
    }
    let reply = get(at, "/v2/models/nobody");
    assert_eq!((reply.status, reply.error()), (404, "there is no model \"nobody\"".to_owned()));
    let reply = get(at, &format!("/v2/models/{}", "x".repeat(5000)));
    assert!(reply.status == 404 && reply.body.len() < 200);
    let reply = get(at, "/v2/models/<script>");
    assert!(reply.status == 404 || reply.status == 400);
}

#[test]
fn batch_cap() {
    let server = serve(|server| server.max_batch_rows(10));
    let send = |n: usize| {
        let rows = vec!["[1,2,3]"; n].join(",");
        post(server.address(), PREDICT, &format!("{{\"instances\":[{rows}]}}"))
    };
    assert_eq!(send(10).status, 200);
    assert_eq!(send(11).status, 413);
    let reply = send(1_000_000);
    assert_eq!(
        (reply.status, reply.error().contains("10 rows") || reply.error().contains("larger")),
        (413, true)
    );
    let reply = send(100_000);
    assert_eq!((reply.status, reply.error().contains("may have 10 rows")), (413, true));
}

#[test]
fn deadline() {
    let server = serve(|server| server.deadline(Duration::from_millis(200)).max_concurrent(2));
    let started = Instant::now();
    let reply = post(server.address(), PREDICT, &format!(r#"{{"instances":[[{SLEEP},2,3]]}}"#));
    let took = started.elapsed();
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(took >= Duration::from_millis(190) && took < Duration::from_millis(700), "{took:?}");
    // One worker is still busy, the other one answers.
    healthy(server.address());
}

#[test]
fn queue_full() {
    let server = serve(|server| server.max_concurrent(1).max_queued(1));
    let at = server.address();
    let asked: Vec<_> = (0..10)
        .map(|_| thread::spawn(move || post(at, PREDICT, &format!(r#"{{"instances":[[{SLEEP},2,3]]}}"#))))
        .collect();
    let replies: Vec<Reply> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
    let answered = replies.iter().filter(|reply| reply.status == 200).count();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!(answered + refused.len(), 10);
    assert!(answered >= 2 && !refused.is_empty(), "{answered}");
    assert!(refused.iter().all(|reply| reply.head.contains("retry-after: 1")));
    healthy(at);
}

#[test]
fn panic_model() {
    let server = serve(|server| server);
    let at = server.address();
    let reply = post(at, PREDICT, &format!(r#"{{"instances":[[{PANIC},2,3]]}}"#));
    assert_eq!((reply.status, reply.error().as_str()), (500, "the model failed on this request"));
    let good = format!("{}{GOOD}", head(&format!("Content-Length: {}", GOOD.len())));
    let mut stream = connect(at);
    for _ in 0..1000 {
        stream.write_all(good.as_bytes()).unwrap();
        let mut part = [0; 1024];
        let n = stream.read(&mut part).unwrap();
        assert!(part[..n].starts_with(b"HTTP/1.1 200"));
    }
    assert!(get(at, "/metrics").body.contains("perennial_panics_total{model=\"m\"} 1\n"));
}

#[test]
fn cors_host() {
    let server = serve(|server| server);
    let request = "GET /v2 HTTP/1.1\r\nHost: evil\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n";
    assert!(!raw(server.address(), request.as_bytes()).head.contains("access-control"));
    let preflight = request.replacen("GET /v2", &format!("OPTIONS {PREDICT}"), 1);
    let reply = raw(server.address(), preflight.as_bytes());
    assert_eq!((reply.status, reply.head.contains("access-control")), (405, false));
}

#[test]
fn shutdown_answers_what_is_open() {
    let server = serve(|server| server);
    let at = server.address();
    let idle = connect(at);
    let open =
        thread::spawn(move || post(at, PREDICT, &format!(r#"{{"instances":[[{SLEEP},2,3]]}}"#)).status);
    thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(open.join().unwrap(), 200);
    assert!(std::net::TcpStream::connect(at).is_err());
    drop(idle);
}

/// What the tests below run in a process of its own.
#[cfg(unix)]
#[test]
fn serve_until_told() {
    if std::env::var_os("SERVE_UNTIL_TOLD").is_some() {
        let server = serve(|server| server);
        println!("\nserving {}", server.address());
        server.wait().unwrap();
        println!("\ndrained");
    }
}

#[cfg(unix)]
mod other_process {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdout, Command, Stdio};

    use super::*;

    /// Serves in a process that may open so many files.
    struct Serving {
        child: Child,
        lines: std::io::Lines<BufReader<ChildStdout>>,
        at: SocketAddr,
    }

    fn serve_with_files(limit: u32) -> Serving {
        let script = format!("ulimit -n {limit}; exec \"$0\" --exact recipes::serve_until_told --nocapture");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env("SERVE_UNTIL_TOLD", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().strip_prefix("serving ").map(str::to_owned)).unwrap();
        let serving = Serving { child, lines, at: address.parse().unwrap() };
        while !serving.waits_for_signals() {
            thread::sleep(Duration::from_millis(10));
        }
        serving
    }

    impl Serving {
        /// Whether SIGTERM is caught by now, where the operating system tells.
        fn waits_for_signals(&self) -> bool {
            let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())) else {
                return true;
            };
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("ffff");
            u64::from_str_radix(caught.trim(), 16).unwrap() >> 14 & 1 == 1
        }

        fn terminate(mut self, while_draining: impl FnOnce()) {
            Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
            while_draining();
            assert!(self.lines.any(|line| line.unwrap() == "drained"));
            assert!(self.child.wait().unwrap().success());
        }
    }

    #[test]
    fn sigterm_drains() {
        let serving = serve_with_files(256);
        let at = serving.at;
        healthy(at);
        let open =
            thread::spawn(move || post(at, PREDICT, &format!(r#"{{"instances":[[{SLEEP},2,3]]}}"#)).status);
        thread::sleep(Duration::from_millis(400));
        serving.terminate(|| assert_eq!(open.join().unwrap(), 200));
    }

    #[test]
    fn fd_exhaust() {
        let serving = serve_with_files(64);
        healthy(serving.at);
        // More than it may open, fewer than wait in the queue of the operating system.
        let many: Vec<_> = (0..120).map(|_| connect(serving.at)).collect();
        thread::sleep(Duration::from_millis(500));
        drop(many);
        let started = Instant::now();
        healthy(serving.at);
        assert!(started.elapsed() < Duration::from_secs(5));
        serving.terminate(|| ());
    }
}

/// Bodies with a few bytes changed: whatever they are, the answer is about the request, and the server goes on.
#[test]
fn mutated_bodies() {
    let server = serve(|server| server);
    let tensor =
        |name: &str| format!(r#"{{"name":"{name}","shape":[2],"datatype":"FP64","data":[1.5,-2e3]}}"#);
    let tensors = format!(r#"{{"id":"q","inputs":[{},{},{}]}}"#, tensor("a"), tensor("b"), tensor("c"));
    let records = r#"{"records":[{"a":1,"b":2.5e-3,"c":-3},{"c":1,"a":0,"b":7}]}"#.to_owned();
    let pieces: [&[u8]; 12] = [
        b"\"",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"1e999",
        b"null",
        b"-",
        b"\\u0000",
        b"\xff",
        b"18446744073709551615",
    ];
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut stream = connect(server.address());
    for round in 0..2000 {
        let (path, body) = [("/v2/models/m/infer", &tensors), (PREDICT, &records)][round % 2];
        let mut body = body.clone().into_bytes();
        for _ in 0..=random(3) {
            let (start, piece) = (random(body.len()), pieces[random(pieces.len())]);
            let end = (start + random(6)).min(body.len());
            body.splice(start..end, piece.iter().copied());
        }
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let mut part = [0; 8192];
        let n = stream.read(&mut part).unwrap();
        let status = parse(&String::from_utf8_lossy(&part[..n])).status;
        assert!(matches!(status, 200 | 400 | 422), "{status}: {}", String::from_utf8_lossy(&body));
    }
}
