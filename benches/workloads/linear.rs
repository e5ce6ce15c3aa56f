//! Linear models.

use ndarray::Axis;
use perennial::core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Values};
use perennial::models::linear::LinearModel;
use perennial::models::{LinearRegression, LogisticRegression, Ridge};

use crate::measure::{Bench, Record};
use crate::npy::Split;
use crate::quality::{accuracy, log_loss, rmse};

pub(crate) fn ols(bench: &Bench) -> Result<Record> {
    regression(bench, "OLS (QR)", &LinearRegression::new())
}

pub(crate) fn ridge(bench: &Bench) -> Result<Record> {
    regression(bench, "alpha 1 (QR)", &Ridge::new().alpha(1.0))
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

pub(crate) fn logreg_l2(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    // As for the peers, the rows are standardised before the clock starts.
    let x = data.x.dense()?;
    let zeros = || ndarray::Array1::zeros(x.ncols());
    let (mean, deviation) = (x.mean_axis(Axis(0)).unwrap_or_else(zeros), x.std_axis(Axis(0), 0.0));
    let standardised = |x: &Matrix| {
        Ok::<_, perennial::core::Error>(Matrix::from((x.dense()?.to_owned() - &mean) / &deviation))
    };
    let (x, test_x) = (standardised(&data.x)?, standardised(&data.test_x)?);
    let settings = LogisticRegression::new().c(1.0).max_iter(200);
    let about = format!("{} standardised", data.about);
    let mut fitted = bench.fit("L2 C=1, own choice of solver", about, || settings.fit(&x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict_proba(&test_x))?;
    let (n_iterations, gradient) = (fitted.model.n_iterations(), fitted.model.gradient_norm());
    Ok(fitted
        .record
        .quality("logloss", log_loss(&data.test_y, &predicted, f64::EPSILON))
        .quality("acc", accuracy(&data.test_y, &predicted))
        .quality("iters", n_iterations as f64)
        .quality("gradient", gradient))
}
