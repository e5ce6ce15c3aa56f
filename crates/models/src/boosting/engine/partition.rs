//! Rows that go left before those that go right.

use perennial_core::memory;
use perennial_numeric::{part, reduce};
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
    let blocks = rows.par_chunks_mut(BLOCK).zip(spare.par_chunks_mut(BLOCK));
    let n_lefts: Vec<usize> = blocks
        .map(|(rows, spare)| {
            let n_left = partition_block(rows, codes, goes_left, spare);
            spare.copy_from_slice(rows);
            n_left
        })
        .collect();
    // Each block's two parts, and where they belong.
    let sizes = |index: usize| (n_lefts[index], spare[index * BLOCK..].len().min(BLOCK) - n_lefts[index]);
    let n_left = n_lefts.iter().sum();
    let (mut lefts, mut rights) = rows.split_at_mut(n_left);
    let mut parts = Vec::with_capacity(n_lefts.len());
    for index in 0..n_lefts.len() {
        let (n_left, n_right) = sizes(index);
        let left = lefts.split_off_mut(..n_left).unwrap_or_default();
        let right = rights.split_off_mut(..n_right).unwrap_or_default();
        parts.push((left, right));
    }
    reduce::fill_chunks(&mut parts, 1, |index, parts| {
        for (left, right) in parts {
            let from = &spare[index * BLOCK..index * BLOCK + left.len() + right.len()];
            left.copy_from_slice(&from[..left.len()]);
            right.copy_from_slice(&from[left.len()..]);
        }
    });
    n_left
}

fn partition_block(rows: &mut [u32], codes: &[u8], goes_left: &[bool; 256], spare: &mut [u32]) -> usize {
    let n_left = part::part(rows, codes, goes_left, spare);
    let n_right = rows.len() - n_left;
    rows[n_left..].copy_from_slice(&spare[..n_right]);
    n_left
}
