//! Classification by ridge regression with a strength chosen by leaving rows out.

use ndarray::ArrayView2;
use perennial_core::{
    Capabilities, Classes, Error, Estimator, Features, Matrix, Param, Predictor, Result, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::classifier_model::LinearClassifierModel;
use super::ridge_classifier::RidgeClassifier;
use super::ridge_cv::RidgeCv;
use crate::classes::two_or_more;
use crate::setters::setters;

/// A [`RidgeClassifier`] whose strength is chosen by leaving out one row at a time.
///
/// The strength with the least squared error of the scores, as numbers of -1 and 1, wins; of equal ones that which is named first. All errors of
/// a class come from one decomposition, as in [`RidgeCv`]. Row weights are not taken, as leaving out one copy of a row
/// is not leaving out the row.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `alphas` | 0.1, 1, 10 | each > 0 | the strengths that are tried |
/// | `fit_intercept` | true | | whether scores may be shifted |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::RidgeClassifierCv;
///
/// let x = Matrix::from(array![[0.0], [1.0], [3.0], [4.0]]);
/// let y = Classes::from_labels(["low", "low", "high", "high"]);
/// let model = RidgeClassifierCv::new().alphas([0.01, 1.0]).fit(&x, &y)?;
/// assert_eq!(model.predict(&x)?, y);
/// assert_eq!(model.mean_squared_errors().len(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeClassifierCv {
    alphas: Vec<f64>,
    fit_intercept: bool,
}

impl Default for RidgeClassifierCv {
    fn default() -> Self {
        RidgeClassifierCv { alphas: vec![0.1, 1.0, 10.0], fit_intercept: true }
    }
}

setters!(RidgeClassifierCv {
    /// Sets whether scores may be shifted.
    fit_intercept: bool,
});

impl RidgeClassifierCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[];

    /// Sets the strengths that are tried.
    #[must_use]
    pub fn alphas(mut self, alphas: impl Into<Vec<f64>>) -> Self {
        self.alphas = alphas.into();
        self
    }
}

impl Estimator for RidgeClassifierCv {
    type Input = Matrix;
    type Target = Classes;
    type Model = RidgeClassifierCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<RidgeClassifierCvModel> {
        let present = two_or_more(train.y, None)?;
        let scored = if present.len() == 2 { &present[1..] } else { &present[..] };
        let search = RidgeCv::new().alphas(self.alphas.clone()).fit_intercept(self.fit_intercept);
        let mut errors = vec![0.0; self.alphas.len()];
        for (step, &class) in scored.iter().enumerate() {
            train.ctx.step(step, scored.len())?;
            let y: Values =
                train.y.codes().iter().map(|code| if *code == class { 1.0 } else { -1.0 }).collect();
            let own = Train::new(train.x, &y).context(train.ctx.child(&format!("class{class}")));
            let found = search.fit_on(&own)?;
            let more = found.mean_squared_errors().iter().map(|error| error / scored.len() as f64);
            errors.iter_mut().zip(more).for_each(|(sum, error)| *sum += error);
        }
        let mut best: Option<(f64, f64)> = None;
        for (&alpha, &error) in self.alphas.iter().zip(&errors) {
            if best.is_none_or(|(_, least)| error < least) {
                best = Some((alpha, error));
            }
        }
        let Some((alpha, _)) = best else {
            return Err(Error::invalid_param("alphas", "an empty list", "at least one strength"));
        };
        let settings = RidgeClassifier::new().alpha(alpha).fit_intercept(self.fit_intercept);
        let all = Train::new(train.x, train.y).context(train.ctx.child("all"));
        Ok(RidgeClassifierCvModel { model: settings.fit_on(&all)?, alpha, mean_squared_errors: errors })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

/// The classifier of the chosen strength, and the errors that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RidgeClassifierCvModel {
    model: LinearClassifierModel,
    alpha: f64,
    mean_squared_errors: Vec<f64>,
}

impl RidgeClassifierCvModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.model.features()
    }

    /// The classifier that was fitted to all rows.
    pub fn model(&self) -> &LinearClassifierModel {
        &self.model
    }

    /// The coefficients: one row with two present classes, else one for each.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.model.coefficients()
    }

    /// The chosen strength.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The mean squared error of the scores of rows that are left out, over the classes that have one, for each strength in
    /// the order of the settings.
    pub fn mean_squared_errors(&self) -> &[f64] {
        &self.mean_squared_errors
    }
}

impl Predictor for RidgeClassifierCvModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        self.model.predict(x)
    }
}
