//! Networks.

use ndarray::s;
use perennial::core::{Classes, Estimator, Matrix, Predictor, Result, Rows, Values};
use perennial::models::neural::{Layer, MlpClassifier, MlpRegressor};

use crate::measure::{Bench, Record};
use crate::npy::{self, Split};
use crate::quality::rmse;

/// The peers do not standardise inside, and look at no loss to stop.
pub(crate) fn mlp_clf(bench: &Bench) -> Result<Record> {
    let x = npy::array(bench, "digits_20k_X")? / 16.0;
    let y = Classes::from_labels(npy::numbers(bench, "digits_20k_y")?.1.iter().map(|&label| label as i64));
    let part = |from: usize, to: usize| {
        let rows: Vec<usize> = (from..to).collect();
        Ok::<_, perennial::core::Error>((Matrix::from(x.slice(s![from..to, ..]).to_owned()), y.take(&rows)?))
    };
    let ((x, y), (test_x, test_y)) = (part(0, 16_000)?, part(16_000, 20_000)?);
    let settings = MlpClassifier::new()
        .layers([Layer::dense(128), Layer::dense(64)])
        .batch_size(128)
        .max_iter(20)
        .n_iter_no_change(999)
        .standardize(false)
        .seed(0);
    let mut fitted = bench.fit(
        "64-128-64-10 ReLU Adam, batch 128, 20 epochs, f32 inside",
        "digits_20k (16000x64)",
        || settings.fit(&x, &y),
    )?;
    let said: Classes = fitted.predict(|model| model.predict(&test_x))?;
    let right = said.codes().iter().zip(test_y.codes()).filter(|(a, b)| a == b).count();
    Ok(fitted.record.quality("acc", right as f64 / test_y.n_rows() as f64))
}

pub(crate) fn mlp_reg(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let head = |n: usize| (0..n).collect::<Vec<usize>>();
    let (x, y) = (data.x.take(&head(100_000))?, data.y.take(&head(100_000))?);
    let (test_x, test_y) = (data.test_x.take(&head(50_000))?, data.test_y.take(&head(50_000))?);
    let settings = MlpRegressor::new()
        .layers([Layer::dense(64), Layer::dense(64)])
        .batch_size(256)
        .max_iter(10)
        .n_iter_no_change(999)
        .seed(0);
    let mut fitted = bench.fit(
        "20-64-64-1 ReLU Adam, batch 256, 10 epochs, f32 inside",
        "reg_1m first 100000x20",
        || settings.fit(&x, &y),
    )?;
    let said = fitted.predict(|model| model.predict(&test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&test_y, &said)))
}
