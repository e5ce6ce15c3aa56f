//! Days and moments of the proleptic Gregorian calendar, as ISO 8601 text and as counts from 1970-01-01.

use std::fmt::{self, Write};

pub(crate) const DAY: i64 = 86_400_000_000;

/// Days from 1970-01-01 to a date (Howard Hinnant, "chrono-compatible low-level date algorithms", 2014).
#[inline]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a count of days from 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Days from 1970-01-01 of `2024-02-29`; nothing for a day that is not in the calendar.
#[inline]
pub(crate) fn parse_date(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    let (first, last) = (u64::from_le_bytes(*text.first_chunk()?), u16::from_le_bytes(*text.last_chunk()?));
    // The digits alone, the first one lowest, as numbers: eight of them at once.
    let year_month = (first & 0xffff_ffff) | (first >> 8 & 0xffff_0000_0000);
    let digits = (year_month | u64::from(last) << 48) ^ 0x3030_3030_3030_3030;
    let sound = (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0;
    if !sound || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let pair = |at: u32| (pairs >> (16 * at)) as u32 & 0xff;
    let (year, month, day) = (pair(0) * 100 + pair(1), pair(2), pair(3));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(leap),
        // Thirty-one days have the odd ones up to July and the even ones after it.
        1..=12 => 30 + ((month ^ month >> 3) & 1),
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days_of_years_from_0(year, month, day))
}

/// As [`days_from_civil`], of the years 0 to 9999: without a division of a number that may be negative.
#[inline]
fn days_of_years_from_0(year: u32, month: u32, day: u32) -> i32 {
    // 400 years later, and 146,097 days, as January of the year 0 counts as one of the year before.
    let year = year + 400 - u32::from(month <= 2);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    (365 * year + year / 4 - year / 100 + year / 400 + day_of_year) as i32 - (719_468 + 146_097)
}

/// Microseconds from 1970-01-01 UTC of `2024-02-29 23:59[:59[.123456]][Z|+01:00]`, with a space or a `T`
/// between day and time; a day alone is its midnight.
pub(crate) fn parse_date_time(text: &[u8]) -> Option<i64> {
    let day = i64::from(parse_date(text.get(..10)?)?) * DAY;
    let Some((separator, time)) = text[10..].split_first() else { return Some(day) };
    if !matches!(separator, b' ' | b'T') || time.len() < 5 || time[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&time[..2])?, digits(&time[3..5])?);
    let (mut second, mut micros, mut rest) = (0, 0, &time[5..]);
    if rest.first() == Some(&b':') {
        second = digits(rest.get(1..3)?)?;
        rest = &rest[3..];
        if rest.first() == Some(&b'.') {
            let length = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=6).contains(&length) {
                return None;
            }
            micros = digits(&rest[1..=length])? * 10_i64.pow(6 - length as u32);
            rest = &rest[1 + length..];
        }
    }
    let offset = match rest {
        [] | [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(day + ((hour * 60 + minute - offset) * 60 + second) * 1_000_000 + micros)
}

/// Whether a day or moment as it is written can be read again: its year is one of 0 to 9999.
pub(crate) fn is_readable(text: &[u8]) -> bool {
    text.first_chunk::<4>().is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && text.get(4) == Some(&b'-')
}

/// Writes a day as `2024-02-29`.
pub(crate) fn write_date(out: &mut impl Write, days: i32) -> fmt::Result {
    let (year, month, day) = civil_from_days(i64::from(days));
    write!(out, "{year:04}-{month:02}-{day:02}")
}

/// Writes a moment as `2024-02-29 23:59:59`, with six more digits where they are not zero.
pub(crate) fn write_date_time(out: &mut impl Write, micros: i64) -> fmt::Result {
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY));
    let time = micros.rem_euclid(DAY);
    let seconds = time / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
    match time % 1_000_000 {
        0 => Ok(()),
        fraction => write!(out, ".{fraction:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        // Values of the POSIX epoch and of `date -u -d .. +%s`.
        assert_eq!(parse_date(b"1970-01-01"), Some(0));
        assert_eq!(parse_date(b"2000-03-01"), Some(11_017));
        assert_eq!(parse_date(b"1969-12-31"), Some(-1));
        assert_eq!(parse_date(b"0000-01-01"), Some(-719_528));
        assert_eq!(parse_date_time(b"2001-09-09 01:46:40"), Some(1_000_000_000_000_000));
        assert_eq!(parse_date_time(b"2001-09-09T03:46:40.5+02:00"), Some(1_000_000_000_500_000));
        for wrong in ["2023-02-29", "2024-02-30", "1900-02-29", "2024-13-01", "2024-1-01", "2024-00-10"] {
            assert_eq!(parse_date(wrong.as_bytes()), None, "{wrong}");
        }
        for wrong in ["2024-01-01 24:00", "2024-01-01 10", "2024-01-01 10:00:00.1234567", "2024-01-01x10:00"]
        {
            assert_eq!(parse_date_time(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_of_ten_thousand_years_comes_back() {
        let mut text = String::new();
        for day in (-719_528..2_932_896).step_by(17) {
            text.clear();
            write_date(&mut text, day).unwrap();
            assert_eq!(parse_date(text.as_bytes()), Some(day), "{text}");
            let moment = i64::from(day) * DAY + 123_456;
            text.clear();
            write_date_time(&mut text, moment).unwrap();
            assert_eq!(parse_date_time(text.as_bytes()), Some(moment), "{text}");
        }
    }
}
