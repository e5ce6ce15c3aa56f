//! Models of near rows beside scikit-learn 1.9:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; Q = X[:6] + .21
//! y = 7 i % 3; t = sin(i) * 2 + i * .1
//! ```

use ndarray::{Array2, s};
use perennial_core::{Classes, Classifier, Estimator, Matrix, NoTarget, Predictor, Values};
use perennial_models::neighbors::{Metric, Search, Weighting};
use perennial_models::{
    KNeighborsClassifier, KNeighborsRegressor, NearestCentroid, NearestNeighbors, RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
};

use crate::fixtures::assert_close;

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, column)| match column {
        0 => (i as f64 * 1.7).sin() * 3.0,
        1 => (i as f64 * 0.9).cos() * 2.0,
        _ => (i * 37 % 11) as f64 * 0.3,
    })
}

fn queries() -> Matrix {
    Matrix::from(rows().slice(s![..6, ..]).to_owned() + 0.21)
}

fn classes() -> Classes {
    Classes::from_labels((0..60).map(|i| i * 7 % 3))
}

fn values() -> Values {
    (0..60).map(|i| f64::from(i).sin() * 2.0 + f64::from(i) * 0.1).collect()
}

#[test]
fn classifiers_give_the_shares_of_scikit_learn() {
    let truth = &[
        0.6083603829576691,
        0.19576564474034341,
        0.19587397230198753,
        0.17333629842937956,
        0.6453433442535753,
        0.18132035731704513,
        0.19434261495261385,
        0.20914578539992676,
        0.5965115996474595,
        0.38037294503711605,
        0.3369484088996085,
        0.2826786460632756,
        0.19456281476021423,
        0.6989791812773815,
        0.1064580039624043,
        0.17378411751163628,
        0.4832435404382828,
        0.34297234205008087,
    ];
    for search in [Search::Tree, Search::Brute] {
        let settings =
            KNeighborsClassifier::new().n_neighbors(7).weighting(Weighting::Distance).search(search);
        let model = settings.fit(&rows().into(), &classes()).unwrap();
        assert_eq!(model.search(), search);
        let shares: Vec<f64> = model.predict_proba(&queries()).unwrap().values().iter().copied().collect();
        assert_close(&shares, truth, 1e-12, "shares");
    }
    let model = NearestCentroid::new().fit(&rows().into(), &classes()).unwrap();
    assert_eq!(model.predict(&queries()).unwrap().codes(), &[0, 2, 1, 0, 2, 2]);
    // Nothing within the radius: the nearest row answers.
    let model = RadiusNeighborsClassifier::new().radius(1e-6).fit(&rows().into(), &classes()).unwrap();
    let nearest = KNeighborsClassifier::new().n_neighbors(1).fit(&rows().into(), &classes()).unwrap();
    assert_eq!(model.predict(&queries()).unwrap(), nearest.predict(&queries()).unwrap());
}

#[test]
fn regressors_give_the_means_of_scikit_learn() {
    let fitted = |settings: KNeighborsRegressor| {
        let model = settings.n_neighbors(4).fit(&rows().into(), &values()).unwrap();
        model.predict(&queries()).unwrap().into_vec()
    };
    assert_close(
        &fitted(KNeighborsRegressor::new()),
        &[
            2.4802595878410005,
            3.2912405604626875,
            2.7135686407218538,
            2.5951217070835373,
            3.4459258657759673,
            0.7075089971209434,
        ],
        1e-12,
        "means",
    );
    assert_close(
        &fitted(KNeighborsRegressor::new().metric(Metric::Cosine)),
        &[
            2.7701381366401368,
            3.655973959784318,
            2.7135686407218538,
            1.7575363455939756,
            2.801294046588666,
            0.7075089971209434,
        ],
        1e-12,
        "cosine",
    );
    let settings = RadiusNeighborsRegressor::new().radius(1.2).weighting(Weighting::Distance);
    let model = settings.fit(&rows().into(), &values()).unwrap();
    let truth = &[
        0.0,
        3.1934921380946895,
        2.0185948536513636,
        2.014655886654905,
        2.513308739995497,
        0.7016718561931663,
    ];
    assert_close(model.predict(&queries()).unwrap().as_slice(), truth, 1e-12, "radius");
}

#[test]
fn neighbours_can_be_asked_for() {
    let x = Matrix::from(rows());
    let model = NearestNeighbors::new().fit(&x, &NoTarget).unwrap();
    let found = model.nearest(&x, 3).unwrap();
    assert!(found.rows().chunks(3).enumerate().all(|(row, found)| found[0] as usize == row));
    let others = model.nearest_others(2).unwrap();
    assert!(found.rows().chunks(3).zip(others.rows().chunks(2)).all(|(all, others)| all[1..] == *others));
    assert_eq!(model.within(&x, 0.0).unwrap().get(5).0, [5]);
    assert!(model.nearest(&x, 61).is_err() && model.nearest_others(60).is_err());
    assert!(KNeighborsClassifier::new().n_neighbors(61).fit(&x, &classes()).is_err());
    assert!(RadiusNeighborsRegressor::new().radius(f64::NAN).fit(&x, &values()).is_err());
}
