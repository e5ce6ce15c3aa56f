//! Decimals of Arrow: whole numbers with a scale, which a table keeps as numbers or as texts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, ArrayRef, Float64Array, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use perennial_core::{Error, Result};

/// Decimals as numbers: the nearest `f64`, as long as it comes back with the same digits.
///
/// # Errors
/// A decimal of more digits than an `f64` keeps; up to 15 it always does.
pub(crate) fn numbers(array: &dyn Array) -> Result<Float64Array> {
    match array.data_type() {
        DataType::Decimal32(_, scale) => read(array.as_primitive::<Decimal32Type>(), *scale, i128::from),
        DataType::Decimal64(_, scale) => read(array.as_primitive::<Decimal64Type>(), *scale, i128::from),
        DataType::Decimal128(_, scale) => read(array.as_primitive::<Decimal128Type>(), *scale, |cell| cell),
        // Beyond 128 bits there are more digits than are looked at one by one; the text of the cell has them all.
        DataType::Decimal256(_, scale) => {
            read(array.as_primitive::<Decimal256Type>(), *scale, |cell| cell.to_i128().unwrap_or(i128::MAX))
        }
        other => Err(Error::unsupported(format!("`{other}` is no decimal of Arrow"))),
    }
}

fn read<T: DecimalType>(
    array: &PrimitiveArray<T>,
    scale: i8,
    whole: impl Fn(T::Native) -> i128,
) -> Result<Float64Array> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    // Both exact, so that one division rounds correctly.
    let power = usize::try_from(scale).ok().and_then(|scale| POWERS.get(scale));
    let number = |row: usize| {
        let cell = whole(array.value(row));
        if let (Some(power), true) = (power, cell.unsigned_abs() < 1_000_000_000_000_000) {
            return Ok(cell as f64 / power);
        }
        let text = array.value_as_string(row);
        let number: f64 = text.parse().map_err(Error::other)?;
        let decimals = usize::try_from(scale).unwrap_or(0);
        match format!("{number:.decimals$}") == text {
            true => Ok(number),
            false => Err(Error::unsupported(format!(
                "the decimal {text} has more digits than a number keeps; read decimals as texts (`decimal_as_text`), or \
                 leave the column out"
            ))),
        }
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| number(row)).transpose()).collect()
}

/// A batch whose decimals are texts.
pub(crate) fn as_texts(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let texts: Option<StringArray> = match array.data_type() {
            DataType::Decimal32(..) => Some(texts(array.as_primitive::<Decimal32Type>())),
            DataType::Decimal64(..) => Some(texts(array.as_primitive::<Decimal64Type>())),
            DataType::Decimal128(..) => Some(texts(array.as_primitive::<Decimal128Type>())),
            DataType::Decimal256(..) => Some(texts(array.as_primitive::<Decimal256Type>())),
            _ => None,
        };
        match texts {
            Some(texts) => {
                fields.push(Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)));
                columns.push(Arc::new(texts) as ArrayRef);
            }
            None => {
                fields.push(field.clone());
                columns.push(array.clone());
            }
        }
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new_with_metadata(fields, batch.schema().metadata().clone()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(Error::other)
}

fn texts<T: DecimalType>(array: &PrimitiveArray<T>) -> StringArray {
    (0..array.len()).map(|row| array.is_valid(row).then(|| array.value_as_string(row))).collect()
}
