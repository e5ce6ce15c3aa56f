//! The decimal numbers of PostgreSQL: a sign, digits to the base 10,000, and the place of the first of them.

use perennial_core::{Error, Result};

use crate::json_lines::Cell;

/// A whole number where there are no decimal places, else the nearest number of double precision; NaN is missing.
pub(super) fn decode(cell: &[u8]) -> Result<Cell> {
    let short = |at: usize| cell.get(2 * at..2 * at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let (Some(n), Some(weight), Some(sign), Some(places)) = (short(0), short(1), short(2), short(3)) else {
        return Err(damaged());
    };
    let negative = match sign {
        0 => false,
        0x4000 => true,
        0xC000 => return Ok(Cell::Null),
        0xD000 => return Ok(Cell::Real(f64::INFINITY)),
        0xF000 => return Ok(Cell::Real(f64::NEG_INFINITY)),
        _ => return Err(damaged()),
    };
    let digits: Vec<u16> = (4..4 + usize::from(n)).map_while(short).filter(|digit| *digit < 10_000).collect();
    if digits.len() != usize::from(n) || cell.len() != 8 + 2 * digits.len() {
        return Err(damaged());
    }
    // The weight is that of the first digit; of the last it is this.
    let exponent = 4 * (i32::from(weight as i16) + 1 - i32::from(n));
    let mut text = String::from(if negative { "-" } else { "" });
    text.push('0');
    digits.iter().for_each(|digit| text.push_str(&format!("{digit:04}")));
    let whole = places == 0;
    if whole && let Some(number) = integer(&text, exponent) {
        return Ok(Cell::Integer(number));
    }
    text.push_str(&format!("e{exponent}"));
    let number: f64 = text.parse().map_err(|_| damaged())?;
    if number.is_infinite() {
        return Err(Error::unsupported(
            "the number is beyond the range of double precision; select `column::text`",
        ));
    }
    if whole {
        return Err(Error::unsupported(format!(
            "{number:e} is a whole number beyond 64 bits; select `column::text`, or `column::double precision` to round it"
        )));
    }
    Ok(Cell::Real(number))
}

/// The whole number, if it has 64 bits. Without decimal places there is nothing but zeros after the point.
fn integer(digits: &str, exponent: i32) -> Option<i64> {
    let exponent = u32::try_from(exponent).ok()?;
    let number = digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(exponent)?)?;
    number.try_into().ok()
}

fn damaged() -> Error {
    Error::malformed("the cell is no decimal number of PostgreSQL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(weight: i16, sign: u16, places: u16, digits: &[u16]) -> Vec<u8> {
        let header = [digits.len() as u16, weight as u16, sign, places];
        header.iter().chain(digits).flat_map(|short| short.to_be_bytes()).collect()
    }

    #[test]
    fn known_numbers() {
        // The binary form as `numeric_send` of PostgreSQL 15 gives it for each number.
        let whole = |cell: &[u8]| match decode(cell).unwrap() {
            Cell::Integer(number) => number,
            _ => panic!("not whole"),
        };
        let real = |cell: &[u8]| match decode(cell).unwrap() {
            Cell::Real(number) => number,
            _ => panic!("not real"),
        };
        assert_eq!(whole(&encoded(0, 0, 0, &[])), 0);
        assert_eq!(whole(&encoded(1, 0x4000, 0, &[12, 3456])), -123_456);
        assert_eq!(whole(&encoded(4, 0, 0, &[922, 3372, 368, 5477, 5807])), i64::MAX);
        assert_eq!(whole(&encoded(3, 0, 0, &[1])), 1_000_000_000_000);
        assert_eq!(real(&encoded(-1, 0, 1, &[1000])), 0.1);
        assert_eq!(real(&encoded(0, 0x4000, 4, &[3, 2500])), -3.25);
        assert_eq!(real(&encoded(-3, 0, 12, &[1])), 1e-12);
        assert_eq!(real(&encoded(0, 0xF000, 0, &[])), f64::NEG_INFINITY);
        assert!(matches!(decode(&encoded(0, 0xC000, 0, &[])).unwrap(), Cell::Null));
        for wrong in [
            encoded(5, 0, 0, &[1]),
            encoded(100, 0, 2, &[1]),
            encoded(0, 1, 0, &[]),
            encoded(0, 0, 0, &[10_000]),
            encoded(0, 0, 0, &[1])[..9].to_vec(),
            vec![0; 5],
        ] {
            assert!(decode(&wrong).is_err(), "{wrong:?}");
        }
    }
}
