//! A regression cannot learn from classes.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Classes, Estimator, Matrix, Result};
use steps::Ridge;

fn main() -> Result<()> {
    let x = Matrix::from(ndarray::array![[0.0], [1.0]]);
    let y = Classes::from_labels(["a", "b"]);
    Ridge.fit(&x, &y)?;
    Ok(())
}
