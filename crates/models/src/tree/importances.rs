//! What trees rest on, by how often they ask.

use super::Tree;
use super::structure::to_shares;

impl Tree {
    /// The share of each feature in the number of splits; they add up to 1, or are all 0 where nothing was split.
    pub fn split_importances(&self) -> Vec<f64> {
        split_importances(std::slice::from_ref(self), self.n_features())
    }
}

/// The share of each feature in the number of splits of all trees; all 0 where nothing was split.
pub(crate) fn split_importances(trees: &[Tree], n_features: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n_features];
    for tree in trees {
        (0..tree.n_nodes()).filter_map(|node| tree.feature(node)).for_each(|feature| counts[feature] += 1.0);
    }
    to_shares(counts)
}
