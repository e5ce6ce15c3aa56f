//! Kernels: how alike two rows are, and the matrices of these numbers.
//!
//! A [`Kernel`] is a setting. At the fit its scale is settled on the rows that are there, and gives a [`Function`];
//! [`Points`] are the rows that others are compared with. All blocks come from matrix products, and a row of a
//! block depends on its row and the points alone, to the bit, however rows are batched.

mod points;
mod tiles;
mod train;

use ndarray::ArrayRef2;
use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

pub use points::Points;
pub use train::{Number, TrainRows};

use crate::linalg::row_block;
use crate::reduce;

const GAMMA: Param = Param::real("gamma", "the scale of the kernel").above(0.0).at_most(1e100);
const DEGREE: Param = Param::integer("degree", "the power of the polynomial").at_least(1.0).at_most(100.0);
const COEF0: Param = Param::real("coef0", "the constant inside the kernel").at_least(-1e100).at_most(1e100);

/// The scale of a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gamma {
    /// 1 / (number of columns x variance of all numbers): fits rows of any unit.
    #[default]
    Scale,
    /// 1 / number of columns.
    Auto,
    /// This number, above 0.
    #[serde(rename = "gamma")]
    Value(f64),
}

impl From<f64> for Gamma {
    fn from(gamma: f64) -> Self {
        Gamma::Value(gamma)
    }
}

/// How alike two rows are.
///
/// ```
/// use ndarray::array;
/// use perennial_numeric::kernel::Kernel;
///
/// let x = array![[0.0, 0.0], [3.0, 4.0]];
/// let function = Kernel::rbf(0.1).resolve(&x, None)?;
/// let gram = function.points(&x)?.gram(&x)?;
/// assert_eq!(gram[[0, 0]], 1.0);
/// assert!((gram[[0, 1]] - (-2.5f64).exp()).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kernel {
    /// `x . y`.
    Linear,
    /// `exp(-gamma |x - y|^2)`.
    Rbf {
        /// The scale.
        gamma: Gamma,
    },
    /// `(gamma x . y + coef0)^degree`.
    Polynomial {
        /// The power.
        degree: u32,
        /// The scale.
        gamma: Gamma,
        /// The constant.
        coef0: f64,
    },
    /// `tanh(gamma x . y + coef0)`.
    Sigmoid {
        /// The scale.
        gamma: Gamma,
        /// The constant.
        coef0: f64,
    },
    /// `exp(-gamma |x - y|_1)`, of the sum of absolute differences.
    Laplacian {
        /// The scale.
        gamma: Gamma,
    },
    /// `exp(-gamma sum of (x - y)^2 / (x + y))`, of counts and shares, which are >= 0 (Zhang and others, 2007).
    Chi2 {
        /// The scale.
        gamma: Gamma,
    },
    /// `-sum of (x - y)^2 / (x + y)`, of numbers >= 0. Positive definite only up to a constant, so for support vectors and not
    /// for ridges.
    AdditiveChi2,
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel::Rbf { gamma: Gamma::Scale }
    }
}

impl Kernel {
    /// `exp(-gamma |x - y|^2)`.
    pub fn rbf(gamma: impl Into<Gamma>) -> Self {
        Kernel::Rbf { gamma: gamma.into() }
    }

    /// `(gamma x . y + coef0)^degree`.
    pub fn polynomial(degree: u32, gamma: impl Into<Gamma>, coef0: f64) -> Self {
        Kernel::Polynomial { degree, gamma: gamma.into(), coef0 }
    }

    /// `tanh(gamma x . y + coef0)`.
    pub fn sigmoid(gamma: impl Into<Gamma>, coef0: f64) -> Self {
        Kernel::Sigmoid { gamma: gamma.into(), coef0 }
    }

    /// `exp(-gamma |x - y|_1)`.
    pub fn laplacian(gamma: impl Into<Gamma>) -> Self {
        Kernel::Laplacian { gamma: gamma.into() }
    }

    /// `exp(-gamma sum of (x - y)^2 / (x + y))`.
    pub fn chi2(gamma: impl Into<Gamma>) -> Self {
        Kernel::Chi2 { gamma: gamma.into() }
    }

    /// Refuses settings outside their ranges.
    ///
    /// # Errors
    /// Names the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        let (gamma, degree, coef0) = match *self {
            Kernel::Linear | Kernel::AdditiveChi2 => return Ok(()),
            Kernel::Rbf { gamma } | Kernel::Laplacian { gamma } | Kernel::Chi2 { gamma } => (gamma, 1, 0.0),
            Kernel::Polynomial { degree, gamma, coef0 } => (gamma, degree, coef0),
            Kernel::Sigmoid { gamma, coef0 } => (gamma, 1, coef0),
        };
        if let Gamma::Value(gamma) = gamma {
            GAMMA.check(gamma)?;
        }
        DEGREE.check_count(degree as usize)?;
        COEF0.check(coef0)
    }

    /// The kernel with its scale settled on these rows; a weight of 2 means what two copies of the row would.
    ///
    /// # Errors
    /// When a setting is out of its range, or the variance of the rows leaves the range of f64.
    ///
    /// # Panics
    /// When there are not as many weights as rows.
    pub fn resolve(&self, x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Result<Function> {
        self.check()?;
        let settle = |gamma: Gamma| match gamma {
            Gamma::Value(gamma) => Ok(gamma),
            Gamma::Auto => Ok(1.0 / x.ncols().max(1) as f64),
            Gamma::Scale => scale(x, weights),
        };
        Ok(match *self {
            Kernel::Linear => Function::Linear,
            Kernel::Rbf { gamma } => Function::Rbf { gamma: settle(gamma)? },
            Kernel::Polynomial { degree, gamma, coef0 } => {
                Function::Polynomial { degree, gamma: settle(gamma)?, coef0 }
            }
            Kernel::Sigmoid { gamma, coef0 } => Function::Sigmoid { gamma: settle(gamma)?, coef0 },
            Kernel::Laplacian { gamma } => Function::Laplacian { gamma: settle(gamma)? },
            Kernel::Chi2 { gamma } => Function::Chi2 { gamma: settle(gamma)? },
            Kernel::AdditiveChi2 => Function::AdditiveChi2,
        })
    }
}

/// A kernel whose numbers are all settled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Function {
    /// `x . y`.
    Linear,
    /// `exp(-gamma |x - y|^2)`.
    Rbf {
        /// The scale.
        gamma: f64,
    },
    /// `(gamma x . y + coef0)^degree`.
    Polynomial {
        /// The power.
        degree: u32,
        /// The scale.
        gamma: f64,
        /// The constant.
        coef0: f64,
    },
    /// `tanh(gamma x . y + coef0)`.
    Sigmoid {
        /// The scale.
        gamma: f64,
        /// The constant.
        coef0: f64,
    },
    /// `exp(-gamma |x - y|_1)`.
    Laplacian {
        /// The scale.
        gamma: f64,
    },
    /// `exp(-gamma sum of (x - y)^2 / (x + y))`.
    Chi2 {
        /// The scale.
        gamma: f64,
    },
    /// `-sum of (x - y)^2 / (x + y)`.
    AdditiveChi2,
}

impl Function {
    /// The rows that others are to be compared with.
    ///
    /// # Errors
    /// When the squared length of a row leaves the range of f64, or the kernel is of numbers >= 0 and a row has others.
    pub fn points(self, rows: &ArrayRef2<f64>) -> Result<Points> {
        Points::new(self, rows)
    }

    /// Whether all its numbers could have come from a fit.
    pub fn is_sound(&self) -> bool {
        let (gamma, coef0, degree) = match *self {
            Function::Linear | Function::AdditiveChi2 => return true,
            Function::Rbf { gamma } | Function::Laplacian { gamma } | Function::Chi2 { gamma } => {
                (gamma, 0.0, 1)
            }
            Function::Polynomial { gamma, coef0, degree } => (gamma, coef0, degree),
            Function::Sigmoid { gamma, coef0 } => (gamma, coef0, 1),
        };
        gamma.is_finite() && gamma > 0.0 && coef0.is_finite() && (1..=100).contains(&degree)
    }

    /// Whether it compares sums of rows too, which must be >= 0.
    pub(crate) fn of_shares(&self) -> bool {
        matches!(self, Function::Chi2 { .. } | Function::AdditiveChi2)
    }

    /// Refuses a row with a number below 0 where the kernel has none for it.
    pub(crate) fn check_row(&self, row: usize, values: &[f64]) -> Result<()> {
        match values.iter().find(|value| **value < 0.0) {
            Some(value) if self.of_shares() => Err(Error::malformed(format!(
                "row {row} holds {value}, but chi-squared kernels compare numbers >= 0, such as counts and shares; choose another kernel or shift the column"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether it is the exponential of a number below 0, and so never leaves the range of f64.
    pub(crate) fn is_exponential(&self) -> bool {
        matches!(self, Function::Rbf { .. } | Function::Laplacian { .. } | Function::Chi2 { .. })
    }

    /// Whether it comes from the product of two rows.
    pub(crate) fn of_products(&self) -> bool {
        !matches!(self, Function::Laplacian { .. }) && !self.of_shares()
    }

    /// Whether it depends on the difference of two rows alone.
    pub(crate) fn of_differences(&self) -> bool {
        matches!(self, Function::Rbf { .. } | Function::Laplacian { .. })
    }
}

/// 1 / (number of columns x variance of all numbers); 1 where nothing varies.
fn scale(x: &ArrayRef2<f64>, weights: Option<&[f64]>) -> Result<f64> {
    assert!(weights.is_none_or(|w| w.len() == x.nrows()), "there must be one weight for each row");
    let width = x.ncols();
    let all = row_block(x, 0..x.nrows());
    let largest = all.iter().fold(0.0, |largest, value| f64::max(largest, value.abs()));
    let unit = crate::linalg::power_of_two(largest);
    let heaviest = weights.map_or(1.0, |w| w.iter().copied().fold(0.0, f64::max));
    let weight = |cell: usize| weights.map_or(1.0, |w| w[cell / width.max(1)] / heaviest);
    let total = reduce::sum_by(all.len(), weight);
    let mean = reduce::sum_by(all.len(), |cell| weight(cell) * (all[cell] / unit)) / total;
    let square = |cell: usize| weight(cell) * (all[cell] / unit - mean).powi(2);
    let variance = reduce::sum_by(all.len(), square) / total;
    // Nothing varies but by rounding.
    if !(variance > 1e-28 * mean * mean) {
        return Ok(1.0);
    }
    let gamma = 1.0 / (width.max(1) as f64 * variance) / unit / unit;
    if gamma.is_finite() && gamma > 0.0 {
        return Ok(gamma);
    }
    Err(Error::overflow(
        "the numbers are so large or small that the scale of the kernel leaves the range of f64; scale the columns first",
    ))
}
