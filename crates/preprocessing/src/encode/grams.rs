//! Texts as the sets of their short parts.

use perennial_core::{Error, Result};

/// How long a part may be.
const LONGEST: usize = 16;

/// From how many to how many characters a part has.
///
/// # Errors
/// When they are not 1 to 16, the first no larger than the last.
pub(super) fn check((shortest, longest): (usize, usize)) -> Result<()> {
    match 1 <= shortest && shortest <= longest && longest <= LONGEST {
        true => Ok(()),
        false => Err(Error::invalid_param(
            "ngrams",
            (shortest, longest),
            format!("two lengths from 1 to {LONGEST}, the first no larger than the second"),
        )),
    }
}

/// The distinct parts of so many characters, in sorted order; of a shorter text it is the text.
pub(super) fn grams(text: &str, lengths: (usize, usize)) -> Vec<&str> {
    let mut grams = all_grams(text, lengths);
    grams.dedup();
    grams
}

/// As [`grams`], with how often each part stands in the text.
pub(super) fn counted_grams(text: &str, lengths: (usize, usize)) -> Vec<(&str, f64)> {
    let mut counted: Vec<(&str, f64)> = Vec::new();
    for gram in all_grams(text, lengths) {
        match counted.last_mut() {
            Some((last, n)) if *last == gram => *n += 1.0,
            _ => counted.push((gram, 1.0)),
        }
    }
    counted
}

/// The parts as often as they stand in the text, in sorted order.
fn all_grams(text: &str, (shortest, longest): (usize, usize)) -> Vec<&str> {
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    starts.push(text.len());
    let n = starts.len() - 1;
    let mut grams = Vec::new();
    for length in shortest..=longest.min(n) {
        grams.extend((0..=n - length).map(|at| &text[starts[at]..starts[at + length]]));
    }
    if grams.is_empty() && n > 0 {
        grams.push(text);
    }
    grams.sort_unstable();
    grams
}

/// The parts that two have in common, of all parts of either (Jaccard, 1901); two without parts are the same.
pub(super) fn jaccard(one: &[&str], other: &[&str]) -> f64 {
    let common = one.iter().filter(|gram| other.binary_search(gram).is_ok()).count();
    let all = one.len() + other.len() - common;
    if all == 0 { 1.0 } else { common as f64 / all as f64 }
}
