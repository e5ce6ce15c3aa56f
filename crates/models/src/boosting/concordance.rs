//! The share of pairs in the right order.

use perennial_core::{Error, Result};

use super::objective::Labels;

/// Sums over the beginnings of a list, that change one by one (Fenwick, 1994).
struct Sums(Vec<f64>);

impl Sums {
    fn add(&mut self, place: usize, value: f64) {
        let mut node = place + 1;
        while node < self.0.len() {
            self.0[node] += value;
            node += node & node.wrapping_neg();
        }
    }

    /// The sum of the values before `place`.
    fn before(&self, place: usize) -> f64 {
        let (mut node, mut sum) = (place, 0.0);
        while node > 0 {
            sum += self.0[node];
            node &= node - 1;
        }
        sum
    }
}

/// The concordance of Harrell and others (1982): of the pairs of an event and a row known to last longer, the share in
/// which the event has the higher score, ties counting half. A row without an event at the time of an event lasted
/// longer. A pair counts with the product of its weights.
pub(super) fn concordance(labels: &Labels<'_>, scores: &[f64]) -> Result<f64> {
    let mut ranked: Vec<f64> = scores.iter().map(|score| score + 0.0).collect();
    ranked.sort_unstable_by(f64::total_cmp);
    ranked.dedup();
    let rank = |row: usize| ranked.partition_point(|&score| score < scores[row]);
    let (order, y) = (labels.by_time(), labels.y);
    let mut longer = Sums(vec![0.0; ranked.len() + 1]);
    let (mut right, mut pairs, mut weight_longer) = (0.0, 0.0, 0.0);
    for same_time in order.chunk_by(|&a, &b| y[a as usize].abs() == y[b as usize].abs()).rev() {
        let (events, others): (Vec<usize>, Vec<usize>) =
            same_time.iter().map(|&row| row as usize).partition(|&row| y[row] >= 0.0);
        let insert = |rows: &[usize], longer: &mut Sums, weight_longer: &mut f64| {
            for &row in rows {
                longer.add(rank(row), labels.weight(row));
                *weight_longer += labels.weight(row);
            }
        };
        insert(&others, &mut longer, &mut weight_longer);
        for &row in &events {
            let (lower, not_higher) = (longer.before(rank(row)), longer.before(rank(row) + 1));
            right += labels.weight(row) * 0.5 * (lower + not_higher);
            pairs += labels.weight(row) * weight_longer;
        }
        insert(&events, &mut longer, &mut weight_longer);
    }
    if pairs > 0.0 {
        return Ok(right / pairs);
    }
    Err(Error::insufficient_data(
        "`Concordance` cannot be watched here: no row is known to last longer than one with an event; set more rows aside",
    ))
}
