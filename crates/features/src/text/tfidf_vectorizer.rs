//! Weighed counts of terms in one step.

use perennial_core::{
    Capabilities, Decided, Estimator, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::analysis::Analyzer;
use super::count::{CountModel, CountVectorizer};
use super::terms::Documents;
use super::tfidf::{Norm, TfidfModel, TfidfTransformer, weighing};

/// Columns of text as weighed counts of their terms: a [`CountVectorizer`] and a [`TfidfTransformer`], whose settings it has.
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::Table;
/// use perennial_features::text::TfidfVectorizer;
///
/// let table = Table::builder().text("note", ["red car", "red bus"]).build()?;
/// let model = TfidfVectorizer::new().fit(&table, &NoTarget)?;
/// let x = model.transform(&table)?.to_dense()?;
/// // A term that all texts have says less.
/// assert!(x.dense()?[[0, 1]] > x.dense()?[[0, 2]]);
/// assert_eq!(model.weights().idf()[2], 1.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TfidfVectorizer {
    counts: CountVectorizer,
    weighing: TfidfTransformer,
}

weighing!(TfidfVectorizer, weighing);

impl TfidfVectorizer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = CountVectorizer::PARAMS;

    /// Words in lower case, smooth weights, rows of length 1.
    pub fn new() -> Self {
        TfidfVectorizer::default()
    }

    /// What a term is.
    #[must_use]
    pub fn analyzer(self, analyzer: Analyzer) -> Self {
        TfidfVectorizer { counts: self.counts.analyzer(analyzer), ..self }
    }

    /// How many words, or characters, a term has: from, to.
    #[must_use]
    pub fn ngram_range(self, from: usize, to: usize) -> Self {
        TfidfVectorizer { counts: self.counts.ngram_range(from, to), ..self }
    }

    /// Whether texts are taken in lower case.
    #[must_use]
    pub fn lowercase(self, lowercase: bool) -> Self {
        TfidfVectorizer { counts: self.counts.lowercase(lowercase), ..self }
    }

    /// Words that are passed over, as they are after `lowercase`.
    #[must_use]
    pub fn stop_words<S: Into<String>>(self, stop_words: impl IntoIterator<Item = S>) -> Self {
        TfidfVectorizer { counts: self.counts.stop_words(stop_words), ..self }
    }

    /// How many letters a word has at least.
    #[must_use]
    pub fn min_word_length(self, min_word_length: usize) -> Self {
        TfidfVectorizer { counts: self.counts.min_word_length(min_word_length), ..self }
    }

    /// In how many texts a term must be: a whole number, or a share.
    #[must_use]
    pub fn min_df(self, min_df: impl Into<Documents>) -> Self {
        TfidfVectorizer { counts: self.counts.min_df(min_df), ..self }
    }

    /// In how many texts a term may be: a whole number, or a share.
    #[must_use]
    pub fn max_df(self, max_df: impl Into<Documents>) -> Self {
        TfidfVectorizer { counts: self.counts.max_df(max_df), ..self }
    }

    /// The most terms of a column.
    #[must_use]
    pub fn max_features(self, max_features: usize) -> Self {
        TfidfVectorizer { counts: self.counts.max_features(max_features), ..self }
    }

    /// The terms that are counted in each column, as they are after `lowercase`, in place of those of the texts.
    #[must_use]
    pub fn vocabulary<S: Into<String>>(self, vocabulary: impl IntoIterator<Item = S>) -> Self {
        TfidfVectorizer { counts: self.counts.vocabulary(vocabulary), ..self }
    }

    /// Whether it only counts that a term is there.
    #[must_use]
    pub fn binary(self, binary: bool) -> Self {
        TfidfVectorizer { counts: self.counts.binary(binary), ..self }
    }
}

impl Estimator for TfidfVectorizer {
    type Input = Table;
    type Target = NoTarget;
    type Model = TfidfVectorizerModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<TfidfVectorizerModel> {
        let (counts, x) = self.counts.fit_transform_on(train)?;
        let mut next = Train::new(&x, &NoTarget).context(train.ctx.clone());
        next.weights = train.weights;
        Ok(TfidfVectorizerModel { counts, weights: self.weighing.fit_on(&next)? })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for TfidfVectorizer {
    fn fit_transform_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<(TfidfVectorizerModel, Matrix)> {
        let (counts, x) = self.counts.fit_transform_on(train)?;
        let mut next = Train::new(&x, &NoTarget).context(train.ctx.clone());
        next.weights = train.weights;
        let (weights, x) = self.weighing.fit_transform_on(&next)?;
        Ok((TfidfVectorizerModel { counts, weights }, x))
    }
}

/// A fitted [`TfidfVectorizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TfidfVectorizerModel {
    counts: CountModel,
    weights: TfidfModel,
}

impl TfidfVectorizerModel {
    /// The terms.
    pub fn counts(&self) -> &CountModel {
        &self.counts
    }

    /// What each term weighs.
    pub fn weights(&self) -> &TfidfModel {
        &self.weights
    }
}

impl Transformer for TfidfVectorizerModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        self.weights.transform(&self.counts.transform(x)?)
    }

    fn decided(&self) -> Vec<Decided> {
        let mut decided = self.counts.decided();
        decided.extend(self.weights.decided());
        decided
    }
}
