use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Error, Matrix, Result};

/// What each feature adds to each score of each row.
///
/// The values of a row and the base of an output add up to the score of the row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Contributions {
    values: Vec<Array2<f64>>,
    base: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    values: Vec<Array2<f64>>,
    base: Vec<f64>,
}

impl TryFrom<Parts> for Contributions {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Contributions::new(parts.values, parts.base)
    }
}

impl Contributions {
    /// For each output the values, `n_rows` x `n_features`, and the score when nothing is known of a row.
    ///
    /// # Errors
    /// When there is no output, there are not as many bases, or the outputs differ in shape.
    pub fn new(values: Vec<Array2<f64>>, base: Vec<f64>) -> Result<Self> {
        let shape = values.first().map(Array2::dim);
        if shape.is_none() || values.len() != base.len() || values.iter().any(|v| Some(v.dim()) != shape) {
            return Err(Error::malformed(format!(
                "contributions need values and a base for each output, all of one shape; there are {} values and {} bases",
                values.len(),
                base.len()
            )));
        }
        Ok(Contributions { values, base })
    }

    /// For each output the values: `n_rows` x `n_features`.
    pub fn values(&self) -> &[Array2<f64>] {
        &self.values
    }

    /// For each output the score when nothing is known of a row.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// For each feature of one output the mean magnitude of its values; NaN without rows.
    ///
    /// # Panics
    /// When there is no such output.
    pub fn importances(&self, output: usize) -> Vec<f64> {
        let values = &self.values[output];
        values
            .columns()
            .into_iter()
            .map(|column| column.iter().map(|v| v.abs()).sum::<f64>() / column.len() as f64)
            .collect()
    }
}

/// What divides the score of a row among its features: a model that can say it of itself, or a method for any model.
/// Rows are those of a matrix, or of another kind `X`, such as a table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what each feature adds to a score",
    note = "boosted trees do; for any other model use `Shap` of `perennial-evaluation`"
)]
pub trait Explainer<X: ?Sized = Matrix> {
    /// What each feature adds to the scores of each row.
    ///
    /// # Errors
    /// When the columns are not those of the model, or a value is not acceptable to it.
    fn explain(&self, x: &X) -> Result<Contributions>;
}
