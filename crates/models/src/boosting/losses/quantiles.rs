//! Several quantiles at once.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

use super::location;
use super::regression::{pinball, pinball_derivatives};
use crate::boosting::objective::{Labels, Objective};

const LEVELS: Param =
    Param::real("levels", "shares of targets below the answers").above(0.0).at_most(1.0 - f64::EPSILON);

/// Several quantiles at once, one score each, whose answers never cross: they are put in order, which can only bring
/// them nearer to the true ones (Chernozhukov, Fernández-Val and Galichon, 2010). The loss is the sum of the pinball
/// losses (Koenker and Bassett, 1978).
///
/// ```
/// use perennial_models::boosting::{Objective, Quantiles};
///
/// let mut scores = [2.0, 5.0, 4.0];
/// Quantiles::new([0.1, 0.5, 0.9]).answer(&mut scores);
/// assert_eq!(scores, [2.0, 4.0, 5.0]);
/// ```
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `levels` | 0.1, 0.5, 0.9 | (0, 1), rising | the share of targets below each answer |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quantiles {
    levels: Vec<f64>,
}

impl Default for Quantiles {
    fn default() -> Self {
        Quantiles::new([0.1, 0.5, 0.9])
    }
}

impl Quantiles {
    /// Quantiles at these levels, in rising order.
    pub fn new(levels: impl Into<Vec<f64>>) -> Self {
        Quantiles { levels: levels.into() }
    }

    /// The share of targets below each answer.
    pub fn levels(&self) -> &[f64] {
        &self.levels
    }
}

impl Objective for Quantiles {
    fn n_scores(&self) -> usize {
        self.levels.len()
    }

    fn check(&self, _labels: &Labels<'_>) -> Result<()> {
        for &level in &self.levels {
            LEVELS.check(level)?;
        }
        if self.levels.is_empty() || !self.levels.is_sorted_by(|a, b| a < b) {
            return Err(Error::invalid_param("levels", &self.levels, "one level or more, in rising order"));
        }
        Ok(())
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        let mut values =
            location::weighted((0..labels.n_rows()).map(|row| (labels.y[row], labels.weight(row))));
        Ok(self.levels.iter().map(|&level| location::quantile(&mut values, level)).collect())
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        let n_rows = labels.n_rows();
        for (output, &level) in self.levels.iter().enumerate() {
            let rows = output * n_rows..(output + 1) * n_rows;
            let (gradients, hessians) = (&mut gradients[rows.clone()], &mut hessians[rows.clone()]);
            pinball_derivatives(level, labels, &scores[rows], gradients, hessians);
        }
    }

    fn unit_hessian(&self) -> bool {
        true
    }

    fn leaf_score(&self, labels: &Labels<'_>, scores: &[f64], rows: &[u32], output: usize) -> Option<f64> {
        let scores = &scores[output * labels.n_rows()..];
        let residual =
            |&row: &u32| (labels.y[row as usize] - scores[row as usize], labels.weight(row as usize));
        let mut residuals = location::weighted(rows.iter().map(residual));
        Some(location::quantile(&mut residuals, self.levels[output]))
    }

    fn answer(&self, scores: &mut [f64]) {
        scores.sort_unstable_by(f64::total_cmp);
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        let n_rows = labels.n_rows();
        labels.mean_by(|row| {
            let terms = self.levels.iter().enumerate();
            terms.map(|(output, &level)| pinball(level, labels.y[row], scores[output * n_rows + row])).sum()
        })
    }
}
