//! What a column is there for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Table;

/// What a column is there for. Without a word about it a column is a feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// To learn from.
    #[default]
    Feature,
    /// What is to be predicted.
    Target,
    /// It names the row and says nothing of another one.
    Identifier,
    /// When the row happened.
    Time,
    /// Rows of one group belong together, such as those of a person.
    Group,
    /// How much the row counts.
    Weight,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Feature => "feature",
            Role::Target => "target",
            Role::Identifier => "identifier",
            Role::Time => "time",
            Role::Group => "group",
            Role::Weight => "weight",
        })
    }
}

impl Role {
    pub(crate) fn is_feature(&self) -> bool {
        *self == Role::Feature
    }
}

/// Roles other than that of a feature.
pub(crate) type Roles = BTreeMap<Arc<str>, Role>;

/// The name of the metadata of an Arrow field in which a role is kept.
pub(crate) const METADATA: &str = "perennial.role";

impl Table {
    /// What a column is there for.
    ///
    /// Roles go with their column as marks of [personal data](Table::pii) do, stand in the [`Schema`](crate::Schema), and are kept in
    /// Parquet and Arrow. Tables that differ in roles alone are equal.
    ///
    /// ```
    /// use perennial_data::{Role, Table};
    ///
    /// let table = Table::builder().integer("id", [7]).real("price", [1.5]).build()?.with_role("id", Role::Identifier)?;
    /// assert_eq!((table.role("id")?, table.role("price")?), (Role::Identifier, Role::Feature));
    /// assert_eq!(table.rename("id", "number")?.schema().field("number").unwrap().role, Role::Identifier);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such column.
    pub fn role(&self, column: &str) -> Result<Role> {
        self.column(column)?;
        Ok(self.roles().get(column).copied().unwrap_or_default())
    }

    /// The table with what a column is there for.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn with_role(&self, column: &str, role: Role) -> Result<Table> {
        self.column(column)?;
        let mut roles = self.roles().clone();
        if role.is_feature() {
            roles.remove(column);
        } else {
            roles.insert(column.into(), role);
        }
        Ok(self.clone().with_roles(roles))
    }

    /// The table with the roles that columns of its names have in others, where it says none; the first that says one counts.
    pub(crate) fn inheriting_roles<'a>(
        self,
        from: impl IntoIterator<Item = (&'a Arc<str>, &'a Role)>,
    ) -> Table {
        let mut roles = self.roles().clone();
        for (name, role) in from {
            if self.contains(name) {
                roles.entry(name.clone()).or_insert(*role);
            }
        }
        if roles.is_empty() { self } else { self.with_roles(roles) }
    }
}

/// The role that [`METADATA`] says.
pub(crate) fn read(column: &str, text: &str) -> Result<Role> {
    serde_json::from_value(text.into()).map_err(|error| {
        Error::malformed(format!("the role of column `{column}` is not known: `{text}`")).with_source(error)
    })
}
