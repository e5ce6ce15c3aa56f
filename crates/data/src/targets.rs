//! From a table to what estimators learn from.

use std::borrow::Cow;

use ndarray::Array2;
use perennial_core::{Classes, Error, ErrorKind, Features, Matrix, Result, ResultExt, Values};
use rayon::prelude::*;

use crate::column::Data;
use crate::{Category, Column, ColumnType, Table};

/// Rows that are put in place together: few enough to stay in the cache, enough to be worth a task.
const ROWS_AT_ONCE: usize = 1024;

impl Table {
    /// One column as the target of a regression.
    ///
    /// # Errors
    /// When there is no such column, it holds no numbers, or a cell is missing.
    pub fn values(&self, name: &str) -> Result<Values> {
        let numbers = self.column(name)?.as_real().context(format!("column `{name}`"))?;
        match numbers.iter().position(|number| number.is_nan()) {
            None => Ok(Values::from(numbers.into_owned())),
            Some(row) => Err(missing(name, row)),
        }
    }

    /// One column of type text, category, boolean or integer as the target of a classification.
    ///
    /// The classes of a category column are its levels, used or not; otherwise they are the distinct cells in
    /// order: texts by their bytes, integers by size, `false` before `true`.
    ///
    /// # Errors
    /// When there is no such column, it is of another type, or a cell is missing.
    pub fn classes(&self, name: &str) -> Result<Classes> {
        let column = self.column(name)?;
        if column.null_count() > 0 {
            let row = (0..self.n_rows()).find(|&row| column.is_null(row)).unwrap_or(0);
            return Err(missing(name, row));
        }
        match &column.0 {
            Data::Category(category) => classes_of(category),
            Data::Text(array) => classes_of(&Category::from_texts(array.iter())),
            Data::Boolean(array) => Ok(Classes::from_labels(array.iter().flatten())),
            Data::Integer(array) => Ok(Classes::from_labels(array.iter().flatten())),
            _ => Err(Error::unsupported(format!(
                "column `{name}` is of type {} and gives no classes; use a text, category, boolean or integer \
                 column, or cut its values into ranges first",
                column.column_type()
            ))),
        }
    }

    /// Columns of type real, integer or boolean as a dense matrix under their names; missing is NaN.
    ///
    /// # Errors
    /// When no column is named, one does not exist or is named twice, is of another type, or holds an integer
    /// beyond ±2^53 that has no exact `f64`.
    pub fn matrix<S: AsRef<str>>(&self, names: &[S]) -> Result<Matrix> {
        if names.is_empty() {
            return Err(Error::empty("no columns were named for the matrix"));
        }
        self.matrix_under(&Features::named(names.iter().map(AsRef::as_ref))?)
    }

    /// As [`matrix`](Table::matrix), under columns that are known already: no names are made, which counts where rows come one by one.
    ///
    /// # Errors
    /// As for [`matrix`](Table::matrix).
    pub fn matrix_under(&self, features: &Features) -> Result<Matrix> {
        if features.is_empty() {
            return Err(Error::empty("no columns were named for the matrix"));
        }
        let columns: Vec<Cow<'_, [f64]>> =
            features.names().map(|name| numbers(self.column(name)?, name)).collect::<Result<_>>()?;
        let n_cols = columns.len();
        let mut cells = vec![0.0; self.n_rows() * n_cols];
        let fill = |(chunk, cells): (usize, &mut [f64])| {
            let start = chunk * ROWS_AT_ONCE;
            for (at, column) in columns.iter().enumerate() {
                for (row, cell) in cells[at..].iter_mut().step_by(n_cols).enumerate() {
                    *cell = column[start + row];
                }
            }
        };
        // Waking other threads takes longer than a few rows.
        match self.n_rows() <= ROWS_AT_ONCE {
            true if cells.is_empty() => {}
            true => fill((0, &mut cells)),
            false => cells.par_chunks_mut(ROWS_AT_ONCE * n_cols).enumerate().for_each(fill),
        }
        let array = Array2::from_shape_vec((self.n_rows(), n_cols), cells).map_err(Error::other)?;
        Matrix::from_dense(array, features.clone())
    }

    /// All columns as numbers under their names, for whoever looks at them without learning from them, such as a scan for
    /// leaks: numbers, dates and moments as they are (to the nearest that an `f64` can hold), texts and categories as the
    /// place of their level in order, missing as NaN.
    ///
    /// ```
    /// use perennial_data::{Column, Table};
    ///
    /// let table = Table::new([("city", Column::text([Some("b"), Some("a"), None])), ("size", Column::integer([3, 4, 5]))])?;
    /// assert_eq!(table.coded()?.dense()?.row(1).to_vec(), [0.0, 4.0]);
    /// assert!(table.coded()?.dense()?[[2, 0]].is_nan());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no columns.
    pub fn coded(&self) -> Result<Matrix> {
        if self.n_cols() == 0 {
            return Err(Error::empty("the table has no columns"));
        }
        let mut cells = Array2::zeros((self.n_rows(), self.n_cols()));
        for ((_, column), mut into) in self.columns().zip(cells.columns_mut()) {
            into.iter_mut().zip(codes(column)?).for_each(|(to, from)| *to = from);
        }
        Matrix::from(cells).with_names(self.names())
    }
}

/// The cells of any column as numbers.
fn codes(column: &Column) -> Result<Vec<f64>> {
    let number = |cell: Option<i64>| cell.map_or(f64::NAN, |cell| cell as f64);
    match column.column_type() {
        ColumnType::Real | ColumnType::Boolean => Ok(column.as_real()?.into_owned()),
        ColumnType::Integer => Ok(column.as_integer()?.map(number).collect()),
        ColumnType::Date | ColumnType::DateTime => Ok(column.as_date_time()?.map(number).collect()),
        _ => {
            let category = column.to_category()?;
            let mut order: Vec<(&str, usize)> = category.levels().zip(0..).collect();
            order.sort_unstable();
            let mut place = vec![0.0; order.len()];
            order.into_iter().enumerate().for_each(|(rank, (_, level))| place[level] = rank as f64);
            Ok(category.codes().map(|code| code.map_or(f64::NAN, |code| place[code as usize])).collect())
        }
    }
}

fn numbers<'a>(column: &'a Column, name: &str) -> Result<Cow<'a, [f64]>> {
    column.as_real().map_err(|error| error.context(format!("column `{name}` cannot go into a matrix")))
}

fn classes_of(category: &Category) -> Result<Classes> {
    let names: Vec<String> = category.levels().map(str::to_owned).collect();
    Classes::new(category.codes().flatten().collect(), names)
}

fn missing(name: &str, row: usize) -> Error {
    Error::new(ErrorKind::NonFinite {
        what: "the target".to_owned(),
        value: "missing".to_owned(),
        row,
        column: Some(name.to_owned()),
        advice: "leave such rows out or repair them".to_owned(),
    })
}
