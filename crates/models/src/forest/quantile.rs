//! A forest that knows the whole distribution of its target.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Checkpoint, Context, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Outputs,
    Param, Predictor, Result, Train, Values, check_numbers,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::grow::{Forest, Start, check_from};
use super::regressor::trees;
use super::settings::{self, forest_settings};
use super::{MaxFeatures, model};
use crate::binned::{Binned, Binner};
use crate::rows::tame;
use crate::tree::in_bins::{Fine, Plan};
use crate::tree::{RegressionCriterion, RowMajor, Tree, directions, limits, split_importances};

const QUANTILE: Param =
    Param::real("quantiles", "the share of the target at or below the answer").at_least(0.0).at_most(1.0);
const BLOCK: usize = 64;

forest_settings! {
    /// A quantile regression forest (Meinshausen, 2006): a random forest whose leaves keep the training rows, so that
    /// it answers with any quantile of the target's distribution given a row.
    ///
    /// A training row counts in a tree by its own weight over the weight of all training rows of its leaf, whether or
    /// not the tree drew it. [`predict`](Predictor::predict) answers with the median.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `n_trees` | 100 | 1 to 100000 | the number of trees |
    /// | `max_depth` | none | >= 1 | the most questions on the way to a leaf |
    /// | `min_samples_split` | 2 | >= 2 | the fewest rows of a node that is split |
    /// | `min_samples_leaf` | 1 | >= 1 | the fewest rows of a leaf |
    /// | `max_leaf_nodes` | none | >= 2 | the most leaves of a tree |
    /// | `min_impurity_decrease` | 0 | >= 0 | the least gain of a split |
    /// | `max_features` | `All` | see [`MaxFeatures`] | how many columns a node looks at |
    /// | `ccp_alpha` | 0 | >= 0 | the impurity that each leaf must be worth |
    /// | `monotone` | none | names | along which columns the means of leaves rise, or fall |
    /// | `bootstrap` | true | | whether rows are drawn with replacement |
    /// | `max_samples` | all | above 0, to 1 | how many rows a tree draws, as a share of all |
    /// | `out_of_bag` | false | | not used here |
    /// | `max_bins` | 255 | 2 to 255 | the most bins of a column |
    /// | `memory_limit` | none | bytes | refuses to start where learning could take more |
    /// | `time_limit` | none | a duration | when to stop whatever the number of trees |
    /// | `seed` | that of the context | any | of all draws |
    ///
    /// ```
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::QuantileForestRegressor;
    ///
    /// let x = Matrix::from(ndarray::Array2::zeros((101, 1)));
    /// let y: Values = (0..101).map(f64::from).collect();
    /// let model = QuantileForestRegressor::new().fit(&x, &y)?;
    /// let quantiles = model.predict_quantiles(&x, &[0.1, 0.5, 0.9])?;
    /// assert_eq!(quantiles.values().row(0).to_vec(), [10.0, 50.0, 90.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    QuantileForestRegressor, false, true, MaxFeatures::All, true, []
}

impl QuantileForestRegressor {
    /// Learns from columns that are in bins already; `x` are the same rows before.
    fn fit_binned(
        &self,
        train: &Train<'_, Binned, Values>,
        fine: Option<Fine<'_>>,
        start: Start<'_>,
        x: &Matrix,
    ) -> Result<QuantileForestModel> {
        if self.out_of_bag {
            return Err(Error::unsupported(
                "a quantile forest keeps no out-of-bag predictions; leave `out_of_bag` out",
            ));
        }
        let forest = self.plan(train.x, fine, 1, start, &train.ctx)?;
        let random = Random::new(train.ctx.seed(self.seed));
        let criterion = RegressionCriterion::SquaredError;
        let (grown, kept) = trees(&forest, criterion, self.bootstrap, self.max_samples, train, &random)?;
        let trees = grown.trees;
        let Ordered { rows: order, values, weights } = Ordered::of(train.y.as_slice(), train.weights);
        let leaves = Leaves::of_all(&trees, x, &order, &train.ctx)?;
        kept.into_iter().for_each(Checkpoint::done);
        Ok(QuantileForestModel { features: train.x.features().clone(), trees, leaves, values, weights })
    }

    fn fit_matrix(&self, train: &Train<'_, Matrix, Values>, start: Start<'_>) -> Result<QuantileForestModel> {
        let binned = self.bins(train, 1, &start)?;
        let fine = self.parts(train, &binned)?;
        self.fit_binned(&train.with_input(&binned, None), fine, start, train.x)
    }

    /// Adds `n_trees` trees to those of a fitted forest, from the rows it learned from: its leaves keep their targets. With the same
    /// settings and seed the forest is, to the last bit, that of so many trees in one fit.
    ///
    /// ```
    /// use perennial_core::{Estimator, Matrix, Train, Values};
    /// use perennial_models::QuantileForestRegressor;
    ///
    /// let x = Matrix::from(ndarray::Array2::from_shape_fn((100, 1), |(row, _)| (row % 10) as f64));
    /// let y: Values = (0..100).map(f64::from).collect();
    /// let settings = QuantileForestRegressor::new().n_trees(10);
    /// let more = settings.fit_from(&settings.fit(&x, &y)?, &Train::new(&x, &y))?;
    /// assert_eq!(more, settings.n_trees(20).fit(&x, &y)?);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for a fit, or when the columns, rows, targets or weights are others than those the forest learned from.
    pub fn fit_from(
        &self,
        model: &QuantileForestModel,
        train: &Train<'_, Matrix, Values>,
    ) -> Result<QuantileForestModel> {
        train.check(&self.capabilities())?;
        check_from(model.features(), train.x.features())?;
        let same = |same: bool| match same {
            true => Ok(()),
            false => Err(Error::unsupported(
                "the quantile forest to continue keeps other rows in its leaves; give the rows it learned from, or learn a new one",
            )),
        };
        let ordered = Ordered::of(train.y.as_slice(), train.weights);
        same(ordered.values == model.values && ordered.weights == model.weights)?;
        same(Leaves::of_all(model.trees(), train.x, &ordered.rows, &train.ctx)? == model.leaves)?;
        self.fit_matrix(train, Start { before: model.trees(), ..self.start() })
    }
}

/// The rows that count in the order of the target: a leaf that lists its rows so has its values in order.
struct Ordered {
    rows: Vec<u32>,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Ordered {
    fn of(y: &[f64], weights: Option<&[f64]>) -> Self {
        let counts = |row: &u32| weights.is_none_or(|weights| weights[*row as usize] > 0.0);
        let mut rows: Vec<u32> = (0..y.len() as u32).filter(counts).collect();
        rows.sort_by(|&a, &b| y[a as usize].total_cmp(&y[b as usize]));
        let values = rows.iter().map(|&row| y[row as usize]).collect();
        let tamed = tame(weights);
        let weight = |row: &u32| tamed.as_ref().map_or(1.0, |weights| weights[*row as usize]);
        let weights = rows.iter().map(weight).collect();
        Ordered { rows, values, weights }
    }
}

impl Estimator for QuantileForestRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = QuantileForestModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<QuantileForestModel> {
        self.fit_matrix(train, self.start())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical()
    }
}

/// The training rows in the leaves of a tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Leaves {
    /// Where the rows of each node begin, and at last their end.
    starts: Vec<u32>,
    /// Places in the list of all values, ascending in each leaf.
    places: Vec<u32>,
}

impl Leaves {
    /// Those of each tree; `order` lists the rows that count by their target.
    fn of_all(trees: &[Tree], x: &Matrix, order: &[u32], ctx: &Context) -> Result<Vec<Self>> {
        let x = x.dense()?;
        reduce::try_map_each(trees.len(), |index| {
            ctx.check()?;
            Ok(Leaves::of(&trees[index], &trees[index].leaves(x)?, order))
        })
    }

    fn of(tree: &Tree, leaf_of: &[u32], order: &[u32]) -> Self {
        let mut starts = vec![0; tree.n_nodes() + 1];
        order.iter().for_each(|&row| starts[leaf_of[row as usize] as usize + 1] += 1);
        (0..tree.n_nodes()).for_each(|node| starts[node + 1] += starts[node]);
        let mut next = starts.clone();
        let mut places = vec![0; order.len()];
        for (place, &row) in (0..).zip(order) {
            let slot = &mut next[leaf_of[row as usize] as usize];
            places[*slot as usize] = place;
            *slot += 1;
        }
        Leaves { starts, places }
    }

    fn rows(&self, leaf: usize) -> &[u32] {
        &self.places[self.starts[leaf] as usize..self.starts[leaf + 1] as usize]
    }

    fn check(&self, tree: &Tree, n_values: usize) -> Result<()> {
        let rises = self.starts.windows(2).all(|pair| pair[0] <= pair[1]);
        let ends = self.starts.len() == tree.n_nodes() + 1
            && self.starts.first() == Some(&0)
            && self.starts.last().is_some_and(|&end| end as usize == self.places.len());
        if !rises || !ends || self.places.iter().any(|&place| place as usize >= n_values) {
            return Err(Error::corrupt("the rows in the leaves of a tree are damaged"));
        }
        Ok(())
    }
}

/// A fitted quantile forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct QuantileForestModel {
    features: Features,
    trees: Vec<Tree>,
    leaves: Vec<Leaves>,
    /// The training targets, ascending.
    values: Vec<f64>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    trees: Vec<Tree>,
    leaves: Vec<Leaves>,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl TryFrom<Parts> for QuantileForestModel {
    type Error = Error;

    fn try_from(Parts { features, trees, leaves, values, weights }: Parts) -> Result<Self> {
        model::check(&trees, features.len(), 1)?;
        let sound = values.iter().all(|value| value.is_finite())
            && values.windows(2).all(|pair| pair[0] <= pair[1])
            && weights.iter().all(|weight| weight.is_finite() && *weight > 0.0);
        if values.is_empty() || values.len() != weights.len() || trees.len() != leaves.len() || !sound {
            return Err(Error::corrupt("the training targets of the model are damaged"));
        }
        trees.iter().zip(&leaves).try_for_each(|(tree, leaves)| leaves.check(tree, values.len()))?;
        Ok(QuantileForestModel { features, trees, leaves, values, weights })
    }
}

impl QuantileForestModel {
    /// The trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The mean over the trees of the share of each feature in the decrease of squared error.
    pub fn feature_importances(&self) -> Vec<f64> {
        model::feature_importances(&self.trees, self.features.len())
    }

    /// The share of each feature in the number of splits of all trees; all 0 where nothing was split.
    pub fn split_importances(&self) -> Vec<f64> {
        split_importances(&self.trees, self.features.len())
    }

    /// The quantiles of the target given each row, `n_rows` x `quantiles.len()`: the smallest training target at or
    /// below which at least this share of the row's weight lies.
    ///
    /// # Errors
    /// When a quantile is not from 0 to 1, or the input is not acceptable.
    pub fn predict_quantiles(&self, x: &Matrix, quantiles: &[f64]) -> Result<Outputs> {
        quantiles.iter().try_for_each(|&quantile| QUANTILE.check(quantile))?;
        check_numbers("the quantiles", quantiles)?;
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let (x, width) = (RowMajor::of(&x)?, quantiles.len());
        let mut answers = vec![0.0; x.n_rows() * width];
        if width > 0 {
            reduce::fill_chunks(&mut answers, BLOCK * width, |first, answers| {
                let (mut shares, mut reader) = (vec![0.0; self.values.len()], x.reader());
                for (row, answers) in (first / width..).zip(answers.chunks_exact_mut(width)) {
                    let touched = self.share_out(reader.row(row), &mut shares);
                    self.read(&touched, &shares, quantiles, answers);
                    touched.iter().for_each(|&place| shares[place as usize] = 0.0);
                }
            });
        }
        Ok(Array2::from_shape_vec((x.n_rows(), width), answers).map_err(Error::other)?.into())
    }

    /// Adds up the weight of each training value for a row; gives the places that got some, ascending.
    fn share_out(&self, row: &[f64], shares: &mut [f64]) -> Vec<u32> {
        let mut touched = Vec::new();
        for (tree, leaves) in self.trees.iter().zip(&self.leaves) {
            let rows = leaves.rows(tree.leaf(row));
            let total: f64 = rows.iter().map(|&place| self.weights[place as usize]).sum();
            for &place in rows {
                let share = &mut shares[place as usize];
                if *share == 0.0 {
                    touched.push(place);
                }
                *share += self.weights[place as usize] / total;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    fn read(&self, touched: &[u32], shares: &[f64], quantiles: &[f64], answers: &mut [f64]) {
        let total: f64 = touched.iter().map(|&place| shares[place as usize]).sum();
        for (answer, quantile) in answers.iter_mut().zip(quantiles) {
            // A little less, so that rounding does not step over a value that lies exactly at the quantile.
            let wanted = quantile * total * (1.0 - 1e-12);
            let mut reached = 0.0;
            let found = touched.iter().find(|&&place| {
                reached += shares[place as usize];
                reached >= wanted
            });
            let place = found.or(touched.last()).map_or(0, |&place| place as usize);
            *answer = self.values[place];
        }
    }
}

impl Predictor for QuantileForestModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.predict_quantiles(x, &[0.5])?.values().column(0).to_vec().into())
    }
}
