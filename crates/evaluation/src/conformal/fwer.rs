//! Many tests, one promise.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

/// Which of many hypotheses are rejected so that with a probability of at least `1 - delta` none of them is true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FwerProcedure {
    /// Each on its own against an equal part of `delta`.
    Bonferroni,
    /// The smallest p-value first, each against a part for those that are left (Holm, 1979): never fewer than Bonferroni.
    #[default]
    Holm,
    /// From some places on, one after the other until one fails (Bauer, 1991): more where those that are surest stand first.
    FixedSequence {
        /// How many places to begin at, evenly spaced, each with an equal part of `delta`.
        n_starts: usize,
    },
}

const N_STARTS: Param = Param::integer("n_starts", "places to begin at").at_least(1.0);

impl FwerProcedure {
    /// The places of the hypotheses that are rejected, in rising order.
    ///
    /// ```
    /// use perennial_evaluation::conformal::FwerProcedure;
    ///
    /// let p_values = [0.01, 0.04, 0.03, 0.2];
    /// assert_eq!(FwerProcedure::Holm.passing(&p_values, 0.1)?, [0, 1, 2]);
    /// assert_eq!(FwerProcedure::Bonferroni.passing(&p_values, 0.1)?, [0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a p-value is not from 0 to 1, or there are no places to begin at.
    pub fn passing(self, p_values: &[f64], delta: f64) -> Result<Vec<usize>> {
        if let Some(place) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::malformed(format!("p-value {place} is {}; expected 0 to 1", p_values[place])));
        }
        let n = p_values.len();
        let mut passed = vec![false; n];
        match self {
            FwerProcedure::Bonferroni => {
                passed.iter_mut().zip(p_values).for_each(|(passed, p)| *passed = *p <= delta / n as f64);
            }
            FwerProcedure::Holm => {
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
                let holds = |(rank, place): &(usize, usize)| p_values[*place] <= delta / (n - rank) as f64;
                let rejected = order.into_iter().enumerate().take_while(holds);
                rejected.for_each(|(_, place)| passed[place] = true);
            }
            FwerProcedure::FixedSequence { n_starts } => {
                N_STARTS.check_count(n_starts)?;
                let starts = n_starts.min(n).max(1);
                for start in (0..starts).map(|start| start * (n / starts)) {
                    // What an earlier start has passed already is passed by this one for nothing.
                    let holds = |place: &usize| passed[*place] || p_values[*place] <= delta / starts as f64;
                    let last = (start..n).take_while(holds).count();
                    passed[start..start + last].iter_mut().for_each(|passed| *passed = true);
                }
            }
        }
        Ok((0..n).filter(|&place| passed[place]).collect())
    }
}
