//! A model of classes need not know how sure it is.

use perennial_core::{Classes, Classifier, Matrix, Predictor, Result};

struct Vote;

impl Predictor for Vote {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, _: &Matrix) -> Result<Classes> {
        Ok(Classes::from_labels(["a"]))
    }
}

fn ranked(_: &impl Classifier) {}

fn main() {
    ranked(&Vote);
}
