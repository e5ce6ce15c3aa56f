use std::fmt;

use perennial_core::{Classifier, Error, Matrix, Predictor, Result, Rows, Values};

/// What is asked for the number of each row.
type Ask<'m, X> = Box<dyn Fn(&X) -> Result<Vec<f64>> + Send + Sync + 'm>;

/// A model as a number for each row: what is explained.
///
/// Rows are those of a matrix, or of another kind, such as a table: all that asks a score takes any
/// [`Tabular`](crate::Tabular) rows.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::explain::Score;
///
/// let product = Score::new("product", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|row| row.product()).collect()));
/// assert_eq!(product.of(&Matrix::from(array![[2.0, 3.0], [4.0, 5.0]]))?, [6.0, 20.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub struct Score<'m, X = Matrix> {
    name: String,
    ask: Ask<'m, X>,
}

impl<X> fmt::Debug for Score<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Score").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'m, X: Rows> Score<'m, X> {
    /// Any function of the rows.
    pub fn new(name: impl Into<String>, ask: impl Fn(&X) -> Result<Vec<f64>> + Send + Sync + 'm) -> Self {
        Score { name: name.into(), ask: Box::new(ask) }
    }

    /// What a regressor answers.
    pub fn prediction(model: &'m impl Predictor<Input = X, Output = Values>) -> Self {
        Score::new("prediction", |x| Ok(model.predict(x)?.into_vec()))
    }

    /// The probability of a class.
    pub fn probability(model: &'m impl Classifier<Input = X>, class: impl Into<String>) -> Self {
        let class = class.into();
        Score::new(format!("probability of {class}"), move |x| {
            Ok(model.predict_proba(x)?.of(&class)?.into_vec())
        })
    }

    /// The logarithm of the odds of a class, on which the features of many models add up. Probabilities are kept away from
    /// 0 and 1 by 2^-52.
    pub fn log_odds(model: &'m impl Classifier<Input = X>, class: impl Into<String>) -> Self {
        let class = class.into();
        let log_odds = |p: f64| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            (p / (1.0 - p)).ln()
        };
        Score::new(format!("log-odds of {class}"), move |x| {
            Ok(model.predict_proba(x)?.of(&class)?.into_vec().into_iter().map(log_odds).collect())
        })
    }

    /// What the number is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of each row.
    ///
    /// # Errors
    /// When the model refuses the rows, or does not give a finite number for each.
    pub fn of(&self, x: &X) -> Result<Vec<f64>> {
        let scores = (self.ask)(x)?;
        let n_rows = x.n_rows();
        if scores.len() != n_rows {
            return Err(Error::length_mismatch("the scores of the model", n_rows, scores.len()));
        }
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(scores),
            Some(row) => Err(Error::malformed(format!(
                "the {} of a row is {}; only finite numbers can be explained",
                self.name, scores[row]
            ))),
        }
    }
}
