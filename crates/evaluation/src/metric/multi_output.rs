//! Metrics of numbers for several numbers per row.

use perennial_core::{Error, Outputs, Result, ResultExt, Values, check_numbers};
use serde::{Deserialize, Serialize};

use super::{Metric, check_pairs, mean_by};

/// Any metric of [`Values`] for [`Outputs`]: the mean of its scores of the outputs, as scikit-learn's `multioutput`.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `average` | uniform | | how much each output counts: all the same, by weights of their own, or by the variance of its truth |
///
/// ```
/// use ndarray::array;
/// use perennial_core::Outputs;
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::metric::{MeanSquaredError, MultiOutput, R2};
///
/// let truth = Outputs::from(array![[0.5, 1.0], [-1.0, 1.0], [7.0, -6.0]]);
/// let answer = Outputs::from(array![[0.0, 2.0], [-1.0, 2.0], [8.0, -5.0]]);
/// let error = MultiOutput::new(MeanSquaredError);
/// assert_eq!(error.raw_values(&truth, &answer, None)?, [1.25 / 3.0, 1.0]);
/// assert!((error.score(&truth, &answer)? - 4.25 / 6.0).abs() < 1e-15);
/// // Outputs that vary more count more.
/// assert!((MultiOutput::new(R2).variance_weighted().score(&truth, &answer)? - 0.938_256_658_595_641_7).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiOutput<M> {
    metric: M,
    #[serde(default)]
    average: OutputAverage,
}

/// How much each output counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutputAverage {
    #[default]
    UniformAverage,
    VarianceWeighted,
    Weights(Vec<f64>),
}

impl<M> MultiOutput<M> {
    /// The plain mean of the scores of the outputs.
    pub fn new(metric: M) -> Self {
        MultiOutput { metric, average: OutputAverage::UniformAverage }
    }

    /// Each output counts as much as the variance of its truth; all the same where none varies.
    #[must_use]
    pub fn variance_weighted(mut self) -> Self {
        self.average = OutputAverage::VarianceWeighted;
        self
    }

    /// How much each output counts, in their order: numbers >= 0, of which one is above 0.
    #[must_use]
    pub fn weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        self.average = OutputAverage::Weights(weights.into());
        self
    }

    /// The metric of each output.
    pub fn metric(&self) -> &M {
        &self.metric
    }
}

/// The outputs of both sides, one after the other.
fn outputs(truth: &Outputs, prediction: &Outputs, weights: Option<&[f64]>) -> Result<Vec<[Values; 2]>> {
    let (truth, prediction) = (truth.values(), prediction.values());
    check_pairs(truth.nrows(), prediction.nrows(), weights)?;
    if truth.ncols() != prediction.ncols() {
        return Err(Error::malformed(format!(
            "the prediction has {} outputs and the truth {}",
            prediction.ncols(),
            truth.ncols()
        )));
    }
    if truth.ncols() == 0 {
        return Err(Error::empty("there are no outputs to score"));
    }
    let column = |of: &ndarray::ArrayRef2<f64>, output: usize| of.column(output).iter().copied().collect();
    Ok((0..truth.ncols()).map(|output| [column(truth, output), column(prediction, output)]).collect())
}

impl<M: Metric<Truth = Values, Prediction = Values>> MultiOutput<M> {
    /// The score of each output.
    ///
    /// # Errors
    /// As those of the metric, with the output counted from 0; or when there are no outputs, or not as many on both sides.
    pub fn raw_values(
        &self,
        truth: &Outputs,
        prediction: &Outputs,
        weights: Option<&[f64]>,
    ) -> Result<Vec<f64>> {
        self.scores(&outputs(truth, prediction, weights)?, weights)
    }

    fn scores(&self, outputs: &[[Values; 2]], weights: Option<&[f64]>) -> Result<Vec<f64>> {
        let score = |(output, [truth, prediction]): (usize, &[Values; 2])| {
            self.metric.score_weighted(truth, prediction, weights).context(format!("output {output}"))
        };
        outputs.iter().enumerate().map(score).collect()
    }

    /// The share of each output; together they are 1.
    fn shares(&self, outputs: &[[Values; 2]], weights: Option<&[f64]>) -> Result<Vec<f64>> {
        let sizes = match &self.average {
            OutputAverage::UniformAverage => vec![1.0; outputs.len()],
            OutputAverage::Weights(sizes) => {
                let expected = "numbers >= 0 for the outputs, one of them above 0";
                if sizes.len() != outputs.len() {
                    return Err(Error::length_mismatch(
                        "the weights of the outputs",
                        outputs.len(),
                        sizes.len(),
                    ));
                }
                check_numbers("the weights of the outputs", sizes)?;
                if sizes.iter().any(|size| *size < 0.0) || sizes.iter().all(|size| *size == 0.0) {
                    return Err(Error::invalid_param("weights", format!("{sizes:?}"), expected));
                }
                sizes.clone()
            }
            OutputAverage::VarianceWeighted => {
                let variance = |[truth, _]: &[Values; 2]| {
                    let truth = truth.as_slice();
                    check_numbers("the truth", truth)?;
                    let mean = mean_by(truth.len(), weights, |row| truth[row]);
                    Ok(mean_by(truth.len(), weights, |row| (truth[row] - mean).powi(2)))
                };
                let variances = outputs.iter().map(variance).collect::<Result<Vec<f64>>>()?;
                if variances.iter().all(|variance| *variance == 0.0) {
                    vec![1.0; outputs.len()]
                } else {
                    variances
                }
            }
        };
        // Divided first, so that huge sizes do not leave the range of f64 in the sum.
        let most = sizes.iter().copied().fold(0.0, f64::max);
        if !most.is_finite() {
            return Err(Error::overflow(
                "the variance of an output is beyond the range of f64; scale the target",
            ));
        }
        let total: f64 = sizes.iter().map(|size| size / most).sum();
        Ok(sizes.iter().map(|size| size / most / total).collect())
    }
}

/// The weighted mean of the numbers that count: one that does not may be infinite.
fn mean_of(numbers: impl Iterator<Item = f64>, shares: &[f64]) -> f64 {
    numbers.zip(shares).filter(|(_, share)| **share > 0.0).map(|(number, share)| number * share).sum()
}

impl<M: Metric<Truth = Values, Prediction = Values>> Metric for MultiOutput<M> {
    type Truth = Outputs;
    type Prediction = Outputs;
    const HIGHER_IS_BETTER: bool = M::HIGHER_IS_BETTER;

    fn name(&self) -> String {
        let of = match self.average {
            OutputAverage::UniformAverage => "uniform_average",
            OutputAverage::VarianceWeighted => "variance_weighted",
            OutputAverage::Weights(_) => "weighted_average",
        };
        format!("{}_{of}", self.metric.name())
    }

    fn bounds(&self) -> (f64, f64) {
        self.metric.bounds()
    }

    fn score_weighted(&self, truth: &Outputs, prediction: &Outputs, weights: Option<&[f64]>) -> Result<f64> {
        let outputs = outputs(truth, prediction, weights)?;
        let shares = self.shares(&outputs, weights)?;
        Ok(mean_of(self.scores(&outputs, weights)?.into_iter(), &shares))
    }

    fn for_rows(&self, rows: &[usize]) -> Result<Option<Self>> {
        let own = self.metric.for_rows(rows)?;
        Ok(own.map(|metric| MultiOutput { metric, average: self.average.clone() }))
    }

    fn check_bootstrap(&self) -> Result<()> {
        self.metric.check_bootstrap()
    }

    /// None by variance, which is one of all rows.
    fn row_scores(&self, truth: &Outputs, prediction: &Outputs) -> Result<Option<Vec<f64>>> {
        let outputs = outputs(truth, prediction, None)?;
        let shares = match self.average {
            OutputAverage::VarianceWeighted => return Ok(None),
            _ => self.shares(&outputs, None)?,
        };
        let scores = |(output, [truth, prediction]): (usize, &[Values; 2])| {
            self.metric.row_scores(truth, prediction).context(format!("output {output}"))
        };
        let columns = outputs.iter().enumerate().map(scores).collect::<Result<Option<Vec<Vec<f64>>>>>()?;
        let mean = |columns: Vec<Vec<f64>>| {
            let row = |row: usize| mean_of(columns.iter().map(|column| column[row]), &shares);
            (0..truth.values().nrows()).map(row).collect()
        };
        Ok(columns.map(mean))
    }
}
