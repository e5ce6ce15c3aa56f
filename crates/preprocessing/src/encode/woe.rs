//! How strongly each category speaks for one of two classes.

use perennial_core::{
    Capabilities, Classes, Estimator, FitTransform, Matrix, OutputSchema, Param, Result, Train,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::statistics::Sums;
use super::target::{About, FOLDS, Plan, Scheme, TargetModel, learn};
use super::target_batches::{keeps_rows_apart, two_passes};
use super::unlearned::unlearned;
use crate::batches::{BoxLearning, FitBatches, Learning};
use crate::categories::Unknown;

/// Replaces each category by its weight of evidence for the second of two classes: the logarithm of its share of the
/// rows of that class over its share of the rows of the other (Good, 1950).
///
/// In a pipeline the code of a training row comes from the rows of other folds. Missing cells are a category of
/// their own; categories that were not there at fit say nothing and become 0.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `regularization` | 1 | > 0, at most 1e100 | rows of each class that are added to every category |
/// | `folds` | 5 | 2 to 1000 | how many folds rows are dealt to |
/// | `unknown` | ignore | | whether a category that was not there at fit is an error |
/// | `seed` | that of the context | any | of the folds |
///
/// ```
/// use perennial_core::{Classes, Estimator};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::WoeEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Rome", "Oslo", "Oslo"]))])?;
/// let bought = Classes::from_labels(["yes", "yes", "yes", "no"]);
/// let model = WoeEncoder::new().fit(&table, &bought)?;
/// assert!(model.code("city", "Rome")?.unwrap()[0] > 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WoeEncoder {
    regularization: f64,
    folds: usize,
    unknown: Unknown,
    seed: Option<u64>,
}

impl Default for WoeEncoder {
    fn default() -> Self {
        WoeEncoder { regularization: 1.0, folds: 5, unknown: Unknown::Ignore, seed: None }
    }
}

const REGULARIZATION: Param = Param::real("regularization", "rows of each class added to every category")
    .above(0.0)
    .at_most(1e100)
    .search_log(0.1, 100.0);

setters!(WoeEncoder { folds, unknown, seed });

impl WoeEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[REGULARIZATION, FOLDS];

    /// With one row of each class added.
    pub fn new() -> Self {
        WoeEncoder::default()
    }

    /// Rows of each class that are added to every category.
    #[must_use]
    pub fn regularization(mut self, regularization: f64) -> Self {
        self.regularization = regularization;
        self
    }

    fn run(&self, train: &Train<'_, Table, Classes>, transform: bool) -> Result<(TargetModel, Matrix)> {
        REGULARIZATION.check(self.regularization)?;
        train.y.check_two_classes()?;
        let plan = Plan::new(Scheme::CrossFit(self.folds), self.unknown, self.seed, train)?;
        learn(train, plan, &|own, all, about| self.evidence(own, all, about), transform)
    }

    /// Sums are relative to the share of the second class.
    fn evidence(&self, own: Sums, all: Sums, About { origin, .. }: About) -> f64 {
        if own.weight <= 0.0 {
            return 0.0;
        }
        let r = self.regularization;
        let parts = |sums: Sums| {
            let second = sums.sum + origin * sums.weight;
            (second.max(0.0), (sums.weight - second).max(0.0))
        };
        let ((for_it, against), (all_for, all_against)) = (parts(own), parts(all));
        let ratio = ((for_it + r) / (all_for + 2.0 * r)) / ((against + r) / (all_against + 2.0 * r));
        libm::log(ratio)
    }
}

impl Estimator for WoeEncoder {
    type Input = Table;
    type Target = Classes;
    type Model = TargetModel;

    fn fit_on(&self, train: &Train<'_, Table, Classes>) -> Result<TargetModel> {
        Ok(self.run(train, false)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().groups()
    }
}

impl FitBatches for WoeEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        REGULARIZATION.check(self.regularization)?;
        FOLDS.check_count(self.folds)?;
        let sums = two_passes(|own, all, about| self.evidence(own, all, about), self.unknown);
        Ok(Box::new(OfTwoClasses { sums, classes: None }))
    }

    fn hands_on(&self) -> Result<()> {
        keeps_rows_apart()
    }
}

/// Learning from batches that have rows of two classes, taken together.
struct OfTwoClasses<'a> {
    sums: Box<dyn Learning<Table, Classes, TargetModel> + 'a>,
    /// The names, and which of them have rows.
    classes: Option<(Vec<String>, Vec<bool>)>,
}

impl Learning<Table, Classes, TargetModel> for OfTwoClasses<'_> {
    fn add(&mut self, batch: &Train<'_, Table, Classes>) -> Result<()> {
        self.sums.add(batch)?;
        let none = || (batch.y.names().to_vec(), vec![false; batch.y.n_classes()]);
        let (_, has_rows) = self.classes.get_or_insert_with(none);
        batch.y.codes().iter().for_each(|&code| has_rows[code as usize] = true);
        Ok(())
    }

    fn end_pass(&mut self) -> Result<Option<TargetModel>> {
        if let Some((names, has_rows)) = &self.classes {
            let codes = (0..).zip(has_rows).filter(|(_, has_rows)| **has_rows).map(|(code, _)| code);
            Classes::new(codes.collect(), names.clone())?.check_two_classes()?;
        }
        self.sums.end_pass()
    }
}

impl FitTransform for WoeEncoder {
    fn fit_transform_on(&self, train: &Train<'_, Table, Classes>) -> Result<(TargetModel, Matrix)> {
        self.run(train, true)
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        REGULARIZATION.check(self.regularization)?;
        FOLDS.check_count(self.folds)?;
        unlearned(x, vec![None], self.unknown)
    }
}
