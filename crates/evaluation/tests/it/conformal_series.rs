//! Conformal intervals of series.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, Values};
use perennial_evaluation::Metric;
use perennial_evaluation::conformal::{AdaptiveConformal, Coverage, EnbPiRegressor, IntervalPredictor};
use perennial_numeric::random::Random;

use crate::conformal::close;
use crate::toys::Line;

#[test]
fn adaptive_intervals_keep_their_bound_on_any_series() {
    let mut random = Random::new(12);
    let n = 2000;
    for kind in 0..3 {
        let mut adaptive = AdaptiveConformal::new().gamma(0.02).window(100).start(&[0.5; 30]).unwrap();
        for t in 0..n {
            // Noise that jumps, noise that grows, and truths that are always far away.
            let scale = [if t < n / 2 { 1.0 } else { 8.0 }, 1.01_f64.powi(t), 1e6][kind];
            let truth = scale * if kind == 2 { f64::from(t) + 1.0 } else { random.normal() };
            adaptive.update(0.0, truth).unwrap();
        }
        let bound = (0.9 + 0.02) / (0.02 * f64::from(n));
        close(adaptive.coverage(), 0.9, bound);
    }
    let still = AdaptiveConformal::new().gamma(0.0).start(&[1.0; 3]).unwrap();
    // Three errors cannot bound nine rows of ten.
    assert_eq!(still.interval(0.0).unwrap(), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(AdaptiveConformal::new().interval(0.0).is_err());
    assert!(AdaptiveConformal::new().start(&[f64::NAN]).is_err());
    assert!(AdaptiveConformal::new().gamma(-1.0).start(&[1.0]).is_err());
}

#[test]
fn enbpi_holds_on_a_series_and_follows_it() {
    let mut random = Random::new(77);
    let mut series = vec![0.0];
    for t in 1..1400 {
        let scale = if t < 900 { 1.0 } else { 3.0 };
        series.push(0.7 * series[t - 1] + scale * random.normal());
    }
    let rows = |from: usize, to: usize| {
        let x = Array2::from_shape_fn((to - from, 1), |(row, _)| series[from + row - 1]);
        (Matrix::from(x), Values::from(series[from..to].to_vec()))
    };
    let (x, y) = rows(1, 500);
    let mut model = EnbPiRegressor::new(Line).fit(&x, &y).unwrap();
    let (x, y) = rows(500, 900);
    close(Coverage.score(&y, &model.predict_interval(&x).unwrap()).unwrap(), 0.9, 0.04);
    let (x_late, y_late) = rows(900, 1400);
    let before = Coverage.score(&y_late, &model.predict_interval(&x_late).unwrap()).unwrap();
    assert!(before < 0.6, "{before}");
    for start in (900..1400).step_by(50) {
        let (x, y) = rows(start, start + 50);
        model.update(&x, &y).unwrap();
    }
    let after = Coverage.score(&y_late, &model.predict_interval(&x_late).unwrap()).unwrap();
    close(after, 0.9, 0.02);
    assert!(EnbPiRegressor::new(Line).block(500).fit(&x, &y).is_err());
}

#[test]
fn a_model_that_is_exactly_right_keeps_the_bound_too() {
    let mut adaptive = AdaptiveConformal::new().gamma(0.02).start(&[0.5; 30]).unwrap();
    for t in 0..10_000 {
        adaptive.update(f64::from(t), f64::from(t)).unwrap();
    }
    // The level does not run away, and the share that counts as held is the one that was asked for.
    close(adaptive.coverage(), 0.9, (0.9 + 0.02) / (0.02 * 10_000.0));
    assert!(adaptive.current_level() < 0.1);
    // It is wide again at once when the model begins to err.
    for _ in 0..100 {
        adaptive.update(0.0, 1.0).unwrap();
    }
    assert!(adaptive.interval(0.0).unwrap().1 > 0.0);
}
