//! Rows that a detector of outliers calls such: marked, or left out when learning.

use std::marker::PhantomData;

use perennial_core::{
    Capabilities, Classes, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget,
    OutputSchema, Param, Predictor, Result, ResultExt, Rows, Train, Transformer,
};
use perennial_numeric::folds::assign;
use serde::{Deserialize, Serialize};

use crate::resample::{Resampled, Resampler};

/// The class of the rows that are none of the ordinary ones, as detectors call it.
const OUTLIER: &str = "outlier";

/// Which rows a fitted detector calls outliers.
fn outliers<M>(model: &M, x: &Matrix) -> Result<Vec<bool>>
where
    M: Predictor<Input = Matrix, Output = Classes> + ?Sized,
{
    let classes = model.predict(x)?;
    let outlier = classes.names().iter().position(|name| name == OUTLIER).ok_or_else(|| {
        Error::unsupported(format!(
            "the detector answers with the classes {}, and none of them is `{OUTLIER}`",
            classes.names().join(", ")
        ))
    })?;
    Ok(classes.codes().iter().map(|&code| code as usize == outlier).collect())
}

/// Leaves out the rows that a detector calls outliers, when learning alone: an `IsolationForest`, a `LocalOutlierFactor`, or whatever learns
/// without a target and answers with the classes `inlier` and `outlier`.
///
/// The detector learns from the rows that it judges, so a `LocalOutlierFactor` counts a row among its own neighbours, which makes it look a
/// little more ordinary. A detector that takes no weights judges without them. With [`cross_fit`](DropOutliers::cross_fit) each row is judged by a detector that has not seen it.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `cross_fit` | none | 2 to 1000 folds | whether rows are judged by detectors that learned from the other folds; rows of one group share a fold |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Rows, Train, Values};
/// use perennial_models::LocalOutlierFactor;
/// use perennial_preprocessing::{DropOutliers, Resampler};
///
/// let mut x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64);
/// x.row_mut(42).fill(60.0);
/// let (x, y) = (Matrix::from(x), Values::from(vec![0.0; 50]));
/// let kept = DropOutliers::new(LocalOutlierFactor::new().n_neighbors(5)).resample(&Train::new(&x, &y))?;
/// assert_eq!(kept.y.n_rows(), 49);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(serialize = "E: Serialize", deserialize = "E: Deserialize<'de>"))]
pub struct DropOutliers<E, Y: ?Sized> {
    detector: E,
    #[serde(default)]
    cross_fit: Option<usize>,
    #[serde(skip)]
    target: PhantomData<fn(&Y)>,
}

const CROSS_FIT: Param =
    Param::integer("cross_fit", "how many folds rows are dealt to").at_least(2.0).at_most(1000.0);

impl<E, Y: ?Sized> DropOutliers<E, Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[CROSS_FIT];

    /// Without the rows that this detector calls outliers.
    pub fn new(detector: E) -> Self {
        DropOutliers { detector, cross_fit: None, target: PhantomData }
    }

    /// Each row is judged by a detector that learned from the rows outside its own one of so many folds.
    #[must_use]
    pub fn cross_fit(mut self, folds: usize) -> Self {
        self.cross_fit = Some(folds);
        self
    }
}

impl<E, Y> DropOutliers<E, Y>
where
    E: Estimator<Input = Matrix, Target = NoTarget, Model: Predictor<Input = Matrix, Output = Classes>>,
    Y: ?Sized + Rows + Sync,
{
    fn judged(&self, train: &Train<'_, Matrix, Y>) -> Result<Vec<bool>> {
        let accepts = self.detector.capabilities();
        let weights = train.weights.filter(|_| accepts.weights);
        let Some(folds) = self.cross_fit else {
            let mut seen = Train::new(train.x, &NoTarget).context(train.ctx.clone());
            (seen.weights, seen.groups) = (weights, train.groups);
            return outliers(&seen.limited_to(&accepts).fit(&self.detector)?, train.x);
        };
        CROSS_FIT.check_count(folds)?;
        let n_rows = train.x.n_rows();
        let fold_of = assign(n_rows, folds, None, train.groups, train.ctx.seed(None));
        let mut judged = vec![false; n_rows];
        for fold in 0..folds {
            let (out, others): (Vec<usize>, Vec<usize>) = (0..n_rows).partition(|&row| fold_of[row] == fold);
            if out.is_empty() {
                continue;
            }
            train.ctx.step(fold, folds)?;
            let x = train.x.take(&others)?;
            let weights = weights.map(|weights| weights.take(&others)).transpose()?;
            let groups = train.groups.map(|groups| groups.take(&others)).transpose()?;
            let mut seen = Train::new(&x, &NoTarget).context(train.ctx.child(&format!("fold{fold}")));
            (seen.weights, seen.groups) = (weights.as_deref(), groups.as_deref());
            let model = seen.limited_to(&accepts).fit(&self.detector)?;
            let found = outliers(&model, &train.x.take(&out)?)?;
            out.iter().zip(found).for_each(|(&row, is_outlier)| judged[row] = is_outlier);
        }
        Ok(judged)
    }
}

impl<E, Y> Resampler for DropOutliers<E, Y>
where
    E: Estimator<Input = Matrix, Target = NoTarget, Model: Predictor<Input = Matrix, Output = Classes>>,
    Y: ?Sized + Rows + Sync,
{
    type Input = Matrix;
    type Target = Y;

    fn resample(&self, train: &Train<'_, Matrix, Y>) -> Result<Resampled<Matrix, Y>> {
        let judged = self.judged(train).context("looking for outliers")?;
        let rows: Vec<usize> = (0..judged.len()).filter(|&row| !judged[row]).collect();
        if rows.is_empty() {
            return Err(Error::insufficient_data(
                "the detector calls every row an outlier, so none is left to learn from; set a lower `contamination`",
            ));
        }
        Resampled::of_rows(train, &rows)
    }

    fn capabilities(&self) -> Capabilities {
        self.detector.capabilities().groups().weights()
    }
}

/// Adds a column `outlier`, which is 1 in the rows that a detector calls outliers and 0 in others: an `IsolationForest`, a
/// `LocalOutlierFactor`, or whatever learns without a target and answers with the classes `inlier` and `outlier`.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_models::IsolationForest;
/// use perennial_preprocessing::FlagOutliers;
///
/// let mut x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 7 + j * 13) % 10) as f64);
/// x.row_mut(42).fill(60.0);
/// let x = Matrix::from(x);
/// let model = FlagOutliers::new(IsolationForest::new().contamination(0.02).seed(1)).fit(&x, &NoTarget)?;
/// let flagged = model.transform(&x)?;
/// assert_eq!((flagged.features().name(2), flagged.dense()?[[42, 2]]), ("outlier", 1.0));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagOutliers<E> {
    detector: E,
}

impl<E> FlagOutliers<E> {
    /// What this detector calls outliers.
    pub fn new(detector: E) -> Self {
        FlagOutliers { detector }
    }
}

/// The columns and one of flags.
fn with_flag(features: &Features) -> Result<Features> {
    features.iter().cloned().chain([Feature::numeric(OUTLIER)]).collect::<Vec<_>>().try_into()
}

impl<E> Estimator for FlagOutliers<E>
where
    E: Estimator<Input = Matrix, Target = NoTarget, Model: Predictor<Input = Matrix, Output = Classes>>,
{
    type Input = Matrix;
    type Target = NoTarget;
    type Model = FlagOutliersModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Self::Model> {
        let output = with_flag(train.x.features())?;
        let detector = self.detector.fit_on(train).context("fitting the detector of outliers")?;
        let n_outliers = outliers(&detector, train.x)?.into_iter().filter(|is_outlier| *is_outlier).count();
        Ok(FlagOutliersModel { features: train.x.features().clone(), detector, n_outliers, output })
    }

    fn capabilities(&self) -> Capabilities {
        // Flags stand beside cells that are written down one by one.
        let mut accepts = self.detector.capabilities();
        accepts.sparse = false;
        accepts
    }
}

impl<E> FitTransform for FlagOutliers<E>
where
    E: Estimator<Input = Matrix, Target = NoTarget, Model: Predictor<Input = Matrix, Output = Classes>>,
{
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        let output =
            Matrix::from_dense(ndarray::Array2::zeros((0, x.n_cols() + 1)), with_flag(x.features())?)?;
        Ok(OutputSchema::Known { output, sources: sources(x.n_cols()) })
    }
}

fn sources(n_cols: usize) -> Option<Vec<Vec<usize>>> {
    let all = (0..n_cols).collect();
    Some((0..n_cols).map(|column| vec![column]).chain([all]).collect())
}

/// A fitted [`FlagOutliers`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct FlagOutliersModel<M> {
    features: Features,
    detector: M,
    /// How many of the training rows are outliers.
    n_outliers: usize,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts<M> {
    features: Features,
    detector: M,
    n_outliers: usize,
}

impl<M> TryFrom<Parts<M>> for FlagOutliersModel<M> {
    type Error = Error;

    fn try_from(parts: Parts<M>) -> Result<Self> {
        let Parts { features, detector, n_outliers } = parts;
        let output = with_flag(&features)?;
        Ok(FlagOutliersModel { features, detector, n_outliers, output })
    }
}

impl<M> FlagOutliersModel<M> {
    /// The fitted detector.
    pub fn detector(&self) -> &M {
        &self.detector
    }

    /// How many of the training rows it calls outliers.
    pub fn n_outliers(&self) -> usize {
        self.n_outliers
    }
}

impl<M: Predictor<Input = Matrix, Output = Classes>> Transformer for FlagOutliersModel<M> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let found = outliers(&self.detector, &x)?;
        let flags = found.into_iter().map(|is_outlier| f64::from(u8::from(is_outlier))).collect();
        let flags = ndarray::Array2::from_shape_vec((x.n_rows(), 1), flags).map_err(Error::other)?;
        let cells = ndarray::concatenate(ndarray::Axis(1), &[x.dense()?.view(), flags.view()]);
        Matrix::from_dense(cells.map_err(Error::other)?, self.output.clone())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        sources(self.features.len())
    }

    fn decided(&self) -> Vec<Decided> {
        let what = format!("{} of the training rows are outliers", self.n_outliers);
        vec![Decided::by(self, what, "by a detector that learned from the training rows")]
    }
}
