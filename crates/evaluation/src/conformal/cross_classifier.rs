//! Conformal classification with folds: CV+ and the jackknife+.

use std::borrow::Borrow;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, Rows, Train,
};
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::cross::CrossMethod;
use super::held_out::{Pattern, check_models, mean_of, patterns, upper_end};
use super::rank::{LEVEL, Scores, check_enough, nine_of_ten, units};
use super::sets::{ClassSets, SetPredictor};
use super::split_classifier::{ClassificationScore, LAMBDA};
use crate::align::{check_two_classes, codes_in, columns_in};
use crate::cross_fit::{accepted, fit_whole, rounds, with_weight};
use crate::{CrossFit, Splitter};

/// A classifier with sets of classes that uses every row to learn and to measure: CV+, with as many folds as rows the jackknife+
/// (Romano, Sesia and Candès, 2020; Barber and others, 2021).
///
/// A class is in the set of a row unless its score there is above those of too many rows that were held out, each compared by the
/// model that has not learned from it. `CrossMethod::Base` compares by the model of all rows, without a promise where models
/// change with the rows; `Plus` promises `1 - 2 (1 - level)`, and `level` is what is seen; `Minmax` compares by the fold that finds
/// the class most likely, promises `level` and holds more.
///
/// A row that several models have not learned from has the mean of its scores by them; one that all have learned from does not
/// count. Answers and probabilities are those of a model of all rows.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `level` | 0.9 | in (0, 1) | the share of the rows whose class sets should hold |
/// | `score` | LAC | | what is measured of a row held out |
/// | `method` | plus | | how the models of the folds make a set |
/// | `splitter` | [`CrossFit::new(5)`](CrossFit) | | which rows are held out together |
///
/// ```
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Slope;
/// # #[derive(Debug)] struct SlopeModel(Vec<String>);
/// # impl Estimator for Slope {
/// #     type Input = Matrix; type Target = Classes; type Model = SlopeModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<SlopeModel> { Ok(SlopeModel(train.y.names().to_vec())) }
/// # }
/// # impl Predictor for SlopeModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> { Ok(self.predict_proba(x)?.most_likely()) }
/// # }
/// # impl Classifier for SlopeModel {
/// #     fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
/// #         let x = x.dense()?;
/// #         let share = |row: usize, class: usize| if class == 1 { x[[row, 0]] } else { 1.0 - x[[row, 0]] };
/// #         Probabilities::new(Array2::from_shape_fn((x.nrows(), 2), |(row, class)| share(row, class)), self.0.clone())
/// #     }
/// # }
/// use perennial_evaluation::Metric;
/// use perennial_evaluation::conformal::{ClassificationScore, CrossConformalClassifier, SetCoverage, SetPredictor};
///
/// // `Slope` takes its only column for the probability of the second class.
/// let x = Matrix::from(Array2::from_shape_fn((400, 1), |(row, _)| (row * 37 % 101) as f64 / 101.0));
/// let y = Classes::from_labels((0..400).map(|row| row * 37 % 101 + row * 7 % 40 > 70));
/// let aps = ClassificationScore::Aps { randomized: true };
/// let model = CrossConformalClassifier::new(Slope).score(aps).level(0.9).fit(&x, &y)?;
/// let sets = model.predict_set(&x)?;
/// assert!((SetCoverage.score(&y, &sets)? - 0.9).abs() < 0.06);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossConformalClassifier<E, S = CrossFit> {
    estimator: E,
    #[serde(default = "nine_of_ten")]
    level: f64,
    #[serde(default)]
    score: ClassificationScore,
    #[serde(default)]
    method: CrossMethod,
    #[serde(default)]
    splitter: S,
}

impl<E> CrossConformalClassifier<E> {
    /// Around a classifier, with five folds.
    pub fn new(estimator: E) -> Self {
        let (score, method) = (ClassificationScore::default(), CrossMethod::default());
        CrossConformalClassifier {
            estimator,
            level: nine_of_ten(),
            score,
            method,
            splitter: CrossFit::default(),
        }
    }
}

impl<E, S> CrossConformalClassifier<E, S> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[LEVEL, LAMBDA];

    /// Sets the share of the rows whose class sets should hold.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets what is measured of a row held out.
    #[must_use]
    pub fn score(mut self, score: ClassificationScore) -> Self {
        self.score = score;
        self
    }

    /// Sets how the models of the folds make a set.
    #[must_use]
    pub fn method(mut self, method: CrossMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets which rows are held out together.
    #[must_use]
    pub fn splitter<T: Splitter>(self, splitter: T) -> CrossConformalClassifier<E, T> {
        let CrossConformalClassifier { estimator, level, score, method, .. } = self;
        CrossConformalClassifier { estimator, level, score, method, splitter }
    }
}

impl<E, S> Estimator for CrossConformalClassifier<E, S>
where
    E: Estimator<Target = Classes>,
    E::Model: Classifier<Input = E::Input>,
    S: Splitter,
{
    type Input = E::Input;
    type Target = Classes;
    type Model = CrossConformalClassifierModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Classes>) -> Result<Self::Model> {
        LEVEL.check(self.level)?;
        self.score.check()?;
        check_two_classes(train.y, train.weights)?;
        with_weight(train, |train| {
            let names = train.y.names();
            let fitted = rounds(&self.estimator, train, &self.splitter, Some(train.y), |split, model, x| {
                let said = model.predict_proba(x)?;
                let said = columns_in(&said, names)?;
                let own = codes_in(&train.y.take(&split.test)?, names)?;
                let score =
                    |(row, &class): (usize, &usize)| [self.score.of_row(said.values().row(row))[class]];
                let scores = own.iter().enumerate().map(score).collect();
                Ok((model, (split.test.clone(), scores)))
            })?;
            let (models, parts): (Vec<E::Model>, Vec<_>) = fitted.into_iter().unzip();
            let weights = units(train.weights);
            let held_out =
                patterns(train.y.n_rows(), &parts).into_iter().map(|Pattern { models, rows, said }| {
                    let scores = said.into_iter().map(|[score]| score).collect();
                    let weights = weights.as_ref().map(|weights| weights.take(&rows)).transpose()?;
                    Ok(HeldOut { scores: Scores::counted(scores, weights.as_deref())?, models })
                });
            let held_out: Vec<HeldOut> = held_out.collect::<Result<_>>()?;
            check_enough(total(&held_out), self.level)?;
            Ok(CrossConformalClassifierModel {
                model: fit_whole(&self.estimator, train)?,
                names: names.to_vec(),
                level: self.level,
                score: self.score,
                method: self.method,
                models,
                held_out,
            })
        })
    }

    fn capabilities(&self) -> Capabilities {
        accepted(self.estimator.capabilities())
    }

    fn steps(&self) -> Vec<String> {
        vec![format!("CrossConformalClassifier({})", self.estimator.steps().join(" -> "))]
    }
}

/// About so many scores of all models are held at once.
const CELLS: usize = 1 << 20;
/// Models are asked for no fewer rows at once.
const ROWS: usize = 64;

/// The scores of rows that the same models have not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HeldOut {
    models: Vec<u32>,
    scores: Scores,
}

/// The rows that were held out, as many as their weights say.
fn total(held_out: &[HeldOut]) -> f64 {
    held_out.iter().flat_map(|held| held.scores.pairs()).map(|(_, weight)| weight).sum()
}

/// A classifier of all rows, and those of the parts with the scores of the rows that they have not learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossConformalClassifierModel<M> {
    model: M,
    names: Vec<String>,
    level: f64,
    score: ClassificationScore,
    method: CrossMethod,
    models: Vec<M>,
    held_out: Vec<HeldOut>,
}

impl<M> CrossConformalClassifierModel<M> {
    /// The model of all rows.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The models of the parts, in the order of the splits.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The scores of the rows that were held out, the smallest first, with the numbers of the
    /// [`models`](CrossConformalClassifierModel::models) that have not learned from them.
    pub fn scores(&self) -> impl ExactSizeIterator<Item = (&[u32], &[f64])> {
        self.held_out.iter().map(|held| (held.models.as_slice(), held.scores.as_slice()))
    }
}

impl<M: Classifier> Predictor for CrossConformalClassifierModel<M> {
    type Input = M::Input;
    type Output = Classes;

    fn predict(&self, x: &M::Input) -> Result<Classes> {
        self.model.predict(x)
    }
}

impl<M: Classifier> Classifier for CrossConformalClassifierModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        self.model.predict_proba(x)
    }
}

impl<M: Classifier> CrossConformalClassifierModel<M> {
    /// What a model scores each class of each row: `n_rows` x `n_classes`.
    fn scored(&self, model: &M, x: &M::Input) -> Result<Array2<f64>> {
        let said = model.predict_proba(x)?;
        let said = columns_in(&said, &self.names)?;
        let mut scores = Array2::zeros(said.values().dim());
        for (shares, mut row) in said.values().rows().into_iter().zip(scores.rows_mut()) {
            row.iter_mut().zip(self.score.of_row(shares)).for_each(|(cell, score)| *cell = score);
        }
        Ok(scores)
    }
}

impl<M: Classifier> SetPredictor for CrossConformalClassifierModel<M> {
    fn predict_set(&self, x: &M::Input) -> Result<ClassSets> {
        check_models(self.held_out.iter().map(|held| &held.models), self.models.len())?;
        let total = total(&self.held_out);
        check_enough(total, self.level)?;
        let reach = || upper_end(self.held_out.iter().map(|held| (0.0, &held.scores)), self.level);
        if self.method == CrossMethod::Base {
            let (scores, reach) = (self.scored(&self.model, x)?, reach()?);
            return ClassSets::new(self.level, scores.mapv(|score| score <= reach), self.names.clone());
        }
        let least = if self.method == CrossMethod::Minmax { Some(reach()?) } else { None };
        let below: Vec<Below<'_>> = self.held_out.iter().map(|held| Below::of(&held.scores)).collect();
        // The weight of one row more, as the new row is one of them; short of it by rounding alone is as much.
        let most = (total + 1.0) * self.level * (1.0 - 1e-12);
        let n_classes = self.names.len();
        let members_of = |x: &M::Input| -> Result<Vec<bool>> {
            let scores: Vec<Array2<f64>> =
                self.models.iter().map(|model| self.scored(model, x)).collect::<Result<_>>()?;
            let n_rows = scores.first().map_or(0, |scores| scores.nrows());
            Ok(reduce::map_each(n_rows * n_classes, |cell| {
                let (row, class) = (cell / n_classes, cell % n_classes);
                let of = |held: &HeldOut| mean_of(&held.models, |model| scores[model][[row, class]]);
                match least {
                    Some(reach) => self.held_out.iter().map(of).fold(f64::INFINITY, f64::min) <= reach,
                    None => {
                        let stranger = self.held_out.iter().zip(&below);
                        stranger.map(|(held, below)| below.weight(of(held))).sum::<f64>() < most
                    }
                }
            }))
        };
        let n_rows = x.n_rows();
        let at_once = (CELLS / (self.models.len() * n_classes).max(1)).max(ROWS);
        let members = if n_rows <= at_once {
            members_of(x)?
        } else {
            let mut members = Vec::with_capacity(n_rows * n_classes);
            for first in (0..n_rows).step_by(at_once) {
                let rows: Vec<usize> = (first..n_rows.min(first + at_once)).collect();
                let part = x.take(&rows)?;
                members.extend(members_of(part.borrow())?);
            }
            members
        };
        let members = Array2::from_shape_vec((n_rows, n_classes), members).map_err(Error::other)?;
        ClassSets::new(self.level, members, self.names.clone())
    }
}

/// Sorted scores with the weight of those before each.
struct Below<'a> {
    scores: &'a [f64],
    weights: Vec<f64>,
}

impl<'a> Below<'a> {
    fn of(scores: &'a Scores) -> Self {
        let mut sum = 0.0;
        let mut weights = vec![0.0];
        for (_, weight) in scores.pairs() {
            sum += weight;
            weights.push(sum);
        }
        Below { scores: scores.as_slice(), weights }
    }

    /// The weight of the rows whose score is below this one.
    fn weight(&self, score: f64) -> f64 {
        self.weights[self.scores.partition_point(|other| *other < score)]
    }
}
