//! Metrics and cross-validation.

use std::time::Instant;

use ndarray::{Array2, s};
use perennial::core::{Classes, Error, Estimator, Explainer, Matrix, Probabilities, Result, Rows, Values};
use perennial::evaluation::explain::{Score, Shap};
use perennial::evaluation::metric::{
    Accuracy, Brier, F1, LogLoss, MeanSquaredError, RocAuc, confusion_matrix, ranking,
};
use perennial::evaluation::split::StratifiedKFold;
use perennial::evaluation::{
    CrossValidation, IntervalOptions, Metric, PermutationImportance, cross_validate,
};
use perennial::models::{GradientBoostingClassifier, LogisticRegression};
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

pub(crate) fn average_precision_10m(bench: &Bench) -> Result<Record> {
    let scores = numbers(bench, "scores_10m_s")?.1;
    let positive: Vec<bool> = numbers(bench, "scores_10m_y")?.1.iter().map(|&label| label == 1.0).collect();
    value(bench, "scores_10m", || ranking::average_precision(&scores, &positive, None))
}

/// Times a metric, and says what it gave.
fn value(bench: &Bench, data: &str, metric: impl Fn() -> Result<f64>) -> Result<Record> {
    let fitted = bench.fit("", data, metric)?;
    let value = fitted.model;
    Ok(fitted.record.quality("value", value))
}

/// Classes and probabilities of ten million rows.
fn probabilities(bench: &Bench) -> Result<(Classes, Probabilities)> {
    let scores = numbers(bench, "scores_10m_s")?.1;
    let names = ["0", "1"].map(String::from).to_vec();
    let codes = numbers(bench, "scores_10m_y")?.1.iter().map(|&label| label as u32).collect();
    let shares = Array2::from_shape_fn((scores.len(), 2), |(row, class)| {
        let share = 1.0 / (1.0 + (-scores[row]).exp());
        if class == 1 { share } else { 1.0 - share }
    });
    Ok((Classes::new(codes, names.clone())?, Probabilities::new(shares, names)?))
}

pub(crate) fn log_loss_10m(bench: &Bench) -> Result<Record> {
    let (truth, said) = probabilities(bench)?;
    value(bench, "scores_10m", || LogLoss.score(&truth, &said))
}

pub(crate) fn brier_10m(bench: &Bench) -> Result<Record> {
    let (truth, said) = probabilities(bench)?;
    value(bench, "scores_10m", || Brier.score(&truth, &said))
}

/// True and given classes of ten million rows.
fn labels(bench: &Bench) -> Result<(Classes, Classes)> {
    let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let classes = |name: &str| {
        let codes = numbers(bench, name)?.1.iter().map(|&label| label as u32).collect();
        Classes::new(codes, names.clone())
    };
    Ok((classes("labels_10m_t")?, classes("labels_10m_p")?))
}

pub(crate) fn confusion_10cls_10m(bench: &Bench) -> Result<Record> {
    let (truth, given) = labels(bench)?;
    value(bench, "labels_10m", || Ok(confusion_matrix(&truth, &given, None)?.counts()[[0, 0]]))
}

pub(crate) fn accuracy_10m(bench: &Bench) -> Result<Record> {
    let (truth, given) = labels(bench)?;
    value(bench, "labels_10m", || Accuracy.score(&truth, &given))
}

pub(crate) fn macro_f1_10m(bench: &Bench) -> Result<Record> {
    let (truth, given) = labels(bench)?;
    value(bench, "labels_10m", || F1::default().score(&truth, &given))
}

pub(crate) fn mse_10m(bench: &Bench) -> Result<Record> {
    let values = |name: &str| Ok::<Values, Error>(numbers(bench, name)?.1.into());
    let (truth, given) = (values("labels_10m_t")?, values("labels_10m_p")?);
    value(bench, "labels_10m", || MeanSquaredError.score(&truth, &given))
}

/// A thousand replicates, beside the time of one area under the curve.
pub(crate) fn bootstrap_auc_100k(bench: &Bench) -> Result<Record> {
    let (truth, said) = probabilities(bench)?;
    let first: Vec<usize> = (0..100_000).collect();
    let (truth, said) = (truth.take(&first)?, said.take(&first)?);
    let one = Instant::now();
    for _ in 0..10 {
        std::hint::black_box(RocAuc::new().score(&truth, &said)?);
    }
    let one = one.elapsed().as_secs_f64() / 10.0;
    let options = IntervalOptions::new().bootstrap().replicates(1000);
    let fitted = bench.fit("1000 replicates, BCa", "scores_10m first 100000", || {
        RocAuc::new().interval(&truth, &said, &options)
    })?;
    let interval = fitted.model;
    Ok(fitted.record.quality("low", interval.low).quality("high", interval.high).quality("one_auc_s", one))
}

pub(crate) fn perm_importance(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let (learned, asked): (Vec<usize>, Vec<usize>) = ((0..50_000).collect(), (0..10_000).collect());
    let model = GradientBoostingClassifier::new()
        .n_trees(100)
        .fit(&data.x.take(&learned)?, &data.y.take(&learned)?)?;
    let (x, y) = (data.test_x.take(&asked)?, data.test_y.take(&asked)?);
    let measure = || PermutationImportance::new().n_repeats(5).measure(&model, &x, &y, &RocAuc::new());
    let fitted = bench.fit("100 trees, 5 repeats, AUC", "clf_200k test first 10000x50", measure)?;
    let most = fitted.model.iter().map(|feature| feature.interval.estimate).fold(0.0, f64::max);
    Ok(fitted.record.quality("max", most))
}

pub(crate) fn kernel_shap(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let learned: Vec<usize> = (0..50_000).collect();
    let model = GradientBoostingClassifier::new()
        .n_trees(50)
        .fit(&data.x.take(&learned)?, &data.y.take(&learned)?)?;
    let score = Score::probability(&model, "1");
    let background = Matrix::from(data.x.dense()?.slice(s![..50, ..]).to_owned());
    let x = Matrix::from(data.test_x.dense()?.slice(s![..10, ..]).to_owned());
    let explain = || Shap::new(&score, &background)?.explain(&x);
    let fitted = bench.fit("50 trees, 10 rows, background 50, 2148 coalitions", "clf_200k", explain)?;
    let sums = fitted.model.values()[0].sum_axis(ndarray::Axis(1)) + fitted.model.base()[0];
    let worst =
        sums.iter().zip(score.of(&x)?).fold(0.0_f64, |worst, (sum, score)| worst.max((sum - score).abs()));
    Ok(fitted.record.quality("additivity", worst))
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
