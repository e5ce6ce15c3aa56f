//! Some of the columns.

use perennial_core::{Decided, Error, Features, Matrix, Result, Transformer};
use serde::{Deserialize, Serialize};

/// What a step that keeps some of the columns learned: [`SelectKBest`](crate::SelectKBest) and its like,
/// [`SelectFromModel`](crate::SelectFromModel), [`Rfe`](crate::Rfe), [`RfeCv`](crate::RfeCv),
/// [`SequentialFeatureSelector`](crate::SequentialFeatureSelector) or [`VarianceThreshold`](crate::VarianceThreshold).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SelectModel {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
    /// Whether rows may have missing cells.
    missing: bool,
    p_values: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
    #[serde(default)]
    missing: bool,
    #[serde(default)]
    p_values: Option<Vec<f64>>,
}

impl TryFrom<Parts> for SelectModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        if parts.p_values.as_ref().is_some_and(|p_values| p_values.len() != parts.scores.len()) {
            return Err(Error::corrupt("a selection has p-values of columns that do not exist"));
        }
        let model = SelectModel::new(parts.features, parts.kept, parts.scores)?;
        Ok(model.with_missing(parts.missing).with_p_values(parts.p_values))
    }
}

impl SelectModel {
    fn new(features: Features, kept: Vec<usize>, scores: Vec<f64>) -> Result<Self> {
        let rising = kept.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = kept.last().is_some_and(|&last| last < features.len());
        if !rising
            || !inside
            || scores.len() != features.len()
            || scores.iter().any(|score| !score.is_finite())
        {
            return Err(Error::corrupt("a selection keeps columns that do not exist"));
        }
        Ok(SelectModel { features, kept, scores, missing: false, p_values: None })
    }

    /// Whether rows may have missing cells, as those that it learned from.
    pub(crate) fn with_missing(mut self, missing: bool) -> Self {
        self.missing = missing;
        self
    }

    /// One p-value for each column.
    pub(crate) fn with_p_values(mut self, p_values: Option<Vec<f64>>) -> Self {
        self.p_values = p_values;
        self
    }

    /// Some columns, or an error that says why none are left.
    pub(crate) fn kept_by(
        features: &Features,
        kept: Vec<usize>,
        scores: Vec<f64>,
        none: String,
    ) -> Result<Self> {
        if kept.is_empty() {
            return Err(Error::insufficient_data(none));
        }
        SelectModel::new(features.clone(), kept, scores)
    }

    /// The score of each column, in the order of the input.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The p-value of each column, in the order of the input, where the scores have any: those of
    /// [`FClassification`](crate::FClassification), [`FRegression`](crate::FRegression) and [`Chi2`](crate::Chi2).
    pub fn p_values(&self) -> Option<&[f64]> {
        self.p_values.as_deref()
    }

    /// The names of the columns that are kept.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|&column| self.features.name(column))
    }
}

impl Transformer for SelectModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(self.missing)?;
        x.select(&self.kept)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(self.kept.iter().map(|&column| vec![column]).collect())
    }

    fn decided(&self) -> Vec<Decided> {
        let decided = |(column, name): (usize, &str)| {
            let what = if self.kept.binary_search(&column).is_ok() { "is kept" } else { "is left out" };
            Decided::by(self, what, format!("its score is {}", self.scores[column])).column(name)
        };
        self.features.names().enumerate().map(decided).collect()
    }
}
