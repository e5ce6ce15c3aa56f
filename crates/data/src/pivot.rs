//! Long tables made wide, and wide ones long.

use perennial_core::{Error, Result, ResultExt, Rows};

use crate::concat::below;
use crate::keys::{Keys, shown};
use crate::{Column, Table};

/// How many columns a pivot makes at most.
const MAX_COLUMNS: usize = 100_000;
/// How many cells it makes at most: as numbers they take 2 GiB.
const MAX_CELLS: usize = 1 << 28;

impl Table {
    /// One row for each combination of cells in the columns `keys`, and one column for each cell of the column `names`, with the
    /// cells of the column `values`; missing where there is no such row. Keys and new columns are in rising order; missing keys
    /// are equal to each other and come last.
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let long = Table::new([
    ///     ("city", Column::text(["Bern", "Bern", "Basel"])),
    ///     ("year", Column::integer([2023, 2024, 2024])),
    ///     ("rent", Column::real([1800.0, 1850.0, 1400.0])),
    /// ])?;
    /// let wide = long.pivot(&["city"], "year", "rent")?;
    /// assert_eq!(wide.names().collect::<Vec<_>>(), ["city", "2023", "2024"]);
    /// assert!(wide.column("2023")?.is_null(0)); // Basel
    ///
    /// let again = wide.unpivot(&["city"], &["2023", "2024"], "year", "rent")?.complete(&["rent"])?;
    /// assert_eq!(again.values("rent")?.as_slice(), [1400.0, 1800.0, 1850.0]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a column does not exist, a key or `names` holds real numbers, a cell of `names` is missing or empty, two rows have
    /// the same keys and name, a new column would have the name of a key, or there would be more than 100 000 columns or 2^28 cells.
    pub fn pivot(&self, keys: &[&str], names: &str, values: &str) -> Result<Table> {
        let named = self.column(names)?;
        if let Some(row) = (0..self.n_rows()).find(|&row| named.is_null(row)) {
            return Err(Error::malformed(format!(
                "column `{names}` is missing at row {row} and names no column; leave such rows out with `complete`"
            )));
        }
        let values = self.column(values)?;
        let rows = Keys::of(self, keys, true)?;
        let columns = Keys::of(self, &[names], true)?;
        // Only what stands in rows has a number, so each number has a row.
        let firsts = |numbers: &Keys| {
            let (rows, starts) = numbers.rows();
            starts.windows(2).map(|ends| rows[ends[0]]).collect::<Vec<usize>>()
        };
        let (first_rows, first_names) = (firsts(&rows), firsts(&columns));
        if first_names.len() > MAX_COLUMNS {
            return Err(Error::too_large(format!(
                "column `{names}` would make {} columns, more than {MAX_COLUMNS}; group its cells first",
                first_names.len()
            )));
        }
        // Before there are any: most of so many would be missing.
        let n_cells = first_rows.len().saturating_mul(first_names.len());
        if n_cells > MAX_CELLS {
            return Err(Error::too_large(format!(
                "{} rows and {} columns of the cells of `{names}` would be {n_cells} cells, more than {MAX_CELLS}; group its cells \
                 first, or pivot fewer rows at a time",
                first_rows.len(),
                first_names.len()
            )));
        }
        let mut wide: Vec<(String, Column)> = self
            .select(keys)?
            .take(&first_rows)?
            .columns()
            .map(|(name, column)| (name.to_owned(), column.clone()))
            .collect();
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); first_names.len()];
        columns.numbers.iter().enumerate().for_each(|(row, &number)| members[number as usize].push(row));
        for (&named_by, members) in first_names.iter().zip(members) {
            let name = named.cell(named_by).unwrap_or_default().into_owned();
            let mut chosen: Vec<Option<u64>> = vec![None; first_rows.len()];
            for row in members {
                let place = &mut chosen[rows.numbers[row] as usize];
                if let Some(before) = place.replace(row as u64) {
                    return Err(Error::malformed(format!(
                        "rows {before} and {row} both have {}; aggregate them to one first",
                        shown(self, &[keys, &[names]].concat(), row)
                    )));
                }
            }
            wide.push((name, values.take(&chosen.into())?));
        }
        Table::new(wide).context(format!("making columns of the cells of `{names}`"))
    }

    /// One row for each cell of these columns, row by row: the columns `keys`, the name of the column in a category column
    /// `names`, and the cell in a column `values`, missing cells too. The cells become one type, as in
    /// [`concat_reconciled`](Table::concat_reconciled).
    ///
    /// # Errors
    /// When no column is named, one does not exist, two hold types that no type holds, or `names` or `values` is a key.
    pub fn unpivot(&self, keys: &[&str], columns: &[&str], names: &str, values: &str) -> Result<Table> {
        if columns.is_empty() {
            return Err(Error::empty("no columns were named whose cells would become rows"));
        }
        let (n, width) = (self.n_rows(), columns.len());
        let parts = columns.iter().map(|name| self.column(name).cloned()).collect::<Result<Vec<_>>>()?;
        let cells = below(&parts).context(format!("the columns {}", columns.join(", ")))?;
        // The cells stand column by column.
        let by_row = (0..n).flat_map(|row| (0..width).map(move |at| (at * n + row) as u64));
        let cells = cells.take(&arrow_array::UInt64Array::from_iter_values(by_row))?;
        let repeated: Vec<usize> = (0..n).flat_map(|row| std::iter::repeat_n(row, width)).collect();
        let codes = (0..n).flat_map(|_| 0..width as u32);
        let mut long: Vec<(String, Column)> = self
            .select(keys)?
            .take(&repeated)?
            .columns()
            .map(|(name, column)| (name.to_owned(), column.clone()))
            .collect();
        long.push((names.to_owned(), Column::category_codes(codes, columns)?));
        long.push((values.to_owned(), cells));
        Table::new(long)
    }
}
