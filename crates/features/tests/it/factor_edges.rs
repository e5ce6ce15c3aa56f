//! Tiny numbers, parts without numbers and kernels without a way back.

use ndarray::{Array2, array};
use perennial_core::{ErrorKind, Estimator, Matrix, NoTarget, Transformer};
use perennial_features::extraction::{BetaLoss, KernelPca, Nmf, NmfSolver};
use perennial_numeric::kernel::{Gamma, Kernel};

fn counts() -> Nmf {
    Nmf::new()
        .n_components(2)
        .solver(NmfSolver::MultiplicativeUpdate)
        .beta_loss(BetaLoss::KullbackLeibler)
        .tolerance(1e-10)
        .max_iter(20_000)
}

/// scikit-learn 1.9.1: `NMF(2, beta_loss="kullback-leibler", solver="mu", init="nndsvda", tol=1e-10, max_iter=20000)` of the same rows
/// with 0 in the first place has the error 5.544624602893774.
#[test]
fn a_number_whose_ratio_vanishes_leaves_the_divergence() {
    let x =
        Matrix::from(array![[5e-324, 40.0, 10.0], [30.0, 10.0, 20.0], [20.0, 20.0, 70.0], [3.0, 50.0, 1.0],]);
    let model = counts().fit(&x, &NoTarget).unwrap();
    assert!(model.n_iterations() > 10, "{}", model.n_iterations());
    let error = model.reconstruction_error();
    assert!((error - 5.544624602893774).abs() < 1e-4, "{error}");
}

#[test]
fn parts_without_numbers_hold_nothing() {
    let model = counts().fit(&Matrix::from(Array2::zeros((3, 2))), &NoTarget).unwrap();
    let shares = model.transform(&Matrix::from(array![[5.0, 0.0], [0.0, 0.0]])).unwrap();
    assert_eq!(shares.dense().unwrap().to_owned(), Array2::<f64>::zeros((2, 2)));
}

#[test]
fn chi_squared_kernels_have_no_way_back() {
    let x = Matrix::from(array![[0.0, 2.0], [1.0, 1.0], [3.0, 0.0], [2.0, 5.0]]);
    for kernel in [Kernel::Chi2 { gamma: Gamma::Value(0.5) }, Kernel::AdditiveChi2] {
        let settings = KernelPca::new().n_components(1).kernel(kernel);
        assert!(settings.fit(&x, &NoTarget).is_ok());
        let error = settings.fit_inverse_transform(true).fit(&x, &NoTarget).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }), "{error}");
        assert!(error.to_string().contains("chi-squared"), "{error}");
    }
}
