//! Texts that follow a format of `strftime`, and the days and moments that they say.

use crate::calendar;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A format, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct TimeFormat(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Literal(char),
    Field(char),
}

/// What a text said so far.
#[derive(Default)]
struct Said {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Whether the hour is one of twelve, and those of the afternoon.
    of_twelve: bool,
    afternoon: bool,
    /// Minutes before UTC.
    offset: i64,
    /// Digits that moments do not keep.
    is_finer: bool,
}

impl TimeFormat {
    /// # Errors
    /// The directive that is not known.
    pub(crate) fn new(format: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = format.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                parts.push(Part::Literal(char));
                continue;
            }
            match chars.next() {
                Some('%') => parts.push(Part::Literal('%')),
                Some('F') => parts.extend(fields("Y-m-d")),
                Some('T') => parts.extend(fields("H:M:S")),
                Some('D') => parts.extend(fields("m/d/y")),
                Some('R') => parts.extend(fields("H:M")),
                Some(field) if "YymdeHIMSfjbBaApz".contains(field) => parts.push(Part::Field(field)),
                Some(other) => return Err(format!("%{other}")),
                None => return Err("%".to_owned()),
            }
        }
        Ok(TimeFormat(parts))
    }

    /// Whether a text is a moment in this format, with a day that the calendar has.
    pub(crate) fn fits(&self, text: &str) -> bool {
        self.read(text).is_some_and(|said| said.is_a_day())
    }

    /// What a text says, if it follows the format.
    fn read(&self, text: &str) -> Option<Said> {
        let mut said = Said::default();
        let mut rest = text;
        for part in &self.0 {
            let after = match part {
                Part::Literal(char) => rest.strip_prefix(*char),
                Part::Field(field) => said.read(*field, rest),
            };
            rest = after?;
        }
        rest.is_empty().then_some(said)
    }

    fn has(&self, fields: &str) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Field(field) if fields.contains(*field)))
    }

    /// A format by which days or moments are read.
    ///
    /// # Errors
    /// Why it is none, to follow its name.
    pub(crate) fn of_days(format: &str) -> Result<Self, String> {
        let known =
            TimeFormat::new(format).map_err(|directive| format!("has `{directive}`, which is not known"))?;
        let has_day = (known.has("mbB") && known.has("de")) || known.has("j");
        if !known.has("Yy") || !has_day {
            return Err("names no day; it needs a year with month and day, such as `%d.%m.%Y`, or with `%j`"
                .to_owned());
        }
        if known.has("I") != known.has("p") {
            return Err("has `%I` or `%p` without the other, and half of the hours would be open".to_owned());
        }
        Ok(known)
    }

    /// Whether it says more than the day.
    pub(crate) fn has_time(&self) -> bool {
        self.has("HIMSfpz")
    }

    /// Days from 1970-01-01; nothing for another text, and for a moment that is not the start of its day.
    pub(crate) fn day(&self, text: &[u8]) -> Option<i32> {
        let moment = self.moment(text)?;
        (moment.rem_euclid(calendar::DAY) == 0)
            .then(|| i32::try_from(moment.div_euclid(calendar::DAY)).ok())?
    }

    /// Microseconds from 1970-01-01 UTC; nothing for another text.
    pub(crate) fn moment(&self, text: &[u8]) -> Option<i64> {
        self.read(std::str::from_utf8(text).ok()?)?.moment()
    }
}

fn fields(pattern: &str) -> impl Iterator<Item = Part> + '_ {
    pattern
        .chars()
        .map(|char| if char.is_ascii_alphabetic() { Part::Field(char) } else { Part::Literal(char) })
}

/// A number of one to `width` digits, within bounds, and what follows it.
fn number(text: &str, width: usize, least: i64, most: i64) -> Option<(i64, &str)> {
    let length = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
    let number = text[..length].parse().ok().filter(|number| (least..=most).contains(number))?;
    Some((number, &text[length..]))
}

/// The position of the name that a text starts with, whole or its first three letters.
fn name<'a>(text: &'a str, names: &[&str], whole: bool) -> Option<(i64, &'a str)> {
    names.iter().zip(0..).find_map(|(name, position)| {
        let name = if whole { name } else { &name[..3] };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then(|| (position, &text[name.len()..]))
    })
}

impl Said {
    fn read<'a>(&mut self, field: char, text: &'a str) -> Option<&'a str> {
        let mut keep = |width, least, most, place: fn(&mut Said) -> Option<&mut Option<i64>>| {
            let (value, rest) = number(text, width, least, most)?;
            if let Some(place) = place(self) {
                *place = Some(value);
            }
            Some(rest)
        };
        match field {
            // Fewer digits would be a year of the first centuries, and two of them are for `%y`.
            'Y' if text.bytes().take_while(u8::is_ascii_digit).take(4).count() < 4 => None,
            'Y' => keep(4, 0, 9999, |said| Some(&mut said.year)),
            // The century does not matter to whether the day exists, but for the one year in four hundred.
            'y' => {
                let (year, rest) = number(text, 2, 0, 99)?;
                self.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
                Some(rest)
            }
            'm' => keep(2, 1, 12, |said| Some(&mut said.month)),
            'd' => keep(2, 1, 31, |said| Some(&mut said.day)),
            'e' => {
                let (day, rest) = number(text.strip_prefix(' ').unwrap_or(text), 2, 1, 31)?;
                self.day = Some(day);
                Some(rest)
            }
            'H' => {
                let (hour, rest) = number(text, 2, 0, 23)?;
                self.hour = hour;
                Some(rest)
            }
            'I' => {
                let (hour, rest) = number(text, 2, 1, 12)?;
                (self.hour, self.of_twelve) = (hour, true);
                Some(rest)
            }
            'M' => {
                let (minute, rest) = number(text, 2, 0, 59)?;
                self.minute = minute;
                Some(rest)
            }
            'S' => {
                let (second, rest) = number(text, 2, 0, 60)?;
                self.second = second;
                Some(rest)
            }
            'f' => {
                let (digits, rest) = number(text, 9, 0, 999_999_999)?;
                // The digits of a fraction: 5 is half a second.
                let nanos = digits * 10_i64.pow(9 - (text.len() - rest.len()) as u32);
                (self.micros, self.is_finer) = (nanos / 1000, nanos % 1000 != 0);
                Some(rest)
            }
            'j' => keep(3, 1, 366, |said| Some(&mut said.day_of_year)),
            'b' | 'B' => {
                let (month, rest) = name(text, &MONTHS, field == 'B')?;
                self.month = Some(month + 1);
                Some(rest)
            }
            'a' | 'A' => name(text, &WEEKDAYS, field == 'A').map(|(_, rest)| rest),
            'p' => {
                let (half, rest) = name(text, &["AM", "PM"], true)?;
                self.afternoon = half == 1;
                Some(rest)
            }
            'z' => {
                let (offset, rest) = zone(text)?;
                self.offset = offset;
                Some(rest)
            }
            _ => None,
        }
    }

    /// The moment; nothing where the day is not in the calendar, and for leap seconds and parts of microseconds.
    fn moment(&self) -> Option<i64> {
        if !self.is_a_day() || self.second > 59 || self.is_finer {
            return None;
        }
        let year = self.year?;
        let day = match (self.month, self.day, self.day_of_year) {
            (Some(month), Some(day), _) => calendar::days_from_civil(year, month, day),
            (_, _, Some(day)) => calendar::days_from_civil(year, 1, 1) + day - 1,
            _ => return None,
        };
        let hour = match (self.of_twelve, self.afternoon) {
            (false, _) => self.hour,
            (true, false) => self.hour % 12,
            (true, true) => self.hour % 12 + 12,
        };
        let minutes = day * 24 * 60 + hour * 60 + self.minute - self.offset;
        Some((minutes * 60 + self.second) * 1_000_000 + self.micros)
    }

    fn is_a_day(&self) -> bool {
        let leap = self.year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        if self.day_of_year == Some(366) && !leap {
            return false;
        }
        match (self.month, self.day) {
            // A day of February without a year may be the 29th.
            (Some(month), Some(day)) => {
                let length = match month {
                    2 => 28 + i64::from(leap),
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                (1..=length).contains(&day)
            }
            _ => true,
        }
    }
}

/// Minutes before UTC of `Z`, `+0100`, `+01:00` or `+01`, and what follows.
fn zone(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let rest = text.strip_prefix(['+', '-'])?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let two = |text: &'_ str, most: i64| {
        let digits = text.get(..2)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        digits.parse::<i64>().ok().filter(|number| *number <= most)
    };
    let hours = two(rest, 23)?;
    let rest = &rest[2..];
    let after = rest.strip_prefix(':').unwrap_or(rest);
    match two(after, 59) {
        Some(minutes) => Some((sign * (60 * hours + minutes), &after[2..])),
        None => Some((sign * 60 * hours, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (format, text, fits) in [
            ("%Y-%m-%d", "2024-02-29", true),
            ("%Y-%m-%d", "2023-02-29", false),
            ("%Y-%m-%d", "2024-2-9", true),
            ("%Y-%m-%d", "2024-02-29 ", false),
            ("%d.%m.%y", "29.02.00", true),
            ("%d.%m.%Y", "01.02.24", false),
            ("%d.%m.%Y", "01.02.0024", true),
            ("%d.%m.%Y", "31.04.2024", false),
            ("%H:%M:%S.%f", "23:59:60.123456", true),
            ("%H:%M", "24:00", false),
            ("%I:%M %p", "12:30 pm", true),
            ("%A, %d %B %Y", "Thursday, 29 February 2024", true),
            ("%a %b %e", "Thu Feb  9", true),
            ("%Y%j", "2023366", false),
            ("%Y%j", "2024366", true),
            ("%FT%T%z", "2024-02-29T23:59:59+01:00", true),
            ("%FT%T%z", "2024-02-29T23:59:59Z", true),
            ("%FT%T%z", "2024-02-29T23:59:59", false),
            ("100%%", "100%", true),
            ("%B", "Février", false),
        ] {
            assert_eq!(TimeFormat::new(format).unwrap().fits(text), fits, "{format} {text}");
        }
        assert_eq!(TimeFormat::new("%Q").unwrap_err(), "%Q");
        assert_eq!(TimeFormat::new("%").unwrap_err(), "%");
    }

    /// Moments against those that the reader of ISO 8601 gives.
    #[test]
    fn texts_say_days_and_moments() {
        for (format, text, iso) in [
            ("%d.%m.%Y", "29.02.2024", "2024-02-29"),
            ("%d.%m.%Y", "1.3.1969", "1969-03-01"),
            ("%m/%d/%y", "02/29/00", "2000-02-29"),
            ("%m/%d/%y", "12/31/69", "1969-12-31"),
            ("%Y%j", "2024366", "2024-12-31"),
            ("%d %B %Y", "5 may 2021", "2021-05-05"),
            ("%d.%m.%Y %H:%M", "29.02.2024 23:59", "2024-02-29 23:59"),
            ("%d/%m/%Y %I:%M:%S %p", "29/02/2024 12:00:01 AM", "2024-02-29 00:00:01"),
            ("%d/%m/%Y %I:%M:%S %p", "29/02/2024 12:00:01 pm", "2024-02-29 12:00:01"),
            ("%d/%m/%Y %I %p", "29/02/2024 11 PM", "2024-02-29 23:00"),
            ("%FT%T.%f%z", "2024-02-29T01:02:03.5+0130", "2024-02-29T01:02:03.5+01:30"),
            ("%FT%T.%f%z", "2024-02-29T01:02:03.000007-11", "2024-02-29T01:02:03.000007-11:00"),
            ("%FT%T.%f%z", "1960-02-29T01:02:03.123456000Z", "1960-02-29T01:02:03.123456Z"),
        ] {
            let known = TimeFormat::of_days(format).unwrap();
            let right = calendar::parse_date_time(iso.as_bytes());
            assert!(right.is_some() && known.moment(text.as_bytes()) == right, "{format} {text}");
            assert_eq!(known.day(text.as_bytes()), calendar::parse_date(iso.as_bytes()), "{text}");
            assert_eq!(known.has_time(), iso.len() > 10, "{format}");
        }
        let day = TimeFormat::of_days("%d.%m.%Y").unwrap();
        for text in ["30.02.2024", "2024-02-29", "29.02.2023", "", "29.02.2024 ", "29.02", "é"] {
            assert_eq!(day.moment(text.as_bytes()), None, "{text}");
        }
        let fine = TimeFormat::of_days("%F %T.%f").unwrap();
        for text in ["2024-02-29 23:59:60.0", "2024-02-29 23:59:59.1234567"] {
            assert_eq!(fine.moment(text.as_bytes()), None, "{text}");
        }
        for (format, words) in [
            ("%Q", "`%Q`, which is not known"),
            ("%H:%M", "names no day"),
            ("%d.%m", "names no day"),
            ("%m.%Y", "names no day"),
            ("%F %I:%M", "without the other"),
        ] {
            assert!(TimeFormat::of_days(format).unwrap_err().contains(words), "{format}");
        }
    }
}
