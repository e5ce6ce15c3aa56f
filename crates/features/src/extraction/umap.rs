//! Maps of neighbourhoods by uniform manifold approximation and projection.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Context, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Train,
    Transformer,
};
use perennial_numeric::neighbors::{Metric, Neighbors};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::nearest::{nearest_of, nearest_others};
use super::pca::{decided_components, finish};
use super::spectrum::{PcaSolver, spectrum};
use super::umap_layout::{Curve, Edges, Layout};

const N_NEIGHBORS: Param = Param::integer("n_neighbors", "rows of a neighbourhood, itself among them")
    .at_least(2.0)
    .at_most(10_000.0);
const N_COMPONENTS: Param = Param::integer("n_components", "sides of the map").at_least(1.0).at_most(100.0);
const MIN_DIST: Param =
    Param::real("min_dist", "how close rows may lie on the map").at_least(0.0).at_most(100.0);
const SPREAD: Param = Param::real("spread", "the scale of the map").above(1e-3).at_most(100.0);
const N_EPOCHS: Param = Param::integer("n_epochs", "passes over the neighbours").at_least(1.0).at_most(1e9);
const LEARNING_RATE: Param =
    Param::real("learning_rate", "the size of the first steps").above(0.0).at_most(1e3);
const NEGATIVE: Param =
    Param::integer("negative_sample_rate", "rows pushed away for each neighbour drawn near")
        .at_least(0.0)
        .at_most(1e3);
/// Rows of one task.
const CHUNK: usize = 256;

/// A map on which neighbours stay neighbours, that can place new rows too (McInnes, Healy and Melville, 2018).
///
/// Neighbours are exact; the start is the first principal components. In each pass every row moves on its own, from
/// where all others lay before the pass, so the map is the same at any number of threads. New rows are placed by
/// [`transform`](Transformer::transform) among the training rows, which stay where they are;
/// [`embedding`](UmapModel::embedding) is where the training rows themselves lie.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 15 | 2 to 10000 | rows of a neighbourhood, itself among them; all rows where there are fewer |
/// | `n_components` | 2 | 1 to 100 | sides of the map |
/// | `metric` | euclidean | | how distances between rows are measured |
/// | `min_dist` | 0.1 | 0 to 100 | how close rows may lie on the map |
/// | `spread` | 1 | above 0.001, to 100 | the scale of the map |
/// | `n_epochs` | 500, or 200 beyond 10000 rows | >= 1 | passes over the neighbours |
/// | `learning_rate` | 1 | above 0, to 1000 | the size of the first steps |
/// | `negative_sample_rate` | 5 | 0 to 1000 | rows pushed away for each neighbour drawn near |
/// | `seed` | that of the context | any | of the rows pushed away |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Umap;
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 3), |(i, j)| f64::from(i >= 20) * 9.0 + ((i * (j + 2)) % 7) as f64 / 7.0));
/// let model = Umap::new().n_neighbors(8).fit(&x, &NoTarget)?;
/// assert_eq!(model.embedding().dim(), (40, 2));
/// assert_eq!(model.transform(&x)?.n_cols(), 2);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Umap {
    n_neighbors: usize,
    n_components: usize,
    metric: Metric,
    min_dist: f64,
    spread: f64,
    n_epochs: Option<usize>,
    learning_rate: f64,
    negative_sample_rate: usize,
    seed: Option<u64>,
}

impl Default for Umap {
    fn default() -> Self {
        Umap {
            n_neighbors: 15,
            n_components: 2,
            metric: Metric::Euclidean,
            min_dist: 0.1,
            spread: 1.0,
            n_epochs: None,
            learning_rate: 1.0,
            negative_sample_rate: 5,
            seed: None,
        }
    }
}

impl Umap {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] =
        &[N_NEIGHBORS, N_COMPONENTS, MIN_DIST, SPREAD, N_EPOCHS, LEARNING_RATE, NEGATIVE];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows make a neighbourhood.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// How many sides the map has.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.n_components = n_components;
        self
    }

    /// How distances between rows are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// How close rows may lie on the map.
    #[must_use]
    pub fn min_dist(mut self, min_dist: f64) -> Self {
        self.min_dist = min_dist;
        self
    }

    /// The scale of the map.
    #[must_use]
    pub fn spread(mut self, spread: f64) -> Self {
        self.spread = spread;
        self
    }

    /// How many passes over the neighbours.
    #[must_use]
    pub fn n_epochs(mut self, n_epochs: usize) -> Self {
        self.n_epochs = Some(n_epochs);
        self
    }

    /// The size of the first steps.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// How many rows are pushed away for each neighbour drawn near.
    #[must_use]
    pub fn negative_sample_rate(mut self, rate: usize) -> Self {
        self.negative_sample_rate = rate;
        self
    }

    /// The seed of the rows pushed away.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    fn check(&self, n_rows: usize) -> Result<()> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        N_COMPONENTS.check_count(self.n_components)?;
        MIN_DIST.check(self.min_dist)?;
        SPREAD.check(self.spread)?;
        self.n_epochs.map_or(Ok(()), |n| N_EPOCHS.check_count(n))?;
        LEARNING_RATE.check(self.learning_rate)?;
        NEGATIVE.check_count(self.negative_sample_rate)?;
        if self.min_dist > self.spread {
            return Err(Error::invalid_param("min_dist", self.min_dist, "a number no larger than `spread`"));
        }
        if n_rows < 3 {
            return Err(Error::insufficient_data(format!(
                "a map needs at least three rows; there are {n_rows}"
            )));
        }
        if u32::try_from(n_rows).is_err() {
            return Err(Error::too_large(format!("{n_rows} rows; at most {} can be mapped", u32::MAX)));
        }
        Ok(())
    }
}

impl Estimator for Umap {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = UmapModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<UmapModel> {
        let x = train.x.dense()?;
        let n = x.nrows();
        self.check(n)?;
        let k = self.n_neighbors.min(n);
        let nearest = nearest_others(x, k - 1, self.metric, &train.ctx)?;
        let n_epochs = self.n_epochs.unwrap_or(if n <= 10_000 { 500 } else { 200 });
        let edges = union(&nearest, n, n_epochs);
        let seed = train.ctx.seed(self.seed);
        let mut points = start(x, self.n_components, seed, &train.ctx)?;
        let layout = Layout {
            curve: Curve::fit(self.min_dist, self.spread),
            n_sides: self.n_components,
            n_epochs,
            learning_rate: self.learning_rate as f32,
            negative: self.negative_sample_rate,
        };
        layout.train(&edges, &mut points, &Random::new(seed), &train.ctx)?;
        let embedding = Array2::from_shape_vec((n, self.n_components), points).map_err(Error::other)?;
        let near = (k, self.metric);
        UmapModel::new(train.x.features().clone(), x.to_owned(), embedding, near, layout, seed)
    }
}

impl FitTransform for Umap {}

/// The first principal components, the largest side from -10 to 10, with a little noise so that equal rows part.
fn start(x: &ArrayRef2<f64>, n_sides: usize, seed: u64, ctx: &Context) -> Result<Vec<f32>> {
    let (mean, found) = spectrum(x, true, Some(n_sides), PcaSolver::Auto, (seed, 7), ctx)?;
    let turned = found.vt.t().to_owned();
    let projected = perennial_numeric::linalg::Centred::new(x, Some(&mean)).times(&turned);
    let largest = projected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let scale = if largest > 0.0 { 10.0 / largest } else { 0.0 };
    let mut random = Random::new(seed).stream("start");
    let mut points = Vec::with_capacity(x.nrows() * n_sides);
    for row in projected.rows() {
        for side in 0..n_sides {
            let value = row.get(side).map_or(0.0, |value| value * scale);
            points.push((value + 1e-4 * random.normal()) as f32);
        }
    }
    Ok(points)
}

/// How much each neighbour of a row is one: 1 for the nearest, less with distance, by a width that makes them add up to the
/// logarithm to base 2 of the size of the neighbourhood.
fn memberships(distances: &[f64], k: usize, out: &mut [f32]) {
    let wanted = (k as f64).log2();
    let nearest = distances.iter().copied().find(|distance| *distance > 0.0).unwrap_or(0.0);
    let total = |width: f64| -> f64 {
        distances.iter().map(|d| if *d > nearest { (-(d - nearest) / width).exp() } else { 1.0 }).sum()
    };
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut width = if mean > 0.0 { mean } else { 1.0 };
    for _ in 0..64 {
        let miss = total(width) - wanted;
        if miss.abs() < 1e-5 {
            break;
        }
        if miss > 0.0 {
            high = width;
            width = f64::midpoint(low, high);
        } else {
            low = width;
            width = if high.is_finite() { f64::midpoint(low, high) } else { width * 2.0 };
        }
    }
    let width = width.max(1e-3 * mean).max(f64::MIN_POSITIVE);
    for (out, d) in out.iter_mut().zip(distances) {
        *out = if *d > nearest { (-(d - nearest) / width).exp() as f32 } else { 1.0 };
    }
}

/// Neighbours by either side: `a + b - a b` of the two memberships; those too weak to be drawn once are left out.
fn union(nearest: &Neighbors, n: usize, n_epochs: usize) -> Edges {
    let k = nearest.k();
    let mut shares = vec![0.0f32; n * k];
    reduce::fill_rows(&mut shares, k, CHUNK, |first, rows| {
        for (i, out) in rows.chunks_exact_mut(k).enumerate() {
            memberships(nearest.get(first + i).1, k + 1, out);
        }
    });
    let mut pairs: Vec<(u32, u32, f32)> = Vec::with_capacity(2 * n * k);
    for i in 0..n {
        for (&j, &share) in nearest.get(i).0.iter().zip(&shares[i * k..(i + 1) * k]) {
            pairs.push((i as u32, j, share));
            pairs.push((j, i as u32, share));
        }
    }
    pairs.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    let mut joined: Vec<(u32, u32, f32)> = Vec::with_capacity(pairs.len());
    for (i, j, share) in pairs {
        match joined.last_mut() {
            Some(last) if (last.0, last.1) == (i, j) => last.2 += share - last.2 * share,
            _ => joined.push((i, j, share)),
        }
    }
    let strongest = joined.iter().fold(0.0f32, |most, edge| most.max(edge.2));
    joined.retain(|edge| edge.2 >= strongest / n_epochs as f32);
    Edges::new(n, joined, strongest)
}

/// A finished map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct UmapModel {
    features: Features,
    rows: Array2<f64>,
    embedding: Array2<f32>,
    /// The embedding in the numbers of the interface.
    #[serde(skip)]
    wide: Array2<f64>,
    n_neighbors: usize,
    metric: Metric,
    layout: Layout,
    seed: u64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    rows: Array2<f64>,
    embedding: Array2<f32>,
    n_neighbors: usize,
    metric: Metric,
    layout: Layout,
    seed: u64,
}

impl TryFrom<Parts> for UmapModel {
    type Error = Error;

    fn try_from(p: Parts) -> Result<Self> {
        let n = p.rows.nrows();
        let sizes = p.rows.ncols() == p.features.len()
            && p.embedding.dim() == (n, p.layout.n_sides)
            && p.n_neighbors >= 2
            && p.n_neighbors <= n;
        let finite = p.rows.iter().all(|value| value.is_finite());
        if !sizes || !finite || !p.layout.is_sound() {
            return Err(Error::corrupt("the rows and places of the map do not fit together"));
        }
        UmapModel::new(p.features, p.rows, p.embedding, (p.n_neighbors, p.metric), p.layout, p.seed)
    }
}

impl UmapModel {
    fn new(
        features: Features,
        rows: Array2<f64>,
        embedding: Array2<f32>,
        (n_neighbors, metric): (usize, Metric),
        layout: Layout,
        seed: u64,
    ) -> Result<Self> {
        if !embedding.iter().all(|value| value.is_finite()) {
            return Err(Error::not_converged("the map flew apart; lower `learning_rate`"));
        }
        let wide = embedding.mapv(f64::from);
        Ok(UmapModel { features, rows, embedding, wide, n_neighbors, metric, layout, seed })
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Where each training row lies on the map, rows x sides.
    pub fn embedding(&self) -> &ArrayRef2<f64> {
        &self.wide
    }
}

impl Transformer for UmapModel {
    type Input = Matrix;
    type Output = Matrix;

    /// Where new rows lie among the training rows; the place of a row depends on no other new row.
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let x = x.dense()?;
        let sides = self.layout.n_sides;
        if x.nrows() == 0 {
            return finish(Array2::zeros((0, sides)), "umap");
        }
        let nearest = nearest_of(&self.rows, x, self.n_neighbors, self.metric)?;
        let fixed = self.embedding.as_slice().unwrap_or_default();
        let random = Random::new(self.seed);
        let table = self.layout.table(fixed.len() / sides, &random);
        let k = self.n_neighbors;
        let mut places = vec![0.0f32; x.nrows() * sides];
        reduce::fill_rows(&mut places, sides, CHUNK, |first, out| {
            let mut shares = vec![0.0; k];
            for (i, place) in out.chunks_exact_mut(sides).enumerate() {
                let (indices, distances) = nearest.get(first + i);
                memberships(distances, k, &mut shares);
                self.layout.place(indices, &shares, fixed, &table, place);
            }
        });
        let out = Array2::from_shape_vec((x.nrows(), sides), places).map_err(Error::other)?;
        finish(out.mapv(f64::from), "umap")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!(
            "a map of {} training rows by {} neighbours of each",
            self.rows.nrows(),
            self.n_neighbors
        );
        decided_components(self, self.embedding.ncols(), &self.features, why)
    }
}
