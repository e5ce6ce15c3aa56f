//! Robust and sparse covariances against scikit-learn 1.9.1, brute force and the conditions of their optima.

use ndarray::{Array2, concatenate};
use perennial_core::{
    Capabilities, ErrorKind, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Train, Transformer,
};
use perennial_models::covariance::{CovarianceModel, GraphicalLassoModel, MinCovDetModel};
use perennial_models::outlier::OutlierDetector;
use perennial_models::{
    EllipticEnvelope, EmpiricalCovariance, GraphicalLasso, GraphicalLassoCv, LedoitWolf, MinCovDet, Oas,
};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

use crate::fixtures::assert_close;

check!(elliptic_envelope, outlier, EllipticEnvelope::new().n_trials(30));
check!(
    elliptic_envelope_of_a_share,
    outlier,
    EllipticEnvelope::new().contamination(0.1).support_fraction(0.8).n_trials(30).seed(5)
);

/// A covariance as a step that gives the squared distance of each row from the mean, so that the kit can look at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Distances<E>(E);

/// A model that has a covariance.
trait HasCovariance: Send + Sync {
    fn estimate(&self) -> &CovarianceModel;
}

impl HasCovariance for CovarianceModel {
    fn estimate(&self) -> &CovarianceModel {
        self
    }
}

impl HasCovariance for MinCovDetModel {
    fn estimate(&self) -> &CovarianceModel {
        self.covariance()
    }
}

impl HasCovariance for GraphicalLassoModel {
    fn estimate(&self) -> &CovarianceModel {
        self.covariance()
    }
}

impl<E: Estimator<Input = Matrix, Target = NoTarget>> Estimator for Distances<E> {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Distances<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<Distances<E::Model>> {
        Ok(Distances(self.0.fit_on(train)?))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl<E: Estimator<Input = Matrix, Target = NoTarget, Model: HasCovariance>> FitTransform for Distances<E> {}

impl<M: HasCovariance> Transformer for Distances<M> {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let squares = self.0.estimate().squared_mahalanobis(x)?;
        Ok(squares.view().to_owned().insert_axis(ndarray::Axis(1)).into())
    }
}

check!(covariance_empirical, transformer, Distances(EmpiricalCovariance::new()), Tags::new());
check!(covariance_ledoit_wolf, transformer, Distances(LedoitWolf::new()), Tags::new());
check!(covariance_oas, transformer, Distances(Oas::new()), Tags::new());
check!(covariance_around_zero, transformer, Distances(Oas::new().assume_centered(true)), Tags::new());
check!(covariance_min_cov_det, transformer, Distances(MinCovDet::new()), Tags::new().most_rows(2000));
check!(covariance_graphical_lasso, transformer, Distances(GraphicalLasso::new().alpha(0.1)), Tags::new());
check!(
    covariance_graphical_lasso_cv,
    transformer,
    Distances(GraphicalLassoCv::new()),
    Tags::new().most_rows(1000)
);

/// 60 rows that a line of NumPy makes too, every seventh of them far off.
fn cloud() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(row, j)| {
        let i = row as f64;
        let value = match j {
            0 => (i * 1.7).sin(),
            1 => (i * 7.0).rem_euclid(13.0) / 6.0 - 1.0,
            _ => (i * 0.9).cos() + 0.5 * (i * 1.7).sin(),
        };
        value + if row % 7 == 0 { [9.0, -5.0, 4.0][j] } else { 0.0 }
    })
}

fn flat(a: &ndarray::ArrayRef2<f64>) -> Vec<f64> {
    a.iter().copied().collect()
}

/// The best of `MinCovDet(random_state=s).fit(X)` for s from 0 to 19: raw and final location and covariance; the raw one is
/// multiplied by Croux and Haesbroeck's factor, `a / chi2.cdf(chi2.ppf(a, 3), 5)` with `a = 32 / 60`.
#[test]
fn determinant_is_that_of_scikit_learn() {
    let model = MinCovDet::new().fit(&cloud().into(), &NoTarget).unwrap();
    assert_close(
        model.raw().location(),
        &[-0.07062741176068707, 0.03125000000000003, -0.5751872889157195],
        1e-12,
        "raw",
    );
    let raw = [
        0.4995436285066207,
        0.046318911067693175,
        0.27455496837209276,
        0.046318911067693175,
        0.37228732638888895,
        -0.013712876313554834,
        0.27455496837209276,
        -0.013712876313554834,
        0.26493981089852503,
    ];
    let factor = 2.3111948543079666;
    assert_close(&flat(model.raw().covariance()), &raw.map(|value| value * factor), 1e-11, "raw covariance");
    let location = [0.0018983299587493035, -0.006535947712418312, -0.16836311073122828];
    assert_close(model.covariance().location(), &location, 1e-12, "location");
    let covariance = [
        0.5261132510497722,
        0.004750909696812459,
        0.29796885294685815,
        0.004750909696812459,
        0.4205371327757449,
        -0.004817592621707909,
        0.29796885294685815,
        -0.004817592621707909,
        0.5880080911571188,
    ];
    assert_close(&flat(model.covariance().covariance()), &covariance, 1e-11, "covariance");
    assert_eq!(model.support().iter().filter(|inside| **inside).count(), 51);
}

/// No set of as many rows has a smaller determinant.
#[test]
fn sets_are_the_best_of_all() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let x = Array2::from_shape_simple_fn((13, 2), || random.normal());
        let model = MinCovDet::new().fit(&x.clone().into(), &NoTarget).unwrap();
        let (mut least, mut location) = (f64::INFINITY, [0.0; 2]);
        for set in (0_u32..1 << 13).filter(|set| set.count_ones() == 8) {
            let rows: Vec<usize> = (0..13).filter(|row| set >> row & 1 == 1).collect();
            let mean = [0, 1].map(|j| rows.iter().map(|&row| x[[row, j]]).sum::<f64>() / 8.0);
            let sum = |i: usize, j: usize| {
                rows.iter().map(|&r| (x[[r, i]] - mean[i]) * (x[[r, j]] - mean[j])).sum::<f64>()
            };
            let determinant = sum(0, 0) * sum(1, 1) - sum(0, 1) * sum(0, 1);
            if determinant < least {
                (least, location) = (determinant, mean);
            }
        }
        assert_close(model.raw().location(), &location, 1e-12, "the set of the least determinant");
        // One column: the run of sorted values with the least variance.
        let one = x.column(0).to_owned().insert_axis(ndarray::Axis(1));
        let model = MinCovDet::new().fit(&one.clone().into(), &NoTarget).unwrap();
        let mut values = one.column(0).to_vec();
        values.sort_by(f64::total_cmp);
        let runs = values.windows(8).map(|run| {
            let mean = run.iter().sum::<f64>() / 8.0;
            (run.iter().map(|value| (value - mean).powi(2)).sum::<f64>(), mean)
        });
        let best = runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert_close(model.raw().location(), &[best.1], 1e-12, "the shortest run");
    }
}

/// Units and shifts of the columns change nothing else; a fifth of the rows far off neither.
#[test]
fn large_samples_with_far_rows() {
    let mut random = Random::new(4);
    let mut x = Array2::from_shape_simple_fn((3000, 4), || random.normal());
    x.rows_mut().into_iter().step_by(5).for_each(|mut row| row.mapv_inplace(|value| 20.0 + 0.1 * value));
    let model = MinCovDet::new().fit(&x.clone().into(), &NoTarget).unwrap();
    for (i, row) in model.covariance().covariance().rows().into_iter().enumerate() {
        assert!((row[i] - 1.0).abs() < 0.12 && (model.covariance().location()[i]).abs() < 0.1);
    }
    let moved = x.map(|value| 1e6 * value - 3e6);
    let other = MinCovDet::new().fit(&moved.into(), &NoTarget).unwrap();
    assert_eq!(other.support(), model.support());
    let flat_rows = concatenate![ndarray::Axis(1), x, Array2::ones((3000, 1))];
    let error = MinCovDet::new().fit(&flat_rows.into(), &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Singular { .. }));
    let error = MinCovDet::new().fit(&Array2::eye(3).into(), &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }));
}

/// Draws that lie on a plane are drawn again; where the closest half does, it is said.
#[test]
fn equal_rows_do_not_hinder() {
    let x = Array2::from_shape_fn((60, 2), |(i, j)| if i < 10 { 99.0 } else { ((i * (j + 2)) as f64).sin() });
    let model = MinCovDet::new().n_trials(50).fit(&x.into(), &NoTarget).unwrap();
    assert!(model.support().iter().enumerate().all(|(row, inside)| row >= 10 || !inside));
    let x = Array2::from_shape_fn((60, 2), |(i, j)| if i < 40 { 99.0 } else { ((i * (j + 2)) as f64).sin() });
    let error = MinCovDet::new().n_trials(50).fit(&x.into(), &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Singular { .. }));
}

#[test]
fn a_share_of_the_rows_is_outside() {
    let x = Matrix::from(cloud());
    let model = EllipticEnvelope::new().contamination(0.15).fit(&x, &NoTarget).unwrap();
    let found = model.predict(&x).unwrap();
    assert_eq!(found.codes().iter().filter(|code| **code == 1).count(), 9);
    assert!((0..60).step_by(7).all(|row| found.codes()[row] == 1));
    let scores = model.score(&x).unwrap();
    assert!(scores.as_slice().iter().all(|score| *score >= 0.0) && model.threshold() > 0.0);
}

/// `GraphicalLasso(alpha=a, tol=1e-10, enet_tol=1e-12, max_iter=1000).fit(X)`.
#[test]
fn precisions_are_those_of_scikit_learn() {
    let x = cloud();
    let last = Array2::from_shape_fn((60, 1), |(i, _)| (2.3 * i as f64).cos() + x[[i, 1]]);
    let x = Matrix::from(concatenate![ndarray::Axis(1), x, last]);
    let model = GraphicalLasso::new().alpha(0.05).tolerance(1e-11).fit(&x, &NoTarget).unwrap();
    assert!(model.converged());
    let truth = [
        1.378772530233191,
        0.7672648506343138,
        -1.4294137431561496,
        0.11129821920059381,
        0.7672648506343138,
        2.991172084831119,
        0.07049707171150787,
        -1.4845480553058674,
        -1.4294137431561496,
        0.07049707171150787,
        2.5801465869740983,
        0.0,
        0.11129821920059381,
        -1.4845480553058674,
        0.0,
        1.6844877155835019,
    ];
    assert_close(&flat(model.precision()), &truth, 1e-6, "precision");
    let truth = [10.764102002660586, -5.7916055809917175, 6.121608225302037, -5.815383570877657];
    assert_close(&model.covariance().covariance().row(0).to_vec(), &truth, 1e-6, "covariance");
    let model = GraphicalLasso::new().alpha(0.3).tolerance(1e-11).fit(&x, &NoTarget).unwrap();
    let truth = [
        0.8518122981665042,
        0.44194871584440715,
        -0.7868173272407141,
        0.19765140891007238,
        0.44194871584440715,
        1.5682349151443011,
        0.0650814441894521,
        -0.6380917887215968,
        -0.7868173272407141,
        0.0650814441894521,
        1.5038533436478407,
        0.0,
        0.19765140891007238,
        -0.6380917887215968,
        0.0,
        1.0176464698166112,
    ];
    assert_close(&flat(model.precision()), &truth, 1e-6, "precision");
}

/// A chain of columns: each depends on its neighbours alone, and the strength that cross-validation takes finds it.
#[test]
fn a_chain_is_found() {
    let mut random = Random::new(2);
    let mut x = Array2::zeros((400, 6));
    for mut row in x.rows_mut() {
        let mut value = 0.0;
        for cell in &mut row {
            value = 0.8 * value + random.normal();
            *cell = value;
        }
    }
    let x = Matrix::from(x);
    let model = GraphicalLassoCv::new().fit(&x, &NoTarget).unwrap();
    assert!(model.alphas().windows(2).all(|pair| pair[0] > pair[1]) && model.converged());
    let edge = |i: usize, j: usize| model.precision()[[i, j]].abs();
    let inside = (0..5).map(|i| edge(i, i + 1)).fold(f64::INFINITY, f64::min);
    let outside =
        (0..6).flat_map(|i| (0..6).filter(move |j| i + 1 < *j).map(move |j| edge(i, j))).fold(0.0, f64::max);
    assert!(inside > 0.5 && outside < 0.2, "{inside} {outside}");
    // The conditions of the optimum at the chosen strength.
    let plain = perennial_models::EmpiricalCovariance::new().fit(&x, &NoTarget).unwrap();
    for ((i, j), value) in model.covariance().covariance().indexed_iter() {
        let off = (value - plain.covariance()[[i, j]]).abs();
        let most = if i == j { 1e-12 } else { model.alpha() * (1.0 + 1e-5) };
        assert!(off <= most, "{i} {j}: {off}");
    }
    let single = GraphicalLasso::new().alpha(model.alpha()).fit(&x, &NoTarget).unwrap();
    assert_close(&flat(single.precision()), &flat(model.precision()), 1e-4, "the same strength alone");
    let constant = Array2::from_shape_fn((10, 2), |(i, j)| if j == 0 { i as f64 } else { 1.0 });
    let error = GraphicalLasso::new().fit(&constant.into(), &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Singular { .. }));
}
