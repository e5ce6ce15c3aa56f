//! Rising numbers in which places are found quickly.

/// Rising numbers, cut into equal ranges: where values spread, a range holds a number or two, and what is left of the
/// search is short. It finds what a search through all of them would.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ladder {
    pub(super) rungs: Vec<f64>,
    /// How many rungs lie below each range.
    below: Vec<u32>,
    scale: f64,
}

impl Ladder {
    /// Of at least one finite number.
    pub(super) fn new(rungs: Vec<f64>) -> Self {
        let n_ranges = 2 * rungs.len();
        // Where the width leaves the range of numbers it is infinite, and all rungs share a range.
        let scale = n_ranges as f64 / (rungs[rungs.len() - 1] - rungs[0]);
        let mut ladder = Ladder { rungs, below: vec![0; n_ranges + 1], scale };
        let mut range = 0;
        for place in 0..ladder.rungs.len() {
            let last = ladder.range(ladder.rungs[place]);
            // Ranges rise with their numbers, as rounding keeps the order.
            ladder.below[range + 1..=last.max(range)].fill(place as u32);
            range = range.max(last);
        }
        ladder.below[range + 1..].fill(ladder.rungs.len() as u32);
        ladder
    }

    #[inline(always)]
    fn range(&self, value: f64) -> usize {
        (((value - self.rungs[0]) * self.scale) as usize).min(self.below.len() - 2)
    }

    /// How many rungs are at most a value.
    #[inline(always)]
    pub(super) fn above(&self, value: f64) -> usize {
        let range = self.range(value);
        let (start, end) = (self.below[range] as usize, self.below[range + 1] as usize);
        start + self.rungs[start..end].partition_point(|rung| *rung <= value)
    }
}

#[cfg(test)]
mod tests {
    use super::Ladder;

    #[test]
    fn a_ladder_finds_what_a_search_finds() {
        let cases: [&[f64]; 6] = [
            &[1.0],
            &[2.0, 2.0, 2.0],
            &[0.0, 1.0, 1.0, 2.0, 5.0, 1e9],
            &[-1e308, 0.0, 1e308],
            &[-3.0, -0.0, 0.0, 1e-300, 2e-300],
            &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        ];
        for rungs in cases {
            let ladder = Ladder::new(rungs.to_vec());
            let between = rungs.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0);
            let values = rungs.iter().copied().chain(between).chain([f64::MIN, f64::MAX, 0.15]);
            for value in values {
                let truth = rungs.iter().filter(|rung| **rung <= value).count();
                assert_eq!(ladder.above(value), truth, "{value} in {rungs:?}");
            }
        }
    }
}
