//! Latest times of events, which a column of the matrix holds.

use perennial_core::{Error, FeatureKind, Result};

use super::booster::Booster;
use super::inputs::{Given, Inputs};
use super::objective::{Labels, Objective};
use super::plan::{Plan, shown};
use super::settings::Settings;

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
        let column = x.features().position(name)?;
        if let FeatureKind::Categorical { .. } = x.features().kind(column) {
            return Err(Error::unsupported(format!(
                "column `{name}` holds categories, which are no times; it cannot be `latest`"
            )));
        }
        Ok(Some(x.numbers(column)?))
    }
}

/// Refuses to go on with a model whose trees ask the column of latest times.
pub(super) fn check_unasked(booster: &Booster, settings: &Settings) -> Result<()> {
    let Some(name) = &settings.latest else { return Ok(()) };
    let column = booster.features().position(name)?;
    let mut trees = booster.trees().iter();
    if !trees.any(|tree| (0..tree.n_nodes()).any(|node| tree.feature(node) == Some(column))) {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the model to continue asks column `{name}`, which is `latest` here; learn a new one instead"
    )))
}

/// The labels of rows with their latest times.
pub(super) fn labels<'a, X: ?Sized>(given: &Given<'a, X>, latest: Option<&'a [f64]>) -> Labels<'a> {
    let labels = Labels::new(given.y, given.weights, given.groups);
    match latest {
        Some(latest) => labels.with_latest(latest),
        None => labels,
    }
}
