//! One row down many small trees: all questions of a tree at once.
//!
//! Numbers become small codes: how many [cuts](Ladder) lie below them. A question sends the row right when the code of its column is
//! above one of its own; then the leaves to its left are out of reach, and of the leaves that are left the first is reached. This is
//! the idea of QuickScorer (Lucchese and others, 2015). Where a machine picks 64 of 128 bytes by one instruction, as with
//! AVX-512 VBMI, three instructions answer 64 questions, and no step waits for the one before, as it does in a walk.

#[cfg(target_arch = "x86_64")]
mod vectors;

/// The most columns of codes.
pub const MOST_COLUMNS: usize = 128;
/// The most leaves of a tree.
pub const MOST_LEAVES: usize = 64;
/// The most cuts of a ladder.
pub const MOST_CUTS: usize = 255;
/// Cuts that are compared at once.
const STEP: usize = 16;
/// Trees of at most 32 leaves that are worked on together.
const TOGETHER: usize = 4;

/// Whether this machine has the vectors that it takes to be faster than walks.
pub fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        vectors::fits()
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Cuts in ascending order.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Ladder {
    cuts: [f64; 256],
    /// The last of each 16 cuts.
    steps: [f64; STEP],
}

impl Ladder {
    /// Of cuts in ascending order; `None` where there are more than [`MOST_CUTS`], or they do not ascend.
    pub fn new(cuts: &[f64]) -> Option<Self> {
        if cuts.len() > MOST_CUTS || !cuts.is_sorted() || cuts.iter().any(|cut| cut.is_nan()) {
            return None;
        }
        let mut ladder = Ladder { cuts: [f64::INFINITY; 256], steps: [0.0; STEP] };
        ladder.cuts[..cuts.len()].copy_from_slice(cuts);
        for (step, cuts) in ladder.steps.iter_mut().zip(ladder.cuts.as_chunks::<STEP>().0) {
            *step = cuts[STEP - 1];
        }
        Some(ladder)
    }

    /// How many cuts lie below a value; none lie below NaN.
    pub fn rank(&self, value: f64) -> u8 {
        self.cuts.partition_point(|&cut| cut < value) as u8
    }
}

/// The [ranks](Ladder::rank) of as many values as there are ladders.
pub fn ranks(ladders: &[Ladder], values: &[f64], ranks: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if vectors::fits() {
        return vectors::ranks(ladders, values, ranks);
    }
    for ((rank, ladder), &value) in ranks.iter_mut().zip(ladders).zip(values) {
        *rank = ladder.rank(value);
    }
}

/// A node that is no leaf. Leaves are numbered from left to right.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Whose code is asked.
    pub column: u8,
    /// Codes above this go right.
    pub at: u8,
    /// The first leaf under the node.
    pub first: u8,
    /// How many leaves are under its left child.
    pub n_left: u8,
}

/// Four trees of at most 32 leaves.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct Four {
    columns: [[u8; 64]; 2],
    at: [[u8; 64]; 2],
    /// For each question the leaves that stay in reach on its right.
    stay: [[u32; 32]; TOGETHER],
}

/// A tree of at most 64 leaves.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
struct One {
    columns: [u8; 64],
    at: [u8; 64],
    stay: [u64; 64],
}

/// The questions of some trees.
#[derive(Clone, Debug)]
pub struct Trees {
    n_trees: usize,
    /// How many of the leaves of each tree are counted.
    width: usize,
    /// Where all have at most 32 leaves.
    fours: Vec<Four>,
    /// Otherwise.
    ones: Vec<One>,
}

impl Trees {
    /// Trees from their questions; `None` where a tree has more than [`MOST_LEAVES`] leaves, or a question a column from
    /// [`MOST_COLUMNS`] on or leaves that its tree does not have.
    pub fn new(trees: &[Vec<Question>]) -> Option<Self> {
        let fits = |tree: &Vec<Question>| {
            let holds = |question: &Question| {
                let (first, n_left) = (usize::from(question.first), usize::from(question.n_left));
                usize::from(question.column) < MOST_COLUMNS && n_left > 0 && first + n_left <= tree.len()
            };
            tree.len() < MOST_LEAVES && tree.iter().all(holds)
        };
        if !trees.iter().all(fits) {
            return None;
        }
        let n_trees = trees.len();
        let out = |question: &Question| ((1_u64 << question.n_left) - 1) << question.first;
        if trees.iter().all(|tree| tree.len() < 32) {
            let four = |trees: &[Vec<Question>]| {
                let mut four =
                    Four { columns: [[0; 64]; 2], at: [[u8::MAX; 64]; 2], stay: [[u32::MAX; 32]; 4] };
                for (place, tree) in trees.iter().enumerate() {
                    for (index, question) in tree.iter().enumerate() {
                        let (half, slot) = (place / 2, place % 2 * 32 + index);
                        four.columns[half][slot] = question.column;
                        four.at[half][slot] = question.at;
                        four.stay[place][index] = !(out(question) as u32);
                    }
                }
                four
            };
            let fours = trees.chunks(TOGETHER).map(four).collect();
            return Some(Trees { n_trees, width: 32, fours, ones: Vec::new() });
        }
        let one = |tree: &Vec<Question>| {
            let mut one = One { columns: [0; 64], at: [u8::MAX; 64], stay: [u64::MAX; 64] };
            for (index, question) in tree.iter().enumerate() {
                (one.columns[index], one.at[index]) = (question.column, question.at);
                one.stay[index] = !out(question);
            }
            one
        };
        Some(Trees { n_trees, width: 64, fours: Vec::new(), ones: trees.iter().map(one).collect() })
    }

    /// Between the places of the first leaves of two trees side by side.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tells, tree by tree, the place of the leaf that a row with these codes reaches: [`width`](Trees::width) times the number of the
    /// tree, and the number of the leaf.
    #[inline]
    pub fn leaves(&self, codes: &[u8; MOST_COLUMNS], mut tell: impl FnMut(usize)) {
        #[cfg(target_arch = "x86_64")]
        if vectors::fits() {
            return vectors::leaves(self, codes, tell);
        }
        self.leaves_one_by_one(codes, &mut tell);
    }

    /// As [`leaves`](Trees::leaves), question by question.
    fn leaves_one_by_one(&self, codes: &[u8; MOST_COLUMNS], tell: &mut impl FnMut(usize)) {
        let right = |column: u8, at: u8| codes[usize::from(column)] > at;
        for tree in 0..self.n_trees {
            let left = if self.width == 32 {
                let (four, place) = (&self.fours[tree / TOGETHER], tree % TOGETHER);
                let slots = place % 2 * 32..;
                let asked = four.columns[place / 2][slots.clone()].iter().zip(&four.at[place / 2][slots]);
                let stays = asked.zip(&four.stay[place]).filter(|((column, at), _)| right(**column, **at));
                u64::from(stays.fold(u32::MAX, |left, (_, stay)| left & stay))
            } else {
                let one = &self.ones[tree];
                let stays = one.columns.iter().zip(&one.at).zip(&one.stay);
                let stays = stays.filter(|((column, at), _)| right(**column, **at));
                stays.fold(u64::MAX, |left, (_, stay)| left & stay)
            };
            tell(tree * self.width + left.trailing_zeros() as usize);
        }
    }
}
