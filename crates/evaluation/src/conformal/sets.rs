//! Sets of classes and how good they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, Axis, concatenate};
use perennial_core::{Classes, Classifier, Error, Result, Rows, check_rows};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::align::{check_rows_of, codes_in};
use crate::metric::Answers;
use crate::{Metric, Stack};

/// A set of classes for each row that should hold its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSets {
    /// The share of the rows whose class they should hold.
    level: f64,
    names: Arc<[String]>,
    members: Array2<bool>,
}

impl ClassSets {
    /// Sets from a table that says which classes are in: `n_rows` x `n_classes`.
    ///
    /// # Errors
    /// When the numbers of columns and of names differ.
    pub fn new(level: f64, members: Array2<bool>, names: impl Into<Arc<[String]>>) -> Result<Self> {
        let names = names.into();
        if members.ncols() != names.len() {
            return Err(Error::length_mismatch("the class names", members.ncols(), names.len()));
        }
        Ok(ClassSets { level, names, members })
    }

    /// The share of the rows whose class the sets should hold.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The class names, in the order of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Which classes are in the set of each row: `n_rows` x `n_classes`.
    pub fn members(&self) -> &ArrayRef2<bool> {
        &self.members
    }

    /// The names of the classes in the set of a row.
    pub fn of_row(&self, row: usize) -> impl Iterator<Item = &str> {
        let there = self.members.row(row).to_vec();
        self.names.iter().zip(there).filter(|(_, there)| *there).map(|(name, _)| name.as_str())
    }

    /// How many classes the set of each row has; 0 where the row is like none.
    pub fn sizes(&self) -> Vec<usize> {
        self.members.rows().into_iter().map(|row| row.iter().filter(|there| **there).count()).collect()
    }
}

impl Rows for ClassSets {
    type Owned = ClassSets;

    fn n_rows(&self) -> usize {
        self.members.nrows()
    }

    fn take(&self, rows: &[usize]) -> Result<ClassSets> {
        check_rows(rows, self.n_rows())?;
        let members = self.members.select(Axis(0), rows);
        Ok(ClassSets { level: self.level, names: self.names.clone(), members })
    }
}

impl Stack for ClassSets {
    fn stack(parts: &[Self]) -> Result<Self> {
        let first = parts.first().ok_or_else(|| Error::empty("there are no parts to put together"))?;
        if parts.iter().any(|part| part.level != first.level || part.names != first.names) {
            return Err(Error::malformed(
                "the parts have different levels or classes and cannot be put together",
            ));
        }
        let views: Vec<_> = parts.iter().map(|part| part.members.view()).collect();
        let members = concatenate(Axis(0), &views).map_err(Error::other)?;
        Ok(ClassSets { level: first.level, names: first.names.clone(), members })
    }
}

/// A classifier that also gives a set of classes for each row.
pub trait SetPredictor: Classifier {
    /// The classes that cannot be excluded for each row.
    ///
    /// # Errors
    /// As [`predict_proba`](Classifier::predict_proba), and when there are too few calibration rows for the level.
    fn predict_set(&self, x: &Self::Input) -> Result<ClassSets>;
}

impl<M: SetPredictor> Answers<ClassSets> for M {
    fn answer(&self, x: &M::Input) -> Result<ClassSets> {
        self.predict_set(x)
    }
}

/// The share of the rows whose class is in their set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetCoverage;

/// The mean number of classes in a set: of two with the same coverage the smaller are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanSetSize;

/// The least share of rows held by their sets, among the rows with sets of one size (Angelopoulos and others, 2021): far
/// below the level where large sets hold for easy rows what small ones lose for hard ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SizeStratifiedCoverage;

/// Whether the class of each row is in its set; a class that the sets do not know is not.
fn held(truth: &Classes, sets: &ClassSets) -> Result<Vec<bool>> {
    check_rows_of(truth.n_rows(), sets.n_rows(), None)?;
    let codes = codes_in(truth, sets.names())?;
    Ok(codes.into_iter().enumerate().map(|(row, code)| sets.members[[row, code]]).collect())
}

macro_rules! mean_of_sets {
    ($metric:ident, $name:literal, $higher:literal, $most:expr, $scores:expr) => {
        impl Metric for $metric {
            type Truth = Classes;
            type Prediction = ClassSets;
            const HIGHER_IS_BETTER: bool = $higher;

            fn name(&self) -> String {
                $name.to_owned()
            }

            fn bounds(&self) -> (f64, f64) {
                (0.0, $most)
            }

            fn score_weighted(
                &self,
                truth: &Classes,
                prediction: &ClassSets,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
                let scores = self.row_scores(truth, prediction)?.unwrap_or_default();
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                Ok(reduce::sum_by(scores.len(), |row| weight(row) * scores[row])
                    / reduce::sum_by(scores.len(), weight))
            }

            fn row_scores(&self, truth: &Classes, prediction: &ClassSets) -> Result<Option<Vec<f64>>> {
                let scores: fn(&Classes, &ClassSets) -> Result<Vec<f64>> = $scores;
                scores(truth, prediction).map(Some)
            }
        }
    };
}

mean_of_sets!(SetCoverage, "set_coverage", true, 1.0, |truth, sets| {
    Ok(held(truth, sets)?.into_iter().map(|held| f64::from(u8::from(held))).collect())
});
mean_of_sets!(MeanSetSize, "mean_set_size", false, f64::INFINITY, |truth, sets| {
    check_rows_of(truth.n_rows(), sets.n_rows(), None)?;
    Ok(sets.sizes().into_iter().map(|size| size as f64).collect())
});

impl Metric for SizeStratifiedCoverage {
    type Truth = Classes;
    type Prediction = ClassSets;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        "size_stratified_coverage".to_owned()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &ClassSets,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let mut of_size: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
        let rows = held(truth, prediction)?.into_iter().zip(prediction.sizes()).enumerate();
        for (row, (held, size)) in rows {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            let sums = of_size.entry(size).or_default();
            *sums = [sums[0] + weight * f64::from(u8::from(held)), sums[1] + weight];
        }
        let shares = of_size.into_values().filter(|sums| sums[1] > 0.0).map(|sums| sums[0] / sums[1]);
        Ok(shares.fold(1.0, f64::min))
    }
}
