//! A step takes what the step before it gives.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Estimator, NoTarget, Result, Train};
use steps::{Scale, ScaleModel};

struct Words;
impl Estimator for Words {
    type Input = Vec<String>;
    type Target = NoTarget;
    type Model = ScaleModel;
    fn fit_on(&self, _: &Train<'_, Vec<String>, NoTarget>) -> Result<ScaleModel> {
        Ok(ScaleModel)
    }
}

fn main() {
    let _ = Scale.then(Words);
}
