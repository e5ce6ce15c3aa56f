//! A correction of probabilities for each group.

use std::collections::BTreeMap;

use ndarray::Array2;
use perennial_core::{Classes, Error, Param, Probabilities, Result, ResultExt, Rows};
use serde::{Deserialize, Serialize};

use super::{CalibrationMethod, Calibrator};
use crate::align::{check_rows_of, columns_in};
use crate::fairness::Grouped;
use crate::metric::where_defined;

const MIN_ROWS: Param =
    Param::integer("min_rows", "rows of a group with a correction of its own").at_least(1.0);

/// Corrections of probabilities by group: what means what it says on the whole may be too high for one group and too low for
/// another (Hébert-Johnson and others, 2018). [`Reliability::measure_by_group`](super::Reliability::measure_by_group) shows whether it is.
///
/// Groups with few rows, or with rows of a single class, and groups that were never seen, are corrected as all rows are.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::calibration::{CalibrationMethod, GroupCalibrator};
///
/// // One half is said of all; in group `a` it is one row of five, and in group `b` four.
/// let said = Probabilities::new(Array2::from_elem((200, 2), 0.5), ["no", "yes"].map(String::from).to_vec())?;
/// let groups: Vec<String> = (0..200).map(|row| ["a", "b"][row % 2].to_owned()).collect();
/// let truth = Classes::from_labels((0..200).map(|row| if (row % 10 < 2) == (row % 2 == 0) { "yes" } else { "no" }));
/// let calibrator = GroupCalibrator::fit(CalibrationMethod::Isotonic, &said, &truth, None, &groups, 50)?;
/// let right = calibrator.apply(&said, &groups)?.of("yes")?;
/// assert!((right.as_slice()[0] - 0.2).abs() < 1e-12 && (right.as_slice()[1] - 0.8).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCalibrator {
    all: Calibrator,
    groups: BTreeMap<String, Calibrator>,
}

impl GroupCalibrator {
    /// Learns from what was said and what is true of rows that gave no part to what was said; `groups` has a name for each row, such as those
    /// of [`SensitiveFeatures::groups`](crate::fairness::SensitiveFeatures::groups). Groups with fewer than `min_rows` rows with weight have
    /// no correction of their own.
    ///
    /// # Errors
    /// As [`Calibrator::fit`], when there is not a group for each row, or `min_rows` is 0.
    pub fn fit(
        method: CalibrationMethod,
        said: &Probabilities,
        truth: &Classes,
        weights: Option<&[f64]>,
        groups: &[String],
        min_rows: usize,
    ) -> Result<Self> {
        MIN_ROWS.check_count(min_rows)?;
        check_rows_of(truth.n_rows(), said.n_rows(), weights)?;
        let all = Calibrator::fit(method, said, truth, weights)?;
        let grouped = Grouped::new(groups, truth.n_rows())?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); grouped.names.len()];
        for (row, &group) in grouped.of_row.iter().enumerate() {
            if weights.is_none_or(|weights| weights[row] > 0.0) {
                members[group].push(row);
            }
        }
        let mut own = BTreeMap::new();
        for (name, rows) in grouped.names.iter().zip(members).filter(|(_, rows)| rows.len() >= min_rows) {
            let weights = weights.map(|weights| weights.take(&rows)).transpose()?;
            let fitted = Calibrator::fit(method, &said.take(&rows)?, &truth.take(&rows)?, weights.as_deref());
            if let Some(calibrator) = where_defined(fitted).context(format!("group `{name}`"))? {
                own.insert(name.clone(), calibrator);
            }
        }
        Ok(GroupCalibrator { all, groups: own })
    }

    /// The groups that have a correction of their own, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The probabilities as they should be, for rows of these groups.
    ///
    /// # Errors
    /// As [`Calibrator::apply`], or when there is not a group for each row.
    pub fn apply(&self, said: &Probabilities, groups: &[String]) -> Result<Probabilities> {
        if groups.len() != said.n_rows() {
            return Err(Error::length_mismatch("the groups", said.n_rows(), groups.len()));
        }
        let right = self.all.apply(said)?;
        let names = right.shared_names();
        let mut values: Array2<f64> = right.values().to_owned();
        for (name, calibrator) in &self.groups {
            let rows: Vec<usize> = (0..groups.len()).filter(|&row| groups[row] == *name).collect();
            if rows.is_empty() {
                continue;
            }
            let own = calibrator.apply(&said.take(&rows)?)?;
            let own = columns_in(&own, &names)?;
            for (place, &row) in rows.iter().enumerate() {
                values.row_mut(row).assign(&own.values().row(place));
            }
        }
        Probabilities::new(values, names)
    }
}
