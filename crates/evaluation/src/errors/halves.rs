use std::borrow::Borrow;

use perennial_core::{Error, Result, Rows, check_weights};
use perennial_numeric::random::Random;

use crate::metric::{on_rows, score_parts};
use crate::{Metric, SliceOptions, SliceReport, Slices, score_slices};

/// How bad each row is, and the rows in two random halves: one is searched, and what is found is scored on the other, so that
/// intervals hold although groups were looked for.
pub(super) struct Halves {
    /// Larger for worse rows.
    pub(super) losses: Vec<f64>,
    pub(super) searched: Vec<usize>,
    pub(super) other: Vec<usize>,
}

impl Halves {
    /// Halves of at least `n_groups` groups of the least support each.
    ///
    /// # Errors
    /// When the metric is no mean over rows, lengths differ, a weight is not acceptable, or there are too few rows.
    pub(super) fn new<M: Metric>(
        metric: &M,
        truth: &M::Truth,
        prediction: &M::Prediction,
        n_features: usize,
        options: &SliceOptions,
        n_groups: usize,
    ) -> Result<Self> {
        let n_rows = truth.n_rows();
        if n_features != n_rows {
            return Err(Error::length_mismatch("the features", n_rows, n_features));
        }
        if let Some(weights) = options.row_weights() {
            check_weights(weights, n_rows)?;
        }
        metric.score(truth, prediction)?;
        let mut losses = metric.row_scores(truth, prediction)?.ok_or_else(|| {
            Error::unsupported(format!(
                "`{}` is no mean over rows, so rows cannot be told apart by it; search with `LogLoss`, `Accuracy` or an error",
                metric.name()
            ))
        })?;
        if M::HIGHER_IS_BETTER {
            losses.iter_mut().for_each(|loss| *loss = -*loss);
        }
        let support = options.least_support();
        if n_rows < (2 * n_groups).saturating_mul(support) {
            return Err(Error::insufficient_data(format!(
                "{n_rows} rows are too few to search one half and score on the other, each of {n_groups} groups of {support} rows or more"
            )));
        }
        let searched = Random::new(options.random_seed()).stream("halves").sample(n_rows, n_rows / 2);
        let mut is_searched = vec![false; n_rows];
        searched.iter().for_each(|&row| is_searched[row] = true);
        let other = (0..n_rows).filter(|&row| !is_searched[row]).collect();
        Ok(Halves { losses, searched, other })
    }
}

/// Slices of the rows `other`, which were not searched, scored on those alone.
pub(super) fn score_other<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    slices: &Slices,
    other: &[usize],
    options: &SliceOptions,
) -> Result<SliceReport> {
    let (truth, prediction) = score_parts::<M>(truth, prediction, other)?;
    on_rows(metric, other, |metric| {
        score_slices(metric, truth.borrow(), &prediction, slices, &options.of_part(other)?)
    })
}
