//! The pieces of a column put together.

use std::collections::BTreeMap;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use perennial_core::{Error, Result};

use super::cell::Kind;
use super::error::{CsvError, excerpt};
use super::piece::{Piece, Values, texts_of};
use crate::calendar::DAY;
use crate::category::Category;
use crate::column::Data;
use crate::{Column, ColumnType};

/// What the pieces of a column are to become.
pub(super) enum Wanted<'a> {
    Type(ColumnType),
    /// A category column with these levels.
    Levels(&'a [String]),
    /// A kind that takes in all pieces; text becomes a category column where there are few distinct texts.
    Kind {
        kind: Kind,
        max_categories: usize,
    },
}

/// One column from its pieces, in the order of the file. No piece has values that its kind must be read again
/// for.
pub(super) fn column(name: &str, pieces: Vec<Piece>, wanted: Wanted<'_>) -> Result<Column> {
    let nulls = null_buffer(&pieces);
    let column_type = match wanted {
        Wanted::Type(column_type) => column_type,
        Wanted::Levels(_) => ColumnType::Category,
        Wanted::Kind { kind, max_categories } => match kind {
            // Nothing but missing cells is a missing number as well as anything else, and models take it.
            Kind::Nothing | Kind::Real => ColumnType::Real,
            Kind::Boolean => ColumnType::Boolean,
            Kind::Integer | Kind::BigInteger => ColumnType::Integer,
            Kind::Date => ColumnType::Date,
            Kind::DateTime => ColumnType::DateTime,
            Kind::Text if few_texts(&pieces, max_categories) => ColumnType::Category,
            Kind::Text => ColumnType::Text,
        },
    };
    let data = match column_type {
        ColumnType::Boolean => Data::Boolean(BooleanArray::new(booleans(pieces).into(), nulls)),
        ColumnType::Integer => Data::Integer(Int64Array::new(
            gather(pieces, |values, out| {
                if let Values::Integer(values) = values {
                    out.extend_from_slice(&values)
                }
            }),
            nulls,
        )),
        ColumnType::Real => Data::Real(Float64Array::new(
            gather(pieces, |values, out| match values {
                Values::Real(values) => out.extend_from_slice(&values),
                Values::Integer(values) => out.extend(values.iter().map(|&value| value as f64)),
                _ => {}
            }),
            nulls,
        )),
        ColumnType::Date => Data::Date(Date32Array::new(
            gather(pieces, |values, out| {
                if let Values::Date(values) = values {
                    out.extend_from_slice(&values)
                }
            }),
            nulls,
        )),
        ColumnType::DateTime => Data::DateTime(TimestampMicrosecondArray::new(
            gather(pieces, |values, out| match values {
                Values::DateTime(values) => out.extend_from_slice(&values),
                Values::Date(values) => out.extend(values.iter().map(|&day| i64::from(day) * DAY)),
                _ => {}
            }),
            nulls,
        )),
        ColumnType::Category => {
            let category = categories(pieces, nulls)?;
            Data::Category(match wanted {
                Wanted::Levels(levels) => known_levels(name, &category, levels)?,
                _ => category,
            })
        }
        ColumnType::Text => Data::Text(texts(name, pieces, nulls)?),
    };
    Ok(Column(data))
}

fn null_buffer(pieces: &[Piece]) -> Option<NullBuffer> {
    if pieces.iter().all(|piece| piece.nulls.is_empty()) {
        return None;
    }
    let n_rows = pieces.iter().map(|piece| piece.n_rows).sum();
    let mut valid = BooleanBufferBuilder::new(n_rows);
    valid.append_n(n_rows, true);
    let mut start = 0;
    for piece in pieces {
        piece.nulls.iter().for_each(|&row| valid.set_bit(start + row as usize, false));
        start += piece.n_rows;
    }
    Some(NullBuffer::new(valid.finish()))
}

/// The numbers of all pieces; a piece that adds none is missing throughout.
fn gather<N: arrow_buffer::ArrowNativeType>(
    pieces: Vec<Piece>,
    add: impl Fn(Values, &mut Vec<N>),
) -> ScalarBuffer<N> {
    let mut all = Vec::with_capacity(pieces.iter().map(|piece| piece.n_rows).sum());
    for piece in pieces {
        let end = all.len() + piece.n_rows;
        add(piece.values, &mut all);
        all.resize(end, N::default());
    }
    all.into()
}

fn booleans(pieces: Vec<Piece>) -> Vec<bool> {
    let mut all = Vec::new();
    for piece in pieces {
        let end = all.len() + piece.n_rows;
        if let Values::Boolean(values) = piece.values {
            all.extend(values);
        }
        all.resize(end, false);
    }
    all
}

/// Whether all pieces are categories, with few distinct texts in all, each of them about twice or more.
fn few_texts(pieces: &[Piece], max_categories: usize) -> bool {
    let mut distinct: BTreeMap<&[u8], ()> = BTreeMap::new();
    for piece in pieces {
        match &piece.values {
            Values::Nothing => {}
            Values::Category { levels, .. } => {
                distinct.extend((0..levels.len() as u32).map(|code| (levels.text(code), ())));
            }
            _ => return false,
        }
        if distinct.len() > max_categories {
            return false;
        }
    }
    let present: usize = pieces.iter().map(|piece| piece.n_rows - piece.nulls.len()).sum();
    2 * distinct.len() <= present
}

/// Category pieces on sorted levels.
fn categories(pieces: Vec<Piece>, nulls: Option<NullBuffer>) -> Result<Category> {
    let mut order: BTreeMap<&[u8], u32> = BTreeMap::new();
    for piece in &pieces {
        if let Values::Category { levels, .. } = &piece.values {
            order.extend((0..levels.len() as u32).map(|code| (levels.text(code), 0)));
        }
    }
    order.values_mut().zip(0..).for_each(|(code, position)| *code = position);
    let mut codes: Vec<u32> = Vec::with_capacity(pieces.iter().map(|piece| piece.n_rows).sum());
    for piece in &pieces {
        match &piece.values {
            Values::Category { codes: own, levels } => {
                let moved: Vec<u32> = (0..levels.len() as u32).map(|code| order[levels.text(code)]).collect();
                codes.extend(own.iter().map(|&code| moved.get(code as usize).copied().unwrap_or(0)));
            }
            _ => codes.resize(codes.len() + piece.n_rows, 0),
        }
    }
    let levels = order.keys().map(|level| std::str::from_utf8(level)).collect::<Result<Vec<_>, _>>();
    let levels = StringArray::from_iter_values(levels.map_err(Error::other)?);
    Ok(Category { codes: UInt32Array::new(codes.into(), nulls), levels })
}

fn known_levels(name: &str, category: &Category, levels: &[String]) -> Result<Category> {
    let aligned = category.with_levels(levels.iter().map(String::as_str));
    match aligned.level(levels.len() as u32) {
        None => Ok(aligned),
        Some(unknown) => {
            Err(CsvError::UnknownLevel { column: name.to_owned(), value: excerpt(unknown.as_bytes()) }.into())
        }
    }
}

fn texts(name: &str, pieces: Vec<Piece>, nulls: Option<NullBuffer>) -> Result<StringArray> {
    let n_rows: usize = pieces.iter().map(|piece| piece.n_rows).sum();
    let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(n_rows));
    for piece in pieces {
        let start = bytes.len();
        let (own_bytes, own_ends) = match piece.values {
            Values::Text { bytes, ends } => (bytes, ends),
            Values::Category { codes, levels } => texts_of(&codes, &piece.nulls, &levels),
            _ => (Vec::new(), vec![0; piece.n_rows]),
        };
        bytes.extend_from_slice(&own_bytes);
        ends.extend(own_ends.into_iter().map(|end| start + end));
    }
    if i32::try_from(bytes.len()).is_err() {
        return Err(CsvError::ColumnTooLarge { column: name.to_owned(), bytes: bytes.len() }.into());
    }
    let offsets: Vec<i32> = std::iter::once(0).chain(ends.into_iter().map(|end| end as i32)).collect();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls).map_err(Error::other)
}
