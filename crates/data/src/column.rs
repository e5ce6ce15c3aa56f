//! One column of a table.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::calendar::{self, DAY};
use crate::category::Category;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnType {
    /// Free text.
    Text,
    /// One of a list of levels.
    Category,
    /// Whole numbers from -2^63 to 2^63 - 1.
    Integer,
    /// Numbers of double precision.
    Real,
    /// True or false.
    Boolean,
    /// Days.
    Date,
    /// Moments in UTC, to the microsecond.
    DateTime,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Text => "text",
            ColumnType::Category => "category",
            ColumnType::Integer => "integer",
            ColumnType::Real => "real",
            ColumnType::Boolean => "boolean",
            ColumnType::Date => "date",
            ColumnType::DateTime => "date_time",
        })
    }
}

/// The cells of one column, over one Arrow array. Cloning shares them.
///
/// A cell can be missing in a column of any type. A real column holds no NaN: NaN that comes in is missing.
///
/// ```
/// use perennial_data::{Column, ColumnType};
///
/// let column = Column::real([Some(1.5), None]);
/// assert_eq!((column.column_type(), column.null_count()), (ColumnType::Real, 1));
/// assert!(column.as_real()?[1].is_nan());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Column(pub(crate) Data);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Text(StringArray),
    Category(Category),
    Integer(Int64Array),
    Real(Float64Array),
    Boolean(BooleanArray),
    Date(Date32Array),
    DateTime(TimestampMicrosecondArray),
}

impl Column {
    /// Text, from `&str` or `Option<&str>`.
    pub fn text<'a>(cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> Self {
        Column(Data::Text(cells.into_iter().map(Into::into).collect()))
    }

    /// Categories, from `&str` or `Option<&str>`; the levels are the distinct texts in sorted order.
    pub fn category<'a>(cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> Self {
        Column(Data::Category(Category::from_texts(cells.into_iter().map(Into::into))))
    }

    /// Categories from codes, `u32` or `Option<u32>`, into the given levels.
    ///
    /// # Errors
    /// When a level occurs twice or a code has no level.
    pub fn category_codes<S: AsRef<str>>(
        codes: impl IntoIterator<Item = impl Into<Option<u32>>>,
        levels: &[S],
    ) -> Result<Self> {
        let levels = StringArray::from_iter_values(levels);
        Category::new(codes.into_iter().map(Into::into).collect(), levels).map(Data::Category).map(Column)
    }

    /// Whole numbers, from `i64` or `Option<i64>`.
    pub fn integer(cells: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Self {
        Column(Data::Integer(cells.into_iter().map(Into::into).collect()))
    }

    /// Numbers, from `f64` or `Option<f64>`; NaN is missing.
    pub fn real(cells: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Self {
        let cells: Vec<f64> = cells.into_iter().map(|cell| cell.into().unwrap_or(f64::NAN)).collect();
        Column(Data::Real(without_nan(cells.into())))
    }

    /// True or false, from `bool` or `Option<bool>`.
    pub fn boolean(cells: impl IntoIterator<Item = impl Into<Option<bool>>>) -> Self {
        Column(Data::Boolean(cells.into_iter().map(Into::into).collect()))
    }

    /// Days since 1970-01-01, from `i32` or `Option<i32>`.
    pub fn date(days: impl IntoIterator<Item = impl Into<Option<i32>>>) -> Self {
        Column(Data::Date(days.into_iter().map(Into::into).collect()))
    }

    /// Microseconds since 1970-01-01 00:00 UTC, from `i64` or `Option<i64>`.
    pub fn date_time(micros: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Self {
        Column(Data::DateTime(micros.into_iter().map(Into::into).collect()))
    }

    /// What the cells are.
    pub fn column_type(&self) -> ColumnType {
        match &self.0 {
            Data::Text(_) => ColumnType::Text,
            Data::Category(_) => ColumnType::Category,
            Data::Integer(_) => ColumnType::Integer,
            Data::Real(_) => ColumnType::Real,
            Data::Boolean(_) => ColumnType::Boolean,
            Data::Date(_) => ColumnType::Date,
            Data::DateTime(_) => ColumnType::DateTime,
        }
    }

    /// The number of cells.
    pub fn n_rows(&self) -> usize {
        self.array().len()
    }

    /// How many bytes of memory the cells take, with the levels of categories.
    pub fn n_bytes(&self) -> usize {
        let levels = match &self.0 {
            Data::Category(category) => category.levels.get_buffer_memory_size(),
            _ => 0,
        };
        self.array().get_buffer_memory_size() + levels
    }

    /// The number of missing cells.
    pub fn null_count(&self) -> usize {
        self.array().null_count()
    }

    /// Whether a cell is missing; a row that does not exist is.
    pub fn is_null(&self, row: usize) -> bool {
        row >= self.n_rows() || self.array().is_null(row)
    }

    /// Numbers, with NaN where a cell is missing; of a real, an integer or a boolean column (0 and 1).
    /// A real column without missing cells is lent, anything else is copied.
    ///
    /// # Errors
    /// When the column is of another type, or an integer beyond ±2^53 has no exact `f64`.
    pub fn as_real(&self) -> Result<Cow<'_, [f64]>> {
        match &self.0 {
            Data::Real(array) if array.null_count() == 0 => Ok(Cow::Borrowed(array.values())),
            Data::Real(array) => Ok(array.iter().map(|cell| cell.unwrap_or(f64::NAN)).collect()),
            Data::Integer(array) => match array.iter().flatten().find(|&cell| !is_exact(cell)) {
                Some(cell) => Err(Error::unsupported(format!(
                    "{cell} has no exact number of double precision; treat the column as text or category"
                ))),
                None => Ok(array.iter().map(|cell| cell.map_or(f64::NAN, |cell| cell as f64)).collect()),
            },
            Data::Boolean(array) => Ok(array.iter().map(|cell| cell.map_or(f64::NAN, f64::from)).collect()),
            _ => Err(self.not("numbers", "real, integer or boolean")),
        }
    }

    /// Whole numbers of an integer column.
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn as_integer(&self) -> Result<impl ExactSizeIterator<Item = Option<i64>> + '_> {
        match &self.0 {
            Data::Integer(array) => Ok(array.iter()),
            _ => Err(self.not("whole numbers", "integer")),
        }
    }

    /// The cells of a boolean column.
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn as_boolean(&self) -> Result<impl ExactSizeIterator<Item = Option<bool>> + '_> {
        match &self.0 {
            Data::Boolean(array) => Ok(array.iter()),
            _ => Err(self.not("true and false", "boolean")),
        }
    }

    /// Texts of a text column, or the level of each row of a category column.
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn as_text(&self) -> Result<impl ExactSizeIterator<Item = Option<&str>> + '_> {
        if !matches!(self.0, Data::Text(_) | Data::Category(_)) {
            return Err(self.not("text", "text or category"));
        }
        Ok((0..self.n_rows()).map(|row| self.text_at(row)))
    }

    /// Codes and levels of a category column.
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn as_category(&self) -> Result<&Category> {
        match &self.0 {
            Data::Category(category) => Ok(category),
            _ => Err(self.not("categories", "category")),
        }
    }

    /// The cells as categories: of a category column as they are, of texts in sorted order, of whole numbers by
    /// size, of booleans `false` and `true`.
    ///
    /// ```
    /// use perennial_data::Column;
    ///
    /// let category = Column::integer([10, 9, 10]).to_category()?.into_owned();
    /// assert_eq!(category.levels().collect::<Vec<_>>(), ["9", "10"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn to_category(&self) -> Result<Cow<'_, Category>> {
        match &self.0 {
            Data::Category(category) => Ok(Cow::Borrowed(category)),
            Data::Text(array) => Ok(Cow::Owned(Category::from_array(array))),
            Data::Integer(array) => {
                let order: BTreeSet<i64> = array.iter().flatten().collect();
                let order: Vec<i64> = order.into_iter().collect();
                let code = |cell: i64| order.partition_point(|level| *level < cell) as u32;
                let codes = array.iter().map(|cell| cell.map(code)).collect();
                Category::new(codes, order.iter().map(|level| Some(level.to_string())).collect())
                    .map(Cow::Owned)
            }
            Data::Boolean(array) => {
                let codes = array.iter().map(|cell| cell.map(u32::from)).collect();
                let levels = StringArray::from_iter_values(["false", "true"]);
                Category::new(codes, levels).map(Cow::Owned)
            }
            _ => Err(self.not("categories", "text, category, boolean or integer")),
        }
    }

    /// Days since 1970-01-01 of a date column.
    ///
    /// # Errors
    /// When the column is of another type.
    pub fn as_date(&self) -> Result<impl ExactSizeIterator<Item = Option<i32>> + '_> {
        match &self.0 {
            Data::Date(array) => Ok(array.iter()),
            _ => Err(self.not("days", "date")),
        }
    }

    /// Microseconds since 1970-01-01 00:00 UTC of a date and time column, or the midnights of a date column.
    ///
    /// # Errors
    /// When the column is of another type, or has a day that lies too far from 1970 for a moment.
    pub fn as_date_time(&self) -> Result<impl ExactSizeIterator<Item = Option<i64>> + '_> {
        if !matches!(self.0, Data::Date(_) | Data::DateTime(_)) {
            return Err(self.not("moments", "date or date_time"));
        }
        if let Data::Date(array) = &self.0
            && let Some(day) = array.iter().flatten().find(|day| i64::from(*day).checked_mul(DAY).is_none())
        {
            return Err(Error::too_large(format!(
                "the day {day} lies more than {} days from 1970, where moments end",
                i64::MAX / DAY
            )));
        }
        Ok((0..self.n_rows()).map(|row| match &self.0 {
            Data::Date(array) => array.is_valid(row).then(|| i64::from(array.value(row)) * DAY),
            Data::DateTime(array) => array.is_valid(row).then(|| array.value(row)),
            _ => None,
        }))
    }

    /// One cell as it is written to a file, such as `1.5`, `true` or `2024-02-29`; nothing where it is missing.
    pub fn cell(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.is_null(row) {
            return None;
        }
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = match &self.0 {
            Data::Text(_) | Data::Category(_) => return self.text_at(row).map(Cow::Borrowed),
            Data::Integer(array) => return Some(array.value(row).to_string().into()),
            Data::Real(array) => return Some(format!("{:?}", array.value(row)).into()),
            Data::Boolean(array) => return Some(if array.value(row) { "true" } else { "false" }.into()),
            Data::Date(array) => calendar::write_date(&mut text, array.value(row)),
            Data::DateTime(array) => calendar::write_date_time(&mut text, array.value(row)),
        };
        Some(text.into())
    }

    /// The same cells as another type, where nothing is lost: text and category to each other, integers that
    /// `f64` holds exactly to real, days to moments, and a column without any cell to anything.
    ///
    /// # Errors
    /// When the cells cannot be had as that type.
    pub fn cast(&self, column_type: ColumnType) -> Result<Column> {
        if column_type == self.column_type() {
            return Ok(self.clone());
        }
        if self.null_count() == self.n_rows() {
            return Ok(Column::nulls(column_type, self.n_rows()));
        }
        match (&self.0, column_type) {
            (Data::Text(array), ColumnType::Category) => {
                Ok(Column(Data::Category(Category::from_array(array))))
            }
            (Data::Category(_), ColumnType::Text) => Ok(Column::text(self.as_text()?)),
            (Data::Integer(_), ColumnType::Real) => Ok(Column::real(self.as_real()?.iter().copied())),
            (Data::Date(_), ColumnType::DateTime) => Ok(Column::date_time(self.as_date_time()?)),
            _ => Err(Error::unsupported(format!(
                "a column of type {} does not turn into {column_type} without loss",
                self.column_type()
            ))),
        }
    }

    /// How a cell stands to one of another column: numbers to numbers, without rounding; texts by their bytes; days and
    /// moments; booleans. Nothing where one is missing or they do not compare.
    pub(crate) fn order(left: &Column, a: usize, right: &Column, b: usize) -> Option<Ordering> {
        if left.is_null(a) || right.is_null(b) {
            return None;
        }
        match (&left.0, &right.0) {
            (Data::Integer(left), Data::Integer(right)) => Some(left.value(a).cmp(&right.value(b))),
            (Data::Integer(left), Data::Real(right)) => Some(beside_real(left.value(a), right.value(b))),
            (Data::Real(left), Data::Integer(right)) => {
                Some(beside_real(right.value(b), left.value(a)).reverse())
            }
            (Data::Real(left), Data::Real(right)) => left.value(a).partial_cmp(&right.value(b)),
            (Data::Boolean(left), Data::Boolean(right)) => Some(left.value(a).cmp(&right.value(b))),
            (Data::Date(left), Data::Date(right)) => Some(left.value(a).cmp(&right.value(b))),
            (Data::DateTime(left), Data::DateTime(right)) => Some(left.value(a).cmp(&right.value(b))),
            (Data::Date(left), Data::DateTime(right)) => {
                Some((i128::from(left.value(a)) * i128::from(DAY)).cmp(&right.value(b).into()))
            }
            (Data::DateTime(left), Data::Date(right)) => {
                Some(i128::from(left.value(a)).cmp(&(i128::from(right.value(b)) * i128::from(DAY))))
            }
            (Data::Text(_) | Data::Category(_), Data::Text(_) | Data::Category(_)) => {
                Some(left.text_at(a).cmp(&right.text_at(b)))
            }
            _ => None,
        }
    }

    /// A column of missing cells.
    pub(crate) fn nulls(column_type: ColumnType, n_rows: usize) -> Self {
        Column(match column_type {
            ColumnType::Text => Data::Text(StringArray::new_null(n_rows)),
            ColumnType::Category => Data::Category(Category::from_texts((0..n_rows).map(|_| None))),
            ColumnType::Integer => Data::Integer(Int64Array::new_null(n_rows)),
            ColumnType::Real => Data::Real(Float64Array::new_null(n_rows)),
            ColumnType::Boolean => Data::Boolean(BooleanArray::new_null(n_rows)),
            ColumnType::Date => Data::Date(Date32Array::new_null(n_rows)),
            ColumnType::DateTime => Data::DateTime(TimestampMicrosecondArray::new_null(n_rows)),
        })
    }

    pub(crate) fn text_at(&self, row: usize) -> Option<&str> {
        match &self.0 {
            Data::Text(array) => array.is_valid(row).then(|| array.value(row)),
            Data::Category(category) => category.code(row).and_then(|code| category.level(code)),
            _ => None,
        }
    }

    /// The array that has one entry per row: the codes of a category column.
    pub(crate) fn array(&self) -> &dyn Array {
        match &self.0 {
            Data::Text(array) => array,
            Data::Category(category) => &category.codes,
            Data::Integer(array) => array,
            Data::Real(array) => array,
            Data::Boolean(array) => array,
            Data::Date(array) => array,
            Data::DateTime(array) => array,
        }
    }

    /// This column with its [`array`](Column::array) replaced by one of the same Arrow type.
    fn with_array(&self, array: ArrayRef) -> Column {
        Column(match &self.0 {
            Data::Text(_) => Data::Text(array.as_string::<i32>().clone()),
            Data::Category(category) => Data::Category(Category {
                codes: array.as_primitive::<UInt32Type>().clone(),
                levels: category.levels.clone(),
            }),
            Data::Integer(_) => Data::Integer(array.as_primitive::<Int64Type>().clone()),
            Data::Real(_) => Data::Real(array.as_primitive::<Float64Type>().clone()),
            Data::Boolean(_) => Data::Boolean(array.as_boolean().clone()),
            Data::Date(_) => Data::Date(array.as_primitive::<Date32Type>().clone()),
            Data::DateTime(_) => Data::DateTime(array.as_primitive::<TimestampMicrosecondType>().clone()),
        })
    }

    pub(crate) fn slice(&self, start: usize, length: usize) -> Column {
        self.with_array(self.array().slice(start, length))
    }

    pub(crate) fn take(&self, rows: &UInt64Array) -> Result<Column> {
        arrow_select::take::take(self.array(), rows, None)
            .map(|array| self.with_array(array))
            .map_err(too_long)
    }

    pub(crate) fn filter(&self, keep: &BooleanArray) -> Result<Column> {
        arrow_select::filter::filter(self.array(), keep).map(|array| self.with_array(array)).map_err(too_long)
    }

    /// Columns of one type below each other; category columns must have the same levels.
    pub(crate) fn concat(parts: &[&Column]) -> Result<Column> {
        let arrays: Vec<&dyn Array> = parts.iter().map(|part| part.array()).collect();
        let all = arrow_select::concat::concat(&arrays).map_err(too_long)?;
        parts.first().map(|first| first.with_array(all)).ok_or_else(|| Error::empty("there are no columns"))
    }

    fn not(&self, wanted: &str, types: &str) -> Error {
        Error::unsupported(format!(
            "the column is of type {} and does not give {wanted}; use a column of type {types}",
            self.column_type()
        ))
    }
}

/// Whether an integer is a number of double precision.
pub(crate) fn is_exact(cell: i64) -> bool {
    // `as` saturates, so 2^63 - 1 would seem to come back.
    cell.unsigned_abs() <= 1 << 53 || (cell != i64::MAX && (cell as f64) as i64 == cell)
}

/// A whole number beside a real one, without rounding either.
pub(crate) fn beside_real(whole: i64, real: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let floor = real.floor();
    match () {
        () if floor >= LIMIT => Ordering::Less,
        () if floor < -LIMIT => Ordering::Greater,
        () => whole.cmp(&(floor as i64)).then(if real > floor { Ordering::Less } else { Ordering::Equal }),
    }
}

/// A real array in which NaN is missing.
pub(crate) fn without_nan(array: Float64Array) -> Float64Array {
    if !array.values().iter().any(|cell| cell.is_nan()) {
        return array;
    }
    let (_, values, nulls) = array.into_parts();
    let numbers = NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan()));
    Float64Array::new(values, NullBuffer::union(Some(&numbers), nulls.as_ref()))
}

fn too_long(error: arrow_schema::ArrowError) -> Error {
    Error::too_large(format!("the rows do not fit into one column: {error}")).with_source(error)
}
