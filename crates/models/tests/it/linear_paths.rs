//! Regressions that take features one by one, against scikit-learn 1.9.1 and the lasso.

use ndarray::Array2;
use perennial_core::{Classes, ErrorKind, Estimator, Matrix, Predictor, Rows, Train, Values};
use perennial_models::linear::InformationCriterion;
use perennial_models::{
    Folds, Lars, Lasso, LassoLars, LassoLarsCv, LassoLarsIc, LinearRegression, OrthogonalMatchingPursuit,
    RidgeClassifier, RidgeClassifierCv,
};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check, regression};

use crate::fixtures::assert_close;
use crate::linear_bayesian::five;

check!(lars, regressor, Lars::new(), Tags::new().equivariant());
check!(lars_few, regressor, Lars::new().n_nonzero_coefs(2), Tags::new().exact_solver());
check!(lasso_lars, regressor, LassoLars::new().alpha(0.1), Tags::new().exact_solver());
check!(
    lasso_lars_through_origin,
    regressor,
    LassoLars::new().alpha(0.01).fit_intercept(false),
    Tags::new()
        .poor_score()
        .exact_solver()
        .expect_fail("R02", "a line through the origin cannot be constant")
);
check!(lasso_lars_cv, regressor, LassoLarsCv::new().cv(3));
check!(lasso_lars_shuffled, regressor, LassoLarsCv::new().cv(4).folds(Folds::Shuffled).max_n_alphas(5));
check!(lasso_lars_aic, regressor, LassoLarsIc::new());
check!(
    lasso_lars_bic,
    regressor,
    LassoLarsIc::new().criterion(InformationCriterion::Bic).noise_variance(0.5)
);
check!(ridge_classifier_cv, decider, RidgeClassifierCv::new());
check!(matching, regressor, OrthogonalMatchingPursuit::new().n_nonzero_coefs(1), Tags::new().exact_solver());
check!(matching_squares, regressor, OrthogonalMatchingPursuit::new().tol(1.0));

/// `Lars()`, `Lars(n_nonzero_coefs=2)`, `LassoLars(alpha=.05)`, `LassoLars(alpha=.01, fit_intercept=False)`,
/// `OrthogonalMatchingPursuit(n_nonzero_coefs=2)`.
#[test]
fn coefficients_are_those_of_scikit_learn() {
    let (x, y) = five();
    let x = Matrix::from(x);
    let truth = [
        1.430452860475007,
        -0.7112310674426107,
        0.3244564255743457,
        0.007737674078564704,
        -0.022405439513012534,
    ];
    let model = Lars::new().fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lars");
    assert_close(&[model.intercept()], &[2.012875976944331], 1e-12, "intercept");
    let truth = [0.9467486078029852, -0.1698193497321716, 0.0, 0.0, 0.0];
    let model = Lars::new().n_nonzero_coefs(2).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "two steps");
    let truth = [1.3294860489610067, -0.5995485949830088, 0.25612141371305336, 0.0, 0.0];
    let model = LassoLars::new().alpha(0.05).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lasso");
    let truth = [
        1.387300586261251,
        -0.6128788910144858,
        1.526166411409834,
        0.021223587168627808,
        -0.014381943477320636,
    ];
    let model = LassoLars::new().alpha(0.01).fit_intercept(false).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "lasso through the origin");
    let truth = [1.4318612844725187, -0.7737683452517231, 0.0, 0.0, 0.0];
    let model = OrthogonalMatchingPursuit::new().n_nonzero_coefs(2).fit(&x, &y).unwrap();
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "matching pursuit");
    assert_close(&[model.intercept()], &[2.184662700127379], 1e-12, "intercept");
}

/// `lars_path(X - X.mean(0), y - y.mean(), method="lasso")`.
#[test]
fn corners_are_those_of_scikit_learn() {
    let (x, y) = five();
    let x = Matrix::from(x);
    let path = LassoLars::new().alpha(0.0).path(&Train::new(&x, &y)).unwrap();
    let truth = [
        0.7056835043170385,
        0.30574992662489836,
        0.23864682783443236,
        0.011787007807054535,
        0.006092559609191235,
        0.0,
    ];
    assert_close(path.alphas(), &truth, 1e-11, "strengths");
    assert!(path.converged() && path.gap() == 0.0);
    // Stopped at its first corner, it says how much further the strength had to fall.
    let stopped = LassoLars::new().alpha(0.1).max_iter(1).fit(&x, &y).unwrap();
    assert!(!stopped.converged() && (stopped.gap() - (truth[1] - 0.1)).abs() < 1e-11, "{}", stopped.gap());
    let truth =
        [0.0, 0.0, -0.16981934973217172, -0.6865961243967201, -0.6993720643249958, -0.7112310674426107];
    assert_close(&path.coefficients().column(1).to_vec(), &truth, 1e-12, "the second feature");
}

/// Correlated columns, so that features leave the path again: each point of it is a lasso.
#[test]
fn path_is_that_of_the_lasso() {
    let mut random = Random::new(11);
    let base = Array2::from_shape_simple_fn((50, 4), || random.normal());
    let x =
        Array2::from_shape_fn((50, 20), |(i, j)| base[[i, j % 4]] + 0.3 * ((i * (j + 3)) as f64 * 1.3).sin());
    let y: Values =
        (0..50).map(|i| base[[i, 0]] - 2.0 * base[[i, 1]] + 0.5 * (i as f64 * 0.77).cos()).collect();
    let x = Matrix::from(x);
    let path = LassoLars::new().alpha(0.0).path(&Train::new(&x, &y)).unwrap();
    assert!(path.converged() && path.alphas().len() > 21, "features leave and come back");
    assert!(path.alphas().windows(2).all(|pair| pair[0] >= pair[1]));
    let cells = x.dense().unwrap();
    let means = cells.mean_axis(ndarray::Axis(0)).unwrap();
    for (i, pair) in path.alphas().windows(2).enumerate().filter(|(_, pair)| pair[0] - pair[1] > 1e-9) {
        let alpha = 0.5 * (pair[0] + pair[1]);
        let middle: Vec<f64> =
            (0..20).map(|j| 0.5 * (path.coefficients()[[i, j]] + path.coefficients()[[i + 1, j]])).collect();
        // The conditions that the optimum alone meets.
        let intercept = 0.5 * (path.intercepts()[i] + path.intercepts()[i + 1]);
        let residual = y.view().to_owned() - cells.dot(&ndarray::ArrayView1::from(&middle)) - intercept;
        for (j, weight) in middle.iter().enumerate() {
            let pull =
                cells.column(j).iter().zip(&residual).map(|(x, r)| (x - means[j]) * r).sum::<f64>() / 50.0;
            match *weight == 0.0 {
                true => assert!(pull.abs() <= alpha + 1e-10),
                false => assert!((pull - alpha.copysign(*weight)).abs() < 1e-10),
            }
        }
        let single = LassoLars::new().alpha(alpha).fit(&x, &y).unwrap();
        assert_close(&single.coefficients().to_vec(), &middle, 1e-8, "a path that stops between two corners");
    }
    let model = Lasso::new().alpha(0.1).fit(&x, &y).unwrap();
    let single = LassoLars::new().alpha(0.1).fit(&x, &y).unwrap();
    assert_close(&single.coefficients().to_vec(), &model.coefficients().to_vec(), 1e-9, "coordinate descent");
}

#[test]
fn all_features_are_least_squares_and_few_rows_are_met() {
    let example = regression(60, 6, 8);
    let truth = LinearRegression::new().fit(&example.x, &example.values).unwrap().coefficients().to_vec();
    let lars = Lars::new().fit(&example.x, &example.values).unwrap();
    assert_close(&lars.coefficients().to_vec(), &truth, 1e-11, "lars");
    let pursuit =
        OrthogonalMatchingPursuit::new().n_nonzero_coefs(6).fit(&example.x, &example.values).unwrap();
    assert_close(&pursuit.coefficients().to_vec(), &truth, 1e-11, "pursuit");
    let error = OrthogonalMatchingPursuit::new().n_nonzero_coefs(7).fit(&example.x, &example.values);
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::InvalidParam { .. }));
    let wide = regression(8, 30, 8);
    let model = Lars::new().fit(&wide.x, &wide.values).unwrap();
    assert!(model.n_nonzero() <= 8);
}

/// Sparse weights in a random design: each one is found (Tropp and Gilbert, 2007).
#[test]
fn sparse_weights_are_recovered() {
    let mut random = Random::new(21);
    let x = Array2::from_shape_simple_fn((100, 300), || random.normal());
    let y: Values = x.rows().into_iter().map(|row| 3.0 * row[7] - 2.0 * row[100] + row[250]).collect();
    let model = OrthogonalMatchingPursuit::new().tol(1e-8).fit(&x.into(), &y).unwrap();
    assert!(model.converged() && model.n_nonzero() == 3);
    let found = [model.coefficients()[7], model.coefficients()[100], model.coefficients()[250]];
    assert_close(&found, &[3.0, -2.0, 1.0], 1e-10, "weights");
}

/// Sixty rows of small whole numbers, of which three of six columns matter.
fn six() -> (Matrix, Values) {
    let x = Array2::from_shape_fn((60, 6), |(i, j)| {
        ((i * (2 * j + 3) + i / (j + 2) + (i * i) % (j + 5)) % 11) as f64 - 5.0
    });
    let noise = |i: usize| (((i * 37) % 13) as f64 - 6.0) * 0.7;
    let y = (0..60).map(|i| 3.0 * x[[i, 0]] - 2.0 * x[[i, 2]] + 0.5 * x[[i, 4]] + noise(i)).collect();
    (x.into(), y)
}

/// `LassoLarsIC` of scikit-learn 1.9.1.
#[test]
fn information_criteria_are_those_of_scikit_learn() {
    let (x, y) = six();
    let truth = [3.117271881468559, 0.0, -2.0581425533365603, 0.10110779801087713, 0.5259350262578921, 0.0];
    let alphas = [
        30.18166666666666,
        18.367486630144132,
        4.290330492959746,
        1.017803155898423,
        0.2916140526499931,
        0.09663823706274684,
        0.0,
    ];
    let aic = [
        1341.560960862905,
        895.4387668957124,
        344.0990589639727,
        294.6641729732795,
        292.4989431206759,
        294.0930875139373,
        296.0338120792197,
    ];
    let bic = [
        1341.560960862905,
        897.5331114579345,
        348.2877480884169,
        300.9472066599458,
        300.8763213695643,
        304.5648103250478,
        308.5998794525523,
    ];
    for (criterion, criteria) in [(InformationCriterion::Aic, aic), (InformationCriterion::Bic, bic)] {
        let model = LassoLarsIc::new().criterion(criterion).fit(&x, &y).unwrap();
        assert_close(model.alphas(), &alphas, 1e-10, "strengths");
        assert_close(model.criteria(), &criteria, 1e-8, "criteria");
        assert_close(&model.coefficients().to_vec(), &truth, 1e-10, "coefficients");
        assert!((model.model().intercept() - 0.0046520196968358185).abs() < 1e-10);
        assert!((model.noise_variance() - 7.483394268300566).abs() < 1e-10);
        assert!((model.alpha() - 0.2916140526499931).abs() < 1e-10);
    }
    let settings = LassoLarsIc::new().criterion(InformationCriterion::Bic).fit_intercept(false);
    let model = settings.noise_variance(100.0).fit(&x, &y).unwrap();
    let truth = [2.6865187032974376, 0.0, -1.5126654565297275, 0.0, 0.0, 0.0];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-10, "noise that is given");
    assert!((model.criteria()[2] - 402.9271709594029).abs() < 1e-8, "{:?}", model.criteria());
    // A variance that is given is taken as it is, however large the target.
    let large: Values = y.as_slice().iter().map(|y| 1e20 * y).collect();
    let model = LassoLarsIc::new().noise_variance(100.0).fit(&x, &large).unwrap();
    assert!((model.noise_variance() / 100.0 - 1.0).abs() < 1e-12, "{}", model.noise_variance());
    // As many rows as columns leave no noise to be seen.
    let few: Vec<usize> = (0..7).collect();
    let (x, y) = (x.take(&few).unwrap(), y.take(&few).unwrap());
    let error = LassoLarsIc::new().fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("set `noise_variance`"), "{error}");
    assert!(LassoLarsIc::new().noise_variance(5.0).fit(&x, &y).is_ok());
    assert!(LassoLarsIc::new().noise_variance(0.0).fit(&x, &y).is_err());
}

/// `LassoLarsCV(cv=KFold(4))` of scikit-learn 1.9.1.
#[test]
fn the_strength_of_a_path_is_the_one_that_folds_choose() {
    let (x, y) = six();
    let model = LassoLarsCv::new().cv(4).fit(&x, &y).unwrap();
    assert!((model.alpha() - 0.3623667814907599).abs() < 1e-10, "{}", model.alpha());
    let truth = [3.1103552950645814, 0.0, -2.045904954766338, 0.09125684791488907, 0.5162855089880952, 0.0];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-10, "coefficients");
    assert!((model.model().intercept() - 0.0030054755159601987).abs() < 1e-10);
    let means: Vec<f64> = model.mean_squared_errors().rows().into_iter().map(|row| row.sum() / 4.0).collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((least - 7.8725792426121).abs() < 1e-9, "{least}");
    // The largest strength first: no coefficient in any fold.
    assert!((model.alphas()[0] - 31.93703703703704).abs() < 1e-10);
    assert!((means[0] - 141.78553333333332).abs() < 1e-9, "{}", means[0]);
    let last = model.mean_squared_errors().row(means.len() - 1).to_vec();
    assert_close(
        &last,
        &[8.046490721784199, 6.658463402598963, 6.072665202538707, 11.374028845310376],
        1e-9,
        "least squares",
    );
    // The errors between corners are those of the lasso itself.
    let alpha = model.alphas()[5];
    let (held, others): (Vec<usize>, Vec<usize>) = (0..60).partition(|row| *row < 15);
    let (outside, inside) = (x.take(&others).unwrap(), x.take(&held).unwrap());
    let lasso = LassoLars::new().alpha(alpha).fit(&outside, &y.take(&others).unwrap()).unwrap();
    let answers = lasso.predict(&inside).unwrap();
    let error: f64 = answers.as_slice().iter().zip(y.as_slice()).map(|(a, y)| (a - y).powi(2)).sum();
    assert!((error / 15.0 - model.mean_squared_errors()[[5, 0]]).abs() < 1e-9);
    // Every third corner.
    let n = model.alphas().len();
    let fewer = LassoLarsCv::new().cv(4).max_n_alphas(n / 3).fit(&x, &y).unwrap();
    assert_eq!(fewer.alphas().len(), n.div_ceil(n / (n / 3)));
    assert!(LassoLarsCv::new().max_n_alphas(0).fit(&x, &y).is_err());
}

/// `RidgeClassifierCV(alphas=[0.1, 1, 10, 100, 1000])` of scikit-learn 1.9.1.
#[test]
fn the_strength_of_a_ridge_of_classes_is_the_one_that_rows_left_out_choose() {
    let (x, y) = six();
    let settings = RidgeClassifierCv::new().alphas([0.1, 1.0, 10.0, 100.0, 1000.0]);
    let three =
        Classes::from_labels(y.as_slice().iter().map(|y| i32::from(*y >= -6.0) + i32::from(*y >= 6.0)));
    let model = settings.fit(&x, &three).unwrap();
    assert_eq!(model.alpha(), 100.0);
    let errors =
        [0.6303231227442844, 0.6300717175967946, 0.627780359874887, 0.6203439524704449, 0.7319955916975761];
    assert_close(model.mean_squared_errors(), &errors, 1e-10, "errors");
    let first = [
        -0.1611034892199085,
        -0.02221089671119492,
        0.09337217549165731,
        -0.0009195984002850488,
        -0.03572877701654644,
        -0.02643843334196303,
    ];
    assert_close(&model.coefficients().row(0).to_vec(), &first, 1e-10, "coefficients");
    let intercepts = [-0.3644201611253213, -0.2786645840067735, -0.35691525486790515];
    assert_close(&model.model().intercepts().to_vec(), &intercepts, 1e-10, "intercepts");
    let same = RidgeClassifier::new().alpha(100.0).fit(&x, &three).unwrap();
    assert_eq!(model.predict(&x).unwrap(), same.predict(&x).unwrap());
    let two = Classes::from_labels(y.as_slice().iter().map(|y| *y >= -6.0));
    let model = settings.fit(&x, &two).unwrap();
    assert_eq!((model.alpha(), model.coefficients().dim()), (10.0, (1, 6)));
    assert!((model.mean_squared_errors()[2] - 0.4484999902790668).abs() < 1e-10);
    assert!(RidgeClassifierCv::new().alphas(Vec::<f64>::new()).fit(&x, &two).is_err());
    assert!(RidgeClassifierCv::new().alphas([0.0]).fit(&x, &two).is_err());
}
