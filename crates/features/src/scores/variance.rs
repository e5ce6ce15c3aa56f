//! F: how much of a column the classes explain, or of a numeric target the column, against what is left.

use perennial_core::{Capabilities, Classes, Error, Matrix, Result, Train, Values};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Distribution, FisherF};
use serde::{Deserialize, Serialize};

use super::column::{Column, Columns};
use super::{ColumnScores, ScoreColumns};

/// F of the one-way analysis of variance of each column between the classes, and its p-value: scikit-learn's `f_classif`.
///
/// Columns that say nothing score 0 with the p-value 1. A row of weight 2 counts as two rows, and weights that
/// add up to no more than there are classes are an error; rows may be sparse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FClassification;

/// F of the correlation of each column with a numeric target, and its p-value: scikit-learn's `f_regression`.
///
/// Columns that say nothing score 0 with the p-value 1. A row of weight 2 counts as two rows, and weights that
/// add up to 2 or less are an error; rows may be sparse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FRegression;

/// What says nothing.
const NOTHING: (f64, f64) = (0.0, 1.0);

/// Refuses weights beside which F has no degrees of freedom, so that each column would score 0.
fn check_weights<Y: ?Sized>(train: &Train<'_, Matrix, Y>, total: f64, least: f64) -> Result<()> {
    if train.weights.is_some() && total <= least {
        return Err(Error::insufficient_data(format!(
            "the weights add up to {total}, and F counts a row of weight 2 as two rows; give weights that say how many rows each stands for"
        )));
    }
    Ok(())
}

/// F of a share of explained variance, the largest number where nothing is left unexplained, and its p-value.
fn f_test(explained: f64, total: f64, df_model: f64, df_rest: f64) -> Result<(f64, f64)> {
    if !(total > 0.0 && df_model > 0.0 && df_rest > 0.0) {
        return Ok(NOTHING);
    }
    let f = (explained / df_model) / ((total - explained).max(0.0) / df_rest);
    if f.is_nan() {
        return Ok(NOTHING);
    }
    let f = f.clamp(0.0, f64::MAX);
    Ok((f, FisherF::new(df_model, df_rest)?.sf(f)))
}

impl ScoreColumns for FRegression {
    type Target = Values;

    fn scores(&self, train: &Train<'_, Matrix, Values>) -> Result<ColumnScores> {
        let columns = Columns::of(train)?;
        let total = columns.total();
        check_weights(train, total, 2.0)?;
        let target = Column::of_all(train.y.as_slice(), columns.weights()).centred(total);
        let Some(target) = target else {
            return Ok(ColumnScores::from_pairs(vec![NOTHING; train.x.n_cols()]));
        };
        let mut y = vec![0.0; columns.weights().len()];
        target.cells.iter().for_each(|cell| y[cell.row] = cell.value);
        let size = target.squares().sqrt();
        let pairs = reduce::try_map_each(train.x.n_cols(), |column| {
            train.ctx.check()?;
            let Some(x) = columns.column(column).centred(total) else { return Ok(NOTHING) };
            // Deviations of the target add up to 0, so those of the rows that are not stored are known from the others.
            let product = |at: usize| {
                let cell = &x.cells[at];
                cell.weight * (cell.value - x.rest_deviation) * y[cell.row]
            };
            let r = reduce::sum_by(x.cells.len(), product) / (x.squares().sqrt() * size);
            f_test((r * r).min(1.0), 1.0, 1.0, total - 2.0)
        })?;
        Ok(ColumnScores::from_pairs(pairs))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}

impl ScoreColumns for FClassification {
    type Target = Classes;

    fn scores(&self, train: &Train<'_, Matrix, Classes>) -> Result<ColumnScores> {
        train.y.check_two_classes()?;
        let columns = Columns::of(train)?;
        let (codes, total) = (train.y.codes(), columns.total());
        let mut of_class = vec![0.0; train.y.n_classes()];
        codes.iter().zip(columns.weights()).for_each(|(&code, weight)| of_class[code as usize] += weight);
        let groups = of_class.iter().filter(|weight| **weight > 0.0).count() as f64;
        check_weights(train, total, groups)?;
        let pairs = reduce::try_map_each(train.x.n_cols(), |column| {
            train.ctx.check()?;
            let Some(x) = columns.column(column).centred(total) else { return Ok(NOTHING) };
            let (mut sums, mut stored) = (vec![0.0; of_class.len()], vec![0.0; of_class.len()]);
            for cell in &x.cells {
                let class = codes[cell.row] as usize;
                sums[class] += cell.weight * cell.value;
                stored[class] += cell.weight;
            }
            let between: f64 = (0..of_class.len())
                .filter(|&class| of_class[class] > 0.0)
                .map(|class| {
                    let sum = sums[class] + x.rest_deviation * (of_class[class] - stored[class]);
                    sum * (sum / of_class[class])
                })
                .sum();
            f_test(between, x.squares(), groups - 1.0, total - groups)
        })?;
        Ok(ColumnScores::from_pairs(pairs))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().sparse()
    }
}
