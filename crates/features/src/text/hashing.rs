//! How often each term comes, in columns that are told by a hash.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Csr, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Train, Transformer,
};
use perennial_data::{Table, murmur3};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, Analyzer, MIN_WORD_LENGTH, Memory, in_order};
use super::tfidf::Norm;
use super::vocabulary::texts;

/// Counts the terms of columns of text in a fixed number of columns: the hash of a term tells its column, so nothing is learned,
/// the memory is known, and words that come later count as well. What a column means cannot be told any more.
///
/// The hash is the one of scikit-learn (MurmurHash3), so the columns are the same: half of the terms subtract, so that those that share
/// a column cancel each other on average. With several columns of text all share the columns of the output.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_features` | 2^18 (scikit-learn: 2^20) | 1 to 2^24 | how many columns there are |
/// | `analyzer` | `Word` | `Word`, `Char`, `CharWb` | what a term is |
/// | `ngram_range` | (1, 1) | 1 to 1000 | how many words, or characters, a term has: from, to |
/// | `lowercase` | true | | whether texts are taken in lower case |
/// | `stop_words` | none | | words that are passed over |
/// | `min_word_length` | 2 | 1 to 1000 | how many letters a word has at least |
/// | `binary` | false | | whether it only counts that a column has a term |
/// | `norm` | `L2` | `L2`, `L1`, `None` | what the numbers of a row are divided by |
/// | `alternate_sign` | true | | whether half of the terms subtract |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::Table;
/// use perennial_features::text::{HashingVectorizer, Norm};
///
/// let table = Table::builder().text("note", ["red car", "a red, red bus"]).build()?;
/// let hashing = HashingVectorizer::new().n_features(16).norm(Norm::None);
/// let x = hashing.fit(&table, &NoTarget)?.transform(&table)?.to_dense()?;
/// assert_eq!((x.dense()?[[0, 3]], x.dense()?[[1, 3]]), (-1.0, -2.0)); // red
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingVectorizer {
    n_features: usize,
    analysis: Analysis,
    binary: bool,
    norm: Norm,
    alternate_sign: bool,
}

impl Default for HashingVectorizer {
    fn default() -> Self {
        HashingVectorizer {
            n_features: 1 << 18,
            analysis: Analysis::default(),
            binary: false,
            norm: Norm::L2,
            alternate_sign: true,
        }
    }
}

const N_FEATURES: Param =
    Param::integer("n_features", "how many columns there are").at_least(1.0).at_most(16_777_216.0);

/// The column of a term, and what one of it counts.
pub(crate) fn place(term: &str, n_features: usize, alternate_sign: bool) -> (u32, f64) {
    let hash = murmur3(term.as_bytes(), 0).cast_signed();
    let sign = if alternate_sign && hash < 0 { -1.0 } else { 1.0 };
    (hash.unsigned_abs() % n_features as u32, sign)
}

impl HashingVectorizer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_FEATURES, MIN_WORD_LENGTH];

    /// Words in lower case.
    pub fn new() -> Self {
        HashingVectorizer::default()
    }

    /// How many columns there are.
    #[must_use]
    pub fn n_features(mut self, n_features: usize) -> Self {
        self.n_features = n_features;
        self
    }

    /// What a term is.
    #[must_use]
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analysis.analyzer = analyzer;
        self
    }

    /// How many words, or characters, a term has: from, to.
    #[must_use]
    pub fn ngram_range(mut self, from: usize, to: usize) -> Self {
        self.analysis.ngram_range = (from, to);
        self
    }

    /// Whether texts are taken in lower case.
    #[must_use]
    pub fn lowercase(mut self, lowercase: bool) -> Self {
        self.analysis.lowercase = lowercase;
        self
    }

    /// Words that are passed over, as they are after `lowercase`.
    #[must_use]
    pub fn stop_words<S: Into<String>>(mut self, stop_words: impl IntoIterator<Item = S>) -> Self {
        self.analysis.stop_words = in_order(stop_words.into_iter().map(Into::into).collect());
        self
    }

    /// How many letters a word has at least.
    #[must_use]
    pub fn min_word_length(mut self, min_word_length: usize) -> Self {
        self.analysis.min_word_length = min_word_length;
        self
    }

    /// Whether it only counts that a column has a term.
    #[must_use]
    pub fn binary(mut self, binary: bool) -> Self {
        self.binary = binary;
        self
    }

    /// What the numbers of a row are divided by.
    #[must_use]
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }

    /// Whether half of the terms subtract.
    #[must_use]
    pub fn alternate_sign(mut self, alternate_sign: bool) -> Self {
        self.alternate_sign = alternate_sign;
        self
    }

    fn check(&self) -> Result<()> {
        N_FEATURES.check_count(self.n_features)?;
        self.analysis.check()
    }

    /// The cells of a row, from the places of its terms.
    fn row(&self, mut found: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
        // Stable, and of whole numbers, so that sums are exact.
        found.sort_by_key(|(column, _)| *column);
        let sums = found.chunk_by(|a, b| a.0 == b.0);
        let sums = sums.map(|run| (run[0].0, run.iter().map(|(_, one)| one).sum::<f64>()));
        let mut row: Vec<(u32, f64)> = match self.binary {
            // Also where they cancel each other.
            true => sums.map(|(column, _)| (column, 1.0)).collect(),
            false => sums.filter(|(_, sum)| *sum != 0.0).collect(),
        };
        let size: f64 = match self.norm {
            Norm::None => return row,
            Norm::L1 => row.iter().map(|(_, sum)| sum.abs()).sum(),
            Norm::L2 => row.iter().map(|(_, sum)| sum * sum).sum::<f64>().sqrt(),
        };
        row.iter_mut().for_each(|(_, sum)| *sum /= size);
        row
    }
}

impl Estimator for HashingVectorizer {
    type Input = Table;
    type Target = NoTarget;
    type Model = HashingVectorizerModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<HashingVectorizerModel> {
        self.check()?;
        // What is no text is refused here rather than in production.
        train.x.columns().try_for_each(|(name, column)| texts(name, column).map(|_| ()))?;
        let columns = train.x.names().map(Arc::from).collect();
        HashingVectorizerModel::try_from(Parts { settings: self.clone(), columns })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for HashingVectorizer {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        OutputSchema::of(&self.fit_on(&Train::new(x, &NoTarget))?, x)
    }
}

/// A [`HashingVectorizer`] that knows its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct HashingVectorizerModel {
    settings: HashingVectorizer,
    columns: Vec<Arc<str>>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    settings: HashingVectorizer,
    columns: Vec<Arc<str>>,
}

impl TryFrom<Parts> for HashingVectorizerModel {
    type Error = perennial_core::Error;

    fn try_from(Parts { settings, columns }: Parts) -> Result<Self> {
        settings.check()?;
        let output = Features::named((0..settings.n_features).map(|place| format!("hash {place}")))?;
        Ok(HashingVectorizerModel { settings, columns, output })
    }
}

/// Rows of one task.
const CHUNK: usize = 256;

impl Transformer for HashingVectorizerModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let columns =
            self.columns.iter().map(|name| texts(name, x.column(name)?)).collect::<Result<Vec<_>>>()?;
        let n_rows = x.n_rows();
        let HashingVectorizer { n_features, alternate_sign, .. } = self.settings;
        let parts = reduce::map_each(n_rows.div_ceil(CHUNK), |task| {
            let mut memory = Memory::default();
            let row = |row: usize| {
                let mut found = Vec::new();
                for texts in &columns {
                    let text = texts[row].unwrap_or_default();
                    self.settings
                        .analysis
                        .terms(text, &mut memory, |term| found.push(place(term, n_features, alternate_sign)));
                }
                self.settings.row(found)
            };
            (task * CHUNK..n_rows.min((task + 1) * CHUNK)).map(row).collect::<Vec<_>>()
        });
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in parts.into_iter().flatten() {
            for (column, value) in row {
                indices.push(column);
                values.push(value);
            }
            indptr.push(indices.len());
        }
        Matrix::from_sparse(Csr::new(self.output.len(), indptr, indices, values)?, self.output.clone())
    }
}
