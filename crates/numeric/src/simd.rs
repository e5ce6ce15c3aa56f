//! The widest vector instructions that the machine has.

use std::sync::LazyLock;

/// Runs `work` compiled for the widest vectors that this machine has (AVX2 on x86-64), chosen at run time.
///
/// Only what is inlined into `work` is compiled so: keep its loops in it, or in functions marked `#[inline(always)]`.
/// The compiler neither fuses multiplications with additions nor reorders sums, so the result has the same bits on
/// every machine.
///
/// ```
/// let squares: Vec<f64> = perennial_numeric::simd::widest(|| (0..8).map(|i| f64::from(i * i)).collect());
/// assert_eq!(squares[7], 49.0);
/// ```
#[inline]
pub fn widest<T>(work: impl FnOnce() -> T) -> T {
    static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);
    ARCH.dispatch(work)
}
