//! Clusters around the peaks of the density.

use ndarray::{Array2, ArrayRef2, Axis, s};
use perennial_core::{
    Clusters, Context, Error, Estimator, Features, Matrix, NoTarget, Param, Predictor, Result, Train,
};
use perennial_numeric::neighbors::{Index, Metric, Search};
use serde::{Deserialize, Serialize};

use super::kmeans::{check_centres, place_rows};
use super::lloyd::squared;
use crate::rows::row_major;

const BANDWIDTH: Param =
    Param::real("bandwidth", "how near the rows are that pull").above(0.0).search_log(0.1, 10.0);
const QUANTILE: Param =
    Param::real("quantile", "the share of all rows that is within the bandwidth of a row, about")
        .above(0.0)
        .at_most(1.0);
const MIN_BIN_FREQ: Param =
    Param::integer("min_bin_freq", "the fewest rows of a bin that starts").at_least(1.0).at_most(1e9);
const MAX_ITER: Param = Param::integer("max_iter", "the most steps of a start").at_least(1.0).at_most(1e9);
/// A start that moves by less than this share of the bandwidth has come to rest.
const REST: f64 = 1e-3;
/// Starts whose rows are held at a time.
const BLOCK: usize = 256;

/// Mean shift (Fukunaga and Hostetler, 1975; Comaniciu and Meer, 2002): from every row, go to the mean of the rows within the
/// bandwidth, again and again; where this comes to rest is a peak of the density, and the peaks are the centres.
///
/// Of peaks nearer to each other than the bandwidth the one with most rows counts. The number of clusters is not asked
/// for. Every start looks for its rows in each step, so time grows with the square of the rows where the bandwidth takes
/// in a share of them; `bin_seeding` starts from few places. Clusters are ordered by how many rows their peaks have.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `bandwidth` | by `quantile` | > 0 | how near the rows are that pull |
/// | `quantile` | 0.3 | 0 to 1 | without a bandwidth: it is the mean distance to the row that this share of all rows is nearer than |
/// | `bin_seeding` | false | | start from bins of the size of the bandwidth, not from every row |
/// | `min_bin_freq` | 1 | >= 1 | the fewest rows of a bin that starts |
/// | `cluster_all` | true | | whether rows farther than the bandwidth from all peaks belong to the nearest, or are noise |
/// | `max_iter` | 300 | >= 1 | the most steps of a start |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Predictor};
/// use perennial_models::MeanShift;
///
/// let x = Matrix::from(array![[0.0], [0.2], [0.4], [9.0], [9.2]]);
/// let model = MeanShift::new().bandwidth(1.0).fit(&x, &NoTarget)?;
/// assert_eq!(model.predict(&x)?.labels(), [0, 0, 0, 1, 1]);
/// assert!((model.centres()[[0, 0]] - 0.2).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanShift {
    bandwidth: Option<f64>,
    quantile: f64,
    bin_seeding: bool,
    min_bin_freq: usize,
    cluster_all: bool,
    max_iter: usize,
}

impl Default for MeanShift {
    fn default() -> Self {
        MeanShift {
            bandwidth: None,
            quantile: 0.3,
            bin_seeding: false,
            min_bin_freq: 1,
            cluster_all: true,
            max_iter: 300,
        }
    }
}

impl MeanShift {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[BANDWIDTH, QUANTILE, MIN_BIN_FREQ, MAX_ITER];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how near the rows are that pull.
    #[must_use]
    pub fn bandwidth(mut self, bandwidth: f64) -> Self {
        self.bandwidth = Some(bandwidth);
        self
    }

    /// Sets the share of all rows that the bandwidth is taken from, where it is not set.
    #[must_use]
    pub fn quantile(mut self, quantile: f64) -> Self {
        self.quantile = quantile;
        self
    }

    /// Starts from bins of the size of the bandwidth, not from every row.
    #[must_use]
    pub fn bin_seeding(mut self, bin_seeding: bool) -> Self {
        self.bin_seeding = bin_seeding;
        self
    }

    /// Sets the fewest rows of a bin that starts.
    #[must_use]
    pub fn min_bin_freq(mut self, min_bin_freq: usize) -> Self {
        self.min_bin_freq = min_bin_freq;
        self
    }

    /// Sets whether rows farther than the bandwidth from all peaks belong to the nearest, or are noise.
    #[must_use]
    pub fn cluster_all(mut self, cluster_all: bool) -> Self {
        self.cluster_all = cluster_all;
        self
    }

    /// Sets the most steps of a start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// The mean distance of the rows from the row that the quantile is nearer than.
    fn estimate(&self, ctx: &Context, index: &Index, x: &ArrayRef2<f64>) -> Result<f64> {
        let n_rows = x.nrows();
        let k = ((n_rows as f64 * self.quantile) as usize).max(1);
        let mut sum = 0.0;
        for start in (0..n_rows).step_by(BLOCK) {
            let rows = x.slice(s![start..(start + BLOCK).min(n_rows), ..]);
            let found = index.nearest_in(ctx, &rows, k)?;
            // Each by its part, so that no sum leaves the range.
            sum += found.distances().chunks_exact(k).map(|near| near[k - 1] / n_rows as f64).sum::<f64>();
        }
        if sum > 0.0 {
            return Ok(sum);
        }
        Err(Error::insufficient_data(
            "the bandwidth comes out as 0, as where many rows are equal; raise `quantile` or set `bandwidth`",
        ))
    }

    /// Where the starts are.
    fn starts(&self, x: &ArrayRef2<f64>, bandwidth: f64) -> Result<Array2<f64>> {
        if !self.bin_seeding {
            return Ok(x.to_owned());
        }
        let mut bins = std::collections::BTreeMap::<Vec<i64>, usize>::new();
        for row in x.rows() {
            let bin = |value: &f64| {
                let bin = (value / bandwidth).round_ties_even();
                (bin.abs() < 9e15).then_some(bin as i64)
            };
            let Some(bins_of) = row.iter().map(bin).collect::<Option<Vec<i64>>>() else {
                return Err(Error::overflow(
                    "the numbers are too large for bins of the size of the bandwidth; scale the columns",
                ));
            };
            *bins.entry(bins_of).or_insert(0) += 1;
        }
        bins.retain(|_, count| *count >= self.min_bin_freq);
        if bins.is_empty() {
            return Err(Error::insufficient_data(format!(
                "no bin has {} rows; lower `min_bin_freq` or raise `bandwidth`",
                self.min_bin_freq
            )));
        }
        let cells = bins.keys().flat_map(|bin| bin.iter().map(|place| *place as f64 * bandwidth)).collect();
        Array2::from_shape_vec((bins.len(), x.ncols()), cells).map_err(Error::other)
    }

    /// Where a block of starts comes to rest, and how many rows are there; how many steps were taken, and whether all rest.
    fn climb(
        &self,
        ctx: &Context,
        index: &Index,
        x: &ArrayRef2<f64>,
        bandwidth: f64,
        mut places: Array2<f64>,
    ) -> Result<Climbed> {
        let n = places.nrows();
        let mut counts = vec![0; n];
        let mut moving: Vec<usize> = (0..n).collect();
        let (mut n_iterations, mut converged, mut shift) = (0, true, 0.0_f64);
        for step in 0..=self.max_iter {
            let found = index.within(ctx, &places.select(Axis(0), &moving), bandwidth)?;
            let mut still = Vec::new();
            for (at, &start) in moving.iter().enumerate() {
                let rows = found.get(at).0;
                if rows.is_empty() {
                    continue;
                }
                let mut mean = vec![0.0; x.ncols()];
                for &row in rows {
                    let row = x.row(row as usize);
                    mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / rows.len() as f64);
                }
                let moved =
                    mean.iter().zip(places.row(start)).map(|(new, old)| ((new - old) / bandwidth).powi(2));
                let moved = moved.sum::<f64>().sqrt();
                let rests = moved <= REST;
                counts[start] = rows.len();
                places.row_mut(start).iter_mut().zip(mean).for_each(|(place, mean)| *place = mean);
                if !rests && step < self.max_iter {
                    still.push(start);
                }
                converged &= rests || step < self.max_iter;
                if rests || step == self.max_iter {
                    shift = shift.max(moved * bandwidth);
                }
            }
            n_iterations = step;
            moving = still;
            if moving.is_empty() {
                break;
            }
        }
        Ok(Climbed { places, counts, n_iterations, converged, shift })
    }
}

struct Climbed {
    places: Array2<f64>,
    counts: Vec<usize>,
    n_iterations: usize,
    converged: bool,
    shift: f64,
}

impl Estimator for MeanShift {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = MeanShiftModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<MeanShiftModel> {
        self.bandwidth.map_or(Ok(()), |bandwidth| BANDWIDTH.check(bandwidth))?;
        QUANTILE.check(self.quantile)?;
        MIN_BIN_FREQ.check_count(self.min_bin_freq)?;
        MAX_ITER.check_count(self.max_iter)?;
        let x = train.x.dense()?;
        let index = Index::new_in(&train.ctx, x, Metric::Euclidean, Search::Auto)?;
        let bandwidth = self.bandwidth.map_or_else(|| self.estimate(&train.ctx, &index, x), Ok)?;
        let starts = self.starts(x, bandwidth)?;
        let mut peaks: Vec<(usize, Vec<f64>)> = Vec::new();
        let (mut n_iterations, mut converged, mut shift) = (0, true, 0.0_f64);
        for start in (0..starts.nrows()).step_by(BLOCK) {
            train.ctx.step(start, starts.nrows())?;
            let block = starts.slice(s![start..(start + BLOCK).min(starts.nrows()), ..]).to_owned();
            let found = self.climb(&train.ctx, &index, x, bandwidth, block)?;
            n_iterations = n_iterations.max(found.n_iterations);
            converged &= found.converged;
            shift = shift.max(found.shift);
            let risen = found.counts.iter().zip(found.places.rows()).filter(|(count, _)| **count > 0);
            peaks.extend(risen.map(|(count, place)| (*count, place.to_vec())));
        }
        let centres = apart(peaks, bandwidth, &train.ctx)?;
        let n_centres = centres.len();
        if n_centres == 0 {
            return Err(Error::insufficient_data(format!(
                "no row is within the bandwidth {bandwidth} of a start; raise it, or start from every row"
            )));
        }
        let cells: Vec<f64> = centres.into_iter().flatten().collect();
        if !cells.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow("a mean of rows is beyond the range of f64; scale the columns"));
        }
        let centres = Array2::from_shape_vec((n_centres, x.ncols()), cells).map_err(Error::other)?;
        let (features, cluster_all) = (train.x.features().clone(), self.cluster_all);
        Ok(MeanShiftModel { features, centres, bandwidth, cluster_all, n_iterations, converged, shift })
    }
}

/// The peaks with most rows that are farther from each other than the bandwidth.
fn apart(mut peaks: Vec<(usize, Vec<f64>)>, bandwidth: f64, ctx: &Context) -> Result<Vec<Vec<f64>>> {
    let by_place = |a: &[f64], b: &[f64]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| a.total_cmp(b))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    peaks.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| by_place(&b.1, &a.1)));
    peaks.dedup();
    let mut centres: Vec<Vec<f64>> = Vec::new();
    for (_, place) in peaks {
        ctx.check()?;
        let far = |other: &Vec<f64>| {
            other.iter().zip(&place).map(|(a, b)| ((a - b) / bandwidth).powi(2)).sum::<f64>() > 1.0
        };
        if centres.iter().all(far) {
            centres.push(place);
        }
    }
    Ok(centres)
}

/// The peaks; a row belongs to the nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct MeanShiftModel {
    features: Features,
    centres: Array2<f64>,
    bandwidth: f64,
    cluster_all: bool,
    n_iterations: usize,
    converged: bool,
    shift: f64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    centres: Array2<f64>,
    bandwidth: f64,
    cluster_all: bool,
    n_iterations: usize,
    converged: bool,
    shift: f64,
}

impl TryFrom<Parts> for MeanShiftModel {
    type Error = Error;

    fn try_from(
        Parts { features, centres, bandwidth, cluster_all, n_iterations, converged, shift }: Parts,
    ) -> Result<Self> {
        check_centres(&features, &centres)?;
        if BANDWIDTH.check(bandwidth).is_err() {
            return Err(Error::corrupt("the bandwidth of the clusters is damaged"));
        }
        Ok(MeanShiftModel { features, centres, bandwidth, cluster_all, n_iterations, converged, shift })
    }
}

impl MeanShiftModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The peaks, clusters x columns, those with most rows first.
    pub fn centres(&self) -> &ArrayRef2<f64> {
        &self.centres
    }

    /// How near the rows were that pulled.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// How many steps the slowest start took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// Whether all starts came to rest; where not, some took `max_iter` steps and their peaks are where they were then.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The longest last step of a climb, in the units of the rows: a climb rests at a thousandth of the bandwidth.
    pub fn last_shift(&self) -> f64 {
        self.shift
    }
}

impl Predictor for MeanShiftModel {
    type Input = Matrix;
    type Output = Clusters;

    fn predict(&self, x: &Matrix) -> Result<Clusters> {
        let (x, mut labels) = place_rows(&self.features, &self.centres, x)?;
        if !self.cluster_all {
            let (rows, centres) = (x.dense()?, row_major(&self.centres));
            let width = self.centres.ncols();
            // In units of the bandwidth, so that no square leaves the range that decides.
            let unit =
                |values: &[f64]| values.iter().map(|value| value / self.bandwidth).collect::<Vec<f64>>();
            let cells = row_major(rows);
            for (row, label) in cells.chunks_exact(width).zip(&mut labels) {
                let centre = &centres[*label as usize * width..][..width];
                if squared(&unit(row), &unit(centre)) > 1.0 {
                    *label = -1;
                }
            }
        }
        Clusters::of(labels, self.centres.nrows() as u32)
    }
}
