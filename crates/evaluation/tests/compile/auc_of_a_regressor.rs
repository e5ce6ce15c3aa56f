//! A regressor has no probabilities to rank.

use perennial_core::{Classes, Context, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::{CrossValidation, cross_validate, metric::RocAuc, split::KFold};

struct Ridge;
struct RidgeModel;
impl Estimator for Ridge {
    type Input = Matrix;
    type Target = Classes;
    type Model = RidgeModel;
    fn fit_on(&self, _: &Train<'_, Matrix, Classes>) -> Result<RidgeModel> {
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
    let y = Classes::from_labels(["a"]);
    let _ = cross_validate(&Ridge, &x, &y, &KFold::new(2), &RocAuc::new(), &CrossValidation::new());
    let _: Option<(Values, Context)> = None;
}
