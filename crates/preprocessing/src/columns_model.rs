//! What is learned of columns that go to different steps.

use std::sync::OnceLock;

use perennial_core::{Decided, Features, Matrix, Result, Transformer};
use perennial_data::Table;
use serde::{Deserialize, Serialize};

use crate::columns::{BranchModels, no_branches};
use crate::outputs::sources;

/// What a [`Columns`](crate::Columns) learns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnsModel<M> {
    pub(crate) models: M,
    sparse: bool,
    #[serde(skip)]
    columns: Joined,
}

/// The columns of the output, made once: a row that comes alone would spend most of its time on their names. It is no
/// part of what was learned, so any two are equal.
#[derive(Debug, Clone, Default)]
struct Joined(OnceLock<(Vec<Features>, Features)>);

impl PartialEq for Joined {
    fn eq(&self, _: &Joined) -> bool {
        true
    }
}

impl Eq for Joined {}

impl Joined {
    /// The columns of `outputs` side by side.
    fn of(&self, outputs: &[Matrix]) -> Result<Features> {
        // Steps share their columns with what they make, so this compares pointers.
        let known = self.0.get().filter(|(parts, _)| parts.iter().eq(outputs.iter().map(Matrix::features)));
        if let Some((_, columns)) = known {
            return Ok(columns.clone());
        }
        let parts: Vec<Features> = outputs.iter().map(|part| part.features().clone()).collect();
        let columns: Features = parts.iter().flatten().cloned().collect::<Vec<_>>().try_into()?;
        // Another thread may have been first, with the same columns.
        let _ = self.0.set((parts, columns.clone()));
        Ok(columns)
    }
}

impl<M: BranchModels> Transformer for ColumnsModel<M> {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        self.side_by_side(self.models.transform(x)?)
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        sources(&self.models)
    }

    fn decided(&self) -> Vec<Decided> {
        self.models.decided()
    }
}

impl<M> ColumnsModel<M> {
    pub(crate) fn new(models: M, sparse: bool) -> Self {
        ColumnsModel { models, sparse, columns: Joined::default() }
    }

    pub(crate) fn side_by_side(&self, mut outputs: Vec<Matrix>) -> Result<Matrix> {
        match outputs.len() {
            0 => Err(no_branches()),
            // As its step made it.
            1 => Ok(outputs.remove(0)),
            // Whether a matrix is sparse must not differ between the rows of fitting and others.
            _ => Matrix::hstack_under(self.columns.of(&outputs)?, &outputs, self.sparse),
        }
    }
}
