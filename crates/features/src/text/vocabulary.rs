//! Counting the terms of many texts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{Context, Error, Result};
use perennial_data::Column;
use perennial_numeric::reduce;

use super::analysis::{Analysis, Memory};

/// Texts of one task.
const CHUNK: usize = 512;
/// The most bytes of terms that are told apart, those of each task apart from the others, and what each takes besides.
const MOST_BYTES: usize = 1 << 32;
const OF_ONE: usize = 64;
/// Terms between two looks at whether it is to stop.
const STRIDE: usize = 1 << 14;

/// The terms of a text by their numbers, ascending, and how often each is there.
pub(super) type Row = Vec<(u32, u32)>;

/// The terms of some texts, in the order in which they came, and how often each text has them.
struct Counted {
    terms: Vec<Box<str>>,
    rows: Vec<Row>,
}

/// The terms of all texts in order, and of each text the places of its terms.
pub(super) struct Corpus {
    pub(super) terms: Vec<Box<str>>,
    pub(super) rows: Vec<Row>,
}

/// The cells of a column as texts.
pub(super) fn texts<'a>(name: &str, column: &'a Column) -> Result<Vec<Option<&'a str>>> {
    match column.as_text() {
        Ok(texts) => Ok(texts.collect()),
        Err(error) => Err(error.context(format!("column `{name}`"))),
    }
}

/// The texts of a task.
fn rows_of(task: usize, n_texts: usize) -> Range<usize> {
    task * CHUNK..n_texts.min((task + 1) * CHUNK)
}

/// How often each number is there.
fn runs(numbers: &mut [u32]) -> Row {
    numbers.sort_unstable();
    numbers.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32)).collect()
}

fn place(terms: &[Box<str>], term: &str) -> Option<u32> {
    terms.binary_search_by(|known| (**known).cmp(term)).ok().map(|place| place as u32)
}

/// Counts the terms of some texts; a missing text has none. `bytes` are those of all terms so far.
fn count(analysis: &Analysis, texts: &[Option<&str>], bytes: &AtomicUsize, ctx: &Context) -> Result<Counted> {
    let mut known: BTreeMap<Box<str>, u32> = BTreeMap::new();
    let mut memory = Memory::default();
    let mut found: Vec<u32> = Vec::new();
    let mut rows = Vec::with_capacity(texts.len());
    for text in texts {
        ctx.check()?;
        found.clear();
        let (mut stopped, mut n_terms) = (Ok(()), 0_usize);
        analysis.terms(text.unwrap_or_default(), &mut memory, |term| {
            if stopped.is_err() {
                return;
            }
            n_terms += 1;
            if n_terms.is_multiple_of(STRIDE) {
                stopped = ctx.check();
            }
            let next = known.len() as u32;
            found.push(match known.get(term) {
                Some(&number) => number,
                None => {
                    let own = term.len() + OF_ONE;
                    if bytes.fetch_add(own, Ordering::Relaxed) + own > MOST_BYTES {
                        stopped = Err(too_many());
                    }
                    *known.entry(term.into()).or_insert(next)
                }
            });
        });
        stopped?;
        rows.push(runs(&mut found));
    }
    let mut terms: Vec<Box<str>> = vec![Box::default(); known.len()];
    known.into_iter().for_each(|(term, number)| terms[number as usize] = term);
    Ok(Counted { terms, rows })
}

fn too_many() -> Error {
    Error::too_large(
        "the terms of the texts take more than 4 GiB; take shorter ones, fewer lengths, or a sample of the texts",
    )
}

impl Counted {
    /// The rows by the places of their terms among all.
    fn placed(self, all: &[Box<str>]) -> Vec<Row> {
        let places: Vec<Option<u32>> = self.terms.iter().map(|term| place(all, term)).collect();
        let row = |row: Row| {
            let known = row.into_iter().filter_map(|(term, count)| Some((places[term as usize]?, count)));
            let mut row: Row = known.collect();
            row.sort_unstable();
            row
        };
        self.rows.into_iter().map(row).collect()
    }
}

/// All terms of all texts.
///
/// # Errors
/// When they would take too much memory, or the work is cancelled.
pub(super) fn corpus(analysis: &Analysis, texts: &[Option<&str>], ctx: &Context) -> Result<Corpus> {
    let bytes = AtomicUsize::new(0);
    let parts = reduce::try_map_each(texts.len().div_ceil(CHUNK), |task| {
        count(analysis, &texts[rows_of(task, texts.len())], &bytes, ctx)
    })?;
    let mut terms: Vec<Box<str>> = parts.iter().flat_map(|part| part.terms.iter().cloned()).collect();
    terms.sort_unstable();
    terms.dedup();
    let rows = parts.into_iter().flat_map(|part| part.placed(&terms)).collect();
    Ok(Corpus { terms, rows })
}

/// The places that the terms of each text have among those that are known; others are passed over.
///
/// # Errors
/// Those of `check`, which is asked before each text.
pub(super) fn known_terms(
    analysis: &Analysis,
    texts: &[Option<&str>],
    known: &[Box<str>],
    check: impl Fn() -> Result<()> + Sync,
) -> Result<Vec<Row>> {
    let tasks = reduce::try_map_each(texts.len().div_ceil(CHUNK), |task| {
        let (mut memory, mut found) = (Memory::default(), Vec::new());
        let row = |text: &Option<&str>| -> Result<Row> {
            check()?;
            found.clear();
            analysis.terms(text.unwrap_or_default(), &mut memory, |term| found.extend(place(known, term)));
            Ok(runs(&mut found))
        };
        texts[rows_of(task, texts.len())].iter().map(row).collect::<Result<Vec<Row>>>()
    })?;
    Ok(tasks.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_bounded_and_stop_when_told() {
        let analysis = Analysis::default();
        let texts = [Some("some words of a text")];
        let of = |bytes: usize, ctx: &Context| count(&analysis, &texts, &AtomicUsize::new(bytes), ctx);
        assert_eq!(of(0, &Context::new()).unwrap().terms.len(), 4);
        let Err(error) = of(MOST_BYTES - 100, &Context::new()) else { panic!("two words are too many") };
        assert!(error.to_string().contains("4 GiB"), "{error}");
        let token = perennial_core::CancelToken::new();
        token.cancel();
        let cancelled = Context::new().with_cancel(token);
        assert!(of(0, &cancelled).is_err());
        let known: [Box<str>; 1] = ["words".into()];
        assert!(known_terms(&analysis, &texts, &known, || cancelled.check()).is_err());
        assert_eq!(known_terms(&analysis, &texts, &known, || Ok(())).unwrap(), [vec![(0_u32, 1_u32)]]);
    }
}
