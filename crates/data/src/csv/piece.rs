//! The cells of one column in one block.

use super::cell::{self, Kind, NullTokens};
use super::scan::{Cell, Cells};
use crate::interner::Interner;
use crate::time_format::TimeFormat;
use crate::{ColumnType, calendar};

/// What cells mean, for a whole file.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) nulls: NullTokens,
    pub(super) quote: u8,
    /// The mark before the decimals.
    pub(super) decimal: u8,
    /// How days and moments are written, if not as ISO 8601.
    pub(super) dates: Option<TimeFormat>,
}

/// Cells of one type; missing ones have an entry of any value.
#[derive(Debug)]
pub(super) enum Values {
    Nothing,
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Real(Vec<f64>),
    Date(Vec<i32>),
    DateTime(Vec<i64>),
    Category { codes: Vec<u32>, levels: Interner },
    Text { bytes: Vec<u8>, ends: Vec<usize> },
}

/// The cells of one column in one block.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) values: Values,
    pub(super) n_rows: usize,
    /// The rows of the block that are missing.
    pub(super) nulls: Vec<u32>,
    /// Each kind that the cells called for after the one before, and the byte in the block of the first cell
    /// that called for it.
    pub(super) steps: Vec<(Kind, usize)>,
    /// The first number beyond the range of `f64`: its byte in the block.
    pub(super) overflow: Option<usize>,
}

impl Piece {
    /// A column of a block as a type that was given.
    ///
    /// # Errors
    /// The byte in the block of the first cell that is of another type.
    pub(super) fn of_type(
        cells: &Cells<'_>,
        column: usize,
        rules: &Rules,
        column_type: ColumnType,
    ) -> Result<Piece, usize> {
        let max_categories = if column_type == ColumnType::Category { u32::MAX as usize } else { 0 };
        let kind = Kind::holding(column_type);
        let mut parse = Parse { cells, column, rules, lenient: true, nulls: Vec::new(), overflow: None };
        let values = parse.values(kind, max_categories).map_err(|cell| cell.offset)?;
        Ok(parse.piece(kind, values, Vec::new()))
    }

    /// A column of a block that is not wanted.
    pub(super) fn skipped(cells: &Cells<'_>) -> Piece {
        Piece {
            kind: Kind::Nothing,
            values: Values::Nothing,
            n_rows: cells.n_rows(),
            nulls: Vec::new(),
            steps: Vec::new(),
            overflow: None,
        }
    }

    /// A column of a block as the narrowest kind that takes in its cells and `kind`; texts are categories up to so many
    /// distinct ones.
    pub(super) fn find(
        cells: &Cells<'_>,
        column: usize,
        rules: &Rules,
        mut kind: Kind,
        max_categories: usize,
    ) -> Piece {
        let mut parse = Parse { cells, column, rules, lenient: false, nulls: Vec::new(), overflow: None };
        let mut steps = Vec::new();
        loop {
            match parse.values(kind, max_categories) {
                Ok(values) => return parse.piece(kind, values, steps),
                Err(cell) => {
                    kind = match kind.join(Kind::of(
                        &cell.content(rules.quote),
                        rules.decimal,
                        rules.dates.as_ref(),
                    )) {
                        same if same == kind => Kind::Text,
                        wider => wider,
                    };
                    steps.push((kind, cell.offset));
                }
            }
        }
    }
}

struct Parse<'a, 'b> {
    cells: &'a Cells<'b>,
    column: usize,
    rules: &'a Rules,
    /// Whether numbers may have leading zeros and a minus before 0: the user said that they are numbers.
    lenient: bool,
    nulls: Vec<u32>,
    overflow: Option<usize>,
}

impl<'b> Parse<'_, 'b> {
    fn piece(self, kind: Kind, values: Values, steps: Vec<(Kind, usize)>) -> Piece {
        let (n_rows, nulls, overflow) = (self.cells.n_rows(), self.nulls, self.overflow);
        Piece { kind, values, n_rows, nulls, steps, overflow }
    }

    /// All cells as one kind, or the first that is not.
    fn values(&mut self, kind: Kind, max_categories: usize) -> Result<Values, Cell<'b>> {
        self.nulls.clear();
        self.overflow = None;
        let (lenient, rules) = (self.lenient, self.rules);
        // As kinds are found: what is a number is no day, whichever comes first.
        let may_be_a_day = |cell: &[u8]| lenient || Kind::of_plain(cell, rules.decimal).may_be_a_day();
        Ok(match kind {
            Kind::Nothing => {
                self.each::<()>(|_| None)?;
                Values::Nothing
            }
            Kind::Boolean => Values::Boolean(self.each(cell::parse_boolean)?),
            Kind::Integer | Kind::BigInteger => {
                Values::Integer(self.each_number(cell::short_integer, |cell| {
                    let number = cell::parse_integer(cell)?;
                    let odd = cell::is_padded(cell)
                        || (number == 0 && cell[0] == b'-')
                        || (number.unsigned_abs() > 1 << 53 && kind == Kind::Integer);
                    (lenient || !odd).then_some(number)
                })?)
            }
            Kind::Real => self.reals()?,
            Kind::Date => Values::Date(match &rules.dates {
                None => self.each(calendar::parse_date)?,
                Some(format) => self.each(|cell| format.day(cell).filter(|_| may_be_a_day(cell)))?,
            }),
            Kind::DateTime => Values::DateTime(match &rules.dates {
                None => self.each(calendar::parse_date_time)?,
                Some(format) => self.each(|cell| format.moment(cell).filter(|_| may_be_a_day(cell)))?,
            }),
            Kind::Text => self.texts(max_categories),
        })
    }

    #[inline]
    fn each<T: Default>(&mut self, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, Cell<'b>> {
        self.each_number(|_, _| None, parse)
    }

    /// As `each`, for numbers: most of them are short and plain, and `quick` reads those from the bytes that start with the cell.
    #[inline]
    fn each_number<T: Default>(
        &mut self,
        quick: impl Fn(&[u8], usize) -> Option<T>,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Cell<'b>> {
        let mut values = Vec::with_capacity(self.cells.n_rows());
        for (row, cell) in self.cells.column(self.column).enumerate() {
            if !self.rules.nulls.have_digits()
                && let Some(value) = quick(self.cells.from(&cell), cell.raw.len())
            {
                values.push(value);
                continue;
            }
            let content = cell.content(self.rules.quote);
            if self.rules.nulls.contains(&content) {
                self.nulls.push(row as u32);
                values.push(T::default());
            } else {
                values.push(parse(&content).ok_or(cell)?);
            }
        }
        Ok(values)
    }

    fn reals(&mut self) -> Result<Values, Cell<'b>> {
        let (lenient, decimal) = (self.lenient, self.rules.decimal);
        let padded = |cell: &[u8]| !lenient && cell::is_padded(cell) && cell::parse_integer(cell).is_some();
        // Decided here, so that the loop over cells with a point knows of no other mark.
        let numbers = if decimal == b'.' {
            self.each_number(
                cell::short_real,
                |cell| if padded(cell) { None } else { cell::parse_real(cell) },
            )?
        } else {
            self.each(|cell| if padded(cell) { None } else { cell::parse_real_by(cell, decimal) })?
        };
        // NaN is missing, whether or not it is among the null tokens.
        if numbers.iter().any(|number| number.is_nan()) {
            let missing = std::mem::take(&mut self.nulls);
            self.nulls = (0..numbers.len() as u32)
                .filter(|row| numbers[*row as usize].is_nan() || missing.binary_search(row).is_ok())
                .collect();
        }
        if numbers.iter().any(|number| number.is_infinite()) {
            let quote = self.rules.quote;
            let cells = self.cells.column(self.column).zip(&numbers);
            self.overflow = cells
                .filter(|(cell, number)| cell::is_overflow(&cell.content(quote), **number))
                .map(|(cell, _)| cell.offset)
                .next();
        }
        Ok(Values::Real(numbers))
    }

    /// Categories while there are few of them, text otherwise. A quoted cell means what it says: it is text
    /// even where it is empty or reads like a null token.
    fn texts(&mut self, max_categories: usize) -> Values {
        let n_rows = self.cells.n_rows();
        let mut codes = Vec::with_capacity(n_rows);
        let mut levels = Interner::default();
        let mut cells = self.cells.column(self.column);
        let missing = |cell: &Cell<'_>| !cell.quoted && self.rules.nulls.contains(cell.raw);
        while codes.len() < n_rows && levels.len() <= max_categories {
            let Some(cell) = cells.next() else { break };
            if missing(&cell) {
                self.nulls.push(codes.len() as u32);
                codes.push(0);
            } else if cell.quoted {
                codes.push(levels.intern(&cell.content(self.rules.quote)));
            } else {
                codes.push(levels.intern_start(self.cells.from(&cell), cell.raw.len()));
            }
        }
        if levels.len() <= max_categories {
            return Values::Category { codes, levels };
        }
        let (mut bytes, mut ends) = {
            let mut nulls = self.nulls.iter().copied().peekable();
            texts_of(&codes, |row| nulls.next_if_eq(&(row as u32)).is_some(), &levels)
        };
        ends.reserve_exact(n_rows - ends.len());
        for cell in cells {
            if missing(&cell) {
                self.nulls.push(ends.len() as u32);
            } else if cell.quoted {
                bytes.extend_from_slice(&cell.content(self.rules.quote));
            } else {
                push_start(&mut bytes, self.cells.from(&cell), cell.raw.len());
            }
            ends.push(bytes.len());
        }
        Values::Text { bytes, ends }
    }
}

/// Adds the first `length` bytes of a text: of a short one with more bytes after it always as many, which takes no call.
#[inline]
fn push_start(bytes: &mut Vec<u8>, text: &[u8], length: usize) {
    match text.first_chunk::<32>() {
        Some(first) if length <= first.len() => {
            let start = bytes.len();
            bytes.extend_from_slice(first);
            bytes.truncate(start + length);
        }
        _ => bytes.extend_from_slice(&text[..length]),
    }
}

/// The texts of codes, one after the other, and the end of each; `missing` is asked for each row in turn.
pub(super) fn texts_of(
    codes: &[u32],
    mut missing: impl FnMut(usize) -> bool,
    levels: &Interner,
) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(codes.len()));
    for (row, &code) in codes.iter().enumerate() {
        if !missing(row) {
            bytes.extend_from_slice(levels.text(code));
        }
        ends.push(bytes.len());
    }
    (bytes, ends)
}
