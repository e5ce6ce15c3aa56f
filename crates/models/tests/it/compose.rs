//! Models made of models.

use ndarray::{Array2, array};
use perennial_core::{
    Capabilities, ClassOutputs, Classes, Classifier, Context, Error, ErrorKind, Estimator, FitTransform,
    InverseTransformer, Matrix, NoTarget, Outputs, Predictor, Result, Rows, Train, Transformer, Values,
};
use perennial_models::compose::{
    AdaBoostClassifier, AdaBoostLoss, AdaBoostRegressor, BaggingClassifier, BaggingRegressor,
    ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, OneVsOneClassifier, OneVsRestClassifier,
    RegressorChain, SelfTrainingClassifier, StackingClassifier, StackingRegressor, TargetFunctions,
    TargetTransform, TransformedTargetRegressor, VotingClassifier, VotingRegressor,
};
use perennial_models::{
    DecisionTreeClassifier, DecisionTreeRegressor, DummyRegressor, GaussianNaiveBayes,
    LinearDiscriminantAnalysis, LinearRegression, LogisticRegression, Ridge,
};
use perennial_testing::{Tags, blobs, check};
use serde::{Deserialize, Serialize};

const DRAWS: &str = "copies of a row are drawn apart, a weight of it all at once";
const FOLDS: &str = "copies of a row may be in different folds";

/// The kit fits each of them many times.
fn few() -> Tags {
    Tags::new().most_rows(1500)
}

fn stump() -> DecisionTreeClassifier {
    DecisionTreeClassifier::new().max_depth(1)
}

check!(one_vs_rest, classifier, OneVsRestClassifier::new(LogisticRegression::new()), few());
check!(one_vs_one, classifier, OneVsOneClassifier::new(LogisticRegression::new()), few());
check!(one_vs_rest_bayes, classifier, OneVsRestClassifier::new(GaussianNaiveBayes::new()), few());
check!(
    voting_soft,
    classifier,
    VotingClassifier::new((LogisticRegression::new(), GaussianNaiveBayes::new())).weights([2.0, 1.0]),
    few()
);
check!(
    voting_hard,
    classifier,
    VotingClassifier::new((stump(), GaussianNaiveBayes::new(), LogisticRegression::new())).hard(true),
    few()
);
check!(voting_list, regressor, VotingRegressor::new(vec![Ridge::new(), Ridge::new().alpha(9.0)]), few());
check!(
    stacking,
    classifier,
    StackingClassifier::new((GaussianNaiveBayes::new(), stump()), LogisticRegression::new()),
    few().expect_fail("W01", FOLDS).expect_fail("W02", FOLDS)
);
check!(
    stacking_beside_the_input,
    classifier,
    StackingClassifier::new((GaussianNaiveBayes::new(), stump()), LogisticRegression::new())
        .passthrough(true),
    few().expect_fail("W01", FOLDS).expect_fail("W02", FOLDS)
);
check!(
    stacking_regressor,
    regressor,
    StackingRegressor::new(
        (Ridge::new(), DecisionTreeRegressor::new().max_depth(3)),
        LinearRegression::new()
    )
    .n_folds(3),
    few().expect_fail("W01", FOLDS).expect_fail("W02", FOLDS)
);
check!(
    bagging,
    classifier,
    BaggingClassifier::new(DecisionTreeClassifier::new().max_depth(4)).max_features(0.8),
    few().expect_fail("W01", DRAWS)
);
check!(
    bagging_without_return,
    classifier,
    BaggingClassifier::new(GaussianNaiveBayes::new()).bootstrap(false).max_samples(0.7).n_estimators(4),
    few().expect_fail("W01", DRAWS)
);
check!(
    bagging_regressor,
    regressor,
    BaggingRegressor::new(DecisionTreeRegressor::new()).n_estimators(5),
    few().expect_fail("W01", DRAWS)
);
check!(ada_boost, classifier, AdaBoostClassifier::new(stump()).n_estimators(12), few());
check!(
    ada_boost_regressor,
    regressor,
    AdaBoostRegressor::new(DecisionTreeRegressor::new().max_depth(3)).n_estimators(8),
    few()
);
check!(
    ada_boost_regressor_square,
    regressor,
    AdaBoostRegressor::new(DecisionTreeRegressor::new().max_depth(3))
        .n_estimators(8)
        .loss(AdaBoostLoss::Square),
    few()
);
check!(
    transformed_target,
    regressor,
    TransformedTargetRegressor::new(Ridge::new(), TargetTransform::Asinh),
    few().poor_score()
);
check!(self_training, classifier, SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?"), few());
check!(
    self_training_of_some,
    classifier,
    SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?").k_best(3),
    few()
);

// X = [[5 sin(1.7 i) + 3 j cos(0.3 i^2)] for j in 0, 1], y = int((3 sin(1.7 i) + 4 cos(0.3 i^2) + sin(5.1 i)) // 2) % 3,
// i < 50; scikit-learn 1.9.1, AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=5)
// with the weights 1.5 + sin(0.77 i).
#[test]
fn boosting_by_weights_is_the_reference() {
    let part = |i: usize, j: usize| {
        let i = i as f64;
        (i * 1.7).sin() * 5.0 + j as f64 * (i * i * 0.3).cos() * 3.0
    };
    let x = Matrix::from(Array2::from_shape_fn((50, 2), |(i, j)| part(i, j)));
    let label = |i: usize| {
        let i = i as f64;
        let value = (i * 1.7).sin() * 3.0 + (i * i * 0.3).cos() * 4.0 + (i * 5.1).sin();
        (value / 2.0).floor().rem_euclid(3.0) as u32
    };
    let y = Classes::from_labels((0..50).map(label));
    let weights: Vec<f64> = (0..50).map(|i| 1.5 + (f64::from(i) * 0.77).sin()).collect();
    let settings = AdaBoostClassifier::new(DecisionTreeClassifier::new().max_depth(2)).n_estimators(5);
    let model = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    let votes =
        [1.086375329558275, 0.8074781735692523, 0.9951598650528745, 0.9394814214468739, 0.7726832027313758];
    for (found, truth) in model.votes().iter().zip(votes) {
        assert!((found - truth).abs() < 1e-9, "{:?}", model.votes());
    }
    let first = model.predict_proba(&x.take(&[0, 1]).unwrap()).unwrap();
    for (found, truth) in first.values().iter().zip([
        0.255634305528219,
        0.35889927542158145,
        0.38546641905019957,
        0.2520692422491363,
        0.30090207667874524,
        0.4470286810721184,
    ]) {
        assert!((found - truth).abs() < 1e-9, "{}", first.values());
    }
}

#[test]
fn members_of_a_stack_never_saw_the_rows_they_speak_of() {
    // The target is noise. A tree remembers its training rows, so a stack that let it speak of them would believe it.
    let x = Matrix::from(Array2::from_shape_fn((200, 1), |(i, _)| ((i * 7919) % 200) as f64));
    let y = Values::from((0..200).map(|i| f64::from((i * i * 31 + i * 7) % 97)).collect::<Vec<_>>());
    let stack = StackingRegressor::new((DecisionTreeRegressor::new(),), LinearRegression::new());
    let model = stack.fit(&x, &y).unwrap();
    let slope = model.last().coefficients()[0];
    assert!(slope.abs() < 0.3, "the last model believes what was remembered: {slope}");
}

#[test]
fn groups_are_never_divided_by_a_stack() {
    let example = blobs(2, 3);
    let groups: Vec<u32> = (0..300).map(|row| row / 150).collect();
    let stack = StackingClassifier::new((GaussianNaiveBayes::new(),), LogisticRegression::new()).n_folds(2);
    assert!(Train::new(&example.x, &example.classes).groups(&groups).fit(&stack).is_ok());
    let one = vec![0; 300];
    let error = Train::new(&example.x, &example.classes).groups(&one).fit(&stack).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }), "{error}");
}

#[test]
fn several_outputs_are_those_of_each_alone_and_chains_use_the_ones_before() {
    let x = Matrix::from(Array2::from_shape_fn((40, 2), |(i, j)| ((i * (j + 3)) % 11) as f64));
    let first: Vec<f64> = (0..40).map(|i| ((i * i) % 13) as f64).collect();
    // The second output is no function of the input, but of the first output.
    let second: Vec<f64> = first.iter().map(|value| 2.0 * value + 1.0).collect();
    let y = Outputs::from(Array2::from_shape_fn((40, 2), |(i, j)| if j == 0 { first[i] } else { second[i] }));
    let model = MultiOutputRegressor::new(Ridge::new()).fit(&x, &y).unwrap();
    let alone = Ridge::new().fit(&x, &Values::from(first.clone())).unwrap().predict(&x).unwrap();
    let answers = model.predict(&x).unwrap();
    assert_eq!(answers.values().column(0).to_vec(), alone.as_slice());

    let chain = RegressorChain::new(LinearRegression::new()).fit(&x, &y).unwrap();
    let slopes = chain.members()[1].coefficients();
    assert!((slopes[2] - 2.0).abs() < 1e-9 && chain.members()[1].features().name(2) == "output0");
    let answers = chain.predict(&x).unwrap();
    for row in answers.values().rows() {
        assert!((row[1] - 2.0 * row[0] - 1.0).abs() < 1e-8);
    }
    let turned = RegressorChain::new(LinearRegression::new()).order([1, 0]).fit(&x, &y).unwrap();
    assert_eq!(turned.order(), [1, 0]);
    assert!(RegressorChain::new(Ridge::new()).order([0, 0]).fit(&x, &y).is_err());
    let bytes = perennial_core::to_bytes(&chain).unwrap();
    let loaded: perennial_models::compose::RegressorChainModel<perennial_models::linear::LinearModel> =
        perennial_core::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, chain);
}

#[test]
fn transforms_are_taken_back_and_refuse_what_they_cannot_take() {
    let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    for (transform, y) in [
        (TargetTransform::Log1p, vec![0.0, 1.0, 3.0, 7.0]),
        (TargetTransform::Log, vec![0.5, 1.0, 2.0, 4.0]),
        (TargetTransform::Sqrt, vec![0.0, 1.0, 4.0, 9.0]),
    ] {
        let y = Values::from(y);
        let model = TransformedTargetRegressor::new(LinearRegression::new(), transform).fit(&x, &y).unwrap();
        for (found, truth) in model.predict(&x).unwrap().as_slice().iter().zip(y.as_slice()) {
            assert!((found - truth).abs() < 1e-12, "{transform:?}: {found} instead of {truth}");
        }
    }
    let share = TransformedTargetRegressor::new(DummyRegressor::new(), TargetTransform::Logit);
    let error = share.fit(&x, &Values::from(vec![0.5, 0.2, 1.0, 0.9])).unwrap_err();
    assert!(
        error.to_string().contains("1 at row 2") && error.to_string().contains("between 0 and 1"),
        "{error}"
    );
}

/// The target in units of its standard deviation, learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Standard;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StandardModel {
    mean: f64,
    deviation: f64,
}

impl Estimator for Standard {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = StandardModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<StandardModel> {
        let x = train.x.dense()?;
        let total: f64 = (0..x.nrows()).map(|row| train.weight(row)).sum();
        let mean = (0..x.nrows()).map(|row| train.weight(row) * x[[row, 0]]).sum::<f64>() / total;
        let squares: f64 = (0..x.nrows()).map(|row| train.weight(row) * (x[[row, 0]] - mean).powi(2)).sum();
        let deviation = if squares > 0.0 { (squares / total).sqrt() } else { 1.0 };
        if !(mean.is_finite() && deviation.is_finite()) {
            return Err(Error::overflow("the spread of the target leaves the range of f64; scale it"));
        }
        Ok(StandardModel { mean, deviation })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }
}

impl Transformer for StandardModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(Matrix::from(x.dense()?.mapv(|cell| (cell - self.mean) / self.deviation)))
    }
}

impl InverseTransformer for StandardModel {
    fn inverse_transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(Matrix::from(x.dense()?.mapv(|cell| cell * self.deviation + self.mean)))
    }
}

check!(
    transformed_target_by_a_step,
    regressor,
    TransformedTargetRegressor::new(LinearRegression::new(), Standard),
    few()
);

#[test]
fn steps_and_functions_transform_targets() {
    let x = Matrix::from(array![[0.0], [1.0], [2.0], [3.0]]);
    let y = Values::from(vec![1.0, 2.5, 2.0, 7.0]);
    let close = |found: &Values, truth: &Values| {
        for (found, truth) in found.as_slice().iter().zip(truth.as_slice()) {
            assert!((found - truth).abs() < 1e-12, "{found} instead of {truth}");
        }
    };
    // A line is the same in any units.
    let line = LinearRegression::new().fit(&x, &y).unwrap().predict(&x).unwrap();
    let by_step = TransformedTargetRegressor::new(LinearRegression::new(), Standard).fit(&x, &y).unwrap();
    close(&by_step.predict(&x).unwrap(), &line);
    assert_eq!(by_step.transform().mean, 3.125);
    let functions = TargetFunctions::new(|value| 10.0 - 3.0 * value, |value| (10.0 - value) / 3.0);
    let by_functions =
        TransformedTargetRegressor::new(LinearRegression::new(), functions).fit(&x, &y).unwrap();
    close(&by_functions.predict(&x).unwrap(), &line);
    // Weights reach the step as well, or are refused.
    let weights = [1.0, 0.0, 0.0, 3.0];
    let weighted = Train::new(&x, &y)
        .weights(&weights)
        .fit(&TransformedTargetRegressor::new(LinearRegression::new(), Standard))
        .unwrap();
    assert_eq!(weighted.transform().mean, 5.5);
    let roots = TargetFunctions::new(f64::sqrt, |root| root * root);
    let error = TransformedTargetRegressor::new(LinearRegression::new(), roots)
        .fit(&x, &Values::from(vec![1.0, -4.0, 2.0, 3.0]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("-4 at row 1"), "{error}");
}

#[test]
fn labels_spread_to_rows_that_have_none() {
    let example = blobs(2, 12);
    let labels: Vec<&str> = example
        .classes
        .labels()
        .enumerate()
        .map(|(row, label)| if row < 20 { label } else { "none" })
        .collect();
    let y = Classes::from_labels(labels);
    let settings = SelfTrainingClassifier::new(LinearDiscriminantAnalysis::new(), "none");
    let model = settings.fit(&example.x, &y).unwrap();
    assert!(model.n_labelled() > 250, "{}", model.n_labelled());
    let said = model.predict(&example.x).unwrap();
    assert_eq!(said.names(), ["blue", "green"]);
    let right = said.labels().zip(example.classes.labels()).filter(|(a, b)| a == b).count();
    assert!(right > 290, "{right} of 300");
    let nothing = Classes::from_labels(vec!["none"; 300]);
    assert!(settings.fit(&example.x, &nothing).unwrap_err().to_string().contains("no row has a class"));
}

/// By hand: the nearest open row on each side is the surest, so the labels walk inwards, and none is left out for want of certainty.
#[test]
fn the_surest_rows_are_labelled_first() {
    let x = Matrix::from(Array2::from_shape_fn((12, 1), |(i, _)| i as f64));
    let y = Classes::from_labels((0..12).map(|i| match i {
        0..3 => "low",
        9..12 => "high",
        _ => "?",
    }));
    let settings = SelfTrainingClassifier::new(GaussianNaiveBayes::new(), "?").k_best(2);
    let left = |rounds: usize| {
        let model = settings.clone().max_iter(rounds).fit(&x, &y).unwrap();
        (model.n_labelled(), model.n_iterations(), model.converged())
    };
    assert_eq!((left(1), left(2)), ((2, 1, false), (4, 2, false)));
    assert_eq!((left(3), left(10)), ((6, 3, true), (6, 3, true)));
    let model = settings.fit(&x, &y).unwrap();
    let said = model.predict(&x).unwrap();
    assert!(said.labels().take(6).all(|label| label == "low"));
    assert!(said.labels().skip(6).all(|label| label == "high"));
    // More than there are is all of them at once, however unsure; the threshold has no say.
    let all = settings.clone().k_best(99).threshold(1.0).fit(&x, &y).unwrap();
    assert_eq!((all.n_labelled(), all.n_iterations()), (6, 1));
    let error = settings.k_best(0).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("`k_best`"), "{error}");
}

#[test]
fn members_that_cannot_use_weights_are_refused_where_weights_are_needed() {
    let example = blobs(2, 12);
    let unweighted = perennial_core::estimator_fn(|train: &Train<'_, Matrix, Classes>| {
        GaussianNaiveBayes::new().fit_on(train)
    });
    let error = AdaBoostClassifier::new(unweighted).fit(&example.x, &example.classes).unwrap_err();
    assert!(error.to_string().contains("row weights"), "{error}");
    let error = VotingClassifier::new((stump(), stump()))
        .weights([1.0])
        .fit(&example.x, &example.classes)
        .unwrap_err();
    assert!(error.to_string().contains("one for each member"), "{error}");
}

#[test]
fn pipelines_are_members_too() {
    #[derive(Debug, Clone)]
    struct Halve;
    #[derive(Debug, Clone)]
    struct Halved;
    impl Estimator for Halve {
        type Input = Matrix;
        type Target = perennial_core::NoTarget;
        type Model = Halved;
        fn fit_on(&self, _: &Train<'_, Matrix, perennial_core::NoTarget>) -> perennial_core::Result<Halved> {
            Ok(Halved)
        }
    }
    impl FitTransform for Halve {}
    impl perennial_core::Transformer for Halved {
        type Input = Matrix;
        type Output = Matrix;
        fn transform(&self, x: &Matrix) -> perennial_core::Result<Matrix> {
            Matrix::from(&x.dense()?.view() * 0.5).with_features(x.features().clone())
        }
    }
    let example = blobs(3, 12);
    let piped = Halve.then(GaussianNaiveBayes::new());
    let model = VotingClassifier::new((piped, stump())).fit(&example.x, &example.classes).unwrap();
    assert_eq!(model.predict(&example.x).unwrap().n_rows(), 300);
    let boxed =
        vec![GaussianNaiveBayes::new().boxed_classifier(), LogisticRegression::new().boxed_classifier()];
    let ctx = Context::new().with_seed(3);
    let model =
        Train::new(&example.x, &example.classes).context(ctx).fit(&VotingClassifier::new(boxed)).unwrap();
    assert_eq!(model.predict_proba(&example.x).unwrap().names().len(), 3);
}

/// Labels that a row has or has not, each learned apart: as a classifier of each column alone.
#[test]
fn classifiers_of_several_outputs() {
    let x = columns_for_outputs();
    let sets: Vec<Vec<&str>> = (0..60)
        .map(|row| {
            if row % 3 == 0 {
                vec!["a"]
            } else if row % 3 == 1 {
                vec!["b", "c"]
            } else {
                vec!["c"]
            }
        })
        .collect();
    let y = ClassOutputs::from_sets(sets).unwrap();
    let model = MultiOutputClassifier::new(GaussianNaiveBayes::new()).fit(&x, &y).unwrap();
    let answers = model.predict(&x).unwrap();
    for (place, name) in y.names().iter().enumerate() {
        let alone = GaussianNaiveBayes::new().fit(&x, &y.outputs()[place]).unwrap();
        assert_eq!(answers.output(name).unwrap(), &alone.predict(&x).unwrap());
        assert_eq!(model.predict_proba(&x).unwrap()[place], alone.predict_proba(&x).unwrap());
    }
    let chain = ClassifierChain::new(GaussianNaiveBayes::new()).order([2, 0, 1]).fit(&x, &y).unwrap();
    // The first link knows nothing of the others.
    assert_eq!(chain.predict(&x).unwrap().output("c").unwrap(), answers.output("c").unwrap());
    for threads in [1, 2, 3, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            assert_eq!(MultiOutputClassifier::new(GaussianNaiveBayes::new()).fit(&x, &y).unwrap(), model);
            assert_eq!(
                ClassifierChain::new(GaussianNaiveBayes::new()).order([2, 0, 1]).fit(&x, &y).unwrap(),
                chain
            );
        });
    }
    let error = ClassifierChain::new(GaussianNaiveBayes::new()).order([0, 0, 1]).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("order"), "{error}");
    let same = ClassOutputs::from_sets(vec![vec!["a"]; 60]).unwrap();
    let error = MultiOutputClassifier::new(LogisticRegression::new()).fit(&x, &same).unwrap_err();
    assert!(
        error.to_string().contains("output `a`") && error.to_string().contains("single class"),
        "{error}"
    );
}

fn columns_for_outputs() -> Matrix {
    let cell = |(row, column): (usize, usize)| {
        ((row * (3 + 4 * column)) % 11) as f64 / 5.0 + if row % 3 == column { 3.0 } else { 0.0 }
    };
    Matrix::from(Array2::from_shape_fn((60, 3), cell))
}

#[test]
fn damaged_ada_boosts_are_refused() {
    let example = blobs(3, 12);
    let model = AdaBoostClassifier::new(stump()).n_estimators(4).fit(&example.x, &example.classes).unwrap();
    type Model = perennial_models::compose::AdaBoostClassifierModel<
        perennial_models::tree::DecisionTreeClassifierModel,
    >;
    let json = serde_json::to_value(&model).unwrap();
    assert_eq!(serde_json::from_value::<Model>(json.clone()).unwrap(), model);
    let n = model.votes().len();
    for (place, value) in [
        ("/votes", serde_json::json!(vec![0.0; n])),
        ("/votes/0", serde_json::json!(-1.0)),
        ("/votes", serde_json::json!(vec![1e308; n])),
        ("/errors", serde_json::json!([0.1])),
        ("/errors/0", serde_json::json!(1.5)),
        ("/present", serde_json::json!([0, 2, 1])),
        ("/present", serde_json::json!([0, 1, 1])),
    ] {
        let mut broken = json.clone();
        *broken.pointer_mut(place).unwrap() = value;
        assert!(serde_json::from_value::<Model>(broken).is_err(), "{place}");
    }
}
