use std::f64::consts::FRAC_1_SQRT_2;

use super::{LN_SQRT_2PI, Tails};

/// The error function.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// The complement of the error function, with full relative precision in its tail.
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// Mills' ratio of the standard normal, `P(Z > x) / density(x)`, for `x >= 0`.
pub fn mills_ratio(x: f64) -> f64 {
    if x < 5.0 {
        return 0.5 * erfc(x * FRAC_1_SQRT_2) * (0.5 * x * x + LN_SQRT_2PI).exp();
    }
    // Laplace's continued fraction; from 5 on, 30 levels are more than f64 can see.
    let tail = (1..=30).rev().fold(x, |below, level| x + f64::from(level) / below);
    1.0 / tail
}

/// Both tails of the standard normal.
///
/// ```
/// let far = perennial_statistics::special::normal_tails(-40.0);
/// assert_eq!(far.lower, 0.0); // 3.66e-350 is not an f64
/// assert!((far.ln_lower + 804.608_442_013_753_8).abs() < 1e-12);
/// ```
pub fn normal_tails(x: f64) -> Tails {
    if x.is_nan() {
        return Tails::NAN;
    }
    let distance = x.abs();
    let tails = if distance < 5.0 {
        let tail = 0.5 * erfc(distance * FRAC_1_SQRT_2);
        Tails::from_lower(tail, tail.ln())
    } else if distance.is_infinite() {
        Tails::NONE
    } else {
        let ratio = mills_ratio(distance);
        // The square is split, so that its rounding does not reach the exponential.
        let coarse = (distance * 16.0).trunc() / 16.0;
        let fine = (distance - coarse) * (distance + coarse);
        // exp(a) exp(b) underflows only where the product does.
        let half = (-0.25 * coarse * coarse).exp();
        let scale = (-0.5 * fine - LN_SQRT_2PI).exp() * ratio;
        let ln_ratio = ratio.ln() - LN_SQRT_2PI;
        Tails::from_lower(half * scale * half, -0.5 * distance * distance + ln_ratio)
    };
    if x < 0.0 { tails } else { tails.mirrored() }
}

/// The point with `P(Z <= x) = p` of the standard normal, where `q = 1 - p`.
///
/// Giving both shares keeps the digits of whichever is small. Newton's method on the logarithm
/// of the tail, from formula 26.2.23 of Abramowitz and Stegun.
pub fn normal_quantile(p: f64, q: f64) -> f64 {
    if !(p >= 0.0 && q >= 0.0) {
        return f64::NAN;
    }
    let (tail, sign) = if p < q { (p, -1.0) } else { (q, 1.0) };
    if tail == 0.0 {
        return sign * f64::INFINITY;
    }
    let t = (-2.0 * tail.ln()).sqrt();
    let mut z = t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let central = 0.5 - tail;
    for _ in 0..4 {
        if central < 0.1 {
            let density = (-0.5 * z * z - LN_SQRT_2PI).exp();
            z -= (0.5 * erf(z * FRAC_1_SQRT_2) - central) / density;
        } else {
            z += (normal_tails(z).ln_upper - tail.ln()) * mills_ratio(z.max(0.0));
        }
    }
    sign * z
}
