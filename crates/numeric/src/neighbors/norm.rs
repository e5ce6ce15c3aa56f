//! The sums of coordinate differences that distances are monotone in.

/// A distance without its last root: the terms of the coordinates, put together one after the other.
pub(super) trait Norm: Copy + Send + Sync {
    /// The part of one coordinate.
    fn term(self, difference: f64) -> f64;

    /// Two parts together.
    fn join(self, a: f64, b: f64) -> f64 {
        a + b
    }
}

/// Sum of squares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squares;

impl Norm for Squares {
    #[inline(always)]
    fn term(self, difference: f64) -> f64 {
        difference * difference
    }
}

/// Sum of magnitudes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Magnitudes;

impl Norm for Magnitudes {
    #[inline(always)]
    fn term(self, difference: f64) -> f64 {
        difference.abs()
    }
}

/// Largest magnitude.
#[derive(Clone, Copy, Debug)]
pub(super) struct Largest;

impl Norm for Largest {
    #[inline(always)]
    fn term(self, difference: f64) -> f64 {
        difference.abs()
    }

    #[inline(always)]
    fn join(self, a: f64, b: f64) -> f64 {
        if b > a { b } else { a }
    }
}

/// Sum of powers of magnitudes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Powers(pub(super) f64);

impl Norm for Powers {
    #[inline(always)]
    fn term(self, difference: f64) -> f64 {
        difference.abs().powf(self.0)
    }
}

/// The distance without its root between two rows, the coordinates taken in order.
#[inline(always)]
pub(super) fn between<N: Norm>(norm: N, a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| norm.join(sum, norm.term(a - b)))
}
