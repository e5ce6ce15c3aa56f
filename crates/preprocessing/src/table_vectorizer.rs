//! A whole table to numbers, by the types of its columns.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, FitTransform, Matrix, NoTarget, Outline, OutputSchema, Param,
    Result, Then, Train, Transformer,
};
use perennial_data::{Column, ColumnType, Role, Table};
use serde::{Deserialize, Serialize};

use crate::columns::{BranchModel, BranchModels, Columns};
use crate::columns_model::ColumnsModel;
use crate::date_parts::DateParts;
use crate::encode::{GapEncoder, MinHashEncoder, OneHotEncoder, SimilarityEncoder};
use crate::impute::{CategoryImputer, SimpleImputer};
use crate::outputs::{OutputColumn, outputs, sources};
use crate::scale::StandardScaler;
use crate::{Unknown, names};

/// What texts and categories with many levels become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HighCardinality {
    /// Columns in which texts that look alike agree, by a [`MinHashEncoder`].
    #[default]
    MinHash,
    /// Likeness to the most frequent texts, by a [`SimilarityEncoder`].
    Similarity,
    /// How much of each topic, by a [`GapEncoder`]; it learns longest.
    Gap,
}

/// Turns a table into numbers that any model takes, by the types of its columns: a start that is seldom bad (`TableVectorizer` of
/// skrub). Where you know more, write [`Columns`].
///
/// | columns | steps |
/// |---|---|
/// | whole and real numbers, booleans | [`SimpleImputer`] by medians with an indicator, then [`StandardScaler`] |
/// | texts and categories with fewer than `cardinality_threshold` levels | [`OneHotEncoder`]; categories that are new become zeros |
/// | texts and categories with more | the encoder `high_cardinality`; missing cells are empty texts |
/// | days and moments | year, month, day, weekday, hour and the days since 1970, then as numbers |
/// | columns without a cell | none: they are left out |
/// | columns of another [`Role`] than that of a feature, such as the target or an identifier | none: they are left out |
///
/// What a column becomes is decided when learning, by the rows whose weight is not 0. No step looks at a target, so a
/// [`TargetEncoder`](crate::TargetEncoder), which is often better for many levels, is for [`Columns`].
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `cardinality_threshold` | 40 | >= 1 | from how many levels on a column has many |
/// | `high_cardinality` | min-hash | | what such a column becomes |
/// | `n_components` | 30 | 1 to 1000 | how many columns it becomes |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::TableVectorizer;
///
/// let table = Table::new([
///     ("age", Column::real([Some(20.0), None, Some(40.0)])),
///     ("city", Column::text(["Rome", "Oslo", "Rome"])),
///     ("since", Column::date([0, 31, 366])),
/// ])?;
/// let x = TableVectorizer::new().fit(&table, &NoTarget)?.transform(&table)?;
/// let names: Vec<&str> = x.features().names().collect();
/// assert_eq!(names[..4], ["age", "age is missing", "city=Oslo", "city=Rome"]);
/// assert_eq!(names[4..], ["since year", "since month", "since day", "since weekday", "since days"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableVectorizer {
    cardinality_threshold: usize,
    high_cardinality: HighCardinality,
    n_components: usize,
}

impl Default for TableVectorizer {
    fn default() -> Self {
        let high_cardinality = HighCardinality::default();
        TableVectorizer { cardinality_threshold: 40, high_cardinality, n_components: 30 }
    }
}

const CARDINALITY_THRESHOLD: Param =
    Param::integer("cardinality_threshold", "from how many levels on a column has many")
        .at_least(1.0)
        .search_log(5.0, 100.0);
const N_COMPONENTS: Param = Param::integer("n_components", "columns that one with many levels becomes")
    .at_least(1.0)
    .at_most(1000.0)
    .search_log(5.0, 100.0);

type Numbers = Then<SimpleImputer, StandardScaler>;
type Dates = Then<DateParts, Numbers>;
type Texts<E> = Then<CategoryImputer, E>;

/// What a step learns of the columns it is for.
type Group<E> = ColumnsModel<((), BranchModel<<E as Estimator>::Model>)>;

impl TableVectorizer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[CARDINALITY_THRESHOLD, N_COMPONENTS];

    /// Forty levels are many, and become thirty columns.
    pub fn new() -> Self {
        TableVectorizer::default()
    }

    /// From how many levels on a column has many.
    #[must_use]
    pub fn cardinality_threshold(mut self, levels: usize) -> Self {
        self.cardinality_threshold = levels;
        self
    }

    /// What a column with many levels becomes.
    #[must_use]
    pub fn high_cardinality(mut self, high_cardinality: HighCardinality) -> Self {
        self.high_cardinality = high_cardinality;
        self
    }

    /// How many columns one with many levels becomes.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    fn check(&self) -> Result<()> {
        CARDINALITY_THRESHOLD.check_count(self.cardinality_threshold)?;
        N_COMPONENTS.check_count(self.n_components)
    }

    /// What a column is by the rows that weigh something.
    fn kind(&self, column: &Column, train: &Train<'_, Table, NoTarget>) -> Result<Option<Kind>> {
        let weighs = |row: usize| train.weight(row) > 0.0;
        if (0..column.n_rows()).all(|row| column.is_null(row) || !weighs(row)) {
            return Ok(None);
        }
        Ok(match column.column_type() {
            ColumnType::Integer | ColumnType::Real | ColumnType::Boolean => Some(Kind::Number),
            ColumnType::Date | ColumnType::DateTime => Some(Kind::Date),
            _ => {
                let category = column.to_category()?;
                // Levels that no row has do not count.
                let mut used = vec![false; category.n_levels()];
                let codes = category.codes().enumerate().filter(|(row, _)| weighs(*row));
                codes.filter_map(|(_, code)| code).for_each(|code| used[code as usize] = true);
                let many = used.iter().filter(|used| **used).count() >= self.cardinality_threshold;
                Some(if many { Kind::Many } else { Kind::Few })
            }
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Few,
    Many,
    Date,
}

/// Fits a step on some columns, where there are any, and adds what they become.
fn group<E>(
    train: &Train<'_, Table, NoTarget>,
    of: &[String],
    step: E,
    outputs: &mut Vec<Matrix>,
) -> Result<Option<Group<E>>>
where
    E: FitTransform<Input: crate::FromColumns, Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    if of.is_empty() {
        return Ok(None);
    }
    let columns = Columns::new().on(names(of), step).drop_rest();
    let (model, output) = columns.fit_transform_on(train)?;
    outputs.push(output);
    Ok(Some(model))
}

fn filled(indicator: bool) -> Numbers {
    SimpleImputer::median().indicator(indicator).then(StandardScaler::new())
}

impl Estimator for TableVectorizer {
    type Input = Table;
    type Target = NoTarget;
    type Model = TableVectorizerModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<TableVectorizerModel> {
        Ok(self.fit_transform_on(train)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        let weights = self.high_cardinality != HighCardinality::Gap;
        let all = Capabilities::new().missing().categorical();
        if weights { all.weights() } else { all }
    }

    fn outline(&self) -> Vec<Outline> {
        vec![Outline::Step("TableVectorizer".to_owned())]
    }
}

impl FitTransform for TableVectorizer {
    fn fit_transform_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<(TableVectorizerModel, Matrix)> {
        self.check()?;
        let kinds = train.x.columns().map(|(name, column)| {
            let is_feature = train.x.role(name)? == Role::Feature;
            Ok((name, if is_feature { self.kind(column, train)? } else { None }))
        });
        let kinds = kinds.collect::<Result<Vec<_>>>()?;
        let of = |wanted: Kind| -> Vec<String> {
            let mine = kinds.iter().filter(|(_, kind)| *kind == Some(wanted));
            mine.map(|(name, _)| (*name).to_owned()).collect()
        };
        let mut outputs = Vec::new();
        // The threshold has said already how many there may be.
        let few = OneHotEncoder::new().unknown(Unknown::Ignore).max_categories(self.cardinality_threshold);
        let (many, n) = (of(Kind::Many), self.n_components);
        let none = || CategoryImputer::constant("");
        let model = TableVectorizerModel {
            numbers: group(train, &of(Kind::Number), filled(true), &mut outputs)?,
            few: group(train, &of(Kind::Few), few, &mut outputs)?,
            many: match self.high_cardinality {
                HighCardinality::MinHash => {
                    let step = none().then(MinHashEncoder::new().n_components(n));
                    group(train, &many, step, &mut outputs)?.map(Many::MinHash)
                }
                HighCardinality::Similarity => {
                    let step = none().then(SimilarityEncoder::new().max_categories(n));
                    group(train, &many, step, &mut outputs)?.map(Many::Similarity)
                }
                HighCardinality::Gap => {
                    let step = none().then(GapEncoder::new().n_components(n));
                    group(train, &many, step, &mut outputs)?.map(Many::Gap)
                }
            },
            dates: group(train, &of(Kind::Date), DateParts {}.then(filled(false)), &mut outputs)?,
        };
        Ok((model, side_by_side(&outputs)?))
    }

    fn transform_schema(&self, _: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        let why = "cells that are missing and the number of levels decide what a column becomes";
        Ok(OutputSchema::after_fit(self, why))
    }
}

fn side_by_side(outputs: &[Matrix]) -> Result<Matrix> {
    match outputs {
        [] => Err(Error::insufficient_data(
            "every cell of the features is missing, or no column has the role of a feature, so there is nothing to learn from",
        )),
        [one] => Ok(one.clone()),
        several => Matrix::hstack(several),
    }
}

/// A fitted [`TableVectorizer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableVectorizerModel {
    numbers: Option<Group<Numbers>>,
    few: Option<Group<OneHotEncoder>>,
    many: Option<Many>,
    dates: Option<Group<Dates>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Many {
    MinHash(Group<Texts<MinHashEncoder>>),
    Similarity(Group<Texts<SimilarityEncoder>>),
    Gap(Group<Texts<GapEncoder>>),
}

impl Transformer for TableVectorizerModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let many = self.many.as_ref().map(|many| match many {
            Many::MinHash(model) => model.transform(x),
            Many::Similarity(model) => model.transform(x),
            Many::Gap(model) => model.transform(x),
        });
        let numbers = self.numbers.as_ref().map(|model| model.transform(x));
        let few = self.few.as_ref().map(|model| model.transform(x));
        let dates = self.dates.as_ref().map(|model| model.transform(x));
        let outputs = [numbers, few, many, dates].into_iter().flatten().collect::<Result<Vec<_>>>()?;
        side_by_side(&outputs)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(self.groups().map(sources).collect::<Option<Vec<_>>>()?.concat())
    }

    fn decided(&self) -> Vec<Decided> {
        self.groups().flat_map(|group| group.decided()).collect()
    }
}

impl TableVectorizerModel {
    /// The groups of columns in the order of the output.
    fn groups(&self) -> impl Iterator<Item = &dyn BranchModels> {
        let many = self.many.as_ref().map(|many| match many {
            Many::MinHash(model) => &model.models as &dyn BranchModels,
            Many::Similarity(model) => &model.models,
            Many::Gap(model) => &model.models,
        });
        let numbers = self.numbers.as_ref().map(|model| &model.models as &dyn BranchModels);
        let few = self.few.as_ref().map(|model| &model.models as &dyn BranchModels);
        let dates = self.dates.as_ref().map(|model| &model.models as &dyn BranchModels);
        [numbers, few, many, dates].into_iter().flatten()
    }

    /// The columns of the output with what each is made of and the marks of [personal data](Table::pii) that reach it from `x`, as
    /// [`ColumnsModel::outputs`] tells them.
    ///
    /// # Errors
    /// When the first row of `x` is not acceptable.
    pub fn outputs(&self, x: &Table) -> Result<Vec<OutputColumn>> {
        Ok(self.groups().map(|group| outputs(group, x)).collect::<Result<Vec<_>>>()?.concat())
    }
}
