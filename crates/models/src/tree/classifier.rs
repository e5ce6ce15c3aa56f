//! A tree that predicts classes.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Predictor, Probabilities, Result,
    Rows, Train,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::criterion::{BinaryGini, Entropy, Gini, Labels};
use super::grow::{Exact, categorical_columns};
use super::in_bins::{ClassCriterion, ManyClasses, Sample, SumCriterion, Sums};
use super::limits::{self, tree_settings};
use super::picture;
use super::prune::finish;
use super::structure::Tree;
use super::text;
use super::{RowMajor, directions};
use crate::classes::{ClassWeight, check_names};
use crate::rows::rows_that_count;
use crate::rows::tame;
use crate::shap::explained;

/// How the impurity of classes is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The chance that two rows of a node are of different classes.
    #[default]
    Gini,
    /// The information in the class of a row, in bits.
    Entropy,
}

tree_settings! {
    /// A classification tree (Breiman and others, 1984).
    ///
    /// All cuts of all columns are tried; of equally good ones the lowest column and the lowest threshold are taken.
    /// Missing values go to the side that is better for them. Rows of weight 0 do not count; the fewest rows of
    /// nodes and leaves count rows, whatever their weights. Columns of categories are cut into sets: the best of all where
    /// the target is a number or one of two classes.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `criterion` | `Gini` | `Gini`, `Entropy` | how impurity is measured |
    /// | `class_weight` | `None` | `None`, `Balanced` | how much the rows of each class count |
    /// | `max_depth` | none | >= 1 | the most questions on the way to a leaf |
    /// | `min_samples_split` | 2 | >= 2 | the fewest rows of a node that is split |
    /// | `min_samples_leaf` | 1 | >= 1 | the fewest rows of a leaf |
    /// | `max_leaf_nodes` | none | >= 2 | the most leaves; the splits that gain most are kept |
    /// | `min_impurity_decrease` | 0 | >= 0 | the least gain of a split |
    /// | `max_features` | all | >= 1 | how many features, drawn at random, a node looks at |
    /// | `ccp_alpha` | 0 | >= 0 | the impurity that each leaf must be worth |
    /// | `splits` | `Exact` | `Exact`, `Histogram`, `Random` | where columns are cut |
    /// | `max_bins` | 255 | 2 to 255 | the most bins of a column, where splits are not exact |
    /// | `monotone` | none | names | along which columns answers rise, or fall; for two classes |
    /// | `memory_limit` | none | bytes | refuses to start where learning could take more |
    /// | `seed` | that of the context | any | of the draws of features and of random splits |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
    /// use perennial_models::DecisionTreeClassifier;
    ///
    /// let x = Matrix::from(array![[1.0], [2.0], [7.0], [8.0]]).with_names(["petal"])?;
    /// let y = Classes::from_labels(["setosa", "setosa", "virginica", "virginica"]);
    /// let model = DecisionTreeClassifier::new().fit(&x, &y)?;
    /// assert_eq!(model.predict(&x)?, y);
    /// assert_eq!(model.to_text(), "petal <= 4.5\n|   setosa (1, 0), 2 rows\npetal > 4.5\n|   virginica (0, 1), 2 rows\n");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    DecisionTreeClassifier, [
        /// Sets how impurity is measured.
        criterion: Criterion,
        /// Sets how much the rows of each class count.
        class_weight: ClassWeight
    ]
}

impl From<Criterion> for SumCriterion {
    fn from(criterion: Criterion) -> Self {
        match criterion {
            Criterion::Gini => SumCriterion::Gini,
            Criterion::Entropy => SumCriterion::Entropy,
        }
    }
}

impl From<Criterion> for ClassCriterion {
    fn from(criterion: Criterion) -> Self {
        match criterion {
            Criterion::Gini => ClassCriterion::Gini,
            Criterion::Entropy => ClassCriterion::Entropy,
        }
    }
}

/// A fitted classification tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DecisionTreeClassifierModel {
    features: Features,
    classes: Arc<[String]>,
    tree: Tree,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    tree: Tree,
}

impl TryFrom<Parts> for DecisionTreeClassifierModel {
    type Error = Error;

    fn try_from(Parts { features, classes, tree }: Parts) -> Result<Self> {
        check_names(&classes)?;
        if tree.n_features() != features.len() || tree.n_values() != classes.len() || !tree.holds_shares() {
            return Err(Error::corrupt("the tree does not fit the features and classes of the model"));
        }
        Ok(DecisionTreeClassifierModel { features, classes, tree })
    }
}

impl Estimator for DecisionTreeClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = DecisionTreeClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<DecisionTreeClassifierModel> {
        let limits = self.limits();
        limits.check()?;
        let histogram = self.histogram()?;
        self.check_memory(train.x, train.y.n_classes())?;
        let weights = tame(self.class_weight.apply(train.y, tame(train.weights))?.as_deref())
            .map(|weights| weights.into_owned());
        let rows = rows_that_count(train.x.n_rows(), weights.as_deref())?;
        let (x, ctx) = (train.x.dense()?, &train.ctx);
        let random = Random::new(ctx.seed(self.seed));
        let (codes, n_classes) = (train.y.codes(), train.y.n_classes());
        if !self.monotone.is_empty() && n_classes != 2 {
            return Err(Error::unsupported("`monotone` needs a target of two classes"));
        }
        if let Some(histogram) = histogram {
            let sample = |&row: &u32| {
                let class = codes[row as usize];
                let weight = weights.as_ref().map_or(1.0, |weights| weights[row as usize]);
                Sample { weight, y: f64::from(class), row, class }
            };
            let samples: Vec<Sample> = rows.iter().map(sample).collect();
            let (x, weights) = (train.x, train.weights);
            let grown = if n_classes == 2 {
                histogram.grow(&Sums::new(self.criterion.into(), 1.0), x, weights, samples, random, ctx)
            } else {
                let learning = ManyClasses { criterion: self.criterion.into(), n_classes };
                histogram.grow(&learning, x, weights, samples, random, ctx)
            }?;
            let tree = finish(&grown, x.n_cols(), n_classes, None, limits.ccp_alpha);
            return Ok(DecisionTreeClassifierModel::new(train, tree));
        }
        let labels = Labels { codes, weights: weights.as_deref(), n_classes };
        let categorical = categorical_columns(train.x)?;
        let monotone = directions(&self.monotone, train.x.features())?;
        let (categorical, monotone, rows) = (&categorical[..], &monotone[..], &rows[..]);
        let exact = Exact { x, categorical, rows, limits: &limits, monotone, random: &random, ctx };
        let grown = match self.criterion {
            Criterion::Gini if n_classes == 2 => exact.grow(&BinaryGini::new(labels)),
            Criterion::Gini => exact.grow(&Gini { labels }),
            Criterion::Entropy => exact.grow(&Entropy { labels }),
        }?;
        let tree = finish(&grown, x.ncols(), n_classes, limits.max_leaf_nodes, limits.ccp_alpha);
        Ok(DecisionTreeClassifierModel::new(train, tree))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical()
    }
}

impl DecisionTreeClassifierModel {
    fn new(train: &Train<'_, Matrix, Classes>, tree: Tree) -> Self {
        let (features, classes) = (train.x.features().clone(), train.y.shared_names());
        DecisionTreeClassifierModel { features, classes, tree }
    }

    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The class names; their order is that of the values of the tree.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The share of each feature in the decrease of impurity.
    pub fn feature_importances(&self) -> Vec<f64> {
        self.tree.feature_importances()
    }

    /// The share of each feature in the number of splits; all 0 where nothing was split.
    pub fn split_importances(&self) -> Vec<f64> {
        self.tree.split_importances()
    }

    /// The tree as indented text.
    pub fn to_text(&self) -> String {
        text::to_text(&self.tree, &self.features, |value| text::class(value, &self.classes))
    }

    /// The tree as a picture: an SVG image without references to anything else. Of a large tree the upper part is drawn.
    pub fn to_svg(&self) -> String {
        picture::to_svg(&self.tree, &self.features, Some(&self.classes))
    }

    /// The tree in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        text::to_dot(&self.tree, &self.features, |value| text::class(value, &self.classes))
    }
}

explained!([] DecisionTreeClassifierModel, "the probability of each class", |this| this.tree.explained(&this.features));

impl Predictor for DecisionTreeClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let best: Vec<u32> =
            (0..self.tree.n_nodes()).map(|node| text::largest(self.tree.value(node)) as u32).collect();
        let leaves = self.tree.leaves_of(&RowMajor::of(&x)?)?;
        Classes::new(leaves.into_iter().map(|leaf| best[leaf as usize]).collect(), self.classes.clone())
    }
}

impl Classifier for DecisionTreeClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let leaves = self.tree.leaves_of(&RowMajor::of(&x)?)?;
        let mut shares = Vec::with_capacity(leaves.len() * self.classes.len());
        for &leaf in &leaves {
            shares.extend_from_slice(self.tree.value(leaf as usize));
        }
        let shares =
            Array2::from_shape_vec((leaves.len(), self.classes.len()), shares).map_err(Error::other)?;
        Probabilities::new(shares, self.classes.clone())
    }
}
