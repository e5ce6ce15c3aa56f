//! Tables inside saved models: column by column, checked on the way in.

use perennial_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use arrow_array::StringArray;

use crate::category::Category;
use crate::column::Data;
use crate::{Column, Table};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTable {
    n_rows: u64,
    columns: Vec<SavedColumn>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedColumn {
    name: String,
    cells: Cells,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cells {
    Text(Vec<Option<String>>),
    Category { levels: Vec<String>, codes: Vec<Option<u32>> },
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    Date(Vec<Option<i32>>),
    DateTime(Vec<Option<i64>>),
}

impl From<&Column> for Cells {
    fn from(column: &Column) -> Self {
        match &column.0 {
            Data::Text(array) => Cells::Text(array.iter().map(|cell| cell.map(str::to_owned)).collect()),
            Data::Category(category) => Cells::Category {
                levels: category.levels().map(str::to_owned).collect(),
                codes: category.codes().collect(),
            },
            Data::Integer(array) => Cells::Integer(array.iter().collect()),
            Data::Real(array) => Cells::Real(array.iter().collect()),
            Data::Boolean(array) => Cells::Boolean(array.iter().collect()),
            Data::Date(array) => Cells::Date(array.iter().collect()),
            Data::DateTime(array) => Cells::DateTime(array.iter().collect()),
        }
    }
}

impl TryFrom<Cells> for Column {
    type Error = Error;

    fn try_from(cells: Cells) -> Result<Self> {
        Ok(match cells {
            Cells::Text(cells) => Column::text(cells.iter().map(Option::as_deref)),
            Cells::Category { levels, codes } => {
                let levels = StringArray::from_iter_values(levels);
                Column(Data::Category(Category::new(codes.into_iter().collect(), levels)?))
            }
            Cells::Integer(cells) => Column::integer(cells),
            Cells::Real(cells) => Column::real(cells),
            Cells::Boolean(cells) => Column::boolean(cells),
            Cells::Date(cells) => Column::date(cells),
            Cells::DateTime(cells) => Column::date_time(cells),
        })
    }
}

impl TryFrom<SavedTable> for Table {
    type Error = Error;

    fn try_from(saved: SavedTable) -> Result<Self> {
        let columns =
            saved.columns.into_iter().map(|column| Ok((column.name.into(), column.cells.try_into()?)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let n_rows = usize::try_from(saved.n_rows)
            .map_err(|_| Error::corrupt(format!("a table cannot have {} rows", saved.n_rows)))?;
        Table::with_rows(n_rows, columns)
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let infinite = |column: &Column| match &column.0 {
            Data::Real(array) => array.iter().flatten().any(f64::is_infinite),
            _ => false,
        };
        // JSON would turn them into missing cells without a word.
        if serializer.is_human_readable()
            && let Some((name, _)) = self.columns().find(|(_, column)| infinite(column))
        {
            let words = format!("column `{name}` has infinite cells, which a text format may not hold");
            return Err(ser::Error::custom(words));
        }
        let columns =
            self.columns().map(|(name, column)| SavedColumn { name: name.into(), cells: column.into() });
        SavedTable { n_rows: self.n_rows() as u64, columns: columns.collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SavedTable::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}
