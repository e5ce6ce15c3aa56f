//! Topics of documents.

mod saved;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Context, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param,
    PartialFit, Result, Rows, Train, Transformer,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::pca::{decided_components, finish};
use super::topics::{Counts, Inference, about_one, bound, exp_expected_logs};

const N_COMPONENTS: Param = Param::integer("n_components", "how many topics").at_least(1.0).at_most(10_000.0);
const DOCUMENT_PRIOR: Param =
    Param::real("document_topic_prior", "how many words of each topic a document has beforehand").above(0.0);
const TOPIC_PRIOR: Param =
    Param::real("topic_word_prior", "how often each word is in a topic beforehand").above(0.0);
const LEARNING_DECAY: Param =
    Param::real("learning_decay", "how fast batches count less").at_least(0.0).at_most(1.0);
const LEARNING_OFFSET: Param =
    Param::real("learning_offset", "how many batches the first ones are taken back by").at_least(0.0);
const MAX_ITER: Param =
    Param::integer("max_iter", "the most passes over the documents").at_least(1.0).at_most(1000.0);
const BATCH_SIZE: Param = Param::integer("batch_size", "the documents of a batch").at_least(1.0);
const TOTAL_SAMPLES: Param =
    Param::integer("total_samples", "how many documents there are in all batches that come").at_least(1.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the fall of the perplexity, as a share of it, that ends it").at_least(0.0);
const MEAN_CHANGE: Param =
    Param::real("mean_change_tolerance", "the mean change of a document's topics that ends its inference")
        .at_least(0.0);
const MAX_DOCUMENT_ITER: Param =
    Param::integer("max_document_iter", "the most steps of a document's inference").at_least(1.0);

/// How topics are learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicLearning {
    /// From all documents at once, again and again: the bound rises in each pass.
    #[default]
    Batch,
    /// From one batch after the other, each counting less (Hoffman, Blei and Bach, 2010): faster on many documents.
    Online,
}

/// Latent Dirichlet allocation (Blei, Ng and Jordan, 2003): documents are mixtures of topics, and topics are distributions of
/// words; found by variational inference.
///
/// Rows are documents, columns words, numbers counts; dense and CSR. The transform gives the expected share of each topic in
/// each document. The start is drawn, and other seeds may find other topics.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 10 | 1 to 10000 | how many topics |
/// | `document_topic_prior` | 1 / `n_components` | > 0 | how many words of each topic a document has beforehand |
/// | `topic_word_prior` | 1 / `n_components` | > 0 | how often each word is in a topic beforehand |
/// | `learning` | batch | | how topics are learned |
/// | `learning_decay` | 0.7 | 0 to 1 | how fast batches count less: above 0.5 it converges |
/// | `learning_offset` | 10 | >= 0 | how many batches the first ones are taken back by |
/// | `max_iter` | 10 | 1 to 1000 | the most passes over the documents |
/// | `batch_size` | 128 | >= 1 | the documents of a batch, where learning is online |
/// | `total_samples` | 1,000,000 | >= 1 | how many documents there are in all batches that come, for `partial_fit` |
/// | `tolerance` | 0 | >= 0 | the fall of the perplexity in a pass, as a share of it, that ends it; 0 measures nothing |
/// | `mean_change_tolerance` | 1e-3 | >= 0 | the mean change of a document's topics that ends its inference |
/// | `max_document_iter` | 100 | >= 1 | the most steps of a document's inference |
/// | `seed` | that of the context | any | of the start |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::LatentDirichletAllocation;
///
/// let x = Matrix::from(array![[9.0, 7.0, 0.0, 0.0], [5.0, 8.0, 0.0, 0.0], [0.0, 0.0, 6.0, 9.0], [0.0, 0.0, 8.0, 7.0]]);
/// let model = LatentDirichletAllocation::new().n_components(2).max_iter(50).seed(1).fit(&x, &NoTarget)?;
/// let shares = model.transform(&x)?;
/// let shares = shares.dense()?;
/// let of_first = if shares[[0, 0]] > 0.5 { 0 } else { 1 };
/// assert!(shares[[1, of_first]] > 0.9 && shares[[2, of_first]] < 0.1 && shares[[3, of_first]] < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentDirichletAllocation {
    n_components: usize,
    document_topic_prior: Option<f64>,
    topic_word_prior: Option<f64>,
    learning: TopicLearning,
    learning_decay: f64,
    learning_offset: f64,
    max_iter: usize,
    batch_size: usize,
    total_samples: usize,
    tolerance: f64,
    mean_change_tolerance: f64,
    max_document_iter: usize,
    seed: Option<u64>,
}

impl Default for LatentDirichletAllocation {
    fn default() -> Self {
        LatentDirichletAllocation {
            n_components: 10,
            document_topic_prior: None,
            topic_word_prior: None,
            learning: TopicLearning::Batch,
            learning_decay: 0.7,
            learning_offset: 10.0,
            max_iter: 10,
            batch_size: 128,
            total_samples: 1_000_000,
            tolerance: 0.0,
            mean_change_tolerance: 1e-3,
            max_document_iter: 100,
            seed: None,
        }
    }
}

impl LatentDirichletAllocation {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[
        N_COMPONENTS,
        DOCUMENT_PRIOR,
        TOPIC_PRIOR,
        LEARNING_DECAY,
        LEARNING_OFFSET,
        MAX_ITER,
        BATCH_SIZE,
        TOTAL_SAMPLES,
        TOLERANCE,
        MEAN_CHANGE,
        MAX_DOCUMENT_ITER,
    ];

    /// Ten topics.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many topics.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How many words of each topic a document has beforehand.
    #[must_use]
    pub fn document_topic_prior(mut self, document_topic_prior: f64) -> Self {
        self.document_topic_prior = Some(document_topic_prior);
        self
    }

    /// How often each word is in a topic beforehand.
    #[must_use]
    pub fn topic_word_prior(mut self, topic_word_prior: f64) -> Self {
        self.topic_word_prior = Some(topic_word_prior);
        self
    }

    /// How topics are learned.
    #[must_use]
    pub fn learning(mut self, learning: TopicLearning) -> Self {
        self.learning = learning;
        self
    }

    /// How fast batches count less.
    #[must_use]
    pub fn learning_decay(mut self, learning_decay: f64) -> Self {
        self.learning_decay = learning_decay;
        self
    }

    /// How many batches the first ones are taken back by.
    #[must_use]
    pub fn learning_offset(mut self, learning_offset: f64) -> Self {
        self.learning_offset = learning_offset;
        self
    }

    /// The most passes over the documents.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The documents of a batch.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// How many documents there are in all batches that come, of which each given to `partial_fit` is a part.
    #[must_use]
    pub fn total_samples(mut self, total_samples: usize) -> Self {
        self.total_samples = total_samples;
        self
    }

    /// The fall of the perplexity in a pass, as a share of it, that ends it.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The mean change of a document's topics that ends its inference.
    #[must_use]
    pub fn mean_change_tolerance(mut self, mean_change_tolerance: f64) -> Self {
        self.mean_change_tolerance = mean_change_tolerance;
        self
    }

    /// The most steps of a document's inference.
    #[must_use]
    pub fn max_document_iter(mut self, max_document_iter: usize) -> Self {
        self.max_document_iter = max_document_iter;
        self
    }

    /// The seed of the start.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self) -> Result<()> {
        N_COMPONENTS.check_count(self.n_components)?;
        self.document_topic_prior.map_or(Ok(()), |prior| DOCUMENT_PRIOR.check(prior))?;
        self.topic_word_prior.map_or(Ok(()), |prior| TOPIC_PRIOR.check(prior))?;
        LEARNING_DECAY.check(self.learning_decay)?;
        LEARNING_OFFSET.check(self.learning_offset)?;
        MAX_ITER.check_count(self.max_iter)?;
        BATCH_SIZE.check_count(self.batch_size)?;
        TOTAL_SAMPLES.check_count(self.total_samples)?;
        TOLERANCE.check(self.tolerance)?;
        MEAN_CHANGE.check(self.mean_change_tolerance)?;
        MAX_DOCUMENT_ITER.check_count(self.max_document_iter)
    }

    /// Moves the topics by one batch of `rows`, which stands for `n_documents`.
    fn learn(
        &self,
        ctx: &Context,
        model: &mut LatentDirichletModel,
        counts: &Counts<'_>,
        rows: std::ops::Range<usize>,
        n_documents: f64,
        start: &Random,
    ) -> Result<()> {
        let turned = exp_expected_logs(&model.topics).t().as_standard_layout().to_owned();
        let share = n_documents / rows.len() as f64;
        let said = model.inference().documents(ctx, counts, rows, &turned, Some(start), true)?;
        let words = said.words.unwrap_or_default();
        // The weight of a batch falls; all documents at once count alone.
        let weight = match self.learning {
            TopicLearning::Batch => 1.0,
            TopicLearning::Online => {
                (self.learning_offset + model.n_batches as f64 + 1.0).powf(-self.learning_decay).min(1.0)
            }
        };
        for ((topic, word), value) in model.topics.indexed_iter_mut() {
            let new = model.topic_word_prior + share * words[[word, topic]];
            *value = *value * (1.0 - weight) + weight * new;
        }
        model.n_batches += 1;
        if model.topics.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Error::overflow("the counts of a word leave the range of f64"))
    }
}

impl Estimator for LatentDirichletAllocation {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = LatentDirichletModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<LatentDirichletModel> {
        self.check()?;
        let counts = Counts::new(train.x)?;
        let (n, k, n_words) = (train.x.n_rows(), self.n_components, train.x.n_cols());
        if n_words == 0 {
            return Err(Error::empty("the matrix has no columns, so there are no words"));
        }
        let random = Random::new(train.ctx.seed(self.seed));
        let mut first = random.stream("topics");
        let mut model = LatentDirichletModel {
            features: train.x.features().clone(),
            topics: Array2::from_shape_simple_fn((k, n_words), || about_one(&mut first)),
            document_topic_prior: self.document_topic_prior.unwrap_or(1.0 / k as f64),
            topic_word_prior: self.topic_word_prior.unwrap_or(1.0 / k as f64),
            max_document_iter: self.max_document_iter,
            mean_change_tolerance: self.mean_change_tolerance,
            n_batches: 0,
            n_iterations: 0,
            converged: false,
            last_change: None,
        };
        let documents = random.stream("documents");
        let size = if self.learning == TopicLearning::Batch { n } else { self.batch_size.min(n) };
        let mut last = f64::INFINITY;
        for pass in 0..self.max_iter {
            train.ctx.step(pass, self.max_iter)?;
            let own = documents.fork(pass as u64);
            for first in (0..n).step_by(size) {
                self.learn(&train.ctx, &mut model, &counts, first..(first + size).min(n), n as f64, &own)?;
            }
            model.n_iterations = pass + 1;
            if self.tolerance > 0.0 {
                let now = model.perplexity_of(&train.ctx, &counts, n)?;
                model.last_change = last.is_finite().then(|| ((last - now) / last).max(0.0));
                if last - now < self.tolerance * last {
                    model.converged = true;
                    break;
                }
                last = now;
            }
        }
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

impl PartialFit for LatentDirichletAllocation {
    /// One batch of online learning, whatever `learning` says; the documents stand for `total_samples`.
    fn partial_fit_on(
        &self,
        mut model: LatentDirichletModel,
        train: &Train<'_, Matrix, NoTarget>,
    ) -> Result<LatentDirichletModel> {
        self.check()?;
        let x = model.features.align(train.x)?;
        let counts = Counts::new(&x)?;
        let online = LatentDirichletAllocation { learning: TopicLearning::Online, ..self.clone() };
        let random = Random::new(train.ctx.seed(self.seed)).stream("batches").fork(model.n_batches as u64);
        let all = x.n_rows().max(self.total_samples) as f64;
        online.learn(&train.ctx, &mut model, &counts, 0..x.n_rows(), all, &random)?;
        Ok(model)
    }
}

impl FitTransform for LatentDirichletAllocation {}

/// A fitted [`LatentDirichletAllocation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "saved::Parts")]
pub struct LatentDirichletModel {
    features: Features,
    topics: Array2<f64>,
    document_topic_prior: f64,
    topic_word_prior: f64,
    max_document_iter: usize,
    mean_change_tolerance: f64,
    n_batches: usize,
    n_iterations: usize,
    converged: bool,
    last_change: Option<f64>,
}

impl LatentDirichletModel {
    fn inference(&self) -> Inference {
        let (prior, max_iter) = (self.document_topic_prior, self.max_document_iter);
        Inference { prior, max_iter, tolerance: self.mean_change_tolerance }
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// How often each word is in each topic, topics x words, the prior included. A row divided by its sum is a
    /// distribution of words.
    pub fn topics(&self) -> &ArrayRef2<f64> {
        &self.topics
    }

    /// How many batches it learned from.
    pub fn n_batches(&self) -> usize {
        self.n_batches
    }

    /// How many passes over the documents the fit made.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether the fall of the perplexity came below the tolerance; false where none was set.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// By what share the perplexity still fell in the last pass, in the measure of the tolerance; none where no tolerance was set, or there was one
    /// pass only.
    pub fn last_change(&self) -> Option<f64> {
        self.last_change
    }

    fn shares(&self, ctx: &Context, counts: &Counts<'_>, n: usize) -> Result<Array2<f64>> {
        let turned = exp_expected_logs(&self.topics).t().as_standard_layout().to_owned();
        Ok(self.inference().documents(ctx, counts, 0..n, &turned, None, false)?.shares)
    }

    /// The lower bound of the log-likelihood of the documents.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a count is not a number >= 0.
    pub fn log_likelihood_bound(&self, x: &Matrix) -> Result<f64> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let counts = Counts::new(&x)?;
        let shares = self.shares(&Context::new(), &counts, x.n_rows())?;
        Ok(bound(&counts, &shares, &self.topics, (self.document_topic_prior, self.topic_word_prior)))
    }

    /// The exponential of the negative bound for each word; less is better.
    ///
    /// # Errors
    /// As for [`log_likelihood_bound`](LatentDirichletModel::log_likelihood_bound), and when there are no words.
    pub fn perplexity(&self, x: &Matrix) -> Result<f64> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        self.perplexity_of(&Context::new(), &Counts::new(&x)?, x.n_rows())
    }

    fn perplexity_of(&self, ctx: &Context, counts: &Counts<'_>, n: usize) -> Result<f64> {
        let total = counts.total(0..n);
        if !(total > 0.0) {
            return Err(Error::insufficient_data("the documents have no words, so there is no perplexity"));
        }
        let shares = self.shares(ctx, counts, n)?;
        let priors = (self.document_topic_prior, self.topic_word_prior);
        Ok((-bound(counts, &shares, &self.topics, priors) / total).exp())
    }
}

impl Transformer for LatentDirichletModel {
    type Input = Matrix;
    type Output = Matrix;

    /// The expected share of each topic in each document; each row sums to 1.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut shares = self.shares(&Context::new(), &Counts::new(&x)?, x.n_rows())?;
        for mut row in shares.rows_mut() {
            let total = row.sum();
            row.mapv_inplace(|share| share / total);
        }
        finish(shares, "topic")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("learned in {} iterations", self.n_iterations);
        decided_components(self, self.topics.nrows(), &self.features, why)
    }
}
