//! Which leaf is split next.

use std::cmp::{Ordering, Reverse};

use crate::boosting::settings::Growth;

/// Where a leaf stands among those that may be split; the largest is split first.
#[derive(PartialEq)]
pub(super) struct Place {
    /// 0 where depth does not matter.
    pub(super) depth: Reverse<usize>,
    pub(super) gain: f64,
    pub(super) node: usize,
}

impl Place {
    pub(super) fn new(growth: Growth, depth: usize, gain: f64, node: usize) -> Self {
        let depth = match growth {
            Growth::LeafWise => 0,
            Growth::DepthWise | Growth::Symmetric => depth,
        };
        Place { depth: Reverse(depth), gain, node }
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_gain = || self.gain.total_cmp(&other.gain);
        self.depth.cmp(&other.depth).then_with(by_gain).then_with(|| other.node.cmp(&self.node))
    }
}
