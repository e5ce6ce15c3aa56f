//! Boosting of regressors by the weights of rows.

use perennial_core::{
    Capabilities, Error, Estimator, Param, Predictor, Result, ResultExt, Rows, Train, Values,
};
use serde::{Deserialize, Serialize};

use super::ada_boost::{LEARNING_RATE, N_ESTIMATORS, needs_weights, normalise};
use super::around;
use crate::rows::tame;

/// How the error of a row grows with the distance from its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdaBoostLoss {
    /// As the distance.
    #[default]
    Linear,
    /// As its square.
    Square,
    /// As `1 - exp(-distance)`.
    Exponential,
}

/// The weighted median of regressors, each of which gives more weight to the rows that those before it missed
/// (AdaBoost.R2; Drucker, 1997).
///
/// The member must use the weights of rows; they are given to it, nothing is drawn.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `n_estimators` | 50 | >= 1 | the most models |
/// | `learning_rate` | 1 | > 0 | how much each model counts |
/// | `loss` | linear | | how the error grows with the distance from the target |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaBoostRegressor<E> {
    estimator: E,
    n_estimators: usize,
    learning_rate: f64,
    loss: AdaBoostLoss,
}

impl<E> AdaBoostRegressor<E> {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_ESTIMATORS, LEARNING_RATE];

    /// Up to 50 models of `estimator`.
    pub fn new(estimator: E) -> Self {
        AdaBoostRegressor { estimator, n_estimators: 50, learning_rate: 1.0, loss: AdaBoostLoss::Linear }
    }

    /// Sets the most models.
    #[must_use]
    pub fn n_estimators(mut self, n_estimators: usize) -> Self {
        self.n_estimators = n_estimators;
        self
    }

    /// Sets how much each model counts.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Sets how the error grows with the distance from the target.
    #[must_use]
    pub fn loss(mut self, loss: AdaBoostLoss) -> Self {
        self.loss = loss;
        self
    }
}

/// The models of an [`AdaBoostRegressor`] and what each of them counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts<M>", bound(deserialize = "M: Deserialize<'de>"))]
pub struct AdaBoostRegressorModel<M> {
    members: Vec<M>,
    votes: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts<M> {
    members: Vec<M>,
    votes: Vec<f64>,
}

impl<M> TryFrom<Parts<M>> for AdaBoostRegressorModel<M> {
    type Error = Error;

    fn try_from(Parts { members, votes }: Parts<M>) -> Result<Self> {
        let sound = !members.is_empty() && votes.len() == members.len();
        if !sound || !votes.iter().all(|vote| *vote > 0.0 && vote.is_finite()) {
            return Err(Error::corrupt("the members of the boosted regressor do not hold together"));
        }
        Ok(AdaBoostRegressorModel { members, votes })
    }
}

impl<M> AdaBoostRegressorModel<M> {
    /// The models, in the order in which they were learned.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// What each model counts.
    pub fn votes(&self) -> &[f64] {
        &self.votes
    }
}

impl<E> Estimator for AdaBoostRegressor<E>
where
    E: Estimator<Target = Values>,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    type Input = E::Input;
    type Target = Values;
    type Model = AdaBoostRegressorModel<E::Model>;

    fn fit_on(&self, train: &Train<'_, E::Input, Values>) -> Result<Self::Model> {
        N_ESTIMATORS.check_count(self.n_estimators)?;
        LEARNING_RATE.check(self.learning_rate)?;
        needs_weights(&self.estimator)?;
        let n_rows = train.x.n_rows();
        let mut weights =
            tame(train.weights).map_or_else(|| vec![1.0; n_rows], |weights| weights.into_owned());
        normalise(&mut weights);
        let (mut members, mut votes) = (Vec::new(), Vec::new());
        for round in 0..self.n_estimators {
            train.ctx.step(round, self.n_estimators)?;
            let name = format!("round {round}");
            let mut own = train.with_targets(train.y, None);
            own.weights = Some(&weights);
            own.groups = None;
            own.ctx = train.ctx.child(&name);
            let model = self.estimator.fit_on(&own).context(name)?;
            let said = model.predict(train.x)?;
            let half = |(a, b): (&f64, &f64)| (a / 2.0 - b / 2.0).abs();
            let mut losses: Vec<f64> = said.as_slice().iter().zip(train.y.as_slice()).map(half).collect();
            let counted = losses.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
            let largest = counted.map(|(loss, _)| *loss).fold(0.0, f64::max);
            if largest == 0.0 {
                members.push(model);
                votes.push(1.0);
                break;
            }
            for loss in &mut losses {
                *loss /= largest;
                *loss = match self.loss {
                    AdaBoostLoss::Linear => *loss,
                    AdaBoostLoss::Square => *loss * *loss,
                    AdaBoostLoss::Exponential => 1.0 - (-*loss).exp(),
                };
            }
            let error: f64 = weights.iter().zip(&losses).map(|(weight, loss)| weight * loss).sum();
            // As bad as any answer between the ends: no better can follow.
            if !(error < 0.5) {
                if members.is_empty() {
                    members.push(model);
                    votes.push(1.0);
                }
                break;
            }
            let odds = error / (1.0 - error);
            members.push(model);
            votes.push((self.learning_rate * -odds.ln()).max(f64::MIN_POSITIVE));
            for (weight, loss) in weights.iter_mut().zip(&losses) {
                *weight *= odds.powf((1.0 - loss).max(0.0) * self.learning_rate);
            }
            normalise(&mut weights);
        }
        Ok(AdaBoostRegressorModel { members, votes })
    }

    fn capabilities(&self) -> Capabilities {
        let mut accepts = self.estimator.capabilities();
        (accepts.groups, accepts.validation) = (false, false);
        accepts
    }

    fn steps(&self) -> Vec<String> {
        around("AdaBoostRegressor", &self.estimator)
    }
}

impl<M: Predictor<Output = Values>> Predictor for AdaBoostRegressorModel<M> {
    type Input = M::Input;
    type Output = Values;

    fn predict(&self, x: &M::Input) -> Result<Values> {
        let said: Vec<Values> = self.members.iter().map(|member| member.predict(x)).collect::<Result<_>>()?;
        let total: f64 = self.votes.iter().sum();
        let mut order: Vec<usize> = (0..said.len()).collect();
        let median = |row: usize| {
            order.sort_by(|&a, &b| {
                said[a].as_slice()[row].total_cmp(&said[b].as_slice()[row]).then(a.cmp(&b))
            });
            let mut reached = 0.0;
            for &member in &order {
                reached += self.votes[member];
                if reached >= 0.5 * total {
                    return said[member].as_slice()[row];
                }
            }
            said[order[order.len() - 1]].as_slice()[row]
        };
        Ok((0..x.n_rows()).map(median).collect())
    }
}
