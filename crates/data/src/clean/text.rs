//! Texts as people type them.

use std::borrow::Cow;

/// Without white space at the ends, and with one space where there was more white space inside.
pub(super) fn trimmed(text: &str) -> Cow<'_, str> {
    let ends = text.trim();
    let mut odd = false;
    let mut last = ' ';
    for letter in ends.chars() {
        odd |= letter.is_whitespace() && (letter != ' ' || last.is_whitespace());
        last = letter;
    }
    match odd {
        true => Cow::Owned(ends.split_whitespace().collect::<Vec<_>>().join(" ")),
        false => Cow::Borrowed(ends),
    }
}

/// The words for "there is nothing", beside those that readers know.
pub(super) fn says_missing(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "",
        "-",
        "--",
        "---",
        "?",
        "??",
        ".",
        "n/a",
        "n.a.",
        "na",
        "nan",
        "nil",
        "none",
        "null",
        "missing",
        "not available",
        "not known",
        "unknown",
        "tbd",
        "#n/a",
    ];
    WORDS.contains(&text.trim().to_lowercase().as_str())
}

/// Whether a text is a number as people write it, with one mark before the decimals or the other. In numbers the punctuation
/// counts: `1.5` is not `1,5`, nor `-5` the same as `5`.
pub(super) fn is_amount(text: &str) -> bool {
    amount(text, '.').is_some() || amount(text, ',').is_some()
}

/// A number as people write it where this mark, a point or a comma, stands before the decimals, and the other one between
/// thousands: `1,234.50` or `1.234,50`, `1'234`, `$ 12`, `(3)` for -3, `12 %` for 0.12.
pub(super) fn amount(text: &str, decimal: char) -> Option<f64> {
    let text = text.trim();
    let (text, negative) = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        Some(inner) => (inner.trim(), true),
        None => (text, false),
    };
    let (text, share) = match text.strip_suffix('%') {
        Some(before) => (before.trim_end(), true),
        None => (text, false),
    };
    let is_money = |letter: char| matches!(letter, '$' | '€' | '£' | '¥');
    let (sign, text) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1.0 } else { 1.0 }, rest),
        None => (1.0, text),
    };
    let digits = text.trim_start_matches(is_money).trim_end_matches(is_money).trim();
    let plain = plain_digits(digits, decimal)?;
    let number: f64 = plain.parse().ok().filter(|number: &f64| number.is_finite())?;
    let number = sign * if share { number / 100.0 } else { number };
    Some(if negative { -number } else { number })
}

/// The digits with a point and without marks of thousands.
fn plain_digits(text: &str, decimal: char) -> Option<Cow<'_, str>> {
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // `08001` is the name of a place, not a number.
    if text.starts_with('0') && text[1..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let (whole, decimals) = match text.split_once(decimal) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (text, None),
    };
    if decimals.is_some_and(|decimals| !all_digits(decimals)) {
        return None;
    }
    if all_digits(whole) {
        return Some(match decimals {
            Some(decimals) if decimal != '.' => Cow::Owned(format!("{whole}.{decimals}")),
            _ => Cow::Borrowed(text),
        });
    }
    // Nobody writes `0,500` for five hundred.
    let is_grouped = |mark: char| {
        let mut groups = whole.split(mark);
        let first =
            |group: &str| (1..=3).contains(&group.len()) && all_digits(group) && !group.starts_with('0');
        groups.next().is_some_and(first) && groups.all(|group| group.len() == 3 && all_digits(group))
    };
    let other = if decimal == '.' { ',' } else { '.' };
    let mark = [other, '\'', '_', ' '].into_iter().find(|&mark| is_grouped(mark))?;
    let whole: String = whole.chars().filter(|letter| *letter != mark).collect();
    Some(Cow::Owned(decimals.map_or(whole.clone(), |decimals| format!("{whole}.{decimals}"))))
}

/// Whether one letter was changed, left out, put in, or two neighbours were swapped (Damerau, 1964).
pub(super) fn one_slip_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    match (a, b) {
        ([], []) => false,
        ([_, rest @ ..], b) if rest == b => true,
        (a, [_, rest @ ..]) if rest == a => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a0, a1, a @ ..], [b0, b1, b @ ..]) => a0 == b1 && a1 == b0 && a == b,
        _ => false,
    }
}

/// The text without each of its letters in turn.
pub(super) fn with_one_left_out(text: &str) -> impl Iterator<Item = String> + '_ {
    text.char_indices().map(|(at, letter)| format!("{}{}", &text[..at], &text[at + letter.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spelling::key;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, point, comma) in [
            ("12", Some(12.0), Some(12.0)),
            (" 1,234.50 ", Some(1234.5), None),
            (" 1.234,50 ", None, Some(1234.5)),
            ("1'234'567", Some(1_234_567.0), Some(1_234_567.0)),
            ("1 234", Some(1234.0), Some(1234.0)),
            ("1 234,5", None, Some(1234.5)),
            ("$ 12", Some(12.0), Some(12.0)),
            ("-$12.5", Some(-12.5), None),
            ("12 €", Some(12.0), Some(12.0)),
            ("12,5 €", None, Some(12.5)),
            ("(3.5)", Some(-3.5), None),
            ("12 %", Some(0.12), Some(0.12)),
            ("3,5", None, Some(3.5)),
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("1,234,567", Some(1_234_567.0), None),
            ("1234.567", Some(1234.567), None),
            ("0.5", Some(0.5), None),
            ("0,500", None, Some(0.5)),
        ] {
            assert_eq!((amount(text, '.'), amount(text, ',')), (point, comma), "{text}");
        }
        for text in [
            "",
            "a",
            "1,23,4",
            "1.2.3",
            "--3",
            "1e5",
            "12-03",
            ".",
            ",",
            "1,2.3",
            "1.2,3",
            "5.",
            "5,",
            ".5",
            "$",
            "inf",
            "08001",
            "030 123 456",
        ] {
            assert_eq!((amount(text, '.'), amount(text, ',')), (None, None), "{text}");
        }
    }

    #[test]
    fn slips_are_one_letter() {
        for (a, b) in
            [("Basel", "Basle"), ("Basel", "Bassel"), ("Basel", "Bsel"), ("Basel", "Barel"), ("a", "")]
        {
            assert!(one_slip_apart(a, b) && one_slip_apart(b, a), "{a} {b}");
        }
        for (a, b) in [("Basel", "Basel"), ("Basel", "Bern"), ("abcd", "badc"), ("Basel", "Ba")] {
            assert!(!one_slip_apart(a, b) && !one_slip_apart(b, a), "{a} {b}");
        }
        assert_eq!(with_one_left_out("äb").collect::<Vec<_>>(), ["b", "ä"]);
    }

    #[test]
    fn white_space_is_one_space() {
        assert_eq!(trimmed(" a\t b\n"), "a b");
        assert!(matches!(trimmed("a b"), Cow::Borrowed("a b")));
        assert_eq!(key("  St. Gallen!"), "st gallen");
    }
}
