//! How sure a score is.

mod influence;
mod jackknife;
mod unseen;

pub(crate) use influence::reach;
pub(crate) use unseen::{share as unseen_share, unseen_of_classes};

use perennial_core::{Error, Result, check_weights};
use perennial_numeric::reduce;
use perennial_statistics::distribution::{Distribution, StudentT};
use perennial_statistics::interval::{Bootstrap, BootstrapMethod, Interval};
use perennial_statistics::special::normal_quantile;

/// From this many units on, the bootstrap of a mean and Student's interval differ by less than the
/// bootstrap differs from seed to seed.
const MANY_UNITS: usize = 20_000;
/// Resamples, where nothing else is asked for.
const REPLICATES: usize = 2000;

/// How an interval is made.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.95 | in (0, 1) | confidence level |
/// | `replicates` | 2000 | >= 1 | resamples, where the bootstrap is used; a calibration error draws at least 200 |
/// | `method` | BCa | | how the bootstrap reads the interval off the replicates |
/// | `seed` | 0 | | start of the random stream |
/// | `weights` | none | >= 0 | how much each row counts; rows of weight 0 are as if they were not there |
/// | `groups` | none | | rows of a group are not independent and are drawn together |
/// | `bootstrap` | false | | whether rows are drawn anew even where an exact or analytic interval is known |
/// | `blocks` | none | >= 1 | rows are in the order of time, and this many neighbours are drawn together |
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalOptions<'a> {
    bootstrap: Bootstrap,
    replicates: usize,
    level: f64,
    seed: u64,
    forced: bool,
    weights: Option<&'a [f64]>,
    dependence: Dependence<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Dependence<'a> {
    None,
    Groups(&'a [u32]),
    Blocks(usize),
}

impl Default for IntervalOptions<'_> {
    fn default() -> Self {
        IntervalOptions {
            bootstrap: Bootstrap::new().replicates(REPLICATES),
            replicates: REPLICATES,
            level: 0.95,
            seed: 0,
            forced: false,
            weights: None,
            dependence: Dependence::None,
        }
    }
}

impl<'a> IntervalOptions<'a> {
    /// Independent rows, all of the same weight, at 95 %.
    pub fn new() -> Self {
        Self::default()
    }

    /// The confidence level.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self.bootstrap = self.bootstrap.level(level);
        self
    }

    /// How many resamples.
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self.bootstrap = self.bootstrap.replicates(replicates);
        self
    }

    /// No more resamples than this.
    #[cfg(feature = "report")]
    pub(crate) fn at_most_replicates(self, most: usize) -> Self {
        let replicates = self.replicates.min(most);
        self.replicates(replicates)
    }

    /// No fewer resamples than this, unless there are to be none, which is refused.
    pub(crate) fn at_least_replicates(self, least: usize) -> Self {
        match self.replicates {
            0 => self,
            replicates => self.replicates(replicates.max(least)),
        }
    }

    /// How the bootstrap reads the interval off the replicates.
    #[must_use]
    pub fn method(mut self, method: BootstrapMethod) -> Self {
        self.bootstrap = self.bootstrap.method(method);
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.bootstrap = self.bootstrap.seed(seed);
        self
    }

    /// Draws rows anew even where an exact or analytic interval is known. Where rows must not be drawn twice, as of groupings and
    /// clusters, it is refused.
    #[must_use]
    pub fn bootstrap(mut self) -> Self {
        self.forced = true;
        self
    }

    /// How much each row counts.
    #[must_use]
    pub fn weights(mut self, weights: &'a [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// The group of each row; groups are independent of each other, rows of a group are not.
    #[must_use]
    pub fn groups(mut self, groups: &'a [u32]) -> Self {
        self.dependence = Dependence::Groups(groups);
        self
    }

    /// The rows are in the order of time, and those less than `length` apart are not independent.
    #[must_use]
    pub fn blocks(mut self, length: usize) -> Self {
        self.dependence = Dependence::Blocks(length);
        self
    }

    /// The confidence level that is asked for.
    pub fn confidence(&self) -> f64 {
        self.level
    }

    /// The weights of the rows, where there are any.
    pub fn row_weights(&self) -> Option<&'a [f64]> {
        self.weights
    }

    /// Whether rows are independent and of the same weight, so that exact intervals hold, and may be used.
    pub fn is_plain(&self) -> bool {
        !self.forced && self.weights.is_none() && self.dependence == Dependence::None
    }

    /// Whether rows are to be drawn anew even where an exact or analytic interval is known.
    pub fn is_forced(&self) -> bool {
        self.forced
    }

    /// How many independent units of equal weight the rows are worth (Kish, 1965): rows, groups or blocks.
    pub(crate) fn worth(&self, n_rows: usize) -> f64 {
        self.worths(n_rows, 1, |_| 0)[0]
    }

    /// As [`worth`](IntervalOptions::worth), of the rows of each of some classes; 0 where a class has none.
    pub(crate) fn worths(&self, n_rows: usize, n_classes: usize, class: impl Fn(usize) -> usize) -> Vec<f64> {
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        let unit: Box<dyn Fn(usize) -> usize> = match self.dependence {
            Dependence::None => Box::new(|row| row),
            Dependence::Groups(groups) => {
                let (unit_of_row, _) = numbered(groups);
                Box::new(move |row| unit_of_row[row])
            }
            Dependence::Blocks(length) => {
                let mut before = 0_usize;
                let mut places = Vec::with_capacity(n_rows);
                for row in 0..n_rows {
                    places.push(before);
                    before += usize::from(weight(row) > 0.0);
                }
                Box::new(move |row| places[row] / length.max(1))
            }
        };
        let mut rows: Vec<(usize, usize, usize)> =
            (0..n_rows).map(|row| (class(row), unit(row), row)).collect();
        rows.sort_unstable();
        let mut sums = vec![(0.0, 0.0); n_classes];
        for unit in rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let own: f64 = unit.iter().map(|(.., row)| weight(*row)).sum();
            let (sum, squares) = &mut sums[unit[0].0];
            (*sum, *squares) = (*sum + own, *squares + own * own);
        }
        sums.into_iter().map(|(sum, squares)| if sum > 0.0 { sum / squares * sum } else { 0.0 }).collect()
    }

    /// The bootstrap interval of any statistic of rows; the statistic weighs the rows itself. Rows of weight 0 are never drawn, and are
    /// no units.
    ///
    /// # Errors
    /// As [`Bootstrap::interval`], when a weight is not acceptable, or when the groups are not one for each row.
    pub fn of_rows(&self, n_rows: usize, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Result<Interval> {
        self.of_any_rows(n_rows, &statistic)
    }

    /// Compiled once, and not for each statistic.
    fn of_any_rows(&self, n_rows: usize, statistic: &(dyn Fn(&[usize]) -> f64 + Sync)) -> Result<Interval> {
        let (rows, groups) = (self.counted(n_rows)?, self.groups_of(n_rows)?);
        let Some(rows) = rows else {
            return match self.dependence {
                Dependence::None => self.bootstrap.interval(n_rows, statistic),
                Dependence::Groups(groups) => self.bootstrap.interval_grouped(groups, statistic),
                Dependence::Blocks(length) => self.bootstrap.interval_blocks(n_rows, length, statistic),
            };
        };
        let groups: Option<Vec<u32>> = groups.map(|groups| rows.iter().map(|&row| groups[row]).collect());
        let without = IntervalOptions { weights: None, ..self.clone() };
        let own = match &groups {
            Some(groups) => without.groups(groups),
            None => without,
        };
        own.of_any_rows(rows.len(), &|drawn| {
            statistic(&drawn.iter().map(|&place| rows[place]).collect::<Vec<usize>>())
        })
    }

    /// The bootstrap interval of a statistic of how often each row is drawn; several times faster than
    /// [`of_rows`](IntervalOptions::of_rows) where a pass over all rows gives the statistic.
    ///
    /// # Errors
    /// As [`of_rows`](IntervalOptions::of_rows).
    pub fn of_counts(&self, n_rows: usize, statistic: impl Fn(&[u32]) -> f64 + Sync) -> Result<Interval> {
        let [found] = self.of_any_counts(n_rows, &|counts: &[u32]| [statistic(counts)])?;
        Ok(found)
    }

    /// As [`of_counts`](IntervalOptions::of_counts), of several statistics of the same draws: each has the interval that it would have
    /// alone, and rows are drawn once.
    ///
    /// # Errors
    /// As [`of_rows`](IntervalOptions::of_rows), where any of them has none.
    pub fn of_counts_together<const K: usize>(
        &self,
        n_rows: usize,
        statistics: impl Fn(&[u32]) -> [f64; K] + Sync,
    ) -> Result<[Interval; K]> {
        self.of_any_counts(n_rows, &statistics)
    }

    /// Compiled once for so many statistics, and not for each of them.
    fn of_any_counts<const K: usize>(
        &self,
        n_rows: usize,
        statistic: &(dyn Fn(&[u32]) -> [f64; K] + Sync),
    ) -> Result<[Interval; K]> {
        let (rows, groups) = (self.counted(n_rows)?, self.groups_of(n_rows)?);
        let n_counted = rows.as_ref().map_or(n_rows, Vec::len);
        let row_of = |place: usize| rows.as_ref().map_or(place, |rows| rows[place]);
        // How often each row is drawn, from how often its unit is.
        let of_units = |unit: &dyn Fn(usize) -> usize, counts: &[u32]| {
            let mut of_rows = vec![0; n_rows];
            (0..n_counted).for_each(|place| of_rows[row_of(place)] = counts[unit(place)]);
            statistic(&of_rows)
        };
        match (self.dependence, groups) {
            (Dependence::Blocks(length), _) => self.bootstrap.intervals_blocks(n_counted, length, |drawn| {
                let mut counts = vec![0; n_rows];
                drawn.iter().for_each(|&place| counts[row_of(place)] += 1);
                statistic(&counts)
            }),
            (_, Some(groups)) => {
                let own: Vec<u32> = (0..n_counted).map(|place| groups[row_of(place)]).collect();
                let (units, n_units) = numbered(&own);
                self.bootstrap.intervals_counted(n_units, |counts| of_units(&|place| units[place], counts))
            }
            _ if rows.is_none() => self.bootstrap.intervals_counted(n_rows, statistic),
            _ => self.bootstrap.intervals_counted(n_counted, |counts| of_units(&|place| place, counts)),
        }
    }

    /// What a function makes of some resamples, at most so many: how often each row is drawn. Rows of weight 0 are not.
    pub(crate) fn map_counts<T: Send>(
        &self,
        n_rows: usize,
        most: usize,
        of_counts: impl Fn(&[u32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let (rows, groups) = (self.counted(n_rows)?, self.groups_of(n_rows)?);
        let rows = rows.unwrap_or_else(|| (0..n_rows).collect());
        let bootstrap = self.bootstrap.clone().at_most(most);
        let spread = |unit: &dyn Fn(usize) -> usize, counts: &[u32]| {
            let mut of_rows = vec![0; n_rows];
            rows.iter().enumerate().for_each(|(place, &row)| of_rows[row] = counts[unit(place)]);
            of_counts(&of_rows)
        };
        match (self.dependence, groups) {
            (Dependence::Blocks(length), _) => {
                bootstrap.map_blocks(rows.len(), length, |counts| spread(&|place| place, counts))
            }
            (_, Some(groups)) => {
                let own: Vec<u32> = rows.iter().map(|&row| groups[row]).collect();
                let (units, n_units) = numbered(&own);
                bootstrap.map_counted(n_units, |counts| spread(&|place| units[place], counts))
            }
            _ => bootstrap.map_counted(rows.len(), |counts| spread(&|place| place, counts)),
        }
    }

    /// The rows that have weight, in their order; nothing where all have.
    fn counted(&self, n_rows: usize) -> Result<Option<Vec<usize>>> {
        let Some(weights) = self.weights else { return Ok(None) };
        check_weights(weights, n_rows)?;
        let there = || (0..n_rows).filter(|&row| weights[row] > 0.0).collect();
        Ok(weights.contains(&0.0).then(there))
    }

    /// The group of each row, where there are groups.
    fn groups_of(&self, n_rows: usize) -> Result<Option<&'a [u32]>> {
        match self.dependence {
            Dependence::Groups(groups) => check_groups(groups, n_rows).map(|()| Some(groups)),
            _ => Ok(None),
        }
    }

    /// The interval of the weighted mean of a number per row, such as the loss.
    ///
    /// The bootstrap by sums of rows or groups; Student's interval from 20 000 of them on. Rows of weight 0 are not there, whatever
    /// their number is.
    ///
    /// # Errors
    /// As [`of_rows`](IntervalOptions::of_rows).
    pub fn of_mean(&self, values: &[f64]) -> Result<Interval> {
        let (rows, groups) = (self.counted(values.len())?, self.groups_of(values.len())?);
        let rows = rows.unwrap_or_else(|| (0..values.len()).collect());
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        let pairs: Vec<[f64; 2]> = rows.iter().map(|&row| [weight(row) * values[row], weight(row)]).collect();
        let ratio = |pairs: &[[f64; 2]], counts: &[u32]| {
            let [sum, weight] = pairs.iter().zip(counts).fold([0.0; 2], |[sum, weight], (pair, &count)| {
                [sum + f64::from(count) * pair[0], weight + f64::from(count) * pair[1]]
            });
            sum / weight
        };
        let units = match (self.dependence, groups) {
            (Dependence::Blocks(length), _) => {
                return self.bootstrap.interval_blocks(pairs.len(), length, |drawn| {
                    let mut counts = vec![0; pairs.len()];
                    drawn.iter().for_each(|&place| counts[place] += 1);
                    ratio(&pairs, &counts)
                });
            }
            (_, groups) => of_units(&rows, pairs, groups),
        };
        if units.len() >= MANY_UNITS && !self.forced {
            return self.student(&units);
        }
        self.bootstrap.interval_counted(units.len(), |counts| ratio(&units, counts))
    }

    /// The interval of the weighted mean of numbers at least 0 that are far apart, such as squared errors: that of its logarithm, whose variance is
    /// linearised, widened as Bonett (2006) does for variances. Nothing where rows are drawn anew, as blocks always are.
    ///
    /// # Errors
    /// As [`of_rows`](IntervalOptions::of_rows).
    pub(crate) fn of_positive_mean(&self, values: &[f64]) -> Result<Option<Interval>> {
        if self.forced || matches!(self.dependence, Dependence::Blocks(_)) {
            return Ok(None);
        }
        let (rows, groups) = (self.counted(values.len())?, self.groups_of(values.len())?);
        let rows = rows.unwrap_or_else(|| (0..values.len()).collect());
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]);
        let pairs = rows.iter().map(|&row| [weight(row) * values[row], weight(row)]).collect();
        let units = of_units(&rows, pairs, groups);
        let n = units.len() as f64;
        if n < 2.0 {
            return Err(Error::insufficient_data(format!(
                "there are {n} units to tell how sure the score is from; at least 2 are needed"
            )));
        }
        let found = self.student(&units)?;
        let half = match found.estimate > 0.0 {
            true => (found.high - found.estimate) / found.estimate * wider_logarithm(n, self.level),
            false => 0.0,
        };
        let (low, high) = (found.estimate * (-half).exp(), found.estimate * half.exp());
        check_end(high, n, self.level)?;
        Ok(Some(Interval { low, high, ..found }))
    }

    /// Student's interval of a ratio of sums, linearised (Cochran, 1977).
    fn student(&self, units: &[[f64; 2]]) -> Result<Interval> {
        let n = units.len();
        let total = reduce::sum_by(n, |unit| units[unit][1]);
        let estimate = reduce::sum_by(n, |unit| units[unit][0]) / total;
        // In terms of the total, so that squares of weights stay in the range of f64.
        let squares =
            reduce::sum_by(n, |unit| ((units[unit][0] - estimate * units[unit][1]) / total).powi(2));
        let df = n as f64 - 1.0;
        let half = two_sided_t(df, self.level)? * (squares * (n as f64 / df)).sqrt();
        Ok(Interval { estimate, low: estimate - half, high: estimate + half, level: self.level })
    }
}

/// Pairs of sums of the rows, added up by group where there are groups.
fn of_units(rows: &[usize], pairs: Vec<[f64; 2]>, groups: Option<&[u32]>) -> Vec<[f64; 2]> {
    let Some(groups) = groups else { return pairs };
    let own: Vec<u32> = rows.iter().map(|&row| groups[row]).collect();
    let (unit_of_row, n_units) = numbered(&own);
    let mut sums = vec![[0.0; 2]; n_units];
    for (&unit, pair) in unit_of_row.iter().zip(&pairs) {
        sums[unit] = [sums[unit][0] + pair[0], sums[unit][1] + pair[1]];
    }
    sums
}

/// How many times as wide the interval of the logarithm of a sum of squares of few units must be (Bonett, 2006).
pub(crate) fn wider_logarithm(n_units: f64, level: f64) -> f64 {
    let reach = normal_quantile(0.5 * (1.0 + level), 0.5 * (1.0 - level));
    n_units / (n_units - reach).max(1.0)
}

/// Refuses the end of an interval that so few rows put beyond the range of f64.
pub(crate) fn check_end(end: f64, n: f64, level: f64) -> Result<()> {
    if end.is_finite() {
        return Ok(());
    }
    Err(Error::insufficient_data(format!(
        "{n} rows are too few for an interval at level {level}; give more rows or a lower level"
    )))
}

/// How many standard errors Student's interval reaches to each side.
pub(crate) fn two_sided_t(df: f64, level: f64) -> Result<f64> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::invalid_param("level", level, "a number > 0 and < 1"));
    }
    Ok(StudentT::new(df)?.isf(0.5 * (1.0 - level)))
}

/// The number of each row's group in the order of the groups, and how many there are.
fn numbered<T: Ord + Copy>(groups: &[T]) -> (Vec<usize>, usize) {
    let mut different = groups.to_vec();
    different.sort_unstable();
    different.dedup();
    // Each group is among the different ones.
    let number = |group: &T| different.binary_search(group).unwrap_or_default();
    (groups.iter().map(number).collect(), different.len())
}

pub(crate) fn check_groups(groups: &[u32], n_rows: usize) -> Result<()> {
    if groups.len() == n_rows {
        Ok(())
    } else {
        Err(Error::length_mismatch("the groups", n_rows, groups.len()))
    }
}
