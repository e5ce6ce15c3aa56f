//! Codes of categories as the classes of a classifier.

use perennial_core::{
    Capabilities, Classes, Error, Estimator, FeatureKind, Features, Matrix, Predictor, Result, Train,
};
use serde::{Deserialize, Serialize};

/// In the place of a classifier where none is given: gaps in codes of categories are an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NoClassifier;

/// What [`NoClassifier`] learns, of which there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoClassifierModel {}

impl Estimator for NoClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = NoClassifierModel;

    fn fit_on(&self, _: &Train<'_, Matrix, Classes>) -> Result<NoClassifierModel> {
        Err(Error::unsupported(
            "it has codes of categories, and what is predicted as a number is no code; give a classifier by `classifier(..)`, or fill its gaps \
             first, with `CategoryImputer` before they are codes or with `SimpleImputer::mode()`",
        ))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Predictor for NoClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, _: &Matrix) -> Result<Classes> {
        match *self {}
    }
}

/// Whether a column has codes of categories.
pub(super) fn is_code(features: &Features, column: usize) -> bool {
    matches!(features.kind(column), FeatureKind::Categorical { .. })
}

/// The codes of rows as classes, named by them, in rising order.
pub(super) fn classes_of(codes: &[f64]) -> Result<Classes> {
    let mut levels: Vec<f64> = codes.iter().map(|code| code + 0.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let place = |code: &f64| levels.partition_point(|level| level < code) as u32;
    Classes::new(codes.iter().map(place).collect(), levels.iter().map(f64::to_string).collect::<Vec<_>>())
}

/// The code that a class is named by.
pub(super) fn class_code(name: &str) -> Result<f64> {
    name.parse().map_err(|_| {
        Error::unknown(format!(
            "the classifier answers with the class `{name}`, which is none of those it learned"
        ))
    })
}
