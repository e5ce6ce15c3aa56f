//! Kernels of `perennial::numeric`.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use ndarray::{Array1, Array2};
use perennial::core::{Csr, Result};
use perennial::numeric::random::Random;
use perennial::numeric::{distance, linalg, reduce, sparse};

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    reductions(&mut criterion);
    dense(&mut criterion);
    sparse_rows(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn normal(n_rows: usize, n_cols: usize) -> Array2<f64> {
    let mut random = Random::new(1);
    Array2::from_shape_simple_fn((n_rows, n_cols), || random.normal())
}

fn reductions(criterion: &mut Criterion) {
    let mut random = Random::new(2);
    let [a, b] = [(); 2].map(|()| (0..1_000_000).map(|_| random.normal()).collect::<Vec<f64>>());
    criterion.bench_function("sum 1M", |bench| bench.iter(|| reduce::sum(black_box(&a))));
    criterion.bench_function("dot 1M", |bench| bench.iter(|| reduce::dot(black_box(&a), black_box(&b))));
}

fn dense(criterion: &mut Criterion) {
    let x = normal(100_000, 20);
    let y = normal(100_000, 1);
    criterion.bench_function("gram 100k x 20", |bench| bench.iter(|| linalg::gram(black_box(&x), None)));
    criterion.bench_function("least squares 100k x 20", |bench| {
        bench.iter(|| linalg::Qr::new(black_box(&x), &y, None, true).and_then(|qr| qr.solve()));
    });
    let x = normal(500, 200);
    criterion.bench_function("svd 500 x 200", |bench| bench.iter(|| linalg::svd(black_box(&x))));
    let (a, b) = (normal(2000, 50), normal(500, 50));
    criterion.bench_function("squared distances 2000 x 500 in 50", |bench| {
        bench.iter(|| distance::squared_euclidean(black_box(&a), &b));
    });
}

/// A row-compressed matrix with 1 % of its cells: 50,000 x 1,000 with 10 in each row.
fn sparse_rows(criterion: &mut Criterion) -> Result<()> {
    let (n_rows, n_cols, per_row) = (50_000, 1000, 10);
    let mut random = Random::new(3);
    let mut indices: Vec<u32> = Vec::new();
    for _ in 0..n_rows {
        let mut row = random.sample(n_cols, per_row);
        row.sort_unstable();
        indices.extend(row.iter().map(|&column| column as u32));
    }
    let values = indices.iter().map(|_| random.normal()).collect();
    let indptr = (0..=n_rows).map(|row| row * per_row).collect();
    let csr = Csr::new(n_cols, indptr, indices, values)?;
    let vector = Array1::from_elem(n_cols, 0.5);
    criterion.bench_function("csr times vector 50k x 1000", |bench| {
        bench.iter(|| sparse::csr_matvec(black_box(&csr), &vector));
    });
    let block = normal(n_cols, 16);
    criterion.bench_function("csr times block 50k x 1000 x 16", |bench| {
        bench.iter(|| sparse::csr_matmul_dense(black_box(&csr), &block));
    });
    Ok(())
}
