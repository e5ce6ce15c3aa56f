use std::collections::BTreeMap;

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce::map_each;
use serde::{Deserialize, Serialize};

use super::blocks::joints;
use super::counts::Draws;
use super::{Interval, tail_share};
use crate::describe::quantile_sorted;
use crate::distribution::{Distribution, StudentT};
use crate::special::{normal_quantile, normal_tails};

/// How the interval is read off the replicates.
///
/// Of few units both are a little too narrow, as the bootstrap's variance is that of the sample; so the quantiles are
/// those of Student's distribution, carried over (Hesterberg, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootstrapMethod {
    /// Quantiles of the replicates.
    Percentile,
    /// Quantiles corrected for bias and skewness (Efron, 1987); leaves rows out once more, one by one, or more than
    /// 1000 in 250 parts.
    #[default]
    Bca,
}

/// The bootstrap interval of any statistic of a set of rows (Efron and Tibshirani, 1993).
///
/// The statistic gets row numbers and gives one finite number. Replicates are computed in
/// parallel; the same seed gives the same bits for any number of threads.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `replicates` | 2000 | >= 1 | resamples |
/// | `level` | 0.95 | in (0, 1) | confidence level |
/// | `method` | BCa | | how the interval is read off the replicates |
/// | `seed` | 0 | | start of the random stream |
///
/// ```
/// use perennial_statistics::interval::Bootstrap;
///
/// let x = [3.1, 4.7, 2.2, 8.9, 5.5, 6.1, 4.4, 3.8, 7.0, 5.2];
/// let mean = |rows: &[usize]| rows.iter().map(|&i| x[i]).sum::<f64>() / rows.len() as f64;
/// let interval = Bootstrap::new().seed(7).interval(x.len(), mean)?;
/// assert!(interval.contains(5.09) && interval.width() < 4.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    replicates: usize,
    level: f64,
    method: BootstrapMethod,
    seed: u64,
}

const REPLICATES: Param = Param::integer("replicates", "resamples").at_least(1.0);
const LENGTH: Param = Param::integer("length", "rows of a block").at_least(1.0);

/// Rows by blocks of neighbours, the end joined to the start.
fn blocks(random: &mut Random, n_rows: usize, length: usize) -> Vec<usize> {
    let mut rows = Vec::with_capacity(n_rows);
    while rows.len() < n_rows {
        let start = random.below(n_rows);
        let take = length.min(n_rows - rows.len());
        rows.extend((start..start + take).map(|row| row % n_rows));
    }
    rows
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { replicates: 2000, level: 0.95, method: BootstrapMethod::Bca, seed: 0 }
    }
}

impl Bootstrap {
    /// The settings with which [`Default`] starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many resamples.
    #[must_use]
    pub fn replicates(mut self, replicates: usize) -> Self {
        self.replicates = replicates;
        self
    }

    /// No more resamples than this.
    #[must_use]
    pub fn at_most(mut self, replicates: usize) -> Self {
        self.replicates = self.replicates.min(replicates);
        self
    }

    /// The confidence level.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// How the interval is read off the replicates.
    #[must_use]
    pub fn method(mut self, method: BootstrapMethod) -> Self {
        self.method = method;
        self
    }

    /// The start of the random stream.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Of independent rows.
    ///
    /// # Errors
    /// If a setting is out of range, there are fewer than two rows, or the statistic is not finite
    /// on the rows or a resample of them.
    pub fn interval<S>(&self, n_rows: usize, statistic: S) -> Result<Interval>
    where
        S: Fn(&[usize]) -> f64 + Sync,
    {
        let draw = |random: &mut Random| (0..n_rows).map(|_| random.below(n_rows)).collect();
        let [found] =
            self.run_rows(n_rows, n_rows, [1.0], &|rows: &[usize]| [statistic(rows)], draw, |row| row)?;
        Ok(found)
    }

    /// Of independent rows, by a statistic of how often each of them is drawn.
    ///
    /// It is an interval as [`interval`](Bootstrap::interval) gives, of other draws. Where a pass over all rows
    /// gives the statistic, such as a sum or a rank, it is several times faster: rows are read in their order, and
    /// counts are drawn faster than rows.
    ///
    /// ```
    /// use perennial_statistics::interval::Bootstrap;
    ///
    /// let x = [3.1, 4.7, 2.2, 8.9, 5.5, 6.1, 4.4, 3.8, 7.0, 5.2];
    /// let mean = |counts: &[u32]| {
    ///     let sum: f64 = counts.iter().zip(x).map(|(&count, x)| f64::from(count) * x).sum();
    ///     sum / f64::from(counts.iter().sum::<u32>())
    /// };
    /// let interval = Bootstrap::new().interval_counted(x.len(), mean)?;
    /// assert!(interval.contains(5.09) && interval.width() < 4.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`interval`](Bootstrap::interval).
    pub fn interval_counted<S>(&self, n_rows: usize, statistic: S) -> Result<Interval>
    where
        S: Fn(&[u32]) -> f64 + Sync,
    {
        let [found] = self.intervals_counted(n_rows, |counts| [statistic(counts)])?;
        Ok(found)
    }

    /// As [`interval_counted`](Bootstrap::interval_counted), of several statistics of the same draws: each has the interval that it would have
    /// alone, and rows are drawn once.
    ///
    /// ```
    /// use perennial_statistics::interval::Bootstrap;
    ///
    /// let x = [3.1, 4.7, 2.2, 8.9, 5.5, 6.1, 4.4, 3.8, 7.0, 5.2];
    /// let power = |counts: &[u32], power| -> f64 {
    ///     counts.iter().zip(x).map(|(&count, x)| f64::from(count) * f64::powi(x, power)).sum::<f64>() / 10.0
    /// };
    /// let both = Bootstrap::new().intervals_counted(10, |counts| [power(counts, 1), power(counts, 2)])?;
    /// assert_eq!(both[0], Bootstrap::new().interval_counted(10, |counts| power(counts, 1))?);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`interval`](Bootstrap::interval), where any of them has none.
    pub fn intervals_counted<const K: usize>(
        &self,
        n_rows: usize,
        statistics: impl Fn(&[u32]) -> [f64; K] + Sync,
    ) -> Result<[Interval; K]> {
        let draws = Draws::new();
        let draw = |random: &mut Random| draws.counts(random, n_rows);
        let leave_out = |parts: &[u32], part| parts.iter().map(|other| u32::from(*other != part)).collect();
        self.run(n_rows, [1.0; K], &vec![1; n_rows], &statistics, draw, leave_out)
    }

    /// What a function makes of each resample of independent rows, in their order: how often each row is drawn.
    ///
    /// ```
    /// use perennial_statistics::interval::Bootstrap;
    ///
    /// let left_out = Bootstrap::new().replicates(500).map_counted(100, |counts| counts.iter().filter(|count| **count == 0).count())?;
    /// let mean = left_out.iter().sum::<usize>() as f64 / 500.0;
    /// assert!((mean - 100.0 * 0.99_f64.powi(100)).abs() < 1.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no replicates.
    pub fn map_counted<T: Send>(
        &self,
        n_rows: usize,
        of_counts: impl Fn(&[u32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        REPLICATES.check_count(self.replicates)?;
        let (draws, random) = (Draws::new(), Random::new(self.seed));
        Ok(map_each(self.replicates, |replicate| {
            of_counts(&draws.counts(&mut random.fork(replicate as u64), n_rows))
        }))
    }

    /// As [`map_counted`](Bootstrap::map_counted), of rows in the order of time of which blocks are drawn as
    /// [`interval_blocks`](Bootstrap::interval_blocks) does.
    ///
    /// # Errors
    /// If there are no replicates or `length` is 0.
    pub fn map_blocks<T: Send>(
        &self,
        n_rows: usize,
        length: usize,
        of_counts: impl Fn(&[u32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        REPLICATES.check_count(self.replicates)?;
        LENGTH.check_count(length)?;
        let random = Random::new(self.seed);
        Ok(map_each(self.replicates, |replicate| {
            let mut counts = vec![0; n_rows];
            let drawn = blocks(&mut random.fork(replicate as u64), n_rows, length);
            drawn.into_iter().for_each(|row| counts[row] += 1);
            of_counts(&counts)
        }))
    }

    /// Of rows that belong together in groups, which are drawn whole: patients with several visits.
    ///
    /// # Errors
    /// As [`interval`](Bootstrap::interval), counting groups.
    pub fn interval_grouped<S>(&self, groups: &[u32], statistic: S) -> Result<Interval>
    where
        S: Fn(&[usize]) -> f64 + Sync,
    {
        let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, &group) in groups.iter().enumerate() {
            members.entry(group).or_default().push(row);
        }
        let mut unit_of_row = vec![0; groups.len()];
        for (unit, rows) in members.values().enumerate() {
            rows.iter().for_each(|&row| unit_of_row[row] = unit);
        }
        let members: Vec<Vec<usize>> = members.into_values().collect();
        let draw = |random: &mut Random| {
            (0..members.len()).flat_map(|_| members[random.below(members.len())].iter().copied()).collect()
        };
        let statistic = |rows: &[usize]| [statistic(rows)];
        let [found] =
            self.run_rows(groups.len(), members.len(), [1.0], &statistic, draw, |row| unit_of_row[row])?;
        Ok(found)
    }

    /// Of rows in the order of time: blocks of `length` neighbouring rows are drawn, and the end is
    /// joined to the start (the circular block bootstrap of Politis and Romano, 1992).
    ///
    /// Rows of different blocks are drawn as if they were independent. What that leaves out is estimated from the two
    /// halves of each block, and the interval is widened by it (Politis and Romano, 1995).
    ///
    /// # Errors
    /// As [`interval`](Bootstrap::interval), counting blocks, or if `length` is 0.
    pub fn interval_blocks<S>(&self, n_rows: usize, length: usize, statistic: S) -> Result<Interval>
    where
        S: Fn(&[usize]) -> f64 + Sync,
    {
        let [found] = self.intervals_blocks(n_rows, length, |rows| [statistic(rows)])?;
        Ok(found)
    }

    /// As [`interval_blocks`](Bootstrap::interval_blocks), of several statistics of the same draws.
    ///
    /// # Errors
    /// As [`interval_blocks`](Bootstrap::interval_blocks), where any of them has none.
    pub fn intervals_blocks<const K: usize>(
        &self,
        n_rows: usize,
        length: usize,
        statistics: impl Fn(&[usize]) -> [f64; K] + Sync,
    ) -> Result<[Interval; K]> {
        LENGTH.check_count(length)?;
        let draw = |random: &mut Random| blocks(random, n_rows, length);
        let wider =
            std::array::from_fn(|which| joints(n_rows, length, &|rows: &[usize]| statistics(rows)[which]));
        self.run_rows(n_rows, n_rows.div_ceil(length), wider, &statistics, draw, |row| row / length)
    }

    /// By statistics of rows; `unit_of` tells which of the `n_units` a row comes and goes with. Each interval reaches
    /// `wider` times as many standard errors as that of independent units.
    fn run_rows<const K: usize>(
        &self,
        n_rows: usize,
        n_units: usize,
        wider: [f64; K],
        statistics: &(impl Fn(&[usize]) -> [f64; K] + Sync),
        draw: impl Fn(&mut Random) -> Vec<usize> + Sync,
        unit_of: impl Fn(usize) -> usize + Sync,
    ) -> Result<[Interval; K]> {
        let all: Vec<usize> = (0..n_rows).collect();
        let leave_out =
            |parts: &[u32], part| (0..n_rows).filter(|&row| parts[unit_of(row)] != part).collect();
        self.run(n_units, wider, &all, statistics, draw, leave_out)
    }

    /// By statistics of samples: `draw` makes a new one, `leave_out` gives `all` without one part of the units.
    fn run<T: Sync, const K: usize>(
        &self,
        n_units: usize,
        wider: [f64; K],
        all: &[T],
        statistics: &(impl Fn(&[T]) -> [f64; K] + Sync),
        draw: impl Fn(&mut Random) -> Vec<T> + Sync,
        leave_out: impl Fn(&[u32], u32) -> Vec<T> + Sync,
    ) -> Result<[Interval; K]> {
        REPLICATES.check_count(self.replicates)?;
        let tail = tail_share(self.level)?;
        if n_units < 2 {
            let what = format!("the bootstrap has {n_units} units to draw from; at least 2 are needed");
            return Err(Error::insufficient_data(what));
        }
        let estimates = statistics(all);
        check_finite(&estimates, "all rows")?;
        let random = Random::new(self.seed);
        let drawn =
            map_each(self.replicates, |replicate| statistics(&draw(&mut random.fork(replicate as u64))));
        check_finite(drawn.as_flattened(), "a resample")?;
        let left_out = match self.method {
            BootstrapMethod::Percentile => Vec::new(),
            BootstrapMethod::Bca => {
                let parts = parts(n_units, &random);
                map_each(n_parts(n_units), |part| statistics(&leave_out(&parts, part as u32)))
            }
        };
        check_finite(left_out.as_flattened(), "the rows that remain when some are left out")?;
        let mut found =
            estimates.map(|estimate| Interval { estimate, low: 0.0, high: 0.0, level: self.level });
        for (which, interval) in found.iter_mut().enumerate() {
            let of = |samples: &[[f64; K]]| samples.iter().map(|sample| sample[which]).collect::<Vec<f64>>();
            let tail = widened(tail, n_units, wider[which])?;
            let mut replicates = of(&drawn);
            let (low, high) = match self.method {
                BootstrapMethod::Percentile => (tail, 1.0 - tail),
                BootstrapMethod::Bca => bca_shares(interval.estimate, &replicates, &of(&left_out), tail),
            };
            replicates.sort_by(f64::total_cmp);
            [interval.low, interval.high] = [low, high].map(|share| of_replicates(&replicates, share));
        }
        Ok(found)
    }
}

/// The share of a normal distribution beyond `wider` times where Student's has `tail` (Hesterberg, 2015).
fn widened(tail: f64, n_units: usize, wider: f64) -> Result<f64> {
    let n = n_units as f64;
    let reach = wider * StudentT::new(n - 1.0)?.isf(tail) * (n / (n - 1.0)).sqrt();
    Ok(normal_tails(-reach).lower)
}

/// The quantile of sorted replicates: the `k`-th of `n` has `k / (n + 1)` below it, since one more draw falls into each of
/// the `n + 1` gaps between them as likely (Davison and Hinkley, 1997).
fn of_replicates(sorted: &[f64], share: f64) -> f64 {
    let n = sorted.len() as f64;
    quantile_sorted(sorted, (share * (n + 1.0) - 1.0) / (n - 1.0).max(1.0))
}

fn check_finite(values: &[f64], on: &str) -> Result<()> {
    match values.iter().find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::insufficient_data(format!(
            "the statistic is {value} on {on}; it must be finite on any resample, so give it more rows, or a value for rows that lack a class"
        ))),
    }
}

/// Up to so many units are left out one by one.
const MOST_ALONE: usize = 1000;
/// More units are left out in so many parts. The acceleration is then off by about `0.65 / 250`, which moves the ends of a 95 %
/// interval by a hundredth of a standard error; chance in 2,000 replicates moves them by five hundredths.
const PARTS: usize = 250;

/// How many parts there are to leave out.
fn n_parts(n_units: usize) -> usize {
    if n_units <= MOST_ALONE { n_units } else { PARTS }
}

/// The part of each unit, at random.
fn parts(n_units: usize, random: &Random) -> Vec<u32> {
    let n_parts = n_parts(n_units);
    let shuffled = random.stream("jackknife").permutation(n_units);
    shuffled.into_iter().map(|place| (place % n_parts) as u32).collect()
}

/// The shares of the replicates that bound the interval (Efron, 1987).
fn bca_shares(estimate: f64, replicates: &[f64], left_out: &[f64], tail: f64) -> (f64, f64) {
    let n = replicates.len() as f64;
    let below: f64 = replicates
        .iter()
        .map(|&r| {
            if r < estimate {
                1.0
            } else if r == estimate {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    let share = (below / n).clamp(0.5 / n, 1.0 - 0.5 / n);
    let bias = normal_quantile(share, 1.0 - share);
    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    // In units of the farthest, so that powers stay in the range of f64; values beyond it tell no skewness.
    let far = left_out.iter().fold(0.0_f64, |far, value| far.max((mean - value).abs()));
    let known = far > 0.0 && far.is_finite();
    let (squares, cubes) = left_out.iter().fold((0.0, 0.0), |(squares, cubes), value| {
        let d = (mean - value) / far;
        (squares + d * d, cubes + d * d * d)
    });
    let acceleration = if known { cubes / (6.0 * f64::powf(squares, 1.5)) } else { 0.0 };
    let z = normal_quantile(1.0 - tail, tail);
    // A level that no number of replicates tells from 1.
    if !z.is_finite() {
        return (0.0, 1.0);
    }
    let corrected = |z: f64| {
        let moved = bias + z;
        let room = 1.0 - acceleration * moved;
        // On the way there the end goes beyond all replicates: from then on it stays at the last of them.
        if room <= 0.0 {
            return if moved > 0.0 { 1.0 } else { 0.0 };
        }
        normal_tails(bias + moved / room).lower
    };
    (corrected(-z), corrected(z))
}

#[cfg(test)]
mod tests {
    use super::bca_shares;

    /// Powers of what is left out are in range whatever the unit, and the unit does not matter.
    #[test]
    fn corrections_are_the_same_in_any_unit() {
        let left_out = [3.1, 4.7, 2.2, 8.9, 5.5, 6.1, 4.4, 3.8, 7.0, 5.2];
        let replicates: Vec<f64> = (0..999).map(f64::from).collect();
        let shares = |unit: f64| bca_shares(480.0, &replicates, &left_out.map(|value| unit * value), 0.025);
        let (low, high) = shares(1.0);
        for unit in [1e-200, 1e-110, 1e110, 1e200] {
            let found = shares(unit);
            assert!((found.0 - low).abs() < 1e-12 && (found.1 - high).abs() < 1e-12, "{unit}: {found:?}");
        }
        // Values that are all the same, or beyond the range of numbers, correct nothing.
        let plain = bca_shares(480.0, &replicates, &[1.0; 10], 0.025);
        assert_eq!(bca_shares(480.0, &replicates, &[f64::MAX, f64::MIN, f64::MAX], 0.025), plain);
        assert!(plain.0 < plain.1 && plain != (low, high));
    }

    /// Where the correction runs out of room the ends stay in their order, and do not come back from the other side.
    #[test]
    fn corrections_without_room_stay_at_the_end() {
        // One value far below the others: an acceleration of about 1/6 times the root of their number, and replicates of
        // which nearly all are below the estimate.
        let left_out: Vec<f64> = (0..400).map(|place| if place == 0 { -400.0 } else { 0.0 }).collect();
        let replicates: Vec<f64> = (0..999).map(f64::from).collect();
        let (low, high) = bca_shares(998.5, &replicates, &left_out, 1e-4);
        assert!(low <= high && high == 1.0, "{low} {high}");
        let mirrored: Vec<f64> = left_out.iter().map(|value| -value).collect();
        let (low, high) = bca_shares(-0.5, &replicates, &mirrored, 1e-4);
        assert!(low == 0.0 && low <= high, "{low} {high}");
    }
}
