//! Models of near rows beside scikit-learn 1.9:
//!
//! ```text
//! i = arange(60); X = c_[sin(1.7 i) * 3, cos(.9 i) * 2, (37 i % 11) * .3]; Q = X[:6] + .21
//! y = 7 i % 3; t = sin(i) * 2 + i * .1
//! ```

use ndarray::{Array2, Axis, s};
use perennial_core::{Classes, Classifier, Estimator, Matrix, NoTarget, Predictor, Rows, Values};
use perennial_models::neighbors::{CentroidMetric, ClassPriors, Metric, Search, Weighting};
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

/// By hand: of the rows 0, 1, 2 (low) and 8, 9 (high) those within 1.5.
#[test]
fn rows_without_neighbours_have_the_class_that_is_given() {
    let cells = ndarray::array![[0.0], [1.0], [2.0], [8.0], [9.0]];
    let asked = ndarray::array![[0.5], [5.0], [7.0], [1e6]];
    let y = Classes::from_labels(["low", "low", "low", "high", "high"]);
    let sparse = |rows: &ndarray::Array2<f64>| crate::linear_follow::sparse(rows);
    let settings = RadiusNeighborsClassifier::new().radius(1.5);
    for (x, asked) in
        [(Matrix::from(cells.clone()), Matrix::from(asked.clone())), (sparse(&cells), sparse(&asked))]
    {
        let model = settings.clone().outlier_label("none").fit(&x, &y).unwrap();
        let shares = model.predict_proba(&asked).unwrap();
        assert_eq!(shares.names(), ["high", "low", "none"]);
        let truth = ndarray::array![[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
        assert_eq!(shares.values().to_owned(), truth);
        let bytes = perennial_core::to_bytes(&model).unwrap();
        let back: perennial_models::neighbors::NeighborsClassifierModel =
            perennial_core::from_bytes(&bytes).unwrap();
        assert_eq!(back, model);
        // A class of the target is no further class.
        let model = settings.clone().outlier_label("low").fit(&x, &y).unwrap();
        assert_eq!(
            model.predict(&asked).unwrap().labels().collect::<Vec<_>>(),
            ["low", "low", "high", "low"]
        );
        assert_eq!(model.class_names(), ["high", "low"]);
        // Without one the nearest row answers.
        let model = settings.fit(&x, &y).unwrap();
        assert_eq!(
            model.predict(&asked).unwrap().labels().collect::<Vec<_>>(),
            ["low", "low", "high", "high"]
        );
    }
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

/// `y = where(i % 10 == 0, 0, where(i % 3 == 0, 1, 2))`, and `X + c_[.6 y, -.4 y, 0 y]`.
pub(crate) fn unlike_classes() -> (Matrix, Classes) {
    let code = |i: usize| if i.is_multiple_of(10) { 0 } else { 2 - u32::from(i.is_multiple_of(3)) };
    let mut x = rows();
    for (i, mut row) in x.rows_mut().into_iter().enumerate() {
        row[0] += f64::from(code(i)) * 0.6;
        row[1] -= f64::from(code(i)) * 0.4;
    }
    (x.into(), Classes::from_labels((0..60).map(code)))
}

/// scikit-learn: `NearestCentroid(..).fit(X, y)`, `centroids_` and `predict(X[::4] + .21)`.
#[test]
fn centroids_are_those_of_scikit_learn() {
    let (x, y) = unlike_classes();
    let some: Vec<usize> = (0..60).step_by(4).collect();
    let queries = Matrix::from(x.take(&some).unwrap().dense().unwrap() + 0.21);
    let new = NearestCentroid::new;
    let medians = new().metric(CentroidMetric::Manhattan);
    let given = ClassPriors::Given(vec![0.2, 0.5, 0.3]);
    let of_medians = [
        -0.2641134299228806,
        0.39735829919032506,
        1.35,
        -0.0031506152729028902,
        -0.6391659810414232,
        1.35,
        1.5858132225530843,
        -1.1886048705538954,
        1.5,
    ];
    let of_means = [
        -0.4180444652770183,
        0.2848019789386307,
        1.4,
        0.29395997548652353,
        -0.38399088594326025,
        1.35,
        1.414127848522411,
        -0.836790204352351,
        1.5333333333333334,
    ];
    let shrunk = [
        0.6963374605993432,
        -0.5887911905005254,
        1.465,
        0.8613754786442007,
        -0.5887911905005254,
        1.465,
        1.1108315044138428,
        -0.5912454641668329,
        1.465,
    ];
    let shrunk_medians = [
        0.8643293982968224,
        -0.525881305764007,
        1.465,
        0.5714243489211903,
        -0.5887911905005254,
        1.465,
        1.2786899855484841,
        -0.9373308769464699,
        1.465,
    ];
    let cases = [
        (medians.clone(), of_medians, [0, 2, 2, 2, 2, 2, 2, 0, 1, 0, 0, 1, 0, 2, 2]),
        (new().shrink_threshold(0.8), shrunk, [0, 2, 2, 2, 2, 2, 1, 0, 0, 0, 0, 0, 0, 2, 2]),
        (
            medians.clone().shrink_threshold(0.8),
            shrunk_medians,
            [1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2],
        ),
        (new().priors(ClassPriors::Empirical), of_means, [1, 2, 2, 2, 2, 2, 2, 1, 2, 1, 1, 2, 2, 2, 2]),
        (new().priors(given), of_means, [1, 2, 2, 2, 2, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1]),
        (medians.priors(ClassPriors::Empirical), of_medians, [0, 2, 2, 2, 2, 2, 2, 1, 2, 0, 1, 1, 1, 2, 2]),
    ];
    for (settings, centroids, answers) in cases {
        let model = settings.fit(&x, &y).unwrap();
        let found: Vec<f64> = model.centroids().iter().copied().collect();
        assert_close(&found, &centroids, 1e-12, "centroids");
        let names: Vec<u32> =
            model.predict(&queries).unwrap().labels().map(|name| name.parse().unwrap()).collect();
        assert_eq!(names, answers, "{settings:?}");
    }
    let error = new().priors(ClassPriors::Given(vec![0.5, 0.5])).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("`priors`"), "{error}");
}

#[test]
fn what_rounding_left_of_a_constant_is_no_deviation() {
    let x = Array2::from_shape_fn(
        (30, 2),
        |(i, j)| if j == 0 { 0.1 } else { (i % 3) as f64 * 4.0 + (i % 5) as f64 },
    );
    let y = Classes::from_labels((0..30).map(|i| ["a", "b", "c"][i % 3]));
    let priors = ClassPriors::Given(vec![0.2, 0.5, 0.3]);
    let both = NearestCentroid::new().priors(priors.clone()).fit(&Matrix::from(x.clone()), &y).unwrap();
    let mut asked = x.clone();
    asked.column_mut(0).fill(0.1 + 1e-9);
    let found = both.predict(&Matrix::from(asked)).unwrap();
    let x = Matrix::from(x.select(Axis(1), &[1]));
    let alone = NearestCentroid::new().priors(priors).fit(&x, &y).unwrap();
    assert_eq!(found, alone.predict(&x).unwrap());
}
