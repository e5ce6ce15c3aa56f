//! A tree that predicts numbers.

use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Predictor, Result, Rows, Train, Values,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::absolute::AbsoluteError;
use super::criterion::{Poisson, SquaredError};
use super::grow::{Exact, categorical_columns};
use super::in_bins::{Medians, Sample, SumCriterion, Sums};
use super::limits::{self, tree_settings};
use super::picture;
use super::prune::finish;
use super::structure::Tree;
use super::text;
use super::{RowMajor, directions};
use crate::rows::rows_that_count;
use crate::rows::{power_of_two, tame};
use crate::shap::explained;

/// How the impurity of numbers is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionCriterion {
    /// The mean square around the mean.
    #[default]
    SquaredError,
    /// Half the Poisson deviance, for counts and rates >= 0; no node answers 0 unless all its rows do.
    Poisson,
    /// The mean absolute deviation from the median, which nodes answer; a few rows far away do not move it. A node of
    /// `n` rows costs `n log n` for each column, many times what the others cost.
    AbsoluteError,
}

impl RegressionCriterion {
    /// The criterion where two sums say all; `None` for the absolute error.
    pub(crate) fn of_sums(self) -> Option<SumCriterion> {
        match self {
            RegressionCriterion::SquaredError => Some(SumCriterion::SquaredError),
            RegressionCriterion::Poisson => Some(SumCriterion::Poisson),
            RegressionCriterion::AbsoluteError => None,
        }
    }
}

tree_settings! {
    /// A regression tree (Breiman and others, 1984).
    ///
    /// All cuts of all columns are tried; of equally good ones the lowest column and the lowest threshold are taken.
    /// Missing values go to the side that is better for them. Rows of weight 0 do not count; the fewest rows of
    /// nodes and leaves count rows, whatever their weights. Columns of categories are cut into sets: the best of all where
    /// the target is a number or one of two classes.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `criterion` | `SquaredError` | `SquaredError`, `Poisson`, `AbsoluteError` | how impurity is measured |
    /// | `max_depth` | none | >= 1 | the most questions on the way to a leaf |
    /// | `min_samples_split` | 2 | >= 2 | the fewest rows of a node that is split |
    /// | `min_samples_leaf` | 1 | >= 1 | the fewest rows of a leaf |
    /// | `max_leaf_nodes` | none | >= 2 | the most leaves; the splits that gain most are kept |
    /// | `min_impurity_decrease` | 0 | >= 0 | the least gain of a split |
    /// | `max_features` | all | >= 1 | how many features, drawn at random, a node looks at |
    /// | `ccp_alpha` | 0 | >= 0 | the impurity that each leaf must be worth |
    /// | `splits` | `Exact` | `Exact`, `Histogram`, `Random` | where columns are cut |
    /// | `max_bins` | 255 | 2 to 255 | the most bins of a column, where splits are not exact |
    /// | `monotone` | none | names | along which columns answers rise, or fall |
    /// | `memory_limit` | none | bytes | refuses to start where learning could take more |
    /// | `seed` | that of the context | any | of the draws of features and of random splits |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Predictor, Values};
    /// use perennial_models::DecisionTreeRegressor;
    ///
    /// let x = Matrix::from(array![[1.0], [2.0], [3.0], [10.0], [11.0]]);
    /// let y = Values::from(vec![1.0, 1.0, 1.0, 5.0, 7.0]);
    /// let model = DecisionTreeRegressor::new().max_depth(1).fit(&x, &y)?;
    /// assert_eq!(model.tree().threshold(0), 6.5);
    /// assert_eq!(model.predict(&Matrix::from(array![[0.0], [9.0]]))?.as_slice(), [1.0, 6.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    DecisionTreeRegressor, [
        /// Sets how impurity is measured.
        criterion: RegressionCriterion
    ]
}

/// A fitted regression tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct DecisionTreeRegressorModel {
    features: Features,
    tree: Tree,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    tree: Tree,
}

impl TryFrom<Parts> for DecisionTreeRegressorModel {
    type Error = Error;

    fn try_from(Parts { features, tree }: Parts) -> Result<Self> {
        if tree.n_features() != features.len() || tree.n_values() != 1 {
            return Err(Error::corrupt("the tree does not fit the features of the model"));
        }
        Ok(DecisionTreeRegressorModel { features, tree })
    }
}

impl Estimator for DecisionTreeRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = DecisionTreeRegressorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<DecisionTreeRegressorModel> {
        let limits = self.limits();
        limits.check()?;
        let histogram = self.histogram()?;
        self.check_memory(train.x, 1)?;
        let weights = tame(train.weights);
        let rows = rows_that_count(train.x.n_rows(), weights.as_deref())?;
        let y = train.y.as_slice();
        let unit = power_of_two(y.iter().fold(0.0, |largest, value| f64::max(largest, value.abs())));
        let scaled: Vec<f64> = y.iter().map(|value| value / unit).collect();
        let random = Random::new(train.ctx.seed(self.seed));
        if let (RegressionCriterion::Poisson, Some(row)) = (self.criterion, y.iter().position(|&y| y < 0.0)) {
            return Err(Error::unsupported(format!(
                "the Poisson criterion needs a target >= 0, but row {row} is {}; use the squared error",
                y[row]
            )));
        }
        let (x, ctx) = (train.x, &train.ctx);
        let (grown, max_leaf_nodes) = match histogram {
            Some(histogram) => {
                let sample = |&row: &u32| {
                    let weight = weights.as_ref().map_or(1.0, |weights| weights[row as usize]);
                    Sample { weight, y: scaled[row as usize], row, class: 0 }
                };
                let (samples, weights) = (rows.iter().map(sample).collect(), train.weights);
                let grown = match self.criterion.of_sums() {
                    Some(sums) => histogram.grow(&Sums::new(sums, unit), x, weights, samples, random, ctx),
                    None => histogram.grow(&Medians { unit }, x, weights, samples, random, ctx),
                };
                (grown?, None)
            }
            None => {
                let (categorical, monotone) =
                    (categorical_columns(x)?, directions(&self.monotone, x.features())?);
                let (x, limits, random) = (x.dense()?, &limits, &random);
                let exact = Exact {
                    x,
                    categorical: &categorical,
                    rows: &rows,
                    limits,
                    monotone: &monotone,
                    random,
                    ctx,
                };
                let (y, weights) = (&scaled[..], weights.as_deref());
                let grown = match self.criterion {
                    RegressionCriterion::SquaredError => exact.grow(&SquaredError { y, weights, unit }),
                    RegressionCriterion::Poisson => exact.grow(&Poisson(SquaredError { y, weights, unit })),
                    RegressionCriterion::AbsoluteError => exact.grow(&AbsoluteError { y, weights, unit }),
                };
                (grown?, limits.max_leaf_nodes)
            }
        };
        let tree = finish(&grown, x.n_cols(), 1, max_leaf_nodes, limits.ccp_alpha);
        Ok(DecisionTreeRegressorModel { features: x.features().clone(), tree })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical()
    }
}

impl DecisionTreeRegressorModel {
    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
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
        text::to_text(&self.tree, &self.features, text::number)
    }

    /// The tree as a picture: an SVG image without references to anything else. Of a large tree the upper part is drawn.
    pub fn to_svg(&self) -> String {
        picture::to_svg(&self.tree, &self.features, None)
    }

    /// The tree in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        text::to_dot(&self.tree, &self.features, text::number)
    }
}

explained!([] DecisionTreeRegressorModel, "the answer", |this| this.tree.explained(&this.features));

impl Predictor for DecisionTreeRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let leaves = self.tree.leaves_of(&RowMajor::of(&x)?)?;
        Ok(leaves.into_iter().map(|leaf| self.tree.value(leaf as usize)[0]).collect())
    }
}
