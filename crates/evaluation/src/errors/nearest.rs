use ndarray::{ArrayRef2, ArrayView1};
use perennial_core::{Error, FeatureKind, Matrix, Param, Result, check_rows};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use crate::tabular::AsNumbers;
use crate::{Tabular, tasks};

/// A training row near to a row that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearRow {
    /// The training row.
    pub row: usize,
    /// How far it is, in mean deviations of a feature.
    pub distance: f64,
}

/// The training rows that are nearest to a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearestRows {
    /// The row that is looked at.
    pub row: usize,
    /// The training rows, the nearest first.
    pub nearest: Vec<NearRow>,
    /// Whether the nearest is further off than 19 of 20 training rows are from theirs: the model has seen nothing like it.
    pub unlike_training: bool,
}

const N_NEAREST: Param = Param::integer("n_nearest", "training rows for each row").at_least(1.0);
/// So many training rows tell how far a training row usually is from the nearest other one.
const SAMPLE: usize = 500;
const USUAL: f64 = 0.95;

/// Which training rows are most like some rows, such as those of [`worst_rows`](super::worst_rows): their targets tell whether the
/// label is odd, and their distance whether the model has seen anything like them.
///
/// Rows are those of a matrix, or with the feature `table` of a table, with texts, categories and moments as they are. A feature counts by the
/// distance in deviations of the training rows, a category or a text as 1 where it differs; features that are
/// missing on either side are left out and the others count for them.
///
/// ```
/// use ndarray::array;
/// use perennial_core::Matrix;
/// use perennial_evaluation::errors::nearest_rows;
///
/// let train = Matrix::from(array![[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]);
/// let asked = Matrix::from(array![[1.9, 1.0], [30.0, 5.0]]);
/// let found = nearest_rows(&train, &asked, &[0, 1], 2)?;
/// assert_eq!((found[0].nearest[0].row, found[0].unlike_training), (2, false));
/// assert!(found[1].unlike_training);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are no training rows, columns differ, a matrix is sparse, or a row does not exist.
pub fn nearest_rows<X: Tabular>(
    train: &X,
    x: &X,
    rows: &[usize],
    n_nearest: usize,
) -> Result<Vec<NearestRows>> {
    N_NEAREST.check_count(n_nearest)?;
    check_rows(rows, x.n_rows())?;
    let AsNumbers { x: train, beside } = AsNumbers::of(train, Some(x))?;
    let near = Near::new(&train)?;
    let usual = near.usual_distance();
    let asked = beside.ok_or_else(|| Error::unsupported("rows of this kind cannot be compared"))?;
    let asked = asked.dense()?;
    tasks::try_each(rows.len(), |place| {
        let nearest = near.of(asked.row(rows[place]), n_nearest);
        let unlike_training = nearest.first().is_none_or(|first| first.distance > usual);
        Ok(NearestRows { row: rows[place], nearest, unlike_training })
    })
}

/// Training rows with the unit of each column; 0 for categories.
pub(super) struct Near<'a> {
    train: &'a ArrayRef2<f64>,
    units: Vec<f64>,
}

impl<'a> Near<'a> {
    pub(super) fn new(train: &'a Matrix) -> Result<Self> {
        let values = train.dense()?;
        if values.is_empty() {
            return Err(Error::empty("there are no training rows, or they have no columns"));
        }
        let unit = |(column, values): (usize, ArrayView1<'_, f64>)| {
            if train.features().kind(column) != FeatureKind::Numeric {
                return 0.0;
            }
            let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let deviation = reduce::mean_variance(&known, 0).1.sqrt();
            if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 }
        };
        let units = values.columns().into_iter().enumerate().map(unit).collect();
        Ok(Near { train: values, units })
    }

    fn distance(&self, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
        let (mut sum, mut known) = (0.0, 0.0);
        for ((a, b), unit) in a.iter().zip(b).zip(&self.units) {
            if a.is_nan() || b.is_nan() {
                continue;
            }
            known += 1.0;
            // Equal infinities are no distance.
            sum += if a == b {
                0.0
            } else if *unit == 0.0 {
                1.0
            } else {
                ((a - b) / unit).powi(2)
            };
        }
        if known > 0.0 { (sum / known).sqrt() } else { f64::INFINITY }
    }

    /// How far the nearest training row is, but for one; infinite where there is no other.
    pub(super) fn nearest_distance(&self, row: ArrayView1<'_, f64>, but: Option<usize>) -> f64 {
        let others = self.train.rows().into_iter().enumerate().filter(|(other, _)| Some(*other) != but);
        others.map(|(_, other)| self.distance(row, other)).fold(f64::INFINITY, f64::min)
    }

    /// The nearest training rows.
    fn of(&self, row: ArrayView1<'_, f64>, n: usize) -> Vec<NearRow> {
        let mut all: Vec<NearRow> = (0..self.train.nrows())
            .map(|other| NearRow { row: other, distance: self.distance(row, self.train.row(other)) })
            .collect();
        let order = |a: &NearRow, b: &NearRow| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row));
        if all.len() > n {
            all.select_nth_unstable_by(n, order);
            all.truncate(n);
        }
        all.sort_by(order);
        all
    }

    /// How far 19 of 20 training rows are from the nearest other one at most.
    pub(super) fn usual_distance(&self) -> f64 {
        let n_rows = self.train.nrows();
        let rows = Random::new(0).stream("nearest").sample(n_rows, n_rows.min(SAMPLE));
        if n_rows < 2 {
            return 0.0;
        }
        let mut distances = reduce::map_each(rows.len(), |place| {
            self.nearest_distance(self.train.row(rows[place]), Some(rows[place]))
        });
        distances.sort_by(f64::total_cmp);
        distances[((USUAL * distances.len() as f64).ceil() as usize).clamp(1, distances.len()) - 1]
    }
}
