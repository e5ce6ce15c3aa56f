//! Decimals of Arrow: whole numbers with a scale, which a table keeps as numbers or as texts.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType};
use arrow_array::{Array, Float64Array, PrimitiveArray};
use arrow_schema::DataType;
use perennial_core::{Error, Result};

/// Decimals as numbers: the nearest `f64`, as long as it comes back with the same digits.
///
/// # Errors
/// A decimal of more digits than an `f64` keeps; up to 15 it always does, without the zeros at the end. One of more digits than its type has.
pub(crate) fn numbers(array: &dyn Array) -> Result<Float64Array> {
    match array.data_type() {
        DataType::Decimal32(..) => read(array.as_primitive::<Decimal32Type>(), i128::from),
        DataType::Decimal64(..) => read(array.as_primitive::<Decimal64Type>(), i128::from),
        DataType::Decimal128(..) => read(array.as_primitive::<Decimal128Type>(), |cell| cell),
        // Beyond 128 bits there are more digits than are looked at one by one; the text of the cell has them all.
        DataType::Decimal256(..) => {
            read(array.as_primitive::<Decimal256Type>(), |cell| cell.to_i128().unwrap_or(i128::MAX))
        }
        other => Err(Error::unsupported(format!("`{other}` is no decimal of Arrow"))),
    }
}

fn read<T: DecimalType>(
    array: &PrimitiveArray<T>,
    whole: impl Fn(T::Native) -> i128,
) -> Result<Float64Array> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    check_digits(array)?;
    let number = |row: usize| {
        let (mut cell, mut scale) = (whole(array.value(row)), array.scale());
        if cell == 0 {
            return Ok(0.0);
        }
        while scale > 0 && cell % 10 == 0 {
            (cell, scale) = (cell / 10, scale - 1);
        }
        // Both exact, so that one division rounds correctly.
        let power = usize::try_from(scale).ok().and_then(|scale| POWERS.get(scale));
        if let (Some(power), true) = (power, cell.unsigned_abs() < 1_000_000_000_000_000) {
            return Ok(cell as f64 / power);
        }
        let text = array.value_as_string(row);
        let digits = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => &text,
        };
        let number: f64 = digits.parse().map_err(Error::other)?;
        let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        match format!("{number:.decimals$}") == digits {
            true => Ok(number),
            false => Err(Error::unsupported(format!(
                "the decimal {text} has more digits than a number keeps; have it as a text, or leave the column out"
            ))),
        }
    };
    (0..array.len()).map(|row| array.is_valid(row).then(|| number(row)).transpose()).collect()
}

/// Refuses cells of more digits than their type has, which their text would leave out.
pub(crate) fn check_digits<T: DecimalType>(array: &PrimitiveArray<T>) -> Result<()> {
    // The check of Arrow for all cells takes a negative scale for a large one.
    let fits = |row: usize| T::is_valid_decimal_precision(array.value(row), array.precision());
    match (0..array.len()).all(|row| array.is_null(row) || fits(row)) {
        true => Ok(()),
        false => Err(Error::malformed(format!(
            "a decimal has more digits than its type declares, which are {}",
            array.precision()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Decimal128Array, Decimal256Array};
    use arrow_buffer::i256;

    use super::*;

    fn of(cell: i128, precision: u8, scale: i8) -> [ArrayRef; 2] {
        let type_of = |wide: bool| match wide {
            true => DataType::Decimal256(precision, scale),
            false => DataType::Decimal128(precision, scale),
        };
        [
            Arc::new(Decimal128Array::from(vec![cell]).with_data_type(type_of(false))),
            Arc::new(Decimal256Array::from(vec![i256::from_i128(cell)]).with_data_type(type_of(true))),
        ]
    }

    #[test]
    fn zeros_at_the_end_are_no_digits() {
        for (cell, scale, number) in [
            (12_340_000_000_000_000_000, 18, 12.34),
            (-123_456_789_100_000_000, 9, -123_456_789.1),
            (1_234_567_890_123_456_000, 7, 123_456_789_012.345_6),
            (100_000_000_000_000_000_000_000_000_000_000_000, 35, 1.0),
            (0, -2, 0.0),
            (0, 38, 0.0),
            (123, -2, 12_300.0),
        ] {
            for array in of(cell, 38, scale) {
                assert_eq!(numbers(&array).unwrap().value(0), number, "{cell} {scale}");
            }
        }
        let error = numbers(&of(9_007_199_254_740_993_000, 38, 3)[0]).unwrap_err().to_string();
        assert!(error.contains("9007199254740993.000") && !error.contains("decimal_as_text"), "{error}");
    }

    #[test]
    fn more_digits_than_declared_are_refused() {
        for array in of(1_234_567_890_123_456_789, 3, 0) {
            let error = numbers(&array).unwrap_err();
            assert!(error.to_string().contains("more digits than its type declares"), "{error}");
        }
    }
}
