//! Looking for what is not wrong for certain: identifiers, two kinds of cells in one column, impossible values, and rows that nearly repeat others.

use super::fix::quoted;
use super::propose::Search;
use super::text::amount;
use super::{AutoClean, Fix};
use crate::{Column, ColumnType, Scalar, calendar};

/// Fewer rows than this are too few to call a column a key.
const LEAST_ROWS: usize = 20;
/// At least this share of the texts, and so many of them, are numbers, or are none, where a column has two kinds of cells.
const EITHER: f64 = 0.1;
const LEAST_OF_EITHER: usize = 3;
/// Where more of the cells than this are impossible, it is the name that misleads.
const IMPOSSIBLE: f64 = 0.1;
/// Nobody is older.
const OLDEST: i64 = 130;
/// Letters that texts have on average where two that are nearly the same are no accident.
const LONG: usize = 30;
/// How much of two such texts is the same.
const SIMILARITY: f64 = 0.9;
/// In tables with more rows nobody looks for rows that nearly repeat others.
const MOST_ROWS: usize = 100_000;
/// Nor where there are more bytes.
const MOST_BYTES: usize = 1 << 25;

/// Words of names whose numbers are none below zero.
const COUNTED: [&str; 16] = [
    "age", "ages", "area", "count", "counts", "distance", "duration", "length", "price", "prices", "qty",
    "quantity", "rooms", "size", "weight", "width",
];

/// The words of a name such as `customerAge`, `customer_age` or `Customer age`, in small letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && was_small {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            let last = words.len() - 1;
            words[last].extend(letter.to_lowercase());
        }
        was_small = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

impl Search {
    /// Texts of which many are numbers and many are none; what the fewer of the two become is missing.
    pub(super) fn mixed(&mut self, name: &str, levels: &[(String, usize)]) {
        let all: usize = levels.iter().map(|(_, count)| count).sum();
        let of = |decimal: char| -> (usize, char) {
            let read = levels.iter().filter(|(level, _)| amount(level, decimal).is_some());
            (read.map(|(_, count)| count).sum(), decimal)
        };
        let (n_numbers, decimal) = std::cmp::max_by_key(of(','), of('.'), |(count, _)| *count);
        let fewer = n_numbers.min(all - n_numbers);
        if fewer < LEAST_OF_EITHER || (fewer as f64) < EITHER * all as f64 {
            return;
        }
        let some = |is_number: bool| -> Vec<String> {
            let wanted = levels.iter().filter(|(level, _)| amount(level, decimal).is_some() == is_number);
            wanted.map(|(level, _)| level.clone()).collect()
        };
        let (numbers, others) = (some(true), some(false));
        let (gone, fix) = match 2 * n_numbers >= all {
            true => (&others, Fix::ToNumber { column: name.to_owned(), decimal }),
            false => (&numbers, Fix::Missing { column: name.to_owned(), values: numbers.clone() }),
        };
        let because = format!(
            "{n_numbers} of {all} texts are numbers and {} are none: two kinds of cells in one column; {} would be missing, or make two \
             columns of it",
            all - n_numbers,
            quoted(gone)
        );
        self.propose_aside("mixed", name, because, fix);
    }

    /// Columns in which each row has a value of its own that says nothing but which row it is.
    pub(super) fn identifiers(&mut self, names: &[String]) {
        for name in names {
            let Ok(column) = self.table.column(name) else { continue };
            let n_rows = column.n_rows();
            if n_rows < LEAST_ROWS || column.null_count() > 0 || self.n_values(name) != Some(n_rows) {
                continue;
            }
            let because = match column.column_type() {
                ColumnType::Text | ColumnType::Category => {
                    let is_code =
                        |row| column.cell(row).is_some_and(|cell| !cell.contains(char::is_whitespace));
                    (0..n_rows).all(is_code).then_some("each row has a word of its own")
                }
                ColumnType::Integer => {
                    let says_so = words(name).last().is_some_and(|word| word == "id" || word == "key");
                    (says_so || is_sequence(column)).then_some("each row has a number of its own")
                }
                _ => None,
            };
            if let Some(because) = because {
                let because = format!("{because}, as an identifier has: a model would learn rows by heart");
                self.propose_aside("identifier", name, because, Fix::DropColumn { column: name.clone() });
            }
        }
    }

    /// Numbers that the contract, or the name of a column, rules out, and days that have not come.
    pub(super) fn impossible(&mut self, name: &str, asked: &AutoClean) {
        let Ok(column) = self.table.column(name) else { return };
        match column.column_type() {
            ColumnType::Integer | ColumnType::Real => {
                let (low, high, why) = match asked.range_of(name) {
                    Some((low, high)) => (low, high, "the contract rules them out"),
                    None => {
                        let words = words(name);
                        if !words.iter().any(|word| COUNTED.contains(&word.as_str())) {
                            return;
                        }
                        let is_age = words.iter().any(|word| word == "age" || word == "ages");
                        let high = is_age.then_some(Scalar::Integer(OLDEST));
                        (Some(Scalar::Integer(0)), high, "the name says what has no such numbers")
                    }
                };
                let by_name = asked.range_of(name).is_none();
                self.outside("impossible", name, (low, high), why, if by_name { IMPOSSIBLE } else { 1.0 });
            }
            ColumnType::Date | ColumnType::DateTime => {
                let Some(now) = asked.now else { return };
                let mut text = String::new();
                if calendar::write_date_time(&mut text, now).is_err() {
                    return;
                }
                let high = Some(Scalar::Text(text));
                self.outside("future", name, (None, high), "they lie in the future", 1.0);
            }
            _ => {}
        }
    }

    fn outside(
        &mut self,
        kind: &str,
        name: &str,
        (min, max): (Option<Scalar>, Option<Scalar>),
        why: &str,
        most: f64,
    ) {
        let fix = Fix::Outside { column: name.to_owned(), min, max };
        let Ok((_, changed)) = fix.repair(&self.table) else { return };
        let n_there = self.table.column(name).map_or(0, |column| column.n_rows() - column.null_count());
        if changed.count > 0 && changed.count as f64 <= most * n_there as f64 {
            let cells: Vec<String> = changed
                .first
                .iter()
                .filter_map(|&row| Some(self.table.column(name).ok()?.cell(row)?.into_owned()))
                .collect();
            let because = format!("there are {} cells such as {}: {why}", changed.count, quoted(&cells));
            self.propose(kind, name, because, fix);
        }
    }

    /// Long texts, and rows, that are nearly the same as others before them.
    pub(super) fn near(&mut self, names: &[String]) {
        if self.table.n_rows() > MOST_ROWS || self.table.n_bytes() > MOST_BYTES {
            return;
        }
        for name in names {
            let Some(levels) = self.counted(name) else { continue };
            let n_letters: usize = levels.iter().map(|(level, _)| level.chars().count()).sum();
            if n_letters >= LONG * levels.len().max(1) && levels.len() > 1 {
                self.nearly("near", name, Some(name.clone()));
            }
        }
        self.nearly("near", "", None);
    }

    fn nearly(&mut self, kind: &str, of: &str, column: Option<String>) {
        let what = if column.is_some() { "texts" } else { "rows" };
        let fix = Fix::DropNearRows { column, similarity: SIMILARITY, least: LONG };
        let Ok((_, changed)) = fix.repair(&self.table) else { return };
        if changed.count > 0 {
            let because = format!("{what} that are nearly the same as earlier ones: {}", changed.count);
            self.note(kind, of, because, fix, changed);
        }
    }
}

/// Whether whole numbers are those from one to another, in any order; they are all different.
fn is_sequence(column: &Column) -> bool {
    let Ok(cells) = column.as_integer() else { return false };
    let mut ends: Option<(i64, i64)> = None;
    for cell in cells.flatten() {
        let (low, high) = ends.unwrap_or((cell, cell));
        ends = Some((low.min(cell), high.max(cell)));
    }
    ends.is_some_and(|(low, high)| {
        high.checked_sub(low) == i64::try_from(column.n_rows()).ok().map(|n| n - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words() {
        for (name, expected) in [
            ("customerAge", vec!["customer", "age"]),
            ("customer_age", vec!["customer", "age"]),
            ("Customer Age", vec!["customer", "age"]),
            ("AGE", vec!["age"]),
            ("page", vec!["page"]),
            ("orderID", vec!["order", "id"]),
            ("--", vec![]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }
}
