//! Latest times of events, which a column of the matrix holds.

use perennial_core::{Error, Result};

use super::inputs::{Given, Inputs};
use super::objective::{Labels, Objective};
use super::plan::{Plan, shown};

impl<O: Objective, W> Plan<'_, O, W> {
    /// The latest time of each row, where a column holds them.
    pub(super) fn latest<X: Inputs + ?Sized>(&self, x: &X) -> Result<Option<Vec<f64>>> {
        let Some(name) = &self.settings.latest else { return Ok(None) };
        if !self.objective.takes_latest() {
            return Err(Error::unsupported(format!(
                "`latest` names the column `{name}`, and the loss {} knows of no latest times; set the loss \
                 `AcceleratedFailureTime`, or leave `latest` out",
                shown(self.objective)
            )));
        }
        if self.settings.offset.contains(name) {
            return Err(Error::unsupported(format!(
                "column `{name}` cannot be in both `latest` and `offset`"
            )));
        }
        Ok(Some(x.numbers(x.features().position(name)?)?))
    }
}

/// The labels of rows with their latest times.
pub(super) fn labels<'a, X: ?Sized>(given: &Given<'a, X>, latest: Option<&'a [f64]>) -> Labels<'a> {
    let labels = Labels::new(given.y, given.weights, given.groups);
    match latest {
        Some(latest) => labels.with_latest(latest),
        None => labels,
    }
}
