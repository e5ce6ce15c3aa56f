//! How sure an average precision is: from what each row adds to it.

use ndarray::Array2;
use perennial_core::{Classes, Probabilities};
use perennial_evaluation::metric::AveragePrecision;
use perennial_evaluation::{IntervalOptions, Metric};
use perennial_numeric::random::Random;

use crate::conformal::close;
use crate::merged_intervals::reach;

/// Classes that tied scores tell a little of.
fn rows(n: usize, n_classes: usize) -> (Classes, Probabilities) {
    let mut random = Random::new(21);
    let names: Vec<String> = ["a", "b", "c"][..n_classes].iter().map(|name| (*name).to_owned()).collect();
    let (mut codes, mut values) = (Vec::new(), Array2::zeros((n, n_classes)));
    for mut row in values.rows_mut() {
        let own = random.below(n_classes);
        row.iter_mut().for_each(|value| *value = 1.0 + random.below(4) as f64);
        row[own] += 2.0;
        let sum = row.sum();
        row.mapv_inplace(|value| value / sum);
        codes.push(own as u32);
    }
    (Classes::new(codes, names.clone()).unwrap(), Probabilities::new(values, names).unwrap())
}

#[test]
fn intervals_are_what_little_weights_change() {
    let n = 60;
    let weights: Vec<f64> = (0..n).map(|row| 0.5 * (row % 4) as f64).collect();
    let groups: Vec<u32> = (0..n).map(|row| row as u32 / 3).collect();
    let ones = vec![1.0; n];
    for (metric, n_classes) in [
        (AveragePrecision::new(), 2),
        (AveragePrecision::new().positive("b"), 3),
        (AveragePrecision::new(), 3),
        (AveragePrecision::new().by_prevalence(), 3),
    ] {
        let (truth, said) = rows(n, n_classes);
        let by_hand = |weights: &[f64], unit_of: &dyn Fn(usize) -> usize| {
            let score = |weights: &[f64]| metric.score_weighted(&truth, &said, Some(weights)).unwrap();
            let of_unit = |unit: usize| {
                let with = |by: f64| {
                    let more = |row: usize| weights[row] * if unit_of(row) == unit { 1.0 + by } else { 1.0 };
                    score(&(0..n).map(more).collect::<Vec<f64>>())
                };
                (with(1e-5) - with(-1e-5)) / 2e-5
            };
            let mut units: Vec<usize> = (0..n).filter(|&row| weights[row] > 0.0).map(unit_of).collect();
            units.dedup();
            let own = score(weights);
            let half = reach(&units.into_iter().map(of_unit).collect::<Vec<f64>>()) / (own * (1.0 - own));
            let odds = own / (1.0 - own);
            [-half, half].map(|by| odds * by.exp() / (1.0 + odds * by.exp()))
        };
        for (options, [low, high]) in [
            (IntervalOptions::new(), by_hand(&ones, &|row| row)),
            (IntervalOptions::new().weights(&weights), by_hand(&weights, &|row| row)),
            (IntervalOptions::new().groups(&groups), by_hand(&ones, &|row| row / 3)),
            (IntervalOptions::new().groups(&groups).weights(&weights), by_hand(&weights, &|row| row / 3)),
        ] {
            let found = metric.interval(&truth, &said, &options).unwrap();
            close(found.low, low, 1e-7);
            close(found.high, high, 1e-7);
        }
    }
}

#[test]
fn intervals_of_rows_that_tell_little() {
    let of = |said: &[f64], positive: &[u32], options: &IntervalOptions<'_>| {
        let names = ["no", "yes"].map(String::from).to_vec();
        let values =
            Array2::from_shape_fn(
                (said.len(), 2),
                |(row, class)| {
                    if class == 1 { said[row] } else { 1.0 - said[row] }
                },
            );
        let truth = Classes::new(positive.to_vec(), names.clone()).unwrap();
        AveragePrecision::new().interval(&truth, &Probabilities::new(values, names).unwrap(), options)
    };
    let plain = IntervalOptions::new().replicates(100);
    // Two rows of the rarer class are right of two.
    let apart = of(&[0.9, 0.8, 0.7, 0.2, 0.1], &[1, 1, 1, 0, 0], &plain).unwrap();
    assert_eq!((apart.estimate, apart.high), (1.0, 1.0));
    close(apart.low, 0.025_f64.sqrt(), 1e-12);
    // One row of a class, or none: the bootstrap, as of blocks.
    for codes in [[0, 1, 0, 0, 0], [0; 5], [1; 5]] {
        let found = of(&[0.9, 0.8, 0.7, 0.2, 0.1], &codes, &plain).unwrap();
        assert!(found.low <= found.high && found.low >= 0.0 && found.high <= 1.0, "{found:?}");
    }
    let codes = [1, 0, 1, 0, 1, 0];
    let blocks = of(&[0.9, 0.8, 0.7, 0.3, 0.2, 0.1], &codes, &plain.clone().blocks(2)).unwrap();
    let drawn = of(&[0.9, 0.8, 0.7, 0.3, 0.2, 0.1], &codes, &plain.clone().bootstrap()).unwrap();
    assert!(blocks.width() > 0.0 && drawn.width() > 0.0);
    // Scores that tell nothing, and weights far apart.
    let tied = of(&[0.5; 6], &codes, &plain).unwrap();
    close(tied.estimate, 0.5, 1e-12);
    assert!(tied.low > 0.0 && tied.low < 0.3 && tied.high > 0.7 && tied.high < 1.0, "{tied:?}");
    for weights in [[1e300, 1.0, 1.0, 1.0, 1.0, 1e-300], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [1e-300; 6]] {
        let found = of(&[0.9, 0.8, 0.7, 0.3, 0.2, 0.1], &codes, &plain.clone().weights(&weights)).unwrap();
        assert!(found.low <= found.high && !found.low.is_nan(), "{weights:?} {found:?}");
    }
    assert!(of(&[0.9, 0.8], &[1, 0], &plain.clone().level(1.0)).is_err());
    assert!(of(&[0.9, 0.8, 0.4, 0.3], &[1, 0, 1, 0], &plain.clone().level(0.0)).is_err());
}
