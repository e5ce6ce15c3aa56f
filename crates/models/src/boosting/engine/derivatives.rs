//! Derivatives as whole numbers.

use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use perennial_numeric::simd::{self, Kernel};

use super::grow::Buffers;
use super::histogram::{Sums, pack};

/// The whole numbers that the derivatives of one tree became, and what one unit of them stands for.
pub(crate) struct Derivatives {
    pub(crate) of_rows: OfRows,
    pub(crate) scale: Scale,
    /// The largest second derivative of a row, in units.
    pub(crate) largest_hessian: i32,
}

/// The derivatives of each row.
pub(crate) enum OfRows {
    /// The first ones, where all second ones are 1, so that their sums are numbers of rows.
    Counted(Vec<i32>),
    /// Both; see [`pack`].
    Both(Vec<u64>),
}

impl Derivatives {
    pub(crate) fn n_rows(&self) -> usize {
        match &self.of_rows {
            OfRows::Counted(rows) => rows.len(),
            OfRows::Both(rows) => rows.len(),
        }
    }

    /// Whether all second derivatives are 1.
    pub(crate) fn is_count(&self) -> bool {
        matches!(self.of_rows, OfRows::Counted(_))
    }
}

/// What is kept of the derivatives of a row.
pub(crate) trait Whole: Copy + Default + Send + Sync {
    /// Both derivatives in one number.
    fn packed(self) -> u64;
}

impl Whole for i32 {
    #[inline(always)]
    fn packed(self) -> u64 {
        pack(Sums { gradient: self, hessian: 1 })
    }
}

/// What counts a row.
#[derive(Clone, Copy, Default)]
pub(crate) struct One;

impl Whole for One {
    #[inline(always)]
    fn packed(self) -> u64 {
        pack(Sums { gradient: 0, hessian: 1 })
    }
}

impl Whole for u64 {
    #[inline(always)]
    fn packed(self) -> u64 {
        self
    }
}

/// What one unit stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) gradient: f64,
    pub(crate) hessian: f64,
}

impl Scale {
    /// What one unit of an output stands for: of a first derivative by a second.
    pub(crate) fn output(self) -> f64 {
        self.gradient / self.hessian
    }

    /// A gain, 0 or more, in units.
    pub(crate) fn gain(self, gain: f64) -> f64 {
        if gain > 0.0 { gain / self.gradient / self.output() } else { 0.0 }
    }
}

/// Rows that one task rounds.
const BLOCK: usize = 8192;

/// Rounds derivatives to whole numbers whose sums over any rows stay below 2^31.
///
/// The unit follows from the sum of the magnitudes, not from the largest, so that a million rows keep 11 bits
/// for the average derivative and an outlier takes nothing from the others. Each is rounded up with the probability
/// that its fraction says, so that sums are right on average whatever the unit; the draws depend on the row and `seed`
/// alone. A unit is a power of two: derivatives that are whole multiples of it are not changed.
///
/// With `is_count` all second derivatives are 1 and kept so: their sums are counts.
///
/// # Errors
/// When a derivative, or the sum of all, is not finite.
pub(crate) fn round(
    gradients: &[f64],
    hessians: &[f64],
    is_count: bool,
    seed: u64,
    spare: &Buffers,
) -> Result<Derivatives> {
    let n_rows = gradients.len();
    let scale = scale(gradients, hessians, is_count, f64::from(i32::MAX) - n_rows as f64)?;
    let seed = (seed ^ seed >> 32) as u32;
    let block = |first: usize| Block {
        gradients: &gradients[first..],
        hessians: &hessians[first..],
        by_gradient: 1.0 / scale.gradient,
        by_hessian: 1.0 / scale.hessian,
        first: first as u32,
        seed,
    };
    if is_count {
        let mut counted = spare.counted.sized(n_rows);
        reduce::fill_chunks(&mut counted, BLOCK, |first, out| simd::widest(First(block(first), out)));
        let of_rows = OfRows::Counted(counted);
        return Ok(Derivatives { of_rows, scale, largest_hessian: 1 });
    }
    let mut both = spare.both.sized(n_rows);
    reduce::fill_chunks(&mut both, BLOCK, |first, out| simd::widest(Both(block(first), out)));
    let largest = reduce::map_chunks(n_rows, BLOCK, |rows| {
        both[rows].iter().map(|&packed| packed as u32 as i32).max().unwrap_or(0)
    });
    let largest_hessian = largest.into_iter().max().unwrap_or(0);
    Ok(Derivatives { of_rows: OfRows::Both(both), scale, largest_hessian })
}

/// The units in which the magnitudes of all derivatives have sums of at most `room`. With `is_count` second derivatives stay 1.
///
/// # Errors
/// When a derivative, or the sum of all, is not finite.
pub(crate) fn scale(gradients: &[f64], hessians: &[f64], is_count: bool, room: f64) -> Result<Scale> {
    let n_rows = gradients.len();
    let sum = reduce::sum_by(n_rows, |row| gradients[row].abs());
    let weight = if is_count { n_rows as f64 } else { reduce::sum_by(n_rows, |row| hessians[row].abs()) };
    if !(sum.is_finite() && weight.is_finite()) {
        return Err(Error::overflow(
            "the derivatives of the loss are not finite, or their sum is not: scale the target or the weights down",
        ));
    }
    Ok(Scale { gradient: unit(sum, room), hessian: if is_count { 1.0 } else { unit(weight, room) } })
}

/// The rows that one task rounds.
struct Block<'a> {
    gradients: &'a [f64],
    hessians: &'a [f64],
    by_gradient: f64,
    by_hessian: f64,
    first: u32,
    seed: u32,
}

impl Block<'_> {
    #[inline(always)]
    fn draw(&self, offset: usize) -> u32 {
        hash(self.first.wrapping_add(offset as u32) ^ self.seed)
    }
}

/// A number rounded up with the probability that its fraction says; `draw` is below 2^16.
#[inline(always)]
fn whole(value: f64, draw: u32) -> i32 {
    (value + f64::from(draw as i32) * (1.0 / 65536.0)).floor() as i32
}

/// Rounds first derivatives.
struct First<'a>(Block<'a>, &'a mut [i32]);

/// Rounds both.
struct Both<'a>(Block<'a>, &'a mut [u64]);

impl Kernel for First<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let First(block, out) = self;
        for offset in 0..out.len() {
            out[offset] = whole(block.gradients[offset] * block.by_gradient, block.draw(offset) & 0xffff);
        }
    }
}

impl Kernel for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Both(block, out) = self;
        for offset in 0..out.len() {
            let draw = block.draw(offset);
            let gradient = whole(block.gradients[offset] * block.by_gradient, draw & 0xffff);
            let hessian = whole(block.hessians[offset] * block.by_hessian, draw >> 16);
            out[offset] = pack(Sums { gradient, hessian });
        }
    }
}

/// The smallest power of two by which a sum can be divided to fit into `room`.
fn unit(sum: f64, room: f64) -> f64 {
    if !(sum > 0.0 && sum.is_finite()) {
        return 1.0;
    }
    let exponent = (sum / room).log2().ceil().clamp(-1022.0, 1022.0);
    2_f64.powi(exponent as i32)
}

/// A whole number that looks drawn at random (the constants are those of Wellons' `lowbias32`).
#[inline(always)]
fn hash(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
    x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}
