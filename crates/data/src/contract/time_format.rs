//! Texts that follow a format of `strftime`.

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
#[derive(Debug)]
pub(super) struct TimeFormat(Vec<Part>);

#[derive(Debug)]
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
}

impl TimeFormat {
    /// # Errors
    /// The directive that is not known.
    pub(super) fn new(format: &str) -> Result<Self, String> {
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
    pub(super) fn fits(&self, text: &str) -> bool {
        let mut said = Said::default();
        let mut rest = text;
        for part in &self.0 {
            let after = match part {
                Part::Literal(char) => rest.strip_prefix(*char),
                Part::Field(field) => said.read(*field, rest),
            };
            match after {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty() && said.is_a_day()
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
            'H' => keep(2, 0, 23, |_| None),
            'I' => keep(2, 1, 12, |_| None),
            'M' => keep(2, 0, 59, |_| None),
            'S' => keep(2, 0, 60, |_| None),
            'f' => keep(9, 0, 999_999_999, |_| None),
            'j' => keep(3, 1, 366, |said| Some(&mut said.day_of_year)),
            'b' | 'B' => {
                let (month, rest) = name(text, &MONTHS, field == 'B')?;
                self.month = Some(month + 1);
                Some(rest)
            }
            'a' | 'A' => name(text, &WEEKDAYS, field == 'A').map(|(_, rest)| rest),
            'p' => name(text, &["AM", "PM"], true).map(|(_, rest)| rest),
            'z' => zone(text),
            _ => None,
        }
    }

    fn is_a_day(&self) -> bool {
        let leap = self.year.is_none_or(|year| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        if self.day_of_year == Some(366) && !leap {
            return false;
        }
        match (self.month, self.day) {
            // A day of February without a year may be the 29th.
            (Some(month), Some(day)) => {
                let year = if leap { 2024 } else { 2023 };
                calendar::parse_date(format!("{year}-{month:02}-{day:02}").as_bytes()).is_some()
            }
            _ => true,
        }
    }
}

/// `Z`, `+0100`, `+01:00` or `+01`.
fn zone(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some(rest);
    }
    let rest = text.strip_prefix(['+', '-'])?;
    let two = |text: &'_ str, most: i64| {
        let digits = text.get(..2)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        (digits.parse::<i64>().ok()? <= most).then_some(())
    };
    two(rest, 23)?;
    let rest = &rest[2..];
    let minutes = rest.strip_prefix(':').unwrap_or(rest);
    match two(minutes, 59) {
        Some(()) => Some(&minutes[2..]),
        None => Some(rest),
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
}
