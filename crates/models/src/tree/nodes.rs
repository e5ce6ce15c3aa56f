//! Trees as a table.

use perennial_core::Features;
use serde::Serialize;

use super::Tree;

/// A node of one of several trees: a row of the table that LightGBM calls `trees_to_dataframe`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreeNode {
    /// The number of its tree, from 0 on.
    pub tree: usize,
    /// Its number in the tree, the one that [`Tree::leaf`] gives; 0 is the root.
    pub node: usize,
    /// The number of questions on the way to it.
    pub depth: usize,
    /// The node above; `None` for the root.
    pub parent: Option<usize>,
    /// The nodes where rows go that answer yes, and no; `None` for a leaf, here and below.
    pub children: Option<(usize, usize)>,
    /// The name of the column that is asked.
    pub feature: Option<String>,
    /// The largest value that goes left, where the column holds numbers.
    pub threshold: Option<f64>,
    /// The categories that go left, where it holds categories.
    pub categories: Option<Vec<u32>>,
    /// Whether rows without a value go left.
    pub missing_left: Option<bool>,
    /// How much the split lowered the loss, in units of the loss summed over rows; 0 for a leaf.
    pub gain: f64,
    /// What the node says: of a leaf what it adds to the score.
    pub value: f64,
    /// The sum of the second derivatives of its training rows.
    pub weight: f64,
    /// The number of its training rows; 0 where that is not known.
    pub n_rows: u64,
}

/// The nodes of trees with one value in each node: tree by tree, parents before their children.
pub(crate) fn nodes(trees: &[Tree], features: &Features) -> Vec<TreeNode> {
    let mut nodes = Vec::with_capacity(trees.iter().map(Tree::n_nodes).sum());
    for (index, tree) in trees.iter().enumerate() {
        let first = nodes.len();
        nodes.extend((0..tree.n_nodes()).map(|node| {
            let feature = tree.feature(node);
            let categories = tree.categories(node);
            TreeNode {
                tree: index,
                node,
                depth: 0,
                parent: None,
                children: tree.children(node),
                feature: feature.map(|column| features.name(column).to_owned()),
                threshold: (feature.is_some() && categories.is_none()).then(|| tree.threshold(node)),
                categories,
                missing_left: feature.map(|_| tree.missing_left(node)),
                gain: tree.gain(node),
                value: tree.value(node)[0],
                weight: tree.weight(node),
                n_rows: tree.n_rows(node),
            }
        }));
        for node in 0..tree.n_nodes() {
            let Some((left, right)) = tree.children(node) else { continue };
            for child in [left, right] {
                nodes[first + child].depth = nodes[first + node].depth + 1;
                nodes[first + child].parent = Some(node);
            }
        }
    }
    nodes
}
