//! Kernels of many points, tile by tile.

use ndarray::{Array2, array, s};
use perennial_numeric::kernel::Kernel;
use perennial_numeric::random::Random;

const KERNELS: [fn() -> Kernel; 7] = [
    || Kernel::Linear,
    || Kernel::rbf(0.3),
    || Kernel::polynomial(3, 0.2, 1.0),
    || Kernel::sigmoid(0.1, -0.5),
    || Kernel::laplacian(0.4),
    || Kernel::chi2(0.4),
    || Kernel::AdditiveChi2,
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
                Kernel::Chi2 { .. } => (-0.4 * (&difference * &difference / (&a + &b)).sum()).exp(),
                Kernel::AdditiveChi2 => -(&difference * &difference / (&a + &b)).sum(),
            };
            assert!((found - truth).abs() <= 1e-12 * truth.abs(), "{:?}: {found} and {truth}", kernel());
        }
    }
}

#[test]
fn sums_of_kernels_are_those_of_the_matrix_and_of_rows_alone() {
    let (points, rows) =
        ((table(1100, 3, 0) - 1000.0).mapv(f64::abs), (table(70, 3, 1) - 1000.0).mapv(f64::abs));
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

/// scikit-learn: `chi2_kernel(X, Y, gamma=0.7)` and `additive_chi2_kernel(X, Y)`.
#[test]
fn chi_squared_kernels_are_those_of_scikit_learn_and_take_no_negative_numbers() {
    let x = array![[0.0, 1.5, 2.0], [3.0, 0.0, 0.5]];
    let y = array![[0.0, 0.5, 1.0], [2.0, 0.0, 0.0], [1.0, 4.0, 0.25]];
    let gram = |kernel: Kernel| kernel.resolve(&x, None).unwrap().points(&y).unwrap().gram(&x).unwrap();
    let exponential = [
        0.5580351457700471,
        0.021279736438377175,
        0.08644626056687119,
        0.07679108957896807,
        0.6126263941844161,
        0.028486262275695173,
    ];
    let additive =
        [-0.8333333333333333, -5.5, -3.497474747474748, -3.6666666666666665, -0.7, -5.083333333333333];
    for (found, truth) in [(gram(Kernel::chi2(0.7)), exponential), (gram(Kernel::AdditiveChi2), additive)] {
        for (found, truth) in found.iter().zip(truth) {
            assert!((found - truth).abs() <= 1e-14 * truth.abs(), "{found} instead of {truth}");
        }
    }
    let points = Kernel::AdditiveChi2.resolve(&x, None).unwrap().points(&y).unwrap();
    let error = points.gram(&array![[1.0, 1.0, 1.0], [0.0, -2.0, 1.0]]).unwrap_err();
    assert!(error.to_string().starts_with("row 1 holds -2"), "{error}");
}

/// Whether a distance is measured again depends on its pair alone.
#[test]
fn radial_kernels_near_the_bounds_of_cancellation_and_of_the_range() {
    let points = array![[1.0], [-1.0]];
    let of = |points: &Array2<f64>, gamma: f64| {
        Kernel::rbf(gamma).resolve(points, None).unwrap().points(points).unwrap()
    };
    let row = 0.9562460682560399;
    let alone = of(&points, 2.5).gram(&array![[row]]).unwrap();
    let beside = of(&points, 2.5).gram(&array![[row], [1.0]]).unwrap();
    assert_eq!(alone.row(0), beside.row(0));
    // The kernel times the squared length of a point is infinite, and that of a point and itself is 1.
    for (points, gamma) in [(array![[-6e153], [6e153]], 10.0), (array![[0.0], [1e110], [2e110]], 1e100)] {
        assert_eq!(of(&points, gamma).gram(&points).unwrap(), Array2::<f64>::eye(points.nrows()));
    }
}
