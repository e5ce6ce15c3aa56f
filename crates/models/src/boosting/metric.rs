//! What is watched while boosting.

use perennial_core::{Error, Param, Result};
use perennial_numeric::reduce;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::losses::{check_grades, mean_ndcg};
use super::objective::{Labels, Objective};

/// The state of boosting on the rows that are watched, after a round.
#[derive(Clone, Debug)]
pub struct Watched<'a> {
    /// The targets, weights and groups of the rows.
    pub labels: &'a Labels<'a>,
    /// The scores of the rows; those of score `k` are at `k * n_rows..(k + 1) * n_rows`.
    pub scores: &'a [f64],
    /// What the objective makes of the scores of each row: means, probabilities; in the order of the scores.
    pub answers: Vec<f64>,
    /// The weighted mean loss of the rows.
    pub loss: f64,
}

impl<'a> Watched<'a> {
    /// The state of rows with these scores.
    pub fn new(objective: &impl Objective, labels: &'a Labels<'a>, scores: &'a [f64]) -> Self {
        let n_rows = labels.n_rows();
        let mut answers = scores.to_vec();
        if objective.n_scores() == 1 {
            answers.iter_mut().for_each(|answer| objective.answer(std::slice::from_mut(answer)));
        } else {
            let mut of_row = vec![0.0; objective.n_scores()];
            for row in 0..n_rows {
                (0..of_row.len()).for_each(|output| of_row[output] = scores[output * n_rows + row]);
                objective.answer(&mut of_row);
                (0..of_row.len()).for_each(|output| answers[output * n_rows + row] = of_row[output]);
            }
        }
        Watched { labels, scores, answers, loss: objective.loss(labels, scores) }
    }

    /// The number of answers of a row.
    pub fn n_answers(&self) -> usize {
        self.answers.len() / self.labels.n_rows().max(1)
    }

    /// The answers, one for each row.
    fn one_answer(&self, metric: &Watch) -> Result<&[f64]> {
        if self.n_answers() == 1 {
            return Ok(&self.answers);
        }
        Err(Error::unsupported(format!(
            "`{metric:?}` cannot be watched here: it needs one answer for each row, and the objective gives {}; watch the loss",
            self.n_answers()
        )))
    }

    /// For each row, something that rises with the probability of class 1 of two.
    fn of_class_1(&self, metric: &Watch) -> Result<&[f64]> {
        if !self.labels.y.iter().all(|&y| y == 0.0 || y == 1.0) || self.n_answers() > 2 {
            return Err(Error::unsupported(format!(
                "`{metric:?}` cannot be watched here: it needs targets of two classes; watch the loss"
            )));
        }
        // A single score orders the rows even where its probabilities round to 1.
        let of_rows = if self.n_answers() == 1 { self.scores } else { &self.answers };
        Ok(&of_rows[of_rows.len() - self.labels.n_rows()..])
    }

    /// The probability of each class for a row; one answer is the probability of class 1 of two.
    fn probability(&self, row: usize, class: usize) -> f64 {
        match (self.n_answers(), class) {
            (1, 0) => 1.0 - self.answers[row],
            (1, _) => self.answers[row],
            _ => self.answers[class * self.labels.n_rows() + row],
        }
    }

    fn check_classes(&self, metric: &Watch) -> Result<()> {
        let n_classes = self.n_answers().max(2);
        match self.labels.y.iter().find(|&&y| !(y.fract() == 0.0 && 0.0 <= y && y < n_classes as f64)) {
            None => Ok(()),
            Some(y) => Err(Error::unsupported(format!(
                "`{metric:?}` cannot be watched here: it needs targets that are classes, and one is {y:?}; watch the loss"
            ))),
        }
    }
}

/// Something that says how good a booster is on the rows that are watched: implement it to bring your own.
///
/// ```
/// use perennial_core::Result;
/// use perennial_models::boosting::{BoostingMetric, Watched};
///
/// /// The largest absolute difference.
/// #[derive(Debug)]
/// struct MaxError;
///
/// impl BoostingMetric for MaxError {
///     fn name(&self) -> String {
///         "max_error".to_owned()
///     }
///
///     fn value(&self, now: &Watched<'_>) -> Result<f64> {
///         let differences = now.answers.iter().zip(now.labels.y).map(|(answer, y)| (answer - y).abs());
///         Ok(differences.fold(0.0, f64::max))
///     }
/// }
/// ```
pub trait BoostingMetric: std::fmt::Debug + Send + Sync {
    /// What reports call it.
    fn name(&self) -> String;

    /// Whether boosting should make it larger.
    fn higher_is_better(&self) -> bool {
        false
    }

    /// Its value after a round.
    ///
    /// # Errors
    /// When it is not defined for the targets or the answers.
    fn value(&self, now: &Watched<'_>) -> Result<f64>;
}

/// The metrics that come with the library; rows count with their weights in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Watch {
    /// The loss that boosting makes smaller.
    #[default]
    Loss,
    /// The root of the mean squared difference of the answer and the target.
    RootMeanSquaredError,
    /// The mean absolute difference of the answer and the target.
    MeanAbsoluteError,
    /// The share of rows whose most probable class is wrong; ties go to the lower class.
    ErrorRate,
    /// The mean negative logarithm of the probability of the true class, probabilities kept away from 0 and 1 by 2^-52.
    LogLoss,
    /// The area under the ROC curve, of two classes; ties count half.
    RocAuc,
    /// The mean of the precision at each row of class 1, ties taken together.
    AveragePrecision,
    /// The mean normalised discounted cumulative gain of the first rows of each group, with gains `2^grade - 1`, equal
    /// scores sharing the mean of their gains (McSherry and Najork, 2008); groups without relevant rows count as 1.
    Ndcg {
        /// The number of rows at the top of a group that count, 1 or more.
        at: usize,
    },
    /// Of the pairs of an event and a row known to last longer, the share in which the event has the higher score, ties
    /// counting half (Harrell and others, 1982); targets as for [`Cox`](super::Cox), and
    /// scores that rise with the hazard as its do: those of [`AcceleratedFailureTime`](super::AcceleratedFailureTime) rise with the
    /// time, so that a share of 0 is their best. Beside [latest times](super::Labels::latest) a negative target counts as the time up to
    /// which there was no event, and a target of 0 is refused.
    Concordance,
}

const AT: Param = Param::integer("at", "rows at the top of a group that count").at_least(1.0);

impl BoostingMetric for Watch {
    fn name(&self) -> String {
        match self {
            Self::Loss => "loss".to_owned(),
            Self::RootMeanSquaredError => "root_mean_squared_error".to_owned(),
            Self::MeanAbsoluteError => "mean_absolute_error".to_owned(),
            Self::ErrorRate => "error_rate".to_owned(),
            Self::LogLoss => "log_loss".to_owned(),
            Self::RocAuc => "roc_auc".to_owned(),
            Self::AveragePrecision => "average_precision".to_owned(),
            Self::Ndcg { at } => format!("ndcg_at_{at}"),
            Self::Concordance => "concordance".to_owned(),
        }
    }

    fn higher_is_better(&self) -> bool {
        matches!(self, Self::RocAuc | Self::AveragePrecision | Self::Ndcg { .. } | Self::Concordance)
    }

    fn value(&self, now: &Watched<'_>) -> Result<f64> {
        let (labels, y) = (now.labels, now.labels.y);
        match *self {
            Self::Loss => Ok(now.loss),
            Self::RootMeanSquaredError => {
                let answers = now.one_answer(self)?;
                Ok(labels.mean_by(|row| (answers[row] - y[row]).powi(2)).sqrt())
            }
            Self::MeanAbsoluteError => {
                let answers = now.one_answer(self)?;
                Ok(labels.mean_by(|row| (answers[row] - y[row]).abs()))
            }
            Self::ErrorRate => {
                now.check_classes(self)?;
                let better = |row, class, best| now.probability(row, class) > now.probability(row, best);
                let chosen = |row| {
                    (1..now.n_answers().max(2))
                        .fold(0, |best, class| if better(row, class, best) { class } else { best })
                };
                Ok(labels.mean_by(|row| f64::from(u8::from(chosen(row) as f64 != y[row]))))
            }
            Self::LogLoss => {
                now.check_classes(self)?;
                let chance = |row| now.probability(row, y[row] as usize);
                Ok(labels.mean_by(|row| -chance(row).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()))
            }
            Self::RocAuc => {
                let steps = Steps::new(labels, now.of_class_1(self)?);
                steps.two_sides(self)?;
                Ok(steps.area())
            }
            Self::AveragePrecision => {
                let steps = Steps::new(labels, now.of_class_1(self)?);
                steps.two_sides(self)?;
                Ok(steps.average_precision())
            }
            Self::Ndcg { at } => {
                AT.check_count(at)?;
                now.one_answer(self)?;
                check_grades(labels)?;
                Ok(mean_ndcg(labels, now.scores, at))
            }
            Self::Concordance => {
                now.one_answer(self)?;
                let unknown = |row: usize| y[row] == 0.0 && labels.weight(row) > 0.0;
                if labels.latest().is_some() && (0..labels.n_rows()).any(unknown) {
                    return Err(Error::unsupported(
                        "`Concordance` cannot be watched here: rows of target 0 have an event at an unknown time; watch the loss",
                    ));
                }
                super::concordance::concordance(labels, now.scores)
            }
        }
    }
}

/// The weights of the rows of class 1 and of the others at each score, from the highest score down.
struct Steps(Vec<[f64; 2]>);

impl Steps {
    fn new(labels: &Labels<'_>, scores: &[f64]) -> Self {
        let mut order: Vec<u32> =
            (0..labels.n_rows() as u32).filter(|&row| labels.weight(row as usize) > 0.0).collect();
        let score = |row: u32| scores[row as usize] + 0.0;
        order.par_sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        let step = |rows: &[u32]| {
            let mut step = [0.0; 2];
            for &row in rows {
                step[usize::from(labels.y[row as usize] == 0.0)] += labels.weight(row as usize);
            }
            step
        };
        Steps(order.chunk_by(|&a, &b| score(a) == score(b)).map(step).collect())
    }

    fn weight(&self, side: usize) -> f64 {
        reduce::sum_by(self.0.len(), |step| self.0[step][side])
    }

    fn two_sides(&self, metric: &Watch) -> Result<()> {
        if self.weight(0) > 0.0 && self.weight(1) > 0.0 {
            return Ok(());
        }
        Err(Error::insufficient_data(format!(
            "`{metric:?}` cannot be watched here: the rows that are watched are all of one class; set rows of both aside"
        )))
    }

    fn area(&self) -> f64 {
        let mut above = 0.0;
        let mut area = 0.0;
        for [positive, negative] in &self.0 {
            area += negative * (above + 0.5 * positive);
            above += positive;
        }
        area / (self.weight(0) * self.weight(1))
    }

    fn average_precision(&self) -> f64 {
        let (mut found, mut taken, mut sum) = (0.0, 0.0, 0.0);
        for [positive, negative] in &self.0 {
            found += positive;
            taken += positive + negative;
            sum += positive * found / taken;
        }
        sum / self.weight(0)
    }
}
