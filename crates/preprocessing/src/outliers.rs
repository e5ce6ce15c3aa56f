//! Numbers far from the others: cut to bounds, made missing, or their rows left out when learning.

use std::marker::PhantomData;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Rows, Train, Transformer,
};
use perennial_data::{Change, ChangeKind};
use serde::{Deserialize, Serialize};

use crate::cells::{by_column, changes, map_rows};
use crate::decided;
use crate::moments::Moments;
use crate::resample::{Resampled, Resampler};
use crate::schema;
use crate::stats::quantiles;

/// Between which bounds a number is no outlier. A weight counts as copies of its row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bounds {
    /// The quartiles, and so many times their distance beyond each (Tukey, 1977): 1.5 for outliers, 3 for far ones.
    Quartiles(f64),
    /// The mean, and so many standard deviations on each side; outliers themselves make it wide.
    Deviations(f64),
    /// The median, and so many times the scaled median absolute deviation on each side (Hampel, 1974).
    Mad(f64),
    /// Two quantiles, as shares of the rows.
    Quantiles(f64, f64),
    /// These numbers, for every column.
    Fixed(f64, f64),
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds::Quartiles(1.5)
    }
}

const fn fold(name: &'static str) -> Param {
    Param::real(name, "how many distances beyond the middle").above(0.0).search(1.0, 5.0)
}

const SHARE: Param = Param::real("quantiles", "share of the rows").at_least(0.0).at_most(1.0);

/// The median absolute deviation of a normal distribution is one standard deviation over this.
const MAD_SCALE: f64 = 1.482_602_218_505_602;

impl Bounds {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Bounds::Quartiles(distances) => fold("quartiles").check(distances),
            Bounds::Deviations(distances) => fold("deviations").check(distances),
            Bounds::Mad(distances) => fold("mad").check(distances),
            Bounds::Quantiles(low, high) => {
                SHARE.check(low)?;
                SHARE.check(high)?;
                if low < high { Ok(()) } else { Err(empty("quantiles", low, high)) }
            }
            Bounds::Fixed(low, high) if low <= high && (high - low).is_finite() => Ok(()),
            Bounds::Fixed(low, high) => Err(empty("fixed", low, high)),
        }
    }

    /// The bounds of each column of a matrix.
    fn learn(self, train: &Matrix, weights: Option<&[f64]>) -> Result<Vec<(f64, f64)>> {
        self.check()?;
        let x = train.dense()?;
        if let Bounds::Deviations(fold) = self {
            return of_moments(fold, &Moments::of(x, weights), train.features());
        }
        let found = by_column(x, |_, values| match self {
            Bounds::Quartiles(fold) => quantiles(values, weights, &[0.25, 0.75]).map(|q| {
                let width = fold * (q[1] - q[0]);
                (q[0] - width, q[1] + width)
            }),
            Bounds::Quantiles(low, high) => quantiles(values, weights, &[low, high]).map(|q| (q[0], q[1])),
            Bounds::Mad(fold) => {
                let mut gaps = values.clone();
                quantiles(values, weights, &[0.5]).and_then(|median| {
                    gaps.iter_mut().for_each(|gap| *gap = (*gap - median[0]).abs());
                    let width = fold * MAD_SCALE * quantiles(&mut gaps, weights, &[0.5])?[0];
                    Some((median[0] - width, median[0] + width))
                })
            }
            Bounds::Fixed(low, high) => Some((low, high)),
            Bounds::Deviations(_) => None,
        });
        sound(train.features(), found)
    }
}

/// So many deviations around the means.
pub(crate) fn of_moments(fold: f64, moments: &Moments, features: &Features) -> Result<Vec<(f64, f64)>> {
    let of = |column: usize| {
        let (mean, deviation) = (moments.mean[column], moments.variance(column).sqrt());
        (moments.weight[column] > 0.0).then_some((mean - fold * deviation, mean + fold * deviation))
    };
    sound(features, (0..features.len()).map(of).collect())
}

fn empty(name: &'static str, low: f64, high: f64) -> Error {
    Error::invalid_param(name, (low, high), "two finite numbers, the lower one first")
}

/// Bounds of every column; those of a column without a value would make an outlier of whatever comes later.
fn sound(features: &Features, found: Vec<Option<(f64, f64)>>) -> Result<Vec<(f64, f64)>> {
    let bound = |(bounds, name): (Option<(f64, f64)>, &str)| match bounds {
        Some((low, high)) if low.is_finite() && high.is_finite() => Ok((low, high)),
        Some(_) => Err(Error::overflow(format!(
            "the numbers of column `{name}` are so large that their bounds leave the range of f64; divide it by a power of ten first"
        ))),
        None => Err(Error::insufficient_data(format!(
            "every value of column `{name}` is missing, so it has no bounds; leave it out, or give fixed ones"
        ))),
    };
    found.into_iter().zip(features.names()).map(bound).collect()
}

/// Cuts numbers that lie beyond the bounds of their column to the nearer bound (winsorising), or makes them missing.
///
/// Missing cells are left out of the statistics and stay missing.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `bounds` | quartiles, 1.5 | between which a number is no outlier |
/// | `to_missing` | false | whether outliers become missing, for an imputer that follows |
/// | `indicator` | false | whether to add a column `name is an outlier` of 0 and 1 for each column that had outliers |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::Winsorizer;
///
/// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0], [100.0]]);
/// let model = Winsorizer::new().fit(&x, &NoTarget)?;
/// assert_eq!(model.bounds(), [(-1.0, 7.0)]);
/// assert_eq!(model.transform(&x)?.dense()?, array![[1.0], [2.0], [3.0], [4.0], [7.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Winsorizer {
    pub(crate) bounds: Bounds,
    to_missing: bool,
    indicator: bool,
}

impl Winsorizer {
    /// Cuts to one and a half quartile distances beyond the quartiles.
    pub fn new() -> Self {
        Winsorizer::default()
    }

    /// Between which bounds a number is no outlier.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Whether outliers become missing.
    #[must_use]
    pub fn to_missing(mut self, to_missing: bool) -> Self {
        self.to_missing = to_missing;
        self
    }

    /// Whether to add columns that say what was an outlier.
    #[must_use]
    pub fn indicator(mut self, indicator: bool) -> Self {
        self.indicator = indicator;
        self
    }
}

/// What lies beyond the bounds of each column.
#[derive(Default)]
pub(crate) struct Beyond {
    outliers: Vec<usize>,
    /// A row that weighs nothing changes no column of the output.
    weighty: Vec<bool>,
}

impl Beyond {
    pub(crate) fn add(&mut self, x: &Matrix, weights: Option<&[f64]>, bounds: &[(f64, f64)]) -> Result<()> {
        self.outliers.resize(bounds.len(), 0);
        self.weighty.resize(bounds.len(), false);
        for (row, cells) in x.dense()?.rows().into_iter().enumerate() {
            for (column, (cell, (low, high))) in cells.iter().zip(bounds).enumerate() {
                if cell < low || cell > high {
                    self.outliers[column] += 1;
                    self.weighty[column] |= weights.is_none_or(|weights| weights[row] > 0.0);
                }
            }
        }
        Ok(())
    }
}

impl Winsorizer {
    pub(crate) fn model(
        &self,
        features: Features,
        bounds: Vec<(f64, f64)>,
        beyond: Beyond,
    ) -> Result<WinsorizerModel> {
        let Beyond { outliers, weighty } = beyond;
        let flagged = (0..bounds.len()).filter(|&column| self.indicator && weighty[column]).collect();
        WinsorizerModel::try_from(Parts { features, bounds, to_missing: self.to_missing, outliers, flagged })
    }
}

impl Estimator for Winsorizer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = WinsorizerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<WinsorizerModel> {
        let bounds = self.bounds.learn(train.x, train.weights)?;
        let mut beyond = Beyond::default();
        beyond.add(train.x, train.weights, &bounds)?;
        self.model(train.x.features().clone(), bounds, beyond)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for Winsorizer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.bounds.check()?;
        match self.indicator {
            false => schema::same_columns(x),
            true => Ok(OutputSchema::after_fit(self, "columns that have an outlier get one more")),
        }
    }
}

/// A fitted [`Winsorizer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct WinsorizerModel {
    features: Features,
    bounds: Vec<(f64, f64)>,
    to_missing: bool,
    /// How many there were of each column in the training rows.
    outliers: Vec<usize>,
    flagged: Vec<usize>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    bounds: Vec<(f64, f64)>,
    to_missing: bool,
    outliers: Vec<usize>,
    flagged: Vec<usize>,
}

impl TryFrom<Parts> for WinsorizerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, bounds, to_missing, outliers, flagged } = parts;
        let known = outliers.len() == features.len() && flagged.iter().all(|&column| column < features.len());
        if !known || bounds.len() != features.len() || !bounds.iter().all(|(low, high)| low <= high) {
            return Err(Error::corrupt("there is not one lower and one upper bound for each column"));
        }
        let flags = flagged
            .iter()
            .map(|&column| Feature::numeric(format!("{} is an outlier", features.name(column))));
        let output = features.iter().cloned().chain(flags).collect::<Vec<_>>().try_into()?;
        Ok(WinsorizerModel { features, bounds, to_missing, outliers, flagged, output })
    }
}

impl WinsorizerModel {
    /// The bounds of each column.
    pub fn bounds(&self) -> &[(f64, f64)] {
        &self.bounds
    }

    /// How many cells of each column were cut, or made missing, in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        let kind = if self.to_missing { ChangeKind::MadeMissing } else { ChangeKind::Cut };
        changes(&self.features, kind, &self.outliers)
    }
}

impl Transformer for WinsorizerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let (n_cols, width) = (self.features.len(), self.output.len());
        map_rows(&x, &self.output, |_, rows, out| {
            for (row, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(width)) {
                for ((out, &cell), &(low, high)) in out.iter_mut().zip(row).zip(&self.bounds) {
                    // `clamp` keeps NaN, which stays missing.
                    let cut = cell.clamp(low, high);
                    *out = if self.to_missing && cut != cell { f64::NAN } else { cut };
                }
                for (out, &column) in out[n_cols..].iter_mut().zip(&self.flagged) {
                    let (low, high) = self.bounds[column];
                    *out = f64::from(u8::from(row[column] < low || row[column] > high));
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::with_flags(self.features.len(), &self.flagged)
    }

    fn decided(&self) -> Vec<Decided> {
        let what = if self.to_missing { "made missing" } else { "cut to the nearer bound" };
        let cut =
            decided::of_columns(self, &self.features, "bounds from the training rows, or set", |column| {
                let (low, high) = self.bounds[column];
                format!("numbers below {low} and above {high} are {what}")
            });
        decided::with_cells(cut, &self.outliers)
    }
}

/// Leaves out rows with a number beyond the bounds of its column, when learning alone.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Matrix, Rows, Train, Values};
/// use perennial_preprocessing::{OutlierTrimmer, Resampler};
///
/// let x = Matrix::from(array![[1.0], [2.0], [3.0], [4.0], [100.0]]);
/// let y = Values::from(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
/// let kept = OutlierTrimmer::new().resample(&Train::new(&x, &y))?;
/// assert_eq!(kept.y.as_slice(), [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct OutlierTrimmer<Y: ?Sized> {
    bounds: Bounds,
    #[serde(skip)]
    target: PhantomData<fn(&Y)>,
}

impl<Y: ?Sized> Default for OutlierTrimmer<Y> {
    fn default() -> Self {
        OutlierTrimmer { bounds: Bounds::default(), target: PhantomData }
    }
}

impl<Y: ?Sized> OutlierTrimmer<Y> {
    /// Beyond one and a half quartile distances.
    pub fn new() -> Self {
        OutlierTrimmer::default()
    }

    /// Between which bounds a number is no outlier.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }
}

impl<Y: ?Sized + Rows + Sync> Resampler for OutlierTrimmer<Y> {
    type Input = Matrix;
    type Target = Y;

    fn resample(&self, train: &Train<'_, Matrix, Y>) -> Result<Resampled<Matrix, Y>> {
        let bounds = self.bounds.learn(train.x, train.weights)?;
        let x = train.x.dense()?;
        // Missing is no outlier.
        let inside = |row: &usize| {
            x.row(*row).iter().zip(&bounds).all(|(cell, (low, high))| !(cell < low || cell > high))
        };
        let rows: Vec<usize> = (0..x.nrows()).filter(inside).collect();
        if rows.is_empty() {
            return Err(Error::insufficient_data(
                "every row has a number beyond the bounds of its column, so none is left to learn from; widen the bounds",
            ));
        }
        Resampled::of_rows(train, &rows)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().groups()
    }
}
