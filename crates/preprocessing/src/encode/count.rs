//! How frequent each category is.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Counted, Levels, Unknown, count};
use crate::decided;
use crate::schema;

/// Replaces each category by the number of training rows that have it, or by their share.
///
/// Missing cells are counted like a category. A weight counts as copies of its row.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `normalize` | false | whether to give shares of all rows |
/// | `unknown` | ignore | whether a category that was not there at fit is an error, or 0 |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::CountEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Oslo", "Rome"]))])?;
/// let counts = CountEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(counts.dense()?, ndarray::array![[2.0], [1.0], [2.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountEncoder {
    normalize: bool,
    unknown: Unknown,
}

impl Default for CountEncoder {
    fn default() -> Self {
        CountEncoder { normalize: false, unknown: Unknown::Ignore }
    }
}

impl CountEncoder {
    /// Counts; unknown categories are 0.
    pub fn new() -> Self {
        CountEncoder::default()
    }

    /// Whether to give shares of all rows.
    #[must_use]
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// What becomes of a category that was not there at fit.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }
}

impl Estimator for CountEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = CountModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<CountModel> {
        let learn = |(name, column)| Ok(self.learn(name, count(name, column, train.weights)?));
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        CountModel::try_from(Parts { columns, unknown: self.unknown })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl CountEncoder {
    fn learn(&self, name: &str, counted: Counted) -> Counts {
        let mut counts = counted.weights;
        counts.extend([counted.missing, 0.0]);
        if self.normalize {
            let total: f64 = counts.iter().sum();
            counts.iter_mut().for_each(|count| *count /= total);
        }
        Counts { name: Arc::from(name), levels: counted.levels, counts }
    }
}

impl FitBatches for CountEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(from_counts(
            |name, counted| Ok(self.learn(name, counted)),
            |columns| CountModel::try_from(Parts { columns, unknown: self.unknown }),
        ))
    }
}

impl FitTransform for CountEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        schema::check_categories(x)?;
        let unlearned =
            |name| Counts { name: Arc::from(name), levels: Levels::default(), counts: vec![0.0; 2] };
        let columns = x.names().map(unlearned).collect();
        OutputSchema::of(&CountModel::try_from(Parts { columns, unknown: self.unknown })?, x)
    }
}

/// The categories of a column and their counts, those of missing cells and of unknown categories at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counts {
    name: Arc<str>,
    levels: Levels,
    counts: Vec<f64>,
}

/// A fitted [`CountEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct CountModel {
    columns: Vec<Counts>,
    unknown: Unknown,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<Counts>,
    unknown: Unknown,
}

impl TryFrom<Parts> for CountModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        if parts.columns.iter().any(|column| column.counts.len() != column.levels.len() + 2) {
            return Err(Error::corrupt("a count encoder has a category without a count"));
        }
        let features = parts.columns.iter().map(|column| Feature::numeric(column.name.clone()));
        let output = features.collect::<Vec<_>>().try_into()?;
        Ok(CountModel { columns: parts.columns, unknown: parts.unknown, output })
    }
}

impl Transformer for CountModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let look_up =
            |column: &Counts| column.levels.places(&column.name, x.column(&column.name)?, self.unknown);
        let places = self.columns.iter().map(look_up).collect::<Result<Vec<_>>>()?;
        coded_matrix(x, &self.output, |row, out| {
            for ((out, column), places) in out.iter_mut().zip(&self.columns).zip(&places) {
                *out = column.counts[places[row] as usize];
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.columns.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let count = |column: &Counts| {
            let pairs = column.levels.names().iter().zip(&column.counts);
            let pairs = decided::list(pairs.map(|(level, count)| format!("`{level}` {count}")));
            let why = "how often each is in the training rows";
            Decided::by(self, format!("categories become {pairs}"), why).column(&*column.name)
        };
        self.columns.iter().map(count).collect()
    }
}
