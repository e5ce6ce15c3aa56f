//! The widest vector instructions that the machine has.

use std::sync::LazyLock;

/// Work whose loops should run on vectors; see [`widest`].
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Does the work. Mark it `#[inline(always)]`, and what it calls in its loops too.
    fn run(self) -> Self::Output;
}

/// A closure is a kernel; the compiler inlines it where it is short.
impl<T, F: FnOnce() -> T> Kernel for F {
    type Output = T;

    #[inline(always)]
    fn run(self) -> T {
        self()
    }
}

/// Runs a kernel compiled for the widest vectors that this machine has (AVX2 on x86-64), chosen at run time.
///
/// Only what is inlined into [`Kernel::run`] is compiled so. The compiler neither fuses multiplications with
/// additions nor reorders sums, so the result has the same bits on every machine.
///
/// ```
/// let squares: Vec<f64> = perennial_numeric::simd::widest(|| (0..8).map(|i| f64::from(i * i)).collect());
/// assert_eq!(squares[7], 49.0);
/// ```
#[inline]
pub fn widest<K: Kernel>(kernel: K) -> K::Output {
    static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);
    ARCH.dispatch(Op(kernel))
}

struct Op<K>(K);

impl<K: Kernel> pulp::WithSimd for Op<K> {
    type Output = K::Output;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> K::Output {
        self.0.run()
    }
}

/// Asks the processor to bring an element into its cache; does nothing where there is no such element or no such
/// instruction.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = slice.get(index) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE belongs to x86-64, and a prefetch reads nothing: the address is valid besides.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(element).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}
