//! A column that grows block by block.
//!
//! What was read stays as it is while the kind of the column stays; a wider kind converts it once. So a column takes its own
//! size in memory, and not the size of all its pieces besides.

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use perennial_core::{Error, Result, memory};

use super::cell::Kind;
use super::error::{CsvError, excerpt};
use super::piece::{Piece, Values, texts_of};
use crate::calendar::DAY;
use crate::category::Category;
use crate::column::Data;
use crate::interner::Interner;
use crate::{Column, ColumnType};

/// What is known about a column before a block is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// The type was given.
    Given(ColumnType),
    /// The type is to be found, and takes in at least this kind; of more distinct texts than these no categories are made.
    Find(Kind, usize),
    /// The column is not wanted.
    Skip,
}

/// The cells of one column so far.
#[derive(Debug)]
pub(super) struct Growing {
    goal: Goal,
    pub(super) n_rows: usize,
    /// What all cells have in common.
    pub(super) kind: Kind,
    /// The byte of the file at which the cell stands that made the column what it is.
    pub(super) witness: Option<usize>,
    /// The first number beyond the range of `f64`: its byte in the file, and what to say of it.
    pub(super) overflow: Option<(usize, CsvError)>,
    /// Whether rows were read as something narrower before the column turned out to be text: they must be read again.
    pub(super) again: bool,
    values: Values,
    /// The cells that are there; nothing while all are.
    valid: Option<BooleanBufferBuilder>,
}

impl Growing {
    pub(super) fn new(goal: Goal) -> Self {
        let kind = match goal {
            Goal::Find(kind, _) => kind,
            Goal::Given(_) | Goal::Skip => Kind::Nothing,
        };
        let values = Values::Nothing;
        Growing { goal, n_rows: 0, kind, witness: None, overflow: None, again: false, values, valid: None }
    }

    /// An empty column for a second pass over the file: this one as text where it must be read again.
    pub(super) fn second(&self) -> Self {
        Growing::new(match self.goal {
            Goal::Find(_, most) if self.again => Goal::Find(Kind::Text, most),
            _ => Goal::Skip,
        })
    }

    pub(super) fn given(&self) -> Option<ColumnType> {
        match self.goal {
            Goal::Given(column_type) => Some(column_type),
            Goal::Find(..) | Goal::Skip => None,
        }
    }

    /// How the next block is to be read.
    pub(super) fn goal(&self) -> Goal {
        match self.goal {
            // Where there are too many distinct texts already, no more are looked for.
            Goal::Find(_, most) => {
                Goal::Find(self.kind, if matches!(self.values, Values::Text { .. }) { 0 } else { most })
            }
            goal => goal,
        }
    }

    /// Sets memory aside for so many times the cells that are there, so that they move less often.
    pub(super) fn make_room(&mut self, times: f64) {
        fn room<T>(values: &mut Vec<T>, times: f64) {
            memory::make_room(values, (values.len() as f64 * (times - 1.0)) as usize);
        }
        match &mut self.values {
            Values::Nothing => {}
            Values::Boolean(values) => room(values, times),
            Values::Integer(values) | Values::DateTime(values) => room(values, times),
            Values::Real(values) => room(values, times),
            Values::Date(values) => room(values, times),
            Values::Category { codes, .. } => room(codes, times),
            Values::Text { bytes, ends } => {
                room(bytes, times);
                room(ends, times);
            }
        }
    }

    /// Adds the cells of the block that starts at a byte of the file.
    pub(super) fn add(&mut self, piece: Piece, start: usize) {
        for (step, at) in &piece.steps {
            let joined = self.kind.join(*step);
            if joined != self.kind {
                (self.kind, self.witness) = (joined, Some(start + at));
            }
        }
        self.kind = self.kind.join(piece.kind);
        let before = self.n_rows;
        self.n_rows += piece.n_rows;
        if self.valid.is_some() || !piece.nulls.is_empty() {
            let valid = self.valid.get_or_insert_with(|| {
                let mut valid = BooleanBufferBuilder::new(self.n_rows);
                valid.append_n(before, true);
                valid
            });
            valid.append_n(piece.n_rows, true);
            piece.nulls.iter().for_each(|&row| valid.set_bit(before + row as usize, false));
        }
        if self.again || matches!(self.goal, Goal::Skip) {
            return;
        }
        let values = std::mem::replace(&mut self.values, Values::Nothing);
        let joined = values.widened(self.kind, before).and_then(|values| {
            // A column of texts stays one, and categories that meet texts become texts.
            let values =
                if matches!(piece.values, Values::Text { .. }) { self.as_texts(values) } else { values };
            join(values, piece, self.kind)
        });
        match joined {
            Some(values) => self.values = self.few(values),
            None => self.again = true,
        }
    }

    /// Categories as texts once there are too many of them.
    fn few(&self, values: Values) -> Values {
        let most = match self.goal {
            Goal::Find(_, most) => most,
            Goal::Given(_) | Goal::Skip => usize::MAX,
        };
        match &values {
            Values::Category { levels, .. } if levels.len() > most => self.as_texts(values),
            _ => values,
        }
    }

    fn as_texts(&self, values: Values) -> Values {
        match values {
            Values::Category { codes, levels } => {
                let missing = |row: usize| self.valid.as_ref().is_some_and(|valid| !valid.get_bit(row));
                let (bytes, ends) = texts_of(&codes, missing, &levels);
                Values::Text { bytes, ends }
            }
            values => values,
        }
    }

    /// The finished column; `levels` are those that a category column must have.
    pub(super) fn finish(mut self, name: &str, levels: Option<&[String]>) -> Result<Column> {
        let n_rows = self.n_rows;
        let mut values = std::mem::replace(&mut self.values, Values::Nothing);
        let kind = match (self.given(), self.kind) {
            (Some(column_type), _) => Kind::holding(column_type),
            // Nothing but missing cells is a missing number as well as anything else, and models take it.
            (None, Kind::Nothing) => Kind::Real,
            (None, kind) => kind,
        };
        if kind == Kind::Text && !self.is_category(&values) {
            values = self.as_texts(values.widened(kind, n_rows).unwrap_or(Values::Nothing));
        }
        let nulls = self.valid.map(|mut valid| NullBuffer::new(valid.finish()));
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let data = match values.widened(kind, n_rows) {
            Some(Values::Boolean(values)) => Data::Boolean(BooleanArray::new(values.into(), nulls)),
            Some(Values::Integer(values)) => Data::Integer(Int64Array::new(buffer(values), nulls)),
            Some(Values::Real(values)) => Data::Real(Float64Array::new(buffer(values), nulls)),
            Some(Values::Date(values)) => Data::Date(Date32Array::new(buffer(values), nulls)),
            Some(Values::DateTime(values)) => {
                Data::DateTime(TimestampMicrosecondArray::new(buffer(values), nulls))
            }
            Some(Values::Category { codes, levels: own }) => {
                let category = sorted(codes, &own, nulls)?;
                Data::Category(match levels {
                    Some(levels) => known_levels(name, &category, levels)?,
                    None => category,
                })
            }
            Some(Values::Text { bytes, ends }) => Data::Text(texts(name, bytes, ends, nulls)?),
            // A column that must be read again is, before it is finished.
            Some(Values::Nothing) | None => {
                return Err(Error::malformed(format!("column `{name}` was not read")));
            }
        };
        Ok(Column(data))
    }

    /// Few distinct texts, each of them about twice or more, are categories.
    fn is_category(&self, values: &Values) -> bool {
        let n_present = self
            .valid
            .as_ref()
            .map_or(self.n_rows, |valid| (0..self.n_rows).filter(|&row| valid.get_bit(row)).count());
        match (self.given(), values) {
            (Some(column_type), _) => column_type == ColumnType::Category,
            (None, Values::Category { levels, .. }) => 2 * levels.len() <= n_present,
            (None, _) => false,
        }
    }
}

fn buffer<N: ArrowNativeType>(mut values: Vec<N>) -> ScalarBuffer<N> {
    values.shrink_to_fit();
    values.into()
}

impl Values {
    /// The cells of so many rows as a wider kind; nothing where they must be read again.
    fn widened(self, kind: Kind, n_rows: usize) -> Option<Values> {
        Some(match (self, kind) {
            (Values::Integer(values), Kind::Real) => {
                Values::Real(values.into_iter().map(|value| value as f64).collect())
            }
            (Values::Date(values), Kind::DateTime) => {
                Values::DateTime(values.into_iter().map(|day| i64::from(day) * DAY).collect())
            }
            (Values::Nothing, Kind::Boolean) => Values::Boolean(vec![false; n_rows]),
            (Values::Nothing, Kind::Integer | Kind::BigInteger) => Values::Integer(vec![0; n_rows]),
            (Values::Nothing, Kind::Real) => Values::Real(vec![0.0; n_rows]),
            (Values::Nothing, Kind::Date) => Values::Date(vec![0; n_rows]),
            (Values::Nothing, Kind::DateTime) => Values::DateTime(vec![0; n_rows]),
            (Values::Nothing, Kind::Text) => {
                Values::Category { codes: vec![0; n_rows], levels: Interner::default() }
            }
            (values @ (Values::Category { .. } | Values::Text { .. }), Kind::Text) => values,
            (_, Kind::Text) => return None,
            (values, _) => values,
        })
    }
}

/// The cells of a kind and those of a piece after them; nothing where the piece must be read again.
fn join(values: Values, piece: Piece, kind: Kind) -> Option<Values> {
    let Piece { n_rows, nulls, values: own, .. } = piece;
    Some(match (values, own.widened(kind, n_rows)?) {
        (Values::Nothing, Values::Nothing) => Values::Nothing,
        (Values::Boolean(all), Values::Boolean(own)) => Values::Boolean(followed(all, &own)),
        (Values::Integer(all), Values::Integer(own)) => Values::Integer(followed(all, &own)),
        (Values::Real(all), Values::Real(own)) => Values::Real(followed(all, &own)),
        (Values::Date(all), Values::Date(own)) => Values::Date(followed(all, &own)),
        (Values::DateTime(all), Values::DateTime(own)) => Values::DateTime(followed(all, &own)),
        (Values::Category { mut codes, mut levels }, Values::Category { codes: own, levels: more }) => {
            let moved: Vec<u32> = (0..more.len() as u32).map(|code| levels.intern(more.text(code))).collect();
            codes.extend(own.iter().map(|&code| moved.get(code as usize).copied().unwrap_or(0)));
            Values::Category { codes, levels }
        }
        (Values::Text { bytes, ends }, own) => {
            let (more, own_ends) = match own {
                Values::Category { codes, levels } => {
                    let mut nulls = nulls.iter().copied().peekable();
                    texts_of(&codes, |row| nulls.next_if_eq(&(row as u32)).is_some(), &levels)
                }
                Values::Text { bytes, ends } => (bytes, ends),
                _ => return None,
            };
            let start = bytes.len();
            let mut ends = ends;
            ends.extend(own_ends.iter().map(|end| start + end));
            Values::Text { bytes: followed(bytes, &more), ends }
        }
        _ => return None,
    })
}

fn followed<T: Copy>(mut all: Vec<T>, own: &[T]) -> Vec<T> {
    all.extend_from_slice(own);
    all
}

/// Categories on sorted levels.
fn sorted(mut codes: Vec<u32>, levels: &Interner, nulls: Option<NullBuffer>) -> Result<Category> {
    let mut order: Vec<u32> = (0..levels.len() as u32).collect();
    order.sort_unstable_by_key(|&code| levels.text(code));
    let mut moved = vec![0; order.len()];
    for (position, &code) in order.iter().enumerate() {
        moved[code as usize] = position as u32;
    }
    codes.iter_mut().for_each(|code| *code = moved.get(*code as usize).copied().unwrap_or(0));
    let levels =
        order.iter().map(|&code| std::str::from_utf8(levels.text(code))).collect::<Result<Vec<_>, _>>();
    let levels = StringArray::from_iter_values(levels.map_err(Error::other)?);
    Ok(Category { codes: UInt32Array::new(buffer(codes), nulls), levels })
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

fn texts(name: &str, mut bytes: Vec<u8>, ends: Vec<usize>, nulls: Option<NullBuffer>) -> Result<StringArray> {
    if i32::try_from(bytes.len()).is_err() {
        return Err(CsvError::ColumnTooLarge { column: name.to_owned(), bytes: bytes.len() }.into());
    }
    bytes.shrink_to_fit();
    let offsets: Vec<i32> = std::iter::once(0).chain(ends.into_iter().map(|end| end as i32)).collect();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls).map_err(Error::other)
}
