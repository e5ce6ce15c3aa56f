use perennial_core::{Context, Estimator, Predictor, Result, Train, Values};
use serde::{Deserialize, Serialize};

use super::Score;
use crate::Metric;
use crate::metric::R2;

/// A simple model in the place of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surrogate<M> {
    /// The simple model.
    pub model: M,
    /// The share of the variance of the score that the simple model explains on the rows that it did not learn from: where it
    /// is low, what the simple model says is not what the other one does.
    pub fidelity: f64,
}

/// Fits a simple estimator, such as a small tree, to what a model says: `x` to learn from, `held_out` to measure how far
/// it can be trusted.
///
/// # Errors
/// When the model or the estimator refuses the rows, there are fewer than two rows held out, or the work was cancelled.
pub fn surrogate<E>(
    score: &Score<'_, E::Input>,
    estimator: &E,
    x: &E::Input,
    held_out: &E::Input,
    ctx: &Context,
) -> Result<Surrogate<E::Model>>
where
    E: Estimator<Target = Values>,
    E::Input: Sized,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    ctx.check()?;
    let said: Values = score.of(x)?.into();
    let model = Train::new(x, &said).context(ctx.child("surrogate")).fit(estimator)?;
    ctx.check()?;
    let fidelity = R2.score(&score.of(held_out)?.into(), &model.predict(held_out)?)?;
    Ok(Surrogate { model, fidelity })
}
