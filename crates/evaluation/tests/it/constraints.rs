//! Costs are measured, limits kept, and fronts are those of all pairs.

use std::time::Duration;

use ndarray::Array2;
use perennial_core::{CancelToken, Context, Matrix, Predictor, Result, Rows, Values};
use perennial_evaluation::*;
use proptest::prelude::*;

/// Takes a known time for each call, and longer now and then.
struct Slow;

impl Predictor for Slow {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let first = x.dense()?[[0, 0]];
        std::thread::sleep(Duration::from_millis(if x.n_rows() == 1 && first == 0.0 { 20 } else { 2 }));
        Ok(Values::from(vec![0.0; x.n_rows()]))
    }
}

#[test]
fn slow_rows_are_seen() {
    let x = Matrix::from(Array2::from_shape_fn((10, 1), |(row, _)| row as f64));
    let cost = measure_cost(&Slow, &x, 50, &Context::new()).unwrap();
    // One row of ten is slow: not the median, but the 99th percentile.
    assert!(cost.latency_p50 >= 0.002 && cost.latency_p99 >= 0.020, "{cost:?}");
    assert!(cost.latency_p50 < 0.018 && cost.throughput <= 5000.0, "{cost:?}");
    assert!(cost.bytes(700).memory(1 << 21).to_string().ends_with(", 700 bytes, 2.0 MiB of memory"));
    assert!(measure_cost(&Slow, &x, 0, &Context::new()).is_err());
    assert!(measure_cost(&Slow, &x.take(&[]).unwrap(), 5, &Context::new()).is_err());
    let token = CancelToken::new();
    token.cancel();
    assert!(measure_cost(&Slow, &x, 5, &Context::new().with_cancel(token)).is_err());
}

fn cost(p99: f64, throughput: f64, bytes: Option<u64>) -> Cost {
    Cost { latency_p50: p99 / 2.0, latency_p99: p99, throughput, bytes, memory: None }
}

#[test]
fn limits_drop_with_reasons() {
    let limits = Limits::new().latency_p50(0.01).latency_p99(0.015).throughput(100.0).bytes(1000);
    assert!(limits.broken(&cost(0.015, 100.0, Some(1000))).unwrap().is_empty());
    let broken = limits.broken(&cost(0.03, 99.0, None)).unwrap();
    assert_eq!(broken.len(), 4);
    assert_eq!(broken[1], "latency_p99 is 0.030000 s, at most 0.015 s are allowed");
    assert_eq!(limits.broken(&cost(f64::NAN, f64::NAN, Some(1001))).unwrap().len(), 4);

    let candidates = [
        Candidate::new("a", 0.9, cost(0.05, 1e3, Some(10))),
        Candidate::new("b", 0.8, cost(0.01, 1e3, Some(10))),
        Candidate::new("c", 0.7, cost(0.012, 1e3, Some(10))),
    ];
    let choice = limits.select(&candidates, true, |cost| cost.latency_p99).unwrap();
    assert_eq!((choice.feasible.len(), &choice.front[..]), (2, &["b".to_owned()][..]));
    assert!(choice.to_string().contains("a is dropped: latency_p50 is 0.025000 s"), "{choice}");
    // Where less is better, the worst score is the best.
    assert_eq!(limits.select(&candidates, false, |cost| cost.latency_p99).unwrap().front, ["c", "b"]);
    let json = serde_json::to_string(&choice).unwrap();
    assert_eq!(serde_json::from_str::<Selection>(&json).unwrap(), choice);
    assert!(limits.select(&[], true, |cost| cost.throughput).is_err());
    let odd = [Candidate::new("odd", f64::NAN, cost(0.01, 1e3, Some(1)))];
    assert!(
        limits.select(&odd, true, |cost| cost.throughput).unwrap_err().to_string().contains("`odd` is NaN")
    );
    assert!(Limits::new().latency_p99(0.0).broken(&cost(1.0, 1.0, None)).is_err());
}

/// Needs 64 MiB to answer.
struct Large;

impl Predictor for Large {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let room = vec![1_u8; if x.n_rows() > 1 { 64 << 20 } else { 1 }];
        let sum: f64 = room.iter().map(|byte| f64::from(*byte)).sum();
        Ok(Values::from(vec![sum; x.n_rows()]))
    }
}

#[test]
fn memory_is_seen_and_limited() {
    let x = Matrix::from(Array2::zeros((2, 1)));
    let cost = measure_cost(&Large, &x, 5, &Context::new()).unwrap();
    if let Some(bytes) = cost.memory {
        assert!((60 << 20..200 << 20).contains(&bytes), "{bytes}");
    }
    let limits = Limits::new().memory(1 << 20);
    assert!(limits.broken(&cost.memory(1 << 20)).unwrap().is_empty());
    assert_eq!(
        limits.broken(&cost.memory(1 << 21)).unwrap(),
        ["answering takes 2097152 bytes, at most 1048576 are allowed"]
    );
    assert!(
        limits.broken(&cost_without_memory()).unwrap()[0]
            .starts_with("the memory that answering takes is not known")
    );
    // Costs that were saved before there was a memory.
    let old = r#"{"latency_p50":1.0,"latency_p99":1.0,"throughput":1.0,"bytes":null}"#;
    assert_eq!(serde_json::from_str::<Cost>(old).unwrap().memory, None);
}

fn cost_without_memory() -> Cost {
    cost(0.01, 1e3, None)
}

proptest! {
    #[test]
    fn fronts_are_those_of_all_pairs(points in prop::collection::vec(prop::array::uniform2(0_u8..8), 0..20)) {
        let points: Vec<[f64; 2]> = points.into_iter().map(|point| point.map(f64::from)).collect();
        let beats = |a: [f64; 2], b: [f64; 2]| a[0] <= b[0] && a[1] <= b[1] && a != b;
        let expected: Vec<usize> =
            (0..points.len()).filter(|&b| !points.iter().any(|&a| beats(a, points[b]))).collect();
        let mut front = pareto_front(&points);
        front.sort_unstable();
        prop_assert_eq!(front, expected);
    }
}
