use super::LN_SQRT_2PI;
use super::gamma::stirling_error;

/// The logarithm of the beta function, for `a, b > 0`, without cancellation between the gammas.
///
/// ```
/// let one_over_30 = perennial_statistics::special::ln_beta(2.0, 5.0).exp();
/// assert!((one_over_30 * 30.0 - 1.0).abs() < 1e-14);
/// ```
pub fn ln_beta(a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    let n = a + b;
    // a ln(a / n), where either a or b may be all of n.
    let share = |a: f64, b: f64| if a > b { a * (-b / n).ln_1p() } else { a * (a / n).ln() };
    stirling_error(a) + stirling_error(b) - stirling_error(n)
        + share(a, b)
        + share(b, a)
        + LN_SQRT_2PI
        + 0.5 * (n / a / b).ln()
}

/// The beta function, for `a, b > 0`.
pub fn beta(a: f64, b: f64) -> f64 {
    ln_beta(a, b).exp()
}
