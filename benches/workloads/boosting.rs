//! Gradient boosting.

use ndarray::Array2;
use perennial::core::{
    Classes, Classifier, Estimator, FitTransform, Matrix, NoTarget, Predictor, Result, Rows, Train,
    Transformer, Values,
};
use perennial::data::{ColumnType, read_parquet};
use perennial::evaluation::metric::LogLoss;
use perennial::evaluation::split::StratifiedKFold;
use perennial::evaluation::{CrossValidation, cross_validate};
use perennial::models::binned::LearnsFromBins;
use perennial::models::{Binner, GradientBoostingClassifier, GradientBoostingRegressor};
use perennial::preprocessing::OrdinalEncoder;

use crate::measure::{Bench, Record};
use crate::npy::{self, Split};
use crate::quality::{accuracy, auc, log_loss, rmse};

fn classifier(n_trees: usize) -> GradientBoostingClassifier {
    GradientBoostingClassifier::new().n_trees(n_trees)
}

pub(crate) fn gbdt_bin(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let fit = || classifier(200).fit(&data.x, &data.y);
    let mut fitted = bench.fit("200 trees, 31 leaves, leaf-wise", &data.about, fit)?;
    let predicted = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    Ok(fitted
        .record
        .quality("AUC", auc(&data.test_y, &predicted)?)
        .quality("logloss", log_loss(&data.test_y, &predicted, 1e-15)))
}

pub(crate) fn gbdt_reg(bench: &Bench) -> Result<Record> {
    let data: Split<Values> = Split::load(bench, "reg_1m")?;
    let settings = GradientBoostingRegressor::new().n_trees(200);
    let fit = || settings.fit(&data.x, &data.y);
    let mut fitted = bench.fit("200 trees, 31 leaves, leaf-wise", &data.about, fit)?;
    let predicted = fitted.predict(|model| model.predict(&data.test_x))?;
    Ok(fitted.record.quality("RMSE", rmse(&data.test_y, &predicted)))
}

pub(crate) fn gbdt_mc(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_mc")?;
    let fit = || classifier(50).fit(&data.x, &data.y);
    let mut fitted = bench.fit("50 rounds, 31 leaves, leaf-wise", &data.about, fit)?;
    let predicted = fitted.predict(|model| model.predict_proba(&data.test_x))?;
    Ok(fitted
        .record
        .quality("acc", accuracy(&data.test_y, &predicted))
        .quality("logloss", log_loss(&data.test_y, &predicted, 1e-15)))
}

pub(crate) fn gbdt_binning(bench: &Bench) -> Result<Record> {
    let x: Matrix = npy::array(bench, "reg_1m_Xtr")?.into();
    let fit = || Ok(Binner::new().fit_transform_on(&Train::new(&x, &NoTarget))?.1);
    let fitted = bench.fit("bins only, 255 bins", "reg_1m (800000x20)", fit)?;
    Ok(fitted.record)
}

/// Five folds of the booster of `gbdt_bin`: bins made once, folds in parallel.
pub(crate) fn gbdt_cv5(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let settings = classifier(200).on_bins();
    let folds = StratifiedKFold::new(5);
    let fit = || {
        let binned = Binner::new().fit_transform_on(&Train::new(&data.x, &NoTarget))?.1;
        cross_validate(&settings, &binned, &data.y, &folds, &LogLoss, &CrossValidation::new())
            .map(|validated| validated.mean())
    };
    let fitted = bench.fit("5 folds, 200 trees, 31 leaves", &data.about, fit)?;
    let score = fitted.model;
    Ok(fitted.record.quality("logloss", score))
}

/// A million rows with categories and missing values.
pub(crate) fn gbdt_mixed(bench: &Bench) -> Result<Record> {
    let (x, y) = mixed(bench)?;
    let n_train = x.n_rows() / 5 * 4;
    let (train, test): (Vec<usize>, Vec<usize>) = (0..x.n_rows()).partition(|&row| row < n_train);
    let (train_x, train_y, test_x, test_y) =
        (x.take(&train)?, y.take(&train)?, x.take(&test)?, y.take(&test)?);
    drop((x, y));
    let fit = || classifier(100).fit(&train_x, &train_y);
    let mut fitted = bench.fit("100 trees, 31 leaves, native categories", "mixed_1m first 80 %", fit)?;
    let predicted = fitted.predict(|model| model.predict_proba(&test_x))?;
    Ok(fitted
        .record
        .quality("AUC", auc(&test_y, &predicted)?)
        .quality("logloss", log_loss(&test_y, &predicted, 1e-15)))
}

/// Numbers as they are, texts as codes in the order of their names; what is missing stays missing.
fn mixed(bench: &Bench) -> Result<(Matrix, Classes)> {
    const NUMBERS: [&str; 11] = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "i_count", "i_age", "flag"];
    let table = read_parquet(bench.path("mixed_1m.parquet"))?;
    let encoder = OrdinalEncoder::new();
    let texts = table.select(&["c_low", "c_mid", "c_high"])?;
    let codes = encoder.fit(&texts, &NoTarget)?.transform(&texts)?;
    let mut values = Array2::zeros((table.n_rows(), NUMBERS.len()));
    for (index, name) in NUMBERS.iter().enumerate() {
        let column = table.column(name)?;
        let cells: Vec<f64> = match column.column_type() {
            ColumnType::Boolean => column
                .as_boolean()?
                .map(|cell| cell.map_or(f64::NAN, |flag| f64::from(u8::from(flag))))
                .collect(),
            _ => column.cast(ColumnType::Real)?.as_real()?.to_vec(),
        };
        values.column_mut(index).iter_mut().zip(cells).for_each(|(to, from)| *to = from);
    }
    let target = table.column("target")?;
    let y = Classes::from_labels(target.as_integer()?.map(|label| label.unwrap_or(0)));
    let numbers = Matrix::from(values).with_names(NUMBERS)?;
    Ok((Matrix::hstack(&[numbers, codes])?, y))
}
