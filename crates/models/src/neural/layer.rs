//! What a network is built from.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

const UNITS: Param = Param::integer("units", "how many numbers the layer gives").at_least(1.0).at_most(1e6);
const RATE: Param =
    Param::real("rate", "the share of numbers that are dropped").at_least(0.0).at_most(1.0 - f64::EPSILON);

/// What a number goes through at the end of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Itself.
    Identity,
    /// Itself above 0, and 0 below.
    #[default]
    Relu,
    /// Itself above 0, and a hundredth of it below.
    LeakyRelu,
    /// Itself above 0, and `exp(x) - 1` below.
    Elu,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Logistic,
}

/// One layer of a network.
///
/// ```
/// use perennial_models::neural::{Activation, Layer};
///
/// let architecture = [
///     Layer::dense(64),
///     Layer::LayerNorm,
///     Layer::residual([Layer::dense(64).activation(Activation::Tanh), Layer::dropout(0.1)]),
/// ];
/// # let _ = architecture;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Sums of all inputs, each with weights of its own.
    Dense {
        /// How many numbers it gives.
        units: usize,
        /// What they go through.
        activation: Activation,
    },
    /// In training, a share of the numbers is set to 0 and the others are made larger (Srivastava et al., 2014).
    Dropout {
        /// The share.
        rate: f64,
    },
    /// Each number less its mean over the batch, over its deviation; then a scale and a shift that are learned (Ioffe and
    /// Szegedy, 2015). In prediction the means are those that ran along in training.
    BatchNorm,
    /// The numbers of a row less their mean, over their deviation; then a scale and a shift that are learned (Ba, Kiros and
    /// Hinton, 2016).
    LayerNorm,
    /// The input is added to what the layers inside give, which must be as wide (He et al., 2016).
    Residual(Vec<Layer>),
}

impl Layer {
    /// A dense layer with [`Activation::Relu`].
    pub fn dense(units: usize) -> Self {
        Layer::Dense { units, activation: Activation::Relu }
    }

    /// Drops a share of the numbers in training.
    pub fn dropout(rate: f64) -> Self {
        Layer::Dropout { rate }
    }

    /// Adds the input to what `layers` give.
    pub fn residual(layers: impl Into<Vec<Layer>>) -> Self {
        Layer::Residual(layers.into())
    }

    /// A dense layer with another activation; other layers stay as they are.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        match self {
            Layer::Dense { units, .. } => Layer::Dense { units, activation },
            other => other,
        }
    }

    /// Refuses settings out of range and networks too deep to walk through.
    pub(super) fn check(layers: &[Layer], depth: usize) -> Result<()> {
        if depth > 16 || layers.len() > 1000 {
            return Err(Error::too_large(
                "the network has more than 1000 layers in a row or 16 residuals in each other",
            ));
        }
        for layer in layers {
            match layer {
                Layer::Dense { units, .. } => UNITS.check_count(*units)?,
                Layer::Dropout { rate } => RATE.check(*rate)?,
                Layer::BatchNorm | Layer::LayerNorm => {}
                Layer::Residual(inner) => Layer::check(inner, depth + 1)?,
            }
        }
        Ok(())
    }
}
