//! Which columns of a table a step works on.

use std::fmt;

use perennial_core::Result;
use perennial_data::{Column, ColumnType, Role, Table};
use serde::{Deserialize, Serialize};

/// Picks columns of a table, by name, by pattern, by type or by role. A list of names is a selector too.
///
/// ```
/// use perennial_data::{Column, ColumnType, Table};
/// use perennial_preprocessing::{matching, numeric, of_type};
///
/// let table = Table::new([
///     ("price_2024", Column::real([1.0])),
///     ("price_2025", Column::real([2.0])),
///     ("rooms", Column::integer([3])),
///     ("sold", Column::date([19_000])),
/// ])?;
/// assert_eq!(matching("price_*").pick(&table)?, ["price_2024", "price_2025"]);
/// assert_eq!(matching("price_*").or(of_type(ColumnType::Date)).pick(&table)?, ["price_2024", "price_2025", "sold"]);
/// assert_eq!(numeric().without_matching("price_*").pick(&table)?, ["rooms"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Selector {
    /// Whole and real numbers.
    Numeric,
    /// Texts and categories.
    Categorical,
    /// True or false.
    Boolean,
    /// These columns, in this order.
    Names(Vec<String>),
    /// What one selector picks, without these columns.
    Without(Box<Selector>, Vec<String>),
    /// Columns of this type.
    Type(ColumnType),
    /// Columns whose name fits this pattern: `*` stands for any characters, `?` for one.
    Matching(String),
    /// What one selector picks, without columns whose name fits this pattern.
    WithoutMatching(Box<Selector>, String),
    /// What either picks, in the order of the table.
    Either(Box<Selector>, Box<Selector>),
    /// Columns that are there for this.
    Role(Role),
    /// What both pick, in the order of the first.
    Both(Box<Selector>, Box<Selector>),
}

/// Columns of whole and real numbers.
pub fn numeric() -> Selector {
    Selector::Numeric
}

/// Columns of texts and categories.
pub fn categorical() -> Selector {
    Selector::Categorical
}

/// Columns of true and false.
pub fn boolean() -> Selector {
    Selector::Boolean
}

/// The columns with these names.
pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Selector {
    Selector::Names(names.into_iter().map(Into::into).collect())
}

/// Columns of this type.
pub fn of_type(column_type: ColumnType) -> Selector {
    Selector::Type(column_type)
}

/// Columns that are there for this, as [`Table::with_role`] says.
///
/// ```
/// use perennial_data::{Role, Table};
/// use perennial_preprocessing::{numeric, of_role};
///
/// let table = Table::builder().integer("id", [7]).integer("rooms", [3]).text("city", ["Bern"]).build()?;
/// let table = table.with_role("id", Role::Identifier)?;
/// assert_eq!(numeric().and(of_role(Role::Feature)).pick(&table)?, ["rooms"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
pub fn of_role(role: Role) -> Selector {
    Selector::Role(role)
}

/// Columns whose name fits this pattern: `*` stands for any characters, `?` for one.
pub fn matching(pattern: impl Into<String>) -> Selector {
    Selector::Matching(pattern.into())
}

/// Whether a name fits a pattern, in time of at most the product of their lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stood, and what of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                None => return false,
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

impl Selector {
    /// What it picks, in the few words that a picture has room for.
    pub(crate) fn short(&self) -> String {
        match self {
            Selector::Numeric => "numeric".to_owned(),
            Selector::Categorical => "categorical".to_owned(),
            Selector::Boolean => "boolean".to_owned(),
            Selector::Names(names) => names.join(", "),
            Selector::Without(inner, names) => format!("{} but {}", inner.short(), names.join(", ")),
            Selector::Type(column_type) => column_type.to_string(),
            Selector::Matching(pattern) => pattern.clone(),
            Selector::WithoutMatching(inner, pattern) => format!("{} but {pattern}", inner.short()),
            Selector::Either(one, other) => format!("{} or {}", one.short(), other.short()),
            Selector::Role(role) => format!("{role}s"),
            Selector::Both(one, other) => format!("{} and {}", one.short(), other.short()),
        }
    }

    /// The columns that this or another picks, in the order of the table.
    #[must_use]
    pub fn or(self, other: impl Into<Selector>) -> Selector {
        Selector::Either(Box::new(self), Box::new(other.into()))
    }

    /// The columns that this and another pick, in the order of this one.
    #[must_use]
    pub fn and(self, other: impl Into<Selector>) -> Selector {
        Selector::Both(Box::new(self), Box::new(other.into()))
    }

    /// The same columns but for those whose name fits this pattern.
    #[must_use]
    pub fn without_matching(self, pattern: impl Into<String>) -> Selector {
        Selector::WithoutMatching(Box::new(self), pattern.into())
    }

    /// The same columns but for these.
    #[must_use]
    pub fn without<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Selector {
        Selector::Without(Box::new(self), names.into_iter().map(Into::into).collect())
    }

    /// The names of the columns it picks from a table.
    ///
    /// # Errors
    /// When a column that is named does not exist.
    pub fn pick(&self, table: &Table) -> Result<Vec<String>> {
        let by_type = |wanted: fn(ColumnType) -> bool| {
            let fits = |(_, column): &(&str, &Column)| wanted(column.column_type());
            Ok(table.columns().filter(fits).map(|(name, _)| name.to_owned()).collect())
        };
        match self {
            Selector::Type(wanted) => {
                let fits = |(_, column): &(&str, &Column)| column.column_type() == *wanted;
                Ok(table.columns().filter(fits).map(|(name, _)| name.to_owned()).collect())
            }
            Selector::Matching(pattern) => {
                Ok(table.names().filter(|name| fits(pattern, name)).map(str::to_owned).collect())
            }
            Selector::WithoutMatching(inner, pattern) => {
                let mut picked = inner.pick(table)?;
                picked.retain(|name| !fits(pattern, name));
                Ok(picked)
            }
            Selector::Either(one, other) => {
                let (one, other) = (one.pick(table)?, other.pick(table)?);
                let picked = |name: &&str| one.iter().chain(&other).any(|picked| picked == name);
                Ok(table.names().filter(picked).map(str::to_owned).collect())
            }
            Selector::Role(wanted) => {
                let mut picked = Vec::new();
                for name in table.names() {
                    if table.role(name)? == *wanted {
                        picked.push(name.to_owned());
                    }
                }
                Ok(picked)
            }
            Selector::Both(one, other) => {
                let (mut picked, other) = (one.pick(table)?, other.pick(table)?);
                picked.retain(|name| other.contains(name));
                Ok(picked)
            }
            Selector::Numeric => by_type(|kind| matches!(kind, ColumnType::Integer | ColumnType::Real)),
            Selector::Categorical => by_type(|kind| matches!(kind, ColumnType::Text | ColumnType::Category)),
            Selector::Boolean => by_type(|kind| kind == ColumnType::Boolean),
            Selector::Names(names) => {
                names.iter().try_for_each(|name| table.column(name).map(|_| ()))?;
                Ok(names.clone())
            }
            Selector::Without(inner, names) => {
                names.iter().try_for_each(|name| table.column(name).map(|_| ()))?;
                let mut picked = inner.pick(table)?;
                picked.retain(|name| !names.contains(name));
                Ok(picked)
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Numeric => f.write_str("`numeric()`"),
            Selector::Categorical => f.write_str("`categorical()`"),
            Selector::Boolean => f.write_str("`boolean()`"),
            Selector::Names(names) => write!(f, "the list [{}]", names.join(", ")),
            Selector::Without(inner, names) => write!(f, "{inner} without [{}]", names.join(", ")),
            Selector::Type(column_type) => write!(f, "`of_type({column_type})`"),
            Selector::Matching(pattern) => write!(f, "`matching(\"{pattern}\")`"),
            Selector::WithoutMatching(inner, pattern) => write!(f, "{inner} without `{pattern}`"),
            Selector::Either(one, other) => write!(f, "{one} or {other}"),
            Selector::Role(role) => write!(f, "`of_role({role})`"),
            Selector::Both(one, other) => write!(f, "{one} and {other}"),
        }
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Selector {
    fn from(list: [S; N]) -> Self {
        names(list)
    }
}

impl From<Vec<String>> for Selector {
    fn from(list: Vec<String>) -> Self {
        names(list)
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*b*", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("**x", "xxyx", true),
            ("x", "xx", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} and {name}");
        }
        // Many stars do not take forever.
        assert!(!fits(&("a*".repeat(500) + "b"), &"a".repeat(2000)));
    }
}
