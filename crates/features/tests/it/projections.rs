//! Random projections keep distances, and their entries are what they are said to be.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, NoTarget, Transformer};
use perennial_features::extraction::{
    GaussianRandomProjection, RandomProjectionModel, SparseRandomProjection, johnson_lindenstrauss,
};

const N: usize = 30;
const P: usize = 2000;
const EPS: f64 = 0.5;

fn rows() -> Matrix {
    Matrix::from(Array2::from_shape_fn((N, P), |(i, j)| ((31 * i + 7) as f64 * (j + 1) as f64 * 0.37).sin()))
}

/// The squared distance of each pair of rows after the projection over that before.
fn ratios(model: &RandomProjectionModel) -> Vec<f64> {
    let x = rows();
    let made = model.transform(&x).unwrap();
    let (before, after) = (x.dense().unwrap(), made.dense().unwrap());
    let squares = |rows: &ndarray::ArrayRef2<f64>, a: usize, b: usize| -> f64 {
        rows.row(a).iter().zip(rows.row(b)).map(|(a, b)| (a - b) * (a - b)).sum()
    };
    let pairs = (0..N).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs.map(|(a, b)| squares(after, a, b) / squares(before, a, b)).collect()
}

#[test]
fn distances_are_kept_within_the_bound() {
    let n_components = johnson_lindenstrauss(N, EPS);
    let models = [
        GaussianRandomProjection::new().eps(EPS).seed(1).fit(&rows(), &NoTarget).unwrap(),
        SparseRandomProjection::new().eps(EPS).seed(1).fit(&rows(), &NoTarget).unwrap(),
        SparseRandomProjection::new().eps(EPS).density(1.0).seed(1).fit(&rows(), &NoTarget).unwrap(),
    ];
    for model in models {
        assert_eq!(model.weights().dim(), (P, n_components));
        let ratios = ratios(&model);
        assert_eq!(ratios.len(), N * (N - 1) / 2);
        for ratio in &ratios {
            assert!((1.0 - EPS..=1.0 + EPS).contains(ratio), "{ratio}");
        }
        // In the middle they are neither shortened nor stretched.
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((mean - 1.0).abs() < 0.1, "{mean}");
    }
}

#[test]
fn entries_have_the_density_and_the_size_they_should() {
    let k = 50;
    let n = (P * k) as f64;
    for density in [1.0 / (P as f64).sqrt(), 0.25, 1.0] {
        let settings = SparseRandomProjection::new().n_components(k).density(density).seed(4);
        let model = settings.fit(&rows(), &NoTarget).unwrap();
        let size = 1.0 / (density * k as f64).sqrt();
        let count = |sign: f64| {
            model.weights().iter().filter(|value| (**value - sign * size).abs() < 1e-15).count() as f64
        };
        let (up, down) = (count(1.0), count(-1.0));
        let zeros = model.weights().iter().filter(|value| **value == 0.0).count() as f64;
        assert_eq!(up + down + zeros, n, "each entry is 0 or of the size {size}");
        // Five standard deviations of what is drawn.
        let spread = (n * density * (1.0 - density)).sqrt();
        assert!((up + down - n * density).abs() <= 5.0 * spread, "{density}: {up} and {down}");
        assert!((up - down).abs() <= 5.0 * (n * density).sqrt(), "{density}: {up} and {down}");
    }
    let by_default = SparseRandomProjection::new().n_components(k).seed(4);
    let told = by_default.clone().density(1.0 / (P as f64).sqrt());
    assert_eq!(by_default.fit(&rows(), &NoTarget).unwrap(), told.fit(&rows(), &NoTarget).unwrap());

    let model = GaussianRandomProjection::new().n_components(k).seed(4).fit(&rows(), &NoTarget).unwrap();
    let (sum, squares) = model.weights().iter().fold((0.0, 0.0), |(sum, squares): (f64, f64), value| {
        (sum + value * (k as f64).sqrt(), squares + value * value * k as f64)
    });
    assert!(sum.abs() <= 5.0 * n.sqrt(), "{sum}");
    assert!((squares - n).abs() <= 5.0 * (2.0 * n).sqrt(), "{squares}");
}

#[test]
fn more_columns_than_there_are_cannot_keep_distances_better() {
    let narrow = Matrix::from(Array2::from_shape_fn((N, 20), |(i, j)| (i * j) as f64));
    let error = GaussianRandomProjection::new().fit(&narrow, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("raise `eps`"), "{error}");
}
