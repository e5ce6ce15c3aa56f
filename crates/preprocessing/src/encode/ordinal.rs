//! One code for each category.

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
use crate::categories::{Levels, MISSING, Unknown, count};
use crate::decided;
use crate::schema;

/// Turns the categories of each column into 0, 1, 2, ... in sorted order, whole numbers by size.
///
/// The output columns are marked as categorical, so models that know categories treat them as such.
/// Missing cells stay missing.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `unknown` | error | whether a category that was not there at fit is an error, or becomes missing |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::OrdinalEncoder;
///
/// let table = Table::new([("size", Column::text(["small", "large", "small"]))])?;
/// let encoded = OrdinalEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(encoded.dense()?, ndarray::array![[1.0], [0.0], [1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdinalEncoder {
    unknown: Unknown,
}

impl OrdinalEncoder {
    /// Unknown categories are errors.
    pub fn new() -> Self {
        OrdinalEncoder::default()
    }

    /// What becomes of a category that was not there at fit.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }
}

impl Estimator for OrdinalEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = OrdinalModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<OrdinalModel> {
        let learn = |(name, column)| Ok((Arc::from(name), count(name, column, train.weights)?.levels));
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        OrdinalModel::new(columns, self.unknown)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for OrdinalEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(from_counts(
            |name, counted| Ok((Arc::from(name), counted.levels)),
            |columns| OrdinalModel::new(columns, self.unknown),
        ))
    }
}

impl FitTransform for OrdinalEncoder {
    /// The codes that were counted are those to write: each text is hashed once.
    fn fit_transform_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<(OrdinalModel, Matrix)> {
        if train.weights.is_some() {
            // A category whose rows all weigh nothing is unknown, which `transform` sees to.
            let model = self.fit_on(train)?;
            let x = model.transform(train.x)?;
            return Ok((model, x));
        }
        let (mut columns, mut codes) = (Vec::new(), Vec::new());
        for (name, column) in train.x.columns() {
            let counted = count(name, column, None)?;
            columns.push((Arc::from(name), counted.levels));
            codes.push(counted.codes);
        }
        let model = OrdinalModel::new(columns, self.unknown)?;
        let x = model.write(train.x, &codes)?;
        Ok((model, x))
    }

    /// How many categories there are is learned; the names of the columns are those of the input.
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        schema::check_categories(x)?;
        let columns = x.names().map(|name| (Arc::from(name), Levels::default())).collect();
        let OrdinalModel { output, .. } = OrdinalModel::new(columns, self.unknown)?;
        let sources = crate::outputs::column_by_column(vec![1; output.len()]);
        Ok(OutputSchema::Known { output: coded_matrix(x, &output, |_, _| {})?, sources })
    }
}

/// The name of a column and its categories in the order of their codes.
type Learned = (Arc<str>, Levels);

/// A fitted [`OrdinalEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct OrdinalModel {
    columns: Vec<Learned>,
    unknown: Unknown,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<Learned>,
    unknown: Unknown,
}

impl TryFrom<Parts> for OrdinalModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        OrdinalModel::new(parts.columns, parts.unknown)
    }
}

impl OrdinalModel {
    fn new(columns: Vec<Learned>, unknown: Unknown) -> Result<Self> {
        let feature = |(name, levels): &Learned| Feature::categorical(name.clone(), levels.len() as u32);
        let output = columns.iter().map(feature).collect::<Vec<_>>().try_into()?;
        Ok(OrdinalModel { columns, unknown, output })
    }

    /// A row of codes for each row of `x`.
    fn write(&self, x: &Table, codes: &[Vec<u32>]) -> Result<Matrix> {
        coded_matrix(x, &self.output, |row, out| {
            for (out, codes) in out.iter_mut().zip(codes) {
                *out = if codes[row] == MISSING { f64::NAN } else { f64::from(codes[row]) };
            }
        })
    }

    /// The categories of a column in the order of their codes.
    ///
    /// # Errors
    /// When the encoder did not learn from such a column.
    pub fn categories(&self, column: &str) -> Result<impl ExactSizeIterator<Item = &str>> {
        let position = self.output.position(column)?;
        Ok(self.columns[position].1.names().iter().map(|level| &**level))
    }
}

impl Transformer for OrdinalModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let look_up = |(name, levels): &Learned| levels.look_up(name, x.column(name)?, self.unknown);
        let codes = self.columns.iter().map(look_up).collect::<Result<Vec<_>>>()?;
        self.write(x, &codes)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.columns.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|(name, levels)| (name, levels));
        decided::of_levels(self, columns, |_, levels| format!("numbered from 0 in this order: {levels}"))
    }
}
