//! Trees as attributes of ONNX's two operators for them.

use perennial_core::{Error, Result};

use super::onnx_graph::{Attribute, Node, Tensor};
use crate::tree::Tree;

/// The domain of both operators.
pub(super) const DOMAIN: &str = "ai.onnx.ml";
/// Modes of nodes of `TreeEnsemble`.
const LEQ: u8 = 0;
const LT: u8 = 1;
const MEMBER: u8 = 6;
/// From here on `f32` does not hold every whole number.
const LAST_CATEGORY: u32 = 1 << 24;
/// The longest way through a tree that categories may make. Runtimes go down the ways of a tree by recursion as they load it, and the
/// stacks of some threads break from about twice as many questions on.
const LONGEST_WAY: i64 = 500;

/// The number of nodes and of categories that they ask for.
pub(super) fn n_questions(trees: &[Tree]) -> u64 {
    let ones = |words: &[u64]| words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
    let of_node = |tree: &Tree, node: usize| tree.words(&tree.nodes()[node]).map_or(1, ones);
    trees.iter().map(|tree| (0..tree.n_nodes()).map(|node| of_node(tree, node)).sum::<u64>()).sum()
}

/// `TreeEnsemble` of version 5, in `f64`. It knows no base scores: each is a leaf of its own, before the trees, so that sums are
/// taken in the same order as here.
pub(super) fn double(trees: &[Tree], base: &[f64], input: &str, output: &str) -> Node {
    let mut all = Double::default();
    for (target, &value) in base.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        all.add_leaf_alone(target, value);
    }
    for (index, tree) in trees.iter().enumerate() {
        all.add(tree, index % base.len());
    }
    all.node(base.len(), input, output)
}

#[derive(Default)]
struct Double {
    roots: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<u8>,
    splits: Vec<f64>,
    missing: Vec<i64>,
    /// Of both sides, true first: whether the child is a leaf, and its number.
    leaves: [Vec<i64>; 2],
    children: [Vec<i64>; 2],
    targets: Vec<i64>,
    weights: Vec<f64>,
    members: Vec<f64>,
}

impl Double {
    fn add_leaf(&mut self, target: usize, value: f64) -> i64 {
        self.targets.push(target as i64);
        self.weights.push(value);
        self.weights.len() as i64 - 1
    }

    /// A tree that is a leaf is a node whose children are both that leaf.
    fn add_leaf_alone(&mut self, target: usize, value: f64) {
        let leaf = self.add_leaf(target, value);
        self.roots.push(self.modes.len() as i64);
        self.add_node(0, LEQ, 0.0, false);
        for side in 0..2 {
            self.leaves[side].push(1);
            self.children[side].push(leaf);
        }
    }

    fn add_node(&mut self, feature: usize, mode: u8, split: f64, missing_left: bool) {
        self.features.push(feature as i64);
        self.modes.push(mode);
        self.splits.push(split);
        self.missing.push(i64::from(missing_left));
    }

    fn add(&mut self, tree: &Tree, target: usize) {
        if tree.feature(0).is_none() {
            return self.add_leaf_alone(target, tree.value(0)[0]);
        }
        self.roots.push(self.modes.len() as i64);
        let mut place = self.modes.len() as i64;
        let mut numbers = Vec::with_capacity(tree.n_nodes());
        for node in 0..tree.n_nodes() {
            if tree.feature(node).is_none() {
                numbers.push((1, self.add_leaf(target, tree.value(node)[0])));
            } else {
                numbers.push((0, place));
                place += 1;
            }
        }
        for node in 0..tree.n_nodes() {
            let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                continue;
            };
            for (side, child) in [left, right].into_iter().enumerate() {
                self.leaves[side].push(numbers[child].0);
                self.children[side].push(numbers[child].1);
            }
            let missing_left = tree.missing_left(node);
            match tree.categories(node) {
                None => self.add_node(feature, LEQ, tree.threshold(node), missing_left),
                // Nothing is below this.
                Some(set) if set.is_empty() => {
                    self.add_node(feature, LT, f64::NEG_INFINITY, missing_left);
                }
                Some(set) => {
                    self.add_node(feature, MEMBER, 0.0, missing_left);
                    self.members.extend(set.into_iter().map(f64::from));
                    self.members.push(f64::NAN);
                }
            }
        }
    }

    fn node(&self, n_targets: usize, input: &str, output: &str) -> Node {
        let node = Node::new("TreeEnsemble", DOMAIN, &[input], output)
            .with("aggregate_function", Attribute::Int(1))
            .with("post_transform", Attribute::Int(0))
            .with("n_targets", Attribute::Int(n_targets as i64))
            .with("tree_roots", Attribute::Ints(&self.roots))
            .with("nodes_featureids", Attribute::Ints(&self.features))
            .with("nodes_modes", Attribute::Tensor(Tensor::Uint8(&self.modes)))
            .with("nodes_splits", Attribute::Tensor(Tensor::Double(&self.splits)))
            .with("nodes_missing_value_tracks_true", Attribute::Ints(&self.missing))
            .with("nodes_trueleafs", Attribute::Ints(&self.leaves[0]))
            .with("nodes_truenodeids", Attribute::Ints(&self.children[0]))
            .with("nodes_falseleafs", Attribute::Ints(&self.leaves[1]))
            .with("nodes_falsenodeids", Attribute::Ints(&self.children[1]))
            .with("leaf_targetids", Attribute::Ints(&self.targets))
            .with("leaf_weights", Attribute::Tensor(Tensor::Double(&self.weights)));
        if self.members.is_empty() {
            return node;
        }
        node.with("membership_values", Attribute::Tensor(Tensor::Double(&self.members)))
    }
}

/// `TreeEnsembleRegressor` of version 3, in `f32`. It knows no sets: each is a chain of questions for one category after the other,
/// which share their first child.
pub(super) fn single(trees: &[Tree], base: &[f64], input: &str, output: &str) -> Result<Node> {
    let mut all = Single::default();
    for (index, tree) in trees.iter().enumerate() {
        all.add(tree, index, index % base.len())?;
    }
    let base = base.iter().map(|&value| rounded(value)).collect::<Result<Vec<f32>>>()?;
    Ok(all.node(&base, input, output))
}

/// The largest `f32` that is not above a threshold: it sends every `f32` the same way.
fn at_most(threshold: f64) -> f32 {
    let near = threshold as f32;
    if f64::from(near) > threshold { near.next_down() } else { near }
}

fn rounded(value: f64) -> Result<f32> {
    let near = value as f32;
    if near.is_finite() {
        return Ok(near);
    }
    Err(Error::unsupported(format!(
        "a leaf or a base score is {value:?}, which f32 cannot hold; write the model in double precision"
    )))
}

#[derive(Default)]
struct Single {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    values: Vec<f32>,
    missing: Vec<i64>,
    lefts: Vec<i64>,
    rights: Vec<i64>,
    target_trees: Vec<i64>,
    target_nodes: Vec<i64>,
    targets: Vec<i64>,
    weights: Vec<f32>,
}

impl Single {
    fn add(&mut self, tree: &Tree, index: usize, target: usize) -> Result<()> {
        let mut first = Vec::with_capacity(tree.n_nodes());
        // A tree that is deeper by itself is so in double precision too.
        let longest = LONGEST_WAY.max(tree.depth() as i64);
        let mut depths = vec![0_i64; tree.n_nodes()];
        let mut next = 0;
        for node in 0..tree.n_nodes() {
            first.push(next);
            let chain = tree.words(&tree.nodes()[node]);
            let n_members =
                chain.map_or(1, |words| words.iter().map(|word| i64::from(word.count_ones())).sum::<i64>());
            let n_members = n_members.max(1);
            if let Some((left, right)) = tree.children(node) {
                // Children come after their parents.
                let deep = depths[node] + n_members;
                if deep > longest {
                    return Err(Error::unsupported(format!(
                        "a way through tree {index} asks {deep} questions, one for each category of a set; runtimes may break from \
                         {LONGEST_WAY} on; write the model in double precision, which has sets"
                    )));
                }
                (depths[left], depths[right]) = (deep, deep);
            }
            next += n_members;
        }
        let mut number = 0;
        let mut push = |feature: usize, mode, value, missing_left: bool, [left, right]: [i64; 2]| {
            self.trees.push(index as i64);
            self.nodes.push(number);
            self.features.push(feature as i64);
            self.modes.push(mode);
            self.values.push(value);
            self.missing.push(i64::from(missing_left));
            self.lefts.push(left);
            self.rights.push(right);
            number += 1;
        };
        for node in 0..tree.n_nodes() {
            let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                push(0, "LEAF", 0.0, false, [0, 0]);
                self.target_trees.push(index as i64);
                self.target_nodes.push(first[node]);
                self.targets.push(target as i64);
                self.weights.push(rounded(tree.value(node)[0])?);
                continue;
            };
            let (children, missing_left) = ([first[left], first[right]], tree.missing_left(node));
            match tree.categories(node) {
                None => push(feature, "BRANCH_LEQ", at_most(tree.threshold(node)), missing_left, children),
                Some(set) if set.is_empty() => {
                    push(feature, "BRANCH_LT", f32::NEG_INFINITY, missing_left, children);
                }
                Some(set) => {
                    for (at, &category) in set.iter().enumerate() {
                        if category >= LAST_CATEGORY {
                            return Err(Error::unsupported(format!(
                                "a node asks for category {category}, which f32 cannot tell from the next; write the model in \
                                 double precision"
                            )));
                        }
                        let next =
                            if at + 1 == set.len() { children[1] } else { first[node] + at as i64 + 1 };
                        push(feature, "BRANCH_EQ", category as f32, missing_left, [children[0], next]);
                    }
                }
            }
        }
        Ok(())
    }

    fn node(&self, base: &[f32], input: &str, output: &str) -> Node {
        Node::new("TreeEnsembleRegressor", DOMAIN, &[input], output)
            .with("n_targets", Attribute::Int(base.len() as i64))
            .with("aggregate_function", Attribute::Text("SUM"))
            .with("post_transform", Attribute::Text("NONE"))
            .with("base_values", Attribute::Floats(base))
            .with("nodes_treeids", Attribute::Ints(&self.trees))
            .with("nodes_nodeids", Attribute::Ints(&self.nodes))
            .with("nodes_featureids", Attribute::Ints(&self.features))
            .with("nodes_modes", Attribute::Texts(&self.modes))
            .with("nodes_values", Attribute::Floats(&self.values))
            .with("nodes_missing_value_tracks_true", Attribute::Ints(&self.missing))
            .with("nodes_truenodeids", Attribute::Ints(&self.lefts))
            .with("nodes_falsenodeids", Attribute::Ints(&self.rights))
            .with("target_treeids", Attribute::Ints(&self.target_trees))
            .with("target_nodeids", Attribute::Ints(&self.target_nodes))
            .with("target_ids", Attribute::Ints(&self.targets))
            .with("target_weights", Attribute::Floats(&self.weights))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::at_most;

    #[test]
    fn ends_of_the_range() {
        assert_eq!(at_most(0.1), 0.1_f32.next_down());
        assert_eq!(at_most(0.5), 0.5);
        assert_eq!(at_most(1e300), f32::MAX);
        assert_eq!(at_most(-1e300), f32::NEG_INFINITY);
        assert_eq!(at_most(-1e-60), -f32::from_bits(1));
        assert_eq!(at_most(1e-60), 0.0);
    }

    proptest! {
        #[test]
        fn every_single_goes_the_same_way(bits in any::<u32>(), threshold in any::<f64>(), steps in -2_i32..3) {
            let value = f32::from_bits(bits);
            // Thresholds anywhere, and next to the value.
            let mut near = f64::from(value);
            for _ in 0..steps.abs() {
                near = if steps < 0 { near.next_down() } else { near.next_up() };
            }
            for threshold in [threshold, near].into_iter().filter(|threshold| threshold.is_finite()) {
                prop_assert_eq!(f64::from(value) <= threshold, value <= at_most(threshold), "{} {}", value, threshold);
                let on = at_most(threshold).next_up();
                prop_assert_eq!(f64::from(on) <= threshold, on <= at_most(threshold));
            }
        }
    }
}
