//! Tables from Arrow record batches and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Date64Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, DictionaryArray, LargeStringArray, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use perennial_core::{Error, Result, ResultExt};

use crate::calendar::DAY;
use crate::category::Category;
use crate::column::{Data, without_nan};
use crate::pii::marks;
use crate::role;
use crate::{Column, Table, decimal};

impl Table {
    /// The columns of a record batch, shared with it where the type allows.
    ///
    /// Shared: `Utf8`, `Int64`, `Float64` without NaN, `Boolean`, `Date32`, `Timestamp(Microsecond)`, and
    /// `Dictionary(UInt32, Utf8)` with distinct levels. Copied: other integers and floats, other texts, other
    /// dictionaries of text, `Date64` (to the millisecond), and other timestamps, of which nanoseconds are
    /// cut to microseconds; decimals become real where they come back with the same digits, as up to 15 always do. Time zones are dropped: moments are in UTC. A column of type `Null` becomes real.
    ///
    /// # Errors
    /// Names the first column of another type, or with a cell that does not fit.
    pub fn from_record_batch(batch: &RecordBatch) -> Result<Table> {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let column = column_of(array).context(format!("column `{}`", field.name()))?;
            Ok((field.name().as_str().into(), column))
        });
        let table = Table::with_rows(batch.num_rows(), columns.collect::<Result<Vec<_>>>()?)?;
        marked(table, schema.fields().iter().map(AsRef::as_ref))
    }

    /// The columns as a record batch that shares them. Categories are `Dictionary(UInt32, Utf8)`, moments are
    /// `Timestamp(Microsecond)` in UTC, and every column may have missing cells.
    ///
    /// # Errors
    /// When Arrow refuses the columns.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let arrays: Vec<ArrayRef> =
            self.columns().map(|(_, column)| array_of(column)).collect::<Result<_>>()?;
        let fields: Vec<Field> = self
            .names()
            .zip(&arrays)
            .map(|(name, array)| {
                let mut metadata = Vec::new();
                if let Some(kinds) = self.marks().get(name) {
                    metadata.push((marks::METADATA.to_owned(), marks::written(kinds)?));
                }
                if let Some(role) = self.roles().get(name) {
                    metadata.push((role::METADATA.to_owned(), role.to_string()));
                }
                Ok(Field::new(name, array.data_type().clone(), true)
                    .with_metadata(metadata.into_iter().collect()))
            })
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.n_rows()));
        RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options)
            .map_err(refused)
    }
}

/// The table with the marks of personal data and the roles that its fields have.
pub(crate) fn marked<'a>(table: Table, fields: impl Iterator<Item = &'a Field>) -> Result<Table> {
    let (mut found, mut roles) = (marks::Marks::new(), role::Roles::new());
    for field in fields {
        if let Some(text) = field.metadata().get(role::METADATA) {
            roles.insert(field.name().as_str().into(), role::read(field.name(), text)?);
        }
        if let Some(text) = field.metadata().get(marks::METADATA) {
            found.insert(field.name().as_str().into(), marks::read(field.name(), text)?);
        }
    }
    let table = if roles.is_empty() { table } else { table.with_roles(roles) };
    Ok(if found.is_empty() { table } else { table.with_marks(found) })
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::malformed(format!("Arrow refuses the data: {error}")).with_source(error)
}

fn array_of(column: &Column) -> Result<ArrayRef> {
    Ok(match &column.0 {
        Data::Text(array) => Arc::new(array.clone()),
        Data::Category(category) => {
            let levels = Arc::new(category.levels.clone());
            Arc::new(DictionaryArray::try_new(category.codes.clone(), levels).map_err(refused)?)
        }
        Data::Integer(array) => Arc::new(array.clone()),
        Data::Real(array) => Arc::new(array.clone()),
        Data::Boolean(array) => Arc::new(array.clone()),
        Data::Date(array) => Arc::new(array.clone()),
        Data::DateTime(array) => Arc::new(array.clone().with_timezone("UTC")),
    })
}

pub(crate) fn column_of(array: &ArrayRef) -> Result<Column> {
    let data = match array.data_type() {
        DataType::Null => return Ok(Column::nulls(crate::ColumnType::Real, array.len())),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Data::Text(texts(array)?),
        DataType::Int64 => Data::Integer(array.as_primitive::<Int64Type>().clone()),
        DataType::Int8 => Data::Integer(array.as_primitive::<Int8Type>().unary(i64::from)),
        DataType::Int16 => Data::Integer(array.as_primitive::<Int16Type>().unary(i64::from)),
        DataType::Int32 => Data::Integer(array.as_primitive::<Int32Type>().unary(i64::from)),
        DataType::UInt8 => Data::Integer(array.as_primitive::<UInt8Type>().unary(i64::from)),
        DataType::UInt16 => Data::Integer(array.as_primitive::<UInt16Type>().unary(i64::from)),
        DataType::UInt32 => Data::Integer(array.as_primitive::<UInt32Type>().unary(i64::from)),
        DataType::UInt64 => Data::Integer(converted(array.as_primitive::<UInt64Type>(), |cell| {
            i64::try_from(cell).map_err(|_| Error::too_large(format!("{cell} is above 2^63 - 1")))
        })?),
        DataType::Float64 => Data::Real(without_nan(array.as_primitive::<Float64Type>().clone())),
        DataType::Float32 => Data::Real(without_nan(array.as_primitive::<Float32Type>().unary(f64::from))),
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Data::Real(decimal::numbers(array)?),
        DataType::Boolean => Data::Boolean(array.as_boolean().clone()),
        DataType::Date32 => Data::Date(array.as_primitive::<Date32Type>().clone()),
        DataType::Date64 => Data::DateTime(scaled::<Date64Type>(array, 1_000)?),
        DataType::Timestamp(unit, _) => Data::DateTime(match unit {
            TimeUnit::Second => scaled::<TimestampSecondType>(array, 1_000_000)?,
            TimeUnit::Millisecond => scaled::<TimestampMillisecondType>(array, 1_000)?,
            TimeUnit::Microsecond => {
                array.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<&str>)
            }
            TimeUnit::Nanosecond => {
                array.as_primitive::<TimestampNanosecondType>().unary(|cell| cell.div_euclid(1_000))
            }
        }),
        DataType::Dictionary(key, _) => Data::Category(match **key {
            DataType::Int8 => dictionary::<Int8Type>(array)?,
            DataType::Int16 => dictionary::<Int16Type>(array)?,
            DataType::Int32 => dictionary::<Int32Type>(array)?,
            DataType::Int64 => dictionary::<Int64Type>(array)?,
            DataType::UInt8 => dictionary::<UInt8Type>(array)?,
            DataType::UInt16 => dictionary::<UInt16Type>(array)?,
            DataType::UInt32 => dictionary::<UInt32Type>(array)?,
            _ => dictionary::<UInt64Type>(array)?,
        }),
        other => {
            return Err(Error::unsupported(format!(
                "a table has no type for Arrow's `{other}`; convert it to text or numbers, or leave it out"
            )));
        }
    };
    Ok(Column(data))
}

fn texts(array: &dyn Array) -> Result<StringArray> {
    // The offsets of a text column count at most 2^31 - 1 bytes.
    let check = |bytes: usize| match i32::try_from(bytes) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(Error::too_large(format!("{bytes} bytes of text are more than 2^31 - 1; split the rows")))
        }
    };
    match array.data_type() {
        DataType::Utf8 => Ok(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            if let Some(texts) = shared_texts(array)? {
                return Ok(texts);
            }
            check(array.iter().flatten().map(str::len).sum())?;
            Ok(array.iter().collect())
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            check(array.iter().flatten().map(str::len).sum())?;
            Ok(array.iter().collect())
        }
        other => Err(Error::unsupported(format!("a category column needs levels of text, not `{other}`"))),
    }
}

/// Texts with their bytes shared, where those fit into one column with what stands under missing cells.
fn shared_texts(array: &LargeStringArray) -> Result<Option<StringArray>> {
    let (offsets, values, nulls) = array.clone().into_parts();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    if i32::try_from(last - first).is_err() {
        return Ok(None);
    }
    let values = values.slice_with_length(first as usize, (last - first) as usize);
    let offsets: Vec<i32> = offsets.iter().map(|offset| (offset - first) as i32).collect();
    let texts = StringArray::try_new(OffsetBuffer::new(offsets.into()), values, nulls).map_err(refused)?;
    Ok(Some(texts))
}

/// Codes and levels of a dictionary, with levels that are missing or occur twice resolved.
fn dictionary<K: ArrowDictionaryKeyType>(array: &dyn Array) -> Result<Category>
where
    K::Native: TryInto<u32> + ArrowNativeTypeOp,
{
    let array = array.as_dictionary::<K>();
    let levels = texts(array.values())?;
    let codes: UInt32Array = match array.keys().as_any().downcast_ref::<UInt32Array>() {
        Some(codes) => codes.clone(),
        None => array.keys().iter().map(|key| key.and_then(|key| key.try_into().ok())).collect(),
    };
    if let Ok(category) = Category::new(codes.clone(), levels.clone()) {
        return Ok(category);
    }
    let at = |code: u32| {
        let code = code as usize;
        (code < levels.len() && levels.is_valid(code)).then(|| levels.value(code))
    };
    Ok(Category::from_texts(codes.iter().map(|code| code.and_then(at))))
}

fn scaled<T: ArrowPrimitiveType<Native = i64>>(
    array: &dyn Array,
    factor: i64,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    converted(array.as_primitive::<T>(), |cell| {
        cell.checked_mul(factor).ok_or_else(|| {
            Error::too_large(format!("a moment lies more than {} days from 1970", i64::MAX / DAY))
        })
    })
}

fn converted<T: ArrowPrimitiveType, U: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    convert: impl Fn(T::Native) -> Result<U::Native>,
) -> Result<PrimitiveArray<U>> {
    array.iter().map(|cell| cell.map(&convert).transpose()).collect()
}
