//! Forests that predict classes.

use std::borrow::Cow;
use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Checkpoint, Classes, Classifier, Error, Estimator, Features, FitTransform, Matrix,
    NoTarget, Predictor, Probabilities, Result, Rows, Train,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use super::grow::{Forest, Start, check_from};
use super::model::Averaged;
use super::sampling::Sampling;
use super::settings::{self, forest_settings};
use super::{MaxFeatures, OutOfBag, model};
use crate::binned::{Binned, Binner, LearnsFromBins};
use crate::classes::{ClassWeight, check_names};
use crate::rows::rows_that_count;
use crate::rows::tame;
use crate::shap::explained;
use crate::tree::in_bins::{Counted, Fine, ManyClasses, Plan, Sample, Sums};
use crate::tree::text::largest;
use crate::tree::{Criterion, RowMajor, Tree, directions, limits, split_importances};

/// The table of settings and the rest of what both forests of classes have in common.
macro_rules! classifier {
    ($(#[$doc:meta])* $name:ident, $random_cuts:expr, $bootstrap:expr) => {
        forest_settings! {
            $(#[$doc])*
            ///
            /// Missing values go to the side that is better for them. Categories are cut into sets: for two classes the
            /// best of all sets is found, for more the best along the first principal direction of their class shares.
            /// Rows of weight 0 do not count.
            ///
            /// | setting | default | range | meaning |
            /// |---|---|---|---|
            /// | `n_trees` | 100 | 1 to 100000 | the number of trees |
            /// | `criterion` | `Gini` | `Gini`, `Entropy` | how impurity is measured |
            /// | `class_weight` | `None` | see [`ClassWeight`] | how much the rows of each class count |
            /// | `weight_each_tree` | false | | whether `Balanced` looks at the rows that a tree drew, tree by tree |
            /// | `balanced` | false | | whether each tree draws as many rows of each class as the rarest has |
            /// | `max_depth` | none | >= 1 | the most questions on the way to a leaf |
            /// | `min_samples_split` | 2 | >= 2 | the fewest rows of a node that is split |
            /// | `min_samples_leaf` | 1 | >= 1 | the fewest rows of a leaf |
            /// | `max_leaf_nodes` | none | >= 2 | the most leaves of a tree |
            /// | `min_impurity_decrease` | 0 | >= 0 | the least gain of a split |
            /// | `max_features` | `Sqrt` | see [`MaxFeatures`] | how many columns a node looks at |
            /// | `ccp_alpha` | 0 | >= 0 | the impurity that each leaf must be worth |
            /// | `monotone` | none | names | along which columns the second of two classes becomes more, or less, likely |
            #[doc = concat!("| `bootstrap` | ", stringify!($bootstrap), " | | whether rows are drawn with replacement |")]
            /// | `max_samples` | all | above 0, to 1 | how many rows a tree draws, as a share of all |
            /// | `out_of_bag` | false | | whether rows are predicted by the trees that did not draw them |
            /// | `max_bins` | 255 | 2 to 255 | the most bins of a column |
            /// | `memory_limit` | none | bytes | refuses to start where learning could take more |
            /// | `time_limit` | none | a duration | when to stop whatever the number of trees |
            /// | `seed` | that of the context | any | of all draws |
            $name, $random_cuts, $bootstrap, MaxFeatures::Sqrt, false, [
                /// Sets how impurity is measured.
                criterion: Criterion,
                /// Sets how much the rows of each class count.
                class_weight: ClassWeight,
                /// Sets whether the class weights look at the rows that a tree drew, tree by tree.
                weight_each_tree: bool,
                /// Sets whether each tree draws as many rows of each class as the rarest has (Chen, Liaw and Breiman,
                /// 2004).
                balanced: bool
            ]
        }

        impl $name {
            /// Learns from columns that are in bins already; `fine` are their parts, where they are known.
            fn fit_binned(
                &self,
                train: &Train<'_, Binned, Classes>,
                fine: Option<Fine<'_>>,
                start: Start<'_>,
            ) -> Result<ForestClassifierModel> {
                let forest = self.plan(train.x, fine, train.y.n_classes(), start, &train.ctx)?;
                let own = Own {
                    criterion: self.criterion,
                    class_weight: &self.class_weight,
                    weight_each_tree: self.weight_each_tree,
                    balanced: self.balanced,
                };
                let random = Random::new(train.ctx.seed(self.seed));
                fit(&forest, &own, self.bootstrap, self.max_samples, train, &random)
            }

            fn fit_matrix(
                &self,
                train: &Train<'_, Matrix, Classes>,
                start: Start<'_>,
            ) -> Result<ForestClassifierModel> {
                let binned = self.bins(train, train.y.n_classes(), &start)?;
                let fine = self.parts(train, &binned)?;
                self.fit_binned(&train.with_input(&binned, None), fine, start)
            }

            /// Adds `n_trees` trees to those of a fitted forest. From the same rows, settings and seed the forest is, to the last
            /// bit, that of so many trees in one fit. Trees that are added on other rows stand beside the old ones; with
            /// `out_of_bag` the rows must be the same, and others are refused where that shows in what was drawn.
            ///
            /// # Errors
            /// As for a fit, or when the columns or classes are others than those the forest learned from; with `out_of_bag` when it was
            /// learned without, or from other rows or another seed.
            pub fn fit_from(
                &self,
                model: &ForestClassifierModel,
                train: &Train<'_, Matrix, Classes>,
            ) -> Result<ForestClassifierModel> {
                train.check(&self.capabilities())?;
                check_from(model.features(), train.x.features())?;
                if *model.class_names() != *train.y.names() {
                    return Err(Error::unsupported(format!(
                        "the forest to continue knows the classes {:?}, but the target has {:?}; learn a new one",
                        model.class_names(),
                        train.y.names()
                    )));
                }
                let from = Start { before: model.trees(), out_of_bag: model.out_of_bag(), ..self.start() };
                self.fit_matrix(train, from)
            }
        }

        impl Estimator for $name {
            type Input = Matrix;
            type Target = Classes;
            type Model = ForestClassifierModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<ForestClassifierModel> {
                self.fit_matrix(train, self.start())
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().weights().missing().categorical()
            }
        }

        impl LearnsFromBins for $name {
            type Answer = Probabilities;

            fn fit_bins(&self, train: &Train<'_, Binned, Classes>) -> Result<ForestClassifierModel> {
                self.fit_binned(train, None, self.start())
            }

            fn predict_bins(model: &ForestClassifierModel, x: &Binned) -> Result<Probabilities> {
                let shares = model.trees.means_in_bins(&model.features, x, model.classes.len())?;
                model.probabilities(shares)
            }
        }
    };
}

classifier! {
    /// A random forest of classes (Breiman, 2001): trees on bootstrap samples that look at some columns in each node;
    /// the probabilities are the means of those in the leaves.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor};
    /// use perennial_models::RandomForestClassifier;
    ///
    /// let x = Matrix::from(array![[1.0], [2.0], [3.0], [7.0], [8.0], [9.0]]);
    /// let y = Classes::from_labels(["setosa", "setosa", "setosa", "virginica", "virginica", "virginica"]);
    /// let model = RandomForestClassifier::new().n_trees(50).seed(1).fit(&x, &y)?;
    /// assert_eq!(model.predict(&x)?, y);
    /// assert!(model.predict_proba(&x)?.values()[[5, 1]] > 0.8);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    RandomForestClassifier, false, true
}

classifier! {
    /// Extremely randomised trees of classes (Geurts, Ernst and Wehenkel, 2006): each column that a node looks at is
    /// cut at random, between the lowest and the highest bin there, and the best of these cuts is taken. Categories are
    /// parted at random. Each tree learns from all rows.
    ///
    /// ```
    /// use perennial_core::{Classes, Estimator, Matrix, Predictor};
    /// use perennial_models::ExtraTreesClassifier;
    ///
    /// let x = Matrix::from(ndarray::array![[1.0], [2.0], [8.0], [9.0]]);
    /// let y = Classes::from_labels(["small", "small", "large", "large"]);
    /// assert_eq!(ExtraTreesClassifier::new().fit(&x, &y)?.predict(&x)?, y);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ExtraTreesClassifier, true, false
}

/// What forests of classes have beside the shared settings.
struct Own<'a> {
    criterion: Criterion,
    class_weight: &'a ClassWeight,
    weight_each_tree: bool,
    balanced: bool,
}

fn fit(
    forest: &Forest<'_>,
    own: &Own<'_>,
    bootstrap: bool,
    max_samples: Option<f64>,
    train: &Train<'_, Binned, Classes>,
    random: &Random,
) -> Result<ForestClassifierModel> {
    let (binned, y, ctx) = (train.x, train.y, &train.ctx);
    let n_classes = y.n_classes();
    if !forest.plan.monotone.is_empty() && n_classes != 2 {
        return Err(Error::unsupported(format!(
            "`monotone` needs two classes, but the target has {n_classes}; leave it out"
        )));
    }
    own.class_weight.check(y.names())?;
    let weights = match own.weight_each_tree {
        true => tame(train.weights).map(Cow::into_owned),
        false => tame(own.class_weight.apply(y, tame(train.weights))?.as_deref()).map(Cow::into_owned),
    };
    let rows = rows_that_count(binned.n_rows(), weights.as_deref())?;
    let strata = own.balanced.then(|| {
        let mut strata = vec![Vec::new(); n_classes];
        rows.iter().for_each(|&row| strata[y.codes()[row as usize] as usize].push(row));
        strata.retain(|rows: &Vec<u32>| !rows.is_empty());
        strata
    });
    let sampling = Sampling { rows: &rows, n_rows: binned.n_rows(), bootstrap, max_samples, strata };
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
    let sample = |counts: &[u32]| {
        let mut samples: Vec<Sample> = Vec::with_capacity(counts.iter().filter(|count| **count > 0).count());
        samples.extend(counts.iter().zip(y.codes()).enumerate().filter(|(_, (count, _))| **count > 0).map(
            |(row, (&count, &class))| Sample {
                weight: f64::from(count) * weight(row),
                y: f64::from(class),
                row: row as u32,
                class,
            },
        ));
        if own.weight_each_tree {
            let mut totals = vec![0.0; n_classes];
            samples.iter().for_each(|sample| totals[sample.class as usize] += sample.weight);
            let factors = own.class_weight.factors(y.names(), &totals);
            samples.iter_mut().for_each(|sample| sample.weight *= factors[sample.class as usize]);
            samples.retain(|sample| sample.weight > 0.0);
        }
        samples
    };
    let counts = !bootstrap && !own.weight_each_tree && weights.is_none() && y.codes().len() <= Counted::MOST;
    let checkpoint = forest.checkpoint(ctx, |of| {
        of.value(&(y.names(), y.codes(), weights.is_some()))?;
        weights.iter().for_each(|weights| of.numbers(weights.iter()));
        Ok(())
    })?;
    let (trees, kept) = match n_classes {
        2 if counts => {
            let drawn = |counts: &[u32]| {
                let rows = (0..).zip(counts.iter().zip(y.codes())).filter(|(_, (count, _))| **count > 0);
                let mut samples = Vec::with_capacity(counts.iter().filter(|count| **count > 0).count());
                samples.extend(rows.map(|(row, (_, &class))| Counted::new(row, class)));
                samples
            };
            forest.grow(&Sums::counting(own.criterion.into()), &sampling, random, ctx, checkpoint, drawn)
        }
        2 => forest.grow(&Sums::new(own.criterion.into(), 1.0), &sampling, random, ctx, checkpoint, sample),
        _ => {
            let criterion = own.criterion.into();
            forest.grow(&ManyClasses { criterion, n_classes }, &sampling, random, ctx, checkpoint, sample)
        }
    }?;
    let accuracy = |values: &Array2<f64>, n_trees: &[u32]| {
        let (mut sum, mut right) = (0.0, 0.0);
        for (row, shares) in values.rows().into_iter().enumerate().filter(|(row, _)| n_trees[*row] > 0) {
            let best = largest(&shares.to_vec());
            let own = train.weight(row);
            sum += own;
            right += if best == y.codes()[row] as usize { own } else { 0.0 };
        }
        right / sum
    };
    let out_of_bag = forest
        .out_of_bag
        .then(|| OutOfBag::of(&trees, &forest.plan, n_classes, ctx, accuracy))
        .transpose()?;
    let model = ForestClassifierModel {
        features: binned.features().clone(),
        classes: y.shared_names(),
        trees: Averaged::new(trees.trees),
        out_of_bag,
    };
    kept.into_iter().for_each(Checkpoint::done);
    Ok(model)
}

/// A fitted forest of classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ForestClassifierModel {
    features: Features,
    classes: Arc<[String]>,
    trees: Averaged,
    out_of_bag: Option<OutOfBag>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    trees: Vec<Tree>,
    out_of_bag: Option<OutOfBag>,
}

impl TryFrom<Parts> for ForestClassifierModel {
    type Error = Error;

    fn try_from(Parts { features, classes, trees, out_of_bag }: Parts) -> Result<Self> {
        check_names(&classes)?;
        model::check(&trees, features.len(), classes.len())?;
        if !trees.iter().all(Tree::holds_shares) {
            return Err(Error::corrupt("a tree does not hold the shares of the classes"));
        }
        Ok(ForestClassifierModel { features, classes, trees: Averaged::new(trees), out_of_bag })
    }
}

impl ForestClassifierModel {
    /// The trees.
    pub fn trees(&self) -> &[Tree] {
        &self.trees.trees
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The class names; their order is that of the values of the trees.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The mean over the trees of the share of each feature in the decrease of impurity.
    pub fn feature_importances(&self) -> Vec<f64> {
        model::feature_importances(&self.trees.trees, self.features.len())
    }

    /// The share of each feature in the number of splits of all trees; all 0 where nothing was split.
    pub fn split_importances(&self) -> Vec<f64> {
        split_importances(&self.trees.trees, self.features.len())
    }

    fn probabilities(&self, shares: Vec<f64>) -> Result<Probabilities> {
        let width = self.classes.len();
        let shares = Array2::from_shape_vec((shares.len() / width, width), shares).map_err(Error::other)?;
        Probabilities::new(shares, self.classes.clone())
    }

    /// The probability of each class for one row, whose numbers stand in the order of the columns, NaN where one is missing: the
    /// bits of [`predict_proba`](Classifier::predict_proba), without allocating.
    ///
    /// # Errors
    /// When the row has not one number for each column or `shares` not one place for each class; when a value is infinite.
    pub fn predict_proba_row(&self, row: &[f64], shares: &mut [f64]) -> Result<()> {
        self.trees.mean_of_row(&self.features, row, shares, self.classes.len())
    }

    /// The training rows as predicted by the trees that did not draw them, where `out_of_bag` was set.
    pub fn out_of_bag(&self) -> Option<&OutOfBag> {
        self.out_of_bag.as_ref()
    }
}

explained!([] ForestClassifierModel, "the probability of each class", |this| this.trees.explained(&this.features));

impl Predictor for ForestClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for ForestClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        self.probabilities(self.trees.means(&RowMajor::of(&x)?, self.classes.len()))
    }
}
