//! Steps of one pipeline learn from one target.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Classes, Estimator, FitTransform, Matrix, Result, Train};
use steps::{Ridge, ScaleModel};

struct ByClass;
impl Estimator for ByClass {
    type Input = Matrix;
    type Target = Classes;
    type Model = ScaleModel;
    fn fit_on(&self, _: &Train<'_, Matrix, Classes>) -> Result<ScaleModel> {
        Ok(ScaleModel)
    }
}
impl FitTransform for ByClass {}

fn main() {
    let _ = ByClass.then(Ridge);
}
