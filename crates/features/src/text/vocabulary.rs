//! Counting the terms of many texts.

use std::collections::BTreeMap;
use std::ops::Range;

use perennial_core::{Context, Error, Result};
use perennial_data::Column;
use perennial_numeric::reduce;

use super::analysis::{Analysis, Memory};

/// Texts of one task.
const CHUNK: usize = 512;
/// The most terms that are told apart while they are counted: their texts alone take gigabytes.
const MOST_TERMS: usize = 100_000_000;

/// The terms of some texts, in the order in which they came, and how often each text has them.
pub(super) struct Counted {
    pub(super) terms: Vec<Box<str>>,
    /// The terms of each text, ascending, and how often each is there.
    rows: Vec<Vec<(u32, u32)>>,
}

/// The terms of all texts in order, and of each text the places of its terms.
pub(super) struct Corpus {
    pub(super) terms: Vec<Box<str>>,
    pub(super) rows: Vec<Vec<(u32, u32)>>,
}

/// Counts the terms of each text of a column; a missing text has none.
fn count(analysis: &Analysis, texts: &[Option<&str>], rows: Range<usize>) -> Counted {
    let mut known: BTreeMap<Box<str>, u32> = BTreeMap::new();
    let mut memory = Memory::default();
    let mut found: Vec<u32> = Vec::new();
    let rows = texts[rows].iter().map(|text| {
        found.clear();
        analysis.terms(text.unwrap_or_default(), &mut memory, |term| {
            let next = known.len() as u32;
            found.push(match known.get(term) {
                Some(&number) => number,
                None => *known.entry(term.into()).or_insert(next),
            });
        });
        found.sort_unstable();
        found.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
    });
    let rows = rows.collect();
    let mut terms: Vec<Box<str>> = vec![Box::default(); known.len()];
    known.into_iter().for_each(|(term, number)| terms[number as usize] = term);
    Counted { terms, rows }
}

/// The cells of a column as texts.
pub(super) fn texts<'a>(name: &str, column: &'a Column) -> Result<Vec<Option<&'a str>>> {
    match column.as_text() {
        Ok(texts) => Ok(texts.collect()),
        Err(error) => Err(error.context(format!("column `{name}`"))),
    }
}

/// Counts in parallel, and gives what `place` makes of each part, in order.
pub(super) fn in_parts<T: Send>(
    analysis: &Analysis,
    texts: &[Option<&str>],
    ctx: &Context,
    place: impl Fn(Counted) -> T + Sync,
) -> Result<Vec<T>> {
    reduce::try_map_each(texts.len().div_ceil(CHUNK), |part| {
        ctx.check()?;
        Ok(place(count(analysis, texts, part * CHUNK..texts.len().min((part + 1) * CHUNK))))
    })
}

impl Counted {
    /// The terms of each text by the places that `place` gives them; terms without one are left out.
    pub(super) fn placed(self, place: impl Fn(&str) -> Option<u32>) -> Vec<Vec<(u32, u32)>> {
        let places: Vec<Option<u32>> = self.terms.iter().map(|term| place(term)).collect();
        let row = |row: Vec<(u32, u32)>| {
            let known = row.into_iter().filter_map(|(term, count)| Some((places[term as usize]?, count)));
            let mut row: Vec<(u32, u32)> = known.collect();
            row.sort_unstable();
            row
        };
        self.rows.into_iter().map(row).collect()
    }
}

/// All terms of all texts.
pub(super) fn corpus(analysis: &Analysis, texts: &[Option<&str>], ctx: &Context) -> Result<Corpus> {
    let parts = in_parts(analysis, texts, ctx, |counted| counted)?;
    let mut terms: Vec<Box<str>> = Vec::new();
    for part in &parts {
        ctx.check()?;
        terms.extend(part.terms.iter().cloned());
        // Many parts have the same terms: those are dropped before they are many.
        if terms.len() > MOST_TERMS {
            terms.sort_unstable();
            terms.dedup();
            if terms.len() > MOST_TERMS {
                return Err(Error::too_large(format!(
                    "the texts have more than {MOST_TERMS} terms; take shorter ones, fewer lengths, or a sample of the texts"
                )));
            }
        }
    }
    terms.sort_unstable();
    terms.dedup();
    let place =
        |term: &str| terms.binary_search_by(|known| (**known).cmp(term)).ok().map(|place| place as u32);
    let rows = parts.into_iter().flat_map(|part| part.placed(place)).collect();
    Ok(Corpus { terms, rows })
}
