//! Draws with as many rows of each class.

use perennial_core::Classes;
use perennial_numeric::random::Random;

/// The rows of each class that has any that count.
pub(super) fn strata(y: &Classes, weights: Option<&[f64]>) -> Vec<Vec<usize>> {
    let mut strata = vec![Vec::new(); y.n_classes()];
    for (row, &code) in y.codes().iter().enumerate() {
        if weights.is_none_or(|weights| weights[row] > 0.0) {
            strata[code as usize].push(row);
        }
    }
    strata.retain(|rows: &Vec<usize>| !rows.is_empty());
    strata
}

/// The same number of rows of each class, in rising order: `share` of those that the rarest class has, with or without return.
pub(super) fn draw_even(
    strata: &[Vec<usize>],
    share: f64,
    bootstrap: bool,
    random: &mut Random,
) -> Vec<usize> {
    let rarest = strata.iter().map(Vec::len).min().unwrap_or(0);
    let n = ((share * rarest as f64).round() as usize).clamp(1, rarest.max(1));
    let mut drawn = Vec::with_capacity(n * strata.len());
    for rows in strata {
        if bootstrap {
            drawn.extend((0..n).map(|_| rows[random.below(rows.len())]));
        } else {
            drawn.extend(random.sample(rows.len(), n).into_iter().map(|place| rows[place]));
        }
    }
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_of_each_class_are_drawn_from_those_that_count() {
        let y = Classes::from_labels((0..100).map(|row| if row % 10 == 0 { "rare" } else { "common" }));
        let mut weights = vec![1.0; 100];
        (weights[0], weights[1]) = (0.0, 0.0);
        let strata = strata(&y, Some(&weights));
        for bootstrap in [false, true] {
            let drawn = draw_even(&strata, 1.0, bootstrap, &mut Random::new(3));
            assert_eq!(drawn.iter().filter(|row| *row % 10 == 0).count(), 9);
            assert_eq!(drawn.len(), 18);
            assert!(drawn.is_sorted() && !drawn.contains(&0) && !drawn.contains(&1));
            assert_eq!(drawn.windows(2).any(|pair| pair[0] == pair[1]), bootstrap);
        }
        assert_eq!(draw_even(&strata, 0.5, false, &mut Random::new(3)).len(), 10);
        assert_eq!(draw_even(&strata, 1e-9, false, &mut Random::new(3)).len(), 2);
    }
}
