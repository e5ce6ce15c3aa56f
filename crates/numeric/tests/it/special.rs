//! Vectorisable functions against the C library's.

use perennial_numeric::random::Random;
use perennial_numeric::{simd, special};

/// The distance of two numbers of one sign, counted in numbers of `f64`.
fn ulps(a: f64, b: f64) -> u64 {
    a.to_bits().abs_diff(b.to_bits())
}

#[test]
fn exp_is_within_one_ulp_over_the_whole_range() {
    let mut random = Random::new(1);
    let mut worst = 0;
    let ranges =
        [(-745.5, 710.0), (-1.0, 1.0), (-40.0, 40.0), (-745.2, -708.0), (709.0, 709.79), (-1e-8, 1e-8)];
    for (low, high) in ranges {
        for _ in 0..200_000 {
            let x = random.uniform_in(low, high);
            // `libm` itself is within one unit of the truth.
            worst = worst.max(ulps(special::exp(x), libm::exp(x)));
        }
    }
    assert!(worst <= 1, "{worst} ulp");
}

#[test]
fn exp_at_the_edges() {
    for (x, truth) in [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, 0.0),
        (710.0, f64::INFINITY),
        (1e300, f64::INFINITY),
        (-746.0, 0.0),
        (-1e300, 0.0),
        (1e-320, 1.0),
        (-745.13, f64::from_bits(1)),
    ] {
        assert_eq!(special::exp(x).to_bits(), f64::to_bits(truth), "exp({x})");
    }
    assert!(special::exp(f64::NAN).is_nan() && special::exp(-f64::NAN).is_nan());
    assert!(special::exp(709.782_712_893_383_9).is_finite());
}

#[test]
fn exp_has_the_same_bits_in_vectors_and_alone() {
    let mut random = Random::new(2);
    let x: Vec<f64> = (0..10_007).map(|_| random.uniform_in(-800.0, 800.0)).collect();
    let alone: Vec<u64> = x.iter().map(|&x| special::exp(x).to_bits()).collect();
    let vectors: Vec<u64> = simd::widest(|| x.iter().map(|&x| special::exp(x).to_bits()).collect());
    assert_eq!(alone, vectors);
}

#[test]
fn ln_1p_share_is_within_two_ulp_and_the_same_in_vectors() {
    let mut random = Random::new(3);
    let mut x = vec![0.0, 1.0, f64::MIN_POSITIVE, 1e-320, 1e-17, std::f64::consts::SQRT_2 - 1.0];
    for (low, high) in [(0.0, 1.0), (0.41, 0.42), (0.0, 1e-3), (0.0, 1e-12)] {
        x.extend((0..100_000).map(|_| random.uniform_in(low, high)));
    }
    let worst = x.iter().map(|&x| ulps(special::ln_1p_share(x), libm::log1p(x))).max();
    assert!(worst <= Some(2), "{worst:?} ulp");
    let alone: Vec<u64> = x.iter().map(|&x| special::ln_1p_share(x).to_bits()).collect();
    let vectors: Vec<u64> = simd::widest(|| x.iter().map(|&x| special::ln_1p_share(x).to_bits()).collect());
    assert_eq!(alone, vectors);
    assert!(special::ln_1p_share(f64::NAN).is_nan());
}
