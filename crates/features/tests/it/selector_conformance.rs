//! Selectors that hold functions through the conformance kit, which writes and reads settings: here are estimators of
//! settings alone that make them.

use ndarray::{Array1, ArrayView1};
use perennial_core::{Capabilities, Estimator, FitTransform, Matrix, Result, Train, Values};
use perennial_features::{
    Rfe, RfeCv, RfeCvModel, SelectFromModel, SelectModel, SequentialFeatureSelector, Threshold,
};
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

/// The correlation of two lists, each first divided by its largest size, so that nothing leaves the range; 0 where one
/// does not vary.
fn alike(x: ArrayView1<'_, f64>, y: &[f64]) -> f64 {
    let most = |size: f64, value: &f64| size.max(value.abs());
    let (wide, tall) = (x.iter().fold(0.0, most), y.iter().fold(0.0, most));
    if !(wide > 0.0 && tall > 0.0) {
        return 0.0;
    }
    let n = y.len() as f64;
    let (a, b) = (x.iter().map(|x| x / wide).sum::<f64>() / n, y.iter().map(|y| y / tall).sum::<f64>() / n);
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x / wide - a, y / tall - b);
        both += x * y;
        first += x * x;
        second += y * y;
    }
    let scale = f64::sqrt(first) * f64::sqrt(second);
    if scale > 0.0 { both / scale } else { 0.0 }
}

/// A model of one number for each column: how it goes with the target.
#[derive(Clone, Debug)]
struct Alike;

impl Estimator for Alike {
    type Input = Matrix;
    type Target = Values;
    type Model = Array1<f64>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<Array1<f64>> {
        train.ctx.check()?;
        let x = train.x.dense()?;
        Ok(x.columns().into_iter().map(|column| alike(column, train.y.as_slice())).collect())
    }
}

/// The mean size of the correlations, which is best of the best column alone.
fn mean(x: &Matrix, y: &Values) -> Result<f64> {
    let x = x.dense()?;
    let sum: f64 = x.columns().into_iter().map(|column| alike(column, y.as_slice()).abs()).sum();
    Ok(sum / x.ncols().max(1) as f64)
}

fn mean_of_model(_: &Array1<f64>, x: &Matrix, y: &Values) -> Result<f64> {
    mean(x, y)
}

fn numbers(model: &Array1<f64>) -> Vec<f64> {
    model.to_vec()
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ByImportance {
    threshold: f64,
    max_features: usize,
}

impl Estimator for ByImportance {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        let select = SelectFromModel::new(Alike, numbers).threshold(Threshold::Mean(self.threshold));
        select.max_features(self.max_features).fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        SelectFromModel::new(Alike, numbers).capabilities()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ByElimination {
    n_features_to_select: usize,
    step: usize,
}

impl Estimator for ByElimination {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        let rfe = Rfe::new(Alike, numbers).n_features_to_select(self.n_features_to_select);
        rfe.step(self.step).fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        Rfe::new(Alike, numbers).capabilities()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ByFolds {
    cv: usize,
    min_features_to_select: usize,
    step: usize,
}

impl Estimator for ByFolds {
    type Input = Matrix;
    type Target = Values;
    type Model = RfeCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<RfeCvModel> {
        let rfe = RfeCv::new(Alike, numbers, mean_of_model).cv(self.cv).step(self.step);
        rfe.min_features_to_select(self.min_features_to_select).fit_on(train)
    }

    fn capabilities(&self) -> Capabilities {
        RfeCv::new(Alike, numbers, mean_of_model).capabilities()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneByOne {
    n_features_to_select: usize,
    backward: bool,
    tol: f64,
}

impl Estimator for OneByOne {
    type Input = Matrix;
    type Target = Values;
    type Model = SelectModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SelectModel> {
        let select = SequentialFeatureSelector::new(self.n_features_to_select, mean);
        select.backward(self.backward).tol(self.tol).fit_on(train)
    }
}

impl FitTransform for ByImportance {}
impl FitTransform for ByElimination {}
impl FitTransform for ByFolds {}
impl FitTransform for OneByOne {}

fn tags() -> Tags {
    Tags::new().selects_by_target()
}

check!(select_from_model, transformer, ByImportance { threshold: 0.5, max_features: 3 }, tags());
check!(elimination, transformer, ByElimination { n_features_to_select: 2, step: 1 }, tags());
check!(
    elimination_by_folds,
    transformer,
    ByFolds { cv: 3, min_features_to_select: 1, step: 1 },
    tags().most_rows(2000)
);
check!(
    one_by_one_backward,
    transformer,
    OneByOne { n_features_to_select: 2, backward: true, tol: 1.0 },
    tags().most_rows(2000)
);
check!(
    one_by_one,
    transformer,
    OneByOne { n_features_to_select: 1, backward: false, tol: 0.0 },
    tags().most_rows(2000)
);

#[test]
fn settings_alone_make_the_same_selectors() {
    let (x, y) = (
        Matrix::from(ndarray::array![[1.0, 4.0, 0.0], [2.0, 3.0, 1.0], [3.0, 5.0, 0.0], [4.0, 9.0, 1.0]]),
        Values::from(vec![2.0, 4.0, 6.0, 8.5]),
    );
    let kept = |model: &SelectModel| model.kept().map(str::to_owned).collect::<Vec<_>>();
    let by_importance = ByImportance { threshold: 0.0, max_features: 1 }.fit(&x, &y).unwrap();
    let by_elimination = ByElimination { n_features_to_select: 1, step: 2 }.fit(&x, &y).unwrap();
    let one_by_one = OneByOne { n_features_to_select: 1, backward: false, tol: 0.0 }.fit(&x, &y).unwrap();
    assert_eq!(kept(&by_importance), ["x0"]);
    assert_eq!(kept(&by_elimination), ["x0"]);
    assert_eq!(kept(&one_by_one), ["x0"]);
}
