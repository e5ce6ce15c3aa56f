//! Texts as mixtures of topics, which are learned from their short parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Train, Transformer,
};
use perennial_data::Table;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::gamma_poisson::{Counts, Topics};
use super::grams::{check, counted_grams};
use super::table::{check_size, coded_matrix};
use crate::categories::{Coded, Levels, MISSING, count};
use crate::decided;
use crate::schema;

/// Tells how much of each of a few topics a text has, where topics are short parts that occur together: the counts of the parts are Poisson, what a
/// text has of a topic has a gamma prior (Cerda and Varoquaux, 2020; `GapEncoder` of skrub, learned here from all texts in each round instead of by
/// small batches). Misspelt and new texts get what their parts say, so none is ever unknown.
///
/// Columns are named `job topic 0` and so on; [`topics`](GapModel::topics) gives the texts that have most of each. A number is about half of
/// how many parts of the text belong to the topic. Missing cells stay missing.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 10 | 1 to 1000 | how many topics each column has |
/// | `ngrams` | (2, 4) | 1 to 16 | from how many to how many characters a part has |
/// | `max_ngrams` | 10,000 | 1 to 1,000,000 | how many different parts are looked at: those of most rows, among equals the first in order |
/// | `max_iter` | 100 | 1 to 100,000 | most rounds |
/// | `tolerance` | 0.001 | >= 0 | the change of the shares in a topic at which to stop |
/// | `seed` | that of the context | any | of the texts at which the topics start |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::GapEncoder;
///
/// let cities = ["Paris, FR", "Paris", "London, UK", "Paris, France", "london", "London, England", "London", "Pqris"];
/// let table = Table::new([("city", Column::text(cities))])?;
/// let model = GapEncoder::new().n_components(2).seed(1).fit(&table, &NoTarget)?;
/// let x = model.transform(&table)?;
/// let topic = |row: usize| usize::from(x.dense().unwrap()[[row, 0]] < x.dense().unwrap()[[row, 1]]);
/// assert!(topic(0) == topic(1) && topic(0) == topic(7) && topic(2) == topic(5) && topic(0) != topic(2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GapEncoder {
    n_components: usize,
    ngrams: (usize, usize),
    max_ngrams: usize,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for GapEncoder {
    fn default() -> Self {
        GapEncoder {
            n_components: 10,
            ngrams: (2, 4),
            max_ngrams: 10_000,
            max_iter: 100,
            tolerance: 1e-3,
            seed: None,
        }
    }
}

const N_COMPONENTS: Param = Param::integer("n_components", "how many topics each column has")
    .at_least(1.0)
    .at_most(1000.0)
    .search_log(2.0, 50.0);
const MAX_NGRAMS: Param =
    Param::integer("max_ngrams", "how many different parts are looked at").at_least(1.0).at_most(1e6);
const MAX_ITER: Param = Param::integer("max_iter", "most rounds").at_least(1.0).at_most(1e5);
const TOLERANCE: Param =
    Param::real("tolerance", "the change of the shares in a topic at which to stop").at_least(0.0);

/// How many texts stand for a topic.
const N_NAMED: usize = 3;

setters!(GapEncoder { seed });

impl GapEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, MAX_NGRAMS, MAX_ITER, TOLERANCE];

    /// Ten topics, by parts of two to four characters.
    pub fn new() -> Self {
        GapEncoder::default()
    }

    /// How many topics each column has.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// From how many to how many characters a part has.
    #[must_use]
    pub fn ngrams(mut self, shortest: usize, longest: usize) -> Self {
        self.ngrams = (shortest, longest);
        self
    }

    /// How many different parts are looked at.
    #[must_use]
    pub fn max_ngrams(mut self, max_ngrams: usize) -> Self {
        self.max_ngrams = max_ngrams;
        self
    }

    /// Most rounds.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The change of the shares in a topic at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn check(&self) -> Result<()> {
        N_COMPONENTS.check_count(self.n_components)?;
        MAX_NGRAMS.check_count(self.max_ngrams)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        check(self.ngrams)
    }

    /// The parts of most rows, in sorted order.
    fn parts(&self, texts: &[Vec<(&str, f64)>], weights: &[f64]) -> Levels {
        let mut of_part: BTreeMap<&str, f64> = BTreeMap::new();
        for (text, weight) in texts.iter().zip(weights) {
            text.iter().for_each(|(part, _)| *of_part.entry(*part).or_default() += weight);
        }
        let mut parts: Vec<(&str, f64)> = of_part.into_iter().collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        parts.truncate(self.max_ngrams);
        parts.sort_unstable_by_key(|(part, _)| *part);
        Levels::from(parts.into_iter().map(|(part, _)| Arc::from(part)).collect::<Vec<_>>())
    }
}

impl Estimator for GapEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = GapModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<GapModel> {
        self.check()?;
        let random = Random::new(train.ctx.seed(self.seed));
        let learn = |(at, (name, column))| {
            let counted = count(name, column, train.weights)?;
            if counted.levels.len() == 0 {
                return Err(Error::insufficient_data(format!(
                    "every cell of column `{name}` is missing, so there are no topics to learn; leave it out"
                )));
            }
            let names = counted.levels.names();
            let grams: Vec<_> = names.iter().map(|text| counted_grams(text, self.ngrams)).collect();
            let parts = self.parts(&grams, &counted.weights);
            let texts: Vec<Counts> = grams.iter().map(|grams| of_known(&parts, grams)).collect();
            let settings = (self.n_components, self.max_iter, self.tolerance);
            let mut random = random.fork(at as u64);
            let topics =
                Topics::learn(&texts, &counted.weights, parts.len(), settings, &mut random, &train.ctx)?;
            let typical = typical(&topics, &texts, names);
            Ok(Learned { name: Arc::from(name), parts, shares: topics.shares.into_owned(), typical })
        };
        let columns = train.x.columns().enumerate().map(learn).collect::<Result<Vec<_>>>()?;
        GapModel::try_from(Parts { n_components: self.n_components, ngrams: self.ngrams, columns })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for GapEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::check_categories(x)?;
        let unlearned = |name| Learned {
            name: Arc::from(name),
            parts: Levels::default(),
            shares: Vec::new(),
            typical: Vec::new(),
        };
        let columns = x.names().map(unlearned).collect();
        let parts = Parts { n_components: self.n_components, ngrams: self.ngrams, columns };
        OutputSchema::of(&GapModel::try_from(parts)?, x)
    }
}

/// The counts of the parts that are known.
fn of_known(parts: &Levels, grams: &[(&str, f64)]) -> Counts {
    grams.iter().filter_map(|(gram, n)| Some((parts.position(gram)?, *n))).collect()
}

/// The texts of which the largest share belongs to each topic.
fn typical(topics: &Topics<'_>, texts: &[Counts], names: &[Arc<str>]) -> Vec<Vec<Arc<str>>> {
    let shares: Vec<Vec<f64>> = reduce::map_each(texts.len(), |text| {
        let own = topics.activations(&texts[text]);
        let total: f64 = own.iter().sum();
        own.into_iter().map(|own| own / total).collect()
    });
    let of_topic = |topic: usize| {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by(|&a, &b| shares[b][topic].total_cmp(&shares[a][topic]));
        order.into_iter().take(N_NAMED).map(|text| Arc::clone(&names[text])).collect()
    };
    (0..topics.n_topics).map(of_topic).collect()
}

/// What was learned of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Learned {
    name: Arc<str>,
    parts: Levels,
    shares: Vec<f64>,
    typical: Vec<Vec<Arc<str>>>,
}

/// A fitted [`GapEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GapModel {
    n_components: usize,
    ngrams: (usize, usize),
    columns: Vec<Learned>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    n_components: usize,
    ngrams: (usize, usize),
    columns: Vec<Learned>,
}

impl TryFrom<Parts> for GapModel {
    type Error = Error;

    fn try_from(Parts { n_components, ngrams, columns }: Parts) -> Result<Self> {
        N_COMPONENTS.check_count(n_components)?;
        check(ngrams)?;
        let sound = |column: &Learned| {
            column.parts.len().checked_mul(n_components) == Some(column.shares.len())
                && column.shares.iter().all(|share| (0.0..=1.0).contains(share))
        };
        if !columns.iter().all(sound) {
            return Err(Error::corrupt("topics need a share from 0 to 1 of each part"));
        }
        let names = columns.iter().flat_map(|column| {
            (0..n_components).map(move |topic| Feature::numeric(format!("{} topic {topic}", column.name)))
        });
        let output = names.collect::<Vec<_>>().try_into()?;
        Ok(GapModel { n_components, ngrams, columns, output })
    }
}

impl GapModel {
    /// For each topic of a column the three training texts with the largest share of it.
    ///
    /// # Errors
    /// When no such column was learned.
    pub fn topics(&self, column: &str) -> Result<&[Vec<Arc<str>>]> {
        let found = self.columns.iter().find(|learned| &*learned.name == column);
        found
            .map(|learned| learned.typical.as_slice())
            .ok_or_else(|| Error::unknown(format!("no topics were learned of a column `{column}`")))
    }
}

impl Transformer for GapModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        check_size(x, &self.output)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for learned in &self.columns {
            let coded = Coded::of(&learned.name, x.column(&learned.name)?)?;
            let topics = Topics { n_topics: self.n_components, shares: learned.shares.as_slice().into() };
            let used = coded.of_each(|_| true);
            let levels: Vec<&str> = coded.levels().collect();
            let own: Vec<Vec<f64>> = reduce::map_each(levels.len(), |level| match used[level] {
                true => {
                    let grams = counted_grams(levels[level], self.ngrams);
                    topics.activations(&of_known(&learned.parts, &grams))
                }
                false => Vec::new(),
            });
            columns.push((own, coded.codes));
        }
        coded_matrix(x, &self.output, |row, out| {
            for ((own, codes), out) in columns.iter().zip(out.chunks_exact_mut(self.n_components)) {
                match codes[row] {
                    MISSING => out.fill(f64::NAN),
                    code => out.copy_from_slice(&own[code as usize]),
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![self.n_components; self.columns.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let learned = |learned: &Learned| {
            let topics = decided::list(learned.typical.iter().map(|words| words.join(" / ")));
            let what = format!("texts become shares of {} topics: {topics}", self.n_components);
            Decided::by(self, what, "the texts of the training rows").column(&*learned.name)
        };
        self.columns.iter().map(learned).collect()
    }
}
