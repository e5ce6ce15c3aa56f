//! What a pipeline will make of columns, told before it learns.

use perennial_core::{
    FeatureKind, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Train, Transformer,
};
use perennial_data::{Schema, Table};
use serde::{Deserialize, Serialize};

use crate::categories::Coded;
use crate::columns::{Branches, Columns};
use crate::outputs::{column_by_column, resolved, too_many};

/// A column that a [`Columns`] will make; see [`Columns::output_schema`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// What its numbers will mean; of categories without a number of them ([`FeatureKind`]) the fit tells how many there are.
    pub kind: FeatureKind,
    /// The columns of the table that it will be made of, in the order in which its step takes them.
    pub from: Vec<String>,
}

/// What a branch of a [`Columns`] will make; see [`Columns::output_schema`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BranchSchema {
    /// These columns.
    Known(Vec<SchemaColumn>),
    /// Columns that depend on the rows.
    AfterFit {
        /// The step that must learn first.
        step: String,
        /// What of the rows decides.
        why: String,
    },
}

/// The columns that a step takes, and what it says of those that it makes; see [`Branches::schemas`].
#[derive(Debug)]
pub struct BranchOutput {
    pub(crate) names: Vec<String>,
    pub(crate) schema: OutputSchema<Matrix>,
}

impl<B: Branches> Columns<B> {
    /// What each branch will make of a table with these columns, in the order of the branches, before any row is seen: the names of
    /// its columns, what their numbers mean, and of which columns each is made, just as [`ColumnsModel::outputs`](crate::ColumnsModel::outputs)
    /// tells after the fit. Where the rows decide, as they do for one-hot codes, it says so.
    ///
    /// Steps of your own say it by [`FitTransform::transform_schema`]. Of a pipeline of tables that goes on after its columns ask
    /// that method, with [`Schema::empty_table`].
    ///
    /// ```
    /// use perennial_data::Table;
    /// use perennial_preprocessing::{BranchSchema, Columns, OneHotEncoder, SplineTransformer};
    ///
    /// let table = Table::builder().real("age", [20.0]).text("city", ["Rome"]).build()?;
    /// let columns = Columns::new().on(["age"], SplineTransformer::new().n_knots(2).degree(1)).on(["city"], OneHotEncoder::new());
    /// let branches = columns.output_schema(&table.schema())?;
    /// let BranchSchema::Known(made) = &branches[0] else { panic!("splines have a number of their own") };
    /// assert_eq!(made.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["age spline 0", "age spline 1"]);
    /// assert!(matches!(&branches[1], BranchSchema::AfterFit { step, .. } if step == "OneHotEncoder"));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As the fit, where the columns alone are the cause: one is missing or of a type that its step does not take, a selector picks
    /// none, no step takes one, or two of the output have one name; and when a setting is wrong. When a step that does not say of what its
    /// columns are made takes and makes so many that all of all cannot be written out.
    pub fn output_schema(&self, schema: &Schema) -> Result<Vec<BranchSchema>> {
        let outputs = self.branch_outputs(&schema.empty_table()?)?;
        outputs.into_iter().map(BranchOutput::into_schema).collect()
    }

    pub(crate) fn branch_outputs(&self, x: &Table) -> Result<Vec<BranchOutput>> {
        self.check(x)?;
        let outputs = self.branches.schemas(x)?;
        if outputs.is_empty() {
            return Err(crate::columns::no_branches());
        }
        let known = outputs.iter().filter_map(|output| match &output.schema {
            OutputSchema::Known { output, .. } => Some(output.features()),
            OutputSchema::AfterFit { .. } => None,
        });
        Features::try_from(known.flatten().cloned().collect::<Vec<_>>())?;
        Ok(outputs)
    }
}

impl BranchOutput {
    fn into_schema(self) -> Result<BranchSchema> {
        let (output, sources) = match self.schema {
            OutputSchema::Known { output, sources } => (output, sources),
            OutputSchema::AfterFit { step, why } => return Ok(BranchSchema::AfterFit { step, why }),
        };
        let (n_outputs, n_columns) = (output.n_cols(), self.names.len());
        let made_of =
            resolved(sources, n_outputs, n_columns).ok_or_else(|| too_many(n_outputs, n_columns))?;
        let columns = output.features().iter().zip(made_of).map(|(feature, from)| SchemaColumn {
            name: feature.name.to_string(),
            kind: feature.kind,
            from: from.into_iter().map(|column| self.names[column].clone()).collect(),
        });
        Ok(BranchSchema::Known(columns.collect()))
    }
}

/// The branches side by side, where all of them are known.
pub(crate) fn side_by_side(outputs: Vec<BranchOutput>, x: &Table) -> Result<OutputSchema<Matrix>> {
    let (mut parts, mut made_of) = (Vec::new(), Some(Vec::new()));
    for BranchOutput { names, schema } in outputs {
        let (output, sources) = match schema {
            OutputSchema::Known { output, sources } => (output, sources),
            after => return Ok(after),
        };
        let positions = crate::columns::positions(x, &names)?;
        let place =
            |columns: Vec<usize>| columns.into_iter().map(|column| positions[column]).collect::<Vec<usize>>();
        // Where one step says too little of too many, nothing is said of any.
        made_of = made_of.zip(resolved(sources, output.n_cols(), names.len())).map(
            |(mut made_of, sources): (Vec<Vec<usize>>, _)| {
                made_of.extend(sources.into_iter().map(place));
                made_of
            },
        );
        parts.push(output.to_dense()?);
    }
    Ok(OutputSchema::Known { output: Matrix::hstack(&parts)?, sources: made_of })
}

/// The schema of a step of matrices that keeps the columns, each made of itself.
pub(crate) fn same_columns(x: &Matrix) -> Result<OutputSchema<Matrix>> {
    Ok(OutputSchema::Known { output: x.clone(), sources: column_by_column(vec![1; x.n_cols()]) })
}

/// The schema of a step of matrices that keeps the columns and may make each of all.
pub(crate) fn mixed_columns(x: &Matrix) -> Result<OutputSchema<Matrix>> {
    Ok(OutputSchema::Known { output: x.clone(), sources: None })
}

/// The schema of a step that learns from no row: its model needs none.
pub(crate) fn of_no_rows<E>(step: &E, x: &E::Input) -> Result<OutputSchema<<E::Model as Transformer>::Output>>
where
    E: FitTransform<Target = NoTarget>,
{
    OutputSchema::of(&step.fit_on(&Train::new(x, &NoTarget))?, x)
}

/// Refuses columns that are no categories, as learning would.
pub(crate) fn check_categories(x: &Table) -> Result<()> {
    x.columns().try_for_each(|(name, column)| Coded::of(name, column).map(|_| ()))
}
