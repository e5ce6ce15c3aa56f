//! The lasso and the elastic net with a strength chosen by cross-validation.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, ArrayView1};
use perennial_core::{
    Capabilities, Context, Error, Estimator, Features, Matrix, Param, Predictor, Result, Rows, Train, Values,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::centred::Centred;
use super::coordinate::{Limits, Penalty, Quadratic, State};
use super::elastic_net::{EPS, MAX_ITER, N_ALPHAS, TOLERANCE, fit_one};
use super::elastic_net_fit::{MOST_PRODUCTS, along, at_one, penalty, strengths};
use super::iterative::IterativeLinearModel;
use super::model::scores;

pub(super) const CV: Param = Param::integer("cv", "how many folds").at_least(2.0);
const ALPHAS: Param = Param::real("alphas", "the strengths that are tried").above(0.0);
pub(super) const L1_RATIOS: Param =
    Param::real("l1_ratios", "the shares of the L1 penalty that are tried").at_least(0.0).at_most(1.0);

/// The settings that both share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Choice {
    alphas: Option<Vec<f64>>,
    n_alphas: usize,
    eps: f64,
    positive: bool,
    cv: usize,
    fit_intercept: bool,
    limits: (f64, usize),
}

/// An elastic net whose strength is chosen by cross-validation.
///
/// For each share `l1_ratio` the path of strengths is followed on each training set, with warm starts and in parallel over
/// the folds, which are runs of successive rows. The strength with the least mean squared error, averaged over the folds,
/// is fitted to all rows. Products of columns are formed once: those of a training set are the sum of those of its folds.
/// Row weights are not taken, as a fold would cut through the copies of a row. Sparse rows stay sparse.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `l1_ratios` | 0.5 | each 0 to 1 | the shares of the L1 penalty that are tried |
/// | `alphas` | a path | each > 0 | the strengths that are tried, in the place of a path from the least that leaves no coefficient |
/// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
/// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
/// | `cv` | 5 | >= 2 | how many folds |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `positive` | false | | whether coefficients must be at least 0 |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients for each strength |
/// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::ElasticNetCv;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y: Values = x.rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
/// let model = ElasticNetCv::new().fit(&Matrix::from(x), &y)?;
/// assert!(model.alpha() < 0.1 && (model.model().coefficients()[0] - 2.0).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticNetCv {
    l1_ratios: Vec<f64>,
    alphas: Option<Vec<f64>>,
    n_alphas: usize,
    eps: f64,
    cv: usize,
    fit_intercept: bool,
    positive: bool,
    max_iter: usize,
    tolerance: f64,
}

/// A lasso whose strength is chosen by cross-validation; see [`ElasticNetCv`] for how.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alphas` | a path | each > 0 | the strengths that are tried, in the place of a path from the least that leaves no coefficient |
/// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
/// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
/// | `cv` | 5 | >= 2 | how many folds |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `positive` | false | | whether coefficients must be at least 0 |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the coefficients for each strength |
/// | `tolerance` | 1e-4 | >= 0 | the duality gap at which to stop, as a share of the target's mean square |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::LassoCv;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y: Values = x.rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
/// let model = LassoCv::new().fit(&Matrix::from(x), &y)?;
/// assert!((model.model().coefficients()[0] - 2.0).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LassoCv {
    alphas: Option<Vec<f64>>,
    n_alphas: usize,
    eps: f64,
    cv: usize,
    fit_intercept: bool,
    positive: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for ElasticNetCv {
    fn default() -> Self {
        ElasticNetCv {
            l1_ratios: vec![0.5],
            alphas: None,
            n_alphas: 100,
            eps: 1e-3,
            cv: 5,
            fit_intercept: true,
            positive: false,
            max_iter: 10_000,
            tolerance: 1e-4,
        }
    }
}

impl Default for LassoCv {
    fn default() -> Self {
        LassoCv {
            alphas: None,
            n_alphas: 100,
            eps: 1e-3,
            cv: 5,
            fit_intercept: true,
            positive: false,
            max_iter: 10_000,
            tolerance: 1e-4,
        }
    }
}

macro_rules! builders {
    ($name:ident) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets the strengths that are tried, in the place of a path.
            #[must_use]
            pub fn alphas(mut self, alphas: impl Into<Vec<f64>>) -> Self {
                self.alphas = Some(alphas.into());
                self
            }

            /// Sets whether coefficients must be at least 0.
            #[must_use]
            pub fn positive(mut self, positive: bool) -> Self {
                self.positive = positive;
                self
            }

            /// Sets how many strengths are tried.
            #[must_use]
            pub fn n_alphas(mut self, n_alphas: usize) -> Self {
                self.n_alphas = n_alphas;
                self
            }

            /// Sets the least strength over the largest.
            #[must_use]
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// Sets how many folds there are.
            #[must_use]
            pub fn cv(mut self, cv: usize) -> Self {
                self.cv = cv;
                self
            }

            /// Sets whether the line may miss the origin.
            #[must_use]
            pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
                self.fit_intercept = fit_intercept;
                self
            }

            /// Sets the most sweeps over the coefficients for each strength.
            #[must_use]
            pub fn max_iter(mut self, max_iter: usize) -> Self {
                self.max_iter = max_iter;
                self
            }

            /// Sets the duality gap at which to stop, as a share of the target's mean square.
            #[must_use]
            pub fn tolerance(mut self, tolerance: f64) -> Self {
                self.tolerance = tolerance;
                self
            }

            fn choice(&self) -> Choice {
                let limits = (self.tolerance, self.max_iter);
                let (n_alphas, eps, cv) = (self.n_alphas, self.eps, self.cv);
                let (fit_intercept, positive) = (self.fit_intercept, self.positive);
                Choice { alphas: self.alphas.clone(), n_alphas, eps, positive, cv, fit_intercept, limits }
            }
        }
    };
}

builders!(ElasticNetCv);
builders!(LassoCv);

impl ElasticNetCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];

    /// Sets the shares of the L1 penalty that are tried.
    #[must_use]
    pub fn l1_ratios(mut self, l1_ratios: impl Into<Vec<f64>>) -> Self {
        self.l1_ratios = l1_ratios.into();
        self
    }
}

impl LassoCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];
}

impl Estimator for ElasticNetCv {
    type Input = Matrix;
    type Target = Values;
    type Model = ElasticNetCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ElasticNetCvModel> {
        if self.l1_ratios.is_empty() {
            return Err(Error::invalid_param("l1_ratios", "an empty list", "at least one share"));
        }
        for &ratio in &self.l1_ratios {
            L1_RATIOS.check(ratio)?;
        }
        choose(&self.choice(), &self.l1_ratios, train)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

impl Estimator for LassoCv {
    type Input = Matrix;
    type Target = Values;
    type Model = ElasticNetCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ElasticNetCvModel> {
        choose(&self.choice(), &[1.0], train)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

/// The elastic net of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticNetCvModel {
    model: IterativeLinearModel,
    alpha: f64,
    l1_ratio: f64,
    alphas: Vec<f64>,
    mean_squared_errors: Array2<f64>,
}

impl ElasticNetCvModel {
    /// The model that was fitted to all rows.
    pub fn model(&self) -> &IterativeLinearModel {
        &self.model
    }

    /// The coefficients.
    pub fn coefficients(&self) -> ArrayView1<'_, f64> {
        self.model.coefficients()
    }

    /// The chosen strength.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The chosen share of the L1 penalty.
    pub fn l1_ratio(&self) -> f64 {
        self.l1_ratio
    }

    /// The strengths that were tried with the chosen share, the largest first.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The mean squared error on the held-out rows, strengths x folds, with the chosen share.
    pub fn mean_squared_errors(&self) -> &ArrayRef2<f64> {
        &self.mean_squared_errors
    }
}

impl Predictor for ElasticNetCvModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.model.predict(x)
    }
}

/// What was chosen so far.
struct Best {
    mean: f64,
    alpha: f64,
    l1_ratio: f64,
    alphas: Vec<f64>,
    errors: Array2<f64>,
}

/// The rows of each fold: runs of successive rows, the first ones longer by one where they are not equal.
pub(super) fn folds(n_rows: usize, n_folds: usize) -> Vec<Range<usize>> {
    let (size, rest) = (n_rows / n_folds, n_rows % n_folds);
    (0..n_folds).map(|k| k * size + k.min(rest)..(k + 1) * size + (k + 1).min(rest)).collect()
}

fn choose(
    choice: &Choice,
    l1_ratios: &[f64],
    train: &Train<'_, Matrix, Values>,
) -> Result<ElasticNetCvModel> {
    N_ALPHAS.check_count(choice.n_alphas)?;
    EPS.check(choice.eps)?;
    CV.check_count(choice.cv)?;
    TOLERANCE.check(choice.limits.0)?;
    MAX_ITER.check_count(choice.limits.1)?;
    if let Some(alphas) = &choice.alphas {
        if alphas.is_empty() {
            return Err(Error::invalid_param("alphas", "an empty list", "at least one strength"));
        }
        alphas.iter().try_for_each(|&alpha| ALPHAS.check(alpha))?;
    }
    let (n_rows, y) = (train.x.n_rows(), train.y.as_slice());
    if choice.cv > n_rows {
        return Err(Error::insufficient_data(format!(
            "{n_rows} rows cannot be cut into {} folds; set `cv` to at most the number of rows",
            choice.cv
        )));
    }
    let limits = Limits { tolerance: choice.limits.0, max_iter: choice.limits.1 };
    let problem = Centred::new(train.x, y, None, choice.fit_intercept)?;
    let folds = folds(n_rows, choice.cv);
    let small = problem.n_features <= MOST_PRODUCTS;
    let parts: Vec<Array2<f64>> = match small {
        true => folds
            .iter()
            .map(|rows| problem.products(rows.clone(), None, &train.ctx))
            .collect::<Result<_>>()?,
        false => Vec::new(),
    };
    let cross: Vec<f64> = problem.pull(&[], &[]).0.iter().map(|sum| sum / n_rows as f64).collect();
    let mut best: Option<Best> = None;
    for (step, &l1_ratio) in l1_ratios.iter().enumerate() {
        train.ctx.step(step, l1_ratios.len())?;
        let alphas = match &choice.alphas {
            Some(given) => {
                // Each is begun where the last one ended, which pays from strong to weak.
                let mut alphas = given.clone();
                alphas.sort_by(|a, b| b.total_cmp(a));
                alphas
            }
            None => strengths(&cross, (l1_ratio, choice.positive), choice.n_alphas, choice.eps),
        };
        let one = |fold: usize| match small {
            true => by_products(&parts, fold, choice, &alphas, l1_ratio, limits, &train.ctx),
            false => by_rows(train, &folds[fold], choice, &alphas, l1_ratio, limits),
        };
        let errors = reduce::try_map_each(folds.len(), one)?;
        let errors = Array2::from_shape_fn((alphas.len(), folds.len()), |(i, fold)| errors[fold][i]);
        for (i, &alpha) in alphas.iter().enumerate() {
            let mean = errors.row(i).iter().sum::<f64>() / folds.len() as f64;
            if !mean.is_finite() {
                return Err(Error::overflow(
                    "an error on held-out rows left the range of f64; standardise the features and scale the target",
                ));
            }
            if best.as_ref().is_none_or(|best| mean < best.mean) {
                best = Some(Best { mean, alpha, l1_ratio, alphas: alphas.clone(), errors: errors.clone() });
            }
        }
    }
    let Some(Best { alpha, l1_ratio, alphas, errors: mean_squared_errors, .. }) = best else {
        return Err(Error::invalid_param("n_alphas", choice.n_alphas, "at least 1"));
    };
    let penalty = Penalty { positive: choice.positive, ..penalty(alpha, l1_ratio) };
    let model = fit_one(&problem, train.x.features(), penalty, limits, &train.ctx)?;
    Ok(ElasticNetCvModel { model, alpha, l1_ratio, alphas, mean_squared_errors })
}

/// The mean squared errors of one fold along the strengths, from products of columns alone.
fn by_products(
    parts: &[Array2<f64>],
    fold: usize,
    choice: &Choice,
    alphas: &[f64],
    l1_ratio: f64,
    limits: Limits,
    ctx: &Context,
) -> Result<Vec<f64>> {
    let held = &parts[fold];
    let size = held.nrows();
    let (n, target, ones) = (size - 2, size - 2, size - 1);
    let mut train = Array2::zeros((size, size));
    for part in parts.iter().enumerate().filter(|(k, _)| *k != fold).map(|(_, part)| part) {
        train += part;
    }
    let count = train[[ones, ones]];
    let mut means = vec![0.0; size];
    if choice.fit_intercept {
        means = train.row(ones).iter().map(|sum| sum / count).collect();
        let sums: Vec<f64> = train.row(ones).to_vec();
        for (mut row, sum) in train.rows_mut().into_iter().zip(&sums) {
            row.iter_mut().zip(&means).for_each(|(value, mean)| *value -= sum * mean);
        }
    }
    let quadratic = Quadratic::new(&train, count)?;
    let n_held = held[[ones, ones]];
    let mut errors = Vec::with_capacity(alphas.len());
    let error = |state: &State| {
        let active: Vec<usize> = (0..n).filter(|&j| state.weights[j] != 0.0).collect();
        let weight = |j: &usize| state.weights[*j];
        let along = |row: usize| active.iter().map(|j| held[[row, *j]] * weight(j)).sum::<f64>();
        let shift = means[target] - active.iter().map(|j| means[*j] * weight(j)).sum::<f64>();
        let fitted: f64 = active.iter().map(|j| weight(j) * along(*j)).sum();
        let squares = held[[target, target]] - 2.0 * along(target) + fitted;
        let sum = held[[ones, target]] - along(ones);
        ((squares - 2.0 * shift * sum + n_held * shift * shift) / n_held).max(0.0)
    };
    along(&quadratic, alphas, (l1_ratio, choice.positive), limits, ctx, |_, state| {
        errors.push(error(state))
    })?;
    Ok(errors)
}

/// The same from the rows, for more columns than their products could be kept of.
fn by_rows(
    train: &Train<'_, Matrix, Values>,
    held: &Range<usize>,
    choice: &Choice,
    alphas: &[f64],
    l1_ratio: f64,
    limits: Limits,
) -> Result<Vec<f64>> {
    let rows: Vec<usize> = (0..train.x.n_rows()).filter(|row| !held.contains(row)).collect();
    let (x, y) = (train.x.take(&rows)?, train.y.take(&rows)?);
    let problem = Centred::new(&x, y.as_slice(), None, choice.fit_intercept)?;
    let outside: Vec<usize> = held.clone().collect();
    let (x_held, y_held) = (train.x.take(&outside)?, train.y.take(&outside)?);
    let mut weights = vec![0.0; problem.n_features];
    let mut errors = Vec::with_capacity(alphas.len());
    for &alpha in alphas {
        let penalty = Penalty { positive: choice.positive, ..penalty(alpha, l1_ratio) };
        let state = at_one(&problem, penalty, limits, Some(&weights), &train.ctx)?;
        weights = state.weights;
        let intercept = problem.intercept(&weights);
        let fitted = scores(&x_held, &weights, intercept)?;
        let squares = fitted.iter().zip(y_held.as_slice()).map(|(fitted, y)| (y - fitted).powi(2));
        errors.push(squares.sum::<f64>() / held.len() as f64);
    }
    Ok(errors)
}

impl ElasticNetCvModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }
}
