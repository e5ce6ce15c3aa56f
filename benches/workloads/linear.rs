//! Linear models.

use ndarray::Axis;
use perennial::core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Train, Values};
use perennial::models::linear::{ClassLoss, ElasticNetCvModel, LinearModel};
use perennial::models::{
    ElasticNetCv, Lasso, LassoCv, LinearRegression, LinearSvc, LogisticRegression, PoissonRegressor, Ridge,
    RidgeCv, SgdClassifier,
};

use crate::measure::{Bench, Record};
use crate::npy::Split;
use crate::quality::{accuracy, log_loss, rmse};

pub(crate) fn ols(bench: &Bench) -> Result<Record> {
    regression(bench, "OLS", &LinearRegression::new())
}

pub(crate) fn ridge(bench: &Bench) -> Result<Record> {
    regression(bench, "alpha 1", &Ridge::new().alpha(1.0))
}

fn regression(
    bench: &Bench,
    params: &str,
    estimator: &dyn Estimator<Input = Matrix, Target = Values, Model = LinearModel>,
) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let mut fitted = bench.fit(params, &data.about, || estimator.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let n_nonzero = fitted.model.coefficients().iter().filter(|&&weight| weight != 0.0).count();
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)).quality("nnz", n_nonzero as f64))
}

/// The rows of a data set of classes; as for the peers they are standardised before the clock starts.
struct Standardised {
    x: Matrix,
    y: Classes,
    test_x: Matrix,
    test_y: Classes,
    about: String,
}

impl Standardised {
    fn load(bench: &Bench, name: &str) -> Result<Self> {
        let data: Split<Classes> = Split::load(bench, name)?;
        let x = data.x.dense()?;
        let zeros = || ndarray::Array1::zeros(x.ncols());
        let (mean, deviation) = (x.mean_axis(Axis(0)).unwrap_or_else(zeros), x.std_axis(Axis(0), 0.0));
        let standardised = |x: &Matrix| {
            Ok::<_, perennial::core::Error>(Matrix::from((x.dense()?.to_owned() - &mean) / &deviation))
        };
        let (x, test_x) = (standardised(&data.x)?, standardised(&data.test_x)?);
        let about = format!("{} standardised", data.about);
        Ok(Standardised { x, y: data.y, test_x, test_y: data.test_y, about })
    }
}

fn logistic(bench: &Bench, name: &str, params: &str, settings: &LogisticRegression) -> Result<Record> {
    let data = Standardised::load(bench, name)?;
    let mut fitted = bench.fit(params, &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    let (n_iterations, gradient) = (fitted.model.n_iterations(), fitted.model.gradient_norm());
    Ok(fitted
        .record
        .quality("logloss", log_loss(&data.test_y, &predicted, f64::EPSILON))
        .quality("acc", accuracy(&data.test_y, &predicted))
        .quality("iters", n_iterations as f64)
        .quality("gradient", gradient))
}

pub(crate) fn logreg_l2(bench: &Bench) -> Result<Record> {
    let settings = LogisticRegression::new().c(1.0).max_iter(200).tolerance(1e-4);
    logistic(bench, "clf_200k", "L2 C=1, own choice of solver, tol 1e-4", &settings)
}

pub(crate) fn logreg_mc(bench: &Bench) -> Result<Record> {
    let settings = LogisticRegression::new().c(1.0).max_iter(300).tolerance(1e-4);
    logistic(bench, "clf_mc", "multinomial L2 C=1, own choice of solver, tol 1e-4", &settings)
}

pub(crate) fn logreg_l1(bench: &Bench) -> Result<Record> {
    let settings = LogisticRegression::new().c(0.01).l1_ratio(1.0).max_iter(200).tolerance(1e-4);
    logistic(bench, "clf_200k", "L1 C=.01, proximal Newton, tol 1e-4", &settings)
}

pub(crate) fn sgd_clf(bench: &Bench) -> Result<Record> {
    let data = Standardised::load(bench, "clf_200k")?;
    let settings = SgdClassifier::new().loss(ClassLoss::LogLoss).max_iter(10).tolerance(-1.0).seed(0);
    let mut fitted = bench.fit("log loss, 10 epochs", &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let scores = fitted.model.decision_function(&data.test_x)?;
    // The log loss of the scores, which this model does not call probabilities.
    let loss = |(score, code): (&f64, &u32)| (1.0 + (if *code == 1 { -score } else { *score }).exp()).ln();
    let loss = scores.iter().zip(data.test_y.codes()).map(loss).sum::<f64>() / scores.len() as f64;
    let right = predicted.codes().iter().zip(data.test_y.codes()).filter(|(a, b)| a == b).count();
    let share = right as f64 / predicted.codes().len() as f64;
    Ok(fitted.record.quality("logloss", loss).quality("acc", share).quality("iters", 10.0))
}

pub(crate) fn linearsvc(bench: &Bench) -> Result<Record> {
    let data = Standardised::load(bench, "clf_200k")?;
    let settings = LinearSvc::new().c(1.0).tolerance(1e-4);
    let mut fitted =
        bench.fit("squared hinge, primal, C=1, Newton", &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let right = predicted.codes().iter().zip(data.test_y.codes()).filter(|(a, b)| a == b).count();
    let n_iterations = fitted.model.n_iterations() as f64;
    let share = right as f64 / predicted.codes().len() as f64;
    Ok(fitted.record.quality("acc", share).quality("iters", n_iterations))
}

pub(crate) fn lasso(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "wide_20k")?;
    let settings = Lasso::new().alpha(0.01);
    let mut fitted = bench.fit("alpha .01", &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let n_nonzero = fitted.model.n_nonzero() as f64;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)).quality("nnz", n_nonzero))
}

pub(crate) fn lasso_path(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "wide_20k")?;
    // As the peer's, this path has no intercept.
    let settings = Lasso::new().fit_intercept(false);
    let train = Train::new(&data.x, &data.y);
    let fitted = bench.fit("100 alphas, eps 1e-3", &data.about, || settings.path(&train, 100, 1e-3))?;
    let last = fitted.model.coefficients().nrows() - 1;
    let n_nonzero = fitted.model.coefficients().row(last).iter().filter(|weight| **weight != 0.0).count();
    Ok(fitted.record.quality("nnz_end", n_nonzero as f64))
}

pub(crate) fn lasso_cv(bench: &Bench) -> Result<Record> {
    chosen(bench, "100 alphas, 5-fold", &LassoCv::new())
}

pub(crate) fn enet_cv(bench: &Bench) -> Result<Record> {
    chosen(bench, "100 alphas, 5-fold, l1_ratio .5", &ElasticNetCv::new())
}

fn chosen(
    bench: &Bench,
    params: &str,
    estimator: &dyn Estimator<Input = Matrix, Target = Values, Model = ElasticNetCvModel>,
) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "wide_20k")?;
    let mut fitted = bench.fit(params, &data.about, || estimator.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let (n_nonzero, alpha) = (fitted.model.model().n_nonzero() as f64, fitted.model.alpha());
    let record = fitted.record.quality("RMSE", rmse(&data.test_y, &predicted));
    Ok(record.quality("nnz", n_nonzero).quality("alpha", alpha))
}

pub(crate) fn ridgecv_wide(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "wide_20k")?;
    let alphas: Vec<f64> = (0..20).map(|i| 10f64.powf(-3.0 + 6.0 * f64::from(i) / 19.0)).collect();
    let settings = RidgeCv::new().alphas(alphas);
    let mut fitted = bench.fit("20 alphas, LOO", &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    let alpha = fitted.model.alpha();
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)).quality("alpha", alpha))
}

pub(crate) fn poisson_glm(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let y: Values = data.y.as_slice().iter().map(|y| y.abs()).collect();
    let settings = PoissonRegressor::new().alpha(1e-3).tolerance(1e-4);
    let mut fitted = bench.fit("Newton on |y|, tol 1e-4", &data.about, || settings.fit(&data.x, &y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)))
}
