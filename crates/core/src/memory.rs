//! Memory for large results.

/// So many zeros, of any kind of number. Where the system has large pages and leaves it to programs to ask for them, as Linux mostly does, a large
/// result lies on them: first touching a hundred megabytes in pages of four kilobytes takes longer than writing them.
///
/// ```
/// assert_eq!(perennial_core::memory::zeros::<f64>(3), [0.0; 3]);
/// ```
pub fn zeros<T: Clone + Default>(n: usize) -> Vec<T> {
    let zeros = vec![T::default(); n];
    ask_for_large_pages(zeros.as_ptr(), n);
    zeros
}

/// Makes room for so many more elements and no others, on large pages as [`zeros`].
///
/// ```
/// let mut values = vec![1.0];
/// perennial_core::memory::make_room(&mut values, 1_000_000);
/// assert!(values == [1.0] && values.capacity() > 1_000_000);
/// ```
pub fn make_room<T>(values: &mut Vec<T>, more: usize) {
    let before = values.capacity();
    values.reserve_exact(more);
    if values.capacity() > before {
        ask_for_large_pages(values.as_ptr(), values.capacity());
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn ask_for_large_pages<T>(first: *const T, n: usize) {
    use std::ffi::{c_int, c_void};

    const PAGE: usize = 4096;
    /// Below this many bytes large pages are not asked for.
    const LARGE: usize = 4 << 20;
    /// `MADV_HUGEPAGE` of Linux.
    const HUGE: c_int = 14;
    unsafe extern "C" {
        fn madvise(start: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    let bytes = n.saturating_mul(size_of::<T>());
    if bytes < LARGE {
        return;
    }
    let address = first.addr();
    let before = address.next_multiple_of(PAGE) - address;
    let start = first.wrapping_byte_add(before).cast_mut();
    let length = (bytes - before) / PAGE * PAGE;
    // SAFETY: both callers own the memory, in which the pages lie, and the advice changes neither what they hold nor how they may be used; a
    // system that does not know it says so, which is no harm.
    unsafe { madvise(start.cast(), length, HUGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages<T>(_: *const T, _: usize) {}

#[cfg(test)]
mod tests {
    use super::{make_room, zeros};

    #[test]
    fn large_results_are_zeros_that_can_be_written() {
        for n in [0, 1, 511, 600_000, 3_000_001] {
            let mut values = zeros::<f64>(n);
            assert!(values.len() == n && values.iter().all(|value| value.to_bits() == 0));
            values.iter_mut().zip(0_u32..).for_each(|(value, at)| *value = f64::from(at));
            values.extend([0.5; 3]);
            assert!((0..n).all(|at| values[at] == at as f64), "{n}");
        }
    }

    #[test]
    fn room_keeps_what_is_there() {
        let mut values: Vec<u32> = (0..1000).collect();
        for more in [0, 10, 3_000_000] {
            make_room(&mut values, more);
            assert!(values.capacity() >= 1000 + more && (0..1000).eq(values.iter().copied()));
        }
        // Elements without a size take no memory.
        make_room(&mut vec![(); 3], usize::MAX - 3);
    }
}
