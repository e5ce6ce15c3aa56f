//! What a model costs on this machine, and which models may cost that.

use std::fmt;
use std::time::{Duration, Instant};

use perennial_core::{Context, Error, Param, Predictor, Result, Rows};
use serde::{Deserialize, Serialize};

use std::borrow::Borrow;

use crate::peak_memory;

/// What a model was measured to cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The median time to answer a single row, in seconds.
    pub latency_p50: f64,
    /// The time within which 99 of 100 single rows are answered, in seconds.
    pub latency_p99: f64,
    /// Rows answered in a second when all are asked together.
    pub throughput: f64,
    /// The size of the saved model, in bytes, where it is known.
    pub bytes: Option<u64>,
    /// How much memory answering all rows takes beyond what was there, in bytes, where it is known.
    #[serde(default)]
    pub memory: Option<u64>,
}

impl Cost {
    /// The size of the saved model, in bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// How much memory answering takes, in bytes, by a measure of your own.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: f64| format!("{:.1?}", Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
        write!(f, "p50 {}, p99 {}", time(self.latency_p50), time(self.latency_p99))?;
        write!(f, ", {:.0} rows/s", self.throughput)?;
        self.bytes.map_or(Ok(()), |bytes| write!(f, ", {bytes} bytes"))?;
        self.memory.map_or(Ok(()), |bytes| write!(f, ", {:.1} MiB of memory", bytes as f64 / 1_048_576.0))
    }
}

const N_CALLS: Param = Param::integer("n_calls", "single rows that are timed").at_least(1.0);

/// Measures a model on rows such as it will be asked for, on this machine and as busy as it is now.
///
/// `n_calls` single rows are timed, the rows in turn, after as many as a tenth of them to warm up; then all rows
/// together, three times, of which the fastest counts. The percentiles are those of the nearest rank. The memory is that of
/// [`peak_memory`] the first time all rows are asked together.
///
/// # Errors
/// When there are no rows or calls, an answer fails, or the work was cancelled.
pub fn measure_cost<M>(model: &M, x: &M::Input, n_calls: usize, ctx: &Context) -> Result<Cost>
where
    M: Predictor + ?Sized,
{
    N_CALLS.check_count(n_calls)?;
    let n = x.n_rows();
    if n == 0 {
        return Err(Error::empty("there are no rows to time"));
    }
    let mut seconds = Vec::new();
    let warm_up = n_calls.div_ceil(10);
    for call in 0..warm_up.saturating_add(n_calls) {
        ctx.check()?;
        let row = x.take(&[call % n])?;
        let start = Instant::now();
        model.predict(row.borrow())?;
        if call >= warm_up {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let rank =
        |share: f64| seconds[((share * seconds.len() as f64).ceil() as usize).clamp(1, seconds.len()) - 1];
    let mut fastest = f64::INFINITY;
    let mut memory = None;
    for round in 0..3 {
        ctx.check()?;
        let answer = || {
            let start = Instant::now();
            model.predict(x)?;
            Ok::<f64, Error>(start.elapsed().as_secs_f64())
        };
        let seconds = if round > 0 {
            answer()
        } else {
            let (seconds, bytes) = peak_memory(answer);
            memory = bytes;
            seconds
        };
        fastest = fastest.min(seconds?);
    }
    let throughput = n as f64 / fastest.max(1e-9);
    Ok(Cost { latency_p50: rank(0.5), latency_p99: rank(0.99), throughput, bytes: None, memory })
}

/// What a model may cost.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `latency_p50` | none | > 0 | most seconds for the median of single rows |
/// | `latency_p99` | none | > 0 | most seconds for 99 of 100 single rows |
/// | `throughput` | none | > 0 | least rows in a second |
/// | `bytes` | none | | most bytes of the saved model |
/// | `memory` | none | | most bytes of memory that answering takes |
///
/// ```
/// use perennial_evaluation::{Candidate, Cost, Limits};
///
/// let cost = |p99: f64| Cost { latency_p50: p99 / 2.0, latency_p99: p99, throughput: 1e5, bytes: Some(900), memory: None };
/// let candidates = [
///     Candidate::new("forest", 0.91, cost(0.020)),
///     Candidate::new("line", 0.88, cost(0.001)),
///     Candidate::new("network", 0.87, cost(0.002)),
/// ];
/// let choice = Limits::new().latency_p99(0.010).select(&candidates, true, |cost| cost.latency_p99)?;
/// assert_eq!(choice.dropped[0].name, "forest");
/// assert_eq!(choice.front, ["line"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    latency_p50: Option<f64>,
    latency_p99: Option<f64>,
    throughput: Option<f64>,
    bytes: Option<u64>,
    memory: Option<u64>,
}

const LATENCY_P50: Param = Param::real("latency_p50", "most seconds").above(0.0);
const LATENCY_P99: Param = Param::real("latency_p99", "most seconds").above(0.0);
const THROUGHPUT: Param = Param::real("throughput", "least rows in a second").above(0.0);

impl Limits {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most seconds for the median of single rows.
    #[must_use]
    pub fn latency_p50(mut self, seconds: f64) -> Self {
        self.latency_p50 = Some(seconds);
        self
    }

    /// The most seconds for 99 of 100 single rows.
    #[must_use]
    pub fn latency_p99(mut self, seconds: f64) -> Self {
        self.latency_p99 = Some(seconds);
        self
    }

    /// The least rows in a second.
    #[must_use]
    pub fn throughput(mut self, rows: f64) -> Self {
        self.throughput = Some(rows);
        self
    }

    /// The most bytes of the saved model.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// The most bytes of memory that answering may take.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The limits that a cost breaks, in words; none where it keeps all.
    ///
    /// # Errors
    /// When a limit is out of range.
    pub fn broken(&self, cost: &Cost) -> Result<Vec<String>> {
        let mut broken = Vec::new();
        let latencies = [
            (LATENCY_P50, self.latency_p50, cost.latency_p50),
            (LATENCY_P99, self.latency_p99, cost.latency_p99),
        ];
        for (param, most, measured) in latencies {
            let Some(most) = most else { continue };
            param.check(most)?;
            // NaN keeps no limit.
            if !(measured <= most) {
                broken.push(format!("{} is {measured:.6} s, at most {most} s are allowed", param.name));
            }
        }
        if let Some(least) = self.throughput {
            THROUGHPUT.check(least)?;
            if !(cost.throughput >= least) {
                let measured = cost.throughput;
                broken.push(format!(
                    "throughput is {measured:.0} rows/s, at least {least} rows/s are asked for"
                ));
            }
        }
        let sizes = [
            ("the saved model has", "the size of the saved model", self.bytes, cost.bytes),
            ("answering takes", "the memory that answering takes", self.memory, cost.memory),
        ];
        for (has, what, most, measured) in sizes {
            match (most, measured) {
                (Some(most), Some(bytes)) if bytes > most => {
                    broken.push(format!("{has} {bytes} bytes, at most {most} are allowed"));
                }
                (Some(most), None) => {
                    broken.push(format!("{what} is not known, at most {most} bytes are allowed"));
                }
                _ => {}
            }
        }
        Ok(broken)
    }

    /// The candidates that keep all limits, and among them those that no other beats in both score and cost.
    ///
    /// `cost` picks what a candidate costs; less is better.
    ///
    /// # Errors
    /// When there are no candidates, a limit is out of range, or a score or cost is NaN.
    pub fn select(
        &self,
        candidates: &[Candidate],
        higher_is_better: bool,
        cost: impl Fn(&Cost) -> f64,
    ) -> Result<Selection> {
        if candidates.is_empty() {
            return Err(Error::empty("the list of candidates is empty"));
        }
        let (mut feasible, mut dropped) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let reasons = self.broken(&candidate.cost)?;
            if reasons.is_empty() {
                feasible.push(candidate.clone());
            } else {
                dropped.push(Dropped { name: candidate.name.clone(), reasons });
            }
        }
        let sign = if higher_is_better { -1.0 } else { 1.0 };
        let points: Vec<[f64; 2]> =
            feasible.iter().map(|candidate| [sign * candidate.score, cost(&candidate.cost)]).collect();
        if let Some(place) = points.iter().position(|point| point.iter().any(|value| value.is_nan())) {
            return Err(Error::overflow(format!(
                "the score or cost of `{}` is NaN; check how it was measured",
                feasible[place].name
            )));
        }
        let front = pareto_front(&points).into_iter().map(|place| feasible[place].name.clone()).collect();
        Ok(Selection { feasible, dropped, front })
    }
}

/// A model that may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The name.
    pub name: String,
    /// The score.
    pub score: f64,
    /// What it costs.
    pub cost: Cost,
}

impl Candidate {
    /// A model by name, score and cost.
    pub fn new(name: impl Into<String>, score: f64, cost: Cost) -> Self {
        Candidate { name: name.into(), score, cost }
    }
}

/// A candidate that breaks a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// The name.
    pub name: String,
    /// The limits that it breaks.
    pub reasons: Vec<String>,
}

/// What is left of some candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Those that keep all limits, in the order given.
    pub feasible: Vec<Candidate>,
    /// Those that do not, with the reasons.
    pub dropped: Vec<Dropped>,
    /// The names of those on the Pareto front of score against cost, the best score first.
    pub front: Vec<String>,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.feasible.len() + self.dropped.len();
        write!(f, "{} of {total} candidates keep the limits", self.feasible.len())?;
        if !self.front.is_empty() {
            write!(f, "; none is better and cheaper than: {}", self.front.join(", "))?;
        }
        for dropped in &self.dropped {
            write!(f, "\n{} is dropped: {}", dropped.name, dropped.reasons.join("; "))?;
        }
        Ok(())
    }
}

/// The places of the points that no other is better than, lower being better in both numbers; in rising order of the
/// first. Points that are equal are all on the front, or none.
pub fn pareto_front(points: &[[f64; 2]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    let compare = |a: &[f64; 2], b: &[f64; 2]| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]));
    order.sort_by(|&a, &b| compare(&points[a], &points[b]));
    let mut front: Vec<usize> = Vec::new();
    for place in order {
        let on = front
            .last()
            .is_none_or(|&last| points[place][1] < points[last][1] || points[place] == points[last]);
        if on {
            front.push(place);
        }
    }
    front
}
