//! The tree of merges that a hierarchy of clusters is, and the clusters where it is cut.

use perennial_core::{Clusters, Error, Result};
use serde::{Deserialize, Serialize};

/// Two clusters that became one.
///
/// The rows are the clusters 0 to n - 1; merge `i` makes cluster n + `i`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The cluster with the lower number.
    pub left: u32,
    /// The other cluster.
    pub right: u32,
    /// How far apart the two were.
    pub distance: f64,
    /// How many rows both have together.
    pub size: u32,
}

/// A merge of the clusters that two rows are in.
pub(super) type Joint = (f64, u32, u32);

/// The clusters of a forest of merges, found again as it grows.
struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    fn new(n_rows: usize) -> Self {
        Forest { parents: (0..2 * n_rows as u32).collect() }
    }

    fn top(&mut self, node: u32) -> u32 {
        let mut node = node as usize;
        while self.parents[node] as usize != node {
            self.parents[node] = self.parents[self.parents[node] as usize];
            node = self.parents[node] as usize;
        }
        node as u32
    }
}

/// The tree of joints that may come in any order; of joints at one distance the earlier are nearer to the rows.
pub(super) fn tree(n_rows: usize, mut joints: Vec<Joint>) -> Vec<Merge> {
    joints.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut forest = Forest::new(n_rows);
    let mut merges: Vec<Merge> = Vec::with_capacity(joints.len());
    for (distance, a, b) in joints {
        let (a, b) = (forest.top(a), forest.top(b));
        let size =
            |node: u32| (node as usize).checked_sub(n_rows).map_or(1, |merge: usize| merges[merge].size);
        let (left, right, size) = (a.min(b), a.max(b), size(a) + size(b));
        let node = (n_rows + merges.len()) as u32;
        (forest.parents[a as usize], forest.parents[b as usize]) = (node, node);
        merges.push(Merge { left, right, distance, size });
    }
    merges
}

/// The clusters that are left when only the first merges are made, numbered by their first rows.
pub(super) fn cut(n_rows: usize, merges: &[Merge], n_clusters: usize) -> Result<Clusters> {
    if n_clusters == 0 || n_clusters > n_rows {
        return Err(Error::insufficient_data(format!(
            "{n_clusters} clusters of {n_rows} rows were asked for; there must be at least 1, and as many rows as clusters"
        )));
    }
    let mut forest = Forest::new(n_rows);
    for (index, merge) in merges[..n_rows - n_clusters].iter().enumerate() {
        let node = (n_rows + index) as u32;
        (forest.parents[merge.left as usize], forest.parents[merge.right as usize]) = (node, node);
    }
    let (mut numbers, mut next) = (vec![-1; 2 * n_rows], 0);
    let labels = (0..n_rows as u32).map(|row| {
        let number = &mut numbers[forest.top(row) as usize];
        if *number < 0 {
            *number = next;
            next += 1;
        }
        *number
    });
    Clusters::of(labels.collect(), n_clusters as u32)
}

/// Refuses merges, read from a file, that are no tree of so many rows.
pub(super) fn check(n_rows: usize, merges: &[Merge]) -> Result<()> {
    let sound = n_rows > 0 && merges.len() == n_rows - 1 && {
        let mut sizes = vec![1u64; n_rows];
        merges.iter().all(|merge| {
            let fits = merge.left < merge.right
                && (merge.right as usize) < sizes.len()
                && merge.distance.is_finite()
                && merge.distance >= 0.0;
            // A cluster is merged once: its size is taken.
            fits && {
                let mut take = |node: u32| std::mem::take(&mut sizes[node as usize]);
                let (left, right) = (take(merge.left), take(merge.right));
                sizes.push(left + right);
                left > 0 && right > 0 && left + right == u64::from(merge.size)
            }
        })
    };
    if sound {
        return Ok(());
    }
    Err(Error::corrupt("the merges of the clusters are no tree of the rows"))
}
