//! Generic code that predicts does not take settings.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Matrix, Predictor, Result};
use steps::Ridge;

fn answer<P: Predictor<Input = Matrix>>(model: &P, x: &Matrix) -> Result<P::Output> {
    model.predict(x)
}

fn main() {
    let x = Matrix::from(ndarray::array![[0.0], [1.0]]);
    let _ = answer(&Ridge, &x);
}
