//! Columns that grow batch by batch: at no time are all cells there twice.

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use perennial_core::{Error, Result};

use crate::category::Category;
use crate::column::Data;
use crate::interner::Interner;
use crate::{Column, ColumnType};

/// A column so far.
#[derive(Default)]
pub(super) struct Growing {
    cells: Option<Cells>,
    /// The cells that are there; nothing while all are.
    valid: Option<BooleanBufferBuilder>,
    n_rows: usize,
}

enum Cells {
    Text { ends: Vec<i32>, bytes: Vec<u8> },
    Category { codes: Vec<u32>, levels: Interner },
    Integer(Vec<i64>),
    Real(Vec<f64>),
    Boolean(BooleanBufferBuilder),
    Date(Vec<i32>),
    DateTime(Vec<i64>),
}

impl Cells {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text => Cells::Text { ends: vec![0], bytes: Vec::new() },
            ColumnType::Category => Cells::Category { codes: Vec::new(), levels: Interner::default() },
            ColumnType::Integer => Cells::Integer(Vec::new()),
            ColumnType::Real => Cells::Real(Vec::new()),
            ColumnType::Boolean => Cells::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::Date => Cells::Date(Vec::new()),
            ColumnType::DateTime => Cells::DateTime(Vec::new()),
        }
    }

    fn add(&mut self, column: &Column) -> Result<()> {
        match (self, &column.0) {
            (Cells::Text { ends, bytes }, Data::Text(array)) => {
                let offsets = array.value_offsets();
                let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
                let before = i32::try_from(bytes.len()).ok();
                let Some(before) = before.filter(|before| before.checked_add(last - first).is_some()) else {
                    return Err(Error::too_large(
                        "more than 2^31 - 1 bytes of text; read fewer rows, or `scan`",
                    ));
                };
                bytes.extend_from_slice(&array.value_data()[first as usize..last as usize]);
                ends.extend(offsets[1..].iter().map(|offset| offset - first + before));
            }
            (Cells::Category { codes, levels }, Data::Category(category)) => {
                let numbers: Vec<u32> =
                    category.levels().map(|level| levels.intern(level.as_bytes())).collect();
                // Under missing cells there may be any code.
                let number = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(0);
                codes.extend(category.codes.values().iter().map(number));
            }
            (Cells::Integer(cells), Data::Integer(array)) => cells.extend_from_slice(array.values()),
            (Cells::Real(cells), Data::Real(array)) => cells.extend_from_slice(array.values()),
            (Cells::Boolean(cells), Data::Boolean(array)) => cells.append_buffer(array.values()),
            (Cells::Date(cells), Data::Date(array)) => cells.extend_from_slice(array.values()),
            (Cells::DateTime(cells), Data::DateTime(array)) => cells.extend_from_slice(array.values()),
            _ => return Err(Error::malformed("a column changes its type between row groups")),
        }
        Ok(())
    }
}

fn fitted<T>(mut cells: Vec<T>) -> Vec<T> {
    cells.shrink_to_fit();
    cells
}

impl Growing {
    pub(super) fn add(&mut self, column: &Column) -> Result<()> {
        self.cells.get_or_insert_with(|| Cells::new(column.column_type())).add(column)?;
        let (before, n_rows) = (self.n_rows, column.n_rows());
        self.n_rows += n_rows;
        let nulls = column.array().nulls().filter(|nulls| nulls.null_count() > 0);
        if self.valid.is_none() && nulls.is_some() {
            let mut valid = BooleanBufferBuilder::new(self.n_rows);
            valid.append_n(before, true);
            self.valid = Some(valid);
        }
        if let Some(valid) = &mut self.valid {
            match nulls {
                Some(nulls) => valid.append_buffer(nulls.inner()),
                None => valid.append_n(n_rows, true),
            }
        }
        Ok(())
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The column; nothing where no batch was added.
    pub(super) fn finish(self) -> Result<Option<Column>> {
        let nulls = self.valid.map(|mut valid| NullBuffer::new(valid.finish()));
        let Some(cells) = self.cells else { return Ok(None) };
        let data = match cells {
            Cells::Text { ends, bytes } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(fitted(ends)));
                let texts = StringArray::try_new(offsets, Buffer::from_vec(fitted(bytes)), nulls);
                Data::Text(texts.map_err(super::refused)?)
            }
            Cells::Category { codes, levels } => {
                let texts = (0..levels.len() as u32).map(|number| levels.text(number));
                // The bytes came from texts.
                let texts = texts.map(|text| std::str::from_utf8(text).unwrap_or_default());
                let codes = UInt32Array::new(fitted(codes).into(), nulls);
                Data::Category(Category::new(codes, StringArray::from_iter_values(texts))?)
            }
            Cells::Integer(cells) => Data::Integer(Int64Array::new(fitted(cells).into(), nulls)),
            Cells::Real(cells) => Data::Real(Float64Array::new(fitted(cells).into(), nulls)),
            Cells::Boolean(mut cells) => Data::Boolean(BooleanArray::new(cells.finish(), nulls)),
            Cells::Date(cells) => Data::Date(Date32Array::new(fitted(cells).into(), nulls)),
            Cells::DateTime(cells) => {
                Data::DateTime(TimestampMicrosecondArray::new(fitted(cells).into(), nulls))
            }
        };
        Ok(Some(Column(data)))
    }
}
