//! Rows down binary trees, many at a time.
//!
//! A walk down a tree waits at each node for the node and then for the number that it asks about. Several walks side by
//! side wait together. With vectors of 512 bits, 48 walks are under way and each instruction moves 16 of them; without
//! them, or where they are slow at reading from many places, 16 are.

mod narrow;
#[cfg(target_arch = "x86_64")]
mod wide;

/// The threshold of a leaf, above all keys.
const LEAF: i32 = i32::MAX;
/// The threshold of a question that keys do not answer.
const ODD: i32 = i32::MIN;
/// Walks that are too few for vectors.
#[cfg(target_arch = "x86_64")]
const FEW: usize = 16;

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

/// Whether many walks go on vectors; where they do not, it pays more to keep a tree in the nearest caches for many rows.
pub fn by_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        crate::simd::allows_broad() && is_x86_feature_detected!("avx512f") && wide::is_faster()
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
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
    odds: bool,
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
        let odds = nodes.iter().any(Node::is_odd);
        nodes.iter().enumerate().all(fits).then_some(Descent { nodes, most, odds })
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
        let going = Going { nodes: &self.nodes, odds: self.odds, walks, keys, goes_right };
        #[cfg(target_arch = "x86_64")]
        if n_walks > FEW && wide::is_faster() && wide::fits(&going) {
            return wide::walk(&going, leaves);
        }
        going.walk_narrow(leaves);
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
}

/// Walks with all that they need; what the vectors rely on has been looked at.
struct Going<'a, F> {
    nodes: &'a [Node],
    /// Whether some node is odd.
    odds: bool,
    walks: Walks<'a>,
    keys: Keys<'a>,
    goes_right: F,
}
