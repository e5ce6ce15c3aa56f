//! Metrics judge only the models that can answer them: what does not fit does not compile.

use std::marker::PhantomData;

use perennial_core::{Classes, Classifier, Matrix, Predictor, Probabilities, Result, Rows, Values};
use perennial_evaluation::metric::{Accuracy, Judges, RocAuc, RootMeanSquaredError};

/// Whether the metric judges the model, as the compiler knows it: the constant of `Pair` itself, which has bounds, goes
/// before the one that everything has.
macro_rules! judges {
    ($metric:ty, $model:ty) => {{
        #[allow(dead_code)]
        trait Otherwise {
            const JUDGES: bool = false;
        }
        impl<T> Otherwise for T {}
        struct Pair<A, B>(PhantomData<(A, B)>);
        #[allow(dead_code)]
        impl<A: Judges<B>, B: Predictor> Pair<A, B> {
            const JUDGES: bool = true;
        }
        Pair::<$metric, $model>::JUDGES
    }};
}

struct Regressor;
impl Predictor for Regressor {
    type Input = Matrix;
    type Output = Values;
    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(vec![0.0; x.n_rows()].into())
    }
}

struct Vote;
impl Predictor for Vote {
    type Input = Matrix;
    type Output = Classes;
    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Classes::new(vec![0; x.n_rows()], ["a".to_owned()])
    }
}

struct Probable;
impl Predictor for Probable {
    type Input = Matrix;
    type Output = Classes;
    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Vote.predict(x)
    }
}
impl Classifier for Probable {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        Probabilities::new(ndarray::Array2::ones((x.n_rows(), 1)), ["a".to_owned()])
    }
}

#[test]
fn a_metric_of_classes_does_not_judge_values() {
    assert!(judges!(RootMeanSquaredError, Regressor));
    assert!(!judges!(Accuracy, Regressor));
    assert!(judges!(Accuracy, Vote));
    assert!(!judges!(RootMeanSquaredError, Vote));
}

#[test]
fn a_ranking_needs_probabilities() {
    assert!(judges!(RocAuc, Probable));
    assert!(!judges!(RocAuc, Vote));
    assert!(!judges!(RocAuc, Regressor));
}
