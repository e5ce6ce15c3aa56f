//! Several models over several sets of data, by their ranks.

use std::fmt;

use perennial_core::{Error, Result, check_numbers};
use perennial_statistics::describe::ranks;
use perennial_statistics::distribution::StudentizedRange;
use perennial_statistics::test::{TestResult, friedman};
use serde::{Deserialize, Serialize};

/// The mean ranks of models over sets of data, and from which distance on two ranks differ (Demšar, 2006).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticalDifferences {
    /// The models with their mean ranks, the best first; 1 is best.
    pub ranks: Vec<(String, f64)>,
    /// Whether the models differ at all (Friedman, 1937).
    pub friedman: TestResult,
    /// Mean ranks that are this far apart differ (Nemenyi, 1963).
    pub critical_difference: f64,
    /// The confidence level of all pairs together.
    pub level: f64,
    /// Models of which no two differ, as places of the first and the last of `ranks`; groups within others are left out.
    pub cliques: Vec<(usize, usize)>,
}

impl fmt::Display for CriticalDifferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CriticalDifferences { ranks, friedman, critical_difference, .. } = self;
        write!(f, "Friedman p = {:.4}, critical difference {critical_difference:.3}", friedman.p_value)?;
        ranks.iter().try_for_each(|(name, rank)| write!(f, "\n{rank:.3} {name}"))?;
        for (first, last) in &self.cliques {
            write!(f, "\nnot told apart: {} to {}", ranks[*first].0, ranks[*last].0)?;
        }
        Ok(())
    }
}

impl CriticalDifferences {
    /// By the scores of models (columns) on sets of data (rows), such as means of cross-validations.
    ///
    /// ```
    /// use perennial_evaluation::CriticalDifferences;
    ///
    /// let scores: Vec<Vec<f64>> = (0..12).map(|set| vec![0.7, 0.9, 0.8].into_iter().map(|s| s + 0.01 * f64::from(set)).collect()).collect();
    /// let ranked = CriticalDifferences::new(&["a", "b", "c"], &scores, true, 0.95)?;
    /// assert_eq!(ranked.ranks[0], ("b".to_owned(), 1.0));
    /// // Mean ranks 1 apart differ: 12 sets tell ranks of three models apart from 0.96 on.
    /// assert!(ranked.critical_difference < 1.0 && ranked.cliques.is_empty());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are fewer than two sets or three models, a row has not a score for each model, a score is not finite, all scores
    /// of each set are equal, or the level is not in (0, 1).
    pub fn new<G: AsRef<[f64]>>(
        names: &[&str],
        scores: &[G],
        higher_is_better: bool,
        level: f64,
    ) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::invalid_param("level", level, "a number in (0, 1)"));
        }
        let k = names.len();
        // The best model has the first rank.
        let mut turned = Vec::with_capacity(scores.len());
        for row in scores {
            let row = row.as_ref();
            if row.len() != k {
                return Err(Error::length_mismatch("the scores of a set of data", k, row.len()));
            }
            check_numbers("the scores", row)?;
            let sign = if higher_is_better { -1.0 } else { 1.0 };
            turned.push(row.iter().map(|score| sign * score).collect::<Vec<f64>>());
        }
        let friedman = friedman(&turned)?;
        let n = turned.len() as f64;
        let mut means = vec![0.0; k];
        for row in &turned {
            means.iter_mut().zip(ranks(row)?).for_each(|(mean, rank)| *mean += rank / n);
        }
        let mut ranked: Vec<(String, f64)> =
            names.iter().zip(means).map(|(name, mean)| ((*name).to_owned(), mean)).collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
        let quantile = StudentizedRange::new(k, 1e9)?.quantile(level) / std::f64::consts::SQRT_2;
        let critical_difference = quantile * (k as f64 * (k as f64 + 1.0) / (6.0 * n)).sqrt();
        let mut cliques: Vec<(usize, usize)> = Vec::new();
        for first in 0..k {
            let alike = |other: &(String, f64)| other.1 - ranked[first].1 < critical_difference;
            let last = first + ranked[first..].iter().take_while(|other| alike(other)).count() - 1;
            if last > first && cliques.last().is_none_or(|clique| last > clique.1) {
                cliques.push((first, last));
            }
        }
        Ok(CriticalDifferences { ranks: ranked, friedman, critical_difference, level, cliques })
    }
}
