//! Mixtures beside scikit-learn 1.9, both run until they stand still:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4
//! GaussianMixture(2, covariance_type=.., tol=1e-13, max_iter=2000, means_init=X[:2])
//! # with weights_init and precisions_init those of the rows nearest to each of X[:2]
//! score(X), bic(X), aic(X), weights and means by the first column, score_samples(X[:3] + .3)
//! ```

use ndarray::{Array2, s};
use perennial_core::{Estimator, Matrix, NoTarget, Predictor, Rows};
use perennial_models::GaussianMixture;
use perennial_models::mixture::{CovarianceType, MixtureInit};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(mixture_full, cluster, GaussianMixture::new().n_components(3), Tags::new());
check!(
    mixture_tied,
    cluster,
    GaussianMixture::new().n_components(3).covariance(CovarianceType::Tied),
    Tags::new()
);
check!(
    mixture_diagonal,
    cluster,
    GaussianMixture::new().n_components(3).covariance(CovarianceType::Diagonal).n_init(2),
    Tags::new()
);
check!(
    mixture_spherical,
    cluster,
    GaussianMixture::new().n_components(3).covariance(CovarianceType::Spherical),
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
type Case = (CovarianceType, [f64; 3], &'static [f64], &'static [f64], &'static [f64]);

const CASES: [Case; 4] = [
    (
        CovarianceType::Full,
        [-5.620380919394276, 752.2382570095331, 712.4457103273131],
        &[0.48358239047715845, 0.5164176095228415],
        &[
            -0.14262253768464173,
            0.012751040866537321,
            1.418881682331819,
            3.996436149511037,
            3.8825992640506133,
            5.381020617831614,
        ],
        &[-5.405810638516184, -7.207882237077217, -6.178873220815825],
    ),
    (
        CovarianceType::Tied,
        [-5.9015943562619215, 761.4178020603179, 734.1913227514306],
        &[0.5013923085119029, 0.4986076914880971],
        &[
            -0.04793766418121565,
            0.053481464613034824,
            1.4786389224101952,
            4.04906676291893,
            3.979869641746026,
            5.462454478206174,
        ],
        &[-6.586381138478206, -6.286283178877878, -5.532211640943505],
    ),
    (
        CovarianceType::Diagonal,
        [-5.989779910786924, 772.0000686033181, 744.7735892944308],
        &[0.5013707309773172, 0.49862926902268284],
        &[
            -0.05243062836249694,
            0.05382473970757013,
            1.4793671044635766,
            4.053407136851135,
            3.9793545699728345,
            5.461549898161745,
        ],
        &[-6.493600250108506, -6.244136132968215, -5.315995293454629],
    ),
    (
        CovarianceType::Spherical,
        [-6.258722663741742, 787.895820709008, 769.0467196490091],
        &[0.5220401884024727, 0.47795981159752726],
        &[
            -0.007329553615292109,
            0.1549897233807395,
            1.6077432535593537,
            4.181704252710178,
            4.03861977151079,
            5.493544321713961,
        ],
        &[-6.066134915246547, -7.25814343013488, -5.102357013134312],
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
