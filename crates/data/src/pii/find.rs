//! Finding personal data by what cells look like and what columns are called.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use rayon::prelude::*;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::column::Data;
use crate::{Column, Table, calendar};

/// A kind of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PiiKind {
    /// An e-mail address.
    Email,
    /// An IBAN whose check digits are right (ISO 13616).
    Iban,
    /// The number of a payment card whose check digit is right (ISO 7812, H. P. Luhn).
    Card,
    /// A number that a state gives a person: of the United States (SSN), Switzerland (AHV), the United Kingdom (NINO), Spain
    /// (DNI), France (NIR) and Italy (codice fiscale), with the check digits that there are.
    NationalId,
    /// An address of the Internet Protocol, version 4 or 6.
    Ip,
    /// A telephone number that starts with `+`, `0` or `(`, or is written `555-123-4567`.
    Phone,
    /// The name of a person, by the name of the column alone.
    Name,
    /// A postal address, by the name of the column alone.
    Address,
    /// A date of birth, by the name of the column alone.
    Birth,
}

impl fmt::Display for PiiKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PiiKind::Email => "email",
            PiiKind::Iban => "iban",
            PiiKind::Card => "card",
            PiiKind::NationalId => "national_id",
            PiiKind::Ip => "ip",
            PiiKind::Phone => "phone",
            PiiKind::Name => "name",
            PiiKind::Address => "address",
            PiiKind::Birth => "birth",
        })
    }
}

/// Personal data of one kind in one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PiiFinding {
    /// The column.
    pub column: String,
    /// The kind.
    pub kind: PiiKind,
    /// How many cells have such data; 0 where only the name of the column says so.
    pub n_cells: usize,
    /// The first of their rows.
    pub first_row: Option<usize>,
    /// Whether the name of the column says so.
    pub by_name: bool,
}

/// Looks for personal data in texts, categories and whole numbers, and in the names of columns.
///
/// It is a sieve, not a proof: names in running text, for instance, are not found, and a number may look like a card and be none.
/// Among whole numbers only cards are looked for, and told where half of the cells are such.
///
/// ```
/// use perennial_data::{PiiKind, Table, find_pii};
///
/// let table = Table::builder()
///     .text("note", ["call +41 44 668 18 00", "paid with 4111 1111 1111 1111", "ok"])
///     .text("first_name", ["Ada", "Grace", "Edsger"])
///     .build()?;
/// let found: Vec<_> = find_pii(&table).into_iter().map(|found| (found.column, found.kind)).collect();
/// assert_eq!(
///     found,
///     [("note".into(), PiiKind::Card), ("note".into(), PiiKind::Phone), ("first_name".into(), PiiKind::Name)]
/// );
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn find_pii(table: &Table) -> Vec<PiiFinding> {
    table.columns().flat_map(|(name, column)| of_column(name, column)).collect()
}

fn of_column(name: &str, column: &Column) -> Vec<PiiFinding> {
    let mut found: BTreeMap<PiiKind, (usize, usize)> = BTreeMap::new();
    let mut count = |kinds: &[PiiKind], row: usize| {
        for kind in kinds {
            found.entry(*kind).or_insert((0, row)).0 += 1;
        }
    };
    match &column.0 {
        Data::Text(array) => {
            let kinds: Vec<Vec<PiiKind>> = (0..column.n_rows())
                .into_par_iter()
                .map(|row| if column.is_null(row) { Vec::new() } else { kinds(array.value(row)) })
                .collect();
            kinds.iter().enumerate().for_each(|(row, kinds)| count(kinds, row));
        }
        Data::Category(category) => {
            let levels: Vec<&str> = category.levels().collect();
            let of_level: Vec<Vec<PiiKind>> = levels.par_iter().map(|level| kinds(level)).collect();
            for (row, code) in category.codes().enumerate() {
                code.into_iter().for_each(|code| count(&of_level[code as usize], row));
            }
        }
        Data::Integer(array) => {
            let is_card = |cell: i64| is_card(&cell.to_string());
            let rows: Vec<usize> = array
                .iter()
                .enumerate()
                .filter(|(_, cell)| cell.is_some_and(is_card))
                .map(|(row, _)| row)
                .collect();
            if 2 * rows.len() >= column.n_rows() - column.null_count() {
                rows.into_iter().for_each(|row| count(&[PiiKind::Card], row));
            }
        }
        _ => {}
    }
    let named = kind_of_name(name);
    if let Some(kind) = named {
        found.entry(kind).or_insert((0, 0));
    }
    let finding = |(kind, (n_cells, first_row))| PiiFinding {
        column: name.to_owned(),
        kind,
        n_cells,
        first_row: (n_cells > 0).then_some(first_row),
        by_name: named == Some(kind),
    };
    found.into_iter().map(finding).collect()
}

fn kinds(text: &str) -> Vec<PiiKind> {
    let mut kinds: Vec<PiiKind> = spans(text).into_iter().map(|(_, kind)| kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// A pattern that is known to be one; a test makes all of them.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// How many characters of some kinds a text has: enough to pass over most patterns, which cost a hundred times more.
#[derive(Default)]
struct Counts {
    bytes: usize,
    digits: usize,
    capitals: usize,
    points: usize,
    colons: usize,
    has_at: bool,
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Counts { bytes: text.len(), ..Counts::default() };
        for byte in text.bytes() {
            counts.digits += usize::from(byte.is_ascii_digit());
            counts.capitals += usize::from(byte.is_ascii_uppercase());
            counts.points += usize::from(byte == b'.');
            counts.colons += usize::from(byte == b':');
            counts.has_at |= byte == b'@';
        }
        counts
    }
}

/// Kinds, what a text must have at least to have one, what they look like, and whether what looks like it is one.
type Detector = (PiiKind, fn(&Counts) -> bool, Option<Regex>, fn(&str) -> bool);

/// What is certain stands first: a later detector does not look at what an earlier one has found.
static DETECTORS: LazyLock<Vec<Detector>> = LazyLock::new(|| {
    vec![
        (
            PiiKind::Email,
            |has| has.has_at,
            // Letters and digits of any script, with their marks (RFC 6531); a domain may also be in Punycode.
            pattern(concat!(
                r"[\p{L}\p{M}\p{N}._%+-]+@[\p{L}\p{M}\p{N}-]+(?:\.[\p{L}\p{M}\p{N}-]+)*",
                r"\.(?:(?i:xn)--[A-Za-z0-9-]+|[\p{L}\p{M}]{2,})"
            )),
            |_| true,
        ),
        (
            PiiKind::Iban,
            |has| has.digits >= 2 && has.bytes >= 15,
            pattern(r"(?i)\b[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b"),
            is_iban,
        ),
        (PiiKind::NationalId, |has| has.digits >= 9, pattern(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"), is_ssn),
        (
            PiiKind::NationalId,
            |has| has.digits >= 13,
            pattern(r"\b756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}\b"),
            is_ahv,
        ),
        (
            PiiKind::NationalId,
            |has| has.digits >= 8 && has.capitals >= 1,
            pattern(r"\b[0-9]{8}-?[A-Z]\b"),
            is_dni,
        ),
        (
            PiiKind::NationalId,
            |has| has.digits >= 15,
            pattern(r"\b[12] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b"),
            is_nir,
        ),
        (
            PiiKind::NationalId,
            |has| has.digits >= 6 && has.capitals >= 3,
            pattern(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"),
            |text| !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&&text[..2]),
        ),
        (
            PiiKind::NationalId,
            |has| has.digits >= 7 && has.capitals >= 9,
            pattern(r"\b[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]\b"),
            |_| true,
        ),
        (PiiKind::Card, |has| has.digits >= 13, pattern(r"\b[2-6](?:[ -]?[0-9]){12,18}\b"), is_card),
        (
            PiiKind::Ip,
            |has| has.digits >= 4 && has.points >= 3,
            pattern(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b"),
            |text| text.parse::<Ipv4Addr>().is_ok(),
        ),
        (PiiKind::Ip, |has| has.colons >= 2, pattern(r"(?i)[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*"), is_ipv6),
        (
            PiiKind::Phone,
            |has| has.digits >= 7,
            pattern(r"(?:\+|\b0|\()[0-9](?:[ ()./-]{0,2}[0-9]){6,14}\b"),
            is_phone,
        ),
        (
            PiiKind::Phone,
            |has| has.digits >= 10,
            pattern(r"\b[2-9][0-9]{2}[-. ][0-9]{3}[-. ][0-9]{4}\b"),
            |_| true,
        ),
    ]
});

/// Where personal data stand in a text, one after the other.
pub(super) fn spans(text: &str) -> Vec<(Range<usize>, PiiKind)> {
    let mut found: Vec<(Range<usize>, PiiKind)> = Vec::new();
    let counts = Counts::of(text);
    // Most texts have none of what all of these have.
    if counts.digits < 4 && !counts.has_at && !text.contains("::") {
        return found;
    }
    for (kind, _, pattern, is_one) in DETECTORS.iter().filter(|(_, may_be, ..)| may_be(&counts)) {
        for part in pattern.iter().flat_map(|pattern| pattern.find_iter(text)) {
            let overlaps =
                |(known, _): &(Range<usize>, PiiKind)| part.start() < known.end && known.start < part.end();
            // A part of a longer word is none.
            let joins = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
            let word =
                joins(text[..part.start()].chars().next_back()) || joins(text[part.end()..].chars().next());
            if !word && is_one(part.as_str()) && !found.iter().any(overlaps) {
                found.push((part.range(), *kind));
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|char| char.to_digit(10)).collect()
}

fn is_card(text: &str) -> bool {
    let digits = digits(text);
    let doubled = |(place, digit): (usize, &u32)| match place % 2 {
        0 => *digit,
        _ => 2 * digit - if *digit > 4 { 9 } else { 0 },
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    (13..=19).contains(&digits.len()) && matches!(digits[0], 2..=6) && sum.is_multiple_of(10) && varied
}

fn is_iban(text: &str) -> bool {
    let chars: Vec<char> = text.chars().filter(|char| *char != ' ').collect();
    // The first four characters go to the end, and letters count from 10.
    let rest = chars.iter().cycle().skip(4).take(chars.len()).try_fold(0, |rest, char| {
        let value = char.to_digit(36)?;
        Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
    });
    (15..=34).contains(&chars.len()) && rest == Some(1)
}

fn is_ssn(text: &str) -> bool {
    let (area, group, serial) = (&text[..3], &text[4..6], &text[7..]);
    area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000"
}

fn is_ahv(text: &str) -> bool {
    let sum: u32 = digits(text)
        .iter()
        .enumerate()
        .map(|(place, digit)| digit * if place % 2 == 1 { 3 } else { 1 })
        .sum();
    sum.is_multiple_of(10)
}

fn is_dni(text: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let number: usize = text[..8].parse().unwrap_or(0);
    text.as_bytes().last() == Some(&LETTERS[number % 23])
}

fn is_nir(text: &str) -> bool {
    let digits: Vec<u64> = digits(text).into_iter().map(u64::from).collect();
    let number = |digits: &[u64]| digits.iter().fold(0, |number, digit| 10 * number + digit);
    digits.len() == 15 && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

fn is_ipv6(text: &str) -> bool {
    // `::` alone is in every program's text.
    text.len() > 3 && text.parse::<Ipv6Addr>().is_ok()
}

fn is_phone(text: &str) -> bool {
    let number = digits(text).len();
    (8..=15).contains(&number) && calendar::parse_date(text.as_bytes()).is_none() && !text.contains("..")
}

/// What the name of a column says its cells are.
fn kind_of_name(name: &str) -> Option<PiiKind> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for char in name.chars() {
        let new = !char.is_alphanumeric() || (char.is_uppercase() && before.is_lowercase());
        if new {
            words.push(String::new());
        }
        if let (true, Some(word)) = (char.is_alphanumeric(), words.last_mut()) {
            word.extend(char.to_lowercase());
        }
        before = char;
    }
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let both = |first: &[&str], second: &[&str]| has(first) && has(second);
    match () {
        () if has(&["email", "mail", "emails"]) => Some(PiiKind::Email),
        () if has(&["iban"]) => Some(PiiKind::Iban),
        () if both(&["credit", "debit", "payment"], &["card"])
            || both(&["card", "pan"], &["number", "no", "nr"]) =>
        {
            Some(PiiKind::Card)
        }
        () if has(&["ssn", "passport", "nino", "dni", "ahv", "nir"])
            || both(
                &["national", "social", "tax", "personal"],
                &["id", "number", "insurance", "security"],
            ) =>
        {
            Some(PiiKind::NationalId)
        }
        () if has(&["ip", "ipv4", "ipv6"]) => Some(PiiKind::Ip),
        () if has(&["phone", "telephone", "tel", "mobile", "cell", "fax"]) => Some(PiiKind::Phone),
        () if has(&["surname", "firstname", "lastname", "forename", "fullname", "username"])
            || both(
                &["first", "last", "full", "given", "family", "maiden", "user", "customer"],
                &["name"],
            ) =>
        {
            Some(PiiKind::Name)
        }
        () if has(&["address", "street", "postcode", "zipcode", "zip"]) => Some(PiiKind::Address),
        () if has(&["birthdate", "birthday", "dob"]) || both(&["birth"], &["date", "day", "year"]) => {
            Some(PiiKind::Birth)
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_patterns_are_patterns() {
        assert!(DETECTORS.iter().all(|(_, _, pattern, _)| pattern.is_some()));
    }

    /// Numbers are the examples that the standards and offices publish.
    #[test]
    fn what_is_personal_and_what_is_not() {
        use PiiKind as K;
        for (text, kinds) in [
            ("write to Ada.Lovelace+x@mail.example.org.", vec![K::Email]),
            ("GB82 WEST 1234 5698 7654 32", vec![K::Iban]),
            ("DE89370400440532013000", vec![K::Iban]),
            ("DE88370400440532013000", vec![]),
            ("4111-1111-1111-1111", vec![K::Card]),
            ("378282246310005", vec![K::Card]),
            ("4111 1111 1111 1112", vec![]),
            ("0000000000000000", vec![]),
            ("078-05-1120", vec![K::NationalId]),
            ("666-12-3456", vec![]),
            ("756.9217.0769.85", vec![K::NationalId]),
            ("756.9217.0769.84", vec![]),
            ("12345678Z", vec![K::NationalId]),
            ("12345678A", vec![]),
            ("2 55 08 14 168 025 38", vec![K::NationalId]),
            ("QQ 12 34 56 C", vec![]),
            ("AB 12 34 56 C", vec![K::NationalId]),
            ("RSSMRA85T10A562S", vec![K::NationalId]),
            ("from 192.168.0.1 to 999.1.1.1", vec![K::Ip]),
            ("2001:db8::8a2e:370:7334", vec![K::Ip]),
            ("std::vec::Vec at 12:30:45", vec![]),
            ("+41 44 668 18 00", vec![K::Phone]),
            ("(020) 7946 0958", vec![K::Phone]),
            ("call 555-123-4567 now", vec![K::Phone]),
            ("2024-02-29", vec![]),
            ("2024-02-29 12:00:00", vec![]),
            ("order 123456789 of 1250.50", vec![]),
            ("a@b and 5@c.", vec![]),
            ("é@ü", vec![]),
            ("müller@example.de", vec![K::Email]),
            ("ada@müller.de", vec![K::Email]),
            ("mu\u{308}ller@example.de", vec![K::Email]),
            ("联系ada@例子.广告谢谢", vec![K::Email]),
            ("иван٤@почта.рф", vec![K::Email]),
            ("ada@xn--mller-kva.xn--p1ai,", vec![K::Email]),
            ("", vec![]),
        ] {
            assert_eq!(super::kinds(text), kinds, "{text}");
        }
        for (name, kind) in [
            ("customerEmail", Some(K::Email)),
            ("First Name", Some(K::Name)),
            ("date_of_birth", Some(K::Birth)),
            ("credit_card_number", Some(K::Card)),
            ("ip", Some(K::Ip)),
            ("trip", None),
            ("product_name", None),
            ("", None),
        ] {
            assert_eq!(kind_of_name(name), kind, "{name}");
        }
    }
}
