//! What steps keep of rows that come in batches.

use std::collections::BTreeMap;

use perennial_core::{Error, Features, Matrix, NoTarget, Result, Rows, Train};
use perennial_data::Table;

use crate::batches::{Learning, one_pass};
use crate::categories::Counted;
use crate::category_parts::TableParts;
use crate::moments::{Moments, PartMoments};

/// Cells of sparse rows that are written out at a time.
const DENSE_CELLS: usize = 1 << 20;

/// Batches of matrices, and their moments.
#[derive(Default)]
pub(crate) struct MatrixParts {
    features: Option<Features>,
    moments: PartMoments,
}

impl MatrixParts {
    /// Takes in a batch, and gives it with its columns in the order of the first one.
    pub(crate) fn add(&mut self, x: &Matrix, weights: Option<&[f64]>) -> Result<Matrix> {
        let features = self.features.get_or_insert_with(|| x.features().clone());
        let x = features.align(x)?.into_owned();
        if x.sparse().is_none() {
            self.moments.add(x.dense()?, weights)?;
            return Ok(x);
        }
        // A few rows at a time, so that no zeros of a whole batch are written out.
        let rows: Vec<usize> = (0..x.n_rows()).collect();
        let step = (DENSE_CELLS / x.n_cols().max(1)).max(1);
        for rows in rows.chunks(step) {
            let part = x.take(rows)?.to_dense()?;
            let weights = weights.and_then(|weights| weights.get(rows[0]..rows[0] + rows.len()));
            self.moments.add(part.dense()?, weights)?;
        }
        Ok(x)
    }

    pub(crate) fn finish(self) -> Result<(Features, Moments)> {
        let features = self.features.unwrap_or_default();
        let moments = self.moments.finish(features.len())?;
        Ok((features, moments))
    }
}

/// Learns from the moments of all rows.
pub(crate) fn from_moments<'a, M: 'a>(
    model: impl Fn(&Features, Moments) -> Result<M> + 'a,
) -> Box<dyn Learning<Matrix, NoTarget, M> + 'a> {
    one_pass(
        |parts: &mut MatrixParts, batch: &Train<'_, Matrix, NoTarget>| {
            parts.add(batch.x, batch.weights).map(drop)
        },
        move |parts| {
            let (features, moments) = parts.finish()?;
            model(&features, moments)
        },
    )
}

/// Learns from the counted categories of each column: `learn(name, counted)`, then `model` of what was learned.
pub(crate) fn from_counts<'a, T: 'a, M: 'a>(
    learn: impl Fn(&str, Counted) -> Result<T> + 'a,
    model: impl Fn(Vec<T>) -> Result<M> + 'a,
) -> Box<dyn Learning<Table, NoTarget, M> + 'a> {
    one_pass(
        |parts: &mut TableParts<f64>, batch: &Train<'_, Table, NoTarget>| parts.count(batch.x, batch.weights),
        move |parts| {
            let columns = parts.counted().map(|(name, counted)| learn(&name, counted));
            model(columns.collect::<Result<_>>()?)
        },
    )
}

/// More different numbers or categories in a column are an error: it is an identifier, and they would fill the memory.
pub(crate) const MOST_DISTINCT: usize = 1 << 24;

pub(crate) fn too_many_distinct() -> Error {
    Error::too_large(format!(
        "a column has more than {MOST_DISTINCT} different cells, which is too many to count; leave it out"
    ))
}

/// How much each number weighs.
#[derive(Default)]
pub(crate) struct Modes(BTreeMap<u64, f64>);

impl Modes {
    /// Takes in cells with their weights.
    pub(crate) fn add(&mut self, cells: impl Iterator<Item = (f64, f64)>) -> Result<()> {
        for (cell, weight) in cells.filter(|(cell, weight)| !cell.is_nan() && *weight > 0.0) {
            // Zero has one sign here; then bits in the order of their numbers.
            let bits = (cell + 0.0).to_bits();
            let negative = bits >> 63 == 1;
            *self.0.entry(if negative { !bits } else { bits | 1 << 63 }).or_default() += weight;
        }
        if self.0.len() > MOST_DISTINCT { Err(too_many_distinct()) } else { Ok(()) }
    }

    /// The number that weighs most; the smallest of those that weigh the same.
    pub(crate) fn mode(&self) -> Option<f64> {
        let mut best: Option<(u64, f64)> = None;
        for (&key, &weight) in &self.0 {
            if best.is_none_or(|(_, most)| weight > most) {
                best = Some((key, weight));
            }
        }
        best.map(|(key, _)| f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key }))
    }
}
