//! Losses of one's own, in the places of those that are there.

use ndarray::{Array1, Array2};
use perennial_core::{Classes, Classifier, Error, Estimator, Matrix, Predictor, Result, Train, Values};
use perennial_models::boosting::{
    ClassObjective, ClassificationLoss, Labels, Objective, RankingLoss, RegressionLoss,
};
use perennial_models::{GradientBoostingClassifier, GradientBoostingRanker};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

/// A loss that does what another does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Own<O>(O);

impl<O: Objective> Objective for Own<O> {
    fn n_scores(&self) -> usize {
        self.0.n_scores()
    }

    fn check(&self, labels: &Labels<'_>) -> Result<()> {
        self.0.check(labels)
    }

    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        self.0.base_scores(labels)
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        self.0.derivatives(labels, scores, gradients, hessians);
    }

    fn answer(&self, scores: &mut [f64]) {
        self.0.answer(scores);
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        self.0.loss(labels, scores)
    }
}

/// The softmax of so many classes as there are, but at most three.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct UpToThree;

impl ClassObjective for UpToThree {
    type Loss = Own<ClassificationLoss>;

    fn for_classes(&self, rows: &[f64], _: Option<&Self::Loss>) -> Result<Self::Loss> {
        match rows.len() {
            3 => Ok(Own(ClassificationLoss::Softmax { n_classes: 3 })),
            n => Err(Error::unsupported(format!("this loss is for 3 classes, and there are {n}"))),
        }
    }
}

fn rows(n_classes: usize) -> (Matrix, Classes) {
    let mut random = Random::new(5);
    let x = Array2::from_shape_fn((300, 3), |_| random.normal());
    let class =
        |row: usize| ((x[[row, 0]] + 2.0) * n_classes as f64 / 4.0).clamp(0.0, n_classes as f64 - 1.0);
    let y = Classes::from_labels((0..300).map(|row| format!("class {}", class(row) as usize)));
    (Matrix::from(x), y)
}

#[test]
fn one_of_classes_is_as_good_as_what_is_there() -> Result<()> {
    let (x, y) = rows(3);
    let settings = || GradientBoostingClassifier::new().n_trees(8).max_leaves(5);
    let there = settings().fit(&x, &y)?;
    let own = settings().loss(Own(ClassificationLoss::Softmax { n_classes: 3 })).fit(&x, &y)?;
    assert!(own.booster() == there.booster());
    assert_eq!(own.predict_proba(&x)?, there.predict_proba(&x)?);
    assert_eq!(settings().loss(UpToThree).fit(&x, &y)?, own);
    // It is saved and read with its loss, and goes on.
    let saved = serde_json::to_string(&own).unwrap();
    assert_eq!(
        serde_json::from_str::<perennial_models::boosting::GradientBoostingClassifierModel<_>>(&saved)
            .unwrap(),
        own
    );
    let more = settings().loss(UpToThree).fit_from(&own, &Train::new(&x, &y))?;
    assert!(more.booster().trees() == settings().n_trees(16).fit(&x, &y)?.booster().trees());
    Ok(())
}

#[test]
fn one_that_does_not_fit_the_classes_is_refused() {
    let (x, y) = rows(4);
    let error = GradientBoostingClassifier::new().loss(UpToThree).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("there are 4"), "{error}");
    let softmax = Own(ClassificationLoss::Softmax { n_classes: 3 });
    let error = GradientBoostingClassifier::new().loss(softmax.clone()).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("3 scores") && error.contains("4 classes need 4"), "{error}");
    let (x, y) = rows(2);
    let error = GradientBoostingClassifier::new().loss(softmax).fit(&x, &y).unwrap_err().to_string();
    assert!(error.contains("2 classes need 1"), "{error}");
}

#[test]
fn one_of_ranks_sees_which_rows_compete() -> Result<()> {
    let (x, y) = rows(4);
    let grades: Values = y.codes().iter().map(|&code| f64::from(code)).collect();
    let groups: Vec<u32> = (0..300).map(|row| row % 15).collect();
    let settings = || GradientBoostingRanker::new().n_trees(6).max_leaves(5);
    let train = Train::new(&x, &grades).groups(&groups);
    let there = train.fit(&settings())?;
    let own = train.fit(&settings().loss(Own(RankingLoss::default())))?;
    assert_eq!(own.predict(&x)?, there.predict(&x)?);
    let one_group = vec![0; 300];
    let otherwise =
        Train::new(&x, &grades).groups(&one_group).fit(&settings().loss(Own(RankingLoss::default())))?;
    assert_ne!(otherwise.predict(&x)?, own.predict(&x)?);
    Ok(())
}

/// A loss with a table, which `{:?}` would cut.
#[derive(Clone, Debug, PartialEq)]
struct WithTable(Array1<f64>);

impl Objective for WithTable {
    fn base_scores(&self, labels: &Labels<'_>) -> Result<Vec<f64>> {
        RegressionLoss::SquaredError.base_scores(labels)
    }

    fn derivatives(&self, labels: &Labels<'_>, scores: &[f64], gradients: &mut [f64], hessians: &mut [f64]) {
        RegressionLoss::SquaredError.derivatives(labels, scores, gradients, hessians);
    }

    fn loss(&self, labels: &Labels<'_>, scores: &[f64]) -> f64 {
        RegressionLoss::SquaredError.loss(labels, scores)
    }
}

#[test]
fn all_numbers_of_a_long_table_tell_losses_apart() {
    let table = Array1::from_shape_fn(2000, |place| place as f64);
    let mut other = table.clone();
    other[1000] = 0.5;
    assert!(WithTable(table.clone()).same_as(&WithTable(table.clone())));
    assert!(!WithTable(table).same_as(&WithTable(other)));
}
