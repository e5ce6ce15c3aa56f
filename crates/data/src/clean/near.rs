//! Texts that are nearly the same.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{Error, Param, Result};

use super::fix::alike;
use crate::spelling::key;
use crate::{Column, ColumnType, Table};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Two texts that are nearly the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NearTexts {
    /// The row of the first.
    pub first: usize,
    /// The row of the second, which is later.
    pub second: usize,
    /// The share of the pieces of five letters that both have (Jaccard, 1901), from 0 to 1.
    pub similarity: f64,
}

const SIMILARITY: Param =
    Param::real("similarity", "how much of two texts is the same").above(0.0).at_most(1.0);
/// Letters of a piece.
const PIECE: usize = 5;
/// Hashes of a signature, in bands of `ROWS` of them.
const BANDS: usize = 32;
const ROWS: usize = 4;
/// With how many of a bucket a text is compared.
const MOST_COMPARED: usize = 20;

/// Pairs of texts of which at least a share of `similarity` is the same, when case, punctuation and white space do not
/// count; in the order of their rows.
///
/// Candidates are found by MinHash in bands (Broder, 1997), so time grows with the number of texts and of pairs that
/// are alike and not with the square of texts; what is given is counted exactly. Of pairs at 0.8 hardly one is
/// missed, of pairs at 0.5 one in eight. Texts that are the same up to case and so on are
/// compared once: each with the first of its kind.
///
/// ```
/// use perennial_data::clean::near_duplicate_texts;
///
/// let texts = [
///     "The quick brown fox jumps over the lazy dog near the river bank",
///     "A note on something else entirely",
///     "the quick brown fox jumps over the lazy dog, near the river banks",
/// ];
/// let pairs = near_duplicate_texts(texts.map(Some), 0.8)?;
/// assert_eq!((pairs.len(), pairs[0].first, pairs[0].second), (1, 0, 2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When `similarity` is out of range.
pub fn near_duplicate_texts<'a>(
    texts: impl IntoIterator<Item = Option<&'a str>>,
    similarity: f64,
) -> Result<Vec<NearTexts>> {
    SIMILARITY.check(similarity)?;
    let texts: Vec<Option<&str>> = texts.into_iter().collect();
    let keys: Vec<String> = texts.par_iter().map(|text| text.map(key).unwrap_or_default()).collect();
    let mut pairs = Vec::new();
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut different = Vec::new();
    for (row, key) in keys.iter().enumerate().filter(|(_, key)| !key.is_empty()) {
        match first_of.get(key.as_str()) {
            Some(&first) => pairs.push(NearTexts { first, second: row, similarity: 1.0 }),
            None => {
                first_of.insert(key, row);
                different.push(row);
            }
        }
    }
    let pieces: Vec<BTreeSet<u64>> = different.par_iter().map(|&row| pieces(&keys[row])).collect();
    let signatures: Vec<[u64; BANDS]> = pieces.par_iter().map(signature).collect();
    let mut candidates: BTreeSet<(usize, usize)> = BTreeSet::new();
    for band in 0..BANDS {
        let mut buckets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (place, signature) in signatures.iter().enumerate() {
            let bucket = buckets.entry(signature[band]).or_default();
            // Only with the last of many: their number must not grow with the square of those that are alike.
            let before = &bucket[bucket.len().saturating_sub(MOST_COMPARED)..];
            candidates.extend(before.iter().map(|&before| (before, place)));
            bucket.push(place);
        }
    }
    let candidates: Vec<(usize, usize)> = candidates.into_iter().collect();
    let found: Vec<NearTexts> = candidates
        .into_par_iter()
        .filter_map(|(a, b)| {
            let shared = pieces[a].intersection(&pieces[b]).count();
            let all = pieces[a].len() + pieces[b].len() - shared;
            let share = shared as f64 / all as f64;
            (share >= similarity).then_some(NearTexts {
                first: different[a],
                second: different[b],
                similarity: share,
            })
        })
        .collect();
    pairs.extend(found);
    pairs.sort_by_key(|pair| (pair.first, pair.second));
    Ok(pairs)
}

/// Which rows are not nearly the same as an earlier one: in the texts of one column, or in all texts and categories together where all other cells are the
/// same. Texts with fewer letters than `least` are like no other.
pub(super) fn near_rows(
    table: &Table,
    column: Option<&str>,
    similarity: f64,
    least: usize,
) -> Result<Vec<bool>> {
    let is_text = |column: &Column| matches!(column.column_type(), ColumnType::Text | ColumnType::Category);
    let (texts, others): (Vec<&str>, Vec<&str>) = match column {
        Some(name) => {
            let column = table.column(name)?;
            if !is_text(column) {
                return Err(Error::unsupported(format!(
                    "column `{name}` is of type {}; texts or categories are needed",
                    column.column_type()
                )));
            }
            (vec![name], Vec::new())
        }
        None => table.names().partition(|name| table.column(name).is_ok_and(is_text)),
    };
    let cells = texts.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let whole = |row: usize| {
        let cells: Vec<_> = cells.iter().filter_map(|cells| cells.cell(row)).collect();
        let text = cells.join(" | ");
        (!cells.is_empty() && text.chars().count() >= least).then_some(text)
    };
    let joined: Vec<Option<String>> = (0..table.n_rows()).map(whole).collect();
    let numbers = match others.is_empty() {
        true => vec![0; table.n_rows()],
        false => alike(&table.select(&others)?, false)?.numbers,
    };
    // A text is not like one of another column, though it stands alone as that does.
    let mut groups: BTreeMap<(u32, Vec<bool>), Vec<usize>> = BTreeMap::new();
    for (row, number) in numbers.into_iter().enumerate() {
        let missing = cells.iter().map(|cells| cells.is_null(row)).collect();
        groups.entry((number, missing)).or_default().push(row);
    }
    let mut keep = vec![true; table.n_rows()];
    SIMILARITY.check(similarity)?;
    for rows in groups.values().filter(|rows| rows.len() > 1) {
        let texts = rows.iter().map(|&row| joined[row].as_deref());
        for pair in near_duplicate_texts(texts, similarity)? {
            keep[rows[pair.second]] = false;
        }
    }
    Ok(keep)
}

/// The hashes of all pieces of five letters; of a shorter text the text itself.
fn pieces(text: &str) -> BTreeSet<u64> {
    let letters: Vec<char> = text.chars().collect();
    let hash =
        |piece: &[char]| piece.iter().fold(0, |hash, letter| mix(hash ^ u64::from(u32::from(*letter))));
    match letters.len() {
        0..PIECE => [hash(&letters)].into(),
        _ => letters.windows(PIECE).map(hash).collect(),
    }
}

/// For each band the least hashes under `ROWS` orders of all hashes, as one number.
fn signature(pieces: &BTreeSet<u64>) -> [u64; BANDS] {
    let least = |order: u64| pieces.iter().map(|piece| mix(piece ^ mix(order))).min().unwrap_or(0);
    std::array::from_fn(|band| {
        (0..ROWS).fold(band as u64, |hash, row| mix(hash ^ least((band * ROWS + row) as u64 + 1)))
    })
}

/// Steele, Lea and Flood, 2014.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
