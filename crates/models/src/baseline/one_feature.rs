//! Trees on the one feature that tells most.

use std::borrow::Borrow;

use perennial_core::{
    Capabilities, Classes, Classifier, Error, ErrorKind, Estimator, Features, Matrix, Param, Predictor,
    Probabilities, Result, ResultExt, Rows, Train, Values,
};
use perennial_numeric::{folds, reduce};
use serde::{Deserialize, Serialize};

use crate::rows::{power_of_two, rows_that_count, tame};
use crate::tree::{
    DecisionTreeClassifier, DecisionTreeClassifierModel, DecisionTreeRegressor, DecisionTreeRegressorModel,
};

const MAX_DEPTH: Param = Param::integer("max_depth", "questions from the root to a leaf")
    .at_least(1.0)
    .at_most(64.0)
    .search(1.0, 4.0);
const N_FOLDS: Param =
    Param::integer("n_folds", "how many parts the rows are divided into to choose the feature")
        .at_least(2.0)
        .at_most(1e6)
        .search(2.0, 10.0);

/// What decides which rows go into which part.
#[derive(Clone, Copy, Debug)]
struct Choice {
    n_folds: usize,
    seed: Option<u64>,
}

impl Choice {
    /// The error of each column on rows that were not learned from. `error` fits on the first rows and gives the weighted
    /// error of the second.
    fn errors<Y: Rows + ?Sized + Sync>(
        self,
        train: &Train<'_, Matrix, Y>,
        strata: Option<&[u32]>,
        error: impl Fn(&Train<'_, Matrix, Y>, &Matrix, &Y, &dyn Fn(usize) -> f64) -> Result<f64> + Sync,
    ) -> Result<Vec<f64>> {
        let rows: Vec<usize> =
            rows_that_count(train.x.n_rows(), train.weights)?.into_iter().map(|row| row as usize).collect();
        let groups = train.groups.map(|groups| groups.take(&rows)).transpose()?;
        let strata = strata.map(|strata| strata.take(&rows)).transpose()?;
        let units = groups.as_ref().map_or(rows.len(), |groups| {
            let mut different = groups.clone();
            different.sort_unstable();
            different.dedup();
            different.len()
        });
        let n_folds = self.n_folds.min(units);
        let mut errors = vec![0.0; train.x.n_cols()];
        // Of one row, or one column, there is nothing to choose by, or nothing to choose.
        if n_folds < 2 || errors.len() < 2 {
            return Ok(errors);
        }
        let seed = train.ctx.child("folds").seed(self.seed);
        let weights = tame(train.weights);
        let fold_of = folds::assign(rows.len(), n_folds, strata.as_deref(), groups.as_deref(), seed);
        for fold in 0..n_folds {
            train.ctx.check()?;
            let side = |held_out: bool| -> Vec<usize> {
                (0..rows.len()).filter(|&at| (fold_of[at] == fold) == held_out).map(|at| rows[at]).collect()
            };
            let (learned, tested) = (side(false), side(true));
            let (x, y) = (train.x.take(&learned)?, train.y.take(&learned)?);
            let (x_test, y_test) = (train.x.take(&tested)?, train.y.take(&tested)?);
            let own_weights = weights.as_deref().map(|weights| weights.take(&learned)).transpose()?;
            let weight = |row: usize| weights.as_deref().map_or(1.0, |weights| weights[tested[row]]);
            let of_column = |column: usize| -> Result<f64> {
                let own = x.select(&[column])?;
                let mut part = Train::new(&own, y.borrow()).context(train.ctx.child("choice"));
                part.weights = own_weights.as_deref();
                match error(&part, &x_test.select(&[column])?, y_test.borrow(), &weight) {
                    // A part of the rows may be of one class alone.
                    Err(failed) if matches!(failed.kind(), ErrorKind::InsufficientData { .. }) => Ok(0.0),
                    found => found,
                }
            };
            let found = reduce::try_map_each(errors.len(), of_column)?;
            errors.iter_mut().zip(found).for_each(|(sum, error)| *sum += error);
        }
        let total: f64 = rows.iter().map(|&row| weights.as_deref().map_or(1.0, |weights| weights[row])).sum();
        // Errors beyond the range of f64 are the worst there is.
        errors.iter_mut().for_each(|error| *error = (*error / total).min(f64::MAX));
        Ok(errors)
    }
}

/// The column with the least error; the first of equals.
fn best(errors: &[f64]) -> usize {
    (0..errors.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0)
}

/// About the largest magnitude of a target: what errors are divided by, so that their squares stay in the range of f64.
fn size(y: &Values) -> f64 {
    power_of_two(y.as_slice().iter().fold(0.0, |size: f64, y| size.max(y.abs())))
}

/// Errors of probabilities have no unit.
fn one(_: &Classes) -> f64 {
    1.0
}

macro_rules! one_feature {
    (
        $(#[$doc:meta])* $estimator:ident, $(#[$model_doc:meta])* $model:ident, $parts:literal, $tree:ident, $tree_model:ident,
        $target:ty, |$y:ident| $strata:expr, |$answer:ident, $truth:ident, $row:ident, $unit:ident| $loss:expr, $unit_of:ident, $ask:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $estimator {
            max_depth: usize,
            n_folds: usize,
            seed: Option<u64>,
        }

        impl Default for $estimator {
            fn default() -> Self {
                $estimator { max_depth: 1, n_folds: 5, seed: None }
            }
        }

        impl $estimator {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[MAX_DEPTH, N_FOLDS];

            /// The defaults: a single question.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets how many questions lead to a leaf.
            #[must_use]
            pub fn max_depth(mut self, max_depth: usize) -> Self {
                self.max_depth = max_depth;
                self
            }

            /// Sets how many parts the rows are divided into to choose the feature.
            #[must_use]
            pub fn n_folds(mut self, n_folds: usize) -> Self {
                self.n_folds = n_folds;
                self
            }

            /// Sets what decides which rows go into which part.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }
        }

        $(#[$model_doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = $parts)]
        pub struct $model {
            features: Features,
            column: usize,
            errors: Vec<f64>,
            model: $tree_model,
        }

        impl $model {
            fn checked(self) -> Result<Self> {
                if self.column >= self.features.len() || self.errors.len() != self.features.len() {
                    return Err(Error::corrupt("the chosen feature is not among the features of the model"));
                }
                Ok(self)
            }

            /// The name of the feature that was chosen.
            pub fn feature(&self) -> &str {
                self.features.name(self.column)
            }

            /// The error of each feature on rows that its tree had not learned from, in the order of the features; 0 for all
            /// where there was nothing to choose.
            pub fn errors(&self) -> &[f64] {
                &self.errors
            }

            /// The tree on the feature.
            pub fn tree(&self) -> &$tree_model {
                &self.model
            }
        }

        impl Estimator for $estimator {
            type Input = Matrix;
            type Target = $target;
            type Model = $model;

            fn fit_on(&self, train: &Train<'_, Matrix, $target>) -> Result<$model> {
                MAX_DEPTH.check_count(self.max_depth)?;
                N_FOLDS.check_count(self.n_folds)?;
                if train.x.n_cols() == 0 {
                    return Err(Error::empty("the input has no columns"));
                }
                let tree = $tree::new().max_depth(self.max_depth);
                let choice = Choice { n_folds: self.n_folds, seed: self.seed };
                let $y = train.y;
                let strata: Option<&[u32]> = $strata;
                let $unit = $unit_of(train.y);
                let errors = choice.errors(train, strata, |part, x, $truth: &$target, weight| {
                    let $answer = tree.fit_on(part)?.$ask(x)?;
                    let loss = |$row: usize| -> f64 { $loss };
                    Ok((0..x.n_rows()).map(|row| weight(row) * loss(row)).sum::<f64>())
                })?;
                let column = best(&errors);
                let x = train.x.select(&[column])?;
                let mut own = Train::new(&x, train.y).context(train.ctx.clone());
                own.weights = train.weights;
                let name = || format!("feature `{}`", train.x.features().name(column));
                let model = tree.fit_on(&own).context(name())?;
                $model { features: train.x.features().clone(), column, errors, model }.checked()
            }

            fn capabilities(&self) -> Capabilities {
                $tree::new().capabilities().groups()
            }
        }

        impl Predictor for $model {
            type Input = Matrix;
            type Output = $target;

            fn predict(&self, x: &Matrix) -> Result<$target> {
                let x = self.features.align(x)?;
                x.check_finite(true)?;
                self.model.predict(&x.select(&[self.column])?)
            }
        }
    };
}

one_feature!(
    /// A small tree on a single feature, that whose tree errs least on rows that it has not learned from: what a person could
    /// say with one number, and what a larger model must beat.
    ///
    /// The feature is chosen by the squared error over folds, in units of about the largest target; groups stay whole.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `max_depth` | 1 | 1 to 64 | questions from the root to a leaf |
    /// | `n_folds` | 5 | >= 2 | how many parts the rows are divided into to choose the feature |
    /// | `seed` | from the context | | which rows go into which part |
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::baseline::OneFeatureRegressor;
    ///
    /// let x = Array2::from_shape_fn((40, 3), |(row, column)| ((row * (2 * column + 3)) % 17) as f64);
    /// let y: Values = x.column(1).iter().map(|x| if *x > 8.0 { 5.0 } else { 1.0 }).collect();
    /// let model = OneFeatureRegressor::new().fit(&Matrix::from(x).with_names(["a", "b", "c"])?, &y)?;
    /// assert_eq!(model.feature(), "b");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    OneFeatureRegressor,
    /// The tree of a [`OneFeatureRegressor`], and which feature it is on.
    OneFeatureRegressorModel,
    "RegressorParts",
    DecisionTreeRegressor,
    DecisionTreeRegressorModel,
    Values,
    |_y| None,
    |answer, truth, row, unit| ((answer.as_slice()[row] - truth.as_slice()[row]) / unit).powi(2),
    size,
    predict
);
one_feature!(
    /// A small tree on a single feature, that whose tree errs least on rows that it has not learned from: what a person could
    /// say with one number, and what a larger model must beat.
    ///
    /// The feature is chosen by the Brier score over folds with the same share of each class; groups stay whole.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `max_depth` | 1 | 1 to 64 | questions from the root to a leaf |
    /// | `n_folds` | 5 | >= 2 | how many parts the rows are divided into to choose the feature |
    /// | `seed` | from the context | | which rows go into which part |
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Classes, Estimator, Matrix};
    /// use perennial_models::baseline::OneFeatureClassifier;
    ///
    /// let x = Array2::from_shape_fn((40, 3), |(row, column)| ((row * (2 * column + 3)) % 17) as f64);
    /// let y = Classes::from_labels(x.column(2).iter().map(|x| if *x > 8.0 { "high" } else { "low" }));
    /// let model = OneFeatureClassifier::new().fit(&Matrix::from(x).with_names(["a", "b", "c"])?, &y)?;
    /// assert_eq!(model.feature(), "c");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    OneFeatureClassifier,
    /// The tree of a [`OneFeatureClassifier`], and which feature it is on.
    OneFeatureClassifierModel,
    "ClassifierParts",
    DecisionTreeClassifier,
    DecisionTreeClassifierModel,
    Classes,
    |y| Some(y.codes()),
    |answer, truth, row, _unit| {
        let own = truth.codes()[row] as usize;
        let gap = |(class, share): (usize, &f64)| (share - f64::from(u8::from(class == own))).powi(2);
        answer.values().row(row).iter().enumerate().map(gap).sum::<f64>()
    },
    one,
    predict_proba
);

#[derive(Deserialize)]
struct RegressorParts {
    features: Features,
    column: usize,
    errors: Vec<f64>,
    model: DecisionTreeRegressorModel,
}

impl TryFrom<RegressorParts> for OneFeatureRegressorModel {
    type Error = Error;

    fn try_from(parts: RegressorParts) -> Result<Self> {
        let RegressorParts { features, column, errors, model } = parts;
        OneFeatureRegressorModel { features, column, errors, model }.checked()
    }
}

#[derive(Deserialize)]
struct ClassifierParts {
    features: Features,
    column: usize,
    errors: Vec<f64>,
    model: DecisionTreeClassifierModel,
}

impl TryFrom<ClassifierParts> for OneFeatureClassifierModel {
    type Error = Error;

    fn try_from(parts: ClassifierParts) -> Result<Self> {
        let ClassifierParts { features, column, errors, model } = parts;
        OneFeatureClassifierModel { features, column, errors, model }.checked()
    }
}

impl Classifier for OneFeatureClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        self.model.predict_proba(&x.select(&[self.column])?)
    }
}
