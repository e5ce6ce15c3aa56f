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
/// `PERENNIAL_SIMD` narrows the choice: `avx2` leaves out AVX-512, `baseline` takes what every processor of its kind has.
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
    static ARCH: LazyLock<Option<pulp::Arch>> =
        LazyLock::new(|| (*ALLOWED > Width::Baseline).then(pulp::Arch::new));
    match *ARCH {
        Some(arch) => arch.dispatch(Op(kernel)),
        None => kernel.run(),
    }
}

/// Up to which width vectors may be used, where the machine has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Baseline,
    Avx2,
    Avx512,
}

static ALLOWED: LazyLock<Width> = LazyLock::new(|| match std::env::var("PERENNIAL_SIMD").as_deref() {
    Ok("baseline") => Width::Baseline,
    Ok("avx2") => Width::Avx2,
    _ => Width::Avx512,
});

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
