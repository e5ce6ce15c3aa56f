//! Rows down binary trees, many at a time.
//!
//! A walk down a tree waits at each node for the node and then for the number that it asks about. Several walks side by
//! side wait together. With vectors of 512 bits, 48 walks are under way and each instruction moves 16 of them; without
//! them 16 are.

/// The threshold of a leaf, above all keys.
const LEAF: i32 = i32::MAX;
/// The threshold of a question that keys do not answer.
const ODD: i32 = i32::MIN;
/// Walks side by side without vectors.
const LANES: usize = 16;
/// Steps between two looks at which walks have ended.
const STRIDE: usize = 4;

/// A node of a tree in 12 bytes. Its two children lie side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Node {
    threshold: i32,
    question: u32,
    left: u32,
}

impl Node {
    /// A node whose walks go to `left`, or to the node behind it if the key that answers `question` is larger than
    /// `threshold`. The smallest and the largest number are no thresholds: the nearest to them are taken.
    pub fn split(threshold: i32, question: u32, left: u32) -> Self {
        Node { threshold: threshold.clamp(ODD + 1, LEAF - 1), question, left }
    }

    /// A node that is asked of the caller.
    pub fn odd(question: u32, left: u32) -> Self {
        Node { threshold: ODD, question, left }
    }

    /// A leaf, which is the node number `at`.
    pub fn leaf(at: u32) -> Self {
        Node { threshold: LEAF, question: 0, left: at }
    }

    /// The threshold.
    pub fn threshold(&self) -> i32 {
        self.threshold
    }

    /// The number of the question.
    pub fn question(&self) -> u32 {
        self.question
    }

    /// The left child; a leaf leads to itself.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Whether it is asked of the caller.
    pub fn is_odd(&self) -> bool {
        self.threshold == ODD
    }

    /// Whether it is a leaf.
    pub fn is_leaf(&self) -> bool {
        self.threshold == LEAF
    }
}

/// Where walks begin.
#[derive(Clone, Copy, Debug)]
pub enum Walks<'a> {
    /// One walk for each of so many rows, all from one root.
    Rows {
        /// The root.
        root: u32,
        /// The number of rows.
        n_rows: usize,
    },
    /// One row, a walk from each of some roots.
    Roots(&'a [u32]),
}

/// What rows answer.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// The keys of all rows, row by row.
    pub keys: &'a [i32],
    /// The number of keys of a row.
    pub width: usize,
    /// Whether questions 2i and 2i + 1 are both answered by key i; otherwise question i is.
    pub halved: bool,
}

/// The nodes of some trees.
#[derive(Clone, Debug, Default)]
pub struct Descent {
    nodes: Vec<Node>,
    most: u32,
}

impl Descent {
    /// Trees from their nodes; `None` where a child does not lie behind its parent, or nowhere.
    pub fn new(nodes: Vec<Node>) -> Option<Self> {
        let fits = |(at, node): (usize, &Node)| {
            let left = node.left as usize;
            if node.is_leaf() {
                left == at && node.question == 0
            } else {
                left > at && left + 1 < nodes.len()
            }
        };
        let most = nodes.iter().map(|node| node.question).max().unwrap_or(0);
        nodes.iter().enumerate().all(fits).then_some(Descent { nodes, most })
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Fills in the number of the leaf that each walk ends at.
    ///
    /// Where a key and a threshold are the same, and at [odd](Node::odd) nodes, `goes_right(walk, node)` decides.
    ///
    /// # Panics
    /// When a root is no node, `leaves` has another length than there are walks, or there are too few keys.
    pub fn leaves(
        &self,
        walks: Walks<'_>,
        keys: Keys<'_>,
        goes_right: impl Fn(usize, usize) -> bool,
        leaves: &mut [u32],
    ) {
        let (n_walks, n_rows) = match walks {
            Walks::Rows { root, n_rows } => {
                assert!((root as usize) < self.nodes.len(), "the root is no node");
                (n_rows, n_rows)
            }
            Walks::Roots(roots) => {
                let n_nodes = self.nodes.len();
                assert!(roots.iter().all(|&root| (root as usize) < n_nodes), "a root is no node");
                (roots.len(), 1)
            }
        };
        assert_eq!(leaves.len(), n_walks, "there must be room for one leaf of each walk");
        if keys.width == 0 {
            assert!(self.nodes.iter().all(Node::is_leaf), "questions need keys");
            (0..n_walks).for_each(|walk| leaves[walk] = walks.root(walk));
            return;
        }
        let most = if keys.halved { self.most / 2 } else { self.most };
        assert!((most as usize) < keys.width, "a question is about a key behind those of a row");
        assert!(keys.keys.len() / keys.width >= n_rows, "there are fewer keys than the rows have");
        let going = Going { nodes: &self.nodes, walks, keys, goes_right };
        if n_walks > LANES && wide::fits(&going) {
            wide::walk(&going, leaves);
        } else {
            going.walk(leaves);
        }
    }
}

impl Walks<'_> {
    #[inline]
    fn root(self, walk: usize) -> u32 {
        match self {
            Walks::Rows { root, .. } => root,
            Walks::Roots(roots) => roots[walk],
        }
    }

    /// The row of a walk.
    #[inline]
    fn row(self, walk: usize) -> usize {
        if matches!(self, Walks::Rows { .. }) { walk } else { 0 }
    }
}

/// Walks with all that they need; what the vectors rely on has been looked at.
struct Going<'a, F> {
    nodes: &'a [Node],
    walks: Walks<'a>,
    keys: Keys<'a>,
    goes_right: F,
}

impl<F: Fn(usize, usize) -> bool> Going<'_, F> {
    fn walk(&self, leaves: &mut [u32]) {
        let n_walks = leaves.len();
        let (groups, rest) = leaves.as_chunks_mut::<LANES>();
        for (group, leaves) in groups.iter_mut().enumerate() {
            let first = group * LANES;
            let mut at: [u32; LANES] = std::array::from_fn(|lane| self.walks.root(first + lane));
            loop {
                let before = at;
                for _ in 0..STRIDE {
                    for (lane, at) in at.iter_mut().enumerate() {
                        *at = self.next(*at, first + lane);
                    }
                }
                // Only leaves lead to themselves.
                if at == before {
                    break;
                }
            }
            *leaves = at;
        }
        let first = n_walks - rest.len();
        for (leaf, walk) in rest.iter_mut().zip(first..) {
            *leaf = self.walks.root(walk);
            while !self.nodes[*leaf as usize].is_leaf() {
                *leaf = self.next(*leaf, walk);
            }
        }
    }

    #[inline(always)]
    fn next(&self, at: u32, walk: usize) -> u32 {
        let node = &self.nodes[at as usize];
        let place = node.question >> u32::from(self.keys.halved);
        let key = self.keys.keys[self.walks.row(walk) * self.keys.width + place as usize];
        let right = if key == node.threshold || node.threshold == ODD {
            !node.is_leaf() && (self.goes_right)(walk, at as usize)
        } else {
            key > node.threshold
        };
        node.left + u32::from(right)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use super::Going;

    pub(super) fn fits<F>(_: &Going<'_, F>) -> bool {
        false
    }

    pub(super) fn walk<F>(_: &Going<'_, F>, _: &mut [u32]) {
        unreachable!("there are no such vectors")
    }
}

/// The same on vectors of 512 bits.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_cmpeq_epi32_mask, _mm512_cmpge_epi32_mask,
        _mm512_cmpgt_epi32_mask, _mm512_i32gather_epi32, _mm512_mask_add_epi32, _mm512_mask_expand_epi32,
        _mm512_mask_i32gather_epi32, _mm512_mask_i32scatter_epi32, _mm512_mask_mov_epi32, _mm512_mullo_epi32,
        _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srl_epi32,
        _mm512_storeu_si512,
    };

    use super::{Going, ODD, STRIDE, Walks};

    /// Walks of a vector.
    const WIDE: usize = 16;
    /// Vectors under way.
    const VECTORS: usize = 3;
    /// Numbers in a node.
    const NODE: usize = 3;

    /// Whether the machine has such vectors, and places in nodes and keys fit their numbers.
    pub(super) fn fits<F>(going: &Going<'_, F>) -> bool {
        let most = i32::MAX as usize;
        going.nodes.len() <= most / NODE
            && going.keys.keys.len() <= most
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("popcnt")
    }

    /// # Panics
    /// Where it does not [fit](fits).
    #[allow(unsafe_code)]
    pub(super) fn walk<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, leaves: &mut [u32]) {
        assert!(fits(going), "the machine has no such vectors");
        // SAFETY: the processor has AVX-512, as was just asserted.
        unsafe { walk_wide(going, leaves) }
    }

    /// Walks as vectors hold them.
    struct Vectors {
        walks: [__m512i; VECTORS],
        at: [__m512i; VECTORS],
        /// Where the keys of their rows begin.
        keys: [__m512i; VECTORS],
        live: [u16; VECTORS],
    }

    #[target_feature(enable = "avx512f,popcnt")]
    #[allow(unsafe_code)]
    fn walk_wide<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, leaves: &mut [u32]) {
        let n_walks = leaves.len();
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let n = _mm512_set1_epi32(n_walks as i32);
        let zero = _mm512_setzero_si512();
        let (root, width) = match going.walks {
            Walks::Rows { root, .. } => (root, going.keys.width),
            Walks::Roots(roots) => (roots[0], 0),
        };
        let width = _mm512_set1_epi32(width as i32);
        let mut vectors = Vectors {
            walks: [zero; VECTORS],
            at: [_mm512_set1_epi32(root as i32); VECTORS],
            keys: [zero; VECTORS],
            live: [u16::MAX; VECTORS],
        };
        let (mut n_begun, mut n_done) = (0, 0);
        for vector in 0..VECTORS {
            n_begun += begin(going, &mut vectors, vector, u16::MAX, n_begun, n, lanes, width);
        }
        while n_done < n_walks {
            let mut before = vectors.at;
            for _ in 0..STRIDE {
                before = vectors.at;
                for vector in 0..VECTORS {
                    vectors.at[vector] = step(going, &vectors, vector);
                }
            }
            for vector in 0..VECTORS {
                // Only leaves lead to themselves.
                let at = vectors.at[vector];
                let ended = _mm512_cmpeq_epi32_mask(before[vector], at) & vectors.live[vector];
                if ended != 0 {
                    let places = leaves.as_mut_ptr();
                    // SAFETY: live walks are numbers below that of the leaves.
                    unsafe {
                        _mm512_mask_i32scatter_epi32::<4>(places.cast(), ended, vectors.walks[vector], at);
                    }
                    n_done += ended.count_ones() as usize;
                    n_begun += begin(going, &mut vectors, vector, ended, n_begun, n, lanes, width);
                }
            }
        }
    }

    /// Begins the next walks in some places, and gives their number. Places without one stay at their leaf, or root.
    #[expect(clippy::too_many_arguments, reason = "constants of the caller")]
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    #[allow(unsafe_code)]
    fn begin<F>(
        going: &Going<'_, F>,
        vectors: &mut Vectors,
        vector: usize,
        places: u16,
        n_begun: usize,
        n: __m512i,
        lanes: __m512i,
        width: __m512i,
    ) -> usize {
        let next = _mm512_add_epi32(lanes, _mm512_set1_epi32(n_begun as i32));
        let walks = _mm512_mask_expand_epi32(vectors.walks[vector], places, next);
        let none = _mm512_cmpge_epi32_mask(walks, n) & places;
        vectors.live[vector] &= !none;
        let walks = _mm512_mask_mov_epi32(walks, none, _mm512_setzero_si512());
        vectors.walks[vector] = walks;
        vectors.keys[vector] = _mm512_mullo_epi32(walks, width);
        let begun = places & !none;
        let at = vectors.at[vector];
        vectors.at[vector] = match going.walks {
            Walks::Rows { root, .. } => _mm512_mask_mov_epi32(at, begun, _mm512_set1_epi32(root as i32)),
            // SAFETY: the walks that begin are numbers below that of the roots.
            Walks::Roots(roots) => unsafe {
                _mm512_mask_i32gather_epi32::<4>(at, begun, walks, roots.as_ptr().cast())
            },
        };
        begun.count_ones() as usize
    }

    /// The nodes after those that the walks of a vector are at.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    #[allow(unsafe_code)]
    fn step<F: Fn(usize, usize) -> bool>(going: &Going<'_, F>, vectors: &Vectors, vector: usize) -> __m512i {
        let at = vectors.at[vector];
        let nodes = going.nodes.as_ptr().cast::<i32>();
        let place = _mm512_add_epi32(at, _mm512_slli_epi32::<1>(at));
        // SAFETY: a node is three numbers of 32 bits, and all walks are at nodes: roots and children are, and leaves
        // lead to themselves, as no key is above their threshold.
        let (threshold, question, left) = unsafe {
            (
                _mm512_i32gather_epi32::<4>(place, nodes),
                _mm512_i32gather_epi32::<4>(place, nodes.add(1)),
                _mm512_i32gather_epi32::<4>(place, nodes.add(2)),
            )
        };
        let question = _mm512_srl_epi32(question, _mm_cvtsi32_si128(i32::from(going.keys.halved)));
        let place = _mm512_add_epi32(question, vectors.keys[vector]);
        // SAFETY: questions are about keys within the width of a row, and there are keys for all rows.
        let key = unsafe { _mm512_i32gather_epi32::<4>(place, going.keys.keys.as_ptr()) };
        let mut right = _mm512_cmpgt_epi32_mask(key, threshold);
        let odd = _mm512_cmpeq_epi32_mask(key, threshold)
            | _mm512_cmpeq_epi32_mask(threshold, _mm512_set1_epi32(ODD));
        if odd != 0 {
            right = ask(going, vectors.walks[vector], at, odd & vectors.live[vector], right);
        }
        _mm512_mask_add_epi32(left, right, left, _mm512_set1_epi32(1))
    }

    /// Asks the caller where some walks go.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx512f,popcnt")]
    #[allow(unsafe_code)]
    fn ask<F: Fn(usize, usize) -> bool>(
        going: &Going<'_, F>,
        walks: __m512i,
        at: __m512i,
        odd: u16,
        mut right: u16,
    ) -> u16 {
        let mut numbers = [[0_i32; WIDE]; 2];
        // SAFETY: each array is as long as a vector.
        unsafe {
            _mm512_storeu_si512(numbers[0].as_mut_ptr().cast(), walks);
            _mm512_storeu_si512(numbers[1].as_mut_ptr().cast(), at);
        }
        for lane in (0..WIDE).filter(|lane| odd >> lane & 1 == 1) {
            let goes = !going.nodes[numbers[1][lane] as usize].is_leaf()
                && (going.goes_right)(numbers[0][lane] as usize, numbers[1][lane] as usize);
            right = right & !(1 << lane) | u16::from(goes) << lane;
        }
        right
    }
}
