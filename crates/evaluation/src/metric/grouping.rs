//! How two groupings of the same rows agree; the names of the groups do not matter.

use std::collections::BTreeMap;

use perennial_core::{Classes, Error, Param, Result};
use perennial_statistics::interval::Interval;
use perennial_statistics::special::ln_gamma;
use serde::{Deserialize, Serialize};

use super::{Metric, check_pairs};
use crate::IntervalOptions;

/// Where no more than this share of a cell is left, rounding may be all of it.
const CANCELLED: f64 = 1e-6;

/// The weight of the rows of a cell, and how many there are.
#[derive(Clone, Copy, Default)]
struct Cell {
    weight: f64,
    rows: usize,
}

/// The weight of the rows that are in group `i` of the one and group `j` of the other grouping.
struct Contingency {
    cells: BTreeMap<(u32, u32), Cell>,
    truth: BTreeMap<u32, f64>,
    given: BTreeMap<u32, f64>,
    total: f64,
}

impl Contingency {
    fn new(truth: &Classes, given: &Classes, weights: Option<&[f64]>) -> Result<Self> {
        check_pairs(truth.codes().len(), given.codes().len(), weights)?;
        let mut cells: BTreeMap<(u32, u32), Cell> = BTreeMap::new();
        for (row, pair) in truth.codes().iter().zip(given.codes()).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            if weight > 0.0 {
                let cell = cells.entry((*pair.0, *pair.1)).or_default();
                cell.weight += weight;
                cell.rows += 1;
            }
        }
        Ok(Contingency::of_cells(cells))
    }

    fn of_cells(cells: BTreeMap<(u32, u32), Cell>) -> Self {
        let margin = |side: fn(&(u32, u32)) -> u32| {
            let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
            cells.iter().for_each(|(place, cell)| *sums.entry(side(place)).or_insert(0.0) += cell.weight);
            sums
        };
        let (truth, given) = (margin(|place| place.0), margin(|place| place.1));
        let total = cells.values().map(|cell| cell.weight).sum();
        Contingency { truth, given, total, cells }
    }

    /// The weights of pairs of rows: together in both, apart in both, together in the first alone, in the second alone.
    fn pairs(&self) -> [f64; 4] {
        let squares = |weights: &mut dyn Iterator<Item = &f64>| weights.map(|w| w * w).sum::<f64>();
        let both = squares(&mut self.cells.values().map(|cell| &cell.weight));
        let (truth, given) = (squares(&mut self.truth.values()), squares(&mut self.given.values()));
        let n = self.total;
        [both - n, n * n - truth - given + both, truth - both, given - both]
    }

    /// The same without some of the rows, which are among those it was made of; nothing where none is left.
    fn without(
        &self,
        truth: &Classes,
        given: &Classes,
        weights: Option<&[f64]>,
        rows: &[usize],
    ) -> Option<Self> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut cells = self.cells.clone();
        for &row in rows.iter().filter(|&&row| weight(row) > 0.0) {
            if let Some(cell) = cells.get_mut(&(truth.codes()[row], given.codes()[row])) {
                cell.weight -= weight(row);
                cell.rows -= 1;
            }
        }
        // A cell is gone when its rows are, whatever rounding has left of their weight.
        cells.retain(|_, cell| cell.rows > 0);
        if cells.iter().any(|(place, cell)| cell.weight <= CANCELLED * self.cells[place].weight) {
            let mut kept: Vec<f64> = (0..truth.codes().len()).map(weight).collect();
            rows.iter().for_each(|&row| kept[row] = 0.0);
            return Contingency::new(truth, given, Some(&kept)).ok();
        }
        (!cells.is_empty()).then(|| Contingency::of_cells(cells))
    }

    fn entropy(&self, groups: &BTreeMap<u32, f64>) -> f64 {
        let share = |weight: &f64| weight / self.total;
        groups.values().map(|weight| -share(weight) * share(weight).ln()).sum::<f64>().max(0.0)
    }

    fn mutual_information(&self) -> f64 {
        let term = |(&(truth, given), &Cell { weight, .. }): (&(u32, u32), &Cell)| {
            let independent = (self.truth[&truth] / self.total) * (self.given[&given] / self.total);
            weight / self.total * (weight / self.total / independent).ln()
        };
        self.cells.iter().map(term).sum::<f64>().max(0.0)
    }

    /// The mutual information that groups of these sizes have by chance (Vinh, Epps and Bailey, 2010). Counts are
    /// rounded to whole rows.
    fn expected_information(&self) -> f64 {
        let n = self.total.round();
        let log_factorial = |k: f64| ln_gamma(k + 1.0);
        let sizes = |groups: &BTreeMap<u32, f64>| {
            let mut sizes: BTreeMap<u64, f64> = BTreeMap::new();
            groups.values().for_each(|weight| *sizes.entry(weight.round() as u64).or_insert(0.0) += 1.0);
            sizes
        };
        let mut expected = 0.0;
        for (&a, of_a) in &sizes(&self.truth) {
            for (&b, of_b) in &sizes(&self.given) {
                let (a, b) = (a as f64, b as f64);
                let fixed = log_factorial(a) + log_factorial(b) + log_factorial(n - a) + log_factorial(n - b)
                    - log_factorial(n);
                let (first, last) = ((a + b - n).max(1.0) as u64, a.min(b) as u64);
                let mut sum = 0.0;
                for both in first..=last {
                    let k = both as f64;
                    let log_chance = fixed
                        - log_factorial(k)
                        - log_factorial(a - k)
                        - log_factorial(b - k)
                        - log_factorial(n - a - b + k);
                    sum += k / n * (n * k / (a * b)).ln() * log_chance.exp();
                }
                expected += of_a * of_b * sum;
            }
        }
        expected
    }

    /// Whether each side is a single group, or each row is a group of its own on both.
    fn trivial(&self) -> bool {
        let (truth, given) = (self.truth.len(), self.given.len());
        truth == given && (truth <= 1 || truth as f64 == self.total)
    }
}

macro_rules! metric_of_groupings {
    ($metric:ident, $least:literal, $most:expr, |$own:ident| $name:expr, |$this:ident, $pair:ident| $score:expr) => {
        impl $metric {
            fn of(&self, $pair: &Contingency) -> f64 {
                let $this = self;
                $score
            }
        }

        impl Metric for $metric {
            type Truth = Classes;
            type Prediction = Classes;
            const HIGHER_IS_BETTER: bool = true;

            fn name(&self) -> String {
                let $own = self;
                $name.to_owned()
            }

            fn bounds(&self) -> (f64, f64) {
                ($least, $most)
            }

            fn score_weighted(
                &self,
                truth: &Classes,
                prediction: &Classes,
                weights: Option<&[f64]>,
            ) -> Result<f64> {
                self.check()?;
                Ok(self.of(&Contingency::new(truth, prediction, weights)?))
            }

            /// By the jackknife: a bootstrap would make pairs of a row and itself, and see more information than there is.
            fn interval(
                &self,
                truth: &Classes,
                prediction: &Classes,
                options: &IntervalOptions<'_>,
            ) -> Result<Interval> {
                self.check()?;
                if options.is_forced() {
                    return Err(Error::unsupported(
                        "a bootstrap pairs each row with itself, so its interval misses how groupings agree; leave out `bootstrap()`",
                    ));
                }
                let all = Contingency::new(truth, prediction, options.row_weights())?;
                let without = |rows: &[usize]| {
                    all.without(truth, prediction, options.row_weights(), rows)
                        .map_or(f64::NAN, |left| self.of(&left))
                };
                let found = options.of_left_out(truth.codes().len(), without)?;
                let (least, most) = self.bounds();
                Ok(Interval {
                    low: found.low.clamp(least, most),
                    high: found.high.clamp(least, most),
                    ..found
                })
            }
        }
    };
}

macro_rules! of_groupings {
    ($(#[$doc:meta])* $metric:ident, $name:literal, $least:literal, $most:expr, |$pair:ident| $score:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $metric;

        impl $metric {
            fn check(&self) -> Result<()> {
                Ok(())
            }
        }

        metric_of_groupings!($metric, $least, $most, |_metric| $name, |_metric, $pair| $score);
    };
}

/// The weights of the pairs of rows, each pair in both orders, that are apart in both groupings, together in the given one alone,
/// together in the truth alone, and together in both: `[[apart, given], [truth, both]]`.
///
/// # Errors
/// When there are no rows, the lengths differ, or a weight is not acceptable.
pub fn pair_confusion_matrix(
    truth: &Classes,
    given: &Classes,
    weights: Option<&[f64]>,
) -> Result<[[f64; 2]; 2]> {
    let [together, apart, first, second] = Contingency::new(truth, given, weights)?.pairs();
    Ok([[apart, second], [first, together]])
}

of_groupings!(
    /// What the one grouping tells of the other (the mutual information), in units of `e`: 0 where it tells nothing.
    MutualInformation, "mutual_information", 0.0, f64::INFINITY, |groups| groups.mutual_information()
);
of_groupings!(
    /// The share of the pairs of rows that both groupings put together or both put apart (Rand, 1971); 1 for a single row.
    Rand, "rand", 0.0, 1.0, |groups| {
        let [together, apart, first, second] = groups.pairs();
        let all = together + apart + first + second;
        if all > 0.0 { (together + apart) / all } else { 1.0 }
    }
);
of_groupings!(
    /// The Rand index beyond that of chance (Hubert and Arabie, 1985): 1 for equal groupings, 0 for what chance would give.
    ///
    /// ```
    /// use perennial_core::Classes;
    /// use perennial_evaluation::{Metric, metric::AdjustedRand};
    ///
    /// let truth = Classes::from_labels(["a", "a", "b", "b"]);
    /// let found = Classes::from_labels([7, 7, 3, 3]);
    /// assert_eq!(AdjustedRand.score(&truth, &found)?, 1.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    AdjustedRand, "adjusted_rand", -0.5, 1.0, |groups| {
        let [together, apart, first, second] = groups.pairs();
        if first == 0.0 && second == 0.0 {
            1.0
        } else {
            let by_chance = (together + first) * (first + apart) + (together + second) * (second + apart);
            2.0 * (together * apart - first * second) / by_chance
        }
    }
);
of_groupings!(
    /// The geometric mean of precision and recall of pairs of rows (Fowlkes and Mallows, 1983); 0 where no pair is together
    /// in both.
    FowlkesMallows, "fowlkes_mallows", 0.0, 1.0, |groups| {
        let [together, _, first, second] = groups.pairs();
        if together > 0.0 { (together / (together + first)).sqrt() * (together / (together + second)).sqrt() } else { 0.0 }
    }
);
of_groupings!(
    /// Whether each given group holds rows of one true group (Rosenberg and Hirschberg, 2007); 1 where the truth is a single
    /// group.
    Homogeneity, "homogeneity", 0.0, 1.0, |groups| {
        let entropy = groups.entropy(&groups.truth);
        if entropy > 0.0 { (groups.mutual_information() / entropy).min(1.0) } else { 1.0 }
    }
);
of_groupings!(
    /// Whether the rows of each true group are in one given group (Rosenberg and Hirschberg, 2007); 1 where all rows were
    /// given one group.
    Completeness, "completeness", 0.0, 1.0, |groups| {
        let entropy = groups.entropy(&groups.given);
        if entropy > 0.0 { (groups.mutual_information() / entropy).min(1.0) } else { 1.0 }
    }
);
/// The harmonic mean of [`Homogeneity`] and [`Completeness`] (V measure: Rosenberg and Hirschberg, 2007), the second counting
/// `beta` times as much; with a `beta` of 1 it is [`NormalizedMutualInformation`]. 1 where both are a single group.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `beta` | 1 | >= 0 | how much completeness counts against homogeneity |
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::{Metric, metric::VMeasure};
///
/// // Each group is pure, but there are twice as many as in truth.
/// let truth = Classes::from_labels(["a", "a", "b", "b"]);
/// let found = Classes::from_labels([1, 2, 3, 4]);
/// assert!((VMeasure::new().score(&truth, &found)? - 2.0 / 3.0).abs() < 1e-12);
/// assert!((VMeasure::new().beta(0.0).score(&truth, &found)? - 1.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VMeasure {
    beta: f64,
}

impl Default for VMeasure {
    fn default() -> Self {
        VMeasure { beta: 1.0 }
    }
}

const BETA: Param =
    Param::real("beta", "how much completeness counts against homogeneity").at_least(0.0).at_most(1e9);

impl VMeasure {
    /// Both count the same.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much completeness counts against homogeneity.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    fn check(&self) -> Result<()> {
        BETA.check(self.beta)
    }
}

metric_of_groupings!(VMeasure, 0.0, 1.0, |_metric| "v_measure", |metric, groups| {
    let (homogeneity, completeness) = (Homogeneity.of(groups), Completeness.of(groups));
    let sum = metric.beta * homogeneity + completeness;
    if sum > 0.0 { ((1.0 + metric.beta) * homogeneity * completeness / sum).min(1.0) } else { 0.0 }
});
of_groupings!(
    /// The mutual information as a share of the mean entropy of the two groupings, which is also the harmonic mean of
    /// homogeneity and completeness (V measure); 1 where both are a single group.
    NormalizedMutualInformation, "normalized_mutual_information", 0.0, 1.0, |groups| {
        let mean = 0.5 * (groups.entropy(&groups.truth) + groups.entropy(&groups.given));
        if groups.trivial() || mean == 0.0 { 1.0 } else { (groups.mutual_information() / mean).min(1.0) }
    }
);
of_groupings!(
    /// The mutual information beyond that of chance, as a share of the mean entropy beyond that of chance (Vinh, Epps and
    /// Bailey, 2010): 1 for equal groupings, about 0 for what chance would give. Weights are rounded to whole rows by
    /// group.
    AdjustedMutualInformation, "adjusted_mutual_information", -1.0, 1.0, |groups| {
        if groups.trivial() {
            1.0
        } else {
            let mean = 0.5 * (groups.entropy(&groups.truth) + groups.entropy(&groups.given));
            let expected = groups.expected_information();
            let room = mean - expected;
            // Never divides by 0, and keeps the sign.
            let room = if room < 0.0 { room.min(-f64::EPSILON) } else { room.max(f64::EPSILON) };
            (groups.mutual_information() - expected) / room
        }
    }
);
