//! Reading the reference cases, and counting digits.

use serde_json::Value;

/// One file of reference cases, or `None` (and a line) where they are not at hand.
pub(crate) fn load(name: &str) -> Option<Value> {
    let path = format!("{}/../../../shared/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("skipped: no reference cases at {path}: {error}");
            None
        }
    }
}

/// A number, or a decimal string of more digits than an `f64` has.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        _ => value.as_f64().unwrap(),
    }
}

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// The digits that two numbers share: the log relative error, at most 16.
pub(crate) fn digits(computed: f64, truth: f64) -> f64 {
    if computed == truth {
        return 16.0;
    }
    let error = (computed - truth).abs();
    let digits = if truth == 0.0 { -error.log10() } else { -(error / truth.abs()).log10() };
    if digits.is_nan() { f64::NEG_INFINITY } else { digits.min(16.0) }
}

/// Collects cases and fails once, at the end, with all that fell short.
#[derive(Debug, Default)]
pub(crate) struct Score {
    cases: usize,
    worst: Option<(f64, String)>,
    failures: Vec<String>,
}

impl Score {
    pub(crate) fn check(&mut self, name: &str, computed: f64, truth: f64, target: f64) {
        let digits = digits(computed, truth);
        self.cases += 1;
        if self.worst.as_ref().is_none_or(|(worst, _)| digits < *worst) {
            self.worst = Some((digits, name.to_owned()));
        }
        if !(digits >= target) {
            self.failures
                .push(format!("{name}: {computed:e} is not {truth:e}: {digits:.1} of {target} digits"));
        }
    }

    pub(crate) fn finish(self, suite: &str) {
        let (worst, name) = self.worst.unwrap_or((f64::NAN, "nothing".to_owned()));
        println!(
            "{suite}: {} values, {} short; worst {worst:.2} digits at {name}",
            self.cases,
            self.failures.len()
        );
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
    }
}
