//! What the counts of the classes in each category say beside those of all rows.

use perennial_core::{
    Capabilities, Classes, Estimator, FitTransform, Matrix, OutputSchema, Param, Result, Train,
};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use super::statistics::Sums;
use super::target::{About, FOLDS, Plan, Scheme, TargetModel, learn};
use super::target_batches::{keeps_rows_apart, two_passes};
use super::unlearned::several;
use crate::batches::{BoxLearning, FitBatches};
use crate::categories::Unknown;

/// Replaces each category by the evidence of its counts of classes, drawn to none where the category has few rows: of two classes the logarithm of the odds
/// of the second beside those of all rows, of more the logarithm of the share of each class beside that of all rows (the count-based
/// encoder of category_encoders; Micci-Barreca's weights, 2001).
///
/// The share of a class in a category of `n` rows is `w` times its own and `1 - w` times that of all rows, where `w` is
/// `1 / (1 + exp((min_samples - n) / smoothing))`; of a class without rows in a large category it is at least that of all rows divided by `n + 1`, so that no
/// evidence is infinite. In a pipeline the code of a training row comes from the rows of other folds. Missing cells are a category of their own;
/// categories that were not there at fit say nothing and become 0. Of more than two classes each column gives one per class, `column of class`.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `min_samples` | 20 | >= 0 | how many rows a category has whose own share counts half |
/// | `smoothing` | 10 | > 0, at most 1e100 | how slowly that rises with the rows |
/// | `folds` | 5 | 2 to 1000 | how many folds rows are dealt to |
/// | `unknown` | ignore | | whether a category that was not there at fit is an error |
/// | `seed` | that of the context | any | of the folds |
///
/// ```
/// use perennial_core::{Classes, Estimator};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::CountTargetEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Rome", "Oslo", "Oslo"]))])?;
/// let bought = Classes::from_labels(["yes", "yes", "yes", "no"]);
/// let model = CountTargetEncoder::new().min_samples(2.0).smoothing(1.0).fit(&table, &bought)?;
/// assert!(model.code("city", "Rome")?.unwrap()[0] > 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountTargetEncoder {
    min_samples: f64,
    smoothing: f64,
    folds: usize,
    unknown: Unknown,
    seed: Option<u64>,
}

impl Default for CountTargetEncoder {
    fn default() -> Self {
        CountTargetEncoder {
            min_samples: 20.0,
            smoothing: 10.0,
            folds: 5,
            unknown: Unknown::Ignore,
            seed: None,
        }
    }
}

const MIN_SAMPLES: Param = Param::real("min_samples", "rows of a category whose own share counts half")
    .at_least(0.0)
    .at_most(1e100)
    .search_log(1.0, 200.0);
const SMOOTHING: Param = Param::real("smoothing", "how slowly the own share rises with the rows")
    .above(0.0)
    .at_most(1e100)
    .search_log(1.0, 100.0);

/// A share that is only rounding.
const TRACE: f64 = 1e-12;

setters!(CountTargetEncoder { folds, unknown, seed });

impl CountTargetEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[MIN_SAMPLES, SMOOTHING, FOLDS];

    /// A category of twenty rows counts half.
    pub fn new() -> Self {
        CountTargetEncoder::default()
    }

    /// How many rows a category has whose own share counts half.
    #[must_use]
    pub fn min_samples(mut self, min_samples: f64) -> Self {
        self.min_samples = min_samples;
        self
    }

    /// How slowly that rises with the rows.
    #[must_use]
    pub fn smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    fn run(&self, train: &Train<'_, Table, Classes>, transform: bool) -> Result<(TargetModel, Matrix)> {
        self.check()?;
        let plan = Plan::new(Scheme::CrossFit(self.folds), self.unknown, self.seed, train)?;
        learn(train, plan, &|own, all, about| self.evidence(own, all, about), transform)
    }

    /// Sums are relative to the share of the class among all rows; of two classes the second is alone.
    fn evidence(&self, own: Sums, all: Sums, About { origin, is_alone: of_two, .. }: About) -> f64 {
        if own.weight <= 0.0 || all.weight <= 0.0 {
            return 0.0;
        }
        // The share of a class without rows is 0 but for rounding.
        let share = |sums: Sums| match origin + sums.sum / sums.weight {
            share if share < TRACE => 0.0,
            share if share > 1.0 - TRACE => 1.0,
            share => share,
        };
        let (own_share, prior) = (share(own), share(all));
        let step = (own.weight - self.min_samples) / self.smoothing;
        let (weight, rest) = (1.0 / (1.0 + libm::exp(-step)), 1.0 / (1.0 + libm::exp(step)));
        let smoothed =
            |own_share: f64, prior: f64| (weight * own_share + rest * prior).max(prior / (own.weight + 1.0));
        let beside = |own_share: f64, prior: f64| libm::log(smoothed(own_share, prior) / prior);
        match (prior > 0.0, prior < 1.0) {
            (true, true) if of_two => beside(own_share, prior) - beside(1.0 - own_share, 1.0 - prior),
            (true, _) if !of_two => beside(own_share, prior),
            // No row has the class, or none another one.
            _ => 0.0,
        }
    }

    fn check(&self) -> Result<()> {
        MIN_SAMPLES.check(self.min_samples)?;
        SMOOTHING.check(self.smoothing)?;
        FOLDS.check_count(self.folds)
    }
}

impl Estimator for CountTargetEncoder {
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

impl FitBatches for CountTargetEncoder {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(two_passes(|own, all, about| self.evidence(own, all, about), self.unknown))
    }

    fn hands_on(&self) -> Result<()> {
        keeps_rows_apart()
    }
}

impl FitTransform for CountTargetEncoder {
    fn fit_transform_on(&self, train: &Train<'_, Table, Classes>) -> Result<(TargetModel, Matrix)> {
        self.run(train, true)
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        several(self, x)
    }
}
