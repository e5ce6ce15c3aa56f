//! Texts as the least hashes of their parts.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Train, Transformer,
};
use perennial_data::{Table, murmur3};
use serde::{Deserialize, Serialize};

use super::grams::{check, grams};
use super::table::{check_size, coded_matrix};
use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::categories::{Coded, MISSING};
use crate::schema;

/// Spreads texts over columns so that those which look alike agree in many of them: each column has the least of the hashes, by a function of its own, of the
/// short parts of the text, from 0 to 1 (Broder, 1997; as an encoder Cerda and Varoquaux, 2020). Two texts agree in a column with the
/// probability that is the share of parts which they have in common; trees do well with it.
///
/// It learns nothing but the names of the columns, so no category is ever unknown. Missing cells stay missing; an empty text is 1.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 30 | 1 to 10,000 | how many columns each column becomes |
/// | `ngrams` | (2, 4) | 1 to 16 | from how many to how many characters a part has |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::MinHashEncoder;
///
/// let table = Table::new([("job", Column::text(["electrician", "electricians", "baker"]))])?;
/// let x = MinHashEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
/// let rows = x.dense()?;
/// let agree = |a: usize, b: usize| rows.row(a).iter().zip(rows.row(b)).filter(|(a, b)| a == b).count();
/// assert!(agree(0, 1) > 15 && agree(0, 2) < 5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinHashEncoder {
    n_components: usize,
    ngrams: (usize, usize),
}

impl Default for MinHashEncoder {
    fn default() -> Self {
        MinHashEncoder { n_components: 30, ngrams: (2, 4) }
    }
}

const N_COMPONENTS: Param = Param::integer("n_components", "how many columns each column becomes")
    .at_least(1.0)
    .at_most(1e4)
    .search_log(10.0, 300.0);

impl MinHashEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// Thirty columns, by parts of two to four characters.
    pub fn new() -> Self {
        MinHashEncoder::default()
    }

    /// How many columns each column becomes.
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
}

impl Estimator for MinHashEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = MinHashModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<MinHashModel> {
        // What cannot be encoded is refused here rather than in production.
        train.x.columns().try_for_each(|(name, column)| Coded::of(name, column).map(|_| ()))?;
        let columns = train.x.names().map(Arc::from).collect();
        MinHashModel::try_from(Parts { settings: self.clone(), columns })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for MinHashEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for MinHashEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        schema::of_no_rows(self, x)
    }
}

/// A [`MinHashEncoder`] that knows its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MinHashModel {
    settings: MinHashEncoder,
    columns: Vec<Arc<str>>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    settings: MinHashEncoder,
    columns: Vec<Arc<str>>,
}

impl TryFrom<Parts> for MinHashModel {
    type Error = perennial_core::Error;

    fn try_from(Parts { settings, columns }: Parts) -> Result<Self> {
        N_COMPONENTS.check_count(settings.n_components)?;
        check(settings.ngrams)?;
        let names = columns.iter().flat_map(|name| {
            (0..settings.n_components).map(move |place| Feature::numeric(format!("{name} hash {place}")))
        });
        let output = names.collect::<Vec<_>>().try_into()?;
        Ok(MinHashModel { settings, columns, output })
    }
}

impl MinHashModel {
    /// The least hash of each function.
    fn least(&self, text: &str) -> Vec<f64> {
        let mut least = vec![u32::MAX; self.settings.n_components];
        for gram in grams(text, self.settings.ngrams) {
            for (least, seed) in least.iter_mut().zip(0..) {
                *least = (*least).min(murmur3(gram.as_bytes(), seed));
            }
        }
        least.into_iter().map(|hash| f64::from(hash) / f64::from(u32::MAX)).collect()
    }
}

impl Transformer for MinHashModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        check_size(x, &self.output)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            let coded = Coded::of(name, x.column(name)?)?;
            let hashes: Vec<Vec<f64>> = coded.of_each(|level| self.least(level));
            columns.push((hashes, coded.codes));
        }
        coded_matrix(x, &self.output, |row, out| {
            for ((hashes, codes), out) in columns.iter().zip(out.chunks_exact_mut(self.settings.n_components))
            {
                match codes[row] {
                    MISSING => out.fill(f64::NAN),
                    code => out.copy_from_slice(&hashes[code as usize]),
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![self.settings.n_components; self.columns.len()])
    }
}
