//! A table, column by column.

use perennial_core::Result;

use crate::{Column, Table};

/// Columns added one by one; each method takes cells or options of cells. Made by [`Table::builder`].
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    columns: Vec<(String, Column)>,
}

impl TableBuilder {
    /// Adds any column.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, column: Column) -> Self {
        self.columns.push((name.into(), column));
        self
    }

    /// The table.
    ///
    /// # Errors
    /// When columns differ in length, or a name is empty or occurs twice.
    pub fn build(self) -> Result<Table> {
        Table::new(self.columns)
    }

    /// Adds a text column.
    #[must_use]
    pub fn text<'a>(
        self,
        name: impl Into<String>,
        cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>,
    ) -> Self {
        self.column(name, Column::text(cells))
    }

    /// Adds a category column; the levels are the distinct texts in sorted order.
    #[must_use]
    pub fn category<'a>(
        self,
        name: impl Into<String>,
        cells: impl IntoIterator<Item = impl Into<Option<&'a str>>>,
    ) -> Self {
        self.column(name, Column::category(cells))
    }
}

macro_rules! adders {
    ($($(#[$doc:meta])* $name:ident: $cell:ty;)*) => {
        impl TableBuilder {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(
                self,
                name: impl Into<String>,
                cells: impl IntoIterator<Item = impl Into<Option<$cell>>>,
            ) -> Self {
                self.column(name, Column::$name(cells))
            })*
        }
    };
}

adders! {
    /// Adds a column of whole numbers.
    integer: i64;
    /// Adds a column of numbers; NaN is missing.
    real: f64;
    /// Adds a column of true and false.
    boolean: bool;
    /// Adds a column of days since 1970-01-01.
    date: i32;
    /// Adds a column of microseconds since 1970-01-01 00:00 UTC.
    date_time: i64;
}
