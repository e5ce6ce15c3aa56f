//! Rows that go left before those that go right.

use perennial_core::memory;
use perennial_numeric::part;
use rayon::prelude::*;

/// From so many rows on several threads share them.
const PARALLEL: usize = 65_536;
/// The rows that one of them takes.
const BLOCK: usize = 16_384;

/// Puts the rows whose code goes left before the others, both in their order, and gives their number.
pub(crate) fn partition(
    rows: &mut [u32],
    codes: &[u8],
    goes_left: &[bool; 256],
    spare: &mut Vec<u32>,
) -> usize {
    if spare.len() < rows.len() {
        memory::make_room(spare, rows.len() - spare.len());
        spare.resize(rows.len(), 0);
    }
    let spare = &mut spare[..rows.len()];
    if rows.len() < PARALLEL {
        return partition_block(rows, codes, goes_left, spare);
    }
    // Each block in the spare room: first those that go right, then those that go left.
    let blocks = rows.par_chunks_mut(BLOCK).zip(spare.par_chunks_mut(BLOCK));
    let n_lefts: Vec<usize> = blocks
        .map(|(rows, spare)| {
            let n_left = part::part(rows, codes, goes_left, spare);
            spare[rows.len() - n_left..].copy_from_slice(&rows[..n_left]);
            n_left
        })
        .collect();
    // Each block's two parts, and where they belong.
    let n_left = n_lefts.iter().sum();
    let (mut lefts, mut rights) = rows.split_at_mut(n_left);
    let mut parts = Vec::with_capacity(n_lefts.len());
    for (from, n_left) in spare.chunks(BLOCK).zip(n_lefts) {
        let (from_right, from_left) = from.split_at(from.len() - n_left);
        let left = lefts.split_off_mut(..n_left).unwrap_or_default();
        let right = rights.split_off_mut(..from_right.len()).unwrap_or_default();
        parts.push([(from_left, left), (from_right, right)]);
    }
    parts.into_par_iter().flatten_iter().for_each(|(from, to)| to.copy_from_slice(from));
    n_left
}

fn partition_block(rows: &mut [u32], codes: &[u8], goes_left: &[bool; 256], spare: &mut [u32]) -> usize {
    let n_left = part::part(rows, codes, goes_left, spare);
    let n_right = rows.len() - n_left;
    rows[n_left..].copy_from_slice(&spare[..n_right]);
    n_left
}
