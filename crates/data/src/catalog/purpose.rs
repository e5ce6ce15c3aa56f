//! What data may be used for.

use perennial_core::{Error, Result, ResultExt};

use super::{Catalog, Places, Source};
use crate::Table;

/// Whether a purpose is among those that are known, whatever the case.
fn is_among(known: &[String], purpose: &str) -> bool {
    let wanted = purpose.trim().to_lowercase();
    known.iter().any(|known| known.trim().to_lowercase() == wanted)
}

fn refused(what: &str, known: &[String], purpose: &str, owner: &str) -> Error {
    let known = match known {
        [] => "it says no purposes".to_owned(),
        purposes => format!("its purposes are: {}", purposes.join(", ")),
    };
    let owner = if owner.is_empty() { "who is not said" } else { owner };
    Error::contract_violation(format!(
        "{what} may not be used for `{purpose}`; {known}; ask its owner, {owner}"
    ))
}

impl Source {
    /// Whether it may be opened by who says no purpose.
    pub(super) fn is_for_all(&self) -> Result<&Self> {
        match self.purposes.is_empty() && self.column_purposes.is_empty() {
            true => Ok(self),
            false => Err(Error::contract_violation(format!(
                "the source `{}` says what it may be used for; open it by `open_for` with the purpose and the columns",
                self.name
            ))),
        }
    }

    fn check_columns<S: AsRef<str>>(&self, purpose: &str, columns: &[S]) -> Result<()> {
        for column in columns.iter().map(AsRef::as_ref) {
            if let Some(known) = self.column_purposes.get(column).filter(|known| !is_among(known, purpose)) {
                let what = format!("the column `{column}` of the source `{}`", self.name);
                return Err(refused(&what, known, purpose, &self.owner));
            }
        }
        Ok(())
    }

    /// The columns that may not be used for a purpose.
    fn hidden_from(&self, purpose: &str) -> Vec<&str> {
        let hidden = self.column_purposes.iter().filter(|(_, known)| !is_among(known, purpose));
        hidden.map(|(column, _)| column.as_str()).collect()
    }

    pub(super) fn has_no_column(&self, column: &str) -> Error {
        Error::contract_violation(format!(
            "the purposes of columns name `{column}`, which is not there; another column may be the one that they are to guard, so \
             none is opened until the catalog has its name"
        ))
    }

    /// Whether all columns that have purposes are there: one that is misspelt guards nothing.
    pub(super) fn knows_columns_of(&self, table: &Table) -> Result<()> {
        let missing = self.column_purposes.keys().find(|column| !table.contains(column));
        missing.map_or(Ok(()), |column| Err(self.has_no_column(column)))
    }

    /// What is wrong with the purposes of columns, beside the table.
    pub(super) fn wrong_purposes(&self, table: &Table) -> Vec<String> {
        let mut problems = Vec::new();
        for (column, purposes) in &self.column_purposes {
            if !table.contains(column) {
                problems.push(format!("says purposes of the column `{column}`, which is not there"));
            }
            for purpose in purposes.iter().filter(|purpose| !is_among(&self.purposes, purpose)) {
                problems.push(format!(
                    "column `{column}` has the purpose `{purpose}`, which is none of the source; say it there too"
                ));
            }
        }
        problems
    }
}

impl Catalog {
    /// The source of a name, if it may be used for a purpose, whatever the case: to be asked where a model that learned from the
    /// source is put to a new use. A source that says no purposes may be used for none that has to be asked for.
    ///
    /// ```
    /// use perennial_data::{Catalog, Source};
    ///
    /// let catalog = Catalog::new().source(Source::new("orders", "orders.csv").purposes(["forecasts", "fraud detection"]));
    /// assert_eq!(catalog.require("orders", "Forecasts")?.name(), "orders");
    /// let error = catalog.require("orders", "advertising").unwrap_err();
    /// assert!(error.to_string().contains("`orders` may not be used for `advertising`"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When no source has that name, and [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) when the purpose is none of its own.
    pub fn require(&self, name: &str, purpose: &str) -> Result<&Source> {
        let source = self.find(name)?;
        match is_among(&source.purposes, purpose) {
            true => Ok(source),
            false => Err(refused(&format!("the source `{name}`"), &source.purposes, purpose, &source.owner)),
        }
    }

    /// The columns of a source that a purpose needs, read as by [`open`](Catalog::open), if the source and each of the columns may
    /// be used for it. Who says a purpose says its columns too: a column that the file gets later is not used by accident. Nothing is read
    /// where the purpose is refused. Of columns that may not be used for it no cell is shown, so the contract is held without them, as by
    /// [`Contract::drop`](crate::Contract::drop).
    ///
    /// ```
    /// use perennial_data::{Catalog, Source};
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// std::fs::write(directory.path().join("people.csv"), "age,salary\n31,5200\n").unwrap();
    /// let people = Source::new("people", "people.csv").purposes(["payroll", "planning"]).column_purposes("salary", ["payroll"]);
    /// let catalog = Catalog::new().source(people);
    /// assert_eq!(catalog.open_for(directory.path(), "people", "planning", &["age"])?.n_cols(), 1);
    /// let error = catalog.open_for(directory.path(), "people", "planning", &["age", "salary"]).unwrap_err();
    /// assert!(error.to_string().contains("column `salary` of the source `people` may not be used for `planning`"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::ContractViolation`](perennial_core::ErrorKind::ContractViolation) when the purpose is none of the source or of
    /// one of the columns, or columns that are not there have purposes, and as for [`open`](Catalog::open); when there is no such column.
    pub fn open_for<S: AsRef<str>>(
        &self,
        places: impl Into<Places>,
        name: &str,
        purpose: &str,
        columns: &[S],
    ) -> Result<Table> {
        let source = self.require(name, purpose)?;
        source.check_columns(purpose, columns)?;
        let open = || source.open(&places.into(), &source.hidden_from(purpose))?.select(columns);
        open().context(format!("source `{name}`"))
    }
}
