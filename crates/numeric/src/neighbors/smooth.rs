//! Sums of kernels over all rows, by the boxes of the tree (Gray and Moore, 2003).
//!
//! A kernel falls with the distance, so the box of a node bounds what its rows add. Where the two bounds are so near each
//! other that it does not show in the sum, the rows are not looked at.

use ndarray::ArrayRef2;
use perennial_core::{Context, Error, Result};

use super::collect::Nearest;
use super::norm::Squares;
use super::search::Index;
use super::tree::{LEAF, Tree};
use super::way::Way;
use crate::linalg::row_block;
use crate::{reduce, simd, special};

/// Queries of one task.
const BLOCK: usize = 64;
/// What may be missing of a sum in any case: less than its last bit.
const ROUNDING: f64 = 5e-17;

/// How the weight of a row falls with its distance, in units of the bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `exp(-t^2 / 2)`.
    Gaussian,
    /// 1 below 1, else 0.
    Tophat,
    /// `1 - t^2` below 1, else 0.
    Epanechnikov,
    /// `exp(-t)`.
    Exponential,
    /// `1 - t` below 1, else 0.
    Linear,
    /// `cos(pi t / 2)` below 1, else 0.
    Cosine,
}

impl Profile {
    /// Whether rows at any distance count.
    fn is_endless(self) -> bool {
        matches!(self, Profile::Gaussian | Profile::Exponential)
    }

    /// The kernels at squared distances, those without an end divided by that at the squared distance `least`.
    #[inline(always)]
    fn fill<const N: usize>(self, least: f64, squares: &mut [f64; N]) {
        match self {
            Profile::Gaussian => squares.iter_mut().for_each(|s| *s = special::exp(-0.5 * (*s - least))),
            Profile::Exponential => {
                let least = least.sqrt();
                squares.iter_mut().for_each(|s| *s = special::exp(least - s.sqrt()));
            }
            Profile::Tophat => squares.iter_mut().for_each(|s| *s = f64::from(u8::from(*s < 1.0))),
            Profile::Epanechnikov => squares.iter_mut().for_each(|s| *s = (1.0 - *s).max(0.0)),
            Profile::Linear => squares.iter_mut().for_each(|s| *s = (1.0 - s.sqrt()).max(0.0)),
            Profile::Cosine => squares.iter_mut().for_each(|s| {
                *s = if *s < 1.0 { libm::cos(std::f64::consts::FRAC_PI_2 * s.sqrt()) } else { 0.0 };
            }),
        }
    }
}

/// What a sum of kernels is made of.
#[derive(Clone, Copy, Debug)]
pub struct Smoothing<'a> {
    /// How the weight of a row falls with its distance.
    pub profile: Profile,
    /// The distance at which the profile is at 1.
    pub bandwidth: f64,
    /// A weight >= 0 for each row.
    pub weights: Option<&'a [f64]>,
    /// What may be missing of a sum, as a share of it.
    pub tolerance: f64,
}

/// The weights of the tree, by place and by node.
struct Weights {
    places: Vec<f64>,
    nodes: Vec<f64>,
}

impl Weights {
    fn new(tree: &Tree, weights: Option<&[f64]>) -> Self {
        let weight = |row: &u32| match (*row, weights) {
            (u32::MAX, _) => 0.0,
            (row, Some(weights)) => weights[row as usize],
            (_, None) => 1.0,
        };
        let places: Vec<f64> = tree.rows().iter().map(weight).collect();
        let mut nodes = vec![0.0; 2 * tree.n_leaves() - 1];
        let leaf = |leaf: usize| places[leaf * LEAF..][..LEAF].iter().sum::<f64>();
        super::spanning::fold(0, 0, tree.n_leaves(), &mut nodes, &leaf, &|a, b| a + b);
        Weights { places, nodes }
    }
}

impl Index {
    /// The logarithm of the sum of the kernels of all rows at each query, each times its weight; minus infinity where none
    /// reaches. What the sum would underflow for is kept: the logarithm is right however far the query is.
    ///
    /// # Errors
    /// When the index is none by [`Search::Tree`](super::Search::Tree) of the Euclidean metric, the bandwidth is no number
    /// above 0 in proportion to the rows, the columns are not as many as those of the rows, or it is cancelled.
    ///
    /// # Panics
    /// When there are not as many weights as rows.
    pub fn log_kernel_sums(
        &self,
        ctx: &Context,
        queries: &ArrayRef2<f64>,
        smoothing: Smoothing<'_>,
    ) -> Result<Vec<f64>> {
        let (Way::Tree(tree), super::Metric::Euclidean) = (&self.way, self.space.metric) else {
            return Err(Error::unsupported(
                "sums of kernels take an index of `Search::Tree` and the euclidean metric",
            ));
        };
        let scale = self.space.distance(1.0) / smoothing.bandwidth;
        if !(1e-140..=1e140).contains(&scale) {
            return Err(Error::overflow(format!(
                "squares of distances in units of the bandwidth {:e} leave the range of f64; take a bandwidth like the distances, or scale the columns",
                smoothing.bandwidth
            )));
        }
        assert!(
            smoothing.weights.is_none_or(|weights| weights.len() == self.n_rows),
            "there must be one weight for each row"
        );
        self.check_width(queries)?;
        let n_queries = queries.nrows();
        let points = self.space.place(&row_block(queries, 0..n_queries), 1);
        let width = self.space.n_coordinates();
        let order = self.order(&points, width);
        let weights = Weights::new(tree, smoothing.weights);
        let n_blocks = n_queries.div_ceil(BLOCK);
        let parts = reduce::try_map_chunks(n_queries, BLOCK, |range| {
            ctx.step(range.start / BLOCK, n_blocks)?;
            let place = |query: usize| order.as_ref().map_or(query, |order| order[query] as usize);
            let places = range.map(place).collect::<Vec<usize>>();
            let sums = simd::widest(Sums {
                tree,
                weights: &weights,
                profile: smoothing.profile,
                scale: scale * scale,
                tolerance: smoothing.tolerance.max(ROUNDING),
                points: &points,
                places: &places,
            });
            Ok((places, sums))
        })?;
        let mut out = vec![0.0; n_queries];
        for (places, sums) in parts {
            places.into_iter().zip(sums).for_each(|(place, sum)| out[place] = sum);
        }
        match out.iter().position(|sum| sum.is_nan()) {
            None => Ok(out),
            Some(row) => Err(Error::overflow(format!(
                "row {row} is so far from those that are searched that the distance is beyond the range of f64; check its units"
            ))),
        }
    }
}

struct Sums<'a> {
    tree: &'a Tree,
    weights: &'a Weights,
    profile: Profile,
    /// What turns a squared distance of the search into units of the bandwidth.
    scale: f64,
    tolerance: f64,
    points: &'a [f64],
    places: &'a [usize],
}

impl simd::Kernel for Sums<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let width = self.tree.width();
        let mut waiting = Vec::with_capacity(64);
        let mut pending = Vec::with_capacity(64);
        let mut out = Vec::with_capacity(self.places.len());
        for &place in self.places {
            let point = &self.points[place * width..][..width];
            let mut least = 0.0;
            if self.profile.is_endless() {
                let mut nearest = Nearest::new(1);
                self.tree.search(Squares, point, &mut nearest, &mut waiting);
                least = nearest.found().first().map_or(f64::NAN, |found| found.0) * self.scale;
            }
            let sum = self.sum(point, least, &mut pending);
            let offset = match self.profile {
                Profile::Gaussian => -0.5 * least,
                Profile::Exponential => -least.sqrt(),
                _ => 0.0,
            };
            out.push(if least.is_finite() { sum.ln() + offset } else { f64::NAN });
        }
        out
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn sum(&self, point: &[f64], least: f64, pending: &mut Vec<(u32, u32, u32)>) -> f64 {
        let total = self.weights.nodes[0];
        let mut sum = 0.0;
        pending.clear();
        pending.push((0, 0, self.tree.n_leaves() as u32));
        while let Some((node, first, n_leaves)) = pending.pop() {
            let weight = self.weights.nodes[node as usize];
            let near = self.tree.bound(Squares, node, point);
            let far = self.tree.reach(Squares, node, point);
            let mut bounds = [near * self.scale, far * self.scale];
            self.profile.fill(least, &mut bounds);
            let [most, fewest] = bounds;
            // Each row may err by its share of what the sum may.
            if 0.5 * (most - fewest) * total <= self.tolerance * (sum + fewest * weight) {
                sum += 0.5 * (most + fewest) * weight;
                continue;
            }
            if n_leaves > 1 {
                let n_left = n_leaves / 2;
                let left = (node + 1, first, n_left);
                let right = (node + 2 * n_left, first + n_left, n_leaves - n_left);
                // The nearer last, so that it comes first: a large sum lets more be passed over.
                let left_first = self.tree.is_left(node as usize, point);
                let (near, far) = if left_first { (left, right) } else { (right, left) };
                pending.push(far);
                pending.push(near);
                continue;
            }
            let mut kernels = self.tree.sums(Squares, first as usize, point);
            kernels.iter_mut().for_each(|square| *square *= self.scale);
            self.profile.fill(least, &mut kernels);
            let weights = &self.weights.places[first as usize * LEAF..][..LEAF];
            let mut lanes = [0.0; 8];
            for (kernels, weights) in kernels.as_chunks::<8>().0.iter().zip(weights.as_chunks::<8>().0) {
                for lane in 0..8 {
                    lanes[lane] += kernels[lane] * weights[lane];
                }
            }
            sum += ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6]))
                + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
        }
        sum
    }
}
