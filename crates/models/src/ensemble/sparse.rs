//! Scores of sparse rows.

use perennial_core::{Csr, Result};
use perennial_numeric::reduce;

use super::Ensemble;
use crate::tree::{RowMajor, Tree};

/// Cells that are written out at a time.
const CELLS: usize = 1 << 20;
/// The place of a column that no tree asks.
const UNASKED: u32 = u32::MAX;

impl Ensemble {
    /// As [`scores`](Ensemble::scores), of rows that may be sparse, where the trees are added to the base and the offset of a
    /// row: one number for each row, or for each of its scores, score by score.
    pub(crate) fn scores_beside(&self, x: &RowMajor<'_>, offset: Option<&[f64]>) -> Result<Vec<f64>> {
        self.check_columns(x.n_cols())?;
        match x {
            RowMajor::Sparse(csr) if csr.n_rows().saturating_mul(csr.n_cols()) > CELLS => {
                self.scores_of_many(csr, offset)
            }
            _ => Ok(self.sums(&x.block(0..x.n_rows()), x.n_rows(), self.n_rounds(), offset)),
        }
    }

    /// Sparse rows are written out a few at a time, and of them the columns alone that trees ask.
    fn scores_of_many(&self, csr: &Csr, offset: Option<&[f64]>) -> Result<Vec<f64>> {
        let n_rows = csr.n_rows();
        let (narrow, asked) = self.narrowed()?;
        let mut places = vec![UNASKED; csr.n_cols()];
        asked.iter().zip(0..).for_each(|(&column, place)| places[column as usize] = place);
        let width = asked.len();
        let size = (CELLS / width).max(64).min(n_rows);
        let mut cells = vec![0.0; size * width];
        let mut scores = Vec::with_capacity(n_rows * narrow.n_outputs());
        for first in (0..n_rows).step_by(size) {
            let n_now = size.min(n_rows - first);
            let cells = &mut cells[..n_now * width];
            reduce::fill_rows(cells, width, 64, |row, cells| {
                cells.fill(0.0);
                for (row, cells) in (first + row..).zip(cells.chunks_exact_mut(width)) {
                    let (columns, values) = csr.row(row);
                    for (&column, &value) in columns.iter().zip(values) {
                        let place = places[column as usize];
                        if place != UNASKED {
                            cells[place as usize] = value;
                        }
                    }
                }
            });
            let of_rows = |column: &[f64]| column[first..first + n_now].to_vec();
            let offset =
                offset.map(|offset| offset.chunks_exact(n_rows).flat_map(of_rows).collect::<Vec<f64>>());
            scores.extend(narrow.sums(cells, n_now, narrow.n_rounds(), offset.as_deref()));
        }
        Ok(scores)
    }

    /// The same sum on rows of the columns that trees ask, and those, ascending; the first where none is asked.
    fn narrowed(&self) -> Result<(Ensemble, Vec<u32>)> {
        let asked =
            |tree: &Tree| (0..tree.n_nodes()).filter_map(|node| tree.feature(node)).collect::<Vec<_>>();
        let mut columns: Vec<u32> = self.trees.iter().flat_map(asked).map(|column| column as u32).collect();
        columns.sort_unstable();
        columns.dedup();
        if columns.is_empty() {
            columns.push(0);
        }
        let trees = self.trees.iter().map(|tree| tree.on_columns(&columns)).collect();
        Ok((Ensemble::new(columns.len(), self.n_outputs, self.base.clone(), trees)?, columns))
    }
}
