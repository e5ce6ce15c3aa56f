//! What passes over the rows came to.

use serde::{Deserialize, Serialize};

/// What one pass over the rows came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The mean loss of the training rows while they were learned from, without the penalty.
    pub loss: f64,
    /// The mean loss of the rows that are watched.
    pub validation_loss: Option<f64>,
}

impl Epoch {
    /// The loss that decides when to stop.
    pub(super) fn judged(&self) -> f64 {
        self.validation_loss.unwrap_or(self.loss)
    }
}

/// By how much one of the last `n` passes came below all before it, at most. The first pass counts with its whole loss, as losses fall
/// to 0 at best. `most` is what none of them was above, where that is known: a difference may be rounded to more.
pub(super) fn largest_fall(history: &[Epoch], n: usize, most: Option<f64>) -> f64 {
    let (mut least, mut falls) = (None, Vec::with_capacity(history.len()));
    for epoch in history {
        let loss = epoch.judged();
        falls.push(least.map_or(loss, |least: f64| least - loss));
        least = Some(least.map_or(loss, |least| least.min(loss)));
    }
    let largest = falls[falls.len().saturating_sub(n)..].iter().copied().fold(0.0, f64::max);
    most.map_or(largest, |most| largest.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_fall_is_that_below_all_before() {
        let of = |losses: &[f64]| -> Vec<Epoch> {
            losses.iter().map(|&loss| Epoch { loss, validation_loss: None }).collect()
        };
        let losses = of(&[4.0, 2.0, 3.0, 1.5, 1.75]);
        // Below all before: 4 (the first), 2, none, 0.5, none.
        assert_eq!(
            [1, 2, 3, 4, 5, 9].map(|n| largest_fall(&losses, n, None)),
            [0.0, 0.5, 0.5, 2.0, 4.0, 4.0]
        );
        assert_eq!(largest_fall(&[], 3, None), 0.0);
        // 0.49 is not below 0.5 - 0.01, and yet further from 0.5.
        let losses = of(&[0.5, 0.49]);
        assert!(largest_fall(&losses, 1, None) > 0.01);
        assert_eq!(largest_fall(&losses, 1, Some(0.01)), 0.01);
        let watched = [
            Epoch { loss: 1.0, validation_loss: Some(0.5) },
            Epoch { loss: 0.1, validation_loss: Some(0.4) },
        ];
        assert!((largest_fall(&watched, 1, None) - 0.1).abs() < 1e-15);
    }
}
