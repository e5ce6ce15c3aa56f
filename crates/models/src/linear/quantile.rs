//! Quantile regression.

use ndarray::{Array2, concatenate};
use perennial_core::{Capabilities, Context, Error, Estimator, Matrix, Param, Result, Train, Values};
use perennial_numeric::optimize::Kinked;
use serde::{Deserialize, Serialize};

use super::centred::Scaled;
use super::iterative::{IterativeLinearModel, Search};
use super::kinked::Standard;
use crate::rows::tame;
use crate::setters::setters;

const QUANTILE: Param = Param::real("quantile", "the share of the rows below the line")
    .above(0.0)
    .at_most(1.0 - 1e-9)
    .search(0.05, 0.95);
const ALPHA: Param = Param::real("alpha", "strength of the L1 penalty").at_least(0.0).search_log(1e-4, 1e1);
const MAX_ITER: Param =
    Param::integer("max_iter", "the most steps of the interior point method").at_least(1.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the duality gap at which to stop, as a share of the loss").at_least(0.0);

/// Coefficients below this, for features and a target of unit spread, are rounding.
const ROUNDING: f64 = 1e-11;

/// The line below which a share of the targets lies: quantile regression (Koenker and Bassett, 1978), with a penalty on
/// the absolute values of the coefficients.
///
/// Minimises the mean of `quantile * r` for residuals `r` above 0 and `(quantile - 1) * r` below, plus `alpha` times the sum
/// of absolute coefficients; the intercept is not penalised. This is a linear program. An interior point method comes near
/// the optimum in some twenty passes (Portnoy and Koenker, 1997), and steps from corner to corner (Barrodale and Roberts, 1973) end at an
/// exact one: as many rows as coefficients lie on the line. Columns that others determine have the coefficient 0. Where
/// several lines are best, one of them is taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `quantile` | 0.5 | above 0, below 1 | the share of the rows below the line |
/// | `alpha` | 0 | >= 0 | strength of the L1 penalty; it depends on the units, so standardise features first |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 100 | >= 1 | the most steps of the interior point method |
/// | `tolerance` | 1e-10 | >= 0 | the duality gap at which to stop, as a share of the loss |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::QuantileRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0], [4.0]]);
/// let y = Values::from(vec![1.0, 2.0, 3.0, 4.0, 500.0]);
/// let median = QuantileRegressor::new().fit(&x, &y)?;
/// assert!((median.coefficients()[0] - 1.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileRegressor {
    quantile: f64,
    alpha: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
}

impl Default for QuantileRegressor {
    fn default() -> Self {
        QuantileRegressor { quantile: 0.5, alpha: 0.0, fit_intercept: true, max_iter: 100, tolerance: 1e-10 }
    }
}

setters!(QuantileRegressor {
    /// Sets the share of the rows below the line.
    quantile: f64,
    /// Sets the strength of the penalty.
    alpha: f64,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most steps of the interior point method.
    max_iter: usize,
    /// Sets the duality gap at which to stop, as a share of the loss.
    tolerance: f64,
});

impl QuantileRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[QUANTILE, ALPHA, MAX_ITER, TOLERANCE];

    /// One line for each quantile, whatever `quantile` is set to; they share what is made of the rows.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Matrix, Train, Values};
    /// use perennial_models::QuantileRegressor;
    ///
    /// let x = Matrix::from(array![[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]);
    /// let y = Values::from(vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0]);
    /// let lines = QuantileRegressor::new().several(&Train::new(&x, &y), &[0.1, 0.5, 0.9])?;
    /// assert!((lines[1].coefficients()[0] - 2.0).abs() < 1e-12);
    /// assert!((lines[2].coefficients()[0] - 3.0).abs() < 1e-12);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a setting or the data does not allow a fit, or the work was cancelled.
    pub fn several(
        &self,
        train: &Train<'_, Matrix, Values>,
        quantiles: &[f64],
    ) -> Result<Vec<IterativeLinearModel>> {
        ALPHA.check(self.alpha)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        quantiles.iter().try_for_each(|&quantile| QUANTILE.check(quantile))?;
        train.check(&self.capabilities())?;
        let weights = tame(train.weights);
        let problem = Problem::new(self, train, weights.as_deref())?;
        let one = |&quantile: &f64| {
            let (coefficients, intercept, search) = problem.line(self, quantile, &train.ctx)?;
            IterativeLinearModel::new(train.x.features(), coefficients, intercept, search)
        };
        quantiles.iter().map(one).collect()
    }
}

impl Estimator for QuantileRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        QUANTILE.check(self.quantile)?;
        let line = self.several(train, &[self.quantile])?.pop();
        line.ok_or_else(|| Error::empty("no quantile was asked for"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

/// The rows that count, then one row for each penalised coefficient.
struct Problem<'a> {
    standard: Standard,
    target: Scaled<'a>,
    kinked: Kinked,
    shares: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(
        settings: &QuantileRegressor,
        train: &Train<'a, Matrix, Values>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let target = Scaled::new(train.y.as_slice(), weights, settings.fit_intercept);
        let penalised = settings.alpha > 0.0;
        let standard = Standard::new(train.x, weights, settings.fit_intercept, !penalised)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total: f64 = standard.places.iter().map(|&row| weight(row)).sum();
        // In shares of the rows' number, so that costs are about 1.
        let n_rows = standard.places.len() as f64;
        let mut shares: Vec<f64> =
            standard.places.iter().map(|&row| weight(row) * (n_rows / total)).collect();
        let mut design = standard.rows.clone();
        let mut values: Vec<f64> = standard.places.iter().map(|&row| target.at(row)).collect();
        if penalised {
            let (n, width) = (standard.columns.len(), design.ncols());
            let strength = |k: usize| settings.alpha * n_rows / standard.scales()[k];
            let own = Array2::from_shape_fn((n, width), |(i, j)| f64::from(i == j));
            design = concatenate![ndarray::Axis(0), design, own];
            values.extend(std::iter::repeat_n(0.0, n));
            shares.extend((0..n).map(strength));
        }
        let (n, width) = design.dim();
        if shares.iter().any(|share| !(*share > 0.0 && *share < 1e200)) {
            return Err(Error::overflow(
                "the penalty is too far from the scale of the features; standardise the features",
            ));
        }
        let kinked = Kinked {
            design,
            target: values,
            up: vec![0.0; n],
            down: vec![0.0; n],
            quadratic: vec![0.0; width],
        };
        Ok(Problem { standard, target, kinked, shares })
    }

    fn line(
        &self,
        settings: &QuantileRegressor,
        quantile: f64,
        ctx: &Context,
    ) -> Result<(Vec<f64>, f64, Search)> {
        let width = self.kinked.design.ncols();
        let mut unknowns = vec![0.0; width];
        let mut search = Search { n_iterations: 0, gap: 0.0, converged: true };
        // A target that is the same everywhere is met by no slope.
        if width > 0 && self.kinked.target.iter().any(|y| *y != 0.0) {
            let n_rows = self.standard.places.len();
            let mut problem = self.kinked.clone();
            for (i, share) in self.shares.iter().enumerate() {
                let quantile = if i < n_rows { quantile } else { 0.5 };
                let share = if i < n_rows { *share } else { 2.0 * share };
                (problem.up[i], problem.down[i]) = (share * quantile, share * (1.0 - quantile));
            }
            let near = problem.minimise(settings.tolerance, settings.max_iter, ctx)?;
            let best = problem.corner(&near, ctx)?.unwrap_or(near);
            search = Search {
                n_iterations: best.n_iterations,
                gap: best.gap / best.value.max(f64::MIN_POSITIVE),
                converged: best.converged,
            };
            unknowns = best.x;
            // A coefficient that a corner holds at 0 is 0 but for rounding.
            if settings.alpha > 0.0 {
                let own = unknowns.iter_mut().take(self.standard.columns.len());
                own.filter(|value| value.abs() < ROUNDING).for_each(|value| *value = 0.0);
            }
        }
        let (coefficients, intercept) =
            self.standard.in_units(&unknowns, self.target.scale, self.target.centre);
        Ok((coefficients, intercept, search))
    }
}
