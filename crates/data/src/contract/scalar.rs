//! Single values of a contract, and how cells compare with them.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use crate::calendar::{self, DAY};
use crate::column::{Data, beside_real};
use crate::{Column, ColumnType};

/// One value that a [`Rule`](crate::Rule) names. Days and moments are texts such as `2024-02-29`.
///
/// Made from `bool`, `i32`, `i64`, `f64`, `&str` and `String`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number of double precision.
    Real(f64),
    /// A text, a level, a day or a moment.
    Text(String),
}

macro_rules! from {
    ($($from:ty => $kind:ident),*) => {
        $(impl From<$from> for Scalar {
            fn from(value: $from) -> Self {
                Scalar::$kind(value.into())
            }
        })*
    };
}

from!(bool => Boolean, i32 => Integer, i64 => Integer, f64 => Real, &str => Text, String => Text);

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Boolean(value) => write!(f, "{value}"),
            Scalar::Integer(value) => write!(f, "{value}"),
            Scalar::Real(value) => write!(f, "{value}"),
            Scalar::Text(value) => write!(f, "`{}`", value.chars().take(40).collect::<String>()),
        }
    }
}

/// A scalar in the terms of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Moment(i64),
}

impl Operand {
    /// What a scalar means beside the cells of a column, or why it means nothing there.
    pub(crate) fn of(scalar: &Scalar, column: &Column) -> Result<Operand, String> {
        match (column.column_type(), scalar) {
            (ColumnType::Boolean, Scalar::Boolean(value)) => Ok(Operand::Boolean(*value)),
            (ColumnType::Integer, Scalar::Integer(value)) => Ok(Operand::Integer(*value)),
            (ColumnType::Integer | ColumnType::Real, Scalar::Real(value)) if !value.is_nan() => {
                Ok(Operand::Real(*value))
            }
            (ColumnType::Real, Scalar::Integer(value)) => Ok(Operand::Real(*value as f64)),
            (ColumnType::Text | ColumnType::Category, Scalar::Text(value)) => {
                Ok(Operand::Text(value.clone()))
            }
            (ColumnType::Date | ColumnType::DateTime, Scalar::Text(value)) => {
                calendar::parse_date_time(value.as_bytes()).map(Operand::Moment).ok_or_else(|| {
                    format!("is compared with {scalar}, which is no day; write it like `2024-02-29`")
                })
            }
            (found, _) => Err(format!(
                "is of type {found} and does not compare with {scalar}; write a value of that type"
            )),
        }
    }

    /// How the cell of a row stands to this; nothing where it is missing.
    pub(crate) fn order(&self, column: &Column, row: usize) -> Option<Ordering> {
        if column.is_null(row) {
            return None;
        }
        match (&column.0, self) {
            (Data::Boolean(array), Operand::Boolean(value)) => Some(array.value(row).cmp(value)),
            (Data::Integer(array), Operand::Integer(value)) => Some(array.value(row).cmp(value)),
            (Data::Integer(array), Operand::Real(value)) => Some(beside_real(array.value(row), *value)),
            (Data::Real(array), Operand::Real(value)) => array.value(row).partial_cmp(value),
            (Data::Text(_) | Data::Category(_), Operand::Text(value)) => {
                column.text_at(row).map(|text| text.cmp(value))
            }
            (Data::Date(array), Operand::Moment(value)) => {
                // In 64 bits the last days have no moments.
                Some((i128::from(array.value(row)) * i128::from(DAY)).cmp(&i128::from(*value)))
            }
            (Data::DateTime(array), Operand::Moment(value)) => Some(array.value(row).cmp(value)),
            _ => None,
        }
    }

    /// The order of operands of one column.
    pub(super) fn compare(&self, other: &Operand) -> Ordering {
        match (self, other) {
            (Operand::Boolean(a), Operand::Boolean(b)) => a.cmp(b),
            (Operand::Integer(a), Operand::Integer(b)) => a.cmp(b),
            (Operand::Integer(a), Operand::Real(b)) => beside_real(*a, *b),
            (Operand::Real(a), Operand::Integer(b)) => beside_real(*b, *a).reverse(),
            (Operand::Real(a), Operand::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Operand::Text(a), Operand::Text(b)) => a.cmp(b),
            (Operand::Moment(a), Operand::Moment(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// Values with the ends that they may have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Range {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<Scalar>,
    /// Whether the smallest value itself is left out.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) above_min: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) below_max: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Range {
    pub(crate) fn of<T: Into<Scalar> + Clone>(range: &impl RangeBounds<T>) -> Self {
        let end = |bound: Bound<&T>| match bound {
            Bound::Included(value) => (Some(value.clone().into()), false),
            Bound::Excluded(value) => (Some(value.clone().into()), true),
            Bound::Unbounded => (None, false),
        };
        let ((min, above_min), (max, below_max)) = (end(range.start_bound()), end(range.end_bound()));
        Range { min, max, above_min, below_max }
    }

    /// The range in the terms of a column, or why it has none there.
    pub(crate) fn ends(&self, column: &Column) -> Result<Ends, String> {
        let end =
            |scalar: &Option<Scalar>| scalar.as_ref().map(|scalar| Operand::of(scalar, column)).transpose();
        let (min, max) = (end(&self.min)?, end(&self.max)?);
        Ok(Ends { min, max, above_min: self.above_min, below_max: self.below_max })
    }

    /// Whether a number lies in the range, or why the range is none of numbers.
    pub(super) fn holds(&self, number: f64, column_type: ColumnType) -> Result<bool, String> {
        let end = |scalar: &Scalar| match (scalar, column_type) {
            (Scalar::Real(value), _) if !value.is_nan() => Ok(*value),
            (Scalar::Integer(value), _) => Ok(*value as f64),
            (Scalar::Text(value), ColumnType::Date | ColumnType::DateTime) => {
                calendar::parse_date_time(value.as_bytes()).map(|moment| moment as f64).ok_or_else(|| {
                    format!("has the bound {scalar}, which is no day; write it like `2024-02-29`")
                })
            }
            _ => Err(format!("has the bound {scalar}, which is no number")),
        };
        let min = self.min.as_ref().map(end).transpose()?;
        let max = self.max.as_ref().map(end).transpose()?;
        let over = min.is_none_or(|min| if self.above_min { number > min } else { number >= min });
        Ok(over && max.is_none_or(|max| if self.below_max { number < max } else { number <= max }))
    }
}

/// A range in the terms of a column.
#[derive(Debug)]
pub(crate) struct Ends {
    min: Option<Operand>,
    max: Option<Operand>,
    above_min: bool,
    below_max: bool,
}

impl Ends {
    /// Whether a cell lies below the range; a missing one does not.
    pub(crate) fn is_below(&self, column: &Column, row: usize) -> bool {
        let order = self.min.as_ref().and_then(|min| min.order(column, row));
        order.is_some_and(|order| order.is_lt() || (self.above_min && order.is_eq()))
    }

    /// Whether a cell lies above the range; a missing one does not.
    pub(crate) fn is_above(&self, column: &Column, row: usize) -> bool {
        let order = self.max.as_ref().and_then(|max| max.order(column, row));
        order.is_some_and(|order| order.is_gt() || (self.below_max && order.is_eq()))
    }

    pub(crate) fn hold(&self, column: &Column, row: usize) -> bool {
        !self.is_below(column, row) && !self.is_above(column, row)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let above = if self.above_min { "above" } else { "at least" };
        let below = if self.below_max { "below" } else { "at most" };
        match (&self.min, &self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "exactly {min}"),
            (Some(min), Some(max)) => write!(f, "{above} {min} and {below} {max}"),
            (Some(min), None) => write!(f, "{above} {min}"),
            (None, Some(max)) => write!(f, "{below} {max}"),
            (None, None) => f.write_str("anything"),
        }
    }
}

/// How many there may be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<usize>,
}

impl Counts {
    pub(super) fn of(range: &impl RangeBounds<usize>) -> Self {
        let min = match range.start_bound() {
            Bound::Included(min) => Some(*min),
            Bound::Excluded(min) => Some(min.saturating_add(1)),
            Bound::Unbounded => None,
        };
        let max = match range.end_bound() {
            Bound::Included(max) => Some(*max),
            // Nothing is below 0, so that `..0` holds nothing: 1 to 0.
            Bound::Excluded(0) => return Counts { min: Some(1), max: Some(0) },
            Bound::Excluded(max) => Some(max - 1),
            Bound::Unbounded => None,
        };
        Counts { min, max }
    }

    pub(super) fn holds(&self, count: usize) -> bool {
        self.min.is_none_or(|min| count >= min) && self.max.is_none_or(|max| count <= max)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => write!(f, "exactly {min}"),
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_beside_real_ones_are_not_rounded() {
        let big = (1_i64 << 53) + 1;
        assert_eq!(beside_real(big, (1_i64 << 53) as f64), Ordering::Greater);
        assert_eq!(beside_real(i64::MAX, 9_223_372_036_854_775_808.0), Ordering::Less);
        assert_eq!(beside_real(i64::MIN, -9_223_372_036_854_775_808.0), Ordering::Equal);
        assert_eq!(beside_real(i64::MIN, f64::NEG_INFINITY), Ordering::Greater);
        assert_eq!(beside_real(-3, -2.5), Ordering::Less);
        assert_eq!(beside_real(-2, -2.5), Ordering::Greater);
        assert_eq!(beside_real(2, 2.0), Ordering::Equal);
    }
}
