//! The best mixture of a few classifiers, exactly.

/// What a mixture of classifiers reaches.
pub(super) struct Mixture {
    /// The share of each classifier.
    pub(super) shares: Vec<f64>,
    /// The price of each constraint: how much the value would fall if it were looser by one.
    pub(super) prices: Vec<f64>,
    /// The error, and `bound` times how far the worst constraint is broken.
    pub(super) value: f64,
}

const CLOSE: f64 = 1e-11;

/// The mixture with the least error plus `bound` times its worst broken constraint (0 where none is): a small linear
/// programme, by the simplex method with Bland's rule (1977), which cannot go round in circles.
///
/// `errors` has one number for each classifier, `broken` a list of as many numbers as there are constraints.
pub(super) fn best_mixture(errors: &[f64], broken: &[&[f64]], bound: f64) -> Mixture {
    let (n, k) = (errors.len(), broken[0].len());
    // Columns: the shares of all classifiers but the first, the worst breach, a slack for each constraint, the share of the
    // first classifier; then the right side. Rows: the constraints, the sum of the shares, the value.
    let (breach, slack, first) = (n - 1, n, n + k);
    let width = n + k + 2;
    let mut table = vec![vec![0.0; width]; k + 2];
    for row in 0..k {
        (1..n).for_each(|j| table[row][j - 1] = broken[j][row] - broken[0][row]);
        table[row][breach] = -1.0;
        table[row][slack + row] = 1.0;
        table[row][width - 1] = -broken[0][row];
    }
    (0..n - 1).for_each(|j| table[k][j] = 1.0);
    (table[k][first], table[k][width - 1]) = (1.0, 1.0);
    (1..n).for_each(|j| table[k + 1][j - 1] = errors[j] - errors[0]);
    table[k + 1][breach] = bound;
    table[k + 1][width - 1] = -errors[0];
    let mut basis: Vec<usize> = (0..k).map(|row| slack + row).chain([first]).collect();
    // The first classifier alone breaks constraints: then its worst breach is there from the start.
    let worst = (0..k)
        .fold(0, |worst, row| if table[row][width - 1] < table[worst][width - 1] { row } else { worst });
    if k > 0 && table[worst][width - 1] < 0.0 {
        pivot(&mut table, &mut basis, worst, breach);
    }
    for _ in 0..10_000 {
        let Some(column) = (0..width - 1).find(|&column| table[k + 1][column] < -CLOSE) else { break };
        let mut leaving: Option<(usize, f64)> = None;
        for row in 0..=k {
            if table[row][column] > CLOSE {
                let ratio = table[row][width - 1] / table[row][column];
                let better = leaving.is_none_or(|(best, least)| {
                    ratio < least - CLOSE || (ratio <= least + CLOSE && basis[row] < basis[best])
                });
                if better {
                    leaving = Some((row, ratio));
                }
            }
        }
        let Some((row, _)) = leaving else { break };
        pivot(&mut table, &mut basis, row, column);
    }
    let mut shares = vec![0.0; n];
    for (row, &column) in basis.iter().enumerate() {
        let share = table[row][width - 1].max(0.0);
        if column < n - 1 {
            shares[column + 1] = share;
        } else if column == first {
            shares[0] = share;
        }
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    let mixed = |of: &dyn Fn(usize) -> f64| (0..n).map(|j| shares[j] * of(j)).sum::<f64>();
    let breach = (0..k).map(|row| mixed(&|j| broken[j][row])).fold(0.0, f64::max);
    let value = mixed(&|j| errors[j]) + bound * breach;
    let prices = (0..k).map(|row| table[k + 1][slack + row].max(0.0)).collect();
    Mixture { shares, prices, value }
}

fn pivot(table: &mut [Vec<f64>], basis: &mut [usize], row: usize, column: usize) {
    let scale = table[row][column];
    table[row].iter_mut().for_each(|value| *value /= scale);
    let own = table[row].clone();
    for (number, other) in table.iter_mut().enumerate() {
        let factor = other[column];
        if number != row && factor != 0.0 {
            other.iter_mut().zip(&own).for_each(|(value, own)| *value -= factor * own);
        }
    }
    basis[row] = column;
}

#[cfg(test)]
mod tests {
    use super::best_mixture;

    #[test]
    fn two_classifiers_are_mixed_until_the_bound_is_kept() {
        // Errors 0.1 and 0.3; the first breaks the constraint by 0.2, the second keeps it by 0.1: a third of the first.
        let mixture = best_mixture(&[0.1, 0.3], &[&[0.2, -0.4], &[-0.1, -0.1]], 10.0);
        assert!((mixture.shares[0] - 1.0 / 3.0).abs() < 1e-12);
        assert!((mixture.value - (0.1 / 3.0 + 0.2)).abs() < 1e-12);
        // Looser by one, the share of the first rises by 1 / 0.3 and saves 0.2 each.
        assert!((mixture.prices[0] - 0.2 / 0.3).abs() < 1e-12 && mixture.prices[1] == 0.0);
        // Where breaking costs less than it saves, it is broken.
        let cheap = best_mixture(&[0.1, 0.3], &[&[0.2, -0.4], &[-0.1, -0.1]], 0.1);
        assert_eq!(cheap.shares, [1.0, 0.0]);
        assert!((cheap.value - 0.12).abs() < 1e-12 && (cheap.prices[0] - 0.1).abs() < 1e-12);
        assert_eq!(best_mixture(&[0.2], &[&[-0.1]], 5.0).shares, [1.0]);
    }
}
