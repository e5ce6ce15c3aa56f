//! The errors of numbers, gathered from parts of the rows.

use perennial_core::{Error, Result, Values};
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::values::{checked, in_range};
use crate::interval::{check_end, two_sided_t, wider_logarithm};

/// What a stream of rows leaves behind: one pass gives all the scores below, and parts are merged.
///
/// ```
/// use perennial_core::Values;
/// use perennial_evaluation::metric::ErrorSums;
///
/// let mut sums = ErrorSums::new();
/// sums.add(&Values::from(vec![1.0, 2.0]), &Values::from(vec![1.5, 2.0]), None)?;
/// sums.add(&Values::from(vec![4.0, 8.0]), &Values::from(vec![3.0, 6.5]), None)?;
/// assert_eq!((sums.mean_absolute_error()?, sums.max_error()?), (0.75, 1.5));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSums {
    n_rows: u64,
    weight: f64,
    absolute: f64,
    squared: f64,
    relative: f64,
    largest: f64,
    truth: Moments,
    error: Moments,
    products: Products,
}

/// The mean of numbers and the sum of their squared distances from it (Chan, Golub and LeVeque, 1983).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Moments {
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Both parts together, of these weights.
    fn merge(self, own: f64, other: Moments, weight: f64) -> Moments {
        let whole = own + weight;
        if whole == 0.0 {
            return self;
        }
        let gap = other.mean - self.mean;
        let share = weight / whole;
        Moments {
            mean: self.mean + gap * share,
            squares: self.squares + other.squares + gap * gap * own * share,
        }
    }
}

/// What tells how sure squared errors and the truth's squared distances from its mean are: of the rows with weight `w` their number, the sum
/// of `w`, and those of `w^2 e^4`, of `w^2 e^3`, of `w^2 e^2 d^k`, of `w^2 e d^k` and of `w^2 d^k`, where `d` is the truth less a centre and `e`
/// the error less another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Products {
    n_rows: u64,
    weight: f64,
    centre: f64,
    /// The centre of the errors: 0 of what older versions wrote.
    off: f64,
    errors: f64,
    /// How many rows the odd powers of errors are known of: none of what older versions wrote.
    n_odd: u64,
    cubes: f64,
    mixed: [f64; 3],
    linear: [f64; 3],
    truth: [f64; 5],
}

impl Products {
    fn add(&mut self, weight: f64, truth: f64, error: f64) {
        let (w, error, d) = (weight * weight, error - self.off, truth - self.centre);
        let e = error * error;
        self.n_rows += 1;
        self.n_odd += 1;
        self.weight += weight;
        self.errors += w * e * e;
        self.cubes += w * e * error;
        let mut power = w;
        for k in 0..5 {
            self.truth[k] += power;
            if k < 3 {
                self.mixed[k] += power * e;
                self.linear[k] += power * error;
            }
            power *= d;
        }
    }

    /// The same sums about another centre.
    fn about(&self, centre: f64) -> Self {
        let by = self.centre - centre;
        let moved = |[p, q, r]: [f64; 3]| [p, q + by * p, r + by * (2.0 * q + by * p)];
        Products {
            centre,
            mixed: moved(self.mixed),
            linear: moved(self.linear),
            truth: fourth_powers(self.truth, by),
            ..*self
        }
    }

    /// The same sums about another centre of the errors.
    fn off_by(&self, off: f64) -> Self {
        let by = self.off - off;
        // Odd powers that are not known are not needed where nothing moves.
        if by == 0.0 {
            return *self;
        }
        let (linear, truth) = (self.linear, self.truth);
        let [_, _, _, cubes, errors] =
            fourth_powers([truth[0], linear[0], self.mixed[0], self.cubes, self.errors], by);
        Products {
            off,
            errors,
            cubes,
            mixed: std::array::from_fn(|k| self.mixed[k] + by * (2.0 * linear[k] + by * truth[k])),
            linear: std::array::from_fn(|k| linear[k] + by * truth[k]),
            ..*self
        }
    }

    /// Whether odd powers of the errors are known of all rows.
    fn is_odd_known(&self) -> bool {
        self.n_odd == self.n_rows
    }

    fn merge(&self, other: &Products, centre: f64, off: f64) -> Self {
        // What older versions wrote is about 0, and cannot be moved.
        let off = if self.is_odd_known() && other.is_odd_known() { off } else { 0.0 };
        let moved = |part: &Products| part.about(centre).off_by(off);
        let (mut own, theirs) = (moved(self), moved(other));
        own.n_rows += theirs.n_rows;
        own.weight += theirs.weight;
        own.n_odd += theirs.n_odd;
        own.errors += theirs.errors;
        own.cubes += theirs.cubes;
        own.linear.iter_mut().zip(theirs.linear).for_each(|(own, theirs)| *own += theirs);
        own.mixed.iter_mut().zip(theirs.mixed).for_each(|(own, theirs)| *own += theirs);
        own.truth.iter_mut().zip(theirs.truth).for_each(|(own, theirs)| *own += theirs);
        own
    }
}

/// Sums of powers from 0 to 4 of numbers, from those of numbers that are less by so much.
fn fourth_powers([a, b, c, d, e]: [f64; 5], by: f64) -> [f64; 5] {
    [
        a,
        b + by * a,
        c + by * (2.0 * b + by * a),
        d + by * (3.0 * c + by * (3.0 * b + by * a)),
        e + by * (4.0 * d + by * (6.0 * c + by * (4.0 * b + by * a))),
    ]
}

fn older() -> Error {
    Error::unsupported(
        "these sums were begun by an older version, which did not keep what intervals need; add the rows anew",
    )
}

impl ErrorSums {
    /// Of no rows yet.
    pub fn new() -> Self {
        ErrorSums::default()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a number is not finite, or a weight is not acceptable.
    pub fn add(&mut self, truth: &Values, prediction: &Values, weights: Option<&[f64]>) -> Result<()> {
        let (truth, prediction) = checked(truth, prediction, weights)?;
        let part = |rows: std::ops::Range<usize>| {
            let mut sums = ErrorSums { n_rows: rows.len() as u64, ..ErrorSums::new() };
            let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
            let counted = || rows.clone().filter(|&row| weight(row) > 0.0);
            for row in counted() {
                let (w, error) = (weight(row), truth[row] - prediction[row]);
                sums.weight += w;
                sums.absolute += w * error.abs();
                sums.squared += w * error * error;
                sums.relative += w * error.abs() / truth[row].abs().max(f64::EPSILON);
                sums.largest = sums.largest.max(error.abs());
                sums.truth.mean += w * truth[row];
                sums.error.mean += w * error;
            }
            if sums.weight > 0.0 {
                sums.truth.mean /= sums.weight;
                sums.error.mean /= sums.weight;
            }
            (sums.products.centre, sums.products.off) = (sums.truth.mean, sums.error.mean);
            for row in counted() {
                let error = truth[row] - prediction[row];
                sums.products.add(weight(row), truth[row], error);
                sums.truth.squares += weight(row) * (truth[row] - sums.truth.mean).powi(2);
                sums.error.squares += weight(row) * (error - sums.error.mean).powi(2);
            }
            sums
        };
        let join = |mut left: ErrorSums, right: ErrorSums| {
            left.merge(&right);
            left
        };
        if let Some(sums) = reduce::map_reduce(truth.len(), 1 << 14, part, join) {
            self.merge(&sums);
        }
        Ok(())
    }

    /// Adds what was gathered from other rows.
    pub fn merge(&mut self, other: &ErrorSums) {
        self.truth = self.truth.merge(self.weight, other.truth, other.weight);
        self.error = self.error.merge(self.weight, other.error, other.weight);
        self.products = self.products.merge(&other.products, self.truth.mean, self.error.mean);
        self.n_rows += other.n_rows;
        self.weight += other.weight;
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.relative += other.relative;
        self.largest = self.largest.max(other.largest);
    }

    /// The number of rows.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    fn mean_of(&self, sum: f64, name: &str) -> Result<f64> {
        if self.weight == 0.0 {
            return Err(Error::empty("there are no rows with weight to score"));
        }
        in_range(sum / self.weight, name)
    }

    /// The mean of the errors, truth less prediction: how much the answers are too low.
    ///
    /// # Errors
    /// When there are no rows with weight, or the score is beyond the range of f64; so for all scores.
    pub fn mean_error(&self) -> Result<f64> {
        self.mean_of(self.error.mean * self.weight, "mean_error")
    }

    /// As [`MeanAbsoluteError`](super::MeanAbsoluteError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_absolute_error(&self) -> Result<f64> {
        self.mean_of(self.absolute, "mean_absolute_error")
    }

    /// As [`MeanSquaredError`](super::MeanSquaredError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_squared_error(&self) -> Result<f64> {
        self.mean_of(self.squared, "mean_squared_error")
    }

    /// As [`RootMeanSquaredError`](super::RootMeanSquaredError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn root_mean_squared_error(&self) -> Result<f64> {
        Ok(self.mean_squared_error()?.sqrt())
    }

    /// How sure the root of the mean squared error is, of independent rows: Student's interval of its logarithm, whose variance is
    /// linearised (Cochran, 1977), widened for few rows (Bonett, 2006).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error), when fewer than two rows have weight, the level is not in (0, 1), fourth powers of errors or
    /// squares of weights are beyond the range of f64, an end of the interval is, or the sums were begun by a version that did not keep what
    /// it needs.
    pub fn root_mean_squared_error_interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.root_mean_squared_error()?;
        self.check_products()?;
        let Products { n_rows, errors, mixed, truth, .. } = self.products.off_by(0.0);
        let (u, w) = (self.squared, self.weight);
        let squares = errors / u / u - 2.0 * (mixed[0] / u / w) + truth[0] / w / w;
        let least = errors.min(truth[0]);
        let half = 0.5 * self.logarithm_half(squares, least, n_rows, level, "root_mean_squared_error")?;
        let high = estimate * half.exp();
        check_end(high, n_rows as f64, level)?;
        Ok(Interval { estimate, low: estimate * (-half).exp(), high, level })
    }

    /// How sure the share of the variance that is explained is, of independent rows: Student's interval of the logarithm of the share that is
    /// not, whose variance is linearised (Cochran, 1977), widened for few rows (Bonett, 2006).
    ///
    /// ```
    /// use perennial_core::Values;
    /// use perennial_evaluation::metric::ErrorSums;
    ///
    /// let mut sums = ErrorSums::new();
    /// for part in 0..4 {
    ///     let truth: Values = (0..50).map(|row| f64::from(50 * part + row) / 20.0).collect();
    ///     let answer: Values = truth.as_slice().iter().map(|t| t + (7.0 * t).sin()).collect();
    ///     sums.add(&truth, &answer, None)?;
    /// }
    /// let found = sums.r2_interval(0.95)?;
    /// assert!(found.low < found.estimate && found.estimate < found.high && found.width() < 0.05);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`r2`](Self::r2) and [`root_mean_squared_error_interval`](Self::root_mean_squared_error_interval), or when all truths are the same.
    pub fn r2_interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.r2()?;
        self.check_products()?;
        let Products { n_rows, errors, mixed, truth, .. } = self.products.about(self.truth.mean).off_by(0.0);
        let (u, t) = (self.squared, self.truth.squares);
        if t == 0.0 {
            return Err(Error::insufficient_data(
                "all truths are the same, so there is no variance to explain and `r2` has no interval; use an absolute error",
            ));
        }
        let squares = errors / u / u - 2.0 * (mixed[2] / u / t) + truth[4] / t / t;
        let half = self.logarithm_half(squares, errors.min(truth[4]), n_rows, level, "r2")?;
        let left = 1.0 - estimate;
        let low = 1.0 - left * half.exp();
        check_end(low, n_rows as f64, level)?;
        Ok(Interval { estimate, low, high: 1.0 - left * (-half).exp(), level })
    }

    /// How sure the share of the variance that is explained is when a constant error does not count, as
    /// [`r2_interval`](Self::r2_interval).
    ///
    /// # Errors
    /// As [`explained_variance`](Self::explained_variance) and [`r2_interval`](Self::r2_interval).
    pub fn explained_variance_interval(&self, level: f64) -> Result<Interval> {
        let estimate = self.explained_variance()?;
        self.check_products()?;
        if !self.products.is_odd_known() {
            return Err(older());
        }
        let Products { n_rows, errors, mixed, truth, .. } =
            self.products.about(self.truth.mean).off_by(self.error.mean);
        let (u, t) = (self.error.squares, self.truth.squares);
        if t == 0.0 {
            return Err(Error::insufficient_data(
                "all truths are the same, so there is no variance to explain and `explained_variance` has no interval; use an absolute error",
            ));
        }
        if u == 0.0 {
            return two_sided_t(1.0, level).map(|_| Interval {
                estimate,
                low: estimate,
                high: estimate,
                level,
            });
        }
        let squares = errors / u / u - 2.0 * (mixed[2] / u / t) + truth[4] / t / t;
        let half = self.logarithm_half(squares, errors.min(truth[4]), n_rows, level, "explained_variance")?;
        let left = 1.0 - estimate;
        let low = 1.0 - left * half.exp();
        check_end(low, n_rows as f64, level)?;
        Ok(Interval { estimate, low, high: 1.0 - left * (-half).exp(), level })
    }

    /// Refuses sums that were read from what a version without products wrote, and to which rows may have been added since.
    fn check_products(&self) -> Result<()> {
        if (self.products.weight - self.weight).abs() > 1e-9 * self.weight {
            return Err(older());
        }
        Ok(())
    }

    /// How far Student's interval of a logarithm reaches to each side, widened for few rows, from the sum of squares of what each row adds
    /// to it; 0 where nothing is wrong. It is refused where the least of the sums of products that it is made of left the range of f64.
    fn logarithm_half(&self, squares: f64, least: f64, n_rows: u64, level: f64, name: &str) -> Result<f64> {
        if n_rows < 2 {
            return Err(Error::insufficient_data("an interval needs at least 2 rows with weight"));
        }
        let n = n_rows as f64;
        let reach = two_sided_t(n - 1.0, level)?;
        if self.largest == 0.0 {
            return Ok(0.0);
        }
        if !(squares.is_finite() && least.is_normal()) {
            return Err(Error::overflow(format!(
                "the fourth powers of errors, or the squares of weights, that tell how sure `{name}` is are beyond the range of f64; scale the target and the weights"
            )));
        }
        Ok(reach * (squares.max(0.0) * (n / (n - 1.0))).sqrt() * wider_logarithm(n, level))
    }

    /// As [`MeanAbsolutePercentageError`](super::MeanAbsolutePercentageError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn mean_absolute_percentage_error(&self) -> Result<f64> {
        self.mean_of(self.relative, "mean_absolute_percentage_error")
    }

    /// As [`MaxError`](super::MaxError).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error).
    pub fn max_error(&self) -> Result<f64> {
        self.mean_of(self.largest * self.weight, "max_error").map(|_| self.largest)
    }

    /// As [`R2`](super::R2).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error), or when there is a single row.
    pub fn r2(&self) -> Result<f64> {
        self.share(self.squared, "r2")
    }

    /// As [`ExplainedVariance`](super::ExplainedVariance).
    ///
    /// # Errors
    /// As [`mean_error`](Self::mean_error), or when there is a single row.
    pub fn explained_variance(&self) -> Result<f64> {
        self.share(self.error.squares, "explained_variance")
    }

    fn share(&self, unexplained: f64, name: &str) -> Result<f64> {
        self.mean_of(unexplained, name)?;
        if self.n_rows < 2 {
            return Err(Error::insufficient_data(format!(
                "`{name}` compares with the variance of the truth and needs at least 2 rows; use an absolute error for 1 row"
            )));
        }
        Ok(match (unexplained == 0.0, self.truth.squares == 0.0) {
            (true, true) => 1.0,
            (false, true) => 0.0,
            _ => 1.0 - unexplained / self.truth.squares,
        })
    }
}
