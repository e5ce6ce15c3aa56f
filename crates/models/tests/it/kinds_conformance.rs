//! Estimators of other inputs or targets than those of the kit go through it behind a step that makes these of them.

use ndarray::Axis;
use perennial_core::{
    Capabilities, ClassOutputs, Classes, Classifier, Estimator, Features, Matrix, Predictor, Probabilities,
    Result, Rows, Train, Values,
};
use perennial_models::naive_bayes::CategoricalNaiveBayes;
use perennial_models::{GaussianNaiveBayes, IsotonicRegression};
use perennial_testing::{Tags, check};
use serde::{Deserialize, Serialize};

/// A classifier of floors: a number is 0 below -0.5, 2 above 0.5, else 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Floors<E>(E);

fn floors(x: &Matrix) -> Result<Matrix> {
    let floor = |value: f64| match value {
        value if value.is_nan() => value,
        value if value < -0.5 => 0.0,
        value if value > 0.5 => 2.0,
        _ => 1.0,
    };
    Matrix::from(x.dense()?.mapv(floor)).with_features(x.features().clone())
}

impl<E: Estimator<Input = Matrix, Target = Classes>> Estimator for Floors<E> {
    type Input = Matrix;
    type Target = Classes;
    type Model = Floors<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<Floors<E::Model>> {
        Ok(Floors(self.0.fit_on(&train.with_input(&floors(train.x)?, None))?))
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.0.capabilities();
        (accepts.sparse, accepts.categorical) = (false, false);
        accepts
    }
}

impl<M: Predictor<Input = Matrix, Output = Classes>> Predictor for Floors<M> {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        x.check_finite(false)?;
        self.0.predict(&floors(x)?)
    }
}

impl<M: Classifier<Input = Matrix>> Classifier for Floors<M> {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        x.check_finite(false)?;
        self.0.predict_proba(&floors(x)?)
    }
}

check!(naive_bayes_categorical, classifier, Floors(CategoricalNaiveBayes::new()), Tags::new().poor_score());

/// A regression by the first column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct First<E> {
    inner: E,
    features: Option<Features>,
}

impl<E: Estimator<Input = Matrix, Target = Values>> Estimator for First<E> {
    type Input = Matrix;
    type Target = Values;
    type Model = First<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<First<E::Model>> {
        let inner = self.inner.fit_on(&train.with_input(&train.x.select(&[0])?, None))?;
        Ok(First { inner, features: Some(train.x.features().clone()) })
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

impl<M: Predictor<Input = Matrix, Output = Values>> Predictor for First<M> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        let x = match &self.features {
            Some(features) => features.align(x)?.into_owned(),
            None => x.clone(),
        };
        x.check_finite(false)?;
        self.inner.predict(&x.select(&[0])?)
    }
}

check!(
    isotonic,
    regressor,
    First { inner: IsotonicRegression::new(), features: None },
    Tags::new().poor_score().exact_solver()
);

/// A classifier of several outputs as one of the label and of whether it is the first.
#[cfg(feature = "compose")]
mod chains {
    use perennial_models::compose::{ClassifierChain, MultiOutputClassifier};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Two<E>(E);

    impl<E: Estimator<Input = Matrix, Target = ClassOutputs>> Estimator for Two<E> {
        type Input = Matrix;
        type Target = Classes;
        type Model = Two<E::Model>;

        fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<Two<E::Model>> {
            let y = [("copy".to_owned(), train.y.clone()), ("label".to_owned(), train.y.clone())];
            Ok(Two(self.0.fit_on(&train.with_targets(&ClassOutputs::new(y)?, None))?))
        }

        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }
    }

    impl<M: Predictor<Input = Matrix, Output = ClassOutputs>> Predictor for Two<M> {
        type Input = Matrix;
        type Output = Classes;

        fn predict(&self, x: &Matrix) -> Result<Classes> {
            Ok(self.0.predict(x)?.outputs()[1].clone())
        }
    }

    check!(classifier_chain, decider, Two(ClassifierChain::new(GaussianNaiveBayes::new())), Tags::new());
    check!(
        classifier_chain_crossed,
        decider,
        Two(ClassifierChain::new(GaussianNaiveBayes::new()).cv(3)),
        Tags::new()
    );
    check!(
        multi_output_classifier,
        decider,
        Two(MultiOutputClassifier::new(GaussianNaiveBayes::new())),
        Tags::new()
    );
}

#[test]
fn floors_keep_what_is_missing() {
    let x = Matrix::from(ndarray::array![[f64::NAN, -1.0, 0.0, 1.0]]);
    let floors = floors(&x).unwrap();
    assert!(floors.dense().unwrap()[[0, 0]].is_nan());
    assert_eq!(floors.dense().unwrap().index_axis(Axis(0), 0).to_vec()[1..], [0.0, 1.0, 2.0]);
    assert_eq!(floors.n_rows(), 1);
}
