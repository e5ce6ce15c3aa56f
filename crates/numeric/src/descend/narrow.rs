//! Walks side by side without vectors: where a vector of numbers from many places takes as long as the loads that it
//! stands for, or longer, as on processors of AMD, this is the fast way.

use std::hint::select_unpredictable;

use super::{Going, LEAF, ODD, Walks};

/// Walks side by side.
const LANES: usize = 16;
/// Steps between two looks at which walks have ended, where trees are deep, as in forests.
const FOR_ROWS: usize = 4;
/// Where they are many and small, as in boosting.
const FOR_ROOTS: usize = 2;

/// Does something for each walk, in code of its own: a loop would take as many instructions for its counting.
macro_rules! each_lane {
    ($lane:ident => $body:expr) => { each_lane!($lane => $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) };
    ($lane:ident => $body:expr, $($number:literal)*) => { $({ const $lane: usize = $number; $body; })* };
}

impl<F: Fn(usize, usize) -> bool> Going<'_, F> {
    pub(super) fn walk_narrow(&self, leaves: &mut [u32]) {
        match self.walks {
            Walks::Rows { root, .. } => {
                let width = self.keys.width;
                self.from::<FOR_ROWS>(|walk| (root, walk * width), leaves);
            }
            Walks::Roots(roots) => self.from::<FOR_ROOTS>(|walk| (roots[walk], 0), leaves),
        }
    }

    /// `begin` tells the root of a walk and where the keys of its row begin.
    fn from<const STRIDE: usize>(&self, begin: impl Fn(usize) -> (u32, usize), leaves: &mut [u32]) {
        match (self.odds, self.keys.halved) {
            (false, false) => self.side_by_side::<STRIDE, false, 0>(begin, leaves),
            (false, true) => self.side_by_side::<STRIDE, false, 1>(begin, leaves),
            (true, false) => self.side_by_side::<STRIDE, true, 0>(begin, leaves),
            (true, true) => self.side_by_side::<STRIDE, true, 1>(begin, leaves),
        }
    }

    /// A walk that has ended makes room for the next. All without branches, as nobody can guess where walks end.
    fn side_by_side<const STRIDE: usize, const ODDS: bool, const HALVED: u32>(
        &self,
        begin: impl Fn(usize) -> (u32, usize),
        leaves: &mut [u32],
    ) {
        let n_walks = leaves.len();
        if n_walks < LANES {
            return self.last::<STRIDE, ODDS, HALVED>(0, begin, leaves);
        }
        let mut walks: [usize; LANES] = std::array::from_fn(|lane| lane);
        let (mut at, mut keys) = (walks.map(|walk| begin(walk).0), walks.map(|walk| begin(walk).1));
        let mut next = LANES;
        // So each of the walks that end together finds a next one.
        while next + LANES <= n_walks {
            for _ in 0..STRIDE {
                each_lane!(LANE => at[LANE] = self.next::<ODDS, HALVED>(at[LANE], keys[LANE], walks[LANE]));
            }
            each_lane!(LANE => {
                // Too early, it is written again.
                leaves[walks[LANE]] = at[LANE];
                let ended = self.nodes[at[LANE] as usize].is_leaf();
                walks[LANE] = select_unpredictable(ended, next, walks[LANE]);
                let (root, first_key) = begin(next);
                at[LANE] = select_unpredictable(ended, root, at[LANE]);
                keys[LANE] = select_unpredictable(ended, first_key, keys[LANE]);
                next += usize::from(ended);
            });
        }
        self.finish::<STRIDE, ODDS, HALVED>(&walks, &keys, &mut at);
        for (walk, at) in walks.into_iter().zip(at) {
            leaves[walk] = at;
        }
        self.last::<STRIDE, ODDS, HALVED>(next, begin, &mut leaves[next..]);
    }

    /// The walks from `first` on, which are fewer than are made side by side.
    fn last<const STRIDE: usize, const ODDS: bool, const HALVED: u32>(
        &self,
        first: usize,
        begin: impl Fn(usize) -> (u32, usize),
        leaves: &mut [u32],
    ) {
        let Some(most) = leaves.len().checked_sub(1) else { return };
        let walks: [usize; LANES] = std::array::from_fn(|lane| first + lane.min(most));
        let mut at = walks.map(|walk| begin(walk).0);
        self.finish::<STRIDE, ODDS, HALVED>(&walks, &walks.map(|walk| begin(walk).1), &mut at);
        leaves.copy_from_slice(&at[..=most]);
    }

    fn finish<const STRIDE: usize, const ODDS: bool, const HALVED: u32>(
        &self,
        walks: &[usize; LANES],
        keys: &[usize; LANES],
        at: &mut [u32; LANES],
    ) {
        loop {
            let before = *at;
            for _ in 0..STRIDE {
                each_lane!(LANE => at[LANE] = self.next::<ODDS, HALVED>(at[LANE], keys[LANE], walks[LANE]));
            }
            // Only leaves lead to themselves.
            if *at == before {
                return;
            }
        }
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn next<const ODDS: bool, const HALVED: u32>(&self, at: u32, keys: usize, walk: usize) -> u32 {
        // SAFETY: walks are at nodes: roots and children are, and leaves lead to themselves.
        let node = unsafe { self.nodes.get_unchecked(at as usize) };
        let place = keys + (node.question >> HALVED) as usize;
        // SAFETY: questions are about keys within the width of a row, and there are keys for all rows.
        let key = unsafe { *self.keys.keys.get_unchecked(place) };
        let mut right = key > node.threshold;
        if key == node.threshold || (ODDS && node.threshold == ODD) {
            right = self.ask(at, walk);
        }
        node.left + u32::from(right)
    }

    #[cold]
    #[inline(never)]
    fn ask(&self, at: u32, walk: usize) -> bool {
        self.nodes[at as usize].threshold != LEAF && (self.goes_right)(walk, at as usize)
    }
}
