//! Maps of neighbourhoods by t-distributed stochastic neighbour embedding.

use ndarray::Array2;
use perennial_core::{Context, Error, Estimator, Features, Matrix, NoTarget, Param, Result, Train};
use perennial_numeric::neighbors::{Metric, Neighbors};
use perennial_numeric::{reduce, simd, special};
use serde::{Deserialize, Serialize};

use super::nearest::nearest_others;
use super::space_tree::SpaceTree;
use super::spectrum::{PcaSolver, spectrum};

const PERPLEXITY: Param = Param::real("perplexity", "about how many neighbours count")
    .at_least(1.0)
    .at_most(10_000.0)
    .search(5.0, 50.0);
const EXAGGERATION: Param =
    Param::real("early_exaggeration", "how much closer rows are drawn at first").at_least(1.0).at_most(1e6);
const LEARNING_RATE: Param = Param::real("learning_rate", "the size of steps").above(0.0).at_most(1e6);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps").at_least(250.0).at_most(1e9);
const ANGLE: Param =
    Param::real("angle", "the angle at which a cell counts as one point").at_least(0.0).at_most(1.0);
const MIN_GRAD_NORM: Param = Param::real("min_grad_norm", "the gradient at which to stop").at_least(0.0);
/// Steps with exaggeration.
const EARLY: usize = 250;
/// Steps between looks at the divergence.
const LOOK: usize = 100;
/// Points of one task.
const CHUNK: usize = 256;

/// A map of rows in the plane on which neighbours stay neighbours (van der Maaten and Hinton, 2008), with sums over all
/// pairs by a tree of cells (van der Maaten, 2014).
///
/// Neighbours are exact, the start is the first two principal components: no draw is made, so the map is the same
/// every time and at any number of threads. Distances between far groups on the map mean little. There is no
/// way to place new rows: the model has an [`embedding`](TsneModel::embedding), and is no transformer.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `perplexity` | 30 | 1 to 10000, below the number of rows | about how many neighbours count |
/// | `metric` | euclidean | | how distances between rows are measured |
/// | `early_exaggeration` | 12 | 1 to 1e6 | how much closer rows are drawn in the first 250 steps |
/// | `learning_rate` | rows / 48, at least 50 | above 0 | the size of steps |
/// | `max_iter` | 1000 | 250 to 1e9 | the most steps |
/// | `angle` | 0.5 | 0 to 1 | the angle at which a cell counts as one point; 0 is exact and slow |
/// | `min_grad_norm` | 1e-7 | >= 0 | the length of the gradient at which to stop |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget};
/// use perennial_features::extraction::Tsne;
///
/// let x = Matrix::from(Array2::from_shape_fn((40, 3), |(i, j)| f64::from(i >= 20) * 9.0 + ((i * (j + 2)) % 7) as f64 / 7.0));
/// let model = Tsne::new().perplexity(5.0).fit(&x, &NoTarget)?;
/// assert_eq!(model.embedding().dim(), (40, 2));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tsne {
    perplexity: f64,
    metric: Metric,
    early_exaggeration: f64,
    learning_rate: Option<f64>,
    max_iter: usize,
    angle: f64,
    min_grad_norm: f64,
}

impl Default for Tsne {
    fn default() -> Self {
        Tsne {
            perplexity: 30.0,
            metric: Metric::Euclidean,
            early_exaggeration: 12.0,
            learning_rate: None,
            max_iter: 1000,
            angle: 0.5,
            min_grad_norm: 1e-7,
        }
    }
}

impl Tsne {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] =
        &[PERPLEXITY, EXAGGERATION, LEARNING_RATE, MAX_ITER, ANGLE, MIN_GRAD_NORM];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// About how many neighbours count.
    #[must_use]
    pub fn perplexity(mut self, perplexity: f64) -> Self {
        self.perplexity = perplexity;
        self
    }

    /// How much closer rows are drawn at first.
    #[must_use]
    pub fn early_exaggeration(mut self, early_exaggeration: f64) -> Self {
        self.early_exaggeration = early_exaggeration;
        self
    }

    /// The size of steps.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// The most steps.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The angle at which a cell counts as one point.
    #[must_use]
    pub fn angle(mut self, angle: f64) -> Self {
        self.angle = angle;
        self
    }

    /// The length of the gradient at which to stop.
    #[must_use]
    pub fn min_grad_norm(mut self, min_grad_norm: f64) -> Self {
        self.min_grad_norm = min_grad_norm;
        self
    }

    /// How distances between rows are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    fn check(&self, n_rows: usize) -> Result<()> {
        PERPLEXITY.check(self.perplexity)?;
        EXAGGERATION.check(self.early_exaggeration)?;
        self.learning_rate.map_or(Ok(()), |rate| LEARNING_RATE.check(rate))?;
        MAX_ITER.check_count(self.max_iter)?;
        ANGLE.check(self.angle)?;
        MIN_GRAD_NORM.check(self.min_grad_norm)?;
        if self.perplexity >= n_rows as f64 {
            return Err(Error::insufficient_data(format!(
                "a perplexity of {} needs more rows than that; there are {n_rows}: lower `perplexity`",
                self.perplexity
            )));
        }
        if u32::try_from(n_rows).is_err() {
            return Err(Error::too_large(format!("{n_rows} rows; at most {} can be mapped", u32::MAX)));
        }
        Ok(())
    }
}

impl Estimator for Tsne {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = TsneModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<TsneModel> {
        let x = train.x.dense()?;
        let n = x.nrows();
        self.check(n)?;
        let k = ((3.0 * self.perplexity) as usize + 1).min(n - 1);
        let nearest = nearest_others(x, k, self.metric, &train.ctx)?;
        let affinity = Affinity::new(&nearest, n, self.perplexity);
        let points = start(x, &train.ctx)?;
        let rate = self.learning_rate.unwrap_or((n as f64 / self.early_exaggeration / 4.0).max(50.0));
        let mut map = Map { affinity, points, angle: self.angle as f32 };
        let end = map.descend(self, rate, &train.ctx)?;
        let embedding = Array2::from_shape_fn((n, 2), |(i, d)| f64::from(map.points[i][d]));
        if !embedding.iter().all(|value| value.is_finite()) {
            return Err(Error::not_converged(
                "the map flew apart; lower `learning_rate` or `early_exaggeration`",
            ));
        }
        Ok(TsneModel {
            features: train.x.features().clone(),
            embedding,
            kl_divergence: end.divergence,
            gradient_norm: end.norm,
            n_iterations: end.n_iterations,
            converged: end.converged,
        })
    }
}

/// The first two principal components, the first with a deviation of 1e-4.
fn start(x: &ndarray::ArrayRef2<f64>, ctx: &Context) -> Result<Vec<[f32; 2]>> {
    let (mean, found) = spectrum(x, true, Some(2), PcaSolver::Auto, (0, 7), ctx)?;
    let turned = found.vt.t().to_owned();
    let projected = perennial_numeric::linalg::Centred::new(x, Some(&mean)).times(&turned);
    let n = x.nrows() as f64;
    let deviation = (projected.column(0).iter().map(|value| value * value).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { 1e-4 / deviation } else { 1.0 };
    let at =
        |i: usize, d: usize| if d < projected.ncols() { (projected[[i, d]] * scale) as f32 } else { 0.0 };
    // Equal rows would stay on one point for ever: each has a place of its own, by its number.
    let apart = |i: usize, d: usize| 1e-9 * ((i * (d + 3) * 7919 % 1009) as f32 / 1009.0 - 0.5);
    Ok((0..x.nrows()).map(|i| [at(i, 0) + apart(i, 0), at(i, 1) + apart(i, 1)]).collect())
}

/// How much rows are neighbours, symmetric, the sum of all 1; in compressed rows.
#[derive(Debug)]
struct Affinity {
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    /// The sum of `p ln p`.
    entropy: f64,
}

impl Affinity {
    fn new(nearest: &Neighbors, n: usize, perplexity: f64) -> Self {
        let k = nearest.k();
        let mut shares = vec![0.0; n * k];
        reduce::fill_rows(&mut shares, k, CHUNK, |first, rows| {
            for (i, out) in rows.chunks_exact_mut(k).enumerate() {
                conditional(nearest.get(first + i).1, perplexity, out);
            }
        });
        // Each pair once from either side: sorted, equal pairs are added up.
        let mut pairs: Vec<(u32, u32, f64)> = Vec::with_capacity(2 * n * k);
        for i in 0..n {
            for (&j, share) in nearest.get(i).0.iter().zip(&shares[i * k..(i + 1) * k]) {
                pairs.push((i as u32, j, share / (2 * n) as f64));
                pairs.push((j, i as u32, share / (2 * n) as f64));
            }
        }
        pairs.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let (mut indptr, mut indices, mut values) = (vec![0; n + 1], Vec::new(), Vec::<f64>::new());
        let mut last = None;
        for (i, j, value) in pairs {
            if last == Some((i, j)) {
                if let Some(sum) = values.last_mut() {
                    *sum += value;
                }
                continue;
            }
            last = Some((i, j));
            indices.push(j);
            values.push(value);
            indptr[i as usize + 1] = indices.len();
        }
        for i in 0..n {
            indptr[i + 1] = indptr[i + 1].max(indptr[i]);
        }
        let entropy =
            reduce::sum_by(values.len(), |e| if values[e] > 0.0 { values[e] * values[e].ln() } else { 0.0 });
        Affinity { indptr, indices, values: values.into_iter().map(|value| value as f32).collect(), entropy }
    }
}

/// Shares of the neighbours of one row: normal densities of such a width that they have this perplexity.
fn conditional(distances: &[f64], perplexity: f64, out: &mut [f64]) {
    let wanted = perplexity.ln();
    let nearest = distances.first().map_or(0.0, |d| d * d);
    let spread = distances.iter().map(|d| d * d - nearest).sum::<f64>() / distances.len().max(1) as f64;
    let mut beta = if spread > 0.0 { 1.0 / spread } else { 1.0 };
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..200 {
        let (mut total, mut mean) = (0.0, 0.0);
        simd::widest(
            #[inline(always)]
            || {
                out.iter_mut()
                    .zip(distances)
                    .for_each(|(out, d)| *out = special::exp(-beta * (d * d - nearest)))
            },
        );
        for (out, d) in out.iter().zip(distances) {
            total += out;
            mean += (d * d - nearest) * out;
        }
        let entropy = total.ln() + beta * mean / total;
        out.iter_mut().for_each(|share| *share /= total);
        let miss = entropy - wanted;
        if miss.abs() < 1e-5 {
            break;
        }
        if miss > 0.0 {
            low = beta;
            beta = if high.is_finite() { f64::midpoint(low, high) } else { beta * 2.0 };
        } else {
            high = beta;
            beta = f64::midpoint(low, high);
        }
        if !(beta > 0.0 && beta < 1e300) {
            break;
        }
    }
}

struct Map {
    affinity: Affinity,
    points: Vec<[f32; 2]>,
    angle: f32,
}

struct End {
    divergence: f64,
    norm: f64,
    n_iterations: usize,
    converged: bool,
}

impl Map {
    fn descend(&mut self, settings: &Tsne, rate: f64, ctx: &Context) -> Result<End> {
        let n = self.points.len();
        let (mut moves, mut gains) = (vec![[0.0f32; 2]; n], vec![[1.0f32; 2]; n]);
        let (mut best, mut best_at) = (f64::INFINITY, 0);
        let mut end = End { divergence: 0.0, norm: 0.0, n_iterations: 0, converged: false };
        for step in 0..settings.max_iter {
            ctx.step(step, settings.max_iter)?;
            let early = step < EARLY;
            let exaggeration = if early { settings.early_exaggeration as f32 } else { 1.0 };
            let momentum = if early { 0.5 } else { 0.8 };
            let look = step % LOOK == LOOK - 1 || step + 1 == settings.max_iter;
            let (gradient, divergence) = self.gradient(exaggeration, look);
            for ((point, gradient), (moved, gain)) in
                self.points.iter_mut().zip(&gradient).zip(moves.iter_mut().zip(&mut gains))
            {
                for d in 0..2 {
                    let along = moved[d] * gradient[d] < 0.0;
                    gain[d] = (if along { gain[d] + 0.2 } else { gain[d] * 0.8 }).max(0.01);
                    moved[d] = momentum * moved[d] - rate as f32 * gain[d] * gradient[d];
                    point[d] += moved[d];
                }
            }
            end.n_iterations = step + 1;
            if look {
                let square = |i: usize| gradient[i].iter().map(|g| f64::from(g * g)).sum::<f64>();
                end.norm = reduce::sum_by(n, square).sqrt();
                end.divergence = divergence;
                if !early && divergence < best {
                    (best, best_at) = (divergence, step);
                }
                if !early && (end.norm <= settings.min_grad_norm || step - best_at.min(step) > 300) {
                    end.converged = true;
                    break;
                }
            }
        }
        Ok(end)
    }

    /// The gradient, and the divergence of the affinities without exaggeration where it is asked for.
    fn gradient(&self, exaggeration: f32, look: bool) -> (Vec<[f32; 2]>, f64) {
        let n = self.points.len();
        let tree = SpaceTree::new(&self.points, self.angle);
        // In the order of the tree, so that neighbours in a task walk the same cells.
        let mut apart = vec![[0.0f32; 3]; n];
        reduce::fill_chunks(&mut apart, CHUNK, |first, out| {
            for (place, out) in (first..).zip(out) {
                tree.around(place, |difference, distance, mass| {
                    let q = 1.0 / (1.0 + distance);
                    let weight = mass * q * q;
                    *out =
                        [out[0] + weight * difference[0], out[1] + weight * difference[1], out[2] + mass * q];
                });
            }
        });
        let total = reduce::sum_by(n, |place| f64::from(apart[place][2])).max(f64::MIN_POSITIVE);
        let mut gradient = vec![[0.0f32; 2]; n];
        for (&i, apart) in tree.order.iter().zip(&apart) {
            gradient[i as usize] = [apart[0] / total as f32, apart[1] / total as f32];
        }
        let affinity = &self.affinity;
        reduce::fill_chunks(&mut gradient, CHUNK, |first, out| {
            for (i, out) in (first..).zip(out) {
                let range = affinity.indptr[i]..affinity.indptr[i + 1];
                let here = self.points[i];
                let mut pull = [0.0f32; 2];
                for (&j, p) in affinity.indices[range.clone()].iter().zip(&affinity.values[range]) {
                    let there = self.points[j as usize];
                    let difference = [here[0] - there[0], here[1] - there[1]];
                    let distance = difference[0] * difference[0] + difference[1] * difference[1];
                    let weight = p / (1.0 + distance);
                    pull = [pull[0] + weight * difference[0], pull[1] + weight * difference[1]];
                }
                for d in 0..2 {
                    out[d] = 4.0 * (exaggeration * pull[d] - out[d]);
                }
            }
        });
        if !look {
            return (gradient, 0.0);
        }
        // The sum of p ln(p / q), with q = 1 / (1 + distance) / total.
        let cross = reduce::sum_by(n, |i| {
            let range = affinity.indptr[i]..affinity.indptr[i + 1];
            let here = self.points[i];
            let term = |(&j, p): (&u32, &f32)| {
                let there = self.points[j as usize];
                let (a, b) = (f64::from(here[0] - there[0]), f64::from(here[1] - there[1]));
                f64::from(*p) * (1.0 + a * a + b * b).ln()
            };
            affinity.indices[range.clone()].iter().zip(&affinity.values[range]).map(term).sum()
        });
        (gradient, affinity.entropy + cross + total.ln())
    }
}

/// A finished map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TsneModel {
    features: Features,
    embedding: Array2<f64>,
    kl_divergence: f64,
    gradient_norm: f64,
    n_iterations: usize,
    #[serde(default)]
    converged: bool,
}

impl TsneModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Where each training row lies on the map, rows x 2.
    pub fn embedding(&self) -> &ndarray::ArrayRef2<f64> {
        &self.embedding
    }

    /// The divergence of the neighbourhoods on the map from those of the rows (Kullback and Leibler): what was minimised.
    pub fn kl_divergence(&self) -> f64 {
        self.kl_divergence
    }

    /// Whether it ended because the gradient was as short as `min_grad_norm`, or the divergence had not fallen for 300 steps. Maps are of use
    /// long before; of one that is still moving, take more steps.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The length of the gradient at the end.
    pub fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }

    /// How many steps were taken.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }
}
