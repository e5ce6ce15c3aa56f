//! Learning the bins.

use perennial_core::{
    Capabilities, Estimator, FeatureKind, FitTransform, Matrix, NoTarget, Param, Result, Train,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::{Binned, Binning, MAX_BINS, cuts};

pub(crate) const N_BINS: Param =
    Param::integer("max_bins", "the most bins of a column, beside that of missing values")
        .at_least(2.0)
        .at_most(MAX_BINS as f64);

/// Cuts columns into bins that hold about the same weight of rows.
///
/// A column with no more distinct values than bins keeps them all. A value so frequent that it would fill a bin has
/// one of its own. Of a categorical column the most frequent categories have bins of their own and the rest share one.
/// Codes of categories are whole numbers below 2^24 = 16,777,216.
/// A sparse matrix, such as of words or of categories one by one, is put into bins without being written out: a byte for each
/// cell, and zeros have the bin of 0.
/// Rows that do not fit into memory are put into bins batch by batch: [`bin_batches`](Binner::bin_batches).
/// The quantiles are exact up to 4 million rows; above, they come from 2 million rows drawn at random, which puts
/// each of them within 0.12 % of its rank (with probability 0.99, by the inequality of Dvoretzky, Kiefer and Wolfowitz).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_bins` | 255 | 2 to 255 | the most bins of a column, beside that of missing values |
/// | `seed` | that of the context | any | of the draw of rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, FitTransform, Matrix, NoTarget, Transformer};
/// use perennial_models::Binner;
///
/// let x = Matrix::from(array![[1.0], [2.0], [2.0], [9.0]]);
/// let binned = Binner::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(binned.column(0), [0, 1, 1, 2]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Binner {
    pub(super) max_bins: usize,
    pub(super) seed: Option<u64>,
}

impl Default for Binner {
    fn default() -> Self {
        Binner { max_bins: MAX_BINS, seed: None }
    }
}

impl Binner {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_BINS];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the most bins of a column, beside that of missing values.
    #[must_use]
    pub fn max_bins(mut self, max_bins: usize) -> Self {
        self.max_bins = max_bins;
        self
    }

    /// Sets the seed of the draw of rows.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for Binner {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Binning;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Binning> {
        N_BINS.check_count(self.max_bins)?;
        self.fit_cells(train, &Cells::of(train.x)?)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().categorical().sparse()
    }
}

impl Binner {
    fn fit_cells(&self, train: &Train<'_, Matrix, NoTarget>, x: &Cells<'_>) -> Result<Binning> {
        N_BINS.check_count(self.max_bins)?;
        let features = train.x.features();
        let rows = cuts::drawn(x.n_rows(), train.weights, &Random::new(train.ctx.seed(self.seed)));
        let spare = cuts::Keys::default();
        let columns = reduce::try_map_each(features.len(), |column| {
            train.ctx.check()?;
            let values = x.column(column);
            let values = values.view();
            match features.kind(column) {
                FeatureKind::Categorical { .. } => {
                    cuts::categories(values, train.weights, self.max_bins, features.name(column))
                }
                _ => Ok(cuts::numeric(values, rows.as_deref(), train.weights, self.max_bins, &spare)),
            }
        })?;
        Ok(Binning::new(features.clone(), columns))
    }
}

impl FitTransform for Binner {
    fn fit_transform_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<(Binning, Binned)> {
        N_BINS.check_count(self.max_bins)?;
        let x = Cells::of(train.x)?;
        let binning = self.fit_cells(train, &x)?;
        let binned = Binned::new(binning.clone(), x.n_rows(), binning.codes(&x));
        Ok((binning, binned))
    }
}
