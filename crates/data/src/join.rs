//! Columns of another table beside those of this one, row by row.

use arrow_array::UInt64Array;
use perennial_core::{Error, Result, ResultExt};

use crate::Table;
use crate::keys::{Keys, NO_KEY, grouped, shown};

/// Which rows a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Join {
    /// Rows with a partner.
    Inner,
    /// All rows of the left table; where there is no partner, the cells of the right one are missing.
    Left,
    /// Rows of the left table with a partner, without its columns.
    Semi,
    /// Rows of the left table without a partner.
    Anti,
}

/// How many rows of the left and of the right table may have one key. A join says it, so that one that would multiply
/// rows is an error instead of a table that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// Each key once in both tables.
    OneToOne,
    /// Each key once in the left table.
    OneToMany,
    /// Each key once in the right table: the usual case, in which the left table keeps its rows.
    ManyToOne,
    /// No limit.
    ManyToMany,
}

impl Table {
    /// The rows of this table beside those of another that have the same cells in the key columns.
    ///
    /// The columns are those of this table and then those of the other without its keys. Rows are in the order of this
    /// table, partners of one row in that of the other. A missing key has no partner.
    ///
    /// ```
    /// use perennial_data::{Cardinality, Column, Join, Table};
    ///
    /// let orders = Table::new([("customer", Column::integer([2, 1, 2, 3])), ("sum", Column::real([5.0, 7.0, 9.0, 1.0]))])?;
    /// let customers = Table::new([("customer", Column::integer([1, 2])), ("city", Column::text(["Rome", "Oslo"]))])?;
    /// let joined = orders.join(&customers, &["customer"], Join::Left, Cardinality::ManyToOne)?;
    /// assert_eq!(joined.column("city")?.as_text()?.collect::<Vec<_>>(), [Some("Oslo"), Some("Rome"), Some("Oslo"), None]);
    ///
    /// // Read the other way round, a customer with two orders would stand twice.
    /// let error = customers.join(&orders, &["customer"], Join::Left, Cardinality::ManyToOne).unwrap_err();
    /// assert!(error.to_string().contains("customer = 2 stands 2 times in the right table"), "{error}");
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no key, a key column does not exist in both tables with one type or holds real numbers, a key stands
    /// more often than `cardinality` allows, or another column stands in both tables.
    pub fn join(&self, other: &Table, on: &[&str], join: Join, cardinality: Cardinality) -> Result<Table> {
        let (left, right) = shared_keys(self, other, on)?;
        joined((self, on, &left), (other, on, &right), &other.drop(on)?, join, cardinality)
    }
}

/// A table, its key columns, and the keys of its rows.
type Side<'a> = (&'a Table, &'a [&'a str], &'a Keys);

/// The rows of two tables whose keys have the same numbers, side by side; `columns` are those of the right one that are given.
pub(crate) fn joined(
    (mine, on, left): Side<'_>,
    (theirs, other_on, right): Side<'_>,
    columns: &Table,
    join: Join,
    cardinality: Cardinality,
) -> Result<Table> {
    let n_keys = right.n_keys;
    let (once_left, once_right) = match cardinality {
        Cardinality::OneToOne => (true, true),
        Cardinality::OneToMany => (true, false),
        Cardinality::ManyToOne => (false, true),
        Cardinality::ManyToMany => (false, false),
    };
    if once_left {
        check_once(mine, on, &left.numbers, n_keys, "left", cardinality)?;
    }
    if once_right {
        check_once(theirs, other_on, &right.numbers, n_keys, "right", cardinality)?;
    }
    let (partners, starts) = grouped(&right.numbers, n_keys);
    let of = |row: usize| match left.numbers[row] {
        NO_KEY => &[][..],
        key => &partners[starts[key as usize]..starts[key as usize + 1]],
    };
    if matches!(join, Join::Semi | Join::Anti) {
        let wanted = join == Join::Semi;
        return mine.filter(&(0..mine.n_rows()).map(|row| of(row).is_empty() != wanted).collect::<Vec<_>>());
    }
    let n_rows: usize =
        (0..mine.n_rows()).map(|row| of(row).len().max(usize::from(join == Join::Left))).sum();
    if n_rows > u32::MAX as usize {
        return Err(Error::too_large(format!(
            "the join would have {n_rows} rows; aggregate one table to a row for each key first"
        )));
    }
    let (mut left_rows, mut right_rows) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
    for row in 0..mine.n_rows() {
        let partners = of(row);
        left_rows.extend(partners.iter().map(|_| row as u64));
        right_rows.extend(partners.iter().map(|&partner| Some(partner as u64)));
        if partners.is_empty() && join == Join::Left {
            left_rows.push(row as u64);
            right_rows.push(None);
        }
    }
    beside(mine, &left_rows.into(), columns, &right_rows.into())
}

/// The chosen rows of two tables side by side.
pub(crate) fn beside(left: &Table, mine: &UInt64Array, right: &Table, theirs: &UInt64Array) -> Result<Table> {
    if let Some(name) = right.names().find(|name| left.contains(name)) {
        return Err(Error::malformed(format!(
            "both tables have a column `{name}` that is no key; rename or drop it in one of them, or join on it too"
        )));
    }
    let columns = left.columns().map(|(name, column)| Ok((name.into(), column.take(mine)?)));
    let others = right.columns().map(|(name, column)| Ok((name.into(), column.take(theirs)?)));
    let table = Table::with_rows(mine.len(), columns.chain(others).collect::<Result<Vec<_>>>()?)?;
    Ok(table.inheriting([left, right]))
}

/// Keys of both tables that can be compared.
pub(crate) fn shared_keys(left: &Table, right: &Table, on: &[&str]) -> Result<(Keys, Keys)> {
    if on.is_empty() {
        return Err(Error::empty("a join needs a key; name one column or more that both tables have"));
    }
    let (mine, theirs) =
        (left.select(on).context("the left table")?, right.select(on).context("the right table")?);
    let both = Table::concat(&[mine, theirs]).context("the keys of the two tables")?;
    let Keys { mut numbers, n_keys } = Keys::of(&both, on, false)?;
    let theirs = numbers.split_off(left.n_rows());
    Ok((Keys { numbers, n_keys }, Keys { numbers: theirs, n_keys }))
}

pub(crate) fn check_once(
    table: &Table,
    on: &[&str],
    numbers: &[u32],
    n_keys: usize,
    which: &str,
    cardinality: Cardinality,
) -> Result<()> {
    let mut counts = vec![0_usize; n_keys];
    numbers.iter().filter(|number| **number != NO_KEY).for_each(|&number| counts[number as usize] += 1);
    let Some(row) = numbers.iter().position(|&number| number != NO_KEY && counts[number as usize] > 1) else {
        return Ok(());
    };
    Err(Error::malformed(format!(
        "{} stands {} times in the {which} table, which {cardinality:?} does not allow; remove duplicates or aggregate that table first, or say the cardinality that is meant",
        shown(table, on, row),
        counts[numbers[row] as usize]
    )))
}
