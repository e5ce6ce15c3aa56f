//! Single trees.

use perennial::core::{Classes, Classifier, Estimator, Predictor, Result, Values};
use perennial::models::{DecisionTreeClassifier, DecisionTreeRegressor};

use crate::measure::{Bench, Record};
use crate::npy::Split;
use crate::quality::{auc, log_loss, rmse};

pub(crate) fn tree_clf(bench: &Bench) -> Result<Record> {
    classification(bench, "full depth, all features", &DecisionTreeClassifier::new())
}

pub(crate) fn tree_clf_d10(bench: &Bench) -> Result<Record> {
    classification(bench, "depth 10, all features", &DecisionTreeClassifier::new().max_depth(10))
}

fn classification(bench: &Bench, params: &str, settings: &DecisionTreeClassifier) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let mut fitted = bench.fit(params, &data.about, || settings.fit(&data.x, &data.y))?;
    let predicted = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    let n_leaves = fitted.model.tree().n_leaves();
    Ok(fitted
        .record
        .quality("AUC", auc(&data.test_y, &predicted)?)
        .quality("logloss", log_loss(&data.test_y, &predicted, 1e-6))
        .quality("leaves", n_leaves as f64))
}

pub(crate) fn tree_reg_d10(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let settings = DecisionTreeRegressor::new().max_depth(10);
    let fit = || settings.fit(&data.x, &data.y);
    let mut fitted = bench.fit("depth 10, all features", &data.about, fit)?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)))
}
