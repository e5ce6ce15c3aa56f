//! Recursive elimination of columns, of which as many stay as score best.

use std::borrow::Borrow;
use std::fmt;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, FitTransform, Matrix, Param, Result, ResultExt, Rows, Train,
    Transformer,
};
use perennial_numeric::folds::assign;
use serde::{Deserialize, Serialize};

use crate::from_model::Elimination;
use crate::select::SelectModel;

/// Recursive feature elimination ([`Rfe`](crate::Rfe)) that keeps as many columns as score best over folds: the `RFECV` of scikit-learn.
///
/// In each fold columns are eliminated by what models of its training rows find important, and the model of each number of columns is scored on the rows
/// that were held out. The number with the best mean score is taken, of equally good ones the smallest; which columns those are is for
/// an elimination on all rows to say.
///
/// The score of a model is a function of it and of the rows that it has not seen; larger is better. Rows of one group share a fold.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `cv` | 5 | 2 to 1000 | how many folds rows are dealt to by chance |
/// | `test_fold` | none | | instead, the fold of each row, such as from a splitter that keeps classes together or goes along time |
/// | `min_features_to_select` | 1 | >= 1 | fewest columns that may be kept |
/// | `step` | 1 | >= 1 | how many are left out at a time |
/// | `seed` | that of the context | any | of the folds |
///
/// ```
/// use ndarray::{Array2, Axis};
/// use perennial_core::{Estimator, Matrix, Result, Train, Values};
/// use perennial_features::RfeCv;
///
/// // In use: `RfeCv::new(Ridge::new(), |model| model.coefficients().to_vec(), |model, x, y| R2.score(y, &model.predict(x)?))`.
/// struct Slopes;
/// impl Estimator for Slopes {
///     type Input = Matrix;
///     type Target = Values;
///     type Model = Vec<f64>;
///     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Vec<f64>> {
///         let x = train.x.dense()?;
///         let squares = x.map(|cell| cell * cell).sum_axis(Axis(0));
///         Ok((x.t().dot(&train.y.view()) / squares).to_vec())
///     }
/// }
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 3), |(row, column)| ((row * (column + 2) + row / 3) % 5) as f64 - 2.0));
/// let y = Values::from(x.dense()?.column(1).to_vec());
/// let miss = |slopes: &Vec<f64>, x: &Matrix, y: &Values| -> Result<f64> {
///     let error = x.dense()?.dot(&ndarray::Array1::from(slopes.clone())) - y.view();
///     Ok(-error.dot(&error))
/// };
/// let model = RfeCv::new(Slopes, |slopes: &Vec<f64>| slopes.clone(), miss).fit(&x, &y)?;
/// assert_eq!(model.select().kept().collect::<Vec<_>>(), ["x1"]);
/// assert_eq!(model.cv_scores().len(), 3);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RfeCv<E, F, S> {
    estimator: E,
    importances: F,
    score: S,
    cv: usize,
    test_fold: Option<Vec<usize>>,
    min_features_to_select: usize,
    step: usize,
    seed: Option<u64>,
}

impl<E: fmt::Debug, F, S> fmt::Debug for RfeCv<E, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RfeCv")
            .field("estimator", &self.estimator)
            .field("cv", &self.cv)
            .field("min_features_to_select", &self.min_features_to_select)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

const CV: Param = Param::integer("cv", "how many folds rows are dealt to").at_least(2.0).at_most(1000.0);
const MIN_FEATURES: Param =
    Param::integer("min_features_to_select", "fewest columns that may be kept").at_least(1.0);
const STEP: Param = Param::integer("step", "how many columns are left out at a time").at_least(1.0);

impl<E, F, S> RfeCv<E, F, S> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[CV, MIN_FEATURES, STEP];
}

impl<E, F, S> RfeCv<E, F, S>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
    S: Fn(&E::Model, &Matrix, &E::Target) -> Result<f64> + Send + Sync,
{
    /// Five folds and one column left out at a time, where `importances` of a fitted model gives a number for each column and `score` says how
    /// good it is on other rows.
    pub fn new(estimator: E, importances: F, score: S) -> Self {
        let (test_fold, seed) = (None, None);
        RfeCv { estimator, importances, score, cv: 5, test_fold, min_features_to_select: 1, step: 1, seed }
    }

    /// How many folds rows are dealt to by chance.
    #[must_use]
    pub fn cv(mut self, folds: usize) -> Self {
        self.cv = folds;
        self
    }

    /// The fold of each row, by any numbers, in place of one by chance.
    #[must_use]
    pub fn test_fold(mut self, fold_of_row: Vec<usize>) -> Self {
        self.test_fold = Some(fold_of_row);
        self
    }

    /// Fewest columns that may be kept.
    #[must_use]
    pub fn min_features_to_select(mut self, n_features: usize) -> Self {
        self.min_features_to_select = n_features;
        self
    }

    /// How many are left out at a time.
    #[must_use]
    pub fn step(mut self, step: usize) -> Self {
        self.step = step;
        self
    }

    /// The seed of the folds; without one, that of the context.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The fold of each row, and how many there are.
    fn folds(&self, train: &Train<'_, Matrix, E::Target>) -> Result<(Vec<usize>, usize)> {
        let n_rows = train.x.n_rows();
        let Some(given) = &self.test_fold else {
            CV.check_count(self.cv)?;
            let seed = train.ctx.seed(self.seed);
            return Ok((assign(n_rows, self.cv, None, train.groups, seed), self.cv));
        };
        if given.len() != n_rows {
            return Err(Error::length_mismatch("`test_fold`", n_rows, given.len()));
        }
        let mut used = given.clone();
        used.sort_unstable();
        used.dedup();
        if used.len() < 2 {
            return Err(Error::invalid_param("test_fold", used.len(), "2 folds or more"));
        }
        let number = |fold: &usize| used.partition_point(|other| other < fold);
        Ok((given.iter().map(number).collect(), used.len()))
    }

    /// How good the models of each number of columns are that learned from the rows outside a fold.
    fn scores_of(
        &self,
        train: &Train<'_, Matrix, E::Target>,
        (others, out): (&[usize], &[usize]),
        fold: usize,
        wanted: usize,
    ) -> Result<Vec<(usize, f64)>> {
        let (x, y) = (train.x.take(others)?, train.y.take(others)?);
        let (test_x, test_y) = (train.x.take(out)?, train.y.take(out)?);
        let weights = train.weights.map(|weights| weights.take(others)).transpose()?;
        let groups = train.groups.map(|groups| groups.take(others)).transpose()?;
        let (y, test_y): (&E::Target, &E::Target) = (y.borrow(), test_y.borrow());
        let mut inner = Train::new(&x, y).context(train.ctx.child(&format!("fold{fold}")));
        (inner.weights, inner.groups) = (weights.as_deref(), groups.as_deref());
        let accepts = self.estimator.capabilities();
        let inner = inner.limited_to(&accepts);
        inner.check(&accepts)?;
        let mut scores = Vec::new();
        let mut add = |left: &[usize], model: &E::Model| {
            let score = (self.score)(model, &test_x.select(left)?, test_y)
                .context(format!("scoring {} columns", left.len()))?;
            if score.is_nan() {
                return Err(Error::unsupported(format!("the score of {} columns is NaN", left.len())));
            }
            scores.push((left.len(), score));
            Ok(())
        };
        let elimination = self.elimination();
        let (left, _) = elimination.run(&inner, wanted, &mut add)?;
        add(&left, &elimination.model(&inner, &left)?)?;
        Ok(scores)
    }

    fn elimination(&self) -> Elimination<'_, E, F> {
        Elimination { estimator: &self.estimator, importances: &self.importances, step: self.step }
    }
}

impl<E, F, S> Estimator for RfeCv<E, F, S>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
    S: Fn(&E::Model, &Matrix, &E::Target) -> Result<f64> + Send + Sync,
{
    type Input = Matrix;
    type Target = E::Target;
    type Model = RfeCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, E::Target>) -> Result<RfeCvModel> {
        MIN_FEATURES.check_count(self.min_features_to_select)?;
        let wanted = self.min_features_to_select.min(train.x.n_cols());
        let (fold_of, n_folds) = self.folds(train)?;
        let mut sums: Vec<(usize, f64)> = Vec::new();
        let mut n_scored = 0.0;
        for fold in 0..n_folds {
            let (out, others): (Vec<usize>, Vec<usize>) =
                (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
            if out.is_empty() {
                continue;
            }
            let scores =
                self.scores_of(train, (&others, &out), fold, wanted).context(format!("fold {fold}"))?;
            n_scored += 1.0;
            match sums.is_empty() {
                true => sums = scores,
                // The same numbers of columns in each fold.
                false => sums.iter_mut().zip(scores).for_each(|(sum, (_, score))| sum.1 += score),
            }
        }
        let cv_scores: Vec<(usize, f64)> = sums.iter().rev().map(|(n, sum)| (*n, sum / n_scored)).collect();
        let mut best: Option<(usize, f64)> = None;
        for &(n, score) in &cv_scores {
            if best.is_none_or(|(_, most)| score > most) {
                best = Some((n, score));
            }
        }
        let Some((n, _)) = best else { return Err(Error::empty("there is no column to keep")) };
        let all = train.with_input(train.x, None).limited_to(&self.estimator.capabilities());
        let select = self.elimination().select(&all, n)?.with_missing(self.capabilities().missing);
        Ok(RfeCvModel { select, cv_scores })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        (accepts.groups, accepts.validation) = (true, false);
        accepts
    }
}

impl<E, F, S> FitTransform for RfeCv<E, F, S>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
    S: Fn(&E::Model, &Matrix, &E::Target) -> Result<f64> + Send + Sync,
{
}

/// A fitted [`RfeCv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RfeCvModel {
    select: SelectModel,
    cv_scores: Vec<(usize, f64)>,
}

impl RfeCvModel {
    /// Which columns are kept, with the ranks of all.
    pub fn select(&self) -> &SelectModel {
        &self.select
    }

    /// How many columns, from few to many, with the mean score of that many over the folds.
    pub fn cv_scores(&self) -> &[(usize, f64)] {
        &self.cv_scores
    }
}

impl Transformer for RfeCvModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        self.select.transform(x)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        self.select.sources()
    }

    fn decided(&self) -> Vec<Decided> {
        self.select.decided()
    }
}
