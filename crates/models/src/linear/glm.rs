//! Generalised linear models: settings and fitting.

use ndarray::Array2;
use perennial_core::{Capabilities, Error, Estimator, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::optimize::{self, Minimum, SecondOrder, lbfgs, newton};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::StandardErrors;
use super::design::Design;
use super::glm_model::{GlmFit, GlmModel};
use super::model::total_weight;
use super::sandwich::Sandwich;
use super::smooth::{AtScore, Smooth};
use crate::rows::tame;

const ALPHA: Param =
    Param::real("alpha", "strength of the L2 penalty").at_least(0.0).at_most(1e100).search_log(1e-6, 1e2);
const POWER: Param =
    Param::real("power", "the power of the mean that the variance grows with").at_least(0.0).at_most(10.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps of the solver").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the size of the gradient at which to stop").at_least(0.0);
/// More unknowns than this are found by L-BFGS.
const NEWTON_UNKNOWNS: usize = 500;

/// How the variance of the target grows with its mean, and how the mean depends on the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Family {
    pub(super) power: f64,
}

impl Family {
    /// The mean is the score itself, not its exponential.
    pub(super) fn identity(self) -> bool {
        self.power == 0.0
    }

    pub(super) fn mean(self, score: f64) -> f64 {
        if self.identity() { score } else { score.exp() }
    }

    /// Half the unit deviance as a function of the score, but for what depends on the target alone.
    fn at(self, y: f64, score: f64) -> AtScore {
        let p = self.power;
        if p == 0.0 {
            let miss = score - y;
            return AtScore { value: 0.5 * miss * miss, slope: miss, curvature: 1.0 };
        }
        if p == 1.0 {
            let mean = score.exp();
            return AtScore { value: mean - y * score, slope: mean - y, curvature: mean };
        }
        if p == 2.0 {
            let share = y * (-score).exp();
            return AtScore { value: score + share, slope: 1.0 - share, curvature: share };
        }
        let (up, down) = (((2.0 - p) * score).exp(), y * ((1.0 - p) * score).exp());
        // Beyond powers of 1 to 2 the expected curvature, which is positive.
        let curvature = if (1.0..=2.0).contains(&p) { (2.0 - p) * up - (1.0 - p) * down } else { up };
        AtScore { value: up / (2.0 - p) - down / (1.0 - p), slope: up - down, curvature }
    }

    /// The unit deviance.
    pub(super) fn deviance(self, y: f64, mean: f64) -> f64 {
        let p = self.power;
        let log = |y: f64| if y > 0.0 { y * (y / mean).ln() } else { 0.0 };
        let deviance = if p == 0.0 {
            (y - mean) * (y - mean)
        } else if p == 1.0 {
            2.0 * (log(y) - y + mean)
        } else if p == 2.0 {
            2.0 * ((mean / y).ln() + y / mean - 1.0)
        } else {
            2.0 * (y.max(0.0).powf(2.0 - p) / ((1.0 - p) * (2.0 - p)) - y * mean.powf(1.0 - p) / (1.0 - p)
                + mean.powf(2.0 - p) / (2.0 - p))
        };
        deviance.max(0.0)
    }

    fn check(self, y: &[f64]) -> Result<()> {
        let (least, what) = match self.power {
            0.0 => return Ok(()),
            p if p < 2.0 => (0.0, "at least 0"),
            _ => (f64::MIN_POSITIVE, "above 0"),
        };
        match y.iter().position(|&y| y < least) {
            None => Ok(()),
            Some(row) => Err(Error::malformed(format!(
                "the target is {} at row {row}; a variance of power {} needs targets {what}",
                y[row], self.power
            ))),
        }
    }
}

/// The settings that all share.
#[derive(Clone, Debug, PartialEq)]
struct Common<'a> {
    alpha: f64,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    offset: Option<&'a str>,
    standard_errors: StandardErrors,
}

macro_rules! glm {
    ($(#[$docs:meta])* $name:ident, $family:expr, { $($power:ident)? }, [$($param:ident),*]) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($power: f64,)?
            alpha: f64,
            fit_intercept: bool,
            max_iter: usize,
            tolerance: f64,
            offset: Option<String>,
            standard_errors: StandardErrors,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    $($power: 0.0,)?
                    alpha: 1.0,
                    fit_intercept: true,
                    max_iter: 100,
                    tolerance: 1e-8,
                    offset: None,
                    standard_errors: StandardErrors::Classical,
                }
            }
        }

        impl $name {
            /// The numeric settings with their ranges.
            pub const PARAMS: &'static [Param] = &[$($param),*];

            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                /// Sets the power of the mean that the variance grows with.
                #[must_use]
                pub fn $power(mut self, $power: f64) -> Self {
                    self.$power = $power;
                    self
                }
            )?

            /// Sets the strength of the penalty; 0 allows [`GlmModel::inference`].
            #[must_use]
            pub fn alpha(mut self, alpha: f64) -> Self {
                self.alpha = alpha;
                self
            }

            /// Sets whether scores may be shifted.
            #[must_use]
            pub fn fit_intercept(mut self, fit_intercept: bool) -> Self {
                self.fit_intercept = fit_intercept;
                self
            }

            /// Sets the most steps of the solver.
            #[must_use]
            pub fn max_iter(mut self, max_iter: usize) -> Self {
                self.max_iter = max_iter;
                self
            }

            /// Sets the size of the gradient at which to stop.
            #[must_use]
            pub fn tolerance(mut self, tolerance: f64) -> Self {
                self.tolerance = tolerance;
                self
            }

            /// Names a column that is added to the score as it is, with the coefficient 1: the logarithm of the exposure.
            #[must_use]
            pub fn offset(mut self, column: impl Into<String>) -> Self {
                self.offset = Some(column.into());
                self
            }

            /// Sets what the variance may be for the standard errors of [`GlmModel::inference`].
            #[must_use]
            pub fn standard_errors(mut self, standard_errors: StandardErrors) -> Self {
                self.standard_errors = standard_errors;
                self
            }
        }

        impl Estimator for $name {
            type Input = Matrix;
            type Target = Values;
            type Model = GlmModel;

            fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<GlmModel> {
                let family: fn(&$name) -> f64 = $family;
                let power = family(self);
                if !(power == 0.0 || power >= 1.0) || POWER.check(power).is_err() {
                    return Err(Error::invalid_param("power", power, "0, or a finite number >= 1 and <= 10"));
                }
                let common = Common {
                    alpha: self.alpha,
                    fit_intercept: self.fit_intercept,
                    max_iter: self.max_iter,
                    tolerance: self.tolerance,
                    offset: self.offset.as_deref(),
                    standard_errors: self.standard_errors,
                };
                fit(&common, Family { power }, train)
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::new().weights().sparse()
            }
        }
    };
}

glm! {
    /// Poisson regression: counts, or rates of counts, whose logarithm of the mean is linear (Nelder and Wedderburn, 1972).
    ///
    /// Minimises half the mean deviance plus `alpha / 2` times the sum of squared coefficients, by Newton's method with a
    /// Cholesky factor (L-BFGS above 500 features). Without penalty [`GlmModel::inference`] gives standard errors.
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `alpha` | 1 | >= 0 | strength of the L2 penalty |
    /// | `fit_intercept` | true | | whether scores may be shifted |
    /// | `max_iter` | 100 | >= 1 | the most steps of the solver |
    /// | `tolerance` | 1e-8 | >= 0 | stop when no entry of the gradient, for features of unit scale, is larger |
    /// | `offset` | none | a column | added to the score as it is, such as the logarithm of the exposure |
    /// | `standard_errors` | `Classical` | `Classical`, `Hc0` to `Hc3` | what the variance may be for [`GlmModel::inference`] |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::PoissonRegressor;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    /// let model = PoissonRegressor::new().alpha(0.0).fit(&x, &Values::from(vec![1.0, 2.0, 4.0, 8.0]))?;
    /// assert!((model.coefficients()[0] - 2f64.ln()).abs() < 1e-9);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    PoissonRegressor, |_| 1.0, {}, [ALPHA, MAX_ITER, TOLERANCE]
}

glm! {
    /// Gamma regression: positive targets whose deviation grows with their mean, the logarithm of which is linear.
    ///
    /// Settings and method are those of [`PoissonRegressor`].
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `alpha` | 1 | >= 0 | strength of the L2 penalty |
    /// | `fit_intercept` | true | | whether scores may be shifted |
    /// | `max_iter` | 100 | >= 1 | the most steps of the solver |
    /// | `tolerance` | 1e-8 | >= 0 | stop when no entry of the gradient, for features of unit scale, is larger |
    /// | `offset` | none | a column | added to the score as it is |
    /// | `standard_errors` | `Classical` | `Classical`, `Hc0` to `Hc3` | what the variance may be for [`GlmModel::inference`] |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::GammaRegressor;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    /// let model = GammaRegressor::new().alpha(0.0).fit(&x, &Values::from(vec![1.0, 2.0, 4.0, 8.0]))?;
    /// assert!((model.coefficients()[0] - 2f64.ln()).abs() < 1e-9);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    GammaRegressor, |_| 2.0, {}, [ALPHA, MAX_ITER, TOLERANCE]
}

glm! {
    /// Regression for targets whose variance grows with a power of the mean (Tweedie, 1984).
    ///
    /// The power 0 is the normal distribution, where the mean is the score itself; for the others the logarithm of the mean
    /// is linear: 1 is Poisson, 1 to 2 sums of a random number of gamma variables (claims, rain), 2 gamma, 3 inverse
    /// Gaussian. Method and other settings are those of [`PoissonRegressor`].
    ///
    /// | setting | default | range | meaning |
    /// |---|---|---|---|
    /// | `power` | 0 | 0, or 1 to 10 | the power of the mean that the variance grows with |
    /// | `alpha` | 1 | >= 0 | strength of the L2 penalty |
    /// | `fit_intercept` | true | | whether scores may be shifted |
    /// | `max_iter` | 100 | >= 1 | the most steps of the solver |
    /// | `tolerance` | 1e-8 | >= 0 | stop when no entry of the gradient, for features of unit scale, is larger |
    /// | `offset` | none | a column | added to the score as it is |
    /// | `standard_errors` | `Classical` | `Classical`, `Hc0` to `Hc3` | what the variance may be for [`GlmModel::inference`] |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_models::TweedieRegressor;
    ///
    /// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    /// let model = TweedieRegressor::new().power(1.5).alpha(0.0).fit(&x, &Values::from(vec![1.0, 2.0, 4.0, 8.0]))?;
    /// assert!((model.coefficients()[0] - 2f64.ln()).abs() < 1e-9);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    TweedieRegressor, |settings| settings.power, { power }, [POWER, ALPHA, MAX_ITER, TOLERANCE]
}

fn fit(common: &Common<'_>, family: Family, train: &Train<'_, Matrix, Values>) -> Result<GlmModel> {
    ALPHA.check(common.alpha)?;
    MAX_ITER.check_count(common.max_iter)?;
    TOLERANCE.check(common.tolerance)?;
    let y = train.y.as_slice();
    family.check(y)?;
    let n_rows = train.x.n_rows();
    let features = train.x.features();
    let (x, offsets, place) = split_offset(train.x, common.offset)?;
    if x.n_cols() == 0 && !common.fit_intercept {
        return Err(Error::empty("beside the offset there are no columns and no intercept to learn"));
    }
    let weights = tame(train.weights);
    let weights = weights.as_deref();
    let total = total_weight(weights, n_rows);
    // The target in units of its mean: the same model but for the intercept, and in range.
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let average = reduce::sum_by(n_rows, |row| weight(row) / total * y[row]);
    if !average.is_finite() || !family.identity() && !(average > 0.0) {
        return Err(Error::malformed(format!(
            "the mean of the target is {average}; its logarithm must be a finite number, so at least one target must be above 0"
        )));
    }
    let start_score = if family.identity() { average } else { average.ln() };
    let design = Design::new(&x, weights, common.alpha * total, common.fit_intercept)?;
    let loss = |row: usize, score: f64| family.at(y[row], score);
    let smooth = Smooth { design: &design, offsets: offsets.as_deref(), loss };
    let mut start = vec![0.0; smooth.n_unknowns()];
    if common.fit_intercept {
        start[design.n_features] =
            start_score - offsets.as_ref().map_or(0.0, |offsets| reduce::mean(offsets));
    }
    let settings = optimize::Settings::new().max_iter(common.max_iter).tolerance(common.tolerance);
    let minimum: Minimum = match start.len() <= NEWTON_UNKNOWNS {
        true => newton(&smooth, &start, &settings, &train.ctx)?,
        false => lbfgs(&smooth, &start, &settings, &train.ctx)?,
    };
    let (own, intercept) = smooth.in_units(&minimum.x)?;
    let fit = describe(&smooth, &minimum, family, common, train, (&own, intercept), &x, offsets.as_deref())?;
    let mut coefficients = own;
    if let Some(place) = place {
        coefficients.insert(place, 1.0);
    }
    GlmModel::new(features, coefficients, intercept, family, place, &minimum, fit)
}

/// The columns to learn from, and the one that is added as it is, with its place.
fn split_offset(x: &Matrix, name: Option<&str>) -> Result<(Matrix, Option<Vec<f64>>, Option<usize>)> {
    let Some(name) = name else { return Ok((x.clone(), None, None)) };
    let Some(place) = x.features().names().position(|known| known == name) else {
        return Err(Error::unknown(format!(
            "the offset is to be the column `{name}`, which the input lacks"
        )));
    };
    let others: Vec<usize> = (0..x.n_cols()).filter(|&j| j != place).collect();
    let column = x.select(&[place])?.to_dense()?;
    Ok((x.select(&others)?, Some(column.dense()?.iter().copied().collect()), Some(place)))
}

/// Deviances, dispersion and, without penalty, the spreads of the coefficients.
#[allow(clippy::too_many_arguments)]
fn describe<F: Fn(usize, f64) -> AtScore + Sync>(
    smooth: &Smooth<'_, F>,
    minimum: &Minimum,
    family: Family,
    common: &Common<'_>,
    train: &Train<'_, Matrix, Values>,
    (coefficients, intercept): (&[f64], f64),
    x: &Matrix,
    offsets: Option<&[f64]>,
) -> Result<GlmFit> {
    let y = train.y.as_slice();
    let scores = super::model::scores(x, coefficients, intercept)?;
    let offset = |row: usize| offsets.map_or(0.0, |offsets| offsets[row]);
    let weight = |row: usize| train.weight(row);
    let mean = |row: usize| family.mean(scores[row] + offset(row));
    let counted = |row: usize, value: f64| if weight(row) == 0.0 { 0.0 } else { weight(row) * value };
    let deviance = reduce::sum_by(y.len(), |row| counted(row, family.deviance(y[row], mean(row))));
    let pearson = reduce::sum_by(y.len(), |row| {
        let miss = y[row] - mean(row);
        counted(row, miss * miss / mean(row).abs().powf(family.power))
    });
    let n_rows = total_weight(train.weights, y.len());
    let degrees = n_rows - smooth.n_unknowns() as f64;
    // The information expected at the answer, for standard errors: the variance of each row's mean.
    let expected = |row: usize, score: f64| AtScore {
        value: 0.0,
        slope: 0.0,
        curvature: {
            let _ = row;
            family.mean(score).powf(if family.identity() { 0.0 } else { 2.0 - family.power })
        },
    };
    let information = Smooth { design: smooth.design, offsets, loss: expected };
    let small = smooth.n_unknowns() <= NEWTON_UNKNOWNS;
    let spreads = (common.alpha == 0.0 && small).then(|| information.spreads(&minimum.x)).flatten();
    let robust = match common.standard_errors {
        StandardErrors::Classical => None,
        kind => spreads.is_some().then(|| {
            let at = |row: usize, score: f64| AtScore {
                slope: family.at(y[row], score).slope,
                ..(information.loss)(row, score)
            };
            let mut hessian = Array2::zeros((minimum.x.len(), minimum.x.len()));
            information.hessian(&minimum.x, &mut hessian);
            let (design, weights) = (smooth.design, train.weights);
            Sandwich { kind, design, offsets, weights, at }.errors(&minimum.x, &hessian)
        }),
    };
    // Where robust errors cannot be told, classical ones must not take their place.
    let spreads = spreads.filter(|_| !robust.as_ref().is_some_and(|robust| robust.errors.is_empty()));
    // `tame` may have divided weights that are extreme by a common factor.
    let factor = (smooth.design.total_weight / n_rows).sqrt();
    let spreads = spreads.map(|spreads| spreads.iter().map(|spread| spread * factor).collect());
    let dispersion = match family.power {
        1.0 => 1.0,
        _ => pearson / degrees,
    };
    let finite = |number: f64| if number.is_finite() { Some(number) } else { None };
    Ok(GlmFit {
        has_intercept: common.fit_intercept,
        degrees_of_freedom: degrees,
        deviance: finite(deviance),
        dispersion: if degrees > 0.0 || family.power == 1.0 { finite(dispersion) } else { None },
        spreads: spreads.unwrap_or_default(),
        robust: robust.unwrap_or_default(),
        penalised: common.alpha > 0.0,
    })
}
