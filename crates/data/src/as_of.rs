//! For each row the latest row of another table: what was known at that time.

use std::cmp::Ordering;

use perennial_core::{Error, Result};

use crate::join::{beside, shared_keys};
use crate::keys::{NO_KEY, grouped};
use crate::{Column, ColumnType, Table};

/// Which row of the other table stands beside a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The last one before it, or at its time: nothing of the future.
    #[default]
    Backward,
    /// The first one after it, or at its time.
    Forward,
    /// The nearest in time, the earlier of two equally near.
    Nearest,
}

/// Puts beside each row the row of another table that was valid at its time.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `on` | | the column of times in both tables: dates, moments, or numbers |
/// | `by` | none | key columns that must be equal |
/// | `direction` | backward | which row stands beside a row |
/// | `tolerance` | none | how far away it may be: days for dates, microseconds for moments, else as the numbers |
/// | `allow_exact` | true | whether it may have the very time of the row |
///
/// Neither table needs to be in order; the result is in the order of the left one. A missing time, or a missing key,
/// has no partner. Of rows of the other table with the same time the last one counts backward, the first one forward.
///
/// ```
/// use perennial_data::{AsOfJoin, Column, Table};
///
/// let trades = Table::new([("day", Column::date([3, 10])), ("shares", Column::integer([5, 6]))])?;
/// let prices = Table::new([("day", Column::date([1, 5, 9])), ("price", Column::real([10.0, 11.0, 12.0]))])?;
/// let joined = AsOfJoin::new("day").join(&trades, &prices)?;
/// assert_eq!(joined.values("price")?.as_slice(), [10.0, 12.0]);
/// // A price of one day ago at most.
/// let fresh = AsOfJoin::new("day").tolerance(1.0).join(&trades, &prices)?;
/// assert_eq!(fresh.column("price")?.null_count(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AsOfJoin {
    on: String,
    by: Vec<String>,
    direction: Direction,
    tolerance: Option<f64>,
    allow_exact: bool,
}

impl AsOfJoin {
    /// By this column of times, backward.
    pub fn new(on: impl Into<String>) -> Self {
        let direction = Direction::Backward;
        AsOfJoin { on: on.into(), by: Vec::new(), direction, tolerance: None, allow_exact: true }
    }

    /// Key columns that must be equal.
    #[must_use]
    pub fn by<S: Into<String>>(mut self, by: impl IntoIterator<Item = S>) -> Self {
        self.by = by.into_iter().map(Into::into).collect();
        self
    }

    /// Which row stands beside a row.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// How far away it may be: days for dates, microseconds for moments, else as the numbers.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Whether it may have the very time of the row.
    #[must_use]
    pub fn allow_exact(mut self, allow_exact: bool) -> Self {
        self.allow_exact = allow_exact;
        self
    }

    /// The rows of `left`, each with what was valid of `right`.
    ///
    /// # Errors
    /// When a column does not exist or has another type in the other table, times are no dates, moments or numbers, the
    /// tolerance is negative or NaN, or another column stands in both tables.
    pub fn join(&self, left: &Table, right: &Table) -> Result<Table> {
        if let Some(tolerance) = self.tolerance.filter(|tolerance| !(*tolerance >= 0.0)) {
            return Err(Error::invalid_param("tolerance", tolerance, "a number >= 0".to_owned()));
        }
        let (mine, theirs) = (left.column(&self.on)?, right.column(&self.on)?);
        if mine.column_type() != theirs.column_type() {
            return Err(Error::unsupported(format!(
                "column `{}` is of type {} in the left table and {} in the right one; give both one type",
                self.on,
                mine.column_type(),
                theirs.column_type()
            )));
        }
        let (times, other_times) = (times(&self.on, mine)?, times(&self.on, theirs)?);
        let by: Vec<&str> = self.by.iter().map(String::as_str).collect();
        let (keys, mut other_keys, n_keys) = if by.is_empty() {
            (vec![0; left.n_rows()], vec![0; right.n_rows()], 1)
        } else {
            let (mine, theirs) = shared_keys(left, right, &by)?;
            (mine.numbers, theirs.numbers, mine.n_keys)
        };
        other_keys
            .iter_mut()
            .zip(&other_times)
            .filter(|(_, time)| time.is_none())
            .for_each(|(key, _)| *key = NO_KEY);
        let (mut rows, starts) = grouped(&other_keys, n_keys);
        for key in 0..n_keys {
            // A stable sort: rows of one time keep their order.
            rows[starts[key]..starts[key + 1]].sort_by_key(|&row| other_times[row]);
        }
        let partner = |row: usize| {
            let (Some(time), true) = (times[row], keys[row] != NO_KEY) else { return None };
            let rows = &rows[starts[keys[row] as usize]..starts[keys[row] as usize + 1]];
            self.pick(rows, &other_times, time).map(|partner| partner as u64)
        };
        let theirs = (0..left.n_rows()).map(partner).collect();
        let mine = (0..left.n_rows() as u64).collect::<Vec<_>>().into();
        let dropped: Vec<&str> = by.iter().copied().chain([self.on.as_str()]).collect();
        beside(left, &mine, &right.drop(&dropped)?, &theirs)
    }

    /// The partner of a time among rows in the order of their times.
    fn pick(&self, rows: &[usize], times: &[Option<Time>], time: Time) -> Option<usize> {
        let at = |row: usize| times[row];
        let before = rows.partition_point(|&row| at(row) < Some(time));
        let after = rows.partition_point(|&row| at(row) <= Some(time));
        let (last, first) = if self.allow_exact { (after, before) } else { (before, after) };
        let near = |row: usize| {
            let distance = at(row).map_or(f64::INFINITY, |other| other.distance(time));
            self.tolerance.is_none_or(|tolerance| distance <= tolerance).then_some((row, distance))
        };
        let backward = last.checked_sub(1).and_then(|place| near(rows[place]));
        let forward = rows.get(first).and_then(|&row| near(row));
        match self.direction {
            Direction::Backward => backward.map(|found| found.0),
            Direction::Forward => forward.map(|found| found.0),
            Direction::Nearest => match (backward, forward) {
                (Some(back), Some(ahead)) => Some(if back.1 <= ahead.1 { back.0 } else { ahead.0 }),
                (back, ahead) => back.or(ahead).map(|found| found.0),
            },
        }
    }
}

/// A time that can be compared: exact whole numbers, or real ones.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    Whole(i64),
    Real(f64),
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Time::Whole(a), Time::Whole(b)) => a.cmp(b),
            // No number of a table is NaN.
            (Time::Real(a), Time::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            // Times of one column are of one kind.
            _ => Ordering::Equal,
        }
    }
}

impl Time {
    fn distance(self, other: Time) -> f64 {
        match (self, other) {
            (Time::Whole(a), Time::Whole(b)) => a.abs_diff(b) as f64,
            (Time::Real(a), Time::Real(b)) => (a - b).abs(),
            _ => f64::INFINITY,
        }
    }
}

fn times(name: &str, column: &Column) -> Result<Vec<Option<Time>>> {
    Ok(match column.column_type() {
        ColumnType::Integer => column.as_integer()?.map(|cell| cell.map(Time::Whole)).collect(),
        ColumnType::Date => column.as_date()?.map(|day| day.map(|day| Time::Whole(i64::from(day)))).collect(),
        ColumnType::DateTime => column.as_date_time()?.map(|moment| moment.map(Time::Whole)).collect(),
        ColumnType::Real => {
            column.as_real()?.iter().map(|&cell| (!cell.is_nan()).then_some(Time::Real(cell))).collect()
        }
        other => {
            return Err(Error::unsupported(format!(
                "column `{name}` is of type {other} and holds no times; use dates, moments or numbers"
            )));
        }
    })
}
