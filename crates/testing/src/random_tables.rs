//! X: many small random tables.

use ndarray::Array2;
use perennial_numeric::random::Random;

use crate::Example;
use crate::subject::{Checks, Subject, Verdict};

pub(crate) fn checks() -> Checks {
    vec![("X01", "256 small random tables give finite answers or typed errors", tables)]
}

fn tables(subject: &Subject<'_>) -> Verdict {
    let odd = [0.0, -0.0, 1.0, 1.0, 2.0, 1e300, -1e300, 1e-300, f64::NAN];
    for seed in 0..256 {
        let mut random = Random::new(1000 + seed);
        let (n_rows, n_cols, share) = (random.below(31), random.below(7), random.uniform() * 0.5);
        let mut cell =
            || if random.uniform() < share { odd[random.below(odd.len())] } else { random.normal() };
        let mut x = Array2::from_shape_simple_fn((n_rows, n_cols), &mut cell);
        if subject.tags.positive_only {
            x.mapv_inplace(f64::abs);
        }
        let values =
            (0..n_rows).map(|_| cell()).map(|value| if value.is_nan() { 0.0 } else { value }).collect();
        subject.tolerates(&format!("random table {seed} ({n_rows} x {n_cols})"), &Example::new(x, values))?;
    }
    Ok(())
}
