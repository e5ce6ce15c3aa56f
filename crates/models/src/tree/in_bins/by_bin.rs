//! The rows of a column, bin by bin.

use crate::binned::MISSING;

/// What is known of the rows of a node, sorted by bin. Time grows with the rows alone.
#[derive(Debug)]
pub(crate) struct ByBin<T> {
    /// Where the rows of each bin begin, and where they end.
    ends: Box<[[u32; 2]; 256]>,
    rows: Vec<T>,
}

impl<T> Default for ByBin<T> {
    fn default() -> Self {
        ByBin { ends: Box::new([[0; 2]; 256]), rows: Vec::new() }
    }
}

impl<T: Copy + Default> ByBin<T> {
    /// Sorts rows by their bins; `bins` are those that occur.
    pub(super) fn fill(&mut self, rows: impl ExactSizeIterator<Item = T>, codes: &[u8], bins: &[u8]) {
        codes.iter().for_each(|&code| self.ends[code as usize][1] += 1);
        let mut start = 0;
        for &bin in bins {
            let ends = &mut self.ends[bin as usize];
            let n_rows = ends[1];
            *ends = [start, start];
            start += n_rows;
        }
        self.rows.resize(rows.len().max(self.rows.len()), T::default());
        for (row, &code) in rows.zip(codes) {
            let place = &mut self.ends[code as usize][1];
            self.rows[*place as usize] = row;
            *place += 1;
        }
    }

    /// The rows of a bin.
    pub(super) fn of(&self, bin: u8) -> &[T] {
        let [start, end] = self.ends[bin as usize];
        &self.rows[start as usize..end as usize]
    }

    /// Forgets the rows.
    pub(super) fn clear(&mut self, bins: &[u8]) {
        bins.iter().for_each(|&bin| self.ends[bin as usize] = [0; 2]);
        self.ends[MISSING as usize] = [0; 2];
    }
}
