//! Clocks by the names of their zones.

use serde::{Deserialize, Serialize};

/// What becomes of a time that a clock shows twice, when it is put back, or never, when it is put forward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnclearTime {
    /// An error that names the row and the time.
    #[default]
    Error,
    /// The earlier of the two moments that it may be. Of a time that the clock never shows, the two are those of the clock before and
    /// after it is put forward: 02:30, of an hour that is left out, was then meant as 01:30.
    Earliest,
    /// The later of them: 02:30 was then meant as 03:30.
    Latest,
    /// A missing cell.
    Missing,
}

#[cfg(not(feature = "time-zones"))]
pub(crate) fn in_utc(_: &crate::Column, zone: &str, _: UnclearTime) -> perennial_core::Result<crate::Column> {
    Err(perennial_core::Error::unsupported(format!(
        "the zone `{zone}` needs the feature `time-zones` of `perennial-data`"
    )))
}

#[cfg(feature = "time-zones")]
pub(crate) use self::named::in_utc;

#[cfg(feature = "time-zones")]
mod named {
    use jiff::SignedDuration;
    use jiff::civil::date;
    use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
    use perennial_core::{Error, Result};

    use super::UnclearTime;
    use crate::{Column, calendar};

    /// The moments in UTC of times that a clock of this zone shows.
    pub(crate) fn in_utc(column: &Column, zone: &str, unclear: UnclearTime) -> Result<Column> {
        // Those that are compiled in and no others: the same on every machine.
        let clock = TimeZoneDatabase::bundled().get(zone).map_err(|error| {
            let what = format!(
                "no zone is called `{zone}`; names are as `Europe/Berlin` in the database of the IANA"
            );
            Error::unknown(what).with_source(error)
        })?;
        let moments = column.as_date_time()?.enumerate().map(|(row, shown)| match shown {
            None => Ok(None),
            Some(shown) => moment(shown, row, zone, &clock, unclear),
        });
        Ok(Column::date_time(moments.collect::<Result<Vec<_>>>()?))
    }

    /// The last microsecond of the year 9999.
    const LAST: i64 = 253_402_300_799_999_999;

    fn moment(
        shown: i64,
        row: usize,
        zone: &str,
        clock: &TimeZone,
        unclear: UnclearTime,
    ) -> Result<Option<i64>> {
        let beyond =
            || Error::overflow(format!("the moment at row {row} lies outside of the years -9999 to 9999"));
        let civil = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(SignedDuration::from_micros(shown));
        let offset = clock.to_ambiguous_timestamp(civil.map_err(|_| beyond())?).offset();
        let (before, after, happens) = match offset {
            AmbiguousOffset::Unambiguous { offset } => (offset, offset, ""),
            AmbiguousOffset::Gap { before, after } => (before, after, "does not exist"),
            AmbiguousOffset::Fold { before, after } => (before, after, "exists twice"),
        };
        let utc = |offset: Offset| shown - i64::from(offset.seconds()) * 1_000_000;
        let (one, other) = (utc(before), utc(after));
        if one.max(other) > LAST {
            return Err(beyond());
        }
        match unclear {
            _ if one == other => Ok(Some(one)),
            UnclearTime::Earliest => Ok(Some(one.min(other))),
            UnclearTime::Latest => Ok(Some(one.max(other))),
            UnclearTime::Missing => Ok(None),
            UnclearTime::Error => {
                let mut time = String::new();
                // Writing to a `String` cannot fail.
                let _ = calendar::write_date_time(&mut time, shown);
                Err(Error::unsupported(format!(
                    "the time {time} at row {row} {happens} on the clock of {zone}, which is put forward and back; say by `UnclearTime` what is meant"
                )))
            }
        }
    }
}
