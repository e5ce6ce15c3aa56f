//! Reductions: the same bits for any number of threads, and the digits of NIST's sets.

use perennial_core::Error;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use proptest::prelude::*;

use crate::{digits, fixture, number, numbers, same_bits};

/// Values over many magnitudes, so that any change of order shows.
fn wild(n: usize) -> Vec<f64> {
    let mut random = Random::new(3);
    (0..n).map(|_| random.normal() * 10f64.powi(random.below(20) as i32 - 10)).collect()
}

#[test]
fn sums_have_the_same_bits_at_any_number_of_threads() {
    let (x, y) = (wild(300_001), wild(300_001));
    same_bits(|| {
        let (mean, variance) = reduce::mean_variance(&x, 1);
        let by = reduce::sum_by(x.len(), |i| x[i] / (1.0 + y[i].abs()));
        [reduce::sum(&x), reduce::dot(&x, &y), by, mean, variance].map(f64::to_bits)
    });
    same_bits(|| {
        let add = |a: Vec<u64>, b: Vec<u64>| [a, b].concat();
        reduce::map_reduce(x.len(), 1000, |rows| vec![reduce::sum(&x[rows]).to_bits()], add)
    });
}

#[test]
fn forms_of_the_same_sum_agree_to_the_bit() {
    let x = wild(10_007);
    let ones = vec![1.0; x.len()];
    let sum = reduce::sum(&x);
    assert_eq!(sum, reduce::sum_by(x.len(), |i| x[i]));
    assert_eq!(sum, reduce::dot(&x, &ones));
}

#[test]
fn works_in_pools_of_one_to_sixteen_and_deeply_nested() {
    let x = wild(50_000);
    let truth = reduce::sum(&x);
    for n_threads in 1..=16 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let all = pool.install(|| reduce::map_each(8, |_| reduce::map_chunks(8, 1, |_| reduce::sum(&x))));
        assert!(all.iter().flatten().all(|&sum| sum == truth));
    }
}

/// The observations of a case: numbers, digits, or a rule that generates them.
fn observations(case: &serde_json::Value) -> Vec<f64> {
    if let Some(digits) = case["digits"].as_str() {
        return digits.chars().filter_map(|c| c.to_digit(10)).map(f64::from).collect();
    }
    let rule = &case["generate"];
    if rule.is_null() {
        return numbers(&case["x"]);
    }
    let pair = numbers(&rule["then_alternate"]);
    let times = rule["times"].as_u64().unwrap();
    let mut x = vec![number(&rule["first"])];
    (0..times).for_each(|_| x.extend(&pair));
    x
}

#[test]
fn univariate_digits_of_nist() {
    let Some(suite) = fixture("strd_univariate.json") else { return };
    for case in suite["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let (mean, variance) = reduce::mean_variance(&observations(case), 1);
        let (mean, sd) = (
            digits(mean, number(&case["expected"]["mean"])),
            digits(variance.sqrt(), number(&case["expected"]["sd"])),
        );
        let target = match id {
            "NumAcc3" => 9.0,
            "NumAcc4" => 8.0,
            _ => 13.0,
        };
        println!("{id}: mean {mean:.1}, sd {sd:.1}");
        assert!(mean >= 14.0 && sd >= target, "{id}: mean {mean}, sd {sd}");
    }
}

#[test]
fn empty_short_and_not_finite() {
    assert_eq!(reduce::sum(&[]), 0.0);
    assert!(reduce::mean(&[]).is_nan());
    let (mean, variance) = reduce::mean_variance(&[5.0], 1);
    assert!(mean == 5.0 && variance.is_nan());
    assert_eq!(reduce::mean_variance(&[5.0], 0), (5.0, 0.0));
    assert_eq!(reduce::mean_variance(&[0.1; 1000], 1).1, 0.0);
    assert!(reduce::mean_variance(&[1.0, f64::NAN], 1).1.is_nan());
    assert_eq!(reduce::map_reduce(0, 3, |rows| rows.len(), |a, b| a + b), None);
    assert_eq!(reduce::map_chunks(3, 0, |rows| rows), [0..1, 1..2, 2..3]);
    assert!(reduce::map_chunks(0, 5, |rows| rows).is_empty());
    assert_eq!(reduce::map_chunks(5, usize::MAX, |rows| rows.len()), [5]);
    reduce::fill_rows(&mut [0u8; 0], 0, 5, |_, _| unreachable!());
    reduce::fill_rows(&mut [0u8; 0], 3, 5, |_, _| unreachable!());
}

#[test]
fn the_first_error_wins() {
    let fail_from = |limit: usize| {
        move |rows: std::ops::Range<usize>| {
            if rows.start >= limit {
                Err(Error::malformed(format!("chunk {}", rows.start)))
            } else {
                Ok(rows.len())
            }
        }
    };
    same_bits(|| reduce::try_map_chunks(1000, 10, fail_from(500)).unwrap_err().to_string());
    let tree = |limit| reduce::try_map_reduce(1000, 10, fail_from(limit), |a, b| Ok(a + b));
    assert_eq!(tree(500).unwrap_err().to_string(), "chunk 500");
    assert_eq!(tree(1000).unwrap(), Some(1000));
    let each = |i| if i % 7 == 6 { Err(Error::malformed(format!("item {i}"))) } else { Ok(i) };
    assert_eq!(reduce::try_map_each(50, each).unwrap_err().to_string(), "item 6");
    let mut out = vec![0; 100];
    let error = reduce::try_fill_chunks(&mut out, 10, |first, part| {
        part.fill(1);
        fail_from(30)(first..first + 1).map(drop)
    });
    assert_eq!(error.unwrap_err().to_string(), "chunk 30");
}

#[test]
fn rows_are_filled_where_they_belong() {
    let mut out = vec![0; 7 * 3];
    reduce::fill_rows(&mut out, 3, 2, |first, rows| {
        for (i, row) in rows.chunks_exact_mut(3).enumerate() {
            row.fill(first + i);
        }
    });
    assert_eq!(out, (0..7).flat_map(|i| [i; 3]).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn sums_of_whole_numbers_are_exact(values in prop::collection::vec(-1000i32..1000, 0..20_000)) {
        let x: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        let truth: i64 = values.iter().map(|&v| i64::from(v)).sum();
        prop_assert_eq!(reduce::sum(&x), truth as f64);
    }

    #[test]
    fn chunks_cover_every_number_once(n in 0usize..5000, chunk in 0usize..700) {
        let covered: Vec<usize> = reduce::map_chunks(n, chunk, |rows| rows.collect::<Vec<_>>()).concat();
        prop_assert_eq!(&covered, &(0..n).collect::<Vec<_>>());
        let joined = reduce::map_reduce(n, chunk, |rows| rows.collect::<Vec<_>>(), |a, b| [a, b].concat());
        prop_assert_eq!(joined.unwrap_or_default(), covered);
    }
}
