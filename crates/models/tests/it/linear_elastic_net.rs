//! The lasso and the elastic net against exact solutions, brute force and scikit-learn.

use ndarray::Array2;
use perennial_core::{Estimator, Matrix, Rows, Train, Values};
use perennial_models::{ElasticNet, ElasticNetCv, Lasso, LassoCv};
use perennial_numeric::random::Random;
use perennial_testing::{Tags, check, regression};

use crate::fixtures::{assert_close, matrix, number, numbers, of_kind};

check!(lasso, regressor, Lasso::new().alpha(0.1), Tags::new().exact_solver());
check!(
    lasso_positive,
    regressor,
    Lasso::new().alpha(0.1).positive(true),
    Tags::new().poor_score().exact_solver()
);
check!(elastic_net, regressor, ElasticNet::new().alpha(0.2), Tags::new().exact_solver());
check!(
    elastic_net_through_origin,
    regressor,
    ElasticNet::new().alpha(0.01).fit_intercept(false).l1_ratio(0.9),
    Tags::new()
        .poor_score()
        .exact_solver()
        .expect_fail("R02", "a line through the origin cannot be constant")
);
check!(lasso_cv, regressor, LassoCv::new().cv(3));
check!(elastic_net_cv, regressor, ElasticNetCv::new().cv(3).n_alphas(20).l1_ratios([0.3, 0.9]));

#[test]
fn penalised_coefficients_are_those_of_exact_arithmetic() {
    for case in of_kind("glm.json", "elastic_net") {
        let name = case["id"].as_str().unwrap();
        let y = Values::from(numbers(&case["y"]));
        let settings = ElasticNet::new().alpha(number(&case["alpha"])).l1_ratio(number(&case["l1_ratio"]));
        let model = settings.fit(&matrix(&case["X"]), &y).unwrap();
        let truth = numbers(&case["expected"]["coef"]);
        assert_close(&model.coefficients().to_vec(), &truth, 1e-12, name);
        assert_close(&[model.intercept()], &[number(&case["expected"]["intercept"])], 1e-12, name);
        for (weight, truth) in model.coefficients().iter().zip(&truth) {
            assert_eq!(*weight == 0.0, *truth == 0.0, "{name}: zeros must be exact zeros");
        }
        assert!(model.converged() && model.gap() < 1e-12, "{name}: gap {}", model.gap());
    }
}

/// 60 rows of 300 columns, of which 5 matter.
fn wide() -> (Matrix, Values) {
    let mut random = Random::new(3);
    let x = Array2::from_shape_simple_fn((60, 300), || random.normal());
    let y = x.rows().into_iter().map(|row| (0..5).map(|j| row[7 * j] * (j + 1) as f64).sum::<f64>() + 2.0);
    let y: Values = y.collect::<Vec<f64>>().into();
    (x.into(), y)
}

/// The conditions that the optimum alone meets, where there are more columns than rows.
#[test]
fn optimum_of_wide_data_meets_its_conditions() {
    let (x, y) = wide();
    for (alpha, ratio) in [(0.3, 1.0), (0.05, 1.0), (0.2, 0.5), (0.01, 0.9)] {
        let model = ElasticNet::new().alpha(alpha).l1_ratio(ratio).fit(&x, &y).unwrap();
        assert!(model.converged());
        let cells = x.dense().unwrap();
        let fitted = cells.dot(&model.coefficients()) + model.intercept();
        let residual = y.view().to_owned() - fitted;
        let means = cells.mean_axis(ndarray::Axis(0)).unwrap();
        assert!(residual.sum().abs() < 1e-9);
        for j in 0..300 {
            let pull =
                cells.column(j).iter().zip(&residual).map(|(x, r)| (x - means[j]) * r).sum::<f64>() / 60.0;
            let weight = model.coefficients()[j];
            let rest = pull - alpha * (1.0 - ratio) * weight;
            if weight == 0.0 {
                assert!(rest.abs() <= alpha * ratio * (1.0 + 1e-9));
            } else {
                assert!((rest - alpha * ratio * weight.signum()).abs() < 1e-10);
            }
        }
    }
}

#[test]
fn path_passes_through_single_fits() {
    let example = regression(200, 8, 21);
    let train = Train::new(&example.x, &example.values);
    let settings = ElasticNet::new().l1_ratio(0.7).tolerance(1e-12);
    let path = settings.path(&train, 12, 1e-2).unwrap();
    assert!(path.converged() && path.alphas().len() == 12);
    assert!(path.coefficients().row(0).iter().all(|weight| weight.abs() < 1e-10));
    for (i, &alpha) in path.alphas().iter().enumerate() {
        let single = settings.clone().alpha(alpha).fit(&example.x, &example.values).unwrap();
        assert_close(
            &path.coefficients().row(i).to_vec(),
            &single.coefficients().to_vec(),
            1e-5,
            "coefficients on the path",
        );
    }
}

/// Each error is that of a fit to the other folds, at the same strength.
#[test]
fn cross_validation_is_what_it_says() {
    let example = regression(101, 6, 22);
    let (x, y) = (&example.x, &example.values);
    let model = LassoCv::new().n_alphas(9).cv(4).tolerance(1e-13).fit(x, y).unwrap();
    let bounds = [0, 26, 51, 76, 101];
    for (fold, pair) in bounds.windows(2).enumerate() {
        let inside: Vec<usize> = (pair[0]..pair[1]).collect();
        let outside: Vec<usize> = (0..101).filter(|row| !inside.contains(row)).collect();
        for (i, &alpha) in model.alphas().iter().enumerate() {
            let lasso = Lasso::new().alpha(alpha).tolerance(1e-13);
            let fitted = lasso.fit(&x.take(&outside).unwrap(), &y.take(&outside).unwrap()).unwrap();
            use perennial_core::Predictor;
            let guess = fitted.predict(&x.take(&inside).unwrap()).unwrap();
            let error = inside.iter().zip(guess.as_slice()).map(|(&row, g)| (y.as_slice()[row] - g).powi(2));
            let error = error.sum::<f64>() / inside.len() as f64;
            assert!((error - model.mean_squared_errors()[[i, fold]]).abs() < 1e-5 * error);
        }
    }
    let means: Vec<f64> = model.mean_squared_errors().rows().into_iter().map(|row| row.sum()).collect();
    let best = (0..means.len()).fold(0, |best, i| if means[i] < means[best] { i } else { best });
    assert_eq!(model.alpha(), model.alphas()[best]);
}

#[test]
fn rows_without_weight_do_not_count_wherever_they_stand() {
    // Every second, fourth and eighth row has no weight, and they lie far from the others: the fit is that of the others alone.
    let mut random = Random::new(11);
    for (n_rows, period) in [(256, 2), (256, 4), (640, 8), (67, 2), (5, 2)] {
        let counts = |row: usize| row % period == 1;
        let x = Array2::from_shape_fn((n_rows, 3), |(row, _)| {
            random.normal() + if counts(row) { 40.0 } else { -700.0 }
        });
        let y: Vec<f64> = x.rows().into_iter().map(|row| 9.0 + row[0] - 0.5 * row[1]).collect();
        let weights: Vec<f64> = (0..n_rows).map(|row| f64::from(u8::from(counts(row)))).collect();
        let kept: Vec<usize> = (0..n_rows).filter(|&row| counts(row)).collect();
        let few = Matrix::from(x.select(ndarray::Axis(0), &kept));
        let few_y = Values::from(kept.iter().map(|&row| y[row]).collect::<Vec<f64>>());
        let (x, y) = (Matrix::from(x), Values::from(y));
        let settings = Lasso::new().alpha(0.01).tolerance(1e-12).max_iter(100_000);
        let weighted = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
        let alone = settings.fit(&few, &few_y).unwrap();
        // As good as without weight: so little of it that the far rows do not count in f64.
        let weights: Vec<f64> = weights.iter().map(|&weight| f64::max(weight, 1e-200)).collect();
        let light = Train::new(&x, &y).weights(&weights).fit(&settings).unwrap();
        assert_close(&light.coefficients().to_vec(), &alone.coefficients().to_vec(), 1e-7, "tiny weights");
        assert_close(&weighted.coefficients().to_vec(), &alone.coefficients().to_vec(), 1e-7, "coefficients");
        assert!((weighted.intercept() - alone.intercept()).abs() < 1e-5, "{n_rows} rows, period {period}");
    }
}

/// scikit-learn: `Lasso(alpha=.05, positive=True)`, `ElasticNet(alpha=.1, l1_ratio=.3, positive=True)` and
/// `LinearRegression(positive=True)`.
#[test]
fn coefficients_that_must_be_positive_are_those_of_scikit_learn() {
    let (x, y) = crate::linear_glm::rows();
    let (x, y) = (Matrix::from(x), Values::from(y));
    let lasso = Lasso::new().alpha(0.05).positive(true).fit(&x, &y).unwrap();
    let net = ElasticNet::new().alpha(0.1).l1_ratio(0.3).positive(true).fit(&x, &y).unwrap();
    let squares = Lasso::new().alpha(0.0).positive(true).tolerance(1e-12).fit(&x, &y).unwrap();
    let truths = [
        (lasso, [1.3277567666760977, 0.0, 0.328491913195824], 2.041597739504174),
        (net, [1.1983274345936799, 0.0, 0.32431964579775746], 2.0428846948194925),
        (squares, [1.4288711014447508, 0.0, 0.4101241647213123], 1.9984382592928631),
    ];
    for (model, coefficients, intercept) in truths {
        assert_close(&model.coefficients().to_vec(), &coefficients, 1e-10, "coefficients");
        assert_eq!(model.coefficients()[1], 0.0);
        assert!((model.intercept() - intercept).abs() < 1e-10 && model.converged());
    }
}

/// scikit-learn, where columns are more than are looked at together: `i = arange(40.)[:, None]`, `j = arange(200.)[None, :]`,
/// `X = sin(1.7 i + 2.3 j j) + .5 cos(.9 i (j + 1))`, `y = X[:, 0] - 2 X[:, 1] + .5 X[:, 150]`,
/// `Lasso(alpha=.3, positive=True, tol=1e-14)`; the largest product of a column with the target is 1.5055, its size 1.6972.
#[test]
fn many_columns_have_the_positive_coefficients_of_scikit_learn() {
    let x = Array2::from_shape_fn((40, 200), |(i, j)| {
        let (i, j) = (i as f64, j as f64);
        (1.7 * i + 2.3 * j * j).sin() + 0.5 * (0.9 * i * (j + 1.0)).cos()
    });
    let y: Values = x.rows().into_iter().map(|row| row[0] - 2.0 * row[1] + 0.5 * row[150]).collect();
    let x = Matrix::from(x);
    let settings = Lasso::new().positive(true).tolerance(1e-10);
    let model = settings.clone().alpha(0.3).fit(&x, &y).unwrap();
    let kept = [0, 7, 56, 107, 117, 118, 134, 157, 167, 176, 189];
    let truth = [
        0.4737334236971891,
        0.6350813244016136,
        0.2186350190541594,
        0.02209945504746578,
        0.05982718398172657,
        0.09939978527898603,
        0.004526021392747796,
        0.4547550503571192,
        0.13590165086579387,
        0.060782297140003716,
        0.0637242548913438,
    ];
    let mut all = vec![0.0; 200];
    kept.iter().zip(truth).for_each(|(&column, weight)| all[column] = weight);
    assert_close(&model.coefficients().to_vec(), &all, 1e-9, "coefficients");
    assert!(model.converged());
    // The least strength that leaves nothing looks at pulls upwards alone.
    let path = settings.path(&Train::new(&x, &y), 5, 1e-2).unwrap();
    assert!((path.alphas()[0] - 1.505506910310618).abs() < 1e-9, "{:?}", path.alphas());
    assert!(path.coefficients().row(0).iter().all(|weight| *weight == 0.0));
    assert!(path.converged() && path.coefficients().iter().all(|weight| *weight >= 0.0));
}

#[test]
fn positive_coefficients_without_a_penalty_converge() {
    let x = Array2::from_shape_fn((50, 4), |(i, j)| {
        (1.7 * i as f64 + 2.3 * (j * j) as f64).sin() + 0.1 * ((i * (j + 1)) % 7) as f64
    });
    let y: Values = x
        .rows()
        .into_iter()
        .map(|row| 0.1 + 1.3 * row[0] + 0.7 * row[1] + 0.3 * row[2] + 0.9 * row[3])
        .collect();
    let model = Lasso::new().alpha(0.0).positive(true).fit(&Matrix::from(x), &y).unwrap();
    assert!(model.converged());
    assert_close(&model.coefficients().to_vec(), &[1.3, 0.7, 0.3, 0.9], 1e-9, "coefficients");
}

/// Strengths of one's own are those of the path when they are, in any order, and a positive choice has no negative coefficient.
#[test]
fn strengths_can_be_given_and_coefficients_kept_positive() {
    let mut random = Random::new(8);
    let x = Array2::from_shape_simple_fn((120, 6), || random.normal());
    let slopes = [2.0, -1.5, 1.0, -0.5, 0.0, 0.3];
    let value =
        |row: ndarray::ArrayView1<'_, f64>| row.iter().zip(slopes).map(|(x, slope)| x * slope).sum::<f64>();
    let y: Values = x.rows().into_iter().map(|row| value(row) + 0.3 * random.normal()).collect();
    let x = Matrix::from(x);
    let path = LassoCv::new().n_alphas(7).eps(1e-2).fit(&x, &y).unwrap();
    let mut alphas = path.alphas().to_vec();
    alphas.reverse();
    let given = LassoCv::new().alphas(alphas).fit(&x, &y).unwrap();
    assert_eq!((given.alpha(), given.coefficients()), (path.alpha(), path.coefficients()));
    assert_eq!(given.mean_squared_errors(), path.mean_squared_errors());

    assert!(path.coefficients().iter().any(|weight| *weight < 0.0));
    let kept = ElasticNetCv::new().positive(true).l1_ratios([0.3, 0.9]).fit(&x, &y).unwrap();
    assert!(kept.coefficients().iter().all(|weight| *weight >= 0.0));
    assert!(kept.coefficients().iter().any(|weight| *weight > 0.0));
    let alone = ElasticNet::new().alpha(kept.alpha()).l1_ratio(kept.l1_ratio()).positive(true);
    assert_eq!(alone.fit(&x, &y).unwrap().coefficients(), kept.coefficients());
    for alphas in [vec![], vec![1.0, -1.0]] {
        assert!(LassoCv::new().alphas(alphas).fit(&x, &y).is_err());
    }
}
