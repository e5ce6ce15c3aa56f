//! What of a history is there: from when to when, how densely, and with which gaps.

use perennial_core::{Error, Result, Rows};

use crate::keys::Keys;
use crate::table::free_name;
use crate::{Column, ColumnType, Table};

/// A difference of more than so many usual steps is a gap.
const GAP: f64 = 1.5;

impl Table {
    /// For each entity, which the cells of some columns name, what of its history is there by a column of days or moments: the
    /// `first` and the `last` time, how many different `times` there are, the usual `step` in days (the median of the differences
    /// from one time to the next, the lower of two), how many times are `expected` from first to last at that step, how many `gaps`
    /// there are (differences of more than one and a half steps), and the `longest gap` in days. Rows without a time are left
    /// out; an entity with one time has no step, and one without any has no times. Entities stand in the order of their cells;
    /// with none named, all rows are one.
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let levels = Table::new([
    ///     ("station", Column::text(["a", "a", "a", "b", "a", "b"])),
    ///     ("day", Column::date([1, 2, 3, 5, 7, 6])),
    /// ])?;
    /// let coverage = levels.coverage(&["station"], "day")?;
    /// let column = |name| Ok::<_, perennial_core::Error>(coverage.column(name)?.as_real()?.into_owned());
    /// assert_eq!(column("times")?, [4.0, 2.0]);
    /// assert_eq!((column("expected")?, column("gaps")?), (vec![7.0, 2.0], vec![1.0, 0.0]));
    /// assert_eq!(column("longest gap")?[0], 4.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a column does not exist, `time` holds no days or moments, or an entity column holds real numbers.
    pub fn coverage(&self, entities: &[&str], time: &str) -> Result<Table> {
        let of_time = self.column(time)?;
        if !matches!(of_time.column_type(), ColumnType::Date | ColumnType::DateTime) {
            return Err(Error::unsupported(format!(
                "column `{time}` is of type {}; days or moments are needed",
                of_time.column_type()
            )));
        }
        let moments: Vec<Option<i64>> = of_time.as_date_time()?.collect();
        let keys = Keys::of(self, entities, true)?;
        let (rows, starts) = keys.rows();
        let all: Vec<Coverage> = starts
            .windows(2)
            .map(|ends| {
                let rows = &rows[ends[0]..ends[1]];
                let mut times: Vec<(i64, usize)> =
                    rows.iter().filter_map(|&row| Some((moments[row]?, row))).collect();
                times.sort_unstable();
                times.dedup_by_key(|(moment, _)| *moment);
                Coverage::of(&times)
            })
            .collect();
        let firsts: Vec<usize> = starts.windows(2).map(|ends| rows[ends[0]]).collect();
        let mut table = self.select(entities)?.take(&firsts)?;
        let times = |row: fn(&Coverage) -> Option<usize>| {
            let moments: Vec<Option<i64>> =
                all.iter().map(|coverage| row(coverage).and_then(|row| moments[row])).collect();
            Column::date_time(moments).coerce(of_time.column_type())
        };
        let real = |number: fn(&Coverage) -> Option<f64>| Column::real(all.iter().map(number));
        let count = |count: fn(&Coverage) -> Option<usize>| {
            Column::integer(
                all.iter()
                    .map(|coverage| count(coverage).map(|count| i64::try_from(count).unwrap_or(i64::MAX))),
            )
        };
        for (name, column) in [
            ("first", times(|of| of.first)?),
            ("last", times(|of| of.last)?),
            ("times", count(|of| Some(of.n_times))),
            ("step", real(|of| of.step)),
            ("expected", count(|of| of.n_expected)),
            ("gaps", count(|of| Some(of.n_gaps))),
            ("longest gap", real(|of| of.longest)),
        ] {
            table = table.with_column(free_name(name, |name| entities.contains(&name)), column)?;
        }
        Ok(table)
    }
}

/// The history of one entity; steps and gaps are in days.
struct Coverage {
    /// The rows with the first and the last time.
    first: Option<usize>,
    last: Option<usize>,
    n_times: usize,
    step: Option<f64>,
    n_expected: Option<usize>,
    n_gaps: usize,
    longest: Option<f64>,
}

impl Coverage {
    /// Of different moments in order, with a row of each.
    fn of(times: &[(i64, usize)]) -> Self {
        // Moments may lie so far apart that 64 bits do not hold the difference, and so near each other that they are equal once
        // rounded.
        let days = |late: i64, early: i64| {
            (i128::from(late) - i128::from(early)) as f64 / crate::calendar::DAY as f64
        };
        let (first, last) = (times.first(), times.last());
        let steps: Vec<f64> = times.windows(2).map(|pair| days(pair[1].0, pair[0].0)).collect();
        let mut sorted = steps.clone();
        sorted.sort_by(f64::total_cmp);
        let step = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
        let is_gap = |gap: &f64| step.is_some_and(|step| *gap > GAP * step);
        Coverage {
            first: first.map(|time| time.1),
            last: last.map(|time| time.1),
            n_times: times.len(),
            step,
            n_expected: step.zip(first.zip(last)).map(|(step, (first, last))| {
                // From the first to the last, both counted.
                ((days(last.0, first.0) / step).round() as usize).saturating_add(1)
            }),
            n_gaps: steps.iter().filter(|gap| is_gap(gap)).count(),
            longest: steps.into_iter().filter(is_gap).reduce(f64::max),
        }
    }
}
