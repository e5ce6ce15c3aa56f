//! Maps that keep the lengths of the shortest ways between rows.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Context, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, Param, Result, Rows, Train,
    Transformer,
};
use perennial_numeric::linalg::{largest_eigen, matmul};
use perennial_numeric::neighbors::{Index, Metric, Search};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::nearest::nearest_of;
use super::pca::{decided_components, finish};

const N_COMPONENTS: Param =
    Param::integer("n_components", "how many columns the map has").at_least(1.0).at_most(10_000.0);
const N_NEIGHBORS: Param = Param::integer("n_neighbors", "how many of the nearest rows a row is linked to")
    .at_least(1.0)
    .at_most(1e6);
/// The most rows: the ways between all pairs take 0.8 GB, and a copy of them.
const MOST_ROWS: usize = 10_000;

/// A map on which rows are as far apart as the shortest way between them along near rows (Tenenbaum, de Silva and
/// Langford, 2000).
///
/// The ways of all pairs are found and their squares, centred, decomposed as in classical scaling, so more than 10000 rows
/// are refused. Where the graph of near rows falls apart, its parts are joined by the shortest edges that do. New
/// rows are placed by the ways over their nearest training rows. The largest entry of each column for the training rows
/// is positive.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_components` | 2 | 1 to 10000 | how many columns the map has |
/// | `n_neighbors` | 5 | >= 1, below the number of rows | how many of the nearest rows a row is linked to |
/// | `metric` | euclidean | | how distances between rows are measured |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_features::extraction::Isomap;
///
/// // Half a circle is a line to somebody who walks along it.
/// let angle = |i: usize| i as f64 / 59.0 * std::f64::consts::PI;
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| if j == 0 { angle(i).cos() } else { angle(i).sin() }));
/// let model = Isomap::new().n_components(1).n_neighbors(2).fit(&x, &NoTarget)?;
/// let places = model.embedding().column(0);
/// assert!(((places[0] - places[59]).abs() - std::f64::consts::PI).abs() < 0.01);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Isomap {
    n_components: usize,
    n_neighbors: usize,
    metric: Metric,
}

impl Default for Isomap {
    fn default() -> Self {
        Isomap { n_components: 2, n_neighbors: 5, metric: Metric::Euclidean }
    }
}

impl Isomap {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_COMPONENTS, N_NEIGHBORS];

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

    /// How many of the nearest rows a row is linked to.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// How distances between rows are measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }
}

/// By row, what it is linked to and how far that is; in both directions, and in one piece.
fn links(ctx: &Context, x: &ArrayRef2<f64>, k: usize, metric: Metric) -> Result<Vec<Vec<(u32, f64)>>> {
    let index = Index::new_in(ctx, x, metric, Search::Auto)?;
    let near = index.nearest_others(ctx, x, k)?;
    let mut links = vec![Vec::with_capacity(2 * k); x.nrows()];
    let mut parents: Vec<u32> = (0..x.nrows() as u32).collect();
    let mut link = |parents: &mut [u32], a: usize, b: usize, length: f64| {
        links[a].push((b as u32, length));
        links[b].push((a as u32, length));
        let (a, b) = (root(parents, a as u32), root(parents, b as u32));
        parents[a.max(b) as usize] = a.min(b);
    };
    for (row, (others, lengths)) in
        near.rows().chunks_exact(k).zip(near.distances().chunks_exact(k)).enumerate()
    {
        others
            .iter()
            .zip(lengths)
            .for_each(|(&other, &length)| link(&mut parents, row, other as usize, length));
    }
    let parts = |parents: &mut [u32]| (0..x.nrows() as u32).filter(|&row| root(parents, row) == row).count();
    if parts(&mut parents) > 1 {
        let tree = Index::new_in(ctx, x, metric, Search::Tree)?;
        for (length, a, b) in tree.reachability_tree(ctx, x, 1)? {
            if root(&mut parents, a) != root(&mut parents, b) {
                link(&mut parents, a as usize, b as usize, length);
            }
        }
    }
    Ok(links)
}

fn root(parents: &mut [u32], mut row: u32) -> u32 {
    while parents[row as usize] != row {
        let above = parents[parents[row as usize] as usize];
        parents[row as usize] = above;
        row = above;
    }
    row
}

/// A row that can be reached so far; the nearest is the greatest.
#[derive(PartialEq)]
struct Reached(f64, u32);

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The shortest ways from one row to all (Dijkstra, 1959).
fn ways(links: &[Vec<(u32, f64)>], from: usize, out: &mut [f64]) {
    out.fill(f64::INFINITY);
    out[from] = 0.0;
    let mut waiting = BinaryHeap::from([Reached(0.0, from as u32)]);
    while let Some(Reached(length, row)) = waiting.pop() {
        if length > out[row as usize] {
            continue;
        }
        for &(other, step) in &links[row as usize] {
            let sum = length + step;
            if sum < out[other as usize] {
                out[other as usize] = sum;
                waiting.push(Reached(sum, other));
            }
        }
    }
}

impl Estimator for Isomap {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = IsomapModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<IsomapModel> {
        N_COMPONENTS.check_count(self.n_components)?;
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        let x = train.x.dense()?;
        let n = x.nrows();
        if n > MOST_ROWS {
            return Err(Error::too_large(format!(
                "the ways between all pairs of {n} rows would be held; at most {MOST_ROWS} rows are taken: draw a sample and place the others by `transform`"
            )));
        }
        if self.n_neighbors >= n {
            return Err(Error::insufficient_data(format!(
                "{} neighbours of each of {n} rows were asked for; there must be more rows than neighbours",
                self.n_neighbors
            )));
        }
        let links = links(&train.ctx, x, self.n_neighbors, self.metric)?;
        let mut lengths = vec![0.0; n * n];
        reduce::try_fill_chunks(&mut lengths, 16 * n, |first, out| {
            train.ctx.step(first / n, n)?;
            out.chunks_exact_mut(n).enumerate().for_each(|(index, out)| ways(&links, first / n + index, out));
            Ok(())
        })?;
        let largest = lengths.iter().copied().fold(0.0, f64::max);
        if !(largest < 1e150) {
            return Err(Error::overflow(
                "squares of the ways leave the range of f64; scale the columns first",
            ));
        }
        let lengths = Array2::from_shape_vec((n, n), lengths).map_err(Error::other)?;
        let mut gram = lengths.mapv(|length| -0.5 * length * length);
        let means: Vec<f64> = gram.rows().into_iter().map(|row| row.sum() / n as f64).collect();
        let grand = means.iter().sum::<f64>() / n as f64;
        for ((i, j), value) in gram.indexed_iter_mut() {
            *value += grand - means[i] - means[j];
        }
        // What is left of symmetry after rounding.
        let gram = (&gram + &gram.t()) / 2.0;
        // Values below 0 are moved up, so that the largest are those of largest size.
        let shift = gram.iter().map(|value| value * value).sum::<f64>().sqrt();
        let k = self.n_components.min(n);
        let mut random = Random::new(0).stream("isomap");
        let found = largest_eigen(n, k, 1e-10, &mut random, &train.ctx, |vectors| {
            matmul(&gram, vectors) + &(vectors * shift)
        })?;
        let floor = 1e-10 * shift;
        let values: Vec<f64> =
            found.values.iter().map(|value| value - shift).take_while(|value| *value > floor).collect();
        if values.is_empty() {
            return Err(Error::insufficient_data("all rows are equal, so there is no map of them"));
        }
        let vectors = Array2::from_shape_fn((n, values.len()), |(row, column)| {
            found.vectors[[row, column]] / values[column].sqrt()
        });
        IsomapModel::try_from(Parts {
            features: train.x.features().clone(),
            rows: x.to_owned(),
            lengths,
            means,
            grand,
            vectors,
            values,
            n_neighbors: self.n_neighbors,
            metric: self.metric,
        })
    }
}

impl FitTransform for Isomap {}

/// A fitted [`Isomap`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct IsomapModel {
    parts: Parts,
    embedding: Array2<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parts {
    features: Features,
    rows: Array2<f64>,
    lengths: Array2<f64>,
    /// The mean of each row of the negative half squares of the lengths, and of all.
    means: Vec<f64>,
    grand: f64,
    vectors: Array2<f64>,
    values: Vec<f64>,
    n_neighbors: usize,
    metric: Metric,
}

impl From<IsomapModel> for Parts {
    fn from(model: IsomapModel) -> Parts {
        model.parts
    }
}

impl TryFrom<Parts> for IsomapModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let n = parts.rows.nrows();
        let sizes = parts.rows.ncols() == parts.features.len()
            && parts.lengths.dim() == (n, n)
            && parts.means.len() == n
            && parts.vectors.dim() == (n, parts.values.len())
            && !parts.values.is_empty()
            && (1..n).contains(&parts.n_neighbors);
        let numbers = parts.rows.iter().chain(&parts.lengths).chain(&parts.means).chain(&parts.vectors);
        if !sizes || !numbers.chain(&parts.values).chain([&parts.grand]).all(|value| value.is_finite()) {
            return Err(Error::corrupt("a map with sizes or numbers that do not fit together"));
        }
        let embedding =
            Array2::from_shape_fn(parts.vectors.dim(), |(i, j)| parts.vectors[[i, j]] * parts.values[j]);
        Ok(IsomapModel { parts, embedding })
    }
}

impl IsomapModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }

    /// The place of each training row, rows x columns of the map.
    pub fn embedding(&self) -> &ArrayRef2<f64> {
        &self.embedding
    }

    /// The length of the shortest way between any two training rows.
    pub fn lengths(&self) -> &ArrayRef2<f64> {
        &self.parts.lengths
    }

    /// The eigenvalues of the centred negative half squares of the lengths, the largest first.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.parts.values
    }
}

impl Transformer for IsomapModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.parts.features.align(x)?;
        x.check_finite(false)?;
        let (n, k) = (self.parts.rows.nrows(), self.parts.n_neighbors);
        if x.n_rows() == 0 {
            return finish(Array2::zeros((0, self.parts.values.len())), "isomap");
        }
        let near = nearest_of(&self.parts.rows, x.dense()?, k, self.parts.metric)?;
        let mut gram = vec![0.0; x.n_rows() * n];
        reduce::fill_rows(&mut gram, n, 16, |first, out| {
            for (index, out) in out.chunks_exact_mut(n).enumerate() {
                let (rows, distances) = near.get(first + index);
                out.fill(f64::INFINITY);
                for (&row, distance) in rows.iter().zip(distances) {
                    let lengths = self.parts.lengths.row(row as usize);
                    out.iter_mut().zip(lengths).for_each(|(out, length)| *out = out.min(distance + length));
                }
                out.iter_mut().for_each(|length| *length = *length * (-0.5 * *length));
                let mean = out.iter().sum::<f64>() / n as f64;
                out.iter_mut()
                    .zip(&self.parts.means)
                    .for_each(|(out, other)| *out += self.parts.grand - mean - other);
            }
        });
        let gram = Array2::from_shape_vec((x.n_rows(), n), gram).map_err(Error::other)?;
        finish(matmul(&gram, &self.parts.vectors), "isomap")
    }

    fn decided(&self) -> Vec<Decided> {
        let why = format!("from the shortest ways between {} training rows", self.parts.rows.nrows());
        decided_components(self, self.parts.vectors.ncols(), &self.parts.features, why)
    }
}
