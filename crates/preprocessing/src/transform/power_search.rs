//! The exponent that makes a column most normal.

use perennial_core::{Error, Result};
use perennial_numeric::special::exp;
use perennial_numeric::{reduce, simd};

/// The logarithms of a column: `log(1 + |x|)` with the sign of `x` for Yeo and Johnson, `log(x)` for Box and Cox.
pub(super) struct Logarithms {
    logs: Vec<f64>,
    /// Whether a sign tells which of two exponents a value has.
    signed: bool,
    /// The least and the largest of those that are raised to `lambda`, and to `2 - lambda`; 0 is among them.
    ends: [(f64, f64); 2],
    mean: f64,
}

impl Logarithms {
    pub(super) fn new(logs: Vec<f64>, signed: bool) -> Self {
        let mut ends = [(0.0_f64, 0.0_f64); 2];
        for &log in &logs {
            let (least, largest) = &mut ends[usize::from(signed && log < 0.0)];
            let log = if signed { log.abs() } else { log };
            (*least, *largest) = (least.min(log), largest.max(log));
        }
        let mean = reduce::mean(&logs);
        Logarithms { logs, signed, ends, mean }
    }

    /// Whether the column is constant or has no values.
    pub(super) fn are_equal(&self) -> bool {
        self.logs.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The largest logarithm of a power, at least 0.
    fn largest_power(&self, lambda: f64) -> f64 {
        let of = |exponent: f64, (least, largest): (f64, f64)| (exponent * least).max(exponent * largest);
        of(lambda, self.ends[0]).max(of(2.0 - lambda, self.ends[1]))
    }
}

/// `(e^(a l) - 1) / a`, and its limit `l` at 0.
#[inline(always)]
pub(super) fn power(a: f64, l: f64) -> f64 {
    let z = a * l;
    // The series, of which the first term left out is below 1e-16 of the sum. Both are computed, so that loops over
    // this have no branch.
    let series =
        l * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0 + z * (1.0 / 120.0 + z * (1.0 / 720.0))))));
    let grown = (exp(z) - 1.0) / a;
    if z.abs() < 1e-2 { series } else { grown }
}

/// The exponent with the greatest likelihood, where the transformed values are normal.
///
/// It is where the derivative of the profile log-likelihood vanishes: found between two exponents with opposite
/// signs by the method of Chandrupatla (1997).
///
/// # Errors
/// When the likelihood rises beyond `|lambda|` = 1e4.
pub(super) fn best_exponent(column: &str, values: &Logarithms) -> Result<f64> {
    let slope = |lambda: f64| slope(values, lambda);
    let (mut a, mut slope_a) = (1.0, slope(1.0));
    if slope_a == 0.0 || values.logs.len() < 2 {
        return Ok(a);
    }
    // The likelihood falls away on both sides of its peak: walk uphill until it does.
    let mut step = if slope_a > 0.0 { 1.0 } else { -1.0 };
    let (mut b, mut slope_b) = (a + step, slope(a + step));
    while slope_a * slope_b > 0.0 {
        step *= 2.0;
        (a, slope_a) = (b, slope_b);
        b += step;
        if b.abs() > 1e4 {
            return Err(Error::insufficient_data(format!(
                "no power makes column `{column}` look normal: the likelihood still rises at an exponent of {a}; its values are almost constant, or far from zero beside their spread. Standardise it first, or leave it out"
            )));
        }
        slope_b = slope(b);
    }
    Ok(root(slope, (a, slope_a), (b, slope_b)))
}

/// The derivative of the profile log-likelihood, over the number of values.
///
/// Powers are taken relative to the largest one, so none leaves the range.
fn slope(values: &Logarithms, lambda: f64) -> f64 {
    let largest = values.largest_power(lambda);
    let kernel = Sums { values, lambda, largest, unit: exp(-largest) };
    let [_, _, _, squares, products] = simd::widest(kernel);
    // Derivative of -n/2 log(variance) + (lambda - 1) * sum of signed logarithms.
    if squares > 0.0 { values.mean - products / squares } else { 0.0 }
}

/// Values per block; a block is summed around its own mean.
const BLOCK: usize = 512;

struct Sums<'a> {
    values: &'a Logarithms,
    lambda: f64,
    largest: f64,
    unit: f64,
}

impl simd::Kernel for Sums<'_> {
    /// Count, mean of the transformed value and of its derivative, centred squares, centred products.
    type Output = [f64; 5];

    #[inline(always)]
    fn run(self) -> [f64; 5] {
        let (mut t, mut d) = ([0.0; BLOCK], [0.0; BLOCK]);
        let mut all = [0.0; 5];
        let (low, high) = (self.lambda, if self.values.signed { 2.0 - self.lambda } else { self.lambda });
        let inverse = (1.0 / low, 1.0 / high);
        // Without signs a logarithm below 0 is one, and not a mark.
        let size = |log: f64| if self.values.signed { log.abs() } else { log };
        for block in self.values.logs.chunks(BLOCK) {
            for ((t, d), &log) in t.iter_mut().zip(&mut d).zip(block) {
                let negative = self.values.signed & (log < 0.0);
                let (a, inverse) = if negative { (high, inverse.1) } else { (low, inverse.0) };
                let l = size(log);
                let z = a * l;
                let grown = exp(z - self.largest);
                let small = z.abs() < 1e-2;
                let series = l * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0 + z * (1.0 / 120.0)))));
                let slopes =
                    l * l * (0.5 + z * (1.0 / 3.0 + z * (0.125 + z * (1.0 / 30.0 + z * (1.0 / 144.0)))));
                let power = if small { series * self.unit } else { (grown - self.unit) * inverse };
                let slope = if small { slopes * self.unit } else { (l * grown - power) * inverse };
                *t = if negative { -power } else { power };
                *d = slope;
            }
            merge(&mut all, centred(&t[..block.len()], &d[..block.len()]));
        }
        all
    }
}

/// Partial sums of a block, so that additions need not wait for each other.
const LANES: usize = 16;

#[inline(always)]
fn centred(t: &[f64], d: &[f64]) -> [f64; 5] {
    let n = t.len() as f64;
    let (mean_t, mean_d) = (lanes(t, d, |t, _| t) / n, lanes(t, d, |_, d| d) / n);
    let squares = lanes(t, d, |t, _| (t - mean_t) * (t - mean_t));
    let products = lanes(t, d, |t, d| (t - mean_t) * (d - mean_d));
    [n, mean_t, mean_d, squares, products]
}

/// The sum of `of(t, d)`.
#[inline(always)]
fn lanes(t: &[f64], d: &[f64], of: impl Fn(f64, f64) -> f64) -> f64 {
    let ((t, t_rest), (d, d_rest)) = (t.as_chunks::<LANES>(), d.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (t, d) in t.iter().zip(d) {
        for lane in 0..LANES {
            lanes[lane] += of(t[lane], d[lane]);
        }
    }
    for (lane, (&t, &d)) in lanes.iter_mut().zip(t_rest.iter().zip(d_rest)) {
        *lane += of(t, d);
    }
    lanes.iter().sum()
}

/// Adds up the moments of two sets of values (Chan, Golub and LeVeque, 1979).
#[inline(always)]
fn merge(all: &mut [f64; 5], part: [f64; 5]) {
    let n = all[0] + part[0];
    let (gap_t, gap_d) = (part[1] - all[1], part[2] - all[2]);
    let (share, both) = (part[0] / n, all[0] * part[0] / n);
    all[3] += part[3] + gap_t * gap_t * both;
    all[4] += part[4] + gap_t * gap_d * both;
    all[1] += gap_t * share;
    all[2] += gap_d * share;
    all[0] = n;
}

/// A root between two places where a function has opposite signs: inverse quadratic steps where the values allow
/// them, else halves (Chandrupatla, 1997).
fn root(f: impl Fn(f64) -> f64, (mut a, mut f_a): (f64, f64), (mut b, mut f_b): (f64, f64)) -> f64 {
    let (mut c, mut f_c);
    let mut t = 0.5;
    for _ in 0..100 {
        let x = a + t * (b - a);
        let f_x = f(x);
        if f_x == 0.0 {
            return x;
        }
        if f_x.signum() == f_a.signum() {
            (c, f_c) = (a, f_a);
        } else {
            (c, f_c, b, f_b) = (b, f_b, a, f_a);
        }
        (a, f_a) = (x, f_x);
        let best = if f_a.abs() < f_b.abs() { a } else { b };
        let tolerance = 4.0 * f64::EPSILON * best.abs() + 1e-11;
        let limit = tolerance / (b - a).abs();
        if limit > 0.5 {
            return best;
        }
        let (xi, phi) = ((a - b) / (c - b), (f_a - f_b) / (f_c - f_b));
        t = if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
            f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        } else {
            0.5
        };
        t = t.clamp(limit, 1.0 - limit);
    }
    a
}
