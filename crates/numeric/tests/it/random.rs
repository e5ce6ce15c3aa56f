//! Random streams: pinned numbers, moments, and independence.

use ndarray::Array1;
use ndarray_rand::RandomExt;
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use rand::RngCore;
use rand_distr::{Distribution, Gamma};

const PINNED_RAW: [u64; 3] = [3536907876931541756, 1681417456739323905, 17856965759995586207];
const PINNED_DRAWS: [f64; 4] =
    [0.7231518528398883, -0.8878362519855814, -0.670570213687502, 0.6704006734276954];
const PINNED_BELOW: [usize; 3] = [6, 9, 150];
const PINNED_PERMUTATION: [usize; 8] = [0, 6, 1, 7, 3, 5, 4, 2];
const PINNED_SAMPLE: [usize; 5] = [0, 8, 13, 38, 77];
const PINNED_DENSE_SAMPLE: [usize; 4] = [2, 4, 6, 7];
const PINNED_BOOTSTRAP: [usize; 6] = [0, 3, 1, 4, 5, 5];
const PINNED_WEIGHTED: Option<usize> = Some(2);
const PINNED_FORK: u64 = 10247076821180330521;
const PINNED_STREAM: u64 = 2831054822017102679;

#[test]
fn values_never_change() {
    let mut random = Random::new(42);
    let raw: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
    assert_eq!(raw, PINNED_RAW);
    assert_eq!(
        [random.uniform(), random.uniform_in(-1.0, 3.0), random.normal(), random.normal()],
        PINNED_DRAWS
    );
    assert_eq!([random.below(10), random.below(10), random.below(1000)], PINNED_BELOW);
    assert_eq!(random.permutation(8), PINNED_PERMUTATION);
    assert_eq!(random.sample(100, 5), PINNED_SAMPLE);
    assert_eq!(random.sample(8, 4), PINNED_DENSE_SAMPLE);
    assert_eq!(random.bootstrap_rows(6), PINNED_BOOTSTRAP);
    assert_eq!(random.weighted_index(&[0.0, 1.0, 5.0, 2.0]), PINNED_WEIGHTED);
    assert_eq!(random.fork(3).next_u64(), PINNED_FORK);
    assert_eq!(random.stream("rows").next_u64(), PINNED_STREAM);
}

#[test]
fn forks_do_not_depend_on_what_was_drawn_and_differ() {
    let fresh = Random::new(1);
    let mut used = fresh.clone();
    for _ in 0..1000 {
        used.next_u32();
    }
    assert_eq!(fresh.fork(5).next_u64(), used.fork(5).next_u64());
    assert_eq!(fresh.stream("a").next_u64(), used.stream("a").next_u64());

    let mut firsts: Vec<u64> = (0..1000).map(|i| fresh.fork(i).next_u64()).collect();
    firsts.extend((0..100).map(|i| fresh.fork(i).fork(7).next_u64()));
    firsts.extend((0..100).map(|i| fresh.fork(7).fork(1000 + i).next_u64()));
    firsts.extend(["", "a", "b", "ab", "a\0", "abcdefgh", "abcdefghi"].map(|s| fresh.stream(s).next_u64()));
    firsts.push(fresh.clone().next_u64());
    firsts.push(fresh.fork(u64::MAX).next_u64());
    let n = firsts.len();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), n);
}

#[test]
fn moments_of_the_draws() {
    let mut random = Random::new(9);
    let n = 200_000;
    let uniform: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
    assert!(uniform.iter().all(|u| (0.0..1.0).contains(u)));
    let (mean, variance) = reduce::mean_variance(&uniform, 1);
    // Five standard errors.
    assert!((mean - 0.5).abs() < 5.0 * (1.0 / 12.0 / n as f64).sqrt());
    assert!((variance - 1.0 / 12.0).abs() < 5.0 * (1.0 / 180.0 / n as f64).sqrt());

    let normal: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let (mean, variance) = reduce::mean_variance(&normal, 1);
    assert!(mean.abs() < 5.0 / (n as f64).sqrt());
    assert!((variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt());
    let fourth = reduce::sum_by(n, |i| normal[i].powi(4)) / n as f64;
    assert!((fourth - 3.0).abs() < 5.0 * (96.0 / n as f64).sqrt());
    let beyond = normal.iter().filter(|x| x.abs() > 1.959_963_984_540_054).count() as f64;
    assert!((beyond / n as f64 - 0.05).abs() < 5.0 * (0.05 * 0.95 / n as f64).sqrt());
}

#[test]
fn whole_numbers_and_samples_are_uniform() {
    let mut random = Random::new(11);
    let (n, cells) = (70_000, 7);
    let expected = n as f64 / cells as f64;
    let check = |counts: &[usize], what: &str| {
        let chi2: f64 = counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum();
        // The 0.99999 quantile of chi-squared with 6 degrees of freedom.
        assert!(chi2 < 33.1, "{what}: {chi2}");
    };
    let mut counts = vec![0; cells];
    (0..n).for_each(|_| counts[random.below(cells)] += 1);
    check(&counts, "below");
    let mut counts = vec![0; cells];
    (0..n).for_each(|_| counts[random.permutation(cells)[2]] += 1);
    check(&counts, "permutation");
    let mut counts = vec![0; cells];
    (0..n / 2).for_each(|_| random.sample(cells, 2).iter().for_each(|&i| counts[i] += 1));
    check(&counts, "sample");
    let mut counts = vec![0; cells * 8];
    (0..n).for_each(|_| random.sample(cells * 8, 8 - 1).iter().for_each(|&i| counts[i] += 1));
    let share = n as f64 * 7.0 / 56.0;
    assert!(counts.iter().all(|&c| (c as f64 - share).abs() < 5.0 * share.sqrt()), "{counts:?}");
    let mut counts = [0; 4];
    (0..n).for_each(|_| counts[random.weighted_index(&[1.0, 0.0, 2.0, 4.0]).unwrap()] += 1);
    check(&[counts[0], counts[2] / 2, counts[3] / 4], "weighted");
    assert_eq!(counts[1], 0);
}

#[test]
fn edges() {
    let mut random = Random::new(0);
    assert_eq!((random.below(0), random.below(1)), (0, 0));
    assert!(random.permutation(0).is_empty() && random.bootstrap_rows(0).is_empty());
    assert_eq!(random.sample(3, 9), [0, 1, 2]);
    assert!(random.sample(5, 0).is_empty() && random.sample(0, 5).is_empty());
    assert_eq!(random.uniform_in(2.0, 2.0), 2.0);
    for _ in 0..1000 {
        let x = random.uniform_in(-f64::MAX, f64::MAX);
        assert!(x.is_finite());
        assert_eq!(random.uniform_in(1.0, 1.0f64.next_up()), 1.0);
    }
    assert_eq!(random.weighted_index(&[]), None);
    assert_eq!(random.weighted_index(&[0.0, -1.0, f64::NAN, f64::INFINITY]), None);
    assert_eq!(random.weighted_index(&[0.0, f64::MAX, f64::NAN]), Some(1));
    assert!(random.weighted_index(&[f64::MAX; 4]).is_some());
    assert!(random.weighted_index(&[f64::MIN_POSITIVE * 1e-10; 4]).is_some());
}

#[test]
fn rand_distributions_and_arrays_accept_it() {
    let mut random = Random::new(5);
    let gamma = Gamma::new(2.0, 3.0).unwrap();
    let draws: Vec<f64> = (0..50_000).map(|_| gamma.sample(&mut random)).collect();
    let (mean, variance) = reduce::mean_variance(&draws, 1);
    assert!((mean - 6.0).abs() < 0.15 && (variance - 18.0).abs() < 1.5);
    let array = Array1::random_using(1000, gamma, &mut random);
    assert!(array.iter().all(|&x| x > 0.0));
}
