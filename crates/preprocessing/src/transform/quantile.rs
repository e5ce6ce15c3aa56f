//! By ranks: any distribution becomes uniform or normal.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param,
    Result, Train, Transformer,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_numeric::special::normal_quantiles;
use serde::{Deserialize, Serialize};

use super::ladder::Ladder;
use crate::cells::{by_column, map_rows};
use crate::decided;
use crate::schema;
use crate::stats::quantiles;

/// What the columns are to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputDistribution {
    /// Spread evenly over 0 to 1.
    #[default]
    Uniform,
    /// Standard normal; the ends are cut at the quantiles of 1e-7 and 1 - 1e-7.
    Normal,
}

/// Maps each value to the share of the training rows below it, or to the normal number with that share below it.
///
/// Shares are interpolated between quantiles; equal values get the middle of theirs; values beyond those seen get
/// the ends. Missing cells are left out and stay missing. A weight counts as copies of its row.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_quantiles` | 1000 | >= 2 | how many quantiles are kept |
/// | `output_distribution` | uniform | | what the columns are to look like |
/// | `subsample` | 10,000 | >= 2 | rows drawn to find the quantiles, where there are more and no weights |
/// | `seed` | that of the context | any | of the rows drawn |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::QuantileTransformer;
///
/// let x = Matrix::from(array![[1.0], [10.0], [100.0], [1e6], [1e9]]);
/// let ranks = QuantileTransformer::new().n_quantiles(5).fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(ranks.dense()?, array![[0.0], [0.25], [0.5], [0.75], [1.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantileTransformer {
    n_quantiles: usize,
    output_distribution: OutputDistribution,
    subsample: usize,
    seed: Option<u64>,
}

impl Default for QuantileTransformer {
    fn default() -> Self {
        let output_distribution = OutputDistribution::Uniform;
        QuantileTransformer { n_quantiles: 1000, output_distribution, subsample: 10_000, seed: None }
    }
}

const N_QUANTILES: Param =
    Param::integer("n_quantiles", "how many quantiles are kept").at_least(2.0).at_most(1_000_000.0);
const SUBSAMPLE: Param = Param::integer("subsample", "rows drawn to find the quantiles").at_least(2.0);

impl QuantileTransformer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_QUANTILES, SUBSAMPLE];

    /// To uniform columns, by 1000 quantiles.
    pub fn new() -> Self {
        QuantileTransformer::default()
    }

    /// How many quantiles are kept.
    #[must_use]
    pub fn n_quantiles(mut self, n_quantiles: usize) -> Self {
        self.n_quantiles = n_quantiles;
        self
    }

    /// What the columns are to look like.
    #[must_use]
    pub fn output_distribution(mut self, output_distribution: OutputDistribution) -> Self {
        self.output_distribution = output_distribution;
        self
    }

    /// Rows drawn to find the quantiles, where there are more.
    #[must_use]
    pub fn subsample(mut self, subsample: usize) -> Self {
        self.subsample = subsample;
        self
    }

    /// The seed of the rows drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self) -> Result<()> {
        N_QUANTILES.check_count(self.n_quantiles)?;
        SUBSAMPLE.check_count(self.subsample)
    }
}

impl Estimator for QuantileTransformer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = QuantileModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<QuantileModel> {
        self.check()?;
        let x = train.x.dense()?;
        let shares: Vec<f64> = shares(self.n_quantiles);
        let random = Random::new(train.ctx.seed(self.seed));
        let draw = |column: usize, n_rows: usize| random.fork(column as u64).sample(n_rows, self.subsample);
        let found =
            if train.weights.is_none() && x.nrows() > self.subsample && train.x.check_finite(false).is_ok() {
                // Only the rows that are drawn are looked at.
                reduce::map_each(x.ncols(), |column| {
                    train.ctx.check()?;
                    let cells = x.column(column);
                    let mut values = draw(column, x.nrows()).into_iter().map(|row| cells[row]).collect();
                    Ok(quantiles(&mut values, None, &shares))
                })
            } else {
                by_column(x, |column, values| {
                    train.ctx.check()?;
                    if train.weights.is_none() {
                        values.retain(|value| !value.is_nan());
                        if values.len() > self.subsample {
                            *values = draw(column, values.len()).into_iter().map(|row| values[row]).collect();
                        }
                    }
                    Ok(quantiles(values, train.weights, &shares))
                })
            };
        let found = found.into_iter().collect::<Result<Vec<_>>>()?;
        let mut all = Vec::with_capacity(found.len());
        for (found, name) in found.into_iter().zip(train.x.features().names()) {
            let Some(mut found) = found else {
                return Err(Error::insufficient_data(format!(
                    "every value of column `{name}` is missing, so it has no quantiles; leave it out, or impute it first"
                )));
            };
            // Interpolation rounds; a later quantile is never smaller.
            for place in 1..found.len() {
                found[place] = found[place].max(found[place - 1]);
            }
            all.push(found);
        }
        QuantileModel::new(train.x.features().clone(), all, self.output_distribution)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing()
    }
}

impl FitTransform for QuantileTransformer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        self.check()?;
        schema::same_columns(x)
    }
}

/// Evenly spaced shares from 0 to 1.
fn shares(n: usize) -> Vec<f64> {
    let step = 1.0 / (n - 1) as f64;
    (0..n).map(|place| if place + 1 == n { 1.0 } else { place as f64 * step }).collect()
}

/// A fitted [`QuantileTransformer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct QuantileModel {
    features: Features,
    quantiles: Vec<Vec<f64>>,
    output_distribution: OutputDistribution,
    #[serde(skip)]
    shares: Vec<f64>,
    #[serde(skip)]
    ladders: Vec<Ladder>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    quantiles: Vec<Vec<f64>>,
    output_distribution: OutputDistribution,
}

impl TryFrom<Parts> for QuantileModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        QuantileModel::new(parts.features, parts.quantiles, parts.output_distribution)
    }
}

/// Shares this near to 0 and 1 count as at the ends. scikit-learn takes numbers this near to the ends for the ends as well, whatever the
/// unit of the column; here they are told apart in any unit.
const EDGE: f64 = 1e-7;

impl QuantileModel {
    fn new(features: Features, quantiles: Vec<Vec<f64>>, output: OutputDistribution) -> Result<Self> {
        let n = quantiles.first().map_or(2, Vec::len);
        let rises = |column: &Vec<f64>| column.len() == n && column.windows(2).all(|pair| pair[0] <= pair[1]);
        let finite = quantiles.iter().flatten().all(|value| value.is_finite());
        if n < 2 || quantiles.len() != features.len() || !finite || !quantiles.iter().all(rises) {
            return Err(Error::corrupt("a quantile transform needs rising finite quantiles for each column"));
        }
        let ladders = quantiles.iter().cloned().map(Ladder::new).collect();
        Ok(QuantileModel { features, quantiles, output_distribution: output, shares: shares(n), ladders })
    }

    /// The quantiles of each column, in rising order.
    pub fn quantiles(&self) -> &[Vec<f64>] {
        &self.quantiles
    }

    /// The values with these shares of the rows below them.
    ///
    /// # Errors
    /// When the columns are not those it learned from.
    pub fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let last = self.shares.len() - 1;
        self.map(&x, |quantiles, value| {
            let share = match self.output_distribution {
                OutputDistribution::Uniform => value.clamp(0.0, 1.0),
                OutputDistribution::Normal => 0.5 * libm::erfc(-value / std::f64::consts::SQRT_2),
            };
            let place = share * last as f64;
            let low = (place.floor() as usize).min(last);
            let high = (low + 1).min(last);
            let quantiles = &quantiles.rungs;
            quantiles[low] + (quantiles[high] - quantiles[low]) * (place - low as f64)
        })
    }

    fn share(&self, quantiles: &Ladder, value: f64) -> f64 {
        let above = quantiles.above(value);
        let quantiles = &quantiles.rungs;
        if above == 0 {
            return 0.0;
        }
        let (low, q) = (above - 1, quantiles[above - 1]);
        if value == q {
            let first = quantiles[..above].partition_point(|quantile| *quantile < value);
            return 0.5 * (self.shares[low] + self.shares[first]);
        }
        match quantiles.get(above) {
            None => 1.0,
            Some(next) => {
                self.shares[low] + (self.shares[above] - self.shares[low]) * ((value - q) / (next - q))
            }
        }
    }

    fn map(&self, x: &Matrix, f: impl Fn(&Ladder, f64) -> f64 + Sync) -> Result<Matrix> {
        self.map_then(x, f, |_| ())
    }

    /// `f(quantiles of the column, cell)` of every cell, and `then` of some of them at a time, in place.
    fn map_then(
        &self,
        x: &Matrix,
        f: impl Fn(&Ladder, f64) -> f64 + Sync,
        then: impl Fn(&mut [f64]) + Sync,
    ) -> Result<Matrix> {
        let n_cols = self.features.len();
        map_rows(x, &self.features, |_, rows, out| {
            // A column at a time: its quantiles stay in the first cache.
            for (column, quantiles) in self.ladders.iter().enumerate() {
                let cells = rows.iter().skip(column).step_by(n_cols);
                let out = out.iter_mut().skip(column).step_by(n_cols);
                out.zip(cells)
                    .for_each(|(out, &cell)| *out = if cell.is_nan() { cell } else { f(quantiles, cell) });
            }
            then(out);
        })
    }
}

impl Transformer for QuantileModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let ends = |ladder: &Ladder| (ladder.rungs[0], ladder.rungs[ladder.rungs.len() - 1]);
        match self.output_distribution {
            OutputDistribution::Uniform => self.map(&x, |quantiles, value| {
                let (low, high) = ends(quantiles);
                // Of a constant column the lower end wins, as in scikit-learn.
                if value == low {
                    0.0
                } else if value == high {
                    1.0
                } else {
                    self.share(quantiles, value)
                }
            }),
            OutputDistribution::Normal => {
                // The shares whose quantiles are the ends.
                let (least, most) = (EDGE - f64::EPSILON, 1.0 - (EDGE - f64::EPSILON));
                let share = |quantiles: &Ladder, value: f64| {
                    let (low, high) = ends(quantiles);
                    if value <= low {
                        least
                    } else if value >= high {
                        most
                    } else {
                        self.share(quantiles, value).clamp(EDGE, 1.0 - EDGE)
                    }
                };
                self.map_then(&x, share, normal_quantiles)
            }
        }
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        crate::outputs::column_by_column(vec![1; self.features.len()])
    }

    fn decided(&self) -> Vec<Decided> {
        decided::of_columns(self, &self.features, "quantiles of the training rows", |column| {
            let rungs = &self.quantiles[column];
            let (low, high) =
                (rungs.first().copied().unwrap_or_default(), rungs.last().copied().unwrap_or_default());
            format!("numbers from {low} to {high} become their place among {} quantiles", rungs.len())
        })
    }
}
