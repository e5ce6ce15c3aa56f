//! Trees from nodes in any order, as other libraries write them.

use perennial_core::{Error, Result};

use crate::tree::Tree;
use crate::tree::structure::{Measure, Rule, Summary, Value};

/// A node of a tree that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) n_rows: u64,
    pub(crate) weight: f64,
    pub(crate) gain: f64,
    pub(crate) value: f64,
    /// What it asks and its children; `None` for a leaf.
    pub(crate) split: Option<(Rule, usize, usize)>,
}

/// The tree whose root is `root`, and the number that each draft has in it: `u32::MAX` where the root does not lead to it.
///
/// # Errors
/// When a child does not exist, or a node is reached twice; when a number is not finite.
pub(crate) fn tree_of(drafts: &[Draft], root: usize, n_features: usize) -> Result<(Tree, Vec<u32>)> {
    let bad = |what: String| Err(Error::malformed(what));
    let mut tree = Tree::empty(n_features, 1, Measure::Gain);
    let mut numbers = vec![u32::MAX; drafts.len()];
    // A node, and of which node it is the right child: that one can be joined when its right child has a number.
    let mut waiting = vec![(root, None)];
    let mut rules = Vec::new();
    while let Some((index, parent)) = waiting.pop() {
        let Some(draft) = drafts.get(index) else {
            return bad(format!("node {index} does not exist; the tree has {}", drafts.len()));
        };
        if numbers[index] != u32::MAX {
            return bad(format!("node {index} has two parents"));
        }
        if ![draft.weight, draft.gain, draft.value].iter().all(|number| number.is_finite()) {
            return bad(format!("node {index} holds a number that is not finite"));
        }
        let number = tree.push(&Summary {
            n_rows: draft.n_rows,
            weight: draft.weight.max(0.0),
            measure: if draft.split.is_some() { draft.gain.max(0.0) } else { 0.0 },
            value: Value::One([draft.value]),
        });
        numbers[index] = number as u32;
        if let Some(parent) = parent {
            rules.push((parent, number));
        }
        if let Some((rule, left, right)) = &draft.split {
            if rule.feature as usize >= n_features {
                return bad(format!("node {index} asks for feature {} of {n_features}", rule.feature));
            }
            waiting.push((*right, Some(index)));
            waiting.push((*left, None));
        }
    }
    for (parent, right) in rules {
        if let Some((rule, ..)) = &drafts[parent].split {
            let number = numbers[parent] as usize;
            tree.join(number, rule, number + 1, right);
        }
    }
    Ok((tree, numbers))
}
