//! What a pipeline makes of which columns, and what personal data go with it.

use std::collections::{BTreeMap, BTreeSet};

use perennial_core::{Error, Result};
use perennial_data::{PiiAction, PiiKind, Table};
use serde::{Deserialize, Serialize};

use crate::columns::{BranchModels, BranchSources};
use crate::columns_model::ColumnsModel;

/// A column of what a [`Columns`](crate::Columns) makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// The columns of the table that it is made of, in the order in which its step takes them.
    pub from: Vec<String>,
    /// The marks of personal data of these: kinds, and what became of them.
    pub pii: BTreeMap<PiiKind, PiiAction>,
}

impl<M: BranchModels> ColumnsModel<M> {
    /// The columns of the output with what each is made of, and the marks of [personal data](Table::pii) that reach it from `x`, a
    /// table such as the one that it learned from, of which the first row is transformed.
    ///
    /// Steps that work column by column, such as scalers and one-hot codes, say so ([`Transformer::sources`](perennial_core::Transformer::sources)). Of any
    /// other step each column of the output counts as made of all that the step takes: too many are marked rather than too few.
    ///
    /// ```
    /// use perennial_core::{Estimator, NoTarget};
    /// use perennial_data::{PiiAction, PiiKind, Table};
    /// use perennial_preprocessing::{Columns, OneHotEncoder, PassThrough};
    ///
    /// let table = Table::builder().text("name", ["Ada", "Max"]).integer("n", [1, 2]).build()?;
    /// let table = table.mark_pii("name", PiiKind::Name, PiiAction::Keep)?;
    /// let columns = Columns::new().on(["name"], OneHotEncoder::new()).on(["n"], PassThrough::new());
    /// let outputs = columns.fit(&table, &NoTarget)?.outputs(&table)?;
    /// let marked: Vec<&str> = outputs.iter().filter(|out| !out.pii.is_empty()).map(|out| out.name.as_str()).collect();
    /// assert_eq!(marked, ["name=Ada", "name=Max"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the row is not acceptable, or a step that does not say of what its columns are made takes and makes so many that all of all
    /// cannot be written out.
    pub fn outputs(&self, x: &Table) -> Result<Vec<OutputColumn>> {
        outputs(&self.models, x)
    }
}

/// A column with personal data, and what a [`Columns`](crate::Columns) makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PiiReach {
    /// The column of the table.
    pub column: String,
    /// What data it holds.
    pub kind: PiiKind,
    /// What became of them before.
    pub action: PiiAction,
    /// The columns of the output that are made of it, in order; none where it is left out.
    pub outputs: Vec<String>,
}

impl<M: BranchModels> ColumnsModel<M> {
    /// Where personal data go: a row for each column of `x` with [marks](Table::pii) and each kind of data in it, in the order of the columns, with the columns of the
    /// output that it reaches; a table for a model card. As [`outputs`](ColumnsModel::outputs), it names too many rather than too few.
    ///
    /// ```
    /// use perennial_core::{Estimator, NoTarget};
    /// use perennial_data::{PiiAction, PiiKind, Table};
    /// use perennial_preprocessing::{Columns, OneHotEncoder, PassThrough};
    ///
    /// let table = Table::builder().text("name", ["Ada", "Max"]).text("mail", ["a@b.ch", "c@d.ch"]).integer("n", [1, 2]).build()?;
    /// let table = table.mark_pii("name", PiiKind::Name, PiiAction::Keep)?.mark_pii("mail", PiiKind::Email, PiiAction::Mask)?;
    /// let columns = Columns::new().on(["name"], OneHotEncoder::new()).on(["n"], PassThrough::new()).drop(["mail"]);
    /// let reach = columns.fit(&table, &NoTarget)?.pii_reach(&table)?;
    /// assert_eq!((reach[0].column.as_str(), reach[0].outputs.as_slice()), ("name", &["name=Ada".to_owned(), "name=Max".to_owned()][..]));
    /// assert_eq!((reach[1].column.as_str(), reach[1].kind, reach[1].outputs.len()), ("mail", PiiKind::Email, 0));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`outputs`](ColumnsModel::outputs).
    pub fn pii_reach(&self, x: &Table) -> Result<Vec<PiiReach>> {
        let outputs = self.outputs(x)?;
        let mut reach = Vec::new();
        for column in x.names() {
            let made_of = |output: &&OutputColumn| output.from.iter().any(|from| from == column);
            for (&kind, &action) in x.pii(column)? {
                let outputs = outputs.iter().filter(made_of).map(|output| output.name.clone()).collect();
                reach.push(PiiReach { column: column.to_owned(), kind, action, outputs });
            }
        }
        Ok(reach)
    }
}

/// See [`ColumnsModel::outputs`].
pub(crate) fn outputs(models: &dyn BranchModels, x: &Table) -> Result<Vec<OutputColumn>> {
    let made = models.transform(&x.head(1))?;
    let mut outputs = Vec::new();
    for (matrix, BranchSources { names, made_of, .. }) in made.iter().zip(models.sources()) {
        let n_outputs = matrix.n_cols();
        let made_of =
            resolved(made_of, n_outputs, names.len()).ok_or_else(|| too_many(n_outputs, names.len()))?;
        for (name, from) in matrix.features().names().zip(made_of) {
            let from: Vec<String> = from.into_iter().map(|column| names[column].clone()).collect();
            let pii = x.pii_of(&from)?;
            outputs.push(OutputColumn { name: name.to_owned(), from, pii });
        }
    }
    Ok(outputs)
}

/// The most places of columns that are written out for steps which do not say what their columns are made of.
const MOST_SOURCES: usize = 1 << 24;

/// What the columns of all branches side by side are made of, by the places of columns in the table that was learned from.
pub(crate) fn sources(models: &dyn BranchModels) -> Option<Vec<Vec<usize>>> {
    let mut all = Vec::new();
    for BranchSources { names, positions, made_of, n_outputs } in models.sources() {
        let place = |columns: Vec<usize>| columns.into_iter().map(|column| positions[column]).collect();
        all.extend(resolved(made_of, n_outputs, names.len())?.into_iter().map(place));
    }
    Some(all)
}

/// That a step says too little of too many columns.
pub(crate) fn too_many(n_outputs: usize, n_columns: usize) -> Error {
    Error::too_large(format!(
        "a step makes {n_outputs} columns of {n_columns} and does not say of which each is made, and all of all are more than {MOST_SOURCES} \
         places; send fewer columns to it"
    ))
}

/// What each of `n_outputs` columns is made of, in rising order: all of the `n_columns` where the step does not say it. Nothing where
/// all of all, written out, may be more than there is memory.
pub(crate) fn resolved(
    sources: Option<Vec<Vec<usize>>>,
    n_outputs: usize,
    n_columns: usize,
) -> Option<Vec<Vec<usize>>> {
    let all = || (0..n_columns).collect();
    let sources = sources.filter(|sources| sources.len() == n_outputs);
    // A step of somebody else that names a column which there is not knows nothing of the others either.
    let is_known = |columns: &[usize]| columns.iter().all(|column| *column < n_columns);
    let n_all = sources
        .as_ref()
        .map_or(n_outputs, |sources| sources.iter().filter(|columns| !is_known(columns)).count());
    n_columns.max(1).checked_mul(n_all).filter(|size| *size <= MOST_SOURCES)?;
    Some(match sources {
        None => vec![all(); n_outputs],
        Some(sources) => sources
            .into_iter()
            .map(|columns| match is_known(&columns) {
                true => columns.into_iter().collect::<BTreeSet<usize>>().into_iter().collect(),
                false => all(),
            })
            .collect(),
    })
}

/// The sources of a step that makes so many columns of each column, one column after the other.
pub(crate) fn column_by_column(widths: impl IntoIterator<Item = usize>) -> Option<Vec<Vec<usize>>> {
    let of = |(column, width): (usize, usize)| std::iter::repeat_n(vec![column], width);
    Some(widths.into_iter().enumerate().flat_map(of).collect())
}

/// As [`column_by_column`] with a column for each, and behind them one more for some.
pub(crate) fn with_flags(n_columns: usize, flagged: &[usize]) -> Option<Vec<Vec<usize>>> {
    Some((0..n_columns).chain(flagged.iter().copied()).map(|column| vec![column]).collect())
}
