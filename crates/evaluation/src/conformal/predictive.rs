//! Whole distributions of the truth of a row, that hold what they say.

use std::collections::BTreeMap;

use ndarray::Array2;
use perennial_core::{Error, Outputs, Param, Result, Rows, Values, check_numbers};
use serde::{Deserialize, Serialize};

use super::intervals::PredictionIntervals;
use crate::align::check_rows_of;

const LEVEL: Param = Param::real("level", "share between the ends").above(0.0).at_most(1.0 - f64::EPSILON);
const SHARE: Param =
    Param::real("quantile", "share of the distribution below").above(0.0).at_most(1.0 - f64::EPSILON);

/// A model with a distribution for each row: its prediction and the errors of calibration rows (the split conformal predictive
/// system of Vovk, Petej, Nouretdinov, Manokhin and Gammerman, 2020).
///
/// The probability that is said to lie below the truth is an even number from 0 to 1, whatever the model, as long as rows come
/// in any order as likely; with [`by`](PredictiveSystem::by) also within each group (Mondrian). With a number of difficulty for
/// each row errors are measured in its unit.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::conformal::PredictiveSystem;
///
/// // The errors of nine calibration rows are -4 to 4.
/// let truth: Values = (0..9).map(f64::from).collect();
/// let said: Values = vec![4.0; 9].into();
/// let system = PredictiveSystem::new(&truth, &said)?;
/// assert_eq!(system.probability_below(&vec![10.0].into(), &[10.5])?, [0.55]);
/// let intervals = system.intervals(&vec![10.0].into(), 0.8)?;
/// assert_eq!((intervals.low[0], intervals.high[0]), (6.0, 14.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictiveSystem {
    /// Errors by group, the smallest first; one group without a name where there are none.
    errors: BTreeMap<String, Vec<f64>>,
    /// Whether the errors were measured in units.
    in_units: bool,
}

impl PredictiveSystem {
    /// By rows that the model has not learned from, and what it predicted for them.
    ///
    /// # Errors
    /// When there are no rows, lengths differ, or a number is not finite.
    pub fn new(truth: &Values, predicted: &Values) -> Result<Self> {
        Self::with(truth, predicted, None, None)
    }

    /// By calibration rows of groups: the distribution of a row comes from the errors of its own group.
    ///
    /// # Errors
    /// As [`new`](PredictiveSystem::new).
    pub fn by(truth: &Values, predicted: &Values, groups: &[String]) -> Result<Self> {
        Self::with(truth, predicted, None, Some(groups))
    }

    /// By calibration rows with the unit of each one's error (how difficult it is), and with groups where there are any.
    ///
    /// # Errors
    /// As [`new`](PredictiveSystem::new), or when a unit is not above 0.
    pub fn with(
        truth: &Values,
        predicted: &Values,
        units: Option<&[f64]>,
        groups: Option<&[String]>,
    ) -> Result<Self> {
        check_rows_of(truth.n_rows(), predicted.n_rows(), None)?;
        check_numbers("the truth", truth.as_slice())?;
        check_numbers("the predictions", predicted.as_slice())?;
        let n_rows = truth.n_rows();
        check_units(units, n_rows)?;
        check_groups(groups, n_rows)?;
        let mut errors: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (row, (truth, predicted)) in truth.as_slice().iter().zip(predicted.as_slice()).enumerate() {
            let error = (truth - predicted) / units.map_or(1.0, |units| units[row]);
            if !error.is_finite() {
                return Err(Error::overflow(format!("the error of row {row} is {error}; scale the target")));
            }
            errors
                .entry(groups.map_or_else(String::new, |groups| groups[row].clone()))
                .or_default()
                .push(error);
        }
        errors.values_mut().for_each(|errors| errors.sort_by(f64::total_cmp));
        Ok(PredictiveSystem { errors, in_units: units.is_some() })
    }

    fn of_group(&self, row: usize, group: Option<&[String]>) -> Result<&[f64]> {
        let name = group.map_or("", |groups| groups[row].as_str());
        self.errors.get(name).map(Vec::as_slice).ok_or_else(|| {
            let known = self.errors.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Error::unknown(format!(
                "row {row} is of group `{name}`, of which no calibration row was; there are: {known}"
            ))
        })
    }

    /// For each row the share of its distribution below a number: half of an error that is exactly hit counts.
    ///
    /// # Errors
    /// When lengths differ, a number is not finite, or rows have groups.
    pub fn probability_below(&self, predicted: &Values, numbers: &[f64]) -> Result<Vec<f64>> {
        self.probability_below_with(predicted, numbers, None, None)
    }

    /// As [`probability_below`](PredictiveSystem::probability_below), with the unit and the group of each row.
    ///
    /// # Errors
    /// When lengths differ, a number is not finite, a unit is not above 0, or no calibration row was of a group.
    pub fn probability_below_with(
        &self,
        predicted: &Values,
        numbers: &[f64],
        units: Option<&[f64]>,
        groups: Option<&[String]>,
    ) -> Result<Vec<f64>> {
        let n_rows = self.check(predicted, units, groups)?;
        if numbers.len() != n_rows {
            return Err(Error::length_mismatch("the numbers", n_rows, numbers.len()));
        }
        check_numbers("the numbers", numbers)?;
        let of_row = |row: usize| {
            let errors = self.of_group(row, groups)?;
            let error = (numbers[row] - predicted.as_slice()[row]) / units.map_or(1.0, |units| units[row]);
            let below = errors.partition_point(|other| *other < error);
            let same = errors.partition_point(|other| *other <= error) - below;
            Ok((below as f64 + 0.5 * (same as f64 + 1.0)) / (errors.len() as f64 + 1.0))
        };
        (0..n_rows).map(of_row).collect()
    }

    /// Quantiles of each row's distribution, one column each: the lower ones from below, those above the middle from above, so
    /// that what lies between them is no less likely than it says. Where there are too few calibration rows for a quantile it is
    /// infinite.
    ///
    /// # Errors
    /// When a quantile is not in (0, 1), or rows have groups.
    pub fn quantiles(&self, predicted: &Values, quantiles: &[f64]) -> Result<Outputs> {
        self.quantiles_with(predicted, quantiles, None, None)
    }

    /// As [`quantiles`](PredictiveSystem::quantiles), with the unit and the group of each row.
    ///
    /// # Errors
    /// As [`quantiles`](PredictiveSystem::quantiles), or as
    /// [`probability_below_with`](PredictiveSystem::probability_below_with).
    pub fn quantiles_with(
        &self,
        predicted: &Values,
        quantiles: &[f64],
        units: Option<&[f64]>,
        groups: Option<&[String]>,
    ) -> Result<Outputs> {
        quantiles.iter().try_for_each(|quantile| SHARE.check(*quantile))?;
        let n_rows = self.check(predicted, units, groups)?;
        let mut values = Array2::zeros((n_rows, quantiles.len()));
        for (row, mut of_row) in values.rows_mut().into_iter().enumerate() {
            let (errors, unit) = (self.of_group(row, groups)?, units.map_or(1.0, |units| units[row]));
            for (value, quantile) in of_row.iter_mut().zip(quantiles) {
                *value = predicted.as_slice()[row] + unit * quantile_of(errors, *quantile);
            }
        }
        Ok(Outputs::from(values))
    }

    /// An interval for each row with as much outside on both sides.
    ///
    /// # Errors
    /// When the level is not in (0, 1), or rows have units or groups.
    pub fn intervals(&self, predicted: &Values, level: f64) -> Result<PredictionIntervals> {
        self.intervals_with(predicted, level, None, None)
    }

    /// As [`intervals`](PredictiveSystem::intervals), with the unit and the group of each row.
    ///
    /// # Errors
    /// When the level is not in (0, 1), or as [`quantiles_with`](PredictiveSystem::quantiles_with).
    pub fn intervals_with(
        &self,
        predicted: &Values,
        level: f64,
        units: Option<&[f64]>,
        groups: Option<&[String]>,
    ) -> Result<PredictionIntervals> {
        LEVEL.check(level)?;
        let quantiles = [(1.0 - level) / 2.0, (1.0 + level) / 2.0];
        let ends = self.quantiles_with(predicted, &quantiles, units, groups)?;
        let column = |place: usize| ends.values().column(place).to_vec();
        Ok(PredictionIntervals { level, low: column(0), high: column(1) })
    }

    fn check(&self, predicted: &Values, units: Option<&[f64]>, groups: Option<&[String]>) -> Result<usize> {
        check_numbers("the predictions", predicted.as_slice())?;
        check_units(units, predicted.n_rows())?;
        check_groups(groups, predicted.n_rows())?;
        if units.is_some() != self.in_units {
            return Err(Error::unsupported(match self.in_units {
                true => "the errors were measured in units; give the unit of each row",
                false => "the errors were measured without units; give none, or calibrate with them",
            }));
        }
        Ok(predicted.n_rows())
    }
}

/// The error at a share of `n + 1`: the largest that is at most there below the middle, the smallest that is at least there above.
fn quantile_of(errors: &[f64], share: f64) -> f64 {
    let place = share * (errors.len() as f64 + 1.0);
    if share < 0.5 {
        match (place * (1.0 + 4.0 * f64::EPSILON)).floor() as usize {
            0 => f64::NEG_INFINITY,
            rank => errors[rank.min(errors.len()) - 1],
        }
    } else {
        match (place * (1.0 - 4.0 * f64::EPSILON)).ceil() as usize {
            rank if rank > errors.len() => f64::INFINITY,
            rank => errors[rank.max(1) - 1],
        }
    }
}

fn check_units(units: Option<&[f64]>, n_rows: usize) -> Result<()> {
    let Some(units) = units else { return Ok(()) };
    if units.len() != n_rows {
        return Err(Error::length_mismatch("the units", n_rows, units.len()));
    }
    match units.iter().position(|unit| !(*unit > 0.0 && unit.is_finite())) {
        None => Ok(()),
        Some(row) => {
            Err(Error::malformed(format!("the unit of row {row} is {}; units are above 0", units[row])))
        }
    }
}

fn check_groups(groups: Option<&[String]>, n_rows: usize) -> Result<()> {
    match groups {
        Some(groups) if groups.len() != n_rows => {
            Err(Error::length_mismatch("the groups", n_rows, groups.len()))
        }
        _ => Ok(()),
    }
}
