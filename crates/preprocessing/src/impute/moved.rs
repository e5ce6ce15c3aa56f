//! How far a round of predictions moved the cells that it filled.

use ndarray::ArrayRef2;

/// The changes of one round.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved {
    /// The largest number that was learned from; what is squared is a share of it.
    scale: f64,
    number_columns: Vec<usize>,
    has_codes: bool,
    largest: f64,
    squares: f64,
    n_codes: usize,
    n_changed: usize,
}

impl Moved {
    /// No change yet of columns that are filled.
    pub(super) fn of(order: &[usize], is_code: &[bool], scale: f64) -> Self {
        let number_columns: Vec<usize> = order.iter().copied().filter(|&column| !is_code[column]).collect();
        let has_codes = number_columns.len() < order.len();
        Moved { scale, number_columns, has_codes, ..Moved::default() }
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

    /// The round is over: squares become a share of those of the numbers.
    pub(super) fn end(&mut self, filled: &ArrayRef2<f64>) {
        let columns = self.number_columns.iter().flat_map(|&column| filled.column(column));
        let all: f64 = columns.map(|cell| (cell / self.scale).powi(2)).sum();
        self.squares = if all > 0.0 { self.squares / all } else { 0.0 };
    }

    /// Whether numbers, or codes, changed less than in the round before (Stekhoven and Buehlmann, 2012).
    pub(super) fn is_less_than(&self, last: &Moved) -> bool {
        let share = |moved: &Moved| moved.n_changed as f64 / moved.n_codes.max(1) as f64;
        let numbers = !self.number_columns.is_empty() && self.squares < last.squares;
        numbers || self.has_codes && share(self) < share(last)
    }

    /// Whether no number moved further than a share of the largest one, and no code changed.
    pub(super) fn is_little(&self, tolerance: f64) -> bool {
        self.largest <= tolerance * self.scale && self.n_changed == 0
    }
}
