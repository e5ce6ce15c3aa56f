//! How good answers are for parts of the rows.

use std::borrow::Borrow;
use std::fmt;

use perennial_core::{Classes, Error, Param, Result, Rows, check_rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use perennial_statistics::multiple::{Adjustment, adjust};
use perennial_statistics::test::{Alternative, welch_t};
use serde::{Deserialize, Serialize};

use crate::interval::two_sided_t;
use crate::metric::{on_rows, score_rows, where_defined};
use crate::tasks;
use crate::{IntervalOptions, Metric};

/// Named parts of the rows, which may overlap.
///
/// ```
/// use perennial_evaluation::Slices;
///
/// let region: Vec<String> = ["north", "south", "north"].map(String::from).to_vec();
/// let slices = Slices::new().by("region", &region).mask("old", &[true, true, false]);
/// let names: Vec<&str> = slices.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["region=north", "region=south", "old"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slices {
    slices: Vec<(String, Vec<usize>)>,
}

impl Slices {
    /// No slices yet.
    pub fn new() -> Self {
        Slices::default()
    }

    /// A slice for each different label, named `name=label`.
    #[must_use]
    pub fn by(self, name: &str, labels: &[String]) -> Self {
        self.by_class(name, &Classes::from_labels(labels.iter()))
    }

    /// A slice for each class, named `name=class`.
    #[must_use]
    pub fn by_class(mut self, name: &str, classes: &Classes) -> Self {
        let mut members = vec![Vec::new(); classes.n_classes()];
        for (row, &code) in classes.codes().iter().enumerate() {
            members[code as usize].push(row);
        }
        let names = classes.names().iter().map(|class| format!("{name}={class}"));
        self.slices.extend(names.zip(members));
        self
    }

    /// The rows for which `mask` holds.
    #[must_use]
    pub fn mask(self, name: impl Into<String>, mask: &[bool]) -> Self {
        let rows = (0..mask.len()).filter(|&row| mask[row]).collect();
        self.rows(name, rows)
    }

    /// These rows.
    #[must_use]
    pub fn rows(mut self, name: impl Into<String>, rows: Vec<usize>) -> Self {
        self.slices.push((name.into(), rows));
        self
    }

    /// The names and the rows of the slices, in the order in which they were declared.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[usize])> {
        self.slices.iter().map(|(name, rows)| (name.as_str(), rows.as_slice()))
    }
}

/// From this many rows on either side, Welch's test and the permutations of a mean agree.
const MANY_ROWS: usize = 1000;

/// How slices are scored.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `min_support` | 30 | >= 2 | slices whose rows are worth fewer are skipped: with weights, rows of equal weight that would tell as much (Kish, 1965) |
/// | `level` | 0.95 | in (0, 1) | confidence level of the intervals |
/// | `replicates` | 2000 | >= 1 | resamples of an interval, and permutations of a test |
/// | `seed` | 0 | | start of the random stream |
/// | `weights` | none | >= 0 | how much each row counts |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SliceOptions {
    min_support: usize,
    level: f64,
    replicates: usize,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<Vec<f64>>,
}

const MIN_SUPPORT: Param = Param::integer("min_support", "rows that a slice must have").at_least(2.0);
const LEVEL: Param =
    Param::real("level", "confidence level of the intervals").above(0.0).at_most(1.0 - f64::EPSILON);
const REPLICATES: Param = Param::integer("replicates", "resamples and permutations").at_least(1.0);

impl Default for SliceOptions {
    fn default() -> Self {
        SliceOptions { min_support: 30, level: 0.95, replicates: 2000, seed: 0, weights: None }
    }
}

impl SliceOptions {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn least_support(&self) -> usize {
        self.min_support
    }

    pub(crate) fn random_seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn row_weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// The rows that a slice must have.
    #[must_use]
    pub fn min_support(mut self, min_support: usize) -> Self {
        self.min_support = min_support;
        self
    }

    /// The confidence level of the intervals.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// The number of resamples and of permutations.
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How much each row counts. Rows without weight are not in a slice, and of others `min_support` asks for what they are worth.
    #[must_use]
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = Some(weights.to_vec());
        self
    }

    /// The options for some of the rows.
    pub(crate) fn of_part(&self, rows: &[usize]) -> Result<Self> {
        let weights = self.weights.as_ref().map(|weights| weights.take(rows)).transpose()?;
        Ok(SliceOptions { weights, ..self.clone() })
    }
}

/// The score of one slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceScore {
    /// The name of the slice.
    pub name: String,
    /// How many rows with weight it has.
    pub support: usize,
    /// The score and how sure it is.
    pub interval: Interval,
    /// The score drawn towards that of all rows, the more the less sure it is (James and Stein, 1961; the spread of the
    /// true scores is that which the intervals leave unexplained): the best guess for new rows of the slice.
    pub shrunken: f64,
    /// The score of all other rows.
    pub rest: f64,
    /// How likely a difference from the rest at least so large is, were the rows of the slice like all others: a
    /// permutation test, or Welch's for the unweighted mean of at least 1000 rows on both sides. Permutations for which the
    /// metric is not defined, such as those that leave a side without a class, do not count: of those that do, the rows as
    /// they are would be one like any other.
    pub p_value: f64,
    /// The p-value adjusted for the number of slices (Benjamini and Hochberg, 1995).
    pub adjusted_p_value: f64,
}

/// A slice without a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedSlice {
    /// The name of the slice.
    pub name: String,
    /// How many rows with weight it has.
    pub support: usize,
    /// Why it was not scored.
    pub reason: String,
}

/// The scores of all slices, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceReport {
    /// The name of the metric.
    pub metric: String,
    /// Whether a larger score is better.
    pub higher_is_better: bool,
    /// The score of all rows.
    pub overall: f64,
    /// The slices, the worst first.
    pub slices: Vec<SliceScore>,
    /// The slices that could not be scored, as declared.
    pub skipped: Vec<SkippedSlice>,
}

impl fmt::Display for SliceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:.4} overall", self.metric, self.overall)?;
        for slice in &self.slices {
            let (interval, p) = (slice.interval, slice.adjusted_p_value);
            write!(f, "\n{}: {interval} on {} rows, p = {p:.4}", slice.name, slice.support)?;
        }
        for slice in &self.skipped {
            write!(f, "\n{}: skipped, {}", slice.name, slice.reason)?;
        }
        Ok(())
    }
}

/// Scores each slice and tests whether it differs from the rest of the rows.
///
/// Slices that are too small, or on which the metric is not defined, are reported as skipped.
///
/// # Errors
/// When the metric is not defined on all rows, a slice has a row that does not exist or one row twice, a weight is not
/// acceptable, or a setting is out of range.
pub fn score_slices<M: Metric>(
    metric: &M,
    truth: &M::Truth,
    prediction: &M::Prediction,
    slices: &Slices,
    options: &SliceOptions,
) -> Result<SliceReport> {
    MIN_SUPPORT.check_count(options.min_support)?;
    REPLICATES.check_count(options.replicates)?;
    LEVEL.check(options.level)?;
    let weights = options.weights.as_deref();
    let overall = metric.score_weighted(truth, prediction, weights)?;
    let row_scores = metric.row_scores(truth, prediction)?;
    let random = Random::new(options.seed).stream("slices");
    let (mut scored, mut skipped) = (Vec::new(), Vec::new());
    for (number, (name, rows)) in slices.iter().enumerate() {
        let inside = members(name, rows, truth.n_rows())?;
        let (support, worth) = support_of(rows.iter().copied(), weights);
        let slice = Slice {
            metric,
            truth,
            prediction,
            row_scores: row_scores.as_deref(),
            weights,
            inside,
            random: random.fork(number as u64),
        };
        let result = if !enough(worth, options.min_support) {
            let least = options.min_support;
            Err(Error::insufficient_data(match support < least {
                true => format!("it has {support} rows; at least {least} are asked for"),
                false => format!(
                    "its {support} rows are worth {worth:.3} of equal weight; at least {least} are asked for"
                ),
            }))
        } else {
            slice.score(name, options)
        };
        match result {
            Ok(score) => scored.push(score),
            Err(error) => {
                skipped.push(SkippedSlice { name: name.to_owned(), support, reason: error.to_string() });
            }
        }
    }
    let p_values: Vec<f64> = scored.iter().map(|slice| slice.p_value).collect();
    for (slice, adjusted) in scored.iter_mut().zip(adjust(&p_values, Adjustment::BenjaminiHochberg)?) {
        slice.adjusted_p_value = adjusted;
    }
    shrink(&mut scored, overall);
    let goodness = |slice: &SliceScore| {
        if M::HIGHER_IS_BETTER { slice.interval.estimate } else { -slice.interval.estimate }
    };
    scored.sort_by(|a, b| goodness(a).total_cmp(&goodness(b)));
    let (metric, higher_is_better) = (metric.name(), M::HIGHER_IS_BETTER);
    Ok(SliceReport { metric, higher_is_better, overall, slices: scored, skipped })
}

/// Draws the scores towards that of all rows, by empirical Bayes with normal errors.
fn shrink(slices: &mut [SliceScore], overall: f64) {
    // What the width of an interval says of the standard error, whatever its level.
    let variance = |slice: &SliceScore| {
        let reach = two_sided_t(1e9, slice.interval.level).unwrap_or(1.96);
        (slice.interval.width() / (2.0 * reach)).powi(2)
    };
    let n = slices.len() as f64;
    let seen = slices.iter().map(|slice| (slice.interval.estimate - overall).powi(2)).sum::<f64>() / n;
    let spread = (seen - slices.iter().map(variance).sum::<f64>() / n).max(0.0);
    for slice in slices {
        let own = variance(slice);
        let trust = if own > 0.0 { spread / (spread + own) } else { 1.0 };
        slice.shrunken = overall + trust * (slice.interval.estimate - overall);
    }
}

/// How many rows have weight, and how many of equal weight they are worth (Kish, 1965).
pub(crate) fn support_of(rows: impl Iterator<Item = usize>, weights: Option<&[f64]>) -> (usize, f64) {
    let Some(weights) = weights else {
        let n = rows.count();
        return (n, n as f64);
    };
    let own: Vec<f64> = rows.map(|row| weights[row]).filter(|weight| *weight > 0.0).collect();
    let largest = own.iter().copied().fold(0.0, f64::max);
    let (sum, squares) = own.iter().fold((0.0, 0.0), |(sum, squares), weight| {
        let weight = weight / largest;
        (sum + weight, squares + weight * weight)
    });
    (own.len(), if own.is_empty() { 0.0 } else { sum * sum / squares })
}

/// Whether rows are worth enough; equal weights that do not add up to the last bit are.
pub(crate) fn enough(worth: f64, least: usize) -> bool {
    worth >= least as f64 * (1.0 - 1e-9)
}

/// Which rows are in a slice.
fn members(name: &str, rows: &[usize], n_rows: usize) -> Result<Vec<bool>> {
    check_rows(rows, n_rows).map_err(|error| error.context(format!("slice `{name}`")))?;
    let mut inside = vec![false; n_rows];
    for &row in rows {
        if std::mem::replace(&mut inside[row], true) {
            return Err(Error::malformed(format!("slice `{name}` has row {row} twice; list each row once")));
        }
    }
    Ok(inside)
}

struct Slice<'a, M: Metric> {
    metric: &'a M,
    truth: &'a M::Truth,
    prediction: &'a M::Prediction,
    row_scores: Option<&'a [f64]>,
    weights: Option<&'a [f64]>,
    inside: Vec<bool>,
    random: Random,
}

impl<M: Metric> Slice<'_, M> {
    fn score(&self, name: &str, options: &SliceOptions) -> Result<SliceScore> {
        let (rows, rest): (Vec<usize>, Vec<usize>) =
            (0..self.inside.len()).partition(|&row| self.inside[row]);
        if rest.is_empty() {
            return Err(Error::insufficient_data("it has all rows, so there is no rest to compare with"));
        }
        let own_weights = self.weights.map(|weights| weights.take(&rows)).transpose()?;
        let settings = IntervalOptions::new()
            .level(options.level)
            .replicates(options.replicates)
            .seed(self.random.clone().below(usize::MAX) as u64);
        let settings = match &own_weights {
            Some(weights) => settings.weights(weights),
            None => settings,
        };
        let (truth, prediction) = (self.truth.take(&rows)?, self.prediction.take(&rows)?);
        let interval =
            on_rows(self.metric, &rows, |metric| metric.interval(truth.borrow(), &prediction, &settings))?;
        let rest_score = self.score_of(&rest)?;
        let p_value = match self.welch(&rows, &rest)? {
            Some(p_value) => p_value,
            None => self.permutation(interval.estimate - rest_score, options.replicates)?,
        };
        Ok(SliceScore {
            name: name.to_owned(),
            support: support_of(rows.iter().copied(), self.weights).0,
            shrunken: interval.estimate,
            interval,
            rest: rest_score,
            p_value,
            adjusted_p_value: p_value,
        })
    }

    /// The p-value of Welch's test (1947), where the scores of many rows make it as good as the permutations.
    fn welch(&self, rows: &[usize], rest: &[usize]) -> Result<Option<f64>> {
        let (Some(scores), None) = (self.row_scores, self.weights) else { return Ok(None) };
        if rows.len().min(rest.len()) < MANY_ROWS {
            return Ok(None);
        }
        let test = welch_t(&scores.take(rows)?, &scores.take(rest)?, Alternative::TwoSided);
        // It has no answer where all scores are equal; the permutations have.
        Ok(test.ok().map(|test| test.p_value).filter(|p_value| p_value.is_finite()))
    }

    /// The share of random parts of this size that differ from the rest at least so much, of those for which the metric is
    /// defined: given that it is, the slice is one of them as likely as any other.
    fn permutation(&self, observed: f64, replicates: usize) -> Result<f64> {
        let n_rows = if self.row_scores.is_some() { self.inside.len() } else { 0 };
        let total = [
            reduce::sum_by(n_rows, |row| self.term(row)[0]),
            reduce::sum_by(n_rows, |row| self.term(row)[1]),
        ];
        // Rows without weight are on no side.
        let there: Vec<usize> = (0..self.inside.len())
            .filter(|&row| self.weights.is_none_or(|weights| weights[row] > 0.0))
            .collect();
        // The smaller side is drawn: the difference is the same but for its sign.
        let size = there.iter().filter(|&&row| self.inside[row]).count();
        let size = size.min(there.len() - size);
        let permuted = tasks::try_each(replicates, |replicate| {
            let places = self.random.fork(replicate as u64).sample(there.len(), size);
            let drawn: Vec<usize> = places.into_iter().map(|place| there[place]).collect();
            where_defined(self.difference(&drawn, total))
        })?;
        // The rows as they are count as one of the permutations, so the p-value is never 0 (Phipson and Smyth, 2010).
        let (mut as_extreme, mut counted) = (1_u32, 1_u32);
        for difference in permuted.into_iter().flatten() {
            // A difference that rounding alone makes smaller is as extreme.
            as_extreme += u32::from(!(difference.abs() < observed.abs() * (1.0 - 1e-12)));
            counted += 1;
        }
        if counted == 1 {
            return Err(Error::insufficient_data(format!(
                "the metric is not defined for any of {replicates} random parts of this size, so there is nothing to compare with"
            )));
        }
        Ok(f64::from(as_extreme) / f64::from(counted))
    }

    /// The weighted score of a row, and its weight.
    fn term(&self, row: usize) -> [f64; 2] {
        let weight = self.weights.map_or(1.0, |weights| weights[row]);
        // A row without weight does not count, even where its score is beyond the range of f64.
        let score = self.row_scores.filter(|_| weight > 0.0).map_or(0.0, |scores| scores[row]);
        [weight * score, weight]
    }

    /// The score of these rows less that of all others; `total` are the sums over all rows.
    fn difference(&self, drawn: &[usize], total: [f64; 2]) -> Result<f64> {
        let n_rows = self.inside.len();
        if self.row_scores.is_some() {
            let own = drawn.iter().fold([0.0; 2], |sum, &row| {
                let term = self.term(row);
                [sum[0] + term[0], sum[1] + term[1]]
            });
            let rest = [total[0] - own[0], total[1] - own[1]];
            if !(own[1] > 0.0 && rest[1] > 0.0) {
                return Err(Error::insufficient_data("the rows of one side have no weight"));
            }
            return Ok(own[0] / own[1] - rest[0] / rest[1]);
        }
        let mut inside = vec![false; n_rows];
        drawn.iter().for_each(|&row| inside[row] = true);
        let rest: Vec<usize> = (0..n_rows).filter(|&row| !inside[row]).collect();
        Ok(self.score_of(drawn)? - self.score_of(&rest)?)
    }

    fn score_of(&self, rows: &[usize]) -> Result<f64> {
        score_rows(self.metric, self.truth, self.prediction, self.weights, rows)
    }
}
