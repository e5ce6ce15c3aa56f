use ndarray::Array2;
use perennial_core::{Context, Error, Param, Result};
use perennial_numeric::reduce;
use perennial_statistics::describe::quantile_sorted;
use serde::{Deserialize, Serialize};

use super::Score;
use crate::tabular::{ColumnChange, Tabular, position, that_fit};

/// The values at which a feature is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// This many quantiles of the column from 5 % to 95 %, or all of its values where they are fewer.
    Quantiles(usize),
    /// These values.
    Values(Vec<f64>),
}

impl Default for Grid {
    fn default() -> Self {
        Grid::Quantiles(20)
    }
}

const POINTS: Param = Param::integer("points", "points of the grid").at_least(2.0).at_most(10_000.0);

impl Grid {
    pub(super) fn of(&self, column: &[f64], name: &str) -> Result<Vec<f64>> {
        let mut values: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        match self {
            Grid::Values(values) if values.is_empty() => Err(Error::empty("the grid has no values")),
            Grid::Values(values) => Ok(values.clone()),
            Grid::Quantiles(_) if values.is_empty() => {
                Err(Error::empty(format!("`{name}` has no values, so there is no grid; give `Grid::Values`")))
            }
            Grid::Quantiles(points) => {
                POINTS.check_count(*points)?;
                let mut distinct = values.clone();
                distinct.dedup();
                if distinct.len() > *points {
                    let share = |point: usize| 0.05 + 0.9 * point as f64 / (points - 1) as f64;
                    distinct = (0..*points).map(|point| quantile_sorted(&values, share(point))).collect();
                    distinct.dedup();
                }
                Ok(distinct)
            }
        }
    }
}

/// How a score moves with a feature, all others as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// The feature.
    pub feature: String,
    /// What it was set to.
    pub grid: Vec<f64>,
    /// The mean score of the rows with the feature at each value of the grid (Friedman, 2001).
    pub mean: Vec<f64>,
    /// For each row its score at each value of the grid, `n_rows` x grid: individual conditional expectation (Goldstein and
    /// others, 2015). Lines that are not parallel tell of interactions.
    pub rows: Array2<f64>,
}

/// Sets a feature of all rows to each value of a grid, and asks the model.
///
/// Of a table it is a column of numbers or truth values; whole numbers are set to whole ones.
///
/// Where features go together, rows come about that never occur; [`accumulated_effects`](super::accumulated_effects) asks
/// for none.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Context, Matrix};
/// use perennial_evaluation::explain::{Grid, Score, partial_dependence};
///
/// let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| row[0] * row[1]).collect()));
/// let x = Matrix::from(array![[0.0, 1.0], [5.0, 3.0]]).with_names(["a", "b"])?;
/// let effect = partial_dependence(&score, &x, "a", &Grid::Values(vec![0.0, 2.0]), &Context::new())?;
/// assert_eq!(effect.mean, [0.0, 4.0]);
/// assert_eq!(effect.rows, array![[0.0, 2.0], [0.0, 6.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, no such feature, the grid is empty, the matrix is sparse, the model refuses a row, or the work
/// was cancelled.
pub fn partial_dependence<X: Tabular>(
    score: &Score<'_, X>,
    x: &X,
    feature: &str,
    grid: &Grid,
    ctx: &Context,
) -> Result<Dependence> {
    let column = position(x, feature)?;
    if x.n_rows() == 0 {
        return Err(Error::empty("there are no rows to set the feature in"));
    }
    let grid = that_fit(x, column, grid.of(x.cells(column)?.values(), feature)?)?;
    let scores = crate::tasks::try_each(grid.len(), |point| {
        ctx.step(point, grid.len())?;
        score.of(&x.changed(&[(column, ColumnChange::Set(vec![grid[point]; x.n_rows()]))])?)
    })?;
    Ok(Dependence {
        feature: feature.to_owned(),
        mean: scores.iter().map(|scores| reduce::mean(scores)).collect(),
        rows: Array2::from_shape_fn((x.n_rows(), grid.len()), |(row, point)| scores[point][row]),
        grid,
    })
}
