//! Bounds from the leaves on the other side of monotone cuts.
//!
//! Above each leaf stand nodes that ask a constrained column. What it says must not be beyond what any leaf on the other side of
//! such a node says. A leaf that is split changes what others may say, so these are looked at again (LightGBM's method
//! `intermediate`, which looks at the leaves that touch; here all leaves on the other side count).

use perennial_core::Result;

use super::{Grower, Leaf};
use crate::boosting::monotone::MonotoneMethod;

/// The bounds of the children of a leaf with these, which say `outputs`: they are held apart where answers follow the column in a
/// direction.
pub(super) fn apart(
    method: MonotoneMethod,
    bounds: (f64, f64),
    outputs: [f64; 2],
    direction: i8,
) -> [(f64, f64); 2] {
    let [left, right] = outputs;
    let (low, high) = if direction > 0 { (left, right) } else { (right, left) };
    let (most, least) = match method {
        MonotoneMethod::Basic => (low.midpoint(high), low.midpoint(high)),
        MonotoneMethod::Intermediate => (high, low),
    };
    let (low, high) = ((bounds.0, most), (least, bounds.1));
    match direction {
        0 => [bounds; 2],
        1.. => [low, high],
        _ => [high, low],
    }
}

/// What two children say, where the bounds of others will follow from it: those that a pull to the parent left in the wrong order
/// say the same.
pub(super) fn in_order(method: MonotoneMethod, outputs: [f64; 2], direction: i8) -> [f64; 2] {
    let [left, right] = outputs;
    let is_wrong = (direction > 0 && left > right) || (direction < 0 && left < right);
    match method {
        MonotoneMethod::Intermediate if is_wrong => [left.midpoint(right); 2],
        _ => outputs,
    }
}

impl Grower<'_> {
    /// Whether leaves look for their best split again when others were split.
    pub(super) fn looks_again(&self) -> bool {
        self.shared.settings.looks_again(self.shared.constraints)
    }

    /// Looks for the best split of a leaf within other bounds.
    pub(super) fn look_again(&self, leaf: &mut Leaf<'_>, bounds: (f64, f64)) -> Result<()> {
        if leaf.bounds == bounds {
            return Ok(());
        }
        leaf.bounds = bounds;
        let Some(mut histograms) = leaf.histograms.take() else { return Ok(()) };
        if self.may_split(leaf) {
            self.ctx.check()?;
            let groups = self.per_group(leaf.rows.len(), &mut histograms, |group, histograms| {
                self.best_of_group(group, histograms, None, leaf)
            });
            leaf.split = self.settle(leaf, &histograms, groups.into_iter().flatten())?;
        }
        leaf.histograms = Some(histograms);
        Ok(())
    }
}

/// The nodes of a tree that grows, by the numbers in which they are made.
pub(super) struct Bounds {
    nodes: Vec<Node>,
}

struct Node {
    parent: Option<usize>,
    /// The left child, and 1 where what is said must not fall from it to the right one, -1 where it must not rise; the right
    /// child is the next.
    split: Option<(usize, i8)>,
    /// Between what outputs the node had to stay when it was made.
    held: (f64, f64),
    /// The least and the largest output of the leaves below.
    range: (f64, f64),
}

impl Bounds {
    pub(super) fn new(root: f64) -> Self {
        let held = (f64::NEG_INFINITY, f64::INFINITY);
        Bounds { nodes: vec![Node { parent: None, split: None, held, range: (root, root) }] }
    }

    /// Between what outputs a node had to stay when it was made.
    pub(super) fn held(&self, node: usize) -> (f64, f64) {
        self.nodes[node].held
    }

    /// Takes in that a leaf was split into the two nodes that are made next, which say `outputs`; gives the leaves whose bounds may
    /// be others now, and their bounds.
    pub(super) fn split(
        &mut self,
        leaf: usize,
        direction: i8,
        outputs: [f64; 2],
    ) -> Vec<(usize, (f64, f64))> {
        let left = self.nodes.len();
        let children = apart(MonotoneMethod::Intermediate, self.of(leaf), outputs, direction);
        for (held, output) in children.into_iter().zip(outputs) {
            self.nodes.push(Node { parent: Some(leaf), split: None, held, range: (output, output) });
        }
        self.nodes[leaf].split = Some((left, direction));
        let mut touched = Vec::new();
        let mut others = Vec::new();
        let mut below = leaf;
        self.nodes[leaf].range = self.range_of_children(left);
        while let Some(node) = self.nodes[below].parent {
            let Some((left, direction)) = self.nodes[node].split else { break };
            if direction != 0 {
                others.push(if below == left { left + 1 } else { left });
            }
            self.nodes[node].range = self.range_of_children(left);
            below = node;
        }
        others.into_iter().for_each(|other| self.leaves(other, &mut touched));
        touched
    }

    fn range_of_children(&self, left: usize) -> (f64, f64) {
        let (a, b) = (self.nodes[left].range, self.nodes[left + 1].range);
        (a.0.min(b.0), a.1.max(b.1))
    }

    /// The leaves below a node, with the outputs between which each must stay now.
    fn leaves(&self, below: usize, found: &mut Vec<(usize, (f64, f64))>) {
        let mut waiting = vec![(below, self.of(below))];
        while let Some((node, bounds)) = waiting.pop() {
            let Some((left, direction)) = self.nodes[node].split else {
                found.push((node, bounds));
                continue;
            };
            waiting
                .extend([left + 1, left].map(|child| (child, self.within(bounds, child, left, direction))));
        }
    }

    /// Bounds of a node as those of its child, where `left` is the left child.
    fn within(&self, mut bounds: (f64, f64), child: usize, left: usize, direction: i8) -> (f64, f64) {
        let is_left = child == left;
        let other = self.nodes[if is_left { left + 1 } else { left }].range;
        // On the low side nothing is said above the least of the other side.
        match direction {
            0 => {}
            _ if is_left == (direction > 0) => bounds.1 = f64::min(bounds.1, other.0),
            _ => bounds.0 = f64::max(bounds.0, other.1),
        }
        bounds
    }

    /// Between what outputs a node must stay now.
    fn of(&self, leaf: usize) -> (f64, f64) {
        let mut bounds = (f64::NEG_INFINITY, f64::INFINITY);
        let mut below = leaf;
        while let Some(node) = self.nodes[below].parent {
            if let Some((left, direction)) = self.nodes[node].split {
                bounds = self.within(bounds, below, left, direction);
            }
            below = node;
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_what_the_other_side_says() {
        let infinite = f64::INFINITY;
        let mut bounds = Bounds::new(0.0);
        // The leaves that a split touches, with the bounds that climbing from each gives.
        let split = |bounds: &mut Bounds, leaf: usize, direction: i8, outputs: [f64; 2]| {
            let touched = bounds.split(leaf, direction, outputs);
            assert!(touched.iter().all(|&(leaf, within)| within == bounds.of(leaf)), "{touched:?}");
            touched.into_iter().map(|(leaf, _)| leaf).collect::<Vec<usize>>()
        };
        // 0 asks a rising column: 1 says -1, 2 says 3.
        assert!(split(&mut bounds, 0, 1, [-1.0, 3.0]).is_empty());
        assert_eq!((bounds.of(1), bounds.of(2)), ((-infinite, 3.0), (-1.0, infinite)));
        // 2 asks a free column: 3 says 1, 4 says 5.
        assert_eq!(split(&mut bounds, 2, 0, [1.0, 5.0]), [1]);
        assert_eq!((bounds.held(3), bounds.held(4)), ((-1.0, infinite), (-1.0, infinite)));
        assert_eq!((bounds.of(1), bounds.held(1)), ((-infinite, 1.0), (-infinite, 3.0)));
        // 1 asks a falling column: 5 says 0, 6 says -2.
        assert_eq!(split(&mut bounds, 1, -1, [0.0, -2.0]), [3, 4]);
        assert_eq!((bounds.held(5), bounds.held(6)), ((-2.0, 1.0), (-infinite, 0.0)));
        assert_eq!((bounds.of(3), bounds.of(4)), ((0.0, infinite), (0.0, infinite)));
        // 6 is split by a free column: 7 says -2, 8 says -0.5, which 5 must not be below.
        assert_eq!(split(&mut bounds, 6, 0, [-2.0, -0.5]), [5, 3, 4]);
        assert_eq!((bounds.of(5), bounds.of(7)), ((-0.5, 1.0), (-infinite, 0.0)));
        // Nothing is loosened for those that were made, and the bounds of others follow what is said now.
        assert_eq!(split(&mut bounds, 3, 1, [0.5, 1.0]), [5, 7, 8]);
        assert_eq!((bounds.of(5), bounds.of(9), bounds.held(9)), ((-0.5, 0.5), (0.0, 1.0), (0.0, 1.0)));
    }
}
