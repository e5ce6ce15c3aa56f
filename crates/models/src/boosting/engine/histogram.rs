//! Histograms of derivatives.
//!
//! The sums of first and second derivatives of a bin share one 64-bit integer: the first in its upper half, signed,
//! the second in its lower half. One addition serves both, and whole numbers give the same sum in any order, so rows
//! can be shared out among any number of threads.

use perennial_numeric::simd;

use super::derivatives::Whole;
use super::groups::Group;

/// How many rows ahead bins are asked for.
const AHEAD: usize = 40;

/// The sums of derivatives of each bin of a column.
pub(crate) type Histogram = [u64; 256];

/// Two sums of whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) gradient: i32,
    pub(crate) hessian: i32,
}

/// Both derivatives in one number.
#[inline(always)]
pub(crate) fn pack(sums: Sums) -> u64 {
    ((i64::from(sums.gradient) << 32) + i64::from(sums.hessian)).cast_unsigned()
}

/// The two sums in one number. The lower half never overflows, so it takes nothing from the upper.
#[inline(always)]
pub(crate) fn unpack(packed: u64) -> Sums {
    Sums { gradient: (packed >> 32) as i32, hessian: packed as u32 as i32 }
}

/// Adds the derivatives of some rows, of those of all, to the histograms of a group.
pub(crate) fn add<D: Whole>(group: &Group, rows: &[u32], of_rows: &[D], histograms: &mut [Histogram]) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match group.width {
                $($width => add_wide::<D, $width>(&group.codes, rows, of_rows, histograms),)*
                _ => unreachable!("groups have 1 to 24 columns"),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
}

fn add_wide<D: Whole, const WIDTH: usize>(
    codes: &[u8],
    rows: &[u32],
    of_rows: &[D],
    histograms: &mut [Histogram],
) {
    let codes = codes.as_chunks::<WIDTH>().0;
    let Some(histograms) = histograms.as_chunks_mut::<WIDTH>().0.first_mut() else { return };
    for (place, &row) in rows.iter().enumerate() {
        if let Some(&soon) = rows.get(place + AHEAD) {
            simd::prefetch(of_rows, soon as usize);
            simd::prefetch(codes, soon as usize);
            simd::prefetch(codes.as_flattened(), soon as usize * WIDTH + WIDTH - 1);
        }
        let codes = &codes[row as usize];
        let packed = of_rows[row as usize].packed();
        for column in 0..WIDTH {
            let sum = &mut histograms[column][codes[column] as usize];
            *sum = sum.wrapping_add(packed);
        }
    }
}

/// Adds the derivatives of consecutive rows, from `first` on.
pub(crate) fn add_all<D: Whole>(
    group: &Group,
    first: usize,
    derivatives: &[D],
    histograms: &mut [Histogram],
) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match group.width {
                $($width => add_all_wide::<D, $width>(&group.codes, first, derivatives, histograms),)*
                _ => unreachable!("groups have 1 to 24 columns"),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
}

fn add_all_wide<D: Whole, const WIDTH: usize>(
    codes: &[u8],
    first: usize,
    derivatives: &[D],
    histograms: &mut [Histogram],
) {
    let codes = &codes.as_chunks::<WIDTH>().0[first..];
    let Some(histograms) = histograms.as_chunks_mut::<WIDTH>().0.first_mut() else { return };
    for (codes, &derivatives) in codes.iter().zip(derivatives) {
        let packed = derivatives.packed();
        for column in 0..WIDTH {
            let sum = &mut histograms[column][codes[column] as usize];
            *sum = sum.wrapping_add(packed);
        }
    }
}

/// Takes the histograms of one child from those of its parent, which leaves those of the other.
pub(crate) fn subtract(parent: &mut [Histogram], child: &[Histogram]) {
    for (parent, child) in parent.as_flattened_mut().iter_mut().zip(child.as_flattened()) {
        *parent = parent.wrapping_sub(*child);
    }
}

/// Adds histograms to others.
pub(crate) fn merge(into: &mut [Histogram], from: &[Histogram]) {
    for (into, from) in into.as_flattened_mut().iter_mut().zip(from.as_flattened()) {
        *into = into.wrapping_add(*from);
    }
}
