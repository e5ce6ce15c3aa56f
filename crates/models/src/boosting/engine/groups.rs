//! Bins laid out for histograms.

use perennial_core::Rows;
use perennial_numeric::reduce;

use crate::binned::Binned;

/// The most columns of a group: their histograms fill a first-level cache of 48 KiB.
const WIDTH: usize = 24;
/// Rows that one task lays out.
const BLOCK: usize = 4096;

/// The columns in groups, row after row inside a group: all bins of a row and group lie together, and the histograms
/// of a group stay in the first-level cache while rows stream by.
pub(crate) struct Groups {
    groups: Vec<Group>,
    n_columns: usize,
}

/// Some columns side by side.
pub(crate) struct Group {
    /// The columns, ascending.
    pub(crate) columns: Vec<usize>,
    /// The place of the first column among those of all groups, which is that of its histogram.
    pub(crate) first: usize,
    /// The number of columns.
    pub(crate) width: usize,
    /// One byte for each row and column, row after row.
    pub(crate) codes: Vec<u8>,
}

impl Groups {
    /// The columns that can be split: of one bin alone, such as of a word that no row has, no part is better than the whole.
    pub(crate) fn splittable(binned: &Binned) -> Vec<usize> {
        let varies = reduce::map_each(binned.n_cols(), |column| {
            let codes = binned.column(column);
            codes.first().is_some_and(|first| codes.iter().any(|code| code != first))
        });
        (0..varies.len()).filter(|&column| varies[column]).collect()
    }

    /// `columns` of the rows, ascending.
    pub(crate) fn new(binned: &Binned, columns: &[usize]) -> Self {
        let n_cols = columns.len();
        let n_groups = n_cols.div_ceil(WIDTH);
        let mut groups = Vec::with_capacity(n_groups);
        let mut first = 0;
        for group in 0..n_groups {
            // Groups of nearly equal width, so that none is left with a single column.
            let width = (n_cols - first).div_ceil(n_groups - group);
            let mut codes = vec![0; binned.n_rows() * width];
            let of_group = columns[first..first + width].to_vec();
            let columns: Vec<&[u8]> = of_group.iter().map(|&column| binned.column(column)).collect();
            reduce::fill_rows(&mut codes, width, BLOCK, |row, out| {
                for (offset, out) in out.chunks_exact_mut(width).enumerate() {
                    for (out, column) in out.iter_mut().zip(&columns) {
                        *out = column[row + offset];
                    }
                }
            });
            groups.push(Group { columns: of_group, first, width, codes });
            first += width;
        }
        Groups { groups, n_columns: n_cols }
    }

    /// The columns of all groups together.
    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Group> {
        self.groups.iter()
    }

    pub(crate) fn get(&self, group: usize) -> &Group {
        &self.groups[group]
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use perennial_core::{FitTransform, Matrix, NoTarget, Train};

    use super::*;
    use crate::binned::Binner;

    #[test]
    fn columns_of_one_bin_stay_out() {
        let nan = f64::NAN;
        let x = Matrix::from(array![[0.0, 1.0, nan, 3.0, 1.0], [0.0, 2.0, nan, nan, 0.0]]);
        let binned = Binner::new().fit_transform_on(&Train::new(&x, &NoTarget)).unwrap().1;
        let columns = Groups::splittable(&binned);
        assert_eq!(columns, [1, 3, 4]);
        let groups = Groups::new(&binned, &columns);
        assert_eq!((groups.len(), groups.n_columns(), &groups.get(0).columns), (1, 3, &columns));
    }
}
