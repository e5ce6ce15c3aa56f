//! The constants that make a loss of differences smallest.

/// Values with their weights, those of weight 0 left out.
pub(super) fn weighted(values: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    values.filter(|&(_, weight)| weight > 0.0).collect()
}

/// The value that a share `level` of the weight is at or below: a minimiser of the pinball loss. Where it is not
/// unique, the middle of the two values at its ends; 0 for no values.
///
/// By selection, in time proportional to the number of values.
pub(super) fn quantile(values: &mut [(f64, f64)], level: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let weight = |values: &[(f64, f64)]| values.iter().map(|&(_, weight)| weight).sum::<f64>();
    let wanted = level * weight(values);
    let (mut rest, mut below) = (&mut *values, 0.0);
    while rest.len() > 1 {
        let middle = rest.len() / 2;
        rest.select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0));
        let (left, right) = rest.split_at_mut(middle);
        let reached = below + weight(left);
        rest = if reached >= wanted {
            left
        } else {
            below = reached;
            right
        };
    }
    let found = rest[0].0;
    let reached: f64 = values.iter().filter(|value| value.0 <= found).map(|value| value.1).sum();
    let next =
        values.iter().map(|value| value.0).filter(|&value| value > found).fold(f64::INFINITY, f64::min);
    if reached == wanted && next.is_finite() { 0.5 * found + 0.5 * next } else { found }
}

/// The minimiser of the loss of Fair (1974) around a constant; 0 for no values.
///
/// Weighted means from the median on, each with the weights that the last one gives: none is worse than the one before.
pub(super) fn fair(values: &mut [(f64, f64)], c: f64) -> f64 {
    let mut centre = quantile(values, 0.5);
    for _ in 0..200 {
        let (mut pull, mut total) = (0.0, 0.0);
        for &(value, weight) in values.iter() {
            let share = weight * (c / ((value - centre).abs() + c));
            pull += share * (value - centre);
            total += share;
        }
        let step = pull / total;
        if !(step.abs() > 1e-14 * centre.abs()) || !step.is_finite() {
            break;
        }
        centre += step;
    }
    centre
}

/// The minimiser of the loss of Huber (1964) around a constant; 0 for no values.
///
/// Newton's steps from the median on the slope, which is piecewise linear and falls; bisection where a step would leave
/// the bracket.
pub(super) fn huber(values: &mut [(f64, f64)], delta: f64) -> f64 {
    let mut centre = quantile(values, 0.5);
    let (mut low, mut high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &(value, _)| {
            (low.min(value), high.max(value))
        });
    for _ in 0..100 {
        let (mut pull, mut inside) = (0.0, 0.0);
        for &(value, weight) in values.iter() {
            let residual = value - centre;
            pull += weight * residual.clamp(-delta, delta);
            inside += if residual.abs() <= delta { weight } else { 0.0 };
        }
        if pull > 0.0 {
            low = centre;
        } else {
            high = centre;
        }
        let newton = centre + pull / inside;
        let next = if low < newton && newton < high { newton } else { 0.5 * low + 0.5 * high };
        // The middle rounds to an end when nothing lies between.
        if pull == 0.0 || next == centre || next <= low || next >= high {
            break;
        }
        centre = next;
    }
    centre
}

#[cfg(test)]
mod tests {
    use perennial_numeric::random::Random;

    use super::*;

    fn sample(random: &mut Random, n: usize) -> Vec<(f64, f64)> {
        (0..n).map(|_| ((random.normal() * 4.0).round(), (random.below(4) + 1) as f64)).collect()
    }

    #[test]
    fn a_quantile_is_that_of_the_sorted_copies() {
        let mut random = Random::new(3);
        for n in 1..60 {
            let mut values = sample(&mut random, n);
            let mut copies: Vec<f64> =
                values.iter().flat_map(|&(value, weight)| vec![value; weight as usize]).collect();
            copies.sort_by(f64::total_cmp);
            for level in [0.25, 0.5, 0.75] {
                let place = level * copies.len() as f64;
                let at = |place: f64| copies[(place as usize).min(copies.len() - 1)];
                let truth = if place.fract() == 0.0 {
                    0.5 * (at(place - 1.0) + at(place))
                } else {
                    at(place.floor())
                };
                assert_eq!(quantile(&mut values, level), truth, "{n} values, level {level}");
            }
        }
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn no_constant_has_less_huber_loss() {
        let mut random = Random::new(4);
        for n in 1..60 {
            let mut values = sample(&mut random, n);
            for delta in [0.1, 1.0, 3.0, 100.0] {
                let loss = |centre: f64| -> f64 {
                    let term = |&(value, weight): &(f64, f64)| {
                        let size = f64::abs(value - centre);
                        weight * if size <= delta { 0.5 * size * size } else { delta * (size - 0.5 * delta) }
                    };
                    values.iter().map(term).sum()
                };
                let found = huber(&mut values.clone(), delta);
                for step in [-0.3, -1e-3, 1e-3, 0.3] {
                    assert!(loss(found) <= loss(found + step) * (1.0 + 1e-14), "{n} values, delta {delta}");
                }
            }
            values.truncate(n / 2);
        }
        assert_eq!(huber(&mut [(1e300, 1.0), (-1e300, 1.0)], 1.0), 0.0);
    }
}
