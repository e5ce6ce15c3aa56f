//! What a least-squares fit says about the coefficients behind the data.

use perennial_core::{Error, Param, Result};
use perennial_statistics::distribution::{Distribution, FisherF, Normal, StudentT};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::LinearModel;

pub(super) const LEVEL: Param =
    Param::real("level", "confidence level of the intervals").above(0.0).at_most(1.0 - f64::EPSILON);
/// What the constant of the design is called.
const INTERCEPT: &str = "(intercept)";

/// One coefficient of a linear regression and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoefficientInference {
    /// The feature, or `(intercept)`.
    pub name: String,
    /// The estimate.
    pub estimate: f64,
    /// The standard deviation of the estimate.
    pub standard_error: f64,
    /// The estimate in standard errors.
    pub t: f64,
    /// The chance of a `t` at least as far from 0 where the true coefficient is 0.
    pub p_value: f64,
    /// The confidence interval.
    pub interval: Interval,
}

/// The distribution that an estimate in standard errors is compared with.
pub(super) enum Tails {
    Normal,
    Student(StudentT),
}

impl Tails {
    /// The number that is exceeded with the given chance.
    fn isf(&self, chance: f64) -> f64 {
        match self {
            Tails::Normal => Normal::standard().isf(chance),
            Tails::Student(student) => student.isf(chance),
        }
    }

    /// The chance of a larger number.
    fn sf(&self, value: f64) -> f64 {
        match self {
            Tails::Normal => Normal::standard().sf(value),
            Tails::Student(student) => student.sf(value),
        }
    }
}

/// Tests and intervals from estimates and their standard errors, the intercept first.
pub(super) fn coefficient_table<'a>(
    intercept: Option<f64>,
    named: impl Iterator<Item = (&'a str, f64)>,
    errors: &[f64],
    level: f64,
    tails: &Tails,
) -> Vec<CoefficientInference> {
    let reach = tails.isf(0.5 * (1.0 - level));
    let row = |((name, estimate), &standard_error): ((&str, f64), &f64)| {
        let t = estimate / standard_error;
        let (low, high) = (estimate - reach * standard_error, estimate + reach * standard_error);
        let interval = Interval { estimate, low, high, level };
        let p_value = 2.0 * tails.sf(t.abs());
        CoefficientInference { name: name.to_owned(), estimate, standard_error, t, p_value, interval }
    };
    intercept.map(|value| (INTERCEPT, value)).into_iter().chain(named).zip(errors).map(row).collect()
}

/// Tests and intervals of a linear regression, for independent noise; of one variance, unless
/// [`StandardErrors`](super::StandardErrors) asked for more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// The intercept, where there is one, and the coefficients in the order of the features.
    pub coefficients: Vec<CoefficientInference>,
    /// The sum of the weights less the rank.
    pub degrees_of_freedom: f64,
    /// The estimated standard deviation of the noise.
    pub residual_standard_error: f64,
    /// The share of the variance of the target that is explained; without an intercept, of its squares.
    pub r_squared: f64,
    /// The same, corrected for the number of coefficients.
    pub adjusted_r_squared: f64,
    /// Explained over unexplained variance, for all features together; NaN without features that vary.
    pub f_statistic: f64,
    /// The chance of an F at least as large where all true coefficients are 0.
    pub f_p_value: f64,
}

impl LinearModel {
    /// Standard errors, tests and confidence intervals, for a model of [`LinearRegression`](crate::LinearRegression).
    ///
    /// Weights count as repeated rows. Where the fit is exact, `t` and `F` are infinite, or NaN for a coefficient
    /// of exactly 0.
    ///
    /// # Errors
    /// When `level` is not between 0 and 1, the model is penalised, columns depend on each other, there are no more rows than
    /// coefficients, the squares of the target leave the range of `f64`, or the fit goes through a row whatever its target is
    /// and the errors asked for are `Hc2` or `Hc3`.
    pub fn inference(&self, level: f64) -> Result<Inference> {
        LEVEL.check(level)?;
        let Some(fit) = self.fit() else {
            return Err(Error::unsupported(
                "this model has no standard errors: it is penalised, or its target is too large; use `LinearRegression`, and scale the target",
            ));
        };
        if fit.spreads.is_empty() {
            return Err(Error::singular(format!(
                "only {} columns of the design are independent, so coefficients have no standard errors; drop columns that others determine",
                self.rank()
            )));
        }
        let degrees_of_freedom = fit.n_rows - self.rank() as f64;
        if !(degrees_of_freedom > 0.0) {
            return Err(Error::insufficient_data(format!(
                "{} rows leave nothing to estimate the noise from beside {} coefficients; fit more rows",
                fit.n_rows,
                self.rank()
            )));
        }
        fit.robust.check()?;
        let student = StudentT::new(degrees_of_freedom)?;
        let variance = fit.residual_sum_of_squares / degrees_of_freedom;
        let noise = variance.sqrt();
        let errors: Vec<f64> = match fit.robust.errors.is_empty() {
            true => fit.spreads.iter().map(|spread| noise * spread).collect(),
            false => fit.robust.errors.clone(),
        };
        let intercept = fit.has_intercept.then_some(self.intercept());
        let named = self.features().names().zip(self.coefficients().to_vec());
        let coefficients = coefficient_table(intercept, named, &errors, level, &Tails::Student(student));

        let constants = f64::from(u8::from(fit.has_intercept));
        let n_explaining = self.rank() as f64 - constants;
        let unexplained = fit.residual_sum_of_squares / fit.total_sum_of_squares;
        let explained = fit.total_sum_of_squares - fit.residual_sum_of_squares;
        let f_statistic = explained / n_explaining / variance;
        let f_p_value = match FisherF::new(n_explaining, degrees_of_freedom) {
            Ok(fisher) => fisher.sf(f_statistic),
            Err(_) => f64::NAN,
        };
        Ok(Inference {
            coefficients,
            degrees_of_freedom,
            residual_standard_error: noise,
            r_squared: 1.0 - unexplained,
            adjusted_r_squared: 1.0 - unexplained * (fit.n_rows - constants) / degrees_of_freedom,
            f_statistic,
            f_p_value,
        })
    }
}
