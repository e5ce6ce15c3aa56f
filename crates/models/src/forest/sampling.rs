//! Which rows a tree learns from.

use perennial_numeric::random::Random;

/// How rows are drawn for each tree.
#[derive(Debug)]
pub(super) struct Sampling<'a> {
    /// The rows that count.
    pub(super) rows: &'a [u32],
    pub(super) n_rows: usize,
    pub(super) bootstrap: bool,
    pub(super) max_samples: Option<f64>,
    /// The rows of each class, where each tree draws the same number from each (Chen, Liaw and Breiman, 2004).
    pub(super) strata: Option<Vec<Vec<u32>>>,
}

impl Sampling<'_> {
    /// How often each row was drawn.
    pub(super) fn draw(&self, random: &mut Random) -> Vec<u32> {
        let mut counts = vec![0; self.n_rows];
        match &self.strata {
            None => self.draw_from(self.rows, self.rows.len(), random, &mut counts),
            Some(strata) => {
                let smallest = strata.iter().map(Vec::len).min().unwrap_or(0);
                strata.iter().for_each(|rows| self.draw_from(rows, smallest, random, &mut counts));
            }
        }
        counts
    }

    /// Draws `share` times `n` of the rows.
    fn draw_from(&self, rows: &[u32], n: usize, random: &mut Random, counts: &mut [u32]) {
        let n = ((n as f64 * self.max_samples.unwrap_or(1.0)).round() as usize).clamp(1, n.max(1));
        if self.bootstrap {
            for _ in 0..n {
                counts[rows[random.below(rows.len())] as usize] += 1;
            }
        } else {
            random.sample(rows.len(), n).into_iter().for_each(|place| counts[rows[place] as usize] = 1);
        }
    }
}
