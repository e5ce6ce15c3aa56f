//! Merges of clusters that are linked in a graph.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use ndarray::{ArrayRef2, Axis};
use perennial_core::{Context, Error, Result};
use perennial_numeric::neighbors::{Index, Metric, Search, paired};
use serde::{Deserialize, Serialize};

use super::agglomerative::Linkage;
use super::lloyd::largest;
use super::merges::{Joint, Merge};
use crate::rows::{power_of_two, row_major};

/// Looks for the nearest row of another part, at most: rows times parts of the graph.
const MOST_LOOKS: usize = 10_000_000;

/// Which clusters may be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Connectivity {
    /// Any two.
    #[default]
    All,
    /// Clusters with two rows of which one is among so many nearest others of the other one; all others where there
    /// are fewer.
    Neighbors(usize),
    /// Clusters with two rows that are a pair of this list.
    Pairs(Vec<(u32, u32)>),
}

/// The links between rows, each once and with its length; `None` where all are linked.
pub(super) fn links(
    ctx: &Context,
    x: &ArrayRef2<f64>,
    metric: Metric,
    connectivity: &Connectivity,
) -> Result<Option<Vec<Joint>>> {
    let n_rows = x.nrows();
    let mut pairs = match connectivity {
        Connectivity::All => return Ok(None),
        Connectivity::Neighbors(0) => {
            return Err(Error::invalid_param("neighbors", 0, "at least 1"));
        }
        _ if n_rows == 1 => return Ok(Some(Vec::new())),
        Connectivity::Neighbors(k) => {
            let k = (*k).min(n_rows - 1);
            let found = Index::new_in(ctx, x, metric, Search::Auto)?.nearest_others(ctx, x, k)?;
            found.rows().iter().enumerate().map(|(place, &other)| ((place / k) as u32, other)).collect()
        }
        Connectivity::Pairs(pairs) => pairs.clone(),
    };
    if let Some((a, b)) = pairs.iter().find(|(a, b)| (*a).max(*b) as usize >= n_rows) {
        return Err(Error::invalid_param(
            "connectivity",
            format!("the pair ({a}, {b})"),
            format!("pairs of the {n_rows} rows, which count from 0"),
        ));
    }
    pairs.iter_mut().for_each(|(a, b)| (*a, *b) = ((*a).min(*b), (*a).max(*b)));
    pairs.retain(|(a, b)| a != b);
    pairs.sort_unstable();
    pairs.dedup();
    bridge(ctx, x, metric, &mut pairs)?;
    let lengths = paired(metric, x, &pairs)?;
    Ok(Some(pairs.into_iter().zip(lengths).map(|((a, b), length)| (length, a, b)).collect()))
}

fn root(parents: &mut [u32], mut row: u32) -> u32 {
    while parents[row as usize] != row {
        parents[row as usize] = parents[parents[row as usize] as usize];
        row = parents[row as usize];
    }
    row
}

fn join(parents: &mut [u32], a: u32, b: u32) -> bool {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b) as usize] = a.min(b);
    a != b
}

/// Links the parts that the graph falls into, each with each, by the two rows that are nearest.
fn bridge(ctx: &Context, x: &ArrayRef2<f64>, metric: Metric, pairs: &mut Vec<(u32, u32)>) -> Result<()> {
    let n_rows = x.nrows();
    let mut parents: Vec<u32> = (0..n_rows as u32).collect();
    for &(a, b) in pairs.iter() {
        join(&mut parents, a, b);
    }
    let (mut parts, mut part_of): (Vec<Vec<usize>>, Vec<usize>) = (Vec::new(), vec![usize::MAX; n_rows]);
    for row in 0..n_rows {
        let root = root(&mut parents, row as u32) as usize;
        if root == row {
            part_of[row] = parts.len();
            parts.push(Vec::new());
        }
        parts[part_of[root]].push(row);
    }
    if parts.len() == 1 {
        return Ok(());
    }
    if parts.len().saturating_mul(n_rows) > MOST_LOOKS {
        return Err(Error::too_large(format!(
            "the graph of {n_rows} rows falls into {} parts, which are too many to be linked; take more neighbours or pairs",
            parts.len()
        )));
    }
    let of = |part: usize| x.select(Axis(0), &parts[part]);
    let indices: Vec<Index> = (0..parts.len())
        .map(|part| Index::new_in(ctx, &of(part), metric, Search::Auto))
        .collect::<Result<_>>()?;
    for a in 0..parts.len() {
        for b in 0..a {
            ctx.step(a * (a - 1) / 2 + b, parts.len() * (parts.len() - 1) / 2)?;
            // The fewer rows ask.
            let (asks, answers) = if parts[a].len() < parts[b].len() { (a, b) } else { (b, a) };
            let found = indices[answers].nearest_in(ctx, &of(asks), 1)?;
            let mut best = (f64::INFINITY, 0, 0);
            for (row, (distance, other)) in found.distances().iter().zip(found.rows()).enumerate() {
                if *distance < best.0 {
                    best = (*distance, row, *other as usize);
                }
            }
            let (row, other) = (parts[asks][best.1] as u32, parts[answers][best.2] as u32);
            pairs.push((row.min(other), row.max(other)));
        }
    }
    Ok(())
}

/// The links that hold all rows together, the shortest there are (Kruskal, 1956).
pub(super) fn shortest(n_rows: usize, mut links: Vec<Joint>) -> Vec<Joint> {
    links.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut parents: Vec<u32> = (0..n_rows as u32).collect();
    links.retain(|link| join(&mut parents, link.1, link.2));
    links
}

/// Two clusters that are linked, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Link(f64, u32, u32);

impl Eq for Link {}

impl PartialOrd for Link {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Link {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then((self.1, self.2).cmp(&(other.1, other.2)))
    }
}

/// The merges of clusters that are linked, the nearest first. Distances may fall on the way: clusters that come near
/// each other as they grow may have had no link.
pub(super) fn grow(
    ctx: &Context,
    x: &ArrayRef2<f64>,
    linkage: Linkage,
    links: Vec<Joint>,
) -> Result<Vec<Merge>> {
    let (n_rows, width) = x.dim();
    let mut cells = row_major(x).into_owned();
    let most = largest(&cells);
    let unit = if most == 0.0 || (1e-100..=1e100).contains(&most) { 1.0 } else { power_of_two(most) };
    cells.iter_mut().for_each(|value| *value /= unit);
    let mut sizes = vec![1u32; n_rows];
    // By cluster those that it is linked with, in the order of their numbers, and how far they are; none once it is merged.
    let mut linked: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n_rows];
    let mut heap = BinaryHeap::with_capacity(links.len());
    for (length, a, b) in links {
        linked[a as usize].push((b, length));
        linked[b as usize].push((a, length));
        heap.push(Reverse(Link(length, a, b)));
    }
    linked.iter_mut().for_each(|others| others.sort_unstable_by_key(|other| other.0));
    let mut is_merged = vec![false; n_rows];
    let mut merges = Vec::with_capacity(n_rows - 1);
    while let Some(Reverse(Link(distance, a, b))) = heap.pop() {
        let (left, right) = (a as usize, b as usize);
        if is_merged[left] || is_merged[right] {
            continue;
        }
        ctx.step(merges.len(), n_rows)?;
        let own = sizes.len();
        let (shares, size) = ((f64::from(sizes[left]), f64::from(sizes[right])), sizes[left] + sizes[right]);
        merges.push(Merge { left: a.min(b), right: a.max(b), distance, size });
        sizes.push(size);
        is_merged[left] = true;
        is_merged[right] = true;
        is_merged.push(false);
        if linkage == Linkage::Ward {
            for column in 0..width {
                let (a, b) = (cells[left * width + column], cells[right * width + column]);
                cells.push(a * (shares.0 / f64::from(size)) + b * (shares.1 / f64::from(size)));
            }
        }
        let of_both = both(&std::mem::take(&mut linked[left]), &std::mem::take(&mut linked[right]));
        let mut others = Vec::with_capacity(of_both.len());
        for (other, from_left, from_right) in of_both {
            if other == a || other == b {
                continue;
            }
            let place = other as usize;
            let distance = match (linkage, from_left, from_right) {
                (Linkage::Ward, ..) => {
                    let (a, b) = (&cells[own * width..][..width], &cells[place * width..][..width]);
                    let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
                    let (size, other) = (f64::from(size), f64::from(sizes[place]));
                    (2.0 * size / (size + other) * other * square).sqrt() * unit
                }
                (Linkage::Average, Some(x), Some(y)) => {
                    x * (shares.0 / f64::from(size)) + y * (shares.1 / f64::from(size))
                }
                (_, Some(x), Some(y)) => x.max(y),
                (_, x, y) => x.or(y).unwrap_or(f64::INFINITY),
            };
            let back = &mut linked[place];
            back.retain(|link| link.0 != a && link.0 != b);
            back.push((own as u32, distance));
            others.push((other, distance));
            heap.push(Reverse(Link(distance, other, own as u32)));
        }
        linked.push(others);
    }
    Ok(merges)
}

/// What stands in either of two lists in the order of their numbers, with the lengths in both.
fn both(a: &[(u32, f64)], b: &[(u32, f64)]) -> Vec<(u32, Option<f64>, Option<f64>)> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut out = Vec::with_capacity(a.len() + b.len());
    loop {
        let next = match (a.peek(), b.peek()) {
            (None, None) => return out,
            (Some(x), None) => x.0,
            (None, Some(y)) => y.0,
            (Some(x), Some(y)) => x.0.min(y.0),
        };
        let from_a = a.next_if(|x| x.0 == next).map(|x| x.1);
        let from_b = b.next_if(|y| y.0 == next).map(|y| y.1);
        out.push((next, from_a, from_b));
    }
}
