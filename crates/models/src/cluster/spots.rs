//! What k-means asks of rows, whether they are dense or sparse.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Context, Error, Result};
use perennial_numeric::neighbors::{Bounds, Points};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;

use super::kmeans::Init;
use super::lloyd::{BLOCK, Data, add, squared};

/// Refuses more numbers in rows that are written out than memory should be asked for: sparse rows may have any number of columns.
pub(super) fn check_size(n_rows: usize, width: usize) -> Result<()> {
    const MOST: usize = 1 << 31;
    if n_rows.checked_mul(width).is_some_and(|size| size <= MOST) {
        return Ok(());
    }
    Err(Error::too_large(format!(
        "{n_rows} dense rows of {width} columns, the centres or those that are drawn at the start, hold more than 2^31 numbers; ask for \
         fewer clusters, or take fewer columns, such as those of `TruncatedSvd`"
    )))
}

/// Rows among centres that are dense.
pub(crate) trait Spots: Sync + Sized {
    /// The form in which nearest centres are searched again and again.
    type Packed<'p>: Finder
    where
        Self: 'p;
    /// Some of the rows.
    type Part: Spots;

    fn n_rows(&self) -> usize;
    fn width(&self) -> usize;
    fn weights(&self) -> Option<&[f64]>;
    /// What the numbers were divided by.
    fn unit(&self) -> f64;
    fn pack(&self) -> Self::Packed<'_>;
    /// Adds a row, times `weight`.
    fn add_to(&self, row: usize, weight: f64, sums: &mut [f64]);
    /// The squared length of each centre, where [`squared`](Spots::squared) wants it.
    fn lengths(&self, centres: &[f64]) -> Vec<f64>;
    /// The squared distance of a row from a centre of the given squared length.
    fn squared(&self, row: usize, centre: &[f64], length: f64) -> f64;
    /// The given rows, with their weights or all alike.
    fn take(&self, rows: &[usize], weighted: bool) -> Result<Self::Part>;
    /// Rows of a task that adds up the rows of so many clusters.
    fn block(&self, n_clusters: usize) -> usize;
    /// The mean of the variances of the columns.
    fn variance(&self) -> f64;

    fn weight(&self, row: usize) -> f64 {
        self.weights().map_or(1.0, |weights| weights[row])
    }

    fn check_clusters(&self, n_clusters: usize) -> Result<()> {
        if n_clusters <= self.n_rows() {
            return check_size(n_clusters, self.width());
        }
        Err(Error::insufficient_data(format!(
            "{n_clusters} clusters of {} rows were asked for; there must be at least as many rows as clusters",
            self.n_rows()
        )))
    }

    /// Some rows, each written out.
    fn gather(&self, rows: &[usize]) -> Vec<f64> {
        let width = self.width();
        let mut cells = vec![0.0; rows.len() * width];
        cells.chunks_exact_mut(width).zip(rows).for_each(|(cells, &row)| self.add_to(row, 1.0, cells));
        cells
    }

    /// Where the iteration begins.
    fn start(
        &self,
        ctx: &Context,
        points: &impl Finder,
        init: &Init,
        n_clusters: usize,
        random: &mut Random,
    ) -> Result<Vec<f64>> {
        let rows = match init {
            Init::KMeansPlusPlus => points.far_apart_in(ctx, n_clusters, self.weights(), random)?,
            Init::KMeansParallel => points.far_apart_at_once(ctx, n_clusters, self.weights(), random)?,
            Init::Random => random.sample(self.n_rows(), n_clusters),
            Init::Given(centres) => {
                check_start(centres, n_clusters, self.width())?;
                return Ok(centres.iter().map(|value| value / self.unit()).collect());
            }
        };
        Ok(self.gather(&rows))
    }
}

/// Rows whose nearest centres are asked for; see [`Points`].
pub(crate) trait Finder: Sync {
    fn nearest(&self, centres: &[f64], nearest: &mut [u32]);
    /// The same, where `bounds` go from one search to the next while centres move.
    fn nearest_again(&self, centres: &[f64], nearest: &mut [u32], _bounds: &mut Bounds) {
        self.nearest(centres, nearest);
    }
    fn far_apart_in(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>>;
    fn far_apart_at_once(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>>;
}

impl Finder for Points<'_> {
    fn nearest(&self, centres: &[f64], nearest: &mut [u32]) {
        Points::nearest(self, centres, nearest);
    }

    fn nearest_again(&self, centres: &[f64], nearest: &mut [u32], bounds: &mut Bounds) {
        Points::nearest_again(self, centres, nearest, bounds);
    }

    fn far_apart_in(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        Points::far_apart_in(self, ctx, k, weights, random)
    }

    fn far_apart_at_once(
        &self,
        ctx: &Context,
        k: usize,
        weights: Option<&[f64]>,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        Points::far_apart_at_once(self, ctx, k, weights, random)
    }
}

impl Spots for Data<'_> {
    type Packed<'p>
        = Points<'p>
    where
        Self: 'p;
    type Part = Data<'static>;

    fn n_rows(&self) -> usize {
        self.cells.len() / self.width
    }

    fn width(&self) -> usize {
        self.width
    }

    fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    fn unit(&self) -> f64 {
        self.unit
    }

    fn pack(&self) -> Points<'_> {
        Points::new(&self.cells, self.width)
    }

    fn add_to(&self, row: usize, weight: f64, sums: &mut [f64]) {
        sums.iter_mut().zip(self.row(row)).for_each(|(sum, value)| *sum += weight * value);
    }

    fn lengths(&self, centres: &[f64]) -> Vec<f64> {
        vec![0.0; centres.len() / self.width]
    }

    fn squared(&self, row: usize, centre: &[f64], _: f64) -> f64 {
        squared(self.row(row), centre)
    }

    fn take(&self, rows: &[usize], weighted: bool) -> Result<Data<'static>> {
        let weights = self.weights.as_deref().filter(|_| weighted);
        Ok(Data {
            cells: rows.iter().flat_map(|&row| self.row(row).to_vec()).collect(),
            width: self.width,
            weights: weights.map(|weights| rows.iter().map(|&row| weights[row]).collect()),
            unit: self.unit,
        })
    }

    fn block(&self, n_clusters: usize) -> usize {
        // The sums of a task must not be more work than its rows.
        BLOCK.max(4 * n_clusters)
    }

    fn variance(&self) -> f64 {
        let width = self.width;
        let sums = |centre: Option<&[f64]>, rows: Range<usize>| {
            let mut sums = vec![0.0; width + 1];
            for row in rows {
                let weight = self.weight(row);
                sums[width] += weight;
                for (column, value) in self.row(row).iter().enumerate() {
                    let part =
                        centre.map_or(*value, |centre| (value - centre[column]) * (value - centre[column]));
                    sums[column] += weight * part;
                }
            }
            sums
        };
        let means = |centre: Option<&[f64]>| {
            let sums = reduce::map_reduce(self.n_rows(), BLOCK, |rows| sums(centre, rows), add);
            let sums = sums.unwrap_or_else(|| vec![0.0; width + 1]);
            sums[..width].iter().map(|sum| sum / sums[width]).collect::<Vec<f64>>()
        };
        let centre = means(None);
        means(Some(&centre)).iter().sum::<f64>() / width as f64
    }
}

fn check_start(centres: &Array2<f64>, n_clusters: usize, width: usize) -> Result<()> {
    if centres.dim() != (n_clusters, width) {
        return Err(Error::malformed(format!(
            "the given centres are {} x {}; {n_clusters} clusters of {width} columns need {n_clusters} x {width}",
            centres.nrows(),
            centres.ncols()
        )));
    }
    if centres.iter().any(|value| !value.is_finite()) {
        return Err(Error::malformed("a given centre holds a number that is not finite"));
    }
    Ok(())
}
