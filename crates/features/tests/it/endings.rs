//! Searches that are stopped early say so, and how far they were.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, NoTarget};
use perennial_features::extraction::{
    FactorAnalysis, FastIca, LatentDirichletAllocation, Mds, Nmf, NmfSolver, SpectralEmbedding, Tsne,
};

/// Positive numbers without a pattern that is quickly found.
fn rows() -> Matrix {
    let cell =
        |(i, j): (usize, usize)| 1.1 + ((i * (2 * j + 3)) as f64 * 0.7).sin() * ((i + j) as f64 * 1.9).cos();
    Matrix::from(Array2::from_shape_fn((60, 5), cell))
}

#[test]
fn factors_say_how_far_they_were() {
    let x = rows();
    let fit = |n: usize| Nmf::new().n_components(3).max_iter(n).fit(&x, &NoTarget).unwrap();
    let (early, late) = (fit(1), fit(20_000));
    // The first pass is the measure of all that follow.
    assert!(!early.converged() && early.gap() == 1.0, "{}", early.gap());
    assert!(late.converged() && late.gap() <= 1e-4, "{}", late.gap());
    let multiply = Nmf::new().n_components(3).solver(NmfSolver::MultiplicativeUpdate);
    for n in [1, 10, 13] {
        let early = multiply.clone().tolerance(1e-12).max_iter(n).fit(&x, &NoTarget).unwrap();
        assert!(!early.converged() && early.gap() > 1e-12, "{}", early.gap());
    }
    let fit = |n: usize| FastIca::new().n_components(3).seed(1).max_iter(n).fit(&x, &NoTarget).unwrap();
    let early = fit(1);
    assert!(!early.converged() && early.change() > 1e-4, "{}", early.change());
    let fit = |n: usize| FactorAnalysis::new().n_components(2).max_iter(n).fit(&x, &NoTarget).unwrap();
    assert!(!fit(1).converged());
}

#[test]
fn topics_and_maps_say_how_far_they_were() {
    let x = rows();
    let topics = LatentDirichletAllocation::new().n_components(3).seed(2);
    let fit = |n: usize, tolerance: f64| {
        topics.clone().max_iter(n).tolerance(tolerance).fit(&x, &NoTarget).unwrap()
    };
    // One pass has none before it to be compared with, and without a tolerance nothing is compared.
    assert!(!fit(1, 1e-9).converged() && fit(1, 1e-9).last_change().is_none());
    assert!(!fit(3, 0.0).converged() && fit(3, 0.0).last_change().is_none());
    let early = fit(2, 1e-9);
    assert!(!early.converged() && early.last_change().is_some_and(|change| change > 1e-9));
    let late = fit(500, 1e-3);
    assert!(late.converged() && late.last_change().is_some_and(|change| change < 1e-3));

    let fit = |n: usize| Mds::new().tolerance(1e-9).max_iter(n).fit(&x, &NoTarget).unwrap();
    let (early, late) = (fit(1), fit(20_000));
    assert!(!early.converged() && early.last_change() > 1e-9, "{}", early.last_change());
    assert!(late.converged() && late.last_change() <= 1e-9, "{}", late.last_change());
    let map = SpectralEmbedding::new().seed(3).fit(&x, &NoTarget).unwrap();
    assert!(map.converged() && map.gap() < 1e-8, "{}", map.gap());
    let tsne = Tsne::new().perplexity(5.0).max_iter(250);
    // So many steps are drawn together more than they should be.
    let early = tsne.fit(&x, &NoTarget).unwrap();
    assert!(!early.converged() && early.gradient_norm() > 1e-7);
    assert!(tsne.max_iter(20_000).fit(&x, &NoTarget).unwrap().converged());
}
