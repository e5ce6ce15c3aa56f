//! The rows that a tree learns from.

/// A row of a tree's sample.
pub(crate) trait Row: Copy + Default + Send + Sync + 'static {
    /// Whether each row has a weight of 1 and one of two classes.
    const COUNTS: bool;

    /// Its number in the table that the tree reads.
    fn row(self) -> u32;
    /// The same row, with this number.
    fn at(self, row: u32) -> Self;
    fn weight(self) -> f64;
    /// The target; 0 or 1 for the first and the second of two classes.
    fn y(self) -> f64;
    fn class(self) -> u32;
}

/// A row with a weight and a target.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) weight: f64,
    pub(crate) y: f64,
    pub(crate) row: u32,
    pub(crate) class: u32,
}

impl Row for Sample {
    const COUNTS: bool = false;

    #[inline]
    fn row(self) -> u32 {
        self.row
    }

    #[inline]
    fn at(self, row: u32) -> Self {
        Sample { row, ..self }
    }

    #[inline]
    fn weight(self) -> f64 {
        self.weight
    }

    #[inline]
    fn y(self) -> f64 {
        self.y
    }

    #[inline]
    fn class(self) -> u32 {
        self.class
    }
}

/// A row of one of two classes whose weight is 1. Small, because rows are moved at each level of a tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted(u32);

impl Counted {
    /// The largest number of a row that fits.
    pub(crate) const MOST: usize = (u32::MAX >> 1) as usize;

    pub(crate) fn new(row: u32, class: u32) -> Self {
        Counted(row << 1 | class & 1)
    }
}

impl Row for Counted {
    const COUNTS: bool = true;

    #[inline]
    fn row(self) -> u32 {
        self.0 >> 1
    }

    #[inline]
    fn at(self, row: u32) -> Self {
        Counted::new(row, self.class())
    }

    #[inline]
    fn weight(self) -> f64 {
        1.0
    }

    #[inline]
    fn y(self) -> f64 {
        f64::from(self.class())
    }

    #[inline]
    fn class(self) -> u32 {
        self.0 & 1
    }
}
