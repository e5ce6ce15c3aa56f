//! Topics as they are saved, which are looked at before they are believed.

use ndarray::Array2;
use perennial_core::{Error, Features, Result};
use serde::Deserialize;

use super::{LatentDirichletModel, MAX_DOCUMENT_ITER, MEAN_CHANGE};

#[derive(Deserialize)]
pub(super) struct Parts {
    features: Features,
    topics: Array2<f64>,
    document_topic_prior: f64,
    topic_word_prior: f64,
    max_document_iter: usize,
    mean_change_tolerance: f64,
    n_batches: usize,
    n_iterations: usize,
    converged: bool,
    last_change: Option<f64>,
}

impl TryFrom<Parts> for LatentDirichletModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        let sizes = parts.topics.nrows() > 0 && parts.topics.ncols() == parts.features.len();
        let priors = [parts.document_topic_prior, parts.topic_word_prior].iter().all(positive);
        let settings = MEAN_CHANGE.check(parts.mean_change_tolerance).is_ok()
            && MAX_DOCUMENT_ITER.check_count(parts.max_document_iter).is_ok();
        if !sizes || !priors || !settings || parts.topics.is_empty() || !parts.topics.iter().all(positive) {
            return Err(Error::corrupt("topics with sizes or numbers that cannot be"));
        }
        Ok(LatentDirichletModel {
            features: parts.features,
            topics: parts.topics,
            document_topic_prior: parts.document_topic_prior,
            topic_word_prior: parts.topic_word_prior,
            max_document_iter: parts.max_document_iter,
            mean_change_tolerance: parts.mean_change_tolerance,
            n_batches: parts.n_batches,
            n_iterations: parts.n_iterations,
            converged: parts.converged,
            last_change: parts.last_change,
        })
    }
}
