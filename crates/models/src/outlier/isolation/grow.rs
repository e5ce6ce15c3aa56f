//! Growing the trees of an isolation forest.

use perennial_core::{Context, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// Draws rows without replacement.
pub(super) struct Draw<'a> {
    rows: &'a [u32],
    weights: Option<&'a [f64]>,
}

impl<'a> Draw<'a> {
    pub(super) fn new(rows: &'a [u32], weights: Option<&'a [f64]>) -> Self {
        let first = weights.map(|weights| weights[rows[0] as usize]);
        let differ = weights.is_some_and(|w| rows.iter().any(|&row| Some(w[row as usize]) != first));
        Draw { rows, weights: weights.filter(|_| differ) }
    }

    pub(super) fn sample(&self, n: usize, random: &mut Random) -> Vec<u32> {
        let Some(weights) = self.weights else {
            return random.sample(self.rows.len(), n).into_iter().map(|place| self.rows[place]).collect();
        };
        // The smallest of exponential times with these rates (Efraimidis and Spirakis, 2006).
        let mut times: Vec<(f64, u32)> = self
            .rows
            .iter()
            .map(|&row| (-(1.0 - random.uniform()).ln() / weights[row as usize], row))
            .collect();
        if n < times.len() {
            times.select_nth_unstable_by(n, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            times.truncate(n);
        }
        let mut rows: Vec<u32> = times.into_iter().map(|(_, row)| row).collect();
        rows.sort_unstable();
        rows
    }
}

/// A node: a question, or how deep a row that ends here would come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    /// Rows whose value is below this go left; in a leaf the expected depth.
    pub(super) value: f64,
    /// [`LEAF`] for a leaf.
    pub(super) column: u32,
    /// The right child; the left one comes next.
    pub(super) right: u32,
    /// Whether rows without a value go left.
    pub(super) missing_left: bool,
}

pub(super) const LEAF: u32 = u32::MAX;

/// So many values are read between two looks at whether to stop.
const PATIENCE: usize = 1 << 20;

pub(super) struct Grower<'a> {
    cells: &'a [f64],
    n_cols: usize,
    random: Random,
    /// Draws where rows without a value go: of its own, so that the other draws do not depend on what is missing.
    sides: Random,
    tree: Vec<Node>,
    ctx: &'a Context,
    n_read: usize,
}

impl<'a> Grower<'a> {
    pub(super) fn new(cells: &'a [f64], n_cols: usize, random: Random, ctx: &'a Context) -> Self {
        let sides = random.stream("missing");
        Grower { cells, n_cols, random, sides, tree: Vec::new(), ctx, n_read: 0 }
    }

    /// Draws rows and grows a tree on them.
    pub(super) fn grow(mut self, draw: &Draw<'_>, n_samples: usize) -> Result<Vec<Node>> {
        let mut rows = draw.sample(n_samples, &mut self.random);
        let most = (rows.len() as f64).log2().ceil() as usize;
        let mut waiting = vec![(0, rows.len(), 0, None)];
        while let Some((start, end, depth, parent)) = waiting.pop() {
            let at = self.tree.len();
            if let Some(parent) = parent {
                let node: &mut Node = &mut self.tree[parent];
                node.right = at as u32;
            }
            let inside = &mut rows[start..end];
            let cut = if depth < most { self.cut(inside)? } else { None };
            let Some((column, value)) = cut else {
                let value = depth as f64 + expected_depth(inside.len());
                self.tree.push(Node { value, column: LEAF, right: 0, missing_left: false });
                continue;
            };
            let missing_left = self.missing_left(inside, column, value);
            self.tree.push(Node { value, column: column as u32, right: 0, missing_left });
            let mut n_left = 0;
            for place in 0..inside.len() {
                let cell = self.cells[inside[place] as usize * self.n_cols + column];
                if cell < value || (cell.is_nan() && missing_left) {
                    inside.swap(place, n_left);
                    n_left += 1;
                }
            }
            waiting.push((start + n_left, end, depth + 1, Some(at)));
            waiting.push((start, start + n_left, depth + 1, None));
        }
        Ok(self.tree)
    }

    /// Looks now and then at whether to stop.
    fn count(&mut self, n_read: usize) -> Result<()> {
        self.n_read += n_read;
        if self.n_read >= PATIENCE {
            self.n_read = 0;
            self.ctx.check()?;
        }
        Ok(())
    }

    /// Draws a side, each as likely as it is for the rows that have a value: at even odds rows without one would often come to
    /// the side with few rows, and stand out.
    fn missing_left(&mut self, rows: &[u32], column: usize, threshold: f64) -> bool {
        let (mut below, mut known) = (0, 0);
        for &row in rows {
            let value = self.cells[row as usize * self.n_cols + column];
            below += usize::from(value < threshold);
            known += usize::from(!value.is_nan());
        }
        self.sides.below(known) < below
    }

    /// A column that varies, and a threshold with rows on both sides.
    fn cut(&mut self, rows: &[u32]) -> Result<Option<(usize, f64)>> {
        if rows.len() < 2 {
            return Ok(None);
        }
        let mut columns: Vec<usize> = Vec::new();
        for place in 0..self.n_cols {
            self.count(rows.len())?;
            // Most often the first column that is drawn varies, and the others need no list.
            let column = if place == 0 {
                self.random.below(self.n_cols)
            } else {
                let other = place + self.random.below(self.n_cols - place);
                columns.swap(place, other);
                columns[place]
            };
            let value = |row: &u32| self.cells[*row as usize * self.n_cols + column];
            // Both leave missing values out.
            let low = rows.iter().map(value).fold(f64::INFINITY, f64::min);
            let high = rows.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            if low < high {
                // Above the lowest value, and up to the highest.
                let drawn = self.random.uniform_in(low, high);
                return Ok(Some((column, drawn.next_up().min(high))));
            }
            if place == 0 {
                columns = (0..self.n_cols).collect();
                columns.swap(0, column);
            }
        }
        Ok(None)
    }
}

/// The mean depth of an unsuccessful search in a binary search tree of `n` values (Liu, Ting and Zhou, 2008).
pub(super) fn expected_depth(n: usize) -> f64 {
    const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let last = (n - 1) as f64;
            2.0 * (last.ln() + EULER_MASCHERONI) - 2.0 * last / n as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use perennial_core::{CancelToken, ErrorKind};

    use super::*;

    #[test]
    fn a_large_tree_stops_while_it_grows() {
        let n = 120_000;
        let cells: Vec<f64> = (0..n).map(|row| f64::from(row * 7919 % n)).collect();
        let rows: Vec<u32> = (0..n as u32).collect();
        let draw = Draw::new(&rows, None);
        let token = CancelToken::new();
        let ctx = Context::new().with_cancel(token.clone());
        let grow = |n_samples| Grower::new(&cells, 1, Random::new(1), &ctx).grow(&draw, n_samples);
        assert!(grow(rows.len()).is_ok());
        token.cancel();
        // Nothing but the growing itself looks whether to stop.
        let error = grow(rows.len()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
        assert!(grow(256).is_ok());
    }
}
