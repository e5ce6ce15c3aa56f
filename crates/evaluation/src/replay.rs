//! Requests of the past, answered again as of the time at which they came.

use std::borrow::Borrow;
use std::fmt;

use perennial_core::{Context, Error, Param, Result, ResultExt, Rows};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use crate::metric::{on_rows, where_defined};
use crate::{IntervalOptions, Metric, Stack};

const WINDOW: Param = Param::integer("window", "length of a window, in the unit of the times").at_least(1.0);
/// More windows than this are a unit of time that was mistaken.
const LEVEL: Param =
    Param::real("level", "confidence level of the intervals").above(0.0).at_most(1.0 - f64::EPSILON);
const MOST_WINDOWS: i128 = 100_000;

/// Answers logged requests again, window by window, and scores each window twice: by all that is known today, and by what was
/// known then.
///
/// The truth of a request comes later than the answer. A score that looks good on all rows may have been invisible for months:
/// what was known at the end of a window says when a watcher could have seen a change. The answers come from a function of the
/// requests and the time, such as an artifact that is served (`perennial_deployment::RequestLog` writes and reads the log),
/// an older version of it up to some day, or a model that is learned anew from what was known then.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `window` | the tenth part of the time there is | >= 1 | length of a window, in the unit of the times |
/// | `level` | 0.95 | in (0, 1) | confidence level of the intervals |
/// | `context` | a new one | | progress and cancelling |
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::Replay;
/// use perennial_evaluation::metric::MeanAbsoluteError;
///
/// // A request an hour; the truth comes a day later, and from hour 50 on answers are off by 2.
/// let asked: Vec<i64> = (0..100).collect();
/// let known: Vec<Option<i64>> = asked.iter().map(|hour| Some(hour + 24)).collect();
/// let truth: Values = (0..100).map(|hour| if hour < 50 { 0.0 } else { 2.0 }).collect();
/// let replayed = Replay::new(&asked, &known)
///     .window(25)
///     .run(&MeanAbsoluteError, &truth, |rows, _| Ok(Values::from(vec![0.0; rows.len()])))?;
/// assert_eq!(replayed.windows[2].score.unwrap().estimate, 2.0);
/// // At the end of that window, hour 75, the truth was there of the requests up to hour 50.
/// assert!(replayed.windows[2].seen.unwrap().estimate < 0.2);
/// assert!(replayed.windows[3].seen.unwrap().estimate > 1.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    asked: &'a [i64],
    known: &'a [Option<i64>],
    window: Option<i64>,
    level: f64,
    ctx: Context,
}

/// One window of a replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayedWindow {
    /// The first time in the window.
    pub from: i64,
    /// The first time after it.
    pub to: i64,
    /// How many requests came.
    pub n_requests: usize,
    /// Of how many of them the truth is known today.
    pub n_known: usize,
    /// Of how many requests, of this window or earlier, the truth came within the window.
    pub n_seen: usize,
    /// The score of the requests of the window, by all that is known today; nothing where fewer than two are known or the
    /// metric is not defined for them.
    pub score: Option<Interval>,
    /// The score of the requests whose truth came within the window: what could be seen at its end.
    pub seen: Option<Interval>,
}

/// The windows of a replay, in order; those without requests and without truths are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// The name of the metric.
    pub metric: String,
    /// Whether a larger score is better.
    pub higher_is_better: bool,
    /// The windows.
    pub windows: Vec<ReplayedWindow>,
    /// The middle of the times that truths took to come; nothing where none has.
    pub median_delay: Option<i64>,
    /// How many requests have no truth yet.
    pub n_open: usize,
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of logged requests, {} without a truth yet", self.metric, self.n_open)?;
        let text = |interval: Option<Interval>| {
            interval.map_or_else(|| "nothing is known".to_owned(), |interval| interval.to_string())
        };
        self.windows.iter().try_for_each(|window| {
            let ReplayedWindow { from, to, n_requests, n_known, n_seen, score, seen } = window;
            write!(
                f,
                "\n{from} to {to}: {} ({n_known} of {n_requests} requests); seen then: {} ({n_seen} requests)",
                text(*score),
                text(*seen)
            )
        })
    }
}

impl<'a> Replay<'a> {
    /// Of requests that came at these times, and whose truths came at those; nothing where it has not come yet.
    pub fn new(asked: &'a [i64], known: &'a [Option<i64>]) -> Self {
        Replay { asked, known, window: None, level: 0.95, ctx: Context::new() }
    }

    /// Sets the length of a window, in the unit of the times.
    #[must_use]
    pub fn window(mut self, window: i64) -> Self {
        self.window = Some(window);
        self
    }

    /// Sets the confidence level of the intervals.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets progress and cancelling.
    #[must_use]
    pub fn context(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }

    /// The rows whose truth was known before a time: what a model that was learned then could learn from.
    pub fn known_before(&self, time: i64) -> Vec<usize> {
        let known = |row: &usize| self.known[*row].is_some_and(|known| known < time);
        (0..self.known.len().min(self.asked.len())).filter(known).collect()
    }

    /// Replays the log: `answer` gets the numbers of the requests of a window, in the order in which they came, and the first
    /// time of the window; of requests without a truth `truth` may hold anything.
    ///
    /// # Errors
    /// When there are no requests, lengths differ, a truth came before its request, a setting is out of range, an answer fails
    /// or has another length, or the work was cancelled.
    pub fn run<M: Metric>(
        &self,
        metric: &M,
        truth: &M::Truth,
        answer: impl Fn(&[usize], i64) -> Result<M::Prediction>,
    ) -> Result<Replayed> {
        let n_rows = truth.n_rows();
        let (first, last) = self.check(n_rows)?;
        let span = i128::from(last) - i128::from(first) + 1;
        let window = self.window.unwrap_or_else(|| i64::try_from(span / 10).unwrap_or(i64::MAX).max(1));
        WINDOW.check(window as f64)?;
        LEVEL.check(self.level)?;
        let latest = self.known.iter().flatten().copied().fold(last, i64::max);
        let n_windows = (i128::from(latest) - i128::from(first)) / i128::from(window) + 1;
        if n_windows > MOST_WINDOWS {
            return Err(Error::too_large(format!(
                "windows of {window} are {n_windows} windows; at most {MOST_WINDOWS} are possible, so give a longer `window`"
            )));
        }
        let place = |time: i64| ((i128::from(time) - i128::from(first)) / i128::from(window)) as usize;
        let mut came = vec![Vec::new(); n_windows as usize];
        let mut seen = came.clone();
        for row in 0..n_rows {
            came[place(self.asked[row])].push(row);
            if let Some(known) = self.known[row] {
                seen[place(known)].push(row);
            }
        }
        // Where each row stands in the answers, and the answers of each window.
        let mut at = vec![(0_usize, 0_usize); n_rows];
        let mut answers: Vec<M::Prediction> = Vec::new();
        let mut windows = Vec::new();
        for (number, rows) in came.iter_mut().enumerate() {
            self.ctx.step(number, n_windows as usize)?;
            let from =
                first.saturating_add(i64::try_from(number as i128 * i128::from(window)).unwrap_or(i64::MAX));
            if !rows.is_empty() {
                rows.sort_by_key(|&row| (self.asked[row], row));
                let given = answer(rows, from).context(format!("the requests from {from} on"))?;
                if given.n_rows() != rows.len() {
                    return Err(Error::length_mismatch(
                        "the answers of a window",
                        rows.len(),
                        given.n_rows(),
                    ));
                }
                rows.iter().enumerate().for_each(|(place, &row)| at[row] = (answers.len(), place));
                answers.push(given);
            }
            let known: Vec<usize> = rows.iter().copied().filter(|&row| self.known[row].is_some()).collect();
            if rows.is_empty() && seen[number].is_empty() {
                continue;
            }
            windows.push(ReplayedWindow {
                from,
                to: from.saturating_add(window),
                n_requests: rows.len(),
                n_known: known.len(),
                n_seen: seen[number].len(),
                score: self.score(metric, truth, &answers, &at, &known)?,
                seen: self.score(metric, truth, &answers, &at, &seen[number])?,
            });
        }
        let mut delays: Vec<i64> = (0..n_rows)
            .filter_map(|row| self.known[row].map(|known| known.saturating_sub(self.asked[row])))
            .collect();
        delays.sort_unstable();
        Ok(Replayed {
            metric: metric.name(),
            higher_is_better: M::HIGHER_IS_BETTER,
            windows,
            median_delay: delays.get(delays.len() / 2).copied(),
            n_open: self.known.iter().filter(|known| known.is_none()).count(),
        })
    }

    /// The score of some rows; nothing where they are too few or the metric is not defined for them. Other errors, such as
    /// answers of another kind than the metric takes, are no property of the window and stop the replay.
    fn score<M: Metric>(
        &self,
        metric: &M,
        truth: &M::Truth,
        answers: &[M::Prediction],
        at: &[(usize, usize)],
        rows: &[usize],
    ) -> Result<Option<Interval>> {
        if rows.len() < 2 {
            return Ok(None);
        }
        // The answers of each window that has rows here, below one another, and the rows in the same order.
        let mut order = rows.to_vec();
        order.sort_by_key(|&row| at[row]);
        let mut parts = Vec::new();
        for own in order.chunk_by(|a, b| at[*a].0 == at[*b].0) {
            let places: Vec<usize> = own.iter().map(|&row| at[row].1).collect();
            parts.push(answers[at[own[0]].0].take(&places)?);
        }
        let prediction = <M::Prediction as Stack>::stack(&parts)?;
        let truth = truth.take(&order)?;
        let options = IntervalOptions::new().level(self.level);
        where_defined(on_rows(metric, &order, |metric| {
            metric.interval(truth.borrow(), &prediction, &options)
        }))
    }

    fn check(&self, n_rows: usize) -> Result<(i64, i64)> {
        if self.asked.len() != n_rows {
            return Err(Error::length_mismatch("the times of the requests", n_rows, self.asked.len()));
        }
        if self.known.len() != n_rows {
            return Err(Error::length_mismatch("the times of the truths", n_rows, self.known.len()));
        }
        let early = |row: &usize| self.known[*row].is_some_and(|known| known < self.asked[*row]);
        if let Some(row) = (0..n_rows).find(early) {
            return Err(Error::malformed(format!(
                "the truth of request {row} came at {}, before the request at {}",
                self.known[row].unwrap_or_default(),
                self.asked[row]
            )));
        }
        let ends = self.asked.iter().min().zip(self.asked.iter().max());
        let (first, last) = ends.ok_or_else(|| Error::empty("there are no requests to replay"))?;
        Ok((*first, *last))
    }
}
