/// `ln(sum(exp(x)))`, without overflow; negative infinity for nothing at all.
///
/// ```
/// use perennial_statistics::special::log_sum_exp;
/// assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2.0_f64.ln())).abs() < 1e-12);
/// ```
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let Some(top) = (0..x.len()).reduce(|best, i| if x[i] > x[best] || x[i].is_nan() { i } else { best })
    else {
        return f64::NEG_INFINITY;
    };
    if !x[top].is_finite() {
        return x[top];
    }
    // The largest term is exactly 1, so only the others enter ln(1 + ...).
    let others: f64 = x.iter().enumerate().filter(|(i, _)| *i != top).map(|(_, v)| (v - x[top]).exp()).sum();
    x[top] + others.ln_1p()
}

/// The logistic function `1 / (1 + exp(-x))`, without overflow.
pub fn expit(x: f64) -> f64 {
    if x < 0.0 {
        let e = x.exp();
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + (-x).exp())
    }
}

/// The inverse of [`expit`], `ln(p / (1 - p))`; NaN outside `[0, 1]`.
pub fn logit(p: f64) -> f64 {
    // Around one half the quotient is near 1 and its distance to 1 is exact.
    if (0.25..=0.75).contains(&p) { ((2.0 * p - 1.0) / (1.0 - p)).ln_1p() } else { p.ln() - (-p).ln_1p() }
}

/// `ln(1 + exp(x))`, without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
