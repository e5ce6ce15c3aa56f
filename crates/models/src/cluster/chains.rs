//! Chains of nearest neighbours on the distances of all pairs, for linkages that no centroid stands for.

use ndarray::{ArrayRef2, s};
use perennial_core::{Context, Result};
use perennial_numeric::neighbors::{Metric, pairwise};

use super::merges::Joint;

/// Merges between two looks at the context.
const LOOK: usize = 64;
/// Distances that are computed at a time, about.
const BLOCK: usize = 1 << 20;

/// The distances of all pairs, each once: those of row `i` from the rows before it follow those of the rows before.
struct Triangle {
    numbers: Vec<f64>,
}

impl Triangle {
    fn new(ctx: &Context, x: &ArrayRef2<f64>, metric: Metric) -> Result<Self> {
        let n_rows = x.nrows();
        let mut numbers = Vec::with_capacity(n_rows * n_rows.saturating_sub(1) / 2);
        let mut first = 0;
        while first < n_rows {
            ctx.step(first, n_rows)?;
            let end = (first + (BLOCK / (first + 1)).clamp(1, 1024)).min(n_rows);
            let block = pairwise(metric, &x.slice(s![first..end, ..]), &x.slice(s![..end, ..]))?;
            for (row, distances) in (first..end).zip(block.rows()) {
                numbers.extend(distances.iter().take(row));
            }
            first = end;
        }
        Ok(Triangle { numbers })
    }

    fn at(a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        high * high.saturating_sub(1) / 2 + low
    }
}

/// The merges of the rows; `join` gives the distance of two merged clusters, `(distance, size)` each, from another.
pub(super) fn chains(
    ctx: &Context,
    x: &ArrayRef2<f64>,
    metric: Metric,
    join: impl Fn((f64, f64), (f64, f64)) -> f64,
) -> Result<Vec<Joint>> {
    let n_rows = x.nrows();
    let mut triangle = Triangle::new(ctx, x, metric)?;
    let mut left: Vec<usize> = (0..n_rows).collect();
    let mut sizes = vec![1.0; n_rows];
    let mut joints: Vec<Joint> = Vec::with_capacity(n_rows.saturating_sub(1));
    // Clusters by one of their rows, and how near each is to the one before.
    let mut chain: Vec<(f64, usize)> = Vec::new();
    while joints.len() + 1 < n_rows {
        if joints.len().is_multiple_of(LOOK) {
            ctx.step(joints.len(), n_rows)?;
        }
        let Some(&(least, top)) = chain.last() else {
            chain.push((f64::INFINITY, left[0]));
            continue;
        };
        let mut nearest = (f64::INFINITY, top);
        for &other in left.iter().filter(|other| **other != top) {
            let distance = triangle.numbers[Triangle::at(top, other)];
            if distance < nearest.0 {
                nearest = (distance, other);
            }
        }
        // Only nearer ones go on, so that a chain ends among equal distances too.
        if nearest.0 < least {
            chain.push(nearest);
            continue;
        }
        chain.pop();
        let Some((_, before)) = chain.pop() else { break };
        joints.push((least, before as u32, top as u32));
        // The later row stands for both: its distances lie together.
        let (gone, kept) = (before.min(top), before.max(top));
        left.retain(|&other| other != gone);
        for &other in left.iter().filter(|other| **other != kept) {
            let (from_gone, from_kept) =
                (triangle.numbers[Triangle::at(gone, other)], triangle.numbers[Triangle::at(kept, other)]);
            triangle.numbers[Triangle::at(kept, other)] =
                join((from_gone, sizes[gone]), (from_kept, sizes[kept]));
        }
        sizes[kept] += sizes[gone];
    }
    Ok(joints)
}
