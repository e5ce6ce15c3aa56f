//! The local outlier factor and covariances beside scikit-learn 1.9:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; X[i % 2 == 1] += 4
//! f = LocalOutlierFactor(7, novelty=True).fit(X); -f.negative_outlier_factor_[:8]; -f.score_samples(X[:6] + .9)
//! LedoitWolf().fit(X); OAS().fit(X)
//! ```

use ndarray::{Array2, s};
use perennial_core::{Estimator, Matrix, NoTarget, Train};
use perennial_models::neighbors::Metric;
use perennial_models::outlier::OutlierDetector;
use perennial_models::{EmpiricalCovariance, IsolationForest, LedoitWolf, LocalOutlierFactor, Oas};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

check!(outlier_factor, outlier, LocalOutlierFactor::new(), Tags::new());
check!(
    outlier_factor_contamination,
    outlier,
    LocalOutlierFactor::new().n_neighbors(10).contamination(0.1).metric(Metric::Manhattan),
    Tags::new()
);
check!(
    outlier_isolation_forest,
    outlier,
    IsolationForest::new().contamination(0.1),
    Tags::new().expect_fail("W01", "a tree draws a row once, and copies of it several times")
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

#[test]
fn outlier_factors_are_those_of_scikit_learn() {
    let model = LocalOutlierFactor::new().n_neighbors(7).fit(&rows().into(), &NoTarget).unwrap();
    let truth = &[
        0.9785246935542729,
        0.9689192415614559,
        0.9715147894303101,
        0.9647203525041357,
        1.0217926446868617,
        0.9578024524690107,
        0.9946921001516519,
        1.0635670642105883,
    ];
    assert_close(&model.training_scores()[..8], truth, 1e-8, "training rows");
    let near = Matrix::from(rows().slice(s![..6, ..]).to_owned() + 0.9);
    let truth = &[
        1.0553790661516238,
        1.169174671313934,
        1.021231122059063,
        0.9807667457796666,
        0.9961566713508212,
        1.0446244999706285,
    ];
    assert_close(model.score(&near).unwrap().as_slice(), truth, 1e-8, "new rows");
    assert!(LocalOutlierFactor::new().n_neighbors(60).fit(&rows().into(), &NoTarget).is_err());
    // Equal rows lie infinitely dense, and so do their neighbours.
    let same = Matrix::from(Array2::from_elem((30, 2), 4.0));
    let model = LocalOutlierFactor::new().fit(&same, &NoTarget).unwrap();
    assert!(model.training_scores().iter().all(|score| (score - 1.0).abs() < 1e-12));
}

#[test]
fn outlier_covariances_are_those_of_scikit_learn() {
    let x = Matrix::from(rows());
    let flat = |covariance: &ndarray::ArrayRef2<f64>| covariance.iter().copied().collect::<Vec<f64>>();
    let plain = EmpiricalCovariance::new().fit(&x, &NoTarget).unwrap();
    let truth = &[
        8.628484461617276,
        4.172859721231373,
        4.887693605904788,
        4.172859721231373,
        5.882591453205619,
        3.8925853517380236,
        4.887693605904788,
        3.8925853517380236,
        4.880275,
    ];
    assert_close(&flat(plain.covariance()), truth, 1e-12, "empirical");
    let shrunk = LedoitWolf::new().fit(&x, &NoTarget).unwrap();
    assert_close(&[shrunk.shrinkage()], &[0.03984981193623747], 1e-12, "Ledoit-Wolf");
    let truth = &[
        8.542221540908843,
        4.006572046104003,
        4.692919934907532,
        4.006572046104003,
        5.905751852479417,
        3.7374665575255106,
        4.692919934907532,
        3.7374665575255106,
        4.9433775214346385,
    ];
    assert_close(&flat(shrunk.covariance()), truth, 1e-12, "Ledoit-Wolf");
    let oracle = Oas::new().fit(&x, &NoTarget).unwrap();
    assert_close(&[oracle.shrinkage()], &[0.08463568918296598], 1e-12, "OAS");
    let truth = &[
        8.44527351555871,
        3.8196868628611167,
        4.47402028905386,
        3.8196868628611167,
        5.931781054336661,
        3.563133707790158,
        4.47402028905386,
        3.563133707790158,
        5.014296344927526,
    ];
    assert_close(&flat(oracle.covariance()), truth, 1e-12, "OAS");
    // The mean squared distance of the rows is the number of columns.
    let distances = plain.squared_mahalanobis(&x).unwrap();
    assert!((distances.as_slice().iter().sum::<f64>() / 60.0 - 3.0).abs() < 1e-10);
    let unit = plain.precision().unwrap().dot(plain.covariance());
    assert!((unit - Array2::<f64>::eye(3)).iter().all(|value| value.abs() < 1e-10));
}

#[test]
fn outlier_covariances_weigh_rows_and_bear_extremes() {
    let x = rows();
    let weights: Vec<f64> = (0..60).map(|row| f64::from(row % 3)).collect();
    let twice: Vec<usize> = (0..60).flat_map(|row| std::iter::repeat_n(row, row % 3)).collect();
    let repeated = Matrix::from(x.select(ndarray::Axis(0), &twice));
    let weighted = Matrix::from(x.clone());
    let train = Train::new(&weighted, &NoTarget).weights(&weights);
    let (a, b) =
        (train.fit(&LedoitWolf::new()).unwrap(), LedoitWolf::new().fit(&repeated, &NoTarget).unwrap());
    let gap =
        (a.covariance().to_owned() - b.covariance()).iter().fold(0.0, |most: f64, gap| most.max(gap.abs()));
    assert!(gap < 1e-12 && (a.shrinkage() - b.shrinkage()).abs() < 1e-12);
    assert!(EmpiricalCovariance::new().fit(&(&x * 1e300).into(), &NoTarget).is_err());
    let constant = Matrix::from(Array2::from_elem((4, 2), 7.0));
    let model = Oas::new().fit(&constant, &NoTarget).unwrap();
    assert!(model.covariance().iter().all(|value| *value == 0.0) && model.precision().is_err());
    assert!(LedoitWolf::new().fit(&Array2::zeros((3, 0)).into(), &NoTarget).is_err());
}
