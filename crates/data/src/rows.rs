//! Rows chosen and put in order, and columns computed from others.

use std::borrow::Cow;
use std::cmp::Ordering;

use perennial_core::{Error, Result, ResultExt, Rows};
use rayon::prelude::*;

use crate::keys::Keys;
use crate::{Column, Table};

/// Which end of a column comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Small cells first.
    Ascending,
    /// Large cells first.
    Descending,
}

impl Table {
    /// The rows in ascending order of one column, missing cells last; equal rows keep their order. Text and
    /// categories are ordered by their bytes.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn sort_by(&self, name: &str) -> Result<Table> {
        self.sort(&[(name, Order::Ascending)])
    }

    /// The rows in the order of several columns, the first counting most. Missing cells come last either way; equal rows keep
    /// their order. Text and categories are ordered by their bytes.
    ///
    /// ```
    /// use perennial_data::{Column, Order, Table};
    ///
    /// let table = Table::new([("city", Column::text(["b", "a", "b"])), ("age", Column::integer([1, 2, 3]))])?;
    /// let sorted = table.sort(&[("city", Order::Ascending), ("age", Order::Descending)])?;
    /// assert_eq!(sorted.values("age")?.as_slice(), [2.0, 3.0, 1.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such column.
    pub fn sort(&self, by: &[(&str, Order)]) -> Result<Table> {
        let by =
            by.iter().map(|(name, order)| Ok((self.column(name)?, *order))).collect::<Result<Vec<_>>>()?;
        let mut rows: Vec<usize> = (0..self.n_rows()).collect();
        rows.sort_by(|&a, &b| {
            let orders = by.iter().map(|(column, order)| {
                let missing = column.is_null(a).cmp(&column.is_null(b));
                let cells = Column::order(column, a, column, b).unwrap_or(Ordering::Equal);
                missing.then(if *order == Order::Descending { cells.reverse() } else { cells })
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        self.take(&rows)
    }

    /// The first row of each combination of cells in these columns; missing cells are equal to each other.
    ///
    /// # Errors
    /// When no column is named, one does not exist, or one holds real numbers, of which two that look equal may differ.
    pub fn distinct(&self, columns: &[&str]) -> Result<Table> {
        if columns.is_empty() {
            return Err(Error::empty("rows are distinct in no column; name the columns"));
        }
        self.filter(&Keys::of(self, columns, true)?.firsts())
    }

    /// The rows without a missing cell in these columns.
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn complete<S: AsRef<str>>(&self, columns: &[S]) -> Result<Table> {
        let columns = columns.iter().map(|name| self.column(name.as_ref())).collect::<Result<Vec<_>>>()?;
        let keep: Vec<bool> =
            (0..self.n_rows()).map(|row| columns.iter().all(|column| !column.is_null(row))).collect();
        self.filter(&keep)
    }

    /// `n` rows drawn without replacement, in the order of the table; all rows where there are not more.
    ///
    /// The same seed draws the same rows, and with a larger `n` those rows and others: the rows are those with the smallest
    /// numbers of the generator splitmix64 (Steele, Lea and Flood, 2014).
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let table = Table::new([("id", Column::integer(0..100))])?;
    /// let few = table.sample(3, 7);
    /// assert_eq!(few, table.sample(3, 7));
    /// assert_eq!(few.n_rows(), 3);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn sample(&self, n: usize, seed: u64) -> Table {
        if n >= self.n_rows() {
            return self.clone();
        }
        let mut drawn: Vec<(u64, usize)> =
            (0..self.n_rows()).map(|row| (mixed(seed, row as u64), row)).collect();
        if n > 0 {
            // Places cannot be equal: each row stands in its own.
            drawn.select_nth_unstable(n - 1);
        }
        let mut rows: Vec<usize> = drawn[..n].iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        // The rows exist.
        self.take(&rows).unwrap_or_else(|_| self.clone())
    }

    /// The table with one more column, or with another one under a name that it has: a number computed from the numbers of each
    /// row. Missing cells come in as NaN, and NaN that is given back is a missing cell.
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let flats = Table::new([("rent", Column::real([1800.0, 1200.0])), ("rooms", Column::integer([Some(3), None]))])?;
    /// let flats = flats.derive("rent per room", &["rent", "rooms"], |cells| cells[0] / cells[1])?;
    /// assert_eq!(flats.column("rent per room")?.cell(0).as_deref(), Some("600.0"));
    /// assert!(flats.column("rent per room")?.is_null(1));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a column does not exist or holds no numbers, or the name is empty.
    pub fn derive(&self, name: &str, from: &[&str], compute: impl Fn(&[f64]) -> f64 + Sync) -> Result<Table> {
        let columns = from
            .iter()
            .map(|name| self.column(name)?.as_real().context(format!("column `{name}`")))
            .collect::<Result<Vec<Cow<'_, [f64]>>>>()?;
        let of = |cells: &mut Vec<f64>, row: usize| {
            cells.clear();
            cells.extend(columns.iter().map(|column| column[row]));
            compute(cells)
        };
        let derived: Vec<f64> = (0..self.n_rows()).into_par_iter().map_init(Vec::new, of).collect();
        Ok(self.with_column(name, Column::real(derived))?.marked_as(name, from))
    }
}

/// A number of splitmix64 for a row.
fn mixed(seed: u64, row: u64) -> u64 {
    let mix = |state: u64| {
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    // The seed is mixed first, so that neighbouring seeds do not draw neighbouring rows.
    mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))
        .wrapping_add((row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}
