//! A predictor cannot come before another step.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Estimator};
use steps::{Ridge, Scale};

fn main() {
    let _ = Ridge.then(Scale);
}
