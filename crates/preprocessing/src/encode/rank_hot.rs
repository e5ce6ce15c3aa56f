//! Ranks as steps: one column for each step that was climbed.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::categories::{Counted, Levels, MISSING, Unknown, count};
use crate::category_parts::TableParts;
use crate::decided;
use crate::schema;

/// Turns categories with an order into steps: of small, medium and large become the columns `size >= medium` and
/// `size >= large`, 1 where the category is that or a later one. A linear model then learns one difference for each step.
///
/// It is the rank-hot encoding of category_encoders without its first column, which is always 1. Missing cells stay missing.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `orders` | none | the categories of some columns from the first to the last; those of others are in sorted order, whole numbers by size |
/// | `unknown` | error | whether a category that was not there at fit, or is not in the order, is an error or becomes missing |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::RankHotEncoder;
///
/// let table = Table::new([("size", Column::text(["small", "large", "medium"]))])?;
/// let encoder = RankHotEncoder::new().order("size", ["small", "medium", "large"]);
/// let encoded = encoder.fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(encoded.features().names().collect::<Vec<_>>(), ["size >= medium", "size >= large"]);
/// assert_eq!(encoded.dense()?, ndarray::array![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RankHotEncoder {
    orders: BTreeMap<String, Vec<String>>,
    unknown: Unknown,
}

impl RankHotEncoder {
    /// Categories in sorted order; unknown ones are errors.
    pub fn new() -> Self {
        RankHotEncoder::default()
    }

    /// The categories of a column from the first to the last.
    #[must_use]
    pub fn order<S: Into<String>>(
        mut self,
        column: impl Into<String>,
        categories: impl IntoIterator<Item = S>,
    ) -> Self {
        self.orders.insert(column.into(), categories.into_iter().map(Into::into).collect());
        self
    }

    /// What becomes of a category that was not there at fit, or is not in the order.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    fn check(&self, x: &Table) -> Result<()> {
        if let Some(column) = self.orders.keys().find(|name| x.column(name).is_err()) {
            return Err(Error::unknown(format!(
                "an order is given for column `{column}`, which the rows do not have"
            )));
        }
        for (name, order) in &self.orders {
            let mut distinct: Vec<&String> = order.iter().collect();
            distinct.sort_unstable();
            if let Some(pair) = distinct.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::invalid_param(
                    "orders",
                    format!("`{}` twice for column `{name}`", pair[0]),
                    "each category once",
                ));
            }
        }
        Ok(())
    }
}

fn in_order(order: &[String]) -> Levels {
    order.iter().map(|level| Arc::from(level.as_str())).collect::<Vec<_>>().into()
}

impl Estimator for RankHotEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = RankHotModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<RankHotModel> {
        self.check(train.x)?;
        let learn = |(name, column)| {
            let Some(order) = self.orders.get(name) else {
                return Ok((Arc::from(name), count(name, column, train.weights)?.levels));
            };
            let levels = in_order(order);
            // So that a category which the order forgets is told now.
            levels.look_up(name, column, self.unknown)?;
            Ok((Arc::from(name), levels))
        };
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        RankHotModel::try_from(Parts { columns, unknown: self.unknown })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// The different categories are in memory.
impl FitBatches for RankHotEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |parts: &mut TableParts<f64>, batch: &Train<'_, Table, NoTarget>| {
                self.check(batch.x)?;
                for (name, order) in &self.orders {
                    in_order(order).look_up(name, batch.x.column(name)?, self.unknown)?;
                }
                parts.count(batch.x, batch.weights)
            },
            |parts| {
                let column = |(name, counted): (Arc<str>, Counted)| {
                    let levels = self.orders.get(&*name).map_or(counted.levels, |order| in_order(order));
                    (name, levels)
                };
                let columns = parts.counted().map(column).collect();
                RankHotModel::try_from(Parts { columns, unknown: self.unknown })
            },
        ))
    }
}

impl FitTransform for RankHotEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check(x)?;
        schema::check_categories(x)?;
        match x.names().all(|name| self.orders.contains_key(name)) {
            true => schema::of_no_rows(self, x),
            false => Ok(OutputSchema::after_fit(
                self,
                "of a column without an order each category that the rows have becomes a column",
            )),
        }
    }
}

/// A fitted [`RankHotEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct RankHotModel {
    columns: Vec<(Arc<str>, Levels)>,
    unknown: Unknown,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<(Arc<str>, Levels)>,
    unknown: Unknown,
}

impl TryFrom<Parts> for RankHotModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let steps = |(name, levels): &(Arc<str>, Levels)| -> Vec<Feature> {
            let step = |level: &Arc<str>| Feature::numeric(format!("{name} >= {level}"));
            levels.names().iter().skip(1).map(step).collect()
        };
        let output = parts.columns.iter().flat_map(steps).collect::<Vec<_>>().try_into()?;
        Ok(RankHotModel { columns: parts.columns, unknown: parts.unknown, output })
    }
}

impl Transformer for RankHotModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let look_up =
            |(name, levels): &(Arc<str>, Levels)| levels.look_up(name, x.column(name)?, self.unknown);
        let codes = self.columns.iter().map(look_up).collect::<Result<Vec<_>>>()?;
        let widths: Vec<usize> =
            self.columns.iter().map(|(_, levels)| levels.len().saturating_sub(1)).collect();
        coded_matrix(x, &self.output, |row, mut out| {
            for (codes, &width) in codes.iter().zip(&widths) {
                let (steps, rest) = out.split_at_mut(width);
                match codes[row] {
                    MISSING => steps.fill(f64::NAN),
                    code => steps[..code as usize].fill(1.0),
                }
                out = rest;
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(
            self.columns.iter().map(|(_, levels)| levels.len().saturating_sub(1)),
        )
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|(name, levels)| (name, levels));
        decided::of_levels(self, columns, |_, levels| format!("steps in this order: {levels}"))
    }
}
