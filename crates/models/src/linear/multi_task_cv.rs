//! The multi-task lasso and elastic net with a strength chosen by cross-validation.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Error, Estimator, Features, Matrix, Outputs, Param, Predictor, Result, Rows, Train};
use perennial_numeric::linalg::matmul;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::coordinate::Limits;
use super::elastic_net::{EPS, MAX_ITER, N_ALPHAS, TOLERANCE};
use super::elastic_net_cv::L1_RATIOS;
use super::elastic_net_fit::{penalty, strengths};
use super::multi_model::MultiLinearModel;
use super::multi_task::{Blocks, norm};
use crate::folds::{CV, runs};
use crate::setters::setters;

/// A [`MultiTaskElasticNet`](super::MultiTaskElasticNet) whose strength is chosen by cross-validation.
///
/// For each share `l1_ratio` the path of strengths is followed on each training set, with warm starts and in parallel over
/// the folds, which are runs of successive rows. The strength with the least mean squared error, over all outputs and
/// averaged over the folds, is fitted to all rows. Row weights are not taken, as a fold would cut through the copies of
/// a row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `l1_ratios` | 0.5 | each 0 to 1 | the shares of the penalty on lengths that are tried |
/// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
/// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
/// | `cv` | 5 | >= 2 | how many folds |
/// | `fit_intercept` | true | | whether the outputs may be shifted |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the features for each strength |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop, as a share of the targets' mean square |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Outputs};
/// use perennial_models::MultiTaskElasticNetCv;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y = Array2::from_shape_fn((40, 2), |(i, k)| if k == 0 { 2.0 * x[[i, 0]] } else { x[[i, 0]] - x[[i, 1]] });
/// let model = MultiTaskElasticNetCv::new().fit(&Matrix::from(x), &Outputs::from(y))?;
/// assert!(model.alpha() < 0.1 && (model.model().coefficients()[[0, 0]] - 2.0).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiTaskElasticNetCv {
    l1_ratios: Vec<f64>,
    n_alphas: usize,
    eps: f64,
    cv: usize,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

/// A [`MultiTaskLasso`](super::MultiTaskLasso) whose strength is chosen by cross-validation; see
/// [`MultiTaskElasticNetCv`] for how.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_alphas` | 100 | >= 1 | how many strengths are tried |
/// | `eps` | 1e-3 | 1e-12 to 1 | the least strength over the largest |
/// | `cv` | 5 | >= 2 | how many folds |
/// | `fit_intercept` | true | | whether the outputs may be shifted |
/// | `max_iter` | 10000 | >= 1 | the most sweeps over the features for each strength |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop, as a share of the targets' mean square |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Outputs, Predictor};
/// use perennial_models::MultiTaskLassoCv;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y = Array2::from_shape_fn((40, 2), |(i, k)| if k == 0 { 2.0 * x[[i, 0]] } else { x[[i, 0]] - x[[i, 1]] });
/// let x = Matrix::from(x);
/// let model = MultiTaskLassoCv::new().cv(4).fit(&x, &Outputs::from(y))?;
/// assert_eq!(model.mean_squared_errors().dim(), (100, 4));
/// assert_eq!(model.predict(&x)?.values().dim(), (40, 2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiTaskLassoCv {
    n_alphas: usize,
    eps: f64,
    cv: usize,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for MultiTaskElasticNetCv {
    fn default() -> Self {
        let (n_alphas, eps, cv, max_iter, tolerance) = (100, 1e-3, 5, 10_000, 1e-6);
        let l1_ratios = vec![0.5];
        MultiTaskElasticNetCv { l1_ratios, n_alphas, eps, cv, fit_intercept: true, max_iter, tolerance }
    }
}

impl Default for MultiTaskLassoCv {
    fn default() -> Self {
        let (n_alphas, eps, cv, max_iter, tolerance) = (100, 1e-3, 5, 10_000, 1e-6);
        MultiTaskLassoCv { n_alphas, eps, cv, fit_intercept: true, max_iter, tolerance }
    }
}

macro_rules! search_setters {
    ($settings:ident) => {
        setters!($settings {
            /// Sets how many strengths are tried.
            n_alphas: usize,
            /// Sets the least strength over the largest.
            eps: f64,
            /// Sets how many folds there are.
            cv: usize,
            /// Sets whether the outputs may be shifted.
            fit_intercept: bool,
            /// Sets the most sweeps over the features for each strength.
            max_iter: usize,
            /// Sets the duality gap at which to stop, as a share of the targets' mean square.
            tolerance: f64,
        });
    };
}

search_setters!(MultiTaskElasticNetCv);
search_setters!(MultiTaskLassoCv);

impl MultiTaskElasticNetCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];

    /// Sets the shares of the penalty on lengths that are tried.
    #[must_use]
    pub fn l1_ratios(mut self, l1_ratios: impl Into<Vec<f64>>) -> Self {
        self.l1_ratios = l1_ratios.into();
        self
    }

    fn check(&self) -> Result<()> {
        N_ALPHAS.check_count(self.n_alphas)?;
        EPS.check(self.eps)?;
        CV.check_count(self.cv)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        if self.l1_ratios.is_empty() {
            return Err(Error::invalid_param("l1_ratios", "an empty list", "at least one share"));
        }
        self.l1_ratios.iter().try_for_each(|&ratio| L1_RATIOS.check(ratio))
    }
}

impl MultiTaskLassoCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];
}

impl Estimator for MultiTaskLassoCv {
    type Input = Matrix;
    type Target = Outputs;
    type Model = MultiTaskCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<MultiTaskCvModel> {
        let Self { n_alphas, eps, cv, fit_intercept, max_iter, tolerance } = *self;
        let l1_ratios = vec![1.0];
        MultiTaskElasticNetCv { l1_ratios, n_alphas, eps, cv, fit_intercept, max_iter, tolerance }
            .fit_on(train)
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

impl Estimator for MultiTaskElasticNetCv {
    type Input = Matrix;
    type Target = Outputs;
    type Model = MultiTaskCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Outputs>) -> Result<MultiTaskCvModel> {
        self.check()?;
        let n_rows = train.x.n_rows();
        if self.cv > n_rows {
            return Err(Error::insufficient_data(format!(
                "{n_rows} rows cannot be cut into {} folds; set `cv` to at most the number of rows",
                self.cv
            )));
        }
        let limits = Limits { tolerance: self.tolerance, max_iter: self.max_iter };
        let problem = Blocks::new(train.x, train.y, None, self.fit_intercept, &train.ctx)?;
        let folds: Vec<Fold> = reduce::try_map_each(self.cv, |fold| {
            let held = &runs(n_rows, self.cv)[fold];
            let rows: Vec<usize> = (0..n_rows).filter(|row| !held.contains(row)).collect();
            let held: Vec<usize> = held.clone().collect();
            let (x, y) = (train.x.take(&rows)?, train.y.take(&rows)?);
            let problem = Blocks::new(&x, &y, None, self.fit_intercept, &train.ctx)?;
            Ok(Fold { problem, x: train.x.take(&held)?, y: train.y.take(&held)? })
        })?;
        let steepest: Vec<f64> = problem.cross.rows().into_iter().map(|row| norm(&row.to_vec())).collect();
        let mut best: Option<Best> = None;
        for (step, &l1_ratio) in self.l1_ratios.iter().enumerate() {
            train.ctx.step(step, self.l1_ratios.len())?;
            let alphas = strengths(&steepest, (l1_ratio, false), self.n_alphas, self.eps);
            let found = reduce::try_map_each(self.cv, |fold| {
                let fold = &folds[fold];
                let mut weights = fold.problem.nothing();
                let mut errors = Vec::with_capacity(alphas.len());
                for &alpha in &alphas {
                    weights = fold.problem.solve(weights, penalty(alpha, l1_ratio), limits, &train.ctx)?.0;
                    errors.push(fold.error(&weights)?);
                }
                Ok(errors)
            })?;
            let errors = Array2::from_shape_fn((alphas.len(), self.cv), |(i, fold)| found[fold][i]);
            let means: Vec<f64> =
                errors.rows().into_iter().map(|row| row.iter().sum::<f64>() / self.cv as f64).collect();
            if !means.iter().all(|mean| mean.is_finite()) {
                return Err(Error::overflow(
                    "an error on held-out rows left the range of f64; standardise the features and scale the targets",
                ));
            }
            // The first of the least: the strongest penalty.
            let least =
                means.iter().zip(&alphas).reduce(|best, next| if next.0 < best.0 { next } else { best });
            if let Some((&mean, &alpha)) =
                least.filter(|(mean, _)| best.as_ref().is_none_or(|best| **mean < best.mean))
            {
                best = Some(Best { mean, alpha, l1_ratio, alphas, errors });
            }
        }
        let Some(Best { alpha, l1_ratio, alphas, errors: mean_squared_errors, .. }) = best else {
            return Err(Error::invalid_param("n_alphas", self.n_alphas, "at least 1"));
        };
        let (weights, search) =
            problem.solve(problem.nothing(), penalty(alpha, l1_ratio), limits, &train.ctx)?;
        let model = problem.model(train.x.features(), weights, search)?;
        Ok(MultiTaskCvModel { model, alpha, l1_ratio, alphas, mean_squared_errors })
    }
}

/// The rows without those of a fold, as products, and those of the fold.
struct Fold {
    problem: Blocks,
    x: Matrix,
    y: Outputs,
}

impl Fold {
    /// The mean squared error on the rows of the fold.
    fn error(&self, weights: &Array2<f64>) -> Result<f64> {
        let (mut answers, intercepts) = (matmul(self.x.dense()?, weights), self.problem.intercepts(weights));
        answers -= &self.y.values().view();
        let squares = answers.rows().into_iter().map(|row| {
            row.iter().zip(&intercepts).map(|(error, intercept)| (error + intercept).powi(2)).sum::<f64>()
        });
        Ok(squares.sum::<f64>() / answers.len() as f64)
    }
}

/// The model of several outputs of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiTaskCvModel {
    model: MultiLinearModel,
    alpha: f64,
    l1_ratio: f64,
    alphas: Vec<f64>,
    mean_squared_errors: Array2<f64>,
}

impl MultiTaskCvModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The model that was fitted to all rows.
    pub fn model(&self) -> &MultiLinearModel {
        &self.model
    }

    /// The change of each output for one unit more of each feature, features x outputs.
    pub fn coefficients(&self) -> &ArrayRef2<f64> {
        self.model.coefficients()
    }

    /// The chosen strength.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The chosen share of the penalty on lengths.
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

impl Predictor for MultiTaskCvModel {
    type Input = Matrix;
    type Output = Outputs;

    fn predict(&self, x: &Matrix) -> Result<Outputs> {
        self.model.predict(x)
    }
}
