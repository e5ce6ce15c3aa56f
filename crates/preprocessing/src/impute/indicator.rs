//! Columns that say what is missing.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, NoTarget, OutputSchema,
    Result, Rows, Train, Transformer,
};
use serde::{Deserialize, Serialize};

use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::cells::map_rows;

/// Which columns a [`MissingIndicator`] makes a flag of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlaggedColumns {
    /// Those in which a cell of the training rows is missing.
    #[default]
    MissingOnly,
    /// All.
    All,
}

/// Says which cells are missing: columns `name is missing` of 0 and 1, and nothing else. What is missing is often as telling as
/// what would have stood there.
///
/// Imputers add such columns beside what they fill by their own `indicator` setting; this step stands alone, so that flags can go to another model,
/// or beside an imputer that has no such setting. Where no column has a gap in the training rows, no column comes out.
///
/// | name | default | meaning |
/// |---|---|---|
/// | `features` | those with gaps | whether columns without a gap in the training rows get a flag too |
/// | `error_on_new` | true | whether a gap in a column that had none in the training rows, and has no flag, is an error |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::MissingIndicator;
///
/// let x = Matrix::from(array![[1.0, f64::NAN], [2.0, 5.0]]).with_names(["a", "b"])?;
/// let model = MissingIndicator::new().fit(&x, &NoTarget)?;
/// let flags = model.transform(&x)?;
/// assert_eq!(flags.features().names().collect::<Vec<_>>(), ["b is missing"]);
/// assert_eq!(flags.dense()?, array![[1.0], [0.0]]);
///
/// let new_gap = Matrix::from(array![[f64::NAN, 5.0]]).with_names(["a", "b"])?;
/// assert!(model.transform(&new_gap).unwrap_err().to_string().contains("column `a`"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingIndicator {
    features: FlaggedColumns,
    error_on_new: bool,
}

impl Default for MissingIndicator {
    fn default() -> Self {
        MissingIndicator { features: FlaggedColumns::MissingOnly, error_on_new: true }
    }
}

impl MissingIndicator {
    /// Flags of the columns that have gaps in the training rows.
    pub fn new() -> Self {
        MissingIndicator::default()
    }

    /// Which columns get a flag.
    #[must_use]
    pub fn features(mut self, features: FlaggedColumns) -> Self {
        self.features = features;
        self
    }

    /// Whether a gap in a column that had none in the training rows, and has no flag, is an error.
    #[must_use]
    pub fn error_on_new(mut self, error_on_new: bool) -> Self {
        self.error_on_new = error_on_new;
        self
    }

    fn model(&self, features: Features, gaps: Gaps) -> Result<MissingIndicatorModel> {
        let all = self.features == FlaggedColumns::All;
        let flagged = (0..features.len()).filter(|&column| all || gaps.counted[column] > 0).collect();
        let (gaps, error_on_new) = (gaps.all, self.error_on_new);
        MissingIndicatorModel::new(Parts { features, flagged, gaps, error_on_new })
    }
}

/// The missing cells of each column: in all rows, so that none of them is refused later, and in those that count, which make flags.
#[derive(Debug, Clone, Default)]
struct Gaps {
    all: Vec<usize>,
    counted: Vec<usize>,
}

impl Gaps {
    fn none(n_columns: usize) -> Self {
        Gaps { all: vec![0; n_columns], counted: vec![0; n_columns] }
    }

    fn add(&mut self, x: &Matrix, weights: Option<&[f64]>) -> Result<()> {
        self.all.resize(x.n_cols(), 0);
        self.counted.resize(x.n_cols(), 0);
        for (row, cells) in x.dense()?.rows().into_iter().enumerate() {
            let counts = weights.is_none_or(|weights| weights[row] > 0.0);
            for (column, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_nan()) {
                self.all[column] += 1;
                self.counted[column] += usize::from(counts);
            }
        }
        Ok(())
    }
}

impl Estimator for MissingIndicator {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = MissingIndicatorModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<MissingIndicatorModel> {
        let mut gaps = Gaps::default();
        gaps.add(train.x, train.weights)?;
        self.model(train.x.features().clone(), gaps)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

/// The columns and their missing cells.
impl FitBatches for MissingIndicator {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |gathered: &mut Option<(Features, Gaps)>, batch: &Train<'_, Matrix, NoTarget>| {
                let (features, gaps) =
                    gathered.get_or_insert_with(|| (batch.x.features().clone(), Gaps::default()));
                gaps.add(&*features.align(batch.x)?, batch.weights)
            },
            |gathered| {
                let (features, gaps) = gathered.ok_or_else(|| Error::empty("the batches have no rows"))?;
                self.model(features, gaps)
            },
        ))
    }
}

impl FitTransform for MissingIndicator {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        match self.features {
            FlaggedColumns::All => {
                OutputSchema::of(&self.model(x.features().clone(), Gaps::none(x.n_cols()))?, x)
            }
            FlaggedColumns::MissingOnly => {
                Ok(OutputSchema::after_fit(self, "columns in which a cell is missing get a flag"))
            }
        }
    }
}

/// A fitted [`MissingIndicator`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MissingIndicatorModel {
    features: Features,
    flagged: Vec<usize>,
    gaps: Vec<usize>,
    error_on_new: bool,
    #[serde(skip)]
    output: Features,
    /// The columns that must have no gap.
    #[serde(skip)]
    whole: Vec<usize>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    flagged: Vec<usize>,
    gaps: Vec<usize>,
    error_on_new: bool,
}

impl TryFrom<Parts> for MissingIndicatorModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        MissingIndicatorModel::new(parts)
    }
}

impl MissingIndicatorModel {
    fn new(parts: Parts) -> Result<Self> {
        let Parts { features, flagged, gaps, error_on_new } = parts;
        let rising = flagged.windows(2).all(|pair| pair[0] < pair[1]);
        if gaps.len() != features.len()
            || !rising
            || flagged.last().is_some_and(|last| *last >= features.len())
        {
            return Err(Error::corrupt("the flags of a missing indicator are not those of its columns"));
        }
        let flags =
            flagged.iter().map(|&column| Feature::numeric(format!("{} is missing", features.name(column))));
        let output = flags.collect::<Vec<_>>().try_into()?;
        let whole = (0..features.len())
            .filter(|column| error_on_new && gaps[*column] == 0 && flagged.binary_search(column).is_err())
            .collect();
        Ok(MissingIndicatorModel { features, flagged, gaps, error_on_new, output, whole })
    }

    /// The columns that have a flag, by their places in the input.
    pub fn flagged(&self) -> &[usize] {
        &self.flagged
    }
}

impl Transformer for MissingIndicatorModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        if !self.whole.is_empty() {
            for (row, cells) in x.dense()?.rows().into_iter().enumerate() {
                if let Some(&column) = self.whole.iter().find(|column| cells[**column].is_nan()) {
                    return Err(Error::malformed(format!(
                        "column `{}` has a missing cell in row {row} and had none in the training rows, so it has no flag; make flags of all \
                         columns, or set `error_on_new` to false",
                        self.features.name(column)
                    )));
                }
            }
        }
        let (n_cols, width) = (x.n_cols(), self.output.len());
        if width == 0 {
            x.check_finite(true)?;
            return Matrix::from_dense(Array2::zeros((x.n_rows(), 0)), self.output.clone());
        }
        map_rows(&x, &self.output, |_, rows, out| {
            for (cells, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(width)) {
                for (out, &column) in out.iter_mut().zip(&self.flagged) {
                    *out = f64::from(u8::from(cells[column].is_nan()));
                }
            }
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(self.flagged.iter().map(|&column| vec![column]).collect())
    }

    fn decided(&self) -> Vec<Decided> {
        let flag = |&column: &usize| {
            let why = "cells are missing in the training rows, or flags of all columns were asked for";
            Decided::by(self, "a column says which cells are missing", why)
                .column(self.features.name(column))
                .cells(self.gaps[column])
        };
        self.flagged.iter().map(flag).collect()
    }
}
