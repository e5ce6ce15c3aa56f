//! Fairness by reduction to weighted classification.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{
    Classes, Classifier, Error, Estimator, Param, Predictor, Probabilities, Result, ResultExt, Rows, Train,
};
use serde::{Deserialize, Serialize};

use super::mixture::{Mixture, best_mixture};
use super::moments::Moments;
use super::sensitive::Grouped;
use super::thresholds::ParityConstraint;
use crate::align::{check_two_classes, codes_in, positive_class, tame};

/// A mixture of classifiers with the least error whose rates differ between groups by no more than a bound (Agarwal,
/// Beygelzimer, Dudík, Langford and Wallach, 2018), by any classifier that takes weights.
///
/// In turn, the classifier learns with the weights and classes under which the constraints that are broken cost more, and the
/// prices of the constraints are raised by exponentiated gradient. Of the classifiers that were found the best mixture is
/// taken, by a small linear programme, whose prices give further classifiers. The share of the mixture that calls a row
/// positive is the row's probability, and calling rows at random by it keeps the bounds on the training rows.
///
/// The groups are needed to learn, not to answer.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `constraint` | demographic parity | | which rates are to be the same |
/// | `eps` | 0.01 | > 0 and <= 1 | how far a group's rate may be from that of all rows |
/// | `max_iter` | 50 | 1 to 100,000 | the most rounds, of two fits each |
/// | `nu` | 0.001 | > 0 | stop when the mixture is within this of the best |
/// | `eta` | 2 | > 0 | how fast prices move |
/// | `positive` | the second of two classes | a class name | the class whose giving is judged |
///
/// ```
/// # use std::collections::BTreeMap;
/// # use ndarray::Array2;
/// # use perennial_core::*;
/// # #[derive(Clone, Debug)] struct Cells;
/// # struct CellsModel(BTreeMap<u64, f64>, Vec<String>);
/// # impl Estimator for Cells {
/// #     type Input = Matrix; type Target = Classes; type Model = CellsModel;
/// #     fn capabilities(&self) -> Capabilities { Capabilities::new().weights() }
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<CellsModel> {
/// #         let mut sums = BTreeMap::new();
/// #         for (row, code) in train.y.codes().iter().enumerate() {
/// #             let sign = if *code == 1 { 1.0 } else { -1.0 };
/// #             *sums.entry(train.x.dense()?[[row, 0]] as u64).or_insert(0.0) += sign * train.weight(row);
/// #         }
/// #         Ok(CellsModel(sums, train.y.names().to_vec()))
/// #     }
/// # }
/// # impl Predictor for CellsModel {
/// #     type Input = Matrix; type Output = Classes;
/// #     fn predict(&self, x: &Matrix) -> Result<Classes> {
/// #         let x = x.dense()?;
/// #         let code = |row: usize| u32::from(self.0.get(&(x[[row, 0]] as u64)).is_some_and(|sum| *sum > 0.0));
/// #         Classes::new((0..x.nrows()).map(code).collect(), self.1.clone())
/// #     }
/// # }
/// use perennial_evaluation::fairness::ExponentiatedGradient;
///
/// // `Cells` answers with the class that has more weight among the rows with the same value.
/// let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| (row % 4) as f64));
/// let y = Classes::from_labels((0..200).map(|row| row % 4 > 1 || row % 20 == 0));
/// let groups: Vec<String> = (0..200).map(|row| if row % 8 < 5 { "a" } else { "b" }.to_owned()).collect();
/// // Group a has the class in two rows of five, group b in two of three.
/// let model = ExponentiatedGradient::new(Cells).eps(0.05).fit(&x, &y, &groups)?;
/// assert!(model.training_violation() < 0.051 && model.training_error() > 0.05);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentiatedGradient<E> {
    estimator: E,
    #[serde(default)]
    constraint: ParityConstraint,
    #[serde(default = "hundredth")]
    eps: f64,
    #[serde(default = "fifty")]
    max_iter: usize,
    #[serde(default = "thousandth")]
    nu: f64,
    #[serde(default = "two")]
    eta: f64,
    #[serde(default)]
    positive: Option<String>,
}

const EPS: Param =
    Param::real("eps", "how far rates may be apart").above(0.0).at_most(1.0).search_log(1e-3, 0.2);
const MAX_ITER: Param = Param::integer("max_iter", "the most rounds of two fits").at_least(1.0).at_most(1e5);
const NU: Param = Param::real("nu", "when to stop").above(0.0);
const ETA: Param = Param::real("eta", "how fast prices move").above(0.0);

fn hundredth() -> f64 {
    0.01
}

fn thousandth() -> f64 {
    1e-3
}

fn fifty() -> usize {
    50
}

fn two() -> f64 {
    2.0
}

impl<E> ExponentiatedGradient<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[EPS, MAX_ITER, NU, ETA];

    /// Around a classifier that takes weights.
    pub fn new(estimator: E) -> Self {
        ExponentiatedGradient {
            estimator,
            constraint: ParityConstraint::default(),
            eps: hundredth(),
            max_iter: fifty(),
            nu: thousandth(),
            eta: two(),
            positive: None,
        }
    }

    /// The classifier inside.
    pub fn estimator(&self) -> &E {
        &self.estimator
    }

    /// Sets which rates are to be the same.
    #[must_use]
    pub fn constraint(mut self, constraint: ParityConstraint) -> Self {
        self.constraint = constraint;
        self
    }

    /// Sets how far a group's rate may be from that of all rows.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Sets the most rounds, of two fits each.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets how near to the best the mixture must be.
    #[must_use]
    pub fn nu(mut self, nu: f64) -> Self {
        self.nu = nu;
        self
    }

    /// Sets how fast prices move.
    #[must_use]
    pub fn eta(mut self, eta: f64) -> Self {
        self.eta = eta;
        self
    }

    /// Sets the class whose giving is judged.
    #[must_use]
    pub fn positive(mut self, class: impl Into<String>) -> Self {
        self.positive = Some(class.into());
        self
    }
}

/// A classifier of the mixture; where one answer is best for all rows it needs none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Member<M> {
    Always(bool),
    Model(M),
}

/// What one classifier does on the training rows.
struct Answer<M> {
    member: Member<M>,
    called: Vec<f64>,
    error: f64,
    broken: Vec<f64>,
}

impl<M> Answer<M> {
    /// The error, and what the broken constraints cost at some prices.
    fn value(&self, prices: &[f64]) -> f64 {
        self.error + self.broken.iter().zip(prices).map(|(broken, price)| broken * price).sum::<f64>()
    }
}

struct Problem<'a, E: Estimator> {
    estimator: &'a E,
    train: &'a Train<'a, E::Input, Classes>,
    /// The places of the negative and the positive class.
    sides: [u32; 2],
    positive: Vec<bool>,
    moments: Moments,
    total: f64,
    eps: f64,
}

impl<E> Problem<'_, E>
where
    E: Estimator<Target = Classes>,
    E::Model: Predictor<Input = E::Input, Output = Classes>,
{
    /// The classifier that is best at these prices.
    fn best(&self, prices: &[f64], number: usize) -> Result<Answer<E::Model>> {
        let costs = self.moments.costs(prices);
        let n_rows = self.positive.len();
        // What calling a row positive costs more than calling it negative.
        let signed: Vec<f64> = (0..n_rows)
            .map(|row| {
                let wrong = if self.positive[row] { -1.0 } else { 1.0 };
                costs[row] + wrong * self.moments.weights[row] / self.total
            })
            .collect();
        let wanted = |row: usize| signed[row] < 0.0;
        let weights: Vec<f64> = signed.iter().map(|cost| cost.abs() * n_rows as f64).collect();
        let present =
            [false, true].map(|side| (0..n_rows).any(|row| weights[row] > 0.0 && wanted(row) == side));
        let member = match present {
            [true, true] => {
                let codes = (0..n_rows).map(|row| self.sides[usize::from(wanted(row))]).collect();
                let y = Classes::new(codes, self.train.y.shared_names())?;
                let ctx = self.train.ctx.child(&format!("model{number}"));
                let own = Train::new(self.train.x, &y).weights(&weights).context(ctx);
                Member::Model(own.fit(self.estimator).context(format!("classifier {number} of the mixture"))?)
            }
            [_, positive] => Member::Always(positive),
        };
        let called = match &member {
            Member::Always(side) => vec![f64::from(u8::from(*side)); n_rows],
            Member::Model(model) => calls(model, self.train.x, self.train.y.names(), self.sides[1])?,
        };
        let error = (0..n_rows)
            .filter(|&row| (called[row] > 0.5) != self.positive[row])
            .map(|row| self.moments.weights[row])
            .sum::<f64>()
            / self.total;
        let broken = self.moments.broken(&called, self.eps);
        Ok(Answer { member, called, error, broken })
    }
}

/// 1 for each row that is given the class.
fn calls<M: Predictor<Output = Classes>>(
    model: &M,
    x: &M::Input,
    names: &[String],
    positive: u32,
) -> Result<Vec<f64>> {
    let codes = codes_in(&model.predict(x)?, names)?;
    Ok(codes.into_iter().map(|code| f64::from(u8::from(code == positive as usize))).collect())
}

impl<E> ExponentiatedGradient<E>
where
    E: Estimator<Target = Classes>,
    E::Model: Predictor<Input = E::Input, Output = Classes>,
{
    /// Learns from rows with the group of each.
    ///
    /// # Errors
    /// When a setting is out of range, there are not two classes, the lengths differ, the classifier takes no weights or
    /// cannot learn, or a group has no rows for which the rates are defined.
    pub fn fit(
        &self,
        x: &E::Input,
        y: &Classes,
        groups: &[String],
    ) -> Result<ExponentiatedGradientModel<E::Model>> {
        self.fit_on(&Train::new(x, y), groups)
    }

    /// As [`fit`](ExponentiatedGradient::fit), with weights and a context.
    ///
    /// # Errors
    /// As [`fit`](ExponentiatedGradient::fit), and when the work was cancelled.
    pub fn fit_on(
        &self,
        train: &Train<'_, E::Input, Classes>,
        groups: &[String],
    ) -> Result<ExponentiatedGradientModel<E::Model>> {
        EPS.check(self.eps)?;
        MAX_ITER.check_count(self.max_iter)?;
        NU.check(self.nu)?;
        ETA.check(self.eta)?;
        let accepts = self.estimator.capabilities();
        if !accepts.weights {
            return Err(Error::unsupported("the classifier takes no weights; choose one that does"));
        }
        train.check(&accepts)?;
        check_two_classes(train.y, train.weights)?;
        let names = train.y.names();
        if names.len() != 2 {
            return Err(Error::unsupported(format!("there are {} classes; this takes two", names.len())));
        }
        let place = positive_class(names, self.positive.as_deref())?;
        let positive: Vec<bool> = train.y.codes().iter().map(|&code| code as usize == place).collect();
        let grouped = Grouped::new(groups, positive.len())?;
        let weights =
            tame(train.weights).map_or_else(|| vec![1.0; positive.len()], |weights| weights.to_vec());
        let total = weights.iter().sum();
        let moments = Moments::new(self.constraint, &positive, &grouped, weights)?;
        let sides = [1 - place as u32, place as u32];
        let problem =
            Problem { estimator: &self.estimator, train, sides, positive, moments, total, eps: self.eps };
        let Game { answers, shares, gap } = self.play(&problem)?;
        let used: Vec<(f64, Answer<E::Model>)> =
            shares.into_iter().zip(answers).filter(|(share, _)| *share > 0.0).collect();
        let error = used.iter().map(|(share, answer)| share * answer.error).sum();
        let called: Vec<f64> = (0..problem.positive.len())
            .map(|row| used.iter().map(|(share, answer)| share * answer.called[row]).sum::<f64>())
            .collect();
        let broken = problem.moments.broken(&called, 0.0).into_iter().fold(0.0, f64::max);
        let members = used.into_iter().map(|(share, answer)| (share, answer.member)).collect();
        Ok(ExponentiatedGradientModel {
            names: train.y.shared_names(),
            positive: place,
            members,
            gap,
            error,
            broken,
        })
    }

    /// The game between classifiers and prices.
    fn play(&self, problem: &Problem<'_, E>) -> Result<Game<E::Model>> {
        let bound = 1.0 / self.eps;
        let n_prices = 2 * problem.moments.parts.len();
        let mut theta = vec![0.0_f64; n_prices];
        let mut game = Game { answers: Vec::new(), shares: Vec::new(), gap: f64::INFINITY };
        // No mixture of any classifiers is better than the best reply to some prices, at these prices.
        let mut least = f64::NEG_INFINITY;
        for number in 0..self.max_iter {
            problem.train.ctx.step(number, self.max_iter)?;
            let most = theta.iter().copied().fold(0.0, f64::max);
            let sum = (-most).exp() + theta.iter().map(|value| (value - most).exp()).sum::<f64>();
            let prices: Vec<f64> = theta.iter().map(|value| bound * (value - most).exp() / sum).collect();
            let reply = problem.best(&prices, 2 * number)?;
            let step = self.eta / bound;
            theta.iter_mut().zip(&reply.broken).for_each(|(theta, broken)| *theta += step * broken);
            least = least.max(reply.value(&prices));
            game.add(reply);
            let mixture = game.mixture(bound);
            let reply = problem.best(&mixture.prices, 2 * number + 1)?;
            least = least.max(reply.value(&mixture.prices));
            game.add(reply);
            let mixture = game.mixture(bound);
            game.gap = (mixture.value - least).max(0.0);
            game.shares = mixture.shares;
            if game.gap < self.nu {
                break;
            }
        }
        Ok(game)
    }
}

/// The classifiers that were found, the best mixture of them, and how far it is from the best of all at most.
struct Game<M> {
    answers: Vec<Answer<M>>,
    shares: Vec<f64>,
    gap: f64,
}

impl<M> Game<M> {
    /// Classifiers that do the same on all training rows are one.
    fn add(&mut self, answer: Answer<M>) {
        if self.answers.iter().all(|known| known.called != answer.called) {
            self.answers.push(answer);
        }
    }

    fn mixture(&self, bound: f64) -> Mixture {
        let errors: Vec<f64> = self.answers.iter().map(|answer| answer.error).collect();
        let broken: Vec<&[f64]> = self.answers.iter().map(|answer| &answer.broken[..]).collect();
        best_mixture(&errors, &broken, bound)
    }
}

/// A mixture of classifiers; the share of them that gives a row the positive class is its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExponentiatedGradientModel<M> {
    names: Arc<[String]>,
    positive: usize,
    members: Vec<(f64, Member<M>)>,
    gap: f64,
    error: f64,
    broken: f64,
}

impl<M> ExponentiatedGradientModel<M> {
    /// How many different classifiers are mixed.
    pub fn n_members(&self) -> usize {
        self.members.len()
    }

    /// How far the mixture is from the best one at most, in error and `1 / eps` times what the worst bound is broken by;
    /// where the classifier does not find the best answer to weights, this is a guess.
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// The error of the mixture on the training rows.
    pub fn training_error(&self) -> f64 {
        self.error
    }

    /// How far the rate of a group is from that of all training rows, at most.
    pub fn training_violation(&self) -> f64 {
        self.broken
    }
}

impl<M: Predictor<Output = Classes>> Predictor for ExponentiatedGradientModel<M> {
    type Input = M::Input;
    type Output = Classes;

    /// The class that more of the classifiers give. Rates are kept by calling rows at random with their probabilities, not by
    /// this.
    fn predict(&self, x: &M::Input) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl<M: Predictor<Output = Classes>> Classifier for ExponentiatedGradientModel<M> {
    fn predict_proba(&self, x: &M::Input) -> Result<Probabilities> {
        if self.names.len() != 2 || self.positive > 1 {
            return Err(Error::corrupt("the mixture has not two classes"));
        }
        let mut shares = vec![0.0; x.n_rows()];
        for (weight, member) in &self.members {
            let called = match member {
                Member::Always(side) => vec![f64::from(u8::from(*side)); x.n_rows()],
                Member::Model(model) => calls(model, x, &self.names, self.positive as u32)?,
            };
            shares.iter_mut().zip(called).for_each(|(share, called)| *share += weight * called);
        }
        let values = Array2::from_shape_fn((shares.len(), 2), |(row, class)| {
            let share = shares[row].clamp(0.0, 1.0);
            if class == self.positive { share } else { 1.0 - share }
        });
        Probabilities::new(values, self.names.clone())
    }
}
