//! From the nodes that were grown to the tree that is kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::grow::Grown;
use super::structure::{Measure, Question, Rule, Summary, Tree, Value};

/// The tree without the branches that `max_leaf_nodes` and `ccp_alpha` cut off.
pub(crate) fn finish(
    grown: &[Grown],
    n_features: usize,
    width: usize,
    max_leaf_nodes: Option<usize>,
    ccp_alpha: f64,
) -> Tree {
    let mut keeps: Vec<bool> = grown.iter().map(|node| node.cut.is_some()).collect();
    if let Some(max) = max_leaf_nodes {
        keeps = best_first(grown, max);
    }
    if ccp_alpha > 0.0 {
        cost_complexity(grown, &mut keeps, ccp_alpha);
    }
    let mut tree = Tree::empty(n_features, width, Measure::Impurity);
    tree.reserve((2 * keeps.iter().filter(|keeps| **keeps).count() + 1).min(grown.len()));
    // A left child follows its parent at once; a right child waits on the stack.
    let mut waiting = vec![(0, None)];
    let mut rights = Vec::new();
    while let Some((index, parent)) = waiting.pop() {
        let at = tree.push(&grown[index].summary);
        if let Some(parent) = parent {
            rights.push((parent, at));
        }
        if let (true, &Some((_, _, left))) = (keeps[index], &grown[index].cut) {
            waiting.push((left + 1, Some((at, index))));
            waiting.push((left, None));
        }
    }
    for ((parent, index), right) in rights {
        if let Some((rule, _, _)) = &grown[index].cut {
            tree.join(parent, rule, parent + 1, right);
        }
    }
    tree
}

#[derive(PartialEq)]
struct Candidate {
    gain: f64,
    node: usize,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(other.node.cmp(&self.node))
    }
}

/// The cuts that a tree of at most `max` leaves makes when it always takes the one with the largest gain.
fn best_first(grown: &[Grown], max: usize) -> Vec<bool> {
    let mut keeps = vec![false; grown.len()];
    let mut heap = BinaryHeap::new();
    let candidate = |node: usize| grown[node].cut.as_ref().map(|&(_, gain, _)| Candidate { gain, node });
    heap.extend(candidate(0));
    for _ in 1..max {
        let Some(best) = heap.pop() else { break };
        keeps[best.node] = true;
        if let &Some((_, _, left)) = &grown[best.node].cut {
            heap.extend(candidate(left));
            heap.extend(candidate(left + 1));
        }
    }
    keeps
}

/// Minimal cost-complexity pruning (Breiman and others, 1984, chapter 3): a branch is kept while it takes off more than
/// `alpha` of impurity for each leaf it adds. Children come after parents, so one pass from the end decides.
fn cost_complexity(grown: &[Grown], keeps: &mut [bool], alpha: f64) {
    let total = grown.first().map_or(1.0, |root| root.summary.weight);
    let own = |node: &Grown| node.summary.weight / total * node.summary.measure + alpha;
    let mut costs: Vec<f64> = grown.iter().map(own).collect();
    for (index, node) in grown.iter().enumerate().rev() {
        if let (true, &Some((_, _, left))) = (keeps[index], &node.cut) {
            let branch = costs[left] + costs[left + 1];
            if branch < costs[index] {
                costs[index] = branch;
            } else {
                keeps[index] = false;
            }
        }
    }
}

/// A tree of boosting without the splits that gained less than `min_gain` and have none above it below them. A node that
/// becomes a leaf says the mean, by weight, of what was said below it.
pub(crate) fn without_small_gains(tree: &Tree, min_gain: f64) -> Tree {
    let mut values: Vec<f64> = (0..tree.n_nodes()).map(|node| tree.value(node)[0]).collect();
    let mut keeps = vec![false; tree.n_nodes()];
    // Children come after their parents.
    for node in (0..tree.n_nodes()).rev() {
        let Some((left, right)) = tree.children(node) else { continue };
        keeps[node] = keeps[left] || keeps[right] || tree.gain(node) >= min_gain;
        if !keeps[node] {
            let (low, high) = (values[left].min(values[right]), values[left].max(values[right]));
            let total = tree.weight(left) + tree.weight(right);
            let share = if total > 0.0 { tree.weight(left) / total } else { 0.5 };
            values[node] = (values[left] * share + values[right] * (1.0 - share)).clamp(low, high);
        }
    }
    let mut pruned = Tree::empty(tree.n_features(), 1, Measure::Gain);
    let (mut waiting, mut rights) = (vec![(0, None)], Vec::new());
    while let Some((node, parent)) = waiting.pop() {
        let at = pruned.push(&Summary {
            n_rows: tree.n_rows(node),
            weight: tree.weight(node),
            measure: if keeps[node] { tree.gain(node) } else { 0.0 },
            value: Value::One([values[node]]),
        });
        if let Some(parent) = parent {
            rights.push((parent, at));
        }
        if let (true, Some((left, right))) = (keeps[node], tree.children(node)) {
            waiting.push((right, Some((at, node))));
            waiting.push((left, None));
        }
    }
    for ((at, node), right) in rights {
        let question = tree.categories(node).map_or(Question::AtMost(tree.threshold(node)), Question::OneOf);
        let feature = tree.nodes()[node].feature;
        let rule = Rule { feature, question, missing_left: tree.missing_left(node) };
        pruned.join(at, &rule, at + 1, right);
    }
    pruned
}
