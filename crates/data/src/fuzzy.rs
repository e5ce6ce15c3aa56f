//! Rows of two tables whose keys are spelled in different ways.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{Error, Param, Result, ResultExt};
use rayon::prelude::*;

use crate::join::joined;
use crate::keys::{Keys, NO_KEY};
use crate::spelling::key;
use crate::{Cardinality, Column, Join, Table};

/// Letters of a piece of a text.
const PIECE: usize = 3;

/// The most pieces that are counted, one for each that two keys have in common: more take minutes.
const MOST_STEPS: u64 = 1 << 32;

const THRESHOLD: Param =
    Param::real("threshold", "how similar two keys are at least").above(0.0).at_most(1.0);

/// What becomes of a key that is as similar to two others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FuzzyTie {
    /// An error that names all three.
    #[default]
    Error,
    /// It is taken for the first of them in the order of their letters, whatever the order of the rows.
    First,
    /// It has no partner.
    Missing,
}

/// Joins two tables on a column of texts that need not be spelled alike: each row of the left table with the rows of the most similar key
/// of the right one, where it is similar enough.
///
/// Two texts are as similar as the share of the pieces of three letters that both have (Jaccard, 1901), with a space at the ends of each
/// word, when case, punctuation and white space do not count; keys that are alike then are one key, of similarity 1. All pairs are
/// compared that have a piece in common, so nothing is missed; where that would be more than 2^32 comparisons it is an error. A missing
/// key, and one without a letter or digit, has no partner.
///
/// The cardinality must be said, as for [`Table::join`], and is that of keys: `ManyToOne` lets several spellings in the left table
/// stand for one key of the right one, which must have it once. A key that is as similar to two others is an error unless `ties` says
/// otherwise, or one of them is alike.
///
/// The columns are those of the left table, then those of the right one, where the key is named `key matched`, and `key similarity`.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `on` | | | the column of texts or categories in both tables |
/// | `threshold` | 0.6 | above 0, to 1 | how similar two keys are at least |
/// | `ties` | error | | what becomes of a key that is as similar to two others |
///
/// ```
/// use perennial_data::{Cardinality, FuzzyJoin, Join, Table};
///
/// let orders = Table::builder().text("firm", ["ACME Ltd", "Mueller & Co", "Unknown"]).integer("sum", [5, 7, 1]).build()?;
/// let firms = Table::builder().text("firm", ["Acme, Ltd.", "Muller & Co"]).text("city", ["Bern", "Chur"]).build()?;
/// let joined = FuzzyJoin::new("firm").threshold(0.5).join(&orders, &firms, Join::Left, Cardinality::ManyToOne)?;
/// assert_eq!(joined.column("city")?.as_text()?.collect::<Vec<_>>(), [Some("Bern"), Some("Chur"), None]);
/// assert_eq!(joined.column("firm similarity")?.as_real()?[0], 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FuzzyJoin {
    on: String,
    threshold: f64,
    ties: FuzzyTie,
}

impl FuzzyJoin {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[THRESHOLD];

    /// On this column of texts or categories, which both tables have.
    pub fn new(on: impl Into<String>) -> Self {
        FuzzyJoin { on: on.into(), threshold: 0.6, ties: FuzzyTie::Error }
    }

    /// How similar two keys are at least.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// What becomes of a key that is as similar to two others.
    #[must_use]
    pub fn ties(mut self, ties: FuzzyTie) -> Self {
        self.ties = ties;
        self
    }

    /// The rows of `left` beside those of `right` with the most similar key.
    ///
    /// # Errors
    /// When the key column does not exist in both tables or holds no texts, a key is as similar to two others and `ties` says nothing of that, a key stands more often
    /// than `cardinality` allows, another column stands in both tables or has a name that the join gives, or too many keys would have to
    /// be compared.
    pub fn join(&self, left: &Table, right: &Table, join: Join, cardinality: Cardinality) -> Result<Table> {
        THRESHOLD.check(self.threshold)?;
        let [matched_name, similarity_name] =
            ["matched", "similarity"].map(|what| format!("{} {what}", self.on));
        let gives_columns = !matches!(join, Join::Semi | Join::Anti);
        for name in [&matched_name, &similarity_name] {
            for (table, which) in [(left, "left"), (right, "right")] {
                if gives_columns && table.contains(name) {
                    return Err(Error::malformed(format!(
                        "the {which} table has a column `{name}`, and the join calls one of its own so; rename or drop it first"
                    )));
                }
            }
        }
        let mine = Spellings::of(left.column(&self.on)?).context("the left table")?;
        let theirs = Spellings::of(right.column(&self.on)?).context("the right table")?;
        let partners = Index::of(&theirs.keys).partners(&mine.keys, self)?;
        let numbers = mine.numbers.iter().map(|&number| match number {
            NO_KEY => NO_KEY,
            number => partners[number as usize].map_or(NO_KEY, |(partner, _)| partner),
        });
        let similarity = mine.numbers.iter().map(|&number| match number {
            NO_KEY => None,
            number => partners[number as usize].map(|(_, similarity)| similarity),
        });
        let n_keys = theirs.keys.len();
        let (mine, theirs) =
            (Keys { numbers: numbers.collect(), n_keys }, Keys { numbers: theirs.numbers, n_keys });
        let on: &[&str] = &[&self.on];
        if !gives_columns {
            return joined((left, on, &mine), (right, on, &theirs), right, join, cardinality);
        }
        let left = left.with_column(similarity_name.as_str(), Column::real(similarity))?;
        let columns = right.rename(&self.on, matched_name)?;
        let table = joined((&left, on, &mine), (right, on, &theirs), &columns, join, cardinality)?;
        // Last, after what it is about.
        let last = table.column(&similarity_name)?.clone();
        table.drop(&[&similarity_name])?.with_column(similarity_name, last)
    }
}

/// The different keys of a column, when case and so on do not count, in order; and the number of that of each row.
struct Spellings {
    keys: Vec<String>,
    numbers: Vec<u32>,
}

impl Spellings {
    fn of(column: &Column) -> Result<Self> {
        use crate::ColumnType::{Category, Text};
        if !matches!(column.column_type(), Category | Text) {
            return Err(Error::unsupported(format!(
                "a fuzzy join needs a key of texts or categories, and this one is of type {}; use `join`, or cast it to text",
                column.column_type()
            )));
        }
        let category = column.to_category()?;
        let plain: Vec<String> = category.levels().map(key).collect();
        let codes: Vec<Option<u32>> = category.codes().collect();
        // Levels of a category may have no row.
        let mut places: BTreeMap<&str, u32> = BTreeMap::new();
        for code in codes.iter().flatten() {
            let plain = plain[*code as usize].as_str();
            if !plain.is_empty() {
                places.insert(plain, 0);
            }
        }
        places.values_mut().zip(0..).for_each(|(place, number)| *place = number);
        let number = |code: &Option<u32>| {
            let place = code.and_then(|code| places.get(plain[code as usize].as_str()).copied());
            place.unwrap_or(NO_KEY)
        };
        let numbers = codes.iter().map(number).collect();
        Ok(Spellings { keys: places.keys().map(|key| (*key).to_owned()).collect(), numbers })
    }
}

/// The pieces of a key: three letters side by side, with a space at the ends of each word.
fn pieces(key: &str) -> BTreeSet<[char; PIECE]> {
    let letters: Vec<char> = format!(" {key} ").chars().collect();
    letters.array_windows::<PIECE>().copied().collect()
}

/// Keys, and which of them have a piece.
struct Index<'a> {
    keys: &'a [String],
    n_pieces: Vec<usize>,
    having: BTreeMap<[char; PIECE], Vec<u32>>,
}

impl<'a> Index<'a> {
    fn of(keys: &'a [String]) -> Self {
        let mut having: BTreeMap<[char; PIECE], Vec<u32>> = BTreeMap::new();
        let mut n_pieces = Vec::with_capacity(keys.len());
        for (number, key) in keys.iter().enumerate() {
            let pieces = pieces(key);
            n_pieces.push(pieces.len());
            pieces.into_iter().for_each(|piece| having.entry(piece).or_default().push(number as u32));
        }
        Index { keys, n_pieces, having }
    }

    /// How many pieces a key has in common with all keys together; none where one is alike, which is then not compared.
    fn steps(&self, key: &String) -> u64 {
        if self.keys.binary_search(key).is_ok() {
            return 0;
        }
        pieces(key).iter().filter_map(|piece| self.having.get(piece)).map(|keys| keys.len() as u64).sum()
    }

    /// For each of some keys the most similar one, and how similar it is.
    fn partners(&self, keys: &[String], join: &FuzzyJoin) -> Result<Vec<Option<(u32, f64)>>> {
        let steps: Vec<u64> = keys.par_iter().map(|key| self.steps(key)).collect();
        let steps = steps.into_iter().fold(0, u64::saturating_add);
        if steps > MOST_STEPS {
            return Err(Error::too_large(format!(
                "{} different keys and {} others have so many parts in common that the join takes {steps} comparisons, of at most {MOST_STEPS}; split both tables by another column and join the parts, or leave out words that most keys have",
                keys.len(),
                self.keys.len()
            )));
        }
        let found: Vec<Result<Option<(u32, f64)>>> = keys
            .par_iter()
            .map_init(|| vec![0_u32; self.keys.len()], |common, key| self.partner(key, join, common))
            .collect();
        found.into_iter().collect()
    }

    /// `common` is 0 everywhere, before and after.
    fn partner(&self, key: &String, join: &FuzzyJoin, common: &mut [u32]) -> Result<Option<(u32, f64)>> {
        if let Ok(same) = self.keys.binary_search(key) {
            return Ok(Some((same as u32, 1.0)));
        }
        let pieces = pieces(key);
        let mut touched: Vec<u32> = Vec::new();
        for number in pieces.iter().filter_map(|piece| self.having.get(piece)).flatten() {
            let common = &mut common[*number as usize];
            if *common == 0 {
                touched.push(*number);
            }
            *common += 1;
        }
        let mut best: Option<(u32, f64)> = None;
        let mut second = None;
        touched.sort_unstable();
        for number in touched {
            let shared = std::mem::take(&mut common[number as usize]) as usize;
            let similarity = shared as f64 / (pieces.len() + self.n_pieces[number as usize] - shared) as f64;
            match best {
                _ if similarity < join.threshold => {}
                Some((_, most)) if similarity < most => {}
                Some((_, most)) if similarity == most => second = Some(number),
                _ => (best, second) = (Some((number, similarity)), None),
            }
        }
        match (best, second, join.ties) {
            (_, Some(_), FuzzyTie::Missing) => Ok(None),
            (Some((first, similarity)), Some(second), FuzzyTie::Error) => Err(Error::malformed(format!(
                "the key `{key}` is as similar to `{}` as to `{}` ({similarity:.3}); set a higher `threshold`, repair the key first, or say by `ties` what it becomes",
                self.keys[first as usize], self.keys[second as usize]
            ))),
            (best, ..) => Ok(best),
        }
    }
}
