//! Support vector machines.

use ndarray::{Array2, ArrayView2, Axis, s};
use perennial::core::{Classes, Estimator, Matrix, Predictor, Result, Rows, Values};
use perennial::models::{Svc, Svr};
use perennial::numeric::kernel::Kernel;

use crate::measure::{Bench, Record};
use crate::npy::{Split, array, numbers};
use crate::quality::rmse;

const N: usize = 10_000;

pub(crate) fn svc_rbf(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let (x, test_x) = standardised(&data.x, &data.test_x)?;
    let rows: Vec<usize> = (0..N).collect();
    let (y, truth) = (data.y.take(&rows)?, data.test_y.take(&rows)?);
    let settings = Svc::new().c(1.0).kernel(Kernel::rbf(0.02)).cache_size(1000.0);
    let about = "clf_200k first 10000x50, predict 10000";
    classify(bench, "RBF C=1 gamma=.02 cache 1000 MB", about, &settings, (&x, &y), (&test_x, &truth))
}

pub(crate) fn svc_rbf_mc(bench: &Bench) -> Result<Record> {
    let x = array(bench, "digits_20k_X")? / 16.0;
    let y = Classes::from_labels(numbers(bench, "digits_20k_y")?.1.into_iter().map(|label| label as i64));
    let (first, last): (Vec<usize>, Vec<usize>) = ((0..N).collect(), (N..y.n_rows()).collect());
    let (train, test) = (x.slice(s![..N, ..]).to_owned().into(), x.slice(s![N.., ..]).to_owned().into());
    let settings = Svc::new().c(5.0).kernel(Kernel::rbf(0.05)).cache_size(1000.0);
    let about = "digits_20k 10000x64, predict 10000";
    let (y, truth) = (y.take(&first)?, y.take(&last)?);
    classify(bench, "RBF C=5 gamma=.05, one-vs-one", about, &settings, (&train, &y), (&test, &truth))
}

pub(crate) fn svr_rbf(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let (x, test_x) = standardised(&data.x, &data.test_x)?;
    let rows: Vec<usize> = (0..N).collect();
    let (y, truth) = (data.y.take(&rows)?, data.test_y.take(&rows)?);
    let settings = Svr::new().c(10.0).kernel(Kernel::rbf(0.05)).epsilon(0.1).cache_size(1000.0);
    let about = "reg_1m first 10000x20, predict 10000";
    let mut fitted = bench.fit("RBF C=10 gamma=.05 eps=.1", about, || settings.fit(&x, &y))?;
    let predicted = fitted.predict(|model| model.predict(&test_x))?;
    let n_support = fitted.model.support_vectors().nrows();
    Ok(fitted.record.quality("RMSE", rmse(&truth, &predicted)).quality("nSV", n_support as f64))
}

fn classify(
    bench: &Bench,
    params: &str,
    about: &str,
    settings: &Svc,
    (x, y): (&Matrix, &Classes),
    (test_x, truth): (&Matrix, &Classes),
) -> Result<Record> {
    let mut fitted = bench.fit(params, about, || settings.fit(x, y))?;
    let predicted = fitted.predict(|model| model.predict(test_x))?;
    let right = predicted.codes().iter().zip(truth.codes()).filter(|(a, b)| a == b).count();
    let n_support = fitted.model.support_vectors().nrows();
    let accuracy = right as f64 / truth.n_rows() as f64;
    Ok(fitted.record.quality("acc", accuracy).quality("nSV", n_support as f64))
}

/// The first rows of both parts, in units of the deviation of the training rows.
fn standardised(x: &Matrix, test_x: &Matrix) -> Result<(Matrix, Matrix)> {
    let (x, test_x) = (x.dense()?.slice(s![..N, ..]), test_x.dense()?.slice(s![..N, ..]));
    let mean = x.mean_axis(Axis(0)).unwrap_or_default();
    let deviation = x.std_axis(Axis(0), 0.0);
    let scaled = |x: ArrayView2<'_, f64>| -> Array2<f64> { (&x - &mean) / &deviation };
    Ok((scaled(x).into(), scaled(test_x).into()))
}
