//! By the largest magnitude.

use perennial_core::{
    Capabilities, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Result, Rows, Train,
};
use serde::{Deserialize, Serialize};

use super::model::ScalerModel;
use crate::batches::{BoxLearning, FitBatches, one_pass};
use crate::moments::Moments;
use crate::schema;

/// Divides each column by the largest magnitude of its values: zeros stay zeros, signs stay signs.
///
/// Missing cells are left out and stay missing. A column of zeros stays as it is. Sparse rows stay sparse.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
/// use perennial_preprocessing::MaxAbsScaler;
///
/// let x = Matrix::from(array![[1.0], [-4.0], [0.0]]);
/// let scaled = MaxAbsScaler::new().fit(&x, &NoTarget)?.transform(&x)?;
/// assert_eq!(scaled.dense()?, array![[0.25], [-1.0], [0.0]]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxAbsScaler {}

impl MaxAbsScaler {
    /// Divides by the largest magnitude.
    pub fn new() -> Self {
        MaxAbsScaler::default()
    }
}

impl Estimator for MaxAbsScaler {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScalerModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScalerModel> {
        let moments = Moments::of_matrix(train.x, train.weights)?;
        let largest = moments.max.iter().zip(&moments.min).map(|(max, min)| f64::max(*max, -min));
        MaxAbsScaler::model(train.x.features(), largest)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().missing().sparse()
    }
}

impl MaxAbsScaler {
    fn model(features: &Features, largest: impl Iterator<Item = f64>) -> Result<ScalerModel> {
        let zeros = vec![0.0; features.len()];
        let divisors = largest.map(|largest| if largest > 0.0 { largest } else { 1.0 }).collect();
        ScalerModel::new(features.clone(), zeros.clone(), divisors, zeros, None)
    }
}

impl FitBatches for MaxAbsScaler {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        Ok(one_pass(
            |magnitudes: &mut Magnitudes, batch: &Train<'_, Matrix, NoTarget>| magnitudes.add(batch),
            |Magnitudes { features, largest }| {
                MaxAbsScaler::model(&features.unwrap_or_default(), largest.into_iter())
            },
        ))
    }
}

/// The largest magnitude of each column so far. What sparse rows do not store changes none.
#[derive(Default)]
struct Magnitudes {
    features: Option<Features>,
    largest: Vec<f64>,
}

impl Magnitudes {
    fn add(&mut self, batch: &Train<'_, Matrix, NoTarget>) -> Result<()> {
        let features = self.features.get_or_insert_with(|| batch.x.features().clone());
        let x = features.align(batch.x)?;
        self.largest.resize(x.n_cols(), 0.0);
        let rows = (0..x.n_rows()).filter(|&row| batch.weight(row) > 0.0);
        // A missing cell loses against every number.
        let raise = |largest: &mut f64, cell: &f64| *largest = f64::max(*largest, cell.abs());
        match x.sparse() {
            Some(csr) => rows.for_each(|row| {
                let (columns, values) = csr.row(row);
                let cells = columns.iter().zip(values);
                cells.for_each(|(&column, value)| raise(&mut self.largest[column as usize], value));
            }),
            None => {
                let x = x.dense()?;
                rows.for_each(|row| {
                    self.largest.iter_mut().zip(x.row(row)).for_each(|(largest, cell)| raise(largest, cell));
                });
            }
        }
        Ok(())
    }
}

impl FitTransform for MaxAbsScaler {
    fn transform_schema(&self, x: &Matrix) -> Result<OutputSchema<Matrix>> {
        schema::same_columns(x)
    }
}
