//! Parts of boosters, and several boosters as one.

use std::fmt::Debug;
use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Error, Matrix, Result, Rows};

use super::booster::{Booster, Made};
use super::objective::Objective;
use super::settings::{MIN_GAIN, Mode};
use super::stopping::StopReason;
use crate::ensemble::Ensemble;
use crate::tree::RowMajor;
use crate::tree::nodes::{TreeNode, nodes};
use crate::tree::prune::without_small_gains;

/// How the rounds of an average came about: not by steps from where those before them stood, so that leaves cannot be moved; and
/// each counts for itself, unlike the trees of a forest.
const AVERAGE: Mode = Mode::Dart { drop_rate: 0.0, skip: 1.0, max_dropped: 1 };

impl Booster {
    /// The base scores and the rounds `rounds`, counted from 0; of a forest the mean of their trees. Of what was watched the part of
    /// these rounds is kept where they begin with the first.
    ///
    /// ```
    /// # use ndarray::Array2;
    /// # use perennial_core::{Estimator, Matrix, Values};
    /// # use perennial_models::GradientBoostingRegressor;
    /// # let x = Matrix::from(Array2::from_shape_fn((100, 1), |(row, _)| row as f64));
    /// # let y: Values = (0..100).map(f64::from).collect();
    /// let booster = GradientBoostingRegressor::new().n_trees(10).fit(&x, &y)?.booster().clone();
    /// assert_eq!(booster.slice(2..5)?.trees().len(), 3);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no such rounds.
    pub fn slice(mut self, rounds: Range<usize>) -> Result<Self> {
        let n_rounds = self.n_rounds();
        if rounds.start > rounds.end || rounds.end > n_rounds {
            return Err(Error::unsupported(format!(
                "the rounds {rounds:?} are not among the {n_rounds} of the model; give a start and an end from 0 to {n_rounds}"
            )));
        }
        if rounds.start == 0 {
            return Ok(self.truncated(rounds.end));
        }
        let factor = if self.is_forest() { self.growth_of_shares(rounds.len()) } else { 1.0 };
        self.ensemble.keep(rounds, factor);
        self.history = Vec::new();
        self.best_round = None;
        self.made = Made { n_before: 0, stop: StopReason::Rounds, ..self.made };
        Ok(self)
    }

    /// The same trees without the splits that gained less than `min_gain` and have none above it below them, as if by `min_gain`
    /// of the settings but from the leaves up: what a split makes possible below it is kept. A node that becomes a leaf says
    /// the mean of what was said below it, by the sums of second derivatives, so that scores stay where they were on average; `refit`
    /// moves leaves to where they are best. What was watched is gone.
    ///
    /// ```
    /// # use ndarray::Array2;
    /// # use perennial_core::{Estimator, Matrix, Values};
    /// # use perennial_models::GradientBoostingRegressor;
    /// # let x = Matrix::from(Array2::from_shape_fn((100, 1), |(row, _)| row as f64));
    /// # let y: Values = (0..100).map(f64::from).collect();
    /// let booster = GradientBoostingRegressor::new().n_trees(10).fit(&x, &y)?.booster().clone();
    /// let gains = booster.nodes().into_iter().map(|node| node.gain);
    /// let pruned = booster.clone().pruned(gains.fold(0.0, f64::max))?;
    /// assert_eq!(pruned.trees().iter().filter(|tree| tree.n_leaves() > 1).count(), 1);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When `min_gain` is negative or NaN.
    pub fn pruned(mut self, min_gain: f64) -> Result<Self> {
        MIN_GAIN.check(min_gain)?;
        let trees = self.trees().iter().map(|tree| without_small_gains(tree, min_gain)).collect();
        let (n_features, n_scores) = (self.ensemble.n_features(), self.ensemble.n_outputs());
        self.ensemble = Ensemble::new(n_features, n_scores, self.ensemble.base().to_vec(), trees)?;
        self.history = Vec::new();
        self.best_round = None;
        self.made = Made { n_before: 0, stop: StopReason::Rounds, ..self.made };
        Ok(self)
    }

    /// One booster whose scores are the weighted mean of the scores of several that learned from the same columns; weights are
    /// divided by their sum. Its trees are those of all, one booster after the other, so it takes the time of all; boosters of weight
    /// 0 are left out. What splits gained counts by the same weights.
    ///
    /// What was watched is gone, and its leaves cannot be moved to new rows.
    ///
    /// # Errors
    /// When there are none, weights are negative or not finite or all 0, or columns, offsets or numbers of scores differ.
    pub fn averaged(boosters: &[(&Booster, f64)]) -> Result<Self> {
        let Some(&(first, _)) = boosters.first() else { return Err(no_models()) };
        let total: f64 = boosters.iter().map(|(_, weight)| weight).sum();
        if !(total > 0.0 && total.is_finite())
            || boosters.iter().any(|&(_, weight)| weight.is_nan() || weight < 0.0)
        {
            let weights: Vec<f64> = boosters.iter().map(|&(_, weight)| weight).collect();
            return Err(Error::invalid_param(
                "weights",
                format!("{weights:?}"),
                "finite numbers >= 0, not all 0",
            ));
        }
        let n_scores = first.ensemble.n_outputs();
        let mut base = vec![0.0; n_scores];
        let mut trees = Vec::with_capacity(boosters.iter().map(|(booster, _)| booster.trees().len()).sum());
        let mut directions: Option<Vec<i8>> = None;
        for &(booster, weight) in boosters {
            if booster.features != first.features || booster.offset != first.offset {
                return Err(Error::unsupported(
                    "the models to average learned from other columns, or have other offsets; average models of the same columns",
                ));
            }
            if booster.ensemble.n_outputs() != n_scores {
                return Err(Error::unsupported(format!(
                    "the models to average have {n_scores} and {} scores for a row; average models of the same loss",
                    booster.ensemble.n_outputs()
                )));
            }
            let share = weight / total;
            if share == 0.0 {
                continue;
            }
            base.iter_mut().zip(booster.ensemble.base()).for_each(|(base, own)| *base += share * own);
            for tree in booster.trees() {
                let mut tree = tree.clone();
                tree.scale_with_gains(share);
                trees.push(tree);
            }
            // What is not bound in all is not bound in their mean.
            let own = &booster.made.directions;
            let of = |column: usize| own.get(column).copied().unwrap_or(0);
            let both = |(column, known): (usize, i8)| if known == of(column) { known } else { 0 };
            directions = Some(match directions {
                None => own.clone(),
                Some(known) => known.into_iter().enumerate().map(both).collect(),
            });
        }
        Ok(Booster {
            features: first.features.clone(),
            ensemble: Ensemble::new(first.features.len(), n_scores, base, trees)?,
            offset: first.offset.clone(),
            history: Vec::new(),
            best_round: None,
            made: Made {
                mode: AVERAGE,
                directions: directions.unwrap_or_default(),
                n_before: 0,
                stop: StopReason::Rounds,
            },
        })
    }

    /// The leaf that each row reaches in each tree, as a number of a node: `n_rows` x `n_trees`.
    ///
    /// # Errors
    /// When the columns are not those it learned from, or a value is infinite.
    pub fn leaves(&self, x: &Matrix) -> Result<Array2<u32>> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let shape = (x.n_rows(), self.trees().len());
        Array2::from_shape_vec(shape, self.ensemble.leaves_of(&RowMajor::of(&x)?)?).map_err(Error::other)
    }

    /// The nodes of all trees as a table: tree by tree, parents before their children.
    pub fn nodes(&self) -> Vec<TreeNode> {
        nodes(self.trees(), &self.features)
    }
}

pub(super) fn no_models() -> Error {
    Error::empty("there are no models to average")
}

/// Refuses to average models whose scores mean other things.
pub(super) fn same_loss<O: Objective>(one: &O, other: &O) -> Result<()> {
    if other.may_average(one) { Ok(()) } else { same("losses", one, other) }
}

/// Refuses to average models that differ in `what`.
pub(super) fn same_in<T: PartialEq + Debug>(what: &str, one: &T, other: &T) -> Result<()> {
    if one == other { Ok(()) } else { same(what, one, other) }
}

fn same(what: &str, one: &impl Debug, other: &impl Debug) -> Result<()> {
    Err(Error::unsupported(format!(
        "the models to average have other {what}: {one:.200?} and {other:.200?}; average models that learned the same"
    )))
}

/// What all boosting models do with parts of themselves and with each other.
macro_rules! combined {
    ($loss:ident by $same:ident $(, $own:ident: $what:literal)*) => {
        /// The model of the rounds `rounds` alone, counted from 0: see [`Booster::slice`].
        ///
        /// # Errors
        /// When there are no such rounds.
        pub fn slice(self, rounds: std::ops::Range<usize>) -> Result<Self> {
            Ok(Self { booster: self.booster.slice(rounds)?, ..self })
        }

        /// The model without the splits that gained less than `min_gain`, from the leaves up: see [`Booster::pruned`].
        ///
        /// # Errors
        /// When `min_gain` is negative or NaN.
        pub fn pruned(self, min_gain: f64) -> Result<Self> {
            Ok(Self { booster: self.booster.pruned(min_gain)?, ..self })
        }

        /// One model whose scores are the weighted mean of those of several, such as the models of the folds of a cross-validation:
        /// of scores, not of answers. See [`Booster::averaged`]. All else, such as the loss, is that of the first.
        ///
        /// # Errors
        /// When there are none, weights are negative or not finite or all 0, or the models learned from other columns or by another
        /// loss.
        pub fn averaged(models: &[(&Self, f64)]) -> Result<Self> {
            let Some(&(first, _)) = models.first() else { return Err($crate::boosting::combine::no_models()) };
            for (other, _) in models {
                $crate::boosting::combine::$same(&first.$loss, &other.$loss)?;
                $($crate::boosting::combine::same_in($what, &first.$own, &other.$own)?;)*
            }
            let parts: Vec<(&Booster, f64)> =
                models.iter().map(|(model, weight)| (&model.booster, *weight)).collect();
            Ok(Self { booster: Booster::averaged(&parts)?, ..first.clone() })
        }
    };
}
pub(super) use combined;
