//! The covariance of the half of the rows that lie closest together.

use ndarray::{Array1, Array2, ArrayRef2, Axis};
use perennial_core::{Context, Error, Estimator, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::linalg::{Cholesky, gram};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::distribution::{ChiSquared, Distribution};
use serde::{Deserialize, Serialize};

use super::model::CovarianceModel;
use crate::rows::row_major;
use crate::setters::setters;

pub(crate) const SUPPORT: Param =
    Param::real("support_fraction", "the share of the rows whose covariance is least")
        .above(0.0)
        .at_most(1.0);
pub(crate) const N_TRIALS: Param = Param::integer("n_trials", "how many starts are drawn")
    .at_least(1.0)
    .at_most(1e6)
    .search_log(50.0, 1000.0);
/// A column of which less than this share of the length is its own depends on the others.
const OWN: f64 = 1e-7;
/// Rows beyond this are searched in groups first.
const GROUP: usize = 300;
const MOST_GROUPS: usize = 5;
/// Starts that are followed to their end.
const KEPT: usize = 10;
/// Rows farther than all but this share of a Gaussian's are left out at the end.
const FAR: f64 = 0.025;

/// The minimum covariance determinant (Rousseeuw, 1985; FAST-MCD, Rousseeuw and Van Driessen, 1999): the mean and the
/// covariance of the rows that lie closest together, so that up to half of the rows may be anything.
///
/// Among all sets of `support_fraction` of the rows the one whose covariance has the least determinant is sought: from
/// draws of few rows, the rows nearest to their mean, as their covariance measures it, are taken again and again. For one
/// column the best set is found exactly. The covariance is made consistent for a Gaussian (Croux and Haesbroeck, 1999), rows
/// beyond its 97.5 % are left out, and mean and covariance are those of the others, made consistent again. Rows need not be scaled. Weights are
/// not taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `support_fraction` | (rows + columns + 1) / 2 of the rows | above 0, to 1 | the share of the rows whose covariance is least; more is less robust and less noisy |
/// | `assume_centered` | false | | whether the means of the columns are taken to be 0 |
/// | `n_trials` | 500 | 1 to 1e6 | how many starts are drawn |
/// | `seed` | from the context | | of the draws |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_models::MinCovDet;
///
/// let x = Array2::from_shape_fn((60, 2), |(i, j)| if i < 10 { 99.0 } else { ((i * (j + 2)) as f64).sin() });
/// let model = MinCovDet::new().fit(&Matrix::from(x), &NoTarget)?;
/// assert!(model.covariance().location()[0].abs() < 0.5);
/// assert!(!model.support()[3] && model.support()[30]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinCovDet {
    support_fraction: Option<f64>,
    assume_centered: bool,
    n_trials: usize,
    seed: Option<u64>,
}

impl Default for MinCovDet {
    fn default() -> Self {
        MinCovDet { support_fraction: None, assume_centered: false, n_trials: 500, seed: None }
    }
}

setters!(MinCovDet {
    /// Sets whether the means of the columns are taken to be 0.
    assume_centered: bool,
    /// Sets how many starts are drawn.
    n_trials: usize,
});

impl MinCovDet {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[SUPPORT, N_TRIALS];

    /// Sets the share of the rows whose covariance is least.
    #[must_use]
    pub fn support_fraction(mut self, support_fraction: f64) -> Self {
        self.support_fraction = Some(support_fraction);
        self
    }

    /// Sets what decides which rows are drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for MinCovDet {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = MinCovDetModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<MinCovDetModel> {
        self.support_fraction.map_or(Ok(()), |share| SUPPORT.check(share))?;
        N_TRIALS.check_count(self.n_trials)?;
        let x = train.x.dense()?;
        let (n, p) = x.dim();
        if p == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if n <= p {
            return Err(Error::insufficient_data(format!(
                "{n} rows of {p} columns; a covariance that is not singular needs more rows than columns"
            )));
        }
        let size = match self.support_fraction {
            None => (n + p + 1).div_ceil(2).min(n),
            Some(share) => ((share * n as f64) as usize).clamp(p + 1, n),
        };
        // In units in which no square overflows; the sets do not depend on them.
        let units: Vec<f64> = x
            .columns()
            .into_iter()
            .map(|column| {
                crate::rows::power_of_two(column.iter().fold(0.0, |most: f64, v| most.max(v.abs())))
            })
            .collect();
        let rows = Array2::from_shape_fn((n, p), |(i, j)| x[[i, j]] / units[j]);
        let search = Sets { centred: self.assume_centered };
        let random = Random::new(train.ctx.seed(self.seed)).stream("determinant");
        let best = match p {
            1 if !self.assume_centered => search.shortest(&rows, size)?,
            _ => search.find(&rows, size, self.n_trials, &random, &train.ctx)?,
        };
        let share = size as f64 / n as f64;
        let raw = &best.covariance * consistency(p, share)?;
        let distances = distances(&rows, &best.location, &raw)?;
        let limit = ChiSquared::new(p as f64)?.isf(FAR);
        let support: Vec<bool> = distances.iter().map(|distance| *distance < limit).collect();
        let kept: Vec<usize> = (0..n).filter(|&row| support[row]).collect();
        let (location, covariance) = search.moments(&rows, &kept);
        let covariance = covariance * consistency(p, 1.0 - FAR)?;
        let in_units = |location: &[f64], covariance: &Array2<f64>| {
            let location =
                location.iter().zip(&units).map(|(value, unit)| value * unit).collect::<Vec<f64>>();
            let covariance = Array2::from_shape_fn((p, p), |(i, j)| covariance[[i, j]] * units[i] * units[j]);
            CovarianceModel::new(train.x.features(), location, covariance, 0.0)
        };
        Ok(MinCovDetModel {
            raw: in_units(&best.location, &raw)?,
            covariance: in_units(&location, &covariance)?,
            support,
        })
    }
}

/// What the covariance of the given share of the rows nearest to the mean of a Gaussian is too small by.
fn consistency(p: usize, share: f64) -> Result<f64> {
    if share >= 1.0 {
        return Ok(1.0);
    }
    let reach = ChiSquared::new(p as f64)?.quantile(share);
    Ok(share / ChiSquared::new(p as f64 + 2.0)?.cdf(reach))
}

/// The squared distances of rows from a mean, as a covariance measures them.
fn distances(rows: &ArrayRef2<f64>, location: &[f64], covariance: &ArrayRef2<f64>) -> Result<Vec<f64>> {
    let lower = Cholesky::new(covariance).map_err(|_| on_a_plane())?.lower();
    let p = location.len();
    // Row i of the factor from i (i + 1) / 2 on.
    let lower: Vec<f64> =
        (0..p).flat_map(|i| (0..=i).map(move |k| (i, k))).map(|place| lower[place]).collect();
    let numbers = row_major(rows);
    let parts = reduce::map_chunks(rows.nrows(), 1024, |chunk| {
        let mut z = vec![0.0; p];
        let one = |row: &[f64]| {
            let (mut sum, mut first) = (0.0, 0);
            for i in 0..p {
                let own = &lower[first..=first + i];
                let known: f64 = own[..i].iter().zip(&z).map(|(l, z)| l * z).sum();
                z[i] = (row[i] - location[i] - known) / own[i];
                sum += z[i] * z[i];
                first += i + 1;
            }
            sum
        };
        numbers[chunk.start * p..chunk.end * p].chunks_exact(p).map(one).collect::<Vec<f64>>()
    });
    Ok(parts.concat())
}

fn on_a_plane() -> Error {
    Error::singular(
        "the rows that lie closest together lie on a plane, so their covariance is singular: remove columns that are constant or depend on others, or raise `support_fraction`",
    )
}

/// Some rows and what they say.
#[derive(Clone)]
struct Found {
    location: Vec<f64>,
    covariance: Array2<f64>,
    log_det: f64,
}

/// Searches for the set with the least determinant.
struct Sets {
    centred: bool,
}

impl Sets {
    fn moments(&self, rows: &ArrayRef2<f64>, kept: &[usize]) -> (Vec<f64>, Array2<f64>) {
        let mut own = rows.select(Axis(0), kept);
        let n = kept.len() as f64;
        let mut location: Array1<f64> = Array1::zeros(rows.ncols());
        if !self.centred {
            // Two passes: the second corrects the rounding of the first.
            for _ in 0..2 {
                let step = own.sum_axis(Axis(0)) / n;
                own -= &step;
                location += &step;
            }
        }
        (location.to_vec(), gram(&own, None) / n)
    }

    fn of(&self, rows: &ArrayRef2<f64>, kept: &[usize]) -> Option<Found> {
        let (location, covariance) = self.moments(rows, kept);
        // Columns at unit size, so that only dependence makes it singular.
        let roots = covariance.diag().mapv(f64::sqrt);
        let correlation =
            Array2::from_shape_fn(covariance.dim(), |(i, j)| covariance[[i, j]] / roots[i] / roots[j]);
        let lower = Cholesky::new(&correlation).ok()?.lower();
        let log_det = 2.0 * (lower.diag().mapv(f64::ln).sum() + roots.mapv(f64::ln).sum());
        let apart = lower.diag().iter().all(|own| *own > OWN);
        (apart && log_det.is_finite()).then_some(Found { location, covariance, log_det })
    }

    /// The `size` rows nearest to what was found.
    fn nearest(&self, rows: &ArrayRef2<f64>, from: &Found, size: usize) -> Result<Vec<usize>> {
        let distances = distances(rows, &from.location, &from.covariance)?;
        let mut order: Vec<usize> = (0..rows.nrows()).collect();
        if size < order.len() {
            order.select_nth_unstable_by(size - 1, |&a, &b| {
                distances[a].total_cmp(&distances[b]).then(a.cmp(&b))
            });
            order.truncate(size);
        }
        order.sort_unstable();
        Ok(order)
    }

    /// Steps from a set to the rows nearest to it, until the determinant falls no more.
    fn concentrate(
        &self,
        rows: &ArrayRef2<f64>,
        mut here: Found,
        size: usize,
        most: usize,
        ctx: &Context,
    ) -> Result<Option<Found>> {
        let mut last = f64::INFINITY;
        for _ in 0..most {
            ctx.check()?;
            let Ok(kept) = self.nearest(rows, &here, size) else { return Ok(None) };
            let Some(next) = self.of(rows, &kept) else { return Ok(None) };
            let settled = next.log_det >= last - 1e-12 * last.abs().max(1.0);
            last = next.log_det;
            here = next;
            if settled {
                break;
            }
        }
        Ok(Some(here))
    }

    /// The best few of what draws of few rows lead to in two steps.
    fn draws(
        &self,
        rows: &ArrayRef2<f64>,
        size: usize,
        n_trials: usize,
        random: &Random,
        ctx: &Context,
    ) -> Result<Vec<Found>> {
        let (n, p) = rows.dim();
        let one = |trial: usize| -> Result<Option<Found>> {
            let mut random = random.fork(trial as u64);
            let order = random.permutation(n);
            // More rows until they do not lie on a plane.
            let start = (p + 1..=n).find_map(|k| {
                let worth = k <= p + 5 || k.is_multiple_of(p + 1) || k == n;
                worth.then(|| self.of(rows, &order[..k])).flatten()
            });
            match start {
                Some(start) => self.concentrate(rows, start, size, 2, ctx),
                None => Ok(None),
            }
        };
        let found = reduce::try_map_each(n_trials, one)?;
        Ok(best(found.into_iter().flatten().collect(), KEPT))
    }

    /// From each of some sets on: the best of where they lead to.
    fn follow(
        &self,
        rows: &ArrayRef2<f64>,
        from: &[Found],
        size: usize,
        most: usize,
        ctx: &Context,
    ) -> Result<Vec<Found>> {
        let found =
            reduce::try_map_each(from.len(), |i| self.concentrate(rows, from[i].clone(), size, most, ctx))?;
        Ok(best(found.into_iter().flatten().collect(), KEPT))
    }

    fn find(
        &self,
        rows: &ArrayRef2<f64>,
        size: usize,
        n_trials: usize,
        random: &Random,
        ctx: &Context,
    ) -> Result<Found> {
        let n = rows.nrows();
        let candidates = if n < 2 * GROUP {
            self.draws(rows, size, n_trials, random, ctx)?
        } else {
            // The best of groups, on the groups together, then on all.
            let n_groups = (n / GROUP).min(MOST_GROUPS);
            let chosen = random.stream("groups").permutation(n);
            let length = (n / n_groups).min(GROUP);
            let scaled = |of: usize| (size * of).div_ceil(n);
            let mut found = Vec::new();
            for group in 0..n_groups {
                ctx.step(group, n_groups)?;
                let own = rows.select(Axis(0), &chosen[group * length..(group + 1) * length]);
                let stream = random.fork(group as u64);
                found.extend(self.draws(&own, scaled(length), n_trials.div_ceil(n_groups), &stream, ctx)?);
            }
            let merged = rows.select(Axis(0), &chosen[..n_groups * length]);
            self.follow(&merged, &found, scaled(n_groups * length), 2, ctx)?
        };
        let best = self.follow(rows, &candidates, size, 100, ctx)?;
        best.into_iter().next().ok_or_else(on_a_plane)
    }

    /// The run of sorted values with the least variance.
    fn shortest(&self, rows: &ArrayRef2<f64>, size: usize) -> Result<Found> {
        let mut order: Vec<usize> = (0..rows.nrows()).collect();
        order.sort_by(|&a, &b| rows[[a, 0]].total_cmp(&rows[[b, 0]]));
        let values: Vec<f64> = order.iter().map(|&row| rows[[row, 0]]).collect();
        // Sums around the middle keep the digits.
        let middle = values[values.len() / 2];
        let (mut sum, mut squares) = (0.0, 0.0);
        let mut least: Option<(f64, usize)> = None;
        for (end, value) in values.iter().map(|value| value - middle).enumerate() {
            sum += value;
            squares += value * value;
            if end >= size {
                let gone = values[end - size] - middle;
                sum -= gone;
                squares -= gone * gone;
            }
            if end + 1 >= size {
                let spread = squares - sum * sum / size as f64;
                if least.is_none_or(|(best, _)| spread < best) {
                    least = Some((spread, end + 1 - size));
                }
            }
        }
        let first = least.map_or(0, |(_, first)| first);
        self.of(rows, &order[first..first + size]).ok_or_else(on_a_plane)
    }
}

/// The first few by their determinant; of equal ones the earlier.
fn best(mut found: Vec<Found>, most: usize) -> Vec<Found> {
    found.sort_by(|a, b| a.log_det.total_cmp(&b.log_det));
    found.truncate(most);
    found
}

/// A covariance that few rows do not decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinCovDetModel {
    raw: CovarianceModel,
    covariance: CovarianceModel,
    support: Vec<bool>,
}

impl MinCovDetModel {
    /// Mean and covariance of the rows that are not far, made consistent.
    pub fn covariance(&self) -> &CovarianceModel {
        &self.covariance
    }

    /// Mean and covariance of the rows with the least determinant, made consistent.
    pub fn raw(&self) -> &CovarianceModel {
        &self.raw
    }

    /// Whether each training row counted in the end.
    pub fn support(&self) -> &[bool] {
        &self.support
    }
}
