//! Counts for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use perennial_data::ContractReport;

use super::held::Held;

/// Upper bounds in seconds: those of OpenTelemetry's `http.server.request.duration`.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What happened since the server started. Labels come from the names of models and the words of contracts, never from a request.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<String, Counts>>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<u16, u64>,
    rows: u64,
    panics: u64,
    set_aside: u64,
    /// Rows that broke a contract: by severity, column, check and rule.
    broken: BTreeMap<[String; 4], u64>,
    /// How many requests took at most this long, bound by bound, not added up.
    durations: [u64; BOUNDS.len()],
    seconds: f64,
}

impl Metrics {
    fn with(&self, model: &str, change: impl FnOnce(&mut Counts)) {
        // Counting goes on after a panic elsewhere: the counts are whole at all times.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(model) {
            all.insert(model.to_owned(), Counts::default());
        }
        if let Some(counts) = all.get_mut(model) {
            change(counts);
        }
    }

    /// Counts one request; `model` is empty where it was about none.
    pub(crate) fn request(&self, model: &str, status: u16, took: Duration) {
        self.with(model, |counts| {
            *counts.requests.entry(status).or_default() += 1;
            counts.seconds += took.as_secs_f64();
            if let Some(bin) = BOUNDS.iter().position(|&bound| took.as_secs_f64() <= bound) {
                counts.durations[bin] += 1;
            }
        });
    }

    pub(crate) fn rows(&self, model: &str, rows: usize) {
        self.with(model, |counts| counts.rows += rows as u64);
    }

    pub(crate) fn panic(&self, model: &str) {
        self.with(model, |counts| counts.panics += 1);
    }

    /// Counts rows that a contract set aside.
    pub(crate) fn set_aside(&self, model: &str, rows: usize) {
        self.with(model, |counts| counts.set_aside += rows as u64);
    }

    /// Counts the rows that broke each part of a contract; the labels are the words of the contract.
    pub(crate) fn broken(&self, model: &str, report: &ContractReport, held: &Held) {
        if report.violations().is_empty() {
            return;
        }
        self.with(model, |counts| {
            for found in report.violations() {
                // What is not about rows is about the request.
                *counts.broken.entry(held.label(found)).or_default() += found.count.max(1) as u64;
            }
        });
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &dyn Fn(&mut String, &str, &Counts)| {
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            all.iter().for_each(|(model, counts)| lines(&mut out, model, counts));
        };
        family("perennial_requests_total", "counter", "Requests by status.", &|out, model, counts| {
            for (status, count) in &counts.requests {
                let _ = writeln!(
                    out,
                    "perennial_requests_total{{model=\"{model}\",status=\"{status}\"}} {count}"
                );
            }
        });
        family("perennial_rows_total", "counter", "Rows predicted.", &|out, model, counts| {
            let _ = writeln!(out, "perennial_rows_total{{model=\"{model}\"}} {}", counts.rows);
        });
        family("perennial_panics_total", "counter", "Panics of the model.", &|out, model, counts| {
            let _ = writeln!(out, "perennial_panics_total{{model=\"{model}\"}} {}", counts.panics);
        });
        let name = "perennial_quarantined_rows_total";
        family(name, "counter", "Rows that a contract set aside.", &|out, model, counts| {
            let _ = writeln!(out, "{name}{{model=\"{model}\"}} {}", counts.set_aside);
        });
        let name = "perennial_contract_rows_total";
        family(name, "counter", "Rows that broke a part of a contract.", &|out, model, counts| {
            for ([severity, column, check, rule], count) in &counts.broken {
                let (column, rule) = (escaped(column), escaped(rule));
                let _ = writeln!(
                    out,
                    "{name}{{model=\"{model}\",severity=\"{severity}\",column=\"{column}\",check=\"{check}\",rule=\"{rule}\"}} \
                     {count}"
                );
            }
        });
        let name = "perennial_request_duration_seconds";
        family(name, "histogram", "Time from the request to its answer.", &|out, model, counts| {
            let mut sum = 0;
            for (bound, count) in BOUNDS.iter().zip(counts.durations) {
                sum += count;
                let _ = writeln!(out, "{name}_bucket{{model=\"{model}\",le=\"{bound}\"}} {sum}");
            }
            let total: u64 = counts.requests.values().sum();
            let _ = writeln!(out, "{name}_bucket{{model=\"{model}\",le=\"+Inf\"}} {total}");
            let _ = writeln!(out, "{name}_sum{{model=\"{model}\"}} {}", counts.seconds);
            let _ = writeln!(out, "{name}_count{{model=\"{model}\"}} {total}");
        });
        out
    }
}

/// The value of a label: names of columns and words of rules may hold anything.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
