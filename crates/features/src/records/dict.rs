//! A column for each name.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Result, ResultExt, Rows, Train,
    Transformer,
};
use serde::{Deserialize, Serialize};

use super::{FieldValue, Record, number, sparse};

/// Turns records into sparse rows: a column for each name whose values are numbers, and one for each text that a name has.
///
/// Columns are in the order of their names. Fields that the training rows did not have are passed over, and what a row does not have
/// is 0. Rows of weight 0 have no say in which columns there are.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `separator` | `=` | what stands between name and text in the name of a column |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_features::{DictVectorizer, Record};
///
/// let rows: Vec<Record> = vec![
///     Record::from([("city".into(), "Oslo".into()), ("degrees".into(), 3.0_f64.into())]),
///     Record::from([("city".into(), "Rome".into()), ("degrees".into(), 21.5_f64.into())]),
/// ];
/// let model = DictVectorizer::new().fit(&rows, &NoTarget)?;
/// let x = model.transform(&rows)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["city=Oslo", "city=Rome", "degrees"]);
/// assert_eq!(x.to_dense()?.dense()?.row(1).to_vec(), [0.0, 1.0, 21.5]);
/// assert_eq!(model.inverse_transform(&x)?, rows);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DictVectorizer {
    separator: String,
}

impl Default for DictVectorizer {
    fn default() -> Self {
        DictVectorizer { separator: "=".to_owned() }
    }
}

impl DictVectorizer {
    /// Columns of texts named `name=text`.
    pub fn new() -> Self {
        DictVectorizer::default()
    }

    /// What stands between name and text in the name of a column.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }
}

/// What a column stands for: the name of a field, and its text where it is one.
type Column = (String, Option<String>);

impl Estimator for DictVectorizer {
    type Input = [Record];
    type Target = NoTarget;
    type Model = DictVectorizerModel;

    fn fit_on(&self, train: &Train<'_, [Record], NoTarget>) -> Result<DictVectorizerModel> {
        let mut seen: BTreeSet<Column> = BTreeSet::new();
        for (row, record) in train.x.iter().enumerate().filter(|(row, _)| train.weight(*row) > 0.0) {
            train.ctx.check()?;
            for (name, value) in record {
                let text = match value {
                    FieldValue::Number(value) => {
                        number(row, name, *value)?;
                        None
                    }
                    FieldValue::Text(text) => Some(text.clone()),
                };
                seen.insert((name.clone(), text));
            }
        }
        if seen.is_empty() {
            return Err(Error::insufficient_data("no row has a field"));
        }
        let label = |(name, text): &Column| match text {
            None => name.clone(),
            Some(text) => format!("{name}{}{text}", self.separator),
        };
        let mut columns: Vec<Column> = seen.into_iter().collect();
        columns.sort_by_cached_key(label);
        let names = columns.iter().map(label).collect::<Vec<String>>();
        let output = Features::named(names)
            .context("a name and a text make the name of another column; set another `separator`")?;
        DictVectorizerModel::try_from(Parts { columns, output })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl FitTransform for DictVectorizer {}

/// A fitted [`DictVectorizer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DictVectorizerModel {
    columns: Vec<Column>,
    output: Features,
    #[serde(skip)]
    places: BTreeMap<String, Places>,
}

/// The columns of a field: of its numbers, and of each of its texts.
#[derive(Debug, Clone, Default, PartialEq)]
struct Places {
    number: Option<u32>,
    texts: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<Column>,
    output: Features,
}

impl TryFrom<Parts> for DictVectorizerModel {
    type Error = Error;

    fn try_from(Parts { columns, output }: Parts) -> Result<Self> {
        if columns.is_empty() || columns.len() != output.len() || u32::try_from(columns.len()).is_err() {
            return Err(Error::corrupt("the columns of the records are not those of the output"));
        }
        let mut places: BTreeMap<String, Places> = BTreeMap::new();
        for (column, (name, text)) in (0_u32..).zip(&columns) {
            let own = places.entry(name.clone()).or_default();
            match text {
                None => own.number = Some(column),
                Some(text) => {
                    own.texts.insert(text.clone(), column);
                }
            }
        }
        Ok(DictVectorizerModel { columns, output, places })
    }
}

impl DictVectorizerModel {
    /// The records of which these would be the rows: fields that are 0 are left out.
    ///
    /// # Errors
    /// When the columns are not those of the output.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Vec<Record>> {
        let x = self.output.align(x)?;
        let field = |column: usize, value: f64| {
            let (name, text) = &self.columns[column];
            let value = text.clone().map_or(FieldValue::Number(value), FieldValue::Text);
            (name.clone(), value)
        };
        let Some(csr) = x.sparse() else {
            let rows = x.dense()?.rows().into_iter();
            let record = |row: ndarray::ArrayView1<'_, f64>| {
                let cells = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
                cells.map(|(column, &value)| field(column, value)).collect::<Record>()
            };
            return Ok(rows.map(record).collect());
        };
        let record = |row: usize| {
            let (columns, values) = csr.row(row);
            let cells = columns.iter().zip(values).filter(|(_, value)| **value != 0.0);
            cells.map(|(&column, &value)| field(column as usize, value)).collect::<Record>()
        };
        Ok((0..csr.n_rows()).map(record).collect())
    }
}

impl Transformer for DictVectorizerModel {
    type Input = [Record];
    type Output = Matrix;

    fn transform(&self, x: &[Record]) -> Result<Matrix> {
        let cells = |row: usize| -> Result<Vec<(u32, f64)>> {
            let mut cells = Vec::new();
            for (name, value) in &x[row] {
                let Some(places) = self.places.get(name) else { continue };
                match value {
                    FieldValue::Number(value) => {
                        let value = number(row, name, *value)?;
                        cells.extend(places.number.map(|column| (column, value)));
                    }
                    FieldValue::Text(text) => {
                        cells.extend(places.texts.get(text).map(|&column| (column, 1.0)))
                    }
                }
            }
            Ok(cells)
        };
        sparse((0..x.n_rows()).map(cells), &self.output)
    }
}
