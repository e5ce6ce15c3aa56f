//! The parts of a date or a moment.

use std::f64::consts::TAU;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, Result, Train,
    Transformer,
};
use perennial_data::Table;
use perennial_data::calendar::{civil_from_days, days_from_civil};
use serde::{Deserialize, Serialize};

/// A part of a date or a moment, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The year.
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// 1 to 366.
    DayOfYear,
    /// 0 on Monday to 6 on Sunday.
    Weekday,
    /// 1 on Saturday and Sunday, else 0.
    Weekend,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Month => "month",
            Part::Day => "day",
            Part::DayOfYear => "day of year",
            Part::Weekday => "weekday",
            Part::Weekend => "weekend",
            Part::Hour => "hour",
            Part::Minute => "minute",
        }
    }

    /// Where a cycle starts and after how much it repeats.
    fn cycle(self) -> Option<(f64, f64)> {
        match self {
            Part::Month => Some((1.0, 12.0)),
            Part::Day => Some((1.0, 31.0)),
            Part::DayOfYear => Some((1.0, 365.25)),
            Part::Weekday => Some((0.0, 7.0)),
            Part::Hour => Some((0.0, 24.0)),
            Part::Minute => Some((0.0, 60.0)),
            Part::Year | Part::Weekend => None,
        }
    }

    fn of(self, micros: i64) -> f64 {
        const DAY: i64 = 86_400_000_000;
        let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        let weekday = (days + 3).rem_euclid(7);
        let value = match self {
            Part::Year => year,
            Part::Month => month,
            Part::Day => day,
            Part::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
            Part::Weekday => weekday,
            Part::Weekend => i64::from(weekday >= 5),
            Part::Hour => rest / 3_600_000_000,
            Part::Minute => rest / 60_000_000 % 60,
        };
        value as f64
    }
}

/// Turns dates and moments into numbers: their parts, and the place of a part in its cycle.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `parts` | month, weekday, hour | which parts |
/// | `cyclical` | false | whether parts that repeat become the sine and the cosine of their place |
///
/// Missing cells stay missing.
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_features::{DateTimeFeatures, Part};
///
/// // Monday 3 January 2011, 17:30.
/// let table = Table::new([("start", Column::date_time([1_294_075_800_000_000]))])?;
/// let x = DateTimeFeatures::new().parts([Part::Weekday, Part::Hour]).fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["start weekday", "start hour"]);
/// assert_eq!(x.dense()?, ndarray::array![[0.0, 17.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DateTimeFeatures {
    parts: Vec<Part>,
    cyclical: bool,
}

impl Default for DateTimeFeatures {
    fn default() -> Self {
        DateTimeFeatures { parts: vec![Part::Month, Part::Weekday, Part::Hour], cyclical: false }
    }
}

impl DateTimeFeatures {
    /// Month, weekday and hour.
    pub fn new() -> Self {
        DateTimeFeatures::default()
    }

    /// Which parts.
    #[must_use]
    pub fn parts(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.parts = parts.into_iter().collect();
        self
    }

    /// Whether parts that repeat become the sine and the cosine of their place.
    #[must_use]
    pub fn cyclical(mut self, cyclical: bool) -> Self {
        self.cyclical = cyclical;
        self
    }
}

impl Estimator for DateTimeFeatures {
    type Input = Table;
    type Target = NoTarget;
    type Model = DateTimeModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<DateTimeModel> {
        for (name, column) in train.x.columns() {
            column.as_date_time().map(drop).map_err(|error| error.context(format!("column `{name}`")))?;
        }
        DateTimeModel::new(train.x.names().map(str::to_owned).collect(), self.clone())
    }

    /// Nothing is learned from the rows, so weights change nothing.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for DateTimeFeatures {}

/// A fitted [`DateTimeFeatures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DateTimeModel {
    columns: Vec<String>,
    settings: DateTimeFeatures,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<String>,
    settings: DateTimeFeatures,
}

impl TryFrom<Parts> for DateTimeModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        DateTimeModel::new(parts.columns, parts.settings)
    }
}

impl DateTimeModel {
    fn new(columns: Vec<String>, settings: DateTimeFeatures) -> Result<Self> {
        if settings.parts.is_empty() {
            return Err(Error::invalid_param("parts", &settings.parts, "at least one part"));
        }
        let mut output = Vec::new();
        for column in &columns {
            for part in &settings.parts {
                let name = format!("{column} {}", part.name());
                match part.cycle() {
                    Some(_) if settings.cyclical => {
                        output.extend([format!("sin({name})"), format!("cos({name})")])
                    }
                    _ => output.push(name),
                }
            }
        }
        let output = output.into_iter().map(Feature::numeric).collect::<Vec<_>>().try_into()?;
        Ok(DateTimeModel { columns, settings, output })
    }
}

impl Transformer for DateTimeModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let mut out = Array2::zeros((x.n_rows(), self.output.len()));
        let mut place = 0;
        for name in &self.columns {
            let cells: Vec<Option<i64>> = x.column(name)?.as_date_time()?.collect();
            for part in &self.settings.parts {
                let cycle = part.cycle().filter(|_| self.settings.cyclical);
                for (row, cell) in cells.iter().enumerate() {
                    let value = cell.map_or(f64::NAN, |micros| part.of(micros));
                    match cycle {
                        Some((start, period)) => {
                            let angle = (value - start) / period * TAU;
                            out[[row, place]] = angle.sin();
                            out[[row, place + 1]] = angle.cos();
                        }
                        None => out[[row, place]] = value,
                    }
                }
                place += if cycle.is_some() { 2 } else { 1 };
            }
        }
        Matrix::from(out).with_features(self.output.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, date, day_of_year, weekday) in [
            (0, (1970, 1, 1), 1, 3),
            (11_016, (2000, 2, 29), 60, 1),
            (14_977, (2011, 1, 3), 3, 0),
            (-1, (1969, 12, 31), 365, 2),
            (19_722, (2023, 12, 31), 365, 6),
            (-25_509, (1900, 2, 28), 59, 2),
        ] {
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
            let at = |part: Part| part.of(days * 86_400_000_000) as i64;
            assert_eq!((at(Part::DayOfYear), at(Part::Weekday)), (day_of_year, weekday), "{date:?}");
        }
    }
}
