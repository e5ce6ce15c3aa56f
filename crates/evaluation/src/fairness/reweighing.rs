//! Weights that make groups and classes independent.

use perennial_core::{Classes, Result, Rows};

use super::sensitive::Grouped;
use crate::align::{check_rows_of, tame};

/// Weights under which groups and classes are independent (Kamiran and Calders, 2012): each row counts as often as its
/// group and class would meet by chance, over how often they do. Give them to a fit: what they were before is part of
/// them, and so is their sum.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::fairness::reweighing;
///
/// let y = Classes::from_labels(["no", "no", "yes", "no"]);
/// let groups = ["a", "a", "b", "b"].map(String::from);
/// assert_eq!(reweighing(&y, &groups, None)?, [0.75, 0.75, 0.5, 1.5]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no rows, the lengths differ, or a weight is not acceptable.
pub fn reweighing(y: &Classes, groups: &[String], weights: Option<&[f64]>) -> Result<Vec<f64>> {
    check_rows_of(y.n_rows(), y.n_rows(), weights)?;
    let groups = Grouped::new(groups, y.n_rows())?;
    let weights = tame(weights);
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
    let mut cells = vec![vec![0.0; y.n_classes()]; groups.names.len()];
    for (row, &code) in y.codes().iter().enumerate() {
        cells[groups.of_row[row]][code as usize] += weight(row);
    }
    let of_group: Vec<f64> = cells.iter().map(|cells| cells.iter().sum()).collect();
    let of_class: Vec<f64> =
        (0..y.n_classes()).map(|class| cells.iter().map(|cells| cells[class]).sum()).collect();
    let total: f64 = of_group.iter().sum();
    let new = |(row, &code): (usize, &u32)| {
        let (group, class) = (groups.of_row[row], code as usize);
        let cell = cells[group][class];
        if cell > 0.0 { weight(row) * (of_group[group] / total) * (of_class[class] / cell) } else { 0.0 }
    };
    Ok(y.codes().iter().enumerate().map(new).collect())
}
