//! Quantiles of the target in each category.

use perennial_core::{
    Capabilities, Error, Estimator, FitTransform, Matrix, OutputSchema, Param, Result, Train, Values,
};
use perennial_data::Table;
use perennial_numeric::folds::assign;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::table::coded_matrix;
use super::target::{Encoded, FOLDS, TargetModel};
use super::unlearned::unlearned;
use crate::categories::{Counted, MISSING, Unknown, count};
use crate::stats::quantiles;

/// Replaces each category by quantiles of the target in it (Mougan, Masip, Nin and Pujol, 2021).
///
/// In a pipeline the code of a training row comes from the rows of other folds; rows of one group share a fold. A
/// single quantile gives one column of the same name, several give one each, `column of quantile 0.25`. Missing
/// cells are a category of their own. A quantile among few rows is drawn to that of all: it is `(n q + m p) / (n + m)`
/// of n rows with the quantile q, where that of all is p.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `quantiles` | 0.5 | 0 to 1, rising | which quantiles |
/// | `m` | 1 | >= 0 | rows that count as having the quantile of all |
/// | `folds` | 5 | 2 to 1000 | how many folds rows are dealt to |
/// | `unknown` | ignore | | whether a category that was not there at fit is an error, or gets the quantile of all |
/// | `seed` | that of the context | any | of the folds |
///
/// ```
/// use perennial_core::{Estimator, Transformer, Values};
/// use perennial_data::{Column, Table};
/// use perennial_preprocessing::QuantileEncoder;
///
/// let table = Table::new([("city", Column::text(["Rome", "Rome", "Rome", "Oslo"]))])?;
/// let prices = Values::from(vec![10.0, 30.0, 500.0, 1.0]);
/// let model = QuantileEncoder::new().m(0.0).fit(&table, &prices)?;
/// assert_eq!(model.code("city", "Rome")?, Some(vec![30.0]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileEncoder {
    quantiles: Vec<f64>,
    m: f64,
    folds: usize,
    unknown: Unknown,
    seed: Option<u64>,
}

impl Default for QuantileEncoder {
    fn default() -> Self {
        QuantileEncoder { quantiles: vec![0.5], m: 1.0, folds: 5, unknown: Unknown::Ignore, seed: None }
    }
}

const QUANTILE: Param = Param::real("quantiles", "quantiles of the target").at_least(0.0).at_most(1.0);
const M: Param =
    Param::real("m", "rows that count as having the quantile of all").at_least(0.0).search_log(0.1, 1000.0);

/// More would be a histogram.
const MOST_QUANTILES: usize = 100;

setters!(QuantileEncoder { folds, unknown, seed });

impl QuantileEncoder {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[QUANTILE, M, FOLDS];

    /// The median.
    pub fn new() -> Self {
        QuantileEncoder::default()
    }

    /// The quartiles: 0.25, 0.5 and 0.75.
    pub fn summary() -> Self {
        QuantileEncoder::new().quantiles([0.25, 0.5, 0.75])
    }

    /// Which quantiles.
    #[must_use]
    pub fn quantiles(mut self, quantiles: impl IntoIterator<Item = f64>) -> Self {
        self.quantiles = quantiles.into_iter().collect();
        self
    }

    /// Rows that count as having the quantile of all.
    #[must_use]
    pub fn m(mut self, m: f64) -> Self {
        self.m = m;
        self
    }

    fn check(&self) -> Result<()> {
        self.quantiles.iter().try_for_each(|quantile| QUANTILE.check(*quantile))?;
        let rising = self.quantiles.is_sorted_by(|a, b| a < b);
        if !rising || self.quantiles.is_empty() || self.quantiles.len() > MOST_QUANTILES {
            return Err(Error::unsupported(format!(
                "the quantiles are {:?}; give 1 to {MOST_QUANTILES} of them, in rising order",
                &self.quantiles[..self.quantiles.len().min(8)]
            )));
        }
        M.check(self.m)?;
        FOLDS.check_count(self.folds)
    }

    /// What tells the columns apart that a column becomes.
    fn labels(&self) -> Vec<Option<String>> {
        match self.quantiles.as_slice() {
            [_] => vec![None],
            several => several.iter().map(|quantile| Some(format!("quantile {quantile}"))).collect(),
        }
    }

    fn run(&self, train: &Train<'_, Table, Values>, transform: bool) -> Result<(TargetModel, Matrix)> {
        self.check()?;
        let n_rows = train.x.n_rows();
        let folds = match transform {
            true => assign(n_rows, self.folds, None, train.groups, train.ctx.seed(self.seed)),
            false => Vec::new(),
        };
        let names: Vec<&str> = train.x.names().collect();
        let learned = reduce::try_map_each(names.len(), |position| {
            let name = names[position];
            let counted = count(name, train.x.column(name)?, train.weights)?;
            let rows = Grouped::new(&counted, train);
            let codes = self.codes(&rows, |_| true);
            let mut own = vec![vec![0.0; if transform { n_rows } else { 0 }]; self.quantiles.len()];
            for fold in 0..if transform { self.folds } else { 0 } {
                train.ctx.check()?;
                let codes = self.codes(&rows, |row| folds[row] != fold);
                for row in (0..n_rows).filter(|&row| folds[row] == fold) {
                    own.iter_mut().zip(&codes).for_each(|(own, codes)| own[row] = codes[rows.places[row]]);
                }
            }
            Ok((Encoded { name: name.into(), levels: counted.levels, codes }, own))
        })?;
        let (columns, own): (Vec<Encoded>, Vec<_>) = learned.into_iter().unzip();
        let model = TargetModel::new(columns, self.labels(), self.unknown)?;
        let own: Vec<Vec<f64>> = own.into_iter().flatten().collect();
        let x = match transform {
            true => coded_matrix(train.x, model.output(), |row, out| {
                out.iter_mut().zip(&own).for_each(|(out, codes)| *out = codes[row]);
            })?,
            false => Matrix::from(ndarray::Array2::zeros((0, model.output().len()))),
        };
        Ok((model, x))
    }

    /// For each quantile, the code of each category, of missing cells and of unknown categories, from some rows.
    fn codes(&self, rows: &Grouped<'_>, counts: impl Fn(usize) -> bool) -> Vec<Vec<f64>> {
        let prior = rows.quantiles(&rows.order, &self.quantiles, &counts);
        // Without any row there is nothing to tell.
        let prior = prior.map_or_else(|| vec![0.0; self.quantiles.len()], |(found, _)| found);
        let mut codes = vec![Vec::with_capacity(rows.ends.len() + 1); self.quantiles.len()];
        let mut start = 0;
        for &end in &rows.ends {
            let own = rows.quantiles(&rows.order[start..end], &self.quantiles, &counts);
            start = end;
            for (position, codes) in codes.iter_mut().enumerate() {
                codes.push(match &own {
                    None => prior[position],
                    Some((found, weight)) => {
                        // As shares, since sums of huge numbers leave the range.
                        let share = weight / (weight + self.m);
                        found[position] * share + prior[position] * (1.0 - share)
                    }
                });
            }
        }
        codes.iter_mut().zip(prior).for_each(|(codes, prior)| codes.push(prior));
        codes
    }
}

/// The rows of one column, those of a category next to each other.
struct Grouped<'a> {
    /// The category of each row; missing cells after all others.
    places: Vec<usize>,
    /// Rows that count, category by category.
    order: Vec<usize>,
    /// Where each category ends in `order`.
    ends: Vec<usize>,
    target: &'a [f64],
    weights: Option<&'a [f64]>,
}

impl<'a> Grouped<'a> {
    fn new(counted: &Counted, train: &Train<'a, Table, Values>) -> Self {
        let missing = counted.levels.len();
        let place = |&code: &u32| if code == MISSING { missing } else { code as usize };
        let places: Vec<usize> = counted.codes.iter().map(place).collect();
        let mut ends = vec![0; missing + 1];
        let weighs = |row: &usize| train.weight(*row) > 0.0;
        (0..places.len()).filter(weighs).for_each(|row| ends[places[row]] += 1);
        let mut next = 0;
        let mut starts: Vec<usize> = Vec::with_capacity(ends.len());
        for end in &mut ends {
            starts.push(next);
            next += *end;
            *end = next;
        }
        let mut order = vec![0; next];
        for row in (0..places.len()).filter(weighs) {
            order[starts[places[row]]] = row;
            starts[places[row]] += 1;
        }
        Grouped { places, order, ends, target: train.y.as_slice(), weights: train.weights }
    }

    /// Quantiles of the target in those of `rows` that count, and their weight.
    fn quantiles(
        &self,
        rows: &[usize],
        shares: &[f64],
        counts: &impl Fn(usize) -> bool,
    ) -> Option<(Vec<f64>, f64)> {
        let kept = || rows.iter().copied().filter(|&row| counts(row));
        let mut values: Vec<f64> = kept().map(|row| self.target[row]).collect();
        let weights: Option<Vec<f64>> = self.weights.map(|weights| kept().map(|row| weights[row]).collect());
        let weight = weights.as_ref().map_or(values.len() as f64, |weights| weights.iter().sum());
        Some((quantiles(&mut values, weights.as_deref(), shares)?, weight))
    }
}

impl Estimator for QuantileEncoder {
    type Input = Table;
    type Target = Values;
    type Model = TargetModel;

    fn fit_on(&self, train: &Train<'_, Table, Values>) -> Result<TargetModel> {
        Ok(self.run(train, false)?.0)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().groups()
    }
}

impl FitTransform for QuantileEncoder {
    fn fit_transform_on(&self, train: &Train<'_, Table, Values>) -> Result<(TargetModel, Matrix)> {
        self.run(train, true)
    }

    fn transform_schema(&self, x: &Table) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        unlearned(x, self.labels(), self.unknown)
    }
}
