//! Deviances beside that of the mean, gathered from parts of the rows.

use perennial_core::{Error, Result, Values};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::deviance::{MeanTweedieDeviance, share, two_rows};
use super::values::{checked, in_range};
use crate::interval::{check_end, two_sided_t, wider_logarithm};

/// Numbers of each row: the deviance from its answer, what the deviance from any mean is made of besides the truth, and the truth.
type Numbers = [f64; 3];

/// A deviance must be so many times what rounding makes of it, for the interval to be right to a hundredth.
const MOST_LOST: f64 = 1e3;

/// What a stream of rows leaves behind of [`D2Tweedie`](super::D2Tweedie): one pass gives the score and its interval, and parts are merged.
/// Their order changes a score by rounding alone.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::metric::{D2Tweedie, TweedieSums};
///
/// let (truth, answer) = (Values::from(vec![1.0, 4.0, 2.0, 9.0]), Values::from(vec![2.0, 3.0, 2.0, 6.0]));
/// let mut sums = TweedieSums::new(2.0)?;
/// sums.add(&Values::from(vec![1.0, 4.0]), &Values::from(vec![2.0, 3.0]), None)?;
/// sums.add(&Values::from(vec![2.0, 9.0]), &Values::from(vec![2.0, 6.0]), None)?;
/// assert!((sums.score()? - D2Tweedie::new(2.0).score(&truth, &answer)?).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TweedieSums {
    deviance: MeanTweedieDeviance,
    n_rows: u64,
    weight: f64,
    /// The weighted means of the numbers.
    means: Numbers,
    /// The weighted sum of the deviances from the mean of the truth.
    of_mean: f64,
    /// The smallest and the largest truth.
    range: [f64; 2],
    squares: Squares,
}

/// Of rows that count as much as the squares of their weights: the sum of these, the means of the numbers, and the sums of products of their
/// distances from them (Chan, Golub and LeVeque, 1983).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Squares {
    weight: f64,
    means: Numbers,
    products: [Numbers; 3],
}

impl Squares {
    fn merge(&mut self, other: &Squares) {
        let whole = self.weight + other.weight;
        if !(other.weight > 0.0) {
            return;
        }
        let part = other.weight / whole;
        let gaps: Numbers = std::array::from_fn(|at| other.means[at] - self.means[at]);
        for (a, products) in self.products.iter_mut().enumerate() {
            for (b, product) in products.iter_mut().enumerate() {
                *product += other.products[a][b] + self.weight * part * gaps[a] * gaps[b];
            }
        }
        self.means.iter_mut().zip(gaps).for_each(|(mean, gap)| *mean += part * gap);
        self.weight = whole;
    }

    /// The sum of products of these distances from other means, of the combination of the numbers by these factors.
    fn of(&self, factors: Numbers, means: Numbers) -> f64 {
        let along = |numbers: &Numbers| -> f64 { numbers.iter().zip(factors).map(|(x, f)| x * f).sum() };
        let products: f64 = self.products.iter().map(along).zip(factors).map(|(x, f)| x * f).sum();
        let gaps: Numbers = std::array::from_fn(|at| self.means[at] - means[at]);
        products + self.weight * along(&gaps).powi(2)
    }
}

impl TweedieSums {
    /// Of no rows yet, of the deviance of this power.
    ///
    /// # Errors
    /// When the power is neither 0 nor from 1 to 10.
    pub fn new(power: f64) -> Result<Self> {
        let deviance = MeanTweedieDeviance::new(power);
        deviance.check(&[], &[])?;
        let none = Squares::default();
        Ok(TweedieSums {
            deviance,
            n_rows: 0,
            weight: 0.0,
            means: [0.0; 3],
            of_mean: 0.0,
            range: [0.0; 2],
            squares: none,
        })
    }

    /// Adds rows; those without weight count for nothing.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a number is not finite or has no deviance of this power, or a weight is not acceptable.
    pub fn add(&mut self, truth: &Values, prediction: &Values, weights: Option<&[f64]>) -> Result<()> {
        let (truth, prediction) = checked(truth, prediction, weights)?;
        self.deviance.check(truth, prediction)?;
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let counted: Vec<usize> = (0..truth.len()).filter(|&row| weight(row) > 0.0).collect();
        let Some(&first) = counted.first() else { return Ok(()) };
        let numbers = |row: usize| -> Numbers {
            let y = truth[row];
            [self.deviance.of(y, prediction[row]), self.deviance.own_term(y), y]
        };
        let mut part = TweedieSums {
            n_rows: counted.len() as u64,
            range: [truth[first]; 2],
            ..Self::new(self.deviance.power())?
        };
        let mut sums = [[0.0; 3]; 2];
        for &row in &counted {
            let w = weight(row);
            part.weight += w;
            part.squares.weight += w * w;
            part.range = [part.range[0].min(truth[row]), part.range[1].max(truth[row])];
            for (at, number) in numbers(row).into_iter().enumerate() {
                sums[0][at] += w * number;
                sums[1][at] += w * w * number;
            }
        }
        part.means = sums[0].map(|sum| sum / part.weight);
        part.squares.means = sums[1].map(|sum| sum / part.squares.weight);
        for &row in &counted {
            let w = weight(row);
            part.of_mean += w * self.deviance.of(truth[row], part.means[2]);
            let numbers = numbers(row);
            let gaps: Numbers = std::array::from_fn(|at| w * (numbers[at] - part.squares.means[at]));
            for (products, own) in part.squares.products.iter_mut().zip(gaps) {
                products.iter_mut().zip(gaps).for_each(|(product, gap)| *product += own * gap);
            }
        }
        self.merge(&part)
    }

    /// Adds what was gathered from other rows.
    ///
    /// # Errors
    /// When it is of another power.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.deviance != other.deviance {
            return Err(Error::malformed(format!(
                "sums of deviances of power {} and of power {} cannot be added to each other; gather both parts by one of them",
                self.deviance.power(),
                other.deviance.power()
            )));
        }
        if other.n_rows == 0 {
            return Ok(());
        }
        if self.n_rows == 0 {
            *self = *other;
            return Ok(());
        }
        let whole = self.weight + other.weight;
        let share = other.weight / whole;
        let means: Numbers =
            std::array::from_fn(|at| self.means[at] + share * (other.means[at] - self.means[at]));
        // The deviances of a part from another mean are those from its own, and that of its mean (Banerjee and others, 2005).
        let moved = |part: &Self| match part.means[2] == means[2] {
            true => 0.0,
            false => part.weight * self.deviance.of(part.means[2], means[2]).max(0.0),
        };
        let of_mean = self.of_mean + other.of_mean + moved(&*self) + moved(other);
        self.squares.merge(&other.squares);
        self.range = [self.range[0].min(other.range[0]), self.range[1].max(other.range[1])];
        (self.n_rows, self.weight) = (self.n_rows + other.n_rows, whole);
        (self.means, self.of_mean) = (means, of_mean);
        Ok(())
    }

    /// The mean deviances from the answers and from the mean of the truth.
    fn parts(&self) -> Result<(f64, f64)> {
        if self.n_rows == 0 {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        two_rows(usize::try_from(self.n_rows).unwrap_or(usize::MAX), "d2_tweedie")?;
        let [least, most] = self.range;
        // Of equal truths the mean is perfect but for rounding.
        let of_mean = if least == most { 0.0 } else { in_range(self.of_mean / self.weight, "d2_tweedie")? };
        Ok((in_range(self.means[0], "d2_tweedie")?, of_mean))
    }

    /// The score of all rows together, as [`D2Tweedie`](super::D2Tweedie): 1 is perfect, 0 is as good as the mean of the truth.
    ///
    /// # Errors
    /// When fewer than two rows have weight, or the score is beyond the range of f64.
    pub fn score(&self) -> Result<f64> {
        let (own, of_mean) = self.parts()?;
        in_range(share(own, of_mean), "d2_tweedie")
    }

    /// How sure the score is, of independent rows: Student's interval of the logarithm of the share of the deviance that is left, whose variance
    /// is linearised (Cochran, 1977), widened for few rows (Bonett, 2006). What few rows make it too high or too low is taken out of the
    /// interval, not of the score. Fourth powers, which tell how well the variance is known, are not kept: of truths that are far apart it
    /// holds a little less often than that of [`D2Tweedie`](super::D2Tweedie).
    ///
    /// # Errors
    /// As [`score`](TweedieSums::score), when all truths are the same, or differ by less than about a millionth of their mean, the level is not
    /// in (0, 1), or squares of deviances, truths or weights, or an end, are beyond the range of f64.
    pub fn interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.score()?;
        let (own, of_mean) = self.parts()?;
        let n = self.n_rows as f64;
        let reach = two_sided_t(n - 1.0, level)? * wider_logarithm(n, level);
        if !(of_mean > 0.0) {
            return Err(Error::insufficient_data(
                "all truths are the same, so there is no deviance to explain and `d2_tweedie` has no interval; use a mean deviance",
            ));
        }
        let mean = self.means[2];
        let slope = self.deviance.slope(mean);
        // What the deviance from the mean is made of is rounded to digits of the truth, and cancels.
        let lost = f64::EPSILON * (self.deviance.own_term(mean).abs() + (slope * mean).abs());
        if lost.is_finite() && !(of_mean > MOST_LOST * lost) {
            return Err(Error::unsupported(format!(
                "the truths differ by so little beside their mean, {mean}, that these sums do not tell how sure `d2_tweedie` is; \
                 use `D2Tweedie::interval` of the rows themselves"
            )));
        }
        if own == 0.0 {
            return Ok(Interval { estimate, low: estimate, high: estimate, level });
        }
        let variance = |factors: Numbers| {
            self.squares.of(factors, self.means).max(0.0) / self.weight / self.weight * (n / (n - 1.0))
        };
        let left = variance([1.0 / own, -1.0 / of_mean, -slope / of_mean]);
        // The mean of the truth is the best answer for these rows, so its deviance is too low.
        let too_low = variance([0.0, 0.0, 1.0]) / mean.powf(self.deviance.power()) / of_mean;
        let bias = 0.5 * variance([0.0, 1.0 / of_mean, slope / of_mean])
            - 0.5 * variance([1.0 / own, 0.0, 0.0])
            + too_low;
        if !(left.is_finite() && bias.is_finite() && self.squares.weight.is_normal()) {
            return Err(Error::overflow(
                "the squares of deviances, truths or weights are beyond the range of f64; scale the target and the weights",
            ));
        }
        let (centre, half) = ((own / of_mean).ln() - bias, reach * left.sqrt());
        let low = 1.0 - (centre + half).exp();
        check_end(low, n, level)?;
        Ok(Interval { estimate, low, high: 1.0 - (centre - half).exp(), level })
    }
}
