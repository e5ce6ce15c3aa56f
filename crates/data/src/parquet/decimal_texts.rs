//! Decimals of a batch as texts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, ArrayRef, ArrowNativeTypeOp, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use perennial_core::{Error, Result};

use crate::decimal::check_digits;

/// Whether cells of a type are decimals.
pub(crate) fn is_one(data_type: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(data_type, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}

/// A batch whose decimals are texts.
pub(crate) fn as_texts(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let texts: Option<StringArray> = match array.data_type() {
            DataType::Decimal32(..) => Some(texts(array.as_primitive::<Decimal32Type>())?),
            DataType::Decimal64(..) => Some(texts(array.as_primitive::<Decimal64Type>())?),
            DataType::Decimal128(..) => Some(texts(array.as_primitive::<Decimal128Type>())?),
            DataType::Decimal256(..) => Some(texts(array.as_primitive::<Decimal256Type>())?),
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

fn texts<T: DecimalType>(array: &PrimitiveArray<T>) -> Result<StringArray> {
    check_digits(array)?;
    let text = |row: usize| match array.value(row).is_zero() && array.scale() < 0 {
        // Zeros that stand for no digits.
        true => "0".to_owned(),
        false => array.value_as_string(row),
    };
    Ok((0..array.len()).map(|row| array.is_valid(row).then(|| text(row))).collect())
}

#[cfg(test)]
mod tests {
    use arrow_array::Decimal128Array;

    use super::*;

    #[test]
    fn more_digits_than_declared_are_refused_and_zeros_are_one() {
        let batch = |cell: i128, scale: i8| {
            let array = Decimal128Array::from(vec![cell]).with_data_type(DataType::Decimal128(3, scale));
            RecordBatch::try_from_iter([("x", Arc::new(array) as ArrayRef)]).unwrap()
        };
        let error = as_texts(&batch(1_234_567_890_123_456_789, 0)).unwrap_err().to_string();
        assert!(error.contains("more digits than its type declares"), "{error}");
        let text = |batch| as_texts(&batch).unwrap().column(0).as_string::<i32>().value(0).to_owned();
        assert_eq!((text(batch(0, -2)), text(batch(120, 2))), ("0".to_owned(), "1.20".to_owned()));
    }
}
