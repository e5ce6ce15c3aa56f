//! What a search found.

/// The nearest rows of some queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    pub(super) k: usize,
    pub(super) rows: Vec<u32>,
    pub(super) distances: Vec<f64>,
}

impl Neighbors {
    /// How many neighbours each query has.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The numbers of the rows, `k` for each query, the nearest first.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The distances, `k` for each query, in rising order.
    pub fn distances(&self) -> &[f64] {
        &self.distances
    }

    /// The nearest rows of one query, and their distances.
    ///
    /// # Panics
    /// When there are not that many queries.
    pub fn get(&self, query: usize) -> (&[u32], &[f64]) {
        let range = query * self.k..(query + 1) * self.k;
        (&self.rows[range.clone()], &self.distances[range])
    }

    /// Both lists, moved out.
    pub fn into_parts(self) -> (Vec<u32>, Vec<f64>) {
        (self.rows, self.distances)
    }
}

/// The rows within a radius of some queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    pub(super) starts: Vec<usize>,
    pub(super) rows: Vec<u32>,
    pub(super) distances: Vec<f64>,
}

impl Ranges {
    /// How many queries there were.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there were no queries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows within the radius of a query, in rising order of their numbers, and their distances.
    ///
    /// # Panics
    /// When there are not that many queries.
    pub fn get(&self, query: usize) -> (&[u32], &[f64]) {
        let range = self.starts[query]..self.starts[query + 1];
        (&self.rows[range.clone()], &self.distances[range])
    }
}
