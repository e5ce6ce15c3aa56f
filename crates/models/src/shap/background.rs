//! Shapley values of one row against another.

use crate::tree::Tree;

/// Room for the paths of one tree.
#[derive(Debug, Default)]
pub(super) struct Explainer {
    /// The features on the way on which the rows differ, and whether the row that is explained leads.
    path: Vec<(u32, bool)>,
    waiting: Vec<Visit>,
}

/// A node to visit.
#[derive(Clone, Copy, Debug)]
struct Visit {
    node: usize,
    /// How much of the path leads to its parent.
    length: usize,
    /// What it adds to the path.
    step: Option<(u32, bool)>,
}

impl Explainer {
    /// Adds the values of `row` where what is not known of it is as in `other`, times `scale`.
    ///
    /// A coalition reaches a leaf when it has all features that only `row` meets and none of those that only `other`
    /// meets; so the Shapley values of a leaf depend on their numbers alone.
    pub(super) fn explain(
        &mut self,
        tree: &Tree,
        row: &[f64],
        other: &[f64],
        scale: f64,
        values: &mut [f64],
    ) {
        self.path.clear();
        self.waiting.clear();
        self.waiting.push(Visit { node: 0, length: 0, step: None });
        while let Some(Visit { node, length, step }) = self.waiting.pop() {
            self.path.truncate(length);
            self.path.extend(step);
            let (Some(feature), Some((left, right))) = (tree.feature(node), tree.children(node)) else {
                self.count(tree.value(node), scale, row.len(), values);
                continue;
            };
            let child = |from: &[f64]| if tree.goes_left(node, from[feature]) { left } else { right };
            let (mine, theirs) = (child(row), child(other));
            let length = self.path.len();
            let feature = feature as u32;
            let mut visit = |node, step| self.waiting.push(Visit { node, length, step });
            match self.path.iter().find(|step| step.0 == feature) {
                _ if mine == theirs => visit(mine, None),
                Some(&(_, leads)) => visit(if leads { mine } else { theirs }, None),
                None => {
                    visit(theirs, Some((feature, false)));
                    visit(mine, Some((feature, true)));
                }
            }
        }
    }

    /// Adds what a leaf at the end of the path says.
    fn count(&self, said: &[f64], scale: f64, n_features: usize, values: &mut [f64]) {
        let n_mine = self.path.iter().filter(|step| step.1).count();
        let n_theirs = self.path.len() - n_mine;
        let for_mine = if n_mine > 0 { share(n_mine - 1, n_theirs) } else { 0.0 };
        let for_theirs = if n_theirs > 0 { share(n_mine, n_theirs - 1) } else { 0.0 };
        for (value, values) in said.iter().zip(values.chunks_exact_mut(n_features)) {
            for &(feature, mine) in &self.path {
                let share = if mine { for_mine } else { -for_theirs };
                values[feature as usize] += scale * value * share;
            }
        }
    }
}

/// `a! b! / (a + b + 1)!`
fn share(a: usize, b: usize) -> f64 {
    let (few, many) = (a.min(b), a.max(b));
    let mut share = 1.0 / (a + b + 1) as f64;
    for k in 1..=few {
        share *= k as f64 / (many + k) as f64;
    }
    share
}
