//! Whether probabilities mean what they say, and making them so.
//!
//! [`Reliability`] looks, [`Calibrated`] repairs: an estimator around a classifier whose probabilities are corrected
//! on rows that it has not learned from. [`calibrate`] corrects a model that is fitted already.

mod by_group;
mod calibrated;
mod calibrator;
mod dirichlet;
mod logistic;
mod reliability;
mod spline;
mod venn_abers;

pub use by_group::GroupCalibrator;
pub use calibrated::{Calibrated, CalibratedModel, calibrate};
pub use calibrator::{CalibrationMethod, Calibrator};
pub use reliability::{BinStrategy, BrierDecomposition, Reliability, ReliabilityBin, ReliabilityCurve};
pub(crate) use reliability::{BinnedGaps, weighted_share};
