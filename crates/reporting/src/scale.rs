//! Axes: which numbers to write beside them, and how.

/// An axis from data to pixels.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// An axis that holds all finite numbers given, drawn from `start` to `end`.
    pub(crate) fn over(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low == high {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = (low - room, high + room);
        }
        // Room for the difference of the extremes, which f64 may not have.
        Scale { low: low.max(-1e300), high: high.min(1e300), start, end }
    }

    /// Widens the axis to round numbers.
    pub(crate) fn rounded(mut self) -> Self {
        let step = step(self.low, self.high, 5);
        self.low = (self.low / step).floor() * step;
        self.high = (self.high / step).ceil() * step;
        self
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.start + share.clamp(-0.05, 1.05) * (self.end - self.start)
    }

    /// Round numbers inside the axis, about `wanted` of them.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let step = step(self.low, self.high, wanted);
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 50.0) as usize;
        (0..=count)
            .map(|i| (first + i as f64) * step)
            .map(|tick| if tick == 0.0 { 0.0 } else { tick })
            .collect()
    }

    /// Times inside the axis, in seconds, with their labels.
    pub(crate) fn time_ticks(&self) -> Vec<(f64, String)> {
        const DAY: f64 = 86_400.0;
        let span = self.high - self.low;
        let months = span / (30.4 * DAY);
        if months > 2.5 {
            let every =
                [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0, 120.0].into_iter().find(|every| months / every <= 7.0);
            return self.month_ticks(every.unwrap_or(240.0) as i64);
        }
        let steps = [60.0, 600.0, 3600.0, 10_800.0, 43_200.0, DAY, 2.0 * DAY, 7.0 * DAY, 14.0 * DAY];
        let step = steps.into_iter().find(|step| span / step <= 7.0).unwrap_or(28.0 * DAY);
        let first = (self.low / step).ceil();
        let count = ((self.high / step).floor() - first).clamp(0.0, 20.0) as usize;
        let label = |seconds: f64| {
            let (year, month, day) = civil((seconds / DAY).floor() as i64);
            if step < DAY {
                let minutes = (seconds.rem_euclid(DAY) / 60.0) as i64;
                format!("{day} {} {:02}:{:02}", MONTHS[month as usize - 1], minutes / 60, minutes % 60)
            } else {
                format!("{day} {} {year}", MONTHS[month as usize - 1])
            }
        };
        (0..=count).map(|i| (first + i as f64) * step).map(|seconds| (seconds, label(seconds))).collect()
    }

    fn month_ticks(&self, every: i64) -> Vec<(f64, String)> {
        let (year, month, _) = civil((self.low / 86_400.0).floor() as i64);
        let first = (year * 12 + month - 1).div_euclid(every) * every;
        let ticks = (0..40).map(|i| first + i * every).map(|index| {
            let (year, month) = (index.div_euclid(12), index.rem_euclid(12));
            (days(year, month + 1, 1) as f64 * 86_400.0, format!("{} {year}", MONTHS[month as usize]))
        });
        ticks.filter(|(seconds, _)| (self.low..=self.high).contains(seconds)).collect()
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month and day of a day counted from 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", 2013).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.clamp(-100_000_000, 100_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// 1, 2 or 5 times a power of ten, so that about `wanted` steps cover the range.
fn step(low: f64, high: f64, wanted: usize) -> f64 {
    let rough = ((high - low) / wanted.max(1) as f64).max(f64::MIN_POSITIVE * 1e10);
    let power = 10_f64.powf(rough.log10().floor());
    let lead = rough / power;
    power
        * if lead <= 1.0 {
            1.0
        } else if lead <= 2.0 {
            2.0
        } else if lead <= 5.0 {
            5.0
        } else {
            10.0
        }
}

/// A number for people: about four digits, thousands apart, very large and very small ones as powers of ten.
///
/// ```
/// use perennial_reporting::format_number;
///
/// assert_eq!(format_number(0.123456), "0.1235");
/// assert_eq!(format_number(12345.678), "12,346");
/// assert_eq!(format_number(-3.0), "-3");
/// assert_eq!(format_number(1.5e-9), "1.5e-9");
/// assert_eq!(format_number(f64::NAN), "n/a");
/// ```
pub fn format_number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "n/a".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞".into() } else { "-∞".into() };
    }
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", trim_zeros(digits));
    }
    if size >= 1000.0 {
        return group_thousands(&format!("{value:.0}"));
    }
    let decimals = if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else if size >= 1.0 {
        3
    } else if size >= 0.01 {
        4
    } else if size >= 0.001 {
        6
    } else {
        7
    };
    let text = trim_zeros(&format!("{value:.decimals$}")).to_owned();
    if text == "-0" { "0".into() } else { text }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn group_thousands(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (day, date) in
            [(0, (1970, 1, 1)), (15_000, (2011, 1, 26)), (11_016, (2000, 2, 29)), (-1, (1969, 12, 31))]
        {
            assert_eq!(civil(day), date);
            assert_eq!(days(date.0, date.1, date.2), day);
        }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::over([0.13, 9.7].into_iter(), 0.0, 100.0);
        assert_eq!(scale.ticks(5), [2.0, 4.0, 6.0, 8.0]);
        let rounded = scale.rounded();
        assert_eq!((rounded.low, rounded.high), (0.0, 10.0));
        for odd in [vec![], vec![f64::NAN], vec![3.0; 4], vec![f64::MIN, f64::MAX], vec![5e-324, 0.0]] {
            let scale = Scale::over(odd.into_iter(), 0.0, 100.0).rounded();
            assert!(scale.ticks(5).len() < 60 && scale.at(scale.low).is_finite());
        }
    }

    #[test]
    fn long_times_are_marked_by_month() {
        let year = Scale { low: 1_293_840_000.0, high: 1_325_375_999.0, start: 0.0, end: 1.0 };
        let labels: Vec<String> = year.time_ticks().into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels, ["Jan 2011", "Mar 2011", "May 2011", "Jul 2011", "Sep 2011", "Nov 2011"]);
        let two_days = Scale { low: 0.0, high: 172_800.0, start: 0.0, end: 1.0 };
        assert_eq!(two_days.time_ticks()[1].1, "1 Jan 12:00");
    }
}
