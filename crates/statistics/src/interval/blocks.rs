use perennial_numeric::reduce::map_each;

/// Blocks whose halves are compared; more of them add no accuracy, only time.
const MOST_BLOCKS: usize = 500;

/// How much wider an interval from blocks of `length` rows must be, because rows of different blocks are drawn as if they were
/// independent and are not.
///
/// Blocks leave out a part of the correlations that falls as one over their length. Twice the variance by blocks
/// less the one by half blocks leaves out less (the flat window of Politis and Romano, 1995). In terms of what the
/// statistic owes to each half of a block, with the correlation `r` of neighbouring halves, it is `(1 + 2 r) / (1 + r)` times
/// the variance by blocks. It is never taken to be less than 1, as a negative `r` is mostly chance.
pub(super) fn joints(n_rows: usize, length: usize, statistic: &(impl Fn(&[usize]) -> f64 + Sync)) -> f64 {
    let (n_blocks, half) = (n_rows / length, length / 2);
    if half == 0 || n_blocks < 2 {
        return 1.0;
    }
    let used = n_blocks.min(MOST_BLOCKS);
    let without = map_each(2 * used, |place| {
        let first = place / 2 * n_blocks / used * length + place % 2 * half;
        let rows: Vec<usize> = (0..first).chain(first + half..n_rows).collect();
        statistic(&rows)
    });
    let mean = without.iter().sum::<f64>() / without.len() as f64;
    let owed: Vec<f64> = without.iter().map(|value| mean - value).collect();
    // Where blocks are left out between, only the halves of one block touch.
    let step = if used == n_blocks { 1 } else { 2 };
    let products: Vec<f64> = owed.windows(2).step_by(step).map(|pair| pair[0] * pair[1]).collect();
    let squares = owed.iter().map(|owed| owed * owed).sum::<f64>() / owed.len() as f64;
    let r = products.iter().sum::<f64>() / products.len() as f64 / squares;
    // NaN, where nothing is owed to any part, widens nothing.
    if r > 0.0 { ((1.0 + 2.0 * r) / (1.0 + r)).sqrt() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean<'a>(x: &'a [f64]) -> impl Fn(&[usize]) -> f64 + Sync + 'a {
        |rows| rows.iter().map(|&row| x[row]).sum::<f64>() / rows.len() as f64
    }

    #[test]
    fn halves_that_are_the_same_are_the_most() {
        // Two levels, each half of the rows long: neighbouring halves are the same but at one joint, so 3 / 2 of the variance.
        let x: Vec<f64> = (0..40_000).map(|row| f64::from(u8::from(row < 20_000))).collect();
        assert!((joints(40_000, 100, &mean(&x)).powi(2) - 1.5).abs() < 2e-3);
        // Of blocks that are drawn from many, halves of one block: perfectly correlated where each block is constant.
        let x: Vec<f64> = (0..20_000).map(|row| f64::from(row / 10 * 17 % 40)).collect();
        assert!((joints(20_000, 10, &mean(&x)).powi(2) - 1.5).abs() < 1e-9);
        // Halves that cancel, a constant, single rows and a single block widen nothing.
        let x: Vec<f64> = (0..400).map(|row| if row % 10 < 5 { 1.0 } else { -1.0 }).collect();
        assert_eq!(joints(400, 10, &mean(&x)), 1.0);
        assert_eq!(joints(400, 10, &|_: &[usize]| 3.0), 1.0);
        assert_eq!([joints(400, 1, &mean(&x)), joints(15, 10, &mean(&x))], [1.0, 1.0]);
    }
}
