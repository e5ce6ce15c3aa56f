//! Kernels of many points, tile by tile.

use ndarray::{Array2, s};
use perennial_numeric::kernel::Kernel;
use perennial_numeric::random::Random;

const KERNELS: [fn() -> Kernel; 5] = [
    || Kernel::Linear,
    || Kernel::rbf(0.3),
    || Kernel::polynomial(3, 0.2, 1.0),
    || Kernel::sigmoid(0.1, -0.5),
    || Kernel::laplacian(0.4),
];

/// More rows than a block and more points than a tile, far from 0, some of them equal.
fn table(n: usize, width: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::new(seed);
    let mut table = Array2::from_shape_simple_fn((n, width), || 1000.0 + random.normal());
    let first = table.row(0).to_owned();
    table.row_mut(n - 1).assign(&first);
    table
}

#[test]
fn kernels_are_those_of_each_pair() {
    let (points, rows) = (table(1100, 3, 0), table(70, 3, 0));
    for kernel in KERNELS {
        let function = kernel().resolve(&points, None).unwrap();
        let gram = function.points(&points).unwrap().gram(&rows).unwrap();
        for ((i, j), &found) in gram.indexed_iter() {
            let (a, b) = (rows.row(i), points.row(j));
            let difference = &a - &b;
            let truth = match kernel() {
                Kernel::Linear => a.dot(&b),
                Kernel::Rbf { .. } => (-0.3 * difference.dot(&difference)).exp(),
                Kernel::Polynomial { .. } => (0.2 * a.dot(&b) + 1.0).powi(3),
                Kernel::Sigmoid { .. } => (0.1 * a.dot(&b) - 0.5).tanh(),
                Kernel::Laplacian { .. } => (-0.4 * difference.mapv(f64::abs).sum()).exp(),
            };
            assert!((found - truth).abs() <= 1e-12 * truth.abs(), "{:?}: {found} and {truth}", kernel());
        }
    }
}

#[test]
fn sums_of_kernels_are_those_of_the_matrix_and_of_rows_alone() {
    let (points, rows) = (table(1100, 3, 0) - 1000.0, table(70, 3, 1) - 1000.0);
    let coefficients = Array2::from_shape_fn((1100, 3), |(i, j)| ((i * 7 + j) % 5) as f64 - 2.0);
    for kernel in KERNELS {
        let points = kernel().resolve(&points, None).unwrap().points(&points).unwrap();
        let sums = points.expand(&rows, &coefficients).unwrap();
        let truth = points.gram(&rows).unwrap().dot(&coefficients);
        for (found, truth) in sums.iter().zip(&truth) {
            assert!((found - truth).abs() <= 1e-11 * truth.abs().max(1.0), "{:?}", kernel());
        }
        let alone = points.expand(&rows.slice(s![69.., ..]), &coefficients).unwrap();
        assert_eq!(alone.row(0), sums.row(69), "{:?}", kernel());
        assert_eq!(points.expand(&rows.slice(s![..0, ..]), &coefficients).unwrap().dim(), (0, 3));
    }
}
