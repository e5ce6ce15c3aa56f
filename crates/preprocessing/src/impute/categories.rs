//! Filling missing categories.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, FitTransform, NoTarget, OutputSchema, Result, Train, Transformer,
};
use perennial_data::{Change, ChangeKind, Column, Table};
use serde::{Deserialize, Serialize};

use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::categories::{Coded, Counted, MISSING, count};
use crate::category_parts::TableParts;

/// Replaces missing categories by the most frequent one of their column, or by a word of your own.
///
/// The columns come out as categories, whatever they were.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `constant` | none | the word to fill with; without one, the most frequent category, the first of equals |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::CategoryImputer;
///
/// let table = Table::new([("city", Column::text([Some("Rome"), None, Some("Rome"), Some("Oslo")]))])?;
/// let filled = CategoryImputer::mode().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(filled.column("city")?.as_text()?.nth(1), Some(Some("Rome")));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CategoryImputer {
    constant: Option<String>,
}

impl CategoryImputer {
    /// Fills with the most frequent category.
    pub fn mode() -> Self {
        CategoryImputer::default()
    }

    /// Fills with a word.
    pub fn constant(word: impl Into<String>) -> Self {
        CategoryImputer { constant: Some(word.into()) }
    }
}

impl Estimator for CategoryImputer {
    type Input = Table;
    type Target = NoTarget;
    type Model = CategoryImputerModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<CategoryImputerModel> {
        let (mut fills, mut missing) = (Vec::new(), Vec::new());
        for (name, column) in train.x.columns() {
            let fill = match &self.constant {
                Some(word) => Arc::from(word.as_str()),
                None => heaviest(name, &count(name, column, train.weights)?)?,
            };
            fills.push((Arc::from(name), fill));
            missing.push(column.null_count());
        }
        Ok(CategoryImputerModel { fills, missing })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// The category of a column that weighs most; the first of those that weigh the same.
fn heaviest(name: &str, counted: &Counted) -> Result<Arc<str>> {
    let heaviest = (0..counted.levels.len())
        .reduce(|best, next| if counted.weights[next] > counted.weights[best] { next } else { best });
    match heaviest {
        Some(heaviest) => Ok(counted.levels.names()[heaviest].clone()),
        None => Err(Error::insufficient_data(format!(
            "every cell of column `{name}` is missing, so there is nothing to fill it with; leave it out, or fill with a constant"
        ))),
    }
}

/// What is gathered of batches: categories, and how many cells of each column are missing.
#[derive(Default)]
struct Gathered {
    parts: TableParts<f64>,
    missing: Vec<usize>,
}

/// The different categories are in memory, also where the fill is a constant.
impl FitBatches for CategoryImputer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |Gathered { parts, missing }: &mut Gathered, batch: &Train<'_, Table, NoTarget>| {
                parts.count(batch.x, batch.weights)?;
                missing.resize(batch.x.n_cols(), 0);
                for (missing, name) in missing.iter_mut().zip(parts.names()) {
                    *missing += batch.x.column(name)?.null_count();
                }
                Ok(())
            },
            |Gathered { parts, missing }| {
                let fill = |(name, counted): (Arc<str>, Counted)| {
                    let fill = match &self.constant {
                        Some(word) => Arc::from(word.as_str()),
                        None => heaviest(&name, &counted)?,
                    };
                    Ok((name, fill))
                };
                Ok(CategoryImputerModel { fills: parts.counted().map(fill).collect::<Result<_>>()?, missing })
            },
        ))
    }
}

impl FitTransform for CategoryImputer {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Table>> {
        let fill = Arc::from(self.constant.as_deref().unwrap_or_default());
        let fills = x.names().map(|name| (Arc::from(name), Arc::clone(&fill))).collect();
        OutputSchema::of(&CategoryImputerModel { fills, missing: vec![0; x.n_cols()] }, x)
    }
}

/// A fitted [`CategoryImputer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryImputerModel {
    fills: Vec<(Arc<str>, Arc<str>)>,
    missing: Vec<usize>,
}

impl CategoryImputerModel {
    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        let filled = self.fills.iter().zip(&self.missing).filter(|(_, count)| **count > 0);
        filled.map(|((name, _), count)| Change::of_cells(&**name, ChangeKind::Filled, *count)).collect()
    }
}

impl Transformer for CategoryImputerModel {
    type Input = Table;
    type Output = Table;

    fn transform(&self, x: &Table) -> Result<Table> {
        let filled = self.fills.iter().map(|(name, fill)| {
            let coded = Coded::of(name, x.column(name)?)?;
            let mut levels: Vec<&str> = coded.levels().collect();
            let place = levels.iter().position(|level| *level == &**fill).unwrap_or_else(|| {
                levels.push(fill);
                levels.len() - 1
            }) as u32;
            let codes = coded.codes.iter().map(|&code| if code == MISSING { place } else { code });
            Ok((name.clone(), Column::category_codes(codes, &levels)?))
        });
        Ok(Table::new(filled.collect::<Result<Vec<_>>>()?)?.inheriting([x]))
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.fills.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        let fill = |((name, fill), &missing): (&(Arc<str>, Arc<str>), &usize)| {
            let why = "the most frequent category of the training rows, or the word that was set";
            Decided::by(self, format!("missing cells become `{fill}`"), why).column(&**name).cells(missing)
        };
        self.fills.iter().zip(&self.missing).map(fill).collect()
    }
}
