//! Keeps the nearest of the rows that a search comes upon, or all of those within a radius.

/// What a search hands the rows to that it comes upon.
pub(super) trait Collect {
    /// Rows farther than this need not be offered.
    fn limit(&self) -> f64;

    /// A row and its distance, which may be beyond the limit.
    fn offer(&mut self, distance: f64, row: u32);

    /// How many of the nearest rows are wanted; 0 where that is not the question.
    fn wanted(&self) -> usize {
        0
    }
}

/// The `k` nearest rows so far; of rows at one distance the lower numbers.
///
/// Kept in order: most offers are refused by one comparison, and few numbers move for those that are not.
#[derive(Clone, Debug)]
pub(super) struct Nearest {
    k: usize,
    found: Vec<(f64, u32)>,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Nearest { k, found: Vec::with_capacity(k + 1) }
    }

    /// The rows in order of their distance, then of their numbers.
    pub(super) fn found(&self) -> &[(f64, u32)] {
        &self.found
    }
}

impl Collect for Nearest {
    fn wanted(&self) -> usize {
        self.k
    }

    #[inline(always)]
    fn limit(&self) -> f64 {
        if self.found.len() < self.k {
            f64::INFINITY
        } else {
            self.found.last().map_or(f64::INFINITY, |last| last.0)
        }
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, row: u32) {
        let before = |other: &(f64, u32)| other.0 < distance || (other.0 == distance && other.1 < row);
        if self.found.len() == self.k {
            if self.found.last().is_none_or(before) {
                return;
            }
            self.found.pop();
        }
        if self.k > 32 {
            let place = self.found.partition_point(before);
            self.found.insert(place, (distance, row));
            return;
        }
        // Few move: one after the other that is faster than a call that moves them together.
        let mut place = self.found.len();
        self.found.push((distance, row));
        while place > 0 && !before(&self.found[place - 1]) {
            self.found[place] = self.found[place - 1];
            place -= 1;
        }
        self.found[place] = (distance, row);
    }
}

/// All rows within a radius.
#[derive(Clone, Debug)]
pub(super) struct Within {
    pub(super) radius: f64,
    pub(super) found: Vec<(f64, u32)>,
}

impl Collect for Within {
    #[inline(always)]
    fn limit(&self) -> f64 {
        self.radius
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, row: u32) {
        if distance <= self.radius {
            self.found.push((distance, row));
        }
    }
}

/// The weight of the rows within a radius, as far as it takes to know that there is enough.
#[derive(Clone, Debug)]
pub(super) struct Count<'a> {
    pub(super) radius: f64,
    pub(super) weights: Option<&'a [f64]>,
    pub(super) enough: f64,
    pub(super) found: f64,
}

impl Collect for Count<'_> {
    #[inline(always)]
    fn limit(&self) -> f64 {
        if self.found >= self.enough { f64::NEG_INFINITY } else { self.radius }
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, row: u32) {
        if distance <= self.radius {
            self.found += self.weights.map_or(1.0, |weights| weights[row as usize]);
        }
    }
}

/// Hands on the rows within a radius.
pub(super) struct Visit<F> {
    pub(super) radius: f64,
    pub(super) visit: F,
}

impl<F: FnMut(u32)> Collect for Visit<F> {
    #[inline(always)]
    fn limit(&self) -> f64 {
        self.radius
    }

    #[inline(always)]
    fn offer(&mut self, distance: f64, row: u32) {
        if distance <= self.radius {
            (self.visit)(row);
        }
    }
}
