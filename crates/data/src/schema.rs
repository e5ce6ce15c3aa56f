//! Names and types of columns, kept to check and order later data.

use perennial_core::{Error, ErrorKind, Result, ResultExt};
use serde::{Deserialize, Serialize};

use crate::column::Data;
use crate::role::Roles;
use crate::{Column, ColumnType, Role, Table};

/// The names, types and levels of the columns of a table.
///
/// ```
/// use perennial_data::{ColumnType, Table};
///
/// let train = Table::builder().category("city", ["Bern", "Basel"]).real("price", [1.0, 2.0]).build()?;
/// let later = Table::builder().integer("price", [3]).text("city", ["Bern"]).build()?;
/// let schema = train.schema();
/// assert!(schema.check(&later).is_err());
///
/// let aligned = schema.align(&later)?;
/// assert_eq!(aligned.names().collect::<Vec<_>>(), ["city", "price"]);
/// assert_eq!(aligned.column("price")?.column_type(), ColumnType::Real);
/// assert_eq!(aligned.column("city")?.as_category()?.code(0), Some(1));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    columns: Vec<Field>,
}

/// One column of a [`Schema`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Field {
    /// The name of the column.
    pub name: String,
    /// What its cells are.
    pub column_type: ColumnType,
    /// Whether a cell was missing.
    pub nullable: bool,
    /// The levels of a category column in the order of their codes; empty for other types.
    pub levels: Vec<String>,
    /// What it is there for.
    #[serde(default, skip_serializing_if = "Role::is_feature")]
    pub role: Role,
}

impl Schema {
    pub(crate) fn from_fields(columns: Vec<Field>) -> Self {
        Schema { columns }
    }

    pub(crate) fn of(table: &Table) -> Self {
        let columns = table.columns().map(|(name, column)| Field {
            name: name.to_owned(),
            column_type: column.column_type(),
            nullable: column.null_count() > 0,
            levels: match &column.0 {
                Data::Category(category) => category.levels().map(str::to_owned).collect(),
                _ => Vec::new(),
            },
            role: table.roles().get(name).copied().unwrap_or_default(),
        });
        Schema { columns: columns.collect() }
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Field] {
        &self.columns
    }

    /// The column of that name, where there is one.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.columns.iter().find(|field| field.name == name)
    }

    /// A table with these columns and no rows.
    ///
    /// ```
    /// use perennial_data::Table;
    ///
    /// let table = Table::builder().category("city", ["Bern", "Basel"]).real("price", [1.0, 2.0]).build()?;
    /// let empty = table.schema().empty_table()?;
    /// assert_eq!(empty.n_rows(), 0);
    /// assert_eq!(empty.column("city")?.as_category()?.n_levels(), 2);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a name is empty or occurs twice, or a level does, as in a schema that was written by hand.
    pub fn empty_table(&self) -> Result<Table> {
        let columns = self.columns.iter().map(|field| {
            let column = match field.column_type {
                ColumnType::Text => Column::text([None; 0]),
                ColumnType::Category => Column::category_codes([None; 0], &field.levels)
                    .context(format!("column `{}`", field.name))?,
                ColumnType::Integer => Column::integer([None; 0]),
                ColumnType::Real => Column::real([None; 0]),
                ColumnType::Boolean => Column::boolean([None; 0]),
                ColumnType::Date => Column::date([None; 0]),
                ColumnType::DateTime => Column::date_time([None; 0]),
            };
            Ok((field.name.as_str().into(), column))
        });
        let empty = Table::with_rows(0, columns.collect::<Result<Vec<_>>>()?)?;
        let roles = self.columns.iter().filter(|field| !field.role.is_feature());
        Ok(empty.with_roles(roles.map(|field| (field.name.as_str().into(), field.role)).collect()))
    }

    /// Whether a table has exactly these columns, in any order, with these types. Missing cells and new levels
    /// are a matter of a [`Contract`](crate::Contract).
    ///
    /// # Errors
    /// [`ErrorKind::FeatureMismatch`] naming the first column that is missing, of another type, or not known.
    pub fn check(&self, table: &Table) -> Result<()> {
        self.check_names(table)?;
        for field in &self.columns {
            let found = table.column(&field.name)?.column_type();
            if found != field.column_type {
                let detail =
                    format!("column `{}` is of type {found}, expected {}", field.name, field.column_type);
                return Err(self.mismatch(table, detail));
            }
        }
        Ok(())
    }

    /// The table with these columns in this order and with these types.
    ///
    /// Columns are turned into the type of the schema where nothing is lost, see [`Column::cast`]; category
    /// columns get the codes of the schema, and levels that it does not know follow after them. Columns whose role the table does not
    /// say have that of the schema.
    ///
    /// # Errors
    /// [`ErrorKind::FeatureMismatch`] naming the first column that is missing, of another type, or not known.
    pub fn align(&self, table: &Table) -> Result<Table> {
        self.check_names(table)?;
        let columns = self.columns.iter().map(|field| {
            let place = || format!("column `{}`", field.name);
            let column = table
                .column(&field.name)?
                .cast(field.column_type)
                .map_err(|error| self.mismatch(table, format!("{}: {error}", place())).with_source(error))?;
            let column = match &column.0 {
                Data::Category(category) if !category.levels().eq(field.levels.iter()) => {
                    Column(Data::Category(category.with_levels(field.levels.iter().map(String::as_str))))
                }
                _ => column,
            };
            Ok((field.name.as_str().into(), column))
        });
        let aligned = Table::with_rows(table.n_rows(), columns.collect::<Result<Vec<_>>>()?);
        let aligned = aligned.context("aligning a table")?.inheriting([table]);
        let ours = self.columns.iter().filter(|field| !field.role.is_feature());
        let ours: Roles = ours.map(|field| (field.name.as_str().into(), field.role)).collect();
        Ok(if ours.is_empty() { aligned } else { aligned.inheriting_roles(&ours) })
    }

    /// As [`align`](Schema::align), with cells that can be read as the type of the schema, see [`Column::coerce`].
    ///
    /// # Errors
    /// As for [`align`](Schema::align), and when a cell cannot be read; the message names column and row.
    pub fn coerce(&self, table: &Table) -> Result<Table> {
        self.check_names(table)?;
        let columns = self.columns.iter().map(|field| {
            let column = table.column(&field.name)?.coerce(field.column_type);
            Ok((field.name.as_str().into(), column.context(format!("column `{}`", field.name))?))
        });
        let coerced = Table::with_rows(table.n_rows(), columns.collect::<Result<Vec<_>>>()?)?;
        self.align(&coerced.inheriting([table]))
    }

    fn check_names(&self, table: &Table) -> Result<()> {
        if let Some(field) = self.columns.iter().find(|field| !table.contains(&field.name)) {
            return Err(self.mismatch(table, format!("column `{}` is missing", field.name)));
        }
        // All of ours are there, so only a longer table can have others.
        if table.n_cols() > self.columns.len() {
            let known: std::collections::BTreeSet<&str> =
                self.columns.iter().map(|field| field.name.as_str()).collect();
            let extra = table.names().find(|name| !known.contains(name)).unwrap_or_default();
            return Err(self.mismatch(table, format!("column `{extra}` is not expected; drop it")));
        }
        Ok(())
    }

    fn mismatch(&self, table: &Table, detail: String) -> Error {
        let (expected, got) = (self.columns.len(), table.n_cols());
        Error::new(ErrorKind::FeatureMismatch { expected, got, detail })
    }
}
