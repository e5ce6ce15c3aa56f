//! Filling missing numbers.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Param, Result, Train, Transformer,
};
use perennial_data::{Change, ChangeKind};
use serde::{Deserialize, Serialize};

use crate::batch_parts::{MatrixParts, Modes};
use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::cells::{by_column, changes, map_rows, missing_counts};
use crate::decided;
use crate::moments::Moments;
use crate::schema;
use crate::stats::{median, mode, quantiles, sorted};

/// What missing numbers are replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// The mean of the column.
    Mean,
    /// The median of the column.
    #[default]
    Median,
    /// The most frequent value; the smallest of equally frequent ones.
    Mode,
    /// Always this number.
    Constant(f64),
    /// The mean and so many standard deviations (over n) more, which may be negative: far from what was there, so that trees
    /// tell it apart.
    EndOfTail(f64),
}

/// Replaces missing numbers by a statistic of their column.
///
/// A column in which every value is missing has no statistic: that is an error, unless the strategy is a
/// constant.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `strategy` | median | the statistic, or a constant |
/// | `indicator` | false | whether to add a column `name is missing` of 0 and 1 for each column that had missing cells |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::SimpleImputer;
///
/// let x = Matrix::from(array![[1.0], [f64::NAN], [4.0], [9.0]]);
/// let filled = SimpleImputer::median().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(filled.dense()?, array![[1.0], [4.0], [4.0], [9.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleImputer {
    strategy: Strategy,
    indicator: bool,
}

impl SimpleImputer {
    /// Fills with the median.
    pub fn median() -> Self {
        SimpleImputer::default()
    }

    /// Fills with the mean.
    pub fn mean() -> Self {
        SimpleImputer { strategy: Strategy::Mean, indicator: false }
    }

    /// Fills with the most frequent value.
    pub fn mode() -> Self {
        SimpleImputer { strategy: Strategy::Mode, indicator: false }
    }

    /// Fills with a constant.
    pub fn constant(value: f64) -> Self {
        SimpleImputer { strategy: Strategy::Constant(value), indicator: false }
    }

    /// Fills with the mean and so many standard deviations more, such as 3 or -3.
    pub fn end_of_tail(deviations: f64) -> Self {
        SimpleImputer { strategy: Strategy::EndOfTail(deviations), indicator: false }
    }

    /// Whether to add columns that say what was missing.
    #[must_use]
    pub fn indicator(mut self, indicator: bool) -> Self {
        self.indicator = indicator;
        self
    }
}

const DEVIATIONS: Param = Param::real("end_of_tail", "standard deviations from the mean to the fill");
const CONSTANT: Param = Param::real("constant", "what missing numbers become");

impl Estimator for SimpleImputer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = SimpleImputerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<SimpleImputerModel> {
        let x = train.x.dense()?;
        let n_cols = x.ncols();
        let moments = || Moments::of(x, train.weights);
        let of_sorted = |statistic: fn(&[(f64, f64)]) -> Option<f64>| {
            by_column(x, |_, values| statistic(&sorted(values, train.weights)))
        };
        let fills: Vec<Option<f64>> = match self.strategy {
            Strategy::Constant(value) => {
                self.check()?;
                vec![Some(value); n_cols]
            }
            Strategy::Mean | Strategy::EndOfTail(_) => {
                let moments = moments();
                self.check()?;
                (0..n_cols).map(|column| self.of_moments(&moments, column)).collect()
            }
            Strategy::Median if train.weights.is_none() => {
                by_column(x, |_, values| quantiles(values, None, &[0.5]).map(|found| found[0]))
            }
            Strategy::Median => of_sorted(median),
            Strategy::Mode => of_sorted(mode),
        };
        let had_missing = |column: usize| {
            let counts = |row: usize| train.weight(row) > 0.0;
            x.column(column).iter().enumerate().any(|(row, cell)| cell.is_nan() && counts(row))
        };
        self.model(train.x.features(), fills, had_missing, missing_counts(x))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl SimpleImputer {
    /// Filled with these numbers, where there are some; `missing` cells of each column were.
    fn model(
        &self,
        features: &Features,
        fills: Vec<Option<f64>>,
        had_missing: impl Fn(usize) -> bool,
        missing: Vec<usize>,
    ) -> Result<SimpleImputerModel> {
        let mut numbers = Vec::with_capacity(features.len());
        for (fill, name) in fills.into_iter().zip(features.names()) {
            match fill {
                Some(value) if value.is_finite() => numbers.push(value),
                Some(_) => {
                    return Err(Error::overflow(format!(
                        "the mean of column `{name}`, or what is far from it, leaves the range of f64; use the median"
                    )));
                }
                None => {
                    return Err(Error::insufficient_data(format!(
                        "every value of column `{name}` is missing, so there is nothing to fill it with; leave it out, or fill with a constant"
                    )));
                }
            }
        }
        let flagged = (0..features.len()).filter(|&column| self.indicator && had_missing(column)).collect();
        SimpleImputerModel::new(Parts { features: features.clone(), fills: numbers, flagged, missing })
    }

    fn check(&self) -> Result<()> {
        let check = |param: &Param, name: &str, value: f64| {
            param.check(value).map_err(|_| Error::invalid_param(name, value, param.expected()))
        };
        match self.strategy {
            Strategy::Constant(value) => check(&CONSTANT, "constant", value),
            Strategy::EndOfTail(deviations) => check(&DEVIATIONS, "end_of_tail", deviations),
            Strategy::Mean | Strategy::Median | Strategy::Mode => Ok(()),
        }
    }

    /// The fill of a column whose moments say all of it; nothing where no cell counts.
    fn of_moments(&self, moments: &Moments, column: usize) -> Option<f64> {
        let deviations = if let Strategy::EndOfTail(deviations) = self.strategy { deviations } else { 0.0 };
        let mean = moments.mean[column];
        // Without the product a variance beyond the range of numbers would make the mean NaN.
        let tail = if deviations == 0.0 { 0.0 } else { deviations * moments.variance(column).sqrt() };
        (moments.weight[column] > 0.0).then_some(mean + tail)
    }
}

/// What is gathered of batches.
#[derive(Default)]
struct Gathered {
    parts: MatrixParts,
    modes: Vec<Modes>,
    /// How many cells of each column are missing, and whether one of them counts.
    missing: Vec<usize>,
    counts: Vec<bool>,
}

/// Means, constants and modes; a median needs all rows at once. For modes there are the different numbers of each column in
/// memory.
impl FitBatches for SimpleImputer {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        if self.strategy == Strategy::Median {
            return Err(Error::unsupported(
                "a median needs all rows at once; fill with the mean, the mode or a constant, or fit on a table in memory",
            ));
        }
        Ok(one_pass(
            |gathered: &mut Gathered, batch: &Train<'_, Matrix, NoTarget>| {
                let x = gathered.parts.add(batch.x, batch.weights)?;
                let x = x.dense()?;
                gathered.missing.resize(x.ncols(), 0);
                gathered.counts.resize(x.ncols(), false);
                for (row, cells) in x.rows().into_iter().enumerate() {
                    for (column, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_nan()) {
                        gathered.missing[column] += 1;
                        gathered.counts[column] |= batch.weight(row) > 0.0;
                    }
                }
                if self.strategy == Strategy::Mode {
                    gathered.modes.resize_with(x.ncols(), Modes::default);
                    for (mode, cells) in gathered.modes.iter_mut().zip(x.columns()) {
                        mode.add(cells.iter().enumerate().map(|(row, &cell)| (cell, batch.weight(row))))?;
                    }
                }
                Ok(())
            },
            |Gathered { parts, modes, missing, counts }| {
                let (features, moments) = parts.finish()?;
                let fill = |column: usize| match self.strategy {
                    Strategy::Constant(value) => Some(value),
                    Strategy::Mode => modes[column].mode(),
                    _ => self.of_moments(&moments, column),
                };
                let fills = (0..features.len()).map(fill).collect();
                self.model(&features, fills, |column| counts[column], missing)
            },
        ))
    }
}

impl FitTransform for SimpleImputer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        match self.indicator {
            false => schema::same_columns(x),
            true => Ok(OutputSchema::after_fit(self, "columns in which a cell is missing get one more")),
        }
    }
}

/// A fitted [`SimpleImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct SimpleImputerModel {
    features: Features,
    fills: Vec<f64>,
    flagged: Vec<usize>,
    missing: Vec<usize>,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    fills: Vec<f64>,
    flagged: Vec<usize>,
    missing: Vec<usize>,
}

impl TryFrom<Parts> for SimpleImputerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        SimpleImputerModel::new(parts)
    }
}

impl SimpleImputerModel {
    fn new(parts: Parts) -> Result<Self> {
        let Parts { features, fills, flagged, missing } = parts;
        let finite = fills.len() == features.len() && fills.iter().all(|fill| fill.is_finite());
        if !finite
            || missing.len() != features.len()
            || flagged.iter().any(|&column| column >= features.len())
        {
            return Err(Error::corrupt("an imputer needs one finite number for each column"));
        }
        let flags =
            flagged.iter().map(|&column| Feature::numeric(format!("{} is missing", features.name(column))));
        let output = features.iter().cloned().chain(flags).collect::<Vec<_>>().try_into()?;
        Ok(SimpleImputerModel { features, fills, flagged, missing, output })
    }

    /// What the missing cells of each column become.
    pub fn fills(&self) -> &[f64] {
        &self.fills
    }

    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        changes(&self.features, ChangeKind::Filled, &self.missing)
    }
}

impl Transformer for SimpleImputerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let (n_cols, width) = (x.n_cols(), self.output.len());
        map_rows(&x, &self.output, |_, rows, out| {
            for (cells, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(width)) {
                for ((out, &cell), &fill) in out.iter_mut().zip(cells).zip(&self.fills) {
                    *out = if cell.is_nan() { fill } else { cell };
                }
                for (out, &column) in out[n_cols..].iter_mut().zip(&self.flagged) {
                    *out = f64::from(u8::from(cells[column].is_nan()));
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::with_flags(self.features.len(), &self.flagged)
    }

    fn decided(&self) -> Vec<Decided> {
        let fills = decided::of_columns(
            self,
            &self.features,
            "set by the strategy from the training rows",
            |column| {
                let flag = if self.flagged.contains(&column) { ", and a column says which were" } else { "" };
                format!("missing cells become {}{flag}", self.fills[column])
            },
        );
        decided::with_cells(fills, &self.missing)
    }
}
