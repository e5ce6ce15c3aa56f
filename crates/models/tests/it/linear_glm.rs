//! Generalised linear models against exact arithmetic and against Newton's method in NumPy.

use ndarray::{Array2, concatenate};
use perennial_core::{Capabilities, ErrorKind, Estimator, Matrix, Predictor, Result, Train, Values};
use perennial_models::{GammaRegressor, LogisticRegression, PoissonRegressor, TweedieRegressor};
use perennial_testing::{Tags, check, regression};
use serde::{Deserialize, Serialize};

use crate::fixtures::{assert_close, classes, matrix, number, numbers, of_kind};

/// The kit's targets may be below 0, which these distributions do not have: their exponentials, in units of the largest one,
/// are learned, and the logarithms of the answers are the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Exponential<E>(E);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Logarithm<M> {
    model: M,
    unit: f64,
}

impl<E: Estimator<Input = Matrix, Target = Values>> Estimator for Exponential<E> {
    type Input = Matrix;
    type Target = Values;
    type Model = Logarithm<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Logarithm<E::Model>> {
        let y = train.y.as_slice();
        let counts = |row: &usize| train.weight(*row) > 0.0;
        let sizes = (0..y.len()).filter(counts).map(|row| y[row].abs());
        let unit = sizes.fold(f64::MIN_POSITIVE, f64::max);
        let y: Values = y.iter().map(|y| (y / unit).min(1.0).exp()).collect();
        Ok(Logarithm { model: self.0.fit_on(&train.with_targets(&y, None))?, unit })
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Predictor for Logarithm<M> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let answers = self.model.predict(x)?;
        // An answer too small for its logarithm is as far down as one can be.
        let number = |answer: &f64| answer.max(f64::MIN_POSITIVE).ln() * self.unit;
        let answers: Vec<f64> = answers.as_slice().iter().map(number).collect();
        match answers.iter().all(|answer| answer.is_finite()) {
            true => Ok(answers.into()),
            false => {
                Err(perennial_core::Error::overflow("the logarithm of an answer is beyond the range of f64"))
            }
        }
    }
}

check!(tweedie_normal, regressor, TweedieRegressor::new().alpha(0.1), Tags::new().exact_solver());
check!(poisson, regressor, Exponential(PoissonRegressor::new().alpha(1e-3)), Tags::new().exact_solver());
check!(gamma, regressor, Exponential(GammaRegressor::new().alpha(1e-3)), Tags::new().exact_solver());
check!(
    tweedie,
    regressor,
    Exponential(TweedieRegressor::new().power(1.5).alpha(1e-3)),
    Tags::new().exact_solver()
);
check!(
    inverse_gaussian,
    regressor,
    Exponential(TweedieRegressor::new().power(3.0).alpha(1e-3)),
    Tags::new().exact_solver()
);

/// 30 rows that a line of NumPy makes too, and their target.
pub(crate) fn rows() -> (Array2<f64>, Vec<f64>) {
    let x = Array2::from_shape_fn((30, 3), |(i, j)| {
        let i = i as f64;
        match j {
            0 => (i * 1.7).sin(),
            1 => (i * 7.0).rem_euclid(13.0) / 6.0 - 1.0,
            _ => (i * 0.9).cos() + i / 30.0,
        }
    });
    let target = |i: usize| {
        let row = x.row(i);
        let noise = 0.3 * (i as f64 * 5.1).sin() * (1.0 + row[0].abs());
        2.0 + 1.5 * row[0] - 0.7 * row[1] + 0.4 * row[2] + noise
    };
    let y = (0..30).map(target).collect();
    (x, y)
}

#[test]
fn poisson_coefficients_are_those_of_exact_arithmetic() {
    for case in of_kind("glm.json", "poisson") {
        let name = case["id"].as_str().unwrap();
        let y = Values::from(numbers(&case["y"]));
        let model =
            PoissonRegressor::new().alpha(number(&case["alpha"])).fit(&matrix(&case["X"]), &y).unwrap();
        let expected = &case["expected"];
        assert_close(&model.coefficients().to_vec(), &numbers(&expected["coef"]), 1e-10, name);
        assert_close(&[model.intercept()], &[number(&expected["intercept"])], 1e-10, name);
        let deviance = model.deviance().unwrap();
        assert!((deviance - number(&expected["deviance"])).abs() < 1e-9 * deviance, "{name}");
        assert!(model.converged());
    }
}

#[test]
fn logistic_standard_errors_are_those_of_exact_arithmetic() {
    for case in of_kind("glm.json", "logistic") {
        let expected = &case["expected"];
        if !expected["se"].is_array() {
            continue;
        }
        let (x, y) = (matrix(&case["X"]), classes(&case["y"]));
        let model = LogisticRegression::new().no_penalty().tolerance(1e-10).fit(&x, &y).unwrap();
        let table = model.inference(0.95).unwrap();
        let errors: Vec<f64> = table.coefficients.iter().map(|row| row.standard_error).collect();
        assert_close(&errors, &numbers(&expected["se"]), 1e-9, "standard errors");
        let penalised = LogisticRegression::new().fit(&x, &y).unwrap();
        assert!(matches!(penalised.inference(0.95).unwrap_err().kind(), ErrorKind::Unsupported { .. }));
    }
}

fn estimates(model: &perennial_models::linear::GlmModel) -> (Vec<f64>, Vec<f64>) {
    let table = model.inference(0.95).unwrap();
    table.coefficients.iter().map(|row| (row.estimate, row.standard_error)).unzip()
}

/// NumPy: `b += solve((A.T * mu**(2-p)) @ A, A.T @ ((y - mu) * mu**(1-p)))` 200 times, and the roots of the diagonal of
/// `inv((A.T * mu**(2-p)) @ A) * sum((y - mu)**2 / mu**p) / 26`.
#[test]
fn estimates_and_standard_errors_are_those_of_fisher_scoring() {
    let (x, y) = rows();
    let gamma: Values = y.iter().map(|y| (0.3 * y - 0.5).exp()).collect();
    let model = GammaRegressor::new().alpha(0.0).tolerance(1e-12).fit(&x.clone().into(), &gamma).unwrap();
    let (b, se) = estimates(&model);
    let truth = [0.1092736873406062, 0.42949176360489216, -0.21399897392126502, 0.0969851576334763];
    assert_close(&b, &truth, 1e-10, "gamma");
    let truth = [0.02435731819538357, 0.028551160408058267, 0.032231076098180295, 0.02595265550885623];
    assert_close(&se, &truth, 1e-9, "gamma");
    assert!((model.dispersion().unwrap() - 0.012069261509631484).abs() < 1e-10);

    let counts: Values = y.iter().map(|y| (0.4 * y).exp().round()).collect();
    let settings = TweedieRegressor::new().power(1.5).alpha(0.0).tolerance(1e-12);
    let (b, se) = estimates(&settings.fit(&x.clone().into(), &counts).unwrap());
    let truth = [0.7990257283045322, 0.5708298394284995, -0.23219274350009209, 0.1688492194528036];
    assert_close(&b, &truth, 1e-9, "tweedie");
    let truth = [0.058120855021409255, 0.06469746176454727, 0.07273660211984039, 0.060888944885906404];
    assert_close(&se, &truth, 1e-9, "tweedie");
}

#[test]
fn offset_is_added_as_it_is() {
    let (x, y) = rows();
    let counts: Values = y.iter().map(|y| (0.4 * y).exp().round()).collect();
    let offset = Array2::from_shape_fn((30, 1), |(i, _)| (1.0 + (i % 4) as f64).ln());
    let all = concatenate![ndarray::Axis(1), x, offset];
    let all = Matrix::from(all).with_names(["a", "b", "c", "log_exposure"]).unwrap();
    let settings = PoissonRegressor::new().alpha(0.0).tolerance(1e-12).offset("log_exposure");
    let model = settings.fit(&all, &counts).unwrap();
    let (b, se) = estimates(&model);
    let truth = [-0.03355452934494936, 0.6138317451138385, -0.23682456740187807, 0.1000553648156257];
    assert_close(&b, &truth, 1e-10, "poisson");
    let truth = [0.15413342089353926, 0.1646965938681922, 0.1879099803625835, 0.1634572583520633];
    assert_close(&se, &truth, 1e-10, "poisson");
    assert_eq!(model.coefficients()[3], 1.0);
    // At the maximum the predicted counts add up to those that were seen.
    let sum: f64 = model.predict(&all).unwrap().as_slice().iter().sum();
    assert!((sum - counts.as_slice().iter().sum::<f64>()).abs() < 1e-8);
    let missing = PoissonRegressor::new().offset("other").fit(&all, &counts).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::Unknown { .. }));
}

#[test]
fn targets_out_of_range_are_refused() {
    let example = regression(20, 2, 3);
    let y = |value: f64| -> Values { (0..20).map(|i| if i == 7 { value } else { 1.0 }).collect() };
    let refused = |result: Result<perennial_models::linear::GlmModel>| {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Malformed { .. }) && error.to_string().contains("row 7"));
    };
    refused(PoissonRegressor::new().fit(&example.x, &y(-1.0)));
    refused(GammaRegressor::new().fit(&example.x, &y(0.0)));
    refused(TweedieRegressor::new().power(1.2).fit(&example.x, &y(-0.5)));
    let error = TweedieRegressor::new().power(0.5).fit(&example.x, &y(1.0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
}
