//! A predictor of classes without probabilities cannot be ranked.

use perennial_core::{Classes, Context, Estimator, Matrix, Predictor, Result, Rows, Train, Values};
use perennial_evaluation::{CrossValidation, cross_validate, metric::RocAuc, split::KFold};

struct Vote;
struct VoteModel;
impl Estimator for Vote {
    type Input = Matrix;
    type Target = Classes;
    type Model = VoteModel;
    fn fit_on(&self, _: &Train<'_, Matrix, Classes>) -> Result<VoteModel> {
        Ok(VoteModel)
    }
}
impl Predictor for VoteModel {
    type Input = Matrix;
    type Output = Classes;
    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(Classes::new(vec![0; x.n_rows()], vec!["a".to_owned()])?)
    }
}

fn main() {
    let x = Matrix::from(ndarray::array![[0.0]]);
    let y = Classes::from_labels(["a"]);
    let _ = cross_validate(&Vote, &x, &y, &KFold::new(2), &RocAuc::new(), &CrossValidation::new());
    let _: Option<(Values, Context)> = None;
}
