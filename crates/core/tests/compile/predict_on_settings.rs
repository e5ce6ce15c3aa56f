//! Settings must learn before they predict.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Matrix, Predictor, Result};
use steps::Ridge;

fn main() -> Result<()> {
    let x = Matrix::from(ndarray::array![[0.0], [1.0]]);
    Ridge.predict(&x)?;
    Ok(())
}
