//! Trees with what turns their scores into answers.

use std::borrow::Cow;

use ndarray::{Array2, Array3};
use perennial_core::{Error, Explainer, Features, Matrix, Outputs, Predictor, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::ensemble::Ensemble;
use crate::shap::{Contributions, Cover, TreeShap};
use crate::tree::nodes::{TreeNode, nodes};
use crate::tree::structure::{Measure, Summary, Value};
use crate::tree::{RowMajor, Tree};

/// How scores become answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Link {
    /// The scores are the answers.
    Identity,
    /// Each answer is a probability, `1 / (1 + exp(-slope * score))`.
    Logistic {
        /// 1, but for LightGBM's `sigmoid` parameter.
        slope: f64,
    },
    /// The answers are the probabilities of classes, in proportion to the exponentials of the scores.
    Softmax,
    /// Each answer is the exponential of its score.
    Exp,
}

impl Link {
    /// Turns the scores of one row into its answers.
    pub fn apply(self, scores: &mut [f64]) {
        match self {
            Link::Identity => {}
            Link::Logistic { slope } => {
                scores.iter_mut().for_each(|score| *score = 1.0 / (1.0 + (-slope * *score).exp()));
            }
            Link::Exp => scores.iter_mut().for_each(|score| *score = score.exp()),
            Link::Softmax => {
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
                let total: f64 = scores.iter().sum();
                scores.iter_mut().for_each(|score| *score /= total);
            }
        }
    }
}

/// Trees that came from, or go to, another library.
///
/// Infinities are numbers like others here, and NaN is a missing value, as in the other libraries.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Matrix, Predictor};
/// use perennial_models::interchange::TreeModel;
///
/// let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
///     feature_names=age\nfeature_infos=[0:90]\n\n\
///     Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=4\nthreshold=30.5\ndecision_type=8\n\
///     left_child=-1\nright_child=-2\nleaf_value=-1 1\nleaf_weight=5 5\nleaf_count=20 20\n\
///     internal_value=0\ninternal_weight=10\ninternal_count=40\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";
/// let model = TreeModel::from_lightgbm(text)?;
/// let x = Matrix::from(array![[25.0], [60.0]]).with_names(["age"])?;
/// let scores = model.scores(&x)?;
/// assert_eq!(scores.values(), &array![[-1.0], [1.0]]);
/// assert!((model.predict(&x)?.values()[[1, 0]] - 0.731).abs() < 1e-3);
/// assert_eq!(TreeModel::from_xgboost_json(&model.to_xgboost_json()?)?.scores(&x)?, scores);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TreeModel {
    features: Features,
    ensemble: Ensemble,
    link: Link,
    cover: Cover,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    ensemble: Ensemble,
    link: Link,
    cover: Cover,
}

impl TryFrom<Parts> for TreeModel {
    type Error = Error;

    fn try_from(Parts { features, ensemble, link, cover }: Parts) -> Result<Self> {
        Ok(TreeModel::new(features, ensemble, link)?.with_cover(cover))
    }
}

impl TreeModel {
    /// Trees over these columns.
    ///
    /// # Errors
    /// When the trees take another number of features, or the slope of the link is not a finite number above 0.
    pub fn new(features: Features, ensemble: Ensemble, link: Link) -> Result<Self> {
        if features.len() != ensemble.n_features() {
            return Err(Error::corrupt(format!(
                "the trees take {} features, but {} are named",
                ensemble.n_features(),
                features.len()
            )));
        }
        if let Link::Logistic { slope } = link
            && !(slope > 0.0 && slope.is_finite())
        {
            return Err(Error::corrupt(format!(
                "the slope of the link is {slope}; expected a finite number > 0"
            )));
        }
        Ok(TreeModel { features, ensemble, link, cover: Cover::Weight })
    }

    /// What counts as the cover of a node in [`contributions`](TreeModel::contributions).
    #[must_use]
    pub fn with_cover(mut self, cover: Cover) -> Self {
        self.cover = cover;
        self
    }

    /// The columns.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The trees.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// The trees; where there are none, a round of leaves that say 0, as other libraries keep no scores without trees.
    pub(super) fn rounds_to_write(&self) -> Cow<'_, [Tree]> {
        if !self.ensemble.trees().is_empty() {
            return Cow::Borrowed(self.ensemble.trees());
        }
        let mut leaf = Tree::empty(self.features.len(), 1, Measure::Gain);
        leaf.push(&Summary { value: Value::One([0.0]), ..Summary::default() });
        Cow::Owned(vec![leaf; self.ensemble.n_outputs()])
    }

    /// How scores become answers.
    pub fn link(&self) -> Link {
        self.link
    }

    /// What counts as the cover of a node.
    pub fn cover(&self) -> Cover {
        self.cover
    }

    /// The scores of each row: `n_rows` x `n_outputs`.
    ///
    /// # Errors
    /// When the columns are not those of the model.
    pub fn scores(&self, x: &Matrix) -> Result<Outputs> {
        let x = self.features.align(x)?;
        let scores = self.ensemble.scores_beside(&RowMajor::of(&x)?, None)?;
        let shape = (x.n_rows(), self.ensemble.n_outputs());
        Ok(Outputs::from(Array2::from_shape_vec(shape, scores).map_err(Error::other)?))
    }

    /// Answers for one row, in the order of the columns, without allocating.
    ///
    /// # Panics
    /// When `row` or `answers` have the wrong length.
    pub fn predict_row(&self, row: &[f64], answers: &mut [f64]) {
        self.ensemble.score_row(row, answers);
        self.link.apply(answers);
    }

    /// The leaf that each row reaches in each tree, as a number of a node: `n_rows` x `n_trees`.
    ///
    /// # Errors
    /// When the columns are not those of the model.
    pub fn leaves(&self, x: &Matrix) -> Result<Array2<u32>> {
        let x = self.features.align(x)?;
        let shape = (x.n_rows(), self.ensemble.trees().len());
        Array2::from_shape_vec(shape, self.ensemble.leaves_of(&RowMajor::of(&x)?)?).map_err(Error::other)
    }

    /// The nodes of all trees as a table: tree by tree, parents before their children.
    pub fn nodes(&self) -> Vec<TreeNode> {
        nodes(self.ensemble.trees(), &self.features)
    }

    /// What each feature adds to the scores of each row: Shapley values along the paths of the trees.
    ///
    /// # Errors
    /// When the columns are not those of the model, or the result would hold more than 2^31 numbers.
    pub fn contributions(&self, x: &Matrix) -> Result<Contributions> {
        let x = self.features.align(x)?;
        TreeShap::of_ensemble(&self.ensemble, self.cover)?.contributions_of(&RowMajor::of(&x)?)
    }

    /// What each pair of features adds to the scores of each row, for each output: `n_rows` x `n_features` x `n_features`.
    ///
    /// # Errors
    /// When the columns are not those of the model, or the result would hold more than 2^31 numbers.
    pub fn interactions(&self, x: &Matrix) -> Result<Vec<Array3<f64>>> {
        let x = self.features.align(x)?;
        TreeShap::of_ensemble(&self.ensemble, self.cover)?.interactions_of(&RowMajor::of(&x)?)
    }

    /// What each feature adds to the scores of each row, where what is not known of a row is taken from each row of `background`
    /// in turn.
    ///
    /// # Errors
    /// When the columns are not those of the model, the background has no rows, or the result would hold more than 2^31
    /// numbers.
    pub fn interventional(&self, x: &Matrix, background: &Matrix) -> Result<Contributions> {
        let (x, background) = (self.features.align(x)?, self.features.align(background)?);
        TreeShap::of_ensemble(&self.ensemble, self.cover)?
            .interventional_of(&RowMajor::of(&x)?, &RowMajor::of(&background)?)
    }
}

impl Explainer for TreeModel {
    fn explain(&self, x: &Matrix) -> Result<Contributions> {
        self.contributions(x)
    }
}

impl Predictor for TreeModel {
    type Input = Matrix;
    type Output = Outputs;

    /// The answers for each row: numbers, or probabilities; of two classes that of the second.
    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        let scores = self.scores(x)?;
        let mut answers = scores.values().to_owned();
        for mut row in answers.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                self.link.apply(row);
            }
        }
        Ok(answers.into())
    }
}
