//! Forests.

use ndarray::Array2;
use perennial::core::{
    Classes, Classifier, Error, Estimator, Matrix, NoTarget, Predictor, Probabilities, Result, Rows, Values,
};
use perennial::models::forest::{ForestClassifierModel, MaxFeatures};
use perennial::models::{
    ExtraTreesClassifier, IsolationForest, RandomForestClassifier, RandomForestRegressor,
};

use crate::measure::{Bench, Record};
use crate::npy::{Split, array, numbers};
use crate::quality::{auc, log_loss, rmse};

pub(crate) fn rf_clf(bench: &Bench) -> Result<Record> {
    let settings = RandomForestClassifier::new().n_trees(100).seed(0);
    classification(bench, "100 trees, sqrt features, full depth", 50_000, &settings)
}

pub(crate) fn rf_clf_160k_d12(bench: &Bench) -> Result<Record> {
    let settings = RandomForestClassifier::new().n_trees(100).max_depth(12).seed(0);
    classification(bench, "100 trees, sqrt features, depth 12", 160_000, &settings)
}

pub(crate) fn et_clf(bench: &Bench) -> Result<Record> {
    let settings = ExtraTreesClassifier::new().n_trees(100).seed(0);
    classification(bench, "100 trees, sqrt features, full depth", 50_000, &settings)
}

fn classification(
    bench: &Bench,
    params: &str,
    n_rows: usize,
    settings: &dyn Estimator<Input = Matrix, Target = Classes, Model = ForestClassifierModel>,
) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let rows: Vec<usize> = (0..n_rows.min(data.x.n_rows())).collect();
    let (x, y) = (data.x.take(&rows)?, data.y.take(&rows)?);
    let about = format!("clf_200k ({}x{})", x.n_rows(), x.n_cols());
    let mut fitted = bench.fit(params, about, || settings.fit(&x, &y))?;
    let predicted = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    let n_leaves: usize = fitted.model.trees().iter().map(|tree| tree.n_leaves()).sum();
    let n_leaves = n_leaves as f64 / fitted.model.trees().len() as f64;
    Ok(fitted
        .record
        .quality("AUC", auc(&data.test_y, &predicted)?)
        .quality("logloss", log_loss(&data.test_y, &predicted, 1e-6))
        .quality("leaves", n_leaves))
}

pub(crate) fn rf_reg(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let rows: Vec<usize> = (0..100_000.min(data.x.n_rows())).collect();
    let (x, y) = (data.x.take(&rows)?, data.y.take(&rows)?);
    let settings = RandomForestRegressor::new().n_trees(50).seed(0);
    let settings = settings.max_features(MaxFeatures::Fraction(1.0 / 3.0)).min_samples_leaf(5);
    let about = format!("reg_1m ({}x{})", x.n_rows(), x.n_cols());
    let mut fitted = bench.fit("50 trees, 1/3 features, leaf>=5", about, || settings.fit(&x, &y))?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)))
}

pub(crate) fn iforest(bench: &Bench) -> Result<Record> {
    let x = Matrix::from(array(bench, "anom_100k_X")?);
    let y = Classes::from_labels(numbers(bench, "anom_100k_y")?.1.into_iter().map(|label| label as i64));
    let settings = IsolationForest::new().n_trees(200).seed(0);
    let about = format!("anom_100k ({}x{})", x.n_rows(), x.n_cols());
    let params = "200 trees, 256 rows each; predict = score 100k";
    let mut fitted = bench.fit(params, about, || settings.fit(&x, &NoTarget))?;
    let scores = fitted.predict(|model| model.score(&x))?;
    let shares: Vec<f64> = scores.as_slice().iter().flat_map(|score| [1.0 - score, *score]).collect();
    let shares = Array2::from_shape_vec((x.n_rows(), 2), shares).map_err(Error::other)?;
    let shares = Probabilities::new(shares, y.shared_names())?;
    Ok(fitted.record.quality("AUC", auc(&y, &shares)?))
}
