//! Folds of one's own against scikit-learn 1.9.1, and by hand:
//!
//! ```text
//! i = arange(48)[:, None]; j = arange(5)[None, :]; X = sin(1.3 i + .9 j (i % 7)) + .2 j
//! y = 2 X[:, 0] - X[:, 3] + .5 cos(2.9 arange(48)) + 1; given = PredefinedSplit(arange(48) * 7 % 3)
//! cross_val_score(Ridge(alpha), X, y, cv=KFold(4) or given, scoring=..); RidgeCV(alphas, scoring=..)
//! LassoCV(cv=given, alphas=[.3, .1, .03, .01], tol=1e-12)
//! ```

use ndarray::Array2;
use perennial_core::{ClassOutputs, Classes, Estimator, Matrix, Outputs, Predictor, Rows, Train, Values};
use perennial_models::compose::{
    ClassifierChain, Prefit, RegressorChain, StackingClassifier, StackingRegressor,
};
use perennial_models::linear::RegressionScoring;
use perennial_models::{
    ElasticNetCv, Folds, GaussianNaiveBayes, LassoCv, LinearRegression, LogisticRegression,
    LogisticRegressionCv, Ridge, RidgeCv,
};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

const ALPHAS: [f64; 4] = [0.03, 0.3, 3.0, 30.0];

check!(ridge_cv_folds, regressor, RidgeCv::new().cv(3).folds(Folds::Shuffled), Tags::new());
check!(lasso_cv_shuffled, regressor, LassoCv::new().cv(3).folds(Folds::Shuffled).n_alphas(20), Tags::new());

fn rows() -> (Matrix, Values) {
    let x = Array2::from_shape_fn((48, 5), |(i, j)| {
        (1.3 * i as f64 + 0.9 * (j * (i % 7)) as f64).sin() + 0.2 * j as f64
    });
    let y = (0..48).map(|i| 2.0 * x[[i, 0]] - x[[i, 3]] + 0.5 * (2.9 * i as f64).cos() + 1.0);
    let y: Values = y.collect();
    (x.into(), y)
}

fn given() -> Folds {
    Folds::Given((0..48).map(|i| i * 7 % 3).collect())
}

fn flat(values: &ndarray::ArrayRef2<f64>) -> Vec<f64> {
    values.iter().copied().collect()
}

#[test]
fn ridge_scores_are_those_of_scikit_learn() {
    let (x, y) = rows();
    let settings = RidgeCv::new().alphas(ALPHAS);
    let runs = settings.clone().cv(4).fit(&x, &y).unwrap();
    let truth = [
        [-0.11342960763315137, -0.11142897011976098, -0.31420357907322605, -0.17253354277435942],
        [-0.11576469188303058, -0.11157993831055296, -0.30594580297099555, -0.17202850056259344],
        [-0.2650596670027567, -0.17278599131776676, -0.2914656052254214, -0.21675440774294108],
        [-1.469991607305122, -1.1130354546123118, -1.1094016874412855, -1.1758795055475364],
    ];
    assert_close(&flat(runs.scores()), truth.as_flattened(), 1e-11, "squares");
    assert_eq!(runs.alpha(), 0.3);
    let mean: Vec<f64> = truth.iter().map(|row| -row.iter().sum::<f64>() / 4.0).collect();
    assert_close(runs.mean_squared_errors(), &mean, 1e-11, "mean squares");
    let plain = Ridge::new().alpha(0.3).fit(&x, &y).unwrap();
    assert_eq!(runs.predict(&x).unwrap(), plain.predict(&x).unwrap());
    let sizes =
        settings.clone().folds(given()).scoring(RegressionScoring::MeanAbsoluteError).fit(&x, &y).unwrap();
    let truth = [
        [-0.3578870000040717, -0.4416687178963242, -0.38039067951233396],
        [-0.3717735384883684, -0.41315672717061314, -0.3977635030185246],
        [-0.4859454548086706, -0.21671596424469416, -0.5457507134153261],
        [-1.0325078116022188, -0.6349634820038481, -1.0978880668498507],
    ];
    assert_close(&flat(sizes.scores()), truth.as_flattened(), 1e-11, "sizes");
    let shares = settings.clone().folds(given()).cv(99).scoring(RegressionScoring::R2).fit(&x, &y).unwrap();
    let truth = [
        [0.9456016568783989, 0.8588330491411024, 0.9377719756913234],
        [0.9420790459802507, 0.874939516431761, 0.9333818768744742],
        [0.8949970055718596, 0.9576813096639439, 0.8826191381992625],
        [0.4892087073792606, 0.6677551404882192, 0.4942043298727913],
    ];
    assert_close(&flat(shares.scores()), truth.as_flattened(), 1e-11, "shares");
    // One row at a time.
    for (scoring, alpha, best) in [
        (RegressionScoring::MeanSquaredError, 0.3, -0.15343882003400183),
        (RegressionScoring::MeanAbsoluteError, 0.03, -0.34948389614223135),
        (RegressionScoring::R2, 0.3, 0.940171905888646),
    ] {
        let model = settings.clone().scoring(scoring).fit(&x, &y).unwrap();
        assert_eq!((model.alpha(), model.scores().dim()), (alpha, (4, 1)));
        let most = model.scores().iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_close(&[most], &[best], 1e-11, "one row at a time");
    }
}

#[test]
fn lasso_errors_are_those_of_scikit_learn() {
    let (x, y) = rows();
    let settings = LassoCv::new().alphas([0.3, 0.1, 0.03, 0.01]).tolerance(1e-14);
    let model = settings.clone().folds(given()).fit(&x, &y).unwrap();
    let truth = [
        [0.718647109107393, 0.22820597656314687, 0.7081615486657361],
        [0.24503847643737825, 0.1495531467842208, 0.2902283237363756],
        [0.17044734801405884, 0.21351243287457483, 0.20311715054176893],
        [0.15977283598262015, 0.24031889066891993, 0.18489417057336022],
    ];
    assert_close(&flat(model.mean_squared_errors()), truth.as_flattened(), 1e-8, "errors");
    let truth = [1.9780880877139484, -0.010980992622532135, 0.05654841786134186, -0.9364678233424301, 0.0];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-8, "coefficients");
    assert_eq!(model.alpha(), 0.01);
    // Runs that are given are the runs that are not.
    let runs = Folds::Given((0..48).map(|i| i / 12).collect());
    let (a, b) = (settings.clone().folds(runs.clone()), settings.clone().cv(4));
    assert_eq!(a.fit(&x, &y).unwrap(), b.fit(&x, &y).unwrap());
    let net = ElasticNetCv::new().l1_ratios([0.5, 1.0]).n_alphas(10);
    let (a, b) = (net.clone().folds(runs.clone()), net.cv(4));
    assert_eq!(a.fit(&x, &y).unwrap(), b.fit(&x, &y).unwrap());
    // Groups stay whole where rows are dealt out, and are refused where nobody asks.
    let groups: Vec<u32> = (0..48).map(|i| i % 4).collect();
    let shuffled = settings.clone().cv(4).folds(Folds::Shuffled);
    let by_groups = Train::new(&x, &y).groups(&groups).fit(&shuffled).unwrap();
    let same = settings.clone().folds(Folds::Given(groups.iter().map(|&group| group as usize).collect()));
    let same = same.fit(&x, &y).unwrap();
    let sorted = |model: &perennial_models::linear::ElasticNetCvModel| {
        let mut errors = model.mean_squared_errors().row(0).to_vec();
        errors.sort_by(f64::total_cmp);
        errors
    };
    assert_close(&sorted(&by_groups), &sorted(&same), 1e-9, "groups");
    assert!(Train::new(&x, &y).groups(&groups).fit(&settings).is_err());
    for wrong in [
        Folds::Given(vec![0, 1]),
        Folds::Given(vec![0; 48]),
        Folds::Given((0..48).map(|i| i % 2 * 5).collect()),
    ] {
        assert!(settings.clone().folds(wrong.clone()).fit(&x, &y).is_err());
        assert!(RidgeCv::new().folds(wrong).fit(&x, &y).is_err());
    }
    let error = settings.cv(49).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("48 rows cannot be cut into 49 folds; set `cv`"), "{error}");
}

#[test]
fn logistic_folds_may_be_given() {
    let (x, y) = rows();
    let y = Classes::from_labels(y.as_slice().iter().map(|y| *y > 1.0));
    let settings = LogisticRegressionCv::new().cs([0.1, 10.0]);
    let model = settings.clone().folds(given()).fit(&x, &y).unwrap();
    assert_eq!(model.scores().dim(), (2, 3));
    // A fold by hand.
    let (inside, outside): (Vec<usize>, Vec<usize>) = (0..48).partition(|i| i * 7 % 3 == 1);
    let part = |rows: &[usize]| (x.take(rows).unwrap(), y.take(rows).unwrap());
    let ((x_known, y_known), (x_held, y_held)) = (part(&outside), part(&inside));
    let known = LogisticRegression::new().c(0.1).fit(&x_known, &y_known).unwrap();
    let said = perennial_core::Classifier::predict_proba(&known, &x_held).unwrap();
    let score =
        y_held.codes().iter().enumerate().map(|(row, &code)| said.values()[[row, code as usize]].ln());
    assert_close(&[model.scores()[[0, 1]]], &[score.sum::<f64>() / inside.len() as f64], 1e-12, "score");
    // Rows without weight are left out, and their folds with them.
    let weights: Vec<f64> = (0..48).map(|i| f64::from(u8::from(i % 5 > 0))).collect();
    assert!(Train::new(&x, &y).weights(&weights).fit(&settings.folds(given())).is_ok());
}

#[test]
fn stacks_take_folds_and_models_that_are_fitted() {
    let (x, y) = rows();
    let members = (Ridge::new().alpha(3.0), LinearRegression::new());
    let stack = StackingRegressor::new(members, LinearRegression::new()).folds(given()).fit(&x, &y).unwrap();
    // By hand: what the members say of each third.
    let mut table = Array2::zeros((48, 2));
    for fold in 0..3 {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..48).partition(|i| i * 7 % 3 == fold);
        let (known, held) = (x.take(&outside).unwrap(), x.take(&inside).unwrap());
        let target = y.take(&outside).unwrap();
        let first = Ridge::new().alpha(3.0).fit(&known, &target).unwrap().predict(&held).unwrap();
        let second = LinearRegression::new().fit(&known, &target).unwrap().predict(&held).unwrap();
        for (place, &row) in inside.iter().enumerate() {
            (table[[row, 0]], table[[row, 1]]) = (first.as_slice()[place], second.as_slice()[place]);
        }
    }
    let last = LinearRegression::new().fit(&table.into(), &y).unwrap();
    assert_close(
        &stack.last().coefficients().to_vec(),
        &last.coefficients().to_vec(),
        1e-12,
        "the last model",
    );

    // Models that were fitted elsewhere stay as they are.
    let half = x.take(&(0..24).collect::<Vec<_>>()).unwrap();
    let known = Ridge::new().fit(&half, &y.take(&(0..24).collect::<Vec<_>>()).unwrap()).unwrap();
    let rest: Vec<usize> = (24..48).collect();
    let (x_rest, y_rest) = (x.take(&rest).unwrap(), y.take(&rest).unwrap());
    let stack = StackingRegressor::new((Prefit::new(known.clone()),), LinearRegression::new());
    let stack = stack.fit(&x_rest, &y_rest).unwrap();
    assert_eq!(stack.models().0, known);
    let said = Array2::from_shape_vec((24, 1), known.predict(&x_rest).unwrap().as_slice().to_vec()).unwrap();
    let last = LinearRegression::new().fit(&said.into(), &y_rest).unwrap();
    assert_close(
        &stack.last().coefficients().to_vec(),
        &last.coefficients().to_vec(),
        1e-12,
        "the last model",
    );
    // A model of other classes.
    let two = Classes::from_labels(y.as_slice().iter().map(|y| *y > 1.0));
    let three = Classes::from_labels(y.as_slice().iter().map(|y| (*y > 1.0) as u32 + (*y > 2.0) as u32));
    let known = GaussianNaiveBayes::new().fit(&x, &three).unwrap();
    let error = StackingClassifier::new((Prefit::new(known),), LogisticRegression::new()).fit(&x, &two);
    assert!(error.unwrap_err().to_string().contains("all must have the same"));
    let wrong = StackingClassifier::new((GaussianNaiveBayes::new(),), LogisticRegression::new());
    assert!(wrong.folds(Folds::Given(vec![0; 48])).fit(&x, &two).is_err());
}

#[test]
fn links_learn_from_what_others_say_of_rows_they_have_not_seen() {
    let (x, y) = rows();
    let second: Vec<f64> = y.as_slice().iter().enumerate().map(|(i, y)| y * y + (i as f64).sin()).collect();
    let both = Array2::from_shape_fn((48, 2), |(i, k)| if k == 0 { y.as_slice()[i] } else { second[i] });
    let settings = RegressorChain::new(Ridge::new());
    let chain = settings.clone().folds(given()).fit(&x, &Outputs::from(both.clone())).unwrap();
    let mut said = Array2::zeros((48, 1));
    for fold in 0..3 {
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..48).partition(|i| i * 7 % 3 == fold);
        let known = Ridge::new().fit(&x.take(&outside).unwrap(), &y.take(&outside).unwrap()).unwrap();
        let answers = known.predict(&x.take(&inside).unwrap()).unwrap();
        inside.iter().zip(answers.as_slice()).for_each(|(&row, answer)| said[[row, 0]] = *answer);
    }
    let beside = Matrix::hstack(&[x.clone(), Matrix::from(said).with_names(["output0"]).unwrap()]).unwrap();
    let link = Ridge::new().fit(&beside, &Values::from(second)).unwrap();
    assert_close(
        &chain.members()[1].coefficients().to_vec(),
        &link.coefficients().to_vec(),
        1e-12,
        "the second link",
    );
    assert_eq!(chain.members()[0], Ridge::new().fit(&x, &y).unwrap());
    // Without folds the links see the truth.
    let plain = settings.fit(&x, &Outputs::from(both.clone())).unwrap();
    assert_ne!(plain.members()[1], chain.members()[1]);
    assert_ne!(RegressorChain::new(Ridge::new()).cv(4).fit(&x, &Outputs::from(both.clone())).unwrap(), plain);
    let error = RegressorChain::new(Ridge::new()).cv(1).fit(&x, &Outputs::from(both)).unwrap_err();
    assert!(error.to_string().contains("cv"), "{error}");

    let labels = |of: &dyn Fn(usize) -> bool| Classes::from_labels((0..48).map(of));
    let first = labels(&|i| y.as_slice()[i] > 1.0);
    let second = labels(&|i| (y.as_slice()[i] > 1.5) != (i % 11 == 0));
    let both = ClassOutputs::new([("a".to_owned(), first), ("b".to_owned(), second)]).unwrap();
    let settings = ClassifierChain::new(LogisticRegression::new());
    let (plain, crossed) = (settings.fit(&x, &both).unwrap(), settings.clone().cv(4).fit(&x, &both).unwrap());
    assert_eq!(plain.members()[0], crossed.members()[0]);
    // What is predicted says less than the truth, so the link relies on it less.
    let weight =
        |members: &[perennial_models::linear::LogisticModel]| members[1].coefficients()[[0, 5]].abs();
    assert!(weight(crossed.members()) < weight(plain.members()));
    assert_eq!(crossed.predict(&x).unwrap().outputs().len(), 2);
    assert_eq!(settings.clone().cv(4).fit(&x, &both).unwrap(), crossed);
}
