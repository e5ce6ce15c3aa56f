//! What the predictions turned out to be worth.

use perennial_core::{Param, Result};
use perennial_statistics::interval::{Interval, mean_interval};
use serde::{Deserialize, Serialize};

/// The error a model had when it was evaluated, and how much worse it may become.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `tolerance` | 0.2 | >= 0 | how much larger than before the error may be, as a share |
///
/// ```
/// use perennial_monitoring::ErrorBaseline;
/// use perennial_statistics::interval::Interval;
///
/// let before = Interval { estimate: 10.0, low: 9.5, high: 10.5, level: 0.95 };
/// let baseline = ErrorBaseline::new("mean absolute error", before);
/// assert!(!baseline.judge("week 1", &[9.0, 11.0, 10.0, 12.0])?.degraded);
/// assert!(baseline.judge("week 2", &[19.0, 21.0, 20.0, 22.0])?.degraded);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBaseline {
    pub(crate) name: String,
    pub(crate) before: Interval,
    tolerance: f64,
}

const TOLERANCE: Param =
    Param::real("tolerance", "how much larger the error may be, as a share").at_least(0.0);

/// The realised error of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorWindow {
    /// The name of the window.
    pub window: String,
    /// The number of rows whose truth is known.
    pub n_rows: usize,
    /// The mean error; nothing while no truth is known.
    pub error: Option<Interval>,
    /// Whether the whole interval lies above what is tolerated.
    pub degraded: bool,
    /// What was seen, in a sentence.
    pub reason: String,
}

impl ErrorBaseline {
    /// The error as it was evaluated: the mean of a loss per row, such as the absolute error.
    pub fn new(name: &str, before: Interval) -> Self {
        ErrorBaseline { name: name.into(), before, tolerance: 0.2 }
    }

    /// How much larger than before the error may be, as a share.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The error that is just tolerated.
    pub fn limit(&self) -> f64 {
        self.before.estimate * (1.0 + self.tolerance)
    }

    /// Judges a window by the losses of its rows.
    ///
    /// # Errors
    /// When the tolerance is out of range or a loss is not a finite number.
    pub fn judge(&self, window: &str, losses: &[f64]) -> Result<ErrorWindow> {
        TOLERANCE.check(self.tolerance)?;
        perennial_core::check_numbers("the losses", losses)?;
        let (name, n_rows) = (&self.name, losses.len());
        if n_rows < 2 {
            let reason = "too few outcomes are known yet".into();
            return Ok(ErrorWindow { window: window.into(), n_rows, error: None, degraded: false, reason });
        }
        let error = mean_interval(losses, self.before.level)?;
        let degraded = error.low > self.limit();
        let reason = match degraded {
            true => {
                format!("{name} is {error}, above the tolerated {:.4} (it was {})", self.limit(), self.before)
            }
            false => format!("{name} is {error}; up to {:.4} is tolerated", self.limit()),
        };
        Ok(ErrorWindow { window: window.into(), n_rows, error: Some(error), degraded, reason })
    }
}
