//! What each column alone says about the target.

mod chi_squared;
mod column;
mod mutual_information;
mod variance;

pub use chi_squared::Chi2;
pub(crate) use column::Columns;
pub use mutual_information::MutualInformation;
pub use variance::{FClassification, FRegression};

use perennial_core::{Capabilities, Error, Matrix, Result, Rows, Train};

/// A score of each column by what it alone says about the target: the function by which [`SelectKBest`](crate::SelectKBest) and its
/// like choose.
///
/// [`FClassification`], [`FRegression`], [`Chi2`] and [`MutualInformation`] are there; implement it for one of your own.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Result, Train, Values};
/// use perennial_features::{ColumnScores, ScoreColumns, SelectKBest};
///
/// /// The range of each column.
/// #[derive(Clone)]
/// struct Range;
///
/// impl ScoreColumns for Range {
///     type Target = Values;
///
///     fn scores(&self, train: &Train<'_, Matrix, Values>) -> Result<ColumnScores> {
///         let range = |column: ndarray::ArrayView1<f64>| {
///             let low = column.iter().copied().fold(f64::INFINITY, f64::min);
///             column.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low
///         };
///         Ok(ColumnScores::new(train.x.dense()?.columns().into_iter().map(range).collect()))
///     }
/// }
///
/// let x = Matrix::from(array![[0.0, 5.0], [1.0, 9.0]]);
/// let model = SelectKBest::new(Range, 1).fit(&x, &Values::from(vec![0.0, 1.0]))?;
/// assert_eq!((model.scores(), model.kept().collect::<Vec<_>>()), (&[1.0, 4.0][..], vec!["x1"]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub trait ScoreColumns: Send + Sync {
    /// What the columns are to tell.
    type Target: ?Sized + Rows + Sync;

    /// A score for each column, the larger the better.
    ///
    /// # Errors
    /// When the rows or the target do not allow it.
    fn scores(&self, train: &Train<'_, Matrix, Self::Target>) -> Result<ColumnScores>;

    /// What it takes beyond finite dense numbers.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

/// What a [`ScoreColumns`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnScores {
    pub(crate) scores: Vec<f64>,
    pub(crate) p_values: Option<Vec<f64>>,
}

impl ColumnScores {
    /// One score for each column, the larger the better.
    pub fn new(scores: Vec<f64>) -> Self {
        ColumnScores { scores, p_values: None }
    }

    /// The probability of a score as large as that of each column, if the column said nothing.
    #[must_use]
    pub fn with_p_values(mut self, p_values: Vec<f64>) -> Self {
        self.p_values = Some(p_values);
        self
    }

    /// Of each column its score and p-value.
    fn from_pairs(pairs: Vec<(f64, f64)>) -> Self {
        let (scores, p_values) = pairs.into_iter().unzip();
        ColumnScores { scores, p_values: Some(p_values) }
    }

    /// Refuses scores that are not one finite number for each column, and p-values that are no probabilities.
    pub(crate) fn checked(self, n_cols: usize) -> Result<Self> {
        let lengths = [Some(self.scores.len()), self.p_values.as_ref().map(Vec::len)];
        if let Some(length) = lengths.into_iter().flatten().find(|length| *length != n_cols) {
            return Err(Error::length_mismatch("the scores of the columns", n_cols, length));
        }
        let wrong = |p: &f64| !(0.0..=1.0).contains(p);
        if let Some(column) = self.p_values.iter().flatten().position(wrong) {
            return Err(Error::unsupported(format!("the p-value of column {column} is not from 0 to 1")));
        }
        match self.scores.iter().position(|score| !score.is_finite()) {
            None => Ok(self),
            Some(column) => Err(Error::unsupported(format!(
                "the score of column {column} is {}; scores must be finite numbers",
                self.scores[column]
            ))),
        }
    }
}
