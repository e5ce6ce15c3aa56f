//! Non-negative matrix factorisation.

mod divergence;
mod start;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer,
};
use perennial_numeric::linalg::gram;
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

use self::start::start;
use super::nmf_rows::{Update, least_squares};
use super::non_negative::NonNegative;
use super::pca::{decided_components, finish, turn_back};

const N_COMPONENTS: Param = Param::integer("n_components", "how many parts").at_least(1.0).at_most(10_000.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most passes").at_least(1.0);
const TOLERANCE: Param = Param::real("tolerance", "the progress at which to stop").at_least(0.0);
const ALPHA_W: Param = Param::real("alpha_w", "the penalty on the shares").at_least(0.0).at_most(1e100);
const ALPHA_H: Param = Param::real("alpha_h", "the penalty on the parts").at_least(0.0).at_most(1e100);
const L1_RATIO: Param = Param::real("l1_ratio", "the share of the L1 penalty").at_least(0.0).at_most(1.0);
/// Rows of one task.
const CHUNK: usize = 512;
/// The most numbers of both factors.
const MOST_NUMBERS: usize = 1 << 31;

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

/// How far rows are from their sums of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaLoss {
    /// Half the sum of squared differences.
    #[default]
    Frobenius,
    /// The generalised Kullback-Leibler divergence, the sum of `x ln(x / wh) - x + wh`: for counts, such as those of terms, where an error of 1
    /// weighs the more the fewer are expected. By multiplicative updates alone.
    KullbackLeibler,
}

/// Rows of numbers >= 0 as sums of parts that are >= 0 too: `x = w h` as nearly as squares, or a divergence, measure (Lee and Seung, 1999).
///
/// What is made small is half the sum of squared differences, or the divergence, with penalties on both factors where these are set: as in
/// scikit-learn they grow with the columns (of the shares) and the rows (of the parts), so that a strength means the same
/// for any size. Rows may be sparse.
///
/// The start is a singular value decomposition whose zeros are filled with the mean (Boutsidis and Gallopoulos, 2008,
/// `nndsvda`); only parts beyond the rank of the rows are drawn. The transform finds the shares `w` of each row on its
/// own, with the parts `h` fixed.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to 10000 | how many parts |
/// | `solver` | `CoordinateDescent` | `CoordinateDescent`, `MultiplicativeUpdate` | how the factors are found |
/// | `beta_loss` | `Frobenius` | `Frobenius`, `KullbackLeibler` | how far rows are from their sums of parts |
/// | `max_iter` | 200 | >= 1 | the most passes |
/// | `tolerance` | 1e-4 | >= 0 | stop when a pass does less than this share of the first one (coordinate descent), or ten passes lower the error by less than this share of the first error |
/// | `alpha_w` | 0 | 0 to 1e100 | the penalty on the shares, times the number of columns |
/// | `alpha_h` | as `alpha_w` | 0 to 1e100 | the penalty on the parts, times the number of rows |
/// | `l1_ratio` | 0 | 0 to 1 | how much of the penalties is on sizes; the rest is on half their squares |
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
    beta_loss: BetaLoss,
    max_iter: usize,
    tolerance: f64,
    alpha_w: f64,
    alpha_h: Option<f64>,
    l1_ratio: f64,
    seed: Option<u64>,
}

impl Default for Nmf {
    fn default() -> Self {
        Nmf {
            n_components: 2,
            solver: NmfSolver::default(),
            beta_loss: BetaLoss::default(),
            max_iter: 200,
            tolerance: 1e-4,
            alpha_w: 0.0,
            alpha_h: None,
            l1_ratio: 0.0,
            seed: None,
        }
    }
}

/// What is paid for the entries of a factor: so much for their sizes, and for half their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Penalty {
    l1: f64,
    l2: f64,
}

impl Nmf {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, MAX_ITER, TOLERANCE, ALPHA_W, ALPHA_H, L1_RATIO];

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

    /// How far rows are from their sums of parts.
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, NoTarget};
    /// use perennial_features::extraction::{BetaLoss, Nmf, NmfSolver};
    ///
    /// let counts = Matrix::from(array![[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]);
    /// let settings = Nmf::new().solver(NmfSolver::MultiplicativeUpdate).beta_loss(BetaLoss::KullbackLeibler);
    /// let model = settings.tolerance(1e-12).max_iter(5000).fit(&counts, &NoTarget)?;
    /// assert!(model.reconstruction_error() < 1e-2);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    #[must_use]
    pub fn beta_loss(mut self, beta_loss: BetaLoss) -> Self {
        self.beta_loss = beta_loss;
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

    /// The penalty on the shares, times the number of columns.
    #[must_use]
    pub fn alpha_w(mut self, alpha_w: f64) -> Self {
        self.alpha_w = alpha_w;
        self
    }

    /// The penalty on the parts, times the number of rows; as `alpha_w` where it is not set.
    #[must_use]
    pub fn alpha_h(mut self, alpha_h: f64) -> Self {
        self.alpha_h = Some(alpha_h);
        self
    }

    /// How much of the penalties is on sizes; the rest is on half their squares.
    #[must_use]
    pub fn l1_ratio(mut self, l1_ratio: f64) -> Self {
        self.l1_ratio = l1_ratio;
        self
    }

    /// The seed of parts beyond the rank of the rows.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for Nmf {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = NmfModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<NmfModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        ALPHA_W.check(self.alpha_w)?;
        self.alpha_h.map_or(Ok(()), |alpha| ALPHA_H.check(alpha))?;
        L1_RATIO.check(self.l1_ratio)?;
        if self.beta_loss == BetaLoss::KullbackLeibler && self.solver == NmfSolver::CoordinateDescent {
            return Err(Error::invalid_param(
                "solver",
                self.solver,
                "`MultiplicativeUpdate`, as `beta_loss` is `KullbackLeibler`",
            ));
        }
        let (x, unit) = NonNegative::new(train.x)?.in_units()?;
        let (n, p) = x.dim();
        if (n + p).checked_mul(self.n_components).is_none_or(|size| size > MOST_NUMBERS) {
            return Err(Error::too_large(format!(
                "{} parts of {n} rows and {p} columns are more than 2^31 numbers; ask for fewer parts, or factor a sample of the rows and transform the others",
                self.n_components
            )));
        }
        let seed = train.ctx.seed(self.seed);
        // Both factors with one part in each column.
        let (mut w, mut h) = start(&x, self.n_components, seed, &train.ctx)?;
        if self.beta_loss == BetaLoss::KullbackLeibler {
            return self.by_divergence(train, (&x, unit), (w, h));
        }
        let (of_shares, of_parts) = self.penalties(x.dim());
        // The parts are in the unit, the shares are not, and the objective is in its square.
        let for_w = Penalty { l1: of_shares.l1 / unit / unit, l2: of_shares.l2 / unit / unit };
        let for_h = Penalty { l1: of_parts.l1 / unit, l2: of_parts.l2 };
        let squares = x.sum_of_squares();
        let error = |w: &Array2<f64>, h: &Array2<f64>| {
            let cross: f64 = (&x.turned_times(w) * h).sum();
            let own: f64 = (&gram(w, None) * &gram(h, None)).sum();
            (squares - 2.0 * cross + own).max(0.0).sqrt()
        };
        let first_error = error(&w, &h);
        let (mut first, mut last_error) = (0.0, first_error);
        let (mut converged, mut n_iterations, mut gap) = (false, 0, 0.0);
        let share = |part: f64, whole: f64| if whole > 0.0 { (part / whole).max(0.0) } else { 0.0 };
        for pass in 0..self.max_iter {
            train.ctx.step(pass, self.max_iter)?;
            n_iterations = pass + 1;
            let moved = self.update(&mut w, &x.times(&h), gram(&h, None), for_w)
                + self.update(&mut h, &x.turned_times(&w), gram(&w, None), for_h);
            converged = match self.solver {
                NmfSolver::CoordinateDescent => {
                    first = if pass == 0 { moved } else { first };
                    gap = share(moved, first);
                    moved <= self.tolerance * first
                }
                NmfSolver::MultiplicativeUpdate if pass % 10 == 9 && self.tolerance > 0.0 => {
                    let now = error(&w, &h);
                    let gained = last_error - now;
                    last_error = now;
                    gap = share(gained, first_error);
                    gained < self.tolerance * first_error
                }
                NmfSolver::MultiplicativeUpdate => false,
            };
            if converged {
                break;
            }
        }
        // Between the factors the unit may stand with either; the parts take it.
        let last = error(&w, &h);
        let reconstruction_error = last * unit;
        let looked = self.tolerance > 0.0 && n_iterations.is_multiple_of(10);
        if self.solver == NmfSolver::MultiplicativeUpdate && !looked {
            gap = share(last_error - last, first_error);
        }
        let components = h.t().mapv(|value| value * unit);
        NmfModel::new(Parts {
            features: train.x.features().clone(),
            components,
            penalty: of_shares,
            reconstruction_error,
            converged,
            n_iterations,
            gap,
            beta_loss: self.beta_loss,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().sparse()
    }
}

impl Nmf {
    /// The penalties on the shares and on the parts.
    fn penalties(&self, (n_rows, n_cols): (usize, usize)) -> (Penalty, Penalty) {
        let of = |alpha: f64, size: usize| Penalty {
            l1: alpha * self.l1_ratio * size as f64,
            l2: alpha * (1.0 - self.l1_ratio) * size as f64,
        };
        (of(self.alpha_w, n_cols), of(self.alpha_h.unwrap_or(self.alpha_w), n_rows))
    }

    /// Moves one factor with the other fixed; gives how far its gradient was from allowing no move.
    fn update(
        &self,
        factor: &mut Array2<f64>,
        product: &Array2<f64>,
        mut gram: Array2<f64>,
        Penalty { l1, l2 }: Penalty,
    ) -> f64 {
        let (n, k) = factor.dim();
        gram.diag_mut().mapv_inplace(|own| own + l2);
        let (Some(product), Some(gram)) = (product.as_slice(), gram.as_slice()) else { return 0.0 };
        let coordinate = self.solver == NmfSolver::CoordinateDescent;
        let Some(numbers) = factor.as_slice_mut() else { return 0.0 };
        let mut moved = vec![0.0; n.div_ceil(CHUNK)];
        let parts: Vec<(&mut [f64], &mut f64)> = numbers.chunks_mut(CHUNK * k).zip(&mut moved).collect();
        let mut parts = parts;
        reduce::fill_chunks(&mut parts, 1, |index, part| {
            for (out, moved) in part {
                let products = &product[index * CHUNK * k..][..out.len()];
                **moved = simd::widest(Update { out, products, gram, l1, k, coordinate });
            }
        });
        moved.iter().sum()
    }
}

impl FitTransform for Nmf {}

/// A fitted [`Nmf`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct NmfModel {
    parts: Parts,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    components: Array2<f64>,
    /// On the shares.
    penalty: Penalty,
    reconstruction_error: f64,
    converged: bool,
    n_iterations: usize,
    #[serde(default)]
    gap: f64,
    #[serde(default)]
    beta_loss: BetaLoss,
}

impl From<NmfModel> for Parts {
    fn from(model: NmfModel) -> Parts {
        model.parts
    }
}

impl TryFrom<Parts> for NmfModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        NmfModel::new(parts)
    }
}

impl NmfModel {
    fn new(parts: Parts) -> Result<Self> {
        let Parts { features, components, penalty, .. } = &parts;
        let sizes = components.nrows() > 0 && components.ncols() == features.len();
        let numbers = components.iter().chain([&penalty.l1, &penalty.l2]);
        if !sizes || !numbers.into_iter().all(|value| value.is_finite() && *value >= 0.0) {
            return Err(Error::corrupt("the parts of a factorisation with sizes or numbers that cannot be"));
        }
        Ok(NmfModel { parts })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The parts, `n_components` x columns.
    pub fn components(&self) -> &ArrayRef2<f64> {
        &self.parts.components
    }

    /// The square root of the sum of squared differences between the training rows and their sums of parts, or of twice their divergence.
    pub fn reconstruction_error(&self) -> f64 {
        self.parts.reconstruction_error
    }

    /// Whether progress came below the tolerance. If not, take more passes.
    pub fn converged(&self) -> bool {
        self.parts.converged
    }

    /// How far it still was at its end, in the measure of the tolerance: by coordinate descent the move that the gradient allowed, as a
    /// share of that of the first pass; by multiplicative updates the fall of the error since it was looked at before, which is every ten passes where there is a
    /// tolerance, as a share of the first error.
    pub fn gap(&self) -> f64 {
        self.parts.gap
    }

    /// How many passes were made.
    pub fn n_iterations(&self) -> usize {
        self.parts.n_iterations
    }

    /// The sums of the parts, each as often as a row of [`transform`](Transformer::transform) holds it, in the columns of the input.
    ///
    /// # Errors
    /// When there are not as many columns as components, a value is not finite, or a result leaves the range of f64.
    pub fn inverse_transform(&self, projections: &Matrix) -> Result<Matrix> {
        turn_back(projections, &self.parts.components, None, None, &self.parts.features)
    }
}

impl Transformer for NmfModel {
    type Input = Matrix;
    type Output = Matrix;

    /// How much of each part each row holds: what makes the squares, or the divergence, of the row least.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let Parts { features, components, penalty, .. } = &self.parts;
        let x = features.align(x)?;
        x.check_finite(false)?;
        let x = NonNegative::new(&x)?;
        let (n_rows, n_cols) = x.dim();
        let k = components.nrows();
        if self.parts.beta_loss == BetaLoss::KullbackLeibler {
            let shares = divergence::shares(&x, components, *penalty);
            return finish(Array2::from_shape_vec((n_rows, k), shares).map_err(Error::other)?, "nmf");
        }
        // Parts at length 1, so that their products neither overflow nor vanish.
        let length = |row: ndarray::ArrayView1<'_, f64>| {
            let largest = row.iter().fold(0.0, |most: f64, value| most.max(*value)).max(f64::MIN_POSITIVE);
            row.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt() * largest
        };
        let lengths: Vec<f64> = components.rows().into_iter().map(length).collect();
        let turned =
            Array2::from_shape_fn((n_cols, k), |(j, t)| components[[t, j]] / at_least_tiny(lengths[t]));
        let (mut products, mut gram) = (x.times(&turned), gram(&turned, None));
        // Shares of parts of length 1 are longer than those of the parts as they are.
        for (t, length) in lengths.iter().enumerate().filter(|_| penalty.l1 + penalty.l2 > 0.0) {
            let length = at_least_tiny(*length);
            products.column_mut(t).mapv_inplace(|product| product - penalty.l1 / length);
            gram[[t, t]] += penalty.l2 / length / length;
        }
        let mut out = vec![0.0; n_rows * k];
        reduce::fill_rows(&mut out, k, 64, |first, rows| {
            for (i, row) in rows.chunks_exact_mut(k).enumerate() {
                least_squares(row, products.row(first + i).as_slice().unwrap_or_default(), &gram);
                row.iter_mut().zip(&lengths).for_each(|(share, length)| *share /= at_least_tiny(*length));
            }
        });
        finish(Array2::from_shape_vec((n_rows, k), out).map_err(Error::other)?, "nmf")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("learned in {} iterations", self.n_iterations());
        decided_components(self, self.parts.components.nrows(), &self.parts.features, why)
    }
}

fn at_least_tiny(length: f64) -> f64 {
    length.max(f64::MIN_POSITIVE)
}
