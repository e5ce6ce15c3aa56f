//! Gaussian processes.

use ndarray::{Array2, array};
use perennial_core::{Classes, Classifier, ErrorKind, Estimator, Matrix, Predictor, Values};
use perennial_models::gaussian_process::{Covariance, GaussianProcessClassifier, GaussianProcessRegressor};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;

/// Time grows with the cube of the rows.
fn few() -> Tags {
    Tags::new().most_rows(150)
}

fn smooth() -> Covariance {
    Covariance::constant(2.0) * Covariance::rbf([2.0]) + Covariance::white(0.2)
}

check!(
    gaussian_process,
    regressor,
    GaussianProcessRegressor::new().covariance(smooth()).optimize(false),
    few()
);
check!(
    gaussian_process_searched,
    regressor,
    GaussianProcessRegressor::new().n_restarts(1).max_iter(4),
    few()
);
check!(
    gaussian_process_classifier,
    classifier,
    GaussianProcessClassifier::new()
        .optimize(false)
        .covariance(Covariance::constant(4.0) * Covariance::rbf([2.0])),
    few()
);
check!(gaussian_process_classifier_searched, classifier, GaussianProcessClassifier::new().max_iter(3), few());

// X = [[2 sin(1.7 i) + j cos(0.3 i^2)] for j in 0, 1], i < 30; y = sin(1.5 x0) + 0.3 x1 + 0.1 cos(2.3 i).
fn points() -> (Matrix, Values) {
    let cell = |(i, j): (usize, usize)| {
        let i = i as f64;
        (i * 1.7).sin() * 2.0 + j as f64 * (i * i * 0.3).cos()
    };
    let x = Array2::from_shape_fn((30, 2), cell);
    let y = (0..30).map(|i| (x[[i, 0]] * 1.5).sin() + 0.3 * x[[i, 1]] + 0.1 * (i as f64 * 2.3).cos());
    let y: Values = y.collect();
    (x.into(), y)
}

fn questions() -> Matrix {
    array![[0.3, -0.2], [1.5, 2.0], [-3.0, 1.0]].into()
}

// scikit-learn 1.9.1, GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).
#[test]
fn fixed_covariances_are_the_reference() {
    let (x, y) = points();
    let cases = [
        (
            Covariance::constant(2.0) * Covariance::rbf([0.7, 1.3]) + Covariance::white(0.2),
            [0.27958950610801364, 1.4221134505134656, 0.01272136637989474],
            [0.6233452102622931, 0.544556607239457, 1.5594696982129022],
            -22.090267666772185,
        ),
        (
            Covariance::matern_32([0.8]) * Covariance::Periodic { length: 1.1, period: 1.7 }
                + Covariance::constant(0.5),
            [0.09930070643529434, 1.2790879272384268, -0.027269791119652012],
            [0.9966618006254699, 0.3163773025937044, 1.096378217455521],
            -30.649102306117193,
        ),
        (
            Covariance::RationalQuadratic { length: 0.9, alpha: 0.6 }
                + Covariance::DotProduct(0.4)
                + Covariance::white(0.1),
            [0.20293941197218926, 1.35719879234659, 0.15043377288864768],
            [0.5257230812207486, 0.39882192021090196, 1.6181578665304468],
            -17.161559117416125,
        ),
        (
            Covariance::matern_52([0.5, 1.0]) + Covariance::white(0.05),
            [0.2555244190112645, 1.4320163333541105, 0.009333035363667006],
            [0.5444644016557275, 0.35912777107613375, 1.0829760483457982],
            -17.935689744560833,
        ),
        (
            Covariance::Exponential(vec![0.5]) + Covariance::white(0.05),
            [0.09209145639490518, 1.2696634485249776, 0.001309675944848477],
            [0.9666486956077226, 0.6773038566213442, 1.083411010182047],
            -30.087501825350074,
        ),
    ];
    for (covariance, means, deviations, likelihood) in cases {
        let model =
            GaussianProcessRegressor::new().covariance(covariance).optimize(false).fit(&x, &y).unwrap();
        let (mean, deviation) = model.predict_with_deviation(&questions()).unwrap();
        assert_close(mean.as_slice(), &means, 1e-9, "means");
        assert_close(deviation.as_slice(), &deviations, 1e-9, "deviations");
        assert_close(&[model.log_marginal_likelihood()], &[likelihood], 1e-9, "likelihood");
        assert_eq!(model.predict(&questions()).unwrap(), mean);
    }
}

#[test]
fn the_search_finds_what_is_at_least_as_probable_as_the_reference() {
    let (x, y) = points();
    let start = Covariance::constant(1.0) * Covariance::rbf([1.0, 1.0]) + Covariance::white(0.1);
    let model = GaussianProcessRegressor::new().covariance(start).n_restarts(8).fit(&x, &y).unwrap();
    // scikit-learn with five restarts.
    assert!(
        model.log_marginal_likelihood() > 20.814317438658986 - 1e-3,
        "{}",
        model.log_marginal_likelihood()
    );
    let truth = [0.31092591047633855, 1.424703372587348, 2.9607008103760295];
    assert_close(model.predict(&questions()).unwrap().as_slice(), &truth, 0.02, "answers");
}

fn labels() -> Classes {
    let (x, _) = points();
    let dense = x.dense().unwrap().to_owned();
    let label = |i: usize| ((dense[[i, 0]] * 1.5).sin() + 0.3 * dense[[i, 1]] > 0.2) != [3, 11].contains(&i);
    Classes::from_labels((0..30).map(|i| u32::from(label(i))))
}

#[test]
fn classification_is_the_reference() {
    let (x, y) = (points().0, labels());
    let fixed = Covariance::constant(2.0) * Covariance::rbf([0.8]);
    let model = GaussianProcessClassifier::new().covariance(fixed).optimize(false).fit(&x, &y).unwrap();
    let shares = model.predict_proba(&questions()).unwrap();
    let truth = [0.5471690334599515, 0.8636028488267584, 0.496687190670273];
    assert_close(&shares.values().column(1).to_vec(), &truth, 1e-5, "probabilities");
    assert_close(&model.log_marginal_likelihoods(), &[-14.488976098202262], 1e-6, "likelihood");

    let model = GaussianProcessClassifier::new().fit(&x, &y).unwrap();
    assert!(model.converged());
    assert!(
        model.log_marginal_likelihoods()[0] > -11.45838201940443 - 1e-3,
        "{:?}",
        model.log_marginal_likelihoods()
    );
    let shares = model.predict_proba(&questions()).unwrap();
    let truth = [0.5388414203220435, 0.9497583097684128, 0.27783109951417373];
    assert_close(&shares.values().column(1).to_vec(), &truth, 5e-3, "probabilities after the search");
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_to_do() {
    let x = Matrix::from(array![[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]);
    let y = Values::from(vec![1.0, 2.0, 3.0]);
    let bare = GaussianProcessRegressor::new().covariance(Covariance::rbf([1.0])).optimize(false);
    let error = bare.clone().alpha(0.0).fit(&x, &y).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Singular { .. }) && error.to_string().contains("white"),
        "{error}"
    );
    let error = bare.clone().covariance(Covariance::rbf([1.0, 1.0, 1.0])).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("one for each of the 2 columns"), "{error}");
    let many = Matrix::from(Array2::zeros((20_000, 1)));
    let error = bare.fit(&many, &Values::from(vec![0.0; 20_000])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
}

// scikit-learn 1.9.1, the same kernel, predict(return_cov=True).
#[test]
fn answers_vary_together_as_the_reference_says() {
    let (x, y) = points();
    let covariance = Covariance::constant(2.0) * Covariance::rbf([0.7, 1.3]) + Covariance::white(0.2);
    let model = GaussianProcessRegressor::new().covariance(covariance).optimize(false).fit(&x, &y).unwrap();
    let (means, found) = model.predict_with_covariance(&questions()).unwrap();
    let truth = [
        [0.38855925115694245, 0.005775260540248331, -0.00022959383263763454],
        [0.005775260540248331, 0.29654189848814816, -4.772524353300692e-05],
        [-0.00022959383263763454, -4.772524353300692e-05, 2.4319457396442417],
    ];
    assert_close(&found.iter().copied().collect::<Vec<_>>(), truth.as_flattened(), 1e-9, "covariances");
    let (mean, deviation) = model.predict_with_deviation(&questions()).unwrap();
    assert_eq!(means, mean);
    let variances: Vec<f64> = deviation.as_slice().iter().map(|deviation| deviation * deviation).collect();
    assert_close(&found.diag().to_vec(), &variances, 1e-10, "variances");
    assert_eq!(found, found.t());
    assert!(model.predict_with_covariance(&array![[1.0, f64::NAN]].into()).is_err());
    assert!(model.sample_y(&Matrix::from(Array2::zeros((20_000, 2))), 1, 0).is_err());
}

#[test]
fn draws_have_the_mean_and_the_covariance() {
    let (x, y) = points();
    let covariance = Covariance::constant(2.0) * Covariance::rbf([0.7, 1.3]) + Covariance::white(0.2);
    let settings = GaussianProcessRegressor::new().covariance(covariance.clone()).optimize(false);
    let model = settings.fit(&x, &y).unwrap();
    let n = 20_000;
    let moments = |draws: &Array2<f64>| {
        let means = draws.mean_axis(ndarray::Axis(1)).unwrap();
        let around = draws - &means.view().insert_axis(ndarray::Axis(1));
        (means.to_vec(), around.dot(&around.t()) / n as f64)
    };
    // Six standard errors of a mean and of a covariance.
    let near = |found: &Array2<f64>, truth: &Array2<f64>| {
        for ((i, j), value) in found.indexed_iter() {
            let error = ((truth[[i, i]] * truth[[j, j]] + truth[[i, j]].powi(2)) / n as f64).sqrt();
            assert!((value - truth[[i, j]]).abs() < 6.0 * error, "{value} instead of {}", truth[[i, j]]);
        }
    };
    let (mean, truth) = model.predict_with_covariance(&questions()).unwrap();
    let draws = model.sample_y(&questions(), n, 3).unwrap();
    let (means, found) = moments(&draws);
    near(&found, &truth);
    for (place, mean) in mean.as_slice().iter().enumerate() {
        assert!((means[place] - mean).abs() < 6.0 * (truth[[place, place]] / n as f64).sqrt());
    }
    // The first draws do not depend on how many there are; another seed gives others.
    assert_eq!(model.sample_y(&questions(), 2, 3).unwrap(), draws.slice(ndarray::s![.., ..2]));
    assert_ne!(model.sample_y(&questions(), 2, 4).unwrap(), draws.slice(ndarray::s![.., ..2]));

    let draws = settings.sample_prior(&questions(), n, 5).unwrap();
    let q = questions().dense().unwrap().to_owned();
    let prior = Array2::from_shape_fn((3, 3), |(i, j)| {
        let d2 = ((q[[i, 0]] - q[[j, 0]]) / 0.7_f64).powi(2) + ((q[[i, 1]] - q[[j, 1]]) / 1.3_f64).powi(2);
        2.0 * (-0.5 * d2).exp() + if i == j { 0.2 } else { 0.0 }
    });
    let (means, found) = moments(&draws);
    near(&found, &prior);
    assert!(means.iter().all(|mean| mean.abs() < 6.0 * (2.2 / n as f64).sqrt()));
    // Without noise a draw goes through the values, and a smooth function has a factor at many near rows.
    let bare = GaussianProcessRegressor::new().covariance(Covariance::rbf([0.7])).optimize(false);
    let drawn = bare.fit(&x, &y).unwrap().sample_y(&x, 4, 1).unwrap();
    for (row, value) in drawn.rows().into_iter().zip(y.as_slice()) {
        assert!(row.iter().all(|drawn| (drawn - value).abs() < 1e-3), "{row} instead of {value}");
    }
    let line = Matrix::from(Array2::from_shape_fn((200, 1), |(i, _)| i as f64 * 0.01));
    let smooth = bare.sample_prior(&line, 2, 1).unwrap();
    assert!(smooth.iter().all(|value| value.is_finite()));
    assert!((1..200).all(|i| (smooth[[i, 0]] - smooth[[i - 1, 0]]).abs() < 0.2));
    assert_eq!(bare.sample_prior(&line, 0, 1).unwrap().dim(), (200, 0));
}

// scikit-learn 1.9.1: ConstantKernel(1, "fixed") * RBF([1, 1], (0.5, 0.9)) + WhiteKernel(0.1), with n_restarts_optimizer=8,
// started within the bounds: lengths 0.9 and 0.9, noise 0.0036709, log marginal likelihood -0.0049444.
#[test]
fn numbers_stay_within_their_bounds() {
    let (x, y) = points();
    let covariance = Covariance::constant(1.0).fixed() * Covariance::rbf([0.7, 0.7]).between(0.5, 0.9)
        + Covariance::white(0.1);
    let settings = GaussianProcessRegressor::new().covariance(covariance.clone()).n_restarts(3);
    let model = settings.fit(&x, &y).unwrap();
    let found = model.covariance().parameters();
    assert_eq!(found[0], 1.0);
    assert!(found[1..3].iter().all(|length| (0.89..=0.9).contains(length)), "{found:?}");
    assert_close(&[found[3]], &[0.0036709], 2e-4, "noise");
    assert_close(&[model.log_marginal_likelihood()], &[-0.0049444], 0.05, "likelihood");
    assert!(model.gap() < 1e-2 || !model.converged());
    // What is fixed inside of bounds stays fixed, and a search of nothing is none.
    let all = (Covariance::rbf([1.0]).fixed() + Covariance::white(0.3)).between(0.1, 2.0).fixed();
    let model = GaussianProcessRegressor::new().covariance(all.clone()).fit(&x, &y).unwrap();
    assert_eq!((model.covariance(), model.converged(), model.gap()), (&all, true, 0.0));
    // The same answers as without words around it.
    let plain = Covariance::rbf([1.0]) + Covariance::white(0.3);
    let plain = GaussianProcessRegressor::new().covariance(plain).optimize(false).fit(&x, &y).unwrap();
    assert_eq!(model.predict(&questions()).unwrap(), plain.predict(&questions()).unwrap());
    for (wrong, word) in [
        (Covariance::rbf([1.0]).between(2.0, 3.0), "outside of its bounds"),
        (Covariance::rbf([1.0]).between(3.0, 0.5), "`high`"),
        (Covariance::rbf([1.0]).between(0.0, 5.0), "`low`"),
    ] {
        let error = GaussianProcessRegressor::new().covariance(wrong).fit(&x, &y).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let stopped = GaussianProcessRegressor::new().max_iter(1).fit(&x, &y).unwrap();
    assert!(!stopped.converged() && stopped.gap() > 1e-2, "{}", stopped.gap());
    let classifier = GaussianProcessClassifier::new().max_iter(1).fit(&x, &labels()).unwrap();
    assert!(!classifier.converged() && classifier.gap() > 1e-2);
}
