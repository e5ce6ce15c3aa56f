//! Stacks that pass the columns on.

use perennial_core::{Estimator, Matrix, Predictor, Values};
use perennial_models::compose::StackingRegressor;
use perennial_models::{LinearRegression, Ridge};
use perennial_testing::blobs;

#[test]
fn the_last_model_of_a_stack_may_see_the_input() {
    let example = blobs(2, 9);
    let members = (Ridge::new().alpha(1e9), Ridge::new().alpha(1e8));
    let stack = StackingRegressor::new(members, LinearRegression::new());
    // What the members lost the last model finds in the columns.
    let y: Values = example.x.dense().unwrap().rows().into_iter().map(|row| 2.0 * row[0] - row[1]).collect();
    let model = stack.clone().passthrough(true).fit(&example.x, &y).unwrap();
    assert_eq!(model.last().features().len(), 4);
    let names: Vec<&str> = example.x.features().names().collect();
    let turned = example.x.select_names(&[names[1], names[0]]).unwrap();
    let found = model.predict(&turned).unwrap();
    assert!(found.as_slice().iter().zip(y.as_slice()).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_eq!(stack.fit(&example.x, &y).unwrap().last().features().len(), 2);
}

#[test]
fn columns_that_are_passed_stay_sparse_and_have_names_of_their_own() {
    let example = blobs(2, 9);
    let (members, y) = ((Ridge::new(), Ridge::new().alpha(9.0)), &example.values);
    let stack = StackingRegressor::new(members.clone(), LinearRegression::new()).passthrough(true);
    // Least squares take no sparse rows, so a stack that passes these to it does not either.
    assert!(!stack.capabilities().sparse);
    let sparse = Matrix::hstack_sparse(std::slice::from_ref(&example.x)).unwrap();
    let sgd = perennial_models::SgdRegressor::new;
    let taking = StackingRegressor::new((sgd(), sgd().alpha(0.1)), sgd()).passthrough(true);
    let names = stack.fit(&example.x, y).unwrap().feature_names().to_vec();
    let found = taking.fit(&sparse, y).unwrap().predict(&sparse).unwrap();
    let dense = taking.fit(&example.x, y).unwrap().predict(&example.x).unwrap();
    assert!(taking.capabilities().sparse);
    assert!(
        found.as_slice().iter().zip(dense.as_slice()).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + b.abs()))
    );
    let x = example.x.clone().with_names([names[0].as_str(), "other"]).unwrap();
    let model = stack.fit(&x, y).unwrap();
    assert_eq!(model.feature_names(), [format!("{} (2)", names[0]), names[1].clone()]);
    model.predict(&x).unwrap();
}
