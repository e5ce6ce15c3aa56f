//! How far categories are apart, where all columns are categories.

use ndarray::ArrayRef2;
use perennial_core::{Classes, Rows};

/// The value difference metric (Stanfill and Waltz, 1986): two categories are as far apart as the shares of the classes among the rows
/// that have them, and rows as the squares of this, added up.
pub(super) struct Nominal {
    n_cols: usize,
    /// The place of each cell among the categories of its column.
    places: Vec<u32>,
    /// For each column the share of each class in each category, category by category.
    shares: Vec<Vec<f64>>,
    n_classes: usize,
}

impl Nominal {
    pub(super) fn of(x: &ArrayRef2<f64>, y: &Classes) -> Self {
        let (n_rows, n_cols) = x.dim();
        let n_classes = y.n_classes();
        let mut places = vec![0_u32; n_rows * n_cols];
        let mut shares = Vec::with_capacity(n_cols);
        for (column, cells) in x.columns().into_iter().enumerate() {
            let mut levels = cells.to_vec();
            levels.sort_by(f64::total_cmp);
            levels.dedup();
            let mut counts = vec![0.0; levels.len() * n_classes];
            for (row, cell) in cells.iter().enumerate().take(y.n_rows()) {
                let place = levels.partition_point(|level| level < cell);
                places[row * n_cols + column] = place as u32;
                counts[place * n_classes + y.codes()[row] as usize] += 1.0;
            }
            for of_level in counts.chunks_exact_mut(n_classes) {
                let all: f64 = of_level.iter().sum();
                of_level.iter_mut().for_each(|count| *count /= all);
            }
            shares.push(counts);
        }
        Nominal { n_cols, places, shares, n_classes }
    }

    /// The distance of two rows, or any number of at least `most` where it is no less.
    pub(super) fn distance(&self, a: usize, b: usize, most: f64) -> f64 {
        let row = |row: usize| &self.places[row * self.n_cols..(row + 1) * self.n_cols];
        let mut sum = 0.0;
        for ((&a, &b), shares) in row(a).iter().zip(row(b)).zip(&self.shares) {
            if a != b {
                let of = |place: u32| &shares[place as usize * self.n_classes..][..self.n_classes];
                let gap: f64 = of(a).iter().zip(of(b)).map(|(a, b)| (a - b).abs()).sum();
                sum += gap * gap;
            }
            if sum >= most {
                break;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use perennial_core::Classes;

    use super::Nominal;

    /// `ValueDifferenceMetric().fit(X, y).pairwise(X)` of imbalanced-learn 0.14.2.
    #[test]
    fn distances_are_those_of_imbalanced_learn() {
        let x = array![[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [1.0, 2.0], [2.0, 2.0], [0.0, 2.0]];
        let y = Classes::from_labels(["a", "a", "a", "b", "b", "b", "a"]);
        let nominal = Nominal::of(&x, &y);
        let expected = [
            [0.0, 1.0, 1.0, 5.0, 2.777777777777778, 5.777777777777779, 1.7777777777777781],
            [1.0, 0.0, 2.0, 4.0, 1.1111111111111112, 4.111111111111111, 0.1111111111111111],
            [1.0, 2.0, 0.0, 2.0, 1.7777777777777781, 2.777777777777778, 2.777777777777778],
            [5.0, 4.0, 2.0, 0.0, 1.1111111111111112, 0.1111111111111111, 4.111111111111111],
            [2.777777777777778, 1.1111111111111112, 1.7777777777777781, 1.1111111111111112, 0.0, 1.0, 1.0],
            [5.777777777777779, 4.111111111111111, 2.777777777777778, 0.1111111111111111, 1.0, 0.0, 4.0],
            [1.7777777777777781, 0.1111111111111111, 2.777777777777778, 4.111111111111111, 1.0, 4.0, 0.0],
        ];
        for (a, row) in expected.iter().enumerate() {
            for (b, distance) in row.iter().enumerate() {
                let ours = nominal.distance(a, b, f64::INFINITY);
                assert!((ours - distance).abs() < 1e-14, "{a} {b}: {ours} {distance}");
            }
        }
        assert!(nominal.distance(0, 3, 0.5) >= 0.5);
    }
}
