//! Categories by how their texts are like those of known ones.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param,
    Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::grams::{check, grams, jaccard};
use super::table::{check_size, coded_matrix};
use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Coded, Counted, MISSING, count};
use crate::decided;
use crate::schema;

/// Gives each of the most frequent categories a column with the similarity of the cell's text to it: the share of short parts that the two have
/// in common (similarity encoding; Cerda, Varoquaux and Kégl, 2018). Misspelt and new categories come near to those they look like,
/// so none is ever unknown. Missing cells stay missing.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `max_categories` | 30 | 1 to 10,000 | how many categories of a column have one of their own; the most frequent, among equals the first in order |
/// | `ngrams` | (3, 3) | 1 to 16 | from how many to how many characters a part has |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::SimilarityEncoder;
///
/// let table = Table::new([("job", Column::text(["plumber", "plumber", "painter", "painter"]))])?;
/// let model = SimilarityEncoder::new().fit(&table, &NoTarget)?;
/// let typo = Table::new([("job", Column::text(["plumbers"]))])?;
/// let x = model.transform(&typo)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["job ~ painter", "job ~ plumber"]);
/// assert_eq!(x.dense()?, ndarray::array![[0.0, 5.0 / 6.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimilarityEncoder {
    max_categories: usize,
    ngrams: (usize, usize),
}

impl Default for SimilarityEncoder {
    fn default() -> Self {
        SimilarityEncoder { max_categories: 30, ngrams: (3, 3) }
    }
}

const MAX_CATEGORIES: Param = Param::integer("max_categories", "how many categories have a column")
    .at_least(1.0)
    .at_most(1e4)
    .search_log(10.0, 300.0);

impl SimilarityEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MAX_CATEGORIES];

    /// Thirty categories of each column, by parts of three characters.
    pub fn new() -> Self {
        SimilarityEncoder::default()
    }

    /// How many categories of a column have one of their own.
    #[must_use]
    pub fn max_categories(mut self, max_categories: usize) -> Self {
        self.max_categories = max_categories;
        self
    }

    /// From how many to how many characters a part has.
    #[must_use]
    pub fn ngrams(mut self, shortest: usize, longest: usize) -> Self {
        self.ngrams = (shortest, longest);
        self
    }

    /// The most frequent categories of a column, in their order.
    fn learn(&self, name: &str, counted: &Counted) -> (Arc<str>, Vec<Arc<str>>) {
        let mut order: Vec<usize> = (0..counted.levels.len()).collect();
        order.sort_by(|&a, &b| counted.weights[b].total_cmp(&counted.weights[a]));
        order.truncate(self.max_categories);
        order.sort_unstable();
        let kept = order.into_iter().map(|at| Arc::clone(&counted.levels.names()[at])).collect();
        (Arc::from(name), kept)
    }

    fn check(&self) -> Result<()> {
        MAX_CATEGORIES.check_count(self.max_categories)?;
        check(self.ngrams)
    }
}

impl Estimator for SimilarityEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = SimilarityModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<SimilarityModel> {
        self.check()?;
        let learn = |(name, column)| {
            train.ctx.check()?;
            Ok(self.learn(name, &count(name, column, train.weights)?))
        };
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        SimilarityModel::try_from(Parts { ngrams: self.ngrams, columns })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// The different categories are in memory.
impl FitBatches for SimilarityEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_counts(
            |name, counted| Ok(self.learn(name, &counted)),
            |columns| SimilarityModel::try_from(Parts { ngrams: self.ngrams, columns }),
        ))
    }
}

impl FitTransform for SimilarityEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::check_categories(x)?;
        Ok(OutputSchema::after_fit(self, "each of the most frequent categories becomes a column"))
    }
}

/// A fitted [`SimilarityEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SimilarityModel {
    ngrams: (usize, usize),
    columns: Vec<(Arc<str>, Vec<Arc<str>>)>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    ngrams: (usize, usize),
    columns: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

impl TryFrom<Parts> for SimilarityModel {
    type Error = perennial_core::Error;

    fn try_from(Parts { ngrams, columns }: Parts) -> Result<Self> {
        check(ngrams)?;
        let names = columns.iter().flat_map(|(name, kept)| {
            kept.iter().map(move |level| Feature::numeric(format!("{name} ~ {level}")))
        });
        let output = names.collect::<Vec<_>>().try_into()?;
        Ok(SimilarityModel { ngrams, columns, output })
    }
}

impl Transformer for SimilarityModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        check_size(x, &self.output)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (name, kept) in &self.columns {
            let coded = Coded::of(name, x.column(name)?)?;
            let known: Vec<Vec<&str>> = kept.iter().map(|level| grams(level, self.ngrams)).collect();
            let like = |level: &str| -> Vec<f64> {
                let own = grams(level, self.ngrams);
                known.iter().map(|known| jaccard(&own, known)).collect()
            };
            columns.push((kept.len(), coded.of_each(like), coded.codes));
        }
        coded_matrix(x, &self.output, |row, mut out| {
            for (width, likes, codes) in &columns {
                let (own, rest) = out.split_at_mut(*width);
                match codes[row] {
                    MISSING => own.fill(f64::NAN),
                    code => own.copy_from_slice(&likes[code as usize]),
                }
                out = rest;
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(self.columns.iter().map(|(_, kept)| kept.len()))
    }

    fn decided(&self) -> Vec<Decided> {
        let kept = |(name, kept): &(Arc<str>, Vec<Arc<str>>)| {
            let levels = decided::list(kept.iter().map(|level| format!("`{level}`")));
            let what = format!("texts become their likeness to each of {levels}");
            Decided::by(self, what, "the most frequent texts of the training rows").column(&**name)
        };
        self.columns.iter().map(kept).collect()
    }
}
