//! How parameters follow gradients.

use perennial_core::{Param, Result};
use perennial_numeric::simd;
use serde::{Deserialize, Serialize};

const MOMENTUM: Param = Param::real("momentum", "how much of the last step is kept")
    .at_least(0.0)
    .at_most(1.0 - f64::EPSILON)
    .search(0.0, 0.99);
const BETA_1: Param =
    Param::real("beta_1", "how much of the mean gradient is kept").at_least(0.0).at_most(1.0 - f64::EPSILON);
const BETA_2: Param =
    Param::real("beta_2", "how much of the mean square is kept").at_least(0.0).at_most(1.0 - f64::EPSILON);
const EPSILON: Param =
    Param::real("epsilon", "what is added to the root of the mean square").at_least(1e-30).at_most(1e10);
const DECAY: Param =
    Param::real("weight_decay", "the share of the weights that each step takes away, over the learning rate")
        .at_least(0.0)
        .at_most(1e6)
        .search_log(1e-5, 1.0);
const POWER: Param = Param::real("power", "the power of the number of steps that divides the rate")
    .at_least(0.0)
    .at_most(10.0);
const WARMUP: Param =
    Param::real("warmup", "the share of the steps in which the rate rises").at_least(0.0).at_most(1.0);

/// How parameters follow gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Steps down the gradient.
    Sgd {
        /// How much of the last step is kept.
        momentum: f64,
        /// Whether the gradient is taken where the kept step leads (Nesterov, 1983).
        nesterov: bool,
    },
    /// Steps of the mean gradient over the root of its mean square (Kingma and Ba, 2015).
    Adam {
        /// How much of the mean gradient is kept.
        beta_1: f64,
        /// How much of the mean square is kept.
        beta_2: f64,
        /// What is added to the root of the mean square.
        epsilon: f64,
    },
    /// Adam, and each step takes away a share of the weights (Loshchilov and Hutter, 2019).
    AdamW {
        /// How much of the mean gradient is kept.
        beta_1: f64,
        /// How much of the mean square is kept.
        beta_2: f64,
        /// What is added to the root of the mean square.
        epsilon: f64,
        /// The share of the weights that a step takes away, over the learning rate.
        weight_decay: f64,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::adam()
    }
}

impl Optimizer {
    /// Adam with the constants of its authors.
    pub fn adam() -> Self {
        Optimizer::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }

    /// AdamW with the constants of Adam.
    pub fn adam_w(weight_decay: f64) -> Self {
        Optimizer::AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay }
    }

    /// Nesterov's steps with momentum.
    pub fn sgd(momentum: f64) -> Self {
        Optimizer::Sgd { momentum, nesterov: true }
    }

    pub(super) fn check(&self) -> Result<()> {
        match *self {
            Optimizer::Sgd { momentum, .. } => MOMENTUM.check(momentum),
            Optimizer::Adam { beta_1, beta_2, epsilon } => adam(beta_1, beta_2, epsilon),
            Optimizer::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                adam(beta_1, beta_2, epsilon)?;
                DECAY.check(weight_decay)
            }
        }
    }
}

fn adam(beta_1: f64, beta_2: f64, epsilon: f64) -> Result<()> {
    BETA_1.check(beta_1)?;
    BETA_2.check(beta_2)?;
    EPSILON.check(epsilon)
}

/// How the learning rate changes over the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It is divided by a power of the number of steps.
    InverseScaling {
        /// The power.
        power: f64,
    },
    /// It rises in the first share of the steps, then falls to 0 like half a cosine (Loshchilov and Hutter, 2017).
    Cosine {
        /// The share of the steps in which it rises.
        warmup: f64,
    },
}

impl Schedule {
    pub(super) fn check(&self) -> Result<()> {
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::InverseScaling { power } => POWER.check(power),
            Schedule::Cosine { warmup } => WARMUP.check(warmup),
        }
    }

    /// The same for rows that come later, of which nobody knows how many there will be: what ends with the steps stays.
    pub(super) fn further_factor(&self, step: u64) -> f64 {
        match self {
            Schedule::Cosine { .. } => 1.0,
            other => other.factor(step, 0),
        }
    }

    /// What the learning rate is multiplied by in a step, counted from 0.
    pub(super) fn factor(&self, step: u64, n_steps: u64) -> f64 {
        match *self {
            Schedule::Constant => 1.0,
            Schedule::InverseScaling { power } => 1.0 / ((step + 1) as f64).powf(power),
            Schedule::Cosine { warmup } => {
                let rising = warmup * n_steps as f64;
                let at = step as f64;
                if at < rising {
                    return (at + 1.0) / (rising + 1.0);
                }
                let done = (at - rising) / (n_steps as f64 - rising).max(1.0);
                0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
            }
        }
    }
}

/// The memory of an optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) optimizer: Optimizer,
    first: Vec<f32>,
    second: Vec<f32>,
    n_steps: i32,
}

impl State {
    pub(super) fn new(optimizer: Optimizer, n: usize) -> Self {
        let second = if matches!(optimizer, Optimizer::Sgd { .. }) { 0 } else { n };
        State { optimizer, first: vec![0.0; n], second: vec![0.0; second], n_steps: 0 }
    }

    /// Whether it could be the memory of so many parameters.
    pub(super) fn is_sound(&self, n: usize) -> bool {
        let fresh = State::new(self.optimizer, n);
        self.optimizer.check().is_ok()
            && self.n_steps >= 0
            && self.first.len() == n
            && self.second.len() == fresh.second.len()
            && self.first.iter().all(|number| number.is_finite())
            && self.second.iter().all(|number| number.is_finite() && *number >= 0.0)
    }

    /// How many steps were taken.
    pub(super) fn n_steps(&self) -> u64 {
        self.n_steps.unsigned_abs().into()
    }

    /// One step against the gradient. `weights` are the parameters that a decay takes from.
    pub(super) fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f64,
        weights: &[std::ops::Range<usize>],
    ) {
        self.n_steps = self.n_steps.saturating_add(1);
        match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => {
                let (momentum, rate, first) = (momentum as f32, rate as f32, &mut self.first);
                simd::widest(|| {
                    for ((parameter, gradient), last) in parameters.iter_mut().zip(gradient).zip(first) {
                        *last = momentum * *last - rate * gradient;
                        *parameter += if nesterov { momentum * *last - rate * gradient } else { *last };
                    }
                });
            }
            Optimizer::Adam { beta_1, beta_2, epsilon } => {
                self.adam(parameters, gradient, rate, beta_1, beta_2, epsilon)
            }
            Optimizer::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                let kept = (1.0 - rate * weight_decay).max(0.0) as f32;
                for range in weights {
                    parameters[range.clone()].iter_mut().for_each(|weight| *weight *= kept);
                }
                self.adam(parameters, gradient, rate, beta_1, beta_2, epsilon);
            }
        }
    }

    fn adam(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f64,
        beta_1: f64,
        beta_2: f64,
        epsilon: f64,
    ) {
        // Means that start at 0 are too small at first, by a factor that is known.
        let rate = rate * (1.0 - beta_2.powi(self.n_steps)).sqrt() / (1.0 - beta_1.powi(self.n_steps));
        let (rate, beta_1, beta_2, epsilon) = (rate as f32, beta_1 as f32, beta_2 as f32, epsilon as f32);
        let (first, second) = (&mut self.first, &mut self.second);
        simd::widest(|| {
            let memory = first.iter_mut().zip(second);
            for ((parameter, &gradient), (first, second)) in parameters.iter_mut().zip(gradient).zip(memory) {
                *first = beta_1 * *first + (1.0 - beta_1) * gradient;
                *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
                *parameter -= rate * *first / (second.sqrt() + epsilon);
            }
        });
    }
}
