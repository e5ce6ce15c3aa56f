//! Memory for large results.

/// So many zeros. Where the system has large pages and leaves it to programs to ask for them, as Linux mostly does, a large
/// result lies on them: first touching a hundred megabytes in pages of four kilobytes takes longer than writing them.
///
/// ```
/// assert_eq!(perennial_numeric::memory::zeros(3), [0.0; 3]);
/// ```
pub fn zeros(n: usize) -> Vec<f64> {
    let zeros = vec![0.0; n];
    ask_for_large_pages(&zeros);
    zeros
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn ask_for_large_pages(values: &[f64]) {
    use std::ffi::{c_int, c_void};

    const PAGE: usize = 4096;
    /// Below this many bytes large pages are not asked for.
    const LARGE: usize = 4 << 20;
    /// `MADV_HUGEPAGE` of Linux.
    const HUGE: c_int = 14;
    unsafe extern "C" {
        fn madvise(start: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    let bytes = size_of_val(values);
    if bytes < LARGE {
        return;
    }
    let address = values.as_ptr().addr();
    let before = address.next_multiple_of(PAGE) - address;
    let start = values.as_ptr().wrapping_byte_add(before).cast_mut();
    let length = (bytes - before) / PAGE * PAGE;
    // SAFETY: the pages lie inside of the vector, and the advice changes neither what they hold nor how they may be used; a
    // system that does not know it says so, which is no harm.
    unsafe { madvise(start.cast(), length, HUGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: &[f64]) {}

#[cfg(test)]
mod tests {
    use super::zeros;

    #[test]
    fn large_results_are_zeros_that_can_be_written() {
        for n in [0, 1, 511, 600_000, 3_000_001] {
            let mut values = zeros(n);
            assert!(values.len() == n && values.iter().all(|value| value.to_bits() == 0));
            values.iter_mut().zip(0_u32..).for_each(|(value, at)| *value = f64::from(at));
            values.extend([0.5; 3]);
            assert!((0..n).all(|at| values[at] == at as f64), "{n}");
        }
    }
}
