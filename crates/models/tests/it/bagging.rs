//! Rows that members have not drawn, and columns that are drawn several times.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Rows, Train, Values};
use perennial_models::compose::{BaggingClassifier, BaggingRegressor};
use perennial_models::{DecisionTreeRegressor, GaussianNaiveBayes, LinearRegression, Ridge};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;
use crate::linear_follow::sparse;

check!(
    bagging_columns_with_return,
    classifier,
    BaggingClassifier::new(GaussianNaiveBayes::new())
        .bootstrap_features(true)
        .n_estimators(5)
        .out_of_bag(true),
    Tags::new().most_rows(400).expect_fail("W01", "rows are drawn one by one")
);

fn rows(n: usize) -> (Matrix, Values) {
    let x = Array2::from_shape_fn((n, 3), |(i, j)| ((i * (2 * j + 3)) as f64 * 0.7).sin());
    let y: Values = (0..n).map(|i| 2.0 * x[[i, 0]] - x[[i, 1]] + 0.1 * (i as f64 * 2.1).cos()).collect();
    (x.into(), y)
}

#[test]
fn rows_out_of_the_bag_are_judged_by_members_that_have_not_seen_them() {
    let (x, y) = rows(60);
    let settings = BaggingRegressor::new(LinearRegression::new()).n_estimators(12).seed(3);
    let plain = settings.clone().fit(&x, &y).unwrap();
    let model = settings.clone().out_of_bag(true).fit(&x, &y).unwrap();
    assert!(plain.out_of_bag().is_none());
    assert_eq!(plain.predict(&x).unwrap(), model.predict(&x).unwrap());
    let found = model.out_of_bag().unwrap();
    // A share of about 1 / e of the members did not draw a row.
    let mean = found.n_members().iter().sum::<u32>() as f64 / 60.0;
    assert!((mean / 12.0 - (-1.0_f64).exp()).abs() < 0.05, "{mean}");
    let (values, y) = (found.values().column(0).to_vec(), y.as_slice());
    let counted: Vec<usize> = (0..60).filter(|&row| found.n_members()[row] > 0).collect();
    let middle = counted.iter().map(|&row| y[row]).sum::<f64>() / counted.len() as f64;
    let squares =
        |of: &dyn Fn(usize) -> f64| counted.iter().map(|&row| (y[row] - of(row)).powi(2)).sum::<f64>();
    let score = 1.0 - squares(&|row| values[row]) / squares(&|_| middle);
    assert_close(&[found.score()], &[score], 1e-12, "the score");
    assert!((0.97..1.0).contains(&score), "{score}");
    // Trees that know their rows by heart know nothing of the others: chance is told apart from knowledge.
    let noise: Values = (0..60).map(|i| ((i * i) as f64 * 1.7).sin()).collect();
    let trees = BaggingRegressor::new(DecisionTreeRegressor::new()).n_estimators(30).out_of_bag(true).seed(1);
    let trees = trees.fit(&x, &noise).unwrap();
    let fitted = trees.predict(&x).unwrap();
    let off: f64 =
        fitted.as_slice().iter().zip(noise.as_slice()).map(|(a, b)| (a - b).abs()).sum::<f64>() / 60.0;
    assert!(off < 0.35 && trees.out_of_bag().unwrap().score() < 0.3, "{off}");
}

#[test]
fn one_member_says_of_the_rest_what_it_says() {
    let (x, y) = rows(40);
    let labels = Classes::from_labels(y.as_slice().iter().map(|y| *y > 0.0));
    let settings = BaggingClassifier::new(GaussianNaiveBayes::new()).n_estimators(1).max_samples(0.5);
    let settings = settings.bootstrap(false).out_of_bag(true).seed(8);
    let weights: Vec<f64> = (0..40).map(|i| (i % 4) as f64).collect();
    let model = Train::new(&x, &labels).weights(&weights).fit(&settings).unwrap();
    let found = model.out_of_bag().unwrap();
    let said = model.predict_proba(&x).unwrap();
    let (mut right, mut total) = (0.0, 0.0);
    for row in 0..40 {
        // 30 rows have weight, and 15 of them were drawn.
        let shares = found.values().row(row).to_vec();
        match found.n_members()[row] {
            0 => assert_eq!(shares, [0.0, 0.0]),
            n => {
                assert_eq!(n, 1);
                assert_close(&shares, &said.values().row(row).to_vec(), 1e-15, "shares");
                total += weights[row];
                right += if (shares[1] > shares[0]) == (labels.codes()[row] == labels.code("true").unwrap()) {
                    weights[row]
                } else {
                    0.0
                };
            }
        }
    }
    assert_eq!(found.n_members().iter().sum::<u32>(), 25);
    assert_close(&[found.score()], &[right / total], 1e-15, "accuracy");
    // Nobody is left out.
    let error = settings.max_samples(1.0).fit(&x, &labels).unwrap_err();
    assert!(error.to_string().contains("out_of_bag"), "{error}");
    let text = serde_json::to_string(&model).unwrap();
    let back: perennial_models::compose::BaggingClassifierModel<
        perennial_models::naive_bayes::GaussianNaiveBayesModel,
    > = serde_json::from_str(&text).unwrap();
    assert_eq!(back, model);
}

#[test]
fn columns_that_are_drawn_twice_stand_twice() {
    let (x, y) = rows(50);
    let x = Matrix::hstack(&[x.clone(), x.select(&[0]).unwrap().with_names(["x0 (2)"]).unwrap()]).unwrap();
    let settings = BaggingRegressor::new(Ridge::new()).bootstrap_features(true).n_estimators(25).seed(5);
    let model = settings.clone().fit(&x, &y).unwrap();
    let answers = model.predict(&x).unwrap();
    // The same whatever the order of the columns, and for sparse rows.
    let turned = x.select(&[3, 1, 0, 2]).unwrap();
    assert_eq!(model.predict(&turned).unwrap(), answers);
    let dense = x.dense().unwrap().to_owned();
    let thin = sparse(&dense).with_features(x.features().clone()).unwrap();
    let said = settings.clone().fit(&thin, &y).unwrap().predict(&thin).unwrap();
    assert_close(said.as_slice(), answers.as_slice(), 1e-9, "sparse rows");
    // Without return every member sees every column.
    let all = settings.bootstrap_features(false).bootstrap(false).fit(&x, &y).unwrap();
    let one = Ridge::new().fit(&x, &y).unwrap().predict(&x).unwrap();
    assert_close(all.predict(&x).unwrap().as_slice(), one.as_slice(), 1e-12, "all columns");
    assert!(x.n_rows() == 50);
}
