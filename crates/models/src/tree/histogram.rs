//! Single trees grown from columns in bins.

use std::collections::BTreeMap;

use perennial_core::{Context, FitTransform, Matrix, NoTarget, Result, Train};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::grow::Grown;
use super::in_bins::{ByRows, Learning, Plan, grow};
use super::limits::Limits;
use super::{Monotone, directions};
use crate::binned::Binner;

/// Where the columns of a tree are cut. Single trees begin with [`Exact`](Splits::Exact), boosting with
/// [`Histogram`](Splits::Histogram).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Splits {
    /// At the best of all places: between any two values that differ in the rows of a node, whatever their number.
    #[default]
    Exact,
    /// At the best place between bins, which is faster by far and seldom worse on many rows.
    Histogram,
    /// Each column at a place drawn at random, and the best of these (Geurts, Ernst and Wehenkel, 2006); in boosting that is
    /// [`extra_trees`](crate::GradientBoostingRegressor::extra_trees).
    Random,
}

/// What a tree in bins is told beside its target.
#[derive(Debug)]
pub(super) struct Histogram<'a> {
    pub(super) limits: Limits,
    pub(super) random_cuts: bool,
    pub(super) max_bins: usize,
    pub(super) monotone: &'a BTreeMap<String, Monotone>,
}

impl Histogram<'_> {
    /// Grows a tree on rows that have weight; `weights` are theirs without those of classes.
    pub(super) fn grow<L: Learning>(
        &self,
        learning: &L,
        x: &Matrix,
        weights: Option<&[f64]>,
        samples: Vec<L::Row>,
        random: Random,
        ctx: &Context,
    ) -> Result<Vec<Grown>> {
        let mut columns = Train::new(x, &NoTarget).context(ctx.child("bins"));
        columns.weights = weights;
        let (_, binned) = Binner::new().max_bins(self.max_bins).fit_transform_on(&columns)?;
        let monotone = directions(self.monotone, x.features())?;
        let plan = Plan {
            binned: &binned,
            fine: None,
            limits: self.limits.clone(),
            random_cuts: self.random_cuts.then(|| ByRows::new(&binned)),
            monotone,
        };
        grow(&plan, learning, samples, random, ctx)
    }
}
