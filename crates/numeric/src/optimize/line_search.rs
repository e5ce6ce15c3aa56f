//! How far to go along a direction.

use super::{Objective, Point};
use crate::reduce::dot;

/// The share of the first slope that a step must gain at least.
const DECREASE: f64 = 1e-4;
/// The share of the first slope that may remain.
const CURVATURE: f64 = 0.9;
/// Differences of values below this share are rounding: then the slopes decide.
const ROUNDING: f64 = 1e-12;

/// One end of the interval that holds an acceptable step.
#[derive(Clone, Copy)]
struct End {
    step: f64,
    /// NaN where the function is not defined.
    slope: f64,
}

/// A point along `direction` that satisfies the Wolfe conditions, or near the limit of rounding the
/// approximate ones (Hager and Zhang, 2005); `None` when no step lowers the value.
pub(super) fn line_search(
    problem: &(impl Objective + ?Sized),
    from: &Point,
    direction: &[f64],
    first_step: f64,
) -> Option<Point> {
    let slope = dot(&from.gradient, direction);
    if !(slope < 0.0) {
        return None;
    }
    let ceiling = from.value + ROUNDING * from.value.abs();
    let (mut low, mut high) = (End { step: 0.0, slope }, None::<End>);
    let mut best: Option<Point> = None;
    let mut step = first_step;
    for trial in 0..60 {
        let x: Vec<f64> = from.x.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        let point = Point::at(problem, x);
        let finite = point.is_finite();
        let here = if finite { dot(&point.gradient, direction) } else { f64::NAN };
        let flat = here >= CURVATURE * slope;
        let enough = point.value <= from.value + DECREASE * step * slope && here <= -CURVATURE * slope;
        let nearly = point.value <= ceiling && here <= (2.0 * DECREASE - 1.0) * slope;
        if finite && flat && (enough || nearly) {
            return Some(point);
        }
        if !finite || here >= 0.0 || point.value > ceiling {
            // A high value with a falling slope bounds the step, but says nothing about where the minimum is.
            high = Some(End { step, slope: if here >= 0.0 { here } else { f64::NAN } });
        } else {
            low = End { step, slope: here };
        }
        if finite && point.value < best.as_ref().map_or(from.value, |best| best.value) {
            best = Some(point);
        }
        step = match high {
            None => step * 4.0,
            Some(high) => between(low, high, trial),
        };
        if high.is_some_and(|high| high.step - low.step <= f64::EPSILON * high.step) || !step.is_finite() {
            break;
        }
    }
    best
}

/// Where the slope would be 0 if it were a straight line, kept away from the ends; every third time the middle.
fn between(low: End, high: End, trial: usize) -> f64 {
    let width = high.step - low.step;
    let share = -low.slope / (high.slope - low.slope);
    if share.is_nan() || trial % 3 == 2 {
        low.step + 0.5 * width
    } else {
        low.step + share.clamp(0.05, 0.95) * width
    }
}
