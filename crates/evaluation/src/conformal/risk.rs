//! Settings of a decision whose mean loss on rows to come stays below a bound.

use ndarray::ArrayRef2;
use perennial_core::{Error, Param, Result, check_numbers, check_weights};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Binomial, Distribution};
use serde::{Deserialize, Serialize};

use super::fwer::FwerProcedure;
use super::rank::units;
use crate::align::check_rows_of;

const RISK: Param = Param::real("risk", "the mean loss that is allowed").above(0.0);
const BOUND: Param = Param::real("bound", "the largest loss of a row").above(0.0);
const DELTA: Param =
    Param::real("delta", "the chance that a promise does not hold").above(0.0).at_most(1.0 - f64::EPSILON);

/// Conformal risk control: the largest parameter for which the mean loss of rows to come is at most `risk` (Angelopoulos,
/// Bates, Fisch, Lei and Schuster, 2024), where the loss of a row does not fall as the parameter grows.
///
/// What split conformal prediction does for "the class is not in the set", this does for any loss that is bounded: the share
/// of the labels of a row that are missed, the share of a wanted region that is cut away, a cost. The promise is for the
/// mean over calibration sets and rows to come, where both are alike in any order. Loss that rises and falls with the
/// parameter is for [`LearnThenTest`].
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `risk` | 0.1 | > 0 | the mean loss that is allowed |
/// | `bound` | 1 | > 0 | the largest loss that a row can have |
///
/// ```
/// use ndarray::array;
/// use perennial_evaluation::conformal::RiskControl;
///
/// // Of three labels each row has some, and 35 % of those of a row may be missed in the mean.
/// let has = array![[true, false, true], [false, true, false], [true, true, false], [false, false, true]];
/// let scores = array![[0.9, 0.2, 0.7], [0.1, 0.8, 0.3], [0.6, 0.7, 0.2], [0.3, 0.1, 0.95]];
/// let chosen = RiskControl::new(0.35).threshold(&has, &scores, None)?;
/// // With 0.7 one of the two labels of the third row is missed: (0.5 + 1) / (4 + 1) = 0.3.
/// assert_eq!(chosen.parameter, 0.7);
/// assert!((chosen.bounded - 0.3).abs() < 1e-15);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskControl {
    risk: f64,
    bound: f64,
}

impl Default for RiskControl {
    fn default() -> Self {
        RiskControl { risk: 0.1, bound: 1.0 }
    }
}

/// A parameter, and what the calibration rows say of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlledRisk {
    /// The parameter.
    pub parameter: f64,
    /// The mean loss of the calibration rows.
    pub mean_loss: f64,
    /// The mean loss with one more row that has the largest loss: at most the risk that is allowed.
    pub bounded: f64,
}

impl RiskControl {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[RISK, BOUND];

    /// For a mean loss of at most `risk`.
    pub fn new(risk: f64) -> Self {
        RiskControl { risk, ..Self::default() }
    }

    /// Sets the largest loss that a row can have.
    #[must_use]
    pub fn bound(mut self, bound: f64) -> Self {
        self.bound = bound;
        self
    }

    fn check(&self) -> Result<()> {
        RISK.check(self.risk)?;
        BOUND.check(self.bound)
    }

    /// The largest of some rising parameters that keeps the risk, by the losses of calibration rows: rows x parameters.
    /// A weight of 2 is what two rows are.
    ///
    /// # Errors
    /// When a setting is out of range, parameters do not rise, a loss is not a number from 0 to the bound, the mean loss falls
    /// from one parameter to the next, a weight is not acceptable, or even the first parameter does not keep the risk.
    pub fn choose(
        &self,
        parameters: &[f64],
        losses: &ArrayRef2<f64>,
        weights: Option<&[f64]>,
    ) -> Result<ControlledRisk> {
        self.check()?;
        check_losses(parameters, losses, self.bound, weights)?;
        let (means, total) = mean_losses(losses, weights);
        if let Some(place) = means.windows(2).position(|pair| pair[1] < pair[0] - 1e-12 * self.bound) {
            return Err(Error::unsupported(format!(
                "the mean loss falls from {} to {} between the parameters {} and {}; risk control needs losses that do not \
                 fall as the parameter grows: turn the parameter's sign, or use `LearnThenTest`",
                means[place],
                means[place + 1],
                parameters[place],
                parameters[place + 1]
            )));
        }
        let of = |place: usize| self.at(parameters[place], means[place], total);
        let kept = (0..means.len()).rev().map(of).find(|found| found.bounded <= self.allowed());
        kept.ok_or_else(|| self.not_kept(&of(0), total))
    }

    /// The largest threshold on the scores of labels at which the share of a row's labels that lie below it is at most
    /// `risk` in the mean: a label is said where its score is at least the threshold. A row without labels misses none.
    ///
    /// `has` and `scores` are rows x labels.
    ///
    /// # Errors
    /// When a setting is out of range, the bound is not 1, the shapes differ, a score is not finite, no row has a label, a weight
    /// is not acceptable, or there are too few rows for the risk.
    pub fn threshold(
        &self,
        has: &ArrayRef2<bool>,
        scores: &ArrayRef2<f64>,
        weights: Option<&[f64]>,
    ) -> Result<ControlledRisk> {
        self.check()?;
        if self.bound != 1.0 {
            return Err(Error::invalid_param("bound", self.bound, "1, since the loss is a share of labels"));
        }
        check_rows_of(has.nrows(), scores.nrows(), weights)?;
        if has.ncols() != scores.ncols() {
            return Err(Error::length_mismatch("the scores of a row", has.ncols(), scores.ncols()));
        }
        if let Some(((row, label), score)) = scores.indexed_iter().find(|(_, score)| !score.is_finite()) {
            return Err(Error::malformed(format!("the score of label {label} in row {row} is {score}")));
        }
        let counts = units(weights);
        let count = |row: usize| counts.as_ref().map_or(1.0, |counts| counts[row]);
        let total = reduce::sum_by(has.nrows(), count);
        // What is lost where the threshold passes the score of a label.
        let mut steps = Vec::new();
        for row in (0..has.nrows()).filter(|&row| count(row) > 0.0) {
            let own = has.row(row).iter().filter(|has| **has).count() as f64;
            let there = has.row(row).into_iter().zip(scores.row(row)).filter(|(has, _)| **has);
            steps.extend(there.map(|(_, score)| (*score, count(row) / own)));
        }
        steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let Some(&(least, _)) = steps.first() else {
            return Err(Error::insufficient_data(
                "no calibration row has a label, so no threshold can be chosen",
            ));
        };
        let first = self.at(least, 0.0, total);
        if first.bounded > self.allowed() {
            return Err(self.not_kept(&first, total));
        }
        let (mut best, mut lost, mut place) = (first, 0.0, 0);
        while place < steps.len() {
            let score = steps[place].0;
            let here = self.at(score, lost / total, total);
            if here.bounded > self.allowed() {
                break;
            }
            best = here;
            while place < steps.len() && steps[place].0 <= score {
                lost += steps[place].1;
                place += 1;
            }
        }
        Ok(best)
    }

    fn at(&self, parameter: f64, mean_loss: f64, total: f64) -> ControlledRisk {
        let bounded = (mean_loss * total + self.bound) / (total + 1.0);
        ControlledRisk { parameter, mean_loss, bounded }
    }

    /// What is above the risk by rounding alone keeps it.
    fn allowed(&self) -> f64 {
        self.risk * (1.0 + 1e-12)
    }

    fn not_kept(&self, first: &ControlledRisk, total: f64) -> Error {
        let needed = (self.bound / self.risk - 1.0).ceil();
        if total < needed * (1.0 - 1e-12) {
            return Error::insufficient_data(format!(
                "{total} calibration rows promise no mean loss of {}; {needed} are needed at least, or a larger risk",
                self.risk
            ));
        }
        Error::insufficient_data(format!(
            "the smallest parameter, {}, has a mean loss of {}, and no parameter keeps the risk of {}; try smaller parameters \
             or allow more",
            first.parameter, first.mean_loss, self.risk
        ))
    }
}

/// Learn then test: of some parameters those whose mean loss on rows to come is at most `risk`, with a probability of at
/// least `1 - delta` for all of them together (Angelopoulos, Bates, Candès, Jordan and Lei, 2025). The loss may rise and
/// fall with the parameter, and the parameter may have any meaning.
///
/// Each parameter is tested by the p-value of Hoeffding and Bentkus (Bates and others, 2021); which of them pass together is
/// the [`FwerProcedure`]'s to say. A loss of NaN says that the row does not count for that parameter: so the risk can be
/// precision, of the rows that are flagged; [`BinaryRisk`](super::BinaryRisk) has such losses ready.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `risk` | 0.1 | > 0 | the mean loss that is allowed |
/// | `delta` | 0.1 | in (0, 1) | the chance that the promise does not hold |
/// | `bound` | 1 | > 0 | the largest loss that a row can have |
/// | `procedure` | Holm | | how many tests become one promise |
///
/// ```
/// use ndarray::Array2;
/// use perennial_evaluation::conformal::LearnThenTest;
///
/// // The second of three parameters loses in 5 of 200 rows, the others in 60.
/// let losses = Array2::from_shape_fn((200, 3), |(row, which)| f64::from(u8::from(row < [60, 5, 60][which])));
/// assert_eq!(LearnThenTest::new(0.1).choose(&losses)?, [1]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnThenTest {
    risk: f64,
    delta: f64,
    bound: f64,
    procedure: FwerProcedure,
}

impl Default for LearnThenTest {
    fn default() -> Self {
        LearnThenTest { risk: 0.1, delta: 0.1, bound: 1.0, procedure: FwerProcedure::Holm }
    }
}

impl LearnThenTest {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[RISK, DELTA, BOUND];

    /// For a mean loss of at most `risk`.
    pub fn new(risk: f64) -> Self {
        LearnThenTest { risk, ..Self::default() }
    }

    /// Sets the chance that the promise does not hold.
    #[must_use]
    pub fn delta(mut self, delta: f64) -> Self {
        self.delta = delta;
        self
    }

    /// Sets the largest loss that a row can have.
    #[must_use]
    pub fn bound(mut self, bound: f64) -> Self {
        self.bound = bound;
        self
    }

    /// Sets how many tests become one promise.
    #[must_use]
    pub fn procedure(mut self, procedure: FwerProcedure) -> Self {
        self.procedure = procedure;
        self
    }

    /// The p-value of each parameter for the hypothesis that its mean loss is above the risk, not adjusted; by the losses of
    /// calibration rows: rows x parameters.
    ///
    /// # Errors
    /// When a setting is out of range, there are no rows or parameters, or a loss is not a number from 0 to the bound.
    pub fn p_values(&self, losses: &ArrayRef2<f64>) -> Result<Vec<f64>> {
        RISK.check(self.risk)?;
        DELTA.check(self.delta)?;
        BOUND.check(self.bound)?;
        if losses.is_empty() {
            return Err(Error::empty("there are no losses: at least one row and one parameter are needed"));
        }
        let outside = |loss: &f64| !(loss.is_nan() || *loss >= 0.0 && *loss <= self.bound);
        if let Some(((row, column), loss)) = losses.indexed_iter().find(|(_, loss)| outside(loss)) {
            return Err(Error::malformed(format!(
                "the loss of row {row} at parameter {column} is {loss}; losses lie from 0 to {}, or are NaN where the row does not count",
                self.bound
            )));
        }
        let of_column = |column: ndarray::ArrayView1<'_, f64>| {
            let counted: Vec<f64> = column.iter().copied().filter(|loss| !loss.is_nan()).collect();
            // Of a parameter for which no row counts nothing is known.
            if counted.is_empty() {
                return Ok(1.0);
            }
            p_value(reduce::mean(&counted) / self.bound, self.risk / self.bound, counted.len())
        };
        losses.columns().into_iter().map(of_column).collect()
    }

    /// The parameters that pass, by their places; none where the rows do not suffice.
    ///
    /// # Errors
    /// As [`p_values`](LearnThenTest::p_values), or when the procedure has a setting that is out of range.
    pub fn choose(&self, losses: &ArrayRef2<f64>) -> Result<Vec<usize>> {
        LearnThenTest::choose_all(&[(*self, losses)])
    }

    /// The parameters that keep several risks at once, such as precision and recall: each test has its own risk, bound and losses
    /// of the same parameters, and a parameter passes where the worst of its p-values does (Angelopoulos, Bates, Candès,
    /// Jordan and Lei, 2025). The promise is for all risks and all parameters that pass together; delta and the procedure are
    /// one for all.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_evaluation::conformal::LearnThenTest;
    ///
    /// // The first parameter misses much, the third raises many false alarms.
    /// let losses = |bad: [usize; 3]| Array2::from_shape_fn((200, 3), |(row, which)| f64::from(u8::from(row < bad[which])));
    /// let (missed, alarms) = (losses([60, 5, 2]), losses([1, 5, 60]));
    /// let tests = [(LearnThenTest::new(0.1), &*missed), (LearnThenTest::new(0.15), &*alarms)];
    /// assert_eq!(LearnThenTest::choose_all(&tests)?, [1]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`choose`](LearnThenTest::choose), or when there are no tests, they are of different numbers of parameters, or differ in
    /// delta or procedure.
    pub fn choose_all(tests: &[(LearnThenTest, &ArrayRef2<f64>)]) -> Result<Vec<usize>> {
        let Some((first, losses)) = tests.first() else {
            return Err(Error::empty("there are no risks to control"));
        };
        // A delta of NaN would differ from itself.
        DELTA.check(first.delta)?;
        let mut worst = vec![0.0_f64; losses.ncols()];
        for (place, (test, losses)) in tests.iter().enumerate() {
            if test.delta != first.delta || test.procedure != first.procedure {
                return Err(Error::malformed(format!(
                    "test {place} has another delta or procedure than the first; one promise has one of each"
                )));
            }
            if losses.ncols() != worst.len() {
                return Err(Error::length_mismatch("the parameters of a test", worst.len(), losses.ncols()));
            }
            let p_values = test.p_values(losses)?;
            worst.iter_mut().zip(p_values).for_each(|(worst, p_value)| *worst = worst.max(p_value));
        }
        first.procedure.passing(&worst, first.delta)
    }
}

/// The p-value of Hoeffding and Bentkus for a mean of losses from 0 to 1.
fn p_value(mean: f64, risk: f64, n: usize) -> Result<f64> {
    // A risk of 1 or more holds for every loss.
    if risk >= 1.0 {
        return Ok(0.0);
    }
    if mean >= risk {
        return Ok(1.0);
    }
    let part = |share: f64, of: f64| if share > 0.0 { share * (share / of).ln() } else { 0.0 };
    let hoeffding = (-(n as f64) * (part(mean, risk) + part(1.0 - mean, 1.0 - risk))).exp();
    // 0.05 of 200 rows are 10, whatever rounding says.
    let losses = (n as f64 * mean * (1.0 - 4.0 * f64::EPSILON)).ceil();
    let bentkus = std::f64::consts::E * Binomial::new(n as u64, risk)?.cdf(losses);
    Ok(hoeffding.min(bentkus).min(1.0))
}

fn check_losses(
    parameters: &[f64],
    losses: &ArrayRef2<f64>,
    bound: f64,
    weights: Option<&[f64]>,
) -> Result<()> {
    if losses.is_empty() {
        return Err(Error::empty("there are no losses: at least one row and one parameter are needed"));
    }
    if parameters.len() != losses.ncols() {
        return Err(Error::length_mismatch("the parameters", losses.ncols(), parameters.len()));
    }
    check_numbers("the parameters", parameters)?;
    if let Some(place) = parameters.windows(2).position(|pair| pair[1] <= pair[0]) {
        return Err(Error::malformed(format!(
            "parameter {} follows {}; parameters must rise",
            parameters[place + 1],
            parameters[place]
        )));
    }
    weights.map_or(Ok(()), |weights| check_weights(weights, losses.nrows()))?;
    let outside = losses.indexed_iter().find(|(_, loss)| !(**loss >= 0.0 && **loss <= bound));
    match outside {
        None => Ok(()),
        Some(((row, column), loss)) => Err(Error::malformed(format!(
            "the loss of row {row} at parameter {} is {loss}; losses lie from 0 to {bound}",
            parameters[column]
        ))),
    }
}

/// The mean loss at each parameter, and how many rows the weights are.
fn mean_losses(losses: &ArrayRef2<f64>, weights: Option<&[f64]>) -> (Vec<f64>, f64) {
    let counts = units(weights);
    let count = |row: usize| counts.as_ref().map_or(1.0, |counts| counts[row]);
    let total = reduce::sum_by(losses.nrows(), count);
    let mean =
        |column: usize| reduce::sum_by(losses.nrows(), |row| count(row) * losses[[row, column]]) / total;
    ((0..losses.ncols()).map(mean).collect(), total)
}
