//! The lasso by least angle regression with a strength that is chosen: by cross-validation, or by what a coefficient costs.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView1};
use perennial_core::{
    Capabilities, Error, Estimator, Features, Matrix, Param, Predictor, Result, ResultExt, Rows, Train,
    Values,
};
use serde::{Deserialize, Serialize};

use super::elastic_net_cv::ElasticNetCvModel;
use super::iterative::{IterativeLinearModel, Search};
use super::lars::{LarsPath, LassoLars};
use super::least_squares::LinearRegression;
use super::model::scores;
use crate::folds::{CV, Folds};
use crate::setters::setters;

const MAX_ITER: Param = Param::integer("max_iter", "the most corners").at_least(1.0);
const MAX_N_ALPHAS: Param =
    Param::integer("max_n_alphas", "about how many strengths are tried").at_least(1.0).at_most(1e6);
const NOISE: Param = Param::real("noise_variance", "the variance of the noise").above(0.0).at_most(1e100);
/// The least variance of the noise, where the target is 1 off its mean at most: what is below is rounding.
const LEAST_NOISE: f64 = 1e-30;

/// The lasso by least angle regression whose strength is chosen by cross-validation.
///
/// The exact path is followed on each training set, and all of its corners are tried: the errors between two corners are those of coefficients on the
/// straight line between them. The strength with the least mean squared error, averaged over the folds, is fitted to all
/// rows. It needs no grid of strengths, as [`LassoCv`](crate::LassoCv) does, and pays where few columns matter. Row weights are not taken, as a
/// fold would cut through the copies of a row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `cv` | 5 | >= 2 | how many folds |
/// | `folds` | `Runs` | `Runs`, `Shuffled`, `Given` | which rows are held out together |
/// | `max_n_alphas` | 1000 | 1 to a million | about how many strengths are tried: of more corners every so many |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 500 | >= 1 | the most corners of each path |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::LassoLarsCv;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y: Values = x.rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
/// let model = LassoLarsCv::new().fit(&Matrix::from(x), &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 0.1);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LassoLarsCv {
    cv: usize,
    folds: Folds,
    max_n_alphas: usize,
    fit_intercept: bool,
    max_iter: usize,
}

impl Default for LassoLarsCv {
    fn default() -> Self {
        LassoLarsCv { cv: 5, folds: Folds::Runs, max_n_alphas: 1000, fit_intercept: true, max_iter: 500 }
    }
}

setters!(LassoLarsCv {
    /// Sets how many folds there are.
    cv: usize,
    /// Sets which rows are held out together.
    folds: Folds,
    /// Sets about how many strengths are tried.
    max_n_alphas: usize,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most corners of each path.
    max_iter: usize,
});

impl LassoLarsCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CV, MAX_N_ALPHAS, MAX_ITER];
}

/// The coefficients and the intercept of a path at a strength; beyond its ends those of the ends.
fn between(path: &LarsPath, alpha: f64) -> (Vec<f64>, f64) {
    let (alphas, rows, intercepts) = (path.alphas(), path.coefficients(), path.intercepts());
    let above = alphas.partition_point(|corner| *corner > alpha);
    let (high, low) = (above.saturating_sub(1), above.min(alphas.len() - 1));
    let share = if high == low { 0.0 } else { (alphas[high] - alpha) / (alphas[high] - alphas[low]) };
    let mixed = |high: f64, low: f64| high + share * (low - high);
    let weights = rows.row(high).iter().zip(rows.row(low)).map(|(high, low)| mixed(*high, *low)).collect();
    (weights, mixed(intercepts[high], intercepts[low]))
}

impl Estimator for LassoLarsCv {
    type Input = Matrix;
    type Target = Values;
    type Model = ElasticNetCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ElasticNetCvModel> {
        MAX_N_ALPHAS.check_count(self.max_n_alphas)?;
        MAX_ITER.check_count(self.max_iter)?;
        let lasso = LassoLars::new().fit_intercept(self.fit_intercept).max_iter(self.max_iter);
        let seed = train.ctx.seed(None);
        let assigned = self.folds.assign(train.x.n_rows(), self.cv, None, train.groups, seed)?;
        let mut paths = Vec::with_capacity(assigned.n_folds);
        for fold in 0..assigned.n_folds {
            let (outside, inside) = assigned.parts(fold);
            let (x, y) = (train.x.take(&outside)?, train.y.take(&outside)?);
            let inner = Train::new(&x, &y).context(train.ctx.child(&format!("fold{fold}")));
            let path = lasso.clone().alpha(0.0).path(&inner).context(format!("fold {fold}"))?;
            paths.push((path, train.x.take(&inside)?, train.y.take(&inside)?));
        }
        let mut alphas: Vec<f64> = paths.iter().flat_map(|(path, _, _)| path.alphas().to_vec()).collect();
        alphas.sort_by(f64::total_cmp);
        alphas.dedup();
        let step = (alphas.len() / self.max_n_alphas).max(1);
        let alphas: Vec<f64> = alphas.into_iter().step_by(step).collect();
        let mut errors = Array2::zeros((alphas.len(), paths.len()));
        let mut best: Option<(usize, f64)> = None;
        for (k, &alpha) in alphas.iter().enumerate() {
            train.ctx.step(k, alphas.len())?;
            for (fold, (path, x, y)) in paths.iter().enumerate() {
                let (weights, intercept) = between(path, alpha);
                let answers = scores(x, &weights, intercept)?;
                let squares = answers.iter().zip(y.as_slice()).map(|(answer, y)| (answer - y) * (answer - y));
                errors[[k, fold]] = squares.sum::<f64>() / y.n_rows() as f64;
            }
            let mean = errors.row(k).iter().sum::<f64>() / paths.len() as f64;
            if mean.is_finite() && best.is_none_or(|(_, least)| mean < least) {
                best = Some((k, mean));
            }
        }
        let Some((k, _)) = best else {
            return Err(Error::overflow(
                "the squared errors leave the range of f64 for each strength; scale the target",
            ));
        };
        let all = Train::new(train.x, train.y).context(train.ctx.child("all"));
        let model = lasso.alpha(alphas[k]).fit_on(&all)?;
        // The largest strength first, and errors beyond the range as the largest number.
        let errors = Array2::from_shape_fn(errors.dim(), |(row, fold)| {
            errors[[alphas.len() - 1 - row, fold]].min(f64::MAX)
        });
        Ok(ElasticNetCvModel {
            model,
            alpha: alphas[k],
            l1_ratio: 1.0,
            alphas: alphas.into_iter().rev().collect(),
            mean_squared_errors: errors,
        })
    }

    /// Groups are kept together where rows are dealt out.
    fn capabilities(&self) -> Capabilities {
        match self.folds {
            Folds::Shuffled => Capabilities::new().groups(),
            _ => Capabilities::new(),
        }
    }
}

/// What a coefficient costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InformationCriterion {
    /// 2 (Akaike, 1974): the line that will predict best.
    #[default]
    Aic,
    /// The logarithm of the number of rows (Schwarz, 1978): the columns that are truly there, as rows become many.
    Bic,
}

/// The lasso by least angle regression whose strength is chosen by an information criterion: each corner of the path is charged
/// for its coefficients that are not 0 (Zou, Hastie and Tibshirani, 2007).
///
/// The criterion is `n ln(2 pi v) + squares / v + cost * coefficients`, with `v` the variance of the noise, which comes from least
/// squares on all columns unless it is given. It takes one path, where [`LassoLarsCv`] takes one for each fold, and more rows than
/// columns or a variance that is known. Row weights are not taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `criterion` | `Aic` | `Aic`, `Bic` | what a coefficient costs |
/// | `noise_variance` | that of least squares | > 0 | the variance of the noise |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 500 | >= 1 | the most corners |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::LassoLarsIc;
/// use perennial_models::linear::InformationCriterion;
///
/// let x = Array2::from_shape_fn((40, 3), |(i, j)| ((7 * i + 3 * j * i + j) % 11) as f64);
/// let y: Values = (0..40).map(|i| 2.0 * x[[i, 0]] + ((i * i) % 5) as f64 * 0.1).collect();
/// let model = LassoLarsIc::new().criterion(InformationCriterion::Bic).fit(&Matrix::from(x), &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 0.1);
/// assert_eq!(model.alphas().len(), model.criteria().len());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LassoLarsIc {
    criterion: InformationCriterion,
    noise_variance: Option<f64>,
    fit_intercept: bool,
    max_iter: usize,
}

impl Default for LassoLarsIc {
    fn default() -> Self {
        let criterion = InformationCriterion::Aic;
        LassoLarsIc { criterion, noise_variance: None, fit_intercept: true, max_iter: 500 }
    }
}

setters!(LassoLarsIc {
    /// Sets what a coefficient costs.
    criterion: InformationCriterion,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most corners.
    max_iter: usize,
});

impl LassoLarsIc {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[NOISE, MAX_ITER];

    /// Sets the variance of the noise.
    #[must_use]
    pub fn noise_variance(mut self, noise_variance: f64) -> Self {
        self.noise_variance = Some(noise_variance);
        self
    }

    /// The variance of what least squares leaves, by `squares` of its answers.
    fn noise(&self, train: &Train<'_, Matrix, Values>, squares: impl Fn(&[f64]) -> f64) -> Result<f64> {
        let full = LinearRegression::new().fit_intercept(self.fit_intercept).fit_on(train)?;
        let left = train.x.n_rows() as f64 - full.rank() as f64;
        if !(left > 0.0) {
            return Err(Error::insufficient_data(format!(
                "{} rows leave nothing to estimate the noise from beside {} coefficients; set `noise_variance`, or take `LassoLarsCv`",
                train.x.n_rows(),
                full.rank()
            )));
        }
        Ok(squares(full.predict(train.x)?.as_slice()) / left)
    }
}

impl Estimator for LassoLarsIc {
    type Input = Matrix;
    type Target = Values;
    type Model = LassoLarsIcModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<LassoLarsIcModel> {
        MAX_ITER.check_count(self.max_iter)?;
        self.noise_variance.map_or(Ok(()), |variance| NOISE.check(variance))?;
        let lasso = LassoLars::new().alpha(0.0).fit_intercept(self.fit_intercept).max_iter(self.max_iter);
        let path = lasso.path(train)?;
        let (n, y) = (train.x.n_rows() as f64, train.y.as_slice());
        // In units of the target's reach no square leaves the range.
        let mean = if self.fit_intercept { y.iter().map(|y| y / n).sum::<f64>() } else { 0.0 };
        let most = y.iter().fold(0.0, |most: f64, y| most.max((y - mean).abs()));
        let unit = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        let squares = |answers: &[f64]| -> f64 {
            answers.iter().zip(y).map(|(answer, y)| ((y - answer) / unit).powi(2)).sum()
        };
        let variance = match self.noise_variance {
            Some(variance) => variance / unit / unit,
            None => self.noise(train, squares)?.max(LEAST_NOISE),
        };
        let cost = match self.criterion {
            InformationCriterion::Aic => 2.0,
            InformationCriterion::Bic => n.ln(),
        };
        let constant = n * ((2.0 * PI * variance).ln() + 2.0 * unit.ln());
        let mut criteria = Vec::with_capacity(path.alphas().len());
        let mut best: Option<(usize, f64)> = None;
        for (k, weights) in path.coefficients().rows().into_iter().enumerate() {
            train.ctx.check()?;
            let answers = scores(train.x, &weights.to_vec(), path.intercepts()[k])?;
            let n_coefficients = weights.iter().filter(|weight| **weight != 0.0).count() as f64;
            let criterion = constant + squares(&answers) / variance + cost * n_coefficients;
            if criterion.is_finite() && best.is_none_or(|(_, least)| criterion < least) {
                best = Some((k, criterion));
            }
            criteria.push(criterion.min(f64::MAX));
        }
        let Some((k, _)) = best else {
            return Err(Error::overflow("no criterion is in the range of f64; scale the target"));
        };
        let search = Search { n_iterations: k, gap: path.gap(), converged: path.converged() };
        let weights = path.coefficients().row(k).to_vec();
        let model = IterativeLinearModel::new(train.x.features(), weights, path.intercepts()[k], search)?;
        Ok(LassoLarsIcModel {
            model,
            alpha: path.alphas()[k],
            alphas: path.alphas().to_vec(),
            criteria,
            noise_variance: (variance * unit * unit).min(f64::MAX),
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

/// The lasso of the chosen strength, and the criterion that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LassoLarsIcModel {
    model: IterativeLinearModel,
    alpha: f64,
    alphas: Vec<f64>,
    criteria: Vec<f64>,
    noise_variance: f64,
}

impl LassoLarsIcModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The line at the chosen corner.
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

    /// The strength at each corner, the largest first.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The criterion at each corner; the least one was chosen.
    pub fn criteria(&self) -> &[f64] {
        &self.criteria
    }

    /// The variance of the noise that the criterion was made with.
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }
}

impl Predictor for LassoLarsIcModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        self.model.predict(x)
    }
}
