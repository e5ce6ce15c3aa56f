//! Maps that keep the distances of all pairs.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Context, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::linalg::{largest_eigen, matmul};
use perennial_numeric::neighbors::{Metric, pairwise};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many columns the map has").at_least(1.0).at_most(10_000.0);
const N_INIT: Param = Param::integer("n_init", "how many starts are tried").at_least(1.0).at_most(1000.0);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps of one start").at_least(1.0);
const TOLERANCE: Param = Param::real(
    "tolerance",
    "the fall of the stress, as a share of the sum of squared distances, that ends it",
)
.at_least(0.0);
/// The most rows: the distances of all pairs take 0.8 GB, and a copy of them.
const MOST_ROWS: usize = 10_000;

/// What the distances are that the map keeps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dissimilarity {
    /// Those of the rows.
    Rows(Metric),
    /// The numbers of the matrix: as many columns as rows, the same in both directions, none below 0, 0 of each from itself.
    Given,
}

/// Where the map begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MdsInit {
    /// Classical scaling (Torgerson, 1952): the eigenvectors of the centred squares of the distances.
    #[default]
    Classical,
    /// Places drawn at random.
    Random,
}

/// Multidimensional scaling: a map on which the distances of all pairs are as they were, as nearly as squares measure
/// (Kruskal, 1964), by majorisation (SMACOF: de Leeuw, 1977).
///
/// The stress falls in each step. The distances of all pairs are held, so more than 10000 rows are refused. There is no way
/// to place new rows: the model has an [`embedding`](MdsModel::embedding), and is no transformer.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to 10000 | how many columns the map has |
/// | `dissimilarity` | euclidean distances of the rows | | what the distances are that the map keeps |
/// | `init` | classical | | where the map begins |
/// | `n_init` | 1 | 1 to 1000 | how many random starts are tried; the least stress counts |
/// | `max_iter` | 300 | >= 1 | the most steps of one start |
/// | `tolerance` | 1e-6 | >= 0 | the fall of the stress, as a share of half the sum of squared distances, that ends it |
/// | `seed` | that of the context | any | of random starts |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_features::extraction::{Dissimilarity, Mds};
///
/// // Three places on a line, by their distances alone.
/// let x = Matrix::from(array![[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]);
/// let model = Mds::new().n_components(1).dissimilarity(Dissimilarity::Given).fit(&x, &NoTarget)?;
/// let places = model.embedding().column(0);
/// assert!(((places[0] - places[2]).abs() - 3.0).abs() < 1e-9 && model.stress() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mds {
    n_components: usize,
    dissimilarity: Dissimilarity,
    init: MdsInit,
    n_init: usize,
    max_iter: usize,
    tolerance: f64,
    seed: Option<u64>,
}

impl Default for Mds {
    fn default() -> Self {
        Mds {
            n_components: 2,
            dissimilarity: Dissimilarity::Rows(Metric::Euclidean),
            init: MdsInit::Classical,
            n_init: 1,
            max_iter: 300,
            tolerance: 1e-6,
            seed: None,
        }
    }
}

impl Mds {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, N_INIT, MAX_ITER, TOLERANCE];

    /// A map of two columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many columns the map has.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// What the distances are that the map keeps.
    #[must_use]
    pub fn dissimilarity(mut self, dissimilarity: Dissimilarity) -> Self {
        self.dissimilarity = dissimilarity;
        self
    }

    /// Where the map begins.
    #[must_use]
    pub fn init(mut self, init: MdsInit) -> Self {
        self.init = init;
        self
    }

    /// How many random starts are tried.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// The most steps of one start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The fall of the stress, as a share of half the sum of squared distances, that ends it.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The seed of random starts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// From a start, steps that lower the stress.
    fn descend(
        &self,
        ctx: &Context,
        wanted: &Array2<f64>,
        half_squares: f64,
        start: Array2<f64>,
    ) -> Result<Found> {
        let (mut places, mut before) = (start, f64::INFINITY);
        let share = |fell: f64| if half_squares > 0.0 { fell.max(0.0) / half_squares } else { 0.0 };
        for step in 0..self.max_iter {
            ctx.step(step, self.max_iter)?;
            let (next, stress) = majorise(wanted, &places);
            let fell = before - stress;
            // The stress is that of the places before the step.
            if step > 0 && fell <= self.tolerance * half_squares {
                return Ok(Found {
                    places,
                    stress,
                    last_change: share(fell),
                    n_iterations: step,
                    converged: true,
                });
            }
            (before, places) = (stress, next);
        }
        let stress = majorise(wanted, &places).1;
        let last_change = share(before - stress);
        Ok(Found { places, stress, last_change, n_iterations: self.max_iter, converged: false })
    }
}

struct Found {
    places: Array2<f64>,
    stress: f64,
    /// The last fall of the stress, in the measure of the tolerance.
    last_change: f64,
    n_iterations: usize,
    converged: bool,
}

/// The places after one step (the transform of Guttman, 1968), and the stress before it.
fn majorise(wanted: &Array2<f64>, places: &Array2<f64>) -> (Array2<f64>, f64) {
    let (n, width) = places.dim();
    let parts = reduce::map_chunks(n, 16, |rows| {
        let mut out = Vec::with_capacity(rows.len() * width);
        let mut stress = 0.0;
        for row in rows {
            let (own, wanted) = (places.row(row), wanted.row(row));
            let mut pull = vec![0.0; width];
            for (other, place) in places.rows().into_iter().enumerate() {
                let square: f64 = own.iter().zip(place).map(|(a, b)| (a - b) * (a - b)).sum();
                let distance = square.sqrt();
                let gap = wanted[other] - distance;
                if other > row {
                    stress += gap * gap;
                }
                if distance > 0.0 {
                    let ratio = wanted[other] / distance;
                    pull.iter_mut()
                        .zip(own.iter().zip(place))
                        .for_each(|(pull, (a, b))| *pull += ratio * (a - b));
                }
            }
            out.extend(pull.into_iter().map(|pull| pull / n as f64));
        }
        (out, stress)
    });
    let stress = parts.iter().map(|part| part.1).sum();
    let cells = parts.into_iter().flat_map(|part| part.0).collect();
    (Array2::from_shape_vec((n, width), cells).unwrap_or_default(), stress)
}

/// Classical scaling; directions that the distances do not have stay 0.
fn classical(ctx: &Context, wanted: &Array2<f64>, k: usize) -> Result<Array2<f64>> {
    let n = wanted.nrows();
    let mut gram = wanted.mapv(|length| -0.5 * length * length);
    let means: Vec<f64> = gram.rows().into_iter().map(|row| row.sum() / n as f64).collect();
    let grand = means.iter().sum::<f64>() / n as f64;
    for ((i, j), value) in gram.indexed_iter_mut() {
        *value += grand - means[i] - means[j];
    }
    let shift = gram.iter().map(|value| value * value).sum::<f64>().sqrt();
    let mut random = Random::new(0).stream("scaling");
    let times = |vectors: &Array2<f64>| matmul(&gram, vectors) + &(vectors * shift);
    let found = largest_eigen(n, k.min(n), 1e-9, &mut random, ctx, times)?;
    Ok(Array2::from_shape_fn((n, k), |(row, column)| match column < found.values.len() {
        true => found.vectors[[row, column]] * (found.values[column] - shift).max(0.0).sqrt(),
        false => 0.0,
    }))
}

/// The distances, checked, in the unit of the largest.
fn distances(x: &ArrayRef2<f64>, dissimilarity: Dissimilarity) -> Result<(Array2<f64>, f64)> {
    let n = x.nrows();
    if n > MOST_ROWS {
        return Err(Error::too_large(format!(
            "the distances of all pairs of {n} rows would be held; at most {MOST_ROWS} rows are taken: draw a sample"
        )));
    }
    let mut distances = match dissimilarity {
        Dissimilarity::Rows(metric) => pairwise(metric, x, x)?,
        Dissimilarity::Given if x.ncols() == n => x.to_owned(),
        Dissimilarity::Given => {
            return Err(Error::malformed(format!(
                "the distances are {n} x {}; there must be as many columns as rows",
                x.ncols()
            )));
        }
    };
    let largest = distances.iter().copied().fold(0.0, f64::max);
    for i in 0..n {
        for j in 0..=i {
            let (there, back) = (distances[[i, j]], distances[[j, i]]);
            if there < 0.0 || (i == j && there != 0.0) || (there - back).abs() > 1e-9 * largest {
                return Err(Error::malformed(format!(
                    "the distance of row {i} from row {j} is {there}, and back {back}; both must be the same, none below 0, and 0 of a row from itself"
                )));
            }
            let mean = there / 2.0 + back / 2.0;
            (distances[[i, j]], distances[[j, i]]) = (mean, mean);
        }
    }
    let unit = if largest > 0.0 { 2f64.powi(largest.log2().floor() as i32) } else { 1.0 };
    distances.mapv_inplace(|distance| distance / unit);
    Ok((distances, unit))
}

impl Estimator for Mds {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = MdsModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<MdsModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        N_INIT.check_count(self.n_init)?;
        MAX_ITER.check_count(self.max_iter)?;
        TOLERANCE.check(self.tolerance)?;
        let (wanted, unit) = distances(train.x.dense()?, self.dissimilarity)?;
        let n = wanted.nrows();
        let half_squares = wanted.iter().map(|value| value * value).sum::<f64>() / 2.0;
        let random = Random::new(train.ctx.seed(self.seed));
        let mut best: Option<Found> = None;
        let n_init = if self.init == MdsInit::Classical { 1 } else { self.n_init };
        for index in 0..n_init {
            let ctx = train.ctx.child(&format!("start{index}"));
            let mut random = random.fork(index as u64);
            let start = match self.init {
                MdsInit::Classical => classical(&ctx, &wanted, self.n_components)?,
                MdsInit::Random => Array2::from_shape_simple_fn((n, self.n_components), || random.normal()),
            };
            let found = self.descend(&ctx, &wanted, half_squares, start)?;
            if best.as_ref().is_none_or(|best| found.stress < best.stress) {
                best = Some(found);
            }
        }
        let best = best.ok_or_else(|| Error::empty("no start was tried"))?;
        let normalised = if half_squares > 0.0 { (best.stress / half_squares).sqrt() } else { 0.0 };
        let stress = best.stress * unit * unit;
        if !stress.is_finite() {
            return Err(Error::overflow(
                "squares of the distances leave the range of f64; scale the columns first",
            ));
        }
        MdsModel::try_from(Parts {
            features: train.x.features().clone(),
            embedding: best.places.mapv(|value| value * unit),
            stress,
            normalised_stress: normalised,
            n_iterations: best.n_iterations,
            converged: best.converged,
            last_change: best.last_change,
        })
    }
}

/// A fitted [`Mds`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MdsModel {
    features: Features,
    embedding: Array2<f64>,
    stress: f64,
    normalised_stress: f64,
    n_iterations: usize,
    converged: bool,
    last_change: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    embedding: Array2<f64>,
    stress: f64,
    normalised_stress: f64,
    n_iterations: usize,
    converged: bool,
    #[serde(default)]
    last_change: f64,
}

impl TryFrom<Parts> for MdsModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, embedding, stress, normalised_stress, n_iterations, converged, last_change } =
            parts;
        let sound =
            [stress, normalised_stress, last_change].iter().all(|value| value.is_finite() && *value >= 0.0);
        if embedding.is_empty() || !sound || !embedding.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("a map with sizes or numbers that cannot be"));
        }
        Ok(MdsModel { features, embedding, stress, normalised_stress, n_iterations, converged, last_change })
    }
}

impl MdsModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The place of each training row, rows x `n_components`.
    pub fn embedding(&self) -> &ArrayRef2<f64> {
        &self.embedding
    }

    /// The sum of the squared differences of all pairs' distances on the map from what they were, each pair once.
    pub fn stress(&self) -> f64 {
        self.stress
    }

    /// The root of the stress as a share of the sum of squared distances: 0.05 is good, 0.2 poor (after Kruskal, 1964).
    pub fn normalised_stress(&self) -> f64 {
        self.normalised_stress
    }

    /// How many steps the best start took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether the fall of the stress came below the tolerance. If not, take more steps.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How much the stress still fell in the last step, in the measure of the tolerance.
    pub fn last_change(&self) -> f64 {
        self.last_change
    }
}
