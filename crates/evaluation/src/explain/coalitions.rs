//! What a model says when some features of a row are known and the others come from a background.

use ndarray::{Array2, ArrayRef2, ArrayView1};
use perennial_core::{Features, Matrix, Result};

use super::Score;

/// Rows that are put to the model at once.
const ROWS: usize = 8192;

/// A score, and rows that stand for what is not known. Players are features, or groups of them.
pub(super) struct Game<'a> {
    pub(super) score: &'a Score<'a>,
    pub(super) background: &'a ArrayRef2<f64>,
    pub(super) features: &'a Features,
    pub(super) players: &'a [Vec<usize>],
}

impl Game<'_> {
    /// The mean score over the background with the known players taken from `row`; one number for each coalition, of
    /// which `coalitions` has as many flags as there are players.
    pub(super) fn values(&self, row: ArrayView1<'_, f64>, coalitions: &[bool]) -> Result<Vec<f64>> {
        let (n_background, width) = self.background.dim();
        let at_once = (ROWS / n_background.max(1)).max(1);
        let mut values = Vec::with_capacity(coalitions.len() / self.players.len().max(1));
        for block in coalitions.chunks(at_once * self.players.len()) {
            let n_coalitions = block.len() / self.players.len();
            let mut mixed = Array2::zeros((n_coalitions * n_background, width));
            for (coalition, known) in block.chunks_exact(self.players.len()).enumerate() {
                let first = coalition * n_background;
                let mut rows = mixed.slice_mut(ndarray::s![first..first + n_background, ..]);
                rows.assign(self.background);
                for column in known.iter().zip(self.players).filter(|(known, _)| **known).flat_map(|(_, p)| p)
                {
                    rows.column_mut(*column).fill(row[*column]);
                }
            }
            let mixed = Matrix::from(mixed).with_features(self.features.clone())?;
            let scores = self.score.of(&mixed)?;
            values.extend(scores.chunks_exact(n_background).map(|s| s.iter().sum::<f64>() / s.len() as f64));
        }
        Ok(values)
    }
}
