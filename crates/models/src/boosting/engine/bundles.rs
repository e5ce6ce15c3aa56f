//! Columns that share a column of codes: exclusive feature bundling (Ke and others, LightGBM, 2017; their algorithms 3 and 4).
//!
//! A column that has one usual bin, such as 0 among counts of words or categories one by one, says something of the few
//! rows alone that are in another. Columns of which no row says something twice go into one bundle: a row has one
//! code in it, which is 0 where all of its columns are usual, and one addition to a histogram serves them all.
//!
//! Nothing is lost. No conflict is allowed, so a code of a bundle stands for one bin of one column, and its sum is that of
//! the bin. The sum of the usual bin is what all rows of the node have less those; sums are whole numbers, counted
//! modulo 2^64, so this difference is, to the bit, what adding up those rows would give. Trees with and without
//! bundles are the same.

use perennial_numeric::reduce;

use super::histogram::Histogram;
use crate::binned::Binned;

/// The rows that are looked at first: most columns that are full are known by them.
const SAMPLE: usize = 1024;
/// Fewer columns than this are left as they are.
const FEWEST: usize = 8;
/// The bundles that a column is tried with, those begun last, which are the emptiest.
const TRIED: usize = 100;
/// Columns that are prepared at the same time.
const BATCH: usize = 256;
/// The codes of a bundle, with that of all usual rows.
const CODES: usize = 256;

/// A column whose codes are part of a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) column: usize,
    /// Its usual bin.
    usual: u8,
    /// Its other bins, in the order of their codes.
    bins: Vec<u8>,
    /// The code of the first of them.
    first: u8,
}

impl Member {
    /// Writes the codes of rows over those that are 0.
    pub(super) fn add_codes<'o>(&self, column: &[u8], out: impl Iterator<Item = &'o mut u8>) {
        let mut codes = [0_u8; 256];
        for (code, &bin) in (self.first..=u8::MAX).zip(&self.bins) {
            codes[usize::from(bin)] = code;
        }
        // One of both is 0: no row is unusual in two columns.
        out.zip(column).for_each(|(out, &bin)| *out |= codes[usize::from(bin)]);
    }

    /// Whether a sum of another bin than the usual one is not 0; where none is, there is nothing to split.
    pub(crate) fn is_seen(&self, bundle: &Histogram) -> bool {
        let first = usize::from(self.first);
        bundle[first..first + self.bins.len()].iter().any(|&sum| sum != 0)
    }

    /// Writes the histogram of the column into one of zeros, from that of its bundle and the sum of all rows.
    pub(crate) fn recover(&self, bundle: &Histogram, all: u64, histogram: &mut Histogram) {
        let mut usual = all;
        for (&bin, &sum) in self.bins.iter().zip(&bundle[usize::from(self.first)..]) {
            histogram[usize::from(bin)] = sum;
            usual = usual.wrapping_sub(sum);
        }
        histogram[usize::from(self.usual)] = usual;
    }

    /// Makes what [`recover`](Member::recover) wrote 0 again.
    pub(crate) fn clear(&self, histogram: &mut Histogram) {
        self.bins.iter().for_each(|&bin| histogram[usize::from(bin)] = 0);
        histogram[usize::from(self.usual)] = 0;
    }
}

/// The columns that stay alone, ascending, and the bundles of the others.
pub(super) fn bundles(binned: &Binned, columns: &[usize]) -> (Vec<usize>, Vec<Vec<Member>>) {
    let usual = reduce::map_each(columns.len(), |place| usual_bin(binned.column(columns[place])));
    let mut found: Vec<(usize, usize, u8)> = columns
        .iter()
        .zip(usual)
        .filter_map(|(&column, usual)| usual.map(|(usual, n_others)| (n_others, column, usual)))
        .collect();
    if found.len() < FEWEST {
        return (columns.to_vec(), Vec::new());
    }
    // The fullest first, as they are the hardest to place.
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut bundles: Vec<Bundle> = Vec::new();
    for batch in found.chunks(BATCH) {
        let sparse = reduce::map_each(batch.len(), |place| {
            let (_, column, usual) = batch[place];
            Sparse::new(binned.column(column), column, usual)
        });
        for sparse in sparse {
            let first = bundles.len().saturating_sub(TRIED);
            match bundles[first..].iter_mut().find(|bundle| bundle.fits(&sparse)) {
                Some(bundle) => bundle.add(sparse),
                None => bundles.push(Bundle::new(sparse)),
            }
        }
    }
    let bundles: Vec<Vec<Member>> =
        bundles.into_iter().map(|bundle| bundle.members).filter(|members| members.len() > 1).collect();
    let mut bundled: Vec<usize> = bundles.iter().flatten().map(|member| member.column).collect();
    bundled.sort_unstable();
    let alone = columns.iter().copied().filter(|column| bundled.binary_search(column).is_err());
    (alone.collect(), bundles)
}

/// The bin that half of the rows or more are in, and the number of the others.
fn usual_bin(column: &[u8]) -> Option<(u8, usize)> {
    let mut counts = [0_usize; 256];
    let step = (column.len() / SAMPLE).max(1);
    let seen = column.iter().step_by(step);
    let n_seen = seen.len();
    seen.for_each(|&bin| counts[usize::from(bin)] += 1);
    let (usual, &most) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    // A little less than half, as these are not all.
    if most * 16 < n_seen * 7 {
        return None;
    }
    let usual = usual as u8;
    let n_others = column.iter().filter(|&&bin| bin != usual).count();
    (2 * n_others <= column.len()).then_some((usual, n_others))
}

/// A column by its rows that are not in the usual bin.
struct Sparse {
    column: usize,
    usual: u8,
    /// The other bins that rows are in, ascending.
    bins: Vec<u8>,
    /// A bit for each row.
    others: Vec<u64>,
}

impl Sparse {
    fn new(codes: &[u8], column: usize, usual: u8) -> Self {
        let mut seen = [false; 256];
        let words = codes.chunks(64).map(|codes| {
            let word = |word, (row, &bin): (usize, &u8)| word | u64::from(bin != usual) << row;
            let word = codes.iter().enumerate().fold(0, word);
            if word != 0 {
                codes.iter().for_each(|&bin| seen[usize::from(bin)] = true);
            }
            word
        });
        let others = words.collect();
        let bins = (0..=u8::MAX).filter(|&bin| bin != usual && seen[usize::from(bin)]).collect();
        Sparse { column, usual, bins, others }
    }
}

/// A bundle that columns are put into.
struct Bundle {
    members: Vec<Member>,
    n_codes: usize,
    /// The rows that are unusual in one of its columns.
    taken: Vec<u64>,
}

impl Bundle {
    fn new(sparse: Sparse) -> Self {
        let Sparse { column, usual, bins, others } = sparse;
        let n_codes = 1 + bins.len();
        Bundle { members: vec![Member { column, usual, bins, first: 1 }], n_codes, taken: others }
    }

    fn fits(&self, sparse: &Sparse) -> bool {
        self.n_codes + sparse.bins.len() <= CODES
            && self.taken.iter().zip(&sparse.others).all(|(taken, others)| taken & others == 0)
    }

    fn add(&mut self, sparse: Sparse) {
        let Sparse { column, usual, bins, others } = sparse;
        let first = self.n_codes as u8;
        self.n_codes += bins.len();
        self.members.push(Member { column, usual, bins, first });
        self.taken.iter_mut().zip(others).for_each(|(taken, others)| *taken |= others);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use perennial_core::{FitTransform, Matrix, NoTarget, Train};

    use super::*;
    use crate::binned::Binner;

    fn binned(n_rows: usize, n_cols: usize, value: impl Fn(usize, usize) -> f64) -> Binned {
        let x = Array2::from_shape_fn((n_rows, n_cols), |(row, column)| value(row, column));
        Binner::new().fit_transform_on(&Train::new(&Matrix::from(x), &NoTarget)).unwrap().1
    }

    fn columns_of(bundles: &[Vec<Member>]) -> Vec<Vec<usize>> {
        let columns = |members: &Vec<Member>| {
            let mut columns: Vec<usize> = members.iter().map(|member| member.column).collect();
            columns.sort_unstable();
            columns
        };
        bundles.iter().map(columns).collect()
    }

    #[test]
    fn categories_one_by_one_are_a_bundle() {
        // Two of six categories and a column of numbers. Rows of all pairs, so no column of one excludes one of the other.
        let x = binned(360, 13, |row, column| match column {
            0..6 => f64::from(u8::from(row % 6 == column)),
            6..12 => f64::from(u8::from(row / 6 % 6 == column - 6)),
            _ => row as f64,
        });
        let all: Vec<usize> = (0..13).collect();
        let (alone, found) = bundles(&x, &all);
        assert_eq!(alone, [12]);
        assert_eq!(columns_of(&found), [(0..6).collect::<Vec<_>>(), (6..12).collect()]);
        // Columns that are not to be split stay out.
        let (alone, found) = bundles(&x, &all[3..]);
        assert_eq!((alone, columns_of(&found)), (vec![12], vec![(3..6).collect(), (6..12).collect()]));
        // One row that is in two of them.
        let x =
            binned(360, 12, |row, column| f64::from(u8::from(row % 12 == column || (row, column) == (0, 7))));
        let (alone, found) = bundles(&x, &all[..12]);
        assert_eq!((alone, columns_of(&found)), (vec![0], vec![(1..12).collect()]));
    }

    #[test]
    fn what_is_full_or_too_little_stays_alone() {
        let x = binned(100, 20, |row, column| ((row * (column + 3)) % 10) as f64);
        let all: Vec<usize> = (0..20).collect();
        assert_eq!(bundles(&x, &all).0, all);
        let few = binned(100, FEWEST - 1, |row, column| f64::from(u8::from(row % 10 == column)));
        assert_eq!(bundles(&few, &all[..FEWEST - 1]).0, all[..FEWEST - 1]);
    }

    #[test]
    fn a_bundle_has_no_more_codes_than_a_byte() {
        // 10 columns of 60 values beside 0: no more than four fit into one bundle.
        let x = binned(1200, 10, |row, column| if row / 120 == column { (1 + row % 60) as f64 } else { 0.0 });
        let (alone, found) = bundles(&x, &(0..10).collect::<Vec<_>>());
        let sizes: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!((alone.len(), sizes), (0, vec![4, 4, 2]));
    }

    #[test]
    fn histograms_of_columns_come_back() {
        let nan = f64::NAN;
        let values = [-1.0, 1.0, 3.0, nan];
        // The usual value of odd columns is in the middle, of the others first; some are missing.
        let x = binned(1000, 8, |row, column| match (row % 10 == column, column % 2) {
            (true, of) => values[row / 10 % 4] + 2.0 * of as f64,
            (false, 0) => -5.0,
            (false, _) => 2.0,
        });
        let (alone, found) = bundles(&x, &(0..8).collect::<Vec<_>>());
        assert_eq!((alone.len(), found.len()), (0, 1));
        let mut codes = vec![0; 1000];
        found[0].iter().for_each(|member| member.add_codes(x.column(member.column), codes.iter_mut()));
        // Sums that overflow, as those of negative derivatives do.
        let weight = |row: usize| (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let histogram = |codes: &[u8]| {
            let mut sums = [0_u64; 256];
            for (row, &code) in codes.iter().enumerate() {
                sums[usize::from(code)] = sums[usize::from(code)].wrapping_add(weight(row));
            }
            sums
        };
        let bundle = histogram(&codes);
        let all = (0..1000).map(weight).fold(0, u64::wrapping_add);
        let mut own = [0; 256];
        for member in &found[0] {
            member.recover(&bundle, all, &mut own);
            assert_eq!(own, histogram(x.column(member.column)), "column {}", member.column);
            assert!(member.is_seen(&bundle) && !member.is_seen(&[0; 256]));
            member.clear(&mut own);
            assert_eq!(own, [0; 256]);
        }
    }
}
