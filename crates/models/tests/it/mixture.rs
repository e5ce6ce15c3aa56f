//! Mixtures beside scikit-learn 1.9, both run until they stand still:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4
//! GaussianMixture(2, covariance_type=.., tol=1e-13, max_iter=2000, means_init=X[:2], init_params="random_from_data")
//! score(X), bic(X), aic(X), weights and means by the first column, score_samples(X[:3] + .3)
//! ```

use ndarray::{Array2, s};
use perennial_core::{Estimator, Matrix, NoTarget, Predictor, Rows};
use perennial_models::GaussianMixture;
use perennial_models::mixture::{Covariance, MixtureInit};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(mixture_full, cluster, GaussianMixture::new().n_components(3), Tags::new());
check!(
    mixture_tied,
    cluster,
    GaussianMixture::new().n_components(3).covariance(Covariance::Tied),
    Tags::new()
);
check!(
    mixture_diagonal,
    cluster,
    GaussianMixture::new().n_components(3).covariance(Covariance::Diagonal).n_init(2),
    Tags::new()
);
check!(
    mixture_spherical,
    cluster,
    GaussianMixture::new().n_components(3).covariance(Covariance::Spherical),
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

/// A shape, the scores, the weights, the means and three densities.
type Case = (Covariance, [f64; 3], &'static [f64], &'static [f64], &'static [f64]);

const CASES: [Case; 4] = [
    (
        Covariance::Full,
        [-5.62038091939428, 752.2382570095335, 712.4457103273136],
        &[0.4835823908473932, 0.5164176091526068],
        &[
            -0.1426225358230911,
            0.012751041193726153,
            1.418881683461427,
            3.9964361507352613,
            3.8825992665186364,
            5.381020619614403,
        ],
        &[-5.4058106400149155, -7.207882234780682, -6.178873213563248],
    ),
    (
        Covariance::Tied,
        [-6.128190721352633, 788.6093658712032, 761.3828865623159],
        &[0.46768952542422654, 0.5323104745757735],
        &[
            -0.1730536000290875,
            1.9853395370950961,
            2.8228327960474746,
            3.899595650370343,
            2.033937627194666,
            4.02920996618357,
        ],
        &[-7.697420044850773, -6.666871032387095, -5.719404571052607],
    ),
    (
        Covariance::Diagonal,
        [-5.989779910786926, 772.0000686033185, 744.7735892944312],
        &[0.5013707305482943, 0.4986292694517057],
        &[
            -0.05243062988568569,
            0.053824737959724096,
            1.4793671022547406,
            4.053407134850016,
            3.9793545683527434,
            5.461549896956437,
        ],
        &[-6.4936002523245495, -6.244136135197053, -5.315995297851886],
    ),
    (
        Covariance::Spherical,
        [-6.258722663741748, 787.8958207090087, 769.0467196490098],
        &[0.5220402012002224, 0.4779597987997776],
        &[
            -0.007329511267715004,
            0.15498977483488227,
            1.6077433112588766,
            4.181704318621719,
            4.038619819298477,
            5.49354436273841,
        ],
        &[-6.066134877937917, -7.258143365989334, -5.1023570071799895],
    ),
];

#[test]
fn mixtures_come_to_the_optimum_of_scikit_learn() {
    let x = Matrix::from(rows());
    for (covariance, scores, weights, means, densities) in CASES {
        let start = MixtureInit::Given(rows().slice(s![..2, ..]).to_owned());
        let settings = GaussianMixture::new().n_components(2).covariance(covariance).init(start);
        let model = settings.tolerance(1e-13).max_iter(2000).fit(&x, &NoTarget).unwrap();
        assert!(model.converged(), "{covariance:?} after {}", model.n_iterations());
        let logs = model.log_density(&x).unwrap();
        let mean = logs.as_slice().iter().sum::<f64>() / 60.0;
        assert_close(&[mean], &scores[..1], 1e-7, "mean log density");
        assert_close(&[model.bic(&x).unwrap(), model.aic(&x).unwrap()], &scores[1..], 1e-5, "criteria");
        let order = if model.means()[[0, 0]] < model.means()[[1, 0]] { [0, 1] } else { [1, 0] };
        assert_close(&order.map(|component| model.weights()[component]), weights, 1e-5, "weights");
        let found: Vec<f64> =
            order.iter().flat_map(|&component| model.means().row(component).to_vec()).collect();
        assert_close(&found, means, 1e-4, "means");
        let near = Matrix::from(rows().slice(s![..3, ..]).to_owned() + 0.3);
        assert_close(model.log_density(&near).unwrap().as_slice(), densities, 1e-4, "densities");
    }
}

#[test]
fn what_a_mixture_draws_has_its_means_and_shares() {
    let model = GaussianMixture::new().n_components(2).fit(&rows().into(), &NoTarget).unwrap();
    let (drawn, labels) = model.sample(20_000, 7).unwrap();
    assert_eq!(drawn.n_rows(), 20_000);
    for component in 0..2 {
        let own: Vec<usize> = (0..20_000).filter(|&row| labels.labels()[row] == component as i32).collect();
        assert!((own.len() as f64 / 20_000.0 - model.weights()[component]).abs() < 0.02);
        let inside = drawn.dense().unwrap().select(ndarray::Axis(0), &own);
        let covariance = model.covariance(component).unwrap();
        for column in 0..3 {
            let values = inside.column(column).to_vec();
            let (mean, variance) = perennial_numeric::reduce::mean_variance(&values, 1);
            assert!((mean - model.means()[[component, column]]).abs() < 0.1);
            assert!((variance / covariance[[column, column]] - 1.0).abs() < 0.1);
        }
    }
    assert!(model.covariance(2).is_err());
}

#[test]
fn rows_far_from_all_components_still_have_shares() {
    let model = GaussianMixture::new().n_components(2).fit(&rows().into(), &NoTarget).unwrap();
    let far = Matrix::from(Array2::from_elem((1, 3), 1e6));
    let shares = model.responsibilities(&far).unwrap();
    assert!((shares.sum() - 1.0).abs() < 1e-12);
    assert!(model.predict(&Matrix::from(Array2::from_elem((1, 3), 1e200))).is_err());
    // Columns that depend on each other: singular without what is added to the variances.
    let twice = ndarray::concatenate![ndarray::Axis(1), rows(), rows()];
    let settings = GaussianMixture::new().n_components(2);
    assert!(settings.clone().fit(&twice.clone().into(), &NoTarget).is_ok());
    assert!(settings.reg_covar(0.0).fit(&twice.into(), &NoTarget).is_err());
    assert!(GaussianMixture::new().n_components(61).fit(&rows().into(), &NoTarget).is_err());
}
