//! The tree that both models share.

use std::ops::Deref;

use ndarray::ArrayRef2;
use perennial_core::{Error, Features, Result};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::RowMajor;
use crate::shap::{Cover, Explained, TreeShap};

/// The feature of a node that is a leaf.
pub(crate) const LEAF: u32 = u32::MAX;
/// The set of a node that asks for a threshold.
pub(crate) const NUMERIC: u32 = u32::MAX;
/// Rows that one task of a prediction takes.
const BLOCK: usize = 1024;

/// What a prediction reads of a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) threshold: f64,
    pub(crate) feature: u32,
    pub(crate) left: u32,
    pub(crate) right: u32,
    /// Where the categories that go left begin among the words of the tree; [`NUMERIC`] where the node asks for a
    /// threshold.
    pub(crate) set: u32,
    pub(crate) missing_left: bool,
}

/// What a node asks its rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// Rows whose value is at most this go left.
    AtMost(f64),
    /// Rows whose category is one of these go left.
    OneOf(Vec<u32>),
}

/// Where a node sends its rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) feature: u32,
    pub(crate) question: Question,
    /// Rows without a value go left.
    pub(crate) missing_left: bool,
}

/// What is known of the training rows that reached a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) n_rows: u64,
    /// The sum of their weights, or of their second derivatives.
    pub(crate) weight: f64,
    /// What the tree measures of a node: see [`Measure`].
    pub(crate) measure: f64,
    pub(crate) value: Value,
}

/// What a node says. Only more than two numbers take memory of their own, as forests have millions of nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    One([f64; 1]),
    Two([f64; 2]),
    Many(Vec<f64>),
}

impl Default for Value {
    fn default() -> Self {
        Value::Many(Vec::new())
    }
}

impl Deref for Value {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match self {
            Value::One(value) => value,
            Value::Two(values) => values,
            Value::Many(values) => values,
        }
    }
}

/// What a tree knows of how good its nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Measure {
    /// The impurity of each node.
    Impurity,
    /// How much the split of each node gained; 0 for leaves.
    Gain,
}

/// A binary tree in flat arrays. Nodes are numbered in preorder: node 0 is the root, and the left child of a
/// node, where it has children, comes right after it.
///
/// A node asks for a threshold or for categories. A row goes left where its value of the node's feature is at most
/// the threshold, or its category one of those; and where the value is missing and
/// [`missing_left`](Tree::missing_left) says so. A category that no training row had goes right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Tree {
    n_features: u32,
    width: u32,
    nodes: Vec<Node>,
    /// For each node that asks for categories the number of words, then the words: bit `c % 64` of word `c / 64`.
    sets: Vec<u64>,
    n_rows: Vec<u64>,
    weights: Vec<f64>,
    measure: Measure,
    measures: Vec<f64>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    n_features: u32,
    width: u32,
    nodes: Vec<Node>,
    sets: Vec<u64>,
    n_rows: Vec<u64>,
    weights: Vec<f64>,
    measure: Measure,
    measures: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Parts> for Tree {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { n_features, width, nodes, sets, n_rows, weights, measure, measures, values } = parts;
        let tree = Tree { n_features, width, nodes, sets, n_rows, weights, measure, measures, values };
        tree.check()?;
        Ok(tree)
    }
}

impl Tree {
    /// A tree without nodes, to be filled in preorder by `push`.
    pub(crate) fn empty(n_features: usize, width: usize, measure: Measure) -> Self {
        Tree {
            n_features: n_features as u32,
            width: width as u32,
            nodes: Vec::new(),
            sets: Vec::new(),
            n_rows: Vec::new(),
            weights: Vec::new(),
            measure,
            measures: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Takes memory for so many nodes, and no more.
    pub(crate) fn reserve(&mut self, n_nodes: usize) {
        self.nodes.reserve_exact(n_nodes);
        self.n_rows.reserve_exact(n_nodes);
        self.weights.reserve_exact(n_nodes);
        self.measures.reserve_exact(n_nodes);
        self.values.reserve_exact(n_nodes * self.width as usize);
    }

    /// Adds a leaf and gives its number.
    pub(crate) fn push(&mut self, summary: &Summary) -> usize {
        let leaf =
            Node { threshold: 0.0, feature: LEAF, left: 0, right: 0, set: NUMERIC, missing_left: false };
        self.nodes.push(leaf);
        self.n_rows.push(summary.n_rows);
        self.weights.push(summary.weight);
        self.measures.push(summary.measure);
        self.values.extend_from_slice(&summary.value);
        self.nodes.len() - 1
    }

    /// Makes a leaf a node with children.
    pub(crate) fn join(&mut self, node: usize, rule: &Rule, left: usize, right: usize) {
        let (threshold, set) = match &rule.question {
            Question::AtMost(threshold) => (*threshold, NUMERIC),
            Question::OneOf(categories) => (0.0, self.add_set(categories)),
        };
        let (left, right) = (left as u32, right as u32);
        let missing_left = rule.missing_left;
        self.nodes[node] = Node { threshold, feature: rule.feature, left, right, set, missing_left };
    }

    fn add_set(&mut self, categories: &[u32]) -> u32 {
        let start = self.sets.len();
        let n_words = categories.iter().max().map_or(0, |&largest| largest as usize / 64 + 1);
        self.sets.push(n_words as u64);
        self.sets.resize(start + 1 + n_words, 0);
        for &category in categories {
            self.sets[start + 1 + category as usize / 64] |= 1 << (category % 64);
        }
        start as u32
    }

    /// The words that the sets of categories take.
    pub(crate) fn n_set_words(&self) -> usize {
        self.sets.len()
    }

    /// Replaces what a node says.
    pub(crate) fn set_value(&mut self, node: usize, value: &[f64]) {
        let width = self.width as usize;
        self.values[node * width..(node + 1) * width].copy_from_slice(value);
    }

    /// The tree, to be explained.
    pub(crate) fn explained<'m>(&'m self, features: &'m Features) -> Result<Explained<'m>> {
        let shap = TreeShap::of_trees(std::slice::from_ref(self), 1.0, Cover::Weight)?;
        Ok(Explained { features, shap })
    }

    /// Multiplies what all nodes say.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// The same tree on rows of these columns alone, ascending, among which are all that it asks.
    pub(crate) fn on_columns(&self, columns: &[u32]) -> Tree {
        let mut tree = self.clone();
        tree.n_features = columns.len() as u32;
        for node in tree.nodes.iter_mut().filter(|node| node.feature != LEAF) {
            node.feature = columns.partition_point(|&column| column < node.feature) as u32;
        }
        tree
    }

    /// The same questions with one of the values of each node, times `factor`, as other libraries keep trees.
    pub(crate) fn one_value(&self, value: usize, factor: f64) -> Tree {
        let measures = (0..self.n_nodes()).map(|node| self.gain(node)).collect();
        let values =
            self.values.chunks_exact(self.width as usize).map(|values| values[value] * factor).collect();
        Tree { width: 1, measure: Measure::Gain, measures, values, ..self.clone() }
    }

    /// Multiplies what all nodes say and what splits gained.
    pub(crate) fn scale_with_gains(&mut self, factor: f64) {
        self.scale(factor);
        self.measures.iter_mut().for_each(|measure| *measure *= factor);
    }

    fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Error::corrupt(format!("the tree is damaged: {what}")));
        let n = self.nodes.len();
        let width = self.width as usize;
        if n == 0 || width == 0 || n.checked_mul(width) != Some(self.values.len()) {
            return bad("its numbers of nodes and of values do not agree");
        }
        if self.n_rows.len() != n || self.weights.len() != n || self.measures.len() != n {
            return bad("its lists have different lengths");
        }
        let mut parents = vec![0_u32; n];
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
            if node.feature >= self.n_features || !node.threshold.is_finite() {
                return bad("a node asks for a feature or a threshold that cannot be");
            }
            if node.set != NUMERIC {
                let start = node.set as usize;
                let n_words = self.sets.get(start).map_or(u64::MAX, |&n_words| n_words);
                if n_words > (self.sets.len() - start.min(self.sets.len())).saturating_sub(1) as u64 {
                    return bad("a node asks for categories that are not there");
                }
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
        if !sound(&self.weights) || !sound(&self.measures) || !self.values.iter().all(|v| v.is_finite()) {
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

    /// The impurity of the training rows that reached a node; `None` in trees of gradient boosting.
    pub fn impurity(&self, node: usize) -> Option<f64> {
        (self.measure == Measure::Impurity).then_some(self.measures[node])
    }

    /// How much the split of a node gained: in a tree of gradient boosting how much it lowered the loss, in others
    /// the share of the impurity of the root that it took off. 0 for a leaf.
    pub fn gain(&self, node: usize) -> f64 {
        let Some((left, right)) = self.children(node) else { return 0.0 };
        if self.measure == Measure::Gain {
            return self.measures[node];
        }
        // Relative to the root, so that no product leaves the range of f64.
        let (weight, impurity) = (self.weights[0], self.measures[0]);
        let mass = |node: usize| (self.weights[node] / weight) * (self.measures[node] / impurity);
        (mass(node) - mass(left) - mass(right)).max(0.0)
    }

    /// The categories that go left; `None` for a leaf and where the node asks for a threshold.
    pub fn categories(&self, node: usize) -> Option<Vec<u32>> {
        let words = self.words(&self.nodes[node])?;
        let bits =
            (0..words.len() as u32 * 64).filter(|&bit| words[bit as usize / 64] >> (bit % 64) & 1 == 1);
        Some(bits.collect())
    }

    /// The words of the categories of a node.
    pub(crate) fn words(&self, node: &Node) -> Option<&[u64]> {
        if node.feature == LEAF || node.set == NUMERIC {
            return None;
        }
        let start = node.set as usize;
        Some(&self.sets[start + 1..start + 1 + self.sets[start] as usize])
    }

    /// The nodes, to lay them out anew.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether each node holds shares that add up to 1.
    pub(crate) fn holds_shares(&self) -> bool {
        self.values.chunks_exact(self.width as usize).all(|value| {
            value.iter().all(|share| (0.0..=1.0).contains(share))
                && (value.iter().sum::<f64>() - 1.0).abs() <= 1e-9
        })
    }

    /// Whether a node that is no leaf sends a value left. NaN is a missing value.
    pub fn goes_left(&self, node: usize, value: f64) -> bool {
        let node = &self.nodes[node];
        match self.words(node) {
            None => value <= node.threshold || (node.missing_left && value.is_nan()),
            Some(_) if value.is_nan() => node.missing_left,
            Some(words) => has(words, value),
        }
    }

    /// The leaf that one row reaches. NaN is a missing value.
    ///
    /// # Panics
    /// When the row is shorter than [`n_features`](Tree::n_features).
    pub fn leaf(&self, row: &[f64]) -> usize {
        let mut at = 0;
        while self.nodes[at].feature != LEAF {
            let node = &self.nodes[at];
            let left = self.goes_left(at, row[node.feature as usize]);
            at = if left { node.left } else { node.right } as usize;
        }
        at
    }

    /// The leaf that each row of `x` reaches.
    ///
    /// # Errors
    /// When `x` does not have [`n_features`](Tree::n_features) columns.
    pub fn leaves(&self, x: &ArrayRef2<f64>) -> Result<Vec<u32>> {
        self.leaves_of(&RowMajor::dense(x))
    }

    /// As [`leaves`](Tree::leaves), of rows that may be sparse.
    pub(crate) fn leaves_of(&self, x: &RowMajor<'_>) -> Result<Vec<u32>> {
        if x.n_cols() != self.n_features() {
            return Err(Error::malformed(format!(
                "the tree takes rows of {} numbers, but these have {}",
                self.n_features,
                x.n_cols()
            )));
        }
        let mut leaves = vec![0; x.n_rows()];
        reduce::fill_chunks(&mut leaves, BLOCK, |first, leaves| {
            let mut reader = x.reader();
            for (row, leaf) in (first..).zip(leaves) {
                *leaf = self.leaf(reader.row(row)) as u32;
            }
        });
        Ok(leaves)
    }

    /// The share of each feature in what the splits of the tree gained; they add up to 1, or are all 0 where
    /// nothing was split. Features with many values are favoured.
    pub fn feature_importances(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.n_features()];
        for node in 0..self.n_nodes() {
            if let Some(feature) = self.feature(node) {
                shares[feature] += self.gain(node);
            }
        }
        to_shares(shares)
    }
}

/// Numbers >= 0 divided by their sum; zeros where it is 0 or not finite.
pub(crate) fn to_shares(mut values: Vec<f64>) -> Vec<f64> {
    let total: f64 = values.iter().sum();
    let fine = total > 0.0 && total.is_finite();
    values.iter_mut().for_each(|value| *value = if fine { *value / total } else { 0.0 });
    values
}

/// Whether a category is in a set. Numbers below 0 are in none; others count without their fraction.
pub(crate) fn has(words: &[u64], value: f64) -> bool {
    // The cast takes what is out of range to the nearest bound, beyond all sets.
    let category = value as u64;
    value > -1.0 && words.get((category / 64) as usize).is_some_and(|word| word >> (category % 64) & 1 == 1)
}
