//! The widest vector instructions that the machine has.

use std::sync::LazyLock;

/// Work whose loops should run on vectors; see [`widest`].
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Whether vectors of 512 bits pay, where the machine has them: for long loops.
    const BROAD: bool = false;

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

/// Runs a kernel compiled for the widest vectors that this machine has, chosen at run time: on x86-64 AVX2, or AVX-512 for
/// a kernel that is [`BROAD`](Kernel::BROAD).
///
/// Only what is inlined into [`Kernel::run`] is compiled so. The compiler neither fuses multiplications with
/// additions nor reorders sums, so the result has the same bits on every machine. The environment variable
/// `PERENNIAL_SIMD` narrows the choice: `avx2` leaves out AVX-512, `baseline` takes what every processor of its kind has; any
/// other value is as if it were not set. It is meant for arithmetic: reading text is not narrowed.
///
/// ```
/// let squares: Vec<f64> = perennial_numeric::simd::widest(|| (0..8).map(|i| f64::from(i * i)).collect());
/// assert_eq!(squares[7], 49.0);
/// ```
#[inline]
pub fn widest<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if K::BROAD && broad() {
        return run_broad(kernel);
    }
    arch().dispatch(Op(kernel))
}

/// The vectors that loops written for any width may use: AVX2 or NEON, or one number at a time.
#[inline]
pub(crate) fn arch() -> pulp::Arch {
    static ARCH: LazyLock<pulp::Arch> = LazyLock::new(|| match *ALLOWED {
        Width::Baseline => pulp::Arch::Scalar,
        Width::Avx2 | Width::Avx512 => pulp::Arch::new(),
    });
    *ARCH
}

/// Up to which width vectors may be used, where the machine has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Baseline,
    Avx2,
    Avx512,
}

impl Width {
    /// The width of a name, in letters of any case; the widest where there is no such name.
    fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "baseline" => Width::Baseline,
            "avx2" => Width::Avx2,
            _ => Width::Avx512,
        }
    }
}

static ALLOWED: LazyLock<Width> =
    LazyLock::new(|| Width::named(&std::env::var("PERENNIAL_SIMD").unwrap_or_default()));

/// Whether vectors of 512 bits may be used where the machine has them: unless `PERENNIAL_SIMD` is `avx2` or `baseline`.
#[inline]
pub fn allows_broad() -> bool {
    *ALLOWED == Width::Avx512
}

/// Whether the machine has vectors of 512 bits, and all that goes with them.
pub fn broad() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        static BROAD: LazyLock<bool> = LazyLock::new(|| {
            allows_broad()
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("fma")
        });
        *BROAD
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// # Panics
/// Where the machine has no such vectors.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn run_broad<K: Kernel>(kernel: K) -> K::Output {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }

    assert!(broad(), "the machine has no such vectors");
    // SAFETY: the processor has what is needed, as was just asserted.
    unsafe { run(kernel) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_widths_are_read_as_they_are_written() {
        assert_eq!([" Baseline\n", "BASELINE"].map(Width::named), [Width::Baseline; 2]);
        assert_eq!(["avx2", "AVX2 "].map(Width::named), [Width::Avx2; 2]);
        assert_eq!(["", "avx512", "none"].map(Width::named), [Width::Avx512; 3]);
    }
}
