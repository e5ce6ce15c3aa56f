//! Routes columns of a table to steps, and puts what they make side by side.

use std::collections::BTreeMap;

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, JoinTarget, Matrix, NoTarget, Outline,
    OutputSchema, Param, Result, ResultExt, Rows, Train, Transformer,
};
use perennial_data::{Role, Table};
use serde::{Deserialize, Serialize};

use crate::Selector;
use crate::columns_model::ColumnsModel;
use crate::schema::{self, BranchOutput};

/// Sends columns of a table to steps and puts what the steps make side by side: `Table` in, `Matrix` out.
///
/// A step is any transformer of matrices or of tables, or a pipeline of them. Steps of matrices take the
/// numeric, boolean columns they are given, with missing cells as NaN. Columns that no step takes must be
/// dropped by name or by [`drop_rest`](Columns::drop_rest): nothing is left out silently. Those with another
/// [role](perennial_data::Role) than that of a feature, such as a target or an identifier, need not be.
///
/// Where a step makes a sparse matrix and few of all cells are not 0, what they make together is sparse. This is
/// decided once, by the training rows.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `sparse_threshold` | 0.3 | 0 to 1 | the share of cells that are not 0 below which a sparse step makes all sparse; 0 for never |
///
/// ```
/// use perennial_core::{Estimator, NoTarget, Transformer};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::{Columns, OneHotEncoder, SimpleImputer, StandardScaler, numeric};
///
/// let table = Table::new([
///     ("age", Column::real([Some(20.0), None, Some(40.0)])),
///     ("city", Column::text(["Rome", "Oslo", "Rome"])),
/// ])?;
/// let columns = Columns::new()
///     .on(numeric(), SimpleImputer::mean().then(StandardScaler::new()))
///     .on(["city"], OneHotEncoder::new());
/// let x = columns.fit(&table, &NoTarget)?.transform(&table)?;
/// assert_eq!(x.features().names().collect::<Vec<_>>(), ["age", "city=Oslo", "city=Rome"]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns<B = ()> {
    pub(crate) branches: B,
    drop: Vec<String>,
    drop_rest: bool,
    #[serde(default = "sparse_threshold")]
    sparse_threshold: f64,
}

const SPARSE_THRESHOLD: Param =
    Param::real("sparse_threshold", "share of cells that are not 0 below which the output is sparse")
        .at_least(0.0)
        .at_most(1.0);

fn sparse_threshold() -> f64 {
    0.3
}

impl Default for Columns<()> {
    fn default() -> Self {
        Columns::new()
    }
}

/// A selector and the step for its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch<E> {
    pub(crate) selector: Selector,
    pub(crate) step: E,
}

impl Columns<()> {
    /// No steps yet.
    pub fn new() -> Self {
        Columns { branches: (), drop: Vec::new(), drop_rest: false, sparse_threshold: sparse_threshold() }
    }
}

impl<B> Columns<B> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[SPARSE_THRESHOLD];

    /// Sends the columns that `selector` picks to `step`.
    pub fn on<E>(self, selector: impl Into<Selector>, step: E) -> Columns<(B, Branch<E>)>
    where
        B: Branches,
        E: FitTransform<Input: FromColumns, Model: Transformer<Output = Matrix>>,
        B::Target: JoinTarget<E::Target>,
    {
        let branch = Branch { selector: selector.into(), step };
        Columns {
            branches: (self.branches, branch),
            drop: self.drop,
            drop_rest: self.drop_rest,
            sparse_threshold: self.sparse_threshold,
        }
    }

    /// The share of cells that are not 0 below which a step with a sparse output makes all sparse; 0 for never.
    #[must_use]
    pub fn sparse_threshold(mut self, share: f64) -> Self {
        self.sparse_threshold = share;
        self
    }

    /// Leaves these columns out.
    #[must_use]
    pub fn drop<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.drop.extend(names.into_iter().map(Into::into));
        self
    }

    /// Leaves out all columns that no step takes.
    #[must_use]
    pub fn drop_rest(mut self) -> Self {
        self.drop_rest = true;
        self
    }

    /// Whether columns and settings allow a fit.
    pub(crate) fn check(&self, table: &Table) -> Result<()>
    where
        B: Branches,
    {
        self.check_all_used(table, &self.branches.pick(table)?)?;
        self.check_threshold()
    }

    pub(crate) fn check_threshold(&self) -> Result<()> {
        SPARSE_THRESHOLD.check(self.sparse_threshold)
    }

    /// Whether the steps' outputs are to be put side by side in sparse form.
    fn is_sparse(&self, outputs: &[Matrix]) -> bool {
        let cells: f64 = outputs.iter().map(|part| part.n_rows() as f64 * part.n_cols() as f64).sum();
        outputs.iter().any(|part| part.sparse().is_some())
            && self.is_below(outputs.iter().map(Matrix::n_nonzero).sum(), cells)
    }

    /// Whether so many cells that are not 0 are few of all.
    pub(crate) fn is_below(&self, n_nonzero: usize, n_cells: f64) -> bool {
        (n_nonzero as f64) < self.sparse_threshold * n_cells
    }

    fn check_all_used(&self, table: &Table, used: &[Vec<String>]) -> Result<()> {
        let is_used = |name: &str| used.iter().flatten().chain(&self.drop).any(|used| used == name);
        let is_feature = |name: &str| table.role(name).is_ok_and(|role| role == Role::Feature);
        let left = table.names().filter(|name| !is_used(name) && is_feature(name));
        let left: Vec<&str> = left.take(8).collect();
        if self.drop_rest || left.is_empty() {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "no step takes the columns {}; send them to one with `.on(..)`, or leave them out with `.drop([..])` or `.drop_rest()`",
            left.join(", ")
        )))
    }
}

/// What a step can be given columns as.
pub trait FromColumns: Rows + Sized + Send + Sync {
    /// The named columns of a table.
    ///
    /// # Errors
    /// When a column does not exist or cannot be had in this form.
    fn from_columns(table: &Table, columns: &Features) -> Result<Self>;
}

impl FromColumns for Matrix {
    fn from_columns(table: &Table, columns: &Features) -> Result<Self> {
        table.matrix_under(columns)
    }
}

impl FromColumns for Table {
    fn from_columns(table: &Table, columns: &Features) -> Result<Self> {
        table.select(&columns.names().collect::<Vec<_>>())
    }
}

/// What the steps of a branch list make: their models, and one matrix for each.
type Fitted<M> = (M, Vec<Matrix>);

/// The branches of a [`Columns`]: a list that is built by [`on`](Columns::on).
pub trait Branches: Send + Sync {
    /// What all steps together learn from.
    type Target: ?Sized + Rows + Sync;
    /// The fitted steps.
    type Models: BranchModels;

    /// The columns that each step takes.
    ///
    /// # Errors
    /// When a named column does not exist.
    fn pick(&self, table: &Table) -> Result<Vec<Vec<String>>>;

    /// Fits each step on its columns; gives the models and, if wanted, the training outputs.
    ///
    /// # Errors
    /// When a step cannot be fitted.
    fn fit(&self, train: &Train<'_, Table, Self::Target>) -> Result<Fitted<Self::Models>>;

    /// The columns that each step takes of a table without rows, and what it says that it will make of them
    /// ([`FitTransform::transform_schema`]).
    ///
    /// # Errors
    /// When a column is missing or not acceptable, or a setting is wrong.
    fn schemas(&self, table: &Table) -> Result<Vec<BranchOutput>>;

    /// What all steps together take.
    fn capabilities(&self) -> Capabilities;

    /// The names of the steps.
    fn steps(&self) -> Vec<String>;

    /// What picks the columns of each step, and the step.
    fn outline(&self) -> Vec<(String, Vec<Outline>)>;
}

/// The fitted steps of a [`Columns`].
pub trait BranchModels: Send + Sync {
    /// What each step makes of its columns.
    ///
    /// # Errors
    /// When a column is missing or not acceptable.
    fn transform(&self, table: &Table) -> Result<Vec<Matrix>>;

    /// The columns that each step takes, and of which of them each column of its output is made, as
    /// [`Transformer::sources`] says.
    fn sources(&self) -> Vec<BranchSources<'_>>;

    /// What each step decided, as [`Transformer::decided`] says.
    fn decided(&self) -> Vec<Decided>;
}

/// The columns that a step takes, and what each column of its output is made of; see [`BranchModels::sources`].
#[derive(Debug)]
pub struct BranchSources<'a> {
    pub(crate) names: &'a [String],
    /// Where these stood in the table that was learned from.
    pub(crate) positions: &'a [usize],
    pub(crate) made_of: Option<Vec<Vec<usize>>>,
    pub(crate) n_outputs: usize,
}

impl Branches for () {
    type Target = NoTarget;
    type Models = ();

    fn pick(&self, _: &Table) -> Result<Vec<Vec<String>>> {
        Ok(Vec::new())
    }

    fn fit(&self, _: &Train<'_, Table, NoTarget>) -> Result<Fitted<()>> {
        Ok(((), Vec::new()))
    }

    fn schemas(&self, _: &Table) -> Result<Vec<BranchOutput>> {
        Ok(Vec::new())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }

    fn steps(&self) -> Vec<String> {
        Vec::new()
    }

    fn outline(&self) -> Vec<(String, Vec<Outline>)> {
        Vec::new()
    }
}

impl BranchModels for () {
    fn transform(&self, _: &Table) -> Result<Vec<Matrix>> {
        Ok(Vec::new())
    }

    fn sources(&self) -> Vec<BranchSources<'_>> {
        Vec::new()
    }

    fn decided(&self) -> Vec<Decided> {
        Vec::new()
    }
}

/// A fitted step and the columns it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NamedModel<M>")]
pub struct BranchModel<M> {
    pub(crate) names: Vec<String>,
    /// Where these stood in the table that was learned from.
    pub(crate) positions: Vec<usize>,
    /// How many columns the step makes.
    pub(crate) n_outputs: usize,
    pub(crate) model: M,
    /// The columns under their names, made once: a row that comes alone would spend most of its time on them.
    #[serde(skip)]
    pub(crate) columns: Features,
}

#[derive(Deserialize)]
struct NamedModel<M> {
    names: Vec<String>,
    positions: Vec<usize>,
    n_outputs: usize,
    model: M,
}

impl<M> TryFrom<NamedModel<M>> for BranchModel<M> {
    type Error = Error;

    fn try_from(NamedModel { names, positions, n_outputs, model }: NamedModel<M>) -> Result<Self> {
        if names.is_empty() {
            return Err(Error::corrupt("a branch needs a column"));
        }
        if positions.len() != names.len() {
            return Err(Error::corrupt("a branch needs the place of each of its columns"));
        }
        let columns = Features::named(names.iter().map(String::as_str))?;
        Ok(BranchModel { names, positions, n_outputs, model, columns })
    }
}

impl<E> Branch<E> {
    /// The columns of a table that the step takes.
    pub(crate) fn columns(&self, table: &Table) -> Result<(Vec<String>, Features)> {
        let names = self.selector.pick(table)?;
        if names.is_empty() {
            return Err(Error::empty(format!("the table has no column that {} picks", self.selector)));
        }
        let columns = Features::named(names.iter().map(String::as_str))?;
        Ok((names, columns))
    }
}

/// Where columns stand in a table.
pub(crate) fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    let places: BTreeMap<&str, usize> = table.names().zip(0..).collect();
    let place = |name: &String| match places.get(name.as_str()) {
        Some(place) => Ok(*place),
        None => table.column(name).map(|_| 0),
    };
    names.iter().map(place).collect()
}

impl<B, E> Branches for (B, Branch<E>)
where
    B: Branches,
    E: FitTransform<Input: FromColumns, Model: Transformer<Output = Matrix>>,
    B::Target: JoinTarget<E::Target>,
{
    type Target = <B::Target as JoinTarget<E::Target>>::Target;
    type Models = (B::Models, BranchModel<E::Model>);

    fn pick(&self, table: &Table) -> Result<Vec<Vec<String>>> {
        let mut picked = self.0.pick(table)?;
        picked.push(self.1.selector.pick(table)?);
        Ok(picked)
    }

    fn fit(&self, train: &Train<'_, Table, Self::Target>) -> Result<Fitted<Self::Models>> {
        let (models, mut outputs) = self.0.fit(&train.with_target::<B::Target>())?;
        let branch = &self.1;
        let (names, columns) = branch.columns(train.x)?;
        let place = format!("columns {}", shown(&names));
        let x = E::Input::from_columns(train.x, &columns)?;
        let validation = train.validation.map(|(x, _)| E::Input::from_columns(x, &columns)).transpose()?;
        let inner = train.with_input(&x, validation.as_ref());
        let inner =
            inner.with_target::<E::Target>().context(train.ctx.child(&format!("columns{}", outputs.len())));
        let inner = inner.limited_to(&branch.step.capabilities());
        inner.check(&branch.step.capabilities()).context(place.clone())?;
        let (model, output) = branch.step.fit_transform_on(&inner).context(place)?;
        let (positions, n_outputs) = (positions(train.x, &names)?, output.n_cols());
        outputs.push(output);
        Ok(((models, BranchModel { names, positions, n_outputs, model, columns }), outputs))
    }

    fn schemas(&self, table: &Table) -> Result<Vec<BranchOutput>> {
        let mut outputs = self.0.schemas(table)?;
        let (names, columns) = self.1.columns(table)?;
        let x = E::Input::from_columns(table, &columns)?;
        let schema = self.1.step.transform_schema(&x);
        let schema = schema.context(format!("columns {}", shown(&names)))?;
        outputs.push(BranchOutput { names, schema });
        Ok(outputs)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().and(self.1.step.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        let mut steps = self.0.steps();
        // Without the selector: a column that is renamed changes neither seeds nor what an artifact holds.
        steps.push(self.1.step.steps().join(" -> "));
        steps
    }

    fn outline(&self) -> Vec<(String, Vec<Outline>)> {
        let mut branches = self.0.outline();
        branches.push((self.1.selector.short(), self.1.step.outline()));
        branches
    }
}

impl<L, M> BranchModels for (L, BranchModel<M>)
where
    L: BranchModels,
    M: Transformer<Input: FromColumns, Output = Matrix>,
{
    fn transform(&self, table: &Table) -> Result<Vec<Matrix>> {
        let mut outputs = self.0.transform(table)?;
        let BranchModel { names, model, columns, .. } = &self.1;
        let x = M::Input::from_columns(table, columns)?;
        let output =
            model.transform(&x).map_err(|error| error.context(format!("columns {}", shown(names))))?;
        outputs.push(output);
        Ok(outputs)
    }

    fn sources(&self) -> Vec<BranchSources<'_>> {
        let mut sources = self.0.sources();
        let BranchModel { names, positions, n_outputs, model, .. } = &self.1;
        sources.push(BranchSources { names, positions, made_of: model.sources(), n_outputs: *n_outputs });
        sources
    }

    fn decided(&self) -> Vec<Decided> {
        let mut decided = self.0.decided();
        decided.extend(self.1.model.decided());
        decided
    }
}

pub(crate) fn shown(names: &[String]) -> String {
    let some: Vec<&str> = names.iter().take(4).map(String::as_str).collect();
    some.join(", ") + if names.len() > some.len() { ", …" } else { "" }
}

impl<B: Branches> Estimator for Columns<B> {
    type Input = Table;
    type Target = B::Target;
    type Model = ColumnsModel<B::Models>;

    fn fit_on(&self, train: &Train<'_, Table, B::Target>) -> Result<Self::Model> {
        Ok(self.fit_transform_on(train)?.0)
    }

    /// Each step says for its own columns whether they may be missing.
    fn capabilities(&self) -> Capabilities {
        let mut all = self.branches.capabilities().and(Capabilities::new().weights());
        (all.missing, all.categorical) = (true, true);
        all
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("Columns({})", self.branches.steps().join("; "))]
    }

    fn outline(&self) -> Vec<Outline> {
        vec![Outline::Branches(self.branches.outline())]
    }
}

impl<B: Branches> FitTransform for Columns<B> {
    fn fit_transform_on(&self, train: &Train<'_, Table, B::Target>) -> Result<(Self::Model, Matrix)> {
        self.check(train.x)?;
        let (models, outputs) = self.branches.fit(train)?;
        let model = ColumnsModel::new(models, self.is_sparse(&outputs));
        let x = model.side_by_side(outputs)?;
        Ok((model, x))
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        schema::side_by_side(self.branch_outputs(x)?, x)
    }
}

pub(crate) fn no_branches() -> Error {
    Error::unsupported("no step takes any column; add one with `.on(..)`")
}
