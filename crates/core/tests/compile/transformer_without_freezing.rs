//! A fitted step joins a pipeline frozen.

#[path = "steps/mod.rs"]
mod steps;

use perennial_core::{Estimator};
use steps::{Scale, ScaleModel};

fn main() {
    let _ = Scale.then(ScaleModel);
}
