//! Missing cells: Little's test, pooled imputations, resampled distances.

use ndarray::{Array2, Axis, array, concatenate};
use perennial_core::ErrorKind;
use perennial_numeric::random::Random;
use perennial_statistics::distribution::{ChiSquared, Distribution, Normal};
use perennial_statistics::interval::pooled_interval;
use perennial_statistics::test::{ks_bootstrapped, little_mcar};

/// Two columns, the second of which is missing in some rows: the greatest likelihood has a closed form (Anderson, 1957), and the statistic
/// compares the means of the first column, with its variance over all rows.
#[test]
fn one_incomplete_column_has_a_closed_form() {
    let mut random = Random::new(3);
    let n = 200;
    let x = Array2::from_shape_fn((n, 2), |(row, column)| {
        let z = random.normal() * 1e3 + 5e4;
        if column == 1 && row % 3 == 0 { f64::NAN } else { z }
    });
    let all: Vec<f64> = x.column(0).to_vec();
    let mean = all.iter().sum::<f64>() / n as f64;
    let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64;
    let gap = |missing: bool| {
        let own: Vec<f64> =
            x.rows().into_iter().filter(|row| row[1].is_nan() == missing).map(|row| row[0]).collect();
        let own_mean = own.iter().sum::<f64>() / own.len() as f64;
        own.len() as f64 * (own_mean - mean).powi(2)
    };
    let expected = (gap(true) + gap(false)) / variance;
    let result = little_mcar(&x).unwrap();
    assert!((result.statistic / expected - 1.0).abs() < 1e-8, "{} {expected}", result.statistic);
    assert_eq!(result.df, [1.0]);
    let p = ChiSquared::new(1.0).unwrap().tails(expected).upper;
    assert!((result.p_value / p - 1.0).abs() < 1e-7);
    // Rows without any cell, and other units, change nothing.
    let empty = Array2::from_elem((3, 2), f64::NAN);
    let more = concatenate(Axis(0), &[x.view(), empty.view()]).unwrap() * array![[1e-200, -7.0]];
    let again = little_mcar(&more).unwrap();
    assert!((again.statistic / expected - 1.0).abs() < 1e-8, "{}", again.statistic);
}

/// Under the hypothesis p-values are spread evenly; where cells go missing by the size of others they are small.
#[test]
fn many_patterns_are_compared() {
    let mut small = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let x =
            Array2::from_shape_fn(
                (120, 4),
                |_| {
                    if random.uniform() < 0.15 { f64::NAN } else { random.normal() }
                },
            );
        let result = little_mcar(&x).unwrap();
        assert!(result.df[0] > 10.0 && (0.0..=1.0).contains(&result.p_value));
        small += u32::from(result.p_value < 0.2);
    }
    // Binomial of 60 and 0.2: these bounds hold with 0.999.
    assert!((3..=23).contains(&small), "{small}");
    let mut random = Random::new(9);
    let mut x = Array2::from_shape_fn((300, 3), |_| random.normal());
    for mut row in x.rows_mut() {
        if row[0] > 0.5 {
            row[1] = f64::NAN;
        }
    }
    assert!(little_mcar(&x).unwrap().p_value < 1e-10);
}

#[test]
fn what_cannot_be_tested_is_told() {
    let nan = f64::NAN;
    for (x, words) in [
        (array![[1.0, 2.0], [2.0, 5.0], [4.0, 4.0]], "lack the same cells"),
        (array![[1.0, nan], [2.0, nan], [nan, 4.0], [nan, 5.0]], "share a column"),
        (array![[1.0, nan], [2.0, 1.0], [4.0, 1.0]], "fewer than two different"),
        (array![[1.0, nan], [2.0, f64::INFINITY], [4.0, 1.0]], "inf"),
        (array![[1.0, nan], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]], "linearly"),
        (Array2::zeros((0, 2)), "fewer than two different"),
        (Array2::zeros((3, 0)), "lack the same cells"),
    ] {
        let error = little_mcar(&x).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn imputations_are_pooled() {
    // By hand: the mean is 2, within 0.5, between 1, total 0.5 + 4/3, share of what is missing 8/11, so 2 / (8/11)^2 = 3.78125 degrees of
    // freedom, whose 0.975 quantile is that of Student's distribution.
    let interval = pooled_interval(&[1.0, 2.0, 3.0], &[0.5, 0.5, 0.5], f64::INFINITY, 0.95).unwrap();
    let total: f64 = 0.5 + 4.0 / 3.0;
    let t = perennial_statistics::distribution::StudentT::new(3.781_25).unwrap().isf(0.025);
    assert!((interval.high - (2.0 + t * total.sqrt())).abs() < 1e-12, "{interval}");
    // With 10 degrees of freedom of complete data: 11/13 * 10 * 3/11 = 30/13, and 1 / (1/3.78125 + 13/30).
    let small = pooled_interval(&[1.0, 2.0, 3.0], &[0.5, 0.5, 0.5], 10.0, 0.95).unwrap();
    let df = 1.0 / (1.0 / 3.781_25 + 13.0 / 30.0);
    let t = perennial_statistics::distribution::StudentT::new(df).unwrap().isf(0.025);
    assert!((small.high - (2.0 + t * total.sqrt())).abs() < 1e-12, "{small}");
    // Imputations that agree: the interval of one of them.
    let same = pooled_interval(&[2.0, 2.0], &[0.25, 0.25], f64::INFINITY, 0.95).unwrap();
    assert!((same.high - (2.0 + 0.5 * Normal::standard().isf(0.025))).abs() < 1e-6, "{same}");
    assert_eq!(pooled_interval(&[2.0, 2.0], &[0.0, 0.0], 5.0, 0.9).unwrap().width(), 0.0);
    assert!(pooled_interval(&[2.0], &[0.0], 5.0, 0.9).is_err());
    assert!(pooled_interval(&[2.0, 1.0], &[0.0, -1.0], 5.0, 0.9).is_err());
    assert!(pooled_interval(&[2.0, 1.0], &[0.0, 1.0], 0.0, 0.9).is_err());
    assert!(pooled_interval(&[2.0, 1.0], &[0.0, 1.0], f64::NAN, 0.9).is_err());
}

#[test]
fn parts_of_a_sample_are_compared_with_a_distribution() {
    let mut random = Random::new(1);
    let x: Vec<f64> = (0..20_000).map(|_| random.normal() + 0.03).collect();
    let normal = Normal::standard();
    let share = |x: &[f64], level| ks_bootstrapped(x, |value| normal.cdf(value), level, 200, 50, 7).unwrap();
    // A shift that does not matter: of parts of 50 about 0.95 fit. One that does.
    assert!(share(&x, 0.05) > 0.88, "{}", share(&x, 0.05));
    let shifted: Vec<f64> = x.iter().map(|value| value + 2.0).collect();
    assert!(share(&shifted, 0.05) < 0.01 && share(&x, 0.05) == share(&x, 0.05));
    let error = ks_bootstrapped(&x, |value| normal.cdf(value), 1.0, 10, 10, 0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
    assert!(ks_bootstrapped(&[], |_| 0.5, 0.1, 10, 10, 0).is_err());
    assert!(ks_bootstrapped(&x, |value| normal.cdf(value), 0.1, 0, 10, 0).is_err());
}
