//! Rates of decisions as metrics.

use perennial_core::{Classes, Error, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::align::check_rows_of;

/// The share of the rows that are given a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionRate {
    class: String,
}

/// The share of the rows that do not have a class but are given it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FalsePositiveRate {
    class: String,
}

impl SelectionRate {
    /// Of this class.
    pub fn of(class: impl Into<String>) -> Self {
        SelectionRate { class: class.into() }
    }
}

impl FalsePositiveRate {
    /// Of this class.
    pub fn of(class: impl Into<String>) -> Self {
        FalsePositiveRate { class: class.into() }
    }
}

/// Which rows have the class; a class that no list of names has is an error.
fn sides(class: &str, truth: &Classes, given: &Classes) -> Result<(Vec<bool>, Vec<bool>)> {
    if !truth.names().iter().chain(given.names()).any(|name| name == class) {
        return Err(Error::unknown(format!(
            "no class is named `{class}`; there are: {}",
            truth.names().join(", ")
        )));
    }
    let is = |classes: &Classes| classes.labels().map(|label| label == class).collect();
    Ok((is(truth), is(given)))
}

fn sums(counts: &[bool], hits: &[bool], weights: Option<&[f64]>) -> (f64, f64) {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let rows = (0..hits.len()).filter(|&row| counts[row]);
    rows.fold((0.0, 0.0), |(hit, all), row| {
        (hit + weight(row) * f64::from(u8::from(hits[row])), all + weight(row))
    })
}

impl Metric for SelectionRate {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        format!("selection_rate_{}", self.class)
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let (_, given) = sides(&self.class, truth, prediction)?;
        let (hit, all) = sums(&vec![true; given.len()], &given, weights);
        Ok(hit / all)
    }

    fn row_scores(&self, truth: &Classes, prediction: &Classes) -> Result<Option<Vec<f64>>> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), None)?;
        let (_, given) = sides(&self.class, truth, prediction)?;
        Ok(Some(given.into_iter().map(|given| f64::from(u8::from(given))).collect()))
    }
}

impl Metric for FalsePositiveRate {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = false;

    fn name(&self) -> String {
        format!("false_positive_rate_{}", self.class)
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let (positive, given) = sides(&self.class, truth, prediction)?;
        let negative: Vec<bool> = positive.into_iter().map(|positive| !positive).collect();
        let (hit, all) = sums(&negative, &given, weights);
        // As recall, it is 0 where there is nothing to have a share of.
        Ok(if all > 0.0 { hit / all } else { 0.0 })
    }
}
