//! Columns that grow batch by batch: at no time are all cells there twice, and those of one batch are not copied.

use arrow_array::builder::{BooleanBufferBuilder, StringBuilder};
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::NullBuffer;
use perennial_core::{Error, Result, memory};

use crate::category::Category;
use crate::column::Data;
use crate::interner::Interner;
use crate::{Column, ColumnType};

/// A column so far.
#[derive(Default)]
pub(super) struct Growing {
    /// The batch that is there, as long as it is one.
    only: Option<Column>,
    cells: Option<Cells>,
    /// The cells that are there; nothing while all are.
    valid: Option<BooleanBufferBuilder>,
    n_rows: usize,
}

enum Cells {
    /// With what is missing.
    Text(StringBuilder),
    Category {
        codes: Vec<u32>,
        levels: Interner,
    },
    Integer(Vec<i64>),
    Real(Vec<f64>),
    Boolean(BooleanBufferBuilder),
    Date(Vec<i32>),
    DateTime(Vec<i64>),
}

impl Cells {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text => Cells::Text(StringBuilder::new()),
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
            (Cells::Text(texts), Data::Text(array)) => texts.append_array(array).map_err(|error| {
                let what = "more than 2^31 - 1 bytes of text; read fewer rows, or `scan`";
                Error::too_large(what).with_source(error)
            })?,
            (Cells::Category { codes, levels }, Data::Category(category)) => {
                let numbers: Vec<u32> =
                    category.levels().map(|level| levels.intern(level.as_bytes())).collect();
                // Under missing cells there may be any code.
                let number = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(0);
                codes.extend(category.codes.values().iter().map(number));
            }
            (Cells::Integer(cells), Data::Integer(array)) => extend(cells, array.values()),
            (Cells::Real(cells), Data::Real(array)) => extend(cells, array.values()),
            (Cells::Boolean(cells), Data::Boolean(array)) => cells.append_buffer(array.values()),
            (Cells::Date(cells), Data::Date(array)) => extend(cells, array.values()),
            (Cells::DateTime(cells), Data::DateTime(array)) => extend(cells, array.values()),
            _ => return Err(Error::malformed("a column changes its type between row groups")),
        }
        Ok(())
    }
}

/// On large pages, whose first touch takes less time.
fn extend<T: Copy>(cells: &mut Vec<T>, values: &[T]) {
    if cells.capacity() - cells.len() < values.len() {
        memory::make_room(cells, cells.len().max(values.len()));
    }
    cells.extend_from_slice(values);
}

fn fitted<T>(mut cells: Vec<T>) -> Vec<T> {
    cells.shrink_to_fit();
    cells
}

impl Growing {
    pub(super) fn add(&mut self, column: &Column) -> Result<()> {
        if self.n_rows == 0 {
            self.n_rows = column.n_rows();
            self.only = Some(column.clone());
            return Ok(());
        }
        if let Some(only) = self.only.take() {
            self.n_rows = 0;
            self.append(&only)?;
        }
        self.append(column)
    }

    fn append(&mut self, column: &Column) -> Result<()> {
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
        if self.only.is_some() {
            return Ok(self.only);
        }
        let nulls = self.valid.map(|mut valid| NullBuffer::new(valid.finish()));
        let Some(cells) = self.cells else { return Ok(None) };
        let data = match cells {
            Cells::Text(mut texts) => Data::Text(texts.finish()),
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
