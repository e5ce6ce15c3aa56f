//! Choosing columns by what a model makes of them.

use std::fmt;

use perennial_core::{Capabilities, Error, Estimator, FitTransform, Matrix, Param, Result, ResultExt, Train};

use crate::select::SelectModel;

/// What a column must have for it to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Threshold {
    /// So many times the mean of the importances of all columns.
    Mean(f64),
    /// So many times their median.
    Median(f64),
    /// This importance.
    Value(f64),
}

/// Keeps the columns that a model finds important.
///
/// How important each is, is for a function of the fitted model to say: sizes of coefficients, or the importances of a forest, one
/// number for each column, of which the sign does not count.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `threshold` | the mean | | how important a column must be |
/// | `max_features` | all | >= 1 | the most columns that are kept: the most important ones |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Result, Train, Transformer, Values};
/// use perennial_features::SelectFromModel;
///
/// // In use: `SelectFromModel::new(RandomForestRegressor::new(), |model| model.feature_importances())`.
/// struct Slopes;
/// impl Estimator for Slopes {
///     type Input = Matrix;
///     type Target = Values;
///     type Model = Vec<f64>;
///     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Vec<f64>> {
///         Ok(train.x.dense()?.t().dot(&train.y.view()).to_vec())
///     }
/// }
///
/// let x = Matrix::from(array![[1.0, 0.0], [0.0, 1.0]]).with_names(["strong", "weak"])?;
/// let select = SelectFromModel::new(Slopes, |slopes| slopes.clone());
/// let model = select.fit(&x, &Values::from(vec![-5.0, 1.0]))?;
/// assert_eq!(model.kept().collect::<Vec<_>>(), ["strong"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SelectFromModel<E, F> {
    estimator: E,
    importances: F,
    threshold: Threshold,
    max_features: Option<usize>,
}

impl<E: fmt::Debug, F> fmt::Debug for SelectFromModel<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectFromModel")
            .field("estimator", &self.estimator)
            .field("threshold", &self.threshold)
            .field("max_features", &self.max_features)
            .finish_non_exhaustive()
    }
}

const TIMES: Param = Param::real("threshold", "how important a column must be").at_least(0.0).at_most(1e100);
const MAX_FEATURES: Param = Param::integer("max_features", "the most columns that are kept").at_least(1.0);

impl<E, F> SelectFromModel<E, F> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[TIMES, MAX_FEATURES];
}

impl<E, F> SelectFromModel<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
    /// Columns that are as important as the mean, where `importances` of the fitted model gives a number for each column.
    pub fn new(estimator: E, importances: F) -> Self {
        SelectFromModel { estimator, importances, threshold: Threshold::Mean(1.0), max_features: None }
    }

    /// How important a column must be.
    #[must_use]
    pub fn threshold(mut self, threshold: Threshold) -> Self {
        self.threshold = threshold;
        self
    }

    /// The most columns that are kept.
    #[must_use]
    pub fn max_features(mut self, max_features: usize) -> Self {
        self.max_features = Some(max_features);
        self
    }

    fn check(&self) -> Result<()> {
        let (Threshold::Mean(times) | Threshold::Median(times) | Threshold::Value(times)) = self.threshold;
        TIMES.check(times)?;
        self.max_features.map_or(Ok(()), |most| MAX_FEATURES.check_count(most))
    }
}

/// The sizes of the importances that a function told of a model of some columns.
pub(crate) fn sizes(importances: Vec<f64>, n_cols: usize) -> Result<Vec<f64>> {
    if importances.len() != n_cols {
        return Err(Error::length_mismatch("the importances", n_cols, importances.len()));
    }
    let sizes: Vec<f64> = importances.into_iter().map(f64::abs).collect();
    match sizes.iter().position(|size| !size.is_finite()) {
        None => Ok(sizes),
        Some(column) => Err(Error::unsupported(format!(
            "the importance of column {column} is {}; the function of the model must give finite numbers",
            sizes[column]
        ))),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    low / 2.0 + high / 2.0
}

/// Columns by falling score; of equals the first comes first.
pub(crate) fn best_first(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order
}

impl<E, F> Estimator for SelectFromModel<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
    type Input = Matrix;
    type Target = E::Target;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, E::Target>) -> Result<SelectModel> {
        self.check()?;
        let model = self.estimator.fit_on(train).context("fitting the model that selects")?;
        let scores = sizes((self.importances)(&model), train.x.n_cols())?;
        if scores.is_empty() {
            return Err(Error::empty("there is no column to keep"));
        }
        // Each for itself, so that no sum leaves the range; and no mean is above all, however it is rounded.
        let most = scores.iter().copied().fold(0.0, f64::max);
        let mean = || scores.iter().map(|score| score / scores.len() as f64).sum::<f64>().min(most);
        let threshold = match self.threshold {
            Threshold::Mean(times) => times * mean(),
            Threshold::Median(times) => times * median(&scores),
            Threshold::Value(value) => value,
        };
        let mut kept = best_first(&scores);
        kept.truncate(self.max_features.unwrap_or(usize::MAX));
        kept.retain(|&column| scores[column] >= threshold);
        kept.sort_unstable();
        let none = format!("no column has the importance {threshold}; set a lower `threshold`");
        let model = SelectModel::kept_by(train.x.features(), kept, scores, none)?;
        Ok(model.with_missing(self.capabilities().missing))
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }
}

impl<E, F> FitTransform for SelectFromModel<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
}

/// Recursive feature elimination (Guyon, Weston, Barnhill and Vapnik, 2002): fits a model, leaves out the least important columns, and
/// fits again, until so many are left.
///
/// How important each column is, is for a function of the fitted model to say, as with [`SelectFromModel`]. Of equally
/// important ones the later are left out first. [`SelectModel::scores`] is -1 for what is kept, -2 for what was left out last, and
/// so on: the ranking of scikit-learn, negated so that larger is better.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_features_to_select` | half of them | >= 1 | how many columns are kept; all, where there are fewer |
/// | `step` | 1 | >= 1 | how many are left out at a time |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Result, Train, Values};
/// use perennial_features::Rfe;
///
/// // In use: `Rfe::new(LinearRegression::new(), |model| model.coefficients().to_vec())`.
/// struct Slopes;
/// impl Estimator for Slopes {
///     type Input = Matrix;
///     type Target = Values;
///     type Model = Vec<f64>;
///     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Vec<f64>> {
///         Ok(train.x.dense()?.t().dot(&train.y.view()).to_vec())
///     }
/// }
///
/// let x = Matrix::from(array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).with_names(["a", "b", "c"])?;
/// let rfe = Rfe::new(Slopes, |slopes| slopes.clone()).n_features_to_select(1);
/// let model = rfe.fit(&x, &Values::from(vec![1.0, -3.0, 2.0]))?;
/// assert_eq!(model.kept().collect::<Vec<_>>(), ["b"]);
/// assert_eq!(model.scores(), [-3.0, -1.0, -2.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Rfe<E, F> {
    estimator: E,
    importances: F,
    n_features_to_select: Option<usize>,
    step: usize,
}

impl<E: fmt::Debug, F> fmt::Debug for Rfe<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rfe")
            .field("estimator", &self.estimator)
            .field("n_features_to_select", &self.n_features_to_select)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

const N_FEATURES: Param = Param::integer("n_features_to_select", "how many columns are kept").at_least(1.0);
const STEP: Param = Param::integer("step", "how many columns are left out at a time").at_least(1.0);

impl<E, F> Rfe<E, F> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_FEATURES, STEP];
}

impl<E, F> Rfe<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
    /// Half of the columns, one left out at a time, where `importances` of the fitted model gives a number for each column.
    pub fn new(estimator: E, importances: F) -> Self {
        Rfe { estimator, importances, n_features_to_select: None, step: 1 }
    }

    /// How many columns are kept.
    #[must_use]
    pub fn n_features_to_select(mut self, n_features: usize) -> Self {
        self.n_features_to_select = Some(n_features);
        self
    }

    /// How many are left out at a time.
    #[must_use]
    pub fn step(mut self, step: usize) -> Self {
        self.step = step;
        self
    }
}

impl<E, F> Estimator for Rfe<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
    type Input = Matrix;
    type Target = E::Target;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, E::Target>) -> Result<SelectModel> {
        let n_cols = train.x.n_cols();
        let wanted = self.n_features_to_select.unwrap_or((n_cols / 2).max(1));
        N_FEATURES.check_count(wanted)?;
        let elimination =
            Elimination { estimator: &self.estimator, importances: &self.importances, step: self.step };
        let model = elimination.select(train, wanted)?;
        Ok(model.with_missing(self.capabilities().missing))
    }

    fn capabilities(&self) -> Capabilities {
        self.estimator.capabilities()
    }
}

/// Leaving out the least important columns, again and again.
pub(crate) struct Elimination<'a, E, F> {
    pub(crate) estimator: &'a E,
    pub(crate) importances: &'a F,
    pub(crate) step: usize,
}

impl<E, F> Elimination<'_, E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
    /// The model of some of the columns.
    pub(crate) fn model(&self, train: &Train<'_, Matrix, E::Target>, left: &[usize]) -> Result<E::Model> {
        let x = train.x.select(left)?;
        let validation = train.validation.map(|(x, _)| x.select(left)).transpose()?;
        let ctx = train.ctx.child(&format!("columns{}", left.len()));
        let inner = train.with_input(&x, validation.as_ref()).context(ctx);
        self.estimator.fit_on(&inner).context(format!("with {} columns left", left.len()))
    }

    /// The columns that are kept, with the ranks of all as their scores.
    pub(crate) fn select(&self, train: &Train<'_, Matrix, E::Target>, wanted: usize) -> Result<SelectModel> {
        let n_cols = train.x.n_cols();
        let (left, gone) = self.run(train, wanted, |_, _| Ok(()))?;
        let mut scores = vec![-1.0; n_cols];
        for (round, columns) in gone.iter().rev().enumerate() {
            columns.iter().for_each(|&column| scores[column] = -2.0 - round as f64);
        }
        SelectModel::kept_by(train.x.features(), left, scores, "there is no column to keep".to_owned())
    }

    /// The columns that are left of all, and those that went at a time, in the order in which they went; `each` sees every model of more
    /// columns than are left.
    pub(crate) fn run(
        &self,
        train: &Train<'_, Matrix, E::Target>,
        wanted: usize,
        mut each: impl FnMut(&[usize], &E::Model) -> Result<()>,
    ) -> Result<(Vec<usize>, Vec<Vec<usize>>)> {
        STEP.check_count(self.step)?;
        let n_cols = train.x.n_cols();
        let mut left: Vec<usize> = (0..n_cols).collect();
        let mut gone: Vec<Vec<usize>> = Vec::new();
        while left.len() > wanted {
            train.ctx.step(n_cols - left.len(), n_cols.saturating_sub(wanted))?;
            let model = self.model(train, &left)?;
            each(&left, &model)?;
            let scores = sizes((self.importances)(&model), left.len())?;
            let least = self.step.min(left.len() - wanted);
            let mut going = best_first(&scores).split_off(left.len() - least);
            going.sort_unstable();
            gone.push(going.iter().map(|&place| left[place]).collect());
            left = left
                .into_iter()
                .enumerate()
                .filter(|(at, _)| going.binary_search(at).is_err())
                .map(|(_, c)| c)
                .collect();
        }
        Ok((left, gone))
    }
}

impl<E, F> FitTransform for Rfe<E, F>
where
    E: Estimator<Input = Matrix>,
    F: Fn(&E::Model) -> Vec<f64> + Send + Sync,
{
}
