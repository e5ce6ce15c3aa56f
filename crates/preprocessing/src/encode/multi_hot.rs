//! Cells with several items: a column for each item.

use std::collections::BTreeSet;
use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::table::{check_size, coded_matrix};
use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Coded, Counted, Levels, MISSING, Unknown, count};
use crate::decided;
use crate::schema;

/// Splits cells such as `drama|comedy` into items and gives each item a column of 0 and 1, `genre=comedy` (as `MultiHotEncoder` of category_encoders).
///
/// Spaces around items do not count, empty items are none, and an item that stands twice counts once. Where cells were missing at fit there is a
/// column `genre is missing`; elsewhere they are treated as unknown. The items are in sorted order.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `delimiter` | a bar | not empty | what stands between items |
/// | `unknown` | error | | whether an item that was not there at fit is an error or passed over |
/// | `max_items` | 10,000 | 1 to 1,000,000 | a column with more items is an error |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::MultiHotEncoder;
///
/// let table = Table::new([("genre", Column::text(["drama|comedy", "comedy", ""]))])?;
/// let x = MultiHotEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["genre=comedy", "genre=drama"]);
/// assert_eq!(x.dense()?, ndarray::array![[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiHotEncoder {
    delimiter: String,
    unknown: Unknown,
    max_items: usize,
}

impl Default for MultiHotEncoder {
    fn default() -> Self {
        MultiHotEncoder { delimiter: "|".to_owned(), unknown: Unknown::Error, max_items: 10_000 }
    }
}

const MAX_ITEMS: Param =
    Param::integer("max_items", "how many items a column may have").at_least(1.0).at_most(1e6);

impl MultiHotEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MAX_ITEMS];

    /// Items with bars between them; unknown ones are errors.
    pub fn new() -> Self {
        MultiHotEncoder::default()
    }

    /// What stands between items.
    #[must_use]
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = delimiter.into();
        self
    }

    /// What becomes of an item that was not there at fit.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// A column with more items is an error.
    #[must_use]
    pub fn max_items(mut self, max_items: usize) -> Self {
        self.max_items = max_items;
        self
    }

    fn items<'a>(&'a self, cell: &'a str) -> impl Iterator<Item = &'a str> {
        cell.split(self.delimiter.as_str()).map(str::trim).filter(|item| !item.is_empty())
    }

    fn learn(&self, name: &str, counted: &Counted) -> Result<Items> {
        let mut items: BTreeSet<&str> = BTreeSet::new();
        for level in counted.levels.names() {
            items.extend(self.items(level));
            if items.len() > self.max_items {
                return Err(Error::too_large(format!(
                    "column `{name}` has more than {} items and would become as many columns; raise `max_items`, or hash it",
                    self.max_items
                )));
            }
        }
        let items = Levels::from(items.into_iter().map(Arc::from).collect::<Vec<_>>());
        Ok(Items { name: Arc::from(name), items, had_missing: counted.missing > 0.0 })
    }

    fn check(&self) -> Result<()> {
        MAX_ITEMS.check_count(self.max_items)?;
        match self.delimiter.is_empty() {
            false => Ok(()),
            true => Err(Error::invalid_param("delimiter", "an empty text", "what stands between items")),
        }
    }
}

impl Estimator for MultiHotEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = MultiHotModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<MultiHotModel> {
        self.check()?;
        let learn = |(name, column)| {
            train.ctx.check()?;
            self.learn(name, &count(name, column, train.weights)?)
        };
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        MultiHotModel::try_from(Parts { settings: self.clone(), columns })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// The different cells of each column are in memory.
impl FitBatches for MultiHotEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_counts(
            |name, counted| self.learn(name, &counted),
            |columns| MultiHotModel::try_from(Parts { settings: self.clone(), columns }),
        ))
    }
}

impl FitTransform for MultiHotEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::check_categories(x)?;
        Ok(OutputSchema::after_fit(self, "each item that the rows have becomes a column"))
    }
}

/// The items of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Items {
    name: Arc<str>,
    items: Levels,
    had_missing: bool,
}

impl Items {
    fn width(&self) -> usize {
        self.items.len() + usize::from(self.had_missing)
    }
}

/// A fitted [`MultiHotEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MultiHotModel {
    settings: MultiHotEncoder,
    columns: Vec<Items>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    settings: MultiHotEncoder,
    columns: Vec<Items>,
}

impl TryFrom<Parts> for MultiHotModel {
    type Error = Error;

    fn try_from(Parts { settings, columns }: Parts) -> Result<Self> {
        settings.check()?;
        let names = columns.iter().flat_map(|Items { name, items, had_missing }| {
            let missing = had_missing.then(|| format!("{name} is missing"));
            items.names().iter().map(move |item| format!("{name}={item}")).chain(missing)
        });
        let output = names.map(Feature::numeric).collect::<Vec<_>>().try_into()?;
        Ok(MultiHotModel { settings, columns, output })
    }
}

impl Transformer for MultiHotModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        check_size(x, &self.output)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for of in &self.columns {
            let coded = Coded::of(&of.name, x.column(&of.name)?)?;
            let places: Vec<Vec<u32>> = coded.of_each(|level| {
                self.settings.items(level).map(|item| of.items.position(item).unwrap_or(MISSING)).collect()
            });
            if self.settings.unknown == Unknown::Error {
                let has_new = |code: &u32| match *code {
                    MISSING => !of.had_missing,
                    code => places[code as usize].contains(&MISSING),
                };
                if let Some(row) = coded.codes.iter().position(has_new) {
                    if coded.codes[row] == MISSING {
                        return Err(Error::unknown(format!(
                            "column `{}` is missing at row {row}, and no training row was; impute it first, or set `unknown(Unknown::Ignore)`",
                            of.name
                        )));
                    }
                    let level = coded.level(coded.codes[row]);
                    let new = self.settings.items(level).find(|item| of.items.position(item).is_none());
                    return Err(of.items.unknown(&of.name, new.unwrap_or(level), row));
                }
            }
            columns.push((of, places, coded.codes));
        }
        coded_matrix(x, &self.output, |row, mut out| {
            for (of, places, codes) in &columns {
                let (cells, rest) = out.split_at_mut(of.width());
                match codes[row] {
                    MISSING if of.had_missing => cells[of.items.len()] = 1.0,
                    MISSING => {}
                    code => {
                        let known = places[code as usize].iter().filter(|place| **place != MISSING);
                        known.for_each(|place| cells[*place as usize] = 1.0);
                    }
                }
                out = rest;
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(self.columns.iter().map(Items::width))
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|column| (&column.name, &column.items));
        decided::of_levels(self, columns, |at, items| {
            let missing = if self.columns[at].had_missing { ", missing cells have one" } else { "" };
            format!("a column for each of the items {items}{missing}")
        })
    }
}
