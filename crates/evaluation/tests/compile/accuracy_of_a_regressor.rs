//! A metric of classes cannot judge an estimator whose target is values.

use perennial_core::{Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::{CrossValidation, cross_validate, metric::Accuracy, split::KFold};

struct Ridge;
struct RidgeModel;
impl Estimator for Ridge {
    type Input = Matrix;
    type Target = Values;
    type Model = RidgeModel;
    fn fit_on(&self, _: &Train<'_, Matrix, Values>) -> Result<RidgeModel> {
        Ok(RidgeModel)
    }
}
impl Predictor for RidgeModel {
    type Input = Matrix;
    type Output = Values;
    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(vec![0.0; x.n_rows()].into())
    }
}

fn main() {
    let x = Matrix::from(ndarray::array![[0.0]]);
    let y = Values::from(vec![0.0]);
    let _ = cross_validate(&Ridge, &x, &y, &KFold::new(2), &Accuracy, &CrossValidation::new());
}
