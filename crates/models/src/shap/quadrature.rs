//! Gauss's rule on the interval from 0 to 1.

/// The points and weights that integrate polynomials up to degree `2 n - 1` exactly.
pub(super) fn rule(n: usize) -> Vec<(f64, f64)> {
    let point = |index: usize| {
        // Newton's method on the Legendre polynomial from Tricomi's estimate of its root.
        let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut value, mut before) = (1.0, 0.0);
            for degree in 1..=n {
                let degree = degree as f64;
                (value, before) =
                    (((2.0 * degree - 1.0) * x * value - (degree - 1.0) * before) / degree, value);
            }
            slope = n as f64 * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::rule;

    #[test]
    fn powers_are_integrated() {
        for n in [1, 4, 8, 32, 64] {
            for degree in 0..2 * n {
                let sum: f64 = rule(n).iter().map(|(t, w)| w * t.powi(degree as i32)).sum();
                assert!(
                    (sum * (degree + 1) as f64 - 1.0).abs() < 1e-12,
                    "{n} points, degree {degree}: {sum}"
                );
            }
        }
    }
}
