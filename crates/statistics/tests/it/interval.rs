//! Intervals: determinism, coverage, closed forms.

use perennial_numeric::random::Random;
use perennial_statistics::distribution::{Distribution, Normal};
use perennial_statistics::interval::*;

fn draw(n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..n).map(|_| Normal::standard().sample(&mut random)).collect()
}

fn mean(x: &[f64]) -> impl Fn(&[usize]) -> f64 + Sync + '_ {
    |rows| rows.iter().map(|&i| x[i]).sum::<f64>() / rows.len() as f64
}

#[test]
fn the_bootstrap_agrees_with_theory() {
    let x = draw(400, 1);
    let theory = mean_interval(&x, 0.9).unwrap();
    for method in [BootstrapMethod::Percentile, BootstrapMethod::Bca] {
        let interval =
            Bootstrap::new().replicates(4000).level(0.9).method(method).interval(x.len(), mean(&x)).unwrap();
        assert_eq!(interval.level, 0.9);
        assert!((interval.low - theory.low).abs() < 0.1 * theory.width(), "{interval} is not {theory}");
        assert!((interval.high - theory.high).abs() < 0.1 * theory.width(), "{interval} is not {theory}");
    }
}

#[test]
fn bca_follows_skewness() {
    // The sample variance of normal data: exact limits from chi-squared are skewed to the right.
    let x = draw(60, 3);
    let variance = |rows: &[usize]| {
        let m = mean(&x)(rows);
        rows.iter().map(|&i| (x[i] - m).powi(2)).sum::<f64>() / rows.len() as f64
    };
    let run = |method| Bootstrap::new().replicates(4000).method(method).interval(60, variance).unwrap();
    let (bca, percentile) = (run(BootstrapMethod::Bca), run(BootstrapMethod::Percentile));
    assert!(bca.low > percentile.low && bca.high > percentile.high);
}

#[test]
fn thread_counts_change_no_bit() {
    let x = draw(120, 2);
    let groups: Vec<u32> = (0..120).map(|i| i / 7).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let bootstrap = Bootstrap::new().replicates(300).seed(11);
            [
                bootstrap.interval(x.len(), mean(&x)).unwrap(),
                bootstrap.interval_grouped(&groups, mean(&x)).unwrap(),
                bootstrap.interval_blocks(x.len(), 9, mean(&x)).unwrap(),
            ]
        })
    };
    let one = run(1);
    for threads in [2, 3, 4, 7] {
        assert_eq!(run(threads), one);
    }
    assert_ne!(one[0], Bootstrap::new().replicates(300).seed(12).interval(x.len(), mean(&x)).unwrap());
}

#[test]
fn groups_widen_the_interval_when_rows_repeat() {
    // Each value ten times over: grouped, the interval is that of the distinct values.
    let distinct = draw(50, 4);
    let x: Vec<f64> = distinct.iter().flat_map(|v| [*v; 10]).collect();
    let groups: Vec<u32> = (0..500).map(|i| i / 10).collect();
    let bootstrap = Bootstrap::new().seed(5);
    let rows = bootstrap.interval(x.len(), mean(&x)).unwrap();
    let grouped = bootstrap.interval_grouped(&groups, mean(&x)).unwrap();
    let blocks = bootstrap.interval_blocks(x.len(), 50, mean(&x)).unwrap();
    let theory = mean_interval(&distinct, 0.95).unwrap();
    assert!((grouped.width() / theory.width() - 1.0).abs() < 0.1, "{grouped} is not {theory}");
    assert!(rows.width() < 0.5 * grouped.width());
    assert!(blocks.width() > 1.5 * rows.width());
}

#[test]
fn awkward_statistics() {
    let bootstrap = Bootstrap::new().replicates(50);
    assert!(bootstrap.interval(0, |_| 1.0).is_err());
    assert!(bootstrap.interval(1, |_| 1.0).is_err());
    assert!(bootstrap.interval_grouped(&[3, 3, 3], |_| 1.0).unwrap_err().to_string().contains("1 units"));
    assert!(bootstrap.interval_blocks(10, 0, |_| 1.0).is_err());
    assert!(bootstrap.interval(5, |_| f64::NAN).unwrap_err().to_string().contains("NaN"));
    assert!(
        Bootstrap::new().replicates(0).interval(5, |_| 1.0).unwrap_err().to_string().contains("replicates")
    );
    assert!(Bootstrap::new().level(f64::NAN).interval(5, |_| 1.0).unwrap_err().to_string().contains("level"));
    let constant = bootstrap.interval(5, |_| 1.0).unwrap();
    assert_eq!((constant.low, constant.high), (1.0, 1.0));
    assert!(serde_json::from_str::<Bootstrap>(r#"{"seeds": 3}"#).is_err());
}

#[test]
fn proportions_in_closed_form() {
    // No success in n trials: the upper limit is 1 - (alpha / 2)^(1 / n).
    let interval = clopper_pearson(0, 12, 0.95).unwrap();
    assert_eq!(interval.low, 0.0);
    assert!((interval.high - (1.0 - 0.025_f64.powf(1.0 / 12.0))).abs() < 1e-14);
    let mirrored = clopper_pearson(12, 12, 0.95).unwrap();
    assert!((mirrored.low - (1.0 - interval.high)).abs() < 1e-15 && mirrored.high == 1.0);
    for bad in [clopper_pearson(1, 0, 0.95), wilson(3, 2, 0.95), wilson(1, 2, 1.0), wilson(1, 2, f64::NAN)] {
        assert!(bad.is_err());
    }
}

#[test]
fn display_shows_what_the_width_justifies() {
    let interval = |low, high| Interval { estimate: 0.5 * (low + high), low, high, level: 0.95 };
    assert_eq!(interval(0.78, 0.84).to_string(), "0.81 [0.78, 0.84]");
    assert_eq!(interval(1200.0, 1400.0).to_string(), "1300 [1200, 1400]");
    assert_eq!(interval(2.0, 2.0).to_string(), "2.00 [2.00, 2.00]");
}

#[test]
fn what_is_rounded_to_nothing_has_no_sign() {
    let shown = |estimate, low, high| Interval { estimate, low, high, level: 0.95 }.to_string();
    assert_eq!(shown(-0.0001, -0.3, 0.3), "0.0 [-0.3, 0.3]");
    assert_eq!(shown(-0.2, -3.0, -0.0), "0 [-3, 0]");
    assert_eq!(shown(-0.12, -0.18, -0.06), "-0.12 [-0.18, -0.06]");
}

#[test]
fn resamples_are_given_as_counts() {
    let bootstrap = Bootstrap::new().replicates(300).seed(5);
    let counts = bootstrap.map_counted(40, <[u32]>::to_vec).unwrap();
    assert!(counts.len() == 300 && counts.iter().all(|counts| counts.iter().sum::<u32>() == 40));
    // They are those of the interval.
    let x: Vec<f64> = (0..40).map(|row| f64::from(row * row % 17)).collect();
    let mean =
        |counts: &[u32]| counts.iter().zip(&x).map(|(&count, x)| f64::from(count) * x).sum::<f64>() / 40.0;
    let mut means: Vec<f64> = counts.iter().map(|counts| mean(counts)).collect();
    means.sort_by(f64::total_cmp);
    let interval =
        bootstrap.method(BootstrapMethod::Percentile).level(0.5).interval_counted(40, mean).unwrap();
    assert!(means[60] < interval.low && interval.low < means[80], "{interval}");
    // Blocks are neighbours, the end joined to the start; one block of all rows is all rows.
    let blocks = Bootstrap::new().replicates(50).map_blocks(12, 4, <[u32]>::to_vec).unwrap();
    assert!(blocks.iter().all(|counts| counts.iter().sum::<u32>() == 12));
    assert!(blocks.iter().any(|counts| counts.contains(&0)));
    assert_eq!(
        Bootstrap::new().replicates(3).map_blocks(5, 5, <[u32]>::to_vec).unwrap(),
        vec![vec![1; 5]; 3]
    );
    assert!(Bootstrap::new().replicates(0).map_counted(5, |_| ()).is_err());
    assert!(Bootstrap::new().map_blocks(5, 0, |_| ()).is_err());
}

#[test]
fn statistics_of_the_same_draws_have_the_intervals_they_have_alone() {
    let x = draw(40, 9);
    let power = |rows: &[usize], power| rows.iter().map(|&row| f64::powi(x[row], power)).sum::<f64>();
    for method in [BootstrapMethod::Bca, BootstrapMethod::Percentile] {
        let bootstrap = Bootstrap::new().replicates(200).method(method).seed(4);
        let both = bootstrap.intervals_blocks(40, 5, |rows| [power(rows, 1), power(rows, 2)]).unwrap();
        for (found, exponent) in both.iter().zip([1, 2]) {
            let alone = bootstrap.interval_blocks(40, 5, |rows| power(rows, exponent)).unwrap();
            assert_eq!(*found, alone);
        }
        // One that is not finite is an error of all, and of none there is nothing.
        let odd = bootstrap.intervals_counted(40, |counts| [1.0, if counts[0] > 1 { f64::NAN } else { 0.0 }]);
        assert!(odd.unwrap_err().to_string().contains("on a resample"));
        assert!(bootstrap.intervals_counted::<0>(40, |_| []).is_ok());
    }
}
