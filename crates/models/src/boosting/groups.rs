//! The rows of each group, wherever they stand.

/// The rows of a table by group; groups in rising order of their number, the rows of a group in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    rows: Vec<u32>,
    starts: Vec<usize>,
}

impl Groups {
    /// Collects the rows of each group in one sort.
    pub fn new(groups: &[u32]) -> Self {
        let mut rows: Vec<u32> = (0..groups.len() as u32).collect();
        // Already in order when the rows of a group stand together, as they mostly do; then this is one pass.
        rows.sort_by_key(|&row| groups[row as usize]);
        let group_at = |place: usize| groups[rows[place] as usize];
        let mut starts: Vec<usize> =
            (0..rows.len()).filter(|&place| place == 0 || group_at(place) != group_at(place - 1)).collect();
        starts.push(rows.len());
        Groups { rows, starts }
    }

    /// The rows of each group, one group after another.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.starts.array_windows().map(|&[start, end]| &self.rows[start..end])
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are no groups, because there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
