//! Bins within bins, between which the trees of a forest are cut.
//!
//! A few hundred places to cut at are enough for one tree, but trees that all cut at the same places differ too
//! little for their mean to be as good as that of exact trees.

use ndarray::ArrayRef2;
use perennial_core::{Context, Fingerprint, Result};
use perennial_numeric::reduce;

use super::cut::midway;
use crate::binned::{Binned, Bins, MISSING};

/// The most parts of a bin.
const PARTS: usize = 256;

/// Each bin of the columns of numbers cut again.
#[derive(Debug)]
pub(crate) struct Fine<'a> {
    /// The rows before they were put into bins.
    x: &'a ArrayRef2<f64>,
    columns: Vec<FineColumn>,
}

/// A column cut again.
#[derive(Debug)]
pub(crate) struct FineColumn {
    /// The part of its bin that each row is in.
    parts: Vec<u8>,
    /// Where each bin is cut again, ascending.
    cuts: Vec<Vec<f64>>,
    /// The cuts between bins.
    edges: Vec<f64>,
}

impl<'a> Fine<'a> {
    /// Cuts the bins of `x`; rows of weight 0 do not count.
    pub(crate) fn new(
        x: &'a ArrayRef2<f64>,
        binned: &Binned,
        weights: Option<&[f64]>,
        ctx: &Context,
    ) -> Result<Self> {
        let columns = reduce::try_map_each(binned.n_cols(), |column| {
            ctx.check()?;
            let none = FineColumn { parts: Vec::new(), cuts: Vec::new(), edges: Vec::new() };
            let Bins::Numeric { cuts: edges } = binned.binning().column(column) else { return Ok(none) };
            let (values, codes) = (x.column(column), binned.column(column));
            let mut inside = vec![Vec::new(); edges.len() + 1];
            for (row, &code) in codes.iter().enumerate().filter(|(_, code)| **code != MISSING) {
                if weights.is_none_or(|weights| weights[row] > 0.0) {
                    inside[code as usize].push(values[row] + 0.0);
                }
            }
            let cuts: Vec<Vec<f64>> = inside.into_iter().map(cuts).collect();
            if cuts.iter().all(Vec::is_empty) {
                return Ok(none);
            }
            let part = |(row, &code): (usize, &u8)| match cuts.get(code as usize) {
                Some(cuts) => cuts.partition_point(|&cut| cut < values[row]) as u8,
                None => 0,
            };
            let parts = codes.iter().enumerate().map(part).collect();
            Ok(FineColumn { parts, cuts, edges: edges.clone() })
        })?;
        Ok(Fine { x, columns })
    }

    /// Takes the rows into a fingerprint, from which all parts follow.
    pub(crate) fn take_into(&self, of: &mut Fingerprint) {
        of.numbers(self.x.iter());
    }

    /// The rows before they were put into bins.
    pub(crate) fn x(&self) -> &'a ArrayRef2<f64> {
        self.x
    }

    /// A column; `None` where its bins hold one value each.
    pub(crate) fn column(&self, column: usize) -> Option<&FineColumn> {
        self.columns.get(column).filter(|column| !column.parts.is_empty())
    }
}

/// Up to 255 places between the values of a bin.
fn cuts(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    let n_cuts = values.len().saturating_sub(1).min(PARTS - 1);
    let place = |cut: usize| (cut + 1) * values.len() / (n_cuts + 1);
    (0..n_cuts).map(|cut| midway(values[place(cut) - 1], values[place(cut)])).collect()
}

impl FineColumn {
    pub(super) fn parts(&self) -> &[u8] {
        &self.parts
    }

    /// The upper end of a part of a bin, which belongs to it.
    fn upper(&self, bin: u8, part: u8) -> f64 {
        let inside = self.cuts.get(bin as usize).and_then(|cuts| cuts.get(part as usize));
        inside.or(self.edges.get(bin as usize)).copied().unwrap_or(f64::MAX)
    }

    /// The part of a bin that a row is in.
    pub(super) fn part(&self, row: usize) -> u8 {
        self.parts[row]
    }

    /// The lower end of a part of a bin that is not the first of all, which does not belong to it.
    fn lower(&self, bin: u8, part: u8) -> f64 {
        match (part, bin) {
            (0, 0) => f64::MIN,
            (0, bin) => self.edges[bin as usize - 1],
            (part, bin) => self.cuts[bin as usize][part as usize - 1],
        }
    }

    /// A threshold between two parts, given as bins and parts, without rows between them.
    pub(super) fn between(&self, left: [u8; 2], right: [u8; 2]) -> f64 {
        let (low, high) = (self.upper(left[0], left[1]), self.lower(right[0], right[1]));
        low.midpoint(high).clamp(low, high.max(low)) + 0.0
    }
}
