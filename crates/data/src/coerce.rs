//! Cells as another type, where they can be read as such.

use perennial_core::{Error, Result};

use crate::column::Data;
use crate::csv::{parse_boolean, parse_integer, parse_real};
use crate::time_format::TimeFormat;
use crate::{Column, ColumnType, calendar};

impl Column {
    /// The same cells as another type, where each of them has one: what [`cast`](Column::cast) does, texts that read as a number, a truth value, a day or a
    /// moment, as in a CSV file of which the type is given, real numbers without a fraction as whole ones, 0 and 1 as truth values and
    /// back, midnights as days, and anything as text; [`parse_dates`](Column::parse_dates) reads days in a format. Missing cells stay missing.
    ///
    /// ```
    /// use perennial_data::{Column, ColumnType};
    ///
    /// let typed = Column::text([Some("3"), None, Some("-40")]);
    /// assert_eq!(typed.coerce(ColumnType::Integer)?, Column::integer([Some(3), None, Some(-40)]));
    /// let error = Column::text(["3", "three"]).coerce(ColumnType::Integer).unwrap_err();
    /// assert!(error.to_string().contains("row 1: `three` is not of type integer"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a cell cannot be had as that type; the message names its row.
    pub fn coerce(&self, column_type: ColumnType) -> Result<Column> {
        if let Ok(column) = self.cast(column_type) {
            return Ok(column);
        }
        let texts = matches!(self.0, Data::Text(_) | Data::Category(_));
        match column_type {
            ColumnType::Text | ColumnType::Category => {
                let cells: Vec<_> = (0..self.n_rows()).map(|row| self.cell(row)).collect();
                Column::text(cells.iter().map(|cell| cell.as_deref())).cast(column_type)
            }
            ColumnType::Integer if texts => self.read(column_type, parse_integer).map(Column::integer),
            ColumnType::Real if texts => self
                .read(column_type, |cell| parse_real(cell).filter(|cell| !cell.is_nan()))
                .map(Column::real),
            ColumnType::Boolean if texts => self.read(column_type, parse_boolean).map(Column::boolean),
            ColumnType::Date if texts => self.read(column_type, calendar::parse_date).map(Column::date),
            ColumnType::DateTime if texts => {
                self.read(column_type, calendar::parse_date_time).map(Column::date_time)
            }
            _ => self.turned(column_type),
        }
    }

    /// Texts in a format as days, or as moments where the format has a time. Missing cells stay missing.
    ///
    /// The format is as [`Rule::time_format`](crate::Rule::time_format) takes it, with a year, and a month and a day or `%j`.
    ///
    /// ```
    /// use perennial_data::Column;
    ///
    /// let typed = Column::text([Some("02.01.1970"), None]);
    /// assert_eq!(typed.parse_dates("%d.%m.%Y")?, Column::date([Some(1), None]));
    /// let error = typed.parse_dates("%m/%d/%Y").unwrap_err();
    /// assert!(error.to_string().contains("row 0: `02.01.1970` does not follow `%m/%d/%Y`"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the column is not of texts or categories, the format names no day, or a cell does not follow it; the message names its row.
    pub fn parse_dates(&self, format: &str) -> Result<Column> {
        if !matches!(self.0, Data::Text(_) | Data::Category(_)) {
            return Err(Error::unsupported(format!(
                "a column of type {} has no texts that could be days",
                self.column_type()
            )));
        }
        let known = TimeFormat::of_days(format)
            .map_err(|why| Error::unsupported(format!("the format `{format}` {why}")))?;
        let parse = |row: usize| {
            let Some(text) = self.text_at(row).filter(|_| !self.is_null(row)) else { return Ok(None) };
            known.moment(text.as_bytes()).map(Some).ok_or_else(|| {
                let cell: String = text.chars().take(40).collect();
                Error::malformed(format!("row {row}: `{cell}` does not follow `{format}`"))
            })
        };
        let moments = (0..self.n_rows()).map(parse).collect::<Result<Vec<Option<i64>>>>()?;
        if known.has_time() {
            return Ok(Column::date_time(moments));
        }
        // Four digits of a year are far from the ends of 32 bits of days.
        Ok(Column::date(
            moments.into_iter().map(|moment| moment.map(|moment| moment.div_euclid(calendar::DAY) as i32)),
        ))
    }

    /// Texts read as another type.
    fn read<T>(&self, column_type: ColumnType, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<Option<T>>> {
        self.each(column_type, |row| self.text_at(row).map(|text| parse(text.as_bytes())))
    }

    /// Numbers, truth values and moments turned into each other.
    fn turned(&self, column_type: ColumnType) -> Result<Column> {
        match (&self.0, column_type) {
            (Data::Real(array), ColumnType::Integer) => {
                let whole = |cell: f64| (cell.trunc() == cell && cell.abs() <= 9e15).then_some(cell as i64);
                self.each(column_type, |row| Some(whole(array.value(row)))).map(Column::integer)
            }
            (Data::Real(array), ColumnType::Boolean) => {
                self.each(column_type, |row| Some(truth(array.value(row)))).map(Column::boolean)
            }
            (Data::Integer(array), ColumnType::Boolean) => {
                self.each(column_type, |row| Some(truth(array.value(row) as f64))).map(Column::boolean)
            }
            (Data::Boolean(array), ColumnType::Integer) => {
                self.each(column_type, |row| Some(Some(array.value(row).into()))).map(Column::integer)
            }
            (Data::Boolean(array), ColumnType::Real) => {
                self.each(column_type, |row| Some(Some(array.value(row).into()))).map(Column::real)
            }
            (Data::DateTime(array), ColumnType::Date) => {
                let day = |micros: i64| {
                    (micros.rem_euclid(calendar::DAY) == 0)
                        .then(|| i32::try_from(micros / calendar::DAY).ok())?
                };
                self.each(column_type, |row| Some(day(array.value(row)))).map(Column::date)
            }
            _ => Err(Error::unsupported(format!(
                "a column of type {} does not turn into {column_type}",
                self.column_type()
            ))),
        }
    }

    /// What `read` makes of each cell that is there; nothing of one is an error.
    fn each<T>(
        &self,
        column_type: ColumnType,
        read: impl Fn(usize) -> Option<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        (0..self.n_rows())
            .map(|row| {
                if self.is_null(row) {
                    return Ok(None);
                }
                read(row).flatten().map(Some).ok_or_else(|| {
                    let cell: String = self.cell(row).unwrap_or_default().chars().take(40).collect();
                    Error::malformed(format!("row {row}: `{cell}` is not of type {column_type}"))
                })
            })
            .collect()
    }
}

fn truth(cell: f64) -> Option<bool> {
    match cell {
        0.0 => Some(false),
        1.0 => Some(true),
        _ => None,
    }
}
