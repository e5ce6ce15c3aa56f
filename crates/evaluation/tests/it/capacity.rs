//! Effective degrees of freedom.

use ndarray::Array2;
use perennial_core::{CancelToken, Context, Matrix, Values};
use perennial_evaluation::effective_degrees_of_freedom;
use perennial_numeric::random::Random;

use crate::models::{Nearest, Slope};

fn rows(n: usize) -> (Matrix, Values) {
    let mut random = Random::new(8);
    let x = Array2::from_shape_fn((n, 1), |_| random.normal());
    let y = x.column(0).iter().map(|x| 2.0 * x + random.normal()).collect();
    (Matrix::from(x), y)
}

#[test]
fn degrees_are_the_trace_of_what_is_linear() {
    let (x, y) = rows(60);
    let squares: f64 = x.dense().unwrap().iter().map(|x| x * x).sum();
    for alpha in [0.0, squares, 9.0 * squares] {
        let found = effective_degrees_of_freedom(&Slope { alpha }, &x, &y, 400, &Context::new()).unwrap();
        let trace = squares / (squares + alpha);
        assert!((found.degrees - trace).abs() < 4.0 * found.standard_error, "{found:?} {trace}");
        assert!(found.standard_error < 0.1 && found.n_rows == 60);
    }
    // Each row is its own nearest: it is learned by heart, whatever the perturbation.
    let found = effective_degrees_of_freedom(&Nearest, &x, &y, 3, &Context::new()).unwrap();
    assert!((found.degrees - 60.0).abs() < 1e-9 && found.standard_error < 1e-9);
    assert!(found.to_string().starts_with("60.0 effective degrees"), "{found}");
    let again = effective_degrees_of_freedom(&Slope { alpha: 1.0 }, &x, &y, 5, &Context::new()).unwrap();
    assert_eq!(
        again,
        effective_degrees_of_freedom(&Slope { alpha: 1.0 }, &x, &y, 5, &Context::new()).unwrap()
    );
}

#[test]
fn targets_that_cannot_be_perturbed_are_errors() {
    let (x, y) = rows(20);
    let ctx = Context::new();
    let slope = Slope { alpha: 0.0 };
    let constant: Values = vec![1.0; 20].into();
    let refused = |y: &Values| effective_degrees_of_freedom(&slope, &x, y, 5, &ctx).unwrap_err().to_string();
    assert!(refused(&constant).contains("all targets are the same"));
    for unit in [1e-200, 1e200] {
        let far: Values = (0..20).map(|row| unit * f64::from(row)).collect();
        assert!(refused(&far).contains("scale the target"));
    }
    assert!(effective_degrees_of_freedom(&slope, &x, &y, 1, &ctx).is_err());
    let missing: Values = (0..20).map(|row| if row == 3 { f64::NAN } else { f64::from(row) }).collect();
    assert!(effective_degrees_of_freedom(&slope, &x, &missing, 5, &ctx).is_err());
    let short: Values = (0..19).map(f64::from).collect();
    assert!(effective_degrees_of_freedom(&slope, &x, &short, 5, &ctx).is_err());
    let token = CancelToken::new();
    token.cancel();
    let cancelled = effective_degrees_of_freedom(&slope, &x, &y, 5, &Context::new().with_cancel(token));
    assert!(cancelled.unwrap_err().to_string().contains("cancel"));
}
