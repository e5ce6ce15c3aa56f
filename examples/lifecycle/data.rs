//! The table: sample data, what was known an hour before, and the parts of the year.

use std::collections::BTreeMap;

use perennial::data::{Column, Table, samples};
use perennial::prelude::*;

/// The days of the year that were there when the model was made; later ones are its production.
const LEARNED_UNTIL: i64 = 212;
const EVALUATED_UNTIL: i64 = 243;

/// Rentals of 2011, with what was known an hour before: the rentals of the last hour, of the same hour
/// yesterday, and of the same hour a week ago. Hours that were not recorded leave gaps.
pub(crate) fn load() -> Result<Table> {
    let table = samples::bikeshare()?;
    let integers =
        |name: &str| -> Result<Vec<i64>> { Ok(table.column(name)?.as_integer()?.flatten().collect()) };
    let (days, hours, bikers) = (integers("day")?, integers("hour")?, integers("bikers")?);
    let clock: Vec<i64> = days.iter().zip(&hours).map(|(day, hour)| day * 24 + hour).collect();
    let rentals: BTreeMap<i64, i64> = clock.iter().copied().zip(bikers).collect();
    let hours_ago = |lag: i64| {
        let cells = clock.iter().map(|now| rentals.get(&(now - lag)).map(|count| *count as f64));
        Column::real(cells.collect::<Vec<_>>())
    };
    table
        .with_column("last_hour", hours_ago(1))?
        .with_column("yesterday", hours_ago(24))?
        .with_column("last_week", hours_ago(24 * 7))
}

/// The rows of some days.
pub(crate) fn days(table: &Table, from: i64, to: i64) -> Result<Table> {
    let inside =
        table.column("day")?.as_integer()?.map(|day| day.is_some_and(|day| (from..to).contains(&day)));
    table.filter(&inside.collect::<Vec<_>>())
}

/// Windows of production, by name.
pub(crate) type Weeks = Vec<(String, Table)>;

/// The rows to learn from, the rows to evaluate on, and the weeks of production after them.
pub(crate) fn by_time(table: &Table) -> Result<(Table, Table, Weeks)> {
    let train = days(table, 1, LEARNED_UNTIL + 1)?;
    let test = days(table, LEARNED_UNTIL + 1, EVALUATED_UNTIL + 1)?;
    let starts = (EVALUATED_UNTIL + 1..366).step_by(7);
    let week = |start: i64| Ok((format!("day {start}"), days(table, start, start + 7)?));
    let weeks = starts.map(week).collect::<Result<Vec<_>>>()?;
    Ok((train, test, weeks.into_iter().filter(|(_, week)| week.n_rows() >= 100).collect()))
}

/// Minutes since the year began, to split by time.
pub(crate) fn times(table: &Table) -> Result<Vec<i64>> {
    let days = table.column("day")?.as_integer()?;
    let hours = table.column("hour")?.as_integer()?;
    Ok(days.zip(hours).map(|(day, hour)| 60 * (24 * day.unwrap_or(0) + hour.unwrap_or(0))).collect())
}
