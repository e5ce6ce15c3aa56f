//! Classification by ridge regression.

use ndarray::Array2;
use perennial_core::{Capabilities, Classes, Estimator, Matrix, Param, Result, Rows, Train};
use perennial_numeric::linalg::Qr;
use serde::{Deserialize, Serialize};

use super::classifier_model::LinearClassifierModel;
use super::iterative::Search;
use crate::classes::{ClassWeight, two_or_more};

const ALPHA: Param = Param::real("alpha", "strength of the L2 penalty").at_least(0.0).search_log(1e-4, 1e4);

/// Ridge regression on targets of -1 and 1 for each class, of which the largest answer wins.
///
/// One decomposition serves all classes, so it is the fastest linear classifier; its scores are no probabilities.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alpha` | 1 | >= 0 | strength of the penalty |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::RidgeClassifier;
///
/// let x = Matrix::from(array![[0.0], [1.0], [3.0], [4.0]]);
/// let y = Classes::from_labels(["low", "low", "high", "high"]);
/// assert_eq!(RidgeClassifier::new().fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeClassifier {
    alpha: f64,
    fit_intercept: bool,
    class_weight: ClassWeight,
}

impl Default for RidgeClassifier {
    fn default() -> Self {
        RidgeClassifier { alpha: 1.0, fit_intercept: true, class_weight: ClassWeight::None }
    }
}

impl RidgeClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[ALPHA];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the strength of the penalty.
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

    /// Sets how much the rows of each class count.
    #[must_use]
    pub fn class_weight(mut self, class_weight: ClassWeight) -> Self {
        self.class_weight = class_weight;
        self
    }
}

impl Estimator for RidgeClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = LinearClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<LinearClassifierModel> {
        ALPHA.check(self.alpha)?;
        let own = train.weights.map(std::borrow::Cow::Borrowed);
        let weights = self.class_weight.apply(train.y, own)?;
        let present = two_or_more(train.y, weights.as_deref())?;
        let scored = if present.len() == 2 { &present[1..] } else { &present[..] };
        let codes = train.y.codes();
        let y = Array2::from_shape_fn((train.x.n_rows(), scored.len()), |(row, k)| {
            if codes[row] == scored[k] { 1.0 } else { -1.0 }
        });
        let qr = Qr::new_in(&train.ctx, train.x.dense()?, &y, weights.as_deref(), self.fit_intercept)?;
        let answer = qr.ridge(self.alpha)?;
        let vectors = (0..scored.len())
            .map(|k| (answer.coefficients.column(k).to_vec(), answer.intercept[k]))
            .collect();
        let search = Search { n_iterations: 1, gap: 0.0, converged: true };
        LinearClassifierModel::new(train.x.features(), train.y, present.clone(), vectors, search)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}
