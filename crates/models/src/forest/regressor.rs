//! Forests that predict numbers.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Checkpoint, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Predictor, Result,
    Rows, Train, Values,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::grow::{Forest, Start, Trees, check_from};
use super::model::Averaged;
use super::sampling::Sampling;
use super::settings::{self, forest_settings};
use super::{MaxFeatures, OutOfBag, model};
use crate::binned::{Binned, Binner, LearnsFromBins};
use crate::rows::rows_that_count;
use crate::rows::{power_of_two, tame};
use crate::shap::explained;
use crate::tree::in_bins::{Fine, Medians, Plan, Sample, Sums};
use crate::tree::{RegressionCriterion, RowMajor, Tree, directions, limits, split_importances};

/// The table of settings and the rest of what both forests of numbers have in common.
macro_rules! regressor {
    ($(#[$doc:meta])* $name:ident, $random_cuts:expr, $bootstrap:expr) => {
        forest_settings! {
            $(#[$doc])*
            ///
            /// Missing values go to the side that is better for them. Categories are cut into sets: the best of all sets is
            /// found. Rows of weight 0 do not count.
            ///
            /// | setting | default | range | meaning |
            /// |---|---|---|---|
            /// | `n_trees` | 100 | 1 to 100000 | the number of trees |
            /// | `criterion` | `SquaredError` | `SquaredError`, `Poisson`, `AbsoluteError` (far slower) | how impurity is measured |
            /// | `max_depth` | none | >= 1 | the most questions on the way to a leaf |
            /// | `min_samples_split` | 2 | >= 2 | the fewest rows of a node that is split |
            /// | `min_samples_leaf` | 1 | >= 1 | the fewest rows of a leaf |
            /// | `max_leaf_nodes` | none | >= 2 | the most leaves of a tree |
            /// | `min_impurity_decrease` | 0 | >= 0 | the least gain of a split |
            /// | `max_features` | `All` | see [`MaxFeatures`] | how many columns a node looks at |
            /// | `ccp_alpha` | 0 | >= 0 | the impurity that each leaf must be worth |
            /// | `monotone` | none | names | along which columns answers rise, or fall |
            #[doc = concat!("| `bootstrap` | ", stringify!($bootstrap), " | | whether rows are drawn with replacement |")]
            /// | `max_samples` | all | above 0, to 1 | how many rows a tree draws, as a share of all |
            /// | `out_of_bag` | false | | whether rows are predicted by the trees that did not draw them |
            /// | `max_bins` | 255 | 2 to 255 | the most bins of a column |
            /// | `memory_limit` | none | bytes | refuses to start where learning could take more |
            /// | `time_limit` | none | a duration | when to stop whatever the number of trees |
            /// | `seed` | that of the context | any | of all draws |
            $name, $random_cuts, $bootstrap, MaxFeatures::All, false, [
                /// Sets how impurity is measured.
                criterion: RegressionCriterion
            ]
        }

        impl $name {
            /// Learns from columns that are in bins already; `fine` are their parts, where they are known.
            fn fit_binned(
                &self,
                train: &Train<'_, Binned, Values>,
                fine: Option<Fine<'_>>,
                start: Start<'_>,
            ) -> Result<ForestRegressorModel> {
                let forest = self.plan(train.x, fine, 1, start, &train.ctx)?;
                let random = Random::new(train.ctx.seed(self.seed));
                fit(&forest, self.criterion, self.bootstrap, self.max_samples, train, &random)
            }

            fn fit_matrix(
                &self,
                train: &Train<'_, Matrix, Values>,
                start: Start<'_>,
            ) -> Result<ForestRegressorModel> {
                let binned = self.bins(train, 1, &start)?;
                let fine = self.parts(train, &binned)?;
                self.fit_binned(&train.with_input(&binned, None), fine, start)
            }

            /// Adds `n_trees` trees to those of a fitted forest. From the same rows, settings and seed the forest is, to the last
            /// bit, that of so many trees in one fit. Trees that are added on other rows stand beside the old ones; with
            /// `out_of_bag` the rows must be the same, and others are refused where that shows in what was drawn.
            ///
            /// # Errors
            /// As for a fit, or when the columns are others than those the forest learned from; with `out_of_bag` when it was
            /// learned without, or from other rows or another seed.
            pub fn fit_from(
                &self,
                model: &ForestRegressorModel,
                train: &Train<'_, Matrix, Values>,
            ) -> Result<ForestRegressorModel> {
                train.check(&self.capabilities())?;
                check_from(model.features(), train.x.features())?;
                let from = Start { before: model.trees(), out_of_bag: model.out_of_bag(), ..self.start() };
                self.fit_matrix(train, from)
            }
        }

        impl Estimator for $name {
            type Input = Matrix;
            type Target = Values;
            type Model = ForestRegressorModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ForestRegressorModel> {
                self.fit_matrix(train, self.start())
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().weights().missing().categorical()
            }
        }

        impl LearnsFromBins for $name {
            type Answer = Values;

            fn fit_bins(&self, train: &Train<'_, Binned, Values>) -> Result<ForestRegressorModel> {
                self.fit_binned(train, None, self.start())
            }

            fn predict_bins(model: &ForestRegressorModel, x: &Binned) -> Result<Values> {
                Ok(model.trees.means_in_bins(&model.features, x, 1)?.into())
            }
        }
    };
}

regressor! {
    /// A random forest of numbers (Breiman, 2001): trees on bootstrap samples, averaged.
    ///
    /// ```
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::RandomForestRegressor;
    ///
    /// let x = Matrix::from(ndarray::Array2::from_shape_fn((200, 1), |(i, _)| i as f64));
    /// let y: Values = (0..200).map(|i| f64::from(i / 50)).collect();
    /// let model = RandomForestRegressor::new().min_samples_leaf(3).out_of_bag(true).fit(&x, &y)?;
    /// assert!(model.out_of_bag().is_some_and(|rows| rows.score() > 0.98));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    RandomForestRegressor, false, true
}

regressor! {
    /// Extremely randomised trees of numbers (Geurts, Ernst and Wehenkel, 2006): each column that a node looks at is cut
    /// at random, between the lowest and the highest bin there, and the best of these cuts is taken. Categories are
    /// parted at random. Each tree learns from all rows.
    ///
    /// ```
    /// use perennial_core::{Estimator, Matrix, Predictor, Values};
    /// use perennial_models::ExtraTreesRegressor;
    ///
    /// let x = Matrix::from(ndarray::array![[1.0], [2.0], [8.0], [9.0]]);
    /// let y = Values::from(vec![1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(ExtraTreesRegressor::new().fit(&x, &y)?.predict(&x)?, y);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ExtraTreesRegressor, true, false
}

/// Grows the trees, and gives the state of this work on the disk: it is done where the model is there.
pub(super) fn trees(
    forest: &Forest<'_>,
    criterion: RegressionCriterion,
    bootstrap: bool,
    max_samples: Option<f64>,
    train: &Train<'_, Binned, Values>,
    random: &Random,
) -> Result<(Trees, Option<Checkpoint>)> {
    let y = train.y.as_slice();
    if let (RegressionCriterion::Poisson, Some(row)) = (criterion, y.iter().position(|&value| value < 0.0)) {
        return Err(Error::unsupported(format!(
            "the Poisson criterion needs a target >= 0, but row {row} is {}; use the squared error",
            y[row]
        )));
    }
    let rows = rows_that_count(train.x.n_rows(), train.weights)?;
    let weights = tame(train.weights);
    let unit = power_of_two(y.iter().fold(0.0, |largest, value| f64::max(largest, value.abs())));
    let sampling = Sampling { rows: &rows, n_rows: y.len(), bootstrap, max_samples, strata: None };
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
    let sample = |counts: &[u32]| {
        let mut samples: Vec<Sample> = Vec::with_capacity(counts.iter().filter(|count| **count > 0).count());
        samples.extend(counts.iter().zip(y).enumerate().filter(|(_, (count, _))| **count > 0).map(
            |(row, (&count, &value))| Sample {
                weight: f64::from(count) * weight(row),
                y: value / unit,
                row: row as u32,
                class: 0,
            },
        ));
        samples
    };
    let checkpoint = forest.checkpoint(&train.ctx, |of| {
        of.numbers(y);
        weights.iter().for_each(|weights| of.numbers(weights.iter()));
        Ok(())
    })?;
    match criterion.of_sums() {
        Some(sums) => forest.grow(&Sums::new(sums, unit), &sampling, random, &train.ctx, checkpoint, sample),
        None => forest.grow(&Medians { unit }, &sampling, random, &train.ctx, checkpoint, sample),
    }
}

fn fit(
    forest: &Forest<'_>,
    criterion: RegressionCriterion,
    bootstrap: bool,
    max_samples: Option<f64>,
    train: &Train<'_, Binned, Values>,
    random: &Random,
) -> Result<ForestRegressorModel> {
    let (trees, kept) = trees(forest, criterion, bootstrap, max_samples, train, random)?;
    let score = |values: &Array2<f64>, n_trees: &[u32]| r_squared(train, values, n_trees);
    let out_of_bag =
        forest.out_of_bag.then(|| OutOfBag::of(&trees, &forest.plan, 1, &train.ctx, score)).transpose()?;
    let trees = Averaged::new(trees.trees);
    kept.into_iter().for_each(Checkpoint::done);
    Ok(ForestRegressorModel { features: train.x.features().clone(), trees, out_of_bag })
}

/// R2 over the rows that some tree did not draw.
fn r_squared(train: &Train<'_, Binned, Values>, values: &Array2<f64>, n_trees: &[u32]) -> f64 {
    let y = train.y.as_slice();
    let unit = power_of_two(y.iter().fold(0.0, |largest, value| f64::max(largest, value.abs())));
    let rows = || (0..y.len()).filter(|&row| n_trees[row] > 0);
    let weight: f64 = rows().map(|row| train.weight(row)).sum();
    let mean = rows().map(|row| train.weight(row) / weight * (y[row] / unit)).sum::<f64>();
    let squares = |around: &dyn Fn(usize) -> f64| {
        rows().map(|row| train.weight(row) / weight * (y[row] / unit - around(row)).powi(2)).sum::<f64>()
    };
    1.0 - squares(&|row| values[[row, 0]] / unit) / squares(&|_| mean)
}

/// A fitted forest of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ForestRegressorModel {
    features: Features,
    trees: Averaged,
    out_of_bag: Option<OutOfBag>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    trees: Vec<Tree>,
    out_of_bag: Option<OutOfBag>,
}

impl TryFrom<Parts> for ForestRegressorModel {
    type Error = Error;

    fn try_from(Parts { features, trees, out_of_bag }: Parts) -> Result<Self> {
        model::check(&trees, features.len(), 1)?;
        Ok(ForestRegressorModel { features, trees: Averaged::new(trees), out_of_bag })
    }
}

impl ForestRegressorModel {
    /// The trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees.trees
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The mean over the trees of the share of each feature in the decrease of impurity.
    pub fn feature_importances(&self) -> Vec<f64> {
        model::feature_importances(&self.trees.trees, self.features.len())
    }

    /// The share of each feature in the number of splits of all trees; all 0 where nothing was split.
    pub fn split_importances(&self) -> Vec<f64> {
        split_importances(&self.trees.trees, self.features.len())
    }

    /// The answer for one row, whose numbers stand in the order of the columns, NaN where one is missing: the bits of
    /// [`predict`](Predictor::predict), without allocating.
    ///
    /// # Errors
    /// When the row has not one number for each column, or a value is infinite.
    pub fn predict_row(&self, row: &[f64]) -> Result<f64> {
        let mut answer = [0.0];
        self.trees.mean_of_row(&self.features, row, &mut answer, 1)?;
        Ok(answer[0])
    }

    /// The training rows as predicted by the trees that did not draw them, where `out_of_bag` was set.
    pub fn out_of_bag(&self) -> Option<&OutOfBag> {
        self.out_of_bag.as_ref()
    }
}

explained!([] ForestRegressorModel, "the answer", |this| this.trees.explained(&this.features));

impl Predictor for ForestRegressorModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        Ok(self.trees.means(&RowMajor::of(&x)?, 1).into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perennial_core::{Checkpoints, Context};

    use super::*;

    #[test]
    fn the_state_stays_until_the_fit_has_ended() {
        let directory = std::env::temp_dir().join(format!("perennial_forest_{}", std::process::id()));
        let kept = Checkpoints::new(&directory).every(Duration::ZERO);
        let x = Matrix::from(Array2::from_shape_fn((60, 1), |(row, _)| row as f64));
        let y: Values = (0..60).map(f64::from).collect();
        let binned = Binner::new().fit_transform_on(&Train::new(&x, &NoTarget)).unwrap().1;
        let train = Train::new(&binned, &y).context(Context::new().with_checkpoints(kept));
        // The time is over after the first trees: what they are asked for later comes after all the same.
        let settings = RandomForestRegressor::new().n_trees(5).out_of_bag(true).time_limit(Duration::ZERO);
        let forest = settings.plan(&binned, None, 1, settings.start(), &train.ctx).unwrap();
        let random = Random::new(1);
        let (_, state) = trees(&forest, settings.criterion, true, None, &train, &random).unwrap();
        let state = state.unwrap();
        assert!(state.path().exists());
        settings.fit_binned(&train, None, settings.start()).unwrap();
        assert!(!state.path().exists());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
