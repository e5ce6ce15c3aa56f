//! Non-negative matrix factorisation.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train, Transformer,
};
use perennial_numeric::linalg::{Centred, gram};
use perennial_numeric::random::Random;
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

use super::pca::{finish, turn_back};
use super::spectrum::{PcaSolver, spectrum};

const N_COMPONENTS: Param = Param::integer("n_components", "how many parts").at_least(1.0).at_most(10_000.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most passes").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the progress at which to stop").at_least(0.0);
/// Rows that are updated side by side.
const LANES: usize = 8;
/// Rows of one task.
const CHUNK: usize = 512;
/// Below this a denominator counts as 0.
const TINY: f64 = 1e-300;

/// How the factors are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NmfSolver {
    /// One entry of a row after the other, each to its best value (Cichocki and Phan, 2009).
    #[default]
    CoordinateDescent,
    /// All entries times a factor (Lee and Seung, 2001): slower, never exactly 0.
    MultiplicativeUpdate,
}

/// Rows of numbers >= 0 as sums of parts that are >= 0 too: `x = w h` as nearly as squares measure (Lee and Seung, 1999).
///
/// The start is a singular value decomposition whose zeros are filled with the mean (Boutsidis and Gallopoulos, 2008,
/// `nndsvda`); only parts beyond the rank of the rows are drawn. The transform finds the shares `w` of each row on its
/// own, with the parts `h` fixed.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to 10000 | how many parts |
/// | `solver` | `CoordinateDescent` | `CoordinateDescent`, `MultiplicativeUpdate` | how the factors are found |
/// | `max_iter` | 200 | >= 1 | the most passes |
/// | `tolerance` | 1e-4 | >= 0 | stop when a pass does less than this share of the first one (coordinate descent), or ten passes lower the error by less than this share of the first error |
/// | `seed` | that of the context | any | of parts beyond the rank of the rows |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Nmf;
///
/// let x = Matrix::from(array![[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]);
/// let model = Nmf::new().n_components(2).tolerance(1e-8).max_iter(1000).fit(&x, &NoTarget)?;
/// assert!(model.reconstruction_error() < 1e-3);
/// assert_eq!(model.transform(&x)?.n_cols(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nmf {
    n_components: usize,
    solver: NmfSolver,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for Nmf {
    fn default() -> Self {
        Nmf { n_components: 2, solver: NmfSolver::default(), max_iter: 200, tolerance: 1e-4, seed: None }
    }
}

impl Nmf {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, MAX_ITER, TOLERANCE];

    /// Two parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many parts.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How the factors are found.
    #[must_use]
    pub fn solver(mut self, solver: NmfSolver) -> Self {
        self.solver = solver;
        self
    }

    /// The most passes.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The progress at which to stop.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The seed of parts beyond the rank of the rows.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// Refuses negative numbers, and numbers whose squares leave the range of f64.
fn check_rows(x: &ArrayRef2<f64>) -> Result<()> {
    for ((row, column), &value) in x.indexed_iter() {
        if value < 0.0 {
            return Err(Error::unsupported(format!(
                "row {row} has {value} in column {column}; a non-negative factorisation takes numbers >= 0"
            )));
        }
        if value > 1e140 {
            return Err(Error::overflow(format!(
                "row {row} has {value:e} in column {column}; its square leaves the range of f64: scale the columns first"
            )));
        }
    }
    Ok(())
}

impl Estimator for Nmf {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = NmfModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<NmfModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let x = train.x.dense()?;
        check_rows(x)?;
        // In units of the largest number, so that no product leaves the range.
        let largest = x.iter().fold(0.0, |most: f64, value| most.max(*value));
        let unit = if largest > 0.0 { 2f64.powi(largest.log2().floor() as i32) } else { 1.0 };
        let scaled;
        let rows = if (1e-3..1e6).contains(&largest) {
            x
        } else {
            scaled = x.mapv(|value| value / unit);
            &*scaled
        };
        let unit = if (1e-3..1e6).contains(&largest) { 1.0 } else { unit };
        let seed = train.ctx.seed(self.seed);
        // Both factors with one part in each column.
        let (mut w, mut h) = start(rows, self.n_components, seed, &train.ctx)?;
        let centred = Centred::new(rows, None);
        let squares = centred.sum_of_squares();
        let error = |w: &Array2<f64>, h: &Array2<f64>| {
            let cross: f64 = (&centred.turned_times(w) * h).sum();
            let own: f64 = (&gram(w, None) * &gram(h, None)).sum();
            (squares - 2.0 * cross + own).max(0.0).sqrt()
        };
        let first_error = error(&w, &h);
        let (mut first, mut last_error) = (0.0, first_error);
        let (mut converged, mut n_iterations) = (false, 0);
        for pass in 0..self.max_iter {
            train.ctx.step(pass, self.max_iter)?;
            n_iterations = pass + 1;
            let moved = self.update(&mut w, &centred.times(&h), &gram(&h, None))
                + self.update(&mut h, &centred.turned_times(&w), &gram(&w, None));
            converged = match self.solver {
                NmfSolver::CoordinateDescent => {
                    first = if pass == 0 { moved } else { first };
                    moved <= self.tolerance * first
                }
                NmfSolver::MultiplicativeUpdate if pass % 10 == 9 && self.tolerance > 0.0 => {
                    let now = error(&w, &h);
                    let gained = last_error - now;
                    last_error = now;
                    gained < self.tolerance * first_error
                }
                NmfSolver::MultiplicativeUpdate => false,
            };
            if converged {
                break;
            }
        }
        // Between the factors the unit may stand with either; the parts take it.
        let reconstruction_error = error(&w, &h) * unit;
        let components = h.t().mapv(|value| value * unit);
        NmfModel::new(train.x.features().clone(), components, reconstruction_error, converged, n_iterations)
    }
}

impl Nmf {
    /// Moves one factor with the other fixed; gives how far its gradient was from allowing no move.
    fn update(&self, factor: &mut Array2<f64>, product: &Array2<f64>, gram: &Array2<f64>) -> f64 {
        let (n, k) = factor.dim();
        let (Some(product), Some(gram)) = (product.as_slice(), gram.as_slice()) else { return 0.0 };
        let coordinate = self.solver == NmfSolver::CoordinateDescent;
        let Some(numbers) = factor.as_slice_mut() else { return 0.0 };
        let mut moved = vec![0.0; n.div_ceil(CHUNK)];
        let parts: Vec<(&mut [f64], &mut f64)> = numbers.chunks_mut(CHUNK * k).zip(&mut moved).collect();
        let mut parts = parts;
        reduce::fill_chunks(&mut parts, 1, |index, part| {
            for (out, moved) in part {
                let products = &product[index * CHUNK * k..][..out.len()];
                **moved = simd::widest(Update { out, products, gram, k, coordinate });
            }
        });
        moved.iter().sum()
    }
}

/// The update of some rows, several of them side by side.
struct Update<'a> {
    out: &'a mut [f64],
    products: &'a [f64],
    gram: &'a [f64],
    k: usize,
    coordinate: bool,
}

impl simd::Kernel for Update<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Update { out, products, gram, k, coordinate } = self;
        let (mut rows, mut wanted, mut next) =
            (vec![[0.0; LANES]; k], vec![[0.0; LANES]; k], vec![[0.0; LANES]; k]);
        let mut moved = [0.0; LANES];
        for (out, products) in out.chunks_mut(LANES * k).zip(products.chunks(LANES * k)) {
            for lane in 0..LANES {
                for t in 0..k {
                    // Lanes without a row stay 0.
                    rows[t][lane] = out.get(lane * k + t).copied().unwrap_or(0.0);
                    wanted[t][lane] = products.get(lane * k + t).copied().unwrap_or(0.0);
                }
            }
            for t in 0..k {
                let mut sum = [0.0; LANES];
                for (factor, row) in gram[t * k..(t + 1) * k].iter().zip(&rows) {
                    for lane in 0..LANES {
                        sum[lane] += factor * row[lane];
                    }
                }
                let curvature = gram[t * k + t];
                for lane in 0..LANES {
                    let old = rows[t][lane];
                    if coordinate {
                        let gradient = sum[lane] - wanted[t][lane];
                        let possible = if old == 0.0 { gradient.min(0.0) } else { gradient };
                        moved[lane] += possible.abs();
                        let new = (old - gradient / curvature.max(TINY)).max(0.0);
                        rows[t][lane] = if curvature > TINY { new } else { old };
                    } else {
                        next[t][lane] = old * (wanted[t][lane] / sum[lane].max(f64::EPSILON));
                    }
                }
            }
            let done = if coordinate { &rows } else { &next };
            for (lane, out) in out.chunks_exact_mut(k).enumerate() {
                (0..k).for_each(|t| out[t] = done[t][lane]);
            }
        }
        moved.iter().sum()
    }
}

/// The factors of the singular value decomposition made >= 0, their zeros filled with the mean.
fn start(
    x: &ArrayRef2<f64>,
    k: usize,
    seed: u64,
    ctx: &perennial_core::Context,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let (n, p) = x.dim();
    let mean = x.iter().sum::<f64>() / (n * p) as f64;
    let (_, found) = spectrum(x, false, Some(k), PcaSolver::Auto, (seed, 7), ctx)?;
    let left = Centred::new(x, None).times(&found.vt.t().to_owned());
    let mut random = Random::new(seed).stream("start");
    let (mut w, mut h) = (Array2::from_elem((n, k), mean), Array2::from_elem((p, k), mean));
    for part in 0..k {
        if part >= found.s.len() || !(found.s[part] > 1e-12 * found.s[0]) {
            let scale = (mean / k as f64).sqrt();
            w.column_mut(part).mapv_inplace(|_| scale * random.normal().abs());
            h.column_mut(part).mapv_inplace(|_| scale * random.normal().abs());
            continue;
        }
        let s = found.s[part];
        let (u, v) = (left.column(part).mapv(|value| value / s), found.vt.row(part).to_owned());
        let side = |values: &ndarray::Array1<f64>, sign: f64| values.mapv(|value| (sign * value).max(0.0));
        let norm =
            |values: &ndarray::Array1<f64>| values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let both = [1.0, -1.0].map(|sign| (side(&u, sign), side(&v, sign)));
        let sizes = both.each_ref().map(|(u, v)| (norm(u), norm(v)));
        let better = usize::from(sizes[1].0 * sizes[1].1 > sizes[0].0 * sizes[0].1);
        let ((u, v), (nu, nv)) = (&both[better], sizes[better]);
        if nu * nv > 0.0 {
            let scale = (s * nu * nv).sqrt();
            let fill = |value: f64| if value > 1e-6 { value } else { mean };
            w.column_mut(part).assign(&u.mapv(|value| fill(scale * value / nu)));
            h.column_mut(part).assign(&v.mapv(|value| fill(scale * value / nv)));
        }
    }
    Ok((w, h))
}

impl FitTransform for Nmf {}

/// A fitted [`Nmf`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct NmfModel {
    features: Features,
    components: Array2<f64>,
    reconstruction_error: f64,
    converged: bool,
    n_iterations: usize,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    components: Array2<f64>,
    reconstruction_error: f64,
    converged: bool,
    n_iterations: usize,
}

impl TryFrom<Parts> for NmfModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        NmfModel::new(p.features, p.components, p.reconstruction_error, p.converged, p.n_iterations)
    }
}

impl NmfModel {
    fn new(
        features: Features,
        components: Array2<f64>,
        reconstruction_error: f64,
        converged: bool,
        n_iterations: usize,
    ) -> Result<Self> {
        let sizes = components.nrows() > 0 && components.ncols() == features.len();
        if !sizes || !components.iter().all(|value| value.is_finite() && *value >= 0.0) {
            return Err(Error::corrupt("the parts of a factorisation with sizes or numbers that cannot be"));
        }
        Ok(NmfModel { features, components, reconstruction_error, converged, n_iterations })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The parts, `n_components` x columns.
    pub fn components(&self) -> &ArrayRef2<f64> {
        &self.components
    }

    /// The square root of the sum of squared differences between the training rows and their sums of parts.
    pub fn reconstruction_error(&self) -> f64 {
        self.reconstruction_error
    }

    /// Whether progress came below the tolerance. If not, take more passes.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How many passes were made.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// The sums of the parts, each as often as a row of [`transform`](Transformer::transform) holds it, in the columns of the input.
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        turn_back(projections, &self.components, None, None, &self.features)
    }
}

impl Transformer for NmfModel {
    type Input = Matrix;
    type Output = Matrix;

    /// How much of each part each row holds: the non-negative least squares solution.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        check_rows(x)?;
        let k = self.components.nrows();
        // Parts at length 1, so that their products neither overflow nor vanish.
        let length = |row: ndarray::ArrayView1<'_, f64>| {
            let largest = row.iter().fold(0.0, |most: f64, value| most.max(*value)).max(f64::MIN_POSITIVE);
            row.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt() * largest
        };
        let lengths: Vec<f64> = self.components.rows().into_iter().map(length).collect();
        let turned = Array2::from_shape_fn((x.ncols(), k), |(j, t)| self.components[[t, j]] / lengths[t]);
        let (products, gram) = (Centred::new(x, None).times(&turned), gram(&turned, None));
        let mut out = vec![0.0; x.nrows() * k];
        reduce::fill_rows(&mut out, k, 64, |first, rows| {
            for (i, row) in rows.chunks_exact_mut(k).enumerate() {
                least_squares(row, products.row(first + i).as_slice().unwrap_or_default(), &gram);
                row.iter_mut()
                    .zip(&lengths)
                    .for_each(|(share, length)| *share /= length.max(f64::MIN_POSITIVE));
            }
        });
        finish(Array2::from_shape_vec((x.nrows(), k), out).map_err(Error::other)?, "nmf")
    }
}

/// Non-negative least squares by coordinate descent, from 0.
fn least_squares(row: &mut [f64], wanted: &[f64], gram: &Array2<f64>) {
    let mut first = 0.0;
    for pass in 0..1000 {
        let mut moved = 0.0;
        for t in 0..row.len() {
            let sum: f64 = gram.row(t).iter().zip(row.iter()).map(|(g, w)| g * w).sum();
            let gradient = sum - wanted[t];
            moved += if row[t] == 0.0 { gradient.min(0.0).abs() } else { gradient.abs() };
            if gram[[t, t]] > 0.0 {
                row[t] = (row[t] - gradient / gram[[t, t]]).max(0.0);
            }
        }
        first = if pass == 0 { moved } else { first };
        if moved <= 1e-10 * first {
            break;
        }
    }
}
