//! Isolation forests.

mod grow;
mod memory;

use std::sync::atomic::{AtomicUsize, Ordering};

use perennial_core::{
    Capabilities, Classes, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Train,
    Values,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::detector::{OutlierDetector, called, threshold};
use crate::ensemble::walk::{RowKeys, Walk};
use crate::rows::{row_major, rows_that_count};
use crate::tree::Tree;
use crate::tree::structure::{Measure, Question, Rule, Summary, Value};
use grow::{Draw, Grower, LEAF, Node, expected_depth};
use memory::Need;

const N_TREES: Param =
    Param::integer("n_trees", "the number of trees").at_least(1.0).at_most(100_000.0).search_log(50.0, 500.0);
const MAX_SAMPLES: Param =
    Param::integer("max_samples", "how many rows each tree draws").at_least(2.0).at_most(16_777_216.0);
const CONTAMINATION: Param =
    Param::real("contamination", "the share of the training rows that are outliers").above(0.0).at_most(0.5);
/// Rows that one task of a prediction takes.
const BLOCK: usize = 2048;
/// The score above which a row is an outlier, where no share is given.
const HALF: f64 = 0.5;

/// An isolation forest (Liu, Ting and Zhou, 2008): trees of random cuts part rows from each other, and a row that
/// few cuts part from all others is unlike them.
///
/// Each tree draws some rows without replacement and cuts them, by a column that varies and a uniform threshold, until
/// they are alone or the depth is the logarithm of their number to base 2. Weights make a row more likely to be
/// drawn; a row of weight 0 is never drawn. Rows need no scaling. Where a value is missing, a row goes to a side that each
/// question drew at random, as likely as it is for other rows, so that what is missing marks no row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_trees` | 100 | 1 to 100000 | the number of trees |
/// | `max_samples` | 256 | 2 to 2^24 | how many rows each tree draws; all where there are fewer |
/// | `contamination` | none | above 0, to 0.5 | the share of the training rows that are outliers; without it a score above 0.5 is one |
/// | `memory_limit` | none | bytes | refuses to start where learning could take more |
/// | `seed` | that of the context | any | of all draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::IsolationForest;
///
/// let mut x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64);
/// x.row_mut(42).fill(60.0);
/// let x = Matrix::from(x);
/// let model = IsolationForest::new().contamination(0.01).fit(&x, &NoTarget)?;
/// assert!(model.score(&x)?.as_slice()[42] > 0.7);
/// assert_eq!(model.predict(&x)?.labels().position(|label| label == "outlier"), Some(42));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsolationForest {
    n_trees: usize,
    max_samples: usize,
    contamination: Option<f64>,
    memory_limit: Option<u64>,
    seed: Option<u64>,
}

impl Default for IsolationForest {
    fn default() -> Self {
        IsolationForest {
            n_trees: 100,
            max_samples: 256,
            contamination: None,
            memory_limit: None,
            seed: None,
        }
    }
}

impl IsolationForest {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_TREES, MAX_SAMPLES, CONTAMINATION];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of trees.
    #[must_use]
    pub fn n_trees(mut self, n_trees: usize) -> Self {
        self.n_trees = n_trees;
        self
    }

    /// Sets how many rows each tree draws.
    #[must_use]
    pub fn max_samples(mut self, max_samples: usize) -> Self {
        self.max_samples = max_samples;
        self
    }

    /// Sets the share of the training rows that are outliers.
    #[must_use]
    pub fn contamination(mut self, contamination: f64) -> Self {
        self.contamination = Some(contamination);
        self
    }

    /// Refuses to start where learning could take more than so many bytes beside its input, the trees at their largest included.
    /// Trees that grow at the same time count by the number of threads.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Sets the seed of all draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for IsolationForest {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = IsolationForestModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<IsolationForestModel> {
        N_TREES.check_count(self.n_trees)?;
        MAX_SAMPLES.check_count(self.max_samples)?;
        self.contamination.map_or(Ok(()), |share| CONTAMINATION.check(share))?;
        let (x, ctx) = (train.x.dense()?, &train.ctx);
        let need = Need {
            n_rows: x.nrows(),
            n_cols: x.ncols(),
            n_trees: self.n_trees,
            n_samples: self.max_samples,
            scores: self.contamination.is_some(),
            copies: !x.is_standard_layout(),
        };
        need.check(self.memory_limit)?;
        let rows = rows_that_count(x.nrows(), train.weights)?;
        let n_samples = self.max_samples.min(rows.len());
        let (cells, n_cols) = (row_major(x), x.ncols());
        let random = Random::new(ctx.seed(self.seed));
        let draw = Draw::new(&rows, train.weights);
        let n_done = AtomicUsize::new(0);
        let trees = reduce::try_map_each(self.n_trees, |index| {
            ctx.check()?;
            let tree = Grower::new(&cells, n_cols, random.fork(index as u64), ctx).grow(&draw, n_samples)?;
            ctx.step(n_done.fetch_add(1, Ordering::Relaxed) + 1, self.n_trees)?;
            Ok(tree)
        })?;
        let features = train.x.features().clone();
        let mut model = IsolationForestModel::new(features, trees, n_samples as u32, HALF);
        if let Some(share) = self.contamination {
            let scores = model.scores(&cells, n_cols, x.nrows(), || ctx.check())?;
            let mut scores: Vec<(f64, f64)> =
                rows.iter().map(|&row| (scores[row as usize], train.weight(row as usize))).collect();
            scores.sort_by(|a, b| b.0.total_cmp(&a.0));
            model.threshold = threshold(&scores, share, HALF);
        }
        Ok(model)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// A fitted isolation forest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct IsolationForestModel {
    features: Features,
    trees: Vec<Vec<Node>>,
    n_samples: u32,
    threshold: f64,
    /// The layout in which rows walk down each tree, which follows from it.
    #[serde(skip)]
    walks: Vec<Walk>,
}

impl PartialEq for IsolationForestModel {
    fn eq(&self, other: &Self) -> bool {
        self.features == other.features
            && self.trees == other.trees
            && self.n_samples == other.n_samples
            && self.threshold == other.threshold
    }
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    trees: Vec<Vec<Node>>,
    n_samples: u32,
    threshold: f64,
}

impl TryFrom<Parts> for IsolationForestModel {
    type Error = Error;

    fn try_from(Parts { features, trees, n_samples, threshold }: Parts) -> Result<Self> {
        let sound = |tree: &Vec<Node>| is_sound(tree, features.len());
        if trees.is_empty() || !trees.iter().all(sound) || !(0.0..=1.0).contains(&threshold) {
            return Err(Error::corrupt("the trees of the isolation forest are damaged"));
        }
        Ok(IsolationForestModel::new(features, trees, n_samples, threshold))
    }
}

/// Whether all nodes but the root have one parent, which comes before them: shared ones would be walked once for each way
/// that leads to them.
fn is_sound(tree: &[Node], n_features: usize) -> bool {
    let mut parents = vec![0_u32; tree.len()];
    for (at, node) in tree.iter().enumerate() {
        if node.column == LEAF {
            if !(node.value >= 0.0 && node.value.is_finite()) {
                return false;
            }
            continue;
        }
        // The left child is the next node, and the right one comes after it.
        let right = node.right as usize;
        if node.column as usize >= n_features
            || !node.value.is_finite()
            || right <= at + 1
            || right >= tree.len()
        {
            return false;
        }
        parents[at + 1] += 1;
        parents[right] += 1;
    }
    parents.split_first().is_some_and(|(root, others)| *root == 0 && others.iter().all(|&count| count == 1))
}

/// A tree as rows walk down it.
fn walk(nodes: &[Node], n_features: usize) -> Walk {
    let mut tree = Tree::empty(n_features, 1, Measure::Impurity);
    tree.reserve(nodes.len());
    for node in nodes {
        let depth = if node.column == LEAF { node.value } else { 0.0 };
        tree.push(&Summary { value: Value::One([depth]), ..Summary::default() });
    }
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.column != LEAF) {
        // What is below a number is at most the number before it.
        let question = Question::AtMost(node.value.next_down());
        let rule = Rule { feature: node.column, question, missing_left: node.missing_left };
        tree.join(at, &rule, at + 1, node.right as usize);
    }
    Walk::new(&[tree], 1)
}

impl IsolationForestModel {
    fn new(features: Features, trees: Vec<Vec<Node>>, n_samples: u32, threshold: f64) -> Self {
        let walks = reduce::map_each(trees.len(), |index| walk(&trees[index], features.len()));
        IsolationForestModel { features, trees, n_samples, threshold, walks }
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The score above which a row is an outlier.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How unlike the training rows each row is, from 0 to 1: about 0.5 for rows that nothing marks, near 1 for rows that
    /// a few cuts part from all others.
    ///
    /// # Errors
    /// When the columns are not those it learned from or a value is infinite.
    pub fn score(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let x = x.dense()?;
        Ok(self.scores(&row_major(x), x.ncols(), x.nrows(), || Ok(()))?.into())
    }

    fn scores(
        &self,
        cells: &[f64],
        n_cols: usize,
        n_rows: usize,
        check: impl Fn() -> Result<()> + Sync,
    ) -> Result<Vec<f64>> {
        let scale = self.trees.len() as f64 * expected_depth(self.n_samples as usize).max(f64::MIN_POSITIVE);
        let mut scores = vec![0.0; n_rows];
        reduce::try_fill_chunks(&mut scores, BLOCK, |first, scores| {
            let cells = &cells[first * n_cols..(first + scores.len()) * n_cols];
            let (keys, mut leaves) = (RowKeys::new(cells, n_cols), Vec::new());
            for walk in &self.walks {
                check()?;
                walk.tell(0, cells, &keys, &mut leaves, |row, depth| scores[row] += depth[0]);
            }
            // One row that nothing can be compared with is as ordinary as it can be.
            scores.iter_mut().for_each(|score| {
                *score = if self.n_samples < 2 { HALF } else { (-*score / scale).exp2() };
            });
            Ok(())
        })?;
        Ok(scores)
    }
}

impl Predictor for IsolationForestModel {
    type Input = Matrix;
    /// The classes `inlier` and `outlier`: whether the score is above the threshold.
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        called(&self.score(x)?, self.threshold)
    }
}

impl OutlierDetector for IsolationForestModel {
    fn score(&self, x: &Matrix) -> Result<Values> {
        IsolationForestModel::score(self, x)
    }

    fn threshold(&self) -> f64 {
        self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How deep a row comes in a tree, node by node.
    fn expected(tree: &[Node], row: &[f64]) -> f64 {
        let mut at = 0;
        while tree[at].column != LEAF {
            let node = &tree[at];
            let value = row[node.column as usize];
            let left = value < node.value || (value.is_nan() && node.missing_left);
            at = if left { at + 1 } else { node.right as usize };
        }
        tree[at].value
    }

    #[test]
    fn rows_walk_as_node_by_node_where_values_meet_thresholds_too() {
        let mut random = Random::new(3);
        let tiny = f64::from_bits(1);
        let ties = [-0.0, 0.0, tiny, -tiny, 1.0, 1.0_f64.next_up(), f64::MAX, f64::MIN];
        let value = |random: &mut Random| match random.below(20) {
            0 => f64::NAN,
            1..10 => ties[random.below(ties.len())],
            _ => random.normal(),
        };
        let cells: Vec<f64> = (0..900).map(|_| value(&mut random)).collect();
        let x = Matrix::from(ndarray::Array2::from_shape_vec((300, 3), cells.clone()).unwrap());
        let mut model =
            IsolationForest::new().n_trees(30).max_samples(256).seed(0).fit(&x, &NoTarget).unwrap();
        // Thresholds that rows meet.
        for node in model.trees.iter_mut().flatten().filter(|node| node.column != LEAF) {
            if random.below(2) == 0 {
                let value = cells[3 * random.below(300) + node.column as usize];
                node.value = if value.is_nan() { node.value } else { value };
            }
        }
        let model = IsolationForestModel::new(model.features, model.trees, model.n_samples, HALF);
        let scale = 30.0 * expected_depth(256);
        let scores = model.score(&x).unwrap();
        for (row, score) in cells.chunks(3).zip(scores.as_slice()) {
            let depth: f64 = model.trees.iter().fold(0.0, |depth, tree| depth + expected(tree, row));
            assert_eq!(*score, (-depth / scale).exp2(), "{row:?}");
        }
    }

    #[test]
    fn scores_stop_at_the_next_tree() {
        use perennial_core::{CancelToken, Context, ErrorKind};
        let x = Matrix::from(ndarray::Array2::from_shape_fn((3000, 2), |(row, column)| {
            (row * (column + 3) % 97) as f64
        }));
        let model = IsolationForest::new().n_trees(20).fit(&x, &NoTarget).unwrap();
        let cells = row_major(x.dense().unwrap());
        let (token, looks) = (CancelToken::new(), AtomicUsize::new(0));
        let ctx = Context::new().with_cancel(token.clone());
        let check = || {
            if looks.fetch_add(1, Ordering::SeqCst) + 1 == 5 {
                token.cancel();
            }
            ctx.check()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let error = pool.install(|| model.scores(&cells, 2, 3000, check)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
        // That of the second block of rows is the last.
        assert_eq!(looks.load(Ordering::SeqCst), 6);
    }
}
