use super::LN_SQRT_2PI;

/// The gamma function.
///
/// ```
/// assert_eq!(perennial_statistics::special::gamma(5.0), 24.0);
/// ```
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// The logarithm of `|gamma(x)|`, to full relative precision next to its zeros at 1 and 2 too.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `ln gamma(1 + x)`, also for `x` so small that `1 + x` loses its digits.
pub fn ln_gamma_1p(x: f64) -> f64 {
    let y = 1.0 + x;
    if x.abs() > 0.5 {
        return ln_gamma(y);
    }
    // What the sum lost is added back to first order; it is below 2^-53.
    ln_gamma(y) + digamma(y) * (x - (y - 1.0))
}

/// The derivative of [`ln_gamma`], to full precision around its root at 1.4616... too.
///
/// Poles (zero and the negative whole numbers) give NaN. Bernardo (1976); the rational
/// approximation on `[1, 2]` is that of Boost.Math.
///
/// ```
/// let euler = 0.577_215_664_901_532_9;
/// assert!((perennial_statistics::special::digamma(1.0) + euler).abs() < 1e-15);
/// ```
pub fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        let fraction = x - x.floor();
        return digamma(1.0 - x) - std::f64::consts::PI / (std::f64::consts::PI * fraction).tan();
    }
    if x >= 10.0 {
        let square = 1.0 / (x * x);
        const SERIES: [f64; 8] = [
            1.0 / 12.0,
            -1.0 / 120.0,
            1.0 / 252.0,
            -1.0 / 240.0,
            1.0 / 132.0,
            -691.0 / 32760.0,
            1.0 / 12.0,
            -3617.0 / 8160.0,
        ];
        return x.ln() - 0.5 / x - square * horner(&SERIES, square);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x > 2.0 {
        x -= 1.0;
        shift += 1.0 / x;
    }
    if x < 1.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    const NUMERATOR: [f64; 6] = [
        0.254_798_510_611_315_53,
        -0.314_628_554_532_916_5,
        -0.665_836_341_559_876_3,
        -0.314_767_657_147_375_76,
        -0.054_115_626_615_350_53,
        -0.002_892_683_683_339_188,
    ];
    const DENOMINATOR: [f64; 8] = [
        1.0,
        2.119_575_992_705_535,
        1.543_505_546_649_611_3,
        0.486_986_018_231_043,
        0.066_048_148_717_356_98,
        0.002_989_996_625_923_24,
        -1.650797940126049e-06,
        3.179402431059522e-08,
    ];
    // The root in three parts, so that the distance to it is exact.
    let distance = x
        - 1_569_415_565.0 / 1_073_741_824.0
        - 381_566_830.0 / 1_073_741_824.0 / 1_073_741_824.0
        - 9.016312093258695e-20;
    let rational = horner(&NUMERATOR, x - 1.0) / horner(&DENOMINATOR, x - 1.0);
    distance * 0.995_581_626_892_089_8 + distance * rational + shift
}

/// A polynomial, lowest power first.
fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// What Stirling's formula misses: `ln gamma(x + 1) - (x + 1/2) ln x + x - ln sqrt(2 pi)`, for `x > 0`.
pub(super) fn stirling_error(x: f64) -> f64 {
    if x < 1.0 {
        return ln_gamma_1p(x) - (x + 0.5) * x.ln() + x - LN_SQRT_2PI;
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += (x + 0.5) * (1.0 / x).ln_1p() - 1.0;
        x += 1.0;
    }
    const SERIES: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3617.0 / 122_400.0,
    ];
    shift + horner(&SERIES, 1.0 / (x * x)) / x
}

/// The deviance `x ln(x / m) + m - x`, without cancellation where `x` is close to `m` (Loader, 2000).
pub(super) fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut term = 2.0 * x * v;
    for odd in (3..2000).step_by(2) {
        term *= v * v;
        let next = sum + term / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}
