//! Marks of personal data, which go with the columns of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use perennial_core::{Error, Result};

use super::{PiiAction, PiiKind};
use crate::Table;

/// What personal data a column holds or held, and what became of them.
pub(crate) type Marks = BTreeMap<Arc<str>, BTreeMap<PiiKind, PiiAction>>;

/// The name of the metadata of an Arrow field in which marks are kept.
pub(crate) const METADATA: &str = "perennial.pii";

impl Table {
    /// The marks of a column: which kinds of personal data it holds or held, and what became of them.
    /// [`PiiPolicy::apply`](crate::PiiPolicy::apply) sets them, [`mark_pii`](Table::mark_pii) does by hand.
    ///
    /// Marks go with their column: through selections, filters, orders, slices and samples of rows, renaming, joins, tables below
    /// each other, a cast to a schema, a column put in the place of one that is marked, and
    /// [`derive`](Table::derive); into record batches, Parquet and Arrow, and back. Aggregates, pivots, CSV, JSON lines, matrices and
    /// models have none; what a pipeline makes of marked columns is told by `ColumnsModel::outputs` of `perennial-preprocessing`. Tables that differ in marks alone are equal.
    ///
    /// ```
    /// use perennial_data::{PiiAction, PiiKind, PiiPolicy, Table};
    ///
    /// let table = Table::builder().text("mail", ["ada@example.org"]).integer("n", [1]).build()?;
    /// let masked = PiiPolicy::new().action(PiiAction::Mask).apply(&table)?.table;
    /// let renamed = masked.rename("mail", "contact")?.filter(&[true])?;
    /// assert_eq!(renamed.pii("contact")?.get(&PiiKind::Email), Some(&PiiAction::Mask));
    /// assert!(renamed.pii("n")?.is_empty());
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such column.
    pub fn pii(&self, column: &str) -> Result<&BTreeMap<PiiKind, PiiAction>> {
        static NONE: BTreeMap<PiiKind, PiiAction> = BTreeMap::new();
        self.column(column)?;
        Ok(self.marks().get(column).unwrap_or(&NONE))
    }

    /// The marks of what is made of several columns: all kinds of any, and of actions the one that shows more.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn pii_of<S: AsRef<str>>(&self, columns: &[S]) -> Result<BTreeMap<PiiKind, PiiAction>> {
        let mut all = BTreeMap::new();
        columns.iter().try_for_each(|column| self.pii(column.as_ref()).map(|marks| join(&mut all, marks)))?;
        Ok(all)
    }

    /// The table with a column marked as one of personal data.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn mark_pii(&self, column: &str, kind: PiiKind, action: PiiAction) -> Result<Table> {
        self.column(column)?;
        let mut marks = self.marks().clone();
        marks.entry(column.into()).or_default().insert(kind, action);
        Ok(self.clone().with_marks(marks))
    }

    /// The table with the marks that columns of its names have in others; where they differ, the one that shows more.
    /// So with roles, of which the first counts: for a step that makes a table anew of the columns of another one.
    ///
    /// ```
    /// use perennial_data::{Role, Table};
    ///
    /// let table = Table::builder().integer("id", [7]).build()?.with_role("id", Role::Identifier)?;
    /// let made = Table::builder().text("id", ["7"]).build()?.inheriting([&table]);
    /// assert_eq!(made.role("id")?, Role::Identifier);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn inheriting<'a>(mut self, from: impl IntoIterator<Item = &'a Table>) -> Table {
        let mut marks = self.marks().clone();
        for table in from {
            if !table.roles().is_empty() {
                self = self.inheriting_roles(table.roles());
            }
            for (name, theirs) in table.marks().iter().filter(|(name, _)| self.contains(name)) {
                join(marks.entry(name.clone()).or_default(), theirs);
            }
        }
        if marks.is_empty() { self } else { self.with_marks(marks) }
    }

    /// The table with a column that was made of others marked as they are.
    pub(crate) fn marked_as(self, column: &str, from: &[&str]) -> Table {
        let mut marks = self.marks().clone();
        for theirs in from.iter().filter_map(|name| self.marks().get(*name)) {
            join(marks.entry(column.into()).or_default(), theirs);
        }
        if marks.is_empty() { self } else { self.with_marks(marks) }
    }
}

fn join(mine: &mut BTreeMap<PiiKind, PiiAction>, theirs: &BTreeMap<PiiKind, PiiAction>) {
    let shows = |action: &PiiAction| match action {
        PiiAction::Deny => 0,
        PiiAction::Mask => 1,
        PiiAction::Tokenise => 2,
        PiiAction::Hash => 3,
        PiiAction::Keep => 4,
    };
    for (kind, action) in theirs {
        let known = mine.entry(*kind).or_insert(*action);
        if shows(action) > shows(known) {
            *known = *action;
        }
    }
}

/// The marks of a column as a text.
pub(crate) fn written(marks: &BTreeMap<PiiKind, PiiAction>) -> Result<String> {
    serde_json::to_string(marks).map_err(Error::other)
}

/// What [`written`] gave.
pub(crate) fn read(column: &str, text: &str) -> Result<BTreeMap<PiiKind, PiiAction>> {
    serde_json::from_str(text).map_err(|error| {
        Error::malformed(format!("the marks of personal data of column `{column}` are damaged: {error}"))
            .with_source(error)
    })
}
