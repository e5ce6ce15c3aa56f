//! The tree that both models share.

use ndarray::ArrayRef2;
use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::rows::row_major;

/// The feature of a node that is a leaf.
const LEAF: u32 = u32::MAX;
/// Rows that one task of a prediction takes.
const BLOCK: usize = 1024;

/// What a prediction reads of a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    threshold: f64,
    feature: u32,
    left: u32,
    right: u32,
    missing_left: bool,
}

/// Where a node sends its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) feature: u32,
    /// Rows whose value is at most this go left.
    pub(super) threshold: f64,
    /// Rows without a value go left.
    pub(super) missing_left: bool,
}

/// What is known of the training rows that reached a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub(super) n_rows: u64,
    pub(super) weight: f64,
    pub(super) impurity: f64,
    pub(super) value: Vec<f64>,
}

/// A binary tree in flat arrays. Nodes are numbered in preorder: node 0 is the root, and the left child of a
/// node, where it has children, comes right after it.
///
/// A row goes left where its value of the node's feature is at most the threshold, and where the value is
/// missing and [`missing_left`](Tree::missing_left) says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Tree {
    n_features: u32,
    width: u32,
    nodes: Vec<Node>,
    n_rows: Vec<u64>,
    weights: Vec<f64>,
    impurities: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    n_features: u32,
    width: u32,
    nodes: Vec<Node>,
    n_rows: Vec<u64>,
    weights: Vec<f64>,
    impurities: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Parts> for Tree {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { n_features, width, nodes, n_rows, weights, impurities, values } = parts;
        let tree = Tree { n_features, width, nodes, n_rows, weights, impurities, values };
        tree.check()?;
        Ok(tree)
    }
}

impl Tree {
    /// A tree without nodes, to be filled in preorder by `push`.
    pub(super) fn empty(n_features: usize, width: usize) -> Self {
        Tree {
            n_features: n_features as u32,
            width: width as u32,
            nodes: Vec::new(),
            n_rows: Vec::new(),
            weights: Vec::new(),
            impurities: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a leaf and gives its number.
    pub(super) fn push(&mut self, summary: &Summary) -> usize {
        self.nodes.push(Node { threshold: 0.0, feature: LEAF, left: 0, right: 0, missing_left: false });
        self.n_rows.push(summary.n_rows);
        self.weights.push(summary.weight);
        self.impurities.push(summary.impurity);
        self.values.extend_from_slice(&summary.value);
        self.nodes.len() - 1
    }

    /// Makes a leaf a node with children.
    pub(super) fn join(&mut self, node: usize, rule: Rule, left: usize, right: usize) {
        let Rule { feature, threshold, missing_left } = rule;
        self.nodes[node] = Node { threshold, feature, left: left as u32, right: right as u32, missing_left };
    }

    fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::corrupt(format!("the tree is damaged: {what}")));
        let n = self.nodes.len();
        let width = self.width as usize;
        if n == 0 || width == 0 || n.checked_mul(width) != Some(self.values.len()) {
            return bad("its numbers of nodes and of values do not agree");
        }
        if self.n_rows.len() != n || self.weights.len() != n || self.impurities.len() != n {
            return bad("its lists have different lengths");
        }
        let mut parents = vec![0_u32; n];
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
            if node.feature >= self.n_features || !node.threshold.is_finite() {
                return bad("a node asks for a feature or a threshold that cannot be");
            }
            for child in [node.left as usize, node.right as usize] {
                if child <= index || child >= n {
                    return bad("a child comes before its parent, or does not exist");
                }
                parents[child] += 1;
            }
        }
        if parents[0] != 0 || parents[1..].iter().any(|&count| count != 1) {
            return bad("a node has no parent, or two");
        }
        let sound = |values: &[f64]| values.iter().all(|value| value.is_finite() && *value >= 0.0);
        if !sound(&self.weights) || !sound(&self.impurities) || !self.values.iter().all(|v| v.is_finite()) {
            return bad("a number is negative or not finite");
        }
        Ok(())
    }

    /// The number of nodes, leaves included.
    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The number of leaves.
    pub fn n_leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.feature == LEAF).count()
    }

    /// The number of features of the rows that the tree takes.
    pub fn n_features(&self) -> usize {
        self.n_features as usize
    }

    /// The number of values that each node holds: 1 in a regression, one for each class in a classification.
    pub fn n_values(&self) -> usize {
        self.width as usize
    }

    /// The number of questions on the longest way from the root to a leaf.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.n_nodes()];
        for node in 0..self.n_nodes() {
            if let Some((left, right)) = self.children(node) {
                depths[left] = depths[node] + 1;
                depths[right] = depths[node] + 1;
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }

    /// The left and the right child of a node; `None` for a leaf.
    ///
    /// # Panics
    /// When there is no such node, here and below.
    pub fn children(&self, node: usize) -> Option<(usize, usize)> {
        let node = &self.nodes[node];
        (node.feature != LEAF).then_some((node.left as usize, node.right as usize))
    }

    /// The feature that a node asks for; `None` for a leaf.
    pub fn feature(&self, node: usize) -> Option<usize> {
        let feature = self.nodes[node].feature;
        (feature != LEAF).then_some(feature as usize)
    }

    /// The largest value that goes left; 0 for a leaf.
    pub fn threshold(&self, node: usize) -> f64 {
        self.nodes[node].threshold
    }

    /// Whether rows without a value go left.
    pub fn missing_left(&self, node: usize) -> bool {
        self.nodes[node].missing_left
    }

    /// What the training rows of a node say: their mean, or the share of each class.
    pub fn value(&self, node: usize) -> &[f64] {
        let width = self.width as usize;
        &self.values[node * width..(node + 1) * width]
    }

    /// The number of training rows that reached a node.
    pub fn n_rows(&self, node: usize) -> u64 {
        self.n_rows[node]
    }

    /// The sum of the weights of the training rows that reached a node.
    pub fn weight(&self, node: usize) -> f64 {
        self.weights[node]
    }

    /// The impurity of the training rows that reached a node.
    pub fn impurity(&self, node: usize) -> f64 {
        self.impurities[node]
    }

    /// The leaf that one row reaches. NaN is a missing value.
    ///
    /// # Panics
    /// When the row is shorter than [`n_features`](Tree::n_features).
    pub fn leaf(&self, row: &[f64]) -> usize {
        let mut at = 0;
        loop {
            let node = &self.nodes[at];
            if node.feature == LEAF {
                return at;
            }
            let value = row[node.feature as usize];
            let left = value <= node.threshold || (node.missing_left && value.is_nan());
            at = if left { node.left } else { node.right } as usize;
        }
    }

    /// The leaf that each row of `x` reaches.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Tree::n_features) columns.
    pub fn leaves(&self, x: &ArrayRef2<f64>) -> Result<Vec<u32>> {
        if x.ncols() != self.n_features() {
            return Err(Error::malformed(format!(
                "the tree takes rows of {} numbers, but these have {}",
                self.n_features,
                x.ncols()
            )));
        }
        let (rows, width) = (row_major(x), x.ncols());
        let mut leaves = vec![0; x.nrows()];
        reduce::fill_chunks(&mut leaves, BLOCK, |first, leaves| {
            for (leaf, row) in leaves.iter_mut().zip(rows[first * width..].chunks_exact(width.max(1))) {
                *leaf = self.leaf(row) as u32;
            }
        });
        Ok(leaves)
    }

    /// The share of each feature in the decrease of impurity by the tree; they add up to 1, or are all 0 where
    /// nothing was split. Features with many values are favoured.
    pub fn feature_importances(&self) -> Vec<f64> {
        // Relative to the root, so that no product leaves the range of f64.
        let (weight, impurity) = (self.weights[0], self.impurities[0]);
        let mass = |node: usize| (self.weights[node] / weight) * (self.impurities[node] / impurity);
        let mut shares = vec![0.0; self.n_features()];
        for node in 0..self.n_nodes() {
            if let (Some(feature), Some((left, right))) = (self.feature(node), self.children(node)) {
                shares[feature] += (mass(node) - mass(left) - mass(right)).max(0.0);
            }
        }
        let total: f64 = shares.iter().sum();
        if total > 0.0 && total.is_finite() {
            shares.iter_mut().for_each(|share| *share /= total);
            return shares;
        }
        vec![0.0; self.n_features()]
    }
}
