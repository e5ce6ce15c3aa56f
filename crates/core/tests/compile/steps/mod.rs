//! A step and a model that the mistakes are made with.

use perennial_core::{Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Rows, Train, Transformer, Values};

#[derive(Clone)]
pub struct Scale;
#[derive(Clone)]
pub struct ScaleModel;
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

pub struct Ridge;
pub struct RidgeModel;
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
