//! The models that are scored.

use perennial::core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Values};
use perennial::evaluation::Metric;
use perennial::evaluation::metric::{Accuracy, LogLoss, MeanAbsoluteError, RocAuc, RootMeanSquaredError};
use perennial::models::{
    ExtraTreesClassifier, ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor,
};

use crate::compare::Measure;

/// Boosting, boosting with the settings of scikit-learn, a random forest and extra trees.
pub(crate) const N_LEARNERS: usize = 4;

const SEED: u64 = 7;

/// Rows to learn from and rows to be scored on.
pub(crate) struct Parts<Y> {
    pub(crate) x: Matrix,
    pub(crate) y: Y,
    pub(crate) test_x: Matrix,
    pub(crate) test_y: Y,
}

/// A target that the learners are scored on: the scores of each learner, one for each measure.
pub(crate) trait Scored: Sized {
    fn scores(parts: &Parts<Self>, measures: &[Measure]) -> Result<[Vec<f64>; N_LEARNERS]>;
}

/// The settings by which scikit-learn's `HistGradientBoosting` differs from ours: no penalty on the square of leaves,
/// and any number of categories on one side of a split.
macro_rules! like_scikit_learn {
    ($boosting:expr) => {
        $boosting.l2(0.0).category_l2(0.0).max_categories(255)
    };
}

impl Scored for Classes {
    fn scores(parts: &Parts<Classes>, measures: &[Measure]) -> Result<[Vec<f64>; N_LEARNERS]> {
        let boosting = GradientBoostingClassifier::new().seed(SEED);
        Ok([
            of_classes(&boosting, parts, measures)?,
            of_classes(&like_scikit_learn!(boosting), parts, measures)?,
            of_classes(&RandomForestClassifier::new().seed(SEED), parts, measures)?,
            of_classes(&ExtraTreesClassifier::new().seed(SEED), parts, measures)?,
        ])
    }
}

pub(crate) fn of_classes<E>(estimator: &E, parts: &Parts<Classes>, measures: &[Measure]) -> Result<Vec<f64>>
where
    E: Estimator<Input = Matrix, Target = Classes, Model: Classifier + Predictor<Input = Matrix>>,
{
    let shares = estimator.fit(&parts.x, &parts.y)?.predict_proba(&parts.test_x)?;
    let score = |measure: &Measure| match measure {
        Measure::RocAuc => RocAuc::new().score(&parts.test_y, &shares),
        Measure::LogLoss => LogLoss.score(&parts.test_y, &shares),
        _ => Accuracy.score(&parts.test_y, &shares.most_likely()),
    };
    measures.iter().map(score).collect()
}

impl Scored for Values {
    fn scores(parts: &Parts<Values>, measures: &[Measure]) -> Result<[Vec<f64>; N_LEARNERS]> {
        let boosting = GradientBoostingRegressor::new().seed(SEED);
        Ok([
            of_numbers(&boosting, parts, measures)?,
            of_numbers(&like_scikit_learn!(boosting), parts, measures)?,
            of_numbers(&RandomForestRegressor::new().seed(SEED), parts, measures)?,
            of_numbers(&ExtraTreesRegressor::new().seed(SEED), parts, measures)?,
        ])
    }
}

pub(crate) fn of_numbers<E>(estimator: &E, parts: &Parts<Values>, measures: &[Measure]) -> Result<Vec<f64>>
where
    E: Estimator<Input = Matrix, Target = Values, Model: Predictor<Input = Matrix, Output = Values>>,
{
    let answers = estimator.fit(&parts.x, &parts.y)?.predict(&parts.test_x)?;
    let score = |measure: &Measure| match measure {
        Measure::Mae => MeanAbsoluteError.score(&parts.test_y, &answers),
        _ => RootMeanSquaredError.score(&parts.test_y, &answers),
    };
    measures.iter().map(score).collect()
}
