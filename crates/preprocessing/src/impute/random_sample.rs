//! Missing numbers drawn from those that are there.

use perennial_core::{
    Capabilities, Decided, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param,
    Result, Train, Transformer,
};
use perennial_data::{Change, ChangeKind};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use crate::cells::{by_column, changes, map_rows, missing_counts};
use crate::decided;
use crate::schema;

/// Replaces each missing number by one that is drawn from the training values of its column, so that the column keeps its
/// distribution (as `RandomSampleImputer` of feature-engine).
///
/// What is drawn depends on the seed and on the other cells of the row, and on nothing else: a row that is asked for alone is
/// filled as it would be among others, and rows that are equal are filled alike.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `n_values` | 10,000 | >= 1 | so many values of each column are kept at most, drawn without replacement |
/// | `seed` | that of the context | any | of what is drawn |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::RandomSampleImputer;
///
/// let x = Matrix::from(array![[1.0, 0.0], [1.0, 1.0], [f64::NAN, 2.0], [3.0, 3.0]]);
/// let filled = RandomSampleImputer::new().seed(0).fit(&x, &NoTarget)?.transform(&x)?;
/// assert!([1.0, 3.0].contains(&filled.dense()?[[2, 0]]));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomSampleImputer {
    n_values: usize,
    seed: Option<u64>,
}

const N_VALUES: Param = Param::integer("n_values", "values of each column that are kept").at_least(1.0);

impl Default for RandomSampleImputer {
    fn default() -> Self {
        RandomSampleImputer { n_values: 10_000, seed: None }
    }
}

impl RandomSampleImputer {
    /// The numeric settings.
    pub const PARAMS: &'static [Param] = &[N_VALUES];

    /// Draws from up to 10,000 values of each column.
    pub fn new() -> Self {
        RandomSampleImputer::default()
    }

    /// So many values of each column are kept at most.
    #[must_use]
    pub fn n_values(mut self, n_values: usize) -> Self {
        self.n_values = n_values;
        self
    }

    /// The seed of what is drawn; without one, that of the context.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Estimator for RandomSampleImputer {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = RandomSampleModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<RandomSampleModel> {
        N_VALUES.check_count(self.n_values)?;
        let seed = train.ctx.seed(self.seed);
        let random = Random::new(seed);
        let values = by_column(train.x.dense()?, |column, values| {
            train.ctx.check()?;
            values.retain(|value| !value.is_nan());
            // In an order of their own: which rows came first must not matter. Zero has one sign for that.
            values.iter_mut().for_each(|value| *value += 0.0);
            values.sort_unstable_by(f64::total_cmp);
            let kept = random.fork(column as u64).sample(values.len(), self.n_values);
            Ok(kept.into_iter().map(|place| values[place]).collect())
        });
        let values = values.into_iter().collect::<Result<Vec<Vec<f64>>>>()?;
        if let Some(column) = values.iter().position(Vec::is_empty) {
            return Err(Error::insufficient_data(format!(
                "every value of column `{}` is missing, so there is none to draw; leave it out, or fill with a constant",
                train.x.features().name(column)
            )));
        }
        let (features, missing) = (train.x.features().clone(), missing_counts(train.x.dense()?));
        RandomSampleModel::try_from(Parts { features, values, missing, seed })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().missing()
    }
}

impl FitTransform for RandomSampleImputer {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        N_VALUES.check_count(self.n_values)?;
        schema::mixed_columns(x)
    }
}

/// A fitted [`RandomSampleImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct RandomSampleModel {
    features: Features,
    values: Vec<Vec<f64>>,
    missing: Vec<usize>,
    seed: u64,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    values: Vec<Vec<f64>>,
    missing: Vec<usize>,
    seed: u64,
}

impl TryFrom<Parts> for RandomSampleModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let sound = |values: &Vec<f64>| !values.is_empty() && values.iter().all(|value| value.is_finite());
        let n_cols = parts.features.len();
        if parts.values.len() != n_cols || parts.missing.len() != n_cols || !parts.values.iter().all(sound) {
            return Err(Error::corrupt("this imputer needs a finite number or more for each column"));
        }
        let Parts { features, values, missing, seed } = parts;
        Ok(RandomSampleModel { features, values, missing, seed })
    }
}

impl RandomSampleModel {
    /// How many cells of each column were filled in the training rows.
    pub fn changes(&self) -> Vec<Change> {
        changes(&self.features, ChangeKind::Filled, &self.missing)
    }

    /// A number that the seed and the cells of a row decide.
    fn key(&self, row: &[f64]) -> u64 {
        row.iter().fold(self.seed, |key, cell| {
            // All NaN are one, and both zeros.
            let bits = if cell.is_nan() { u64::MAX } else { (cell + 0.0).to_bits() };
            (key ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        })
    }
}

impl Transformer for RandomSampleModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let x = self.features.align(x)?;
        let n_cols = self.features.len();
        map_rows(&x, &self.features, |_, rows, out| {
            for (row, out) in rows.chunks_exact(n_cols).zip(out.chunks_exact_mut(n_cols)) {
                out.copy_from_slice(row);
                if row.iter().any(|cell| cell.is_nan()) {
                    let mut random = Random::new(self.key(row));
                    for (cell, values) in out.iter_mut().zip(&self.values).filter(|(cell, _)| cell.is_nan()) {
                        *cell = values[random.below(values.len())];
                    }
                }
            }
        })
    }

    fn decided(&self) -> Vec<Decided> {
        let what = "missing cells become a cell of a training row that is drawn";
        decided::of_changes(self, &self.changes(), what, "the cells of the training rows are kept")
    }
}
