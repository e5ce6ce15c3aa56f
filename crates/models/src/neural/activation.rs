//! What numbers go through at the end of a dense layer, and back.

use super::layer::Activation;

/// Adds the constants of the columns and applies the activation.
#[inline(always)]
pub(super) fn activate(out: &mut [f32], bias: &[f32], activation: Activation) {
    macro_rules! each {
        ($f:expr) => {
            for row in out.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(out, bias)| *out = $f(*out + bias));
            }
        };
    }
    match activation {
        Activation::Identity => each!(|z: f32| z),
        Activation::Relu => each!(|z: f32| z.max(0.0)),
        Activation::LeakyRelu => each!(|z: f32| if z > 0.0 { z } else { 0.01 * z }),
        Activation::Elu => each!(|z: f32| if z > 0.0 { z } else { z.exp_m1() }),
        Activation::Tanh => each!(|z: f32| z.tanh()),
        Activation::Logistic => each!(|z: f32| 1.0 / (1.0 + (-z).exp())),
    }
}

/// Multiplies by the slope of the activation, which what it gave tells.
#[inline(always)]
pub(super) fn slope(change: &mut [f32], out: &[f32], activation: Activation) {
    macro_rules! each {
        ($f:expr) => {
            change.iter_mut().zip(out).for_each(|(change, &out)| *change *= $f(out))
        };
    }
    match activation {
        Activation::Identity => {}
        Activation::Relu => each!(|y: f32| if y > 0.0 { 1.0 } else { 0.0 }),
        Activation::LeakyRelu => each!(|y: f32| if y > 0.0 { 1.0 } else { 0.01 }),
        Activation::Elu => each!(|y: f32| if y > 0.0 { 1.0 } else { y + 1.0 }),
        Activation::Tanh => each!(|y: f32| 1.0 - y * y),
        Activation::Logistic => each!(|y: f32| y * (1.0 - y)),
    }
}
