//! Linear models by stochastic gradient descent.

use ndarray::{Array2, array};
use perennial_core::{Classes, ErrorKind, Estimator, Matrix, PartialFit, Predictor, Rows, Train, Values};
use perennial_models::linear::{ClassLoss, LearningRate, ValueLoss};
use perennial_models::{
    ClassWeight, LinearRegression, LogisticRegression, PassiveAggressive, Perceptron, SgdClassifier,
    SgdRegressor,
};
use perennial_testing::{Tags, blobs, check, regression};

use crate::fixtures::assert_close;

const STEPS: &str = "a longer step is not two steps";

fn weighted() -> Tags {
    Tags::new().expect_fail("W01", STEPS)
}

check!(sgd_hinge, decider, SgdClassifier::new(), weighted());
check!(sgd_log, decider, SgdClassifier::new().loss(ClassLoss::LogLoss).l1_ratio(0.5).alpha(1e-3), weighted());
check!(
    sgd_squared_hinge,
    decider,
    SgdClassifier::new().loss(ClassLoss::SquaredHinge).learning_rate(LearningRate::Constant).eta0(0.001),
    weighted()
);
check!(
    sgd_modified_huber,
    decider,
    SgdClassifier::new().loss(ClassLoss::ModifiedHuber).shuffle(false),
    weighted()
);
check!(sgd_balanced, decider, SgdClassifier::new().class_weight(ClassWeight::Balanced), weighted());
check!(perceptron, decider, Perceptron::new(), weighted());
check!(passive_aggressive, decider, PassiveAggressive::new(), weighted());
check!(passive_aggressive_soft, decider, PassiveAggressive::new().squared(true).c(0.1), weighted());
check!(sgd_regressor, regressor, SgdRegressor::new(), weighted().equivariant());
check!(
    sgd_regressor_huber,
    regressor,
    SgdRegressor::new().loss(ValueLoss::Huber).l1_ratio(1.0),
    weighted().equivariant()
);
check!(sgd_regressor_tube, regressor, SgdRegressor::new().loss(ValueLoss::EpsilonInsensitive), weighted());
check!(
    sgd_regressor_soft_tube,
    regressor,
    SgdRegressor::new().loss(ValueLoss::SquaredEpsilonInsensitive),
    weighted()
);

/// After many short steps the descent is where the exact solvers are.
#[test]
fn descent_comes_to_the_optimum() {
    let example = regression(500, 4, 41);
    let settings = SgdRegressor::new().alpha(0.0).tolerance(-1.0).max_iter(400).power_t(0.6).eta0(0.1);
    let found = settings.fit(&example.x, &example.values).unwrap();
    let exact = LinearRegression::new().fit(&example.x, &example.values).unwrap();
    assert_close(&found.model().coefficients().to_vec(), &exact.coefficients().to_vec(), 0.02, "squares");
    assert!((found.model().intercept() - exact.intercept()).abs() < 0.02);

    // The mean loss plus `alpha / 2` times the squares is the problem of logistic regression with `c = 1 / (n alpha)`.
    let settings = SgdClassifier::new().loss(ClassLoss::LogLoss).alpha(1e-2).tolerance(-1.0).max_iter(500);
    let found = settings.fit(&example.x, &example.classes).unwrap();
    let exact = LogisticRegression::new().c(1.0 / (500.0 * 1e-2)).fit(&example.x, &example.classes).unwrap();
    for (found, exact) in found.model().coefficients().iter().zip(exact.coefficients()) {
        assert!((found - exact).abs() < 0.05 * (1.0 + exact.abs()), "{found} instead of {exact}");
    }
}

#[test]
fn strong_l1_penalty_leaves_few_coefficients() {
    let example = regression(500, 10, 42);
    let settings = SgdRegressor::new().alpha(0.2).l1_ratio(1.0).max_iter(200);
    let model = settings.fit(&example.x, &example.values).unwrap();
    let weights = model.model().coefficients();
    assert!(weights[0] > 1.0 && weights.iter().filter(|weight| **weight == 0.0).count() >= 5, "{weights}");
}

#[test]
fn further_rows_go_on_where_the_last_ended() {
    let example = regression(300, 4, 43);
    let (first, second): (Vec<usize>, Vec<usize>) = ((0..150).collect(), (150..300).collect());
    let part = |rows: &[usize]| (example.x.take(rows).unwrap(), example.values.take(rows).unwrap());
    let settings = SgdRegressor::new().shuffle(false);
    let (x, y) = part(&first);
    let once = settings.fit(&x, &y).unwrap();
    let before = once.model().coefficients().to_owned();
    let (x, y) = part(&second);
    let twice = settings.partial_fit(once.clone(), &x, &y).unwrap();
    assert_ne!(before, twice.model().coefficients());
    let error = |model: &dyn Predictor<Input = Matrix, Output = Values>| -> f64 {
        let guess = model.predict(&x).unwrap();
        guess.as_slice().iter().zip(y.as_slice()).map(|(g, y)| (g - y).powi(2)).sum()
    };
    assert!(error(&twice) < 1.05 * error(&once));

    let settings = SgdClassifier::new();
    let model = settings.fit(&example.x, &example.classes).unwrap();
    let model = settings.partial_fit(model, &example.x, &example.classes).unwrap();
    let right = model.predict(&example.x).unwrap();
    let agree = right.codes().iter().zip(example.classes.codes()).filter(|(a, b)| a == b).count();
    assert!(agree > 250);
    let other = Classes::from_labels(vec!["new"; 300]);
    let error = settings.partial_fit(model, &example.x, &other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Malformed { .. }));
}

/// A longer step is not two steps, but both come near the same answer.
#[test]
fn weights_come_to_the_optimum_of_repeated_rows() {
    let example = regression(400, 3, 44);
    let weights: Vec<f64> = (0..400).map(|row| [3.0, 0.0, 1.5, 6.0][row % 4]).collect();
    let settings = SgdRegressor::new().alpha(0.0).tolerance(-1.0).max_iter(400).power_t(0.6).eta0(0.1);
    let train = Train::new(&example.x, &example.values).weights(&weights);
    let found = train.fit(&settings).unwrap();
    let exact = train.fit(&LinearRegression::new()).unwrap();
    assert_close(&found.model().coefficients().to_vec(), &exact.coefficients().to_vec(), 0.03, "squares");

    let settings = SgdClassifier::new().loss(ClassLoss::LogLoss).alpha(1e-2).tolerance(-1.0).max_iter(500);
    let balanced = ClassWeight::Given([(example.classes.names()[1].clone(), 4.0)].into());
    let train = Train::new(&example.x, &example.classes).weights(&weights);
    let found = train.fit(&settings.clone().class_weight(balanced.clone())).unwrap();
    // The penalty is `alpha` times the mean weight, that of the classes included.
    let all: f64 = (0..400).map(|row| weights[row] * [1.0, 4.0][example.classes.codes()[row] as usize]).sum();
    let exact = LogisticRegression::new().c(1.0 / (all * 1e-2)).class_weight(balanced);
    let exact = train.fit(&exact).unwrap();
    for (found, exact) in found.model().coefficients().iter().zip(exact.coefficients()) {
        assert!((found - exact).abs() < 0.06 * (1.0 + exact.abs()), "{found} instead of {exact}");
    }
    // The unit of the weights changes no bit, and further rows are in that of the first.
    let larger: Vec<f64> = weights.iter().map(|weight| weight * 8.0).collect();
    let scaled = Train::new(&example.x, &example.classes).weights(&larger);
    let (one, other) = (train.fit(&settings).unwrap(), scaled.fit(&settings).unwrap());
    assert_eq!(one.model(), other.model());
    let one = train.partial_fit(&settings, one).unwrap();
    let other = scaled.partial_fit(&settings, other).unwrap();
    assert_eq!(one.model(), other.model());
}

#[test]
fn extreme_weights_of_further_rows_are_in_the_unit_of_the_first() {
    let example = blobs(2, 5);
    let n = example.x.n_rows();
    let (ones, large) = (vec![1.0; n], vec![2f64.powi(300); n]);
    let settings = SgdClassifier::new().max_iter(3);
    let further = |weights: &[f64]| {
        let train = Train::new(&example.x, &example.classes).weights(weights);
        train.partial_fit(&settings, train.fit(&settings).unwrap()).unwrap()
    };
    assert_eq!(further(&ones).model(), further(&large).model());
}

/// Against scikit-learn's formulas, written out.
#[test]
fn scores_become_probabilities() {
    let x = Matrix::from(array![[-2.0, 0.1], [-1.0, 0.4], [0.2, -0.3], [0.9, 0.0], [2.5, 0.2], [3.0, -0.5]]);
    let two = Classes::from_labels(["a", "a", "a", "b", "b", "b"]);
    let three = Classes::from_labels(["a", "a", "b", "b", "c", "c"]);
    let log = |score: f64| 1.0 / (1.0 + (-score).exp());
    let straight = |score: f64| (score.clamp(-1.0, 1.0) + 1.0) / 2.0;
    let losses: [(ClassLoss, &dyn Fn(f64) -> f64); 2] =
        [(ClassLoss::LogLoss, &log), (ClassLoss::ModifiedHuber, &straight)];
    for (loss, of_score) in losses {
        let settings = SgdClassifier::new().loss(loss).alpha(0.01);
        for y in [&two, &three] {
            let model = settings.fit(&x, y).unwrap();
            let (scores, shares) = (model.decision_function(&x).unwrap(), model.predict_proba(&x).unwrap());
            for (scores, shares) in scores.rows().into_iter().zip(shares.values().rows()) {
                let wanted: Vec<f64> = match scores.len() {
                    1 => vec![1.0 - of_score(scores[0]), of_score(scores[0])],
                    _ => {
                        let each: Vec<f64> = scores.iter().map(|&score| of_score(score)).collect();
                        let sum: f64 = each.iter().sum();
                        each.iter().map(|share| if sum > 0.0 { share / sum } else { 1.0 / 3.0 }).collect()
                    }
                };
                assert!(
                    shares.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-14),
                    "{shares} {wanted:?}"
                );
            }
        }
    }
    let error = SgdClassifier::new().fit(&x, &two).unwrap().predict_proba(&x).unwrap_err().to_string();
    assert!(error.contains("LogLoss"), "{error}");
}

/// Rows of quarters, whose sums are exact, with two and three classes.
fn quarters() -> (Matrix, Classes, Classes) {
    let cell = |i: usize, j: usize| ((i * (2 * j + 3) + i / (j + 2) + (i * i) % (j + 5)) % 11) as i64 - 5;
    let x = Array2::from_shape_fn((40, 3), |(i, j)| cell(i, j) as f64 / 4.0);
    let score =
        |i: usize| 10 * cell(i, 0) - 20 * cell(i, 1) + 5 * cell(i, 2) + 6 * (((i * 37) % 13) as i64 - 6);
    let two = Classes::from_labels((0..40).map(|i| i64::from(score(i) > 0)));
    let three = Classes::from_labels((0..40).map(|i| i64::from(score(i) >= -40) + i64::from(score(i) >= 40)));
    (x.into(), two, three)
}

/// scikit-learn 1.9.1 with `shuffle=False`. Each step of a perceptron is exact here, so its passes are the same ones.
#[test]
fn perceptrons_in_the_order_of_the_rows_are_those_of_scikit_learn() {
    let (x, two, three) = quarters();
    let settings = Perceptron::new().shuffle(false);
    let model = settings.clone().tolerance(-1.0).max_iter(7).fit(&x, &two).unwrap();
    assert_eq!(model.model().coefficients(), array![[1.25, -5.75, 0.75]]);
    assert_eq!(model.model().intercepts(), array![0.0]);
    let model = settings.clone().tolerance(-1.0).max_iter(7).fit(&x, &three).unwrap();
    assert_eq!(
        model.model().coefficients(),
        array![[-1.0, 3.75, -2.0], [1.0, 0.25, 0.0], [2.75, -6.0, 0.75]]
    );
    assert_eq!(model.model().intercepts(), array![-3.0, -1.0, -3.0]);
    // With a tolerance they end after as many passes.
    let model = settings.fit(&x, &three).unwrap();
    assert_eq!(model.model().n_iterations(), 12);
    assert_eq!(
        model.model().coefficients(),
        array![[-1.0, 3.75, -2.0], [1.0, 0.75, 1.0], [3.0, -6.75, 0.75]]
    );
    assert_eq!(model.model().intercepts(), array![-3.0, -1.0, -2.0]);
}

/// scikit-learn 1.9.1 with `shuffle=False` and without an intercept, which it leaves out of the length of a row.
#[test]
fn aggressive_steps_in_the_order_of_the_rows_are_those_of_scikit_learn() {
    let (x, two, three) = quarters();
    let settings =
        PassiveAggressive::new().c(0.1).fit_intercept(false).shuffle(false).tolerance(-1.0).max_iter(7);
    let check = |settings: &PassiveAggressive, y: &Classes, truth: &[f64]| {
        let model = settings.fit(&x, y).unwrap();
        let found: Vec<f64> = model.model().coefficients().iter().copied().collect();
        assert_close(&found, truth, 1e-12, "aggressive steps");
    };
    check(&settings, &two, &[0.8387054219946583, -2.2044997350177047, 0.7903236445013355]);
    check(
        &settings,
        &three,
        &[
            -0.9601396114523189,
            2.1268792232007283,
            -0.6787675340388731,
            -0.1407430902987004,
            0.8149761658197969,
            0.5079311305998574,
            0.6531009873311829,
            -1.9461156176955143,
            0.5036348278305682,
        ],
    );
    let settings = settings.squared(true);
    check(&settings, &two, &[0.8633153875855184, -1.6495536911159985, 0.5518085999384393]);
    check(
        &settings,
        &three,
        &[
            -1.0380993325366807,
            1.455787101310552,
            -0.2754052616916592,
            0.04864742563487366,
            0.48819003017565477,
            0.2693519632568544,
            0.4216392176779528,
            -1.2893347332930127,
            0.05510097897174013,
        ],
    );
}
