//! Categories in a fixed number of columns, by hashing.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param,
    Result, Train, Transformer,
};
use perennial_data::{Table, murmur3};
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use crate::batches::{BoxLearning, FitBatches, of_columns};
use crate::categories::{Coded, MISSING};
use crate::schema;

/// Spreads all categories of all columns over `n_components` columns: a cell adds 1 to, or subtracts it from, the
/// column that the hash of `column=category` picks (Weinberger and others, 2009).
///
/// It learns nothing but the names of the columns, so no category is ever unknown, and the size of the output is
/// known before data is seen; different categories may share a column. Missing cells add nothing.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 16 | 1 to 1,000,000 | how many columns there are |
/// | `signed` | true | | whether half of the categories subtract, so that collisions cancel on average |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::HashingEncoder;
///
/// let table = Table::new([("city", Column::text([Some("Rome"), Some("Oslo"), None]))])?;
/// let x = HashingEncoder::new().n_components(8).fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(x.n_cols(), 8);
/// assert_eq!(x.dense()?.row(0).iter().filter(|cell| **cell != 0.0).count(), 1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingEncoder {
    n_components: usize,
    signed: bool,
}

impl Default for HashingEncoder {
    fn default() -> Self {
        HashingEncoder { n_components: 16, signed: true }
    }
}

const N_COMPONENTS: Param = Param::integer("n_components", "how many columns there are")
    .at_least(1.0)
    .at_most(1e6)
    .search_log(8.0, 4096.0);

impl HashingEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS];

    /// Sixteen columns.
    pub fn new() -> Self {
        HashingEncoder::default()
    }

    /// How many columns there are.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// Whether half of the categories subtract.
    #[must_use]
    pub fn signed(mut self, signed: bool) -> Self {
        self.signed = signed;
        self
    }
}

impl Estimator for HashingEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = HashingModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<HashingModel> {
        // What cannot be encoded is refused here rather than in production.
        train.x.columns().try_for_each(|(name, column)| Coded::of(name, column).map(|_| ()))?;
        let columns = train.x.names().map(Arc::from).collect();
        HashingModel::try_from(Parts { settings: self.clone(), columns })
    }

    /// It learns from no row, so no weight is ignored.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for HashingEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(of_columns(self))
    }
}

impl FitTransform for HashingEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        schema::of_no_rows(self, x)
    }
}

/// A [`HashingEncoder`] that knows its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct HashingModel {
    settings: HashingEncoder,
    columns: Vec<Arc<str>>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    settings: HashingEncoder,
    columns: Vec<Arc<str>>,
}

impl TryFrom<Parts> for HashingModel {
    type Error = Error;

    fn try_from(Parts { settings, columns }: Parts) -> Result<Self> {
        N_COMPONENTS.check_count(settings.n_components)?;
        let output = (0..settings.n_components).map(|place| Feature::numeric(format!("hash {place}")));
        let output = output.collect::<Vec<_>>().try_into()?;
        Ok(HashingModel { settings, columns, output })
    }
}

impl Transformer for HashingModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let HashingEncoder { n_components, signed } = self.settings;
        let mut columns = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            let coded = Coded::of(name, x.column(name)?)?;
            let place = |level: &str| {
                let hash = murmur3(format!("{name}={level}").as_bytes(), 0);
                // The sign has a bit of its own, so that it does not depend on the column.
                let sign = if signed && hash >> 31 == 1 { -1.0 } else { 1.0 };
                ((hash & (u32::MAX >> 1)) as usize % n_components, sign)
            };
            columns.push((coded.levels().map(place).collect::<Vec<_>>(), coded.codes));
        }
        coded_matrix(x, &self.output, |row, out| {
            for (places, codes) in &columns {
                if codes[row] != MISSING {
                    let (place, sign) = places[codes[row] as usize];
                    out[place] += sign;
                }
            }
        })
    }
}
