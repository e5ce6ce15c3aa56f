//! What one cell is: missing, a number, a date, or text.

use crate::time_format::TimeFormat;
use crate::{ColumnType, calendar};

/// What the cells of a column have in common so far; later kinds take in more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No cell that is not missing.
    Nothing,
    Boolean,
    /// Integers that are all exact in `f64`.
    Integer,
    /// Integers of which some are beyond ±2^53: they cannot go together with reals.
    BigInteger,
    Real,
    Date,
    DateTime,
    Text,
}

impl Kind {
    /// The narrowest kind that takes in both.
    pub(super) fn join(self, other: Kind) -> Kind {
        use Kind::{BigInteger, Date, DateTime, Integer, Nothing, Real, Text};
        match (self, other) {
            (a, b) if a == b => a,
            (Nothing, a) | (a, Nothing) => a,
            (Integer, BigInteger) | (BigInteger, Integer) => BigInteger,
            (Integer, Real) | (Real, Integer) => Real,
            (Date, DateTime) | (DateTime, Date) => DateTime,
            _ => Text,
        }
    }

    /// The kind whose cells a column of a type has.
    pub(super) fn holding(column_type: ColumnType) -> Kind {
        match column_type {
            ColumnType::Boolean => Kind::Boolean,
            ColumnType::Integer => Kind::Integer,
            ColumnType::Real => Kind::Real,
            ColumnType::Date => Kind::Date,
            ColumnType::DateTime => Kind::DateTime,
            ColumnType::Category | ColumnType::Text => Kind::Text,
        }
    }

    /// The kind of one cell, with this mark before the decimals of a number, and days and moments in a format, or as ISO 8601
    /// writes them. What is a number is no day.
    pub(super) fn of(cell: &[u8], decimal: u8, dates: Option<&TimeFormat>) -> Kind {
        let Some(format) = dates else { return Kind::of_plain(cell, decimal) };
        match Kind::of_plain(cell, decimal) {
            plain if plain.may_be_a_day() => match format.moment(cell) {
                None => Kind::Text,
                Some(_) if format.has_time() => Kind::DateTime,
                Some(_) => Kind::Date,
            },
            kind => kind,
        }
    }

    /// Whether a cell that is of this kind, without a format, may be a day in one.
    pub(super) fn may_be_a_day(self) -> bool {
        matches!(self, Kind::Date | Kind::DateTime | Kind::Text)
    }

    /// As [`of`](Kind::of), without a format.
    pub(super) fn of_plain(cell: &[u8], decimal: u8) -> Kind {
        match cell.first() {
            None => Kind::Text,
            Some(b't' | b'T' | b'f' | b'F') if parse_boolean(cell).is_some() => Kind::Boolean,
            Some(b'0'..=b'9' | b'+' | b'-' | b'i' | b'I' | b'n' | b'N') => Kind::of_number(cell, decimal),
            Some(&first) if first == decimal => Kind::of_number(cell, decimal),
            _ => Kind::Text,
        }
    }

    fn of_number(cell: &[u8], decimal: u8) -> Kind {
        if let Some(number) = parse_integer(cell) {
            match () {
                () if is_padded(cell) => Kind::Text,
                () if number == 0 && cell[0] == b'-' => Kind::Real,
                () if number.unsigned_abs() > 1 << 53 => Kind::BigInteger,
                () => Kind::Integer,
            }
        } else if parse_real_by(cell, decimal).is_some() {
            Kind::Real
        } else if calendar::parse_date(cell).is_some() {
            Kind::Date
        } else if calendar::parse_date_time(cell).is_some() {
            Kind::DateTime
        } else {
            Kind::Text
        }
    }
}

/// Cells that mean "missing", with a quick way to see that one does not.
#[derive(Clone, Debug)]
pub(super) struct NullTokens {
    tokens: Vec<Vec<u8>>,
    first: [bool; 256],
    longest: usize,
    empty: bool,
    digits: bool,
}

impl NullTokens {
    pub(super) fn new(tokens: &[String]) -> Self {
        let mut first = [false; 256];
        for token in tokens {
            if let Some(&byte) = token.as_bytes().first() {
                first[usize::from(byte)] = true;
            }
        }
        NullTokens {
            tokens: tokens.iter().map(|token| token.clone().into_bytes()).collect(),
            first,
            longest: tokens.iter().map(String::len).max().unwrap_or(0),
            empty: tokens.iter().any(String::is_empty),
            digits: tokens.iter().any(|token| token.bytes().any(|byte| byte.is_ascii_digit())),
        }
    }

    /// Whether one of them has digits, so that it may be a number.
    #[inline]
    pub(super) fn have_digits(&self) -> bool {
        self.digits
    }

    #[inline]
    pub(super) fn contains(&self, cell: &[u8]) -> bool {
        match cell.first() {
            None => self.empty,
            Some(&byte) => {
                self.first[usize::from(byte)]
                    && cell.len() <= self.longest
                    && self.tokens.iter().any(|token| token == cell)
            }
        }
    }
}

pub(crate) fn parse_boolean(cell: &[u8]) -> Option<bool> {
    match cell {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

fn split_sign(cell: &[u8]) -> (bool, &[u8]) {
    match cell {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, cell),
    }
}

/// Whether a number has leading zeros: `007` names something, and as a number it would lose its name.
pub(super) fn is_padded(cell: &[u8]) -> bool {
    matches!(split_sign(cell).1, [b'0', b'0'..=b'9', ..])
}

/// An integer, if it fits.
pub(crate) fn parse_integer(cell: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(cell);
    if !(1..=18).contains(&digits.len()) {
        // Too long for certain, or at the edge of the range.
        return if digits.is_empty() { None } else { std::str::from_utf8(cell).ok()?.parse().ok() };
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A number, correctly rounded; infinite where it is beyond the range of `f64` or says so. An integer without
/// exact `f64` is none, for nobody asked to round it.
///
/// A decimal of at most 2^53 times a power of ten up to 10^22 takes one exact division or multiplication
/// (Clinger, "How to read floating point numbers accurately", 1990); the rest is left to the standard library.
pub(crate) fn parse_real(cell: &[u8]) -> Option<f64> {
    let (negative, digits) = split_sign(cell);
    let (mut mantissa, mut n_digits, mut point) = (0_u64, 0_usize, None);
    for (at, &byte) in digits.iter().enumerate() {
        match byte.wrapping_sub(b'0') {
            digit @ 0..=9 => {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
                n_digits += 1;
            }
            _ if byte == b'.' && point.is_none() => point = Some(at),
            _ => return parse_slowly(cell),
        }
    }
    let n_decimals = point.map_or(0, |at| digits.len() - at - 1);
    if n_digits == 0 || n_digits > 19 || n_decimals > 22 || mantissa > 1 << 53 {
        return parse_slowly(cell);
    }
    let value = mantissa as f64 / POWERS[n_decimals];
    Some(if negative { -value } else { value })
}

/// As [`parse_real`], with another mark than the point before the decimals; a number with a point is then none.
pub(super) fn parse_real_by(cell: &[u8], decimal: u8) -> Option<f64> {
    if decimal == b'.' {
        return parse_real(cell);
    }
    if cell.contains(&b'.') {
        return None;
    }
    let Some(at) = cell.iter().position(|&byte| byte == decimal) else { return parse_real(cell) };
    // A second mark stays what it is, and no number.
    match cell.len() {
        ..=32 => {
            let mut short = [0; 32];
            let short = &mut short[..cell.len()];
            short.copy_from_slice(cell);
            short[at] = b'.';
            parse_real(short)
        }
        _ => {
            let mut long = cell.to_vec();
            long[at] = b'.';
            parse_real(&long)
        }
    }
}

/// The number of a cell of one to seven digits, a point and one to eight digits, perhaps with a minus before them. `bytes` start with the cell, of `length` bytes, and go on after it. Nothing for any other cell, which may be a
/// number all the same.
#[inline]
pub(super) fn short_real(bytes: &[u8], length: usize) -> Option<f64> {
    let negative = bytes.first() == Some(&b'-');
    let sign = usize::from(negative);
    let whole = word(bytes, sign)?;
    // The place of the point among the first eight bytes: the first byte that becomes zero.
    let other = whole ^ 0x2e2e_2e2e_2e2e_2e2e;
    let zero = other.wrapping_sub(0x0101_0101_0101_0101) & !other & 0x8080_8080_8080_8080;
    let point = zero.trailing_zeros() as usize / 8;
    let n_decimals = length.wrapping_sub(sign + point + 1);
    if point.wrapping_sub(1) >= 7 || n_decimals.wrapping_sub(1) >= 8 {
        return None;
    }
    let mantissa = if point + n_decimals < 8 {
        // All of it is in the word: without the point its digits are those of one number.
        let before = (1_u64 << (8 * point)) - 1;
        digits((whole & before) | (whole >> 8 & !before), point + n_decimals)?
    } else {
        let decimals = word(bytes, sign + point + 1)?;
        digits(whole, point)? * WHOLE_POWERS[n_decimals] + digits(decimals, n_decimals)?
    };
    // At most 15 digits: below 2^53, so one division rounds correctly, as in `parse_real`. Numbers with a sign become real ones
    // in one instruction. The sign is as likely as not, so no branch may hang on it.
    let value = mantissa as i64 as f64 / POWERS[n_decimals];
    Some(f64::from_bits(value.to_bits() ^ u64::from(negative) << 63))
}

const WHOLE_POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The integer of a cell of up to eight digits, perhaps with a minus before them, without zeros in front; `-0` is none. See
/// [`short_real`].
#[inline]
pub(super) fn short_integer(bytes: &[u8], length: usize) -> Option<i64> {
    let negative = bytes.first() == Some(&b'-');
    let sign = usize::from(negative);
    let n = length.wrapping_sub(sign);
    if n.wrapping_sub(1) >= 8 || (length > 1 && bytes.get(sign) == Some(&b'0')) {
        return None;
    }
    let number = digits(word(bytes, sign)?, n)? as i64;
    let minus = -i64::from(negative);
    Some((number ^ minus) - minus)
}

/// Eight bytes, the first of which is the lowest.
#[inline(always)]
fn word(bytes: &[u8], start: usize) -> Option<u64> {
    bytes.get(start..).and_then(<[u8]>::first_chunk).map(|word| u64::from_le_bytes(*word))
}

/// The number that the first `n` bytes of a word write, 1 to 8 of them, if they are digits: pairs, fours and the whole are
/// put together side by side.
#[inline(always)]
fn digits(word: u64, n: usize) -> Option<u64> {
    // The digits move to the end, with zeros before them.
    let word = (word ^ 0x3030_3030_3030_3030) << (64 - 8 * n);
    if (word | word.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (word * 10 + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cold]
fn parse_slowly(cell: &[u8]) -> Option<f64> {
    let (_, digits) = split_sign(cell);
    if digits.iter().all(u8::is_ascii_digit) {
        return parse_integer(cell)
            .filter(|&number| crate::column::is_exact(number))
            .map(|number| number as f64);
    }
    std::str::from_utf8(cell).ok()?.parse().ok()
}

/// Whether an infinite number was written in digits.
pub(super) fn is_overflow(cell: &[u8], number: f64) -> bool {
    number.is_infinite() && cell.iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_are_rounded_as_the_standard_library_rounds() {
        let mut state = 1_u64;
        let mut next = || {
            // Steele and Vigna's splitmix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
        };
        for _ in 0..200_000 {
            let (whole, part) = (next() >> (next() % 60), next() >> (next() % 60));
            let exponent = (next() % 700) as i64 - 350;
            for text in [format!("{whole}.{part}"), format!("-{whole}.{part}e{exponent}"), format!(".{part}")]
            {
                let expected: f64 = text.parse().unwrap();
                assert_eq!(parse_real(text.as_bytes()).map(f64::to_bits), Some(expected.to_bits()), "{text}");
                let followed = format!("{text},7.25,12345678");
                if let Some(quick) = short_real(followed.as_bytes(), text.len()) {
                    assert_eq!(quick.to_bits(), expected.to_bits(), "{text}");
                }
            }
        }
    }

    #[test]
    fn short_numbers_are_those_of_digits() {
        let real = |text: &str| short_real(format!("{text},7.25,12345678").as_bytes(), text.len());
        for text in ["0.5", "-0.0", "1.593867", "-2897.140662", "1234567.12345678", "00.5", "-9.9"] {
            assert_eq!(real(text).map(f64::to_bits), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "5",
            "5.",
            ".5",
            "+1.5",
            "1.5e3",
            "1.2.3",
            "1:2.5",
            "1/2.5",
            "-/.5",
            "1.2é",
            "12345678.5",
            "1. 5",
        ] {
            assert_eq!(real(text), None, "{text}");
        }
        let integer = |text: &str| short_integer(format!("{text},7.25,12345678").as_bytes(), text.len());
        for text in ["0", "7", "12", "12345678", "99999999", "-1", "-12345678"] {
            assert_eq!(integer(text), text.parse().ok(), "{text}");
        }
        for text in ["", "-", "-0", "-07", "--1", "+3", "00", "07", "1 ", "123456789", "1/", "1:", "é"] {
            assert_eq!(integer(text), None, "{text}");
        }
        // Every byte that is no digit, in every place; a minus may come first.
        for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
            for place in usize::from(byte == b'-')..8 {
                let mut bytes = *b"12345678,12345678";
                bytes[place] = byte;
                assert_eq!(short_integer(&bytes, 8), None, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn kinds() {
        for (cell, kind) in [
            ("1", Kind::Integer),
            ("+3", Kind::Integer),
            ("-0", Kind::Real),
            ("007", Kind::Text),
            ("00.5", Kind::Real),
            ("9007199254740992", Kind::Integer),
            ("9007199254740993", Kind::BigInteger),
            ("-9223372036854775808", Kind::BigInteger),
            ("9223372036854775808", Kind::Text),
            ("1e308", Kind::Real),
            ("inf", Kind::Real),
            ("0x10", Kind::Text),
            ("1_000", Kind::Text),
            ("5.", Kind::Real),
            (".", Kind::Text),
            ("-", Kind::Text),
            ("1,5", Kind::Text),
            ("1e", Kind::Text),
            ("True", Kind::Boolean),
            ("t", Kind::Text),
            ("2024-02-29", Kind::Date),
            ("2024-02-30", Kind::Text),
            ("2024-02-29T12:00Z", Kind::DateTime),
        ] {
            assert_eq!(Kind::of(cell.as_bytes(), b'.', None), kind, "{cell}");
        }
    }

    #[test]
    fn a_decimal_comma_stands_for_the_point() {
        for text in [
            "1.5",
            ".5",
            "5.",
            "-0.0",
            "+3.25e-7",
            "12345678901234567890123456789012345678.5",
            "1e5",
            "7",
            "inf",
        ] {
            let cell = text.replace('.', ",");
            let expected = text.parse::<f64>().unwrap().to_bits();
            assert_eq!(parse_real_by(cell.as_bytes(), b',').map(f64::to_bits), Some(expected), "{cell}");
        }
        for cell in ["1.5", "1,5,", "1.000,5", "1,000.5", ",", "1,5e1,5", ""] {
            assert_eq!(parse_real_by(cell.as_bytes(), b','), None, "{cell}");
            assert_eq!(Kind::of(cell.as_bytes(), b',', None), Kind::Text, "{cell}");
        }
        assert_eq!(Kind::of(b",5", b',', None), Kind::Real);
        assert_eq!(Kind::of(b"00,5", b',', None), Kind::Real);
        assert_eq!(Kind::of(b"12", b',', None), Kind::Integer);
    }
}
