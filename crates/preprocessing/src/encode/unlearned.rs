//! What encoders by the target make of columns, told before they learn.

use perennial_core::{Estimator, Matrix, OutputSchema, Result};
use perennial_data::Table;

use super::target::{Encoded, TargetModel};
use crate::Unknown;
use crate::categories::Levels;
use crate::schema;

/// What columns become: one of their name for each of the labels; the codes are learned.
pub(super) fn unlearned(
    x: &Table,
    labels: Vec<Option<String>>,
    unknown: Unknown,
) -> Result<OutputSchema<Matrix>> {
    schema::check_categories(x)?;
    let codes = vec![vec![0.0; 2]; labels.len()];
    let column = |name: &str| Encoded { name: name.into(), levels: Levels::default(), codes: codes.clone() };
    OutputSchema::of(&TargetModel::new(x.names().map(column).collect(), labels, unknown)?, x)
}

/// What columns become where only the target tells how many.
pub(super) fn several(step: &impl Estimator, x: &Table) -> Result<OutputSchema<Matrix>> {
    schema::check_categories(x)?;
    Ok(OutputSchema::after_fit(step, "of a target with more than two classes a column gets one for each"))
}
