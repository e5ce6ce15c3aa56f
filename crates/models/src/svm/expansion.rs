//! Sums of kernels: what all kernel machines leave behind.

use ndarray::{Array2, Axis};
use perennial_core::{Error, Matrix, Result};
use perennial_numeric::kernel::{Function, Points};
use serde::{Deserialize, Serialize};

/// Functions `sum_i coefficient_i k(x, support_i) + bias`, one for each column of the coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub(crate) struct Expansion {
    support: Array2<f64>,
    coefficients: Array2<f64>,
    biases: Vec<f64>,
    /// The support as products need it; made when the model is.
    points: Points,
}

#[derive(Clone, Serialize, Deserialize)]
struct Parts {
    function: Function,
    support: Array2<f64>,
    coefficients: Array2<f64>,
    biases: Vec<f64>,
}

impl From<Expansion> for Parts {
    fn from(expansion: Expansion) -> Parts {
        let function = expansion.points.function();
        let Expansion { support, coefficients, biases, .. } = expansion;
        Parts { function, support, coefficients, biases }
    }
}

impl TryFrom<Parts> for Expansion {
    type Error = Error;

    fn try_from(Parts { function, support, coefficients, biases }: Parts) -> Result<Self> {
        let finite = |values: &Array2<f64>| values.iter().all(|value| value.is_finite());
        let sizes = coefficients.dim() == (support.nrows(), biases.len()) && !biases.is_empty();
        let numbers = finite(&support) && finite(&coefficients) && biases.iter().all(|b| b.is_finite());
        if !sizes || !numbers || !function.is_sound() {
            return Err(Error::corrupt(
                "the support vectors and coefficients of the kernel model are damaged",
            ));
        }
        Expansion::new(function, support, coefficients, biases)
    }
}

impl Expansion {
    pub(crate) fn new(
        function: Function,
        support: Array2<f64>,
        coefficients: Array2<f64>,
        biases: Vec<f64>,
    ) -> Result<Self> {
        if !coefficients.iter().chain(&biases).all(|value| value.is_finite()) {
            return Err(Error::overflow(
                "a coefficient of the kernel model leaves the range of f64; scale the columns and the target first",
            ));
        }
        let points = function.points(&support)?;
        Ok(Expansion { support, coefficients, biases, points })
    }

    pub(crate) fn support(&self) -> &Array2<f64> {
        &self.support
    }

    pub(crate) fn coefficients(&self) -> &Array2<f64> {
        &self.coefficients
    }

    pub(crate) fn biases(&self) -> &[f64] {
        &self.biases
    }

    /// Whether it belongs to rows of so many columns.
    pub(crate) fn fits(&self, n_features: usize) -> bool {
        self.support.ncols() == n_features
    }

    /// The functions at each row, rows x functions. The columns of `x` are those of the support.
    pub(crate) fn at(&self, x: &Matrix) -> Result<Array2<f64>> {
        let (x, k) = (x.dense()?, self.biases.len());
        let mut out = self.points.expand(x, &self.coefficients)?;
        for (mut column, bias) in out.axis_iter_mut(Axis(1)).zip(&self.biases) {
            column.mapv_inplace(|value| value + bias);
        }
        match out.iter().position(|value| !value.is_finite()) {
            None => Ok(out),
            Some(cell) => Err(Error::overflow(format!(
                "the answer for row {} leaves the range of f64; scale the columns first",
                cell / k
            ))),
        }
    }
}
