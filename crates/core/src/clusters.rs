//! The answer of a clustering.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Rows};

/// The cluster of each row, counted from 0; -1 for a row that belongs to none (noise).
///
/// ```
/// use perennial_core::{Clusters, Rows};
///
/// let found = Clusters::new(vec![0, 1, -1, 0])?;
/// assert_eq!((found.n_clusters(), found.n_noise()), (2, 1));
/// assert_eq!(found.take(&[1])?.n_clusters(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClustersParts")]
pub struct Clusters {
    labels: Vec<i32>,
    n_clusters: u32,
}

#[derive(Deserialize)]
struct ClustersParts {
    labels: Vec<i32>,
    n_clusters: u32,
}

impl TryFrom<ClustersParts> for Clusters {
    type Error = Error;

    fn try_from(parts: ClustersParts) -> Result<Self> {
        Clusters::of(parts.labels, parts.n_clusters)
    }
}

impl Clusters {
    /// Labels from -1 up; as many clusters as the largest label says.
    ///
    /// # Errors
    /// When a label is below -1.
    pub fn new(labels: Vec<i32>) -> Result<Self> {
        let n_clusters = labels.iter().copied().max().map_or(0, |label| label.max(-1).wrapping_add(1) as u32);
        Clusters::of(labels, n_clusters)
    }

    /// Labels of a known number of clusters, of which some may have no rows here.
    ///
    /// # Errors
    /// When a label is below -1, or not below `n_clusters`.
    pub fn of(labels: Vec<i32>, n_clusters: u32) -> Result<Self> {
        match labels.iter().position(|&label| label < -1 || i64::from(label) >= i64::from(n_clusters)) {
            None => Ok(Clusters { labels, n_clusters }),
            Some(row) => Err(Error::unknown(format!(
                "row {row} has the cluster {}; expected -1 for noise, or a number below {n_clusters}",
                labels[row]
            ))),
        }
    }

    /// The cluster of each row; -1 for noise.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// How many clusters there are, those without rows here included.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters as usize
    }

    /// How many rows belong to no cluster.
    pub fn n_noise(&self) -> usize {
        self.labels.iter().filter(|label| **label < 0).count()
    }

    /// How many rows each cluster has.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.n_clusters()];
        self.labels.iter().filter(|label| **label >= 0).for_each(|&label| sizes[label as usize] += 1);
        sizes
    }
}

impl Rows for Clusters {
    type Owned = Clusters;

    fn n_rows(&self) -> usize {
        self.labels.len()
    }

    fn take(&self, rows: &[usize]) -> Result<Clusters> {
        Ok(Clusters { labels: self.labels.take(rows)?, n_clusters: self.n_clusters })
    }
}
