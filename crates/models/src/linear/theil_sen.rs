//! The line in the middle of all lines through few rows.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use perennial_core::{Context, Error, Estimator, Matrix, Param, Result, Rows, Train, Values};
use perennial_numeric::linalg::{Cholesky, Qr};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::iterative::{IterativeLinearModel, Search};
use super::ransac::median;
use crate::setters::setters;

const MAX_SUBPOPULATION: Param = Param::integer("max_subpopulation", "how many groups of rows at most")
    .at_least(1.0)
    .at_most(1e7)
    .search_log(1e3, 1e5);
const N_SUBSAMPLES: Param =
    Param::integer("n_subsamples", "how many rows each line goes through").at_least(1.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps towards the middle").at_least(1.0);
const TOLERANCE: Param =
    Param::real("tolerance", "the imbalance at which to stop, as a share of the lines").at_least(0.0);
/// Lines that are fitted between two looks at whether to stop.
const BATCH: usize = 256;

/// The Theil-Sen line (Theil, 1950; Sen, 1968; for several features Dang, Peng, Wang and Zhang, 2008): the spatial median of
/// the least-squares lines through groups of few rows. Up to 29 % of the rows of one feature may be anything.
///
/// All groups are taken where there are no more than `max_subpopulation`, else as many drawn at random. The median makes
/// the sum of distances to all lines, in the space of coefficients, least; so it depends on the units of the features.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `max_subpopulation` | 10000 | 1 to 1e7 | how many groups of rows at most |
/// | `n_subsamples` | coefficients to find | 1 to the rows | how many rows each line goes through: more is less robust and less noisy |
/// | `fit_intercept` | true | | whether the line may miss the origin |
/// | `max_iter` | 300 | >= 1 | the most steps towards the middle |
/// | `tolerance` | 1e-9 | >= 0 | the imbalance of the directions to all lines at which to stop, as a share of the lines |
/// | `seed` | from the context | | of what is drawn |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, Values};
/// use perennial_models::TheilSenRegressor;
///
/// let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]);
/// let y = Values::from(vec![1.0, 3.0, 5.0, 7.0, 9.0, 500.0]);
/// let model = TheilSenRegressor::new().fit(&x, &y)?;
/// assert!((model.coefficients()[0] - 2.0).abs() < 1e-9);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TheilSenRegressor {
    max_subpopulation: usize,
    n_subsamples: Option<usize>,
    fit_intercept: bool,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for TheilSenRegressor {
    fn default() -> Self {
        TheilSenRegressor {
            max_subpopulation: 10_000,
            n_subsamples: None,
            fit_intercept: true,
            max_iter: 300,
            tolerance: 1e-9,
            seed: None,
        }
    }
}

setters!(TheilSenRegressor {
    /// Sets how many groups of rows there are at most.
    max_subpopulation: usize,
    /// Sets whether the line may miss the origin.
    fit_intercept: bool,
    /// Sets the most steps towards the middle.
    max_iter: usize,
    /// Sets the imbalance at which to stop, as a share of the lines.
    tolerance: f64,
});

impl TheilSenRegressor {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[MAX_SUBPOPULATION, N_SUBSAMPLES, MAX_ITER, TOLERANCE];

    /// Sets how many rows each line goes through.
    #[must_use]
    pub fn n_subsamples(mut self, n_subsamples: usize) -> Self {
        self.n_subsamples = Some(n_subsamples);
        self
    }

    /// Sets what decides which rows are drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for TheilSenRegressor {
    type Input = Matrix;
    type Target = Values;
    type Model = IterativeLinearModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<IterativeLinearModel> {
        MAX_SUBPOPULATION.check_count(self.max_subpopulation)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let (n_rows, n_features) = (train.x.n_rows(), train.x.n_cols());
        let unknowns = n_features + usize::from(self.fit_intercept);
        // With fewer rows than unknowns there is one group: all of them.
        let size = self.n_subsamples.unwrap_or(unknowns.min(n_rows));
        N_SUBSAMPLES.check_count(size)?;
        if n_features == 0 {
            return Err(Error::empty("the matrix has no columns"));
        }
        if size > n_rows || size < unknowns.min(n_rows) {
            return Err(Error::invalid_param(
                "n_subsamples",
                size,
                format!("from {} to {n_rows}, the number of rows", unknowns.min(n_rows)),
            ));
        }
        let all = combinations(n_rows, size, self.max_subpopulation);
        let n_groups = all.as_ref().map_or(self.max_subpopulation, Vec::len);
        let random = Random::new(train.ctx.seed(self.seed)).stream("theil-sen");
        let x = train.x.dense()?;
        let y = train.y.as_slice();
        let one = |group: usize| -> Result<Vec<f64>> {
            let rows = match &all {
                Some(all) => all[group].clone(),
                None => random.fork(group as u64).sample(n_rows, size),
            };
            let own: Array1<f64> = rows.iter().map(|&row| y[row]).collect();
            let fit =
                Qr::new(&x.select(Axis(0), &rows), &own.insert_axis(Axis(1)), None, self.fit_intercept)?;
            let fit = fit.solve()?;
            let mut line = fit.coefficients.column(0).to_vec();
            line.extend(self.fit_intercept.then_some(fit.intercept[0]));
            Ok(line)
        };
        let lines = reduce::try_map_chunks(n_groups, BATCH, |groups| {
            train.ctx.check()?;
            groups.map(one).collect::<Result<Vec<_>>>()
        })?;
        let lines: Vec<f64> = lines.into_iter().flatten().flatten().collect();
        let (mut middle, search) =
            spatial_median(&lines, unknowns, self.max_iter, self.tolerance, &train.ctx)?;
        let intercept = if self.fit_intercept { middle.pop().unwrap_or_default() } else { 0.0 };
        IterativeLinearModel::new(train.x.features(), middle, intercept, search)
    }
}

/// All groups of `size` rows, if there are no more than `most`.
fn combinations(n_rows: usize, size: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    let mut count = 1.0_f64;
    for k in 0..size {
        count *= (n_rows - k) as f64 / (k + 1) as f64;
    }
    if count > most as f64 + 0.5 {
        return None;
    }
    let mut group: Vec<usize> = (0..size).collect();
    let mut all = vec![group.clone()];
    while let Some(place) = (0..size).rev().find(|&place| group[place] < n_rows - size + place) {
        group[place] += 1;
        for later in place + 1..size {
            group[later] = group[later - 1] + 1;
        }
        all.push(group.clone());
    }
    Some(all)
}

/// The point whose distances to all points sum to the least: Weiszfeld's steps with Vardi and Zhang's (2000) rule for
/// points that it meets, and Newton's where they bring more.
fn spatial_median(
    points: &[f64],
    width: usize,
    max_iter: usize,
    tolerance: f64,
    ctx: &Context,
) -> Result<(Vec<f64>, Search)> {
    let n = points.len() / width;
    let column = |j: usize| points.chunks_exact(width).map(|point| point[j]).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = (0..width).map(column).collect();
    let start: Vec<f64> = columns.iter().map(|column| median(column.clone())).collect();
    if width == 1 || n <= 1 {
        return Ok((start, Search { n_iterations: 0, gap: 0.0, converged: true }));
    }
    // In units of the middle distance of the middle coefficient nothing overflows.
    let spread = |j: usize| median(columns[j].iter().map(|value| (value - start[j]).abs()).collect());
    let unit = (0..width).map(spread).fold(0.0, f64::max);
    let unit = if unit > 0.0 && unit.is_finite() { unit } else { 1.0 };
    let mut here = vec![0.0; width];
    let mut search = Search { n_iterations: 0, gap: f64::INFINITY, converged: false };
    let mut best = here.clone();
    let look = |here: &[f64]| -> Balance {
        let part = |rows: std::ops::Range<usize>| {
            let mut own = Balance::new(width);
            rows.for_each(|row| own.add(&points[row * width..(row + 1) * width], &start, unit, here));
            own
        };
        reduce::map_reduce(n, 1024, part, Balance::merge).unwrap_or_else(|| Balance::new(width))
    };
    let mut balance = look(&here);
    loop {
        ctx.step(search.n_iterations, max_iter)?;
        let pull = norm(&balance.pull);
        // Points at the place itself hold it with the strength of their number.
        let gap = (pull - balance.met).max(0.0) / n as f64;
        if gap < search.gap {
            (search.gap, best) = (gap, here.clone());
        }
        search.converged = search.gap <= tolerance;
        if search.converged || search.n_iterations >= max_iter || !(balance.inverse > 0.0) {
            break;
        }
        search.n_iterations += 1;
        let hold = if balance.met > 0.0 { (1.0 - balance.met / pull).max(0.0) } else { 1.0 };
        let plain: Vec<f64> =
            here.iter().zip(&balance.pull).map(|(here, pull)| here + hold * pull / balance.inverse).collect();
        let newton = match balance.met > 0.0 {
            true => None,
            false => Cholesky::new(&balance.hessian).ok().map(|factor| {
                let step = factor.solve(&ArrayView1::from(&balance.pull));
                here.iter().zip(&step).map(|(here, step)| here + step).collect::<Vec<f64>>()
            }),
        };
        if let Some(there) = newton {
            let next = look(&there);
            if norm(&next.pull) < 0.5 * pull {
                (here, balance) = (there, next);
                continue;
            }
        }
        balance = look(&plain);
        here = plain;
    }
    let middle = best.iter().zip(&start).map(|(best, start)| start + best * unit).collect();
    Ok((middle, search))
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The sum of the directions to all points, and what the steps need beside it.
struct Balance {
    pull: Vec<f64>,
    /// The sum of inverse distances.
    inverse: f64,
    /// Points at the place itself.
    met: f64,
    hessian: Array2<f64>,
}

impl Balance {
    fn new(width: usize) -> Self {
        Balance { pull: vec![0.0; width], inverse: 0.0, met: 0.0, hessian: Array2::zeros((width, width)) }
    }

    fn add(&mut self, point: &[f64], start: &[f64], unit: f64, here: &[f64]) {
        let gap: Vec<f64> = point.iter().zip(start).zip(here).map(|((p, s), h)| (p - s) / unit - h).collect();
        let largest = gap.iter().fold(0.0, |largest: f64, gap| largest.max(gap.abs()));
        if largest < 1e-14 {
            self.met += 1.0;
            return;
        }
        let distance = largest * norm(&gap.iter().map(|gap| gap / largest).collect::<Vec<f64>>());
        if !distance.is_finite() {
            return;
        }
        let direction: Vec<f64> = gap.iter().map(|gap| gap / distance).collect();
        self.inverse += 1.0 / distance;
        for (i, a) in direction.iter().enumerate() {
            self.pull[i] += a;
            for (j, b) in direction.iter().enumerate() {
                self.hessian[[i, j]] += (f64::from(i == j) - a * b) / distance;
            }
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.pull.iter_mut().zip(other.pull).for_each(|(a, b)| *a += b);
        self.inverse += other.inverse;
        self.met += other.met;
        self.hessian += &other.hessian;
        self
    }
}
