//! Rows and queries in whole steps, and how far that moves them.

use super::panels::Panels;
use crate::{reduce, simd};

/// Columns that are multiplied at once.
pub(super) const STEP: usize = 4;
/// The largest code.
pub(super) const LARGEST: f64 = 127.0;

/// A row or a query, exactly and in steps.
pub(super) struct Rounded {
    values: Vec<f64>,
    /// Whole numbers.
    pub(super) codes: Vec<f64>,
    differences: Vec<f64>,
}

impl Rounded {
    pub(super) fn new(width: usize) -> Self {
        Rounded { values: vec![0.0; width], codes: vec![0.0; width], differences: vec![0.0; width] }
    }

    pub(super) fn round(&mut self, panels: &Panels, unit: f64, row: &[f64]) {
        let to = self;
        simd::widest(Round { panels, unit, row, to });
    }

    /// Writes the codes where those of row `place` of `side` stand in a panel.
    pub(super) fn spread<T>(&self, place: usize, side: usize, code: impl Fn(f64) -> T, panel: &mut [T]) {
        for (step, codes) in self.codes.chunks(STEP).enumerate() {
            let places = &mut panel[(step * side + place) * STEP..];
            places.iter_mut().zip(codes).for_each(|(place, &own)| *place = code(own));
        }
    }

    /// The squared length of the codes.
    pub(super) fn length(&self) -> f64 {
        reduce::dot_chunk(&self.codes, &self.codes)
    }

    /// The squared length of the values.
    pub(super) fn own(&self) -> f64 {
        reduce::dot_chunk(&self.values, &self.values)
    }

    /// How far rounding moved the row at most, that of the shift and of these sums included.
    pub(super) fn moved(&self, panels: &Panels) -> f64 {
        let moved = reduce::dot_chunk(&self.differences, &self.differences).sqrt() * (1.0 + 1e-9);
        moved + (panels.shift + self.own().sqrt()) * 2f64.powi(-50)
    }
}

struct Round<'a> {
    panels: &'a Panels,
    unit: f64,
    row: &'a [f64],
    to: &'a mut Rounded,
}

impl simd::Kernel for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Round { panels, unit, row, to } = self;
        let steps = 1.0 / unit;
        let (n, scale) = (row.len(), panels.scale);
        let (centre, values) = (&panels.centre[..n], &mut to.values[..n]);
        let (codes, differences) = (&mut to.codes[..n], &mut to.differences[..n]);
        for j in 0..n {
            values[j] = (row[j] - centre[j]) * scale;
            codes[j] = (values[j] * steps).round_ties_even().clamp(-LARGEST, LARGEST);
            differences[j] = values[j] - codes[j] * unit;
        }
    }
}
