//! Reliability curves and the parts of the Brier score.

use std::fmt;

use perennial_core::{Classes, Param, Probabilities, Result, ResultExt, Rows};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use perennial_statistics::special::beta_quantile;
use serde::{Deserialize, Serialize};

use crate::align::{check_rows_of, codes_in, positive_class};
use crate::fairness::Grouped;

/// How bins are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinStrategy {
    /// Of equal width.
    #[default]
    Uniform,
    /// Of about equal weight; rows with the same probability stay together.
    Quantile,
}

/// How often a class is there where it is said to be so probable (DeGroot and Fienberg, 1983).
///
/// Of two classes it is the second one; of more, the class of [`positive`](Reliability::positive), or else the most
/// probable class and whether it is right. Bins of equal width are those of
/// [`CalibrationError`](crate::metric::CalibrationError).
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_bins` | 10 | 1 to 100,000 | how many bins |
/// | `strategy` | uniform | | how they are cut |
/// | `level` | 0.95 | in (0, 1) | of the intervals |
/// | `positive` | as above | a class name | the class in question |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::calibration::Reliability;
///
/// let said = array![[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]];
/// let said = Probabilities::new(said, ["no", "yes"].map(String::from).to_vec())?;
/// let truth = Classes::from_labels(["no", "no", "yes", "no"]);
/// let curve = Reliability::new().measure(&truth, &said, None)?;
/// assert_eq!(curve.bins[1].observed.estimate, 0.5);
/// assert!((curve.expected_calibration_error() - 0.2).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reliability {
    n_bins: usize,
    strategy: BinStrategy,
    level: f64,
    positive: Option<String>,
}

const N_BINS: Param = Param::integer("n_bins", "how many bins").at_least(1.0).at_most(100_000.0);
const LEVEL: Param = Param::real("level", "level of the intervals").above(0.0).at_most(1.0 - f64::EPSILON);

impl Default for Reliability {
    fn default() -> Self {
        Reliability { n_bins: 10, strategy: BinStrategy::Uniform, level: 0.95, positive: None }
    }
}

/// The rows that were said to be about so probable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// The lower edge: of a quantile bin, its least probability.
    pub low: f64,
    /// The upper edge: of a quantile bin, its largest probability.
    pub high: f64,
    /// The number of rows.
    pub support: usize,
    /// Their weight.
    pub weight: f64,
    /// The mean of what was said.
    pub predicted: f64,
    /// The share that has the class, with its exact interval (Clopper and Pearson, 1934; with weights for the number of
    /// rows that they are worth, Korn and Graubard, 1998).
    pub observed: Interval,
}

/// The bins that have rows, in rising order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityCurve {
    /// The class in question; nothing where it is the most probable one of each row.
    pub class: Option<String>,
    /// The bins.
    pub bins: Vec<ReliabilityBin>,
}

/// The parts of the Brier score (Murphy, 1973): `brier = reliability - resolution + uncertainty + within_bins`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrierDecomposition {
    /// The mean squared error of the probability of the class.
    pub brier: f64,
    /// The mean squared gap between what was said and what was there; 0 is best.
    pub reliability: f64,
    /// How far what was there differs between bins; more is better.
    pub resolution: f64,
    /// The variance of the class itself, which no forecast changes.
    pub uncertainty: f64,
    /// What is lost by taking different probabilities together in bins (Stephenson, Coelho and Jolliffe, 2008); 0 where
    /// all rows of a bin were said to be equally probable.
    pub within_bins: f64,
}

impl Reliability {
    /// The settings of the table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bins.
    #[must_use]
    pub fn n_bins(mut self, n_bins: usize) -> Self {
        self.n_bins = n_bins;
        self
    }

    /// Sets how they are cut.
    #[must_use]
    pub fn strategy(mut self, strategy: BinStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the level of the intervals.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets the class in question.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }

    /// The curve.
    ///
    /// # Errors
    /// When a setting is out of range, there are no rows, the lengths differ, a weight is not acceptable, or there is no
    /// probability for the class of a row.
    pub fn measure(
        &self,
        truth: &Classes,
        said: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<ReliabilityCurve> {
        N_BINS.check_count(self.n_bins)?;
        LEVEL.check(self.level)?;
        let claims = Claims::new(truth, said, weights, self.positive.as_deref())?;
        let bins = self.bins(&claims);
        let of = |(rows, edges): &BinRows| claims.bin(rows, *edges, self.level);
        Ok(ReliabilityCurve { class: claims.class.clone(), bins: bins.iter().map(of).collect() })
    }

    /// The curve of each group, by name: probabilities that mean what they say on the whole may be too high for one group and
    /// too low for another. `groups` has a name for each row, such as those of
    /// [`SensitiveFeatures::groups`](crate::fairness::SensitiveFeatures::groups).
    ///
    /// Whether groups differ is told by a [`MetricFrame`](crate::fairness::MetricFrame) of
    /// [`CalibrationError`](crate::metric::CalibrationError), with intervals and tests: the fewer rows a group has, the further
    /// off its curve is by chance.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Classes, Probabilities};
    /// use perennial_evaluation::calibration::Reliability;
    ///
    /// let said = array![[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]];
    /// let said = Probabilities::new(said, ["no", "yes"].map(String::from).to_vec())?;
    /// let truth = Classes::from_labels(["no", "no", "yes", "yes"]);
    /// let groups = ["a", "a", "b", "b"].map(String::from);
    /// let curves = Reliability::new().measure_by_group(&truth, &said, None, &groups)?;
    /// assert_eq!((curves[0].0.as_str(), curves[0].1.bins[0].observed.estimate), ("a", 0.0));
    /// assert_eq!((curves[1].0.as_str(), curves[1].1.bins[0].observed.estimate), ("b", 1.0));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`measure`](Reliability::measure), with the group; or when there is not a group for each row.
    pub fn measure_by_group(
        &self,
        truth: &Classes,
        said: &Probabilities,
        weights: Option<&[f64]>,
        groups: &[String],
    ) -> Result<Vec<(String, ReliabilityCurve)>> {
        check_rows_of(truth.n_rows(), said.n_rows(), weights)?;
        let groups = Grouped::new(groups, truth.n_rows())?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.names.len()];
        groups.of_row.iter().enumerate().for_each(|(row, &group)| members[group].push(row));
        let of_group = |(name, rows): (&String, Vec<usize>)| {
            let weights = weights.map(|weights| weights.take(&rows)).transpose()?;
            let curve = self
                .measure(&truth.take(&rows)?, &said.take(&rows)?, weights.as_deref())
                .context(format!("group `{name}`"))?;
            Ok((name.clone(), curve))
        };
        groups.names.iter().zip(members).map(of_group).collect()
    }

    /// The parts of the Brier score of the class.
    ///
    /// # Errors
    /// As [`measure`](Reliability::measure).
    pub fn decompose(
        &self,
        truth: &Classes,
        said: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<BrierDecomposition> {
        let curve = self.measure(truth, said, weights)?;
        let claims = Claims::new(truth, said, weights, self.positive.as_deref())?;
        let all: Vec<usize> = (0..claims.said.len()).filter(|&row| claims.weight(row) > 0.0).collect();
        let total = claims.sum(&all, |_| 1.0);
        let mean = |value: &(dyn Fn(usize) -> f64 + Sync)| claims.sum(&all, value) / total;
        let brier = mean(&|row| (claims.said[row] - claims.hit(row)).powi(2));
        let base = mean(&|row| claims.hit(row));
        let over = |value: &dyn Fn(&ReliabilityBin) -> f64| {
            curve.bins.iter().map(|bin| bin.weight * value(bin)).sum::<f64>() / total
        };
        let reliability = over(&|bin| (bin.predicted - bin.observed.estimate).powi(2));
        let resolution = over(&|bin| (bin.observed.estimate - base).powi(2));
        let uncertainty = base * (1.0 - base);
        let within_bins = brier - (reliability - resolution + uncertainty);
        Ok(BrierDecomposition { brier, reliability, resolution, uncertainty, within_bins })
    }

    /// The bins that have rows with weight, by row.
    pub(crate) fn binned_gaps(
        &self,
        truth: &Classes,
        said: &Probabilities,
        weights: Option<&[f64]>,
    ) -> Result<BinnedGaps> {
        N_BINS.check_count(self.n_bins)?;
        let claims = Claims::new(truth, said, weights, self.positive.as_deref())?;
        let of_bins = self.bins(&claims);
        let mut bins = vec![None; claims.said.len()];
        for (bin, (rows, _)) in of_bins.iter().enumerate() {
            rows.iter().for_each(|&row| bins[row] = Some(bin));
        }
        let gaps = (0..claims.said.len()).map(|row| claims.said[row] - claims.hit(row)).collect();
        Ok(BinnedGaps { n_bins: of_bins.len(), bins, gaps })
    }

    /// The rows of each bin that has rows with weight, with its edges where they are fixed.
    fn bins(&self, claims: &Claims<'_>) -> Vec<BinRows> {
        let n_bins = self.n_bins as f64;
        let mut rows: Vec<usize> = (0..claims.said.len()).filter(|&row| claims.weight(row) > 0.0).collect();
        rows.sort_by(|&a, &b| claims.said[a].total_cmp(&claims.said[b]));
        let mut bins: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut put = |bin: usize, members: &[usize]| match bins.last_mut() {
            Some((last, rows)) if *last == bin => rows.extend(members),
            _ => bins.push((bin, members.to_vec())),
        };
        let total = claims.sum(&rows, |_| 1.0);
        let mut before = 0.0;
        for tied in rows.chunk_by(|&a, &b| claims.said[a] == claims.said[b]) {
            let weight: f64 = tied.iter().map(|&row| claims.weight(row)).sum();
            let bin = match self.strategy {
                BinStrategy::Uniform => (claims.said[tied[0]] * n_bins).ceil() - 1.0,
                // By the middle of the rows that have the same probability.
                BinStrategy::Quantile => ((before + 0.5 * weight) / total * n_bins).floor(),
            };
            put(bin.clamp(0.0, n_bins - 1.0) as usize, tied);
            before += weight;
        }
        let edges = |bin: usize| (bin as f64 / n_bins, (bin + 1) as f64 / n_bins);
        let uniform = self.strategy == BinStrategy::Uniform;
        bins.into_iter().map(|(bin, rows)| (rows, uniform.then(|| edges(bin)))).collect()
    }
}

/// The bin of each row, where it has weight, and what was said of it less what was so.
pub(crate) struct BinnedGaps {
    pub(crate) n_bins: usize,
    pub(crate) bins: Vec<Option<usize>>,
    pub(crate) gaps: Vec<f64>,
}

/// The rows of a bin, and its edges where they are fixed.
type BinRows = (Vec<usize>, Option<(f64, f64)>);

/// What was said of each row, and whether it was so.
struct Claims<'a> {
    class: Option<String>,
    said: Vec<f64>,
    hits: Vec<bool>,
    weights: Option<&'a [f64]>,
}

impl<'a> Claims<'a> {
    fn new(
        truth: &Classes,
        said: &Probabilities,
        weights: Option<&'a [f64]>,
        positive: Option<&str>,
    ) -> Result<Self> {
        check_rows_of(truth.n_rows(), said.n_rows(), weights)?;
        let codes = codes_in(truth, said.names())?;
        if positive.is_none() && said.names().len() != 2 {
            let given = said.most_likely();
            let place = |row: usize| given.codes()[row] as usize;
            return Ok(Claims {
                class: None,
                said: (0..codes.len()).map(|row| said.values()[[row, place(row)]]).collect(),
                hits: (0..codes.len()).map(|row| codes[row] == place(row)).collect(),
                weights,
            });
        }
        let column = positive_class(said.names(), positive)?;
        Ok(Claims {
            class: Some(said.names()[column].clone()),
            said: said.values().column(column).to_vec(),
            hits: codes.iter().map(|&code| code == column).collect(),
            weights,
        })
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn hit(&self, row: usize) -> f64 {
        f64::from(u8::from(self.hits[row]))
    }

    /// The weighted sum over some rows.
    fn sum(&self, rows: &[usize], value: impl Fn(usize) -> f64 + Sync) -> f64 {
        reduce::sum_by(rows.len(), |place| self.weight(rows[place]) * value(rows[place]))
    }

    fn bin(&self, rows: &[usize], edges: Option<(f64, f64)>, level: f64) -> ReliabilityBin {
        let weight = self.sum(rows, |_| 1.0);
        let share = (self.sum(rows, |row| self.hit(row)) / weight).clamp(0.0, 1.0);
        let squares = self.sum(rows, |row| self.weight(row));
        let ends = || (self.said[rows[0]], self.said[rows[rows.len() - 1]]);
        let (from, to) = edges.unwrap_or_else(ends);
        ReliabilityBin {
            low: from,
            high: to,
            support: rows.len(),
            weight,
            predicted: self.sum(rows, |row| self.said[row]) / weight,
            observed: weighted_share(share * weight, weight, squares, level),
        }
    }
}

/// The interval of a weighted share, exact for the number of rows that the weights are worth (Clopper and Pearson, 1934;
/// Korn and Graubard, 1998).
pub(crate) fn weighted_share(hit: f64, weight: f64, squares: f64, level: f64) -> Interval {
    let share = (hit / weight).clamp(0.0, 1.0);
    let worth = weight * (weight / squares);
    let (hits, misses, tail) = (share * worth, (1.0 - share) * worth, 0.5 * (1.0 - level));
    let low = if hits <= 0.0 { 0.0 } else { beta_quantile(hits, misses + 1.0, tail, 1.0 - tail) };
    let high = if misses <= 0.0 { 1.0 } else { beta_quantile(hits + 1.0, misses, 1.0 - tail, tail) };
    Interval { estimate: share, low, high, level }
}

impl ReliabilityCurve {
    /// The mean gap between what was said and what was there, over rows.
    pub fn expected_calibration_error(&self) -> f64 {
        let total: f64 = self.bins.iter().map(|bin| bin.weight).sum();
        self.bins.iter().map(|bin| bin.weight * bin.gap()).sum::<f64>() / total
    }

    /// The bins whose interval does not hold what was said.
    pub fn off(&self) -> impl Iterator<Item = &ReliabilityBin> {
        self.bins.iter().filter(|bin| !bin.observed.contains(bin.predicted))
    }
}

impl ReliabilityBin {
    fn gap(&self) -> f64 {
        (self.predicted - self.observed.estimate).abs()
    }
}

/// A sentence, and a line for each bin.
impl fmt::Display for ReliabilityCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class =
            self.class.as_ref().map_or("the most probable class".to_owned(), |class| format!("`{class}`"));
        let (off, n_bins) = (self.off().count(), self.bins.len());
        write!(
            f,
            "{class}: what was said is off by {:.4} on average; in {off} of {n_bins} bins it is outside the interval",
            self.expected_calibration_error()
        )?;
        for bin in &self.bins {
            write!(f, "\nsaid {:.3}, was {} on {} rows", bin.predicted, bin.observed, bin.support)?;
        }
        Ok(())
    }
}

/// A sentence.
impl fmt::Display for BrierDecomposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BrierDecomposition { brier, reliability, resolution, uncertainty, within_bins } = self;
        write!(
            f,
            "brier {brier:.4} = reliability {reliability:.4} - resolution {resolution:.4} + uncertainty {uncertainty:.4} + within bins {within_bins:.4}"
        )
    }
}
