//! The trees that pruning can leave of one.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::structure::Tree;

/// The strengths of pruning at which a tree loses a branch: what
/// [`cost_complexity_pruning_path`](Tree::cost_complexity_pruning_path) gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruningPath {
    /// The values of `ccp_alpha`, ascending, from which on one more branch is a leaf; the first is 0, of the whole tree.
    pub ccp_alphas: Vec<f64>,
    /// The impurity of the leaves that are left, each times its share of the weight.
    pub impurities: Vec<f64>,
}

/// A node whose branch may be cut off next.
#[derive(PartialEq)]
struct Weak {
    alpha: f64,
    node: usize,
    version: u32,
}

impl Eq for Weak {}

impl PartialOrd for Weak {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Weak {
    fn cmp(&self, other: &Self) -> Ordering {
        self.alpha.total_cmp(&other.alpha).then(self.node.cmp(&other.node))
    }
}

/// What is known of the branch below a node.
#[derive(Clone, Copy)]
struct Branch {
    /// The impurity of the node, and of the leaves below it.
    own: f64,
    below: f64,
    n_leaves: usize,
    /// How often it has changed; nothing of a node that is gone.
    version: Option<u32>,
}

impl Branch {
    /// The impurity that each of its leaves but one is worth.
    fn alpha(&self) -> f64 {
        ((self.own - self.below) / (self.n_leaves - 1) as f64).max(0.0)
    }
}

impl Tree {
    /// The strengths of minimal cost-complexity pruning at which this tree, grown without pruning, loses one branch after the
    /// other, down to its root (Breiman and others, 1984, chapter 3; scikit-learn's `cost_complexity_pruning_path`): the values
    /// of `ccp_alpha` between which a choice makes a difference.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::DecisionTreeRegressor;
    ///
    /// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0]]);
    /// let y = Values::from(vec![0.0, 0.0, 1.0, 5.0]);
    /// let path = DecisionTreeRegressor::new().fit(&x, &y)?.tree().cost_complexity_pruning_path()?;
    /// assert_eq!(path.ccp_alphas.len(), 3);
    /// let pruned = DecisionTreeRegressor::new().ccp_alpha(path.ccp_alphas[1]).fit(&x, &y)?;
    /// assert_eq!(pruned.tree().n_leaves(), 2);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](perennial_core::ErrorKind::Unsupported) where nodes know what their splits gained and not how
    /// impure they are, as in boosting.
    pub fn cost_complexity_pruning_path(&self) -> Result<PruningPath> {
        let Some(mut branches) = self.branches() else {
            return Err(Error::unsupported(
                "trees of boosting do not know the impurity of their nodes, which pruning compares; take the path of a decision \
                 tree",
            ));
        };
        let mut parents = vec![usize::MAX; self.n_nodes()];
        let mut weakest = BinaryHeap::new();
        for node in 0..self.n_nodes() {
            if let Some((left, right)) = self.children(node) {
                (parents[left], parents[right]) = (node, node);
                weakest.push(Reverse(Weak { alpha: branches[node].alpha(), node, version: 0 }));
            }
        }
        let mut path = PruningPath { ccp_alphas: vec![0.0], impurities: vec![branches[0].below] };
        while let Some(Reverse(Weak { alpha, node, version })) = weakest.pop() {
            let Some(now) = branches[node].version else { continue };
            if version != now {
                // What was cut off below has made it worth more.
                weakest.push(Reverse(Weak { alpha: branches[node].alpha(), node, version: now }));
                continue;
            }
            let lost = branches[node].n_leaves - 1;
            let more = branches[node].own - branches[node].below;
            self.drop_branch(node, &mut branches);
            let mut above = parents[node];
            while above != usize::MAX {
                let branch = &mut branches[above];
                branch.below += more;
                branch.n_leaves -= lost;
                branch.version = branch.version.map(|version| version + 1);
                above = parents[above];
            }
            // What rounding makes smaller is as large.
            path.ccp_alphas.push(alpha.max(path.ccp_alphas[path.ccp_alphas.len() - 1]));
            path.impurities.push(branches[0].below);
        }
        Ok(path)
    }

    /// The branch below each node; `None` where impurities are not known.
    fn branches(&self) -> Option<Vec<Branch>> {
        let total = self.weight(0);
        let branch = |node: usize| {
            let share = if total > 0.0 { self.weight(node) / total } else { 0.0 };
            let own = share * self.impurity(node)?;
            Some(Branch { own, below: own, n_leaves: 1, version: Some(0) })
        };
        let mut branches = (0..self.n_nodes()).map(branch).collect::<Option<Vec<_>>>()?;
        // Children come after their parents.
        for node in (0..self.n_nodes()).rev() {
            if let Some((left, right)) = self.children(node) {
                branches[node].below = branches[left].below + branches[right].below;
                branches[node].n_leaves = branches[left].n_leaves + branches[right].n_leaves;
            }
        }
        Some(branches)
    }

    /// Makes a node a leaf: what is below it is gone.
    fn drop_branch(&self, node: usize, branches: &mut [Branch]) {
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            if branches[node].version.take().is_some()
                && let Some((left, right)) = self.children(node)
            {
                waiting.extend([left, right]);
            }
        }
        branches[node].below = branches[node].own;
        branches[node].n_leaves = 1;
    }
}
