//! Statistics of columns that are put together from parts.

use perennial_core::{Error, Result};
use rayon::prelude::*;

use crate::calendar;
use crate::column::Data;
use crate::contract::Scalar;
use crate::exact_sum::ExactSum;
use crate::sketch::{Bins, Distinct, hash_bytes, hash_word};
use crate::{Column, ColumnType, Table};

/// Rows that are summed up together.
const CHUNK: usize = 1 << 16;

/// Statistics of every column of a table, in little memory: missing cells, extremes, sum, mean, variance, quantiles, and how many
/// different cells there are.
///
/// Sums are exact until they are rounded once, and the sketches of quantiles and of distinct cells do not depend on order. So the
/// summaries of parts, [`merge`](Summary::merge)d in any order, have the same bits as that of the whole.
///
/// ```
/// use perennial_data::{Column, Summary, Table};
///
/// let table = Table::new([("x", Column::real([Some(1e100), Some(1.0), None, Some(-1e100)]))])?;
/// let mut parts = Summary::of(&table.slice(2..4)?);
/// parts.merge(&Summary::of(&table.head(2)))?;
/// let x = parts.column("x")?;
/// assert_eq!((x.sum(), x.n_missing(), x.distinct()), (Some(1.0), 1, 3.0));
/// assert_eq!(x.mean(), Summary::of(&table).column("x")?.mean());
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    n_rows: u64,
    columns: Vec<(String, ColumnSummary)>,
}

/// Statistics of one column of a [`Summary`].
///
/// Numbers are those of the cells; booleans count as 0 and 1, days as days and moments as microseconds since 1970-01-01.
#[derive(Clone, Debug)]
pub struct ColumnSummary {
    column_type: ColumnType,
    n_rows: u64,
    n_missing: u64,
    ends: Option<Ends>,
    moments: Moments,
    distinct: Distinct,
}

/// The smallest and the largest cell.
#[derive(Clone, Debug)]
enum Ends {
    Whole(i64, i64),
    Real(f64, f64),
    Text(String, String),
}

#[derive(Clone, Debug, Default)]
struct Moments {
    sum: ExactSum,
    squares: ExactSum,
    n_finite: u64,
    /// Infinite numbers below and above.
    n_infinite: (u64, u64),
    /// Whether a square is beyond the range.
    too_large: bool,
    bins: Bins,
}

impl Moments {
    #[inline]
    fn add(&mut self, number: f64) {
        self.bins.add(number);
        if number.is_infinite() {
            let count = if number > 0.0 { &mut self.n_infinite.1 } else { &mut self.n_infinite.0 };
            *count += 1;
            return;
        }
        self.n_finite += 1;
        self.sum.add(number);
        self.add_square(number);
    }

    /// The square as two numbers (T. J. Dekker, "A floating-point technique for extending the available precision", 1971).
    fn add_square(&mut self, number: f64) {
        let square = number * number;
        if square.is_infinite() {
            self.too_large = true;
            return;
        }
        let factor = 134_217_729.0 * number;
        let high = factor - (factor - number);
        let low = number - high;
        let rest = ((high * high - square) + 2.0 * high * low) + low * low;
        self.squares.add(square);
        self.squares.add(rest);
    }

    fn add_whole(&mut self, number: i64) {
        let near = number as f64;
        self.bins.add(near);
        self.n_finite += 1;
        self.sum.add_whole(number);
        self.add_square(near);
    }

    fn merge(&mut self, other: &Moments) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.n_finite += other.n_finite;
        self.n_infinite.0 += other.n_infinite.0;
        self.n_infinite.1 += other.n_infinite.1;
        self.too_large |= other.too_large;
        self.bins.merge(&other.bins);
    }

    fn n(&self) -> u64 {
        self.n_finite + self.n_infinite.0 + self.n_infinite.1
    }

    /// The infinite sum that infinite numbers make; NaN of both kinds.
    fn infinite(&self) -> Option<f64> {
        match self.n_infinite {
            (0, 0) => None,
            (0, _) => Some(f64::INFINITY),
            (_, 0) => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    fn variance(&self) -> Option<f64> {
        if self.n_finite < 2 || self.too_large || self.infinite().is_some() {
            return None;
        }
        ExactSum::variance(&self.sum, &self.squares, self.n_finite)
    }
}

impl Ends {
    fn merge(&mut self, other: &Ends) {
        match (self, other) {
            (Ends::Whole(low, high), Ends::Whole(other_low, other_high)) => {
                *low = (*low).min(*other_low);
                *high = (*high).max(*other_high);
            }
            (Ends::Real(low, high), Ends::Real(other_low, other_high)) => {
                // The order of bits, so that of 0 and -0 the same one is chosen in any order.
                *low = if other_low.total_cmp(low).is_lt() { *other_low } else { *low };
                *high = if other_high.total_cmp(high).is_gt() { *other_high } else { *high };
            }
            (Ends::Text(low, high), Ends::Text(other_low, other_high)) => {
                if other_low < low {
                    low.clone_from(other_low);
                }
                if other_high > high {
                    high.clone_from(other_high);
                }
            }
            // Types are compared before.
            _ => {}
        }
    }
}

impl ColumnSummary {
    fn of(column: &Column) -> Self {
        let (mut moments, mut distinct) = (Moments::default(), Distinct::default());
        let mut whole = |cells: &mut dyn Iterator<Item = i64>| {
            let mut ends: Option<Ends> = None;
            for cell in cells {
                moments.add_whole(cell);
                distinct.add(hash_word(cell as u64));
                match &mut ends {
                    Some(Ends::Whole(low, high)) => (*low, *high) = ((*low).min(cell), (*high).max(cell)),
                    _ => ends = Some(Ends::Whole(cell, cell)),
                }
            }
            ends
        };
        let ends = match &column.0 {
            Data::Integer(array) => whole(&mut array.iter().flatten()),
            Data::Boolean(array) => whole(&mut array.iter().flatten().map(i64::from)),
            Data::Date(array) => whole(&mut array.iter().flatten().map(i64::from)),
            Data::DateTime(array) => whole(&mut array.iter().flatten()),
            Data::Real(array) => {
                let mut ends: Option<Ends> = None;
                for cell in array.iter().flatten() {
                    moments.add(cell);
                    // Zero equals minus zero.
                    distinct.add(hash_word((cell + 0.0).to_bits()));
                    match &mut ends {
                        Some(ends) => ends.merge(&Ends::Real(cell, cell)),
                        None => ends = Some(Ends::Real(cell, cell)),
                    }
                }
                ends
            }
            Data::Text(array) => of_texts(&mut distinct, array.iter().flatten()),
            Data::Category(category) => {
                // Only levels that have rows.
                let mut used = vec![false; category.n_levels()];
                category.codes().flatten().for_each(|code| used[code as usize] = true);
                of_texts(
                    &mut distinct,
                    category.levels().zip(used).filter(|(_, used)| *used).map(|(level, _)| level),
                )
            }
        };
        let (n_rows, n_missing) = (column.n_rows() as u64, column.null_count() as u64);
        ColumnSummary { column_type: column.column_type(), n_rows, n_missing, ends, moments, distinct }
    }

    fn merge(&mut self, other: &ColumnSummary) {
        self.n_rows += other.n_rows;
        self.n_missing += other.n_missing;
        match (&mut self.ends, &other.ends) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (mine @ None, theirs) => mine.clone_from(theirs),
            (Some(_), None) => {}
        }
        self.moments.merge(&other.moments);
        self.distinct.merge(&other.distinct);
    }

    /// What the cells are.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The number of cells, missing ones included.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The number of missing cells.
    pub fn n_missing(&self) -> u64 {
        self.n_missing
    }

    /// The smallest cell, texts by their bytes; nothing where all are missing.
    pub fn min(&self) -> Option<Scalar> {
        self.ends.as_ref().map(|ends| match ends {
            Ends::Whole(low, _) => self.scalar(*low),
            Ends::Real(low, _) => Scalar::Real(*low),
            Ends::Text(low, _) => Scalar::Text(low.clone()),
        })
    }

    /// The largest cell, texts by their bytes; nothing where all are missing.
    pub fn max(&self) -> Option<Scalar> {
        self.ends.as_ref().map(|ends| match ends {
            Ends::Whole(_, high) => self.scalar(*high),
            Ends::Real(_, high) => Scalar::Real(*high),
            Ends::Text(_, high) => Scalar::Text(high.clone()),
        })
    }

    fn scalar(&self, cell: i64) -> Scalar {
        let mut text = String::new();
        // Writing to a `String` cannot fail, and days come from columns of days.
        let _ = match self.column_type {
            ColumnType::Boolean => return Scalar::Boolean(cell != 0),
            ColumnType::Date => calendar::write_date(&mut text, cell as i32),
            ColumnType::DateTime => calendar::write_date_time(&mut text, cell),
            _ => return Scalar::Integer(cell),
        };
        Scalar::Text(text)
    }

    fn has_numbers(&self) -> bool {
        self.moments.n() > 0
    }

    /// The sum, rounded once, however many numbers there are; nothing where there are none.
    pub fn sum(&self) -> Option<f64> {
        let sum = || self.moments.infinite().unwrap_or_else(|| self.moments.sum.value());
        self.has_numbers().then(sum).filter(|sum| !sum.is_nan())
    }

    /// The mean; nothing where there are no numbers, or infinite ones on both sides.
    pub fn mean(&self) -> Option<f64> {
        let mean = || self.moments.infinite().unwrap_or_else(|| self.moments.sum.over(self.moments.n_finite));
        self.has_numbers().then(mean).filter(|mean| !mean.is_nan())
    }

    /// The variance over n - 1; nothing for fewer than two numbers, and where squares of numbers are beyond the range.
    pub fn variance(&self) -> Option<f64> {
        self.moments.variance()
    }

    /// The number at an order from 0 to 1, with an error of at most 1/128 of it; nothing where there are no numbers.
    pub fn quantile(&self, order: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&order) || !self.has_numbers() {
            return None;
        }
        let rank = (order * (self.moments.n() - 1) as f64).round() as u64;
        let (low, high) = match self.ends.as_ref()? {
            Ends::Whole(low, high) => (*low as f64, *high as f64),
            Ends::Real(low, high) => (*low, *high),
            Ends::Text(..) => return None,
        };
        match rank {
            0 => Some(low),
            rank if rank == self.moments.n() - 1 => Some(high),
            rank => self.moments.bins.at_rank(rank).map(|number| number.clamp(low, high)),
        }
    }

    /// How many different cells there are, missing ones not counted: exact up to 1024, then within about 1.6 %.
    pub fn distinct(&self) -> f64 {
        self.distinct.count()
    }
}

fn of_texts<'a>(distinct: &mut Distinct, texts: impl Iterator<Item = &'a str>) -> Option<Ends> {
    let mut ends: Option<(&str, &str)> = None;
    for text in texts {
        distinct.add(hash_bytes(text.as_bytes()));
        ends = Some(ends.map_or((text, text), |(low, high)| (low.min(text), high.max(text))));
    }
    ends.map(|(low, high)| Ends::Text(low.to_owned(), high.to_owned()))
}

impl Summary {
    /// The statistics of all columns, chunks of rows side by side.
    pub fn of(table: &Table) -> Self {
        let of_column = |(name, column): (&str, &Column)| {
            let starts: Vec<usize> = (0..column.n_rows().max(1)).step_by(CHUNK).collect();
            let part =
                |&start: &usize| ColumnSummary::of(&column.slice(start, CHUNK.min(column.n_rows() - start)));
            let mut parts = starts.par_iter().map(part).collect::<Vec<_>>().into_iter();
            let first = parts.next().unwrap_or_else(|| ColumnSummary::of(column));
            let all = parts.fold(first, |mut all, part| {
                all.merge(&part);
                all
            });
            (name.to_owned(), all)
        };
        let columns: Vec<_> = table.columns().collect();
        Summary { n_rows: table.n_rows() as u64, columns: columns.into_par_iter().map(of_column).collect() }
    }

    /// The statistics of the tables of a scan, one after the other.
    ///
    /// # Errors
    /// The first error of the tables, or there are none, or their columns differ.
    pub fn of_all(tables: impl IntoIterator<Item = Result<Table>>) -> Result<Self> {
        let mut all: Option<Summary> = None;
        for table in tables {
            let part = Summary::of(&table?);
            match &mut all {
                None => all = Some(part),
                Some(all) => all.merge(&part)?,
            }
        }
        all.ok_or_else(|| Error::empty("there are no tables to sum up"))
    }

    /// Takes in the statistics of other rows of the same columns.
    ///
    /// # Errors
    /// When names or types of the columns differ.
    pub fn merge(&mut self, other: &Summary) -> Result<()> {
        let differ = |position: usize| {
            let (mine, theirs) = (self.columns.get(position), other.columns.get(position));
            let named = |column: Option<&(String, ColumnSummary)>| {
                column.map_or("nothing".into(), |(name, column)| {
                    format!("`{name}` of type {}", column.column_type)
                })
            };
            let same = mine.zip(theirs).is_some_and(|(mine, theirs)| {
                mine.0 == theirs.0 && mine.1.column_type == theirs.1.column_type
            });
            (!same).then(|| {
                format!("column {position} is {} in one and {} in the other", named(mine), named(theirs))
            })
        };
        if let Some(what) = (0..self.columns.len().max(other.columns.len())).find_map(differ) {
            return Err(Error::malformed(format!("the summaries are of other columns: {what}")));
        }
        self.n_rows += other.n_rows;
        self.columns.iter_mut().zip(&other.columns).for_each(|(mine, theirs)| mine.1.merge(&theirs.1));
        Ok(())
    }

    /// The number of rows.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Names and statistics of the columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &ColumnSummary)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// The statistics of one column.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn column(&self, name: &str) -> Result<&ColumnSummary> {
        self.columns().find(|(known, _)| *known == name).map(|(_, column)| column).ok_or_else(|| {
            let known: Vec<&str> = self.columns().take(10).map(|(name, _)| name).collect();
            Error::unknown(format!("no column is named `{name}`; there are: {}", known.join(", ")))
        })
    }

    /// One row for each column, to be shown or kept.
    ///
    /// # Errors
    /// When memory ends.
    pub fn to_table(&self) -> Result<Table> {
        let columns = || self.columns.iter().map(|(_, column)| column);
        let words = |end: Option<Scalar>| {
            end.map(|end| match end {
                Scalar::Text(text) => text,
                other => other.to_string(),
            })
        };
        let texts = |of: &dyn Fn(&ColumnSummary) -> Option<String>| {
            let texts: Vec<Option<String>> = columns().map(of).collect();
            Column::text(texts.iter().map(Option::as_deref))
        };
        let numbers =
            |of: &dyn Fn(&ColumnSummary) -> Option<f64>| Column::real(columns().map(of).collect::<Vec<_>>());
        Table::new([
            ("column", Column::text(self.columns.iter().map(|(name, _)| Some(name.as_str())))),
            ("type", texts(&|column| Some(column.column_type.to_string()))),
            ("rows", Column::integer(columns().map(|column| column.n_rows as i64))),
            ("missing", Column::integer(columns().map(|column| column.n_missing as i64))),
            ("distinct", numbers(&|column| Some(column.distinct().round()))),
            ("min", texts(&|column| words(column.min()))),
            ("max", texts(&|column| words(column.max()))),
            ("mean", numbers(&ColumnSummary::mean)),
            ("deviation", numbers(&|column| column.variance().map(f64::sqrt))),
            ("median", numbers(&|column| column.quantile(0.5))),
        ])
    }
}
