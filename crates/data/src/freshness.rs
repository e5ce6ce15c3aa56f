//! How old data are, and which labels are final.

use perennial_core::{Error, Result};

use crate::calendar::DAY;
use crate::{Column, Table};

/// How old the rows of a table are; made by [`Table::freshness`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Freshness {
    /// The age of the newest row in days; negative where it lies in the future.
    pub newest_days: f64,
    /// The age of the oldest row in days.
    pub oldest_days: f64,
    /// The age of the newest row that does not lie in the future; nothing where all do.
    pub newest_past_days: Option<f64>,
    /// How many rows lie in the future.
    pub n_future: usize,
    /// How many rows have no time.
    pub n_missing: usize,
}

/// When labels are final: a row of yesterday has no answer yet, or one that may still change, and to learn from it is to learn
/// that what is recent does not happen.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `time` | – | the column with the day or moment of the row |
/// | `label` | – | the column with the label |
/// | `delay` | – | after how many days the label is final |
///
/// ```
/// use perennial_data::{Column, LabelMaturity, Table, calendar::days_from_civil};
///
/// let today = days_from_civil(2024, 3, 31) as i32;
/// let orders = Table::new([
///     ("ordered", Column::date([today - 60, today - 40, today - 3, today - 1])),
///     ("returned", Column::boolean([Some(false), None, Some(true), None])),
/// ])?;
/// let maturity = LabelMaturity::new("ordered", "returned", 30.0);
/// let now = i64::from(today) * 86_400_000_000;
/// let report = maturity.report(&orders, now)?;
/// assert_eq!((report.n_mature, report.n_overdue, report.n_immature, report.n_early), (1, 1, 2, 1));
/// assert_eq!(maturity.mature(&orders, now)?.n_rows(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMaturity {
    time: String,
    label: String,
    delay: f64,
}

/// How many labels are final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaturityReport {
    /// Rows that are old enough and have a label.
    pub n_mature: usize,
    /// Rows that are old enough and have none: the label is lost, or comes later than the delay says.
    pub n_overdue: usize,
    /// Rows that are not old enough.
    pub n_immature: usize,
    /// Rows among these that have a label already, which may still change.
    pub n_early: usize,
    /// Rows without a time.
    pub n_missing: usize,
}

impl Table {
    /// How old the rows are at a moment, in microseconds since 1970-01-01 UTC, by a column of days or moments.
    ///
    /// # Errors
    /// When the column does not exist, holds no days or moments, or has no cell.
    pub fn freshness(&self, time: &str, now: i64) -> Result<Freshness> {
        let ages = ages(self.column(time)?, now)?;
        let known = || ages.iter().flatten().copied();
        let Some((newest, oldest)) = known().reduce(f64::min).zip(known().reduce(f64::max)) else {
            return Err(Error::empty(format!("column `{time}` has no time of which there could be an age")));
        };
        Ok(Freshness {
            newest_days: newest,
            oldest_days: oldest,
            newest_past_days: known().filter(|age| *age >= 0.0).reduce(f64::min),
            n_future: known().filter(|age| *age < 0.0).count(),
            n_missing: ages.iter().filter(|age| age.is_none()).count(),
        })
    }
}

fn ages(time: &Column, now: i64) -> Result<Vec<Option<f64>>> {
    let age = |moment: i64| (now as f64 - moment as f64) / DAY as f64;
    Ok(time.as_date_time()?.map(|moment| moment.map(age)).collect())
}

impl LabelMaturity {
    /// Labels that are final so many days after the time of their row.
    pub fn new(time: impl Into<String>, label: impl Into<String>, delay: f64) -> Self {
        LabelMaturity { time: time.into(), label: label.into(), delay }
    }

    /// Whether each row is old enough at a moment; nothing where it has no time.
    fn is_mature(&self, table: &Table, now: i64) -> Result<Vec<Option<bool>>> {
        if !(self.delay >= 0.0 && self.delay.is_finite()) {
            return Err(Error::invalid_param("delay", self.delay, "a number of days of at least 0"));
        }
        let ages = ages(table.column(&self.time)?, now)?;
        Ok(ages.into_iter().map(|age| age.map(|age| age >= self.delay)).collect())
    }

    /// How many labels are final at a moment, in microseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// When a column does not exist, `time` holds no days or moments, or `delay` is negative.
    pub fn report(&self, table: &Table, now: i64) -> Result<MaturityReport> {
        let (mature, label) = (self.is_mature(table, now)?, table.column(&self.label)?);
        let count = |is_mature: Option<bool>, labelled: bool| {
            let wanted = |row: &usize| mature[*row] == is_mature && label.is_null(*row) != labelled;
            (0..table.n_rows()).filter(wanted).count()
        };
        let n_early = count(Some(false), true);
        Ok(MaturityReport {
            n_mature: count(Some(true), true),
            n_overdue: count(Some(true), false),
            n_immature: n_early + count(Some(false), false),
            n_early,
            n_missing: mature.iter().filter(|mature| mature.is_none()).count(),
        })
    }

    /// The rows that have a label and are not old enough, or have no time.
    pub(crate) fn early(&self, table: &Table, now: i64) -> Result<Vec<usize>> {
        let (mature, label) = (self.is_mature(table, now)?, table.column(&self.label)?);
        Ok((0..table.n_rows()).filter(|&row| mature[row] != Some(true) && !label.is_null(row)).collect())
    }

    /// The rows whose label is final and there.
    ///
    /// # Errors
    /// As for [`report`](LabelMaturity::report).
    pub fn mature(&self, table: &Table, now: i64) -> Result<Table> {
        let (mature, label) = (self.is_mature(table, now)?, table.column(&self.label)?);
        let keep: Vec<bool> = mature
            .iter()
            .enumerate()
            .map(|(row, mature)| *mature == Some(true) && !label.is_null(row))
            .collect();
        table.filter(&keep)
    }
}
