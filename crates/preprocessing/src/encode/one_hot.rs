//! One column of 0 and 1 for each category.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Csr, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget,
    OutputSchema, Param, Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Coded, Counted, Levels, MISSING, Unknown, count};
use crate::decided;
use crate::schema;

/// Turns each category of each column into a column of 0 and 1 named `column=category`.
///
/// Missing cells are a category of their own, `column is missing`, where the training rows have some;
/// elsewhere they are treated as unknown.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `unknown` | error | | what becomes of a category that was not there at fit |
/// | `min_frequency` | 0 | >= 0 | categories with less weight than this share one column, `column=other`, and unknown ones join them |
/// | `max_categories` | 10,000 | >= 1 | more categories with a column of their own than this are an error |
/// | `drop_first` | false | | whether to leave out the first category of each column |
/// | `sparse` | false | | whether the output is a CSR matrix |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::OneHotEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Oslo", "Rome"]))])?;
/// let encoded = OneHotEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(encoded.features().names().collect::<Vec<_>>(), ["city=Oslo", "city=Rome"]);
/// assert_eq!(encoded.dense()?, ndarray::array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHotEncoder {
    unknown: Unknown,
    min_frequency: f64,
    max_categories: usize,
    drop_first: bool,
    sparse: bool,
}

impl Default for OneHotEncoder {
    fn default() -> Self {
        OneHotEncoder {
            unknown: Unknown::Error,
            min_frequency: 0.0,
            max_categories: 10_000,
            drop_first: false,
            sparse: false,
        }
    }
}

const MIN_FREQUENCY: Param =
    Param::real("min_frequency", "weight below which categories share a column").at_least(0.0);
const MAX_CATEGORIES: Param = Param::integer("max_categories", "most categories of one column").at_least(1.0);

impl OneHotEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MIN_FREQUENCY, MAX_CATEGORIES];

    /// One column per category; unknown categories are errors.
    pub fn new() -> Self {
        OneHotEncoder::default()
    }

    /// What becomes of a category that was not there at fit.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// Categories with less weight than this share one column.
    #[must_use]
    pub fn min_frequency(mut self, min_frequency: f64) -> Self {
        self.min_frequency = min_frequency;
        self
    }

    /// More categories in one column than this are an error.
    #[must_use]
    pub fn max_categories(mut self, max_categories: usize) -> Self {
        self.max_categories = max_categories;
        self
    }

    /// Whether to leave out the first category of each column.
    #[must_use]
    pub fn drop_first(mut self, drop_first: bool) -> Self {
        self.drop_first = drop_first;
        self
    }

    /// Whether the output is a CSR matrix.
    #[must_use]
    pub fn sparse(mut self, sparse: bool) -> Self {
        self.sparse = sparse;
        self
    }

    fn check(&self) -> Result<()> {
        MIN_FREQUENCY.check(self.min_frequency)?;
        MAX_CATEGORIES.check_count(self.max_categories)
    }

    fn learn(&self, name: &str, counted: Counted) -> Result<Encoded> {
        let frequent = |position: &usize| counted.weights[*position] >= self.min_frequency;
        let kept: Vec<usize> = (0..counted.levels.len()).filter(frequent).collect();
        if kept.len() > self.max_categories {
            return Err(Error::too_large(format!(
                "column `{name}` has {} categories and at most {} are allowed; raise `max_categories` or `min_frequency`, or use another encoder",
                kept.len(),
                self.max_categories
            )));
        }
        let mut slots = vec![None; counted.levels.len()];
        let mut names: Vec<String> = Vec::new();
        for &position in &kept {
            slots[position] = Some(names.len() as u32);
            names.push(format!("{name}={}", counted.levels.names()[position]));
        }
        let other = (kept.len() < counted.levels.len()).then(|| {
            names.push(format!("{name}=other"));
            names.len() as u32 - 1
        });
        let missing = (counted.missing > 0.0).then(|| {
            names.push(format!("{name} is missing"));
            names.len() as u32 - 1
        });
        let slots = slots.into_iter().map(|slot| slot.or(other).unwrap_or(0)).collect();
        Ok(Encoded { name: name.into(), levels: counted.levels, slots, other, missing, names })
    }
}

/// How one column is encoded: the slot of each level among the columns it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Encoded {
    name: Arc<str>,
    levels: Levels,
    slots: Vec<u32>,
    other: Option<u32>,
    missing: Option<u32>,
    names: Vec<String>,
}

impl Encoded {
    fn is_sound(&self) -> bool {
        let slots = self.slots.iter().chain(&self.other).chain(&self.missing);
        self.levels.len() == self.slots.len() && slots.copied().all(|slot| (slot as usize) < self.names.len())
    }
}

impl Estimator for OneHotEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = OneHotModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<OneHotModel> {
        self.check()?;
        let learn = |(name, column)| self.learn(name, count(name, column, train.weights)?);
        let columns = train.x.columns().map(learn);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        OneHotModel::new(columns, self.unknown, self.drop_first, self.sparse)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitBatches for OneHotEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_counts(
            |name, counted| self.learn(name, counted),
            |columns| OneHotModel::new(columns, self.unknown, self.drop_first, self.sparse),
        ))
    }
}

impl FitTransform for OneHotEncoder {
    /// The codes that were counted say what becomes 1: each text is hashed once.
    fn fit_transform_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<(OneHotModel, Matrix)> {
        if train.weights.is_some() {
            // A category whose rows all weigh nothing is unknown, which `transform` sees to.
            let model = self.fit_on(train)?;
            let x = model.transform(train.x)?;
            return Ok((model, x));
        }
        self.check()?;
        let (mut columns, mut hot) = (Vec::new(), Vec::new());
        for (name, column) in train.x.columns() {
            let mut counted = count(name, column, None)?;
            hot.push(std::mem::take(&mut counted.codes));
            columns.push(self.learn(name, counted)?);
        }
        let model = OneHotModel::new(columns, self.unknown, self.drop_first, self.sparse)?;
        for ((encoded, start), codes) in model.columns.iter().zip(model.starts()).zip(&mut hot) {
            let place = |slot: u32| model.place(start, slot);
            let places: Vec<u32> = encoded.slots.iter().map(|&slot| place(slot)).collect();
            let missing = encoded.missing.map_or(MISSING, place);
            for code in codes {
                *code = if *code == MISSING { missing } else { places[*code as usize] };
            }
        }
        let x = model.write(train.x, &hot)?;
        Ok((model, x))
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::check_categories(x)?;
        Ok(OutputSchema::after_fit(self, "each category that the rows have becomes a column"))
    }
}

/// A fitted [`OneHotEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct OneHotModel {
    columns: Vec<Encoded>,
    unknown: Unknown,
    drop_first: bool,
    sparse: bool,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<Encoded>,
    unknown: Unknown,
    drop_first: bool,
    sparse: bool,
}

impl TryFrom<Parts> for OneHotModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        OneHotModel::new(parts.columns, parts.unknown, parts.drop_first, parts.sparse)
    }
}

impl OneHotModel {
    fn new(columns: Vec<Encoded>, unknown: Unknown, drop_first: bool, sparse: bool) -> Result<Self> {
        if !columns.iter().all(Encoded::is_sound) {
            return Err(Error::corrupt("a one-hot encoder has a category without a column"));
        }
        let names = columns.iter().flat_map(|column| column.names.iter().skip(usize::from(drop_first)));
        let output = names.map(|name| Feature::numeric(name.as_str())).collect::<Vec<_>>().try_into()?;
        Ok(OneHotModel { columns, unknown, drop_first, sparse, output })
    }

    /// The output column of a slot of a column whose slots start at `start`; [`MISSING`] where it is dropped.
    fn place(&self, start: u32, slot: u32) -> u32 {
        match slot {
            0 if self.drop_first => MISSING,
            slot => start + slot - u32::from(self.drop_first),
        }
    }

    /// Where the output columns of each column start.
    fn starts(&self) -> impl Iterator<Item = u32> + '_ {
        self.columns.iter().scan(0, |next, encoded| {
            let start = *next;
            let dropped = self.drop_first && !encoded.names.is_empty();
            *next += (encoded.names.len() - usize::from(dropped)) as u32;
            Some(start)
        })
    }

    /// For each row, the output column that becomes 1; [`MISSING`] for a dropped or ignored category.
    fn hot(&self, encoded: &Encoded, start: u32, table: &Table) -> Result<Vec<u32>> {
        let mut coded = Coded::of(&encoded.name, table.column(&encoded.name)?)?;
        let slot = |position: u32| match position {
            MISSING => encoded.other,
            position => Some(encoded.slots[position as usize]),
        };
        let slots: Vec<Option<u32>> = encoded.levels.positions(&coded).into_iter().map(slot).collect();
        let of = |code: u32| if code == MISSING { encoded.missing } else { slots[code as usize] };
        if self.unknown == Unknown::Error
            && let Some(row) = coded.codes.iter().position(|&code| of(code).is_none())
        {
            return Err(match coded.codes[row] {
                MISSING => Error::unknown(format!(
                    "column `{}` is missing at row {row}, and no training row was; impute it first, or set `unknown(Unknown::Ignore)`",
                    encoded.name
                )),
                code => encoded.levels.unknown(&encoded.name, coded.level(code), row),
            });
        }
        let place = |slot: u32| self.place(start, slot);
        let places: Vec<u32> = slots.iter().map(|slot| slot.map_or(MISSING, place)).collect();
        let missing = encoded.missing.map_or(MISSING, place);
        for code in &mut coded.codes {
            *code = if *code == MISSING { missing } else { places[*code as usize] };
        }
        Ok(coded.codes)
    }
}

impl Transformer for OneHotModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let columns = self.columns.iter().zip(self.starts());
        let hot = columns.map(|(encoded, start)| self.hot(encoded, start, x)).collect::<Result<Vec<_>>>()?;
        self.write(x, &hot)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        let mut starts: Vec<usize> = self.starts().map(|start| start as usize).collect();
        starts.push(self.output.len());
        crate::outputs::column_by_column(starts.windows(2).map(|pair| pair[1] - pair[0]))
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|column| (&column.name, &column.levels));
        decided::of_levels(self, columns, |at, _| self.columns_of(&self.columns[at]))
    }
}

impl OneHotModel {
    /// The output columns of a column, in words.
    fn columns_of(&self, encoded: &Encoded) -> String {
        let is_dropped = |slot: u32| self.drop_first && slot == 0;
        let levels = || encoded.levels.names().iter().zip(encoded.slots.iter().copied());
        let has_own = |slot: u32| encoded.other != Some(slot) && !is_dropped(slot);
        let own: Vec<String> =
            levels().filter(|(_, slot)| has_own(*slot)).map(|(level, _)| format!("`{level}`")).collect();
        let mut words = match own.is_empty() {
            true => "no category has a column of its own".to_owned(),
            false => format!("a column for each of {}", decided::list(own.into_iter())),
        };
        let first = levels().find(|(_, slot)| is_dropped(*slot) && encoded.other != Some(*slot));
        if let Some((level, _)) = first {
            words += &format!(", that of `{level}` is left out as the first");
        }
        if let Some(slot) = encoded.other {
            words += if is_dropped(slot) {
                ", that of rare and unknown ones is left out as the first"
            } else {
                ", rare and unknown ones share one"
            };
        }
        if let Some(slot) = encoded.missing {
            words += if is_dropped(slot) {
                ", that of missing cells is left out as the first"
            } else {
                ", missing cells have one"
            };
        }
        words
    }

    /// A row for each row of `x`, with 1 at the places that `hot` tells for it column by column.
    fn write(&self, x: &Table, hot: &[Vec<u32>]) -> Result<Matrix> {
        let (n_rows, n_cols) = (x.n_rows(), self.output.len());
        if self.sparse {
            let mut indptr = Vec::with_capacity(n_rows + 1);
            let mut indices = Vec::with_capacity(n_rows * hot.len());
            indptr.push(0);
            for row in 0..n_rows {
                indices.extend(hot.iter().map(|column| column[row]).filter(|place| *place != MISSING));
                indptr.push(indices.len());
            }
            let values = vec![1.0; indices.len()];
            return Matrix::from_sparse(Csr::new(n_cols, indptr, indices, values)?, self.output.clone());
        }
        coded_matrix(x, &self.output, |row, out| {
            let places = hot.iter().map(|column| column[row]);
            places.filter(|place| *place != MISSING).for_each(|place| out[place as usize] = 1.0);
        })
    }
}
