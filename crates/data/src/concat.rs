//! Tables below each other.

use perennial_core::{Error, Result, ResultExt};

use crate::column::Data;
use crate::{Column, ColumnType, Table};

impl Table {
    /// Tables below each other. Columns are matched by name and follow the order of the first table; the levels
    /// of a category column are those of all tables.
    ///
    /// # Errors
    /// When there are no tables, or their columns do not agree.
    pub fn concat(tables: &[Table]) -> Result<Table> {
        Table::stacked(tables.to_vec())
    }

    /// As [`concat`](Table::concat), of tables that are given up column by column: where nobody shares them the cells are not there twice.
    pub(crate) fn stacked(tables: Vec<Table>) -> Result<Table> {
        let Some((first, rest)) = tables.split_first() else {
            return Err(Error::empty("there are no tables to put below each other"));
        };
        // Once through all tables to collect the levels, once more to use them.
        let mut schema = first.schema();
        for table in rest {
            schema = schema.align(table)?.schema();
        }
        let n_rows = tables.iter().map(Table::n_rows).sum();
        // Tables without rows that know which columns are of personal data, and what columns are there for.
        let has_some = |table: &&Table| !table.marks().is_empty() || !table.roles().is_empty();
        let marked: Vec<Table> = tables.iter().filter(has_some).map(|table| table.head(0)).collect();
        let parts = tables.into_iter().map(|table| Ok(schema.align(&table)?.into_columns().into_iter()));
        let mut parts = parts.collect::<Result<Vec<_>>>()?;
        let columns = schema.columns().iter().map(|field| {
            let of_column: Vec<Column> = parts.iter_mut().filter_map(Iterator::next).collect();
            Ok((field.name.as_str().into(), Column::concat(&of_column.iter().collect::<Vec<_>>())?))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Table::with_rows(n_rows, columns)?.inheriting(&marked))
    }

    /// Tables below each other whose columns need not agree: those of any table, in the order in which they first appear.
    /// Where a table lacks a column its cells are missing. Types become one that holds all cells without loss: whole and real
    /// numbers real, days and moments moments, categories and texts text; a column without a cell takes any type.
    ///
    /// ```
    /// use perennial_data::{Column, ColumnType, Table};
    ///
    /// let old = Table::new([("id", Column::integer([1])), ("price", Column::integer([5]))])?;
    /// let new = Table::new([("price", Column::real([0.5])), ("city", Column::text(["Bern"]))])?;
    /// let all = Table::concat_reconciled(&[old, new])?;
    /// assert_eq!(all.names().collect::<Vec<_>>(), ["id", "price", "city"]);
    /// assert_eq!(all.column("price")?.column_type(), ColumnType::Real);
    /// assert_eq!((all.column("id")?.null_count(), all.column("city")?.null_count()), (1, 1));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there are no tables, or a column has types in two of them that no type holds; the message names both.
    pub fn concat_reconciled(tables: &[Table]) -> Result<Table> {
        let Some(first) = tables.first() else {
            return Err(Error::empty("there are no tables to put below each other"));
        };
        let mut names: Vec<&str> = first.names().collect();
        let mut known: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        for name in tables.iter().flat_map(Table::names) {
            if known.insert(name) {
                names.push(name);
            }
        }
        let n_rows = tables.iter().map(Table::n_rows).sum();
        let columns = names.into_iter().map(|name| {
            let parts: Vec<Column> = tables
                .iter()
                .map(|table| match table.column(name) {
                    Ok(column) => column.clone(),
                    Err(_) => Column::nulls(ColumnType::Real, table.n_rows()),
                })
                .collect();
            Ok((name.into(), below(&parts).context(format!("column `{name}`"))?))
        });
        Ok(Table::with_rows(n_rows, columns.collect::<Result<Vec<_>>>()?)?.inheriting(tables))
    }
}

/// Columns below each other as the narrowest type that holds all of their cells.
pub(crate) fn below(parts: &[Column]) -> Result<Column> {
    let mut wanted: Option<ColumnType> = None;
    // Columns without a cell have no say, unless all are such.
    for part in parts.iter().filter(|part| part.null_count() < part.n_rows()) {
        let found = part.column_type();
        wanted = Some(match wanted {
            None => found,
            Some(known) => wider(known, found).ok_or_else(|| {
                Error::unsupported(format!(
                    "it is of type {known} in one place and {found} in another, and no type holds both; rename one, or cast it to text first"
                ))
            })?,
        });
    }
    let wanted = wanted.or(parts.first().map(Column::column_type)).unwrap_or(ColumnType::Real);
    let mut parts = parts.iter().map(|part| part.cast(wanted)).collect::<Result<Vec<_>>>()?;
    if wanted == ColumnType::Category {
        let mut levels: Vec<String> = Vec::new();
        for part in &parts {
            levels = part
                .as_category()?
                .with_levels(levels.iter().map(String::as_str))
                .levels()
                .map(str::to_owned)
                .collect();
        }
        for part in &mut parts {
            let moved = part.as_category()?.with_levels(levels.iter().map(String::as_str));
            *part = Column(Data::Category(moved));
        }
    }
    Column::concat(&parts.iter().collect::<Vec<_>>())
}

fn wider(a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    use ColumnType::{Category, Date, DateTime, Integer, Real, Text};
    match (a, b) {
        (a, b) if a == b => Some(a),
        (Integer, Real) | (Real, Integer) => Some(Real),
        (Date, DateTime) | (DateTime, Date) => Some(DateTime),
        (Category, Text) | (Text, Category) => Some(Text),
        _ => None,
    }
}
