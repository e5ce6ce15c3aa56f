//! Learning the parameters of a network, in batches.

use perennial_core::{Context, Error, Features, Matrix, Result};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::data::Truth;
use super::history::{Epoch, largest_fall};
use super::inputs::{Inputs, Seen};
use super::layer::Layer;
use super::network::{MOST_KEPT, Network, Trace};
use super::optimizer::State;
use super::settings::{Settings, diverged};
use crate::rows::tame;

/// Rows that one task takes through the network; the bits of a fit depend on it.
const CHUNK: usize = 64;
/// The most gradients that are held at a time, and the most numbers in them, 1 GiB, where that is more than two; so it is with
/// what layers keep of their rows. They are added in the order of the chunks, so that no bit depends on how many there are.
const MOST_GRADIENTS: usize = 64;
const MOST_NUMBERS: usize = 1 << 28;

/// A network that has learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(super) struct Fitted {
    pub(super) features: Features,
    layers: Vec<Layer>,
    inputs: Inputs,
    n_out: usize,
    parameters: Vec<f32>,
    running: Vec<f32>,
    pub(super) history: Vec<Epoch>,
    pub(super) converged: bool,
    /// The largest fall of the loss in the last passes.
    pub(super) gap: f64,
    /// What the optimiser knows, where it went on with further rows.
    memory: Option<State>,
    /// The mean weight of the first rows, as it was given; further weights are in this unit.
    unit: f64,
    #[serde(skip_serializing)]
    network: Network,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    layers: Vec<Layer>,
    inputs: Inputs,
    n_out: usize,
    parameters: Vec<f32>,
    running: Vec<f32>,
    history: Vec<Epoch>,
    converged: bool,
    gap: f64,
    memory: Option<State>,
    unit: f64,
}

impl TryFrom<Parts> for Fitted {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts {
            features,
            layers,
            inputs,
            n_out,
            parameters,
            running,
            history,
            converged,
            gap,
            memory,
            unit,
        } = parts;
        inputs.check(&features)?;
        let network = Network::build(&layers, inputs.width(), n_out)
            .map_err(|_| Error::corrupt("the layers of the network do not fit each other"))?;
        let n_tables =
            inputs.n_parameters().map_err(|_| Error::corrupt("the tables of the network are too large"))?;
        let sound = n_out > 0
            && unit > 0.0
            && unit.is_finite()
            && gap.is_finite()
            && parameters.len() == network.n_parameters + n_tables
            && running.len() == network.n_running
            && memory.as_ref().is_none_or(|memory| memory.is_sound(parameters.len()))
            && parameters.iter().chain(&running).all(|number| number.is_finite());
        if !sound {
            return Err(Error::corrupt("the network does not have the numbers that its layers need"));
        }
        Ok(Fitted {
            features,
            layers,
            inputs,
            n_out,
            parameters,
            running,
            history,
            converged,
            gap,
            memory,
            unit,
            network,
        })
    }
}

/// What is learned from.
pub(super) struct Task<'a> {
    pub(super) settings: &'a Settings,
    pub(super) x: &'a Matrix,
    pub(super) truth: &'a Truth,
    pub(super) weights: Option<&'a [f64]>,
    /// What the weights were divided by before.
    pub(super) divided_by: f64,
    pub(super) validation: Option<(&'a Matrix, &'a Truth)>,
    pub(super) validation_weights: Option<&'a [f64]>,
    pub(super) n_out: usize,
    /// Whether the network starts by answering 0 everywhere.
    pub(super) flat: bool,
    pub(super) ctx: &'a Context,
}

/// The buffers of one chunk of a batch.
#[derive(Default)]
struct Workspace {
    x: Vec<f32>,
    traces: Vec<Trace>,
    gradient: Vec<f32>,
    loss: f64,
}

/// What passes over rows need beside the network.
struct Tools {
    /// Of mean 1 in the first rows.
    weights: Option<Vec<f32>>,
    batch: usize,
    chunk: usize,
    /// The parameters that the penalty looks at.
    penalised: Vec<std::ops::Range<usize>>,
    spaces: Vec<Workspace>,
}

impl Task<'_> {
    pub(super) fn learn(&self) -> Result<Fitted> {
        let settings = self.settings;
        settings.check()?;
        Layer::check(&settings.layers, 0)?;
        let random = Random::new(self.ctx.seed(settings.seed));
        let mut rows: Vec<usize> = (0..perennial_core::Rows::n_rows(self.x)).collect();
        rows.retain(|&row| self.weights.is_none_or(|weights| weights[row] > 0.0));
        // Rows of weight 0 are gone before anything is drawn, as if they were not there.
        let mut held = Vec::new();
        if settings.early_stopping && self.validation.is_none() {
            let n_held = (settings.validation_fraction * rows.len() as f64).ceil() as usize;
            if n_held >= rows.len() {
                return Err(Error::insufficient_data(format!(
                    "early stopping would set all {} rows aside; give more rows or a validation set",
                    rows.len()
                )));
            }
            let aside = random.stream("held").sample(rows.len(), n_held);
            held = aside.iter().map(|&place| rows[place]).collect();
            let mut places = aside.into_iter().peekable();
            let mut place = 0;
            rows.retain(|_| {
                let keep = places.next_if_eq(&place).is_none();
                place += 1;
                keep
            });
        }
        let inputs =
            Inputs::learn(self.x, &rows, self.weights, settings.standardize, settings.embedding_size)?;
        let network = Network::build(&settings.layers, inputs.width(), self.n_out)?;
        let n_tables = inputs.n_parameters()?;
        let (mut parameters, running) = network.start(&mut random.stream("start"), self.flat);
        parameters.resize(network.n_parameters + n_tables, 0.0);
        inputs.start(&mut random.stream("tables"), &mut parameters[network.n_parameters..]);
        let fitted = Fitted {
            features: self.x.features().clone(),
            layers: settings.layers.clone(),
            inputs,
            n_out: self.n_out,
            parameters,
            running,
            history: Vec::new(),
            converged: false,
            gap: 0.0,
            memory: None,
            unit: 1.0,
            network,
        };
        self.passes(fitted, rows, &held, &random)
    }

    fn passes(
        &self,
        mut fitted: Fitted,
        mut rows: Vec<usize>,
        held: &[usize],
        random: &Random,
    ) -> Result<Fitted> {
        let settings = self.settings;
        let seen = fitted.inputs.see_all(self.x)?;
        let watched = self
            .validation
            .map(|(x, truth)| Ok::<_, Error>((fitted.inputs.see_all(x)?, truth)))
            .transpose()?;
        let mean = self.mean_weight(&rows);
        fitted.unit = (mean * self.divided_by).clamp(f64::MIN_POSITIVE, f64::MAX);
        let mut tools = self.tools(&fitted, &rows, mean)?;
        let n_steps = (rows.len().div_ceil(tools.batch) as u64).saturating_mul(settings.max_iter as u64);
        let mut state = State::new(settings.optimizer, fitted.parameters.len());
        let watched_weights: Option<Vec<f32>> = tame(self.validation_weights).map(|weights| {
            let largest = largest(&weights);
            weights.iter().map(|weight| (weight / largest) as f32).collect()
        });
        let (mut best, mut best_loss, mut waited, mut step) = (None, f64::INFINITY, 0, 0);
        for epoch in 0..settings.max_iter {
            self.ctx.step(epoch, settings.max_iter)?;
            random.stream("order").fork(epoch as u64).shuffle(&mut rows);
            let factor = |step: u64| settings.schedule.factor(step, n_steps);
            let loss =
                self.pass(&mut fitted, &seen, &rows, &mut tools, &mut state, (&mut step, &factor), random)?;
            let loss = loss / rows.len() as f64;
            let validation_loss = match (&watched, held.is_empty()) {
                (Some((seen, truth)), _) => {
                    Some(fitted.mean_loss(seen, truth, watched_weights.as_deref(), None))
                }
                (None, false) => {
                    Some(fitted.mean_loss(&seen, self.truth, tools.weights.as_deref(), Some(held)))
                }
                (None, true) => None,
            };
            let came_to = Epoch { loss, validation_loss };
            let judged = came_to.judged();
            if !loss.is_finite() || !judged.is_finite() || !fitted.is_finite() {
                return Err(diverged(epoch));
            }
            fitted.history.push(came_to);
            if judged < best_loss - settings.tolerance {
                waited = 0;
            } else {
                waited += 1;
            }
            if judged < best_loss {
                best_loss = judged;
                if validation_loss.is_some() {
                    best = Some((fitted.parameters.clone(), fitted.running.clone()));
                }
            }
            if waited >= settings.n_iter_no_change {
                fitted.converged = true;
                break;
            }
        }
        let most = fitted.converged.then_some(settings.tolerance);
        fitted.gap = largest_fall(&fitted.history, settings.n_iter_no_change, most);
        if let Some((parameters, running)) = best {
            (fitted.parameters, fitted.running) = (parameters, running);
        }
        Ok(fitted)
    }

    fn mean_weight(&self, rows: &[usize]) -> f64 {
        let mean = |weights: &[f64]| rows.iter().map(|&row| weights[row]).sum::<f64>() / rows.len() as f64;
        self.weights.map_or(1.0, mean)
    }

    /// What passes over these rows need, with weights in the given unit: those of mean 1 leave the learning rate its meaning.
    fn tools(&self, fitted: &Fitted, rows: &[usize], unit: f64) -> Result<Tools> {
        let in_units = |weight: f64| (weight / unit) as f32;
        let weights: Option<Vec<f32>> = match self.weights {
            Some(weights) => Some(weights.iter().map(|weight| in_units(*weight)).collect()),
            None if unit != 1.0 => Some(vec![in_units(1.0); perennial_core::Rows::n_rows(self.x)]),
            None => None,
        };
        let batch = self.settings.batch_size(rows.len());
        let penalised = fitted.network.weights();
        let chunk = if fitted.network.has_batch_norm { batch } else { CHUNK.min(batch) };
        // Answers take whole chunks, however small a batch is.
        fitted.network.check_memory(chunk, CHUNK)?;
        let at_once = at_once(fitted.parameters.len(), fitted.network.n_kept().saturating_mul(chunk));
        let mut spaces: Vec<Workspace> = Vec::new();
        spaces.resize_with(batch.div_ceil(chunk).min(at_once), Workspace::default);
        Ok(Tools { weights, batch, chunk, penalised, spaces })
    }

    /// One pass over rows in their order; the sum of their losses, each before it was learned from.
    #[allow(clippy::too_many_arguments, reason = "what a pass looks at and changes")]
    fn pass(
        &self,
        fitted: &mut Fitted,
        seen: &Seen,
        rows: &[usize],
        tools: &mut Tools,
        state: &mut State,
        (step, factor): (&mut u64, &dyn Fn(u64) -> f64),
        random: &Random,
    ) -> Result<f64> {
        let settings = self.settings;
        let Tools { weights, batch, chunk, penalised, spaces } = tools;
        let mut loss = 0.0;
        for batch in rows.chunks(*batch) {
            self.ctx.check()?;
            let rate = settings.learning_rate * factor(*step);
            let dropped = random.stream("dropout").fork(*step);
            loss += self.one_batch(fitted, seen, batch, *chunk, weights.as_deref(), &dropped, spaces)?;
            if fitted.network.has_batch_norm && batch.len() > 1 {
                fitted.network.follow(&spaces[0].traces, &mut fitted.running);
            }
            let gradient = &mut spaces[0].gradient;
            let alpha = (settings.alpha / batch.len() as f64) as f32;
            for range in penalised.iter() {
                let parameters = &fitted.parameters[range.clone()];
                gradient[range.clone()]
                    .iter_mut()
                    .zip(parameters)
                    .for_each(|(sum, weight)| *sum += alpha * weight);
            }
            state.step(&mut fitted.parameters, gradient, rate, penalised);
            *step += 1;
        }
        Ok(loss)
    }

    /// One pass over further rows, whose features are those of the network. The optimiser remembers what it knew after the
    /// last rows that came later.
    pub(super) fn go_on(&self, mut fitted: Fitted) -> Result<Fitted> {
        let settings = self.settings;
        settings.check()?;
        if settings.layers != fitted.layers {
            return Err(Error::unsupported(
                "the network has other layers than these settings; go on with the settings that it was fitted with",
            ));
        }
        let mut rows: Vec<usize> = (0..perennial_core::Rows::n_rows(self.x)).collect();
        rows.retain(|&row| self.weights.is_none_or(|weights| weights[row] > 0.0));
        if rows.is_empty() {
            return Ok(fitted);
        }
        let passes = fitted.history.len();
        let random = Random::new(self.ctx.seed(settings.seed)).stream("further").fork(passes as u64);
        random.stream("order").shuffle(&mut rows);
        let seen = fitted.inputs.see_all(self.x)?;
        let mut tools = self.tools(&fitted, &rows, fitted.unit / self.divided_by)?;
        let n = fitted.parameters.len();
        let known = fitted.memory.take().filter(|state| state.optimizer == settings.optimizer);
        let mut state = known.unwrap_or_else(|| State::new(settings.optimizer, n));
        let mut step = state.n_steps();
        let factor = |step: u64| settings.schedule.further_factor(step);
        let loss =
            self.pass(&mut fitted, &seen, &rows, &mut tools, &mut state, (&mut step, &factor), &random)?;
        let loss = loss / rows.len() as f64;
        if !loss.is_finite() || !fitted.is_finite() {
            return Err(diverged(passes));
        }
        fitted.history.push(Epoch { loss, validation_loss: None });
        // Mean squares beyond f32 would hold their parameters for ever: what comes next begins without them.
        fitted.memory = Some(state).filter(|state| state.is_sound(n));
        Ok(fitted)
    }

    /// The sum of the losses of a batch; the gradient of its mean is left in the first workspace.
    #[allow(clippy::too_many_arguments, reason = "what one step looks at")]
    fn one_batch(
        &self,
        fitted: &Fitted,
        seen: &Seen,
        batch: &[usize],
        chunk: usize,
        weights: Option<&[f32]>,
        dropped: &Random,
        spaces: &mut [Workspace],
    ) -> Result<f64> {
        let n_chunks = batch.len().div_ceil(chunk);
        let Fitted { network, inputs, parameters, running, .. } = fitted;
        let (own, tables) = parameters.split_at(network.n_parameters);
        let share = 1.0 / batch.len() as f32;
        let learn = |place: usize, space: &mut Workspace| {
            let Workspace { x, traces, gradient, loss } = space;
            let rows = &batch[place * chunk..((place + 1) * chunk).min(batch.len())];
            inputs.gather(seen, rows, tables, x);
            let mut random = dropped.fork(place as u64);
            let mut out = network.forward(x, rows.len(), own, running, Some(&mut random), traces).to_vec();
            *loss = self.truth.loss(rows, weights, &mut out, network.n_out);
            out.iter_mut().for_each(|change| *change *= share);
            gradient.clear();
            gradient.resize(parameters.len(), 0.0);
            let (by_own, by_tables) = gradient.split_at_mut(network.n_parameters);
            let change = network.backward(x, rows.len(), own, traces, out, by_own, inputs.has_tables());
            if inputs.has_tables() {
                inputs.scatter(seen, rows, &change, by_tables);
            }
        };
        // The first chunks, of which the first one keeps the sum; then as many of the others at a time as there is room for.
        let (mut done, mut loss) = (0, 0.0);
        while done < n_chunks {
            self.ctx.check()?;
            let kept = usize::from(done > 0);
            let n = (spaces.len() - kept).min(n_chunks - done);
            let (sum, others) = spaces[..kept + n].split_at_mut(kept);
            reduce::fill_chunks(others, 1, |place, spaces| learn(done + place, &mut spaces[0]));
            let (sum, others) = match sum {
                [sum] => (sum, others),
                _ => {
                    let (first, others) = others.split_at_mut(1);
                    loss = first[0].loss;
                    (&mut first[0], others)
                }
            };
            for other in others {
                loss += other.loss;
                sum.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, part)| *sum += part);
            }
            done += n;
        }
        Ok(loss)
    }
}

/// How many chunks are on their way at a time, of which each needs a gradient and keeps `n_kept` numbers of its rows.
fn at_once(n_parameters: usize, n_kept: usize) -> usize {
    (MOST_NUMBERS / n_parameters.max(1)).min(MOST_KEPT / n_kept.max(1)).clamp(2, MOST_GRADIENTS)
}

fn largest(weights: &[f64]) -> f64 {
    weights.iter().copied().fold(0.0, f64::max)
}

impl Fitted {
    fn is_finite(&self) -> bool {
        self.parameters.iter().chain(&self.running).all(|number| number.is_finite())
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(super) fn n_out(&self) -> usize {
        self.n_out
    }

    pub(super) fn n_parameters(&self) -> usize {
        self.parameters.len()
    }

    /// What the network gives for each row, `n_rows` x `n_out`.
    pub(super) fn answer(&self, x: &Matrix) -> Result<Vec<f32>> {
        let seen = self.inputs.see_all(x)?;
        let rows: Vec<usize> = (0..seen.n_rows).collect();
        Ok(self.outputs(&seen, &rows))
    }

    fn outputs(&self, seen: &Seen, rows: &[usize]) -> Vec<f32> {
        let (own, tables) = self.parameters.split_at(self.network.n_parameters);
        let mut out = vec![0.0; rows.len() * self.n_out];
        // A task is a few chunks; each chunk has the same shape, so that a row has the same bits in any company.
        reduce::fill_rows(&mut out, self.n_out, 4 * CHUNK, |first, out| {
            let (mut x, mut traces) = (Vec::new(), Vec::new());
            for (place, out) in out.chunks_mut(CHUNK * self.n_out).enumerate() {
                let n = out.len() / self.n_out;
                let start = first + place * CHUNK;
                self.inputs.gather(seen, &rows[start..start + n], tables, &mut x);
                x.resize(CHUNK * self.network.n_in, 0.0);
                let given = self.network.forward(&x, CHUNK, own, &self.running, None, &mut traces);
                out.copy_from_slice(&given[..out.len()]);
            }
        });
        out
    }

    fn mean_loss(&self, seen: &Seen, truth: &Truth, weights: Option<&[f32]>, rows: Option<&[usize]>) -> f64 {
        let all: Vec<usize> = rows.map_or_else(|| (0..seen.n_rows).collect(), <[usize]>::to_vec);
        let mut out = self.outputs(seen, &all);
        let total =
            weights.map_or(all.len() as f64, |weights| all.iter().map(|&row| f64::from(weights[row])).sum());
        truth.loss(&all, weights, &mut out, self.n_out) / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_share_the_memory() {
        assert_eq!(at_once(1000, 64 * 100), MOST_GRADIENTS);
        assert_eq!(at_once(MOST_NUMBERS / 5, 64 * 100), 5);
        assert_eq!(at_once(1000, MOST_KEPT / 3), 3);
        assert_eq!(at_once(MOST_NUMBERS, MOST_KEPT), 2);
    }
}
