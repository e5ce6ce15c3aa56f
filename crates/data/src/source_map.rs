//! One source's names, units and clocks as those of others.

use std::sync::Arc;

use perennial_core::{Error, Param, Result, ResultExt};
use serde::{Deserialize, Serialize};

use crate::units::Conversion;
use crate::zones::{self, UnclearTime};
use crate::{Column, ColumnType, Table};

const FACTOR: Param = Param::real("factor", "what cells are multiplied by").at_least(-1e100).at_most(1e100);
const OFFSET: Param = Param::real("offset", "what is added to cells").at_least(-1e100).at_most(1e100);
/// The furthest that clocks of the world are from UTC, in minutes.
const MOST_MINUTES: i32 = 14 * 60;

/// What one column becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Unit { factor: f64, offset: f64 },
    Symbol { from: String, to: String },
    Zone { minutes: i32 },
    NamedZone { name: String, unclear: UnclearTime },
    Cast { to: ColumnType },
    Drop,
}

/// How a source says what others say otherwise: names, units, clocks and types of its columns. With a map for each source, tables
/// of many sources go below each other by [`Table::concat_reconciled`].
///
/// A map is data: it can be kept as JSON or TOML beside the source. Columns are called as the source calls them; what is done to
/// one is done in the order in which it was said, and names change last.
///
/// ```
/// use perennial_data::{Column, SourceMap, Table};
///
/// let bern = Table::new([("temperature", Column::real([20.0])), ("at", Column::date_time([0]))])?;
/// let austin = Table::new([("temp_f", Column::integer([68])), ("at", Column::date_time([-18_000_000_000]))])?;
/// let austin = SourceMap::new()
///     .unit("temp_f", 5.0 / 9.0, -160.0 / 9.0) // from Fahrenheit to Celsius
///     .clock("at", -300) // five hours behind UTC
///     .rename("temp_f", "temperature")
///     .apply(&austin)?;
/// let all = Table::concat_reconciled(&[bern, austin])?;
/// assert_eq!(all.values("temperature")?.as_slice(), [20.0, 20.0]);
/// assert_eq!(all.column("at")?.as_date_time()?.collect::<Vec<_>>(), [Some(0), Some(0)]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceMap {
    steps: Vec<(String, Step)>,
    names: Vec<(String, String)>,
}

impl SourceMap {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[FACTOR, OFFSET];

    /// Everything stays as it is.
    pub fn new() -> Self {
        SourceMap::default()
    }

    fn step(mut self, column: impl Into<String>, step: Step) -> Self {
        self.steps.push((column.into(), step));
        self
    }

    /// Numbers are in another unit: a cell becomes `cell * factor + offset`. Whole numbers become real.
    #[must_use]
    pub fn unit(self, column: impl Into<String>, factor: f64, offset: f64) -> Self {
        self.step(column, Step::Unit { factor, offset })
    }

    /// Numbers are in a unit that has a symbol, and become those of another one of the same kind: lengths (`mm`, `km`, `in`, `ft`, `mi`, ..), areas,
    /// volumes, masses (`g`, `kg`, `t`, `oz`, `lb`, ..), times (`ms`, `s`, `min`, `h`, `d`, ..), speeds and temperatures (`°C`, `°F`, `K`). Whole
    /// results are exact, but for those of `K` and `°R`, whose zeros are no binary numbers. Whole numbers become real. Currencies, months and years
    /// are refused, for they have no fixed number of each other.
    ///
    /// ```
    /// use perennial_data::{Column, SourceMap, Table};
    ///
    /// let austin = Table::new([("temperature", Column::integer([68, -40]))])?;
    /// let celsius = SourceMap::new().symbol("temperature", "°F", "°C").apply(&austin)?;
    /// assert_eq!(celsius.values("temperature")?.as_slice(), [20.0, -40.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn symbol(self, column: impl Into<String>, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.step(column, Step::Symbol { from: from.into(), to: to.into() })
    }

    /// Moments are of a clock that is so many minutes ahead of UTC, -840 to 840, summer and winter: they become those of UTC. A clock that is
    /// put forward and back has no such number, but a [`zone`](SourceMap::zone).
    #[must_use]
    pub fn clock(self, column: impl Into<String>, minutes_ahead: i32) -> Self {
        self.step(column, Step::Zone { minutes: minutes_ahead })
    }

    /// Moments are what the clocks of a zone show, such as `Europe/Berlin` or `America/New_York`, by the database of the IANA: they become those of
    /// UTC. Where the clock is put back it shows an hour twice, and where it is put forward it leaves one out; `unclear` says what such
    /// times become. Needs the feature `time-zones`, by which the rules of all zones are compiled in.
    ///
    /// ```
    /// # #[cfg(feature = "time-zones")] {
    /// use perennial_data::{CsvReader, SourceMap, UnclearTime};
    ///
    /// let berlin = CsvReader::new().read_bytes(b"at\n2024-07-01 12:00\n2024-12-01 12:00\n2024-03-31 02:30\n")?;
    /// let map = |unclear| SourceMap::new().zone("at", "Europe/Berlin", unclear);
    /// let utc = CsvReader::new().read_bytes(b"at\n2024-07-01 10:00\n2024-12-01 11:00\n2024-03-31 01:30\n")?;
    /// assert_eq!(map(UnclearTime::Latest).apply(&berlin)?, utc);
    /// let error = map(UnclearTime::Error).apply(&berlin).unwrap_err().to_string();
    /// assert!(error.contains("row 2 does not exist on the clock of Europe/Berlin"), "{error}");
    /// # }
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn zone(self, column: impl Into<String>, name: impl Into<String>, unclear: UnclearTime) -> Self {
        self.step(column, Step::NamedZone { name: name.into(), unclear })
    }

    /// The column becomes one of another type, as by [`Column::cast`].
    #[must_use]
    pub fn cast(self, column: impl Into<String>, to: ColumnType) -> Self {
        self.step(column, Step::Cast { to })
    }

    /// The column is left out.
    #[must_use]
    pub fn drop(self, column: impl Into<String>) -> Self {
        self.step(column, Step::Drop)
    }

    /// The column is called otherwise. All columns change their names at once, so two may swap them.
    #[must_use]
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.names.push((from.into(), to.into()));
        self
    }

    /// The table as the others say it.
    ///
    /// # Errors
    /// When a column does not exist, has a type that a step does not take, or a number or moment leaves the range of its type; when a
    /// factor is 0 or not finite; and when two columns would have one name, or one column two.
    pub fn apply(&self, table: &Table) -> Result<Table> {
        let mut table = table.clone();
        for (name, step) in &self.steps {
            let column = table.column(name)?;
            let place = format!("column `{name}`");
            table = match step {
                Step::Drop => table.drop(&[name])?,
                Step::Cast { to } => {
                    let cast = column.cast(*to).context(place)?;
                    table.with_column(name.as_str(), cast)?
                }
                Step::Unit { factor, offset } => {
                    let scaled = in_unit(column, *factor, *offset).context(place)?;
                    table.with_column(name.as_str(), scaled)?
                }
                Step::Symbol { from, to } => {
                    let scaled = Conversion::new(from, to)
                        .and_then(|conversion| scaled(column, |cell| conversion.convert(cell)));
                    table.with_column(name.as_str(), scaled.context(place)?)?
                }
                Step::Zone { minutes } => {
                    let moved = in_utc(column, *minutes).context(place)?;
                    table.with_column(name.as_str(), moved)?
                }
                Step::NamedZone { name: zone, unclear } => {
                    let moved = moments(column).and_then(|()| zones::in_utc(column, zone, *unclear));
                    table.with_column(name.as_str(), moved.context(place)?)?
                }
            };
        }
        let names: Vec<(&str, Arc<str>)> =
            self.names.iter().map(|(from, to)| (from.as_str(), Arc::from(to.as_str()))).collect();
        table.rename_all(&names)
    }
}

fn in_unit(column: &Column, factor: f64, offset: f64) -> Result<Column> {
    FACTOR.check(factor)?;
    if factor == 0.0 {
        return Err(Error::invalid_param("factor", factor, "a finite number other than 0"));
    }
    OFFSET.check(offset)?;
    scaled(column, |cell| cell * factor + offset)
}

fn scaled(column: &Column, convert: impl Fn(f64) -> f64) -> Result<Column> {
    if !matches!(column.column_type(), ColumnType::Integer | ColumnType::Real) {
        return Err(Error::unsupported(format!(
            "it is of type {}, and only numbers have units; cast it first",
            column.column_type()
        )));
    }
    let real = column.cast(ColumnType::Real)?;
    let cells = real.as_real()?;
    let scaled: Vec<f64> = cells.iter().map(|cell| convert(*cell)).collect();
    let is_lost = |cell: f64, scaled: f64| {
        (cell.is_finite() && !scaled.is_finite()) || (!cell.is_nan() && scaled.is_nan())
    };
    if let Some(row) = cells.iter().zip(&scaled).position(|(cell, scaled)| is_lost(*cell, *scaled)) {
        return Err(Error::overflow(format!(
            "the cell {} at row {row} leaves the range of f64 in the new unit; choose a larger unit",
            cells[row]
        )));
    }
    Ok(Column::real(scaled.into_iter().map(|cell| (!cell.is_nan()).then_some(cell))))
}

fn in_utc(column: &Column, minutes: i32) -> Result<Column> {
    if !(-MOST_MINUTES..=MOST_MINUTES).contains(&minutes) {
        return Err(Error::invalid_param("minutes_ahead", minutes, "minutes from -840 to 840"));
    }
    moments(column)?;
    let behind = i64::from(minutes) * 60_000_000;
    let moments = column.as_date_time()?;
    let moved = moments.enumerate().map(|(row, moment)| match moment {
        None => Ok(None),
        Some(moment) => moment.checked_sub(behind).map(Some).ok_or_else(|| {
            Error::overflow(format!("the moment at row {row} leaves the range of moments in UTC"))
        }),
    });
    Ok(Column::date_time(moved.collect::<Result<Vec<_>>>()?))
}

fn moments(column: &Column) -> Result<()> {
    match column.column_type() {
        ColumnType::DateTime => Ok(()),
        other => Err(Error::unsupported(format!("it is of type {other}, and only moments have a clock"))),
    }
}
