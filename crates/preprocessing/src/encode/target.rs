//! The mean of the target in each category.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use perennial_core::{
    Capabilities, Classes, Decided, Error, Estimator, Feature, Features, FitTransform, Matrix, OutputSchema,
    Param, Result, Train, Transformer, Values,
};
use perennial_data::Table;
use perennial_numeric::folds::assign;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::statistics::{Column, EncodingTarget, Rest, Sums};
use super::table::coded_matrix;
use super::unlearned::{several, unlearned};
use crate::categories::{Levels, Unknown, count};
use crate::decided;
use crate::moments::Moments;

/// Which other rows the code of a training row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scheme {
    /// Those outside its own one of so many folds; rows of one group share a fold.
    CrossFit(usize),
    /// All others (leave one out).
    LeaveOneOut,
    /// Those before it in a random order (the ordered statistics of CatBoost; Prokhorenkova and others, 2018).
    Ordered,
}

/// How strongly a category with few rows is drawn to the mean of all.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// By the variance within the category beside that of all rows (empirical Bayes; Micci-Barreca, 2001).
    #[default]
    Auto,
    /// As if so many more rows had the mean of all.
    Rows(f64),
    /// By the variance within the category beside that of all rows, however many rows it has, and not at all where there are
    /// three categories or fewer (the estimator of James and Stein for unequal variances; Efron and Morris, 1975).
    JamesStein,
}

impl Smoothing {
    pub(super) fn check(self) -> Result<()> {
        match self {
            Smoothing::Auto | Smoothing::JamesStein => Ok(()),
            Smoothing::Rows(rows) => ROWS.check(rows),
        }
    }

    fn mean(self, own: Sums, all: Sums, n_categories: usize) -> f64 {
        let prior = all.mean();
        if own.weight <= 0.0 {
            return prior;
        }
        match self {
            Smoothing::Rows(rows) => (own.sum + rows * prior) / (own.weight + rows),
            Smoothing::JamesStein => {
                let (within, spread) = (own.sample_variance(), all.sample_variance());
                let most =
                    n_categories.saturating_sub(3) as f64 / n_categories.saturating_sub(1).max(1) as f64;
                let share = if within > 0.0 { within / (spread + within) * most } else { 0.0 };
                (1.0 - share) * own.mean() + share * prior
            }
            Smoothing::Auto => {
                let (spread, within) = (all.variance() * own.weight, own.variance());
                let share = if spread + within > 0.0 { spread / (spread + within) } else { 1.0 };
                share * own.mean() + (1.0 - share) * prior
            }
        }
    }
}

/// Replaces each category by the mean of the target in it.
///
/// In a pipeline the code of a training row never comes from its own target (see `scheme`); of other rows it comes
/// from all training rows. Each column gives one column of the same name, or for a target of more than two classes
/// one per class, `column of class`. Missing cells are a category of their own.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `scheme` | five folds | 2 folds or more | which other rows the code of a training row comes from |
/// | `smoothing` | auto | rows >= 0, James and Stein | how strongly a category with few rows is drawn to the mean of all |
/// | `unknown` | ignore | | whether a category that was not there at fit is an error, or gets the mean of all |
/// | `seed` | that of the context | any | of the folds or the order |
///
/// ```
/// use perennial_core::{FitTransform, Train, Transformer, Values};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::{Smoothing, TargetEncoder};
///
/// let table = Table::new([("city", Column::text(["Rome", "Rome", "Oslo", "Oslo"]))])?;
/// let prices = Values::from(vec![10.0, 30.0, 1.0, 3.0]);
/// let encoder = TargetEncoder::of_values().smoothing(Smoothing::Rows(0.0)).leave_one_out();
/// let (model, x) = encoder.fit_transform_on(&Train::new(&table, &prices))?;
/// assert_eq!(x.dense()?, ndarray::array![[30.0], [10.0], [3.0], [1.0]]);
/// assert_eq!(model.transform(&table)?.dense()?, ndarray::array![[20.0], [20.0], [2.0], [2.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct TargetEncoder<Y = Values> {
    scheme: Scheme,
    smoothing: Smoothing,
    pub(super) unknown: Unknown,
    seed: Option<u64>,
    #[serde(skip)]
    target: PhantomData<fn() -> Y>,
}

impl<Y> Default for TargetEncoder<Y> {
    fn default() -> Self {
        TargetEncoder {
            scheme: Scheme::CrossFit(5),
            smoothing: Smoothing::Auto,
            unknown: Unknown::Ignore,
            seed: None,
            target: PhantomData,
        }
    }
}

pub(super) const FOLDS: Param =
    Param::integer("folds", "how many folds rows are dealt to").at_least(2.0).at_most(1000.0);
const CROSS_FIT: Param =
    Param::integer("cross_fit", "how many folds rows are dealt to").at_least(2.0).at_most(1000.0);
const ROWS: Param =
    Param::real("rows", "rows that count as having the mean of all").at_least(0.0).search_log(0.1, 1000.0);

impl TargetEncoder<Values> {
    /// Means of a target of numbers.
    pub fn of_values() -> Self {
        TargetEncoder::default()
    }
}

impl TargetEncoder<Classes> {
    /// Shares of the classes of a target.
    pub fn of_classes() -> Self {
        TargetEncoder::default()
    }
}

setters!(TargetEncoder<Y> { unknown, seed });

impl<Y> TargetEncoder<Y> {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[CROSS_FIT, ROWS];

    /// The code of a training row comes from the rows outside its own of so many folds.
    #[must_use]
    pub fn cross_fit(mut self, folds: usize) -> Self {
        self.scheme = Scheme::CrossFit(folds);
        self
    }

    /// The code of a training row comes from all others.
    #[must_use]
    pub fn leave_one_out(mut self) -> Self {
        self.scheme = Scheme::LeaveOneOut;
        self
    }

    /// The code of a training row comes from those before it in a random order, as in CatBoost.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.scheme = Scheme::Ordered;
        self
    }

    /// How strongly a category with few rows is drawn to the mean of all.
    #[must_use]
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = smoothing;
        self
    }
}

impl<Y: EncodingTarget> Estimator for TargetEncoder<Y> {
    type Input = Table;
    type Target = Y;
    type Model = TargetModel;

    fn fit_on(&self, train: &Train<'_, Table, Y>) -> Result<TargetModel> {
        Ok(learn(train, self.plan(train)?, &|own, all, about| self.code(own, all, about), false)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().groups()
    }
}

impl<Y: EncodingTarget> TargetEncoder<Y> {
    pub(super) fn check(&self) -> Result<()> {
        match self.scheme {
            Scheme::CrossFit(folds) => CROSS_FIT.check_count(folds)?,
            Scheme::LeaveOneOut | Scheme::Ordered => {}
        }
        self.smoothing.check()
    }

    pub(super) fn code(&self, own: Sums, all: Sums, about: About) -> f64 {
        about.origin + self.smoothing.mean(own, all, about.n_categories)
    }

    fn plan(&self, train: &Train<'_, Table, Y>) -> Result<Plan> {
        self.check()?;
        Plan::new(self.scheme, self.unknown, self.seed, train)
    }
}

impl<Y: EncodingTarget> FitTransform for TargetEncoder<Y> {
    fn fit_transform_on(&self, train: &Train<'_, Table, Y>) -> Result<(TargetModel, Matrix)> {
        learn(train, self.plan(train)?, &|own, all, about| self.code(own, all, about), true)
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        match Y::ONE_OUTPUT {
            true => unlearned(x, vec![None], self.unknown),
            false => several(self, x),
        }
    }
}

/// How the rows are to be kept from their own target.
pub(super) struct Plan {
    rest: Rest,
    unknown: Unknown,
}

impl Plan {
    pub(super) fn new<Y: EncodingTarget>(
        scheme: Scheme,
        unknown: Unknown,
        seed: Option<u64>,
        train: &Train<'_, Table, Y>,
    ) -> Result<Plan> {
        let n_rows = train.x.n_rows();
        let seed = train.ctx.seed(seed);
        if train.groups.is_some() && !matches!(scheme, Scheme::CrossFit(_)) {
            return Err(Error::unsupported(
                "the rows have groups, and only `cross_fit` keeps a row from the targets of its group; choose it, or fit without groups",
            ));
        }
        let rest = match scheme {
            Scheme::LeaveOneOut => Rest::Others,
            Scheme::Ordered => Rest::Before(Random::new(seed).permutation(n_rows)),
            Scheme::CrossFit(folds) => {
                FOLDS.check_count(folds)?;
                Rest::Folds(assign(n_rows, folds, None, train.groups, seed), folds)
            }
        };
        Ok(Plan { rest, unknown })
    }
}

/// The model, and the codes of the training rows where they are wanted. A category becomes
/// `code(its sums, those of all rows, what else there is to know)`.
pub(super) fn learn<Y: EncodingTarget>(
    train: &Train<'_, Table, Y>,
    plan: Plan,
    code: &(impl Fn(Sums, Sums, About) -> f64 + Sync),
    transform: bool,
) -> Result<(TargetModel, Matrix)> {
    let mut outputs = train.y.outputs();
    // Relative to their means, so that sums of squares keep the digits of a target far from zero.
    let origins: Vec<f64> = outputs.iter_mut().map(|(_, values)| centre(values, train.weights)).collect();
    check_origins(&origins)?;
    let names: Vec<&str> = train.x.names().collect();
    let learned = reduce::try_map_each(names.len(), |position| {
        train.ctx.check()?;
        let name = names[position];
        let counted = count(name, train.x.column(name)?, train.weights)?;
        let mut of_outputs = Vec::with_capacity(outputs.len());
        let mut own = Vec::new();
        let n_levels = counted.levels.len();
        let n_categories = n_levels + usize::from(counted.missing > 0.0);
        for ((label, target), &origin) in outputs.iter().zip(&origins) {
            let about = About { origin, n_categories, is_alone: label.is_none() };
            let code = |own, all| code(own, all, about);
            let column = Column { codes: &counted.codes, n_levels, target, weights: train.weights };
            of_outputs.push(column.codes(&code));
            if transform {
                own.push(column.own_codes(&plan.rest, &code));
            }
        }
        Ok((Encoded { name: name.into(), levels: counted.levels, codes: of_outputs }, own))
    })?;
    let (columns, own): (Vec<Encoded>, Vec<_>) = learned.into_iter().unzip();
    let labels = outputs.into_iter().map(|(label, _)| label).collect();
    let model = TargetModel::new(columns, labels, plan.unknown)?;
    let own: Vec<Vec<f64>> = own.into_iter().flatten().collect();
    let out = if transform {
        coded_matrix(train.x, &model.output, |row, out| {
            out.iter_mut().zip(&own).for_each(|(out, codes)| *out = codes[row]);
        })?
    } else {
        Matrix::from(Array2::zeros((0, model.output.len())))
    };
    Ok((model, out))
}

/// Subtracts the weighted mean, and gives it; as [`fit_batches`](FitBatches::fit_batches) finds it.
fn centre(values: &mut [f64], weights: Option<&[f64]>) -> f64 {
    let mean = Moments::of(&ArrayView2::from(values.as_chunks::<1>().0), weights).mean[0];
    values.iter_mut().for_each(|value| *value -= mean);
    mean
}

pub(super) fn check_origins(origins: &[f64]) -> Result<()> {
    match origins.iter().find(|origin| !origin.is_finite()) {
        None => Ok(()),
        Some(origin) => Err(Error::overflow(format!(
            "the mean of the target is {origin}; divide the target by a power of ten first"
        ))),
    }
}

/// What a code may depend on beside the rows of its category and of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// What sums are relative to: the mean of the target.
    pub(super) origin: f64,
    /// How many categories the column has, missing cells being one.
    pub(super) n_categories: usize,
    /// Whether the target has no other output.
    pub(super) is_alone: bool,
}

/// The codes of the categories of one column: a list for each output, with those of missing cells and of unknown
/// categories at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Encoded {
    pub(super) name: Arc<str>,
    pub(super) levels: Levels,
    pub(super) codes: Vec<Vec<f64>>,
}

/// A fitted [`TargetEncoder`], [`QuantileEncoder`](super::QuantileEncoder) or [`WoeEncoder`](super::WoeEncoder).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TargetModel {
    columns: Vec<Encoded>,
    labels: Vec<Option<String>>,
    unknown: Unknown,
    #[serde(skip)]
    output: Features,
}

#[derive(Deserialize)]
struct Parts {
    columns: Vec<Encoded>,
    labels: Vec<Option<String>>,
    unknown: Unknown,
}

impl TryFrom<Parts> for TargetModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        TargetModel::new(parts.columns, parts.labels, parts.unknown)
    }
}

impl TargetModel {
    pub(super) fn new(columns: Vec<Encoded>, labels: Vec<Option<String>>, unknown: Unknown) -> Result<Self> {
        let sound = |column: &Encoded| {
            column.codes.len() == labels.len()
                && column.codes.iter().all(|codes| codes.len() == column.levels.len() + 2)
        };
        if !columns.iter().all(sound) {
            return Err(Error::corrupt("a target encoder has a category without a code"));
        }
        if columns.iter().any(|column| column.codes.iter().flatten().any(|code| !code.is_finite())) {
            return Err(Error::overflow(
                "the codes of categories leave the range of f64; divide the target by a power of ten first",
            ));
        }
        let feature = |column: &Encoded| {
            let name = column.name.clone();
            labels
                .iter()
                .map(move |label| match label {
                    None => Feature::numeric(name.clone()),
                    Some(label) => Feature::numeric(format!("{name} of {label}")),
                })
                .collect::<Vec<_>>()
        };
        let output = columns.iter().flat_map(feature).collect::<Vec<_>>().try_into()?;
        Ok(TargetModel { columns, labels, unknown, output })
    }

    pub(super) fn output(&self) -> &Features {
        &self.output
    }

    /// What a category becomes, one number for each output; nothing for a category that was not there at fit.
    ///
    /// # Errors
    /// When the encoder did not learn from such a column.
    pub fn code(&self, column: &str, category: &str) -> Result<Option<Vec<f64>>> {
        let found = self.columns.iter().find(|known| &*known.name == column);
        let column = found.ok_or_else(|| {
            Error::unknown(format!("the encoder did not learn from a column named `{column}`"))
        })?;
        let position = column.levels.position(category);
        Ok(position.map(|position| column.codes.iter().map(|codes| codes[position as usize]).collect()))
    }
}

impl Transformer for TargetModel {
    type Input = Table;
    type Output = Matrix;

    fn transform(&self, x: &Table) -> Result<Matrix> {
        let look_up =
            |column: &Encoded| column.levels.places(&column.name, x.column(&column.name)?, self.unknown);
        let places = self.columns.iter().map(look_up).collect::<Result<Vec<_>>>()?;
        coded_matrix(x, &self.output, |row, out| {
            let codes = self.columns.iter().zip(&places).flat_map(|(column, places)| {
                column.codes.iter().map(move |codes| codes[places[row] as usize])
            });
            out.iter_mut().zip(codes).for_each(|(out, code)| *out = code);
        })
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(self.columns.iter().map(|column| column.codes.len()))
    }

    fn decided(&self) -> Vec<Decided> {
        let code = |column: &Encoded| {
            let (names, codes) = (column.levels.names(), &column.codes);
            let of = |at: usize| {
                let codes: Vec<String> = codes.iter().map(|codes| codes[at].to_string()).collect();
                format!("`{}` {}", names[at], codes.join(" / "))
            };
            let pairs = decided::list((0..names.len()).map(of));
            let why = "the target of the training rows with each";
            Decided::by(self, format!("categories become {pairs}"), why).column(&*column.name)
        };
        self.columns.iter().map(code).collect()
    }
}
