//! What each feature adds to a prediction of trees: Shapley values (Lundberg and others, 2018).

mod background;
mod explained;
mod path;
mod quadrature;

use ndarray::{Array2, Array3, ArrayRef2};
pub use perennial_core::Contributions;
use perennial_core::{Error, Explainer, Matrix, Result};
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

use crate::ensemble::Ensemble;
use crate::tree::{RowMajor, Tree};
pub(crate) use explained::{Explained, explained};
use path::Paths;

/// Rows that one task explains.
const TASK: usize = 128;

/// Which share of a node's rows is taken to go each way when its feature is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cover {
    /// Shares of the weights, or of the second derivatives: scikit-learn, XGBoost.
    #[default]
    Weight,
    /// Shares of the numbers of rows: LightGBM.
    Rows,
}

impl Cover {
    fn of(self, tree: &Tree, node: usize) -> f64 {
        match self {
            Cover::Weight => tree.weight(node),
            Cover::Rows => tree.n_rows(node) as f64,
        }
    }
}

/// Explains what trees predict. Models of trees explain themselves: they have `contributions`, `interactions` and
/// `interventional`, which take a matrix; this is for trees that are in no model, or another [`Cover`].
///
/// [`contributions`](TreeShap::contributions) and [`interactions`](TreeShap::interactions) follow the paths of the
/// trees: where the feature of a node is not known, both children count, by their [`Cover`].
/// [`interventional`](TreeShap::interventional) takes what is not known from rows of a background instead.
///
/// The Shapley value of a leaf is an integral over products of its path; here it is taken exactly, by Gauss's rule, for
/// all leaves of a tree in two passes over its nodes (in the manner of Linear TreeSHAP, Yu and others, 2022).
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::DecisionTreeRegressor;
/// use perennial_models::shap::{Cover, TreeShap};
///
/// let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let model = DecisionTreeRegressor::new().fit(&Matrix::from(x.clone()), &Values::from(vec![0.0, 1.0, 2.0, 3.0]))?;
/// let shap = TreeShap::of_trees(std::slice::from_ref(model.tree()), 1.0, Cover::Weight)?;
/// let explained = shap.contributions(&x)?;
/// assert_eq!(explained.base(), [1.5]);
/// let error = &explained.values()[0] - &array![[-1.0, -0.5], [-1.0, 0.5], [1.0, -0.5], [1.0, 0.5]];
/// assert!(error.iter().all(|error| error.abs() < 1e-12));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TreeShap<'t> {
    trees: &'t [Tree],
    n_features: usize,
    /// Tree `i` counts for output `i % cycle`, or for `width` outputs at once.
    cycle: usize,
    width: usize,
    scale: f64,
    base: Vec<f64>,
    cover: Cover,
}

impl<'t> TreeShap<'t> {
    /// Explains the scores of an ensemble.
    ///
    /// # Errors
    /// When a tree has splits and its root no cover.
    pub fn of_ensemble(ensemble: &'t Ensemble, cover: Cover) -> Result<Self> {
        let shap = TreeShap {
            trees: ensemble.trees(),
            n_features: ensemble.n_features(),
            cycle: ensemble.n_outputs(),
            width: 1,
            scale: 1.0,
            base: ensemble.base().to_vec(),
            cover,
        };
        shap.checked()
    }

    /// Explains the sum of trees, times `scale`: 1 for a tree, one over the number of trees for a forest. Each value of
    /// the trees is an output.
    ///
    /// # Errors
    /// When there are no trees, they do not fit each other, or one has splits and its root no cover.
    pub fn of_trees(trees: &'t [Tree], scale: f64, cover: Cover) -> Result<Self> {
        let Some(first) = trees.first() else {
            return Err(Error::empty("there are no trees to explain"));
        };
        let (n_features, width) = (first.n_features(), first.n_values());
        if trees.iter().any(|tree| (tree.n_features(), tree.n_values()) != (n_features, width)) {
            return Err(Error::malformed(
                "the trees take different features or hold different numbers of values",
            ));
        }
        TreeShap { trees, n_features, cycle: 1, width, scale, base: vec![0.0; width], cover }.checked()
    }

    fn checked(self) -> Result<Self> {
        let bare = |tree: &Tree| tree.n_nodes() > 1 && !(self.cover.of(tree, 0) > 0.0);
        match self.trees.iter().position(bare) {
            None => Ok(self),
            Some(tree) => Err(Error::unsupported(format!(
                "tree {tree} does not know how many rows reached its nodes, so paths cannot be weighed; \
                 explain it against a background of rows"
            ))),
        }
    }

    fn n_outputs(&self) -> usize {
        self.cycle * self.width
    }

    /// The first output that a tree counts for.
    fn output(&self, tree: usize) -> usize {
        tree % self.cycle
    }

    /// Shapley values along the paths of the trees.
    ///
    /// # Errors
    /// When `x` does not have the columns that the trees take, or the result would hold more than 2^31 numbers.
    pub fn contributions(&self, x: &ArrayRef2<f64>) -> Result<Contributions> {
        self.contributions_of(&RowMajor::dense(x))
    }

    pub(crate) fn contributions_of(&self, x: &RowMajor<'_>) -> Result<Contributions> {
        self.check_columns(x)?;
        let (p, n_outputs) = (self.n_features, self.n_outputs());
        // Row by row, output by output.
        let mut values = vec![0.0; self.size("contributions", x.n_rows(), p)?];
        reduce::fill_rows(&mut values, p * n_outputs, TASK, |first, values| {
            let rows = x.block(first..first + values.len() / (p * n_outputs));
            let mut paths = Paths::default();
            for (index, tree) in self.trees.iter().enumerate() {
                let start = self.output(index) * p;
                for pass in 0..paths.set(tree, self.cover) {
                    paths.prepare(pass);
                    simd::widest(path::Explain {
                        paths: &mut paths,
                        tree,
                        rows: &rows,
                        n_features: p,
                        scale: self.scale,
                        values: &mut *values,
                        stride: p * n_outputs,
                        start,
                    });
                }
            }
        });
        let mut base = self.base.clone();
        for (index, tree) in self.trees.iter().enumerate() {
            let expected = path::expected(tree, self.cover);
            for (base, expected) in base[self.output(index)..].iter_mut().zip(expected) {
                *base += self.scale * expected;
            }
        }
        Contributions::new(self.by_output(&values, x.n_rows())?, base)
    }

    /// Shapley interaction values along the paths of the trees, for each output: `n_rows` x `n_features` x `n_features`.
    ///
    /// Both halves of a matrix hold half of what a pair adds; the diagonal holds what a feature adds alone. The rows of
    /// a matrix add up to the [contributions](TreeShap::contributions).
    ///
    /// # Errors
    /// When `x` does not have the columns that the trees take, or the result would hold more than 2^31 numbers.
    pub fn interactions(&self, x: &ArrayRef2<f64>) -> Result<Vec<Array3<f64>>> {
        self.interactions_of(&RowMajor::dense(x))
    }

    pub(crate) fn interactions_of(&self, x: &RowMajor<'_>) -> Result<Vec<Array3<f64>>> {
        let (p, n_outputs) = (self.n_features, self.n_outputs());
        let square = p.saturating_mul(p);
        let size = self.size("interactions", x.n_rows(), square)?;
        let alone = self.contributions_of(x)?;
        let mut values = vec![0.0; size];
        reduce::fill_rows(&mut values, square * n_outputs, TASK, |first, values| {
            let rows = x.block(first..first + values.len() / (square * n_outputs));
            let mut paths = Paths::default();
            for (index, tree) in self.trees.iter().enumerate() {
                let start = self.output(index) * square;
                for pass in 0..paths.set(tree, self.cover) {
                    paths.prepare(pass);
                    let values = values.chunks_exact_mut(square * n_outputs);
                    for (row, values) in rows.chunks_exact(p).zip(values) {
                        paths.interact(
                            tree,
                            row,
                            self.scale,
                            &mut values[start..start + square * self.width],
                        );
                    }
                }
            }
            for (row, values) in (first..).zip(values.chunks_exact_mut(square * n_outputs)) {
                for (alone, values) in alone.values().iter().zip(values.chunks_exact_mut(square)) {
                    for feature in 0..p {
                        let others: f64 = values[feature * p..(feature + 1) * p].iter().sum();
                        values[feature * p + feature] = alone[[row, feature]] - others;
                    }
                }
            }
        });
        let one = |output: usize| {
            let rows = values.chunks_exact((square * n_outputs).max(1));
            let of_output = rows.flat_map(|row| &row[output * square..(output + 1) * square]).copied();
            Array3::from_shape_vec((x.n_rows(), p, p), of_output.collect()).map_err(Error::other)
        };
        (0..n_outputs).map(one).collect()
    }

    /// Shapley values against the rows of `background`: what is not known of a row is taken from each of them in turn,
    /// and the values are the mean. Time grows with the number of rows of the background; 100 are often enough.
    ///
    /// # Errors
    /// When `x` or `background` does not have the columns that the trees take, the background has no rows, or the result
    /// would hold more than 2^31 numbers.
    pub fn interventional(&self, x: &ArrayRef2<f64>, background: &ArrayRef2<f64>) -> Result<Contributions> {
        self.interventional_of(&RowMajor::dense(x), &RowMajor::dense(background))
    }

    pub(crate) fn interventional_of(
        &self,
        x: &RowMajor<'_>,
        background: &RowMajor<'_>,
    ) -> Result<Contributions> {
        self.check_columns(x)?;
        self.check_columns(background)?;
        let n_others = background.n_rows();
        if n_others == 0 {
            return Err(Error::empty("the background has no rows"));
        }
        let (p, n_outputs) = (self.n_features, self.n_outputs());
        let scale = self.scale / n_others as f64;
        let mut values = vec![0.0; self.size("contributions", x.n_rows(), p)?];
        reduce::fill_rows(&mut values, p * n_outputs, 1, |row, values| {
            let row = x.block(row..row + 1);
            let mut others = background.reader();
            let mut explainer = background::Explainer::default();
            for (index, tree) in self.trees.iter().enumerate() {
                let start = self.output(index) * p;
                for index in 0..n_others {
                    explainer.explain(
                        tree,
                        &row,
                        others.row(index),
                        scale,
                        &mut values[start..start + p * self.width],
                    );
                }
            }
        });
        let mut base = vec![0.0; n_outputs];
        let mut others = background.reader();
        for index in 0..n_others {
            let other = others.row(index);
            for (position, tree) in self.trees.iter().enumerate() {
                let said = tree.value(tree.leaf(other));
                for (base, value) in base[self.output(position)..].iter_mut().zip(said) {
                    *base += scale * value;
                }
            }
        }
        base.iter_mut().zip(&self.base).for_each(|(base, start)| *base += start);
        Contributions::new(self.by_output(&values, x.n_rows())?, base)
    }

    fn by_output(&self, values: &[f64], n_rows: usize) -> Result<Vec<Array2<f64>>> {
        let (p, n_outputs) = (self.n_features, self.n_outputs());
        let one = |output: usize| {
            let rows = values.chunks_exact((p * n_outputs).max(1));
            let of_output = rows.flat_map(|row| &row[output * p..(output + 1) * p]).copied();
            Array2::from_shape_vec((n_rows, p), of_output.collect()).map_err(Error::other)
        };
        (0..n_outputs).map(one).collect()
    }

    /// The numbers that explain `n_rows` rows: `by_row` for each output.
    fn size(&self, what: &str, n_rows: usize, by_row: usize) -> Result<usize> {
        const MOST: usize = 1 << 31;
        let size = n_rows.checked_mul(by_row).and_then(|size| size.checked_mul(self.n_outputs()));
        size.filter(|&size| size <= MOST).ok_or_else(|| {
            Error::too_large(format!(
                "the {what} of {n_rows} rows of {} features would hold more than 2^31 numbers; explain fewer rows",
                self.n_features
            ))
        })
    }

    fn check_columns(&self, x: &RowMajor<'_>) -> Result<()> {
        if x.n_cols() == self.n_features {
            return Ok(());
        }
        let (expected, got) = (self.n_features, x.n_cols());
        Err(Error::malformed(format!("the trees take rows of {expected} numbers, but these have {got}")))
    }
}

impl Explainer for TreeShap<'_> {
    fn explain(&self, x: &Matrix) -> Result<Contributions> {
        self.contributions_of(&RowMajor::of(x)?)
    }
}
