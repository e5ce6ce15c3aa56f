//! Bins laid out for histograms.

use perennial_core::{Rows, memory};
use perennial_numeric::reduce;

use super::bundles::{self, Member};
use crate::binned::Binned;

/// The most columns of a group: their histograms fill a first-level cache of 48 KiB.
const WIDTH: usize = 24;
/// The most columns in the bundles of a group, whose splits one task looks for.
const MEMBERS: usize = 1024;
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
    /// What the codes stand for.
    pub(crate) columns: Vec<Coded>,
    /// The place of the first of them among those of all groups, which is that of its histogram.
    pub(crate) first: usize,
    /// Their number.
    pub(crate) width: usize,
    /// One byte for each row and each of them, row after row.
    pub(crate) codes: Vec<u8>,
}

/// What one column of codes stands for.
pub(crate) enum Coded {
    /// A column by its bins.
    Alone(usize),
    /// Columns that share the codes.
    Bundle(Vec<Member>),
}

impl Group {
    /// Whether a column that is allowed is among them.
    pub(crate) fn has_one_of(&self, allowed: &[bool]) -> bool {
        self.columns.iter().any(|coded| match coded {
            Coded::Alone(column) => allowed[*column],
            Coded::Bundle(members) => members.iter().any(|member| allowed[member.column]),
        })
    }
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

    /// `columns` of the rows, ascending; those that exclude each other in bundles, where that is wanted and there are enough.
    pub(crate) fn new(binned: &Binned, columns: &[usize], enable_bundle: bool) -> Self {
        let (alone, bundles) = match enable_bundle {
            true => bundles::bundles(binned, columns),
            false => (columns.to_vec(), Vec::new()),
        };
        let mut groups = Groups { groups: Vec::new(), n_columns: 0 };
        let n_groups = alone.len().div_ceil(WIDTH);
        groups.add(binned, alone.into_iter().map(Coded::Alone), n_groups);
        let n_members: usize = bundles.iter().map(Vec::len).sum();
        let n_groups = bundles.len().div_ceil(WIDTH).max(n_members.div_ceil(MEMBERS)).min(bundles.len());
        groups.add(binned, bundles.into_iter().map(Coded::Bundle), n_groups);
        groups
    }

    /// Adds columns of codes, in groups of nearly equal width, so that none is left with a single one.
    fn add(&mut self, binned: &Binned, columns: impl ExactSizeIterator<Item = Coded>, n_groups: usize) {
        let mut columns = columns;
        for group in 0..n_groups {
            let width = columns.len().div_ceil(n_groups - group);
            let columns: Vec<Coded> = columns.by_ref().take(width).collect();
            let mut codes = memory::zeros(binned.n_rows() * width);
            reduce::fill_rows(&mut codes, width, BLOCK, |row, out| {
                for (place, coded) in columns.iter().enumerate() {
                    let out = &mut out[place..];
                    match coded {
                        Coded::Alone(column) => {
                            let column = &binned.column(*column)[row..];
                            out.iter_mut().step_by(width).zip(column).for_each(|(out, &bin)| *out = bin);
                        }
                        Coded::Bundle(members) => members.iter().for_each(|member| {
                            member.add_codes(
                                &binned.column(member.column)[row..],
                                out.iter_mut().step_by(width),
                            );
                        }),
                    }
                }
            });
            self.groups.push(Group { columns, first: self.n_columns, width, codes });
            self.n_columns += width;
        }
    }

    /// The columns of codes of all groups together, each of which has a histogram.
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
    use crate::binned::{Binner, MISSING};

    #[test]
    fn columns_of_one_bin_stay_out() {
        let nan = f64::NAN;
        let x = Matrix::from(array![[0.0, 1.0, nan, 3.0, 1.0], [0.0, 2.0, nan, nan, 0.0]]);
        let binned = Binner::new().fit_transform_on(&Train::new(&x, &NoTarget)).unwrap().1;
        let columns = Groups::splittable(&binned);
        assert_eq!(columns, [1, 3, 4]);
        let groups = Groups::new(&binned, &columns, true);
        assert_eq!((groups.len(), groups.n_columns()), (1, 3));
        let alone = |coded: &Coded| matches!(coded, Coded::Alone(_));
        assert!(groups.get(0).columns.iter().all(alone));
        // Row after row, as the columns are too few to be bundled.
        assert_eq!(groups.get(0).codes, [0, 0, 1, 1, MISSING, 0]);
    }
}
