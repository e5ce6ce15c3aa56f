//! Watches one model, window by window.

use perennial_core::Result;
use perennial_data::Table;
use perennial_reporting::Document;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Severity};
use crate::drift::{DriftReport, DriftTest};
use crate::error::{ErrorBaseline, ErrorWindow};
use crate::reference::Reference;

/// Watches the data and the errors of one model, window by window, and raises alerts.
///
/// An alert about a subject is raised once and stays open until two windows in a row are well, so that a
/// value that wavers around its limit does not ring every time. A monitor is data: it can be saved between
/// windows.
///
/// ```
/// use perennial_data::{Column, Table};
/// use perennial_monitoring::{Monitor, Reference, Severity};
///
/// let days = |from: i64| Table::new([("temperature", Column::integer(from..from + 200))]);
/// let mut monitor = Monitor::new(Reference::of(&days(0)?)?);
/// monitor.watch("June", &days(3)?, None)?;
/// monitor.watch("January", &days(-150)?, None)?;
/// let alert = monitor.open_alerts().next().expect("January is colder");
/// assert_eq!((alert.severity, alert.subject.as_str()), (Severity::Warning, "temperature"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    reference: Reference,
    test: DriftTest,
    pub(crate) baseline: Option<ErrorBaseline>,
    pub(crate) windows: Vec<Window>,
    alerts: Vec<Alert>,
}

/// What was seen in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The name of the window.
    pub name: String,
    /// How its data compares with the reference.
    pub drift: DriftReport,
    /// Its realised error, where outcomes are known.
    pub error: Option<ErrorWindow>,
}

/// So many windows in a row must be well before an alert is closed.
const CLOSES_AFTER: usize = 2;

impl Monitor {
    /// Watches the columns of a reference.
    pub fn new(reference: Reference) -> Self {
        Monitor { reference, test: DriftTest::new(), baseline: None, windows: Vec::new(), alerts: Vec::new() }
    }

    /// Sets the thresholds of drift.
    #[must_use]
    pub fn test(mut self, test: DriftTest) -> Self {
        self.test = test;
        self
    }

    /// Watches the realised error too.
    #[must_use]
    pub fn baseline(mut self, baseline: ErrorBaseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Looks at one window: its data, and the losses of the rows whose outcomes are known.
    ///
    /// # Errors
    /// When a column is missing or of another kind, or a loss is not a finite number.
    pub fn watch(&mut self, name: &str, data: &Table, losses: Option<&[f64]>) -> Result<&Window> {
        let drift = self.test.compare(&self.reference, data)?;
        let error = match (&self.baseline, losses) {
            (Some(baseline), Some(losses)) => Some(baseline.judge(name, losses)?),
            _ => None,
        };
        for column in &drift.columns {
            self.tell(name, Severity::Warning, &column.column, column.drifted.then_some(&column.reason));
        }
        if let (Some(error), Some(baseline)) = (&error, &self.baseline) {
            let subject = baseline.name.clone();
            self.tell(name, Severity::Problem, &subject, error.degraded.then_some(&error.reason));
        }
        self.windows.push(Window { name: name.to_owned(), drift, error });
        Ok(&self.windows[self.windows.len() - 1])
    }

    /// Raises, keeps or closes the alert about one subject.
    fn tell(&mut self, window: &str, severity: Severity, subject: &str, trouble: Option<&String>) {
        let open = self
            .alerts
            .iter_mut()
            .find(|alert| alert.is_open() && alert.severity == severity && alert.subject == subject);
        match (open, trouble) {
            (Some(alert), Some(_)) => alert.well = 0,
            (Some(alert), None) => {
                alert.well += 1;
                if alert.well >= CLOSES_AFTER {
                    alert.closed = Some(window.to_owned());
                }
            }
            (None, Some(reason)) => self.alerts.push(Alert {
                severity,
                subject: subject.to_owned(),
                raised: window.to_owned(),
                closed: None,
                reason: reason.clone(),
                well: 0,
            }),
            (None, None) => {}
        }
    }

    /// The windows so far.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// All alerts, in the order they were raised.
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts
    }

    /// The alerts that are still open.
    pub fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.is_open())
    }

    /// What was seen so far as a report with pictures.
    pub fn to_document(&self, title: &str) -> Document {
        crate::page::document(self, title)
    }
}
