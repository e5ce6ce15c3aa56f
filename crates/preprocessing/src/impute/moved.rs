//! How far a round of predictions moved the cells that it filled.

use ndarray::ArrayRef2;

/// The changes of one round.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved {
    /// The largest number that was learned from; what is squared is a share of it.
    scale: f64,
    number_columns: Vec<usize>,
    has_numbers: bool,
    has_codes: bool,
    largest: f64,
    squares: f64,
    n_codes: usize,
    n_changed: usize,
}

impl Moved {
    /// No change yet of columns that are filled, in this order, of all for which it is said whether they are codes.
    pub(super) fn of(order: &[usize], is_code: &[bool], scale: f64) -> Self {
        let number_columns = (0..is_code.len()).filter(|&column| !is_code[column]).collect();
        let has_numbers = order.iter().any(|&column| !is_code[column]);
        let has_codes = order.iter().any(|&column| is_code[column]);
        Moved { scale, number_columns, has_numbers, has_codes, ..Moved::default() }
    }

    /// A cell that was filled again.
    pub(super) fn add(&mut self, is_code: bool, before: f64, after: f64) {
        if is_code {
            self.n_codes += 1;
            self.n_changed += usize::from(before != after);
        } else {
            let step = (after - before).abs();
            self.largest = self.largest.max(step);
            self.squares += (step / self.scale).powi(2);
        }
    }

    /// The round is over: squares become a share of those of all numbers, also in columns without a gap.
    pub(super) fn end(&mut self, filled: &ArrayRef2<f64>) {
        let columns = self.number_columns.iter().flat_map(|&column| filled.column(column));
        let all: f64 = columns.map(|cell| (cell / self.scale).powi(2)).sum();
        self.squares = if all > 0.0 { self.squares / all } else { 0.0 };
    }

    /// Whether numbers, or codes, changed less than in the round before (Stekhoven and Buehlmann, 2012).
    pub(super) fn is_less_than(&self, last: &Moved) -> bool {
        let share = |moved: &Moved| moved.n_changed as f64 / moved.n_codes.max(1) as f64;
        let numbers = self.has_numbers && self.squares < last.squares;
        numbers || self.has_codes && share(self) < share(last)
    }

    /// Whether no number moved further than a share of the largest one, and no code changed.
    pub(super) fn is_little(&self, tolerance: f64) -> bool {
        self.largest <= tolerance * self.scale && self.n_changed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum((ximp - ximp.old)^2) / sum(ximp^2)` over all numeric columns, as in the package missForest of R.
    #[test]
    fn squares_are_a_share_of_those_of_whole_columns_too() {
        let filled = ndarray::array![[3.0, 2.0, 5.0], [4.0, 1.0, 5.0]];
        let mut moved = Moved::of(&[1], &[false, false, true], 4.0);
        moved.add(false, 1.0, 2.0);
        moved.end(&filled);
        assert!((moved.squares - 1.0 / 30.0).abs() < 1e-15, "{}", moved.squares);
        assert!(moved.has_numbers && !moved.has_codes);
    }
}
