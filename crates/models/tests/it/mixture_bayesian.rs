//! Bayesian mixtures beside scikit-learn 1.9, both run until they stand still:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4
//! BayesianGaussianMixture(n_components=3, covariance_type=.., weight_concentration_prior_type=.., tol=1e-13,
//!     max_iter=5000), the first shares those of the rows nearest to each of X[:3]
//! lower_bound_; weights_, means_[:, 0] and predict_proba(X[:1] + .3) by the first column of the means;
//! score_samples(X[:2] + .3)
//! ```

use ndarray::{Array2, s};
use perennial_core::{Estimator, Matrix, NoTarget, Predictor, Train};
use perennial_models::BayesianGaussianMixture;
use perennial_models::mixture::{CovarianceType, MixtureInit, WeightPrior};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(mixture_bayesian_full, cluster, BayesianGaussianMixture::new().n_components(3), Tags::new());
check!(
    mixture_bayesian_tied,
    cluster,
    BayesianGaussianMixture::new()
        .n_components(3)
        .covariance(CovarianceType::Tied)
        .weight_prior(WeightPrior::DirichletDistribution),
    Tags::new()
);
check!(
    mixture_bayesian_diagonal,
    cluster,
    BayesianGaussianMixture::new().n_components(3).covariance(CovarianceType::Diagonal).n_init(2),
    Tags::new()
);
check!(
    mixture_bayesian_spherical,
    cluster,
    BayesianGaussianMixture::new().n_components(3).covariance(CovarianceType::Spherical),
    Tags::new()
);

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, column)| {
        let value = match column {
            0 => (i as f64 * 1.7).sin() * 3.0,
            1 => (i as f64 * 0.9).cos() * 2.0,
            _ => (i * 37 % 11) as f64 * 0.3,
        };
        value + if i % 2 == 1 { 4.0 } else { 0.0 }
    })
}

/// The prior of the weights, the shape, the bound, the weights, the means, two densities, the shares of a row.
type Case = (WeightPrior, CovarianceType, f64, [f64; 3], [f64; 3], [f64; 2], [f64; 3]);

const CASES: [Case; 6] = [
    (
        WeightPrior::DirichletProcess,
        CovarianceType::Full,
        -230.59787597351425,
        [0.28241974128529385, 0.21572531088561955, 0.5018549478290866],
        [-0.014728400677764805, 0.12848367574465375, 3.9611974638883836],
        [-6.118881782081892, -7.444641791866431],
        [0.9999988856930919, 7.790955830981819e-09, 1.10651595211086e-06],
    ),
    (
        WeightPrior::DirichletProcess,
        CovarianceType::Tied,
        -234.81890899564786,
        [0.2698007388005708, 0.23448862190252914, 0.4957106392969],
        [-0.022670329283125113, 0.18128807819107412, 3.9843019588839965],
        [-6.420233956105725, -7.246985001179507],
        [0.9999945621135157, 5.010890619461484e-06, 4.269958653154103e-07],
    ),
    (
        WeightPrior::DirichletProcess,
        CovarianceType::Diagonal,
        -254.19874534630384,
        [0.21164452228328182, 0.29092428871662007, 0.49743118900009814],
        [0.0534398932705903, 0.0818938179702824, 3.9836613701194685],
        [-5.913353048920061, -6.607943998696598],
        [0.9798316702277885, 0.02016614705967144, 2.1827125402335474e-06],
    ),
    (
        WeightPrior::DirichletProcess,
        CovarianceType::Spherical,
        -263.755428475426,
        [0.3141532311936136, 0.20621941499086466, 0.4796273538155218],
        [-1.2294604938990108, 1.9749915067515629, 4.067030717626229],
        [-6.930535327718051, -7.557456021342496],
        [0.8127966159653058, 0.1857287284159213, 0.0014746556187730205],
    ),
    (
        WeightPrior::DirichletDistribution,
        CovarianceType::Full,
        -229.68402252646916,
        [0.26976159281702494, 0.22796377458441658, 0.5022746325985584],
        [-0.020121276670021296, 0.13631816876217578, 3.96206878489936],
        [-6.157368332925547, -7.437368297267606],
        [0.9999988394639188, 1.191834979092082e-08, 1.148617731326664e-06],
    ),
    (
        WeightPrior::DirichletDistribution,
        CovarianceType::Tied,
        -233.82090511307698,
        [0.2573795920085385, 0.24706194931568815, 0.49555845867577336],
        [-0.025211938060674323, 0.1870850712410203, 3.9858123988004603],
        [-6.446619471422782, -7.237554233572873],
        [0.9999937136270418, 5.842925002180278e-06, 4.434479560301343e-07],
    ),
];

#[test]
fn bayesian_mixtures_come_to_the_optimum_of_scikit_learn() {
    let x = Matrix::from(rows());
    for (prior, covariance, bound, weights, means, densities, shares) in CASES {
        let start = MixtureInit::Given(rows().slice(s![..3, ..]).to_owned());
        let settings = BayesianGaussianMixture::new().n_components(3).covariance(covariance).init(start);
        let settings = settings.weight_prior(prior).tolerance(1e-12).max_iter(5000);
        let model = settings.fit(&x, &NoTarget).unwrap();
        assert!(model.converged(), "{covariance:?} after {}", model.n_iterations());
        assert_close(&[model.lower_bound()], &[bound], 1e-8, "lower bound");
        let mut order = [0, 1, 2];
        order.sort_by(|&a, &b| model.means()[[a, 0]].total_cmp(&model.means()[[b, 0]]));
        assert_close(&order.map(|component| model.weights()[component]), &weights, 1e-5, "weights");
        assert_close(&order.map(|component| model.means()[[component, 0]]), &means, 1e-4, "means");
        let near = Matrix::from(rows().slice(s![..2, ..]).to_owned() + 0.3);
        assert_close(model.log_density(&near).unwrap().as_slice(), &densities, 1e-4, "densities");
        let found = model.responsibilities(&near).unwrap();
        assert_close(&order.map(|component| found[[0, component]]), &shares, 1e-4, "shares");
    }
}

#[test]
fn components_that_are_not_needed_lose_their_weight() {
    let mut random = Random::new(2);
    let x = Matrix::from(Array2::from_shape_fn((600, 2), |(i, _)| random.normal() + (i % 3) as f64 * 12.0));
    for prior in [WeightPrior::DirichletProcess, WeightPrior::DirichletDistribution] {
        let settings = BayesianGaussianMixture::new().n_components(8).weight_prior(prior).max_iter(2000);
        let model = settings.weight_concentration(1e-3).tolerance(1e-6).seed(3).fit(&x, &NoTarget).unwrap();
        let sizes = model.predict(&x).unwrap().sizes();
        assert_eq!(sizes.iter().filter(|size| **size > 0).count(), 3, "{prior:?}: {sizes:?}");
        assert!((model.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let bytes = serde_json::to_string(&model).unwrap();
        let again: perennial_models::mixture::BayesianGaussianMixtureModel =
            serde_json::from_str(&bytes).unwrap();
        assert_eq!(again.responsibilities(&x).unwrap(), model.responsibilities(&x).unwrap());
    }
}

#[test]
fn edges_of_bayesian_mixtures() {
    let x = Matrix::from(rows());
    let settings = BayesianGaussianMixture::new().n_components(2);
    assert!(settings.clone().degrees_of_freedom(2.0).fit(&x, &NoTarget).is_err());
    assert!(settings.clone().degrees_of_freedom(2.5).fit(&x, &NoTarget).is_ok());
    assert!(settings.clone().weight_concentration(0.0).fit(&x, &NoTarget).is_err());
    assert!(settings.clone().mean_precision(f64::NAN).fit(&x, &NoTarget).is_err());
    assert!(settings.clone().n_components(61).fit(&x, &NoTarget).is_err());
    // Weights are repeated rows.
    let twice = ndarray::concatenate![ndarray::Axis(0), rows(), rows().slice(s![..30, ..])];
    let weights: Vec<f64> = (0..60).map(|row| if row < 30 { 2.0 } else { 1.0 }).collect();
    let start = MixtureInit::Given(rows().slice(s![..2, ..]).to_owned());
    let settings = settings.init(start).max_iter(20);
    let repeated = settings.fit(&twice.into(), &NoTarget).unwrap();
    let weighted = settings.fit_on(&Train::new(&x, &NoTarget).weights(&weights)).unwrap();
    assert!((repeated.lower_bound() - weighted.lower_bound()).abs() < 1e-8);
}
