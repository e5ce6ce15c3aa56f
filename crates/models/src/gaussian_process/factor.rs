//! Work with large factors that can be cancelled.

use ndarray::{Array2, s};
use perennial_core::{Context, Result};
use perennial_numeric::linalg::Cholesky;

/// Up to so many rows what is done takes less than a second, and is done at once.
const WHOLE: usize = 2048;
/// Columns that are worked on between two looks at whether to stop.
const BLOCK: usize = 128;

/// The inverse of a matrix of `n` rows, symmetric to the bit.
pub(super) fn inverse(factor: &Cholesky, n: usize, ctx: &Context) -> Result<Array2<f64>> {
    ctx.check()?;
    if n <= WHOLE {
        return Ok(factor.inverse());
    }
    let mut inverse = Array2::zeros((n, n));
    for start in (0..n).step_by(BLOCK) {
        ctx.check()?;
        let width = BLOCK.min(n - start);
        let mut unit = Array2::zeros((n, width));
        (0..width).for_each(|column| unit[[start + column, column]] = 1.0);
        inverse.slice_mut(s![.., start..start + width]).assign(&factor.solve_columns(&unit));
    }
    for i in 0..n {
        for j in 0..i {
            inverse[[j, i]] = inverse[[i, j]];
        }
    }
    Ok(inverse)
}

/// As [`Cholesky::half_solve_rows`], of rows of `n` numbers.
pub(super) fn half_solve_rows(factor: &Cholesky, rows: &mut [f64], n: usize, ctx: &Context) -> Result<()> {
    let at_once = if n <= WHOLE { rows.len() } else { n * BLOCK };
    for rows in rows.chunks_mut(at_once.max(1)) {
        ctx.check()?;
        factor.half_solve_rows(rows);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_inverse() {
        let n = WHOLE + 30;
        let near = |i: usize, j: usize| (-(i.abs_diff(j) as f64) / 3.0).exp();
        let matrix = Array2::from_shape_fn((n, n), |(i, j)| near(i, j));
        let factor = Cholesky::new(&matrix).unwrap();
        let found = inverse(&factor, n, &Context::new()).unwrap();
        assert_eq!(found, found.t());
        assert!((found - factor.inverse()).iter().all(|apart| apart.abs() < 1e-10));
    }
}
