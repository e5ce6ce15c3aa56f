//! How often each term comes.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Csr, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, Param,
    Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::analysis::{Analysis, Analyzer, MIN_WORD_LENGTH, in_order};
use super::terms::{Documents, Limits, MAX_FEATURES};
use super::vocabulary::{Row, corpus, known_terms, texts};

/// Counts the terms of columns of text: a sparse column for each term, named `column=term`, terms in order.
///
/// A missing text has no terms; terms that were not there at the fit are not counted. Rows of weight 0 teach no terms.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `analyzer` | `Word` | `Word`, `Char`, `CharWb` | what a term is |
/// | `ngram_range` | (1, 1) | 1 to 1000 | how many words, or characters, a term has: from, to |
/// | `lowercase` | true | | whether texts are taken in lower case |
/// | `stop_words` | none | | words that are passed over |
/// | `min_word_length` | 2 | 1 to 1000 | how many letters a word has at least |
/// | `min_df` | 1 | a number, or a share | in how many texts a term must be |
/// | `max_df` | 1.0 | a number, or a share | in how many texts a term may be |
/// | `max_features` | all | >= 1 | the most terms of a column: those that come most often |
/// | `vocabulary` | those of the texts | | the terms that are counted in each column, whatever the texts have; the limits above do not bear on them |
/// | `binary` | false | | whether it only counts that a term is there |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::Table;
/// use perennial_features::text::CountVectorizer;
///
/// let table = Table::builder().text("note", ["red car", "a red, red bus"]).build()?;
/// let x = CountVectorizer::new().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["note=bus", "note=car", "note=red"]);
/// assert_eq!(x.to_dense()?.dense()?, ndarray::array![[0.0, 1.0, 1.0], [1.0, 0.0, 2.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountVectorizer {
    analysis: Analysis,
    limits: Limits,
    vocabulary: Option<Vec<String>>,
    binary: bool,
}

impl CountVectorizer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MIN_WORD_LENGTH, MAX_FEATURES];

    /// Words in lower case.
    pub fn new() -> Self {
        CountVectorizer::default()
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
    ///
    /// ```
    /// use perennial_core::{Estimator, NoTarget};
    /// use perennial_data::Table;
    /// use perennial_features::text::CountVectorizer;
    ///
    /// let table = Table::builder().text("skills", ["C and R"]).build()?;
    /// let model = CountVectorizer::new().min_word_length(1).fit(&table, &NoTarget)?;
    /// assert_eq!(model.vocabulary("skills")?.collect::<Vec<_>>(), ["and", "c", "r"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn min_word_length(mut self, min_word_length: usize) -> Self {
        self.analysis.min_word_length = min_word_length;
        self
    }

    /// In how many texts a term must be: a whole number, or a share.
    #[must_use]
    pub fn min_df(mut self, min_df: impl Into<Documents>) -> Self {
        self.limits.min_df = min_df.into();
        self
    }

    /// In how many texts a term may be: a whole number, or a share.
    #[must_use]
    pub fn max_df(mut self, max_df: impl Into<Documents>) -> Self {
        self.limits.max_df = max_df.into();
        self
    }

    /// The most terms of a column.
    #[must_use]
    pub fn max_features(mut self, max_features: usize) -> Self {
        self.limits.max_features = Some(max_features);
        self
    }

    /// The terms that are counted in each column, as they are after `lowercase`, in place of those of the texts. Columns
    /// are in the order of the terms, not in that given.
    ///
    /// ```
    /// use perennial_core::{Estimator, NoTarget, Transformer};
    /// use perennial_data::Table;
    /// use perennial_features::text::CountVectorizer;
    ///
    /// let table = Table::builder().text("note", ["red car", "a red, red bus"]).build()?;
    /// let model = CountVectorizer::new().vocabulary(["red", "tram"]).fit(&table, &NoTarget)?;
    /// let x = model.transform(&table)?;
    /// assert_eq!(x.to_dense()?.dense()?, ndarray::array![[1.0, 0.0], [2.0, 0.0]]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn vocabulary<S: Into<String>>(mut self, vocabulary: impl IntoIterator<Item = S>) -> Self {
        self.vocabulary = Some(in_order(vocabulary.into_iter().map(Into::into).collect()));
        self
    }

    /// Whether it only counts that a term is there.
    #[must_use]
    pub fn binary(mut self, binary: bool) -> Self {
        self.binary = binary;
        self
    }

    /// The terms that were given, in order; settings that were read may hold any.
    fn given(&self) -> Result<Option<Vec<Box<str>>>> {
        let Some(vocabulary) = &self.vocabulary else { return Ok(None) };
        if vocabulary.is_empty() {
            return Err(Error::invalid_param("vocabulary", vocabulary, "at least one term"));
        }
        Ok(Some(in_order(vocabulary.clone()).into_iter().map(String::into_boxed_str).collect()))
    }

    /// The model, and the counts of the training rows.
    fn learn(&self, train: &Train<'_, Table, NoTarget>) -> Result<(CountModel, Matrix)> {
        self.analysis.check()?;
        self.limits.check()?;
        let given = self.given()?;
        let (mut columns, mut parts) = (Vec::new(), Vec::new());
        for (name, column) in train.x.columns() {
            if let Some(terms) = &given {
                let texts = texts(name, column)?;
                parts.push(known_terms(&self.analysis, &texts, terms, || train.ctx.check())?);
                columns.push(Terms { name: name.into(), terms: terms.clone() });
                continue;
            }
            let corpus = corpus(&self.analysis, &texts(name, column)?, &train.ctx)?;
            let kept = self.limits.kept(name, &corpus, train.weights, self.binary)?;
            let place = |term: u32| kept.binary_search(&term).ok().map(|place| place as u32);
            let placed =
                |row: Row| row.into_iter().filter_map(|(term, count)| Some((place(term)?, count))).collect();
            parts.push(corpus.rows.into_iter().map(placed).collect::<Vec<Row>>());
            let terms = kept.iter().map(|&term| corpus.terms[term as usize].clone()).collect();
            columns.push(Terms { name: name.into(), terms });
        }
        let settings = CountVectorizer {
            analysis: self.analysis.clone(),
            limits: Limits::default(),
            vocabulary: None,
            binary: self.binary,
        };
        let model = CountModel::new(Parts { columns, settings })?;
        let x = model.side_by_side(train.x.n_rows(), parts)?;
        Ok((model, x))
    }
}

impl Estimator for CountVectorizer {
    type Input = Table;
    type Target = NoTarget;
    type Model = CountModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<CountModel> {
        Ok(self.learn(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for CountVectorizer {
    fn fit_transform_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<(CountModel, Matrix)> {
        self.learn(train)
    }
}

/// A column and its terms, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Terms {
    name: Arc<str>,
    terms: Vec<Box<str>>,
}

/// A fitted [`CountVectorizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct CountModel {
    parts: Parts,
    output: Features,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parts {
    columns: Vec<Terms>,
    settings: CountVectorizer,
}

impl From<CountModel> for Parts {
    fn from(model: CountModel) -> Parts {
        model.parts
    }
}

impl TryFrom<Parts> for CountModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        CountModel::new(parts)
    }
}

impl CountModel {
    fn new(parts: Parts) -> Result<Self> {
        parts.settings.analysis.check()?;
        let rising = |column: &Terms| column.terms.windows(2).all(|pair| pair[0] < pair[1]);
        if !parts.columns.iter().all(rising) {
            return Err(Error::corrupt("the terms of a vectoriser are out of order"));
        }
        let names = parts.columns.iter().flat_map(|column| {
            column.terms.iter().map(|term| Feature::numeric(format!("{}={term}", column.name)))
        });
        let output = names.collect::<Vec<_>>().try_into()?;
        Ok(CountModel { parts, output })
    }

    /// The columns of what it makes.
    pub fn features(&self) -> &Features {
        &self.output
    }

    /// The terms of a column, in order.
    ///
    /// # Errors
    /// When it did not learn from such a column.
    pub fn vocabulary(&self, column: &str) -> Result<impl ExactSizeIterator<Item = &str>> {
        let found = self.parts.columns.iter().find(|known| &*known.name == column);
        let terms = found.ok_or_else(|| {
            let known: Vec<&str> = self.parts.columns.iter().map(|column| &*column.name).collect();
            Error::unknown(format!("no column `{column}` was learned from; there are: {}", known.join(", ")))
        })?;
        Ok(terms.terms.iter().map(|term| &**term))
    }

    /// The counts of all columns side by side.
    fn side_by_side(&self, n_rows: usize, parts: Vec<Vec<Row>>) -> Result<Matrix> {
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..n_rows {
            let mut start = 0;
            for (part, column) in parts.iter().zip(&self.parts.columns) {
                for &(term, count) in &part[row] {
                    indices.push(start + term);
                    values.push(if self.parts.settings.binary { 1.0 } else { f64::from(count) });
                }
                start += column.terms.len() as u32;
            }
            indptr.push(indices.len());
        }
        Matrix::from_sparse(Csr::new(self.output.len(), indptr, indices, values)?, self.output.clone())
    }
}

impl Transformer for CountModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let counted = |Terms { name, terms }: &Terms| {
            known_terms(&self.parts.settings.analysis, &texts(name, x.column(name)?)?, terms, || Ok(()))
        };
        let parts = self.parts.columns.iter().map(counted).collect::<Result<Vec<_>>>()?;
        self.side_by_side(x.n_rows(), parts)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        let of = |(place, column): (usize, &Terms)| vec![vec![place]; column.terms.len()];
        Some(self.parts.columns.iter().enumerate().flat_map(of).collect())
    }

    fn decided(&self) -> Vec<Decided> {
        let counted = |Terms { name, terms }: &Terms| {
            let what = format!("{} terms are counted", terms.len());
            Decided::by(self, what, "the texts of the training rows").column(&**name)
        };
        self.parts.columns.iter().map(counted).collect()
    }
}
