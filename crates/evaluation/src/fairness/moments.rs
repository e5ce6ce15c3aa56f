//! The rates that a fairness constraint compares.

use perennial_core::{Error, Result};

use super::sensitive::Grouped;
use super::thresholds::ParityConstraint;

/// The rates of groups less those of all rows: a list of weights on rows for each.
pub(super) struct Moments {
    /// The members of a group among the rows that count, and all those rows.
    pub(super) parts: Vec<(Vec<usize>, Vec<usize>)>,
    pub(super) weights: Vec<f64>,
}

impl Moments {
    pub(super) fn new(
        constraint: ParityConstraint,
        positive: &[bool],
        groups: &Grouped,
        weights: Vec<f64>,
    ) -> Result<Self> {
        let sides: &[Option<bool>] = match constraint {
            ParityConstraint::DemographicParity => &[None],
            ParityConstraint::EqualOpportunity => &[Some(true)],
            ParityConstraint::FalsePositiveRateParity => &[Some(false)],
            ParityConstraint::EqualizedOdds => &[Some(true), Some(false)],
        };
        let mut parts = Vec::new();
        for side in sides {
            let counts = |row: usize| weights[row] > 0.0 && side.is_none_or(|side| positive[row] == side);
            let all: Vec<usize> = (0..positive.len()).filter(|&row| counts(row)).collect();
            for (group, name) in groups.names.iter().enumerate() {
                let members: Vec<usize> =
                    all.iter().copied().filter(|&row| groups.of_row[row] == group).collect();
                if members.is_empty() {
                    return Err(Error::insufficient_data(format!(
                        "group `{name}` has no rows for which the rate is defined; join groups"
                    )));
                }
                parts.push((members, all.clone()));
            }
        }
        Ok(Moments { parts, weights })
    }

    fn mean(&self, rows: &[usize], called: &[f64]) -> f64 {
        let sum = |value: &dyn Fn(usize) -> f64| {
            rows.iter().map(|&row| self.weights[row] * value(row)).sum::<f64>()
        };
        sum(&|row| called[row]) / sum(&|_| 1.0)
    }

    /// How far the rate of each group is above and below that of all rows, beyond the bound: two numbers for each.
    pub(super) fn broken(&self, called: &[f64], eps: f64) -> Vec<f64> {
        let of = |(members, all): &(Vec<usize>, Vec<usize>)| {
            let gap = self.mean(members, called) - self.mean(all, called);
            [gap - eps, -gap - eps]
        };
        self.parts.iter().flat_map(of).collect()
    }

    /// What calling each row positive costs by the prices.
    pub(super) fn costs(&self, prices: &[f64]) -> Vec<f64> {
        let mut costs = vec![0.0; self.weights.len()];
        for ((members, all), price) in self.parts.iter().zip(prices.chunks(2)) {
            let price = price[0] - price[1];
            let total = |rows: &[usize]| rows.iter().map(|&row| self.weights[row]).sum::<f64>();
            let (of_group, of_all) = (total(members), total(all));
            members.iter().for_each(|&row| costs[row] += price * self.weights[row] / of_group);
            all.iter().for_each(|&row| costs[row] -= price * self.weights[row] / of_all);
        }
        costs
    }
}
