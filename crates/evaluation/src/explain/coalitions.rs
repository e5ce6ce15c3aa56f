//! What a model says when some features of a row are known and the others come from a background.

use std::ops::Range;

use perennial_core::{Context, Result};

use super::Score;
use crate::Tabular;

/// Rows that are put to the model at once.
const ROWS: usize = 8192;

/// A score, and rows that stand for what is not known. Players are features, or groups of them.
pub(super) struct Game<'a, X> {
    pub(super) score: &'a Score<'a, X>,
    pub(super) background: &'a X,
    pub(super) players: &'a [Vec<usize>],
    /// Asked before each block of questions whether the work was cancelled.
    pub(super) ctx: &'a Context,
}

impl<X: Tabular> Game<'_, X> {
    /// The mean score over the background with the known players taken from a row of `x`; one number for each coalition, of
    /// which `coalitions` has as many flags as there are players.
    pub(super) fn values(&self, x: &X, row: usize, coalitions: &[bool]) -> Result<Vec<f64>> {
        let n_background = self.background.n_rows();
        let at_once = (ROWS / n_background.max(1)).max(1);
        let mut values = Vec::with_capacity(coalitions.len() / self.players.len().max(1));
        for block in coalitions.chunks(at_once * self.players.len()) {
            self.ctx.check()?;
            let parts: Vec<(Range<usize>, Vec<usize>)> = block
                .chunks_exact(self.players.len())
                .map(|known| {
                    let known = known.iter().zip(self.players).filter(|(known, _)| **known);
                    (0..n_background, known.flat_map(|(_, player)| player.iter().copied()).collect())
                })
                .collect();
            let scores = self.score.of(&self.background.mixed(x, row, &parts)?)?;
            values.extend(scores.chunks_exact(n_background).map(|s| s.iter().sum::<f64>() / s.len() as f64));
        }
        Ok(values)
    }
}
