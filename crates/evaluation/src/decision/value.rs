//! What the outcomes of a decision are worth.

use perennial_core::{Classes, Error, Result, Rows, check_numbers};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::align::{check_rows_of, codes_in, positive_class};

/// What each outcome is worth, in units of your own: gains are positive, costs negative.
///
/// ```
/// use perennial_evaluation::decision::OutcomeValues;
///
/// // A call costs 5; a customer who stays because of it brings 60.
/// let values = OutcomeValues::gains(55.0, -5.0, 0.0, 0.0);
/// assert_eq!(values.break_even()?, 5.0 / 60.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeValues {
    /// A positive row called positive.
    pub true_positive: f64,
    /// A negative row called positive.
    pub false_positive: f64,
    /// A positive row called negative.
    pub false_negative: f64,
    /// A negative row called negative.
    pub true_negative: f64,
}

impl OutcomeValues {
    /// By what each outcome gains.
    pub fn gains(true_positive: f64, false_positive: f64, false_negative: f64, true_negative: f64) -> Self {
        OutcomeValues { true_positive, false_positive, false_negative, true_negative }
    }

    /// By what each outcome costs.
    pub fn costs(true_positive: f64, false_positive: f64, false_negative: f64, true_negative: f64) -> Self {
        OutcomeValues::gains(-true_positive, -false_positive, -false_negative, -true_negative)
    }

    /// The value of calling a row.
    pub fn of(&self, positive: bool, called: bool) -> f64 {
        match (positive, called) {
            (true, true) => self.true_positive,
            (false, true) => self.false_positive,
            (true, false) => self.false_negative,
            (false, false) => self.true_negative,
        }
    }

    /// The probability from which on calling a row positive is worth more (Elkan, 2001); it takes probabilities that mean
    /// what they say.
    ///
    /// # Errors
    /// When a value is not finite, or being right is not worth more than being wrong in both classes.
    pub fn break_even(&self) -> Result<f64> {
        self.check()?;
        let (if_positive, if_negative) =
            (self.true_positive - self.false_negative, self.true_negative - self.false_positive);
        if !(if_positive > 0.0 && if_negative > 0.0) {
            return Err(Error::unsupported(
                "being right must be worth more than being wrong for positive and for negative rows, else one answer is always best",
            ));
        }
        Ok(if_negative / (if_positive + if_negative))
    }

    pub(super) fn check(&self) -> Result<()> {
        let all = [self.true_positive, self.false_positive, self.false_negative, self.true_negative];
        check_numbers("the values of the outcomes", &all)
    }
}

/// What outcomes are worth: the same for all rows, or for each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ValueModel {
    /// The same for all rows.
    Constant(OutcomeValues),
    /// For each row, such as the amount of each loan.
    PerRow(Vec<OutcomeValues>),
}

impl From<OutcomeValues> for ValueModel {
    fn from(values: OutcomeValues) -> Self {
        ValueModel::Constant(values)
    }
}

impl ValueModel {
    /// The values of one row.
    pub(super) fn row(&self, row: usize) -> &OutcomeValues {
        match self {
            ValueModel::Constant(values) => values,
            ValueModel::PerRow(values) => &values[row],
        }
    }

    /// The values of some of the rows, in their order, for a part of the data such as a fold; those that are the same for all
    /// rows stay as they are.
    ///
    /// # Errors
    /// When a row has no values.
    pub fn take(&self, rows: &[usize]) -> Result<ValueModel> {
        match self {
            ValueModel::Constant(values) => Ok(ValueModel::Constant(*values)),
            ValueModel::PerRow(values) => Ok(ValueModel::PerRow(values.take(rows)?)),
        }
    }

    /// # Errors
    /// When a value is not finite, or they are not as many as the rows.
    pub(super) fn check(&self, n_rows: usize) -> Result<()> {
        match self {
            ValueModel::Constant(values) => values.check(),
            ValueModel::PerRow(values) if values.len() != n_rows => {
                Err(Error::length_mismatch("the values of the outcomes", n_rows, values.len()).context(
                    "values per row are those of the rows at hand; an estimator with such values is cross-validated by `cross_validate_by_rows`",
                ))
            }
            ValueModel::PerRow(values) => values.iter().enumerate().try_for_each(|(row, values)| {
                values.check().map_err(|error| error.context(format!("row {row}")))
            }),
        }
    }
}

/// The mean value of answers: of two classes the second is positive, or the class that is named.
///
/// Values per row are those of the scored rows; what scores a part of them, such as [`cross_validate`](crate::cross_validate) each
/// fold, takes the values of that part.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::decision::{MeanValue, OutcomeValues};
///
/// let truth = Classes::from_labels(["no", "no", "yes", "yes"]);
/// let called = Classes::from_labels(["no", "yes", "yes", "no"]);
/// let value = MeanValue::new(OutcomeValues::gains(10.0, -1.0, 0.0, 0.0));
/// assert_eq!(value.score(&truth, &called)?, 9.0 / 4.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanValue {
    values: ValueModel,
    #[serde(default)]
    positive: Option<String>,
}

impl MeanValue {
    /// By what outcomes are worth.
    pub fn new(values: impl Into<ValueModel>) -> Self {
        MeanValue { values: values.into(), positive: None }
    }

    /// Sets the positive class.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }
}

impl Metric for MeanValue {
    type Truth = Classes;
    type Prediction = Classes;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        "mean_value".to_owned()
    }

    fn score_weighted(&self, truth: &Classes, prediction: &Classes, weights: Option<&[f64]>) -> Result<f64> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), weights)?;
        let values = self.row_scores(truth, prediction)?.unwrap_or_default();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        Ok(reduce::sum_by(values.len(), |row| weight(row) * values[row])
            / reduce::sum_by(values.len(), weight))
    }

    fn for_rows(&self, rows: &[usize]) -> Result<Option<Self>> {
        match &self.values {
            ValueModel::Constant(_) => Ok(None),
            values => Ok(Some(MeanValue { values: values.take(rows)?, positive: self.positive.clone() })),
        }
    }

    fn row_scores(&self, truth: &Classes, prediction: &Classes) -> Result<Option<Vec<f64>>> {
        check_rows_of(truth.n_rows(), prediction.n_rows(), None)?;
        self.values.check(truth.n_rows())?;
        let names =
            if truth.n_classes() >= prediction.n_classes() { truth.names() } else { prediction.names() };
        let positive = positive_class(names, self.positive.as_deref())?;
        let (truth, called) = (codes_in(truth, names)?, codes_in(prediction, names)?);
        let value = |row: usize| self.values.row(row).of(truth[row] == positive, called[row] == positive);
        Ok(Some((0..truth.len()).map(value).collect()))
    }
}
