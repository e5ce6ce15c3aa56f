//! Windows of the calendar: learn from months, test on the month that follows.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::{Split, SplitInputs, Splitter, check_size};

/// What the times count, from the start of 1970 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    Days,
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// The day of a time, counted from 1970-01-01.
    fn day(self, time: i64) -> i64 {
        let per_day = match self {
            TimeUnit::Days => 1,
            TimeUnit::Seconds => 86_400,
            TimeUnit::Milliseconds => 86_400_000,
            TimeUnit::Microseconds => 86_400_000_000,
            TimeUnit::Nanoseconds => 86_400_000_000_000,
        };
        time.div_euclid(per_day)
    }
}

/// A period of the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    #[default]
    Month,
    /// Three months, from January on.
    Quarter,
    /// A year.
    Year,
}

impl Period {
    /// The number of the period that a day is in, counted from the one of 1970-01-01.
    fn of_day(self, day: i64) -> i64 {
        match self {
            Period::Day => day,
            // 1970-01-01 was a Thursday.
            Period::Week => day.saturating_add(3).div_euclid(7),
            Period::Month => month(day),
            Period::Quarter => month(day).div_euclid(3),
            Period::Year => month(day).div_euclid(12),
        }
    }
}

/// The months from January 1970 to a day of the Gregorian calendar.
fn month(day: i64) -> i64 {
    // Years from March on have their leap day at the end; 400 of them have 146 097 days.
    const DAYS: i64 = 146_097;
    let from_march = i128::from(day) + 719_468;
    let (era, day) = (from_march.div_euclid(DAYS.into()), from_march.rem_euclid(DAYS.into()));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // 0 is March.
    let month = (5 * day_of_year + 2) / 153;
    let months = (era * 400 + year - 1970) * 12 + month + 2;
    months.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Periods of the calendar: learn from those before, test on the next.
///
/// Each period that has rows is tested in turn, once enough periods lie before it. The window to learn from grows, or
/// moves along where [`rolling`](CalendarSplit::rolling) is set. Times are in UTC.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `period` | month | | day, week, month, quarter or year |
/// | `unit` | seconds | | what the times count from the start of 1970 on |
/// | `n_train` | 1 | >= 1 | periods before the first that is tested; with `rolling`, the periods learned from |
/// | `n_test` | 1 | >= 1 | periods tested together |
/// | `gap` | 0 | | periods left out between the two parts |
/// | `rolling` | false | | whether only the latest `n_train` periods are learned from |
///
/// ```
/// use perennial_evaluation::split::{CalendarSplit, Period, SplitInputs, Splitter, TimeUnit};
///
/// // 30 and 31 January, 1 February, 1 March of 1970, in days.
/// let times = [29, 30, 31, 59];
/// let months = CalendarSplit::new(Period::Month).unit(TimeUnit::Days);
/// let splits = months.split(&SplitInputs::new(4).times(&times))?;
/// assert_eq!((&splits[0].train[..], &splits[0].test[..]), (&[0, 1][..], &[2][..]));
/// assert_eq!((&splits[1].train[..], &splits[1].test[..]), (&[0, 1, 2][..], &[3][..]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarSplit {
    period: Period,
    unit: TimeUnit,
    n_train: usize,
    n_test: usize,
    gap: usize,
    rolling: bool,
}

const N_TRAIN: Param = Param::integer("n_train", "periods to learn from").at_least(1.0);
const N_TEST: Param = Param::integer("n_test", "periods tested together").at_least(1.0);

impl Default for CalendarSplit {
    fn default() -> Self {
        let (period, unit) = (Period::default(), TimeUnit::default());
        CalendarSplit { period, unit, n_train: 1, n_test: 1, gap: 0, rolling: false }
    }
}

impl CalendarSplit {
    /// Windows of this period.
    pub fn new(period: Period) -> Self {
        CalendarSplit { period, ..Self::default() }
    }

    /// What the times count.
    #[must_use]
    pub fn unit(mut self, unit: TimeUnit) -> Self {
        self.unit = unit;
        self
    }

    /// The periods that lie before the first that is tested; a window that grows.
    #[must_use]
    pub fn expanding(mut self, n_train: usize) -> Self {
        (self.n_train, self.rolling) = (n_train, false);
        self
    }

    /// The periods that are learned from; a window that moves along.
    #[must_use]
    pub fn rolling(mut self, n_train: usize) -> Self {
        (self.n_train, self.rolling) = (n_train, true);
        self
    }

    /// The periods that are tested together.
    #[must_use]
    pub fn n_test(mut self, periods: usize) -> Self {
        self.n_test = periods;
        self
    }

    /// The periods left out between the two parts.
    #[must_use]
    pub fn gap(mut self, periods: usize) -> Self {
        self.gap = periods;
        self
    }
}

impl Splitter for CalendarSplit {
    fn split(&self, inputs: &SplitInputs<'_>) -> Result<Vec<Split>> {
        N_TRAIN.check_count(self.n_train)?;
        N_TEST.check_count(self.n_test)?;
        let times = inputs.needed_times()?;
        let count = |periods: usize| i128::try_from(periods).unwrap_or(i128::MAX);
        let (n_train, n_test, gap) = (count(self.n_train), count(self.n_test), count(self.gap));
        let mut rows: Vec<usize> = (0..inputs.n_rows).collect();
        rows.sort_by_key(|&row| times[row]);
        let periods: Vec<i128> =
            rows.iter().map(|&row| self.period.of_day(self.unit.day(times[row])).into()).collect();
        let Some(&earliest) = periods.first() else {
            return Err(Error::empty("there are no rows to split"));
        };
        let from = |period: i128| periods.partition_point(|&other| other < period);
        // The first period that may be tested; then windows of tested periods, side by side, that have rows.
        let first = earliest + n_train + gap;
        let (mut tests, mut place) = (Vec::new(), from(first));
        while place < rows.len() {
            let window = first + (periods[place] - first).div_euclid(n_test) * n_test;
            tests.push(window);
            place = from(window + n_test);
        }
        check_size(tests.len(), rows.len(), "windows")?;
        let split = |window: i128| {
            let start = if self.rolling { from(window - gap - n_train) } else { 0 };
            let train = rows[start..from(window - gap)].to_vec();
            Split { train, test: rows[from(window)..from(window + n_test)].to_vec() }
        };
        // A rolling window may fall into a time without rows.
        let splits: Vec<Split> =
            tests.into_iter().map(split).filter(|split| !split.train.is_empty()).collect();
        if splits.is_empty() {
            return Err(Error::insufficient_data(format!(
                "no period is tested: the rows span {} periods, and {} before the first tested one are asked for; \
                 ask for fewer, or use shorter periods",
                periods[periods.len() - 1] - earliest + 1,
                n_train + gap
            )));
        }
        Ok(splits)
    }
}
