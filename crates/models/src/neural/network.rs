//! A network with its shapes: forward, and backward.

use perennial_core::{Error, Result};
use perennial_numeric::linalg::{Side, multiply_f32};
use perennial_numeric::random::Random;
use perennial_numeric::simd;

use super::activation::{activate, slope};
use super::layer::{Activation, Layer};
use super::norms;

/// How far running means move towards those of a batch.
const MOMENTUM: f32 = 0.1;
/// The most numbers that a network may learn: 1 GiB.
const MOST_PARAMETERS: usize = 1 << 28;

/// The most numbers that layers may keep of the rows that go through them at a time: 4 GiB.
pub(super) const MOST_KEPT: usize = 1 << 30;

/// A layer whose place among the parameters is known.
#[derive(Clone, Debug, PartialEq)]
enum Op {
    Dense { n_in: usize, n_out: usize, weights: usize, activation: Activation },
    Dropout { rate: f32 },
    BatchNorm { width: usize, gain: usize, running: usize },
    LayerNorm { width: usize, gain: usize },
    Residual { inner: Vec<Op> },
}

/// A network with its shapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    ops: Vec<Op>,
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    pub(super) n_parameters: usize,
    pub(super) n_running: usize,
    pub(super) has_batch_norm: bool,
}

/// What one layer gave, and what going back needs of it.
#[derive(Debug, Default)]
pub(super) struct Trace {
    out: Vec<f32>,
    extra: Vec<f32>,
    inner: Vec<Trace>,
}

struct Builder {
    n_parameters: usize,
    n_running: usize,
}

impl Builder {
    fn take(&mut self, n: Option<usize>) -> Result<usize> {
        let start = self.n_parameters;
        let end = n.and_then(|n| start.checked_add(n)).filter(|end| *end <= MOST_PARAMETERS);
        self.n_parameters = end.ok_or_else(|| {
            Error::too_large(format!(
                "the network would learn more than {MOST_PARAMETERS} numbers; make its layers smaller"
            ))
        })?;
        Ok(start)
    }

    fn layers(&mut self, layers: &[Layer], width: &mut usize) -> Result<Vec<Op>> {
        layers.iter().map(|layer| self.layer(layer, width)).collect()
    }

    fn layer(&mut self, layer: &Layer, width: &mut usize) -> Result<Op> {
        Ok(match layer {
            Layer::Dense { units, activation } => {
                let n_in = std::mem::replace(width, *units);
                let n = n_in.checked_mul(*units).and_then(|n| n.checked_add(*units));
                Op::Dense { n_in, n_out: *units, weights: self.take(n)?, activation: *activation }
            }
            Layer::Dropout { rate } => Op::Dropout { rate: *rate as f32 },
            Layer::BatchNorm => {
                let running = self.n_running;
                self.n_running += 2 * *width;
                Op::BatchNorm { width: *width, gain: self.take(Some(2 * *width))?, running }
            }
            Layer::LayerNorm => Op::LayerNorm { width: *width, gain: self.take(Some(2 * *width))? },
            Layer::Residual(layers) => {
                let outside = *width;
                let inner = self.layers(layers, width)?;
                if *width != outside {
                    let expected = format!("{outside}, as many numbers as the residual around it takes");
                    return Err(Error::invalid_param("units", *width, expected));
                }
                Op::Residual { inner }
            }
        })
    }
}

impl Network {
    /// The layers, and a dense one at their end that gives `n_out` numbers.
    pub(super) fn build(layers: &[Layer], n_in: usize, n_out: usize) -> Result<Network> {
        Layer::check(layers, 0)?;
        let mut builder = Builder { n_parameters: 0, n_running: 0 };
        let mut width = n_in;
        let mut ops = builder.layers(layers, &mut width)?;
        let last = Layer::dense(n_out).activation(Activation::Identity);
        ops.push(builder.layer(&last, &mut width)?);
        let Builder { n_parameters, n_running } = builder;
        Ok(Network { ops, n_in, n_out, n_parameters, n_running, has_batch_norm: n_running > 0 })
    }

    /// The numbers that the layers keep of a row.
    pub(super) fn n_kept(&self) -> usize {
        kept(&self.ops, self.n_in)
    }

    /// Refuses so many rows at a time where what the layers keep of them would be beyond reason, as with normalisation of large
    /// batches. So many as `least` are taken whatever the batches are.
    pub(super) fn check_memory(&self, n_rows: usize, least: usize) -> Result<()> {
        let (kept, n_rows) = (self.n_kept(), n_rows.max(least));
        if kept.checked_mul(n_rows).is_some_and(|numbers| numbers <= MOST_KEPT) {
            return Ok(());
        }
        let most = MOST_KEPT / kept.max(1);
        let remedy = if most >= least { format!("lower `batch_size` to {most} or ") } else { String::new() };
        Err(Error::too_large(format!(
            "the layers would keep {kept} numbers of each of {n_rows} rows at a time, more than {MOST_KEPT} in all; \
             {remedy}make the layers smaller"
        )))
    }

    /// Weights at random (Glorot and Bengio, 2010), those of the last layer 0 where `flat`.
    pub(super) fn start(&self, random: &mut Random, flat: bool) -> (Vec<f32>, Vec<f32>) {
        let (mut parameters, mut running) = (vec![0.0; self.n_parameters], vec![0.0; self.n_running]);
        start(&self.ops, random, &mut parameters, &mut running);
        if let (true, Some(Op::Dense { n_in, n_out, weights, .. })) = (flat, self.ops.last()) {
            parameters[*weights..weights + (n_in + 1) * n_out].fill(0.0);
        }
        (parameters, running)
    }

    /// Which parameters are weights, and so are penalised; gains, shifts and constants are not.
    pub(super) fn weights(&self) -> Vec<std::ops::Range<usize>> {
        let mut found = Vec::new();
        weights(&self.ops, &mut found);
        found
    }

    /// What the network gives for `n` rows; with `random`, as in training.
    pub(super) fn forward<'t>(
        &self,
        x: &[f32],
        n: usize,
        parameters: &[f32],
        running: &[f32],
        mut random: Option<&mut Random>,
        traces: &'t mut Vec<Trace>,
    ) -> &'t [f32] {
        forward(&self.ops, x, n, parameters, running, &mut random, traces);
        traces.last().map_or(&[], |trace| &trace.out)
    }

    #[allow(clippy::too_many_arguments, reason = "one pass back through all that the pass forward left")]
    /// Adds to `gradient` what the loss changes by for each parameter, and gives what it changes by for each input.
    pub(super) fn backward(
        &self,
        x: &[f32],
        n: usize,
        parameters: &[f32],
        traces: &mut [Trace],
        change: Vec<f32>,
        gradient: &mut [f32],
        wants_input: bool,
    ) -> Vec<f32> {
        backward(&self.ops, x, n, parameters, traces, change, gradient, wants_input)
    }

    /// Moves running means and variances towards those of the batch that the traces are of.
    pub(super) fn follow(&self, traces: &[Trace], running: &mut [f32]) {
        follow(&self.ops, traces, running);
    }
}

/// The numbers that layers keep of a row, `width` numbers of which come in.
fn kept(ops: &[Op], mut width: usize) -> usize {
    let mut sum = 0_usize;
    for op in ops {
        sum = sum.saturating_add(match op {
            Op::Dense { n_out, .. } => {
                width = *n_out;
                width
            }
            Op::Dropout { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. } => width.saturating_mul(2),
            Op::Residual { inner } => kept(inner, width).saturating_add(width),
        });
    }
    sum
}

fn start(ops: &[Op], random: &mut Random, parameters: &mut [f32], running: &mut [f32]) {
    for op in ops {
        match op {
            Op::Dense { n_in, n_out, weights, activation } => {
                let factor = if *activation == Activation::Logistic { 2.0 } else { 6.0 };
                let bound = (factor / (n_in + n_out) as f64).sqrt();
                let drawn = &mut parameters[*weights..weights + n_in * n_out];
                drawn.iter_mut().for_each(|weight| *weight = random.uniform_in(-bound, bound) as f32);
            }
            Op::BatchNorm { width, gain, running: at } => {
                parameters[*gain..gain + width].fill(1.0);
                running[at + width..at + 2 * width].fill(1.0);
            }
            Op::LayerNorm { width, gain } => parameters[*gain..gain + width].fill(1.0),
            Op::Residual { inner } => start(inner, random, parameters, running),
            Op::Dropout { .. } => {}
        }
    }
}

fn weights(ops: &[Op], found: &mut Vec<std::ops::Range<usize>>) {
    for op in ops {
        match op {
            Op::Dense { n_in, n_out, weights, .. } => found.push(*weights..weights + n_in * n_out),
            Op::Residual { inner } => weights(inner, found),
            _ => {}
        }
    }
}

fn follow(ops: &[Op], traces: &[Trace], running: &mut [f32]) {
    for (op, trace) in ops.iter().zip(traces) {
        match op {
            Op::BatchNorm { width, running: at, .. } => {
                // The trace keeps the mean and the variance of the batch at its end.
                let seen = &trace.extra[trace.extra.len() - 2 * width..];
                let old = &mut running[*at..at + 2 * width];
                old.iter_mut().zip(seen).for_each(|(old, seen)| *old += MOMENTUM * (seen - *old));
            }
            Op::Residual { inner } => follow(inner, &trace.inner, running),
            _ => {}
        }
    }
}

fn forward(
    ops: &[Op],
    x: &[f32],
    n: usize,
    parameters: &[f32],
    running: &[f32],
    random: &mut Option<&mut Random>,
    traces: &mut Vec<Trace>,
) {
    traces.resize_with(ops.len(), Trace::default);
    for (place, op) in ops.iter().enumerate() {
        let (before, rest) = traces.split_at_mut(place);
        let x = before.last().map_or(x, |trace| &trace.out);
        let Trace { out, extra, inner: within } = &mut rest[0];
        match op {
            Op::Dense { n_in, n_out, weights, activation } => {
                let (matrix, bias) =
                    parameters[*weights..weights + (n_in + 1) * n_out].split_at(n_in * n_out);
                out.resize(n * n_out, 0.0);
                multiply_f32(out, (n, *n_out), *n_in, (x, Side::Plain), (matrix, Side::Plain), false);
                simd::widest(|| activate(out, bias, *activation));
            }
            Op::Dropout { rate } => {
                out.clear();
                out.extend_from_slice(x);
                extra.clear();
                if let (Some(random), true) = (random.as_deref_mut(), *rate > 0.0) {
                    let kept = 1.0 / (1.0 - rate);
                    extra
                        .extend(x.iter().map(|_| if (random.uniform() as f32) < *rate { 0.0 } else { kept }));
                    out.iter_mut().zip(extra.iter()).for_each(|(out, mask)| *out *= mask);
                }
            }
            Op::BatchNorm { width, gain, running: at } => {
                let (mean, variance) = match random {
                    // One row is its own mean, and nothing would be left of it.
                    Some(_) if n > 1 => norms::moments(x, n, *width),
                    _ => (running[*at..at + width].to_vec(), running[at + width..at + 2 * width].to_vec()),
                };
                norms::batch(x, &mean, &variance, &parameters[*gain..gain + 2 * width], out, extra);
            }
            Op::LayerNorm { width, gain } => {
                norms::layer(x, *width, &parameters[*gain..gain + 2 * width], out, extra);
            }
            Op::Residual { inner } => {
                forward(inner, x, n, parameters, running, random, within);
                out.clear();
                out.extend_from_slice(x);
                if let Some(last) = within.last() {
                    out.iter_mut().zip(&last.out).for_each(|(out, inside)| *out += inside);
                }
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "one pass back through all that the pass forward left")]
fn backward(
    ops: &[Op],
    x: &[f32],
    n: usize,
    parameters: &[f32],
    traces: &mut [Trace],
    mut change: Vec<f32>,
    gradient: &mut [f32],
    wants_input: bool,
) -> Vec<f32> {
    for (place, op) in ops.iter().enumerate().rev() {
        let (before, rest) = traces.split_at_mut(place);
        let x = before.last().map_or(x, |trace| &trace.out);
        let Trace { out, extra, inner: within } = &mut rest[0];
        match op {
            Op::Dense { n_in, n_out, weights, activation } => {
                simd::widest(|| slope(&mut change, out, *activation));
                let (by_weights, by_bias) =
                    gradient[*weights..weights + (n_in + 1) * n_out].split_at_mut(n_in * n_out);
                multiply_f32(
                    by_weights,
                    (*n_in, *n_out),
                    n,
                    (x, Side::Transposed),
                    (&change, Side::Plain),
                    true,
                );
                for row in change.chunks_exact(*n_out) {
                    by_bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                if place == 0 && !wants_input {
                    return Vec::new();
                }
                let matrix = &parameters[*weights..weights + n_in * n_out];
                let mut back = vec![0.0; n * n_in];
                multiply_f32(
                    &mut back,
                    (n, *n_in),
                    *n_out,
                    (&change, Side::Plain),
                    (matrix, Side::Transposed),
                    false,
                );
                change = back;
            }
            Op::Dropout { .. } => {
                // Without a mask nothing was dropped.
                change.iter_mut().zip(extra.iter()).for_each(|(change, mask)| *change *= mask);
            }
            Op::BatchNorm { width, gain, .. } => {
                norms::batch_back(&mut change, extra, parameters, gradient, *width, *gain)
            }
            Op::LayerNorm { width, gain } => {
                norms::layer_back(&mut change, extra, parameters, gradient, *width, *gain)
            }
            Op::Residual { inner } => {
                let inside = backward(inner, x, n, parameters, within, change.clone(), gradient, true);
                change.iter_mut().zip(inside).for_each(|(change, inside)| *change += inside);
            }
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half the sum of squares of what the network gives.
    fn loss(network: &Network, x: &[f32], n: usize, parameters: &[f32], running: &[f32]) -> f64 {
        let mut traces = Vec::new();
        let mut random = Random::new(5);
        let out = network.forward(x, n, parameters, running, Some(&mut random), &mut traces);
        out.iter().map(|value| 0.5 * f64::from(*value).powi(2)).sum()
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let smooth = |units| Layer::dense(units).activation(Activation::Tanh);
        let architectures = [
            vec![smooth(4), Layer::dense(3).activation(Activation::Elu)],
            vec![smooth(5), Layer::BatchNorm, Layer::dense(4).activation(Activation::Logistic)],
            vec![smooth(4), Layer::LayerNorm, Layer::residual([smooth(3), smooth(4)]), Layer::dropout(0.3)],
            vec![
                Layer::residual([Layer::LayerNorm, smooth(3)]),
                Layer::dense(6).activation(Activation::LeakyRelu),
            ],
        ];
        for layers in architectures {
            let network = Network::build(&layers, 3, 2).unwrap();
            let (parameters, running) = network.start(&mut Random::new(3), false);
            let mut random = Random::new(9);
            let x: Vec<f32> = (0..21).map(|_| random.normal() as f32).collect();
            let (mut traces, mut gradient) = (Vec::new(), vec![0.0; network.n_parameters]);
            let mut same = Random::new(5);
            let out = network.forward(&x, 7, &parameters, &running, Some(&mut same), &mut traces).to_vec();
            let by_input = network.backward(&x, 7, &parameters, &mut traces, out, &mut gradient, true);
            let at = |parameters: &[f32], x: &[f32]| loss(&network, x, 7, parameters, &running);
            let step = 1e-2;
            let close = |found: f32, low: f64, high: f64, what: &str| {
                let slope = (high - low) / (2.0 * f64::from(step));
                let gap = (f64::from(found) - slope).abs();
                assert!(gap < 2e-2 * (1.0 + slope.abs()), "{layers:?} {what}: {found} instead of {slope}");
            };
            for place in 0..parameters.len() {
                let moved = |by: f32| {
                    let mut parameters = parameters.clone();
                    parameters[place] += by;
                    at(&parameters, &x)
                };
                close(gradient[place], moved(-step), moved(step), "parameter");
            }
            for place in 0..x.len() {
                let moved = |by: f32| {
                    let mut x = x.clone();
                    x[place] += by;
                    at(&parameters, &x)
                };
                close(by_input[place], moved(-step), moved(step), "input");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let error = Network::build(&[Layer::residual([Layer::dense(4)])], 3, 2).unwrap_err();
        assert!(error.to_string().contains("`units` is 4; expected 3"), "{error}");
        assert!(Network::build(&[Layer::dense(0)], 3, 2).is_err());
        assert!(Network::build(&[Layer::dropout(1.0)], 3, 2).is_err());
        let error = Network::build(&[Layer::dense(1_000_000), Layer::dense(1_000_000)], 3, 2).unwrap_err();
        assert!(error.to_string().contains("smaller"), "{error}");
    }

    #[test]
    fn smaller_batches_are_advised_where_they_help() {
        let normalised = Network::build(&[Layer::dense(500_000), Layer::BatchNorm], 1, 1).unwrap();
        assert!(normalised.check_memory(715, 64).is_ok());
        let error = normalised.check_memory(716, 64).unwrap_err().to_string();
        assert!(error.contains("lower `batch_size` to 715"), "{error}");
        let mut layers = vec![Layer::dense(1_000_000)];
        layers.extend(vec![Layer::dropout(0.1); 9]);
        let error = Network::build(&layers, 1, 1).unwrap().check_memory(8, 64).unwrap_err().to_string();
        assert!(error.contains("64 rows") && !error.contains("batch_size"), "{error}");
    }
}
