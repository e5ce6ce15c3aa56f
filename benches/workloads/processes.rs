//! Gaussian processes and discriminants.

use ndarray::{Array2, Axis, s};
use perennial::core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Rows, Values};
use perennial::models::LinearDiscriminantAnalysis;
use perennial::models::gaussian_process::{Covariance, GaussianProcessRegressor};

use crate::measure::{Bench, Record};
use crate::npy::Split;
use crate::quality::{accuracy, rmse};

/// The first rows and five columns of both parts, in the units of the first rows.
fn part(bench: &Bench, n_rows: usize) -> Result<Split<Values>> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let head = |x: &Matrix, n: usize| {
        Ok::<Array2<f64>, perennial::core::Error>(x.dense()?.slice(s![..n, ..5]).to_owned())
    };
    let (x, test_x) = (head(&data.x, n_rows)?, head(&data.test_x, 2000)?);
    let zeros = || ndarray::Array1::zeros(5);
    let (mean, deviation) = (x.mean_axis(Axis(0)).unwrap_or_else(zeros), x.std_axis(Axis(0), 0.0));
    let rows = |n: usize| (0..n).collect::<Vec<usize>>();
    Ok(Split {
        x: ((x - &mean) / &deviation).into(),
        y: data.y.take(&rows(n_rows))?,
        test_x: ((test_x - &mean) / &deviation).into(),
        test_y: data.test_y.take(&rows(2000))?,
        about: format!("reg_1m first {n_rows}, cols 0-4"),
    })
}

pub(crate) fn gp_reg(bench: &Bench) -> Result<Record> {
    let data = part(bench, 3000)?;
    let covariance = Covariance::constant(30.0) * Covariance::rbf([2.0]) + Covariance::white(1.0);
    let settings = GaussianProcessRegressor::new().covariance(covariance).optimize(false);
    let about = "RBF+white fixed; predict mean+std 2000";
    let mut fitted = bench.fit(about, &data.about, || settings.fit(&data.x, &data.y))?;
    let (said, _) = fitted.predict(|model| model.predict_with_deviation(&data.test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &said)))
}

pub(crate) fn gp_reg_opt(bench: &Bench) -> Result<Record> {
    let data = part(bench, 1000)?;
    let covariance = Covariance::constant(1.0) * Covariance::rbf([1.0; 5]) + Covariance::white(0.1);
    let settings = GaussianProcessRegressor::new().covariance(covariance);
    let about = "ARD RBF+white, L-BFGS, no restarts";
    let mut fitted = bench.fit(about, &data.about, || settings.fit(&data.x, &data.y))?;
    let said = fitted.predict(|model| model.predict(&data.test_x))?;
    let likelihood = fitted.model.log_marginal_likelihood();
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &said)).quality("LML", likelihood))
}

pub(crate) fn lda(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_mc")?;
    let settings = LinearDiscriminantAnalysis::new();
    let mut fitted = bench.fit("whitened", &data.about, || settings.fit(&data.x, &data.y))?;
    let said = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    Ok(fitted.record.quality("acc", accuracy(&data.test_y, &said)))
}
