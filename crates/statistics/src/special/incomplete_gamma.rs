use super::gamma::{deviance, stirling_error};
use super::{LN_SQRT_2PI, Tails, gamma, ln_gamma, ln_gamma_1p, ln_share, mills_ratio, normal_quantile};

/// From this shape on Temme's expansion is exact to the last digits, and the sums below grow long.
const UNIFORM: f64 = 1e8;

/// `x^a e^-x / gamma(a + 1)`, the Poisson mass, and its logarithm (Loader, 2000).
pub(crate) fn poisson_mass(a: f64, x: f64) -> (f64, f64) {
    if a == 0.0 {
        return ((-x).exp(), -x);
    }
    if a < 10.0 {
        let ln = a * x.ln() - x - if a < 0.5 { ln_gamma_1p(a) } else { ln_gamma(a + 1.0) };
        let value = if x < 600.0 { x.powf(a) * (-x).exp() / gamma(a + 1.0) } else { ln.exp() };
        return (value, ln);
    }
    let ln = -deviance(a, x) - stirling_error(a) - LN_SQRT_2PI - 0.5 * a.ln();
    (ln.exp(), ln)
}

/// The regularised incomplete gamma functions: `lower` is P(a, x), `upper` is Q(a, x), for `a > 0`.
///
/// Power series for P below the mean, Legendre's continued fraction for Q above it, an
/// expansion in `a` where both shares would cancel, and from `a = 1e8` on Temme's uniform
/// expansion (1979).
///
/// ```
/// let tails = perennial_statistics::special::gamma_tails(1.0, 2.0);
/// assert!((tails.upper - (-2.0_f64).exp()).abs() < 1e-16);
/// ```
pub fn gamma_tails(a: f64, x: f64) -> Tails {
    if x.is_nan() || !(a > 0.0) {
        return Tails::NAN;
    }
    if x <= 0.0 {
        return Tails::NONE;
    }
    if x.is_infinite() {
        return Tails::NONE.mirrored();
    }
    if a >= UNIFORM {
        return uniform(a, x);
    }
    if a < 1.0 && x < 1.1 {
        return small_shape(a, x);
    }
    let (mass, ln_mass) = poisson_mass(a, x);
    if x < a {
        let (mut term, mut sum, mut divisor) = (1.0, 1.0, a);
        while term > sum * 1e-17 {
            divisor += 1.0;
            term *= x / divisor;
            sum += term;
        }
        Tails::from_lower(mass * sum, ln_mass + f64::ln(sum))
    } else {
        let fraction = a * upper_fraction(a, x);
        Tails::from_lower(mass * fraction, ln_mass + fraction.ln()).mirrored()
    }
}

/// Legendre's continued fraction for `x^-a e^x Gamma(a, x)`, by Lentz's method.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x - a + 1.0;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 1.0;
    while i < 1e6 {
        let numerator = i * (a - i);
        b += 2.0;
        d = 1.0 / nonzero(numerator * d + b);
        c = nonzero(b + numerator / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
        i += 1.0;
    }
    h
}

fn nonzero(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}

/// Shapes below 1 near the origin: P = (1 + u)(1 + v) with small u and v gives Q without cancellation.
fn small_shape(a: f64, x: f64) -> Tails {
    let (mut term, mut sum, mut n) = (1.0, 0.0, 1.0);
    while n < 60.0 {
        term *= -x / n;
        sum += term / (a + n);
        if f64::abs(term) < 1e-18 * f64::abs(sum) {
            break;
        }
        n += 1.0;
    }
    let v = a * sum;
    let ln_power = a * x.ln() - ln_gamma_1p(a);
    let u = ln_power.exp_m1();
    let upper = -(u + v + u * v);
    let (lower, ln_lower) = (ln_power.exp() * (1.0 + v), ln_power + v.ln_1p());
    if lower < 0.5 {
        Tails::from_lower(lower, ln_lower)
    } else {
        Tails::from_lower(upper, upper.ln()).mirrored()
    }
}

/// Temme's leading terms: a normal tail in the signed root of the deviance, with one correction.
fn uniform(a: f64, x: f64) -> Tails {
    let mu = (x - a) / a;
    let z = (2.0 * deviance(a, x)).sqrt().copysign(mu);
    let eta = z / a.sqrt();
    let correction = if eta.abs() < 1e-3 {
        -1.0 / 3.0 + eta * (1.0 / 12.0 + eta * (-2.0 / 135.0 + eta / 864.0))
    } else {
        1.0 / mu - 1.0 / eta
    };
    let factor = if z > 1e4 && eta > 1e-3 {
        // Mills' ratio is 1 / z - 1 / z^3 so far out, and its first term is taken away by the correction.
        1.0 / (mu * a.sqrt()) - z.powi(-3)
    } else {
        mills_ratio(z.abs()) + correction.copysign(correction * z) / a.sqrt()
    };
    let ln = -0.5 * z * z - LN_SQRT_2PI + factor.ln();
    let near = Tails::from_lower(ln.exp(), ln);
    if z < 0.0 { near } else { near.mirrored() }
}

/// The point `x` with P(a, x) = `p` and Q(a, x) = `q = 1 - p`, for `a > 0`.
///
/// Newton's method on the logarithm of the smaller share, which is concave there.
pub fn gamma_quantile(a: f64, p: f64, q: f64) -> f64 {
    if !(p >= 0.0 && q >= 0.0 && a > 0.0) {
        return f64::NAN;
    }
    if p == 0.0 {
        return 0.0;
    }
    if q == 0.0 {
        return f64::INFINITY;
    }
    // Wilson and Hilferty (1931): the cube root is nearly normal.
    let cube_root = 1.0 - 1.0 / (9.0 * a) + normal_quantile(p, q) / (3.0 * a.sqrt());
    let start = a * cube_root.powi(3);
    if p <= gamma_tails(a, a).lower {
        let ln_p = ln_share(p, q);
        // P(a, x) <= x^a / gamma(a + 1): left of the root, and the root itself far down.
        let floor = (ln_p + ln_gamma_1p(a)) / a;
        if floor < -700.0 {
            return floor.exp();
        }
        let mut t = if a >= 1.0 && start > floor.exp() { start.ln() } else { floor };
        for _ in 0..100 {
            let x = t.exp();
            let tails = gamma_tails(a, x);
            let ln_slope = poisson_mass(a, x).1 + a.ln() - tails.ln_lower;
            let step = (tails.ln_lower - ln_p) / ln_slope.exp();
            t -= step;
            if step.abs() <= 1e-15 * t.abs().max(1.0) {
                break;
            }
        }
        t.exp()
    } else {
        let ln_q = ln_share(q, p);
        let mut x = if a >= 1.0 { start.max(a) } else { a };
        for _ in 0..100 {
            let tails = gamma_tails(a, x);
            let hazard = (poisson_mass(a, x).1 + (a / x).ln() - tails.ln_upper).exp();
            let step = (tails.ln_upper - ln_q) / hazard;
            x = (x + step).max(0.5 * x);
            if step.abs() <= 1e-15 * x {
                break;
            }
        }
        x
    }
}
