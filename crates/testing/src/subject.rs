//! One estimator under test.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ciborium::Value;
use ndarray::Array2;
use perennial_core::{Capabilities, Context, Error, ErrorKind, Result};

use crate::hidden::{Given, Model, Settings, Typed};
use crate::report::{Check, Outcome, Report};
use crate::task::{Task, Testable};
use crate::{Example, Tags};

/// Why a check ended early.
pub(crate) enum Stop {
    Fail(String),
    Skip(String),
}

pub(crate) type Verdict = std::result::Result<(), Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fail(format!("unexpected error: {error}"))
    }
}

pub(crate) fn skip(why: &str) -> Verdict {
    Err(Stop::Skip(why.to_owned()))
}

/// Fails the check with what was seen.
macro_rules! ensure {
    ($condition:expr, $($seen:tt)*) => {
        if !$condition {
            return Err($crate::subject::Stop::Fail(format!($($seen)*)));
        }
    };
}
pub(crate) use ensure;

pub(crate) type Checks = Vec<(&'static str, &'static str, fn(&Subject<'_>) -> Verdict)>;

/// An estimator and its tags, as the checks see them.
///
/// Its type is hidden behind [`Settings`], so that the checks are compiled once and not once per estimator.
pub(crate) struct Subject<'a> {
    settings: Box<dyn Settings + 'a>,
    pub(crate) tags: Tags,
}

/// A fitted model with its type hidden.
pub(crate) type Fitted<'a> = Box<dyn Model + 'a>;

impl<'a> Subject<'a> {
    pub(crate) fn new<E: Testable, T: Task<E> + 'a>(estimator: &'a E, tags: Tags) -> Subject<'a> {
        Subject { settings: Box::new(Typed::<E, T>::new(estimator.clone())), tags }
    }

    /// Whether the task has a target at all.
    pub(crate) fn supervised(&self) -> bool {
        self.settings.supervised()
    }

    /// Whether the model answers for rows that it has not learned from.
    pub(crate) fn places_new_rows(&self) -> bool {
        self.settings.places_new_rows()
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.settings.capabilities()
    }

    /// The settings as serde writes them.
    pub(crate) fn settings(&self) -> Option<Value> {
        self.settings.written()
    }

    /// The same estimator with other settings, where its type can hold them.
    pub(crate) fn with_settings(&self, settings: &Value) -> Option<Subject<'_>> {
        Some(Subject { settings: self.settings.read(settings)?, tags: self.tags.clone() })
    }

    /// The same estimator again.
    pub(crate) fn cloned(&self) -> Subject<'_> {
        Subject { settings: self.settings.cloned(), tags: self.tags.clone() }
    }

    /// An ordinary problem of this task: well separated blobs with a linear target.
    pub(crate) fn example(&self) -> Example {
        let example = crate::regression(120, 5, 11);
        if self.tags.positive_only { example.made_positive() } else { example }
    }

    pub(crate) fn fit(&self, example: &Example) -> Result<Fitted<'_>> {
        self.settings.fit(example, Given::default())
    }

    pub(crate) fn fit_in(&self, example: &Example, ctx: Context) -> Result<Fitted<'_>> {
        self.settings.fit(example, Given { ctx: Some(ctx), ..Given::default() })
    }

    pub(crate) fn fit_weighted(&self, example: &Example, weights: &[f64]) -> Result<Fitted<'_>> {
        self.settings.fit(example, Given { weights: Some(weights), ..Given::default() })
    }

    /// All rows with the targets of some, which is a mistake.
    pub(crate) fn fit_with_targets_of(&self, example: &Example, rows: &[usize]) -> Result<Fitted<'_>> {
        self.settings.fit(example, Given { targets_of: Some(rows), ..Given::default() })
    }

    pub(crate) fn fit_transform(&self, example: &Example) -> Result<(Fitted<'_>, Array2<f64>)> {
        self.settings.fit_transform(example)
    }

    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Fitted<'_>> {
        self.settings.decode(bytes)
    }

    /// Fits and applies to the same rows: either all finite, or an error that an input may cause.
    pub(crate) fn tolerates(&self, what: &str, example: &Example) -> Verdict {
        let answers = match self.fit(example).and_then(|model| {
            self.check_state(&*model)?;
            model.apply(&example.x)
        }) {
            Ok(answers) => answers,
            Err(error) => return is_typed(what, &error),
        };
        let bad = answers.indexed_iter().find(|(_, value)| !value.is_finite());
        if let Some(((row, _), value)) = bad {
            let row_is_whole = example.x.to_dense()?.dense()?.row(row).iter().all(|cell| cell.is_finite());
            ensure!(!row_is_whole, "{what}: the answer for row {row} is {value}");
        }
        Ok(())
    }

    /// A fitted model must not hold NaN or infinities.
    fn check_state(&self, model: &dyn Model) -> Result<()> {
        if self.tags.non_finite_state {
            return Ok(());
        }
        match first_non_finite(&model.state()?) {
            None => Ok(()),
            Some(value) => Err(Error::other(format!("{BAD_STATE}: {value}"))),
        }
    }

    pub(crate) fn run(&self, checks: Checks) -> Report {
        let checks = checks.into_iter().map(|(id, asserts, check)| {
            let outcome = outcome(id, &self.tags, || check(self));
            Check { id, asserts, outcome }
        });
        Report { estimator: self.settings.text(), checks: checks.collect() }
    }
}

/// How a check ends, whatever it does.
pub(crate) fn outcome(id: &str, tags: &Tags, check: impl FnOnce() -> Verdict) -> Outcome {
    let outcome = match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(())) => Outcome::Pass,
        Ok(Err(Stop::Fail(seen))) => Outcome::Fail(seen),
        Ok(Err(Stop::Skip(why))) => Outcome::Skip(why),
        Err(panic) => Outcome::Fail(format!("panicked: {}", panic_text(&*panic))),
    };
    let Some((_, reason)) = tags.expected_failures.iter().find(|expected| expected.0 == id) else {
        return outcome;
    };
    match outcome {
        Outcome::Fail(_) => Outcome::Skip(format!("fails as expected: {reason}")),
        Outcome::Pass => Outcome::Fail(format!("passes, but was expected to fail: {reason}")),
        skipped => skipped,
    }
}

const BAD_STATE: &str = "the fitted model holds a number that is not finite";

/// Whether the error is one that an input or a setting may cause, and reads like a sentence.
pub(crate) fn is_typed(what: &str, error: &Error) -> Verdict {
    let text = error.to_string();
    let typed = !matches!(
        error.kind(),
        ErrorKind::Other { .. }
            | ErrorKind::Io { .. }
            | ErrorKind::Corrupt { .. }
            | ErrorKind::Cancelled { .. }
    );
    ensure!(typed, "{what}: not an error that an input may cause: {text}");
    ensure!(!text.is_empty() && text.len() < 1024, "{what}: the message has {} bytes", text.len());
    Ok(())
}

fn first_non_finite(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) if !number.is_finite() => Some(*number),
        Value::Array(items) => items.iter().find_map(first_non_finite),
        Value::Map(items) => items.iter().find_map(|(_, item)| first_non_finite(item)),
        _ => None,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

/// Whether two tables of answers are the same bit for bit.
pub(crate) fn same_bits(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The largest relative difference of two tables of answers.
pub(crate) fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    if a.dim() != b.dim() {
        return f64::INFINITY;
    }
    let scale = a.iter().chain(b).fold(1e-12, |scale: f64, value| scale.max(value.abs()));
    a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| {
        let gap = (a - b).abs();
        if gap.is_nan() && a.to_bits() != b.to_bits() { f64::INFINITY } else { worst.max(gap / scale) }
    })
}
