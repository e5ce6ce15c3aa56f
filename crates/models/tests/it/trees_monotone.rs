//! Trees and forests whose answers only rise, or only fall, along a column.

use ndarray::{Array1, Array2, Axis};
use perennial_core::{Classes, Classifier, ErrorKind, Estimator, Matrix, Predictor, Values};
use perennial_models::forest::RegressionCriterion;
use perennial_models::tree::{Criterion, Monotone, Splits};
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, RandomForestClassifier, RandomForestRegressor,
};
use perennial_numeric::random::Random;
use perennial_testing::blobs;

#[test]
fn monotone_forests_are_monotone() {
    let mut random = Random::new(4);
    let x = Array2::from_shape_simple_fn((400, 3), || (random.normal() * 4.0).round());
    let noise: Vec<f64> = (0..400).map(|_| random.normal()).collect();
    let y: Values =
        x.rows().into_iter().zip(noise).map(|(row, e)| 0.3 * row[0] - 0.3 * row[1] + 2.0 * e).collect();
    let classes = Classes::from_labels(y.as_slice().iter().map(|value| *value > 0.0));
    let matrix = Matrix::from(x.clone());
    let regressor = RandomForestRegressor::new()
        .monotone("x0", Monotone::Increasing)
        .monotone("x1", Monotone::Decreasing);
    let regressor = regressor.n_trees(10).fit(&matrix, &y).unwrap();
    let classifier = RandomForestClassifier::new().monotone("x0", Monotone::Increasing);
    let classifier = classifier.n_trees(10).fit(&matrix, &classes).unwrap();
    for row in x.rows() {
        for (column, sign) in [(0, 1.0), (1, -1.0)] {
            let mut line = Array2::zeros((41, 3));
            for (step, mut cells) in line.axis_iter_mut(Axis(0)).enumerate() {
                cells.assign(&row);
                cells[column] = step as f64 / 2.0 - 10.0;
            }
            let line = Matrix::from(line);
            let answers = regressor.predict(&line).unwrap();
            assert!(answers.as_slice().windows(2).all(|pair| (pair[1] - pair[0]) * sign >= -1e-12));
            if column == 0 {
                let shares = classifier.predict_proba(&line).unwrap().values().column(1).to_vec();
                assert!(shares.windows(2).all(|pair| pair[1] - pair[0] >= -1e-12));
            }
        }
    }
    let unknown = RandomForestRegressor::new().monotone("nobody", Monotone::Increasing).fit(&matrix, &y);
    assert!(matches!(unknown.unwrap_err().kind(), ErrorKind::Unknown { .. }));
    let three = blobs(3, 1);
    let error =
        RandomForestClassifier::new().monotone("x0", Monotone::Increasing).fit(&three.x, &three.classes);
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::Unsupported { .. }));
}

/// Exact trees whose answers rise along one column and fall along another: with a bin for each value, trees between bins
/// say the same.
#[test]
fn monotone_exact_trees_are_monotone() {
    let mut random = Random::new(8);
    let cells = Array2::from_shape_simple_fn((300, 3), || (random.normal() * 4.0).round());
    let noise: Vec<f64> = (0..300).map(|_| random.normal()).collect();
    let line =
        |row: ndarray::ArrayView1<'_, f64>| (0.2 * row[0] - 0.2 * row[1]).clamp(-2.0, 2.0) + row[2] / 9.0;
    let y: Values =
        cells.rows().into_iter().zip(noise).map(|(row, e)| (line(row) + 3.0 + e).max(0.0)).collect();
    let classes = Classes::from_labels(y.as_slice().iter().map(|value| *value > 3.0));
    let mut holed = cells.clone();
    holed.column_mut(2).iter_mut().step_by(7).for_each(|value| *value = f64::NAN);
    let x = Matrix::from(holed);
    let follows =
        |answers: &[f64], sign: f64| answers.windows(2).all(|pair| (pair[1] - pair[0]) * sign >= 0.0);
    let lines = |check: &dyn Fn(&Matrix, f64) -> bool| {
        cells.rows().into_iter().all(|row| {
            [(0, 1.0), (1, -1.0)].into_iter().all(|(column, sign)| {
                let mut line = row.broadcast((41, 3)).unwrap().to_owned();
                line.column_mut(column).assign(&Array1::linspace(-10.0, 10.0, 41));
                check(&Matrix::from(line), sign)
            })
        })
    };
    for criterion in
        [RegressionCriterion::SquaredError, RegressionCriterion::AbsoluteError, RegressionCriterion::Poisson]
    {
        let free = DecisionTreeRegressor::new().criterion(criterion).min_samples_leaf(5);
        let bound = free.clone().monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Decreasing);
        let (free, exact) = (free.fit(&x, &y).unwrap(), bound.fit(&x, &y).unwrap());
        assert!(lines(&|line, sign| follows(exact.predict(line).unwrap().as_slice(), sign)), "{criterion:?}");
        assert!(!lines(&|line, sign| follows(free.predict(line).unwrap().as_slice(), sign)), "{criterion:?}");
        assert!(exact.tree().n_leaves() > 10, "{criterion:?}: {}", exact.tree().n_leaves());
        let between = bound.splits(Splits::Histogram).fit(&x, &y).unwrap();
        let (a, b) = (exact.predict(&x).unwrap(), between.predict(&x).unwrap());
        assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-9), "{criterion:?}");
    }
    for criterion in [Criterion::Gini, Criterion::Entropy] {
        let bound = DecisionTreeClassifier::new().criterion(criterion).min_samples_leaf(5);
        let bound = bound.monotone("x0", Monotone::Increasing).monotone("x1", Monotone::Decreasing);
        let exact = bound.fit(&x, &classes).unwrap();
        let second = |x: &Matrix| exact.predict_proba(x).unwrap().values().column(1).to_vec();
        assert!(lines(&|line, sign| follows(&second(line), sign)), "{criterion:?}");
        let between = bound.clone().splits(Splits::Histogram).fit(&x, &classes).unwrap();
        let shares = between.predict_proba(&x).unwrap().values().column(1).to_vec();
        assert!(second(&x).iter().zip(&shares).all(|(a, b)| (a - b).abs() < 1e-12), "{criterion:?}");
        // A pruned tree is one as well: each node lies within the bounds of its leaves.
        let pruned = bound.clone().max_leaf_nodes(6).ccp_alpha(0.002).fit(&x, &classes).unwrap();
        let second = |x: &Matrix| pruned.predict_proba(x).unwrap().values().column(1).to_vec();
        assert!(lines(&|line, sign| follows(&second(line), sign)), "{criterion:?}");
        let three = blobs(3, 1);
        let error = bound.fit(&three.x, &three.classes).unwrap_err();
        assert!(error.to_string().contains("two classes"), "{error}");
    }
    let nobody = DecisionTreeRegressor::new().monotone("nobody", Monotone::Increasing).fit(&x, &y);
    assert!(matches!(nobody.unwrap_err().kind(), ErrorKind::Unknown { .. }));
}
