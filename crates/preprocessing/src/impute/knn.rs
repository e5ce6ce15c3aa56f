//! Missing numbers from the most similar rows.

use ndarray::{Array2, ArrayRef2};
use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param,
    Result, Train, Transformer,
};
use perennial_data::{Change, ChangeKind};
use perennial_numeric::{reduce, simd};
use serde::{Deserialize, Serialize};

use super::code_classes::is_code;
use crate::cells::{by_column, changes};
use crate::decided;
use crate::schema;

/// Replaces each missing number by the mean of its column over the most similar training rows that have one.
///
/// Two rows are as far apart as the columns say that both have: the mean squared gap of those, times the number of all
/// (Dixon, 1979; `nan_euclidean` of scikit-learn). Where no such row shares a column, the mean of the column stands in.
/// A column in which every value is missing is an error. Scale the columns before: distances decide.
///
/// Codes of categories ([`FeatureKind::Categorical`](perennial_core::FeatureKind)) are no amounts: of those of the similar rows the most frequent stands in, by the same
/// weights, and of equally frequent ones the lowest.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_neighbors` | 5 | >= 1 | similar rows that are averaged |
/// | `by_distance` | false | | whether nearer rows count more, by the inverse of their distance |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::KnnImputer;
///
/// let x = Matrix::from(array![[1.0, 10.0], [1.2, 14.0], [9.0, 90.0], [1.1, f64::NAN]]);
/// let filled = KnnImputer::new().n_neighbors(2).fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(filled.dense()?[[3, 1]], 12.0);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnnImputer {
    n_neighbors: usize,
    by_distance: bool,
}

impl Default for KnnImputer {
    fn default() -> Self {
        KnnImputer { n_neighbors: 5, by_distance: false }
    }
}

const N_NEIGHBORS: Param =
    Param::integer("n_neighbors", "similar rows that are averaged").at_least(1.0).search(1.0, 30.0);

impl KnnImputer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_NEIGHBORS];

    /// By the mean of five rows.
    pub fn new() -> Self {
        KnnImputer::default()
    }

    /// Similar rows that are averaged.
    #[must_use]
    pub fn n_neighbors(mut self, n_neighbors: usize) -> Self {
        self.n_neighbors = n_neighbors;
        self
    }

    /// Whether nearer rows count more.
    #[must_use]
    pub fn by_distance(mut self, by_distance: bool) -> Self {
        self.by_distance = by_distance;
        self
    }
}

impl Estimator for KnnImputer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = KnnImputerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<KnnImputerModel> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        let features = train.x.features();
        let donors = by_column(train.x.dense()?, |column, values| {
            let there: Vec<f64> = values.iter().map(|value| f64::from(u8::from(!value.is_nan()))).collect();
            let codes = is_code(features, column).then(|| values.iter().filter(|value| !value.is_nan()));
            let usual = codes.and_then(|codes| most_frequent(codes.map(|code| (*code, 1.0)).collect()));
            values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
            let count = reduce::sum(&there);
            if count == 0.0 {
                return Err(Error::insufficient_data(format!(
                    "every value of column `{}` is missing, so no row can lend one; leave it out, or fill it with a constant",
                    features.name(column)
                )));
            }
            // In shares, so that the sum of huge numbers stays in range.
            let mean = reduce::sum_by(values.len(), |row| values[row] / count);
            Ok(Donors { values: std::mem::take(values), there, mean: usual.unwrap_or(mean) })
        });
        KnnImputerModel::try_from(Parts {
            features: features.clone(),
            settings: self.clone(),
            donors: donors.into_iter().collect::<Result<_>>()?,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

impl FitTransform for KnnImputer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        N_NEIGHBORS.check_count(self.n_neighbors)?;
        schema::mixed_columns(x)
    }
}

/// A fitted [`KnnImputer`]: it keeps the rows it learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct KnnImputerModel {
    features: Features,
    settings: KnnImputer,
    donors: Vec<Donors>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    settings: KnnImputer,
    donors: Vec<Donors>,
}

/// One column of the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Donors {
    /// 0 where there is none.
    values: Vec<f64>,
    /// 1 where there is a value, else 0.
    there: Vec<f64>,
    /// Of codes the most frequent.
    mean: f64,
}

/// The value of the largest weight in all, the lowest of several.
fn most_frequent(mut weighed: Vec<(f64, f64)>) -> Option<f64> {
    weighed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of = |same: &[(f64, f64)]| (same[0].0, same.iter().map(|(_, weight)| weight).sum::<f64>());
    let totals = weighed.chunk_by(|a, b| a.0 == b.0).map(of);
    totals.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(value, _)| value)
}

impl TryFrom<Parts> for KnnImputerModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, settings, donors } = parts;
        N_NEIGHBORS.check_count(settings.n_neighbors)?;
        let n_rows = donors.first().map_or(0, |donors| donors.values.len());
        let sound = |donors: &Donors| {
            let whole = donors.values.len() == n_rows && donors.there.len() == n_rows;
            whole
                && donors.mean.is_finite()
                && donors.values.iter().chain(&donors.there).all(|cell| cell.is_finite())
        };
        if donors.len() != features.len() || !donors.iter().all(sound) {
            return Err(Error::corrupt(
                "an imputer needs as many finite values for each column as it keeps rows",
            ));
        }
        Ok(KnnImputerModel { features, settings, donors })
    }
}

/// Training rows whose distances are computed at a time.
const BLOCK: usize = 1024;

impl KnnImputerModel {
    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        let missing = |donors: &Donors| donors.there.iter().filter(|there| **there == 0.0).count();
        let counts: Vec<usize> = self.donors.iter().map(missing).collect();
        changes(&self.features, ChangeKind::Filled, &counts)
    }

    /// Fills the missing cells of one row.
    fn fill(&self, row: &mut [f64], distances: &mut Vec<f64>) {
        let n_donors = self.donors.first().map_or(0, |donors| donors.values.len());
        distances.resize(n_donors, 0.0);
        for (block, distances) in distances.chunks_mut(BLOCK).enumerate() {
            simd::widest(Distances { donors: &self.donors, first: block * BLOCK, row, out: distances });
        }
        let missing: Vec<usize> = (0..row.len()).filter(|&column| row[column].is_nan()).collect();
        let mut best: Vec<(f64, usize)> = Vec::with_capacity(self.settings.n_neighbors.min(n_donors) + 1);
        for column in missing {
            let donors = &self.donors[column];
            best.clear();
            for (donor, &distance) in distances.iter().enumerate() {
                let full = best.len() == self.settings.n_neighbors;
                if donors.there[donor] == 0.0
                    || distance.is_nan()
                    || (full && distance >= best[best.len() - 1].0)
                {
                    continue;
                }
                if full {
                    best.pop();
                }
                // After equals: of rows equally far the earlier ones come first.
                let place = best.partition_point(|(known, _)| *known <= distance);
                best.insert(place, (distance, donor));
            }
            row[column] = self.answer(column, donors, &best);
        }
    }

    /// What stands in: the mean of the similar rows, or their most frequent code.
    fn answer(&self, column: usize, donors: &Donors, best: &[(f64, usize)]) -> f64 {
        if best.is_empty() {
            return donors.mean;
        }
        let exact = best[0].0 == 0.0;
        let weight = |distance: f64| match self.settings.by_distance {
            false => 1.0,
            // Rows at the very place outweigh all others.
            true if exact => f64::from(u8::from(distance == 0.0)),
            true => (best[0].0 / distance).sqrt(),
        };
        if is_code(&self.features, column) {
            let codes = best.iter().map(|(distance, donor)| (donors.values[*donor], weight(*distance)));
            return most_frequent(codes.collect()).unwrap_or(donors.mean);
        }
        let total: f64 = best.iter().map(|(distance, _)| weight(*distance)).sum();
        best.iter().map(|(distance, donor)| weight(*distance) / total * donors.values[*donor]).sum()
    }
}

/// Squared distances of training rows to a row; NaN where they share no column.
struct Distances<'a> {
    donors: &'a [Donors],
    first: usize,
    row: &'a [f64],
    out: &'a mut [f64],
}

impl simd::Kernel for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        let mut shared = [0.0; BLOCK];
        let shared = &mut shared[..n];
        self.out.fill(0.0);
        for (donors, &cell) in self.donors.iter().zip(self.row) {
            if cell.is_nan() {
                continue;
            }
            let (values, there) = (&donors.values[self.first..][..n], &donors.there[self.first..][..n]);
            for index in 0..n {
                let gap = (cell - values[index]) * there[index];
                self.out[index] += gap * gap;
                shared[index] += there[index];
            }
        }
        let all = self.row.len() as f64;
        for (distance, shared) in self.out.iter_mut().zip(shared) {
            *distance = *distance / *shared * all;
        }
    }
}

/// Rows filled by one task.
const ROWS: usize = 16;

impl Transformer for KnnImputerModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        x.check_finite(true)?;
        let cells: &ArrayRef2<f64> = x.dense()?;
        let (n_rows, n_cols) = cells.dim();
        let mut out: Vec<f64> = cells.iter().copied().collect();
        reduce::fill_rows(&mut out, n_cols, ROWS, |_, rows| {
            let mut distances = Vec::new();
            for row in rows.chunks_exact_mut(n_cols).filter(|row| row.iter().any(|cell| cell.is_nan())) {
                self.fill(row, &mut distances);
            }
        });
        let out = Matrix::from(Array2::from_shape_vec((n_rows, n_cols), out).map_err(Error::other)?);
        out.with_features(self.features.clone())
    }

    fn decided(&self) -> Vec<Decided> {
        let what =
            "missing cells become the mean or the mode of the nearest training rows that have the cell";
        decided::of_changes(self, &self.changes(), what, "the training rows are kept")
    }
}
