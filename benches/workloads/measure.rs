//! Measuring: wall and CPU time, memory, and what else ran on the machine.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use perennial::core::Result;
use serde_json::{Map, Value, json};

/// Runs stop after this many seconds, and predictions after half of it.
const BUDGET: f64 = 10.0;
/// A first run that takes longer than this is the only one.
const COLD: f64 = 30.0;

/// Where the data lies, and how to run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) data: PathBuf,
    pub(crate) threads: usize,
    pub(crate) runs: usize,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Record {
    params: String,
    data: String,
    fields: Map<String, Value>,
    quality: Map<String, Value>,
}

/// A model, and what fitting it took.
#[derive(Debug)]
pub(crate) struct Fitted<'a, M> {
    bench: &'a Bench,
    pub(crate) model: M,
    pub(crate) record: Record,
}

impl Bench {
    /// Times `fit`: one run is thrown away, the median of the others counts.
    pub(crate) fn fit<M>(
        &self,
        params: &str,
        data: impl Into<String>,
        fit: impl Fn() -> Result<M>,
    ) -> Result<Fitted<'_, M>> {
        pin_to_first_cpus(self.threads);
        touch_memory();
        let base = status("VmRSS");
        reset_peak();
        let start = Instant::now();
        let first = fit()?;
        let first_s = start.elapsed().as_secs_f64();
        let (start, busy, own) = (Instant::now(), machine_seconds(), cpu_seconds());
        let (runs, model) = match first_s > COLD {
            true => (vec![Run { wall: first_s, cpu: f64::NAN }], first),
            false => {
                drop(first);
                repeat(self.runs, BUDGET, fit)?
            }
        };
        let elsewhere = machine_seconds() - busy - (cpu_seconds() - own);
        let others = (elsewhere / start.elapsed().as_secs_f64()).max(0.0);
        let (middle, peak) = (median(&runs), status("VmHWM"));
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| fields.insert(name.into(), value);
        set("first_s", json!(first_s));
        set("others", json!((others * 100.0).round() / 100.0));
        set("fit_s", json!(middle.wall));
        set("fit_cpu_s", json!(middle.cpu));
        set("fit_min_s", json!(runs.iter().map(|run| run.wall).fold(f64::INFINITY, f64::min)));
        set("fit_cpu_min_s", json!(runs.iter().map(|run| run.cpu).fold(f64::INFINITY, f64::min)));
        set("fit_runs", json!(runs.len()));
        set("peak_mb", json!(peak));
        set("extra_mb", json!((peak - base).max(0.0)));
        let record = Record { params: params.into(), data: data.into(), fields, quality: Map::new() };
        Ok(Fitted { bench: self, model, record })
    }
}

impl<M> Fitted<'_, M> {
    /// Times `predict` in the same way, and gives what it answered.
    pub(crate) fn predict<P>(&mut self, predict: impl Fn(&M) -> Result<P>) -> Result<P> {
        drop(predict(&self.model)?);
        let (runs, answer) = repeat(self.bench.runs, BUDGET / 2.0, || predict(&self.model))?;
        let middle = median(&runs);
        let fields = &mut self.record.fields;
        fields.insert("predict_s".into(), json!(middle.wall));
        fields.insert("predict_cpu_s".into(), json!(middle.cpu));
        fields.insert("predict_runs".into(), json!(runs.len()));
        Ok(answer)
    }
}

impl Record {
    /// Adds a measure of how good the result is.
    pub(crate) fn quality(mut self, name: &str, value: f64) -> Self {
        self.quality.insert(name.into(), json!(value));
        self
    }

    /// One line.
    pub(crate) fn json(mut self, workload: &str, threads: usize) -> Value {
        let mut line = Map::new();
        line.insert("workload".into(), json!(workload));
        line.insert("peer".into(), json!("perennial"));
        line.insert("threads".into(), json!(threads));
        line.insert("version".into(), json!(concat!("perennial ", env!("CARGO_PKG_VERSION"))));
        line.insert("params".into(), json!(self.params));
        line.insert("data".into(), json!(self.data));
        line.append(&mut self.fields);
        line.insert("quality".into(), Value::Object(self.quality));
        Value::Object(line)
    }
}

/// Seconds by the clock and seconds of CPU.
#[derive(Clone, Copy, Debug)]
struct Run {
    wall: f64,
    cpu: f64,
}

/// Repeats until there are `runs` or `budget` seconds are over; what a run gave is dropped outside its time.
fn repeat<T>(runs: usize, budget: f64, work: impl Fn() -> Result<T>) -> Result<(Vec<Run>, T)> {
    let start = Instant::now();
    let mut done: Vec<Run> = Vec::new();
    loop {
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let result = work()?;
        let run = Run { wall: wall.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu };
        done.push(run);
        if done.len() >= runs || start.elapsed().as_secs_f64() + run.wall > budget {
            return Ok((done, result));
        }
    }
}

/// The middle run by wall time; the mean of the two in the middle of an even number.
fn median(runs: &[Run]) -> Run {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    Run { wall: (low.wall + high.wall) / 2.0, cpu: (low.cpu + high.cpu) / 2.0 }
}

/// Leaves the process the first `n` CPUs, as many as it has threads. Without `taskset` nothing happens.
fn pin_to_first_cpus(n: usize) {
    let id = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["--all-tasks", "--pid", "--cpu-list", &format!("0-{}", n - 1), &id])
        .stdout(Stdio::null())
        .status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("the process keeps all CPUs: `taskset` did not work");
    }
}

/// The first touch of a page is dear on a virtual machine: pays for 1.5 GB before anything is timed.
fn touch_memory() {
    let mut memory: Vec<u8> = Vec::with_capacity(1536 << 20);
    for page in memory.spare_capacity_mut().iter_mut().step_by(4096) {
        page.write(1);
    }
    std::hint::black_box(&mut memory);
}

/// CPU seconds of all threads so far. Threads that ended are missing; those of the pool do not end.
fn cpu_seconds() -> f64 {
    // Giving way makes the kernel book the time of this thread up to now.
    std::thread::yield_now();
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    spent.fold(0.0, |sum, nanoseconds| sum + nanoseconds) / 1e9
}

/// CPU seconds that the whole machine has worked.
fn machine_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<f64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|number| number.parse().ok())
        .collect();
    // user, nice, system, irq, softirq; in hundredths of a second
    [0, 1, 2, 5, 6].iter().filter_map(|&at| numbers.get(at)).sum::<f64>() / 100.0
}

/// A line of the status of this process, in MB.
fn status(key: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

/// Makes the peak of memory start anew from what is held now.
fn reset_peak() {
    if fs::write("/proc/self/clear_refs", "5").is_err() {
        eprintln!("the peak of memory includes loading: `/proc/self/clear_refs` cannot be written");
    }
}
