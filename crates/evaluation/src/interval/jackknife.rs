//! Intervals of statistics for which rows must not be drawn twice.

use perennial_core::{Error, Result, check_weights};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;

use super::{Dependence, IntervalOptions, check_groups, numbered, reach, two_sided_t};

/// More units than this are left out several at a time.
const MOST_UNITS: usize = 1000;

impl IntervalOptions<'_> {
    /// The interval of any statistic of rows by the jackknife, which leaves each row out once (Tukey, 1958): for statistics
    /// of pairs of rows, and for those that are too high where rows are few, such as the information of groupings. In a
    /// bootstrap a row would be compared with itself, and what is too high would be so twice.
    ///
    /// The statistic is given the rows to leave out; none of them for the estimate. Groups and blocks are left out whole (of
    /// unequal sizes: Busing, Meijer and van der Leeden, 1999); of more than 1,000 rows or groups a thousandth at a time,
    /// chosen by the seed; rows of weight 0 do not count. What few rows make too high or too low is taken out of the interval,
    /// not of the estimate, so the estimate can lie outside.
    ///
    /// ```
    /// use perennial_evaluation::IntervalOptions;
    ///
    /// // Of the mean it is Student's interval.
    /// let x = [3.1, 4.7, 2.2, 8.9, 5.5, 6.1, 4.4, 3.8, 7.0, 5.2];
    /// let mean = |left_out: &[usize]| {
    ///     let sum: f64 = (0..10).filter(|row| !left_out.contains(row)).map(|row| x[row]).sum();
    ///     sum / (10 - left_out.len()) as f64
    /// };
    /// let interval = IntervalOptions::new().of_left_out(10, mean)?;
    /// assert!((interval.estimate - 5.09).abs() < 1e-12 && (interval.high - 6.47977).abs() < 1e-5);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the level is not in (0, 1), the groups are not one for each row, a weight is not acceptable, there are fewer than
    /// two rows, groups or blocks that count, or the statistic is not finite on all rows or without some of them.
    pub fn of_left_out(&self, n_rows: usize, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Result<Interval> {
        self.of_any_left_out(n_rows, &statistic)
    }

    /// Compiled once, and not for each statistic.
    fn of_any_left_out(
        &self,
        n_rows: usize,
        statistic: &(dyn Fn(&[usize]) -> f64 + Sync),
    ) -> Result<Interval> {
        let units = self.units(n_rows)?;
        let n_units = units.len() as f64;
        let by = two_sided_t(n_units - 1.0, self.level)?;
        let Left { estimate, centre, spread } = left(&units, statistic)?;
        let half = by * (spread.iter().sum::<f64>() / n_units).sqrt();
        Ok(Interval { estimate, low: centre - half, high: centre + half, level: self.level })
    }

    /// As [`of_left_out`](IntervalOptions::of_left_out), of a statistic that hangs on few rows far from the others, as a logarithm of what is
    /// left of a deviance does: the interval reaches further the fewer rows its variance comes from, as [`reach`] says.
    ///
    /// # Errors
    /// As [`of_left_out`](IntervalOptions::of_left_out).
    pub(crate) fn of_left_out_with_tails(
        &self,
        n_rows: usize,
        statistic: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<Interval> {
        let units = self.units(n_rows)?;
        let Left { estimate, centre, spread } = left(&units, &statistic)?;
        // `reach` corrects for the mean itself.
        let n = units.len() as f64;
        let own = spread.iter().map(|square| square / n * ((n - 1.0) / n));
        let powers = own.fold([0.0; 2], |[squares, fourths], own| [squares + own, fourths + own * own]);
        let half = reach(powers, n, self.level)?;
        Ok(Interval { estimate, low: centre - half, high: centre + half, level: self.level })
    }

    /// The rows that are left out together; those of weight 0 are in none.
    fn units(&self, n_rows: usize) -> Result<Vec<Vec<usize>>> {
        let rows: Vec<usize> = match self.weights {
            None => (0..n_rows).collect(),
            Some(weights) => {
                check_weights(weights, n_rows)?;
                (0..n_rows).filter(|&row| weights[row] > 0.0).collect()
            }
        };
        let (unit_of_row, n_units) = match self.dependence {
            Dependence::None => ((0..rows.len()).collect(), rows.len()),
            Dependence::Groups(groups) => {
                check_groups(groups, n_rows)?;
                numbered(&rows.iter().map(|&row| groups[row]).collect::<Vec<u32>>())
            }
            Dependence::Blocks(0) => {
                return Err(Error::invalid_param("blocks", 0, "a number of rows of at least 1"));
            }
            Dependence::Blocks(length) => {
                // What is left over belongs with the last block.
                let last = (rows.len() / length).saturating_sub(1);
                numbered(&(0..rows.len()).map(|place| (place / length).min(last)).collect::<Vec<usize>>())
            }
        };
        if n_units < 2 {
            return Err(Error::insufficient_data(format!(
                "the {} rows are {n_units} independent of each other (rows, groups or blocks); an interval needs 2 at least",
                rows.len()
            )));
        }
        let few = n_units.min(MOST_UNITS);
        let place: Vec<usize> = match few < n_units {
            false => (0..n_units).collect(),
            true => {
                let mut place = vec![0; n_units];
                let order = Random::new(self.seed).stream("jackknife").permutation(n_units);
                order.into_iter().enumerate().for_each(|(at, unit)| place[unit] = at * few / n_units);
                place
            }
        };
        let mut units = vec![Vec::new(); few];
        rows.iter().zip(&unit_of_row).for_each(|(&row, &unit)| units[place[unit]].push(row));
        Ok(units)
    }
}

/// What a statistic is without each unit in turn.
struct Left {
    estimate: f64,
    /// The estimate without what few rows make it too high or too low by.
    centre: f64,
    /// Of each unit what it says the variance of the estimate is.
    spread: Vec<f64>,
}

fn left(units: &[Vec<usize>], statistic: &(dyn Fn(&[usize]) -> f64 + Sync)) -> Result<Left> {
    let estimate = statistic(&[]);
    if !estimate.is_finite() {
        return Err(Error::overflow(format!("the score is {estimate}; check the rows")));
    }
    let without = reduce::map_each(units.len(), |unit| statistic(&units[unit]));
    if let Some(unit) = without.iter().position(|score| !score.is_finite()) {
        return Err(Error::insufficient_data(format!(
            "without row {}{} the score is not defined, so nothing is known of how sure it is; give more rows",
            units[unit][0],
            if units[unit].len() > 1 { " and those that belong with it" } else { "" }
        )));
    }
    // How many units of its size the rows are.
    let n_counted = units.iter().map(Vec::len).sum::<usize>() as f64;
    let sizes: Vec<f64> = units.iter().map(|unit| n_counted / unit.len() as f64).collect();
    let pairs = || without.iter().zip(&sizes);
    // As differences from the estimate, so that a score that never changes has an interval of no width.
    let centre = estimate + pairs().map(|(score, size)| (1.0 - 1.0 / size) * (estimate - score)).sum::<f64>();
    let of_unit = |(score, size): (&f64, &f64)| {
        let pseudo = estimate + (size - 1.0) * (estimate - score);
        (pseudo - centre).powi(2) / (size - 1.0)
    };
    let spread = pairs().map(of_unit).collect();
    Ok(Left { estimate, centre, spread })
}
