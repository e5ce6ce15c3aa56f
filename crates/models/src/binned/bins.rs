//! What each column was cut into.

use std::sync::Arc;

use ndarray::ArrayRef2;
use perennial_core::{Error, Features, Matrix, Result, Rows, Transformer, memory};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::cells::{ByColumn, Cells};
use super::{Binned, CATEGORIES, MAX_BINS, MISSING};

/// How the values of one column become bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bins {
    /// Bin `b` holds the values above cut `b - 1` and up to cut `b`; the last bin what is above all cuts.
    Numeric {
        /// Ascending; at most 254.
        cuts: Vec<f64>,
    },
    /// Bin `b` holds category `kept[b]`; one more bin holds the rare categories together, and those never seen.
    Categorical {
        /// The categories with a bin of their own, most frequent first; at most 254.
        kept: Vec<u32>,
    },
}

impl Bins {
    /// The number of bins, beside that of missing values.
    pub fn n_bins(&self) -> usize {
        match self {
            Bins::Numeric { cuts } => cuts.len() + 1,
            Bins::Categorical { kept } => kept.len() + 1,
        }
    }

    /// Writes the bin of each value.
    pub(crate) fn assign(&self, values: impl Iterator<Item = f64>, bins: &mut [u8]) {
        match self {
            Bins::Numeric { cuts } => {
                let search = Search::new(cuts);
                for (bin, value) in bins.iter_mut().zip(values) {
                    *bin = search.bin(value);
                }
            }
            Bins::Categorical { kept } => {
                // A table for low codes; it must not grow with a code that is high.
                const TABLE: usize = 1 << 14;
                let rare = kept.len() as u8;
                let mut sorted: Vec<(u32, u8)> = kept.iter().copied().zip(0..).collect();
                sorted.sort_unstable();
                let mut table = [rare; TABLE];
                for &(category, bin) in sorted.iter().take_while(|(category, _)| (*category as usize) < TABLE)
                {
                    table[category as usize] = bin;
                }
                for (bin, value) in bins.iter_mut().zip(values) {
                    let code = value as usize;
                    *bin = match table.get(code) {
                        _ if value.is_nan() => MISSING,
                        _ if value <= -1.0 => rare,
                        Some(&own) => own,
                        None => {
                            let place = sorted.binary_search_by_key(&code, |pair| pair.0 as usize);
                            place.map_or(rare, |place| sorted[place].1)
                        }
                    };
                }
            }
        }
    }

    fn check(&self) -> Result<()> {
        let sound = match self {
            Bins::Numeric { cuts } => {
                cuts.len() < MAX_BINS
                    && cuts.iter().all(|cut| cut.is_finite())
                    && cuts.windows(2).all(|pair| pair[0] < pair[1])
            }
            Bins::Categorical { kept } => {
                let mut sorted = kept.clone();
                sorted.sort_unstable();
                kept.len() < MAX_BINS
                    && sorted.windows(2).all(|pair| pair[0] < pair[1])
                    && sorted.last().is_none_or(|&largest| largest < CATEGORIES)
            }
        };
        if sound { Ok(()) } else { Err(Error::corrupt("the bins of a column are damaged")) }
    }
}

/// A branch-free search: which half a value is in cannot be foreseen.
struct Search {
    cuts: [f64; 256],
    last: u8,
}

impl Search {
    fn new(cuts: &[f64]) -> Self {
        let mut padded = [f64::INFINITY; 256];
        padded[..cuts.len()].copy_from_slice(cuts);
        Search { cuts: padded, last: cuts.len() as u8 }
    }

    /// The number of cuts below the value.
    #[inline]
    fn bin(&self, value: f64) -> u8 {
        let mut low = 0_u8;
        for step in [128_u8, 64, 32, 16, 8, 4, 2, 1] {
            let middle = low + (step - 1);
            low = if self.cuts[middle as usize] < value { low + step } else { low };
        }
        if value.is_nan() { MISSING } else { low.min(self.last) }
    }
}

/// The bins of all columns: made by [`Binner`](super::Binner), puts matrices into bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Binning {
    features: Features,
    columns: Arc<[Bins]>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    columns: Arc<[Bins]>,
}

impl TryFrom<Parts> for Binning {
    type Error = Error;

    fn try_from(Parts { features, columns }: Parts) -> Result<Self> {
        if columns.len() != features.len() {
            return Err(Error::corrupt("the bins do not fit the features"));
        }
        columns.iter().try_for_each(Bins::check)?;
        Ok(Binning { features, columns })
    }
}

impl Binning {
    pub(crate) fn new(features: Features, columns: Vec<Bins>) -> Self {
        Binning { features, columns: columns.into() }
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The bins of a column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn column(&self, column: usize) -> &Bins {
        &self.columns[column]
    }

    /// Puts the columns of an aligned matrix into bins, column after column.
    pub(super) fn codes(&self, x: &Cells<'_>) -> Vec<u8> {
        match x {
            Cells::Dense(x) => self.dense_codes(x),
            Cells::Sparse(x) => self.sparse_codes(x),
        }
    }

    /// The bin of 0 everywhere, and then those of what is stored.
    fn sparse_codes(&self, x: &ByColumn) -> Vec<u8> {
        let n_rows = x.n_rows();
        let mut codes = memory::zeros(n_rows * self.columns.len());
        reduce::fill_chunks(&mut codes, n_rows.max(1), |first, codes| {
            let column = first / n_rows;
            let (rows, values) = x.stored(column);
            let mut own = vec![0; rows.len() + 1];
            self.columns[column].assign(values.iter().copied().chain([0.0]), &mut own);
            codes.fill(own[rows.len()]);
            rows.iter().zip(own).for_each(|(&row, code)| codes[row as usize] = code);
        });
        codes
    }

    fn dense_codes(&self, x: &ArrayRef2<f64>) -> Vec<u8> {
        const BLOCK: usize = 8192;
        let n_rows = x.nrows();
        let mut codes = memory::zeros(n_rows * self.columns.len());
        if n_rows == 0 {
            return codes;
        }
        // Blocks of rows inside, so that the lines of a row-major array are read once from memory and then from cache.
        let columns: Vec<&mut [u8]> = codes.chunks_exact_mut(n_rows).collect();
        let mut blocks: Vec<Vec<&mut [u8]>> = Vec::new();
        for column in columns {
            for (block, part) in column.chunks_mut(BLOCK).enumerate() {
                if blocks.len() <= block {
                    blocks.push(Vec::with_capacity(self.columns.len()));
                }
                blocks[block].push(part);
            }
        }
        reduce::fill_chunks(&mut blocks, 1, |block, parts| {
            let first = block * BLOCK;
            for (column, part) in parts.iter_mut().flatten().enumerate() {
                let values = x.column(column);
                let end = first + part.len();
                self.columns[column].assign((first..end).map(|row| values[row]), part);
            }
        });
        codes
    }
}

impl Transformer for Binning {
    type Input = Matrix;
    type Output = Binned;

    fn transform(&self, x: &Matrix) -> Result<Binned> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        Ok(Binned::new(self.clone(), x.n_rows(), self.codes(&Cells::of(&x)?)))
    }
}
