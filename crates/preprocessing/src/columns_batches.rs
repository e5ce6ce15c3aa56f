//! Columns that go to different steps, which learn from batches side by side.

use std::borrow::Borrow;

use perennial_core::{
    Error, Estimator, Features, FitTransform, JoinTarget, Matrix, NoTarget, Result, ResultExt, Rows, Train,
    Transformer,
};
use perennial_data::Table;

use crate::batches::{BoxLearning, FitBatches, Learning, check};
use crate::columns::{
    Branch, BranchModel, BranchModels, Branches, Columns, FromColumns, no_branches, positions, shown,
};
use crate::columns_model::ColumnsModel;

/// The branches of a [`Columns`] whose steps can learn from batches.
#[diagnostic::on_unimplemented(
    message = "not every step of these columns can learn from batches of rows",
    note = "`FitBatches` says which steps can; fit the others on rows in memory, such as a sample, and let their models take their place by `.frozen()`"
)]
pub trait BatchBranches: Branches<Target: Sized> {
    /// Begins to learn.
    ///
    /// # Errors
    /// When a setting of a step is wrong, or needs all rows at once.
    fn learning(&self) -> Result<BoxBranches<'_, Self>>;

    /// As [`FitBatches::hands_on`] of every step.
    ///
    /// # Errors
    /// When a step does not.
    fn hands_on(&self) -> Result<()>;
}

/// What [`BatchBranches::learning`] gives.
pub type BoxBranches<'a, B> =
    Box<dyn LearningBranches<<B as Branches>::Target, <B as Branches>::Models> + 'a>;

/// Branches that are learning from batches.
pub trait LearningBranches<Y, M> {
    /// Takes in a batch, as [`Learning::add`].
    ///
    /// # Errors
    /// As there.
    fn add(&mut self, batch: &Train<'_, Table, Y>) -> Result<()>;

    /// All batches were given: whether every branch has learned.
    ///
    /// # Errors
    /// As for [`Learning::end_pass`].
    fn end_pass(&mut self) -> Result<bool>;

    /// What they learned, and whether a step gives sparse rows.
    ///
    /// # Errors
    /// When a model refuses a row that it learned from.
    fn finish(&mut self) -> Result<(M, bool)>;
}

impl BatchBranches for () {
    fn learning(&self) -> Result<BoxBranches<'_, ()>> {
        Ok(Box::new(NoBranches))
    }

    fn hands_on(&self) -> Result<()> {
        Ok(())
    }
}

struct NoBranches;

impl LearningBranches<NoTarget, ()> for NoBranches {
    fn add(&mut self, _: &Train<'_, Table, NoTarget>) -> Result<()> {
        Ok(())
    }

    fn end_pass(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn finish(&mut self) -> Result<((), bool)> {
        Ok(((), false))
    }
}

impl<B, E> BatchBranches for (B, Branch<E>)
where
    B: BatchBranches,
    E: FitBatches + FitTransform<Input: FromColumns, Model: Transformer<Output = Matrix>>,
    B::Target: JoinTarget<E::Target, Target: Sized>,
{
    fn learning(&self) -> Result<BoxBranches<'_, Self>> {
        let (others, branch) = (self.0.learning()?, &self.1);
        let learning = branch.step.learning().context(branch.name())?;
        Ok(Box::new(OneMore::<B, E> { others, branch, learning, columns: None, model: None, sample: None }))
    }

    fn hands_on(&self) -> Result<()> {
        self.0.hands_on()?;
        self.1.step.hands_on().context(self.1.name())
    }
}

impl<E: Estimator> Branch<E> {
    fn name(&self) -> String {
        format!("{} of {}", self.step.steps().join(" -> "), self.selector)
    }
}

/// A branch that learns, and those before it.
struct OneMore<'a, B: BatchBranches, E: FitBatches> {
    others: BoxBranches<'a, B>,
    branch: &'a Branch<E>,
    learning: BoxLearning<'a, E>,
    /// Those that the first batch has for it: names, places in the table, and the same as features.
    columns: Option<(Vec<String>, Vec<usize>, Features)>,
    model: Option<E::Model>,
    /// A row that counts, which shows what the model makes.
    sample: Option<<E::Input as Rows>::Owned>,
}

impl<B, E, Y> LearningBranches<Y, (B::Models, BranchModel<E::Model>)> for OneMore<'_, B, E>
where
    B: BatchBranches,
    E: FitBatches + FitTransform<Input: FromColumns, Model: Transformer<Output = Matrix>>,
    B::Target: JoinTarget<E::Target, Target = Y>,
    Y: Rows + Sync + perennial_core::AsTarget<B::Target> + perennial_core::AsTarget<E::Target>,
{
    fn add(&mut self, batch: &Train<'_, Table, Y>) -> Result<()> {
        self.others.add(&batch.with_target::<B::Target>())?;
        if self.model.is_some() {
            return Ok(());
        }
        if self.columns.is_none() {
            let (names, columns) = self.branch.columns(batch.x)?;
            self.columns = Some((names.clone(), positions(batch.x, &names)?, columns));
        }
        let Some((names, _, columns)) = &self.columns else { return Ok(()) };
        let place = || format!("columns {}", shown(names));
        let x = E::Input::from_columns(batch.x, columns).context(place())?;
        if self.sample.is_none()
            && let Some(row) = (0..x.n_rows()).find(|&row| batch.weight(row) > 0.0)
        {
            self.sample = Some(x.take(&[row])?);
        }
        let batch = batch.with_target::<E::Target>();
        let batch = batch.with_input(&x, None);
        check(&batch, &self.branch.step.capabilities())
            .and_then(|()| self.learning.add(&batch))
            .context(place())
    }

    fn end_pass(&mut self) -> Result<bool> {
        let others = self.others.end_pass()?;
        if self.model.is_none() {
            self.model = self.learning.end_pass().context(self.branch.name())?;
        }
        Ok(others && self.model.is_some())
    }

    fn finish(&mut self) -> Result<((B::Models, BranchModel<E::Model>), bool)> {
        let (others, sparse) = self.others.finish()?;
        let parts = (self.columns.take(), self.model.take(), self.sample.take());
        let (Some((names, positions, columns)), Some(model), Some(sample)) = parts else {
            return Err(Error::empty("the batches have no rows"));
        };
        let output = model.transform(sample.borrow()).context(format!("columns {}", shown(&names)))?;
        let (n_outputs, sparse) = (output.n_cols(), sparse || output.sparse().is_some());
        Ok(((others, BranchModel { names, positions, n_outputs, model, columns }), sparse))
    }
}

/// All branches learn from the same passes. Where a step gives sparse rows there is one more, which counts how many cells of all
/// are not 0.
impl<B: BatchBranches> FitBatches for Columns<B> {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        if self.branches.steps().is_empty() {
            return Err(no_branches());
        }
        self.check_threshold()?;
        let branches = self.branches.learning()?;
        Ok(Box::new(LearningColumns { columns: self, branches, is_first: true, counted: None }))
    }

    fn hands_on(&self) -> Result<()> {
        self.branches.hands_on()
    }
}

struct LearningColumns<'a, B: BatchBranches> {
    columns: &'a Columns<B>,
    branches: BoxBranches<'a, B>,
    /// Whether no batch was given yet.
    is_first: bool,
    /// Once all have learned: the models, the cells that are not 0, and all cells.
    counted: Option<(B::Models, usize, f64)>,
}

impl<B: BatchBranches> Learning<Table, B::Target, ColumnsModel<B::Models>> for LearningColumns<'_, B> {
    fn add(&mut self, batch: &Train<'_, Table, B::Target>) -> Result<()> {
        if let Some((models, n_nonzero, n_cells)) = &mut self.counted {
            let outputs = models.transform(batch.x)?;
            *n_nonzero += outputs.iter().map(Matrix::n_nonzero).sum::<usize>();
            *n_cells += outputs.iter().map(|part| part.n_rows() as f64 * part.n_cols() as f64).sum::<f64>();
            return Ok(());
        }
        self.columns.check(batch.x)?;
        if std::mem::take(&mut self.is_first) {
            self.refuse_sparse(batch)?;
        }
        self.branches.add(batch)
    }

    fn end_pass(&mut self) -> Result<Option<ColumnsModel<B::Models>>> {
        if let Some((models, n_nonzero, n_cells)) = self.counted.take() {
            return Ok(Some(ColumnsModel::new(models, self.columns.is_below(n_nonzero, n_cells))));
        }
        if !self.branches.end_pass()? {
            return Ok(None);
        }
        let (models, sparse) = self.branches.finish()?;
        // With a threshold of 0 nothing is sparse, however few cells are not 0.
        if !sparse || !self.columns.is_below(0, 1.0) {
            return Ok(Some(ColumnsModel::new(models, false)));
        }
        self.columns.branches.hands_on().context(NOT_COUNTED)?;
        self.counted = Some((models, 0, 0.0));
        Ok(None)
    }
}

const NOT_COUNTED: &str = "whether all is sparse depends on the training rows of every step; set `sparse_threshold(0.0)`, or let no step make sparse rows";

impl<B: BatchBranches> LearningColumns<'_, B> {
    /// Where the cells cannot be counted, a fit of the first batch tells whether they would have to be: it is refused at once
    /// instead of after all passes. A batch that cannot be fitted alone tells nothing.
    fn refuse_sparse(&self, batch: &Train<'_, Table, B::Target>) -> Result<()> {
        if !self.columns.is_below(0, 1.0) {
            return Ok(());
        }
        let Err(error) = self.columns.branches.hands_on() else { return Ok(()) };
        match self.columns.branches.fit(batch) {
            Ok((_, outputs)) if outputs.iter().any(|part| part.sparse().is_some()) => {
                Err(error.context(NOT_COUNTED))
            }
            _ => Ok(()),
        }
    }
}
