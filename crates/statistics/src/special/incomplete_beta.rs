use super::gamma::{deviance, stirling_error};
use super::{LN_SQRT_2PI, Tails, ln_beta, ln_share, mills_ratio, normal_quantile};

/// From here on for both shapes, the uniform expansion is exact to the last digits.
const UNIFORM: f64 = 1e8;

/// `x^a y^b / B(a, b)` with `y = 1 - x`, and its logarithm (Loader, 2000).
pub(crate) fn beta_prefix(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let n = a + b;
    let exponent =
        stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    let scale = a / n * b;
    (scale.sqrt() * (exponent - LN_SQRT_2PI).exp(), exponent + 0.5 * scale.ln() - LN_SQRT_2PI)
}

/// The regularised incomplete beta function I_x(a, b) as `lower` and its complement as `upper`.
///
/// `y = 1 - x` is given too, since one of the two may have lost its digits. `a, b > 0`.
/// The continued fraction of Didonato and Morris (1992); for shapes above 1e8 Temme's
/// expansion (1982).
///
/// ```
/// let tails = perennial_statistics::special::beta_tails(2.0, 3.0, 0.4, 0.6);
/// assert!((tails.lower - 0.5248).abs() < 1e-15);
/// ```
pub fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> Tails {
    if x.is_nan() || y.is_nan() || !(a > 0.0 && b > 0.0) {
        return Tails::NAN;
    }
    if x <= 0.0 {
        return Tails::NONE;
    }
    if y <= 0.0 {
        return Tails::NONE.mirrored();
    }
    // The side that the mean is not on is the smaller one. Only for a tiny shape does the fraction
    // converge so slowly close to the end of the range that the other side has to serve.
    let slow = |a: f64, b: f64, x: f64| a < 0.1 && x < 1e-4 && x * (a + b + 2.0) <= a + 1.0;
    let direct = if excess(a, b, x, y) >= 0.0 { !slow(b, a, y) } else { slow(a, b, x) };
    if direct { lower_tail(a, b, x, y) } else { lower_tail(b, a, y, x).mirrored() }
}

/// `a - (a + b) x`, from whichever of `x` and `y` cancels less.
fn excess(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if a > b { (a + b) * y - b } else { a - (a + b) * x }
}

fn lower_tail(a: f64, b: f64, x: f64, y: f64) -> Tails {
    let lambda = excess(a, b, x, y);
    if a.min(b) > UNIFORM {
        return uniform(a, b, x, y, lambda);
    }
    let (prefix, ln_prefix) = beta_prefix(a, b, x, y);
    let fraction = lower_fraction(a, b, x, y, lambda);
    Tails::from_lower(prefix * fraction, ln_prefix + fraction.ln())
}

/// The continued fraction of Didonato and Morris for `I_x(a, b)` over the prefix (their BFRAC).
fn lower_fraction(a: f64, b: f64, x: f64, y: f64, lambda: f64) -> f64 {
    let c = 1.0 + lambda;
    let c0 = b / a;
    let c1 = 1.0 + 1.0 / a;
    let (mut p, mut s) = (1.0, a + 1.0);
    let (mut a0, mut a1, mut b0, mut b1) = (0.0, 1.0, 1.0, c / c1);
    let mut ratio = c1 / c;
    let mut n = 0.0;
    while n < 1e6 {
        n += 1.0;
        let t = n / a;
        let w = n * (b - n) * x;
        let e = a / s;
        let alpha = p * (p + c0) * e * e * (w * x);
        let e = (t + 1.0) / (c1 + t + t);
        let beta = n + w / s + e * (c + n * (y + 1.0));
        p = t + 1.0;
        s += 2.0;
        (a0, a1) = (a1, alpha * a0 + beta * a1);
        (b0, b1) = (b1, alpha * b0 + beta * b1);
        let last = ratio;
        ratio = a1 / b1;
        if f64::abs(ratio - last) <= 1e-16 * ratio {
            break;
        }
        a0 /= b1;
        b0 /= b1;
        (a1, b1) = (ratio, 1.0);
    }
    ratio
}

/// Temme's leading terms, below the mean.
fn uniform(a: f64, b: f64, x: f64, y: f64, lambda: f64) -> Tails {
    let n = a + b;
    let z = (2.0 * (deviance(a, n * x) + deviance(b, n * y))).sqrt();
    let spread = (a / n * (b / n)).sqrt();
    let (eta, s) = (z / n.sqrt(), lambda / n / spread);
    let correction = if s < 1e-6 { (b - a) / n / spread / 3.0 } else { 1.0 / s - 1.0 / eta };
    let factor = mills_ratio(z) + correction / n.sqrt();
    let ln = -0.5 * z * z - LN_SQRT_2PI + factor.ln();
    Tails::from_lower(ln.exp(), ln)
}

/// The point `x` with I_x(a, b) = `p` and complement `q = 1 - p`, for `a, b > 0`.
pub fn beta_quantile(a: f64, b: f64, p: f64, q: f64) -> f64 {
    ln_beta_quantile(a, b, p, q).0.exp()
}

/// The logarithms of the quantile `x` and of `1 - x`: neither loses its digits at either end.
pub(crate) fn ln_beta_quantile(a: f64, b: f64, p: f64, q: f64) -> (f64, f64) {
    if !(p >= 0.0 && q >= 0.0 && a > 0.0 && b > 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if p == 0.0 {
        return (f64::NEG_INFINITY, 0.0);
    }
    if q == 0.0 {
        return (0.0, f64::NEG_INFINITY);
    }
    let n = a + b;
    let complement = |ln_x: f64| (-ln_x.exp_m1()).ln();
    if p <= beta_tails(a, b, a / n, b / n).lower {
        let ln_x = solve_below_mean(a, b, ln_share(p, q), normal_quantile(p, q));
        (ln_x, complement(ln_x))
    } else {
        let ln_y = solve_below_mean(b, a, ln_share(q, p), normal_quantile(q, p));
        (complement(ln_y), ln_y)
    }
}

/// Newton's method for `ln I_x(a, b) = ln_p` in `ln x`, where that function is nearly a line.
fn solve_below_mean(a: f64, b: f64, ln_p: f64, z: f64) -> f64 {
    let n = a + b;
    // I_x(a, b) = x^a / (a B(a, b)) near the origin.
    let origin = (ln_p + a.ln() + ln_beta(a, b)) / a;
    if origin < -700.0 {
        return origin;
    }
    let (mut low, mut high) = (f64::NEG_INFINITY, (a / n).ln());
    let normal = a / n + z * (a / n * (b / n) / (n + 1.0)).sqrt();
    let mut t = if a > 1.0 && normal > origin.exp() { normal.ln() } else { origin }.min(high);
    for _ in 0..200 {
        let (x, y) = (t.exp(), -t.exp_m1());
        let ln_lower = beta_tails(a, b, x, y).ln_lower;
        let gap = ln_lower - ln_p;
        if gap > 0.0 {
            high = t;
        } else {
            low = t;
        }
        let slope = (beta_prefix(a, b, x, y).1 - y.ln() - ln_lower).exp();
        let mut next = t - gap / slope;
        if !(next > low && next < high) {
            next = if gap == 0.0 || !low.is_finite() { next.min(high) } else { 0.5 * (low + high) };
        }
        let step = next - t;
        t = next;
        if !(step.abs() > 1e-15 * t.abs().max(1e-3)) {
            break;
        }
    }
    t
}
