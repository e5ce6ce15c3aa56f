//! Categories as digits and as contrasts: fewer columns than one for each.

use std::sync::Arc;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Train, Transformer,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use crate::batch_parts::from_counts;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::{Counted, Levels, Unknown, count};
use crate::decided;
use crate::schema;

/// What the columns of a category say. The categories are in sorted order, whole numbers by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Contrast {
    /// The digits of the number of the category, counted from 1, to this base: few columns for many categories.
    Digits(u32),
    /// Each category but the last beside the mean of all.
    Sum,
    /// Each category but the first beside the mean of those before it.
    Helmert,
    /// Each category but the first beside the one before it.
    BackwardDifference,
    /// Linear, quadratic and further trends over evenly spaced ordered categories; at most 64 of them.
    Polynomial,
}

impl Contrast {
    /// The rows of the categories, one after the other, and how many columns they have.
    fn table(self, n: usize) -> (Vec<f64>, usize) {
        if let Contrast::Digits(base) = self {
            let base = base as usize;
            let mut width = 1;
            // The largest number is `n`.
            let mut reach = base;
            while reach <= n {
                (reach, width) = (reach.saturating_mul(base), width + 1);
            }
            let digit = |place: usize| {
                let (number, column) = (place / width + 1, width - 1 - place % width);
                ((0..column).fold(number, |rest, _| rest / base) % base) as f64
            };
            return ((0..n * width).map(digit).collect(), width);
        }
        let width = n - 1;
        let size = n as f64;
        let cell = |level: usize, column: usize| match self {
            Contrast::Sum if level == n - 1 => -1.0,
            Contrast::Sum => f64::from(u8::from(level == column)),
            Contrast::Helmert if level <= column => -1.0 / (column + 2) as f64,
            Contrast::Helmert if level == column + 1 => (column + 1) as f64 / (column + 2) as f64,
            Contrast::BackwardDifference if level <= column => -((n - 1 - column) as f64) / size,
            Contrast::BackwardDifference => (column + 1) as f64 / size,
            _ => 0.0,
        };
        let mut table: Vec<f64> = (0..n * width).map(|place| cell(place / width, place % width)).collect();
        if self == Contrast::Polynomial {
            for (column, trend) in trends(n).into_iter().enumerate() {
                trend
                    .into_iter()
                    .enumerate()
                    .for_each(|(level, value)| table[level * width + column] = value);
            }
        }
        (table, width)
    }
}

/// Polynomials of degree 1 to `n - 1` that are orthogonal and of length one over `n` even places, by their
/// three-term recurrence, each made orthogonal to the earlier ones once more.
fn trends(n: usize) -> Vec<Vec<f64>> {
    let place = |level: usize| level as f64 - (n - 1) as f64 / 2.0;
    let mut found: Vec<Vec<f64>> = vec![vec![1.0 / (n as f64).sqrt(); n]];
    for degree in 1..n {
        let mut next: Vec<f64> =
            found[degree - 1].iter().enumerate().map(|(level, value)| place(level) * value).collect();
        for _ in 0..2 {
            for known in &found {
                let product: f64 = known.iter().zip(&next).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(known).for_each(|(next, known)| *next -= product * known);
            }
        }
        let length = next.iter().map(|value| value * value).sum::<f64>().sqrt();
        next.iter_mut().for_each(|value| *value /= length);
        found.push(next);
    }
    found.remove(0);
    found
}

/// Replaces each category by the numbers of a contrast.
///
/// Columns are named `column 0` and so on. Missing cells, and categories that were not there at fit where they are
/// to be ignored, become zeros.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `contrast` | digits to base 2 | base 2 to 1000 | what the columns say |
/// | `unknown` | error | | whether a category that was not there at fit is an error, or zeros |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::ContrastEncoder;
///
/// let table = Table::new([("size", Column::text(["a", "b", "c"]))])?;
/// let digits = ContrastEncoder::binary().fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(digits.dense()?, ndarray::array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastEncoder {
    contrast: Contrast,
    #[serde(default)]
    unknown: Unknown,
}

const BASE: Param = Param::integer("digits", "base of the digits").at_least(2.0).at_most(1000.0);

/// Most categories with trends.
const MOST: usize = 64;

impl ContrastEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[BASE];

    /// With this contrast.
    pub fn new(contrast: Contrast) -> Self {
        ContrastEncoder { contrast, unknown: Unknown::Error }
    }

    /// Digits to base 2.
    pub fn binary() -> Self {
        ContrastEncoder::new(Contrast::Digits(2))
    }

    /// What becomes of a category that was not there at fit.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    fn check(&self) -> Result<()> {
        if let Contrast::Digits(base) = self.contrast { BASE.check_count(base as usize) } else { Ok(()) }
    }

    fn check_levels(&self, name: &str, n: usize) -> Result<()> {
        if n == 0 {
            return Err(Error::insufficient_data(format!(
                "every cell of column `{name}` is missing, so there is nothing to encode; leave it out, or impute it first"
            )));
        }
        if self.contrast == Contrast::Polynomial && n > MOST {
            return Err(Error::too_large(format!(
                "column `{name}` has {n} categories, and trends over more than {MOST} have no digits left; encode it as a number"
            )));
        }
        if !matches!(self.contrast, Contrast::Digits(_)) && n > 10_000 {
            return Err(Error::too_large(format!(
                "column `{name}` has {n} categories and would become as many columns; use `Contrast::Digits`, or join rare categories first"
            )));
        }
        Ok(())
    }
}

impl Estimator for ContrastEncoder {
    type Input = Table;
    type Target = NoTarget;
    type Model = ContrastModel;

    fn fit_on(&self, train: &Train<'_, Table, NoTarget>) -> Result<ContrastModel> {
        self.check()?;
        let learn = |(name, column)| self.learn(name, count(name, column, train.weights)?);
        let columns = train.x.columns().map(learn).collect::<Result<Vec<_>>>()?;
        ContrastModel::new(columns, self.clone())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl ContrastEncoder {
    fn learn(&self, name: &str, counted: Counted) -> Result<(Arc<str>, Levels)> {
        self.check_levels(name, counted.levels.len())?;
        Ok((Arc::from(name), counted.levels))
    }
}

impl FitBatches for ContrastEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(from_counts(
            |name, counted| self.learn(name, counted),
            |columns| ContrastModel::new(columns, self.clone()),
        ))
    }
}

impl FitTransform for ContrastEncoder {
    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::check_categories(x)?;
        Ok(OutputSchema::after_fit(self, "each column becomes one fewer than the rows have categories of it"))
    }
}

/// A fitted [`ContrastEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ContrastModel {
    columns: Vec<(Arc<str>, Levels)>,
    settings: ContrastEncoder,
    /// The rows of the categories of each column, zeros at the end, and how many columns they have.
    #[serde(skip)]
    tables: Vec<(Vec<f64>, usize)>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<(Arc<str>, Levels)>,
    settings: ContrastEncoder,
}

impl TryFrom<Parts> for ContrastModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        if let Contrast::Digits(base) = parts.settings.contrast {
            BASE.check_count(base as usize)?;
        }
        parts
            .columns
            .iter()
            .try_for_each(|(name, levels)| parts.settings.check_levels(name, levels.len()))?;
        ContrastModel::new(parts.columns, parts.settings)
    }
}

impl ContrastModel {
    fn new(columns: Vec<(Arc<str>, Levels)>, settings: ContrastEncoder) -> Result<Self> {
        let table = |(_, levels): &(Arc<str>, Levels)| {
            let (mut table, width) = settings.contrast.table(levels.len());
            // Missing cells and unknown categories.
            table.resize(table.len() + 2 * width, 0.0);
            (table, width)
        };
        let tables: Vec<(Vec<f64>, usize)> = columns.iter().map(table).collect();
        let names = columns.iter().zip(&tables).flat_map(|((name, _), (_, width))| {
            (0..*width).map(move |place| Feature::numeric(format!("{name} {place}")))
        });
        let output = names.collect::<Vec<_>>().try_into()?;
        Ok(ContrastModel { columns, settings, tables, output })
    }
}

impl Transformer for ContrastModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let look_up =
            |(name, levels): &(Arc<str>, Levels)| levels.places(name, x.column(name)?, self.settings.unknown);
        let places = self.columns.iter().map(look_up).collect::<Result<Vec<_>>>()?;
        coded_matrix(x, &self.output, |row, mut out| {
            for ((table, width), places) in self.tables.iter().zip(&places) {
                let (cells, rest) = out.split_at_mut(*width);
                cells.copy_from_slice(&table[places[row] as usize * width..][..*width]);
                out = rest;
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(self.tables.iter().map(|(_, width)| *width))
    }

    fn decided(&self) -> Vec<Decided> {
        let columns = self.columns.iter().map(|(name, levels)| (name, levels));
        decided::of_levels(self, columns, |_, levels| format!("contrasts of {levels}"))
    }
}
