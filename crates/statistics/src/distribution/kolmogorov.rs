use std::f64::consts::PI;

use perennial_core::{Param, Result};

use super::Distribution;
use crate::special::{Tails, beta_prefix, ln_gamma};

/// The limit of `sqrt(n) D` as the sample grows, where `D` is the two-sided Kolmogorov-Smirnov distance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kolmogorov;

impl Distribution for Kolmogorov {
    fn ln_pdf(&self, x: f64) -> f64 {
        if x.is_nan() || x <= 0.0 {
            return if x.is_nan() { f64::NAN } else { f64::NEG_INFINITY };
        }
        if x < 0.82 {
            let unit = PI * PI / (8.0 * x * x);
            let terms =
                [1.0, 9.0, 25.0].map(|square| (2.0 * square * unit - 1.0) * (-(square - 1.0) * unit).exp());
            return 0.5 * (2.0 * PI).ln() - 2.0 * x.ln() - unit + terms.iter().sum::<f64>().ln();
        }
        let unit = 2.0 * x * x;
        let terms = [1.0, 4.0, 9.0, 16.0, 25.0].map(|square: f64| square * (-(square - 1.0) * unit).exp());
        (8.0 * x).ln() - unit + (terms[0] - terms[1] + terms[2] - terms[3] + terms[4]).ln()
    }

    fn tails(&self, x: f64) -> Tails {
        if x.is_nan() {
            return Tails::NAN;
        }
        if x <= 0.0 {
            return Tails::NONE;
        }
        if x < 0.82 {
            let unit = PI * PI / (8.0 * x * x);
            let sum = 1.0 + (-8.0 * unit).exp() + (-24.0 * unit).exp();
            let scale = (2.0 * PI).sqrt() / x * sum;
            return Tails::from_lower(scale * (-unit).exp(), scale.ln() - unit);
        }
        let unit = 2.0 * x * x;
        let sum =
            1.0 - (-3.0 * unit).exp() + (-8.0 * unit).exp() - (-15.0 * unit).exp() + (-24.0 * unit).exp();
        Tails::from_lower(2.0 * sum * (-unit).exp(), (2.0 * sum).ln() - unit).mirrored()
    }

    fn invert(&self, p: f64, q: f64) -> f64 {
        if !(p >= 0.0 && q >= 0.0) {
            return f64::NAN;
        }
        if p == 0.0 || q == 0.0 {
            return if p == 0.0 { 0.0 } else { f64::INFINITY };
        }
        let (mut low, mut high) = (0.01, 20.0);
        for _ in 0..64 {
            let middle = 0.5 * (low + high);
            let tails = self.tails(middle);
            let below = if p < q { tails.lower < p } else { tails.upper > q };
            if below {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    fn mean(&self) -> f64 {
        (0.5 * PI).sqrt() * 2.0_f64.ln()
    }

    fn variance(&self) -> f64 {
        PI * PI / 12.0 - self.mean().powi(2)
    }
}

/// The two-sided Kolmogorov-Smirnov distance of a sample of `n` from its true continuous distribution.
///
/// Exact (Marsaglia, Tsang and Wang, 2003; closed forms at both ends), but for samples so large
/// and distances so central that the limit, corrected by Vrbik (2018), serves to about 1e-5.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    n: usize,
}

impl KolmogorovSmirnov {
    /// For samples of `n`.
    ///
    /// # Errors
    /// If `n` is 0.
    pub fn new(n: usize) -> Result<Self> {
        Param::integer("n", "sample size").at_least(1.0).check_count(n)?;
        Ok(KolmogorovSmirnov { n })
    }

    /// The probability of a distance up to, and beyond, `d`.
    pub fn tails(&self, d: f64) -> Tails {
        let n = self.n as f64;
        let nd = n * d;
        if d.is_nan() {
            return Tails::NAN;
        }
        if nd <= 0.5 {
            return Tails::NONE;
        }
        if d >= 1.0 {
            return Tails::NONE.mirrored();
        }
        if nd <= 1.0 {
            let ln = ln_gamma(n + 1.0) + n * ((2.0 * nd - 1.0) / n).ln();
            return Tails::from_lower(ln.exp(), ln);
        }
        // At one half and beyond only one side can be that far; in the far tail hardly ever both.
        if d >= 0.5 || nd * d > 18.0 {
            let both = 2.0 * one_sided(n, d);
            return Tails::from_lower(both, both.ln()).mirrored();
        }
        if nd < 60.0 {
            let lower = durbin(self.n, d);
            return Tails::from_lower(lower, lower.ln());
        }
        let root = n.sqrt();
        Kolmogorov.tails(root * d + 1.0 / (6.0 * root) + (root * d - 1.0) / (4.0 * n))
    }
}

/// `P(D+ >= d)` (Smirnov, 1944; Birnbaum and Tingey, 1951): a sum of positive terms.
pub(crate) fn one_sided(n: f64, d: f64) -> f64 {
    if d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let last = (n * (1.0 - d)).floor() as usize;
    let sum: f64 = (0..=last)
        .map(|j| {
            let j = j as f64;
            let (p, q) = (d + j / n, 1.0 - d - j / n);
            match (j, q > 0.0) {
                (0.0, _) => (n * (-d).ln_1p()).exp() / d,
                (_, false) => 0.0,
                // A binomial mass over p: C(n, j) p^(j - 1) q^(n - j).
                _ if j == n => p.powf(n - 1.0),
                _ => (beta_prefix(j, n - j, p, q).1 + (n / j / (n - j)).ln() - p.ln()).exp(),
            }
        })
        .sum();
    (d * sum).min(1.0)
}

/// Durbin's matrix in the form of Marsaglia, Tsang and Wang: `n! / n^n` times an entry of its `n`th power.
fn durbin(n: usize, d: f64) -> f64 {
    let nd = n as f64 * d;
    let k = nd.floor() as usize + 1;
    let (size, h) = (2 * k - 1, k as f64 - nd);
    let mut factorials = vec![1.0; size + 1];
    for i in 1..=size {
        factorials[i] = factorials[i - 1] * i as f64;
    }
    let mut matrix = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            let mut entry = 1.0;
            if j == 0 {
                entry -= h.powi(i as i32 + 1);
            }
            if i == size - 1 {
                entry -= h.powi((size - j) as i32);
            }
            if j == 0 && i == size - 1 && 2.0 * h > 1.0 {
                entry += (2.0 * h - 1.0).powi(size as i32);
            }
            matrix[i * size + j] = entry / factorials[i + 1 - j];
        }
    }
    let multiply = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let mut product = vec![0.0; size * size];
        for (row, out) in a.chunks_exact(size).zip(product.chunks_exact_mut(size)) {
            for (factor, other) in row.iter().zip(b.chunks_exact(size)) {
                for (sum, value) in out.iter_mut().zip(other) {
                    *sum += factor * value;
                }
            }
        }
        product
    };
    // Powers grow like n^n / n!, so a scale goes along as an exponent of 2^500.
    let centre = (k - 1) * size + k - 1;
    let tame = |m: &mut Vec<f64>, scale: &mut i32| {
        if m[centre] > 2.0_f64.powi(500) {
            m.iter_mut().for_each(|v| *v *= 2.0_f64.powi(-500));
            *scale += 1;
        }
    };
    let (mut power, mut power_scale) = (matrix, 0);
    let mut result: Option<(Vec<f64>, i32)> = None;
    let mut left = n;
    loop {
        if left % 2 == 1 {
            result = Some(match result {
                None => (power.clone(), power_scale),
                Some((m, scale)) => {
                    let (mut product, mut scale) = (multiply(&m, &power), scale + power_scale);
                    tame(&mut product, &mut scale);
                    (product, scale)
                }
            });
        }
        left /= 2;
        if left == 0 {
            break;
        }
        power = multiply(&power, &power);
        power_scale *= 2;
        tame(&mut power, &mut power_scale);
    }
    let (m, mut scale) = result.unwrap_or_else(|| (vec![0.0; size * size], 0));
    let mut entry = m[centre];
    for i in 1..=n {
        entry *= i as f64 / n as f64;
        if entry < 2.0_f64.powi(-500) && scale > 0 {
            entry *= 2.0_f64.powi(500);
            scale -= 1;
        }
    }
    entry * 2.0_f64.powi(500).powi(scale)
}
