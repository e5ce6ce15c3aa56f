//! Metrics and cross-validation.

use perennial::core::{Classes, Estimator, Result};
use perennial::evaluation::metric::{RocAuc, ranking};
use perennial::evaluation::split::StratifiedKFold;
use perennial::evaluation::{CrossValidation, cross_validate};
use perennial::models::LogisticRegression;
use perennial::preprocessing::StandardScaler;

use crate::measure::{Bench, Record};
use crate::npy::{Split, numbers};

pub(crate) fn roc_auc_10m(bench: &Bench) -> Result<Record> {
    let scores = numbers(bench, "scores_10m_s")?.1;
    let positive: Vec<bool> = numbers(bench, "scores_10m_y")?.1.iter().map(|&label| label == 1.0).collect();
    let fitted = bench.fit("", "scores_10m", || ranking::roc_auc(&scores, &positive, None))?;
    let auc = fitted.model;
    Ok(fitted.record.quality("AUC", auc))
}

pub(crate) fn cv5_logreg(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let pipeline = StandardScaler::new().then(LogisticRegression::new().c(1.0).max_iter(200));
    let folds = StratifiedKFold::new(5).shuffle(false);
    let work = || {
        cross_validate(&pipeline, &data.x, &data.y, &folds, &RocAuc::new(), &CrossValidation::new())
            .map(|validated| validated.mean())
    };
    let fitted = bench.fit("scaler + L2 C=1, 5-fold, roc_auc", &data.about, work)?;
    let auc = fitted.model;
    Ok(fitted.record.quality("AUC", auc))
}
