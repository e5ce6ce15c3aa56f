//! Trees and forests on what is out of the ordinary: categories without end, more classes than rows.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, ErrorKind, Estimator, Matrix, Predictor, Values};
use perennial_models::tree::Splits;
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreesClassifier, GradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor,
};

use crate::boosting::with_categories;

#[test]
fn a_million_distinct_categories() {
    let n = 1_000_000;
    let x = with_categories(Array2::from_shape_fn((n, 1), |(row, _)| row as f64), &[0], n as u32);
    let y: Values = (0..n).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
    // The best of all sets parts them with one question.
    let tree = DecisionTreeRegressor::new().max_depth(1).fit(&x, &y).unwrap();
    assert_eq!(tree.predict(&x).unwrap(), y);
    assert_eq!(tree.tree().categories(0).unwrap().len(), n - n.div_ceil(3));
    let inside = |answers: Values| answers.as_slice().iter().all(|answer| (0.0..=1.0).contains(answer));
    let binned = DecisionTreeRegressor::new().splits(Splits::Histogram).max_depth(3).fit(&x, &y).unwrap();
    assert!(inside(binned.predict(&x).unwrap()));
    let forest = RandomForestRegressor::new().n_trees(2).max_depth(3).fit(&x, &y).unwrap();
    assert!(inside(forest.predict(&x).unwrap()));
    let boosted = GradientBoostingRegressor::new().n_trees(2).fit(&x, &y).unwrap();
    assert!(inside(boosted.predict(&x).unwrap()));
}

/// Each of 63 questions holds a set whose codes are near 2^24, in as many bits.
#[test]
fn sets_of_codes_without_end_are_refused() {
    let code = |row: usize| f64::from(16_777_215 - (row % 64) as u32);
    let x = with_categories(Array2::from_shape_fn((256, 1), |(row, _)| code(row)), &[0], 1 << 24);
    let y: Values = (0..256).map(|row| f64::from(row % 64)).collect();
    let refused = |error: perennial_core::Error| {
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains("number the categories from 0"), "{error}");
    };
    for splits in [Splits::Exact, Splits::Histogram] {
        refused(DecisionTreeRegressor::new().splits(splits).fit(&x, &y).unwrap_err());
        assert!(DecisionTreeRegressor::new().splits(splits).max_depth(3).fit(&x, &y).is_ok());
    }
    refused(RandomForestRegressor::new().bootstrap(false).n_trees(2).fit(&x, &y).unwrap_err());
    // One question is too much of codes that no bin takes.
    let x = with_categories(
        Array2::from_shape_fn((60, 1), |(row, _)| if row % 2 == 0 { f64::from(u32::MAX - 2) } else { 0.0 }),
        &[0],
        u32::MAX,
    );
    let y: Values = (0..60).map(|row| f64::from(row % 2)).collect();
    refused(DecisionTreeRegressor::new().fit(&x, &y).unwrap_err());
    let error = RandomForestRegressor::new().fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("from 0 to 16777215"), "{error}");
}

#[test]
fn more_classes_than_rows() {
    let x = Matrix::from(Array2::from_shape_fn((30, 2), |(row, column)| (row * (column + 1)) as f64));
    let names: Vec<String> = (0..100).map(|class| format!("c{class}")).collect();
    let classes = Classes::new((0..30).map(|row| row * 3).collect(), names).unwrap();
    let check = |model: &dyn Fn(&Matrix) -> perennial_core::Result<perennial_core::Probabilities>| {
        let shares = model(&x).unwrap();
        assert_eq!(shares.values().dim(), (30, 100));
        assert_eq!(shares.most_likely().codes(), classes.codes());
    };
    for splits in [Splits::Exact, Splits::Histogram, Splits::Random] {
        let model = DecisionTreeClassifier::new().splits(splits).fit(&x, &classes).unwrap();
        check(&|x| model.predict_proba(x));
    }
    let model = RandomForestClassifier::new().bootstrap(false).n_trees(5).fit(&x, &classes).unwrap();
    check(&|x| model.predict_proba(x));
    let model = ExtraTreesClassifier::new().n_trees(5).fit(&x, &classes).unwrap();
    check(&|x| model.predict_proba(x));
}
