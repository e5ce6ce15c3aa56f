//! Integration tests, in one binary.

mod centres;
mod descend;
mod distance;
mod kernel;
mod least_squares;
mod linalg;
mod neighbors;
mod optimize;
mod random;
mod reduce;
mod sparse;
mod special;

/// The bytes of `work`'s result must be the same for any number of threads, and when nested.
fn same_bits<T: PartialEq + std::fmt::Debug + Send>(work: impl Fn() -> T + Sync) -> T {
    let truth = work();
    for n_threads in [1, 2, 3, 4, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        for _ in 0..3 {
            assert_eq!(pool.install(&work), truth, "{n_threads} threads");
        }
        let (left, right) = pool.join(&work, &work);
        assert!(left == truth && right == truth, "nested in {n_threads} threads");
    }
    truth
}

/// A fixture file beside the project, or `None` with a line that says so.
fn fixture(name: &str) -> Option<serde_json::Value> {
    let path = format!("{}/../../../shared/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(_) => {
            println!("skipped: {path} is not there");
            None
        }
    }
}

/// A number of a fixture: a JSON number or a decimal string.
fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// The number of right digits.
fn digits(computed: f64, truth: f64) -> f64 {
    let error = (computed - truth).abs();
    let error = if truth == 0.0 { error } else { error / truth.abs() };
    if error == 0.0 { 16.0 } else { (-error.log10()).min(16.0) }
}
