//! Choosing columns by what each alone says about the target.

use std::marker::PhantomData;

use perennial_core::{
    Classes, Decided, Error, Estimator, Features, FitTransform, Matrix, Param, Result, Train, Transformer,
    Values,
};
use serde::{Deserialize, Serialize};

use crate::scores::{f_classification, f_regression};

/// Keeps the `k` columns with the largest F statistic.
///
/// Of a numeric target, F is that of the correlation; of classes, that of one-way analysis of variance.
/// Columns that say nothing score 0; of equals the first are kept, and columns keep their order.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `k` | 10 | >= 1 | how many columns to keep; all, when there are fewer |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Transformer, Values};
/// use perennial_features::SelectKBest;
///
/// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
/// let y = Values::from(vec![1.1, 1.9, 3.2, 3.9]);
/// let kept = SelectKBest::regression(1).fit(&x, &y)?.transform(&x)?;
/// assert_eq!(kept.features().names().collect::<Vec<_>>(), ["signal"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct SelectKBest<Y> {
    k: usize,
    #[serde(skip)]
    target: PhantomData<fn(&Y)>,
}

impl<Y> Default for SelectKBest<Y> {
    fn default() -> Self {
        SelectKBest { k: 10, target: PhantomData }
    }
}

const K: Param = Param::integer("k", "how many columns to keep").at_least(1.0);

impl<Y> SelectKBest<Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[K];
}

impl SelectKBest<Values> {
    /// By the correlation with a numeric target.
    pub fn regression(k: usize) -> Self {
        SelectKBest { k, target: PhantomData }
    }
}

impl SelectKBest<Classes> {
    /// By the difference of the classes.
    pub fn classification(k: usize) -> Self {
        SelectKBest { k, target: PhantomData }
    }
}

impl<Y> SelectKBest<Y> {
    fn keep(&self, x: &Matrix, scores: Vec<f64>) -> Result<SelectModel> {
        K.check_count(self.k)?;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.truncate(self.k);
        order.sort_unstable();
        SelectModel::new(x.features().clone(), order, scores)
    }
}

impl Estimator for SelectKBest<Values> {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        self.keep(train.x, f_regression(train.x, train.y)?)
    }
}

impl Estimator for SelectKBest<Classes> {
    type Input = Matrix;
    type Target = Classes;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SelectModel> {
        self.keep(train.x, f_classification(train.x, train.y)?)
    }
}

impl FitTransform for SelectKBest<Values> {}
impl FitTransform for SelectKBest<Classes> {}

/// What a step that keeps some of the columns learned: [`SelectKBest`], [`SelectPercentile`](crate::SelectPercentile),
/// [`SelectFromModel`](crate::SelectFromModel), [`Rfe`](crate::Rfe), [`RfeCv`](crate::RfeCv), [`SequentialFeatureSelector`](crate::SequentialFeatureSelector) or
/// [`VarianceThreshold`](crate::VarianceThreshold).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SelectModel {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
    /// Whether rows may have missing cells.
    missing: bool,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
    #[serde(default)]
    missing: bool,
}

impl TryFrom<Parts> for SelectModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Ok(SelectModel::new(parts.features, parts.kept, parts.scores)?.with_missing(parts.missing))
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
        Ok(SelectModel { features, kept, scores, missing: false })
    }

    /// Whether rows may have missing cells, as those that it learned from.
    pub(crate) fn with_missing(mut self, missing: bool) -> Self {
        self.missing = missing;
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
