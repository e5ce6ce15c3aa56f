//! Metrics of probabilities.

use perennial_core::{Classes, Error, Probabilities, Result, Rows};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::ranking::{Ranked, average_precision, of_log_odds, roc_auc, roc_auc_interval};
use super::{Metric, check_pairs, mean_by};
use crate::IntervalOptions;

/// The column of the probabilities that belongs to the class of each row.
pub(crate) fn true_columns(
    truth: &Classes,
    prediction: &Probabilities,
    weights: Option<&[f64]>,
) -> Result<Vec<usize>> {
    check_pairs(truth.n_rows(), prediction.n_rows(), weights)?;
    let column_of: Vec<Option<usize>> = truth
        .names()
        .iter()
        .map(|name| prediction.names().iter().position(|column| column == name))
        .collect();
    truth
        .codes()
        .iter()
        .enumerate()
        .map(|(row, &code)| {
            column_of[code as usize].ok_or_else(|| {
                Error::unknown(format!(
                    "row {row} has class `{}`, for which there is no probability; there are: {}",
                    truth.names()[code as usize],
                    prediction.names().join(", ")
                ))
            })
        })
        .collect()
}

/// The mean of the negative logarithm of the probability given to the true class.
///
/// Probabilities are kept away from 0 and 1 by 2^-52.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogLoss;

/// The mean squared distance of the probabilities from the truth (Brier, 1950).
///
/// For two classes it is the squared error of the probability of one of them, from 0 to 1; for more classes the
/// squared errors of all are added up, from 0 to 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Brier;

impl LogLoss {
    pub(super) fn loss(prediction: &Probabilities, row: usize, column: usize) -> f64 {
        -prediction.values()[[row, column]].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    }
}

impl Brier {
    pub(super) fn loss(prediction: &Probabilities, row: usize, column: usize) -> f64 {
        let shares = prediction.values().row(row);
        let squares = |(class, share): (usize, &f64)| (share - f64::from(class == column)).powi(2);
        let sum: f64 = shares.iter().enumerate().map(squares).sum();
        if shares.len() == 2 { 0.5 * sum } else { sum }
    }
}

/// Metrics that are the mean of a loss per row.
macro_rules! mean_of_rows {
    ($metric:ident, $name:literal, $most:expr) => {
        impl Metric for $metric {
            type Truth = Classes;
            type Prediction = Probabilities;
            const HIGHER_IS_BETTER: bool = false;

            fn name(&self) -> String {
                $name.to_owned()
            }

            fn bounds(&self) -> (f64, f64) {
                (0.0, $most)
            }

            fn score_weighted(
                &self,
                truth: &Classes,
                prediction: &Probabilities,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                let columns = true_columns(truth, prediction, weights)?;
                Ok(mean_by(columns.len(), weights, |row| Self::loss(prediction, row, columns[row])))
            }

            fn row_scores(&self, truth: &Classes, prediction: &Probabilities) -> Result<Option<Vec<f64>>> {
                let columns = true_columns(truth, prediction, None)?;
                let loss = |(row, column)| Self::loss(prediction, row, column);
                Ok(Some(columns.into_iter().enumerate().map(loss).collect()))
            }
        }
    };
}

mean_of_rows!(LogLoss, "log_loss", f64::INFINITY);
// Of two classes half of it.
mean_of_rows!(Brier, "brier", 2.0);

/// The probabilities of one class, and which rows have it.
fn one_against_rest(prediction: &Probabilities, column: usize, columns: &[usize]) -> (Vec<f64>, Vec<bool>) {
    let scores = prediction.values().column(column).to_vec();
    (scores, columns.iter().map(|&of_row| of_row == column).collect())
}

/// The probability of one class in each row, and whether the row has it.
pub(super) struct Binary {
    pub(super) scores: Vec<f64>,
    pub(super) positive: Vec<bool>,
}

impl Binary {
    /// Of the class that is named, or else of the second of two classes.
    pub(super) fn new(
        truth: &Classes,
        prediction: &Probabilities,
        positive: Option<&str>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let columns = true_columns(truth, prediction, weights)?;
        let column = positive_column(prediction, positive)?.ok_or_else(|| {
            Error::unsupported(format!(
                "a threshold needs one class to find; choose it by `positive`: {}",
                prediction.names().join(", ")
            ))
        })?;
        let (scores, positive) = one_against_rest(prediction, column, &columns);
        Ok(Binary { scores, positive })
    }
}

/// The column that is the positive class; `None` for more than two classes.
fn positive_column(prediction: &Probabilities, positive: Option<&str>) -> Result<Option<usize>> {
    let names = prediction.names();
    match (positive, names.len()) {
        (Some(class), _) => {
            let column = names.iter().position(|name| name == class).ok_or_else(|| {
                Error::unknown(format!("no class is named `{class}`; there are: {}", names.join(", ")))
            })?;
            Ok(Some(column))
        }
        (None, 0 | 1) => Err(Error::unsupported(
            "the probabilities are of a single class, so there is nothing to rank; at least two classes are needed",
        )),
        (None, 2) => Ok(Some(1)),
        (None, _) => Ok(None),
    }
}

/// Metrics that rank rows by the probability of a class.
macro_rules! of_ranking {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $score:path) => {
        $(#[$doc])*
        ///
        /// | setting | default | range | meaning |
        /// |---|---|---|---|
        /// | `positive` | the second of two classes; of more classes each against the rest, averaged | a class name | the class to find |
        /// | `by_prevalence` | false | | whether, of more than two classes, each counts as much as it has rows, and not as any other |
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $metric {
            positive: Option<String>,
            by_prevalence: bool,
        }

        impl $metric {
            /// With the settings of the table.
            pub fn new() -> Self {
                Self::default()
            }

            /// The class to find.
            #[must_use]
            pub fn positive(mut self, class: impl Into<String>) -> Self {
                self.positive = Some(class.into());
                self
            }

            /// Of more than two classes each counts as much as it has rows.
            #[must_use]
            pub fn by_prevalence(mut self) -> Self {
                self.by_prevalence = true;
                self
            }

            /// How much each class counts, by the weight of the rows.
            fn class_weights(
                &self,
                n_classes: usize,
                columns: &[usize],
                weight: impl Fn(usize) -> f64,
            ) -> Vec<f64> {
                if !self.by_prevalence {
                    return vec![1.0; n_classes];
                }
                let mut sums = vec![0.0; n_classes];
                columns.iter().enumerate().for_each(|(row, &column)| sums[column] += weight(row));
                sums
            }

            fn score_column(
                prediction: &Probabilities,
                weights: Option<&[f64]>,
                columns: &[usize],
                column: usize,
            ) -> Result<f64> {
                let (scores, positive) = one_against_rest(prediction, column, columns);
                let place = || format!("class `{}` against the rest", prediction.names()[column]);
                $score(&scores, &positive, weights).map_err(|error| error.context(place()))
            }

            fn score_any(
                &self,
                truth: &Classes,
                prediction: &Probabilities,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                let columns = true_columns(truth, prediction, weights)?;
                let score = |column| Self::score_column(prediction, weights, &columns, column);
                match positive_column(prediction, self.positive.as_deref())? {
                    Some(column) => score(column),
                    None => {
                        let n_classes = prediction.names().len();
                        let scores = (0..n_classes).map(score).collect::<Result<Vec<f64>>>()?;
                        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                        let of_class = self.class_weights(n_classes, &columns, weight);
                        let sum: f64 = scores.iter().zip(&of_class).map(|(score, weight)| score * weight).sum();
                        Ok(sum / of_class.iter().sum::<f64>())
                    }
                }
            }

            /// The bootstrap over rows that are sorted once.
            fn resampled(
                &self,
                truth: &Classes,
                prediction: &Probabilities,
                options: &IntervalOptions<'_>,
                score: fn(&Ranked, &[u32], Option<&[f64]>) -> f64,
            ) -> Result<Interval> {
                let weights = options.row_weights();
                self.score_weighted(truth, prediction, weights)?;
                let columns = true_columns(truth, prediction, weights)?;
                let wanted = match positive_column(prediction, self.positive.as_deref())? {
                    Some(column) => column..column + 1,
                    None => 0..prediction.names().len(),
                };
                let ranked = wanted.map(|column| {
                    let (scores, positive) = one_against_rest(prediction, column, &columns);
                    Ranked::new(&scores, &positive)
                });
                let ranked = ranked.collect::<Result<Vec<Ranked>>>()?;
                options.of_counts(columns.len(), |counts| {
                    let scores = ranked.iter().map(|ranked| score(ranked, counts, weights));
                    if ranked.len() == 1 || !self.by_prevalence {
                        return scores.sum::<f64>() / ranked.len() as f64;
                    }
                    let weight =
                        |row: usize| f64::from(counts[row]) * weights.map_or(1.0, |weights| weights[row]);
                    let of_class = self.class_weights(ranked.len(), &columns, weight);
                    scores.zip(&of_class).map(|(score, weight)| score * weight).sum::<f64>()
                        / of_class.iter().sum::<f64>()
                })
            }

            fn name_any(&self) -> String {
                match &self.positive {
                    Some(class) => format!("{}_{class}", $name),
                    None if self.by_prevalence => format!("{}_by_prevalence", $name),
                    None => $name.to_owned(),
                }
            }
        }
    };
}

of_ranking!(
    /// The area under the ROC curve: how often a row of the class gets a higher probability than another row.
    ///
    /// The interval is DeLong's (1988) where rows are independent, not weighted, and one class is to be found.
    RocAuc, "roc_auc", roc_auc
);
of_ranking!(
    /// The mean of the precision at each row of the class, from the most probable down.
    ///
    /// The interval is that of its log-odds (Boyd, Eng and Page, 2013), from what each row or group adds to the score (Jaeckel, 1972). It is
    /// the bootstrap's where that is asked for, rows are drawn in blocks, or there are fewer than two rows of the class or of others.
    AveragePrecision, "average_precision", average_precision
);

impl Metric for RocAuc {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        self.name_any()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        self.score_any(truth, prediction, weights)
    }

    fn interval(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        match positive_column(prediction, self.positive.as_deref())? {
            Some(column) if options.is_plain() => {
                let columns = true_columns(truth, prediction, None)?;
                let (scores, positive) = one_against_rest(prediction, column, &columns);
                roc_auc_interval(&scores, &positive, options.confidence())
            }
            _ => self.resampled(truth, prediction, options, Ranked::roc_auc),
        }
    }
}

impl Metric for AveragePrecision {
    type Truth = Classes;
    type Prediction = Probabilities;
    const HIGHER_IS_BETTER: bool = true;

    fn name(&self) -> String {
        self.name_any()
    }

    fn bounds(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn score_weighted(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<f64> {
        self.score_any(truth, prediction, weights)
    }

    fn interval(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Interval> {
        match self.by_influence(truth, prediction, options)? {
            Some(interval) => Ok(interval),
            None => self.resampled(truth, prediction, options, Ranked::average_precision),
        }
    }
}

impl AveragePrecision {
    /// The interval from what each row adds to the score; nothing where that does not tell.
    fn by_influence(
        &self,
        truth: &Classes,
        prediction: &Probabilities,
        options: &IntervalOptions<'_>,
    ) -> Result<Option<Interval>> {
        let weights = options.row_weights();
        let score = self.score_weighted(truth, prediction, weights)?;
        let columns = true_columns(truth, prediction, weights)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let wanted = match positive_column(prediction, self.positive.as_deref())? {
            Some(column) => vec![(column, 1.0)],
            None => {
                let of_class = self.class_weights(prediction.names().len(), &columns, weight);
                let total: f64 = of_class.iter().sum();
                of_class.into_iter().map(|own| own / total).enumerate().collect()
            }
        };
        // How much each class counts hangs on the rows as well.
        let moves = self.by_prevalence && wanted.len() > 1;
        let total: f64 = (0..columns.len()).map(weight).sum();
        let mut rarer = f64::INFINITY;
        let mut added = vec![0.0; columns.len()];
        for (column, share) in wanted {
            let (scores, positive) = one_against_rest(prediction, column, &columns);
            let worths = options.worths(columns.len(), 2, |row| usize::from(positive[row]));
            rarer = worths.into_iter().fold(rarer, f64::min);
            if rarer < 2.0 {
                return Ok(None);
            }
            let (own, influences) = Ranked::new(&scores, &positive)?.precision_influences(weights);
            for (row, (added, influence)) in added.iter_mut().zip(influences).enumerate() {
                *added += share * influence;
                if moves && positive[row] {
                    *added += weight(row) / total * (own - score);
                }
            }
        }
        let found = options.of_influences(&added)?;
        let of_score = |reach| of_log_odds(score, reach, rarer, options.confidence());
        Ok(found.filter(|reach| reach.is_finite() && score > 0.0).map(of_score))
    }
}
