use serde::{Deserialize, Serialize};

/// Values per chunk of [`Moments::of`]: small enough that a chunk's two passes stay in cache.
const CHUNK: usize = 4096;

/// Count, mean, central moments and range of a sample, which can be merged with those of another.
///
/// Merging follows Chan, Golub and LeVeque (1983) and Pébay (2008); it loses no digits to a large mean.
///
/// ```
/// use perennial_statistics::describe::Moments;
///
/// let mut all = Moments::of(&[1.0, 2.0]);
/// all.merge(&Moments::of(&[3.0, 4.0, 5.0]));
/// assert_eq!((all.mean(), all.variance()), (3.0, 2.5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
    min: f64,
    max: f64,
}

impl Moments {
    /// Of no values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a sample; NaN anywhere in it makes the moments NaN.
    pub fn of(x: &[f64]) -> Self {
        let mut all = Moments::new();
        for chunk in x.chunks(CHUNK) {
            all.merge(&Self::of_chunk(chunk));
        }
        all
    }

    /// Two passes, with the rounding error of the mean taken out of the second.
    fn of_chunk(x: &[f64]) -> Self {
        let n = x.len() as f64;
        let rough = x.iter().map(|v| v / n).sum::<f64>();
        let mean = rough + x.iter().map(|v| v - rough).sum::<f64>() / n;
        let (mut m1, mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0, 0.0);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for &value in x {
            let d = value - mean;
            m1 += d;
            m2 += d * d;
            m3 += d * d * d;
            m4 += d * d * (d * d);
            min = min.min(value);
            max = max.max(value);
        }
        Moments { n: x.len() as u64, mean, m2: (m2 - m1 * m1 / n).max(0.0), m3, m4, min, max }
    }

    /// Adds one value.
    pub fn push(&mut self, value: f64) {
        self.merge(&Moments { n: 1, mean: value, min: value, max: value, ..Moments::new() });
    }

    /// Adds all that `other` has seen.
    pub fn merge(&mut self, other: &Moments) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = *other;
            return;
        }
        let (na, nb) = (self.n as f64, other.n as f64);
        let n = na + nb;
        let delta = other.mean - self.mean;
        let (wa, wb) = (na / n, nb / n);
        let cross = delta * delta * na * wb;
        self.m4 += other.m4
            + cross * delta * delta * (wa * wa - wa * wb + wb * wb)
            + 6.0 * delta * delta * (wa * wa * other.m2 + wb * wb * self.m2)
            + 4.0 * delta * (wa * other.m3 - wb * self.m3);
        self.m3 += other.m3 + cross * delta * (wa - wb) + 3.0 * delta * (wa * other.m2 - wb * self.m2);
        self.m2 += other.m2 + cross;
        self.mean += delta * wb;
        self.n += other.n;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.n
    }

    /// The mean; NaN of nothing.
    pub fn mean(&self) -> f64 {
        self.of_some(self.mean)
    }

    /// The variance with divisor `n - 1`; NaN below two values.
    pub fn variance(&self) -> f64 {
        if self.n > 1 { self.m2 / (self.n - 1) as f64 } else { f64::NAN }
    }

    /// The variance with divisor `n`; NaN of nothing.
    pub fn population_variance(&self) -> f64 {
        self.of_some(self.m2 / self.n as f64)
    }

    /// The root of [`variance`](Moments::variance).
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The sum of squared distances to the mean.
    pub fn sum_of_squares(&self) -> f64 {
        self.m2
    }

    /// The third standardised moment, `g1`, not corrected for bias; NaN of a constant.
    pub fn skewness(&self) -> f64 {
        let n = self.n as f64;
        self.m3 / n / (self.m2 / n).powf(1.5)
    }

    /// The fourth standardised moment less 3, `g2`, not corrected for bias; NaN of a constant.
    pub fn excess_kurtosis(&self) -> f64 {
        self.m4 * self.n as f64 / (self.m2 * self.m2) - 3.0
    }

    /// The smallest value; NaN of nothing.
    pub fn min(&self) -> f64 {
        self.of_some(self.min)
    }

    /// The largest value; NaN of nothing.
    pub fn max(&self) -> f64 {
        self.of_some(self.max)
    }

    fn of_some(&self, value: f64) -> f64 {
        if self.n > 0 { value } else { f64::NAN }
    }
}
