//! Cells in the binary form of PostgreSQL, appended to columns.

use arrow_array::StringArray;
use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use perennial_core::{Error, Result};
use postgres::types::{Kind, Type};

use super::numeric;
use crate::category::Category;
use crate::column::{Data, without_nan};
use crate::{Column, calendar, json_lines};

/// Days from 1970-01-01 to the first of PostgreSQL's calendar, 2000-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * calendar::DAY;

/// The cells of a column so far.
pub(super) enum Cells {
    /// Whole numbers of 2, 4 or 8 bytes.
    Integer(Int64Builder),
    /// Object identifiers, which have no sign.
    Oid(Int64Builder),
    Real(Float64Builder),
    Numeric(json_lines::Cells),
    Boolean(BooleanBuilder),
    Text(StringBuilder, Form),
    Category(Vec<Option<u32>>, Vec<String>),
    Date(Date32Builder),
    DateTime(TimestampMicrosecondBuilder),
}

/// How a text is sent.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Plain,
    /// One byte; 0 where there is none.
    Byte,
    /// With a byte that says which version it is.
    JsonB,
    Uuid,
    Time,
}

impl Cells {
    /// An empty column for cells of a type of the server.
    pub(super) fn new(of: &Type) -> Result<Self> {
        let text = |form| Ok(Cells::Text(StringBuilder::new(), form));
        match of.kind() {
            Kind::Domain(of) => return Cells::new(of),
            Kind::Enum(levels) => return Ok(Cells::Category(Vec::new(), levels.clone())),
            _ => {}
        }
        match *of {
            Type::INT2 | Type::INT4 | Type::INT8 => Ok(Cells::Integer(Int64Builder::new())),
            Type::OID => Ok(Cells::Oid(Int64Builder::new())),
            Type::FLOAT4 | Type::FLOAT8 => Ok(Cells::Real(Float64Builder::new())),
            Type::NUMERIC => Ok(Cells::Numeric(json_lines::Cells::Nothing)),
            Type::BOOL => Ok(Cells::Boolean(BooleanBuilder::new())),
            Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::XML
            | Type::JSON => text(Form::Plain),
            Type::CHAR => text(Form::Byte),
            Type::JSONB => text(Form::JsonB),
            Type::UUID => text(Form::Uuid),
            Type::TIME => text(Form::Time),
            Type::DATE => Ok(Cells::Date(Date32Builder::new())),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Ok(Cells::DateTime(TimestampMicrosecondBuilder::new())),
            // A type of an extension, which has no number of its own.
            _ if of.name() == "citext" => text(Form::Plain),
            Type::BYTEA => {
                Err(Error::unsupported("a table has no type for bytes; select `encode(column, 'hex')` of it"))
            }
            _ => Err(Error::unsupported(format!(
                "a table has no type for `{}`; select `column::text`, or the part of it that you need",
                of.name()
            ))),
        }
    }

    pub(super) fn is_numeric(&self) -> bool {
        matches!(self, Cells::Numeric(_))
    }

    /// Takes the cell of row `row`, which is the next one.
    pub(super) fn push(&mut self, cell: Option<&[u8]>, row: usize) -> Result<()> {
        match self {
            Cells::Integer(cells) => cells.append_option(cell.map(integer).transpose()?),
            Cells::Oid(cells) => {
                cells.append_option(cell.map(bytes).transpose()?.map(u32::from_be_bytes).map(i64::from))
            }
            Cells::Real(cells) => cells.append_option(cell.map(real).transpose()?),
            Cells::Numeric(cells) => {
                let cell = cell.map_or(Ok(json_lines::Cell::Null), numeric::decode)?;
                cells.check(&cell)?;
                cells.push(cell, row)?;
            }
            Cells::Boolean(cells) => {
                cells.append_option(cell.map(bytes::<1>).transpose()?.map(|[byte]| byte != 0))
            }
            Cells::Text(cells, form) => match cell {
                Some(cell) => append(cells, cell, *form)?,
                None => cells.append_null(),
            },
            Cells::Category(codes, levels) => {
                let code =
                    |cell| levels.iter().position(|level| level.as_bytes() == cell).map(|at| at as u32);
                let known = cell.map(|cell| {
                    code(cell).ok_or_else(|| Error::malformed("the level is not one of its type"))
                });
                codes.push(known.transpose()?);
            }
            Cells::Date(cells) => cells.append_option(cell.map(day).transpose()?),
            Cells::DateTime(cells) => cells.append_option(cell.map(moment).transpose()?),
        }
        Ok(())
    }

    pub(super) fn column(self, n_rows: usize) -> Result<Column> {
        Ok(Column(match self {
            Cells::Integer(mut cells) | Cells::Oid(mut cells) => Data::Integer(cells.finish()),
            Cells::Real(mut cells) => Data::Real(without_nan(cells.finish())),
            Cells::Numeric(cells) => return Ok(cells.column(n_rows)),
            Cells::Boolean(mut cells) => Data::Boolean(cells.finish()),
            Cells::Text(mut cells, _) => Data::Text(cells.finish()),
            Cells::Category(codes, levels) => {
                Data::Category(Category::new(codes.into_iter().collect(), StringArray::from(levels))?)
            }
            Cells::Date(mut cells) => Data::Date(cells.finish()),
            Cells::DateTime(mut cells) => Data::DateTime(cells.finish()),
        }))
    }
}

/// A cell of a fixed number of bytes.
fn bytes<const N: usize>(cell: &[u8]) -> Result<[u8; N]> {
    cell.try_into().map_err(|_| Error::malformed(format!("the cell has {} bytes and not {N}", cell.len())))
}

fn integer(cell: &[u8]) -> Result<i64> {
    match cell.len() {
        2 => bytes(cell).map(i16::from_be_bytes).map(i64::from),
        4 => bytes(cell).map(i32::from_be_bytes).map(i64::from),
        _ => bytes(cell).map(i64::from_be_bytes),
    }
}

fn real(cell: &[u8]) -> Result<f64> {
    match cell.len() {
        4 => bytes(cell).map(f32::from_be_bytes).map(f64::from),
        _ => bytes(cell).map(f64::from_be_bytes),
    }
}

fn day(cell: &[u8]) -> Result<i32> {
    match bytes(cell).map(i32::from_be_bytes)? {
        i32::MIN | i32::MAX => Err(infinite()),
        days => days.checked_add(EPOCH_DAYS).ok_or_else(infinite),
    }
}

fn moment(cell: &[u8]) -> Result<i64> {
    match bytes(cell).map(i64::from_be_bytes)? {
        i64::MIN | i64::MAX => Err(infinite()),
        micros => micros.checked_add(EPOCH_MICROS).ok_or_else(infinite),
    }
}

fn infinite() -> Error {
    Error::unsupported(
        "the day is infinite, for which a table has no cell; select `nullif(column, 'infinity')`",
    )
}

fn append(cells: &mut StringBuilder, cell: &[u8], form: Form) -> Result<()> {
    let text = match form {
        Form::Plain => utf8(cell)?,
        Form::Byte => utf8(cell.strip_suffix(b"\0").unwrap_or(cell))?,
        Form::JsonB => match cell.split_first() {
            Some((1, json)) => utf8(json)?,
            _ => {
                return Err(Error::unsupported(
                    "the cell is in another version of `jsonb`; select `column::text`",
                ));
            }
        },
        Form::Uuid => &uuid(u128::from_be_bytes(bytes(cell)?)),
        Form::Time => &time(i64::from_be_bytes(bytes(cell)?)),
    };
    // Arrow counts the bytes of a column in 32 bits, and its builder panics beyond them.
    if cells.values_slice().len() + text.len() > i32::MAX as usize {
        return Err(Error::too_large("the texts of the column exceed 2 GiB; read fewer rows at a time"));
    }
    cells.append_value(text);
    Ok(())
}

fn utf8(cell: &[u8]) -> Result<&str> {
    std::str::from_utf8(cell).map_err(|_| Error::malformed("the text is not UTF-8"))
}

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A time of day in microseconds, up to 24:00.
fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}") }
}
