//! Isolation forests.

use ndarray::{Array2, array};
use perennial_core::{
    Capabilities, Error, ErrorKind, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Train,
    Transformer,
};
use perennial_models::IsolationForest;
use perennial_models::outlier::IsolationForestModel;
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

/// The kit asks transformers for their output: here the scores.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Scores(IsolationForest);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct ScoresModel(IsolationForestModel);

impl Estimator for Scores {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ScoresModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ScoresModel> {
        self.0.fit_on(train).map(ScoresModel)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl FitTransform for Scores {}

impl Transformer for ScoresModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let scores = self.0.score(x)?.into_vec();
        Ok(Array2::from_shape_vec((scores.len(), 1), scores).map_err(Error::other)?.into())
    }
}

fn drawn() -> Tags {
    Tags::new().expect_fail("W01", "copies of a row are drawn apart, a weight makes one draw more likely")
}

check!(isolation_forest, transformer, Scores(IsolationForest::new().n_trees(20)), drawn());
check!(
    isolation_forest_with_share,
    transformer,
    Scores(IsolationForest::new().n_trees(20).max_samples(32).contamination(0.1)),
    drawn()
);

#[test]
fn far_rows_score_high_and_the_share_is_kept() {
    let mut random = Random::new(3);
    let mut x = Array2::from_shape_simple_fn((1000, 4), || random.normal());
    for row in 0..50 {
        x.row_mut(row * 20).mapv_inplace(|value| value + 6.0);
    }
    let x = Matrix::from(x);
    let model = IsolationForest::new().contamination(0.05).fit(&x, &NoTarget).unwrap();
    let found = model.predict(&x).unwrap();
    assert_eq!(found.counts(), [950, 50]);
    let right = (0..1000).filter(|row| found.codes()[*row] == u32::from(row % 20 == 0)).count();
    assert!(right > 980, "{right}");
    let scores = model.score(&x).unwrap();
    assert!(scores.as_slice().iter().all(|score| *score > 0.0 && *score < 1.0));
}

#[test]
fn depths_of_a_sample_of_two_are_known() {
    // One cut parts two rows: each of them, and any other, is at depth 1 = c(2), so the score is 1/2.
    let x = Matrix::from(array![[0.0], [1.0]]);
    let model = IsolationForest::new().fit(&x, &NoTarget).unwrap();
    assert_eq!(model.score(&Matrix::from(array![[-9.0], [0.0], [0.5], [1.0]])).unwrap().as_slice(), [0.5; 4]);
    // Equal rows cannot be parted: the depth is c(n), and the score is 1/2 again.
    let same = Matrix::from(Array2::from_elem((100, 3), 2.5));
    let model = IsolationForest::new().fit(&same, &NoTarget).unwrap();
    assert!(model.score(&same).unwrap().as_slice().iter().all(|score| (score - 0.5).abs() < 1e-12));
    assert_eq!(model.predict(&same).unwrap().codes(), [0; 100]);
}

#[test]
fn weights_steer_the_draw() {
    let x = Matrix::from(Array2::from_shape_fn(
        (400, 1),
        |(row, _)| if row < 200 { 0.0 } else { 10.0 } + row as f64 / 1e3,
    ));
    let weights: Vec<f64> = (0..400).map(|row| if row < 200 { 1.0 } else { 1e-6 }).collect();
    let settings = IsolationForest::new().max_samples(64);
    let model = Train::new(&x, &NoTarget).weights(&weights).fit(&settings).unwrap();
    let scores = model.score(&x).unwrap();
    assert!(scores.as_slice()[300] > scores.as_slice()[100] + 0.1);
}

#[test]
fn damaged_models_are_refused() {
    let x = Matrix::from(Array2::from_shape_fn((50, 2), |(row, column)| (row + column) as f64));
    let model = IsolationForest::new().n_trees(2).fit(&x, &NoTarget).unwrap();
    let json = serde_json::to_value(&model).unwrap();
    for (place, value) in
        [("/trees/0/0/right", 0.into()), ("/trees/0/0/right", 999.into()), ("/trees/0/0/column", 7.into())]
    {
        let mut broken: serde_json::Value = json.clone();
        *broken.pointer_mut(place).unwrap() = value;
        assert!(serde_json::from_value::<IsolationForestModel>(broken).is_err(), "{place}");
    }
    // A question whose right child is a child of the next one too: each such level doubles the ways to the end.
    let mut shared = json.clone();
    let node = |right: u32| {
        let column = if right == 0 { u32::MAX } else { 0 };
        serde_json::json!({ "value": 0.5, "column": column, "right": right, "missing_left": false })
    };
    let nodes = (0..80).map(|at| node(if at < 78 { at + 2 } else { 0 })).collect();
    *shared.pointer_mut("/trees/0").unwrap() = serde_json::Value::Array(nodes);
    assert!(serde_json::from_value::<IsolationForestModel>(shared).is_err());
    let error = IsolationForest::new().contamination(0.7).fit(&x, &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
}

check!(
    isolation_forest_finds,
    outlier,
    IsolationForest::new().n_trees(40),
    Tags::new().expect_fail("W01", "rows are drawn by weight, and copies of a row apart")
);

#[test]
fn missing_values_mark_no_row() {
    let mut random = Random::new(5);
    let mut x = Array2::from_shape_simple_fn((600, 4), || random.normal());
    x.row_mut(7).fill(9.0);
    let whole = IsolationForest::new().fit(&Matrix::from(x.clone()), &NoTarget).unwrap();
    for row in (0..600).filter(|row| row % 3 == 0) {
        x[[row, row / 3 % 4]] = f64::NAN;
    }
    let x = Matrix::from(x);
    let model = IsolationForest::new().fit(&x, &NoTarget).unwrap();
    for model in [&model, &whole] {
        let scores = model.score(&x).unwrap().into_vec();
        let mean = |holes: bool| {
            let rows: Vec<f64> =
                (0..600).filter(|row| (row % 3 == 0) == holes && *row != 7).map(|row| scores[row]).collect();
            rows.iter().sum::<f64>() / rows.len() as f64
        };
        assert!((mean(true) - mean(false)).abs() < 0.03, "{} {}", mean(true), mean(false));
        assert!(scores.iter().all(|score| *score <= scores[7]));
    }
    let infinite = Matrix::from(array![[f64::INFINITY, 0.0, 0.0, 0.0]]);
    assert!(model.score(&infinite).is_err());
    // Where nothing is known, nothing can be parted.
    let nothing = Matrix::from(Array2::from_elem((20, 2), f64::NAN));
    let model = IsolationForest::new().fit(&nothing, &NoTarget).unwrap();
    assert!(model.score(&nothing).unwrap().as_slice().iter().all(|score| (score - 0.5).abs() < 1e-12));
}

#[test]
fn isolation_forests_keep_to_a_memory_limit() {
    let mut random = Random::new(6);
    let x = Matrix::from(Array2::from_shape_simple_fn((5000, 3), || random.normal()));
    let settings = IsolationForest::new().contamination(0.02).seed(1);
    let error = settings.clone().memory_limit(2_000_000).fit(&x, &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("`memory_limit` = 2000000"), "{error}");
    // Settings that cannot be come first.
    let error = settings.clone().n_trees(0).memory_limit(1).fit(&x, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("`n_trees`"), "{error}");
    let small = settings.clone().n_trees(10).max_samples(64);
    let limited = small.clone().memory_limit(2_000_000).fit(&x, &NoTarget).unwrap();
    assert_eq!(limited, small.fit(&x, &NoTarget).unwrap());
    assert_eq!(
        settings.clone().memory_limit(1 << 30).fit(&x, &NoTarget).unwrap(),
        settings.fit(&x, &NoTarget).unwrap()
    );
}
