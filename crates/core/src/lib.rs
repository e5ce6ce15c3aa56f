#![doc = include_str!("../README.md")]

mod atomic;
mod boxed;
mod capabilities;
mod checkpoint;
mod class_outputs;
mod clusters;
mod context;
mod contributions;
mod csr;
mod decided;
mod error;
mod estimator;
mod feature;
mod function;
mod inverse;
mod matrix;
pub mod memory;
mod outline;
mod output_schema;
mod param;
mod persist;
mod rows;
mod target;
mod then;
mod train;

pub use atomic::write_atomic;
pub use boxed::{BoxClassifier, BoxClassifierEstimator, BoxEstimator, BoxPredictor};
pub use capabilities::Capabilities;
pub use checkpoint::{Checkpoint, Checkpoints, Fingerprint};
pub use class_outputs::ClassOutputs;
pub use clusters::Clusters;
pub use context::{CancelToken, Context, Observer, Progress};
pub use contributions::{Contributions, Explainer};
pub use csr::Csr;
pub use decided::Decided;
pub use error::{Error, ErrorKind, Result, ResultExt};
pub use estimator::{
    Classifier, Clustered, Estimator, FitTransform, PartialFit, Predictor, TransformOutput, Transformer,
};
pub use feature::{Feature, FeatureKind, Features};
pub use function::{EstimatorFn, TransformerFn, estimator_fn, transformer_fn};
pub use inverse::InverseTransformer;
pub use matrix::Matrix;
pub use outline::Outline;
pub use output_schema::OutputSchema;
pub use param::Param;
pub use persist::{Persist, from_bytes, to_bytes};
pub use rows::{Rows, check_rows};
pub use target::{AsTarget, Classes, JoinTarget, NoTarget, Outputs, Probabilities, Values, check_numbers};
pub use then::{Frozen, Named, Then, ThenModel};
pub use train::{Train, check_weights};
