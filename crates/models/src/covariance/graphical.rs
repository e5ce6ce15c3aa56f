//! The graphical lasso: which columns depend on each other beside all others.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Error, Estimator, Matrix, NoTarget, Param, Result, Rows, Train};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::estimate::Moments;
use super::model::CovarianceModel;
use crate::setters::setters;

const ALPHA: Param = Param::real("alpha", "strength of the L1 penalty").at_least(0.0).search_log(1e-3, 1e1);
const MAX_ITER: Param = Param::integer("max_iter", "the most rounds over the columns").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the duality gap at which to stop").at_least(0.0);
const N_ALPHAS: Param =
    Param::integer("n_alphas", "how many strengths are tried").at_least(1.0).at_most(1000.0);
const EPS: Param =
    Param::real("eps", "the least strength that is tried over the largest").at_least(1e-6).at_most(1.0);
const CV: Param = Param::integer("cv", "how many folds").at_least(2.0);
/// Sweeps of one column at most.
const SWEEPS: usize = 1000;

/// A covariance whose inverse has many zeros (graphical lasso; Friedman, Hastie and Tibshirani, 2008): columns with a 0 between them do not depend on
/// each other once all others are known.
///
/// Makes the negative log likelihood of a Gaussian plus `alpha` times the sum of the absolute values beside the diagonal of the precision least, by
/// a lasso for each column in turn. The penalty depends on the units: standardise columns first, then `alpha` is the least correlation that
/// counts.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 0.01 | >= 0 | strength of the L1 penalty |
/// | `assume_centered` | false | | whether the means of the columns are taken to be 0 |
/// | `max_iter` | 100 | >= 1 | the most rounds over the columns |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::GraphicalLasso;
///
/// let x = Array2::from_shape_fn((50, 3), |(i, j)| ((i * [3, 5, 3][j]) as f64 + [0.0, 0.0, 0.3][j]).sin());
/// let model = GraphicalLasso::new().alpha(0.1).fit(&Matrix::from(x), &NoTarget)?;
/// assert!(model.precision()[[0, 2]] < 0.0);
/// assert_eq!(model.precision()[[0, 1]], 0.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphicalLasso {
    alpha: f64,
    assume_centered: bool,
    max_iter: usize,
    tolerance: f64,
}

/// A graphical lasso whose strength is chosen by cross-validation.
///
/// The strength with the greatest Gaussian likelihood of the held-out rows, averaged over folds that are runs of successive rows, is fitted to all
/// rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_alphas` | 16 | 1 to 1000 | how many strengths are tried, from the least that leaves no pair |
/// | `eps` | 0.01 | 1e-6 to 1 | the least strength that is tried over the largest |
/// | `cv` | 5 | 2 to the rows | how many folds |
/// | `assume_centered` | false | | whether the means of the columns are taken to be 0 |
/// | `max_iter` | 100 | >= 1 | the most rounds over the columns |
/// | `tolerance` | 1e-6 | >= 0 | the duality gap at which to stop |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::GraphicalLassoCv;
///
/// let x = Array2::from_shape_fn((60, 3), |(i, j)| ((i * (j + 3)) as f64).sin());
/// let model = GraphicalLassoCv::new().cv(3).fit(&Matrix::from(x), &NoTarget)?;
/// assert_eq!(model.alphas().len(), 16);
/// assert!(model.alphas().contains(&model.alpha()));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphicalLassoCv {
    n_alphas: usize,
    eps: f64,
    cv: usize,
    assume_centered: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for GraphicalLasso {
    fn default() -> Self {
        GraphicalLasso { alpha: 0.01, assume_centered: false, max_iter: 100, tolerance: 1e-6 }
    }
}

impl Default for GraphicalLassoCv {
    fn default() -> Self {
        GraphicalLassoCv {
            n_alphas: 16,
            eps: 0.01,
            cv: 5,
            assume_centered: false,
            max_iter: 100,
            tolerance: 1e-6,
        }
    }
}

setters!(GraphicalLasso {
    /// Sets the strength of the penalty.
    alpha: f64,
    /// Sets whether the means of the columns are taken to be 0.
    assume_centered: bool,
    /// Sets the most rounds over the columns.
    max_iter: usize,
    /// Sets the duality gap at which to stop.
    tolerance: f64,
});

setters!(GraphicalLassoCv {
    /// Sets how many strengths are tried.
    n_alphas: usize,
    /// Sets the least strength that is tried over the largest.
    eps: f64,
    /// Sets how many folds there are.
    cv: usize,
    /// Sets whether the means of the columns are taken to be 0.
    assume_centered: bool,
    /// Sets the most rounds over the columns.
    max_iter: usize,
    /// Sets the duality gap at which to stop.
    tolerance: f64,
});

impl GraphicalLasso {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA, MAX_ITER, TOLERANCE];

    fn limits(&self) -> Result<(usize, f64)> {
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        Ok((self.max_iter, self.tolerance))
    }
}

impl GraphicalLassoCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ALPHAS, EPS, CV, MAX_ITER, TOLERANCE];
}

impl Estimator for GraphicalLasso {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = GraphicalLassoModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<GraphicalLassoModel> {
        ALPHA.check(self.alpha)?;
        let limits = self.limits()?;
        let moments = Moments::new(train, self.assume_centered)?;
        let alpha = self.alpha / moments.unit / moments.unit;
        let mut state = Graph::new(&moments.covariance)?;
        state.solve(alpha, limits, &train.ctx)?;
        state.model(train, &moments, vec![self.alpha], 0, Array2::zeros((0, 0)))
    }
}

impl Estimator for GraphicalLassoCv {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = GraphicalLassoModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<GraphicalLassoModel> {
        N_ALPHAS.check_count(self.n_alphas)?;
        EPS.check(self.eps)?;
        CV.check_count(self.cv)?;
        let single = GraphicalLasso {
            alpha: 0.0,
            assume_centered: self.assume_centered,
            max_iter: self.max_iter,
            tolerance: self.tolerance,
        };
        let limits = single.limits()?;
        let n = train.x.n_rows();
        if self.cv > n {
            return Err(Error::insufficient_data(format!(
                "{n} rows cannot be cut into {} folds; set `cv` to at most the number of rows",
                self.cv
            )));
        }
        let moments = Moments::new(train, self.assume_centered)?;
        let p = moments.location.len();
        let unit = moments.unit * moments.unit;
        let pairs = (0..p).flat_map(|i| (0..i).map(move |j| (i, j)));
        let top = pairs.fold(0.0, |top: f64, (i, j)| top.max(moments.covariance[[i, j]].abs()));
        let step = if self.n_alphas > 1 { self.eps.ln() / (self.n_alphas - 1) as f64 } else { 0.0 };
        let alphas: Vec<f64> = (0..self.n_alphas).map(|i| top * (step * i as f64).exp()).collect();
        let bound = |k: usize| k * (n / self.cv) + k.min(n % self.cv);
        let scores = reduce::try_map_each(self.cv, |fold| {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                (0..n).partition(|row| (bound(fold)..bound(fold + 1)).contains(row));
            let x = train.x.take(&outside)?;
            let own = Train::new(&x, &NoTarget).context(train.ctx.child(&format!("fold{fold}")));
            let own = Moments::new(&own, self.assume_centered)?;
            // In one unit for all folds.
            let change = own.unit * own.unit / unit;
            let mut state = Graph::new(&own.covariance.mapv(|value| value * change))?;
            let held = train.x.take(&inside)?;
            let centre: Vec<f64> =
                own.location.iter().map(|value| value * (own.unit / moments.unit)).collect();
            let rows = Array2::from_shape_fn((inside.len(), p), |(i, j)| {
                held.dense().map_or(0.0, |held| held[[i, j]]) / moments.unit - centre[j]
            });
            let truth = rows.t().dot(&rows) / inside.len() as f64;
            alphas
                .iter()
                .map(|&alpha| {
                    state.solve(alpha, limits, &train.ctx)?;
                    state.likelihood(&truth)
                })
                .collect::<Result<Vec<f64>>>()
        })?;
        let scores = Array2::from_shape_fn((alphas.len(), self.cv), |(i, fold)| scores[fold][i]);
        let means: Vec<f64> = scores.rows().into_iter().map(|row| row.sum()).collect();
        let best = (1..means.len()).fold(0, |best, i| if means[i] > means[best] { i } else { best });
        let mut state = Graph::new(&moments.covariance)?;
        for alpha in &alphas[..=best] {
            state.solve(*alpha, limits, &train.ctx)?;
        }
        let alphas = alphas.iter().map(|alpha| alpha * unit).collect();
        state.model(train, &moments, alphas, best, scores)
    }
}

/// A covariance and its inverse on their way.
struct Graph {
    seen: Array2<f64>,
    covariance: Array2<f64>,
    precision: Array2<f64>,
    /// Column j has the coefficients of the others for column j; 0 in its own place.
    weights: Array2<f64>,
    gap: f64,
    rounds: usize,
    converged: bool,
}

impl Graph {
    fn new(seen: &ArrayRef2<f64>) -> Result<Self> {
        let p = seen.nrows();
        if (0..p).any(|j| !(seen[[j, j]] > 0.0)) {
            return Err(Error::singular("a column is constant, so it has no precision; remove it"));
        }
        Ok(Graph {
            seen: seen.to_owned(),
            covariance: Array2::from_diag(&seen.diag()),
            precision: Array2::from_diag(&seen.diag().mapv(|value| 1.0 / value)),
            weights: Array2::zeros((p, p)),
            gap: f64::INFINITY,
            rounds: 0,
            converged: false,
        })
    }

    /// Rounds over the columns at one strength, from where it is.
    fn solve(&mut self, alpha: f64, (max_iter, tolerance): (usize, f64), ctx: &Context) -> Result<()> {
        let p = self.seen.nrows();
        (self.rounds, self.converged) = (0, false);
        if alpha == 0.0 {
            // Nothing is penalised: the inverse itself.
            let factor = Cholesky::new(&self.seen).map_err(|error| {
                Error::singular("without penalty the covariance must not be singular; raise `alpha`")
                    .with_source(error)
            })?;
            (self.covariance, self.precision) = (self.seen.clone(), factor.inverse());
            (self.gap, self.converged) = (0.0, true);
            return Ok(());
        }
        // A start within `alpha` of what was seen that is positive definite keeps all steps so (Mazumder and Hastie, 2012).
        let pairs = self.seen.indexed_iter().filter(|((i, j), _)| i != j);
        let largest = pairs.fold(0.0, |most: f64, (_, value)| most.max(value.abs()));
        let share = if largest > alpha { alpha / largest } else { 1.0 };
        for ((i, j), value) in self.covariance.indexed_iter_mut() {
            *value = self.seen[[i, j]] * if i == j { 1.0 } else { 1.0 - share };
        }
        while self.rounds < max_iter && !self.converged {
            for j in 0..p {
                ctx.check()?;
                self.column(j, alpha);
            }
            self.rounds += 1;
            if !self.precision.iter().chain(&self.covariance).all(|value| value.is_finite()) {
                return Err(Error::overflow(
                    "a precision left the range of f64; standardise the columns or raise `alpha`",
                ));
            }
            self.gap = self.gap(alpha).abs();
            self.converged = self.gap <= tolerance;
        }
        Ok(())
    }

    /// The lasso of one column on the others, and what follows for covariance and precision.
    fn column(&mut self, j: usize, alpha: f64) {
        let p = self.seen.nrows();
        let mut beta = self.weights.column(j).to_vec();
        // `covariance . beta` without row j.
        let mut fitted = vec![0.0; p];
        for (k, weight) in beta.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            fitted.iter_mut().zip(self.covariance.row(k)).for_each(|(to, value)| *to += weight * value);
        }
        let scale = self.seen.diag().iter().fold(0.0, |most: f64, value| most.max(*value));
        for _ in 0..SWEEPS {
            let mut moved: f64 = 0.0;
            for k in (0..p).filter(|&k| k != j) {
                let own = self.covariance[[k, k]];
                let free = self.seen[[k, j]] - fitted[k] + own * beta[k];
                let new = if free.abs() > alpha { (free - alpha.copysign(free)) / own } else { 0.0 };
                let change = new - beta[k];
                if change != 0.0 {
                    beta[k] = new;
                    fitted
                        .iter_mut()
                        .zip(self.covariance.row(k))
                        .for_each(|(to, value)| *to += change * value);
                    moved = moved.max(change.abs() * own);
                }
            }
            if moved <= 1e-13 * scale {
                break;
            }
        }
        for k in (0..p).filter(|&k| k != j) {
            self.covariance[[k, j]] = fitted[k];
            self.covariance[[j, k]] = fitted[k];
        }
        let explained: f64 = (0..p).filter(|&k| k != j).map(|k| fitted[k] * beta[k]).sum();
        let own = 1.0 / (self.covariance[[j, j]] - explained);
        for k in (0..p).filter(|&k| k != j) {
            self.precision[[k, j]] = -own * beta[k];
            self.precision[[j, k]] = self.precision[[k, j]];
        }
        self.precision[[j, j]] = own;
        beta[j] = 0.0;
        self.weights.column_mut(j).iter_mut().zip(&beta).for_each(|(to, weight)| *to = *weight);
    }

    /// `tr(S P) - p + alpha |P|` beside the diagonal: 0 at the optimum.
    fn gap(&self, alpha: f64) -> f64 {
        let p = self.seen.nrows();
        let mut gap = -(p as f64);
        for ((i, j), value) in self.precision.indexed_iter() {
            gap += self.seen[[i, j]] * value + if i == j { 0.0 } else { alpha * value.abs() };
        }
        gap
    }

    /// The Gaussian log likelihood of rows with the given products, but for a constant.
    fn likelihood(&self, truth: &Array2<f64>) -> Result<f64> {
        let trace: f64 = truth.iter().zip(&self.precision).map(|(a, b)| a * b).sum();
        // A precision that is not there yet is as unlikely as can be.
        let Ok(factor) = Cholesky::new(&self.precision) else { return Ok(-f64::MAX.sqrt()) };
        Ok(factor.log_det() - trace)
    }

    fn model(
        self,
        train: &Train<'_, Matrix, NoTarget>,
        moments: &Moments,
        alphas: Vec<f64>,
        best: usize,
        scores: Array2<f64>,
    ) -> Result<GraphicalLassoModel> {
        let unit = moments.unit * moments.unit;
        let location = moments.location.iter().map(|value| value * moments.unit).collect();
        let covariance = self.covariance.mapv(|value| value * moments.unit * moments.unit);
        let precision = self.precision.mapv(|value| value / moments.unit / moments.unit);
        if !precision.iter().chain(&alphas).all(|value| value.is_finite()) || !(unit > 0.0) {
            return Err(Error::overflow("a precision is beyond the range of f64; scale the columns"));
        }
        Ok(GraphicalLassoModel {
            covariance: CovarianceModel::new(train.x.features(), location, covariance, 0.0)?,
            precision,
            alphas,
            best,
            scores,
            gap: self.gap,
            n_iterations: self.rounds,
            converged: self.converged,
        })
    }
}

/// A covariance and its sparse inverse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GraphicalLassoModel {
    covariance: CovarianceModel,
    precision: Array2<f64>,
    alphas: Vec<f64>,
    best: usize,
    scores: Array2<f64>,
    gap: f64,
    n_iterations: usize,
    converged: bool,
}

#[derive(Deserialize)]
struct Parts {
    covariance: CovarianceModel,
    precision: Array2<f64>,
    alphas: Vec<f64>,
    best: usize,
    scores: Array2<f64>,
    gap: f64,
    n_iterations: usize,
    converged: bool,
}

impl TryFrom<Parts> for GraphicalLassoModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { covariance, precision, alphas, best, scores, gap, n_iterations, converged } = parts;
        let fits = precision.dim() == covariance.covariance().dim() && best < alphas.len();
        if !fits || !precision.iter().chain(&alphas).chain([&gap]).all(|value| value.is_finite()) {
            return Err(Error::corrupt("the graphical lasso is damaged"));
        }
        Ok(GraphicalLassoModel { covariance, precision, alphas, best, scores, gap, n_iterations, converged })
    }
}

impl GraphicalLassoModel {
    /// The mean and the covariance, whose inverse is the precision.
    pub fn covariance(&self) -> &CovarianceModel {
        &self.covariance
    }

    /// The inverse of the covariance, columns x columns: 0 between columns that do not depend on each other once the others are known.
    pub fn precision(&self) -> &ArrayRef2<f64> {
        &self.precision
    }

    /// The strength of the penalty.
    pub fn alpha(&self) -> f64 {
        self.alphas[self.best]
    }

    /// The strengths that were tried, the largest first; one where it was given.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }

    /// The log likelihood of held-out rows but for a constant, strengths x folds; empty where the strength was given.
    pub fn scores(&self) -> &ArrayRef2<f64> {
        &self.scores
    }

    /// Whether the rounds came to the tolerance.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The duality gap at the end.
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// How many rounds over the columns were made.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }
}
