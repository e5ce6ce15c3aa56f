//! Standard errors for noise of unlike variance, and the choice of a ridge by leaving rows out.

use perennial_core::{Classes, Estimator, Matrix, Predictor, Rows, Train, Values, from_bytes, to_bytes};
use perennial_models::linear::{LikelihoodInference, LogisticModel, StandardErrors};
use perennial_models::{
    ClassWeight, GammaRegressor, LinearRegression, LogisticRegression, PoissonRegressor, Ridge, RidgeCv,
    TweedieRegressor,
};
use perennial_testing::{check, regression};

use crate::fixtures::assert_close;
use crate::linear_follow::sparse;
use crate::linear_glm::rows;

check!(ridge_cv, regressor, RidgeCv::new());
check!(ridge_cv_strong, regressor, RidgeCv::new().alphas([30.0, 0.5]));

fn errors(kind: StandardErrors, weights: Option<&[f64]>) -> Vec<f64> {
    let (x, y) = rows();
    let (x, y) = (Matrix::from(x), Values::from(y));
    let settings = LinearRegression::new().standard_errors(kind);
    let train = Train::new(&x, &y);
    let model = match weights {
        Some(weights) => train.weights(weights).fit(&settings),
        None => train.fit(&settings),
    };
    let table = model.unwrap().inference(0.95).unwrap();
    table.coefficients.iter().map(|row| row.standard_error).collect()
}

/// NumPy: with `C = inv(A.T @ A)` the roots of the diagonal of `C @ (A.T * e**2) @ A @ C * 30 / 26`, and of
/// `C @ (A.T * (e / (1 - h))**2) @ A @ C`.
#[test]
fn robust_errors_are_those_of_the_sandwich() {
    let hc1 = [0.08184232804820092, 0.10001223889098625, 0.10191230639065424, 0.08546922407452542];
    let hc3 = [0.08844915066296916, 0.10649067302242438, 0.11024659716849727, 0.0942702141225807];
    assert_close(&errors(StandardErrors::Hc1, None), &hc1, 1e-13, "HC1");
    assert_close(&errors(StandardErrors::Hc3, None), &hc3, 1e-13, "HC3");
}

#[test]
fn weights_are_repeated_rows_for_robust_errors() {
    let (x, y) = rows();
    let weights: Vec<f64> = (0..30).map(|i| (1 + i % 3) as f64).collect();
    let copies: Vec<usize> = (0..30).flat_map(|i| vec![i; 1 + i % 3]).collect();
    let (x, y) = (Matrix::from(x).take(&copies).unwrap(), Values::from(y).take(&copies).unwrap());
    for kind in [StandardErrors::Hc1, StandardErrors::Hc3] {
        let settings = LinearRegression::new().standard_errors(kind);
        let table = settings.fit(&x, &y).unwrap().inference(0.95).unwrap();
        let repeated: Vec<f64> = table.coefficients.iter().map(|row| row.standard_error).collect();
        assert_close(&errors(kind, Some(&weights)), &repeated, 1e-12, "weighted");
    }
}

/// Brute force: a fit without each row.
#[test]
fn errors_of_leaving_one_out_are_those_of_fits_without_the_row() {
    for (example, intercept) in
        [(regression(40, 5, 6), true), (regression(12, 20, 7), true), (regression(40, 3, 8), false)]
    {
        let n = example.x.n_rows();
        let alphas = [0.01, 1.0, 20.0];
        let settings = RidgeCv::new().alphas(alphas).fit_intercept(intercept);
        let model = settings.fit(&example.x, &example.values).unwrap();
        for (alpha, found) in alphas.iter().zip(model.mean_squared_errors()) {
            let mut sum = 0.0;
            for out in 0..n {
                let rest: Vec<usize> = (0..n).filter(|&row| row != out).collect();
                let (x, y) = (example.x.take(&rest).unwrap(), example.values.take(&rest).unwrap());
                let ridge = Ridge::new().alpha(*alpha).fit_intercept(intercept).fit(&x, &y).unwrap();
                let guess = ridge.predict(&example.x.take(&[out]).unwrap()).unwrap();
                sum += (guess.as_slice()[0] - example.values.as_slice()[out]).powi(2);
            }
            assert!((found - sum / n as f64).abs() < 1e-9 * found, "{found} instead of {}", sum / n as f64);
        }
        let ridge = Ridge::new().alpha(model.alpha()).fit_intercept(intercept);
        let ridge = ridge.fit(&example.x, &example.values).unwrap();
        assert_close(&model.coefficients().to_vec(), &ridge.coefficients().to_vec(), 1e-10, "coefficients");
    }
}

/// scikit-learn: `RidgeCV(alphas=[.01, .1, 1, 10], store_cv_results=True)`.
#[test]
fn ridge_of_the_chosen_strength_is_that_of_scikit_learn() {
    let (x, y) = rows();
    let settings = RidgeCv::new().alphas([0.01, 0.1, 1.0, 10.0]);
    let model = settings.fit(&Matrix::from(x), &Values::from(y)).unwrap();
    assert_eq!(model.alpha(), 0.1);
    let truth = [1.4213168167167938, -0.7076556451904571, 0.3229609907126805];
    assert_close(&model.coefficients().to_vec(), &truth, 1e-12, "coefficients");
    let truth = [0.1542120332853512, 0.1540646936257282, 0.1589021886535406, 0.3997973368417637];
    assert_close(model.mean_squared_errors(), &truth, 1e-12, "errors");
}

/// Tall rows take the products of columns; cut in two and put together they must give what reflections give.
#[test]
fn tall_designs_keep_their_digits() {
    let example = regression(6000, 6, 31);
    let fast = LinearRegression::new().fit(&example.x, &example.values).unwrap();
    // A seventh column that hardly differs from the first makes the condition large: reflections must do it.
    let cells = example.x.dense().unwrap();
    let near = ndarray::Array2::from_shape_fn((6000, 7), |(i, j)| {
        if j < 6 { cells[[i, j]] } else { cells[[i, 0]] + 1e-6 * ((i * 7919) % 1000) as f64 }
    });
    let slow = LinearRegression::new().fit(&near.clone().into(), &example.values).unwrap();
    assert_eq!((fast.rank(), slow.rank()), (7, 8));
    let y: Values = cells.rows().into_iter().map(|row| 1e6 + row.iter().sum::<f64>()).collect();
    let exact = LinearRegression::new().fit(&example.x, &y).unwrap();
    for weight in exact.coefficients() {
        assert!((weight - 1.0).abs() < 1e-9);
    }
    let line: Values = near.rows().into_iter().map(|row| row[0] + 3.0 * row[6]).collect();
    let exact = LinearRegression::new().fit(&near.into(), &line).unwrap();
    assert!((exact.coefficients()[6] - 3.0).abs() < 1e-8 && (exact.coefficients()[0] - 1.0).abs() < 1e-8);
}

fn errors_of(table: &LikelihoodInference) -> Vec<f64> {
    table.coefficients.iter().map(|row| row.standard_error).collect()
}

/// NumPy, at the maximum of the likelihood: with `C = inv(A.T * w @ A)` of the expected weights, `r` the slopes of the losses
/// and `h = w * diag(A C A')`, the roots of the diagonal of `C @ (A.T * q**2) @ A @ C` with `q` = `r`, `r * sqrt(30 / 26)`,
/// `r / sqrt(1 - h)` and `r / (1 - h)`.
#[test]
fn robust_errors_of_likelihoods_are_those_of_the_sandwich() {
    let x = Matrix::from(rows().0);
    let counts: Values =
        (0..30).map(|i| ((i * i * 3) % 7) as f64 + f64::from(u8::from(i % 3 == 0))).collect();
    let sizes: Values = (0..30).map(|i| 1.0 + ((i * i * 5) % 11) as f64).collect();
    let poisson = [
        (
            StandardErrors::Hc0,
            [0.048267173179736764, 0.08391300898546239, 0.09046780535401328, 0.1060211659683642],
        ),
        (
            StandardErrors::Hc1,
            [0.05184726096277002, 0.0901370307898413, 0.0971780115535697, 0.11388500086942338],
        ),
        (
            StandardErrors::Hc2,
            [0.054869250392175835, 0.09080193758152162, 0.1001960042119218, 0.11652544729633191],
        ),
        (
            StandardErrors::Hc3,
            [0.06313034775557569, 0.09887367633574227, 0.11211365851196409, 0.1293464414655841],
        ),
    ];
    let gamma = [
        (
            StandardErrors::Hc0,
            [0.12582601697167933, 0.1011643367861709, 0.20891603179096088, 0.11998190880509285],
        ),
        (
            StandardErrors::Hc1,
            [0.13515882344183658, 0.10866792944236728, 0.2244118166862032, 0.1288812442664547],
        ),
        (
            StandardErrors::Hc2,
            [0.13587260940104146, 0.10885899985370247, 0.22446365061555643, 0.13024631235999573],
        ),
        (
            StandardErrors::Hc3,
            [0.14679853745871718, 0.11722449836334746, 0.24122521940636263, 0.14144170588454677],
        ),
    ];
    let tweedie = [
        (
            StandardErrors::Hc0,
            [0.12544821912464363, 0.0997429567757622, 0.20903769653082613, 0.12078117785763386],
        ),
        (
            StandardErrors::Hc1,
            [0.134753003455373, 0.10714112239169331, 0.22454250558099867, 0.12973979695178073],
        ),
        (
            StandardErrors::Hc2,
            [0.13545419844043546, 0.10719972185182755, 0.2246494703280944, 0.1310127642933249],
        ),
        (
            StandardErrors::Hc3,
            [0.14633127694672152, 0.11528779033583651, 0.2414869091590373, 0.14216187914412984],
        ),
    ];
    for (kind, truth) in poisson {
        let settings = PoissonRegressor::new().alpha(0.0).tolerance(1e-12).standard_errors(kind);
        let found = errors_of(&settings.fit(&x, &counts).unwrap().inference(0.95).unwrap());
        assert_close(&found, &truth, 1e-10, "Poisson");
    }
    for (kind, truth) in gamma {
        let settings = GammaRegressor::new().alpha(0.0).tolerance(1e-12).standard_errors(kind);
        let found = errors_of(&settings.fit(&x, &sizes).unwrap().inference(0.95).unwrap());
        assert_close(&found, &truth, 1e-10, "gamma");
    }
    for (kind, truth) in tweedie {
        let settings = TweedieRegressor::new().power(1.5).alpha(0.0).tolerance(1e-12).standard_errors(kind);
        let found = errors_of(&settings.fit(&x, &sizes).unwrap().inference(0.95).unwrap());
        assert_close(&found, &truth, 1e-10, "Tweedie");
    }
    // Of the normal distribution they are those of least squares, with the intercept and without.
    let y = Values::from(rows().1);
    for intercept in [true, false] {
        for kind in [StandardErrors::Hc0, StandardErrors::Hc1, StandardErrors::Hc2, StandardErrors::Hc3] {
            let settings = TweedieRegressor::new().alpha(0.0).fit_intercept(intercept).standard_errors(kind);
            let found = errors_of(&settings.fit(&x, &y).unwrap().inference(0.95).unwrap());
            let squares = LinearRegression::new().fit_intercept(intercept).standard_errors(kind);
            let truth = squares.fit(&x, &y).unwrap().inference(0.95).unwrap();
            let truth: Vec<f64> = truth.coefficients.iter().map(|row| row.standard_error).collect();
            assert_close(&found, &truth, 1e-9, "normal");
        }
    }
}

#[test]
fn robust_errors_of_logistic_regression_are_those_of_the_sandwich() {
    let x = Matrix::from(rows().0);
    let y = Classes::from_labels((0..30).map(|i| u8::from((i * i + i / 3) % 3 == 0)));
    let plain = [
        (
            StandardErrors::Hc0,
            [0.4629883995090526, 0.5488373201770744, 0.6300447959240342, 0.4603922750249629],
        ),
        (
            StandardErrors::Hc1,
            [0.49732931909421574, 0.5895458526101184, 0.6767766745085099, 0.4945406340573437],
        ),
        (
            StandardErrors::Hc2,
            [0.4981107576855219, 0.5876837004398608, 0.6759465719778853, 0.5004304711034222],
        ),
        (
            StandardErrors::Hc3,
            [0.536259923993115, 0.6296008348648159, 0.7254665466320412, 0.5442244768362593],
        ),
    ];
    // Rows of the second class count 2.5 times: `C @ (A.T * (2.5 q)**2) @ A @ C`.
    let weighted = [
        (
            StandardErrors::Hc0,
            [0.4809764835007064, 0.5525440467301053, 0.6234287471213157, 0.5131753815310302],
        ),
        (
            StandardErrors::Hc1,
            [0.5166516208470565, 0.5935275156380515, 0.6696698980760134, 0.5512387855578473],
        ),
        (
            StandardErrors::Hc2,
            [0.526082990788716, 0.6059048987502142, 0.6885032496946595, 0.5678607141326566],
        ),
        (
            StandardErrors::Hc3,
            [0.5765073506431821, 0.6663616082141043, 0.762261049579554, 0.6302643401495132],
        ),
    ];
    for (truths, class_weight) in
        [(plain, ClassWeight::None), (weighted, ClassWeight::Given([("1".to_owned(), 2.5)].into()))]
    {
        for (kind, truth) in truths {
            let settings = LogisticRegression::new().no_penalty().tolerance(1e-12).standard_errors(kind);
            let model = settings.class_weight(class_weight.clone()).fit(&x, &y).unwrap();
            assert_close(&errors_of(&model.inference(0.95).unwrap()), &truth, 1e-9, "logistic");
        }
    }
}

#[test]
fn weights_are_repeated_rows_for_robust_errors_of_likelihoods() {
    let x = Matrix::from(rows().0);
    let y: Values = (0..30).map(|i| 1.0 + ((i * i * 5) % 11) as f64).collect();
    let weights: Vec<f64> = (0..30).map(|i| (1 + i % 3) as f64).collect();
    let copies: Vec<usize> = (0..30).flat_map(|i| vec![i; 1 + i % 3]).collect();
    let (all, values) = (x.take(&copies).unwrap(), y.take(&copies).unwrap());
    for kind in [StandardErrors::Hc1, StandardErrors::Hc2, StandardErrors::Hc3] {
        let settings = GammaRegressor::new().alpha(0.0).tolerance(1e-12).standard_errors(kind);
        let weighted = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap().inference(0.9).unwrap();
        let repeated = settings.fit(&all, &values).unwrap().inference(0.9).unwrap();
        assert_close(&errors_of(&weighted), &errors_of(&repeated), 1e-9, "weighted");
    }
    // As many rows as coefficients leave HC1 without an answer, and classical errors do not take its place.
    let few: Vec<usize> = (0..4).collect();
    let settings = PoissonRegressor::new().alpha(0.0).standard_errors(StandardErrors::Hc1);
    let model = settings.fit(&x.take(&few).unwrap(), &y.take(&few).unwrap()).unwrap();
    assert!(model.inference(0.95).is_err());
}

#[test]
fn a_row_that_the_fit_goes_through_has_no_residual_without_it() {
    let (x, y) = rows();
    let mut wide = ndarray::Array2::zeros((30, 4));
    wide.slice_mut(ndarray::s![.., ..3]).assign(&x);
    wide[[7, 3]] = 1.0;
    let x = Matrix::from(wide);
    let counts: Vec<f64> = y.iter().map(|value| value.abs().floor()).collect();
    let (y, counts) = (Values::from(y), Values::from(counts));
    let new = || LinearRegression::new();
    assert!(new().standard_errors(StandardErrors::Hc1).fit(&x, &y).unwrap().inference(0.9).is_ok());
    for kind in [StandardErrors::Hc2, StandardErrors::Hc3] {
        let error = new().standard_errors(kind).fit(&x, &y).unwrap().inference(0.9).unwrap_err();
        assert!(error.to_string().contains("goes through row 7"), "{error}");
    }
    let settings = TweedieRegressor::new().power(0.0).alpha(0.0).standard_errors(StandardErrors::Hc3);
    let error = settings.fit(&x, &counts).unwrap().inference(0.9).unwrap_err();
    assert!(error.to_string().contains("goes through row 7"), "{error}");
}

/// Sixty rows of three classes that overlap.
fn three_classes(shift: f64) -> (ndarray::Array2<f64>, Classes) {
    let x = ndarray::Array2::from_shape_fn((60, 2), |(i, j)| match j {
        0 => ((7 * i % 11) as f64 - 5.0) / 4.0 + shift,
        _ => ((5 * i % 13) as f64 - 6.0) / 4.0,
    });
    let y = Classes::from_labels((0..60_usize).map(|i| {
        if 7 * i % 11 + i * i % 9 > 11 {
            "c"
        } else if 5 * i % 13 + i * i * 3 % 7 > 8 {
            "b"
        } else {
            "a"
        }
    }));
    (x, y)
}

fn contrast(
    found: &(String, LikelihoodInference),
    name: &str,
    estimates: &[f64],
    errors: &[f64],
    digits: f64,
) {
    assert_eq!(found.0, name);
    let ours: Vec<f64> = found.1.coefficients.iter().map(|row| row.estimate).collect();
    assert_close(&ours, estimates, digits, "estimates");
    assert_close(&errors_of(&found.1), errors, digits, "errors");
}

/// NumPy 2.4: Newton's method for a multinomial logit whose first class has no coefficients, and the roots of the diagonal of
/// the inverse of its Hessian; for the third class against the second those of the difference.
#[test]
fn classes_against_each_other_are_those_of_a_multinomial_logit() {
    let settings = LogisticRegression::new().no_penalty().tolerance(1e-13);
    let (x, y) = three_classes(0.0);
    let x = Matrix::from(x);
    let model = settings.fit(&x, &y).unwrap();
    let table = model.contrasts("a", 0.95).unwrap();
    let b = [1.2766964081602707, -0.45276078284219323, 3.0145188196133743];
    let b_errors = [0.5779395767064702, 0.5760846522364599, 0.7739701208997253];
    contrast(&table[0], "b", &b, &b_errors, 1e-8);
    let c = [-0.388344849244972, 2.015294479386501, 2.616861727026];
    let c_errors = [0.8215788960089728, 0.8709432266176174, 0.8330761341238357];
    contrast(&table[1], "c", &c, &c_errors, 1e-8);
    let rows = &table[0].1.coefficients;
    assert_eq!([&rows[0].name, &rows[1].name], ["(intercept)", "x0"]);
    assert!((rows[1].t - b[1] / b_errors[1]).abs() < 1e-7);
    let table = model.contrasts("b", 0.95).unwrap();
    contrast(&table[0], "a", &b.map(|value| -value), &b_errors, 1e-8);
    let difference = [-1.6650412574052427, 2.4680552622286944, -0.39765709258737436];
    let errors = [0.6719260900016303, 0.8166183189285123, 0.6021519412837884];
    contrast(&table[1], "c", &difference, &errors, 1e-8);
    assert_eq!(from_bytes::<LogisticModel>(&to_bytes(&model).unwrap()).unwrap(), model);

    // Rows of weight 1, 2 and 3 in turn.
    let weights: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 3)).collect();
    let model = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
    let table = model.contrasts("a", 0.95).unwrap();
    let b = [1.0145894457911717, -0.42642764160952984, 2.5443813643621467];
    let b_errors = [0.3755203054052095, 0.4018030388596009, 0.4730346992801217];
    contrast(&table[0], "b", &b, &b_errors, 1e-8);
    let c_errors = [0.5443555976145281, 0.6173019349247607, 0.5265418813060685];
    assert_close(&errors_of(&table[1].1), &c_errors, 1e-8, "weights");

    let model = settings.clone().fit_intercept(false).fit(&x, &y).unwrap();
    let table = model.contrasts("a", 0.95).unwrap();
    let b = [-0.8284306762554027, 2.9570314159341513];
    contrast(&table[0], "b", &b, &[0.5988380067012764, 0.6291554833650727], 1e-8);

    // A column far from 0 is that column, and the intercept is far off and as unsure.
    let far = settings.fit(&Matrix::from(three_classes(1000.0).0), &y).unwrap().contrasts("a", 0.95).unwrap();
    let errors = errors_of(&far[0].1);
    assert_close(&errors[1..], &[0.5760846522364599, 0.7739701208997253], 1e-6, "far");
    assert!((errors[0] - 576.065842).abs() < 1e-3, "{}", errors[0]);
}

#[test]
fn two_classes_and_sparse_rows_have_contrasts_too() {
    let (x, y) = three_classes(0.0);
    let two = Classes::from_labels(y.labels().map(|label| if label == "b" { "b" } else { "other" }));
    let (dense, sparse) = (Matrix::from(x.clone()), sparse(&x));
    let settings = LogisticRegression::new().no_penalty().tolerance(1e-12);
    let model = settings.fit(&dense, &two).unwrap();
    let (plain, against) = (model.inference(0.9).unwrap(), model.contrasts("other", 0.9).unwrap());
    for (row, turned) in plain.coefficients.iter().zip(&against[0].1.coefficients) {
        assert_eq!((row.estimate, row.t, row.p_value), (-turned.estimate, -turned.t, turned.p_value));
        assert_eq!((row.interval.low, row.interval.high), (-turned.interval.high, -turned.interval.low));
    }
    assert_eq!(model.contrasts("b", 0.9).unwrap(), [("other".to_owned(), plain.clone())]);

    for (kind, weights) in [
        (StandardErrors::Classical, vec![1.0; 60]),
        (StandardErrors::Classical, (0..60).map(|i| f64::from(i % 4)).collect()),
        (StandardErrors::Hc1, (0..60).map(|i| f64::from(i % 4)).collect()),
        (StandardErrors::Hc3, vec![1.0; 60]),
    ] {
        let settings = settings.clone().standard_errors(kind);
        let of = |x: &Matrix| Train::new(x, &two).weights(&weights).fit(&settings).unwrap().inference(0.9);
        let (a, b) = (errors_of(&of(&dense).unwrap()), errors_of(&of(&sparse).unwrap()));
        assert_close(&a, &b, 1e-7, "sparse rows");
    }
    // More classes, with some rows that do not count, and without an intercept.
    let weights: Vec<f64> = (0..60).map(|i| f64::from(i % 4)).collect();
    for (settings, weights) in [
        (settings.clone(), vec![1.0; 60]),
        (settings.clone(), weights.clone()),
        (settings.clone().fit_intercept(false), weights.clone()),
    ] {
        let of = |x: &Matrix| Train::new(x, &y).weights(&weights).fit(&settings).unwrap().contrasts("b", 0.9);
        for ((name, a), (other, b)) in of(&dense).unwrap().iter().zip(&of(&sparse).unwrap()) {
            assert_eq!(name, other);
            assert_close(&errors_of(a), &errors_of(b), 1e-6, "sparse rows of three classes");
        }
    }
    // NumPy, as above, for rows of weight 0 to 3 in turn.
    let model = Train::new(&sparse, &y).weights(&weights).fit(&settings).unwrap();
    let a = [-0.79437461, 0.77484897, -2.73903722];
    let a_errors = [0.46617348915033796, 0.5030595018151578, 0.6015909282055071];
    contrast(&model.contrasts("b", 0.95).unwrap()[0], "a", &a, &a_errors, 1e-6);
    // More classes: without penalty, classical, of not too many unknowns, and of a class that is there.
    let none = |model: LogisticModel| model.contrasts("a", 0.9).unwrap_err().to_string();
    assert!(none(LogisticRegression::new().fit(&sparse, &y).unwrap()).contains("`no_penalty()`"));
    assert!(none(LogisticRegression::new().fit(&dense, &y).unwrap()).contains("`no_penalty()`"));
    let robust = settings.clone().standard_errors(StandardErrors::Hc0).fit(&dense, &y).unwrap();
    assert!(none(robust).contains("classical"));
    let model = settings.fit(&dense, &y).unwrap();
    assert!(model.contrasts("d", 0.9).unwrap_err().to_string().contains("a, b, c"));
    assert!(model.contrasts("a", 1.5).is_err() && model.inference(0.9).is_err());
}
