//! From decisions to probabilities.

/// `1 / (1 + exp(slope * decision + offset))`: the probability of the second class.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Sigmoid {
    pub(super) slope: f64,
    pub(super) offset: f64,
}

impl Sigmoid {
    /// The sigmoid of least log loss (Platt, 1999), by Newton's method with a search along the line (Lin, Lin and
    /// Weng, 2007). Targets are drawn to the middle by the number of rows, so that separable rows have one too.
    pub(super) fn fit(decisions: &[f64], positive: &[bool]) -> Sigmoid {
        let n_positive = positive.iter().filter(|positive| **positive).count() as f64;
        let n_negative = positive.len() as f64 - n_positive;
        let (high, low) = ((n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0));
        let target = |row: usize| if positive[row] { high } else { low };
        // A scale of 1 for the solver; the slope is in the units of the decisions after it.
        let unit =
            decisions.iter().fold(0.0, |most, value| f64::max(most, value.abs())).max(f64::MIN_POSITIVE);
        let loss = |slope: f64, offset: f64| -> f64 {
            (0..decisions.len())
                .map(|row| {
                    let score = slope * (decisions[row] / unit) + offset;
                    let soft = (-score.abs()).exp().ln_1p();
                    if score >= 0.0 { target(row) * score + soft } else { (target(row) - 1.0) * score + soft }
                })
                .sum()
        };
        let (mut slope, mut offset) = (0.0, ((n_negative + 1.0) / (n_positive + 1.0)).ln());
        let mut value = loss(slope, offset);
        for _ in 0..100 {
            let (mut g, mut h) = ([0.0; 2], [1e-12, 0.0, 1e-12]);
            for row in 0..decisions.len() {
                let x = decisions[row] / unit;
                let p = probability(slope * x + offset);
                let (d, w) = (target(row) - p, p * (1.0 - p));
                (g[0], g[1]) = (g[0] + x * d, g[1] + d);
                (h[0], h[1], h[2]) = (h[0] + x * x * w, h[1] + x * w, h[2] + w);
            }
            if g[0].abs() < 1e-9 && g[1].abs() < 1e-9 {
                break;
            }
            let det = h[0] * h[2] - h[1] * h[1];
            let (da, db) = (-(h[2] * g[0] - h[1] * g[1]) / det, -(h[0] * g[1] - h[1] * g[0]) / det);
            let descent = g[0] * da + g[1] * db;
            let mut step = 1.0;
            while step >= 1e-10 {
                let new = loss(slope + step * da, offset + step * db);
                if new < value + 1e-4 * step * descent {
                    (slope, offset, value) = (slope + step * da, offset + step * db, new);
                    break;
                }
                step /= 2.0;
            }
            if step < 1e-10 {
                break;
            }
        }
        Sigmoid { slope: slope / unit, offset }
    }

    /// The probability of the second class.
    pub(super) fn at(&self, decision: f64) -> f64 {
        probability(self.slope * decision + self.offset)
    }
}

/// `1 / (1 + exp(score))`.
fn probability(score: f64) -> f64 {
    let odds = (-score.abs()).exp();
    if score >= 0.0 { odds / (1.0 + odds) } else { 1.0 / (1.0 + odds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sigmoid_rises_with_the_decision() {
        let decisions = [-2.0, -1.0, -0.5, 0.3, 0.5, 1.0, 2.0];
        let positive = [false, false, true, false, true, true, true];
        let fitted = Sigmoid::fit(&decisions, &positive);
        assert!(fitted.slope < 0.0 && fitted.at(2.0) > 0.7 && fitted.at(-2.0) < 0.3);
    }
}
