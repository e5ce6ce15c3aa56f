//! Logistic regression whose penalty is chosen by cross-validation.

use ndarray::{Array2, ArrayRef2, ArrayView1};
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Matrix, Param, Predictor, Probabilities, Result,
    Rows, Train,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::logistic::{LogisticRegression, Solver};
use super::logistic_model::LogisticModel;
use crate::classes::ClassWeight;
use crate::folds::{CV, Folds};
use crate::rows::{rows_that_count, tame};
use crate::setters::setters;

const C: Param = Param::real("cs", "inverse of the strength of the penalty").at_least(1e-100);
const L1_RATIO: Param = Param::real("l1_ratios", "the share of the L1 penalty").at_least(0.0).at_most(1.0);
/// Probabilities below this count as this.
const LEAST: f64 = 1e-15;

/// How well probabilities of held-out rows fit their classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// The mean logarithm of the probability of the class: less sure is worse than surely right.
    #[default]
    LogLoss,
    /// The share of rows whose most probable class is right.
    Accuracy,
}

/// A logistic regression whose strength of penalty, and perhaps whose share of L1 penalty, is chosen by cross-validation.
///
/// Each fold holds its share of each class, in the order of the rows. All strengths and shares are tried in parallel on
/// all folds; the pair with the best mean score, of equal ones that with the stronger penalty, is fitted to all rows. Row
/// weights count in the fits and in the scores within a fold. Folds are cut by rows, so that copies of a row may fall into
/// several where a weight does not.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `cs` | ten from 1e-4 to 1e4 | >= 1e-100 | inverses of the strengths that are tried |
/// | `l1_ratios` | 0 | 0 to 1 | the shares of the L1 penalty that are tried |
/// | `cv` | 5 | 2 to the rows | how many folds |
/// | `folds` | `Runs` | `Runs`, `Shuffled`, `Given` | which rows are held out together |
/// | `scoring` | `LogLoss` | `LogLoss`, `Accuracy` | how well held-out rows are told |
/// | `fit_intercept` | true | | whether scores may be shifted |
/// | `class_weight` | `None` | `None`, `Balanced`, `Given` | how much the rows of each class count |
/// | `solver` | `Auto` | | how coefficients are found |
/// | `max_iter` | 200 | >= 1 | the most steps of the solver |
/// | `tolerance` | 1e-6 | >= 0 | the size of the gradient at which to stop |
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Classes, Estimator, Matrix};
/// use perennial_models::LogisticRegressionCv;
///
/// let x = Matrix::from(Array2::from_shape_fn((60, 2), |(i, j)| ((i * (j + 2)) as f64).sin()));
/// let y = Classes::from_labels((0..60).map(|i| ((i * 2) as f64).sin() > 0.1));
/// let model = LogisticRegressionCv::new().cs([0.01, 1.0, 100.0]).fit(&x, &y)?;
/// assert_eq!(model.c(), 100.0);
/// assert_eq!(model.scores().dim(), (3, 5));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegressionCv {
    cs: Vec<f64>,
    l1_ratios: Vec<f64>,
    cv: usize,
    folds: Folds,
    scoring: Scoring,
    fit_intercept: bool,
    class_weight: ClassWeight,
    solver: Solver,
    max_iter: usize,
    tolerance: f64,
}

impl Default for LogisticRegressionCv {
    fn default() -> Self {
        LogisticRegressionCv {
            cs: (0..10).map(|i| 10f64.powf(-4.0 + 8.0 * f64::from(i) / 9.0)).collect(),
            l1_ratios: vec![0.0],
            cv: 5,
            folds: Folds::Runs,
            scoring: Scoring::LogLoss,
            fit_intercept: true,
            class_weight: ClassWeight::None,
            solver: Solver::Auto,
            max_iter: 200,
            tolerance: 1e-6,
        }
    }
}

setters!(LogisticRegressionCv {
    /// Sets how many folds there are.
    cv: usize,
    /// Sets which rows are held out together.
    folds: Folds,
    /// Sets how well held-out rows are told.
    scoring: Scoring,
    /// Sets whether scores may be shifted.
    fit_intercept: bool,
    /// Sets how much the rows of each class count.
    class_weight: ClassWeight,
    /// Sets how coefficients are found.
    solver: Solver,
    /// Sets the most steps of the solver.
    max_iter: usize,
    /// Sets the size of the gradient at which to stop.
    tolerance: f64,
});

impl LogisticRegressionCv {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[CV, super::logistic::MAX_ITER, super::logistic::TOLERANCE];

    /// Sets the inverses of the strengths that are tried.
    #[must_use]
    pub fn cs(mut self, cs: impl Into<Vec<f64>>) -> Self {
        self.cs = cs.into();
        self
    }

    /// Sets the shares of the L1 penalty that are tried.
    #[must_use]
    pub fn l1_ratios(mut self, l1_ratios: impl Into<Vec<f64>>) -> Self {
        self.l1_ratios = l1_ratios.into();
        self
    }

    fn at(&self, (c, l1_ratio): (f64, f64)) -> LogisticRegression {
        LogisticRegression::new()
            .c(c)
            .l1_ratio(l1_ratio)
            .fit_intercept(self.fit_intercept)
            .class_weight(self.class_weight.clone())
            .solver(self.solver)
            .max_iter(self.max_iter)
            .tolerance(self.tolerance)
    }

    /// What is tried, the strongest penalty first.
    fn candidates(&self) -> Result<Vec<(f64, f64)>> {
        if self.cs.is_empty() {
            return Err(Error::invalid_param("cs", "an empty list", "at least one number"));
        }
        if self.l1_ratios.is_empty() {
            return Err(Error::invalid_param("l1_ratios", "an empty list", "at least one share"));
        }
        self.cs.iter().try_for_each(|&c| C.check(c))?;
        self.l1_ratios.iter().try_for_each(|&ratio| L1_RATIO.check(ratio))?;
        let mut cs = self.cs.clone();
        cs.sort_by(f64::total_cmp);
        Ok(cs.iter().flat_map(|&c| self.l1_ratios.iter().map(move |&ratio| (c, ratio))).collect())
    }
}

impl Estimator for LogisticRegressionCv {
    type Input = Matrix;
    type Target = Classes;
    type Model = LogisticRegressionCvModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<LogisticRegressionCvModel> {
        let candidates = self.candidates()?;
        let n_rows = train.x.n_rows();
        let counted = rows_that_count(n_rows, train.weights)?;
        if counted.len() < n_rows {
            let counted: Vec<usize> = counted.into_iter().map(|row| row as usize).collect();
            let (x, y) = (train.x.take(&counted)?, train.y.take(&counted)?);
            let weights: Vec<f64> = counted.iter().map(|&row| train.weight(row)).collect();
            let groups: Option<Vec<u32>> =
                train.groups.map(|groups| counted.iter().map(|&row| groups[row]).collect());
            let mut part = Train::new(&x, &y).weights(&weights).context(train.ctx.clone());
            part.groups = groups.as_deref();
            let folds = match &self.folds {
                Folds::Given(given) if given.len() == n_rows => {
                    Folds::Given(counted.iter().map(|&row| given[row]).collect())
                }
                other => other.clone(),
            };
            return LogisticRegressionCv { folds, ..self.clone() }.fit_on(&part);
        }
        let strata = Some(train.y.codes());
        let folds = self.folds.assign(n_rows, self.cv, strata, train.groups, train.ctx.seed(None))?;
        let n_folds = folds.n_folds;
        let mut parts: Vec<(Part, Part)> = Vec::with_capacity(n_folds);
        for fold in 0..n_folds {
            let (outside, inside) = folds.parts(fold);
            let part = |rows: &[usize]| {
                let weights = train.weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
                Ok::<_, Error>((train.x.take(rows)?, train.y.take(rows)?, weights))
            };
            parts.push((part(&outside)?, part(&inside)?));
        }
        let n = candidates.len();
        let scores = reduce::try_map_each(n * n_folds, |task| {
            train.ctx.check()?;
            let ((x, y, weights), (inside, truth, held)) = &parts[task % n_folds];
            let settings = self.at(candidates[task / n_folds]);
            let mut part = Train::new(x, y).context(train.ctx.child(&format!("task{task}")));
            part.weights = weights.as_deref();
            let model = part.fit(&settings)?;
            Ok(score(&model.predict_proba(inside)?, truth, tame(held.as_deref()).as_deref(), self.scoring))
        })?;
        let scores = Array2::from_shape_fn((n, n_folds), |(i, fold)| scores[i * n_folds + fold]);
        let mean = |i: usize| scores.row(i).sum() / n_folds as f64;
        let best = (1..n).fold(0, |best, i| if mean(i) > mean(best) { i } else { best });
        let model = self.at(candidates[best]).fit_on(train)?;
        let (c, l1_ratio) = candidates[best];
        Ok(LogisticRegressionCvModel { model, c, l1_ratio, candidates, scores })
    }

    fn capabilities(&self) -> Capabilities {
        let accepts = Capabilities::new().weights().sparse();
        if self.folds == Folds::Shuffled { accepts.groups() } else { accepts }
    }
}

/// Rows with their classes and weights.
type Part = (Matrix, Classes, Option<Vec<f64>>);

fn score(shares: &Probabilities, truth: &Classes, weights: Option<&[f64]>, scoring: Scoring) -> f64 {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..truth.codes().len()).map(weight).sum();
    match scoring {
        Scoring::LogLoss => {
            let rows = shares.values().rows().into_iter().zip(truth.codes());
            let one = |(row, (shares, &code)): (usize, (ArrayView1<'_, f64>, &u32))| {
                weight(row) * shares[code as usize].max(LEAST).ln()
            };
            rows.enumerate().map(one).sum::<f64>() / total
        }
        Scoring::Accuracy => {
            let called = shares.most_likely();
            let right = |row: &usize| called.codes()[*row] == truth.codes()[*row];
            (0..truth.codes().len()).filter(right).map(weight).sum::<f64>() / total
        }
    }
}

/// The logistic regression of the chosen penalty, and the scores that it was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegressionCvModel {
    model: LogisticModel,
    c: f64,
    l1_ratio: f64,
    candidates: Vec<(f64, f64)>,
    scores: Array2<f64>,
}

impl LogisticRegressionCvModel {
    /// The model that was fitted to all rows.
    pub fn model(&self) -> &LogisticModel {
        &self.model
    }

    /// The chosen inverse of the strength.
    pub fn c(&self) -> f64 {
        self.c
    }

    /// The chosen share of the L1 penalty.
    pub fn l1_ratio(&self) -> f64 {
        self.l1_ratio
    }

    /// What was tried: inverses of strengths, the least first, with shares of the L1 penalty.
    pub fn candidates(&self) -> &[(f64, f64)] {
        &self.candidates
    }

    /// The score on each fold of what was tried, candidates x folds; larger is better.
    pub fn scores(&self) -> &ArrayRef2<f64> {
        &self.scores
    }
}

impl Predictor for LogisticRegressionCvModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        self.model.predict(x)
    }
}

impl Classifier for LogisticRegressionCvModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}
