//! Pipelines: what reaches which step, and models that are chosen at run time.

use std::sync::{Arc, Mutex};

use ndarray::array;
use perennial_core::{
    BoxEstimator, Capabilities, Context, Estimator, FitTransform, Matrix, NoTarget, Persist, Predictor,
    Result, Rows, Train, Transformer, Values, estimator_fn, transformer_fn,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default)]
struct Shift {
    weights: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ShiftModel(f64);

impl Estimator for Shift {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = ShiftModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<ShiftModel> {
        Ok(ShiftModel(train.x.dense()?.sum()))
    }

    fn capabilities(&self) -> Capabilities {
        if self.weights { Capabilities::new().weights() } else { Capabilities::new() }
    }
}

impl FitTransform for Shift {}

impl Transformer for ShiftModel {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(Matrix::from(x.dense()? - self.0))
    }
}

/// A supervised transformer: subtracts the mean of the target.
#[derive(Debug, Clone, Default)]
struct ByTarget;

impl Estimator for ByTarget {
    type Input = Matrix;
    type Target = Values;
    type Model = ShiftModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<ShiftModel> {
        Ok(ShiftModel(train.y.as_slice().iter().sum()))
    }
}

impl FitTransform for ByTarget {
    fn fit_transform_on(&self, train: &Train<'_, Matrix, Values>) -> Result<(ShiftModel, Matrix)> {
        Ok((self.fit_on(train)?, Matrix::from(train.x.dense()? * 0.0)))
    }
}

/// Remembers what its fit was shown.
#[derive(Clone, Default)]
struct Spy {
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SumModel;

impl Estimator for Spy {
    type Input = Matrix;
    type Target = Values;
    type Model = SumModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SumModel> {
        let validation = train.validation.map(|(x, y)| (x.dense().unwrap().sum(), y.as_slice().to_vec()));
        let line = format!(
            "{} x={} w={:?} g={:?} v={validation:?}",
            train.ctx.path(),
            train.x.dense()?.sum(),
            train.weights,
            train.groups
        );
        self.seen.lock().unwrap().push(line);
        Ok(SumModel)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights().groups().validation()
    }
}

impl Predictor for SumModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.rows().into_iter().map(|row| row.sum()).collect())
    }
}

fn data() -> (Matrix, Values) {
    (Matrix::from(array![[1.0], [2.0]]), vec![10.0, 20.0].into())
}

#[test]
fn weights_groups_context_and_transformed_validation_reach_the_last_step() {
    let (x, y) = data();
    let (vx, vy) = (Matrix::from(array![[5.0]]), Values::from(vec![7.0]));
    let spy = Spy::default();
    let pipeline = Shift { weights: true }.named("shift").then(spy.clone());
    let train = Train::new(&x, &y).weights(&[1.0, 2.0]).groups(&[0, 1]).validation(&vx, &vy);
    let model = train.context(Context::new().child("cv")).fit(&pipeline).unwrap();
    // The shift is 1 + 2, so the rows sum to -3 and the validation row becomes 2.
    let expected = "cv/Spy x=-3 w=Some([1.0, 2.0]) g=Some([0, 1]) v=Some((2.0, [7.0]))";
    assert_eq!(*spy.seen.lock().unwrap(), [expected]);
    assert_eq!(model.predict(&x).unwrap().as_slice(), [-2.0, -1.0]);
    assert_eq!(pipeline.steps(), ["shift", "Spy"]);
}

#[test]
fn a_step_that_would_ignore_weights_is_refused() {
    let (x, y) = data();
    let pipeline = Shift { weights: false }.then(Spy::default());
    assert!(Train::new(&x, &y).weights(&[1.0, 1.0]).fit(&pipeline).is_err());
}

#[test]
fn a_supervised_step_keeps_its_target_and_its_own_training_output() {
    let (x, y) = data();
    let spy = Spy::default();
    // Then<Then<supervised, unsupervised>, supervised>: the joined target is that of the supervised parts.
    let pipeline = ByTarget.then(Shift::default()).then(spy.clone());
    pipeline.fit(&x, &y).unwrap();
    assert!(
        spy.seen.lock().unwrap()[0].contains("x=0 "),
        "the cross-fitted output must be used while training"
    );
}

#[test]
fn what_a_step_makes_is_checked_before_the_next_step_sees_it() {
    let (x, y) = data();
    let spoil = transformer_fn(|x: &Matrix| Ok(Matrix::from(x.dense()?.mapv(|_| f64::NAN)))).frozen();
    let error = spoil.then(Spy::default()).fit(&x, &y).unwrap_err();
    assert!(error.to_string().starts_with("Spy: the input is NaN at row 0, column `x0`"), "{error}");
}

#[test]
fn boxed_pipelines_are_chosen_saved_and_loaded() {
    let (x, y) = data();
    let choices: Vec<BoxEstimator<Matrix, Values, Values>> =
        vec![Shift::default().then(Spy::default()).boxed(), ByTarget.then(Spy::default()).boxed()];
    for estimator in &choices {
        let model = estimator.fit(&x, &y).unwrap();
        let bytes = estimator.encode(&model).unwrap();
        let back = estimator.decode(&bytes).unwrap();
        assert_eq!(back.predict(&x).unwrap(), model.predict(&x).unwrap());
        assert!(estimator.decode(&bytes[1..]).is_err());
    }
    let other = Spy::default().boxed();
    let model = choices[0].fit(&x, &y).unwrap();
    assert!(other.encode(&model).unwrap_err().to_string().contains("another estimator"));
}

#[test]
fn functions_are_steps() {
    let (x, y) = data();
    let mean = estimator_fn(|train: &Train<'_, Matrix, Values>| {
        let mean = train.y.view().mean().unwrap_or(0.0);
        Ok(transformer_fn(move |x: &Matrix| Ok(vec![mean; x.n_rows()])))
    });
    assert_eq!(mean.fit(&x, &y).unwrap().transform(&x).unwrap(), [15.0, 15.0]);
}
