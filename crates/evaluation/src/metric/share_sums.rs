//! Losses of probabilities beside those of the class shares, gathered from parts of the rows.

use std::collections::BTreeMap;

use perennial_core::{Classes, Error, Probabilities, Result};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::probabilities::{Brier, LogLoss, true_columns};
use crate::interval::{check_end, two_sided_t};

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Loss {
    LogLoss,
    Brier,
}

/// Of the rows of a class with weight `w` and loss `l`: their number, and sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    n_rows: u64,
    w: f64,
    wl: f64,
    ww: f64,
    wwl: f64,
    wwll: f64,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.n_rows += other.n_rows;
        self.w += other.w;
        self.wl += other.wl;
        self.ww += other.ww;
        self.wwl += other.wwl;
        self.wwll += other.wwll;
    }
}

/// What a stream of rows leaves behind of [`D2LogLoss`](super::D2LogLoss) or [`D2Brier`](super::D2Brier): one pass gives the score and its
/// interval, and parts are merged.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::metric::{D2Brier, ShareSums};
///
/// let truth = Classes::from_labels(["no", "no", "yes", "yes"]);
/// let said = Probabilities::new(array![[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8]], truth.shared_names())?;
/// let mut sums = ShareSums::of_brier();
/// sums.add(&truth, &said, None)?;
/// assert!((sums.score()? - D2Brier.score(&truth, &said)?).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareSums {
    loss: Loss,
    /// The classes that there are probabilities for, sorted; nothing before the first rows.
    names: Option<Vec<String>>,
    classes: BTreeMap<String, Sums>,
}

impl ShareSums {
    fn new(loss: Loss) -> Self {
        ShareSums { loss, names: None, classes: BTreeMap::new() }
    }

    /// Of the log loss, and no rows yet.
    pub fn of_log_loss() -> Self {
        ShareSums::new(Loss::LogLoss)
    }

    /// Of the Brier score, and no rows yet.
    pub fn of_brier() -> Self {
        ShareSums::new(Loss::Brier)
    }

    /// Adds rows; those without weight count for nothing.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a row has a class for which there is no probability, a weight is not acceptable, or there
    /// are probabilities for other classes than before.
    pub fn add(
        &mut self,
        truth: &Classes,
        prediction: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<()> {
        let columns = true_columns(truth, prediction, weights)?;
        let mut names = prediction.names().to_vec();
        names.sort();
        self.check_names(Some(&names))?;
        let mut sums = vec![Sums::default(); prediction.names().len()];
        for (row, &column) in columns.iter().enumerate() {
            let w = weights.map_or(1.0, |weights| weights[row]);
            if w > 0.0 {
                let l = match self.loss {
                    Loss::LogLoss => LogLoss::loss(prediction, row, column),
                    Loss::Brier => Brier::loss(prediction, row, column),
                };
                let (wl, wwl) = (w * l, w * w * l);
                sums[column].add(Sums { n_rows: 1, w, wl, ww: w * w, wwl, wwll: wwl * l });
            }
        }
        for (name, sums) in prediction.names().iter().zip(sums).filter(|(_, sums)| sums.n_rows > 0) {
            self.classes.entry(name.clone()).or_default().add(sums);
        }
        Ok(())
    }

    /// Adds what was gathered from other rows.
    ///
    /// # Errors
    /// When it is of the other loss, or of probabilities of other classes.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.loss != other.loss {
            return Err(Error::malformed(
                "sums of a log loss and of a Brier score cannot be added to each other; gather both parts by one of them",
            ));
        }
        self.check_names(other.names.as_deref())?;
        for (name, sums) in &other.classes {
            self.classes.entry(name.clone()).or_default().add(*sums);
        }
        Ok(())
    }

    fn check_names(&mut self, theirs: Option<&[String]>) -> Result<()> {
        match (&self.names, theirs) {
            (Some(own), Some(theirs)) if own != theirs => Err(Error::malformed(format!(
                "there are probabilities for {} in one part and for {} in another; give all parts those of the same model",
                own.join(", "),
                theirs.join(", ")
            ))),
            (None, Some(theirs)) => {
                self.names = Some(theirs.to_vec());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// All rows together; the loss of the shares, and by how much more of a class changes it.
    fn parts(&self) -> Result<(Sums, f64, BTreeMap<&str, f64>)> {
        let mut all = Sums::default();
        self.classes.values().for_each(|sums| all.add(*sums));
        if all.n_rows == 0 {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        if !(all.w.is_finite() && all.wl.is_finite()) {
            return Err(Error::overflow(
                "the sum of the weights or losses is beyond the range of f64; scale the weights",
            ));
        }
        if self.classes.len() < 2 {
            return Err(Error::insufficient_data(
                "a share of the loss of the class shares is not defined where all rows are of one class; add more rows",
            ));
        }
        let share = |sums: &Sums| sums.w / all.w;
        let squares: f64 = self.classes.values().map(|sums| share(sums).powi(2)).sum();
        // The Brier score of two classes is that of one of them.
        let two = self.names.as_ref().is_some_and(|names| names.len() == 2);
        let unit = if two { 0.5 } else { 1.0 };
        let change = |sums: &Sums| match self.loss {
            Loss::LogLoss => -share(sums).ln(),
            Loss::Brier => unit * (1.0 + squares - 2.0 * share(sums)),
        };
        let of_shares: f64 = match self.loss {
            Loss::LogLoss => self.classes.values().map(|sums| share(sums) * change(sums)).sum(),
            Loss::Brier => unit * (1.0 - squares),
        };
        if !(of_shares > 0.0) {
            return Err(Error::insufficient_data(
                "a share of the loss of the class shares is not defined where nearly all weight is of one class; add more rows",
            ));
        }
        let changes = self.classes.iter().map(|(name, sums)| (name.as_str(), change(sums))).collect();
        Ok((all, of_shares, changes))
    }

    /// The score of all rows together: 1 is perfect, 0 is as good as the shares.
    ///
    /// # Errors
    /// When there are no rows with weight, nearly all of it is of one class, or its sum is beyond the range of f64.
    pub fn score(&self) -> Result<f64> {
        let (all, of_shares, _) = self.parts()?;
        Ok(1.0 - all.wl / all.w / of_shares)
    }

    /// How sure the score is, of independent rows: Student's interval of the logarithm of the share of the loss that is left, whose variance is
    /// linearised (Cochran, 1977).
    ///
    /// # Errors
    /// As [`score`](ShareSums::score), when there are fewer than two rows, the level is not in (0, 1), or squares of the weights or the ends leave the range of f64.
    pub fn interval(&self, level: f64) -> Result<Interval> {
        let (all, of_shares, changes) = self.parts()?;
        let n = all.n_rows as f64;
        let reach = two_sided_t(n - 1.0, level)?;
        let mean = all.wl / all.w;
        let left = mean / of_shares;
        let estimate = 1.0 - left;
        if left == 0.0 {
            return Ok(Interval { estimate, low: estimate, high: estimate, level });
        }
        let squares: f64 = self
            .classes
            .iter()
            .map(|(name, sums)| {
                let change = changes.get(name.as_str()).map_or(1.0, |change| change / of_shares);
                sums.wwll / mean / mean - 2.0 * change * sums.wwl / mean + change * change * sums.ww
            })
            .sum();
        if !(squares.is_finite() && all.ww.is_normal()) {
            return Err(Error::overflow(
                "the squares of the weights or losses are beyond the range of f64; scale the weights",
            ));
        }
        let half = reach * (squares.max(0.0) * (n / (n - 1.0))).sqrt() / all.w;
        let low = 1.0 - left * half.exp();
        check_end(low, n, level)?;
        Ok(Interval { estimate, low, high: 1.0 - left * (-half).exp(), level })
    }
}
