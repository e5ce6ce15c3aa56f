//! Choosing columns by what each alone says about the target.

use std::marker::PhantomData;

use perennial_core::{
    Classes, Error, Estimator, Features, FitTransform, Matrix, Param, Result, Train, Transformer, Values,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

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
    fn keep(&self, x: &Matrix, score: impl Fn(&[f64]) -> f64 + Sync) -> Result<SelectModel> {
        K.check_count(self.k)?;
        let dense = x.dense()?;
        let scores = reduce::map_each(x.n_cols(), |column| score(&dense.column(column).to_vec()));
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.truncate(self.k);
        order.sort_unstable();
        SelectModel::new(x.features().clone(), order, scores)
    }
}

/// Deviations from the mean, shrunk by a power of two so that their squares stay in range.
fn centred(values: &[f64]) -> Vec<f64> {
    // The mean of equal numbers may be rounded, and what is left would look like a signal.
    if values.iter().all(|value| *value == values[0]) {
        return vec![0.0; values.len()];
    }
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let scale = if largest > 1e100 { 2.0_f64.powi(-900) } else { 1.0 };
    let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
    let mean = reduce::mean(&scaled);
    scaled.into_iter().map(|value| value - mean).collect()
}

/// F of a share of explained variance; the largest number where nothing is left unexplained.
fn f_statistic(explained: f64, total: f64, df_model: f64, df_rest: f64) -> f64 {
    let rest = total - explained;
    if !(total > 0.0 && df_rest > 0.0) {
        return 0.0;
    }
    let f = (explained / df_model) / (rest.max(0.0) / df_rest);
    if f.is_nan() { 0.0 } else { f.min(f64::MAX) }
}

impl Estimator for SelectKBest<Values> {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        let y = centred(train.y.as_slice());
        let yy = reduce::dot(&y, &y);
        let score = |column: &[f64]| {
            let x = centred(column);
            let (xx, xy) = (reduce::dot(&x, &x), reduce::dot(&x, &y));
            let r = xy / (xx.sqrt() * yy.sqrt());
            if r.is_nan() { 0.0 } else { f_statistic(r * r, 1.0, 1.0, x.len() as f64 - 2.0) }
        };
        self.keep(train.x, score)
    }
}

impl Estimator for SelectKBest<Classes> {
    type Input = Matrix;
    type Target = Classes;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SelectModel> {
        train.y.check_two_classes()?;
        let (codes, counts) = (train.y.codes(), train.y.counts());
        let groups = counts.iter().filter(|count| **count > 0).count() as f64;
        let score = |column: &[f64]| {
            let x = centred(column);
            let mut sums = vec![0.0; counts.len()];
            for (value, &code) in x.iter().zip(codes) {
                sums[code as usize] += value;
            }
            let between: f64 =
                sums.iter().zip(&counts).filter(|(_, n)| **n > 0).map(|(sum, n)| sum * sum / *n as f64).sum();
            f_statistic(between, reduce::dot(&x, &x), groups - 1.0, x.len() as f64 - groups)
        };
        self.keep(train.x, score)
    }
}

impl FitTransform for SelectKBest<Values> {}
impl FitTransform for SelectKBest<Classes> {}

/// A fitted [`SelectKBest`] or [`VarianceThreshold`](crate::VarianceThreshold).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SelectModel {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    kept: Vec<usize>,
    scores: Vec<f64>,
}

impl TryFrom<Parts> for SelectModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        SelectModel::new(parts.features, parts.kept, parts.scores)
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
        Ok(SelectModel { features, kept, scores })
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
        x.check_finite(false)?;
        x.select(&self.kept)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(self.kept.iter().map(|&column| vec![column]).collect())
    }
}
