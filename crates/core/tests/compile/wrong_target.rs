//! A regression cannot learn from classes.

use perennial_core::{Classes, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Rows, Train, Transformer, Values};

#[derive(Clone)]
struct Scale;
#[derive(Clone)]
struct ScaleModel;
impl Estimator for Scale {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScaleModel;
    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<ScaleModel> {
        Ok(ScaleModel)
    }
}
impl FitTransform for Scale {}
impl Transformer for ScaleModel {
    type Input = Matrix;
    type Output = Matrix;
    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(x.clone())
    }
}

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

fn main() -> Result<()> {
    let x = Matrix::from(ndarray::array![[0.0], [1.0]]);
    let y = Classes::from_labels(["a", "b"]);
    Ridge.fit(&x, &y)?;
    Ok(())
}
